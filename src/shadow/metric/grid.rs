//! One regular grid of a series: its window, and what was learnt from it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    history::History,
    member::{Chosen, Panel},
    network::Network,
    outlook::Outlook,
    window::Window,
};
use crate::domain::{Point, Span, Timestamp};

/// One value every `step`: one of each step of that length.
///
/// Forecasts a minute ahead and two weeks ahead need different grids, so a series keeps a few of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grid {
    /// Length of a step.
    pub step: Span,
    /// Finished steps.
    pub window: Window,
    /// What the last refit learnt. Earlier versions stored it otherwise, as `outlook`: of such a state it is learnt anew.
    #[serde(default, rename = "ahead")]
    pub outlook: Outlook,
    /// Who forecasts from the next refit on.
    #[serde(default)]
    pub chosen: Chosen,
    /// When its newest value was; the epoch before the first.
    #[serde(default)]
    pub end: Timestamp,
    /// Steps taken since, with those of an archive.
    fresh: usize,
    /// Steps that passed since.
    #[serde(default)]
    pub(super) passed: usize,
    newest: Option<Point>,
    /// The value kept of the unfinished step, and how many it was drawn from.
    kept: Option<f64>,
    seen: u64,
}

impl Grid {
    /// Steps ahead that are tested at most; what lies beyond is told from how errors grow.
    const FARTHEST: usize = 288;

    /// An empty grid that keeps `most` steps.
    #[must_use]
    pub fn new(step: Span, most: usize) -> Self {
        Self {
            step,
            window: Window::new(most),
            outlook: Outlook::default(),
            chosen: Chosen::default(),
            end: Timestamp(0),
            fresh: 0,
            passed: 0,
            newest: None,
            kept: None,
            seen: 0,
        }
    }

    /// Takes the next step.
    pub fn push(&mut self, value: Option<f64>) {
        self.window.push(value);
        self.fresh += 1;
        self.passed += 1;
    }

    /// Takes a value at any time; the step before is finished when this one lies in a later step.
    ///
    /// Of the values of a step one is kept, drawn evenly (reservoir sampling; Vitter 1985, algorithm R). The newest one would always
    /// be of the same second of the minute, and a job that runs at another second would never be seen.
    pub fn observe(&mut self, point: Point) {
        if let Some(before) = self.newest {
            // A clock that was set back begins a step anew.
            let steps = self.between(before.at, point.at).max(usize::from(point.at < before.at));
            if steps > 0 {
                self.push(self.kept);
                self.seen = 0;
                for _ in 1..steps.min(self.window.most()) {
                    self.push(None);
                }
            }
        }
        self.newest = Some(point);
        self.end = point.at;
        self.seen += 1;
        if fastrand::Rng::with_seed(point.at.0 as u64).u64(..self.seen) == 0 {
            self.kept = Some(point.value);
        }
    }

