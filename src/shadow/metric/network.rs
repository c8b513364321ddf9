//! What other series went on like.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Member, history::History, median, profile::Profile};
use crate::{
    domain::{Span, Timestamp},
    shadow::gru::{Gru, Shape, Trainer, pinball},
};

/// A recurrent network that is learnt from many series at once (a global model; Salinas et al. 2020, Int. J. Forecasting 36), each in units of
/// its own newest moves: from how far from usual the newest steps were, looked at the more closely the newer they are, it says for each of a
/// few distances how much of that stays, as quantiles (Wen et al. 2017, arXiv:1711.11053).
///
/// It is kept as of several times, so that a backtest asks weights that knew nothing of what came after.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// By the time until which they were learnt from, rising; at most [`Network::KEPT`].
    fits: Vec<(Timestamp, Gru)>,
}

/// The forecasts of a [`Network`].
pub struct Recurrent {
    network: Arc<Network>,
    /// Shortest season first.
    usual: Vec<Arc<Profile>>,
}

/// A moment of a series as the network sees it.
struct Scene<'a> {
    history: &'a History,
    origin: usize,
    /// The season it is held against, and the level where there is none.
    profile: Option<&'a Profile>,
    level: f64,
    /// Size of usual deviations, above 0.
    scale: f64,
}

/// Steps that are looked at as one, and how many of these blocks there are, oldest first: 172 steps.
const BLOCKS: [(usize, usize); 3] = [(16, 8), (4, 8), (1, 12)];
const BACK: usize = 16 * 8 + 4 * 8 + 12;
/// Deviation; what is usual less what is usual now; hour and weekday as places on a circle; size of the block.
const INPUTS: usize = 7;
const HIDDEN: usize = 12;
/// Distances it is asked for, steps.
const ANCHORS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// By distance: what stays of the newest deviation and of those of the newest twelve steps, and what comes to it; how far below and above that
/// the outer quantiles lie.
const SAID: usize = 5;
/// The quantiles learnt, besides the median.
const OUTER: [f32; 2] = [0.1, 0.9];
/// Deviations beyond, in usual ones, count as that.
const FAR: f64 = 30.0;

/// How a [`Network`] is learnt, a few steps at a time, from series that are handed over at each of them. Serialised it goes on as if it had not
/// stopped.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Training {
    network: Arc<Network>,
    gru: Gru,
    trainer: Trainer,
    /// Until when the parts of this round are learnt, next first, and steps made in it.
    parts: Vec<Timestamp>,
    made: usize,
    /// Steps of each part.
    each: usize,
    /// When the last round began.
    began: Option<Timestamp>,
    rng: u64,
}

impl Network {
    /// As of how many times it is kept.
    const KEPT: usize = 6;
}

impl Training {
    /// The member that forecasts with it.
    pub const MEMBER: &str = Recurrent::NAME;
    /// Steps of learning in a round.
    pub const ROUND: usize = 2_000;
    /// Time between the beginnings of two rounds.
    const EVERY: Span = Span::from_days(1);
    /// Parts of the past at whose ends it is kept in the first round, in shares of it.
    const PARTS: [f64; 4] = [0.33, 0.55, 0.77, 1.0];
    /// Sequences in a step of learning.
    const BATCH: usize = 16;
    /// Length of the first steps of a round, and of the last.
    const RATES: [f32; 2] = [0.03, 0.003];
    /// Values needed of a series.
    const LEAST: usize = 24;

