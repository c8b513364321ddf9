//! The shadow's future against a limit, and the value now.

use serde::{Deserialize, Serialize};

use super::{coarse, group::stable_hash, rise};
use crate::{
    domain::{Crossing, Limit, Options, Span, Timestamp},
    shadow::{Metric, MetricShadow, Shadows},
};

/// Least time between two looks ahead; up to half as much more is added by name, so that not all are due at once.
const EVERY: Span = Span::from_secs(45);
/// The same where values come so rarely that minutes tell nothing.
const HOURLY: Span = Span::from_hours(1);
/// Days ahead whose peaks are looked for of these, and days that are needed to know one.
const DAYS: (i64, usize) = (3, 2);
/// Least standard deviation of a peak, as a part of it.
const MOVES: f64 = 0.02;
/// Nothing is told further ahead than this many times the history it rests on.
pub(crate) const REACH: i64 = MetricShadow::REACH;
/// Below this much history a shadow has seen too little to tell a burst from a trend at one look.
const YOUNG: Span = Span::from_hours(2);
/// The time between two looks that both see a crossing before a young shadow's is told.
const PERSISTS: Span = Span::from_mins(4);
/// A crossing that was told ends below this share of the probability it is told from.
const LET_GO: f64 = 0.7;
/// Days in which a metric passes its limit once, before anything was seen.
const PRIOR_DAYS: f64 = 90.0;
/// Values and time on the right side before a breach has ended.
const BACK: (u32, Span) = (3, Span::from_secs(10));

/// What is remembered of one metric and its limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LimitWatch {
    pub breach: Option<Breach>,
    /// Since when a crossing has been told, and the newest one.
    pub cross: Option<(Timestamp, Crossing)>,
    /// Surprise of its being passed at all, bits; 0 while it is not.
    #[serde(default)]
    pub bits: f64,
    next_look: Option<Timestamp>,
    /// Whether it ran at the limit when it was last compared.
    #[serde(default)]
    runs: bool,
    limit: Option<Limit>,
    /// Since when every look ahead saw a crossing that is not told yet.
    #[serde(default)]
    foreseen: Option<Timestamp>,
}

/// A time on the wrong side of the limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Breach {
    pub since: Timestamp,
    pub last: Timestamp,
    back: u32,
}

/// What a look at a metric goes by.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub options: &'a Options,
    /// Whether the metric stays worse than on any other day.
    pub worse: bool,
    /// How rarely limits are passed here, bits.
    pub rare: f64,
    pub now: Timestamp,
    pub seed: u64,
}

impl LimitWatch {
    /// Compares the newest value with the limit, and, when it is time, the forecast.
    pub fn look(&mut self, metric: &Metric, look: Look<'_>) {
        self.compare(metric, look);
        if self.breach.is_none() && self.cross.is_none() {
            self.bits = 0.0;
        } else if self.bits == 0.0 {
            self.bits = look.rare;
        }
    }

    fn compare(&mut self, metric: &Metric, look: Look<'_>) {
        let Look { options, now, .. } = look;
        if self.limit != metric.limit {
            *self = Self {
                limit: metric.limit.clone(),
                ..Self::default()
            };
        }
        let limit = metric.limit.as_ref().filter(|limit| limit.value.is_finite());
        let (Some(limit), Some(newest)) = (limit, metric.newest()) else {
            return;
        };
        if self.breach.is_none() && self.cross.is_none() && passing(metric, limit) {
            return;
        }
        if limit.broken_by(newest.value) {
            let since = self.breach.as_ref().map_or(newest.at, |breach| breach.since);
            self.breach = Some(Breach {
                since,
                last: newest.at,
                back: 0,
            });
            // What was told has come; whether it comes again is looked at as if nothing had been told.
            (self.cross, self.next_look, self.foreseen, self.runs) = (None, None, None, false);
            return;
        }
        if let Some(breach) = &mut self.breach {
            breach.back += 1;
            if breach.back < BACK.0 || newest.at - breach.last < BACK.1 {
                return;
            }
            self.breach = None;
        }
        if coarse(metric) && metric.slow.hours.known() > Span::from_days(DAYS.1 as i64) {
            self.by_days(metric, limit, look);
            return;
        }
        // What runs at the limit is told at once: in a minute it may be there.
        let told = options.drift.crossing_probability;
        let running = rise::crossing(metric, limit, options.horizon).filter(|crossing| crossing.probability >= told);
        if running.is_none() && rise::fell(metric, limit) {
            (self.cross, self.next_look, self.foreseen, self.runs) = (None, None, None, false);
            return;
        }
        if self.runs && running.is_none() {
            let soon = now + metric.meta.cadence.min(EVERY) * 2;
            self.next_look = Some(self.next_look.map_or(soon, |due| due.min(soon)));
        }
        self.runs = running.is_some();
        let since = self.cross.map(|(since, _)| since);
        if self.next_look.is_none_or(|due| now >= due || due - now > EVERY * 2) {
            let spread = Span((stable_hash(&[metric.meta.id.name.as_bytes()]) % (EVERY.0 as u64 / 2)) as i64);
            self.next_look = Some(now + EVERY + spread);
            let ahead = if self.cross.is_none() && carried_on(metric, limit) {
                None
            } else {
                self.ahead(metric, limit, look)
            };
            self.cross = self.lasting(metric, ahead, now);
        }
        // Of both the surer is told: a rise says little of the hours before it, the shadow little of the newest minute.
        let before = self.cross.map_or(0.0, |(_, crossing)| crossing.probability);
        if let Some(crossing) = running.filter(|running| running.probability >= before) {
            let since = since.or_else(|| rise::since(metric, limit.side)).unwrap_or(now);
            self.cross = Some((since, crossing));
        }
    }

