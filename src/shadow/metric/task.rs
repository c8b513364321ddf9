//! Forecasts of a series of which nothing but its values is known.

use super::{Chosen, MetricShadow, Training, history::History, member::Panel, network::Recurrent, outlook::Outlook};
use crate::domain::{Quantiles, Span, Timestamp};

/// Steps the network learns from a series alone.
const UPDATES: usize = 240;

/// Distributions of the next `horizon` values of a series with one value every `step` (oldest first; what is not finite is a gap), by
/// the members, weights and errors that a [`MetricShadow`] uses on each of its grids. Of a series without any value all are zero.
///
/// Bounds are taken from the values: what was never negative stays so, what lay in 0 to 100 and came up to 100 is a percentage, and
/// what was always whole stays whole.
#[must_use]
pub fn foretell(mut values: Vec<f64>, step: Span, horizon: usize, chosen: &Chosen) -> Vec<Quantiles> {
    let huge = |value: &mut f64| *value = value.clamp(-MetricShadow::HUGE, MetricShadow::HUGE);
    values.iter_mut().filter(|value| value.is_finite()).for_each(huge);
    let known = || values.iter().copied().filter(|value| value.is_finite());
    let least = known().fold(f64::INFINITY, f64::min);
    let most = known().fold(f64::NEG_INFINITY, f64::max);
    // Differences of whole numbers beyond these are not whole any more.
    let whole = known().all(|value| value.fract() == 0.0 && value.abs() < 1e15);
    let lo = if least >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    let hi = if least >= 0.0 && most > 99.0 && most <= 100.0 {
        100.0
    } else {
        f64::INFINITY
    };
    let history = History::new(values, step);
    let ahead: Vec<usize> = (1..=horizon).collect();
    let mut chosen = chosen.clone();
    if chosen.members.has(Recurrent::NAME) && chosen.network.is_none() {
        let alone = std::slice::from_ref(&history);
        let mut training = Training::new(1);
        training.learn(alone, UPDATES, UPDATES, Timestamp(0));
        chosen.network = Some(training.network().clone());
    }
    let (outlook, _) = Outlook::learn(&history, &chosen, horizon);
    let said = outlook
        .forecast(&Panel::recall(&history, &outlook.learnt), &history, &ahead)
        .unwrap_or_else(|| Outlook::untested(&history, &ahead));
    let tidy = |quantiles: [f64; 13]| {
        let quantiles = if whole { quantiles.map(f64::round) } else { quantiles };
        Quantiles(quantiles).tidy(lo, hi)
    };
    said.into_iter().map(tidy).collect()
}
