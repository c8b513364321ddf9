//! Rolling-origin evaluation: what each member would have said, and how far off the ensemble would have been.

use serde::{Deserialize, Serialize};

use super::{Member, member::AnyMember, residuals::quantile};
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
    let weights = weights(&said, &came, members.len());
    let spreads = spreads(&said, &came, &weights, &distances, n);
    Tested { weights, spreads }
}

/// Exponential weights of the mean absolute errors relative to the best member, drawn to equal weights while origins are few.
fn weights(said: &[Vec<Option<Vec<f64>>>], came: &[Vec<f64>], members: usize) -> Vec<f64> {
    let mut losses = vec![(0.0, 0.0); members];
    let distances = came.first().map_or(0, Vec::len);
    for distance in 0..distances {
        let mut errors = vec![(0.0, 0.0); members];
        for (said, came) in said.iter().zip(came).filter(|(_, came)| came[distance].is_finite()) {
            for (error, said) in errors.iter_mut().zip(said) {
                if let Some(said) = said {
                    error.0 += (said[distance] - came[distance]).abs();
                    error.1 += 1.0;
                }
            }
        }
        let means: Vec<f64> = errors
            .iter()
            .map(|(sum, count)| if *count >= 4.0 { sum / count } else { f64::NAN })
            .collect();
        let scale = means
            .iter()
            .copied()
            .filter(|mean| mean.is_finite())
            .fold(0.0, f64::max);
        for (loss, mean) in losses.iter_mut().zip(&means).filter(|(_, mean)| mean.is_finite()) {
            loss.0 += if scale > 0.0 { mean / scale } else { 1.0 };
            loss.1 += 1.0;
        }
    }
    let losses: Vec<f64> = losses
        .iter()
        .map(|(sum, count)| if *count > 0.0 { sum / count } else { f64::NAN })
        .collect();
    weigh(&losses, said.len() as f64)
}

/// Weights from mean losses (NaN: not known, weight 0) over `count` forecasts: exp(−4 (loss / best − 1)), drawn to equal weights by ten
/// forecasts' worth (exponential weighting: Cesa-Bianchi & Lugosi, Prediction, Learning, and Games, 2006, ch. 2).
#[must_use]
pub fn weigh(losses: &[f64], count: f64) -> Vec<f64> {
    let best = losses
        .iter()
        .copied()
        .filter(|loss| loss.is_finite())
        .fold(f64::INFINITY, f64::min);
    if !best.is_finite() {
        return vec![1.0 / losses.len() as f64; losses.len()];
    }
    let known = losses.iter().filter(|loss| loss.is_finite()).count() as f64;
    let floor = best.max(f64::MIN_POSITIVE);
    let raw = |loss: f64| {
        if loss.is_finite() {
            (-4.0 * (loss / floor - 1.0).min(100.0)).exp()
        } else {
            0.0
        }
    };
    let total: f64 = losses.iter().map(|loss| raw(*loss)).sum();
    let trust = count / (count + 10.0);
    losses
        .iter()
        .map(|loss| trust * raw(*loss) / total + if loss.is_finite() { (1.0 - trust) / known } else { 0.0 })
        .collect()
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
                    let known = || {
                        said.iter()
                            .zip(weights)
                            .filter_map(|(path, weight)| Some((path.as_ref()?, weight)))
                    };
                    let total: f64 = known().map(|(_, weight)| weight).sum();
                    came[distance] - known().map(|(path, weight)| weight * path[distance]).sum::<f64>() / total
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
        // Errors of overlapping forecasts are worth less than their number: n / distance of them are independent.
        let widen = (1.0 + 2.0 * *distance as f64 / n as f64).sqrt();
        let middle = quantile(&sorted, 0.5);
        let errors_at = LEVELS.map(|level| (middle + widen * (quantile(&sorted, level) - middle)) as f32);
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
