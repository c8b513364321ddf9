//! How the Timeline screen is drawn.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    by_departure, elsewhere, entries,
    entry::{self, Entry},
    first::{first, linked, members},
    incident, position,
    stretch::{Stretch, label_width, stretch},
    walk::worst,
};
use crate::{
    domain::{SeriesId, Span, Timestamp},
    engine::Chart,
    tui::{
        chart::{self, GRID, GUTTER, Plot},
        look::Role,
        page::{Page, window},
        state::State,
        text::{clauses, clock, day, fit, fit_names, minute, offset, telling, when, wrap},
    },
};

pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let small = area.width < 60 || area.height < 14;
    let mut page = Page::new(&state.look, area, buffer);
    let Some(stretch) = stretch(state) else {
        page.line(Role::Heading, " what happened");
        page.line(Role::Text, " Nothing was seen yet: the first data come within seconds.");
        return;
    };
    if !small || incident(state).is_some() {
        heading(state, &mut page);
    }
    let lanes = by_departure(state);
    lanes_of(state, stretch, &lanes, &mut page);
    if !small {
        page.rule();
    }
    let entries = entries(state);
    let chosen = position(state, &entries);
    let charts = area.height >= 32;
    let touched = entries
        .get(chosen)
        .filter(|_| charts)
        .and_then(|entry| touched(state, entry));
    // Where the entry has to do with none, what departed first stands there.
    let earliest = || lanes.first().and_then(|id| state.timeline.lanes.get(id));
    let charted = if charts { touched.or_else(earliest) } else { None };
    // What came first is told in two rows where one is too short for its cause.
    let room = page.width().saturating_sub(9);
    let told = wrap(&first(state), room);
    let first: Vec<String> = match &told[..] {
        [line, rest @ ..] if !rest.is_empty() => vec![line.clone(), clauses(&rest.join(" "), room)],
        _ => told,
    };
    let below = if small { 0 } else { 1 + first.len() } + if charts { 10 } else { 0 };
    let rows = page.left().saturating_sub(below);
    if entries.is_empty() {
        for line in wrap(&empty(state, stretch), page.width().saturating_sub(2))
            .iter()
            .take(rows)
        {
            page.line(Role::Dim, &format!(" {line}"));
        }
    }
    let list = window(entries.len(), chosen, rows.max(1));
    let today = state.live.at.unwrap_or_default();
    let dated = entries.iter().any(|entry| day(entry.at) != day(today));
    for place in list {
        let time = entry::time(&entries[place], dated.then_some(today), page.width());
        let line = entry::row(&entries[place], &time, place == chosen, page.width());
        page.item(place == chosen, &line);
    }
    while page.left() > below {
        page.line(Role::Text, "");
    }
    match charted {
        Some(chart) => charted_lane(state, chart, touched.is_some(), stretch, &mut page),
        None if charts => (0..10).for_each(|_| page.line(Role::Text, "")),
        None => {}
    }
    if !small {
        for (place, line) in first.iter().enumerate() {
            let head = if place == 0 { "FIRST" } else { "" };
            page.line(Role::Text, &format!(" {} {line}", fit(head, 6)));
            page.paint(1, head.len(), Role::Heading);
        }
        page.line(Role::Text, &format!(" LINKED {}", linked(state, &lanes, room)));
        page.paint(1, 6, Role::Heading);
    }
}

/// The chart of the metric an entry is about; of a setting, that of one whose departure it is a likely cause of.
fn touched<'a>(state: &'a State, entry: &Entry) -> Option<&'a Chart> {
    let id = entry.series.as_ref()?;
    let lanes = &state.timeline.lanes;
    let findings = state.timeline.data.iter().flat_map(|data| &data.findings);
    let caused = findings.filter(|finding| finding.causes.iter().any(|cause| cause.series.as_ref() == Some(id)));
    let of = |ids: &[SeriesId]| ids.iter().find_map(|id| lanes.get(id));
    lanes
        .get(id)
        .or_else(|| caused.into_iter().find_map(|finding| of(&finding.series)))
}

