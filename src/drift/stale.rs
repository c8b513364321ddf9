//! No data: although there should be, or because the thing is no longer there.

use std::collections::BTreeMap;

use crate::{
    domain::{ResourceId, Span, Timestamp},
    shadow::{Metric, Shadows},
};

/// When each source of each resource last told anything.
///
/// A source that goes on telling of other things and not of this one says that it is not there: an unmounted file system, an
/// interface that was taken down, a process that ended. Silence is for a source that tells nothing at all.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a>(BTreeMap<(&'a ResourceId, &'a str), Timestamp>);

impl<'a> Sources<'a> {
    /// Cadences that a source may leave a thing out before it is gone, besides the one that is running.
    const LEFT_OUT: i64 = 2;

    /// The sources of all metrics.
    #[must_use]
    pub fn of(shadows: &'a Shadows) -> Self {
        let mut told = BTreeMap::new();
        for metric in shadows.metrics.values() {
            if let Some(newest) = metric.newest() {
                let source = (&metric.meta.id.resource, &*metric.meta.source);
                let at = told.entry(source).or_insert(newest.at);
                *at = newest.at.max(*at);
            }
        }
        Self(told)
    }

    /// Whether the thing `metric` measures is no longer there, as far as its source tells.
    #[must_use]
    pub fn removed(&self, metric: &Metric) -> bool {
        let source = (&metric.meta.id.resource, &*metric.meta.source);
        let (Some(told), Some(newest)) = (self.0.get(&source), metric.newest()) else {
            return false;
        };
        *told - newest.at > metric.meta.cadence * Self::LEFT_OUT
    }
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
