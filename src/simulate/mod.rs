//! What-if: the shadow under changes that have not been made.

mod beyond;
mod capacity;
mod chance;
mod curve;
mod deeds;
mod draw;
mod law;
mod load;
mod moves;
mod parts;
mod past;
mod processor;
mod since;
#[cfg(test)]
mod tests;
mod traffic;
mod view;
mod weeks;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Change, ChangeSet, Effect, Evidence, Forecast, ResourceId, SeriesId, Span, Timestamp, text::visible},
    drift::{REACH, drawn, prominence},
    shadow::{Coherent, Metric, Shadows},
};

pub use beyond::Beyond;
use law::{Applied, Law};
pub use past::{SETTLED, moved};
use processor::Processor;
pub use since::since;
pub use view::{EffectView, change, plain, steps, times, view};

/// Least time that can be looked ahead.
const LEAST: Span = Span::from_mins(1);
/// Paths drawn.
const RUNS: u32 = 256;
/// Steps of the bands.
const STEPS: usize = 36;

/// What a change set would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The changes asked about.
    pub changes: ChangeSet,
    /// The time it was asked at.
    pub at: Timestamp,
    /// How far ahead.
    pub horizon: Span,
    /// The seed of its draws; the same seed gives the same figures.
    pub seed: u64,
    /// Paths drawn.
    pub runs: u32,
    /// Effects: those it was asked for first, then those by a law (the most prominent metrics first), the largest relative ones, and guesses. Metrics without evidence are not listed.
    pub effects: Vec<Effect>,
    /// For every effect's series: the forecast without and with the change.
    pub bands: Vec<(SeriesId, Forecast, Forecast)>,
    /// Metrics that it was to answer for, and cannot: nothing tells what the changes do to them.
    #[serde(default)]
    pub no_evidence: Vec<SeriesId>,
    /// Notes for people: what no evidence was found for, what lies outside what was seen.
    pub notes: Vec<Arc<str>>,
    /// Whether all changed values lie inside what was seen before.
    pub inside_seen: bool,
    /// Whether it is about what has been: `at` is then where it begins, and what is without the changes was measured.
    #[serde(default)]
    pub actual: bool,
}

/// The laws that bear on each metric, and what is to be said about them.
#[derive(Debug, Default)]
struct Plan {
    laws: BTreeMap<SeriesId, Vec<Applied>>,
    notes: Vec<Arc<str>>,
    outside_seen: bool,
    /// The settings that are changed.
    asked: BTreeSet<SeriesId>,
    /// Earlier changes whose effects are in the laws.
    used: Vec<(ResourceId, Timestamp)>,
    /// What was seen of metrics at earlier changes, in words, where that tells no effect.
    tried: BTreeMap<SeriesId, String>,
    /// How many times the load there is then, by the changes of it so far; 0 where none was.
    load: f64,
    /// How far ahead.
    horizon: Span,
    /// Whether the weeks are looked at, too.
    weeks: bool,
    /// The processors of the resources that were asked about.
    processors: BTreeMap<ResourceId, Option<Processor>>,
}

impl Plan {
    /// Adds what is known at `now` of the changes that are on, each from when `from` says; those it gives no time are left out.
    fn of(
        mut self,
        shadows: &Shadows,
        changes: &ChangeSet,
        about: &[SeriesId],
        now: Timestamp,
        from: impl Fn(Option<Timestamp>) -> Option<Timestamp>,
    ) -> Self {
        let plan = &mut self;
        plan.asked = changes
            .active()
            .filter_map(|change| match change {
                Change::Setting { id, .. } => Some(id.clone()),
                _ => None,
            })
            .collect();
        for step in changes.steps.iter().filter(|step| step.on) {
            let Some(from) = from(step.at) else { continue };
            match &step.change {
                Change::Capacity {
                    resource,
                    what,
                    mount,
                    factor,
                } if factor.is_finite() && *factor > 0.0 => {
                    capacity::plan(plan, shadows, resource, (*what, mount.as_deref()), *factor, from);
                }
                Change::Traffic { resource, load, factor } if factor.is_finite() && *factor >= 0.0 => match load {
                    None => traffic::plan(plan, shadows, resource, *factor, from),
                    Some(load) => weeks::traffic(plan, shadows, &SeriesId::new(resource, load), *factor, from),
                },
                Change::Setting { id, from: old, to } => {
                    past::plan(plan, shadows, id, (old.as_ref(), to.as_ref()), about, from, now);
                }
                Change::Capacity { .. } | Change::Traffic { .. } => {
                    plan.note("a factor that is no positive number was left out")
                }
            }
        }
        if changes.active().next().is_none() {
            plan.note("no change is switched on");
        }
        self
    }

