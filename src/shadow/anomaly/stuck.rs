//! A value that no longer moves.

use serde::{Deserialize, Serialize};

use super::{hourly_bits, peaks::Peaks};
use crate::domain::{Span, Timestamp};

/// How long the value has been the same, against how it used to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stuck {
    last: f64,
    /// Times the value came again since it last changed; values and repeats before that.
    run: u32,
    values: u32,
    repeats: u32,
    runs: Peaks,
}

impl Stuck {
    /// Repeats that count for nothing: gauges round, and one reading may be sent twice.
    const FREE: u32 = 10;
    /// Values before it is known how the series moves.
    const WARM: u32 = 200;
    /// What is believed of the share of repeats: a quarter, as if of so many values.
    const PRIOR: (f64, f64) = (5.0, 20.0);
    /// Repeats that a run is measured in, so that its peaks are of the height of other scores.
    const MEASURE: f64 = 20.0;
    /// It is worth whole multiples of this, so that it is told anew only as it grows much.
    const STEP: f64 = 2.0;
    /// The most it is worth, bits: longer is no odder.
    const MOST: f64 = 12.0;

    pub fn new(at: Timestamp, value: f64) -> Self {
        Self {
            last: value,
            run: 0,
            values: 0,
            repeats: 0,
            runs: Peaks::new(at),
        }
    }

    /// The clock went back by `back`.
    pub fn set_back(&mut self, back: Span) {
        self.runs.set_back(back);
    }

    /// Takes a value; −log2 of the probability that it repeats so often, bits: the lesser of what the share of repeats says (a
    /// geometric run) and what the runs before say, since repeats come in runs (nights, weekends).
    pub fn observe(&mut self, at: Timestamp, value: f64) -> f64 {
        if value == self.last {
            self.run = self.run.saturating_add(1);
        } else {
            self.values = self.values.saturating_add(self.run).saturating_add(1);
            self.repeats = self.repeats.saturating_add(self.run);
            self.last = value;
            self.run = 0;
        }
        let by_runs = hourly_bits(self.runs.observe(at, f64::from(self.run) / Self::MEASURE, 0.0));
        if self.run <= Self::FREE || self.values < Self::WARM {
            return 0.0;
        }
        let share = (f64::from(self.repeats) + Self::PRIOR.0) / (f64::from(self.values) + Self::PRIOR.1);
        let by_share = f64::from(self.run - Self::FREE) * -share.min(1.0).log2();
        let bits = by_share.min(by_runs).clamp(0.0, Self::MOST);
        (bits / Self::STEP).floor() * Self::STEP
    }
}
