//! A linear function of what was.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Member, fits::Fits, history::History, median, profile::Profile, standard::Standard};

/// An autoregression with seasonal lags and with what is usual at this step of a season and was at the step before, made by itself into
/// forecasts of many steps (Box & Jenkins 1970; iterated forecasts: Marcellino, Stock & Watson 2006, J. Econometrics 135), fitted by ridge
/// regression (Hoerl & Kennard 1970, Technometrics 12) with Huber's weights (Huber 1964, Ann. Math. Statist. 35), so that a burst
/// does not bend it.
pub struct Autoregression {
    /// In steps, rising.
    lags: Vec<usize>,
    usual: Vec<Arc<Profile>>,
    fits: Fits<Arc<Coefficients>>,
}

/// A fitted autoregression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coefficients {
    /// Of each lag, of what is usual now and was one step before by season, and the constant.
    weights: Box<[f32]>,
    standard: Standard,
}

/// Normal equations of a regression.
pub struct Equations {
    unknowns: usize,
    square: Vec<f64>,
    right: Vec<f64>,
}

impl Autoregression {
    /// Lags of the newest steps.
    const NEAR: usize = 6;
    /// Rows the fit takes, evenly spread over the history.
    const ROWS: usize = 1_000;
    /// How often it is fitted anew along the history, so that a backtest asks a fit that knew nothing of what came after.
    const BLOCKS: usize = 6;
    /// Errors beyond so many times the median one count less: 2.7 standard deviations of normal ones.
    const HUBER: f64 = 4.0;
    /// In observations of variance one.
    const RIDGE: f64 = 0.1;

    /// The lags for `len` values with these seasons: 1 to 6, around each season seen twice, and two of the shortest season seen four times.
    #[must_use]
    pub fn lags(seasons: &[usize], len: usize) -> Vec<usize> {
        let mut lags: Vec<usize> = (1..=Self::NEAR).collect();
        for (place, season) in seasons.iter().enumerate().filter(|(_, season)| len >= 2 * **season) {
            lags.extend(season.saturating_sub(1).max(1)..=season + 1);
            if place == 0 && len >= 4 * season {
                lags.push(2 * season);
            }
        }
        lags.sort_unstable();
        lags.dedup();
        lags
    }

    /// Learns from values (`filled`: gaps filled; `seen`: gaps NaN) and from what was usual at them, as often as
    /// [`Autoregression::BLOCKS`] says.
    #[must_use]
    pub fn fit(filled: &[f64], seen: &[f64], lags: &[usize], usual: &[Arc<Profile>]) -> Fits<Arc<Coefficients>> {
        let unknowns = lags.len() + 2 * usual.len() + 1;
        let first = usual
            .iter()
            .map(|profile| profile.period() + 1)
            .chain(lags.last().copied())
            .max()
            .unwrap_or(1);
        let len = filled.len();
        let mut fits = Fits(Vec::new());
        let Some(standard) = Standard::of(seen).filter(|_| len >= first + 4 * unknowns) else {
            return fits;
        };
        let z: Vec<f64> = filled.iter().map(|value| standard.z(*value)).collect();
        let start = (len / 3).max(first + 3 * unknowns);
        let stride = ((len - first) / Self::ROWS).max(1);
        let mut equations = Equations::new(unknowns);
        let (mut weights, mut bound) = (vec![0.0; unknowns], f64::INFINITY);
        let (mut from, mut row, mut errors) = (first, vec![1.0; unknowns], Vec::new());
        for block in 0..=Self::BLOCKS {
            let to = start + (len - start) * block / Self::BLOCKS;
            // The first fit has no errors to go by, so it is made thrice: plainly, then by the errors of the one before.
            for pass in 0..if block == 0 { 3 } else { 1 } {
                if block == 0 && pass > 0 {
                    equations = Equations::new(unknowns);
                }
                errors.clear();
                for place in (from..to).step_by(stride).filter(|place| seen[*place].is_finite()) {
                    row.iter_mut().zip(lags).for_each(|(to, lag)| *to = z[place - lag]);
                    for (to, profile) in row[lags.len()..].chunks_mut(2).zip(usual) {
                        let usual = profile.usual(place - 1..place + 1);
                        to.copy_from_slice(&[standard.z(usual[1]), standard.z(usual[0])]);
                    }
                    let error = (z[place] - dot(&row, &weights)).abs();
                    equations.add(&row, z[place], if error > bound { bound / error } else { 1.0 });
                    errors.push(error);
                }
                if let Some(solved) = equations.solve(Self::RIDGE) {
                    weights = solved;
                }
                if let Some(middle) = median(&mut errors).filter(|_| pass > 0 || block > 0) {
                    bound = (Self::HUBER * middle).max(1e-9);
                }
            }
            let coefficients = Coefficients {
                weights: weights.iter().map(|weight| *weight as f32).collect(),
                standard,
            };
            fits.0.push((to, Arc::new(coefficients)));
            from = to;
        }
        fits
    }

