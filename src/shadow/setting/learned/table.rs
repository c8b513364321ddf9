//! What is known of every setting, and of the groups it belongs to.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    edit::{Edit, Op, Place},
    fading::Fading,
    names::Names,
    records::{Author, Commit, Done, Group, Holders, SORTS, Setting, Sort},
};

/// Earlier values kept of a setting, values kept of a group.
const VALUES: usize = 8;
/// What a setting keeps of its rate where it moves.
const MOVED: f32 = 0.5;
/// Edits of the running commit that are looked at.
const COMMIT: usize = 400;

/// All settings, groups, authors and values.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Table {
    /// Texts.
    pub names: Names,
    /// Settings, in the order of coming.
    pub settings: Vec<Setting>,
    #[serde(with = "super::pairs")]
    keys: HashMap<u64, u32>,
    /// Groups of every sort.
    pub groups: Vec<Group>,
    #[serde(with = "super::pairs")]
    group_of: HashMap<(u8, u32, u32), u32>,
    #[serde(with = "super::pairs")]
    places: HashMap<(u32, u32), u32>,
    #[serde(with = "super::pairs")]
    values: HashMap<u32, Holders>,
    #[serde(with = "super::pairs")]
    authors: HashMap<u32, Author>,
    /// The running commit.
    pub commit: Commit,
    /// What came (true) and what went in the running commit, by path and bare value.
    #[serde(skip)]
    passing: HashMap<(bool, u32, u32), Vec<u32>>,
    /// Changes of all settings, fading.
    pub changes: Fading,
    /// Commits, fading.
    pub commits: Fading,
    /// Settings alive.
    pub alive: usize,
    /// When the first edit came, days.
    pub began: Option<f64>,
    /// Changes whose time to be undone has passed or that were undone, and those that were.
    pub undone: (f32, f32),
    /// Changes that let a list grow, shrink, or do both.
    pub ways: [f32; 3],
}

/// What an edit did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The setting, by its place in the table.
    pub setting: u32,
    /// Whether its value changed.
    pub changed: bool,
    /// The value before, with its digest.
    pub from: Option<u32>,
    /// The value after, with its digest.
    pub to: Option<u32>,
    /// The bare value before.
    pub bare: Option<u32>,
}

/// `text` without the digest that pins an image (`@sha256:` and what follows).
#[must_use]
pub fn bare(text: &str) -> &str {
    let pin = text
        .find('@')
        .and_then(|at| text[at..].find("@sha256:").map(|pin| at + pin));
    pin.map_or(text, |at| &text[..at])
}

/// A path with every selector in brackets emptied.
fn template(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for part in path.split('/').skip(usize::from(path.starts_with('/'))) {
        out.push('/');
        out.push_str(if part.starts_with('[') { "[]" } else { part });
    }
    out
}

/// The last part of a path that is a name.
fn leaf(path: &str) -> &str {
    path.rsplit('/')
        .find(|part| !part.starts_with('[') && *part != "*" && !part.is_empty())
        .unwrap_or(path)
}

impl Table {
    /// The setting of a key.
    #[must_use]
    pub fn find(&self, key: u64) -> Option<u32> {
        self.keys.get(&key).copied()
    }

