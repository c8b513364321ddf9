//! Measures the sources, and says how often each is read from now on.

use std::{collections::BTreeMap, sync::Arc};

use super::{Usage, readers::Order};
use crate::{
    domain::{MetricMeta, Options, Span, Timestamp},
    pipeline::{
        State,
        tempo::{Measured, Pace, Tempo, attention},
    },
};

/// Most values, changes and events of one step, which then takes some hundred milliseconds; the rest comes with the next.
pub const MOST_DELTA: usize = 20_000;
/// Time between two decisions.
const EVERY: Span = Span::from_mins(1);
/// After the start everything is read for the first time and learnt from: its cost says nothing of what comes.
const SETTLES: Span = Span::from_mins(5);
/// How fast the mean of the engine's processor time forgets, a decision.
const RATE: f64 = 0.3;

/// What is known of the sources' cost, and the tempo that follows.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    measured: BTreeMap<Arc<str>, Measured>,
    /// The source of each scope of settings.
    scopes: BTreeMap<Arc<str>, Arc<str>>,
    tempo: Tempo,
    decided: Option<Timestamp>,
    /// Mean processor time of the engine, percent of one core, were all settings read as asked.
    asked: Option<f64>,
}

impl Pacer {
    /// Takes what was measured of sources that were just read.
    pub(super) fn take(&mut self, measured: Vec<Measured>, scopes: Vec<(Arc<str>, Arc<str>)>) {
        self.measured
            .extend(measured.into_iter().map(|source| (source.name.clone(), source)));
        self.scopes.extend(scopes);
    }

    /// The source that tells of the setting `name`.
    pub(super) fn source_of(&self, name: &str) -> Option<&Arc<str>> {
        self.scopes.get(name.split_once('.').map_or(name, |(scope, _)| scope))
    }

    /// Once a minute: the order for the readers, when any source is to be read otherwise than before.
    pub(super) fn decide(&mut self, state: &State, usage: &Usage, options: &Options, now: Timestamp) -> Option<Order> {
        let settled = usage.started.is_some_and(|started| now - started >= SETTLES);
        let due = self.decided.is_none_or(|at| now < at || now - at >= EVERY);
        if !settled || !due || usage.rss_bytes == 0 {
            return None;
        }
        self.decided = Some(now);
        let sources: Vec<Measured> = self.measured.values().cloned().collect();
        // What was spared since the last decision was spared by that: the mean is of what the engine would take without.
        let spared = self.tempo.spared(&sources);
        let whole = usage.cpu_pct + spared;
        let before = self.asked.unwrap_or(whole);
        let used = *self.asked.insert(before + RATE * (whole - before)) - spared;
        let other = self
            .tempo
            .decide(&sources, &attention(state, now), used, options.budget_pct, now);
        other.then(|| Arc::new(self.tempo.paces().clone()))
    }

    /// How often the source `name` is to be read; `None` of one that was not measured or has no pace.
    pub(super) fn every(&self, name: &str) -> Option<Span> {
        let asked = self.measured.get(name)?.every;
        Some(Pace::of(self.tempo.paces().get(name)?.doublings, asked))
    }

    /// The metrics that are not told at the cadence they were said to have, with the one they have now.
    pub(super) fn cadences(&self, state: &State) -> Vec<MetricMeta> {
        let metas = state.shadows.metrics.values().map(|metric| &metric.meta);
        let other = metas.filter_map(|meta| {
            let cadence = self.every(&meta.source)?;
            (meta.cadence != cadence).then(|| MetricMeta {
                cadence,
                ..meta.clone()
            })
        });
        other.collect()
    }
}
