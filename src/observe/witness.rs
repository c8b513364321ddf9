//! Who did what, as the logs have it: noted by the sources of events, asked by those of settings.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use all of it")
)]

mod command;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use self::command::{names, says, stays_open, works_on};
use super::look::{looks, program};
use crate::domain::{Span, Timestamp, text::visible};

/// Most deeds that are remembered, and longest text of one, bytes.
const MOST: usize = 1_000;
const LONGEST: usize = 400;
/// How long after a command began it may still write: an editor stays open.
const COMMAND: Span = Span::from_hours(1);
/// How far a package's log and its files may lie apart, and how long a program that keeps files may take.
const PACKAGE: Span = Span::from_mins(2);
/// How long one run of a package manager may take.
const RUN: Span = Span::from_mins(30);
/// How long a command that names a file, and is no editor, may take until it writes it; its end stands in no log.
const WORKS: Span = Span::from_mins(1);
/// How far beyond what a log says of a package's run its scripts may still be at work.
const SCRIPT: Span = Span::from_secs(10);
/// How far the audit log and the file's own time may lie apart, and two writes of one command.
const AUDIT: Span = Span::from_secs(5);
/// How far two logs of one login may lie apart; one of them has whole seconds.
const LOGIN: Span = Span::from_secs(3);
/// How much later than a command it may stand in a log.
const DELAY: Span = Span::from_secs(1);
const EARLY: Span = Span::from_secs(-1);
/// How long a change waits for a log to be read at most, and how long a log that is no longer read is waited for.
const PATIENCE: Span = Span::from_secs(12);
const SILENT: Span = Span::from_secs(30);
/// How long after a file that declares something was written it is looked whether it is so: drift gives who wrote it a minute to load it.
const LOADED: Span = Span::from_secs(61);
/// How often it is looked meanwhile.
const AGAIN: Span = Span::from_secs(15);
/// How often logs of what people ran are looked at: a change that waits for one is told soon after.
pub(super) const LOOKS: Span = Span::from_secs(2);

/// Package managers as their own logs name them, and the programs that they are run by.
const MANAGERS: [(&str, &[&str]); 4] = [
    ("dpkg", &["dpkg", "apt", "apt-get", "aptitude"]),
    ("apk", &["apk"]),
    (
        "dnf",
        &["dnf", "dnf-3", "dnf5", "microdnf", "yum", "rpm", "zypper", "pkcon"],
    ),
    (
        "rpm",
        &["rpm", "dnf", "dnf-3", "dnf5", "microdnf", "yum", "zypper", "pkcon"],
    ),
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
    /// When it was over; `None` while a package is still worked on.
    until: Option<Timestamp>,
    deed: Deed,
    /// Empty where it is known that somebody did it whom no log names.
    who: Arc<str>,
    what: String,
    /// The files it was said to have changed, each with when it did first: what changes one of them later may be another's deed.
    changed: Vec<(String, Timestamp)>,
}

impl Seen {
    /// Whether it is a command that names the file, and may still have been at it at `at`.
    fn may_write(&self, path: &str, at: Timestamp) -> bool {
        let within = if self.edits() { COMMAND } else { WORKS };
        (EARLY..=within).contains(&(at - self.at)) && self.not_yet(path, at) && names(&self.what, path)
    }

    fn edits(&self) -> bool {
        stays_open(&self.what)
    }

    /// Whether it was not said before to have changed the file, or may be at it still: what a command does to a file it does at once.
    fn not_yet(&self, path: &str, at: Timestamp) -> bool {
        // An editor saves again and again; beyond a minute it may as well have been closed and another come after it.
        let again = if self.edits() { WORKS } else { AUDIT };
        let mut changed = self.changed.iter();
        changed.all(|(of, first)| of != path || apart(at, *first) <= again)
    }

    /// Notes that it was said to have changed the file at `at`.
    fn credit(&mut self, path: &str, at: Timestamp) {
        if self.changed.iter().all(|(of, _)| of != path) {
            self.changed.push((path.to_owned(), at));
        }
    }
}

/// Who made a change, and from when to when where a log says so better.
pub(super) type Author = Option<(Arc<str>, Option<(Timestamp, Timestamp)>)>;

/// What may tell who made a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clue {
    /// It stands in this file of the host.
    File(String),
    /// It stands in this file of the host, which programs that are not told its name do not explain.
    Named(String),
    /// One of these programs, or any where there are none, was told one of these words; without any, all that it is told count.
    Command(&'static [&'static str], Vec<String>),
    /// The package manager worked on this package.
    Package(String),
    /// The package manager worked on this package in the time the change was in, which says nothing of when.
    Brought(String),
    /// The package manager was at work.
    Packages,
}

