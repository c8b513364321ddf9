//! Package history, from dpkg's log, and whom apt did it for.
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;

use super::{PAST, Step, Teller};
use crate::{
    domain::{Batch, Span, Timestamp},
    observe::{
        Host, ObserveError, Source,
        forerunner::forerunners,
        tail::Tail,
        witness::{Deed, Witness},
        zone::LogZone,
    },
};

/// Most bytes of a rotated log, unpacked.
const MOST_BYTES: u64 = 8 << 20;

/// The log tells whole seconds: what is over may have ended so much later.
const LATE: Span = Span(999_999);

/// Most runs of apt that are remembered.
const MOST_RUNS: usize = 500;

/// One run of apt: when it began and ended, as far as it has, and who asked for it.
struct Run {
    begin: Timestamp,
    end: Option<Timestamp>,
    who: String,
    command: String,
}

/// Reads `/var/log/dpkg.log`, at first with its rotated forerunners.
pub(in crate::observe) struct PackageHistory {
    tail: Tail,
    apt: Tail,
    runs: Vec<Run>,
    /// Where dpkg keeps its lists.
    lists: PathBuf,
    teller: Teller,
    zone: LogZone,
    every: Span,
    begun: bool,
}

impl PackageHistory {
    /// The history of `host`, which tells `witness` when a package was worked on.
    pub(in crate::observe) fn new(host: &Host, witness: &Witness) -> Self {
        Self {
            lists: host.root.join("var/lib/dpkg/info"),
            teller: Teller::new(host, witness),
            tail: Tail::new(host.root.join("var/log/dpkg.log")),
            apt: Tail::new(host.root.join("var/log/apt/history.log")),
            runs: Vec::new(),
            zone: LogZone::of(&host.root),
            every: Span::from_secs(10).max(host.interval),
            begun: false,
        }
    }

    /// `2026-09-22 04:51:30 upgrade bash:amd64 5.2-1 5.2-2`; unpacking and configuring are steps of those four, and
    /// `2026-09-22 04:51:43 status installed bash:amd64 5.2-2` tells that all was done.
    fn line(&self, line: &str, before: bool, now: Timestamp, out: &mut Batch) -> Option<()> {
        let words: Vec<&str> = line.split(' ').collect();
        if let [
            day,
            time,
            "status",
            "installed" | "config-files" | "not-installed",
            whole,
            _,
        ] = words[..]
        {
            let package = whole.split(':').next()?;
            self.teller.witness.installed(self.at(day, time)? + LATE, package);
            return Some(());
        }
        let [day, time, action, whole, from, to] = words[..] else {
            return None;
        };
        let package = whole.split(':').next()?;
        let (from, to) = match action {
            "install" => (None, Some(to)),
            "upgrade" => (Some(from), Some(to)),
            "remove" | "purge" => (Some(from), None),
            _ => return None,
        };
        let at = self.at(day, time)?;
        let within = |run: &&Run| run.begin <= at && run.end.is_none_or(|end| at <= end);
        let who = self.runs.iter().rev().find(within).map(|run| run.who.as_str());
        let by = who.map_or_else(|| "dpkg".to_owned(), |who| format!("{who} by apt"));
        // Those that may be there for several architectures are told apart by theirs, as their lists are.
        let apart = before && !package.contains('/') && self.lists.join(format!("{whole}.list")).exists();
        let step = Step {
            at,
            action,
            package,
            setting: if apart { whole } else { package },
            from,
            to,
            who,
            by: &by,
            goes_on: true,
        };
        // What was removed before it is purged changes no more.
        self.teller.tell(&step, before && action != "purge", now, out);
        Some(())
    }

    fn at(&self, day: &str, time: &str) -> Option<Timestamp> {
        let local: DateTime = format!("{day}T{time}").parse().ok()?;
        Some(Timestamp(
            local
                .to_zoned(self.zone.zone().clone())
                .ok()?
                .timestamp()
                .as_microsecond(),
        ))
    }

