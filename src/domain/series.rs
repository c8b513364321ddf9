//! What is watched, and what was seen of it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{ResourceId, SeriesId, Span, Timestamp, Unit, Value, matches};

/// How the numbers of a metric behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKind {
    /// Any value at any time.
    #[default]
    Gauge,
    /// A gauge that cannot leave `lo..=hi`.
    Bounded {
        /// Least possible value.
        lo: f64,
        /// Greatest possible value.
        hi: f64,
    },
    /// A count that only grows, until it restarts from zero. Sources turn counters into rates with [`Unit::PerSec`].
    Counter,
    /// Change of a counter per second: never below zero.
    Rate,
}

/// On which side of a limit trouble lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Too high is trouble.
    Above,
    /// Too low is trouble.
    Below,
}

impl Side {
    /// `value` turned round, if need be, so that trouble is above.
    #[must_use]
    pub fn upright(self, value: f64) -> f64 {
        match self {
            Self::Above => value,
            Self::Below => -value,
        }
    }
}

/// A bound a metric should not pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// The bound, in the metric's unit.
    pub value: f64,
    /// The side that is trouble.
    pub side: Side,
    /// Who set it: `default`, `config`, `console`.
    pub by: Arc<str>,
}

impl Limit {
    /// Whether `value` is on the wrong side.
    #[must_use]
    pub fn broken_by(&self, value: f64) -> bool {
        match self.side {
            Side::Above => value > self.value,
            Side::Below => value < self.value,
        }
    }
}

/// What a source says once about a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricMeta {
    /// Whose it is and what it is called.
    pub id: SeriesId,
    /// What the number counts.
    pub unit: Unit,
    /// How it behaves.
    pub kind: MetricKind,
    /// The usual time between two values.
    pub cadence: Span,
    /// The source that reads it (`proc`, `sysinfo`).
    pub source: Arc<str>,
    /// A limit that comes with the metric (a full disk), if there is one.
    pub limit: Option<Limit>,
}

impl MetricMeta {
    /// The least and greatest value there can be, in the metric's unit; infinite where there is no bound.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        match self.kind {
            MetricKind::Bounded { lo, hi } if lo <= hi => (lo, hi),
            MetricKind::Counter | MetricKind::Rate => (0.0, f64::INFINITY),
            // What is counted cannot be fewer than none.
            MetricKind::Gauge if !matches!(self.unit, Unit::None | Unit::Celsius) => (0.0, f64::INFINITY),
            MetricKind::Gauge | MetricKind::Bounded { .. } => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// Whether it is what one process takes. Processes come and go.
    #[must_use]
    pub fn of_process(&self) -> bool {
        self.id.name.starts_with("top.")
    }

    /// The side on which more of it is worse, as far as its name tells: what fails, waits or is in use from above, what is left or goes well from
    /// below. `None` for what is neither: there is no harm in traffic.
    #[must_use]
    pub fn worse(&self) -> Option<Side> {
        let name = self.id.name.split('{').next().unwrap_or_default();
        let any = |is: &dyn Fn(&str) -> bool| name.split(['.', '_', '-', '/']).any(is);
        let has = |some: &[&str]| any(&|word| some.contains(&word));
        // A share of what was hit or is free is below, whatever else it says.
        if any(&is_left) {
            return Some(Side::Below);
        }
        let used = self.range().1.is_finite() && has(&USED);
        (self.counts_trouble() || has(&FAILS) || used).then_some(Side::Above)
    }

    /// Whether it may be what a resource is asked to do, by its name: no process, nothing that is in use or left, waits or fails.
    #[must_use]
    pub fn may_be_load(&self) -> bool {
        let name = self.id.name.split('{').next().unwrap_or_default();
        let state = |word: &str| is_left(word) || [&USED[..], &FAILS, &TAKEN].iter().any(|words| words.contains(&word));
        !(self.of_process() || self.counts_trouble() || name.split(['.', '_', '-', '/']).any(state))
    }

    /// Whether it counts nothing but trouble (waiting, failing, being refused or ended), so that less of it is only better.
    #[must_use]
    pub fn counts_trouble(&self) -> bool {
        TROUBLE.iter().any(|pattern| matches(pattern, &self.id.name))
    }
}

/// Whether a word of a metric's name says that it goes well or is left, so that less of it is worse.
#[must_use]
pub fn is_left(word: &str) -> bool {
    LEFT.contains(&word)
}

