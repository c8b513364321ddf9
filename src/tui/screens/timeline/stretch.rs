//! The stretch of time that the lanes show.

use super::{first::sign, incident};
use crate::{
    domain::{SeriesId, Span, Timestamp},
    engine::MetricRow,
    tui::{
        chart::{self, STEPS},
        state::State,
    },
};

/// How long a column need not be for a metric that is read more rarely still.
const SHORTEST: Span = Span::from_mins(5);

/// The stretch of time shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub from: Timestamp,
    pub step: Span,
    pub columns: usize,
}

impl Stretch {
    pub fn to(self) -> Timestamp {
        self.from + self.step * self.columns as i64
    }

    pub fn column(self, at: Timestamp) -> Option<usize> {
        usize::try_from((at - self.from).0.div_euclid(self.step.0))
            .ok()
            .filter(|column| *column < self.columns)
    }
}

/// The newest row of a metric.
fn live<'a>(state: &'a State, id: &SeriesId) -> Option<&'a MetricRow> {
    let rows = &state.live.metrics;
    rows.binary_search_by(|row| row.id.cmp(id)).ok().map(|row| &rows[row])
}

/// Cells of a lane's name.
pub(super) fn label_width(width: usize) -> usize {
    match width {
        100.. => 20,
        60.. => 13,
        _ => 9,
    }
}

/// The stretch that shows the incident and what came first, or the newest hour, with the time cursor in it. `None` before the first data.
pub(super) fn stretch(state: &State) -> Option<Stretch> {
    let now = state.live.at?;
    let width = usize::from(state.size.0);
    let columns = width.saturating_sub(label_width(width) + 2).max(10);
    let (start, mut end) = match incident(state) {
        None => (now - Span::from_mins(columns as i64), now),
        Some(incident) => {
            let end = incident.to.unwrap_or(now).min(now);
            let first = sign(state, now).map(|sign| sign.earliest());
            let from = first.map_or(incident.from, |first| first.min(incident.from));
            // What is known of the cause depends on what is asked for: the end must not depend on it in its turn.
            let margin = |long: Span| Span((long.0 / 4).max(Span::from_mins(5).0));
            (from - margin(end - from), (end + margin(end - incident.from)).min(now))
        }
    };
    // Columns shorter than the time between two values would be empty, all but a few.
    let lanes = incident(state).map_or(&[][..], |incident| &incident.lanes);
    let cadences = lanes.iter().filter_map(|id| live(state, id)).map(|row| row.cadence);
    let shortest = cadences.fold(state.live.options.interval, Span::max).min(SHORTEST);
    let fits = |secs: &i64| {
        let step = Span::from_secs(*secs);
        step * columns as i64 >= end - start && step >= shortest
    };
    let fitting = STEPS.iter().position(fits).unwrap_or(STEPS.len() - 1);
    let step = Span::from_secs(STEPS[state.timeline.zoom.unwrap_or(fitting).min(STEPS.len() - 1)]);
    if let Some(at) = state.at
        && !(chart::start(end, step, columns)..=end).contains(&at)
    {
        end = (at + step * (columns as i64 / 2)).min(now);
    }
    Some(Stretch {
        from: chart::start(end, step, columns),
        step,
        columns,
    })
}
