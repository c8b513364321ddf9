//! A small world for the tests of the commands: one host, a few of everything, and an engine that knows the answers.

use std::{collections::BTreeMap, sync::Arc};

use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::{
    cli::{EngineRun, Need, Record, Replay, Runtime, Setup, Terminal, When},
    config::Scenario,
    domain::*,
    drift::Difference,
    engine::*,
    shadow::{Outlook, PeerValue, metric::Held},
    simulate::Outcome,
    store::{AuditEntry, StoreInfo, Table},
};

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

fn quantiles() -> Quantiles {
    Quantiles(LEVELS.map(|level| 9.0 + 4.0 * level))
}

fn crossing() -> Crossing {
    Crossing {
        limit: 5.0,
        probability: 0.8,
        horizon: Span::from_hours(6),
        at: [Some(at("2026-03-12T15:00:00Z")), Some(at("2026-03-12T16:30:00Z")), None],
        at95: [Some(at("2026-03-12T14:40:00Z")), None],
    }
}

fn limit() -> Limit {
    Limit {
        value: 5.0,
        side: Side::Below,
        by: "default".into(),
    }
}

fn some_forecast() -> Forecast {
    Forecast {
        start: at("2026-03-12T14:32:00Z"),
        step: Span::from_hours(3),
        steps: vec![quantiles(); 2],
        points: 89_280,
        tested: Span::from_days(2),
    }
}

fn forecast(id: SeriesId, horizon: Span, value: Option<f64>) -> ForecastView {
    ForecastView {
        id,
        forecast: Some(some_forecast()),
        limit: Some(value.map_or_else(limit, |value| Limit { value, ..limit() })),
        crossing: Some(Crossing { horizon, ..crossing() }),
        passed: None,
        members: vec![("seasonal naive".into(), 0.75), ("level".into(), 0.25)],
        seasons: vec![Span::from_days(1)],
        held: Held {
            scored: 1000,
            held80: 0.791,
            held95: 0.942,
            error: 1.2,
            naive_error: 3.1,
        },
        hits: (19, 20),
    }
}

fn outcome(changes: ChangeSet, horizon: Span, seed: u64) -> Outcome {
    Outcome {
        changes,
        at: when().now,
        horizon,
        seed,
        runs: 400,
        effects: vec![effect()],
        bands: vec![(id("mem.available_pct"), some_forecast(), some_forecast())],
        notes: vec!["no past change of vm.swappiness here".into()],
        inside_seen: true,
        actual: false,
    }
}

fn effect() -> Effect {
    Effect {
        series: id("mem.available_pct"),
        unit: Unit::Percent,
        before: [3.0, 4.1, 5.0],
        after: [9.8, 11.0, 12.2],
        difference: [5.0, 6.9, 8.0],
        crossing: Some((0.8, 0.1)),
        evidence: Evidence::Identity,
    }
}

fn change() -> SettingChange {
    SettingChange {
        id: id("sysctl.vm.swappiness"),
        at: at("2026-03-12T13:52:10Z"),
        from: Some(Value::Int(60)),
        to: Some(Value::Int(1)),
        by: Some("root\u{1b}[2J".into()),
        after: None,
        backfilled: false,
    }
}

fn timeline(from: Timestamp, to: Timestamp) -> Timeline {
    Timeline {
        from,
        to,
        changes: vec![change()],
        events: vec![Event {
            at: at("2026-03-12T13:55:02Z"),
            resource: host(),
            kind: EventKind::Service,
            what: "postgresql restarted".into(),
            who: Some("root".into()),
            backfilled: false,
        }],
        findings: vec![breach()],
        notes: vec![AuditEntry {
            at: at("2026-03-12T14:10:00Z"),
            who: "ann@pts/3".into(),
            what: "note".into(),
            resource: String::new(),
            result: "called the dba".into(),
        }],
    }
}

fn breach() -> Finding {
    Finding {
        id: FindingId(9_007_199_254_740_993),
        mark: Mark::Breach,
        level: Level::High,
        severity: Severity::Critical,
        comparison: Comparison::FutureLimit,
        resource: host(),
        series: vec![id("mem.available_pct")],
        seen: Seen::Metric {
            now: Some(4.1),
            band: Some((9.8, 12.4)),
        },
        since: at("2026-03-12T13:58:00Z"),
        last: when().now,
        ended: None,
        bits: 14.2,
        score: 14.2,
        confidence: 0.97,
        crossing: Some(crossing()),
        summary: "available memory is below its limit".into(),
        evidence: vec!["14.2 bits under the shadow".into()],
        causes: vec![Cause {
            series: Some(id("sysctl.vm.swappiness")),
            what: "sysctl.vm.swappiness 60 -> 1 by root".into(),
            at: change().at,
            lead: Span::from_secs(350),
            weight: 0.7,
            earliest: None,
        }],
        earliest: None,
        rule: None,
    }
}

fn drift() -> Finding {
    Finding {
        id: FindingId(2),
        mark: Mark::Drift,
        level: Level::Moderate,
        severity: Severity::Notice,
        comparison: Comparison::DeclaredActual,
        series: vec![id("sysctl.vm.swappiness")],
        seen: Seen::Setting {
            now: Some(Value::Int(1)),
            expected: Some(Value::Int(60)),
        },
        since: at("2026-03-11T13:52:10Z"),
        bits: 7.0,
        score: 7.0,
        crossing: None,
        summary: "vm.swappiness is not as accepted".into(),
        evidence: Vec::new(),
        causes: Vec::new(),
        ..breach()
    }
}

