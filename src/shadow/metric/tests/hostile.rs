//! Data as nobody would wish for: never a panic, never anything but finite, rising quantiles.

use proptest::prelude::*;

use super::*;

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -100.0..100.0f64,
        2 => Just(7.0),
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, 1e18, -1e18, -0.0, 5e-324, f64::MAX, f64::MIN, 0.1 + 0.2]),
    ]
}

fn rising_and_finite(steps: &[Quantiles]) -> bool {
    let good = |step: &Quantiles| {
        step.0.iter().all(|value| value.is_finite()) && step.0.windows(2).all(|pair| pair[0] <= pair[1])
    };
    steps.iter().all(good)
}

fn chosen(members: Members) -> Chosen {
    Chosen { members, network: None }
}

/// What the usual members foretell; those that must be chosen foretell something rising and finite, too.
fn foretell(values: Vec<f64>, step: Span, horizon: usize) -> Vec<Quantiles> {
    let more = Members::of(Members::NAMES.into_iter().filter(|name| *name != "gru"));
    assert!(rising_and_finite(&super::foretell(
        values.clone(),
        step,
        horizon,
        &chosen(more)
    )));
    super::foretell(values, step, horizon, &chosen(Members::default()))
}

#[test]
fn any_series_at_once_has_a_forecast() {
    let many: Vec<f64> = noise(1, 1_000).iter().cycle().take(1_000_000).copied().collect();
    let odd = [
        (vec![], 3),
        (vec![f64::NAN; 40], 3),
        (vec![7.0], 3),
        (vec![7.0, 9.0], 3),
        (vec![7.0; 500], 300),
        ([-0.0, 5e-324, 1e18, f64::MAX, f64::MIN, f64::INFINITY].repeat(30), 60),
        ((0..200).map(|t| 1e18 + f64::from(t)).collect(), 20),
        (many, 288),
    ];
    for (values, horizon) in odd {
        let last = values.iter().rev().copied().find(|value| value.is_finite());
        let constant = values.iter().all(|value| *value == 7.0) && values.len() > 2;
        let network = super::foretell(
            values.clone(),
            Span::from_mins(5),
            horizon,
            &chosen(Members::of(["gru"])),
        );
        assert!(network.len() == horizon && rising_and_finite(&network));
        let steps = foretell(values, Span::from_mins(5), horizon);
        assert!(
            steps.len() == horizon && rising_and_finite(&steps),
            "{last:?} {steps:?}"
        );
        assert!(!constant || steps.iter().all(|step| *step == Quantiles::certain(7.0)));
    }
    assert!(foretell(vec![1.0, 2.0], Span(0), 2).len() == 2 && foretell(vec![1.0], Span(-1), 0).is_empty());
}

#[test]
fn bounds_and_whole_numbers_are_kept() {
    let mut rng = fastrand::Rng::with_seed(9);
    let counts: Vec<f64> = (0..600)
        .map(|_| {
            if rng.f64() < 0.9 {
                0.0
            } else {
                (9.0 * rng.f64()).floor()
            }
        })
        .collect();
    let steps = foretell(counts, Span::from_mins(5), 24);
    assert!(
        steps
            .iter()
            .all(|step| step.median() == 0.0 && step.0.iter().all(|value| *value >= 0.0 && value.fract() == 0.0))
    );
    let busy = (0..600).map(|_| 100.0 - 3.0 * rng.f64().powi(3)).collect();
    assert!(
        foretell(busy, Span::from_mins(5), 24)
            .iter()
            .all(|step| step.0[12] <= 100.0)
    );
}

#[test]
fn what_has_just_begun_has_bands_of_its_own_size() {
    let mut rng = fastrand::Rng::with_seed(7);
    for begun in [3, 8, 14, 30] {
        let busy = (0..begun).map(|at| {
            [98.0, 8_700.0, 31_000.0]
                .get(at)
                .copied()
                .unwrap_or(38_000.0 + 3_000.0 * rng.f64())
        });
        let values: Vec<f64> = std::iter::repeat_n(0.0, 2_000).chain(busy).collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        for step in foretell(values, Span::from_mins(5), 12) {
            assert!(step.0[12] <= 2.0 * most, "{begun}: {step:?}");
        }
    }
}

