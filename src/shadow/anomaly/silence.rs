//! A series that no longer tells anything.

use serde::{Deserialize, Serialize};

use super::{hourly_bits, peaks::Peaks};
use crate::domain::{Span, Timestamp};

/// How long no value came, against how often they usually come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Silence {
    /// Mean time between two values, seconds, and of how many, up to [`Self::WARM`].
    step: f64,
    gaps: u32,
    /// By how much that misses in the mean, seconds.
    miss: f64,
    lengths: Peaks,
}

impl Silence {
    /// Values before it is known how often they come, and over how many that is forgotten.
    const WARM: u32 = 200;
    /// A longer gap counts as one of so many steps for the mean.
    const LONGEST: f64 = 4.0;
    /// Steps that a silence is measured in, so that its peaks are of the height of other scores.
    const MEASURE: f64 = 6.0;
    /// What a miss of the mean counts for in that: values that come as they like leave gaps.
    const IRREGULAR: f64 = 6.0;
    /// It is worth whole multiples of this, so that it is told anew only as it grows much.
    const STEP: f64 = 2.0;
    /// The most it is worth, bits: longer is no odder.
    const MOST: f64 = 12.0;

    pub fn new(at: Timestamp) -> Self {
        Self {
            step: 0.0,
            gaps: 0,
            miss: 0.0,
            lengths: Peaks::new(at),
        }
    }

    /// The clock went back by `back`.
    pub fn set_back(&mut self, back: Span) {
        self.lengths.set_back(back);
    }

    /// A value came, `since` the one before it: the silence is over, and learnt.
    pub fn ended(&mut self, at: Timestamp, since: Span) {
        let gap = since.secs_f64();
        // Several values of one time are one.
        if gap <= 0.0 {
            return;
        }
        self.lengths.observe(at, self.height(gap), Peaks::OWN);
        let gap = if self.known() {
            gap.min(self.step * Self::LONGEST)
        } else {
            gap
        };
        self.gaps = (self.gaps + 1).min(Self::WARM);
        let rate = 1.0 / f64::from(self.gaps);
        self.miss += ((gap - self.step).abs().min(gap) - self.miss) * rate;
        self.step += (gap - self.step) * rate;
    }

    /// −log2 of the probability that no value comes for the time `since` the newest, bits.
    pub fn bits(&self, at: Timestamp, since: Span) -> f64 {
        let daily = self.lengths.daily(at, self.height(since.secs_f64()), Peaks::OWN);
        (hourly_bits(daily).min(Self::MOST) / Self::STEP).floor() * Self::STEP
    }

    fn known(&self) -> bool {
        self.gaps >= Self::WARM
    }

    /// How long a gap is, beyond a usual one; 0 or more.
    fn height(&self, gap: f64) -> f64 {
        if !self.known() {
            return 0.0;
        }
        ((gap - self.step) / Self::MEASURE / (self.step + Self::IRREGULAR * self.miss)).max(0.0)
    }
}
