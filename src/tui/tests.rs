//! The world of the mock-ups, keys, and what the screen shows then.

mod forecast;
mod frames;
mod keys;
mod rows;
mod told;

use crossterm::event::KeyCode;

use crate::{
    domain::Span,
    engine::{Answer, Query},
    tui::{
        fixture::{self, key},
        look::Charset,
        state::{Effect, Msg, Screen, State},
        update, view_to_buffer,
    },
};

/// Answers what an engine would, until nothing is asked any more.
fn settle(state: &mut State, effects: Vec<Effect>) -> Vec<Effect> {
    let mut rest = Vec::new();
    let mut queue = effects;
    while let Some(effect) = queue.pop() {
        if let Effect::Rest(moves) = effect {
            queue.extend(update(state, Msg::Rested(moves)));
            continue;
        }
        let Effect::Ask(tag, query) = effect else {
            rest.push(effect);
            continue;
        };
        let answer = match query {
            Query::Chart { id, from, step, .. } if &*id.name == "fs./.used_pct" => {
                Answer::Chart(fixture::past(from, step, 80))
            }
            Query::Chart { id, from, step, .. } if &*id.name == "mem.available_pct" => {
                Answer::Chart(crate::engine::Chart {
                    id,
                    from,
                    step,
                    ..fixture::chart()
                })
            }
            Query::Chart { id, from, step, .. } => Answer::Chart(crate::engine::Chart {
                changes: fixture::chart().changes,
                ..fixture::flat(&id, from, step, 80)
            }),
            Query::Forecast { id, .. } => Answer::Forecast(Box::new(fixture::forecast_of(&id))),
            Query::Explain(id) => Answer::Text(vec![format!("{id} is read by proc every 30 s")]),
            Query::AsOf(at) => {
                let mut snapshot = fixture::snapshot();
                snapshot.at = Some(at);
                snapshot.live = false;
                Answer::AsOf(std::sync::Arc::new(snapshot))
            }
            _ => continue,
        };
        queue.extend(update(state, Msg::Answer(tag, Ok(Box::new(answer)))));
    }
    rest
}

fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for word in keys.split_whitespace() {
        let code = match word {
            "Enter" => KeyCode::Enter,
            "Esc" => KeyCode::Esc,
            "Tab" => KeyCode::Tab,
            "Space" => KeyCode::Char(' '),
            "Down" => KeyCode::Down,
            text => {
                for c in text.chars() {
                    let asked = update(state, key(KeyCode::Char(c)));
                    effects.extend(settle(state, asked));
                }
                continue;
            }
        };
        let asked = update(state, key(code));
        effects.extend(settle(state, asked));
    }
    effects
}

fn screen(screen: Screen, charset: Charset, width: u16, height: u16, keys: &str) -> String {
    let mut state = fixture::state(charset, width, height);
    let asked = crate::tui::enter(&mut state, screen);
    settle(&mut state, asked);
    press(&mut state, keys);
    fixture::text(&view_to_buffer(&state, width, height))
}

#[test]
fn what_is_wrong_with_a_change_is_told_below_what_was_typed() {
    let shown = screen(Screen::WhatIf, Charset::Ascii, 80, 24, "+ cpu Space x0 Enter");
    let rows: Vec<&str> = shown.lines().rev().take(2).map(str::trim_end).collect();
    assert_eq!(
        rows,
        [
            "the factor must be above 0: cpu x2 is twice as much, x0.5 half",
            "change (NAME=VALUE): cpu x0"
        ]
    );
}

#[test]
fn settings_of_a_resource() {
    for (name, width, height) in [("80x24", 80, 24), ("120x40", 120, 40), ("40x12", 40, 12)] {
        insta::assert_snapshot!(
            format!("resource_settings_{name}"),
            screen(Screen::Overview, Charset::Ascii, width, height, "Enter Tab Tab")
        );
    }
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let asked = crate::tui::open(&mut state, Screen::Resource, fixture::id("db-01/mem.available_pct"));
    settle(&mut state, asked);
    press(&mut state, "Tab Tab");
    let under = crate::tui::screens::resource::under_cursor;
    assert_eq!(under(&state), Some(fixture::id("db-01/pg.shared_buffers")));
    // What is explained is the setting, and the cursor stays on it in another order.
    let asked = update(&mut state, key(KeyCode::Char('x')));
    assert!(
        matches!(&asked[..], [Effect::Ask(_, Query::Explain(id))] if *id == fixture::id("db-01/pg.shared_buffers")),
        "{asked:?}"
    );
    press(&mut state, "j o");
    assert_eq!(under(&state), Some(fixture::id("db-01/vm.swappiness")));
    press(&mut state, "Tab");
    assert_eq!(under(&state), Some(fixture::id("db-01/mem.available_pct")));
}

