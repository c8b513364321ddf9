//! Processes that explain a departure: what of the rise of processor time or memory is theirs, by identity.

use super::report;
use crate::{
    domain::{Cause, Comparison, Finding, Mark, SeriesId, Span, Timestamp, Unit},
    shadow::{Metric, Shadows},
};

/// Least share of the rise that makes a process a cause.
const LEAST: f64 = 0.3;
/// The time before the departure that its level is taken from.
const BEFORE: Span = Span::from_mins(10);

/// The processes whose own rise makes up the rise of `finding`'s processor time or memory; the weight is in odds.
///
/// What processes of one name take, as a share of the machine, adds up to what the machine is busy with (utilisation law).
pub(super) fn takers(shadows: &Shadows, finding: &Finding) -> Vec<Cause> {
    if finding.comparison == Comparison::DeclaredActual || finding.mark == Mark::Stale {
        return Vec::new();
    }
    let of = |name: &str| shadows.metrics.get(&SeriesId::new(&finding.resource, name));
    let names = || finding.series.iter().map(|id| &*id.name);
    let any = |starts: &[&str]| names().any(|name| starts.iter().any(|start| name.starts_with(start)));
    let (whole, what) = if any(&["cpu.busy", "cpu.user", "load.", "psi.cpu"]) {
        (of("cpu.busy_pct"), "cpu_pct")
    } else if any(&["mem.", "swap.", "psi.mem"]) {
        (of("mem.used_bytes"), "rss_bytes")
    } else {
        return Vec::new();
    };
    let Some(rise) = whole
        .and_then(|metric| risen(metric, finding.since))
        .filter(|rise| *rise > 0.0)
    else {
        return Vec::new();
    };
    let mut takers = Vec::new();
    for (id, metric) in &shadows.metrics {
        let name = id.name.strip_prefix("top.").and_then(|rest| rest.strip_suffix(what));
        let Some(name) = name.filter(|_| id.resource == finding.resource) else {
            continue;
        };
        let (Some(own), Some(newest)) = (risen(metric, finding.since), metric.newest()) else {
            continue;
        };
        let share = (own / rise).min(1.0);
        if share < LEAST {
            continue;
        }
        let shown = metric.meta.unit.show(newest.value);
        let whole = if metric.meta.unit == Unit::Percent {
            "of the processors"
        } else {
            "of memory"
        };
        let from = finding.since - metric.meta.cadence;
        takers.push(Cause {
            series: Some(id.clone()),
            what: report::line(format!("{} takes {shown} {whole}", name.trim_end_matches('.'))),
            at: finding.since,
            earliest: Some(from),
            lead: Span::ZERO,
            // What of the rise is not its own speaks against it; a tenth stays for what identities do not see.
            weight: share / (1.1 - share),
        });
    }
    takers
}

/// By how much `metric` is higher since `since` than before; a metric that was not there before was at nothing.
fn risen(metric: &Metric, since: Timestamp) -> Option<f64> {
    let mean = |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    let seen = |from: Timestamp, to: Timestamp| -> Vec<f64> {
        let within = metric.recent.iter().filter(|seen| seen.at >= from && seen.at < to);
        within.map(|seen| seen.value).collect()
    };
    let after = mean(&seen(since, Timestamp(i64::MAX)))?;
    // The newest first value after may still hold time from before: what is read as a mean over the time since the last reading.
    let mut before = seen(since - BEFORE, since);
    before.sort_by(f64::total_cmp);
    let before = before.get(before.len() / 2).copied().unwrap_or(0.0);
    let rise = after - before;
    rise.is_finite().then_some(rise)
}
