//! Units that run, stop, and come and go.

use std::sync::Arc;

use super::*;
use crate::observe::fixture::{Tree, setting};

const FILES: &[u8] = br#"[{"unit_file":"ssh.service","state":"enabled","preset":"enabled"},{"unit_file":"x@.service","state":"static","preset":null}]"#;

fn units(state: &str) -> Vec<u8> {
    format!(
        r#"[{{"unit":"ssh.service","load":"loaded","active":"{state}","sub":"running","description":"x"}},
        {{"unit":"multi-user.target","load":"loaded","active":"{state}","sub":"active","description":""}},
        {{"unit":"session-1.scope","load":"loaded","active":"active","sub":"running","description":""}},
        {{"unit":"gone.service","load":"not-found","active":"inactive","sub":"dead","description":""}}]"#
    )
    .into()
}

#[test]
fn states_that_pass_are_no_change() {
    let mut source = Units::new(&Tree::new().host());
    let mut out = Batch::default();
    for (at, state) in [(0, "active"), (60, "deactivating"), (120, "failed")] {
        source
            .tell(Timestamp::from_secs(at), &units(state), FILES, &mut out)
            .unwrap();
    }
    assert!(out.snapshots[1].settings.is_none());
    out.snapshots.remove(0);
    assert_eq!(
        setting(&out, "unit.ssh.service:state"),
        Some(Value::Enum("failed".into()))
    );
    assert_eq!(
        setting(&out, "unit.ssh.service:enabled"),
        Some(Value::Enum("enabled".into()))
    );
    assert_eq!(out.snapshots[1].settings.as_ref().unwrap().len(), 3);
    assert!(
        source
            .tell(Timestamp(0), b"Failed to connect to bus", FILES, &mut out)
            .is_err()
    );
}

#[test]
fn files_of_units_that_run_or_start_are_settings_without_secrets() {
    let tree = Tree::new();
    tree.write(
        "usr/lib/systemd/system/ssh.service",
        "[Service]\nRestart=on-failure\nMemoryMax=512M\nEnvironment=A=1\n",
    );
    tree.write(
        "etc/systemd/system/ssh.service.d/x.conf",
        "[Service]\nEnvironment=\"DB_PASSWORD=hunter2\"\n",
    );
    tree.write("usr/lib/systemd/system/idle.service", "[Service]\nRestart=no\n");
    let mut source = Units::new(&tree.host());
    let mut out = Batch::default();
    source.tell(Timestamp(0), &units("active"), FILES, &mut out).unwrap();
    let shown = |name: &str| setting(&out, name).map(|value| value.to_string());
    assert_eq!(shown("unit.ssh.service:Service.Restart").as_deref(), Some("on-failure"));
    assert_eq!(
        shown("unit.ssh.service:files").as_deref(),
        Some("/etc/systemd/system/ssh.service.d/x.conf")
    );
    let variables = shown("unit.ssh.service:Service.Environment").unwrap();
    assert!(variables.starts_with("A=1 DB_PASSWORD=secret#"), "{variables}");
    assert_eq!(shown("unit.idle.service:Service.Restart"), None);
    assert!(!serde_json::to_string(&out).unwrap().contains("hunter2"));
}

#[test]
fn a_unit_that_leaves_memory_is_inactive_and_stays_defined() {
    let tree = Tree::new();
    let file = "usr/lib/systemd/system/ssh.service";
    tree.write(
        file,
        "[Service]\nRestart=no\nEnvironment=\"X=1\" \"TOKEN=hunter2hunter2\"\n",
    );
    let mut source = Units::new(&tree.host());
    let mut told = |at: i64, units: &[u8], files: &[u8]| {
        let mut out = Batch::default();
        source.tell(Timestamp::from_secs(at), units, files, &mut out).unwrap();
        let shown = |name: &str| setting(&out, &format!("unit.ssh.service:{name}")).map(|value| value.to_string());
        let all = ["state", "Service.Restart", "Service.Environment"].map(shown);
        let count = out.snapshots[0].settings.as_ref().unwrap().len();
        (all, count)
    };
    let ([state, restart, variables], count) = told(0, &units("active"), b"[]");
    assert_eq!(
        (state.as_deref(), restart.as_deref(), count),
        (Some("active"), Some("no"), 3)
    );
    let secret = variables.as_deref().unwrap();
    assert!(
        secret.contains("X=1") && secret.contains("TOKEN=secret#") && !secret.contains("hunter2"),
        "{secret}"
    );
    let ([state, restart, again], count) = told(60, b"[]", b"[]");
    assert_eq!(
        (state.as_deref(), restart.as_deref(), count),
        (Some("inactive"), Some("no"), 3)
    );
    assert_eq!(again, variables);
    // With its file it is gone.
    std::fs::remove_file(tree.path(file)).unwrap();
    let (_, count) = told(120, b"[]", b"[]");
    assert_eq!(count, 0);
}

