//! Processor time and what the scheduler counts, from `/proc/stat`.
#![cfg(target_os = "linux")]

use procfs::{CpuTime, FromBufReadSI as _, KernelStats};

use super::{
    Host, ObserveError, Source,
    file::Again,
    meter::{COUNT, Column, Meter, Origin, PER_SEC, Sort},
};
use crate::domain::{Batch, Span, Timestamp};

/// Most cores that are told one by one; on larger machines the whole says what there is to say.
const MOST_CORES: usize = 128;

/// Where the time of one processor, or of all, went between two readings, in percent.
#[derive(Default)]
struct Shares {
    busy: f64,
    user: f64,
    nice: f64,
    system: f64,
    iowait: f64,
    irq: f64,
    softirq: f64,
    steal: f64,
    guest: f64,
}

impl Shares {
    /// The shares of the time from `then` to `now`; `None` when no time passed or the counters restarted.
    fn between(then: &CpuTime, now: &CpuTime) -> Option<Self> {
        // Guest time is in user and nice too, so it is no part of the sum. Idle and iowait may step back by a few ticks
        // (proc(5)); such a step is no time.
        let part = |of: fn(&CpuTime) -> u64| of(now).saturating_sub(of(then)) as f64;
        let user = part(|t| t.user);
        let nice = part(|t| t.nice);
        let system = part(|t| t.system);
        let idle = part(|t| t.idle);
        let iowait = part(|t| t.iowait.unwrap_or(0));
        let irq = part(|t| t.irq.unwrap_or(0));
        let softirq = part(|t| t.softirq.unwrap_or(0));
        let steal = part(|t| t.steal.unwrap_or(0));
        let guest = part(|t| t.guest.unwrap_or(0) + t.guest_nice.unwrap_or(0));
        let total = user + nice + system + idle + iowait + irq + softirq + steal;
        if total <= 0.0 || now.user < then.user || now.system < then.system {
            return None;
        }
        let percent = |ticks: f64| 100.0 * ticks / total;
        Some(Self {
            busy: percent(total - idle - iowait),
            user: percent(user),
            nice: percent(nice),
            system: percent(system),
            iowait: percent(iowait),
            irq: percent(irq),
            softirq: percent(softirq),
            steal: percent(steal),
            guest: percent(guest),
        })
    }
}

const SHARES: &[Column<Shares>] = &[
    share("busy_pct", |s| Some(s.busy)),
    share("user_pct", |s| Some(s.user)),
    share("nice_pct", |s| Some(s.nice)),
    share("system_pct", |s| Some(s.system)),
    share("iowait_pct", |s| Some(s.iowait)),
    share("irq_pct", |s| Some(s.irq)),
    share("softirq_pct", |s| Some(s.softirq)),
    share("steal_pct", |s| Some(s.steal)),
    share("guest_pct", |s| Some(s.guest)),
];
const CORE: &[Column<Shares>] = &[share("busy_pct", |s| Some(s.busy))];

const fn share(name: &'static str, of: fn(&Shares) -> Option<f64>) -> Column<Shares> {
    Column {
        name,
        sort: Sort::Percent,
        of,
    }
}

/// The rest of `/proc/stat`.
struct Counts {
    stat: KernelStats,
    interrupts: Option<f64>,
}

const COUNTS: &[Column<Counts>] = &[
    Column {
        name: "cpu.ctxt_per_s",
        sort: PER_SEC,
        of: |c| Some(c.stat.ctxt as f64),
    },
    Column {
        name: "cpu.intr_per_s",
        sort: PER_SEC,
        of: |c| c.interrupts,
    },
    Column {
        name: "cpu.forks_per_s",
        sort: PER_SEC,
        of: |c| Some(c.stat.processes as f64),
    },
    Column {
        name: "proc.running",
        sort: COUNT,
        of: |c| c.stat.procs_running.map(f64::from),
    },
    Column {
        name: "proc.blocked",
        sort: COUNT,
        of: |c| c.stat.procs_blocked.map(f64::from),
    },
];

/// Reads `/proc/stat`.
pub(super) struct Cpu {
    file: Again,
    origin: Origin,
    total: Meter<Shares>,
    counts: Meter<Counts>,
    /// Per core: the number in its name, its metric.
    cores: Vec<(u32, Meter<Shares>)>,
    before: Option<(Vec<u32>, KernelStats)>,
}

