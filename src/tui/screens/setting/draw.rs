//! Draws the page of a setting: its values over time, and below what is to be said of it.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{changes, findings, focus, moved, place, proposals, row, step, words};
use crate::{
    domain::{Mark, Seen, SeriesId, SettingChange, Span, Timestamp, Value},
    engine::SettingRow,
    tui::{
        chart,
        look::Role,
        page::{Page, between, labelled_in, window},
        screens,
        state::{Room, State},
        text::{self, cut, fit, fit_name, fit_right, put},
    },
};

/// Cells of a value at the left of its line.
fn gutter(width: u16) -> u16 {
    if width < 80 { 9 } else { 15 }
}

/// Columns of the chart on a screen so wide.
pub(super) fn columns(width: u16) -> usize {
    usize::from(width.saturating_sub(gutter(width) + 1)).max(1)
}

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let Some(id) = focus(state) else { return };
    let mut page = Page::new(&state.look, area, buffer);
    let (row, changes) = (row(state, id), changes(state, id));
    if row.is_none() && changes.is_empty() {
        let says = format!("{id} is not known at this time: no value of it was seen.");
        for line in text::wrap(&says, page.width().saturating_sub(2)) {
            page.line(Role::Text, &format!(" {line}"));
        }
        return;
    }
    status(state, id, row, &changes, &mut page);
    let lanes = match state.room() {
        Room::Tiny => return,
        Room::Small => 2,
        Room::Normal => 4,
        Room::Large => 10,
    };
    steps(state, row, &changes, lanes, &mut page);
    let rows = moved(state, id);
    let most = if state.room() == Room::Large { 10 } else { 4 };
    let below = if rows.is_empty() { 0 } else { rows.len().min(most) + 1 };
    let room = page.left().saturating_sub(below);
    // Where there is room nothing is cut.
    let lines = |more| told(state, id, row, &changes, page.width(), more);
    let whole = [8, 2, 1].into_iter().map(lines).find(|lines| lines.len() <= room);
    let told = whole.unwrap_or_else(|| lines(0));
    for line in told.into_iter().take(room) {
        page.line(Role::Text, &line);
        page.paint(1, 8, Role::Heading);
    }
    if !rows.is_empty() {
        related(state, &rows, most, &mut page);
    }
}

/// Row 3: what it is now, since when, by whom.
fn status(state: &State, id: &SeriesId, row: Option<&SettingRow>, changes: &[SettingChange], page: &mut Page<'_>) {
    let (now, last) = (state.now(), changes.last());
    let gone = row.is_none_or(|row| row.value.is_none());
    let mark = row.map_or(Mark::Removed, |row| row.mark);
    let mut parts = vec![format!(" {mark}")];
    match row.and_then(|row| row.value.as_ref()) {
        Some(value) => parts.push(format!("now {}", cut(&value.to_string(), 32))),
        None => parts.push("removed".into()),
    }
    match (last, row) {
        (Some(change), _) => {
            let when = text::began(change.after, change.at, now);
            parts.push(format!("since {when} by {}", words::who(change)));
        }
        (None, Some(row)) => parts.push(format!("unchanged since {}", text::when(row.since, now))),
        (None, None) => {}
    }
    if let Some(accepted) = row.and_then(|row| row.accepted.as_ref()) {
        parts.push(format!("baseline {}", cut(&words::shown(accepted.as_ref()), 24)));
    }
    if let (Some(row), false) = (row.filter(|row| row.last_change.is_some()), gone) {
        parts.push(format!("{:.1} bits", row.bits));
    }
    page.line(Role::Text, &parts.join("  "));
    page.paint(1, mark.word().len() + 2, Role::Mark(mark));
    if state.room() <= Room::Small {
        page.line(
            Role::Dim,
            &format!(" {}", fit_name(&id.name, page.width().saturating_sub(1))),
        );
    }
}

