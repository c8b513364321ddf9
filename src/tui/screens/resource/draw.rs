//! Draws the chart of a metric with its strip, and the metrics related to it.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

use super::{
    ahead::ahead, drawn, finding, focus, lag, left, lists, plot, related, related_place, settings, several, sides,
};
use crate::{
    domain::{Mark, SeriesId, Side, Span, Timestamp},
    engine::{Chart, MetricRow},
    shadow::metric::MetricShadow,
    tui::{
        chart::{self, GUTTER, Lists, Track},
        look::Role,
        page::{Page, between, window},
        state::{Room, State},
        text::{self, fit, fit_name, fit_right, put},
    },
};

/// Cells right of the chart: the now line, and the limit's value.
const RIGHT: u16 = 11;

/// Columns of the main chart on a screen so wide.
pub(super) fn columns(width: u16, room: Room) -> usize {
    let right = if room == Room::Large {
        sides::left_cells(width) + sides::RIGHT + 1
    } else {
        RIGHT
    };
    usize::from(width.saturating_sub(GUTTER + right)).max(1)
}

/// Rows of values in the main chart.
pub(super) fn chart_rows(state: &State) -> usize {
    let height = usize::from(state.size.1);
    match state.room() {
        Room::Tiny => 1,
        // Frame 3 rows, status, labels, axis, strip.
        Room::Small => height.saturating_sub(7).max(1),
        Room::Normal if several(state) => several_rows(height.saturating_sub(4), drawn(state).len()),
        Room::Large if several(state) => several_rows(height.saturating_sub(4), drawn(state).len()),
        // Frame 4, status, labels, axis, strip, settings, heading and three rows.
        Room::Normal => height.saturating_sub(13 + usize::from(info(state).is_some())),
        Room::Large => (height.saturating_sub(4 + 6 + 3 * (sides::SMALL_ROWS + 3))).max(5),
    }
}

/// Each pane has a title and a strip; labels and axis are shared.
fn several_rows(height: usize, panes: usize) -> usize {
    (height.saturating_sub(2) / panes.max(1)).saturating_sub(2).max(1)
}

pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    if state.resource.settings.open && state.room() > Room::Tiny {
        settings::view(state, area, buffer);
        return;
    }
    let mut page = Page::new(&state.look, area, buffer);
    let Some(id) = focus(state) else {
        page.line(Role::Text, " No metric yet: the first values are being read.");
        return;
    };
    let Some(row) = state.metric(&id) else {
        let says = format!("Not known at this time (0 goes back to now): {id}");
        for line in text::wrap(&says, page.width().saturating_sub(2)) {
            page.line(Role::Text, &format!(" {line}"));
        }
        return;
    };
    if state.room() > Room::Small && several(state) {
        panes(state, area, buffer);
        return;
    }
    match state.room() {
        Room::Tiny => {}
        Room::Large => sides::view(state, row, area, buffer),
        Room::Small => {
            status(state, row, &mut page);
            main_chart(state, row, chart_rows(state), false, &mut page);
        }
        Room::Normal => {
            status(state, row, &mut page);
            if let Some(says) = info(state) {
                page.line(Role::Text, &format!(" {says}"));
            }
            main_chart(state, row, chart_rows(state), true, &mut page);
            related_rows(state, &id, &mut page);
        }
    }
}

