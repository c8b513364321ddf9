//! How far off forecasts are, by distance.

use serde::{Deserialize, Serialize};

/// What a backtest says of forecasts of one distance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// The distance, steps.
    pub steps: u32,
    /// Weight by member at this distance; they sum to 1.
    pub weights: Vec<f32>,
    /// Error quantiles at [`crate::domain::LEVELS`]; actual minus forecast.
    pub errors: [f32; 13],
    /// Correlation of the error at this distance with the error of the same forecast at half the distance, 0 to 1: 0 for noise around a
    /// level, √½ for a random walk.
    pub kin: f32,
}

/// Spreads of all distances tested, nearest first; none before the first backtest.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spreads(pub Vec<Spread>);

impl Spreads {
    /// Error quantiles `ahead` steps ahead; `None` before the first backtest. Beyond what was tested errors grow at least with the
    /// power `least` of distance.
    ///
    /// Between tested distances on a logarithmic scale of distance, beyond them by the growth seen over the last two octaves (a random
    /// walk's is the square root), at least half a random walk's where errors hang together.
    #[must_use]
    pub fn errors(&self, ahead: usize, least: f64) -> Option<[f64; 13]> {
        let ahead = ahead.max(1) as f64;
        let last = self.0.last()?;
        let farther = self.0.iter().position(|spread| f64::from(spread.steps) >= ahead);
        let Some(place) = farther else {
            let width = |spread: &Spread| {
                spread
                    .errors
                    .iter()
                    .map(|error| f64::from((error - spread.errors[6]).abs()))
                    .sum::<f64>()
            };
            let before = &self.0[self.0.len().saturating_sub(3)];
            let octaves = (f64::from(last.steps) / f64::from(before.steps)).log2();
            let growth = (width(last) / width(before)).log2() / octaves;
            // Errors of noise around a level do not hang together, and if they seem to grow it is by chance.
            let least = least.max(0.35 * f64::from(last.kin));
            let most = (0.1 + f64::from(last.kin)).clamp(least, 1.0);
            let growth = if growth.is_finite() {
                growth.clamp(least, most)
            } else {
                least
            };
            let scale = (ahead / f64::from(last.steps)).powf(growth);
            let middle = f64::from(last.errors[6]);
            return Some(last.errors.map(|error| middle + scale * (f64::from(error) - middle)));
        };
        let far = &self.0[place];
        let mut errors = far.errors.map(f64::from);
        if place > 0 {
            let near = &self.0[place - 1];
            let share = (ahead / f64::from(near.steps)).log2() / (f64::from(far.steps) / f64::from(near.steps)).log2();
            for (error, near) in errors.iter_mut().zip(near.errors) {
                *error = f64::from(near) + share * (*error - f64::from(near));
            }
        }
        Some(errors)
    }

    /// The spread of the tested distance nearest to `ahead`; `None` before the first backtest.
    #[must_use]
    pub fn nearest(&self, ahead: usize) -> Option<&Spread> {
        let off = |spread: &&Spread| (ahead.max(1) as f64 / f64::from(spread.steps)).ln().abs();
        self.0.iter().min_by(|a, b| off(a).total_cmp(&off(b)))
    }

    /// Correlation of the errors `near` and `far` steps ahead of the same forecast, 0 to 1.
    ///
    /// On a logarithmic scale of distance it falls evenly, as for a random walk, whose errors correlate by √(near / far).
    #[must_use]
    pub fn kin(&self, near: usize, far: usize) -> f64 {
        let octaves = (far.max(1) as f64 / near.max(1) as f64).log2();
        let spread = self
            .0
            .iter()
            .skip(1)
            .find(|spread| spread.steps as usize >= far)
            .or(self.0.last());
        // Without a backtest: a random walk.
        spread
            .map_or(std::f64::consts::FRAC_1_SQRT_2, |spread| f64::from(spread.kin))
            .powf(octaves)
    }
}
