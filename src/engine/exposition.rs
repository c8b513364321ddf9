//! What an engine knows, in the text format of Prometheus (version 0.0.4), for a Prometheus to scrape and Grafana to draw.

use std::fmt::{Display, Write};

use super::{Ahead, MetricRow, Snapshot};
use crate::domain::{Mark, SeriesId, Severity, Side, Timestamp};

/// Metrics that are told; of what is beyond, only the number.
const MOST: usize = 10_000;
/// The levels of a band that are kept for every value, with their place among all.
const BAND: [(&str, usize); 5] = [("0.025", 0), ("0.1", 2), ("0.5", 6), ("0.9", 10), ("0.975", 12)];
/// The parts of all paths that have passed a limit by the times of a crossing.
const CROSSED: [&str; 3] = ["0.1", "0.5", "0.9"];

/// All that is told of `snapshot`, and of what is expected `ahead` of its metrics, a line each, ended by `\n`. No label holds a control character, no value is NaN.
#[must_use]
pub fn exposition(snapshot: &Snapshot, ahead: &[Ahead]) -> String {
    let mut page = Page::default();
    shadows(snapshot, ahead, &mut page);
    findings(snapshot, &mut page);
    ledger(snapshot, &mut page);
    engine(snapshot, &mut page);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) -> Family<'_> {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family {
            name: name.to_owned(),
            page: &mut self.0,
        }
    }

    fn gauge(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    /// Samples by quantile, which Prometheus knows of summaries alone; there is neither sum nor count.
    fn quantiles(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, "summary", help)
    }

    fn counter(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }
}

struct Family<'a> {
    name: String,
    page: &'a mut String,
}

impl Family<'_> {
    /// Adds one sample; what is no finite number is left out.
    fn add(&mut self, labels: &[(&str, &dyn Display)], value: f64) {
        if !value.is_finite() {
            return;
        }
        self.page.push_str(&self.name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let mark = if place == 0 { '{' } else { ',' };
            let _ = write!(self.page, "{mark}{label}=\"{}\"", escaped(&text.to_string()));
        }
        if !labels.is_empty() {
            self.page.push('}');
        }
        let _ = writeln!(self.page, " {value}");
    }
}

/// A label's value: the three characters that would end it or its line are escaped, others that control are made visible.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    crate::domain::text::visible(&text).into_owned()
}

/// Whether the newest value of `row` is one of now: what is stale or gone is left out, and Prometheus then marks it so.
fn current(row: &&MetricRow) -> bool {
    !matches!(row.mark, Mark::Stale | Mark::Removed)
}

