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
    /// How many of the newest are the same, as far as was counted; not kept.
    #[serde(skip)]
    same: usize,
}

impl Window {
    /// An empty window of at most `most` steps.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            origin: None,
            offsets: VecDeque::new(),
            most,
            same: 0,
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
        let offset = value.map_or(f32::NAN, |value| (value - origin) as f32);
        let again = self
            .offsets
            .back()
            .is_some_and(|last| last.to_bits() == offset.to_bits());
        self.same = match offset.is_finite() {
            true if again => self.same + 1,
            finite => usize::from(finite),
        };
        self.offsets.push_back(offset);
    }

    /// The value of all steps, where it is full and they were counted to be the same.
    #[must_use]
    pub fn stands(&self) -> Option<f64> {
        let full = self.offsets.len() == self.most && self.same >= self.most;
        self.get(0).filter(|_| full)
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
            let newest = self.offsets.back().filter(|offset| offset.is_finite());
            let same = |offset: &&f32| newest.is_some_and(|newest| newest.to_bits() == offset.to_bits());
            self.same = self.offsets.iter().rev().take_while(same).count();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_once_all_it_holds_is_the_same_and_no_longer() {
        let mut window = Window::new(3);
        let stands = |window: &mut Window, values: &[Option<f64>]| {
            values.iter().for_each(|value| window.push(*value));
            window.stands()
        };
        assert_eq!(stands(&mut window, &[Some(7.0), Some(0.1), Some(0.1)]), None);
        window.recentre();
        assert_eq!(stands(&mut window, &[]), None);
        let value = stands(&mut window, &[Some(0.1)]);
        assert!(
            value.is_none(),
            "as it is kept it is another, by what single precision leaves out"
        );
        assert_eq!(stands(&mut window, &[Some(0.1), Some(0.1)]), Some(window.values()[0]));
        window.recentre();
        assert!(window.stands().is_some());
        assert_eq!(stands(&mut window, &[None]), None);
        assert_eq!(stands(&mut window, &[Some(0.1), Some(0.1)]), None);
        assert_eq!(
            stands(&mut window, &[Some(0.2), Some(0.2), Some(0.2)]),
            Some(window.values()[0])
        );
    }
}
