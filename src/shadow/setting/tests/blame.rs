//! Metrics that depart because of a change.

use super::*;

#[test]
fn a_metric_that_departs_for_a_change_makes_its_undoing_likelier_as_far_as_such_were_undone() {
    let mut shadow = watched(1);
    let (setting, metric) = (id("sysctl.s1"), id("cpu.busy_pct"));
    let told = |shadow: &SettingShadow| shadow.get(&id("sysctl.s1")).unwrap().undoing.clone().unwrap();
    let changed = change("sysctl.s1", start() + DAY, "1", "2");
    shadow.observe(&changed);
    let before = told(&shadow);
    // What left its shadow before cannot be its doing.
    shadow.blame(&setting, &metric, start() + DAY - MINUTE);
    assert_eq!(told(&shadow), before);
    shadow.blame(&setting, &metric, start() + DAY + MINUTE);
    let after = told(&shadow);
    let odds = |told: &Undoing| told.probability / (1.0 - told.probability);
    assert!(
        (odds(&after) / odds(&before) - 6.0).abs() < 1e-6,
        "{before:?} {after:?}"
    );
    assert!(
        after
            .reasons
            .iter()
            .any(|(what, by)| &**what == "cpu.busy_pct left its shadow" && *by > 0.0)
    );
    assert!(after.watch >= before.watch);
    assert!(shadow.undone(&changed, start() + DAY + MINUTE, DAY * 14) > before.probability);
    shadow.blame(&setting, &id("mem.available_pct"), start() + DAY + MINUTE * 2);
    assert_eq!(told(&shadow), after, "once is enough");

    // Changes that were blamed and stayed all the same teach that it means little.
    for number in 1..40 {
        let at = start() + DAY * (20 * number);
        shadow.settle(at);
        shadow.observe(&change(
            "sysctl.s1",
            at,
            &(number + 1).to_string(),
            &(number + 2).to_string(),
        ));
        shadow.blame(&setting, &metric, at + MINUTE);
    }
    let at = start() + DAY * 800;
    shadow.settle(at);
    shadow.observe(&change("sysctl.s1", at, "41", "42"));
    let before = told(&shadow);
    shadow.blame(&setting, &metric, at + MINUTE);
    assert!(odds(&told(&shadow)) < odds(&before) * 1.5, "{before:?}");
}
