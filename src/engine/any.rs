//! An engine, wherever it runs.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Answer, Engine, Link, LinkError, Query, Snapshot, SocketLink};

/// A link to an engine of this process, which lives as long as the link, or of another.
#[derive(Clone)]
pub enum AnyLink {
    /// Of this process.
    Local(Arc<Engine>),
    /// Of another process.
    Socket(SocketLink),
}

impl Link for AnyLink {
    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        match self {
            Self::Local(engine) => engine.link().snapshots(),
            Self::Socket(link) => link.snapshots(),
        }
    }

    async fn ask(&self, query: Query) -> Result<Answer, LinkError> {
        match self {
            Self::Local(engine) => engine.link().ask(query).await,
            Self::Socket(link) => link.ask(query).await,
        }
    }
}
