//! What a command that asks an engine is given.

use std::{future::Future, sync::Arc};

use anyhow::bail;

use crate::{
    cli::{Exit, Need, Out, When},
    engine::{Answer, Link, Query, Snapshot},
};

/// An engine, the time, and the form of the answer.
#[derive(Debug)]
pub struct Context<'a, L: Link> {
    /// The way to the engine.
    pub link: &'a L,
    /// Now, and the zone of times.
    pub when: &'a When,
    /// Whether data are printed as JSON.
    pub json: bool,
}

/// A command that asks an engine and prints what it says.
pub trait Report {
    /// What it needs of the engine.
    const NEED: Need;

    /// Asks and prints.
    fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> impl Future<Output = anyhow::Result<Exit>>;
}

impl<L: Link> Context<'_, L> {
    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.link.snapshots().borrow().clone()
    }

    /// Asks, and takes the part of the answer that `wanted` finds.
    ///
    /// # Errors
    /// What the engine says, or that it answered something else.
    pub async fn ask<T>(&self, query: Query, wanted: impl FnOnce(Answer) -> Option<T>) -> anyhow::Result<T> {
        match wanted(self.link.ask(query).await?) {
            Some(answer) => Ok(answer),
            None => bail!("the engine gave another answer than was asked for: it may be of another version"),
        }
    }
}
