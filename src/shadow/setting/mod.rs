//! The shadow of settings: decayed change rates shrunk to the kind, and the values seen.

pub mod learned;
mod rates;
mod reverts;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use self::{
    rates::{ChangeRates, same},
    reverts::Reverts,
};
use crate::domain::{ResourceId, SeriesId, SettingChange, SettingSnapshot, Span, Timestamp, Value};

/// A model of settings: fed with changes, asked for values and hazards.
pub trait SettingModel {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Takes a change.
    fn observe(&mut self, change: &SettingChange);

    /// The likely values of `id` at `at`, likeliest first; probabilities sum to at most 1.
    fn values(&self, id: &SeriesId, at: Timestamp) -> Vec<(Option<Value>, f64)>;

    /// P(`id` changes within `within` after `at`).
    fn hazard(&self, id: &SeriesId, at: Timestamp, within: Span) -> f64;
}

/// One setting as it is, with what is known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingState {
    /// The value now.
    pub value: Value,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was last confirmed.
    pub confirmed: Timestamp,
    /// Its last change, if one was seen.
    pub last_change: Option<SettingChange>,
    /// Surprise of the last change, bits.
    pub bits: f64,
}

/// All settings of all resources, as they are and as they should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SettingShadow {
    all: BTreeMap<SeriesId, SettingState>,
    changes: VecDeque<SettingChange>,
    generation: u64,
    /// When each scope (its name as that of a series of the resource) was last confirmed.
    scopes: BTreeMap<SeriesId, Timestamp>,
    rates: ChangeRates,
    reverts: Reverts,
}

impl SettingShadow {
    /// Changes kept.
    pub const CHANGES: usize = 10_000;

    /// Compares a snapshot with what is known, takes over what is new, and returns the changes.
    ///
    /// The first snapshot of a scope makes no changes. A later one that lacks a setting reports it gone.
    pub fn snapshot(&mut self, snapshot: &SettingSnapshot) -> Vec<SettingChange> {
        let scope = SeriesId {
            resource: snapshot.resource.clone(),
            name: snapshot.scope.clone(),
        };
        let confirmed = self.scopes.get(&scope).copied();
        let known = confirmed.is_some();
        if !known && snapshot.settings.is_none() {
            return Vec::new();
        }
        self.rates.confirm(&scope, snapshot.at);
        let members = self.members(&scope);
        let mut changes = Vec::new();
        if let Some(settings) = &snapshot.settings {
            let change = |id: SeriesId, from: Option<Value>, to: Option<Value>| SettingChange {
                id,
                at: snapshot.at,
                after: confirmed.filter(|before| *before <= snapshot.at),
                from,
                to,
                by: None,
                backfilled: false,
            };
            for id in &members {
                if !settings.contains_key(&id.name) {
                    changes.push(change(
                        id.clone(),
                        self.all.get(id).map(|state| state.value.clone()),
                        None,
                    ));
                }
            }
            for (name, value) in settings {
                let id = SeriesId {
                    resource: snapshot.resource.clone(),
                    name: name.clone(),
                };
                match self.all.get_mut(&id) {
                    Some(state) if !state.value.differs(value) => state.confirmed = snapshot.at,
                    Some(state) => changes.push(change(id, Some(state.value.clone()), Some(value.clone()))),
                    None if known => changes.push(change(id, None, Some(value.clone()))),
                    None => self.insert(id, value.clone(), snapshot.at),
                }
            }
        } else {
            for id in &members {
                if let Some(state) = self.all.get_mut(id) {
                    state.confirmed = snapshot.at;
                }
            }
        }
        self.scopes.insert(scope, snapshot.at);
        // What changed together is judged by what was known before any of it.
        let bits: Vec<f64> = changes.iter().map(|change| self.rates.bits(change)).collect();
        for (change, bits) in changes.iter().zip(bits) {
            self.take(change, bits);
        }
        changes
    }