#[test]
fn what_a_stopped_unit_is_made_of_stays_told_after_a_restart() {
    let tree = Tree::new();
    tree.write(
        "usr/lib/systemd/system/ssh.service",
        "[Service]\nRestart=no\nMemoryMax=512M\n",
    );
    tree.write("usr/lib/systemd/system/idle.service", "[Service]\nRestart=no\n");
    let files = br#"[{"unit_file":"ssh.service","state":"disabled"},{"unit_file":"idle.service","state":"disabled"}]"#;
    let told = |known: BTreeMap<Arc<str>, Value>, units: &[u8]| {
        let mut out = Batch::default();
        let mut source = Units::new(&Host {
            known: Arc::new(known),
            ..tree.host()
        });
        source.tell(Timestamp(0), units, files, &mut out).unwrap();
        out.snapshots.remove(0).settings.unwrap()
    };
    let before = told(BTreeMap::new(), &units("active"));
    assert!(before.contains_key("unit.ssh.service:Service.MemoryMax"));
    // It was stopped while nobody looked.
    let mut after = told(before.clone(), b"[]");
    assert_eq!(
        after.insert("unit.ssh.service:state".into(), Value::Enum("active".into())),
        Some(Value::Enum("inactive".into()))
    );
    assert_eq!(after, before);
    // And one that was just about to start when it was looked at again has not stopped.
    let starting = told(before.clone(), &units("activating"));
    assert_eq!(starting, before);
}

