//! How far off forecasts are, by distance.

use serde::{Deserialize, Serialize};

use super::{bfloat16::Bfloat16, proportion::Proportion};
use crate::domain::LEVELS;

/// What a backtest says of forecasts of one distance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// The distance, steps.
    pub steps: u32,
    /// Error quantiles at [`LEVELS`]; actual minus forecast, relative to the proportion.
    pub errors: [Bfloat16; 13],
    /// Probability of a value below all, and of one above all, that the history of its forecast held.
    pub record: [Bfloat16; 2],
    /// The same of any value up to this distance.
    pub records: [Bfloat16; 2],
    /// Correlation of the error at this distance with the error of the same forecast at half the distance, 0 to 1: 0 for noise around a
    /// level, √½ for a random walk.
    pub kin: Bfloat16,
}

/// What is known of forecasts of one distance.
#[derive(Clone, Debug)]
pub struct Known {
    /// Weight by member.
    pub weights: Vec<f64>,
    /// Error quantiles at [`LEVELS`], relative to the proportion.
    pub errors: [f64; 13],
    /// As in [`Spread::record`]; grown with the errors beyond what was tested.
    pub record: [f64; 2],
}

/// What a backtest says of all distances tested.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Spreads {
    /// By distance, nearest first; none before the first backtest.
    pub tested: Box<[Spread]>,
    /// Weights by distance and member, in parts of [`Spreads::WHOLE`].
    shares: Box<[u16]>,
    /// How errors grow with the forecast: those of the spreads are relative to it. `None` where they do not.
    pub proportion: Option<Proportion>,
}

impl Spreads {
    /// What all of the weight is kept as, but for rounding.
    const WHOLE: f64 = 65_535.0;

    /// Of what was tested, nearest first, and of weights that sum to 1 by distance and member.
    #[must_use]
    pub fn new(tested: Vec<Spread>, weights: &[Vec<f64>], proportion: Option<Proportion>) -> Self {
        let share = |weight: &f64| (weight * Self::WHOLE).round() as u16;
        Self {
            tested: tested.into(),
            shares: weights.iter().flatten().map(share).collect(),
            proportion,
        }
    }

    /// Weight by member at the tested distance of a place; they sum to 1.
    pub fn weights(&self, place: usize) -> impl Iterator<Item = f64> {
        let members = self.shares.len() / self.tested.len().max(1);
        let shares = &self.shares[place * members..][..members];
        let all: u32 = shares.iter().map(|share| u32::from(*share)).sum();
        shares
            .iter()
            .map(move |share| f64::from(*share) / f64::from(all.max(1)))
    }

    /// Weight by member at the farthest distance; `None` before the first backtest.
    pub fn farthest(&self) -> Option<impl Iterator<Item = f64>> {
        Some(self.weights(self.tested.len().checked_sub(1)?))
    }

    /// The farthest distance tested, steps; 0 before the first backtest.
    #[must_use]
    pub fn reach(&self) -> usize {
        self.tested.last().map_or(0, |spread| spread.steps as usize)
    }

    /// What errors of the forecast `said`, `ahead` steps ahead, are to be multiplied by: beyond what was tested at least by 1.
    #[must_use]
    pub fn scale(&self, said: f64, ahead: usize) -> f64 {
        let scale = self.proportion.map_or(1.0, |proportion| proportion.at(said));
        if ahead > self.reach() { scale.max(1.0) } else { scale }
    }

    /// What is known of forecasts `ahead` steps ahead: between tested distances by their share of the way. `None` before the
    /// first backtest.
    ///
    /// Beyond all that was tested they are `grown` times as wide as at the farthest distance tested, and at least as all that was seen (`seen`: quantiles
    /// less their median): that nothing worse came so far says little of a time longer than there was. Records grow likelier as errors grow: a random
    /// walk's are by the square root of the time, those of what keeps its level stay as rare.
    #[must_use]
    pub fn at(&self, ahead: usize, seen: &[f64; 13], grown: f64) -> Option<Known> {
        let last = self.tested.last()?;
        let place = self.tested.partition_point(|spread| (spread.steps as usize) < ahead);
        let Some(far) = self.tested.get(place) else {
            let middle = last.errors[6].value();
            let mut errors = [0.0; 13];
            for (level, error) in errors.iter_mut().enumerate() {
                let wider = grown * (last.errors[level].value() - middle);
                *error = middle
                    + if level < 6 {
                        wider.min(seen[level])
                    } else {
                        wider.max(seen[level])
                    };
            }
            return Some(Known {
                weights: self.weights(place - 1).collect(),
                errors,
                record: last.record.map(|record| (grown * record.value()).min(1.0)),
            });
        };
        let Some(near) = place.checked_sub(1).map(|place| &self.tested[place]) else {
            return Some(Known {
                weights: self.weights(place).collect(),
                errors: far.errors.map(Bfloat16::value),
                record: far.record.map(Bfloat16::value),
            });
        };
        let share = (ahead as f64 - f64::from(near.steps)) / f64::from(far.steps - near.steps);
        let between = |near: f64, far: f64| near + share * (far - near);
        let weights = self.weights(place - 1).zip(self.weights(place));
        let weights = weights.map(|(near, far)| between(near, far)).collect();
        let errors = std::array::from_fn(|level| between(near.errors[level].value(), far.errors[level].value()));
        Some(Known {
            weights,
            errors,
            record: far.record.map(Bfloat16::value),
        })
    }