fn shadows(snapshot: &Snapshot, ahead: &[Ahead], page: &mut Page) {
    let rows = || snapshot.metrics.iter().filter(current).take(MOST);
    let mut family = page.gauge("foreshadow_actual", "Newest value of a series, in its own unit.");
    for row in rows() {
        if let Some((_, value)) = row.now {
            family.add(&[("resource", &row.id.resource), ("series", &row.id.name)], value);
        }
    }
    let mut family = page.quantiles(
        "foreshadow_expected",
        "What had been expected of the newest value of a series, by quantile; with ahead, what is expected of it so many seconds later.",
    );
    for row in rows() {
        let Some(expected) = row.expected else { continue };
        for (level, place) in BAND {
            let labels: [(&str, &dyn Display); 3] = [
                ("resource", &row.id.resource),
                ("series", &row.id.name),
                ("quantile", &level),
            ];
            family.add(&labels, expected.0[place]);
        }
    }
    let is_told = |id: &SeriesId| rows().any(|row| row.id == *id);
    for (id, span, expected) in ahead.iter().filter(|(id, ..)| is_told(id)) {
        let secs = span.secs_f64();
        for (level, place) in BAND {
            let labels: [(&str, &dyn Display); 4] = [
                ("resource", &id.resource),
                ("series", &id.name),
                ("quantile", &level),
                ("ahead", &secs),
            ];
            family.add(&labels, expected.0[place]);
        }
    }
    let mut family = page.gauge(
        "foreshadow_surprise",
        "Surprise of the newest value of a series in bits: minus log2 of its tail probability.",
    );
    for row in rows().filter(|row| row.expected.is_some()) {
        let labels: [(&str, &dyn Display); 2] = [("resource", &row.id.resource), ("series", &row.id.name)];
        family.add(&labels, f64::from(row.bits));
    }
    let mut family = page.gauge("foreshadow_limit", "Limit of a series; trouble is above or below it.");
    for row in rows() {
        let Some(limit) = &row.limit else { continue };
        let side = match limit.side {
            Side::Above => "above",
            Side::Below => "below",
        };
        let labels: [(&str, &dyn Display); 3] = [
            ("resource", &row.id.resource),
            ("series", &row.id.name),
            ("side", &side),
        ];
        family.add(&labels, limit.value);
    }
    let crossings = || rows().filter_map(|row| Some((row, row.crossing?)));
    let mut family = page.gauge(
        "foreshadow_crossing_probability_ratio",
        "Probability that a series passes its limit within the horizon, where it is likely enough to tell.",
    );
    for (row, crossing) in crossings() {
        let labels: [(&str, &dyn Display); 2] = [("resource", &row.id.resource), ("series", &row.id.name)];
        family.add(&labels, crossing.probability);
    }
    let mut family = page.quantiles(
        "foreshadow_crossing_timestamp_seconds",
        "When that part of all paths has passed the limit.",
    );
    for (row, crossing) in crossings() {
        for (level, at) in CROSSED.iter().zip(crossing.at) {
            let labels: [(&str, &dyn Display); 3] = [
                ("resource", &row.id.resource),
                ("series", &row.id.name),
                ("quantile", level),
            ];
            if let Some(at) = at {
                family.add(&labels, seconds(at));
            }
        }
    }
    let left_out = snapshot.metrics.iter().filter(current).count().saturating_sub(MOST);
    page.gauge(
        "foreshadow_left_out",
        "Series that are not told here because there are too many.",
    )
    .add(&[], left_out as f64);
}

fn seconds(at: Timestamp) -> f64 {
    at.0 as f64 / 1e6
}

fn findings(snapshot: &Snapshot, page: &mut Page) {
    let mut family = page.gauge("foreshadow_findings", "Findings that hold, by severity.");
    for (name, severity) in [
        ("critical", Severity::Critical),
        ("warning", Severity::Warning),
        ("notice", Severity::Notice),
    ] {
        let held = snapshot
            .findings
            .iter()
            .filter(|finding| finding.severity == severity && finding.ended.is_none() && finding.mark != Mark::Muted);
        family.add(&[("severity", &name)], held.count() as f64);
    }
    let mut family = page.gauge(
        "foreshadow_resource_findings",
        "Findings that hold, by resource and mark.",
    );
    let mut counts = std::collections::BTreeMap::new();
    for finding in snapshot.findings.iter().filter(|finding| finding.ended.is_none()) {
        *counts.entry((&finding.resource, finding.mark)).or_insert(0_u32) += 1;
    }
    for ((resource, mark), count) in counts.into_iter().take(MOST) {
        family.add(&[("resource", resource), ("mark", &mark.word())], f64::from(count));
    }
    page.gauge("foreshadow_proposals", "Proposals that stand.")
        .add(&[], snapshot.proposals.len() as f64);
    page.gauge("foreshadow_resources", "Resources that are watched.")
        .add(&[], snapshot.resources.len() as f64);
    page.gauge("foreshadow_settings", "Settings that are watched.")
        .add(&[], snapshot.settings.len() as f64);
    let mut family = page.gauge(
        "foreshadow_metrics",
        "Metrics that are watched, by the state of their shadow.",
    );
    family.add(&[("shadow", &"learnt")], f64::from(snapshot.health.learnt));
    family.add(&[("shadow", &"learning")], f64::from(snapshot.health.learning));
}

