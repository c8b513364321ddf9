//! Shadow against actual: when a metric has left its shadow, and when it is back.

use serde::{Deserialize, Serialize};

use super::usual::{SHARE, matters, on_other_days, spent_above, usual};
use crate::{
    domain::{Span, Timestamp},
    shadow::{Metric, Seen},
};

/// Numbers of newest values whose surprise is summed: a jump shows in one, a small steady departure in sixteen.
pub(super) const SCALES: [usize; 3] = [1, 4, 16];
/// Evidence from which a departure is looked at, bits: about what one value can carry that is farther out than 240 before it.
const OPEN: f64 = 6.0;
/// The most surprise that is said, bits, as of a single value.
const MOST: f64 = 60.0;
/// What every further value outside is worth, bits: its probability is at most 2.5 % on the side it left by.
pub(super) const STAYING: f64 = 5.3;
/// Values closer than this are not independent and count once.
const APART: Span = Span::from_secs(10);
/// Such times a departure needs before it is told, so that a burst of some seconds is not.
const LEAST_STAYED: u32 = 2;
/// Values outside that a departure needs before it is told: a spike of one reading is not told.
const HOLD: u32 = 3;
/// Values inside, and the least time they span, before a departure that was told has ended.
const CALM: (u32, Span) = (5, Span::from_secs(60));
/// Values inside that drop a departure not yet told.
const DROP: u32 = 2;
/// How long a departure that was told is inside before it is told as over: the time of two values that are independent.
pub(super) const BACK: Span = Span::from_secs(20);
/// History a shadow needs before anything it says can be odd.
const YOUNG: Span = Span::from_mins(5);
/// A fall needs this much history.
const START: Span = Span::from_mins(30);
/// After this long outside it is drift, no longer odd.
const DRIFT_AFTER: Span = Span::from_mins(30);
/// After this long outside the level is what is normal now.
pub(super) const SETTLED: Span = Span::from_hours(12);

/// What is remembered of one metric against its shadow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SurpriseWatch {
    /// The newest value judged.
    seen: Option<Timestamp>,
    departure: Option<Departure>,
    /// What someone said is fine: from the lowest to the highest value of the departures accepted.
    #[serde(default)]
    fine: Option<(f64, f64)>,
}

/// A time outside the shadow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Departure {
    /// The first value outside.
    pub since: Timestamp,
    /// The newest value outside.
    pub last: Timestamp,
    /// Strongest surprise so far, bits.
    pub bits: f64,
    /// The surprise, and what staying outside adds to it, bits: held against the level of the false-alarm budget.
    pub evidence: f64,
    /// 80 % band that was expected when it began.
    pub band: (f64, f64),
    /// The end of what was usual, on the side it left by.
    edge: f64,
    /// The value farthest out so far; NaN until the next one, where an older version kept none.
    #[serde(default = "unknown")]
    far: f64,
    above: bool,
    /// How long it must last before it is told: all the time that was spent so far out before, where that was a good part of what is known.
    #[serde(default)]
    outlast: Span,
    told: bool,
    outside: u32,
    /// Times it was outside, each at least [`APART`] from the last, and the last of them.
    stayed: (u32, Timestamp),
    /// Values inside since the last one outside, and when the first of them was.
    inside: Option<(u32, Timestamp)>,
}

fn unknown() -> f64 {
    f64::NAN
}

impl SurpriseWatch {
    /// Takes the values of `metric` that came since the last look. Evidence of `level` bits makes a departure told.
    ///
    /// A departure is at least as far beyond what is usual as `least` says, in the metric's unit; it is asked where one may begin.
    ///
    /// A value hard to believe opens it (its surprise, or that of the newest four or sixteen together); it is told once that and
    /// the time it stays out of all that was usual make the level. So a jump far out is told after twenty seconds, one just out of
    /// what was seen after forty, and a spike never.
    pub fn look(&mut self, metric: &Metric, level: f64, least: impl Fn() -> f64) {
        let Some(newest) = metric.newest().map(|seen| seen.at) else {
            return;
        };
        if self.seen.is_some_and(|seen| seen >= newest) {
            return;
        }
        let fresh = match self.seen {
            Some(seen) => metric.recent.iter().rev().take_while(|value| value.at > seen).count(),
            None => metric.recent.len(),
        };
        for place in metric.recent.len() - fresh..metric.recent.len() {
            self.step(metric, place, level, &least);
        }
        self.seen = Some(newest);
    }

    /// Someone says that the departure told is fine: it is over, and values up to its farthest are usual from now on. `false` where none is
    /// told: nothing is changed then.
    pub fn accept(&mut self) -> bool {
        let departure = self.departure.take_if(|departure| departure.told);
        if let Some(departure) = &departure {
            self.allow(departure.far);
        }
        departure.is_some()
    }

