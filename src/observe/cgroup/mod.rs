//! What services, containers and slices take, from the kernel's control groups of either version.
#![cfg(target_os = "linux")]

mod tree;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs,
    path::PathBuf,
};

use self::tree::{Group, Sort, Tree};
use super::{
    Host, ObserveError, Source,
    file::small,
    meter::{BYTES, BYTES_PER_SEC, COUNT, Channel, Origin, PER_SEC, Sort as Number, percent},
};
use crate::domain::{Batch, Span, Timestamp, Unit};

/// How many groups of one sort by processor time, and how many by memory, are taken up at each reading.
const TOP: usize = 5;
/// How long a group is told of after it was last among them, so that series do not come and go.
const KEEP: Span = Span::from_hours(2);
/// Most groups of one sort that are told of.
const MOST: [(Sort, usize); 4] = [
    (Sort::Service, 14),
    (Sort::Container, 14),
    (Sort::Slice, 4),
    (Sort::Other, 4),
];
/// Less than this share of one core is not among the top by processor time.
const LEAST_CORES: f64 = 0.005;
/// Less memory than this is not among the top by memory, bytes.
const LEAST_BYTES: f64 = 1e6;
/// Shortest time between two readings, for each started [`BATCH`] groups.
const PACE: Span = Span::from_secs(10);
const BATCH: usize = 200;
/// Most services whose starts are remembered.
const MOST_STARTS: usize = 2_000;

/// A group that is told of.
struct Told {
    cpu: Channel,
    memory: Channel,
    memory_limit: Channel,
    throttled: Channel,
    read: Channel,
    written: Channel,
    oom_kills: Channel,
    starts: Channel,
    /// Periods of the quota at the last reading, and those in which it waited.
    periods: Option<(f64, f64)>,
    /// The OOM kills at the last reading.
    oom_before: Option<(Timestamp, f64)>,
    last_top: Timestamp,
}

/// When a service was seen to have been started anew.
struct Life {
    name: String,
    inode: u64,
    starts: VecDeque<Timestamp>,
}

/// Reads the control groups: services, containers and slices that take the most, and those in trouble.
pub(super) struct Groups {
    root: PathBuf,
    origin: Origin,
    least: Span,
    told: BTreeMap<(Sort, String), Told>,
    /// Processor seconds at the last reading.
    before: Option<(Timestamp, HashMap<PathBuf, f64>)>,
    /// By folder.
    lives: BTreeMap<PathBuf, Life>,
    /// Names of containers by the first twelve digits of their number.
    containers: HashMap<String, String>,
}

impl Groups {
    pub(super) fn new(host: &Host) -> Self {
        let least = PACE.max(host.interval);
        Self {
            root: host.root.clone(),
            origin: Origin::new(host, "cgroup", least),
            least,
            told: BTreeMap::new(),
            before: None,
            lives: BTreeMap::new(),
            containers: HashMap::new(),
        }
    }

    /// The name of a container as its daemon wrote it down, else its number.
    fn container(&mut self, number: &str) -> String {
        if let Some(name) = self.containers.get(number) {
            return name.clone();
        }
        let name = self.docker_name(number).or_else(|| self.podman_name(number));
        let name = name.unwrap_or_else(|| number.to_owned());
        if self.containers.len() >= MOST_STARTS {
            self.containers.clear();
        }
        self.containers.insert(number.to_owned(), name.clone());
        name
    }

