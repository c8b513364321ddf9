//! A setting gets another value: what its earlier changes did.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Plan,
    chance::deviations,
    concerns,
    deeds::{self, Deed, Deeds},
    law::Law,
    weeks,
};
use crate::{
    domain::{Evidence, ResourceId, SeriesId, SettingChange, Span, Timestamp, Value, text::count},
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
pub(super) const REACH: f64 = 3.0;

/// Adds what the changes of `id` (or of the setting of that name on other resources) up to `now` let expect of this one.
pub(super) fn plan(
    plan: &mut Plan,
    shadows: &Shadows,
    id: &SeriesId,
    (old, to): (Option<&Value>, Option<&Value>),
    about: &[SeriesId],
    from: Timestamp,
    now: Timestamp,
) {
    let current = || {
        let mut all = shadows.settings.all().iter();
        let here = all.find(|(known, _)| known.name == id.name && concerns(&id.resource, known));
        here.map(|(_, state)| state.value.clone())
    };
    let old = old.cloned().or_else(current);
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
        .filter_map(|change| Some((*change, whole_ratio(change, old.as_ref(), to)?)))
        .collect();
    if alike.is_empty() {
        plan.note(format!(
            "{}: no evidence, its earlier changes were to and from other values",
            id.name
        ));
        return;
    }
    let weeks = weeks::Asked {
        id,
        values: (old.as_ref(), to),
        from,
    };
    if plan.weeks && weeks::plan(plan, shadows, &weeks, &before, about, now) {
        return;
    }
    if alike.iter().any(|(_, ratio)| ratio.abs() > REACH) {
        plan.note(too_far(id));
    }
    for (_, ratio) in &mut alike {
        *ratio = ratio.clamp(-REACH, REACH);
    }
    // What several of them did together is counted once.
    alike.retain(|(change, _)| !plan.used.iter().any(|used| near(change, &used.0, used.1)));
    if alike.is_empty() {
        return;
    }
    plan.used
        .extend(alike.iter().map(|(change, _)| (change.id.resource.clone(), change.at)));
    let hosts = hosts(shadows, &alike, &plan.asked, now);
    let (mut told, mut hidden) = (0, 0);
    for (metric_id, metric) in &shadows.metrics {
        let Some(host) = hosts
            .get(&metric_id.resource)
            .filter(|_| concerns(&id.resource, metric_id))
        else {
            continue;
        };
        let effects: Vec<Seen> = host
            .cases
            .iter()
            .filter_map(|case| {
                let seen = interrupted(metric, case.at, case.alone)?;
                Some(Seen {
                    by: seen.by * case.ratio,
                    unsure: seen.unsure * case.ratio.abs(),
                    ..seen
                })
            })
            .collect();
        if about.contains(metric_id)
            && let Some(went) = host.went(metric)
        {
            plan.tried.insert(metric_id.clone(), went);
        }
        let Some(seen) = pooled(&effects).filter(Seen::clear) else {
            continue;
        };
        // Only what is clearly more than it does when nobody changes anything.
        let ratio = host.cases.iter().map(|case| case.ratio.abs()).fold(0.0, f64::max);
        let more = seen.by.abs() - ratio * host.by_itself(metric);
        if more > 0.0 && (Seen { by: more, ..seen }).clear() {
            told += 1;
            let law = Law::Shift {
                by: seen.by,
                unsure: next(&effects, seen),
            };
            plan.rests_on(metric_id, law, Evidence::PastChange, effects.len() as u32, from);
        } else {
            hidden += 1;
        }
    }
    if told > 0 {
        return;
    }
    let mut cases = hosts.values().flat_map(|host| &host.cases).peekable();
    let alone = cases.peek().is_none()
        || cases.any(|case| {
            let (from, to) = case.alone;
            let least = Span::from_mins(LEAST as i64 + 1);
            case.at - from >= least && to - case.at >= least
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
            "{}: changed {} before, and no metric that was watched then moved clearly; the prior is no effect",
            id.name,
            count(alike.len(), "time")
        )
    });
}

