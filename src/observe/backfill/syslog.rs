//! The text logs of the last days, rotated ones too, up to where the journal begins: one that is young, or was vacuumed, knows less than they.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
};

use super::{PAUSE, REST, resource, told};
use crate::{
    domain::{Batch, Event, ResourceId, Span, Timestamp, text::visible},
    observe::{
        Host, ObserveError, Source,
        forerunner::{Forerunner, forerunners},
        journal::oldest,
        syslog::{self, LOGINS, LOGS},
        zone::LogZone,
    },
};

/// How far back they are read, most bytes of one log, unpacked, and most events of one; of more, the newest.
const BACK: Span = Span::from_days(7);
const MOST_BYTES: u64 = 1 << 30;
const MOST: usize = 500;
/// Bytes of a piece, and of the longest line that is looked at whole.
const PIECE: u64 = 4 << 20;
const LONGEST: u64 = 64 << 10;
/// A log tells one thing after the other: where its time goes back by more, a year began in between.
const YEAR_BEGAN: Span = Span::from_days(180);

/// Reads the logs from before the journal, a piece at a time.
pub(in crate::observe) struct SyslogPast {
    root: PathBuf,
    resource: ResourceId,
    zone: LogZone,
    /// What is left to read, and up to when; `None` before the first look.
    left: Option<(VecDeque<Forerunner>, Timestamp)>,
    open: Option<Log>,
    files: usize,
    events: usize,
    /// Logs that could not be read, and those not to their end, each with why; and how many were longer than is read.
    unread: Vec<String>,
    damaged: Vec<String>,
    cut: usize,
}

/// A log that is being read.
struct Log {
    path: PathBuf,
    lines: BufReader<Box<dyn Read + Send>>,
    /// Its newest line is from then: tells the year of a line that names none.
    written: Timestamp,
    bytes: u64,
    /// Whether what comes next is the rest of a line that was too long.
    within: bool,
    last: Timestamp,
    events: VecDeque<Event>,
}

impl Log {
    /// Reads on, a piece at most; `false` at its end. Of its lines only those within `times` are kept.
    ///
    /// # Errors
    /// When it is damaged; all up to there was read.
    fn read(
        &mut self,
        times: &std::ops::Range<Timestamp>,
        zone: &LogZone,
        resource: &ResourceId,
    ) -> Result<bool, io::Error> {
        let until = (self.bytes + PIECE).min(MOST_BYTES);
        let mut line = Vec::new();
        while self.bytes < until {
            line.clear();
            let length = (&mut self.lines).take(LONGEST).read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(false);
            }
            self.bytes += length as u64;
            if std::mem::replace(&mut self.within, !line.ends_with(b"\n")) {
                continue;
            }
            let text = String::from_utf8_lossy(&line);
            let Some((at, rest)) = syslog::time(text.trim_end(), self.written, zone.zone()) else {
                continue;
            };
            // Only of lines that name no year: another one's clock may have stood anywhere.
            if !text.starts_with(|first: char| first.is_ascii_digit()) {
                if at < self.last - YEAR_BEGAN {
                    self.events.clear();
                }
                self.last = at;
            }
            if times.contains(&at) {
                self.events
                    .extend(syslog::dated(at, rest).and_then(|line| line.event(resource)));
                if self.events.len() > MOST {
                    self.events.pop_front();
                }
            }
        }
        Ok(self.bytes < MOST_BYTES)
    }
}

