//! What a user would miss if the shadow of a metric did not do it.

mod chosen;
mod hostile;
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
fn a_disk_that_fills_is_caught_with_its_time() {
    for (history, spread) in [(360, 0.01), (2_160, 0.01), (720, 0.05), (3_600, 0.05)] {
        let mut shadow = shadow(MetricKind::Bounded { lo: 0.0, hi: 100.0 }, 10);
        let slope = 2.7 / 360.0;
        for (place, x) in noise(history as u64, history).iter().enumerate() {
            let at = at(place as i64 * 10);
            shadow.observe(Point {
                at,
                value: 80.0 - slope * (history - 1 - place) as f64 + spread * x,
            });
            if shadow.refit_due(at) {
                shadow.refit(at);
            }
        }
        let newest = shadow.range().unwrap().1;
        let crossing = shadow.crossing(&above(90.0), Span::from_hours(6), 7).unwrap();
        let [Some(early), Some(middle), Some(late)] = crossing.at else {
            panic!("{history} {spread} {crossing:?}")
        };
        let truth = newest + Span::from_secs((10.0 / 2.7 * 3_600.0) as i64);
        assert!(crossing.probability > 0.9, "{history} {spread} {crossing:?}");
        assert!(
            // An 80 % interval may be missed, but not by far.
            early - Span::from_mins(5) <= truth && truth <= late + Span::from_mins(5),
            "{history} {spread} {early} {truth} {late}"
        );
        assert!(
            (middle - truth).0.abs() < Span::from_mins(25).0,
            "{history} {spread} {middle} {truth}"
        );
    }
}

#[test]
fn a_disk_that_begins_to_fill_is_seen_long_before_it_is_full() {
    let mut shadow = shadow(MetricKind::Bounded { lo: 0.0, hi: 100.0 }, 10);
    let minutes = |place: i64| (place * 10 - 6 * 3_600) as f64 / 60.0;
    for place in 0..6 * 360 + 25 * 6 {
        let at = at(place * 10);
        let value = 40.0 + minutes(place).max(0.0);
        shadow.observe(Point { at, value });
        if shadow.refit_due(at) {
            shadow.refit(at);
        }
    }
    let crossing = shadow.crossing(&above(90.0), Span::from_hours(6), 1).unwrap();
    let left = crossing.at[1].map(|at| at - shadow.range().unwrap().1);
    assert!(crossing.probability > 0.5, "{crossing:?}");
    assert!(
        left.is_some_and(|left| (left.secs_f64() / 60.0 - 25.0).abs() < 8.0),
        "{left:?}"
    );
}

