//! The shadow of settings: which will change, to what, and whether a change just seen will stay.

mod blame;
mod history;
mod impending;
pub mod learned;
mod outlook;
mod stream;
#[cfg(test)]
mod tests;
mod together;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use self::learned::{Learner, Next};
pub use self::{
    impending::{Ground, Impending},
    outlook::{Outlook, PeerValue},
    together::{Stands, Together},
};
use crate::domain::{Reach, SeriesId, SettingChange, SettingSnapshot, Span, Timestamp, Value};

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
    pub last_change: Option<Arc<SettingChange>>,
    /// Surprise of the last change, bits.
    pub bits: f64,
    /// Whether the last change will be undone, as said when it was seen, and anew when a metric departed because of it.
    #[serde(default)]
    pub undoing: Option<Box<Undoing>>,
}

/// Whether a change just seen will be undone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undoing {
    /// P(the value of before is back within 14 days).
    pub probability: f64,
    /// What speaks for it (above 0) and against it, by how much it moves the probability; the strongest first, at most three.
    pub reasons: Vec<(Arc<str>, f64)>,
    /// For how long to watch it.
    pub watch: Span,
}

/// All settings of all resources, as they are and as they should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SettingShadow {
    all: BTreeMap<SeriesId, SettingState>,
    /// Those that no source reads and only a history tells of, as it left them, as far as their newest change is kept.
    #[serde(default)]
    remembered: BTreeMap<SeriesId, SettingState>,
    changes: VecDeque<SettingChange>,
    generation: u64,
    /// When each scope (its name as that of a series of the resource) was last confirmed.
    scopes: BTreeMap<SeriesId, Timestamp>,
    /// What was looked for in each scope when it was last told.
    #[serde(default)]
    reaches: BTreeMap<SeriesId, Reach>,
    #[serde(default)]
    learner: Learner,
    /// The form of the texts and paths that the models learnt.
    #[serde(default)]
    form: u16,
    /// Whether changes of before watching began were remembered that are not learnt yet, and minutes until they are.
    #[serde(default)]
    past_waits: bool,
    #[serde(default)]
    unlearnt: u8,
    #[serde(default)]
    expected: impending::Expected,
    /// The settings that stand with any other, by key.
    #[serde(skip)]
    bound: BTreeMap<u64, SeriesId>,
    #[serde(default)]
    blames: blame::Blames,
    /// Changes of which more was said because something did not follow.
    #[serde(skip)]
    doubted: Vec<Arc<SettingChange>>,
    /// Up to when metrics were looked at for their regimes.
    #[serde(default)]
    looked: Option<Timestamp>,
}

/// What came of a snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Whether its scope was told of before.
    pub known: bool,
    /// What changed in the system.
    pub changes: Vec<SettingChange>,
    /// Settings that nobody looked for before, as they are.
    pub first: Vec<(SeriesId, Value)>,
    /// Settings that nobody looks for any more.
    pub left: Vec<SeriesId>,
}

/// Whether two values, present or not, mean the same.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => !a.differs(b),
        (None, None) => true,
        _ => false,
    }
}

/// What is said of the change that was just learnt.
fn undoing(learner: &mut Learner) -> Undoing {
    let (probability, reasons) = learner.newest_change();
    Undoing {
        probability,
        reasons: reasons
            .into_iter()
            .map(|reason| (reason.what.into(), reason.by))
            .collect(),
        watch: watch(learner, probability),
    }
}

fn watch(learner: &Learner, probability: f64) -> Span {
    Span((learner.watch(probability) * 86.4e9) as i64)
}

fn changed_at(state: &SettingState) -> Option<Timestamp> {
    state.last_change.as_ref().map(|change| change.at)
}

impl SettingShadow {
    /// Changes kept.
    pub const CHANGES: usize = 10_000;
    /// After so long a change is no longer undone but changed anew.
    pub const UNDONE_WITHIN: Span = Span::from_days(14);
    /// The scope that tells no settings but which upgrades of packages are pending.
    const UPGRADES: &'static str = "upgrade";
    /// Grows by one when what [`stream`] tells the models of a setting changes, or what they keep of it: what was learnt in another form answers to
    /// no question in this one. 1: on and off as one text; 2: rates know of usual gaps and moves.
    const FORM: u16 = 2;
    /// Texts that the models may hold; beyond that they are learnt anew from the changes kept.
    const TEXTS: usize = 1_000_000;

    /// Compares a snapshot with what is known, takes over what is new, and returns the changes.
    ///
    /// The first snapshot of a scope makes no changes. A later one that lacks a setting reports it gone. What comes or goes because its reader
    /// looks for more or less than the last time makes none either.
    pub fn snapshot(&mut self, snapshot: &SettingSnapshot) -> Vec<SettingChange> {
        self.told(snapshot).changes
    }

