//! `forecast`: what a metric will be, and when it passes its limit.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report, findings::CrossingView, series, span},
    domain::{Finding, LEVELS, Limit, Mark, SeriesId, Side, Span, Timestamp, Unit},
    engine::{Answer, ForecastView, Link, MetricRow, Query},
    simulate::{steps, times},
};

/// Arguments of `forecast`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The metric: host:NAME/cpu.busy_pct, cpu.busy_pct, or busy_pct where that is one metric's name. Without it, tasks are read from
    /// stdin, one JSON object a line (`id`, `step_s`, `h`, `y`), and forecasts written, one a line.
    pub(super) series: Option<String>,
    /// How far ahead (default: the option `horizon`).
    #[arg(long, value_name = "SPAN", value_parser = span)]
    horizon: Option<Span>,
    /// Another limit than the one in force, in the metric's unit. It is passed on the side that its own limit is; without one, on the side
    /// where the value is not now.
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    limit: Option<f64>,
    /// How many steps to show at most.
    #[arg(long, value_name = "NUMBER", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=1000))]
    steps: u32,
}

#[derive(Serialize)]
struct View<'a> {
    id: &'a SeriesId,
    unit: Unit,
    horizon_secs: f64,
    start: Option<Timestamp>,
    step_secs: Option<f64>,
    points: u64,
    tested_secs: Option<f64>,
    levels: [f64; 13],
    steps: Vec<Json>,
    limit: Option<&'a Limit>,
    passed: bool,
    passed_since: Option<Timestamp>,
    crossing: Option<CrossingView>,
    members: Vec<Member<'a>>,
    seasons_secs: Vec<f64>,
    held: Json,
    crossings_inside: u64,
    crossings_due: u64,
}

#[derive(Serialize)]
struct Member<'a> {
    name: &'a Arc<str>,
    weight: f64,
}

impl Report for Args {
    const NEED: Need = Need::Fresh;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let snapshot = context.snapshot();
        let ids = snapshot.metrics.iter().map(|row| &row.id);
        let name = self.series.as_deref().unwrap_or_default();
        let id = series::find(name, "metric", ids)?;
        let row = snapshot.metrics.iter().find(|row| row.id == id);
        let unit = row.map_or(Unit::None, |row| row.unit);
        let horizon = self.horizon.unwrap_or(snapshot.options.horizon);
        let query = Query::Forecast {
            id,
            horizon,
            steps: self.steps,
            limit: self.limit.zip(row).map(|(value, row)| row.trial(value, "view")),
            at: None,
        };
        let answer = context
            .ask(query, |answer| match answer {
                Answer::Forecast(view) => Some(view),
                _ => None,
            })
            .await?;
        let passed = passed(&answer, row, &snapshot.findings);
        if context.json {
            out.json(&view(&answer, unit, horizon, passed))?;
        } else {
            let back = self.limit.is_some() && row.is_some_and(|row| row.limit.is_none());
            page(&answer, unit, horizon, passed, back, context, out)?;
        }
        Ok(Exit::Done)
    }
}

/// Whether the newest value is beyond the limit already, and since when, as a finding of that very limit or the values held know.
fn passed(answer: &ForecastView, row: Option<&MetricRow>, findings: &[Arc<Finding>]) -> Option<Option<Timestamp>> {
    let (limit, row) = answer.limit.as_ref().zip(row)?;
    let (_, value) = row.now.filter(|(_, value)| limit.broken_by(*value))?;
    let told = findings.iter().find(|finding| {
        let in_force = row
            .limit
            .as_ref()
            .is_some_and(|own| own.value == limit.value && own.broken_by(value));
        finding.mark == Mark::Breach && in_force && finding.series.first() == Some(&row.id)
    });
    Some(told.map(|finding| finding.since).into_iter().chain(answer.passed).min())
}

