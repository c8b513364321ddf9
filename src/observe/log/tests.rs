//! Lines of logs as events.

use super::*;

fn told(program: &str, message: &str, warning: bool) -> Option<(EventKind, String, Option<String>)> {
    let line = Line {
        at: Timestamp(0),
        program,
        message,
        warning,
        vouched: true,
    };
    let event = line.event(&ResourceId::new("host", "t"))?;
    Some((event.kind, event.what.to_string(), event.who.map(|who| who.to_string())))
}

#[test]
fn logins_services_and_warnings_are_kept() {
    for (program, message, who) in [
        (
            "sudo",
            "   bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls",
            "bob",
        ),
        (
            "sudo",
            "ana : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
            "ana",
        ),
        (
            "sudo",
            "pam_unix(sudo:auth): authentication failure; logname=x uid=1000 euid=0 tty=/dev/pts/0 ruser=ana rhost=  user=root",
            "ana",
        ),
        ("sshd", "Accepted publickey for root from 10.0.0.1 port 1 ssh2", "root"),
        ("systemd-logind", "New session 3 of user root.", "root"),
    ] {
        let (kind, _, by) = told(program, message, false).unwrap();
        assert_eq!((kind, by.as_deref()), (EventKind::Login, Some(who)), "{message}");
    }
    let failed = "Failed password for invalid user admin from 10.0.0.1";
    let (kind, _, by) = told("sshd", failed, false).unwrap();
    assert_eq!((kind, by), (EventKind::Login, None), "whoever was tried did not do it");
    for (program, message, warning, kind) in [
        (
            "systemd",
            "Started ssh.service - OpenBSD.",
            false,
            Some(EventKind::Service),
        ),
        (
            "systemd",
            "Started session-3.scope - Session 3 of User root.",
            false,
            None,
        ),
        (
            "kernel",
            "Out of memory: Killed process 7",
            true,
            Some(EventKind::Kernel),
        ),
        ("cron", "job done", false, None),
    ] {
        assert_eq!(
            told(program, message, warning).map(|(kind, ..)| kind),
            kind,
            "{message}"
        );
    }
    assert_eq!(
        told("useradd", "new user: name=carol, UID=1001", false).unwrap().1,
        "useradd: new user: name=carol, UID=1001"
    );
}

#[test]
fn the_kernel_is_put_into_words() {
    let what = |message, warning| told("kernel", message, warning).map(|(_, what, _)| what);
    assert_eq!(
        what("Out of memory: Killed process 7 (java)", true).as_deref(),
        Some("OOM kill: Out of memory: Killed process 7 (java)")
    );
    assert_eq!(
        what("e1000: eth0 NIC Link is Down", false).as_deref(),
        Some("link down: e1000: eth0 NIC Link is Down")
    );
    assert_eq!(
        what("blk_update_request: I/O error, dev sda", false).as_deref(),
        Some("I/O error: blk_update_request: I/O error, dev sda")
    );
    assert_eq!(what("something odd", true).as_deref(), Some("kernel: something odd"));
    assert_eq!(what("usb 1-1: new device", false), None);
    assert_eq!(what("md/raid1:md0: active with 2 out of 2 mirrors", false), None);
    for lacking in [
        "md/raid1:md0: active with 1 out of 2 mirrors",
        "md/raid1:md0: Disk failure on vdc, disabling device.",
        "md/raid1:md0: Operation continuing on 1 devices.",
    ] {
        assert!(
            what(lacking, false).unwrap().starts_with("array degraded: "),
            "{lacking}"
        );
    }
    for frame in [
        " oom_kill_process.cold+0xb/0x10",
        "? out_of_memory+0x1fd/0x4c0",
        "RIP: 0010:native_safe_halt+0xe/0x10",
    ] {
        assert_eq!(what(frame, true), None, "{frame}");
    }
}

