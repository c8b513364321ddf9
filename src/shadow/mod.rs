//! The models: what every metric and setting should be now, and over the next hours.

pub mod ledger;
pub mod metric;
pub mod setting;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

pub use ledger::Ledger;
pub use metric::{Judged, MetricShadow};
pub use setting::{SettingShadow, SettingState};

use crate::domain::{Event, Limit, MetricMeta, Point, SeriesId, Timestamp};

/// One metric: what was said of it, its shadow, and its recent values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metric {
    /// What its source says.
    pub meta: MetricMeta,
    /// The limit in force (option, console or the metric's own).
    pub limit: Option<Limit>,
    /// Its model.
    pub shadow: MetricShadow,
    /// The newest values with how they were judged, oldest first, at most [`Metric::KEPT`].
    pub recent: VecDeque<(Point, Judged)>,
}

impl Metric {
    /// How many judged values are held in memory (one hour at two seconds is 1,800).
    pub const KEPT: usize = 1_800;
}

/// Everything known about a system: what drift, simulate and propose look at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shadows {
    /// Metrics by name.
    pub metrics: BTreeMap<SeriesId, Metric>,
    /// All settings and their common model.
    pub settings: SettingShadow,
    /// The newest events, oldest first, at most 1,000.
    pub events: VecDeque<Event>,
    /// When the newest observation was made.
    pub newest: Option<Timestamp>,
}
