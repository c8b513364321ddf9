//! What earlier changes let expect.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::domain::{SettingChange, SettingSnapshot, Value};

/// Memory jumps by 12 points when the setting went from 60 to 10 an hour ago.
fn changed_before() -> Shadows {
    let jump = |minute: i64| if minute > 60 { 12.0 } else { 0.0 };
    let mut world = shadows([
        busy(),
        metric("mem.used_pct", Unit::Percent, |minute| {
            40.0 + jump(minute) + 0.5 * noise(minute, 9)
        }),
    ]);
    let settings: BTreeMap<Arc<str>, Value> = [("sysctl.vm.swappiness".into(), Value::Int(60))].into();
    world.settings.snapshot(&SettingSnapshot {
        reach: None,
        resource: host(),
        scope: "sysctl".into(),
        at: T0,
        settings: Some(settings),
    });
    change(&mut world, "sysctl.vm.swappiness", (60, 10), 60 * 60 + 20);
    world
}

#[test]
fn a_setting_that_never_changed_has_no_evidence() {
    let outcome = ask(&shadows([busy()]), &["sysctl.vm.swappiness 60 -> 10"]);
    assert!(outcome.effects.is_empty() && outcome.bands.is_empty());
    assert!(
        outcome.notes.iter().any(|note| note.contains("no evidence")),
        "{:?}",
        outcome.notes
    );
    assert!(!outcome.inside_seen, "only the value it has was ever seen");
    assert!(outcome.notes.iter().any(|note| note.contains("only 60 was ever seen")));
}

#[test]
fn an_earlier_change_tells_what_its_undoing_does() {
    let world = changed_before();
    let outcome = ask(&world, &["sysctl.vm.swappiness = 60"]);
    assert_eq!(
        outcome.effects.len(),
        1,
        "the processor did not move then: {:?}",
        outcome.effects
    );
    let memory = effect(&outcome, "mem.used_pct");
    assert_eq!(memory.evidence, Evidence::PastChange);
    assert!((memory.difference[1] + 12.0).abs() < 1.0, "{memory:?}");
    assert!(memory.difference[0] < memory.difference[1] && memory.difference[1] < memory.difference[2]);
    assert!(outcome.inside_seen);
    // Half the way back has half the effect.
    let half = ask(&world, &["sysctl.vm.swappiness = 35"]);
    assert!((effect(&half, "mem.used_pct").difference[1] + 6.0).abs() < 0.6);
    // Where it already is nothing happens.
    assert!(ask(&world, &["sysctl.vm.swappiness = 10"]).effects.is_empty());
    assert!(!ask(&world, &["sysctl.vm.swappiness = 90"]).inside_seen);
}

#[test]
fn what_two_settings_did_together_is_counted_once_and_of_one_of_them_nobody_can_tell() {
    let mut world = changed_before();
    change(&mut world, "sysctl.vm.dirty_ratio", (20, 40), 60 * 60 + 25);
    let both = ask(&world, &["sysctl.vm.swappiness = 60", "sysctl.vm.dirty_ratio = 20"]);
    let memory = effect(&both, "mem.used_pct");
    assert!((memory.difference[1] + 12.0).abs() < 1.0, "{memory:?}");
    let one = ask(&world, &["sysctl.vm.swappiness = 60"]);
    assert_eq!(one.effects, []);
    assert!(noted(&one, "whose the effect is cannot be told"), "{:?}", one.notes);
    // Its line in a file is no other change.
    let mut world = changed_before();
    change(
        &mut world,
        "etc.sysctl.d/60-vm.conf:vm.swappiness",
        (60, 10),
        60 * 60 + 25,
    );
    change(&mut world, "etc.sysctl.d/60-vm.conf", (1, 2), 60 * 60 + 25);
    assert_eq!(ask(&world, &["sysctl.vm.swappiness = 60"]).effects.len(), 1);
    // One that was made some minutes before is left out with all before it.
    let mut world = changed_before();
    change(&mut world, "sysctl.vm.dirty_ratio", (20, 40), 53 * 60);
    let memory = effect(&ask(&world, &["sysctl.vm.swappiness = 60"]), "mem.used_pct").clone();
    assert!((memory.difference[1] + 12.0).abs() < 1.0, "{memory:?}");
}