/// A line for each value held, the time above, and `^` below where it changed.
fn steps(state: &State, row: Option<&SettingRow>, changes: &[SettingChange], most: usize, page: &mut Page<'_>) {
    let step = step(state);
    let (width, now) = (page.width() as u16, state.now());
    let (columns, gutter) = (columns(width), gutter(width));
    let from = chart::start(now, step, columns);
    let held = held(row, changes, from, step, columns, now);
    let lanes = lanes(&held, changes, most);
    let dim = state.look.style(Role::Dim);
    let (area, buffer) = page.take(lanes.len() + 2);
    let cells = Rect {
        x: area.x + gutter,
        width: area.width.saturating_sub(gutter),
        ..area
    };
    let offset = text::offset(from).0;
    for column in 0..columns {
        let at = from + step * column as i64;
        if (at.0 + offset).rem_euclid(step.0 * chart::GRID) >= step.0 {
            continue;
        }
        let label = chart::tick(at, step);
        if column + label.len() <= columns {
            put(buffer, cells, column as u16, 0, &label, dim);
        }
        for lane in 0..lanes.len() {
            let style = state.look.style(Role::Grid);
            put(
                buffer,
                cells,
                column as u16,
                lane as u16 + 1,
                state.look.glyph("·", "."),
                style,
            );
        }
    }
    for (place, lane) in lanes.iter().enumerate() {
        let y = place as u16 + 1;
        let label = fit(
            &cut(&words::shown(lane.as_ref()), usize::from(gutter) - 2),
            usize::from(gutter) - 2,
        );
        put(buffer, area, 1, y, &label, dim);
        for (column, value) in held.iter().enumerate() {
            if value.as_ref() == Some(lane) {
                let line = state.look.glyph("━", "*");
                put(buffer, cells, column as u16, y, line, state.look.style(Role::Actual));
            }
        }
    }
    let last = lanes.len() as u16 + 1;
    put(buffer, area, 1, last, "changed", dim);
    let column = |at: Timestamp| usize::try_from((at - from).0.div_euclid(step.0.max(1))).ok();
    for column in changes.iter().filter_map(|change| column(change.at)) {
        if column < columns {
            let style = state.look.style(Role::Mark(Mark::Drift));
            put(buffer, cells, column as u16, last, "^", style);
        }
    }
}

/// The value held at the end of each column; `None` before it was seen and after now.
fn held(
    row: Option<&SettingRow>,
    changes: &[SettingChange],
    from: Timestamp,
    step: Span,
    columns: usize,
    now: Timestamp,
) -> Vec<Option<Option<Value>>> {
    let watched = row.map(|row| row.since);
    let oldest = changes.first().map(|change| change.after.unwrap_or(change.at));
    let seen = watched.into_iter().chain(oldest).min().unwrap_or(now);
    (0..columns as i64)
        .map(|column| {
            let (begin, end) = (from + step * column, from + step * (column + 1));
            if end <= seen || begin > now {
                return None;
            }
            let last = changes.iter().rev().find(|change| change.at < end);
            Some(match (last, changes.first()) {
                (Some(change), _) => change.to.clone(),
                (None, Some(first)) => first.from.clone(),
                (None, None) => row.and_then(|row| row.value.clone()),
            })
        })
        .collect()
}

/// The values that get a line, at most `most`, those held last: numbers by size, others the newest at the top.
fn lanes(held: &[Option<Option<Value>>], changes: &[SettingChange], most: usize) -> Vec<Option<Value>> {
    let mut lanes: Vec<Option<Value>> = Vec::new();
    // A value held for less than a column is told by its change.
    let brief = changes.iter().rev().map(|change| &change.to);
    for value in held.iter().rev().flatten().chain(brief) {
        if lanes.len() < most && !lanes.contains(value) {
            lanes.push(value.clone());
        }
    }
    let number = |lane: &Option<Value>| match lane {
        Some(value) => value.to_string().parse::<f64>().ok(),
        None => None,
    };
    if lanes.iter().all(|lane| number(lane).is_some()) {
        lanes.sort_by(|a, b| number(b).unwrap_or(0.0).total_cmp(&number(a).unwrap_or(0.0)));
    }
    lanes
}

