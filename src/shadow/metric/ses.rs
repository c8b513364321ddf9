//! Simple exponential smoothing.

use serde::{Deserialize, Serialize};

use super::Member;

/// Simple exponential smoothing: a level that moves a share `alpha` towards every value (Brown 1956; Hyndman & Athanasopoulos,
/// Forecasting: Principles and Practice, 3rd ed., 8.1). A gap leaves the level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ses {
    alpha: f64,
    level: Option<f64>,
}

impl Ses {
    /// The smoothing constants tried.
    const GRID: [f64; 6] = [0.05, 0.1, 0.2, 0.35, 0.5, 0.75];

    /// Smoothing with `alpha` in 0 to 1 and no level yet.
    #[must_use]
    pub fn new(alpha: f64) -> Self {
        Self { alpha, level: None }
    }

    /// The constant with the least mean absolute one-step error over `values` (oldest first, NaN is a gap).
    #[must_use]
    pub fn fitted(values: &[f64]) -> Self {
        let mut best = (f64::INFINITY, Self::new(0.2));
        for alpha in Self::GRID {
            let (mut ses, mut error) = (Self::new(alpha), 0.0);
            for value in values.iter().copied().filter(|value| value.is_finite()) {
                error += ses.level.map_or(0.0, |level| (value - level).abs());
                ses.observe(Some(value));
            }
            if error < best.0 {
                best = (error, Self::new(alpha));
            }
        }
        best.1
    }
}

impl Member for Ses {
    fn name(&self) -> &'static str {
        "smoothed"
    }

    fn observe(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            let level = self.level.unwrap_or(value);
            self.level = Some(level + self.alpha * (value - level));
        }
    }

    fn forecast(&self, horizon: usize) -> Option<Vec<f64>> {
        self.level.map(|level| vec![level; horizon])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_by_alpha_and_fits_alpha_to_the_series() {
        let mut ses = Ses::new(0.25);
        [Some(8.0), None, Some(12.0)]
            .into_iter()
            .for_each(|value| ses.observe(value));
        assert_eq!(ses.forecast(2), Some(vec![9.0, 9.0]));
        let steps: Vec<f64> = (0..200).map(|t| f64::from(t / 20)).collect();
        let noise: Vec<f64> = (0..200).map(|t| f64::from(t * 7_919 % 101)).collect();
        assert!(Ses::fitted(&steps).alpha > Ses::fitted(&noise).alpha);
    }
}
