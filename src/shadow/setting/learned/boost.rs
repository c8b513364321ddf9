//! Gradient-boosted trees for yes-or-no answers.

use serde::{Deserialize, Serialize};

/// Rows of features with their answers and weights, oldest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rows {
    width: usize,
    x: Vec<f32>,
    /// Rows at the begin of `x` that were forgotten: they go once there are many, since all others have to move up.
    #[serde(default)]
    gone: usize,
    y: Vec<bool>,
    weight: Vec<f32>,
    /// The log-odds that the trees start from.
    start: Vec<f32>,
}

impl Rows {
    /// Appends a row and the log-odds the trees start from; features that are not finite count as 0.
    pub fn push(&mut self, x: &[f32], start: f32, y: bool, weight: f32) {
        if self.width == 0 {
            self.width = x.len();
        }
        assert_eq!(x.len(), self.width, "rows of one width");
        self.x
            .extend(x.iter().map(|value| if value.is_finite() { *value } else { 0.0 }));
        self.y.push(y);
        self.weight.push(weight);
        self.start.push(start);
    }

    /// Features of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Features, answers and weights, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&[f32], bool, f32)> {
        (0..self.len()).map(|place| (self.row(place), self.y[place], self.weight[place]))
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.y.len()
    }

    /// Rows answered with yes.
    #[must_use]
    pub fn yes(&self) -> usize {
        self.y.iter().filter(|yes| **yes).count()
    }

    /// Forgets the oldest rows beyond `most`.
    pub fn keep(&mut self, most: usize) {
        let gone = self.len().saturating_sub(most);
        self.gone += gone;
        if self.gone > most / 4 {
            self.x.drain(..self.gone * self.width);
            self.gone = 0;
        }
        self.y.drain(..gone);
        self.weight.drain(..gone);
        self.start.drain(..gone);
    }

    fn row(&self, place: usize) -> &[f32] {
        let place = place + self.gone;
        &self.x[place * self.width..(place + 1) * self.width]
    }
}

/// How trees are grown.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Trees in all.
    pub trees: usize,
    /// Questions from a tree's root to a leaf, at most 8.
    pub depth: usize,
    /// The share of its answer that each tree gives.
    pub rate: f32,
    /// Weight (of the second derivative) that draws a leaf to 0.
    pub ridge: f32,
    /// Least weight in a leaf.
    pub least: f32,
    /// Share of the features each tree may ask for.
    pub features: f32,
    /// Share of the rows each tree sees.
    pub rows: f32,
}

/// A sum of regression trees that corrects given log-odds, grown by second-order gradient boosting over binned features (Friedman 2001;
/// Chen & Guestrin, XGBoost, 2016, 2.2 and 3.3), each on a random part of rows and features (Friedman 2002).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Boost {
    nodes: Vec<Node>,
    roots: Vec<u32>,
}

/// A question (`left` above 0: the node of the answer "at most", the next one for "more") or a leaf.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Node {
    feature: u16,
    left: u32,
    /// The threshold of a question, the value of a leaf.
    value: f32,
}

/// The log-odds of a probability, those of 10⁻⁶ and 1 − 10⁻⁶ at the ends.
#[must_use]
pub fn logit(p: f32) -> f32 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

/// The probability of log-odds.
#[must_use]
pub fn chance(logit: f32) -> f64 {
    1.0 / (1.0 + f64::from(-logit).exp())
}

/// Most bins of a feature.
const BINS: usize = 32;

impl Boost {
    /// Grows trees that answer like `rows`.
    #[must_use]
    pub fn fit(rows: &Rows, recipe: Recipe, seed: u64) -> Self {
        let mut boost = Self::default();
        if rows.len() < 20 || rows.yes() == 0 || rows.yes() == rows.len() {
            return boost;
        }
        let cuts = cuts(rows);
        let mut bins = vec![0_u8; rows.len() * rows.width];
        for place in 0..rows.len() {
            for (feature, value) in rows.row(place).iter().enumerate() {
                bins[place * rows.width + feature] = cuts[feature].partition_point(|cut| cut < value) as u8;
            }
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let mut logits = rows.start.clone();
        let mut grower = Grower {
            rows,
            bins: &bins,
            cuts: &cuts,
            recipe,
            node_of: vec![0; rows.len()],
            slopes: vec![(0.0, 0.0); rows.len()],
        };
        for _ in 0..recipe.trees {
            grower.tree(&mut boost, &mut logits, &mut random);
        }
        boost
    }

    /// What is to be added to a row's log-odds.
    #[must_use]
    pub fn correction(&self, x: &[f32]) -> f32 {
        let mut sum = 0.0;
        for root in &self.roots {
            let mut node = self.nodes[*root as usize];
            while node.left > 0 {
                let more = x[node.feature as usize] > node.value;
                node = self.nodes[node.left as usize + usize::from(more)];
            }
            sum += node.value;
        }
        sum
    }
}

/// Thresholds between the bins of each feature, rising: between values that differ, about as many rows in each.
fn cuts(rows: &Rows) -> Vec<Vec<f32>> {
    let step = (rows.len() / 20_000).max(1);
    (0..rows.width)
        .map(|feature| {
            let mut values: Vec<f32> = (0..rows.len())
                .step_by(step)
                .map(|place| rows.row(place)[feature])
                .collect();
            values.sort_by(f32::total_cmp);
            let mut cuts: Vec<f32> = Vec::with_capacity(BINS);
            for bin in 1..BINS {
                let place = bin * values.len() / BINS;
                let (low, high) = (values[place.saturating_sub(1)], values[place]);
                // Where the boundary falls into a run of one value, the run's end is the boundary.
                let cut = if low < high { low } else { high };
                if cut < values[values.len() - 1] && cuts.last().is_none_or(|last| *last < cut) {
                    cuts.push(cut);
                }
            }
            // A value that few rows have (most are 0) still gets a boundary.
            if cuts.is_empty() && values[0] < values[values.len() - 1] {
                cuts.push(values[0]);
                let above = values.partition_point(|value| *value <= values[0]);
                let middle = values[above + (values.len() - above) / 2];
                if middle < values[values.len() - 1] && middle > values[0] {
                    cuts.push(middle);
                }
            }
            cuts
        })
        .collect()
}

struct Grower<'a> {
    rows: &'a Rows,
    bins: &'a [u8],
    cuts: &'a [Vec<f32>],
    recipe: Recipe,
    /// The open node each row is in, `u32::MAX` for rows this tree does not see.
    node_of: Vec<u32>,
    /// First and second derivative of the loss by row.
    slopes: Vec<(f32, f32)>,
}

