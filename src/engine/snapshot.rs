//! What a console sees: plain data, published whole, shared by reference.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Crossing, Finding, Limit, Mark, MetricKind, Options, Proposal, Quantiles, Record, ResourceId, SeriesId,
        SettingChange, Side, Span, Timestamp, Unit, Value,
    },
    drift::Incident,
    shadow::{Outlook, Undoing},
};

/// Everything a console draws, as of one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Grows by one with every publication.
    pub number: u64,
    /// What is shown was so at this time: when it was last judged, never before the newest data; `None` before the first.
    pub at: Option<Timestamp>,
    /// `false` when it shows the past (made for an as-of query).
    pub live: bool,
    /// The recording that is played, when it is not the host that is watched.
    pub replay: Option<ReplayRow>,
    /// The options in force.
    pub options: Arc<Options>,
    /// Resources, worst first.
    pub resources: Arc<[ResourceRow]>,
    /// Metrics by name.
    pub metrics: Arc<[MetricRow]>,
    /// Settings by name.
    pub settings: Arc<[SettingRow]>,
    /// Findings that hold, worst first.
    pub findings: Arc<[Arc<Finding>]>,
    /// Proposals, best first.
    pub proposals: Arc<[Arc<Proposal>]>,
    /// Incidents of the last 30 days, oldest first.
    pub incidents: Arc<[Incident]>,
    /// Can the shadow be trusted?
    pub health: Health,
    /// What the console and its engine cost.
    pub usage: Usage,
    /// The sources.
    pub sources: Arc<[SourceRow]>,
    /// The store.
    pub store: StoreRow,
}

impl Snapshot {
    /// The snapshot before the first one: nothing in it yet.
    #[must_use]
    pub fn empty(options: Arc<Options>, store: StoreRow) -> Self {
        Self {
            number: 0,
            at: None,
            live: true,
            replay: None,
            options,
            resources: Arc::default(),
            metrics: Arc::default(),
            settings: Arc::default(),
            findings: Arc::default(),
            proposals: Arc::default(),
            incidents: Arc::default(),
            health: Health::default(),
            usage: Usage::default(),
            sources: Arc::default(),
            store,
        }
    }
}

/// A recording that is played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayRow {
    /// The name of its file.
    pub file: Arc<str>,
    /// When the recording began.
    pub from: Timestamp,
    /// When its newest step was taken.
    pub now: Timestamp,
    /// Times as fast as it happened; 0 while it is held, an infinity when all is played at once.
    pub speed: f64,
    /// Whether it has been played to its end.
    pub ended: bool,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResourceRow {
    /// Its name.
    pub id: ResourceId,
    /// The worst of its findings, or ok, learning, stale.
    pub mark: Mark,
    /// CPU busy, percent, with the last eight values of about a minute each (oldest first).
    pub cpu: Option<(f64, [Option<f32>; 8])>,
    /// Memory used, percent, likewise.
    pub mem: Option<(f64, [Option<f32>; 8])>,
    /// The series that is worst, with its bits.
    pub worst: Option<(SeriesId, f64)>,
    /// When it was last heard of.
    pub seen: Option<Timestamp>,
    /// Its number of metrics.
    pub metrics: u32,
    /// Its number of settings.
    pub settings: u32,
}

