//! The shadow of settings: decayed change rates shrunk to the kind, and the values seen.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::domain::{SeriesId, SettingChange, SettingSnapshot, Span, Timestamp, Value};

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
pub struct SettingShadow {}

impl SettingShadow {
    /// Compares a snapshot with what is known, takes over what is new, and returns the changes.
    ///
    /// The first snapshot of a scope makes no changes. A later one that lacks a setting reports it gone.
    pub fn snapshot(&mut self, snapshot: &SettingSnapshot) -> Vec<SettingChange> {
        let _ = snapshot;
        todo!()
    }

    /// Takes a single change, and returns its surprise in bits.
    pub fn observe(&mut self, change: &SettingChange) -> f64 {
        let _ = change;
        todo!()
    }

    /// The settings as they are, by name.
    #[must_use]
    pub fn all(&self) -> &BTreeMap<SeriesId, SettingState> {
        todo!()
    }

    /// Grows by one with every change, so that others can skip work while nothing changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        todo!()
    }

    /// One setting.
    #[must_use]
    pub fn get(&self, id: &SeriesId) -> Option<&SettingState> {
        self.all().get(id)
    }

    /// The changes seen, oldest first, at most 10,000.
    #[must_use]
    pub fn changes(&self) -> &std::collections::VecDeque<SettingChange> {
        todo!()
    }

    /// The likely values of `id` at `at`, likeliest first.
    #[must_use]
    pub fn values(&self, id: &SeriesId, at: Timestamp) -> Vec<(Option<Value>, f64)> {
        let _ = (id, at);
        todo!()
    }

    /// P(`id` changes within `within` after `at`).
    #[must_use]
    pub fn hazard(&self, id: &SeriesId, at: Timestamp, within: Span) -> f64 {
        let _ = (id, at, within);
        todo!()
    }

    /// P(`change` is undone within `within` of it), as known at `at`.
    #[must_use]
    pub fn undone(&self, change: &SettingChange, at: Timestamp, within: Span) -> f64 {
        let _ = (change, at, within);
        todo!()
    }

    /// Scopes and when each was last confirmed.
    #[must_use]
    pub fn scopes(&self) -> Vec<(crate::domain::ResourceId, Arc<str>, Timestamp)> {
        todo!()
    }
}
