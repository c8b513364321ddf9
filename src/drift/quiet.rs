//! How quiet the comparisons are, on noise.

use super::{
    sample::{self, T0, at, setting},
    *,
};
use crate::{
    domain::{MetricKind, MetricMeta, Point, Unit},
    shadow::{Metric, MetricShadow},
};

/// A noisy host at the coarsest cadence that single values are judged at: 200 independent series, 2,016 values each, more than a day.
///
/// A longer run of the same (2.4 million values) told nothing either; the bound of one a week leaves room for one here.
#[test]
fn a_noisy_host_stays_within_its_false_alarms() {
    let cadence = COARSE;
    let mut draw = fastrand::Rng::with_seed(11);
    let mut metrics: Vec<Metric> = (0..200)
        .map(|number| {
            let meta = MetricMeta {
                id: setting(&format!("m{number}.value")),
                unit: Unit::None,
                kind: MetricKind::Gauge,
                cadence,
                source: "test".into(),
                limit: None,
            };
            let mut metric = sample::metric("a.b", Unit::None);
            metric.shadow = MetricShadow::new(&meta);
            metric.meta = meta;
            // Two values long ago, so that the shadow is not young.
            metric.shadow.observe(Point { at: T0, value: 0.0 });
            metric.shadow.observe(Point {
                at: T0 + Span::from_hours(1),
                value: 0.0,
            });
            metric
        })
        .collect();
    let mut shadows = sample::shadows(metrics.drain(..));
    let mut state = DriftState::default();
    let mut told = std::collections::BTreeSet::new();
    for step in 1..=2016 {
        let now = T0 + Span::from_hours(1) + cadence * step;
        for metric in shadows.metrics.values_mut() {
            // Surprise of an honest shadow: −log2 of a uniform number; the value is as far out.
            let bits = -(1.0 - draw.f64()).log2();
            let value = if draw.bool() { bits } else { -bits };
            metric.recent.push_back(crate::shadow::Seen {
                at: now,
                value,
                band: Some([-5.3, -3.3, 0.0, 3.3, 5.3]),
                bits: bits as f32,
            });
            if metric.recent.len() > 20 {
                metric.recent.pop_front();
            }
        }
        let findings = state.judge(&shadows, &Baseline::default(), &Options::default(), now, 1);
        told.extend(findings.iter().map(|finding| finding.id));
    }
    assert!(told.len() <= 1, "{} false alarms in a day", told.len());
}

/// Twenty metrics under their real shadows for 50 minutes: noise from white to slowly wandering, every other one with bursts of
/// some seconds. Then two are taken to another level.
#[test]
fn noise_and_bursts_are_not_told_and_a_new_level_is() {
    let mut draw = fastrand::Rng::with_seed(2);
    let names: Vec<String> = (0..20).map(|number| format!("m{number:02}.used_pct")).collect();
    let mut shadows = sample::shadows(names.iter().map(|name| sample::metric(name, Unit::Percent)));
    let mut state = DriftState::default();
    let (mut wander, mut burst) = ([0.0; 20], [0; 20]);
    let mut told = std::collections::BTreeMap::new();
    for step in 0..1500 {
        let now = at(step * 2);
        for (number, metric) in shadows.metrics.values_mut().enumerate() {
            let keeps = [0.0, 0.5, 0.9, 0.99, 0.999_f64][number % 5];
            let normal = (0..6).map(|_| draw.f64() - 0.5).sum::<f64>() * 1.4;
            wander[number] = keeps * wander[number] + normal;
            let mut value = 20.0 + 2.0 * wander[number] * (1.0 - keeps * keeps).sqrt();
            if number % 2 == 0 {
                burst[number] = match burst[number] {
                    0 if draw.f64() < 1.0 / 300.0 => draw.i32(1..5),
                    left => (left - 1).max(0),
                };
                value += if burst[number] > 0 { 40.0 } else { 0.0 };
            }
            match number {
                8 if step >= 1450 => value = 90.0,
                11 if step >= 1450 => value = 50.0,
                _ => {}
            }
            sample::judged(metric, step * 2, value);
        }
        for finding in state.judge(&shadows, &Baseline::default(), &Options::default(), now, 1) {
            let first = told.entry(finding.series[0].name.clone()).or_insert(step);
            assert!(*first >= 1450, "{}: {}", finding.since, finding.summary);
        }
    }
    assert_eq!(
        told.keys().map(|name| &**name).collect::<Vec<_>>(),
        ["m08.used_pct", "m11.used_pct"]
    );
    assert!(told.values().all(|step| *step < 1470), "within 40 s: {told:?}");
}
