//! What each command does, and which words may follow it.

use std::sync::Arc;

use super::{
    named::{names, part, series, unknown},
    tag, time,
};
use crossterm::event::KeyCode;

use crate::{
    domain::{Limit, Mark, Quantity, SeriesId, Side, Span, matches, text::visible},
    engine::{Pace, Query},
    store::{Format, TABLES},
    tui::{
        enter,
        look::Charset,
        open, screens,
        state::{Effect, Engine, Msg, Purpose, Screen, State},
        text::zone,
        theme,
        update::{decide, pace, selected},
    },
};

pub(super) fn overview(state: &mut State, _: &str) -> Vec<Effect> {
    enter(state, Screen::Overview)
}

pub(super) fn resource(state: &mut State, name: &str) -> Vec<Effect> {
    if name.is_empty() {
        enter(state, Screen::Resource)
    } else {
        go(state, name)
    }
}

pub(super) fn forecast(state: &mut State, _: &str) -> Vec<Effect> {
    enter(state, Screen::Forecast)
}

pub(super) fn proposals(state: &mut State, _: &str) -> Vec<Effect> {
    enter(state, Screen::Proposals)
}

pub(super) fn what_if(state: &mut State, text: &str) -> Vec<Effect> {
    let mut effects = enter(state, Screen::WhatIf);
    effects.extend(screens::whatif::entered(state, &Purpose::Change(None), text));
    effects
}

pub(super) fn timeline(state: &mut State, _: &str) -> Vec<Effect> {
    enter(state, Screen::Timeline)
}

pub(super) fn audit(state: &mut State, _: &str) -> Vec<Effect> {
    enter(state, Screen::Audit)
}

pub(super) fn go(state: &mut State, name: &str) -> Vec<Effect> {
    let shown = Arc::clone(&state.shown);
    let found = shown
        .resources
        .iter()
        .find(|row| row.id.name() == name || row.id.as_str() == name);
    let Some(found) = found else {
        return unknown(state, "host", name, shown.resources.iter().map(|row| row.id.name()));
    };
    let first = shown.metrics.iter().find(|row| row.id.resource == found.id);
    let worst = found.worst.as_ref().map(|(id, _)| id);
    let known = worst.filter(|id| shown.metrics.iter().any(|row| row.id == **id));
    match known.or(first.map(|row| &row.id)) {
        Some(id) => open(state, Screen::Resource, id.clone()),
        None => screens::resource::open_settings(state, &found.id),
    }
}

pub(super) fn metric(state: &mut State, name: &str) -> Vec<Effect> {
    let shown = Arc::clone(&state.shown);
    let metrics = shown.metrics.iter().map(|row| &row.id);
    let settings = shown.settings.iter().map(|row| &row.id);
    if let Some(id) = series(state, name, metrics.clone()) {
        return open(state, Screen::Resource, id);
    }
    let found =
        series(state, name, settings.clone()).or_else(|| part(state, name, metrics.clone().chain(settings.clone())));
    match found {
        Some(id) => {
            if shown.settings.iter().any(|row| row.id == id) {
                state.message = Some(format!("{} is a setting: this is its history", id.name));
            }
            open(state, Screen::Resource, id)
        }
        None => unknown(
            state,
            "metric or setting",
            name,
            metrics.chain(settings).map(|id| &*id.name),
        ),
    }
}

pub(super) fn at(state: &mut State, text: &str) -> Vec<Effect> {
    // Of today, wherever the cursor stands.
    let now = state.live.at.or(state.shown.at).unwrap_or_default();
    match time::read(text, now, zone()) {
        Some(to) => screens::timeline::travel(state, to),
        None => {
            state.message = Some(format!("{text} is no time: 13:00, -2h, 2026-03-12 13:00"));
            Vec::new()
        }
    }
}

/// Presses a key of the frame, so that command and key cannot come to differ.
fn press(state: &mut State, key: char) -> Vec<Effect> {
    decide(state, Msg::Key(KeyCode::Char(key).into()))
}

pub(super) fn now(state: &mut State, _: &str) -> Vec<Effect> {
    press(state, '0')
}

pub(super) fn freeze(state: &mut State, _: &str) -> Vec<Effect> {
    press(state, 'f')
}

