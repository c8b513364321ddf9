//! The shadow of a metric: members forecast, the ensemble weighs them, conformal residuals make the bands.

mod ahead;
mod arima;
mod autoregression;
mod backtest;
mod bfloat16;
mod cadence;
mod calibration;
mod conformal;
mod crossing;
mod days;
mod deviation;
mod ensemble;
mod fits;
mod grid;
mod held;
mod history;
mod last;
mod level;
pub(super) mod median;
mod member;
mod moved;
mod mstl;
mod network;
mod normal;
mod outlook;
mod profile;
mod proportion;
mod ready;
mod recall;
mod residuals;
mod season;
mod seasonal;
mod spread;
mod standard;
mod task;
#[cfg(test)]
mod tests;
mod trend;
mod window;

use serde::{Deserialize, Serialize};

use self::{
    backtest::exact,
    cadence::Cadence,
    calibration::Calibration,
    conformal::Adaptive,
    ensemble::{combine, weigh},
    grid::Grid,
    history::History,
    median::median,
    ready::Ready,
    residuals::{Residuals, Sorted},
};
pub use self::{
    crossing::lasts,
    held::Held,
    member::{Chosen, Member, Members},
    network::{Network, Training},
    task::foretell,
};
use crate::domain::{LEVELS, MetricMeta, Point, Quantiles, Span, Timestamp};

/// How a new value was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What had been expected of it before it was seen; `None` while learning or when the value was not finite.
    pub expected: Option<Quantiles>,
    /// −log2 of the two-sided tail probability under it, 0 to about 60; 0 while learning.
    pub bits: f32,
}

/// The model of one metric. Serialising it keeps all it has learnt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MetricShadow {
    lo: f64,
    hi: f64,
    cadence: Cadence,
    /// The finest first; never empty.
    grids: Vec<Grid>,
    residuals: Residuals,
    calibration: Calibration,
    adaptive: Adaptive,
    /// Decayed mean absolute one-step error by member of the finest grid; NaN while unknown.
    errors: Vec<f64>,
    first: Option<Timestamp>,
    /// The oldest value that an archive gave.
    #[serde(default)]
    recalled: Option<Timestamp>,
    newest: Option<Point>,
    points: u64,
    held: Held,
    /// When the last refit was, and how many values had been taken.
    refitted: Option<(Timestamp, u64)>,
    /// When a value was last odd.
    odd: Option<Timestamp>,
    /// The newest of the late values that came since the newest value in time, and how many came in order.
    late: Option<(Timestamp, u32)>,
    /// What members said of a series that stands still, and the value: asked the same again they say the same.
    #[serde(skip)]
    still: Option<(f64, Box<[f64]>)>,
    /// The members of the finest grid.
    #[serde(skip)]
    ready: Ready,
}

impl MetricShadow {
    /// How many times as far ahead as it reaches back a history carries.
    pub const REACH: i64 = 6;
    /// Values needed before a band is shown.
    pub const WARM: u64 = 30;
    /// Steps of the finest grid that are kept when there are coarser ones.
    const FINE: usize = 240;
    /// Coarser grids: length of a step in seconds, and steps kept (8 hours, 14 days, 84 days).
    const COARSE: [(i64, usize); 3] = [(60, 480), (600, 2_016), (3_600, 2_016)];
    /// Values beyond are cut off before they are learnt from, so that squares and sums stay finite.
    const HUGE: f64 = 1e30;
    /// One-step errors needed before anything is said of the next one.
    const RESIDUALS: usize = 8;
    /// Bits from which a value may mean that the series has begun to behave otherwise: of one in 2,000 values, or of the oddest two.
    const ODD: f64 = 11.0;
    /// Late values in a row that mean that the clock was set back.
    const LATE: u32 = 30;
    /// Longest step, in old ones, to which what was learnt is carried over.
    const STRETCH: f64 = 16.0;
    /// Power of the members' one-step weights: every value tests them, so they are known better than those of far forecasts.
    const POWER: i32 = 8;
    /// History below which what leads to a limit may be a burst: watching often begins with a start, a build or a copy.
    const YOUNG: Span = Span::from_mins(30);
    /// Values after which it is refitted, however little time has passed: more than an hour's at two seconds.
    const MANY: u64 = 2_000;
    /// How fast the members' one-step errors forget: a minute at two seconds.
    const RATE: f64 = 0.03;

