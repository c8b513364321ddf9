//! `findings`: what is off, or will be.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    cli::{Columns, Context, Exit, FailOn, Need, Out, Report, When, plain, series::chosen},
    domain::{Comparison, Crossing, Finding, Level, ResourceId, Seen, SeriesId, Severity, Timestamp, Unit},
    engine::{Link, Snapshot},
};

/// Arguments of `findings`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only of series that match; `*` stands for any run of characters.
    pattern: Option<String>,
    /// End with 1 when a finding is at or above this.
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
}

/// A finding as JSON.
#[derive(Serialize)]
pub(super) struct View<'a> {
    id: String,
    mark: &'static str,
    level: Level,
    severity: Severity,
    comparison: Comparison,
    resource: &'a ResourceId,
    series: &'a [SeriesId],
    now: Json,
    expected: Json,
    band80: Option<(f64, f64)>,
    since: Timestamp,
    earliest: Option<Timestamp>,
    last: Timestamp,
    ended: Option<Timestamp>,
    over: bool,
    began: Option<Timestamp>,
    bits: f64,
    score: f64,
    confidence: f64,
    crossing: Option<CrossingView>,
    summary: &'a str,
    evidence: &'a [Arc<str>],
    causes: Vec<CauseView<'a>>,
    rule: Option<&'a str>,
}

#[derive(Serialize)]
struct CauseView<'a> {
    series: Option<&'a SeriesId>,
    what: &'a str,
    at: Timestamp,
    earliest: Option<Timestamp>,
    lead_secs: f64,
    weight: f64,
}

/// When a limit is passed, as JSON.
#[derive(Serialize)]
pub(super) struct CrossingView {
    limit: f64,
    probability: f64,
    horizon_secs: f64,
    at2_5: Option<Timestamp>,
    at10: Option<Timestamp>,
    at50: Option<Timestamp>,
    at90: Option<Timestamp>,
    at97_5: Option<Timestamp>,
}

impl From<&Crossing> for CrossingView {
    fn from(crossing: &Crossing) -> Self {
        let [at10, at50, at90] = crossing.at;
        let [at2_5, at97_5] = crossing.at95;
        Self {
            limit: crossing.limit,
            probability: crossing.probability,
            horizon_secs: crossing.horizon.secs_f64(),
            at2_5,
            at10,
            at50,
            at90,
            at97_5,
        }
    }
}

impl<'a> From<&'a Finding> for View<'a> {
    fn from(finding: &'a Finding) -> Self {
        let (now, expected, band80) = match &finding.seen {
            Seen::Metric { now, band } => (Json::from(*now), Json::Null, *band),
            Seen::Setting { now, expected } => (plain::value(now.as_ref()), plain::value(expected.as_ref()), None),
        };
        Self {
            id: finding.id.0.to_string(),
            mark: finding.mark.word(),
            level: finding.level,
            severity: finding.severity,
            comparison: finding.comparison,
            resource: &finding.resource,
            series: &finding.series,
            now,
            expected,
            band80,
            since: finding.since,
            earliest: finding.earliest,
            last: finding.last,
            ended: finding.ended,
            over: finding.over,
            began: finding.began,
            bits: finding.bits,
            score: finding.score,
            confidence: finding.confidence,
            crossing: finding.crossing.as_ref().map(Into::into),
            summary: &finding.summary,
            evidence: &finding.evidence,
            causes: finding
                .causes
                .iter()
                .map(|cause| CauseView {
                    series: cause.series.as_ref(),
                    what: &cause.what,
                    at: cause.at,
                    earliest: cause.earliest,
                    lead_secs: cause.lead.secs_f64(),
                    weight: cause.weight,
                })
                .collect(),
            rule: finding.rule.as_deref(),
        }
    }
}

impl Report for Args {
    const NEED: Need = Need::Fresh;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let snapshot = context.snapshot();
        let pattern = self.pattern.as_deref();
        let found: Vec<&Finding> = snapshot
            .findings
            .iter()
            .map(AsRef::as_ref)
            .filter(|finding: &&Finding| finding.series.iter().any(|id| chosen(pattern, id)))
            .collect();
        if context.json {
            out.json(&found.iter().map(|finding| View::from(*finding)).collect::<Vec<_>>())?;
        } else if found.is_empty() {
            out.note(match pattern {
                Some(_) if !snapshot.findings.is_empty() => "no finding matches",
                _ => "nothing is off",
            });
        } else {
            list(found.iter().copied(), &snapshot, context.when).print(out)?;
        }
        Ok(exit(self.fail_on, found))
    }
}

/// [`Exit::Findings`] when one of them is at or above `fail_on`.
pub(super) fn exit(fail_on: Option<FailOn>, findings: Vec<&Finding>) -> Exit {
    match fail_on {
        Some(least) if findings.into_iter().any(|finding| least.is_met_by(finding)) => Exit::Findings,
        _ => Exit::Done,
    }
}

/// Findings as rows: mark, severity, level, bits, since, series, what is and what should be, likeliest cause.
pub(super) fn list<'a>(findings: impl Iterator<Item = &'a Finding>, snapshot: &Snapshot, when: &When) -> Columns {
    let mut columns = Columns::headed(&[
        "mark", "severity", "level", "bits", "since", "series", "now", "shadow", "summary", "cause",
    ]);
    for finding in findings {
        let first = finding.series.first();
        let unit = first
            .and_then(|id| snapshot.metrics.iter().find(|row| row.id == *id))
            .map_or(Unit::None, |row| row.unit);
        let (now, shadow) = match &finding.seen {
            Seen::Metric { now, band } => (
                now.map_or_else(|| "-".into(), |now| unit.show(now)),
                band.map_or_else(
                    || "-".into(),
                    |(low, high)| format!("{}..{}", unit.show(low), unit.show(high)),
                ),
            ),
            Seen::Setting { now, expected } => (
                brief(&plain::shown(now.as_ref())),
                brief(&plain::shown(expected.as_ref())),
            ),
        };
        columns.row(&[
            finding.mark.to_string(),
            severity(finding.severity).into(),
            level(finding.level).into(),
            format!("{:.1}", finding.bits),
            when.show(finding.since),
            first.map_or_else(|| finding.resource.to_string(), SeriesId::to_string),
            now,
            shadow,
            finding.summary.to_string(),
            finding.causes.first().map_or_else(
                || "none found".into(),
                |cause| format!("{} ({:.0} %)", cause.what, cause.weight * 100.0),
            ),
        ]);
    }
    columns
}

/// A value that leaves room for others in its row.
pub(super) fn brief(text: &str) -> String {
    const MOST: usize = 40;
    if text.chars().count() <= MOST {
        return text.into();
    }
    text.chars().take(MOST - 1).chain(['~']).collect()
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Notice => "notice",
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::High => "HIGH",
        Level::Moderate => "MODERATE",
        Level::Low => "LOW",
    }
}
