//! Distributions of what will be.

use serde::{Deserialize, Serialize};

use super::{Limit, Side, Span, Timestamp};

/// The levels of every [`Quantiles`], rising.
pub const LEVELS: [f64; 13] = [0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975];

/// A distribution by its values at [`LEVELS`]: 13 finite numbers, never falling.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles(pub [f64; 13]);

impl Quantiles {
    /// The same value at every level.
    #[must_use]
    pub const fn certain(value: f64) -> Self {
        Self([value; 13])
    }

    /// The median.
    #[must_use]
    pub const fn median(&self) -> f64 {
        self.0[6]
    }

    /// The ends of the 80 % band.
    #[must_use]
    pub const fn band80(&self) -> (f64, f64) {
        (self.0[2], self.0[10])
    }

    /// The ends of the 95 % band.
    #[must_use]
    pub const fn band95(&self) -> (f64, f64) {
        (self.0[0], self.0[12])
    }

    /// Makes the values finite, within `lo..=hi`, and never falling, as a distribution must be.
    #[must_use]
    pub fn tidy(mut self, lo: f64, hi: f64) -> Self {
        let middle = if self.0[6].is_finite() { self.0[6] } else { 0.0 };
        for value in &mut self.0 {
            if !value.is_finite() {
                *value = middle;
            }
            *value = value.clamp(lo.max(f64::MIN), hi.min(f64::MAX));
        }
        for level in 1..self.0.len() {
            self.0[level] = self.0[level].max(self.0[level - 1]);
        }
        self
    }

    /// P(value ≤ `x`), linear between levels, exponential tails beyond the outer ones; one half for NaN, of which nothing is known.
    #[must_use]
    pub fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return 0.5;
        }
        let (first, last) = (self.0[0], self.0[12]);
        // A tail as long as the distance from the outer level to the next but one.
        let reach = |a: f64, b: f64| (b - a).abs().max(f64::MIN_POSITIVE);
        if x < first {
            return LEVELS[0] * (-(first - x) / reach(first, self.0[2])).exp();
        }
        if x > last {
            return 1.0 - (1.0 - LEVELS[12]) * (-(x - last) / reach(last, self.0[10])).exp();
        }
        // Steps of equal values: the middle of the levels that share it.
        let below = self.0.iter().filter(|q| **q < x).count();
        let upto = self.0.iter().filter(|q| **q <= x).count();
        if upto > below {
            return f64::midpoint(LEVELS[below], LEVELS[upto - 1]);
        }
        let (a, b) = (self.0[below - 1], self.0[below]);
        // Halved, so that the distance between the largest numbers is one too.
        LEVELS[below - 1]
            + (LEVELS[below] - LEVELS[below - 1]) * ((x / 2.0 - a / 2.0) / (b / 2.0 - a / 2.0)).clamp(0.0, 1.0)
    }
}

/// Distributions of the steps to come: `steps[i]` is for `start + (i + 1) × step`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The time of the last value it knows.
    pub start: Timestamp,
    /// Time between two steps.
    pub step: Span,
    /// One distribution a step, nearest first.
    pub steps: Vec<Quantiles>,
    /// How many values it rests on.
    pub points: u64,
    /// How far ahead what it rests on could be put to the test; farther steps are widened as errors grew. Zero while nothing was.
    pub tested: Span,
}

impl Forecast {
    /// When a value beyond `limit` is back within it: the first step whose outer 10 % towards the limit, median, and inner 90 % are
    /// no longer beyond it; `None` where that is not so within the forecast.
    #[must_use]
    pub fn back_within(&self, limit: &Limit) -> [Option<Timestamp>; 3] {
        let levels = match limit.side {
            Side::Above => [2, 6, 10],
            Side::Below => [10, 6, 2],
        };
        levels.map(|level| {
            let within = |step: &Quantiles| !limit.broken_by(step.0[level]);
            let place = self.steps.iter().position(within)?;
            Some(self.start + self.step * (place as i64 + 1))
        })
    }
}

