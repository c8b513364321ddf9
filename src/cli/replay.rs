//! `replay`: opens a recording as if it happened now.

use std::{path::PathBuf, sync::Arc};

use crate::config::Scenario;

use crate::engine::Pace;

/// Arguments of `replay`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The recording.
    pub file: PathBuf,
    /// How many times as fast as it happened, or `max` (default: 10; without a terminal always `max`).
    #[arg(long, value_name = "N", value_parser = Pace::parse, default_value = "10")]
    pub speed: f64,
    /// The story it tells, where it is one that comes with the program.
    #[arg(skip)]
    pub scenario: Option<Arc<Scenario>>,
}