fn proposal() -> Proposal {
    Proposal {
        id: ProposalId(3),
        finding: FindingId(2),
        kind: ProposalKind::Revert,
        status: ProposalStatus::New,
        resource: host(),
        title: "vm.swappiness 1 -> 60 (undo 13:52)".into(),
        changes: ChangeSet::of(Change::Setting {
            id: id("sysctl.vm.swappiness"),
            from: Some(Value::Int(1)),
            to: Some(Value::Int(60)),
        }),
        factors: Factors {
            success: 0.9,
            impact: 7.0,
            disruption: 0.0,
            effort: 1.0,
        },
        why: vec!["it changed 6 min before".into()],
        effects: vec![effect()],
        cost: "none".into(),
        sure: "3 of 3 such changes".into(),
        risk: "none known".into(),
        undo: "sysctl -w vm.swappiness=1".into(),
        artefact: Artefact {
            format: "shell".into(),
            text: "sysctl -w vm.swappiness=60\n".into(),
        },
        made_at: when().now,
    }
}

fn metric(name: &str, unit: Unit, mark: Mark, value: f64) -> MetricRow {
    MetricRow {
        id: id(name),
        unit,
        kind: MetricKind::Bounded { lo: 0.0, hi: 100.0 },
        mark,
        now: Some((when().now, value)),
        expected: Some(quantiles()),
        bits: 1.5,
        hour: [None; 8],
        limit: None,
        crossing: None,
        points: 89_280,
        from: Some(at("2026-02-10T00:00:00Z")),
        ready: None,
        cadence: Span::from_secs(2),
        source: "proc".into(),
    }
}

fn setting(name: &str, value: Value) -> SettingRow {
    SettingRow {
        id: id(name),
        mark: Mark::Ok,
        value: Some(value),
        accepted: None,
        hazard: 0.01,
        week: 0.06,
        undoing: None,
        outlook: None,
        bits: 0.0,
        last_change: None,
        since: at("2026-02-10T00:00:00Z"),
    }
}

fn snapshot() -> Snapshot {
    let options = Options::default();
    let list = BTreeMap::from([(Arc::from("a"), Value::Bool(true)), (Arc::from("b"), Value::Int(2))]);
    Snapshot {
        replay: None,
        number: 7,
        at: Some(when().now),
        live: true,
        resources: [ResourceRow {
            id: host(),
            mark: Mark::Breach,
            cpu: None,
            mem: None,
            worst: Some((id("mem.available_pct"), 14.2)),
            seen: Some(when().now),
            metrics: 2,
            settings: 4,
        }]
        .into(),
        metrics: [
            metric("cpu.busy_pct", Unit::Percent, Mark::Ok, 31.0),
            MetricRow {
                limit: Some(limit()),
                crossing: Some(crossing()),
                ..metric("mem.available_pct", Unit::Percent, Mark::Breach, 4.1)
            },
        ]
        .into(),
        settings: [
            setting("etc.motd", Value::text("hello\u{1b}]0;owned\u{7}\u{9b}x")),
            setting(
                "etc.passwords.hash",
                Value::Secret(SecretHash::of(&[7; 32], b"hunter2")),
            ),
            setting("etc.modules", Value::list(list)),
            SettingRow {
                mark: Mark::Drift,
                accepted: Some(Some(Value::Int(60))),
                bits: 7.0,
                last_change: Some(Arc::new(change())),
                outlook: Some(Arc::new(Outlook {
                    next: vec![(Value::Int(60), 0.75), (Value::Int(10), 0.125)],
                    interval: Some((Value::Int(10), Value::Int(60))),
                    others: 3,
                    peers: vec![PeerValue {
                        value: Value::Int(60),
                        count: 2,
                        first: Some((host(), at("2026-02-10T00:00:00Z"))),
                    }],
                    ..Outlook::default()
                })),
                ..setting("sysctl.vm.swappiness", Value::Int(1))
            },
        ]
        .into(),
        findings: [Arc::new(breach()), Arc::new(drift())].into(),
        proposals: [Arc::new(proposal())].into(),
        incidents: [].into(),
        health: Health {
            learnt: 1,
            learning: 1,
            ready: Some(at("2026-03-12T15:00:00Z")),
            held: Some((0.8, 0.946)),
            worst: None,
            records: [].into(),
            open: 12,
            baseline: Some(at("2026-03-12T13:00:00Z")),
        },
        usage: Usage {
            pid: 4121,
            started: Some(at("2026-03-12T12:00:00Z")),
            cpu_pct: 0.4,
            rss_bytes: 62 << 20,
            lag_secs: 0.02,
            dropped: 0,
            consoles: 1,
            delta: (312, 0),
        },
        sources: [
            SourceRow {
                name: "proc".into(),
                ok: true,
                absent: false,
                says: "".into(),
                read: Some(when().now),
                cost_ms: 0.4,
                every: Span::from_secs(2),
                next: None,
                pace: 0,
                why: "".into(),
                progress: None,
            },
            SourceRow {
                name: "journal".into(),
                ok: false,
                absent: true,
                says: "the journal is not on this system".into(),
                read: None,
                cost_ms: 0.0,
                every: Span::from_secs(5),
                next: None,
                pace: 0,
                why: "".into(),
                progress: None,
            },
        ]
        .into(),
        store: StoreRow {
            broken: false,
            locked: false,
            ok: true,
            says: "".into(),
            path: "/var/lib/foreshadow/foreshadow.duckdb".into(),
            bytes: 12 << 20,
            max_bytes: options.store.max_bytes,
            waiting: 0,
            written: 0,
            lost: 0,
            from: Some(at("2026-02-10T00:00:00Z")),
        },
        options: Arc::new(options),
    }
}