/// Words of what goes well or is left, of what is used of all there is, and of what fails or waits.
const LEFT: [&str; 7] = ["availability", "available", "free", "hit", "hits", "idle", "success"];
const USED: [&str; 5] = ["busy", "use", "used", "util", "utilization"];
/// Words of what a load takes.
const TAKEN: [&str; 8] = ["cpu", "fs", "load", "mem", "memory", "psi", "swap", "temp"];
const FAILS: [&str; 27] = [
    "backlog", "discards", "dropped", "drops", "err", "error", "errors", "errs", "failed", "failures", "fails", "lag",
    "latency", "lost", "p50", "p75", "p90", "p95", "p98", "p99", "p999", "rejected", "refused", "retrans", "timeout",
    "timeouts", "wait",
];

/// Names of metrics that count trouble.
const TROUBLE: [&str; 23] = [
    "*.await_secs",
    "*_discards_per_s",
    "*_fails_per_s",
    "*_overflows_per_s",
    "*_resets_per_s",
    "*_throttled_pct",
    "*drops_per_s",
    "*errors_per_s",
    "*oom_kill*_per_s",
    "*retrans_per_s",
    "*timeouts_per_s",
    "cpu.iowait_pct",
    "cpu.steal_pct",
    "dns.unanswered",
    "icmp.in_unreachable_per_s",
    "logins.failed_1m",
    "proc.blocked",
    "proc.zombies",
    "psi.*",
    "service.*.starts_1h",
    "tcp.abort_on_memory_per_s",
    "tcp.prunes_per_s",
    "vm.oom_kills_1h",
];

/// One value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When it was so.
    pub at: Timestamp,
    /// The value; sources may hand over NaN or infinities, models treat them as missing.
    pub value: f64,
}

/// One value seen at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Which metric.
    pub id: SeriesId,
    /// When and what.
    pub point: Point,
}

/// All settings of one scope of a resource, as they are now. What an earlier snapshot of the scope had and this one lacks is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingSnapshot {
    /// Whose settings.
    pub resource: ResourceId,
    /// The part of the resource this covers wholly; every setting's name starts with it and a dot (`sysctl`, `pkg`, `etc`).
    pub scope: Arc<str>,
    /// When they were read.
    pub at: Timestamp,
    /// Name (with the scope's prefix) and value; `None` when nothing changed since the last snapshot of this scope.
    pub settings: Option<BTreeMap<Arc<str>, Value>>,
    /// What was looked for, where that is known and they are told; `None` is taken for the same as the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

/// What the reader of a scope looks for. What is new, or missing, because this is not what it was is no change of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// How it reads: with another word, other settings of the same things.
    pub reader: Arc<str>,
    /// Begins of the names that are looked for, up to their end, a `/` or a `:`; none is all of the scope.
    pub within: Vec<Arc<str>>,
}

impl Reach {
    /// Whether who looks for this finds the setting `name` where who looks for `other` does.
    #[must_use]
    pub fn finds(&self, name: &str, other: &Self) -> bool {
        let begins = |begin: &Arc<str>| {
            let rest = name.strip_prefix(&**begin);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
        };
        self.reader == other.reader && (self.within.is_empty() || self.within.iter().any(begins))
    }
}

/// A change of one setting, seen at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingChange {
    /// Which setting.
    pub id: SeriesId,
    /// When it was seen (or, where the source knows, when it happened).
    pub at: Timestamp,
    /// When the value before was last confirmed: the change happened after this and no later than `at`. `None` where `at` is all
    /// that is known.
    #[serde(default)]
    pub after: Option<Timestamp>,
    /// The value before; `None` when it was not there.
    pub from: Option<Value>,
    /// The value after; `None` when it is gone.
    pub to: Option<Value>,
    /// Who did it, where known.
    pub by: Option<Arc<str>>,
    /// Whether a history told of it later: nobody watched when it happened.
    #[serde(default)]
    pub backfilled: bool,
}

/// The sort of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A line of a log worth keeping.
    Log,
    /// A package installed, upgraded or removed.
    Package,
    /// A service started, stopped or failed.
    Service,
    /// A login or a command run with rights.
    Login,
    /// The kernel said something.
    Kernel,
    /// A new version rolled out.
    Deploy,
    /// The collector itself: a source lost or back, a clock jump.
    Collector,
}