impl SyslogPast {
    /// The past of the text logs of `host`.
    pub(in crate::observe) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            resource: resource(host),
            zone: LogZone::of(&host.root),
            left: None,
            open: None,
            files: 0,
            events: 0,
            unread: Vec::new(),
            damaged: Vec::new(),
            cut: 0,
        }
    }

    /// Of each kind of log the first there is, with its rotated forms that were written to in the last days.
    fn logs(&self, now: Timestamp) -> VecDeque<Forerunner> {
        let since = now - BACK;
        let mut all = VecDeque::new();
        for kinds in [&LOGS[..], &LOGINS[..]] {
            let Some(log) = kinds.iter().map(|log| self.root.join(log)).find(|log| log.exists()) else {
                continue;
            };
            let rotated = forerunners(&log, since);
            all.extend(Forerunner::of(log, since).into_iter().chain(rotated));
        }
        all
    }

    /// Opens the next log that can be read.
    fn next(&mut self, now: Timestamp) -> Option<Log> {
        let (left, _) = self.left.as_mut()?;
        while let Some(next) = left.pop_front() {
            match next.unpacked(MOST_BYTES) {
                Ok(file) => {
                    return Some(Log {
                        path: next.path,
                        lines: BufReader::new(file),
                        written: next.written.min(now),
                        bytes: 0,
                        within: false,
                        last: Timestamp(i64::MIN / 2),
                        events: VecDeque::new(),
                    });
                }
                // It takes nothing from the others.
                Err(why) => self.unread.push(format!("{} ({why})", next.path.display())),
            }
        }
        None
    }

    /// Says what was read, when all was.
    fn tell(&self, until: Timestamp, now: Timestamp, out: &mut Batch) {
        let read = self.files - self.unread.len();
        let mut what = format!("{read} text logs were read up to {until}: {} events", self.events);
        if self.cut > 0 {
            what += &format!("; of {} not all, for their length", self.cut);
        }
        for (so, logs) in [("not read", &self.unread), ("damaged, read up to there", &self.damaged)] {
            if let Some(first) = logs.first() {
                what += &format!("; {so}: {first}");
            }
            if logs.len() > 1 {
                what += &format!(" and {} more", logs.len() - 1);
            }
        }
        told(&self.resource, visible(&what).into_owned(), now, out);
    }
}

