//! What is remembered of before watching began, and the models learnt again from the changes that are kept.

use std::{collections::BTreeMap, sync::Arc};

use super::{SettingShadow, SettingState, changed_at, learned::Learner, same, stream, undoing};
use crate::domain::{ResourceId, SeriesId, SettingChange, Timestamp, Value};

/// The scope of a setting on its resource.
fn scope(id: &SeriesId) -> (&ResourceId, &str) {
    let name = id.name.split('.').next().unwrap_or_default();
    (&id.resource, name)
}

/// Learns `changes` (oldest first) of the settings that are `all` now. What changed was there, as it was before, since the first change
/// of its scope; what never did since it was first seen. `each` is called with every change once it is learnt.
pub(super) fn learn<'a>(
    all: &BTreeMap<SeriesId, SettingState>,
    changes: impl IntoIterator<Item = &'a SettingChange> + Clone,
    each: &mut dyn FnMut(&SettingChange, &mut Learner),
) -> Learner {
    let mut began: BTreeMap<(&ResourceId, &str), Timestamp> = BTreeMap::new();
    let mut first: BTreeMap<&SeriesId, Option<&Value>> = BTreeMap::new();
    for change in changes.clone() {
        began.entry(scope(&change.id)).or_insert(change.at);
        first.entry(&change.id).or_insert(change.from.as_ref());
    }
    let begins = |id: &SeriesId, at, value: &Value| SettingChange {
        id: id.clone(),
        at,
        after: None,
        from: None,
        to: Some(value.clone()),
        by: None,
        backfilled: true,
    };
    let mut told: Vec<(bool, SettingChange)> = Vec::new();
    for (id, value) in &first {
        if let (Some(value), Some(at)) = (value, began.get(&scope(id))) {
            told.push((true, begins(id, *at, value)));
        }
    }
    let quiet = all.iter().filter(|(id, _)| !first.contains_key(id));
    told.extend(quiet.map(|(id, state)| (true, begins(id, state.since, &state.value))));
    told.extend(changes.into_iter().map(|change| (false, change.clone())));
    // What is there at a time comes before what changes then.
    told.sort_by_key(|(begins, change)| (change.at, !begins));
    let mut learner = Learner::default();
    for (begins, change) in &told {
        stream::tell(change, *begins, |key, place, edit| learner.observe(key, place, edit));
        if !begins {
            each(change, &mut learner);
        }
    }
    learner
}

impl SettingShadow {
    /// Remembers a change of before watching began, in its place among the others; `false` when it is known already. It is
    /// learnt from once nothing more of the past has come for a minute.
    pub fn remember(&mut self, change: &SettingChange) -> bool {
        let place = self.changes.partition_point(|old| old.at <= change.at);
        let mut same_time = self.changes.range(..place).rev().take_while(|old| old.at == change.at);
        if same_time.any(|old| old.id == change.id) || (place == 0 && self.changes.len() == Self::CHANGES) {
            return false;
        }
        let full = self.changes.len() == Self::CHANGES;
        if full {
            self.forget_oldest();
        }
        let place = place - usize::from(full);
        self.changes.insert(place, change.clone());
        let newest = self.changes.range(place + 1..).all(|later| later.id != change.id);
        if newest && !self.all.contains_key(&change.id) && self.read_at(&change.id).is_none() {
            self.leave(change);
        }
        if let Some(state) = self.all.get_mut(&change.id)
            && state.last_change.as_ref().is_none_or(|last| last.at < change.at)
            && same(Some(&state.value), change.to.as_ref())
        {
            state.last_change = Some(Arc::new(change.clone()));
        }
        self.generation += 1;
        (self.past_waits, self.unlearnt) = (true, 2);
        true
    }

    /// Takes a setting that no source reads to be as `change` left it.
    fn leave(&mut self, change: &SettingChange) {
        let Some(value) = &change.to else {
            self.remembered.remove(&change.id);
            return;
        };
        let since = self.remembered.get(&change.id).map_or(change.at, |state| state.since);
        let state = SettingState {
            value: value.clone(),
            since,
            confirmed: change.at,
            last_change: Some(Arc::new(change.clone())),
            bits: 0.0,
            undoing: None,
        };
        self.remembered.insert(change.id.clone(), state);
    }

    pub(super) fn forget_oldest(&mut self) {
        if let Some(oldest) = self.changes.pop_front()
            && let Some(state) = self.remembered.get(&oldest.id)
            && changed_at(state) == Some(oldest.at)
        {
            self.remembered.remove(&oldest.id);
        }
    }

    /// Settings that no source reads, as the history that tells of them left them, by name. None of them drifts.
    #[must_use]
    pub fn remembered(&self) -> &BTreeMap<SeriesId, SettingState> {
        &self.remembered
    }

    /// Settings that were kept without their models, or with models of another form (by an earlier version), are learnt from the changes
    /// kept with them.
    pub(super) fn learn_what_was(&mut self) {
        if self.form != Self::FORM {
            self.form = Self::FORM;
            if !self.all.is_empty() {
                self.learn_anew();
            }
        }
    }

    pub(super) fn learn_anew(&mut self) {
        let from = self.changes.back().map_or(Timestamp(0), |newest| newest.at) - Self::UNDONE_WITHIN;
        let mut said = Vec::new();
        let mut learner = learn(&self.all, &self.changes, &mut |change, learner| {
            let fresh = change.at >= from && change.from.is_some() && change.to.is_some();
            let state = self.remembered.get(&change.id).filter(|_| fresh);
            if state.is_some_and(|state| state.undoing.is_none() && changed_at(state) == Some(change.at)) {
                // As it would have been, had it been watched.
                learner.refit();
                said.push((change.id.clone(), undoing(learner)));
            }
        });
        learner.carry(&mut self.learner);
        self.learner = learner;
        for (id, undoing) in said {
            if let Some(state) = self.remembered.get_mut(&id) {
                state.undoing = Some(Box::new(undoing));
            }
        }
    }
}
