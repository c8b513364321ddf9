//! Processes: how many, and which take the most processor time and memory, from `/proc/PID/stat`.
#![cfg(target_os = "linux")]

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::Read as _,
    path::PathBuf,
};

use super::{
    Host, ObserveError, Source,
    file::{Again, failed},
    meter::{BYTES, COUNT, Channel, Origin, Sort},
};
use crate::domain::{Batch, Span, Timestamp};

/// How many names by processor time, and how many by memory, are taken up at each reading.
const TOP: usize = 5;
/// How long a name is told of after it was last among them.
const KEEP: Span = Span::from_hours(1);
/// Most names that are told of.
const MOST: usize = 20;
/// A name below this share of the machine's processor time is not among the top, percent.
const LEAST_PCT: f64 = 0.5;
/// Shortest time between two readings, for each started [`BATCH`] processes: reading that many costs about 8 ms.
const PACE: Span = Span::from_secs(10);
const BATCH: usize = 500;

/// What one line of `/proc/PID/stat` says.
#[derive(Debug, PartialEq)]
struct Process {
    name: String,
    state: u8,
    parent: u32,
    /// Processor time in ticks, user and system.
    ticks: u64,
    /// Ticks from boot to its start: tells it from a later process of the same number.
    start: u64,
    /// Resident pages.
    pages: u64,
}

impl Process {
    /// Seven of the 52 fields of proc_pid_stat(5). The name may hold any byte, parentheses too.
    fn parse(line: &[u8]) -> Option<Self> {
        const KERNEL_THREAD: u64 = 0x0020_0000;
        let open = line.iter().position(|b| *b == b'(')?;
        let close = line.iter().rposition(|b| *b == b')')?;
        let name = String::from_utf8_lossy(line.get(open + 1..close)?);
        let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().take(22).collect();
        // `fields[0]` is the third of the manual page.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let kernel = number(9)? & KERNEL_THREAD != 0;
        // kworker/0:1-events, kworker/u8:3: one name for what is one thing.
        let stem = if kernel { name.split('/').next()? } else { &name };
        Some(Self {
            name: stem.to_owned(),
            state: *fields.first()?.as_bytes().first()?,
            parent: number(4).and_then(|parent| parent.try_into().ok()).unwrap_or(0),
            ticks: number(14)?.saturating_add(number(15)?),
            start: number(22)?,
            pages: number(24).unwrap_or(0),
        })
    }
}

/// Number and start of a process: no two ever have the same.
type Key = (u32, u64);

/// What all processes of one name take together.
#[derive(Clone, Copy, Default)]
struct Taken {
    ticks: u64,
    pages: u64,
}

/// A name that is told of.
struct Named {
    cpu: Channel,
    rss: Channel,
    last_top: Timestamp,
}

/// Reads `/proc/PID/stat` of all processes.
pub(super) struct Processes {
    proc: PathBuf,
    stat: Again,
    origin: Origin,
    least: Span,
    page_bytes: f64,
    count: Channel,
    zombies: Channel,
    /// Ticks of the machine at the last reading, and of each process.
    before: Option<(u64, HashMap<Key, u64>)>,
    named: BTreeMap<String, Named>,
    held: Vec<u8>,
}

impl Processes {
    pub(super) fn new(host: &Host) -> Self {
        let least = PACE.max(host.interval);
        let origin = Origin::new(host, "process", least);
        Self {
            least,
            proc: host.root.join("proc"),
            stat: Again::new(&host.root, "proc/stat"),
            page_bytes: procfs::page_size() as f64,
            count: origin.channel("proc.count", COUNT),
            zombies: origin.channel("proc.zombies", COUNT),
            before: None,
            named: BTreeMap::new(),
            held: Vec::new(),
            origin,
        }
    }

