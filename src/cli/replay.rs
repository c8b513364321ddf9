//! `replay`: opens a recording as if it happened now.

use std::{path::PathBuf, sync::Arc};

use crate::config::Scenario;

/// Arguments of `replay`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The recording.
    pub file: PathBuf,
    /// How many times as fast as it happened, or `max` (default: 10; without a terminal always `max`).
    #[arg(long, value_name = "N", value_parser = speed, default_value = "10")]
    pub speed: f64,
    /// The story it tells, where it is one that comes with the program.
    #[arg(skip)]
    pub scenario: Option<Arc<Scenario>>,
}

fn speed(text: &str) -> Result<f64, String> {
    if text == "max" {
        return Ok(f64::INFINITY);
    }
    match text.trim_end_matches('x').parse::<f64>() {
        Ok(speed) if speed > 0.0 && speed.is_finite() => Ok(speed),
        _ => Err("write how many times as fast it is to be played, such as 10, or max".into()),
    }
}
