//! The newest one-step errors: bands and surprise without a law of errors.

use serde::{Deserialize, Serialize};

use super::bfloat16::Bfloat16;

/// The newest one-step errors of a forecast, ready for quantiles and tail probabilities.
///
/// Quantiles are those of split conformal prediction (Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, 2005; Lei
/// et al. 2018, JASA 113): the ⌈p(n+1)⌉-th smallest error, so that a new error exchangeable with them is covered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Residuals {
    /// A ring: the oldest is the next to be written over once it is full.
    newest: Vec<Bfloat16>,
    oldest: u8,
    /// Ranks of the same errors, the least first: to put one in its place costs less than to sort all for every value.
    #[serde(skip)]
    order: Vec<u16>,
}

/// As it is stored; an earlier version stored `errors` in four bytes each.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Stored {
    newest: Vec<Bfloat16>,
    oldest: u8,
    errors: Vec<f32>,
}

impl From<Stored> for Residuals {
    fn from(stored: Stored) -> Self {
        let mut newest = stored.newest;
        newest.extend(stored.errors.into_iter().map(|error| Bfloat16::of(error.into())));
        let mut residuals = Self {
            newest,
            oldest: stored.oldest,
            order: Vec::new(),
        };
        residuals.sort();
        residuals
    }
}

impl Residuals {
    /// A place in the ring is a byte.
    const MOST: u8 = 240;

    /// Errors held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    /// Takes a finite error; the oldest is forgotten when there are too many.
    pub fn push(&mut self, error: f64) {
        let error = Bfloat16::of(error);
        let place = self.oldest;
        self.oldest = (place + 1) % Self::MOST;
        if self.newest.len() < usize::from(Self::MOST) {
            if self.newest.len() == self.newest.capacity() {
                self.newest.reserve_exact(usize::from(Self::MOST / 4));
                self.order.reserve_exact(usize::from(Self::MOST / 4));
            }
            self.newest.push(error);
        } else {
            let old = std::mem::replace(&mut self.newest[usize::from(place)], error);
            if old == error {
                return;
            }
            if let Ok(place) = self.order.binary_search(&old.rank()) {
                self.order.remove(place);
            }
        }
        let place = self.order.partition_point(|rank| *rank < error.rank());
        self.order.insert(place, error.rank());
    }

    /// Takes all errors as `times` as large (above 0).
    pub fn widen(&mut self, times: f64) {
        for error in &mut self.newest {
            *error = Bfloat16::of(error.value() * times);
        }
        self.sort();
    }

    fn sort(&mut self) {
        self.order = self.newest.iter().map(|error| error.rank()).collect();
        self.order.sort_unstable();
    }

    /// All errors in order.
    #[must_use]
    pub fn sorted(&self) -> Sorted<'_> {
        Sorted(&self.order)
    }
}

/// Errors by their ranks, the least first.
pub struct Sorted<'a>(&'a [u16]);

impl Sorted<'_> {
    fn at(&self, place: usize) -> f64 {
        Bfloat16::ranked(self.0[place]).value()
    }

    /// The errors that are exceeded downwards with the probabilities `levels`; 0 when none is held.
    #[must_use]
    pub fn quantiles<const N: usize>(&self, levels: [f64; N]) -> [f64; N] {
        levels.map(|level| quantile(self.0.len(), |rank| self.at(rank), level))
    }

    /// −log2 of the two-sided probability of an error at least as far out as `error`, 0 to 60.
    ///
    /// Inside what was seen it is the conformal p-value. Beyond, the tail is Pareto with an index learnt from the largest errors of
    /// that side (Hill 1975, Annals of Statistics 3), predicted with the index unknown (Gamma prior), so few errors never give
    /// many bits: with no tail to learn from, one in n + 1 is the most that can be said.
    #[must_use]
    pub fn bits(&self, error: f64) -> f64 {
        let n = self.0.len();
        if n == 0 {
            return 0.0;
        }
        let error = Bfloat16::of(error).value();
        let value = |rank: &u16| Bfloat16::ranked(*rank).value();
        let below = self.0.partition_point(|held| value(held) <= error);
        let above = n - self.0.partition_point(|held| value(held) < error);
        let middle = self.at(n / 2);
        let tail = if error >= middle {
            beyond(n, above, error, |rank| self.at(n - 1 - rank), middle)
        } else {
            beyond(n, below, error, |rank| self.at(rank), middle)
        };
        (1.0 / (2.0 * tail).min(1.0)).log2().clamp(0.0, 60.0)
    }
}

/// P(an error as far out as `error` on its side), by `n` errors; `far(0)` is the farthest of that side, `count` how many are as far.
fn beyond(n: usize, count: usize, error: f64, far: impl Fn(usize) -> f64, middle: f64) -> f64 {
    let share = (count + 1) as f64 / (n + 1) as f64;
    let reach = |value: f64| (value - middle).abs();
    let (most, threshold) = (reach(far(0)), reach(far((n / 12).max(2).min(n - 1))));
    if count > 0 || most <= 0.0 || threshold <= 0.0 {
        return share;
    }
    // Prior: two errors with a mean log-excess of a half (Pareto index 2, heavy).
    let (mut seen, mut sum) = (2.0, 1.0);
    for rank in 0..(n / 12).max(2).min(n - 1) {
        seen += 1.0;
        sum += (reach(far(rank)) / threshold).ln();
    }
    share * (1.0 + (reach(error) / most).ln().max(0.0) / sum).powf(-seen)
}

