//! What was done in one go: settings that one deed changed, whatever sources tell of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    along::{along, spreads},
    baseline::{Difference, scope_of},
    habit::Habits,
};
use crate::domain::{FindingId, SeriesId, Span, Subject, Timestamp, Value, holds_accounts};

/// Changes of one matter that are no further apart are one deed: an upgrade of 200 packages is one finding.
pub(super) const TOGETHER: Span = Span::from_mins(2);
/// Changes with exact times that are no further apart follow each other as a program makes them.
const AT_ONCE: Span = Span::from_secs(1);
/// Most settings of a key after one that are looked at with it: of more of one command each is beside the next.
const MOST_BESIDE: usize = 50;
/// Things of one scope that change at once and are one deed: by hand nobody changes so many.
const MASS: usize = 8;
/// Ends the name under which a unit that stopped or started meets what follows from it. No name holds a line's end.
const RUNS: &str = "\n runs";

/// A difference with the time in which it came about, and its finding where it has one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub difference: &'a Difference,
    /// When the value before was last confirmed.
    pub after: Timestamp,
    /// When the difference was seen.
    pub at: Timestamp,
    /// Who made it, where that is known.
    pub by: Option<&'a str>,
    pub finding: Option<FindingId>,
}

impl Item<'_> {
    fn subject(&self) -> Subject<'_> {
        Subject::of(&self.difference.id.name)
    }

    /// Whether the two may have happened within `slack` of each other.
    fn near(&self, other: &Self, slack: Span) -> bool {
        self.after.max(other.after) - self.at.min(other.at) <= slack
    }

    /// Whether it tells that something runs or no longer does: nobody sets that, and what was set before is at most its cause.
    fn runs(&self) -> bool {
        let changed = self.difference.accepted.is_some() && self.difference.actual.is_some();
        let unit = match self.subject() {
            Subject::Unit {
                name,
                part: "state" | "enabled",
            } => name,
            _ => return false,
        };
        // A mount's unit is the mount.
        changed && !unit.ends_with(".mount")
    }

    /// Whether it is known when it happened, to the moment.
    fn exact(&self) -> bool {
        self.after == self.at
    }

    /// Whether it is known to be another's deed: two people did the two, or it is of another file and only one of the two is known to be
    /// somebody's.
    fn of_another(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.in_file(), other.in_file());
        let files = ours.is_some() && theirs.is_some() && ours.map(|(file, _)| file) != theirs.map(|(file, _)| file);
        self.by != other.by && (files || self.by.is_some() && other.by.is_some())
    }

    /// The file that it stands in, and its key there.
    fn in_file(&self) -> Option<(&str, &str)> {
        let name = &*self.difference.id.name;
        let rest = ["etc.", "file."].iter().find_map(|scope| name.strip_prefix(scope))?;
        Some(rest.split_once(':').unwrap_or((rest, "")))
    }

    fn package(&self) -> bool {
        matches!(self.subject(), Subject::Package { .. })
    }

    /// Whether it is the account of a person: packages make theirs with numbers below 1000 (Debian policy, 9.2; systemd's UID ranges), and
    /// none with root's.
    fn person(&self) -> bool {
        let number = self.difference.actual.as_ref().or(self.difference.accepted.as_ref());
        let account = matches!(
            self.subject(),
            Subject::Account {
                kind: "user",
                part: "uid",
                ..
            }
        );
        let number = number
            .filter(|_| account)
            .and_then(|number| number.to_string().parse().ok());
        number.is_some_and(|number: u32| number == 0 || number >= 1_000)
    }

    /// Whether it is an account or one of the files of all.
    fn of_accounts(&self) -> bool {
        match self.subject() {
            Subject::Account { .. } => true,
            Subject::File { path, .. } => holds_accounts(path),
            _ => false,
        }
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
            Subject::Unit { .. } | Subject::Port { .. } => true,
            Subject::Account { kind, .. } => matches!(kind, "user" | "group"),
            Subject::File { path, .. } => {
                holds_accounts(path)
                    || path == "shells"
                    || link(&self.difference.accepted)
                    || link(&self.difference.actual)
            }
            _ => false,
        }
    }
}

