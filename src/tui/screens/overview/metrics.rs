//! The list of all metrics, below findings and hosts.

use super::{bare, draw};
use crate::{
    domain::Unit,
    engine::MetricRow,
    tui::{
        order::NOTABLE,
        page::{self, Page},
        state::State,
        text::{fit, fit_name, fit_right},
    },
};

/// The list's heading; its columns are those of the findings.
pub(super) fn heading(count: usize, spare: usize) -> String {
    format!(
        "{}   now    shadow   bits  60 min",
        fit(&format!(" METRICS ({count})"), 39 + spare)
    )
}

/// One metric. Its numbers are as coarse as a glance needs: a digit that changes with every sample is sent every time.
pub(super) fn row(state: &State, row: &MetricRow, chosen: bool, spare: usize, page: &mut Page<'_>) {
    let band = row.expected.map_or("-".into(), |expected| {
        let (low, high) = expected.band80();
        let (low, high) = (coarse(row.unit, low), coarse(row.unit, high));
        if low == high {
            row.unit.show(low)
        } else {
            bare(&page::between(row.unit, low, high))
        }
    });
    let line = format!(
        "{}{}{}{} {} {}  {} {}  {}",
        draw::pointer(chosen),
        fit(&row.mark.to_string(), 10),
        if state.marked.contains(&row.id) { '*' } else { ' ' },
        fit(row.id.resource.name(), 7),
        fit_name(&row.id.name, 18 + spare),
        fit_right(&now(row), 7),
        fit(&band, 9),
        fit_right(&bits(row), 4),
        draw::hour(row, &state.look)
    );
    draw::put_row(page, chosen, line.trim_end(), row.mark, 1, 38 + spare);
}

/// One metric on a small screen; the only host is not named in every row.
pub(super) fn small_row(state: &State, row: &MetricRow, chosen: bool, page: &mut Page<'_>) {
    let width = page.width();
    let host = match state.shown.resources.len() {
        ..2 => String::new(),
        _ => format!("{} ", fit(row.id.resource.name(), if width < 60 { 7 } else { 12 })),
    };
    let line = format!(
        "{}{} {host}{} {}",
        draw::pointer(chosen),
        fit(&row.mark.to_string(), 10),
        fit_name(&row.id.name, width.saturating_sub(20 + host.len())),
        fit_right(&now(row), 7)
    );
    draw::put_row(page, chosen, &line, row.mark, 1, width);
}

/// The newest value, coarse.
fn now(row: &MetricRow) -> String {
    row.now
        .map_or("-".into(), |(_, value)| row.unit.show(coarse(row.unit, value)))
}

/// Its surprise; a dash while nothing stands out.
fn bits(row: &MetricRow) -> String {
    if f64::from(row.bits) < NOTABLE {
        "-".into()
    } else {
        format!("{:.1}", row.bits)
    }
}

/// `value` with two digits that matter; counts keep theirs.
pub(super) fn coarse(unit: Unit, value: f64) -> f64 {
    if unit == Unit::Count || !value.is_finite() || value == 0.0 {
        return value;
    }
    // 1000 K is 1000 bytes off a round number, but two digits of it are all that is shown.
    let base = match unit {
        Unit::Bytes | Unit::BytesPerSec => 1024f64.powf(value.abs().max(1.0).log(1024.0).floor()),
        _ => 1.0,
    };
    let step = 10f64.powf((value.abs() / base).log10().floor() - 1.0) * base;
    let rounded = (value / step).round() * step;
    if rounded.is_finite() { rounded } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_are_kept_of_all_but_counts() {
        let shown = |unit: Unit, value: f64| unit.show(coarse(unit, value));
        assert_eq!(shown(Unit::Percent, 12.34), "12 %");
        assert_eq!(shown(Unit::Percent, 4.123), "4.1 %");
        assert_eq!(shown(Unit::Percent, 99.7), "100 %");
        assert_eq!(shown(Unit::Count, 312.0), "312");
        assert_eq!(shown(Unit::Bytes, 4.56 * 1024f64.powi(3)), "4.6G");
        assert_eq!(shown(Unit::PerSec, -3456.0), "-3500/s");
        assert_eq!(shown(Unit::None, 1e-320), Unit::None.show(1e-320));
    }
}
