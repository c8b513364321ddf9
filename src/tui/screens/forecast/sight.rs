//! What was and what will be of one metric: asked for, kept, and put on one row of columns.

use super::{HORIZONS, beside, draw, focus, horizon, limit, nearest, step};
use crate::{
    domain::{Limit, Quantiles, SeriesId, Span, Timestamp},
    engine::{Answer, ForecastView, LinkError, MetricRow, Query},
    tui::{
        chart::{Lists, Plot, Track},
        state::{Effect, Room, Screen, State, Tag},
    },
};

/// Steps asked for in a forecast.
const DETAIL: u32 = 120;
/// How long a forecast serves at most; and that there is none yet, or that none was scored.
const SERVES: Span = Span::from_mins(5);
const YOUNG: Span = Span::from_mins(1);

/// One metric's past and future.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// What was.
    pub track: Track,
    /// What will be.
    view: Option<Box<ForecastView>>,
    /// The time cursor it was asked at; `None` is now.
    view_at: Option<Timestamp>,
    /// What was asked last, and whether the answer is still out.
    asked: Option<Asked>,
    /// When that was; a forecast serves for a column, or less.
    asked_at: Timestamp,
    pub waiting: bool,
}

/// A question for a forecast.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    horizon: usize,
    limit: Option<Limit>,
    /// The time cursor.
    at: Option<Timestamp>,
}

impl Sight {
    /// Forgets what was asked, so that it is asked again.
    pub fn forget(&mut self) {
        self.track.forget();
        (self.asked, self.waiting) = (None, false);
    }
}

/// The forecast of a metric, if there is one of what was known at the time shown.
pub(super) fn view_of<'a>(state: &'a State, id: &SeriesId) -> Option<&'a ForecastView> {
    let sight = state.forecast.sights.get(id)?;
    sight.view.as_deref().filter(|_| sight.view_at == state.at)
}

/// What was and what will be on one row of columns; gives also the start of the first.
pub(super) fn lists(state: &State, row: &MetricRow, columns: usize) -> Option<(Timestamp, Span, Lists)> {
    let chart = state.forecast.sights.get(&row.id)?.track.chart()?;
    let mut lists = Lists::of(chart, row.cadence, state.now());
    lists.actual.resize(columns, None);
    lists.shadow.resize(columns, None);
    let now = lists.now?;
    if let Some(forecast) = view_of(state, &row.id).and_then(|view| view.forecast.as_ref()) {
        let end = forecast.start + horizon(state);
        for (column, shadow) in lists.shadow.iter_mut().enumerate().skip(now) {
            let at = chart.from + chart.step * column as i64;
            *shadow = if at <= end {
                at_time(forecast, at + Span(chart.step.0 / 2))
            } else {
                None
            };
        }
    }
    Some((chart.from, chart.step, lists))
}

/// The distribution of the step nearest to a time.
fn at_time(forecast: &crate::domain::Forecast, at: Timestamp) -> Option<Quantiles> {
    let step = forecast.step.0.max(1);
    let place = ((at - forecast.start).0 + step / 2).div_euclid(step) - 1;
    let place = usize::try_from(place.max(0)).ok()?;
    forecast
        .steps
        .get(place.min(forecast.steps.len().saturating_sub(1)))
        .copied()
}

/// Columns left of the now line and in all.
fn columns(state: &State) -> (usize, usize) {
    let all = draw::columns(state.size.0, state.room());
    (all * 28 / 72, all)
}

/// Asks for what was and what will be, when it is another metric, horizon or limit, or a column later.
///
/// The charts beside take turns, and wait while the main one moves: together they would make one large frame.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    renew(state, true)
}

/// With `turn` also renews one of the charts beside; without it only those that were never seen are asked for.
fn renew(state: &mut State, turn: bool) -> Vec<Effect> {
    let Some(id) = focus(state) else { return Vec::new() };
    if state.metric(&id).is_none() {
        return Vec::new();
    }
    state.series = Some(id.clone());
    let beside = beside::drawn(state);
    state
        .forecast
        .sights
        .retain(|known, sight| *known == id || beside.contains(known) || sight.track.loading());
    let start = |state: &State| Some(state.forecast.sights.get(&id)?.track.chart()?.from);
    let before = start(state);
    let mut effects = look(state, &id, draw::chart_rows(state));
    let still = before == start(state) && effects.is_empty();
    if still && !state.forecast.sights.values().any(|sight| sight.waiting) {
        state.forecast.turn = state.forecast.turn.wrapping_add(usize::from(turn));
        let unseen = beside.iter().find(|id| view_of(state, id).is_none());
        let in_turn = beside.get(state.forecast.turn % beside.len().max(1));
        let next = unseen.or(in_turn.filter(|_| turn));
        if let Some(next) = next.cloned() {
            effects.extend(look(state, &next, beside::ROWS));
        }
    }
    effects.extend(nearest::refresh(state));
    effects
}

