//! What two weeks tell: what the load does, and what earlier changes of a setting did at the same load.

mod forms;

use std::collections::{BTreeMap, BTreeSet};

use forms::{Site, Told, effect};

use super::{
    Plan, concerns,
    curve::{Curve, coincidence},
    deeds::{self, Deeds},
    draw::SCORES,
    law::Law,
    load::{Host, Load, breaks},
    moves::{Moved, Moves},
    past::{self, near},
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
/// Least effect worth telling, as a part of the metric's level.
const WORTH: f64 = 0.01;
/// Time on each side of a change that says in words how a metric went.
const WENT: Span = Span::from_hours(2);

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
        plan.add(other, law(&past, answer.before, three), Evidence::Network, from);
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

/// Adds what the changes `before` of the setting asked about let expect, by the weeks, where there is one older than the minutes in memory; whether
/// that is anything. Of those of `about` that nothing is told of it notes how they went.
pub(super) fn plan(
    plan: &mut Plan,
    shadows: &Shadows,
    asked: &Asked<'_>,
    before: &[&SettingChange],
    about: &[SeriesId],
    now: Timestamp,
) -> bool {
    let minutes = shadows.metrics.values().filter_map(|metric| metric.minutes.front());
    let remembered = minutes.map(|minute| minute.at).min().unwrap_or(now);
    let since = now - Span::from_days(90);
    if !before.iter().any(|change| change.at < remembered && change.at > since) {
        return false;
    }
    let own: Vec<&SeriesId> = shadows
        .metrics
        .keys()
        .filter(|id| concerns(&asked.id.resource, id))
        .collect();
    let changes = newest(plan, before, since);
    let resources = own.iter().map(|id| &id.resource);
    let places: BTreeMap<&ResourceId, Vec<&ResourceId>> = resources
        .map(|resource| (resource, places(resource, &changes)))
        .collect();
    let mut cases: BTreeMap<&ResourceId, Vec<Case<'_>>> = BTreeMap::new();
    for place in places.values().flatten() {
        cases.entry(place).or_insert_with(|| {
            let changes = changes[place].iter().copied();
            let case = changes.map(|change| case(shadows, change, before, &plan.asked, (since, now)));
            case.collect()
        });
    }
    let mut hosts: BTreeMap<&ResourceId, Host> = BTreeMap::new();
    let horizon = plan.horizon;
    let mut learn = |id: &SeriesId| {
        let (id, metric) = shadows.metrics.get_key_value(id)?;
        let host = hosts.entry(&id.resource);
        Learnt::of(metric, host.or_insert_with(|| Host::of(shadows, &id.resource, horizon)))
    };
    let (mut told, mut shared, mut far) = (0, false, false);
    let mut used: Vec<(ResourceId, Timestamp)> = Vec::new();
    for id in own.iter().copied() {
        let Some(here) = learn(id) else { continue };
        let others = places[&id.resource].iter().filter(|place| **place != &id.resource);
        let others = others.filter_map(|place| Some((*place, learn(&SeriesId::new(place, &id.name))?)));
        let others: Vec<(&ResourceId, Learnt)> = others.collect();
        let mut sites: Vec<Site<'_>> = Vec::new();
        if let Some(cases) = cases.get(&id.resource) {
            sites.push(Site {
                learnt: &here,
                cases,
                varies: VARIES.0,
            });
        }
        sites.extend(others.iter().map(|(place, learnt)| Site {
            learnt,
            cases: &cases[place],
            varies: VARIES.1,
        }));
        // Of what was never done alone it is known what all did together.
        let alone = effect(&sites, asked.values, &here, false);
        let apart = alone.is_some();
        let Some(effect) = alone.or_else(|| effect(&sites, asked.values, &here, true)) else {
            continue;
        };
        let clear = effect.chance < FALSE / own.len() as f64 && effect.by[1].abs() > WORTH * here.level.abs();
        if !clear {
            if about.contains(id)
                && let Some(words) = went(&effect, id, shadows)
            {
                plan.tried.insert(id.clone(), words);
            }
            continue;
        }
        told += 1;
        shared |= !apart;
        far |= effect.far;
        used.extend(
            effect
                .seen
                .iter()
                .map(|(_, case)| (case.change.id.resource.clone(), case.change.at)),
        );
        let law = law(&here.past, here.level, effect.by);
        plan.rests_on(id, law, Evidence::PastChange, effect.seen.len() as u32, asked.from);
    }
    used.sort_unstable();
    used.dedup();
    plan.used.extend(used);
    if far {
        plan.note(past::too_far(asked.id));
    }
    if shared {
        plan.note(format!(
            "{}: other things were done with its earlier changes; how much was its own is between none and all",
            asked.id.name
        ));
    }
    told > 0
}

/// The newest changes since `since` of each resource, the newest first. What several of those that are asked about did together is counted once.
fn newest<'a>(
    plan: &Plan,
    before: &[&'a SettingChange],
    since: Timestamp,
) -> BTreeMap<&'a ResourceId, Vec<&'a SettingChange>> {
    let counted = |change: &SettingChange| !plan.used.iter().any(|used| near(change, &used.0, used.1));
    let mut newest: BTreeMap<&ResourceId, Vec<&SettingChange>> = BTreeMap::new();
    for change in before.iter().rev().copied().filter(|change| change.at > since) {
        if counted(change) {
            let known = newest.entry(&change.id.resource).or_default();
            known.extend((known.len() < CASES).then_some(change));
        }
    }
    newest
}

/// The resources whose changes tell of `resource`: itself, or where it has none some others of its kind.
fn places<'a>(
    resource: &ResourceId,
    changes: &BTreeMap<&'a ResourceId, Vec<&'a SettingChange>>,
) -> Vec<&'a ResourceId> {
    if let Some((own, _)) = changes.get_key_value(resource) {
        return vec![own];
    }
    let alike = changes.keys().filter(|peer| peer.kind() == resource.kind());
    alike.take(PEERS).copied().collect()
}

