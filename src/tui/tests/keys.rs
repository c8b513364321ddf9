//! What keys do, on every screen.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{press, settle};
use crate::{
    engine::Query,
    tui::{
        fixture::{self, key},
        look::Charset,
        state::{Effect, Msg, Screen, State},
        update, view_to_buffer,
    },
};

#[test]
fn frozen_the_screen_stays_and_learning_goes_on() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    press(&mut state, "f");
    let before = view_to_buffer(&state, 80, 24);
    let mut later = fixture::snapshot();
    later.at = Some(fixture::at("14:32:30"));
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(later)));
    assert_eq!(view_to_buffer(&state, 80, 24), before);
    assert!(fixture::text(&before).contains("FROZEN 14:32:00"));
    press(&mut state, "f");
    assert!(fixture::text(&view_to_buffer(&state, 80, 24)).contains("LIVE 14:32:30"));
}

#[test]
fn the_past_is_never_taken_for_live() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    press(&mut state, "{");
    let shown = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(shown.contains("REPLAY 13:52:00"), "{shown}");
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(fixture::snapshot())));
    assert!(!state.shown.live);
    press(&mut state, "0");
    assert!(state.shown.live && fixture::text(&view_to_buffer(&state, 80, 24)).contains("LIVE 14:32:00"));
}

#[test]
fn a_held_key_keeps_one_question_on_its_way() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let asked: Vec<Effect> = (0..9)
        .flat_map(|_| update(&mut state, key(KeyCode::Char('['))))
        .collect();
    let as_of = |effects: &[Effect]| {
        effects
            .iter()
            .filter(|e| matches!(e, Effect::Ask(_, Query::AsOf(_))))
            .count()
    };
    assert_eq!(as_of(&asked), 1);
    settle(&mut state, asked);
    assert_eq!(state.shown.at, state.at);
}

#[test]
fn esc_goes_out_one_step_and_never_quits() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    press(&mut state, "Enter Tab Enter");
    assert_eq!(state.screen, Screen::Resource);
    assert_eq!(state.back.len(), 2);
    press(&mut state, "Esc");
    assert_eq!(
        (state.screen, state.series.clone()),
        (Screen::Resource, Some(fixture::id("db-01/mem.available_pct")))
    );
    press(&mut state, "Esc Esc Esc");
    assert_eq!(state.screen, Screen::Overview);
    assert!(!state.quit);
}

#[test]
fn from_the_overview_2_and_3_show_what_is_worst_and_not_what_was_looked_at_before() {
    for (digit, screen) in [("2", Screen::Resource), ("3", Screen::Forecast)] {
        let mut state = fixture::state(Charset::Ascii, 80, 24);
        state.series = Some(fixture::id("db-01/pg.tps"));
        press(&mut state, digit);
        let worst = fixture::id("db-01/mem.available_pct");
        assert_eq!((state.screen, state.series.clone()), (screen, Some(worst)));
    }
    // From where nothing is chosen, the same.
    let mut state = fixture::on(Screen::Proposals, Charset::Ascii, 80, 24);
    state.series = None;
    press(&mut state, "3");
    assert_eq!(state.series, Some(fixture::id("db-01/mem.available_pct")));
    let shown = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(shown.contains("X breach   5 % passed since 13:58"), "{shown}");
}

#[test]
fn a_paste_goes_only_into_an_open_line() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    update(&mut state, Msg::Paste("q1\n".into()));
    assert!(!state.quit && state.message.as_ref().unwrap().contains("dropped"));
    press(&mut state, "/");
    update(&mut state, Msg::Paste("web\n07".into()));
    assert_eq!(state.filter, "web 07");
    assert!(state.input.is_some());
}

