//! `metrics`: metrics, their values and shadows.

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report, findings::CrossingView, plain, series::chosen},
    domain::{Limit, MetricKind, SeriesId, Timestamp, Unit},
    engine::{Link, MetricRow},
};

/// Arguments of `metrics`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only those whose name holds this; `*` stands for any run of characters.
    pattern: Option<String>,
}

#[derive(Serialize)]
struct View<'a> {
    id: &'a SeriesId,
    unit: Unit,
    kind: &'static str,
    mark: &'static str,
    value: Option<f64>,
    at: Option<Timestamp>,
    expected: Json,
    bits: f32,
    limit: Option<&'a Limit>,
    crossing: Option<CrossingView>,
    points: u64,
    from: Option<Timestamp>,
    ready: Option<Timestamp>,
    cadence_secs: f64,
    source: &'a str,
}

impl<'a> From<&'a MetricRow> for View<'a> {
    fn from(row: &'a MetricRow) -> Self {
        Self {
            id: &row.id,
            unit: row.unit,
            kind: match row.kind {
                MetricKind::Gauge => "gauge",
                MetricKind::Bounded { .. } => "bounded",
                MetricKind::Counter => "counter",
                MetricKind::Rate => "rate",
            },
            mark: row.mark.word(),
            value: row.now.map(|(_, value)| value),
            at: row.now.map(|(at, _)| at),
            expected: row.expected.as_ref().map_or(Json::Null, plain::band),
            bits: row.bits,
            limit: row.limit.as_ref(),
            crossing: row.crossing.as_ref().map(Into::into),
            points: row.points,
            from: row.from,
            ready: row.ready,
            cadence_secs: row.cadence.secs_f64(),
            source: &row.source,
        }
    }
}

impl Report for Args {
    const NEED: Need = Need::Fresh;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let snapshot = context.snapshot();
        let pattern = self.pattern.as_deref();
        let rows: Vec<&MetricRow> = snapshot.metrics.iter().filter(|row| chosen(pattern, &row.id)).collect();
        if context.json {
            out.json(&rows.iter().map(|row| View::from(*row)).collect::<Vec<_>>())?;
            return Ok(Exit::Done);
        }
        if rows.is_empty() {
            out.note("no metric matches");
            return Ok(Exit::Done);
        }
        let mut columns = Columns::headed(&["mark", "metric", "now", "shadow (80 %)", "bits", "limit", "source"]);
        for row in rows {
            let band = row.expected.map(|expected| expected.band80());
            columns.row(&[
                row.mark.to_string(),
                row.id.to_string(),
                row.now.map_or_else(|| "-".into(), |(_, value)| row.unit.show(value)),
                band.map_or_else(
                    || "-".into(),
                    |(low, high)| format!("{}..{}", row.unit.show(low), row.unit.show(high)),
                ),
                row.expected.map_or_else(|| "-".into(), |_| format!("{:.1}", row.bits)),
                row.limit
                    .as_ref()
                    .map_or_else(|| "-".into(), |limit| row.unit.show(limit.value)),
                row.source.to_string(),
            ]);
        }
        columns.print(out)?;
        Ok(Exit::Done)
    }
}
