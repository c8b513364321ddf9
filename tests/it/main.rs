//! One binary of integration tests.

mod architecture;
mod engine;
mod golden;
mod support;
