//! The palette: every command, the keys of this screen, hosts, metrics and settings, found by a few letters.

use crossterm::event::KeyCode;
use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::tui::{
    command::{self, COMMANDS},
    look::Role,
    open_line,
    page::{Page, window},
    screens,
    state::{Effect, Msg, Purpose, State},
    text::{fit, fit_right},
    update::decide,
};

/// What choosing a row does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deed {
    /// Runs a line of the command line.
    Run(String),
    /// Opens the command line with a text, since something must follow.
    Fill(String),
    /// Presses a key of the screen.
    Press(char),
}

#[derive(Clone, Debug)]
struct Row {
    label: String,
    hint: String,
    deed: Deed,
}

fn rows(state: &State, all: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for hint in screens::keys(state) {
        let key = if hint.key == "space" { " " } else { hint.key };
        let mut chars = key.chars();
        if let (Some(key), None) = (chars.next(), chars.next()) {
            rows.push(Row {
                label: format!("{}: {}", hint.does, hint.help),
                hint: hint.key.into(),
                deed: Deed::Press(key),
            });
        }
    }
    rows.extend(COMMANDS.iter().map(|command| Row {
        label: format!(":{} {} - {}", command.name, command.args, command.help).replace("  ", " "),
        hint: command.key.into(),
        deed: if command.runs_alone() {
            Deed::Run(command.name.into())
        } else {
            Deed::Fill(format!("{} ", command.name))
        },
    }));
    if all {
        rows.extend(state.shown.resources.iter().map(|row| Row {
            label: format!(":go {}", row.id.name()),
            hint: row.mark.to_string(),
            deed: Deed::Run(format!("go {}", row.id)),
        }));
        let metrics = state.shown.metrics.iter().map(|row| (&row.id, row.mark));
        let settings = state.shown.settings.iter().map(|row| (&row.id, row.mark));
        rows.extend(metrics.chain(settings).map(|(id, mark)| Row {
            label: format!(":metric {}/{}", id.resource.name(), id.name),
            hint: mark.to_string(),
            deed: Deed::Run(format!("metric {id}")),
        }));
    }
    rows
}

/// The rows that match, best first; all of them, as they stand, when nothing was typed.
fn found(state: &State, text: &str) -> Vec<Row> {
    let text = text.trim().trim_start_matches(':');
    let rows = rows(state, !text.is_empty());
    if text.is_empty() {
        return rows;
    }
    let pattern = Pattern::new(text, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut scored: Vec<(u32, Row)> = rows
        .into_iter()
        .filter_map(|row| {
            let mut cells = Vec::new();
            let score = pattern.score(Utf32Str::new(&row.label, &mut cells), &mut matcher)?;
            // Someone who typed a command's name wants that command.
            let named = matches!(&row.deed, Deed::Run(line) | Deed::Fill(line) if line.trim() == text);
            Some((if named { u32::MAX } else { score }, row))
        })
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, row)| row).collect()
}

/// What matches the text, best first: a label, and the key that does the same (or the state of a host, metric or setting).
#[must_use]
pub fn matches(state: &State, text: &str) -> Vec<(String, String)> {
    found(state, text)
        .into_iter()
        .map(|row| (row.label, row.hint))
        .collect()
}

/// Does what the row of the matches says; a row that is not there does nothing. Closes the palette.
pub fn choose(state: &mut State, text: &str, row: usize) -> Vec<Effect> {
    state.input = None;
    match found(state, text).into_iter().nth(row).map(|row| row.deed) {
        Some(Deed::Run(line)) => command::run(state, &line),
        Some(Deed::Fill(line)) => {
            open_line(state, Purpose::Command, &line);
            Vec::new()
        }
        Some(Deed::Press(key)) => decide(state, Msg::Key(KeyCode::Char(key).into())),
        None => Vec::new(),
    }
}

/// Draws the matches with the chosen row under the cursor, keys at the right.
pub fn view(state: &State, text: &str, row: usize, area: Rect, buffer: &mut Buffer) {
    let matches = matches(state, text);
    let mut page = Page::new(&state.look, area, buffer);
    let width = page.width();
    let heading = format!(" PALETTE  {} of all commands, hosts, metrics, settings", matches.len());
    page.line(Role::Heading, &heading);
    if matches.is_empty() {
        page.line(Role::Text, &format!(" nothing matches {text}; Esc closes"));
    }
    let row = row.min(matches.len().saturating_sub(1));
    let keys = if width >= 60 { 12 } else { 8 };
    for place in window(matches.len(), row, page.left().max(1)) {
        let (label, key) = &matches[place];
        let cursor = if place == row { '>' } else { ' ' };
        let label = fit(label, width.saturating_sub(keys + 2));
        page.item(place == row, &format!("{cursor}{label} {}", fit_right(key, keys)));
    }
    while page.left() > 0 {
        page.line(Role::Text, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{
        fixture,
        look::Charset,
        state::{Overlay, Screen},
    };

    fn state() -> State {
        fixture::on(Screen::Timeline, Charset::Ascii, 80, 24)
    }

    #[test]
    fn a_few_letters_find_command_host_and_metric() {
        let state = state();
        let first = |text: &str| matches(&state, text).into_iter().next().unwrap_or_default();
        assert_eq!(first("freeze").1, "f");
        assert!(first(":quit").0.starts_with(":quit"));
        assert_eq!(first("go web-03").0, ":go web-03");
        assert_eq!(first("swap").0, ":metric db-01/mem.swap_in");
        assert_eq!(first("shared_buffers").0, ":metric db-01/pg.shared_buffers");
        assert!(matches(&state, "zzzzqq").is_empty());
        assert!(matches(&state, "").len() >= COMMANDS.len());
    }

    #[test]
    fn choosing_runs_or_asks_for_more() {
        let mut state = state();
        choose(&mut state, "help", 0);
        assert_eq!(state.overlay, Some(Overlay::Help(0)));
        choose(&mut state, "limit", 0);
        assert_eq!(state.input.as_ref().map(|line| line.input.value()), Some("limit "));
        assert_eq!(choose(&mut state, "quit", 0), [Effect::Quit]);
        assert_eq!(choose(&mut state, "quit", 99), []);
    }

    #[test]
    fn the_list_shows_its_keys() {
        let state = state();
        let area = Rect::new(0, 0, 80, 8);
        let mut buffer = Buffer::empty(area);
        view(&state, "time", 1, area, &mut buffer);
        insta::assert_snapshot!(fixture::text(&buffer));
        for (width, height) in [(1, 1), (20, 5)] {
            let area = Rect::new(0, 0, width, height);
            view(&state, "", 3, area, &mut Buffer::empty(area));
        }
    }
}
