//! What rpm did: dnf's log of it, and where there is none the times at which packages were installed.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{Step, Teller};
use crate::{
    domain::{Batch, Span, Timestamp},
    observe::{
        Host, ObserveError, Source,
        child::ask,
        file::{Mark, mark},
        package::{DATABASES, Kind, all_of_rpm},
        tail::Tail,
        witness::{Deed, Witness},
    },
};

/// Most commands of dnf that are remembered until their steps are told, and how long one may run.
const MOST_COMMANDS: usize = 500;
const RUN: Span = Span::from_hours(6);
/// Commands of dnf that change no package, by all their names; of `history` what else it may do is asked in [`changes`].
const READS: [&str; 27] = [
    "check",
    "check-update",
    "check-upgrade",
    "clean",
    "deplist",
    "download",
    "help",
    "hist",
    "history",
    "if",
    "info",
    "list",
    "ls",
    "makecache",
    "mc",
    "prov",
    "provides",
    "repoinfo",
    "repolist",
    "repolists",
    "repoquery",
    "rq",
    "se",
    "search",
    "updateinfo",
    "whatprovides",
    "wp",
];
/// Options of dnf that stand before a command and take the next word.
const TAKES: [&str; 18] = [
    "--color",
    "--comment",
    "--config",
    "--debuglevel",
    "--disablerepo",
    "--enablerepo",
    "--errorlevel",
    "--exclude",
    "--excludepkgs",
    "--forcearch",
    "--installroot",
    "--releasever",
    "--repo",
    "--repoid",
    "--setopt",
    "-c",
    "-d",
    "-x",
];

/// Reads `/var/log/dnf.rpm.log`, or asks rpm.
pub(in crate::observe) struct RpmHistory {
    root: PathBuf,
    tail: Tail,
    /// dnf's other log, which has its commands, and those of which no step was told yet, oldest first.
    dnf: Tail,
    commands: Vec<(Timestamp, String)>,
    teller: Teller,
    every: Span,
    begun: bool,
    /// The databases when rpm was last asked, and the newest time it told.
    asked: Vec<Mark>,
    newest: Option<Timestamp>,
}

impl RpmHistory {
    /// The history of `host`, which tells `witness` when a package was worked on.
    pub(in crate::observe) fn new(host: &Host, witness: &Witness) -> Self {
        Self {
            tail: Tail::new(host.root.join("var/log/dnf.rpm.log")),
            dnf: Tail::new(host.root.join("var/log/dnf.log")),
            commands: Vec::new(),
            teller: Teller::new(host, witness),
            every: Span::from_secs(10).max(host.interval),
            begun: false,
            asked: Vec::new(),
            newest: None,
            root: host.root.clone(),
        }
    }

    /// `2026-11-22T07:23:59+0000 DDEBUG Command: dnf -y install foo-1.0`; those that change nothing are left out.
    fn note_commands(&mut self) {
        let command = |line: &String| {
            let (time, command) = line.split_once(" DDEBUG Command: ")?;
            changes(command).then_some((time_of(time)?, command.to_owned()))
        };
        // Without it no command is told.
        let lines = self.dnf.lines().unwrap_or_default();
        self.commands.extend(lines.iter().filter_map(command));
        let surplus = self.commands.len().saturating_sub(MOST_COMMANDS);
        self.commands.drain(..surplus);
    }

    /// Tells the command that the step at `at` belongs to, once.
    fn tell_command(&mut self, at: Timestamp, now: Timestamp, out: &mut Batch) {
        let before = self.commands.partition_point(|(begun, _)| *begun <= at);
        if let Some((begun, command)) = self.commands.drain(..before).next_back()
            && at - begun <= RUN
        {
            self.teller.ran(begun, &command, None, "dnf", now, out);
        }
    }

