//! Who did what, as the logs have it: noted by the sources of events, asked by those of settings.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use all of it")
)]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use crate::domain::{Span, Timestamp, text::visible};

/// Most deeds that are remembered, and longest text of one, bytes.
const MOST: usize = 1_000;
const LONGEST: usize = 400;
/// How long after a command began it may still write: an editor stays open.
const COMMAND: Span = Span::from_hours(1);
/// How far a package's log and its files may lie apart, and how long a program that keeps files may take.
const PACKAGE: Span = Span::from_mins(2);
/// How far the audit log and the file's own time may lie apart.
const AUDIT: Span = Span::from_secs(5);

/// Programs that change files they are not told by name, and where these begin.
const HANDS: [(&[&str], &[&str]); 9] = [
    (
        &[
            "useradd", "usermod", "userdel", "adduser", "deluser", "groupadd", "groupmod", "groupdel", "gpasswd",
            "passwd", "chpasswd", "chage", "chsh", "chfn", "vipw", "vigr",
        ],
        &[
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/gshadow",
            "/etc/subuid",
            "/etc/subgid",
        ],
    ),
    (&["visudo"], &["/etc/sudoers"]),
    (&["crontab"], &["/var/spool/cron"]),
    (&["systemctl"], &["/etc/systemd/"]),
    (&["hostnamectl"], &["/etc/hostname", "/etc/machine-info"]),
    (&["timedatectl"], &["/etc/localtime", "/etc/adjtime", "/etc/timezone"]),
    (
        &["localectl", "update-locale"],
        &["/etc/locale.conf", "/etc/default/locale"],
    ),
    (&["update-alternatives"], &["/etc/alternatives/"]),
    (&["ufw"], &["/etc/ufw/"]),
];

/// What a log saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    /// The audit log: this very file was written.
    Wrote,
    /// `sudo` or the audit log: this command was run.
    Ran,
    /// The package manager: this package was worked on.
    Installed,
}

struct Seen {
    at: Timestamp,
    deed: Deed,
    who: Arc<str>,
    what: String,
}

/// What the logs saw of late. All copies share one memory.
#[derive(Clone, Default)]
pub(super) struct Witness(Arc<Mutex<VecDeque<Seen>>>);

impl Witness {
    /// Notes that `who` did `deed` to `what` (a path, a command line, a package).
    pub(super) fn note(&self, at: Timestamp, deed: Deed, who: &str, what: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.pop_front();
        }
        let mut end = what.len().min(LONGEST);
        while !what.is_char_boundary(end) {
            end -= 1;
        }
        seen.push_back(Seen {
            at,
            deed,
            who: visible(who).into(),
            what: what[..end].to_owned(),
        });
    }

    /// Who changed the file `path` of the host at `at`, as far as a log says: the best evidence, and of equal evidence the
    /// latest. `owns` says whether a package brought the file.
    pub(super) fn who_changed(&self, path: &str, at: Timestamp, owns: impl Fn(&str) -> bool) -> Option<Arc<str>> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |seen: &&Seen| match seen.deed {
            Deed::Wrote => seen.what == path && apart(at, seen.at) <= AUDIT,
            Deed::Ran => {
                let since = at - seen.at;
                since >= Span::from_secs(-1)
                    && (names(&seen.what, path) && since <= COMMAND || works_on(&seen.what, path) && since <= PACKAGE)
            }
            Deed::Installed => apart(at, seen.at) <= PACKAGE && owns(&seen.what),
        };
        // Of equal ones `max_by_key` takes the last, so the strongest deed must compare as greatest.
        let best = seen.iter().filter(fits).max_by_key(|seen| std::cmp::Reverse(seen.deed));
        best.map(|seen| match seen.deed {
            Deed::Installed => format!("{} ({})", seen.who, visible(&seen.what)).into(),
            _ => seen.who.clone(),
        })
    }

    /// Whether the package manager worked on anything at `at`, as far as its log says.
    pub(super) fn packages_changed(&self, at: Timestamp) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let installed = |seen: &Seen| seen.deed == Deed::Installed && apart(at, seen.at) <= PACKAGE;
        seen.iter().any(installed)
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Span {
    (one - other).max(other - one)
}

/// Whether a command line names the file: its whole path, or its last part as a word of its own.
fn names(command: &str, path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or(path);
    command.split([' ', '=', '"', '\'', '>']).any(|word| {
        word == path || (word == last && !last.is_empty()) || word.strip_prefix("./").is_some_and(|word| word == last)
    })
}

/// Whether a command line runs a program that keeps the file.
fn works_on(command: &str, path: &str) -> bool {
    let program = command.split(' ').next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    HANDS
        .iter()
        .any(|(programs, files)| programs.contains(&program) && files.iter().any(|file| path.starts_with(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            witness.note(at(n), Deed::Ran, "x", &"é".repeat(1_000));
        }
        assert_eq!(witness.0.lock().unwrap().len(), MOST);
    }
}
