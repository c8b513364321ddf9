//! How likely it is that nothing does so much.

use std::f64::consts::SQRT_2;

/// P(Student's t of `free` degrees of freedom is as far from 0 as `t`): as a standard normal by Wallace (1959, *Annals of Mathematical Statistics*
/// 30, 1124-1130).
pub(super) fn by_chance(t: f64, free: f64) -> f64 {
    libm::erfc(deviations(t, free) / SQRT_2)
}

/// The standard normal deviations from none that such a `t` is as unlikely as.
pub(super) fn deviations(t: f64, free: f64) -> f64 {
    let n = free.max(1.0);
    (8.0 * n + 1.0) / (8.0 * n + 3.0) * (n * (t * t / n).ln_1p()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_degrees_of_freedom_make_the_same_ratio_likelier() {
        // Tables of Student's t: 5 % on both sides together.
        for (free, t) in [(3.0, 3.182), (10.0, 2.228), (30.0, 2.042), (1e6, 1.960)] {
            assert!(
                (by_chance(t, free) - 0.05).abs() < 0.002,
                "{free}: {}",
                by_chance(t, free)
            );
            assert!((by_chance(-t, free) - by_chance(t, free)).abs() < 1e-12);
        }
        assert!(by_chance(0.0, 5.0) > 0.999);
    }
}
