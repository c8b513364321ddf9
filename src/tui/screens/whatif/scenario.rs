//! One of the two change sets, with its question and its answer.

use super::tag;
use crate::{
    domain::{Change, ChangeSet, SeriesId, Span, Timestamp},
    engine::Query,
    simulate::Outcome,
    tui::state::{Effect, State},
};

/// The settings whose change was found to move a metric, in what was tried.
#[must_use]
pub fn moving<'a>(state: &'a State, metric: &SeriesId) -> Vec<&'a SeriesId> {
    let pane = &state.whatif;
    let outcomes = [Some(&pane.a), pane.b.as_ref()].into_iter().flatten();
    outcomes
        .filter_map(|scenario| scenario.outcome.as_ref())
        .filter(|outcome| outcome.effects.iter().any(|effect| effect.series == *metric))
        .flat_map(|outcome| outcome.changes.active())
        .filter_map(|change| match change {
            Change::Setting { id, .. } => Some(id),
            Change::Capacity { .. } | Change::Traffic { .. } => None,
        })
        .collect()
}

/// A change set and what came of it.
#[derive(Debug, Default)]
pub(super) struct Scenario {
    pub changes: ChangeSet,
    pub outcome: Option<Box<Outcome>>,
    /// The horizon that the outcome answers; its own is shorter where the history does not carry so far.
    pub answers: Span,
    /// The time of the newest data when the answer came.
    pub ran: Timestamp,
    /// The number of the question whose answer is awaited.
    pub job: Option<u64>,
    /// The time cursor it was asked at last; `None` is now.
    pub at: Option<Timestamp>,
    /// Whether that may have to be read again from the store.
    pub long: bool,
    /// How far the answer is: metrics learnt again, and all of them.
    pub progress: Option<(u32, u32)>,
    /// Why there is no answer.
    pub failed: Option<String>,
}

/// An outcome older than this is told to be one of its time.
const OLD: Span = Span::from_mins(2);

impl Scenario {
    /// When the outcome came, where that is a while ago: it says nothing of what was seen since.
    pub fn old(&self, now: Timestamp) -> Option<Timestamp> {
        self.outcome.as_ref()?;
        (now - self.ran >= OLD).then_some(self.ran)
    }

    /// Waits no longer for an answer, and tells the engine so.
    pub fn halt(&mut self) -> Option<Effect> {
        self.progress = None;
        // One of what is to come is done at once.
        let job = self.job.take().filter(|_| self.long)?;
        Some(Effect::Ask(tag("stop"), Query::Stop(job)))
    }
}
