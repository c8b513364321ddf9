//! Settings that are about to change because others did.

pub(super) mod scene;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use self::scene::Scene;
use super::SettingState;
use crate::domain::{ResourceId, SeriesId, SettingChange, Span, Timestamp, Value};

/// Why a setting is about to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Another setting changed, after which this one changed too before.
    Along,
    /// Another setting changed, with which this one nearly always changed at once before.
    Half,
    /// Most of its peers have left the value that it still has.
    Peers,
    /// A newer version of the package is there to be installed.
    Upgrade,
    /// So it is, by the archive for security.
    Security,
}

/// A setting that is about to change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impending {
    /// Which.
    pub id: SeriesId,
    /// The value it has.
    pub now: Option<Value>,
    /// The value expected, where one is.
    pub expected: Option<Value>,
    /// P(it changes before it is due).
    pub probability: f64,
    /// Since when this is so.
    pub since: Timestamp,
    /// Until when it is expected.
    pub due: Timestamp,
    /// Why.
    pub ground: Ground,
    /// The setting that changed; the scope that told of an upgrade.
    pub other: SeriesId,
    /// Along and half: how often it followed the other, or went with it, of how many changes of that. Peers: how many have moved, of how many. Upgrades: how many came in
    /// time, of how many, fading.
    pub times: (u32, u32),
}

impl Impending {
    /// P(it changes within `within` of `at`), as far as that is known: where it may come later, 0.
    pub(super) fn chance(&self, at: Timestamp, within: Span) -> f64 {
        match (at..=at + within).contains(&self.due) {
            true => self.probability,
            false => 0.0,
        }
    }
}

/// What became of an expectation.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    /// The setting that was expected to change, and the one whose change spoke for it.
    pub id: SeriesId,
    pub other: SeriesId,
    /// Why, since when, and whether it came true.
    pub ground: Ground,
    pub since: Timestamp,
    pub came: bool,
}

impl Answered {
    fn new(one: Impending, came: bool) -> Self {
        Self {
            id: one.id,
            other: one.other,
            ground: one.ground,
            since: one.since,
            came,
        }
    }
}

/// What is expected, and how often such expectations came true.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Expected {
    open: Vec<Impending>,
    /// Up to when changes were looked at.
    looked: Option<Timestamp>,
    /// By ground: expectations whose time came, and those that came true; fading.
    proved: Proved,
    /// The same of what only a history tells of, by its resource: what is habit there says nothing of others.
    #[serde(default)]
    told_of: BTreeMap<ResourceId, Proved>,
    /// What is new since it was last asked for.
    fresh: Vec<Impending>,
}

type Proved = BTreeMap<Ground, (f64, f64)>;

/// Expectations held at most.
const MOST: usize = 200;
/// A change is looked at so long after it was seen: what comes in one go is there by then.
const WAITS: Span = Span::from_mins(2);
/// How long after a change another counts as following it.
const FOLLOWS: Span = Span::from_days(1);
/// How long peers have to follow, and for how long a peer's move counts as one of theirs.
const PEERS: (Span, Span) = (Span::from_days(7), Span::from_days(14));
/// How long a pending upgrade has to come.
const UPGRADES: Span = Span::from_days(7);
/// Changes of a setting before which nothing can be said to follow them.
const LEAST: usize = 3;
/// What changed at once so often of so many times is one change.
const AT_ONCE: (usize, usize) = (4, 5);
/// Nothing less likely is told.
const LIKELY: f64 = 0.5;
/// Of a ground that mostly did not come true so many expectations are held untold, for that it may again.
const TRIED: usize = 10;
/// An expectation is told once so many of its ground came due and this share of them came true.
const VOUCHED: (f64, f64) = (5.0, 0.6);

impl Expected {
    /// What may be told: what is likely, on grounds that proved good; of each setting on the best.
    pub fn told(&self) -> impl Iterator<Item = &Impending> {
        let mut best: BTreeMap<&SeriesId, &Impending> = BTreeMap::new();
        for one in &self.open {
            let (due, came) = self.record(&one.id.resource, one.ground);
            if one.probability >= LIKELY && due >= VOUCHED.0 && came >= due * VOUCHED.1 {
                let told = best.entry(&one.id).or_insert(one);
                if told.probability < one.probability {
                    *told = one;
                }
            }
        }
        best.into_values()
    }

