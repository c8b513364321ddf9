use crossterm::event::KeyModifiers;

use super::*;
use crate::{
    domain::{Evidence, Forecast, Quantiles, Unit, Value},
    engine::Query,
    simulate::Outcome,
    tui::{fixture, look::Charset},
};

/// An outcome of two effects over six hours.
pub(in crate::tui::screens) fn outcome(changes: ChangeSet) -> Outcome {
    let forecast = |low: f64, high: f64| Forecast {
        start: fixture::now(),
        step: Span::from_mins(6),
        steps: (1..=60)
            .map(|step| fixture::band(low - 0.02 * f64::from(step), high + 0.02 * f64::from(step)))
            .collect::<Vec<Quantiles>>(),
        points: 89_280,
        tested: Span::from_days(2),
    };
    let effect = |name: &str, unit, before: [f64; 3], after: [f64; 3], crossing, evidence| crate::domain::Effect {
        series: fixture::id(name),
        unit,
        before,
        after,
        difference: [0, 1, 2].map(|level| after[level] - before[level]),
        crossing,
        evidence,
        cases: 0,
    };
    Outcome {
        changes,
        at: fixture::now(),
        horizon: Span::from_hours(6),
        seed: SEED,
        runs: 400,
        effects: vec![
            effect(
                "db-01/mem.available_pct",
                Unit::Percent,
                [3.9, 4.1, 4.4],
                [9.1, 10.9, 12.2],
                Some((0.97, 0.02)),
                Evidence::PastChange,
            ),
            effect(
                "web-01/http.p99_ms",
                Unit::None,
                [205.0, 212.0, 220.0],
                [165.0, 178.0, 196.0],
                None,
                Evidence::Network,
            ),
        ],
        bands: vec![
            (
                fixture::id("db-01/mem.available_pct"),
                forecast(3.9, 4.4),
                forecast(9.1, 12.2),
            ),
            (
                fixture::id("web-01/http.p99_ms"),
                forecast(205.0, 220.0),
                forecast(165.0, 196.0),
            ),
        ],
        no_evidence: Vec::new(),
        notes: vec!["no evidence for web-07 net.eth0.retrans".into()],
        inside_seen: true,
        actual: false,
    }
}

fn state(width: u16, height: u16) -> State {
    fixture::on(Screen::WhatIf, Charset::Ascii, width, height)
}

fn drawn(state: &State, width: u16, height: u16) -> String {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    view(state, area, &mut buffer);
    fixture::text(&buffer)
}

fn press(state: &mut State, code: KeyCode) -> Vec<Effect> {
    key(state, KeyEvent::new(code, KeyModifiers::NONE))
}

/// Answers every what-if asked.
fn reply(state: &mut State, effects: Vec<Effect>) -> usize {
    let mut count = 0;
    for effect in effects {
        let Effect::Ask(
            tag,
            Query::WhatIf {
                changes, horizon, seed, ..
            },
        ) = effect
        else {
            continue;
        };
        assert_eq!(seed, SEED);
        let outcome = Outcome {
            horizon,
            ..outcome(changes)
        };
        answer(state, &tag, Ok(Box::new(Answer::WhatIf(Box::new(outcome)))));
        count += 1;
    }
    count
}

fn seeded(width: u16, height: u16) -> State {
    let mut state = state(width, height);
    let seeds = [
        "db-01/pg.shared_buffers",
        "db-01/vm.swappiness",
        "db-01/mem.available_pct",
    ];
    let effects = open(&mut state, seeds.map(fixture::id).to_vec());
    assert_eq!(reply(&mut state, effects), 1);
    state
}

#[test]
fn every_size_shows_changes_and_outcome() {
    insta::assert_snapshot!("80x24", drawn(&seeded(80, 24), 80, 20));
    assert!(crate::tui::text::width(&next(&seeded(80, 24))) <= 74);
    let mut small = seeded(40, 12);
    insta::assert_snapshot!("40x12", drawn(&small, 40, 9));
    press(&mut small, KeyCode::Tab);
    insta::assert_snapshot!("40x12-outcome", drawn(&small, 40, 9));
    for (width, height) in [(1, 1), (20, 5), (61, 17), (200, 60)] {
        drawn(&seeded(width, height), width, height);
    }
}

