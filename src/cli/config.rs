//! `config`: the settings file.

use clap::Subcommand;
use serde_json::json;

use crate::{
    cli::{Exit, Out, Setup},
    config::{self, KEYS, Origin},
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

pub(super) fn run(args: &Args, setup: &Setup, json: bool, out: &mut Out) -> anyhow::Result<Exit> {
    match args.what {
        What::Show if json => out.json(&values(setup))?,
        What::Show => out.lines(&config::show(&setup.options, &setup.file))?,
        // A faulty file never comes this far.
        What::Check if json => out.json(&json!({
            "path": setup.file.path.to_string_lossy(),
            "found": setup.file.found,
            "ok": setup.rule_faults.is_empty(),
        }))?,
        What::Check => {
            let says = if setup.file.found {
                "no faults"
            } else {
                "not there; the defaults hold"
            };
            out.line(&format!("{}: {says}", setup.file.path.display()))?;
        }
    }
    if matches!(args.what, What::Check) && !setup.rule_faults.is_empty() {
        for fault in &setup.rule_faults {
            out.note(&format!("foreshadow: {fault}"));
        }
        return Ok(Exit::Faults);
    }
    Ok(Exit::Done)
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
