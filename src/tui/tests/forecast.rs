//! What the head and the foot of the Forecast say.

use crossterm::event::KeyCode;

use super::{press, settle};
use crate::{
    domain::{Side, Span},
    engine::{Answer, ForecastView, Query},
    tui::{
        fixture::{self, key},
        look::Charset,
        state::{Effect, Msg, Screen, State},
        update, view_to_buffer,
    },
};

/// The Forecast of a metric whose forecast is answered with what `edit` makes of it.
fn answered(id: &str, width: u16, height: u16, keys: &str, edit: fn(&mut ForecastView)) -> String {
    let mut state = fixture::state(Charset::Ascii, width, height);
    state.series = Some(fixture::id(id));
    let effects = crate::tui::enter(&mut state, Screen::Forecast);
    answer(&mut state, effects, edit);
    for name in keys.chars() {
        let effects = update(&mut state, key(KeyCode::Char(name)));
        answer(&mut state, effects, edit);
    }
    fixture::text(&view_to_buffer(&state, width, height))
}

fn answer(state: &mut State, effects: Vec<Effect>, edit: fn(&mut ForecastView)) {
    for effect in effects {
        if let Effect::Ask(tag, Query::Forecast { id, .. }) = effect {
            let mut view = fixture::forecast_of(&id);
            edit(&mut view);
            update(state, Msg::Answer(tag, Ok(Box::new(Answer::Forecast(Box::new(view))))));
        }
    }
}

const DISK: &str = "web-03/fs./.used_pct";

#[test]
fn how_sure_it_is_belongs_to_the_horizon_shown() {
    let text = answered(DISK, 80, 24, "+", |_| {});
    assert!(text.contains("97 % sure within 6 h"), "{text}");
    let text = answered(DISK, 80, 24, "+", |view| {
        let crossing = view.crossing.as_mut().unwrap();
        (crossing.horizon, crossing.probability) = (Span::from_hours(12), 0.99);
    });
    assert!(text.contains("99 % sure (80 %") && !text.contains("97 %"), "{text}");
}

#[test]
fn the_earlier_of_what_was_told_and_what_is_held_is_since_when() {
    let id = "db-01/mem.available_pct";
    let text = answered(id, 80, 24, "", |view| view.passed = Some(fixture::at("13:40:00")));
    assert!(text.contains("5 % passed since 13:40"), "{text}");
    let text = answered(id, 80, 24, "", |view| view.passed = Some(fixture::at("14:20:00")));
    assert!(text.contains("5 % passed since 13:58"), "{text}");
}

#[test]
fn members_are_named_while_they_fit() {
    let text = answered(DISK, 80, 24, "", |view| {
        let names = [
            "usual season, corrected",
            "level and trend, damped",
            "as it was a day before",
        ];
        view.members = names.map(|name| (name.into(), 0.31)).to_vec();
    });
    let line = text.lines().find(|line| line.contains("MEMBERS")).unwrap_or_default();
    assert!(line.ends_with(" 31 %") && !line.contains("as it was"), "{line}");
}

#[test]
fn a_limit_tried_keeps_its_side_and_is_seen_to_be_passed() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let id = fixture::id("web-01/http.p99_ms");
    let set = |state: &mut State, value: f64| {
        let mut snapshot = (*state.shown).clone();
        let mut rows = snapshot.metrics.to_vec();
        let row = rows.iter_mut().find(|row| row.id == id).unwrap();
        (row.limit, row.crossing) = (None, None);
        row.now = row.now.map(|(at, _)| (at, value));
        snapshot.metrics = rows.into();
        snapshot.number += 1;
        update(state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
        fixture::text(&view_to_buffer(state, 80, 24))
            .lines()
            .nth(2)
            .unwrap_or_default()
            .to_owned()
    };
    state.series = Some(id.clone());
    let _ = crate::tui::enter(&mut state, Screen::Forecast);
    for (now, limit, side, then) in [(80.0, "100", Side::Above, 120.0), (120.0, "100", Side::Below, 80.0)] {
        set(&mut state, now);
        state.forecast = Default::default();
        let sent = crate::tui::screens::forecast::entered(&mut state, &crate::tui::state::Purpose::Limit, limit);
        assert!(
            sent.iter().any(
                |effect| matches!(effect, Effect::Ask(_, Query::Forecast { limit: Some(limit), .. })
                if limit.value == 100.0 && limit.side == side)
            ),
            "{sent:?}"
        );
        let text = set(&mut state, now);
        assert!(text.contains("not passed"), "{text}");
        let text = set(&mut state, then);
        assert!(text.contains("passed now"), "{text}");
    }
}

