//! One binary of integration tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod alerts;
mod architecture;
mod cli;
mod days;
mod deeds;
mod demo;
mod docs;
mod engine;
mod filling;
mod golden;
mod history;
mod host;
mod library;
mod prometheus;
mod recording;
mod secrets;
mod support;
mod tui;
mod whatif_bench;
