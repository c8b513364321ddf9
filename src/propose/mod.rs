//! Changes that answer findings: candidates, their scores, and their text.

use crate::{
    domain::{Finding, Options, Proposal, Timestamp},
    drift::Baseline,
    shadow::Shadows,
};

/// Proposals for the findings that hold, best score first; weak ones at the end.
///
/// Ids are stable: the same change for the same finding keeps its number.
#[must_use]
pub fn propose(
    findings: &[Finding],
    shadows: &Shadows,
    baseline: &Baseline,
    options: &Options,
    now: Timestamp,
    seed: u64,
) -> Vec<Proposal> {
    let _ = (findings, shadows, baseline, options, now, seed);
    todo!()
}
