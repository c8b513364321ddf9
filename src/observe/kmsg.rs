//! What the kernel says, from its own ring, where neither a journal nor a log file has it.
#![cfg(target_os = "linux")]

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::PathBuf,
};

use super::{
    Host, ObserveError, Source,
    file::{failed, open, small},
    log::Line,
};
use crate::domain::{Batch, ResourceId, Span, Timestamp};

/// How far back the first reading goes.
const BACK: Span = Span::from_hours(1);
/// Most records, and most events, of one reading.
const MOST_READ: usize = 20_000;
const MOST: usize = 300;
/// Greatest length of a record (Documentation/ABI/testing/dev-kmsg).
const LONGEST: usize = 8 << 10;

/// Reads `/dev/kmsg`.
pub(super) struct Kmsg {
    path: PathBuf,
    uptime: PathBuf,
    resource: ResourceId,
    every: Span,
    file: Option<File>,
}

impl Kmsg {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            path: host.root.join("dev/kmsg"),
            uptime: host.root.join("proc/uptime"),
            resource: host.resource.clone(),
            every: Span::from_secs(10).max(host.interval),
            file: None,
        }
    }
}

/// `6,339,5140900,-;message`: priority and facility, number, microseconds since boot, flags; then the message.
fn record(text: &str) -> Option<(u8, i64, &str)> {
    let (head, message) = text.split_once(';')?;
    let mut fields = head.split(',');
    let priority = fields.next()?.parse::<u32>().ok()?;
    let since_boot = fields.nth(1)?.parse().ok()?;
    // The priority is in the lowest three bits, what is above says who wrote: 0 is the kernel itself.
    (priority >> 3 == 0).then_some((
        (priority & 7) as u8,
        since_boot,
        message.lines().next().unwrap_or_default(),
    ))
}

impl Source for Kmsg {
    fn name(&self) -> &'static str {
        "kmsg"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let uptime = small(&self.uptime).and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        let boot = now - Span((uptime.unwrap_or(0.0) * 1e6) as i64);
        let first = self.file.is_none();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open(&self.path).map_err(|source| failed(&self.path, source))?),
        };
        let mut held = vec![0; LONGEST];
        let mut events = Vec::new();
        for _ in 0..MOST_READ {
            let read = match file.read(&mut held) {
                Ok(0) => break,
                Ok(read) => read,
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                // Records were overwritten before they were read; the next reading goes on behind them.
                Err(why) if why.kind() == ErrorKind::BrokenPipe || why.kind() == ErrorKind::Interrupted => continue,
                Err(why) => {
                    self.file = None;
                    return Err(failed(&self.path, why));
                }
            };
            let text = String::from_utf8_lossy(&held[..read]);
            let Some((priority, micros, message)) = record(&text) else {
                continue;
            };
            let at = boot + Span(micros);
            let line = Line {
                at,
                program: "kernel",
                message,
                warning: priority <= 4,
                vouched: true,
            };
            if !first || now - at <= BACK {
                events.extend(line.event(&self.resource));
            }
        }
        let surplus = events.len().saturating_sub(MOST);
        out.events.extend(events.drain(surplus..));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::EventKind, observe::fixture::Tree};

    #[test]
    fn a_record_is_taken_apart() {
        assert_eq!(
            record("4,339,5140900,-;a; b\n SUBSYSTEM=x\n"),
            Some((4, 5_140_900, "a; b"))
        );
        assert_eq!(record("30,1,2,-;from a program"), None);
        for odd in ["", ";", "x,1,2;y", "4,1;y", "4,1,99999999999999999999;y"] {
            assert_eq!(record(odd), None, "{odd}");
        }
    }

    #[test]
    fn trouble_becomes_an_event_at_its_time() {
        let tree = Tree::new();
        let mut source = Kmsg::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        tree.write("proc/uptime", "100.00 50.00\n");
        tree.write("dev/kmsg", "3,1,40000000,-;Out of memory: Killed process 7 (java)\n");
        let batch = tree.read(&mut source, 1_000).unwrap();
        assert_eq!(batch.events[0].kind, EventKind::Kernel);
        assert_eq!(batch.events[0].at, Timestamp::from_secs(940));
        assert!(tree.read(&mut source, 1_010).unwrap().is_empty());
    }
}
