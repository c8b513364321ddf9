//! What a user would miss if the shadow of a metric did not do it.

mod burst;
mod chosen;
mod clock;
mod crossings;
mod fallen;
mod hostile;
mod still;
mod told;

use super::{normal::draw, *};
use crate::domain::{Limit, MetricKind, Side, Unit};

fn shadow(kind: MetricKind, secs: i64) -> MetricShadow {
    MetricShadow::new(&MetricMeta {
        id: "host:web-1/a.metric".parse().unwrap(),
        unit: Unit::None,
        kind,
        cadence: Span::from_secs(secs),
        source: "test".into(),
        limit: None,
    })
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// Feeds values one cadence (two seconds) apart, refits on schedule, and returns how each was judged.
fn feed(shadow: &mut MetricShadow, values: &[f64]) -> Vec<Judged> {
    let start = shadow.range().map_or(at(0), |(_, newest)| newest + Span::from_secs(2));
    let mut judged = Vec::new();
    for (place, value) in values.iter().enumerate() {
        let at = start + Span::from_secs(2) * place as i64;
        judged.push(shadow.observe(Point { at, value: *value }));
        if shadow.refit_due(at) {
            shadow.refit(at);
        }
    }
    judged
}

fn noise(seed: u64, n: usize) -> Vec<f64> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..n).map(|_| draw(&mut rng)).collect()
}

fn above(value: f64) -> Limit {
    Limit {
        value,
        side: Side::Above,
        by: "test".into(),
    }
}

fn share(judged: &[Judged], is: impl Fn(&Judged) -> bool) -> f64 {
    judged.iter().filter(|judged| is(judged)).count() as f64 / judged.len() as f64
}

#[test]
fn bands_hold_as_often_as_they_say() {
    let gauss: Vec<f64> = noise(1, 3_000).iter().map(|x| 50.0 + x).collect();
    let mut level = 0.0;
    let inert: Vec<f64> = noise(2, 3_000)
        .iter()
        .map(|x| {
            level = 0.8 * level + x;
            level
        })
        .collect();
    let wave = |t: usize| 10.0 * (t as f64 / 30.0 * std::f64::consts::TAU).sin();
    let seasonal: Vec<f64> = noise(3, 3_000).iter().enumerate().map(|(t, x)| wave(t) + x).collect();
    for (name, values) in [("gauss", gauss), ("inert", inert), ("seasonal", seasonal)] {
        let mut shadow = shadow(MetricKind::Gauge, 2);
        let judged = feed(&mut shadow, &values);
        let bands = judged
            .iter()
            .zip(&values)
            .skip(100)
            .filter_map(|(judged, value)| Some((judged.expected?, *value)));
        let (mut n, mut in80, mut in95) = (0.0, 0.0, 0.0);
        for (expected, value) in bands {
            let inside = |(lo, hi): (f64, f64)| f64::from(u8::from((lo..=hi).contains(&value)));
            n += 1.0;
            in80 += inside(expected.band80());
            in95 += inside(expected.band95());
        }
        assert!(
            (in80 / n - 0.8).abs() < 0.03 && (in95 / n - 0.95).abs() < 0.02,
            "{name} {} {}",
            in80 / n,
            in95 / n
        );
        assert!((shadow.held().held80 - 0.8).abs() < 0.03);
        assert!(
            shadow.held().error < shadow.held().naive_error,
            "{name} {:?}",
            shadow.held()
        );
    }
}

#[test]
fn bursts_of_an_idle_host_are_not_odd() {
    for (name, chance, longest) in [("single", 0.02, 1), ("trains", 0.01, 5), ("rare", 0.004, 1)] {
        let mut rng = fastrand::Rng::with_seed(11);
        let (mut left, mut size) = (0, 0.0);
        let values: Vec<f64> = (0..8_000)
            .map(|_| {
                if rng.f64() < chance {
                    left = longest;
                    size = (10.0 + 1.5 * draw(&mut rng)).exp();
                }
                left -= 1;
                if left >= 0 { size * (0.5 + rng.f64()) } else { 0.0 }
            })
            .collect();
        let judged = feed(&mut shadow(MetricKind::Rate, 2), &values);
        let odd = share(&judged[300..], |judged| judged.bits >= 10.0);
        assert!(odd <= 0.002, "{name}: {odd}");
    }
}

