//! The shadow with and without the laws: bands, means, and the probability of passing a limit.

use super::{
    RUNS,
    law::{Applied, Law},
};
use crate::{
    domain::{Effect, Evidence, Forecast, LEVELS, Limit, Quantiles, Span, Timestamp},
    drift::crossing,
    shadow::Metric,
};

/// A standard normal at [`LEVELS`].
pub(super) const SCORES: Quantiles = Quantiles([
    -1.959_964, -1.644_854, -1.281_552, -0.841_621, -0.524_401, -0.253_347, 0.0, 0.253_347, 0.524_401, 0.841_621,
    1.281_552, 1.644_854, 1.959_964,
]);

/// One metric's answer to the change set.
#[derive(Debug)]
pub(super) struct Drawn {
    pub effect: Effect,
    pub before: Forecast,
    pub after: Forecast,
    /// Size of the difference relative to the value before.
    pub relative: f64,
    /// Whether the median leaves all that was seen of the metric.
    pub outside_seen: bool,
}

/// Draws `RUNS` futures of `metric` with and without `laws`: without them as the forecast `before` (not empty) has it.
///
/// Within one run all steps take the same quantile, and so does the doubt about the laws (comonotone paths): the middle run is the
/// middle value under the middle of the law, and means over the horizon are as unsure as a single
/// value, which is too wide rather than too narrow. Both sides share their draws (common random numbers: Law 2015, *Simulation
/// Modeling and Analysis*, §11.2), so the difference has only the laws' doubt, and its middle is that of the middles shown.
pub(super) fn effect(
    metric: &Metric,
    before: Forecast,
    laws: &[Applied],
    horizon: Span,
    now: Timestamp,
    seed: u64,
) -> Drawn {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (lo, hi) = metric.meta.range();
    let steps = before.steps.len();
    let with = |at: Timestamp, value: f64, z: f64| {
        let laws = laws.iter().filter(|applied| at >= applied.from);
        let after = laws.fold(value, |value, applied| applied.law.apply(value, z));
        if after.is_nan() {
            value
        } else {
            after.clamp(lo.max(f64::MIN), hi.min(f64::MAX))
        }
    };
    let time = |step: usize| before.start + before.step * (step as i64 + 1);
    let (mut means, mut changed, mut differences) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        // Evenly spread quantiles with a random start in each stratum.
        let level = (f64::from(run) + rng.f64()) / f64::from(RUNS);
        let z = quantile(&SCORES, level);
        // How high the metric comes and how many times that a change makes it have nothing to do with each other: these doubts meet in another order.
        let apart = if laws.iter().any(|applied| matches!(applied.law, Law::Times(_))) {
            quantile(&SCORES, (f64::from(run * 97 % RUNS) + 0.5) / f64::from(RUNS))
        } else {
            z
        };
        let (mut sum, mut sum_after, mut sum_apart) = (0.0, 0.0, 0.0);
        for (step, quantiles) in before.steps.iter().enumerate() {
            let value = quantile(quantiles, level);
            let after = with(time(step), value, z);
            sum += value;
            sum_after += after;
            sum_apart += with(time(step), value, apart);
        }
        let (mean, mean_after) = (sum / steps as f64, sum_after / steps as f64);
        means.push(mean);
        changed.push(mean_after);
        differences.push(sum_apart / steps as f64 - mean);
    }
    // The forecast itself, and every level of it under the laws: what a change leaves as it is, it leaves exactly so.
    let mut after = before.clone();
    for (step, quantiles) in after.steps.iter_mut().enumerate() {
        let mut values = quantiles.0;
        for (value, z) in values.iter_mut().zip(SCORES.0) {
            *value = with(time(step), *value, z);
        }
        values.sort_unstable_by(f64::total_cmp);
        *quantiles = Quantiles(values).tidy(lo, hi);
    }
    let three = |values: &mut Vec<f64>| [0.1, 0.5, 0.9].map(|level| sample_quantile(values, level));
    let (mean_before, mean_after) = (three(&mut means), three(&mut changed));
    // The middle of the differences is not the difference of the middles; people subtract what they see.
    let shown = mean_after[1] - mean_before[1];
    let [low, _, high] = three(&mut differences);
    let effect = Effect {
        series: metric.meta.id.clone(),
        unit: metric.meta.unit,
        before: mean_before,
        after: mean_after,
        difference: [low.min(shown), shown, high.max(shown)],
        crossing: metric
            .limit
            .as_ref()
            .and_then(|limit| crossings(metric, limit, laws, horizon, now, seed)),
        evidence: laws
            .iter()
            .map(|applied| applied.evidence)
            .max()
            .unwrap_or(Evidence::None),
        cases: laws.iter().map(|applied| applied.cases).max().unwrap_or(0),
    };
    let seen = metric
        .minutes
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), minute| {
            (low.min(minute.min), high.max(minute.max))
        });
    let median = |forecast: &Forecast| forecast.steps.iter().map(Quantiles::median).collect::<Vec<_>>();
    let leaves = |values: Vec<f64>| values.iter().any(|value| *value < seen.0 || *value > seen.1);
    let size = effect.before[1].abs().max(effect.after[1].abs()).max(1e-9);
    Drawn {
        relative: effect.difference[1].abs() / size,
        outside_seen: leaves(median(&after)) && !leaves(median(&before)),
        effect,
        before,
        after,
    }
}