impl Grower<'_> {
    fn tree(&mut self, boost: &mut Boost, logits: &mut [f32], random: &mut fastrand::Rng) {
        let (rows, width) = (self.rows, self.rows.width);
        for (place, logit) in logits.iter().enumerate() {
            let p = 1.0 / (1.0 + (-logit).exp());
            let y = f32::from(u8::from(rows.y[place]));
            let weight = rows.weight[place];
            self.slopes[place] = (weight * (p - y), (weight * p * (1.0 - p)).max(1e-9));
            self.node_of[place] = if random.f32() < self.recipe.rows { 0 } else { u32::MAX };
        }
        let asked: Vec<usize> = (0..width)
            .filter(|feature| !self.cuts[*feature].is_empty() && random.f32() < self.recipe.features)
            .collect();
        let first = boost.nodes.len();
        boost.roots.push(first as u32);
        boost.nodes.push(Node::default());
        // The open nodes of this level, as places in `boost.nodes`.
        let mut open = vec![first];
        for level in 0..=self.recipe.depth {
            let mut sums = vec![(0.0_f32, 0.0_f32); open.len()];
            let last = level == self.recipe.depth || asked.is_empty();
            let mut histogram = if last {
                Vec::new()
            } else {
                vec![(0.0_f32, 0.0_f32); open.len() * asked.len() * BINS]
            };
            for place in 0..rows.len() {
                let node = self.node_of[place];
                if node == u32::MAX {
                    continue;
                }
                let (g, h) = self.slopes[place];
                let sum = &mut sums[node as usize];
                *sum = (sum.0 + g, sum.1 + h);
                if !last {
                    let bins = &self.bins[place * width..(place + 1) * width];
                    let base = node as usize * asked.len() * BINS;
                    for (k, feature) in asked.iter().enumerate() {
                        let cell = &mut histogram[base + k * BINS + bins[*feature] as usize];
                        *cell = (cell.0 + g, cell.1 + h);
                    }
                }
            }
            // By open node the question asked there (feature, bin), and where its children stand.
            let mut splits = vec![None; open.len()];
            let mut next = Vec::new();
            for (k, place) in open.iter().enumerate() {
                let (g, h) = sums[k];
                let best = if last {
                    None
                } else {
                    let part = &histogram[k * asked.len() * BINS..(k + 1) * asked.len() * BINS];
                    self.best(part, &asked, (g, h))
                };
                match best {
                    Some((feature, bin)) => {
                        let left = boost.nodes.len();
                        boost.nodes[*place] = Node {
                            feature: feature as u16,
                            left: left as u32,
                            value: self.cuts[feature][bin],
                        };
                        boost.nodes.extend([Node::default(), Node::default()]);
                        splits[k] = Some((feature, bin, next.len() as u32));
                        next.extend([left, left + 1]);
                    }
                    None => {
                        boost.nodes[*place].value = -self.recipe.rate * g / (h + self.recipe.ridge);
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            for place in 0..rows.len() {
                let node = self.node_of[place];
                if node == u32::MAX {
                    continue;
                }
                self.node_of[place] = match splits[node as usize] {
                    Some((feature, bin, child)) => child + u32::from(self.bins[place * width + feature] as usize > bin),
                    None => u32::MAX,
                };
            }
            open = next;
        }
        let root = *boost.roots.last().expect("just pushed") as usize;
        for (place, logit) in logits.iter_mut().enumerate() {
            let mut node = boost.nodes[root];
            let row = rows.row(place);
            while node.left > 0 {
                node = boost.nodes[node.left as usize + usize::from(row[node.feature as usize] > node.value)];
            }
            *logit += node.value;
        }
    }

    /// The question that gains most, as feature and bin (rows up to that bin go left).
    fn best(&self, histogram: &[(f32, f32)], asked: &[usize], (g, h): (f32, f32)) -> Option<(usize, usize)> {
        let Recipe { ridge, least, .. } = self.recipe;
        let score = |g: f32, h: f32| g * g / (h + ridge);
        let (mut best, mut most) = (None, score(g, h) + 1e-3);
        for (k, feature) in asked.iter().enumerate() {
            let (mut left_g, mut left_h) = (0.0, 0.0);
            for bin in 0..self.cuts[*feature].len() {
                let (bin_g, bin_h) = histogram[k * BINS + bin];
                left_g += bin_g;
                left_h += bin_h;
                if left_h < least || h - left_h < least {
                    continue;
                }
                let gain = score(left_g, left_h) + score(g - left_g, h - left_h);
                if gain > most {
                    most = gain;
                    best = Some((*feature, bin));
                }
            }
        }
        best
    }
}
