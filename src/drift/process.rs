//! Processes that explain a departure: what of the rise of processor time or memory is theirs, by identity.

use super::report;
use crate::{
    domain::{Cause, Comparison, Finding, Mark, SeriesId, Span, Timestamp, Unit},
    shadow::{Metric, Shadows},
};

/// Least share of the rise that makes a process a cause.
const LEAST: f64 = 0.3;
/// A rise of the processors' use, in points, that is too small to make anything else wait.
const PLAIN_PCT: f64 = 5.0;
/// The time before the departure that its level is taken from.
const BEFORE: Span = Span::from_mins(10);
/// What is taken now is what was taken in this time.
const NOW: Span = Span::from_mins(1);
/// Less of what it took since the departure began is no longer taken.
const OVER: f64 = 0.1;

/// Whether `cause` is a process that takes processor time or memory.
pub(super) fn is_taker(cause: &Cause) -> bool {
    cause.series.as_ref().is_some_and(|id| id.name.starts_with("top."))
}

/// Whether `cause` is a process that no longer takes what it took since the departure began.
pub(crate) fn is_over(cause: &Cause, shadows: &Shadows, since: Timestamp) -> bool {
    let id = cause.series.as_ref().filter(|_| is_taker(cause));
    id.is_some_and(|id| !still_takes(shadows, id, since))
}

fn still_takes(shadows: &Shadows, id: &SeriesId, since: Timestamp) -> bool {
    let (Some(metric), Some(now)) = (shadows.metrics.get(id), shadows.newest) else {
        return false;
    };
    let from = recent(metric, now).max(since);
    mean(metric, from)
        .zip(mean(metric, since))
        .is_some_and(|(now, all)| now > OVER * all)
}

/// When what `metric` tells of `now` began.
fn recent(metric: &Metric, now: Timestamp) -> Timestamp {
    now - NOW.max(metric.meta.cadence * 2)
}

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
    let Some((whole, newest)) = whole.and_then(|metric| Some((metric, metric.newest()?.at))) else {
        return Vec::new();
    };
    // Who takes it now, while it is taken; of what is over, who took it.
    let recent = recent(whole, newest).max(finding.since);
    let (Some(now), Some(ever)) = (risen(whole, finding, recent), risen(whole, finding, finding.since)) else {
        return Vec::new();
    };
    let (from, rise) = if now > ever / 2.0 {
        (recent, now)
    } else {
        (finding.since, ever)
    };
    let least = if whole.meta.unit == Unit::Percent {
        PLAIN_PCT
    } else {
        0.0
    };
    if rise <= least {
        return Vec::new();
    }
    let mut takers = Vec::new();
    for (id, metric) in &shadows.metrics {
        let name = id.name.strip_prefix("top.").and_then(|rest| rest.strip_suffix(what));
        let Some(name) = name.filter(|_| id.resource == finding.resource) else {
            continue;
        };
        let (Some(own), Some(level)) = (risen(metric, finding, from), mean(metric, from)) else {
            continue;
        };
        let share = (own / rise).min(1.0);
        if share < LEAST {
            continue;
        }
        let shown = metric.meta.unit.show(level);
        let takes = if still_takes(shadows, id, finding.since) {
            "takes"
        } else {
            "took"
        };
        let whole = if metric.meta.unit == Unit::Percent {
            "of the processors"
        } else {
            "of memory"
        };
        let began = began(metric, finding.since, level - own / 2.0);
        takers.push(Cause {
            series: Some(id.clone()),
            what: report::line(format!("{} {takes} {shown} {whole}", name.trim_end_matches('.'))),
            at: began,
            earliest: Some(began - metric.meta.cadence),
            lead: Span::ZERO,
            // What of the rise is not its own speaks against it; a tenth stays for what identities do not see.
            weight: share / (1.1 - share),
        });
    }
    takers
}

/// By how much `metric` is higher on average from `from` on than before `finding`; a metric that was not there before was at nothing.
fn risen(metric: &Metric, finding: &Finding, from: Timestamp) -> Option<f64> {
    // The newest first value after may still hold time from before: what is read as a mean over the time since the last reading.
    let mut before = seen(metric, finding.since - BEFORE, finding.since);
    before.sort_by(f64::total_cmp);
    let before = before.get(before.len() / 2).copied().unwrap_or(0.0);
    let rise = mean(metric, from)? - before;
    rise.is_finite().then_some(rise)
}

/// When `metric` first took more than `half` of what it takes, from `since` on: another may have taken it before.
fn began(metric: &Metric, since: Timestamp, half: f64) -> Timestamp {
    let mut after = metric.recent.iter().filter(|seen| seen.at >= since);
    after.find(|seen| seen.value > half).map_or(since, |seen| seen.at)
}

/// The mean of what was seen from `from` on.
fn mean(metric: &Metric, from: Timestamp) -> Option<f64> {
    let values = seen(metric, from, Timestamp(i64::MAX));
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn seen(metric: &Metric, from: Timestamp, to: Timestamp) -> Vec<f64> {
    let within = metric.recent.iter().filter(|seen| seen.at >= from && seen.at < to);
    within.map(|seen| seen.value).collect()
}