impl ResourceRow {
    /// A resource of which nothing is known yet.
    #[must_use]
    pub fn new(id: &ResourceId) -> Self {
        Self {
            id: id.clone(),
            mark: Mark::Ok,
            cpu: None,
            mem: None,
            worst: None,
            seen: None,
            metrics: 0,
            settings: 0,
        }
    }
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricRow {
    /// Its name.
    pub id: SeriesId,
    /// Its unit.
    pub unit: Unit,
    /// How it behaves.
    pub kind: MetricKind,
    /// Its state.
    pub mark: Mark,
    /// Newest value and when it was read.
    pub now: Option<(Timestamp, f64)>,
    /// What had been expected of that value.
    pub expected: Option<Quantiles>,
    /// Surprise of that value, bits.
    pub bits: f32,
    /// Greatest surprise in each eighth of the last hour, oldest first; `None` without data.
    pub hour: [Option<f32>; 8],
    /// Its limit.
    pub limit: Option<Limit>,
    /// When the limit is passed, if that is likely enough to tell.
    pub crossing: Option<Crossing>,
    /// Values learnt from.
    pub points: u64,
    /// Since when.
    pub from: Option<Timestamp>,
    /// When the shadow will be ready; `None` when it is.
    pub ready: Option<Timestamp>,
    /// The usual time between values.
    pub cadence: Span,
    /// Who reads it.
    pub source: Arc<str>,
}

impl MetricRow {
    /// A limit to try, in the metric's unit, by whom it is tried. Trouble lies on the side of the metric's own limit if it has one, else
    /// beyond it; what is beyond it now is to come back below it.
    #[must_use]
    pub fn trial(&self, value: f64, by: &str) -> Limit {
        let side = match (&self.limit, self.now) {
            (Some(own), _) => own.side,
            (None, Some((_, now))) if now > value => Side::Below,
            (None, _) => Side::Above,
        };
        Limit {
            value,
            side,
            by: by.into(),
        }
    }
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingRow {
    /// Its name.
    pub id: SeriesId,
    /// Its state.
    pub mark: Mark,
    /// Value now; `None` when it is gone.
    pub value: Option<Value>,
    /// The accepted (baseline) value, when it differs; of a new setting that there was none.
    #[serde(with = "within")]
    pub accepted: Option<Option<Value>>,
    /// P(it changes within the next 24 hours); `None` while there is not enough history, of one that is gone, and of the past.
    pub hazard: Option<f32>,
    /// P(it changes within the next seven days); `None` when the other is.
    pub week: Option<f32>,
    /// Surprise of the last change, bits.
    pub bits: f32,
    /// Whether its last change will be undone; `None` when none was seen, or it came or went.
    pub undoing: Option<Arc<Undoing>>,
    /// What it will be and what others like it are; `None` until it has been its turn, a quarter of an hour on a host.
    pub outlook: Option<Arc<Outlook>>,
    /// Its last change.
    pub last_change: Option<Arc<SettingChange>>,
    /// Since when it has been watched.
    pub since: Timestamp,
}

/// Can the shadow be trusted?
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Metrics with a shadow.
    pub learnt: u32,
    /// Metrics still learning.
    pub learning: u32,
    /// When most metrics will be ready, and from then on when nine in ten will; `None` when they are.
    pub ready: Option<Timestamp>,
    /// Share of recent values inside their 80 % and 95 % bands, 0 to 1, over all metrics; `None` before any was scored.
    pub held: Option<(f64, f64)>,
    /// The metric whose 95 % band holds worst, with the share.
    pub worst: Option<(SeriesId, f64)>,
    /// The ledger's track record.
    pub records: Arc<[Record]>,
    /// Predictions that wait for their time.
    pub open: u32,
    /// When the baseline was taken.
    pub baseline: Option<Timestamp>,
}

impl Health {
    /// What-ifs of changes that were then made: those whose effect came inside the promised 80 % interval, and all that were measured.
    #[must_use]
    pub fn promises(&self) -> (u64, u64) {
        let moves = self.records.iter().filter(|record| &*record.sort == "moves");
        moves.fold((0, 0), |(kept, all), record| {
            let held = (record.held80 * record.scored as f64).round() as u64;
            (kept + held, all + record.scored)
        })
    }
}

/// What the engine costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Process id of the engine.
    pub pid: u32,
    /// When it started.
    pub started: Option<Timestamp>,
    /// CPU of the engine's process, percent of one core over the last minute.
    pub cpu_pct: f64,
    /// Resident memory, bytes.
    pub rss_bytes: u64,
    /// Time from reading the newest batch to publishing this, seconds.
    pub lag_secs: f64,
    /// Batches, writes and frames that had to be dropped or merged because something was slow.
    pub dropped: u64,
    /// Consoles attached.
    pub consoles: u32,
    /// Values, changes and events in the newest step, and how many wait for the next because a step takes no more.
    pub delta: (u64, u64),
}

/// One source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceRow {
    /// Its name.
    pub name: Arc<str>,
    /// Whether the last read worked.
    pub ok: bool,
    /// Whether the last read found that this system has nothing of the kind.
    #[serde(default)]
    pub absent: bool,
    /// What went wrong, or empty.
    pub says: Arc<str>,
    /// When it was last read well.
    pub read: Option<Timestamp>,
    /// What one read costs, milliseconds.
    pub cost_ms: f64,
    /// Time between reads; after failures it is longer.
    pub every: Span,
    /// When it is read next.
    pub next: Option<Timestamp>,
    /// Doublings of the time between reads that was asked for: below zero it is read oftener, above more rarely.
    pub pace: i8,
    /// Why it is read oftener or more rarely; empty when it is read as asked.
    pub why: Arc<str>,
    /// Pieces of the past that it has read, and of how many; `None` when it reads none.
    #[serde(default)]
    pub progress: Option<(u64, u64)>,
}

impl SourceRow {
    /// A source that was not read yet.
    #[must_use]
    pub fn new(name: &str, every: Span) -> Self {
        Self {
            name: name.into(),
            ok: true,
            absent: false,
            says: "".into(),
            read: None,
            cost_ms: 0.0,
            every,
            next: None,
            pace: 0,
            why: "".into(),
            progress: None,
        }
    }
}

impl SourceRow {
    /// Whether it gives no data though what it reads is there, or was. What this system never had is no loss.
    #[must_use]
    pub fn lost(&self) -> bool {
        !self.ok && self.there()
    }

    /// Whether what it reads is there, or was: the sources of which some may be lost.
    #[must_use]
    pub fn there(&self) -> bool {
        self.ok || !self.absent || self.read.is_some()
    }
}

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoreRow {
    /// Whether what is seen is being kept.
    pub ok: bool,
    /// What is wrong, with what to do; empty when all is well.
    pub says: Arc<str>,
    /// Whether its file is no store, or that of a newer program: waiting does not heal it.
    #[serde(default)]
    pub broken: bool,
    /// Whether another process holds its file.
    #[serde(default)]
    pub locked: bool,
    /// Its file; empty in memory.
    pub path: Arc<str>,
    /// Bytes it takes.
    pub bytes: u64,
    /// Bytes it may take.
    pub max_bytes: u64,
    /// Observations that wait to be written.
    pub waiting: u64,
    /// Observations committed since the engine started: these survive whatever happens.
    pub written: u64,
    /// Observations that were lost because nothing could be written.
    pub lost: u64,
    /// Oldest value kept.
    pub from: Option<Timestamp>,
}
/// Nothing within something is not nothing: CBOR and JSON have one null for both, so that what there is comes in a list of one.
mod within {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(held: &Option<Option<T>>, to: S) -> Result<S::Ok, S::Error> {
        held.as_ref().map(|value| (value,)).serialize(to)
    }

    pub fn deserialize<'a, T: Deserialize<'a>, D: Deserializer<'a>>(from: D) -> Result<Option<Option<T>>, D::Error> {
        Ok(Option::<(Option<T>,)>::deserialize(from)?.map(|(value,)| value))
    }
}
