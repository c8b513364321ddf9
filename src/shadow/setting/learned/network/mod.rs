//! Which values belong together: a Bayesian network over the settings of a place and the regimes of its metrics.

mod cases;
mod structure;
#[cfg(test)]
mod tests;

use cases::cases;
pub use cases::{CODES, Column, Timeline};
pub use structure::Search;

/// Cases that a combination of parents' values needs to be spoken of.
const SPEAKS: f32 = 3.0;
/// Neighbours told of.
const TOLD: usize = 3;
/// Cases that what is usual weighs beside those of a combination.
const PRIOR: f32 = 1.0;

/// A network: what each variable depends on, and how often it had which value under which values of these.
#[derive(Clone, Debug, Default)]
pub struct Network {
    nodes: Vec<Node>,
}

/// A variable of the network.
#[derive(Clone, Debug, Default)]
struct Node {
    codes: usize,
    /// What it depends on, and how many codes each has.
    parents: Vec<u16>,
    parents_codes: Vec<usize>,
    children: Vec<u16>,
    /// Cases by its code, then by its parents' in their order.
    counts: Vec<f32>,
    /// Its own, whatever the parents are.
    usual: Vec<f32>,
}

/// What a variable should be, given all others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Belief {
    /// Probabilities by code; they sum to one.
    pub odds: Vec<f32>,
    /// The variables that speak for the likeliest code, the loudest first, at most three: which, and how many bits each adds.
    pub because: Vec<(u16, f32)>,
    /// Cases like this one that it rests on, the one in question left out.
    pub cases: f32,
}

/// What another variable should be once one was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Consequence {
    /// Which.
    pub variable: u16,
    /// Its likeliest code then.
    pub code: u8,
    /// P(it), before and after.
    pub odds: (f32, f32),
    /// Cases like it.
    pub cases: f32,
}

impl Network {
    /// Learns structure and counts from `columns` as known at `now` (days); `effects` marks those that no others depend on, but for effects.
    #[cfg(test)]
    pub fn learn(columns: &[Column], effects: &[bool], now: f64) -> Self {
        let mut search = Search::new(columns.to_vec(), effects.to_vec(), now);
        let mut all = usize::MAX;
        search.work(&mut all).expect("the work is not bounded")
    }

    /// The network of those nodes.
    fn of(mut nodes: Vec<Node>) -> Self {
        for place in 0..nodes.len() {
            for parent in nodes[place].parents.clone() {
                nodes[parent as usize].children.push(place as u16);
            }
        }
        Self { nodes }
    }

    /// The parents of a variable.
    #[cfg(test)]
    pub fn parents(&self, variable: u16) -> &[u16] {
        self.nodes.get(variable as usize).map_or(&[], |node| &node.parents)
    }

    /// Whether a variable depends on any other, or any other on it.
    #[must_use]
    pub fn is_bound(&self, variable: u16) -> bool {
        let node = self.nodes.get(variable as usize);
        node.is_some_and(|node| !node.parents.is_empty() || !node.children.is_empty())
    }

    /// P(code) of `variable` where all that is known is `state` (codes by variable; `None` where it is not there): its Markov blanket
    /// (Pearl 1988, 3.3), the case in question not speaking for itself. `None` where nothing it stands with is known, or too few such cases.
    #[must_use]
    pub fn belief(&self, variable: u16, state: &[Option<u8>]) -> Option<Belief> {
        let node = self.nodes.get(variable as usize)?;
        let own = *state.get(variable as usize)?;
        let usual = shares(&node.usual, own);
        let mut score: Vec<f32> = usual.iter().map(|share| share.ln()).collect();
        let mut says: Vec<(u16, Vec<f32>)> = Vec::new();
        let mut least = f32::MAX;
        if let Some(row) = row(node, state).filter(|_| !node.parents.is_empty()) {
            let (odds, seen) = given(node, row, own);
            least = least.min(seen);
            if seen >= SPEAKS {
                let bits: Vec<f32> = odds
                    .iter()
                    .zip(&usual)
                    .map(|(odds, usual)| (odds / usual).ln())
                    .collect();
                for (score, bits) in score.iter_mut().zip(&bits) {
                    *score += bits;
                }
                // What several parents say together is each one's.
                says.extend(node.parents.iter().map(|parent| (*parent, bits.clone())));
            }
        }
        for child in &node.children {
            let other = &self.nodes[*child as usize];
            let Some(code) = state.get(*child as usize).copied().flatten() else {
                continue;
            };
            let mut state = state.to_vec();
            let mut bits = vec![0.0; node.codes];
            let mut seen = 0.0_f32;
            for (mine, bits) in bits.iter_mut().enumerate() {
                state[variable as usize] = Some(mine as u8);
                let Some(row) = row(other, &state) else { break };
                let itself = (own == Some(mine as u8)).then_some(code);
                let (odds, cases) = given(other, row, itself);
                *bits = odds[usize::from(code)].ln();
                seen += cases;
            }
            if seen >= SPEAKS {
                least = least.min(seen);
                for (score, bits) in score.iter_mut().zip(&bits) {
                    *score += bits;
                }
                says.push((*child, bits));
            }
        }
        if says.is_empty() {
            return None;
        }
        let most = score.iter().copied().fold(f32::MIN, f32::max);
        let mut odds: Vec<f32> = score.iter().map(|score| (score - most).exp()).collect();
        let sum: f32 = odds.iter().sum();
        odds.iter_mut().for_each(|odds| *odds /= sum);
        let top = likeliest(&odds);
        let mut because: Vec<(u16, f32)> = says
            .into_iter()
            .map(|(other, bits)| {
                let elsewhere = bits.iter().zip(&odds).enumerate().filter(|(code, _)| *code != top);
                let (sum, weight) = elsewhere.fold((0.0, 1e-9), |(sum, weight), (_, (bits, odds))| {
                    (sum + bits * odds, weight + odds)
                });
                (other, (bits[top] - sum / weight) / std::f32::consts::LN_2)
            })
            .filter(|(_, bits)| *bits > 0.0)
            .collect();
        because.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        because.truncate(TOLD);
        Some(Belief {
            odds,
            because,
            cases: least,
        })
    }

