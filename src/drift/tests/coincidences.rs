//! Settings and metrics that drift at one time, on constructed shadows.

use super::*;

#[test]
fn a_setting_that_drifts_as_a_metric_departs_makes_both_critical() {
    let mut world = World::new(&["cpu.busy_pct"]);
    world.change("sysctl.vm.swappiness", Some("1"));
    world.steps(30, &[], 0.0);
    let findings = world.steps(12, &["cpu.busy_pct"], 50.0);
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(|finding| finding.severity == Severity::Critical));
    let odd = &findings[0];
    let cause = &odd.causes[0];
    assert_eq!(cause.series, Some(setting("sysctl.vm.swappiness")));
    assert!(
        cause.what.contains("60 -> 1 by root") && cause.weight > 0.3,
        "{cause:?}"
    );
    assert_eq!(cause.lead, odd.since - findings[1].since);

    // Far apart in time they are not.
    let mut world = World::new(&["cpu.busy_pct"]);
    world.change("sysctl.vm.swappiness", Some("1"));
    world.steps(330, &[], 0.0);
    let findings = world.steps(12, &["cpu.busy_pct"], 50.0);
    assert!(findings.iter().all(|finding| finding.severity != Severity::Critical));
}

#[test]
fn what_is_critical_by_coincidence_stays_so_while_both_hold() {
    let mut world = World::new(&["cpu.busy_pct"]);
    world.change("sysctl.vm.swappiness", Some("1"));
    world.steps(30, &[], 0.0);
    world.steps(12, &["cpu.busy_pct"], 50.0);
    for step in 0..900 {
        let findings = world.step(&["cpu.busy_pct"], 1.0);
        assert!(
            findings.iter().all(|finding| finding.severity == Severity::Critical),
            "after {step}: {findings:?}"
        );
    }
    world.change("sysctl.vm.swappiness", Some("60"));
    let left: Vec<Finding> = world.judge().into_iter().filter(|one| one.ended.is_none()).collect();
    assert_eq!((left.len(), left[0].severity), (1, Severity::Warning));
}
