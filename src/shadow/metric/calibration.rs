//! Makes one bit mean the same on every series.

use serde::{Deserialize, Serialize};

/// How often each surprise really came, over a long memory: turns a surprise under the newest errors into one under all of them.
///
/// The newest errors forget within minutes, and with them a job that runs every hour. Here a surprise of `b` bits that came in one of
/// 200 values is worth log2 200 bits, whatever `b` is. Beyond all that came, the share falls off as the largest surprises did (peaks
/// over a threshold; Pickands 1975, Annals of Statistics 3; Siffer et al., KDD 2017), with their mean excess unknown (Gamma prior, so
/// the predictive tail is Lomax's): few values never give many bits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Calibration {
    /// Counts by surprise, in units of `weight`.
    counts: Vec<f32>,
    total: f32,
    /// What the newest value counts; it grows instead of all that is older fading.
    weight: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            counts: Vec::new(),
            total: 0.0,
            weight: 1.0,
        }
    }
}

impl Calibration {
    /// Values over which counts fade by e: eleven hours at two seconds.
    const MEMORY: f32 = 20_000.0;
    /// Width of a count's range, bits.
    const WIDTH: f64 = 0.25;
    const RANGES: usize = 241;
    /// Share of the values whose excess tells how the tail falls off, and how many they must be.
    const TAIL: (f64, f64) = (0.03, 8.0);
    /// Prior of the mean excess: two surprises of 2 bits beyond the threshold (1.44 would be a calibrated tail).
    const PRIOR: (f64, f64) = (2.0, 4.0);

    fn place(bits: f64) -> usize {
        ((bits / Self::WIDTH) as usize).min(Self::RANGES - 1)
    }

    /// Takes a surprise, 0 to 60 bits.
    pub fn observe(&mut self, bits: f64) {
        let place = Self::place(bits);
        if self.counts.len() <= place {
            self.counts.resize(place + 1, 0.0);
        }
        self.counts[place] += self.weight;
        self.total += self.weight;
        self.weight *= 1.0 + 1.0 / Self::MEMORY;
        if self.weight > 1e3 {
            self.counts.iter_mut().for_each(|count| *count /= self.weight);
            self.total /= self.weight;
            self.weight = 1.0;
        }
    }

    /// Faded count of the surprises of a range.
    fn count(&self, count: f32) -> f64 {
        f64::from(count) / f64::from(self.weight)
    }

    /// −log2 of the share of values at least as surprising as `bits`, 0 to 60.
    #[must_use]
    pub fn bits(&self, bits: f64) -> f64 {
        // All of its own range counts as at least as surprising: surprises of zero-inflated series lie on a few values.
        let came: f64 = self
            .counts
            .iter()
            .skip(Self::place(bits))
            .map(|count| self.count(*count))
            .sum();
        let mut share = (came + 1.0) / (self.count(self.total) + 1.0);
        if came < 0.5 {
            share *= self.beyond(bits);
        }
        (1.0 / share.min(1.0)).log2().clamp(0.0, 60.0)
    }

    /// Bits of a surprise such as came in one value of all it remembers.
    #[must_use]
    pub fn rarest(&self) -> f64 {
        (self.count(self.total) + 1.0).log2()
    }

    /// P(a surprise of more than `bits`), given one as large as the largest that came; 1 when too few came to tell.
    fn beyond(&self, bits: f64) -> f64 {
        let enough = (self.count(self.total) * Self::TAIL.0).max(Self::TAIL.1);
        let (mut count, mut sum, mut most) = (0.0, 0.0, None);
        for (place, held) in self.counts.iter().enumerate().skip(1).rev() {
            let held = self.count(*held);
            // All that was counted so far lies one range farther above the threshold.
            sum += Self::WIDTH * (count + held / 2.0);
            count += held;
            if count >= 0.5 {
                most.get_or_insert((place + 1) as f64 * Self::WIDTH);
            }
            if count >= enough {
                let excess = |bits: f64| (bits - place as f64 * Self::WIDTH).max(0.0);
                let tail = |bits: f64| (1.0 + excess(bits) / (sum + Self::PRIOR.1)).powf(-count - Self::PRIOR.0);
                return most.map_or(1.0, |most| (tail(bits) / tail(most)).min(1.0));
            }
        }
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprise_is_worth_how_rarely_it_came() {
        let mut calibration = Calibration::default();
        for value in 0..10_000 {
            calibration.observe(if value % 256 == 0 { 40.0 } else { 0.1 });
        }
        assert!(
            (7.0..9.0).contains(&calibration.bits(40.0)),
            "{}",
            calibration.bits(40.0)
        );
        assert!(calibration.bits(0.1) < 1.0);
    }

    #[test]
    fn few_values_never_give_many_bits() {
        let mut calibration = Calibration::default();
        assert_eq!(calibration.bits(60.0), 0.0);
        (0..30).for_each(|_| calibration.observe(0.0));
        assert!(calibration.bits(60.0) <= 32.0_f64.log2());
    }

    #[test]
    fn beyond_all_that_came_a_calibrated_tail_goes_on() {
        let mut calibration = Calibration::default();
        for value in 1..4_000_u32 {
            calibration.observe(-(f64::from(value.reverse_bits()) / f64::from(u32::MAX)).log2());
        }
        let (near, far) = (calibration.bits(13.0), calibration.bits(20.0));
        assert!(
            (12.0..14.5).contains(&near) && (16.0..21.0).contains(&far),
            "{near} {far}"
        );
    }
}
