//! The frame around every screen: where you are, the screens, what to press next, the keys. Changes nothing.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use crate::{
    domain::Mark,
    engine::Snapshot,
    tui::{
        help,
        look::Role,
        page::Page,
        palette, screens,
        state::{Engine, InputLine, Overlay, Purpose, Room, Screen, State},
        text::{self, put},
        update::overlay_next,
    },
};

/// Draws everything into `buffer`, whose area is the whole screen.
pub fn view(state: &State, buffer: &mut Buffer) {
    let area = buffer.area;
    if area.area() == 0 {
        return;
    }
    let room = state.room();
    if room == Room::Tiny {
        tiny(state, area, buffer);
        return;
    }
    let top = if room == Room::Small { 1 } else { 2 };
    head(state, room, area, buffer);
    let screen = Rect::new(area.x, area.y + top, area.width, area.height - top - 2);
    body(state, screen, buffer);
    foot(state, area, buffer);
}

/// Draws into a new buffer of that size.
#[must_use]
pub fn view_to_buffer(state: &State, width: u16, height: u16) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(state, &mut buffer);
    buffer
}

/// How many findings there are of each mark, and how many metrics learn: `X breach 1   > cross 2`; those without are left out.
#[must_use]
pub fn counts(snapshot: &Snapshot, gap: &str) -> Vec<(Mark, String)> {
    // Every mark that the list of findings has, so that both say the same.
    let marks = [
        Mark::Breach,
        Mark::Cross,
        Mark::Odd,
        Mark::Drift,
        Mark::Stale,
        Mark::Muted,
    ];
    let mut counts: Vec<(Mark, String)> = marks
        .into_iter()
        .map(|mark| {
            (
                mark,
                snapshot.findings.iter().filter(|finding| finding.mark == mark).count() as u64,
            )
        })
        .chain([(Mark::Learning, u64::from(snapshot.health.learning))])
        .filter(|(_, count)| *count > 0)
        .map(|(mark, count)| (mark, format!("{mark} {}{gap}", text::grouped(count))))
        .collect();
    if counts.is_empty() {
        counts.push((Mark::Ok, format!("{}{gap}", Mark::Ok)));
    }
    counts
}

/// Writes the counts of findings from the cell `x` on.
pub fn put_counts(state: &State, area: Rect, x: u16, y: u16, buffer: &mut Buffer) {
    let mut x = x;
    for (mark, text) in counts(&state.shown, "   ") {
        put(buffer, area, x, y, &text, Style::new());
        let mark_cells = mark.to_string().len() as u16;
        let end = area.width.saturating_sub(x).min(mark_cells);
        buffer.set_style(
            Rect::new(area.x + x, area.y + y, end, 1).intersection(area),
            state.look.style(Role::Mark(mark)),
        );
        x = x.saturating_add(text.len() as u16);
    }
}

/// Where there is no room for a screen: whether it is live, the counts, and what is worst, in as many rows as there are.
fn tiny(state: &State, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width);
    let mut counted = String::new();
    for (mark, count) in counts(&state.shown, " ") {
        let number = count.trim_end().rsplit(' ').next().unwrap_or_default();
        counted.push_str(&format!(
            "{}{} ",
            mark.glyph(),
            if mark == Mark::Ok { "ok" } else { number }
        ));
    }
    let counted = text::wrap(counted.trim_end(), width);
    let rows = usize::from(area.height - 1);
    let (word, role, time) = now_word(state);
    let mut lines = Vec::new();
    if rows > counted.len() {
        lines.push((format!("{word} {time}"), Some((word.len(), role))));
    }
    if state.awaited().is_some() {
        lines.push(("loading".into(), None));
    } else {
        lines.extend(counted.into_iter().map(|line| (line, None)));
    }
    let rest = rows.saturating_sub(lines.len());
    let rest = if state.awaited().is_some() { 0 } else { rest };
    let worst = screens::overview::worst(state, rest, width).into_iter();
    lines.extend(worst.map(|(mark, line)| (line, Some((1, Role::Mark(mark))))));
    for (row, (line, part)) in lines.iter().take(rows.max(1)).enumerate() {
        put(buffer, area, 0, row as u16, line, Style::new());
        if let Some((cells, role)) = part {
            let part = Rect::new(area.x, area.y + row as u16, *cells as u16, 1);
            buffer.set_style(part.intersection(area), state.look.style(*role));
        }
    }
    let last = area.height - 1;
    match (&state.input, &state.message) {
        (Some(line), _) => input(state, line, area, last, buffer),
        (None, Some(message)) => {
            put(buffer, area, 0, last, message, Style::new());
        }
        // A single row belongs to the counts.
        (None, None) if rows == 0 => {}
        (None, None) => {
            put(buffer, area, 0, last, "q quit", Style::new());
        }
    }
}

