//! One regular grid of a series: its window, its members, and how far they were off at each distance.

use serde::{Deserialize, Serialize};

use super::{
    Member, backtest, backtest::Spread, ensemble::combine, member::AnyMember, seasonal::SeasonalNaive, ses::Ses,
    window::Window,
};
use crate::domain::{Point, Span, Timestamp};

/// One value every `step`: the newest of each step of that length.
///
/// Forecasts a minute ahead and two weeks ahead need different grids, so a series keeps a few of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grid {
    /// Length of a step.
    pub step: Span,
    /// Finished steps.
    pub window: Window,
    /// Members, fed with the finished steps.
    pub members: Vec<AnyMember>,
    /// Weight by member; they sum to 1.
    pub weights: Vec<f64>,
    /// Errors by distance, nearest first; empty before the first refit.
    pub spreads: Vec<Spread>,
    newest: Option<Point>,
    /// The value kept of the unfinished step, and how many it was drawn from.
    kept: Option<f64>,
    seen: u64,
}

impl Grid {
    /// An empty grid that keeps `most` steps.
    #[must_use]
    pub fn new(step: Span, most: usize) -> Self {
        let members = AnyMember::plain();
        Self {
            step,
            window: Window::new(most),
            weights: vec![1.0 / members.len() as f64; members.len()],
            members,
            spreads: Vec::new(),
            newest: None,
            kept: None,
            seen: 0,
        }
    }

    /// Takes the next step.
    pub fn push(&mut self, value: Option<f64>) {
        self.window.push(value);
        for member in &mut self.members {
            member.observe(value);
        }
    }

    /// Takes a value at any time; the step before is finished when this one lies in a later step.
    ///
    /// Of the values of a step one is kept, drawn evenly (reservoir sampling; Vitter 1985, algorithm R). The newest one would always
    /// be of the same second of the minute, and a job that runs at another second would never be seen.
    pub fn observe(&mut self, point: Point) {
        if let Some(before) = self.newest {
            let steps = self.between(before.at, point.at);
            if steps > 0 {
                self.push(self.kept);
                self.seen = 0;
                for _ in 1..steps.min(self.window.most()) {
                    self.push(None);
                }
            }
        }
        self.newest = Some(point);
        self.seen += 1;
        if fastrand::Rng::with_seed(point.at.0 as u64).u64(..self.seen) == 0 {
            self.kept = Some(point.value);
        }
    }

    /// Steps from `from`'s step to `to`'s.
    fn between(&self, from: Timestamp, to: Timestamp) -> usize {
        let steps = (to.floor(self.step) - from.floor(self.step)).0 / self.step.0.max(1);
        usize::try_from(steps).unwrap_or(0)
    }

    /// Steps from the newest step that [`Grid::current`] knows, the one of `start`, to that of `to`; at least 1.
    #[must_use]
    pub fn reach(&self, start: Timestamp, to: Timestamp) -> usize {
        match self.newest {
            Some(_) => self.between(start, to).max(1),
            // The finest grid is aligned to its values.
            None => ((to - start).0 as f64 / self.step.0.max(1) as f64).round().max(1.0) as usize,
        }
    }

    /// Correlation of the errors `near` and `far` steps ahead of the same forecast, 0 to 1.
    ///
    /// On a logarithmic scale of distance it falls evenly, as for a random walk, whose errors correlate by √(near / far).
    #[must_use]
    pub fn kin(&self, near: usize, far: usize) -> f64 {
        let octaves = (far.max(1) as f64 / near.max(1) as f64).log2();
        // Without a backtest: a random walk.
        let kin = self
            .spreads
            .iter()
            .skip(1)
            .find(|spread| spread.steps as usize >= far)
            .or(self.spreads.last());
        kin.map_or(std::f64::consts::FRAC_1_SQRT_2, |spread| f64::from(spread.kin))
            .powf(octaves)
    }

    /// Members as they are with the unfinished step counted in, as its newest value.
    #[must_use]
    pub fn current(&self) -> Vec<AnyMember> {
        let mut members = self.members.clone();
        if let Some(point) = self.newest {
            members.iter_mut().for_each(|member| member.observe(Some(point.value)));
        }
        members
    }

    /// Point forecasts by `members` of the steps asked for (counted from 1, rising), weighed; `None` when none of them has seen enough.
    #[must_use]
    pub fn path(&self, members: &[AnyMember], steps: &[usize]) -> Option<Vec<f64>> {
        let horizon = steps.last().copied().unwrap_or(1);
        let said: Vec<(Vec<f64>, f64)> = members
            .iter()
            .zip(&self.weights)
            .filter(|(_, weight)| **weight > 0.0)
            .filter_map(|(member, weight)| Some((member.forecast(horizon)?, *weight)))
            .collect();
        let at = |step: &usize| {
            combine(
                &mut said
                    .iter()
                    .map(|(path, weight)| (path[step - 1], *weight))
                    .collect::<Vec<_>>(),
            )
        };
        steps.iter().map(at).collect()
    }

    /// The season in use, in steps.
    #[must_use]
    pub fn season(&self) -> Option<usize> {
        self.members.iter().find_map(|member| match member {
            AnyMember::Seasonal(seasonal) => Some(seasonal.period()),
            _ => None,
        })
    }

    /// Finds the season, fits the members, and weighs them by a backtest over the window; returns each member's mean absolute error one
    /// step ahead (NaN where unknown).
    pub fn refit(&mut self) -> Vec<f64> {
        self.window.recentre();
        let values = self.window.values();
        let mut fresh = AnyMember::plain();
        for member in &mut fresh {
            if let AnyMember::Ses(ses) = member {
                *ses = Ses::fitted(&values);
            }
        }
        if let Some(period) = backtest::season(&values, self.step) {
            fresh.push(AnyMember::Seasonal(SeasonalNaive::new(period)));
        }
        let tested = backtest::backtest(&values, &fresh);
        for member in &mut fresh {
            for value in &values {
                member.observe(value.is_finite().then_some(*value));
            }
        }
        self.members = fresh;
        self.weights = tested.weights;
        self.spreads = tested.spreads;
        tested.nearest
    }
}