    /// `2026-11-21T20:07:47+0000 SUBDEBUG Upgrade: foo-1.1-1.noarch`, and once the older one is gone `… Upgraded: foo-1.0-1.noarch`.
    fn log(&mut self, lines: &[String], now: Timestamp, out: &mut Batch) {
        let read = |line: &'_ str| -> Option<(Timestamp, String, String, String)> {
            let mut words = line.splitn(4, ' ');
            let (time, _, done, package) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let (name, version) = name_and_version(package.trim())?;
            Some((time_of(time)?, done.to_owned(), name.to_owned(), version.to_owned()))
        };
        let all: Vec<_> = lines.iter().filter_map(|line| read(line)).collect();
        // What each was replaced from stands further down.
        let mut replaced: BTreeMap<(&str, &str), Vec<(usize, &str)>> = BTreeMap::new();
        for (place, (_, done, name, version)) in all.iter().enumerate() {
            if matches!(done.as_str(), "Upgraded:" | "Downgraded:") {
                let of = done.strip_suffix("d:").unwrap_or(done);
                replaced.entry((of, name)).or_default().push((place, version));
            }
        }
        for (place, (at, done, package, version)) in all.iter().enumerate() {
            let (action, from, to) = match done.as_str() {
                "Installed:" | "Install:" => ("install", None, Some(&**version)),
                "Upgrade:" | "Downgrade:" => {
                    let of = done.trim_end_matches(':');
                    let former = replaced.get(&(of, package.as_str())).into_iter().flatten();
                    let from = former
                        .into_iter()
                        .find(|(later, _)| *later > place)
                        .map(|(_, from)| *from);
                    (
                        if of == "Upgrade" { "upgrade" } else { "downgrade" },
                        from,
                        Some(&**version),
                    )
                }
                "Erase:" | "Removed:" => ("remove", Some(&**version), None),
                _ => continue,
            };
            let step = Step {
                at: *at,
                action,
                package,
                setting: package,
                from,
                to,
                who: None,
                by: "dnf",
                goes_on: false,
            };
            self.tell_command(*at, now, out);
            // Where it came from is unknown when the log was read in between.
            let known = from.is_some() || action == "install";
            self.teller.tell(&step, !self.begun && known, now, out);
        }
    }

    /// Time of installation, name and version of what is there.
    fn database(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let there = DATABASES.iter().filter(|(_, kind)| *kind == Kind::Rpm);
        let marks: Vec<Mark> = there
            .filter_map(|(path, _)| Some(mark(&fs::metadata(self.root.join(path)).ok()?)))
            .collect();
        if marks.is_empty() {
            return Err(ObserveError::Absent {
                what: "a history of rpm".into(),
            });
        }
        if marks == self.asked {
            return Ok(());
        }
        let root = self.root.display().to_string();
        let format = "%{INSTALLTIME} %{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n";
        let output = ask("rpm", &all_of_rpm(&root, format))?;
        self.asked = marks;
        self.installed(&String::from_utf8_lossy(&output), now, out);
        Ok(())
    }

    fn installed(&mut self, text: &str, now: Timestamp, out: &mut Batch) {
        let read = |line: &'_ str| {
            let mut words = line.split(' ');
            let (at, name, version) = (words.next()?.parse().ok()?, words.next()?, words.next()?);
            (name != "gpg-pubkey").then_some((Timestamp::from_secs(at), name.to_owned(), version.to_owned()))
        };
        let mut all: Vec<_> = text.lines().filter_map(read).collect();
        all.sort();
        let before = self.newest;
        for (at, package, version) in all.iter().filter(|(at, ..)| before.is_none_or(|before| *at > before)) {
            let step = Step {
                at: *at,
                action: "install",
                package,
                setting: package,
                from: None,
                to: Some(version),
                who: None,
                by: "rpm",
                goes_on: false,
            };
            // What was there before it, the database does not say.
            self.teller.tell(&step, false, now, out);
            self.newest = Some(*at);
        }
    }
}