    /// All processes by number. One that ended meanwhile is left out.
    fn all(&mut self) -> Result<Vec<(u32, Process)>, ObserveError> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.proc).map_err(|source| failed(&self.proc, source))? {
            let Ok(entry) = entry else { continue };
            let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            self.held.clear();
            let read = File::open(entry.path().join("stat")).and_then(|mut file| file.read_to_end(&mut self.held));
            if let (Ok(_), Some(process)) = (read, Process::parse(&self.held)) {
                all.push((number, process));
            }
        }
        Ok(all)
    }

    /// Ticks of all processors since boot, whatever they did.
    fn machine_ticks(&mut self) -> Result<u64, ObserveError> {
        let text = self.stat.text()?;
        let line = text.lines().next().unwrap_or_default();
        // Guest time is in user time too, so it does not count again.
        let ticks = line
            .split_ascii_whitespace()
            .skip(1)
            .take(8)
            .flat_map(str::parse::<u64>);
        Ok(ticks.fold(0, u64::saturating_add))
    }

    fn take_up(&mut self, name: &str, now: Timestamp) {
        let origin = &self.origin;
        self.named
            .entry(name.to_owned())
            .or_insert_with(|| Named {
                cpu: origin.channel(&format!("top.{name}.cpu_pct"), Sort::Percent),
                rss: origin.channel(&format!("top.{name}.rss_bytes"), BYTES),
                last_top: now,
            })
            .last_top = now;
    }

    fn drop_old(&mut self, now: Timestamp) {
        self.named.retain(|_, named| now - named.last_top <= KEEP);
        while self.named.len() > MOST {
            let oldest = self.named.iter().min_by_key(|(_, named)| named.last_top);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            self.named.remove(&name);
        }
    }

    fn pace(&mut self, processes: usize) {
        let steps = i64::try_from(processes.div_ceil(BATCH).max(1)).unwrap_or(1);
        let cadence = (PACE * steps).max(self.least);
        self.origin.cadence = cadence;
        let named = self
            .named
            .values_mut()
            .flat_map(|named| [&mut named.cpu, &mut named.rss]);
        for channel in named.chain([&mut self.count, &mut self.zombies]) {
            channel.pace(cadence);
        }
    }
}

impl Source for Processes {
    fn name(&self) -> &'static str {
        "process"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let machine = self.machine_ticks()?;
        let all = self.all()?;
        self.pace(all.len());
        self.count.tell(now, all.len() as f64, out);
        let zombies = all.iter().filter(|(_, process)| process.state == b'Z').count();
        self.zombies.tell(now, zombies as f64, out);

        let before = self.before.take();
        let mut ticks = HashMap::with_capacity(all.len());
        let mut taken: BTreeMap<String, Taken> = BTreeMap::new();
        for (number, process) in all {
            let key = (number, process.start);
            // One that was not there at the last reading used all its time since.
            let grown = before.as_ref().map_or(0, |(_, before)| {
                process.ticks.saturating_sub(before.get(&key).copied().unwrap_or(0))
            });
            ticks.insert(key, process.ticks);
            // A program that this one asks bears its thread's name, and all its memory, until it has begun.
            if process.parent == std::process::id() {
                continue;
            }
            let sum = taken.entry(process.name).or_default();
            sum.ticks = sum.ticks.saturating_add(grown);
            sum.pages = sum.pages.saturating_add(process.pages);
        }
        // Against the machine's own ticks, so that a clock that jumps does no harm.
        let passed = before
            .map(|(then, _)| machine.saturating_sub(then))
            .filter(|passed| *passed > 0);
        self.before = Some((machine, ticks));

