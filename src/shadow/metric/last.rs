//! The value stays as it was.

use super::{Member, history::History};

/// Last value, the random walk's optimal forecast (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 5.2).
pub struct Last;

impl Member for Last {
    fn name(&self) -> &'static str {
        "last value"
    }

    fn forecast(&self, history: &History, origin: usize, _: &[usize], out: &mut [f64]) {
        out.fill(history.filled[origin - 1]);
    }
}
