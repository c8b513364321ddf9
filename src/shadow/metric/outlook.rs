//! What a grid has learnt of its own future.

use serde::{Deserialize, Serialize};

use super::{
    MetricShadow,
    backtest::backtest,
    ensemble::combine,
    history::History,
    member::{Chosen, Learnt, Panel},
    spread::{Spreads, quantiles},
    trend::Trend,
};
use crate::domain::{LEVELS, Quantiles};

/// What the last refit learnt: what members keep, and from a backtest what each weighs and how far off they are together, by distance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outlook {
    /// What members keep.
    pub learnt: Learnt,
    /// Weights and errors by distance.
    pub spreads: Spreads,
}

impl Outlook {
    /// Most steps that members are asked for; what lies farther has their last value.
    const FARTHEST: usize = 4_096;
    /// Values looked at for the spread of all that was seen, evenly spread over the history.
    const LOOKED_AT: usize = 512;
    /// A value less likely than this, by tails that fall exponentially, was never meant: once in two weeks of seconds.
    const UNREASONABLE: f64 = 1e-6;

    /// Lets those `chosen` learn from `history` to forecast up to `farthest` steps; also each member's mean absolute error one step ahead (NaN where unknown).
    #[must_use]
    pub fn learn(history: &History, chosen: &Chosen, farthest: usize) -> (Self, Vec<f64>) {
        let panel = Panel::learn(history, chosen);
        let tested = backtest(&panel, history, farthest);
        let outlook = Self {
            learnt: panel.learnt,
            spreads: tested.spreads,
        };
        (outlook, tested.nearest)
    }

    /// Distributions at [`LEVELS`], by members set up as `panel`, of the steps asked for (counted from 1 after the end of `history`, rising), finite, rising
    /// over the levels up to rounding; `None` before there was enough to test on.
    #[must_use]
    pub fn forecast(&self, panel: &Panel, history: &History, ahead: &[usize]) -> Option<Vec<[f64; 13]>> {
        let reach = self.spreads.reach();
        if history.len() == 0 || reach == 0 {
            return None;
        }
        let walk = self.broke(panel, history).then(|| Self::untested(history, ahead));
        let asked: Vec<usize> = ahead.iter().map(|ahead| (*ahead).min(Self::FARTHEST)).collect();
        let paths = panel.forecast(history, history.len(), &asked);
        let seen = if ahead.last().is_some_and(|farthest| *farthest > reach) {
            Self::seen(history)
        } else {
            [0.0; 13]
        };
        let (least, most) = history.range();
        let power = history.longer.map_or_else(|| self.spreads.growth(), |(power, _)| power);
        // Errors of a slope that is known need not grow; values go on along it.
        let values = history.growth((reach / 4).max(1), reach).unwrap_or(0.5).max(power);
        let grown = |ahead: usize, power: f64| farther(ahead, reach, power, history);
        let mut said = Vec::with_capacity(panel.members.len());
        let mut one = |(place, ahead_steps): (usize, &usize)| {
            let known = self.spreads.at(*ahead_steps, &seen, grown(*ahead_steps, power))?;
            said.clear();
            let forecasts = paths.chunks(ahead.len()).map(|path| path[place]);
            said.extend(forecasts.zip(known.weights));
            let middle = combine(&mut said).unwrap_or(history.filled[history.len() - 1]);
            let scale = self.spreads.scale(middle, *ahead_steps);
            // Nothing physical goes much farther beyond all that was seen than that was wide, in a time as long as was tested; in a longer one as
            // much farther as values grow apart.
            let beyond = (most - least) * grown(*ahead_steps, values);
            let within = |value: f64| value.max(least - beyond).min(most + beyond);
            let quantiles = known.errors.map(|error| within(middle + scale * error));
            let learnt = std::array::from_fn(|level| {
                // Records are only as likely as they were.
                let (low, high) = (LEVELS[level] > known.record[0], 1.0 - LEVELS[level] > known.record[1]);
                let quantile = if low {
                    quantiles[level].max(least)
                } else {
                    quantiles[level]
                };
                if high { quantile.min(most) } else { quantile }
            });
            Some(walk.as_ref().map_or(learnt, |walk| either(learnt, walk[place])))
        };
        ahead.iter().enumerate().map(&mut one).collect()
    }

