//! The processors of a resource: how busy they are, and what is asked of them where that shows.

use super::{STEPS, law::FULL};
use crate::{
    domain::{Quantiles, ResourceId, SeriesId, Span},
    shadow::{Coherent, Shadows},
};

/// Busy share from which what is asked is not seen, only that it is at least so much.
pub(super) const CEILING: f64 = 0.95;
/// The same of the share of time in which work waits for a processor: it waits more often than not.
const WAITING: f64 = 0.5;

/// What is asked of the processors, in two parts of the time: that in which work waits, when all of them are busy, and the rest, in which
/// what is done is what is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processor {
    /// Busy share, 0 to 1.
    pub busy: f64,
    /// How many can run at once.
    pub cores: u32,
    /// Those who run or wait, by the load average.
    pub load: Option<f64>,
    /// Share of the time in which work waits, where that is most of it; else 0.
    pub crowded: f64,
    /// What is asked in it, as a share of all there is: 1 or more.
    asked: f64,
    /// Busy share in the rest of the time.
    alone: f64,
}

impl Processor {
    /// Of the resource of `beside`, by what is expected over `horizon`, which is what all figures are of; `None` where the busy share is not watched.
    pub fn of(shadows: &Shadows, beside: &SeriesId, horizon: Span) -> Option<Self> {
        let expected = |name| expected(shadows, beside, name, horizon);
        let share = |name| Some((expected(name)? / 100.0).clamp(0.0, 1.0));
        let busy = share("cpu.busy_pct")?;
        let waits = share("psi.cpu.some_pct").filter(|waits| *waits >= WAITING);
        let crowded = match waits {
            _ if busy >= CEILING => 1.0,
            // Work that waits keeps all busy.
            waits => waits.unwrap_or(0.0).min(busy),
        };
        let cores = cores(shadows, &beside.resource);
        let load = expected("load.1").or_else(|| expected("load.5"));
        let rest = if crowded < 1.0 { busy - crowded } else { 0.0 };
        // Those who run or wait at any time, less those who run while none waits.
        let asked = load.map_or(0.0, |load| (load / f64::from(cores) - rest) / crowded.max(0.01));
        Some(Self {
            busy,
            cores,
            load,
            crowded,
            asked: asked.max(1.0),
            alone: rest / (1.0 - crowded).max(f64::MIN_POSITIVE),
        })
    }

    /// Whether what is asked is more than what is done.
    pub fn saturated(&self) -> bool {
        self.crowded > 0.0
    }

    /// The busy share when `factor` times as much is asked of each: what waits now runs as far as there is room.
    pub fn busy_at(&self, factor: f64) -> f64 {
        // At the ceiling what is busy now is all there is.
        let all = if self.crowded == 1.0 { self.busy } else { 1.0 };
        self.crowded * (self.asked * factor).min(1.0) * all + (1.0 - self.crowded) * (self.alone * factor).min(1.0)
    }

    /// What is asked while all is taken, when that is `factor` times as much; 1 is all there is.
    pub fn asked_at(&self, factor: f64) -> f64 {
        if self.saturated() {
            self.asked * factor
        } else {
            self.busy * factor
        }
    }

    /// Whether work still waits then.
    pub fn full_at(&self, factor: f64) -> bool {
        self.asked_at(factor) >= FULL
    }

    /// How many times as many run or wait when each has `share` of the work, and in all `factor` times as much is asked of each: while work still
    /// waits there are as many as before.
    pub fn crowd_at(&self, factor: f64, share: f64) -> f64 {
        let (crowd, rest) = (self.crowded * self.asked, (1.0 - self.crowded) * self.alone);
        let stay = if self.full_at(factor) { 1.0 } else { share };
        (crowd * stay + rest * share) / (crowd + rest).max(f64::MIN_POSITIVE)
    }
}

/// Processors of a resource; one where it is not known.
pub(super) fn cores(shadows: &Shadows, resource: &ResourceId) -> u32 {
    let count = shadows.settings.get(&SeriesId::new(resource, "hw.cpu.count"));
    let count = count.and_then(|state| state.value.number()).unwrap_or(1.0);
    // A float to integer cast saturates.
    (count as u32).clamp(1, 4_096)
}

/// What the metric of that name is over `horizon` if nothing is changed: the mean of its forecast; its level where it has none.
pub(super) fn expected(shadows: &Shadows, beside: &SeriesId, name: &str, horizon: Span) -> Option<f64> {
    let metric = shadows.metrics.get(&SeriesId::new(&beside.resource, name))?;
    let ahead = || Coherent::new(shadows, horizon, STEPS).of(metric);
    let ahead = (horizon > Span::ZERO).then(ahead).flatten();
    let steps: Vec<f64> = ahead
        .iter()
        .flat_map(|ahead| &ahead.steps)
        .map(Quantiles::median)
        .collect();
    let mean = steps.iter().sum::<f64>() / steps.len() as f64;
    if mean.is_finite() {
        Some(mean)
    } else {
        level(shadows, beside, name)
    }
}

/// The level of another metric of the same resource: the median of its newest quarter of an hour.
fn level(shadows: &Shadows, beside: &SeriesId, name: &str) -> Option<f64> {
    let metric = shadows.metrics.get(&SeriesId::new(&beside.resource, name))?;
    let mut newest: Vec<f64> = metric.minutes.iter().rev().take(15).map(|minute| minute.last).collect();
    newest.sort_by(f64::total_cmp);
    let middle = newest.get(newest.len() / 2).copied();
    middle.or_else(|| metric.newest().map(|seen| seen.value))
}