/// What the metric `id` did at the last of the changes that the effect rests on, in words; of one of its own where there is any.
fn went(effect: &Told<'_>, id: &SeriesId, shadows: &Shadows) -> Option<String> {
    let last = effect.seen.iter().max_by_key(|(_, case)| case.change.at);
    let (learnt, case) = last?;
    let mean = |from: Timestamp, to: Timestamp| {
        let first = learnt.past.partition_point(|step| step.0 < from);
        let within = learnt.past[first..].iter().take_while(|step| step.0 < to);
        let (sum, count) = within.fold((0.0, 0), |(sum, count), step| (sum + step.1, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    };
    let before = mean(case.before.0.max(case.before.1 - WENT), case.before.1)?;
    let end = case.after.1.min(case.after.0 + WENT);
    let after = mean(case.after.0, end)?;
    let unit = shadows.metrics.get(id)?.meta.unit;
    let resource = &case.change.id.resource;
    let on = (*resource != id.resource).then_some(resource);
    Some(past::went_in_words(
        effect.seen.len(),
        on,
        [before, after].map(|value| unit.show(value)),
        end - case.after.0,
    ))
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

/// A metric as the weeks tell it.
struct Learnt {
    past: Vec<(Timestamp, f64)>,
    /// The mean ahead, or where the load is not known that of the newest day.
    level: f64,
    /// How it moves, and its logarithm where it is always above 0.
    plain: View,
    log: Option<View>,
}

/// How a metric, or its logarithm, moves at the same load.
struct View {
    /// One of what its moves are parts of: the level, or one.
    unit: f64,
    moves: Moves,
}

impl Learnt {
    fn of(metric: &Metric, host: &Host) -> Option<Self> {
        let past = metric.shadow.weeks();
        let load = host.load_for(metric);
        let plain = Curve::learn(&past, load, &host.breaks, false)?;
        let log = match positive(&past) {
            true => Some(Curve::learn(&past, load, &host.breaks, true)?),
            false => None,
        };
        let best = log.as_ref().unwrap_or(&plain);
        let level = match load.is_empty() || host.load.ahead.is_empty() {
            true => best.mean(&[0.0]),
            false => best.mean(&host.load.ahead),
        };
        let unit = level.abs().max(plain.noise).max(1e-12);
        let view = |unit, curve: Curve| {
            let moves = Moves::new(curve.left, &host.breaks)?;
            Some(View { unit, moves })
        };
        level.is_finite().then_some(())?;
        Some(Self {
            plain: view(unit, plain)?,
            log: log.and_then(|curve| view(1.0, curve)),
            past,
            level,
        })
    }
}

impl View {
    /// How far it moved at the change, the variance of that by chance, and the degrees of freedom that rests on; in logarithms, or in its level.
    fn moved(&self, case: &Case<'_>) -> Option<Moved> {
        let moved = self.moves.between(case.before, case.after)?;
        Some(Moved {
            by: moved.by / self.unit,
            variance: moved.variance / (self.unit * self.unit) + 1e-6,
            ..moved
        })
    }
}

/// Whether it is always above 0.
fn positive(past: &[(Timestamp, f64)]) -> bool {
    past.iter().all(|(_, value)| *value > 0.0)
}

/// What is always above 0 moves by its part, all else by as much.
fn law(past: &[(Timestamp, f64)], level: f64, by: [f64; 3]) -> Law {
    if positive(past) && level > 0.0 {
        Law::Times(by.map(|by| (1.0 + by / level).max(0.0)))
    } else {
        let unsure = (by[2] - by[0]) / (2.0 * SCORES.0[10]);
        Law::Shift { by: by[1], unsure }
    }
}
