//! Screen 6: what happened, in which order, and what came first.

mod ask;
mod draw;
mod entry;
mod first;
mod lanes;
mod stretch;
mod walk;

use std::{collections::BTreeMap, sync::Arc};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::{SeriesId, Span, Timestamp},
    drift::Incident,
    engine::{Answer, Chart, LinkError, Query, Timeline},
    tui::{
        chart::{self, STEPS},
        enter, open, open_line, page,
        screens::whatif,
        state::{Effect, KeyHint, Overlay, Purpose, Screen, State, Tag},
        text::{clock, minute, stamp, when},
    },
};

pub use ask::refresh;
use ask::under_cursor;
use entry::Entry;
use lanes::{Order, by_departure, lanes, settle};
use stretch::{Stretch, stretch};

/// Least time between two frames of a replay.
const FRAME: Span = Span(250_000);

/// What this screen remembers.
#[derive(Debug, Default)]
pub struct Pane {
    /// An index into [`STEPS`]; none takes the one that shows the whole incident.
    zoom: Option<usize>,
    data: Option<Timeline>,
    lanes: BTreeMap<SeriesId, Chart>,
    /// The lanes in the order drawn, settled when the charts of all of them had come.
    order: Order,
    /// What was asked last, and at which time of the data.
    asked: Option<(Stretch, Vec<SeriesId>, Timestamp)>,
    /// The entry under the cursor by time and text, and where the time cursor was when it was chosen: when that moves on, the
    /// entry under the cursor is again the last before it.
    selected: Option<(Timestamp, String, Option<Timestamp>)>,
    /// How many times faster than life it plays; 0 stands still.
    speed: i64,
    /// Whether a tick is on its way.
    ticking: bool,
    failed: Option<String>,
}

impl Pane {
    /// Forgets what was asked, so that it is asked again.
    pub(in crate::tui) fn forget(&mut self) {
        self.asked = None;
    }

    /// Whether what was asked last has come: data of another stretch say nothing of this one.
    fn loaded(&self) -> bool {
        let asked = self.asked.as_ref().map(|(stretch, ..)| stretch.from);
        self.data
            .as_ref()
            .is_some_and(|data| asked.is_none_or(|from| from == data.from))
    }
}

/// Its keys, most useful first.
pub const KEYS: &[KeyHint] = &[
    KeyHint {
        key: "[ ]",
        does: "step",
        help: "moves the time cursor one sample; left and right one column, with shift ten",
    },
    KeyHint {
        key: "{ }",
        does: "incident",
        help: "goes to the incident before or after",
    },
    KeyHint {
        key: "p",
        does: "play",
        help: "plays from the time cursor: 1x, 10x, 60x, stop",
    },
    KeyHint {
        key: "0",
        does: "now",
        help: "goes back to now",
    },
    KeyHint {
        key: "n",
        does: "note",
        help: "adds a note to the timeline",
    },
    KeyHint {
        key: "w",
        does: "what-if",
        help: "shows what would have been without the change",
    },
    KeyHint {
        key: "e",
        does: "walk",
        help: "writes the walkthrough to a new file (Markdown)",
    },
    KeyHint {
        key: "Enter",
        does: "open",
        help: "opens screen 2 at the time of the entry under the cursor",
    },
    KeyHint {
        key: "+ -",
        does: "zoom",
        help: "shows less or more time",
    },
    KeyHint {
        key: "x",
        does: "explain",
        help: "shows the whole entry under the cursor",
    },
];

/// The incident looked at: the one that the time cursor is in, else the newest that goes on.
fn incident(state: &State) -> Option<&Incident> {
    let incidents = &state.live.incidents;
    match state.at {
        Some(at) => incidents
            .iter()
            .rev()
            .find(|incident| incident.from <= at && incident.to.is_none_or(|to| at <= to)),
        None => incidents.iter().rev().find(|incident| incident.to.is_none()),
    }
}

/// The entries listed, oldest first.
fn entries(state: &State) -> Vec<Entry> {
    let Some(data) = &state.timeline.data else {
        return Vec::new();
    };
    let mut entries = entry::of(data, &state.live);
    entries.retain(|entry| entry.line().to_lowercase().contains(&state.filter));
    entries
}

