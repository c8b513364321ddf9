//! Shadow against actual on the slow scale: days are compared with days.
//!
//! The fast scale ([`super::surprise`]) remembers hours and tells a jump in seconds. This one takes the verdicts of the detector of
//! streams on means of five minutes, and tells what hours cannot know: a value that got stuck, a level that is not that of this hour on other
//! days, a metric that moves more or less than it used to.

use std::{cell::OnceCell, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{
    SCALES, coarse,
    surprise::{SETTLED, STAYING},
    usual::{matters, on_other_days},
};
use crate::{
    domain::{DriftOptions, ResourceId, Span, Timestamp},
    shadow::{
        Mean, Metric, Shadows,
        anomaly::{By, Detector, View},
    },
};

/// History a metric needs on this scale: it compares days, and two tell whether there is a rhythm of a day.
const YOUNG: Span = Span::from_days(3);
/// The detector's bits from which a departure is looked at.
const OPEN: f64 = 6.0;
/// Times outside closer than this count once: the bits are of an hour.
const APART: Span = Span::from_hours(1);
/// Means outside that a departure needs before it is told.
const HOLD: u32 = 3;
/// Means inside that end a departure that was told, and that drop one that was not.
const CALM: u32 = 5;
const DROP: u32 = 2;
/// Standard deviations that hold 95 %, and 80 %, of a normal distribution.
const IN_95: f64 = 1.96;
const IN_80: f64 = 1.2816;

/// The evidence from which a departure is told: so that all metrics of a host together give no more false alarms than this scale's part of
/// those accepted.
pub(super) struct Levels<'a> {
    options: &'a DriftOptions,
    shadows: &'a Shadows,
    /// Metrics by host. Counted when the first mean is judged: most of the time none is.
    metrics: OnceCell<BTreeMap<&'a ResourceId, usize>>,
}

impl<'a> Levels<'a> {
    pub const fn new(options: &'a DriftOptions, shadows: &'a Shadows) -> Self {
        let metrics = OnceCell::new();
        Self {
            options,
            shadows,
            metrics,
        }
    }

    /// For `metric`, bits. Those that have this scale alone need not share with the fast ones.
    pub fn of(&self, metric: &Metric) -> f64 {
        let metrics = self.metrics.get_or_init(|| {
            let mut metrics = BTreeMap::new();
            let judged = self.shadows.metrics.values().filter(|metric| !metric.meta.of_process());
            for metric in judged {
                *metrics.entry(&metric.meta.id.resource).or_default() += 1;
            }
            metrics
        });
        let count = metrics.get(&metric.meta.id.resource).copied().unwrap_or(1);
        let share = if coarse(metric) { 1.0 } else { SCALES };
        Detector::threshold(super::accepted(self.options) / share, count)
    }
}

/// What is remembered of one metric on the slow scale.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SlowWatch {
    /// The newest mean judged.
    seen: Option<Timestamp>,
    departure: Option<SlowDeparture>,
}

/// What departed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum What {
    /// The level.
    Level { by: By, above: bool },
    /// How much it moves from mean to mean: now, and usually.
    Moves { now: f64, usual: f64 },
    /// It no longer moves, and did so every so often.
    Stuck { moved: Span },
}

/// A time off what days before say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SlowDeparture {
    /// The start of the first mean outside, or when the value got stuck.
    pub since: Timestamp,
    /// The newest mean outside.
    pub last: Timestamp,
    /// The value of it.
    pub value: f64,
    pub what: What,
    /// 80 % of what was expected when it began, of a level.
    pub band: Option<(f64, f64)>,
    /// Strongest surprise, and with it what staying outside adds, bits.
    pub bits: f64,
    pub evidence: f64,
    /// The evidence it was told from.
    pub from: f64,
    /// A standard deviation of what was usual when it began.
    spread: f64,
    far: f64,
    told: Option<Timestamp>,
    /// Someone said that it is fine, or it is what is normal now.
    over: bool,
    outside: u32,
    stayed: (u32, Timestamp),
    inside: u32,
}

impl SlowWatch {
    /// Whether a mean came since the last look.
    pub fn due(&self, metric: &Metric) -> bool {
        metric
            .slow
            .newest()
            .is_some_and(|newest| self.seen.is_none_or(|seen| seen != newest.at))
    }

    /// Takes the newest mean of `metric`. Evidence of `level` bits makes a departure told; it is at least as far out as `least`, in the metric's unit.
    /// Levels within `fine` are usual.
    pub fn look(&mut self, metric: &Metric, level: f64, least: f64, fine: Option<(f64, f64)>) {
        let Some(mean) = metric.slow.newest().filter(|_| self.due(metric)) else {
            return;
        };
        self.seen = Some(mean.at);
        let stuck = SlowDeparture::stuck(metric, mean, level, fine);
        match (&mut self.departure, stuck) {
            (Some(was), Some(is)) if was.is_stuck() => was.goes_on_stuck(is),
            (departure, Some(is)) => *departure = Some(is),
            (departure, None) => {
                departure.take_if(|was| was.is_stuck());
            }
        }
        match &mut self.departure {
            Some(departure) if departure.is_stuck() => {}
            Some(departure) => {
                if !departure.goes_on(metric, mean, level, least) {
                    self.departure = None;
                }
            }
            None => self.departure = SlowDeparture::open(metric, mean, level, least, fine),
        }
    }

    /// Someone says that the departure told is fine; where its value was.
    pub fn accept(&mut self) -> Option<f64> {
        let departure = self.departure.as_mut().filter(|departure| departure.is_told())?;
        departure.over = true;
        Some(departure.far)
    }

