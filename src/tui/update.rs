//! What every message does to the state. Nothing here waits, reads a clock or touches the terminal.

mod line;
mod overlay;

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

pub(crate) use line::{export_to, open_line};
use overlay::lay;
pub(crate) use overlay::next as overlay_next;

use crate::{
    domain::{SeriesId, Span, Timestamp},
    engine::{Answer, LinkError, Query},
    tui::{
        export, screens,
        screens::{forecast, overview, resource, timeline, whatif},
        state::{Effect, Engine, Msg, Overlay, Purpose, Screen, State, Tag},
        text,
    },
};

/// Takes one message and says what is to be done about it.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = decide(state, msg);
    state.order.follow(&state.shown);
    // At most one as-of question is on its way: a held key asks for where it came to, not for every place between.
    effects.retain(|effect| match effect {
        Effect::Ask(tag, Query::AsOf(at)) if tag.screen.is_none() => {
            let first = state.as_of_asked.is_none();
            state.as_of_asked = state.as_of_asked.or(Some(*at));
            first
        }
        _ => true,
    });
    effects
}

/// What a message does, before as-of questions are joined; commands and palette press keys by it.
pub(crate) fn decide(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        Msg::Key(key) => {
            state.message = None;
            let (screen, series, depth) = (state.screen, state.series.clone(), state.back.len());
            let typing = state.input.is_some();
            let effects = on_key(state, key);
            if let Some(walk) = state.walk.as_mut().filter(|_| !typing) {
                walk.pressed(key.code);
            }
            // Whichever screen Enter leads away from, Esc comes back to it.
            if key.code == KeyCode::Enter && state.screen != screen && state.back.len() == depth {
                state.back.push((screen, series));
            }
            effects
        }
        Msg::Paste(text) => {
            line::paste(state, &text);
            Vec::new()
        }
        Msg::Resize(width, height) => {
            state.size = (width, height);
            let mut effects = screens::refresh(state);
            effects.push(Effect::Redraw);
            effects
        }
        // An engine that has just started knows nothing yet: what the one before it knew stays until then.
        Msg::Snapshot(snapshot) if snapshot.at.is_none() && state.live.at.is_some() => Vec::new(),
        Msg::Snapshot(snapshot) => {
            if std::mem::replace(&mut state.engine, Engine::Attached) == Engine::Gone {
                state.message = None;
            }
            state.live = snapshot;
            if let (Some(walk), Some(replay)) = (&mut state.walk, &state.live.replay)
                && walk.reached(replay.now - replay.from)
            {
                state.speed = walk.speed();
            }
            if state.frozen || state.at.is_some() {
                return Vec::new();
            }
            state.shown = Arc::clone(&state.live);
            resource::extend(state);
            screens::refresh(state)
        }
        Msg::Attached(refused) => attached(state, refused),
        Msg::EngineGone => {
            state.engine = Engine::Gone;
            // What it was asked last is not answered any more.
            (state.as_of_asked, state.message) = (None, None);
            Vec::new()
        }
        Msg::Answer(tag, answer) => match tag.screen {
            Some(screen) => screens::answer(state, screen, &tag, answer),
            None => on_answer(state, &tag, answer.map(|answer| *answer)),
        },
        Msg::Listed(title, lines) => {
            state.message = None;
            lay(state, title, lines);
            Vec::new()
        }
        Msg::Said(text) => {
            state.message = Some(text);
            Vec::new()
        }
        Msg::Ran(step) => screens::proposals::step(state, step),
        Msg::Tick => timeline::tick(state),
        Msg::Poll => whatif::poll(state),
        Msg::Rested(move_number) => overview::rested(state, move_number),
        Msg::WorkerPanicked(place) => {
            state.message = Some(place);
            state.quit = true;
            vec![Effect::Quit]
        }
    }
}

/// Another engine in place of the one that ended: what that one was asked is asked anew.
fn attached(state: &mut State, refused: String) -> Vec<Effect> {
    if !refused.is_empty() {
        state.message = Some(refused.clone());
    }
    state.refused = refused;
    if state.engine == Engine::Awaited {
        state.engine = Engine::Attached;
        return Vec::new();
    }
    state.message = Some("an engine is there again: its first values are awaited".into());
    screens::forget(state);
    match state.at {
        Some(at) => vec![Effect::Ask(frame_tag("as-of", None), Query::AsOf(at))],
        None => Vec::new(),
    }
}

/// Shows another screen, and asks for what it needs.
pub fn enter(state: &mut State, screen: Screen) -> Vec<Effect> {
    state.screen = screen;
    state.overlay = None;
    // Whoever comes here just after doing something wants to see it.
    match screen {
        Screen::Timeline => state.timeline.forget(),
        Screen::Audit => state.audit.forget(),
        _ => {}
    }
    screens::refresh(state)
}

