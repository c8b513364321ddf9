//! Takes out of a recording what should not leave the house.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use super::{Header, known::known, names::Names};
use crate::domain::{
    Archive, Batch, Event, EventKind, MetricMeta, Observation, ResourceId, SecretHash, SeriesId, SettingChange,
    SettingSnapshot, Value,
};

/// Single words that are the system's and not somebody's.
const SYSTEM_WORDS: [&str; 62] = [
    "active",
    "inactive",
    "failed",
    "enabled",
    "disabled",
    "static",
    "masked",
    "alias",
    "indirect",
    "generated",
    "linked",
    "transient",
    "always",
    "never",
    "no",
    "yes",
    "on",
    "off",
    "on-failure",
    "on-abnormal",
    "on-abort",
    "on-success",
    "none",
    "auto",
    "madvise",
    "advise",
    "within_size",
    "deny",
    "force",
    "defer",
    "mq-deadline",
    "bfq",
    "kyber",
    "up",
    "down",
    "unknown",
    "dormant",
    "full",
    "half",
    "ro",
    "rw",
    "soft",
    "hard",
    "unlimited",
    "infinity",
    "simple",
    "forking",
    "oneshot",
    "notify",
    "idle",
    "dbus",
    "exec",
    "process",
    "mixed",
    "control-group",
    "strict",
    "cubic",
    "reno",
    "bbr",
    "fq",
    "fq_codel",
    "pfifo_fast",
];
/// The least number of an account that is somebody's, and that of nobody (login.defs(5), UID_MIN).
const PERSONS: i64 = 1_000;
const NOBODY: i64 = 65_534;
/// Most words that one name of a person or host consists of.
const MOST_WORDS: usize = 8;
/// Most names that are remembered as they are written.
const MOST_NAMES: usize = 100_000;

/// Replaces names and texts by keyed hashes: the same name is the same hash within one recording, and different ones in two.
///
/// Of a name stays what is this program's own, the kernel's or a well-known program's; what stands in the place of a thing (an account, a
/// host, an interface, a path, a command), texts of settings, and the words of log lines go, and so do the people and hosts the settings
/// tell of, wherever they stand. Numbers, versions, names of packages, and when all of it happened stay: without them there is nothing to
/// replay.
#[derive(Clone, Debug)]
pub struct Redaction {
    key: [u8; 32],
    /// People's accounts and groups, and names of hosts.
    people: HashSet<String>,
    /// Series as they are written.
    names: RefCell<BTreeMap<SeriesId, SeriesId>>,
}