/// Whether a command of dnf may change a package.
fn changes(command: &str) -> bool {
    let mut words = command.split_ascii_whitespace().skip(1);
    while let Some(word) = words.next() {
        if TAKES.contains(&word) {
            words.next();
        } else if !word.starts_with('-') {
            let undoes = |word| matches!(word, "undo" | "redo" | "rollback" | "replay");
            return !READS.contains(&word) || word.starts_with("hist") && words.any(undoes);
        }
    }
    false
}

/// `foo-1.0-1.noarch` and `foo-1:1.0-1.noarch`: the name may hold hyphens, version and release hold none.
pub(in crate::observe) fn name_and_version(package: &str) -> Option<(&str, &str)> {
    let (package, _) = package.rsplit_once('.')?;
    let release = package.rfind('-')?;
    let version = package[..release].rfind('-')?;
    let (name, version) = (&package[..version], &package[version + 1..]);
    (!name.is_empty()).then_some((name, version))
}

/// `2026-11-21T20:07:47+0000`, in older versions with `Z`.
fn time_of(text: &str) -> Option<Timestamp> {
    let text = text.replace('Z', "+0000");
    let at = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%z", text).ok()?;
    Some(Timestamp(at.to_timestamp().ok()?.as_microsecond()))
}

impl Source for RpmHistory {
    fn name(&self) -> &'static str {
        "rpm-history"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        match self.tail.lines() {
            Ok(lines) => {
                self.note_commands();
                self.log(&lines, now, out);
            }
            Err(ObserveError::Absent { .. }) => self.database(now, out)?,
            Err(why) => return Err(why),
        }
        self.begun = true;
        self.teller.witness.read(Deed::Installed, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::Tree;

    /// As dnf 4.14 wrote it.
    const LOG: &str = "2026-11-21T20:07:44+0000 INFO --- logging initialized ---\n\
        2026-11-21T20:07:44+0000 SUBDEBUG Installed: foo-1.0-1.noarch\n\
        2026-11-21T20:07:44+0000 SUBDEBUG Installed: bar-baz-2:2.0-1.noarch\n\
        2026-11-21T20:07:47+0000 INFO --- logging initialized ---\n\
        2026-11-21T20:07:47+0000 SUBDEBUG Upgrade: foo-1.1-1.noarch\n\
        2026-11-21T20:07:47+0000 SUBDEBUG Upgraded: foo-1.0-1.noarch\n\
        2026-11-21T20:07:47+0000 INFO --- logging initialized ---\n\
        2026-11-21T20:07:47+0000 SUBDEBUG Erase: bar-baz-2:2.0-1.noarch\n";

    #[test]
    fn the_log_tells_what_was_replaced_by_what() {
        let tree = Tree::new();
        tree.write("var/log/dnf.rpm.log", LOG);
        let now = "2026-11-21T21:00:00Z".parse::<Timestamp>().unwrap().secs();
        let mut source = RpmHistory::new(&tree.host(), &Witness::default());
        let batch = tree.read(&mut source, now).unwrap();
        let what: Vec<&str> = batch.events.iter().map(|event| &*event.what).collect();
        let want = [
            "install foo 1.0-1",
            "install bar-baz 2:2.0-1",
            "upgrade foo 1.0-1 -> 1.1-1",
            "remove bar-baz 2:2.0-1",
        ];
        assert_eq!(what, want);
        assert_eq!(batch.events[0].at.to_string(), "2026-11-21T20:07:44Z");
        let settings: Vec<&str> = batch.past.iter().map(|change| &*change.id.name).collect();
        assert_eq!(settings, ["pkg.foo", "pkg.bar-baz", "pkg.foo", "pkg.bar-baz"]);
        assert!(tree.read(&mut source, now).unwrap().is_empty());
        let odd = "x\n2026-11-21T20:07:44Z SUBDEBUG Installed: a\n2026-99-21T20:07:44Z SUBDEBUG Installed: foo-1-1.x\n\
            2026-11-21T20:08:44Z SUBDEBUG Upgrade: foo-1.2-1.noarch\n2026-11-21T20:08:44Z SUBDEBUG Installed: \u{1b}-1-\n";
        tree.write("var/log/dnf.rpm.log", format!("{LOG}{odd}"));
        let batch = tree.read(&mut source, now).unwrap();
        let what: Vec<&str> = batch.events.iter().map(|event| &*event.what).collect();
        assert_eq!((what, batch.past.len()), (vec!["upgrade foo 1.2-1"], 0));
    }

    #[test]
    fn a_run_of_dnf_is_told_with_its_command_and_who_asked_for_it() {
        let tree = Tree::new();
        tree.write("var/log/dnf.rpm.log", LOG);
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let command = |time: &str, command: &str| format!("2026-11-21T{time}+0000 DDEBUG Command: dnf {command} \n");
        let log = [
            command("20:07:43", "-y install foo bar-baz --setopt=proxy_password=hunter2"),
            command("20:07:45", "repolist"),
            command("20:07:46", "upgrade foo"),
            "2026-11-21T20:07:46+0000 DDEBUG Base command: upgrade\n".to_owned(),
            // While it ran, or the very second its steps were done.
            command("20:07:46", "makecache --timer"),
            command("20:07:47", "--enablerepo epel -q history list"),
        ]
        .concat();
        tree.write("var/log/dnf.log", log);
        let witness = Witness::default();
        witness.note(
            at("2026-11-21T20:07:46Z"),
            Deed::Ran,
            "alice",
            "/usr/bin/dnf upgrade foo",
        );
        let mut source = RpmHistory::new(&tree.host(), &witness);
        let batch = tree.read(&mut source, at("2026-11-21T21:00:00Z").secs()).unwrap();
        let told: Vec<(&str, Option<&str>)> = batch
            .events
            .iter()
            .map(|event| (&*event.what, event.who.as_deref()))
            .collect();
        let want = [
            ("ran dnf -y install foo bar-baz --setopt=proxy_password=***", None),
            ("install foo 1.0-1", None),
            ("install bar-baz 2:2.0-1", None),
            ("ran dnf upgrade foo", Some("alice")),
            ("upgrade foo 1.0-1 -> 1.1-1", Some("alice")),
            ("remove bar-baz 2:2.0-1", Some("alice")),
        ];
        assert_eq!(told, want);
        let by: Vec<Option<&str>> = batch.past.iter().map(|change| change.by.as_deref()).collect();
        assert_eq!(
            by,
            [Some("dnf"), Some("dnf"), Some("alice by dnf"), Some("alice by dnf")]
        );
    }

    #[test]
    fn only_what_may_change_a_package_is_a_cause() {
        for command in [
            "dnf makecache --timer",
            "dnf -q --releasever 9 list installed",
            "dnf help install",
            "dnf history",
            "dnf --version",
        ] {
            assert!(!changes(command), "{command}");
        }
        for command in [
            "dnf install info",
            "dnf -y --setopt=a=b upgrade",
            "dnf history undo 5",
            "dnf hist -y rollback 3",
            "dnf --repo list install x",
            "dnf frobnicate",
        ] {
            assert!(changes(command), "{command}");
        }
    }

    #[test]
    fn without_a_log_the_database_tells_when_what_is_there_came() {
        let tree = Tree::new();
        let mut source = RpmHistory::new(&tree.host(), &Witness::default());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        let mut out = Batch::default();
        let now = Timestamp::from_secs(1_795_291_700);
        let told =
            "1795291667 foo 1.1-1\n1795291600 gpg-pubkey 1-1\nhalf\n1795291660 bar 2:2.0-1\n1700000000 old 1-1\n";
        source.installed(told, now, &mut out);
        let what: Vec<&str> = out.events.iter().map(|event| &*event.what).collect();
        assert_eq!(what, ["install bar 2:2.0-1", "install foo 1.1-1"]);
        let mut out = Batch::default();
        source.installed(&format!("{told}1795291690 new 1-1\n"), now, &mut out);
        assert_eq!(out.events.len(), 1);
    }
}
