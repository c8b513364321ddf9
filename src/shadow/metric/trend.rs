//! A line through the newest values.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Member, median};

/// A robust straight line: the median of slopes between points half a window apart (Theil 1950, the "incomplete method"), and the
/// median of what remains as its level.
///
/// A slope below twice its standard error counts as none, and one not far above is drawn towards zero (the non-negative garrote;
/// Breiman 1995, Technometrics 37); for every four windows ahead it is one standard error more. So noise around a level stays a level, a
/// clear trend goes on, and the farther ahead the clearer it must be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trend {
    window: usize,
    newest: VecDeque<f64>,
}

impl Trend {
    /// Values of the longest window.
    const WINDOW: usize = 60;
    const LEAST: usize = 12;

    /// A line through many values: exact, and slow to turn.
    #[must_use]
    pub fn long() -> Self {
        Self {
            window: Self::WINDOW,
            newest: VecDeque::new(),
        }
    }

    /// A line through few values: soon there when a series begins to move.
    #[must_use]
    pub fn short() -> Self {
        Self {
            window: 16,
            newest: VecDeque::new(),
        }
    }

    /// Level at the newest step, slope a step, and the slope's standard error.
    fn line(&self) -> Option<(f64, f64, f64)> {
        let mut values = [0.0; Self::WINDOW];
        let values = &mut values[..self.newest.len()];
        values.iter_mut().zip(&self.newest).for_each(|(to, from)| *to = *from);
        let half = values.len() / 2;
        let mut slopes = [0.0; Self::WINDOW];
        let mut count = 0;
        for start in 0..values.len() - half {
            let slope = (values[start + half] - values[start]) / half as f64;
            if slope.is_finite() {
                slopes[count] = slope;
                count += 1;
            }
        }
        if count < Self::LEAST / 2 {
            return None;
        }
        let slope = median(&mut slopes[..count])?;
        let mut off = [0.0; Self::WINDOW];
        for (to, from) in off.iter_mut().zip(&slopes[..count]) {
            *to = (from - slope).abs();
        }
        // Median absolute deviation to standard deviation (1.4826), and to that of a median (1.2533).
        let error = median(&mut off[..count])? * 1.4826 * 1.2533 / (count as f64).sqrt();
        let near = shrunk(slope, 2.0 * error);
        let newest = values.len() - 1;
        let mut levels = [0.0; Self::WINDOW];
        let mut count = 0;
        for (at, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            levels[count] = value + near * (newest - at) as f64;
            count += 1;
        }
        Some((median(&mut levels[..count])?, slope, error))
    }
}

/// The garrote: nothing of a slope not beyond `least`, nearly all of one far beyond it.
fn shrunk(slope: f64, least: f64) -> f64 {
    if slope.abs() <= least {
        return 0.0;
    }
    slope * (1.0 - (least / slope).powi(2))
}

impl Member for Trend {
    fn name(&self) -> &'static str {
        if self.window == Self::WINDOW {
            "trend"
        } else {
            "recent trend"
        }
    }

    fn observe(&mut self, value: Option<f64>) {
        if value.is_none() && self.newest.is_empty() {
            return;
        }
        if self.newest.len() == self.window {
            self.newest.pop_front();
        }
        self.newest.push_back(value.unwrap_or(f64::NAN));
    }

    fn forecast(&self, horizon: usize) -> Option<Vec<f64>> {
        if self.newest.len() < Self::LEAST {
            return None;
        }
        let (mut level, slope, error) = self.line()?;
        let step = |ahead: usize| {
            level += shrunk(slope, error * (2.0 + ahead as f64 / (4 * self.window) as f64));
            level
        };
        Some((1..=horizon).map(step).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(values: impl Iterator<Item = Option<f64>>) -> Trend {
        let mut trend = Trend::long();
        values.for_each(|value| trend.observe(value));
        trend
    }

    #[test]
    fn a_line_goes_on_over_gaps_and_outliers() {
        let line = |t: i32| match t {
            20 => None,
            30 => Some(900.0),
            _ => Some(5.0 + 0.5 * f64::from(t)),
        };
        let path = fed((0..50).map(line)).forecast(100).unwrap();
        for (ahead, value) in path.iter().enumerate() {
            assert!(
                (value - (5.0 + 0.5 * (50 + ahead) as f64)).abs() < 1e-6,
                "{ahead} {value}"
            );
        }
    }

    #[test]
    fn noise_has_no_slope() {
        let mut rng = fastrand::Rng::with_seed(4);
        let path = fed((0..60).map(|_| Some(rng.f64()))).forecast(1_000).unwrap();
        assert!((path[999] - 0.5).abs() < 0.3, "{}", path[999]);
    }

    #[test]
    fn few_values_make_no_line() {
        assert_eq!(fed((0..11).map(|t| Some(f64::from(t)))).forecast(1), None);
        assert_eq!(fed((0..60).map(|t| (t == 0).then_some(1.0))).forecast(1), None);
    }
}
