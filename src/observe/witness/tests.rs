//! Who made a change, by what the logs saw.

use super::*;

#[test]
fn a_package_manager_that_names_only_itself_was_run_by_someone() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    let who = |package: &str, secs| {
        let told = witness.who(&[Clue::Package(package.into())], None, at(secs), |_, _| false);
        told.map(|(who, at)| (who.to_string(), at.map(|(from, _)| from.secs())))
    };
    witness.note(at(100), Deed::Installed, "dnf", "foo");
    assert_eq!(who("foo", 110), Some(("dnf".into(), Some(100))));
    // The two logs are not read at the same moment.
    witness.note(at(90), Deed::Ran, "alice", "/usr/bin/dnf -y install foo");
    witness.note(at(105), Deed::Ran, "eve", "/usr/bin/dnf -y install bar");
    assert_eq!(who("foo", 110), Some(("alice by dnf".into(), Some(100))));
    assert_eq!(who("bar", 110), None);
    // Another log of the same deed says more.
    witness.note(at(99), Deed::Installed, "bob by dnf-automatic", "foo");
    assert_eq!(who("foo", 110), Some(("bob by dnf-automatic".into(), Some(99))));
    // Who only asked did nothing.
    witness.note(at(98), Deed::Ran, "eve", "/usr/bin/rpm -qa");
    assert_eq!(who("foo", 110), Some(("bob by dnf-automatic".into(), Some(99))));
    // What a package brings comes with it, and not whenever it goes later.
    let port = |after, secs| witness.who(&[Clue::Brought("foo".into())], Some(at(after)), at(secs), |_, _| false);
    assert_eq!(port(90, 110), Some(("bob by dnf-automatic".into(), None)));
    assert_eq!(port(1_000, 1_060), None);
    // So does an account that its scripts make, under a name of their own; a command that made it by name is asked first.
    let made = Clue::Command(&["useradd"], vec!["_foo".into()]);
    let account = |after, secs| {
        let clues = [made.clone(), Clue::Packages];
        let told = witness.who(&clues, Some(at(after)), at(secs), |_, _| false);
        told.map(|(who, _)| who.to_string())
    };
    assert_eq!(account(90, 110).as_deref(), Some("alice by dnf"));
    assert_eq!(account(90, 130), None, "after its run it is somebody else's");
    assert_eq!(account(1_000, 1_060), None);
    witness.note(at(104), Deed::Ran, "kim", "/usr/sbin/useradd _foo");
    assert_eq!(account(90, 110).as_deref(), Some("kim"));
    // It waits for the log of commands, too.
    let clue = [Clue::Package("foo".into())];
    witness.read(Deed::Installed, at(112));
    assert!(!witness.awaits(&clue, at(110), at(110), at(112)));
    witness.read(Deed::Ran, at(105));
    assert!(witness.awaits(&clue, at(110), at(110), at(112)));
    witness.read(Deed::Ran, at(112));
    assert!(!witness.awaits(&clue, at(110), at(110), at(112)));
}

#[test]
fn a_log_that_has_more_is_waited_for_though_another_was_read() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    let clue = [Clue::Named("/etc/motd".into())];
    assert!(!witness.awaits(&clue, at(100), at(103), at(103)), "no log is kept");
    witness.read(Deed::Ran, at(104));
    assert!(!witness.awaits(&clue, at(100), at(103), at(104)) && !witness.awaited());
    // One log was read to its end, and the other has more that nobody read since.
    witness.unread(Some(at(96)));
    assert!(witness.awaits(&clue, at(100), at(103), at(104)) && witness.awaited());
    witness.read(Deed::Installed, at(105));
    assert!(witness.awaited());
    witness.unread(None);
    witness.read(Deed::Ran, at(105));
    assert!(!witness.awaits(&clue, at(100), at(103), at(105)) && !witness.awaited());
}

#[test]
fn a_command_that_was_over_is_not_said_to_have_changed_the_file_again() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    let path = "/etc/nginx/nginx.conf";
    let both = |secs: i64| {
        let named = witness.who(&[Clue::Named(path.into())], None, at(secs), |_, _| false);
        let whose = witness.who_changed(path, at(secs), |_| false);
        assert_eq!(named.map(|(who, _)| who), whose, "{secs}");
        whose.map(|who| who.to_string())
    };
    witness.note(
        at(100),
        Deed::Ran,
        "ana",
        "/usr/bin/sed -i s/1/2/ /etc/nginx/nginx.conf",
    );
    assert_eq!(both(101).as_deref(), Some("ana"));
    // All settings of the file, and what the same command writes once more.
    assert_eq!(both(102).as_deref(), Some("ana"));
    assert_eq!(both(130), None, "someone else put it back");
    witness.note(at(800), Deed::Ran, "ana", "/usr/bin/cp /etc/nginx/nginx.conf /root/x");
    witness.note(at(850), Deed::Ran, "ana", "/usr/bin/systemctl stop redis-server");
    assert_eq!(both(940), None, "it was over long ago");
    // An editor stays open.
    witness.note(at(2_000), Deed::Ran, "bob", "/usr/bin/vim /etc/nginx/nginx.conf");
    assert_eq!(both(2_600).as_deref(), Some("bob"));
    assert_eq!(both(2_640).as_deref(), Some("bob"));
    assert_eq!(both(3_000), None);
}

