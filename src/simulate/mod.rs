//! What-if: the shadow under changes that have not been made.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{ChangeSet, Effect, Forecast, SeriesId, Span, Timestamp},
    shadow::Shadows,
};

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
    /// Effects, largest relative first. Metrics without evidence are not listed.
    pub effects: Vec<Effect>,
    /// For every effect's series: the forecast without and with the change.
    pub bands: Vec<(SeriesId, Forecast, Forecast)>,
    /// Notes for people: what no evidence was found for, what lies outside what was seen.
    pub notes: Vec<Arc<str>>,
    /// Whether all changed values lie inside what was seen before.
    pub inside_seen: bool,
}

/// Applies `changes` to the shadow and compares it with the shadow as it is, over `horizon` from `now`.
#[must_use]
pub fn what_if(shadows: &Shadows, changes: &ChangeSet, horizon: Span, now: Timestamp, seed: u64) -> Outcome {
    let _ = (shadows, changes, horizon, now, seed);
    todo!()
}
