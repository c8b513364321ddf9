//! What a step gives back.

use crate::store::Write;

/// The outcome of a step besides the new state.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// What to keep of it.
    pub write: Write,
}
