//! How often a score as high as this one comes: the series' own tail, as a rate in time.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::domain::{Span, Timestamp};

/// The time within which scores are one event; its highest is kept.
pub(super) const BLOCK: Span = Span::from_hours(8);
/// Days after which the past weighs 1/e.
const MEMORY: f64 = 60.0;
/// What is believed before anything is seen, as if it had been watched for these days.
const PRIOR: f64 = 15.0;
/// The score passed once a day in that belief, and the exponent with which rarer ones are higher.
const DAILY: f64 = 1.5;
const EXPONENT: f64 = 2.5;
/// Blocks that score is believed for before the series' own peaks are seen, and blocks of these remembered besides.
const UNSEEN: f64 = 10.0;
const SEEN: f64 = 80.0;
/// How sharply a peak counts as "as high": one of half the height counts as a seventeenth.
const SHARPNESS: f64 = 4.0;
/// Bins of the logarithm of past peaks, natural units each, and where the first begins.
const BIN: f64 = 0.25;
const FIRST: f64 = -4.0;
const BINS: usize = 64;
/// Peaks remembered by their time: 15 days of blocks.
const RECENT: usize = 45;
/// Days after which a job's habit weighs 1/e.
const HABIT: f64 = 15.0;
/// A habit is one that came within an hour of this time of the day.
const NEAR: f64 = 1.0 / 24.0;
/// A habit counts this much of its plain rate: it may still be what hurts.
const TRUST: f64 = 0.1;

/// The peaks of a score, and how often they come.
///
/// Peaks over blocks of eight hours (block maxima, Gumbel 1958: one event is one peak, whatever the cadence) at a height are
/// taken for a Poisson process whose rate has a Gamma prior; the prior's rate falls with the height as a Pareto tail does. So the
/// posterior mean is (peaks that high + prior's peaks) ÷ (days watched + prior's days): a height never reached is rarer the longer
/// the series was watched, and what came often is expected, with no fit that could fail. The prior of a series whose peaks are usually
/// higher lies higher (empirical Bayes, shrunk by half; Robbins 1956): else all of a restless series is odd until it was watched for long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Peaks {
    /// Days watched and counts, both decayed to `until`.
    days: f64,
    until: Timestamp,
    counts: Vec<f32>,
    /// The block being filled: its start, its highest score's logarithm and time.
    block: Timestamp,
    highest: Option<(f64, Timestamp)>,
    /// How far the peaks' mean logarithm lies above the prior's daily score, and of how many blocks.
    #[serde(default)]
    above: f64,
    #[serde(default)]
    blocks: f64,
    /// Minutes since 1970 and logarithms of the newest peaks, oldest first.
    recent: VecDeque<(i32, f32)>,
}

impl Peaks {
    /// By how much of what a series' own peaks lie above the prior's daily score that is raised.
    pub const OWN: f64 = 0.5;

    /// Nothing seen; watching from `at`.
    pub fn new(at: Timestamp) -> Self {
        Self {
            days: 0.0,
            until: at,
            counts: vec![0.0; BINS],
            block: at,
            highest: None,
            above: 0.0,
            blocks: 0.0,
            recent: VecDeque::with_capacity(RECENT),
        }
    }

    /// The clock went back by `back`.
    pub fn set_back(&mut self, back: Span) {
        let earlier = |at: Timestamp| Timestamp(at.0.saturating_sub(back.0));
        self.until = earlier(self.until);
        self.block = earlier(self.block);
        for (at, _) in &mut self.recent {
            *at = at.saturating_sub(minutes(Timestamp(back.0)));
        }
        if let Some((_, at)) = &mut self.highest {
            *at = earlier(*at);
        }
    }

    /// How often a score of `score` (0 or more, finite) is reached, times a day, as known before it. Then learns it. `own` is [`Peaks::OWN`],
    /// or 0 where an event lasts for many blocks and would be its own measure.
    pub fn observe(&mut self, at: Timestamp, score: f64, own: f64) -> f64 {
        if (at - self.block).0 >= BLOCK.0 {
            self.close(at);
        }
        let daily = self.daily(at, score, own);
        if score > 0.0 && self.highest.is_none_or(|(highest, _)| score.ln() > highest) {
            self.highest = Some((score.ln(), at));
        }
        daily
    }

    /// The same without learning it.
    pub fn daily(&self, at: Timestamp, score: f64, own: f64) -> f64 {
        if score > 0.0 {
            self.rate(at, score.ln(), own)
        } else {
            f64::INFINITY
        }
    }

    fn close(&mut self, at: Timestamp) {
        let passed = days(at - self.until).max(0.0);
        let kept = (-passed / MEMORY).exp();
        self.days = self.days * kept + MEMORY * (1.0 - kept);
        self.until = at;
        for count in &mut self.counts {
            *count *= kept as f32;
        }
        if let Some((height, when)) = self.highest.take() {
            let bin = ((height - FIRST) / BIN).clamp(0.0, BINS as f64 - 1.0);
            self.counts[bin as usize] += 1.0;
            self.blocks = (self.blocks + 1.0).min(SEEN);
            self.above += (height - DAILY.ln() - self.above) / (UNSEEN + self.blocks);
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back((minutes(when), height as f32));
        }
        self.block = at;
    }

