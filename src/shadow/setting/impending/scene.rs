//! Settings as they stood at a time, and what changed around it: of what is known now, or walked through change by change.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::{FOLLOWS, PEERS, only_told};
use crate::{
    domain::{ResourceId, SeriesId, SettingChange, Span, Timestamp, Value},
    shadow::setting::{SettingState, changed_at, same},
};

/// Former changes of a setting that are looked at, the newest.
const FORMER: usize = 20;
/// Most changes within a day of one of them: of more each follows from all, and nothing is to be learnt from it.
const AROUND: usize = 100;
/// A group of peers has so many members.
const LEAST_PEERS: usize = 4;

/// All settings at a time.
pub(super) struct Scene<'a> {
    changes: &'a VecDeque<SettingChange>,
    ids: Vec<&'a SeriesId>,
    numbers: HashMap<&'a SeriesId, u32>,
    /// By change, the number of its setting.
    of: Vec<u32>,
    /// By setting, the places of its changes.
    places: Vec<Vec<u32>>,
    /// By setting, its value and when it last changed.
    stood: Vec<(Option<&'a Value>, Option<Timestamp>)>,
    /// Settings that are the same thing elsewhere, and those that hold, or held, an image of one repository.
    likes: HashMap<(&'a str, &'a str), Vec<u32>>,
    images: HashMap<&'a str, Vec<u32>>,
}

/// How another setting changed around the former changes of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Along {
    /// How often it changed at once with them.
    pub with: usize,
    /// How long after them it first changed, where it did within a day and not at once.
    pub lags: Vec<Span>,
    /// How long before them it last changed, where it did within a day and neither at once nor later.
    pub leads: Vec<Span>,
    /// The change that was last looked at.
    looked: usize,
}

/// The peers of a setting that moved.
pub(super) struct Moved {
    /// How many have moved as it did.
    pub moved: u32,
    /// Those that have not, and what they would hold then.
    pub late: Vec<(u32, Value)>,
}

/// An image (or a server with its port) without what stands for its version, and that.
pub(in crate::shadow::setting) fn image(value: &Value) -> Option<(&str, &str)> {
    let (Value::Text(text) | Value::Enum(text)) = value else {
        return None;
    };
    let bare = text.split_once('@').map_or(&**text, |(bare, _)| bare);
    let (name, tag) = bare.rsplit_once(':')?;
    let plain = |text: &str, more: &[u8]| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte) || more.contains(&byte);
        !text.is_empty() && text.bytes().all(fits)
    };
    let fits = plain(name, b"/:") && plain(tag, b"") && !name.contains("://");
    // As the engines of containers read a name without a registry.
    let name = ["index.docker.io/", "docker.io/"]
        .iter()
        .find_map(|registry| name.strip_prefix(registry))
        .unwrap_or(name);
    fits.then(|| (name.strip_prefix("library/").unwrap_or(name), tag))
}

/// What is the same thing elsewhere has this in common: a setting's name; of one in a file of a repository what follows the file's, and its sort.
fn like(name: &str) -> (&str, &str) {
    let in_file = name.strip_prefix("git.").and_then(|rest| rest.split_once(':'));
    in_file.map_or((name, ""), |(file, key)| {
        let end = file.rsplit(['/', '.']).next().unwrap_or_default();
        (key, end)
    })
}

impl<'a> Scene<'a> {
    /// The settings as they stood before the first of `changes` (oldest first).
    pub fn before(
        states: impl Iterator<Item = (&'a SeriesId, &'a SettingState)>,
        changes: &'a VecDeque<SettingChange>,
    ) -> Self {
        let mut scene = Self {
            changes,
            ids: Vec::new(),
            numbers: HashMap::new(),
            of: Vec::with_capacity(changes.len()),
            places: Vec::new(),
            stood: Vec::new(),
            likes: HashMap::new(),
            images: HashMap::new(),
        };
        for (place, change) in changes.iter().enumerate() {
            let number = scene.number(&change.id, || (change.from.as_ref(), None));
            scene.of.push(number);
            scene.places[number as usize].push(place as u32);
        }
        for (id, state) in states {
            scene.number(id, || (Some(&state.value), changed_at(state)));
        }
        scene
    }

    /// The settings as they are.
    pub fn now(
        states: impl Iterator<Item = (&'a SeriesId, &'a SettingState)> + Clone,
        changes: &'a VecDeque<SettingChange>,
    ) -> Self {
        let mut scene = Self::before(states.clone(), changes);
        scene.arrive(states);
        scene
    }