#[test]
fn a_shift_of_a_steady_series_is_odd_and_then_becomes_the_new_level() {
    for (seed, spread) in [(1, 0.0), (2, 1.0), (3, 0.02)] {
        let values: Vec<f64> = noise(seed, 300).iter().map(|x| 20.0 + spread * x).collect();
        let mut shadow = shadow(MetricKind::Gauge, 2);
        feed(&mut shadow, &values);
        let after: Vec<f64> = noise(seed + 9, 150).iter().map(|x| 40.0 + spread * x).collect();
        let judged = feed(&mut shadow, &after);
        assert!(judged[0].bits >= 8.0, "spread {spread}: {}", judged[0].bits);
        let (lo, hi) = shadow.next().unwrap().band80();
        assert!(lo > 38.0 && hi < 42.0, "spread {spread}: {lo} {hi}");
        assert!(share(&judged[100..], |judged| judged.bits >= 8.0) == 0.0);
    }
}

#[test]
fn a_constant_series_is_certain_and_a_first_departure_costs_what_it_has_shown() {
    let mut shadow = shadow(MetricKind::Gauge, 2);
    feed(&mut shadow, &[24_123_456_789.0; 30]);
    assert_eq!(shadow.next(), Some(Quantiles::certain(24_123_456_789.0)));
    let forecast = shadow.forecast(Span::from_hours(6), 60).unwrap();
    assert!(
        forecast
            .steps
            .iter()
            .all(|step| *step == Quantiles::certain(24_123_456_789.0))
    );
    let mut young = shadow.clone();
    let bits = feed(&mut young, &[24_123_456_790.0])[0].bits;
    assert!(bits > 3.0 && f64::from(bits) <= 32.0_f64.log2(), "{bits}");
    feed(&mut shadow, &[24_123_456_789.0; 4_000]);
    let bits = feed(&mut shadow, &[24_123_456_790.0])[0].bits;
    assert!(bits > 11.0 && f64::from(bits) <= 4_100.0_f64.log2(), "{bits}");
}

#[test]
fn a_long_past_that_is_read_at_once_is_refitted_as_it_goes() {
    let mut shadow = shadow(MetricKind::Gauge, 60);
    let now = at(10_000 * 60);
    let mut refits = Vec::new();
    for (place, value) in noise(3, 7_000).into_iter().enumerate() {
        let at = at(place as i64 * 60);
        shadow.observe(Point { at, value });
        if shadow.refit_due(now) {
            shadow.refit(now);
            refits.push(place + 1);
        }
    }
    assert_eq!(refits, [30, 60, 120, 240, 2_240, 4_240, 6_240]);
}

#[test]
fn a_daily_rhythm_is_forecast() {
    let mut shadow = shadow(MetricKind::Gauge, 60);
    let load = |minute: i64| 50.0 + 30.0 * (minute as f64 / 1_440.0 * std::f64::consts::TAU).sin();
    let mut rng = fastrand::Rng::with_seed(1);
    for minute in 0..4 * 1_440 {
        let at = at(minute * 60);
        shadow.observe(Point {
            at,
            value: load(minute) + draw(&mut rng),
        });
        if shadow.refit_due(at) {
            shadow.refit(at);
        }
    }
    assert_eq!(shadow.seasons().first(), Some(&Span::from_days(1)));
    let forecast = shadow.forecast(Span::from_hours(24), 24).unwrap();
    for (hour, step) in forecast.steps.iter().enumerate() {
        let truth = load(4 * 1_440 - 1 + (hour as i64 + 1) * 60);
        assert!((step.median() - truth).abs() < 8.0, "{hour} {} {truth}", step.median());
    }
}

#[test]
fn nothing_is_said_before_there_is_enough() {
    let mut shadow = shadow(MetricKind::Gauge, 2);
    assert!(shadow.next().is_none() && shadow.forecast(Span::from_hours(1), 5).is_none() && shadow.range().is_none());
    assert!(!shadow.refit_due(at(0)));
    let judged = feed(&mut shadow, &noise(1, 31));
    assert!(
        judged[..30]
            .iter()
            .all(|judged| judged.expected.is_none() && judged.bits == 0.0)
    );
    assert!(judged[30].expected.is_some());
}
