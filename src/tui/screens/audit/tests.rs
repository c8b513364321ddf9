use std::sync::Arc;

use crossterm::event::KeyModifiers;

use super::*;
use crate::tui::{fixture, look::Charset};

fn state(width: u16, height: u16) -> State {
    let mut state = fixture::on(Screen::Audit, Charset::Ascii, width, height);
    let effects = refresh(&mut state);
    let [
        Effect::Ask(seen, Query::Timeline { .. }),
        Effect::Ask(tag, Query::Audit(500)),
    ] = &effects[..]
    else {
        panic!("{effects:?}")
    };
    answer(&mut state, seen, Ok(Box::new(Answer::Timeline(fixture::timeline()))));
    let entries = fixture::audit();
    let total = entries.len() as u64;
    let reply = Answer::Audit {
        entries,
        total,
        broken: None,
    };
    answer(&mut state, tag, Ok(Box::new(reply)));
    state
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

#[test]
fn every_size_shows_who_did_what() {
    insta::assert_snapshot!("80x24", drawn(&state(80, 24), 80, 20));
    assert!(crate::tui::text::width(&next(&state(80, 24))) <= 74);
    insta::assert_snapshot!("120x40", drawn(&state(120, 40), 120, 36));
    let mut small = state(40, 12);
    insta::assert_snapshot!("40x12", drawn(&small, 40, 9));
    press(&mut small, KeyCode::Tab);
    insta::assert_snapshot!("40x12-health", drawn(&small, 40, 9));
    for (width, height) in [(1, 1), (20, 5), (61, 17), (200, 60)] {
        drawn(&state(width, height), width, height);
    }
}

#[test]
fn names_have_what_room_there_is() {
    let mut state = state(120, 40);
    let mut entry = fixture::audit().remove(0);
    entry.resource = "db-01 pkg.libpipewire-0.3:amd64".into();
    state.audit.entries = Some(vec![entry]);
    let text = drawn(&state, 120, 36);
    let row = text.lines().find(|line| line.contains("pkg.lib")).unwrap();
    assert!(row.contains(" db-01 pkg.libp~re-0.3:amd64 34 -> 0 b"), "{row}");
}

#[test]
fn fields_are_filtered() {
    let mut state = state(80, 24);
    let mut count = |filter: &str| {
        state.filter = filter.into();
        listed(&state).len()
    };
    assert_eq!(count("who:ana"), 4);
    assert_eq!(count("who:ana what:note"), 1);
    assert_eq!(count("restart"), 1);
    assert_eq!(count("what:apply"), 0);
    // What somebody did to a setting is theirs, too; the heading says how many are listed.
    let mut seen = fixture::audit()[0].clone();
    (seen.who, seen.what, seen.result) = ("seen".into(), "setting".into(), "60 -> 1 (zoe)".into());
    state.audit.seen.entries = vec![seen];
    state.filter = "who:zoe".into();
    let text = drawn(&state, 80, 20);
    assert!(text.contains("filter: who:zoe   1 of "), "{text}");
    state.filter = "what:apply".into();
    assert!(drawn(&state, 80, 20).contains("No change was ever"));
}

#[test]
fn the_selection_stays_with_its_entry_when_new_ones_come() {
    let mut state = state(80, 24);
    press(&mut state, KeyCode::Char('j'));
    let before = position(&state, &listed(&state));
    let mut newer = fixture::audit()[0].clone();
    newer.at = fixture::now();
    state.audit.entries.as_mut().unwrap().insert(0, newer);
    assert_eq!(position(&state, &listed(&state)), before + 1);
}

#[test]
fn it_is_asked_again_after_ten_seconds_of_data() {
    let mut state = state(80, 24);
    assert_eq!(refresh(&mut state), []);
    let mut live = (*state.live).clone();
    live.at = Some(fixture::now() + Span::from_secs(10));
    state.live = Arc::new(live);
    assert_eq!(refresh(&mut state).len(), 1);
}

#[test]
fn a_broken_chain_is_told_on_the_screen_and_in_the_evidence() {
    let mut state = state(80, 24);
    state.audit.broken = Some(fixture::audit()[3].clone());
    assert!(drawn(&state, 80, 20).contains("the chain breaks at 14:12"));
    press(&mut state, KeyCode::Char('G'));
    press(&mut state, KeyCode::Char('x'));
    let Some(Overlay::Text { lines, .. }) = &state.overlay else {
        panic!()
    };
    assert!(lines.last().unwrap().contains("before a break"));
}

#[test]
fn undo_is_shown_where_a_setting_changed() {
    let mut state = state(80, 24);
    press(&mut state, KeyCode::Char('u'));
    assert!(state.message.take().unwrap().contains("nothing to undo"));
    let entry = AuditEntry {
        at: fixture::now(),
        who: "seen".into(),
        what: "setting".into(),
        resource: "host:db-01/pg.shared_buffers".into(),
        result: "8GB -> 24GB".into(),
    };
    let lines = undo(&state, &entry).unwrap();
    assert!(lines.contains(&"was    8GB".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("proposal #1")), "{lines:?}");
}

#[test]
fn undo_is_shown_where_commands_were_applied() {
    let mut state = state(80, 24);
    let entry = |at: &str, result: &str| AuditEntry {
        at: fixture::at(at),
        who: "ana@tty3".into(),
        what: "apply".into(),
        resource: "db-01".into(),
        result: result.into(),
    };
    let entries = vec![
        entry("14:31:04", "#1 exit code 0"),
        entry(
            "14:31:03",
            "#1 vm.swappiness 1 -> 60; commands (blake3 9c1e): sysctl -w vm.swappiness=60; undo: sysctl -w vm.swappiness=1",
        ),
    ];
    state.audit.entries = Some(entries.clone());
    for entry in &entries {
        let lines = undo(&state, entry).unwrap();
        assert_eq!(lines.last().unwrap(), "sysctl -w vm.swappiness=1", "{lines:?}");
    }
    let unknown = entry("14:31:04", "#2 exit code 0");
    assert_eq!(undo(&state, &unknown), None);
}

#[test]
fn a_refused_answer_is_shown() {
    let mut state = state(80, 24);
    (state.audit.entries, state.audit.seen) = (None, Seen::default());
    let tag = Tag {
        screen: Some(Screen::Audit),
        what: "entries",
        series: None,
    };
    answer(&mut state, &tag, Err(LinkError::Refused("the store is locked".into())));
    assert!(drawn(&state, 80, 20).contains("the store is locked"));
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.overlay, None);
}

