//! Package history, from dpkg's log.
#![cfg(target_os = "linux")]

use std::{fs::File, io::Read as _, path::Path};

use flate2::read::MultiGzDecoder;
use jiff::{civil::DateTime, tz::TimeZone};

use super::{
    Host, ObserveError, Source,
    tail::{Tail, rotated},
};
use crate::domain::{Batch, Event, EventKind, ResourceId, Span, Timestamp};

/// How far back the first reading goes.
const BACK: Span = Span::from_days(7);
/// Most bytes of a rotated log, unpacked.
const MOST_BYTES: u64 = 8 << 20;
/// Most rotated logs that are looked at; a year of months and one.
const MOST_LOGS: usize = 13;

/// Reads `/var/log/dpkg.log`, at first with its rotated forerunners.
pub(super) struct PackageHistory {
    tail: Tail,
    resource: ResourceId,
    zone: TimeZone,
    every: Span,
    begun: bool,
}

impl PackageHistory {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            tail: Tail::new(host.root.join("var/log/dpkg.log")),
            resource: host.resource.clone(),
            zone: zone(host),
            every: Span::from_secs(10).max(host.interval),
            begun: false,
        }
    }

    /// `2026-09-22 04:51:30 upgrade bash:amd64 5.2-1 5.2-2`; unpacking and configuring are steps of those four.
    fn event(&self, line: &str, now: Timestamp) -> Option<Event> {
        let words: Vec<&str> = line.split(' ').collect();
        let [day, time, action, package, from, to] = words[..] else {
            return None;
        };
        let package = package.split(':').next()?;
        let what = match action {
            "install" => format!("install {package} {to}"),
            "upgrade" => format!("upgrade {package} {from} -> {to}"),
            "remove" | "purge" => format!("{action} {package} {from}"),
            _ => return None,
        };
        let local: DateTime = format!("{day}T{time}").parse().ok()?;
        let at = Timestamp(local.to_zoned(self.zone.clone()).ok()?.timestamp().as_microsecond());
        (now - at <= BACK).then(|| Event {
            at,
            resource: self.resource.clone(),
            kind: EventKind::Package,
            what: what.into(),
            who: None,
        })
    }
}

/// The zone of local times in logs: the system's own; UTC for a copied file tree.
pub(super) fn zone(host: &Host) -> TimeZone {
    if host.root == Path::new("/") {
        TimeZone::system()
    } else {
        TimeZone::UTC
    }
}

/// The lines of the rotated forms of `log` that were still written to after `since`, oldest first.
fn forerunners(log: &Path, since: Timestamp) -> Vec<String> {
    let mut files = Vec::new();
    for number in 1..=MOST_LOGS {
        let plain = File::open(rotated(log, &format!(".{number}"))).map(|file| (file, false));
        let Ok((file, packed)) =
            plain.or_else(|_| File::open(rotated(log, &format!(".{number}.gz"))).map(|file| (file, true)))
        else {
            break;
        };
        let written = file.metadata().and_then(|meta| meta.modified()).ok();
        let age = written
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map(Span::from);
        if age.is_none_or(|age| age.0 < since.0) {
            break;
        }
        let mut bytes = Vec::new();
        // A packed file that is cut off still gives its beginning.
        let _ = if packed {
            MultiGzDecoder::new(file).take(MOST_BYTES).read_to_end(&mut bytes)
        } else {
            file.take(MOST_BYTES).read_to_end(&mut bytes)
        };
        files.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    files
        .iter()
        .rev()
        .flat_map(|text| text.lines())
        .map(str::to_owned)
        .collect()
}

impl Source for PackageHistory {
    fn name(&self) -> &'static str {
        "package-history"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let mut lines = if self.begun {
            Vec::new()
        } else {
            forerunners(self.tail.path(), now - BACK)
        };
        let added = self.tail.lines();
        self.begun = true;
        let told = added.map(|added| lines.extend(added));
        out.events.extend(lines.iter().filter_map(|line| self.event(line, now)));
        told
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::observe::fixture::Tree;

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
        for name in ["dpkg.log.1", "dpkg.log.2.gz"] {
            let file = File::options()
                .write(true)
                .open(tree.path(&format!("var/log/{name}")))
                .unwrap();
            let time =
                std::time::UNIX_EPOCH + std::time::Duration::from_secs(now("2026-09-22T00:00:00Z").secs() as u64);
            file.set_modified(time).unwrap();
        }
        let mut source = PackageHistory::new(&tree.host());
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
            what(&first),
            ["install zip 3.0-13", "upgrade bash 5.2-1 -> 5.2-2", "remove nano 7.2-1"]
        );
        assert_eq!(first.events[1].at, now("2026-09-21T10:00:00Z"));
        assert!(tree.read(&mut source, at + 10).unwrap().is_empty());
    }

    #[test]
    fn a_host_without_dpkg() {
        let tree = Tree::new();
        let mut source = PackageHistory::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
    }
}