/// Pictures of a console that begins on the overview: behind `name` what each is called, its characters, its size, and the keys pressed.
fn pictures(name: &str, all: &[(&str, Charset, (u16, u16), &str)]) {
    for (which, charset, (width, height), keys) in all {
        let drawn = screen(Screen::Overview, *charset, *width, *height, keys);
        insta::assert_snapshot!(format!("{name}_{which}"), drawn);
    }
}

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (120, 40);
const TINY: (u16, u16) = (40, 12);

#[test]
fn overview() {
    pictures(
        "overview",
        &[
            ("80x24", Charset::Ascii, SMALL, ""),
            ("80x24_utf8", Charset::Utf8, SMALL, ""),
            ("120x40", Charset::Ascii, LARGE, "j k"),
            ("40x12", Charset::Ascii, TINY, ""),
            ("filtered", Charset::Ascii, SMALL, "/web-0 Enter Tab j"),
        ],
    );
}

#[test]
fn resource() {
    pictures(
        "resource",
        &[
            ("80x24", Charset::Ascii, SMALL, "Enter"),
            ("80x24_utf8", Charset::Utf8, SMALL, "Enter"),
            ("120x40", Charset::Ascii, LARGE, "Enter"),
            ("40x12", Charset::Ascii, TINY, "Enter"),
            ("two_marked", Charset::Ascii, SMALL, "Space j Space Enter"),
            ("learning", Charset::Ascii, SMALL, "/web-04 Enter Tab Enter"),
        ],
    );
}

#[test]
fn forecast() {
    pictures(
        "forecast",
        &[
            ("80x24", Charset::Ascii, SMALL, "j 3"),
            ("80x24_utf8", Charset::Utf8, SMALL, "j 3"),
            ("120x40", Charset::Ascii, LARGE, "j 3"),
            ("40x12", Charset::Ascii, TINY, "j 3"),
        ],
    );
}

#[test]
fn the_filter_of_what_is_off_looks_at_all_that_a_finding_tells() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let finding = std::sync::Arc::clone(&state.shown.findings[0]);
    state.filter = finding.summary.to_lowercase();
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(text.contains("WHAT IS OFF (1)"), "{text}");
    state.filter = "no such thing".into();
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(text.contains("Nothing off matches"), "{text}");
}

#[test]
fn a_host_that_is_ok_names_no_worst_metric() {
    let mut snapshot = fixture::snapshot();
    snapshot.findings = std::sync::Arc::default();
    let mut rows = snapshot.metrics.to_vec();
    rows.iter_mut().for_each(|row| row.mark = crate::domain::Mark::Ok);
    let mut hosts = snapshot.resources.to_vec();
    let id = rows[0].id.clone();
    let told = |bits, hosts: &mut Vec<crate::engine::ResourceRow>| {
        let mut state = fixture::state(Charset::Ascii, 80, 24);
        hosts.iter_mut().for_each(|row| row.worst = Some((id.clone(), bits)));
        let mut snapshot = snapshot.clone();
        (snapshot.metrics, snapshot.resources) = (rows.clone().into(), hosts.clone().into());
        update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
        fixture::text(&view_to_buffer(&state, 80, 24)).contains(&format!(" {bits:.1} "))
    };
    assert!(told(7.3, &mut hosts));
    assert!(!told(3.3, &mut hosts));
}

