//! Members' weights, and how their forecasts become one.

/// Share of the weight that is cut off at either end.
const TRIM: f64 = 0.25;

/// Weights from mean absolute losses (NaN: not known, weight 0): losses to the power of −`power`, after Bates & Granger 1969 (Operational
/// Research Quarterly 20), whose power is 2 for standard deviations. They sum to 1.
#[must_use]
pub fn weigh(losses: &[f64], power: i32) -> Vec<f64> {
    let finite = || losses.iter().copied().filter(|loss| loss.is_finite());
    let best = finite().fold(f64::INFINITY, f64::min);
    if best == f64::INFINITY {
        return vec![1.0 / losses.len() as f64; losses.len()];
    }
    let raw = |loss: f64| {
        if loss <= best {
            1.0
        } else {
            // Of no loss at all the others are infinitely far.
            (best / loss).powi(power)
        }
    };
    let total: f64 = finite().map(raw).sum();
    let weight = |loss: &f64| if loss.is_finite() { raw(*loss) / total } else { 0.0 };
    losses.iter().map(weight).collect()
}

/// What the forecasts `said` (with weights; NaN is left out; put in order by this) say together: the mean of those in the middle half of
/// the weight (a trimmed mean; Jose & Winkler 2008, Int. J. Forecasting 24). `None` when no weight is above zero.
///
/// One member led astray by a burst does not draw the others along, and where most say the same value, as of a series that stays at it, it
/// is exactly that value.
#[must_use]
pub fn combine(said: &mut Vec<(f64, f64)>) -> Option<f64> {
    said.retain(|(value, weight)| value.is_finite() && *weight > 0.0);
    said.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = said.iter().map(|(_, weight)| weight).sum();
    let (low, high) = (TRIM * total, (1.0 - TRIM) * total);
    let (mut below, mut origin, mut sum) = (0.0, None, 0.0);
    for (value, weight) in said.iter() {
        let upto = below + weight;
        let share = upto.min(high) - f64::max(below, low);
        if share > 0.0 {
            // Relative to the first of them, so that equal values have exactly themselves as their mean.
            sum += share * (value - *origin.get_or_insert(*value));
        }
        below = upto;
    }
    origin.map(|origin| origin + sum / (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_member_weighs_more_and_an_unknown_one_nothing() {
        let weights = weigh(&[1.0, 2.0, f64::NAN], 4);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[0] > 0.9 && weights[1] > 0.0 && weights[2] == 0.0, "{weights:?}");
        assert_eq!(weigh(&[f64::NAN, f64::NAN], 4), [0.5, 0.5]);
        assert_eq!(weigh(&[0.0, 0.0, 1.0], 4), [0.5, 0.5, 0.0]);
    }

    #[test]
    fn the_middle_is_what_most_say_and_else_the_mean_of_the_middle() {
        assert_eq!(combine(&mut vec![(9.0, 0.15), (0.1, 0.85)]), Some(0.1));
        assert_eq!(combine(&mut vec![(4.0, 0.5), (0.0, 0.5)]), Some(2.0));
        let three = combine(&mut vec![(1.0, 0.2), (f64::NAN, 3.0), (9.0, 0.2), (5.0, 0.6)]);
        assert!((three.unwrap() - 5.0).abs() < 1e-12);
        assert_eq!(combine(&mut vec![(1.0, 0.0)]), None);
        assert_eq!(combine(&mut vec![]), None);
    }
}