fn ledger(snapshot: &Snapshot, page: &mut Page) {
    let health = &snapshot.health;
    let mut family = page.gauge(
        "foreshadow_band_held_ratio",
        "Share of recent values inside the band they were expected in, over all metrics.",
    );
    if let Some((held80, held95)) = health.held {
        family.add(&[("band", &"0.8")], held80);
        family.add(&[("band", &"0.95")], held95);
    }
    page.gauge("foreshadow_predictions_open", "Predictions that wait for their time.")
        .add(&[], f64::from(health.open));
    let records = || health.records.iter().map(|record| (record, record.ahead.secs_f64()));
    let mut family = page.gauge(
        "foreshadow_ledger_scored",
        "Predictions of the ledger's memory whose time has come, by what they claim and how many seconds before.",
    );
    for (record, ahead) in records() {
        family.add(&[("claim", &record.sort), ("ahead", &ahead)], record.scored as f64);
    }
    // Two shares with different meanings for values and for events.
    let values = || records().filter(|(record, _)| &*record.sort == "value");
    let mut family = page.gauge(
        "foreshadow_ledger_held_ratio",
        "Share of predicted values that came inside their band.",
    );
    for (record, ahead) in values() {
        family.add(&[("ahead", &ahead), ("band", &"0.8")], record.held80);
        family.add(&[("ahead", &ahead), ("band", &"0.95")], record.held95);
    }
    let events = || records().filter(|(record, _)| &*record.sort != "value");
    let mut family = page.gauge(
        "foreshadow_ledger_happened_ratio",
        "Share of predicted events that happened.",
    );
    for (record, ahead) in events() {
        family.add(&[("claim", &record.sort), ("ahead", &ahead)], record.held80);
    }
    let mut family = page.gauge(
        "foreshadow_ledger_claimed_ratio",
        "Mean probability claimed of the same events.",
    );
    for (record, ahead) in events() {
        family.add(&[("claim", &record.sort), ("ahead", &ahead)], record.held95);
    }
    let mut family = page.gauge(
        "foreshadow_ledger_loss",
        "Mean loss (pinball for values, Brier for events), and that of the plain forecast it has to beat.",
    );
    for (record, ahead) in records() {
        for (forecast, loss) in [("shadow", record.loss), ("plain", record.naive_loss)] {
            family.add(
                &[("claim", &record.sort), ("ahead", &ahead), ("forecast", &forecast)],
                loss,
            );
        }
    }
}

