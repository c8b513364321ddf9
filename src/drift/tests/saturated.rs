//! A host whose processors are busy all the time, and what one more program does there.

use super::{sample::MINUTE, *};

/// Two processors that `busy` programs want whole from T0 on, and one more from `more` seconds on: values at `second`.
fn values(second: i64, more: i64, load: &mut f64, rng: &mut fastrand::Rng) -> [f64; 4] {
    let wants = if second >= more { 3.0 } else { 2.0 };
    let mut noise = |size: f64| (rng.f64() - 0.5) * size;
    // The mean of a minute, and waiting: with three for two places somebody always waits.
    *load += (wants + 0.2 + noise(0.8) - *load) * (1.0 - (-2.0_f64 / 60.0).exp());
    let waits = if wants > 2.0 { 97.0 } else { 12.0 };
    [
        100.0,
        (*load * 100.0).round() / 100.0,
        (waits + noise(6.0)).min(99.9),
        (wants + 0.4 + noise(2.0)).round().max(1.0),
    ]
}

#[test]
fn one_more_that_wants_a_processor_is_told_where_all_are_busy() {
    const NAMES: [(&str, Unit); 4] = [
        ("cpu.busy_pct", Unit::Percent),
        ("load.1", Unit::Count),
        ("psi.cpu.some_pct", Unit::Percent),
        ("proc.running", Unit::Count),
    ];
    let mut metrics = NAMES.map(|(name, unit)| sample::metric(name, unit));
    let mut rng = fastrand::Rng::with_seed(5);
    let (mut load, more) = (2.2, 1_800);
    let mut shadows = Shadows::default();
    sample::add_settings(&mut shadows, &[("hw.cpu.count", "2")]);
    let baseline = Baseline::take(&shadows, T0);
    let mut state = DriftState::default();
    let mut told = Vec::new();
    for step in 0..1_080 {
        let second = step * 2;
        let now = values(second, more, &mut load, &mut rng);
        for (metric, value) in metrics.iter_mut().zip(now) {
            sample::judged(metric, second, value);
        }
        if second < more - 60 {
            continue;
        }
        shadows.metrics = metrics
            .iter()
            .map(|metric| (metric.meta.id.clone(), metric.clone()))
            .collect();
        shadows.newest = Some(at(second));
        told.extend(state.judge(&shadows, &baseline, &Options::default(), at(second), 7));
    }
    let first = told.first().expect("it is told");
    assert_eq!(&*first.series[0].name, "psi.cpu.some_pct", "{first:?}");
    assert!(first.since >= at(more) && first.last <= at(more) + MINUTE, "{first:?}");
}
