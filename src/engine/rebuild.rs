//! What was known at a time in the past, learnt again from the values that are kept: for forecasts and what-ifs as of then.
//!
//! Models are not kept for every time, so they are made anew from the values before it. What was learnt from older values than are
//! read here is missing, and consoles say so.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
        mpsc::sync_channel,
    },
};

use super::{Keeper, LinkError, STOPPED};
use crate::{
    domain::{
        MetricMeta, Point, Quantiles, ResourceId, SeriesId, SettingChange, SettingSnapshot, Span, Timestamp, Value,
    },
    shadow::{Metric, MetricShadow, Minute, Seen, Shadows, Slow},
    store::{Bucket, Store, StoreError},
};

/// Values of one metric that a forecast is learnt from.
pub(super) const FORECAST: usize = 8_000;
/// Values of every metric that a what-if is learnt from.
const WHAT_IF: usize = 1_200;
/// Time around a change of which every minute is read, to see what it did; of what came after it, at most [`MINUTES`] values.
const AROUND: Span = Span::from_mins(60);
const MINUTE: Span = Span::from_mins(1);
const MINUTES: usize = 120;
/// Changes of settings that a what-if looks at.
const CHANGES: usize = 10_000;

/// A what-if on its way: how far it is, and whether someone stopped it.
#[derive(Debug, Default)]
pub(super) struct Job {
    done: AtomicU32,
    of: AtomicU32,
    stopped: AtomicBool,
}

/// The what-ifs on their way, by who asked and their number.
pub(super) type Jobs = Arc<Mutex<BTreeMap<(String, u64), Arc<Job>>>>;

impl Job {
    /// Metrics learnt again, and all of them.
    pub(super) fn progress(&self) -> (u32, u32) {
        (self.done.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed))
    }

    /// Lets it end at the next metric.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

fn refused(why: impl ToString) -> LinkError {
    LinkError::Refused(why.to_string())
}

/// Reads on the keeper's thread and waits for it. Short reads one by one let writes pass between them.
pub(super) fn read<T: Send + 'static>(
    keeper: &Keeper,
    read: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, LinkError> {
    let (send, answer) = sync_channel(1);
    keeper.ask(move |store| drop(send.send(read(store))));
    let answer = answer
        .recv()
        .map_err(|_| refused("the store is busy or cannot be read: try again"))?;
    answer.map_err(refused)
}

/// A metric as it was at `at`, learnt from at most `most` values before; `None` when none is kept.
pub(super) fn metric(
    keeper: &Keeper,
    meta: MetricMeta,
    at: Timestamp,
    most: usize,
) -> Result<Option<Metric>, LinkError> {
    let (id, cadence) = (meta.id.clone(), meta.cadence.max(Span(1)));
    let minutes_from = at - Span::from_mins(Metric::MINUTES as i64);
    let (values, minutes) = read(keeper, move |store| {
        let values = store.history(&id, at - cadence * most as i64, at + Span(1), most)?;
        let minutes = store.history(
            &id,
            minutes_from.floor(Span::from_mins(1)),
            at.floor(Span::from_mins(1)),
            Metric::MINUTES,
        )?;
        Ok((values, minutes))
    })?;
    if values.is_empty() {
        return Ok(None);
    }
    Ok(Some(learnt(meta, &values, &minutes, at)))
}

/// A metric that has seen these values, and keeps these minutes.
fn learnt(meta: MetricMeta, values: &[Bucket], minutes: &[Bucket], at: Timestamp) -> Metric {
    let mut shadow = MetricShadow::new(&meta);
    let mut recent = VecDeque::new();
    for bucket in values {
        let point = Point {
            at: bucket.at,
            value: bucket.last,
        };
        let judged = shadow.observe(point);
        // Once early, so that there are bands, and once at the end: on the way it would only take time.
        if shadow.points() == MetricShadow::WARM {
            shadow.refit(bucket.at);
        }
        if recent.len() == Metric::RECENT {
            recent.pop_front();
        }
        recent.push_back(Seen {
            at: point.at,
            value: point.value,
            band: judged.expected.map(five),
            bits: judged.bits,
        });
    }
    if shadow.points() >= MetricShadow::WARM {
        shadow.refit(at);
    }
    let minute = |bucket: &Bucket| Minute {
        at: bucket.at,
        count: u32::try_from(bucket.count).unwrap_or(u32::MAX),
        min: bucket.min,
        max: bucket.max,
        last: bucket.last,
        bits: bucket.bits,
        band: bucket.expected.map(five),
    };
    Metric {
        limit: meta.limit.clone(),
        shadow,
        recent,
        minutes: minutes.iter().map(minute).collect(),
        slow: Slow::default(),
        meta,
    }
}

/// The settings as they were before the changes, a snapshot for each first part of their names.
fn first_snapshots(
    settings: impl Iterator<Item = (SeriesId, Value)>,
    changes: &[SettingChange],
) -> impl Iterator<Item = SettingSnapshot> {
    let begin = changes.first().map(|change| change.at).unwrap_or_default();
    let mut first: BTreeMap<&SeriesId, Option<&Value>> = BTreeMap::new();
    for change in changes {
        first.entry(&change.id).or_insert(change.from.as_ref());
    }
    let mut scopes: BTreeMap<(ResourceId, Arc<str>), BTreeMap<Arc<str>, Value>> = BTreeMap::new();
    for (id, value) in settings {
        let value = match first.get(&id) {
            Some(before) => before.cloned(),
            None => Some(value),
        };
        if let (Some(value), Some((scope, _))) = (value, id.name.split_once('.')) {
            let scope = scopes.entry((id.resource.clone(), scope.into())).or_default();
            scope.insert(id.name.clone(), value);
        }
    }
    scopes
        .into_iter()
        .map(move |((resource, scope), settings)| SettingSnapshot {
            reach: None,
            resource,
            scope,
            at: begin,
            settings: Some(settings),
        })
}

