//! A value that no longer moves.

use serde::{Deserialize, Serialize};

use super::{hourly_bits, peaks::Peaks};
use crate::domain::{Span, Timestamp};

/// How long the value has been the same, against how it used to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stuck {
    last: f64,
    /// Since when it is the same, and when the first value was.
    since: Timestamp,
    first: Timestamp,
    /// Times the value came again since it last changed, and −ln P(a run goes on so far).
    run: u32,
    goes_on: f64,
    /// Values, repeats and runs of repeats before that.
    values: u32,
    repeats: u32,
    runs: u32,
    lengths: Peaks,
    bits: f64,
}

/// How a series stands still.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Still {
    /// −log2 of the probability that an hour holds so long a run of equal values, 0 or more: by the share of repeats, by how often runs come and how
    /// they go on, and by the lengths of those before. Nothing is believed beforehand of how long they may be, so that one of many series can be told.
    pub bits: f64,
    /// Since when the value is the same.
    pub since: Timestamp,
    /// The mean time in which it moved before that; zero where it never did.
    pub moves: Span,
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
    /// The same of one among many series.
    const MOST_OF_MANY: f64 = 30.0;

    pub fn new(at: Timestamp, value: f64) -> Self {
        Self {
            last: value,
            since: at,
            first: at,
            run: 0,
            goes_on: 0.0,
            values: 0,
            repeats: 0,
            runs: 0,
            lengths: Peaks::new(at),
            bits: 0.0,
        }
    }

    /// The clock went back by `back`.
    pub fn set_back(&mut self, back: Span) {
        self.lengths.set_back(back);
        for at in [&mut self.since, &mut self.first] {
            *at = Timestamp(at.0.saturating_sub(back.0));
        }
    }

    pub fn still(&self) -> Still {
        let moved = self.values.saturating_sub(self.repeats);
        Still {
            bits: self.bits,
            since: self.since,
            moves: Span((self.since - self.first).0.max(0) / i64::from(moved.max(1))),
        }
    }

    /// Takes a value; −log2 of the probability that it repeats so often, bits: the lesser of what the share of repeats says (a
    /// geometric run) and what the runs before say, since repeats come in runs (nights, weekends).
    pub fn observe(&mut self, at: Timestamp, value: f64) -> f64 {
        if value == self.last {
            self.run = self.run.saturating_add(1);
            if self.run > 1 {
                // A run goes on with a probability of its own: Beta(1, 1), and what the runs before did.
                let (on, ended) = (f64::from(self.repeats - self.runs), f64::from(self.runs));
                let so_far = f64::from(self.run - 2);
                self.goes_on -= ((on + so_far + 1.0) / (on + ended + so_far + 2.0)).ln();
            }
        } else {
            self.values = self.values.saturating_add(self.run).saturating_add(1);
            self.repeats = self.repeats.saturating_add(self.run);
            self.runs = self.runs.saturating_add(u32::from(self.run > 0));
            self.last = value;
            self.since = at;
            self.run = 0;
            self.goes_on = 0.0;
            self.bits = 0.0;
        }
        let length = f64::from(self.run) / Self::MEASURE;
        let by_lengths = hourly_bits(self.lengths.observe(at, length, 0.0));
        if self.run <= Self::FREE || self.values < Self::WARM {
            return 0.0;
        }
        let share = (f64::from(self.repeats) + Self::PRIOR.0) / (f64::from(self.values) + Self::PRIOR.1);
        let by_share = f64::from(self.run - Self::FREE) * -share.min(1.0).log2();
        let days = (self.since - self.first).secs_f64().max(0.0) / 86_400.0;
        let by_runs = hourly_bits((f64::from(self.runs) + 0.5) / (days + 1.0 / 24.0) * (-self.goes_on).exp());
        let by_seen = hourly_bits(self.lengths.seen(at, length));
        let whole = |bits: f64, most: f64| (bits.clamp(0.0, most) / Self::STEP).floor() * Self::STEP;
        // Among the lengths seen is soon the run itself, which makes it no less odd.
        let of_many = whole(by_share.min(by_runs).min(by_seen), Self::MOST_OF_MANY);
        self.bits = self.bits.max(of_many);
        whole(by_share.min(by_lengths), Self::MOST)
    }
}
