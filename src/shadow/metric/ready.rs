//! The members of a grid whose values come every few seconds, kept from one value to the next.

use super::{grid::Grid, history::History, member::Panel};
use crate::domain::Span;

/// Members set up for a grid, and what they look at. It spares making both anew for each value, and is worth its memory only where
/// values come often.
#[derive(Default)]
pub(super) struct Ready(Option<Box<Kept>>);

struct Kept {
    history: History,
    panel: Panel,
    /// The grid's steps since its refit, as far as the history has them.
    passed: usize,
}

impl Ready {
    /// Longest step of a grid that it is kept for.
    const OFTEN: Span = Span::from_secs(10);

    /// What each member says of the next step of `grid`; NaN from one that has not seen enough. To be forgotten when the grid is refitted or
    /// another takes its place.
    pub fn said(&mut self, grid: &Grid) -> Box<[f64]> {
        let mut kept = self.0.take().filter(|kept| kept.passed <= grid.passed);
        if let Some(held) = &mut kept
            && !held.follow(grid)
        {
            kept = None;
        }
        let kept = kept.unwrap_or_else(|| {
            let history = grid.history();
            let panel = Panel::recall(&history, &grid.outlook.learnt);
            let passed = grid.passed;
            Box::new(Kept { history, panel, passed })
        });
        let said = kept.panel.forecast(&kept.history, kept.history.len(), &[1]);
        self.0 = Some(kept).filter(|kept| kept.lasts(grid));
        said.into()
    }

    /// Lets it be made anew.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

impl Kept {
    /// Whether the members are the same for any values: those that know seasons or the time are made for the very history.
    fn lasts(&self, grid: &Grid) -> bool {
        let learnt = &grid.outlook.learnt;
        grid.step <= Ready::OFTEN
            && self.history.len() == grid.window.most()
            && learnt.seasons.is_empty()
            && learnt.chosen.members.timeless()
    }

    /// Takes what came since; `false` where a history would begin with a gap, as none does.
    fn follow(&mut self, grid: &Grid) -> bool {
        let len = grid.window.len();
        let new = grid.passed - self.passed;
        if new > len {
            return false;
        }
        for place in len - new..len {
            self.history.roll(grid.window.get(place));
        }
        self.passed = grid.passed;
        self.history.seen.first().is_some_and(|value| value.is_finite())
    }
}

/// A copy makes its own when it is asked.
impl Clone for Ready {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Ready").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;

    proptest! {
        /// Bit by bit the same as of members that are set up anew, over gaps and refits.
        #[test]
        fn kept_members_say_what_new_ones_say(
            values in prop::collection::vec(prop::option::weighted(0.9, -1e6_f64..1e6), 30..120),
            asked_every in 1_usize..4,
            refit_at in 20_usize..120,
        ) {
            let mut grid = Grid::new(Span::from_secs(2), 24);
            let mut ready = Ready::default();
            let mut kept = 0;
            let whole = values.iter().all(Option::is_some);
            for (place, value) in values.into_iter().enumerate() {
                grid.push(value);
                grid.end = Timestamp(place as i64 * 2_000_000);
                if place == refit_at {
                    grid.refit();
                    ready.forget();
                }
                if place % asked_every == 0 {
                    let said = ready.said(&grid);
                    kept += usize::from(ready.0.is_some());
                    let anew = Ready::default().said(&grid);
                    let bits = |said: &[f64]| said.iter().map(|value| value.to_bits()).collect::<Vec<u64>>();
                    prop_assert_eq!(bits(&said), bits(&anew));
                }
            }
            prop_assert!(kept > 0 || !whole || grid.window.len() < 24 || !grid.outlook.learnt.seasons.is_empty());
        }
    }
}