    fn number(&mut self, id: &'a SeriesId, stood: impl FnOnce() -> (Option<&'a Value>, Option<Timestamp>)) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let number = self.ids.len() as u32;
        self.numbers.insert(id, number);
        self.ids.push(id);
        self.places.push(Vec::new());
        self.likes.entry(like(&id.name)).or_default().push(number);
        self.stood.push((None, None));
        let (value, changed) = stood();
        self.stand(number, value, changed);
        number
    }

    fn stand(&mut self, number: u32, value: Option<&'a Value>, changed: Option<Timestamp>) {
        self.stood[number as usize] = (value, changed);
        if let Some((name, _)) = value.and_then(image) {
            let holders = self.images.entry(name).or_default();
            if !holders.contains(&number) {
                holders.push(number);
            }
        }
    }

    /// Takes the change at `place`.
    pub fn pass(&mut self, place: usize) {
        let change = &self.changes[place];
        self.stand(self.of[place], change.to.as_ref(), Some(change.at));
    }

    /// Takes the settings to be as they are now.
    pub fn arrive(&mut self, states: impl Iterator<Item = (&'a SeriesId, &'a SettingState)>) {
        let changed = std::mem::take(&mut self.stood);
        self.stood = changed.into_iter().map(|(_, changed)| (None, changed)).collect();
        for (id, state) in states {
            let number = self.numbers[id];
            self.stand(number, Some(&state.value), changed_at(state));
        }
    }

    /// Which setting it is, its value, and when it last changed; `None` of one that is not there.
    pub fn stands(&self, number: u32) -> Option<(&'a SeriesId, &'a Value, Option<Timestamp>)> {
        let (value, changed) = self.stood[number as usize];
        Some((self.ids[number as usize], value?, changed))
    }

    /// How others changed around the former changes of the setting that the one at `place` is of, and how many of those there were.
    pub fn along(&self, place: usize) -> (BTreeMap<u32, Along>, usize) {
        let (number, at) = (self.of[place], self.changes[place].at);
        let former = self.places[number as usize].iter().map(|former| *former as usize);
        let mut former: Vec<usize> = former
            .take_while(|former| at - self.changes[*former].at > FOLLOWS)
            .collect();
        former.drain(..former.len().saturating_sub(FORMER));
        let mut all: BTreeMap<u32, Along> = BTreeMap::new();
        let mut looked = 0;
        for former in former {
            let at = self.changes[former].at;
            let first = self.changes.partition_point(|change| at - change.at > FOLLOWS);
            let end = self.changes.partition_point(|change| change.at - at <= FOLLOWS);
            if end - first > AROUND {
                continue;
            }
            looked += 1;
            let gap = |place: &usize| self.changes[*place].at - at;
            let earlier = || (first..former).rev();
            let at_once = earlier().take_while(|place| gap(place) == Span(0));
            let around = at_once.chain(former + 1..end).chain(earlier());
            for other in around.filter(|other| self.of[*other] != number) {
                let along = all.entry(self.of[other]).or_default();
                if along.looked == looked {
                    continue;
                }
                along.looked = looked;
                match gap(&other) {
                    Span(0) => along.with += 1,
                    Span(lag) if lag < 0 => along.leads.push(Span(-lag)),
                    lag => along.lags.push(lag),
                }
            }
        }
        (all, looked)
    }

    /// The peers of the setting that the change at `place` is of: those that moved to its value within [`PEERS`], and those that hold the one it left.
    /// `None` where they are few. Images of one repository are peers, whatever the settings are called.
    pub fn peers(&self, place: usize) -> Option<Moved> {
        let change = &self.changes[place];
        let (from, to) = (change.from.as_ref()?, change.to.as_ref()?);
        let tags = match (image(from), image(to)) {
            (Some((was, old)), Some((is, new))) if was == is => Some((is, old, new)),
            _ => None,
        };
        let group = match tags {
            Some((name, ..)) => self.images.get(name)?,
            None => self.likes.get(&like(&change.id.name))?,
        };
        let mut peers = Moved {
            moved: 0,
            late: Vec::new(),
        };
        // What one repository says is no news of another, which may not have been read for years.
        let here = &change.id.resource;
        let near = |other: &ResourceId| other == here || !only_told(other) && !only_told(here);
        let group: Vec<u32> = group
            .iter()
            .copied()
            .filter(|number| near(&self.ids[*number as usize].resource))
            .collect();
        if group.len() < LEAST_PEERS {
            return None;
        }
        for number in &group {
            let Some((_, value, changed)) = self.stands(*number) else {
                continue;
            };
            let tag = tags.map(|(name, ..)| image(value).filter(|(held, _)| *held == name).map(|(_, tag)| tag));
            let holds = |whole: &Value, part: fn((&'a str, &'a str, &'a str)) -> &'a str| match (tag, tags) {
                (Some(tag), Some(tags)) => tag == Some(part(tags)),
                _ => same(Some(value), Some(whole)),
            };
            if holds(to, |(_, _, new)| new) {
                peers.moved += u32::from(changed.is_some_and(|at| change.at - at <= PEERS.1));
            } else if holds(from, |(_, old, _)| old) {
                let then = match tags {
                    Some((_, _, new)) if value.differs(from) => {
                        let text = value.to_string();
                        let bare = text.split_once('@').map_or(&*text, |(bare, _)| bare);
                        let name = bare.rsplit_once(':').map_or(bare, |(name, _)| name);
                        Value::text(&format!("{name}:{new}"))
                    }
                    _ => to.clone(),
                };
                peers.late.push((*number, then));
            }
        }
        Some(peers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_its_repository_and_its_tag() {
        for (text, told) in [
            ("ghcr.io/acme/app:v1.3", Some(("ghcr.io/acme/app", "v1.3"))),
            ("docker.io/library/nginx:1.25@sha256:00ff", Some(("nginx", "1.25"))),
            ("nginx:1.25", Some(("nginx", "1.25"))),
            ("localhost:5000/app:2", Some(("localhost:5000/app", "2"))),
            ("localhost:5000/app", None),
            ("http://a:80", None),
            ("a b: c", None),
            ("nginx", None),
        ] {
            assert_eq!(image(&Value::text(text)), told, "{text}");
        }
    }

    #[test]
    fn what_stands_in_a_file_of_a_repository_is_like_what_stands_there_in_another() {
        assert_eq!(like("git.a/b.yaml:x/y"), like("git.c/d.yaml:x/y"));
        assert_ne!(like("git.a/b.yaml:x/y"), like("git.a/b.env:x/y"));
        assert_ne!(like("etc.a:x"), like("etc.b:x"));
    }
}
