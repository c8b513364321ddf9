//! The list of all metrics, below findings and hosts.

use super::{bare, draw};
use crate::{
    engine::MetricRow,
    tui::{
        order::NOTABLE,
        page::{self, Page},
        state::State,
        text::{self, fit, fit_name, fit_right},
    },
};

/// The list's heading; its columns are those of the findings.
pub(super) fn heading(count: &str, spare: usize) -> String {
    let wider = spare / 4;
    format!(
        "{}{}    shadow   {}bits  last 1 h",
        fit(&format!(" METRICS ({count})"), 39 + spare - 2 * wider),
        fit_right("now", 6 + wider),
        " ".repeat(wider)
    )
}

/// One metric. Its numbers are as coarse as a glance needs: a digit that changes with every sample is sent every time.
pub(super) fn row(state: &State, row: &MetricRow, chosen: bool, spare: usize, page: &mut Page<'_>) {
    let wider = spare / 4;
    let band_cells = 9 + wider;
    let band = row.expected.map_or("-".into(), |expected| {
        let (low, high) = expected.band80();
        let (low, high) = (page::coarse(row.unit, low), page::coarse(row.unit, high));
        let band = bare(&page::between(row.unit, low, high));
        // Half a number would be another number.
        match text::width(&band) <= band_cells {
            true => band,
            false => format!("to {}", bare(&row.unit.show(high))),
        }
    });
    let line = format!(
        "{}{}{}{}{} {}  {} {}  {}",
        draw::pointer(chosen),
        fit(&row.mark.to_string(), 10),
        if state.marked.contains(&row.id) { '*' } else { ' ' },
        state.host(&row.id.resource, 7),
        fit_name(&row.id.name, 26 - state.host_cells(7) + spare - 2 * wider),
        fit_right(&now(row), 7 + wider),
        fit(&band, band_cells),
        fit_right(&bits(row), 4),
        draw::hour(row, &state.look)
    );
    draw::put_row(page, chosen, line.trim_end(), row.mark, 1, 38 + spare);
}

/// One metric on a small screen; the only host is not named in every row.
pub(super) fn small_row(state: &State, row: &MetricRow, chosen: bool, page: &mut Page<'_>) {
    let width = page.width();
    let host = state.host(&row.id.resource, if width < 60 { 7 } else { 12 });
    let line = format!(
        "{}{} {host}{} {}",
        draw::pointer(chosen),
        fit(&row.mark.to_string(), 10),
        fit_name(&row.id.name, width.saturating_sub(20 + text::width(&host))),
        fit_right(&now(row), 7)
    );
    draw::put_row(page, chosen, &line, row.mark, 1, width);
}

/// The newest value, coarse.
fn now(row: &MetricRow) -> String {
    row.now
        .map_or("-".into(), |(_, value)| row.unit.show(page::coarse(row.unit, value)))
}

/// Its surprise; a dash while nothing stands out.
fn bits(row: &MetricRow) -> String {
    if f64::from(row.bits) < NOTABLE {
        "-".into()
    } else {
        format!("{:.1}", row.bits)
    }
}
