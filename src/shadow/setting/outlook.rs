//! What is to be said of one setting: what comes, what it should be, what its peers hold.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Impending, Next, SettingShadow, SettingState, Stands, impending::scene::image, stream};
use crate::domain::{ResourceId, SeriesId, Span, Timestamp, Value};

/// What a setting will be, and what others like it are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outlook {
    /// The values it takes next if it changes, likeliest first, with their probabilities; at most [`Outlook::NEXT`].
    pub next: Vec<(Value, f32)>,
    /// The 80 % interval of a number, if it changes.
    pub interval: Option<(Value, Value)>,
    /// P(grows), P(shrinks), P(both) of a list, if it changes.
    pub ways: Option<[f32; 3]>,
    /// How many others like it there are.
    pub others: u32,
    /// What the others hold, the commonest first.
    pub peers: Vec<PeerValue>,
    /// What it should be by what it stands with, where anything speaks of that.
    #[serde(default)]
    pub should: Option<Stands>,
}

/// A value that others like a setting hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerValue {
    /// The value.
    pub value: Value,
    /// How many hold it.
    pub count: u32,
    /// Who moved to it first, and when, as far as changes were seen.
    pub first: Option<(ResourceId, Timestamp)>,
    /// Which setting did so, where it is another one (of the same resource: the same parameter of another interface).
    #[serde(default)]
    pub sibling: Option<Arc<str>>,
    /// What stands behind the repository's name, where all are images of one repository.
    #[serde(default)]
    pub tag: Option<Arc<str>>,
}