    /// Whether it holds a value, or an unfinished step, of the time `at`; all time after its newest value counts as held.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        let Some(newest) = self.newest else { return false };
        let back = self.between(at, newest.at);
        let values = self.window.len();
        back == 0 || back <= values && self.window.get(values - back).is_some()
    }

    /// Fills steps of before its newest value, where it has none yet, from values in order; beyond what it can hold they are left out.
    pub fn recall(&mut self, past: &[Point]) {
        let Some(newest) = self.newest else { return };
        let most = self.window.most();
        let back = |point: &Point| self.between(point.at, newest.at);
        let mut values = self.window.values();
        let held = past.iter().map(back).filter(|back| *back <= most).max().unwrap_or(0);
        let missing = held.saturating_sub(values.len());
        values.splice(0..0, std::iter::repeat_n(f64::NAN, missing));
        let mut filled = 0;
        for point in past {
            let back = back(point);
            if back == 0 || back > values.len() || values[values.len() - back].is_finite() {
                continue;
            }
            let place = values.len() - back;
            values[place] = point.value;
            filled += 1;
        }
        if filled > 0 {
            self.window = Window::new(most);
            for value in &values {
                self.window.push(value.is_finite().then_some(*value));
            }
            self.fresh += filled;
        }
    }

    /// Steps from `from`'s step to `to`'s.
    fn between(&self, from: Timestamp, to: Timestamp) -> usize {
        let steps = (to.floor(self.step) - from.floor(self.step)).0 / self.step.0.max(1);
        usize::try_from(steps).unwrap_or(0)
    }

    /// All it holds, with the unfinished step counted in, as its newest value.
    #[must_use]
    pub fn history(&self) -> History {
        let mut history = History::new(self.window.values(), self.step).until(self.end);
        history.fresh = self.passed;
        history.push(self.newest);
        history
    }

    /// How far ahead a backtest could check; zero before the first refit.
    #[must_use]
    pub fn tested(&self) -> Span {
        self.step * self.outlook.spreads.reach() as i64
    }

    /// Members' names and weights at the farthest distance tested, equal names together, heaviest first; the weights sum to 1.
    #[must_use]
    pub fn members(&self) -> Vec<(&'static str, f64)> {
        let panel = Panel::recall(&self.history(), &self.outlook.learnt);
        let weights: Vec<f64> = self.outlook.spreads.farthest().map_or_else(
            || vec![1.0 / panel.members.len() as f64; panel.members.len()],
            Iterator::collect,
        );
        let mut members: Vec<(&'static str, f64)> = Vec::new();
        for (member, weight) in panel.members.iter().zip(weights) {
            match members.iter_mut().find(|(name, _)| *name == member.name()) {
                Some((_, all)) => *all += weight,
                None => members.push((member.name(), weight)),
            }
        }
        members.sort_by(|a, b| b.1.total_cmp(&a.1));
        members
    }

    /// The seasons that carry forecasts, in steps: where members that know a season have most of the weight at some distance, all seasons
    /// whose members have a quarter of it.
    #[must_use]
    pub fn seasons(&self) -> Vec<usize> {
        let panel = Panel::recall(&self.history(), &self.outlook.learnt);
        let seasons = &self.outlook.learnt.seasons;
        let mut carrying = vec![false; seasons.len()];
        let spreads = &self.outlook.spreads;
        for place in 0..spreads.tested.len() {
            let mut weights = vec![0.0; seasons.len()];
            for (season, weight) in panel.seasons.iter().zip(spreads.weights(place)) {
                if let Some(season) = season {
                    weights[*season] += weight;
                }
            }
            let all: f64 = weights.iter().sum();
            let carries = carrying
                .iter_mut()
                .zip(&weights)
                .filter(|(_, weight)| all > 0.5 && **weight > 0.25 * all);
            carries.for_each(|(carries, _)| *carries = true);
        }
        let found = seasons.iter().zip(carrying).filter(|(_, carries)| *carries);
        found.map(|(season, _)| *season as usize).collect()
    }

    /// Whether enough is new to learn from again: one step in fifty, all before the first time.
    #[must_use]
    pub fn due(&self) -> bool {
        self.outlook.learnt.len == 0 || self.fresh * 50 >= self.window.len()
    }

    /// Puts another network in the place of the one in use, and of the one of the next refit.
    pub fn take(&mut self, network: Option<Arc<Network>>) {
        self.outlook.learnt.chosen.network.clone_from(&network);
        self.chosen.network = network;
    }

    /// Finds seasons, fits the members, and weighs them by a backtest over the window; returns each member's mean absolute error one
    /// step ahead (NaN where unknown).
    pub fn refit(&mut self) -> Vec<f64> {
        self.fresh = 0;
        self.passed = 0;
        self.window.recentre();
        // The unfinished step, where there is one, is not learnt from.
        let unfinished = if self.newest.is_some() { self.step } else { Span::ZERO };
        let history = History::new(self.window.values(), self.step).until(self.end - unfinished);
        let (outlook, nearest) = Outlook::learn(&history, &self.chosen, Self::FARTHEST);
        self.outlook = outlook;
        nearest
    }
}
