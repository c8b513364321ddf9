//! What was learnt, brought up to what the store holds.
//!
//! What was learnt is saved every few minutes, what was seen every few seconds. After a kill the store is ahead: what it holds since is
//! stepped again, so that nothing of it is told a second time, and what the store says holds is what does.

use std::collections::{BTreeMap, BTreeSet};

use super::{SEED, run::SAVED};
use crate::{
    domain::{Batch, Finding, Options, SeriesId, SettingChange, Span, Timestamp},
    pipeline::{self, State},
    shadow::SettingShadow,
    store::{Store, StoreError, Write},
};

/// Most of the past that is stepped again, back from the newest value: three times as long as what was learnt is kept for.
const LONGEST: Span = Span(3 * SAVED.0);
/// Sources tell their values at most so much later than they saw them.
const TOLD_LATE: Span = Span::from_mins(1);
/// All time that a store can hold.
const EVER: (Timestamp, Timestamp) = (Timestamp(i64::MIN / 2), Timestamp(i64::MAX / 2));

/// Steps `state` through what `store` holds and it does not know; says whether that was anything.
///
/// # Errors
/// On a database error; the state is then as far as it came.
pub(super) fn resume(state: &mut State, store: &mut Store, options: &Options) -> Result<bool, StoreError> {
    let missed = missed(state, store)?;
    let saved = state.stepped_to();
    for (at, batch) in missed {
        // All of it stands in the store already.
        drop(pipeline::step(state, &batch, options, at, SEED));
    }
    Ok(state.stepped_to() > saved)
}

/// What the store holds and `state` does not know, by the second; each with the time of its newest part.
fn missed(state: &State, store: &mut Store) -> Result<BTreeMap<Timestamp, Batch>, StoreError> {
    let Some(saved) = state.stepped_to() else {
        return Ok(BTreeMap::new());
    };
    let newest = store.newest()?.unwrap_or(saved);
    let from = (saved - TOLD_LATE).max(newest - LONGEST);
    let mut found = store.recorded(from, EVER.1, false)?;
    let metrics = &state.shadows.metrics;
    found.observations.retain(|seen| {
        let known = metrics.get(&seen.id).and_then(|metric| metric.newest());
        known.is_none_or(|known| seen.point.at > known.at)
    });
    // A scope is kept whole when it is first seen, together with all that was learnt.
    found.snapshots.clear();
    let known: BTreeSet<_> = state.shadows.settings.changes().iter().map(placed).collect();
    let (past, changes) = store
        .changes(EVER.0, EVER.1, SettingShadow::CHANGES)?
        .into_iter()
        .filter(|change| !known.contains(&placed(change)))
        .partition::<Vec<_>, _>(|change| change.backfilled);
    (found.past, found.changes) = (past, changes);
    found.changes.retain(|change| change.at >= from);
    // Logs are read again after a start and tell of long ago: the newest events are all that is known of, and of these all are.
    found.events = store.events(EVER.0, EVER.1, State::EVENTS)?;
    Ok(by_second(found, saved))
}

fn placed(change: &SettingChange) -> (Timestamp, SeriesId) {
    (change.at, change.id.clone())
}

/// What was seen in one second, and the newest time of it.
type Seconds = BTreeMap<i64, (Timestamp, Batch)>;

/// A batch for every second in which anything was seen. What was seen by `saved` comes with the first.
fn by_second(all: Batch, saved: Timestamp) -> BTreeMap<Timestamp, Batch> {
    fn second(seconds: &mut Seconds, at: Timestamp) -> &mut Batch {
        let (newest, batch) = seconds.entry(at.secs()).or_insert((at, Batch::default()));
        *newest = at.max(*newest);
        batch
    }
    let mut seconds = Seconds::new();
    for observation in all.observations {
        let at = observation.point.at.max(saved);
        second(&mut seconds, at).observations.push(observation);
    }
    for change in all.changes {
        second(&mut seconds, change.at.max(saved)).changes.push(change);
    }
    for event in all.events {
        second(&mut seconds, event.at.max(saved)).events.push(event);
    }
    if !all.past.is_empty() {
        second(&mut seconds, saved).past = all.past;
    }
    let mut batches: BTreeMap<Timestamp, Batch> = seconds.into_values().collect();
    if let Some(mut first) = batches.first_entry() {
        first.get_mut().metrics = all.metrics;
    }
    batches
}

