//! The open line at the bottom: what is typed and pasted into it, and what Enter makes of it.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

use crate::{
    domain::text::visible,
    tui::{
        command, export, palette, screens,
        state::{Effect, InputLine, Purpose, State},
    },
};

/// Opens a line for `purpose` with `text` in it. What is only offered there (a limit, a file, the value of a change) gives way to the
/// first character typed; a key that moves in it or deletes keeps it.
pub(crate) fn open_line(state: &mut State, purpose: Purpose, text: &str) {
    let offered = match purpose {
        Purpose::Limit | Purpose::Export => Some(0),
        Purpose::Change(Some(_)) => text.rfind(" = ").map(|at| at + 3),
        _ => None,
    };
    state.input = Some(InputLine {
        purpose,
        input: Input::new(text.to_owned()),
        offered: offered.filter(|at| *at < text.len()),
        words: Vec::new(),
    });
}

/// Drops what is only offered: something else is being typed.
fn replace(line: &mut InputLine) {
    if let Some(from) = line.offered.take() {
        let kept = line.input.value()[..from].to_owned();
        line.input = Input::new(kept);
    }
}

/// Takes pasted text, if a line is open that may take it.
pub(super) fn paste(state: &mut State, text: &str) {
    state.message = match &mut state.input {
        None => Some("the paste was dropped: it goes only into an open line (/ or :)".into()),
        Some(line) if line.purpose == Purpose::Apply => {
            Some("a pasted name is refused: type it, so that hand and eye agree".into())
        }
        Some(line) => {
            replace(line);
            // Line ends become spaces: a paste never presses Enter.
            for c in text.chars().take(4_096).map(|c| if c.is_control() { ' ' } else { c }) {
                line.input.handle(InputRequest::InsertChar(c));
            }
            None
        }
    };
    typed(state);
}

/// Takes a key.
pub(super) fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let Some(line) = &mut state.input else {
        return Vec::new();
    };
    line.words.clear();
    match key.code {
        KeyCode::Esc => {
            if line.purpose == Purpose::Filter {
                state.filter.clear();
            }
            leave(state);
            return Vec::new();
        }
        KeyCode::Enter => return submit(state),
        KeyCode::Tab if line.purpose == Purpose::Command => {
            let text = line.input.value().to_owned();
            if let Some(whole) = command::complete(state, &text) {
                open_line(state, Purpose::Command, &whole);
            }
            let words = command::candidates(state, &text);
            if let Some(line) = &mut state.input {
                line.words = words;
            }
            return Vec::new();
        }
        KeyCode::Up | KeyCode::Down if matches!(line.purpose, Purpose::Palette(_)) => {
            let text = line.input.value().to_owned();
            let rows = palette::matches(state, &text).len();
            if let Some(InputLine {
                purpose: Purpose::Palette(row),
                ..
            }) = &mut state.input
            {
                *row = if key.code == KeyCode::Up {
                    row.saturating_sub(1)
                } else {
                    (*row + 1).min(rows.saturating_sub(1))
                };
            }
            return Vec::new();
        }
        // An emptied line closes, as in every pager.
        KeyCode::Backspace if line.input.value().is_empty() => {
            leave(state);
            return Vec::new();
        }
        _ => {}
    }
    if let Some(request) = request(key) {
        if matches!(request, InputRequest::InsertChar(_)) {
            replace(line);
        }
        line.offered = None;
        line.input.handle(request);
        if let Purpose::Palette(row) = &mut line.purpose {
            *row = 0;
        }
        typed(state);
    }
    Vec::new()
}

/// Closes the line without taking what was typed; the commands above a name go with it.
fn leave(state: &mut State) {
    if state.input.take().is_some_and(|line| line.purpose == Purpose::Apply) {
        state.overlay = None;
    }
}

/// The filter filters as it is typed.
fn typed(state: &mut State) {
    if let Some(InputLine {
        purpose: Purpose::Filter,
        input,
        ..
    }) = &state.input
    {
        state.filter = input.value().to_lowercase();
    }
}

fn submit(state: &mut State) -> Vec<Effect> {
    let Some(line) = state.input.take() else {
        return Vec::new();
    };
    let text = line.input.value();
    if line.purpose == Purpose::Apply {
        state.overlay = None;
    }
    match line.purpose {
        Purpose::Filter => screens::refresh(state),
        Purpose::Command => command::run(state, text),
        Purpose::Palette(row) => palette::choose(state, text, row),
        purpose => screens::entered(state, &purpose, text),
    }
}

/// A file name typed for an export of screens 1 to 3: its ending says how it is written.
pub(crate) fn export_to(state: &mut State, name: &str) -> Vec<Effect> {
    let name = name.trim();
    if name.is_empty() {
        return Vec::new();
    }
    let shown = export::shown(state, false);
    let text = match name.rsplit('.').next() {
        Some("csv") => shown.csv(),
        Some("md") => shown.markdown(),
        Some("txt") => shown.text(),
        _ => {
            state.message = Some(format!("{}: the name must end in .md, .csv or .txt", visible(name)));
            return Vec::new();
        }
    };
    vec![Effect::WriteFile(name.into(), text)]
}

fn request(key: KeyEvent) -> Option<InputRequest> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('u') if control => InputRequest::DeleteLine,
        KeyCode::Char('w') if control => InputRequest::DeletePrevWord,
        KeyCode::Char('k') if control => InputRequest::DeleteTillEnd,
        KeyCode::Char('a') if control => InputRequest::GoToStart,
        KeyCode::Char('e') if control => InputRequest::GoToEnd,
        KeyCode::Char('h') if control => InputRequest::DeletePrevChar,
        KeyCode::Char(c) if !control => InputRequest::InsertChar(c),
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        _ => return None,
    })
}
