//! What is usual at this time of the day, and of the week.

use serde::{Deserialize, Serialize};

use crate::domain::{Span, Timestamp};

/// A mean for each slot of a period, learnt from values held to four scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    period: Span,
    means: Vec<f32>,
    seen: Vec<u8>,
    rate: f64,
}

impl Profile {
    const HELD: f64 = 4.0;

    /// A profile of `period` in `slots` steps, each learning at least `rate` of a new value.
    pub fn new(period: Span, slots: usize, rate: f64) -> Self {
        Self {
            period,
            means: vec![0.0; slots],
            seen: vec![0; slots],
            rate,
        }
    }

    fn slot(&self, at: Timestamp) -> usize {
        let into = at.0.rem_euclid(self.period.0) as f64 / self.period.0 as f64;
        ((into * self.means.len() as f64) as usize).min(self.means.len() - 1)
    }

    /// The length of a slot.
    pub fn step(&self) -> Span {
        Span(self.period.0 / self.means.len() as i64)
    }

    /// What is usual at `at`; `None` before anything was seen there.
    pub fn usual(&self, at: Timestamp) -> Option<f64> {
        let slot = self.slot(at);
        (self.seen[slot] > 0).then(|| f64::from(self.means[slot]))
    }

    /// The least and the most that is usual within a quarter of a slot of `at`, `usual` being what is at it: a job that starts a few
    /// minutes early is no surprise.
    pub fn around(&self, at: Timestamp, usual: f64) -> (f64, f64) {
        let quarter = Span(self.step().0 / 4);
        let near = [Timestamp(at.0.saturating_sub(quarter.0)), at + quarter];
        let near = near.into_iter().filter_map(|near| self.usual(near));
        near.fold((usual, usual), |(low, high), mean| (low.min(mean), high.max(mean)))
    }

    /// Learns the value at `at`; `scale` is the series' own.
    pub fn observe(&mut self, at: Timestamp, value: f64, scale: f64) {
        let slot = self.slot(at);
        let (mean, seen) = (&mut self.means[slot], &mut self.seen[slot]);
        *seen = seen.saturating_add(1);
        let weight = (1.0 / f64::from(*seen)).max(self.rate);
        let mut away = value - f64::from(*mean);
        if *seen > 3 && scale > 0.0 {
            away = away.clamp(-Self::HELD * scale, Self::HELD * scale);
        }
        *mean = (f64::from(*mean) + weight * away) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_learnt_by_the_hour_and_a_spike_hardly_moves_it() {
        let mut day = Profile::new(Span::from_days(1), 48, 0.1);
        let at = |hours: i64| Timestamp::from_secs(hours * 3600 + 60);
        assert_eq!(day.usual(at(9)), None);
        for hour in 0..24 * 10 {
            day.observe(at(hour), if hour % 24 == 9 { 80.0 } else { 20.0 }, 5.0);
        }
        day.observe(at(24 * 10 + 9), 1e9, 5.0);
        assert!((day.usual(at(9)).unwrap() - 80.0).abs() < 3.0);
        assert_eq!(day.usual(at(24 * 50 + 8)), Some(20.0));
        // The slot before its start is empty, the one at it is not.
        assert_eq!(day.around(at(8), 20.0), (20.0, 20.0));
    }
}