pub(super) fn filter(state: &mut State, text: &str) -> Vec<Effect> {
    state.filter = text.to_lowercase();
    screens::refresh(state)
}

pub(super) fn limit(state: &mut State, text: &str) -> Vec<Effect> {
    let shown = Arc::clone(&state.shown);
    let chosen = selected(state);
    let Some(row) = shown.metrics.iter().find(|row| Some(&row.id) == chosen.as_ref()) else {
        state.message = Some(match chosen {
            Some(id) => format!("{} is a setting: only metrics have limits", id.name),
            None => "no metric is chosen here: :metric NAME opens one, then its limit can be set".into(),
        });
        return Vec::new();
    };
    let ask = |limit| vec![Effect::Ask(tag("limit"), Query::SetLimit(row.id.clone(), limit))];
    if text == "off" {
        state.told = Some(("limit", format!("{} has no limit now", row.id.name)));
        return ask(None);
    }
    let (number, side) = match text.rsplit_once(' ') {
        Some((number, "low" | "below")) => (number, Some(Side::Below)),
        Some((number, "high" | "above")) => (number, Some(Side::Above)),
        _ => (text, None),
    };
    let number = number.trim();
    let value = number
        .trim_end_matches('%')
        .trim()
        .parse()
        .ok()
        .or_else(|| number.parse::<Quantity>().ok().map(|quantity| quantity.base()))
        .filter(|value: &f64| value.is_finite());
    let Some(value) = value else {
        state.message = Some(format!("{text} is no limit: write 90, 5 low, or off"));
        return Vec::new();
    };
    if let Some(why) = screens::forecast::out_of_range(row, value) {
        state.message = Some(why);
        return Vec::new();
    }
    let side = side
        .or(row.limit.as_ref().map(|limit| limit.side))
        .unwrap_or(Side::Above);
    let word = if side == Side::Below { "low" } else { "high" };
    let told = format!("limit of {} is now {} ({word})", row.id.name, row.unit.show(value));
    state.told = Some(("limit", told));
    ask(Some(Limit {
        value,
        side,
        by: "console".into(),
    }))
}

pub(super) fn mute(state: &mut State, text: &str) -> Vec<Effect> {
    let (name, span) = match text.rsplit_once(char::is_whitespace) {
        Some((name, span)) => (name.trim(), span),
        None => (text, "2h"),
    };
    let Some(now) = state.live.at else {
        state.message = Some("there is nothing to mute yet".into());
        return Vec::new();
    };
    match span.parse::<Span>() {
        Ok(span) if span.0 > 0 => {
            let until = crate::tui::text::when(now + span, now);
            let fits = |id: &SeriesId| matches(name, &id.name) || matches(name, &id.to_string());
            let shown = &state.live;
            let mut ids = shown
                .metrics
                .iter()
                .map(|row| &row.id)
                .chain(shown.settings.iter().map(|row| &row.id));
            let none = if ids.any(fits) {
                ""
            } else {
                "; nothing has that name now"
            };
            state.told = Some(("mute", format!("nothing is told of {name} until {until}{none}")));
            vec![Effect::Ask(tag("mute"), Query::Mute(name.into(), now + span))]
        }
        _ => {
            state.message = Some(format!("{span} is no length of time: 30m, 2h, 1d"));
            Vec::new()
        }
    }
}

pub(super) fn speed(state: &mut State, text: &str) -> Vec<Effect> {
    match Pace::parse(text) {
        Ok(speed) => pace(state, Some(speed)),
        Err(why) => {
            state.message = Some(why);
            Vec::new()
        }
    }
}

pub(super) fn speeds(_: &State, _: &[&str]) -> Vec<String> {
    ["1", "10", "100", "hold", "max"].map(Into::into).into()
}

pub(super) fn note(_: &mut State, text: &str) -> Vec<Effect> {
    vec![Effect::Ask(tag("note"), Query::Note(text.into()))]
}

pub(super) fn explain(state: &mut State, name: &str) -> Vec<Effect> {
    // Without a name what `x` explains on this screen.
    if name.is_empty() {
        return press(state, 'x');
    }
    let shown = Arc::clone(&state.shown);
    let known = shown.metrics.iter().map(|row| &row.id);
    let known = known.chain(shown.settings.iter().map(|row| &row.id));
    let found = series(state, name, known.clone()).or_else(|| part(state, name, known.clone()));
    match found {
        Some(id) => {
            let tag = crate::tui::state::Tag {
                series: Some(id.clone()),
                ..tag("explain")
            };
            vec![Effect::Ask(tag, Query::explain(id, state.at))]
        }
        None => unknown(state, "metric or setting", name, known.map(|id| &*id.name)),
    }
}