/// What the logs saw of late, and up to when they were read.
#[derive(Default)]
struct Memory {
    /// All but what was installed.
    seen: VecDeque<Seen>,
    /// Apart, since one upgrade works on more packages than are remembered.
    installed: VecDeque<Seen>,
    /// Logins: when, whose where that is known, and whether they failed. Apart from deeds, which no flood of them may push out.
    logins: VecDeque<(Timestamp, String, bool)>,
    /// When each of the last logins failed, a try a time.
    failures: VecDeque<Timestamp>,
    /// When a log that tells of logins was last read.
    logins_read: Option<Timestamp>,
    /// Of commands, and of packages.
    read: [Option<Timestamp>; 2],
    /// Up to when the log of commands was read that is dear to read and has more, where there is one.
    unread: Option<Timestamp>,
    /// Whether a change waits for a log of commands.
    awaited: bool,
    /// Scopes that there is a reason to read soon, and since when.
    declared: BTreeMap<&'static str, Timestamp>,
}

/// What the logs saw of late. All copies share one memory.
#[derive(Clone, Default)]
pub(super) struct Witness(Arc<Mutex<Memory>>);

impl Witness {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a log that tells of `deed` was read to its end at `now`.
    pub(super) fn read(&self, deed: Deed, now: Timestamp) {
        let mut memory = self.memory();
        memory.read[usize::from(deed == Deed::Installed)] = Some(now);
        memory.awaited &= deed == Deed::Installed;
    }

    /// Notes that a log of commands has more than was read at `since`; `None` when it was read to its end.
    pub(super) fn unread(&self, since: Option<Timestamp>) {
        self.memory().unread = since;
    }

    /// Notes a reason of `at` to read the settings of `scope` soon: a file was written that declares what they should be (who writes one, soon
    /// loads it, or forgets to), somebody ran what sets them, or what they follow from changed.
    pub(super) fn declare(&self, scope: &'static str, at: Timestamp) {
        let mut memory = self.memory();
        let known = memory.declared.entry(scope).or_insert(at);
        *known = at.max(*known);
    }

    /// How soon settings of `scope` are to be read for that, which were last read at `read`: at once, and again and again for a minute.
    pub(super) fn declared(&self, scope: &str, read: Timestamp) -> Option<Span> {
        let written = self.memory().declared.get(scope).copied()?;
        let since = read - written;
        if since <= Span::ZERO {
            return Some(LOOKS);
        }
        (since < LOADED).then_some(AGAIN)
    }

    /// Whether a change waits for a log of commands to be read.
    pub(super) fn awaited(&self) -> bool {
        self.memory().awaited
    }

    /// Whether a log that may explain the change at `at`, which was found at `found`, is about to be read beyond it. Where no log is read,
    /// nothing is waited for, and never longer than 12 s.
    pub(super) fn awaits(&self, clues: &[Clue], at: Timestamp, found: Timestamp, now: Timestamp) -> bool {
        let mut memory = self.memory();
        let mut read = memory.read;
        read[0] = read[0].map(|read| memory.unread.map_or(read, |unread| read.min(unread)));
        let behind =
            |read: Option<Timestamp>, until: Timestamp| read.is_some_and(|read| read < until && now - read <= SILENT);
        let package = clues
            .iter()
            .any(|clue| matches!(clue, Clue::Package(_) | Clue::Brought(_) | Clue::Packages));
        let late = if package {
            behind(read[1], at) || behind(read[0], at + DELAY)
        } else {
            behind(read[0], at + DELAY)
        };
        let waits = late && !clues.is_empty() && (Span::ZERO..PATIENCE).contains(&(now - found));
        memory.awaited |= waits;
        waits
    }

