//! Which variables depend on which.

use super::{
    super::hazard::ln_gamma,
    Network, Node,
    cases::{Column, cases},
};

/// Most parents of a variable.
pub const PARENTS: usize = 3;
/// Most candidates whose worth is tried for one variable.
const TRIED: usize = 12;

/// A Bayes factor passes so many times the number of ordered pairs by chance in one of twice as many networks at most (Markov's inequality).
const SURE: f64 = 100.0;

/// A network that is being learnt, a slice of work at a time: what comes of it is the same however it is sliced.
///
/// Greedy search (Cooper & Herskovits 1992) among the candidates that tell most alone (Friedman, Nachman & Peer 1999) by the Bayes factor
/// of the cases with and without a parent, which must exceed [`SURE`] times the number of ordered pairs.
#[derive(Clone, Debug)]
pub struct Search {
    columns: Vec<Column>,
    /// Values in a row of each column: what looking at it costs.
    runs: Vec<usize>,
    /// Which of them others may not depend on, but for effects.
    effects: Vec<bool>,
    now: f64,
    /// What a Bayes factor has to exceed, as a logarithm.
    prior: f64,
    /// The pair looked at next.
    pair: (usize, usize),
    /// Pairs that tell of each other, child and parent; once all are found the most telling first, and the one tried next.
    pairs: Vec<(f64, u16, u16)>,
    next: Option<usize>,
    tried: Vec<usize>,
    parents: Vec<Vec<u16>>,
    nodes: Vec<Node>,
}

impl Search {
    /// A search among `columns` as known at `now` (days); `effects` tells which of them others may not depend on, but for effects.
    #[must_use]
    pub fn new(columns: Vec<Column>, effects: Vec<bool>, now: f64) -> Self {
        Self {
            runs: columns.iter().map(Column::runs).collect(),
            effects,
            now,
            prior: 2.0 * (columns.len().max(2) as f64).ln() + SURE.ln(),
            pair: (0, 0),
            pairs: Vec::new(),
            next: None,
            tried: vec![0; columns.len()],
            parents: vec![Vec::new(); columns.len()],
            nodes: Vec::with_capacity(columns.len()),
            columns,
        }
    }

    /// Looks at so many values in a row as `amount` tells, and one family more at most, and takes them off it; the network once it is
    /// learnt.
    pub fn work(&mut self, amount: &mut usize) -> Option<Network> {
        while self.pair.0 < self.columns.len() {
            let (child, parent) = self.pair;
            if child == parent {
                self.pair = (child + 1, 0);
                continue;
            }
            self.spend(amount, &[child, parent])?;
            let gain = gain(&[&self.columns[child], &self.columns[parent]], self.now) - self.prior;
            if gain > 0.0 {
                self.pairs.push((gain, child as u16, parent as u16));
            }
            self.pair.1 += 1;
        }
        let mut next = match self.next {
            Some(next) => next,
            None => self.order(),
        };
        while let Some((_, child, parent)) = self.pairs.get(next).copied() {
            self.next = Some(next);
            if self.may_follow(child, parent) && self.is_worth(child as usize, parent as usize, amount)? {
                self.parents[child as usize].push(parent);
            }
            next += 1;
        }
        self.next = Some(next);
        while self.nodes.len() < self.columns.len() {
            let place = self.nodes.len();
            let parents = self.parents[place].clone();
            let mut family = vec![place];
            family.extend(parents.iter().map(|parent| *parent as usize));
            self.spend(amount, &family)?;
            let family: Vec<&Column> = family.iter().map(|place| &self.columns[*place]).collect();
            self.nodes.push(Node::new(&family, parents, self.now));
        }
        Some(Network::of(std::mem::take(&mut self.nodes)))
    }

    /// Takes what a look at a family costs off `amount`; `None` where nothing is left of it.
    fn spend(&self, amount: &mut usize, family: &[usize]) -> Option<()> {
        let cost: usize = family.iter().map(|place| self.runs[*place] + 1).sum();
        let left = amount.checked_sub(1)?;
        *amount = left.saturating_sub(cost);
        Some(())
    }

    /// Brings the pairs in the order of trying; gives back the first.
    fn order(&mut self) -> usize {
        // Of two that tell alike of each other the one with fewer values leads; a metric follows a setting.
        for (_, child, parent) in &mut self.pairs {
            let rank = |place: u16| (self.effects[place as usize], self.columns[place as usize].codes, place);
            if rank(*parent) > rank(*child) {
                std::mem::swap(child, parent);
            }
        }
        self.pairs
            .sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        0
    }

    fn may_follow(&self, child: u16, parent: u16) -> bool {
        let place = child as usize;
        self.parents[place].len() < PARENTS && self.tried[place] < TRIED && !leads(&self.parents, child, parent)
    }

    /// Whether `parent` tells of `child` beyond what its parents so far tell; `None` where nothing is left of `amount`.
    fn is_worth(&mut self, child: usize, parent: usize, amount: &mut usize) -> Option<bool> {
        if self.parents[child].is_empty() {
            return Some(true);
        }
        let mut family = vec![child];
        family.extend(self.parents[child].iter().map(|known| *known as usize));
        family.push(parent);
        self.spend(amount, &family)?;
        self.tried[child] += 1;
        let family: Vec<&Column> = family.iter().map(|place| &self.columns[*place]).collect();
        Some(gain(&family, self.now) > self.prior)
    }
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
