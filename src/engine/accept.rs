//! Somebody says that what is, is as it should be.

use std::collections::BTreeSet;

use super::{Answer, LinkError, answer::refused, run::Loop};
use crate::{
    domain::{SeriesId, Timestamp},
    shadow::Metric,
};

/// Settings whose values before and after the audit keeps, of one acceptance.
const AUDITED: usize = 20;

/// Accepts the settings and departures of metrics named, all settings where none is, and leaves an audit line with the values before and after.
///
/// # Errors
/// Where nothing of what is named is to be accepted: why.
pub(super) fn accept(engine: &mut Loop, ids: &[SeriesId], who: &str, now: Timestamp) -> Result<Answer, LinkError> {
    let metrics: Vec<&Metric> = ids
        .iter()
        .filter_map(|id| engine.state.shadows.metrics.get(id))
        .collect();
    let settings = ids.len() - metrics.len();
    let mut differences = engine.state.baseline.diff(&engine.state.shadows);
    let named: BTreeSet<&SeriesId> = ids.iter().collect();
    differences.retain(|one| named.is_empty() || named.contains(&one.id));
    // Told where nothing is to be accepted.
    let why = metrics.first().map(|metric| not_off(metric));
    let taken = engine.state.accept(ids, now);
    if let Some(why) = why.filter(|_| settings + taken == 0) {
        return Err(refused(why));
    }
    let counts = match (settings, taken) {
        (0, 0) => "all settings".into(),
        (settings, 0) => format!("{settings} settings"),
        (0, metrics) => format!("{metrics} metrics"),
        (settings, metrics) => format!("{settings} settings, {metrics} metrics"),
    };
    let more = differences.len().saturating_sub(AUDITED);
    let told: Vec<String> = std::iter::once(counts)
        .chain(differences.iter().take(AUDITED).map(ToString::to_string))
        .chain((more > 0).then(|| format!("and {more} more")))
        .collect();
    let about = match (ids, &differences[..]) {
        ([id], _) => id.to_string(),
        ([], [one]) => one.id.to_string(),
        _ => String::new(),
    };
    engine.audit(now, who, "accept", &about, &told.join("; "));
    engine.publish(now);
    Ok(Answer::Done)
}

/// Why there is nothing to accept of a metric of which no departure is told.
fn not_off(metric: &Metric) -> String {
    let name = &metric.meta.id.name;
    let beyond = metric.limit.as_ref().zip(metric.newest());
    match beyond.is_some_and(|(limit, seen)| limit.broken_by(seen.value)) {
        true => format!("{name} has only passed its limit: `:limit` changes that, nothing else of it is off"),
        false => format!("{name} is not off: there is nothing to accept"),
    }
}
