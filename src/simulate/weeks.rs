//! What two weeks tell: what the load does, and what earlier changes of a setting did at the same load.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Plan, concerns,
    curve::Curve,
    deeds::{self, Deeds},
    draw::SCORES,
    law::Law,
    load::{Host, Load, breaks},
    past::{near, ratio},
};
use crate::{
    domain::{Evidence, ResourceId, SeriesId, SettingChange, Span, Timestamp, Value},
    shadow::{Metric, Shadows},
};

/// Most steps compared on each side of a change: half a day.
const WINDOW: usize = 72;
/// Least steps on each side.
const LEAST: usize = 2;
/// What is done within this time of a change may have its effect.
const TOGETHER: Span = Span::from_mins(30);
/// Part of an effect that differs from one time to the next, here and on another resource: standard deviations.
const VARIES: (f64, f64) = (0.1, 0.3);
/// Standard deviation of what doubling a number, or another word, does before anything is known: the part of the metric's level.
const PRIOR: f64 = 0.4;
/// Least effect worth telling, as a part of the metric's level.
const WORTH: f64 = 0.01;

/// Adds what `factor` times the load `id` does to the metrics of its resource: to itself just that, to others by the curve learnt over weeks.
pub(super) fn traffic(plan: &mut Plan, shadows: &Shadows, id: &SeriesId, factor: f64, from: Timestamp) {
    let found = shadows
        .metrics
        .iter()
        .find(|(known, _)| known.name == id.name && concerns(&id.resource, known));
    let Some((id, metric)) = found else {
        return plan.note(format!("{}: no such metric is watched, no effect can be told", id.name));
    };
    plan.add(
        id,
        Law::Scale {
            floor: 0.0,
            factor,
            unsure: 0.0,
        },
        Evidence::Identity,
        from,
    );
    if factor == 0.0 {
        return plan.note(format!("what stays without any {} is not known", id.name));
    }
    let load = Load::of(metric, plan.horizon);
    let breaks = breaks(shadows, &id.resource);
    let (mut told, mut others) = (0, 0);
    for (other, metric) in shadows
        .metrics
        .iter()
        .filter(|(other, _)| other.resource == id.resource && *other != id)
    {
        others += 1;
        let past = metric.shadow.weeks();
        let curve = Curve::learn(&past, &load.past, &breaks, positive(&past));
        let Some(answer) = curve.and_then(|curve| curve.times(&load.ahead, factor)) else {
            continue;
        };
        told += 1;
        let three = [-1.281_552, 0.0, 1.281_552].map(|z| answer.by + z * answer.unsure);
        add(plan, other, &past, answer.before, three, Evidence::Identity, from);
    }
    plan.note(format!(
        "{told} of {others} other metrics were seen to go with {} over {} days",
        id.name,
        load.past
            .keys()
            .next()
            .zip(load.past.keys().last())
            .map_or(0, |(first, last)| (*last - *first).0 / Span::from_days(1).0)
    ));
}

/// A change of a setting that is asked about.
pub(super) struct Asked<'a> {
    pub id: &'a SeriesId,
    pub values: (Option<&'a Value>, Option<&'a Value>),
    pub from: Timestamp,
}

/// An earlier change with the time about it that may be compared.
struct Case<'a> {
    change: &'a SettingChange,
    /// What stands before it and after it, both without the minutes in which other things were done.
    before: (Timestamp, Timestamp),
    after: (Timestamp, Timestamp),
    /// Whether other things were done with it.
    shared: bool,
}