/// What stands in the place of what is known now while a time before is being read, on the screens that show what is known at one time.
fn awaiting(state: &State) -> Option<String> {
    let shows = [Screen::Overview, Screen::Resource, Screen::Forecast, Screen::Proposals];
    let at = state.awaited().filter(|_| shows.contains(&state.screen))?;
    Some(format!("Reading what was known at {}.", text::when(at, state.now())))
}

/// Whether what is shown is live, how that is styled, and the time of the data.
fn now_word(state: &State) -> (&'static str, Role, String) {
    let (word, role) = match () {
        () if state.at.is_some() => ("REPLAY", Role::NotLive),
        () if state.engine == Engine::Gone => ("GONE", Role::NotLive),
        () if state.frozen => ("FROZEN", Role::NotLive),
        () if state.shown.replay.is_some() => ("REPLAY", Role::NotLive),
        () => ("LIVE", Role::Live),
    };
    if state.screen == Screen::WhatIf
        && let Some((from, to)) = screens::whatif::replayed(state)
    {
        let range = format!("{}-{}", text::minute(from), text::minute(to));
        return ("REPLAY", Role::NotLive, range);
    }
    // A clock time alone would be taken for one of the day that live data are of, or of the only day there is.
    let days = match (state.at, &state.shown.replay) {
        (Some(_), _) => state.live.at,
        (None, replay) => replay.as_ref().map(|replay| replay.from),
    };
    // What is shown is of the time before for as long as the next one is being read.
    let past = state
        .at
        .map(|at| state.shown.at.filter(|_| !state.shown.live).unwrap_or(at));
    let time = match (past.or(state.shown.at), days) {
        (Some(at), Some(days)) if text::day(at) != text::day(days) => format!("{} {}", text::day(at), text::minute(at)),
        (Some(at), _) => text::clock(at),
        (None, _) => "--:--:--".into(),
    };
    (word, role, time)
}

fn head(state: &State, room: Room, area: Rect, buffer: &mut Buffer) {
    let (word, role, time) = now_word(state);
    let interval = state.shown.options.interval.to_string();
    // As wide as the mock-ups have it, so that the breadcrumb does not push it about; a longer interval needs more.
    let speed = state.shown.replay.as_ref().filter(|_| state.at.is_none());
    let speed = speed.map_or_else(String::new, |replay| format!(" {}", text::speed(replay)));
    let told = (word.len() + 1 + time.len()) as u16;
    let right = if room == Room::Small {
        area.width.saturating_sub(told.max(15)).max(1)
    } else {
        let rest = 2 + "read-only".len() + speed.len();
        let cells = (26 + text::width(&interval).clamp(5, 20)).max(usize::from(told) + rest);
        area.width
            .saturating_sub(u16::try_from(cells).unwrap_or(u16::MAX))
            .max(1)
    };
    let crumbs = text::fit(&breadcrumb(state), usize::from(right) - 1);
    put(buffer, area, 0, 0, &crumbs, Style::new());
    let x = put(buffer, area, right, 0, word, state.look.style(role));
    let x = put(buffer, area, x + 1, 0, &time, Style::new());
    if room > Room::Small {
        let x = if state.operate {
            put(buffer, area, x + 2, 0, "OPERATE", state.look.style(Role::NotLive))
        } else {
            put(buffer, area, x + 2, 0, "read-only", Style::new())
        };
        // Held or in the past nothing comes at an interval, and the longer word needs its room.
        match speed.as_str() {
            speed if !speed.is_empty() => {
                put(buffer, area, x, 0, speed, Style::new());
            }
            _ if role == Role::Live => {
                put(buffer, area, x + 2, 0, &interval, Style::new());
            }
            _ => {}
        }
        tabs(state, area, buffer);
    }
}