#[test]
fn a_load_that_ends_beside_a_change_is_none_of_its_doing() {
    let busy = |from: i64| {
        move |minute: i64| {
            if (from..=60).contains(&minute) {
                45.0 + noise(minute, 3)
            } else {
                12.0 + noise(minute, 3)
            }
        }
    };
    // It was seen to begin.
    let mut world = changed_before();
    let add = |world: &mut Shadows, metric: Metric| world.metrics.insert(metric.meta.id.clone(), metric);
    add(&mut world, metric("cpu.user_pct", Unit::Percent, busy(25)));
    let outcome = ask(&world, &["sysctl.vm.swappiness = 60"]);
    let told: Vec<&str> = outcome.effects.iter().map(|effect| &*effect.series.name).collect();
    assert_eq!(told, ["mem.used_pct"], "what it did itself is told");
    world.metrics.remove(&id("mem.used_pct"));
    let outcome = ask(&world, &["sysctl.vm.swappiness = 60"]);
    assert_eq!(outcome.effects, []);
    assert!(
        noted(&outcome, "moves as far when nothing is changed"),
        "{:?}",
        outcome.notes
    );
    // It ran before anyone looked, and a program ended with it.
    add(&mut world, metric("cpu.user_pct", Unit::Percent, busy(0)));
    assert_eq!(
        ask(&world, &["sysctl.vm.swappiness = 60"]).effects.len(),
        1,
        "nothing else is known"
    );
    let mut program = metric("top.rustc.cpu_pct", Unit::Percent, |_| 33.0);
    program.minutes.truncate(61);
    add(&mut world, program);
    let outcome = ask(&world, &["sysctl.vm.swappiness = 60"]);
    assert_eq!(outcome.effects, []);
    assert!(
        noted(&outcome, "whose the effect is cannot be told"),
        "{:?}",
        outcome.notes
    );
}

fn noted(outcome: &Outcome, words: &str) -> bool {
    outcome.notes.iter().any(|note| note.contains(words))
}

pub(super) fn change(world: &mut Shadows, name: &str, (from, to): (i64, i64), second: i64) {
    world.settings.observe(&SettingChange {
        id: id(name),
        at: T0 + Span::from_secs(second),
        from: Some(Value::Int(from)),
        to: Some(Value::Int(to)),
        by: None,
        after: None,
        backfilled: false,
    });
}

#[test]
fn what_was_done_some_minutes_later_is_none_of_a_changes_doing() {
    let jump = |minute: i64| if minute > 66 { 12.0 } else { 0.0 };
    let mut world = shadows([metric("mem.used_pct", Unit::Percent, |minute| {
        40.0 + jump(minute) + 0.5 * noise(minute, 9)
    })]);
    let made = 60 * 60 + 20;
    change(&mut world, "sysctl.vm.swappiness", (60, 10), made);
    // Its line in a file, and what was set with it, are no other deeds.
    change(&mut world, "sysctl.vm.dirty_ratio", (20, 40), made + 5);
    let moved = |world: &Shadows, at: i64| {
        let at = T0 + Span::from_secs(at);
        moved(world, &id("mem.used_pct"), &id("sysctl.vm.swappiness"), at, now())
    };
    let (by, _) = moved(&world, made).unwrap();
    assert!(by > 5.0, "nothing else is known to have been done: {by}");
    change(&mut world, "sysctl.kernel.numa_balancing", (1, 0), 66 * 60 + 10);
    let (by, _) = moved(&world, made).unwrap();
    assert!(by.abs() < 1.0, "{by}");
    assert_eq!(moved(&world, made + 1), None, "nothing was changed then");
}

