//! Models learnt along a history.

use super::history::History;

/// Models by how many values they were learnt from, rising.
#[derive(Clone, Debug)]
pub struct Fits<M>(pub Vec<(usize, M)>);

impl<M> Fits<M> {
    /// Parts of the history at whose ends a model is learnt.
    const PARTS: usize = 3;

    /// Learns from the `newest` values (gaps filled, and as seen) up to a third, two thirds and the end of `history`, so that a
    /// backtest asks a model that knew nothing of what came after.
    #[must_use]
    pub fn along(history: &History, newest: usize, learn: impl Fn(&[f64], &[f64]) -> Option<M>) -> Self {
        let ends = (1..=Self::PARTS).map(|part| history.len() * part / Self::PARTS);
        let learnt = ends.filter_map(|end| {
            let range = end.saturating_sub(newest)..end;
            Some((end, learn(&history.filled[range.clone()], &history.seen[range])?))
        });
        Self(learnt.collect())
    }

    /// The newest that knew no more than the first `origin` values.
    #[must_use]
    pub fn at(&self, origin: usize) -> Option<&M> {
        let known = self.0.iter().rev().find(|(learnt, _)| *learnt <= origin);
        known.map(|(_, model)| model)
    }
}

impl<M: Clone> Fits<M> {
    /// The one learnt from most.
    #[must_use]
    pub fn newest(&self) -> Option<M> {
        self.0.last().map(|(_, model)| model.clone())
    }
}

impl<M> From<Option<M>> for Fits<M> {
    /// What was learnt before may be asked from any origin.
    fn from(learnt: Option<M>) -> Self {
        Self(learnt.map(|model| (0, model)).into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn each_origin_has_the_newest_that_knew_no_more() {
        let history = History::new((0..90).map(f64::from).collect(), Span::from_secs(1));
        let last = |_: &[f64], seen: &[f64]| {
            seen.last()
                .copied()
                .filter(|last| *last > 40.0)
                .map(|last| (seen.len(), last))
        };
        let fits = Fits::along(&history, 50, last);
        assert_eq!(fits.at(59), None);
        assert_eq!((fits.at(60), fits.at(89)), (Some(&(50, 59.0)), Some(&(50, 59.0))));
        assert_eq!((fits.at(90), fits.newest()), (Some(&(50, 89.0)), Some((50, 89.0))));
    }
}
