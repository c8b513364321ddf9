//! Keeps the bands honest while the series changes.

use serde::{Deserialize, Serialize};

/// Adaptive conformal inference (Gibbs & Candès 2021, NeurIPS, eq. 2) on the 80 % and the 95 % band: a miss widens the band, a hit
/// narrows it a little, so that the long-run share inside is as promised whatever the series does.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Adaptive {
    miss80: f64,
    miss95: f64,
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            miss80: 0.2,
            miss95: 0.05,
        }
    }
}

impl Adaptive {
    const STEP: f64 = 0.01;

    /// Takes whether a value was inside the bands.
    pub fn observe(&mut self, inside80: bool, inside95: bool) {
        let miss = |inside: bool| if inside { 0.0 } else { 1.0 };
        self.miss80 = (self.miss80 + Self::STEP * (0.2 - miss(inside80))).clamp(0.06, 0.4);
        self.miss95 = (self.miss95 + Self::STEP * (0.05 - miss(inside95))).clamp(0.005, 0.15);
    }

    /// The level to ask the residuals for, so that `level` of what comes lies below it.
    #[must_use]
    pub fn level(&self, level: f64) -> f64 {
        let tail = level.min(1.0 - level);
        // Half a band's misses lie on each side; between the two bands and the median the correction is spread linearly.
        let (outer, inner) = (self.miss95 / 2.0, (self.miss80 / 2.0).max(self.miss95 / 2.0));
        let asked = if tail <= 0.025 {
            tail / 0.025 * outer
        } else if tail <= 0.1 {
            outer + (tail - 0.025) / 0.075 * (inner - outer)
        } else {
            inner + (tail - 0.1) / 0.4 * (0.5 - inner)
        };
        if level <= 0.5 { asked } else { 1.0 - asked }
    }
}
