//! `--fail-on`: from which findings on a command ends with 1.

use crate::domain::{Finding, Level, Mark, Severity};

/// A level of drift or a severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// Drift of any level.
    Low,
    /// MODERATE drift or more.
    Moderate,
    /// HIGH drift.
    High,
    /// Any finding.
    Notice,
    /// A warning or worse.
    Warning,
    /// A critical finding.
    Critical,
}

impl FailOn {
    /// Whether a finding that holds is at or above it; muted ones never are.
    #[must_use]
    pub fn is_met_by(self, finding: &Finding) -> bool {
        self.is_met(finding.level, finding.severity) && finding.ended.is_none() && finding.mark != Mark::Muted
    }

    /// Whether something of this level and severity is at or above it.
    #[must_use]
    pub fn is_met(self, level: Level, severity: Severity) -> bool {
        match self {
            Self::Low => level >= Level::Low,
            Self::Moderate => level >= Level::Moderate,
            Self::High => level >= Level::High,
            Self::Notice => severity >= Severity::Notice,
            Self::Warning => severity >= Severity::Warning,
            Self::Critical => severity >= Severity::Critical,
        }
    }
}
