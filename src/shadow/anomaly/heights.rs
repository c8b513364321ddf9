//! How high each view usually comes.

use serde::{Deserialize, Serialize};

use super::{peaks::BLOCK, view::View};
use crate::domain::{Span, Timestamp};

/// The geometric mean of every view's peaks over blocks of eight hours: a view that often cries on this series is heard less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Heights {
    /// Start of the block being filled, and how many came before it.
    block: Timestamp,
    blocks: f32,
    /// By view the logarithm of the usual peak and the highest of the block.
    usual: [f32; View::ALL.len()],
    highest: [f32; View::ALL.len()],
}

impl Heights {
    /// The peak of a view that is heard in full, in its standard deviations: so far noise comes in eight hours.
    const FULL: f32 = 2.0;
    /// Blocks that this is believed for before anything is seen, and that are remembered: three days, thirty days.
    const PRIOR: f32 = 10.0;
    const MEMORY: f32 = 90.0;

    /// Nothing seen; watching from `at`.
    pub fn new(at: Timestamp) -> Self {
        Self {
            block: at,
            blocks: Self::PRIOR,
            usual: [Self::FULL.ln(); View::ALL.len()],
            highest: [0.0; View::ALL.len()],
        }
    }

    /// The clock went back by `back`.
    pub fn set_back(&mut self, back: Span) {
        self.block = self.block - back;
    }

    /// Begins a block when it is time for one.
    pub fn turn(&mut self, at: Timestamp) {
        if (at - self.block).0 < BLOCK.0 {
            return;
        }
        self.block = at;
        self.blocks = (self.blocks + 1.0).min(Self::MEMORY);
        for (usual, highest) in self.usual.iter_mut().zip(&mut self.highest) {
            if *highest > 0.0 {
                *usual += (highest.max(0.05).ln() - *usual) / self.blocks;
            }
            *highest = 0.0;
        }
    }

    /// What a view at `place` that lies `far` (0 or more) out counts, 0 to 1: one that usually comes four times as high as it should, half.
    pub fn heard(&mut self, place: usize, far: f64) -> f64 {
        self.highest[place] = self.highest[place].max(far as f32);
        let excess = (self.usual[place] - Self::FULL.ln()).max(0.0);
        f64::from((-0.5 * excess).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_that_often_cries_is_heard_less_and_a_quiet_one_in_full() {
        let at = |hours: i64| Timestamp::from_secs(hours * 3600);
        let mut heights = Heights::new(at(0));
        for hour in 0..24 * 60 {
            heights.turn(at(hour));
            heights.heard(0, if hour % 6 == 0 { 32.0 } else { 0.1 });
            heights.heard(1, 0.5);
        }
        assert!(
            (0.25..0.35).contains(&heights.heard(0, 1.0)),
            "{}",
            heights.heard(0, 1.0)
        );
        assert!((heights.heard(1, 1.0) - 1.0).abs() < 1e-6);
        assert!(heights.heard(0, 1e300) > 0.2);
    }
}