fn five(quantiles: Quantiles) -> [f32; 5] {
    [0, 2, 6, 10, 12].map(|level| quantiles.0[level] as f32)
}

/// Everything known at `at`, learnt again; counts in `job` and ends early when that is stopped.
pub(super) fn shadows(keeper: &Keeper, at: Timestamp, job: &Job) -> Result<Shadows, LinkError> {
    world(keeper, at, job, |meta| metric(keeper, meta, at, WHAT_IF))
}

/// The settings known at `at`, and what was measured from shortly before `begin` until then, with nothing learnt from it.
pub(super) fn since(keeper: &Keeper, begin: Timestamp, at: Timestamp, job: &Job) -> Result<Shadows, LinkError> {
    let (from, near) = (begin - AROUND, (begin + AROUND).min(at));
    world(keeper, at, job, |meta| {
        let id = meta.id.clone();
        let minutes = read(keeper, move |store| {
            let mut minutes = store.history(&id, from.floor(MINUTE), near.floor(MINUTE), MINUTES)?;
            if near < at {
                minutes.extend(store.history(&id, near.floor(MINUTE), at, MINUTES)?);
            }
            Ok(minutes)
        })?;
        Ok((!minutes.is_empty()).then(|| learnt(meta, &[], &minutes, at)))
    })
}

/// Settings and metrics as of `at`, each metric as `metric` reads it.
fn world(
    keeper: &Keeper,
    at: Timestamp,
    job: &Job,
    metric: impl Fn(MetricMeta) -> Result<Option<Metric>, LinkError>,
) -> Result<Shadows, LinkError> {
    let metas = read(keeper, move |store| store.metrics_as_of(at))?;
    let changes = read(keeper, move |store| {
        store.changes(Timestamp(i64::MIN / 2), at + Span(1), CHANGES)
    })?;
    let settings = read(keeper, move |store| store.settings_as_of(at))?;
    job.of.store(metas.len() as u32, Ordering::Relaxed);
    let mut shadows = Shadows::default();
    let settings = settings.into_iter().map(|(id, value, ..)| (id, value));
    for snapshot in first_snapshots(settings, &changes) {
        shadows.settings.snapshot(&snapshot);
    }
    for change in &changes {
        shadows.settings.observe(change);
    }
    for (meta, bucket) in metas {
        if job.stopped.load(Ordering::Relaxed) {
            return Err(refused(STOPPED));
        }
        shadows.newest = shadows.newest.max(Some(bucket.at));
        if let Some(metric) = metric(meta)? {
            shadows.metrics.insert(metric.meta.id.clone(), metric);
        }
        job.done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(shadows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MetricKind, Unit};

    #[test]
    fn the_past_is_learnt_again_from_what_is_kept() {
        let meta = MetricMeta {
            id: "host:a/load.1".parse().unwrap(),
            unit: Unit::None,
            kind: MetricKind::Gauge,
            cadence: Span::from_secs(10),
            source: "proc".into(),
            limit: None,
        };
        let begin: Timestamp = "2026-03-14T13:00:00Z".parse().unwrap();
        let bucket = |number: i64| {
            let value = 10.0 + (number % 7) as f64;
            Bucket {
                at: begin + Span::from_secs(10) * number,
                count: 1,
                min: value,
                max: value,
                mean: value,
                last: value,
                bits: 0.0,
                expected: None,
            }
        };
        let values: Vec<Bucket> = (0..500).map(bucket).collect();
        let at = begin + Span::from_secs(5_000);
        let metric = learnt(meta, &values, &values[..5], at);
        assert_eq!(
            (metric.shadow.points(), metric.recent.len(), metric.minutes.len()),
            (500, Metric::RECENT, 5)
        );
        let forecast = metric.shadow.forecast(Span::from_mins(5), 10).unwrap();
        assert!(forecast.start <= at);
        assert!((8.0..19.0).contains(&forecast.steps[5].median()));
    }

    #[test]
    fn settings_begin_as_they_were_before_their_changes() {
        let id = |name: &str| -> SeriesId { format!("host:a/{name}").parse().unwrap() };
        let change = |at, from, to| SettingChange {
            id: id("sysctl.vm.swappiness"),
            at: Timestamp(at),
            after: None,
            from: Some(Value::Int(from)),
            to: Some(Value::Int(to)),
            by: None,
            backfilled: false,
        };
        let changes = [change(5, 60, 10), change(9, 10, 1)];
        let now = [
            (id("sysctl.vm.swappiness"), Value::Int(1)),
            (id("sysctl.vm.x"), Value::Int(7)),
        ];
        let mut shadow = crate::shadow::SettingShadow::default();
        for snapshot in first_snapshots(now.into_iter(), &changes) {
            assert_eq!(shadow.snapshot(&snapshot), []);
        }
        assert_eq!(shadow.get(&id("sysctl.vm.swappiness")).unwrap().value, Value::Int(60));
        for change in &changes {
            shadow.observe(change);
        }
        assert_eq!(shadow.get(&id("sysctl.vm.swappiness")).unwrap().value, Value::Int(1));
        assert_eq!(
            (shadow.changes().len(), shadow.get(&id("sysctl.vm.x")).is_some()),
            (2, true)
        );
    }
}
