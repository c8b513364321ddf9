//! `config`: the settings file.

use std::path::Path;

use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use crate::{
    cli::{Exit, Flags, Out, Setup, setup::placed},
    config::{self, ConfigErrors, KEYS, Origin, Paths, SYSTEM_CONFIG},
    domain::Side,
};

/// Arguments of `config`.
#[derive(Clone, Debug, clap::Args)]
#[command(arg_required_else_help = false)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum What {
    /// Show what holds, and who chose it, as a settings file.
    Show,
    /// Check the settings file: end with 2 and a line for each fault.
    Check,
}

pub(super) fn run(args: &Args, flags: &Flags, themes: &[&str], json: bool, out: &mut Out) -> anyhow::Result<Exit> {
    match args.what {
        What::Show => {
            let setup = Setup::new(flags, themes)?;
            if json {
                out.json(&values(&setup))?;
            } else {
                out.lines(&config::show(&setup.options, &setup.file))?;
            }
            Ok(Exit::Done)
        }
        What::Check => {
            let paths = placed(Paths::of_user(), flags)?;
            let mut files = vec![checked(flags.config.as_deref(), &paths, themes)];
            // What the system's service reads may not be what its user reads.
            let system = Path::new(SYSTEM_CONFIG);
            if flags.config.is_none() && paths.config != system && system.exists() {
                files.push(checked(Some(system), &paths, themes));
            }
            if files.iter().all(|file| file.faults.is_empty()) {
                // What the flags say is checked too.
                Setup::new(flags, themes)?;
            }
            told(&files, json, out)
        }
    }
}

/// One settings file with the rules beside it.
#[derive(Serialize)]
struct Checked {
    path: String,
    found: bool,
    ok: bool,
    faults: Vec<String>,
}

fn checked(file: Option<&Path>, paths: &Paths, themes: &[&str]) -> Checked {
    let path = file.unwrap_or(&paths.config);
    let rules = match path.parent() {
        Some(folder) if path == Path::new(SYSTEM_CONFIG) => folder.join("rules"),
        _ => paths.rules.clone(),
    };
    let (found, mut faults) = match config::load(file, paths, themes) {
        Ok((_, read)) => (read.found, Vec::new()),
        Err(ConfigErrors::Faults(faults)) => (true, faults.iter().map(ToString::to_string).collect()),
        Err(error) => (true, vec![error.to_string()]),
    };
    faults.extend(config::rules(&rules).1.iter().map(ToString::to_string));
    Checked {
        path: path.to_string_lossy().into_owned(),
        found,
        ok: faults.is_empty(),
        faults,
    }
}

fn told(files: &[Checked], json: bool, out: &mut Out) -> anyhow::Result<Exit> {
    let ok = files.iter().all(|file| file.ok);
    if json {
        let own = files.first();
        out.json(&json!({
            "path": own.map(|file| &file.path),
            "found": own.is_some_and(|file| file.found),
            "ok": ok,
            "files": files,
        }))?;
    }
    for file in files {
        for fault in &file.faults {
            out.note(&format!("foreshadow: {fault}"));
        }
        if !json && file.ok {
            let says = if file.found {
                "no faults"
            } else {
                "not there; the defaults hold"
            };
            out.line(&format!("{}: {says}", file.path))?;
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Faults })
}

fn values(setup: &Setup) -> serde_json::Value {
    let from = |key: &str| match setup.file.origin(key) {
        Origin::Default => json!("default"),
        Origin::Flag => json!("flag"),
        Origin::Line(line) => json!(format!("line {line}")),
    };
    let values: serde_json::Map<_, _> = KEYS
        .iter()
        .map(|key| {
            let value = json!({ "value": key.json(&setup.options), "from": from(key.name) });
            (key.name.to_owned(), value)
        })
        .collect();
    let limits: Vec<_> = setup
        .options
        .limits
        .iter()
        .map(|rule| match rule.side {
            Side::Above => json!({ "pattern": rule.pattern, "above": rule.value }),
            Side::Below => json!({ "pattern": rule.pattern, "below": rule.value }),
        })
        .collect();
    json!({
        "path": setup.file.path.to_string_lossy(),
        "found": setup.file.found,
        "values": values,
        "limits": { "value": limits, "from": from("limit") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::tests::Page;

    #[test]
    fn every_file_is_named_and_its_faults_are_json_too() {
        let folder = tempfile::tempdir().unwrap();
        let (good, bad) = (folder.path().join("good.toml"), folder.path().join("bad.toml"));
        std::fs::write(&good, "interval = \"5s\"\n").unwrap();
        std::fs::write(&bad, "intervl = \"5s\"\n").unwrap();
        let paths = Paths::of_user();
        let files = [&good, &bad].map(|file| checked(Some(file), &paths, &["dark"]));
        let (page, notes) = (Page::default(), Page::default());
        let exit = told(&files, true, &mut Out::new(page.clone(), notes.clone())).unwrap();
        assert_eq!(exit, Exit::Faults);
        let json: serde_json::Value = serde_json::from_str(&page.text()).unwrap();
        assert_eq!((&json["ok"], &json["files"][0]["ok"]), (&json!(false), &json!(true)));
        let fault = json["files"][1]["faults"][0].as_str().unwrap();
        assert!(
            fault.contains("bad.toml:1: intervl is not a key; did you mean interval?"),
            "{fault}"
        );
        let (page, notes) = (Page::default(), Page::default());
        told(&files, false, &mut Out::new(page.clone(), notes.clone())).unwrap();
        assert!(page.text().contains("good.toml: no faults") && notes.text().contains("bad.toml:1:"));
    }
}
