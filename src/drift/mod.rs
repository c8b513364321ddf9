//! The three comparisons: declared against actual, shadow against actual, shadow's future against a limit.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{DriftOptions, Finding, Options, SeriesId, Span, Timestamp, Value},
    shadow::Shadows,
};

/// The values that should be: what was accepted as good.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// When it was taken or last accepted; `None` before the first full snapshot.
    pub taken_at: Option<Timestamp>,
    /// Value by setting.
    pub values: BTreeMap<SeriesId, Value>,
}

/// One setting that is not as the baseline has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Which.
    pub id: SeriesId,
    /// The accepted value; `None` when it is new.
    pub accepted: Option<Value>,
    /// The value now; `None` when it is gone.
    pub actual: Option<Value>,
}

impl Baseline {
    /// Takes all of `shadows`' settings as they are.
    #[must_use]
    pub fn take(shadows: &Shadows, now: Timestamp) -> Self {
        let _ = (shadows, now);
        todo!()
    }

    /// Accepts the values now of the settings named (all when `ids` is empty).
    pub fn accept(&mut self, shadows: &Shadows, ids: &[SeriesId], now: Timestamp) {
        let _ = (shadows, ids, now);
        todo!()
    }

    /// What differs, by name.
    #[must_use]
    pub fn diff(&self, shadows: &Shadows) -> Vec<Difference> {
        let _ = shadows;
        todo!()
    }
}

/// What drift remembers between steps: since when each finding holds, and its hysteresis.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DriftState {}

impl DriftState {
    /// Compares all there is and returns the findings that hold at `now`, and those that ended in this step (with `ended` set),
    /// worst first (mark, time left, bits).
    pub fn judge(
        &mut self,
        shadows: &Shadows,
        baseline: &Baseline,
        options: &Options,
        now: Timestamp,
        seed: u64,
    ) -> Vec<Finding> {
        let _ = (shadows, baseline, options, now, seed);
        todo!()
    }
}

/// Bits from which a value is odd, so that no more than the accepted false alarms are to be expected.
///
/// `series` metrics of one host, each judged every `cadence`.
#[must_use]
pub fn odd_bits(options: &DriftOptions, series: usize, cadence: Span) -> f64 {
    let _ = (options, series, cadence);
    todo!()
}

/// An incident: linked findings close in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Counted from 1, oldest first.
    pub number: u32,
    /// When the first finding began.
    pub from: Timestamp,
    /// When the last one ended; `None` while it goes on.
    pub to: Option<Timestamp>,
    /// Worst surprise, bits.
    pub bits: f64,
    /// One line.
    pub title: Arc<str>,
    /// The findings' series in order of first departure.
    pub lanes: Vec<SeriesId>,
}

/// Groups findings (held and ended) into incidents, oldest first.
#[must_use]
pub fn incidents(findings: &[Finding], coincide: Span) -> Vec<Incident> {
    let _ = (findings, coincide);
    todo!()
}
