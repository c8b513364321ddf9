//! How a metric goes with the load, learnt over weeks.

use std::collections::BTreeMap;

use super::chance::by_chance;
use crate::domain::{Span, Timestamp};

/// Slopes: one, and its change at each of the knots.
const TERMS: usize = 4;
type Slopes = [f64; TERMS];
/// Where slopes change, as shares of the loads seen.
const KNOTS: [f64; TERMS - 1] = [0.33, 0.67, 0.9];
/// Least share of a metric's variance that the load must explain.
const EXPLAINED: f64 = 0.05;
/// Time under one state of the settings from which on the curve bends to them, and that which the level is taken from: a day, or where the settings
/// were changed a moment ago the last hours.
const SETTLED: Span = Span::from_hours(12);
const LEVEL: Span = Span::from_hours(24);
const MOMENT: Span = Span::from_hours(1);
const LATELY: Span = Span::from_hours(6);
/// Steps that weigh as much as the curve of all the weeks.
const PRIOR: f64 = 20.0;
/// Steps that are needed to learn anything.
const LEAST: usize = 12;
/// Days that a usual day is taken from at least.
const DAYS: usize = 3;
/// Share of the steps that no slope, and no bend, weighs as much as.
const RIDGE: Slopes = [1e-4, 1e-3, 1e-3, 1e-3];

/// The metric, or its logarithm where it is always above 0, as a piecewise linear function of the logarithm of the load; one shape over
/// all time, and a level of its own between any two changes of settings, so that what these did is not taken for the load's
/// (fixed effects: Wooldridge 2010, *Econometric Analysis of Cross Section and Panel Data*, §10.5).
#[derive(Debug)]
pub(super) struct Curve {
    /// Whether it is of the metric's logarithm.
    pub log: bool,
    /// Spread of what the load does not explain.
    pub noise: f64,
    /// When, and what is left without the load.
    pub left: Vec<(Timestamp, f64)>,
    knots: [f64; TERMS - 1],
    /// Over all time.
    common: Slopes,
    /// Under the settings as they are, as far as these were seen for long enough.
    newest: Slopes,
    /// Its level now, by the newest slopes.
    level: f64,
    /// Least and greatest logarithm of the load that the newest slopes rest on.
    seen: (f64, f64),
    /// Share of variance explained.
    explained: f64,
}

/// What more load does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// Mean without it.
    pub before: f64,
    /// What it adds to the mean.
    pub by: f64,
    /// Standard deviation of that.
    pub unsure: f64,
}

impl Curve {
    /// Learns it from `past`, in order of time, and the logarithm of the load at the same times; what has none is taken at the same load. Settings changed
    /// at `breaks`, rising. `None` of fewer than a dozen values.
    pub fn learn(
        past: &[(Timestamp, f64)],
        load: &BTreeMap<Timestamp, f64>,
        breaks: &[Timestamp],
        log: bool,
    ) -> Option<Self> {
        let with: Vec<(Timestamp, f64, f64)> = past
            .iter()
            .filter_map(|(at, value)| {
                let value = if log { value.ln() } else { *value };
                let load = if load.is_empty() { 0.0 } else { *load.get(at)? };
                (value.is_finite() && load.is_finite()).then_some((*at, load, value))
            })
            .collect();
        if with.len() < LEAST {
            return None;
        }
        let mut loads: Vec<f64> = with.iter().map(|point| point.1).collect();
        loads.sort_by(f64::total_cmp);
        let knots = KNOTS.map(|share| loads[(share * (loads.len() - 1) as f64) as usize]);
        let regime = |at: Timestamp| breaks.partition_point(|one| *one <= at);
        let runs: Vec<&[(Timestamp, f64, f64)]> = with.chunk_by(|a, b| regime(a.0) == regime(b.0)).collect();
        let all = rows(&runs, &knots);
        let scale = scale(&all);
        let ridge = RIDGE.map(|ridge| ridge * all.len() as f64);
        let (common, noise, explained) = slopes(&all, &scale, &[0.0; TERMS], &ridge);
        let left = with
            .iter()
            .map(|(at, load, value)| (*at, value - at_load(&knots, &common, *load)));
        let mut curve = Self {
            log,
            noise,
            left: left.collect(),
            knots,
            common,
            newest: common,
            level: 0.0,
            seen: (loads[0], loads[loads.len() - 1]),
            explained,
        };
        let mut newest = *runs.last()?;
        let end = newest.last()?.0;
        let held = end - newest[0].0;
        if held >= SETTLED && newest.len() >= LEAST {
            // Of loads that were not seen since it says what was seen before.
            let (slopes, _, explained) = slopes(&rows(&[newest], &knots), &scale, &common, &[PRIOR; TERMS]);
            (curve.newest, curve.explained) = (slopes, explained);
            let loads = || newest.iter().map(|point| point.1);
            curve.seen = (
                loads().fold(f64::INFINITY, f64::min),
                loads().fold(f64::NEG_INFINITY, f64::max),
            );
        } else if held < MOMENT {
            newest = &with[with.partition_point(|point| point.0 < end - LATELY)..];
        }
        let newest = &newest[newest.partition_point(|point| point.0 < end - LEVEL)..];
        let level = newest
            .iter()
            .map(|(_, load, value)| value - at_load(&knots, &curve.newest, *load));
        curve.level = level.sum::<f64>() / newest.len() as f64;
        Some(curve)
    }

