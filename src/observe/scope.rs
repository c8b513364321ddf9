//! All settings of one scope, told when they changed and confirmed when not.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use all of it")
)]

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Host,
    secret::{holds_secret, mask_rule, redact, scrub},
};
use crate::domain::{
    Batch, ResourceId, SecretHash, SeriesId, SettingChange, SettingSnapshot, Timestamp, Value, packed, text::visible,
};

/// A scope of a host: knows what was told of it last.
pub(super) struct Scope {
    resource: ResourceId,
    name: Arc<str>,
    key: [u8; 32],
    /// Fingerprint of the settings told last.
    told: Option<blake3::Hash>,
}

impl Scope {
    /// The scope `name` of `host`.
    pub(super) fn new(host: &Host, name: &'static str) -> Self {
        Self {
            resource: host.resource.clone(),
            name: name.into(),
            key: host.secret_key,
            told: None,
        }
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
        out.snapshots.push(self.snapshot(now, Some(sheet.settings)));
    }

    /// Says that nothing changed since the settings told last.
    pub(super) fn confirm(&self, now: Timestamp, out: &mut Batch) {
        out.snapshots.push(self.snapshot(now, None));
    }

    /// Tells what differs between `was` and `is` as changes that `by` made at `at`, or between `after` and then. The scope must
    /// be known.
    pub(super) fn change(
        &self,
        (after, at): (Option<Timestamp>, Timestamp),
        was: Sheet,
        is: Sheet,
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
            resource: self.resource.clone(),
            scope: self.name.clone(),
            at,
            settings,
        }
    }
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
        self.put(name, Value::List(list));
    }

    /// Puts down items that are no secrets, as one list under `name`.
    pub(super) fn put_list(&mut self, name: &str, items: impl IntoIterator<Item = (String, Value)>) {
        let mut list = BTreeMap::new();
        for (item, value) in items {
            insert(&mut list, visible(&item).into_owned(), value);
        }
        self.put(name, Value::List(list));
    }

    /// A rule that names commands, with the secrets that these take as their keyed hashes.
    pub(super) fn rule(&self, text: &str) -> String {
        mask_rule(text, &self.key).into_owned()
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
