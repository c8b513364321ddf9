//! Forecasts and crossings.

use super::{MetricShadow, crossing, crossing::Ahead, grid::Grid, history::History, member::Panel};
use crate::domain::{Crossing, Forecast, LEVELS, Limit, Quantiles, Side, Span};

impl MetricShadow {
    /// Times of a crossing's paths in each doubling of the time ahead: a walk passes limits near its start soon and those far away late.
    const PATH_TIMES: i64 = 12;
    /// Steps that a history needs to tell how values differ far apart: as many as can be tested on at all.
    const LONGER: usize = 16;

    /// Distributions up to `horizon` after the newest value, at most `steps` of them, evenly spaced; `None` while learning.
    #[must_use]
    pub fn forecast(&self, horizon: Span, steps: usize) -> Option<Forecast> {
        let start = self.newest?.at;
        let step = self.spacing(horizon, steps);
        let count = usize::try_from(horizon.0 / step.0).unwrap_or(0).clamp(1, steps.max(1));
        let after: Vec<Span> = (0..count).map(|place| step * (place as i64 + 1)).collect();
        Some(Forecast {
            start,
            step,
            steps: self.pooled(&self.told_by(&after), &after)?,
            points: self.points,
            tested: self.grid(horizon).tested(),
        })
    }

    /// When and how likely the limit is passed within `horizon`, over seeded sample paths through the very distributions that
    /// [`MetricShadow::forecast`] gives; `None` with fewer than 60 values: after a minute noise and the beginning of a trend look alike.
    #[must_use]
    pub fn crossing(&self, limit: &Limit, horizon: Span, seed: u64) -> Option<Crossing> {
        if self.points < 2 * Self::WARM {
            return None;
        }
        let newest = self.newest?;
        let after = self.path_times(horizon);
        let told = self.told_by(&after);
        // Where the limit lies beyond all that a grid has seen, the side of its records.
        let unseen = |told: &Told<'_>| {
            let (least, most) = told.history.range();
            match limit.side {
                Side::Above if limit.value >= most => Some(1),
                Side::Below if limit.value <= least => Some(0),
                _ => None,
            }
        };
        let unseen: Vec<Option<usize>> = told.iter().map(unseen).collect();
        let (mut ahead, mut new) = (Vec::<Ahead>::with_capacity(after.len()), false);
        for (at, quantiles) in self.pooled(&told, &after)?.into_iter().enumerate() {
            let place = most_of(&told, at);
            let grid = told[place].grid;
            let steps = |span: Span| span.0 as f64 / grid.step.0.max(1) as f64;
            let before = ahead.last().map(|before| before.after);
            // What lies beyond all that was seen is passed no oftener than such values came.
            let spreads = &grid.outlook.spreads;
            let most = unseen[place].map_or(1.0, |side| spreads.records((steps(after[at]) as usize).max(1))[side]);
            // An archive that saw it tells bursts from trends.
            if after[at] <= horizon || at == 0 {
                new = unseen[place].is_some();
            }
            ahead.push(Ahead {
                after: after[at],
                step: grid.step,
                most,
                quantiles,
                kin: before.map_or(0.0, |before| spreads.kin(steps(before), steps(after[at]))),
            });
        }
        let lasted = self.range().map(|(from, to)| to - from);
        let young = lasted.filter(|lasted| *lasted < Self::YOUNG && new);
        Some(crossing::crossing(newest, &ahead, limit, horizon, young, seed))
    }

    /// Times after the newest value that paths of a crossing go through, rising, to the second not before `horizon`: what is told of a time
    /// is interpolated between two. Those up to a time depend on no horizon.
    fn path_times(&self, horizon: Span) -> Vec<Span> {
        let first = self.cadence.step().0.max(1);
        let mut after: Vec<Span> = Vec::new();
        for place in 0.. {
            let (octave, part) = (place / Self::PATH_TIMES, place % Self::PATH_TIMES);
            let steps =
                (((Self::PATH_TIMES + part) as f64 / Self::PATH_TIMES as f64) * 2.0_f64.powi(octave as i32)) as i64;
            let at = Span(first.saturating_mul(steps));
            let [.., before, last] = after[..] else {
                if after.last() != Some(&at) {
                    after.push(at);
                }
                continue;
            };
            if before >= horizon || last.0 == i64::MAX {
                break;
            }
            if at > last {
                after.push(at);
            }
        }
        after
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

    /// The grids that have a part in forecasts, finest first: each tested farther than all finer ones; of none tested the finest.
    fn reaching(&self) -> Vec<&Grid> {
        let mut reaching: Vec<&Grid> = Vec::with_capacity(self.grids.len());
        for grid in &self.grids {
            if reaching.last().map_or(Span::ZERO, |finer| finer.tested()) < grid.tested() {
                reaching.push(grid);
            }
        }
        if reaching.is_empty() {
            reaching.push(&self.grids[0]);
        }
        reaching
    }

    /// Who tells of times after the newest value (rising): the grids that have a part in forecasts, finest first, each with its share of
    /// what finer ones left to it, by time. No forecast depends on how far others were asked for.
    fn told_by(&self, after: &[Span]) -> Vec<Told<'_>> {
        let mut all: Vec<Told<'_>> = Vec::new();
        for grid in self.reaching() {
            // All within a coarser one's first step is the finer one's.
            let near = |last: &Span| {
                *last
                    <= grid
                        .step
                        .min(all.last().map_or(Span::ZERO, |finer| finer.grid.tested()))
            };
            if after.last().is_none_or(near) && !all.is_empty() {
                break;
            }
            let told = Told::new(grid, self.longer(grid), after.len());
            if let Some(finer) = all.last_mut() {
                let trust = finer.trusted(&told);
                let share = |after: &Span| Self::share(finer.grid, grid, trust, *after);
                finer.shares = after.iter().map(share).collect();
            }
            all.push(told);
        }
        all
    }

    /// How values differ farther apart than `grid` was tested, by the coarser one that holds most: from there to a third of its history; and how much that is, in steps of `grid`. `None` where that
    /// is no longer than what `grid` holds.
    fn longer(&self, grid: &Grid) -> Option<(f64, usize)> {
        let held = |grid: &Grid| grid.step * grid.window.len() as i64;
        let coarser = self.grids.iter();
        let longest = coarser.filter(|longer| longer.step > grid.step && longer.window.len() >= Self::LONGER);
        let longest = longest
            .max_by_key(|longer| held(longer))
            .filter(|longest| held(longest) > held(grid))?;
        let history = longest.history();
        let near = (grid.tested().0 / longest.step.0.max(1)).max(1) as usize;
        let far = history.len() / 3;
        let power = (far > near).then(|| history.growth(near, far)).flatten()?;
        Some((power, usize::try_from(held(longest).0 / grid.step.0.max(1)).ok()?))
    }

    /// What a grid says of a time ahead, 0 to 1, beside the `next` coarser one: all within that one's first step, from its second on as much
    /// as it is to be trusted, up to twice as far as it was tested; at four times nothing.
    fn share(grid: &Grid, next: &Grid, trust: f64, after: Span) -> f64 {
        let octaves = |far: Span, near: Span| (far.0 as f64 / near.0.max(1) as f64).log2();
        let tested = grid.tested();
        if after <= next.step.min(tested) {
            1.0
        } else if after <= tested {
            1.0 - (1.0 - trust) * octaves(after, next.step).min(1.0)
        } else {
            trust * (2.0 - octaves(after, tested)).clamp(0.0, 1.0)
        }
    }

    /// Distributions at times after the newest value (rising), those of several grids by averages of their quantiles (Lichtendahl,
    /// Grushka-Cockayne & Winkler 2013, Management Science 59); `None` while learning.
    fn pooled(&self, told: &[Told<'_>], after: &[Span]) -> Option<Vec<Quantiles>> {
        // What is left to each grid.
        let mut open: Vec<Vec<usize>> = vec![(0..after.len()).collect()];
        for told in told {
            let left = open[open.len() - 1].iter().copied();
            open.push(left.filter(|at| told.shares[*at] < 1.0).collect());
        }
        let next = self.next()?;
        let mut all = vec![Quantiles::certain(0.0); after.len()];
        for (told, open) in told.iter().zip(open).rev() {
            let mine: Vec<usize> = open.into_iter().filter(|at| told.shares[*at] > 0.0).collect();
            let times: Vec<Span> = mine.iter().map(|at| after[*at]).collect();
            for (at, quantiles) in mine.into_iter().zip(self.by(told, &times, &next)) {
                all[at] = between(&all[at], &quantiles, told.shares[at]);
            }
        }
        Some(all)
    }

    /// Distributions that a grid gives at times after the newest value (rising): between two of its steps by the share of the way.
    fn by(&self, told: &Told<'_>, after: &[Span], next: &Quantiles) -> Vec<Quantiles> {
        let place = |after: &Span| {
            let steps = (after.0 as f64 / told.grid.step.0.max(1) as f64).max(1.0);
            (steps as usize, steps.fract())
        };
        let places: Vec<(usize, f64)> = after.iter().map(place).collect();
        let mut steps: Vec<usize> = places
            .iter()
            .flat_map(|(step, share)| [*step, *step + usize::from(*share > 0.0)])
            .collect();
        steps.sort_unstable();
        steps.dedup();
        let distributions = self.on(told, &steps, next);
        let at = |step: usize| &distributions[steps.partition_point(|known| *known < step).min(steps.len() - 1)];
        let one = |(step, share): &(usize, f64)| between(at(*step), at(step + usize::from(*share > 0.0)), *share);
        places.iter().map(one).collect()
    }

    /// Distributions `ahead` steps of a grid ahead (rising); `next` is that of the next value.
    fn on(&self, told: &Told<'_>, ahead: &[usize], next: &Quantiles) -> Vec<Quantiles> {
        let Told {
            grid, history, panel, ..
        } = told;
        let raw = grid.outlook.forecast(panel, history, ahead);
        let errors = self
            .residuals
            .sorted()
            .quantiles(LEVELS.map(|level| self.adaptive.level(level)));
        let known = |place: usize, ahead: usize| {
            // What comes next is judged by the newest errors, not by those of the last refit.
            if ahead == 1 && grid.step == self.cadence.step() {
                return *next;
            }
            // Before the first refit only one step is known: as uncertain as a random walk.
            let walk = || errors.map(|error| next.median() + (ahead as f64).sqrt() * error);
            let quantiles = raw.as_ref().map_or_else(walk, |raw| raw[place]);
            Quantiles(quantiles).tidy(self.lo, self.hi)
        };
        ahead
            .iter()
            .enumerate()
            .map(|(place, ahead)| known(place, *ahead))
            .collect()
    }
}