    /// The departure that holds and is to be told.
    pub fn told(&self) -> Option<&SlowDeparture> {
        self.departure.as_ref().filter(|departure| departure.is_told())
    }
}

impl SlowDeparture {
    const fn is_told(&self) -> bool {
        self.told.is_some() && !self.over
    }

    const fn is_stuck(&self) -> bool {
        matches!(self.what, What::Stuck { .. })
    }

    /// That `metric` stands still for so long that it makes `level` bits. At the end of its range it is at rest, and of trouble less is only better.
    fn stuck(metric: &Metric, mean: &Mean, level: f64, fine: Option<(f64, f64)>) -> Option<Self> {
        let still = metric.slow.still().filter(|still| still.bits >= level)?;
        let (lo, hi) = metric.meta.range();
        let fine = fine.is_some_and(|(low, high)| (low..=high).contains(&mean.value));
        if mean.value <= lo || mean.value >= hi || metric.meta.counts_trouble() || fine {
            return None;
        }
        Some(Self {
            since: still.since,
            last: mean.at,
            value: mean.value,
            what: What::Stuck { moved: still.moves },
            band: None,
            bits: still.bits,
            evidence: still.bits,
            from: level,
            spread: 0.0,
            far: mean.value,
            told: Some(mean.at),
            over: false,
            outside: 0,
            stayed: (0, mean.at),
            inside: 0,
        })
    }

    fn goes_on_stuck(&mut self, is: Self) {
        self.last = is.last;
        self.bits = is.bits;
        self.evidence = is.evidence;
        self.over |= self.told.is_some_and(|told| is.last - told >= SETTLED);
    }

    /// A departure that `mean` gives evidence of, if it is far enough out to matter.
    fn open(metric: &Metric, mean: &Mean, level: f64, least: f64, fine: Option<(f64, f64)>) -> Option<Self> {
        let (verdict, usual) = (&mean.verdict, mean.verdict.usual);
        let (from, to) = metric.shadow.range()?;
        if verdict.bits < OPEN || verdict.view == View::Stuck || to - from < YOUNG {
            return None;
        }
        let moves = matches!(verdict.view, View::Roughness | View::LongRoughness);
        let above = if moves {
            usual.moves > usual.usual_moves
        } else {
            mean.value > usual.value
        };
        if !above && metric.meta.counts_trouble() {
            return None;
        }
        let worth = matters(metric.meta.unit, mean.value).max(least);
        // What someone said is fine, and what came at this time on two other days.
        let known = [fine, on_other_days(metric, mean.at)];
        let within = |(low, high): &(f64, f64)| match above {
            true => mean.value <= high + worth,
            false => mean.value >= low - worth,
        };
        if !moves && known.iter().flatten().any(within) {
            return None;
        }
        let (lo, hi) = metric.meta.range();
        let band = [-IN_80, IN_80].map(|out| (usual.value + out * usual.spread).clamp(lo, hi));
        let departure = Self {
            since: mean.at,
            last: mean.at,
            value: mean.value,
            what: if moves {
                What::Moves {
                    now: usual.moves,
                    usual: usual.usual_moves,
                }
            } else {
                What::Level { by: usual.by, above }
            },
            band: (!moves).then_some((band[0], band[1])),
            bits: verdict.bits,
            evidence: verdict.bits,
            from: level,
            spread: if moves { usual.moves_spread } else { usual.spread },
            far: mean.value,
            told: None,
            over: false,
            outside: 1,
            stayed: (0, mean.at),
            inside: 0,
        };
        departure.outside(metric, mean, least).then_some(departure)
    }

    fn outside(&self, metric: &Metric, mean: &Mean, least: f64) -> bool {
        let usual = &mean.verdict.usual;
        let out = match self.what {
            What::Level { above: true, .. } => mean.value - usual.value,
            What::Level { above: false, .. } => usual.value - mean.value,
            What::Moves { now, usual: before } if now > before => usual.moves - before,
            What::Moves { usual: before, .. } => before - usual.moves,
            What::Stuck { .. } => return true,
        };
        out > IN_95 * self.spread && out >= matters(metric.meta.unit, usual.value).max(least)
    }

    /// Takes a mean; `false` when the departure is over.
    fn goes_on(&mut self, metric: &Metric, mean: &Mean, level: f64, least: f64) -> bool {
        self.over |= mean.at - self.since >= SETTLED;
        if !self.outside(metric, mean, least) {
            self.inside += 1;
            return self.inside < if self.told.is_some() { CALM } else { DROP };
        }
        self.outside = self.outside.saturating_add(1);
        self.inside = 0;
        self.last = mean.at;
        self.value = mean.value;
        match &mut self.what {
            What::Level { above: true, .. } => self.far = self.far.max(mean.value),
            What::Level { above: false, .. } => self.far = self.far.min(mean.value),
            What::Moves { now, .. } => *now = mean.verdict.usual.moves,
            What::Stuck { .. } => {}
        }
        if mean.at - self.stayed.1 >= APART {
            self.stayed = (self.stayed.0.saturating_add(1), mean.at);
        }
        if mean.verdict.view != View::Stuck {
            self.bits = self.bits.max(mean.verdict.bits);
        }
        self.evidence = self.bits + STAYING * f64::from(self.stayed.0);
        if self.told.is_none() && self.outside >= HOLD && self.evidence >= level {
            self.told = Some(mean.at);
            self.from = level;
        }
        true
    }
}
