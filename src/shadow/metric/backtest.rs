//! Rolling-origin evaluation: what each member would have said, and how far off the ensemble would have been.

use super::{
    Member,
    ensemble::{combine, weigh},
    member::AnyMember,
    residuals::quantile,
    spread::{Spread, Spreads},
};
use crate::domain::LEVELS;

/// What a backtest says.
#[derive(Clone, Debug)]
pub struct Tested {
    /// Mean absolute error one step ahead by member; NaN where it said too little.
    pub nearest: Vec<f64>,
    /// Weights and errors at doubling distances; empty when the window is too short.
    pub spreads: Spreads,
}

/// Most origins of forecasts.
const ORIGINS: usize = 64;
/// Errors needed of a distance.
const LEAST_ERRORS: usize = 16;

/// The forecasts made, and what came.
struct Trial {
    members: usize,
    distances: Vec<usize>,
    /// By origin, member and distance; NaN where a member said nothing.
    said: Vec<f64>,
    /// By origin and distance; NaN in a gap.
    came: Vec<f64>,
}

/// Replays `values` (oldest first, NaN is a gap) to `members` and compares their forecasts from up to 64 evenly spaced origins with what
/// came (Tashman 2000, Int. J. Forecasting 16), at distances 1, 2, 4, … up to a third of the window.
#[must_use]
pub fn backtest(values: &[f64], members: &[AnyMember]) -> Tested {
    let n = values.len();
    let doubling = (0..).map(|power| 1 << power);
    let distances: Vec<usize> = doubling.take_while(|distance| n >= 16 && distance * 3 <= n).collect();
    let Some(farthest) = distances.last().copied() else {
        return Tested {
            nearest: vec![f64::NAN; members.len()],
            spreads: Spreads::default(),
        };
    };
    let first = (n / 4).max(8);
    let stride = (n - 1 - first).div_ceil(ORIGINS).max(1);
    let mut members = members.to_vec();
    let mut trial = Trial {
        members: members.len(),
        distances,
        said: Vec::new(),
        came: Vec::new(),
    };
    for (at, value) in values[..n - 1].iter().enumerate() {
        for member in &mut members {
            member.observe(value.is_finite().then_some(*value));
        }
        if at >= first && (at - first).is_multiple_of(stride) {
            for path in members.iter().map(|member| member.forecast(farthest)) {
                let said = |distance: &usize| path.as_ref().map_or(f64::NAN, |path| path[distance - 1]);
                trial.said.extend(trial.distances.iter().map(said));
            }
            let came = |distance: &usize| values.get(at + distance).copied().unwrap_or(f64::NAN);
            trial.came.extend(trial.distances.iter().map(came));
        }
    }
    let losses: Vec<Vec<f64>> = (0..trial.distances.len()).map(|place| trial.losses(place)).collect();
    let weights: Vec<Vec<f64>> = (0..trial.distances.len())
        .map(|place| {
            weights(
                &losses[place.saturating_sub(1)..losses.len().min(place + 2)],
                (n / trial.distances[place]) as f64,
            )
        })
        .collect();
    Tested {
        spreads: trial.spreads(&weights, n),
        nearest: losses.into_iter().next().unwrap_or_default(),
    }
}

/// Weights from the losses at a distance, the next farther and all nearer ones, each relative to the worst member's.
///
/// Nearer ones count because they tell first: when a level begins to climb, forecasts of an hour are not known to be wrong for an hour.
fn weights(losses: &[Vec<f64>], independent: f64) -> Vec<f64> {
    let members = losses.first().map_or(0, Vec::len);
    let mean = |member: usize| {
        let known = losses.iter().filter(|losses| losses[member].is_finite()).map(|losses| {
            let worst = losses.iter().copied().fold(0.0, f64::max);
            if worst > 0.0 { losses[member] / worst } else { 1.0 }
        });
        let (sum, count) = known.fold((0.0, 0.0), |(sum, count), loss| (sum + loss, count + 1.0));
        sum / count
    };
    weigh(&(0..members).map(mean).collect::<Vec<_>>(), independent)
}

