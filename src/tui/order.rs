//! The order in which metrics are worth a look, by their names alone: it stays while their values change.

use std::{borrow::Cow, sync::Arc};

use crate::{
    domain::{ResourceId, SeriesId},
    drift::prominence,
    engine::{MetricRow, Snapshot},
    tui::state::State,
};

/// Below so many bits, the edge of the 80 % band, nothing stands out.
pub const NOTABLE: f64 = 2.3;

/// The order of the metrics of one snapshot, found when it comes: each key and each frame asks for it several times.
#[derive(Debug, Default)]
pub struct Order {
    of: Option<Arc<Snapshot>>,
    places: Vec<usize>,
}

impl Order {
    /// Takes the order of the metrics of `shown`; that of the same names stays.
    pub fn follow(&mut self, shown: &Arc<Snapshot>) {
        let alike = |of: &Snapshot| {
            let pairs = of.metrics.iter().zip(&shown.metrics[..]);
            of.metrics.len() == shown.metrics.len() && pairs.into_iter().all(|(old, new)| old.id == new.id)
        };
        let same = |of: &Arc<Snapshot>| Arc::ptr_eq(of, shown) || alike(of);
        if !self.of.as_ref().is_some_and(same) {
            self.places = places(shown);
        }
        self.of = Some(Arc::clone(shown));
    }
}

/// The places of a snapshot's metrics, in order.
fn places(of: &Snapshot) -> Vec<usize> {
    let key = |place: &usize| {
        let id = &of.metrics[*place].id;
        (prominence(&id.name), Arc::clone(&id.name), id.resource.clone())
    };
    let mut places: Vec<usize> = (0..of.metrics.len()).collect();
    places.sort_by_cached_key(key);
    places
}

/// The metrics that pass the filter: those of the fixed list first, then by name, then by host.
#[must_use]
pub fn ordered(state: &State) -> Vec<&MetricRow> {
    let shown = &state.shown;
    let known = state.order.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, shown));
    let places = match known {
        true => Cow::Borrowed(&state.order.places),
        false => Cow::Owned(places(shown)),
    };
    let rows = places.iter().map(|place| &shown.metrics[*place]);
    rows.filter(|row| state.passes(&row.id.resource, &row.id.name))
        .collect()
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
