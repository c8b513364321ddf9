//! Errors that grow with what is forecast.

use serde::{Deserialize, Serialize};

/// An error of the past: how far off, what had been forecast, and what it counts.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// Actual minus forecast.
    pub error: f64,
    /// The forecast.
    pub said: f64,
    /// Weight, above 0.
    pub count: f64,
}

/// Errors in proportion to the forecast, as of traffic, where nights are quiet and days are not: how large they are at a forecast,
/// relative to other forecasts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proportion {
    /// Mean of the absolute values.
    mean: f64,
    /// The least and the greatest scale tested well.
    tested: (f64, f64),
}

impl Proportion {
    /// What a forecast of zero is still off, as a share of the mean.
    const FLOOR: f64 = 0.2;
    /// Share of the least and of the greatest scales that does not count as tested.
    const FEW: f64 = 0.05;
    /// Levels at which quantiles are compared.
    const LEVELS: [f64; 6] = [0.025, 0.1, 0.3, 0.7, 0.9, 0.975];

    /// Of a series whose absolute values are `mean` in the mean, where its errors (by distance) are told better so than by one width for
    /// all forecasts: by the quantile loss (Koenker & Bassett 1978, Econometrica 46) in hindsight. `None` where they are not.
    #[must_use]
    pub fn choose(mean: f64, distances: &[Vec<Past>]) -> Option<Self> {
        let mut proportion = Self {
            mean,
            tested: (0.0, f64::INFINITY),
        };
        let mut gain = 0.0;
        let mut scales = Vec::new();
        for past in distances {
            let even = loss(past, |_| 1.0);
            let grown = loss(past, |said| proportion.at(said));
            if even > 0.0 && grown > 0.0 {
                gain += (even / grown).ln();
            }
            scales.extend(past.iter().map(|past| proportion.at(past.said)));
        }
        // A level just come to was tested by few: what its errors are is not known.
        let few = (scales.len() as f64 * Self::FEW) as usize;
        scales.sort_unstable_by(f64::total_cmp);
        proportion.tested = (*scales.get(few)?, *scales.get(scales.len() - 1 - few)?);
        (gain > 0.0).then_some(proportion)
    }

    /// How large errors of the forecast `said` are, 1 in the mean.
    #[must_use]
    pub fn at(&self, said: f64) -> f64 {
        let scale = (said.abs() / self.mean + Self::FLOOR) / (1.0 + Self::FLOOR);
        let (least, most) = self.tested;
        if scale.is_finite() {
            scale.max(least).min(most)
        } else {
            1.0
        }
    }
}

/// Quantile loss at [`Proportion::LEVELS`] of the quantiles of these very errors, relative to the scale of each.
fn loss(past: &[Past], scale: impl Fn(f64) -> f64) -> f64 {
    let mut relative: Vec<(f64, f64, f64)> = past
        .iter()
        .map(|past| {
            let scale = scale(past.said);
            (past.error / scale, past.count, scale)
        })
        .collect();
    relative.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let all: f64 = past.iter().map(|past| past.count).sum();
    let mut loss = 0.0;
    for level in Proportion::LEVELS {
        let mut below = 0.0;
        let reaches = |(_, count, _): &&(f64, f64, f64)| {
            below += count;
            below >= level * all
        };
        let quantile = relative
            .iter()
            .find(reaches)
            .or(relative.last())
            .map_or(0.0, |(error, ..)| *error);
        for (error, count, scale) in &relative {
            let off = (error - quantile) * scale;
            loss += count * if off > 0.0 { level * off } else { (level - 1.0) * off };
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(error: impl Fn(f64, f64) -> f64) -> Vec<Vec<Past>> {
        let mut rng = fastrand::Rng::with_seed(9);
        let one = |at: u32| {
            let said = f64::from(1 + at % 20);
            Past {
                error: error(said, rng.f64() - 0.5),
                said,
                count: 1.0,
            }
        };
        vec![(0..200).map(one).collect()]
    }

    #[test]
    fn errors_that_grow_with_the_forecast_are_told_from_those_that_do_not() {
        assert_eq!(Proportion::choose(10.0, &past(|_, noise| noise)), None);
        let grown = Proportion::choose(10.0, &past(|said, noise| said * noise)).unwrap();
        assert!(grown.at(20.0) > 5.0 * grown.at(1.0));
        assert_eq!(grown.at(1e9), grown.at(20.0));
        assert_eq!(grown.at(f64::NAN), 1.0);
    }

    #[test]
    fn of_no_errors_or_of_zeros_nothing_is_told() {
        assert_eq!(Proportion::choose(0.0, &past(|_, noise| noise)), None);
        assert_eq!(Proportion::choose(1.0, &past(|_, _| 0.0)), None);
        assert_eq!(Proportion::choose(1.0, &[]), None);
    }
}