    /// Who made the change that `clues` belong to, between `after` and `at`, and from when to when where a log says so better. `owns` says whether a
    /// package brought a file.
    pub(super) fn who(
        &self,
        clues: &[Clue],
        after: Option<Timestamp>,
        at: Timestamp,
        owns: impl Fn(&str, &str) -> bool,
    ) -> Author {
        let from = after.unwrap_or(at - COMMAND) - DELAY * 5;
        clues.iter().find_map(|clue| match clue {
            Clue::File(path) => Some((self.who_changed(path, at, |package| owns(package, path))?, None)),
            Clue::Named(path) => {
                let mut memory = self.memory();
                let fits = |seen: &&mut Seen| match seen.deed {
                    Deed::Wrote => seen.what == *path && apart(at, seen.at) <= AUDIT,
                    Deed::Ran => !looks(&seen.what) && seen.may_write(path, at),
                    Deed::Installed => false,
                };
                let seen = memory.seen.iter_mut().filter(fits).max_by_key(|seen| seen.at)?;
                seen.credit(path, at);
                Some((seen.who.clone(), None))
            }
            Clue::Command(programs, words) => self.last(|seen| {
                seen.deed == Deed::Ran
                    && (from..=at + DELAY).contains(&seen.at)
                    && !looks(&seen.what)
                    && (programs.is_empty() || programs.contains(&program(&seen.what)))
                    && (words.is_empty() || words.iter().any(|word| says(&seen.what, word)))
            }),
            Clue::Packages => {
                let memory = self.memory();
                // People make accounts, too, also soon after they installed something.
                let off = |seen: &Seen| (seen.at - at).max(at - seen.until.unwrap_or(seen.at)).max(Span::ZERO);
                let fits = |seen: &&Seen| off(seen) <= SCRIPT && seen.at >= from;
                let nearest = memory.installed.iter().filter(fits).min_by_key(|seen| off(seen))?;
                let (who, when) = (nearest.who.clone(), nearest.at);
                drop(memory);
                Some((self.with_person(who, when), None))
            }
            Clue::Package(package) | Clue::Brought(package) => {
                let brought = matches!(clue, Clue::Brought(_));
                let fits = |seen: &&Seen| {
                    seen.what == *package
                        && (EARLY..=COMMAND).contains(&(at - seen.at))
                        && (!brought || seen.at >= from)
                };
                let memory = self.memory();
                let newest = memory.installed.iter().filter(fits).map(|seen| seen.at).max()?;
                // Of two logs of the same deed one names only the manager.
                let named = |seen: &&Seen| !MANAGERS.iter().any(|(manager, _)| **manager == *seen.who);
                let same = memory
                    .installed
                    .iter()
                    .filter(fits)
                    .filter(|seen| newest - seen.at <= AUDIT);
                let seen = same.max_by_key(|seen| (named(seen), seen.at))?;
                // Its scripts run until the end.
                let until = match seen.until {
                    Some(until) => until.min(at).max(seen.at),
                    None if at - seen.at <= PACKAGE => at.max(seen.at),
                    None => seen.at,
                };
                let (who, when) = (seen.who.clone(), seen.at);
                drop(memory);
                Some((self.with_person(who, when), (!brought).then_some((when, until))))
            }
        })
    }

    /// The package manager `by` with who had it do what it did at `at`, where that is known.
    fn with_person(&self, by: Arc<str>, at: Timestamp) -> Arc<str> {
        match self.who_installed(&by, at) {
            Some(person) => format!("{person} by {by}").into(),
            None => by,
        }
    }

    fn last<T>(&self, fits: impl Fn(&Seen) -> bool) -> Option<(Arc<str>, Option<T>)> {
        let memory = self.memory();
        let seen = memory
            .seen
            .iter()
            .filter(|seen| fits(seen))
            .max_by_key(|seen| seen.at)
            .filter(|seen| !seen.who.is_empty())?;
        Some((seen.who.clone(), None))
    }

    /// Who ran one of `programs` last before `at`, and no longer than an hour before.
    fn ran(&self, programs: &[&str], at: Timestamp) -> Option<Arc<str>> {
        let before = |seen: &Seen| (EARLY..=COMMAND).contains(&(at - seen.at));
        let fits = |seen: &Seen| {
            seen.deed == Deed::Ran && before(seen) && programs.contains(&program(&seen.what)) && !looks(&seen.what)
        };
        Some(self.last::<()>(fits)?.0)
    }

    /// Who had the package manager `by` do what it did at `at`, where its own log names only itself.
    pub(super) fn who_installed(&self, by: &str, at: Timestamp) -> Option<Arc<str>> {
        let (_, programs) = MANAGERS.iter().find(|(manager, _)| *manager == by)?;
        self.ran(programs, at)
    }

    /// Notes that `who` (empty: somebody whom no log names) did `deed` to `what` (a path, a command line, a package).
    pub(super) fn note(&self, at: Timestamp, deed: Deed, who: &str, what: &str) {
        self.keep((at, Some(at)), deed, who, what);
        if deed == Deed::Ran && !looks(what) && (program(what) == "sysctl" || what.contains("/proc/sys/")) {
            self.declare("sysctl", at);
        }
    }

    /// Notes that `who` began to work on a package at `at`, which goes on until [`Witness::installed`].
    pub(super) fn installs(&self, at: Timestamp, who: &str, package: &str) {
        self.keep((at, None), Deed::Installed, who, package);
    }