#[test]
fn quiet_nights_of_busy_days_have_narrow_bands() {
    let mut rng = fastrand::Rng::with_seed(8);
    let mut traffic = |hour: usize| {
        let day = 12.0 - 11.0 * (hour as f64 / 24.0 * std::f64::consts::TAU).cos();
        day * (1.0 + 0.2 * (rng.f64() - 0.5))
    };
    let values: Vec<f64> = (0..24 * 30).map(&mut traffic).collect();
    let steps = foretell(values, Span::from_hours(1), 24);
    let width = |hour: usize| steps[hour].0[10] - steps[hour].0[2];
    assert!(5.0 * width(0) < width(12), "{} {}", width(0), width(12));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_numbers_at_any_time_give_finite_rising_distributions(
        values in prop::collection::vec((any_value(), prop_oneof![8 => Just(2i64), 1 => -10..10i64, 1 => 0..10_000_000_000i64]), 0..150),
        limit in any_value(),
    ) {
        let mut shadow = shadow(MetricKind::Bounded { lo: -50.0, hi: 1e20 }, 2);
        let mut now = at(0);
        let good = |quantiles: &Quantiles| quantiles.0.iter().all(|q| q.is_finite() && (-50.0..=1e20).contains(q))
            && quantiles.0.windows(2).all(|pair| pair[0] <= pair[1]);
        for (value, secs) in values {
            now += Span::from_secs(secs);
            let judged = shadow.observe(Point { at: now, value });
            prop_assert!((0.0..=60.0).contains(&judged.bits));
            prop_assert!(judged.expected.as_ref().is_none_or(good));
            if shadow.refit_due(now) {
                shadow.refit(now);
            }
        }
        prop_assert!(shadow.next().as_ref().is_none_or(good));
        for (horizon, steps) in [(Span::from_secs(20), 10), (Span::from_hours(6), 96), (Span::from_days(14), 1), (Span(-5), 0)] {
            let forecast = shadow.forecast(horizon, steps);
            prop_assert!(forecast.is_none_or(|forecast| forecast.steps.len() <= steps.max(1) && forecast.steps.iter().all(good)));
        }
        if let Some(crossing) = shadow.crossing(&above(limit), Span::from_hours(6), 3) {
            prop_assert!((0.0..=1.0).contains(&crossing.probability));
        }
        let held = shadow.held();
        prop_assert!([held.held80, held.held95, held.error, held.naive_error].iter().all(|share| share.is_finite()));
    }

    #[test]
    fn any_numbers_at_once_give_finite_rising_distributions(
        values in prop::collection::vec(any_value(), 0..200),
        secs in prop::sample::select(vec![1i64, 60, 21_600, 604_800]),
        horizon in 0usize..40,
    ) {
        let steps = foretell(values, Span::from_secs(secs), horizon);
        prop_assert_eq!(steps.len(), horizon);
        prop_assert!(rising_and_finite(&steps), "{:?}", steps);
    }

    #[test]
    fn a_stored_model_goes_on_exactly_as_the_one_in_memory(values in prop::collection::vec(-5.0..5.0f64, 40..400)) {
        let mut shadow = shadow(MetricKind::Gauge, 2);
        feed(&mut shadow, &values);
        let mut stored: MetricShadow = crate::domain::packed::unpack(&crate::domain::packed::pack(&shadow).unwrap()).unwrap();
        let more = &values[..30];
        prop_assert_eq!(feed(&mut shadow, more), feed(&mut stored, more));
        let horizon = Span::from_hours(6);
        prop_assert_eq!(shadow.forecast(horizon, 60), stored.forecast(horizon, 60));
        prop_assert_eq!(shadow.crossing(&above(3.0), horizon, 5), stored.crossing(&above(3.0), horizon, 5));
        prop_assert_eq!(shadow.members(), stored.members());
        let sum: f64 = shadow.members().iter().map(|(_, weight)| weight).sum();
        prop_assert!((sum - 1.0).abs() < 1e-6);
    }
}
