//! The seven screens, a file each. Every one answers the same calls.

use crossterm::event::KeyEvent;
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::{Finding, Timestamp},
    engine::{Answer, LinkError},
    tui::{
        state::{Effect, KeyHint, Purpose, Screen, State, Tag},
        text,
    },
};

pub mod audit;
pub mod forecast;
pub mod overview;
pub mod proposals;
pub mod resource;
pub mod setting;
pub mod timeline;
pub mod whatif;

macro_rules! of {
    ($screen:expr, $($call:tt)*) => {
        match $screen {
            Screen::Overview => overview::$($call)*,
            Screen::Resource => resource::$($call)*,
            Screen::Forecast => forecast::$($call)*,
            Screen::Proposals => proposals::$($call)*,
            Screen::WhatIf => whatif::$($call)*,
            Screen::Timeline => timeline::$($call)*,
            Screen::Audit => audit::$($call)*,
        }
    };
}

/// What speaks for a finding, less what its summary says already, with its times as beside `now`.
fn reasons(finding: &Finding, now: Timestamp) -> impl Iterator<Item = String> {
    let evidence = finding
        .evidence
        .iter()
        .filter(|line| !finding.summary.contains(&***line));
    evidence.map(move |line| text::local_times(line, now))
}

/// How many proposals answer a finding, and the key that shows them: `4 has 1 proposal`; `None` where there is none.
fn answers(state: &State, finding: &Finding) -> Option<String> {
    let proposals = state.shown.proposals.iter();
    match proposals.filter(|proposal| proposal.finding == finding.id).count() {
        0 => None,
        1 => Some("4 has 1 proposal".into()),
        n => Some(format!("4 has {n} proposals")),
    }
}

/// The keys of the screen shown, most useful first.
#[must_use]
pub fn keys(state: &State) -> &'static [KeyHint] {
    of!(state.screen, KEYS)
}

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    of!(state.screen, crumbs(state))
}

/// What to press next and why.
#[must_use]
pub fn next(state: &State) -> String {
    of!(state.screen, next(state))
}

/// What to ask when the screen is entered, or when the data it shows have changed.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    of!(state.screen, refresh(state))
}

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    of!(state.screen, key(state, key))
}

/// What was typed into a line the screen opened, when Enter is pressed.
pub fn entered(state: &mut State, purpose: &Purpose, text: &str) -> Vec<Effect> {
    of!(state.screen, entered(state, purpose, text))
}

/// An answer to a question of `screen`, which need not be the one shown.
pub fn answer(state: &mut State, screen: Screen, tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    of!(screen, answer(state, tag, answer))
}

/// Forgets what was asked of an engine that has ended, on every screen: it is asked anew of the next one.
pub fn forget(state: &mut State) {
    state.overview.forget();
    resource::forget(state);
    state.setting.forget();
    state.forecast.forget();
    state.timeline.forget();
    state.audit.forget();
    state.whatif.forget();
}

/// What the screen shows, as Markdown.
#[must_use]
pub fn markdown(state: &State) -> String {
    of!(state.screen, markdown(state))
}

/// Draws the screen's rows.
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    of!(state.screen, view(state, area, buffer));
}
