//! Collecting what is to be written.

use super::Write;

impl Write {
    /// Adds all of `other` behind what is here; a named blob replaces the earlier one of its name.
    pub fn append(&mut self, mut other: Self) {
        self.metrics.append(&mut other.metrics);
        self.observations.append(&mut other.observations);
        self.expected.append(&mut other.expected);
        self.initial.append(&mut other.initial);
        self.backfills.append(&mut other.backfills);
        self.changes.append(&mut other.changes);
        self.events.append(&mut other.events);
        self.findings.append(&mut other.findings);
        self.proposals.append(&mut other.proposals);
        self.scored.append(&mut other.scored);
        self.audit.append(&mut other.audit);
        self.shown_at = self.shown_at.max(other.shown_at);
        for (name, bytes) in other.state {
            self.state.retain(|(old, _)| *old != name);
            self.state.push((name, bytes));
        }
    }

    /// About how many bytes it is: rows with names and texts of usual length, and what was learnt.
    pub(super) fn bytes(&self) -> u64 {
        let learnt: usize = self.state.iter().map(|(_, body)| body.len()).sum();
        let texts = self.initial.len() + self.changes.len() + self.events.len() + self.metrics.len();
        let shown = self.findings.len() + self.proposals.len() + self.audit.len();
        let numbers = self.observations.len() + self.expected.len() + self.scored.len();
        (learnt + texts * 256 + shown * 2_048 + numbers * 32) as u64
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
            && self.observations.is_empty()
            && self.expected.is_empty()
            && self.initial.is_empty()
            && self.backfills.is_empty()
            && self.changes.is_empty()
            && self.events.is_empty()
            && self.findings.is_empty()
            && self.proposals.is_empty()
            && self.scored.is_empty()
            && self.audit.is_empty()
            && self.state.is_empty()
    }
}
