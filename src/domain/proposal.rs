//! Changes that would answer a finding.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ChangeSet, FindingId, ResourceId, SeriesId, Timestamp, Unit};

/// The number of a proposal: short, to be typed; never given twice in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProposalId(pub u64);

/// What a proposal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalKind {
    /// Puts the actual value back.
    Revert,
    /// Makes the new value the declared one.
    Adopt,
    /// Changes a setting or a capacity so that a limit is not passed.
    Adjust,
}

/// Where a proposal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalStatus {
    /// Not acted on.
    New,
    /// Someone ran a what-if with it.
    Tried,
    /// Score too low to recommend.
    Weak,
    /// The data behind it are too old; cannot be applied.
    Stale,
    /// Someone said no; comes back when the facts change.
    Dismissed,
}

/// The parts of a proposal's score: `success × impact ÷ (disruption + effort)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Factors {
    /// P(it works), 0 to 1.
    pub success: f64,
    /// Bits of surprise or limit breach it takes away.
    pub impact: f64,
    /// Cost to the service while it is done, at least 0 (0 none, 1 a restart).
    pub disruption: f64,
    /// Cost to the person, above 0 (1 one command).
    pub effort: f64,
}

impl Factors {
    /// The score.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.success * self.impact / (self.disruption + self.effort).max(0.1)
    }
}

/// Where a number of a what-if comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A law that holds by construction (utilisation law, Little's law, capacity).
    Identity,
    /// What the same or a similar change did before.
    PastChange,
    /// The learnt network.
    Network,
    /// Nothing: the prior is shown and said to be one.
    None,
}

/// The effect of a change on one metric's mean over the horizon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Which metric.
    pub series: SeriesId,
    /// Its unit.
    pub unit: Unit,
    /// Mean without the change: 10, 50 and 90 %.
    pub before: [f64; 3],
    /// Mean with it: 10, 50 and 90 %.
    pub after: [f64; 3],
    /// Changed minus unchanged: 10, 50 and 90 %.
    pub difference: [f64; 3],
    /// P(the limit is passed within the horizon) without and with it, where there is a limit.
    pub crossing: Option<(f64, f64)>,
    /// Where the numbers come from.
    pub evidence: Evidence,
    /// Earlier changes that they rest on; 0 where it is none, or not known how many.
    #[serde(default)]
    pub cases: u32,
}

/// A real text to run or review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// `shell`, `sysctl`, `terraform`, `ansible`, `kubectl`, `foreshadow`.
    pub format: Arc<str>,
    /// The text, lines ended by `\n`; safe to paste: values are quoted for the shell.
    pub text: String,
}

/// A change that would answer a finding, with what it would do and cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number.
    pub id: ProposalId,
    /// The finding it answers.
    pub finding: FindingId,
    /// What it does.
    pub kind: ProposalKind,
    /// Where it stands.
    pub status: ProposalStatus,
    /// The resource it touches.
    pub resource: ResourceId,
    /// The change, short: `vm.swappiness 1 -> 60 (undo 13:55)`.
    pub title: Arc<str>,
    /// The change itself; empty for [`ProposalKind::Adopt`].
    pub changes: ChangeSet,
    /// The parts of its score.
    pub factors: Factors,
    /// Why, a line each.
    pub why: Vec<Arc<str>>,
    /// What it would do, where known.
    pub effects: Vec<Effect>,
    /// What it costs: restarts, seconds without service.
    pub cost: Arc<str>,
    /// How sure and from what.
    pub sure: Arc<str>,
    /// What might go wrong.
    pub risk: Arc<str>,
    /// How it is undone.
    pub undo: Arc<str>,
    /// The text to run.
    pub artefact: Artefact,
    /// When it was made.
    pub made_at: Timestamp,
}
