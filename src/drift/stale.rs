//! No data: although there should be, or because the thing is no longer there.

use std::{cell::OnceCell, collections::BTreeMap};

use crate::{
    domain::{ResourceId, SeriesId, Span, Timestamp},
    shadow::{Metric, Shadows},
};

/// When each source last told anything, and when it last told of each thing.
///
/// A source that goes on telling of other things and not of this one says that it is not there: an unmounted file system, an
/// interface that was taken down, a process that ended. Silence is for a source that tells nothing at all.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    shadows: &'a Shadows,
    told: BTreeMap<&'a ResourceId, Vec<(&'a str, Timestamp)>>,
    /// Made when the first metric is left out: most of the time none is.
    things: OnceCell<BTreeMap<(&'a ResourceId, &'a str), Timestamp>>,
}

impl<'a> Sources<'a> {
    /// Cadences that a source may leave something out before it is gone, besides the one that is running.
    const LEFT_OUT: i64 = 2;

    /// The sources of all metrics.
    #[must_use]
    pub fn of(shadows: &'a Shadows) -> Self {
        let mut told: BTreeMap<&ResourceId, Vec<(&str, Timestamp)>> = BTreeMap::new();
        for metric in shadows.metrics.values() {
            let Some(newest) = metric.newest() else { continue };
            let source = &*metric.meta.source;
            if is_about_asking(&metric.meta.id) {
                continue;
            }
            let of_one = told.entry(&metric.meta.id.resource).or_default();
            // A host has some tens of sources.
            match of_one.iter_mut().find(|(name, _)| *name == source) {
                Some((_, at)) => *at = newest.at.max(*at),
                None => of_one.push((source, newest.at)),
            }
        }
        Self {
            shadows,
            told,
            things: OnceCell::new(),
        }
    }

    /// Whether the source of `metric` goes on and no longer tells it: the disk had no operation to time, or is not there.
    #[must_use]
    pub fn left_out(&self, metric: &Metric) -> bool {
        metric.newest().is_some_and(|newest| self.passed(metric, newest.at))
    }

    /// Whether what `metric` is measured on is no longer there, as far as its source tells.
    #[must_use]
    pub fn gone(&self, metric: &Metric) -> bool {
        // Its own value is one of those of the thing.
        if !self.left_out(metric) {
            return false;
        }
        let thing = (&metric.meta.id.resource, thing(metric));
        let told = self.things.get_or_init(|| things(self.shadows)).get(&thing);
        told.is_some_and(|told| self.passed(metric, *told))
    }

    fn passed(&self, metric: &Metric, at: Timestamp) -> bool {
        let of_one = self.told.get(&metric.meta.id.resource).into_iter().flatten();
        let told = of_one.into_iter().find(|(name, _)| *name == &*metric.meta.source);
        told.is_some_and(|(_, told)| *told - at > metric.meta.cadence * Self::LEFT_OUT)
    }
}

/// Whether it is what Prometheus itself says of a target it asks (`up`, `scrape_duration_seconds`): it goes on when nothing answers, which
/// takes nothing from the target.
fn is_about_asking(id: &SeriesId) -> bool {
    if id.resource.kind() != "target" {
        return false;
    }
    let name = id.name.split('{').next().unwrap_or_default();
    let name = name.rsplit('.').next().unwrap_or_default();
    name == "up" || name.starts_with("scrape_")
}

/// When each thing was last told of.
fn things(shadows: &Shadows) -> BTreeMap<(&ResourceId, &str), Timestamp> {
    let mut things = BTreeMap::new();
    for metric in shadows.metrics.values() {
        if let Some(newest) = metric.newest() {
            let at = things
                .entry((&metric.meta.id.resource, thing(metric)))
                .or_insert(newest.at);
            *at = newest.at.max(*at);
        }
    }
    things
}

/// What a metric is measured on: its name without the last part.
fn thing(metric: &Metric) -> &str {
    let name = &*metric.meta.id.name;
    name.rsplit_once('.').map_or(name, |(thing, _)| thing)
}

/// Least silence that counts.
pub(super) const LEAST: Span = Span::from_secs(30);
/// Silence after which a series is taken as gone for good.
const GONE: Span = Span::from_hours(24);

/// Since when `metric` is stale at `now`; `None` when it is not. The watcher itself has been there since `watching`.
///
/// Processes come and go among the top ones, so their series are never stale.
pub(super) fn since(metric: &Metric, watching: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let newest = metric.newest()?.at;
    let waited = now - newest.max(watching);
    (waited > patience(metric) && now - newest < GONE && !metric.meta.of_process()).then_some(newest)
}

/// Whether nothing came for so long that its newest value says nothing about `now`.
pub(super) fn silent(metric: &Metric, now: Timestamp) -> bool {
    metric.newest().is_none_or(|newest| now - newest.at > patience(metric))
}

fn patience(metric: &Metric) -> Span {
    (metric.meta.cadence * 5).max(LEAST)
}