/// Conformal quantile of `n` values, `at(0)` the least; beyond the outermost value the tail is exponential.
fn quantile(n: usize, at: impl Fn(usize) -> f64, level: f64) -> f64 {
    if n == 0 {
        return 0.0;
    }
    if level > 0.5 {
        let rank = (level * (n + 1) as f64).ceil() as usize;
        return if rank <= n {
            at(rank - 1)
        } else {
            outside(n, 1.0 - level, |rank| at(n - 1 - rank))
        };
    }
    let rank = (level * (n + 1) as f64).floor() as usize;
    if rank >= 1 {
        at(rank.min(n) - 1)
    } else {
        outside(n, level, at)
    }
}

/// Beyond the outermost of `n` values by an exponential tail as steep as the outer eighth; `far(0)` is the outermost.
fn outside(n: usize, tail: f64, far: impl Fn(usize) -> f64) -> f64 {
    let most = far(0);
    let outer = (n / 8).clamp(1, n - 1 + usize::from(n == 1)).min(n - 1);
    let reach = most - far(outer);
    most + reach * (1.0 / (tail * (n + 1) as f64)).ln().max(0.0) / 1.5
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(residuals: &Residuals) -> Vec<f64> {
        let sorted = residuals.sorted();
        (0..residuals.len()).map(|place| sorted.at(place)).collect()
    }

    #[test]
    fn quantiles_are_the_conformal_ranks() {
        let mut residuals = Residuals::default();
        (1..=99).rev().for_each(|error| residuals.push(f64::from(error)));
        assert_eq!(residuals.sorted().quantiles([0.1, 0.5, 0.9]), [10.0, 50.0, 90.0]);
        let [low, high] = residuals.sorted().quantiles([0.001, 0.999]);
        assert!(low < 1.0 && high > 99.0);
        assert_eq!(Residuals::default().sorted().quantiles([0.5]), [0.0]);
    }

    #[test]
    fn the_oldest_error_is_forgotten() {
        let mut residuals = Residuals::default();
        residuals.push(1e6);
        (0..Residuals::MOST).for_each(|_| residuals.push(0.0));
        assert_eq!((residuals.len(), residuals.sorted().quantiles([0.99])), (240, [0.0]));
    }

    #[test]
    fn the_newest_errors_are_held() {
        let mut rng = fastrand::Rng::with_seed(2);
        let errors: Vec<f64> = (0..1_000).map(|_| f64::from(rng.i8(-20..20))).collect();
        let mut residuals = Residuals::default();
        errors.iter().for_each(|error| residuals.push(*error));
        let mut newest = errors[1_000 - 240..].to_vec();
        newest.sort_by(f64::total_cmp);
        assert_eq!(values(&residuals), newest);
        residuals.widen(2.0);
        newest.iter_mut().for_each(|error| *error *= 2.0);
        assert_eq!(values(&residuals), newest);
    }

    #[test]
    fn errors_that_an_earlier_version_stored_are_held_in_their_order() {
        let errors: Vec<f32> = (0..240).map(|place| if place < 37 { 2.0 } else { 1.0 }).collect();
        let old = serde_json::json!({"errors": errors, "oldest": 37, "order": []});
        let mut residuals: Residuals = serde_json::from_value(old).unwrap();
        assert_eq!(residuals.len(), 240);
        // Those of the older round are forgotten first.
        (0..203).for_each(|_| residuals.push(3.0));
        assert_eq!(values(&residuals)[..38], [[2.0; 37].as_slice(), &[3.0]].concat());
        let again: Residuals = serde_json::from_value(serde_json::to_value(&residuals).unwrap()).unwrap();
        assert_eq!(values(&again), values(&residuals));
    }

    #[test]
    fn surprise_grows_with_distance_and_less_so_where_the_tail_is_heavy() {
        let (mut light, mut heavy) = (Residuals::default(), Residuals::default());
        for rank in 1..=200 {
            let p = f64::from(rank) / 201.0;
            light.push((p / (1.0 - p)).ln());
            heavy.push((p - 0.5).signum() * ((0.5 - (p - 0.5).abs()).recip() - 2.0));
        }
        let (light, heavy) = (light.sorted(), heavy.sorted());
        assert!(light.bits(0.0) < 0.1 && light.bits(3.0) < light.bits(6.0) && light.bits(6.0) < light.bits(60.0));
        assert!((light.bits(60.0) - light.bits(6.0)) > (heavy.bits(2_000.0) - heavy.bits(200.0)));
        assert!(heavy.bits(1e30) <= 60.0);
    }
}
