//! A recurrent network small enough to be learnt beside the work: one layer of gated recurrent units (Cho et al. 2014, arXiv:1406.1078,
//! equations 5 to 8) under a dense head.

mod loss;
mod trainer;

use serde::{Deserialize, Serialize};

pub use self::{
    loss::{cross_entropy, logistic, pinball},
    trainer::Trainer,
};
use crate::domain::packed;

/// How many of what a network has; each at least 1 and at most [`Shape::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Numbers it is given at each step.
    pub inputs: usize,
    /// Units, each of which carries a number from step to step.
    pub hidden: usize,
    /// Numbers it says.
    pub outputs: usize,
}

/// Where the parts of all weights begin. Rows are of what is fed, so that every loop runs along memory.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// To update gate, reset gate and candidate, from every input.
    input: usize,
    /// To update gate and reset gate, from every unit.
    carry: usize,
    /// To the candidate, from every unit as far as its reset gate lets through.
    reset: usize,
    /// Constants of gates and candidate.
    bias: usize,
    /// To every output, from every unit.
    head: usize,
    /// Constants of the outputs.
    offset: usize,
    all: usize,
}

impl Shape {
    /// Most of any of its numbers.
    pub const MOST: usize = 4_096;

    fn layout(self) -> Layout {
        let Self {
            inputs,
            hidden,
            outputs,
        } = self;
        let carry = inputs * 3 * hidden;
        let reset = carry + hidden * 2 * hidden;
        let bias = reset + hidden * hidden;
        let head = bias + 3 * hidden;
        let offset = head + hidden * outputs;
        Layout {
            input: 0,
            carry,
            reset,
            bias,
            head,
            offset,
            all: offset + outputs,
        }
    }

    fn is_sound(self) -> bool {
        [self.inputs, self.hidden, self.outputs]
            .iter()
            .all(|count| (1..=Self::MOST).contains(count))
    }
}

/// The weights of a network; single precision. What it carries from step to step begins at zero with every sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Gru {
    shape: Shape,
    weights: Box<[f32]>,
}

/// A network as it is kept: the weights as little-endian bytes, a third of what a list of numbers takes.
#[derive(Serialize, Deserialize)]
struct Stored {
    shape: Shape,
    #[serde(with = "serde_bytes")]
    weights: Vec<u8>,
}

impl From<Gru> for Stored {
    fn from(gru: Gru) -> Self {
        Self {
            shape: gru.shape,
            weights: gru.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect(),
        }
    }
}

impl TryFrom<Stored> for Gru {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let (weights, rest) = stored.weights.as_chunks::<4>();
        let weights: Box<[f32]> = weights.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let whole = stored.shape.is_sound() && rest.is_empty() && weights.len() == stored.shape.layout().all;
        if whole && weights.iter().all(|weight| weight.is_finite()) {
            Ok(Self {
                shape: stored.shape,
                weights,
            })
        } else {
            Err("the weights are not those of a network of this shape")
        }
    }
}

impl Gru {
    /// Where the update gates begin: a unit keeps three quarters of what it carries, so that something is carried far enough to be learnt.
    const KEEPS: f32 = 1.0;

    /// A network that knows nothing yet; weights are drawn evenly up to one by the root of what they are summed with (Glorot & Bengio 2010,
    /// equation 1). The same seed gives the same bits. Numbers of `shape` out of range are taken as the nearest in it.
    #[must_use]
    pub fn new(shape: Shape, seed: u64) -> Self {
        let within = |count: usize| count.clamp(1, Shape::MOST);
        let shape = Shape {
            inputs: within(shape.inputs),
            hidden: within(shape.hidden),
            outputs: within(shape.outputs),
        };
        let layout = shape.layout();
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut weights = vec![0.0; layout.all];
        let mut draw = |range: std::ops::Range<usize>, summed: usize| {
            let most = 1.0 / (summed as f32).sqrt();
            weights[range].fill_with(|| most * (2.0 * rng.f32() - 1.0));
        };
        draw(layout.input..layout.carry, shape.inputs);
        draw(layout.carry..layout.bias, shape.hidden);
        draw(layout.head..layout.offset, shape.hidden);
        weights[layout.bias..][..shape.hidden].fill(Self::KEEPS);
        Self {
            shape,
            weights: weights.into(),
        }
    }

