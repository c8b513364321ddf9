mod signs;
mod story;

use super::*;
use crate::domain::{Cause, Event, EventKind, Mark};
use crate::tui::{fixture, look::Charset, state::Msg, text::width, update};

fn state(width: u16, height: u16) -> State {
    fixture::on(Screen::Timeline, Charset::Ascii, width, height)
}

/// A state whose questions were answered.
fn answered(width: u16, height: u16) -> State {
    let mut state = state(width, height);
    let effects = refresh(&mut state);
    reply(&mut state, effects);
    state
}

fn reply(state: &mut State, effects: Vec<Effect>) {
    let mut queue = std::collections::VecDeque::from(effects);
    while let Some(effect) = queue.pop_front() {
        queue.extend(match effect {
            Effect::Ask(tag, Query::Timeline { from, to }) => {
                let data = Timeline {
                    from,
                    to,
                    ..fixture::timeline()
                };
                answer(state, &tag, Ok(Box::new(Answer::Timeline(data))))
            }
            Effect::Ask(tag, Query::Chart { id, step, .. }) => {
                let mut chart = Chart {
                    id,
                    step,
                    ..fixture::chart()
                };
                // The picture of the mock-up is of 65 minutes; where columns are shorter, each stands for several.
                let times = (Span::from_mins(1).0 / step.0).max(1) as usize;
                chart.columns = chart.columns.iter().flat_map(|column| vec![*column; times]).collect();
                answer(state, &tag, Ok(Box::new(Answer::Chart(chart))))
            }
            _ => Vec::new(),
        });
    }
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
fn every_size_shows_lanes_and_entries() {
    let mut shown = answered(80, 24);
    shown.at = Some(fixture::at("13:55:30"));
    insta::assert_snapshot!("80x24", drawn(&shown, 80, 20));
    assert!(width(&next(&shown)) <= 74, "{}", next(&shown));
    insta::assert_snapshot!("40x12", drawn(&answered(40, 12), 40, 9));
    insta::assert_snapshot!("120x40", drawn(&answered(120, 40), 120, 36));
    for (width, height) in [(1, 1), (20, 5), (61, 17), (200, 60)] {
        drawn(&answered(width, height), width, height);
    }
}

#[test]
fn lanes_stand_in_the_order_in_which_they_departed() {
    let mut state = answered(80, 24);
    let before = by_departure(&state);
    assert_eq!(before, lanes(&state), "all departed at one time");
    // The last lane goes first, and the first one barely at all before the end.
    let (first, last) = (before[0].clone(), before[before.len() - 1].clone());
    let from = incident(&state).unwrap().from;
    let charts = &mut state.timeline.lanes;
    let mut shape = |id: &SeriesId, at: Timestamp, most: f32| {
        let chart = charts.get_mut(id).unwrap();
        for (place, column) in (0..).zip(&mut chart.columns) {
            column.bits = Some(if chart.from + chart.step * place >= at {
                most
            } else {
                0.4
            });
        }
    };
    shape(&last, from, 3.0);
    shape(&first, from + Span::from_mins(20), 16.0);
    assert_eq!(by_departure(&state), before, "settled, it stays");
    state.timeline.order = Order::default();
    settle(&mut state);
    let after = by_departure(&state);
    assert_eq!((&after[0], &after[after.len() - 1]), (&last, &first));
    // Whole names where they fit: `available_pct` alone does not say of what.
    let linked = first::linked(&state, &after, usize::MAX);
    assert!(linked.ends_with(&*first.name), "{linked}");
    let linked = first::linked(&state, &after, 20);
    assert!(linked.ends_with(&*telling_end(&first)), "{linked}");
    state.timeline.lanes.remove(&first);
    state.timeline.order = Order::default();
    settle(&mut state);
    assert_eq!(by_departure(&state), before, "until all are there they stay");
}

#[test]
fn lanes_stay_in_their_order_while_the_stretch_moves() {
    let mut state = answered(80, 24);
    let order = by_departure(&state);
    assert!(order.len() > 2);
    // Of another stretch other columns are shown, in which the first lane departs last.
    let effects = press(&mut state, KeyCode::Char('+'));
    reply(&mut state, effects);
    let chart = state.timeline.lanes.get_mut(&order[0]).unwrap();
    chart.columns.iter_mut().for_each(|column| column.bits = None);
    chart.columns.last_mut().unwrap().bits = Some(16.0);
    settle(&mut state);
    assert_eq!(by_departure(&state), order);
}

#[test]
fn an_incident_that_goes_on_is_shown_though_a_later_one_is_over() {
    let mut state = answered(80, 24);
    let mut live = (*state.live).clone();
    let going = live.incidents.last().unwrap().clone();
    let later = crate::drift::Incident {
        number: going.number + 1,
        from: going.from + Span::from_mins(5),
        to: Some(going.from + Span::from_mins(6)),
        ..going.clone()
    };
    live.incidents = [going.clone(), later].into();
    state.live = Arc::new(live);
    assert_eq!(incident(&state), Some(&going));
}

#[test]
fn lanes_of_another_incident_stand_in_its_own_order() {
    let mut state = answered(80, 24);
    let before = by_departure(&state);
    let last = before[before.len() - 1].clone();
    // The incident before it was of the same metrics, in which the last of them went first.
    let mut live = (*state.live).clone();
    let now = live.incidents.last().unwrap().clone();
    let earlier = crate::drift::Incident {
        number: now.number - 1,
        from: now.from - Span::from_mins(20),
        to: Some(now.from - Span::from_mins(5)),
        ..now
    };
    let at = earlier.from + Span::from_mins(1);
    let mut incidents = live.incidents.to_vec();
    incidents.insert(incidents.len() - 1, earlier);
    live.incidents = incidents.into();
    (state.live, state.at) = (Arc::new(live), Some(at));
    let chart = state.timeline.lanes.get_mut(&last).unwrap();
    let step = chart.step;
    for (place, column) in (0..).zip(&mut chart.columns) {
        column.bits = Some(if chart.from + step * place < at { 9.0 } else { 0.4 });
    }
    for id in &before[..before.len() - 1] {
        let chart = state.timeline.lanes.get_mut(id).unwrap();
        for (place, column) in (0..).zip(&mut chart.columns) {
            column.bits = Some(if chart.from + step * place >= at + Span::from_mins(5) {
                9.0
            } else {
                0.4
            });
        }
    }
    settle(&mut state);
    assert_eq!(by_departure(&state)[0], last);
}

fn telling_end(id: &SeriesId) -> String {
    id.name.rsplit('.').next().unwrap().to_owned()
}

#[test]
fn what_people_did_stands_among_the_changes() {
    let mut state = answered(80, 24);
    let data = state.timeline.data.as_mut().unwrap();
    let mut apply = data.notes[0].clone();
    (apply.what, apply.at) = ("apply".into(), fixture::at("14:25:00"));
    let what_if = crate::store::AuditEntry {
        what: "what-if".into(),
        at: fixture::at("14:05:00"),
        ..apply.clone()
    };
    let mute = crate::store::AuditEntry {
        what: "mute".into(),
        result: "until 2026-03-14T15:22:58.000879Z".into(),
        ..apply.clone()
    };
    let told = Timeline {
        notes: vec![mute],
        ..fixture::timeline()
    };
    let told = entry::of(&told, &state.shown);
    assert!(told.iter().any(|entry| entry.text.ends_with("until 15:22")), "{told:?}");
    data.notes.extend([apply, what_if]);
    let text = drawn(&state, 80, 20);
    let lane = text.lines().find(|line| line.starts_with(" set note act")).unwrap();
    let marks: String = lane[13..].chars().filter(|c| c.is_ascii_lowercase()).collect();
    assert_eq!(marks, "ssna", "{lane}");
}

#[test]
fn the_cursor_moves_by_columns_and_comes_back_to_now() {
    let mut state = answered(80, 24);
    let step = stretch(&state).unwrap().step;
    press(&mut state, KeyCode::Char('['));
    assert_eq!(state.at, Some(fixture::now() - Span::from_secs(30)), "one sample");
    press(&mut state, KeyCode::Char(']'));
    assert_eq!(state.at, None);
    let effects = press(&mut state, KeyCode::Left);
    let before = fixture::now() - step;
    assert_eq!(state.at, Some(before));
    assert!(effects.contains(&Effect::Ask(
        Tag {
            screen: None,
            what: "as-of",
            series: None
        },
        Query::AsOf(before)
    )));
    key(&mut state, KeyEvent::new(KeyCode::Left, KeyModifiers::SHIFT));
    assert_eq!(state.at, Some(fixture::now() - step * 11));
    key(&mut state, KeyEvent::new(KeyCode::Right, KeyModifiers::SHIFT));
    press(&mut state, KeyCode::Right);
    assert_eq!(state.at, None);
}

#[test]
fn it_does_not_go_before_the_first_data() {
    let mut state = answered(80, 24);
    travel(&mut state, Timestamp(0));
    assert_eq!(state.at, state.live.store.from);
    assert!(state.message.unwrap().starts_with("data start"));
}

#[test]
fn incidents_are_walked_through() {
    let mut state = answered(80, 24);
    let mut key = |code| {
        update(&mut state, Msg::Key(KeyCode::Char(code).into()));
        incident(&state).map(|found| found.number)
    };
    assert_eq!(key('{'), Some(41));
    assert_eq!(key('{'), Some(40));
    assert_eq!(key('{'), Some(40), "there is none before");
    assert_eq!(key('}'), Some(41));
    assert_eq!(key('0'), Some(41));
    assert_eq!(state.at, None);
}

#[test]
fn enter_opens_the_metric_at_that_time() {
    let mut state = answered(80, 24);
    press(&mut state, KeyCode::Char('g'));
    press(&mut state, KeyCode::Char('j'));
    press(&mut state, KeyCode::Char('w'));
    assert_eq!(state.screen, Screen::WhatIf);
    let mut state = answered(80, 24);
    let rows = entries(&state);
    let breach = rows.iter().find(|entry| entry.word == "X breach").unwrap();
    state.timeline.selected = Some((breach.at, breach.text.clone(), None));
    press(&mut state, KeyCode::Enter);
    assert_eq!(
        (state.screen, state.at, state.series),
        (
            Screen::Resource,
            Some(fixture::at("13:58:00")),
            Some(fixture::id("db-01/mem.available_pct"))
        )
    );
}

#[test]
fn play_ticks_faster_and_stops_at_now() {
    let mut state = answered(80, 24);
    let effects = press(&mut state, KeyCode::Char('p'));
    assert_eq!(state.at, Some(fixture::at("13:52:00")));
    assert!(effects.contains(&Effect::TickAfter(Span::from_secs(30))));
    assert_eq!(press(&mut state, KeyCode::Char('p')), [], "one tick is on its way");
    let effects = tick(&mut state);
    assert_eq!(state.at, Some(fixture::at("13:52:30")));
    assert!(effects.contains(&Effect::TickAfter(Span::from_secs(3))));
    state.at = Some(fixture::now() - Span::from_secs(1));
    assert_eq!(tick(&mut state), []);
    assert_eq!((state.at, state.timeline.speed), (None, 0));
    assert_eq!(tick(&mut state), []);
}

#[test]
fn the_same_stretch_is_not_asked_for_with_every_snapshot() {
    let mut state = answered(80, 24);
    assert_eq!(refresh(&mut state), []);
    let mut live = (*state.live).clone();
    live.at = Some(fixture::now() + Span::from_secs(9));
    state.live = Arc::new(live.clone());
    assert_eq!(refresh(&mut state), []);
    live.at = Some(fixture::now() + Span::from_secs(11));
    state.live = Arc::new(live);
    assert!(!refresh(&mut state).is_empty());
}

#[test]
fn entries_are_in_the_order_of_time_and_filtered() {
    let mut state = answered(80, 24);
    let all = entries(&state);
    assert!(all.windows(2).all(|pair| pair[0].at <= pair[1].at) && all.len() > 3);
    state.filter = "restart planned".into();
    assert_eq!(entries(&state).len(), 1);
    state.filter = "zzz".into();
    assert!(drawn(&state, 80, 20).contains("Esc clears"));
}

#[test]
fn what_happened_on_another_day_has_its_date() {
    let mut state = answered(80, 24);
    assert!(drawn(&state, 80, 20).contains("   13:52:10  setting"));
    let data = state.timeline.data.as_mut().unwrap();
    data.changes[0].at = data.changes[0].at - Span::from_days(1);
    let text = drawn(&state, 80, 20);
    assert!(
        text.contains("   13 Mar 13:52  setting") && text.contains("   14:20:11      note"),
        "{text}"
    );
}

#[test]
fn before_the_first_data_it_says_so() {
    let mut state = state(80, 24);
    state.live = Arc::new(crate::tui::state::nothing());
    state.shown = Arc::clone(&state.live);
    assert!(drawn(&state, 80, 20).contains("Nothing was seen yet"));
    for code in ['[', ']', 'p', 'w', '+', 'x'] {
        press(&mut state, KeyCode::Char(code));
    }
}

/// `shown` with a change named as the cause of the breach of memory, which left its shadow 90 s after it and broke its limit later.
fn blamed(shown: &mut State) {
    let mut found = shown.timeline.data.as_mut().unwrap().findings.iter_mut();
    let breach = found.find(|finding| finding.mark == Mark::Breach).unwrap();
    breach.causes = vec![Cause {
        series: None,
        what: "etc.postgresql/15/main/postgresql.conf:shared_buffers 8GB -> 24GB by ansible".into(),
        at: breach.since - Span::from_mins(20),
        earliest: None,
        lead: Span::from_secs(90),
        weight: 0.8,
    }];
}

#[test]
fn the_stretch_begins_before_what_came_first() {
    let mut shown = answered(80, 24);
    blamed(&mut shown);
    let cause = fixture::at("13:38:00");
    let data = shown.timeline.data.as_mut().unwrap();
    data.changes[0].at = cause;
    let begun = stretch(&shown).unwrap();
    assert!(begun.from < cause && begun.column(cause).is_some(), "{begun:?}");
    // A finding that is no part of the incident moves nothing.
    for finding in &mut shown.timeline.data.as_mut().unwrap().findings {
        finding.since = finding.since - Span::from_days(3);
    }
    assert!(stretch(&shown).unwrap().from > begun.from);
}

#[test]
fn of_another_stretch_nothing_is_denied() {
    let mut shown = answered(80, 24);
    let first = |shown: &State| first::first(shown);
    shown.timeline.data.as_mut().unwrap().findings.clear();
    assert!(!first(&shown).contains("loading"), "{}", first(&shown));
    let data = shown.timeline.data.as_mut().unwrap();
    *data = Timeline {
        from: data.from - Span::from_days(1),
        to: data.from,
        changes: Vec::new(),
        events: Vec::new(),
        findings: Vec::new(),
        notes: Vec::new(),
    };
    let picture = drawn(&shown, 80, 20);
    assert!(
        picture.contains(" loading") && !picture.contains("Nothing changed"),
        "{picture}"
    );
    assert_eq!(first(&shown), "loading");
}

#[test]
fn what_is_cut_is_the_folder_and_not_the_values() {
    let shown = answered(80, 24);
    let mut entry = entries(&shown)
        .into_iter()
        .find(|entry| entry.change.is_some())
        .unwrap();
    let change = entry.change.as_mut().unwrap();
    change.id = fixture::id("queue-1/etc.rabbitmq/conf.d/10/rabbitmq.conf:channel_max");
    entry.text = format!("{} 2047 -> 0 (ana)", change.id.name);
    let row = entry::row(&entry, "08:00:00", false, 80);
    assert!(
        row.contains("~channel_max 2047 -> 0 (ana)") && row.contains(" etc.rabb"),
        "{row}"
    );
    assert!(width(&row) <= 80, "{row}");
}

#[test]
fn a_command_run_with_rights_is_told_by_the_command() {
    let mut shown = answered(80, 24);
    let event = &mut shown.timeline.data.as_mut().unwrap().events[0];
    event.what = "sudo: ana : PWD=/ ; USER=root ; COMMAND=/usr/bin/systemctl reload haproxy".into();
    event.who = Some("ana".into());
    let rows = entries(&shown);
    let told = rows.iter().find(|entry| entry.text.contains("systemctl")).unwrap();
    assert_eq!(told.text, "ana: sudo /usr/bin/systemctl reload haproxy");
}

#[test]
fn a_line_of_a_log_that_repeats_is_one_row() {
    let mut shown = answered(80, 24);
    let events = &mut shown.timeline.data.as_mut().unwrap().events;
    let line = Event {
        kind: EventKind::Log,
        what: "sudo: unable to resolve host".into(),
        who: None,
        ..events[0].clone()
    };
    for at in ["14:00:00", "14:00:05", "14:21:40"] {
        events.push(Event {
            at: fixture::at(at),
            ..line.clone()
        });
    }
    let rows: Vec<_> = entries(&shown)
        .into_iter()
        .filter(|entry| entry.word == "log")
        .collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (rows[0].at, &*rows[0].text),
        (fixture::at("14:00:00"), "x3 to 14:21:40: sudo: unable to resolve host")
    );
}
