use std::sync::Arc;

use crossterm::event::KeyCode;

use super::*;
use crate::{
    domain::ResourceId,
    shadow::{Outlook, PeerValue, Stands, Undoing},
    tui::{
        fixture::{self, at, id, key},
        look::Charset,
        state::Msg,
        update, view_to_buffer,
    },
};

/// What an engine answers on this page.
fn settle(state: &mut State, effects: Vec<Effect>) {
    for effect in effects {
        let Effect::Ask(tag, query) = effect else { continue };
        let answer = match query {
            Query::Timeline { from, to } => {
                let mut data = fixture::timeline();
                (data.from, data.to) = (from, to);
                let earlier = SettingChange {
                    at: at("08:10:00"),
                    from: Some(Value::infer("4GB")),
                    to: Some(Value::infer("8GB")),
                    by: None,
                    after: Some(at("08:00:00")),
                    ..data
                        .changes
                        .iter()
                        .find(|change| &*change.id.name == "pg.shared_buffers")
                        .unwrap()
                        .clone()
                };
                data.changes.insert(0, earlier);
                Answer::Timeline(data)
            }
            Query::AsOf(at) => {
                let mut snapshot = fixture::snapshot();
                snapshot.at = Some(at);
                snapshot.live = false;
                Answer::AsOf(Arc::new(snapshot))
            }
            _ => continue,
        };
        let effects = update(state, Msg::Answer(tag, Ok(Box::new(answer))));
        settle(state, effects);
    }
}

fn press(state: &mut State, code: KeyCode) {
    let effects = update(state, key(code));
    settle(state, effects);
}

/// Screen 2 about db-01's shared_buffers, of which much is known.
fn page(width: u16, height: u16) -> State {
    let mut state = fixture::state(Charset::Ascii, width, height);
    let mut snapshot = fixture::snapshot();
    let mut rows = snapshot.settings.to_vec();
    let row = rows
        .iter_mut()
        .find(|row| row.id == id("db-01/pg.shared_buffers"))
        .unwrap();
    row.undoing = Some(Arc::new(Undoing {
        probability: 0.31,
        reasons: vec![("such changes were undone before".into(), 0.12)],
        watch: Span::from_hours(1),
    }));
    row.outlook = Some(Arc::new(Outlook {
        next: vec![(Value::infer("8GB"), 0.61), (Value::infer("16GB"), 0.12)],
        others: 1,
        peers: vec![PeerValue {
            value: Value::infer("8GB"),
            count: 1,
            first: Some((ResourceId::new("host", "db-02"), at("08:30:00"))),
            sibling: None,
            tag: None,
        }],
        should: Some(Stands {
            values: vec![(Value::infer("8GB"), 0.91)],
            now: 0.05,
            because: vec![("pg.work_mem".into(), "64MB".into(), 3.1)],
            cases: 12.0,
        }),
        ..Outlook::default()
    }));
    snapshot.settings = rows.into();
    let effects = update(&mut state, Msg::Snapshot(Arc::new(snapshot)));
    settle(&mut state, effects);
    let effects = tui::open(&mut state, Screen::Resource, id("db-01/pg.shared_buffers"));
    settle(&mut state, effects);
    state
}

fn text_of(state: &State) -> String {
    fixture::text(&view_to_buffer(state, state.size.0, state.size.1))
}

#[test]
fn the_page_at_every_size() {
    insta::assert_snapshot!("80x24", text_of(&page(80, 24)));
    insta::assert_snapshot!("120x40", text_of(&page(120, 40)));
    insta::assert_snapshot!("40x12", text_of(&page(40, 12)));
}

#[test]
fn a_changed_setting_opens_from_the_overview_and_from_the_timeline() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let wanted = Some(id("web-01/sysctl.somaxconn"));
    for _ in 0..10 {
        if crate::tui::screens::overview::under_cursor(&state) != wanted {
            press(&mut state, KeyCode::Char('j'));
        }
    }
    press(&mut state, KeyCode::Enter);
    assert_eq!(
        (state.screen, focus(&state)),
        (Screen::Resource, Some(&id("web-01/sysctl.somaxconn")))
    );
    let drawn = text_of(&state);
    assert!(drawn.contains("4096") && drawn.contains("by unknown"), "{drawn}");
    press(&mut state, KeyCode::Esc);
    assert_eq!(state.screen, Screen::Overview);
}

#[test]
fn now_comes_back_to_the_page_as_it_is_now() {
    let mut state = page(80, 24);
    press(&mut state, KeyCode::Char('['));
    assert!(state.at.is_some());
    press(&mut state, KeyCode::Char('0'));
    assert_eq!(state.at, None);
    let drawn = text_of(&state);
    assert!(
        drawn.contains("now 24GB") && !drawn.contains("as it should be"),
        "{drawn}"
    );
}

#[test]
fn before_a_change_it_is_not_told() {
    let mut state = page(80, 24);
    let effects = tui::go_to(&mut state, Some(at("13:00:00")));
    settle(&mut state, effects);
    assert!(
        changes(&state, &id("db-01/pg.shared_buffers"))
            .iter()
            .all(|change| change.at <= at("13:00:00"))
    );
}

#[test]
fn one_that_is_gone_says_so() {
    let mut state = page(80, 24);
    let mut snapshot = (*state.live).clone();
    let mut rows = snapshot.settings.to_vec();
    let row = rows
        .iter_mut()
        .find(|row| row.id == id("db-01/pg.shared_buffers"))
        .unwrap();
    row.value = None;
    snapshot.settings = rows.into();
    let effects = update(&mut state, Msg::Snapshot(Arc::new(snapshot)));
    settle(&mut state, effects);
    assert!(text_of(&state).contains("removed"));
    assert!(next(&state, &id("db-01/pg.shared_buffers")).starts_with("it is not there"));
}

#[test]
fn what_moved_since_opens() {
    let mut state = page(80, 24);
    press(&mut state, KeyCode::Tab);
    let metric = under_cursor(&state).unwrap();
    assert!(state.metric(&metric).is_some());
    press(&mut state, KeyCode::Enter);
    assert_eq!((state.series.clone(), focus(&state)), (Some(metric), None));
    press(&mut state, KeyCode::Esc);
    assert_eq!(focus(&state), Some(&id("db-01/pg.shared_buffers")));
}

#[test]
fn a_snapshot_that_changes_nothing_asks_nothing() {
    let mut state = page(80, 24);
    let live = Arc::clone(&state.live);
    assert_eq!(update(&mut state, Msg::Snapshot(live)), Vec::new());
}

#[test]
fn the_next_setting_of_the_host_and_the_copy() {
    let mut state = page(80, 24);
    let copied = update(&mut state, key(KeyCode::Char('y')));
    assert!(matches!(&copied[..], [Effect::Copy(text)] if text.contains("8GB") && text.contains("ansible")));
    press(&mut state, KeyCode::Char('l'));
    assert_eq!(focus(&state), Some(&id("db-01/pg.work_mem")));
    assert!(text_of(&state).contains("unchanged since"));
    press(&mut state, KeyCode::Char('h'));
    assert_eq!(focus(&state), Some(&id("db-01/pg.shared_buffers")));
}