    fn value(&self, slopes: &Slopes, load: f64) -> f64 {
        let value = at_load(&self.knots, slopes, load);
        // Beyond anything a machine does; keeps sums finite.
        if self.log {
            (value + self.level).min(100.0).exp()
        } else {
            value + self.level
        }
    }

    /// The mean of the metric at the loads `ahead` (their logarithms).
    pub fn mean(&self, ahead: &[f64]) -> f64 {
        ahead.iter().map(|load| self.value(&self.newest, *load)).sum::<f64>() / ahead.len().max(1) as f64
    }

    /// What `factor` times the load (above 0) does to the mean over `ahead`; `None` where the load was not seen to matter.
    ///
    /// Its doubt is a tenth of it, as much as it is carried beyond the loads seen, what the curve of all time says else, and what the load does not explain.
    pub fn times(&self, ahead: &[f64], factor: f64) -> Option<Answer> {
        if self.newest.iter().all(|slope| *slope == 0.0) || ahead.is_empty() {
            return None;
        }
        let (more, n) = (factor.ln(), ahead.len() as f64);
        let mean =
            |slopes: &Slopes, more: f64| ahead.iter().map(|load| self.value(slopes, load + more)).sum::<f64>() / n;
        let before = mean(&self.newest, 0.0);
        let by = mean(&self.newest, more) - before;
        let all = mean(&self.common, 0.0);
        let scale = if self.log { before / all } else { 1.0 };
        let else_by = (mean(&self.common, more) - all) * scale;
        let beyond = |load: &f64| (load + more - self.seen.1).max(self.seen.0 - load - more).max(0.0);
        let beyond = ahead.iter().map(beyond).sum::<f64>() / n / more.abs().max(1e-9);
        let unsure = (0.1 * by).hypot(by * beyond) / 1.28
            + 0.47 * (by - else_by).abs()
            + 0.008 * before.abs() * (1.0 - self.explained).clamp(0.0, 1.0);
        let answer = Answer { before, by, unsure };
        [before, by, unsure]
            .iter()
            .all(|value| value.is_finite())
            .then_some(answer)
    }
}

/// P(so much correlation by chance) of a metric and the logarithm of the load, of what each does besides what is usual at that time of the day, under the same
/// settings: two things that both follow the clock need not have to do with each other. 1 where too little is known.
///
/// Values that follow each other count for less: n (1 − r₁r₂) / (1 + r₁r₂) of them by their first-order autocorrelations (Bartlett 1935, *Journal of the Royal
/// Statistical Society* 98, 536-543).
pub(super) fn coincidence(past: &[(Timestamp, f64)], load: &BTreeMap<Timestamp, f64>, breaks: &[Timestamp]) -> f64 {
    let both: Vec<(Timestamp, [f64; 2])> = past
        .iter()
        .filter_map(|(at, value)| Some((*at, [*value, *load.get(at)?])))
        .collect();
    let regime = |at: Timestamp| breaks.partition_point(|one| *one <= at);
    let mut left = Vec::with_capacity(both.len());
    for run in both.chunk_by(|a, b| regime(a.0) == regime(b.0)) {
        let n = run.len() as f64;
        let mean: [f64; 2] = std::array::from_fn(|k| run.iter().map(|(_, pair)| pair[k]).sum::<f64>() / n);
        left.extend(
            run.iter()
                .map(|(at, pair)| (*at, std::array::from_fn::<f64, 2, _>(|k| pair[k] - mean[k]))),
        );
    }
    let mut usual: BTreeMap<i64, ([f64; 2], usize)> = BTreeMap::new();
    let clock = |at: Timestamp| at.0.rem_euclid(Span::from_hours(24).0);
    for (at, pair) in &left {
        let (sum, count) = usual.entry(clock(*at)).or_default();
        (0..2).for_each(|k| sum[k] += pair[k]);
        *count += 1;
    }
    let besides: Vec<[f64; 2]> = left
        .iter()
        .filter_map(|(at, pair)| {
            let (sum, count) = usual.get(&clock(*at)).filter(|(_, count)| *count >= DAYS)?;
            Some(std::array::from_fn(|k| pair[k] - sum[k] / *count as f64))
        })
        .collect();
    let product = |a: usize, b: usize, lag: usize| -> f64 {
        let later = besides.iter().skip(lag);
        besides.iter().zip(later).map(|(one, other)| one[a] * other[b]).sum()
    };
    let (own, loads) = (product(0, 0, 0), product(1, 1, 0));
    if own <= 0.0 || loads <= 0.0 {
        return 1.0;
    }
    let follows = (product(0, 0, 1) / own * product(1, 1, 1) / loads).clamp(0.0, 0.999);
    // A usual time of the day is one degree of freedom each.
    let n = besides.len().saturating_sub(usual.len()) as f64 * (1.0 - follows) / (1.0 + follows);
    let r = (product(0, 1, 0) / (own * loads).sqrt()).clamp(-0.999_999, 0.999_999);
    if n <= 3.0 {
        return 1.0;
    }
    by_chance(r * ((n - 2.0) / (1.0 - r * r)).sqrt(), n - 2.0)
}