/// The entry under the cursor: the one chosen, else the last before the time cursor, else the newest.
fn position(state: &State, entries: &[Entry]) -> usize {
    let chosen = state
        .timeline
        .selected
        .as_ref()
        .filter(|(.., cursor)| *cursor == state.at);
    let chosen =
        chosen.and_then(|(at, text, _)| entries.iter().position(|entry| entry.at == *at && entry.text == *text));
    let before = |at: Timestamp| entries.iter().rposition(|entry| entry.at <= at).unwrap_or(0);
    chosen.unwrap_or_else(|| state.at.map_or(entries.len().saturating_sub(1), before))
}

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    match incident(state) {
        Some(found) => {
            let to = found.to.map(minute).unwrap_or_default();
            // A setting that changed, and nothing else, is of a moment.
            let span = match found.to == Some(found.from) {
                true => to,
                false => format!("{}-{to}", minute(found.from)),
            };
            vec![format!("incident {} ({span})", found.number)]
        }
        None => vec!["timeline".into()],
    }
}

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    let entries = entries(state);
    let chosen = entries.get(position(state, &entries));
    let replay = match (state.timeline.speed, state.at) {
        (0, None) => "[ goes back in time".to_owned(),
        (0, Some(_)) => "p replays from here, 0 goes back to now".into(),
        (speed, _) => format!("playing {speed}x: p again is faster, then stops"),
    };
    match chosen {
        Some(entry) if entry.change.is_some() => {
            format!(
                "{replay}; Enter opens 2 at this time; w tries it without {}",
                clock(entry.at)
            )
        }
        Some(_) => format!("{replay}; Enter opens 2 at this time"),
        None if state.live.incidents.is_empty() => match elsewhere(state) {
            Some(key) => format!("{replay}; {key}"),
            None => replay,
        },
        None => format!("{replay}; {{ goes to the incident before"),
    }
}

/// How to go to a time, by one of which there are data; `None` while there are hardly any.
fn elsewhere(state: &State) -> Option<String> {
    let (from, now) = state.live.store.from.zip(state.live.at)?;
    let back = Span((now - from).0 / 2).min(Span::from_hours(1));
    (back >= Span::from_mins(1)).then(|| format!(":at {} goes to that time", minute(now - back)))
}

fn tag(what: &'static str, series: Option<SeriesId>) -> Tag {
    Tag {
        screen: Some(Screen::Timeline),
        what,
        series,
    }
}

/// Moves the time cursor of all screens to `to`, not before the first data; at or after the newest data it is now again. The
/// answer to the question returned is the world as it was known then.
pub fn travel(state: &mut State, to: Timestamp) -> Vec<Effect> {
    let Some(newest) = state.live.at else {
        state.message = Some("there are no data yet to go back to".into());
        return Vec::new();
    };
    let oldest = state.live.store.from.unwrap_or(to);
    if to < oldest {
        state.message = Some(format!("data start {}", when(oldest, newest)));
    }
    if to >= newest {
        state.at = None;
        state.timeline.speed = 0;
        if !state.frozen {
            state.shown = Arc::clone(&state.live);
        }
        return Vec::new();
    }
    let to = to.max(oldest);
    state.at = Some(to);
    let tag = Tag {
        screen: None,
        what: "as-of",
        series: None,
    };
    vec![Effect::Ask(tag, Query::AsOf(to))]
}

/// Moves the time cursor by so many columns.
fn step(state: &mut State, columns: i64) -> Vec<Effect> {
    let Some(stretch) = stretch(state) else {
        return Vec::new();
    };
    walk(state, stretch.step * columns)
}

/// Moves the time cursor by so many samples.
fn sample(state: &mut State, count: i64) -> Vec<Effect> {
    walk(state, state.live.options.interval * count)
}

fn walk(state: &mut State, by: Span) -> Vec<Effect> {
    let Some(newest) = state.live.at else {
        return Vec::new();
    };
    let to = state.at.unwrap_or(newest) + by;
    let mut effects = travel(state, to);
    effects.extend(refresh(state));
    effects
}

/// Time to move a playing timeline on.
pub fn tick(state: &mut State) -> Vec<Effect> {
    state.timeline.ticking = false;
    let (Some(at), speed @ 1..) = (state.at, state.timeline.speed) else {
        state.timeline.speed = 0;
        return Vec::new();
    };
    let mut effects = travel(state, at + period(state, speed) * speed);
    effects.extend(tick_after(state));
    effects
}

/// Time between two frames of a replay: a sample's length while it plays slowly, never under a quarter of a second.
fn period(state: &State, speed: i64) -> Span {
    Span((state.live.options.interval.0 / speed.max(1)).max(FRAME.0))
}

fn tick_after(state: &mut State) -> Option<Effect> {
    let wanted = state.timeline.speed > 0 && !state.timeline.ticking;
    wanted.then(|| {
        state.timeline.ticking = true;
        Effect::TickAfter(period(state, state.timeline.speed))
    })
}

fn play(state: &mut State) -> Vec<Effect> {
    state.timeline.speed = match state.timeline.speed {
        0 => 1,
        1 => 10,
        10 => 60,
        _ => 0,
    };
    let mut effects = Vec::new();
    if state.at.is_none() && state.timeline.speed > 0 {
        let start = incident(state).map(|found| found.from);
        let Some(start) = start.or_else(|| stretch(state).map(|shown| shown.from)) else {
            return Vec::new();
        };
        effects = travel(state, start);
    }
    effects.extend(tick_after(state));
    effects
}

