//! Metrics that may have to do with the one shown.

use super::finding;
use crate::{
    domain::{Mark, SeriesId, Span},
    drift::{about, prominence},
    engine::MetricRow,
    tui::{state::State, text},
};

/// Other metrics of the same host: those that are off first, the most surprising of them before others; then those measured on the same
/// thing, and those about the same.
pub(super) fn related<'a>(state: &'a State, id: &SeriesId) -> Vec<&'a MetricRow> {
    let own = |name: &'_ str| name.rsplit_once('.').map(|(own, _)| own.to_owned());
    let (mine, family) = (own(&id.name), about(&id.name));
    let mut rows: Vec<&MetricRow> = state
        .shown
        .metrics
        .iter()
        .filter(|row| row.id.resource == id.resource && row.id != *id)
        .collect();
    // Whole bits, and only of what is off: rows must not change places with every wiggle, and one of hundreds is always surprising.
    let rank = |row: &MetricRow| {
        let off = matches!(row.mark, Mark::Breach | Mark::Cross | Mark::Odd | Mark::Drift);
        (
            !off,
            std::cmp::Reverse(if off { row.bits.max(0.0) as u32 } else { 0 }),
            own(&row.id.name) != mine,
            about(&row.id.name) != family,
            // What still learns has nothing to compare yet, and among the rest the first ones say most.
            row.mark == Mark::Learning,
            row.mark,
            prominence(&row.id.name),
        )
    };
    // While someone moves in the list it keeps the order in which they came to it.
    let held = &state.resource.order;
    let place = |row: &MetricRow| held.iter().position(|id| *id == row.id).unwrap_or(held.len());
    rows.sort_by_cached_key(|row| (place(row), rank(row)));
    if !state.filter.is_empty() {
        rows.retain(|row| state.passes(&row.id.resource, &row.id.name));
    }
    rows.truncate(40);
    rows
}

/// Holds the order of the list for as long as it has the cursor; lets it go otherwise.
pub(super) fn hold(state: &mut State, id: &SeriesId) {
    if !state.resource.in_list {
        state.resource.order.clear();
    } else if state.resource.order.is_empty() {
        state.resource.order = related(state, id).into_iter().map(|row| row.id.clone()).collect();
    }
}

pub(super) fn related_place(state: &State, rows: &[&MetricRow]) -> usize {
    rows.iter()
        .position(|row| Some(&row.id) == state.resource.related.as_ref())
        .unwrap_or(0)
}

/// How another metric's departure lies in time: `leads 3 min`, `lags 6 min`, `-`.
pub(super) fn lag(state: &State, id: &SeriesId, other: &SeriesId) -> String {
    let mine = finding(state, id);
    let cause = mine.and_then(|mine| mine.causes.iter().find(|cause| cause.series.as_ref() == Some(other)));
    if let Some(cause) = cause {
        return format!("leads {}{}", text::about(cause.earliest, cause.at), cause.lead);
    }
    let (Some(mine), Some(theirs)) = (mine, finding(state, other)) else {
        return "-".into();
    };
    match theirs.since - mine.since {
        Span(lag @ 1..) => format!("lags {}", Span(lag)),
        Span(lead @ ..=-1) => format!("leads {}", Span(-lead)),
        Span::ZERO => "same time".into(),
    }
}
