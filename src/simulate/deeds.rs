//! What else was done about the time of a change: only an effect that stands apart from that is its own.

use std::collections::BTreeSet;

use super::past::WINDOW;
use crate::{
    domain::{EventKind, ResourceId, SeriesId, SettingChange, Span, Subject, Timestamp},
    shadow::{Metric, Shadows},
};

/// A time in which something was done, both ends included.
pub(super) type Deed = (Timestamp, Timestamp);

/// What was done, for asking what stands about a time.
#[derive(Debug)]
pub(super) struct Deeds {
    /// When each began at the earliest, rising.
    begins: Vec<Timestamp>,
    /// When the last of it and of all before it had ended.
    ends: Vec<Timestamp>,
}

impl Deeds {
    pub fn new(mut all: Vec<Deed>) -> Self {
        all.sort_unstable();
        let mut end = Timestamp(i64::MIN);
        let ends = all.iter().map(|(_, to)| {
            end = end.max(*to);
            end
        });
        Self {
            ends: ends.collect(),
            begins: all.into_iter().map(|(from, _)| from).collect(),
        }
    }

    /// The time about `at` in which nothing was done: from the last deed before it to the next one after it.
    pub fn alone(&self, at: Timestamp) -> Deed {
        let next = self.begins.partition_point(|begin| *begin <= at);
        let before = next.checked_sub(1).map(|last| self.ends[last]);
        let after = self.begins.get(next).copied();
        (
            before.unwrap_or(Timestamp(i64::MIN)),
            after.unwrap_or(Timestamp(i64::MAX)),
        )
    }

    /// Whether `at` lies within one.
    pub fn cover(&self, at: Timestamp) -> bool {
        self.alone(at).0 >= at
    }
}

/// A program that takes at least this much of the processors is a load: that it begins or ends is a deed.
const LOAD: f64 = 10.0;
/// Minutes that a load's level is taken from, and those without a value that end it.
const LEVEL: usize = 5;
const SILENT: Span = Span::from_mins(3);

/// What was done on the resource of `change` from `since` to `now` besides it and the settings in `asked`: other settings, packages,
/// roll-outs, and programs that began or ended to take a good part of the processors.
///
/// Settings of one matter with it are no other deed: a parameter and its line in a file.
pub(super) fn besides(
    shadows: &Shadows,
    change: &SettingChange,
    asked: &BTreeSet<SeriesId>,
    (since, now): Deed,
) -> Vec<Deed> {
    let resource = &change.id.resource;
    let others: Vec<&SettingChange> = shadows
        .settings
        .changes()
        .iter()
        .filter(|other| (since..=now).contains(&other.at) && other.id.resource == *resource)
        .filter(|other| other.id != change.id && !asked.contains(&other.id))
        .collect();
    let matter = matter(change, &others);
    let settings = others
        .iter()
        .filter(|other| !near(change, other) || !named(other, &matter));
    let mut deeds: Vec<Deed> = settings.map(|other| (other.earliest(), other.at)).collect();
    let events = shadows.events.iter().filter(|event| {
        let done = matches!(event.kind, EventKind::Package | EventKind::Deploy);
        done && (since..=now).contains(&event.at) && event.resource == *resource
    });
    deeds.extend(events.map(|event| (event.at, event.at)));
    deeds.extend(loads(shadows, resource, now));
    deeds.sort_unstable();
    // An upgrade is hundreds of changes at one time.
    deeds.dedup();
    deeds
}

fn near(change: &SettingChange, other: &SettingChange) -> bool {
    let apart = change.at.max(other.at) - change.at.min(other.at);
    apart <= Span::from_mins(WINDOW)
}

fn named(change: &SettingChange, names: &BTreeSet<String>) -> bool {
    let own = Subject::of(&change.id.name).names(None);
    own.iter().any(|name| names.contains(name))
}

/// The names of `change`, and of all near it that share one with it or with each other.
fn matter(change: &SettingChange, others: &[&SettingChange]) -> BTreeSet<String> {
    let of = |change: &SettingChange| Subject::of(&change.id.name).names(None);
    let mut names: BTreeSet<String> = of(change).into_iter().collect();
    let theirs = others.iter().filter(|other| near(change, other));
    let theirs: Vec<Vec<String>> = theirs.map(|other| of(other)).collect();
    loop {
        let before = names.len();
        for own in &theirs {
            if own.iter().any(|name| names.contains(name)) {
                names.extend(own.iter().cloned());
            }
        }
        if names.len() == before {
            return names;
        }
    }
}

/// When programs began or ended to take a tenth of the processors or more, as far as their minutes tell.
fn loads(shadows: &Shadows, resource: &ResourceId, now: Timestamp) -> Vec<Deed> {
    let of_here = shadows.metrics.iter().filter(|(id, _)| id.resource == *resource);
    let watched = of_here
        .clone()
        .filter_map(|(_, metric)| metric.minutes.front())
        .map(|minute| minute.at)
        .min();
    let watched = watched.unwrap_or(now);
    let programs = of_here.filter(|(id, _)| id.name.starts_with("top.") && id.name.ends_with(".cpu_pct"));
    programs.flat_map(|(_, metric)| ends(metric, watched, now)).collect()
}

/// The times at which `metric` began and ended to be told, where it stood at [`LOAD`] or above then.
fn ends(metric: &Metric, watched: Timestamp, now: Timestamp) -> Vec<Deed> {
    let minutes: Vec<(Timestamp, f64)> = metric
        .minutes
        .iter()
        .filter(|minute| minute.at <= now)
        .map(|minute| (minute.at, minute.last))
        .collect();
    let high = |level: &[(Timestamp, f64)]| {
        level.iter().map(|(_, value)| value).sum::<f64>() / level.len().max(1) as f64 >= LOAD
    };
    let minute = Span::from_mins(1);
    let mut ends = Vec::new();
    for run in minutes.chunk_by(|a, b| b.0 - a.0 <= SILENT) {
        let (first, last) = (run[0].0, run[run.len() - 1].0);
        if first - watched > SILENT && high(&run[..run.len().min(LEVEL)]) {
            ends.push((first - minute, first + minute));
        }
        if now - last > SILENT && high(&run[run.len().saturating_sub(LEVEL)..]) {
            ends.push((last, last + minute * 2));
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_stands_about_a_time_is_the_last_before_and_the_next_after_it(
            times in prop::collection::vec((-50_i64..50, 0_i64..20), 0..20),
            at in -60_i64..60,
        ) {
            let deeds: Vec<Deed> = times.iter().map(|(from, long)| (Timestamp(*from), Timestamp(from + long))).collect();
            let at = Timestamp(at);
            let before = deeds.iter().filter(|(from, _)| *from <= at).map(|(_, to)| *to).max();
            let after = deeds.iter().filter(|(from, _)| *from > at).map(|(from, _)| *from).min();
            let within = deeds.iter().any(|(from, to)| (*from..=*to).contains(&at));
            let found = Deeds::new(deeds);
            prop_assert_eq!(found.alone(at), (
                before.unwrap_or(Timestamp(i64::MIN)),
                after.unwrap_or(Timestamp(i64::MAX)),
            ));
            prop_assert_eq!(found.cover(at), within);
        }
    }
}
