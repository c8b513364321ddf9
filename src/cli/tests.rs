//! The commands as a user meets them: arguments in; exit code, data and messages out.

use std::collections::BTreeSet;

use crate::{
    cli::{Cli, Command, Out, fixture::World, out::tests::Page},
    config::KEYS,
    domain::text::unsafe_to_show,
    engine::LinkError,
};

struct Ran {
    code: u8,
    data: String,
    notes: String,
}

/// Runs the words on a world; the settings file is one that sets nothing.
fn run_on(world: &World, terminal: bool, words: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "").unwrap();
    let mut words: Vec<&str> = [&["foreshadow"], words].concat();
    if !words.contains(&"--config") {
        words.extend(["--config", file.to_str().unwrap()]);
    }
    let (data, notes) = (Page::default(), Page::default());
    let mut out = Out::new(data.clone(), notes.clone());
    let code = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(super::run(Cli::read(&words), world, terminal, &mut out));
    let (data, notes) = (data.text(), notes.text());
    for text in [&data, &notes] {
        assert!(
            !text.chars().any(|c| c != '\n' && unsafe_to_show(c)),
            "{words:?}: {text:?}"
        );
    }
    Ran { code, data, notes }
}

fn run(words: &[&str]) -> Ran {
    run_on(&World::default(), false, words)
}

/// Code, data and messages as one text.
fn told(words: &[&str]) -> String {
    let ran = run(words);
    format!("$ {}\n{}{}= {}\n", words.join(" "), ran.data, ran.notes, ran.code)
}

#[test]
fn the_pages_people_read() {
    let pages: Vec<String> = [
        &["status"][..],
        &["findings"],
        &["findings", "swap"],
        &["findings", "nothing"],
        &["proposals"],
        &["proposals", "3"],
        &["proposals", "--artefact", "3"],
        &["forecast", "available_pct", "--horizon", "4h"],
        &["whatif", "vm.swappiness=10", "cpu", "x2"],
        &["timeline", "--from", "-2h"],
        &["settings"],
        &["metrics", "cpu.*"],
        &["baseline", "show"],
        &["baseline", "diff"],
        &["baseline", "accept", "vm.swappiness"],
        &["export", "metrics", "/tmp/m.parquet"],
        &["sql", "SELECT 1"],
    ]
    .map(told)
    .into();
    insta::assert_snapshot!(pages.join("\n"));
}

fn json_of(words: &[&str]) -> String {
    run(&[words, &["--json"]].concat()).data
}

#[test]
fn status_in_json() {
    insta::assert_snapshot!(json_of(&["status"]));
}

#[test]
fn findings_in_json() {
    insta::assert_snapshot!(json_of(&["findings"]));
}

#[test]
fn proposals_in_json() {
    insta::assert_snapshot!(json_of(&["proposals"]));
}

#[test]
fn a_forecast_in_json() {
    insta::assert_snapshot!(json_of(&["forecast", "mem.available_pct", "--limit", "-3"]));
}

#[test]
fn a_what_if_in_json() {
    insta::assert_snapshot!(json_of(&["whatif", "vm.swappiness=10", "traffic x1.5", "memory x2"]));
}

#[test]
fn a_timeline_in_json() {
    insta::assert_snapshot!(json_of(&["timeline", "--from", "13:00", "--to", "now"]));
}

#[test]
fn a_timeline_lists_nothing_from_before_its_beginning() {
    let printed = run(&["timeline", "--from", "14:00", "--to", "now"]);
    assert!(!printed.data.contains("breach"), "{}", printed.data);
    assert!(
        printed
            .notes
            .contains("1 finding that began before 14:00:00 was still open then"),
        "{}",
        printed.notes
    );
    let printed = run(&["timeline", "--from", "13:00", "--to", "now"]);
    assert!(
        printed.data.contains("breach") && printed.notes.is_empty(),
        "{}",
        printed.notes
    );
}

#[test]
fn settings_in_json() {
    insta::assert_snapshot!(json_of(&["settings"]));
}

#[test]
fn metrics_in_json() {
    insta::assert_snapshot!(json_of(&["metrics", "mem"]));
}