fn heading(state: &State, page: &mut Page<'_>) {
    let total = state.live.incidents.len();
    let line = match (incident(state), state.live.at) {
        (Some(found), Some(now)) => {
            let lasts = match found.to.unwrap_or(now) - found.from {
                Span::ZERO => format!("at {}", minute(found.from)),
                lasts => lasts.to_string(),
            };
            // Numbers stay with their incidents: the newest has the largest.
            let newest = state.live.incidents.iter().map(|one| one.number).max();
            let newest = newest.unwrap_or(found.number);
            let mark = members(state, found).map(|finding| finding.mark).min();
            let worst = worst(mark, found.bits).map_or_else(String::new, |worst| format!("   {worst}"));
            format!(
                " incident {} of {newest}   {lasts}{worst}   {}",
                found.number, found.title
            )
        }
        _ if total == 0 => {
            let worst = state.live.metrics.iter().map(|row| row.bits).fold(0.0, f32::max);
            let young = state
                .live
                .store
                .from
                .zip(state.live.at)
                .filter(|(from, now)| *now - *from < Span::from_days(30));
            let back = young.map_or_else(|| "in 30 d".into(), |(from, now)| format!("since {}", when(from, now)));
            let there = elsewhere(state).map_or_else(String::new, |key| format!("; {key}"));
            format!(" No incident {back}; the worst surprise now is {worst:.1} bits{there}")
        }
        _ => {
            let open = state
                .shown
                .findings
                .iter()
                .filter(|finding| finding.ended.is_none())
                .count();
            let now = match open {
                _ if let Some(at) = state.at => format!("no incident at {}", minute(at)),
                0 => "no incident now".to_owned(),
                1 => "1 finding is open (1 shows it)".to_owned(),
                _ => format!("{open} findings are open (1 shows them)"),
            };
            let incidents = if total == 1 {
                "1 incident"
            } else {
                &format!("{total} incidents")
            };
            let now_at = state.at.or(state.live.at);
            let before = state
                .live
                .incidents
                .iter()
                .any(|other| now_at.is_none_or(|now| other.from < now));
            let keys = if before {
                "{ goes to the one before"
            } else {
                "} goes to the next one"
            };
            format!(" {now}; {incidents} in 30 d: {keys}")
        }
    };
    page.line(Role::Heading, &clauses(&line, page.width()));
}

/// The axis, the lane of what changed and of what people did here, a lane of bits for each metric, and the time cursor.
fn lanes_of(state: &State, stretch: Stretch, ids: &[SeriesId], page: &mut Page<'_>) {
    let label = label_width(page.width());
    let wall = state.look.glyph("│", "|");
    page.line(Role::Dim, &axis(stretch, label));
    let mut settings = String::new();
    for column in 0..stretch.columns {
        settings.push(if is_grid(stretch, column) { '.' } else { ' ' });
    }
    let mut cells: Vec<char> = settings.chars().collect();
    for change in state.timeline.data.iter().flat_map(|data| &data.changes) {
        if let Some(cell) = stretch.column(change.at).and_then(|column| cells.get_mut(column)) {
            *cell = 's';
        }
    }
    // What was done from here stands over what changed in the same moment: it is why. A what-if does nothing.
    let notes = state.timeline.data.iter().flat_map(|data| &data.notes);
    for note in notes.filter(|note| note.what != "what-if") {
        if let Some(cell) = stretch.column(note.at).and_then(|column| cells.get_mut(column)) {
            *cell = if note.what == "note" { 'n' } else { 'a' };
        }
    }
    let settings: String = cells.into_iter().collect();
    let legend = if label < 12 { "s n a" } else { "set note act" };
    page.line(Role::Text, &format!(" {}{settings}{wall}", fit(legend, label - 1)));
    let names: Vec<&str> = ids.iter().map(|id| &*id.name).collect();
    let told = telling(&names);
    // Metrics of one name are told apart by their hosts.
    let names = ids.iter().zip(fit_names(&names, label - 2)).zip(&told);
    let names = names.map(
        |((id, name), short)| match told.iter().filter(|other| *other == short).count() {
            ..2 => name,
            _ => fit(&format!("{} {short}", id.resource.name()), label - 2),
        },
    );
    for (id, name) in ids.iter().zip(names) {
        let chart = state.timeline.lanes.get(id);
        let note = match (&chart, &state.timeline.failed) {
            (Some(_), _) => String::new(),
            (None, Some(why)) => why.clone(),
            (None, None) => "loading".into(),
        };
        page.line(Role::Text, &format!(" {name} {}{wall}", fit(&note, stretch.columns)));
        if let Some(chart) = chart {
            page.over(label, |area, buffer| {
                chart::strip(&bits(chart, stretch), &state.look, area, buffer);
            });
        }
    }
    if page.width() >= 60 {
        let label_text = if state.live.resources.len() > 1 { "fleet" } else { "all" };
        let line = format!(" {}{}{wall}", fit(label_text, label - 1), " ".repeat(stretch.columns));
        page.line(Role::Text, &line);
        page.over(label, |area, buffer| {
            chart::strip(&fleet(state, stretch), &state.look, area, buffer);
        });
    }
    if let Some(at) = state.at {
        let text = format!("cursor {}", clock(at));
        let column = stretch.column(at).unwrap_or(0);
        let line = if column + 2 + text.len() <= stretch.columns {
            format!("{}^ {text}", " ".repeat(label + column))
        } else {
            format!(
                "{}{text} ^",
                " ".repeat((label + column).saturating_sub(text.len() + 1))
            )
        };
        page.line(Role::NotLive, &line);
    }
}

