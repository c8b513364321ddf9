//! The pane beside the lists on wide screens.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{bare, draw::LIST};
use crate::{
    domain::SeriesId,
    engine::MetricRow,
    tui::{
        chart::{self, Lists, Plot},
        look::Role,
        page::Page,
        screens,
        state::State,
        text,
    },
};

/// The chart of the row under the cursor, on wide screens.
pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let area = Rect {
        x: area.x + LIST,
        width: area.width - LIST,
        ..area
    };
    for row in 0..area.height {
        text::put(
            buffer,
            area,
            0,
            row,
            state.look.glyph("│", "|"),
            state.look.style(Role::Grid),
        );
    }
    let inner = Rect {
        x: area.x + 1,
        width: area.width - 1,
        ..area
    };
    let Some(id) = super::beside(state) else { return };
    let mut page = Page::new(&state.look, inner, buffer);
    let host = format!(" {} ", id.resource.name());
    let name = text::fit_name(&id.name, page.width().saturating_sub(text::width(&host)));
    page.line(Role::Heading, &format!("{host}{name}"));
    match state.metric(&id) {
        Some(row) => metric(state, row, &mut page),
        None => setting(state, &id, &mut page),
    }
    if let Some(finding) = state.shown.findings.iter().find(|finding| finding.series.contains(&id)) {
        page.rule();
        let width = page.width().saturating_sub(2);
        let causes = finding.causes.iter().map(|cause| {
            format!(
                "{} {}: {}",
                cause.word(),
                text::began(cause.earliest, cause.at, state.now()),
                cause.what
            )
        });
        let since = text::began(finding.earliest, finding.since, state.now());
        let told = std::iter::once(format!("{} (since {since})", finding.summary))
            .chain(causes)
            .chain(screens::reasons(finding, state.now()));
        for line in told.flat_map(|line| text::wrap(&line, width)) {
            page.line(Role::Text, &format!(" {line}"));
        }
    }
}

/// A metric's value, its shadow and the last minutes of both.
fn metric(state: &State, row: &MetricRow, page: &mut Page<'_>) {
    let now = row.now.map_or("-".into(), |(_, value)| row.unit.show(value));
    let (band, bits) = match row.expected {
        Some(expected) => {
            let (low, high) = expected.band80();
            (
                bare(&crate::tui::page::between(row.unit, low, high)),
                format!("{:.1} bits", row.bits),
            )
        }
        None => ("learning".into(), String::new()),
    };
    let (now, shadow) = (format!(" now {now}"), format!(" shadow {band}  {bits}"));
    if text::width(&now) + 1 + text::width(&shadow) <= page.width() {
        page.line(Role::Text, &format!("{now} {shadow}"));
    } else {
        page.line(Role::Text, &now);
        page.line(Role::Text, &shadow);
    }
    if let Some(chart) = state.overview.track.chart().filter(|chart| chart.id == row.id) {
        let lists = Lists::of(chart, row.cadence, state.now());
        let plot = Plot {
            unit: row.unit,
            from: chart.from,
            step: chart.step,
            actual: &lists.actual,
            shadow: &lists.shadow,
            limit: row.limit.as_ref(),
            now: lists.now,
            ..Plot::default()
        };
        let (rows, screen) = page.take(15);
        chart::chart(&plot, &state.look, rows, screen);
        let (rows, screen) = page.take(1);
        text::put(screen, rows, 0, 0, "bit", state.look.style(Role::Dim));
        let cells = Rect {
            x: rows.x + chart::GUTTER,
            width: rows.width - chart::GUTTER,
            ..rows
        };
        chart::strip(&lists.bits, &state.look, cells, screen);
    }
}

/// Rows of a value at most.
const VALUE: usize = 3;

fn setting(state: &State, id: &SeriesId, page: &mut Page<'_>) {
    let Some(row) = state.shown.settings.iter().find(|row| row.id == *id) else {
        return;
    };
    let value = |value: Option<&crate::domain::Value>| value.map_or("(none)".into(), ToString::to_string);
    let mut say = |label: &str, value: String| {
        let width = page.width().saturating_sub(2);
        for line in text::wrap(&format!("{label} {value}"), width).into_iter().take(VALUE) {
            page.line(Role::Text, &format!(" {line}"));
        }
    };
    say("now", value(row.value.as_ref()));
    if let Some(accepted) = &row.accepted {
        say("accepted", value(accepted.as_ref()));
    }
    if let Some(change) = &row.last_change {
        let by = change.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        say(
            "changed",
            format!("{}{by}", text::began(change.after, change.at, state.now())),
        );
    }
}