/// Asks for one metric's past and future, as far as that is due.
fn look(state: &mut State, id: &SeriesId, rows: usize) -> Vec<Effect> {
    let Some(row) = state.metric(id).cloned() else {
        return Vec::new();
    };
    let (past, all) = columns(state);
    let (newest, step) = (state.now(), step(state));
    let own = state.forecast.limit.as_ref().filter(|(own, _)| own == id);
    let serves = match view_of(state, id) {
        Some(view) if view.forecast.is_some() && view.held.scored > 0 => SERVES,
        _ => YOUNG,
    };
    let wanted = Asked {
        horizon: state.forecast.horizon,
        limit: own.map(|(_, limit)| limit.clone()),
        at: state.at,
    };
    let (at, live, horizon) = (state.at, state.at.is_none() && !state.frozen, horizon(state));
    let sight = state.forecast.sights.entry(id.clone()).or_default();
    let mut effects = Vec::new();
    if let Some(query) = sight.track.want(id, newest, step, past.max(1)) {
        effects.push(ask("chart", id, query));
    }
    if live {
        sight.track.extend(&row);
    }
    let old = newest.floor(step.min(serves)) > sight.asked_at || newest < sight.asked_at;
    if !sight.waiting && (old || sight.asked.as_ref() != Some(&wanted)) {
        let query = Query::Forecast {
            id: id.clone(),
            horizon,
            steps: DETAIL,
            limit: wanted.limit.clone(),
            at,
        };
        (sight.asked, sight.asked_at, sight.waiting) = (Some(wanted), newest, true);
        effects.push(ask("forecast", id, query));
    }
    settle(state, &row, all, rows);
    effects
}

fn settle(state: &mut State, row: &MetricRow, columns: usize, rows: usize) {
    let Some((_, _, lists)) = lists(state, row, columns) else {
        return;
    };
    let limit = limit(state, row);
    let plot = Plot {
        unit: row.unit,
        actual: &lists.actual,
        shadow: &lists.shadow,
        limit: limit.as_ref(),
        ..Default::default()
    };
    if let Some(sight) = state.forecast.sights.get_mut(&row.id) {
        sight.track.settle(&plot, rows);
    }
}

pub(super) fn ask(what: &'static str, id: &SeriesId, query: Query) -> Effect {
    Effect::Ask(
        Tag {
            screen: Some(Screen::Forecast),
            what,
            series: Some(id.clone()),
        },
        query,
    )
}

/// An answer to a question of this screen.
pub fn answer(state: &mut State, tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    let answer = answer.map(|answer| *answer);
    let Some(id) = &tag.series else { return Vec::new() };
    if tag.what == "nearest" {
        return nearest::answer(state, id, answer);
    }
    let is_first = state.forecast.sights.get(id).is_some_and(|sight| sight.view.is_none());
    let in_focus = focus(state).as_ref() == Some(id);
    let mut effects = Vec::new();
    let Some(sight) = state.forecast.sights.get_mut(id) else {
        return Vec::new();
    };
    if tag.what == "chart" {
        let chart = match answer {
            Ok(Answer::Chart(chart)) => Some(chart),
            _ => None,
        };
        effects.extend(sight.track.take(chart).map(|query| ask("chart", id, query)));
    } else {
        sight.waiting = false;
        let mut failed = None;
        match answer {
            Ok(Answer::Forecast(view)) => {
                sight.view_at = sight.asked.as_ref().and_then(|asked| asked.at);
                sight.view = Some(view);
            }
            Ok(_) => {}
            Err(error) => failed = Some(error.to_string()),
        }
        if in_focus {
            state.forecast.error = failed;
        }
    }
    // The first time all charts come one after the other; later a snapshot renews one.
    if state.screen == Screen::Forecast && state.room() > Room::Tiny && (in_focus || is_first) {
        effects.extend(renew(state, false));
    }
    effects
}

/// The longest horizon that can be looked at.
pub(super) fn farthest() -> Span {
    Span::from_hours(HORIZONS[HORIZONS.len() - 1])
}
