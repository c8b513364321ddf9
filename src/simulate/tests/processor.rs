//! Processors for which work waits.

use super::*;

/// Two processors.
fn two(world: &mut Shadows) {
    world.settings.snapshot(&crate::domain::SettingSnapshot {
        reach: None,
        resource: host(),
        scope: "hw".into(),
        at: now(),
        settings: Some([(Arc::from("hw.cpu.count"), crate::domain::Value::Int(2))].into()),
    });
}

#[test]
fn load_pressure_and_busy_share_tell_one_story_when_all_is_taken() {
    let mut world = shadows([
        metric("cpu.busy_pct", Unit::Percent, |minute| 99.5 + 0.1 * noise(minute, 1)),
        metric("psi.cpu.some_pct", Unit::Percent, |minute| 90.0 + noise(minute, 2)),
        metric("load.1", Unit::Count, |minute| 6.0 + 0.1 * noise(minute, 3)),
    ]);
    two(&mut world);
    // Nine want to run on what four processors do: all stays taken.
    let outcome = ask(&world, &["traffic x1.5", "cpu x2"]);
    let after = |outcome: &Outcome, name: &str| {
        let found = outcome.effects.iter().find(|effect| &*effect.series.name == name);
        found.map(|effect| (effect.before[1], effect.after[1]))
    };
    let busy = after(&outcome, "cpu.busy_pct");
    assert!(busy.is_none_or(|(_, after)| after > 95.0), "{busy:?}");
    let pressure = after(&outcome, "psi.cpu.some_pct");
    assert!(
        pressure.is_none_or(|(before, after)| (after - before).abs() < 5.0),
        "{pressure:?}"
    );
    // What is asked is not seen: both bounds are told where no figure can be.
    let outcome = ask(&world, &["cpu x2"]);
    assert!(after(&outcome, "cpu.busy_pct").is_none_or(|(_, after)| after > 95.0));
    let told = |outcome: &Outcome, what: &str| outcome.notes.iter().any(|note| note.contains(what));
    assert!(
        told(&outcome, "6.0 run or wait (the load) where 2 can run at once, then 4;"),
        "{:?}",
        outcome.notes
    );
    assert!(
        told(&outcome, "it would be 50 %: it is between that and 100 %"),
        "{:?}",
        outcome.notes
    );
    let outcome = ask(&world, &["cpu x0.5"]);
    assert!(told(&outcome, "stays so: less is done"), "{:?}", outcome.notes);
    // With eight times as much there is room, and all three say so.
    let outcome = ask(&world, &["traffic x1.5", "cpu x8"]);
    for name in ["cpu.busy_pct", "psi.cpu.some_pct", "load.1"] {
        let (before, after) = after(&outcome, name).unwrap();
        assert!(after < 0.7 * before, "{name}: {before} -> {after}");
    }
    assert!(
        told(
            &outcome,
            "between 12 and 100 %. The figure takes what runs or waits now (9.0, the load)"
        ),
        "{:?}",
        outcome.notes
    );
}

#[test]
fn what_waits_is_asked_for_also_below_the_ceiling() {
    let mut world = shadows([
        metric("cpu.busy_pct", Unit::Percent, |minute| 93.0 + 0.5 * noise(minute, 1)),
        metric("psi.cpu.some_pct", Unit::Percent, |minute| 85.0 + noise(minute, 2)),
        metric("load.1", Unit::Count, |minute| 11.0 + 0.1 * noise(minute, 3)),
    ]);
    two(&mut world);
    // Nine wait: of four processors most are busy most of the time; were no more asked than is done, half of the share of now.
    let outcome = ask(&world, &["cpu x2"]);
    let busy = effect(&outcome, "cpu.busy_pct");
    assert!(
        busy.after[1] > 85.0 && (40.0..50.0).contains(&busy.after[0]),
        "{busy:?}"
    );
    let load = effect(&outcome, "load.1");
    assert!(
        load.after[1] > 0.9 * load.before[1] && load.after[0] < 0.6 * load.before[1],
        "{load:?}"
    );
    let told = |outcome: &Outcome, what: &str| outcome.notes.iter().any(|note| note.contains(what));
    assert!(
        told(
            &outcome,
            "work waits for a processor 85 % of the time, and most likely stays so: 11.0 run or wait"
        ),
        "{:?}",
        outcome.notes
    );
    assert!(told(&outcome, "between that and 100 %"), "{:?}", outcome.notes);
    // Half of the load leaves five and a half for two processors.
    let outcome = ask(&world, &["traffic x0.5"]);
    let busy = effect(&outcome, "cpu.busy_pct");
    assert!(busy.after[1] > 85.0 && busy.after[0] < 55.0, "{busy:?}");
    let outcome = ask(&world, &["traffic x2"]);
    assert!(
        effect(&outcome, "cpu.busy_pct").after[1] > 99.5,
        "{:?}",
        outcome.effects
    );
    // With room for all of them the three fall together.
    let outcome = ask(&world, &["cpu x16"]);
    for name in ["cpu.busy_pct", "psi.cpu.some_pct", "load.1"] {
        let effect = effect(&outcome, name);
        assert!(effect.after[1] < 0.7 * effect.before[1], "{effect:?}");
    }
}