/// A grid as it forecasts now.
struct Told<'a> {
    grid: &'a Grid,
    history: History,
    panel: Panel,
    /// Its share of what finer ones left to it, by time.
    shares: Vec<f64>,
}

impl<'a> Told<'a> {
    /// With all of what is left at so many times; `longer` is as in [`History`].
    fn new(grid: &'a Grid, longer: Option<(f64, usize)>, times: usize) -> Self {
        let mut history = grid.history();
        history.longer = longer;
        Self {
            panel: Panel::recall(&history, &grid.outlook.learnt),
            shares: vec![1.0; times],
            grid,
            history,
        }
    }

    /// How far its forecasts are to be trusted as far ahead as it was tested, beside those of the coarser grid `next`: 0 unless they have
    /// lately been better, 1 where they were much better.
    ///
    /// Both are asked what they would have said of the same times of late. A coarse grid knows days and weeks; what has just begun only
    /// a fine one knows.
    fn trusted(&self, next: &Self) -> f64 {
        let reach = self.grid.outlook.spreads.reach();
        let (mut off, mut others_off) = (0.0, 0.0);
        for quarter in 4..=8 {
            let back = reach * quarter / 4;
            let Some(origin) = self.history.len().checked_sub(back).filter(|origin| *origin > 0) else {
                break;
            };
            let came = self.history.seen[origin + reach - 1];
            // The last coarse step that had ended by then, and how many of them there were from it to what came.
            let steps = |fine: usize| fine as f64 * self.grid.step.0 as f64 / next.grid.step.0.max(1) as f64;
            let ended = steps(back).ceil();
            let ahead = (ended - steps(back - reach)).round().max(1.0) as usize;
            let before = next.history.len().checked_sub(ended as usize);
            let Some(before) = before.filter(|origin| *origin > 0) else {
                break;
            };
            let (ours, theirs) = (self.miss(origin, reach, came), next.miss(before, ahead, came));
            if ours.is_finite() && theirs.is_finite() {
                off += ours;
                others_off += theirs;
            }
        }
        let [ours, theirs] = [off, others_off].map(|off: f64| off.powi(MetricShadow::POWER));
        let share = (theirs - ours) / (theirs + ours);
        if share.is_finite() { share.max(0.0) } else { 0.0 }
    }

