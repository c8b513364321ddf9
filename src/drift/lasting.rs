//! What stays worse than it was on any other day at this hour: the departures that are worth a warning.
//!
//! Much departs and harms nobody: a spike, a job by night, a restart, a holiday, a host made larger. What is left when one asks for a person's questions
//! is rare: is it worse, and not only otherwise? Does it stay? Was it never so at this hour? Does it take a good part of the room that is left?

use serde::{Deserialize, Serialize};

use super::usual::matters;
use crate::{
    domain::{Side, Span, Timestamp},
    shadow::{Metric, OtherDays},
};

/// History that is needed: two days at least are compared with.
const YOUNG: Span = Span::from_days(3);
/// Hours that it must have stayed, without a break.
const STAYS: u32 = 2;
/// Standard deviations of a day's difference beyond the worst of the other days.
const BEYOND: f64 = 4.0;
/// The part of the room to the limit, or to the end of what can be, that matters.
const PART: f64 = 0.075;
/// Hours inside that end it.
const CALM: u32 = 2;

/// What is remembered of one metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LastingWatch {
    seen: Option<Timestamp>,
    departure: Option<Lasting>,
}

/// Hours beyond those of other days.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Lasting {
    /// When the first of them began, and the newest ended.
    pub since: Timestamp,
    pub last: Timestamp,
    /// The median of the newest.
    pub value: f64,
    pub side: Side,
    /// From the least to the most of the same hours of other days, when it began.
    pub usual: (f64, f64),
    /// The farthest it was beyond them, in standard deviations of a day's difference.
    pub out: f64,
    /// A standard deviation of a day's difference, when it began.
    spread: f64,
    hours: u32,
    inside: u32,
    over: bool,
}

impl LastingWatch {
    /// Takes the newest hour of `metric`, where that is over. Less than `least`, in its unit, is nothing; levels within `fine` are usual.
    pub fn look(&mut self, metric: &Metric, least: f64, fine: Option<(f64, f64)>) {
        let hours = &metric.slow.hours;
        let Some((at, value)) = hours
            .newest()
            .filter(|(at, _)| self.seen.is_none_or(|seen| seen != *at))
        else {
            return;
        };
        self.seen = Some(at);
        let limit = metric.limit.as_ref();
        let side = limit.map(|limit| limit.side).or_else(|| metric.meta.worse());
        let Some((side, mut other)) = side.and_then(|side| Some((side, hours.other_days(side)?))) else {
            self.departure = None;
            return;
        };
        // What goes on for days would else become what a day differs from the next.
        let began = self
            .departure
            .as_ref()
            .map_or(f64::INFINITY, |departure| departure.spread);
        other.spread = other.spread.min(began);
        let fine = fine.is_some_and(|(low, high)| (low..=high).contains(&value));
        let out = if hours.known() < YOUNG || fine {
            None
        } else {
            out(metric, value, side, &other, least)
        };
        let ended = at + Span::from_hours(1);
        // What was before a gap, or is ahead of a clock that was set back, is not the same one.
        self.departure
            .take_if(|departure| at < departure.since || at - departure.last > Span::from_hours(i64::from(CALM)));
        match (&mut self.departure, out) {
            (Some(departure), Some(out)) => {
                departure.hours = departure.hours.saturating_add(1);
                departure.inside = 0;
                (departure.last, departure.value) = (ended, value);
                departure.out = departure.out.max(out);
            }
            (Some(departure), None) => {
                departure.inside += 1;
                if departure.inside >= CALM || !departure.is_told() {
                    self.departure = None;
                }
            }
            (None, Some(out)) => {
                let (a, b) = (side.upright(other.lowest), side.upright(other.highest));
                self.departure = Some(Lasting {
                    since: at,
                    last: ended,
                    value,
                    side,
                    usual: (a.min(b), a.max(b)),
                    out,
                    spread: other.spread,
                    hours: 1,
                    inside: 0,
                    over: false,
                });
            }
            (None, None) => {}
        }
    }

    /// Someone says that the departure told is fine; where its value is.
    pub fn accept(&mut self) -> Option<f64> {
        let departure = self.departure.as_mut().filter(|departure| departure.is_told())?;
        departure.over = true;
        Some(departure.value)
    }

    /// The departure that holds and has stayed for long enough.
    pub fn told(&self) -> Option<&Lasting> {
        self.departure.as_ref().filter(|departure| departure.is_told())
    }
}

impl Lasting {
    const fn is_told(&self) -> bool {
        self.hours >= STAYS && !self.over
    }
}