    /// apt's own history, a paragraph a run: `Start-Date: 2026-09-22  04:51:30`, `Requested-By: bob (1000)`, `End-Date: …`; behind what its
    /// rotated `forerunners` say.
    fn note_runs(&mut self, mut forerunners: Vec<String>, now: Timestamp, out: &mut Batch) {
        // Without it nobody is named.
        forerunners.extend(self.apt.lines().unwrap_or_default());
        for line in forerunners {
            let Some((key, value)) = line.split_once(": ") else {
                continue;
            };
            let time = || {
                let (day, time) = value.trim().split_once(' ')?;
                self.at(day, time.trim())
            };
            match key {
                "Start-Date" => {
                    if let Some(begin) = time() {
                        // Whom no one is named for was started by the system or by root.
                        self.runs.push(Run {
                            begin,
                            end: None,
                            who: "root".into(),
                            command: String::new(),
                        });
                    }
                }
                "Commandline" => {
                    let last = self.runs.iter_mut().next_back();
                    last.into_iter().for_each(|run| run.command = value.trim().to_owned());
                }
                "Requested-By" => {
                    let who = value.split(' ').next().unwrap_or_default().chars().take(64).collect();
                    self.runs
                        .iter_mut()
                        .next_back()
                        .into_iter()
                        .for_each(|run| run.who = String::clone(&who));
                }
                "End-Date" => {
                    let end = time();
                    if let Some(run) = self.runs.last_mut().filter(|run| run.end.is_none()) {
                        run.end = end;
                        self.teller
                            .ran(run.begin, &run.command, Some(&run.who), "apt", now, out);
                    }
                }
                _ => {}
            }
        }
        let surplus = self.runs.len().saturating_sub(MOST_RUNS);
        self.runs.drain(..surplus);
    }
}

/// The lines of the rotated forms of `log` that were still written to after `since`, oldest first; and the newest that is not read, or not to
/// its end, with why.
fn before(log: &Path, since: Timestamp) -> (Vec<String>, Option<(PathBuf, String)>) {
    let (mut lines, mut unread) = (Vec::new(), None);
    for one in forerunners(log, since).into_iter().rev() {
        match one.text(MOST_BYTES) {
            Ok((text, damage)) => {
                lines.extend(text.lines().map(str::to_owned));
                if let Some(why) = damage {
                    unread = Some((one.path, format!(" to its end: it is damaged ({why})")));
                }
            }
            Err(ObserveError::Absent { .. }) => {
                unread = Some((one.path, ": nothing on this system unpacks it".into()));
            }
            Err(why) => unread = Some((one.path, format!(": {why}"))),
        }
    }
    (lines, unread)
}