    /// Notes that the work on a package was over at `at`.
    pub(super) fn installed(&self, at: Timestamp, package: &str) {
        let mut memory = self.memory();
        let newest = memory.installed.iter_mut().rev().find(|seen| seen.what == package);
        if let Some(seen) = newest.filter(|seen| seen.at <= at && at - seen.at <= RUN) {
            seen.until = Some(at);
        }
    }

    fn keep(&self, (at, until): (Timestamp, Option<Timestamp>), deed: Deed, who: &str, what: &str) {
        let mut memory = self.memory();
        let seen = match deed {
            Deed::Installed => &mut memory.installed,
            Deed::Wrote | Deed::Ran => &mut memory.seen,
        };
        if seen.len() >= MOST {
            seen.pop_front();
        }
        let mut end = what.len().min(LONGEST);
        while !what.is_char_boundary(end) {
            end -= 1;
        }
        seen.push_back(Seen {
            at,
            until,
            deed,
            who: visible(who).into(),
            what: what[..end].to_owned(),
            changed: Vec::new(),
        });
    }

    /// Who changed the file `path` of the host at `at`, as far as a log says: the best evidence, and of equal evidence the
    /// latest. `owns` says whether a package brought the file. A command that was said to have changed it before is not said to
    /// have done so again later.
    pub(super) fn who_changed(&self, path: &str, at: Timestamp, owns: impl Fn(&str) -> bool) -> Option<Arc<str>> {
        let mut memory = self.memory();
        let fits = |seen: &&mut Seen| match seen.deed {
            Deed::Wrote => seen.what == path && apart(at, seen.at) <= AUDIT,
            Deed::Ran => {
                // The times first: thousands of changes at once are each held against all that was seen.
                let since = at - seen.at;
                (EARLY..=COMMAND).contains(&since)
                    && !looks(&seen.what)
                    && (since <= PACKAGE && works_on(&seen.what, path) && seen.not_yet(path, at)
                        || seen.may_write(path, at))
            }
            // What its scripts write comes until it is done with.
            Deed::Installed => {
                let until = seen.until.map_or(seen.at, |until| until.max(seen.at));
                (seen.at - PACKAGE..=until + PACKAGE).contains(&at) && owns(&seen.what)
            }
        };
        // Of equal ones `max_by_key` takes the last, so the strongest deed must compare as greatest.
        let Memory { installed, seen, .. } = &mut *memory;
        let all = installed.iter_mut().chain(seen);
        let best = all.filter(fits).max_by_key(|seen| std::cmp::Reverse(seen.deed))?;
        if best.deed == Deed::Installed {
            return Some(format!("{} ({})", best.who, visible(&best.what)).into());
        }
        best.credit(path, at);
        Some(best.who.clone()).filter(|who| !who.is_empty())
    }

    /// Notes that a log told of a login of `who`, empty where it did not say whose, or of one that failed.
    pub(super) fn note_login(&self, at: Timestamp, who: &str, failed: bool) {
        let logins = &mut self.memory().logins;
        if logins.len() >= MOST {
            logins.pop_front();
        }
        logins.push_back((at, who.chars().take(64).collect(), failed));
    }

    /// Notes that a log told of a try to log in that failed.
    pub(super) fn note_failure(&self, at: Timestamp) {
        let failures = &mut self.memory().failures;
        if failures.len() >= MOST {
            failures.pop_front();
        }
        failures.push_back(at);
    }

    /// Notes that a log that tells of logins was read at `now`.
    pub(super) fn read_logins(&self, now: Timestamp) {
        self.memory().logins_read = Some(now);
    }

    /// How many tries to log in failed after `since`, as a log told; `None` when none was read since then.
    pub(super) fn failed_logins(&self, since: Timestamp) -> Option<usize> {
        let memory = self.memory();
        memory.logins_read.filter(|read| *read > since)?;
        Some(memory.failures.iter().filter(|at| **at > since).count())
    }

    /// Whether a log told of that login: one of the same person, within the seconds that two logs may lie apart.
    pub(super) fn saw_login(&self, at: Timestamp, who: &str, failed: bool) -> bool {
        let same = |(seen, whose, badly): &(Timestamp, String, bool)| {
            *badly == failed && apart(at, *seen) <= LOGIN && (whose == who || failed && whose.is_empty())
        };
        self.memory().logins.iter().any(same)
    }

    /// Whether the package manager worked on anything at `at`, as far as its log says.
    pub(super) fn packages_changed(&self, at: Timestamp) -> bool {
        let installed = |seen: &Seen| apart(at, seen.at) <= PACKAGE;
        self.memory().installed.iter().any(installed)
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Span {
    (one - other).max(other - one)
}
