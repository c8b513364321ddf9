//! The models: what every metric and setting should be now, and over the next hours.

pub mod anomaly;
mod coherent;
pub mod gru;
mod hours;
pub mod ledger;
pub mod metric;
pub mod setting;
mod slow;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use coherent::{Coherent, whole_of, within};
pub use hours::{Hours, OtherDays};
pub use ledger::Ledger;
pub use metric::{Chosen, Judged, Members, MetricShadow, Training, lasts};
pub use setting::{
    Ground, Impending, Outlook, PeerValue, SettingShadow, SettingState, Stands, Together, Undoing,
    learned::{Class, Edit, Learner, Next, Op, Place, Tracker},
};
pub use slow::{Mean, Slow};

use crate::domain::{Event, Limit, MetricMeta, SeriesId, Timestamp};

/// One metric: what was said of it, its shadow, and its recent values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metric {
    /// What its source says.
    pub meta: MetricMeta,
    /// The limit in force (option, console or the metric's own).
    pub limit: Option<Limit>,
    /// Its model.
    pub shadow: MetricShadow,
    /// What it does over minutes and hours.
    #[serde(default)]
    pub slow: Slow,
    /// The newest values as they were judged, oldest first, at most [`Metric::RECENT`].
    pub recent: VecDeque<Seen>,
    /// The newest minutes, oldest first, at most [`Metric::MINUTES`]; the last one may be unfinished.
    pub minutes: VecDeque<Minute>,
}

/// A value, and how it was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The value; finite.
    pub value: f64,
    /// What had been expected: 2.5, 10, 50, 90 and 97.5 %; `None` while learning.
    pub band: Option<[f32; 5]>,
    /// Surprise, bits; 0 while learning.
    pub bits: f32,
}

/// One minute of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// Start of the minute.
    pub at: Timestamp,
    /// Values in it, at least 1.
    pub count: u32,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Newest value.
    pub last: f64,
    /// Greatest surprise, bits.
    pub bits: f32,
    /// What had been expected of its newest value, as in [`Seen`].
    pub band: Option<[f32; 5]>,
}

impl Metric {
    /// Single values held in memory: 12 minutes at two seconds.
    pub const RECENT: usize = 360;
    /// Minutes held in memory: three hours.
    pub const MINUTES: usize = 180;

    /// The newest value.
    #[must_use]
    pub fn newest(&self) -> Option<&Seen> {
        self.recent.back()
    }
}

/// Everything known about a system: what drift, simulate and propose look at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shadows {
    /// Metrics by name.
    pub metrics: BTreeMap<SeriesId, Metric>,
    /// By kind of resource the network that learns from all their metrics; none where it is not chosen.
    #[serde(default)]
    pub training: BTreeMap<Arc<str>, Training>,
    /// All settings and their common model.
    pub settings: SettingShadow,
    /// The newest events, oldest first, at most 1,000.
    pub events: VecDeque<Event>,
    /// When the newest observation was made.
    pub newest: Option<Timestamp>,
}
