//! One binary of integration tests.

mod architecture;
mod cli;
mod engine;
mod golden;
mod support;
mod tui;