    /// Values up to `far` are usual from now on.
    pub fn allow(&mut self, far: f64) {
        let (low, high) = self.fine.unwrap_or((far, far));
        self.fine = Some((low.min(far), high.max(far)));
    }

    /// Forgets a departure of a metric that is no longer judged here, and keeps what someone said is fine.
    pub fn let_go(&mut self) {
        self.departure = None;
    }

    /// What someone said is fine, from the lowest to the highest.
    pub const fn fine(&self) -> Option<(f64, f64)> {
        self.fine
    }

    /// The departure that holds and has lasted long enough to be told.
    pub fn told(&self) -> Option<&Departure> {
        self.departure.as_ref().filter(|departure| departure.told)
    }

    fn step(&mut self, metric: &Metric, place: usize, level: f64, least: &impl Fn() -> f64) {
        let value = metric.recent[place];
        // One that waits to outlast what was before may go on to where the metric never was.
        let waits = |departure: &Departure| !departure.told && departure.outlast > Span::ZERO;
        if self.departure.as_ref().is_none_or(waits) {
            let opened = SCALES
                .iter()
                .find(|scale| evidence(metric, place, **scale, OPEN).is_some())
                .and_then(|scale| Departure::open(metric, place, *scale, least(), self.fine));
            if self.departure.is_none() || opened.as_ref().is_some_and(|opened| !waits(opened)) {
                self.departure = opened;
                return;
            }
        }
        let Some(departure) = &mut self.departure else {
            return;
        };
        // That it comes back at once is as surprising as that it left, and makes what was no worse.
        if departure.outside(value.value) {
            let strongest = SCALES
                .iter()
                .filter_map(|scale| evidence(metric, place, *scale, departure.bits));
            departure.bits = strongest.fold(departure.bits, f64::max);
        }
        if !departure.goes_on(&value, level, needs(metric)) {
            self.departure = None;
        }
    }
}

impl Departure {
    /// A departure that the `scale` values up to `place` give evidence of, if the value there is out of all that was usual and
    /// far enough out to matter. What is `fine` is as usual as what was.
    fn open(metric: &Metric, place: usize, scale: usize, least: f64, fine: Option<(f64, f64)>) -> Option<Self> {
        let value = metric.recent[place];
        let (from, to) = metric.shadow.range()?;
        if to - from < YOUNG {
            return None;
        }
        // The band of the first value that was hard to believe: later ones may have followed the values already.
        let first = (place + 1 - scale..=place)
            .find(|at| metric.recent[*at].bits >= 4.0)
            .unwrap_or(place);
        let begin = metric.recent[first];
        let band = begin.band?.map(f64::from);
        let above = value.value > band[2];
        let in_band = (band[0]..=band[4]).contains(&value.value);
        // Nothing within what was expected is out of what is usual, which costs more to ask.
        if in_band || !above && metric.meta.counts_trouble() {
            return None;
        }
        let range = match usual(metric, begin.at, SHARE) {
            // Watching often begins with a start or a build, and what they take is taken for a while only.
            Some(_) if !above && to - from < START => return None,
            Some(range) => range,
            None => return None,
        };
        // What came at this time on two other days is as usual as what came twice in the last hours.
        let days = on_other_days(metric, begin.at);
        let bits = evidence(metric, place, scale, OPEN)?;
        let edge = |(low, high): (f64, f64)| {
            let besides = [days, fine].into_iter().flatten();
            let (low, high) = besides.fold((low, high), |(low, high), one| (low.min(one.0), high.max(one.1)));
            if above {
                band[4].max(high + matters(metric.meta.unit, high).max(least))
            } else {
                band[0].min(low - matters(metric.meta.unit, low).max(least))
            }
        };
        let mut departure = Self {
            since: begin.at,
            last: value.at,
            bits,
            evidence: bits,
            band: (band[1], band[3]),
            edge: edge(range),
            far: value.value,
            above,
            outlast: Span::ZERO,
            told: false,
            outside: 1,
            stayed: (0, value.at),
            inside: None,
        };
        if !departure.outside(value.value) && above {
            // Where it was for a good part of the time, and never came back to: one long spell. A longer one is news.
            let but_for_that = usual(metric, begin.at, f64::INFINITY)?;
            departure.edge = edge(but_for_that);
            departure.outlast = spent_above(metric, but_for_that.1, begin.at);
        }
        departure.outside(value.value).then_some(departure)
    }

    fn outside(&self, value: f64) -> bool {
        if self.above {
            value > self.edge
        } else {
            value < self.edge
        }
    }