    fn docker_name(&self, number: &str) -> Option<String> {
        let folder = self.root.join("var/lib/docker/containers");
        let own = fs::read_dir(folder).ok()?.flatten().find(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with(number)
        })?;
        let config: serde_json::Value = serde_json::from_str(&small(&own.path().join("config.v2.json"))?).ok()?;
        Some(config.get("Name")?.as_str()?.trim_start_matches('/').to_owned())
    }

    fn podman_name(&self, number: &str) -> Option<String> {
        let list = small(
            &self
                .root
                .join("var/lib/containers/storage/overlay-containers/containers.json"),
        )?;
        let list: Vec<serde_json::Value> = serde_json::from_str(&list).ok()?;
        let own = list.iter().find(|item| {
            item.get("id")
                .and_then(|id| id.as_str())
                .is_some_and(|id| id.starts_with(number))
        })?;
        Some(own.get("names")?.get(0)?.as_str()?.to_owned())
    }

    /// Notes which services were started anew since the last reading.
    fn note_starts(&mut self, now: Timestamp, groups: &[Group]) {
        let mut anew = Vec::new();
        for group in groups.iter().filter(|group| group.sort == Sort::Service) {
            let room = self.lives.len() < MOST_STARTS;
            match self.lives.get_mut(&group.path) {
                Some(life) if life.inode == group.inode => {}
                Some(life) => {
                    life.inode = group.inode;
                    life.starts.push_back(now);
                    anew.push(group);
                }
                None if room => {
                    let life = Life {
                        name: group.name.clone(),
                        inode: group.inode,
                        starts: VecDeque::new(),
                    };
                    self.lives.insert(group.path.clone(), life);
                }
                None => {}
            }
        }
        for life in self.lives.values_mut() {
            while life.starts.front().is_some_and(|at| now - *at > Span::from_hours(1)) || life.starts.len() > 1_000 {
                life.starts.pop_front();
            }
        }
        // Between counters of two lives there is no rate.
        for group in anew {
            if let Some((_, before)) = &mut self.before {
                before.remove(&group.path);
            }
            let key = (group.sort, group.name.clone());
            if let Some(told) = self.told.remove(&key) {
                self.take_up(key, told.last_top);
            }
        }
    }

    fn take_up(&mut self, key: (Sort, String), now: Timestamp) {
        let prefix = match key.0 {
            Sort::Service => "service",
            Sort::Container => "container",
            Sort::Slice => "slice",
            Sort::Other => "cgroup",
        };
        let origin = &self.origin;
        let channel = |what: &str, sort| origin.channel(&format!("{prefix}.{}.{what}", key.1), sort);
        let told = || Told {
            cpu: channel("cpu_cores", Number::Rate(Unit::Cores)),
            memory: channel("mem_bytes", BYTES),
            memory_limit: channel("mem_limit_pct", Number::Percent),
            throttled: channel("cpu_throttled_pct", Number::Percent),
            read: channel("read_bytes_per_s", BYTES_PER_SEC),
            written: channel("write_bytes_per_s", BYTES_PER_SEC),
            oom_kills: channel("oom_kills_per_s", PER_SEC),
            starts: channel("starts_1h", COUNT),
            periods: None,
            oom_before: None,
            last_top: now,
        };
        self.told.entry(key.clone()).or_insert_with(told).last_top = now;
    }

    fn drop_old(&mut self, now: Timestamp) {
        self.told.retain(|_, told| now - told.last_top <= KEEP);
        for (sort, most) in MOST {
            loop {
                let of_sort = || self.told.iter().filter(|((own, _), _)| *own == sort);
                let oldest = of_sort().min_by_key(|(_, told)| told.last_top);
                let Some(key) = oldest.filter(|_| of_sort().count() > most).map(|(key, _)| key.clone()) else {
                    break;
                };
                self.told.remove(&key);
            }
        }
    }

    fn pace(&mut self, groups: usize) {
        let steps = i64::try_from(groups.div_ceil(BATCH).max(1)).unwrap_or(1);
        let cadence = (PACE * steps).max(self.least);
        self.origin.cadence = cadence;
        for told in self.told.values_mut() {
            for channel in [
                &mut told.cpu,
                &mut told.memory,
                &mut told.memory_limit,
                &mut told.throttled,
                &mut told.read,
                &mut told.written,
                &mut told.oom_kills,
                &mut told.starts,
            ] {
                channel.pace(cadence);
            }
        }
    }

    /// The groups that take the most of each sort, and services that start again and again.
    fn top(
        &self,
        groups: &[Group],
        cores: &HashMap<PathBuf, f64>,
        memory: &HashMap<PathBuf, f64>,
    ) -> Vec<(Sort, String)> {
        let mut top = Vec::new();
        for (sort, _) in MOST {
            for (taken, least) in [(cores, LEAST_CORES), (memory, LEAST_BYTES)] {
                let of_sort = groups.iter().filter(|group| group.sort == sort);
                let mut by: Vec<(&Group, f64)> = of_sort
                    .filter_map(|group| Some((group, *taken.get(&group.path)?)))
                    .filter(|(_, taken)| *taken >= least)
                    .collect();
                by.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.name.cmp(&b.0.name)));
                top.extend(by.iter().take(TOP).map(|(group, _)| (sort, group.name.clone())));
            }
        }
        let restless = self.lives.values().filter(|life| life.starts.len() >= 2);
        top.extend(restless.map(|life| (Sort::Service, life.name.clone())));
        top
    }
}

