//! What a change makes of parts stays within what it makes of their whole.

use super::draw::Drawn;
use crate::{
    domain::{Forecast, SeriesId},
    shadow::{whole_of, within},
};

/// Levels of an effect's three figures: 10, 50 and 90 %.
const FIGURES: [usize; 3] = [2, 6, 10];

/// Holds each part among `results` within its whole, where that is there too: laws of parts are learnt one by one, and may take more than there is.
pub(super) fn hold(results: &mut [Drawn]) {
    let held: Vec<Option<Forecast>> = results.iter().map(|part| kept(part, results)).collect();
    for (part, held) in results.iter_mut().zip(held) {
        if let Some(held) = held.filter(|held| *held != part.after) {
            part.hold(held);
        }
    }
}

/// What is drawn of `part` within its whole; `None` where that is not among `results`.
fn kept(part: &Drawn, results: &[Drawn]) -> Option<Forecast> {
    let id = &part.effect.series;
    let (whole, parts) = whole_of(&id.name)?;
    let after = |name: &str| {
        let beside = SeriesId::new(&id.resource, name);
        let found = results.iter().find(|drawn| drawn.effect.series == beside);
        found.map(|drawn| &drawn.after)
    };
    let others = parts.iter().filter(|other| ***other != *id.name);
    let others: Vec<&Forecast> = others.filter_map(|other| after(other)).collect();
    Some(within(part.after.clone(), &others, after(whole)?))
}

impl Drawn {
    /// Puts `after` in the place of what was drawn.
    fn hold(&mut self, after: Forecast) {
        let effect = &mut self.effect;
        let steps = after.steps.len() as f64;
        effect.after = FIGURES.map(|level| after.steps.iter().map(|step| step.0[level]).sum::<f64>() / steps);
        let [low, was, high] = effect.difference;
        let is = effect.after[1] - effect.before[1];
        let share = is / was;
        // A change that now leads the other way is as sure as its figures.
        effect.difference = match share.is_finite() && share >= 0.0 {
            true => [low * share, is, high * share],
            false => [is; 3],
        };
        self.after = after;
    }
}
