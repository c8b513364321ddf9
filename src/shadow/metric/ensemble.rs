//! Members' weights, and how their forecasts become one.

/// Weights from mean losses (NaN: not known, weight 0) over `count` independent forecasts: exp(−4 (loss / best − 1)), drawn to equal
/// weights by two forecasts' worth (exponential weighting: Cesa-Bianchi & Lugosi, Prediction, Learning, and Games, 2006, ch. 2). They sum to 1.
#[must_use]
pub fn weigh(losses: &[f64], count: f64) -> Vec<f64> {
    let finite = || losses.iter().copied().filter(|loss| loss.is_finite());
    let best = finite().fold(f64::INFINITY, f64::min);
    let known = finite().count() as f64;
    if known == 0.0 {
        return vec![1.0 / losses.len() as f64; losses.len()];
    }
    let raw = |loss: f64| (-4.0 * (loss / best.max(f64::MIN_POSITIVE) - 1.0).clamp(0.0, 100.0)).exp();
    let total: f64 = finite().map(raw).sum();
    let trust = count / (count + 2.0);
    let weight = |loss: f64| trust * raw(loss) / total + (1.0 - trust) / known;
    losses
        .iter()
        .map(|loss| if loss.is_finite() { weight(*loss) } else { 0.0 })
        .collect()
}

/// The weighted median of `said` (forecast and weight; put in order by this); `None` when no weight is above zero.
///
/// A median, because then a forecast is one that a member made: where a series stays at one value the forecast is that value and not
/// near it, and one member led astray by a burst does not draw the others along.
#[must_use]
pub fn combine(said: &mut [(f64, f64)]) -> Option<f64> {
    said.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = said.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    for (place, (value, weight)) in said.iter().enumerate().filter(|(_, (_, weight))| *weight > 0.0) {
        below += weight;
        if below > half * (1.0 + 1e-9) {
            return Some(*value);
        }
        if below >= half * (1.0 - 1e-9) {
            let next = said[place + 1..].iter().find(|(_, weight)| *weight > 0.0);
            return Some(next.map_or(*value, |(next, _)| f64::midpoint(*value, *next)));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_member_weighs_more_and_an_unknown_one_nothing() {
        let weights = weigh(&[1.0, 2.0, f64::NAN], 1_000.0);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[0] > 0.9 && weights[1] > 0.0 && weights[2] == 0.0, "{weights:?}");
        assert_eq!(weigh(&[f64::NAN, f64::NAN], 5.0), [0.5, 0.5]);
        assert_eq!(weigh(&[0.0, 0.0], 5.0), [0.5, 0.5]);
    }

    #[test]
    fn the_middle_is_a_value_that_was_said() {
        assert_eq!(combine(&mut [(9.0, 0.3), (0.0, 0.7)]), Some(0.0));
        assert_eq!(combine(&mut [(4.0, 0.5), (0.0, 0.5)]), Some(2.0));
        assert_eq!(combine(&mut [(1.0, 0.2), (5.0, 0.5), (9.0, 0.3)]), Some(5.0));
        assert_eq!(combine(&mut [(1.0, 0.0)]), None);
        assert_eq!(combine(&mut []), None);
    }
}