/// What is to be said of it, a line each, and `more` where one is too long.
fn told(
    state: &State,
    id: &SeriesId,
    row: Option<&SettingRow>,
    changes: &[SettingChange],
    width: usize,
    more: usize,
) -> Vec<String> {
    let now = state.now();
    let mut lines = Vec::new();
    let mut say = |label: &str, text: &str, most: usize| {
        lines.extend(labelled_in(label, text, width, most + more));
    };
    let listed = if state.room() == Room::Large { 10 } else { 3 };
    for (place, change) in changes.iter().rev().take(listed).enumerate() {
        say(if place == 0 { "CHANGES" } else { "" }, &words::change(change, now), 1);
    }
    if changes.len() > listed {
        say("", &format!("{} before: y copies all", changes.len() - listed), 1);
    }
    if let Some(row) = row {
        let ruled = findings(state, id).find_map(|finding| match (&finding.rule, &finding.seen) {
            (Some(rule), Seen::Setting { expected, .. }) if finding.stands() => Some((rule, expected.as_ref()?)),
            _ => None,
        });
        if let Some((rule, value)) = ruled {
            let baseline = match &row.accepted {
                Some(accepted) => format!("says {}", words::shown(accepted.as_ref())),
                None => "has it as it is".into(),
            };
            say(
                "SHOULD",
                &format!("{value} by the known issue {rule}; the baseline {baseline}"),
                2,
            );
        } else if let Some(accepted) = &row.accepted {
            say(
                "SHOULD",
                &format!("{} by the baseline", words::shown(accepted.as_ref())),
                2,
            );
        } else if row.value.is_some() && findings(state, id).next().is_none() {
            say("SHOULD", "as it is: the baseline has the same", 1);
        }
        // Of the past it is not kept.
        if row.value.is_some() && state.at.is_none() {
            say(
                "EXPECT",
                &words::expected(row.hazard, row.week, row.outlook.as_deref()),
                2,
            );
        }
        if let (Some(change), Some(undoing)) = (&row.last_change, &row.undoing) {
            say("UNDONE", &words::undone(undoing, change.at, now), 2);
        }
        if let Some(peers) = row.outlook.as_ref().and_then(|outlook| words::peers(outlook, now)) {
            say("PEERS", &peers, 2);
        }
        if let Some(stands) = row.outlook.as_ref().and_then(|outlook| words::stands(outlook)) {
            say("WITH", &stands, 2);
        }
    }
    for finding in findings(state, id).take(2) {
        say("FINDING", &format!("{}: {}", finding.mark, finding.summary), 2);
    }
    for proposal in proposals(state, id).take(2) {
        let score = proposal.factors.score();
        say(
            "PROPOSE",
            &format!("#{}, score {score:.1}: {}", proposal.id.0, proposal.title),
            2,
        );
    }
    // Last, since it gives way first.
    let evidence = findings(state, id).flat_map(|finding| screens::reasons(finding, state.now()));
    for (place, line) in evidence.take(8).enumerate() {
        say(if place == 0 { "WHY" } else { "" }, &line, 2);
    }
    lines
}

/// The metrics that moved since it changed.
fn related(state: &State, rows: &[(&crate::engine::MetricRow, Timestamp)], most: usize, page: &mut Page<'_>) {
    let wide = state.room() >= Room::Normal;
    let name_cells = page.width().saturating_sub(if wide { 52 } else { 26 });
    let head = if wide {
        format!(
            " {} now        shadow         bits  since",
            fit("MOVED SINCE", name_cells + 12)
        )
    } else {
        " MOVED SINCE".into()
    };
    page.line(Role::Heading, &head);
    let at = place(state, rows);
    for place in window(rows.len(), at, page.left().min(most)) {
        let (row, since) = rows[place];
        let chosen = state.setting.in_list && place == at;
        let now = row.now.map_or("-".into(), |(_, value)| row.unit.show(value));
        let band = row.expected.map_or("-".into(), |expected| {
            let (low, high) = expected.band80();
            between(row.unit, low, high)
        });
        let pointer = if chosen { '>' } else { ' ' };
        let line = if wide {
            format!(
                "{pointer}{} {} {} {} {}  {}",
                fit(&row.mark.to_string(), 11),
                fit_name(&row.id.name, name_cells),
                fit(&now, 10),
                fit(&band, 14),
                fit_right(&format!("{:.1}", row.bits), 4),
                text::when(since, state.now())
            )
        } else {
            format!(
                "{pointer}{} {} {now}",
                fit(&row.mark.to_string(), 10),
                fit_name(&row.id.name, name_cells)
            )
        };
        page.item(chosen, &line);
        if !chosen {
            page.paint(1, row.mark.word().len() + 2, Role::Mark(row.mark));
        }
    }
}
