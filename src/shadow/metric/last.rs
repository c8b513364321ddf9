//! The value stays as it was.

use serde::{Deserialize, Serialize};

use super::Member;

/// Last value, the random walk's optimal forecast (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 5.2).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Last {
    value: Option<f64>,
}

impl Member for Last {
    fn name(&self) -> &'static str {
        "last value"
    }

    fn observe(&mut self, value: Option<f64>) {
        self.value = value.or(self.value);
    }

    fn forecast(&self, horizon: usize) -> Option<Vec<f64>> {
        self.value.map(|value| vec![value; horizon])
    }
}