/// P(limit passed) without and with the laws. A value passes the limit after the laws exactly when, before them, it passes the
/// limit taken back through them.
fn crossings(
    metric: &Metric,
    limit: &Limit,
    laws: &[Applied],
    horizon: Span,
    now: Timestamp,
    seed: u64,
) -> Option<(f64, f64)> {
    let without = passes(metric, limit, horizon, seed)?;
    let doubts: &[(f64, f64)] = if laws.iter().any(|applied| applied.law.unsure()) {
        // Three points that have a normal's mean, variance and fourth moment (Gauss-Hermite).
        &[(-1.732_050_8, 1.0 / 6.0), (0.0, 2.0 / 3.0), (1.732_050_8, 1.0 / 6.0)]
    } else {
        &[(0.0, 1.0)]
    };
    let mut with = 0.0;
    for (z, weight) in doubts {
        let back = |law: Law, value: f64| law.invert(value, *z);
        let value = laws
            .iter()
            .rev()
            .fold(limit.value, |value, applied| back(applied.law, value));
        let moved = Limit { value, ..limit.clone() };
        with += weight * passes(metric, &moved, horizon, seed)?;
    }
    let start = laws.iter().map(|applied| applied.from).min().unwrap_or(now);
    if start > now && start - now < horizon {
        // Passed before the change is made, or after it.
        let early = passes(metric, limit, start - now, seed)?;
        with = early + (1.0 - early) * with;
    } else if start > now {
        with = without;
    }
    Some((without.clamp(0.0, 1.0), with.clamp(0.0, 1.0)))
}

fn passes(metric: &Metric, limit: &Limit, horizon: Span, seed: u64) -> Option<f64> {
    let newest = metric.newest()?.value;
    if limit.broken_by(newest) {
        return Some(1.0);
    }
    if !limit.value.is_finite() {
        return Some(0.0);
    }
    crossing(metric, limit, horizon, seed).map(|crossing| crossing.probability)
}

/// The value at `level`, linear between the levels kept and beyond the outer ones.
fn quantile(quantiles: &Quantiles, level: f64) -> f64 {
    let upper = LEVELS
        .iter()
        .position(|known| *known >= level)
        .unwrap_or(LEVELS.len() - 1)
        .max(1);
    let (a, b) = (quantiles.0[upper - 1], quantiles.0[upper]);
    let share = (level - LEVELS[upper - 1]) / (LEVELS[upper] - LEVELS[upper - 1]);
    a + (b - a) * share.clamp(0.0, 1.0)
}

/// The sample's quantile, by rank with linear interpolation (Hyndman & Fan 1996, type 7). Sorts the values.
fn sample_quantile(values: &mut [f64], level: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = level * (values.len() - 1) as f64;
    let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
    below + (above - below) * place.fract()
}
