//! What-ifs as plain JSON: one form for scripts, for files that a console writes, and for whoever reads them later.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::Outcome;
use crate::domain::{Change, Effect, Evidence, Forecast, LEVELS, SeriesId, Timestamp, Unit, Value};

/// A setting's value: bool and int as such, a list as an object by identity, a secret as eight digits of its hash, all else
/// as text; `null` where there is none.
#[must_use]
pub fn plain(value: Option<&Value>) -> Json {
    match value {
        None => Json::Null,
        Some(value) if value.switch().is_some() => json!(value.switch()),
        Some(Value::Int(int)) => json!(int),
        Some(Value::List(items)) => items
            .iter()
            .map(|(key, item)| (key.to_string(), plain(Some(item))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Some(Value::Enum(text) | Value::Text(text)) => json!(text),
        Some(other @ (Value::Bool(_) | Value::Quantity(_) | Value::Version(_) | Value::Secret(_))) => {
            json!(other.to_string())
        }
    }
}

/// An effect of a change on a metric, as JSON; the means are at 10, 50 and 90 %.
#[derive(Serialize)]
pub struct EffectView<'a> {
    series: &'a SeriesId,
    unit: Unit,
    before: [f64; 3],
    after: [f64; 3],
    difference: [f64; 3],
    crossing_before: Option<f64>,
    crossing_after: Option<f64>,
    evidence: Evidence,
    cases: u32,
}

impl<'a> From<&'a Effect> for EffectView<'a> {
    fn from(effect: &'a Effect) -> Self {
        Self {
            series: &effect.series,
            unit: effect.unit,
            before: effect.before,
            after: effect.after,
            difference: effect.difference,
            crossing_before: effect.crossing.map(|(before, _)| before),
            crossing_after: effect.crossing.map(|(_, after)| after),
            evidence: effect.evidence,
            cases: effect.cases,
        }
    }
}

/// A change as JSON.
#[must_use]
pub fn change(change: &Change) -> Json {
    match change {
        Change::Setting { id, from, to } => json!({
            "sort": "setting",
            "series": id,
            "from": plain(from.as_ref()),
            "to": plain(to.as_ref()),
        }),
        Change::Capacity {
            resource,
            what,
            mount,
            factor,
        } => json!({
            "sort": "capacity",
            "resource": resource,
            "what": what,
            "mount": mount,
            "factor": factor,
        }),
        Change::Traffic { resource, load, factor } => json!({
            "sort": "traffic",
            "resource": resource,
            "load": load,
            "factor": factor,
        }),
    }
}

/// The steps of a forecast as JSON: the time and the values at the levels of `levels`.
#[must_use]
pub fn steps(forecast: &Forecast) -> Vec<Json> {
    times(forecast)
        .zip(&forecast.steps)
        .map(|(at, quantiles)| json!({ "at": at, "quantiles": quantiles.0 }))
        .collect()
}

/// The times of a forecast's steps.
pub fn times(forecast: &Forecast) -> impl Iterator<Item = Timestamp> + use<> {
    let (start, step) = (forecast.start, forecast.step);
    (1..).map(move |place| start + step * place)
}

/// What-if as JSON: the answer of `whatif --json`, and of a file that the console writes.
#[must_use]
pub fn view(outcome: &Outcome) -> serde_json::Value {
    let bands: Vec<_> = outcome
        .bands
        .iter()
        .map(|(id, before, after)| json!({ "series": id, "before": steps(before), "after": steps(after) }))
        .collect();
    json!({
        "changes": outcome.changes.active().map(change).collect::<Vec<_>>(),
        "at": outcome.at,
        "horizon_secs": outcome.horizon.secs_f64(),
        "seed": outcome.seed,
        "runs": outcome.runs,
        "effects": outcome.effects.iter().map(EffectView::from).collect::<Vec<_>>(),
        "levels": LEVELS,
        "bands": bands,
        "no_evidence": outcome.no_evidence,
        "notes": outcome.notes,
        "inside_seen": outcome.inside_seen,
    })
}