    /// The power of distance that errors grow with, over the last tested octaves: 0 of what keeps its level, ½ of a random walk, 1 of a wrong slope;
    /// ½ where too little was tested to tell.
    #[must_use]
    pub fn growth(&self) -> f64 {
        let width = |spread: &Spread| spread.errors[10].value() - spread.errors[2].value();
        let ends = self.tested.last().zip(self.tested.iter().rev().nth(2));
        let growth = ends.map_or(0.5, |(far, near)| {
            (width(far) / width(near)).log2() / (f64::from(far.steps) / f64::from(near.steps)).log2()
        });
        if growth.is_finite() {
            growth.clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    /// Probability of a value below all, and of one above all that was seen, within `ahead` steps; beyond what was tested as if every such
    /// time were a trial of its own. 1 before the first backtest.
    #[must_use]
    pub fn records(&self, ahead: usize) -> [f64; 2] {
        let place = self.tested.partition_point(|spread| (spread.steps as usize) < ahead);
        match (self.tested.get(place), self.tested.last()) {
            (Some(spread), _) => spread.records.map(Bfloat16::value),
            (None, Some(last)) => {
                let trials = ahead as f64 / f64::from(last.steps);
                last.records.map(|one| 1.0 - (1.0 - one.value()).max(0.0).powf(trials))
            }
            (None, None) => [1.0; 2],
        }
    }

    /// Correlation of the errors `near` and `far` steps (or parts of one) ahead of the same forecast, 0 to 1.
    ///
    /// On a logarithmic scale of distance it falls evenly, as for a random walk, whose errors correlate by √(near / far).
    #[must_use]
    pub fn kin(&self, near: f64, far: f64) -> f64 {
        let octaves = (far / near).log2().max(0.0);
        let spread = self
            .tested
            .iter()
            .skip(1)
            .find(|spread| f64::from(spread.steps) >= far)
            .or(self.tested.last());
        // Without a backtest: a random walk.
        spread
            .map_or(std::f64::consts::FRAC_1_SQRT_2, |spread| spread.kin.value())
            .powf(octaves)
    }
}

/// Quantiles at [`LEVELS`] of errors that count differently (error and count; put in order by this), as of one more error to come: weighted
/// split conformal prediction (Barber et al. 2023, Annals of Statistics 51). All 0 of none.
///
/// The one to come counts as much as one of as many equal errors as these are worth (Kish 1965), and `dependence` times all of them more
/// where they hang together. Beyond the outermost the tail is exponential.
#[must_use]
pub fn quantiles(sample: &mut [(f64, f64)], dependence: f64) -> [f64; 13] {
    sample.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (Some(first), Some(last)) = (sample.first().copied(), sample.last().copied()) else {
        return [0.0; 13];
    };
    let total: f64 = sample.iter().map(|(_, count)| count).sum();
    let squares: f64 = sample.iter().map(|(_, count)| count * count).sum();
    let coming = squares / total + dependence * total;
    let mut below = coming / 2.0;
    let standing = |(_, count): &(f64, f64)| {
        let at = (below + count / 2.0) / (total + coming);
        below += count;
        at
    };
    let levels: Vec<f64> = sample.iter().map(standing).collect();
    let (lowest, highest) = (levels[0], 1.0 - levels[sample.len() - 1]);
    LEVELS.map(|level| {
        let place = levels.partition_point(|at| *at < level);
        if place == 0 {
            first.0 - steepness(first, lowest, sample.iter().zip(levels.iter().copied())) * (lowest / level).ln()
        } else if place == sample.len() {
            let inward = sample.iter().rev().zip(levels.iter().rev().map(|level| 1.0 - level));
            last.0 + steepness(last, highest, inward) * (highest / (1.0 - level)).ln()
        } else {
            let share = (level - levels[place - 1]) / (levels[place] - levels[place - 1]);
            sample[place - 1].0 + share * (sample[place].0 - sample[place - 1].0)
        }
    })
}

/// Distance by factor e of tail probability, from the `outermost` error (tail `tail`) to the first at four times its tail and at an
/// eighth.
fn steepness<'a>(outermost: (f64, f64), tail: f64, mut inward: impl Iterator<Item = (&'a (f64, f64), f64)>) -> f64 {
    let inner = inward.find(|(_, at)| *at >= (4.0 * tail).max(0.125));
    inner.map_or(0.0, |((error, _), at)| {
        (outermost.0 - error).abs() / (at / tail).ln().max(0.5)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(steps: u32, width: f64) -> Spread {
        let of = Bfloat16::of;
        Spread {
            steps,
            errors: LEVELS.map(|level| of(width * (level - 0.5))),
            record: [of(0.0); 2],
            records: [of(0.2), of(0.5)],
            kin: of(0.0),
        }
    }

    #[test]
    fn quantiles_of_equal_counts_are_those_of_one_more_to_come() {
        let mut sample: Vec<(f64, f64)> = (1..=99).rev().map(|error| (f64::from(error), 3.0)).collect();
        let all = quantiles(&mut sample, 0.0);
        assert!((all[2] - 10.0).abs() < 1e-9 && (all[6] - 50.0).abs() < 1e-9 && (all[10] - 90.0).abs() < 1e-9);
        let wide = quantiles(&mut sample, 0.2);
        assert!(wide[0] < all[0] && wide[12] > all[12] && (wide[6] - 50.0).abs() < 1e-9);
        assert_eq!(quantiles(&mut [], 0.0), [0.0; 13]);
        assert_eq!(quantiles(&mut [(3.0, 1.0)], 0.0), [3.0; 13]);
    }

    #[test]
    fn what_counts_more_weighs_more_and_beyond_all_there_is_a_tail() {
        let mut sample: Vec<(f64, f64)> = (0..10)
            .map(|at| (f64::from(at), if at < 5 { 9.0 } else { 1.0 }))
            .collect();
        let all = quantiles(&mut sample, 0.0);
        assert!(all[6] < 4.0 && all[12] > 9.0 && all[0] < 0.0, "{all:?}");
        assert!(all.windows(2).all(|pair| pair[0] <= pair[1]), "{all:?}");
    }

    #[test]
    fn beyond_what_was_tested_errors_grow_as_they_did_and_are_as_wide_as_all_that_was_seen() {
        let tested = |far: f64| {
            let spreads = [(1, 1.0), (2, 1.0), (4, far)].map(|(steps, width)| spread(steps, width));
            let record = |spread: Spread| Spread {
                record: [Bfloat16::of(0.25); 2],
                ..spread
            };
            Spreads::new(spreads.map(record).to_vec(), &[vec![1.0], vec![1.0], vec![1.0]], None)
        };
        let known = |spreads: &Spreads, ahead, seen, grown| {
            let known = spreads
                .at(ahead, &LEVELS.map(|level| seen * (level - 0.5)), grown)
                .unwrap();
            (known.errors[10] - known.errors[2], known.record[0])
        };
        // What keeps its level, a random walk, a slope.
        for (far, power) in [(1.0, 0.0), (2.0, 0.5), (4.0, 1.0)] {
            assert!(
                (tested(far).growth() - power).abs() < 0.01,
                "{far}: {}",
                tested(far).growth()
            );
        }
        let (width, record) = known(&tested(2.0), 16, 0.0, 3.0);
        assert!(
            (width - 0.8 * 6.0).abs() < 0.05 && (record - 0.75).abs() < 0.01,
            "{width} {record}"
        );
        assert!((known(&tested(1.0), 16, 50.0, 1.0).0 - 0.8 * 50.0).abs() < 0.1);
        let spreads = Spreads::new(vec![spread(1, 1.0), spread(5, 2.0)], &[vec![1.0], vec![1.0]], None);
        assert!((known(&spreads, 3, 9.0, 7.0).0 - 0.8 * 1.5).abs() < 0.01);
        assert!((spreads.growth() - 0.5).abs() < 1e-9, "two distances tell no growth");
        assert!((spreads.records(10)[1] - 0.75).abs() < 1e-6 && (spreads.records(4)[0] - 0.2).abs() < 0.002);
        assert_eq!(spreads.reach(), 5);
        assert!(Spreads::default().at(1, &[0.0; 13], 1.0).is_none());
    }
}
