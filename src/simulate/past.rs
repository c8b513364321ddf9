//! A setting gets another value: what its earlier changes did.

use super::{
    Plan, concerns,
    deeds::{self, Deed},
    law::Law,
};
use crate::{
    domain::{Evidence, ResourceId, SeriesId, SettingChange, Span, Timestamp, Value},
    shadow::{Metric, Shadows},
};

/// Minutes compared on each side of a change.
pub(super) const WINDOW: i64 = 15;
/// Time after a change until its effect is measured: the minute of the change, the minutes compared, and the last one's end.
pub const SETTLED: Span = Span::from_mins(WINDOW + 2);
/// Least minutes on each side.
const LEAST: usize = 4;
/// Standard normal deviations an effect must be away from none: of 300 metrics that do nothing, one in ten such looks shows one.
const CLEAR: f64 = 3.5;
/// A linear answer is not carried further than this many times the change that was seen.
const REACH: f64 = 3.0;

/// Adds what the changes of `id` (or of the setting of that name on other resources) up to `now` let expect of this one.
pub(super) fn plan(
    plan: &mut Plan,
    shadows: &Shadows,
    id: &SeriesId,
    (old, to): (Option<&Value>, Option<&Value>),
    from: Timestamp,
    now: Timestamp,
) {
    let current = shadows
        .settings
        .all()
        .iter()
        .find(|(known, _)| known.name == id.name && concerns(&id.resource, known))
        .map(|(_, state)| state.value.clone());
    let old = old.cloned().or(current);
    if same(old.as_ref(), to) {
        plan.note(format!("{} has that value already: nothing changes", id.name));
        return;
    }
    what_goes_with(plan, shadows, id, to);
    let before: Vec<&SettingChange> = shadows
        .settings
        .changes()
        .iter()
        .filter(|change| change.id.name == id.name && change.at <= now)
        .collect();
    if before.is_empty() {
        plan.outside_seen = true;
        if let Some(only) = &old {
            plan.note(format!("{}: only {only} was ever seen here", id.name));
        }
        plan.note(format!(
            "{}: no evidence, this setting never changed while metrics were watched; the prior is no effect",
            id.name
        ));
        return;
    }
    if !seen(&before, to) {
        plan.outside_seen = true;
        plan.note(format!("{}: that value was never seen here", id.name));
    }
    let mut alike: Vec<(&SettingChange, f64)> = before
        .iter()
        .filter_map(|change| Some((*change, ratio(change, old.as_ref(), to)?)))
        .collect();
    if alike.is_empty() {
        plan.note(format!(
            "{}: no evidence, its earlier changes were to and from other values",
            id.name
        ));
        return;
    }
    if alike.iter().any(|(_, ratio)| ratio.abs() >= REACH) {
        plan.note(format!(
            "{}: the change is far larger than those seen; the effect is not carried that far",
            id.name
        ));
    }
    // What several of them did together is counted once.
    alike.retain(|(change, _)| !plan.used.iter().any(|used| near(change, &used.0, used.1)));
    if alike.is_empty() {
        return;
    }
    plan.used
        .extend(alike.iter().map(|(change, _)| (change.id.resource.clone(), change.at)));
    let others: Vec<Vec<Deed>> = alike
        .iter()
        .map(|(change, _)| deeds::besides(shadows, change, &plan.asked, now))
        .collect();
    let mut told = 0;
    let mut hidden = 0;
    for (metric_id, metric) in &shadows.metrics {
        if !concerns(&id.resource, metric_id) {
            continue;
        }
        let here = || {
            alike
                .iter()
                .zip(&others)
                .filter(|((change, _), _)| change.id.resource == metric_id.resource)
        };
        let effects: Vec<Seen> = here()
            .filter_map(|((change, ratio), others)| {
                let seen = interrupted(metric, change.at, alone(change.at, others))?;
                Some(Seen {
                    by: seen.by * ratio,
                    unsure: seen.unsure * ratio.abs(),
                    ..seen
                })
            })
            .collect();
        let Some(seen) = pooled(&effects).filter(Seen::clear) else {
            continue;
        };
        // Only what is clearly more than it does when nobody changes anything.
        let ratio = here().map(|((_, ratio), _)| ratio.abs()).fold(0.0, f64::max);
        let treated: Vec<Deed> = here()
            .map(|((change, _), _)| (change.earliest(), change.at + SETTLED))
            .collect();
        let others = here().next().map_or(&[][..], |(_, others)| others);
        let more = seen.by.abs() - ratio * by_itself(metric, others, &treated);
        if more > 0.0 && (Seen { by: more, ..seen }).clear() {
            told += 1;
            let Seen { by, unsure, .. } = seen;
            plan.add(metric_id, Law::Shift { by, unsure }, Evidence::PastChange, from);
        } else {
            hidden += 1;
        }
    }
    if told > 0 {
        return;
    }
    let alone = alike.iter().zip(&others).any(|((change, _), others)| {
        let (from, to) = alone(change.at, others);
        let least = Span::from_mins(LEAST as i64 + 1);
        change.at - from >= least && to - change.at >= least
    });
    plan.note(if !alone {
        format!(
            "{}: no evidence, something else was done within minutes of its earlier changes: whose the effect is cannot be told",
            id.name
        )
    } else if hidden > 0 {
        format!(
            "{}: no evidence, what moved at its earlier changes moves as far when nothing is changed",
            id.name
        )
    } else {
        format!(
            "{}: changed {} times before, and no metric that was watched then moved clearly; the prior is no effect",
            id.name,
            alike.len()
        )
    });
}

