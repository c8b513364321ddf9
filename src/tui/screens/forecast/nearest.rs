//! The first limit to be passed when none is within the horizon of the list.

use super::{
    crossings, horizon, passed, sight,
    times::{hours, until},
};
use crate::{
    domain::{Crossing, Mark, SeriesId, Span, Timestamp},
    engine::{Answer, LinkError, MetricRow, Query},
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
fn nearest(state: &State) -> Option<Option<&(SeriesId, Crossing)>> {
    let nearest = &state.forecast.nearest;
    (nearest.at.is_some() && nearest.left.is_empty()).then_some(nearest.known.as_ref())
}

/// What the list says when nothing crosses.
pub(super) fn nothing(state: &State) -> String {
    if !state.filter.is_empty() {
        return format!(" No crossing matches /{}: Esc clears the filter.", state.filter);
    }
    if state.shown.health.learnt == 0 {
        return " Forecasts start when the first shadows are learnt; live charts on 2.".into();
    }
    // What is told of everywhere reaches so far; beyond it the metrics are asked one by one.
    let known = state.shown.options.horizon;
    let known_soonest = nearest(state).filter(|_| state.at.is_none());
    // What is not as likely as not is none of the nearest, and is told where it may come within the horizon.
    let soonest = known_soonest.map(|soonest| soonest.filter(|(_, crossing)| crossing.at[1].is_some()));
    let beyond = match soonest {
        Some(Some((_, crossing))) => crossing.at[1].is_some_and(|at| at - state.now() > horizon(state)),
        Some(None) => true,
        None => false,
    };
    let sure = if beyond {
        horizon(state)
    } else {
        known.min(horizon(state))
    };
    let none = format!(" No crossing within {}.", hours(sure));
    // As likely as not, and still not told.
    if let Some(Some((id, crossing))) = soonest.filter(|_| !beyond && state.at.is_none()) {
        let (name, when) = (id.resource.name(), until(crossing.at[1], state.now()));
        return format!(
            " No crossing within {} is told yet. The nearest foreseen: {name} {} in {when}.",
            hours(sure),
            id.name
        );
    }
    let possible = known_soonest.flatten().filter(|_| soonest == Some(None));
    let within = |crossing: &Crossing| crossing.at[0].filter(|at| *at - state.now() <= known.min(horizon(state)));
    match soonest {
        // Of the past it is not looked for.
        _ if state.at.is_some() => none,
        _ if let Some((id, at)) = possible.and_then(|(id, crossing)| Some((id, within(crossing)?))) => format!(
            " No crossing within {} is as likely as not. 10 % sure in {}: {} {}.",
            hours(known.min(horizon(state))),
            until(Some(at), state.now()),
            id.resource.name(),
            id.name
        ),
        None => format!("{none} Looking farther ahead."),
        // What still learns may yet be found to pass one.
        Some(None)
            if state
                .shown
                .metrics
                .iter()
                .any(|row| row.limit.is_some() && row.ready.is_some()) =>
        {
            none
        }
        Some(None) => match beyond_now(state) {
            0 => format!("{none} Nor is a limit likely to be passed within 90 d."),
            // What is beyond its limit has none left to pass.
            1 => format!("{none} 1 limit is passed now; no other within 90 d."),
            limits => format!("{none} {limits} limits are passed now; no other within 90 d."),
        },
        Some(Some((id, crossing))) => format!(
            "{none} The nearest: {} {} in {}. Press + for a longer horizon.",
            id.resource.name(),
            id.name,
            until(crossing.at[1], state.now())
        ),
    }
}

/// Metrics that are beyond their limit now, or are told to be.
fn beyond_now(state: &State) -> usize {
    let rows = state.shown.metrics.iter();
    let told = |row: &MetricRow| row.mark == Mark::Breach;
    rows.filter(|row| told(row) || passed(state, row).is_some()).count()
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

/// The order of crossings: the soonest that is as likely as not, then the soonest that is possible at all (10 %).
fn soon(crossing: &Crossing) -> (i64, i64) {
    let [possible, likely] = [0, 1].map(|place| crossing.at[place].map_or(i64::MAX, |at| at.0));
    (likely, possible)
}

/// Takes the answer for one metric and asks the next.
pub(super) fn answer(state: &mut State, id: &SeriesId, answer: Result<Answer, LinkError>) -> Vec<Effect> {
    let nearest = &mut state.forecast.nearest;
    // Of a round that was given up.
    if nearest.left.last() != Some(id) {
        return Vec::new();
    }
    nearest.left.pop();
    // What is beyond its limit already passes none.
    if let Ok(Answer::Forecast(view)) = answer
        && view.passed.is_none()
        && let Some(crossing) = view.crossing
        && crossing.at[0].is_some()
        && nearest
            .best
            .as_ref()
            .is_none_or(|(_, best)| soon(&crossing) < soon(best))
    {
        nearest.best = Some((id.clone(), crossing));
    }
    next(nearest)
}
