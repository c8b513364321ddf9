//! tests/it/architecture.rs: holds the order of the modules and the purity of the core, on the text of `src/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A module imports only modules to its left. `tui` and `cli` stand side by side.
const ORDER: [&str; 13] = [
    "domain", "observe", "store", "shadow", "drift", "simulate", "propose", "act", "pipeline", "config", "engine",
    "tui", "cli",
];
/// These take `now`, a seed and `&Series`, and touch nothing else.
const PURE: [&str; 6] = ["domain", "shadow", "drift", "simulate", "propose", "pipeline"];
const WORLD: [&str; 22] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::io",
    "std::os",
    "tokio::",
    "duckdb::",
    "sysinfo::",
    "procfs::",
    "rustix::",
    "crossterm::",
    "ratatui::",
    "fastrand::u",
    "fastrand::f",
    "Rng::new()",
    "thread_rng",
];

fn rust_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push(path);
        }
    }
}

fn place(name: &str) -> Option<usize> {
    ORDER.iter().position(|module| *module == name)
}

fn first_name(text: &str) -> &str {
    let text = text.trim_start();
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
}

/// The modules of this crate that `code` names: in `crate::a::B` and in `crate::{a::B, c::{D, E}}`.
fn named(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        let Some(group) = after.strip_prefix('{') else {
            names.push(first_name(after));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                ',' if depth == 0 => {
                    names.push(first_name(&group[start..at]));
                    start = at + 1;
                }
                '}' if depth == 0 => {
                    names.push(first_name(&group[start..at]));
                    break;
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
    }
    names
}

fn faults(src: &Path) -> Vec<String> {
    let mut files = Vec::new();
    rust_files(src, &mut files);
    files.sort();
    let mut faults = Vec::new();
    for file in files {
        let path = file.strip_prefix(src).unwrap();
        let me = path.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let Some(mine) = place(me) else { continue }; // program, main.rs and lib.rs may name all
        let text = fs::read_to_string(&file).unwrap();
        let code: String = text
            .lines()
            .flat_map(|line| [line.split("//").next().unwrap(), "\n"])
            .collect();
        for name in named(&code) {
            if place(name).is_some_and(|theirs| theirs > mine) || (me == "cli" && name == "tui") {
                faults.push(format!(
                    "{}: {me} imports {name}, which is not to its left",
                    path.display()
                ));
            }
        }
        if code.contains("super::super::") {
            faults.push(format!("{}: write crate::, not super::super::", path.display()));
        }
        for word in WORLD.iter().filter(|word| PURE.contains(&me) && code.contains(**word)) {
            faults.push(format!("{}: {me} is pure, and names {word}", path.display()));
        }
    }
    faults
}

#[test]
fn modules_import_only_to_their_left_and_the_core_is_pure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(faults(&src), Vec::<String>::new());
}

#[test]
fn the_check_fails_where_it_should() {
    let src = tempfile::tempdir().unwrap();
    let write = |path: &str, code: &str| {
        let path = src.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, code).unwrap();
    };
    write("domain/mod.rs", "use crate::shadow::Shadows;");
    write("shadow/metric/deep.rs", "fn f() { let _ = std::time::Instant::now(); }");
    write("drift/mod.rs", "use crate::{domain::Value, engine::Snapshot};");
    write("simulate/mod.rs", "use tokio::sync::mpsc;");
    write("propose/mod.rs", "use super::super::domain::Value;");
    write("pipeline.rs", "fn f() -> f64 { fastrand::f64() }");
    write(
        "tui/mod.rs",
        "use crate::engine::Snapshot; // use crate::cli is only a comment",
    );
    write("cli/mod.rs", "use crate::tui::State;");
    let faults = faults(src.path());
    let files: Vec<&str> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
    assert_eq!(
        files,
        [
            "cli/mod.rs",
            "domain/mod.rs",
            "drift/mod.rs",
            "pipeline.rs",
            "propose/mod.rs",
            "shadow/metric/deep.rs",
            "simulate/mod.rs"
        ]
    );
}

#[test]
fn every_test_file_is_in_the_binary() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else {
            continue;
        };
        assert!(
            main.contains(&format!("mod {module};")),
            "tests/it/main.rs does not name {module}"
        );
    }
}

#[test]
fn the_check_sees_groups() {
    assert_eq!(
        named("use crate::{domain::{A, B}, tui::State,\n engine};"),
        ["domain", "tui", "engine"]
    );
    assert_eq!(
        named("fn f(x: crate::act::Plan) {} use crate::config;"),
        ["act", "config"]
    );
}
