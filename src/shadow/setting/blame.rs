//! That a metric left its shadow because of a change makes it likelier that the change is undone.

use serde::{Deserialize, Serialize};

use super::{SettingShadow, same};
use crate::domain::{SeriesId, SettingChange, Timestamp};

/// Changes whose answer is known: how many were undone in time or stayed, and how many of each a metric had left its shadow for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Blames {
    undone: (f64, f64),
    stayed: (f64, f64),
}

/// P(a metric leaves its shadow for a change) of those that are undone and of those that stay, before more is known, each worth
/// [`WORTH`] changes.
const PRIOR: (f64, f64) = (0.3, 0.05);
const WORTH: f64 = 20.0;

impl Blames {
    /// How much likelier such a departure is after a change that will be undone than after one that will stay: a Bayes factor of two
    /// posterior means (Beta; Gelman et al. 2.4), at least 1.
    fn factor(&self) -> f64 {
        let share = |(changes, blamed): (f64, f64), prior: f64| (blamed + prior * WORTH) / (changes + WORTH);
        (share(self.undone, PRIOR.0) / share(self.stayed, PRIOR.1)).max(1.0)
    }

    fn learn(&mut self, undone: bool, blamed: bool) {
        let (changes, with) = if undone { &mut self.undone } else { &mut self.stayed };
        (*changes, *with) = (*changes + 1.0, *with + f64::from(u8::from(blamed)));
    }
}

impl SettingShadow {
    /// Takes that at `at` `metric` was told to have left its shadow, or passed its limit, because of the newest change of `setting`.
    /// What is said of that change moves once; nothing happens where none is known, or its time is over.
    pub fn blame(&mut self, setting: &SeriesId, metric: &SeriesId, at: Timestamp) {
        let factor = self.blames.factor();
        let changed = self.all.get(setting).and_then(|state| state.last_change.as_ref());
        let in_time = changed.is_some_and(|change| at - change.at <= Self::UNDONE_WITHIN && change.earliest() <= at);
        let told = self.all.get(setting).and_then(|state| state.undoing.as_deref());
        let Some(before) = told.filter(|told| in_time && told.blamed.is_none() && !told.answered) else {
            return;
        };
        let odds = factor * before.probability / (1.0 - before.probability).max(1e-9);
        let probability = odds / (1.0 + odds);
        let by = probability - before.probability;
        let watch = self.watch(probability).max(before.watch);
        if let Some(told) = self.all.get_mut(setting).and_then(|state| state.undoing.as_deref_mut()) {
            (told.probability, told.watch, told.blamed) = (probability, watch, Some(metric.clone()));
            told.reasons
                .push((format!("{} left its shadow", metric.name).into(), by));
            told.reasons.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            told.reasons.truncate(3);
        }
        self.generation += 1;
    }

    /// Learns from what `change` says of the one before it: undone, or changed anew.
    pub(super) fn answer(&mut self, change: &SettingChange) {
        let Some(state) = self.all.get_mut(&change.id) else {
            return;
        };
        let Some(before) = state.last_change.as_ref() else {
            return;
        };
        let undone = change.at - before.at <= Self::UNDONE_WITHIN && same(change.to.as_ref(), before.from.as_ref());
        if let Some(told) = state.undoing.as_deref_mut().filter(|told| !told.answered) {
            told.answered = true;
            self.blames.learn(undone, told.blamed.is_some());
        }
    }

    /// Learns from the changes whose time to be undone has passed by `now`.
    pub(super) fn answer_old(&mut self, now: Timestamp) {
        for state in self.all.values_mut() {
            let Some(told) = state.undoing.as_deref_mut().filter(|told| !told.answered) else {
                continue;
            };
            let old = |change: &SettingChange| now - change.at > Self::UNDONE_WITHIN;
            if state.last_change.as_deref().is_some_and(old) {
                told.answered = true;
                self.blames.learn(false, told.blamed.is_some());
            }
        }
    }
}
