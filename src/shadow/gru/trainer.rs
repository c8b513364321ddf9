//! How a network learns.

use serde::{Deserialize, Serialize};

use super::{Gru, Shape, add};

/// Learns the weights of one network: gradients by back-propagation through time (Werbos 1990, Proc. IEEE 78), steps by Adam (Kingma & Ba
/// 2015, arXiv:1412.6980, algorithm 1) on gradients of a norm of at most one (Pascanu, Mikolov & Bengio 2013).
///
/// Serialised it keeps what Adam remembers, so that learning goes on as if it had not stopped; gradients that were not taken yet are not kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trainer {
    /// Means of the gradient and of its square, fading, by weight.
    moments: Vec<[f32; 2]>,
    updates: i32,
    #[serde(skip)]
    pub(super) gradient: Vec<f32>,
    /// Sequences in the gradient.
    #[serde(skip)]
    sequences: u32,
    #[serde(skip)]
    tape: Tape,
}

/// What a run leaves to be gone through backwards; kept so that learning takes no memory anew.
#[derive(Clone, Debug, Default)]
struct Tape {
    /// What was carried before the first step and after each.
    carried: Vec<f32>,
    /// Update, reset and candidate by step.
    gates: Vec<f32>,
    said: Vec<f32>,
    /// Derivatives by output, of the steps that have a loss.
    blame: Vec<f32>,
    /// Derivatives by gate before its squashing, and by what is carried after and before the step.
    pull: Vec<f32>,
    after: Vec<f32>,
    before: Vec<f32>,
}

impl Trainer {
    const DECAY: [f32; 2] = [0.9, 0.999];
    const TINY: f32 = 1e-8;
    /// Longest gradient.
    const NORM: f32 = 1.0;

    /// Of a network that it has not seen yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what `sequence` (inputs, step after step) teaches `gru` to the gradient of the next [`Trainer::update`], and returns its loss: the
    /// sum of what `loss` says of the steps from `from` on, given the step, the outputs, and a gradient of zeros to fill by output.
    ///
    /// `None`, and nothing is learnt, when an input, a loss or a gradient is not finite, a step is not whole, or there is none from `from` on.
    pub fn learn(
        &mut self,
        gru: &Gru,
        sequence: &[f32],
        from: usize,
        loss: &mut dyn FnMut(usize, &[f32], &mut [f32]) -> f32,
    ) -> Option<f32> {
        let Shape { hidden, outputs, .. } = gru.shape;
        let steps = gru.steps(sequence, from)?;
        self.gradient.resize(gru.weights.len(), 0.0);
        let tape = &mut self.tape;
        tape.carried.clear();
        tape.carried.resize((steps + 1) * hidden, 0.0);
        tape.gates.resize(steps * 3 * hidden, 0.0);
        tape.said.resize(outputs, 0.0);
        tape.blame.clear();
        tape.blame.resize((steps - from) * outputs, 0.0);
        let mut all = 0.0;
        for (step, input) in sequence.chunks_exact(gru.shape.inputs).enumerate() {
            let (before, after) = tape.carried[step * hidden..][..2 * hidden].split_at_mut(hidden);
            gru.step(input, before, &mut tape.gates[step * 3 * hidden..][..3 * hidden], after);
            if step >= from {
                gru.say(after, &mut tape.said);
                all += loss(step, &tape.said, &mut tape.blame[(step - from) * outputs..][..outputs]);
            }
        }
        if !all.is_finite() || tape.blame.iter().any(|blame| !blame.is_finite()) {
            return None;
        }
        tape.back(gru, sequence, from, &mut self.gradient);
        self.sequences += 1;
        Some(all)
    }

    /// Changes the weights by a step of `rate` (0.001 to 0.01 is usual) against the mean gradient of the sequences learnt since the last
    /// one; without any, or where the gradient is not finite, nothing changes.
    pub fn update(&mut self, gru: &mut Gru, rate: f32) {
        let count = self.sequences as f32;
        self.sequences = 0;
        if count > 0.0 && self.gradient.len() == gru.weights.len() {
            let norm = self.gradient.iter().map(|slope| slope * slope).sum::<f32>().sqrt() / count;
            if norm.is_finite() {
                self.step(gru, rate, 1.0 / (count * (norm / Self::NORM).max(1.0)));
            }
        }
        self.gradient.clear();
    }

