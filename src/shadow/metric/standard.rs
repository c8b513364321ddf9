//! Values in units of their own size.

use serde::{Deserialize, Serialize};

use super::median;

/// What a model measures values by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standard {
    /// The median of the values.
    pub middle: f64,
    /// Their standard deviation about it; above zero.
    pub scale: f64,
    /// The least and the greatest of them, standardised.
    pub range: (f32, f32),
}

impl Standard {
    /// Of values, NaN in gaps; `None` of a constant or of nothing.
    #[must_use]
    pub fn of(seen: &[f64]) -> Option<Self> {
        let mut known: Vec<f64> = seen.iter().copied().filter(|value| value.is_finite()).collect();
        let middle = median(&mut known)?;
        let variance = known.iter().map(|value| (value - middle).powi(2)).sum::<f64>() / known.len() as f64;
        let scale = variance.sqrt();
        // What rounding leaves of a constant is one.
        let varies = scale.is_finite() && scale > 1e-12 * middle.abs() && scale > f64::MIN_POSITIVE;
        let both = |(least, most): (f64, f64), value: &f64| (least.min(*value), most.max(*value));
        let (least, most) = known.iter().fold((f64::INFINITY, f64::NEG_INFINITY), both);
        let [least, most] = [least, most].map(|value| ((value - middle) / scale) as f32);
        varies.then_some(Self {
            middle,
            scale,
            range: (least, most),
        })
    }

    /// A value, standardised.
    #[must_use]
    pub fn z(&self, value: f64) -> f64 {
        (value - self.middle) / self.scale
    }

    /// The value of which `z` is the standardised one.
    #[must_use]
    pub fn value(&self, z: f64) -> f64 {
        self.middle + self.scale * z
    }

    /// A standardised value held to all that was seen and as much again to either side, so that no forecast runs away.
    #[must_use]
    pub fn within(&self, z: f64) -> f64 {
        let (least, most) = (f64::from(self.range.0), f64::from(self.range.1));
        z.clamp(2.0 * least - most, 2.0 * most - least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_stay_within_reach() {
        let standard = Standard::of(&[1.0, f64::NAN, 2.0, 3.0, 4.0, 90.0]).unwrap();
        assert_eq!((standard.middle, standard.z(3.0)), (3.0, 0.0));
        assert!((standard.value(standard.z(77.0)) - 77.0).abs() < 1e-12);
        let far = |value: f64| standard.value(standard.within(standard.z(value)));
        assert!((far(1e9) - 179.0).abs() < 1e-3 && (far(-1e9) + 88.0).abs() < 1e-3);
        assert!((far(100.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_constant_has_no_size() {
        assert_eq!(Standard::of(&[0.1 + 0.2, 0.3, 0.3]), None);
        assert_eq!(Standard::of(&[f64::NAN, 7.0]), None);
        assert_eq!(Standard::of(&[]), None);
    }
}
