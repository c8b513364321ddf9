//! How often changes are undone.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::domain::Span;

/// P(a change is undone): a Beta prior (mean 10 %, worth ten changes) updated by the changes of the kind (Gelman et al., Bayesian Data
/// Analysis, 3rd ed., 2.4); most of what is undone is undone soon: the time until then is spread evenly over the logarithm, from ten
/// minutes to 14 days.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reverts {
    /// By kind: changes seen, and those that put the value before the last change back.
    kinds: BTreeMap<Arc<str>, (f64, f64)>,
}

impl Reverts {
    /// After so long a change is no longer undone but changed anew.
    pub const LONGEST: Span = Span::from_days(14);

    /// Takes a change of a setting of `kind`, and whether it undid the one before it.
    pub fn observe(&mut self, kind: Arc<str>, undid: bool) {
        let (changes, reverts) = self.kinds.entry(kind).or_default();
        // The newest few hundred changes count.
        *changes = *changes * 0.995 + 1.0;
        *reverts = *reverts * 0.995 + f64::from(u8::from(undid));
    }

    /// P(undone within `within` of the change), given that it was not in the first `elapsed`.
    #[must_use]
    pub fn undone(&self, kind: &str, elapsed: Span, within: Span) -> f64 {
        let (changes, reverts) = self.kinds.get(kind).copied().unwrap_or_default();
        let ever = (1.0 + reverts) / (10.0 + changes);
        let minutes = |span: Span| span.0.clamp(0, Self::LONGEST.0) as f64 / 6e7;
        let by = |span: Span| (minutes(span) / 10.0).ln_1p() / (minutes(Self::LONGEST) / 10.0).ln_1p();
        (ever * (by(within) - by(elapsed)).max(0.0) / (1.0 - ever * by(elapsed))).clamp(0.0, 1.0)
    }
}
