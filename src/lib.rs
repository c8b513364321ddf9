//! foreshadow: a predictive shadow of every metric and setting of a host, against what is.
//!
//! `docs/ARCHITECTURE.md` names the rooms and what may import what.

pub mod act;
pub mod cli;
pub mod config;
pub mod domain;
pub mod drift;
pub mod engine;
pub mod observe;
pub mod pipeline;
pub mod program;
pub mod propose;
pub mod shadow;
pub mod simulate;
pub mod store;
pub mod tui;
