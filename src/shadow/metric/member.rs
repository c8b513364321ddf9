//! All members as one type, so that a model can be stored.

use serde::{Deserialize, Serialize};

use super::{Member, last::Last, level::Level, seasonal::SeasonalNaive, ses::Ses, trend::Trend};

/// Any of the members.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AnyMember {
    /// The value stays as it was.
    Last(Last),
    /// Simple exponential smoothing.
    Ses(Ses),
    /// Median of a short window.
    Level(Level),
    /// A robust line.
    Trend(Trend),
    /// As it was one season ago.
    Seasonal(SeasonalNaive),
}

impl AnyMember {
    /// The members every series begins with.
    #[must_use]
    pub fn plain() -> Vec<Self> {
        vec![
            Self::Last(Last::default()),
            Self::Ses(Ses::new(0.2)),
            Self::Level(Level::default()),
            Self::Trend(Trend::long()),
            Self::Trend(Trend::short()),
        ]
    }

    fn inner(&self) -> &dyn Member {
        match self {
            Self::Last(member) => member,
            Self::Ses(member) => member,
            Self::Level(member) => member,
            Self::Trend(member) => member,
            Self::Seasonal(member) => member,
        }
    }
}

impl Member for AnyMember {
    fn name(&self) -> &'static str {
        self.inner().name()
    }

    fn observe(&mut self, value: Option<f64>) {
        match self {
            Self::Last(member) => member.observe(value),
            Self::Ses(member) => member.observe(value),
            Self::Level(member) => member.observe(value),
            Self::Trend(member) => member.observe(value),
            Self::Seasonal(member) => member.observe(value),
        }
    }

    fn forecast(&self, horizon: usize) -> Option<Vec<f64>> {
        self.inner().forecast(horizon)
    }
}