fn engine(snapshot: &Snapshot, page: &mut Page) {
    let (usage, store) = (&snapshot.usage, &snapshot.store);
    page.gauge("foreshadow_build_info", "The program's version.")
        .add(&[("version", &env!("CARGO_PKG_VERSION"))], 1.0);
    let mut family = page.gauge("foreshadow_engine_start_timestamp_seconds", "When the engine started.");
    if let Some(started) = usage.started {
        family.add(&[], seconds(started));
    }
    page.gauge(
        "foreshadow_engine_cpu_ratio",
        "Processor time of the engine, as a share of one core.",
    )
    .add(&[], usage.cpu_pct / 100.0);
    page.gauge("foreshadow_engine_resident_memory_bytes", "Memory the engine holds.")
        .add(&[], usage.rss_bytes as f64);
    page.gauge(
        "foreshadow_engine_lag_seconds",
        "From reading the newest values to publishing them.",
    )
    .add(&[], usage.lag_secs);
    page.counter(
        "foreshadow_engine_dropped_total",
        "Batches and writes that had to be merged because something was slow.",
    )
    .add(&[], usage.dropped as f64);
    page.gauge("foreshadow_engine_consoles", "Consoles attached.")
        .add(&[], f64::from(usage.consoles));
    page.gauge("foreshadow_store_up", "Whether what is seen is being kept.")
        .add(&[], f64::from(u8::from(store.ok)));
    page.gauge("foreshadow_store_size_bytes", "Size of the store.")
        .add(&[], store.bytes as f64);
    page.gauge("foreshadow_store_waiting", "Observations that wait to be written.")
        .add(&[], store.waiting as f64);
    page.counter("foreshadow_store_written_total", "Observations written.")
        .add(&[], store.written as f64);
    page.counter(
        "foreshadow_store_lost_total",
        "Observations lost because nothing could be written.",
    )
    .add(&[], store.lost as f64);
    let mut family = page.gauge("foreshadow_source_up", "Whether the last reading of a source worked.");
    for source in snapshot.sources.iter() {
        family.add(&[("source", &source.name)], f64::from(u8::from(source.ok)));
    }
    let mut family = page.gauge(
        "foreshadow_source_read_seconds",
        "How long the last reading of a source took.",
    );
    for source in snapshot.sources.iter() {
        family.add(&[("source", &source.name)], source.cost_ms / 1e3);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Crossing, Limit, MetricKind, Options, Quantiles, Record, ResourceId, Span, Unit};

    fn row(name: &str, value: f64) -> MetricRow {
        MetricRow {
            id: SeriesId::new(&ResourceId::new("host", "h"), name),
            unit: Unit::None,
            kind: MetricKind::Gauge,
            mark: Mark::Ok,
            now: Some((Timestamp::from_secs(10), value)),
            expected: Some(Quantiles::certain(2.0)),
            bits: 1.5,
            hour: [None; 8],
            limit: None,
            crossing: None,
            points: 1,
            from: None,
            ready: None,
            cadence: Span::from_secs(2),
            source: "t".into(),
        }
    }

    fn told(rows: Vec<MetricRow>) -> String {
        let mut snapshot = Snapshot::empty(Arc::new(Options::default()), Default::default());
        snapshot.metrics = rows.into();
        snapshot.health.records = [Record {
            sort: "value".into(),
            ahead: Span::from_mins(5),
            scored: 9,
            held80: 0.8,
            held95: f64::NAN,
            ..Record::default()
        }]
        .into();
        let ahead: Vec<Ahead> = ["gone", "old"]
            .into_iter()
            .chain(snapshot.metrics.iter().take(3).map(|row| &*row.id.name))
            .map(|name| {
                (
                    SeriesId::new(&ResourceId::new("host", "h"), name),
                    Span::from_hours(1),
                    Quantiles::certain(7.0),
                )
            })
            .collect();
        exposition(&snapshot, &ahead)
    }

    #[test]
    fn a_band_a_crossing_and_a_track_record() {
        let page = told(vec![MetricRow {
            limit: Some(Limit {
                value: 90.0,
                side: Side::Above,
                by: "t".into(),
            }),
            crossing: Some(Crossing {
                limit: 90.0,
                probability: 0.75,
                horizon: Span::from_hours(6),
                at: [Some(Timestamp::from_secs(20)), Some(Timestamp(30_500_000)), None],
                at95: [None; 2],
            }),
            ..row("fs./a\"b\\c.used_pct", 3.5)
        }]);
        let labels = r#"resource="host:h",series="fs./a\"b\\c.used_pct""#;
        for line in [
            format!("foreshadow_actual{{{labels}}} 3.5"),
            format!("foreshadow_expected{{{labels},quantile=\"0.975\"}} 2"),
            format!("foreshadow_expected{{{labels},quantile=\"0.1\",ahead=\"3600\"}} 7"),
            format!("foreshadow_surprise{{{labels}}} 1.5"),
            format!("foreshadow_limit{{{labels},side=\"above\"}} 90"),
            format!("foreshadow_crossing_probability_ratio{{{labels}}} 0.75"),
            format!("foreshadow_crossing_timestamp_seconds{{{labels},quantile=\"0.5\"}} 30.5"),
            r#"foreshadow_ledger_held_ratio{ahead="300",band="0.8"} 0.8"#.into(),
            r#"foreshadow_findings{severity="critical"} 0"#.into(),
        ] {
            assert!(page.lines().any(|told| told == line), "{line}\n{page}");
        }
        assert!(!page.contains("\"gone\""), "nothing is known of it now");
        assert!(!page.contains("NaN") && !page.contains("quantile=\"0.9\"} 0"));
    }

    #[test]
    fn what_is_stale_is_not_told_and_what_is_too_much_is_counted() {
        let stale = MetricRow {
            mark: Mark::Stale,
            ..row("old", 1.0)
        };
        assert!(!told(vec![stale]).contains("series=\"old\""));
        let page = told((0..MOST + 3).map(|place| row(&place.to_string(), 1.0)).collect());
        assert!(page.contains("\nforeshadow_left_out 3\n"));
    }

    proptest! {
        #[test]
        fn every_line_is_a_comment_or_a_sample(name in ".{1,20}", value in any::<f64>()) {
            for line in told(vec![row(&format!("{name}\n\u{1b}"), value)]).lines() {
                let sound = line.starts_with("# ") || line.rsplit_once(' ').is_some_and(|(_, value)| {
                    value.parse::<f64>().is_ok_and(f64::is_finite)
                });
                prop_assert!(sound && line.starts_with(['#', 'f']) && !line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}
