//! What it was one season ago.

use super::{Member, history::History};

/// Seasonal naive: every step is as it was one period before (Hyndman & Athanasopoulos, Forecasting: Principles and Practice,
/// 3rd ed., 5.2).
pub struct SeasonalNaive {
    period: usize,
}

impl SeasonalNaive {
    /// A season of `period` steps (at least 1).
    #[must_use]
    pub fn new(period: usize) -> Self {
        Self { period: period.max(1) }
    }
}

impl Member for SeasonalNaive {
    fn name(&self) -> &'static str {
        "seasonal"
    }

    fn forecast(&self, history: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        for (ahead, out) in ahead.iter().zip(out) {
            let back = ahead.div_ceil(self.period) * self.period;
            *out = (origin + ahead - 1)
                .checked_sub(back)
                .map_or(f64::NAN, |place| history.filled[place]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn it_repeats_the_last_season() {
        let history = History::new(vec![1.0, 2.0, 3.0, 4.0, f64::NAN], Span::from_secs(1));
        let mut out = [0.0; 5];
        SeasonalNaive::new(3).forecast(&history, 5, &[1, 2, 3, 4, 5], &mut out);
        assert_eq!(out, [3.0, 4.0, 4.0, 3.0, 4.0]);
        SeasonalNaive::new(3).forecast(&history, 2, &[1, 2, 3, 4, 5], &mut out);
        assert!(out[0].is_nan() && out[1] == 1.0 && out[2] == 2.0);
    }
}