fn breadcrumb(state: &State) -> String {
    // In a narrow window where one is tells more than by what.
    let program = if state.room() == Room::Small {
        ""
    } else {
        "foreshadow  "
    };
    let mut place = format!("{program}{}", state.place);
    let hosts = state.shown.resources.len();
    if state.screen == Screen::Overview && hosts > 1 {
        place.push_str(&format!(" ({hosts} hosts)"));
    }
    for crumb in screens::crumbs(state) {
        // A console of one host does not say its name twice.
        if crumb != state.place {
            place.push_str(" > ");
            place.push_str(&crumb);
        }
    }
    place
}

fn tabs(state: &State, area: Rect, buffer: &mut Buffer) {
    let mut x = 0;
    for (place, screen) in Screen::ALL.into_iter().enumerate() {
        let current = screen == state.screen;
        let (open, close) = if current { ("[", "]") } else { (" ", " ") };
        let tab = format!("{open}{} {}{close}", place + 1, screen.name());
        // All seven take 81 cells: the last one's closing bracket would not be seen.
        if screen == Screen::Timeline && state.screen == Screen::Audit && area.width == 80 {
            x -= 1;
        }
        let role = if current { Role::Current } else { Role::Text };
        let tab = if screen == Screen::Audit { tab.trim_end() } else { &tab };
        x = put(buffer, area, x, 1, tab, state.look.style(role));
    }
}

fn body(state: &State, area: Rect, buffer: &mut Buffer) {
    if let Some(InputLine {
        purpose: Purpose::Palette(row),
        input,
        ..
    }) = &state.input
    {
        palette::view(state, input.value(), *row, area, buffer);
        return;
    }
    match &state.overlay {
        None if let Some(says) = awaiting(state) => {
            Page::new(&state.look, area, buffer).line(Role::Dim, &format!(" {says}"));
        }
        None => screens::view(state, area, buffer),
        Some(Overlay::Help(from)) => help::view(state, *from, area, buffer),
        Some(Overlay::Text { title, lines, from }) => {
            let mut page = Page::new(&state.look, area, buffer);
            page.line(Role::Heading, &format!(" {title}"));
            page.rule();
            let (width, rows) = (page.width().saturating_sub(2), page.left());
            let wrapped = lines.iter().flat_map(|line| text::hanging(line, width));
            for line in wrapped.skip(usize::from(*from)).take(rows) {
                page.line(Role::Text, &format!(" {line}"));
            }
        }
    }
}

fn foot(state: &State, area: Rect, buffer: &mut Buffer) {
    let row = area.height - 2;
    match (&state.input, &state.message) {
        (Some(line), _) => input(state, line, area, row, buffer),
        (None, Some(message)) => {
            put(buffer, area, 0, row, message, Style::new());
        }
        (None, None) => {
            let x = put(buffer, area, 0, row, "NEXT", state.look.style(Role::Key));
            let next = if state.engine == Engine::Gone {
                gone(state)
            } else {
                walk(state).unwrap_or_else(|| match state.overlay {
                    Some(_) => overlay_next(state),
                    None if awaiting(state).is_some() => "the past is being read; 0 goes back to now".into(),
                    None => screens::next(state),
                })
            };
            let next = text::clauses(&next, usize::from(area.width.saturating_sub(x + 2)));
            put(buffer, area, x + 2, row, &next, Style::new());
        }
    }
    hints(state, area, buffer);
}

/// What the guided walk says, if there is one.
fn walk(state: &State) -> Option<String> {
    let (walk, replay) = (state.walk.as_ref()?, state.live.replay.as_ref()?);
    walk.says(|after| text::when(replay.from + after, state.now()))
}