    /// How far from what `came` it would have said it is; NaN where it says nothing or nothing came.
    fn miss(&self, origin: usize, ahead: usize, came: f64) -> f64 {
        let said = self.grid.outlook.again(&self.panel, &self.history, origin, ahead);
        said.map_or(f64::NAN, |said| (said - came).abs())
    }
}

/// The grid that tells most of the time at a place.
fn most_of(told: &[Told<'_>], at: usize) -> usize {
    let (mut left, mut best) = (1.0, (0.0, 0));
    for (place, told) in told.iter().enumerate() {
        let share = left * told.shares[at];
        if share > best.0 {
            best = (share, place);
        }
        left -= share;
    }
    best.1
}

/// Quantiles by the share of the way from `one` to `other`, all of it exactly `other`.
fn between(one: &Quantiles, other: &Quantiles, share: f64) -> Quantiles {
    let mixed = std::array::from_fn(|level| other.0[level] - (1.0 - share) * (other.0[level] - one.0[level]));
    // Of huge numbers what is rounded off may turn them round.
    Quantiles(mixed).tidy(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn between_two_distributions_quantiles_never_fall(
            one in prop::array::uniform13(-1e30..1e30f64), lower in prop::array::uniform13(-1.0..1.0f64), tiny in 0..20,
        ) {
            let share = 0.1_f64.powi(tiny);
            let one = Quantiles(one).tidy(f64::MIN, f64::MAX);
            for other in [Quantiles(lower).tidy(f64::MIN, f64::MAX), Quantiles::certain(lower[0])] {
                for found in [between(&one, &other, share), between(&other, &one, share)] {
                    prop_assert!(found.0.windows(2).all(|pair| pair[0] <= pair[1]), "{found:?}");
                }
            }
        }
    }
}
