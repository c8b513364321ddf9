//! What is told far ahead of a series that is young and had a burst.

use super::*;

/// A load average of a minute, every two seconds: of one or none that runs, and of `burst` more in the seconds of `when`.
fn load(secs: i64, burst: f64, when: std::ops::Range<i64>) -> Vec<f64> {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut load = 0.5;
    let one = |at: i64| {
        if at % 4 == 0 {
            let runs = if rng.f64() < 0.5 { 1.0 } else { 0.0 } + if when.contains(&at) { burst } else { 0.0 };
            load += (runs - load) * (1.0 - (-4.0_f64 / 60.0).exp());
        }
        load
    };
    (0..secs).step_by(2).map(one).collect()
}

#[test]
fn a_burst_in_a_young_history_makes_no_band_that_nothing_supports() {
    for minutes in [25, 40, 90] {
        for after in [10, 60, 300] {
            let mut shadow = shadow(
                MetricKind::Bounded {
                    lo: 0.0,
                    hi: f64::INFINITY,
                },
                2,
            );
            let begin = minutes * 60 - 90 - after;
            let values = load(minutes * 60, 6.0, begin..begin + 90);
            let most = values.iter().copied().fold(0.0, f64::max);
            feed(&mut shadow, &values);
            let forecast = shadow.forecast(Span::from_hours(3), 6).unwrap();
            for step in &forecast.steps {
                let (high80, high95) = (step.band80().1, step.band95().1);
                let told = format!("{minutes} min, {after} s after: {high80:.1}, {high95:.1} of {most:.1}");
                assert!(high80 < 6.0 * most && high95 < 9.0 * most, "{told}");
                // An hour and more has seen what follows a burst.
                assert!(minutes < 90 || high80 < most, "{told}");
            }
        }
    }
}
