//! What is the load of a resource, and what it was and will be.

use std::collections::BTreeMap;

use super::STEPS;
use crate::{
    domain::{Quantiles, ResourceId, SeriesId, Span, Timestamp},
    shadow::{Metric, Shadows},
};

/// The load of a resource by time, as a logarithm, and its logarithms ahead.
#[derive(Default)]
pub(super) struct Load {
    pub past: BTreeMap<Timestamp, f64>,
    pub ahead: Vec<f64>,
}

impl Load {
    pub fn of(metric: &Metric, horizon: Span) -> Self {
        let past = metric.shadow.weeks().into_iter().filter(|(_, value)| *value > 0.0);
        let past: BTreeMap<Timestamp, f64> = past.map(|(at, value)| (at, value.ln())).collect();
        let ahead = metric.shadow.forecast(horizon, STEPS);
        let ahead = ahead.iter().flat_map(|forecast| &forecast.steps).map(Quantiles::median);
        let mut ahead: Vec<f64> = ahead.filter(|value| *value > 0.0).map(f64::ln).collect();
        if ahead.is_empty() {
            ahead.extend(past.values().last());
        }
        Self { past, ahead }
    }
}

/// The load of a resource, and when its settings changed.
pub(super) struct Host {
    pub load: Load,
    /// The metric that is taken for it, and nothing, which is all that is known of that one's load.
    id: Option<SeriesId>,
    none: BTreeMap<Timestamp, f64>,
    pub breaks: Vec<Timestamp>,
}

impl Host {
    pub fn of(shadows: &Shadows, resource: &ResourceId, horizon: Span) -> Self {
        let breaks = breaks(shadows, resource);
        let metric = load(shadows, resource, &breaks);
        Self {
            load: metric.map(|metric| Load::of(metric, horizon)).unwrap_or_default(),
            id: metric.map(|metric| metric.meta.id.clone()),
            none: BTreeMap::new(),
            breaks,
        }
    }

    /// The load by time that `metric` may go with.
    pub fn load_for(&self, metric: &Metric) -> &BTreeMap<Timestamp, f64> {
        match self.id.as_ref() == Some(&metric.meta.id) {
            true => &self.none,
            false => &self.load.past,
        }
    }
}

pub(super) fn breaks(shadows: &Shadows, resource: &ResourceId) -> Vec<Timestamp> {
    let changes = shadows.settings.changes().iter();
    let mut breaks: Vec<Timestamp> = changes
        .filter(|change| change.id.resource == *resource)
        .map(|change| change.at)
        .collect();
    breaks.sort_unstable();
    breaks.dedup();
    breaks
}

/// The metric that is taken for the load of `resource`: by whose logarithm the others go best (mean share of variance), and which moves at changes
/// of settings no more than at other times, for the load comes from outside; what is taken, waits or fails is what a load does. `None` where none explains a tenth.
fn load<'a>(shadows: &'a Shadows, resource: &ResourceId, breaks: &[Timestamp]) -> Option<&'a Metric> {
    let here = shadows.metrics.iter();
    let here = here.filter(|(id, metric)| id.resource == *resource && !metric.meta.of_process());
    let end = shadows.newest?;
    let past: Vec<(&Metric, Vec<f64>)> = here.map(|(_, metric)| (metric, by_hour(metric, end))).collect();
    let explains = |place: usize| {
        let others = past.iter().enumerate().filter(|(other, _)| *other != place);
        let sum: f64 = others.map(|(_, (_, other))| explained(&past[place].1, other)).sum();
        sum / (past.len() - 1).max(1) as f64
    };
    let may_be = (0..past.len()).filter(|place| past[*place].0.meta.may_be_load());
    let told = may_be.map(|place| (explains(place), past[place].0));
    let told = told.filter(|(explains, _)| *explains >= 0.1);
    let best = told
        .map(|(explains, metric)| (explains / jumps(metric, breaks).max(1.0), metric))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(best.1)
}

/// How much farther `metric` moves at `breaks` than at any time: mean square of half an hour after less half an hour before, over that of all times
/// (the middle one, so that jumps do not hide themselves).
fn jumps(metric: &Metric, breaks: &[Timestamp]) -> f64 {
    const SIDE: usize = 3;
    let past: Vec<(Timestamp, f64)> = metric.shadow.weeks().into_iter().filter(|step| step.1 > 0.0).collect();
    let mean = |side: &[(Timestamp, f64)]| side.iter().map(|step| step.1.ln()).sum::<f64>() / SIDE as f64;
    let moves = past
        .windows(2 * SIDE)
        .map(|around| (mean(&around[SIDE..]) - mean(&around[..SIDE])).powi(2));
    let moves: Vec<f64> = moves.collect();
    let mut sorted = moves.clone();
    sorted.sort_by(f64::total_cmp);
    // The middle square of a normal is 0.455 of its variance.
    let usual = sorted
        .get(sorted.len() / 2)
        .map_or(0.0, |middle| middle / 0.455)
        .max(1e-12);
    let at = |time: &Timestamp| past.partition_point(|step| step.0 < *time).checked_sub(SIDE);
    let squares: Vec<f64> = breaks
        .iter()
        .filter_map(|time| Some(moves.get(at(time)?)? / usual))
        .collect();
    // One far jump says no more than that it was one.
    squares.iter().map(|square| square.min(100.0)).sum::<f64>() / squares.len().max(1) as f64
}

/// Logarithms of one value of each hour of the two weeks before `end`, the newest first; NaN where there is none above 0.
fn by_hour(metric: &Metric, end: Timestamp) -> Vec<f64> {
    let hour = Span::from_hours(1);
    let mut hours = vec![f64::NAN; 14 * 24];
    for (at, value) in metric.shadow.weeks() {
        let ago = usize::try_from((end.floor(hour) - at.floor(hour)).0 / hour.0).ok();
        if let Some(place) = ago.and_then(|ago| hours.get_mut(ago)) {
            *place = value.ln();
        }
    }
    hours
}

/// The share of the variance of `b` that `a` explains; 0 of fewer than a day's values.
fn explained(a: &[f64], b: &[f64]) -> f64 {
    let pairs = || {
        let both = a.iter().zip(b);
        both.filter(|(a, b)| a.is_finite() && b.is_finite())
    };
    let n = pairs().count() as f64;
    let (x, y) = pairs().fold((0.0, 0.0), |(x, y), (a, b)| (x + a / n, y + b / n));
    let (xx, xy, yy) = pairs().fold((0.0, 0.0, 0.0), |(xx, xy, yy), (a, b)| {
        let (a, b) = (a - x, b - y);
        (xx + a * a, xy + a * b, yy + b * b)
    });
    if n >= 24.0 && xx > 1e-12 && yy > 1e-12 {
        xy * xy / (xx * yy)
    } else {
        0.0
    }
}
