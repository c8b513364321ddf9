//! What an output costs, and its gradient.

/// Pinball loss of `said` as the quantile at `level` (0 to 1) where `came` came, and its derivative by `said` (Koenker & Bassett 1978,
/// Econometrica 46).
#[must_use]
pub fn pinball(level: f32, said: f32, came: f32) -> (f32, f32) {
    let off = came - said;
    if off > 0.0 {
        (level * off, -level)
    } else {
        ((level - 1.0) * off, 1.0 - level)
    }
}

/// Logistic loss in nats of the log odds `said` of what did or did not happen, and its derivative by `said` (Cox 1958).
#[must_use]
pub fn logistic(said: f32, happened: bool) -> (f32, f32) {
    let said = if happened { said } else { -said };
    // The probability of what did not come; its logarithm neither overflows nor drowns.
    let missed = 1.0 / (1.0 + said.exp());
    let loss = (-said.abs()).exp().ln_1p() + (-said).max(0.0);
    (loss, if happened { -missed } else { missed })
}

/// Cross-entropy in nats of the scores `said` of all classes (their softmax are the probabilities) where class `came` came (a place in
/// `said`); its derivative by every score goes into `gradient`.
#[must_use]
pub fn cross_entropy(said: &[f32], came: usize, gradient: &mut [f32]) -> f32 {
    let most = said.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (gradient, said) in gradient.iter_mut().zip(said) {
        *gradient = (said - most).exp();
        sum += *gradient;
    }
    gradient.iter_mut().for_each(|gradient| *gradient /= sum);
    gradient[came] -= 1.0;
    sum.ln() + most - said[came]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gradient_is_how_its_loss_changes() {
        let slope = |loss: &dyn Fn(f32) -> f32, at: f32| (loss(at + 1e-2) - loss(at - 1e-2)) / 2e-2;
        for said in [-3.0, -0.5, 0.2, 4.0] {
            for happened in [false, true] {
                let found = slope(&|said| logistic(said, happened).0, said);
                assert!((logistic(said, happened).1 - found).abs() < 1e-3);
            }
            let found = slope(&|said| pinball(0.9, said, 1.0).0, said);
            assert!((pinball(0.9, said, 1.0).1 - found).abs() < 1e-3);
            let mut gradient = [0.0; 3];
            let _ = cross_entropy(&[said, 1.0, 0.0], 1, &mut gradient);
            let found = slope(&|said| cross_entropy(&[said, 1.0, 0.0], 1, &mut [0.0; 3]), said);
            assert!((gradient[0] - found).abs() < 1e-3 && gradient.iter().sum::<f32>().abs() < 1e-6);
        }
    }

    #[test]
    fn far_off_is_dear_but_finite() {
        assert_eq!(logistic(-1e4, true), (1e4, -1.0));
        assert_eq!(logistic(1e4, true).0, 0.0);
        assert_eq!(cross_entropy(&[1e4, -1e4], 1, &mut [0.0; 2]), 2e4);
    }
}