/// How far an hour at `value` is beyond those of `other` days, in standard deviations, where that is far and matters.
fn out(metric: &Metric, value: f64, side: Side, other: &OtherDays, least: f64) -> Option<f64> {
    let by = side.upright(value) - other.highest;
    let (lo, hi) = metric.meta.range();
    let limit = metric.limit.as_ref().map(|limit| limit.value);
    let end = side.upright(limit.unwrap_or(if side == Side::Above { hi } else { lo }));
    let room = end - other.highest;
    let unit = metric.meta.unit;
    let worth = match side {
        // Of a share that is nearly whole what is missing is looked at.
        Side::Below if hi.is_finite() && limit.is_none() => matters(unit, hi + other.highest),
        _ if room.is_finite() && room > 0.0 => PART * room,
        _ => matters(unit, other.highest),
    };
    let worth = worth.max(least);
    // A metric that is every day the same moves a little when it is read, too.
    let spread = other.spread + worth / 5.0;
    (by >= worth && by > BEYOND * spread).then_some(by / spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Point, Unit},
        drift::sample,
        shadow::Slow,
    };

    const HOUR: i64 = 12;
    const DAY: i64 = 24 * HOUR;

    /// When each departure of a metric was told and when it had ended, by the place of its five minutes.
    fn told(name: &str, unit: Unit, limit: Option<f64>, value: impl Fn(i64) -> f64, places: i64) -> Vec<(i64, bool)> {
        let mut metric = sample::metric(name, unit);
        metric.meta.cadence = Slow::STEP;
        metric.limit = limit.and_then(sample::above);
        let (mut watch, mut told) = (LastingWatch::default(), Vec::new());
        let start = sample::T0.floor(Span::from_hours(1));
        for place in 0..places {
            let (at, value) = (start + Slow::STEP * place, value(place));
            metric.slow.observe(Point { at, value }, Slow::STEP);
            watch.look(&metric, 0.0, None);
            let now = watch.told().is_some();
            if told.last().is_some_and(|(_, now)| *now) != now {
                told.push((place, now));
            }
        }
        told
    }

    /// A day's rhythm of 30 to 50, and noise of one.
    fn usual(place: i64) -> f64 {
        let hour = place as f64 / DAY as f64 * std::f64::consts::TAU;
        40.0 + 10.0 * hour.sin() + (place * 7_919 % 13) as f64 / 6.0
    }

    #[test]
    fn what_stays_worse_than_on_any_other_day_is_told_after_two_hours() {
        let step = |place: i64| usual(place) + if place >= 5 * DAY { 20.0 } else { 0.0 };
        let busy = told("cpu.busy_pct", Unit::Percent, None, step, 6 * DAY);
        assert_eq!(busy, [(5 * DAY + 2 * HOUR, true)]);
        // The next day it is as on the one before.
        let days = told("cpu.busy_pct", Unit::Percent, None, step, 7 * DAY);
        assert_eq!(days.len(), 2, "{days:?}");
        let climbs = |place: i64| 60.0 + (place * 31 % 7) as f64 / 10.0 + (place - 5 * DAY).max(0) as f64 / 60.0;
        let climbing = told("mem.used_pct", Unit::Percent, Some(95.0), climbs, 8 * DAY);
        assert_eq!(climbing.len(), 1, "a leak is one: {climbing:?}");
        assert!(climbing[0].0 < 6 * DAY, "{climbing:?}");
    }

    #[test]
    fn what_ends_soon_is_less_or_no_harm_is_not() {
        let spell = |hours: i64, by: f64| {
            move |place: i64| {
                usual(place)
                    + if (0..hours * HOUR).contains(&(place - 5 * DAY - 24)) {
                        by
                    } else {
                        0.0
                    }
            }
        };
        let of = |name: &str, hours: i64, by: f64| told(name, Unit::Percent, None, spell(hours, by), 7 * DAY);
        assert_eq!(of("cpu.busy_pct", 4, 20.0).len(), 2);
        assert!(of("cpu.busy_pct", 1, 20.0).is_empty(), "over soon");
        assert!(of("cpu.busy_pct", 20, -20.0).is_empty(), "less of it");
        assert_eq!(
            of("cache.hit_pct", 4, -20.0).len(),
            2,
            "of what goes well less is worse"
        );
        assert!(of("http.requests_pct", 4, 20.0).is_empty(), "traffic");
        assert!(of("cpu.busy_pct", 4, 2.0).is_empty(), "a little");
        let young = told(
            "cpu.busy_pct",
            Unit::Percent,
            None,
            |place| usual(place) + if place > 2 * DAY { 30.0 } else { 0.0 },
            3 * DAY - 1,
        );
        assert!(young.is_empty());
    }
}