/// Adds what the changes `before` of the setting asked about let expect, by the weeks, where there is one older than the minutes in memory; whether
/// that is anything.
pub(super) fn plan(
    plan: &mut Plan,
    shadows: &Shadows,
    asked: &Asked<'_>,
    before: &[&SettingChange],
    now: Timestamp,
) -> bool {
    let minutes = shadows.metrics.values().filter_map(|metric| metric.minutes.front());
    let remembered = minutes.map(|minute| minute.at).min().unwrap_or(now);
    let since = now - Span::from_days(90);
    if !before.iter().any(|change| change.at < remembered && change.at > since) {
        return false;
    }
    // What several of those that are asked about did together is counted once.
    let counted = |change: &&&SettingChange| !plan.used.iter().any(|used| near(change, &used.0, used.1));
    let left: Vec<&SettingChange> = before.iter().filter(counted).copied().collect();
    let used = left.iter().map(|change| (change.id.resource.clone(), change.at));
    let used: Vec<(ResourceId, Timestamp)> = used.collect();
    let mut cases: BTreeMap<&ResourceId, Vec<Case<'_>>> = BTreeMap::new();
    for change in left.into_iter().filter(|change| change.at > since) {
        let known = cases.entry(&change.id.resource).or_default();
        known.push(case(shadows, change, before, &plan.asked, (since, now)));
    }
    let mut hosts: BTreeMap<&ResourceId, Host> = BTreeMap::new();
    let (mut told, mut shared) = (0, false);
    for (id, metric) in shadows
        .metrics
        .iter()
        .filter(|(id, _)| concerns(&asked.id.resource, id))
    {
        let own = cases.get(&id.resource);
        let theirs: Vec<&ResourceId> = match own {
            Some(_) => vec![&id.resource],
            None => cases
                .keys()
                .copied()
                .filter(|peer| peer.kind() == id.resource.kind())
                .collect(),
        };
        let mut seen = Vec::new();
        for resource in theirs {
            let host = hosts
                .entry(resource)
                .or_insert_with(|| Host::of(shadows, resource, plan.horizon));
            let there = shadows.metrics.get(&SeriesId::new(resource, &id.name));
            let varies = if own.is_some() { VARIES.0 } else { VARIES.1 };
            let views = there.map(|metric| View::all(metric, host)).unwrap_or_default();
            seen.push((
                views,
                cases.get(resource).into_iter().flatten().collect::<Vec<_>>(),
                varies,
            ));
        }
        shared |= seen.iter().any(|(_, cases, _)| cases.iter().any(|case| case.shared));
        let past = metric.shadow.weeks();
        let host = hosts
            .entry(&id.resource)
            .or_insert_with(|| Host::of(shadows, &id.resource, plan.horizon));
        let Some(level) = level(&past, host) else { continue };
        let Some(three) = effect(&seen, asked.values, level, &past) else {
            continue;
        };
        let clear = (three[0] > 0.0 || three[2] < 0.0) && three[1].abs() > WORTH * level.abs();
        if clear {
            told += 1;
            add(plan, id, &past, level, three, Evidence::PastChange, asked.from);
        }
    }
    if told > 0 {
        plan.used.extend(used);
        if shared {
            plan.note(format!(
                "{}: other things were done with some of its earlier changes; how much was its own is between none and all",
                asked.id.name
            ));
        }
    }
    told > 0
}

/// The time about `change` in which nothing else was done.
fn case<'a>(
    shadows: &Shadows,
    change: &'a SettingChange,
    before: &[&SettingChange],
    asked: &BTreeSet<SeriesId>,
    (since, now): (Timestamp, Timestamp),
) -> Case<'a> {
    let mut others = deeds::besides(shadows, change, asked, (since, now));
    let own = before
        .iter()
        .filter(|other| other.id.resource == change.id.resource && other.at != change.at);
    others.extend(own.map(|other| (other.earliest(), other.at)));
    let near = |deed: &deeds::Deed| deed.1 > change.at - TOGETHER && deed.0 < change.at + TOGETHER;
    let (with, apart): (Vec<_>, Vec<_>) = others.into_iter().partition(near);
    let (last, next) = Deeds::new(apart).alone(change.at);
    let first = with.iter().map(|deed| deed.0).fold(change.earliest(), Timestamp::min);
    let end = with.iter().map(|deed| deed.1).fold(change.at, Timestamp::max);
    Case {
        change,
        before: (last, first),
        after: (end, next),
        shared: !with.is_empty(),
    }
}

/// A metric as it is seen at changes: as it is, or by its logarithm.
struct View {
    curve: Curve,
    level: f64,
}

