//! The text logs of the last days, rotated ones too, up to where the journal begins: one that is young, or was vacuumed, knows less than they.

use std::{collections::VecDeque, fs, path::PathBuf};

use super::{PAUSE, REST, resource, told};
use crate::{
    domain::{Batch, ResourceId, Span, Timestamp},
    observe::{
        Host, ObserveError, Source,
        journal::oldest,
        syslog::{self, LOGINS, LOGS},
        tail::{rotated, unpacked},
        zone::LogZone,
    },
};

/// How far back they are read, most rotated forms of one log, most bytes of one, unpacked, and most events of one; of more, the newest.
const BACK: Span = Span::from_days(7);
const MOST_LOGS: usize = 13;
const MOST_BYTES: u64 = 8 << 20;
const MOST: usize = 500;

/// Reads the logs from before the journal, a file a piece.
pub(in crate::observe) struct SyslogPast {
    root: PathBuf,
    resource: ResourceId,
    zone: LogZone,
    /// What is left to read, and up to when; `None` before the first look.
    left: Option<(VecDeque<PathBuf>, Timestamp)>,
    files: usize,
    events: usize,
}

impl SyslogPast {
    /// The past of the text logs of `host`.
    pub(in crate::observe) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            resource: resource(host),
            zone: LogZone::of(&host.root),
            left: None,
            files: 0,
            events: 0,
        }
    }

    /// Of each kind of log the first there is, with its rotated forms that were written to in the last days.
    fn logs(&self, now: Timestamp) -> VecDeque<PathBuf> {
        let since = now - BACK;
        let fresh = |path: &PathBuf| {
            let written = fs::metadata(path).ok()?.modified().ok()?;
            let age = Span::from(written.duration_since(std::time::UNIX_EPOCH).ok()?);
            (age.0 >= since.0).then_some(())
        };
        let mut all = VecDeque::new();
        for kinds in [&LOGS[..], &LOGINS[..]] {
            let Some(log) = kinds.iter().map(|log| self.root.join(log)).find(|log| log.exists()) else {
                continue;
            };
            let forms = (1..=MOST_LOGS).map_while(|number| {
                let forms = ["", ".gz"].map(|end| rotated(&log, &format!(".{number}{end}")));
                forms.into_iter().find(|path| fresh(path).is_some())
            });
            all.extend(std::iter::once(log.clone()).chain(forms));
        }
        all
    }
}

impl Source for SyslogPast {
    fn name(&self) -> &'static str {
        "syslog-past"
    }

    fn every(&self) -> Span {
        match &self.left {
            Some((left, _)) if left.is_empty() => REST,
            _ => PAUSE,
        }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        let (left, _) = self.left.as_ref().filter(|(left, _)| !left.is_empty())?;
        Some(((self.files - left.len()) as u64, self.files as u64))
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
                what: "a syslog file".into(),
            });
        }
        let Some((left, until)) = &mut self.left else {
            return Ok(());
        };
        let (Some(path), until) = (left.pop_front(), *until) else {
            return Ok(());
        };
        let last = left.is_empty();
        // One that may not be read, or is cut off, takes nothing from the others.
        let bytes = unpacked(&path, MOST_BYTES);
        let text = String::from_utf8_lossy(&bytes);
        let mut events = VecDeque::new();
        for line in text.lines() {
            let line = syslog::parsed(line, now, self.zone.zone());
            let Some(line) = line.filter(|line| (now - BACK..until).contains(&line.at)) else {
                continue;
            };
            events.extend(line.event(&self.resource));
            if events.len() > MOST {
                events.pop_front();
            }
        }
        self.events += events.len();
        out.events.extend(events);
        if last && self.events > 0 {
            let what = format!(
                "{} text logs were read up to {until}: {} events",
                self.files, self.events
            );
            told(&self.resource, what, now, out);
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
        let mut source = SyslogPast::new(&tree.host());
        let mut out = Batch::default();
        while source.every() == PAUSE {
            source.read(now, &mut out).unwrap();
        }
        let what: Vec<&str> = out.events.iter().map(|event| &*event.what).collect();
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