#[test]
fn the_head_of_the_forecast_says_what_its_list_says() {
    let answered = |crossing, told: bool| {
        let mut state = fixture::state(Charset::Ascii, 80, 24);
        let mut snapshot = fixture::snapshot();
        let mut rows = snapshot.metrics.to_vec();
        let disk = |id: &crate::domain::SeriesId| &*id.name == "fs./.used_pct";
        for row in &mut rows {
            row.crossing = row.crossing.filter(|_| told && disk(&row.id));
        }
        let id = rows.iter().find(|row| disk(&row.id)).unwrap().id.clone();
        snapshot.metrics = rows.into();
        update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
        state.series = Some(id.clone());
        for effect in crate::tui::enter(&mut state, Screen::Forecast) {
            let Effect::Ask(tag, Query::Forecast { .. }) = effect else {
                continue;
            };
            let mut view = fixture::forecast_of(&id);
            view.crossing = crossing;
            update(
                &mut state,
                Msg::Answer(tag, Ok(Box::new(Answer::Forecast(Box::new(view))))),
            );
        }
        let text = fixture::text(&view_to_buffer(&state, 80, 24));
        let line = |word: &str| {
            text.lines()
                .find(|line| line.contains(word))
                .unwrap_or_default()
                .to_owned()
        };
        (line("horizon 6 h"), line("UPCOMING"))
    };
    // Asked when the column began; the drift was told since.
    let (head, list) = answered(None, true);
    assert!(
        head.contains("> cross   90 % at 17:42") && list.contains("(1)"),
        "{head}\n{list}"
    );
    // Passed by the middle path that is drawn, and not told as drift yet: no other screen has it as one that crosses.
    let (head, list) = answered(Some(fixture::crossing()), false);
    assert!(
        !head.contains("> cross") && head.contains("90 % perhaps at 17:42") && list.contains("(0)"),
        "{head}\n{list}"
    );
    let (head, list) = answered(None, false);
    assert!(
        head.contains("90 % not passed") && list.contains("(0)"),
        "{head}\n{list}"
    );
}

#[test]
fn of_a_time_that_does_not_fit_its_day_is_told() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let mut shown = fixture::snapshot();
    shown.health.ready = Some(fixture::now() + Span::from_hours(14));
    state.shown = std::sync::Arc::new(shown);
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    let line = text.lines().nth(2).unwrap();
    assert!(line.ends_with("223 learning (ready 15 Mar)"), "{line}");
}

#[test]
fn what_a_file_tells_is_listed_over_the_screen_until_esc() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let lines = ["a.b", "HIGH      (all of it)  missing"].map(String::from).to_vec();
    update(&mut state, Msg::Said("reading plan.json".into()));
    update(
        &mut state,
        Msg::Listed("plan.json: 1 setting not as declared".into(), lines),
    );
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    for line in ["plan.json: 1 setting", "a.b", "HIGH", "(all of it)  missing"] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    assert!(!text.contains("reading plan.json"), "{text}");
    press(&mut state, "Esc");
    assert!(fixture::text(&view_to_buffer(&state, 80, 24)).contains("WHAT IS OFF"));
}

#[test]
fn every_size_and_screen_draws_something_and_never_panics() {
    for (width, height) in [
        (20, 5),
        (1, 1),
        (39, 11),
        (40, 12),
        (79, 24),
        (81, 24),
        (119, 40),
        (200, 60),
        (3, 50),
        (300, 2),
    ] {
        for place in Screen::ALL {
            for charset in [Charset::Ascii, Charset::Utf8] {
                let text = screen(place, charset, width, height, "j Enter ? Esc : Esc Tab j + -");
                assert!(!text.trim().is_empty(), "{place:?} at {width}x{height}");
                assert!(
                    charset == Charset::Utf8 || text.is_ascii(),
                    "{place:?} at {width}x{height}:\n{text}"
                );
            }
        }
    }
    insta::assert_snapshot!("tiny_20x5", screen(Screen::Overview, Charset::Ascii, 20, 5, ""));
}

#[test]
fn nothing_known_yet_is_no_reason_to_panic() {
    let look = fixture::state(Charset::Ascii, 80, 24).look;
    for place in Screen::ALL {
        let mut state = State::new(look.clone(), "web-1");
        let asked = crate::tui::enter(&mut state, place);
        settle(&mut state, asked);
        press(
            &mut state,
            "j k G g Enter Space w x y f f [ ] { } 0 + - Tab Enter Esc Esc",
        );
        assert!(fixture::text(&view_to_buffer(&state, 80, 24)).contains("q quit"));
    }
}