impl View {
    fn all(metric: &Metric, host: &Host) -> Vec<Self> {
        let past = metric.shadow.weeks();
        let Some(level) = level(&past, host) else {
            return Vec::new();
        };
        let logs: &[bool] = if positive(&past) { &[true, false] } else { &[false] };
        let curve = |log: &bool| Curve::learn(&past, &host.load.past, &host.breaks, *log);
        logs.iter()
            .filter_map(curve)
            .map(|curve| View { curve, level })
            .collect()
    }

    /// How far the metric moved at the change, and the variance of that; in logarithms, or in its level.
    fn moved(&self, case: &Case<'_>, varies: f64) -> Option<(f64, f64)> {
        let left = &self.curve.left;
        let step = left.windows(2).map(|pair| pair[1].0 - pair[0].0).min()?;
        let place = |at: Timestamp| left.partition_point(|one| one.0 < at);
        let (from, to) = (place(case.before.0), place(case.before.1 - step + Span(1)));
        let before = left.get(from..to)?;
        let (from, to) = (
            place(case.after.0),
            place(case.after.1.max(Timestamp(step.0)) - step + Span(1)),
        );
        let after = left.get(from..to)?;
        let before = &before[before.len().saturating_sub(WINDOW)..];
        let after = &after[usize::from(after.len() > LEAST + 1)..];
        let after = &after[..after.len().min(WINDOW)];
        if before.len() < LEAST || after.len() < LEAST {
            return None;
        }
        let of = |side: &[(Timestamp, f64)]| {
            let n = side.len() as f64;
            let mean = side.iter().map(|one| one.1).sum::<f64>() / n;
            (
                mean,
                (side.iter().map(|one| (one.1 - mean).powi(2)).sum::<f64>() / n).sqrt(),
                n,
            )
        };
        let (was, became) = (of(before), of(after));
        let unit = if self.curve.log {
            1.0
        } else {
            self.level.abs().max(self.curve.noise).max(1e-12)
        };
        let by = (became.0 - was.0) / unit;
        let noise = was.1.max(became.1).max(self.curve.noise) / unit;
        // Half as much again for values that follow each other.
        let mut variance = 1.5 * noise * noise * (1.0 / was.2 + 1.0 / became.2) + (varies * by).powi(2) + 1e-6;
        if case.shared {
            variance += by * by / 4.0;
            return Some((by / 2.0, variance));
        }
        Some((by, variance))
    }
}

/// The mean ahead, or where the load is not known that of the newest day.
fn level(past: &[(Timestamp, f64)], host: &Host) -> Option<f64> {
    let curve = Curve::learn(past, &host.load.past, &host.breaks, positive(past))?;
    let level = if host.load.ahead.is_empty() {
        curve.mean(&[0.0])
    } else {
        curve.mean(&host.load.ahead)
    };
    level.is_finite().then_some(level)
}

