//! The panes beside and below the chart on wide screens.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    ahead::{self, ahead},
    bearing::{bearing, surprising},
    draw, related, related_place,
};
use crate::{
    domain::{Comparison, Mark, Side, Span, Value},
    engine::MetricRow,
    tui::{
        chart::{self, GUTTER},
        look::Role,
        page::{Page, between, window},
        screens,
        state::State,
        text::{self, fit, fit_name},
    },
};

/// Cells of the pane at the left, with its line, on a screen so wide: names of settings have their room there.
pub(super) const fn left_cells(width: u16) -> u16 {
    if width < 160 { 30 } else { 40 }
}

/// Cells of the pane at the right.
pub(super) const RIGHT: u16 = 26;
/// Rows of values in a chart of a related metric.
pub(super) const SMALL_ROWS: usize = 3;

pub(super) fn view(state: &State, row: &MetricRow, area: Rect, buffer: &mut Buffer) {
    let mut page = Page::new(&state.look, area, buffer);
    draw::status(state, row, &mut page);
    let below = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    let cells = left_cells(area.width);
    let middle = Rect {
        x: below.x + cells,
        width: below.width.saturating_sub(cells + RIGHT),
        ..below
    };
    left(
        state,
        row,
        Rect {
            width: cells - 1,
            ..below
        },
        buffer,
    );
    for y in 0..below.height {
        text::put(
            buffer,
            below,
            cells - 1,
            y,
            state.look.glyph("│", "|"),
            state.look.style(Role::Grid),
        );
    }
    let mut page = Page::new(&state.look, middle, buffer);
    draw::main_chart(state, row, draw::chart_rows(state), true, &mut page);
    for other in related(state, &row.id).into_iter().take(3) {
        small(state, other, &mut page);
    }
    let right = Rect {
        x: middle.right(),
        width: RIGHT,
        ..below
    };
    explain(state, row, right, buffer);
}

/// Metrics and settings of the host, and the hosts.
fn left(state: &State, row: &MetricRow, area: Rect, buffer: &mut Buffer) {
    let mut page = Page::new(&state.look, area, buffer);
    let filter = if state.filter.is_empty() {
        String::new()
    } else {
        format!(" / {}", state.filter)
    };
    page.line(Role::Heading, &format!(" {}{filter}", row.id.resource.name()));
    page.line(Role::Heading, " mark status metric");
    let rows = related(state, &row.id);
    let at = related_place(state, &rows);
    let name_cells = page.width().saturating_sub(12);
    let here = !state.resource.in_list;
    page.item(
        here,
        &format!(
            "{}{} {}",
            if here { '>' } else { ' ' },
            fit(&row.mark.to_string(), 10),
            fit_name(&row.id.name, name_cells)
        ),
    );
    let shown = window(rows.len(), at, 11);
    let names: Vec<&str> = rows[shown.clone()].iter().map(|row| &*row.id.name).collect();
    for (place, name) in shown.zip(text::fit_names(&names, name_cells)) {
        let other = rows[place];
        let chosen = state.resource.in_list && place == at;
        let pointer = if chosen { '>' } else { ' ' };
        let marked = if state.marked.contains(&other.id) { '*' } else { ' ' };
        page.item(
            chosen,
            &format!("{pointer}{}{marked}{}", fit(&other.mark.to_string(), 10), name),
        );
        if !chosen {
            page.paint(1, other.mark.word().len() + 2, Role::Mark(other.mark));
        }
    }
    page.rule();
    settings_of(state, row, &mut page);
    page.rule();
    page.line(Role::Heading, " HOSTS");
    let room = page.left().saturating_sub(1);
    for host in state.shown.resources.iter().take(room) {
        let name = fit(host.id.name(), page.width().saturating_sub(12));
        page.line(Role::Text, &format!(" {} {name}", fit(&host.mark.to_string(), 10)));
        page.paint(1, host.mark.word().len() + 2, Role::Mark(host.mark));
    }
    let hidden = state.shown.resources.len().saturating_sub(room);
    if hidden > 0 {
        page.line(Role::Text, &format!(" {hidden} more"));
    }
}

/// Rows of the settings beside a metric.
const SETTINGS: usize = 8;

/// The settings that bear on it, a row each, two where name and value have no room in one.
fn settings_of(state: &State, row: &MetricRow, page: &mut Page<'_>) {
    let (mut rows, all) = bearing(state, row);
    let by = if rows.is_empty() { " by surprise" } else { "" };
    if rows.is_empty() {
        rows = surprising(state, row);
    }
    page.line(Role::Heading, &format!(" SETTINGS{by}"));
    let width = page.width().saturating_sub(1);
    let mut left = SETTINGS;
    for setting in rows {
        let value = setting.value.as_ref().map_or("(none)".into(), ToString::to_string);
        let value = text::fit_value(&value, text::width(&value).min(width / 2));
        let value = value.trim_end();
        let cells = width.saturating_sub(1 + text::width(value));
        let name = setting.id.name.strip_prefix("sysctl.").unwrap_or(&setting.id.name);
        let one = text::width(name) <= cells;
        if left < if one { 1 } else { 2 } {
            break;
        }
        if one {
            page.line(Role::Text, &format!(" {} {value}", fit(name, cells)));
            left -= 1;
        } else {
            page.line(Role::Text, &format!(" {}", fit_name(name, width)));
            page.line(Role::Text, &format!(" {}", text::fit_right(value, width)));
            left -= 2;
        }
    }
    if left == SETTINGS {
        let none = format!(
            "none is known to bear on it; Tab Tab lists all {}",
            text::grouped(all as u64)
        );
        for line in text::wrap(&none, width) {
            page.line(Role::Dim, &format!(" {line}"));
        }
    }
}

