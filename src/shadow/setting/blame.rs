//! That a metric left its shadow because of a change makes it likelier that the change is undone.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{SettingShadow, same};
use crate::domain::{ResourceId, SeriesId, SettingChange, Timestamp, Value};

/// Deeds whose answer is known: how many were undone in time or stayed, and how many of each a metric had left its shadow for; and the
/// changes whose answer is not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Blames {
    undone: (f64, f64),
    stayed: (f64, f64),
    /// Changes that may yet be undone in time, oldest first, at most [`OPEN`] of a setting.
    #[serde(default)]
    open: BTreeMap<SeriesId, VecDeque<Open>>,
    /// What was learnt last: a deed (a resource and when it was changed), whether it was undone and blamed.
    #[serde(default)]
    learnt: Option<(ResourceId, Timestamp, bool, bool)>,
}

/// A change that may yet be undone.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    at: Timestamp,
    from: Option<Value>,
    /// Whether a metric left its shadow because of it.
    blamed: bool,
}

/// Changes of one setting that wait for their answer. Older ones of a restless setting are never learnt, whatever comes of them.
const OPEN: usize = 16;
/// P(a metric leaves its shadow for a change that stays), and how many times likelier it is for one that is undone, before more is known;
/// each worth [`WORTH`] deeds.
const STAYED: f64 = 0.05;
const LIKELIER: f64 = 6.0;
const WORTH: f64 = 20.0;

impl Blames {
    /// How much likelier such a departure is after a change that will be undone than after one that will stay: a Bayes factor of two
    /// posterior means (Beta; Gelman et al. 2.4), at least 1.
    ///
    /// What is believed beforehand is the ratio: many changes that stayed without blame alone do not raise it.
    fn factor(&self) -> f64 {
        let share = |(deeds, blamed): (f64, f64), prior: f64| (blamed + prior * WORTH) / (deeds + WORTH);
        let stayed = share(self.stayed, STAYED);
        (share(self.undone, (stayed * LIKELIER).min(1.0)) / stayed).max(1.0)
    }

    /// Learns what became of a change. What was changed at one time on one resource and ends alike is one deed, and counts once.
    fn learn(&mut self, resource: ResourceId, at: Timestamp, undone: bool, blamed: bool) {
        let (deeds, with) = if undone { &mut self.undone } else { &mut self.stayed };
        let before = self
            .learnt
            .as_ref()
            .filter(|(of, when, so, _)| (of, *when, *so) == (&resource, at, undone))
            .map(|learnt| learnt.3);
        *deeds += f64::from(u8::from(before.is_none()));
        *with += f64::from(u8::from(blamed && before != Some(true)));
        self.learnt = Some((resource, at, undone, blamed || before == Some(true)));
    }
}

impl SettingShadow {
    /// Takes that at `at` `metric` was told to have left its shadow, or passed its limit, because of the newest change of `setting`.
    /// What is said of that change moves once, and the change is then returned; nothing happens where none is known, or its time is over.
    pub fn blame(&mut self, setting: &SeriesId, metric: &SeriesId, at: Timestamp) -> Option<Arc<SettingChange>> {
        let factor = self.blames.factor();
        let state = self.all.get(setting)?;
        let (change, before) = (state.last_change.clone()?, state.undoing.as_deref()?);
        let in_time = at - change.at <= Self::UNDONE_WITHIN && change.earliest() <= at;
        let newest = self.blames.open.get_mut(setting)?.back_mut();
        let open = newest.filter(|open| in_time && open.at == change.at && !open.blamed)?;
        open.blamed = true;
        let odds = factor * before.probability / (1.0 - before.probability).max(1e-9);
        let probability = odds / (1.0 + odds);
        let by = probability - before.probability;
        let watch = self.watch(probability).max(before.watch);
        let told = self.all.get_mut(setting)?.undoing.as_deref_mut()?;
        (told.probability, told.watch) = (probability, watch);
        told.reasons
            .push((format!("{} left its shadow", metric.name).into(), by));
        told.reasons.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        told.reasons.truncate(3);
        self.generation += 1;
        Some(change)
    }

    /// From now on `change` may be undone.
    pub(super) fn may_be_undone(&mut self, change: &SettingChange) {
        let open = self.blames.open.entry(change.id.clone()).or_default();
        if open.len() == OPEN {
            open.pop_front();
        }
        open.push_back(Open {
            at: change.at,
            from: change.from.clone(),
            blamed: false,
        });
    }

    /// Learns from the changes that `change` undoes: its value is the one of before them, whatever came between.
    pub(super) fn answer(&mut self, change: &SettingChange) {
        let undone =
            |open: &Open| change.at - open.at <= Self::UNDONE_WITHIN && same(change.to.as_ref(), open.from.as_ref());
        let open = self.blames.open.get_mut(&change.id);
        for (at, blamed) in open.map(|open| take_out(open, undone)).unwrap_or_default() {
            self.blames.learn(change.id.resource.clone(), at, true, blamed);
        }
    }

    /// Learns from the changes whose time to be undone has passed by `now`.
    pub(super) fn answer_old(&mut self, now: Timestamp) {
        let mut stayed = Vec::new();
        self.blames.open.retain(|id, open| {
            let old = take_out(open, |open| now - open.at > Self::UNDONE_WITHIN);
            stayed.extend(old.into_iter().map(|(at, blamed)| (id.resource.clone(), at, blamed)));
            !open.is_empty()
        });
        // What belongs to one deed stands together.
        stayed.sort();
        for (resource, at, blamed) in stayed {
            self.blames.learn(resource, at, false, blamed);
        }
    }
}

/// Takes out what is `over`: when each was, and whether it was blamed.
fn take_out(open: &mut VecDeque<Open>, over: impl Fn(&Open) -> bool) -> Vec<(Timestamp, bool)> {
    let mut out = Vec::new();
    open.retain(|one| {
        let over = over(one);
        if over {
            out.push((one.at, one.blamed));
        }
        !over
    });
    out
}