#[test]
fn the_band_shown_and_the_crossing_told_are_of_one_forecast() {
    let horizon = Span::from_hours(6);
    for minutes in [5, 15, 25, 45, 90] {
        let mut shadow = shadow(MetricKind::Bounded { lo: 0.0, hi: 100.0 }, 10);
        let draws = noise(minutes as u64, 10 * 360 + minutes as usize * 6);
        for (place, x) in draws.iter().enumerate() {
            let rising = (place as i64 - 10 * 360).max(0) as f64 / 6.0;
            let at = at(place as i64 * 10);
            shadow.observe(Point {
                at,
                value: 30.0 + 0.5 * rising + 0.2 * x,
            });
            if shadow.refit_due(at) {
                shadow.refit(at);
            }
        }
        let forecast = shadow.forecast(horizon, 120).unwrap();
        for limit in [45.0, 60.0, 80.0, 99.0] {
            let told = shadow.crossing(&above(limit), horizon, 3).unwrap().probability;
            let beyond = |level: usize| forecast.steps.iter().any(|step| step.0[level] > limit);
            assert!(
                told < 0.5 || beyond(12),
                "{minutes} {limit}: {told}, but no band comes to it"
            );
            assert!(
                told > 0.4 || !beyond(6),
                "{minutes} {limit}: {told}, but the median passes it"
            );
        }
        // Nor does what is told of a time depend on how far others are asked for.
        let near = shadow.forecast(Span::from_hours(1), 20).unwrap();
        for (one, other) in near.steps.iter().zip(&forecast.steps) {
            assert!(one.0.iter().zip(other.0).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}

#[test]
fn noise_far_below_a_limit_passes_nothing() {
    for seed in 0..5 {
        let values: Vec<f64> = noise(seed, 2_400).iter().map(|x| 40.0 + x).collect();
        for history in [120, 600, 2_400] {
            let mut shadow = shadow(MetricKind::Gauge, 2);
            feed(&mut shadow, &values[..history]);
            let crossing = shadow.crossing(&above(90.0), Span::from_hours(6), seed).unwrap();
            // Of four minutes little can be said of six hours, of twenty not much.
            let most = if history == 120 { 0.3 } else { 0.1 };
            assert!(crossing.probability < most, "{seed} {history} {crossing:?}");
        }
    }
}

#[test]
fn a_limit_just_beyond_two_states_is_not_passed_and_one_between_them_is() {
    for seed in 0..3 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut state = 20.0;
        let mut next = || {
            if rng.f64() < 0.02 {
                state = 80.0 - state;
            }
            state
        };
        let values: Vec<f64> = (0..1_800).map(|_| next()).collect();
        let mut shadow = shadow(MetricKind::Gauge, 2);
        feed(&mut shadow, &values);
        let crossing = |limit| {
            shadow
                .crossing(&above(limit), Span::from_mins(10), seed)
                .unwrap()
                .probability
        };
        assert!(
            crossing(61.0) < 0.3 && crossing(70.0) < 0.3,
            "{seed} {} {}",
            crossing(61.0),
            crossing(70.0)
        );
        let low = (0..2_000).find(|_| next() == 20.0);
        assert!(low.is_some() && crossing(50.0) > 0.5, "{seed} {}", crossing(50.0));
    }
}

#[test]
fn minutes_of_history_say_little_of_hours() {
    for (name, rough) in [("noise", 0.0), ("inert", 0.9)] {
        let mut level = 0.0;
        let values: Vec<f64> = noise(3, 150)
            .iter()
            .map(|x| {
                level = rough * level + x;
                90.0 + level
            })
            .collect();
        let mut shadow = shadow(MetricKind::Bounded { lo: 0.0, hi: 100.0 }, 2);
        feed(&mut shadow, &values);
        let forecast = shadow.forecast(Span::from_hours(6), 12).unwrap();
        let width = |step: &Quantiles| step.band80().1 - step.band80().0;
        let seen = values.iter().copied().fold(0.0, f64::max) - values.iter().copied().fold(100.0, f64::min);
        assert!(forecast.tested < Span::from_mins(10), "{name} {}", forecast.tested);
        let last = forecast.steps.last().unwrap();
        assert!(
            width(last) > 0.5 * seen && width(last) > 2.0 * width(&shadow.next().unwrap()),
            "{name} {last:?}"
        );
        assert!((forecast.steps[11].median() - 90.0).abs() < 8.0, "{name} {last:?}");
    }
}

#[test]
fn a_limit_that_is_passed_already_is_certain_and_the_lower_side_counts_too() {
    let mut shadow = shadow(MetricKind::Gauge, 2);
    let falling: Vec<f64> = (0..1000).map(|t| 80.0 - 0.05 * f64::from(t)).collect();
    feed(&mut shadow, &falling);
    assert_eq!(
        shadow
            .crossing(&above(20.0), Span::from_hours(1), 1)
            .unwrap()
            .probability,
        1.0
    );
    let below = Limit {
        value: 25.0,
        side: Side::Below,
        by: "test".into(),
    };
    let crossing = shadow.crossing(&below, Span::from_hours(1), 1).unwrap();
    let left = crossing.at[1].unwrap() - shadow.range().unwrap().1;
    // From 30.05 to 25 at 0.05 each two seconds.
    assert!(
        crossing.probability > 0.9 && (left.secs_f64() - 202.0).abs() < 40.0,
        "{crossing:?} {left}"
    );
}

#[test]
fn what_lies_farther_ahead_is_less_certain() {
    let mut level = 0.0;
    let walk: Vec<f64> = noise(7, 5_000)
        .iter()
        .map(|x| {
            level += x;
            level
        })
        .collect();
    let mut shadow = shadow(MetricKind::Gauge, 2);
    feed(&mut shadow, &walk);
    for horizon in [Span::from_mins(5), Span::from_hours(6), Span::from_days(14)] {
        let forecast = shadow.forecast(horizon, 48).unwrap();
        let width = |step: &Quantiles| step.band80().1 - step.band80().0;
        assert_eq!(forecast.start, shadow.range().unwrap().1);
        assert_eq!(forecast.steps.len(), 48);
        assert!((forecast.step.0 * 48 - horizon.0).abs() < 48);
        assert!(
            width(&forecast.steps[47]) > 1.5 * width(&forecast.steps[4]),
            "{horizon}"
        );
    }
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
fn late_and_missing_values_change_nothing_and_a_jump_of_the_clock_ends() {
    let mut shadow = shadow(MetricKind::Gauge, 2);
    feed(&mut shadow, &noise(1, 200));
    let (before, newest) = (shadow.clone(), shadow.range().unwrap().1);
    for (back, value) in [(0, 5.0), (7, 5.0), (-2, f64::NAN), (-2, f64::INFINITY)] {
        let judged = shadow.observe(Point {
            at: newest - Span::from_secs(back),
            value,
        });
        assert_eq!((judged.expected, judged.bits), (None, 0.0));
    }
    assert_eq!(
        (shadow.points(), shadow.range(), shadow.next()),
        (before.points(), before.range(), before.next())
    );
    let far = shadow.observe(Point {
        at: newest + Span::from_days(36_500),
        value: 0.0,
    });
    assert!(far.expected.is_some_and(|expected| expected.0[12] > 10.0));
    assert!(shadow.next().is_some());
    shadow.observe(Point {
        at: Timestamp(i64::MAX),
        value: 0.0,
    });
    assert!(shadow.forecast(Span(i64::MAX), 10).is_some());
}

#[test]
fn after_the_clock_was_set_back_it_goes_on() {
    let mut shadow = shadow(MetricKind::Gauge, 2);
    feed(&mut shadow, &noise(1, 200));
    let back = at(-1_000_000);
    for place in 0..300 {
        let at = back + Span::from_secs(2) * place;
        shadow.observe(Point { at, value: 50.0 });
        if shadow.refit_due(at) {
            shadow.refit(at);
        }
    }
    assert_eq!(shadow.range().unwrap().1, back + Span::from_secs(598));
    assert_eq!(shadow.next().unwrap().median(), 50.0);
    let forecast = shadow.forecast(Span::from_hours(6), 10).unwrap();
    assert!(
        (forecast.steps[9].median() - 50.0).abs() < 5.0,
        "{:?}",
        forecast.steps[9]
    );
}

#[test]
fn a_source_slower_than_it_said_is_learnt_at_its_own_pace() {
    let mut shadow = shadow(MetricKind::Gauge, 2);
    for (place, x) in noise(8, 200).iter().enumerate() {
        shadow.observe(Point {
            at: at(place as i64 * 30),
            value: *x,
        });
    }
    let forecast = shadow.forecast(Span::from_secs(1), 10).unwrap();
    assert_eq!(forecast.step, Span::from_secs(30));
    let (lo, hi) = shadow.next().unwrap().band80();
    assert!((1.5..5.0).contains(&(hi - lo)), "{lo} {hi}");
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

#[test]
fn another_cadence_of_the_source_keeps_what_was_learnt() {
    for (every, steps) in [(8, 400), (1, 400), (4, 400)] {
        let mut shadow = shadow(MetricKind::Gauge, 2);
        let values: Vec<f64> = noise(5, 2_000).iter().map(|x| 50.0 + x).collect();
        feed(&mut shadow, &values);
        let (_, last) = shadow.range().unwrap();
        let (mut blind, mut odd, mut inside) = (0, 0, 0);
        for (place, value) in noise(6, steps).iter().enumerate() {
            let at = last + Span::from_secs(every) * (place as i64 + 1);
            let judged = shadow.observe(Point {
                at,
                value: 50.0 + value,
            });
            blind += usize::from(judged.expected.is_none());
            odd += usize::from(judged.bits >= 10.0);
            let band = judged.expected.map(|expected| expected.band95());
            inside += usize::from(band.is_some_and(|(lo, hi)| (lo..=hi).contains(&(50.0 + value))));
            if shadow.refit_due(at) {
                shadow.refit(at);
            }
        }
        assert_eq!((blind, odd), (0, 0), "every {every} s");
        assert!(inside >= steps * 92 / 100, "every {every} s: {inside}");
        // What is odd still is.
        let at = last + Span::from_secs(every) * (steps as i64 + 1);
        assert!(shadow.observe(Point { at, value: 80.0 }).bits > 8.0);
    }
}
