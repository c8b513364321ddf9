//! How an engine is to run.

use std::path::PathBuf;

use super::Player;
use crate::{
    domain::{Options, ResourceId},
    observe::recording::Recorder,
};

/// The seed of every sampled path: the same data give the same figures.
pub const SEED: u64 = 7;

/// How an engine is to run.
pub struct Setup {
    /// The options in force.
    pub options: Options,
    /// The store's file; `None` keeps all in memory.
    pub store: Option<PathBuf>,
    /// The host watched.
    pub resource: ResourceId,
    /// The root of the file system watched (`/`).
    pub root: PathBuf,
    /// What is read.
    pub sources: Sources,
    /// A recording to play in place of the host: its clock is the engine's.
    pub play: Option<Player>,
    /// Where every step is recorded, if anywhere.
    pub recorder: Option<Recorder>,
    /// Who started it: user@tty.
    pub who: String,
    /// Whether nobody in this process looks at its snapshots: while no console is attached, one a minute is made then.
    pub unseen: bool,
}

/// What an engine reads of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// Nothing: it only answers from the store. Its first snapshot comes when the store is open.
    None,
    /// As [`Sources::None`], and of the store nothing is changed: it is another's.
    OnlyRead,
    /// Every source once; then it only answers. Its first snapshot comes after that.
    Once,
    /// For as long as it lives.
    Live,
}

/// The row among the sources that says why recording ended.
pub const RECORDER: &str = "recorder";
