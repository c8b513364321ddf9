//! What is told of a model: how large it is, which members and season carry it, and how its bands held.

use super::*;

#[test]
fn what_is_kept_beside_the_windows_is_small() {
    for cadence in [2, 60, 300, 3_600] {
        let mut shadow = shadow(MetricKind::Gauge, cadence);
        let mut rng = fastrand::Rng::with_seed(3);
        let count = (16 * 86_400 / cadence).min(40_000);
        for place in 0..count {
            let days = (place * cadence) as f64 / 86_400.0;
            let value = 40.0 + 20.0 * (days * std::f64::consts::TAU).sin() + draw(&mut rng);
            shadow.observe(Point {
                at: at(place * cadence),
                value,
            });
        }
        shadow.refit(at(count * cadence));
        let windows = shadow
            .grids
            .iter()
            .map(|grid| crate::domain::packed::pack(&grid.window).unwrap().len());
        let rest = crate::domain::packed::pack(&shadow).unwrap().len() - windows.sum::<usize>();
        // With the names of fields; 4 KB in memory.
        assert!(rest < 4_800, "{cadence}: {rest}");
    }
}

#[test]
fn what_an_earlier_version_stored_is_learnt_anew() {
    use crate::domain::packed::{pack, unpack};
    use ciborium::Value;
    // It kept what was learnt under other names, in another form.
    fn rename(value: &mut Value) {
        match value {
            Value::Array(all) => all.iter_mut().for_each(rename),
            Value::Map(all) => {
                for (name, value) in all {
                    match name.as_text() {
                        Some("ahead") => (*name, *value) = ("outlook".into(), Value::Bool(true)),
                        Some("residuals") => {
                            *value = Value::Map(vec![("errors".into(), Value::Array(vec![0.5.into()]))])
                        }
                        _ => rename(value),
                    }
                }
            }
            _ => {}
        }
    }
    let mut shadow = shadow(MetricKind::Gauge, 2);
    feed(&mut shadow, &noise(4, 900));
    let now = shadow.range().unwrap().1;
    assert!(!shadow.refit_due(now));
    let mut stored: Value = unpack(&pack(&shadow).unwrap()).unwrap();
    rename(&mut stored);
    let mut back: MetricShadow = unpack(&pack(&stored).unwrap()).unwrap();
    assert_eq!((back.points(), back.range()), (shadow.points(), shadow.range()));
    assert!(back.refit_due(now));
    back.refit(now);
    shadow.refit(now);
    assert_eq!(back.members(), shadow.members());
}

#[test]
fn what_is_told_of_the_bands_is_what_the_judgements_were() {
    let mut shadow = shadow(MetricKind::Gauge, 2);
    let values = noise(12, 700);
    let judged = feed(&mut shadow, &values);
    let bands: Vec<(Quantiles, f64)> = judged
        .iter()
        .zip(&values)
        .filter_map(|(judged, value)| Some((judged.expected?, *value)))
        .collect();
    let held = |band: fn(&Quantiles) -> (f64, f64)| {
        let inside = bands.iter().filter(|(expected, value)| {
            let (lo, hi) = band(expected);
            (lo..=hi).contains(value)
        });
        inside.count() as f64 / bands.len() as f64
    };
    let error: f64 = bands
        .iter()
        .map(|(expected, value)| (value - expected.median()).abs())
        .sum();
    let told = shadow.held();
    // Less than a week of them: all count alike.
    assert_eq!(told.scored, bands.len() as u64);
    assert!((told.held80 - held(Quantiles::band80)).abs() < 1e-9);
    assert!((told.held95 - held(Quantiles::band95)).abs() < 1e-9);
    assert!((told.error - error / bands.len() as f64).abs() < 1e-9);
}

#[test]
fn the_members_and_the_season_told_are_those_that_carry_the_forecast() {
    let fed = |value: &dyn Fn(i64, f64) -> f64| {
        let mut shadow = shadow(MetricKind::Gauge, 3_600);
        let mut rng = fastrand::Rng::with_seed(13);
        for place in 0..14 * 24 {
            let value = value(place, draw(&mut rng));
            shadow.observe(Point {
                at: at(place * 3_600),
                value,
            });
        }
        shadow.refit(at(14 * 86_400));
        shadow
    };
    // Any shape that comes every day, and no other thing: only members that know the day can tell it.
    let daily = fed(&|place, noise| f64::from((place % 24 * 7_919 % 101) as i32) + noise);
    let (name, weight) = daily.members()[0];
    assert!(name.contains("season") && weight > 0.3, "{:?}", daily.members());
    // A week repeats what a day does.
    assert!(daily.seasons().contains(&Span::from_days(1)), "{:?}", daily.seasons());
    let level = std::cell::Cell::new(0.0);
    let walk = fed(&|_, noise| {
        level.set(level.get() + noise);
        level.get()
    });
    assert!(walk.seasons().is_empty(), "{:?}", walk.seasons());
    let weights = walk.members();
    assert!((weights.iter().map(|(_, weight)| weight).sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(weights.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{weights:?}");
    assert!(!weights[0].0.contains("season"), "{weights:?}");
    let farthest = &walk.grid(Span(i64::MAX)).outlook.spreads;
    let heaviest = farthest.farthest().unwrap().fold(0.0, f64::max);
    assert!(
        weights[0].1 >= heaviest - 1e-9,
        "members of a name together weigh no less than one of them"
    );
}