pub(super) fn baseline(state: &mut State, text: &str) -> Vec<Effect> {
    // What an earlier one would have said: it may have been refused.
    state.told = None;
    match text.split_once(' ').unwrap_or((text, "")) {
        ("diff", "") => vec![Effect::Ask(tag("baseline"), Query::BaselineDiff)],
        ("accept", "all") => vec![Effect::Ask(tag("baseline"), Query::BaselineAccept(Vec::new()))],
        ("accept", name) if !name.is_empty() => {
            let shown = Arc::clone(&state.shown);
            let (settings, metrics) = (
                shown.settings.iter().map(|row| &row.id),
                shown.metrics.iter().map(|row| &row.id),
            );
            if let Some(id) = series(state, name.trim(), settings.clone()) {
                return vec![Effect::Ask(tag("baseline"), Query::BaselineAccept(vec![id]))];
            }
            let Some(id) = series(state, name.trim(), metrics.clone()) else {
                return unknown(
                    state,
                    "setting or metric",
                    name,
                    settings.chain(metrics).map(|id| &*id.name),
                );
            };
            state.told = Some(("baseline", format!("where {} went is usual from now on", id.name)));
            vec![Effect::Ask(tag("baseline"), Query::BaselineAccept(vec![id]))]
        }
        _ => {
            state.message = Some("baseline diff, baseline accept NAME, or baseline accept all".into());
            Vec::new()
        }
    }
}

/// Lists what files of other tools say is not as declared; nothing of them is kept.
pub(super) fn import(state: &mut State, file: &str) -> Vec<Effect> {
    let file = file.trim();
    if file.ends_with(".jsonl.gz") {
        state.message = Some(format!("a recording is played: `foreshadow replay {}`", visible(file)));
        return Vec::new();
    }
    state.message = Some(format!("reading {}", visible(file)));
    vec![Effect::Import(file.into())]
}

pub(super) fn export(state: &mut State, text: &str) -> Vec<Effect> {
    if let Some(file) = text
        .strip_prefix("md")
        .filter(|rest| rest.is_empty() || rest.starts_with(' '))
    {
        let file = file.trim();
        if file.is_empty() {
            state.message = Some("name a file that does not exist yet: export md FILE".into());
            return Vec::new();
        }
        return vec![Effect::WriteFile(file.into(), screens::markdown(state))];
    }
    let mut words = text.splitn(3, ' ').map(str::trim);
    let (format, what, file) = (words.next(), words.next(), words.next());
    let format = match format.unwrap_or_default() {
        "csv" => Format::Csv,
        "json" => Format::Json,
        "parquet" => Format::Parquet,
        other => {
            state.message = Some(format!("{other} is no format: md, csv, json or parquet"));
            return Vec::new();
        }
    };
    match (what, file) {
        (Some(what), Some(file)) if TABLES.contains(&what) && !file.is_empty() => {
            vec![Effect::Ask(
                tag("export"),
                Query::Export {
                    what: what.into(),
                    format,
                    file: file.into(),
                },
            )]
        }
        (Some(what), _) if !TABLES.contains(&what) => {
            state.message = Some(format!("no table {what}: {}", TABLES.join(", ")));
            Vec::new()
        }
        _ => {
            state.message = Some("name a table and a file that does not exist yet".into());
            Vec::new()
        }
    }
}

pub(super) fn sql(_: &mut State, text: &str) -> Vec<Effect> {
    vec![Effect::Ask(tag("sql"), Query::Sql(text.into()))]
}

pub(super) fn store(state: &mut State, text: &str) -> Vec<Effect> {
    match text {
        "" => vec![Effect::Ask(tag("store"), Query::StoreInfo)],
        "retry" => vec![Effect::Ask(tag("store"), Query::StoreRetry)],
        other => {
            state.message = Some(format!("{other} is nothing to do with a store: store, or store retry"));
            Vec::new()
        }
    }
}

pub(super) fn compact(_: &mut State, _: &str) -> Vec<Effect> {
    vec![Effect::Ask(tag("compact"), Query::Compact)]
}

