//! Forecasts and crossings.

use super::{MetricShadow, crossing, crossing::Ahead, grid::Grid};
use crate::domain::{Crossing, Forecast, LEVELS, Limit, Quantiles, Side, Span};

impl MetricShadow {
    /// How many times as far as a backtest could check a grid finer than the horizon asks for can see a crossing.
    const SIGHT: i64 = 4;
    /// Steps of a crossing's paths.
    const PATH_STEPS: usize = 72;

    /// Distributions up to `horizon` after the newest value, at most `steps` of them, evenly spaced; `None` while learning.
    #[must_use]
    pub fn forecast(&self, horizon: Span, steps: usize) -> Option<Forecast> {
        let start = self.newest?.at;
        let step = self.spacing(horizon, steps);
        let count = usize::try_from(horizon.0 / step.0).unwrap_or(0).clamp(1, steps.max(1));
        let grid = self.grid(horizon);
        let after: Vec<Span> = (0..count).map(|place| step * (place as i64 + 1)).collect();
        Some(Forecast {
            start,
            step,
            steps: self.distributions(grid, &after)?,
            points: self.points,
            tested: grid.tested(),
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
        let farthest = self.grid(horizon);
        let finer = self
            .grids
            .iter()
            .take_while(|grid| grid.step < farthest.step)
            .filter_map(|grid| {
                let sight = (grid.tested() * Self::SIGHT).max(grid.step);
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
        let farthest = (sight.0 / grid.step.0.max(1)).max(1);
        // Steps lie evenly on a logarithmic scale of distance: a walk passes limits near its start soon, and those far away late.
        let place = |at: usize| {
            (farthest as f64)
                .powf(at as f64 / (Self::PATH_STEPS - 1) as f64)
                .round() as usize
        };
        let mut steps: Vec<usize> = (0..Self::PATH_STEPS).map(place).collect();
        steps.dedup();
        let distributions = self.on(grid, &steps)?;
        let ahead: Vec<Ahead> = distributions
            .into_iter()
            .enumerate()
            .map(|(at, quantiles)| Ahead {
                after: (grid.step * steps[at] as i64).min(sight.max(grid.step)),
                quantiles,
                kin: if at == 0 {
                    0.0
                } else {
                    grid.outlook.spreads.kin(steps[at - 1], steps[at])
                },
            })
            .collect();
        // What lies beyond all that was seen is passed no oftener than such values came.
        let (least, most) = grid.history().range();
        let records = grid.outlook.spreads.records(farthest as usize);
        let rate = match limit.side {
            Side::Above if limit.value >= most => Some(records[1]),
            Side::Below if limit.value <= least => Some(records[0]),
            _ => None,
        };
        let unseen = rate.zip(self.range().map(|(from, to)| to - from));
        let unseen = unseen.map(|(rate, lasted)| (rate, Some(lasted).filter(|lasted| *lasted < Self::YOUNG)));
        Some(crossing::crossing(
            newest, &ahead, grid.step, limit, horizon, unseen, seed,
        ))
    }

    /// Time between `steps` steps up to `horizon`: no less than the cadence.
    fn spacing(&self, horizon: Span, steps: usize) -> Span {
        let even = horizon.0 / i64::try_from(steps.max(1)).unwrap_or(i64::MAX);
        Span(even.max(self.cadence.step().0).max(1))
    }

    /// The finest grid that has been tested as far as `horizon`; if none has, the one tested farthest.
    pub(super) fn grid(&self, horizon: Span) -> &Grid {
        let reaches = self.grids.iter().find(|grid| grid.tested() >= horizon);
        // Of equal ones the last is taken, so the finest stands first in reverse.
        reaches
            .or_else(|| self.grids.iter().rev().max_by_key(|grid| grid.tested()))
            .unwrap_or(&self.grids[0])
    }

    /// Distributions at times after the newest value (rising): between two steps of `grid` by the share of the way; `None` while learning.
    fn distributions(&self, grid: &Grid, after: &[Span]) -> Option<Vec<Quantiles>> {
        let place = |after: &Span| {
            let steps = (after.0 as f64 / grid.step.0.max(1) as f64).max(1.0);
            (steps as usize, steps.fract())
        };
        let places: Vec<(usize, f64)> = after.iter().map(place).collect();
        let mut steps: Vec<usize> = places
            .iter()
            .flat_map(|(step, share)| [*step, *step + usize::from(*share > 0.0)])
            .collect();
        steps.sort_unstable();
        steps.dedup();
        let distributions = self.on(grid, &steps)?;
        let at = |step: usize| distributions[steps.partition_point(|known| *known < step).min(steps.len() - 1)].0;
        let between = |(step, share): &(usize, f64)| {
            let (near, far) = (at(*step), at(step + usize::from(*share > 0.0)));
            Quantiles(std::array::from_fn(|level| {
                near[level] + share * (far[level] - near[level])
            }))
        };
        Some(places.iter().map(between).collect())
    }

    /// Distributions `ahead` steps of `grid` ahead (rising); `None` while learning.
    fn on(&self, grid: &Grid, ahead: &[usize]) -> Option<Vec<Quantiles>> {
        let next = self.next()?;
        let raw = grid.outlook.forecast(&grid.history(), ahead);
        let known = |place: usize, ahead: usize| {
            // What comes next is judged by the newest errors, not by those of the last refit.
            if ahead == 1 && grid.step == self.cadence.step() {
                return next;
            }
            // Before the first refit only one step is known: as uncertain as a random walk.
            let walk = |level: f64| {
                next.median() + (ahead as f64).sqrt() * self.residuals.quantile(self.adaptive.level(level))
            };
            let quantiles = raw.as_ref().map_or_else(|| LEVELS.map(walk), |raw| raw[place]);
            Quantiles(quantiles).tidy(self.lo, self.hi)
        };
        Some(
            ahead
                .iter()
                .enumerate()
                .map(|(place, ahead)| known(place, *ahead))
                .collect(),
        )
    }
}