fn is_grid(stretch: Stretch, column: usize) -> bool {
    let at = stretch.from.0 + offset(stretch.from).0 + stretch.step.0 * column as i64;
    at.rem_euclid(stretch.step.0 * GRID) < stretch.step.0
}

fn axis(stretch: Stretch, label: usize) -> String {
    let mut line = " ".repeat(label);
    for column in (0..stretch.columns).filter(|column| is_grid(stretch, *column)) {
        let at = stretch.from + stretch.step * column as i64;
        let text = chart::tick(at, stretch.step);
        let gap = (label + column).saturating_sub(line.len());
        if column + text.len() <= stretch.columns {
            line += &" ".repeat(gap);
            line += &text;
        }
    }
    line
}

/// The lane's bits by column of the stretch; what the chart does not cover is a gap.
fn bits(chart: &Chart, stretch: Stretch) -> Vec<Option<f32>> {
    (0..stretch.columns)
        .map(|column| column_of(chart, stretch, column).and_then(|column| column.bits))
        .collect()
}

/// The worst of any metric by column: of the lanes, and of every finding that held then.
fn fleet(state: &State, stretch: Stretch) -> Vec<Option<f32>> {
    let findings = || state.timeline.data.iter().flat_map(|data| &data.findings);
    let lanes: Vec<Vec<Option<f32>>> = state
        .timeline
        .lanes
        .values()
        .map(|chart| bits(chart, stretch))
        .collect();
    (0..stretch.columns)
        .map(|column| {
            let from = stretch.from + stretch.step * column as i64;
            let held = findings().filter(|finding| {
                finding.since < from + stretch.step && finding.ended.is_none_or(|ended| ended >= from)
            });
            let held = held.map(|finding| finding.bits as f32);
            lanes
                .iter()
                .filter_map(|lane| lane[column])
                .chain(held)
                .reduce(f32::max)
        })
        .collect()
}

fn column_of(chart: &Chart, stretch: Stretch, column: usize) -> Option<&crate::engine::Column> {
    let at: Timestamp = stretch.from + stretch.step * column as i64;
    let place = (at - chart.from).0.div_euclid(chart.step.0.max(1));
    usize::try_from(place).ok().and_then(|place| chart.columns.get(place))
}

/// Values and shadow of one lane, on the axis of the lanes; `touched` says whether the entry under the cursor has to do with it.
fn charted_lane(state: &State, chart: &Chart, touched: bool, stretch: Stretch, page: &mut Page<'_>) {
    let label = label_width(page.width());
    let beside = if touched {
        ""
    } else {
        "   (the entry is about none of the lanes)"
    };
    let heading = format!(
        " {} {}   actual over shadow{beside}",
        chart.id.resource.name(),
        chart.id.name
    );
    page.line(Role::Heading, &heading);
    let row = state.live.metrics.iter().find(|row| row.id == chart.id);
    let of = |column| column_of(chart, stretch, column);
    let actual: Vec<_> = (0..stretch.columns)
        .map(|column| of(column).and_then(|c| c.value))
        .collect();
    let shadow: Vec<_> = (0..stretch.columns)
        .map(|column| of(column).and_then(|c| c.expected))
        .collect();
    let plot = Plot {
        unit: row.map(|row| row.unit).unwrap_or_default(),
        from: stretch.from,
        step: stretch.step,
        actual: &actual,
        shadow: &shadow,
        limit: row.and_then(|row| row.limit.as_ref()),
        cursor: state.at.and_then(|at| stretch.column(at)),
        ..Plot::default()
    };
    let (area, buffer) = page.take(9);
    let shift = label as u16 - GUTTER;
    let area = Rect {
        x: area.x + shift,
        width: area.width.saturating_sub(shift),
        ..area
    };
    chart::chart(&plot, &state.look, area, buffer);
}

/// Why there is nothing to list.
fn empty(state: &State, stretch: Stretch) -> String {
    if !state.filter.is_empty() {
        return format!("Nothing here matches /{}: Esc clears the filter.", state.filter);
    }
    if !state.timeline.loaded() {
        return "loading".into();
    }
    match (state.live.store.from, state.live.at) {
        (Some(from), Some(now)) if from > stretch.from => {
            format!(
                "Nothing changed and nothing new was off. Data start {}.",
                when(from, now)
            )
        }
        (_, now) => format!(
            "Nothing changed and nothing new was off from {} to {}.",
            minute(stretch.from),
            minute(now.map_or(stretch.to(), |now| stretch.to().min(now)))
        ),
    }
}
