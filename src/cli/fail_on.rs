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
        let met = match self {
            Self::Low => finding.level >= Level::Low,
            Self::Moderate => finding.level >= Level::Moderate,
            Self::High => finding.level >= Level::High,
            Self::Notice => finding.severity >= Severity::Notice,
            Self::Warning => finding.severity >= Severity::Warning,
            Self::Critical => finding.severity >= Severity::Critical,
        };
        met && finding.ended.is_none() && finding.mark != Mark::Muted
    }
}