impl Source for PackageHistory {
    fn name(&self) -> &'static str {
        "package-history"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        self.zone.refresh();
        let (mut runs, mut lines) = (Vec::new(), Vec::new());
        if !self.begun {
            for (log, into) in [(&self.apt, &mut runs), (&self.tail, &mut lines)] {
                let (found, unread) = before(log.path(), now - PAST);
                *into = found;
                if let Some((path, why)) = unread {
                    self.teller.unread(&path, &why, now, out);
                }
            }
        }
        self.note_runs(runs, now, out);
        let added = self.tail.lines();
        let before = !std::mem::replace(&mut self.begun, true);
        let told = added.map(|added| lines.extend(added));
        for line in &lines {
            self.line(line, before, now, out);
        }
        if told.is_ok() {
            self.teller.witness.read(Deed::Installed, now);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::observe::{fixture::Tree, witness::Clue};

    #[test]
    fn a_week_back_through_packed_logs_and_then_only_what_is_new() {
        let tree = Tree::new();
        // The rotated files were written just now, as the host sees it.
        let now = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(b"2026-09-01 00:00:00 install tooold:all <none> 1\n2026-09-20 10:00:00 install zip:amd64 <none> 3.0-13\n").unwrap();
        tree.write("var/log/dpkg.log.2.gz", packed.finish().unwrap());
        tree.write("var/log/dpkg.log.1", "2026-09-21 10:00:00 upgrade bash:amd64 5.2-1 5.2-2\n2026-09-21 10:00:01 status installed bash:amd64 5.2-2\n");
        tree.write(
            "var/log/dpkg.log",
            "2026-09-22 10:00:00 remove nano:amd64 7.2-1 <none>\n\u{1b}[2J\n",
        );
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed
            .write_all(
                b"\nStart-Date: 2026-09-20  09:59:59\nRequested-By: eve (1001)\nEnd-Date: 2026-09-20  10:00:02\n",
            )
            .unwrap();
        tree.write("var/log/apt/history.log.1.gz", packed.finish().unwrap());
        tree.write("var/log/apt/history.log.2.lz4", "?");
        for name in ["dpkg.log.1", "dpkg.log.2.gz", "apt/history.log.1.gz"] {
            tree.written(&format!("var/log/{name}"), now("2026-09-22T00:00:00Z"));
        }
        tree.write(
            "var/log/apt/history.log",
            "\nStart-Date: 2026-09-21  09:59:59\nCommandline: apt upgrade\nRequested-By: bob (1000)\nEnd-Date: 2026-09-21  10:00:02\n\n",
        );
        let mut source = PackageHistory::new(&tree.host(), &Witness::default());
        let at = now("2026-09-22T12:00:00Z").secs();
        let what = |batch: &Batch| {
            batch
                .events
                .iter()
                .map(|event| event.what.to_string())
                .collect::<Vec<_>>()
        };
        let first = tree.read(&mut source, at).unwrap();
        assert_eq!(
            what(&first)[1..],
            [
                "ran apt upgrade",
                "install zip 3.0-13",
                "upgrade bash 5.2-1 -> 5.2-2",
                "remove nano 7.2-1"
            ]
        );
        let who: Vec<Option<&str>> = first.events.iter().map(|event| event.who.as_deref()).collect();
        assert_eq!(who, [None, Some("bob"), Some("eve"), Some("bob"), None]);
        assert!(
            first.events[0]
                .what
                .ends_with("history.log.2.lz4 is not read: nothing on this system unpacks it")
        );
        assert_eq!(first.events[3].at, now("2026-09-21T10:00:00Z"));
        assert!(tree.read(&mut source, at + 10).unwrap().is_empty());
    }

    #[test]
    fn a_packed_log_that_is_cut_off_gives_its_beginning_and_the_rest_is_told() {
        let tree = Tree::new();
        let line = |hour: u64| {
            format!(
                "2026-09-20 {:02}:{:02}:00 install p{hour}:amd64 <none> {hour}.1\n",
                hour / 60,
                hour % 60
            )
        };
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed
            .write_all((0..1_000).map(line).collect::<String>().as_bytes())
            .unwrap();
        let packed = packed.finish().unwrap();
        let now: Timestamp = "2026-09-22T12:00:00Z".parse().unwrap();
        let told = |length: usize| {
            tree.write("var/log/dpkg.log.1.gz", &packed[..length]);
            tree.write(
                "var/log/dpkg.log",
                "2026-09-22 10:00:00 remove nano:amd64 7.2-1 <none>\n",
            );
            let mut source = PackageHistory::new(&tree.host(), &Witness::default());
            tree.read(&mut source, now.secs()).unwrap().events
        };
        for (length, least, most) in [
            (0, 1, 1),
            (5, 1, 1),
            (packed.len() / 2, 100, 999),
            (packed.len(), 1_001, 1_001),
        ] {
            let mut events = told(length);
            let all = events.len();
            events.retain(|event| {
                !event
                    .what
                    .contains("dpkg.log.1.gz is not read to its end: it is damaged (")
            });
            let cut_off = length < packed.len();
            assert_eq!(all - events.len(), usize::from(cut_off), "{length}");
            assert!((least..=most).contains(&events.len()), "{length}: {}", events.len());
            assert_eq!(&*events.last().unwrap().what, "remove nano 7.2-1");
        }
    }

    #[test]
    fn a_package_is_worked_on_until_its_scripts_have_run() {
        let tree = Tree::new();
        tree.write(
            "var/log/dpkg.log",
            "2026-09-22 10:00:00 install memcached:amd64 <none> 1.6\n\
             2026-09-22 10:00:04 status half-configured memcached:amd64 1.6\n\
             2026-09-22 10:00:13 status installed memcached:amd64 1.6\n\
             2026-09-22 10:00:14 install tree:amd64 <none> 2.1\n",
        );
        let witness = Witness::default();
        let now = |text: &str| text.parse::<Timestamp>().unwrap();
        let at = now("2026-09-22T10:00:40Z");
        tree.read(&mut PackageHistory::new(&tree.host(), &witness), at.secs())
            .unwrap();
        let when = |package: &str| {
            let clue = [Clue::Package(package.into())];
            let (_, when) = witness
                .who(&clue, Some(at - Span::from_mins(1)), at, |_, _| false)
                .unwrap();
            when.map(|(from, until)| (from, until.secs()))
        };
        let ended = now("2026-09-22T10:00:13Z").secs();
        assert_eq!(when("memcached"), Some((now("2026-09-22T10:00:00Z"), ended)));
        assert_eq!(
            when("tree"),
            Some((now("2026-09-22T10:00:14Z"), at.secs())),
            "still at it"
        );
    }

    #[test]
    fn a_host_without_dpkg() {
        let tree = Tree::new();
        let mut source = PackageHistory::new(&tree.host(), &Witness::default());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
    }
}