fn view(answer: &ForecastView, unit: Unit, horizon: Span, passed: Option<Option<Timestamp>>) -> View<'_> {
    let forecast = answer.forecast.as_ref();
    View {
        id: &answer.id,
        unit,
        horizon_secs: horizon.secs_f64(),
        start: forecast.map(|forecast| forecast.start),
        step_secs: forecast.map(|forecast| forecast.step.secs_f64()),
        points: forecast.map_or(0, |forecast| forecast.points),
        tested_secs: forecast.map(|forecast| forecast.tested.secs_f64()),
        levels: LEVELS,
        steps: forecast.map(steps).unwrap_or_default(),
        limit: answer.limit.as_ref(),
        passed: passed.is_some(),
        passed_since: passed.flatten(),
        crossing: answer.crossing.as_ref().map(Into::into),
        members: answer
            .members
            .iter()
            .map(|(name, weight)| Member { name, weight: *weight })
            .collect(),
        seasons_secs: answer.seasons.iter().map(|season| season.secs_f64()).collect(),
        held: json!({
            "scored": answer.held.scored,
            "held80": answer.held.held80,
            "held95": answer.held.held95,
            "error": answer.held.error,
            "naive_error": answer.held.naive_error,
        }),
        crossings_inside: answer.hits.0,
        crossings_due: answer.hits.1,
    }
}

fn page<L: Link>(
    answer: &ForecastView,
    unit: Unit,
    horizon: Span,
    passed: Option<Option<Timestamp>>,
    back: bool,
    context: &Context<'_, L>,
    out: &mut Out,
) -> anyhow::Result<()> {
    let Some(forecast) = &answer.forecast else {
        out.note(&format!(
            "{} is still being learnt: there is no forecast yet",
            answer.id
        ));
        // What is told of a limit already.
        if let (Some(limit), Some(crossing), None) = (&answer.limit, &answer.crossing, passed) {
            let odds = crossing.odds(|at| context.when.show(at));
            let limit = unit.show(limit.value);
            out.line(&format!(
                "limit {limit}, by how the last minutes ran alone: passing it is {odds}"
            ))?;
        }
        return Ok(());
    };
    let sure = match forecast.tested {
        Span::ZERO => "; nothing could be tested yet".into(),
        tested if tested < horizon => format!("; tested {tested} ahead, wider beyond"),
        _ => String::new(),
    };
    out.line(&format!(
        "{}, next {horizon}, from {} values{sure}",
        answer.id, forecast.points
    ))?;
    let beyond = |limit: &Limit| match limit.side {
        Side::Above => format!("above {}", unit.show(limit.value)),
        // A limit tried on what is above it.
        Side::Below if back => format!("back below {}", unit.show(limit.value)),
        Side::Below => format!("below {}", unit.show(limit.value)),
    };
    match (&answer.limit, &answer.crossing) {
        (None, _) => out.line("no limit")?,
        (Some(limit), _) if let Some(since) = passed => out.line(&format!(
            "limit {}: passed {}",
            beyond(limit),
            since.map_or_else(|| "now".into(), |at| format!("since {}", context.when.show(at)))
        ))?,
        (Some(limit), None) => out.line(&format!("limit {}: not passed within {horizon}", beyond(limit)))?,
        (Some(limit), Some(crossing)) => {
            let odds = crossing.odds(|at| context.when.show(at));
            out.line(&format!("limit {}: passing it is {odds}", beyond(limit)))?;
        }
    }
    if answer.held.scored > 0 {
        out.line(&format!(
            "held: {:.1} % inside the 80 % band, {:.1} % inside the 95 % band; mean error {}, staying as it was {}",
            answer.held.held80 * 100.0,
            answer.held.held95 * 100.0,
            unit.show(answer.held.error),
            unit.show(answer.held.naive_error)
        ))?;
    }
    out.line("")?;
    let mut columns = Columns::headed(&["at", "median", "80 %", "95 %"]);
    for (at, step) in times(forecast).zip(&forecast.steps) {
        let band = |(low, high)| format!("{}..{}", unit.show(low), unit.show(high));
        columns.row(&[
            context.when.show(at),
            unit.show(step.median()),
            band(step.band80()),
            band(step.band95()),
        ]);
    }
    columns.print(out)?;
    Ok(())
}
