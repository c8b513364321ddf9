//! Numbers in two bytes.

use serde::{Deserialize, Serialize};

/// A number as the first two bytes of its single precision (bfloat16), rounded away from zero: at most 0.8 % more, whole numbers to 256
/// exactly as they are, and an order that stays. Bands made of such errors hold no less than those of the errors themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bfloat16(u16);

impl Bfloat16 {
    /// Of a number from −10³⁸ to 10³⁸.
    #[must_use]
    pub fn of(value: f64) -> Self {
        Self(((value as f32).to_bits().saturating_add(0xFFFF) >> 16) as u16)
    }

    /// A number of the same order, which sorts quickly.
    #[must_use]
    pub fn rank(self) -> u16 {
        if self.0 >> 15 == 0 { self.0 | 1 << 15 } else { !self.0 }
    }

    /// The number of a rank.
    #[must_use]
    pub fn ranked(rank: u16) -> Self {
        Self(if rank >> 15 == 1 { rank & !(1 << 15) } else { !rank })
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(f32::from_bits(u32::from(self.0) << 16))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_and_nothing_stay_as_they_are() {
        for value in -256..=256 {
            assert_eq!(Bfloat16::of(f64::from(value)).value(), f64::from(value));
        }
        assert_eq!(Bfloat16::of(1e30).value().signum(), 1.0);
    }

    proptest! {
        #[test]
        fn it_is_hardly_more_and_never_less_and_in_order(a in -1e30..1e30_f64, b in -9.0..9.0_f64) {
            for value in [a, b] {
                let held = Bfloat16::of(value).value();
                prop_assert!(held.abs() >= value.abs() * (1.0 - 1e-6) && held.abs() <= value.abs() * 1.0079 && held * value >= 0.0);
            }
            let (one, other) = (Bfloat16::of(a), Bfloat16::of(b));
            prop_assert_eq!(one.value() < other.value(), one.rank() < other.rank());
            prop_assert_eq!(Bfloat16::ranked(one.rank()), one);
            prop_assert!((a <= b) == (Bfloat16::of(a).value() <= Bfloat16::of(b).value()) || (a - b).abs() <= 0.01 * a.abs().max(b.abs()));
        }
    }
}
