//! When a change happens, and how far is looked ahead.

use super::{actual, changed, refresh};
use crate::{
    domain::Span,
    tui::state::{Effect, State},
};

/// How far one can look ahead, hours.
const HORIZONS: [i64; 8] = [1, 3, 6, 12, 24, 72, 168, 720];

/// Moves when the change under the cursor happens by a step of the chart; not behind the horizon. The undoing of a change that was made
/// goes back to the time of that, what is yet to be made no further than the time it is asked at.
pub(super) fn later(state: &mut State, by: i64) -> Vec<Effect> {
    let start = state.now();
    let outcome = state.whatif.current().outcome.as_ref();
    let horizon = outcome.map_or(state.whatif.horizon, |outcome| outcome.horizon);
    let step = Span((horizon.0 / 36).max(Span::from_mins(1).0));
    let row = state.whatif.row;
    let step_under = state.whatif.current().changes.steps.get(row).cloned();
    let was = step_under.and_then(|under| actual::moved(state, &under, by));
    let Some(change) = state.whatif.current_mut().changes.steps.get_mut(row) else {
        return Vec::new();
    };
    if let Some(to) = was {
        change.at = to;
        return changed(state);
    }
    let from = change.at.filter(|at| *at > start);
    let to = from.map_or(start.floor(step), |at| at.floor(step)) + step * by;
    let to = (to > start).then_some(to.min(start + horizon));
    if to.is_none() && from.is_none() {
        state.message = Some("it happens at the start already; w on a change on 6 asks what was without it".into());
        return Vec::new();
    }
    change.at = to;
    changed(state)
}

/// Looks less or more far ahead.
pub(super) fn far(state: &mut State, by: isize) -> Vec<Effect> {
    let hours = state.whatif.horizon.0 / Span::from_hours(1).0;
    let at = HORIZONS
        .iter()
        .position(|known| *known >= hours)
        .unwrap_or(HORIZONS.len() - 1);
    let to = at.saturating_add_signed(by).min(HORIZONS.len() - 1);
    state.whatif.horizon = Span::from_hours(HORIZONS[to]);
    let mut effects = Vec::new();
    for scenario in std::iter::once(&mut state.whatif.a).chain(&mut state.whatif.b) {
        effects.extend(scenario.halt());
        scenario.failed = None;
    }
    effects.extend(refresh(state));
    effects
}
