//! The robust level: the median of a short window.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Member, median};

/// Running median of the newest values; a burst shorter than half the window does not move it (Tukey, Exploratory Data Analysis,
/// 1977, ch. 7).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Level {
    newest: VecDeque<f64>,
}

impl Level {
    const WINDOW: usize = 15;
}

impl Member for Level {
    fn name(&self) -> &'static str {
        "robust level"
    }

    fn observe(&mut self, value: Option<f64>) {
        let Some(value) = value else { return };
        if self.newest.len() == Self::WINDOW {
            self.newest.pop_front();
        }
        self.newest.push_back(value);
    }

    fn forecast(&self, horizon: usize) -> Option<Vec<f64>> {
        let mut window = [0.0; Self::WINDOW];
        let window = &mut window[..self.newest.len()];
        window.iter_mut().zip(&self.newest).for_each(|(to, from)| *to = *from);
        median(window).map(|level| vec![level; horizon])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_does_not_move_it() {
        let mut level = Level::default();
        assert_eq!(level.forecast(1), None);
        for value in [5.0, 5.0, 5.0, 900.0, 5.0, 900.0, 5.0] {
            level.observe(Some(value));
        }
        assert_eq!(level.forecast(2), Some(vec![5.0, 5.0]));
    }
}
