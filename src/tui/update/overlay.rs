//! What lies over the screen: when it may, the keys it takes, and what the NEXT row says of them.

use crossterm::event::KeyCode;

use crate::tui::{
    help, screens,
    state::{Effect, Overlay, State},
    text,
};

/// Lays an answer over the screen; not over the box of commands that are about to run, or run: what is typed and pressed there is about
/// what it shows.
pub(super) fn lay(state: &mut State, title: String, lines: Vec<String>) {
    if screens::proposals::is_applying(state) {
        state.message = Some(format!(
            "{title}: not shown over the commands; ask again when they are closed"
        ));
        return;
    }
    state.overlay = Some(Overlay::Text { title, lines, from: 0 });
}

/// Rows of text that are shown at once.
fn rows(state: &State) -> u16 {
    state.size.1.saturating_sub(6).max(1)
}

/// The last row that can be the first one shown; 0 when all of it is shown.
fn last(state: &State) -> u16 {
    let (width, height) = state.size;
    match &state.overlay {
        Some(Overlay::Text { lines, .. }) => {
            let width = usize::from(width.saturating_sub(2));
            let all: usize = lines.iter().map(|line| text::hanging(line, width).len()).sum();
            u16::try_from(all).unwrap_or(u16::MAX).saturating_sub(rows(state))
        }
        Some(Overlay::Help(_)) => help::last_from(state, width, height.saturating_sub(4)),
        None => 0,
    }
}

/// What the NEXT row says while something lies over the screen.
pub(crate) fn next(state: &State) -> String {
    let from = match &state.overlay {
        Some(Overlay::Help(from) | Overlay::Text { from, .. }) => *from,
        None => 0,
    };
    let last = last(state);
    if screens::proposals::is_applying(state) {
        return "Esc closes this page and the commands go on; 7 keeps what they did; q asks before it ends them".into();
    }
    let leave = "Esc closes it, 1 to 7 show that screen";
    match last.saturating_sub(from) {
        0 if last == 0 => "Esc closes this page; 1 to 7 close it and show that screen".into(),
        0 => format!("this is the end, g goes to the top; {leave}"),
        1 => format!("j shows the last line; {leave}"),
        more => format!("PgDn shows {more} lines more; {leave}"),
    }
}

/// A key for what lies over the screen; `None` when nothing does, or the key is not for it.
pub(super) fn key(state: &mut State, code: KeyCode) -> Option<Vec<Effect>> {
    let (page, last) = (rows(state), last(state));
    let (Overlay::Help(from) | Overlay::Text { from, .. }) = state.overlay.as_mut()?;
    match code {
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('?' | 'x') => state.overlay = None,
        KeyCode::Char('j') | KeyCode::Down => *from = from.saturating_add(1).min(last),
        KeyCode::Char('k') | KeyCode::Up => *from = from.saturating_sub(1),
        KeyCode::PageDown | KeyCode::Char(' ') => *from = from.saturating_add(page).min(last),
        KeyCode::PageUp => *from = from.saturating_sub(page),
        KeyCode::Char('g') | KeyCode::Home => *from = 0,
        KeyCode::Char('G') | KeyCode::End => *from = last,
        KeyCode::Char('y') => {
            if let Some(Overlay::Text { title, lines, .. }) = &state.overlay {
                return Some(vec![Effect::Copy(format!("{title}\n{}\n", lines.join("\n")))]);
            }
        }
        KeyCode::Char('q' | '1'..='7') => return None,
        // The line opens where the page was.
        KeyCode::Char(':') => {
            state.overlay = None;
            return None;
        }
        _ => {}
    }
    Some(Vec::new())
}
