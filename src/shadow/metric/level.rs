//! The robust level: the median of a window.

use super::{Member, history::History, median};

/// Running median of the newest values; a burst shorter than half the window does not move it (Tukey, Exploratory Data Analysis,
/// 1977, ch. 7).
pub struct Level {
    window: usize,
}

impl Level {
    /// Values looked at, evenly spread over the window: the median of more is hardly more exact, and costs more.
    const MOST: usize = 96;

    /// The median of the newest `window` steps.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self { window }
    }
}

impl Member for Level {
    fn name(&self) -> &'static str {
        if self.window <= 12 {
            "short level"
        } else {
            "robust level"
        }
    }

    fn forecast(&self, history: &History, origin: usize, _: &[usize], out: &mut [f64]) {
        let window = &history.filled[origin.saturating_sub(self.window)..origin];
        let stride = window.len().div_ceil(Self::MOST).max(1);
        let mut values = [0.0; Self::MOST];
        let mut count = 0;
        for (to, from) in values.iter_mut().zip(window.iter().rev().step_by(stride)) {
            *to = *from;
            count += 1;
        }
        out.fill(median(&mut values[..count]).unwrap_or(f64::NAN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn a_burst_does_not_move_it() {
        let history = History::new(vec![5.0, 5.0, 5.0, 900.0, 5.0, 900.0, 5.0], Span::from_secs(1));
        let mut out = [0.0; 2];
        Level::new(12).forecast(&history, 7, &[1, 2], &mut out);
        assert_eq!(out, [5.0, 5.0]);
    }
}