    /// What is expected since this was last asked.
    pub fn fresh(&mut self) -> Vec<Impending> {
        std::mem::take(&mut self.fresh)
    }

    /// Expectations whose time came, and those that came true.
    fn record(&self, resource: &ResourceId, ground: Ground) -> (f64, f64) {
        let proved = match only_told(resource) {
            true => self.told_of.get(resource),
            false => Some(&self.proved),
        };
        proved
            .and_then(|proved| proved.get(&ground))
            .copied()
            .unwrap_or_default()
    }

    fn prove(&mut self, one: &Impending, came: bool) {
        let proved = match only_told(&one.id.resource) {
            true => self.told_of.entry(one.id.resource.clone()).or_default(),
            false => &mut self.proved,
        };
        let (due, true_) = proved.entry(one.ground).or_default();
        (*due, *true_) = (*due * 0.98 + 1.0, *true_ * 0.98 + f64::from(u8::from(came)));
    }

    /// Takes out the expectations that are `over`, `came` telling whether they came true; those of which it tells nothing are dropped.
    fn answer(
        &mut self,
        over: impl Fn(&Impending) -> bool,
        came: impl Fn(&Impending) -> Option<bool>,
    ) -> Vec<Answered> {
        if !self.open.iter().any(&over) {
            return Vec::new();
        }
        let (over, open): (Vec<Impending>, _) = std::mem::take(&mut self.open).into_iter().partition(over);
        self.open = open;
        let mut answered = Vec::new();
        for one in over {
            if let Some(came) = came(&one) {
                self.prove(&one, came);
                answered.push(Answered::new(one, came));
            }
        }
        answered
    }

    /// Takes a change: what was expected of that setting has come.
    pub fn changed(&mut self, change: &SettingChange) -> Vec<Answered> {
        let came = |one: &Impending| one.id == change.id && change.at > one.since && change.at <= one.due;
        let came = self.answer(came, |_| Some(true));
        self.open.retain(|one| one.id != change.id);
        came
    }

    /// What was due before `now` did not come. A history that was last told before that says nothing of it.
    fn late(&mut self, changes: &VecDeque<SettingChange>, now: Timestamp) -> Vec<Answered> {
        let told_until = |resource: &ResourceId| {
            let newest = changes.iter().rev().find(|change| change.id.resource == *resource);
            newest.map(|change| change.at)
        };
        let stayed = |one: &Impending| {
            !only_told(&one.id.resource) || told_until(&one.id.resource).is_some_and(|until| until >= one.due)
        };
        self.answer(|one| one.due < now, |one| stayed(one).then_some(false))
    }

