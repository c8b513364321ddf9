//! The console: `update(&mut State, Msg) -> Vec<Effect>` decides, `view(&State, &mut Buffer)` draws, the driver runs the effects.

pub mod chart;
pub mod command;
pub mod driver;
pub mod export;
#[cfg(test)]
pub(crate) mod fixture;
pub mod help;
mod input;
pub mod look;
pub mod order;
pub mod page;
mod painter;
pub mod palette;
pub mod screens;
pub mod state;
mod terminal;
#[cfg(test)]
mod tests;
pub mod text;
pub mod theme;
mod update;
mod view;
pub mod walk;

pub use update::{enter, go_to, open, update};
pub(crate) use update::{export_to, open_line};
pub(crate) use view::{counts, put_counts};
pub use view::{view, view_to_buffer};
