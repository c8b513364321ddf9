//! What is asked, awaited, kept and written.

use super::*;

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
fn an_outcome_of_a_while_ago_says_so_and_who_asks_anew_has_it_run_again() {
    let mut state = seeded(80, 24);
    let ran = state.now();
    assert!(drawn(&state, 80, 20).contains("OUTCOME over 6 h"));
    let mut snapshot = (*state.shown).clone();
    snapshot.at = Some(ran + Span::from_mins(11));
    state.shown = std::sync::Arc::new(snapshot);
    let text = drawn(&state, 80, 20);
    assert!(
        text.contains("OUTCOME FROM 14:32") && text.contains("as it was"),
        "{text}"
    );
    assert!(next(&state).starts_with("r runs it again"), "{}", next(&state));
    // Who comes back finds it as it was.
    assert!(refresh(&mut state).is_empty());
    // Who comes with something found since does not find it among figures of before.
    let asked = open(&mut state, vec![fixture::id("db-01/pg.tps")]);
    let anew = |effect: &Effect| matches!(effect, Effect::Ask(_, Query::WhatIf { .. }));
    assert!(asked.iter().any(anew), "{asked:?}");
    assert!(!drawn(&state, 80, 20).contains("no evidence"));
}
