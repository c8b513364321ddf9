//! The normal distribution.

/// A nearly standard normal draw: the count of 64 fair bits, spread evenly over its step (de Moivre-Laplace); its distribution function
/// is within 0.002 of the normal one.
pub fn draw(rng: &mut fastrand::Rng) -> f64 {
    let bits = f64::from(rng.u64(..).count_ones());
    (bits - 32.5 + rng.f64()) / (16.0_f64 + 1.0 / 12.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_as_often_beyond_one_and_two_as_normal_ones() {
        let mut rng = fastrand::Rng::with_seed(5);
        let draws: Vec<f64> = (0..100_000).map(|_| draw(&mut rng)).collect();
        let beyond = |x: f64| draws.iter().filter(|draw| **draw > x).count() as f64 / 1e5;
        assert!((beyond(0.0) - 0.5).abs() < 0.006);
        assert!((beyond(1.0) - 0.1587).abs() < 0.005);
        assert!((beyond(2.0) - 0.0228).abs() < 0.002);
    }
}