    /// What a young shadow foresees is told when a look some minutes later sees it too, or when it is nearer than that; of what stands still
    /// neither is believed, for a step looks like a trend until it is some way back.
    fn lasting(
        &mut self,
        metric: &Metric,
        ahead: Option<(Timestamp, Crossing)>,
        now: Timestamp,
    ) -> Option<(Timestamp, Crossing)> {
        let Some((since, crossing)) = ahead else {
            self.foreseen = None;
            return None;
        };
        let old = !young(metric);
        let near = crossing.at[1].is_some_and(|at| at - now <= PERSISTS) && rise::nears(metric, crossing.limit);
        let first = *self.foreseen.get_or_insert(now);
        // The clock may have gone back.
        let again =
            (now - first >= PERSISTS || now < first) && rise::moved(metric, crossing.limit, Span(PERSISTS.0 / 2));
        (self.cross.is_some() || old || near || again).then_some((since, crossing))
    }

    /// Sets the peaks of the days to come against the limit, which may have been changed a moment ago. What stays `worse` than on any other day is
    /// on its way somewhere: of that its course is believed, too.
    fn by_days(&mut self, metric: &Metric, limit: &Limit, look: Look<'_>) {
        let Look {
            options,
            worse,
            now,
            seed,
            ..
        } = look;
        if !worse && self.next_look.is_some_and(|due| now < due && due - now <= HOURLY) {
            return;
        }
        self.next_look = Some(now + HOURLY);
        let told = options.drift.crossing_probability;
        let least = if self.cross.is_some() { told * LET_GO } else { told };
        let since = self.cross.map_or(now, |(since, _)| since);
        let course = worse.then(|| crossing(metric, limit, options.horizon, seed)).flatten();
        let both = next_peaks(metric, limit, now).into_iter().chain(course);
        self.cross = both
            .filter(|crossing| crossing.probability >= least)
            .max_by(|a, b| a.probability.total_cmp(&b.probability))
            .map(|crossing| (since, crossing));
    }

    fn ahead(&self, metric: &Metric, limit: &Limit, look: Look<'_>) -> Option<(Timestamp, Crossing)> {
        let Look { options, now, seed, .. } = look;
        let (from, to) = metric.shadow.range()?;
        let horizon = options.horizon.min((to - from) * REACH);
        if horizon < Span::from_mins(1) {
            return None;
        }
        let crossing = metric.shadow.crossing(limit, horizon, seed)?;
        let told = options.drift.crossing_probability;
        let least = if self.cross.is_some() { told * LET_GO } else { told };
        let since = self.cross.map_or(now, |(since, _)| since);
        (crossing.probability >= least).then_some((since, crossing))
    }
}

/// Whether a shadow leads to the limit only because it carries on what is over: a rise, also where the last one ended; and a young one
/// whatever leads there.
fn carried_on(metric: &Metric, limit: &Limit) -> bool {
    rise::repeats(metric, limit) || young(metric) && rise::swings(metric, limit)
}

