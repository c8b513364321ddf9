//! Forecasts of metrics that are bound by an identity, so that they do not contradict each other.

use std::collections::BTreeMap;

use super::{Metric, Shadows};
use crate::domain::{Forecast, LEVELS, Quantiles, SeriesId, Span};

/// Wholes, and what each of them is the sum of, or more than (proc(5), `/proc/stat`; kernel documentation, `accounting/psi`).
const WHOLES: [(&str, &[&str]); 5] = [
    (
        "cpu.busy_pct",
        &[
            "cpu.user_pct",
            "cpu.nice_pct",
            "cpu.system_pct",
            "cpu.irq_pct",
            "cpu.softirq_pct",
            "cpu.steal_pct",
        ],
    ),
    ("cpu.user_pct", &["cpu.guest_pct"]),
    ("psi.cpu.some_pct", &["psi.cpu.full_pct"]),
    ("psi.memory.some_pct", &["psi.memory.full_pct"]),
    ("psi.io.some_pct", &["psi.io.full_pct"]),
];
/// What is left of all when another one is taken away: metric, the other, all.
const RESTS: [(&str, &str, f64); 1] = [("mem.used_pct", "mem.available_pct", 100.0)];
/// Averages of one count, what runs or waits, that forget by a factor of e in so many minutes (proc(5), `/proc/loadavg`).
const AVERAGES: [(&str, f64); 3] = [("load.1", 1.0), ("load.5", 5.0), ("load.15", 15.0)];
/// Minutes that tell what an average is of late, and how many are needed.
const LATE: (usize, usize) = (60, 15);

/// The whole that the metric of that name is a part of, with all its parts.
#[must_use]
pub fn whole_of(name: &str) -> Option<(&'static str, &'static [&'static str])> {
    WHOLES.into_iter().find(|(_, parts)| parts.contains(&name))
}

/// Forecasts over one horizon. Each metric's shadow is asked once.
pub struct Coherent<'a> {
    shadows: &'a Shadows,
    horizon: Span,
    steps: usize,
    alone: BTreeMap<SeriesId, Option<Forecast>>,
}

impl<'a> Coherent<'a> {
    /// Of what is in `shadows`, up to `horizon` after each newest value, at most `steps` steps.
    #[must_use]
    pub fn new(shadows: &'a Shadows, horizon: Span, steps: usize) -> Self {
        Self {
            shadows,
            horizon,
            steps,
            alone: BTreeMap::new(),
        }
    }

    /// The forecast of `metric` of these shadows as [`super::MetricShadow::forecast`] gives it, made to agree with those it is bound to: what is left of
    /// a whole follows the other part, parts keep within their whole (top-down by their medians and never beyond it at any level: Hyndman &
    /// Athanasopoulos, *Forecasting: Principles and Practice*, 3rd ed., 11.3), and load averages, farther than was tested, lead to one level.
    /// `None` while learning.
    pub fn of(&mut self, metric: &Metric) -> Option<Forecast> {
        let own = self.alone(&metric.meta.id)?;
        let name = &*metric.meta.id.name;
        let beside = |name: &str| SeriesId::new(&metric.meta.id.resource, name);
        if let Some((_, other, all)) = RESTS.into_iter().find(|(rest, ..)| *rest == name) {
            let other = self.alone(&beside(other)).filter(|other| alike(other, &own));
            return Some(other.map_or(own, |other| rest(other, all)));
        }
        if let Some((whole, parts)) = whole_of(name) {
            let shadows = self.shadows;
            let whole = shadows.metrics.get(&beside(whole)).and_then(|whole| self.of(whole));
            let Some(whole) = whole.filter(|whole| alike(whole, &own)) else {
                return Some(own);
            };
            let others = parts.iter().filter(|part| **part != name);
            let others: Vec<Forecast> = others.filter_map(|part| self.alone(&beside(part))).collect();
            return Some(within(own, &others.iter().collect::<Vec<_>>(), &whole));
        }
        match AVERAGES.into_iter().find(|(average, _)| *average == name) {
            Some((_, minutes)) if own.tested < self.horizon => {
                let shortest = self.shadows.metrics.get(&beside(AVERAGES[0].0));
                Some(settles(metric, shortest.unwrap_or(metric), minutes, own))
            }
            _ => Some(own),
        }
    }