    /// Of a network that knows nothing yet. The same seed and the same series give the same bits.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let outputs = SAID * ANCHORS.len();
        let shape = Shape {
            inputs: INPUTS,
            hidden: HIDDEN,
            outputs,
        };
        Self {
            network: Arc::default(),
            gru: Gru::new(shape, seed),
            trainer: Trainer::new(),
            parts: Vec::new(),
            made: 0,
            each: 1,
            began: None,
            rng: seed,
        }
    }

    /// What it made so far; what a round learns is seen when one of its parts is over.
    #[must_use]
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Whether there is something to learn at `now`: a round has not ended, or the next one is due. A clock set back far also asks for one.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> bool {
        let over = |began: Timestamp| (now - began).0.saturating_abs() >= Self::EVERY.0;
        !self.parts.is_empty() || self.began.is_none_or(over)
    }

    /// Makes `steps` steps of a round of `round` from `series`, drawn alike often, of any lengths of step; begins a round where none is on. Without
    /// any that moves nothing is learnt.
    pub fn learn(&mut self, series: &[History], steps: usize, round: usize, now: Timestamp) {
        let held = series.iter().filter(|history| history.len() >= Self::LEAST);
        let (start, end) = (
            held.clone().map(|history| history.at(0)).min(),
            held.map(|history| history.end).max(),
        );
        let Some((start, end)) = start.zip(end) else { return };
        if self.parts.is_empty() {
            let first = self.network.fits.is_empty();
            let shares = if first { &Self::PARTS[..] } else { &Self::PARTS[3..] };
            let until = |share: &f64| start + Span(((end - start).0 as f64 * share) as i64);
            self.parts = shares.iter().map(until).collect();
            self.made = 0;
            self.each = (round / shares.len()).max(1);
            self.began = Some(now);
        }
        let usual: Vec<Vec<Arc<Profile>>> = series.iter().map(profiles).collect();
        for _ in 0..steps {
            let Some(until) = self.parts.first().copied() else {
                return;
            };
            self.step(series, &usual, until, self.made as f32 / round as f32);
            self.made += 1;
            if self.made.is_multiple_of(self.each) {
                self.parts.remove(0);
                let network = Arc::make_mut(&mut self.network);
                network.fits.retain(|(before, _)| *before < until);
                network.fits.push((until, self.gru.clone()));
                let surplus = network.fits.len().saturating_sub(Network::KEPT);
                network.fits.drain(..surplus);
            }
        }
    }

    /// One step of learning from what was known at `until`, this share of the round after its beginning.
    fn step(&mut self, series: &[History], usual: &[Vec<Arc<Profile>>], until: Timestamp, share: f32) {
        let mut rng = fastrand::Rng::with_seed(self.rng);
        let mut sequence = Vec::with_capacity(INPUTS * BACK);
        for _ in 0..Self::BATCH {
            let which = rng.usize(..series.len());
            let history = &series[which];
            let known = history.known(until);
            if known < Self::LEAST {
                continue;
            }
            let Some(scene) = Scene::new(history, &usual[which], rng.usize(Self::LEAST / 2..known)) else {
                continue;
            };
            scene.sequence(&mut sequence);
            let last = sequence.len() / INPUTS - 1;
            let mut loss = |_: usize, said: &[f32], gradient: &mut [f32]| scene.loss(known, said, gradient);
            // A sequence that is not finite teaches nothing.
            let _ = self.trainer.learn(&self.gru, &sequence, last, &mut loss);
        }
        self.trainer.update(
            &mut self.gru,
            Self::RATES[0] + (Self::RATES[1] - Self::RATES[0]) * share.min(1.0),
        );
        self.rng = rng.u64(..);
    }
}

/// The profiles of the seasons a history held twice, shortest first.
fn profiles(history: &History) -> Vec<Arc<Profile>> {
    let seasons = history
        .seasons()
        .into_iter()
        .filter(|season| history.len() >= 2 * season);
    seasons.map(|season| Arc::new(Profile::new(history, season))).collect()
}

impl<'a> Scene<'a> {
    /// What is known after the first `origin` values; `None` where nothing moves.
    fn new(history: &'a History, usual: &'a [Arc<Profile>], origin: usize) -> Option<Self> {
        let start = origin.checked_sub(1)?.min(origin.saturating_sub(BACK));
        let profile = usual.iter().rev().find(|profile| origin >= 2 * profile.period());
        let mut scene = Self {
            history,
            origin,
            profile: profile.map(|profile| &**profile),
            level: 0.0,
            scale: 1.0,
        };
        if profile.is_none() {
            let mut newest = history.filled[origin.saturating_sub(48)..origin].to_vec();
            scene.level = median(&mut newest)?;
        }
        let sizes: f64 = (start..origin).map(|place| scene.off(place).abs()).sum();
        scene.scale = sizes / (origin - start) as f64;
        (scene.scale.is_finite()
            && scene.scale > 1e-9 * history.filled[origin - 1].abs()
            && scene.scale > f64::MIN_POSITIVE)
            .then_some(scene)
    }

    /// What is usual at `place`, which lies before the origin or within a season after it.
    fn usual(&self, place: usize) -> f64 {
        match self.profile {
            Some(profile) if place >= self.origin => profile.at(self.origin, place + 1 - self.origin),
            Some(profile) => profile.usual(place..place + 1)[0],
            None => self.level,
        }
    }

    fn off(&self, place: usize) -> f64 {
        let usual = self.usual(place);
        // In the first season nothing is usual yet.
        if usual.is_finite() {
            self.history.filled[place] - usual
        } else {
            0.0
        }
    }

    /// A deviation in usual ones.
    fn measured(&self, off: f64) -> f32 {
        (off / self.scale).clamp(-FAR, FAR) as f32
    }

    /// The newest deviation, and the mean of the newest twelve.
    fn newest(&self) -> [f32; 2] {
        let mean = |count: usize| {
            let start = self.origin.saturating_sub(count);
            (start..self.origin).map(|place| self.off(place)).sum::<f64>() / (self.origin - start) as f64
        };
        [self.measured(mean(1)), self.measured(mean(12))]
    }

