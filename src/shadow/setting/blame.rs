//! What is seen after a change that makes it likelier to be undone: a metric that left its shadow because of it, a setting that usually changes along and did
//! not, peers that did not follow.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Ground, SettingShadow, impending::Answered, same, stream};
use crate::domain::{ResourceId, SeriesId, SettingChange, Span, Timestamp, Value};

/// Deeds whose answer is known, by what was seen after them, and the changes whose answer is not.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Blames {
    #[serde(default)]
    metric: Record,
    #[serde(default)]
    along: Record,
    #[serde(default)]
    peers: Record,
    /// Changes that may yet be undone in time, oldest first, at most [`OPEN`] of a setting.
    #[serde(default)]
    open: BTreeMap<SeriesId, VecDeque<Open>>,
}

/// How many deeds were undone in time or stayed, and after how many of each the sign was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Record {
    undone: (f64, f64),
    stayed: (f64, f64),
    /// What was learnt last: a deed (a resource and when it was changed), whether it was undone, and whether the sign was seen.
    learnt: Option<(ResourceId, Timestamp, bool, bool)>,
}

/// A change that may yet be undone.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    at: Timestamp,
    from: Option<Value>,
    /// Whether a metric left its shadow because of it.
    blamed: bool,
    /// Whether a setting that was expected to change along did not; `None` where none was expected, or its time has not come.
    #[serde(default)]
    alone: Option<bool>,
    /// Whether peers that could follow did not.
    #[serde(default)]
    peers: Peers,
}

/// Whether peers followed a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Peers {
    /// There are too few, or some held the value before.
    #[default]
    None,
    /// They may yet.
    Open,
    Followed,
    Lacking,
}

/// P(the sign is seen after a change that stays), and how many times likelier it is after one that is undone, before more is known.
type Prior = (f64, f64);

/// Changes of one setting that wait for their answer. Older ones of a restless setting are never learnt, whatever comes of them.
const OPEN: usize = 16;
/// What is believed beforehand is worth so many deeds.
const WORTH: f64 = 20.0;
const METRIC: Prior = (0.05, 6.0);
const ALONG: Prior = (0.3, 2.0);
const PEERS: Prior = (0.5, 1.5);
/// Peers can follow where there are so many, and have so long for it.
const FEW: u32 = 3;
const FOLLOW: Span = Span::from_days(1);

impl Record {
    /// How much likelier the sign is after a change that will be undone than after one that will stay: a Bayes factor of two
    /// posterior means (Beta; Gelman et al. 2.4), at least 1.
    ///
    /// What is believed beforehand is the ratio: many changes that stayed without the sign alone do not raise it.
    fn factor(&self, (stays, likelier): Prior) -> f64 {
        let share = |(deeds, with): (f64, f64), prior: f64| (with + prior * WORTH) / (deeds + WORTH);
        let stayed = share(self.stayed, stays);
        (share(self.undone, (stayed * likelier).min(1.0)) / stayed).max(1.0)
    }

    /// Learns what became of a change. What was changed at one time on one resource and ends alike is one deed, and counts once.
    fn learn(&mut self, resource: &ResourceId, at: Timestamp, undone: bool, seen: bool) {
        let (deeds, with) = if undone { &mut self.undone } else { &mut self.stayed };
        let before = self
            .learnt
            .as_ref()
            .filter(|(of, when, so, _)| (of, *when, *so) == (resource, at, undone))
            .map(|learnt| learnt.3);
        *deeds += f64::from(u8::from(before.is_none()));
        *with += f64::from(u8::from(seen && before != Some(true)));
        self.learnt = Some((resource.clone(), at, undone, seen || before == Some(true)));
    }
}

impl Blames {
    /// Learns what became of a change, under every sign that could have been seen.
    fn learn(&mut self, resource: &ResourceId, open: &Open, undone: bool) {
        self.metric.learn(resource, open.at, undone, open.blamed);
        if let Some(alone) = open.alone {
            self.along.learn(resource, open.at, undone, alone);
        }
        if matches!(open.peers, Peers::Followed | Peers::Lacking) {
            self.peers
                .learn(resource, open.at, undone, open.peers == Peers::Lacking);
        }
    }
}

impl SettingShadow {
    /// Takes that at `at` `metric` was told to have left its shadow, or passed its limit, because of the newest change of `setting`.
    /// What is said of that change moves once, and the change is then returned; nothing happens where none is known, or its time is over.
    pub fn blame(&mut self, setting: &SeriesId, metric: &SeriesId, at: Timestamp) -> Option<Arc<SettingChange>> {
        let factor = self.blames.metric.factor(METRIC);
        let change = self.all.get(setting)?.last_change.clone()?;
        let in_time = at - change.at <= Self::UNDONE_WITHIN && change.earliest() <= at;
        let newest = self.blames.open.get_mut(setting)?.back_mut();
        newest
            .filter(|open| in_time && open.at == change.at && !open.blamed)?
            .blamed = true;
        self.likelier(setting, change.at, factor, &format!("{} left its shadow", metric.name))
    }

    /// The changes of which more was said since this was last asked, because something did not follow: for the ledger.
    pub fn newly_doubted(&mut self) -> Vec<Arc<SettingChange>> {
        std::mem::take(&mut self.doubted)
    }

