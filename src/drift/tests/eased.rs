//! Departures to the side that is not worse.

use super::*;

/// The finding of `name` after it was at `value`, expected about 5 %, for 24 s.
fn after(name: &str, value: f64) -> Finding {
    let mut world = World::new(&[name]);
    // A fall is told after half an hour.
    world.steps(150, &[], 0.0);
    let mut findings = Vec::new();
    for place in 0..12 {
        world.second += 2;
        let second = world.second;
        seen(world.metric(name), second, value, if place == 0 { 50.0 } else { 1.0 });
        world.shadows.newest = Some(at(second));
        findings = world.judge();
    }
    findings.remove(0)
}

#[test]
fn a_machine_that_comes_to_rest_is_told_for_the_record_and_one_that_runs_short_is_not() {
    // Of traffic nobody knows which is worse.
    let traffic = ("app.share_pct", 0.5, true);
    for (name, value, urgent) in sample::SIDES.into_iter().chain([traffic]) {
        let finding = after(name, value);
        assert_eq!(finding.severity != Severity::Notice, urgent, "{name} {value}");
        assert_eq!(finding.level != Level::Low, urgent, "{name} {value}: {}", finding.score);
    }
}

#[test]
fn a_band_whose_ends_show_alike_is_one_value() {
    assert_eq!(report::between((0.0, 1e-4), Unit::Percent), "0 %");
    assert_eq!(report::between((4.7, 5.3), Unit::Percent), "4.7 % to 5.3 %");
}