        let cpu_pct = |taken: &Taken| passed.map(|passed| 100.0 * taken.ticks as f64 / passed as f64);
        let mut by_cpu: Vec<(&String, f64)> = taken
            .iter()
            .filter_map(|(name, taken)| Some((name, cpu_pct(taken).filter(|pct| *pct >= LEAST_PCT)?)))
            .collect();
        by_cpu.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut by_memory: Vec<(&String, u64)> = taken.iter().map(|(name, taken)| (name, taken.pages)).collect();
        by_memory.sort_by_key(|(_, pages)| std::cmp::Reverse(*pages));
        let by_memory = by_memory.iter().filter(|(_, pages)| *pages > 0).map(|(name, _)| *name);
        let top: Vec<&String> = by_cpu
            .iter()
            .map(|(name, _)| *name)
            .take(TOP)
            .chain(by_memory.take(TOP))
            .collect();
        for name in top {
            self.take_up(name, now);
        }
        self.drop_old(now);
        for (name, named) in &mut self.named {
            let taken = taken.get(name).copied().unwrap_or_default();
            if let Some(pct) = cpu_pct(&taken) {
                named.cpu.tell(now, pct, out);
            }
            named.rss.tell(now, taken.pages as f64 * self.page_bytes, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    fn line(name: &str, state: char, flags: u64, ticks: u64, start: u64, pages: u64) -> Vec<u8> {
        format!("7 ({name}) {state} 1 1 1 0 -1 {flags} 0 0 0 0 {ticks} 0 0 0 20 0 3 0 {start} 999 {pages} 1 2 3\n")
            .into()
    }

    #[test]
    fn a_name_may_hold_anything() {
        let process = Process::parse(&line("a) R (b", 'S', 0, 5, 9, 4)).unwrap();
        assert_eq!(
            (
                process.name.as_str(),
                (process.state, process.parent),
                process.ticks,
                process.start,
                process.pages
            ),
            ("a) R (b", (b'S', 1), 5, 9, 4)
        );
        let kernel = Process::parse(&line("kworker/0:1-ev", 'I', 0x0020_8040, 5, 9, 0)).unwrap();
        assert_eq!(kernel.name, "kworker");
        for bad in [
            &b""[..],
            b")(",
            b"1 (x)",
            b"1 (x) S",
            b"\xff\xfe",
            b"1 (x) S 1 1 1 0 -1 y",
        ] {
            assert_eq!(Process::parse(bad), None);
        }
    }

    #[test]
    fn the_top_is_told_of_and_reads_zero_when_gone() {
        let tree = Tree::new();
        let mut source = Processes::new(&tree.host());
        let stat = |ticks: u64| format!("cpu  {ticks} 0 0 0 0 0 0 0 0 0\n");
        tree.write("proc/stat", stat(1000));
        tree.write("proc/7/stat", line("hog", 'R', 0, 100, 1, 0));
        tree.write("proc/8/stat", line("fat\u{1b}", 'S', 0, 0, 1, 100));
        tree.write("proc/9/stat", line("dead", 'Z', 0, 0, 1, 0));
        let first = tree.read(&mut source, 0).unwrap();
        assert_eq!(
            (value(&first, "proc.count"), value(&first, "proc.zombies")),
            (Some(3.0), Some(1.0))
        );
        assert_eq!(value(&first, "top.hog.cpu_pct"), None, "no time has passed yet");

        tree.write("proc/stat", stat(2000));
        tree.write("proc/7/stat", line("hog", 'R', 0, 600, 1, 0));
        tree.write("proc/10/stat", line("hog", 'R', 0, 100, 50, 0));
        let second = tree.read(&mut source, 10).unwrap();
        assert_eq!(value(&second, "top.hog.cpu_pct"), Some(60.0), "both of that name");
        assert_eq!(
            value(&second, "top.fat\\u{1b}.rss_bytes"),
            Some(100.0 * procfs::page_size() as f64)
        );
        assert_eq!(value(&second, "top.dead.cpu_pct"), None);

        fs::remove_dir_all(tree.path("proc/7")).unwrap();
        fs::remove_dir_all(tree.path("proc/10")).unwrap();
        tree.write("proc/stat", stat(3000));
        let third = tree.read(&mut source, 20).unwrap();
        assert_eq!(value(&third, "top.hog.cpu_pct"), Some(0.0));
        let later = tree.read(&mut source, 20 + 3_601).unwrap();
        assert_eq!(value(&later, "top.hog.rss_bytes"), None, "an hour has passed");
    }

    #[test]
    fn many_names_are_cut_and_many_processes_read_less_often() {
        let tree = Tree::new();
        let mut source = Processes::new(&tree.host());
        for round in 0..6u64 {
            tree.write("proc/stat", format!("cpu  {} 0 0 0\n", 1000 * (round + 1)));
            for n in 0..5 {
                tree.write(
                    &format!("proc/{}/stat", round * 10 + n),
                    line(&format!("p{round}{n}"), 'R', 0, 90, round, 1000 * round + n),
                );
            }
            tree.read(&mut source, 10 * round as i64).unwrap();
        }
        assert_eq!(source.named.len(), MOST);
        source.pace(10_000);
        assert_eq!(source.every(), Span::from_secs(200));
        let told = tree.read(&mut source, 70).unwrap();
        assert_eq!(source.every(), Span::from_secs(10));
        assert!(told.metrics.iter().all(|meta| meta.cadence == Span::from_secs(10)));
    }
}