    /// A model that knows only what its source said.
    #[must_use]
    pub fn new(meta: &MetricMeta) -> Self {
        let (lo, hi) = meta.range();
        let cadence = Cadence::new(meta.cadence);
        Self {
            lo,
            hi,
            grids: Self::grids(cadence.step()),
            cadence,
            residuals: Residuals::default(),
            calibration: Calibration::default(),
            adaptive: Adaptive::default(),
            errors: Vec::new(),
            first: None,
            recalled: None,
            newest: None,
            points: 0,
            held: Held::default(),
            refitted: None,
            odd: None,
            late: None,
            still: None,
            ready: Ready::default(),
        }
    }

    fn grids(step: Span) -> Vec<Grid> {
        let coarser = Self::COARSE
            .iter()
            .filter(|(secs, _)| Span::from_secs(*secs).0 >= step.0.saturating_mul(4));
        // Of the coarser ones two are enough: the first covers hours, the second weeks.
        let coarser: Vec<Grid> = coarser
            .take(2)
            .map(|(secs, most)| Grid::new(Span::from_secs(*secs), *most))
            .collect();
        let fine = if coarser.is_empty() {
            Self::COARSE[2].1
        } else {
            Self::FINE
        };
        std::iter::once(Grid::new(step, fine)).chain(coarser).collect()
    }

    /// Takes a value and judges it by what was expected. Late and duplicate values (not after the newest) change nothing
    /// and are judged with 0 bits; NaN and infinities are gaps. When only late values come, one after the other, the clock was set back,
    /// and the model goes on from there.
    pub fn observe(&mut self, point: Point) -> Judged {
        let silent = Judged {
            expected: None,
            bits: 0.0,
        };
        if !point.value.is_finite() || self.is_late(point.at) {
            return silent;
        }
        let point = Point {
            value: point.value.clamp(-Self::HUGE, Self::HUGE),
            ..point
        };
        let before = self.newest.replace(point).filter(|before| before.at < point.at);
        self.first = Some(self.first.map_or(point.at, |first| first.min(point.at)));
        if let Some(before) = before
            && self.cadence.observe(point.at - before.at)
        {
            self.change_cadence();
        }
        let steps = before.map_or(1, |before| self.cadence.steps(point.at - before.at).min(Self::FINE));
        for _ in 1..steps {
            self.grids[0].push(None);
        }
        let stands = self.stands();
        let said = match (self.still.take(), stands) {
            (Some((value, said)), Some(stands)) if value.to_bits() == stands.to_bits() => said,
            _ => self.ready.said(&self.grids[0]),
        };
        let mut judged = silent;
        if let Some(middle) = self.middle(&said) {
            let error = exact(point.value, middle) / Self::widening(steps);
            if self.residuals.len() >= Self::RESIDUALS {
                let errors = self.residuals.sorted();
                let bits = errors.bits(error);
                if let Some(expected) = self.expect(&errors, middle, steps) {
                    judged.expected = Some(expected);
                    judged.bits = self.calibration.bits(bits) as f32;
                    if f64::from(judged.bits) >= Self::ODD.min(self.calibration.rarest() - 1.0) {
                        self.odd = Some(point.at);
                    }
                    let naive = before.map_or(middle, |before| before.value);
                    let step = self.cadence.step();
                    let (inside80, inside95) = self.held.observe(&expected, point.value, naive, step);
                    self.adaptive.observe(inside80, inside95);
                }
                self.calibration.observe(bits);
            }
            self.residuals.push(error);
        }
        self.weigh(&said, point.value);
        self.still = stands.map(|value| (value, said));
        self.grids[0].push(Some(point.value));
        self.grids[0].end = point.at;
        for grid in &mut self.grids[1..] {
            grid.observe(point);
        }
        self.points += 1;
        judged
    }

