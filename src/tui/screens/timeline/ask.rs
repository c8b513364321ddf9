//! What the Timeline asks the engine.

use super::{entries, lanes, position, stretch::stretch, tag};
use crate::{
    domain::{Span, Timestamp},
    engine::Query,
    tui::state::{Effect, State},
};

/// Least time between two questions about the same stretch.
const FRESH: Span = Span::from_secs(10);

/// What to ask when the screen is entered, or when the data it shows have changed.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    let (Some(stretch), Some(now)) = (stretch(state), state.live.at) else {
        return Vec::new();
    };
    let mut lanes = lanes(state);
    // In another order they are the same question.
    lanes.sort();
    if let Some((asked, known, at)) = &state.timeline.asked {
        if *asked != stretch || *known != lanes {
            let same_grid = asked.from == stretch.from && asked.step == stretch.step;
            state.timeline.lanes.retain(|id, _| same_grid && lanes.contains(id));
        } else if now - *at < FRESH || stretch.to() <= *at {
            return Vec::new();
        }
    }
    state.timeline.asked = Some((stretch, lanes.clone(), now));
    let to = Timestamp(stretch.to().0 - 1).min(now);
    let events = Query::Timeline { from: stretch.from, to };
    let mut effects = vec![Effect::Ask(tag("events", None), events)];
    effects.extend(lanes.into_iter().map(|id| {
        let query = Query::Chart {
            id: id.clone(),
            from: stretch.from,
            to,
            step: stretch.step,
        };
        Effect::Ask(tag("lane", Some(id)), query)
    }));
    effects.extend(under_cursor(state, true));
    effects
}

/// Asks for the chart of the entry under the cursor, where there is room for it and it is no lane; with `anew` also when there is one.
pub(super) fn under_cursor(state: &State, anew: bool) -> Option<Effect> {
    let (stretch, _, asked_at) = state.timeline.asked.as_ref().filter(|_| state.size.1 >= 36)?;
    let entries = entries(state);
    let id = entries.get(position(state, &entries))?.series.clone()?;
    let known = !anew && state.timeline.lanes.contains_key(&id) || lanes(state).contains(&id);
    if known || !state.live.metrics.iter().any(|row| row.id == id) {
        return None;
    }
    let query = Query::Chart {
        id: id.clone(),
        from: stretch.from,
        to: Timestamp(stretch.to().0 - 1).min(*asked_at),
        step: stretch.step,
    };
    Some(Effect::Ask(tag("lane", Some(id)), query))
}
