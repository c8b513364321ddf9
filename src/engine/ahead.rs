//! What is expected of the metrics that matter most, some time from now.

use crate::{
    domain::{Quantiles, SeriesId, Span},
    pipeline::State,
    shadow::Coherent,
};

/// Most metrics that are foretold in one go: each takes about a millisecond a distance.
const MOST: usize = 40;

/// What a metric is expected to be: which, how far ahead, and the distribution.
pub type Ahead = (SeriesId, Span, Quantiles);

/// The distributions of what is off and of what has a limit, at each of `spans` from its newest value.
pub(super) fn ahead(state: &State, spans: &[Span]) -> Vec<Ahead> {
    let off = state.findings.iter().flat_map(|finding| finding.series.iter());
    let limited = state
        .shadows
        .metrics
        .iter()
        .filter(|(_, metric)| metric.limit.is_some());
    let mut ids: Vec<&SeriesId> = Vec::new();
    for id in off.chain(limited.map(|(id, _)| id)) {
        if ids.len() < MOST && !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids.sort();
    let mut all = Vec::new();
    for id in ids {
        let Some(metric) = state.shadows.metrics.get(id) else {
            continue;
        };
        for span in spans.iter().filter(|span| **span > Span::ZERO) {
            let forecast = Coherent::new(&state.shadows, *span, 1).of(metric);
            if let Some(quantiles) = forecast.and_then(|forecast| forecast.steps.last().copied()) {
                all.push((id.clone(), *span, quantiles));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Batch, Limit, MetricKind, MetricMeta, Observation, Options, Point, Side, Timestamp, Unit},
        pipeline,
    };

    #[test]
    fn what_has_a_limit_is_foretold() {
        let meta = |number: usize| MetricMeta {
            id: format!("host:a/m{number:02}").parse().unwrap(),
            unit: Unit::None,
            kind: MetricKind::Gauge,
            cadence: Span::from_secs(10),
            source: "t".into(),
            limit: (number > 0).then(|| Limit {
                value: 90.0,
                side: Side::Above,
                by: "t".into(),
            }),
        };
        let metas: Vec<MetricMeta> = (0..MOST + 5).map(meta).collect();
        let mut state = State::default();
        for number in 0..120 {
            let at = Timestamp::from_secs(number * 10);
            let observation = |meta: &MetricMeta| Observation {
                id: meta.id.clone(),
                point: Point {
                    at,
                    value: (number % 5) as f64,
                },
            };
            let batch = Batch {
                metrics: metas.clone(),
                observations: metas.iter().map(observation).collect(),
                ..Batch::default()
            };
            pipeline::step(&mut state, &batch, &Options::default(), at, 7);
        }
        let spans = [Span::from_mins(5), Span::ZERO, Span::from_mins(30)];
        let all = ahead(&state, &spans);
        assert_eq!(all.len(), 2 * MOST);
        assert!(all.iter().all(|(id, ..)| &*id.name != "m00"), "it has no limit");
        assert!(all.iter().all(|(.., quantiles)| quantiles.0.is_sorted()));
        assert!(ahead(&State::default(), &spans).is_empty());
    }
}