#[test]
fn what_a_line_offers_gives_way_to_what_is_typed() {
    let typed = |state: &State| state.input.as_ref().map(|line| line.input.value().to_owned());
    let mut state = fixture::on(Screen::Forecast, Charset::Ascii, 80, 24);
    state.series = Some(fixture::id("db-01/mem.available_pct"));
    press(&mut state, "L");
    assert_eq!(typed(&state).as_deref(), Some("5"));
    press(&mut state, "12");
    assert_eq!(typed(&state).as_deref(), Some("12"));
    press(&mut state, "Esc L");
    // Whoever moves in it wants to keep it.
    update(&mut state, key(KeyCode::End));
    press(&mut state, "4");
    assert_eq!(typed(&state).as_deref(), Some("54"));
    press(&mut state, "54 Enter");
    assert_eq!(
        state.message.as_deref(),
        Some("no limit: 5454 % is not in 0 % to 100 %")
    );
    press(&mut state, "L");
    update(&mut state, key(KeyCode::Backspace));
    assert_eq!(typed(&state).as_deref(), Some(""));
    press(&mut state, "Esc e");
    update(&mut state, Msg::Paste("mine.csv".into()));
    assert_eq!(typed(&state).as_deref(), Some("mine.csv"));
    // Of a change the name stays.
    let mut state = fixture::on(Screen::WhatIf, Charset::Ascii, 80, 24);
    press(&mut state, "+vm.swappiness=10 Enter");
    press(&mut state, "Enter 30");
    assert!(
        typed(&state).is_some_and(|text| text.ends_with("vm.swappiness = 30")),
        "{:?}",
        typed(&state)
    );
}

#[test]
fn a_row_keeps_the_cursor_when_the_order_changes() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    press(&mut state, "jjj");
    let before = crate::tui::screens::overview::under_cursor(&state);
    let mut snapshot = fixture::snapshot();
    snapshot.findings = snapshot.findings.iter().rev().cloned().collect();
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
    assert_eq!(crate::tui::screens::overview::under_cursor(&state), before);
}

#[test]
fn quitting_takes_one_key_from_everywhere() {
    for keys in ["", "Enter", "?", "5", "x"] {
        let mut state = fixture::state(Charset::Ascii, 80, 24);
        press(&mut state, keys);
        assert!(press(&mut state, "q").contains(&Effect::Quit), "after {keys}");
    }
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    press(&mut state, ":");
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert!(update(&mut state, Msg::Key(control)).contains(&Effect::Quit));
}

#[test]
fn with_nothing_off_the_cursor_walks_through_the_metrics() {
    for (width, height) in [(80, 24), (120, 40), (40, 12)] {
        let mut state = fixture::state(Charset::Ascii, width, height);
        let mut snapshot = fixture::snapshot();
        snapshot.findings = std::sync::Arc::default();
        snapshot.resources = snapshot.resources[..1].into();
        let asked = update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
        settle(&mut state, asked);
        let order: Vec<_> = crate::tui::order::ordered(&state)
            .into_iter()
            .map(|row| row.id.clone())
            .collect();
        let under = crate::tui::screens::overview::under_cursor;
        for id in &order {
            assert_eq!(under(&state).as_ref(), Some(id), "at {width}x{height}");
            press(&mut state, "j");
        }
        press(&mut state, "G k Enter");
        assert_eq!(
            (state.screen, state.series.as_ref()),
            (Screen::Resource, order.iter().rev().nth(1))
        );
    }
}

#[test]
fn at_the_end_of_a_list_the_cursor_goes_on_to_the_next() {
    let mut state = fixture::state(Charset::Ascii, 120, 40);
    let lines = |state: &State| {
        let text = fixture::text(&view_to_buffer(state, 120, 40));
        text.lines().position(|line| line.starts_with('>')).unwrap()
    };
    let mut before = lines(&state);
    for _ in 0..20 {
        press(&mut state, "j");
        assert!(lines(&state) > before);
        before = lines(&state);
    }
    for _ in 0..20 {
        press(&mut state, "k");
        assert!(lines(&state) < before);
        before = lines(&state);
    }
}