#[test]
fn the_baseline_in_json() {
    let parts = [
        json_of(&["baseline", "show"]),
        json_of(&["baseline", "diff"]),
        json_of(&["baseline", "accept", "all"]),
    ];
    insta::assert_snapshot!(parts.join(""));
}

#[test]
fn a_statement_and_an_export_in_json() {
    let parts = [
        json_of(&["sql", "SELECT 1"]),
        json_of(&["export", "ledger", "/tmp/l.csv"]),
    ];
    insta::assert_snapshot!(parts.join(""));
}

#[test]
fn every_field_of_doctor_is_there() {
    let doctor: serde_json::Value = serde_json::from_str(&json_of(&["doctor"])).unwrap();
    let mut fields = Vec::new();
    names("", &doctor, &mut fields);
    insta::assert_snapshot!(fields.join("\n"));
    assert_eq!(doctor["engine"]["pid"], 4121);
    assert_eq!(doctor["terminal"]["theme"], "dark");
    assert_eq!(doctor["sources"][1]["ok"], false);
}

#[test]
fn every_field_of_config_show_is_there() {
    let config: serde_json::Value = serde_json::from_str(&json_of(&["config", "show"])).unwrap();
    let mut fields = Vec::new();
    names("", &config, &mut fields);
    insta::assert_snapshot!(fields.join("\n"));
}

#[test]
fn every_field_and_key_is_documented() {
    let manual = include_str!("../../docs/CLI.md");
    let words: BTreeSet<&str> = manual
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(str::split_whitespace)
        .collect();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    for words_of in [
        &["status"][..],
        &["findings"],
        &["proposals"],
        &["forecast", "cpu.busy_pct"],
        &["whatif", "vm.swappiness=10", "traffic x1.5", "memory x2"],
        &["timeline"],
        &["settings", "swap"],
        &["metrics"],
        &["baseline", "diff"],
        &["sql", "SELECT 1"],
        &["export", "ledger", "/tmp/l.csv"],
        &["doctor"],
        &["config", "check"],
    ] {
        let mut paths = Vec::new();
        names("", &serde_json::from_str(&json_of(words_of)).unwrap(), &mut paths);
        let fields = paths.iter().flat_map(|path| path.split(['.', '[', ']']));
        missing.extend(
            fields
                .filter(|field| !field.is_empty() && !words.contains(field))
                .map(str::to_owned),
        );
    }
    missing.extend(
        KEYS.iter()
            .map(|key| key.name.to_owned())
            .filter(|key| !words.contains(key.as_str())),
    );
    assert_eq!(missing, BTreeSet::new());
}

fn names(prefix: &str, value: &serde_json::Value, into: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                names(&format!("{prefix}.{name}"), value, into);
            }
        }
        serde_json::Value::Array(items) if !items.is_empty() => names(&format!("{prefix}[]"), &items[0], into),
        _ => into.push(prefix.to_owned()),
    }
}

#[test]
fn findings_at_or_above_fail_on_end_with_one() {
    for (words, code) in [
        (&["status"][..], 0),
        (&["status", "--fail-on", "critical"], 1),
        (&["findings", "--fail-on", "high"], 1),
        (&["findings", "swap", "--fail-on", "moderate"], 1),
        (&["findings", "swap", "--fail-on", "warning"], 0),
        (&["findings", "nothing", "--fail-on", "low"], 0),
    ] {
        assert_eq!(run(words).code, code, "{words:?}");
    }
}

