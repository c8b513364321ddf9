//! Takes out of a recording what should not leave the house.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::Header;
use crate::domain::{
    Archive, Batch, Event, EventKind, MetricMeta, Observation, ResourceId, SecretHash, SeriesId, SettingChange,
    SettingSnapshot, Value,
};

/// Settings whose single words are the system's and not somebody's (`active`, `madvise`, `ro`).
const SYSTEM_WORDS: [&str; 8] = ["sysctl.", "unit.", "mount.", "net.", "limits.", "hw.", "pkg.", "port."];

/// Replaces names and texts by keyed hashes: the same name is the same hash within one recording, and different ones in two.
///
/// Resources' names, people, addresses and e-mail addresses in names, texts of settings, and the words of log lines go. Numbers, versions,
/// names of settings, metrics and packages, and when all of it happened stay: without them there is nothing to replay.
#[derive(Clone, Debug)]
pub struct Redaction {
    key: [u8; 32],
}

impl Redaction {
    /// A redaction under `key`, which should be random and kept nowhere.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    pub(super) fn header(&self, header: &Header) -> Header {
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

    pub(super) fn batch(&self, batch: &Batch) -> Batch {
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
            let one = |(name, value): (&Arc<str>, &Value)| (self.name(name), self.value(name, value));
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
        let value = |value: &Option<Value>| value.as_ref().map(|value| self.value(&change.id.name, value));
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
            EventKind::Package => event.what.clone(),
            EventKind::Collector => self.urls(&event.what),
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
        SeriesId::new(&self.resource(&id.resource), &self.name(&id.name))
    }

    /// A text without the urls in it.
    fn urls(&self, text: &str) -> Arc<str> {
        let word = |word: &str| match word.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", self.hash(rest)),
            None => word.to_owned(),
        };
        let words: Vec<String> = text.split(' ').map(word).collect();
        words.join(" ").into()
    }

    /// A name without the addresses in it, and without the values of labels, which may be any text.
    fn name(&self, name: &str) -> Arc<str> {
        match name.split_once('{') {
            Some((name, labels)) => format!("{}{{{}}}", self.plain(name), self.hash(labels)).into(),
            None => self.plain(name),
        }
    }

    fn plain(&self, name: &str) -> Arc<str> {
        let of_an_address = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '@' | '_' | '-');
        if !name.contains('@') && !name.contains(|c: char| c.is_ascii_digit()) {
            return name.into();
        }
        let mut clean = String::with_capacity(name.len());
        let mut rest = name;
        while !rest.is_empty() {
            let end = rest.find(|c| !of_an_address(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            self.word(word, &mut clean);
            let gap = after.find(of_an_address).unwrap_or(after.len());
            clean.push_str(&after[..gap]);
            rest = &after[gap..];
        }
        clean.into()
    }

    /// A word of a name; addresses stand between dots or colons in it (`hosts:10.0.0.7`, `net.10.0.0.7.rx`).
    fn word(&self, word: &str, clean: &mut String) {
        let breaks = |c: char| matches!(c, '.' | ':');
        let begins = std::iter::once(0).chain(word.match_indices(breaks).map(|(at, _)| at + 1));
        for begin in begins {
            let ends = word[begin..].match_indices(breaks).map(|(at, _)| begin + at);
            // The longest first: an address of version 6 has colons of its own.
            let ends = ends.chain([word.len()]).collect::<Vec<_>>();
            let whole = |end: &usize| {
                let part = &word[begin..*end];
                part.parse::<IpAddr>().is_ok() || (part.contains('@') && !part.contains(':'))
            };
            if let Some(end) = ends.into_iter().rev().find(whole) {
                clean.push_str(&word[..begin]);
                clean.push_str(&self.hash(&word[begin..end]));
                return self.word(&word[end..], clean);
            }
        }
        clean.push_str(word);
    }

    fn person(&self, who: &str) -> Arc<str> {
        format!("person-{}", self.hash(who)).into()
    }

    fn value(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::Text(text) => Value::Secret(SecretHash::of(&self.key, text.as_bytes())),
            Value::Enum(word) if !SYSTEM_WORDS.iter().any(|scope| name.starts_with(scope)) => {
                Value::Secret(SecretHash::of(&self.key, word.as_bytes()))
            }
            Value::List(items) => {
                let one = |(key, value): (&Arc<str>, &Value)| (Arc::from(&*self.hash(key)), self.value(name, value));
                Value::list(items.iter().map(one).collect())
            }
            other => other.clone(),
        }
    }

    fn hash(&self, text: &str) -> String {
        blake3::keyed_hash(&self.key, text.as_bytes()).to_hex()[..8].to_owned()
    }
}
