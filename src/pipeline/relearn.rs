//! Shadows learnt anew after what they watch began to behave otherwise, and what came of it; and the day's retraining.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{State, Step};
use crate::{
    domain::{Comparison, Finding, ResourceId, SeriesId, Span, Timestamp},
    shadow::Metric,
    store::AuditEntry,
};

/// Time for which metrics join a batch, and then for which its bands are looked at.
const BATCH: Span = Span::from_mins(15);
/// Least values looked at on each side, over all metrics of a batch.
const LEAST: u32 = 5;

/// What is being learnt anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Relearning {
    batches: BTreeMap<ResourceId, Batch>,
    /// When the day began, and what part of all values the 95 % bands held by then.
    day: Option<(Timestamp, Option<f64>)>,
    /// Refits since.
    refits: u64,
}

/// The metrics of a resource that left their shadows at about one time, and since when they are learnt anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Batch {
    since: Timestamp,
    metrics: BTreeSet<SeriesId>,
    /// Values that the 95 % bands held between the departure and the refit, and all of them.
    before: (u32, u32),
}

/// Notes the metrics that were refitted in this step, and says of each batch whose time has come how its bands held before and after.
pub(super) fn note(state: &mut State, refitted: &[SeriesId], now: Timestamp, out: &mut Step) {
    state.relearning.refits += refitted.len() as u64;
    for id in refitted {
        // A refit long after the departure is the schedule's.
        let left = |finding: &&Finding| {
            let fresh = now - finding.since <= BATCH * 2;
            finding.comparison == Comparison::ShadowActual && fresh && finding.series.contains(id)
        };
        let Some(finding) = state.findings.iter().find(left) else {
            continue;
        };
        let Some(metric) = state.shadows.metrics.get(id) else {
            continue;
        };
        let batches = &mut state.relearning.batches;
        let batch = batches.entry(id.resource.clone()).or_insert_with(|| Batch {
            since: now,
            metrics: BTreeSet::new(),
            before: (0, 0),
        });
        if now - batch.since <= BATCH && batch.metrics.insert(id.clone()) {
            batch.before = sum(batch.before, held(metric, finding.since, now));
        }
    }
    let over = |batch: &Batch| now < batch.since || now - batch.since >= BATCH * 2;
    let batches = &mut state.relearning.batches;
    let ready: Vec<(ResourceId, Batch)> = batches.extract_if(.., |_, batch| over(batch)).collect();
    for (resource, batch) in ready {
        let metrics = batch.metrics.iter().filter_map(|id| state.shadows.metrics.get(id));
        let after = metrics
            .map(|metric| held(metric, batch.since + BATCH, now))
            .fold((0, 0), sum);
        if let (Some(before), Some(after)) = (share(batch.before), share(after)) {
            let about = match (batch.metrics.len(), batch.metrics.first()) {
                (1, Some(id)) => format!("{} {}", resource.name(), id.name),
                (count, _) => format!("{} ({count} metrics)", resource.name()),
            };
            out.write.audit.push(entry(now, about, Some(before), after));
        }
    }
    day(state, now, out);
}

/// Says once a day how much was refitted by the schedule, and how the bands of all metrics held when the day began and now.
fn day(state: &mut State, now: Timestamp, out: &mut Step) {
    let start = now.floor(Span::from_days(1));
    if state.relearning.day.is_some_and(|(day, _)| day == start) {
        return;
    }
    let metrics = state.shadows.metrics.values();
    let held = metrics.map(|metric| metric.shadow.held());
    let (all, inside) = held.fold((0.0, 0.0), |(all, inside), held| {
        let weight = held.scored as f64;
        (all + weight, inside + weight * held.held95)
    });
    let share = (all > 0.0).then(|| inside / all);
    let before = state.relearning.day.replace((start, share));
    let refits = std::mem::take(&mut state.relearning.refits);
    if let (Some((before, was)), Some(is)) = (before, share)
        && before < start
        && refits > 0
    {
        let about = format!("all (daily, {refits} refits)");
        out.write.audit.push(entry(now, about, was, is));
    }
}

fn entry(at: Timestamp, resource: String, before: Option<f64>, after: f64) -> AuditEntry {
    let before = before.map_or_else(String::new, |before| format!("{:.1} -> ", before * 100.0));
    AuditEntry {
        at,
        who: "shadow".into(),
        what: "relearn".into(),
        resource,
        result: format!("95 % held {before}{:.1} %", after * 100.0),
    }
}

/// Values since `from` that the 95 % band held, and all of them.
fn held(metric: &Metric, from: Timestamp, to: Timestamp) -> (u32, u32) {
    let values = metric.recent.iter().filter(|seen| seen.at >= from && seen.at <= to);
    let known = values.filter_map(|seen| Some((seen.value as f32, seen.band?)));
    known.fold((0, 0), |count, (value, band)| {
        sum(count, (u32::from((band[0]..=band[4]).contains(&value)), 1))
    })
}

fn sum(a: (u32, u32), b: (u32, u32)) -> (u32, u32) {
    (a.0 + b.0, a.1 + b.1)
}

fn share((held, all): (u32, u32)) -> Option<f64> {
    (all >= LEAST).then(|| f64::from(held) / f64::from(all))
}
