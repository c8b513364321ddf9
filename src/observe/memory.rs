//! Memory and swap, from `/proc/meminfo`, and paging, from `/proc/vmstat`.
#![cfg(target_os = "linux")]

use std::collections::VecDeque;

use procfs::{FromRead as _, Meminfo};

use super::{
    Host, ObserveError, Source,
    file::Again,
    meter::{BYTES, COUNT, Channel, Column, Keyed, KeyedMeter, Meter, Origin, PER_SEC, Sort, percent},
};
use crate::domain::{Batch, Span, Timestamp};

const fn bytes(name: &'static str, of: fn(&Meminfo) -> Option<f64>) -> Column<Meminfo> {
    Column { name, sort: BYTES, of }
}

const fn share(name: &'static str, of: fn(&Meminfo) -> Option<f64>) -> Column<Meminfo> {
    Column {
        name,
        sort: Sort::Percent,
        of,
    }
}

/// What programs could still get; kernels before 3.14 do not say, so free and cache stand in.
fn available(m: &Meminfo) -> f64 {
    m.mem_available.unwrap_or(m.mem_free + m.cached) as f64
}

#[expect(clippy::unnecessary_wraps, reason = "a column may lack a value")]
fn some(bytes: u64) -> Option<f64> {
    Some(bytes as f64)
}

fn maybe(bytes: Option<u64>) -> Option<f64> {
    bytes.map(|bytes| bytes as f64)
}

const MEMORY: &[Column<Meminfo>] = &[
    share("mem.used_pct", |m| {
        percent(m.mem_total as f64 - available(m), m.mem_total as f64)
    }),
    share("mem.available_pct", |m| percent(available(m), m.mem_total as f64)),
    bytes("mem.used_bytes", |m| Some((m.mem_total as f64 - available(m)).max(0.0))),
    bytes("mem.available_bytes", |m| Some(available(m))),
    bytes("mem.free_bytes", |m| some(m.mem_free)),
    bytes("mem.cached_bytes", |m| some(m.cached)),
    bytes("mem.buffers_bytes", |m| some(m.buffers)),
    bytes("mem.active_bytes", |m| some(m.active)),
    bytes("mem.inactive_bytes", |m| some(m.inactive)),
    bytes("mem.dirty_bytes", |m| some(m.dirty)),
    bytes("mem.writeback_bytes", |m| some(m.writeback)),
    bytes("mem.mapped_bytes", |m| some(m.mapped)),
    bytes("mem.slab_bytes", |m| some(m.slab)),
    bytes("mem.slab_unreclaimable_bytes", |m| maybe(m.s_unreclaim)),
    bytes("mem.anon_bytes", |m| maybe(m.anon_pages)),
    bytes("mem.shmem_bytes", |m| maybe(m.shmem)),
    bytes("mem.pagetables_bytes", |m| maybe(m.page_tables)),
    bytes("mem.kernel_stack_bytes", |m| maybe(m.kernel_stack)),
    bytes("mem.unevictable_bytes", |m| maybe(m.unevictable)),
    bytes("mem.huge_anon_bytes", |m| maybe(m.anon_hugepages)),
    bytes("mem.percpu_bytes", |m| maybe(m.per_cpu)),
    bytes("mem.committed_bytes", |m| some(m.committed_as)),
    // Overcommit lets this pass 100, where the bound of a percentage holds it.
    share("mem.committed_pct", |m| {
        percent(m.committed_as as f64, m.commit_limit? as f64)
    }),
    share("swap.used_pct", |m| {
        percent(m.swap_total.saturating_sub(m.swap_free) as f64, m.swap_total as f64)
    }),
    bytes("swap.used_bytes", |m| {
        (m.swap_total > 0).then(|| m.swap_total.saturating_sub(m.swap_free) as f64)
    }),
];

/// Reads `/proc/meminfo`.
pub(super) struct Memory {
    file: Again,
    origin: Origin,
    meter: Meter<Meminfo>,
}

impl Memory {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "memory", host.interval);
        Self {
            file: Again::new(&host.root, "proc/meminfo"),
            meter: Meter::new(&origin, "", MEMORY),
            origin,
        }
    }
}

impl Source for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let memory = match self.file.bytes()? {
            // The parser cuts the colon off a name by bytes, so it gets only text without wider characters.
            text if text.is_ascii() => Meminfo::from_read(text).map_err(|why| why.to_string()),
            _ => Err("not ASCII".into()),
        };
        let memory = memory.map_err(|why| self.file.malformed(why))?;
        self.meter.tell(now, &memory, out);
        Ok(())
    }
}

