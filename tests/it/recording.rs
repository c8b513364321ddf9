//! Recordings by the real program: recorded from this host, killed, played, looked at.

use std::process::Stdio;

use crate::support::{Home, Process, soon};

const FAST: &str = "interval = \"100ms\"\n";

fn status(home: &Home, file: &str) -> serde_json::Value {
    let (code, out, err) = home.run(&["replay", file, "--json"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    serde_json::from_str(&out).unwrap()
}

/// The status of a recording that is cut off, which is said in one line.
fn status_of_cut(home: &Home, file: &str) -> serde_json::Value {
    let (code, out, err) = home.run(&["replay", file, "--json"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
    assert!(err.contains("in the middle of line "), "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn what_was_recorded_is_played_the_same_each_time() {
    let home = Home::new();
    home.config(FAST);
    let file = home.path("a.jsonl.gz").display().to_string();
    let record = |length: &str| {
        let (code, out, err) = home.run(&["record", &file, "--for", length]);
        assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
        assert!(err.starts_with("recorded ") && err.contains("a.jsonl.gz"), "{err}");
        // Nothing is left but the recording: no store, no socket.
        assert!(!home.store().exists() && !home.socket().exists());
        (status(&home, &file), err)
    };
    let (mut first, mut err) = record("3s");
    // On a machine that is busy all settings take longer.
    if first["settings"].as_u64() < Some(500) {
        std::fs::remove_file(&file).unwrap();
        (first, err) = record("150s");
    }
    let second = status(&home, &file);
    assert!(first["metrics"].as_u64().unwrap() >= 80, "{first}");
    assert!(first["settings"].as_u64().unwrap() >= 500, "{first}");
    for key in [
        "at",
        "metrics",
        "settings",
        "findings",
        "levels",
        "proposals",
        "shadow",
        "recording",
    ] {
        assert_eq!(first[key], second[key], "{key}");
    }
    assert!(
        err.contains(&format!(
            "recorded {} metrics and {} settings",
            first["metrics"], first["settings"]
        )),
        "{err}"
    );
    let again = home.run(&["record", &file, "--for", "3s"]);
    assert_eq!(again.0, Some(2), "{again:?}");
    assert!(
        again.2.contains("a.jsonl.gz: ") && again.2.lines().count() == 1,
        "{again:?}"
    );
}

#[test]
fn a_killed_recorder_leaves_a_recording() {
    let home = Home::new();
    home.config(FAST);
    let path = home.path("a.jsonl.gz");
    let file = path.display().to_string();
    let mut command = home.command(&["record", &file]);
    let recorder = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    // The settings are most of the first seconds.
    soon("a recording", || {
        std::fs::metadata(&path).is_ok_and(|file| file.len() >= 20_000)
    });
    recorder.kill();
    assert!(status_of_cut(&home, &file)["metrics"].as_u64().unwrap() >= 80);
}

#[test]
fn a_recording_opens_in_the_console_says_so_and_can_be_held() {
    let home = Home::new();
    home.config(FAST);
    let file = home.path("a.jsonl.gz").display().to_string();
    assert_eq!(home.run(&["record", &file, "--for", "4s", "--redact"]).0, Some(0));
    let mut terminal = home.terminal(
        24,
        80,
        &["replay", &file, "--speed", "0.01"],
        &[("TERM", "xterm-256color"), ("LANG", "C.UTF-8")],
    );
    terminal.until_shows("REPLAY ");
    terminal.until_shows("x0.01");
    terminal.keys("P");
    terminal.until_shows("held");
    terminal.keys(":speed max\r");
    terminal.until_shows("ended");
    terminal.until_shows("host-");
    terminal.keys("7");
    terminal.until_shows("1 of 1 give data; all well");
    terminal.keys("q");
    assert!(terminal.end().success());
}
