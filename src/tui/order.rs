//! The order in which metrics are worth a look, by their names alone: it stays while their values change.

use std::sync::Arc;

use crate::{
    domain::{ResourceId, SeriesId},
    drift::prominence,
    engine::MetricRow,
    tui::state::State,
};

/// Below so many bits, the edge of the 80 % band, nothing stands out.
pub const NOTABLE: f64 = 2.3;

/// The metrics that pass the filter: those of the fixed list first, then by name, then by host.
#[must_use]
pub fn ordered(state: &State) -> Vec<&MetricRow> {
    let passing = state.shown.metrics.iter();
    let mut rows: Vec<(usize, &MetricRow)> = passing
        .filter(|row| state.passes(&row.id.resource, &row.id.name))
        .map(|row| (prominence(&row.id.name), row))
        .collect();
    rows.sort_by(|(a, first), (b, second)| {
        (a, &first.id.name, &first.id.resource).cmp(&(b, &second.id.name, &second.id.resource))
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The first metric in this order, of one host or of all.
#[must_use]
pub fn first(state: &State, host: Option<&ResourceId>) -> Option<SeriesId> {
    let rows = state.shown.metrics.iter().map(|row| &row.id);
    let key = |id: &&SeriesId| (prominence(&id.name), Arc::clone(&id.name));
    rows.filter(|id| host.is_none_or(|host| id.resource == *host))
        .min_by_key(key)
        .cloned()
}
