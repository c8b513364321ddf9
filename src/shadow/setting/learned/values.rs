//! To what a setting changes.

use serde::{Deserialize, Serialize};

use super::{
    candidates::Pieces,
    clues::{Candidate, Clue, WIDTH},
    edit::Class,
    numbers::steps_on,
    table::Table,
};

/// P(value | it changes now) over candidates from the commit so far, the setting's past, its peers and the grammar of versions, by a
/// conditional logit (McFadden 1974) whose weights are learnt from every change seen (AdaGrad: Duchi, Hazan & Singer 2011).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NextValues {
    pieces: Pieces,
    /// By class of class: weights, and the sums of their squared slopes.
    #[serde(deserialize_with = "widened")]
    weights: [Vec<f32>; 3],
    #[serde(deserialize_with = "widened")]
    slopes: [Vec<f32>; 3],
}

/// Weights of before there were as many clues: the new ones begin as they do, before the last weight, which is no clue's.
fn widened<'de, D: serde::Deserializer<'de>>(from: D) -> Result<[Vec<f32>; 3], D::Error> {
    let mut all = <[Vec<f32>; 3]>::deserialize(from)?;
    for weights in &mut all {
        let last = weights.pop().unwrap_or(1.0);
        weights.resize(WIDTH, 1.0);
        weights.push(last);
    }
    Ok(all)
}

impl Default for NextValues {
    fn default() -> Self {
        // Everything that speaks for a value speaks a little for it, and what the commit has just done speaks loudest, until more is known.
        let mut first = vec![1.0; WIDTH + 1];
        for loud in [
            Clue::Mapped,
            Clue::Replaced,
            Clue::Companion,
            Clue::TemplateTarget,
            Clue::ShiftSeen,
        ] {
            first[loud as usize] = 3.0;
        }
        for silent in [Clue::BumpFirst, Clue::BumpLast, Clue::BumpAll] {
            first[silent as usize] = 0.0;
        }
        Self {
            pieces: Pieces::default(),
            weights: [first.clone(), first.clone(), first],
            slopes: [vec![1.0; WIDTH + 1], vec![1.0; WIDTH + 1], vec![1.0; WIDTH + 1]],
        }
    }
}

const RATE: f32 = 0.3;

fn sort(class: Class) -> usize {
    match class {
        Class::Version => 0,
        Class::Number | Class::Bool => 1,
        _ => 2,
    }
}

impl NextValues {
    /// The candidates for the next value of `number` with their probabilities, likeliest first; what is missing to 1 is any other value.
    /// `stands` are values it should have by what it stands with, as names, and how likely so.
    #[must_use]
    pub fn next(&self, table: &Table, number: u32, at: f64, stands: &[(u32, f32)]) -> Vec<(String, f64)> {
        self.told(table, number, self.pieces.candidates(table, number, at, stands))
    }

    /// The same as people are told. The version of one thing is none of another: packages stand side by side and have no version in
    /// common. A number takes its own usual step again as often as it did so far (Laplace's rule, over the other ways it may go).
    #[must_use]
    pub fn next_of_its_own(&self, table: &Table, number: u32, at: f64, stands: &[(u32, f32)]) -> Vec<(String, f64)> {
        let mut candidates = self.pieces.candidates(table, number, at, stands);
        if table.settings[number as usize].class == Class::Version {
            candidates.retain(Candidate::is_its_own);
        }
        let mut next = self.told(table, number, candidates);
        let setting = &table.settings[number as usize];
        if setting.class == Class::Number {
            let past = setting.history.iter().map(|(value, _)| *value).chain([setting.bare]);
            let past: Vec<&str> = past.map(|value| table.names.text(value)).collect();
            for (value, share) in steps_on(&past) {
                let share = f64::from(share);
                next.iter_mut().for_each(|(_, odds)| *odds *= 1.0 - share);
                match next.iter_mut().find(|(other, _)| *other == value) {
                    Some((_, odds)) => *odds += share,
                    None => next.push((value, share)),
                }
            }
            next.sort_by(|a, b| b.1.total_cmp(&a.1));
        }
        next
    }

    fn told(&self, table: &Table, number: u32, candidates: Vec<Candidate>) -> Vec<(String, f64)> {
        let odds = self.odds(table, number, &candidates);
        let mut next: Vec<(String, f64)> = candidates
            .into_iter()
            .zip(odds)
            .map(|(candidate, odds)| (candidate.value, f64::from(odds)))
            .collect();
        next.sort_by(|a, b| b.1.total_cmp(&a.1));
        next
    }

    /// Probabilities of the candidates; the last one is that of any other value.
    fn odds(&self, table: &Table, number: u32, candidates: &[Candidate]) -> Vec<f32> {
        let weights = &self.weights[sort(table.settings[number as usize].class)];
        let score = |candidate: &Candidate| -> f32 {
            candidate
                .features
                .iter()
                .zip(weights)
                .map(|(feature, weight)| feature * weight)
                .sum()
        };
        let mut scores: Vec<f32> = candidates.iter().map(score).collect();
        scores.push(weights[WIDTH]);
        let most = scores.iter().copied().fold(f32::MIN, f32::max);
        scores.iter_mut().for_each(|score| *score = (*score - most).exp());
        let total: f32 = scores.iter().sum();
        scores.iter_mut().for_each(|score| *score /= total);
        scores
    }

    /// Learns from a change to `new` (bare) before the table takes it.
    pub fn learn(&mut self, table: &Table, number: u32, at: f64, stands: &[(u32, f32)], new: &str) {
        let candidates = self.pieces.candidates(table, number, at, stands);
        let odds = self.odds(table, number, &candidates);
        let right = candidates.iter().position(|candidate| candidate.value == new);
        let sort = sort(table.settings[number as usize].class);
        let mut slope = vec![0.0_f32; WIDTH + 1];
        for (k, candidate) in candidates.iter().enumerate() {
            let miss = odds[k] - f32::from(u8::from(right == Some(k)));
            for (slope, feature) in slope.iter_mut().zip(candidate.features) {
                *slope += miss * feature;
            }
        }
        slope[WIDTH] = odds[candidates.len()] - f32::from(u8::from(right.is_none()));
        for (k, slope) in slope.into_iter().enumerate() {
            let squares = &mut self.slopes[sort][k];
            *squares += slope * slope;
            self.weights[sort][k] -= RATE * slope / squares.sqrt();
        }
    }

    /// Takes a change as the table has taken it.
    pub fn observe(&mut self, table: &Table, number: u32, from: u32, to: u32) {
        self.pieces.observe(table, number, from, to);
    }
}