/// The sets of `items` (by place, each set rising) that one deed explains.
///
/// Two belong to one deed when they share a name and happened within two minutes of each other (a mount and its line in fstab, a
/// unit and its port, a line of sshd_config and what the server makes of it) and are not known to be of two people, when both are packages, or when one is a package and
/// the other something that packages bring, came or went as it did, and may have happened at the very time. That a unit stopped or
/// started belongs to no edit of it, only to its port and to whether it is enabled. To be near in time is no cause: things of one
/// scope are one deed only when they are so many at once that a program did it, and the same key in several files when these were
/// written at once, or when the two used to change together.
pub(super) fn deeds(items: &[Item<'_>], habits: &Habits<'_>) -> Vec<Vec<usize>> {
    let mut sets = Sets((0..items.len()).collect());
    let mut by_name: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
    let running: Vec<Item<'_>> = items.iter().filter(|item| item.runs()).copied().collect();
    for (place, item) in items.iter().enumerate() {
        let resource = item.difference.id.resource.as_str();
        let value = item.difference.actual.as_ref().or(item.difference.accepted.as_ref());
        let program = value.map(ToString::to_string);
        // A port follows its unit when that stopped or started.
        let follows = |name: &str| {
            let of_unit =
                |other: &&Item<'_>| other.runs() && other.subject().names(None).iter().any(|theirs| theirs == name);
            let here = |other: &&Item<'_>| other.difference.id.resource == item.difference.id.resource;
            let port = matches!(item.subject(), Subject::Port { .. });
            port && running
                .iter()
                .filter(here)
                .any(|other| other.near(item, TOGETHER) && of_unit(&other))
        };
        for mut name in item.subject().names(program.as_deref()) {
            if item.runs() || follows(&name) {
                name.push_str(RUNS);
            }
            by_name.entry((resource, name)).or_default().push(place);
        }
        if let Some((file, _)) = item.in_file() {
            by_name.entry((resource, format!("\n{file}"))).or_default().push(place);
        }
        if item.package() {
            // No name holds a line's end.
            by_name.entry((resource, "\n".into())).or_default().push(place);
        }
    }
    for places in by_name.values_mut() {
        places.sort_by_key(|place| (items[*place].at, *place));
        for (k, place) in places.iter().enumerate() {
            let item = &items[*place];
            let later = places[k + 1..].iter().take(MOST_BESIDE);
            let mut ours = later.filter(|other| !item.of_another(&items[**other]));
            if let Some(next) = ours.next().filter(|next| item.near(&items[**next], TOGETHER)) {
                sets.join(*place, *next);
            }
        }
    }
    let packages: Vec<usize> = (0..items.len()).filter(|place| items[*place].package()).collect();
    let people: Vec<&Item<'_>> = items.iter().filter(|item| item.person()).collect();
    let packaged = |item: &Item<'_>| {
        let here = |person: &&&Item<'_>| person.difference.id.resource == item.difference.id.resource;
        let of_people = item.of_accounts() && people.iter().filter(here).any(|person| person.near(item, TOGETHER));
        item.may_be_packaged() && !of_people
    };
    for (place, item) in items.iter().enumerate().filter(|(_, item)| packaged(item)) {
        let brought = packages.iter().find(|package| {
            let package = &items[**package];
            let alike = item.came().is_none() || package.came().is_none() || item.came() == package.came();
            alike && item.difference.id.resource == package.difference.id.resource && item.near(package, Span::ZERO)
        });
        if let Some(package) = brought {
            sets.join(place, *package);
        }
    }
    by_kernel(items, &mut sets);
    by_server(items, &mut sets);
    by_key(items, &mut sets);
    by_habit(items, habits, &mut sets);
    by_mass(items, &mut sets);
    sets.all()
}