/// Plays the recording at another speed; `None` holds it, or plays on at the speed before.
pub fn pace(state: &mut State, speed: Option<f64>) -> Vec<Effect> {
    let Some(replay) = &state.live.replay else {
        state.message = Some("no recording is played: `foreshadow replay FILE` plays one".into());
        return Vec::new();
    };
    if replay.ended {
        state.message = Some("the recording has been played to its end; [ and 6 go back in it".into());
        return Vec::new();
    }
    let speed = speed.unwrap_or(if replay.speed > 0.0 { 0.0 } else { state.speed });
    if replay.speed > 0.0 {
        state.speed = replay.speed;
    }
    vec![Effect::Ask(frame_tag("speed", None), Query::Play(speed))]
}

/// Goes one step in: shows `series` on `screen`; Esc comes back to here.
pub fn open(state: &mut State, screen: Screen, series: SeriesId) -> Vec<Effect> {
    state.back.push((state.screen, state.series.replace(series)));
    resource::opened(state);
    // So deep nobody finds back anyway.
    if state.back.len() > 32 {
        state.back.remove(0);
    }
    enter(state, screen)
}

/// Moves the time cursor of all screens; `None` is now.
pub fn go_to(state: &mut State, at: Option<Timestamp>) -> Vec<Effect> {
    let mut effects = match at {
        Some(at) => timeline::travel(state, at),
        None => {
            state.at = None;
            // Frozen or not: held still is then what is known now.
            state.shown = Arc::clone(&state.live);
            resource::forget(state);
            Vec::new()
        }
    };
    effects.extend(screens::refresh(state));
    effects
}

fn frame_tag(what: &'static str, series: Option<SeriesId>) -> Tag {
    Tag {
        screen: None,
        what,
        series,
    }
}

fn on_answer(state: &mut State, tag: &Tag, answer: Result<Answer, LinkError>) -> Vec<Effect> {
    let asked = if tag.what == "as-of" {
        state.as_of_asked.take()
    } else {
        None
    };
    match answer {
        Ok(Answer::AsOf(snapshot)) => {
            let Some(at) = state.at else { return Vec::new() };
            state.shown = snapshot;
            let mut effects = screens::refresh(state);
            if asked != Some(at) {
                effects.push(Effect::Ask(frame_tag("as-of", None), Query::AsOf(at)));
            }
            effects
        }
        Ok(Answer::Text(lines)) => {
            let title = tag
                .series
                .as_ref()
                .map_or_else(|| tag.what.to_owned(), ToString::to_string);
            let now = state.now();
            let lines = lines.iter().map(|line| text::local_times(line, now)).collect();
            lay(state, title, lines);
            Vec::new()
        }
        Ok(Answer::Table(table)) => {
            lay(state, tag.what.to_owned(), export::aligned(&table));
            Vec::new()
        }
        Ok(Answer::Differences(rows)) => {
            let title = format!("{} settings differ from the baseline", rows.len());
            lay(state, title, export::differences(&rows));
            Vec::new()
        }
        Ok(Answer::StoreInfo(info)) => {
            lay(state, "store".to_owned(), export::store(&info));
            Vec::new()
        }
        // Row 1 shows the speed.
        Ok(Answer::Done) if tag.what == "speed" => Vec::new(),
        Ok(Answer::Done) => {
            let told = state.told.take().filter(|(what, _)| *what == tag.what);
            state.message = Some(told.map_or_else(|| format!("{}: done", tag.what), |(_, told)| told));
            // It stands in the audit and on the timeline.
            state.audit.forget();
            state.timeline.forget();
            screens::refresh(state)
        }
        Ok(_) => Vec::new(),
        Err(error) => {
            if tag.what == "as-of" {
                state.at = None;
                state.shown = Arc::clone(&state.live);
            }
            state.message = Some(error.to_string());
            Vec::new()
        }
    }
}

fn on_key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        match key.code {
            KeyCode::Char('c') => return quit(state),
            KeyCode::Char('z') => return vec![Effect::Suspend],
            KeyCode::Char('l') => return vec![Effect::Redraw],
            KeyCode::Char('p') if state.input.is_none() => {
                open_line(state, Purpose::Palette(0), "");
                return Vec::new();
            }
            _ => {}
        }
    }
    if state.input.is_some() {
        return line::key(state, key);
    }
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return Vec::new();
    }
    match overlay::key(state, key.code) {
        Some(effects) => effects,
        None => frame_key(state, key),
    }
}

fn quit(state: &mut State) -> Vec<Effect> {
    if let Some(effects) = screens::proposals::leave(state) {
        return effects;
    }
    state.quit = true;
    vec![Effect::Quit]
}