/// What the change does at 10, 50 and 90 %, in the unit of the metric whose mean ahead is `level`: forms of the answer, in the metric or its logarithm, by
/// a number, its logarithm or its reciprocal, each weighed by how well it tells what was seen (Bayesian model averaging: Hoeting, Madigan,
/// Raftery & Volinsky 1999, *Statistical Science* 14, 382-417).
fn effect(
    seen: &[(Vec<View>, Vec<&Case<'_>>, f64)],
    asked: (Option<&Value>, Option<&Value>),
    level: f64,
    past: &[(Timestamp, f64)],
) -> Option<[f64; 3]> {
    const FORMS: [fn(f64) -> f64; 3] = [|v| v, |v| v.ln(), |v| -1.0 / v];
    let mut models: Vec<(bool, f64, f64, f64)> = Vec::new();
    let numbers: Vec<f64> = seen
        .iter()
        .flat_map(|(_, cases, _)| cases.iter().flat_map(|case| [&case.change.from, &case.change.to]))
        .chain([&asked.0.cloned(), &asked.1.cloned()])
        .map(|value| value.as_ref().and_then(Value::number).unwrap_or(f64::NAN))
        .collect();
    let forms = if numbers.iter().all(|number| *number > 0.0) {
        FORMS.len()
    } else {
        1
    };
    let middle = (numbers.iter().map(|number| number.ln()).sum::<f64>() / numbers.len().max(1) as f64).exp();
    for log in [true, false] {
        for form in &FORMS[..forms] {
            let step = |from: Option<&Value>, to: Option<&Value>| {
                let (from, to) = (from?.number()?, to?.number()?);
                Some((form(to) - form(from)) / (form(2.0 * middle) - form(middle)).abs())
            };
            let (mut rr, mut rd, mut dd, mut dets, mut count) = (0.0, 0.0, 0.0, 0.0, 0);
            let numeric = forms > 1;
            let want = if numeric { step(asked.0, asked.1)? } else { 1.0 };
            for (views, cases, varies) in seen {
                let Some(view) = views.iter().find(|view| view.curve.log == log) else {
                    continue;
                };
                for case in cases {
                    let change = case.change;
                    let r = if numeric {
                        step(change.from.as_ref(), change.to.as_ref())
                    } else {
                        ratio(change, asked.0, asked.1)
                            .filter(|ratio| *ratio != 0.0)
                            .map(|ratio| 1.0 / ratio)
                    };
                    let Some((r, (by, variance))) = r.zip(view.moved(case, *varies)) else {
                        continue;
                    };
                    rr += r * r / variance;
                    rd += r * by / variance;
                    dd += by * by / variance;
                    dets += variance.ln();
                    count += 1;
                }
            }
            if count == 0 {
                continue;
            }
            let precision = rr + 1.0 / (PRIOR * PRIOR);
            let slope = rd / precision;
            // Moves are parts of the level in every form, so their densities are of one unit.
            let evidence = -0.5 * (dd - rd * slope + dets + (1.0 + PRIOR * PRIOR * rr).ln());
            models.push((log, want * slope, want.abs() / precision.sqrt(), evidence));
        }
    }
    let best = models.iter().map(|model| model.3).fold(f64::NEG_INFINITY, f64::max);
    let (least, most) = past
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| {
            (low.min(*value), high.max(*value))
        });
    let share = least >= 0.0 && most <= 1.0;
    let mut draws: Vec<(f64, f64)> = Vec::new();
    for (log, by, unsure, evidence) in models {
        for z in -23..=23 {
            let z = f64::from(z) / 10.0;
            let moved = by + z * unsure;
            let mut after = if log {
                level * moved.min(5.0).exp()
            } else {
                level + moved * level.abs()
            };
            if least >= 0.0 {
                after = after.max(0.0);
            }
            if share {
                after = after.min(1.0);
            }
            draws.push((after - level, (evidence - best - 0.5 * z * z).exp()));
        }
    }
    draws.retain(|(by, weight)| by.is_finite() && weight.is_finite());
    draws.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = draws.iter().map(|draw| draw.1).sum();
    let at = |share: f64| {
        let mut sum = 0.0;
        let found = draws.iter().find(|draw| {
            sum += draw.1;
            sum >= share * total
        });
        found.map(|draw| draw.0)
    };
    Some([at(0.1)?, at(0.5)?, at(0.9)?])
}

/// Whether it is always above 0.
fn positive(past: &[(Timestamp, f64)]) -> bool {
    past.iter().all(|(_, value)| *value > 0.0)
}

/// What is always above 0 moves by its part, all else by as much.
fn add(
    plan: &mut Plan,
    id: &SeriesId,
    past: &[(Timestamp, f64)],
    level: f64,
    by: [f64; 3],
    evidence: Evidence,
    from: Timestamp,
) {
    let law = if positive(past) && level > 0.0 {
        Law::Times(by.map(|by| (1.0 + by / level).max(0.0)))
    } else {
        let unsure = (by[2] - by[0]) / (2.0 * SCORES.0[10]);
        Law::Shift { by: by[1], unsure }
    };
    plan.add(id, law, evidence, from);
}
