//! When a limit is passed.

use super::*;

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
        // A limit is no likelier to be passed within a shorter time, and its passing has one time.
        for limit in [45.0, 60.0] {
            let within = |hours| shadow.crossing(&above(limit), Span::from_hours(hours), 3).unwrap();
            let [near, mid, far] = [1, 3, 6].map(within);
            assert!(near.probability <= mid.probability && mid.probability <= far.probability);
            assert!(near.at[1].is_none() || near.at[1] == far.at[1], "{near:?} {far:?}");
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