    /// Whether a value is not after the newest, and not the last of a row of late ones.
    fn is_late(&mut self, at: Timestamp) -> bool {
        if self.newest.is_none_or(|newest| at > newest.at) {
            self.late = None;
            return false;
        }
        let row = match self.late {
            Some((before, row)) if before < at => row + 1,
            _ => 1,
        };
        self.late = (row < Self::LATE).then_some((at, row));
        row < Self::LATE
    }

    /// After missed steps more is possible: errors grow like those of a random walk.
    fn widening(steps: usize) -> f64 {
        (steps.max(1) as f64).sqrt()
    }

    /// The value of all that the finest grid holds, where it is full and members look at nothing else.
    fn stands(&self) -> Option<f64> {
        let grid = &self.grids[0];
        let timeless = grid.outlook.learnt.chosen.members.timeless();
        grid.window.stands().filter(|_| timeless)
    }

    /// What they say together.
    fn middle(&self, said: &[f64]) -> Option<f64> {
        let mut errors = self.errors.clone();
        errors.resize(said.len(), f64::NAN);
        combine(&mut said.iter().copied().zip(weigh(&errors, Self::POWER)).collect())
    }

    /// The distribution around `middle` by the newest `errors`, `steps` steps after the newest value; `None` while learning.
    fn expect(&self, errors: &Sorted<'_>, middle: f64, steps: usize) -> Option<Quantiles> {
        if self.warms() {
            return None;
        }
        let errors = errors.quantiles(LEVELS.map(|level| self.adaptive.level(level)));
        let widening = Self::widening(steps);
        Some(Quantiles(errors.map(|error| middle + widening * error)).tidy(self.lo, self.hi))
    }

    /// Takes how far off each member was.
    fn weigh(&mut self, said: &[f64], value: f64) {
        self.errors.resize(said.len(), f64::NAN);
        for (error, said) in self.errors.iter_mut().zip(said).filter(|(_, said)| said.is_finite()) {
            let off = (value - said).abs();
            *error = if error.is_nan() {
                off
            } else {
                *error + Self::RATE * (off - *error)
            };
        }
    }

    /// The source reads at another cadence than before. At a multiple of it the finest grid keeps every so manieth value, and errors
    /// grow like those of a random walk; at a fraction its values lie as far apart as they were, and errors stay, because rates over
    /// shorter times are no quieter. Else both begin anew.
    fn change_cadence(&mut self) {
        self.forget();
        let old = std::mem::replace(&mut self.grids, Self::grids(self.cadence.step()));
        for grid in &mut self.grids[1..] {
            if let Some(same) = old[1..].iter().find(|same| same.step == grid.step) {
                *grid = same.clone();
            }
        }
        self.refitted = None;
        let ratio = self.cadence.step().0 as f64 / old[0].step.0 as f64;
        let multiple = ratio.max(ratio.recip());
        let whole = multiple.round();
        if whole > Self::STRETCH || (multiple - whole).abs() > 0.1 * whole {
            self.residuals = Residuals::default();
            self.errors.clear();
            return;
        }
        let values = old[0].window.values();
        let told = |value: &f64| value.is_finite().then_some(*value);
        if ratio > 1.0 {
            let skipped = (values.len().saturating_sub(1)) % whole as usize;
            let kept = values.iter().skip(skipped).step_by(whole as usize);
            kept.for_each(|value| self.grids[0].push(told(value)));
            self.residuals.widen(whole.sqrt());
        } else {
            for value in &values {
                self.grids[0].push(told(value));
                (1..whole as usize).for_each(|_| self.grids[0].push(None));
            }
        }
    }

    /// Forgets what was only kept to spare work: another grid is in use, or another fit.
    fn forget(&mut self) {
        self.still = None;
        self.ready.forget();
    }

    /// The distribution of the next value, if it has learnt enough.
    #[must_use]
    pub fn next(&self) -> Option<Quantiles> {
        if self.warms() {
            return None;
        }
        self.expect(
            &self.residuals.sorted(),
            self.middle(&Ready::default().said(&self.grids[0]))?,
            1,
        )
    }

    /// Whether it has seen too little to say anything of the next value.
    fn warms(&self) -> bool {
        self.points < Self::WARM || self.residuals.len() < Self::RESIDUALS
    }

