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
    assert!(shadow.blame(&setting, &metric, start() + DAY - MINUTE).is_none());
    assert_eq!(told(&shadow), before);
    let moved = shadow.blame(&setting, &metric, start() + DAY + MINUTE).unwrap();
    assert_eq!(*moved, changed);
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
    let again = shadow.blame(&setting, &id("mem.available_pct"), start() + DAY + MINUTE * 2);
    assert!(again.is_none());
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

/// By how much blame multiplies the odds that a fresh change of `sysctl.s99` at `at` is undone.
fn factor(shadow: &mut SettingShadow, at: Timestamp) -> f64 {
    let setting = id("sysctl.s99");
    shadow.observe(&change("sysctl.s99", at, "1", "2"));
    let odds = |shadow: &SettingShadow| {
        let told = shadow.get(&setting).unwrap().undoing.as_ref().unwrap().probability;
        told / (1.0 - told)
    };
    let before = odds(shadow);
    shadow.blame(&setting, &id("cpu.busy_pct"), at + MINUTE).unwrap();
    odds(shadow) / before
}

#[test]
fn changes_that_stayed_without_blame_make_blame_mean_no_more() {
    let mut shadow = watched(1);
    // Ninety at a time, each at a time of its own, a month apart: 900 that stay.
    for month in 1..=10 {
        for n in 0..90 {
            let at = start() + DAY * 30 * month + MINUTE * n;
            let (from, to) = (month.to_string(), (month + 1).to_string());
            shadow.observe(&change(&format!("sysctl.s{n}"), at, &from, &to));
        }
        shadow.settle(start() + DAY * (30 * month + 20));
    }
    let mut early = shadow.clone();
    let grown = factor(&mut early, start() + DAY * 400);
    assert!((grown - 6.0).abs() < 1e-6, "{grown}");
    // Ten that were undone, and nobody blamed them either.
    for n in 0..10 {
        let at = start() + DAY * 330 + MINUTE * 10 * n;
        shadow.observe(&change(&format!("sysctl.s{n}"), at, "11", "50"));
        shadow.observe(&change(&format!("sysctl.s{n}"), at + MINUTE, "50", "11"));
    }
    let grown = factor(&mut shadow, start() + DAY * 400);
    assert!((1.0..6.0).contains(&grown), "{grown}");
}

#[test]
fn what_was_changed_at_one_time_is_one_deed() {
    let learnt = |settings: i64| {
        let mut shadow = watched(1);
        for n in 0..settings {
            shadow.observe(&change(&format!("sysctl.s{n}"), start() + DAY * 2, "1", "2"));
        }
        let metric = id("cpu.busy_pct");
        shadow
            .blame(&id("sysctl.s0"), &metric, start() + DAY * 2 + MINUTE)
            .unwrap();
        shadow.settle(start() + DAY * 20);
        factor(&mut shadow, start() + DAY * 40)
    };
    let (one, fifty) = (learnt(1), learnt(50));
    assert!(one < 6.0 + 1e-6 && (one - fifty).abs() < 1e-9, "{one} {fifty}");
}

#[test]
fn a_value_that_comes_back_by_a_way_round_undoes_the_change_it_was_lost_by() {
    let round = |back: &str| {
        let mut shadow = watched(1);
        for n in 0..30 {
            let (name, at) = (format!("sysctl.s{n}"), start() + DAY * 2 + Span::from_hours(n));
            shadow.observe(&change(&name, at, "1", "2"));
            shadow.blame(&id(&name), &id("cpu.busy_pct"), at + MINUTE).unwrap();
            shadow.observe(&change(&name, at + MINUTE * 2, "2", "3"));
            shadow.observe(&change(&name, at + MINUTE * 3, "3", back));
        }
        shadow.settle(start() + DAY * 30);
        factor(&mut shadow, start() + DAY * 40)
    };
    let (undone, stayed) = (round("1"), round("4"));
    assert!(undone > 6.0 && stayed < 6.0, "{undone} {stayed}");
}

