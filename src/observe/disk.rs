//! Disks, from `/proc/diskstats`.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;

use procfs::DiskStat;

use super::{
    Host, ObserveError, Source,
    file::Again,
    meter::{BYTES_PER_SEC, COUNT, Column, Meter, OLD, Origin, PER_SEC, Sort},
};
use crate::domain::{Batch, Span, Timestamp, Unit};

/// Most disks that are told of.
const MOST_DISKS: usize = 64;
/// The kernel counts in these, whatever the disk's own sectors are.
const SECTOR_BYTES: f64 = 512.0;

/// One disk now, and what it did since the reading before.
struct Disk {
    stat: DiskStat,
    util_pct: Option<f64>,
    await_secs: Option<f64>,
    queue: Option<f64>,
}

const DISK: &[Column<Disk>] = &[
    Column {
        name: "read_bytes_per_s",
        sort: BYTES_PER_SEC,
        of: |d| Some(d.stat.sectors_read as f64 * SECTOR_BYTES),
    },
    Column {
        name: "write_bytes_per_s",
        sort: BYTES_PER_SEC,
        of: |d| Some(d.stat.sectors_written as f64 * SECTOR_BYTES),
    },
    Column {
        name: "reads_per_s",
        sort: PER_SEC,
        of: |d| Some(d.stat.reads as f64),
    },
    Column {
        name: "writes_per_s",
        sort: PER_SEC,
        of: |d| Some(d.stat.writes as f64),
    },
    Column {
        name: "util_pct",
        sort: Sort::Percent,
        of: |d| d.util_pct,
    },
    Column {
        name: "await_secs",
        sort: Sort::Gauge(Unit::Secs),
        of: |d| d.await_secs,
    },
    Column {
        name: "queue",
        sort: COUNT,
        of: |d| d.queue,
    },
];

/// A disk told of: its metrics and its last reading.
struct Known {
    meter: Meter<Disk>,
    before: (Timestamp, DiskStat),
}

/// Reads `/proc/diskstats`: whole disks, not their partitions, that were used since boot.
pub(super) struct Disks {
    file: Again,
    origin: Origin,
    disks: BTreeMap<String, Known>,
}

impl Disks {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            file: Again::new(&host.root, "proc/diskstats"),
            origin: Origin::new(host, "disk", host.interval),
            disks: BTreeMap::new(),
        }
    }
}

/// Whether `name` is a partition of `disk`: `sda1` of `sda`, `nvme0n1p2` of `nvme0n1`.
fn partition(name: &str, disk: &str) -> bool {
    name.strip_prefix(disk).is_some_and(|rest| {
        let digits = if disk.ends_with(|c: char| c.is_ascii_digit()) {
            rest.strip_prefix('p')
        } else {
            Some(rest)
        };
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    })
}

impl Source for Disks {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let text = self.file.text()?.into_owned();
        let mut last_disk = String::new();
        for line in text.lines() {
            let name = line.split_ascii_whitespace().nth(2).unwrap_or_default();
            let virtual_one = ["loop", "ram", "fd", "sr"].iter().any(|kind| name.starts_with(kind));
            // Partitions follow their disk.
            if virtual_one || partition(name, &last_disk) {
                continue;
            }
            let stat = DiskStat::from_line(line).map_err(|why| self.file.malformed(why))?;
            last_disk.clone_from(&stat.name);
            let unused = stat.reads + stat.writes == 0;
            let known = self.disks.contains_key(name);
            if !known && (unused || self.disks.len() >= MOST_DISKS) {
                continue;
            }
            let known = self.disks.entry(name.to_owned()).or_insert_with(|| Known {
                meter: Meter::new(&self.origin, &format!("disk.{name}."), DISK),
                before: (now, stat.clone()),
            });
            let (then, before) = std::mem::replace(&mut known.before, (now, stat.clone()));
            let grown = |of: fn(&DiskStat) -> u64| of(&stat).checked_sub(of(&before)).map(|n| n as f64);
            let millis = (now - then).secs_f64() * 1e3;
            // The time of an operation as `iostat` has it: time waited by reads and writes, by their number; none without one.
            let waited = grown(|s| s.time_reading).zip(grown(|s| s.time_writing));
            let done = grown(|s| s.reads).zip(grown(|s| s.writes));
            let lately = millis > 0.0 && now - then <= self.origin.cadence * OLD;
            let share = |of| grown(of).filter(|_| lately).map(|busy| busy / millis);
            let disk = Disk {
                util_pct: share(|s| s.time_in_progress).map(|busy| 100.0 * busy),
                // As `aqu-sz` of `iostat`: the time that all operations were under way, over the time that passed.
                queue: share(|s| s.weighted_time_in_progress),
                await_secs: waited.zip(done).and_then(|((r, w), (reads, writes))| {
                    (reads + writes > 0.0).then(|| (r + w) / (reads + writes) / 1e3)
                }),
                stat,
            };
            known.meter.tell(now, &disk, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    #[test]
    fn disks_without_partitions_loops_and_idle_ones() {
        let tree = Tree::new();
        let mut disks = Disks::new(&tree.host());
        let line = |name: &str, n: u64| format!("8 0 {name} {n} 0 {n} {n} {n} 0 {n} {n} 7 {n} {}\n", n * 3);
        let file = |n| {
            ["sda", "sda1", "nvme0n1", "nvme0n1p1", "loop0", "dm-0"]
                .map(|name| line(name, n))
                .concat()
                + "8 16 sdb 0 0 0 0 0 0 0 0 0 0 0\n"
        };
        tree.write("proc/diskstats", file(1000));
        let first = tree.read(&mut disks, 0).unwrap();
        assert!(first.is_empty(), "all is over a time: {:?}", first.observations);
        tree.write("proc/diskstats", file(1200));
        let second = tree.read(&mut disks, 2).unwrap();
        assert_eq!(value(&second, "disk.sda.read_bytes_per_s"), Some(51_200.0));
        assert_eq!(value(&second, "disk.sda.util_pct"), Some(10.0));
        assert_eq!(value(&second, "disk.sda.await_secs"), Some(0.001));
        assert_eq!(value(&second, "disk.sda.queue"), Some(0.3), "600 ms in 2 s");
        assert_eq!(value(&second, "disk.dm-0.writes_per_s"), Some(100.0));
        tree.write("proc/diskstats", file(10));
        let third = tree.read(&mut disks, 4).unwrap();
        assert_eq!(value(&third, "disk.sda.util_pct"), None, "its counters restarted");
        assert_eq!(value(&third, "disk.sda.queue"), None);
    }

    #[test]
    fn odd_lines() {
        let tree = Tree::new();
        let mut disks = Disks::new(&tree.host());
        tree.write("proc/diskstats", "");
        assert!(tree.read(&mut disks, 0).unwrap().is_empty());
        tree.write("proc/diskstats", "8 0 s\u{1b}a 1 2\n");
        assert!(tree.read(&mut disks, 2).is_err());
    }
}
