//! How much time the charts show.

use super::focus;
use crate::{
    domain::Span,
    tui::{
        chart::{self, STEPS},
        screens::setting,
        state::State,
    },
};

/// Length of a column.
#[must_use]
pub fn step(state: &State) -> Span {
    if setting::focus(state).is_some() {
        return setting::step(state);
    }
    if let Some(zoom) = state.resource.zoom {
        return Span::from_secs(STEPS[zoom.min(STEPS.len() - 1)]);
    }
    let row = focus(state).and_then(|id| state.metric(&id));
    row.map_or(Span::from_mins(1), |row| chart::usual_step(row, state.now()))
}

/// Takes the next shorter or longer length of a column.
pub(super) fn zoom(state: &mut State, by: isize) {
    let now = step(state);
    let at = STEPS.iter().position(|secs| Span::from_secs(*secs) == now).unwrap_or(2);
    let to = at.saturating_add_signed(by).min(STEPS.len() - 1);
    if to == at {
        state.message = Some(zoom_ends(by).into());
    }
    state.resource.zoom = Some(to);
}

/// What is said when there is no shorter or longer length of a column.
pub(in crate::tui::screens) const fn zoom_ends(by: isize) -> &'static str {
    if by < 0 {
        "a column is 12 s already: this is the shortest time shown"
    } else {
        "a column is 12 h already: this is the longest time shown"
    }
}