/// Row 3: what it is now, beside what it should be.
pub(super) fn status(state: &State, row: &MetricRow, page: &mut Page<'_>) {
    let wide = if state.room() == Room::Large { "   " } else { "  " };
    let mut parts = Vec::new();
    let mut first = format!(" {}", row.mark);
    if let Some(finding) = finding(state, &row.id).filter(|_| !matches!(row.mark, Mark::Ok | Mark::Learning)) {
        let since = text::began(finding.earliest, finding.since, state.now());
        first.push_str(&format!(" since {since}"));
        if finding.over {
            first.push_str(", over");
        }
    }
    parts.push(first);
    parts.push(format!(
        "now {}",
        row.now.map_or("-".into(), |(_, value)| row.unit.show(value))
    ));
    let shadow = row.expected.map(|expected| {
        let (low, high) = expected.band80();
        between(row.unit, low, high)
    });
    let left = left(state, row).map(|(found, (low, high))| (found, between(row.unit, low, high)));
    let mut follows = None;
    match (shadow, left) {
        (Some(shadow), Some((found, left))) if shadow != left => {
            parts.push(format!("left {left}"));
            parts.push(format!("{:.1} bits", found.bits));
            follows = Some(format!("shadow now {shadow}"));
        }
        (Some(shadow), left) => {
            let bits = left.map_or_else(|| f64::from(row.bits), |(found, _)| found.bits);
            let unheld = if sides::is_unheld(state, row) {
                " now (told if it lasts)"
            } else {
                ""
            };
            parts.push(format!("shadow {shadow}"));
            parts.push(format!("{bits:.1} bits{unheld}"));
        }
        (None, _) => parts.push("no shadow yet".into()),
    }
    parts.extend(follows);
    if let Some(limit) = &row.limit {
        let side = if limit.side == Side::Below { "low" } else { "high" };
        parts.push(format!("limit {} ({side})", row.unit.show(limit.value)));
    }
    if let Some(view) = ahead(state, &row.id).filter(|view| view.held.scored > 0) {
        let held95 = view.held.held95 * 100.0;
        let long = row.from.map_or(Span::ZERO, |from| state.now() - from);
        parts.push(format!("shadow held {held95:.1} % of 95 % in {}", days(long)));
    }
    if state.resource.tracks.get(&row.id).is_some_and(Track::loading) {
        parts.push("loading".into());
    }
    // What does not fit is said without its bracket, or left out: nothing is cut in its middle.
    let mut parts = parts.into_iter();
    let mut line = parts.next().unwrap_or_default();
    for part in parts {
        let short = part.split_once(" (").map_or(&*part, |(short, _)| short);
        let fits = |part: &&str| text::width(&line) + wide.len() + text::width(part) <= page.width();
        if let Some(part) = [&*part, short].into_iter().find(fits) {
            line = format!("{line}{wide}{part}");
        }
    }
    page.line(Role::Text, &line);
    page.paint(1, row.mark.word().len() + 2, Role::Mark(row.mark));
}

/// What must be said of the chart, if anything: learning, constant, a gap, an error.
fn info(state: &State) -> Option<String> {
    if let Some(error) = &state.resource.error {
        return Some(error.clone());
    }
    let row = state.metric(&focus(state)?)?;
    let Some(expected) = row.expected else {
        let ready = row
            .ready
            .map_or_else(String::new, |at| format!(" (ready {})", text::when(at, state.now())));
        let warm = MetricShadow::WARM;
        return Some(format!(
            "No shadow yet: {} of {warm} points{ready}. Only values are drawn.",
            row.points.min(warm)
        ));
    };
    let (low, high) = expected.band95();
    let lists = lists(state, row)?;
    let chart = state.resource.tracks.get(&row.id)?.chart()?;
    if let (Some(from), Some((_, value))) = (row.from, row.now)
        && low == high
        && value == low
        && let Some(first) = constant(&lists.actual, value)
    {
        // What is drawn is all that is known here: what was before may have been otherwise.
        let drawn = chart.from + chart.step * first as i64;
        let age = state.now() - from.max(drawn);
        return Some(format!(
            "It has been {} for {age}; the shadow is that value.",
            row.unit.show(value)
        ));
    }
    // Beside a surprise that holds, a value inside its shadow would be read as none.
    if let Some((found, (then_low, then_high))) = left(state, row)
        && let Some((_, value)) = row.now
        && (expected.band80().0..=expected.band80().1).contains(&value)
        && !(then_low..=then_high).contains(&value)
    {
        return Some(format!(
            "It left {} at {} ({:.1} bits); the shadow has followed it since.",
            between(row.unit, then_low, then_high),
            text::when(found.since, state.now()),
            found.bits
        ));
    }
    let (from, to) = last_gap(&lists.actual)?;
    let at = |column: usize| text::minute(chart.from + chart.step * column as i64);
    // Another source that is lost says nothing of this metric.
    let lost = (state.shown.sources.iter()).find(|source| source.name == row.source && source.lost());
    let cause = lost.map_or_else(String::new, |source| {
        format!(": {} ({}) (7 Audit)", source.name, source.says)
    });
    Some(format!("no data {}-{}{cause}", at(from), at(to)))
}

