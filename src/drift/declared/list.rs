//! The difference of two lists: by identity, as sets, or in their order.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    known,
    path::Step,
    scalar::Likeness,
    schema::{Added, Field, Rule},
    walk::{Beside, Walk},
};
use crate::domain::Tree;

/// Longest lists whose items are paired by likeness; longer ones by place.
const MOST_PAIRED: usize = 300;

impl Walk<'_> {
    /// Compares two lists.
    pub(super) fn list(&mut self, desired: &[Tree], live: &[Tree], field: &Field) {
        match &field.rule {
            Rule::Set(item) => self.set(desired, live, item, &field.skip),
            Rule::Sequence(item) => self.sequence(desired, live, item),
            Rule::Items {
                item,
                keys,
                named,
                ordered,
            } => {
                let by_name = ["name"];
                let keys = if *named && have_names(desired) && have_names(live) {
                    &by_name[..]
                } else {
                    keys.as_slice()
                };
                let ordered = *ordered || keys == ["name"] && refers(desired) && reordered_reference(desired, live);
                self.items(desired, live, item, keys, ordered, &field.skip);
            }
            _ => self.unknown(desired, live),
        }
    }

    /// Lists that no table knows: what they hold and what they are called says how to read them.
    fn unknown(&mut self, desired: &[Tree], live: &[Tree]) {
        let name = self.path.iter().rev().find_map(|step| match step {
            Step::Key(key) => Some(key.clone()),
            _ => None,
        });
        let ordered = name.is_some_and(|name| known::is_sequence(&name));
        let maps = |items: &[Tree]| items.iter().all(|item| matches!(item, Tree::Map(_)));
        if maps(desired) && maps(live) {
            match known::identity(desired, live) {
                Some(key) => self.items(desired, live, &Rule::Any, &[key.as_str()], ordered, &[]),
                // That the order of such lists means something is told by their names, or by nothing.
                None if ordered && self.likeness != Likeness::State => self.sequence(desired, live, &Rule::Any),
                None => self.set(desired, live, &Rule::Any, &[]),
            }
        } else if ordered || command_line(desired) {
            self.sequence(desired, live, &Rule::Any);
        } else {
            self.set(desired, live, &Rule::Any, &[]);
        }
    }

    /// Items by what identifies them.
    fn items(&mut self, desired: &[Tree], live: &[Tree], rule: &Rule, keys: &[&str], ordered: bool, skip: &[Added]) {
        let (ours, theirs) = (identities(desired, keys), identities(live, keys));
        let places = |ids: &[Identity]| ids.iter().cloned().zip(0..).collect::<BTreeMap<Identity, usize>>();
        let (here, there) = (places(&ours), places(&theirs));
        let field = Field::plain(rule.clone());
        let servers = |at: usize| skip.iter().any(|added| added.is(Some(&theirs[at].0[0]), &live[at]));
        let gone = ours.iter().filter(|id| !there.contains_key(*id)).count();
        let new: Vec<usize> = (0..live.len())
            .filter(|at| !here.contains_key(&theirs[*at]) && !servers(*at))
            .collect();
        // The one item whose number changed is still that item.
        let renumbered = gone == 1 && new.len() == 1 && keys != ["name"];
        for (item, id) in desired.iter().zip(&ours) {
            self.path.push(step(keys, id));
            match there.get(id) {
                Some(at) => self.value(item, &live[*at], &field),
                None if renumbered => self.value(item, &live[new[0]], &field),
                None => self.note(Some(item), None),
            }
            self.path.pop();
        }
        for at in new.into_iter().filter(|_| !renumbered) {
            self.path.push(step(keys, &theirs[at]));
            self.note(None, Some(&live[at]));
            self.path.pop();
        }
        if ordered {
            let order = |ids: &[Identity], other: &BTreeMap<Identity, usize>| {
                let common = ids.iter().filter(|id| other.contains_key(*id));
                common.map(|id| Tree::text(&id.0[0])).collect::<Vec<_>>()
            };
            let (ours, theirs) = (order(&ours, &there), order(&theirs, &here));
            if ours != theirs {
                self.note(Some(&Tree::List(ours)), Some(&Tree::List(theirs)));
            }
        }
    }

    /// Values whose order means nothing, and things that have no name: each with the most similar one.
    fn set(&mut self, desired: &[Tree], live: &[Tree], rule: &Rule, skip: &[Added]) {
        let field = Field::plain(rule.clone());
        let single = |items: &[Tree]| items.iter().all(|item| !matches!(item, Tree::Map(_) | Tree::List(_)));
        if desired.len().max(live.len()) > MOST_PAIRED && !(single(desired) && single(live)) {
            return self.sequence(desired, live, rule);
        }
        if single(desired) && single(live) {
            let texts = |items: &[Tree]| items.iter().filter_map(Tree::scalar).collect::<BTreeSet<String>>();
            let (ours, theirs) = (texts(desired), texts(live));
            if ours == theirs {
                return;
            }
            // `10.1.2.3/8` is `10.0.0.0/8`: only what is written differently is looked at closely.
            let without = |items: &[Tree], other: &BTreeSet<String>| {
                let odd = items
                    .iter()
                    .filter(|item| item.scalar().is_some_and(|text| !other.contains(&text)));
                odd.take(MOST_PAIRED).cloned().collect::<Vec<_>>()
            };
            let meant = |one: &[Tree], other: &[Tree]| {
                one.iter().all(|item| {
                    other
                        .iter()
                        .any(|other| self.agree(Some(item), Some(other), &field, Beside::NOTHING))
                })
            };
            if !(meant(&without(desired, &theirs), live) && meant(&without(live, &ours), desired)) {
                self.note(Some(&Tree::List(desired.to_vec())), Some(&Tree::List(live.to_vec())));
            }
            return;
        }
        let mut free: Vec<usize> = (0..live.len()).collect();
        let mut odd: Vec<usize> = Vec::new();
        for (place, item) in desired.iter().enumerate() {
            let twin = free
                .iter()
                .position(|other| self.agree(Some(item), Some(&live[*other]), &field, Beside::NOTHING));
            match twin {
                Some(at) => {
                    let other = free.remove(at);
                    self.matched(place, [item, &live[other]], &field);
                }
                None => odd.push(place),
            }
        }
        free.retain(|other| !skip.iter().any(|added| added.is(None, &live[*other])));
        for place in odd {
            let alike = |other: &usize| {
                (
                    likeness(&desired[place], &live[*other]),
                    usize::MAX - place.abs_diff(*other),
                )
            };
            let best = free
                .iter()
                .enumerate()
                .max_by_key(|(_, other)| alike(other))
                .map(|(at, _)| at);
            self.path.push(Step::Index(place));
            match best.filter(|at| likeness(&desired[place], &live[free[*at]]) > 0) {
                Some(at) => {
                    let other = free.remove(at);
                    self.value(&desired[place], &live[other], &field);
                }
                None => self.note(Some(&desired[place]), None),
            }
            self.path.pop();
        }
        for place in free {
            self.path.push(Step::Index(place));
            self.note(None, Some(&live[place]));
            self.path.pop();
        }
    }

    /// What two items that agree leave open: which of the live one's keys nobody declared, and who wrote them.
    fn matched(&mut self, place: usize, [desired, live]: [&Tree; 2], field: &Field) {
        if self.is_open() {
            self.path.push(Step::Index(place));
            self.value(desired, live, field);
            self.path.pop();
        }
    }

    /// Values whose order means something.
    fn sequence(&mut self, desired: &[Tree], live: &[Tree], rule: &Rule) {
        let field = Field::plain(rule.clone());
        let agree = |walk: &Self, a: &Tree, b: &Tree| walk.agree(Some(a), Some(b), &field, Beside::NOTHING);
        let shorter = desired.len().min(live.len());
        let front = (0..shorter)
            .take_while(|at| agree(self, &desired[*at], &live[*at]))
            .count();
        let back = (0..shorter - front)
            .take_while(|at| agree(self, &desired[desired.len() - 1 - at], &live[live.len() - 1 - at]))
            .count();
        for at in (0..front).chain(desired.len() - back..desired.len()) {
            let other = if at < front {
                at
            } else {
                at + live.len() - desired.len()
            };
            self.matched(at, [&desired[at], &live[other]], &field);
        }
        let (ours, theirs) = (&desired[front..desired.len() - back], &live[front..live.len() - back]);
        let things = |items: &[Tree]| items.iter().all(|item| matches!(item, Tree::Map(_) | Tree::List(_)));
        if ours.is_empty() && theirs.is_empty() {
            return;
        }
        let alike = ours.len() == theirs.len() && (ours.len() == 1 || things(ours) && things(theirs));
        if alike {
            for (place, (item, other)) in ours.iter().zip(theirs).enumerate() {
                self.path.push(Step::Index(front + place));
                self.value(item, other, &field);
                self.path.pop();
            }
        } else if things(ours) && things(theirs) && (ours.is_empty() || theirs.is_empty()) {
            for (place, item) in ours.iter().chain(theirs).enumerate() {
                self.path.push(Step::Index(front + place));
                if theirs.is_empty() {
                    self.note(Some(item), None);
                } else {
                    self.note(None, Some(item));
                }
                self.path.pop();
            }
        } else {
            self.note(Some(&Tree::List(desired.to_vec())), Some(&Tree::List(live.to_vec())));
        }
    }
}

