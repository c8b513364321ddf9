//! Running means and scales of a statistic, all exponentially weighted.

use serde::{Deserialize, Serialize};

/// Values before a statistic's scale is believed.
pub(super) const WARM: u32 = 10;
/// The farthest a value is said to lie out, in scales: a floor of nothing must not make a number of no meaning.
const FARTHEST: f64 = 1e6;

/// Exponentially weighted mean and variance (West 1979, CACM 22(9)), plain averages until the weight is reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Begins as if one value had lain `unit` out, so that little is odd before a scale is known (a unit-information prior, Kass &
    /// Wasserman 1995).
    pub const fn new(unit: f64) -> Self {
        Self {
            mean: 0.0,
            variance: unit * unit,
        }
    }

    /// The mean and the standard deviation.
    pub fn usual(&self) -> (f64, f64) {
        (self.mean, self.variance.sqrt())
    }

    /// How many standard deviations `value` lies from the mean before it, signed, the deviation being at least `floor`; 0 while
    /// warming up. Then learns it, forgetting as a window of `span` values would; `seen` were before it.
    pub fn observe(&mut self, value: f64, floor: f64, seen: u32, span: f64) -> f64 {
        if seen == 0 {
            self.mean = value;
        }
        let away = value - self.mean;
        let z = if seen < WARM {
            0.0
        } else {
            out(away, self.variance.sqrt().max(floor))
        };
        let weight = (2.0 / (span + 1.0)).max(1.0 / (f64::from(seen) + 2.0));
        self.variance = (1.0 - weight) * (self.variance + weight * away * away);
        self.mean += weight * away;
        z
    }
}

/// Exponentially weighted mean and mean absolute deviation of values held to five deviations (Huber 1964, winsorized): what is
/// usual, whatever the spikes. Where most values are one and the same the held deviation fades to nothing, so the scale is at least a share
/// of the plain one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Robust {
    mean: f64,
    deviation: f64,
    /// The same of values that are not held.
    plain: f64,
    seen: u32,
    weight: f64,
}

impl Robust {
    const HELD: f64 = 5.0;
    /// Standard deviations of a normal distribution in its mean absolute deviation, inverse.
    const NORMAL: f64 = 1.25;
    /// What the scale is at least, of the plain one.
    const LEAST: f64 = 0.25;

    /// Forgets with weight 1/`span` a value.
    pub const fn new(span: f64) -> Self {
        Self {
            mean: 0.0,
            deviation: 0.0,
            plain: 0.0,
            seen: 0,
            weight: 1.0 / span,
        }
    }

    pub const fn mean(&self) -> f64 {
        self.mean
    }

    pub const fn seen(&self) -> u32 {
        self.seen
    }

    /// The scale, as a standard deviation of the usual values.
    pub const fn scale(&self) -> f64 {
        self.deviation * Self::NORMAL
    }

    /// How many scales `value` lies from the mean, signed, the scale being at least `floor`; 0 while warming up.
    pub fn z(&self, value: f64, floor: f64) -> f64 {
        if self.seen < WARM {
            return 0.0;
        }
        out(value - self.mean, self.spread(floor))
    }

    /// What lies one scale out of the mean, at least `floor`.
    pub const fn spread(&self, floor: f64) -> f64 {
        let least = Self::LEAST * self.plain * Self::NORMAL;
        self.scale().max(floor).max(least)
    }

    /// Learns a value.
    pub fn observe(&mut self, value: f64) {
        self.seen = self.seen.saturating_add(1);
        if self.seen == 1 {
            self.mean = value;
            return;
        }
        let mut away = value - self.mean;
        if self.seen > WARM && self.deviation > 0.0 {
            away = away.clamp(-Self::HELD * self.deviation, Self::HELD * self.deviation);
        }
        let weight = self.weight.max(1.0 / f64::from(self.seen));
        self.plain += weight * ((value - self.mean).abs() - self.plain);
        self.mean += weight * away;
        self.deviation += weight * (away.abs() - self.deviation);
    }
}

fn out(away: f64, scale: f64) -> f64 {
    if away == 0.0 {
        return 0.0;
    }
    (away / scale.max(f64::MIN_POSITIVE)).clamp(-FARTHEST, FARTHEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_widens_the_plain_scale_and_hardly_the_robust_one() {
        let (mut plain, mut robust) = (Moments::new(0.0), Robust::new(300.0));
        for k in 0..200 {
            let value = if k == 150 { 1000.0 } else { f64::from(k % 7) };
            plain.observe(value, 1e-9, k, 300.0);
            robust.observe(value);
        }
        assert!(plain.observe(50.0, 1e-9, 200, 300.0) < 1.0);
        assert!(robust.z(50.0, 1e-9) > 15.0);
    }

    #[test]
    fn rare_bursts_from_one_value_lie_no_farther_out_the_longer_they_come() {
        let mut robust = Robust::new(300.0);
        let mut far = Vec::new();
        for k in 0..6_000 {
            let value = if k % 20 == 19 { 10.0 } else { 0.0 };
            if value > 0.0 {
                far.push(robust.z(value, 1e-9));
            }
            robust.observe(value);
        }
        assert!(far[299] < 1.2 * far[100], "{} {}", far[100], far[299]);
    }

    #[test]
    fn leaving_a_constant_is_far_out_and_finite() {
        let (mut plain, mut robust) = (Moments::new(0.0), Robust::new(300.0));
        for k in 0..50 {
            assert!(plain.observe(0.0, 0.0, k, 300.0).abs() < 1e-12);
            robust.observe(0.0);
        }
        assert!(plain.observe(1e-12, 0.0, 50, 300.0) >= 1e5);
        assert!(robust.z(-1e-12, 0.0) <= -1e5);
    }
}
