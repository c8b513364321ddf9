//! The charts below the main one on wide screens: the next metrics to pass a limit.

use super::{crossing, crossings, draw, focus, sight};
use crate::{
    domain::{Mark, SeriesId},
    tui::{
        chart,
        look::Role,
        order,
        page::Page,
        state::{Room, State},
        text::{self, fit},
    },
};

/// Charts below the main one.
const CHARTS: usize = 3;
/// Rows of values in each.
pub(super) const ROWS: usize = 3;

/// Rows that they take in all: each has a rule, a title, and its values.
pub(super) fn taken(state: &State) -> usize {
    drawn(state).len() * (ROWS + 2)
}

/// The metrics shown besides the one in focus, whose forecasts are asked for: those that cross soonest, and on wide screens others
/// with a limit.
pub(super) fn drawn(state: &State) -> Vec<SeriesId> {
    if state.room() < Room::Normal {
        return Vec::new();
    }
    let fill = state.room() == Room::Large;
    let focus = focus(state);
    let limited = order::ordered(state).into_iter();
    let limited = limited.filter(|row| fill && row.limit.is_some() && row.ready.is_none() && row.mark != Mark::Removed);
    let mut ids: Vec<SeriesId> = Vec::new();
    let soonest = crossings(state).into_iter().map(|(row, _)| row);
    for row in soonest.chain(limited) {
        if Some(&row.id) != focus.as_ref() && !ids.contains(&row.id) && ids.len() < CHARTS {
            ids.push(row.id.clone());
        }
    }
    ids
}

/// Draws them, on the time axis of the chart above.
pub(super) fn view(state: &State, page: &mut Page<'_>) {
    for id in drawn(state) {
        let Some(row) = state.metric(&id) else { continue };
        page.rule();
        let view = sight::view_of(state, &id);
        let crossing = crossing(state, row);
        let limit = super::limit(state, row).map_or_else(String::new, |limit| row.unit.show(limit.value));
        let when = match (
            view.map(|view| view.forecast.is_some()),
            crossing.and_then(|crossing| crossing.at[1]),
        ) {
            (None, _) => "loading".to_owned(),
            (Some(false), _) => "still learning".into(),
            (Some(true), _) if let Some(passed) = super::passed(state, row) => format!("{limit} {passed}"),
            (Some(true), None) => format!("{limit} not passed"),
            (Some(true), Some(at)) => format!("{limit} at {}", text::when(at, state.now())),
        };
        let title = format!(" {} {}", id.resource.name(), id.name);
        let words = format!("{}  {when}", row.mark);
        let cells = page.width().saturating_sub(text::width(&words) + 2);
        page.line(Role::Heading, &format!("{} {words}", fit(&title, cells)));
        let (area, buffer) = page.take(ROWS);
        draw::plotted(state, row, area, buffer, chart::values);
    }
}
