//! The nouns: ids, typed values with units, series, events, findings, proposals, time, options. No logic beyond their invariants.

mod changeset;
mod finding;
mod forecast;
mod id;
mod ledger;
mod options;
pub mod packed;
mod proposal;
mod quantity;
mod rule;
mod series;
mod subject;
pub mod text;
mod thing;
mod time;
mod tree;
mod unit;
mod value;
mod version;

pub use changeset::*;
pub use finding::*;
pub use forecast::*;
pub use id::*;
pub use ledger::*;
pub use options::*;
pub use proposal::*;
pub use quantity::*;
pub use rule::*;
pub use series::*;
pub use subject::*;
pub use thing::*;
pub use time::*;
pub use tree::*;
pub use unit::*;
pub use value::*;
pub use version::*;
