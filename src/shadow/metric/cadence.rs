//! How often values really come.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::domain::Span;

/// The real time between values: what the source said, until the median of the newest differences says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cadence {
    step: Span,
    newest: VecDeque<i64>,
}

impl Cadence {
    const WINDOW: usize = 9;

    /// Begins with what the source said; without a word (zero or less) a minute.
    #[must_use]
    pub fn new(said: Span) -> Self {
        Self {
            step: if said.0 > 0 { said } else { Span::from_mins(1) },
            newest: VecDeque::new(),
        }
    }

    /// Time between values; above zero.
    #[must_use]
    pub fn step(&self) -> Span {
        self.step
    }

    /// Takes the time since the value before (above zero); whether the cadence changed by a quarter or more.
    pub fn observe(&mut self, since: Span) -> bool {
        if self.newest.len() == Self::WINDOW {
            self.newest.pop_front();
        }
        self.newest.push_back(since.0.max(1));
        if self.newest.len() < Self::WINDOW {
            return false;
        }
        let mut sorted: Vec<i64> = self.newest.iter().copied().collect();
        sorted.sort_unstable();
        let middle = sorted[Self::WINDOW / 2];
        let ratio = middle as f64 / self.step.0 as f64;
        // Half of them must agree with the middle: values that come irregularly have no other cadence.
        let alike = sorted
            .iter()
            .filter(|since| since.abs_diff(middle) <= middle.unsigned_abs() / 8)
            .count();
        if (0.75..1.25).contains(&ratio) || alike <= Self::WINDOW / 2 {
            return false;
        }
        self.step = Span(middle);
        self.newest.clear();
        true
    }

    /// Whole steps in `since`, at least 1.
    #[must_use]
    pub fn steps(&self, since: Span) -> usize {
        let steps = (since.0.max(0) as f64 / self.step.0 as f64).round();
        // A float to integer cast saturates.
        (steps as usize).max(1)
    }
}
