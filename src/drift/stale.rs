//! No data although there should be.

use crate::{
    domain::{Span, Timestamp},
    shadow::Metric,
};

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