    /// Looks at the changes that were made since the last time, and at what did not come, which is given back.
    pub fn look<'a>(
        &mut self,
        states: impl Iterator<Item = (&'a SeriesId, &'a SettingState)> + Clone,
        changes: &'a VecDeque<SettingChange>,
        now: Timestamp,
    ) -> Vec<Answered> {
        let late = self.late(changes, now);
        let to = now - WAITS;
        let from = self.looked.unwrap_or(to);
        self.looked = Some(to.max(from));
        let new =
            changes.partition_point(|change| change.at <= from)..changes.partition_point(|change| change.at <= to);
        if !new.is_empty() {
            self.follow(&Scene::now(states, changes), changes, new, now);
        }
        late
    }

    /// Learns anew what such expectations are worth, by going through `changes` (oldest first) as if each was seen when it was made, and holds
    /// those that are open at `now`. What upgrades are pending no change tells: of them all stays.
    pub fn replay<'a>(
        &mut self,
        states: impl Iterator<Item = (&'a SeriesId, &'a SettingState)> + Clone,
        changes: &'a VecDeque<SettingChange>,
        now: Timestamp,
    ) {
        let (upgrades, known): (Vec<Impending>, Vec<Impending>) =
            std::mem::take(&mut self.open).into_iter().partition(upgrade);
        let fresh = std::mem::take(&mut self.fresh);
        self.told_of.clear();
        self.proved
            .retain(|ground, _| matches!(ground, Ground::Upgrade | Ground::Security));
        let mut scene = Scene::before(states.clone(), changes);
        let mut looked = 0;
        for (place, change) in changes.iter().enumerate().filter(|(_, change)| change.at <= now) {
            self.look_until(&scene, changes, &mut looked, change.at);
            self.late(changes, change.at);
            self.changed(change);
            scene.pass(place);
        }
        scene.arrive(states);
        self.look_until(&scene, changes, &mut looked, now);
        self.looked = Some(now - WAITS);
        self.late(changes, now);
        let is_known = |one: &&Impending| {
            let same = |old: &Impending| (&old.id, old.ground, old.due) == (&one.id, one.ground, one.due);
            known.iter().any(same)
        };
        let new = self.open.iter().filter(|one| !is_known(one)).cloned();
        self.fresh = fresh.into_iter().chain(new).collect();
        self.open.extend(upgrades);
    }

    /// Looks at the changes from the one at `looked` on, each when it had been seen for [`WAITS`], as far as that was before `now`.
    fn look_until(&mut self, scene: &Scene<'_>, changes: &VecDeque<SettingChange>, looked: &mut usize, now: Timestamp) {
        while let Some(at) = changes.get(*looked).map(|change| change.at)
            && at + WAITS <= now
        {
            let end = changes.partition_point(|change| change.at <= at);
            self.late(changes, at + WAITS);
            self.follow(scene, changes, *looked..end, at + WAITS);
            *looked = end;
        }
    }

    /// Expects what follows the changes at `new`.
    fn follow(
        &mut self,
        scene: &Scene<'_>,
        changes: &VecDeque<SettingChange>,
        new: std::ops::Range<usize>,
        now: Timestamp,
    ) {
        // Of thousands of changes at once each follows from all: nothing is to be learnt from it.
        for place in new.take(MOST) {
            self.along(scene, place, &changes[place], now);
            self.peers(scene, place, &changes[place], now);
        }
    }

    fn expect(&mut self, one: Impending) {
        let same = |open: &&mut Impending| open.id == one.id && open.ground == one.ground;
        if let Some(open) = self.open.iter_mut().find(same) {
            if one.ground == Ground::Peers {
                (open.expected, open.other, open.times) = (one.expected, one.other, one.times);
            }
            return;
        }
        let tried = || {
            let ground = |open: &&Impending| open.ground == one.ground && open.id.resource == one.id.resource;
            one.ground != Ground::Along && self.open.iter().filter(ground).count() < TRIED
        };
        if self.open.len() < MOST && (one.probability >= LIKELY || tried()) {
            self.fresh.push(one.clone());
            self.open.push(one);
        }
    }

    /// Takes what upgrades are pending on `resource` at `at`: by sort, package and architecture (`security:libc6:amd64`) the version. Each is
    /// expected to come as soon as those of its sort did.
    pub fn pending<'a>(
        &mut self,
        all: &BTreeMap<SeriesId, SettingState>,
        resource: &ResourceId,
        upgrades: impl Iterator<Item = (&'a str, &'a Value)>,
        at: Timestamp,
    ) {
        let named = |name: &str| SeriesId::new(resource, name);
        let other = named("upgrade");
        let mut still = BTreeSet::new();
        for (name, version) in upgrades {
            let Some((sort, package)) = name.split_once(':') else {
                continue;
            };
            let bare = package.rsplit_once(':').map_or(package, |(bare, _)| bare);
            let ids = [named(&format!("pkg.{bare}")), named(&format!("pkg.{package}"))];
            let Some((id, state)) = ids.iter().find_map(|id| all.get_key_value(id)) else {
                continue;
            };
            if !state.value.differs(version) {
                continue;
            }
            still.insert(id.clone());
            if let Some(open) = self.open.iter_mut().find(|open| open.id == *id && upgrade(open)) {
                open.expected = Some(version.clone());
                continue;
            }
            let ground = if sort == "security" {
                Ground::Security
            } else {
                Ground::Upgrade
            };
            let (due, came) = self.proved.get(&ground).copied().unwrap_or_default();
            // Of hundreds of upgrades there is room for what else is to come.
            if self.open.iter().filter(|open| upgrade(open)).count() < MOST / 2 {
                let one = Impending {
                    id: id.clone(),
                    now: Some(state.value.clone()),
                    expected: Some(version.clone()),
                    // A uniform prior of how many come in time.
                    probability: (came + 1.0) / (due + 2.0),
                    since: at,
                    due: at + UPGRADES,
                    ground,
                    other: other.clone(),
                    times: (came.round() as u32, due.round() as u32),
                };
                self.fresh.push(one.clone());
                self.open.push(one);
            }
        }
        // What is no longer pending and was not installed was taken back.
        self.open
            .retain(|one| !upgrade(one) || one.id.resource != *resource || still.contains(&one.id));
    }

    /// What followed the changes of this setting before, or went with them, and has not yet.
    fn along(&mut self, scene: &Scene<'_>, place: usize, change: &SettingChange, now: Timestamp) {
        let (all, times) = scene.along(place);
        if times < LEAST {
            return;
        }
        let passed = now - change.at;
        for (number, along) in all {
            let Some((id, value, changed)) = scene.stands(number) else {
                continue;
            };
            let one = |ground, probability, due, times: (usize, usize)| Impending {
                id: id.clone(),
                now: Some(value.clone()),
                expected: None,
                probability,
                since: now,
                due,
                ground,
                other: change.id.clone(),
                times: (times.0 as u32, times.1 as u32),
            };
            if along.with >= LEAST && along.with * AT_ONCE.1 >= times * AT_ONCE.0 {
                if changed.is_none_or(|at| at < change.at) {
                    let (due, came) = self.record(&id.resource, Ground::Half);
                    let probability = (came + 1.0) / (due + 2.0);
                    self.expect(one(Ground::Half, probability, change.at + FOLLOWS, (along.with, times)));
                }
                continue;
            }
            let later: Vec<Span> = along.lags.iter().copied().filter(|lag| *lag > passed).collect();
            let Some(longest) = later.iter().copied().max().filter(|_| later.len() >= LEAST) else {
                continue;
            };
            // Where it went ahead, or at once, nothing was left to follow; nor is it now.
            let ahead = along.leads.iter().filter(|lead| **lead <= longest).count();
            if changed.is_some_and(|at| at >= change.at - longest) {
                continue;
            }
            let times = times - along.with - ahead;
            let open = times - (along.lags.len() - later.len());
            // A uniform prior of how often it follows.
            let probability = (later.len() as f64 + 1.0) / (open as f64 + 2.0);
            let due = change.at + longest * 2;
            self.expect(one(Ground::Along, probability, due, (along.lags.len(), times)));
        }
    }

    /// The peers of this setting that still have the value which most have left for this one's.
    fn peers(&mut self, scene: &Scene<'_>, place: usize, change: &SettingChange, now: Timestamp) {
        let Some(peers) = scene.peers(place) else {
            return;
        };
        let of = peers.moved + peers.late.len() as u32;
        if peers.moved < 3 || peers.moved * 2 < of {
            return;
        }
        for (number, then) in peers.late {
            let Some((id, value, _)) = scene.stands(number) else {
                continue;
            };
            let (due, came) = self.record(&id.resource, Ground::Peers);
            self.expect(Impending {
                id: id.clone(),
                now: Some(value.clone()),
                expected: Some(then),
                probability: (came + 2.0) / (due + 3.0),
                since: now,
                due: now + PEERS.0,
                ground: Ground::Peers,
                other: change.id.clone(),
                times: (peers.moved, of),
            });
        }
    }
}

fn upgrade(one: &Impending) -> bool {
    matches!(one.ground, Ground::Upgrade | Ground::Security)
}

/// Whether nothing reads the resource, and only a history tells of it.
fn only_told(resource: &ResourceId) -> bool {
    resource.kind() == ResourceId::REPOSITORY
}
