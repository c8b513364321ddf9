//! Settings that are about to change because others did.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{SettingState, changed_at, same};
use crate::domain::{ResourceId, SeriesId, SettingChange, Span, Timestamp, Value};

/// Why a setting is about to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Another setting changed, after which this one changed too before.
    Along,
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
    /// Along: how often it followed the other, of how many changes of that. Peers: how many have moved, of how many. Upgrades: how many came in
    /// time, of how many, fading.
    pub times: (u32, u32),
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
    proved: BTreeMap<Ground, (f64, f64)>,
    /// What is new since it was last asked for.
    fresh: Vec<Impending>,
}

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
/// Nothing less likely is expected.
const LIKELY: f64 = 0.5;
/// An expectation is told once so many of its ground came due and this share of them came true.
const VOUCHED: (f64, f64) = (5.0, 0.6);

impl Expected {
    /// What may be told: what is likely, on grounds that proved good.
    pub fn told(&self) -> impl Iterator<Item = &Impending> {
        let vouched = |ground: Ground| {
            let (due, true_) = self.proved.get(&ground).copied().unwrap_or_default();
            due >= VOUCHED.0 && true_ >= due * VOUCHED.1
        };
        let likely = |one: &&Impending| one.probability >= LIKELY;
        self.open.iter().filter(likely).filter(move |one| vouched(one.ground))
    }

    /// What is expected since this was last asked.
    pub fn fresh(&mut self) -> Vec<Impending> {
        std::mem::take(&mut self.fresh)
    }

    fn prove(&mut self, ground: Ground, came: bool) {
        let (due, true_) = self.proved.entry(ground).or_default();
        (*due, *true_) = (*due * 0.98 + 1.0, *true_ * 0.98 + f64::from(u8::from(came)));
    }

    /// Takes out the expectations that are `over`, `came` telling whether they came true.
    fn answer(&mut self, over: impl Fn(&Impending) -> bool, came: bool) -> Vec<Answered> {
        if !self.open.iter().any(&over) {
            return Vec::new();
        }
        let (over, open): (Vec<Impending>, _) = std::mem::take(&mut self.open).into_iter().partition(over);
        self.open = open;
        for one in &over {
            self.prove(one.ground, came);
        }
        over.into_iter().map(|one| Answered::new(one, came)).collect()
    }

    /// Takes a change: what was expected of that setting has come.
    pub fn changed(&mut self, change: &SettingChange) -> Vec<Answered> {
        let came = |one: &Impending| one.id == change.id && change.at > one.since && change.at <= one.due;
        let came = self.answer(came, true);
        self.open.retain(|one| one.id != change.id);
        came
    }

    /// Looks at the changes that were made since the last time, and at what did not come, which is given back.
    pub fn look(
        &mut self,
        all: &BTreeMap<SeriesId, SettingState>,
        changes: &VecDeque<SettingChange>,
        now: Timestamp,
    ) -> Vec<Answered> {
        let late = self.answer(|one| one.due < now, false);
        let to = now - WAITS;
        let from = self.looked.unwrap_or(to);
        self.looked = Some(to.max(from));
        // Of thousands of changes at once each follows from all: nothing is to be learnt from it.
        let new: Vec<&SettingChange> = changes.iter().rev().take_while(|change| change.at > from).collect();
        for change in new.into_iter().rev().filter(|change| change.at <= to).take(MOST) {
            self.along(all, changes, change, now);
            self.peers(all, change, now);
        }
        late
    }

    fn expect(&mut self, one: Impending) {
        if let Some(open) = self.open.iter_mut().find(|open| open.id == one.id) {
            open.expected = open.expected.take().or(one.expected);
        } else if one.probability >= LIKELY && self.open.len() < MOST {
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
            if let Some(open) = self.open.iter_mut().find(|open| open.id == *id) {
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

    /// What followed the changes of this setting before, and has not yet.
    fn along(
        &mut self,
        all: &BTreeMap<SeriesId, SettingState>,
        changes: &VecDeque<SettingChange>,
        change: &SettingChange,
        now: Timestamp,
    ) {
        let before = changes
            .iter()
            .filter(|old| old.id == change.id && change.at - old.at > FOLLOWS);
        let before: Vec<Timestamp> = before.map(|old| old.at).collect();
        if before.len() < LEAST {
            return;
        }
        // By setting, how long after each of those times it first changed.
        let mut lags: BTreeMap<&SeriesId, Vec<Span>> = BTreeMap::new();
        for at in &before {
            let start = changes.partition_point(|other| other.at <= *at);
            let mut seen = BTreeSet::new();
            let after = changes.range(start..).take_while(|other| other.at - *at <= FOLLOWS);
            for other in after.filter(|other| other.id != change.id) {
                if seen.insert(&other.id) {
                    lags.entry(&other.id).or_default().push(other.at - *at);
                }
            }
        }
        let passed = now - change.at;
        for (id, lags) in lags {
            let Some(state) = all
                .get(id)
                .filter(|state| changed_at(state).is_none_or(|at| at < change.at))
            else {
                continue;
            };
            let later: Vec<Span> = lags.iter().copied().filter(|lag| *lag > passed).collect();
            let open = before.len() - (lags.len() - later.len());
            let Some(longest) = later.iter().max().filter(|_| later.len() >= LEAST) else {
                continue;
            };
            self.expect(Impending {
                id: id.clone(),
                now: Some(state.value.clone()),
                expected: None,
                // A uniform prior of how often it follows.
                probability: (later.len() as f64 + 1.0) / (open as f64 + 2.0),
                since: now,
                due: change.at + *longest * 2,
                ground: Ground::Along,
                other: change.id.clone(),
                times: (lags.len() as u32, before.len() as u32),
            });
        }
    }

    /// The peers of this setting that still have the value which most have left for this one's.
    fn peers(&mut self, all: &BTreeMap<SeriesId, SettingState>, change: &SettingChange, now: Timestamp) {
        let (Some(from), Some(to)) = (&change.from, &change.to) else {
            return;
        };
        let resources: BTreeSet<&ResourceId> = all.keys().map(|id| &id.resource).collect();
        if resources.len() < 4 {
            return;
        }
        let peers = resources.into_iter().filter_map(|resource| {
            let id = SeriesId {
                resource: resource.clone(),
                name: change.id.name.clone(),
            };
            all.get_key_value(&id)
        });
        let (mut moved, mut late) = (0_u32, Vec::new());
        for (id, state) in peers {
            if !state.value.differs(to) && changed_at(state).is_some_and(|at| change.at - at <= PEERS.1) {
                moved += 1;
            } else if same(Some(&state.value), Some(from)) {
                late.push((id, state));
            }
        }
        let of = moved + late.len() as u32;
        if moved < 3 || moved * 2 < of {
            return;
        }
        let (due, came) = self.proved.get(&Ground::Peers).copied().unwrap_or_default();
        for (id, state) in late {
            self.expect(Impending {
                id: id.clone(),
                now: Some(state.value.clone()),
                expected: Some(to.clone()),
                probability: (came + 2.0) / (due + 3.0),
                since: now,
                due: now + PEERS.0,
                ground: Ground::Peers,
                other: change.id.clone(),
                times: (moved, of),
            });
        }
    }
}

fn upgrade(one: &Impending) -> bool {
    matches!(one.ground, Ground::Upgrade | Ground::Security)
}
