//! Predictions, and how they turned out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Quantiles, SeriesId, Side, Span, Timestamp, Value};

/// What was claimed about a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// The metric's value at the due time has this distribution.
    Value(Quantiles),
    /// The metric passes the limit on `side` before the due time, with this probability.
    Crosses {
        /// The limit.
        limit: f64,
        /// The wrong side of it.
        side: Side,
        /// Probability claimed, 0 to 1.
        probability: f64,
        /// 80 % interval of the time of crossing, where it was shown.
        at: Option<(Timestamp, Timestamp)>,
    },
    /// The setting changes before the due time, with this probability.
    Changes(f64),
    /// The setting changes before the due time because others did, with this probability.
    Follows(f64),
    /// A change just seen is undone (back to `to`) before the due time, with this probability.
    Undone {
        /// The value it would go back to.
        to: Option<Value>,
        /// Probability claimed, 0 to 1.
        probability: f64,
    },
    /// A change just seen moves the metric: what a what-if of it says from what was known before.
    Moves {
        /// The setting that changed; of several that changed together the first.
        setting: SeriesId,
        /// How far, in the metric's unit: 10, 50 and 90 %.
        by: [f64; 3],
    },
}

/// A claim about the future, made at one time and due at another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// About what.
    pub series: SeriesId,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it can be scored.
    pub due: Timestamp,
    /// What was claimed.
    pub claim: Claim,
}

/// A prediction whose time has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The prediction.
    pub prediction: Prediction,
    /// When it was scored.
    pub at: Timestamp,
    /// What came: the value, how far it moved, or 1 for "it happened" and 0 for "it did not".
    pub outcome: f64,
    /// Pinball loss averaged over levels (values), absolute error (moves) or Brier score (events); lower is better.
    pub loss: f64,
    /// The loss of the plain forecast it has to beat: the value stays as it was, nothing moves, or the base rate.
    pub naive_loss: f64,
}

/// The track record of one sort of claim, over `span` back from now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `value`, `crosses`, `changes`, `undone`, `moves`, `follows`.
    pub sort: Arc<str>,
    /// How long before the due time the claims were made.
    pub ahead: Span,
    /// Claims scored.
    pub scored: u64,
    /// Share of values and moves inside the 80 % band, 0 to 1; for events the share that happened.
    pub held80: f64,
    /// Share of values and moves inside the 95 % band, 0 to 1; for events the mean probability claimed.
    pub held95: f64,
    /// Mean loss.
    pub loss: f64,
    /// Mean loss of the plain forecast.
    pub naive_loss: f64,
}