    /// Whether what came since the last refit is beyond all reason of what was said of it: then what was learnt may be over, or what came a
    /// moment's, and nothing says which.
    fn broke(&self, panel: &Panel, history: &History) -> bool {
        let most = (history.fresh + 1).min(self.spreads.reach()).min(history.len() - 1);
        let came = history.seen[history.len() - 1];
        let unlikely = |ahead: usize| {
            let said = self.again(panel, history, history.len() - ahead, ahead)?;
            let (errors, scale) = (
                self.spreads.at(ahead, &[0.0; 13], 1.0)?.errors,
                self.spreads.scale(said, ahead),
            );
            let below = Quantiles(errors.map(|error| said + scale * error))
                .tidy(f64::MIN, f64::MAX)
                .cdf(came);
            Some(below.min(1.0 - below) < Self::UNREASONABLE)
        };
        let doubling = (0..).map(|power| 1 << power).take_while(|ahead| *ahead <= most);
        came.is_finite() && doubling.filter_map(unlikely).any(|unlikely| unlikely)
    }

    /// What all members together, set up as `panel`, would have said `ahead` steps (at least 1) after the first `origin` values (at least 1) of
    /// `history`; `None` before there was enough to test on.
    #[must_use]
    pub fn again(&self, panel: &Panel, history: &History, origin: usize, ahead: usize) -> Option<f64> {
        let known = self.spreads.at(ahead, &[0.0; 13], 1.0)?;
        let said = panel.forecast(history, origin, &[ahead]);
        combine(&mut said.into_iter().zip(known.weights).collect())
    }

    /// What can be said when there is too little to test on: as it was, as unsure as its steps add up to and as all that was seen.
    #[must_use]
    pub fn untested(history: &History, ahead: &[usize]) -> Vec<[f64; 13]> {
        let (seen, last) = (Self::seen(history), history.filled.last().copied().unwrap_or(0.0));
        let steps = history
            .filled
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .chain(history.filled.windows(2).map(|pair| pair[0] - pair[1]));
        let mut steps: Vec<(f64, f64)> = steps.map(|step| (step, 1.0)).collect();
        let step = quantiles(&mut steps, 0.0);
        let far = (history.len() / 3).max(1);
        let power = history.growth(1, far).unwrap_or(0.5);
        let one = |ahead: &usize| {
            let longer = history.longer.map_or(power, |(power, _)| power);
            let walk = ((*ahead).min(far) as f64).powf(power) * farther(*ahead, far, longer, history);
            std::array::from_fn(|level| {
                let (step, seen) = (walk * step[level], seen[level]);
                last + if level < 6 { step.min(seen) } else { step.max(seen) }
            })
        };
        ahead.iter().map(one).collect()
    }

    /// How far all that was seen lay from its level, or from a clear trend: quantiles less their median.
    fn seen(history: &History) -> [f64; 13] {
        let slope = Trend::overall(&history.seen);
        let stride = history.len().div_ceil(Self::LOOKED_AT).max(1);
        let places = (0..history.len()).rev().step_by(stride);
        let off = places.map(|place| (history.seen[place] - slope * place as f64, 1.0));
        let mut sample: Vec<(f64, f64)> = off.filter(|(off, _)| off.is_finite()).collect();
        let seen = quantiles(&mut sample, 0.0);
        seen.map(|value| value - seen[6])
    }
}

/// How many times as far values lie apart `ahead` steps ahead as `from` steps ahead (at least 1), by this power of distance; 1 up to there. Farther than
/// the history carries nobody knows that they keep their level: there they go at least as a random walk.
fn farther(ahead: usize, from: usize, power: f64, history: &History) -> f64 {
    let from = from.max(1) as f64;
    let ahead = (ahead as f64).max(from);
    let held = history.longer.map_or(history.len(), |(_, steps)| steps);
    let carried = (MetricShadow::REACH as f64 * held as f64).clamp(from, ahead);
    (carried / from).powf(power) * (ahead / carried).powf(power.max(0.5))
}

/// Quantiles at [`LEVELS`] where one of two distributions holds, and nobody knows which.
fn either(one: [f64; 13], other: [f64; 13]) -> [f64; 13] {
    // What lies nearest to each level.
    let share = |level: usize| {
        let middle = |at: usize| f64::midpoint(LEVELS[at - 1], LEVELS[at]);
        let (from, to) = (
            if level == 0 { 0.0 } else { middle(level) },
            if level == 12 { 1.0 } else { middle(level + 1) },
        );
        to - from
    };
    let mut sample: Vec<(f64, f64)> = [one, other]
        .iter()
        .flat_map(|values| values.iter().enumerate().map(|(level, value)| (*value, share(level))))
        .collect();
    quantiles(&mut sample, 0.0)
}
