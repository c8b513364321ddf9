//! Departures to the side that is not worse.

use super::*;

/// The finding of `names` after they were at `value`, expected about 5 %, for 24 s; the first one is the surest.
fn after(names: &[&str], value: f64) -> Finding {
    let mut world = World::new(names);
    // A fall is told after half an hour.
    world.steps(150, &[], 0.0);
    let mut findings = Vec::new();
    for place in 0..12 {
        world.second += 2;
        let second = world.second;
        for (bits, name) in [50.0, 40.0].into_iter().zip(names) {
            seen(world.metric(name), second, value, if place == 0 { bits } else { 1.0 });
        }
        world.shadows.newest = Some(at(second));
        findings = world.judge();
    }
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings.remove(0)
}

#[test]
fn a_machine_that_comes_to_rest_is_told_for_the_record_and_one_that_runs_short_is_not() {
    // Of traffic nobody knows which is worse.
    let traffic = ("app.share_pct", 0.5, true);
    for (name, value, urgent) in sample::SIDES.into_iter().chain([traffic]) {
        let finding = after(&[name], value);
        assert_eq!(finding.severity != Severity::Notice, urgent, "{name} {value}");
        assert_eq!(finding.level != Level::Low, urgent, "{name} {value}: {}", finding.score);
    }
}

#[test]
fn nothing_eases_while_traffic_came_to_nothing_with_it() {
    for (names, urgent) in [
        (["app.busy_pct", "app.wait_pct"], false),
        // What it took by parts says nothing else.
        (["cpu.busy_pct", "cpu.user_pct"], false),
        (["app.busy_pct", "app.requests"], true),
    ] {
        let finding = after(&names, 0.5);
        assert_eq!((finding.series.len(), &*finding.series[0].name), (2, names[0]));
        assert_eq!(finding.severity != Severity::Notice, urgent, "{names:?}");
    }
}

#[test]
fn a_band_whose_ends_show_alike_is_one_value() {
    assert_eq!(report::between((0.0, 1e-4), Unit::Percent), "0 %");
    assert_eq!(report::between((4.7, 5.3), Unit::Percent), "4.7 % to 5.3 %");
}