    /// Takes a value; `false` when the departure is over.
    fn goes_on(&mut self, value: &Seen, level: f64, (hold, least): (u32, u32)) -> bool {
        if self.outside(value.value) {
            self.outside = self.outside.saturating_add(1);
            self.inside = None;
            self.last = value.at;
            self.far = if self.above {
                self.far.max(value.value)
            } else {
                self.far.min(value.value)
            };
            if value.at - self.stayed.1 >= APART {
                self.stayed = (self.stayed.0.saturating_add(1), value.at);
            }
            self.evidence = self.bits + STAYING * f64::from(self.stayed.0);
            let stayed = self.outside >= hold && self.stayed.0 >= least && value.at - self.since >= self.outlast;
            self.told |= stayed && self.evidence >= level;
            return value.at - self.since < SETTLED;
        }
        let (count, from) = self.inside.map_or((1, value.at), |(count, from)| (count + 1, from));
        self.inside = Some((count, from));
        if self.told {
            count < CALM.0 || value.at - from < CALM.1
        } else {
            count < DROP
        }
    }

    /// Whether it began so long ago that it is drift.
    pub fn drifted(&self, now: Timestamp) -> bool {
        now - self.since > DRIFT_AFTER
    }
}

/// Values outside, and times apart, that a departure of `metric` needs: the value of a count over a minute or an hour has lasted as it is read.
fn needs(metric: &Metric) -> (u32, u32) {
    let over_time = ["_1m", "_1h"].iter().any(|end| metric.meta.id.name.ends_with(end));
    if over_time { (2, 1) } else { (HOLD, LEAST_STAYED) }
}

