//! Rolling-origin evaluation: what each member would have said, and how far off the ensemble would have been.

use serde::{Deserialize, Serialize};

use super::{
    Member,
    ensemble::{combine, weigh},
    member::AnyMember,
    residuals::quantile,
};
use crate::domain::{LEVELS, Span};

/// How far off the forecast of one distance is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// The distance, steps.
    pub steps: u32,
    /// Error quantiles at [`LEVELS`]; actual minus forecast.
    pub errors: [f32; 13],
    /// Correlation of the error at this distance with the error of the same forecast at half the distance, 0 to 1.
    pub kin: f32,
}

impl Spread {
    /// Least growth of errors with distance beyond what was tested, as a power of it: what lies ahead is never wholly like what was.
    const LEAST_GROWTH: f64 = 0.15;

    /// Error quantiles `ahead` steps ahead, from `spreads` (nearest first, not empty): between tested distances on a logarithmic
    /// scale, beyond them by the growth seen over the last two octaves (a random walk's is ½).
    #[must_use]
    pub fn at(spreads: &[Self], ahead: usize) -> [f64; 13] {
        let ahead = ahead.max(1) as f64;
        let (Some(first), Some(last)) = (spreads.first(), spreads.last()) else {
            return [0.0; 13];
        };
        let farther = spreads.iter().position(|spread| f64::from(spread.steps) >= ahead);
        match farther {
            Some(0) => first.errors.map(f64::from),
            Some(place) => {
                let (near, far) = (&spreads[place - 1], &spreads[place]);
                let share =
                    (ahead / f64::from(near.steps)).log2() / (f64::from(far.steps) / f64::from(near.steps)).log2();
                let mut errors = near.errors.map(f64::from);
                for (error, far) in errors.iter_mut().zip(far.errors) {
                    *error += share * (f64::from(far) - *error);
                }
                errors
            }
            None => {
                let width = |spread: &Self| f64::from(spread.errors[10]) - f64::from(spread.errors[2]);
                let before = &spreads[spreads.len().saturating_sub(3)];
                let octaves = (f64::from(last.steps) / f64::from(before.steps)).log2();
                let growth = (width(last) / width(before)).log2() / octaves;
                let growth = if growth.is_finite() {
                    growth.clamp(Self::LEAST_GROWTH, 1.0)
                } else {
                    Self::LEAST_GROWTH
                };
                let scale = (ahead / f64::from(last.steps)).powf(growth);
                let middle = f64::from(last.errors[6]);
                last.errors.map(|error| middle + scale * (f64::from(error) - middle))
            }
        }
    }
}

/// What a backtest says.
#[derive(Clone, Debug)]
pub struct Tested {
    /// Weight by member; they sum to 1.
    pub weights: Vec<f64>,
    /// Mean absolute error one step ahead by member; NaN where it said nothing.
    pub nearest: Vec<f64>,
    /// Errors at doubling distances, nearest first; empty when the window is too short.
    pub spreads: Vec<Spread>,
}

const ORIGINS: usize = 64;
const LEAST_ERRORS: usize = 8;

/// Replays `values` (oldest first, NaN is a gap) to `members` and compares their forecasts from up to 64 evenly spaced origins with what
/// came (Tashman 2000, Int. J. Forecasting 16), at distances 1, 2, 4, … up to a third of the window.
#[must_use]
pub fn backtest(values: &[f64], members: &[AnyMember]) -> Tested {
    let equal = vec![1.0 / members.len() as f64; members.len()];
    let n = values.len();
    let distances: Vec<usize> = (0..)
        .map(|power| 1 << power)
        .take_while(|distance| distance * 3 <= n)
        .collect();
    let Some(farthest) = distances.last().copied().filter(|_| n >= 16) else {
        return Tested {
            weights: equal,
            nearest: vec![f64::NAN; members.len()],
            spreads: Vec::new(),
        };
    };
    let first = (n / 4).max(8);
    let stride = (n - 1 - first).div_ceil(ORIGINS).max(1);
    let mut members = members.to_vec();
    // By origin: by member, by distance the forecast; and by distance what came.
    let mut said: Vec<Vec<Option<Vec<f64>>>> = Vec::new();
    let mut came: Vec<Vec<f64>> = Vec::new();
    for (at, value) in values.iter().enumerate() {
        for member in &mut members {
            member.observe(value.is_finite().then_some(*value));
        }
        if at >= first && (at - first).is_multiple_of(stride) && at + 1 < n {
            let pick = |path: Vec<f64>| distances.iter().map(|distance| path[distance - 1]).collect();
            said.push(
                members
                    .iter()
                    .map(|member| member.forecast(farthest).map(pick))
                    .collect(),
            );
            came.push(
                distances
                    .iter()
                    .map(|distance| values.get(at + distance).copied().unwrap_or(f64::NAN))
                    .collect(),
            );
        }
    }
    let losses: Vec<Vec<f64>> = (0..distances.len())
        .map(|distance| losses(&said, &came, members.len(), distance))
        .collect();
    let weights = weights(&losses, members.len(), said.len());
    let spreads = spreads(&said, &came, &weights, &distances, n);
    Tested {
        weights,
        nearest: losses.into_iter().next().unwrap_or_default(),
        spreads,
    }
}

