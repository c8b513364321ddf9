//! What it was one season ago.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Member;

/// Seasonal naive: every step is as it was one period before (Hyndman & Athanasopoulos, Forecasting: Principles and Practice,
/// 3rd ed., 5.2). A gap is filled with the value of the period before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeasonalNaive {
    period: usize,
    season: VecDeque<f64>,
}

impl SeasonalNaive {
    /// A season of `period` steps (at least 1), empty yet.
    #[must_use]
    pub fn new(period: usize) -> Self {
        Self {
            period: period.max(1),
            season: VecDeque::new(),
        }
    }

    /// Steps in a season.
    #[must_use]
    pub fn period(&self) -> usize {
        self.period
    }
}

impl Member for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal"
    }

    fn observe(&mut self, value: Option<f64>) {
        let full = self.season.len() == self.period;
        let before = if full { self.season.front() } else { self.season.back() };
        let Some(value) = value.or(before.copied()) else { return };
        if full {
            self.season.pop_front();
        }
        self.season.push_back(value);
    }

    fn forecast(&self, horizon: usize) -> Option<Vec<f64>> {
        (self.season.len() == self.period).then(|| self.season.iter().copied().cycle().take(horizon).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_repeats_the_last_season_and_fills_gaps_from_the_one_before() {
        let mut seasonal = SeasonalNaive::new(3);
        [Some(1.0), Some(2.0)]
            .into_iter()
            .for_each(|value| seasonal.observe(value));
        assert_eq!(seasonal.forecast(2), None);
        [Some(3.0), Some(4.0), None]
            .into_iter()
            .for_each(|value| seasonal.observe(value));
        assert_eq!(seasonal.forecast(5), Some(vec![3.0, 4.0, 2.0, 3.0, 4.0]));
    }
}
