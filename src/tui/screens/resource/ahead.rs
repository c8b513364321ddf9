//! What the engine says of the metric in focus: how its bands held, and what comes.

use super::focus;
use crate::{
    domain::{SeriesId, Span, Timestamp},
    engine::{ForecastView, Query},
    tui::state::{Effect, Room, Screen, State, Tag},
};

/// How far ahead is looked.
pub(super) const HORIZON: Span = Span::from_hours(24);
/// Steps of that.
const STEPS: u32 = 48;
/// Least time of the data between two questions about one metric.
const FRESH: Span = Span::from_mins(5);

/// What is known, and of when.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    view: Option<Box<ForecastView>>,
    asked: Option<(SeriesId, Timestamp)>,
}

impl Ahead {
    /// Lets it be asked again.
    pub fn forget(&mut self) {
        self.asked = None;
    }

    /// Takes an answer.
    pub fn take(&mut self, view: Box<ForecastView>) {
        self.view = Some(view);
    }
}

/// What is known of a metric. Of the past nothing is: learning it again for every step back would take too long.
pub(super) fn ahead<'a>(state: &'a State, id: &SeriesId) -> Option<&'a ForecastView> {
    let view = state.resource.ahead.view.as_deref();
    view.filter(|view| view.id == *id && state.at.is_none())
}

/// Asks about the metric in focus, on wide screens, where the answer has its place.
pub(super) fn refresh(state: &mut State) -> Option<Effect> {
    if state.room() < Room::Large || state.at.is_some() {
        return None;
    }
    let (id, now) = (focus(state)?, state.now());
    let known = state.resource.ahead.asked.as_ref();
    if known.is_some_and(|(asked, at)| *asked == id && now >= *at && now - *at < FRESH) {
        return None;
    }
    state.resource.ahead.asked = Some((id.clone(), now));
    let tag = Tag {
        screen: Some(Screen::Resource),
        what: "ahead",
        series: Some(id.clone()),
    };
    let query = Query::Forecast {
        id,
        horizon: HORIZON,
        steps: STEPS,
        limit: None,
        at: None,
    };
    Some(Effect::Ask(tag, query))
}
