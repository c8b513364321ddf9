//! Which metrics have a lane, and in which order the lanes stand.

use std::collections::BTreeSet;

use super::incident;
use crate::{
    domain::{SeriesId, Timestamp},
    drift::{Incident, prominence},
    engine::{Chart, MetricRow},
    tui::{order::NOTABLE, state::State},
};

/// Lanes of metrics that there is room for; above the smallest size one of all of them stands below.
fn room(state: &State) -> usize {
    match state.size {
        (..60, _) | (_, ..16) => 2,
        (_, 36..) => 7,
        _ => 4,
    }
}

/// The order of the lanes, and the incident that it was made for, by its beginning; none outside of one.
#[derive(Debug, Default)]
pub(super) struct Order {
    ids: Vec<SeriesId>,
    incident: Option<Timestamp>,
}

/// The lanes in the order drawn: as it was settled, for as long as it is of the same ones in the same incident.
pub(super) fn by_departure(state: &State) -> Vec<SeriesId> {
    let ids = lanes(state);
    let order = &state.timeline.order;
    let settled = order.incident == begin(state);
    if settled && order.ids.len() == ids.len() && ids.iter().all(|id| order.ids.contains(id)) {
        order.ids.clone()
    } else {
        ids
    }
}

/// When the incident looked at began.
fn begin(state: &State) -> Option<Timestamp> {
    incident(state).map(|incident| incident.from)
}

/// Settles the order of the lanes as soon as all of them are known: an incident's by first departure. It stays until they are others,
/// or another incident's: the columns of another stretch would date the same departures differently, and lanes that trade places cannot
/// be read.
pub(super) fn settle(state: &mut State) {
    let (mut ids, begin) = (by_departure(state), begin(state));
    let (charts, order) = (&state.timeline.lanes, &state.timeline.order);
    let settled = order.ids == ids && order.incident == begin;
    if ids.is_empty() || settled || !ids.iter().all(|id| charts.contains_key(id)) {
        return;
    }
    if let Some(incident) = incident(state) {
        ids.sort_by_key(|id| charts.get(id).map(|chart| departure(chart, incident)));
    }
    state.timeline.order = Order { ids, incident: begin };
}

/// When a metric left its shadow within an incident: where its surprise first comes to half of the most it reaches, so that neither the
/// noise before nor how far it goes in the end decides.
fn departure(chart: &Chart, incident: &Incident) -> Timestamp {
    let columns = (0..)
        .zip(&chart.columns)
        .map(|(place, column)| (chart.from + chart.step * place, column.bits));
    let within: Vec<(Timestamp, f32)> = columns
        .filter(|(at, _)| *at + chart.step > incident.from && incident.to.is_none_or(|to| *at <= to))
        .filter_map(|(at, bits)| Some((at, bits?)))
        .collect();
    let most = within.iter().map(|(_, bits)| *bits).fold(0.0, f32::max);
    let first = within.iter().find(|(_, bits)| *bits >= most / 2.0);
    first.map_or(incident.from, |(at, _)| *at)
}

/// The metrics of the lanes: the incident's, else those most surprising now.
pub(super) fn lanes(state: &State) -> Vec<SeriesId> {
    let is_metric = |id: &&SeriesId| state.live.metrics.iter().any(|row| row.id == **id);
    let mut ids: Vec<SeriesId> = Vec::new();
    let add = |id: &SeriesId, ids: &mut Vec<SeriesId>| {
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    };
    match incident(state) {
        Some(incident) => incident.lanes.iter().filter(is_metric).for_each(|id| add(id, &mut ids)),
        None => {
            let findings = state.live.findings.iter().flat_map(|finding| finding.series.first());
            findings.filter(is_metric).for_each(|id| add(id, &mut ids));
            let worst = |row: &MetricRow| row.hour.iter().flatten().copied().fold(row.bits, f32::max);
            // What does not stand out has an order of its own: where trouble shows first.
            let stands_out = |row: &MetricRow| Some(worst(row)).filter(|bits| f64::from(*bits) >= NOTABLE);
            let metrics = state.live.metrics.iter();
            let mut rows: Vec<_> = metrics
                .map(|row| (stands_out(row), prominence(&row.id.name), row))
                .collect();
            rows.sort_by(|(bits, order, _), (theirs, after, _)| match (bits, theirs) {
                (None, None) => order.cmp(after),
                (bits, theirs) => theirs.unwrap_or(0.0).total_cmp(&bits.unwrap_or(0.0)),
            });
            // Bytes used and the share of them say one thing: of each sort of metric the first, before the others.
            let mut sorts = BTreeSet::new();
            let (firsts, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(.., row)| {
                let sort = row.id.name.split('.').next().unwrap_or_default();
                sorts.insert((&row.id.resource, sort.to_owned()))
            });
            let rows = firsts.into_iter().chain(others);
            rows.take(room(state)).for_each(|(.., row)| add(&row.id, &mut ids));
        }
    }
    ids.truncate(room(state));
    ids
}
