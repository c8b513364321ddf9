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

/// The candidate with the least seasonal differences, where they are much smaller than the differences at half its length, and that in
/// every round alike and not by chance: what wanders is now and then where it was a quarter of an hour ago.
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
        if whole < 0.75 * half && best.is_none_or(|(least, _)| whole < 0.9 * least) && comes_back(values, period) {
            best = Some((whole, period));
        }
    }
    best.map(|(_, period)| period)
}

/// Whether values are nearer to those a `period` before than to those half of it before by three standard errors of the mean over the
/// rounds, of which there are three at least. The values of one round hang together, so that a round is one observation.
fn comes_back(values: &[f64], period: usize) -> bool {
    let nearer = |place: usize| {
        let (now, half, whole) = (values[place], values[place - period / 2], values[place - period]);
        ((now - half).abs() - (now - whole).abs()) / period as f64
    };
    // From the newest on: of the oldest round only a part may be held.
    let rounds: Vec<f64> = (1..)
        .map(|round| values.len().checked_sub(round * period))
        .map_while(|from| from.filter(|from| *from >= period))
        .map(|from| (from..from + period).map(nearer).filter(|off| off.is_finite()).sum())
        .collect();
    let count = rounds.len() as f64;
    let mean = rounds.iter().sum::<f64>() / count;
    let variance = rounds.iter().map(|round| (round - mean).powi(2)).sum::<f64>() / (count - 1.0);
    rounds.len() >= 3 && mean > 3.0 * (variance / count).sqrt()
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
    fn what_wanders_comes_back_by_chance_only() {
        // Load averages of five minutes over an hour: mostly as they were, and now and then where they were a quarter of an hour ago.
        let step = Span::from_mins(1);
        let found = (0..200).filter(|seed| {
            let mut rng = fastrand::Rng::with_seed(*seed);
            let (mut load, mut runs) = (0.3, 0.0);
            let wanders: Vec<f64> = (0..61)
                .map(|_| {
                    if rng.f64() < 0.3 {
                        runs = f64::from(rng.u32(0..4));
                    }
                    load += (runs - load) * 0.18;
                    load
                })
                .collect();
            !seasons(&wanders, step).is_empty()
        });
        let found = found.count();
        assert!(found <= 10, "{found} of 200");
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