impl Told {
    fn tell(
        &mut self,
        now: Timestamp,
        tree: &Tree,
        group: &Group,
        cpu: Option<f64>,
        memory: Option<f64>,
        out: &mut Batch,
    ) {
        if let Some(secs) = cpu {
            self.cpu.tell(now, secs, out);
        }
        if let Some(bytes) = memory {
            let working = (bytes - tree.reclaimable(group).unwrap_or(0.0)).max(0.0);
            self.memory.tell(now, working, out);
            if let Some(share) = tree.memory_limit(group).and_then(|limit| percent(working, limit)) {
                self.memory_limit.tell(now, share, out);
            }
        }
        // Without a quota there are no periods.
        if let Some(periods) = tree.throttled(group).filter(|(periods, _)| *periods > 0.0)
            && let Some((then, waited)) = self.periods.replace(periods)
            && let Some(share) = percent((periods.1 - waited).max(0.0), periods.0 - then)
        {
            self.throttled.tell(now, share, out);
        }
        if let Some((read, written)) = tree.disk_bytes(group) {
            self.read.tell(now, read, out);
            self.written.tell(now, written, out);
        }
        // Most groups never see one: told from the first on, with the reading before it.
        if let Some(kills) = tree.oom_kills(group) {
            let before = self.oom_before.replace((now, kills));
            if kills > 0.0 {
                if let Some((then, none)) = before.filter(|(_, count)| *count == 0.0) {
                    self.oom_kills.tell(then, none, out);
                }
                self.oom_kills.tell(now, kills, out);
            }
        }
    }
}

impl Source for Groups {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let tree = Tree::find(&self.root)?;
        let mut groups = tree.groups();
        for group in groups.iter_mut().filter(|group| group.sort == Sort::Container) {
            group.name = self.container(&group.name);
        }
        self.pace(groups.len());
        self.note_starts(now, &groups);
        let cpu: HashMap<PathBuf, f64> = groups
            .iter()
            .filter_map(|group| Some((group.path.clone(), tree.cpu_secs(group)?)))
            .collect();
        let memory: HashMap<PathBuf, f64> = groups
            .iter()
            .filter_map(|group| Some((group.path.clone(), tree.memory(group)?)))
            .collect();
        let cores: HashMap<PathBuf, f64> = self.before.take().map_or_else(HashMap::new, |(then, before)| {
            let passed = (now - then).secs_f64();
            let used = |(path, secs): (&PathBuf, &f64)| {
                let grown = secs - before.get(path)?;
                (passed > 0.0 && grown >= 0.0).then(|| (path.clone(), grown / passed))
            };
            cpu.iter().filter_map(used).collect()
        });
        for key in self.top(&groups, &cores, &memory) {
            self.take_up(key, now);
        }
        self.drop_old(now);
        for ((sort, name), told) in &mut self.told {
            if let Some(group) = groups.iter().find(|group| group.sort == *sort && group.name == *name) {
                let (cpu, memory) = (cpu.get(&group.path), memory.get(&group.path));
                told.tell(now, &tree, group, cpu.copied(), memory.copied(), out);
            }
            // Told from the first start on; the life before it had none.
            if *sort == Sort::Service {
                let own = self.lives.values().filter(|life| life.name == *name);
                let starts: usize = own.map(|life| life.starts.len()).sum();
                if told.starts.begun() || starts > 0 {
                    told.starts.tell(now, starts as f64, out);
                }
            }
        }
        self.before = Some((now, cpu));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