    /// The group of a resource, by the resource's name.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<u32> {
        let name = self.names.known(name)?;
        self.group_of.get(&(Sort::Resource as u8, name, 0)).copied()
    }

    /// The group of a folder, by its name: of a host, whose scopes are its resources.
    #[must_use]
    pub fn folder(&self, name: &str) -> Option<u32> {
        let name = self.names.known(name)?;
        self.group_of.get(&(Sort::Folder as u8, name, 0)).copied()
    }

    /// The group of a setting.
    #[must_use]
    pub fn group(&self, setting: &Setting, sort: Sort) -> &Group {
        &self.groups[setting.groups[sort as usize] as usize]
    }

    /// What became of a value.
    #[must_use]
    pub fn holders(&self, value: u32) -> Option<&Holders> {
        self.values.get(&value)
    }

    /// Who someone is, by name.
    #[must_use]
    pub fn author(&self, name: u32) -> Option<&Author> {
        self.authors.get(&name)
    }

    /// The setting of the same resource with that path.
    #[must_use]
    pub fn neighbour(&self, setting: &Setting, path: &str) -> Option<&Setting> {
        let path = self.names.known(path)?;
        let place = self.places.get(&(setting.groups[Sort::Resource as usize], path))?;
        Some(&self.settings[*place as usize])
    }

    fn group_number(&mut self, sort: Sort, a: u32, b: u32, at: f64) -> u32 {
        let next = self.groups.len() as u32;
        let number = *self.group_of.entry((sort as u8, a, b)).or_insert(next);
        if number == next {
            self.groups.push(Group::new(at));
        }
        number
    }

    /// The groups of a place, as numbers by [`Sort`].
    fn groups_of(&mut self, place: &Place<'_>, at: f64) -> [u32; SORTS] {
        let (file, object) = place.resource.split_once('#').unwrap_or((place.resource, ""));
        let (folder, file) = file.rsplit_once('/').unwrap_or(("", file));
        let kind = if object.is_empty() {
            file.split('~').next().unwrap_or_default()
        } else {
            object.split('/').next().unwrap_or_default()
        };
        let parent = place.path.trim_end_matches("/*");
        let parent = parent.rsplit_once('/').map_or("", |(parent, _)| parent);
        let names = [
            (Sort::Resource, self.names.number(place.resource), 0),
            (Sort::Folder, self.names.number(folder), 0),
            (Sort::Kind, self.names.number(kind), 0),
            (Sort::Path, self.names.number(place.path), 0),
            (Sort::Template, self.names.number(&template(place.path)), 0),
            (Sort::Leaf, self.names.number(leaf(place.path)), 0),
            (
                Sort::Section,
                self.names.number(place.resource),
                self.names.number(parent),
            ),
            (Sort::Class, place.class as u32, 0),
        ];
        names.map(|(sort, a, b)| self.group_number(sort, a, b, at))
    }

    /// Lets the commit of `edit` begin where it is a new one.
    pub fn begin(&mut self, edit: &Edit<'_>) {
        let running = match (&self.commit.name, edit.commit) {
            (Some(name), Some(commit)) => name == commit,
            _ => self.commit.at == edit.at && self.commit.name.is_none() && edit.commit.is_none(),
        };
        if running || edit.op == Op::Init {
            return;
        }
        let by = self.names.number(edit.who.unwrap_or_default());
        let at = edit.at.max(self.commit.at);
        self.commit = Commit {
            number: self.commit.number + 1,
            name: edit.commit.map(str::to_owned),
            at,
            before: self.commit.at,
            by,
            ..Commit::default()
        };
        self.passing.clear();
        self.commits.add(at, 1.0);
        let author = self.authors.entry(by).or_default();
        author.commits.add(at, 1.0);
        author.touched = Some(at);
    }

    /// Takes an edit.
    pub fn observe(&mut self, key: u64, place: &Place<'_>, edit: &Edit<'_>) -> Outcome {
        self.begin(edit);
        let at = edit.at;
        self.began.get_or_insert(at);
        let value = edit.new.map(|text| {
            let (number, bare) = (self.names.number(text), bare(text));
            let pinned = bare.len() < text.len();
            (number, if pinned { self.names.number(bare) } else { number })
        });
        let known = self.keys.get(&key).copied();
        let number = known.unwrap_or_else(|| self.enter(key, place, at));
        let setting = &self.settings[number as usize];
        let groups = setting.groups;
        let was = setting.alive.then_some((setting.value, setting.bare));
        let op = match (was, value) {
            (None, None) => {
                return Outcome {
                    setting: number,
                    changed: false,
                    from: None,
                    to: None,
                    bare: None,
                };
            }
            (None, Some(_)) if edit.op == Op::Init => Op::Init,
            (None, Some(_)) => Op::Add,
            (Some(_), Some(_)) => Op::Change,
            (Some(_), None) => Op::Remove,
        };
        if let Some((_, bare)) = was {
            self.hold(&groups, bare, -1);
        }
        if let Some((_, bare)) = value {
            self.hold(&groups, bare, 1);
        }
        for group in groups {
            let group = &mut self.groups[group as usize];
            match op {
                Op::Init | Op::Add => group.alive += 1,
                Op::Remove => group.alive = group.alive.saturating_sub(1),
                Op::Change => {}
            }
        }
        match op {
            Op::Init | Op::Add => self.alive += 1,
            Op::Remove => self.alive -= 1,
            Op::Change => {}
        }
        if op != Op::Init {
            self.count(number, op, was.map(|was| was.1), value.map(|value| value.1), edit);
        }
        match (op, was, value) {
            (Op::Add, _, Some((_, bare))) => self.moves(number, true, bare, at),
            (Op::Remove, Some((_, bare)), _) => self.moves(number, false, bare, at),
            _ => {}
        }
        let by = self.commit.by;
        let setting = &mut self.settings[number as usize];
        setting.class = place.class;
        setting.alive = value.is_some();
        setting.length = edit.length.min(u32::MAX as usize) as u32;
        if op != Op::Init {
            setting.touched = at;
            setting.by = by;
        }
        if op == Op::Add && known.is_some() {
            setting.born = at;
        }
        if let (Op::Change, Some((full, bare))) = (op, was) {
            if let Some(before) = setting.changed {
                let gap = (at - before).max(1e-3).ln() as f32;
                setting.gap = (setting.gap.0 + gap, setting.gap.1 + 1.0);
            }
            setting.before = Some(full);
            setting.changed = Some(at);
            setting.changes += 1;
            setting.rate.add(at, 1.0);
            if setting.history.len() == VALUES {
                setting.history.remove(0);
            }
            setting.history.push((bare, at));
        }
        if let Some((value, bare)) = value {
            setting.value = value;
            setting.bare = bare;
        }
        Outcome {
            setting: number,
            changed: op == Op::Change,
            from: was.map(|was| was.0),
            to: value.map(|value| value.0),
            bare: was.map(|was| was.1),
        }
    }

    fn enter(&mut self, key: u64, place: &Place<'_>, at: f64) -> u32 {
        let groups = self.groups_of(place, at);
        let number = self.settings.len() as u32;
        let path = self.names.number(place.path);
        self.keys.insert(key, number);
        self.places.insert((groups[Sort::Resource as usize], path), number);
        self.settings.push(Setting {
            key,
            groups,
            path,
            class: place.class,
            alive: false,
            value: 0,
            bare: 0,
            born: at,
            touched: at,
            changed: None,
            before: None,
            changes: 0,
            rate: Fading::default(),
            gap: (0.0, 0.0),
            history: Vec::new(),
            by: u32::MAX,
            undone: (0.0, 0.0),
            ways: [0.0; 3],
            last_way: None,
            length: 0,
        });
        number
    }

    /// A setting that comes in the commit in which another of that path and value goes is taken for the same in another place.
    fn moves(&mut self, number: u32, came: bool, value: u32, at: f64) {
        let path = self.settings[number as usize].path;
        let other = self.passing.get_mut(&(!came, path, value)).and_then(Vec::pop);
        let Some(other) = other.filter(|other| *other != number) else {
            self.passing.entry((came, path, value)).or_default().push(number);
            return;
        };
        let (from, to) = if came { (other, number) } else { (number, other) };
        let rate = self.settings[from as usize].rate;
        self.settings[to as usize].rate.take(rate, at, MOVED);
    }

    /// Notes that one setting more (or with -1 less) holds a value.
    fn hold(&mut self, groups: &[u32; SORTS], value: u32, by: i32) {
        let holders = self.values.entry(value).or_default();
        holders.count = holders.count.saturating_add_signed(by);
        for sort in [Sort::Path, Sort::Template, Sort::Leaf] {
            let held = &mut self.groups[groups[sort as usize] as usize].held;
            match held.iter().position(|(held, _)| *held == value) {
                Some(place) => {
                    held[place].1 += by;
                    if held[place].1 <= 0 {
                        held.remove(place);
                    } else if by > 0 && place > 0 && held[place - 1].1 < held[place].1 {
                        held.swap(place - 1, place);
                    }
                }
                None if by > 0 => {
                    if held.len() == VALUES {
                        held.pop();
                    } else if held.is_empty() {
                        // Most hold one.
                        held.reserve_exact(1);
                    }
                    held.push((value, 1));
                }
                None => {}
            }
        }
    }

    /// Counts an edit in its groups, its author, its commit and its values.
    fn count(&mut self, number: u32, op: Op, from: Option<u32>, to: Option<u32>, edit: &Edit<'_>) {
        let at = edit.at;
        let groups = self.settings[number as usize].groups;
        let commit = self.commit.number;
        let author = self.authors.entry(self.commit.by).or_default();
        author.edits.add(at, 1.0);
        // One setting that flaps says little of the others: its n-th change in a week counts as one n-th.
        let says = 1.0 / (1.0 + self.settings[number as usize].rate.read(at)[0]);
        for group in groups {
            let group = self.groups[group as usize].past_mut();
            group.touched = Some(at);
            if op == Op::Change {
                group.changes.add(at, says);
            } else {
                group.churn.add(at, 1.0);
            }
            if group.commit != commit {
                group.commit = commit;
                group.commits.add(at, 1.0);
            }
        }
        let place = match op {
            Op::Change => 1,
            Op::Remove => 2,
            Op::Add | Op::Init => 0,
        };
        self.commit.counts[place] += 1;
        self.commit.members[0] += edit.added.min(1000) as u32;
        self.commit.members[1] += edit.removed.min(1000) as u32;
        if self.commit.edits.len() < COMMIT {
            self.commit.edits.push(Done {
                setting: number,
                op,
                from,
                to,
            });
        }
        let (Op::Change, Some(from), Some(to)) = (op, from, to) else {
            return;
        };
        self.changes.add(at, says);
        if from == to {
            return;
        }
        let holders = self.values.entry(from).or_default();
        holders.left.add(at, 1.0);
        holders.left_at = Some(at);
        match holders.to.iter_mut().find(|left| left.0 == to) {
            Some(left) => (left.1, left.2) = (left.1 + 1.0, at),
            None => {
                if holders.to.len() == VALUES {
                    holders.to.remove(0);
                }
                holders.to.push((to, 1.0, at));
            }
        }
        for sort in [Sort::Path, Sort::Template, Sort::Leaf] {
            let moves = &mut self.groups[groups[sort as usize] as usize].past_mut().moves;
            if moves.len() == VALUES {
                moves.remove(0);
            }
            moves.push((from, to, at));
        }
    }

    /// Forgets values that nobody holds and that were left more than a year before `at` (days).
    pub fn forget(&mut self, at: f64) {
        self.values
            .retain(|_, holders| holders.count > 0 || holders.left_at.is_some_and(|left| at - left < 365.0));
    }

    /// Lets everyone a change concerned learn whether it was undone.
    pub fn settle(&mut self, setting: u32, new: u32, author: u32, at: f64, undone: bool) {
        let count = |record: &mut (f32, f32)| {
            *record = (record.0 * 0.99 + 1.0, record.1 * 0.99 + f32::from(u8::from(undone)));
        };
        count(&mut self.undone);
        let setting = &mut self.settings[setting as usize];
        count(&mut setting.undone);
        for group in setting.groups {
            count(&mut self.groups[group as usize].past_mut().undone);
        }
        if let Some(holders) = self.values.get_mut(&new) {
            count(&mut holders.undone);
        }
        let author = self.authors.entry(author).or_default();
        count(&mut author.undone);
        if undone {
            author.undid = Some(at);
        }
    }

    /// Counts which way a list went: grew, shrank or both.
    pub fn went(&mut self, setting: u32, way: usize) {
        let fade = |ways: &mut [f32; 3], keep: f32| {
            *ways = ways.map(|count| count * keep);
            ways[way] += 1.0;
        };
        let count = |ways: &mut [f32; 3]| fade(ways, 0.97);
        fade(&mut self.ways, 0.998);
        let setting = &mut self.settings[setting as usize];
        count(&mut setting.ways);
        setting.last_way = Some(way as u8);
        for group in setting.groups {
            count(&mut self.groups[group as usize].past_mut().ways);
        }
    }
}
