//! What was done in one go: settings that one deed changed, whatever sources tell of them.

use std::collections::BTreeMap;

use super::baseline::{Difference, scope_of};
use crate::domain::{FindingId, SeriesId, Span, Subject, Timestamp, Value};

/// Changes of one matter that are no further apart are one deed: an upgrade of 200 packages is one finding.
pub(super) const TOGETHER: Span = Span::from_mins(2);

/// A difference with the time in which it came about, and its finding where it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub difference: &'a Difference,
    /// When the value before was last confirmed.
    pub after: Timestamp,
    /// When the difference was seen.
    pub at: Timestamp,
    pub finding: Option<FindingId>,
    /// Whether its finding may be joined by what only has its scope in common.
    pub plain: bool,
}

impl Item<'_> {
    fn subject(&self) -> Subject<'_> {
        Subject::of(&self.difference.id.name)
    }

    /// Whether the two may have happened within `slack` of each other.
    fn near(&self, other: &Self, slack: Span) -> bool {
        self.after.max(other.after) - self.at.min(other.at) <= slack
    }

    fn package(&self) -> bool {
        matches!(self.subject(), Subject::Package { .. })
    }

    /// `true` when it came, `false` when it went, `None` when it only changed.
    fn came(&self) -> Option<bool> {
        match (&self.difference.accepted, &self.difference.actual) {
            (None, Some(_)) => Some(true),
            (Some(_), None) => Some(false),
            _ => None,
        }
    }

    /// Whether a package's scripts bring such things and take them away again, under names of their own: units, ports, accounts,
    /// links. A file is a package's only when it bears its name.
    fn may_be_packaged(&self) -> bool {
        let link = |value: &Option<Value>| matches!(value, Some(Value::Text(text)) if text.starts_with("-> "));
        match self.subject() {
            Subject::Unit { .. } | Subject::Port(_) => true,
            Subject::File { path, .. } => {
                matches!(
                    path,
                    "passwd" | "group" | "shadow" | "gshadow" | "subuid" | "subgid" | "shells"
                ) || link(&self.difference.accepted)
                    || link(&self.difference.actual)
            }
            _ => false,
        }
    }
}

/// The sets of `items` (by place, each set rising) that one deed explains.
///
/// Two belong to one deed when they share a name and happened within two minutes of each other (a mount and its line in fstab, a
/// unit and its port, a line of sshd_config and what the server makes of it), when both are packages, or when one is a package and the other something that packages bring, came or
/// went as it did, and may have happened at the very time. What nothing links falls back to its scope.
pub(super) fn deeds(items: &[Item<'_>]) -> Vec<Vec<usize>> {
    let mut sets = Sets((0..items.len()).collect());
    let mut by_name: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        let resource = item.difference.id.resource.as_str();
        let value = item.difference.actual.as_ref().or(item.difference.accepted.as_ref());
        let program = value.map(ToString::to_string);
        for name in item.subject().names(program.as_deref()) {
            by_name.entry((resource, name)).or_default().push(place);
        }
        if item.package() {
            // No name holds a line's end.
            by_name.entry((resource, "\n".into())).or_default().push(place);
        }
    }
    for places in by_name.values_mut() {
        places.sort_by_key(|place| (items[*place].at, *place));
        for pair in places.windows(2) {
            if items[pair[0]].near(&items[pair[1]], TOGETHER) {
                sets.join(pair[0], pair[1]);
            }
        }
    }
    let packages: Vec<usize> = (0..items.len()).filter(|place| items[*place].package()).collect();
    for (place, item) in items.iter().enumerate().filter(|(_, item)| item.may_be_packaged()) {
        let brought = packages.iter().find(|package| {
            let package = &items[**package];
            let alike = item.came().is_none() || package.came().is_none() || item.came() == package.came();
            alike && item.difference.id.resource == package.difference.id.resource && item.near(package, Span::ZERO)
        });
        if let Some(package) = brought {
            sets.join(place, *package);
        }
    }
    by_scope(items, &mut sets);
    sets.all()
}

/// Joins what is alone in its scope with others of that scope: 50 parameters of one file are one finding.
fn by_scope(items: &[Item<'_>], sets: &mut Sets) {
    let mut scopes: BTreeMap<usize, Option<&str>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        let scope = Some(scope_of(&item.difference.id)).filter(|_| item.finding.is_none() || item.plain);
        let root = sets.root(place);
        let held = scopes.entry(root).or_insert(scope);
        if *held != scope {
            *held = None;
        }
    }
    let mut plain: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(Some(scope)) = scopes.get(&sets.root(place)) {
            let resource = item.difference.id.resource.as_str();
            plain.entry((resource, scope)).or_default().push(place);
        }
    }
    for places in plain.values_mut() {
        places.sort_by_key(|place| (items[*place].at, *place));
        for pair in places.windows(2) {
            // Read at the same time; two minutes only where the times are exact.
            let exact = pair.iter().all(|place| items[*place].after == items[*place].at);
            let slack = if exact { TOGETHER } else { Span(-1) };
            if items[pair[0]].near(&items[pair[1]], slack) {
                sets.join(pair[0], pair[1]);
            }
        }
    }
}

/// Disjoint sets by their least member (Galler & Fischer 1964, with path halving).
struct Sets(Vec<usize>);

impl Sets {
    fn root(&mut self, mut place: usize) -> usize {
        while self.0[place] != place {
            self.0[place] = self.0[self.0[place]];
            place = self.0[place];
        }
        place
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }

    fn all(mut self) -> Vec<Vec<usize>> {
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for place in 0..self.0.len() {
            let root = self.root(place);
            sets.entry(root).or_default().push(place);
        }
        sets.into_values().collect()
    }
}

/// Which member a deed is named by: what was done comes before what followed from it.
pub(super) fn rank(difference: &Difference) -> u8 {
    match Subject::of(&difference.id.name) {
        Subject::Package { part: "", .. } => 0,
        Subject::Package { .. } => 1,
        Subject::Mount { part: "device", .. } => 2,
        Subject::Mount { .. } => 3,
        // A parameter that was set; one that came or went did so with an interface or a module.
        Subject::Sysctl(_) if difference.accepted.is_some() && difference.actual.is_some() => 4,
        Subject::Unit { .. } => 5,
        Subject::Interface { .. } => 6,
        Subject::Hardware(_) => 7,
        Subject::Route { .. } | Subject::HostName(_) | Subject::Resolver(_) => 8,
        Subject::SessionLimit { .. } | Subject::FirstLimit(_) => 9,
        Subject::Sysctl(_) | Subject::File { .. } => 10,
        Subject::Port(_) | Subject::Sshd(_) | Subject::Other(_) => 11,
    }
}

/// Whether an event's text names one of the things concerned: the parameter, the package, the unit, the file.
pub(super) fn names(series: &[SeriesId], text: &str) -> bool {
    let word = |name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
            !part(text[..at].chars().next_back()) && !part(text[at + name.len()..].chars().next())
        })
    };
    series.iter().take(50).any(|id| {
        let subject = Subject::of(&id.name);
        subject.names(None).iter().any(|name| name.len() > 2 && word(name))
    })
}
