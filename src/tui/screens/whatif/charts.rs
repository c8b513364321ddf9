//! What is expected without a change and with it, as charts.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Scenario,
    draw::{NO_EVIDENCE, no_effect, pending, titled},
};
use crate::{
    domain::{SeriesId, Span, Timestamp},
    simulate::Outcome,
    tui::{
        chart::{self, GUTTER, Plot},
        look::{Look, Role},
        page::Page,
        state::State,
        text::{fit_name, width, wrap},
    },
};

/// One chart over the whole width: the row under the cursor, with A or B.
pub(super) fn one(state: &State, area: Rect, buffer: &mut Buffer) {
    let pane = &state.whatif;
    let series = pane.series();
    // Where nothing at all is known, why is told instead of one series without a chart.
    let told = pane
        .current()
        .outcome
        .as_ref()
        .filter(|outcome| !outcome.bands.is_empty());
    let (Some(outcome), Some(id)) = (told, series.get(pane.charted())) else {
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

/// Up to four charts of A, or of each of A and B.
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
    if let Some(b) = &pane.b {
        beside(state, [(&pane.a, "with A"), (b, "with B")], &ids, first, area, buffer);
        return;
    }
    let rows = if ids.len() > 2 && area.height >= 14 { 2 } else { 1 };
    let (width, height) = (area.width / 2, area.height / rows);
    for place in 0..(rows * 2).min(ids.len() as u16) {
        let (column, row) = (place % 2, place / 2);
        let id = &ids[(first + usize::from(place)) % ids.len()];
        let cell = Rect::new(area.x + column * width, area.y + row * height, width - 1, height);
        if let Some(outcome) = &pane.a.outcome {
            chart_of(state, outcome, Some(id), "with A", cell, buffer);
        }
    }
}

/// A at the left and B at the right, up to four series each on one time axis.
fn beside(
    state: &State,
    scenarios: [(&Scenario, &str); 2],
    ids: &[SeriesId],
    first: usize,
    area: Rect,
    buffer: &mut Buffer,
) {
    // Each has a heading and at least two rows of values; labels and axis are shared.
    let rows = ids
        .len()
        .min(4)
        .min(usize::from(area.height.saturating_sub(2) / 3))
        .max(1);
    let height = area.height.saturating_sub(2) / rows as u16;
    let width = area.width / 2;
    for (column, (scenario, with)) in scenarios.into_iter().enumerate() {
        let Some(outcome) = &scenario.outcome else { continue };
        let mut y = area.y;
        for row in 0..rows {
            let id = &ids[(first + row) % ids.len()];
            let height = if row == 0 { height + 2 } else { height };
            let cell = Rect::new(area.x + column as u16 * width, y, width - 1, height);
            y += height;
            let draw = if row == 0 { chart::chart } else { chart::values };
            plotted(state, outcome, Some(id), with, cell, buffer, draw);
        }
    }
}

/// Draws what is expected of one series without a change (as a line) and with it (as a band), under a heading.
pub fn chart_of(state: &State, outcome: &Outcome, id: Option<&SeriesId>, with: &str, area: Rect, buffer: &mut Buffer) {
    plotted(state, outcome, id, with, area, buffer, chart::chart);
}

fn plotted(
    state: &State,
    outcome: &Outcome,
    id: Option<&SeriesId>,
    with: &str,
    area: Rect,
    buffer: &mut Buffer,
    draw: fn(&Plot<'_>, &Look, Rect, &mut Buffer),
) {
    let mut page = Page::new(&state.look, area, buffer);
    let Some((id, before, after)) = outcome
        .bands
        .iter()
        .find(|(theirs, ..)| id.is_none_or(|id| id == theirs))
    else {
        let text = id.map_or_else(
            || format!(" {NO_EVIDENCE}: no chart"),
            |id| format!(" {}: {NO_EVIDENCE} {with}", titled(state, id)),
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
    let is = if outcome.actual { "actual" } else { "as it is" };
    let legend = format!("   {line} {is}   {median} {with}   {band} 80 %{guess}");
    // What the lines are is never cut.
    let room = page.width().saturating_sub(1 + width(&legend));
    let name = match titled(state, id) {
        name if width(&name) > room => fit_name(&name, room).trim_end().to_owned(),
        name => name,
    };
    page.line(Role::Heading, &format!(" {name}{legend}"));
    let (from, step, columns) = axis(outcome, usize::from(area.width.saturating_sub(GUTTER + 9)).max(1));
    // Each column takes the step of the forecast that its end lies in.
    let at = |forecast: &crate::domain::Forecast, column: usize| {
        let end = from + step * (column as i64 + 1);
        if end <= outcome.at || end > outcome.at + outcome.horizon + step {
            return None;
        }
        let ahead = (end - forecast.start).0 / forecast.step.0.max(1);
        let last = forecast.steps.len().checked_sub(1)?;
        // A step that has only begun is the first one; before what was measured there is nothing.
        let place = usize::try_from(ahead - 1).unwrap_or(0).min(last);
        if outcome.actual && end <= forecast.start {
            return None;
        }
        forecast.steps.get(place).copied()
    };
    let actual: Vec<_> = (0..columns)
        .map(|column| at(before, column).map(|q| (q.median(), q.median(), q.median())))
        .collect();
    let shadow: Vec<_> = (0..columns).map(|column| at(after, column)).collect();
    let row = state.shown.metrics.iter().find(|row| row.id == *id);
    // Of one that ran a while ago it is seen how much of it is over.
    let scenarios = [Some(&state.whatif.a), state.whatif.b.as_ref()];
    let mut shown = scenarios.into_iter().flatten();
    let of = shown.find(|scenario| {
        scenario
            .outcome
            .as_deref()
            .is_some_and(|theirs| std::ptr::eq(theirs, outcome))
    });
    let old = of
        .and_then(|scenario| scenario.old(state.now()))
        .filter(|_| !outcome.actual);
    let now = old.and_then(|_| usize::try_from((state.now() - from).0.div_euclid(step.0.max(1))).ok());
    let plot = Plot {
        unit: row.map(|row| row.unit).unwrap_or_default(),
        from,
        step,
        actual: &actual,
        shadow: &shadow,
        limit: row.and_then(|row| row.limit.as_ref()),
        guess: !outcome.inside_seen,
        now: now.filter(|now| *now < columns),
        cursor: first_change(outcome).and_then(|at| usize::try_from((at - from).0.div_euclid(step.0.max(1))).ok()),
        ..Plot::default()
    };
    let (rest, buffer) = page.take(usize::from(area.height));
    draw(&plot, &state.look, rest, buffer);
}

/// When the first change happens, where that is not at the start.
fn first_change(outcome: &Outcome) -> Option<Timestamp> {
    let steps = outcome.changes.steps.iter().filter(|step| step.on);
    steps.filter_map(|step| step.at).filter(|at| *at > outcome.at).min()
}

/// Lengths of a column, minutes; ten of them are a round time.
const STEPS: [i64; 11] = [1, 2, 3, 6, 9, 12, 18, 36, 72, 144, 720];

/// The start of the first column, the length of one, and how many show the whole horizon on round times.
fn axis(outcome: &Outcome, room: usize) -> (Timestamp, Span, usize) {
    let from = |step: Span| outcome.at.floor(step);
    let needed = |step: Span| ((outcome.at - from(step) + outcome.horizon).0 as u64).div_ceil(step.0 as u64) as usize;
    let steps = STEPS.map(Span::from_mins);
    let fits = |step: &&Span| needed(**step) <= room;
    let step = steps.iter().find(fits).copied().unwrap_or(steps[STEPS.len() - 1]);
    (from(step), step, needed(step).min(room))
}