fn terms(knots: &[f64; TERMS - 1], load: f64) -> Slopes {
    let [a, b, c] = knots.map(|knot| (load - knot).max(0.0));
    [load, a, b, c]
}

fn at_load(knots: &[f64; TERMS - 1], slopes: &Slopes, load: f64) -> f64 {
    terms(knots, load)
        .iter()
        .zip(slopes)
        .map(|(term, slope)| term * slope)
        .sum()
}

/// Terms and value of one step, each less its mean over a run.
type Row = (Slopes, f64);

fn rows(runs: &[&[(Timestamp, f64, f64)]], knots: &[f64; TERMS - 1]) -> Vec<Row> {
    let mut rows = Vec::new();
    for run in runs {
        let n = run.len() as f64;
        let (mut means, mut mean) = ([0.0; TERMS], 0.0);
        for (_, load, value) in *run {
            let terms = terms(knots, *load);
            means = std::array::from_fn(|k| means[k] + terms[k] / n);
            mean += value / n;
        }
        rows.extend(run.iter().map(|(_, load, value)| {
            let terms = terms(knots, *load);
            (std::array::from_fn(|k| terms[k] - means[k]), value - mean)
        }));
    }
    rows
}

/// The spread of each term.
fn scale(rows: &[Row]) -> Slopes {
    let squares = |k: usize| rows.iter().map(|row| row.0[k] * row.0[k]).sum::<f64>();
    std::array::from_fn(|k| (squares(k) / rows.len().max(1) as f64).sqrt() + 1e-9)
}

/// `prior` and what is to be added to it, by ridge regression; the spread of what is left, and the share of variance explained. All 0
/// where that is too little.
fn slopes(rows: &[Row], scale: &Slopes, prior: &Slopes, ridge: &Slopes) -> (Slopes, f64, f64) {
    let told =
        |terms: &Slopes, slopes: &Slopes| terms.iter().zip(slopes).map(|(term, slope)| term * slope).sum::<f64>();
    let (mut matrix, mut right) = ([[0.0; TERMS]; TERMS], [0.0; TERMS]);
    for (terms, value) in rows {
        let value = value - told(terms, prior);
        let terms: Slopes = std::array::from_fn(|k| terms[k] / scale[k]);
        right = std::array::from_fn(|i| right[i] + terms[i] * value);
        matrix = std::array::from_fn(|i| std::array::from_fn(|j| matrix[i][j] + terms[i] * terms[j]));
    }
    (0..TERMS).for_each(|k| matrix[k][k] += ridge[k].max(1e-9));
    let added = solve(matrix, right);
    let found: Slopes = std::array::from_fn(|k| prior[k] + added[k] / scale[k]);
    let n = rows.len().max(1) as f64;
    let left = rows
        .iter()
        .map(|(terms, value)| (value - told(terms, &found)).powi(2))
        .sum::<f64>()
        / n;
    let all = rows.iter().map(|(_, value)| value.powi(2)).sum::<f64>() / n;
    let explained = 1.0 - left / all.max(f64::MIN_POSITIVE);
    if explained >= EXPLAINED && found.iter().all(|slope| slope.is_finite()) {
        (found, left.sqrt(), explained)
    } else {
        ([0.0; TERMS], all.sqrt(), 0.0)
    }
}

