//! Simple exponential smoothing.

use super::{Member, history::History};

/// Simple exponential smoothing: a level that moves a share towards every value (Brown 1956; Hyndman & Athanasopoulos, Forecasting:
/// Principles and Practice, 3rd ed., 8.1). A gap leaves the level.
///
/// The share is a fifth, between last value (all) and the robust levels (little): what another series needs, their mixture gives.
pub struct Ses {
    levels: Vec<f64>,
}

impl Ses {
    const SHARE: f64 = 0.2;

    /// Smooths `history`.
    #[must_use]
    pub fn new(history: &History) -> Self {
        let mut level = history.filled.first().copied().unwrap_or(0.0);
        let smooth = |value: &f64| {
            if value.is_finite() {
                level += Self::SHARE * (value - level);
            }
            level
        };
        Self {
            levels: history.seen.iter().map(smooth).collect(),
        }
    }
}

impl Member for Ses {
    fn name(&self) -> &'static str {
        "smoothed"
    }

    fn forecast(&self, _: &History, origin: usize, _: &[usize], out: &mut [f64]) {
        out.fill(self.levels[origin - 1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn it_moves_by_its_share_and_a_gap_leaves_it() {
        let history = History::new(vec![8.0, f64::NAN, 12.0], Span::from_secs(1));
        let mut out = [0.0; 2];
        Ses::new(&history).forecast(&history, 3, &[1, 5], &mut out);
        assert!(out.iter().all(|level| (level - 8.8).abs() < 1e-12), "{out:?}");
    }
}