/// The time about `at` in which none of `others` was done: from the last one before it to the next one after it.
fn alone(at: Timestamp, others: &[Deed]) -> (Timestamp, Timestamp) {
    let before = others.iter().filter(|(earliest, _)| *earliest <= at);
    let after = others.iter().filter(|(earliest, _)| *earliest > at);
    (
        before.map(|(_, latest)| *latest).max().unwrap_or(Timestamp(i64::MIN)),
        after
            .map(|(earliest, _)| *earliest)
            .min()
            .unwrap_or(Timestamp(i64::MAX)),
    )
}

/// The farthest `metric` clearly moved at any time when nothing is known to have been done, in its unit: a placebo in time (Abadie,
/// Diamond & Hainmueller 2015, American Journal of Political Science 59, 495-510). The time of the changes themselves is left out.
fn by_itself(metric: &Metric, others: &[Deed], treated: &[Deed]) -> f64 {
    let all: Vec<Deed> = others.iter().chain(treated).copied().collect();
    let free = |at: &Timestamp| !treated.iter().any(|(from, to)| (from..=to).contains(&at));
    let times = metric.minutes.iter().map(|minute| minute.at).filter(free);
    times
        .filter_map(|at| interrupted(metric, at, alone(at, &all)))
        .filter(Seen::clear)
        .map(|seen| seen.by.abs())
        .fold(0.0, f64::max)
}

/// Notes what else stands with the value `to` on other hosts and at other times, by the network of settings and regimes.
fn what_goes_with(plan: &mut Plan, shadows: &Shadows, id: &SeriesId, to: Option<&Value>) {
    let known = shadows.settings.all().keys();
    let mut known = known.filter(|known| known.name == id.name && concerns(&id.resource, known));
    let Some((id, to)) = known.find(|known| shadows.settings.is_bound(known)).zip(to) else {
        return;
    };
    let told = shadows.settings.together(id, to);
    for one in told.iter().flatten() {
        let is = if one.metric { "is likely" } else { "should be" };
        plan.note(format!(
            "{}={to}: {} {is} {} then ({:.0} %, now {:.0} %; {:.0} cases like it)",
            id.name,
            one.name,
            one.value,
            one.odds.1 * 100.0,
            one.odds.0 * 100.0,
            one.cases
        ));
    }
    if told.is_none_or(|told| told.is_empty()) {
        plan.note(format!("{}={to}: no evidence that anything else goes with it", id.name));
    }
}

/// What was seen of one metric at a change.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// How far it moved, in its unit.
    by: f64,
    /// Standard error of that.
    unsure: f64,
    /// Degrees of freedom the error rests on.
    free: f64,
}

impl Seen {
    /// Whether so much is hardly noise. The error is itself estimated, so the ratio is Student's t: as a standard normal by Wallace
    /// (1959, Annals of Mathematical Statistics 30, 1124-1130).
    fn clear(&self) -> bool {
        let t = self.by.abs() / self.unsure.max(f64::MIN_POSITIVE);
        let n = self.free.max(1.0);
        (8.0 * n + 1.0) / (8.0 * n + 3.0) * (n * (t * t / n).ln_1p()).sqrt() >= CLEAR
    }
}

/// How far a metric moved at a change of `at`, in its unit, and the standard error of that; `None` while too few minutes are known.
/// All that it rests on is there [`SETTLED`] after the change.
#[must_use]
pub fn moved(metric: &Metric, at: Timestamp) -> Option<(f64, f64)> {
    let seen = interrupted(metric, at, alone(at, &[]))?;
    Some((seen.by, seen.unsure))
}

fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => !a.differs(b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Whether the value was there before, or is a number between two that were.
fn seen(changes: &[&SettingChange], to: Option<&Value>) -> bool {
    let values = || {
        changes
            .iter()
            .flat_map(|change| [change.from.as_ref(), change.to.as_ref()])
    };
    if values().any(|value| same(value, to)) {
        return true;
    }
    let Some(number) = to.and_then(Value::number) else {
        return false;
    };
    let numbers: Vec<f64> = values().flatten().filter_map(Value::number).collect();
    numbers.iter().any(|seen| *seen <= number) && numbers.iter().any(|seen| *seen >= number)
}

/// How much of the earlier change's effect the asked one has: by proportion of numbers, 1 for the same step, −1 for its undoing.
fn ratio(change: &SettingChange, old: Option<&Value>, to: Option<&Value>) -> Option<f64> {
    let number = |value: Option<&Value>| value.and_then(Value::number);
    let (was, became) = (number(change.from.as_ref()), number(change.to.as_ref()));
    if let (Some(was), Some(became), Some(from), Some(to)) = (was, became, number(old), number(to))
        && became != was
    {
        return Some(((to - from) / (became - was)).clamp(-REACH, REACH));
    }
    if same(change.to.as_ref(), to) && same(change.from.as_ref(), old) {
        Some(1.0)
    } else if same(change.from.as_ref(), to) && same(change.to.as_ref(), old) {
        Some(-1.0)
    } else {
        None
    }
}

/// Mean after minus mean before the change, and its standard error (interrupted time series with a level change, Bernal et al.
/// 2017; the error widened for first-order autocorrelation by √((1+r)/(1−r))).
///
/// The minute of the change itself is left out, and what is not within `alone`. `None` when either side has too few minutes.
fn interrupted(metric: &Metric, at: Timestamp, alone: (Timestamp, Timestamp)) -> Option<Seen> {
    let minute = Span::from_mins(1);
    let side = |from: Timestamp, to: Timestamp| -> Vec<f64> {
        let (from, to) = (from.max(alone.0), to.min(alone.1));
        let within = metric.minutes.iter();
        let within = within.filter(|known| known.at >= from && known.at + minute <= to);
        within.map(|minute| minute.last).collect()
    };
    let start = at.floor(minute);
    let before = side(start - minute * WINDOW, start);
    let after = side(start + minute, start + minute * (WINDOW + 1));
    if before.len() < LEAST || after.len() < LEAST {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (was, became) = (mean(&before), mean(&after));
    let residuals = |values: &[f64], mean: f64| values.iter().map(|value| value - mean).collect::<Vec<f64>>();
    let (r_before, r_after) = (residuals(&before, was), residuals(&after, became));
    let squares: f64 = r_before.iter().chain(&r_after).map(|r| r * r).sum();
    let lagged: f64 = [&r_before, &r_after]
        .iter()
        .flat_map(|side| side.windows(2).map(|pair| pair[0] * pair[1]))
        .sum();
    let variance = squares / (before.len() + after.len() - 2) as f64;
    let r = if squares > 0.0 {
        (lagged / squares).clamp(0.0, 0.9)
    } else {
        0.0
    };
    let error =
        (variance * (1.0 / before.len() as f64 + 1.0 / after.len() as f64)).sqrt() * ((1.0 + r) / (1.0 - r)).sqrt();
    // Values that never moved by themselves: a thousandth of the level stands for what was not seen of their noise.
    let least = 1e-3 * was.abs().max(became.abs());
    let seen = Seen {
        by: became - was,
        unsure: error.max(least),
        free: (before.len() + after.len() - 2) as f64,
    };
    (seen.by.is_finite() && seen.unsure.is_finite()).then_some(seen)
}

/// Several estimates in one: weighted by their precision, the error no less than their own spread.
fn pooled(effects: &[Seen]) -> Option<Seen> {
    let weight = |seen: &Seen| 1.0 / (seen.unsure * seen.unsure).max(1e-18);
    let total: f64 = effects.iter().map(weight).sum();
    if effects.is_empty() || !total.is_finite() {
        return None;
    }
    let by = effects.iter().map(|seen| seen.by * weight(seen)).sum::<f64>() / total;
    let spread = effects.iter().map(|seen| (seen.by - by).powi(2)).sum::<f64>() / effects.len() as f64;
    Some(Seen {
        by,
        unsure: (1.0 / total + spread / effects.len() as f64).sqrt(),
        free: effects.iter().map(|seen| seen.free).sum(),
    })
}

/// Whether `change` is of that resource and within a quarter of an hour of that time.
fn near(change: &SettingChange, resource: &ResourceId, at: Timestamp) -> bool {
    change.id.resource == *resource
        && change.at > at - Span::from_mins(WINDOW)
        && change.at < at + Span::from_mins(WINDOW)
}