    /// The same by what was seen alone, whatever is believed before: 0 where nothing was.
    pub fn seen(&self, at: Timestamp, score: f64) -> f64 {
        let since = days(at - self.until).max(0.0);
        self.as_high(score.ln()) / (self.days + since + 1.0 / 24.0)
    }

    /// Peaks seen at `height` or above.
    fn as_high(&self, height: f64) -> f64 {
        let bins = self.counts.iter().enumerate().filter(|(_, count)| **count > 0.0);
        bins.map(|(bin, count)| f64::from(*count) * counts_as(FIRST + (bin as f64 + 0.5) * BIN, height))
            .sum()
    }

    fn rate(&self, at: Timestamp, height: f64, own: f64) -> f64 {
        let as_high = |peak: f64| counts_as(peak, height);
        let peaks = self.as_high(height);
        let daily = DAILY.ln() + own * self.above.max(0.0);
        let prior = (-EXPONENT * (height - daily)).exp();
        let since = days(at - self.until).max(0.0);
        let usual = (peaks + PRIOR * prior) / (self.days + since + PRIOR);
        // What came around this time on days before, the first time apart: that is no habit.
        let mut habit = -0.5;
        for (when, peak) in &self.recent {
            let ago = f64::from(minutes(at).saturating_sub(*when)) / 1_440.0;
            if ago > 0.5 && (ago - ago.round()).abs() < NEAR {
                habit += as_high(f64::from(*peak)) * (-ago / HABIT).exp();
            }
        }
        let habit = TRUST * habit / (self.days.min(HABIT) + 2.0) / (2.0 * NEAR);
        usual.max(habit)
    }
}

/// What a peak counts for as one of `height`, 0 to 1.
fn counts_as(peak: f64, height: f64) -> f64 {
    1.0 / (1.0 + (SHARPNESS * (height - peak)).exp())
}

/// Whole minutes since 1970; a float to integer cast saturates.
fn minutes(at: Timestamp) -> i32 {
    (at.0 as f64 / 60e6) as i32
}

fn days(span: Span) -> f64 {
    span.secs_f64() / 86_400.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_secs(hours * 3600)
    }

    #[test]
    fn a_height_never_reached_is_rarer_the_longer_it_was_watched() {
        let mut peaks = Peaks::new(hours(0));
        let mut rates = Vec::new();
        for day in 0..60 {
            for hour in 0..24 {
                peaks.observe(hours(day * 24 + hour), 1.0, Peaks::OWN);
            }
            rates.push(peaks.rate(hours(day * 24 + 24), 8.0_f64.ln(), Peaks::OWN));
        }
        assert!(rates.windows(2).all(|pair| pair[1] < pair[0]), "{rates:?}");
        assert!(rates[59] < rates[0] / 2.0);
    }

    #[test]
    fn a_restless_series_is_known_for_one_within_days() {
        let rate = |usual: f64| {
            let mut peaks = Peaks::new(hours(0));
            for hour in 0..24 * 3 {
                peaks.observe(hours(hour), usual, Peaks::OWN);
            }
            peaks.rate(hours(72), 6.0_f64.ln(), Peaks::OWN)
        };
        assert!(rate(5.0) > 2.0 * rate(1.5), "{} {}", rate(5.0), rate(1.5));
        // A quiet one is not held to less than others.
        assert!((rate(0.5) / rate(0.1) - 1.0).abs() < 0.01);
    }

    #[test]
    fn what_comes_often_is_expected_most_of_all_at_its_time() {
        let mut peaks = Peaks::new(hours(0));
        for hour in 0..24 * 20 {
            peaks.observe(hours(hour), if hour % 24 == 3 { 8.0 } else { 0.5 }, Peaks::OWN);
        }
        let high = 8.0_f64.ln();
        let (at_three, at_noon) = (
            peaks.rate(hours(24 * 20 + 3), high, Peaks::OWN),
            peaks.rate(hours(24 * 20 + 12), high, Peaks::OWN),
        );
        assert!(at_noon > 0.2, "{at_noon}");
        assert!(at_three > at_noon);
        assert!(peaks.rate(hours(24 * 20 + 3), 80.0_f64.ln(), Peaks::OWN) < 0.01);
    }

    #[test]
    fn one_event_is_one_peak_at_any_cadence() {
        let watch = |step: i64| {
            let mut peaks = Peaks::new(hours(0));
            for second in (0..10 * 86_400).step_by(step as usize) {
                peaks.observe(
                    Timestamp::from_secs(second),
                    if second < 5 * 3600 { 6.0 } else { 1.0 },
                    Peaks::OWN,
                );
            }
            peaks.rate(hours(240), 6.0_f64.ln(), Peaks::OWN)
        };
        assert!((watch(60) / watch(3600) - 1.0).abs() < 0.05);
    }
}