const PAGING: &[Keyed] = &[
    ("", "pswpin", "swap.in_per_s", PER_SEC),
    ("", "pswpout", "swap.out_per_s", PER_SEC),
    ("", "pgpgin", "vm.pgpgin_per_s", PER_SEC),
    ("", "pgpgout", "vm.pgpgout_per_s", PER_SEC),
    ("", "pgfault", "vm.pgfault_per_s", PER_SEC),
    ("", "pgmajfault", "vm.pgmajfault_per_s", PER_SEC),
    ("", "pgfree", "vm.pgfree_per_s", PER_SEC),
    ("", "pgscan_kswapd", "vm.pgscan_kswapd_per_s", PER_SEC),
    ("", "pgscan_direct", "vm.pgscan_direct_per_s", PER_SEC),
    ("", "pgsteal_kswapd", "vm.pgsteal_kswapd_per_s", PER_SEC),
    ("", "pgsteal_direct", "vm.pgsteal_direct_per_s", PER_SEC),
    ("", "workingset_refault_anon", "vm.refault_anon_per_s", PER_SEC),
    ("", "workingset_refault_file", "vm.refault_file_per_s", PER_SEC),
    ("", "allocstall_normal", "vm.allocstall_per_s", PER_SEC),
    ("", "compact_stall", "vm.compact_stall_per_s", PER_SEC),
    ("", "oom_kill", "vm.oom_kill_per_s", PER_SEC),
    ("", "thp_fault_alloc", "vm.thp_fault_per_s", PER_SEC),
    ("", "numa_miss", "vm.numa_miss_per_s", PER_SEC),
];

/// Reads `/proc/vmstat`.
pub(super) struct Paging {
    file: Again,
    origin: Origin,
    meter: KeyedMeter,
    /// Programs ended for want of memory: how many within the last hour, and the count at its start and each time it grew since.
    ended: Channel,
    kills: VecDeque<(Timestamp, f64)>,
}

impl Paging {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "paging", host.interval);
        Self {
            file: Again::new(&host.root, "proc/vmstat"),
            meter: KeyedMeter::new(&origin, PAGING),
            ended: origin.channel("vm.oom_kills_1h", COUNT),
            kills: VecDeque::new(),
            origin,
        }
    }
}

/// How many of `count` came within the hour before `now`, as far as it was watched; `kills` has the counts before and within it.
fn within_the_hour(kills: &mut VecDeque<(Timestamp, f64)>, now: Timestamp, count: f64) -> f64 {
    if kills.back().is_some_and(|(at, before)| count < *before || now < *at) {
        kills.clear();
    }
    if kills.back().is_none_or(|(_, before)| count > *before) {
        kills.push_back((now, count));
    }
    while kills.len() > 1 && now - kills[1].0 > Span::from_hours(1) || kills.len() > 1_000 {
        kills.pop_front();
    }
    count - kills[0].1
}

impl Source for Paging {
    fn name(&self) -> &'static str {
        "paging"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        for line in self.file.text()?.lines() {
            if let Some((key, number)) = line.split_once(' ') {
                self.meter.tell(now, "", key, number.trim(), out);
                if let Some(count) = (key == "oom_kill").then(|| number.trim().parse().ok()).flatten() {
                    let ended = within_the_hour(&mut self.kills, now, count);
                    self.ended.tell(now, ended, out);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    const MEMINFO: &str = "MemTotal: 1000 kB\nMemFree: 200 kB\nMemAvailable: 400 kB\nBuffers: 1 kB\nCached: 100 kB\n\
        SwapCached: 0 kB\nActive: 1 kB\nInactive: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\nDirty: 3 kB\nWriteback: 0 kB\n\
        Mapped: 1 kB\nSlab: 1 kB\nCommitLimit: 100 kB\nCommitted_AS: 900 kB\nVmallocTotal: 1 kB\nVmallocUsed: 0 kB\n\
        VmallocChunk: 0 kB\n";

    #[test]
    fn shares_and_bytes_and_no_swap() {
        let tree = Tree::new();
        let mut memory = Memory::new(&tree.host());
        tree.write("proc/meminfo", MEMINFO);
        let batch = tree.read(&mut memory, 0).unwrap();
        assert_eq!(value(&batch, "mem.used_pct"), Some(60.0));
        assert_eq!(value(&batch, "mem.dirty_bytes"), Some(3072.0));
        assert_eq!(value(&batch, "mem.committed_pct"), Some(100.0));
        assert_eq!(value(&batch, "swap.used_pct"), None);
        for text in ["", "MemTotal: many kB\n", "é 1 kB\n", ":\n"] {
            tree.write("proc/meminfo", text);
            assert!(
                matches!(tree.read(&mut memory, 2), Err(ObserveError::Malformed { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn paging_counts_become_rates() {
        let tree = Tree::new();
        let mut paging = Paging::new(&tree.host());
        tree.write(
            "proc/vmstat",
            "pgmajfault 10\noom_kill 0\nnr_free_pages 5\nodd\npswpin x\n",
        );
        assert_eq!(value(&tree.read(&mut paging, 0).unwrap(), "vm.oom_kills_1h"), Some(0.0));
        tree.write("proc/vmstat", "pgmajfault 30\noom_kill 1\n");
        let batch = tree.read(&mut paging, 2).unwrap();
        assert_eq!(value(&batch, "vm.pgmajfault_per_s"), Some(10.0));
        assert_eq!(value(&batch, "vm.oom_kill_per_s"), Some(0.5));
        assert_eq!(batch.metrics.len(), 2);
        let mut ended = |secs, count: u32| {
            tree.write("proc/vmstat", format!("oom_kill {count}\n"));
            value(&tree.read(&mut paging, secs).unwrap(), "vm.oom_kills_1h").unwrap()
        };
        assert_eq!((ended(1_800, 4), ended(3_602, 4), ended(3_700, 4)), (4.0, 4.0, 3.0));
        assert_eq!((ended(5_500, 4), ended(5_600, 2), ended(5_700, 3)), (0.0, 0.0, 1.0));
    }
}
