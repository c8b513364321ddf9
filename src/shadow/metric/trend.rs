//! A line through the newest values.

use super::{Member, history::History, median};

/// A robust straight line: the median of slopes between points half a window apart (Theil 1950, the "incomplete method"), and the
/// median of what remains as its level.
///
/// A slope below twice its standard error counts as none, and one not far above is drawn towards zero (the non-negative garrote;
/// Breiman 1995, Technometrics 37); for every four windows ahead it is one standard error more. So noise around a level stays a level, a
/// clear trend goes on, and the farther ahead the clearer it must be.
pub struct Trend {
    window: usize,
}

impl Trend {
    /// Values of the longest window.
    const WINDOW: usize = 60;
    const LEAST: usize = 12;

    /// A line through many values: exact, and slow to turn.
    #[must_use]
    pub fn long() -> Self {
        Self { window: Self::WINDOW }
    }

    /// A line through few values: soon there when a series begins to move.
    #[must_use]
    pub fn short() -> Self {
        Self { window: 16 }
    }

    /// The slope of all `values` (NaN is a gap) a step; 0 where none is clear.
    #[must_use]
    pub fn overall(values: &[f64]) -> f64 {
        let stride = values.len().div_ceil(Self::WINDOW).max(1);
        let mut thinned: Vec<f64> = values.iter().rev().step_by(stride).copied().collect();
        thinned.reverse();
        let line = Some(&thinned).filter(|values| values.len() >= Self::LEAST);
        line.and_then(|values| Self::line(values))
            .map_or(0.0, |(_, slope, error)| shrunk(slope, 2.0 * error) / stride as f64)
    }

    /// Level at the newest of at most 60 `values` (NaN is a gap), slope a step, and the slope's standard error.
    fn line(values: &[f64]) -> Option<(f64, f64, f64)> {
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

    fn forecast(&self, history: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        let window = &history.seen[origin.saturating_sub(self.window)..origin];
        let line = Some(window)
            .filter(|window| window.len() >= Self::LEAST)
            .and_then(Self::line);
        let Some((mut level, slope, error)) = line else {
            out.fill(f64::NAN);
            return;
        };
        let mut step = 0;
        for (ahead, out) in ahead.iter().zip(out) {
            while step < *ahead {
                step += 1;
                level += shrunk(slope, error * (2.0 + step as f64 / (4 * self.window) as f64));
            }
            *out = level;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    fn path(values: impl Iterator<Item = Option<f64>>, horizon: usize) -> Vec<f64> {
        let values = values.map(|value| value.unwrap_or(f64::NAN)).collect();
        let history = History::new(values, Span::from_secs(1));
        let mut out = vec![0.0; horizon];
        let ahead: Vec<usize> = (1..=horizon).collect();
        Trend::long().forecast(&history, history.len(), &ahead, &mut out);
        out
    }

    #[test]
    fn a_line_goes_on_over_gaps_and_outliers() {
        let line = |t: i32| match t {
            20 => None,
            30 => Some(900.0),
            _ => Some(5.0 + 0.5 * f64::from(t)),
        };
        let path = path((0..50).map(line), 100);
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
        let path = path((0..60).map(|_| Some(rng.f64())), 1_000);
        assert!((path[999] - 0.5).abs() < 0.3, "{}", path[999]);
    }

    #[test]
    fn few_values_make_no_line() {
        assert!(path((0..11).map(|t| Some(f64::from(t))), 1)[0].is_nan());
        assert!(path((0..60).map(|t| (t == 0).then_some(1.0)), 1)[0].is_nan());
    }
}
