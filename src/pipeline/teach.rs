//! The network that learns from all metrics of a kind of resource, where it is chosen.

use std::collections::BTreeSet;

use super::State;
use crate::{
    domain::{Options, Timestamp},
    shadow::{Chosen, Members, Metric, Training},
};

/// Steps of learning a step of the pipeline makes at most, for all kinds together: about ten milliseconds.
const STEPS: usize = 8;
/// Series they are drawn from.
const SERIES: usize = 8;

/// Lets the chosen members forecast; where the network is one of them, it learns a little more, and what it learnt is handed to all metrics.
pub(super) fn teach(state: &mut State, options: &Options, now: Timestamp, seed: u64) {
    let members = Members::of(options.members.iter().map(|name| &**name));
    let shadows = &mut state.shadows;
    if members.has(Training::MEMBER) {
        let kinds: BTreeSet<&str> = shadows.metrics.keys().map(|id| id.resource.kind()).collect();
        let waits = |kind: &&str| shadows.training.get(*kind).is_none_or(|training| training.due(now));
        let waiting: Vec<&str> = kinds.into_iter().filter(waits).collect();
        // In turn: one whose series are all too short waits for ever.
        let turn = now.secs().unsigned_abs() as usize % waiting.len().max(1);
        if let Some(kind) = waiting.get(turn).copied() {
            let of_kind = |metric: &&Metric| metric.meta.id.resource.kind() == kind;
            let mut metrics: Vec<&Metric> = shadows.metrics.values().filter(of_kind).collect();
            fastrand::Rng::with_seed(seed ^ now.0 as u64).shuffle(&mut metrics);
            let pasts = metrics
                .into_iter()
                .take(SERIES)
                .filter_map(|metric| metric.shadow.past());
            let pasts: Vec<_> = pasts.collect();
            let training = shadows
                .training
                .entry(kind.into())
                .or_insert_with(|| Training::new(seed));
            training.learn(&pasts, STEPS, Training::ROUND, now);
        }
    } else {
        shadows.training.clear();
    }
    for (id, metric) in &mut shadows.metrics {
        let training = shadows.training.get(id.resource.kind());
        let network = training.map(|training| training.network().clone());
        metric.shadow.choose(&Chosen { members, network });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{MetricKind, MetricMeta, Point, ResourceId, SeriesId, Span, Unit},
        shadow::{MetricShadow, metric::Network},
    };

    fn state(hours: i64) -> State {
        let mut state = State::default();
        for name in ["busy", "load"] {
            let id = SeriesId {
                resource: ResourceId::new("host", "web-1"),
                name: name.into(),
            };
            let meta = MetricMeta {
                id: id.clone(),
                unit: Unit::None,
                kind: MetricKind::Gauge,
                cadence: Span::from_mins(10),
                source: "test".into(),
                limit: None,
            };
            let mut shadow = MetricShadow::new(&meta);
            for place in 0..hours * 6 {
                let value = (place * 7_919 % 101) as f64;
                let at = Timestamp(0) + Span::from_mins(10) * place;
                shadow.observe(Point { at, value });
            }
            let metric = Metric {
                meta,
                limit: None,
                shadow,
                recent: Default::default(),
                minutes: Default::default(),
                slow: Default::default(),
            };
            state.shadows.metrics.insert(id, metric);
        }
        state
    }

    #[test]
    fn the_network_learns_a_little_at_each_step_only_where_it_is_chosen() {
        let mut state = state(72);
        let now = Timestamp(0) + Span::from_hours(72);
        let mut options = Options::default();
        teach(&mut state, &options, now, 1);
        assert!(state.shadows.training.is_empty());
        options.members.push(Training::MEMBER.into());
        teach(&mut state, &options, now, 1);
        assert!(
            state.shadows.training["host"].due(now) && **state.shadows.training["host"].network() == Network::default()
        );
        // A round that has ended.
        let pasts: Vec<_> = state
            .shadows
            .metrics
            .values()
            .filter_map(|metric| metric.shadow.past())
            .collect();
        let mut training = Training::new(1);
        training.learn(&pasts, 8, 8, now);
        state.shadows.training.insert("host".into(), training);
        teach(&mut state, &options, now, 1);
        assert!(!state.shadows.training["host"].due(now));
        let metric = state.shadows.metrics.values_mut().next().unwrap();
        metric.shadow.refit(now);
        let named = |metric: &Metric| {
            metric
                .shadow
                .members()
                .iter()
                .any(|(name, _)| *name == Training::MEMBER)
        };
        assert!(named(metric));
        options.members.pop();
        teach(&mut state, &options, now, 1);
        let metric = state.shadows.metrics.values_mut().next().unwrap();
        metric.shadow.refit(now);
        assert!(!named(metric) && state.shadows.training.is_empty());
    }
}