    fn times_the_load(&self) -> f64 {
        if self.load > 0.0 { self.load } else { 1.0 }
    }

    /// The processors of the resource of `beside`, looked at once.
    fn processor(&mut self, shadows: &Shadows, beside: &SeriesId) -> Option<Processor> {
        let horizon = self.horizon;
        let known = self.processors.entry(beside.resource.clone());
        *known.or_insert_with(|| Processor::of(shadows, beside, horizon))
    }

    fn add(&mut self, id: &SeriesId, law: Law, evidence: Evidence, from: Timestamp) {
        self.rests_on(id, law, evidence, 0, from);
    }

    /// The same, of what was seen at `cases` earlier changes.
    fn rests_on(&mut self, id: &SeriesId, law: Law, evidence: Evidence, cases: u32, from: Timestamp) {
        let laws = self.laws.entry(id.clone()).or_default();
        laws.push(Applied {
            law,
            evidence,
            cases,
            from,
        });
    }

    /// Those of `about` that no effect is told of, each said before all other notes with what is known of it.
    fn unanswered(
        &mut self,
        about: &[SeriesId],
        shadows: &Shadows,
        answered: impl Fn(&SeriesId) -> bool,
    ) -> Vec<SeriesId> {
        let watched = |id: &&SeriesId| shadows.metrics.contains_key(id);
        let left: Vec<SeriesId> = about
            .iter()
            .filter(watched)
            .filter(|id| !answered(id))
            .cloned()
            .collect();
        let told = left.iter().map(|id| {
            let why = match self.tried.get(id) {
                Some(seen) => seen.as_str(),
                None if self.laws.contains_key(id) => "it is watched for too short a time",
                None => "nothing alike was seen while it was watched",
            };
            visible(&format!("{}: no evidence what this does to it; {why}", id.name)).into()
        });
        let told: Vec<Arc<str>> = told.collect();
        self.notes.splice(0..0, told);
        left
    }