/// When and how likely the peaks of the next days pass `limit`: each is as one of the days before, give or take what a day differs from the
/// next. `None` where too few are known.
fn next_peaks(metric: &Metric, limit: &Limit, now: Timestamp) -> Option<Crossing> {
    let hours = &metric.slow.hours;
    let bound = limit.side.upright(limit.value);
    let peaks = hours.peaks(limit.side, bound);
    let spread = hours.other_days(limit.side)?.spread;
    if peaks.len() < DAYS.1 {
        return None;
    }
    let passes = |peak: f64| normal((peak - bound) / spread.max(MOVES * peak.abs()).max(f64::MIN_POSITIVE));
    let daily = peaks.iter().map(|(peak, _)| passes(*peak)).sum::<f64>() / peaks.len() as f64;
    let probability = 1.0 - (1.0_f64 - daily).powi(DAYS.0 as i32);
    let at = peaks.iter().filter_map(|(_, after)| *after).min();
    let at = at.filter(|_| probability >= 0.5);
    Some(Crossing {
        limit: limit.value,
        probability,
        horizon: Span::from_days(DAYS.0),
        at: [None, at.map(|after| now + after), None],
        at95: [None; 2],
    })
}

/// P(a standard normal is below `score`).
fn normal(score: f64) -> f64 {
    0.5 * libm::erfc(-score / std::f64::consts::SQRT_2)
}

/// When and how likely `metric` passes `limit` within `horizon`: by its shadow, or by the steady rise it is in where that is surer. `None` while
/// neither can tell, or is to be believed. Whoever asks how likely a limit is asks here, so that findings, forecasts and what-ifs say one thing.
#[must_use]
pub fn crossing(metric: &Metric, limit: &Limit, horizon: Span, seed: u64) -> Option<Crossing> {
    let running = rise::crossing(metric, limit, horizon);
    let believed = !rise::fell(metric, limit) && !carried_on(metric, limit);
    let foreseen = metric.shadow.crossing(limit, horizon, seed).filter(|_| believed);
    let surer = |running: &Crossing| foreseen.is_none_or(|foreseen| running.probability >= foreseen.probability);
    running.filter(surer).or(foreseen)
}

/// Since when `metric` is beyond `limit` without a break: the time of the first such value, or of the first minute all of which was, as far back
/// as values are held. `None` where the newest value is not beyond it.
#[must_use]
pub fn passed(metric: &Metric, limit: &Limit) -> Option<Timestamp> {
    let beyond = metric
        .recent
        .iter()
        .rev()
        .take_while(|seen| limit.broken_by(seen.value));
    let first = beyond.last()?.at;
    if metric.recent.front().is_none_or(|oldest| oldest.at < first) {
        return Some(first);
    }
    let before = metric.minutes.iter().rev().skip_while(|minute| minute.at >= first);
    let whole = before.take_while(|minute| limit.broken_by(minute.min) && limit.broken_by(minute.max));
    Some(whole.last().map_or(first, |minute| minute.at))
}

/// Whether the newest value alone is beyond `limit`, where values come so rarely that one is a spike as soon as a state.
fn passing(metric: &Metric, limit: &Limit) -> bool {
    let mut newest = metric.recent.iter().rev().map(|seen| limit.broken_by(seen.value));
    coarse(metric) && newest.next() == Some(true) && newest.next() == Some(false)
}

/// Whether too little was seen to tell a burst from a trend at one look.
fn young(metric: &Metric) -> bool {
    metric.shadow.range().is_none_or(|(from, to)| to - from < YOUNG)
}

