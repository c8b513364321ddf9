//! Causes of what came about over hours: changes of the resource, or of the service as a whole, that may have acted at once or with the next peak.

use super::{coarse, report};
use crate::{
    domain::{Cause, Comparison, Finding, Mark, SettingChange, Span, Value},
    shadow::Shadows,
};

/// How far back they are looked for: whatever waits for the next peak has come then.
const BEFORE: Span = Span::from_hours(30);
/// The hour in which something began is known, and not when in it.
const HOUR: Span = Span::from_hours(1);
/// P(a change has an effect that is seen): of any setting, and of a version, which changes all at once.
const PRIOR: f64 = 0.3;
const VERSION: f64 = 0.5;
/// How much more likely that is of one whose name says what it acts on, and of the very limit.
const NAMESAKE: f64 = 10.0;
const LIMIT: f64 = 1_000.0;
/// Mean time until a change is seen that acts at once, and the share of those that do; the others act at some time of [`BEFORE`].
const SOON: (f64, f64) = (3_600.0, 0.5);
/// A change by this factor is a middling one.
const MIDDLING: f64 = 1.5;

/// Who may have brought about the departure of a metric that is judged by hours, with the odds against chance as weights; `None` for any other finding.
pub(super) fn causes(finding: &Finding, shadows: &Shadows) -> Option<Vec<Cause>> {
    let metric = shadows
        .metrics
        .get(&finding.series[0])
        .filter(|metric| coarse(metric))?;
    if finding.comparison == Comparison::DeclaredActual || finding.mark == Mark::Stale {
        return None;
    }
    let began = finding.since + HOUR;
    let here = |change: &&SettingChange| {
        let resource = &change.id.resource;
        *resource == finding.resource || resource.is_service()
    };
    let changes = shadows.settings.changes().iter().rev();
    let near: Vec<&SettingChange> = changes
        .skip_while(|change| change.at > began)
        .take_while(|change| change.at >= began - BEFORE)
        .filter(here)
        .collect();
    if near.is_empty() {
        return None;
    }
    let limit = metric.limit.as_ref().map(|limit| &*limit.by);
    let weigh = |change: &&SettingChange| {
        let named = finding.series.iter().any(|id| namesake(&change.id.name, &id.name));
        let strength = match limit == Some(&*change.id.name) {
            true => LIMIT,
            false if named => NAMESAKE,
            false => 1.0,
        };
        let prior = match &change.to {
            Some(Value::Version(_)) => VERSION,
            _ => PRIOR,
        };
        // It may have come right after the last value that was as usual.
        let waited = (finding.earliest.unwrap_or(finding.since) - change.at)
            .secs_f64()
            .max(0.0);
        let soon = SOON.1 * (-waited / SOON.0).exp() / SOON.0 + (1.0 - SOON.1) / BEFORE.secs_f64();
        // As often as changes come here, one lies this near by chance.
        let chance = near.len() as f64 / BEFORE.secs_f64();
        let weight = prior * strength * dose(change) * soon / chance;
        Cause {
            series: Some(change.id.clone()),
            what: report::change(change),
            at: change.at,
            earliest: None,
            lead: (finding.since - change.at).max(Span::ZERO),
            weight,
        }
    };
    Some(near.iter().map(weigh).collect())
}

/// How large a change of a number is: one by a twentieth does a tenth of what one by half as much again does.
fn dose(change: &SettingChange) -> f64 {
    let number = |value: &Option<Value>| value.as_ref().and_then(Value::number).filter(|number| *number > 0.0);
    match (number(&change.from), number(&change.to)) {
        (Some(from), Some(to)) => ((to / from).ln().abs() / MIDDLING.ln()).clamp(0.1, 3.0),
        _ => 1.0,
    }
}

/// Whether a setting and a metric begin with the same word: `cache.max_mb`, `cache.hit_pct`.
fn namesake(setting: &str, metric: &str) -> bool {
    let first = |name: &'_ str| name.split(['.', '_', ':', '/']).next().map(str::to_owned);
    first(setting) == first(metric)
}
