//! Which variables depend on which.

use super::{
    super::hazard::ln_gamma,
    cases::{Column, cases},
};

/// Most parents of a variable.
pub const PARENTS: usize = 3;
/// Most candidates whose worth is tried for one variable.
const TRIED: usize = 12;

/// A Bayes factor passes so many times the number of ordered pairs by chance in one of twice as many networks at most (Markov's inequality).
const SURE: f64 = 100.0;

/// The parents of each of `columns`, by place; `effects` tells which of them others may not depend on, but for effects.
///
/// Greedy search (Cooper & Herskovits 1992) among the candidates that tell most alone (Friedman, Nachman & Peer 1999) by the Bayes factor
/// of the cases with and without a parent, which must exceed [`SURE`] times the number of ordered pairs.
#[must_use]
pub fn structure(columns: &[Column], effects: &[bool], now: f64) -> Vec<Vec<u16>> {
    let mut parents: Vec<Vec<u16>> = vec![Vec::new(); columns.len()];
    let prior = 2.0 * (columns.len().max(2) as f64).ln() + SURE.ln();
    let mut pairs: Vec<(f64, u16, u16)> = Vec::new();
    for child in 0..columns.len() {
        for parent in 0..child {
            let gain = gain(&[&columns[child], &columns[parent]], now) - prior;
            if gain > 0.0 {
                pairs.push((gain, child as u16, parent as u16));
            }
        }
    }
    // Of two that tell alike of each other the one with fewer values leads; a metric follows a setting.
    for (_, child, parent) in &mut pairs {
        let rank = |place: u16| (effects[place as usize], columns[place as usize].codes, place);
        if rank(*parent) > rank(*child) {
            std::mem::swap(child, parent);
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut tried = vec![0_usize; columns.len()];
    for (_, child, parent) in pairs {
        let (place, other) = (child as usize, parent as usize);
        if parents[place].len() == PARENTS || tried[place] == TRIED || leads(&parents, child, parent) {
            continue;
        }
        if !parents[place].is_empty() {
            tried[place] += 1;
            let mut family = vec![&columns[place]];
            family.extend(parents[place].iter().map(|known| &columns[*known as usize]));
            family.push(&columns[other]);
            if gain(&family, now) <= prior {
                continue;
            }
        }
        parents[place].push(parent);
    }
    parents
}

/// Whether `from` is `to` or one that it depends on leads to it: an edge to `from` would close a circle.
fn leads(parents: &[Vec<u16>], from: u16, to: u16) -> bool {
    let (mut open, mut seen) = (vec![to], vec![false; parents.len()]);
    while let Some(place) = open.pop() {
        if place == from {
            return true;
        }
        if !std::mem::replace(&mut seen[place as usize], true) {
            open.extend(&parents[place as usize]);
        }
    }
    false
}

/// What the last column of `family` tells of the first beyond those between: the logarithm of the Bayes factor of each of its codes going
/// with a distribution of its own against one and the same.
///
/// A distribution of its own is drawn around the common one, as a Dirichlet prior worth one case (Cooper & Herskovits 1992, theorem 1).
/// An even prior, or one shared out over all combinations (BDeu: Heckerman et al. 1995), takes rare values for decided by anything.
fn gain(family: &[&Column], now: f64) -> f64 {
    let counts = cases(family, now);
    let own = usize::from(family[0].codes);
    let last = family.last().map_or(1, |column| usize::from(column.codes));
    let without = counts.len() / last;
    let mut common = vec![0.0_f32; without];
    for (cell, count) in counts.iter().enumerate() {
        common[cell % without] += count;
    }
    let mut sum = 0.0;
    for (row, place) in counts.chunks_exact(own).zip((0..without).step_by(own).cycle()) {
        let total: f32 = row.iter().sum();
        if total == 0.0 {
            continue;
        }
        let usual = &common[place..place + own];
        let all = f64::from(usual.iter().sum::<f32>());
        sum -= ln_gamma(1.0 + f64::from(total));
        for (count, usual) in row.iter().zip(usual).filter(|(count, _)| **count > 0.0) {
            let (count, share) = (f64::from(*count), f64::from(*usual) / all);
            sum += ln_gamma(share + count) - ln_gamma(share) - count * share.ln();
        }
    }
    sum
}