    /// Makes what is said of the newest change of `setting` likelier by `factor`, if it was made at `at`, and gives it back; nothing happens
    /// otherwise.
    fn likelier(&mut self, setting: &SeriesId, at: Timestamp, factor: f64, why: &str) -> Option<Arc<SettingChange>> {
        let state = self.all.get(setting)?;
        let before = state.undoing.as_deref()?;
        let change = state.last_change.clone().filter(|change| change.at == at)?;
        let odds = factor * before.probability / (1.0 - before.probability).max(1e-9);
        let probability = odds / (1.0 + odds);
        let by = probability - before.probability;
        let watch = self.watch(probability).max(before.watch);
        let told = self.all.get_mut(setting)?.undoing.as_deref_mut()?;
        (told.probability, told.watch) = (probability, watch);
        told.reasons.push((why.into(), by));
        told.reasons.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        told.reasons.truncate(3);
        self.generation += 1;
        Some(change)
    }

    /// Takes whether what was expected to change along with others did.
    pub(super) fn went_along(&mut self, answered: Vec<Answered>) {
        for one in answered.into_iter().filter(|one| one.ground == Ground::Along) {
            let open = self.blames.open.get_mut(&one.other);
            let Some(open) = open.and_then(|open| open.iter_mut().rev().find(|open| open.at <= one.since)) else {
                continue;
            };
            let before = open.alone.replace(!one.came || open.alone == Some(true));
            if !one.came && before != Some(true) {
                let (at, factor) = (open.at, self.blames.along.factor(ALONG));
                let why = format!("{} did not change along", one.id.name);
                let change = self.likelier(&one.other, at, factor, &why);
                self.doubted.extend(change);
            }
        }
    }

    /// Looks whether peers have followed the changes whose day is over by `now`.
    pub(super) fn see_who_followed(&mut self, now: Timestamp) {
        let due = |open: &Open| open.peers == Peers::Open && now - open.at >= FOLLOW;
        let all = self.blames.open.iter();
        let due: Vec<(SeriesId, Timestamp)> = all
            .flat_map(|(id, open)| open.iter().filter(|open| due(open)).map(|open| (id.clone(), open.at)))
            .collect();
        for (id, at) in due {
            // Of a value that has changed again nobody can be said not to have followed it.
            let newest = self.all.get(&id).and_then(|state| state.last_change.as_ref());
            let peers = if newest.is_some_and(|change| change.at == at) {
                self.all.get(&id).and_then(|state| self.peers_with(&id, &state.value))
            } else {
                None
            };
            let peers = match peers {
                Some(0) => Peers::Lacking,
                Some(_) => Peers::Followed,
                None => Peers::None,
            };
            let open = self.blames.open.get_mut(&id);
            if let Some(open) = open.and_then(|open| open.iter_mut().find(|open| open.at == at)) {
                open.peers = peers;
            }
            if peers == Peers::Lacking {
                let factor = self.blames.peers.factor(PEERS);
                let change = self.likelier(&id, at, factor, "none of its peers followed within a day");
                self.doubted.extend(change);
            }
        }
    }

    /// How many peers of `id` hold `value`; `None` where it has too few.
    fn peers_with(&self, id: &SeriesId, value: &Value) -> Option<u32> {
        let held = self.learner.held(stream::key(id));
        let alike = held.values.iter().filter(|(text, _)| {
            let held = stream::value(text, value);
            held.is_some_and(|held| !held.differs(value))
        });
        (held.others >= FEW).then(|| alike.map(|(_, count)| count).sum())
    }

    /// From now on `change` may be undone.
    pub(super) fn may_be_undone(&mut self, change: &SettingChange) {
        let holds = change.to.as_ref().and_then(|value| self.peers_with(&change.id, value));
        let peers = if holds == Some(0) { Peers::Open } else { Peers::None };
        let open = self.blames.open.entry(change.id.clone()).or_default();
        if open.len() == OPEN {
            open.pop_front();
        }
        open.push_back(Open {
            at: change.at,
            from: change.from.clone(),
            blamed: false,
            alone: None,
            peers,
        });
    }

    /// Learns from the changes that `change` undoes: its value is the one of before them, whatever came between.
    pub(super) fn answer(&mut self, change: &SettingChange) {
        let undone =
            |open: &Open| change.at - open.at <= Self::UNDONE_WITHIN && same(change.to.as_ref(), open.from.as_ref());
        let open = self.blames.open.get_mut(&change.id);
        for open in open.map(|open| take_out(open, undone)).unwrap_or_default() {
            self.blames.learn(&change.id.resource, &open, true);
        }
    }

    /// Learns from the changes whose time to be undone has passed by `now`.
    pub(super) fn answer_old(&mut self, now: Timestamp) {
        let mut stayed = Vec::new();
        self.blames.open.retain(|id, open| {
            let old = take_out(open, |open| now - open.at > Self::UNDONE_WITHIN);
            stayed.extend(old.into_iter().map(|open| (id.resource.clone(), open)));
            !open.is_empty()
        });
        // What belongs to one deed stands together.
        stayed.sort_by(|(a, one), (b, other)| (a, one.at).cmp(&(b, other.at)));
        for (resource, open) in stayed {
            self.blames.learn(&resource, &open, false);
        }
    }
}

/// Takes out what is `over`.
fn take_out(open: &mut VecDeque<Open>, over: impl Fn(&Open) -> bool) -> Vec<Open> {
    let (out, left) = std::mem::take(open).into_iter().partition(over);
    *open = left;
    out.into()
}
