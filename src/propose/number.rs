//! Short numbers of proposals, to be typed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::ProposalId;

/// The numbers given out, counted from 1: the same answer to the same finding keeps its number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    last: u64,
    given: BTreeMap<u64, u64>,
}

impl Numbers {
    /// Numbers kept; beyond, the oldest is forgotten and never given again.
    const MOST: usize = 10_000;

    /// Goes on after `number`, where others were given up to there.
    pub fn after(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    /// The number of the proposal that `key` tells from all others.
    pub(super) fn of(&mut self, key: u64) -> ProposalId {
        if let Some(number) = self.given.get(&key) {
            return ProposalId(*number);
        }
        if self.given.len() >= Self::MOST {
            let oldest = self.given.iter().min_by_key(|(_, number)| **number);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.given.remove(&oldest);
            }
        }
        self.last += 1;
        self.given.insert(key, self.last);
        ProposalId(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_stable_and_never_given_twice() {
        let mut numbers = Numbers::default();
        assert_eq!(
            (numbers.of(77), numbers.of(5), numbers.of(77)),
            (ProposalId(1), ProposalId(2), ProposalId(1))
        );
        let mut later: Numbers =
            crate::domain::packed::unpack(&crate::domain::packed::pack(&numbers).unwrap()).unwrap();
        later.after(9);
        assert_eq!((later.of(5), later.of(6)), (ProposalId(2), ProposalId(10)));
        for key in 100..100 + Numbers::MOST as u64 {
            numbers.of(key);
        }
        assert_eq!(numbers.given.len(), Numbers::MOST);
        let last = Numbers::MOST as u64 + 3;
        assert_eq!(numbers.of(77), ProposalId(last), "forgotten, and not given again");
    }
}