/// An earlier change whose effect can be measured.
struct Case {
    at: Timestamp,
    /// How much of its effect the asked one has.
    ratio: f64,
    /// The time about it in which nothing else was done.
    alone: Deed,
}

/// The earlier changes of one resource.
struct Host {
    cases: Vec<Case>,
    /// The time of the changes themselves.
    treated: Deeds,
    /// That, and all else that was done.
    all: Deeds,
}

/// The changes `alike` by their resources, but for those that no metric watched now remembers.
fn hosts<'a>(
    shadows: &Shadows,
    alike: &[(&'a SettingChange, f64)],
    asked: &BTreeSet<SeriesId>,
    now: Timestamp,
) -> BTreeMap<&'a ResourceId, Host> {
    let remembered = shadows.metrics.values().filter_map(|metric| metric.minutes.front());
    let since = remembered.map(|minute| minute.at).min().unwrap_or(now);
    let mut changes: BTreeMap<&ResourceId, Vec<&(&SettingChange, f64)>> = BTreeMap::new();
    for one in alike.iter().filter(|(change, _)| change.at >= since) {
        changes.entry(&one.0.id.resource).or_default().push(one);
    }
    let host = |changes: Vec<&(&SettingChange, f64)>| {
        let mut first = None;
        let cases = changes.iter().map(|(change, ratio)| {
            let others = deeds::besides(shadows, change, asked, (since, now));
            first.get_or_insert_with(|| others.clone());
            Case {
                at: change.at,
                ratio: *ratio,
                alone: Deeds::new(others).alone(change.at),
            }
        });
        let cases: Vec<Case> = cases.collect();
        let mut all = first.unwrap_or_default();
        let treated: Vec<Deed> = changes
            .iter()
            .map(|(change, _)| (change.earliest(), change.at + SETTLED))
            .collect();
        all.extend(&treated);
        Host {
            cases,
            treated: Deeds::new(treated),
            all: Deeds::new(all),
        }
    };
    changes
        .into_iter()
        .map(|(resource, changes)| (resource, host(changes)))
        .collect()
}

impl Host {
    /// What `metric` did at the last of the changes, in words; `None` where too little of it was seen.
    fn went(&self, metric: &Metric) -> Option<String> {
        let case = self.cases.iter().max_by_key(|case| case.at)?;
        let (minute, start) = (Span::from_mins(1), case.at.floor(Span::from_mins(1)));
        let within = |from: Timestamp, to: Timestamp| {
            metric
                .minutes
                .iter()
                .filter(move |known| (from..to).contains(&known.at))
        };
        let before: Vec<f64> = within(start - minute * WINDOW, start).map(|known| known.last).collect();
        let after = within(start + minute, start + minute * (WINDOW + 1)).next_back()?;
        if before.is_empty() {
            return None;
        }
        let show = |value| metric.meta.unit.show(value);
        let levels = [before.iter().sum::<f64>() / before.len() as f64, after.last].map(show);
        Some(went_in_words(self.cases.len(), None, levels, after.at + minute - start))
    }

    /// The farthest `metric` clearly moved at any time when nothing is known to have been done, in its unit: a placebo in time (Abadie,
    /// Diamond & Hainmueller 2015, American Journal of Political Science 59, 495-510). The time of the changes themselves is left out.
    fn by_itself(&self, metric: &Metric) -> f64 {
        let times = metric.minutes.iter().map(|minute| minute.at);
        times
            .filter(|at| !self.treated.cover(*at))
            .filter_map(|at| interrupted(metric, at, self.all.alone(at)))
            .filter(Seen::clear)
            .map(|seen| seen.by.abs())
            .fold(0.0, f64::max)
    }
}

