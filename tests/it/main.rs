//! One binary of integration tests.

mod architecture;
mod engine;
mod support;