impl Trial {
    fn origins(&self) -> usize {
        self.came.len() / self.distances.len()
    }

    fn said(&self, origin: usize, member: usize, place: usize) -> f64 {
        self.said[(origin * self.members + member) * self.distances.len() + place]
    }

    fn came(&self, origin: usize, place: usize) -> f64 {
        self.came[origin * self.distances.len() + place]
    }

    /// Mean absolute error by member at one of the distances; NaN with fewer than four forecasts.
    fn losses(&self, place: usize) -> Vec<f64> {
        let loss = |member: usize| {
            let errors =
                (0..self.origins()).map(|origin| (self.said(origin, member, place) - self.came(origin, place)).abs());
            let known = errors.filter(|error| error.is_finite());
            let (sum, count) = known.fold((0.0, 0), |(sum, count), error| (sum + error, count + 1));
            if count >= 4 { sum / f64::from(count) } else { f64::NAN }
        };
        (0..self.members).map(loss).collect()
    }

    /// Errors of the weighed forecast by origin at one of the distances; NaN where unknown.
    fn errors(&self, place: usize, weights: &[f64]) -> Vec<f64> {
        let mut known = Vec::with_capacity(self.members);
        let error = |origin: usize| {
            known.clear();
            known.extend((0..self.members).map(|member| (self.said(origin, member, place), weights[member])));
            known.retain(|(said, _)| said.is_finite());
            combine(&mut known).map_or(f64::NAN, |middle| exact(self.came(origin, place), middle))
        };
        (0..self.origins()).map(error).collect()
    }

    fn spreads(&self, weights: &[Vec<f64>], n: usize) -> Spreads {
        let mut spreads = Vec::new();
        let mut nearer = Vec::new();
        for (place, (distance, weights)) in self.distances.iter().zip(weights).enumerate() {
            let errors = self.errors(place, weights);
            let kin = kin(&nearer, &errors);
            let mut sorted: Vec<f32> = errors
                .iter()
                .map(|error| *error as f32)
                .filter(|error| error.is_finite())
                .collect();
            if sorted.len() < LEAST_ERRORS {
                break;
            }
            // Errors that hang together over such a distance are few independent ones, and which way those went says nothing of the next.
            if distance * 8 > n && kin > 0.3 {
                sorted.extend_from_within(..);
                let half = sorted.len() / 2;
                sorted[half..].iter_mut().for_each(|error| *error = -*error);
            }
            sorted.sort_unstable_by(f32::total_cmp);
            // Widened as Student's t is against the normal distribution with n / distance degrees of freedom (0.8 / df at 90 %,
            // 1.6 / df at 97.5 %), in so far as errors hang together.
            let dependent = *distance as f64 / n as f64 * kin / std::f64::consts::FRAC_1_SQRT_2;
            let widen = |level: f64| 1.0 + dependent * if (0.1..=0.9).contains(&level) { 0.8 } else { 1.6 };
            let middle = quantile(&sorted, 0.5);
            spreads.push(Spread {
                steps: *distance as u32,
                weights: weights.iter().map(|weight| *weight as f32).collect(),
                errors: LEVELS.map(|level| (middle + widen(level) * (quantile(&sorted, level) - middle)) as f32),
                kin: kin as f32,
            });
            nearer = errors;
        }
        Spreads(spreads)
    }
}

/// `value` − `forecast`, exactly 0 when they differ by no more than rounding does.
#[must_use]
pub fn exact(value: f64, forecast: f64) -> f64 {
    let error = value - forecast;
    let rounding = 1e-12 * value.abs().max(forecast.abs());
    if error.abs() <= rounding { 0.0 } else { error }
}

/// Correlation about zero of the finite pairs of `a` and `b`, 0 to 1 (below zero counts as none).
fn kin(a: &[f64], b: &[f64]) -> f64 {
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b).filter(|(a, b)| a.is_finite() && b.is_finite()) {
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let r = ab / (aa * bb).sqrt();
    if r.is_finite() { r.clamp(0.0, 1.0) } else { 0.0 }
}