/// How a metric went at the last of `changes` alike, `on` another resource.
pub(super) fn went_in_words(
    changes: usize,
    on: Option<&ResourceId>,
    [was, became]: [String; 2],
    within: Span,
) -> String {
    let changes = match changes {
        1 => "the one change alike".to_owned(),
        more => format!("the last of {more} changes alike"),
    };
    let on = on.map_or_else(String::new, |resource| format!(" on {resource}"));
    format!("at {changes}{on} it went {was} -> {became} within {within}, not clearly by that alone")
}

/// What is noted of a change that is further than [`REACH`] times what was seen.
pub(super) fn too_far(id: &SeriesId) -> String {
    format!(
        "{}: the change is far larger than those seen; the effect is not carried that far",
        id.name
    )
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
    /// Whether so much is hardly noise. The error is itself estimated, so the ratio is Student's t.
    fn clear(&self) -> bool {
        deviations(self.by / self.unsure.max(f64::MIN_POSITIVE), self.free) >= CLEAR
    }
}

/// How far the metric `id` moved at the change of `setting` at `at`, in its unit, and the standard error of that: as an effect is
/// measured, from what was done besides to what was done next. `None` while too few minutes are known. What was set in the same minute was done
/// with it. All that it rests on is there [`SETTLED`] after the change.
#[must_use]
pub fn moved(
    shadows: &Shadows,
    id: &SeriesId,
    setting: &SeriesId,
    at: Timestamp,
    now: Timestamp,
) -> Option<(f64, f64)> {
    let metric = shadows.metrics.get(id)?;
    let minute = Span::from_mins(1);
    let changes = shadows.settings.changes();
    let with = changes
        .iter()
        .filter(|change| change.at.floor(minute) == at.floor(minute) && change.id.resource == setting.resource);
    let with: Vec<&SettingChange> = with.collect();
    let change = with.iter().find(|change| change.id == *setting && change.at == at);
    let asked: BTreeSet<SeriesId> = with.iter().map(|change| change.id.clone()).collect();
    let since = at - minute * (WINDOW + 1);
    // Of a change that is no longer remembered nobody knows what else was done about it.
    let others = Deeds::new(deeds::besides(shadows, change?, &asked, (since, now)));
    let seen = interrupted(metric, at, others.alone(at))?;
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

/// How much of the earlier change's effect the asked one has, carried no further than [`REACH`] times what was seen.
pub(super) fn ratio(change: &SettingChange, old: Option<&Value>, to: Option<&Value>) -> Option<f64> {
    Some(whole_ratio(change, old, to)?.clamp(-REACH, REACH))
}

/// The same however far: by proportion of numbers, 1 for the same step, −1 for its undoing.
fn whole_ratio(change: &SettingChange, old: Option<&Value>, to: Option<&Value>) -> Option<f64> {
    let number = |value: Option<&Value>| value.and_then(Value::number);
    let (was, became) = (number(change.from.as_ref()), number(change.to.as_ref()));
    if let (Some(was), Some(became), Some(from), Some(to)) = (was, became, number(old), number(to))
        && became != was
    {
        return Some((to - from) / (became - was));
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
        let first = metric.minutes.partition_point(|known| known.at < from);
        let within = metric.minutes.range(first..);
        let within = within.take_while(|known| known.at + minute <= to);
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

/// Standard deviation of what the next case does: how unsure the estimate is, and how far cases differ from each other. To those seen
/// one is added that did nothing, which is all that is known before: a single case says no more than between nothing and
/// about twice as much (80 %).
fn next(effects: &[Seen], pooled: Seen) -> f64 {
    let n = effects.len() as f64;
    let mean = effects.iter().map(|seen| seen.by).sum::<f64>() / (n + 1.0);
    let squares: f64 = effects.iter().map(|seen| (seen.by - mean).powi(2)).sum();
    ((squares + mean * mean) / n + pooled.unsure.powi(2)).sqrt()
}

/// Whether `change` is of that resource and within a quarter of an hour of that time.
pub(super) fn near(change: &SettingChange, resource: &ResourceId, at: Timestamp) -> bool {
    change.id.resource == *resource
        && change.at > at - Span::from_mins(WINDOW)
        && change.at < at + Span::from_mins(WINDOW)
}
