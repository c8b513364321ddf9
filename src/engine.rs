//! The only place with tasks and a clock: runs sources, pipeline and store, publishes snapshots, answers queries.

mod answer;
mod any;
pub mod clock;
mod explain;
mod exposition;
mod keeper;
mod link;
mod local;
mod pacer;
mod past;
mod player;
mod publish;
mod readers;
mod rebuild;
mod remember;
mod resources;
mod run;
mod saved;
mod scrape;
mod setup;
mod snapshot;
mod socket;
mod usage;

pub use any::*;
pub use exposition::exposition;
pub use keeper::*;
pub use link::*;
pub use local::*;
pub use pacer::MOST_DELTA;
pub use player::*;
pub use readers::*;
pub use scrape::*;
pub use setup::*;
pub use snapshot::*;
pub use socket::*;
