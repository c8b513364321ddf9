use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{buffer::Buffer, layout::Rect};

use super::*;
use crate::tui::{fixture, look::Charset, state::Msg};

fn state(width: u16, height: u16) -> State {
    fixture::on(Screen::Proposals, Charset::Ascii, width, height)
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

fn change(state: &mut State, change: impl FnOnce(&mut Vec<Proposal>)) {
    let mut shown = (*state.shown).clone();
    let mut rows: Vec<Proposal> = shown.proposals.iter().map(|row| (**row).clone()).collect();
    change(&mut rows);
    shown.proposals = rows.into_iter().map(Arc::new).collect();
    state.shown = Arc::new(shown);
}

#[test]
fn every_size_shows_the_best_first() {
    insta::assert_snapshot!("80x24", drawn(&state(80, 24), 80, 20));
    assert!(crate::tui::text::width(&next(&state(80, 24))) <= 74);
    insta::assert_snapshot!("40x12", drawn(&state(40, 12), 40, 9));
    for (width, height) in [(1, 1), (20, 5), (59, 13), (200, 60)] {
        drawn(&state(width, height), width, height);
    }
}

#[test]
fn what_the_list_hides_is_told() {
    let mut state = state(80, 24);
    change(&mut state, |proposals| {
        let first = proposals[0].clone();
        proposals.clear();
        for number in 1..=9 {
            let mut other = first.clone();
            other.id = crate::domain::ProposalId(number);
            proposals.push(other);
        }
    });
    assert!(
        drawn(&state, 80, 20).contains("   4 more\n"),
        "{}",
        drawn(&state, 80, 20)
    );
    press(&mut state, KeyCode::Char('G'));
    assert!(
        drawn(&state, 80, 20).contains("   4 more above"),
        "{}",
        drawn(&state, 80, 20)
    );
}

#[test]
fn wide_screens_chart_the_change() {
    let mut state = state(120, 40);
    let effects = refresh(&mut state);
    let [Effect::Ask(tag, Query::WhatIf { changes, .. })] = &effects[..] else {
        panic!("{effects:?}")
    };
    let outcome = whatif::tests::outcome(changes.clone());
    answer(&mut state, tag, Ok(Box::new(Answer::WhatIf(Box::new(outcome)))));
    insta::assert_snapshot!("120x40", drawn(&state, 120, 36));
    assert_eq!(refresh(&mut state), []);
}

#[test]
fn the_selection_follows_its_proposal_when_the_order_changes() {
    let mut state = state(80, 24);
    press(&mut state, KeyCode::Char('j'));
    assert_eq!(selected(&state).unwrap().id, ProposalId(3));
    change(&mut state, |rows| rows.reverse());
    assert_eq!(selected(&state).unwrap().id, ProposalId(3));
    press(&mut state, KeyCode::Char('G'));
    assert_eq!(selected(&state).unwrap().id, ProposalId(5), "weak ones stay last");
}

#[test]
fn without_operate_a_copies_and_says_so() {
    let mut state = state(80, 24);
    let effects = press(&mut state, KeyCode::Char('a'));
    assert_eq!(effects, [Effect::Copy("sysctl -w vm.swappiness=60\n".into())]);
    assert!(state.message.unwrap().contains("read-only"));
    assert!(state.input.is_none());
}

fn operating() -> State {
    let mut state = state(80, 24);
    state.operate = true;
    state.here = Some(ResourceId::new("host", "db-01"));
    state
}

fn taken(state: &mut State, what: &'static str, by_audit: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    answer(state, &tag(what), by_audit)
}

#[test]
fn with_operate_the_name_must_be_typed_and_the_audit_comes_first() {
    let mut state = operating();
    assert!(next(&state).contains("a applies it"));
    assert_eq!(press(&mut state, KeyCode::Char('a')), []);
    assert_eq!(state.input.as_ref().unwrap().purpose, Purpose::Apply);
    let Some(Overlay::Text { lines, .. }) = &state.overlay else {
        panic!()
    };
    assert!(lines[0] == "sysctl -w vm.swappiness=60" && lines.iter().any(|line| line.starts_with("undo: ")));
    assert_eq!(entered(&mut state, &Purpose::Apply, "db-02"), []);
    assert!(state.message.as_ref().unwrap().contains("nothing was done"));
    press(&mut state, KeyCode::Char('a'));
    let effects = entered(&mut state, &Purpose::Apply, "db-01");
    let [Effect::Ask(_, Query::Apply { resource, told })] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(resource, "db-01");
    assert!(
        told.contains("sysctl -w vm.swappiness=60") && told.contains("undo: "),
        "{told}"
    );
    let effects = taken(&mut state, "apply", Ok(Box::new(Answer::Done)));
    assert_eq!(effects, [Effect::Run("sysctl -w vm.swappiness=60\n".into())]);
    step(&mut state, Step::Lines(vec!["vm.swappiness = 60".into()]));
    let Some(Overlay::Text { lines, .. }) = &state.overlay else {
        panic!()
    };
    assert!(lines.contains(&"vm.swappiness = 60".to_owned()));
    let effects = step(
        &mut state,
        Step::Ended(Ok((crate::act::End::Code(0), vec!["vm.swappiness = 60".into()]))),
    );
    assert!(matches!(&effects[..], [Effect::Ask(_, Query::Apply { told, .. })] if told.contains("exit code 0")));
    assert_eq!(taken(&mut state, "applied", Ok(Box::new(Answer::Done))), []);
}

#[test]
fn what_the_audit_does_not_take_is_not_run() {
    let mut state = operating();
    press(&mut state, KeyCode::Char('a'));
    entered(&mut state, &Purpose::Apply, "db-01");
    assert_eq!(taken(&mut state, "apply", Err(LinkError::Gone)), []);
    assert!(state.message.as_ref().unwrap().contains("nothing was run"));
    assert_eq!(step(&mut state, Step::Lines(vec![])), []);
}

#[test]
fn only_what_was_shown_is_run_and_only_on_this_host() {
    let mut state = operating();
    press(&mut state, KeyCode::Char('a'));
    change(&mut state, |rows| rows[0].artefact.text = "rm -rf /\n".into());
    assert_eq!(entered(&mut state, &Purpose::Apply, "db-01"), []);
    assert!(state.message.as_ref().unwrap().contains("changed while you typed"));
    state.here = Some(ResourceId::new("host", "web-01"));
    assert_eq!(press(&mut state, KeyCode::Char('a')), []);
    assert!(state.message.as_ref().unwrap().contains("not the host"));
    assert!(next(&state).contains("why it cannot"));
    state.here = Some(ResourceId::new("host", "db-01"));
    change(&mut state, |rows| {
        rows[0].artefact.text = "# by hand: move the disk\n".into()
    });
    assert_eq!(press(&mut state, KeyCode::Char('a')), []);
    assert!(state.message.as_ref().unwrap().contains("by hand: move the disk"));
    state.at = Some(state.now());
    assert_eq!(press(&mut state, KeyCode::Char('a')), []);
    assert!(state.message.as_ref().unwrap().contains("the past"));
}

#[test]
fn leaving_asks_while_commands_run() {
    let mut state = operating();
    assert_eq!(leave(&mut state), None);
    press(&mut state, KeyCode::Char('a'));
    entered(&mut state, &Purpose::Apply, "db-01");
    taken(&mut state, "apply", Ok(Box::new(Answer::Done)));
    assert_eq!(leave(&mut state), Some(vec![]));
    assert_eq!(leave(&mut state), Some(vec![Effect::StopRun]));
    step(&mut state, Step::Ended(Ok((crate::act::End::Stopped, vec![]))));
    assert_eq!(taken(&mut state, "applied", Ok(Box::new(Answer::Done))), [Effect::Quit]);
}

#[test]
fn no_answer_covers_the_commands_that_a_name_is_typed_for() {
    let mut state = operating();
    press(&mut state, KeyCode::Char('a'));
    let shown = state.overlay.clone();
    crate::tui::update(&mut state, Msg::Listed("plan.json".into(), vec!["x".into()]));
    assert_eq!(state.overlay, shown);
    assert!(state.message.as_ref().unwrap().starts_with("plan.json: not shown"));
    // An emptied line takes the box with it, and then there is nothing to cover.
    crate::tui::update(&mut state, Msg::Key(KeyCode::Backspace.into()));
    assert_eq!((state.input.is_none(), &state.overlay), (true, &None));
    crate::tui::update(&mut state, Msg::Listed("plan.json".into(), vec!["x".into()]));
    assert!(state.overlay.is_some());
}

#[test]
fn what_suffers_is_told_first_known_or_not() {
    let mut state = state(80, 24);
    change(&mut state, |rows| {
        rows.truncate(1);
        let besides = crate::domain::Effect {
            series: fixture::id("db-01/pg.tps"),
            ..rows[0].effects[0].clone()
        };
        rows[0].effects.insert(0, besides);
    });
    let lines = |state: &State| -> Vec<String> {
        let text = drawn(state, 80, 24);
        text.lines().map(str::to_owned).collect()
    };
    let effect = |lines: &[String]| lines.iter().find(|line| line.starts_with(" EFFECT")).unwrap().clone();
    let shown = lines(&state);
    assert!(shown[1].ends_with("+6.9 points available~"), "{}", shown[1]);
    assert!(effect(&shown).contains("mem.available_pct 4.1 %"), "{shown:?}");
    change(&mut state, |rows| rows[0].effects.truncate(1));
    let shown = lines(&state);
    assert!(shown[1].ends_with("available_pct -?"), "{}", shown[1]);
    assert!(effect(&shown).contains("mem.available_pct: not known"), "{shown:?}");
    // The mark of what is not known is not cut, however few cells there are.
    let row = selected(&state).unwrap();
    for cells in [5, 13, 16] {
        let told = super::text::told(&state, &row, cells);
        assert!(
            told.ends_with(" -?") && crate::tui::text::width(&told) <= cells,
            "{told}"
        );
    }
}

#[test]
fn in_the_past_its_figures_are_said_to_be_those_first_told() {
    let mut state = state(80, 24);
    let mut then = (*state.shown).clone();
    then.live = false;
    state.shown = Arc::new(then);
    let text = drawn(&state, 80, 20);
    assert!(text.contains("as first told at 14:32"), "{text}");
    // Small screens have it with the whole text.
    state.size = (40, 12);
    let whole = super::text::whole(&state, &selected(&state).unwrap()).join("\n");
    let words: Vec<&str> = whole.split_whitespace().collect();
    assert!(words.join(" ").contains("as first told at 14:32"), "{whole}");
}

#[test]
fn stale_ones_cannot_be_applied() {
    let mut state = state(80, 24);
    state.operate = true;
    change(&mut state, |rows| {
        rows.truncate(1);
        rows[0].status = ProposalStatus::Stale;
    });
    assert_eq!(press(&mut state, KeyCode::Char('a')), []);
    assert!(state.input.is_none() && state.message.unwrap().contains("cannot be applied"));
}

#[test]
fn a_dismissal_wants_a_reason_and_means_the_one_it_was_asked_about() {
    let mut state = state(80, 24);
    press(&mut state, KeyCode::Char('d'));
    assert_eq!(entered(&mut state, &Purpose::Dismiss, " "), []);
    press(&mut state, KeyCode::Char('d'));
    change(&mut state, |rows| rows.reverse());
    let effects = entered(&mut state, &Purpose::Dismiss, "planned");
    assert!(matches!(&effects[..], [Effect::Ask(_, Query::Dismiss(ProposalId(1), why))] if why == "planned"));
    press(&mut state, KeyCode::Char('d'));
    change(&mut state, Vec::clear);
    assert_eq!(entered(&mut state, &Purpose::Dismiss, "planned"), []);
}

#[test]
fn the_score_is_shown_as_a_sum() {
    let mut state = state(80, 24);
    press(&mut state, KeyCode::Char('x'));
    let Some(Overlay::Text { lines, .. }) = &state.overlay else {
        panic!()
    };
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_if_takes_the_change_along() {
    let mut state = state(80, 24);
    let wanted = selected(&state).unwrap().changes.clone();
    let effects = press(&mut state, KeyCode::Char('w'));
    assert_eq!(state.screen, Screen::WhatIf);
    assert!(matches!(&effects[..], [Effect::Ask(_, Query::WhatIf { changes, .. })] if *changes == wanted));
}

#[test]
fn an_empty_list_says_why() {
    let mut state = state(80, 24);
    change(&mut state, Vec::clear);
    assert!(drawn(&state, 80, 20).contains("No proposals. 7 things are off"));
    state.filter = "zzz".into();
    assert!(drawn(&state, 80, 20).contains("Esc clears"));
    assert_eq!(press(&mut state, KeyCode::Char('y')), []);
}
