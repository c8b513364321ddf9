//! The keys of the Resource screen.

use crossterm::event::{KeyCode, KeyEvent};

use super::{
    focus, is_setting, refresh,
    related::{hold, related, related_place},
    settings, under_cursor,
    zoom::zoom,
};
use crate::{
    domain::SeriesId,
    tui::{
        self, page,
        screens::setting,
        state::{Effect, KeyHint, Screen, State},
    },
};

/// Its keys, most useful first.
pub const KEYS: &[KeyHint] = &[
    KeyHint {
        key: "Tab",
        does: "pane",
        help: "goes to the related metrics (Enter opens one), to the settings, and back",
    },
    KeyHint {
        key: "[ ]",
        does: "time",
        help: "moves the time cursor a column back or on; 0 is now",
    },
    KeyHint {
        key: "{ }",
        does: "incident",
        help: "goes to the incident before or after",
    },
    KeyHint {
        key: "f",
        does: "freeze",
        help: "holds the screen still; learning goes on",
    },
    KeyHint {
        key: "x",
        does: "explain",
        help: "says where the number comes from",
    },
    KeyHint {
        key: "w",
        does: "what-if",
        help: "shows how it would have been without the last changes of settings",
    },
    KeyHint {
        key: "+/-",
        does: "zoom",
        help: "shows less or more time, 13 minutes to 30 days",
    },
    KeyHint {
        key: "h l",
        does: "metric",
        help: "goes to the metric or setting before or after of this host",
    },
    KeyHint {
        key: "space",
        does: "mark",
        help: "marks the metric; two marked and more are shown beside each other",
    },
    KeyHint {
        key: "o",
        does: "order",
        help: "orders the settings by surprise or by what will change",
    },
    KeyHint {
        key: "y",
        does: "copy",
        help: "sends the chart's numbers to the terminal's clipboard",
    },
    KeyHint {
        key: "e",
        does: "export",
        help: "writes the chart's numbers to a new file",
    },
];

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    if is_setting(state) {
        return setting::key(state, key.code);
    }
    match key.code {
        KeyCode::Tab | KeyCode::BackTab => turn(state, key.code == KeyCode::Tab),
        KeyCode::Char('o') if state.resource.settings.open => state.resource.settings.turn(),
        KeyCode::Enter if state.resource.settings.open => {
            let Some(id) = under_cursor(state) else {
                return Vec::new();
            };
            state.resource.settings.open = false;
            return tui::open(state, Screen::Resource, id);
        }
        code if state.resource.settings.open => settings::moved(state, code),
        KeyCode::Char('+' | '=') => zoom(state, -1),
        KeyCode::Char('-') => zoom(state, 1),
        KeyCode::Char('l') | KeyCode::Right => neighbour(state, 1),
        KeyCode::Char('h') | KeyCode::Left => neighbour(state, -1),
        KeyCode::Enter if state.resource.in_list => {
            let Some(id) = under_cursor(state) else {
                return Vec::new();
            };
            state.resource.in_list = false;
            state.resource.related = None;
            state.resource.order.clear();
            return tui::open(state, Screen::Resource, id);
        }
        code => {
            let Some(id) = focus(state) else { return Vec::new() };
            let rows = related(state, &id);
            // The first movement key goes into the list: there is nothing else to move in.
            let at = related_place(state, &rows);
            let to = if state.resource.in_list {
                page::moved(code, at, rows.len())
            } else {
                page::moved(code, 0, 1).map(|_| at)
            };
            let to = to.and_then(|to| rows.get(to)).map(|row| row.id.clone());
            if to.is_some() {
                state.resource.in_list = true;
                state.resource.related = to;
            }
        }
    }
    if let Some(id) = focus(state) {
        hold(state, &id);
    }
    refresh(state)
}

/// Goes to the next pane, or to the one before: the chart, the related metrics, the settings.
fn turn(state: &mut State, on: bool) {
    // Below the settings of a resource without metrics is one of them.
    if setting::focus(state).is_some() {
        state.resource.settings.open = false;
        return;
    }
    let pane = &mut state.resource;
    (pane.in_list, pane.settings.open) = match (pane.in_list, pane.settings.open, on) {
        (false, false, true) | (_, true, false) => (true, false),
        (true, false, true) | (false, false, false) => (false, true),
        _ => (false, false),
    };
}

/// Goes to another metric of the same host, in the order of their names.
fn neighbour(state: &mut State, by: isize) {
    let Some(id) = focus(state) else { return };
    let rows: Vec<&SeriesId> = state
        .shown
        .metrics
        .iter()
        .map(|row| &row.id)
        .filter(|other| other.resource == id.resource && state.passes(&other.resource, &other.name))
        .collect();
    let at = rows.iter().position(|other| **other == id).unwrap_or(0);
    let to = at
        .checked_add_signed(by)
        .and_then(|to| rows.get(to))
        .map(|id| (*id).clone());
    if to.is_some() {
        state.series = to;
        state.resource.related = None;
        state.resource.error = None;
    }
}