fn frame_key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let mine = matches!(state.screen, Screen::Overview | Screen::Resource | Screen::Forecast);
    match key.code {
        KeyCode::Char('q') => quit(state),
        KeyCode::Char(digit @ '1'..='7') => {
            state.back.clear();
            if matches!(digit, '2' | '3')
                && state.screen == Screen::Overview
                && let Some(id) = overview::under_cursor(state)
            {
                state.series = Some(id);
            }
            if digit == '4'
                && matches!(state.screen, Screen::Overview | Screen::Resource)
                && let Some(id) = under_cursor(state)
            {
                screens::proposals::look_at(state, &id);
            }
            if digit == '4' && state.screen == Screen::WhatIf {
                whatif::keep(state);
            }
            let screen = Screen::ALL[digit as usize - '1' as usize];
            if state.screen == screen {
                state.message = Some(format!("{digit} is the screen shown; ? lists the keys"));
            }
            enter(state, screen)
        }
        KeyCode::Char('/') => {
            let filter = state.filter.clone();
            open_line(state, Purpose::Filter, &filter);
            Vec::new()
        }
        KeyCode::Char(':') => {
            open_line(state, Purpose::Command, "");
            Vec::new()
        }
        KeyCode::Char('?') => {
            state.overlay = Some(Overlay::Help(0));
            Vec::new()
        }
        KeyCode::Char('f') => freeze(state),
        KeyCode::Char('P') => pace(state, None),
        KeyCode::Char('0') => go_to(state, None),
        KeyCode::Char('{') => incident(state, false),
        KeyCode::Char('}') => incident(state, true),
        KeyCode::Char('[') if state.screen != Screen::WhatIf && state.screen != Screen::Timeline => step(state, -1),
        KeyCode::Char(']') if state.screen != Screen::WhatIf && state.screen != Screen::Timeline => step(state, 1),
        KeyCode::Char(' ') if mine => {
            if let Some(id) = under_cursor(state)
                && !state.marked.remove(&id)
            {
                state.marked.insert(id);
            }
            screens::refresh(state)
        }
        KeyCode::Char('w') if mine => {
            let seeds = chosen(state);
            let made = match &seeds[..] {
                [id] if state.screen == Screen::Resource && state.marked.is_empty() => resource::to_replay(state, id),
                _ => Vec::new(),
            };
            if made.is_empty() {
                whatif::open(state, seeds)
            } else {
                whatif::replay(state, &made, seeds.into_iter().next())
            }
        }
        KeyCode::Char('x') if mine => match under_cursor(state) {
            Some(id) => vec![Effect::Ask(
                frame_tag("explain", Some(id.clone())),
                Query::explain(id, state.at),
            )],
            None => Vec::new(),
        },
        KeyCode::Char('y') if mine => vec![Effect::Copy(export::shown(state, true).text())],
        KeyCode::Char('e') if mine => {
            let name = format!(
                "foreshadow-{}-{}.md",
                state.screen.name().to_lowercase(),
                text::stamp(state.now())
            );
            open_line(state, Purpose::Export, &name);
            Vec::new()
        }
        KeyCode::Esc
            if state.screen == Screen::WhatIf
                && let Some(effects) = whatif::stop(state) =>
        {
            effects
        }
        KeyCode::Esc if !state.filter.is_empty() => {
            state.filter.clear();
            screens::refresh(state)
        }
        KeyCode::Esc => {
            if let Some((screen, series)) = state.back.pop() {
                state.series = series;
                enter(state, screen)
            } else {
                enter(state, Screen::Overview)
            }
        }
        _ => screens::key(state, key),
    }
}

/// The series that is chosen on the screen shown; `None` where that is none.
#[must_use]
pub fn selected(state: &State) -> Option<SeriesId> {
    match state.screen {
        Screen::WhatIf => whatif::under_cursor(state),
        Screen::Timeline => timeline::selected(state),
        _ => under_cursor(state),
    }
}

/// The series under the cursor of screens 1 to 3.
#[must_use]
fn under_cursor(state: &State) -> Option<SeriesId> {
    match state.screen {
        Screen::Overview => overview::under_cursor(state),
        Screen::Resource => resource::under_cursor(state),
        Screen::Forecast => forecast::under_cursor(state),
        _ => None,
    }
}

/// The marked rows, else the one under the cursor.
fn chosen(state: &State) -> Vec<SeriesId> {
    if state.marked.is_empty() {
        under_cursor(state).into_iter().collect()
    } else {
        state.marked.iter().cloned().collect()
    }
}

fn freeze(state: &mut State) -> Vec<Effect> {
    state.frozen = !state.frozen;
    if state.frozen || state.at.is_some() {
        return Vec::new();
    }
    state.shown = Arc::clone(&state.live);
    // What came while it stood still is in no chart.
    resource::forget(state);
    screens::refresh(state)
}

fn step(state: &mut State, by: i64) -> Vec<Effect> {
    let step = match state.screen {
        Screen::Resource => resource::step(state),
        _ => Span::from_mins(1),
    };
    let from = state.at.or(state.live.at).unwrap_or_default();
    go_to(state, Some(from.floor(step) + step * by))
}

fn incident(state: &mut State, later: bool) -> Vec<Effect> {
    let from = state.at.or(state.live.at).unwrap_or_default();
    let mut starts = state.live.incidents.iter().map(|incident| incident.from);
    let next = if later {
        starts.find(|at| *at > from)
    } else {
        starts.rfind(|at| *at < from)
    };
    match next {
        Some(at) => go_to(state, Some(at)),
        None => {
            let side = if later { "after" } else { "before" };
            let when = text::when(from, state.now());
            state.message = Some(format!("no incident {side} {when} (of the last 30 days)"));
            Vec::new()
        }
    }
}
