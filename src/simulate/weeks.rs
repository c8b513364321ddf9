//! What two weeks tell: what the load does, and what earlier changes of a setting did at the same load.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Plan,
    chance::by_chance,
    concerns,
    curve::{Curve, coincidence},
    deeds::{self, Deeds},
    draw::SCORES,
    law::Law,
    load::{Host, Load, breaks},
    moves::Moves,
    past::{near, ratio},
};
use crate::{
    domain::{Evidence, ResourceId, SeriesId, SettingChange, Span, Timestamp, Value},
    shadow::{Metric, Shadows},
};

/// P(anything is told of all metrics of a resource where nothing acts).
const FALSE: f64 = 0.1;
/// Most changes of a setting that are looked at, the newest, and most other resources.
const CASES: usize = 32;
const PEERS: usize = 8;
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
    let Some((first, last)) = load.past.keys().next().zip(load.past.keys().last()) else {
        return plan.note(format!("{}: not enough history to know what goes with it", id.name));
    };
    let breaks = breaks(shadows, &id.resource);
    let here = |other: &&SeriesId| other.resource == id.resource && *other != id;
    let others = shadows.metrics.keys().filter(here).count();
    let mut told = 0;
    for (other, metric) in shadows.metrics.iter().filter(|(other, _)| here(other)) {
        let past = metric.shadow.weeks();
        if coincidence(&past, &load.past, &breaks) > FALSE / others as f64 {
            continue;
        }
        let curve = Curve::learn(&past, &load.past, &breaks, positive(&past));
        let Some(answer) = curve.and_then(|curve| curve.times(&load.ahead, factor)) else {
            continue;
        };
        told += 1;
        let three = [-1.281_552, 0.0, 1.281_552].map(|z| answer.by + z * answer.unsure);
        add(plan, other, &past, answer.before, three, Evidence::Network, from);
    }
    plan.note(format!(
        "{told} of {others} other metrics were seen to go with {} over {}",
        id.name,
        *last - *first
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

/// What was seen of a metric on one resource.
struct Site<'a> {
    views: Vec<View>,
    cases: &'a [Case<'a>],
    /// Part of the effect by which it differs from one time to the next.
    varies: f64,
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
    let mut cases: BTreeMap<&ResourceId, Vec<Case<'_>>> = BTreeMap::new();
    let newest = left.into_iter().rev().filter(|change| change.at > since);
    for change in newest {
        let known = cases.entry(&change.id.resource).or_default();
        if known.len() < CASES {
            known.push(case(shadows, change, before, &plan.asked, (since, now)));
        }
    }
    let mut hosts: BTreeMap<&ResourceId, Host> = BTreeMap::new();
    let own: Vec<&SeriesId> = shadows
        .metrics
        .keys()
        .filter(|id| concerns(&asked.id.resource, id))
        .collect();
    let (mut told, mut shared) = (0, false);
    for id in &own {
        let metric = &shadows.metrics[*id];
        let here = cases.contains_key(&id.resource);
        let there = |peer: &&ResourceId| match here {
            true => **peer == id.resource,
            false => peer.kind() == id.resource.kind(),
        };
        let mut sites = Vec::new();
        for (resource, cases) in cases.iter().filter(|(peer, _)| there(peer)).take(PEERS) {
            let Some(metric) = shadows.metrics.get(&SeriesId::new(resource, &id.name)) else {
                continue;
            };
            let host = hosts
                .entry(resource)
                .or_insert_with(|| Host::of(shadows, resource, plan.horizon));
            sites.push(Site {
                views: View::all(metric, host),
                cases,
                varies: if here { VARIES.0 } else { VARIES.1 },
            });
        }
        let past = metric.shadow.weeks();
        let host = hosts
            .entry(&id.resource)
            .or_insert_with(|| Host::of(shadows, &id.resource, plan.horizon));
        let Some(level) = level(metric, &past, host) else {
            continue;
        };
        let mut effect = effect(&sites, asked.values, level, &past, false);
        // Of what was never done alone it is known what all did together.
        if effect.is_none() {
            effect = self::effect(&sites, asked.values, level, &past, true);
            shared |= effect.is_some();
        }
        let least = FALSE / own.len() as f64;
        let Some(effect) = effect.filter(|effect| effect.chance < least && effect.by[1].abs() > WORTH * level.abs())
        else {
            continue;
        };
        told += 1;
        add(plan, id, &past, level, effect.by, Evidence::PastChange, asked.from);
    }
    if told > 0 {
        plan.used.extend(
            cases
                .iter()
                .flat_map(|(resource, cases)| cases.iter().map(|case| ((*resource).clone(), case.change.at))),
        );
        if shared {
            plan.note(format!(
                "{}: other things were done with its earlier changes; how much was its own is between none and all",
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
    log: bool,
    /// One of what its moves are parts of, and how it moved.
    unit: f64,
    moves: Moves,
}

impl View {
    fn all(metric: &Metric, host: &Host) -> Vec<Self> {
        let past = metric.shadow.weeks();
        let Some(level) = level(metric, &past, host) else {
            return Vec::new();
        };
        let logs: &[bool] = if positive(&past) { &[true, false] } else { &[false] };
        let view = |log: &bool| {
            let curve = Curve::learn(&past, host.load_for(metric), &host.breaks, *log)?;
            let unit = if *log {
                1.0
            } else {
                level.abs().max(curve.noise).max(1e-12)
            };
            let moves = Moves::new(curve.left, &host.breaks)?;
            Some(Self { log: *log, unit, moves })
        };
        logs.iter().filter_map(view).collect()
    }

    /// How far it moved at the change, the variance of that by chance, and the degrees of freedom that rests on; in logarithms, or in its level.
    fn moved(&self, case: &Case<'_>) -> Option<(f64, f64, f64)> {
        let moved = self.moves.between(case.before, case.after)?;
        let by = moved.by / self.unit;
        Some((by, moved.variance / (self.unit * self.unit) + 1e-6, moved.free))
    }
}

/// The mean ahead, or where the load is not known that of the newest day.
fn level(metric: &Metric, past: &[(Timestamp, f64)], host: &Host) -> Option<f64> {
    let load = host.load_for(metric);
    let curve = Curve::learn(past, load, &host.breaks, positive(past))?;
    let level = match load.is_empty() || host.load.ahead.is_empty() {
        true => curve.mean(&[0.0]),
        false => curve.mean(&host.load.ahead),
    };
    level.is_finite().then_some(level)
}

/// What a change does, and P(as much by chance).
struct Told {
    /// 10, 50 and 90 %, in the metric's unit.
    by: [f64; 3],
    chance: f64,
}

/// One form of the answer: by how much the metric moves, how unsure that is, how well the form tells what was seen, and how clear that is.
struct Form {
    log: bool,
    by: f64,
    unsure: f64,
    evidence: f64,
    chance: f64,
}

/// What the change does to the metric whose mean ahead is `level`: forms of the answer, in the metric or its logarithm, by
/// a number, its logarithm or its reciprocal, each weighed by how well it tells what was seen (Bayesian model averaging: Hoeting, Madigan,
/// Raftery & Volinsky 1999, *Statistical Science* 14, 382-417). It rests on changes that were made alone, or on those that were `shared`: then its own part is between
/// none and all.
fn effect(
    sites: &[Site<'_>],
    asked: (Option<&Value>, Option<&Value>),
    level: f64,
    past: &[(Timestamp, f64)],
    shared: bool,
) -> Option<Told> {
    let forms = forms(sites, asked, shared);
    let best = forms.iter().max_by(|a, b| a.evidence.total_cmp(&b.evidence))?;
    let (least, most) = past
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| {
            (low.min(*value), high.max(*value))
        });
    let share = least >= 0.0 && most <= 1.0;
    let parts: &[f64] = if shared {
        &[0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95]
    } else {
        &[1.0]
    };
    let mut draws: Vec<(f64, f64)> = Vec::new();
    for form in &forms {
        for z in -23..=23 {
            let z = f64::from(z) / 10.0;
            let moved = form.by + z * form.unsure;
            let mut after = match form.log {
                true => level * moved.min(5.0).exp(),
                false => level + moved * level.abs(),
            };
            if least >= 0.0 {
                after = after.max(0.0);
            }
            if share {
                after = after.min(1.0);
            }
            let weight = (form.evidence - best.evidence - 0.5 * z * z).exp();
            draws.extend(parts.iter().map(|part| (part * (after - level), weight)));
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
    Some(Told {
        by: [at(0.1)?, at(0.5)?, at(0.9)?],
        chance: best.chance,
    })
}

impl<'a> Site<'a> {
    /// Its changes that were made alone, or those that were not.
    fn of(&self, shared: bool) -> impl Iterator<Item = &'a Case<'a>> + use<'a> {
        self.cases.iter().filter(move |case| case.shared == shared)
    }
}

/// The forms that some of the changes speak for.
fn forms(sites: &[Site<'_>], asked: (Option<&Value>, Option<&Value>), shared: bool) -> Vec<Form> {
    const FORMS: [fn(f64) -> f64; 3] = [|v| v, |v| v.ln(), |v| -1.0 / v];
    let values = sites.iter().flat_map(|site| {
        site.of(shared)
            .flat_map(|case| [case.change.from.as_ref(), case.change.to.as_ref()])
    });
    let numbers: Vec<f64> = values
        .chain([asked.0, asked.1])
        .map(|value| value.and_then(Value::number).unwrap_or(f64::NAN))
        .collect();
    let numeric = numbers.iter().all(|number| *number > 0.0);
    let middle = (numbers.iter().map(|number| number.ln()).sum::<f64>() / numbers.len() as f64).exp();
    let mut found = Vec::new();
    for log in [true, false] {
        for form in &FORMS[..if numeric { FORMS.len() } else { 1 }] {
            let step = |from: Option<&Value>, to: Option<&Value>| {
                let (from, to) = (from?.number()?, to?.number()?);
                Some((form(to) - form(from)) / (form(2.0 * middle) - form(middle)).abs())
            };
            let Some(want) = (if numeric { step(asked.0, asked.1) } else { Some(1.0) }) else {
                continue;
            };
            let (mut sum, mut plain) = (Sum::default(), Sum::default());
            for site in sites {
                let Some(view) = site.views.iter().find(|view| view.log == log) else {
                    continue;
                };
                for case in site.of(shared) {
                    let change = case.change;
                    let step = match numeric {
                        true => step(change.from.as_ref(), change.to.as_ref()),
                        false => ratio(change, asked.0, asked.1)
                            .filter(|ratio| *ratio != 0.0)
                            .map(|ratio| 1.0 / ratio),
                    };
                    if let Some((step, (by, variance, free))) = step.zip(view.moved(case)) {
                        plain.take(step, by, variance, free);
                        sum.take(step, by, variance + (site.varies * by).powi(2), free);
                    }
                }
            }
            if sum.count > 0 {
                found.push(sum.form(log, want, plain.chance()));
            }
        }
    }
    found
}

/// Weighted least squares through the origin: how far the metric moves for a step of one.
#[derive(Default)]
struct Sum {
    rr: f64,
    rd: f64,
    dd: f64,
    dets: f64,
    free: f64,
    count: u32,
}

impl Sum {
    fn take(&mut self, step: f64, by: f64, variance: f64, free: f64) {
        self.rr += step * step / variance;
        self.rd += step * by / variance;
        self.dd += by * by / variance;
        self.dets += variance.ln();
        self.free += free;
        self.count += 1;
    }

    /// P(so much where the setting does nothing).
    fn chance(&self) -> f64 {
        by_chance(self.rd / self.rr.max(f64::MIN_POSITIVE).sqrt(), self.free)
    }

    fn form(&self, log: bool, want: f64, chance: f64) -> Form {
        let precision = self.rr + 1.0 / (PRIOR * PRIOR);
        let slope = self.rd / precision;
        // Moves are parts of the level in every form, so their densities are of one unit.
        let evidence = -0.5 * (self.dd - self.rd * slope + self.dets + (1.0 + PRIOR * PRIOR * self.rr).ln());
        Form {
            log,
            by: want * slope,
            unsure: want.abs() / precision.sqrt(),
            evidence,
            chance,
        }
    }
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