/// A related metric: a title, three rows of chart, a strip.
fn small(state: &State, row: &MetricRow, page: &mut Page<'_>) {
    page.rule();
    let lists = super::lists(state, row).unwrap_or_default();
    let plot = super::plot(state, row, &lists);
    let unit = plot.scale.map_or_else(String::new, |scale| scale.heading(row.unit));
    let comma = if unit.is_empty() { "" } else { ", " };
    // Beside `ok` a great surprise would be read as a contradiction: it is one of the newest value alone.
    let now = if is_unheld(state, row) { " now" } else { "" };
    let bits = super::left(state, row).map_or(f64::from(row.bits), |(found, _)| found.bits);
    let words = format!("{}  {bits:.1} bits{now}", row.mark);
    let unit = format!("{comma}{unit}");
    let cells = page
        .width()
        .saturating_sub(text::width(&words) + text::width(&unit) + 3);
    let name = fit_name(&row.id.name, text::width(&row.id.name).min(cells));
    let title = format!(" {}{unit}", name.trim_end());
    let cells = page.width().saturating_sub(text::width(&words) + 2);
    page.line(Role::Heading, &format!("{} {words}", fit(&title, cells)));
    let (area, buffer) = page.take(SMALL_ROWS);
    chart::values(&plot, &state.look, area, buffer);
    let (area, buffer) = page.take(1);
    text::put(buffer, area, 0, 0, "bit", state.look.style(Role::Dim));
    let cells = Rect {
        x: area.x + GUTTER,
        width: area.width.saturating_sub(GUTTER),
        ..area
    };
    chart::strip(&lists.bits, &state.look, cells, buffer);
}

/// Whether the newest value is hard to believe and nothing is told of it: that needs several, farther out than what is usual.
pub(super) fn is_unheld(state: &State, row: &MetricRow) -> bool {
    row.mark == Mark::Ok && f64::from(row.bits) >= state.shown.options.drift.moderate
}