/// Gaussian elimination; the matrix is symmetric and positive by its ridge.
fn solve(mut matrix: [Slopes; TERMS], mut right: Slopes) -> Slopes {
    for i in 0..TERMS {
        let row = matrix[i];
        for j in i + 1..TERMS {
            let share = matrix[j][i] / row[i];
            (i..TERMS).for_each(|k| matrix[j][k] -= share * row[k]);
            right[j] -= share * right[i];
        }
    }
    let mut found = [0.0; TERMS];
    for i in (0..TERMS).rev() {
        let known: f64 = (i + 1..TERMS).map(|k| matrix[i][k] * found[k]).sum();
        found[i] = (right[i] - known) / matrix[i][i];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    const STEP: Span = Span::from_mins(10);

    fn learnt(of: impl Fn(f64, i64) -> f64, breaks: &[Timestamp], log: bool) -> Curve {
        let load = |place: i64| 100.0 * (1.0 + 0.5 * (place as f64 / 23.0).sin());
        let times = || (0..600).map(|place| (Timestamp(0) + STEP * place, place));
        let past: Vec<(Timestamp, f64)> = times().map(|(at, place)| (at, of(load(place), place))).collect();
        let loads = times().map(|(at, place)| (at, load(place).ln())).collect();
        Curve::learn(&past, &loads, breaks, log).unwrap()
    }

    #[test]
    fn what_goes_with_the_load_is_carried_beyond_it_and_what_does_not_stays() {
        let square = learnt(|load, _| 3.0 * load * load, &[], true);
        let answer = square.times(&[100_f64.ln()], 1.4).unwrap();
        assert!(
            (answer.by / 30_000.0 - 0.96).abs() < 0.02 && answer.unsure > 0.0,
            "{answer:?}"
        );
        // Twice the load was never seen here: the doubt grows.
        let far = square.times(&[100_f64.ln()], 3.0).unwrap();
        assert!(
            far.unsure / far.by > 2.0 * answer.unsure / answer.by,
            "{far:?} {answer:?}"
        );
        let aside = learnt(|_, place| 7.0 + (place * 7_919 % 211) as f64 / 100.0, &[], true);
        assert!(aside.times(&[100_f64.ln()], 2.0).is_none());
    }

    #[test]
    fn what_a_change_of_settings_did_is_not_taken_for_the_loads() {
        let half = Timestamp(0) + STEP * 300;
        let curve = learnt(
            |load, place| if place < 300 { load } else { 4.0 * load },
            &[half],
            false,
        );
        let answer = curve.times(&[100_f64.ln()], 1.1).unwrap();
        assert!(
            (answer.by - 40.0).abs() < 6.0 && (answer.before - 400.0).abs() < 20.0,
            "{answer:?}"
        );
    }

    #[test]
    fn two_things_that_follow_the_clock_need_not_go_together() {
        let mut draw = fastrand::Rng::with_seed(8);
        let mut wander = |rho: f64| {
            let mut value = 0.0;
            let mut draw = draw.fork();
            move || {
                let normal = (0..12).map(|_| draw.f64()).sum::<f64>() - 6.0;
                value = rho * value + (1.0 - rho * rho).sqrt() * normal;
                value
            }
        };
        let (mut together, mut apart) = (0, 0);
        let runs = 60;
        for _ in 0..runs {
            let (mut load, mut own, mut noise) = (wander(0.95), wander(0.95), wander(0.0));
            let day = |place: i64| (place as f64 / 144.0 * std::f64::consts::TAU).sin();
            let times = (0..2_016).map(|place| (Timestamp(0) + STEP * place, place));
            let loads: BTreeMap<Timestamp, f64> = times
                .clone()
                .map(|(at, place)| (at, day(place) + 0.1 * load()))
                .collect();
            let goes: Vec<(Timestamp, f64)> = loads
                .iter()
                .map(|(at, load)| (*at, 3.0 * load.exp() + 0.2 * noise()))
                .collect();
            let beside: Vec<(Timestamp, f64)> = times.map(|(at, place)| (at, 5.0 + day(place) + 0.1 * own())).collect();
            together += usize::from(coincidence(&goes, &loads, &[]) < 0.01);
            apart += usize::from(coincidence(&beside, &loads, &[]) < 0.01);
        }
        assert!(together == runs && apart <= 3, "{together} {apart} of {runs}");
    }
}