/// What identifies an item, and how many of that identity stand before it.
type Identity = (Vec<String>, usize);

fn identities(items: &[Tree], keys: &[&str]) -> Vec<Identity> {
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let of = |item: &Tree| match item {
        Tree::Map(_) => keys
            .iter()
            .map(|key| {
                text_at(item, key).unwrap_or_else(|| {
                    if *key == "protocol" {
                        "TCP".into()
                    } else {
                        String::new()
                    }
                })
            })
            .collect(),
        other => vec![other.scalar().unwrap_or_default()],
    };
    let count = |id: Vec<String>| {
        let count = counts.entry(id.clone()).or_default();
        *count += 1;
        (id, *count)
    };
    items.iter().map(of).map(count).collect()
}

/// Whether all items have a name, each another one.
fn have_names(items: &[Tree]) -> bool {
    let names: BTreeSet<String> = items.iter().filter_map(|item| text_at(item, "name")).collect();
    names.len() == items.len()
}

fn text_at(item: &Tree, key: &str) -> Option<String> {
    let path: Vec<&str> = key.split('.').collect();
    item.at(&path).and_then(Tree::scalar).filter(|text| !text.is_empty())
}

fn step(keys: &[&str], id: &Identity) -> Step {
    Step::Item {
        key: keys[0].into(),
        value: id.0[0].as_str().into(),
    }
}