/// Where the number comes from, what changed, what comes, what was alike, what is proposed.
fn explain(state: &State, row: &MetricRow, area: Rect, buffer: &mut Buffer) {
    let area = Rect {
        x: area.x + 2,
        width: area.width.saturating_sub(2),
        ..area
    };
    let mut page = Page::new(&state.look, area, buffer);
    let now = state.now();
    page.line(Role::Heading, "EXPLAIN");
    page.line(Role::Text, &format!("source  {}", row.source));
    let age = row.now.map_or_else(String::new, |(at, _)| {
        format!(", age {} s", (now - at).max(Span::ZERO).0 / 1_000_000)
    });
    page.line(Role::Text, &format!("every   {}{age}", row.cadence));
    let view = ahead(state, &row.id);
    if let Some(view) = view {
        let seasons: Vec<String> = view.seasons.iter().map(|season| draw::days(*season)).collect();
        let by = match (seasons.is_empty(), view.members.first()) {
            (false, _) => format!("by {}", seasons.join(", ")),
            (true, Some((member, share))) => format!("{member} {:.0}%", share * 100.0),
            (true, None) => "learning".into(),
        };
        page.line(Role::Text, &format!("shadow  {by}"));
    }
    if let Some(from) = row.from {
        let (age, points) = (draw::days(now - from), text::grouped(row.points));
        let one = format!("from    {age}, {points} pts");
        if text::width(&one) <= page.width() {
            page.line(Role::Text, &one);
        } else {
            page.line(Role::Text, &format!("from    {age},"));
            page.line(Role::Text, &format!("        {points} values"));
        }
    }
    if let Some(view) = view.filter(|view| view.held.scored > 0) {
        let (held80, held95) = (view.held.held80 * 100.0, view.held.held95 * 100.0);
        page.line(Role::Text, &format!("held    {held95:.1} % of 95 %"));
        page.line(Role::Text, &format!("        {held80:.1} % of 80 %"));
    }
    // What the finding says first: the shadow may have followed since, and then the newest value is no surprise.
    let left = super::left(state, row).filter(|(found, _)| found.bits >= f64::from(row.bits) + 0.05);
    if let Some((found, (low, high))) = left {
        page.line(
            Role::Text,
            &format!("bits    {:.1} from {}:", found.bits, text::when(found.since, now)),
        );
        page.line(Role::Text, &format!("        it left {}", between(row.unit, low, high)));
    }
    if row.expected.is_some() {
        let bits = if left.is_some() { "now " } else { "bits" };
        match 2f64.powf(f64::from(row.bits).clamp(0.0, 40.0)) as u64 {
            0..2 => page.line(Role::Text, &format!("{bits}    {:.1}: as most are", row.bits)),
            once => {
                page.line(Role::Text, &format!("{bits}    {:.1}: once in", row.bits));
                page.line(Role::Text, &format!("        {} values", text::grouped(once)));
                if is_unheld(state, row) {
                    page.line(Role::Text, "        (told if it lasts)");
                }
            }
        }
    }
    if let Some(limit) = &row.limit {
        let side = if limit.side == Side::Below { "low" } else { "high" };
        page.line(Role::Text, &format!("limit   {} ({side})", row.unit.show(limit.value)));
        page.line(Role::Text, &format!("set by  {}", limit.by));
    }
    let changes = state
        .resource
        .tracks
        .get(&row.id)
        .map_or(&[][..], |track| track.changes());
    let seen: Vec<_> = changes.iter().rev().filter(|change| change.at <= now).take(3).collect();
    if !seen.is_empty() {
        page.rule();
        page.line(Role::Heading, "SETTINGS CHANGED");
        for change in seen.into_iter().rev() {
            let became = Value::change(change.from.as_ref(), change.to.as_ref());
            let by = change.by.as_ref().map_or_else(String::new, |by| format!(" ({by})"));
            // Settings of one file differ at the ends of their names.
            let at = format!(
                "{}{} ",
                text::about(change.after, change.at),
                text::when(change.at, now)
            );
            let cells = page.width().saturating_sub(text::width(&at));
            page.line(Role::Text, &format!("{at}{}", fit_name(&change.id.name, cells)));
            page.line(Role::Text, &format!("  {became}{by}"));
        }
    }
    if let Some(limit) = &row.limit {
        page.rule();
        page.line(
            Role::Heading,
            &format!("FORECAST (limit {})", row.unit.show(limit.value)),
        );
        // What no finding tells of yet stands in the forecast, as on screen 3.
        let seen = view.and_then(|view| view.crossing.as_ref());
        match (row.crossing.as_ref().or(seen), row.now) {
            (_, Some((_, value))) if limit.broken_by(value) => {
                page.line(Role::Text, "already beyond it");
                if let Some(forecast) = view.and_then(|view| view.forecast.as_ref()) {
                    let [early, middle, late] = forecast
                        .back_within(limit)
                        .map(|at| at.map_or_else(|| "never".to_owned(), |at| text::when(at, now)));
                    page.line(Role::Text, "back within it:");
                    let far = draw::days(ahead::HORIZON);
                    match middle.as_str() {
                        "never" => page.line(Role::Text, &format!("  not within {far}")),
                        middle => page.line(Role::Text, &format!("  {middle}")),
                    }
                    let sure = if early == late {
                        early
                    } else {
                        format!("{early}-{late}")
                    };
                    page.line(Role::Text, &format!("  (80 %: {sure})"));
                }
            }
            (Some(crossing), _) => {
                let sure = format!("{:.0} %", crossing.probability * 100.0);
                let told = match crossing.at[1] {
                    Some(at) => format!("{} ({sure} sure)", text::when(at, now)),
                    None => format!("{sure} within {}", crossing.horizon),
                };
                page.line(Role::Text, &told);
            }
            (None, _) => {
                let far = if view.is_some() {
                    ahead::HORIZON
                } else {
                    state.shown.options.horizon
                };
                page.line(Role::Text, &format!("not within {far}"));
            }
        }
        page.line(Role::Dim, "3 opens it");
    }
    let incidents: Vec<_> = state
        .shown
        .incidents
        .iter()
        .rev()
        .filter(|incident| incident.lanes.contains(&row.id))
        .take(3)
        .collect();
    if !incidents.is_empty() {
        page.rule();
        page.line(Role::Heading, "INCIDENTS with this");
        for incident in incidents {
            page.line(
                Role::Text,
                &format!("{}  {:.1} bits", text::when(incident.from, now), incident.bits),
            );
        }
        page.line(Role::Dim, "6 opens them");
    }
    let finding = super::finding(state, &row.id);
    let proposals: Vec<_> = state
        .shown
        .proposals
        .iter()
        .filter(|proposal| finding.is_some_and(|finding| finding.id == proposal.finding))
        .collect();
    if !proposals.is_empty() {
        page.rule();
        page.line(Role::Heading, &format!("PROPOSALS here: {}", proposals.len()));
        for proposal in proposals.iter().take(2) {
            page.line(
                Role::Text,
                &format!("#{} score {:.1}", proposal.id.0, proposal.factors.score()),
            );
            let width = page.width().saturating_sub(2);
            for line in text::wrap(&proposal.title, width) {
                page.line(Role::Text, &format!("  {line}"));
            }
        }
        page.line(Role::Dim, "4 opens them");
    }
    if let Some(finding) =
        finding.filter(|finding| finding.comparison == Comparison::ShadowActual || finding.mark == Mark::Breach)
    {
        page.rule();
        let width = page.width();
        for line in screens::reasons(finding, state.now()).flat_map(|line| text::wrap(&line, width)) {
            page.line(Role::Text, &line);
        }
    }
}