    fn note(&mut self, text: impl AsRef<str>) {
        let line: Arc<str> = visible(text.as_ref()).into();
        if !self.notes.contains(&line) {
            self.notes.push(line);
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The changes; those that are on.
    pub changes: &'a ChangeSet,
    /// The metrics that it is to answer for.
    pub about: &'a [SeriesId],
    /// How far ahead.
    pub horizon: Span,
    /// When it is asked.
    pub now: Timestamp,
    /// The seed of its draws.
    pub seed: u64,
    /// Whether somebody waits for it: earlier changes of a setting and the ways of the load are then looked for in all the weeks that are held, where
    /// the minutes in memory know none. That takes a millisecond or two a metric.
    pub weeks: bool,
}

/// Applies the changes asked about to the shadow and compares it with the shadow as it is, over the horizon from `now`.
///
/// Laws that hold by construction come first (utilisation law, capacity, Little's law, M/M/1 waiting: Lazowska et al. 1984,
/// *Quantitative System Performance*, ch. 3 and 5), then what the same setting's earlier changes did (interrupted time series,
/// Bernal et al. 2017). A metric that neither speaks of is not listed; those of `about` come first, and where nothing is known of one that is said.
/// A horizon of more than six times the history is cut to that.
#[must_use]
pub fn what_if(shadows: &Shadows, ask: &Ask<'_>) -> Outcome {
    let Ask {
        changes,
        about,
        horizon,
        now,
        seed,
        weeks,
    } = *ask;
    let horizon = horizon.clamp(LEAST, Span::from_days(90));
    let planned = |horizon| {
        let plan = Plan {
            horizon,
            weeks,
            ..Plan::default()
        };
        plan.of(shadows, changes, about, now, |at| Some(at.unwrap_or(now).max(now)))
    };
    let mut plan = planned(horizon);
    let carried = carried(shadows, plan.laws.keys(), horizon);
    if carried < horizon {
        // Laws go by what is expected over the time that figures are for.
        plan = planned(carried);
        let seen = Span(carried.0 / REACH);
        plan.note(format!(
            "not enough history for {horizon}: the {seen} that were seen carry {carried}, and all figures are for these"
        ));
    }
    let horizon = carried;
    let mut results = Vec::new();
    let laws = plan.laws.clone();
    let mut together = Coherent::new(shadows, horizon, STEPS);
    let (mut learning, mut short) = (0, 0);
    for (id, laws) in &laws {
        let Some(metric) = shadows.metrics.get(id) else {
            continue;
        };
        if reach(metric) < horizon {
            short += 1;
            continue;
        }
        let Some(before) = together.of(metric).filter(|before| !before.steps.is_empty()) else {
            learning += 1;
            continue;
        };
        let before = match &metric.limit {
            Some(limit) => drawn(metric, limit, before),
            None => before,
        };
        let drawn = draw::effect(metric, before, laws, horizon, now, seed);
        if about.contains(id) || drawn.effect.difference.iter().any(|difference| *difference != 0.0) {
            plan.outside_seen |= drawn.outside_seen;
            results.push(drawn);
        }
    }
    parts::hold(&mut results);
    if short > 0 {
        plan.note(format!(
            "{short} metrics that would change have not been watched for long enough to look {horizon} ahead and are left out"
        ));
    }
    if learning > 0 {
        plan.note(format!(
            "{learning} metrics that would change are still learning and are left out"
        ));
    }
    if plan.outside_seen {
        plan.note("some values lie outside of all that was seen here: the bands there are a guess");
    }
    let no_evidence = plan.unanswered(about, shadows, |id| {
        results.iter().any(|drawn| drawn.effect.series == *id)
    });
    results.sort_by(|a, b| {
        let place = |drawn: &draw::Drawn| (!about.contains(&drawn.effect.series), place(&drawn.effect));
        place(a)
            .cmp(&place(b))
            .then_with(|| b.relative.total_cmp(&a.relative))
            .then_with(|| a.effect.series.cmp(&b.effect.series))
    });
    let (effects, bands) = results
        .into_iter()
        .map(|drawn| {
            let id = drawn.effect.series.clone();
            (drawn.effect, (id, drawn.before, drawn.after))
        })
        .unzip();
    Outcome {
        changes: changes.clone(),
        at: now,
        horizon,
        seed,
        runs: RUNS,
        effects,
        bands,
        no_evidence,
        notes: plan.notes,
        inside_seen: !plan.outside_seen,
        actual: false,
    }
}

/// Where an effect stands: those by a law first, of them what is looked at first anywhere, and guesses last.
fn place(effect: &Effect) -> (u8, usize) {
    match effect.evidence {
        Evidence::Identity => (0, prominence(&effect.series.name)),
        Evidence::PastChange | Evidence::Network => (1, 0),
        Evidence::None => (2, 0),
    }
}

/// How far ahead the history of `metric` carries.
fn reach(metric: &Metric) -> Span {
    let range = metric.shadow.range();
    range.map_or(Span::ZERO, |(from, to)| ((to - from) * REACH).max(LEAST))
}

/// The part of `horizon` that the longest history of the metrics concerned carries.
fn carried<'a>(shadows: &Shadows, ids: impl Iterator<Item = &'a SeriesId>, horizon: Span) -> Span {
    let reaches: Vec<Span> = ids.filter_map(|id| shadows.metrics.get(id)).map(reach).collect();
    let longest = reaches.iter().copied().max().unwrap_or(horizon);
    // Most began together but for some seconds; who came much later is left out and cuts nothing.
    let carried = reaches.into_iter().filter(|reach| reach.0 >= longest.0 / 2).min();
    carried.map_or(horizon, |carried| carried.min(horizon))
}

/// Whether a change of `asked` bears on `id`; a resource typed without a name means the only one.
fn concerns(asked: &ResourceId, id: &SeriesId) -> bool {
    asked.name().is_empty() || *asked == id.resource
}
