//! Forecasts and crossings.

use super::{MetricShadow, crossing, crossing::Ahead, grid::Grid};
use crate::domain::{Crossing, Forecast, LEVELS, Limit, Quantiles, Span};

impl MetricShadow {
    /// Most steps that members are asked for; farther ones repeat the last of them.
    const FARTHEST: usize = 4_096;
    /// How many windows ahead a grid finer than the horizon asks for can see a crossing.
    const SIGHT: usize = 4;
    /// Steps of a crossing's paths.
    const PATH_STEPS: usize = 72;

    /// Distributions up to `horizon` after the newest value, at most `steps` of them, evenly spaced; `None` while learning.
    #[must_use]
    pub fn forecast(&self, horizon: Span, steps: usize) -> Option<Forecast> {
        let start = self.newest?.at;
        let step = self.spacing(horizon, steps);
        let count = usize::try_from(horizon.0 / step.0).unwrap_or(0).clamp(1, steps.max(1));
        let grid = self.grid(step);
        let ahead: Vec<usize> = (0..count)
            .map(|place| grid.reach(start, start + step * (place as i64 + 1)))
            .collect();
        Some(Forecast {
            start,
            step,
            steps: self.distributions(grid, &ahead)?,
            points: self.points,
        })
    }

    /// When and how likely the limit is passed within `horizon`, over seeded sample paths; `None` with fewer than 60 values: after a
    /// minute noise and the beginning of a trend look alike.
    ///
    /// What has just begun shows on a fine grid first, so every grid is asked as far as it can see, and the one most sure of a crossing
    /// answers.
    #[must_use]
    pub fn crossing(&self, limit: &Limit, horizon: Span, seed: u64) -> Option<Crossing> {
        if self.points < 2 * Self::WARM {
            return None;
        }
        let farthest = self.grid(self.spacing(horizon, Self::PATH_STEPS));
        let finer = self
            .grids
            .iter()
            .take_while(|grid| grid.step < farthest.step)
            .filter_map(|grid| {
                let sight = grid.step * (grid.window.most() * Self::SIGHT) as i64;
                self.crossing_on(grid, limit, horizon, horizon.min(sight), seed)
            });
        let far = self.crossing_on(farthest, limit, horizon, horizon, seed)?;
        Some(finer.fold(far, |best, near| {
            if near.probability > best.probability {
                near
            } else {
                best
            }
        }))
    }

    fn crossing_on(&self, grid: &Grid, limit: &Limit, horizon: Span, sight: Span, seed: u64) -> Option<Crossing> {
        let newest = self.newest?;
        let farthest = grid.reach(newest.at, newest.at + sight);
        // Steps lie evenly on a logarithmic scale of distance: a walk passes limits near its start soon, and those far away late.
        let place = |at: usize| {
            (farthest as f64)
                .powf(at as f64 / (Self::PATH_STEPS - 1) as f64)
                .round() as usize
        };
        let mut steps: Vec<usize> = (0..Self::PATH_STEPS).map(place).collect();
        steps.dedup();
        let distributions = self.distributions(grid, &steps)?;
        let ahead: Vec<Ahead> = distributions
            .into_iter()
            .enumerate()
            .map(|(at, quantiles)| Ahead {
                after: (grid.step * steps[at] as i64).min(sight.max(grid.step)),
                quantiles,
                kin: if at == 0 {
                    0.0
                } else {
                    grid.spreads.kin(steps[at - 1], steps[at])
                },
            })
            .collect();
        Some(crossing::crossing(newest, &ahead, grid.step, limit, horizon, seed))
    }

    /// Time between `steps` steps up to `horizon`: no less than the cadence.
    fn spacing(&self, horizon: Span, steps: usize) -> Span {
        let even = horizon.0 / i64::try_from(steps.max(1)).unwrap_or(i64::MAX);
        Span(even.max(self.cadence.step().0).max(1))
    }

    /// The coarsest grid that is not coarser than `step` and has enough values.
    pub(super) fn grid(&self, step: Span) -> &Grid {
        let fits = |grid: &&Grid| {
            grid.step.0 <= step.0 && grid.window.len() as u64 >= Self::WARM && grid.spreads.nearest(1).is_some()
        };
        self.grids.iter().rev().find(fits).unwrap_or(&self.grids[0])
    }

    /// Distributions `ahead` steps of `grid` ahead (rising); `None` while learning.
    fn distributions(&self, grid: &Grid, ahead: &[usize]) -> Option<Vec<Quantiles>> {
        let next = self.next()?;
        let asked: Vec<usize> = ahead.iter().map(|ahead| (*ahead).min(Self::FARTHEST)).collect();
        let path = grid.path(&grid.current(), &asked)?;
        let around = |(middle, ahead): (f64, &usize)| {
            // What comes next is judged by the newest errors, not by those of the last refit.
            if *ahead == 1 && grid.step == self.cadence.step() {
                return next;
            }
            // Before the first refit only one step is known: as uncertain as a random walk.
            let walk = |level: f64| (*ahead as f64).sqrt() * self.residuals.quantile(self.adaptive.level(level));
            let errors = grid.errors(*ahead).unwrap_or_else(|| LEVELS.map(walk));
            Quantiles(errors.map(|error| middle + error)).tidy(self.lo, self.hi)
        };
        Some(path.into_iter().zip(ahead).map(around).collect())
    }
}