#[test]
fn a_long_note_is_wrapped_and_small_figures_keep_their_digits() {
    let mut state = seeded(80, 24);
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    let note = "pg.shared_buffers: no evidence, something else was done within minutes of its earlier changes: whose the effect is cannot be told";
    outcome.notes = vec![note.into()];
    (outcome.effects[0].before, outcome.effects[0].after) = ([0.005, 0.007, 0.009], [0.0003, 0.0004, 0.0005]);
    let text = drawn(&state, 80, 20);
    let words: Vec<&str> = text.split_whitespace().collect();
    assert!(words.join(" ").contains(note), "{text}");
    assert!(
        text.contains("0.007 %") && text.contains("0.0004 (0.0003-0.0005) "),
        "{text}"
    );
}

#[test]
fn where_a_full_processor_has_no_figure_the_notes_are_pointed_to() {
    let mut state = seeded(80, 24);
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    outcome.effects.clear();
    outcome.bands.clear();
    outcome.notes = vec!["cpu.busy_pct is at its ceiling".into()];
    let changes = ChangeSet::of(Change::Capacity {
        resource: fixture::id("db-01/x").resource,
        what: crate::domain::Capacity::Cpu,
        factor: 2.0,
    });
    outcome.changes = changes.clone();
    state.whatif.a.changes = changes;
    let text = drawn(&state, 80, 20);
    assert!(
        text.contains("the notes say what is") && text.contains("at its ceiling"),
        "{text}"
    );
}

