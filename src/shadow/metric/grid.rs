//! One regular grid of a series: its window, its members, and how far they were off at each distance.

use serde::{Deserialize, Serialize};

use super::{
    Member,
    backtest::backtest,
    ensemble::{combine, weigh},
    member::AnyMember,
    season::season,
    seasonal::SeasonalNaive,
    ses::Ses,
    spread::Spreads,
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
    /// Weight by member one step ahead, and before the first refit at all distances; they sum to 1.
    pub weights: Vec<f64>,
    /// Weights and errors by distance, from the last refit.
    pub spreads: Spreads,
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
            spreads: Spreads::default(),
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

    /// Members as they are with the unfinished step counted in, as its newest value.
    #[must_use]
    pub fn current(&self) -> Vec<AnyMember> {
        let mut members = self.members.clone();
        if let Some(point) = self.newest {
            members.iter_mut().for_each(|member| member.observe(Some(point.value)));
        }
        members
    }

    /// Point forecasts by `members` of the steps asked for (counted from 1, rising), weighed as is best at each distance; `None` when
    /// none of them has seen enough.
    #[must_use]
    pub fn path(&self, members: &[AnyMember], steps: &[usize]) -> Option<Vec<f64>> {
        let horizon = steps.last().copied().unwrap_or(1);
        let paths: Vec<Option<Vec<f64>>> = members.iter().map(|member| member.forecast(horizon)).collect();
        let mut said = Vec::with_capacity(paths.len());
        let mut at = |step: &usize| {
            let weights = self.spreads.nearest(*step).map(|spread| spread.weights.as_slice());
            said.clear();
            for (member, path) in paths.iter().enumerate() {
                let weight = weights.map_or(self.weights[member], |weights| f64::from(weights[member]));
                said.extend(path.as_ref().map(|path| (path[step - 1], weight)));
            }
            combine(&mut said)
        };
        steps.iter().map(&mut at).collect()
    }

    /// Error quantiles `ahead` steps ahead; `None` before the first refit.
    #[must_use]
    pub fn errors(&self, ahead: usize) -> Option<[f64; 13]> {
        // A wrong slope errs the more the farther it is drawn out, which noise hides at the distances that could be tested; and what
        // lies ahead is never wholly like what was. A member of more than half the weight is the median.
        let weights = &self.spreads.nearest(usize::MAX)?.weights;
        let mut leading = self.members.iter().zip(weights).filter(|(_, weight)| **weight > 0.5);
        let least = if leading.any(|(member, _)| matches!(member, AnyMember::Trend(_))) {
            0.5
        } else {
            0.05
        };
        self.spreads.errors(ahead, least)
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
        if let Some(period) = season(&values, self.step) {
            fresh.push(AnyMember::Seasonal(SeasonalNaive::new(period)));
        }
        let tested = backtest(&values, &fresh);
        for member in &mut fresh {
            for value in &values {
                member.observe(value.is_finite().then_some(*value));
            }
        }
        self.members = fresh;
        self.weights = weigh(&tested.nearest, values.len() as f64);
        self.spreads = tested.spreads;
        tested.nearest
    }
}