    /// With what was learnt; lags and the seasons of `usual` must be those it was learnt with, or it says nothing.
    #[must_use]
    pub fn new(lags: Vec<usize>, usual: Vec<Arc<Profile>>, mut fits: Fits<Arc<Coefficients>>) -> Self {
        let count = lags.len() + 2 * usual.len() + 1;
        fits.0.retain(|(_, fit)| fit.weights.len() == count);
        Self { lags, usual, fits }
    }

    /// What the usual seasons add to each of `horizon` steps after the first `origin` values, by the weights `others`.
    fn pull(&self, fit: &Coefficients, others: &[f64], origin: usize, horizon: usize) -> Vec<f64> {
        let mut pull = vec![0.0; horizon];
        for (weights, profile) in others.chunks_exact(2).zip(&self.usual) {
            let mut before = profile.usual(origin - 1..origin)[0] - fit.standard.middle;
            let season = profile.usual(origin..origin + profile.period());
            for (pull, usual) in pull.iter_mut().zip(season.iter().cycle()) {
                let now = usual - fit.standard.middle;
                *pull += weights[0] * now + weights[1] * before;
                before = now;
            }
        }
        pull
    }

    /// Forecasts as a [`Member`]'s from the values `past`, the newest of those before `origin`.
    pub fn follow(&self, past: &[f64], origin: usize, ahead: &[usize], out: &mut [f64]) {
        let seasons = self.usual.iter().map(|profile| profile.period() + 1);
        let reach = seasons.chain(self.lags.last().copied()).max().unwrap_or(1);
        let Some(fit) = self.fits.at(origin).filter(|_| reach <= past.len()) else {
            out.fill(f64::NAN);
            return;
        };
        let Standard { middle, scale, range } = fit.standard;
        let horizon = ahead.last().copied().unwrap_or(0);
        let mut path = Vec::with_capacity(reach + horizon);
        // Distances from the middle: a linear function of them needs no other standard.
        path.extend(past[past.len() - reach..].iter().map(|value| value - middle));
        // All that was seen and as much again to either side: forecasts stay within, so that an unstable fit cannot run away.
        let range = (scale * f64::from(range.0), scale * f64::from(range.1));
        let (least, most) = path.iter().fold(range, |(least, most), off| {
            (
                if *off < least { *off } else { least },
                if *off > most { *off } else { most },
            )
        });
        let (least, most) = (2.0 * least - most, 2.0 * most - least);
        let weights: Vec<f64> = fit.weights.iter().map(|weight| f64::from(*weight)).collect();
        let (lagged, others) = weights.split_at(self.lags.len());
        let constant = scale * others.last().copied().unwrap_or(0.0);
        let pull = self.pull(fit, others, origin, horizon);
        // The first lags are the newest steps, one after the other. Far ones first: a step waits for the one before it only in its last terms.
        let near = self.lags.len().min(Self::NEAR);
        let newest: Vec<f64> = lagged[..near].iter().rev().copied().collect();
        let far = || self.lags[near..].iter().zip(&lagged[near..]);
        for (step, pull) in pull.iter().enumerate() {
            let place = reach + step;
            let seasonal: f64 = far().map(|(lag, weight)| weight * path[place - *lag]).sum();
            let next = (constant + pull + seasonal) + dot(&path[place - near..place], &newest);
            path.push(next.clamp(least, most));
        }
        for (ahead, out) in ahead.iter().zip(out) {
            *out = middle + path[reach + ahead - 1];
        }
    }
}

impl Member for Autoregression {
    fn name(&self) -> &'static str {
        "autoregression"
    }

    fn forecast(&self, history: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        self.follow(&history.filled[..origin], origin, ahead, out);
    }
}

/// Sum of the products; what is longer is cut off.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

impl Equations {
    /// Without any observation.
    #[must_use]
    pub fn new(unknowns: usize) -> Self {
        Self {
            unknowns,
            square: vec![0.0; unknowns * unknowns],
            right: vec![0.0; unknowns],
        }
    }