#[test]
fn a_page_over_the_screen_says_what_is_left_of_it_and_is_copied() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let lines: Vec<String> = (0..30).map(|number| format!("line {number}")).collect();
    update(&mut state, Msg::Listed("plan.json".into(), lines));
    let next = |state: &State| {
        let text = fixture::text(&view_to_buffer(state, 80, 24));
        text.lines().find(|line| line.starts_with("NEXT")).unwrap().to_owned()
    };
    assert!(
        next(&state).starts_with("NEXT  PgDn shows 12 lines more;"),
        "{}",
        next(&state)
    );
    press(&mut state, "G");
    assert!(next(&state).starts_with("NEXT  this is the end"), "{}", next(&state));
    let copied = press(&mut state, "y");
    assert!(
        matches!(&copied[..], [Effect::Copy(text)] if text.starts_with("plan.json\nline 0\n") && text.ends_with("line 29\n")),
        "{copied:?}"
    );
    assert!(state.overlay.is_some());
}

#[test]
fn from_what_is_off_4_goes_to_what_answers_it() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let ids: Vec<_> = state.shown.proposals.iter().map(|row| (row.finding, row.id)).collect();
    let mut led = Vec::new();
    for row in 0..state.shown.findings.len() {
        let finding = state.shown.findings[row].clone();
        let best = ids.iter().find(|(of, _)| *of == finding.id).map(|(_, id)| *id);
        press(&mut state, "4");
        if best.is_some() {
            assert_eq!(crate::tui::screens::proposals::selected(&state).map(|row| row.id), best);
            led.push(best);
        }
        press(&mut state, "1 j");
    }
    assert!(led.len() > 1, "{led:?}");
}

#[test]
fn a_digit_shows_its_screen_and_closes_what_lies_over_the_old_one() {
    for opened in ["?", "x", "4 Enter"] {
        let mut state = fixture::state(Charset::Ascii, 80, 24);
        press(&mut state, opened);
        assert!(state.overlay.is_some(), "{opened}");
        let text = fixture::text(&view_to_buffer(&state, 80, 24));
        let next = text.lines().find(|line| line.starts_with("NEXT")).unwrap();
        assert!(next.contains("Esc closes") && next.contains("1 to 7"), "{next}");
        press(&mut state, "6");
        assert_eq!((state.screen, &state.overlay), (Screen::Timeline, &None), "{opened}");
    }
    // In a line that is open it is text.
    for opened in ["/", ":"] {
        let mut state = fixture::state(Charset::Ascii, 80, 24);
        press(&mut state, opened);
        press(&mut state, "6");
        assert_eq!(state.screen, Screen::Overview);
        assert_eq!(state.input.as_ref().map(|line| line.input.value()), Some("6"));
    }
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let palette = KeyEvent::new(KeyCode::Char('p'), KeyModifiers::CONTROL);
    update(&mut state, Msg::Key(palette));
    press(&mut state, "6");
    assert_eq!((state.screen, state.input.is_some()), (Screen::Overview, true));
}

#[test]
fn nothing_of_now_stands_under_a_time_that_is_still_being_read() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let before = fixture::now() - crate::domain::Span::from_mins(30);
    let asked = crate::tui::update::go_to(&mut state, Some(before));
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(
        text.contains("Reading what was known at 14:02") && text.contains("REPLAY"),
        "{text}"
    );
    assert!(
        !text.contains("mem.available_pct") && !text.contains("X breach"),
        "{text}"
    );
    settle(&mut state, asked);
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(
        text.contains("mem.available_pct") && !text.contains("Reading what"),
        "{text}"
    );
}

#[test]
fn what_came_above_the_cursor_and_is_worse_is_named_first() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    press(&mut state, "j");
    let lower = crate::tui::screens::overview::next(&state);
    assert!(
        lower.starts_with("g goes up to X breach mem.available_pct; Enter opens"),
        "{lower}"
    );
    press(&mut state, "k");
    let upper = crate::tui::screens::overview::next(&state);
    assert!(upper.starts_with("Enter opens db-01 mem.available_pct"), "{upper}");
}

#[test]
fn the_key_of_the_screen_shown_says_so() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let before = view_to_buffer(&state, 80, 24);
    press(&mut state, "1");
    let shown = view_to_buffer(&state, 80, 24);
    assert!(fixture::text(&shown).contains("1 is the screen shown"));
    press(&mut state, "j");
    press(&mut state, "k");
    assert_eq!(view_to_buffer(&state, 80, 24), before);
}