/// Joins parameters to the one that was written, with which the kernel sets them.
fn by_kernel(items: &[Item<'_>], sets: &mut Sets) {
    let parameter = |item: &Item<'_>| matches!(item.subject(), Subject::Sysctl(_)) && item.came().is_none();
    let places: Vec<usize> = (0..items.len()).filter(|place| parameter(&items[*place])).collect();
    for place in places.iter().filter(|place| spreads(&items[**place].difference.id)) {
        let written = &items[*place];
        for other in &places {
            let theirs = &items[*other];
            let nobodys = theirs.by.is_none() || theirs.by == written.by;
            if nobodys && written.near(theirs, TOGETHER) && sets_along(written.difference, theirs.difference) {
                sets.join(*place, *other);
            }
        }
    }
}

/// Joins what the ssh server does to the lines that say so, whenever it was asked: nobody sets it otherwise. A line that is changed back and
/// forth may be so again before the server was asked at all.
fn by_server(items: &[Item<'_>], sets: &mut Sets) {
    let mut lines: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Subject::File { path, key } = item.subject()
            && path.starts_with("ssh/sshd_config")
        {
            // Keywords are of any case in files, and small in what the server says of them.
            let named = (item.difference.id.resource.as_str(), key.to_ascii_lowercase());
            lines.entry(named).or_default().push(place);
        }
    }
    for (place, item) in items.iter().enumerate() {
        if let Subject::Sshd(key) = item.subject() {
            let named = (item.difference.id.resource.as_str(), key.to_owned());
            let theirs = lines.get(&named).into_iter().flatten();
            theirs.for_each(|line| sets.join(place, *line));
        }
    }
}

/// Whether the kernel makes a parameter what it is now where `written` is written so.
pub(super) fn sets_along(written: &Difference, other: &Difference) -> bool {
    let along = along(&written.id, &other.id);
    along.is_some_and(|along| along.fits(written.actual.as_ref(), other.actual.as_ref()))
}

/// Joins what one command wrote into several files: the same key, in files that were written within a second, to the same value or in
/// one folder, and by nobody else as far as that is known.
fn by_key(items: &[Item<'_>], sets: &mut Sets) {
    let mut keys: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate().filter(|(_, item)| item.exact()) {
        if let Some((_, key)) = item.in_file().filter(|(_, key)| !key.is_empty()) {
            let resource = item.difference.id.resource.as_str();
            keys.entry((resource, key)).or_default().push(place);
        }
    }
    let folder = |item: &Item<'_>| {
        item.in_file()
            .and_then(|(file, _)| Some(file.rsplit_once('/')?.0.to_owned()))
    };
    for places in keys.values_mut() {
        places.sort_by_key(|place| (items[*place].at, *place));
        for (k, place) in places.iter().enumerate() {
            let item = &items[*place];
            let later = places[k + 1..].iter().map(|other| (other, &items[*other]));
            for (other, theirs) in later
                .take_while(|(_, theirs)| item.near(theirs, AT_ONCE))
                .take(MOST_BESIDE)
            {
                let value = item.difference.actual.is_some() && item.difference.actual == theirs.difference.actual;
                let beside = folder(item).is_some_and(|ours| folder(theirs) == Some(ours));
                if item.by == theirs.by && (value || beside) {
                    sets.join(*place, *other);
                }
            }
        }
    }
}

/// Joins what changed within two minutes and did so before, most of the times that either did. That something stopped or started is at most
/// what such a change leads to.
fn by_habit(items: &[Item<'_>], habits: &Habits<'_>, sets: &mut Sets) {
    let mut places: Vec<usize> = (0..items.len()).filter(|place| !items[*place].runs()).collect();
    places.sort_by_key(|place| (items[*place].at, *place));
    for (k, place) in places.iter().enumerate() {
        let item = &items[*place];
        let later = places[k + 1..].iter().map(|other| (other, &items[*other]));
        for (other, theirs) in later
            .take_while(|(_, theirs)| item.near(theirs, TOGETHER))
            .take(MOST_BESIDE)
        {
            let (ours, id) = (&item.difference.id, &theirs.difference.id);
            if ours.resource == id.resource && habits.joins(ours, id, item.at).is_some() {
                sets.join(*place, *other);
            }
        }
    }
}

/// Joins what is of one scope and came about at once, where it is so much that one program must have done it: a set of parameters, a
/// tree of files.
fn by_mass(items: &[Item<'_>], sets: &mut Sets) {
    let mut scopes: BTreeMap<usize, Option<&str>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        let scope = Some(scope_of(&item.difference.id));
        let held = scopes.entry(sets.root(place)).or_insert(scope);
        if *held != scope {
            *held = None;
        }
    }
    let mut plain: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate().filter(|(_, item)| !item.runs()) {
        if let Some(Some(scope)) = scopes.get(&sets.root(place)) {
            let resource = item.difference.id.resource.as_str();
            plain.entry((resource, scope)).or_default().push(place);
        }
    }
    for places in plain.values_mut() {
        places.sort_by_key(|place| (items[*place].at, *place));
        let at_once = |a: &usize, b: &usize| {
            let exact = [a, b].iter().all(|place| items[**place].exact());
            items[*a].near(&items[*b], if exact { AT_ONCE } else { Span(-1) })
        };
        for run in places.chunk_by(at_once) {
            let roots: BTreeSet<usize> = run.iter().map(|place| sets.root(*place)).collect();
            if roots.len() >= MASS {
                run.windows(2).for_each(|pair| sets.join(pair[0], pair[1]));
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

/// The rank of what followed from another member.
pub(super) const LAST: u8 = 20;

/// Which member a deed is named by: what was done comes before what followed from it.
pub(super) fn rank(difference: &Difference) -> u8 {
    match Subject::of(&difference.id.name) {
        Subject::Package { part: "", .. } => 0,
        Subject::Package { .. } => 1,
        Subject::Account {
            kind: "user",
            part: "uid",
            ..
        } => 2,
        Subject::Account { kind: "user", .. } => 3,
        Subject::Account { .. } => 4,
        Subject::Mount { part: "device", .. } => 5,
        Subject::Mount { .. } => 6,
        // A parameter that was set; one that came or went did so with an interface or a module.
        Subject::Sysctl(_) if difference.accepted.is_some() && difference.actual.is_some() => 7,
        Subject::Unit {
            part: "state" | "enabled",
            ..
        } => 8,
        Subject::Interface { .. } => 9,
        Subject::Hardware(_) => 10,
        Subject::Route { .. } | Subject::HostName(_) | Subject::Resolver(_) => 11,
        Subject::SessionLimit { .. } | Subject::FirstLimit(_) => 12,
        Subject::Certificate { part: "expires", .. } | Subject::Firewall { part: "", .. } => 13,
        Subject::Certificate { .. } | Subject::Firewall { .. } => 14,
        Subject::File { key: "", .. } => 15,
        Subject::Sysctl(_) | Subject::File { .. } => 16,
        // What a unit is made of follows from its files.
        Subject::Unit { .. } | Subject::Cron { .. } => 17,
        Subject::Port { part: "", .. } | Subject::Sshd(_) | Subject::Other(_) => 18,
        Subject::Port { .. } => 19,
    }
}

/// Whether a member names its deed though it came later than the others: sources tell of files first, and then of the package, the
/// account, the mount or the certificate that wrote them.
pub(super) fn explains(difference: &Difference) -> bool {
    matches!(
        Subject::of(&difference.id.name),
        Subject::Package { part: "", .. }
            | Subject::Account { .. }
            | Subject::Mount { .. }
            | Subject::Certificate { .. }
    )
}

/// Whether an event's text names one of the things concerned: the parameter, the package, the unit, the file.
pub(super) fn names(series: &[SeriesId], text: &str) -> bool {
    series.iter().take(50).any(|id| {
        let subject = Subject::of(&id.name);
        let mut names = subject.names(None).into_iter();
        names.any(|name| name.len() > 2 && word(text, &name))
    })
}

/// Whether `text` holds `name` as a word of its own.
pub(super) fn word(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
        !part(text[..at].chars().next_back()) && !part(text[at + name.len()..].chars().next())
    })
}
