//! Data for the tests of this room.

use super::{AuditEntry, Backfill, Store, Write};
use crate::domain::*;

/// A time on the hour in 2026.
pub(super) const T0: Timestamp = Timestamp(1_774_000_800_000_000);

pub(super) fn host() -> ResourceId {
    ResourceId::new("host", "web-1")
}

pub(super) fn id(name: &str) -> SeriesId {
    SeriesId::new(&host(), name)
}

pub(super) fn after(secs: i64) -> Timestamp {
    T0 + Span::from_secs(secs)
}

pub(super) fn meta(name: &str) -> MetricMeta {
    MetricMeta {
        id: id(name),
        unit: Unit::Percent,
        kind: MetricKind::Bounded { lo: 0.0, hi: 100.0 },
        cadence: Span::from_secs(2),
        source: "proc".into(),
        limit: Some(Limit {
            value: 90.0,
            side: Side::Above,
            by: "default".into(),
        }),
    }
}

pub(super) fn seen(name: &str, at: Timestamp, value: f64) -> (Observation, f32) {
    (
        Observation {
            id: id(name),
            point: Point { at, value },
        },
        0.5,
    )
}

/// One write of `values` of one metric.
pub(super) fn values(name: &str, values: impl IntoIterator<Item = (Timestamp, f64)>) -> Write {
    Write {
        observations: values.into_iter().map(|(at, value)| seen(name, at, value)).collect(),
        ..Write::default()
    }
}

pub(super) fn change(name: &str, at: Timestamp, from: Option<&str>, to: Option<&str>) -> SettingChange {
    SettingChange {
        id: id(name),
        at,
        from: from.map(Value::infer),
        to: to.map(Value::infer),
        by: Some("root".into()),
        after: None,
        backfilled: false,
    }
}

pub(super) fn finding(number: u64, since: Timestamp) -> Finding {
    Finding {
        id: FindingId(number),
        mark: Mark::Odd,
        level: Level::High,
        severity: Severity::Critical,
        comparison: Comparison::ShadowActual,
        resource: host(),
        series: vec![id("cpu.busy_pct"), id("load.1")],
        seen: Seen::Metric {
            now: Some(97.0),
            band: Some((1.0, 9.0)),
        },
        since,
        last: since,
        ended: None,
        bits: 12.5,
        score: 14.0,
        confidence: 0.93,
        crossing: Some(Crossing {
            limit: 90.0,
            probability: 0.7,
            horizon: Span(21_600_000_001),
            at: [Some(since), None, None],
            at95: [Some(since), None],
        }),
        summary: "cpu is busy".into(),
        evidence: vec!["97 % where 1 to 9 was expected".into(), "since 10:02".into()],
        causes: vec![Cause {
            series: None,
            what: "deploy".into(),
            at: since,
            lead: Span::from_secs(3),
            weight: 0.4,
            earliest: None,
        }],
        rule: Some("swappiness-database".into()),
        over: true,
        began: Some(since - Span::from_secs(9)),
        earliest: None,
    }
}

pub(super) fn proposal(number: u64, made_at: Timestamp) -> Proposal {
    Proposal {
        id: ProposalId(number),
        finding: FindingId(7),
        kind: ProposalKind::Revert,
        status: ProposalStatus::New,
        resource: host(),
        title: "vm.swappiness 1 -> 60".into(),
        changes: ChangeSet::of(Change::Setting {
            id: id("sysctl.vm.swappiness"),
            from: None,
            to: Some(Value::Int(60)),
        }),
        factors: Factors {
            success: 0.9,
            impact: 12.0,
            disruption: 0.0,
            effort: 1.0,
        },
        why: vec!["it was 60 for a year".into()],
        effects: Vec::new(),
        cost: "none".into(),
        sure: "seen once".into(),
        risk: "little".into(),
        undo: "sysctl -w vm.swappiness=1".into(),
        artefact: Artefact {
            format: "shell".into(),
            text: "sysctl -w vm.swappiness=60\n".into(),
        },
        made_at,
    }
}

/// A write with something of every sort.
pub(super) fn everything() -> Write {
    Write {
        metrics: vec![meta("cpu.busy_pct"), meta("load.1")],
        observations: vec![seen("cpu.busy_pct", after(2), 4.0), seen("load.1", after(2), 0.25)],
        expected: vec![(
            id("cpu.busy_pct"),
            after(0),
            Quantiles(LEVELS.map(|level| level * 10.0)),
        )],
        initial: vec![
            (id("sysctl.vm.swappiness"), after(0), Some(Value::Int(60))),
            (
                id("etc.secret"),
                after(0),
                Some(Value::Secret(SecretHash::of(&[7; 32], b"hunter2"))),
            ),
        ],
        backfills: vec![Backfill {
            id: id("load.1"),
            source: "sysstat".into(),
            from: after(0),
            to: after(2),
            values: 1,
        }],
        changes: vec![change("sysctl.vm.swappiness", after(10), Some("60"), Some("1"))],
        events: vec![Event {
            at: after(5),
            resource: host(),
            kind: EventKind::Login,
            what: "session opened\u{1b}[31m".into(),
            who: Some("root".into()),
            backfilled: false,
        }],
        findings: vec![finding(7, after(3))],
        proposals: vec![(proposal(1, after(4)), true)],
        scored: vec![Scored {
            prediction: Prediction {
                series: id("cpu.busy_pct"),
                made_at: after(0),
                due: after(2),
                claim: Claim::Value(Quantiles::certain(4.0)),
            },
            at: after(3),
            outcome: 4.0,
            loss: 0.1,
            naive_loss: 0.2,
        }],
        audit: vec![audit(6, "session"), audit(7, "dismiss")],
        state: vec![("model".into(), vec![1, 2, 3])],
        shown_at: None,
    }
}

pub(super) fn audit(secs: i64, what: &str) -> AuditEntry {
    AuditEntry {
        at: after(secs),
        who: "root (pts/1)".into(),
        what: what.into(),
        resource: host().to_string(),
        result: "ok".into(),
    }
}

pub(super) fn memory() -> Store {
    Store::in_memory(&options()).unwrap()
}

pub(super) fn options() -> StoreOptions {
    Options::default().store
}

/// Values of a metric kept for the 400 days around [`T0`].
pub(super) fn count(store: &mut Store, name: &str) -> u64 {
    store
        .history(&id(name), T0 - Span::from_days(400), T0 + Span::from_days(400), 1)
        .unwrap()
        .iter()
        .map(|it| it.count)
        .sum()
}
