//! The list of changes: how they come into it, and move in time.

use super::*;

/// The state with a setting at another value than when the change was made.
fn moved_on(state: &mut State, name: &str, value: Value) {
    let mut snapshot = (*state.shown).clone();
    let mut rows = snapshot.settings.to_vec();
    let id = fixture::id(name);
    rows.iter_mut()
        .filter(|row| row.id == id)
        .for_each(|row| row.value = Some(value.clone()));
    snapshot.settings = rows.into();
    state.shown = std::sync::Arc::new(snapshot);
}

#[test]
fn a_setting_that_changed_since_shows_its_value_now_and_what_it_was_made_at() {
    let mut state = state(80, 24);
    let effects = entered(&mut state, &Purpose::Change(None), "vm.swappiness = 10");
    reply(&mut state, effects);
    moved_on(&mut state, "db-01/vm.swappiness", Value::Int(60));
    assert_eq!(refresh(&mut state), [], "it is not run again by itself");
    let row = |state: &State| drawn(state, 80, 20).lines().nth(1).unwrap().to_owned();
    assert!(
        row(&state).contains(" 60  ") && row(&state).ends_with("made at 1"),
        "{}",
        row(&state)
    );
    assert!(
        next(&state).starts_with("r runs it from the values of now"),
        "{}",
        next(&state)
    );
    let effects = press(&mut state, KeyCode::Char('r'));
    assert_eq!(reply(&mut state, effects), 1);
    assert_eq!(
        state.whatif.a.changes.steps[0].change.to_string(),
        "vm.swappiness 60 -> 10"
    );
    assert!(row(&state).ends_with("now"), "{}", row(&state));
}

#[test]
fn what_is_asked_of_an_old_scenario_is_said() {
    let mut state = state(80, 24);
    let effects = entered(&mut state, &Purpose::Change(None), "vm.swappiness = 10");
    reply(&mut state, effects);
    let conns = fixture::id("db-01/pg.conn_used");
    open(&mut state, vec![conns.clone()]);
    let said = state.message.take().unwrap();
    assert!(
        said.starts_with("pg.conn_used: what scenario A does to it comes first"),
        "{said}"
    );
    assert_eq!(state.whatif.series()[0], &conns);
    let text = drawn(&state, 80, 20);
    let row = text.lines().rfind(|line| line.contains("pg.conn_used")).unwrap();
    assert!(
        row.contains(draw::NO_EVIDENCE),
        "what nothing is known of is said: {text}"
    );
    open(&mut state, vec![fixture::id("db-01/vm.swappiness")]);
    assert_eq!(
        state.message.as_deref(),
        Some("change 1 of scenario A is about it already")
    );
    assert_eq!((state.whatif.a.changes.steps.len(), state.whatif.row), (1, 0));
}

#[test]
fn seeds_go_back_to_what_was_and_metrics_are_shown_first() {
    let state = seeded(80, 24);
    let Change::Setting { from, to, .. } = &state.whatif.a.changes.steps[0].change else {
        panic!()
    };
    assert_eq!((from, to), (&Some(Value::infer("24GB")), &Some(Value::infer("8GB"))));
    assert_eq!(state.whatif.series()[0], &fixture::id("db-01/mem.available_pct"));
    let mut state = self::state(80, 24);
    open(&mut state, vec![fixture::id("db-01/vm.dirty_ratio")]);
    assert_eq!(state.input.unwrap().input.value(), "vm.dirty_ratio = ");
}

#[test]
fn a_change_is_moved_in_time_and_back_to_the_start() {
    let mut state = seeded(80, 24);
    let effects = press(&mut state, KeyCode::Char(']'));
    let Some(Effect::Ask(_, Query::WhatIf { changes, .. })) = effects.last() else {
        panic!("{effects:?}")
    };
    assert_eq!(changes.steps[0].at, Some(fixture::at("14:40:00")));
    assert_eq!(changes.steps[1].at, None, "the other one stays");
    reply(&mut state, effects);
    assert!(drawn(&state, 80, 20).contains("14:40"));
    press(&mut state, KeyCode::Char('['));
    assert_eq!(state.whatif.a.changes.steps[0].at, None);
    assert_eq!(press(&mut state, KeyCode::Char('[')), []);
    assert!(state.message.unwrap().contains("at the start"));
}

#[test]
fn changes_are_typed_and_completed() {
    let mut state = state(80, 24);
    let effects = entered(&mut state, &Purpose::Change(None), "swappiness = 10");
    assert!(matches!(&effects[..], [Effect::Ask(_, Query::WhatIf { changes, .. })]
        if changes.steps[0].change.to_string() == "vm.swappiness 1 -> 10"));
    entered(&mut state, &Purpose::Change(None), "traffic x1.5");
    entered(&mut state, &Purpose::Change(Some(0)), "vm.swappiness=20");
    assert_eq!(state.whatif.a.changes.steps.len(), 2);
    assert_eq!(
        state.whatif.a.changes.steps[0].change.to_string(),
        "vm.swappiness 1 -> 20"
    );
    entered(&mut state, &Purpose::Change(None), "vm.swapiness=20");
    let line = state.input.take().unwrap();
    assert_eq!(line.words, ["no setting vm.swapiness; the nearest is vm.swappiness"]);
    entered(&mut state, &Purpose::Change(None), "nonsense");
    assert!(state.input.take().unwrap().words[0].contains("nothing to change it to"));
    state.whatif.row = 0;
    press(&mut state, KeyCode::Enter);
    assert_eq!(
        state.input.take().unwrap().input.value(),
        "host:db-01/vm.swappiness = 20"
    );
    press(&mut state, KeyCode::Char('d'));
    assert_eq!(state.whatif.a.changes.steps.len(), 1);
}

