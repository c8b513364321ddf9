//! Ridge logistic regression.

use serde::{Deserialize, Serialize};

use super::boost::{Rows, chance};

/// A logistic regression on standardized features with a ridge penalty, fitted by Newton's method (Hoerl & Kennard 1970; le Cessie &
/// van Houwelingen 1992).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Logistic {
    mean: Vec<f32>,
    scale: Vec<f32>,
    /// By feature, the constant last.
    weights: Vec<f64>,
}

/// Standardized features are held to so many deviations.
const FAR: f32 = 4.0;
/// Rounds of Newton's method.
const ROUNDS: usize = 7;

impl Logistic {
    /// The regression of the answers of `rows` on their features; `ridge` weighs as so many units of the second derivative.
    #[must_use]
    pub fn fit(rows: &Rows, ridge: f64) -> Self {
        let width = rows.width();
        let count = rows.len().max(1) as f64;
        let mut sums = vec![(0.0_f64, 0.0_f64); width];
        for (x, ..) in rows.iter() {
            for (sum, value) in sums.iter_mut().zip(x) {
                let value = f64::from(*value);
                *sum = (sum.0 + value, sum.1 + value * value);
            }
        }
        let mean: Vec<f32> = sums.iter().map(|sum| (sum.0 / count) as f32).collect();
        let deviation = |sum: &(f64, f64)| (sum.1 / count - (sum.0 / count).powi(2)).max(0.0).sqrt() as f32 + 1e-3;
        let scale = sums.iter().map(deviation).collect();
        let size = width + 1;
        let mut model = Self {
            mean,
            scale,
            weights: vec![0.0; size],
        };
        let mut row = vec![0.0_f64; size];
        for _ in 0..ROUNDS {
            let mut slope = vec![0.0; size];
            let mut curve = vec![0.0; size * size];
            for (x, y, weight) in rows.iter() {
                model.standardize(x, &mut row);
                let p = chance(model.score(&row) as f32);
                let miss = (p - f64::from(u8::from(y))) * f64::from(weight);
                let bend = (p * (1.0 - p) * f64::from(weight)).max(1e-9);
                for a in 0..size {
                    slope[a] += miss * row[a];
                    let scaled = bend * row[a];
                    for b in 0..=a {
                        curve[a * size + b] += scaled * row[b];
                    }
                }
            }
            for a in 0..size {
                let penalty = if a == width { 0.1 } else { ridge };
                slope[a] += penalty * model.weights[a];
                curve[a * size + a] += penalty;
            }
            let step = solve(curve, slope);
            let farthest = step.iter().fold(0.0_f64, |most, step| most.max(step.abs()));
            for (weight, step) in model.weights.iter_mut().zip(&step) {
                *weight -= step.clamp(-3.0, 3.0);
            }
            if farthest < 1e-3 {
                break;
            }
        }
        model
    }

    fn standardize(&self, x: &[f32], row: &mut Vec<f64>) {
        row.clear();
        let parts = x.iter().zip(&self.mean).zip(&self.scale);
        row.extend(parts.map(|((x, mean), scale)| f64::from(((x - mean) / scale).clamp(-FAR, FAR))));
        row.push(1.0);
    }

    fn score(&self, row: &[f64]) -> f64 {
        row.iter().zip(&self.weights).map(|(x, weight)| x * weight).sum()
    }

    /// The mean of a feature among the rows.
    #[must_use]
    pub fn usual(&self, feature: usize) -> f32 {
        self.mean.get(feature).copied().unwrap_or(0.0)
    }

    /// P(yes) for the features `x`.
    #[must_use]
    pub fn chance(&self, x: &[f32]) -> f64 {
        let mut row = Vec::with_capacity(self.weights.len());
        self.standardize(x, &mut row);
        chance(self.score(&row) as f32)
    }
}

/// Solves `a x = b` for a positive definite matrix of which the lower half is given, by Cholesky's factors.
fn solve(mut a: Vec<f64>, mut b: Vec<f64>) -> Vec<f64> {
    let size = b.len();
    for i in 0..size {
        for j in 0..=i {
            let mut sum = a[i * size + j];
            for k in 0..j {
                sum -= a[i * size + k] * a[j * size + k];
            }
            a[i * size + j] = if i == j {
                sum.max(1e-12).sqrt()
            } else {
                sum / a[j * size + j]
            };
        }
    }
    for i in 0..size {
        for k in 0..i {
            b[i] -= a[i * size + k] * b[k];
        }
        b[i] /= a[i * size + i];
    }
    for i in (0..size).rev() {
        for k in i + 1..size {
            b[i] -= a[k * size + i] * b[k];
        }
        b[i] /= a[i * size + i];
    }
    b
}