/// When a metric passes a limit, as a distribution of paths.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crossing {
    /// The limit, in the metric's unit.
    pub limit: f64,
    /// P(the limit is passed within the horizon).
    pub probability: f64,
    /// The horizon the probability is for.
    pub horizon: Span,
    /// Times by which 10, 50 and 90 % of all paths have passed it; `None` where so many do not within the horizon.
    pub at: [Option<Timestamp>; 3],
    /// The same for 2.5 and 97.5 %, the ends of the 95 % interval.
    #[serde(default)]
    pub at95: [Option<Timestamp>; 2],
}

impl Crossing {
    /// How likely it is, and how likely by when, in words: `52 % likely within 6h00 (10 % by 18:44, 50 % by 19:40)`.
    #[must_use]
    pub fn odds(&self, show: impl Fn(Timestamp) -> String) -> String {
        let by = [10, 50, 90].into_iter().zip(self.at);
        let by: Vec<String> = by
            .filter_map(|(share, at)| Some(format!("{share} % by {}", show(at?))))
            .collect();
        let by = match by.len() {
            0 => String::new(),
            _ => format!(" ({})", by.join(", ")),
        };
        format!("{:.0} % likely within {}{by}", self.probability * 100.0, self.horizon)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odds_name_the_times_there_are_and_no_others() {
        let mut crossing = Crossing {
            limit: 90.0,
            probability: 0.52,
            horizon: Span::from_hours(6),
            at: [Some(Timestamp(1)), Some(Timestamp(2)), None],
            at95: [None; 2],
        };
        let said = |crossing: &Crossing| crossing.odds(|at| at.0.to_string());
        assert_eq!(said(&crossing), "52 % likely within 6h00 (10 % by 1, 50 % by 2)");
        (crossing.probability, crossing.at) = (0.0, [None; 3]);
        assert_eq!(said(&crossing), "0 % likely within 6h00");
    }

    proptest! {
        #[test]
        fn tidy_is_finite_bounded_and_never_falls(raw in prop::array::uniform13(prop::num::f64::ANY), lo in -1e6..0.0f64, hi in 0.0..1e6f64) {
            let tidy = Quantiles(raw).tidy(lo, hi);
            prop_assert!(tidy.0.iter().all(|q| q.is_finite() && (lo..=hi).contains(q)));
            prop_assert!(tidy.0.windows(2).all(|w| w[0] <= w[1]));
        }

        #[test]
        fn cdf_of_anything_is_a_probability(raw in prop::array::uniform13(prop::num::f64::ANY), x in prop::num::f64::ANY) {
            let p = Quantiles(raw).tidy(f64::MIN, f64::MAX).cdf(x);
            prop_assert!((0.0..=1.0).contains(&p), "{p}");
        }

        #[test]
        fn cdf_rises_from_zero_to_one(a in -1e3..1e3f64, b in -1e3..1e3f64) {
            let quantiles = Quantiles(LEVELS.map(|level| level * 100.0));
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(quantiles.cdf(low) <= quantiles.cdf(high) + 1e-12);
            prop_assert!((0.0..=1.0).contains(&quantiles.cdf(a)));
        }
    }

    #[test]
    fn a_certain_value_is_in_its_middle() {
        assert!((Quantiles::certain(4.0).cdf(4.0) - 0.5).abs() < 1e-12);
        assert!(Quantiles::certain(4.0).cdf(5.0) > 0.999);
    }

    #[test]
    fn a_value_below_its_limit_is_back_when_its_quantiles_are() {
        let limit = Limit {
            value: 5.0,
            side: Side::Below,
            by: "test".into(),
        };
        let step = |middle: f64| Quantiles(LEVELS.map(|level| middle + level - 0.5));
        let forecast = Forecast {
            start: Timestamp(0),
            step: Span(10),
            steps: [4.0, 4.7, 5.1, 5.2].map(step).to_vec(),
            points: 4,
            tested: Span::ZERO,
        };
        let at = |place: i64| Some(Timestamp(10 * place));
        assert_eq!(forecast.back_within(&limit), [at(2), at(3), None]);
    }
}