/// Surprise of one more limit passed, bits: −log2 of P(a metric passes its limit on a day), by those that were `passed` in all the
/// days the metrics with a limit were watched, drawn to one in [`PRIOR_DAYS`].
///
/// What is too new for a shadow of its own is judged by the others; the day is the yardstick that changes of settings have too.
pub(super) fn rarity(shadows: &Shadows, passed: u32) -> f64 {
    let limited = shadows.metrics.values().filter(|metric| metric.limit.is_some());
    let ranges = limited.filter_map(|metric| metric.shadow.range());
    let days: f64 = ranges.map(|(from, to)| (to - from).secs_f64() / 86_400.0).sum();
    ((PRIOR_DAYS + days) / (1.0 + f64::from(passed))).log2().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Unit,
        drift::sample::{self, above, at},
    };

    fn look(options: &Options, now: Timestamp) -> Look<'_> {
        Look {
            options,
            worse: false,
            rare: 10.0,
            now,
            seed: 1,
        }
    }

    #[test]
    fn a_limit_is_passed_since_the_first_value_beyond_it_without_a_break() {
        let mut metric = sample::metric("mem.used_pct", Unit::Percent);
        let limit = above(90.0).unwrap();
        assert_eq!(passed(&metric, &limit), None);
        for (second, value) in [(0, 50.0), (2, 95.0), (4, 60.0), (6, 91.0), (8, 99.0)] {
            sample::seen(&mut metric, second, value, 0.0);
        }
        assert_eq!(passed(&metric, &limit), Some(at(6)));
        // Longer than single values are held: by minutes.
        for second in 5..3_000 {
            sample::seen(&mut metric, second * 2, 99.0, 0.0);
        }
        assert!(metric.recent.front().unwrap().at > at(600));
        assert_eq!(
            passed(&metric, &limit),
            Some(at(60)),
            "of the minute before a part was not"
        );
        sample::seen(&mut metric, 6_000, 50.0, 0.0);
        assert_eq!(passed(&metric, &limit), None);
    }

    #[test]
    fn a_young_shadow_is_believed_when_it_says_the_same_some_minutes_later() {
        let mut metric = sample::metric("mem.available_pct", Unit::Percent);
        sample::seen(&mut metric, 0, 50.0, 0.0);
        sample::seen(&mut metric, 1_200, 50.0, 0.0);
        let ahead = |minutes: i64| {
            let crossing = Crossing {
                limit: 90.0,
                probability: 0.8,
                horizon: Span::from_hours(2),
                at: [None, Some(at(1_200) + Span::from_mins(minutes)), None],
                at95: [None; 2],
            };
            Some((at(1_200), crossing))
        };
        let mut watch = LimitWatch::default();
        assert!(watch.lasting(&metric, ahead(60), at(1_200)).is_none());
        assert!(watch.lasting(&metric, ahead(60), at(1_260)).is_none());
        assert!(
            watch.lasting(&metric, None, at(1_320)).is_none(),
            "it is no longer seen"
        );
        assert!(watch.lasting(&metric, ahead(60), at(1_380)).is_none());
        assert!(
            watch.lasting(&metric, ahead(60), at(1_640)).is_none(),
            "it stands still"
        );
        sample::seen(&mut metric, 1_640, 52.0, 0.0);
        assert!(watch.lasting(&metric, ahead(60), at(1_640)).is_some());
        let mut metric = sample::metric("mem.available_pct", Unit::Percent);
        sample::seen(&mut metric, 1_200, 50.0, 0.0);
        let mut watch = LimitWatch::default();
        let burst = watch.lasting(&metric, ahead(3), at(1_200));
        assert!(burst.is_none(), "nearer than that, and it stands still");
        for step in 1..=3 {
            sample::seen(&mut metric, 1_200 + 2 * step, 50.0 + step as f64, 0.0);
        }
        assert!(watch.lasting(&metric, ahead(3), at(1_206)).is_some());
    }

    #[test]
    fn what_fills_steadily_is_as_sure_to_pass_its_limit_until_it_does() {
        let mut metric = sample::metric("fs./srv.used_pct", Unit::Percent);
        metric.limit = above(90.0);
        let mut rng = fastrand::Rng::with_seed(4);
        let (mut watch, mut said, mut second) = (LimitWatch::default(), Vec::new(), 0);
        while watch.breach.is_none() {
            let value = 40.0 + second as f64 / 100.0 + 0.005 * rng.f64();
            sample::judged(&mut metric, second, value);
            watch.look(&metric, look(&Options::default(), at(second)));
            said.extend(watch.cross.map(|(_, crossing)| crossing.probability));
            second += 2;
        }
        let sure = said.iter().position(|probability| *probability >= 0.99).unwrap();
        let least = said[sure..].iter().copied().fold(1.0, f64::min);
        assert!(
            sure < said.len() / 2 && least > 0.9,
            "{sure} of {}: {least}",
            said.len()
        );
    }

    #[test]
    fn what_came_back_from_beyond_its_limit_is_not_told_to_pass_it_by_what_was_told_before() {
        let mut metric = sample::metric("tcp.established", Unit::Count);
        metric.limit = above(360.0);
        let (mut watch, mut second) = (LimitWatch::default(), 0);
        let mut next = |value: f64| {
            sample::seen(&mut metric, second, value, 1.0);
            watch.look(&metric, look(&Options::default(), at(second)));
            second += 5;
            (watch.breach.is_some(), watch.cross.is_some())
        };
        // Steady, then a rise through the limit, then as before.
        for _ in 0..100 {
            assert_eq!(next(100.0), (false, false));
        }
        let risen: Vec<_> = (1..=6).map(|step| next(100.0 + 50.0 * f64::from(step))).collect();
        assert_eq!((risen[4], risen[5]), ((false, true), (true, false)), "{risen:?}");
        let fallen: Vec<_> = (0..4).map(|_| next(100.0)).collect();
        assert_eq!(fallen[0], (true, false));
        assert_eq!(fallen[3], (false, false), "{fallen:?}");
    }
}
