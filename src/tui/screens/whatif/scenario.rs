//! One of the two change sets, with its question and its answer.

use super::tag;
use crate::{
    domain::{ChangeSet, Span, Timestamp},
    engine::Query,
    simulate::Outcome,
    tui::state::Effect,
};

/// A change set and what came of it.
#[derive(Debug, Default)]
pub(super) struct Scenario {
    pub changes: ChangeSet,
    pub outcome: Option<Box<Outcome>>,
    /// The horizon that the outcome answers; its own is shorter where the history does not carry so far.
    pub answers: Span,
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

impl Scenario {
    /// Waits no longer for an answer, and tells the engine so.
    pub fn halt(&mut self) -> Option<Effect> {
        self.progress = None;
        // One of what is to come is done at once.
        let job = self.job.take().filter(|_| self.long)?;
        Some(Effect::Ask(tag("stop"), Query::Stop(job)))
    }
}