    /// Takes an observation: a row of as many numbers as there are unknowns, and what came of them.
    pub fn add(&mut self, row: &[f64], value: f64, weight: f64) {
        for (place, x) in row.iter().enumerate() {
            let weighed = weight * x;
            self.right[place] += weighed * value;
            let line = &mut self.square[place * self.unknowns..][..=place];
            line.iter_mut().zip(row).for_each(|(to, y)| *to += weighed * y);
        }
    }

    /// Those of some of the unknowns (rising) alone.
    #[must_use]
    pub fn part(&self, unknowns: &[usize]) -> Self {
        let mut part = Self::new(unknowns.len());
        for (line, from) in unknowns.iter().enumerate() {
            part.right[line] = self.right[*from];
            for (column, other) in unknowns[..=line].iter().enumerate() {
                part.square[line * unknowns.len() + column] = self.square[from * self.unknowns + other];
            }
        }
        part
    }

    /// By unknown the sum of its products with what came.
    #[must_use]
    pub fn right(&self) -> &[f64] {
        &self.right
    }

    /// By Cholesky's decomposition; all but the last unknown, the constant, are drawn to zero by `ridge`. `None` if that gives no numbers.
    #[must_use]
    pub fn solve(&self, ridge: f64) -> Option<Vec<f64>> {
        let n = self.unknowns;
        let (mut a, mut b) = (self.square.clone(), self.right.clone());
        for place in 0..n {
            a[place * n + place] += if place + 1 < n { ridge } else { 1e-6 };
        }
        for column in 0..n {
            for line in column..n {
                let known = dot(&a[line * n..][..column], &a[column * n..][..column]);
                let rest = a[line * n + column] - known;
                a[line * n + column] = if line == column {
                    rest.max(1e-12).sqrt()
                } else {
                    rest / a[column * n + column]
                };
            }
        }
        for line in 0..n {
            b[line] = (b[line] - dot(&a[line * n..][..line], &b[..line])) / a[line * n + line];
        }
        for line in (0..n).rev() {
            let known: f64 = (line + 1..n).map(|below| a[below * n + line] * b[below]).sum();
            b[line] = (b[line] - known) / a[line * n + line];
        }
        b.iter().all(|weight| weight.is_finite()).then_some(b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    fn history(values: Vec<f64>) -> History {
        History::new(values, Span::from_secs(1))
    }

    fn forecast(history: &History, seasons: &[usize], origin: usize, ahead: &[usize]) -> Vec<f64> {
        let lags = Autoregression::lags(seasons, history.len());
        let usual: Vec<Arc<Profile>> = seasons
            .iter()
            .map(|season| Arc::new(Profile::new(history, *season)))
            .collect();
        let fits = Autoregression::fit(&history.filled, &history.seen, &lags, &usual);
        let mut out = vec![0.0; ahead.len()];
        Autoregression::new(lags, usual, fits).forecast(history, origin, ahead, &mut out);
        out
    }

    #[test]
    fn a_rhythm_goes_on_over_bursts_and_gaps() {
        let wave = |t: usize| 10.0 + 10.0 * (t as f64 * std::f64::consts::TAU / 20.0).sin();
        let mut values: Vec<f64> = (0..400).map(wave).collect();
        (values[100], values[200], values[201]) = (90.0, f64::NAN, f64::NAN);
        let ahead = [1, 5, 15, 40];
        let said = forecast(&history(values), &[20], 400, &ahead);
        for (ahead, said) in ahead.iter().zip(said) {
            assert!((said - wave(399 + ahead)).abs() < 1.0, "{ahead} {said}");
        }
    }

    #[test]
    fn asked_from_an_origin_it_knows_nothing_of_what_came_after() {
        let noise = |t: usize| (t * 7_919 % 101) as f64;
        let early: Vec<f64> = (0..300).map(noise).collect();
        // Both fits standardise by all they were given, so the later values are the same ones in another order.
        let (mut one, mut other) = (early.clone(), early);
        one.extend((0..100).map(noise));
        other.extend((0..100).rev().map(noise));
        let (one, other) = (
            forecast(&history(one), &[], 300, &[1, 7]),
            forecast(&history(other), &[], 300, &[1, 7]),
        );
        assert!(
            one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-6),
            "{one:?} {other:?}"
        );
    }

    #[test]
    fn of_a_constant_or_of_few_values_it_says_nothing() {
        assert!(forecast(&history(vec![7.0; 300]), &[], 300, &[1])[0].is_nan());
        assert!(forecast(&history(vec![1.0, 2.0, 1.0]), &[], 3, &[1])[0].is_nan());
    }
}