#[test]
fn without_a_change_that_was_made_what_was_measured_is_as_before_it() {
    let world = changed_before();
    let made = T0 + Span::from_secs(60 * 60 + 20);
    let undone = |at| ChangeSet {
        steps: vec![Step {
            change: Change::parse("sysctl.vm.swappiness 10 -> 60", &host()).unwrap(),
            at: Some(at),
            on: true,
        }],
    };
    let outcome = since(&world, &undone(made), &[], now(), 7);
    let memory = effect(&outcome, "mem.used_pct");
    let told = ask(&world, &["sysctl.vm.swappiness = 60"]);
    let ahead = effect(&told, "mem.used_pct").difference[1];
    assert!(outcome.actual && outcome.at < made && outcome.at + outcome.horizon == now());
    assert!((memory.difference[1] - ahead).abs() < 0.2, "{memory:?} {ahead}");
    let (_, actual, with) = &outcome.bands[0];
    let (first, last) = (0, actual.steps.len() - 1);
    let minutes = &world.metrics[&id("mem.used_pct")].minutes;
    assert_eq!(
        actual.steps[last].median(),
        minutes.back().unwrap().last,
        "what was measured"
    );
    assert_eq!(
        with.steps[first], actual.steps[first],
        "before the change nothing differs"
    );
    // With its undoing it is where it was before, as noisy as it was.
    let before = minutes
        .iter()
        .filter(|minute| minute.at < made)
        .map(|minute| minute.last);
    let (sum, count) = before.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    assert!(
        (with.steps[last].median() - sum / count).abs() < 3.0,
        "{:?}",
        with.steps[last]
    );
    let (low, high) = with.steps[last].band80();
    assert!(
        low < high && (high - low) < 2.0 * ahead.abs(),
        "the band is the doubt about the effect"
    );
    // Undone later, it differs from then on.
    let later = since(&world, &undone(made + Span::from_mins(30)), &[], now(), 7);
    assert!((effect(&later, "mem.used_pct").difference[1] - ahead).abs() < 0.2);
    assert!(later.at > outcome.at);
}

#[test]
fn one_case_gives_no_narrow_band_and_more_of_them_a_narrower_one() {
    let one = ask(&changed_before(), &["sysctl.vm.swappiness = 60"]);
    let one = effect(&one, "mem.used_pct");
    assert_eq!(one.cases, 1);
    let [low, _, high] = one.difference;
    assert!(
        (-24.5..=-20.0).contains(&low) && (-4.0..=0.5).contains(&high),
        "{one:?}"
    );
    // To and fro four times.
    let level = |minute: i64| if (minute / 25) % 2 == 1 { 12.0 } else { 0.0 };
    let mut world = shadows([metric("mem.used_pct", Unit::Percent, |minute| {
        40.0 + level(minute) + 0.5 * noise(minute, 9)
    })]);
    for (minute, values) in [(24, (60, 10)), (49, (10, 60)), (74, (60, 10)), (99, (10, 60))] {
        change(&mut world, "sysctl.vm.swappiness", values, minute * 60 + 20);
    }
    let four = ask(&world, &["sysctl.vm.swappiness 60 -> 10"]);
    let four = effect(&four, "mem.used_pct");
    assert_eq!(four.cases, 4);
    assert!((four.difference[1] - 12.0).abs() < 1.0, "{four:?}");
    assert!(four.difference[2] - four.difference[0] < 0.7 * (high - low), "{four:?}");
}

#[test]
fn a_metric_that_is_asked_for_is_answered_first_or_said_to_have_no_evidence() {
    // It climbs from the change on: by the mean of a quarter of an hour that is no clear step.
    let mut world = changed_before();
    let climbs = |minute: i64| (minute - 60).max(0) as f64 * 10.0;
    let sockets = metric("tcp.established", Unit::Count, |minute| {
        40.0 + climbs(minute) + noise(minute, 4)
    });
    world.metrics.insert(sockets.meta.id.clone(), sockets);
    let about = [id("tcp.established"), id("cpu.none")];
    let undone = ["sysctl.vm.swappiness = 60"];
    let outcome = ask_about(&world, &undone, &about);
    assert_eq!(
        outcome.no_evidence,
        [about[0].clone()],
        "what is not watched is not asked for"
    );
    assert_eq!(outcome.effects.len(), 1);
    let told = &outcome.notes[0];
    assert!(
        told.starts_with("tcp.established: no evidence")
            && told.contains("at the one change alike it went 39.9 -> 191 within 16 min"),
        "{told}"
    );
    // One that is known comes first, however little it moves.
    let known = ask_about(&world, &["cpu x2"], &[id("cpu.busy_pct")]);
    assert_eq!(known.no_evidence, []);
    assert_eq!(*known.effects[0].series.name, *"cpu.busy_pct");
    // Where nothing like it was ever seen that is said too.
    let never = ask_about(&world, &["sysctl.kernel.pid_max 1 -> 2"], &about);
    assert!(
        never.notes[0].starts_with("tcp.established: no evidence"),
        "{:?}",
        never.notes
    );
}
