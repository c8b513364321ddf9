//! Counts that fade.

use serde::{Deserialize, Serialize};

/// Events counted with three memories at once (time constants of 7, 30 and 120 days).
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Fading {
    at: f64,
    counts: [f32; 3],
}

/// The time constants, days.
pub const MEMORIES: [f64; 3] = [7.0, 30.0, 120.0];

impl Fading {
    /// Nothing counted yet.
    pub const NONE: Self = Self {
        at: 0.0,
        counts: [0.0; 3],
    };

    /// Counts `amount` at `at` (days); a time before the newest counts as the newest.
    pub fn add(&mut self, at: f64, amount: f32) {
        self.counts = self.read(at).map(|count| count + amount);
        self.at = self.at.max(at);
    }

    /// Counts a share of what `other` has counted until `at` (days).
    pub fn take(&mut self, other: Self, at: f64, share: f32) {
        let (own, more) = (self.read(at), other.read(at));
        self.counts = [0, 1, 2].map(|k| own[k] + more[k] * share);
        self.at = self.at.max(at);
    }

    /// The counts as they have faded until `at` (days).
    #[must_use]
    pub fn read(&self, at: f64) -> [f32; 3] {
        let passed = at - self.at;
        if passed <= 0.0 || self.counts[2] == 0.0 {
            return self.counts;
        }
        [0, 1, 2].map(|k| self.counts[k] * (-(passed / MEMORIES[k])).exp() as f32)
    }

    /// The one of the memory `k` alone.
    #[must_use]
    pub fn read_one(&self, at: f64, k: usize) -> f32 {
        let passed = at - self.at;
        if passed <= 0.0 || self.counts[2] == 0.0 {
            return self.counts[k];
        }
        self.counts[k] * (-(passed / MEMORIES[k])).exp() as f32
    }
}
