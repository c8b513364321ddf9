//! What is told once a value has left all that was said of it.

use super::*;

#[test]
fn what_came_beyond_all_reason_stays_possible() {
    for (name, form) in [("bulge", 0), ("plateau", 1), ("ramp", 2), ("step", 3)] {
        let noises = noise(5, 2_000);
        let mut shadow = shadow(MetricKind::Bounded { lo: 0.0, hi: 100.0 }, 2);
        let n = 300;
        let value = |t: usize| {
            let x = t as f64;
            let level = match form {
                0 => 3.0 + 21.0 * (x / n as f64 * std::f64::consts::PI).sin(),
                1 => 24.0,
                2 => 3.0 + 21.0 * x / n as f64,
                _ => {
                    if t < 150 {
                        3.0
                    } else {
                        24.0
                    }
                }
            };
            level + 0.3 * noises[t]
        };
        feed(&mut shadow, &(0..n).map(value).collect::<Vec<_>>());
        for (place, v) in [20.0, 12.0, 3.0]
            .into_iter()
            .chain(std::iter::repeat_n(3.0, 57))
            .enumerate()
        {
            feed(&mut shadow, &[v + 0.03 * noises[1_000 + place]]);
            let forecast = shadow.forecast(Span::from_secs(1_800), 6).unwrap();
            for step in forecast.steps.iter().filter(|_| place > 1) {
                let (low, high) = step.band80();
                assert!(low < 3.3 && 3.3 < high, "{name} {place}: {low} to {high}");
            }
        }
    }
}
