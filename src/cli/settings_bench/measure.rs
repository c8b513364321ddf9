//! What a stream of changes tells of two policies: how long to watch a change, and which settings to look at when not all can be.

use std::collections::HashMap;

use serde::Serialize;

use super::{Line, days, observe, text};
use crate::shadow::{Learner, Tracker};

/// A policy to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Policy {
    /// How many undone changes are undone while they are watched.
    Watch,
    /// How many changes are seen within an hour when 5 % of the settings are looked at an hour.
    Looks,
}

/// Settings looked at in an hour, as a share of all there are.
const BUDGET: f64 = 0.05;
/// Days in which a change counts as undone.
const UNDONE: f64 = 14.0;

/// A measurement on its way. What comes before the first question only teaches.
#[derive(Debug)]
pub(super) enum Measured {
    Watch(Box<Watch>),
    Looks(Box<Looks>),
}

/// What came of it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Outcome {
    Watch {
        changes: usize,
        undone: usize,
        /// Share of the undone changes that were undone while they were watched.
        seen: f64,
        median_hours: f64,
        mean_hours: f64,
    },
    Looks {
        changes: usize,
        /// Share of the changes seen within an hour.
        seen: f64,
        looks: u64,
    },
}

impl Measured {
    pub(super) fn new(policy: Policy) -> Self {
        match policy {
            Policy::Watch => Self::Watch(Box::default()),
            Policy::Looks => Self::Looks(Box::default()),
        }
    }

    /// Takes a line of the stream, as read and as it stands there.
    pub(super) fn take(&mut self, learner: &mut Learner, line: &Line<'_>, raw: &[u8]) {
        match self {
            Self::Watch(watch) => watch.take(learner, line),
            Self::Looks(looks) => looks.take(learner, line, raw),
        }
    }

    pub(super) fn result(&self) -> Outcome {
        match self {
            Self::Watch(watch) => watch.result(),
            Self::Looks(looks) => looks.result(),
        }
    }
}

/// A change that may be undone.
#[derive(Debug)]
struct Made {
    at: f64,
    was: Option<String>,
    /// For how long it is watched, and when it was undone, days.
    window: f64,
    undone: Option<f64>,
    counts: bool,
}

#[derive(Debug, Default)]
pub(super) struct Watch {
    asked: bool,
    values: HashMap<u64, Option<String>>,
    made: HashMap<u64, Vec<Made>>,
}

impl Watch {
    fn take(&mut self, learner: &mut Learner, line: &Line<'_>) {
        if line.q.is_some() {
            self.asked = true;
            return;
        }
        let now = (line.op != "remove").then(|| text(&line.new).into_owned());
        let was = self.values.insert(line.s, now.clone()).flatten();
        observe(learner, line);
        let at = days(line.t);
        let made = self.made.entry(line.s).or_default();
        for one in made
            .iter_mut()
            .filter(|one| one.undone.is_none() && at - one.at <= UNDONE && one.was == now)
        {
            one.undone = Some(at - one.at);
        }
        if line.op == "change" {
            learner.refit();
            let (probability, _) = learner.newest_change();
            made.push(Made {
                at,
                was,
                window: learner.watch(probability),
                undone: None,
                counts: self.asked,
            });
        }
    }

    fn result(&self) -> Outcome {
        let all: Vec<&Made> = self.made.values().flatten().filter(|one| one.counts).collect();
        let undone: Vec<&&Made> = all.iter().filter(|one| one.undone.is_some()).collect();
        let seen = undone
            .iter()
            .filter(|one| one.undone.is_some_and(|after| after <= one.window))
            .count();
        let mut windows: Vec<f64> = all.iter().map(|one| one.window * 24.0).collect();
        windows.sort_by(f64::total_cmp);
        Outcome::Watch {
            changes: all.len(),
            undone: undone.len(),
            seen: seen as f64 / undone.len().max(1) as f64,
            median_hours: windows.get(windows.len() / 2).copied().unwrap_or(0.0),
            mean_hours: windows.iter().sum::<f64>() / windows.len().max(1) as f64,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Looks {
    asked: bool,
    tracker: Tracker,
    /// The minute up to which looks were made, since 1970.
    minute: Option<i64>,
    /// By place of the setting its changes that no look has found: when, the line, and whether it counts.
    unseen: HashMap<u32, Vec<(f64, Vec<u8>, bool)>>,
    changes: usize,
    seen: usize,
    looks: u64,
}

impl Looks {
    fn take(&mut self, learner: &mut Learner, line: &Line<'_>, raw: &[u8]) {
        if line.q.is_some() {
            self.asked = true;
            return;
        }
        let minute = (line.t / 60.0).floor() as i64;
        if line.op == "init" {
            self.minute.get_or_insert(minute);
            observe(learner, line);
            return;
        }
        let from = *self.minute.get_or_insert(minute);
        // After a pause of years nothing is left to be found.
        for at in from.max(minute - 60 * 24 * 30)..minute {
            self.look(learner, at + 1);
        }
        self.minute = Some(minute.max(from));
        match learner.place(line.s).filter(|_| line.op == "change") {
            Some(place) => {
                self.changes += usize::from(self.asked);
                let unseen = self.unseen.entry(place).or_default();
                unseen.push((line.t, raw.to_owned(), self.asked));
            }
            // What comes and goes is told by the list of what there is.
            None => {
                let now = self.minute.map_or(line.t, |minute| minute as f64 * 60.0);
                self.unseen.retain(|place, _| Some(*place) != learner.place(line.s));
                let later = Line {
                    t: line.t.max(now),
                    ..line.clone()
                };
                observe(learner, &later);
                if let Some(place) = learner.place(line.s) {
                    self.tracker.came(learner, place, days(line.t));
                }
            }
        }
    }

    /// The looks of one minute.
    fn look(&mut self, learner: &mut Learner, minute: i64) {
        let at = minute as f64 / 1_440.0;
        if minute % 60 == 0 {
            learner.pass(at);
            if minute % 1_440 == 0 {
                learner.refit();
            }
        }
        let budget = BUDGET * learner.alive_now() as f64;
        self.tracker.begin(learner, at, budget);
        while let Some(place) = self.tracker.next(learner, at) {
            self.looks += 1;
            let Some(found) = self.unseen.remove(&place) else {
                self.tracker.found(learner, place, None);
                continue;
            };
            let soon = |when: f64| minute as f64 * 60.0 - when <= 3_600.0;
            self.seen += found.iter().filter(|(when, _, counts)| *counts && soon(*when)).count();
            let (first, before) = (days(found[0].0), learner.value(place));
            // What is learnt is what is seen: the newest value, when it is seen.
            if let Some(line) = found
                .last()
                .and_then(|(_, raw, _)| serde_json::from_slice::<Line<'_>>(raw).ok())
            {
                observe(
                    learner,
                    &Line {
                        t: minute as f64 * 60.0,
                        ..line
                    },
                );
            }
            self.tracker.found(learner, place, Some((first, before)));
        }
    }

    fn result(&self) -> Outcome {
        Outcome::Looks {
            changes: self.changes,
            seen: self.seen as f64 / self.changes.max(1) as f64,
            looks: self.looks,
        }
    }
}
