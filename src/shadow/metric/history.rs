//! What a member looks at.

use super::{
    moved::{Moved, moved},
    season::seasons,
};
use crate::domain::{Point, Span, Timestamp};

/// The values of a regular grid, the newest last.
#[derive(Clone, Debug)]
pub struct History {
    /// As observed, oldest first; NaN is a gap.
    pub seen: Vec<f64>,
    /// The same with every gap filled by the value before it; all finite.
    pub filled: Vec<f64>,
    /// Length of a step.
    pub step: Span,
    /// When the newest value was; of a series without times the epoch.
    pub end: Timestamp,
    /// How many of its newest steps came after members learnt.
    pub fresh: usize,
    /// Of a history that reaches farther back: the power of distance that values differ with farther apart than these were tested, and its length in
    /// these steps. `None` where there is none.
    pub longer: Option<(f64, usize)>,
}

impl History {
    /// Takes values, oldest first; what is not finite is a gap. Gaps before the first value are dropped. Where a day's rhythm moved by an
    /// hour lately, an hour of gaps is put in, or an hour left out, so that equal times of the day stand a day apart.
    #[must_use]
    pub fn new(mut seen: Vec<f64>, step: Span) -> Self {
        let first = seen.iter().position(|value| value.is_finite()).unwrap_or(seen.len());
        seen.drain(..first);
        let day = usize::try_from(Span::from_days(1).0 / step.0.max(1)).unwrap_or(0);
        if let Some(Moved { place, hour, earlier }) = moved(&seen, day) {
            // Of the local time there is an hour that never was, or one that was twice.
            let gap = std::iter::repeat_n(f64::NAN, if earlier { hour } else { 0 });
            let end = if earlier { place } else { (place + hour).min(seen.len()) };
            seen.splice(place..end, gap);
        }
        let mut last = 0.0;
        let fill = |value: &f64| {
            last = if value.is_finite() { *value } else { last };
            last
        };
        let filled = seen.iter().map(fill).collect();
        let end = Timestamp(0);
        Self {
            seen,
            filled,
            step,
            end,
            fresh: 0,
            longer: None,
        }
    }

    /// The same with its newest value at `end`.
    #[must_use]
    pub fn until(self, end: Timestamp) -> Self {
        Self { end, ..self }
    }

    /// The power of distance that two values differ with, from `near` to `far` steps apart: 0 of what keeps its level, ½ of a random walk, 1 of a
    /// slope (the structure function; Mandelbrot & Van Ness 1968, SIAM Review 10, 422-437); `None` where that does not show.
    #[must_use]
    pub fn growth(&self, near: usize, far: usize) -> Option<f64> {
        let size = |apart: usize| {
            let pairs = self.filled.iter().zip(self.filled.iter().skip(apart));
            let sum: f64 = pairs.map(|(from, to)| (to - from).abs()).sum();
            sum / self.len().saturating_sub(apart) as f64
        };
        let power = (size(far) / size(near)).ln() / (far as f64 / near as f64).ln();
        power.is_finite().then(|| power.clamp(0.0, 1.0))
    }

    /// When the value at `place` was, as steps go.
    #[must_use]
    pub fn at(&self, place: usize) -> Timestamp {
        let back = self.len() as i64 - 1 - place as i64;
        self.end - Span(self.step.0.saturating_mul(back))
    }

    /// How many of its values were there at `now`.
    #[must_use]
    pub fn known(&self, now: Timestamp) -> usize {
        let after = (self.end - now).0.max(0) as u64;
        let missing = after.div_ceil(self.step.0.max(1) as u64);
        self.len()
            .saturating_sub(usize::try_from(missing).unwrap_or(usize::MAX))
    }

    /// Adds the unfinished step as its newest value.
    pub fn push(&mut self, newest: Option<Point>) {
        if let Some(point) = newest {
            self.seen.push(point.value);
            self.filled.push(point.value);
            self.end = point.at;
            self.fresh += 1;
        }
    }

    /// Takes the next step (`None` is a gap) in place of the oldest.
    pub fn roll(&mut self, value: Option<f64>) {
        let last = self.filled.last().copied().unwrap_or(0.0);
        self.seen.remove(0);
        self.filled.remove(0);
        self.seen.push(value.unwrap_or(f64::NAN));
        self.filled.push(value.unwrap_or(last));
    }

    /// Steps in it, gaps included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filled.len()
    }

    /// The least and the greatest value; infinities of none.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        let both = |(least, most): (f64, f64), value: &f64| (least.min(*value), most.max(*value));
        self.filled.iter().fold((f64::INFINITY, f64::NEG_INFINITY), both)
    }

    /// Steps in `span`, at least 1.
    #[must_use]
    pub fn steps(&self, span: Span) -> usize {
        usize::try_from(span.0 / self.step.0.max(1)).unwrap_or(1).max(1)
    }

    /// The seasons worth a trial, in steps, shortest first.
    #[must_use]
    pub fn seasons(&self) -> Vec<usize> {
        seasons(&self.seen, self.step)
    }
}
