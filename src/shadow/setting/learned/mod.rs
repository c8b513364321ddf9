//! What the changes of settings alone teach: which setting changes next, to what, and whether a change stays.
//!
//! Every model learns within the stream it reads, from answers whose time has come, and bounds what it keeps.

mod ask;
mod belongs;
mod boost;
mod bumps;
mod candidates;
mod clues;
mod edit;
mod fading;
mod hazard;
mod lists;
mod logistic;
mod names;
mod network;
mod numbers;
mod pairs;
mod records;
mod splice;
mod table;
#[cfg(test)]
mod tests;
mod tracking;
mod undone;
mod values;
mod variables;

use serde::{Deserialize, Serialize};

pub use self::{
    ask::Held,
    belongs::{Regime, Should, Which, Would},
    edit::{Class, Edit, Op, Place},
    tracking::Tracker,
    undone::Reason,
};
use self::{
    belongs::Belongs, hazard::Hazard, lists::Lists, numbers::Steps, table::Table, undone::Undone, values::NextValues,
};

/// The number a text is, if it is a finite one.
fn number_of(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Which way a list goes: 0 where it grows, 1 where it shrinks, 2 where it does both.
fn way(added: usize, removed: usize) -> usize {
    match (added > 0, removed > 0) {
        (true, false) => 0,
        (false, true) => 1,
        _ => 2,
    }
}

/// No time is further than so many days from 1970.
const LONG: f64 = 1e7;

/// All models of settings over one stream of edits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Learner {
    table: Table,
    hazard: Hazard,
    undone: Undone,
    lists: Lists,
    values: NextValues,
    steps: Steps,
    #[serde(default)]
    belongs: Belongs,
}

/// What a setting that changes now is expected to become.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Values, likeliest first, with their probabilities.
    Values(Vec<(String, f64)>),
    /// The 80 % interval of a number.
    Interval(f64, f64),
    /// P(grow), P(shrink), P(both) of a list.
    Ways([f64; 3]),
}

impl Learner {
    /// Takes an edit of the setting `key`.
    pub fn observe(&mut self, key: u64, place: &Place<'_>, edit: &Edit<'_>) {
        let at = self.pass(edit.at);
        let edit = &Edit { at, ..*edit };
        self.table.begin(edit);
        let known = self.table.find(key);
        let alive = known.filter(|number| self.table.settings[*number as usize].alive);
        let mut went = None;
        if let (Some(number), Some(new)) = (alive, edit.new) {
            self.undone.look(&self.table, number, edit);
            if place.class == Class::List {
                let goes = way(edit.added, edit.removed);
                went = Some(goes);
                self.lists.learn(&self.table, number, at, goes);
            } else {
                self.learn_value(number, place.class, at, new);
            }
        }
        let outcome = self.table.observe(key, place, edit);
        self.belongs.observe();
        self.undone.observe(&mut self.table, &outcome, at);
        if let Some(way) = went {
            self.table.went(outcome.setting, way);
        }
        if outcome.changed {
            self.hazard.changed(outcome.setting, at);
            if let Some(from) = outcome.bare {
                let to = self.table.settings[outcome.setting as usize].bare;
                if from != to {
                    self.values.observe(&self.table, outcome.setting, from, to);
                }
            }
        }
    }

    fn learn_value(&mut self, number: u32, class: Class, at: f64, new: &str) {
        let bare = table::bare(new);
        let old = self.table.names.shared(self.table.settings[number as usize].bare);
        if *old == *bare {
            return;
        }
        if class == Class::Number
            && let (Some(old), Some(new)) = (number_of(&old), number_of(bare))
        {
            let candidates = self.next_values(number, at);
            let interval = self.steps.interval(old, &candidates);
            self.steps.learn(old, new, interval);
        }
        let stands = self.belongs.speaks_for(&self.table, number);
        self.values.learn(&self.table, number, at, &stands, bare);
    }

    /// Lets time pass until `at`, days since 1970; gives back the time that is reckoned with.
    pub fn pass(&mut self, at: f64) -> f64 {
        let at = if at.is_nan() { 0.0 } else { at.clamp(-LONG, LONG) };
        if self.hazard.advance(&self.table, at) {
            self.table.forget(at);
        }
        self.undone.advance(&mut self.table, at);
        at
    }

    /// P(change within seven days of `at`) of every setting there is, by key.
    pub fn changes(&mut self, at: f64) -> Vec<(u64, f64)> {
        let at = self.pass(at);
        self.hazard.fit();
        self.belongs.fit(&self.table, false, at, usize::MAX);
        let all = self.hazard.all(&self.table, at);
        all.into_iter()
            .map(|(place, odds)| (self.table.settings[place as usize].key, odds))
            .collect()
    }

    /// What the setting `key` becomes if it changes at `at`; nothing for a setting never seen.
    pub fn next(&mut self, key: u64, class: Class, at: f64) -> Next {
        let at = self.pass(at);
        if class == Class::List {
            self.lists.fit();
        }
        match (class, self.table.find(key)) {
            (_, Some(number)) => self.next_of(number, class, at),
            (Class::List, None) => Next::Ways([0.4, 0.3, 0.3]),
            (Class::Number, None) => Next::Interval(0.0, 100.0),
            (_, None) => Next::Values(Vec::new()),
        }
    }

    fn next_values(&self, number: u32, at: f64) -> Vec<(String, f64)> {
        let stands = self.belongs.speaks_for(&self.table, number);
        self.values.next(&self.table, number, at, &stands)
    }

    fn next_of(&self, number: u32, class: Class, at: f64) -> Next {
        match class {
            Class::List => Next::Ways(self.lists.ways(&self.table, number, at)),
            Class::Number => {
                let candidates = self.next_values(number, at);
                let old = self.table.names.text(self.table.settings[number as usize].bare);
                let (low, high) = self.steps.interval(number_of(old).unwrap_or(0.0), &candidates);
                Next::Interval(low, high)
            }
            _ => Next::Values(self.next_values(number, at)),
        }
    }

    /// P(the newest change is undone within 14 days).
    pub fn newest_undone(&mut self) -> f64 {
        self.undone.fit();
        self.undone.newest().max(self.comes_back())
    }

    /// P(the setting of the newest change changes within seven days) times P(it then takes the value of before), as known once the commit
    /// is over: the change is undone no less likely than that.
    fn comes_back(&self) -> f64 {
        let Some((number, old, at)) = self.undone.made() else {
            return 0.0;
        };
        let setting = &self.table.settings[number as usize];
        if !setting.alive {
            return 0.0;
        }
        let week = self.hazard.week(&self.table, setting, at);
        let stands = self.belongs.speaks_for(&self.table, number);
        let next = self.values.next_of_its_own(&self.table, number, at.next_up(), &stands);
        let old = table::bare(self.table.names.text(old));
        let back = next.iter().find(|(value, _)| value == old);
        back.map_or(0.0, |(_, odds)| week * odds)
    }
}