/// What was shown at `at`, among all that is to be told to the store.
fn shown(all: &mut BTreeMap<Timestamp, Write>, at: Timestamp) -> &mut Write {
    all.entry(at).or_insert_with(|| Write {
        shown_at: Some(at),
        ..Write::default()
    })
}

/// Lets end in the store what it says holds and does not by `state`, and tells it what holds that it does not know: findings and proposals
/// shown after the last commit, or of a state that is lost.
///
/// # Errors
/// On a database error.
pub(super) fn reconcile(state: &State, store: &mut Store) -> Result<(), StoreError> {
    let mut all = BTreeMap::new();
    let open: Vec<Finding> = store
        .findings(EVER.1, EVER.1)?
        .into_iter()
        .filter(|finding| finding.ended.is_none())
        .collect();
    for finding in &open {
        if state.findings.iter().any(|held| held.id == finding.id) {
            continue;
        }
        let ended = state.ended.iter().rev().find(|ended| ended.id == finding.id);
        let ended = ended.cloned().unwrap_or_else(|| Finding {
            // By then it held no more, or nobody looked.
            ended: Some(state.stepped_to().unwrap_or(finding.last).max(finding.last)),
            ..finding.clone()
        });
        shown(&mut all, ended.ended.unwrap_or(ended.last)).findings.push(ended);
    }
    for held in &state.findings {
        let kept = |kept: &Finding| kept.id == held.id && kept.mark == held.mark && kept.severity == held.severity;
        if !open.iter().any(kept) {
            // After what may say there that it has ended.
            let at = held.last.max(state.stepped_to().unwrap_or(held.last));
            shown(&mut all, at).findings.push(held.clone());
        }
    }
    let stand = store.proposals_as_of(EVER.1)?;
    let now = state.stepped_to();
    for old in &stand {
        if !state.proposals.iter().any(|proposal| proposal.id == old.id) {
            shown(&mut all, now.unwrap_or(old.made_at))
                .proposals
                .push((old.clone(), false));
        }
    }
    for proposal in &state.proposals {
        let kept = stand.iter().find(|old| old.id == proposal.id);
        if kept.is_none_or(|old| old.status != proposal.status) {
            shown(&mut all, now.unwrap_or(proposal.made_at))
                .proposals
                .push((proposal.clone(), true));
        }
    }
    all.values().try_for_each(|write| store.append(write))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Event, EventKind, MetricKind, MetricMeta, Observation, Point, SettingSnapshot, Unit, Value},
        engine::saved,
    };

    fn meta(name: &str) -> MetricMeta {
        MetricMeta {
            id: format!("host:a/{name}").parse().unwrap(),
            unit: Unit::None,
            kind: MetricKind::Gauge,
            cadence: Span::from_secs(2),
            source: "proc".into(),
            limit: None,
        }
    }

    /// What the sources tell in second `number`: a load that leaps at 400, a setting that changes at 450, a package a minute.
    fn told(number: i64) -> (Batch, Timestamp) {
        let at = Timestamp::from_secs(1_800_000_000 + number * 2);
        let metas = ["load.1", "load.5"].map(meta);
        let resource = metas[0].id.resource.clone();
        let swing = ((number * 7_919) % 13) as f64 / 3.0;
        let leap = if number >= 400 { 300.0 } else { 0.0 };
        let observation = |meta: &MetricMeta| Observation {
            id: meta.id.clone(),
            point: Point {
                at,
                value: 10.0 + swing + leap,
            },
        };
        let workers = if number >= 450 { 8 } else { 4 };
        let mut batch = Batch {
            observations: metas.iter().map(observation).collect(),
            metrics: metas.to_vec(),
            ..Batch::default()
        };
        if number % 30 == 0 {
            batch.snapshots.push(SettingSnapshot {
                reach: None,
                resource: resource.clone(),
                scope: "etc".into(),
                at,
                settings: Some([("etc.app:workers".into(), Value::Int(workers))].into()),
            });
            batch.events.push(Event {
                at: at - Span::from_hours(if number > 500 { 30 } else { 0 }),
                resource,
                kind: EventKind::Package,
                what: format!("install {number}").into(),
                who: None,
                backfilled: false,
            });
        }
        (batch, at)
    }

    /// A state saved at 380 of 600, the one at the end, and the store with all that came of it.
    fn killed() -> (State, State, Store) {
        let options = Options::default();
        let (mut state, mut store) = (State::default(), Store::in_memory(&options.store).unwrap());
        let mut early = None;
        for number in 0..600 {
            let (batch, at) = told(number);
            let step = pipeline::step(&mut state, &batch, &options, at, SEED);
            store.append(&step.write).unwrap();
            if number == 380 {
                early = Some(saved::unpack(&saved::pack(&state).unwrap()).unwrap());
            }
        }
        (early.unwrap(), state, store)
    }

    #[test]
    fn what_the_store_holds_since_is_known_again_and_told_no_second_time() {
        let (mut state, before, mut store) = killed();
        let options = Options::default();
        assert!(!before.findings.is_empty());
        resume(&mut state, &mut store, &options).unwrap();
        assert_eq!(state.stepped_to(), before.stepped_to());
        for (metric, was) in state.shadows.metrics.values().zip(before.shadows.metrics.values()) {
            assert_eq!(metric.shadow.points(), was.shadow.points());
            let times = |metric: &crate::shadow::Metric| {
                let minutes = metric.minutes.iter().map(|minute| (minute.at, minute.count));
                (metric.recent.len(), minutes.collect::<Vec<_>>())
            };
            assert_eq!(times(metric), times(was));
        }
        assert_eq!(state.shadows.events, before.shadows.events);
        let changes = |state: &State| -> Vec<_> { state.shadows.settings.changes().iter().map(placed).collect() };
        assert_eq!(changes(&state), changes(&before));
        let marks = |state: &State| -> BTreeMap<_, _> { state.findings.iter().map(|it| (it.id, it.mark)).collect() };
        assert_eq!(marks(&state), marks(&before));
        // All of it again, as sources do that read their logs from the beginning: nothing of it is news.
        let (mut batch, _) = told(570);
        batch.events = (0..600).flat_map(|number| told(number).0.events).collect();
        let at = before.stepped_to().unwrap() + Span::from_secs(2);
        batch.observations.clear();
        let again = pipeline::step(&mut state, &batch, &options, at, SEED);
        assert_eq!((again.write.changes.len(), again.write.events.len()), (0, 0));
        // Twice is as once.
        let points = state.shadows.metrics.values().next().unwrap().shadow.points();
        resume(&mut state, &mut store, &options).unwrap();
        assert_eq!(state.shadows.metrics.values().next().unwrap().shadow.points(), points);
    }

    #[test]
    fn what_no_longer_holds_ends_in_the_store() {
        let (_, before, mut store) = killed();
        let far = EVER.1;
        let held = |store: &mut Store| -> BTreeSet<_> {
            store
                .findings(far, far)
                .unwrap()
                .iter()
                .map(|finding| finding.id)
                .collect()
        };
        let all = held(&mut store);
        assert_eq!(all, before.findings.iter().map(|finding| finding.id).collect());
        reconcile(&before, &mut store).unwrap();
        assert_eq!(held(&mut store), all);
        // What was learnt is lost: nothing is known to hold.
        reconcile(&State::default(), &mut store).unwrap();
        assert_eq!(held(&mut store), BTreeSet::new());
        assert_eq!(store.proposals_as_of(far).unwrap(), []);
        // And what holds comes back.
        reconcile(&before, &mut store).unwrap();
        assert_eq!(held(&mut store), all);
    }
}
