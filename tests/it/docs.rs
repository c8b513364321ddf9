//! docs/KEYS.md says what the program's own tables say. `UPDATE_DOCS=1 make test` writes it anew.

use std::{fmt::Write as _, fs, path::Path};

use foreshadow::tui::{
    command::COMMANDS,
    help::GLOBAL,
    screens,
    state::{KeyHint, Screen},
};

fn keys() -> String {
    let mut text = String::from(
        "# Keys\n\nMade from the tables that `?` shows in the console; `tests/it/docs.rs` holds this page to them.\n",
    );
    let mut table = |title: &str, hints: &[KeyHint]| {
        write!(text, "\n## {title}\n\n| key | does |\n|---|---|\n").unwrap();
        for hint in hints {
            writeln!(text, "| `{}` | {} |", hint.key.replace('|', "\\|"), hint.help).unwrap();
        }
    };
    table("Everywhere", GLOBAL);
    let screens = [
        screens::overview::KEYS,
        screens::resource::KEYS,
        screens::forecast::KEYS,
        screens::proposals::KEYS,
        screens::whatif::KEYS,
        screens::timeline::KEYS,
        screens::audit::KEYS,
    ];
    for (place, (screen, keys)) in Screen::ALL.iter().zip(screens).enumerate() {
        table(&format!("{} {}", place + 1, screen.name()), keys);
    }
    text.push_str("\n## The command line (`:`)\n\n| command | does | key |\n|---|---|---|\n");
    for command in COMMANDS {
        let form = format!("{} {}", command.name, command.args).replace('|', "\\|");
        let key = if command.key.is_empty() {
            String::new()
        } else {
            format!("`{}`", command.key)
        };
        writeln!(
            text,
            "| `{}` | {} | {key} |",
            form.trim(),
            command.help.replace('|', "\\|")
        )
        .unwrap();
    }
    text
}

#[test]
fn the_page_of_keys_is_what_the_console_does() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/KEYS.md");
    let keys = keys();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, &keys).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&page).unwrap_or_default(),
        keys,
        "UPDATE_DOCS=1 make test writes docs/KEYS.md anew"
    );
}

/// The second half of docs/RULES.md: what the files of rules say.
fn known_issues() -> String {
    let (rules, faults) = foreshadow::config::rules(Path::new("/nowhere"));
    assert!(faults.is_empty(), "{faults:?}");
    let mut text = String::new();
    let facts: Vec<&str> = rules.facts.iter().map(|fact| &*fact.name).collect();
    writeln!(text, "\nFacts: `{}`.", facts.join("` `")).unwrap();
    for (file, _) in foreshadow::config::SHIPPED {
        let of_file = rules
            .rules
            .iter()
            .filter(|rule| rule.from.starts_with(&format!("{file}:")));
        let rows: Vec<String> = of_file
            .map(|rule| {
                let level = rule
                    .level
                    .map_or("note".into(), |level| format!("{level:?}").to_lowercase());
                format!(
                    "| [`{}`]({}) | {level} | {} |",
                    rule.id,
                    rule.article,
                    rule.why.replace('|', "\\|")
                )
            })
            .collect();
        if !rows.is_empty() {
            write!(
                text,
                "\n## {file}\n\n| rule | severity | why |\n|---|---|---|\n{}\n",
                rows.join("\n")
            )
            .unwrap();
        }
    }
    text
}

#[test]
fn the_page_of_rules_lists_what_the_files_hold() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RULES.md");
    let text = fs::read_to_string(&page).unwrap();
    let end = text.find("-->\n").map(|at| at + 4).unwrap();
    let list = known_issues();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&page, format!("{}{list}", &text[..end])).unwrap();
        return;
    }
    assert_eq!(&text[end..], list, "UPDATE_DOCS=1 make test writes docs/RULES.md anew");
}
