//! Help for the screen shown: its keys, the keys everywhere, the marks, and the commands.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::Mark,
    tui::{
        command::COMMANDS,
        look::Role,
        page::Page,
        screens,
        state::{KeyHint, Screen, State},
        text::{fit, wrap},
    },
};

const fn hint(key: &'static str, does: &'static str, help: &'static str) -> KeyHint {
    KeyHint { key, does, help }
}

/// The keys that do the same everywhere.
pub const GLOBAL: &[KeyHint] = &[
    hint("1-7", "screen", "goes to a screen"),
    hint("hjkl arrows", "move", "moves the cursor; PgUp, PgDn, g, G move far"),
    hint("Tab S-Tab", "pane", "goes to the next or previous pane"),
    hint("Enter Esc", "in/out", "one step in, one step out; Esc never quits"),
    hint("/", "filter", "filters as you type; Esc clears, Enter keeps"),
    hint(":", "command", "the command line; Tab completes"),
    hint(
        "ctrl-p",
        "palette",
        "finds every command, host and metric by a few letters",
    ),
    hint("[ ]", "time", "moves the time cursor of all screens back or on"),
    hint("{ }", "incident", "goes to the previous or next incident"),
    hint("0", "now", "goes back to now"),
    hint("P", "hold", "holds the recording that is replayed, or plays on"),
    hint(
        "f",
        "freeze",
        "holds the screen still, 0 bytes are sent; learning goes on",
    ),
    hint("space", "mark", "marks the row, for what-if, export and copy"),
    hint("w", "what-if", "tries a change of what is marked or under the cursor"),
    hint("x", "explain", "says where the number under the cursor comes from"),
    hint("y", "copy", "sends text to the terminal's clipboard"),
    hint("e", "export", "writes to a new file; never overwrites"),
    hint("ctrl-l", "redraw", "draws all again"),
    hint("?", "help", "this help; Esc closes it"),
    hint("q ctrl-c", "quit", "ends the console; ctrl-z suspends it"),
];

/// What a mark means.
fn meaning(mark: Mark) -> &'static str {
    match mark {
        Mark::Breach => "a limit is passed now",
        Mark::Cross => "a limit will be passed within the horizon",
        Mark::Odd => "the value is surprising now",
        Mark::Drift => "it left its shadow or its declaration some time ago",
        Mark::Stale => "no data although there should be",
        Mark::Learning => "too little history for a shadow",
        Mark::Ok => "as it should be",
        Mark::Muted => "someone said not to tell",
        Mark::Removed => "it is no longer there",
    }
}

/// Everything the help of this screen says, at most `width` cells wide; headings are told apart.
fn lines(state: &State, width: usize) -> Vec<(bool, String)> {
    let mut lines = Vec::new();
    let head = |text: String, lines: &mut Vec<(bool, String)>| {
        if !lines.is_empty() {
            lines.push((false, String::new()));
        }
        lines.push((true, format!(" {text}")));
    };
    let row = |name: &str, text: &str, column: usize, lines: &mut Vec<(bool, String)>| {
        // A name too long for its column has a row of its own.
        let mut name = name.to_owned();
        if name.len() >= column {
            lines.push((false, format!("   {name}")));
            name.clear();
        }
        for line in wrap(text, width.saturating_sub(column + 4).max(10)) {
            lines.push((false, format!("   {} {line}", fit(&name, column - 1))));
            name.clear();
        }
    };
    let number = Screen::ALL
        .iter()
        .position(|screen| *screen == state.screen)
        .unwrap_or(0)
        + 1;
    head(
        format!("KEYS OF {number} {}", state.screen.name().to_uppercase()),
        &mut lines,
    );
    for hint in screens::keys(state) {
        row(hint.key, hint.help, 13, &mut lines);
    }
    head("KEYS EVERYWHERE".into(), &mut lines);
    for hint in GLOBAL {
        row(hint.key, hint.help, 13, &mut lines);
    }
    head("MARKS".into(), &mut lines);
    let marks = [
        Mark::Breach,
        Mark::Cross,
        Mark::Odd,
        Mark::Drift,
        Mark::Stale,
        Mark::Learning,
        Mark::Ok,
        Mark::Muted,
        Mark::Removed,
    ];
    for mark in marks {
        row(&mark.to_string(), meaning(mark), 13, &mut lines);
    }
    head("COMMANDS (:)".into(), &mut lines);
    for command in COMMANDS {
        let name = format!("{} {}", command.name, command.args);
        let key = match command.key {
            "" => String::new(),
            key => format!(" ({key})"),
        };
        row(name.trim_end(), &format!("{}{key}", command.help), 22, &mut lines);
    }
    lines
}

/// The greatest first line that still fills `rows` rows of `width` cells.
#[must_use]
pub fn last_from(state: &State, width: u16, rows: u16) -> u16 {
    let all = lines(state, usize::from(width)).len();
    u16::try_from(all.saturating_sub(usize::from(rows))).unwrap_or(u16::MAX)
}

/// Draws the help from a line on; further than the last page it does not go.
pub fn view(state: &State, from: u16, area: Rect, buffer: &mut Buffer) {
    let lines = lines(state, usize::from(area.width));
    let from = from.min(last_from(state, area.width, area.height));
    let mut page = Page::new(&state.look, area, buffer);
    let rows = page.left();
    for (heading, line) in lines.iter().skip(usize::from(from)).take(rows) {
        page.line(if *heading { Role::Heading } else { Role::Text }, line);
    }
    while page.left() > 0 {
        page.line(Role::Text, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{fixture, look::Charset};

    #[test]
    fn help_names_the_keys_of_its_screen_and_scrolls_to_the_commands() {
        let state = fixture::on(Screen::Timeline, Charset::Ascii, 80, 24);
        let area = Rect::new(0, 0, 80, 20);
        let mut buffer = Buffer::empty(area);
        view(&state, 0, area, &mut buffer);
        insta::assert_snapshot!(fixture::text(&buffer));
        view(&state, 1_000, area, &mut buffer);
        let end = fixture::text(&buffer);
        assert!(end.lines().last().is_some_and(|line| line.contains("quit")), "{end}");
    }

    #[test]
    fn every_size_draws_something() {
        for screen in Screen::ALL {
            let state = fixture::on(screen, Charset::Ascii, 20, 5);
            for (width, height) in [(1, 1), (20, 5), (40, 9), (200, 60)] {
                let area = Rect::new(0, 0, width, height);
                view(&state, 3, area, &mut Buffer::empty(area));
            }
        }
    }
}