/// What is said for as long as there is no engine.
fn gone(state: &State) -> String {
    let at = state.shown.at.map_or_else(|| "-".into(), text::clock);
    format!("engine gone, data as of {at}; attaches again by itself, or :engine now")
}

fn input(state: &State, line: &InputLine, area: Rect, row: u16, buffer: &mut Buffer) {
    let change;
    let label = match line.purpose {
        Purpose::Filter => "/",
        Purpose::Command => ":",
        Purpose::Palette(_) => "> ",
        Purpose::Note => "note: ",
        Purpose::Change(row) => {
            change = screens::whatif::label(state, row);
            change.as_str()
        }
        Purpose::Dismiss => "reason: ",
        Purpose::Export => match state.screen {
            Screen::Overview | Screen::Resource | Screen::Forecast => "export to (.md .csv .txt): ",
            Screen::Proposals => "export to (text): ",
            Screen::WhatIf => "export to (JSON): ",
            Screen::Timeline => "export to (Markdown): ",
            Screen::Audit => "export to (JSON, an entry a line): ",
        },
        Purpose::Limit => "limit: ",
        Purpose::Apply => "type the resource's name to apply: ",
    };
    let start = put(buffer, area, 0, row, label, state.look.style(Role::Key));
    let room = usize::from(area.width.saturating_sub(start + 1)).max(1);
    let scroll = line.input.visual_scroll(room);
    let value: String = line
        .input
        .value()
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    let shown: String = value.chars().skip(scroll).collect();
    put(buffer, area, start, row, &text::cut(&shown, room), Style::new());
    let cursor = start + (line.input.visual_cursor().saturating_sub(scroll)) as u16;
    let cell = Rect::new(area.x + cursor.min(area.width - 1), area.y + row, 1, 1);
    buffer.set_style(cell.intersection(area), state.look.style(Role::Cursor));
}

/// Row 24: as many keys as there is room for, help and quit always.
fn hints(state: &State, area: Rect, buffer: &mut Buffer) {
    let row = area.height - 1;
    if let Some(line) = state.input.as_ref().filter(|line| !line.words.is_empty()) {
        let words = text::cut(&line.words.join("  "), usize::from(area.width));
        put(buffer, area, 0, row, &words, state.look.style(Role::Key));
        return;
    }
    type Hint = (&'static str, &'static str);
    let (keys, last): (Vec<Hint>, [Hint; 2]) = match (&state.input, &state.overlay) {
        (Some(line), _) => (
            match line.purpose {
                Purpose::Command => vec![("Enter", "run"), ("Tab", "complete")],
                Purpose::Palette(_) => vec![("Enter", "run"), ("Up Down", "choose")],
                _ => vec![("Enter", "done")],
            },
            [("Esc", "leave"), ("ctrl-c", "quit")],
        ),
        (None, Some(overlay)) => (
            match overlay {
                Overlay::Help(_) => vec![("j k", "scroll"), ("PgUp PgDn", "page")],
                Overlay::Text { .. } => vec![("j k", "scroll"), ("PgUp PgDn", "page"), ("y", "copy")],
            },
            [("Esc", "close"), ("q", "quit")],
        ),
        (None, None) => (
            screens::keys(state).iter().map(|hint| (hint.key, hint.does)).collect(),
            [("?", "help"), ("q", "quit")],
        ),
    };
    let cells = |(key, does): &Hint| key.len() + does.len() + 3;
    let mut left = usize::from(area.width) + 2 - last.iter().map(cells).sum::<usize>().min(usize::from(area.width));
    let mut x = 0;
    let shown = keys.into_iter().take_while(|hint| {
        let fits = cells(hint) <= left;
        left = left.saturating_sub(cells(hint));
        fits
    });
    for (key, does) in shown.chain(last) {
        x = put(buffer, area, x, row, key, state.look.style(Role::Key));
        x = put(buffer, area, x + 1, row, does, Style::new()) + 2;
    }
}