    /// Values taken.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.points
    }

    /// From when to when it has watched, without what archives told; `None` before the first value.
    #[must_use]
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.first?, self.newest?.at))
    }

    /// When the oldest value it knows was, also of archives; `None` before the first value.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        let first = self.first?;
        Some(self.recalled.map_or(first, |recalled| recalled.min(first)))
    }

    /// The range that four fifths of what it remembers lie in, by its coarsest grid (two weeks in steps of ten minutes); `None` until that
    /// is a day.
    #[must_use]
    pub fn usual(&self) -> Option<(f64, f64)> {
        let grid = self.grids.iter().max_by_key(|grid| grid.step)?;
        let mut values = grid.window.values();
        values.retain(|value| value.is_finite());
        if grid.step * (values.len() as i64) < Span::from_days(1) {
            return None;
        }
        values.sort_by(f64::total_cmp);
        Some((values[values.len() / 10], values[values.len() - 1 - values.len() / 10]))
    }

    /// How often its bands held in the last week.
    #[must_use]
    pub fn held(&self) -> Held {
        self.held
    }

    /// Its members' names and weights in the forecasts that reach farthest, heaviest first; weights sum to 1.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, f64)> {
        self.grid(Span(i64::MAX)).members()
    }

    /// The seasons in use, longest first.
    #[must_use]
    pub fn seasons(&self) -> Vec<Span> {
        let in_steps = |grid: &Grid| {
            grid.seasons()
                .into_iter()
                .map(|season| grid.step * season as i64)
                .collect()
        };
        let mut seasons: Vec<Span> = self.grids.iter().flat_map(in_steps as fn(&Grid) -> Vec<Span>).collect();
        seasons.sort_by(|a, b| b.cmp(a));
        seasons.dedup();
        seasons
    }

    /// Whether a refit is due at `now` (the retraining schedule): with 30 values, with twice as many up to 240, then every five minutes,
    /// after an hour without an odd value every hour.
    #[must_use]
    pub fn refit_due(&self, now: Timestamp) -> bool {
        let (Some(first), Some(newest)) = (self.first, self.newest) else {
            return false;
        };
        let learnt = self.grids[0].outlook.learnt.len > 0;
        let Some((refitted, points)) = self.refitted.filter(|_| learnt) else {
            return self.points >= Self::WARM;
        };
        // Soon while it is young, and as it goes when a long past is read at once.
        if points < Self::FINE as u64 && self.points >= points * 2 || self.points - points >= Self::MANY {
            return true;
        }
        let lately = |since: Timestamp| (newest.at - since).0.saturating_abs() < Span::from_hours(1).0;
        let every = if lately(first) || self.odd.is_some_and(lately) {
            Span::from_mins(5)
        } else {
            Span::from_hours(1)
        };
        // A clock set back far also asks for one.
        self.points > points && (now - refitted).0.saturating_abs() >= every.0
    }

    /// Lets those `chosen` forecast from the next refit on. The network, learnt from the coarsest grids, forecasts on this metric's coarsest one; a
    /// newer one takes the place of the one in use at once.
    pub fn choose(&mut self, chosen: &Chosen) {
        let last = self.grids.len() - 1;
        for grid in &mut self.grids {
            grid.chosen.members = chosen.members;
        }
        let network = |chosen: &Chosen| chosen.network.as_ref().map(std::sync::Arc::as_ptr);
        if network(&self.grids[last].chosen) != network(chosen) {
            self.grids[last].take(chosen.network.clone());
        }
    }

    /// The values of its coarsest grid.
    #[must_use]
    pub fn past(&self) -> Option<History> {
        self.grids.last().map(Grid::history)
    }

    /// Learns members' weights and seasons anew from the windows it keeps, of the coarser grids where enough is new; about a
    /// millisecond a grid when they are full.
    pub fn refit(&mut self, now: Timestamp) {
        self.forget();
        self.errors = self.grids[0].refit();
        for grid in self.grids[1..].iter_mut().filter(|grid| grid.due()) {
            grid.refit();
        }
        self.refitted = Some((now, self.points));
    }
}