#[test]
fn entries_are_exported_a_line_each() {
    let mut state = state(80, 24);
    let effects = entered(&mut state, &Purpose::Export, "audit.jsonl");
    let [Effect::WriteFile(_, text)] = &effects[..] else {
        panic!()
    };
    assert_eq!(text.lines().count(), listed(&state).len());
    assert!(
        text.lines().count() > fixture::audit().len(),
        "what was seen is there too"
    );
}

#[test]
fn a_store_in_memory_is_told_where_it_is_so() {
    let shown = |edit: fn(&mut crate::engine::Snapshot)| {
        let mut state = state(120, 40);
        let mut snapshot = (*state.shown).clone();
        snapshot.store.bytes = 0;
        edit(&mut snapshot);
        state.shown = Arc::new(snapshot);
        drawn(&state, 120, 36)
    };
    let memory = |snapshot: &mut crate::engine::Snapshot| (snapshot.store.ok, snapshot.store.path) = (true, "".into());
    assert!(shown(memory).contains("store in memory"));
    let others: [fn(&mut crate::engine::Snapshot); 4] = [
        |snapshot| (snapshot.store.ok, snapshot.store.path) = (true, "/var/lib/foreshadow/store".into()),
        |snapshot| (snapshot.store.ok, snapshot.store.path) = (false, "".into()),
        |snapshot| (snapshot.store.path, snapshot.number) = ("".into(), 0),
        |snapshot| (snapshot.store.path, snapshot.live) = ("".into(), false),
    ];
    for edit in others {
        let text = shown(edit);
        assert!(!text.contains("in memory"), "{text}");
    }
}
