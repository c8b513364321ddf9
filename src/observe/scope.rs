//! All settings of one scope, told when they changed and confirmed when not.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use all of it")
)]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Host,
    clue::about,
    file::plain_file,
    secret::{holds_secret, mask_rule, redact, scrub},
    witness::{Author, Clue, LOOKS, Witness},
};
use crate::domain::{
    Batch, Reach, ResourceId, SecretHash, SeriesId, SettingChange, SettingSnapshot, Span, Timestamp, Value, packed,
    text::visible,
};

/// When a change happened: after the first time, where it is not known any better, and no later than the second.
pub(super) type When = (Option<Timestamp>, Timestamp);

/// How soon a source with changes that wait is read again.
const SOON: Span = LOOKS;

/// A change that waits until the logs have been read beyond it.
struct Waiting {
    found: Timestamp,
    /// When it was not yet there, which what somebody ran is held against.
    before: Timestamp,
    change: SettingChange,
    clues: Vec<Clue>,
}

/// A scope of a host: knows what was told of it last.
pub(super) struct Scope {
    resource: ResourceId,
    name: Arc<str>,
    key: [u8; 32],
    /// Fingerprint of the settings told last.
    told: Option<blake3::Hash>,
    reach: Reach,
    root: PathBuf,
    witness: Witness,
    /// Whether it asks who made the changes between two sheets.
    asks: bool,
    /// The settings told last, kept where somebody may know who changes them.
    last: Option<Sheet>,
    read_at: Timestamp,
    waiting: VecDeque<Waiting>,
}

impl Scope {
    /// The scope `name` of `host`.
    pub(super) fn new(host: &Host, name: &'static str) -> Self {
        Self {
            resource: host.resource.clone(),
            name: name.into(),
            key: host.secret_key,
            told: None,
            reach: Reach {
                reader: "1".into(),
                within: Vec::new(),
            },
            root: host.root.clone(),
            witness: Witness::default(),
            asks: false,
            last: None,
            read_at: Timestamp(0),
            waiting: VecDeque::new(),
        }
    }

