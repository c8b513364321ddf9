//! How far from usual it is, and how that fades.

use std::sync::Arc;

use super::{
    Member,
    autoregression::{Autoregression, Coefficients},
    fits::Fits,
    history::History,
    profile::Profile,
};

/// The usual season, and an autoregression of the deviations from it: a regression with autoregressive errors (Hyndman &
/// Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 10.1).
pub struct Deviation {
    profile: Arc<Profile>,
    autoregression: Autoregression,
}

impl Deviation {
    /// Deviations looked back at.
    const BACK: usize = 8;

    /// Learns how deviations of `history` from `profile` hang together, from the second season on.
    #[must_use]
    pub fn fit(profile: &Profile, history: &History) -> Fits<Arc<Coefficients>> {
        let start = profile.period().min(history.len());
        let off = |values: &[f64]| Self::off(profile, values, start..history.len());
        let (filled, seen) = (off(&history.filled), off(&history.seen));
        let mut fits = Autoregression::fit(&filled, &seen, &Self::lags(), &[]);
        // Counted from the beginning of the history.
        fits.0.iter_mut().for_each(|(learnt, _)| *learnt += start);
        fits
    }

    fn lags() -> Vec<usize> {
        Autoregression::lags(&[], 0)
    }

    fn off(profile: &Profile, values: &[f64], range: std::ops::Range<usize>) -> Vec<f64> {
        let usual = profile.usual(range.clone());
        values[range]
            .iter()
            .zip(usual)
            .map(|(value, usual)| value - usual)
            .collect()
    }

    /// With what was learnt of them.
    #[must_use]
    pub fn new(profile: Arc<Profile>, fits: Fits<Arc<Coefficients>>) -> Self {
        Self {
            autoregression: Autoregression::new(Self::lags(), Vec::new(), fits),
            profile,
        }
    }
}

impl Member for Deviation {
    fn name(&self) -> &'static str {
        "usual season, corrected"
    }

    fn forecast(&self, history: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        let start = origin.saturating_sub(Self::BACK).max(self.profile.period());
        if start >= origin {
            out.fill(f64::NAN);
            return;
        }
        let off = Self::off(&self.profile, &history.filled, start..origin);
        self.autoregression.follow(&off, origin, ahead, out);
        for (ahead, out) in ahead.iter().zip(out) {
            *out += self.profile.at(origin, *ahead);
        }
    }
}