/// The first column with data, when all that have some hold `value` and nothing else.
fn constant(actual: &[Option<(f64, f64, f64)>], value: f64) -> Option<usize> {
    let same = |(newest, least, most): &(f64, f64, f64)| *newest == value && *least == value && *most == value;
    let first = actual.iter().position(Option::is_some)?;
    actual.iter().flatten().all(same).then_some(first)
}

/// The last run of columns without data between columns with some.
fn last_gap(actual: &[Option<(f64, f64, f64)>]) -> Option<(usize, usize)> {
    let last = actual.iter().rposition(Option::is_some)?;
    let first = actual.iter().position(Option::is_some)?;
    let to = (first..last).rev().find(|column| actual[*column].is_none())?;
    let from = (first..to).rev().find(|column| actual[*column].is_some())? + 1;
    Some((from, to + 1))
}

/// The chart, its strip, and below it the changes of settings.
pub(super) fn main_chart(state: &State, row: &MetricRow, rows: usize, settings: bool, page: &mut Page<'_>) {
    let lists = lists(state, row).unwrap_or_default();
    let (area, buffer) = page.take(rows + 2);
    chart::chart(&plot(state, row, &lists), &state.look, area, buffer);
    if lists.actual.is_empty() {
        put(
            buffer,
            area,
            GUTTER,
            area.height / 2,
            "reading its history",
            state.look.style(Role::Dim),
        );
    }
    strip(state, &lists, page);
    if settings {
        let (area, buffer) = page.take(1);
        let chart = state.resource.tracks.get(&row.id).and_then(Track::chart);
        if let Some(chart) = chart {
            changes(state, chart, area, buffer);
        }
    }
}

fn strip(state: &State, lists: &Lists, page: &mut Page<'_>) {
    let (area, buffer) = page.take(1);
    if area.width <= GUTTER {
        return;
    }
    let dim = state.look.style(Role::Dim);
    put(buffer, area, 0, 0, "bit", dim);
    let cells = Rect {
        x: area.x + GUTTER,
        width: area.width - GUTTER,
        ..area
    };
    chart::strip(&lists.bits, &state.look, cells, buffer);
    let Some(now) = lists.now else { return };
    put(
        buffer,
        cells,
        now as u16,
        0,
        state.look.glyph("│", "|"),
        state.look.style(Role::Grid),
    );
    if let Some(most) = lists.bits.iter().flatten().copied().reduce(f32::max) {
        put(
            buffer,
            cells,
            lists.actual.len() as u16 + 2,
            0,
            &format!("max {most:.0}"),
            dim,
        );
    }
}

/// The last part of a setting's name; of a path, or of an address behind one, all that follows its last folder.
fn last_part(name: &str) -> &str {
    match name.rsplit_once('/') {
        Some((_, end)) if end.starts_with(|c: char| c.is_ascii_alphanumeric()) => end,
        Some(_) => name,
        None => name.rsplit('.').next().unwrap_or_default(),
    }
}

/// `^` under each change, and in words what changed.
fn changes(state: &State, chart: &Chart, area: Rect, buffer: &mut Buffer) {
    let dim = state.look.style(Role::Dim);
    put(buffer, area, 0, 0, "set", dim);
    let cells = Rect {
        x: area.x + GUTTER,
        width: area.width.saturating_sub(GUTTER),
        ..area
    };
    let column = |at: Timestamp| usize::try_from((at - chart.from).0.div_euclid(chart.step.0.max(1))).ok();
    let seen: Vec<(usize, String)> = chart
        .changes
        .iter()
        .filter(|change| change.at <= state.now())
        .filter_map(|change| {
            Some((
                column(change.at).filter(|column| *column < chart.columns.len())?,
                change,
            ))
        })
        .map(|(column, change)| {
            let name = last_part(&change.id.name);
            let about = text::about(change.after, change.at);
            (column, format!("{about}{} {name}", text::minute(change.at)))
        })
        .collect();
    let (Some((first, _)), Some((last, _))) = (seen.first(), seen.last()) else {
        return;
    };
    // The newest ones matter most; what does not fit is told as a number.
    let (right, left) = (
        usize::from(cells.width).saturating_sub(last + 2),
        first.saturating_sub(1),
    );
    let room = right.max(left);
    let mut words = String::new();
    for (place, (_, word)) in seen.iter().enumerate().rev() {
        let joined = if words.is_empty() {
            word.clone()
        } else {
            format!("{word}, {words}")
        };
        let more = if place > 0 {
            format!("{place} more, {joined}")
        } else {
            joined.clone()
        };
        if text::width(&more) > room && !words.is_empty() {
            words = format!("{} more, {words}", place + 1);
            break;
        }
        words = joined;
    }
    let words = text::cut(&words, room);
    let start = if right >= left {
        last + 2
    } else {
        first.saturating_sub(1 + text::width(&words))
    };
    put(buffer, cells, start as u16, 0, &words, Style::new());
    for (column, _) in &seen {
        put(
            buffer,
            cells,
            *column as u16,
            0,
            "^",
            state.look.style(Role::Mark(Mark::Drift)),
        );
    }
}

