//! What happened before a finding began, as logs and sources tell it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, BEFORE, NAMESAKE, applies, earliest, thing};
use crate::{
    domain::{Cause, Event, EventKind, SeriesId, SettingChange, Subject, text::visible},
    drift::{
        author,
        deed::{self, TOGETHER},
        report,
    },
    observe::looks,
};

/// P(a command that was run for a thing has an effect on it that is seen); by hand, until the ledger can tell.
const COMMAND: f64 = 0.4;

impl Asked<'_> {
    /// Events of one kind within two minutes of each other as one.
    pub(super) fn events(&self) -> Vec<Cause> {
        let since = self.effect.since;
        let mut slots: BTreeMap<u8, BTreeSet<i64>> = BTreeMap::new();
        let mut groups: BTreeMap<(u8, i64), Vec<&Event>> = BTreeMap::new();
        // What only puts a change into force is a part of that deed and no cause beside it.
        let changes: Vec<&SettingChange> = self.changes().filter(|_| !self.effect.declared).collect();
        // Whoever only looked did nothing.
        let looked = |event: &&Event| author::command(event).is_some_and(looks);
        // That a port is open now is a thing that was done, and no setting changes because of it.
        let opening = |event: &&Event| self.effect.declared && opens(event);
        let repeated = self.repeated();
        // What systemd and the unit itself say of the very unit that no longer runs is the fact again, and of a setting that it was read
        // anew is what follows from it.
        let echo = |event: &&Event| {
            let told = matches!(event.kind, EventKind::Service | EventKind::Log) && author::command(event).is_none();
            self.effect.declared
                && told
                && self.effect.series.iter().any(|id| {
                    let follows = match Subject::of(&id.name) {
                        Subject::Unit { part: "state", .. } => true,
                        Subject::File { .. } | Subject::Sshd(_) | Subject::Sysctl(_) => {
                            event.kind == EventKind::Service
                        }
                        _ => false,
                    };
                    follows && deed::names(std::slice::from_ref(id), &event.what)
                })
        };
        for event in self
            .events_within(self.watched.max(BEFORE))
            .filter(|event| !opening(event) && !echo(event) && !looked(event))
        {
            let slot = event.at.floor(TOGETHER).0;
            slots.entry(event.kind as u8).or_default().insert(slot);
            let counts = || !changes.iter().any(|change| applies(event, change)) && !put_back(&repeated, event);
            if event.at >= since - BEFORE && counts() {
                groups.entry((event.kind as u8, slot)).or_default().push(event);
            }
        }
        let mut causes = Vec::new();
        let mounts = self.mounts();
        // A path lies on most mounts: what is done to a file system is told by what a command lays there.
        let things: BTreeSet<&str> = self
            .things()
            .filter(|name| name.len() > 2 && !name.contains('/'))
            .collect();
        let names = |event: &&&Event| {
            deed::names(self.effect.series, &event.what)
                || things.iter().any(|thing| deed::word(&event.what, thing))
                || self.effect.declared && author::names(self.effect.series, author::command(event).unwrap_or_default())
                || author::command(event).is_some_and(|command| lies_on(command, &mounts))
        };
        // What was done to a setting mostly says its name: beside a deed that does, or long before the change, one that does not is no
        // cause of it.
        let told = self.effect.declared && groups.values().flatten().any(|event| names(&event));
        let long_before = self.effect.earliest.unwrap_or(since) - TOGETHER;
        for ((kind, _), group) in groups {
            let named = group.iter().find(names);
            let event = named.or(group.first());
            let Some(event) = event.filter(|event| strength(event) > 0.0) else {
                continue;
            };
            // A service that only read its own settings anew changed none of another.
            let reload = event.kind == EventKind::Service && event.what.contains("Reloaded ");
            if self.effect.declared && named.is_none() && (told || reload || event.at < long_before) {
                continue;
            }
            let alike = named.map_or(group.len(), |_| group.iter().filter(names).count());
            let more = match alike {
                ..2 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            let what = match (event.who.as_deref(), author::command(event)) {
                (Some(who), Some(command)) => format!("{} ran {command}{more}", visible(who)),
                (Some(who), None) => format!("{}{more} by {}", event.what, visible(who)),
                (None, _) => format!("{}{more}", event.what),
            };
            // Logs tell whole seconds.
            let times = (event.at, event.at);
            // What a setting is changed by mostly says which; what does not even name it is weak evidence.
            let tells = match (named.is_some(), self.effect.declared) {
                (true, _) => NAMESAKE,
                (false, true) => 1.0 / NAMESAKE,
                (false, false) => 1.0,
            };
            // A command that names what changed is what somebody did to it.
            let done = named.is_some() && author::command(event).is_some();
            let strength = if done { COMMAND } else { strength(event) };
            let prior = strength * tells;
            let count = slots.get(&kind).map_or(1, BTreeSet::len);
            let odds = self.odds(prior, times, count);
            causes.push(self.cause(None, report::line(what), times, odds));
        }
        causes
    }

    /// The file systems of the resource, each with whether the effect is that it fills; none where it is of no file system.
    fn mounts(&self) -> Vec<(&str, bool)> {
        let mount = |id: &'_ SeriesId| {
            id.name
                .starts_with("fs.")
                .then(|| thing(&id.name))
                .flatten()
                .map(str::to_owned)
        };
        let own: BTreeSet<String> = self.effect.series.iter().filter_map(mount).collect();
        if own.is_empty() {
            return Vec::new();
        }
        let here = self
            .shadows
            .metrics
            .keys()
            .filter(|id| id.resource == *self.effect.resource);
        let all: BTreeSet<&str> = (here.filter(|id| id.name.starts_with("fs.")))
            .filter_map(|id| thing(&id.name))
            .collect();
        all.into_iter().map(|mount| (mount, own.contains(mount))).collect()
    }

    /// Changes of the last hour of settings that changed more than once in it before the effect, by setting and oldest first.
    fn repeated(&self) -> Vec<Vec<&SettingChange>> {
        let since = self.effect.since;
        let mut changed: BTreeMap<&SeriesId, Vec<&SettingChange>> = BTreeMap::new();
        let recent = self.shadows.settings.changes().iter().rev();
        let recent = recent.take_while(|change| change.at >= since - BEFORE);
        for change in recent.filter(|change| change.at <= since && change.id.resource == *self.effect.resource) {
            changed.entry(&change.id).or_default().insert(0, change);
        }
        // The newest change of what is to be explained is the effect itself.
        for (id, changes) in &mut changed {
            if self.effect.declared && self.effect.series.contains(*id) {
                changes.pop();
            }
        }
        changed.into_values().filter(|changes| changes.len() > 1).collect()
    }
}