impl Cpu {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "cpu", host.interval);
        Self {
            file: Again::new(&host.root, "proc/stat"),
            total: Meter::new(&origin, "cpu.", SHARES),
            counts: Meter::new(&origin, "", COUNTS),
            cores: Vec::new(),
            before: None,
            origin,
        }
    }
}

impl Source for Cpu {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let text = self.file.text()?.into_owned();
        let stat = KernelStats::from_buf_read(text.as_bytes(), procfs::current_system_info())
            .map_err(|why| self.file.malformed(why))?;
        // A core that is offline has no line, so its place in the list is not its number.
        let numbers: Vec<u32> = text
            .lines()
            .filter_map(|line| line.strip_prefix("cpu")?.split(' ').next()?.parse().ok())
            .collect();
        if let Some((before, then)) = self.before.take() {
            if let Some(shares) = Shares::between(&then.total, &stat.total) {
                self.total.tell(now, &shares, out);
            }
            // After a change of the cores that are online, the next reading compares like with like.
            if before == numbers {
                for ((number, then), time) in numbers.iter().zip(&then.cpu_time).zip(&stat.cpu_time).take(MOST_CORES) {
                    let Some(shares) = Shares::between(then, time) else {
                        continue;
                    };
                    let place = self.cores.iter().position(|core| core.0 == *number).unwrap_or_else(|| {
                        let meter = Meter::new(&self.origin, &format!("cpu.{number}."), CORE);
                        self.cores.push((*number, meter));
                        self.cores.len() - 1
                    });
                    self.cores[place].1.tell(now, &shares, out);
                }
            }
        }
        let interrupts = text
            .lines()
            .find_map(|line| line.strip_prefix("intr ")?.split(' ').next()?.parse().ok());
        let counts = Counts { stat, interrupts };
        self.counts.tell(now, &counts, out);
        self.before = Some((numbers, counts.stat));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    const FIRST: &str = "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu3 50 0 50 400 0 0 0 0 0 0\n\
        intr 1000 1 2 3\nctxt 5000\nbtime 1\nprocesses 10\nprocs_running 2\nprocs_blocked 1\n";
    const SECOND: &str = "cpu  150 0 120 820 10 0 0 0 0 0\ncpu0 100 0 50 450 0 0 0 0 0 0\ncpu3 50 0 70 370 10 0 0 0 0 0\n\
        intr 3000 1 2 3\nctxt 4000\nbtime 1\nprocesses 14\nprocs_running 1\nprocs_blocked 0\n";

    #[test]
    fn time_is_shared_out_and_counters_become_rates() {
        let tree = Tree::new();
        tree.write("proc/stat", FIRST);
        let mut cpu = Cpu::new(&tree.host());
        let first = tree.read(&mut cpu, 0).unwrap();
        assert_eq!(value(&first, "cpu.busy_pct"), None);
        assert_eq!(value(&first, "proc.running"), Some(2.0));
        tree.write("proc/stat", SECOND);
        let second = tree.read(&mut cpu, 2).unwrap();
        assert_eq!(value(&second, "cpu.busy_pct"), Some(70.0));
        assert_eq!(value(&second, "cpu.iowait_pct"), Some(10.0));
        assert_eq!(value(&second, "cpu.0.busy_pct"), Some(50.0));
        assert_eq!(value(&second, "cpu.1.busy_pct"), None, "the second line is core 3");
        assert_eq!(value(&second, "cpu.3.busy_pct").map(f64::round), Some(67.0));
        assert_eq!(value(&second, "cpu.intr_per_s"), Some(1000.0));
        assert_eq!(value(&second, "cpu.ctxt_per_s"), None, "it went back");
        assert_eq!(value(&second, "cpu.forks_per_s"), Some(2.0));
    }

    #[test]
    fn an_empty_or_broken_file_is_told_as_such() {
        let tree = Tree::new();
        let mut cpu = Cpu::new(&tree.host());
        assert!(matches!(tree.read(&mut cpu, 0), Err(ObserveError::Absent { .. })));
        for text in ["", "cpu x y z", "cpu  1 2", "\u{1b}[2J"] {
            tree.write("proc/stat", text);
            assert!(
                matches!(tree.read(&mut cpu, 0), Err(ObserveError::Malformed { .. })),
                "{text}"
            );
        }
    }
}
