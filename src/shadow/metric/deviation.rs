//! How far from usual it is, and how that fades.

use std::sync::Arc;

use super::{Member, autoregression::Autoregression, history::History, member::Fits, profile::Profile};

/// The usual season, and an autoregression of the deviations from it: a regression with autoregressive errors (Hyndman &
/// Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 10.1).
pub struct Deviation {
    profile: Arc<Profile>,
    /// The deviations, from the second season on.
    deviations: History,
    autoregression: Autoregression,
}

impl Deviation {
    /// Deviations of `history` from `profile`, from the second season on.
    #[must_use]
    pub fn deviations(profile: &Profile, history: &History) -> History {
        let start = profile.period().min(history.len());
        let usual = profile.usual(start..history.len());
        let off = |values: &[f64]| {
            values[start..]
                .iter()
                .zip(usual)
                .map(|(value, usual)| value - usual)
                .collect()
        };
        History {
            seen: off(&history.seen),
            filled: off(&history.filled),
            step: history.step,
        }
    }

    /// Learns how deviations hang together.
    #[must_use]
    pub fn fit(deviations: &History) -> Fits {
        Autoregression::fit(
            &deviations.filled,
            &deviations.seen,
            &Autoregression::lags(&[], deviations.len()),
        )
    }

    /// With what was learnt of them.
    #[must_use]
    pub fn new(profile: Arc<Profile>, deviations: History, fits: Fits) -> Self {
        Self {
            autoregression: Autoregression::new(&deviations.filled, fits),
            profile,
            deviations,
        }
    }
}

impl Member for Deviation {
    fn name(&self) -> &'static str {
        "usual season, corrected"
    }

    fn forecast(&self, _: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        match origin.checked_sub(self.profile.period()) {
            Some(origin) if origin > 0 => self.autoregression.forecast(&self.deviations, origin, ahead, out),
            _ => out.fill(f64::NAN),
        }
        for (ahead, out) in ahead.iter().zip(out) {
            *out += self.profile.at(origin, *ahead);
        }
    }
}