#[test]
fn changes_that_nobody_could_blame_teach_nothing() {
    let mut shadow = watched(1);
    shadow.observe(&change("sysctl.s1", start() + DAY * 2, "1", "2"));
    // As an earlier version kept it: without what waits for its answer.
    let mut kept = serde_json::to_value(&shadow.blames).unwrap();
    kept.as_object_mut().unwrap().remove("open");
    shadow.blames = serde_json::from_value(kept).unwrap();
    let learnt = format!("{:?}", shadow.blames);
    let metric = id("cpu.busy_pct");
    assert!(
        shadow
            .blame(&id("sysctl.s1"), &metric, start() + DAY * 2 + MINUTE)
            .is_none()
    );
    shadow.settle(start() + DAY * 30);
    assert_eq!(format!("{:?}", shadow.blames), learnt);
}

/// What is said of the newest change of `name`.
fn told(shadow: &SettingShadow, name: &SeriesId) -> Undoing {
    *shadow.get(name).unwrap().undoing.clone().unwrap()
}

#[test]
fn a_change_without_the_one_that_comes_along_is_likelier_to_be_undone() {
    let mut shadow = watched(1);
    let (first, second) = (id("sysctl.s1"), "sysctl.s2");
    let mut at = start();
    for round in 1..=5 {
        at = start() + DAY * 5 * round;
        let (from, to) = (round.to_string(), (round + 1).to_string());
        shadow.observe(&change("sysctl.s1", at, &from, &to));
        shadow.settle(at + MINUTE * 3);
        if round < 5 {
            shadow.observe(&change(second, at + MINUTE * 10, &from, &to));
            shadow.settle(at + MINUTE * 11);
        }
    }
    let before = told(&shadow, &first);
    shadow.settle(at + MINUTE * 15);
    assert_eq!(told(&shadow, &first), before, "it may yet come");
    shadow.settle(at + MINUTE * 25);
    let after = told(&shadow, &first);
    assert!(after.probability > before.probability, "{before:?} {after:?}");
    let why = after
        .reasons
        .iter()
        .find(|(what, _)| &**what == "sysctl.s2 did not change along");
    assert!(why.is_some_and(|(_, by)| *by > 0.0), "{after:?}");
    let doubted = shadow.newly_doubted();
    assert_eq!(doubted.iter().map(|change| &change.id).collect::<Vec<_>>(), [&first]);
    shadow.settle(at + MINUTE * 50);
    assert_eq!(told(&shadow, &first), after, "once is enough");
}

#[test]
fn a_change_that_no_peer_follows_is_likelier_to_be_undone() {
    let of = |number: u32| {
        SeriesId::new(
            &ResourceId::new("host", &format!("web-{number}")),
            "sysctl.vm.swappiness",
        )
    };
    let after_a_day = |follows: bool| {
        let mut shadow = SettingShadow::default();
        for number in 0..6 {
            let mut first = snapshot("sysctl", start(), &[("sysctl.vm.swappiness", "60")]);
            first.resource = of(number).resource;
            shadow.snapshot(&first);
        }
        let moved = |number: u32, at: Timestamp| SettingChange {
            id: of(number),
            ..change("", at, "60", "10")
        };
        shadow.observe(&moved(0, start() + DAY));
        let before = told(&shadow, &of(0));
        if follows {
            shadow.observe(&moved(1, start() + DAY + MINUTE));
        }
        shadow.settle(start() + DAY * 2 - MINUTE);
        assert_eq!(told(&shadow, &of(0)), before, "they may yet follow");
        shadow.settle(start() + DAY * 2 + MINUTE);
        (before, told(&shadow, &of(0)))
    };
    let (before, after) = after_a_day(false);
    assert!(after.probability > before.probability, "{before:?} {after:?}");
    assert!(after.reasons.iter().any(|(what, _)| what.contains("peers followed")));
    let (before, after) = after_a_day(true);
    assert_eq!(before, after);
}
