//! A small world for the tests of the commands: one host, a few of everything, and an engine that knows the answers.

mod ahead;
mod seen;
mod told;

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::{
    cli::{EngineRun, Need, Record, Replay, Runtime, Setup, Terminal, When},
    config::Scenario,
    domain::*,
    drift::Difference,
    engine::*,
    store::{StoreInfo, Table},
};
use ahead::{forecast, outcome};
use seen::snapshot;
use told::timeline;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn id(name: &str) -> SeriesId {
    SeriesId::new(&host(), name)
}

fn host() -> ResourceId {
    ResourceId::new("host", "db-01")
}

fn when() -> When {
    When {
        now: at("2026-03-12T14:32:00Z"),
        zone: TimeZone::UTC,
    }
}

/// A fake program around the commands.
pub(super) struct World {
    /// What its engine shows.
    pub snapshot: Snapshot,
    /// Why there is no engine, if there is none.
    pub refuses: Option<LinkError>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            snapshot: snapshot(),
            refuses: None,
        }
    }
}

pub(super) struct Engine(watch::Sender<Arc<Snapshot>>);

impl Runtime for World {
    type Link = Engine;

    fn when(&self) -> When {
        when()
    }

    fn themes(&self) -> Vec<&'static str> {
        vec!["dark", "light"]
    }

    fn terminal(&self, _: &Options) -> Terminal {
        Terminal {
            theme: "dark".into(),
            charset: "utf8".into(),
            colours: "256".into(),
        }
    }

    async fn connect(&self, _: &Setup, _: Need) -> anyhow::Result<Engine> {
        match &self.refuses {
            Some(why) => Err(why.clone().into()),
            None => Ok(Engine(watch::Sender::new(Arc::new(self.snapshot.clone())))),
        }
    }

    async fn engine(&self, setup: &Setup, run: EngineRun, _: Option<std::net::SocketAddr>) -> anyhow::Result<()> {
        anyhow::bail!("engine {run:?} every {}", setup.options.interval)
    }

    fn scenarios(&self) -> anyhow::Result<Vec<Scenario>> {
        Ok(Vec::new())
    }

    async fn record(&self, _: &Setup, _: &Record) -> anyhow::Result<String> {
        unreachable!("no test records")
    }

    async fn replayed(&self, _: &Setup, _: &Replay) -> anyhow::Result<Self::Link> {
        unreachable!("no test replays")
    }

    async fn console(&self, _: &Setup, _: Option<&Replay>) -> anyhow::Result<()> {
        anyhow::bail!("the console")
    }
}

impl Link for Engine {
    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.subscribe()
    }

    async fn ask(&self, query: Query) -> Result<Answer, LinkError> {
        Ok(match query {
            Query::Forecast { id, horizon, limit, .. } => Answer::Forecast(Box::new(forecast(id, horizon, limit))),
            Query::WhatIf {
                changes, horizon, seed, ..
            } => Answer::WhatIf(Box::new(outcome(changes, horizon, seed))),
            Query::Timeline { from, to } => Answer::Timeline(timeline(from, to)),
            Query::BaselineDiff => Answer::Differences(vec![Difference {
                id: id("sysctl.vm.swappiness"),
                accepted: Some(Value::Int(60)),
                actual: Some(Value::Int(1)),
            }]),
            Query::Outlooks(ids) => Answer::Outlooks(ids.iter().map(seen::outlook).collect()),
            Query::BaselineAccept(_) => Answer::Done,
            Query::Export { what, format, file } => {
                Answer::Text(vec![format!("{what} {format:?} {}: 3 rows", file.display())])
            }
            Query::Sql(statement) if statement.starts_with("SELECT") => Answer::Table(Table {
                columns: vec!["name".into(), "n".into()],
                rows: vec![
                    vec!["a\u{1b}[31m\u{7f}".into(), 1.into()],
                    vec![serde_json::Value::Null, 2.5.into()],
                ],
            }),
            Query::Sql(_) => return Err(LinkError::Refused("only SELECT is allowed here".into())),
            _ => Answer::StoreInfo(StoreInfo::default()),
        })
    }
}