#[test]
fn the_best_evidence_says_who() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    let who = |path: &str, secs| {
        let who = witness
            .clone()
            .who_changed(path, at(secs), |package| package == "ssh" && path.contains("ssh"));
        who.map(|who| who.to_string())
    };
    assert_eq!(who("/etc/ssh/sshd_config", 100), None);
    witness.note(at(90), Deed::Installed, "dpkg", "ssh");
    assert_eq!(who("/etc/ssh/sshd_config", 100).as_deref(), Some("dpkg (ssh)"));
    assert_eq!(who("/etc/motd", 100), None);
    witness.note(at(10), Deed::Ran, "eve", "/usr/bin/vim /etc/ssh/sshd_config");
    witness.note(at(20), Deed::Ran, "bob\u{1b}", "/usr/bin/vim sshd_config");
    witness.note(at(200), Deed::Ran, "late", "/usr/bin/vim sshd_config");
    assert_eq!(who("/etc/ssh/sshd_config", 100).as_deref(), Some("bob\\u{1b}"));
    assert_eq!(who("/etc/ssh/sshd_config", 9_000), None);
    witness.note(at(99), Deed::Wrote, "al", "/etc/ssh/sshd_config");
    assert_eq!(who("/etc/ssh/sshd_config", 100).as_deref(), Some("al"));
    witness.note(at(500), Deed::Ran, "kim", "/usr/sbin/useradd eve");
    assert_eq!(who("/etc/subuid", 501).as_deref(), Some("kim"));
    assert_eq!(who("/etc/subuid", 900), None);
    for n in 0..3_000 {
        witness.note(at(9_990), Deed::Installed, "dpkg", &format!("lib{n}"));
    }
    assert_eq!(who("/etc/ssh/sshd_config", 100).as_deref(), Some("al"));
    for n in 0..3_000 {
        witness.note(at(n), Deed::Ran, "x", &"é".repeat(1_000));
    }
    assert_eq!(witness.memory().seen.len(), MOST);
}

#[test]
fn what_one_command_changed_it_does_not_change_again_and_another_ends_its_claim() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    let who = |path: &str, secs| {
        witness
            .who_changed(path, at(secs), |_| false)
            .map(|who| who.to_string())
    };
    let account = |secs| {
        let clue = [Clue::Command(&["useradd", "userdel"], vec!["mallory".into()])];
        witness
            .who(&clue, Some(at(secs - 60)), at(secs), |_, _| false)
            .map(|(who, _)| who.to_string())
    };
    witness.note(at(100), Deed::Ran, "ana", "/usr/sbin/useradd -m mallory");
    assert_eq!(who("/etc/subuid", 100).as_deref(), Some("ana"));
    assert_eq!(account(110).as_deref(), Some("ana"));
    assert_eq!(who("/etc/subuid", 150), None, "somebody else changed it");
    assert_eq!(who("/etc/gshadow", 150).as_deref(), Some("ana"), "not said before");
    // A log tells that the program ran again, and nobody knows who ran it.
    witness.note(at(160), Deed::Ran, "", "userdel mallory");
    assert_eq!((who("/etc/subgid", 160), account(160)), (None, None));
    witness.note(at(200), Deed::Ran, "bob", "/usr/sbin/userdel mallory");
    assert_eq!(
        (who("/etc/subgid", 200), account(200)),
        (Some("bob".into()), Some("bob".into()))
    );
}

#[test]
fn parameters_are_read_soon_after_somebody_set_one() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    let soon = |read: i64| witness.declared("sysctl", at(read));
    witness.note(at(100), Deed::Ran, "ana", "/usr/sbin/sysctl -a");
    assert_eq!(soon(60), None);
    witness.note(at(110), Deed::Ran, "ana", "/usr/sbin/sysctl -w net.ipv4.ip_forward=1");
    assert_eq!((soon(60), soon(112), soon(171)), (Some(LOOKS), Some(AGAIN), None));
    witness.note(at(300), Deed::Ran, "ana", "/usr/bin/tee /proc/sys/vm/swappiness");
    witness.note(at(200), Deed::Ran, "ana", "/usr/sbin/sysctl -p");
    assert_eq!(soon(250), Some(LOOKS));
}

#[test]
fn what_a_package_brings_is_its_own_until_it_is_done_with() {
    let witness = Witness::default();
    let at = Timestamp::from_secs;
    witness.installs(at(100), "root by apt", "kernel");
    witness.installed(at(1_000), "kernel");
    let who = |secs| witness.who_changed("/etc/kernel/x", at(secs), |package| package == "kernel");
    assert_eq!(who(700).as_deref(), Some("root by apt (kernel)"));
    assert_eq!(who(1_060).as_deref(), Some("root by apt (kernel)"));
    assert_eq!(who(1_200), None);
}
