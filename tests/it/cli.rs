//! The commands as real processes: exit code, stdout, stderr.

use serde_json::Value;

use crate::support::Home;

fn json(home: &Home, arguments: &[&str]) -> Value {
    let (code, out, err) = home.run(arguments);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_first_look_tells_a_host_in_one_page_and_as_json() {
    let home = Home::new();
    let status = json(&home, &["status", "--json"]);
    assert!(
        status["metrics"]["total"]
            .as_u64()
            .or(status["metrics"].as_u64())
            .unwrap()
            >= 80,
        "{status}"
    );
    assert!(
        status["settings"]["total"]
            .as_u64()
            .or(status["settings"].as_u64())
            .unwrap()
            >= 100,
        "{status}"
    );
    assert!(status["findings"].is_object(), "{status}");
    assert!(
        status["engine"].get("pid").is_some() && status["engine"].get("lag_secs").is_some(),
        "{status}"
    );
    // Without a terminal the bare command is the same report.
    let (code, out, _) = home.run(&[]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("metrics") && out.contains("settings") && !out.contains('\u{1b}'),
        "{out}"
    );
}

#[test]
fn what_is_stored_can_be_asked_for_and_taken_away() {
    let home = Home::new();
    assert_eq!(home.run(&["engine", "--once"]).0, Some(0));
    let metrics = json(&home, &["sql", "SELECT count(*) AS n FROM metrics", "--json"]);
    assert!(metrics.to_string().contains('n'), "{metrics}");
    for (format, file) in [("csv", "m.csv"), ("json", "m.json"), ("parquet", "m.parquet")] {
        let path = home.path(file);
        let (code, _, err) = home.run(&["export", "metrics", "--format", format, path.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{err}");
        assert!(std::fs::metadata(&path).unwrap().len() > 1_000);
        let (code, _, err) = home.run(&["export", "metrics", "--format", format, path.to_str().unwrap()]);
        assert_eq!(
            (code, err.lines().count()),
            (Some(2), 1),
            "an existing file was taken: {err}"
        );
    }
    for statement in [
        "DELETE FROM metrics",
        "COPY metrics TO '/tmp/x.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "nonsense",
    ] {
        let (code, out, err) = home.run(&["sql", statement]);
        assert_eq!(
            (code, out.as_str(), err.lines().count()),
            (Some(2), "", 1),
            "{statement}: {err}"
        );
    }
}

#[test]
fn a_what_if_without_evidence_says_so() {
    let home = Home::new();
    let (code, out, err) = home.run(&["whatif", "sysctl.vm.swappiness=37"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("no evidence"), "{out}");
    let (code, _, err) = home.run(&["whatif", "wheels x2"]);
    assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
}

#[test]
fn every_fault_of_a_settings_file_is_told_with_its_line() {
    let home = Home::new();
    home.config("intervall = \"2s\"\nhorizon = 12\n[drift]\nmoderat = 3\nhigh = \"much\"\n[ui]\ntheme = \"pink\"\n");
    for arguments in [&["status"][..], &["config", "check"], &["engine", "--once"]] {
        let (code, out, err) = home.run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert_eq!(err.lines().count(), 5, "{err}");
        assert!(
            err.contains("config.toml:1") && err.contains("did you mean interval"),
            "{err}"
        );
        assert!(err.contains("config.toml:4") && err.contains("drift.moderate"), "{err}");
    }
}

#[test]
fn wrong_words_end_with_two_and_one_line() {
    let home = Home::new();
    for arguments in [
        &["statsu"][..],
        &["forecast"],
        &["forecast", "no-such-metric"],
        &["timeline", "--from", "yesteryear"],
        &["--interval", "0s", "status"],
    ] {
        let (code, out, err) = home.run(arguments);
        assert_eq!(
            (code, out.as_str(), err.lines().count()),
            (Some(2), "", 1),
            "{arguments:?}: {err}"
        );
    }
}

#[test]
fn findings_decide_the_exit_code_when_asked_to() {
    let home = Home::new();
    home.config("[[limit]]\npattern = \"proc.count\"\nabove = 1\n");
    let (code, out, _) = home.run(&["findings", "--fail-on", "critical"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("proc.count"), "{out}");
    assert_eq!(home.run(&["findings"]).0, Some(0));
}

#[test]
fn the_shell_and_the_manual_know_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(home.run(&["completions", shell]).1.contains("baseline"));
    }
    assert!(home.run(&["man"]).1.contains(".TH"));
}

#[test]
fn a_store_that_cannot_be_made_does_not_stop_the_reading() {
    let home = Home::new();
    // A file where the folder should be: even root cannot write there.
    std::fs::create_dir_all(home.path("data")).unwrap();
    std::fs::write(home.path("data/foreshadow"), "in the way").unwrap();
    let (code, out, err) = home.run(&["status"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains("metrics") && out.contains("nothing was kept"),
        "{out}{err}"
    );
}