#[test]
fn with_no_crossing_the_nearest_is_named() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let mut snapshot = fixture::snapshot();
    let mut rows = snapshot.metrics.to_vec();
    rows.iter_mut().for_each(|row| row.crossing = None);
    snapshot.metrics = rows.into();
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
    state.series = Some(fixture::id("db-01/mem.available_pct"));
    let asked = crate::tui::enter(&mut state, Screen::Forecast);
    settle(&mut state, asked);
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(
        text.contains("No crossing within 6 h is told yet. The nearest foreseen: web-03 fs./.used_pct"),
        "{text}"
    );
    assert!(text.contains("UPCOMING CROSSINGS (0)"), "{text}");
    // One mark everywhere: what no finding tells is no crossing here, however likely the forecast has it.
    let mut of_it = fixture::state(Charset::Ascii, 80, 24);
    of_it.live = std::sync::Arc::clone(&state.live);
    of_it.shown = std::sync::Arc::clone(&state.shown);
    of_it.series = Some(fixture::id("web-03/fs./.used_pct"));
    let asked = crate::tui::enter(&mut of_it, Screen::Forecast);
    settle(&mut of_it, asked);
    let text = fixture::text(&view_to_buffer(&of_it, 80, 24));
    assert!(!text.contains("> cross") && text.contains("90 % perhaps at "), "{text}");
    assert!(text.contains("not told yet"), "{text}");
    // Of a shorter look ahead its own length is told.
    press(&mut state, "--");
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(text.contains("No crossing within 1 h. The nearest"), "{text}");
}

#[test]
fn a_limit_that_is_passed_is_not_said_to_be_unlikely_to_be() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let mut snapshot = fixture::snapshot();
    let mut rows = snapshot.metrics.to_vec();
    rows.iter_mut().for_each(|row| row.crossing = None);
    snapshot.metrics = rows.into();
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
    state.series = Some(fixture::id("db-01/mem.available_pct"));
    let mut effects = crate::tui::enter(&mut state, Screen::Forecast);
    while let Some(effect) = effects.pop() {
        if let Effect::Ask(tag, Query::Forecast { id, .. }) = effect {
            let mut view = fixture::forecast_of(&id);
            view.crossing = None;
            let more = Msg::Answer(tag, Ok(Box::new(Answer::Forecast(Box::new(view)))));
            effects.extend(update(&mut state, more));
        }
    }
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(
        text.contains("No crossing within 6 h. 1 limit is passed now; no other within 90 d."),
        "{text}"
    );
}

#[test]
fn a_shadow_that_was_being_learnt_is_asked_for_again_within_a_minute() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    state.series = Some(fixture::id(DISK));
    let effects = crate::tui::enter(&mut state, Screen::Forecast);
    answer(&mut state, effects, |view| view.forecast = None);
    let mut later = |minutes: i64| {
        let mut snapshot = (*state.shown).clone();
        snapshot.at = snapshot.at.map(|at| at + Span::from_mins(minutes));
        snapshot.number += 1;
        let effects = update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
        let own =
            |effect: &&Effect| matches!(effect, Effect::Ask(_, Query::Forecast { id, .. }) if *id == fixture::id(DISK));
        let asked = effects.iter().any(|effect| own(&effect));
        answer(&mut state, effects, |_| {});
        asked
    };
    assert!(later(1), "it may have been learnt");
    assert!(!later(1), "a shadow stands for some minutes");
    assert!(later(5));
}

#[test]
fn what_may_pass_its_limit_is_not_said_to_be_unlikely_to() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    let mut snapshot = fixture::snapshot();
    let mut rows = snapshot.metrics.to_vec();
    rows.iter_mut().for_each(|row| row.crossing = None);
    snapshot.metrics = rows.into();
    update(&mut state, Msg::Snapshot(std::sync::Arc::new(snapshot)));
    state.series = Some(fixture::id("db-01/mem.available_pct"));
    let mut effects = crate::tui::enter(&mut state, Screen::Forecast);
    while let Some(effect) = effects.pop() {
        if let Effect::Ask(tag, Query::Forecast { id, .. }) = effect {
            let mut view = fixture::forecast_of(&id);
            view.passed = None;
            view.crossing = Some(crate::domain::Crossing {
                probability: 0.49,
                at: [fixture::crossing().at[0], None, None],
                ..fixture::crossing()
            });
            let more = Msg::Answer(tag, Ok(Box::new(Answer::Forecast(Box::new(view)))));
            effects.extend(update(&mut state, more));
        }
    }
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(
        text.contains("No crossing within 6 h is as likely as not. 10 % sure in "),
        "{text}"
    );
}

#[test]
fn a_crossing_told_before_there_is_a_forecast_says_what_it_rests_on() {
    let mut state = fixture::state(Charset::Ascii, 80, 24);
    state.series = Some(fixture::id(DISK));
    let effects = crate::tui::enter(&mut state, Screen::Forecast);
    answer(&mut state, effects, |view| view.forecast = None);
    let text = fixture::text(&view_to_buffer(&state, 80, 24));
    assert!(text.contains("X rests on how the last minutes ran alone"), "{text}");
}
