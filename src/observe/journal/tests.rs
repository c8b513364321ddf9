//! Entries, and who is believed.

use super::*;
use crate::{domain::EventKind, observe::fixture::Tree};

#[test]
fn entries_become_events_and_the_cursor_moves_on() {
    let now = Timestamp::from_secs(10_000);
    let entry = |cursor: &str, secs: i64, fields: &str| {
        format!(
            "{{\"__CURSOR\":\"{cursor}\",\"__REALTIME_TIMESTAMP\":\"{}\",{fields}}}\n",
            secs * 1_000_000
        )
    };
    let output = [
        entry(
            "a",
            1,
            r#""PRIORITY":"3","SYSLOG_IDENTIFIER":"old","MESSAGE":"too old""#,
        ),
        entry(
            "b",
            9_990,
            r#""PRIORITY":"6","SYSLOG_IDENTIFIER":"systemd","_PID":"1","MESSAGE":"Started cron.service.""#,
        ),
        "half an entr\n".to_owned(),
        entry(
            "c",
            9_991,
            r#""PRIORITY":"4","SYSLOG_IDENTIFIER":"kernel","_TRANSPORT":"kernel","MESSAGE":[111,111,109,255]"#,
        ),
        entry("d", 9_992, r#""PRIORITY":["6"],"MESSAGE":null"#),
        entry(
            "e",
            9_993,
            r#""PRIORITY":"3","SYSLOG_IDENTIFIER":"app","MESSAGE":"token=hunter2 refused""#,
        ),
    ]
    .concat();
    let mut source = Journal::new(&Tree::new().host(), &Witness::default());
    let mut out = Batch::default();
    source.tell(now, output.as_bytes(), &mut out);
    let told: Vec<(EventKind, &str)> = out.events.iter().map(|event| (event.kind, &*event.what)).collect();
    assert_eq!(
        told,
        [
            (EventKind::Service, "systemd: Started cron.service."),
            (EventKind::Kernel, "kernel: oom\u{fffd}"),
            (EventKind::Log, "app: token=*** refused"),
        ]
    );
    assert_eq!(source.cursor.as_deref(), Some("e"));
    // The next reading begins with the entry the last one ended with, unless that was vacuumed away meanwhile.
    let next = entry(
        "f",
        9_994,
        r#""PRIORITY":"3","SYSLOG_IDENTIFIER":"app","MESSAGE":"down""#,
    );
    let again = entry(
        "e",
        9_993,
        r#""PRIORITY":"3","SYSLOG_IDENTIFIER":"app","MESSAGE":"told already""#,
    );
    let after = entry("g", 9_995, r#""PRIORITY":"3","SYSLOG_IDENTIFIER":"app","MESSAGE":"up""#);
    let mut out = Batch::default();
    source.tell(now, [again, next].concat().as_bytes(), &mut out);
    source.tell(now, after.as_bytes(), &mut out);
    let told: Vec<&str> = out.events.iter().map(|event| &*event.what).collect();
    assert_eq!(told, ["app: down", "app: up"]);
}

#[test]
fn nobody_is_taken_at_their_own_word() {
    let tree = Tree::new();
    tree.write(
        "etc/passwd",
        "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n",
    );
    let witness = Witness::default();
    let mut source = Journal::new(&tree.host(), &witness);
    let mut cursor = 0;
    let mut tell = |fields: &str| {
        cursor += 1;
        let entry = format!(r#"{{"__CURSOR":"{cursor}","__REALTIME_TIMESTAMP":"9990000000",{fields}}}"#);
        let mut out = Batch::default();
        source.tell(Timestamp::from_secs(10_000), entry.as_bytes(), &mut out);
        out.events.pop().map(|event| (event.kind, event.what.to_string()))
    };
    let who = || witness.who_changed("/etc/x", Timestamp::from_secs(9_991), |_| false);
    let kernel = r#""PRIORITY":"3","SYSLOG_IDENTIFIER":"kernel","MESSAGE":"Out of memory: Killed process 777""#;
    assert_eq!(
        tell(&format!(
            r#"{kernel},"_TRANSPORT":"syslog","_COMM":"logger","_UID":"1000""#
        )),
        Some((
            EventKind::Log,
            "logger as kernel: Out of memory: Killed process 777".into()
        ))
    );
    assert_eq!(
        tell(&format!(r#"{kernel},"_TRANSPORT":"kernel""#)).unwrap().0,
        EventKind::Kernel
    );
    // Told from afar: nobody saw who wrote it.
    assert_eq!(tell(kernel).unwrap().0, EventKind::Log);
    let sudo = r#""PRIORITY":"5","SYSLOG_IDENTIFIER":"sudo","_TRANSPORT":"syslog","MESSAGE":"bob : PWD=/ ; USER=root ; COMMAND=/usr/bin/tee /etc/x""#;
    for forged in [
        "",
        r#","_COMM":"logger","_EXE":"/usr/bin/logger","_UID":"1001""#,
        r#","_COMM":"logger","_EXE":"/usr/bin/logger","_UID":"0""#,
        r#","_COMM":"sudo","_EXE":"/home/bob/bin/sudo","_UID":"1001""#,
        r#","_COMM":"sudo","_EXE":"/usr/bin/sudo","_UID":"1000""#,
        r#","_UID":"1000""#,
    ] {
        assert_eq!((tell(&format!("{sudo}{forged}")), who()), (None, None), "{forged}");
    }
    for true_one in [
        r#","_COMM":"sudo","_EXE":"/usr/bin/sudo","_UID":"1001""#,
        r#","_COMM":"sudo","_EXE":"/usr/lib/cargo/bin/sudo-rs","_UID":"0""#,
        r#","_UID":"1001""#,
    ] {
        assert_eq!(
            tell(&format!("{sudo}{true_one}")).unwrap().0,
            EventKind::Login,
            "{true_one}"
        );
        assert_eq!(who().as_deref(), Some("bob"));
    }
    let table = r#""PRIORITY":"6","SYSLOG_IDENTIFIER":"crontab","_TRANSPORT":"syslog","MESSAGE":"(bob) REPLACE (bob)""#;
    for exe in ["/home/eve/crontab", "/usr/bin/crontab"] {
        assert_eq!(tell(&format!(r#"{table},"_EXE":"{exe}","_UID":"1000""#)), None);
    }
    let mine = format!(r#"{table},"_EXE":"/usr/bin/crontab","_UID":"1001""#);
    assert_eq!(tell(&mine).unwrap().1, "crontab: (bob) REPLACE (bob)");
    let at = Timestamp::from_secs(9_991);
    let whose = witness.who_changed("/var/spool/cron/crontabs/bob", at, |_| false);
    assert_eq!(whose.as_deref(), Some("bob"));
    let unit = r#""PRIORITY":"6","SYSLOG_IDENTIFIER":"systemd","MESSAGE":"Stopped ssh.service.","_UID":"1000""#;
    assert_eq!(tell(&format!(r#"{unit},"_EXE":"/usr/bin/logger","_PID":"99""#)), None);
    let login = r#""PRIORITY":"6","SYSLOG_IDENTIFIER":"sshd","MESSAGE":"Accepted password for root from 10.0.0.1""#;
    assert_eq!(
        tell(&format!(r#"{login},"_EXE":"/usr/bin/logger","_UID":"1000""#)),
        None
    );
    let server = r#""_EXE":"/usr/lib/openssh/sshd-session","_UID":"0""#;
    assert_eq!(tell(&format!("{login},{server}")).unwrap().0, EventKind::Login);
}

#[test]
fn what_is_added_is_asked_for_every_ten_seconds_and_at_once_where_a_change_waits() {
    let tree = Tree::new();
    let path = "var/log/journal/abc/system.journal";
    tree.write(path, "a");
    let witness = Witness::default();
    let mut source = Journal::new(&tree.host(), &witness);
    let at = Timestamp::from_secs;
    let now_there = |source: &mut Journal| source.marks = vec![mark(&fs::metadata(tree.path(path)).unwrap())];
    now_there(&mut source);
    source.asked = Some(at(100));
    source.read(at(102), &mut Batch::default()).unwrap();
    // A line is added; another log is read to its end.
    tree.write(path, "ab");
    source.read(at(104), &mut Batch::default()).unwrap();
    assert_eq!(source.asked, Some(at(100)), "nobody waits");
    witness.read(Deed::Ran, at(104));
    let clue = [crate::observe::witness::Clue::Named("/etc/motd".into())];
    assert!(witness.awaits(&clue, at(103), at(105), at(105)));
    // No program answers here; that it was asked is what counts.
    let _ = source.read(at(106), &mut Batch::default());
    assert_eq!(source.asked, Some(at(106)));
    // Nobody waits: not the whole time, and then again.
    now_there(&mut source);
    source.read(at(108), &mut Batch::default()).unwrap();
    tree.write(path, "abc");
    for (secs, asked) in [(110, 106), (114, 106), (116, 116)] {
        let _ = source.read(at(secs), &mut Batch::default());
        assert_eq!(source.asked, Some(at(asked)), "at {secs}");
    }
}

#[test]
fn a_host_without_a_journal() {
    let tree = Tree::new();
    assert!(!Journal::kept(&tree.path("")));
    tree.write("var/log/journal/abc/system@1.journal", "");
    assert!(!Journal::kept(&tree.path("")), "only rotated");
    assert!(matches!(
        tree.read(&mut Journal::new(&tree.host(), &Witness::default()), 0),
        Err(ObserveError::Absent { .. })
    ));
    tree.write("run/log/journal/abc/system.journal", "");
    assert!(Journal::kept(&tree.path("")));
}
