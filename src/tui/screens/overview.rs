//! The screen `overview`.

use crossterm::event::KeyEvent;
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    engine::{Answer, LinkError},
    tui::state::{Effect, KeyHint, State, Tag},
};

/// What this screen remembers.
#[derive(Debug, Default)]
pub struct Pane {}

/// Its keys, most useful first.
pub const KEYS: &[KeyHint] = &[];

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    let _ = state;
    todo!()
}

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    let _ = state;
    todo!()
}

/// What to ask when the screen is entered, or when the data it shows have changed.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    let _ = state;
    todo!()
}

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let _ = (state, key);
    todo!()
}

/// An answer to a question of this screen.
pub fn answer(state: &mut State, tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    let _ = (state, tag, answer);
    todo!()
}

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let _ = (state, area, buffer);
    todo!()
}
