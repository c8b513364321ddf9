//! How well the bands of a metric's next value held.

use serde::{Deserialize, Serialize};

use crate::domain::{Quantiles, Span};

/// How often the bands held in the last week, what is older fading.
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

impl Held {
    /// Over which the shares and errors are averaged, with exponential forgetting.
    const MEMORY: Span = Span::from_days(7);

    /// Takes a value, one of those that come every `step`.
    pub(super) fn observe(&mut self, expected: &Quantiles, value: f64, naive: f64, step: Span) -> (bool, bool) {
        let inside = |(lo, hi): (f64, f64)| (lo..=hi).contains(&value);
        let (inside80, inside95) = (inside(expected.band80()), inside(expected.band95()));
        self.scored += 1;
        let week = (Self::MEMORY.0 as f64 / step.0.max(1) as f64).max(1.0);
        let rate = 1.0 / (self.scored as f64).min(week);
        let share = |inside: bool| if inside { 1.0 } else { 0.0 };
        self.held80 += rate * (share(inside80) - self.held80);
        self.held95 += rate * (share(inside95) - self.held95);
        self.error += rate * ((value - expected.median()).abs() - self.error);
        self.naive_error += rate * ((value - naive).abs() - self.naive_error);
        (inside80, inside95)
    }
}