    fn alone(&mut self, id: &SeriesId) -> Option<Forecast> {
        if let Some(known) = self.alone.get(id) {
            return known.clone();
        }
        let metric = self.shadows.metrics.get(id)?;
        let forecast = metric.shadow.forecast(self.horizon, self.steps);
        self.alone.insert(id.clone(), forecast.clone());
        forecast
    }
}

/// Whether two forecasts are of the same times, but for what lies between two readings.
fn alike(one: &Forecast, other: &Forecast) -> bool {
    one.step == other.step && one.steps.len() == other.steps.len()
}

/// What is left of `all` beside `other`.
fn rest(mut other: Forecast, all: f64) -> Forecast {
    for step in &mut other.steps {
        let mut values = step.0.map(|value| all - value);
        values.reverse();
        *step = Quantiles(values);
    }
    other
}

/// `part` beside the `others` of its `whole`: less in proportion where their medians add up to more than that of the whole, and never beyond it at
/// any level. Of another time than these it is left as it is.
#[must_use]
pub fn within(mut part: Forecast, others: &[&Forecast], whole: &Forecast) -> Forecast {
    if !alike(&part, whole) {
        return part;
    }
    for (place, step) in part.steps.iter_mut().enumerate() {
        let others = others.iter().filter_map(|other| other.steps.get(place));
        let sum = others.map(Quantiles::median).sum::<f64>() + step.median();
        let most = &whole.steps[place];
        let share = most.median() / sum;
        let share = if sum > 0.0 && share < 1.0 { share.max(0.0) } else { 1.0 };
        *step = Quantiles(std::array::from_fn(|level| (share * step.0[level]).min(most.0[level])));
    }
    part
}

/// A load average farther ahead than was tested.
///
/// It is so smooth that a few minutes ahead its slope tells most; carried farther that leads to where no load ever was, and turns with every value. What
/// runs or waits is taken to be as in the last hour: averages over 1, 5 and 15 minutes are then the same in the mean, that of the `shortest`, which
/// tells most of it; each leaves its newest value as it forgets (an Ornstein-Uhlenbeck process), and spreads as it did.
fn settles(metric: &Metric, shortest: &Metric, minutes: f64, forecast: Forecast) -> Forecast {
    let late = |metric: &Metric| -> Vec<f64> {
        let newest = metric.minutes.iter().rev().take(LATE.0);
        newest
            .map(|minute| minute.last)
            .filter(|last| last.is_finite())
            .collect()
    };
    let (mut own, shortest) = (late(metric), late(shortest));
    let Some(newest) = metric.newest().filter(|_| own.len().min(shortest.len()) >= LATE.1) else {
        return forecast;
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let moved = mean(&shortest) - mean(&own);
    own.sort_by(f64::total_cmp);
    let at = |level: f64| {
        let place = level * (own.len() - 1) as f64;
        let (below, above) = (own[place.floor() as usize], own[place.ceil() as usize]);
        below + (above - below) * place.fract() + moved
    };
    let (lo, hi) = metric.meta.range();
    let one = |place: usize| {
        let after = forecast.step.secs_f64() * (place + 1) as f64 / 60.0;
        let stays = (-after / minutes).exp();
        let spreads = (1.0 - stays * stays).sqrt();
        let middle = at(0.5) + (newest.value - at(0.5)) * stays;
        Quantiles(LEVELS.map(|level| middle + spreads * (at(level) - at(0.5)))).tidy(lo, hi)
    };
    Forecast {
        steps: (0..forecast.steps.len()).map(one).collect(),
        ..forecast
    }
}
