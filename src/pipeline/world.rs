//! Takes a batch into the shadows: metrics, settings, events.

use std::collections::{BTreeMap, VecDeque};

use super::{Bounds, State, Step};
use crate::{
    domain::{
        Batch, Claim, Event, EventKind, Observation, Options, Point, Prediction, Quantiles, SeriesId, SettingChange,
        SettingSnapshot, Span, Timestamp,
    },
    drift::Sources,
    shadow::{Judged, Metric, MetricShadow, Minute, Seen, SettingShadow, Slow, setting::Told},
    store::Backfill,
};

/// Refits in one step: one costs about a millisecond.
const REFITS: usize = 2;
/// A metric of a thing that was gone for this long is forgotten.
const FORGOTTEN: Span = Span::from_hours(24);
/// Settings that an event names.
const NAMED: usize = 3;
/// A history's time of a change and the time it was seen at lie no farther apart.
const NEAR: Span = Span::from_mins(1);

pub(super) fn take_metrics(state: &mut State, batch: &Batch, options: &Options, out: &mut Step) {
    // Most batches bring no metric that is new.
    let bounds = match &batch.metrics[..] {
        [] => Bounds::default(),
        _ => state.bounds(),
    };
    for meta in &batch.metrics {
        let limit = state.limit_of(&meta.id, meta.limit.as_ref(), &bounds, options);
        match state.shadows.metrics.get_mut(&meta.id) {
            Some(metric) => {
                if metric.meta != *meta {
                    out.write.metrics.push(meta.clone());
                    metric.meta = meta.clone();
                }
                metric.limit = limit;
            }
            None => {
                out.write.metrics.push(meta.clone());
                let metric = Metric {
                    meta: meta.clone(),
                    limit,
                    shadow: MetricShadow::new(meta),
                    recent: VecDeque::new(),
                    minutes: VecDeque::new(),
                    slow: Slow::default(),
                };
                state.shadows.metrics.insert(meta.id.clone(), metric);
            }
        }
    }
    for observation in &batch.observations {
        let Observation { id, point } = observation;
        let Some(metric) = state.shadows.metrics.get_mut(id) else {
            continue;
        };
        if !point.value.is_finite() {
            metric.shadow.observe(*point);
            continue;
        }
        let judged = metric.shadow.observe(*point);
        let new_minute = remember(metric, *point, &judged);
        if let (true, Some(expected)) = (new_minute, judged.expected) {
            out.write.expected.push((id.clone(), point.at, expected));
        }
        out.write.observations.push((observation.clone(), judged.bits));
        out.write.scored.extend(state.ledger.observe(id, *point));
        if state.shadows.newest.is_none_or(|newest| newest < point.at) {
            state.shadows.newest = Some(point.at);
        }
    }
    for archive in &batch.archives {
        let Some(metric) = state.shadows.metrics.get_mut(&archive.id) else {
            continue;
        };
        let new = metric.shadow.recall(&archive.points, archive.every);
        if let (Some(first), Some(last)) = (new.first(), new.last()) {
            out.write.backfills.push(Backfill {
                id: archive.id.clone(),
                source: archive.source.clone(),
                from: first.at,
                to: last.at,
                values: new.len() as u64,
            });
        }
        let seen = |point| {
            let id = archive.id.clone();
            (Observation { id, point }, 0.0)
        };
        out.write.observations.extend(new.into_iter().map(seen));
    }
}

/// Adds a value to the recent ones and to its minute; says whether it began a minute. Late values are left out.
fn remember(metric: &mut Metric, point: Point, judged: &Judged) -> bool {
    if metric.recent.back().is_some_and(|last| point.at <= last.at) {
        return false;
    }
    if !metric.meta.of_process() {
        metric.slow.observe(point, metric.meta.cadence);
    }
    let band = judged.expected.map(five);
    let seen = Seen {
        at: point.at,
        value: point.value,
        band,
        bits: judged.bits,
    };
    push(&mut metric.recent, seen, Metric::RECENT);
    let at = point.at.floor(Span::from_mins(1));
    if let Some(minute) = metric.minutes.back_mut().filter(|minute| minute.at == at) {
        minute.count += 1;
        minute.min = minute.min.min(point.value);
        minute.max = minute.max.max(point.value);
        minute.last = point.value;
        minute.bits = minute.bits.max(judged.bits);
        minute.band = band.or(minute.band);
        return false;
    }
    let value = point.value;
    let minute = Minute {
        at,
        count: 1,
        min: value,
        max: value,
        last: value,
        bits: judged.bits,
        band,
    };
    push(&mut metric.minutes, minute, Metric::MINUTES);
    true
}

/// Adds `one` to the newest `most`. Room is made a sixth of that at a time: doubled it would lie idle, for every metric.
fn push<T>(newest: &mut VecDeque<T>, one: T, most: usize) {
    if newest.len() >= most {
        newest.pop_front();
    } else if newest.len() == newest.capacity() {
        newest.reserve_exact((most / 6).min(most - newest.len()));
    }
    newest.push_back(one);
}

fn five(quantiles: Quantiles) -> [f32; 5] {
    [0, 2, 6, 10, 12].map(|level| quantiles.0[level] as f32)
}

/// Forgets what lies ahead of a clock that was set back by more than a minute: new values would else count as late until
/// the old time has come again. The store keeps both.
pub(super) fn follow_the_clock(state: &mut State, now: Timestamp) {
    if state
        .shadows
        .newest
        .is_none_or(|newest| newest <= now + Span::from_mins(1))
    {
        return;
    }
    state.shadows.newest = Some(now);
    for metric in state.shadows.metrics.values_mut() {
        metric.recent.retain(|seen| seen.at <= now);
        metric.minutes.retain(|minute| minute.at <= now);
    }
}

