//! What the commands need of the program around them.

use std::{future::Future, net::SocketAddr};

use crate::{
    cli::{Record, Replay, Setup, Terminal, When},
    config::Scenario,
    domain::{Options, Span},
    engine::Link,
};

/// How fresh an engine's data must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A running engine, else the state the store was left in, else as [`Need::Fresh`].
    Stored,
    /// A running engine, else one full cycle of every source on top of the store's last state; without a store that is kept nowhere. A
    /// store of the system's engine is read as it was left.
    Fresh,
    /// As [`Need::Fresh`], and what is changed is kept in a store of this user's own, which is made where there is none.
    Kept,
}

/// How long an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineRun {
    /// Until a signal says so.
    UntilStopped,
    /// For a time.
    For(Span),
    /// One full cycle of every source.
    Once,
}

/// The program around the commands: its clock, its engine, its console.
pub trait Runtime {
    /// The way to an engine it makes.
    type Link: Link;

    /// Now, in the zone of the user.
    fn when(&self) -> When;

    /// Names of the themes that come with the program.
    fn themes(&self) -> Vec<&'static str>;

    /// The recorded incidents that come with the program, in their order.
    ///
    /// # Errors
    /// When one of them cannot be read.
    fn scenarios(&self) -> anyhow::Result<Vec<Scenario>>;

    /// What the console makes of this terminal.
    fn terminal(&self, options: &Options) -> Terminal;

    /// Attaches to the first running engine of `setup.paths.attach`, or does what `need` says. The link's newest snapshot is
    /// complete; `usage.pid` in it is that of the running engine, this process's own when the cycle ran here, and 0 when all
    /// comes from the store.
    fn connect(&self, setup: &Setup, need: Need) -> impl Future<Output = anyhow::Result<Self::Link>>;

    /// Runs the engine without a console; what it knows can be scraped at `metrics`.
    fn engine(
        &self,
        setup: &Setup,
        run: EngineRun,
        metrics: Option<SocketAddr>,
    ) -> impl Future<Output = anyhow::Result<()>>;

    /// Runs the console until the user leaves it, on a recording where one is given.
    fn console(&self, setup: &Setup, replay: Option<&Replay>) -> impl Future<Output = anyhow::Result<()>>;

    /// Records until the time asked for is over or a signal comes, and says what was recorded.
    fn record(&self, setup: &Setup, record: &Record) -> impl Future<Output = anyhow::Result<String>>;

    /// Plays a recording to its end, and gives the way to the engine that played it.
    fn replayed(&self, setup: &Setup, replay: &Replay) -> impl Future<Output = anyhow::Result<Self::Link>>;
}