/// The series that the entry under the cursor is about.
#[must_use]
pub fn selected(state: &State) -> Option<SeriesId> {
    let entries = entries(state);
    let at = position(state, &entries);
    entries.into_iter().nth(at)?.series
}

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let shift = key.modifiers.contains(KeyModifiers::SHIFT);
    match key.code {
        KeyCode::Char('[') => return sample(state, -1),
        KeyCode::Char(']') => return sample(state, 1),
        KeyCode::Left if shift => return step(state, -chart::GRID),
        KeyCode::Right if shift => return step(state, chart::GRID),
        KeyCode::Left | KeyCode::Char('h') => return step(state, -1),
        KeyCode::Right | KeyCode::Char('l') => return step(state, 1),
        KeyCode::Char('p') => return play(state),
        KeyCode::Char('+') => return zoom(state, -1),
        KeyCode::Char('-') => return zoom(state, 1),
        KeyCode::Char('n') => open_line(state, Purpose::Note, ""),
        KeyCode::Char('e') => {
            let name = format!("foreshadow-walk-{}.md", stamp(state.now()));
            open_line(state, Purpose::Export, &name);
        }
        _ => {}
    }
    let entries = entries(state);
    let at = position(state, &entries);
    if let Some(to) = page::moved(key.code, at, entries.len()) {
        // At the newest it goes on with what comes.
        let chosen = entries.get(to).filter(|_| state.at.is_some() || to + 1 < entries.len());
        state.timeline.selected = chosen.map(|entry| (entry.at, entry.text.clone(), state.at));
        return under_cursor(state, false).into_iter().collect();
    }
    let Some(entry) = entries.into_iter().nth(at) else {
        return Vec::new();
    };
    match key.code {
        KeyCode::Enter => {
            let mut effects = travel(state, entry.at);
            let series = entry.series.or_else(|| state.series.clone());
            effects.extend(match series {
                Some(series) => open(state, Screen::Resource, series),
                None => enter(state, Screen::Resource),
            });
            effects
        }
        KeyCode::Char('w') => match (entry.change, entry.series) {
            (Some(change), _) => whatif::replay(state, &[change], None),
            (None, Some(id)) => whatif::open(state, vec![id]),
            (None, None) => {
                state.message = Some("this entry names no setting: nothing to try".into());
                Vec::new()
            }
        },
        KeyCode::Char('x') => {
            state.overlay = Some(Overlay::Text {
                title: entry.line(),
                lines: entry.whole(),
                from: 0,
            });
            Vec::new()
        }
        KeyCode::Char('y') => vec![Effect::Copy(entry.line())],
        KeyCode::Char(' ') => {
            if let Some(id) = entry.series
                && !state.marked.remove(&id)
            {
                state.marked.insert(id);
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn zoom(state: &mut State, by: isize) -> Vec<Effect> {
    let Some(shown) = stretch(state) else {
        return Vec::new();
    };
    let at = STEPS
        .iter()
        .position(|secs| Span::from_secs(*secs) == shown.step)
        .unwrap_or(0);
    let to = at.saturating_add_signed(by).min(STEPS.len() - 1);
    if to == at {
        let end = if by < 0 { "shortest" } else { "longest" };
        state.message = Some(format!("this is the {end} time shown"));
    }
    state.timeline.zoom = Some(to);
    refresh(state)
}

/// What was typed into a line this screen opened, when Enter is pressed: a note, or a file.
pub fn entered(state: &mut State, purpose: &Purpose, text: &str) -> Vec<Effect> {
    match (purpose, text.trim()) {
        (_, "") => Vec::new(),
        (Purpose::Note, text) => vec![Effect::Ask(tag("note", None), Query::Note(text.into()))],
        (Purpose::Export, file) => vec![Effect::WriteFile(file.into(), walk::walkthrough(state))],
        _ => Vec::new(),
    }
}

/// An answer to a question of this screen.
pub fn answer(state: &mut State, tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    let pane = &mut state.timeline;
    let asked = pane.asked.as_ref().map(|(stretch, ..)| *stretch);
    match answer.map(|answer| *answer) {
        Ok(Answer::Timeline(data)) if asked.is_some_and(|asked| asked.from == data.from) => {
            pane.failed = None;
            pane.data = Some(data);
            // What came first may lie before what was asked for.
            return refresh(state);
        }
        // Other columns than the ones drawn now: an answer that came too late.
        Ok(Answer::Chart(chart)) if asked.is_some_and(|asked| asked.step == chart.step) => {
            pane.lanes.insert(chart.id.clone(), chart);
            settle(state);
        }
        Ok(Answer::Timeline(_) | Answer::Chart(_)) => {}
        Ok(_) => {
            state.message = Some("noted".into());
            state.timeline.asked = None;
            return refresh(state);
        }
        Err(error) if tag.what == "lane" => pane.failed = Some(error.to_string()),
        Err(error) => state.message = Some(error.to_string()),
    }
    Vec::new()
}

/// What it shows, as Markdown: the walkthrough.
#[must_use]
pub fn markdown(state: &State) -> String {
    walk::walkthrough(state)
}

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    draw::view(state, area, buffer);
}

#[cfg(test)]
mod tests;