#[test]
fn what_runs_on_demand_is_no_news_unless_it_failed() {
    let tree = Tree::new();
    let unit = |name: &str, text: &str| tree.write(&format!("usr/lib/systemd/system/{name}"), text);
    unit("host.service", "[Service]\nBusName=org.host\nMemoryMax=1G\n");
    tree.write("usr/share/dbus-1/system-services/org.host.service", "");
    unit("login.service", "[Service]\nBusName=org.host\nRestart=always\n");
    unit("daily.service", "[Service]\nType=oneshot\n");
    unit("rules.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\n");
    unit("docker.service", "[Service]\nType=notify\n");
    unit("cups.service", "[Service]\nType=notify\n");
    unit("conn@.service", "[Service]\nType=simple\n");
    unit("other.service", "[Service]\nType=simple\n");
    unit("q.timer", "[Timer]\nUnit=other.service\n");
    tree.write("etc/systemd/system/cups.service.d/x.conf", "[Service]\nMemoryMax=2G\n");
    let files = ["host", "login", "daily", "rules", "docker", "cups", "conn@", "other"].map(|name| {
        let state = if name == "docker" { "enabled" } else { "static" };
        format!(r#"{{"unit_file":"{name}.service","state":"{state}"}}"#)
    });
    let files = format!("[{}]", files.join(","));
    let mut source = Units::new(&tree.host());
    let mut told = |running: &[&str], failed: &[&str]| {
        let sockets = ["docker.socket", "cups.socket", "conn.socket", "q.timer"];
        let all = sockets.iter().chain(running).map(|unit| (unit, "active"));
        let all = all.chain(failed.iter().map(|unit| (unit, "failed")));
        let all: Vec<String> = all
            .map(|(unit, state)| format!(r#"{{"unit":"{unit}","load":"loaded","active":"{state}"}}"#))
            .collect();
        let mut out = Batch::default();
        let units = format!("[{}]", all.join(","));
        source
            .tell(Timestamp(0), units.as_bytes(), files.as_bytes(), &mut out)
            .unwrap();
        out.snapshots.pop().unwrap().settings
    };
    let long = ["login.service", "rules.service", "docker.service"];
    let first = told(&long, &[]).unwrap();
    let state = |all: &BTreeMap<std::sync::Arc<str>, Value>, unit: &str| {
        all.get(format!("unit.{unit}.service:state").as_str())
            .map(ToString::to_string)
    };
    for unit in ["host", "daily", "cups", "other"] {
        assert_eq!(state(&first, unit).as_deref(), Some("on demand"), "{unit}");
    }
    for unit in ["login", "rules", "docker"] {
        assert_eq!(state(&first, unit).as_deref(), Some("active"), "{unit}");
    }
    assert!(
        first.contains_key("unit.cups.service:Service.MemoryMax"),
        "an administrator set it"
    );
    assert!(!first.contains_key("unit.host.service:Service.MemoryMax"));
    // They start, end and leave memory, and nothing is told.
    let short = [
        "host.service",
        "daily.service",
        "cups.service",
        "conn@1.service",
        "other.service",
    ];
    let busy: Vec<&str> = long.iter().chain(&short).copied().collect();
    assert!(told(&busy, &[]).is_none() && told(&long, &[]).is_none());
    // What was to stay has stopped; what ran on demand has failed.
    let stopped = told(&["rules.service"], &["daily.service"]).unwrap();
    for (unit, is) in [("login", "inactive"), ("docker", "inactive"), ("daily", "failed")] {
        assert_eq!(state(&stopped, unit).as_deref(), Some(is), "{unit}");
    }
}

#[test]
fn a_unit_file_written_anew_in_its_place_says_anew_when_the_unit_runs() {
    let tree = Tree::new();
    let file = "etc/systemd/system/job.service";
    tree.write(file, "[Service]\nType=oneshot\n");
    let mut source = Units::new(&tree.host());
    let mut state = |at: i64| {
        let units = br#"[{"unit":"job.service","load":"loaded","active":"active"}]"#;
        let files = br#"[{"unit_file":"job.service","state":"static"}]"#;
        let mut out = Batch::default();
        source.tell(Timestamp::from_secs(at), units, files, &mut out).unwrap();
        setting(&out, "unit.job.service:state").map(|value| value.to_string())
    };
    assert_eq!(state(0).as_deref(), Some("on demand"));
    tree.write(file, "[Service]\nType=simple\nRestart=always\n");
    state(60);
    assert_eq!(state(120).as_deref(), Some("active"));
}

#[test]
fn enabling_a_unit_dates_a_folder() {
    let tree = Tree::new();
    let source = Units::new(&tree.host());
    tree.write("etc/systemd/system/multi-user.target.wants/a.service", "");
    let before = source.folders();
    assert_eq!(source.folders(), before);
    tree.write("etc/systemd/system/graphical.target.wants/b.service", "");
    assert_ne!(source.folders(), before);
}

#[test]
fn another_first_process_has_no_units() {
    let tree = Tree::new();
    let mut source = Units::new(&tree.host());
    assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
}

#[test]
fn a_service_that_starts_or_stops_is_read_soon_and_nothing_else_more_often() {
    let tree = Tree::new();
    let mut source = Units::new(&tree.host());
    let running = |source: &Units| fs::metadata(source.root.join(RUNNING)).ok().map(|folder| mark(&folder));
    tree.write("run/systemd/units/invocation:a.service", "");
    assert!(source.due(Timestamp::from_secs(0), running(&source).as_ref()));
    let mut out = Batch::default();
    source
        .tell(Timestamp::from_secs(0), &units("active"), FILES, &mut out)
        .unwrap();
    (source.read_at, source.running) = (Timestamp::from_secs(0), running(&source));
    for (at, due) in [(5, false), (55, false), (60, true)] {
        assert_eq!(
            source.due(Timestamp::from_secs(at), running(&source).as_ref()),
            due,
            "{at}"
        );
    }
    tree.write("run/systemd/units/invocation:b.service", "");
    for (at, due) in [(5, false), (15, true)] {
        assert_eq!(
            source.due(Timestamp::from_secs(at), running(&source).as_ref()),
            due,
            "{at}"
        );
    }
}

#[test]
fn a_file_that_systemd_does_not_take_is_one_line() {
    let tree = Tree::new();
    tree.write("etc/systemd/system/broken.service", "# mine\n[Unit\nDescription=x\n");
    let mut source = Units::new(&tree.host());
    let mut tell = |state: &str| {
        let files = format!(
            r#"[{{"unit_file":"broken.service","state":"{state}"}},{{"unit_file":"gone.service","state":"{state}"}}]"#
        );
        source
            .tell(Timestamp(0), b"[]", files.as_bytes(), &mut Batch::default())
            .unwrap();
        source.verdict().map_err(|why| why.to_string())
    };
    assert_eq!(
        tell("bad").unwrap_err(),
        "partly: /etc/systemd/system/broken.service:2 opens a section and does not close its name: systemd does not load it (and 1 more such)"
    );
    assert_eq!(tell("enabled"), Ok(()));
}

#[test]
fn a_file_that_systemd_does_not_take_is_read_again_when_it_changed() {
    let tree = Tree::new();
    let file = "etc/systemd/system/broken.service";
    tree.write(file, "[Unit\n");
    let mut source = Units::new(&tree.host());
    source.bad = vec!["broken.service".into()];
    let says = |source: &mut Units| source.verdict().unwrap_err().to_string();
    assert!(says(&mut source).contains("broken.service:1 opens"));
    // What is remembered of it serves again.
    source.fault.as_mut().unwrap().1 = Some(("remembered".into(), "is so"));
    assert!(says(&mut source).contains("remembered is so"));
    tree.write(file, "\nx=1\n");
    assert!(says(&mut source).contains("broken.service:2 stands in no section"));
}

#[test]
fn a_unit_for_one_run_is_told_only_when_it_failed() {
    let tree = Tree::new();
    tree.write("run/systemd/transient/once.service", "[Service]\nExecStart=/bin/true\n");
    let mut source = Units::new(&tree.host());
    let mut told = |at: i64, units: &str, files: &[u8]| {
        source.passing = source.transient();
        let mut out = Batch::default();
        let times = Timestamp::from_secs(at);
        source.tell(times, units.as_bytes(), files, &mut out).unwrap();
        out.snapshots.pop().unwrap().settings
    };
    let once = |state: &str| {
        format!(
            r#"[{{"unit":"ssh.service","load":"loaded","active":"active"}},{{"unit":"once.service","load":"loaded","active":"{state}"}}]"#
        )
    };
    let files = br#"[{"unit_file":"ssh.service","state":"enabled"},{"unit_file":"once.service","state":"transient"}]"#;
    let first = told(0, &once("active"), files).unwrap();
    assert!(
        first.keys().all(|name| name.starts_with("unit.ssh.service:")),
        "{first:?}"
    );
    assert_eq!(told(60, &once("inactive"), files), None);
    let failed = told(120, &once("failed"), files).unwrap();
    assert_eq!(failed.len(), first.len() + 1);
    assert_eq!(failed["unit.once.service:state"], Value::Enum("failed".into()));
    std::fs::remove_file(tree.path("run/systemd/transient/once.service")).unwrap();
    let ended = told(
        180,
        &once("active").replace("once", "ssh"),
        br#"[{"unit_file":"ssh.service","state":"enabled"}]"#,
    );
    assert_eq!(ended, Some(first));
}

#[test]
fn ports_are_read_with_a_unit_that_stopped() {
    let witness = Witness::default();
    let mut source = Units::new(&Tree::new().host()).asking(&witness);
    let mut out = Batch::default();
    let at = Timestamp::from_secs;
    source.tell(at(60), &units("active"), FILES, &mut out).unwrap();
    source.tell(at(120), &units("active"), FILES, &mut out).unwrap();
    assert_eq!(witness.declared("port", at(100)), None);
    source.tell(at(180), &units("failed"), FILES, &mut out).unwrap();
    assert!(witness.declared("port", at(150)).is_some());
}