#[test]
fn two_scenarios_stand_side_by_side() {
    let mut state = seeded(120, 40);
    insta::assert_snapshot!("120x40", drawn(&state, 120, 36));
    let effects = press(&mut state, KeyCode::Char('b'));
    assert_eq!(reply(&mut state, effects), 1);
    assert_eq!(crumbs(&state), ["what-if", "B"]);
    let effects = press(&mut state, KeyCode::Char(' '));
    assert_eq!(reply(&mut state, effects), 1);
    insta::assert_snapshot!("120x40-b", drawn(&state, 120, 36));
    press(&mut state, KeyCode::Char('b'));
    assert!(state.whatif.a.changes.steps[0].on, "A keeps its own changes");
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
fn only_what_differs_is_asked() {
    let mut state = seeded(80, 24);
    assert_eq!(refresh(&mut state), []);
    let effects = press(&mut state, KeyCode::Char(' '));
    assert_eq!(effects.len(), 1);
    assert_eq!(refresh(&mut state), [], "it is on its way");
    press(&mut state, KeyCode::Char('j'));
    assert_eq!(press(&mut state, KeyCode::Char(' ')), [], "all off: nothing to ask");
    assert!(drawn(&state, 80, 20).contains("All changes are off"));
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
fn an_outcome_cut_to_what_the_history_carries_is_taken() {
    let mut state = state(80, 24);
    let effects = entered(&mut state, &Purpose::Change(None), "traffic x1.5");
    let [Effect::Ask(tag, Query::WhatIf { changes, .. })] = &effects[..] else {
        panic!("{effects:?}")
    };
    let cut = Outcome {
        horizon: Span::from_mins(18),
        ..outcome(changes.clone())
    };
    answer(&mut state, tag, Ok(Box::new(Answer::WhatIf(Box::new(cut)))));
    assert!(drawn(&state, 80, 20).contains("OUTCOME over 18 min"));
    assert_eq!(refresh(&mut state), [], "it is not asked again");
}

#[test]
fn four_keeps_the_scenario_as_a_proposal() {
    let mut state = seeded(80, 24);
    crate::tui::update(&mut state, fixture::key(KeyCode::Char('4')));
    assert_eq!(state.screen, Screen::Proposals);
    let kept = proposals::selected(&state).unwrap();
    assert_eq!(kept.id.0, 0);
    let text = fixture::text(&crate::tui::view_to_buffer(&state, 80, 24));
    assert!(text.contains("kept") && text.contains("#0 db-01"), "{text}");
    for code in [
        KeyCode::Char('d'),
        KeyCode::Char('n'),
        KeyCode::Char('o'),
        KeyCode::Enter,
    ] {
        crate::tui::update(&mut state, fixture::key(code));
    }
    assert_ne!(
        proposals::selected(&state).unwrap().id.0,
        0,
        "it is gone once a reason is given"
    );
}

#[test]
fn late_answers_are_dropped() {
    let mut state = seeded(80, 24);
    let late = press(&mut state, KeyCode::Char(' '));
    let fresh = press(&mut state, KeyCode::Char('l'));
    reply(&mut state, late);
    assert_eq!(state.whatif.a.outcome.as_ref().unwrap().horizon, Span::from_hours(6));
    reply(&mut state, fresh);
    assert_eq!(state.whatif.a.outcome.as_ref().unwrap().horizon, Span::from_hours(12));
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
    assert_eq!(
        state.message.take().unwrap(),
        "no setting vm.swapiness; the nearest is vm.swappiness"
    );
    entered(&mut state, &Purpose::Change(None), "nonsense");
    assert!(state.message.unwrap().contains("nothing to change it to"));
    state.whatif.row = 0;
    state.message = None;
    press(&mut state, KeyCode::Enter);
    assert_eq!(
        state.input.take().unwrap().input.value(),
        "host:db-01/vm.swappiness = 20"
    );
    press(&mut state, KeyCode::Char('d'));
    assert_eq!(state.whatif.a.changes.steps.len(), 1);
}

#[test]
fn without_evidence_it_says_so() {
    let mut state = seeded(80, 24);
    state.whatif.a.outcome.as_mut().unwrap().effects.clear();
    state.whatif.a.outcome.as_mut().unwrap().bands.clear();
    assert!(drawn(&state, 80, 20).contains("No path from pg.shared_buffers"));
    state.whatif.a.job = Some(9);
    answer(
        &mut state,
        &tag("a"),
        Err(LinkError::Refused("the shadow is still learning".into())),
    );
    assert!(drawn(&state, 80, 20).contains("still learning"));
    state.whatif.a.changes.steps.clear();
    assert!(drawn(&state, 80, 20).contains("Nothing to replay yet"));
}

#[test]
fn of_the_past_it_shows_how_far_it_is_and_esc_ends_it() {
    let mut state = seeded(80, 24);
    state.at = Some(fixture::at("13:55:30"));
    let effects = refresh(&mut state);
    let [
        Effect::Ask(_, Query::WhatIf { at, job: Some(job), .. }),
        Effect::PollAfter(_),
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(*at, state.at);
    let effects = poll(&mut state);
    assert!(matches!(&effects[..], [Effect::Ask(_, Query::Progress(asked)), Effect::PollAfter(_)] if asked == job));
    answer(&mut state, &tag("a"), Ok(Box::new(Answer::Progress(Some((42, 164))))));
    assert!(drawn(&state, 80, 20).contains("42 of 164 metrics"));
    let esc = crate::tui::update(&mut state, fixture::key(KeyCode::Esc));
    assert!(
        matches!(&esc[..], [Effect::Ask(_, Query::Stop(asked))] if asked == job),
        "{esc:?}"
    );
    assert_eq!(state.screen, Screen::WhatIf);
    assert!(drawn(&state, 80, 20).contains("stopped: r runs it again"));
    // What it says in the end is not listened to.
    answer(&mut state, &tag("a"), Err(LinkError::Refused(STOPPED.into())));
    assert!(drawn(&state, 80, 20).contains("stopped: r runs it again"));
    assert_eq!(poll(&mut state), []);
}

#[test]
fn the_export_holds_seed_and_time() {
    let mut state = seeded(80, 24);
    let effects = entered(&mut state, &Purpose::Export, "out.json");
    let [Effect::WriteFile(_, text)] = &effects[..] else {
        panic!()
    };
    assert!(text.contains("\"seed\": 7") && text.contains("2026-03-14T14:32:00Z"));
}

/// What would have been, from a quarter of an hour before 13:55 on.
fn past(changes: ChangeSet) -> Outcome {
    let (from, now) = (fixture::at("13:46:00"), fixture::now());
    let mut outcome = Outcome {
        at: from,
        horizon: now - from,
        actual: true,
        ..outcome(changes)
    };
    for (_, before, after) in &mut outcome.bands {
        for forecast in [before, after] {
            (forecast.start, forecast.step) = (from, Span::from_mins(1));
        }
    }
    for effect in &mut outcome.effects {
        effect.crossing = None;
    }
    outcome
}

#[test]
fn a_change_that_was_made_is_undone_at_its_time() {
    let mut state = state(80, 24);
    let made: Vec<_> = fixture::chart().changes.into_iter().rev().collect();
    let effects = replay(&mut state, &made, Some(fixture::id("db-01/mem.available_pct")));
    let [
        Effect::Ask(tag, Query::WhatIf { changes, at: None, .. }),
        Effect::PollAfter(_),
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    let [first, second] = &changes.steps[..] else {
        panic!("{changes:?}")
    };
    assert_eq!((first.on, second.on), (true, false));
    assert_eq!(first.at, Some(made[0].at));
    assert!(matches!(&first.change, Change::Setting { from, to, .. } if *from == made[0].to && *to == made[0].from));
    // Longer than what is looked ahead, and yet the answer.
    state.whatif.horizon = Span::from_mins(30);
    answer(
        &mut state,
        tag,
        Ok(Box::new(Answer::WhatIf(Box::new(past(changes.clone()))))),
    );
    state.live = state.shown.clone();
    insta::assert_snapshot!("past-80x24", fixture::text(&crate::tui::view_to_buffer(&state, 80, 24)));
    let small = drawn(&state, 40, 9);
    assert!(small.contains("[on ] db-01 pg.shared~ 24GB   8GB"), "{small}");
    // Kept, it is a change to make.
    let kept = actual::from_now_on(state.whatif.a.outcome.as_ref().unwrap());
    assert_eq!(kept.changes.steps[0].at, None);
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
fn a_metric_that_nothing_is_known_of_is_said_first_and_leaves_the_chart_to_another() {
    let mut state = seeded(80, 24);
    let silent = fixture::id("db-01/pg.conn_used");
    state.whatif.wanted.clear();
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    outcome.no_evidence = vec![silent.clone()];
    outcome.effects[0].cases = 1;
    outcome.effects[1].evidence = Evidence::PastChange;
    outcome.effects[1].cases = 3;
    let text = drawn(&state, 80, 20);
    let row = |name: &str| {
        text.lines()
            .position(|line| line.contains(name) && line.contains("  "))
            .unwrap()
    };
    let line = |name: &str| text.lines().rfind(|line| line.contains(name)).unwrap();
    assert!(line("pg.conn_used").contains("no evidence"), "{text}");
    assert!(line("mem.available_pct 4.1").ends_with("seen once"), "{text}");
    assert!(line("http.p99_ms ").contains("seen 3x"), "{text}");
    assert!(row("pg.conn_used") < row("mem.available_pct 4.1"), "{text}");
    assert!(
        text.contains("mem.available_pct   * as it is"),
        "the first that has a chart has it: {text}"
    );
    assert_eq!(state.whatif.series()[0], &silent);
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
        ("=abc", "`=abc`: no setting named; write NAME=VALUE or traffic x1.5"),
        (
            "abc",
            "`abc`: nothing to change it to; write NAME=VALUE or traffic x1.5",
        ),
        ("vm.swappiness=abc", "vm.swappiness is 1, a number: `abc` is none"),
        ("vm.swappiness 5 -> 10", "vm.swappiness is 1, not 5"),
    ] {
        let mut state = state(80, 24);
        let effects = entered(&mut state, &Purpose::Change(None), text);
        assert_eq!((state.message.as_deref(), effects), (Some(says), Vec::new()));
        assert!(state.whatif.current().changes.steps.is_empty() && says.len() <= 80);
    }
}

#[test]
fn among_the_effects_enter_opens_the_metric_and_nothing_is_switched() {
    let mut state = seeded(80, 24);
    press(&mut state, KeyCode::Tab);
    let on: Vec<bool> = state.whatif.a.changes.steps.iter().map(|step| step.on).collect();
    press(&mut state, KeyCode::Char(' '));
    press(&mut state, KeyCode::Char('d'));
    let still: Vec<bool> = state.whatif.a.changes.steps.iter().map(|step| step.on).collect();
    assert_eq!(on, still);
    assert!(next(&state).starts_with("Enter opens "), "{}", next(&state));
    let shown = state.whatif.series()[state.whatif.charted()].clone();
    press(&mut state, KeyCode::Enter);
    assert_eq!((state.screen, state.series), (Screen::Resource, Some(shown)));
}

#[test]
fn a_change_that_was_found_to_do_nothing_leads_nowhere() {
    let mut state = seeded(80, 24);
    let outcome = state.whatif.a.outcome.as_mut().unwrap();
    let first = outcome.changes.active().find_map(|change| match change {
        Change::Setting { id, .. } => Some(id.name.to_string()),
        _ => None,
    });
    let first = first.unwrap();
    assert!(draw::path(outcome, 200).unwrap().starts_with(&first));
    outcome
        .notes
        .push(format!("{first}: no evidence, this setting never changed while metrics were watched").into());
    assert!(!draw::path(outcome, 200).unwrap().contains(&first));
}