impl EventKind {
    /// Its word in lists and in data: that of its serialised form.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Package => "package",
            Self::Service => "service",
            Self::Login => "login",
            Self::Kernel => "kernel",
            Self::Deploy => "deploy",
            Self::Collector => "collector",
        }
    }
}

/// What stands in lists before what a log or a history told of later, when nobody watched.
#[must_use]
pub const fn told_later(backfilled: bool) -> &'static str {
    if backfilled { "past: " } else { "" }
}

/// Something that happened: who, what, when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub resource: ResourceId,
    /// What sort.
    pub kind: EventKind,
    /// What happened, one line.
    pub what: Arc<str>,
    /// Who, where known.
    pub who: Option<Arc<str>>,
    /// Whether a log told of it later: nobody watched when it happened.
    #[serde(default)]
    pub backfilled: bool,
}

impl Event {
    /// Whether `other` is the same event, whoever told of it and when, and whether or not it was known then who it was.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        (self.at, self.kind, &self.resource, &self.what) == (other.at, other.kind, &other.resource, &other.what)
            && (self.who == other.who || self.who.is_none() || other.who.is_none())
    }
}

/// Values of one metric from before watching began, as the archive of another program holds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Archive {
    /// Which metric. Only one that is watched takes them.
    pub id: SeriesId,
    /// The program that kept them.
    pub source: Arc<str>,
    /// The usual time between two of them: each is the value, or the mean rate, of a time as long as this.
    pub every: Span,
    /// The values, oldest first.
    pub points: Vec<Point>,
}

/// What sources hand over in one go. Order within a list is the order seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Metrics not told of before, or told of anew.
    pub metrics: Vec<MetricMeta>,
    /// Values.
    pub observations: Vec<Observation>,
    /// Settings by scope.
    pub snapshots: Vec<SettingSnapshot>,
    /// Single changes, from sources that see changes and not states (exchange streams, replays).
    pub changes: Vec<SettingChange>,
    /// Changes of before watching began, as a history tells them: what is now does not change by them.
    pub past: Vec<SettingChange>,
    /// Values of before watching began.
    #[serde(default)]
    pub archives: Vec<Archive>,
    /// Events.
    pub events: Vec<Event>,
}

impl SettingChange {
    /// The earliest time it may have happened.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        self.after.map_or(self.at, |after| after.min(self.at))
    }
}

impl Batch {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
            && self.observations.is_empty()
            && self.snapshots.is_empty()
            && self.changes.is_empty()
            && self.past.is_empty()
            && self.archives.is_empty()
            && self.events.is_empty()
    }

    /// Values, changes and events in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.observations.len() + self.changes.len() + self.events.len()
    }

    /// Leaves the first `most` values, then changes, then events here, and gives the rest. What metrics and settings there are stays
    /// whole and here.
    #[must_use]
    pub fn split_off(&mut self, most: usize) -> Self {
        let values = self.observations.len().min(most);
        let changes = self.changes.len().min(most - values);
        let events = self.events.len().min(most - values - changes);
        Self {
            observations: self.observations.split_off(values),
            changes: self.changes.split_off(changes),
            events: self.events.split_off(events),
            ..Self::default()
        }
    }

    /// Adds all of `other` behind what is here.
    pub fn append(&mut self, mut other: Self) {
        self.metrics.append(&mut other.metrics);
        self.observations.append(&mut other.observations);
        self.snapshots.append(&mut other.snapshots);
        self.changes.append(&mut other.changes);
        self.past.append(&mut other.past);
        self.archives.append(&mut other.archives);
        self.events.append(&mut other.events);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_split_without_loss() {
        let id: SeriesId = "host:a/b".parse().unwrap();
        let point = |n: i64| Observation {
            id: id.clone(),
            point: Point {
                at: Timestamp(n),
                value: 0.0,
            },
        };
        let change = |n: i64| SettingChange {
            id: id.clone(),
            at: Timestamp(n),
            after: None,
            from: None,
            to: None,
            by: None,
            backfilled: false,
        };
        let whole = Batch {
            observations: (0..5).map(point).collect(),
            changes: (0..5).map(change).collect(),
            ..Batch::default()
        };
        for most in 0..12 {
            let mut first = whole.clone();
            let rest = first.split_off(most);
            assert_eq!((first.len(), rest.len()), (most.min(10), 10 - most.min(10)));
            first.append(rest);
            assert_eq!(first, whole);
        }
    }
}