    /// What the others should be once `variable` is set to `code`: each whose likeliest value is then another than it is, one after
    /// another (iterated conditional modes: Besag 1986), and of effects whose probabilities move. Empty where no case is like it.
    #[must_use]
    pub fn consequences(&self, variable: u16, code: u8, state: &[Option<u8>], effects: &[bool]) -> Vec<Consequence> {
        /// A probability that moves by less is not told.
        const MOVES: f32 = 0.1;
        let mut then = state.to_vec();
        let codes = self.nodes.get(variable as usize).map_or(0, |node| node.codes);
        match then.get_mut(variable as usize) {
            Some(place) if usize::from(code) < codes => *place = Some(code),
            _ => return Vec::new(),
        }
        let mut told: Vec<Consequence> = Vec::new();
        let mut open = vec![variable];
        let mut asked = vec![false; self.nodes.len()];
        asked[variable as usize] = true;
        while let Some(next) = open.pop() {
            for other in self.blanket(next) {
                let is = state[other as usize];
                if std::mem::replace(&mut asked[other as usize], true) || is.is_none() {
                    continue;
                }
                let (Some(before), Some(after)) = (self.belief(other, state), self.belief(other, &then)) else {
                    continue;
                };
                let top = likeliest(&after.odds);
                let odds = (before.odds[top], after.odds[top]);
                let moves = Some(top as u8) != is && odds.1 > odds.0 + MOVES;
                if moves || (effects[other as usize] && (odds.1 - odds.0).abs() > MOVES) {
                    told.push(Consequence {
                        variable: other,
                        code: top as u8,
                        odds,
                        cases: after.cases,
                    });
                }
                if moves && odds.1 >= 0.5 && !effects[other as usize] {
                    then[other as usize] = Some(top as u8);
                    open.push(other);
                }
            }
        }
        told.sort_by(|a, b| b.odds.1.total_cmp(&a.odds.1).then(a.variable.cmp(&b.variable)));
        told
    }

    /// Parents, children, and the children's other parents.
    fn blanket(&self, variable: u16) -> Vec<u16> {
        let node = &self.nodes[variable as usize];
        let spouses = node
            .children
            .iter()
            .flat_map(|child| &self.nodes[*child as usize].parents);
        let mut all: Vec<u16> = node
            .parents
            .iter()
            .chain(&node.children)
            .chain(spouses)
            .copied()
            .collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|other| *other != variable);
        all
    }
}

impl Node {
    /// A variable and its `parents`, counted in the columns of the `family`, its own first.
    fn new(family: &[&Column], parents: Vec<u16>, now: f64) -> Self {
        Self {
            codes: usize::from(family[0].codes),
            counts: cases(family, now),
            usual: cases(&family[..1], now),
            parents_codes: family[1..].iter().map(|column| usize::from(column.codes)).collect(),
            parents,
            children: Vec::new(),
        }
    }
}

/// The likeliest code, the first of several.
fn likeliest(odds: &[f32]) -> usize {
    let best = (0..odds.len()).max_by(|a, b| odds[*a].total_cmp(&odds[*b]).then(b.cmp(a)));
    best.unwrap_or(0)
}

/// Where the counts of the parents' codes in `state` begin; `None` where one is not known.
fn row(node: &Node, state: &[Option<u8>]) -> Option<usize> {
    // The parents' codes count in units of what the variable's own codes and those of the parents before take.
    let mut cell = 0;
    let mut scale = node.codes;
    for (parent, codes) in node.parents.iter().zip(&node.parents_codes) {
        cell += scale * usize::from(state.get(*parent as usize).copied().flatten()?);
        scale *= codes;
    }
    (cell + node.codes <= node.counts.len()).then_some(cell)
}

/// Shares of counts, the case `own` left out, an even one put in.
fn shares(counts: &[f32], own: Option<u8>) -> Vec<f32> {
    let even = PRIOR / counts.len().max(1) as f32;
    let left = without(counts, own);
    let total: f32 = left.iter().sum::<f32>() + PRIOR;
    left.iter().map(|count| (count + even) / total).collect()
}

/// Counts less one case of `own`, as far as there is one.
fn without(counts: &[f32], own: Option<u8>) -> Vec<f32> {
    let mut left = counts.to_vec();
    if let Some(count) = own.and_then(|own| left.get_mut(usize::from(own))) {
        *count = (*count - 1.0).max(0.0);
    }
    left
}

/// P(code | the parents' codes of that row), drawn to what is usual by one case, and the cases of the row; the case `own` left out.
fn given(node: &Node, row: usize, own: Option<u8>) -> (Vec<f32>, f32) {
    let usual = shares(&node.usual, own);
    let left = without(&node.counts[row..row + node.codes], own);
    let seen: f32 = left.iter().sum();
    let odds = left
        .iter()
        .zip(usual)
        .map(|(count, usual)| (count + PRIOR * usual) / (seen + PRIOR));
    (odds.collect(), seen)
}