    /// The settings of a scope; those of a narrower known scope inside it are not its own.
    fn members(&self, scope: &SeriesId) -> Vec<SeriesId> {
        let under = |id: &SeriesId, scope: &SeriesId| {
            id.resource == scope.resource
                && id
                    .name
                    .strip_prefix(&*scope.name)
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        let narrower: Vec<&SeriesId> = self.scopes.keys().filter(|other| under(other, scope)).collect();
        // The dot sorts before all that may stand between the scope's name and the next one.
        self.all
            .range(scope.clone()..)
            .map(|(id, _)| id)
            .take_while(|id| id.resource == scope.resource && id.name.starts_with(&*scope.name))
            .filter(|id| under(id, scope) && !narrower.iter().any(|narrower| under(id, narrower)))
            .cloned()
            .collect()
    }

    fn insert(&mut self, id: SeriesId, value: Value, at: Timestamp) {
        self.rates.watch(&id, at, false);
        let state = SettingState {
            value,
            since: at,
            confirmed: at,
            last_change: None,
            bits: 0.0,
        };
        self.all.insert(id, state);
    }

    /// Takes a single change, and returns its surprise in bits.
    ///
    /// A change to the value that is known already is none: 0 bits, and nothing else happens.
    pub fn observe(&mut self, change: &SettingChange) -> f64 {
        let now = self.all.get(&change.id).map(|state| &state.value);
        let known = now.is_some() || change.from.is_none() || self.rates.gone(&change.id);
        if known && same(now, change.to.as_ref()) {
            return 0.0;
        }
        let bits = self.rates.bits(change);
        self.take(change, bits);
        bits
    }

    /// Remembers a change of before watching began, in its place among the others; `false` when it is known already. How often such
    /// settings change is not learnt from it: for how long nothing else changed then, no history says.
    pub fn remember(&mut self, change: &SettingChange) -> bool {
        let place = self.changes.partition_point(|old| old.at <= change.at);
        let mut same_time = self.changes.range(..place).rev().take_while(|old| old.at == change.at);
        if same_time.any(|old| old.id == change.id) || (place == 0 && self.changes.len() == Self::CHANGES) {
            return false;
        }
        if self.changes.len() == Self::CHANGES {
            self.changes.pop_front();
            self.changes.insert(place - 1, change.clone());
        } else {
            self.changes.insert(place, change.clone());
        }
        if let Some(state) = self.all.get_mut(&change.id)
            && state.last_change.as_ref().is_none_or(|last| last.at < change.at)
            && same(Some(&state.value), change.to.as_ref())
        {
            state.last_change = Some(change.clone());
        }
        self.generation += 1;
        true
    }

    fn take(&mut self, change: &SettingChange, bits: f64) {
        let last = self.all.get(&change.id).and_then(|state| state.last_change.as_ref());
        let undid = last.is_some_and(|last| {
            change.at - last.at <= Reverts::LONGEST && same(last.from.as_ref(), change.to.as_ref())
        });
        self.reverts.observe(rates::kind(&change.id), undid);
        self.rates.observe(change);
        match &change.to {
            Some(value) => {
                if !self.all.contains_key(&change.id) {
                    self.insert(change.id.clone(), value.clone(), change.at);
                }
                if let Some(state) = self.all.get_mut(&change.id) {
                    state.value = value.clone();
                    state.confirmed = change.at;
                    state.last_change = Some(change.clone());
                    state.bits = bits;
                }
            }
            None => {
                if self.all.remove(&change.id).is_some() {
                    self.rates.watch(&change.id, change.at, true);
                }
            }
        }
        if self.changes.len() == Self::CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change.clone());
        self.generation += 1;
    }

    /// The settings as they are, by name.
    #[must_use]
    pub fn all(&self) -> &BTreeMap<SeriesId, SettingState> {
        &self.all
    }

    /// Grows by one with every change, so that others can skip work while nothing changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// One setting.
    #[must_use]
    pub fn get(&self, id: &SeriesId) -> Option<&SettingState> {
        self.all.get(id)
    }

    /// The changes seen, oldest first, at most 10,000.
    #[must_use]
    pub fn changes(&self) -> &VecDeque<SettingChange> {
        &self.changes
    }

    /// The likely values of `id` at `at`, likeliest first; what is missing to 1 is a value never seen. Empty for a setting never seen.
    #[must_use]
    pub fn values(&self, id: &SeriesId, at: Timestamp) -> Vec<(Option<Value>, f64)> {
        let values = self.rates.values(id, at);
        match self.all.get(id) {
            Some(state) if values.is_empty() => {
                let stays = 1.0 - self.rates.hazard(id, state.confirmed, at - state.confirmed);
                vec![(Some(state.value.clone()), stays)]
            }
            _ => values,
        }
    }

    /// P(`id` changes within `within` after `at`).
    #[must_use]
    pub fn hazard(&self, id: &SeriesId, at: Timestamp, within: Span) -> f64 {
        self.rates.hazard(id, at, within)
    }

    /// P(`change` is undone within `within` of it), as known at `at`; 1 when it was undone by then.
    #[must_use]
    pub fn undone(&self, change: &SettingChange, at: Timestamp, within: Span) -> f64 {
        let later = self.changes.iter().rev().take_while(|later| later.at > change.at);
        let undid = |later: &SettingChange| {
            later.id == change.id && later.at <= at && same(later.to.as_ref(), change.from.as_ref())
        };
        if later.into_iter().any(undid) {
            return 1.0;
        }
        self.reverts.undone(&rates::kind(&change.id), at - change.at, within)
    }

    /// Scopes and when each was last confirmed.
    #[must_use]
    pub fn scopes(&self) -> Vec<(ResourceId, Arc<str>, Timestamp)> {
        self.scopes
            .iter()
            .map(|(scope, at)| (scope.resource.clone(), scope.name.clone(), *at))
            .collect()
    }
}
