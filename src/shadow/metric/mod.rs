//! The shadow of a metric: members forecast, the ensemble weighs them, conformal residuals make the bands.

use serde::{Deserialize, Serialize};

use crate::domain::{Crossing, Forecast, Limit, MetricMeta, Point, Quantiles, Span, Timestamp};

/// A forecaster of one series on a regular grid. Members know no time of day: one step is the series' grid step.
pub trait Member {
    /// Its name, as on the Forecast screen.
    fn name(&self) -> &'static str;

    /// Takes the value of the next grid step; `None` is a gap. Values are finite.
    fn observe(&mut self, value: Option<f64>);

    /// Point forecasts of the next `horizon` steps, nearest first, all finite; `None` until it has seen enough.
    fn forecast(&self, horizon: usize) -> Option<Vec<f64>>;
}

/// How a new value was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What had been expected of it before it was seen; `None` while learning or when the value was not finite.
    pub expected: Option<Quantiles>,
    /// −log2 of the two-sided tail probability under it, 0 to about 60; 0 while learning.
    pub bits: f32,
}

/// How often the bands held, lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Values scored.
    pub scored: u64,
    /// Share inside the 80 % band, 0 to 1.
    pub held80: f64,
    /// Share inside the 95 % band, 0 to 1.
    pub held95: f64,
    /// Mean absolute error of the median, in the metric's unit.
    pub error: f64,
    /// Mean absolute error of "stays as it was", in the metric's unit.
    pub naive_error: f64,
}

/// The model of one metric. Serialising it keeps all it has learnt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MetricShadow {}

impl MetricShadow {
    /// Values needed before a band is shown.
    pub const WARM: u64 = 30;

    /// A model that knows only what its source said.
    #[must_use]
    pub fn new(meta: &MetricMeta) -> Self {
        let _ = meta;
        todo!()
    }

    /// Takes a value and judges it by what was expected. Late and duplicate values (not after the newest) change nothing
    /// and are judged with 0 bits; NaN and infinities are gaps.
    pub fn observe(&mut self, point: Point) -> Judged {
        let _ = point;
        todo!()
    }

    /// The distribution of the next value, if it has learnt enough.
    #[must_use]
    pub fn next(&self) -> Option<Quantiles> {
        todo!()
    }

    /// Distributions up to `horizon` after the newest value, at most `steps` of them, evenly spaced; `None` while learning.
    #[must_use]
    pub fn forecast(&self, horizon: Span, steps: usize) -> Option<Forecast> {
        let _ = (horizon, steps);
        todo!()
    }

    /// When and how likely the limit is passed within `horizon`, over seeded sample paths; `None` while learning.
    #[must_use]
    pub fn crossing(&self, limit: &Limit, horizon: Span, seed: u64) -> Option<Crossing> {
        let _ = (limit, horizon, seed);
        todo!()
    }

    /// Values taken.
    #[must_use]
    pub fn points(&self) -> u64 {
        todo!()
    }

    /// From when to when it has learnt; `None` before the first value.
    #[must_use]
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        todo!()
    }

    /// How often its bands held lately.
    #[must_use]
    pub fn held(&self) -> Held {
        todo!()
    }

    /// Its members' names and weights, heaviest first; weights sum to 1.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, f64)> {
        todo!()
    }

    /// The seasons in use, longest first.
    #[must_use]
    pub fn seasons(&self) -> Vec<Span> {
        todo!()
    }

    /// Whether a refit is due at `now` (the retraining schedule).
    #[must_use]
    pub fn refit_due(&self, now: Timestamp) -> bool {
        let _ = now;
        todo!()
    }

    /// Chooses members' weights and seasons anew from the window it keeps; about a millisecond.
    pub fn refit(&mut self, now: Timestamp) {
        let _ = now;
        todo!()
    }
}