pub(super) fn engine(state: &mut State, _: &str) -> Vec<Effect> {
    if state.engine == Engine::Gone {
        state.message = Some("looking for an engine".into());
        return vec![Effect::FindEngine];
    }
    state.message = Some(format!("an engine is there: pid {}", state.live.usage.pid));
    Vec::new()
}

pub(super) fn theme(state: &mut State, name: &str) -> Vec<Effect> {
    match state.wear_theme(name) {
        Ok(()) => vec![Effect::Redraw],
        Err(why) => {
            state.message = Some(why);
            Vec::new()
        }
    }
}

pub(super) fn charset(state: &mut State, name: &str) -> Vec<Effect> {
    state.look.charset = match name {
        "ascii" => Charset::Ascii,
        "utf8" | "utf-8" => Charset::Utf8,
        "auto" => state.env.charset(),
        other => {
            state.message = Some(format!("{other} is no charset: ascii, utf8 or auto"));
            return Vec::new();
        }
    };
    vec![Effect::Redraw]
}

pub(super) fn redraw(_: &mut State, _: &str) -> Vec<Effect> {
    vec![Effect::Redraw]
}

pub(super) fn help(state: &mut State, _: &str) -> Vec<Effect> {
    press(state, '?')
}

pub(super) fn quit(state: &mut State, _: &str) -> Vec<Effect> {
    press(state, 'q')
}

pub(super) fn nothing(_: &State, _: &[&str]) -> Vec<String> {
    Vec::new()
}

/// `words` for the first place behind the name, nothing after.
fn first(done: &[&str], words: &[&str]) -> Vec<String> {
    if done.is_empty() {
        words.iter().map(|word| (*word).to_owned()).collect()
    } else {
        Vec::new()
    }
}

pub(super) fn hosts(state: &State, done: &[&str]) -> Vec<String> {
    let names: Vec<&str> = state.shown.resources.iter().map(|row| row.id.name()).collect();
    first(done, &names)
}

pub(super) fn metrics(state: &State, done: &[&str]) -> Vec<String> {
    match done {
        [] => names(state, state.shown.metrics.iter().map(|row| &row.id)),
        _ => Vec::new(),
    }
}

pub(super) fn settings(state: &State, done: &[&str]) -> Vec<String> {
    match done {
        [] => names(state, state.shown.settings.iter().map(|row| &row.id)),
        _ => Vec::new(),
    }
}

pub(super) fn accepted(state: &State, done: &[&str]) -> Vec<String> {
    match done {
        [] => first(done, &["accept", "diff"]),
        ["accept"] => {
            let differing = state.shown.settings.iter().filter(|row| row.accepted.is_some());
            let departed = state
                .shown
                .metrics
                .iter()
                .filter(|row| matches!(row.mark, Mark::Odd | Mark::Drift));
            let mut words = names(state, differing.map(|row| &row.id).chain(departed.map(|row| &row.id)));
            words.push("all".into());
            words
        }
        _ => Vec::new(),
    }
}

pub(super) fn times(_: &State, done: &[&str]) -> Vec<String> {
    first(done, &["now"])
}

pub(super) fn sides(_: &State, done: &[&str]) -> Vec<String> {
    match done {
        [] => first(done, &["off"]),
        [_] => vec!["high".into(), "low".into()],
        _ => Vec::new(),
    }
}

pub(super) fn tables(_: &State, done: &[&str]) -> Vec<String> {
    match done {
        [] => first(done, &["csv", "json", "md", "parquet"]),
        ["md"] => Vec::new(),
        [_] => first(&[], &TABLES),
        _ => Vec::new(),
    }
}

pub(super) fn retry(_: &State, done: &[&str]) -> Vec<String> {
    first(done, &["retry"])
}

pub(super) fn charsets(_: &State, done: &[&str]) -> Vec<String> {
    first(done, &["ascii", "auto", "utf8"])
}

pub(super) fn themes(state: &State, done: &[&str]) -> Vec<String> {
    let own = state.themes.iter().map(|(name, _)| name.as_str());
    let all: Vec<&str> = std::iter::once("auto")
        .chain(own)
        .chain(theme::BUILT_IN.map(|(name, _)| name))
        .collect();
    first(done, &all)
}
