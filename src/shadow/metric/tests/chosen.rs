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
