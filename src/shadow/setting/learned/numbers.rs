//! Into which interval a number changes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// The 80 % interval of a number's next value: quantiles of a mixture of the candidates' probabilities and of the steps numbers took
/// (differences of the inverse hyperbolic sine), its level kept honest by adaptive conformal inference (Gibbs & Candès 2021).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steps {
    steps: VecDeque<f64>,
    /// The share left out at each side.
    tail: f64,
}

/// Least weight of the steps numbers took anywhere.
const REST: f64 = 0.25;
/// How fast the level follows what was seen.
const PACE: f64 = 0.02;

impl Default for Steps {
    fn default() -> Self {
        Self {
            steps: [-2.3, -0.7, -0.4, 0.4, 0.7, 2.3].into(),
            tail: 0.1,
        }
    }
}

impl Steps {
    /// The interval in which the number `old` changes.
    #[must_use]
    pub fn interval(&self, old: f64, candidates: &[(String, f64)]) -> (f64, f64) {
        let mut points: Vec<(f64, f64)> = Vec::new();
        let mut known = 0.0;
        for (value, odds) in candidates {
            if let Ok(value) = value.parse::<f64>()
                && value.is_finite()
            {
                points.push((value.asinh(), *odds));
                known += odds;
            }
        }
        let rest = (1.0 - known).max(REST);
        for step in &self.steps {
            points.push((old.asinh() + step, rest / self.steps.len() as f64));
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = points.iter().map(|point| point.1).sum();
        let at = |level: f64| {
            let mut sum = 0.0;
            for (value, odds) in &points {
                sum += odds / total;
                if sum >= level {
                    return *value;
                }
            }
            points.last().map_or(old.asinh(), |point| point.0)
        };
        let tail = self.tail.clamp(0.005, 0.25);
        let (low, high) = (at(tail).sinh(), at(1.0 - tail).sinh());
        // What never was below nothing does not go there: a count, a size, a switch.
        let below = |value: &str| value.parse::<f64>().is_ok_and(|value| value < 0.0);
        let least = if old < 0.0 || candidates.iter().any(|(value, _)| below(value)) {
            -1e300
        } else {
            0.0
        };
        let wide = |value: f64| value.clamp(least, 1e300);
        (wide(low), wide(high))
    }

    /// Learns from a change of a number, `interval` being what was said of it.
    pub fn learn(&mut self, old: f64, new: f64, interval: (f64, f64)) {
        let step = new.asinh() - old.asinh();
        if !step.is_finite() {
            return;
        }
        let outside = new < interval.0 || new > interval.1;
        self.tail += PACE * (0.2 - f64::from(u8::from(outside)));
        self.tail = self.tail.clamp(0.005, 0.25);
        if self.steps.len() == 400 {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }
}

/// Where one more of its steps leads a number that went through `past`, where the last two or more were alike, and one more of its ratios:
/// with the share of all its steps that those are.
#[must_use]
pub fn steps_on(past: &[&str]) -> Vec<(String, f32)> {
    let numbers: Option<Vec<f64>> = past.iter().map(|text| super::number_of(text)).collect();
    let Some(numbers) = numbers.filter(|numbers| numbers.len() > 2) else {
        return Vec::new();
    };
    let last = numbers[numbers.len() - 1];
    // As many decimals as were ever written: 0.1 and 0.2 are 0.3.
    let decimals = |text: &&str| text.split_once('.').map_or(0, |(_, decimals)| decimals.len().min(9));
    let decimals = past.iter().map(decimals).max().unwrap_or(0);
    let mut on = Vec::new();
    let mut look = |steps: Vec<f64>, to: &dyn Fn(f64) -> f64, still: f64| {
        let Some(step) = steps.last().copied().filter(|step| step.is_finite() && *step != still) else {
            return;
        };
        let alike = steps
            .iter()
            .rev()
            .take_while(|other| (*other - step).abs() <= 1e-9 * step.abs().max(last.abs()));
        let (alike, all) = (alike.count() as f32, steps.len() as f32);
        let next = format!("{:.decimals$}", to(step)).parse::<f64>();
        if let Some(next) = next.ok().filter(|next| next.is_finite() && alike > 1.0) {
            on.push((format!("{next}"), alike / (all + 1.0)));
        }
    };
    let pairs = || numbers.windows(2);
    look(
        pairs().map(|pair| pair[1] - pair[0]).collect(),
        &|step| last + step,
        0.0,
    );
    look(
        pairs().map(|pair| pair[1] / pair[0]).collect(),
        &|ratio| last * ratio,
        1.0,
    );
    on
}