    /// The inputs, block after block.
    fn sequence(&self, inputs: &mut Vec<f32>) {
        inputs.clear();
        let now = self.usual(self.origin);
        let mut back = BACK;
        for (size, count) in BLOCKS {
            for _ in 0..count {
                let places = self.origin.saturating_sub(back)..self.origin.saturating_sub(back - size);
                let known = places.len().max(1) as f64;
                let (mut off, mut usual) = (0.0, 0.0);
                for place in places.clone() {
                    off += self.off(place);
                    let here = self.usual(place);
                    usual += if here.is_finite() { here - now } else { 0.0 };
                }
                let at = self.history.at(places.start).0;
                let turn = |span: Span| at.rem_euclid(span.0) as f32 / span.0 as f32 * std::f32::consts::TAU;
                let (day, week) = (turn(Span::from_days(1)), turn(Span::from_days(7)));
                inputs.extend([
                    self.measured(off / known).asinh(),
                    self.measured(usual / known).asinh(),
                    day.sin(),
                    day.cos(),
                    week.sin(),
                    week.cos(),
                    (size as f32).log2() / 4.0,
                ]);
                back -= size;
            }
        }
    }

    /// Pinball loss of all distances that lie within the first `known` values.
    fn loss(&self, known: usize, said: &[f32], gradient: &mut [f32]) -> f32 {
        let newest = self.newest();
        let mut all = 0.0;
        let slots = said.chunks(SAID).zip(gradient.chunks_mut(SAID));
        for (ahead, (said, gradient)) in ANCHORS.iter().zip(slots) {
            let place = self.origin + ahead - 1;
            if place >= known || !self.history.seen[place].is_finite() {
                continue;
            }
            let came = self.measured(self.off(place));
            let middle = middle(&newest, said);
            let (loss, mut slope) = pinball(0.5, middle, came);
            all += loss;
            for (side, level) in OUTER.into_iter().enumerate() {
                let sign = if side == 0 { -1.0 } else { 1.0 };
                let (apart, steep) = softplus(said[3 + side]);
                let (loss, outer) = pinball(level, middle + sign * apart, came);
                all += loss;
                slope += outer;
                gradient[3 + side] = sign * outer * steep;
            }
            gradient[..3].copy_from_slice(&[slope * newest[0], slope * newest[1], slope]);
        }
        all
    }
}

/// The median that outputs mean, in usual deviations.
fn middle(newest: &[f32; 2], said: &[f32]) -> f32 {
    said[0] * newest[0] + said[1] * newest[1] + said[2]
}

/// A number above zero that grows with `x`, and how steeply.
fn softplus(x: f32) -> (f32, f32) {
    let x = x.clamp(-30.0, 30.0);
    (x.exp().ln_1p(), 1.0 / (1.0 + (-x).exp()))
}

impl Recurrent {
    /// Its name.
    pub const NAME: &str = "gru";

    /// With what was learnt, and with what is usual in the seasons of the history.
    #[must_use]
    pub fn new(network: Arc<Network>, usual: Vec<Arc<Profile>>) -> Self {
        Self { network, usual }
    }
}

