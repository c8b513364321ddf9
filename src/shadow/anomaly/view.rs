//! The ways one series is looked at: each turns the newest value and those before it into one statistic.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    heights::Heights,
    moments::{Moments, Robust},
    profile::Profile,
};
use crate::domain::{Span, Timestamp};

/// One way of looking at a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// The value against those of late: 40, 75 and 150.
    Level,
    /// The value against the usual ones of the last 300, spikes left out.
    UsualLevel,
    /// The value against what is usual at this time.
    Season,
    /// The same, against the usual misses, spikes left out.
    UsualSeason,
    /// The value against the mean of the last 20.
    Jump,
    /// Four values against the four before.
    Step,
    /// Four values against what is usual at their times.
    Short,
    /// 64 values against what is usual at their times.
    Long,
    /// 144 values against what is usual at their times.
    Drift,
    /// The mean change from value to value, over 16.
    Roughness,
    /// The same over 64.
    LongRoughness,
    /// How far the value lies beyond all that was ever seen.
    Record,
    /// The value no longer moves. Judged by itself, it has no part in the score.
    Stuck,
    /// No value came for long. Judged by itself too.
    Silence,
}

impl View {
    /// Those of the score, in the order in which [`Views`] keeps them.
    pub const ALL: [Self; 12] = [
        Self::Level,
        Self::UsualLevel,
        Self::Season,
        Self::UsualSeason,
        Self::Jump,
        Self::Step,
        Self::Short,
        Self::Long,
        Self::Drift,
        Self::Roughness,
        Self::LongRoughness,
        Self::Record,
    ];

    /// What its standard deviations count for. A robust scale is much smaller than a plain one where there are spikes; the level of late, with
    /// the shortest memory, takes any new stretch for odd; being beyond all that was ever seen is the strongest sign.
    const fn weight(self) -> f64 {
        match self {
            Self::UsualLevel | Self::UsualSeason => 0.4,
            Self::Level => 0.5,
            Self::Record => 1.5,
            _ => 1.0,
        }
    }

    /// In plain words.
    #[must_use]
    pub const fn phrase(self) -> &'static str {
        match self {
            Self::Level | Self::UsualLevel => "its level",
            Self::Season | Self::UsualSeason => "what is usual at this time",
            Self::Jump => "a jump",
            Self::Step => "a step",
            Self::Short => "a few values",
            Self::Long | Self::Drift => "a shift that lasts",
            Self::Roughness | Self::LongRoughness => "how much it moves",
            Self::Record => "beyond all seen before",
            Self::Stuck => "a value that no longer moves",
            Self::Silence => "no value for long",
        }
    }
}

/// By what a value is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// The level of the last 300 values.
    #[default]
    Level,
    /// What is usual at this time of the day.
    Day,
    /// What is usual at this time of the week.
    Week,
}

/// What was usual when a value came, as known before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usual {
    /// The value, in the series' unit.
    pub value: f64,
    /// What tells it.
    pub by: By,
    /// A standard deviation of what values lie off it.
    pub spread: f64,
    /// The mean change from value to value over the last 16.
    pub moves: f64,
    /// What that usually is.
    pub usual_moves: f64,
    /// A standard deviation of it.
    pub moves_spread: f64,
}

/// What is kept of a series to look at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Views {
    first: Timestamp,
    /// Newest residuals, and values' absolute changes, newest last.
    residuals: VecDeque<f32>,
    changes: VecDeque<f32>,
    last: f64,
    range: (f64, f64),
    seen: u32,
    /// The mean of the last twenty or so.
    recent: f64,
    level: Robust,
    day: Profile,
    week: Profile,
    /// Mean misses of the usual level, the day and the week.
    misses: [Robust; 3],
    plain: [[Moments; Views::SPANS.len()]; View::ALL.len()],
    residual: Robust,
    heights: Heights,
}

/// The score of a value: the weighted mean of how far out each view finds it, standard deviations, less of what a view often cries on
/// this series, and which finds it farthest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Score {
    pub mean: f64,
    pub view: View,
    /// Signed standard deviations in that view.
    pub z: f64,
    pub usual: Usual,
}

impl Views {
    const RESIDUALS: usize = 144;
    const CHANGES: usize = 64;
    /// Values that plain scales remember; a quarter of them for the level.
    const SPANS: [f64; 3] = [150.0, 300.0, 600.0];
    /// Values that usual levels and scales remember.
    const SPAN: f64 = 300.0;
    const RECENT: f64 = 20.0;
    /// A scale is at least this share of the level: less is rounding.
    const ROUNDING: f64 = 1e-4;
    /// Values before a record means something.
    const RECORDS: u32 = 50;
    /// A season must miss by this much less than none to be believed.
    const BETTER: f64 = 0.9;
    /// Time before the misses of the usual level, the day and the week are counted.
    const AFTER: [Span; 3] = [Span::ZERO, Span::from_days(2), Span::from_days(14)];

    pub fn new(first: Timestamp, value: f64) -> Self {
        let moments = |view| match view {
            View::Record => Moments::new(0.0),
            _ => Moments::new(value),
        };
        Self {
            first,
            residuals: VecDeque::with_capacity(Self::RESIDUALS),
            changes: VecDeque::with_capacity(Self::CHANGES),
            last: value,
            range: (value, value),
            seen: 0,
            recent: 0.0,
            level: Robust::new(Self::SPAN),
            day: Profile::new(Span::from_days(1), 48, 0.1),
            week: Profile::new(Span::from_days(7), 168, 0.3),
            misses: [Robust::new(500.0); 3],
            plain: View::ALL.map(|view| [moments(view); Self::SPANS.len()]),
            residual: Robust::new(Self::SPAN),
            heights: Heights::new(first),
        }
    }