/// Whether a command was told of a path on one of the `mounts` that are asked for, where it can lay down something: not among settings.
fn lies_on(command: &str, mounts: &[(&str, bool)]) -> bool {
    let within = |path: &str, mount: &str| {
        let rest = path.strip_prefix(mount.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let paths = command.split_ascii_whitespace().skip(1).filter_map(|word| {
        let path = word.trim_start_matches(['\'', '"', '>']).rsplit('=').next()?;
        path.starts_with('/').then_some(path.trim_end_matches(['\'', '"', ';']))
    });
    paths.filter(|path| !path.starts_with("/etc/")).any(|path| {
        let on = mounts.iter().filter(|(mount, _)| within(path, mount));
        on.max_by_key(|(mount, _)| mount.len()).is_some_and(|(_, asked)| *asked)
    })
}

/// Whether what `event` tells of changed settings that were put back before the effect began; `repeated` are those that changed more
/// than once, each oldest first.
fn put_back(repeated: &[Vec<&SettingChange>], event: &Event) -> bool {
    let back = |changes: &Vec<&SettingChange>| {
        let first = changes.iter().find(|change| change.at >= event.at);
        let own = first.filter(|first| earliest(first) <= event.at + TOGETHER);
        own.is_some_and(|first| changes.last().is_some_and(|last| first.from == last.to))
            && deed::names(std::slice::from_ref(&changes[0].id), &event.what)
    };
    repeated.iter().any(back)
}

/// Whether an event tells that a port is open: `port tcp/0.0.0.0:8080 is open: python3, pid 7, user bob`.
fn opens(event: &Event) -> bool {
    let port = event
        .what
        .strip_prefix("port ")
        .filter(|_| event.kind == EventKind::Log);
    port.and_then(|rest| rest.split_once(' '))
        .is_some_and(|(_, rest)| rest.starts_with("is open:"))
}

/// P(an event has an effect that is seen): judged by hand until the ledger can tell.
fn strength(event: &Event) -> f64 {
    match event.kind {
        EventKind::Deploy => 0.4,
        EventKind::Service => 0.2,
        EventKind::Package => 0.15,
        EventKind::Kernel => 0.1,
        EventKind::Login => 0.02,
        EventKind::Log => 0.01,
        EventKind::Collector => 0.0,
    }
}
