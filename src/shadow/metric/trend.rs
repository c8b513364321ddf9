//! A line through the newest values.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Member, median};

/// A robust straight line: the median of slopes between points half a window apart (Theil 1950, the "incomplete method"), and the
/// median of what remains as its level.
///
/// The slope is drawn towards zero by twice its standard error, and once more for every four windows ahead: noise around a level stays
/// a level, a clear trend goes on, and the farther ahead the clearer it must be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trend {
    newest: VecDeque<f64>,
}

impl Trend {
    const WINDOW: usize = 60;
    const LEAST: usize = 12;

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

/// Draws `slope` towards zero by `by`, not past it.
fn shrunk(slope: f64, by: f64) -> f64 {
    slope - slope.clamp(-by, by)
}

impl Member for Trend {
    fn name(&self) -> &'static str {
        "trend"
    }

    fn observe(&mut self, value: Option<f64>) {
        if value.is_none() && self.newest.is_empty() {
            return;
        }
        if self.newest.len() == Self::WINDOW {
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
            level += shrunk(slope, error * (2.0 + ahead as f64 / (4 * Self::WINDOW) as f64));
            level
        };
        Some((1..=horizon).map(step).collect())
    }
}
