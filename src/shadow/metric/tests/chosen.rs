//! Who forecasts.

use super::*;
use crate::domain::packed;

#[test]
fn the_network_forecasts_at_any_cadence_and_does_so_again_after_a_restart() {
    for secs in [600, 3_600] {
        let mut shadow = shadow(MetricKind::Gauge, secs);
        let (mut training, mut learnt) = (Training::new(1), false);
        let values = noise(1, 100 + 200 * 3_600 / secs as usize);
        for (place, value) in values.iter().enumerate() {
            let now = at(place as i64 * secs);
            shadow.observe(Point { at: now, value: *value });
            if place * 2 > values.len() && !learnt {
                training.learn(&[shadow.past().unwrap()], 8, 8, now);
                learnt = true;
            }
        }
        let now = at(values.len() as i64 * secs);
        let chosen = Chosen {
            members: Members::of(["last value", Training::MEMBER]),
            network: Some(training.network().clone()),
        };
        shadow.choose(&chosen);
        shadow.refit(now);
        assert!(shadow.members().iter().any(|(name, _)| *name == Training::MEMBER));
        let horizon = Span::from_secs(secs * 50);
        let said = shadow.forecast(horizon, 5);
        let mut back: MetricShadow = packed::unpack(&packed::pack(&shadow).unwrap()).unwrap();
        back.choose(&chosen);
        assert!(said.is_some() && back.forecast(horizon, 5) == said);
    }
}

#[test]
fn other_members_take_over_at_the_next_refit_and_weights_stay_with_their_own() {
    let mut shadow = shadow(MetricKind::Gauge, 2);
    feed(&mut shadow, &noise(2, 400));
    shadow.refit(at(800));
    let names = |shadow: &MetricShadow| shadow.members().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let usual = names(&shadow);
    let members = Members::of(["robust level", "arima", "no such"]);
    shadow.choose(&Chosen { members, network: None });
    assert_eq!(names(&shadow), usual);
    shadow.refit(at(800));
    let mut chosen = names(&shadow);
    chosen.sort_unstable();
    assert_eq!(chosen, ["arima", "robust level"]);
}

#[test]
fn seasons_taken_out_go_on_where_they_were_after_a_restart() {
    let wave = |t: usize| 50.0 + 20.0 * (t as f64 * std::f64::consts::TAU / 24.0).sin();
    let mut shadow = shadow(MetricKind::Gauge, 3_600);
    let values: Vec<f64> = noise(3, 400)
        .iter()
        .enumerate()
        .map(|(t, noise)| wave(t) + 0.1 * noise)
        .collect();
    let observe = |shadow: &mut MetricShadow, from: usize, to: usize| {
        for (t, value) in values[..to].iter().enumerate().skip(from) {
            let at = at(t as i64 * 3_600);
            shadow.observe(Point { at, value: *value });
        }
    };
    observe(&mut shadow, 0, 380);
    let members = Members::of(["mstl"]);
    shadow.choose(&Chosen { members, network: None });
    shadow.refit(at(380 * 3_600));
    observe(&mut shadow, 380, 391);
    let mut back: MetricShadow = packed::unpack(&packed::pack(&shadow).unwrap()).unwrap();
    observe(&mut shadow, 391, 400);
    observe(&mut back, 391, 400);
    let said = shadow.forecast(Span::from_hours(24), 24).unwrap();
    assert_eq!(back.forecast(Span::from_hours(24), 24).as_ref(), Some(&said));
    for (ahead, step) in said.steps.iter().enumerate() {
        let came = wave(400 + ahead);
        assert!((step.median() - came).abs() < 3.0, "{ahead}: {} {came}", step.median());
    }
}
