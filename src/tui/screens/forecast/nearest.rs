//! The first limit to be passed when none is within the horizon of the list.

use super::{crossings, sight};
use crate::{
    domain::{Crossing, SeriesId, Span, Timestamp},
    engine::{Answer, LinkError, Query},
    tui::state::{Effect, State},
};

/// Metrics asked at most.
const MOST: usize = 32;
/// Least time of the data between two rounds.
const FRESH: Span = Span::from_mins(10);

/// What is known of the limits ahead.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    /// When the round began.
    at: Option<Timestamp>,
    /// Those still to be asked, the next one last.
    left: Vec<SeriesId>,
    /// The soonest of those asked.
    best: Option<(SeriesId, Crossing)>,
    /// The soonest of the round before, shown until this one is over.
    known: Option<(SeriesId, Crossing)>,
}

/// The soonest crossing known beyond the list's horizon; the outer `None` is not known yet.
pub(super) fn nearest(state: &State) -> Option<Option<&(SeriesId, Crossing)>> {
    let nearest = &state.forecast.nearest;
    (nearest.at.is_some() && nearest.left.is_empty()).then_some(nearest.known.as_ref())
}

/// Asks the metrics with a limit one after the other, while no crossing is listed.
pub(super) fn refresh(state: &mut State) -> Vec<Effect> {
    let now = state.now();
    if state.at.is_some() || !crossings(state).is_empty() || !state.filter.is_empty() || state.shown.health.learnt == 0
    {
        return Vec::new();
    }
    if state
        .forecast
        .nearest
        .at
        .is_some_and(|at| now >= at && now - at < FRESH)
    {
        return Vec::new();
    }
    let limited = state
        .shown
        .metrics
        .iter()
        .filter(|row| row.limit.is_some() && row.ready.is_none());
    let left: Vec<SeriesId> = limited.take(MOST).map(|row| row.id.clone()).collect();
    let nearest = &mut state.forecast.nearest;
    (nearest.at, nearest.left, nearest.best) = (Some(now), left, None);
    next(nearest)
}

fn next(nearest: &mut Nearest) -> Vec<Effect> {
    let Some(id) = nearest.left.last() else {
        nearest.known = nearest.best.take();
        return Vec::new();
    };
    let query = Query::Forecast {
        id: id.clone(),
        horizon: sight::farthest(),
        steps: 1,
        limit: None,
        at: None,
    };
    vec![sight::ask("nearest", id, query)]
}

/// Takes the answer for one metric and asks the next.
pub(super) fn answer(state: &mut State, id: &SeriesId, answer: Result<Answer, LinkError>) -> Vec<Effect> {
    let nearest = &mut state.forecast.nearest;
    // Of a round that was given up.
    if nearest.left.last() != Some(id) {
        return Vec::new();
    }
    nearest.left.pop();
    if let Ok(Answer::Forecast(view)) = answer
        && let Some(crossing) = view.crossing
        && let Some(at) = crossing.at[1]
        && nearest
            .best
            .as_ref()
            .and_then(|(_, best)| best.at[1])
            .is_none_or(|best| at < best)
    {
        nearest.best = Some((id.clone(), crossing));
    }
    next(nearest)
}