/// The images that settings hold, by the names of their repositories: their settings and tags.
type Images<'a> = HashMap<&'a str, Vec<(&'a SeriesId, &'a str, &'a Value)>>;

impl Outlook {
    /// Most values told.
    pub const NEXT: usize = 4;
}

impl SettingShadow {
    /// P(change within a day of `at`) and P(change within seven) of every setting that was learnt, by name; no less than what is told of it
    /// as impending.
    #[must_use]
    pub fn chances(&self, at: Timestamp) -> BTreeMap<&SeriesId, (f32, f32)> {
        let all = self.learner.chances(stream::days(at)).into_iter();
        let chances: BTreeMap<u64, (f32, f32)> = all
            .map(|(key, day, week)| (key, (day as f32, day.max(week) as f32)))
            .collect();
        let told: BTreeMap<&SeriesId, &Impending> = self.impending().map(|one| (&one.id, one)).collect();
        let of = |id: &SeriesId| {
            let (day, week) = *chances.get(&stream::key(id))?;
            let soon = |within| told.get(id).map_or(0.0, |one| one.chance(at, within)) as f32;
            Some((day.max(soon(Span::from_days(1))), week.max(soon(Span::from_days(7)))))
        };
        let ids = self.all.keys().chain(self.remembered.keys());
        ids.filter_map(|id| Some((id, of(id)?))).collect()
    }

    /// P(`id` changes within seven days of `at`), no less than within one: what changed again and again of late may be about to, of which
    /// the week's model knows little; nor less than what is told of it as impending; `None` for one that is not there, or not learnt yet.
    #[must_use]
    pub fn week(&self, id: &SeriesId, at: Timestamp) -> Option<f64> {
        let (key, now) = (stream::key(id), stream::days(at));
        let day = self.learner.within(key, now, 1.0)?;
        let week = self.learner.week(key, now)?;
        let told = self.impending().find(|one| one.id == *id);
        let soon = told.map_or(0.0, |one| one.chance(at, Span::from_days(7)));
        Some(day.max(week).max(soon))
    }

    /// What is to be said of `id` at `at`; `None` for one that is not there. It costs some ten microseconds.
    #[must_use]
    pub fn outlook(&self, id: &SeriesId, at: Timestamp) -> Option<Outlook> {
        self.outlooks(at)(id)
    }

    /// [`Self::outlook`] of one setting after the other: what they have in common is gathered once.
    pub fn outlooks(&self, at: Timestamp) -> impl Fn(&SeriesId) -> Option<Outlook> {
        let images = OnceCell::new();
        move |id| self.outlook_beside(id, at, &images)
    }

    fn outlook_beside<'a>(&'a self, id: &SeriesId, at: Timestamp, images: &OnceCell<Images<'a>>) -> Option<Outlook> {
        let state = self.get(id)?;
        let mut outlook = Outlook::default();
        let (key, days) = (stream::key(id), stream::days(at));
        for (text, odds) in self.learner.candidates(key, days) {
            // Written otherwise it is what it is now, or another one that was told.
            let Some(value) = stream::value(&text, &state.value).filter(|value| state.value.differs(value)) else {
                continue;
            };
            match outlook.next.iter_mut().find(|(other, _)| !other.differs(&value)) {
                Some((_, all)) => *all += odds as f32,
                None => outlook.next.push((value, odds as f32)),
            }
        }
        outlook.next.sort_by(|a, b| b.1.total_cmp(&a.1));
        outlook.next.truncate(Outlook::NEXT);
        match self.learner.range(key, days) {
            Some(Next::Interval(low, high)) => {
                let whole = matches!(state.value, Value::Int(_));
                let of = |number: f64| {
                    let number = if whole { number.round() } else { number };
                    stream::value(&number.to_string(), &state.value)
                };
                outlook.interval = of(low).zip(of(high));
            }
            Some(Next::Ways(ways)) => outlook.ways = Some(ways.map(|odds| odds as f32)),
            _ => {}
        }
        match held(id, &state.value) {
            Some((name, _)) => {
                let images = images.get_or_init(|| self.images());
                self.look_at_images(id, name, images.get(name).map_or(&[], Vec::as_slice), &mut outlook);
            }
            None => self.look_at_peers(id, key, state, &mut outlook),
        }
        outlook.should = self.stands(id);
        Some(outlook)
    }

    fn images(&self) -> Images<'_> {
        let mut images = Images::new();
        for (id, state) in self.all.iter().chain(&self.remembered) {
            if let Some((name, tag)) = held(id, &state.value) {
                images.entry(name).or_default().push((id, tag, &state.value));
            }
        }
        images
    }

    /// What other settings hold of the repository `name`, whatever they are called: the commonest tag first, and who moved to it first.
    fn look_at_images(&self, id: &SeriesId, name: &str, holders: &[(&SeriesId, &str, &Value)], outlook: &mut Outlook) {
        let mut peers: Vec<PeerValue> = Vec::new();
        for (_, tag, value) in holders.iter().filter(|(other, ..)| *other != id) {
            outlook.others += 1;
            match peers.iter_mut().find(|peer| peer.tag.as_deref() == Some(*tag)) {
                Some(peer) => peer.count += 1,
                None => peers.push(PeerValue {
                    value: (*value).clone(),
                    count: 1,
                    first: None,
                    sibling: None,
                    tag: Some((*tag).into()),
                }),
            }
        }
        peers.sort_by_key(|peer| std::cmp::Reverse(peer.count));
        peers.truncate(Outlook::NEXT);
        if !peers.is_empty() {
            for change in self.changes.iter().filter(|change| change.id != *id) {
                let Some((_, tag)) = change
                    .to
                    .as_ref()
                    .and_then(|to| held(&change.id, to))
                    .filter(|to| to.0 == name)
                else {
                    continue;
                };
                let mut moved = peers.iter_mut().filter(|peer| peer.first.is_none());
                if let Some(peer) = moved.find(|peer| peer.tag.as_deref() == Some(tag)) {
                    peer.first = Some((change.id.resource.clone(), change.at));
                    peer.sibling = (change.id.name != id.name && change.id.resource == id.resource)
                        .then(|| change.id.name.clone());
                }
            }
        }
        outlook.peers = peers;
    }

    fn look_at_peers(&self, id: &SeriesId, key: u64, state: &SettingState, outlook: &mut Outlook) {
        let held = self.learner.held(key);
        outlook.others = held.others;
        let values = held.values.iter().filter_map(|(text, count)| {
            let value = stream::value(text, &state.value)?;
            Some(PeerValue {
                value,
                count: *count,
                first: None,
                sibling: None,
                tag: None,
            })
        });
        outlook.peers = values.take(Outlook::NEXT).collect();
        outlook.peers.sort_by_key(|peer| std::cmp::Reverse(peer.count));
        if outlook.peers.is_empty() {
            return;
        }

        // Of one name elsewhere, or, of one that is nowhere else, of its likes. Most others end otherwise or are of another scope.
        let (scope, end) = ends(&id.name);
        let alike = |other: &SeriesId| {
            let name = &*other.name;
            *name == *id.name
                || name.ends_with(end) && name.starts_with(scope) && self.learner.are_peers(key, stream::key(other))
        };
        for change in self
            .changes
            .iter()
            .filter(|change| change.id != *id && alike(&change.id))
        {
            let Some(to) = &change.to else { continue };
            let mut peers = outlook.peers.iter_mut().filter(|peer| peer.first.is_none());
            if let Some(peer) = peers.find(|peer| !peer.value.differs(to)) {
                peer.first = Some((change.id.resource.clone(), change.at));
                peer.sibling = (change.id.name != id.name).then(|| change.id.name.clone());
            }
        }
    }
}

/// The repository and the tag of the image that a setting holds. What else is written so (a server with its port, a folder with how it is
/// mounted) has no repository's path, nor is it called an image.
fn held<'a>(id: &SeriesId, value: &'a Value) -> Option<(&'a str, &'a str)> {
    let (name, tag) = image(value)?;
    let path = name.contains('/') && !name.starts_with(['/', '.', '~']);
    (path || ends(&id.name).1.contains("image")).then_some((name, tag))
}

/// The first and the last word of a setting's name.
fn ends(name: &str) -> (&str, &str) {
    let first = name.split('.').next().unwrap_or_default();
    (first, name.rsplit(['.', ':', '/']).next().unwrap_or_default())
}