    /// The same, with what else came of it.
    pub fn told(&mut self, snapshot: &SettingSnapshot) -> Told {
        self.learn_what_was();
        if &*snapshot.scope == Self::UPGRADES {
            let told = snapshot.settings.iter().flatten();
            let upgrades = told.filter_map(|(name, version)| Some((name.split_once('.')?.1, version)));
            if snapshot.settings.is_some() {
                self.expected
                    .pending(&self.all, &snapshot.resource, upgrades, snapshot.at);
            }
            return Told::default();
        }
        let scope = SeriesId {
            resource: snapshot.resource.clone(),
            name: snapshot.scope.clone(),
        };
        let confirmed = self.scopes.get(&scope).copied();
        let known = confirmed.is_some();
        if !known && snapshot.settings.is_none() {
            return Told::default();
        }
        let members = self.members(&scope);
        let (mut changes, mut first, mut left) = (Vec::new(), Vec::new(), Vec::new());
        // An earlier version did not say what it looked for: this one may read all otherwise.
        let was = self.reaches.get(&scope).cloned().unwrap_or_default();
        let is = snapshot.reach.as_ref().unwrap_or(&was);
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
                if settings.contains_key(&id.name) {
                    continue;
                }
                if is.finds(&id.name, &was) {
                    let value = self.all.get(id).map(|state| state.value.clone());
                    changes.push(change(id.clone(), value, None));
                } else {
                    left.push(id.clone());
                }
            }
            for (name, value) in settings {
                let id = SeriesId {
                    resource: snapshot.resource.clone(),
                    name: name.clone(),
                };
                match self.all.get_mut(&id) {
                    Some(state) if !state.value.differs(value) => {
                        state.confirmed = snapshot.at;
                        // As it is spelled now; a list is then the one that its source holds.
                        if value.switch().is_some() || matches!(value, Value::List(_)) {
                            state.value = value.clone();
                        }
                    }
                    Some(state) => changes.push(change(id, Some(state.value.clone()), Some(value.clone()))),
                    None if known && was.finds(name, is) => changes.push(change(id, None, Some(value.clone()))),
                    None => first.push((id, value.clone())),
                }
            }
        } else {
            for id in &members {
                if let Some(state) = self.all.get_mut(id) {
                    state.confirmed = snapshot.at;
                }
            }
        }
        if let Some(reach) = &snapshot.reach {
            self.reaches.insert(scope.clone(), reach.clone());
        }
        self.scopes.insert(scope, snapshot.at);
        for id in &left {
            self.all.remove(id);
        }
        for (id, value) in first.iter().cloned() {
            let begins = SettingChange {
                id: id.clone(),
                at: snapshot.at,
                after: None,
                from: None,
                to: Some(value.clone()),
                by: None,
                backfilled: false,
            };
            stream::tell(&begins, true, |key, place, edit| self.learner.observe(key, place, edit));
            self.insert(id, value, snapshot.at);
        }
        // What changed together is judged by what was known before any of it.
        let bits: Vec<f64> = changes.iter().map(|change| self.bits(change)).collect();
        for (change, bits) in changes.iter().zip(bits) {
            self.take(change, bits);
        }
        Told {
            known,
            changes,
            first,
            left,
        }
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
        let state = SettingState {
            value,
            since: at,
            confirmed: at,
            last_change: None,
            bits: 0.0,
            undoing: None,
        };
        self.remembered.remove(&id);
        self.all.insert(id, state);
    }

    /// Surprise of a change, bits, 0 to 40: −log2 of P(it changes on a day) times P(a value no likelier than this one, given that it changes).
    ///
    /// The day is a yardstick: without one the surprise would depend on how often the setting is read.
    fn bits(&self, change: &SettingChange) -> f64 {
        let day = self.hazard(&change.id, change.at, Span::from_days(1));
        let value = stream::tell(change, false, |key, _, edit| {
            let members = (edit.added, edit.removed);
            self.learner.no_likelier(key, edit.new, members, edit.at)
        });
        (1.0 / (day * value)).log2().clamp(0.0, 40.0)
    }

    /// Takes a single change, and returns its surprise in bits.
    ///
    /// A change to the value that is known already is none: 0 bits, and nothing else happens.
    pub fn observe(&mut self, change: &SettingChange) -> f64 {
        self.learn_what_was();
        let now = self.all.get(&change.id).map(|state| &state.value);
        let known = now.is_some() || change.from.is_none() || self.learner.gone(stream::key(&change.id));
        if known && same(now, change.to.as_ref()) {
            return 0.0;
        }
        let bits = self.bits(change);
        self.take(change, bits);
        bits
    }

    fn take(&mut self, change: &SettingChange, bits: f64) {
        let came = self.expected.changed(change);
        self.went_along(came);
        let was_there = self.all.contains_key(&change.id);
        self.answer(change);
        stream::tell(change, false, |key, place, edit| self.learner.observe(key, place, edit));
        let undoing = (was_there && change.to.is_some()).then(|| Box::new(undoing(&mut self.learner)));
        if undoing.is_some() {
            self.may_be_undone(change);
        }
        match &change.to {
            Some(value) => {
                if !self.all.contains_key(&change.id) {
                    self.insert(change.id.clone(), value.clone(), change.at);
                }
                if let Some(state) = self.all.get_mut(&change.id) {
                    state.value = value.clone();
                    state.confirmed = change.at;
                    state.last_change = Some(Arc::new(change.clone()));
                    state.bits = bits;
                    state.undoing = undoing;
                }
            }
            None => {
                self.all.remove(&change.id);
            }
        }
        if self.changes.len() == Self::CHANGES {
            self.forget_oldest();
        }
        self.changes.push_back(change.clone());
        self.generation += 1;
    }

    fn watch(&self, probability: f64) -> Span {
        watch(&self.learner, probability)
    }

    /// Lets time pass until `now`, fits what is due to be fitted anew, and learns what was remembered of the past; once a minute is enough.
    pub fn settle(&mut self, now: Timestamp) {
        self.unlearnt = self.unlearnt.saturating_sub(1);
        if self.unlearnt == 0 && self.past_waits || self.learner.texts() > Self::TEXTS {
            self.learn_past(now);
        }
        self.learn_what_was();
        let states = self.all.iter().chain(&self.remembered);
        let late = self.expected.look(states, &self.changes, now);
        self.went_along(late);
        self.see_who_followed(now);
        self.answer_old(now);
        self.learner.pass(stream::days(now));
        self.learner.refit();
    }

    /// Learns what was remembered of the past by `now`, without waiting for more of it.
    pub fn learn_past(&mut self, now: Timestamp) {
        self.past_waits = false;
        self.learn_anew();
        let states = self.all.iter().chain(&self.remembered);
        self.expected.replay(states, &self.changes, now);
        // What was told of settings rests on what was known before.
        self.generation += 1;
    }

    /// Settings that are about to change because others did, as far as such expectations have proved good.
    pub fn impending(&self) -> impl Iterator<Item = &Impending> {
        self.expected.told()
    }

    /// What is newly expected to change, told or not, since this was last asked: for the ledger, to which nobody tells in time of what is only
    /// remembered.
    pub fn newly_expected(&mut self) -> Vec<Impending> {
        let mut fresh = self.expected.fresh();
        fresh.retain(|one| self.all.contains_key(&one.id));
        fresh
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
        self.all.get(id).or_else(|| self.remembered.get(id))
    }

    /// The changes seen, oldest first, at most 10,000.
    #[must_use]
    pub fn changes(&self) -> &VecDeque<SettingChange> {
        &self.changes
    }

    /// The likely values of `id` at `at`, likeliest first; what is missing to 1 is a value never seen. Empty for a setting never seen.
    #[must_use]
    pub fn values(&self, id: &SeriesId, at: Timestamp) -> Vec<(Option<Value>, f64)> {
        let key = stream::key(id);
        let Some(state) = self.get(id) else {
            let moves = self.hazard(id, at, Span::from_days(1));
            let gone = self.learner.gone(key).then_some((None, 1.0 - moves));
            return gone.into_iter().collect();
        };
        // Until the newest reading it is known to have stayed.
        let moves = self.hazard(id, state.confirmed, at - state.confirmed);
        let mut values = vec![(Some(state.value.clone()), 1.0 - moves)];
        let next = self.learner.candidates(key, stream::days(at));
        values.extend(next.into_iter().take(8).filter_map(|(text, odds)| {
            let value = stream::value(&text, &state.value)?;
            // Written otherwise it is what it is now.
            state.value.differs(&value).then_some((Some(value), moves * odds))
        }));
        values.sort_by(|a, b| b.1.total_cmp(&a.1));
        values
    }

    /// P(`id` changes within `within` after `at`); of a setting that is not there, that it comes.
    #[must_use]
    pub fn hazard(&self, id: &SeriesId, at: Timestamp, within: Span) -> f64 {
        let (now, days) = (stream::days(at), within.secs_f64() / 86_400.0);
        let there = self.learner.within(stream::key(id), now, days);
        there.unwrap_or_else(|| self.learner.comes(&stream::resource(id), now, days))
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
        let state = self.get(&change.id);
        let told = state.filter(|state| state.last_change.as_ref().is_some_and(|last| last.at == change.at));
        let ever = told
            .and_then(|state| state.undoing.as_ref())
            .map_or_else(|| self.learner.usually_undone(), |undoing| undoing.probability);
        let by = |span: Span| self.learner.undone_by(span.secs_f64().max(0.0) / 86_400.0);
        let passed = by(at - change.at);
        (ever * (by(within) - passed).max(0.0) / (1.0 - ever * passed).max(1e-9)).clamp(0.0, 1.0)
    }

    /// When all settings of the source that tells of `id` were last read; `None` where it told of none yet.
    #[must_use]
    pub fn read_at(&self, id: &SeriesId) -> Option<Timestamp> {
        let scope = id.name.split('.').next().unwrap_or_default();
        self.scopes.get(&SeriesId::new(&id.resource, scope)).copied()
    }
}