    /// The same, which asks `witness` who made each change, by what [`about`] says of the setting.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.asks = true;
        self.heeding(witness)
    }

    /// The same, which asks `witness` who made the changes that [`Scope::changed`] puts down.
    pub(super) fn heeding(mut self, witness: &Witness) -> Self {
        self.witness = witness.clone();
        self
    }

    /// The same, of which only settings below the names `within` (none: all) are looked for, read as the word `how` says: a version that reads
    /// other settings of the same things than the one before takes another word, so that they are no news of a host that was watched before.
    pub(super) fn reaching(mut self, within: impl IntoIterator<Item = String>, how: &str) -> Self {
        let within = within.into_iter().map(|name| format!("{}.{name}", self.name));
        self.reach = Reach {
            reader: how.into(),
            within: within.map(|name| visible(&name).into()).collect(),
        };
        self
    }

    /// How soon it is to be read again while changes wait to be told, or a file was just written that declares what its settings should be;
    /// `None` otherwise.
    pub(super) fn soon(&self) -> Option<Span> {
        (!self.waiting.is_empty())
            .then_some(SOON)
            .or_else(|| self.witness.declared(&self.name, self.read_at))
    }

    /// Notes that what changed at `now` is a reason to read the scope `other` soon.
    pub(super) fn concerns(&self, other: &'static str, now: Timestamp) {
        self.witness.declare(other, now);
    }

    /// An empty sheet for this scope's settings.
    pub(super) fn sheet(&self) -> Sheet {
        Sheet {
            prefix: format!("{}.", self.name),
            key: self.key,
            settings: BTreeMap::new(),
        }
    }

    /// Whether it was told of before, so that [`Scope::confirm`] has something to confirm.
    pub(super) fn known(&self) -> bool {
        self.told.is_some()
    }

    /// Tells `sheet`, or only confirms what was told last when it says the same.
    pub(super) fn tell(&mut self, now: Timestamp, sheet: Sheet, out: &mut Batch) {
        let fingerprint = packed::pack(&sheet.settings).ok().map(|bytes| blake3::hash(&bytes));
        if fingerprint.is_some() && fingerprint == self.told {
            return self.confirm(now, out);
        }
        self.told = fingerprint;
        if !self.asks {
            out.snapshots.push(self.snapshot(now, Some(sheet.settings)));
            return;
        }
        let Some(was) = self.last.replace(sheet.clone()) else {
            self.read_at = now;
            out.snapshots.push(self.snapshot(now, Some(sheet.settings)));
            return;
        };
        let (after, root, scope) = (self.read_at, self.root.clone(), self.name.clone());
        self.changed(now, &was, &sheet, |name| {
            let said = |other: &str| sheet.shown(other).or_else(|| was.shown(other));
            dated(about(&scope, name, &root, &said), &root, after, now)
        });
        self.confirm(now, out);
    }

    /// Says that nothing changed since the settings told last, and tells what waited long enough.
    pub(super) fn confirm(&mut self, now: Timestamp, out: &mut Batch) {
        self.read_at = now;
        self.release(now, out);
        out.snapshots.push(self.snapshot(now, None));
    }

    /// Puts down what differs between `was` and `is`, found at `now`, to be told with the next [`Scope::confirm`] or
    /// [`Scope::release`] after the logs were read beyond it; `when` says of a setting's name when it changed and what may tell by whom.
    pub(super) fn changed(
        &mut self,
        now: Timestamp,
        was: &Sheet,
        is: &Sheet,
        when: impl Fn(&str) -> (When, Vec<Clue>),
    ) {
        let mut found = Batch::default();
        self.change((None, now), was, is, None, &mut found);
        for mut change in found.changes {
            let name = change.id.name.clone();
            let name = name.strip_prefix(&*self.name).and_then(|rest| rest.strip_prefix('.'));
            let (time, clues) = when(name.unwrap_or_default());
            (change.after, change.at) = time;
            self.waiting.push_back(Waiting {
                found: now,
                before: self.read_at.min(now),
                change,
                clues,
            });
        }
    }

    /// Tells the changes that wait for no log any more, in the order they were found, and by whom they were made.
    pub(super) fn release(&mut self, now: Timestamp, out: &mut Batch) {
        // Settings of one file follow each other, and have one author.
        let mut last: Option<(Vec<Clue>, Timestamp, Author)> = None;
        // Of many changes at once each may be of each package that was worked on: their lists are read once.
        let lists = RefCell::new(BTreeMap::new());
        while let Some(first) = self.waiting.front() {
            if self.witness.awaits(&first.clues, first.change.at, first.found, now) {
                break;
            }
            let Some(Waiting {
                mut change,
                clues,
                before,
                ..
            }) = self.waiting.pop_front()
            else {
                break;
            };
            let author = match last.take() {
                Some((same, at, author)) if same == clues && at == change.at => author,
                _ => {
                    let owns = |package: &str, path: &str| {
                        let mut lists = lists.borrow_mut();
                        let list = match lists.get(package) {
                            Some(list) => list,
                            None => &*lists
                                .entry(package.to_owned())
                                .or_insert_with(|| files_of(&self.root, package)),
                        };
                        list.contains(path.as_bytes())
                    };
                    self.witness.who(&clues, Some(before), change.at, owns)
                }
            };
            last = Some((clues, change.at, author.clone()));
            if let Some((who, at)) = author {
                change.by = Some(who);
                if let Some((from, until)) = at {
                    (change.after, change.at) = (Some(from).filter(|from| *from < until), until);
                }
            }
            out.changes.push(change);
        }
    }

    /// Tells what differs between `was` and `is` as changes that `by` made at `at`, or between `after` and then. The scope must
    /// be known.
    pub(super) fn change(
        &self,
        (after, at): (Option<Timestamp>, Timestamp),
        was: &Sheet,
        is: &Sheet,
        by: Option<Arc<str>>,
        out: &mut Batch,
    ) {
        let change = |name: &Arc<str>, from: Option<&Value>, to: Option<&Value>| SettingChange {
            id: SeriesId {
                resource: self.resource.clone(),
                name: name.clone(),
            },
            at,
            after,
            from: from.cloned(),
            to: to.cloned(),
            by: by.clone(),
            backfilled: false,
        };
        let gone = was.settings.iter().filter(|(name, _)| !is.settings.contains_key(*name));
        out.changes
            .extend(gone.map(|(name, value)| change(name, Some(value), None)));
        let new = is.settings.iter().filter_map(|(name, value)| {
            let old = was.settings.get(name);
            old.is_none_or(|old| old.differs(value))
                .then(|| change(name, old, Some(value)))
        });
        out.changes.extend(new);
    }

    fn snapshot(&self, at: Timestamp, settings: Option<BTreeMap<Arc<str>, Value>>) -> SettingSnapshot {
        SettingSnapshot {
            reach: settings.is_some().then(|| self.reach.clone()),
            resource: self.resource.clone(),
            scope: self.name.clone(),
            at,
            settings,
        }
    }
}

/// What of `clues` remains of a change between `after` and `now` where files that did not change then are left out, and when it happened:
/// when the last of those files changed, where there is one.
pub(super) fn dated(clues: Vec<Clue>, root: &Path, after: Timestamp, now: Timestamp) -> (When, Vec<Clue>) {
    let (mut last, mut left) = (None, Vec::new());
    for clue in clues {
        if let Clue::File(path) | Clue::Named(path) = &clue
            && let Ok(meta) = fs::symlink_metadata(root.join(path.trim_start_matches('/')))
        {
            // The status change cannot be set by hand, so it is the time of the last change, whatever that was.
            let at = Timestamp(meta.ctime() * 1_000_000 + meta.ctime_nsec() / 1_000);
            if at <= after && after <= now {
                continue;
            }
            // A clock that went back says nothing of when.
            last = last.max(Some(at).filter(|at| *at <= now));
        }
        left.push(clue);
    }
    // After a clock that went back nothing is known of when it was not yet so.
    let after = Some(after).filter(|after| *after <= now);
    (last.map_or((after, now), |at| (None, at)), left)
}

