//! Which seasons a series may have.

use crate::domain::Span;

/// Seasons shorter than a day that are looked for, seconds: those of timers.
const SHORT: [i64; 8] = [10, 60, 300, 600, 900, 1_800, 3_600, 43_200];
/// Values looked at for a short season.
const NEWEST: usize = 2_000;

/// The seasons worth a trial on a grid of `step`, in steps, shortest first: a short one where values (oldest first, NaN is a gap) tell of
/// it, a day once two are held, a week once one and a quarter are held. Whether they are any good a backtest says.
#[must_use]
pub fn seasons(values: &[f64], step: Span) -> Vec<usize> {
    let steps = |span: Span| usize::try_from(span.0 / step.0.max(1)).unwrap_or(0);
    let (day, week) = (steps(Span::from_days(1)), steps(Span::from_days(7)));
    let mut seasons: Vec<usize> = short(&values[values.len().saturating_sub(NEWEST)..], step)
        .into_iter()
        .collect();
    if day >= 4 && values.len() >= 2 * day {
        seasons.push(day);
    }
    if week >= 4 && values.len() >= week + week / 4 {
        seasons.push(week);
    }
    seasons
}

/// The candidate with the least seasonal differences, where they are much smaller than the differences at half its length. At least two
/// whole seasons must be held.
fn short(values: &[f64], step: Span) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for candidate in SHORT.map(Span::from_secs) {
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
    fn an_hourly_rhythm_is_found_and_a_trend_or_noise_is_none() {
        let step = Span::from_mins(1);
        let mut rng = fastrand::Rng::with_seed(3);
        let mut make = |f: &dyn Fn(f64) -> f64| (0..600).map(|t| f(f64::from(t)) + rng.f64()).collect::<Vec<_>>();
        let hour = make(&|t| 10.0 * (t / 60.0 * std::f64::consts::TAU).sin());
        assert_eq!(seasons(&hour, step), [60]);
        assert!(seasons(&make(&|t| t), step).is_empty());
        assert!(seasons(&make(&|_| 0.0), step).is_empty());
        assert!(seasons(&hour[..100], step).is_empty());
    }

    #[test]
    fn a_day_and_a_week_are_tried_once_they_were_held() {
        let mut rng = fastrand::Rng::with_seed(4);
        let noise: Vec<f64> = (0..2_016).map(|_| rng.f64()).collect();
        let step = Span::from_mins(10);
        assert_eq!(seasons(&noise, step), [144, 1_008]);
        assert_eq!(seasons(&noise[..1_000], step), [144]);
        assert!(seasons(&noise[..200], step).is_empty());
        assert!(seasons(&[], Span(0)).is_empty());
    }
}
