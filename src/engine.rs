//! The only place with tasks and a clock: runs sources, pipeline and store, publishes snapshots, answers queries.

mod link;
mod snapshot;

pub use link::*;
pub use snapshot::*;
