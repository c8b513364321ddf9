//! What is expected without a change and with it, as charts.

use ratatui::{buffer::Buffer, layout::Rect};

use super::draw::{named, no_effect, pending};
use crate::{
    domain::{SeriesId, Span},
    simulate::Outcome,
    tui::{
        chart::{self, GUTTER, Plot},
        look::Role,
        page::Page,
        state::State,
        text::wrap,
    },
};

/// One chart over the whole width: the row under the cursor, with A or B.
pub(super) fn one(state: &State, area: Rect, buffer: &mut Buffer) {
    let pane = &state.whatif;
    let series = pane.series();
    let (Some(outcome), Some(id)) = (&pane.current().outcome, series.get(pane.charted())) else {
        let mut page = Page::new(&state.look, area, buffer);
        let line = pending(pane.current()).unwrap_or_else(|| no_effect(pane.current()));
        for line in wrap(&line, page.width().saturating_sub(2)) {
            page.line(Role::Text, &format!(" {}", line.trim_start()));
        }
        return;
    };
    let with = if pane.on_b { "with B" } else { "with A" };
    chart_of(state, outcome, Some(id), with, area, buffer);
}

/// Four charts of A, or two of A beside two of B.
pub(super) fn grid(state: &State, area: Rect, buffer: &mut Buffer) {
    let pane = &state.whatif;
    let ids: Vec<SeriesId> = pane.series().into_iter().cloned().collect();
    if ids.is_empty() || pane.current().outcome.is_none() {
        one(state, area, buffer);
        return;
    }
    let first = pane.charted();
    if ids.len() == 1 && pane.b.is_none() {
        one(state, area, buffer);
        return;
    }
    let wanted = if pane.b.is_some() {
        ids.len()
    } else {
        ids.len().div_ceil(2)
    };
    let rows = if wanted > 1 && area.height >= 14 { 2 } else { 1 };
    let (width, height) = (area.width / 2, area.height / rows);
    for place in 0..rows * 2 {
        let (column, row) = (place % 2, place / 2);
        let (scenario, with, index) = match (&pane.b, column) {
            (None, _) => (&pane.a, "with A", usize::from(place)),
            (Some(_), 0) => (&pane.a, "with A", usize::from(row)),
            (Some(b), _) => (b, "with B", usize::from(row)),
        };
        let (Some(outcome), Some(id)) = (&scenario.outcome, ids.get((first + index) % ids.len())) else {
            continue;
        };
        if index >= ids.len() {
            continue;
        }
        let cell = Rect::new(area.x + column * width, area.y + row * height, width - 1, height);
        chart_of(state, outcome, Some(id), with, cell, buffer);
    }
}

/// Draws what is expected of one series without a change (as a line) and with it (as a band), under a heading.
pub fn chart_of(state: &State, outcome: &Outcome, id: Option<&SeriesId>, with: &str, area: Rect, buffer: &mut Buffer) {
    let mut page = Page::new(&state.look, area, buffer);
    let Some((id, before, after)) = outcome
        .bands
        .iter()
        .find(|(theirs, ..)| id.is_none_or(|id| id == theirs))
    else {
        let text = id.map_or_else(
            || " no effect with evidence: no chart".to_owned(),
            |id| format!(" {}: no effect {with}", named(id)),
        );
        page.line(Role::Dim, &text);
        return;
    };
    let (line, median, band) = (
        state.look.glyph("⣀", "*"),
        state.look.glyph("╌", "~"),
        state.look.glyph("▒", ":"),
    );
    let guess = if outcome.inside_seen { "" } else { " ?" };
    let heading = format!(
        " {}   {line} as it is   {median} {with}   {band} 80 %{guess}",
        named(id)
    );
    page.line(Role::Heading, &heading);
    let (from, step, columns) = axis(outcome, usize::from(area.width.saturating_sub(GUTTER + 9)).max(1));
    // Each column takes the step of the forecast that its end lies in.
    let at = |forecast: &crate::domain::Forecast, column: usize| {
        let end = from + step * (column as i64 + 1);
        if end <= outcome.at || end > outcome.at + outcome.horizon + step {
            return None;
        }
        let ahead = (end - forecast.start).0 / forecast.step.0.max(1);
        let last = forecast.steps.len().checked_sub(1)?;
        let place = usize::try_from(ahead - 1).unwrap_or(0).min(last);
        forecast.steps.get(place).copied()
    };
    let actual: Vec<_> = (0..columns)
        .map(|column| at(before, column).map(|q| (q.median(), q.median(), q.median())))
        .collect();
    let shadow: Vec<_> = (0..columns).map(|column| at(after, column)).collect();
    let row = state.shown.metrics.iter().find(|row| row.id == *id);
    let plot = Plot {
        unit: row.map(|row| row.unit).unwrap_or_default(),
        from,
        step,
        actual: &actual,
        shadow: &shadow,
        limit: row.and_then(|row| row.limit.as_ref()),
        ..Plot::default()
    };
    let (rest, buffer) = page.take(usize::from(area.height));
    chart::chart(&plot, &state.look, rest, buffer);
}

/// Lengths of a column, minutes; ten of them are a round time.
const STEPS: [i64; 11] = [1, 2, 3, 6, 9, 12, 18, 36, 72, 144, 720];

/// The start of the first column, the length of one, and how many show the whole horizon on round times.
fn axis(outcome: &Outcome, room: usize) -> (crate::domain::Timestamp, Span, usize) {
    let from = |step: Span| outcome.at.floor(step);
    let needed = |step: Span| ((outcome.at - from(step) + outcome.horizon).0 as u64).div_ceil(step.0 as u64) as usize;
    let steps = STEPS.map(Span::from_mins);
    let fits = |step: &&Span| needed(**step) <= room;
    let step = steps.iter().find(fits).copied().unwrap_or(steps[STEPS.len() - 1]);
    (from(step), step, needed(step).min(room))
}