/// Mean absolute error by member at one of the distances; NaN with fewer than four forecasts.
fn losses(said: &[Vec<Option<Vec<f64>>>], came: &[Vec<f64>], members: usize, distance: usize) -> Vec<f64> {
    let mut errors = vec![(0.0, 0); members];
    for (said, came) in said.iter().zip(came).filter(|(_, came)| came[distance].is_finite()) {
        for (error, path) in errors.iter_mut().zip(said) {
            if let Some(path) = path {
                *error = (error.0 + (path[distance] - came[distance]).abs(), error.1 + 1);
            }
        }
    }
    errors
        .iter()
        .map(|(sum, count)| if *count >= 4 { sum / f64::from(*count) } else { f64::NAN })
        .collect()
}

/// Weights by the losses of all distances, each relative to the worst member's at that distance.
fn weights(losses: &[Vec<f64>], members: usize, origins: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); members];
    for losses in losses {
        let worst = losses.iter().copied().fold(0.0, f64::max);
        for (sum, loss) in sums.iter_mut().zip(losses).filter(|(_, loss)| loss.is_finite()) {
            *sum = (sum.0 + if worst > 0.0 { loss / worst } else { 1.0 }, sum.1 + 1.0);
        }
    }
    let means: Vec<f64> = sums
        .iter()
        .map(|(sum, count)| if *count > 0.0 { sum / count } else { f64::NAN })
        .collect();
    weigh(&means, origins as f64)
}

fn spreads(
    said: &[Vec<Option<Vec<f64>>>],
    came: &[Vec<f64>],
    weights: &[f64],
    distances: &[usize],
    n: usize,
) -> Vec<Spread> {
    // By origin, by distance the error of the weighed forecast.
    let errors: Vec<Vec<f64>> = said
        .iter()
        .zip(came)
        .map(|(said, came)| {
            (0..distances.len())
                .map(|distance| {
                    let known = said
                        .iter()
                        .zip(weights)
                        .filter_map(|(path, weight)| Some((path.as_ref()?[distance], *weight)));
                    let middle = combine(&mut known.collect::<Vec<_>>()).unwrap_or(f64::NAN);
                    exact(came[distance], middle)
                })
                .collect()
        })
        .collect();
    let mut spreads = Vec::new();
    for (place, distance) in distances.iter().enumerate() {
        let mut sorted: Vec<f32> = errors
            .iter()
            .map(|errors| errors[place] as f32)
            .filter(|error| error.is_finite())
            .collect();
        if sorted.len() < LEAST_ERRORS {
            break;
        }
        sorted.sort_unstable_by(f32::total_cmp);
        // Overlapping forecasts err alike: only n / distance of them are independent. Widened as Student's t is against the normal
        // distribution with so many degrees of freedom (1.6 / df at 97.5 %, 0.8 / df at 90 %).
        let share = *distance as f64 / n as f64;
        let widen = |level: f64| 1.0 + share * if (0.1..=0.9).contains(&level) { 0.8 } else { 1.6 };
        let middle = quantile(&sorted, 0.5);
        let errors_at = LEVELS.map(|level| (middle + widen(level) * (quantile(&sorted, level) - middle)) as f32);
        let kin = if place == 0 {
            0.0
        } else {
            correlation(errors.iter().map(|errors| (errors[place - 1], errors[place])))
        };
        spreads.push(Spread {
            steps: *distance as u32,
            errors: errors_at,
            kin: kin as f32,
        });
    }
    spreads
}

/// `value` − `forecast`, exactly 0 when they differ by no more than rounding does.
#[must_use]
pub fn exact(value: f64, forecast: f64) -> f64 {
    let error = value - forecast;
    if error.abs() <= 1e-9 * value.abs().max(forecast.abs()) {
        0.0
    } else {
        error
    }
}

/// Correlation of finite pairs, 0 to 1 (below zero counts as none).
fn correlation(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let pairs: Vec<(f64, f64)> = pairs.filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
    let n = pairs.len() as f64;
    let (ma, mb) = pairs
        .iter()
        .fold((0.0, 0.0), |(a, b), pair| (a + pair.0 / n, b + pair.1 / n));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        ab += (a - ma) * (b - mb);
        aa += (a - ma).powi(2);
        bb += (b - mb).powi(2);
    }
    let r = ab / (aa * bb).sqrt();
    if r.is_finite() { r.clamp(0.0, 1.0) } else { 0.0 }
}

/// The season of `values` (NaN is a gap) on a grid of `step`, in steps: the candidate whose seasonal differences are much smaller than
/// those at half its length; at least two whole seasons must be held.
#[must_use]
pub fn season(values: &[f64], step: Span) -> Option<usize> {
    const CANDIDATES: [i64; 10] = [10, 60, 300, 600, 900, 1_800, 3_600, 43_200, 86_400, 604_800];
    let differences = |lag: usize| {
        let pairs = values
            .iter()
            .zip(&values[lag..])
            .map(|(a, b)| (a - b).abs())
            .filter(|d| d.is_finite());
        let (sum, count) = pairs.fold((0.0, 0), |(sum, count), d| (sum + d, count + 1));
        (count * 2 >= values.len() - lag && count >= 8).then(|| sum / f64::from(count as u32))
    };
    let mut best: Option<(f64, usize)> = None;
    for candidate in CANDIDATES.map(Span::from_secs) {
        let period = usize::try_from(candidate.0 / step.0.max(1)).unwrap_or(0);
        if period < 4 || period * 2 > values.len() || candidate.0 % step.0.max(1) != 0 {
            continue;
        }
        let (Some(whole), Some(half)) = (differences(period), differences(period / 2)) else {
            continue;
        };
        if whole < 0.75 * half && best.is_none_or(|(least, _)| whole < 0.9 * least) {
            best = Some((whole, period));
        }
    }
    best.map(|(_, period)| period)
}
