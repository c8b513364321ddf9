//! Which season a series has.

use crate::domain::Span;

/// Seasons looked for, seconds.
const CANDIDATES: [i64; 10] = [10, 60, 300, 600, 900, 1_800, 3_600, 43_200, 86_400, 604_800];

/// The season of `values` (oldest first, NaN is a gap) on a grid of `step`, in steps: the candidate with the least seasonal differences,
/// where they are much smaller than the differences at half its length. At least two whole seasons must be held.
#[must_use]
pub fn season(values: &[f64], step: Span) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for candidate in CANDIDATES.map(Span::from_secs) {
        let period = usize::try_from(candidate.0 / step.0.max(1)).unwrap_or(0);
        if period < 4 || period * 2 > values.len() || candidate.0 % step.0.max(1) != 0 {
            continue;
        }
        let (Some(whole), Some(half)) = (difference(values, period), difference(values, period / 2)) else {
            continue;
        };
        if whole < 0.75 * half && best.is_none_or(|(least, _)| whole < 0.9 * least) {
            best = Some((whole, period));
        }
    }
    best.map(|(_, period)| period)
}

/// Mean absolute difference of values `lag` steps apart; `None` when less than half of the pairs are known.
fn difference(values: &[f64], lag: usize) -> Option<f64> {
    let pairs = values.iter().zip(&values[lag..]).map(|(a, b)| (a - b).abs());
    let (sum, count) = pairs
        .filter(|off| off.is_finite())
        .fold((0.0, 0), |(sum, count), off| (sum + off, count + 1));
    (count * 2 >= values.len() - lag && count >= 8).then(|| sum / f64::from(count as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_rhythm_is_found_and_a_trend_or_noise_is_none() {
        let step = Span::from_mins(10);
        let mut rng = fastrand::Rng::with_seed(3);
        let mut make = |f: &dyn Fn(f64) -> f64| (0..600).map(|t| f(f64::from(t)) + rng.f64()).collect::<Vec<_>>();
        let day = make(&|t| 10.0 * (t / 144.0 * std::f64::consts::TAU).sin());
        assert_eq!(season(&day, step), Some(144));
        assert_eq!(season(&make(&|t| t), step), None);
        assert_eq!(season(&make(&|_| 0.0), step), None);
        assert_eq!(season(&day[..200], step), None);
    }
}
