//! How a metric answers a change.

use crate::domain::{Evidence, Timestamp};

/// Utilisation that a queue is held below: beyond it waiting has no bound, and no figure would be true.
pub(super) const FULL: f64 = 0.99;

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Law {
    /// `floor + (value − floor) × factor` for what is above `floor`: the part that depends on the load, or on the capacity.
    Scale {
        /// What stays when there is no load.
        floor: f64,
        /// 0 or more.
        factor: f64,
        /// Standard deviation of ln(factor).
        unsure: f64,
    },
    /// `top − (top − value) × factor`: what is free, when what is used scales.
    ScaleFree {
        /// All there is.
        top: f64,
        /// Above 0.
        factor: f64,
    },
    /// `value + by`.
    Shift {
        /// In the metric's unit.
        by: f64,
        /// Its standard deviation.
        unsure: f64,
    },
    /// `value × times`, with the doubt on either side of the middle by itself.
    Times([f64; 3]),
}

/// A standard normal at 90 %.
const TENTH: f64 = 1.281_552;

/// A law with where it comes from, and from when on it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Applied {
    pub law: Law,
    pub evidence: Evidence,
    /// Earlier changes that it rests on.
    pub cases: u32,
    pub from: Timestamp,
}

impl Law {
    /// The value after the change; `z` is a standard normal draw for what is unsure.
    pub fn apply(&self, value: f64, z: f64) -> f64 {
        match *self {
            Self::Scale { floor, factor, unsure } if value > floor => {
                floor + (value - floor) * factor * (unsure * z).exp()
            }
            Self::Scale { .. } => value,
            Self::ScaleFree { top, factor } => top - (top - value) * factor,
            Self::Shift { by, unsure } => value + by + unsure * z,
            Self::Times(times) => value * between(times, z),
        }
    }

    /// The value before the change that becomes `after`; infinite where no value does.
    pub fn invert(&self, after: f64, z: f64) -> f64 {
        match *self {
            Self::Scale { floor, factor, unsure } if after > floor => {
                let scale = factor * (unsure * z).exp();
                if scale > 0.0 {
                    floor + (after - floor) / scale
                } else {
                    f64::INFINITY
                }
            }
            Self::Scale { .. } => after,
            Self::ScaleFree { top, factor } => top - (top - after) / factor,
            Self::Shift { by, unsure } => after - by - unsure * z,
            Self::Times(times) => after / between(times, z),
        }
    }

    pub fn unsure(&self) -> bool {
        match *self {
            Self::Scale { unsure, .. } | Self::Shift { unsure, .. } => unsure > 0.0,
            Self::ScaleFree { .. } => false,
            Self::Times([low, _, high]) => low < high,
        }
    }
}

/// The factor at `z`, by its 10, 50 and 90 % values; above 0.
fn between([low, middle, high]: [f64; 3], z: f64) -> f64 {
    let side = if z < 0.0 { middle - low } else { high - middle };
    (middle + side * z / TENTH).max(1e-9)
}

/// Growth of mean waiting in M/M/1 when utilisation goes from `before` to `after`, both 0 to 1: ρ/(1−ρ) after over before
/// (Kleinrock 1975, *Queueing Systems* vol. 1, §3.2).
pub(super) fn waiting_growth(before: f64, after: f64) -> f64 {
    let queue = |utilisation: f64| {
        let held = utilisation.clamp(0.001, FULL);
        held / (1.0 - held)
    };
    queue(after) / queue(before)
}

/// Growth of M/M/1's P(at least one waits) = ρ² when utilisation goes from `before` to `after` (Kleinrock 1975, §3.2).
pub(super) fn pressure_growth(before: f64, after: f64) -> f64 {
    (after.clamp(0.001, FULL) / before.clamp(0.001, FULL)).powi(2)
}

/// Growth of the mean number in M/M/c, served and waiting, when utilisation of `servers` goes from `before` to `after`, 0 to 1:
/// N = cρ + C(c, cρ)·ρ/(1−ρ) with Erlang's C by the recursion of his B (Kleinrock 1975, §3.5; Cooper 1981, ch. 3).
pub(super) fn crowd_growth(before: f64, after: f64, servers: u32) -> f64 {
    let crowd = |utilisation: f64| {
        let held = utilisation.clamp(0.001, FULL);
        let offered = held * f64::from(servers);
        let blocked = (1..=servers).fold(1.0, |b, n| offered * b / (f64::from(n) + offered * b));
        let waits = blocked / (1.0 - held * (1.0 - blocked));
        offered + waits * held / (1.0 - held)
    };
    crowd(after) / crowd(before)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_crowd_grows_as_the_textbook_says() {
        // M/M/1: N = ρ/(1−ρ), 1 at 0.5 and 3 at 0.75. M/M/2 at ρ 0.5: C = 1/3, N = 1 + 1/3; at 0.75: C = 9/14, N = 1.5 + 27/14.
        assert!((crowd_growth(0.5, 0.75, 1) - 3.0).abs() < 1e-9);
        assert!((crowd_growth(0.5, 0.75, 2) - (1.5 + 27.0 / 14.0) / (4.0 / 3.0)).abs() < 1e-9);
        assert!(crowd_growth(0.1, 9.0, 128).is_finite() && crowd_growth(0.0, 0.0, 4096) == 1.0);
    }

    #[test]
    fn waiting_grows_as_the_textbook_says() {
        // ρ 0.5 waits 1 service time, ρ 0.75 three, ρ 0.9 nine.
        assert!((waiting_growth(0.5, 0.75) - 3.0).abs() < 1e-12);
        assert!((waiting_growth(0.5, 0.9) - 9.0).abs() < 1e-9);
        assert!(waiting_growth(0.5, 7.0).is_finite());
    }

    proptest! {
        #[test]
        fn a_law_undone_gives_the_value_before(value in 0.0..1e6f64, floor in -10.0..10.0f64, factor in 0.01..50.0f64, by in -100.0..100.0f64, z in -3.0..3.0f64) {
            for law in [
                Law::Scale { floor, factor, unsure: 0.2 },
                Law::ScaleFree { top: 100.0, factor },
                Law::Shift { by, unsure: 2.0 },
                Law::Times([0.7 * factor, factor, 2.0 * factor]),
            ] {
                let back = law.invert(law.apply(value, z), z);
                prop_assert!((back - value).abs() <= 1e-6 * value.abs().max(1.0), "{law:?}: {value} came back as {back}");
            }
        }
    }
}
