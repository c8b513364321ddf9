//! Values that come late, not at all, or at another pace.

use super::*;

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