#[test]
fn who_ran_what() {
    let line = Line {
        at: Timestamp(0),
        program: "sudo",
        message: "     bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vim /etc/hosts",
        warning: false,
        vouched: true,
    };
    let told = |line: &Line| line.command().map(|(who, what)| (who.to_owned(), what.into_owned()));
    let ran = |who: &str, what: &str| Some((who.to_owned(), what.to_owned()));
    assert_eq!(told(&line), ran("bob", "/usr/bin/vim /etc/hosts"));
    let other = |program, message| {
        told(&Line {
            program,
            message,
            ..line
        })
    };
    assert_eq!(
        other("doas", "bob ran command apk add x as root from /home/bob"),
        ran("bob", "apk add x")
    );
    assert_eq!(other("crontab", "(root) REPLACE (bob)"), ran("root", "crontab -u bob"));
    assert_eq!(other("crontab", "(bob) DELETE (bob)"), ran("bob", "crontab -u bob"));
    assert_eq!(other("crontab", "(bob) LIST (bob)"), None);
    assert_eq!(other("cron", "(bob) REPLACE (bob)"), None);
    let message =
        r#"bob : PWD=/ ; USER=root ; COMMAND=/bin/bash -c bash\ -c\ \"echo\ y\=2\ \>\ \/etc\/audx\/sudoi.conf\""#;
    let escaped = told(&Line { message, ..line }).unwrap().1;
    assert_eq!(escaped, r#"/bin/bash -c bash -c "echo y=2 > /etc/audx/sudoi.conf""#);
    let witness = Witness::default();
    witness.note(
        Timestamp::from_secs(9),
        crate::observe::witness::Deed::Ran,
        "bob",
        &escaped,
    );
    let by = witness.who_changed("/etc/audx/sudoi.conf", Timestamp::from_secs(10), |_| false);
    assert_eq!(by.as_deref(), Some("bob"));
    let message = "bob : command not allowed ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vim /etc/hosts";
    assert_eq!(Line { message, ..line }.command(), None);
}

#[test]
fn an_account_that_nobody_known_removed_is_no_deed_of_whoever_made_it() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    let line = |secs: i64, program: &str, message: &str| {
        let line = Line {
            at: at(secs),
            program,
            message,
            warning: false,
            vouched: true,
        };
        let told = line.told(&ResourceId::new("host", "a"), &witness).unwrap();
        told.who.map(|who| who.to_string())
    };
    witness.note(at(100), Deed::Ran, "ana", "/usr/sbin/useradd mallory");
    let made = line(
        100,
        "useradd",
        "new user: name=mallory, UID=1001, GID=1001, home=/home/mallory, shell=/bin/sh",
    );
    assert_eq!(made.as_deref(), Some("ana"));
    assert_eq!(
        witness.who_changed("/etc/gshadow", at(101), |_| false).as_deref(),
        Some("ana")
    );
    assert_eq!(line(172, "userdel", "delete user 'mallory'"), None);
    assert_eq!(witness.who_changed("/etc/subuid", at(172), |_| false), None);
}

#[test]
fn a_line_that_anybody_may_have_written_takes_no_author_away() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    witness.note(at(100), Deed::Ran, "mallory", "/usr/sbin/useradd eve");
    for (vouched, who) in [(false, Some("mallory")), (true, None)] {
        let forged = Line {
            at: at(110),
            program: "useradd",
            message: "new user: name=other, UID=1002",
            warning: false,
            vouched,
        };
        let told = forged.told(&ResourceId::new("host", "a"), &witness).unwrap();
        assert_eq!(told.who, None, "the line itself is told, too");
        let changed = witness.who_changed("/etc/subuid", at(111), |_| false);
        assert_eq!(changed.as_deref(), who);
    }
}

#[test]
fn what_somebody_asked_for_bears_their_name() {
    let witness = Witness::default();
    let ran = |secs: i64, what: &str| {
        witness.note(
            Timestamp::from_secs(secs),
            crate::observe::witness::Deed::Ran,
            "anna",
            what,
        );
    };
    ran(100, "/usr/sbin/adduser carol");
    ran(200, "/usr/bin/systemctl reload nginx");
    ran(300, "/usr/bin/systemctl stop redis-server.service");
    let who = |secs: i64, program: &str, message: &str| {
        let line = Line {
            at: Timestamp::from_secs(secs),
            program,
            message,
            warning: false,
            vouched: true,
        };
        line.told(&ResourceId::new("host", "t"), &witness)
            .unwrap()
            .who
            .map(|who| who.to_string())
    };
    let anna = Some("anna".to_owned());
    assert_eq!(who(101, "useradd", "new user: name=carol, UID=1001"), anna);
    assert_eq!(who(201, "systemd", "Reloaded nginx.service - A server."), anna);
    assert_eq!(who(320, "systemd", "Stopped redis-server.service - A store."), anna);
    assert_eq!(who(320, "systemd", "Stopped other.service - A store."), None);
    assert_eq!(who(900, "systemd", "Stopped redis-server.service - A store."), None);
    assert_eq!(who(900, "useradd", "new user: name=dave, UID=1002"), None);
}

#[test]
fn an_event_is_one_short_line_without_secrets() {
    let long = format!("connect password=hunter2 {}\nsecond", "x ".repeat(400));
    let (_, what, _) = told("app", &long, true).unwrap();
    assert_eq!(what.chars().count(), LONGEST);
    assert!(what.starts_with("app: connect password=*** x") && !what.contains("second"));
    assert_eq!(told("", "", true).unwrap().1, "");
}

#[test]
fn a_try_to_log_in_that_fails_counts_once() {
    for (program, message, counts) in [
        ("sshd", "Failed password for root from 10.0.0.1 port 22 ssh2", true),
        (
            "sshd-session",
            "Failed keyboard-interactive/pam for bob from 10.0.0.1",
            true,
        ),
        ("sshd", "Failed publickey for bob from 10.0.0.1 port 22 ssh2", false),
        ("sshd", "Invalid user admin from 10.0.0.1", false),
        ("su", "FAILED SU (to root) bob on pts/0", true),
        (
            "su",
            "pam_unix(su:auth): authentication failure; logname=bob uid=1000",
            false,
        ),
        (
            "login",
            "FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure",
            true,
        ),
        (
            "login",
            "pam_unix(login:auth): authentication failure; tty=/dev/tty1",
            false,
        ),
    ] {
        let line = Line {
            at: Timestamp::from_secs(0),
            program,
            message,
            warning: false,
            vouched: true,
        };
        assert_eq!(line.is_failed_try(), counts, "{program}: {message}");
    }
}