fn related_rows(state: &State, id: &SeriesId, page: &mut Page<'_>) {
    page.line(
        Role::Heading,
        " RELATED mark status metric            now     shadow         bits  lag",
    );
    let rows = related(state, id);
    let at = related_place(state, &rows);
    for place in window(rows.len(), at, page.left()) {
        let row = rows[place];
        let chosen = state.resource.in_list && place == at;
        let band = row.expected.map_or("-".into(), |expected| {
            let (low, high) = expected.band80();
            between(row.unit, low, high)
                .trim_end_matches("/s")
                .trim_end_matches(" %")
                .to_owned()
        });
        let line = format!(
            "{}{:<2}{} {}{}{} {}{} {}  {}",
            if chosen { '>' } else { ' ' },
            place + 1,
            if state.marked.contains(&row.id) { "*" } else { " " },
            fit("", 4),
            fit(&row.mark.to_string(), 12),
            fit_name(&row.id.name, 17),
            fit(&row.now.map_or("-".into(), |(_, value)| row.unit.show(value)), 8),
            fit(&band, 14),
            fit_right(&row.expected.map_or("-".into(), |_| format!("{:.1}", row.bits)), 4),
            lag(state, id, &row.id)
        );
        page.line(Role::Text, &line);
        if chosen {
            page.paint(0, 42, Role::Cursor);
        } else {
            page.paint(9, row.mark.word().len() + 2, Role::Mark(row.mark));
        }
    }
    if rows.is_empty() {
        page.line(Role::Text, "           this host has no other metric");
    }
}

/// The marked metrics, one below the other, on one time axis.
fn panes(state: &State, area: Rect, buffer: &mut Buffer) {
    let rows = chart_rows(state);
    let mut page = Page::new(&state.look, area, buffer);
    let ids = drawn(state);
    for (place, id) in ids.iter().enumerate() {
        let Some(row) = state.metric(id) else { continue };
        let now = row.now.map_or("-".into(), |(_, value)| row.unit.show(value));
        page.line(
            Role::Heading,
            &format!(
                " {} {}   {}   now {now}   {:.1} bits",
                id.resource.name(),
                id.name,
                row.mark,
                row.bits
            ),
        );
        if place == 0 {
            main_chart(state, row, rows, false, &mut page);
            continue;
        }
        let lists = lists(state, row).unwrap_or_default();
        let (area, buffer) = page.take(rows);
        chart::values(&plot(state, row, &lists), &state.look, area, buffer);
        strip(state, &lists, &mut page);
    }
    let hidden = state.marked.len().saturating_sub(ids.len());
    if hidden > 0 {
        page.line(Role::Dim, &format!(" {hidden} more marked: space takes a mark away"));
    }
}

/// A length of time in words: `31 d`, `6 h`, `4 min`.
pub(super) fn days(span: Span) -> String {
    match span.0 / 3_600_000_000 {
        ..2 => span.to_string(),
        hours @ ..48 => format!("{hours} h"),
        hours => format!("{} d", hours / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::last_part;

    #[test]
    fn the_last_part_of_a_name_is_whole() {
        for (name, part) in [
            ("sysctl.vm.swappiness", "swappiness"),
            ("port.tcp/127.0.0.1:9806:program", "127.0.0.1:9806:program"),
            ("etc.cron.d/sysstat", "sysstat"),
            ("mount./:device", "mount./:device"),
        ] {
            assert_eq!(last_part(name), part);
        }
    }
}
