//! The DuckDB library is loaded when it is first needed, and its absence is told before the terminal is taken.

use std::fs;

use crate::support::{Home, output, soon};

/// Whether this build loads the library late: else it is linked directly, or compiled in.
const LATE: bool = option_env!("FORESHADOW_DUCKDB_FOLDER").is_some();

fn holds_duckdb(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/maps"))
        .unwrap()
        .contains("libduckdb")
}

#[test]
fn what_needs_no_database_loads_none() {
    if !LATE {
        return;
    }
    let home = Home::new();
    let loads = |arguments: &[&str]| {
        let run = output(home.command(arguments).env("LD_DEBUG", "files"));
        assert!(run.status.success(), "{arguments:?}");
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(told.contains("libc.so"), "the loader says what it loads: {told}");
        told.contains("libduckdb")
    };
    assert!(!loads(&["--version"]));
    assert!(!loads(&["config", "show"]));
    assert!(loads(&["engine", "--once"]), "this one needs it");
}

#[test]
fn an_attached_console_leaves_the_database_to_its_engine() {
    if !LATE {
        return;
    }
    let home = Home::new();
    let engine = home.engine(&[]);
    soon("the engine's socket", || home.socket().exists());
    let mut console = home.terminal(24, 80, &[], &[]);
    console.until_shows("learning");
    // It opens its store once the first values are told.
    soon("its library", || holds_duckdb(engine.id()));
    let by_console = holds_duckdb(console.child.id());
    console.keys("q");
    console.end();
    assert!(!by_console);
}

#[test]
fn a_library_that_cannot_be_loaded_is_one_line_and_leaves_the_terminal_alone() {
    if !LATE {
        return;
    }
    let home = Home::new();
    let folder = home.path("broken");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("libduckdb.so"), "no library").unwrap();
    let folder = folder.to_str().unwrap();
    let line = "foreshadow: cannot load DuckDB: ";

    let mut console = home.terminal(24, 200, &[], &[("LD_LIBRARY_PATH", folder)]);
    assert_eq!(console.end().code(), Some(3));
    let raw = String::from_utf8_lossy(&console.raw).into_owned();
    assert!(raw.starts_with(line) && raw.lines().count() == 1, "{raw:?}");
    assert!(!raw.contains('\u{1b}'), "{raw:?}");

    let run = output(home.command(&["status"]).env("LD_LIBRARY_PATH", folder));
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(3), "{told}");
    assert!(told.starts_with(line) && told.lines().count() == 1, "{told:?}");
    // What needs none does not miss it.
    let run = output(home.command(&["--version"]).env("LD_LIBRARY_PATH", folder));
    assert!(run.status.success());
}
