//! Settings that changed together before: what a habit joins is one deed when it happens again.

use std::collections::{BTreeMap, BTreeSet};

use super::deed::TOGETHER;
use crate::{
    domain::{SeriesId, Timestamp},
    shadow::Shadows,
};

/// Times that two settings must have changed together.
const LEAST: usize = 3;

/// When each of some settings changed, oldest first, as far as changes are kept.
#[derive(Debug, Default)]
pub(super) struct Habits<'a>(BTreeMap<&'a SeriesId, Vec<Timestamp>>);

/// How often two settings changed within two minutes of each other, of all times that either did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Habit {
    /// Both.
    pub both: usize,
    /// Either.
    pub either: usize,
}

impl<'a> Habits<'a> {
    /// Those of `ids`.
    pub fn of(ids: &BTreeSet<&'a SeriesId>, shadows: &Shadows) -> Self {
        let mut times: BTreeMap<&SeriesId, Vec<Timestamp>> = BTreeMap::new();
        // Of one setting there is no other.
        let changes = shadows.settings.changes().iter().filter(|_| ids.len() > 1);
        for change in changes {
            if let Some(id) = ids.get(&change.id) {
                times.entry(id).or_default().push(change.at);
            }
        }
        Self(times)
    }

    /// What two settings did before `until`; `None` where it is no habit: less than three times together, or less than half of the times
    /// that either of them changed.
    pub fn joins(&self, a: &SeriesId, b: &SeriesId, until: Timestamp) -> Option<Habit> {
        let before = |id: &SeriesId| {
            let times = self.0.get(id).map_or(&[][..], Vec::as_slice);
            &times[..times.partition_point(|at| *at < until - TOGETHER)]
        };
        let (mut ours, mut theirs) = (before(a), before(b));
        if ours.len().min(theirs.len()) < LEAST {
            return None;
        }
        let mut habit = Habit {
            both: 0,
            either: ours.len() + theirs.len(),
        };
        while let ([first, rest @ ..], [other, others @ ..]) = (ours, theirs) {
            if *first - *other > TOGETHER {
                theirs = others;
            } else if *other - *first > TOGETHER {
                ours = rest;
            } else {
                (habit.both, habit.either) = (habit.both + 1, habit.either - 1);
                (ours, theirs) = (rest, others);
            }
        }
        (habit.both >= LEAST && habit.both * 2 >= habit.either).then_some(habit)
    }
}