impl Source for SyslogPast {
    fn name(&self) -> &'static str {
        "syslog-past"
    }

    fn every(&self) -> Span {
        match &self.left {
            Some((left, _)) if left.is_empty() && self.open.is_none() => REST,
            _ => PAUSE,
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let (left, _) = self.left.as_ref()?;
        let to_do = left.len() + usize::from(self.open.is_some());
        (to_do > 0).then(|| ((self.files - to_do) as u64, self.files as u64))
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        if self.left.is_none() {
            // What is newer the journal tells, or where there is none the logs' own source.
            let until = oldest(&self.root).unwrap_or(now - syslog::BACK).min(now - syslog::BACK);
            let mut logs = self.logs(now);
            self.files = logs.len();
            if until <= now - BACK {
                logs.clear();
            }
            self.left = Some((logs, until));
        }
        if self.files == 0 {
            return Err(ObserveError::Absent {
                what: "a syslog file of the last days".into(),
            });
        }
        let (until, done) = match &self.left {
            Some((left, until)) => (*until, left.is_empty() && self.open.is_none()),
            None => return Ok(()),
        };
        if done {
            return Ok(());
        }
        if let Some(mut log) = self.open.take().or_else(|| self.next(now)) {
            let more = log.read(&(now - BACK..until), &self.zone, &self.resource);
            let more = more.unwrap_or_else(|why| {
                self.damaged.push(format!("{} ({why})", log.path.display()));
                false
            });
            let full = log.bytes >= MOST_BYTES;
            if more && !full {
                self.open = Some(log);
                return Ok(());
            }
            self.cut += usize::from(full);
            self.events += log.events.len();
            out.events.extend(log.events);
        }
        let all = self.left.as_ref().is_some_and(|(left, _)| left.is_empty());
        if all && (self.events > 0 || !self.unread.is_empty() || !self.damaged.is_empty()) {
            self.tell(until, now, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::observe::fixture::Tree;

    /// All that is told until all was read.
    fn read(source: &mut SyslogPast, now: Timestamp) -> Vec<String> {
        let mut out = Batch::default();
        while source.every() == PAUSE {
            source.read(now, &mut out).unwrap();
        }
        out.events.iter().map(|event| event.what.to_string()).collect()
    }

    #[test]
    fn of_a_long_log_the_newest_lines_come_and_what_cannot_be_unpacked_is_said() {
        let tree = Tree::new();
        let now = "2026-01-08T00:00:00Z".parse::<Timestamp>().unwrap();
        let line = format!("2026-01-03T12:00:00Z h app[1]: error old {}\n", "x".repeat(8_000));
        let mut text = line.repeat(1_200);
        text += "2026-01-04T12:00:00Z h app[1]: error newest\n";
        // The rest of a line that is too long is none of its own.
        let begin = "2026-01-04T13:00:00Z h app[1]: fine ";
        text += &format!("{begin}{}", "x".repeat(LONGEST as usize - begin.len()));
        text += "2026-01-04T14:00:00Z h app[1]: error of no line\n";
        tree.write("var/log/syslog", "");
        tree.write("var/log/syslog-20260104", text);
        tree.write("var/log/syslog-20260103.lz4", "?");
        tree.write("var/log/syslog-20260102.gz", "?");
        tree.written("var/log/syslog-20260104", now - Span::from_days(2));
        tree.written("var/log/syslog-20260103.lz4", now - Span::from_days(3));
        tree.written("var/log/syslog-20260102.gz", now - Span::from_days(4));
        let what = read(&mut SyslogPast::new(&tree.host()), now);
        let [.., newest, told] = &what[..] else {
            panic!("{what:?}")
        };
        assert_eq!((what.len(), newest.as_str()), (MOST + 1, "app: error newest"));
        assert!(
            told.starts_with("3 text logs were read up to ") && told.contains("; not read: /"),
            "{told}"
        );
        assert!(
            told.contains(
                "syslog-20260103.lz4 (what unpacks .lz4 is not on this system); damaged, read up to there: /"
            ),
            "{told}"
        );
        assert!(told.contains("syslog-20260102.gz (") && told.ends_with(')'), "{told}");
    }

    #[test]
    fn lines_that_name_no_year_are_of_the_year_they_were_written_in() {
        let tree = Tree::new();
        let now = "2026-01-03T00:00:00Z".parse::<Timestamp>().unwrap();
        tree.write(
            "var/log/syslog",
            "Jan  1 12:00:00 h app[1]: error of a year before\nJul  1 12:00:00 h app[1]: fine\n\
             Dec 31 12:00:00 h app[1]: error at its end\nJan  1 12:00:01 h app[1]: error at its begin\n",
        );
        tree.write(
            "var/log/syslog-20251231",
            "Jan  2 12:00:00 h app[1]: error of a year before, too\n",
        );
        tree.written("var/log/syslog-20251231", "2025-12-31T00:00:00Z".parse().unwrap());
        tree.written("var/log/syslog", now);
        let mut source = SyslogPast::new(&tree.host());
        let what = read(&mut source, now);
        assert_eq!(what[..2], ["app: error at its end", "app: error at its begin"]);
        assert!(what.len() == 3 && what[2].contains("2 events"), "{what:?}");
    }

    #[test]
    fn what_is_older_than_the_journal_comes_from_rotated_logs() {
        let tree = Tree::new();
        let now = "2026-01-08T00:00:00Z".parse::<Timestamp>().unwrap();
        let line = |day: u8, what: &str| format!("2026-01-0{day}T12:00:00Z h app[1]: error {what}\n");
        tree.write("var/log/syslog", line(6, "newer than the journal"));
        tree.write("var/log/syslog.1", line(4, "one") + &line(5, "in the journal, too"));
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(line(3, "packed").as_bytes()).unwrap();
        tree.write("var/log/syslog.2.gz", packed.finish().unwrap());
        tree.write("var/log/auth.log.1", "");
        tree.write(
            "var/log/auth.log",
            "2026-01-02T12:00:00Z h sshd[1]: Accepted password for ann from 10.0.0.1\n",
        );
        // The head of a journal: when its first entry was written stands at byte 184.
        let mut head = vec![0; 256];
        let begins = "2026-01-05T00:00:00Z".parse::<Timestamp>().unwrap();
        head[..8].copy_from_slice(b"LPKSHHRH");
        head[184..192].copy_from_slice(&begins.0.to_le_bytes());
        tree.write("var/log/journal/abc/system@1.journal", &head);
        head[184..192].copy_from_slice(&now.0.to_le_bytes());
        tree.write("var/log/journal/abc/system.journal", &head);
        for (age, name) in (0..).zip(["syslog", "syslog.1", "syslog.2.gz"]) {
            tree.written(&format!("var/log/{name}"), now - Span::from_hours(age));
        }
        let mut source = SyslogPast::new(&tree.host());
        let what = read(&mut source, now);
        assert_eq!(
            what[..3],
            [
                "app: error one",
                "app: error packed",
                "sshd: Accepted password for ann from 10.0.0.1"
            ]
        );
        assert!(
            what.len() == 4 && what[3].contains("5 text logs") && what[3].contains("3 events"),
            "{what:?}"
        );
        let mut out = Batch::default();
        source.read(now, &mut out).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn a_host_without_them() {
        let tree = Tree::new();
        assert!(matches!(
            tree.read(&mut SyslogPast::new(&tree.host()), 0),
            Err(ObserveError::Absent { .. })
        ));
    }
}