#[test]
fn what_cannot_be_is_one_line_and_ends_with_two() {
    let lines: Vec<String> = [
        &["wibble"][..],
        &["stats"],
        &["status", "--fail-on", "huge"],
        &["forecast", "mem.availble_pct"],
        &["forecast", "cpu.busy_pct", "--horizon", "-1h"],
        &["whatif", "cpu x2", "wheels x2"],
        &["whatif", "vm.swappiness=10", "cpu", "x0"],
        &["whatif", "vm.swapiness=10"],
        &["whatif", "vm.swappiness 5 -> 10"],
        &["whatif", "vm.swappiness=10", "cpu x2", "vm.swappiness=20"],
        &["timeline", "--from", "soon"],
        &["timeline", "--from", "now", "--to", "-1h"],
        &["baseline"],
        &["proposals", "--artefact", "2"],
        &["export", "everything", "/tmp/x.csv"],
        &["export", "metrics", "/tmp/x"],
        &["sql", "DROP TABLE x"],
        &["engine", "--once", "--for", "1m"],
        &["status", "--interval", "1ns"],
        &["status", "--config", "/no/such/file.toml"],
        &["metrics", "\u{1b}[2J", "\u{1b}[2J"],
    ]
    .map(|words| {
        let ran = run(words);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{words:?}");
        assert_eq!(ran.notes.lines().count(), 1, "{words:?}: {}", ran.notes);
        ran.notes
    })
    .into();
    insta::assert_snapshot!(lines.join(""));
}

#[test]
fn without_a_subcommand_it_is_the_console_or_the_status_report() {
    let world = World::default();
    assert_eq!(run_on(&world, true, &[]).notes, "foreshadow: the console\n");
    assert_eq!(run_on(&world, false, &[]).data, run(&["status"]).data);
    assert_eq!(run_on(&world, true, &["--json"]).data, json_of(&["status"]));
}

#[test]
fn an_engine_runs_as_long_as_told() {
    assert_eq!(run(&["engine", "--once"]).notes, "foreshadow: engine Once every 2 s\n");
    assert_eq!(
        run(&["engine", "--for", "90s", "--interval", "1s"]).notes,
        "foreshadow: engine For(Span(90000000)) every 1 s\n"
    );
    assert_eq!(run(&["engine"]).notes, "foreshadow: engine UntilStopped every 2 s\n");
}

#[test]
fn an_engine_that_is_gone_is_not_the_users_fault() {
    let world = World {
        refuses: Some(LinkError::Gone),
        ..World::default()
    };
    let ran = run_on(&world, false, &["status"]);
    assert_eq!((ran.code, ran.notes.as_str()), (3, "foreshadow: the engine is gone\n"));
}

#[test]
fn a_doctor_survives_what_is_asked_about() {
    let world = World {
        refuses: Some(LinkError::Refused("the store is held by pid 7".into())),
        ..World::default()
    };
    let ran = run_on(&world, false, &["doctor"]);
    assert!(ran.code == 0 && ran.data.contains("held by pid 7"), "{}", ran.data);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "horizn = 1\n").unwrap();
    let ran = run(&["doctor", "--config", file.to_str().unwrap()]);
    assert!(
        ran.code == 0 && ran.data.contains("did you mean horizon?"),
        "{}",
        ran.data
    );
    let ran = run(&["config", "check", "--config", file.to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.notes
            .ends_with("bad.toml:1: horizn is not a key; did you mean horizon?\n")
    );
}

#[test]
fn help_completions_and_manual_come_from_one_definition() {
    let manual = run(&["man"]).data;
    for word in ["whatif", "baseline", "fail\\-on", "artefact"] {
        assert!(manual.contains(word), "{word}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(run(&["completions", shell]).data.contains("timeline"), "{shell}");
    }
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    insta::assert_snapshot!(help.data);
}

#[test]
fn a_port_alone_is_scraped_from_this_machine() {
    let address = |text: &str| match Cli::read(["foreshadow", "engine", "--metrics", text]).map(|cli| cli.command) {
        Ok(Some(Command::Engine { metrics, .. })) => metrics.map(|address| address.to_string()),
        _ => None,
    };
    for (text, wanted) in [
        ("9105", Some("127.0.0.1:9105")),
        (":9105", Some("127.0.0.1:9105")),
        ("localhost:9105", Some("127.0.0.1:9105")),
        ("0.0.0.0:9105", Some("0.0.0.0:9105")),
        ("[::1]:9105", Some("[::1]:9105")),
        ("web-1:9105", None),
        ("99999", None),
        ("", None),
    ] {
        assert_eq!(address(text).as_deref(), wanted, "{text}");
    }
}