    /// How many of what it has.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What it says at every step of `sequence` (inputs, step after step) from step `from` on, one step after the other; `None` when an
    /// input is not finite, a step is not whole, or there is no step from `from` on.
    #[must_use]
    pub fn run(&self, sequence: &[f32], from: usize) -> Option<Vec<f32>> {
        let Shape {
            inputs,
            hidden,
            outputs,
        } = self.shape;
        let steps = self.steps(sequence, from)?;
        let (mut before, mut after) = (vec![0.0; hidden], vec![0.0; hidden]);
        let mut gates = vec![0.0; 3 * hidden];
        let mut said = vec![0.0; (steps - from) * outputs];
        for (step, input) in sequence.chunks_exact(inputs).enumerate() {
            self.step(input, &before, &mut gates, &mut after);
            if step >= from {
                self.say(&after, &mut said[(step - from) * outputs..][..outputs]);
            }
            std::mem::swap(&mut before, &mut after);
        }
        Some(said)
    }

    /// Steps of a sequence that can be run from `from` on.
    fn steps(&self, sequence: &[f32], from: usize) -> Option<usize> {
        let steps = sequence.len() / self.shape.inputs;
        let whole = steps * self.shape.inputs == sequence.len() && from < steps;
        (whole && sequence.iter().all(|input| input.is_finite())).then_some(steps)
    }

    /// One step: from what was carried `before` to what is carried `after`; `gates` are update, reset and candidate of every unit.
    fn step(&self, input: &[f32], before: &[f32], gates: &mut [f32], after: &mut [f32]) {
        let hidden = self.shape.hidden;
        let layout = self.shape.layout();
        gates.copy_from_slice(&self.weights[layout.bias..layout.head]);
        let rows = self.weights[layout.input..layout.carry].chunks_exact(3 * hidden);
        for (input, row) in input.iter().zip(rows) {
            add(gates, *input, row);
        }
        let (ways, candidate) = gates.split_at_mut(2 * hidden);
        let rows = self.weights[layout.carry..layout.reset].chunks_exact(2 * hidden);
        for (before, row) in before.iter().zip(rows) {
            add(ways, *before, row);
        }
        ways.iter_mut().for_each(|gate| *gate = 0.5 + 0.5 * tanh(0.5 * *gate));
        let (update, reset) = ways.split_at(hidden);
        let rows = self.weights[layout.reset..layout.bias].chunks_exact(hidden);
        for ((before, reset), row) in before.iter().zip(reset).zip(rows) {
            add(candidate, reset * before, row);
        }
        candidate.iter_mut().for_each(|candidate| *candidate = tanh(*candidate));
        for (((after, before), update), candidate) in after.iter_mut().zip(before).zip(update).zip(&*candidate) {
            *after = candidate + update * (before - candidate);
        }
    }

    /// What the head makes of what is carried.
    fn say(&self, carried: &[f32], said: &mut [f32]) {
        let layout = self.shape.layout();
        said.copy_from_slice(&self.weights[layout.offset..]);
        let rows = self.weights[layout.head..layout.offset].chunks_exact(self.shape.outputs);
        for (carried, row) in carried.iter().zip(rows) {
            add(said, *carried, row);
        }
    }

    /// It as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        packed::pack(self).expect("numbers and bytes have a form in CBOR")
    }

    /// What [`Gru::to_bytes`] made `bytes` of; `None` when they are damaged.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        packed::unpack(bytes).ok()
    }
}

/// Adds `factor` times `row` to `sum`.
fn add(sum: &mut [f32], factor: f32, row: &[f32]) {
    sum.iter_mut()
        .zip(row)
        .for_each(|(sum, weight)| *sum += factor * weight);
}

/// Hyperbolic tangent by the first seven terms of Lambert's continued fraction, off by less than 1e−4: multiplications and one division, so
/// that it is the same on every machine and several are worked out at once.
fn tanh(x: f32) -> f32 {
    let x = x.clamp(-4.97, 4.97);
    let square = x * x;
    let over = x * (135_135.0 + square * (17_325.0 + square * (378.0 + square)));
    over / (135_135.0 + square * (62_370.0 + square * (3_150.0 + square * 28.0)))
}

#[cfg(test)]
mod tests;