/// The files that `package` brought to the host at `root`, by the list that dpkg keeps.
fn files_of(root: &Path, package: &str) -> BTreeSet<Vec<u8>> {
    let lists = root.join("var/lib/dpkg/info");
    // Where a package exists for several architectures, the file bears one.
    let one = |name: String| plain_file(&lists.join(name), 8 << 20);
    let list = one(format!("{package}.list")).or_else(|| one(format!("{package}:amd64.list")));
    list.iter()
        .flat_map(|list| list.split(|b| *b == b'\n'))
        .map(<[u8]>::to_vec)
        .collect()
}

/// The settings of one scope while they are read.
#[derive(Clone)]
pub(super) struct Sheet {
    prefix: String,
    key: [u8; 32],
    settings: BTreeMap<Arc<str>, Value>,
}

impl Sheet {
    /// Types `text`, hides it if it is a secret, and puts it down under `name`.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        let value = redact(name, text, &self.key);
        self.put(name, value);
    }

    /// Puts down `value` under `name`; a name that is taken gets a number.
    pub(super) fn put(&mut self, name: &str, value: Value) {
        let full = visible(&format!("{}{name}", self.prefix)).into_owned();
        insert(&mut self.settings, full, value);
    }

    /// Puts down items, each typed and hidden like a setting of its own, as one list under `name`. An item without a value
    /// that holds a secret is shown without it.
    pub(super) fn list<'a>(&mut self, name: &str, items: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) {
        let mut list = BTreeMap::new();
        for (item, text) in items {
            let value = match text {
                Some(text) => redact(item, text, &self.key),
                None if holds_secret(item) => Value::Secret(SecretHash::of(&self.key, item.as_bytes())),
                None => Value::Bool(true),
            };
            insert(&mut list, visible(&scrub(item)).into_owned(), value);
        }
        self.put(name, Value::list(list));
    }

    /// Puts down items that are no secrets, as one list under `name`.
    pub(super) fn put_list(&mut self, name: &str, items: impl IntoIterator<Item = (String, Value)>) {
        let mut list = BTreeMap::new();
        for (item, value) in items {
            insert(&mut list, visible(&item).into_owned(), value);
        }
        self.put(name, Value::list(list));
    }

    /// A rule that names commands, with the secrets that these take as their keyed hashes.
    pub(super) fn rule(&self, text: &str) -> String {
        mask_rule(text, &self.key).into_owned()
    }

    /// What the setting `name` says, as text.
    fn shown(&self, name: &str) -> Option<String> {
        let value = self.settings.get(format!("{}{name}", self.prefix).as_str())?;
        Some(value.to_string())
    }

    /// How many settings there are.
    pub(super) fn len(&self) -> usize {
        self.settings.len()
    }
}

/// Inserts under `name`, or under `name#2`, `name#3` and so on when that is taken by another value.
fn insert(map: &mut BTreeMap<Arc<str>, Value>, name: String, value: Value) {
    let mut free = name.clone();
    for number in 2.. {
        match map.get(free.as_str()) {
            None => break,
            Some(there) if *there == value => return,
            Some(_) => free = format!("{name}#{number}"),
        }
    }
    map.insert(free.into(), value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::Tree;

    #[test]
    fn the_same_settings_are_only_confirmed() {
        let mut scope = Scope::new(&Tree::new().host(), "sysctl");
        let mut out = Batch::default();
        for text in ["60", "60", "10"] {
            let mut sheet = scope.sheet();
            sheet.text("vm.swappiness", text);
            scope.tell(Timestamp(0), sheet, &mut out);
        }
        let told: Vec<bool> = out.snapshots.iter().map(|s| s.settings.is_some()).collect();
        assert_eq!(told, [true, false, true]);
        let settings = out.snapshots[2].settings.as_ref().unwrap();
        assert_eq!(settings.get("sysctl.vm.swappiness"), Some(&Value::Int(10)));
    }

    #[test]
    fn names_are_safe_and_none_is_lost() {
        let scope = Scope::new(&Tree::new().host(), "etc");
        let mut sheet = scope.sheet();
        sheet.text("a\u{1b}[0m:Key", "1");
        sheet.text("a\u{1b}[0m:Key", "2");
        sheet.text("a\u{1b}[0m:Key", "2");
        let names: Vec<&str> = sheet.settings.keys().map(AsRef::as_ref).collect();
        assert_eq!(names, ["etc.a\\u{1b}[0m:Key", "etc.a\\u{1b}[0m:Key#2"]);
    }
}