impl Redaction {
    /// A redaction under `key`, which should be random and kept nowhere.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            people: HashSet::new(),
            names: RefCell::default(),
        }
    }

    /// Takes in the hosts that are recorded, and gives the header without them.
    pub(super) fn header(&mut self, header: &Header) -> Header {
        for resource in &header.resources {
            self.host(resource.name());
        }
        Header {
            resources: header
                .resources
                .iter()
                .map(|resource| self.resource(resource))
                .collect(),
            redacted: true,
            ..header.clone()
        }
    }

    /// Takes in the people and hosts that a setting tells of.
    fn learn(&mut self, name: &str, value: &Value) {
        let account = name.strip_prefix("account.").and_then(|rest| {
            let of = |sort: &str, end: &str| rest.strip_prefix(sort).and_then(|rest| rest.strip_suffix(end));
            of("user.", ":uid").or_else(|| of("group.", ":gid"))
        });
        match (account, value) {
            (Some(who), Value::Int(number)) if (PERSONS..NOBODY).contains(number) => self.person_named(who),
            _ => {}
        }
        if let Some(host) = name.strip_prefix("net.hosts.") {
            self.host(host);
        }
        if let ("hw.hostname", Value::Text(host) | Value::Enum(host)) = (name, value) {
            self.host(host);
        }
    }

    fn person_named(&mut self, who: &str) {
        if who.len() > 1 && !known(who) && self.people.insert(who.to_ascii_lowercase()) {
            self.names.get_mut().clear();
        }
    }

    /// Its whole name, and the first part of it. What is a number says nothing of whose it is.
    fn host(&mut self, name: &str) {
        let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
        let first = name.split('.').next().unwrap_or(name);
        for name in [name, first] {
            if name.contains(|c: char| c.is_alphabetic()) && !name.starts_with("ip6-") {
                self.person_named(name);
            }
        }
    }

    /// A step as it is written; the people and hosts it tells of are known from then on.
    pub(super) fn batch(&mut self, batch: &Batch) -> Batch {
        let snapshots = batch.snapshots.iter().filter_map(|snapshot| snapshot.settings.as_ref());
        for (name, value) in snapshots.flatten() {
            self.learn(name, value);
        }
        for change in &batch.changes {
            if let Some(value) = &change.to {
                self.learn(&change.id.name, value);
            }
        }
        self.redacted(batch)
    }

    fn redacted(&self, batch: &Batch) -> Batch {
        let metric = |meta: &MetricMeta| MetricMeta {
            id: self.series(&meta.id),
            ..meta.clone()
        };
        let observation = |seen: &Observation| Observation {
            id: self.series(&seen.id),
            point: seen.point,
        };
        let archive = |archive: &Archive| Archive {
            id: self.series(&archive.id),
            ..archive.clone()
        };
        Batch {
            metrics: batch.metrics.iter().map(metric).collect(),
            observations: batch.observations.iter().map(observation).collect(),
            snapshots: batch.snapshots.iter().map(|snapshot| self.snapshot(snapshot)).collect(),
            changes: batch.changes.iter().map(|change| self.change(change)).collect(),
            past: batch.past.iter().map(|change| self.change(change)).collect(),
            archives: batch.archives.iter().map(archive).collect(),
            events: batch.events.iter().map(|event| self.event(event)).collect(),
        }
    }

    fn snapshot(&self, snapshot: &SettingSnapshot) -> SettingSnapshot {
        let settings = snapshot.settings.as_ref().map(|settings| {
            let one =
                |(name, value): (&Arc<str>, &Value)| (self.name(snapshot.resource.kind(), name), self.value(value));
            settings.iter().map(one).collect::<BTreeMap<_, _>>()
        });
        SettingSnapshot {
            reach: None,
            resource: self.resource(&snapshot.resource),
            scope: snapshot.scope.clone(),
            at: snapshot.at,
            settings,
        }
    }

    fn change(&self, change: &SettingChange) -> SettingChange {
        let value = |value: &Option<Value>| value.as_ref().map(|value| self.value(value));
        SettingChange {
            id: self.series(&change.id),
            at: change.at,
            after: change.after,
            from: value(&change.from),
            to: value(&change.to),
            by: change.by.as_deref().map(|who| self.person(who)),
            backfilled: change.backfilled,
        }
    }

    fn event(&self, event: &Event) -> Event {
        let what = match event.kind {
            // What somebody typed is a line as any other.
            EventKind::Package if !event.what.starts_with("ran ") => self.known_words(&event.what).into(),
            EventKind::Collector => self.words(&event.what),
            _ => format!("line#{}", self.hash(&event.what)).into(),
        };
        Event {
            at: event.at,
            resource: self.resource(&event.resource),
            kind: event.kind,
            what,
            who: event.who.as_deref().map(|who| self.person(who)),
            backfilled: event.backfilled,
        }
    }

    fn resource(&self, resource: &ResourceId) -> ResourceId {
        ResourceId::new(
            resource.kind(),
            &format!("{}-{}", resource.kind(), self.hash(resource.name())),
        )
    }

    fn series(&self, id: &SeriesId) -> SeriesId {
        if let Some(written) = self.names.borrow().get(id) {
            return written.clone();
        }
        let written = SeriesId {
            resource: self.resource(&id.resource),
            name: self.name(id.resource.kind(), &id.name),
        };
        let mut names = self.names.borrow_mut();
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        names.insert(id.clone(), written.clone());
        written
    }

    /// A message of this program without urls, paths and addresses.
    fn words(&self, text: &str) -> Arc<str> {
        let word = |word: &str| {
            if let Some((scheme, rest)) = word.split_once("://") {
                return format!("{scheme}://{}", self.hash(rest));
            }
            let bare = word.trim_end_matches([':', ';', ',', '.']);
            let address = bare.parse::<IpAddr>().is_ok() || bare.parse::<SocketAddr>().is_ok();
            if address || bare.contains(['/', '@', '"', '\'']) {
                return format!("{}{}", self.hash(bare), &word[bare.len()..]);
            }
            self.known_words(word)
        };
        let words: Vec<String> = text.split(' ').map(word).collect();
        words.join(" ").into()
    }

    /// A text without the people and hosts that are known, as whole words.
    fn known_words(&self, text: &str) -> String {
        if self.people.is_empty() {
            return text.to_owned();
        }
        let lower = text.to_ascii_lowercase();
        let inner = |b: u8| b.is_ascii_alphanumeric() || !b.is_ascii();
        let bytes = lower.as_bytes();
        let begins = |at: usize| inner(bytes[at]) && (at == 0 || !inner(bytes[at - 1]));
        let (mut clean, mut from, mut at) = (String::new(), 0, 0);
        while at < bytes.len() {
            // A name may begin with what is no letter (`_ssh`).
            if begins(at) || matches!(bytes[at], b'_') {
                let ends = (at + 1..=bytes.len())
                    .filter(|end| inner(bytes[end - 1]) && bytes.get(*end).is_none_or(|b| !inner(*b)));
                let ends: Vec<usize> = ends.take(MOST_WORDS).collect();
                if let Some(end) = ends
                    .into_iter()
                    .rev()
                    .find(|end| self.people.contains(&lower[at..*end]))
                {
                    clean += &text[from..at];
                    clean += &self.hash(&text[at..end]);
                    (from, at) = (end, end);
                    continue;
                }
            }
            at += 1;
        }
        clean + &text[from..]
    }

    /// The name of a series of a resource of `kind`.
    fn name(&self, kind: &str, name: &str) -> Arc<str> {
        let (show, hide) = (|part: &str| self.known_words(part), |part: &str| self.hash(part));
        let names = Names {
            show: &show,
            hide: &hide,
        };
        names.clean(kind, name).into()
    }

    fn person(&self, who: &str) -> Arc<str> {
        format!("person-{}", self.hash(who)).into()
    }

    fn value(&self, value: &Value) -> Value {
        match value {
            Value::Text(text) => Value::Secret(SecretHash::of(&self.key, text.as_bytes())),
            Value::Enum(word) if !SYSTEM_WORDS.contains(&&**word) => {
                Value::Secret(SecretHash::of(&self.key, word.as_bytes()))
            }
            Value::List(items) => {
                let one = |(key, value): (&Arc<str>, &Value)| (Arc::from(&*self.hash(key)), self.value(value));
                Value::list(items.iter().map(one).collect())
            }
            other => other.clone(),
        }
    }

    fn hash(&self, text: &str) -> String {
        blake3::keyed_hash(&self.key, text.as_bytes()).to_hex()[..8].to_owned()
    }
}