    /// The clock went back by `back`.
    pub fn set_back(&mut self, back: Span) {
        self.first = self.first - back;
        self.heights.set_back(back);
    }

    /// Looks at a finite value of at most 10³⁰, then learns it.
    pub fn observe(&mut self, at: Timestamp, value: f64) -> Score {
        let floor = Self::ROUNDING * self.level.mean().abs();
        let (expected, by) = self.expected(at, value);
        let residual = value - expected;
        push(&mut self.residuals, Self::RESIDUALS, residual);
        if self.seen > 0 {
            push(&mut self.changes, Self::CHANGES, (value - self.last).abs());
        }
        self.heights.turn(at);
        let usual = self.usual(expected, by, floor);
        let mut sum = 0.0;
        let mut weights = 0.0;
        let mut most = (0.0, View::Level, 0.0);
        for (place, view) in View::ALL.into_iter().enumerate() {
            let z = match view {
                View::UsualLevel => self.level.z(value, floor),
                View::UsualSeason => self.residual.z(residual, floor),
                View::Record => self.plain(place, view, self.beyond(value), 0.01),
                view => self.plain(place, view, self.statistic(view, value, residual), floor),
            };
            let part = view.weight() * self.heights.heard(place, z.abs()) * z.abs();
            sum += part;
            weights += view.weight();
            if part > most.0 {
                most = (part, view, z);
            }
        }
        self.learn(at, value, residual);
        Score {
            mean: sum / weights,
            view: most.1,
            z: most.2,
            usual,
        }
    }

    /// What is usual, where `expected` is what level or season say.
    fn usual(&self, expected: f64, by: By, floor: f64) -> Usual {
        let place = View::ALL.iter().position(|view| *view == View::Roughness);
        let moves = place.map_or((0.0, 0.0), |place| self.plain[place][1].usual());
        Usual {
            value: expected + self.residual.mean(),
            by,
            spread: self.residual.spread(floor),
            moves: self.moves(),
            usual_moves: moves.0,
            moves_spread: moves.1.max(floor),
        }
    }

    /// The mean change from value to value over 16.
    fn moves(&self) -> f64 {
        mean(self.changes.iter().rev().take(16))
    }

    /// The mean of how far out `statistic` lies by each span: no span fits all.
    fn plain(&mut self, place: usize, view: View, statistic: f64, floor: f64) -> f64 {
        let part = if view == View::Level { 0.25 } else { 1.0 };
        let moments = self.plain[place].iter_mut().zip(Self::SPANS);
        let sum: f64 = moments
            .map(|(moments, span)| moments.observe(statistic, floor, self.seen, part * span))
            .sum();
        sum / Self::SPANS.len() as f64
    }

    fn statistic(&self, view: View, value: f64, residual: f64) -> f64 {
        let newest = |count: usize| mean(self.residuals.iter().rev().take(count));
        match view {
            View::Season => residual,
            View::Jump => value - self.recent,
            View::Step => newest(4) - mean(self.residuals.iter().rev().skip(4).take(4)),
            View::Short => newest(4),
            View::Long => newest(64),
            View::Drift => newest(Self::RESIDUALS),
            View::Roughness => self.moves(),
            View::LongRoughness => mean(self.changes.iter()),
            _ => value,
        }
    }

    /// How far beyond all that was seen, as a share of its range; at most 1.
    fn beyond(&self, value: f64) -> f64 {
        let (low, high) = self.range;
        let beyond = (value - high).max(low - value);
        if self.seen < Self::RECORDS || beyond <= 0.0 {
            return 0.0;
        }
        (beyond / (high - low)).min(1.0)
    }

    /// What is expected of the value, and by what: the day's or the week's profile, where it misses by less than the level does.
    fn expected(&mut self, at: Timestamp, value: f64) -> (f64, By) {
        let level = if self.seen == 0 { value } else { self.level.mean() };
        let expected = [
            level,
            self.day.usual(at).unwrap_or(level),
            self.week.usual(at).unwrap_or(level),
        ];
        let mut best = 0;
        for k in 1..3 {
            if self.misses[k].seen() > 0 && self.misses[k].mean() < self.misses[best].mean() * Self::BETTER {
                best = k;
            }
        }
        for ((miss, expected), after) in self.misses.iter_mut().zip(expected).zip(Self::AFTER) {
            if (at - self.first).0 > after.0 {
                miss.observe((value - expected).abs());
            }
        }
        let ((low, high), by) = match best {
            1 => (self.day.around(at, expected[1]), By::Day),
            2 => (self.week.around(at, expected[2]), By::Week),
            _ => ((level, level), By::Level),
        };
        (value.clamp(low, high), by)
    }

    fn learn(&mut self, at: Timestamp, value: f64, residual: f64) {
        let scale = self.level.scale();
        self.day.observe(at, value, scale);
        self.week.observe(at, value, scale);
        self.residual.observe(residual);
        self.level.observe(value);
        self.seen = self.seen.saturating_add(1);
        self.recent += (value - self.recent) / f64::from(self.seen).min(Self::RECENT);
        self.last = value;
        self.range = (self.range.0.min(value), self.range.1.max(value));
    }
}

fn push(window: &mut VecDeque<f32>, most: usize, value: f64) {
    if window.len() == most {
        window.pop_front();
    }
    window.push_back(value as f32);
}

/// The mean; 0 of none.
fn mean<'a>(values: impl Iterator<Item = &'a f32>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += f64::from(*value);
        count += 1;
    }
    sum / f64::from(count.max(1))
}
