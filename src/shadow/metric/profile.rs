//! The usual season.

use std::sync::Arc;

use super::{Member, history::History};

/// What is usual at each phase of a season: the decayed mean of what was one, two, … periods before, known one period ahead.
///
/// It is simple exponential smoothing of each phase by itself (the seasonal part of Holt and Winters' method; Winters 1960, Management
/// Science 6), begun as a mean so that the first seasons count alike.
pub struct Profile {
    period: usize,
    /// What is usual at each step, from the second season to one period after the history; before it NaN.
    usual: Vec<f64>,
}

impl Profile {
    /// What a season counts of the one after it: seven seasons ago counts half.
    const FADE: f64 = 0.9;

    /// Of `history` with a season of `period` steps (at least 1).
    #[must_use]
    pub fn new(history: &History, period: usize) -> Self {
        let period = period.max(1);
        let mut usual = vec![f64::NAN; history.len() + period];
        // The weight of a profile is the same for all phases of a season.
        let mut weight = 1.0;
        for (season, values) in history.filled.chunks(period).enumerate() {
            let (before, usual) = usual[season * period..].split_at_mut(period);
            let rate = 1.0 / weight;
            for ((usual, before), value) in usual.iter_mut().zip(before).zip(values) {
                *usual = if season == 0 {
                    *value
                } else {
                    *before + rate * (value - *before)
                };
            }
            weight = weight * Self::FADE + 1.0;
        }
        Self { period, usual }
    }

    /// Steps in the season.
    #[must_use]
    pub fn period(&self) -> usize {
        self.period
    }

    /// What is usual `ahead` steps after the first `origin` values, by what they say; NaN before there is a season.
    #[must_use]
    pub fn at(&self, origin: usize, ahead: usize) -> f64 {
        self.usual[origin + (ahead - 1) % self.period]
    }

    /// What had been usual at the steps of `range`, each known one period before.
    #[must_use]
    pub fn usual(&self, range: std::ops::Range<usize>) -> &[f64] {
        &self.usual[range]
    }
}

/// As usual at this time, at the level of the newest twenty-fourth of a season, an hour of a day (a multiplicative seasonal with a
/// level; Winters 1960).
pub struct Profiled {
    profile: Arc<Profile>,
}

impl Profiled {
    /// With what is usual.
    #[must_use]
    pub fn new(profile: Arc<Profile>) -> Self {
        Self { profile }
    }

    /// How the newest values compare with what is usual: between a fifth and five times.
    fn ratio(&self, history: &History, origin: usize) -> Option<f64> {
        let period = self.profile.period;
        let window = (period / 24).clamp(2, 24);
        let start = origin.saturating_sub(window).max(period);
        if start >= origin {
            return None;
        }
        let was: f64 = history.filled[start..origin].iter().sum();
        let usual: f64 = self.profile.usual(start..origin).iter().sum();
        let ratio = (was / usual).clamp(0.2, 5.0);
        Some(if ratio.is_finite() { ratio } else { 1.0 })
    }
}

impl Member for Profiled {
    fn name(&self) -> &'static str {
        "usual season, scaled"
    }

    fn forecast(&self, history: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        let ratio = self.ratio(history, origin).unwrap_or(f64::NAN);
        for (ahead, out) in ahead.iter().zip(out) {
            *out = ratio * self.profile.at(origin, *ahead);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn it_is_the_mean_of_the_seasons_before_and_knows_no_later_ones() {
        let values = vec![1.0, 10.0, 3.0, 30.0, 5.0, 50.0];
        let history = History::new(values, Span::from_secs(1));
        let profile = Profile::new(&history, 2);
        assert!(profile.at(1, 1).is_nan());
        assert_eq!((profile.at(2, 1), profile.at(2, 2), profile.at(2, 3)), (1.0, 10.0, 1.0));
        let (one, ten) = ((3.0 + 0.9) / 1.9, (30.0 + 9.0) / 1.9);
        assert!((profile.at(4, 1) - one).abs() < 1e-12 && (profile.at(4, 2) - ten).abs() < 1e-12);
    }

    #[test]
    fn it_follows_the_level() {
        let wave = |t: usize| [10.0, 20.0, 40.0, 20.0][t % 4] * if t < 40 { 1.0 } else { 1.5 };
        let history = History::new((0..44).map(wave).collect(), Span::from_secs(1));
        let profile = Arc::new(Profile::new(&history, 4));
        let mut out = [0.0; 2];
        Profiled::new(profile).forecast(&history, 43, &[1, 2], &mut out);
        assert!((out[0] - 30.0).abs() < 1e-9 && (out[1] - 15.0).abs() < 2.0, "{out:?}");
    }
}
