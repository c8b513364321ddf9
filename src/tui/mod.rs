//! The console: `update(&mut State, Msg) -> Vec<Effect>` decides, `view(&State, &mut Frame)` draws, the driver runs the effects.

pub mod chart;
pub mod look;
pub mod screens;
pub mod state;
pub mod text;
pub mod command;
pub mod help;
pub mod page;
pub mod palette;