impl Member for Recurrent {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn forecast(&self, history: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        let known = history.at(origin - 1);
        let fit = self.network.fits.iter().rev().find(|(until, _)| *until <= known);
        let said = fit
            .zip(Scene::new(history, &self.usual, origin))
            .and_then(|((_, gru), scene)| {
                let mut sequence = Vec::new();
                scene.sequence(&mut sequence);
                Some((gru.run(&sequence, sequence.len() / INPUTS - 1)?, scene))
            });
        let Some((said, scene)) = said else {
            out.fill(f64::NAN);
            return;
        };
        let newest = scene.newest();
        let at = |anchor: usize| f64::from(middle(&newest, &said[anchor * SAID..][..SAID]));
        for (ahead, out) in ahead.iter().zip(out) {
            // Anchors double, so what lies between two of them lies evenly on a logarithmic scale.
            let place = (*ahead as f64).log2().clamp(0.0, (ANCHORS.len() - 1) as f64);
            let (near, share) = (at(place as usize), place.fract());
            let far = at((place as usize + 1).min(ANCHORS.len() - 1));
            *out = scene.usual(origin + ahead - 1) + scene.scale * (near + share * (far - near));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::packed,
        shadow::metric::{Chosen, Members, member::Panel, normal, outlook::Outlook},
    };

    /// Bursts that rise to ten in a step and are over after three: what only a series' own errors tell an autoregression late.
    fn bursts(seed: u64, len: usize) -> History {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut left = 0;
        let mut next = || {
            left = if left > 0 {
                left - 1
            } else if rng.f64() < 0.08 {
                3
            } else {
                0
            };
            let burst = if left > 0 { 10.0 } else { 0.0 };
            100.0 * seed as f64 + burst + 0.3 * normal::draw(&mut rng)
        };
        History::new((0..len).map(|_| next()).collect(), Span::from_mins(10)).until(Timestamp(Span::from_days(20).0))
    }

    fn trained(series: &[History], steps: usize) -> Training {
        let mut training = Training::new(3);
        training.learn(series, steps, steps, Timestamp(0));
        training
    }

    fn said(network: &Arc<Network>, history: &History, origin: usize) -> Vec<f64> {
        let mut out = vec![0.0; 3];
        Recurrent::new(network.clone(), Vec::new()).forecast(history, origin, &[1, 3, 300], &mut out);
        out
    }

    #[test]
    fn what_other_series_do_is_known_of_one_never_learnt_from() {
        let series: Vec<History> = (1..5).map(|seed| bursts(seed, 600)).collect();
        let training = trained(&series, 1_000);
        let new = bursts(9, 600);
        let (mut last, mut off) = (0.0, 0.0);
        for origin in 200..599 {
            let came = new.filled[origin];
            off += (said(training.network(), &new.clone().until(Timestamp(i64::MAX / 4)), origin)[0] - came).abs();
            last += (new.filled[origin - 1] - came).abs();
        }
        assert!(off < 0.9 * last, "{off} {last}");
    }

    #[test]
    fn asked_from_an_origin_it_knows_nothing_of_what_came_after() {
        let early = bursts(1, 600);
        let mut late = early.clone();
        late.filled[400..].iter_mut().for_each(|value| *value *= -3.0);
        late.seen = late.filled.clone();
        let ask = |history: &History| said(trained(std::slice::from_ref(history), 80).network(), history, 400);
        let (one, other) = (ask(&early), ask(&late));
        assert!(
            one.iter().all(|said| said.is_finite()) && one == other,
            "{one:?} {other:?}"
        );
        assert!(said(trained(std::slice::from_ref(&early), 80).network(), &early, 100)[0].is_nan());
    }

    #[test]
    fn a_round_in_pieces_is_the_same_as_at_once_and_ends() {
        let series = [bursts(1, 300), bursts(2, 300)];
        let mut pieces = Training::new(3);
        let mut steps = 0;
        while pieces.due(Timestamp(0)) {
            pieces.learn(&series, 8, 80, Timestamp(0));
            pieces = packed::unpack(&packed::pack(&pieces).unwrap()).unwrap();
            steps += 8;
        }
        assert_eq!((steps, pieces.network()), (80, trained(&series, 80).network()));
        let day = Timestamp(0) + Training::EVERY;
        assert!(!pieces.due(day - Span(1)) && pieces.due(day));
        // The next round adds to what is known, and what is known as of an earlier time stays.
        pieces.learn(
            &series.map(|history| history.until(Timestamp(Span::from_days(21).0))),
            80,
            80,
            day,
        );
        let fits = &pieces.network().fits;
        assert!(fits.len() == 5 && fits[..4] == trained(&[bursts(1, 300), bursts(2, 300)], 80).network().fits[..]);
    }

    #[test]
    fn of_constants_and_of_nothing_nothing_is_learnt() {
        let constant = History::new(vec![7.0; 300], Span::from_mins(10));
        for series in [vec![], vec![constant.clone()], vec![History::new(vec![1.0], Span(0))]] {
            let training = trained(&series, 1_000);
            assert!(
                said(training.network(), &constant, 300)
                    .iter()
                    .all(|said| said.is_nan())
            );
        }
    }

    #[test]
    fn it_is_weighed_like_any_other_and_goes_on_after_a_restart() {
        let history = bursts(1, 600);
        let chosen = Chosen {
            members: Members::of(["last value", "robust level", Recurrent::NAME]),
            network: Some(trained(&[bursts(2, 600), bursts(3, 600)], 200).network().clone()),
        };
        let history = history.until(Timestamp(Span::from_days(40).0));
        let (outlook, _) = Outlook::learn(&history, &chosen, 48);
        let weight = |outlook: &Outlook| outlook.spreads.weights(0).last().unwrap();
        assert!(weight(&outlook) > 0.1, "{}", weight(&outlook));
        let mut back: Outlook = packed::unpack(&packed::pack(&outlook).unwrap()).unwrap();
        let said = |outlook: &Outlook| outlook.forecast(&Panel::recall(&history, &outlook.learnt), &history, &[1]);
        assert_ne!(said(&back), said(&outlook));
        back.learnt.chosen.network = chosen.network;
        assert_eq!(said(&back), said(&outlook));
    }
}