    fn step(&mut self, gru: &mut Gru, rate: f32, scale: f32) {
        if self.moments.len() != gru.weights.len() {
            self.moments = vec![[0.0; 2]; gru.weights.len()];
            self.updates = 0;
        }
        self.updates = self.updates.saturating_add(1);
        let begun = Self::DECAY.map(|decay| 1.0 - decay.powi(self.updates));
        for ((weight, slope), [mean, square]) in gru.weights.iter_mut().zip(&self.gradient).zip(&mut self.moments) {
            let slope = scale * slope;
            *mean += (1.0 - Self::DECAY[0]) * (slope - *mean);
            *square += (1.0 - Self::DECAY[1]) * (slope * slope - *square);
            *weight -= rate * (*mean / begun[0]) / ((*square / begun[1]).sqrt() + Self::TINY);
        }
    }
}

impl Tape {
    /// Goes through the run backwards, and adds the derivatives by weight to `gradient`.
    fn back(&mut self, gru: &Gru, sequence: &[f32], from: usize, gradient: &mut [f32]) {
        let Shape {
            inputs,
            hidden,
            outputs,
        } = gru.shape;
        let layout = gru.shape.layout();
        let (body, top) = gradient.split_at_mut(layout.head);
        let (head, offset) = top.split_at_mut(layout.offset - layout.head);
        self.pull.resize(3 * hidden, 0.0);
        self.before.resize(hidden, 0.0);
        self.after.clear();
        self.after.resize(hidden, 0.0);
        for (step, input) in sequence.chunks_exact(inputs).enumerate().rev() {
            let (before, after) = self.carried[step * hidden..][..2 * hidden].split_at(hidden);
            if step >= from {
                let blame = &self.blame[(step - from) * outputs..][..outputs];
                add(offset, 1.0, blame);
                let weights = gru.weights[layout.head..layout.offset].chunks_exact(outputs);
                let rows = head.chunks_exact_mut(outputs).zip(weights);
                for ((carried, pull), (slopes, weights)) in after.iter().zip(&mut self.after).zip(rows) {
                    add(slopes, *carried, blame);
                    *pull += dot(weights, blame);
                }
            }
            let gates = &self.gates[step * 3 * hidden..][..3 * hidden];
            let (update, rest) = gates.split_at(hidden);
            let (reset, candidate) = rest.split_at(hidden);
            for unit in 0..hidden {
                let pull = self.after[unit];
                let (update, candidate) = (update[unit], candidate[unit]);
                self.before[unit] = pull * update;
                self.pull[unit] = pull * (before[unit] - candidate) * update * (1.0 - update);
                self.pull[2 * hidden + unit] = pull * (1.0 - update) * (1.0 - candidate * candidate);
            }
            let (ways, new) = self.pull.split_at_mut(2 * hidden);
            let weights = gru.weights[layout.reset..layout.bias].chunks_exact(hidden);
            let slopes = body[layout.reset..layout.bias].chunks_exact_mut(hidden);
            for (unit, (weights, slopes)) in weights.zip(slopes).enumerate() {
                let (before, reset) = (before[unit], reset[unit]);
                add(slopes, reset * before, new);
                let let_through = dot(weights, new);
                self.before[unit] += let_through * reset;
                ways[hidden + unit] = let_through * before * reset * (1.0 - reset);
            }
            let weights = gru.weights[layout.carry..layout.reset].chunks_exact(2 * hidden);
            let slopes = body[layout.carry..layout.reset].chunks_exact_mut(2 * hidden);
            for (unit, (weights, slopes)) in weights.zip(slopes).enumerate() {
                add(slopes, before[unit], ways);
                self.before[unit] += dot(weights, ways);
            }
            let slopes = body[layout.input..layout.carry].chunks_exact_mut(3 * hidden);
            for (input, slopes) in input.iter().zip(slopes) {
                add(slopes, *input, &self.pull);
            }
            add(&mut body[layout.bias..], 1.0, &self.pull);
            std::mem::swap(&mut self.before, &mut self.after);
        }
    }
}

/// In eight sums at once: a single one waits for each addition to end.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