#[test]
fn the_undoing_of_a_change_moves_between_its_making_and_now() {
    let mut state = state(80, 24);
    let made = fixture::chart().changes;
    let newest = made.last().unwrap().clone();
    let mut settings = state.shown.settings.to_vec();
    for row in settings.iter_mut().filter(|row| row.id == newest.id) {
        row.last_change = Some(std::sync::Arc::new(newest.clone()));
    }
    let mut snapshot = (*state.shown).clone();
    snapshot.settings = settings.into();
    state.shown = std::sync::Arc::new(snapshot);
    replay(&mut state, std::slice::from_ref(&newest), None);
    let at = |state: &State| state.whatif.a.changes.steps[0].at;
    assert_eq!(at(&state), Some(newest.at));
    press(&mut state, KeyCode::Char('['));
    assert_eq!(at(&state), Some(newest.at), "not before it was made");
    press(&mut state, KeyCode::Char(']'));
    assert_eq!(at(&state), Some(newest.at + Span::from_mins(1)));
    for _ in 0..60 {
        press(&mut state, KeyCode::Char(']'));
    }
    assert!(
        at(&state).is_some_and(|at| at > state.now()),
        "then it is a change to come"
    );
    for _ in 0..60 {
        press(&mut state, KeyCode::Char('['));
    }
    assert_eq!(at(&state), None, "and of now it is no more about what has been");
}

#[test]
fn a_setting_has_one_row_and_sets_out_from_what_it_is() {
    let mut state = state(80, 24);
    for text in ["vm.swappiness = 10", "traffic x1.5", "vm.swappiness 1 -> 20"] {
        entered(&mut state, &Purpose::Change(None), text);
    }
    let told = |state: &State| -> Vec<String> {
        let steps = &state.whatif.a.changes.steps;
        steps.iter().map(|step| step.change.to_string()).collect()
    };
    assert_eq!(told(&state), ["vm.swappiness 1 -> 20", "traffic x1.5"]);
    assert_eq!(
        state.message.take().as_deref(),
        Some("it was in the list already: the last one holds, vm.swappiness 1 -> 20")
    );
    entered(&mut state, &Purpose::Change(Some(1)), "vm.swappiness = 30");
    assert_eq!(told(&state), ["vm.swappiness 1 -> 30"]);
}

#[test]
fn a_change_that_makes_no_sense_is_refused_in_one_line() {
    for (text, says) in [
        ("=abc", "no setting named; write NAME=VALUE or cpu x2"),
        ("abc", "nothing to change it to; write NAME=VALUE or cpu x2"),
        (
            "cpu x0",
            "the factor must be above 0: cpu x2 is twice as much, x0.5 half",
        ),
        (
            "traffic xyz",
            "`xyz` is no factor: x and a number, 0 or more, as traffic x1.5",
        ),
        ("vm.swappiness=abc", "vm.swappiness is 1, a number: `abc` is none"),
        ("vm.swappiness 5 -> 10", "vm.swappiness is 1, not 5"),
    ] {
        let mut state = state(80, 24);
        let effects = entered(&mut state, &Purpose::Change(None), text);
        let line = state.input.as_ref().unwrap();
        assert_eq!((&line.words[..], effects), (&[says.to_owned()][..], Vec::new()));
        assert!(state.whatif.current().changes.steps.is_empty() && says.len() <= 80);
        // What was typed is still there, to be mended.
        assert_eq!((line.input.value(), &line.purpose), (text, &Purpose::Change(None)));
    }
}

#[test]
fn of_one_file_system_more_is_asked_by_its_mount() {
    let mut state = state(80, 24);
    let mut snapshot = (*state.shown).clone();
    let mut metrics = snapshot.metrics.to_vec();
    let mut row = metrics[0].clone();
    row.id = "host:db-01/fs./srv/small.used_pct".parse().unwrap();
    metrics.push(row);
    snapshot.metrics = metrics.into();
    state.shown = std::sync::Arc::new(snapshot);
    entered(&mut state, &Purpose::Change(None), "disk /srv/smal x1.25");
    let line = state.input.take().unwrap();
    assert!(
        line.words[0].starts_with("no file system is watched at /srv/smal; there are "),
        "{:?}",
        line.words
    );
    entered(&mut state, &Purpose::Change(None), "disk /srv/small x1.25");
    assert_eq!(
        state.whatif.a.changes.steps[0].change.to_string(),
        "disk /srv/small x1.25"
    );
    assert!(drawn(&state, 80, 20).contains("disk /srv/small"));
    state.whatif.row = 0;
    press(&mut state, KeyCode::Enter);
    let typed = state.input.take().unwrap().input.value().to_owned();
    assert_eq!(typed, "host:db-01/disk /srv/small x1.25");
    entered(&mut state, &Purpose::Change(Some(0)), &typed);
    assert_eq!(
        state.whatif.a.changes.steps[0].change.to_string(),
        "disk /srv/small x1.25"
    );
}
