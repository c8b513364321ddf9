//! When a limit is passed, from sample paths.

use super::normal;
use crate::domain::{Crossing, Forecast, LEVELS, Limit, Quantiles, Side, Span, Timestamp};

/// Paths drawn, in antithetic pairs (Hammersley & Morton 1956).
const PATHS: usize = 400;

/// Draws paths through the distributions of `forecast` and notes when each first passes `limit`.
///
/// Steps hang together by a Gaussian copula (Nelsen, An Introduction to Copulas, 2006; Schefzik, Thorarinsdottir & Gneiting 2013 for
/// forecasts) whose scores form a Markov chain: `kin[i]` is the correlation of step i's error with that of step i − 1, 0 to 1.
/// `newest` is the value at the forecast's start.
#[must_use]
pub fn crossing(forecast: &Forecast, kin: &[f64], newest: f64, limit: &Limit, horizon: Span, seed: u64) -> Crossing {
    let mut found = Crossing {
        limit: limit.value,
        probability: 0.0,
        horizon,
        at: [None; 3],
    };
    if limit.broken_by(newest) {
        found.probability = 1.0;
        found.at = [Some(forecast.start); 3];
        return found;
    }
    // Above: a path is beyond at a step when its score exceeds the score of the limit; below: mirrored.
    let sign = if limit.side == Side::Above { 1.0 } else { -1.0 };
    let thresholds: Vec<f64> = forecast.steps.iter().map(|step| threshold(step, limit)).collect();
    if thresholds.iter().all(|threshold| *threshold > 6.0) {
        return found;
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut times = Vec::new();
    for _ in 0..PATHS / 2 {
        let (mut score, mut open, mut before) = (0.0, [true; 2], 0.0);
        for (at, threshold) in thresholds.iter().enumerate() {
            let kin = kin.get(at).copied().unwrap_or(0.0);
            score = kin * score + (1.0 - kin * kin).sqrt() * normal::draw(&mut rng);
            for (open, side) in open.iter_mut().zip([1.0, -1.0]) {
                if *open && score * side > *threshold {
                    *open = false;
                    let value = |at: usize, score: f64| value(&forecast.steps[at], normal::cdf(score * side * sign));
                    let from = if at == 0 { newest } else { value(at - 1, before) };
                    times.push(when(forecast, at, from, value(at, score), limit.value));
                }
            }
            before = score;
            if open == [false; 2] {
                break;
            }
        }
    }
    times.sort_unstable();
    found.probability = times.len() as f64 / PATHS as f64;
    found.at = [0.1, 0.5, 0.9].map(|share| times.get((share * PATHS as f64) as usize - 1).copied());
    found
}

/// The normal score above which a step's value is on the wrong side of the limit.
fn threshold(step: &Quantiles, limit: &Limit) -> f64 {
    // All of a distribution may lie on one point, and `cdf` counts that point half.
    if step.0[0] == step.0[12] {
        return if limit.broken_by(step.0[0]) {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
    }
    let below = step.cdf(limit.value);
    match limit.side {
        Side::Above => normal::quantile(below),
        Side::Below => -normal::quantile(below),
    }
}

/// Where the straight line from the step before to this step meets the limit.
fn when(forecast: &Forecast, at: usize, from: f64, to: f64, limit: f64) -> Timestamp {
    let share = ((limit - from) / (to - from)).clamp(0.0, 1.0);
    let share = if share.is_finite() { share } else { 1.0 };
    forecast.start + forecast.step * at as i64 + Span((forecast.step.0 as f64 * share) as i64)
}

/// The value at probability `p`, linear between levels, exponential beyond, as [`Quantiles::cdf`].
fn value(step: &Quantiles, p: f64) -> f64 {
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    let (first, last) = (LEVELS[0], LEVELS[12]);
    if p < first {
        return step.0[0] - (step.0[2] - step.0[0]) * (first / p).ln();
    }
    if p > last {
        return step.0[12] + (step.0[12] - step.0[10]) * ((1.0 - last) / (1.0 - p)).ln();
    }
    let above = LEVELS.iter().position(|level| *level >= p).unwrap_or(12).max(1);
    let share = (p - LEVELS[above - 1]) / (LEVELS[above] - LEVELS[above - 1]);
    step.0[above - 1] + share * (step.0[above] - step.0[above - 1])
}
