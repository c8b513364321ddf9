//! No data: although there should be, or because the thing is no longer there.

use std::collections::BTreeMap;

use crate::{
    domain::{ResourceId, Span, Timestamp},
    shadow::{Metric, Shadows},
};

/// When each source last told anything, and when it last told of each thing.
///
/// A source that goes on telling of other things and not of this one says that it is not there: an unmounted file system, an
/// interface that was taken down, a process that ended. Silence is for a source that tells nothing at all.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    told: BTreeMap<(&'a ResourceId, &'a str), Timestamp>,
    things: BTreeMap<(&'a ResourceId, &'a str), Timestamp>,
}

impl<'a> Sources<'a> {
    /// Cadences that a source may leave something out before it is gone, besides the one that is running.
    const LEFT_OUT: i64 = 2;

    /// The sources of all metrics.
    #[must_use]
    pub fn of(shadows: &'a Shadows) -> Self {
        let mut sources = Self::default();
        for metric in shadows.metrics.values() {
            if let Some(newest) = metric.newest() {
                let later = |at: &mut Timestamp| *at = newest.at.max(*at);
                let resource = &metric.meta.id.resource;
                later(sources.told.entry((resource, &metric.meta.source)).or_insert(newest.at));
                later(sources.things.entry((resource, thing(metric))).or_insert(newest.at));
            }
        }
        sources
    }

    /// Whether the source of `metric` goes on and no longer tells it: the disk had no operation to time, or is not there.
    #[must_use]
    pub fn left_out(&self, metric: &Metric) -> bool {
        metric.newest().is_some_and(|newest| self.passed(metric, newest.at))
    }

    /// Whether what `metric` is measured on is no longer there, as far as its source tells.
    #[must_use]
    pub fn gone(&self, metric: &Metric) -> bool {
        let thing = (&metric.meta.id.resource, thing(metric));
        self.things.get(&thing).is_some_and(|told| self.passed(metric, *told))
    }

    fn passed(&self, metric: &Metric, at: Timestamp) -> bool {
        let source = (&metric.meta.id.resource, &*metric.meta.source);
        let told = self.told.get(&source);
        told.is_some_and(|told| *told - at > metric.meta.cadence * Self::LEFT_OUT)
    }
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
    (waited > patience(metric) && now - newest < GONE && !metric.meta.id.name.starts_with("top.")).then_some(newest)
}

/// Whether nothing came for so long that its newest value says nothing about `now`.
pub(super) fn silent(metric: &Metric, now: Timestamp) -> bool {
    metric.newest().is_none_or(|newest| now - newest.at > patience(metric))
}

fn patience(metric: &Metric) -> Span {
    (metric.meta.cadence * 5).max(LEAST)
}
