//! The newest values of one grid, kept small.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The newest values of a regular grid, oldest first, as single-precision differences from an origin: half the memory, and a
/// constant of any size stays exact.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Window {
    origin: Option<f64>,
    offsets: VecDeque<f32>,
    most: usize,
}

impl Window {
    /// An empty window of at most `most` steps.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            origin: None,
            offsets: VecDeque::new(),
            most,
        }
    }

    /// Steps it holds, gaps included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Steps it can hold.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }

    /// The value at `place`, the oldest at 0; `None` is a gap, or lies beyond.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<f64> {
        let offset = self.offsets.get(place).filter(|offset| offset.is_finite())?;
        Some(self.origin? + f64::from(*offset))
    }

    /// Takes the next step; `None` is a gap. Gaps before the first value are not kept.
    pub fn push(&mut self, value: Option<f64>) {
        let origin = match (self.origin, value) {
            (Some(origin), _) => origin,
            (None, Some(value)) => *self.origin.insert(value),
            (None, None) => return,
        };
        if self.offsets.len() == self.most {
            self.offsets.pop_front();
        }
        self.offsets
            .push_back(value.map_or(f32::NAN, |value| (value - origin) as f32));
    }

    /// The values, oldest first; NaN is a gap.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        let origin = self.origin.unwrap_or(0.0);
        self.offsets.iter().map(|offset| origin + f64::from(*offset)).collect()
    }

    /// Moves the origin to the newest value, so that differences there are exact again after a change of level.
    pub fn recentre(&mut self) {
        let values = self.values();
        if let Some(newest) = values.iter().rev().find(|value| value.is_finite()) {
            self.origin = Some(*newest);
            self.offsets = values.iter().map(|value| (value - newest) as f32).collect();
        }
    }
}