pub(super) fn take_settings(state: &mut State, batch: &Batch, now: Timestamp, out: &mut Step) {
    for snapshot in &batch.snapshots {
        let told = state.shadows.settings.told(snapshot);
        let newest = state
            .shadows
            .newest
            .map_or(snapshot.at, |newest| newest.max(snapshot.at));
        state.shadows.newest = Some(newest);
        // What is there when watching begins is what is good, until someone says otherwise.
        if !told.known && snapshot.settings.is_some() && state.baseline.taken_at.is_none() {
            state.baseline.accept(&state.shadows, &[], now);
        } else {
            state.baseline.follow(&told.first, &told.left);
        }
        if told.known {
            for event in other_reach(snapshot, &told) {
                take_event(state, &event, out);
            }
        }
        let first = told.first.into_iter().map(|(id, value)| (id, Some(value)));
        let left = told.left.into_iter().map(|id| (id, None));
        let both = first.chain(left).map(|(id, value)| (id, snapshot.at, value));
        out.write.initial.extend(both);
        for change in told.changes {
            changed(state, change, now, out);
        }
    }
    // A history also tells of what was seen when it happened.
    let mut seen: BTreeMap<SeriesId, Vec<(Timestamp, Timestamp)>> = BTreeMap::new();
    if !batch.past.is_empty() {
        for change in state
            .shadows
            .settings
            .changes()
            .iter()
            .filter(|change| !change.backfilled)
        {
            let times = (change.earliest() - NEAR, change.at + NEAR);
            seen.entry(change.id.clone()).or_default().push(times);
        }
    }
    for change in &batch.past {
        let known = seen.get(&change.id).into_iter().flatten();
        if known.into_iter().any(|(from, to)| (*from..=*to).contains(&change.at)) {
            continue;
        }
        if state.shadows.settings.remember(change) {
            out.write.changes.push(change.clone());
        }
    }
    for change in &batch.changes {
        state.shadows.settings.observe(change);
        changed(state, change.clone(), now, out);
    }
}

/// Says that other settings are read of a scope than before: a newer version does, or the options were changed.
fn other_reach(snapshot: &SettingSnapshot, told: &Told) -> Vec<Event> {
    let event = |ids: Vec<&SeriesId>, reads: &str, more: &str| {
        let shown: Vec<&str> = ids.iter().take(NAMED).map(|id| &*id.name).collect();
        let shown = match ids.len().saturating_sub(NAMED) {
            0 => shown.join(", "),
            rest => format!("{} and {rest} more", shown.join(", ")),
        };
        let settings = if ids.len() == 1 { "setting" } else { "settings" };
        let scope = &snapshot.scope;
        (!ids.is_empty()).then(|| Event {
            at: snapshot.at,
            resource: snapshot.resource.clone(),
            kind: EventKind::Collector,
            what: format!("{scope} {reads} {} {settings}{more}: {shown}", ids.len()).into(),
            who: None,
            backfilled: false,
        })
    };
    let first = told.first.iter().map(|(id, _)| id).collect();
    let first = event(first, "now reads", " that it did not read before, accepted as they are");
    let left = event(told.left.iter().collect(), "no longer reads", "");
    first.into_iter().chain(left).collect()
}

fn changed(state: &mut State, change: SettingChange, now: Timestamp, out: &mut Step) {
    out.write.scored.extend(state.ledger.changed(&change));
    let probability = state
        .shadows
        .settings
        .undone(&change, now, SettingShadow::UNDONE_WITHIN);
    state.ledger.predict(Prediction {
        series: change.id.clone(),
        made_at: change.at,
        due: change.at + SettingShadow::UNDONE_WITHIN,
        claim: Claim::Undone {
            to: change.from.clone(),
            probability,
        },
    });
    out.write.changes.push(change);
}

pub(super) fn take_event(state: &mut State, event: &Event, out: &mut Step) {
    let events = &mut state.shadows.events;
    let place = events
        .iter()
        .rposition(|old| old.at <= event.at)
        .map_or(0, |place| place + 1);
    // Logs are read again after a restart. Several things may happen in one second, and of what is older than all that is held nobody
    // can tell whether it was told before.
    let mut same_time = events.range(..place).rev().take_while(|old| old.at == event.at);
    if same_time.any(|old| old.same(event)) || (place == 0 && events.len() >= State::EVENTS) {
        return;
    }
    events.insert(place, event.clone());
    if events.len() > State::EVENTS {
        events.pop_front();
    }
    out.write.events.push(event.clone());
}

/// Forgets the metrics of things that have not been there for a day: file systems, interfaces, processes that come and go would
/// else fill the memory. The store keeps their past.
pub(super) fn forget(state: &mut State, now: Timestamp) {
    let sources = Sources::of(&state.shadows);
    let gone: Vec<SeriesId> = state
        .shadows
        .metrics
        .iter()
        .filter(|(_, metric)| metric.newest().is_some_and(|newest| now - newest.at > FORGOTTEN))
        .filter(|(_, metric)| sources.gone(metric))
        .map(|(id, _)| id.clone())
        .collect();
    for id in gone {
        state.shadows.metrics.remove(&id);
    }
}

/// The retraining schedule: refits the first few metrics that are due, and says which.
pub(super) fn refit(state: &mut State, now: Timestamp) -> Vec<SeriesId> {
    let due = state
        .shadows
        .metrics
        .values_mut()
        .filter(|metric| metric.shadow.refit_due(now));
    let refit = |metric: &mut Metric| {
        metric.shadow.refit(now);
        metric.meta.id.clone()
    };
    due.take(REFITS).map(refit).collect()
}

#[cfg(test)]
mod tests;
