//! Changes that were made, undone at their times: what would have been.

use super::with;
use crate::{
    domain::{Change, ChangeSet, SeriesId, SettingChange, Span, Step, Timestamp},
    simulate::Outcome,
    tui::state::{Effect, State},
};

/// Changes undone at once at most.
const MOST: usize = 4;

/// Switches to this screen with the changes of `made` undone, each at its time: the first is on, the others can be turned on. `first`
/// is shown first.
///
/// While the time cursor stands before a change, what was known then says what its undoing would do from there on.
pub fn replay(state: &mut State, made: &[SettingChange], first: Option<SeriesId>) -> Vec<Effect> {
    let before = |at: Timestamp| state.at.is_none_or(|cursor| cursor > at);
    let steps = made.iter().take(MOST).enumerate().map(|(place, change)| Step {
        change: Change::Setting {
            id: change.id.clone(),
            from: change.to.clone(),
            to: change.from.clone(),
        },
        at: Some(change.at).filter(|at| before(*at)),
        on: place == 0,
    });
    let changes = ChangeSet { steps: steps.collect() };
    state.whatif.wanted = first.into_iter().collect();
    state.whatif.row = 0;
    with(state, changes)
}

/// From when to when the outcome shown tells what would have been; `None` while it is about what is to come.
#[must_use]
pub fn replayed(state: &State) -> Option<(Timestamp, Timestamp)> {
    let outcome = state
        .whatif
        .current()
        .outcome
        .as_ref()
        .filter(|outcome| outcome.actual)?;
    Some((outcome.at, outcome.at + outcome.horizon))
}

/// The same as changes to make: what has been cannot be changed any more.
pub(super) fn from_now_on(outcome: &Outcome) -> Outcome {
    let end = outcome.at + outcome.horizon;
    let steps = outcome.changes.steps.iter().map(|step| Step {
        at: step.at.filter(|at| !outcome.actual || *at >= end),
        ..step.clone()
    });
    Outcome {
        changes: ChangeSet { steps: steps.collect() },
        ..outcome.clone()
    }
}

/// Where the undoing of `step` goes when it is moved by `by` steps of time among what has been: not before the change was made, and
/// behind now it is not made yet. `None` where it is not about what has been.
pub(super) fn moved(state: &State, step: &Step, by: i64) -> Option<Option<Timestamp>> {
    let now = state.now();
    let at = step.at.filter(|at| *at < now)?;
    let Change::Setting { id, .. } = &step.change else {
        return None;
    };
    let row = state.shown.settings.iter().find(|row| row.id == *id);
    let made = row.and_then(|row| Some(row.last_change.as_ref()?.at));
    let from = made.filter(|made| *made <= at).unwrap_or(at);
    let minute = Span::from_mins(1);
    let length = minute * ((now - from).0 / 36 / minute.0).max(1);
    let to = (at + length * by).max(from);
    Some((to < now).then_some(to))
}