#[test]
fn an_escape_sequence_in_a_name_is_never_drawn() {
    let mut snapshot = fixture::snapshot();
    let mut rows = snapshot.resources.to_vec();
    rows[0].id = crate::domain::ResourceId::new("host", "\u{1b}]0;owned\u{7}東京\u{200d}x");
    snapshot.resources = rows.into();
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
}

#[test]
fn live_values_move_the_chart_by_whole_grid_steps_only() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    press(&mut state, "Enter");
    let labels = |state: &State| {
        fixture::text(&view_to_buffer(state, 80, 24))
            .lines()
            .nth(3)
            .unwrap()
            .replace('|', "")
            .trim()
            .to_owned()
    };
    let mut seen = vec![labels(&state)];
    for minute in 33..48 {
        let mut snapshot = fixture::snapshot();
        let at = fixture::at(&format!("14:{minute}:00"));
        snapshot.at = Some(at);
        let mut rows = snapshot.metrics.to_vec();
        rows.iter_mut()
            .filter(|row| row.now.is_some())
            .for_each(|row| row.now = Some((at, row.now.unwrap().1)));
        snapshot.metrics = rows.into();
        assert!(
            update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot))).is_empty(),
            "asks nothing"
        );
        seen.push(labels(&state));
    }
    seen.dedup();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen.iter().all(|labels| labels.starts_with('%')));
}

#[test]
fn the_only_host_is_named_once_and_its_metrics_whole() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let mut snapshot = fixture::snapshot();
    snapshot.resources = snapshot.resources[..1].into();
    let host = snapshot.resources[0].id.clone();
    let of = |id: &crate::domain::SeriesId| id.resource == host;
    snapshot.findings = snapshot
        .findings
        .iter()
        .filter(|row| row.resource == host)
        .cloned()
        .collect();
    snapshot.metrics = snapshot.metrics.iter().filter(|row| of(&row.id)).cloned().collect();
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    let row = text.lines().find(|line| line.contains("X breach   ")).unwrap();
    assert!(row.starts_with(">X breach   mem.available_pct "), "{text}");
    let named = text.lines().skip(4).take(18).filter(|line| line.contains("db-01"));
    assert_eq!(named.count(), 1, "{text}");
}

#[test]
fn another_day_than_the_newest_has_its_date_in_the_first_row() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let first = |state: &State| {
        fixture::text(&view_to_buffer(state, 80, 24))
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    state.at = Some(fixture::at("14:02:00"));
    assert!(
        first(&state).contains("REPLAY 14:02:00  read-only"),
        "{}",
        first(&state)
    );
    state.at = Some(fixture::at("14:02:00") - Span::from_days(2));
    assert!(
        first(&state).contains("REPLAY 12 Mar 14:02  read-only"),
        "{}",
        first(&state)
    );
}

#[test]
fn what_is_not_kept_is_told_beside_what_is_off() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let mut snapshot = fixture::snapshot();
    snapshot.store.ok = false;
    snapshot.store.says = "it is locked by pid 4121 (foreshadow)".into();
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(
        text.contains("WHAT IS OFF (7)") && text.contains("locked by pid 4121"),
        "{text}"
    );
    // Where the counts leave room, sources that give nothing are told.
    let mut snapshot = fixture::snapshot();
    snapshot.findings = std::sync::Arc::default();
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(text.contains("1 of 2 sources give nothing: 7"), "{text}");
}

#[test]
fn an_engine_that_ended_is_told_at_every_size() {
    for (width, height) in [(20, 5), (40, 12), (80, 24), (120, 40)] {
        let mut state = fixture::state(Charset::Ascii, width, height);
        update(&mut state, Msg::EngineGone);
        let text = fixture::text(&view_to_buffer(&state, width, height));
        assert!(text.contains("GONE 14:32:00"), "{text}");
        // What it knew stays.
        assert!(text.contains("ilable"), "{text}");
        update(&mut state, Msg::Attached(String::new()));
        let unknown = std::sync::Arc::new(crate::tui::state::nothing());
        update(&mut state, Msg::Snapshot(unknown));
        assert!(
            state.shown.at.is_some(),
            "an engine that knows nothing yet replaces nothing"
        );
        update(
            &mut state,
            Msg::Snapshot(std::sync::Arc::new(fixture::later(1, Span::from_secs(30)))),
        );
        assert!(fixture::text(&view_to_buffer(&state, width, height)).contains("LIVE 14:32:30"));
    }
}