/// How much two things have in common: equal fields count two, shared names one.
fn likeness(a: &Tree, b: &Tree) -> usize {
    match (a, b) {
        (Tree::Map(ours), Tree::Map(theirs)) => ours
            .iter()
            .filter_map(|(key, value)| theirs.get(key).map(|other| (value, other)))
            .map(|(value, other)| {
                if value == other {
                    4
                } else {
                    1 + likeness(value, other).min(2)
                }
            })
            .sum(),
        (Tree::List(ours), Tree::List(theirs)) => ours.iter().filter(|item| theirs.contains(item)).count(),
        _ => usize::from(a == b),
    }
}

/// Whether an item uses another by `$(NAME)`.
fn refers(items: &[Tree]) -> bool {
    let value = |item: &Tree| {
        item.get("value")
            .and_then(Tree::as_str)
            .is_some_and(|text| text.contains("$("))
    };
    items.iter().any(value)
}

/// Whether some `$(NAME)` stands before its variable in one list and behind it in the other: only the latter is filled in.
fn reordered_reference(desired: &[Tree], live: &[Tree]) -> bool {
    let filled = |items: &[Tree]| {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut filled: BTreeSet<(String, String)> = BTreeSet::new();
        for item in items {
            let name = item.get("name").and_then(Tree::as_str).unwrap_or_default();
            let value = item.get("value").and_then(Tree::as_str).unwrap_or_default();
            for part in value.split("$(").skip(1) {
                let other = part.split(')').next().unwrap_or_default();
                if seen.contains(other) {
                    filled.insert((name.into(), other.into()));
                }
            }
            seen.insert(name);
        }
        filled
    };
    filled(desired) != filled(live)
}

/// Whether a list reads like the words of a command.
fn command_line(items: &[Tree]) -> bool {
    items
        .iter()
        .any(|item| item.as_str().is_some_and(|text| text.starts_with('-')))
}