/// Evidence against the shadow in the `scale` values up to `place`, bits, if it reaches `least`.
///
/// Under the shadow each value's surprise is −log2 of a uniform number, so the sum of k of them times ln 2 is Gamma(k, 1)
/// (Fisher 1932, §21.1, combined probabilities): P(sum ≥ s) = 2^−s · Σ_{i<k} (s ln 2)^i / i!.
fn evidence(metric: &Metric, place: usize, scale: usize, least: f64) -> Option<f64> {
    let from = (place + 1).checked_sub(scale)?;
    let window = metric.recent.range(from..=place);
    let sum: f64 = window.map(|seen| f64::from(seen.bits)).sum();
    // The evidence is never more than the sum; most values stop here.
    if !sum.is_finite() || sum < least || metric.recent[from].band.is_none() {
        return None;
    }
    let x = sum * std::f64::consts::LN_2;
    let (mut term, mut series) = (1.0, 1.0);
    for i in 1..scale {
        term *= x / i as f64;
        series += term;
    }
    let bits = sum - series.log2();
    (bits >= least).then_some(bits.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Unit, drift::sample};

    #[test]
    fn summed_surprise_is_judged_by_its_own_distribution() {
        let mut metric = sample::metric("cpu.busy_pct", Unit::Percent);
        for second in 0..16 {
            sample::seen(&mut metric, second * 2, 5.0, 5.0);
        }
        // P(Gamma(16, 1) > 80 ln 2): 2^-32.91 by the closed sum, computed apart.
        let bits = evidence(&metric, 15, 16, 0.0).unwrap();
        assert!((bits - 32.91).abs() < 0.01, "{bits}");
        assert_eq!(evidence(&metric, 15, 1, 0.0), Some(5.0));
        assert_eq!(evidence(&metric, 2, 4, 0.0), None, "not enough values");
    }

    #[test]
    fn one_reading_is_a_spike_and_several_are_a_departure() {
        let mut metric = sample::calm("cpu.busy_pct", 400);
        let mut watch = SurpriseWatch::default();
        watch.look(&metric, 20.0, || 0.0);
        let mut at = 800;
        let mut feed = |metric: &mut Metric, watch: &mut SurpriseWatch, value, bits| {
            sample::seen(metric, at, value, bits);
            at += 2;
            watch.look(metric, 20.0, || 0.0);
            watch.told().is_some()
        };
        assert!(!feed(&mut metric, &mut watch, 90.0, 40.0));
        assert!(!feed(&mut metric, &mut watch, 5.0, 0.5));
        assert!(!feed(&mut metric, &mut watch, 5.0, 0.5));
        assert!(watch.departure.is_none(), "a spike is dropped");

        // The shadow follows the new level at once (bits fall), the departure goes on all the same.
        feed(&mut metric, &mut watch, 90.0, 40.0);
        let told: Vec<bool> = (0..12).map(|_| feed(&mut metric, &mut watch, 90.0, 1.0)).collect();
        assert!(!told[7] && told[9], "{told:?}");
        assert!((40.0..45.0).contains(&watch.told().unwrap().bits));

        // A dip back for a moment does not end it, a minute does.
        assert!(feed(&mut metric, &mut watch, 5.0, 3.0));
        assert!(feed(&mut metric, &mut watch, 90.0, 3.0));
        let mut told = true;
        for _ in 0..40 {
            told = feed(&mut metric, &mut watch, 5.0, 0.5);
        }
        assert!(!told);
    }

    #[test]
    fn that_it_comes_back_at_once_makes_what_was_no_worse() {
        let mut metric = sample::calm("mem.used_pct", 400);
        let mut watch = SurpriseWatch::default();
        for place in 400..420 {
            sample::seen(&mut metric, place * 2, 40.0, if place == 400 { 20.0 } else { 1.0 });
            watch.look(&metric, 20.0, || 0.0);
        }
        let before = watch.told().unwrap().bits;
        sample::seen(&mut metric, 840, 5.0, 60.0);
        watch.look(&metric, 20.0, || 0.0);
        assert_eq!(watch.told().unwrap().bits, before);
    }

    #[test]
    fn a_count_of_the_last_minute_is_told_by_its_second_reading() {
        let readings = |name: &str| {
            let mut metric = sample::metric(name, Unit::Count);
            metric.meta.cadence = Span::from_secs(30);
            let mut watch = SurpriseWatch::default();
            (0..402).position(|place| {
                let value = if place < 400 { 0.0 } else { 40.0 };
                sample::judged(&mut metric, place * 30, value);
                watch.look(&metric, 12.0, || 0.0);
                watch.told().is_some()
            })
        };
        assert_eq!(readings("logins.failed_1m"), Some(401));
        assert_eq!(readings("tcp.orphan"), None, "nobody knows yet whether it lasts");
    }

    #[test]
    fn what_was_said_to_be_fine_is_usual_and_what_goes_beyond_is_not() {
        let mut metric = sample::calm("cpu.busy_pct", 400);
        let mut watch = SurpriseWatch::default();
        let mut at = 800;
        let mut feed = |metric: &mut Metric, watch: &mut SurpriseWatch, value, bits| {
            sample::seen(metric, at, value, bits);
            at += 2;
            watch.look(metric, 20.0, || 0.0);
            watch.told().is_some()
        };
        let mut go = |metric: &mut Metric, watch: &mut SurpriseWatch, value| {
            (0..15)
                .map(|place| feed(metric, watch, value, if place == 0 { 40.0 } else { 1.0 }))
                .last()
        };
        assert_eq!(go(&mut metric, &mut watch, 70.0), Some(true));
        let mut kept = watch.clone();
        assert!(watch.accept());
        assert!(!watch.accept(), "what is no longer told can be accepted again");
        assert_eq!(watch.told(), None);
        for (watch, told) in [(&mut kept, true), (&mut watch, false)] {
            let mut metric = metric.clone();
            for _ in 0..3 {
                go(&mut metric, watch, 5.0);
            }
            assert_eq!(go(&mut metric, watch, 71.0), Some(told));
        }
        assert_eq!(go(&mut metric, &mut watch, 5.0), Some(false));
        assert_eq!(go(&mut metric, &mut watch, 95.0), Some(true));
    }

    #[test]
    fn less_trouble_is_nothing_to_tell() {
        let told = |name: &str| {
            let mut metric = sample::metric(name, Unit::Percent);
            for place in 0..1_200 {
                sample::seen(&mut metric, place * 2, 60.0 + (place % 5) as f64, 1.0);
            }
            let mut watch = SurpriseWatch::default();
            for place in 1_200..1_230 {
                let at = sample::at(place * 2);
                let band = Some([58.0, 59.0, 62.0, 64.0, 65.0]);
                metric.recent.push_back(Seen {
                    at,
                    value: 1.0,
                    band,
                    bits: 40.0,
                });
                watch.look(&metric, 20.0, || 0.0);
            }
            watch.told().is_some()
        };
        assert!(told("cpu.busy_pct"), "work that is no longer done");
        assert!(!told("psi.cpu.some_pct") && !told("cpu.steal_pct") && !told("service.a.cpu_throttled_pct"));
    }

    #[test]
    fn a_jump_that_nobody_cares_about_is_not_told() {
        let mut metric = sample::calm("cpu.busy_pct", 400);
        let mut watch = SurpriseWatch::default();
        for second in 400..420 {
            sample::seen(&mut metric, second * 2, 5.9, 40.0);
            watch.look(&metric, 20.0, || 0.0);
        }
        assert!(watch.told().is_none());
    }
}