#[test]
fn minutes_at_the_ceiling_do_not_make_a_part_that_stays() {
    // All is done that is asked up to 2 MB/s; what comes beyond it waits.
    let rate = |minute: i64| 1e6 * (2.0 + 1.5 * (minute as f64 / 9.0).sin());
    let world = shadows([
        metric("net.eth0.rx_bytes_per_s", Unit::BytesPerSec, rate),
        metric("cpu.busy_pct", Unit::Percent, |minute| (rate(minute) / 2e4).min(100.0)),
    ]);
    let outcome = ask(&world, &["traffic x0"]);
    assert!(effect(&outcome, "cpu.busy_pct").after[1] < 2.0, "{:?}", outcome.effects);
}

#[test]
fn what_a_load_average_is_without_a_change_does_not_hang_on_its_newest_value() {
    // An hour of two, then a build: an average of five minutes climbs for a quarter of an hour.
    let before = |last: f64| {
        let load = metric("load.5", Unit::Count, |minute| match minute {
            119 => last,
            105.. => 2.0 + 0.5 * (minute - 104) as f64 + 0.01 * noise(minute, 5),
            _ => 2.0 + 0.1 * noise(minute, 5),
        });
        let outcome = ask(&shadows([busy(), load]), &["traffic x2"]);
        effect(&outcome, "load.5").before
    };
    let (high, low) = (before(9.5), before(7.0));
    assert!(high[1] < 4.0 && (high[1] - low[1]).abs() < 0.1, "{high:?} {low:?}");
    assert!(high[2] > 5.0, "what it came to is within its band: {high:?}");
}

#[test]
fn a_processor_that_was_at_its_ceiling_for_minutes_is_told_by_what_is_expected_of_the_hours() {
    // A quarter of an hour at the ceiling after two hours at 30 %: neither the row nor a note speaks of a ceiling.
    let calm = |minute: i64| {
        if minute < 104 {
            30.0 + noise(minute, 1)
        } else {
            99.8 + 0.1 * noise(minute, 1)
        }
    };
    let mut world = shadows([metric("cpu.busy_pct", Unit::Percent, calm)]);
    two(&mut world);
    let outcome = ask(&world, &["cpu x2"]);
    let busy = effect(&outcome, "cpu.busy_pct");
    let told = outcome.notes.iter().find(|note| note.contains("ceiling"));
    match told {
        // Where it is expected to stay there, the row reaches as far as the note.
        Some(note) => assert!(busy.after[2] > 99.0, "{note}: {busy:?}"),
        None => assert!((busy.after[1] - busy.before[1] / 2.0).abs() < 0.5, "{busy:?}"),
    }
    // Of one that stays there all is possible between half and all of it, and both say so.
    let mut world = shadows([metric("cpu.busy_pct", Unit::Percent, |minute| {
        99.5 + 0.1 * noise(minute, 1)
    })]);
    two(&mut world);
    let outcome = ask(&world, &["cpu x2"]);
    let busy = effect(&outcome, "cpu.busy_pct");
    assert!(
        outcome.notes.iter().any(|note| note.contains("between 50 and 100 %")),
        "{:?}",
        outcome.notes
    );
    assert!(busy.after[0] < 51.0 && busy.after[2] > 98.0, "{busy:?}");
}
