//! What a batch does to the shadows.

use super::*;
use crate::domain::ResourceId;

fn event(at: i64, what: &str) -> Event {
    Event {
        at: Timestamp::from_secs(at),
        resource: ResourceId::new("host", "a"),
        kind: EventKind::Package,
        what: what.into(),
        who: None,
        backfilled: false,
    }
}

#[test]
fn what_is_read_again_is_told_once() {
    let (mut state, mut out) = (State::default(), Step::default());
    for _ in 0..2 {
        for what in ["install a", "install b", "install c"] {
            take_event(&mut state, &event(100, what), &mut out);
        }
    }
    assert_eq!(out.write.events.len(), 3);
    for at in 0..State::EVENTS as i64 {
        take_event(&mut state, &event(1_000 + at, "x"), &mut out);
    }
    let told = out.write.events.len();
    take_event(&mut state, &event(100, "install a"), &mut out);
    assert_eq!(out.write.events.len(), told, "it may have been told before");
}

#[test]
fn a_change_of_the_past_is_remembered_and_changes_nothing_now() {
    use crate::domain::{SettingSnapshot, Value};
    let mut state = State::default();
    let resource = ResourceId::new("host", "a");
    let id = SeriesId::new(&resource, "etc.app:workers");
    let change = SettingChange {
        id: id.clone(),
        at: Timestamp::from_secs(50),
        after: None,
        from: Some(Value::Int(4)),
        to: Some(Value::Int(8)),
        by: Some("ana, git 1a2b3c4d".into()),
        backfilled: false,
    };
    let mut batch = Batch {
        snapshots: vec![SettingSnapshot {
            reach: None,
            resource,
            scope: "etc".into(),
            at: Timestamp::from_secs(100),
            settings: Some([("etc.app:workers".into(), Value::Int(8))].into()),
        }],
        ..Batch::default()
    };
    let mut out = Step::default();
    take_settings(&mut state, &batch, Timestamp::from_secs(100), &mut out);
    batch = Batch {
        past: vec![change.clone(), change.clone()],
        ..Batch::default()
    };
    take_settings(&mut state, &batch, Timestamp::from_secs(101), &mut out);
    assert_eq!(out.write.changes, [change]);
    let setting = state.shadows.settings.get(&id).unwrap();
    assert_eq!(setting.value, Value::Int(8));
    assert_eq!(
        setting.last_change.as_ref().map(|last| last.at),
        Some(Timestamp::from_secs(50))
    );
}

#[test]
fn what_a_newer_reader_reads_joins_the_baseline_with_one_event() {
    use crate::domain::{Reach, SettingSnapshot, Value};
    let (mut state, options) = (State::default(), Options::default());
    let resource = ResourceId::new("host", "a");
    let mut read = |reach: Option<&str>, secs: i64, settings: &[&str]| {
        let at = Timestamp::from_secs(secs);
        let batch = Batch {
            snapshots: vec![SettingSnapshot {
                reach: reach.map(|reader| Reach {
                    reader: reader.into(),
                    within: Vec::new(),
                }),
                resource: resource.clone(),
                scope: "unit".into(),
                at,
                settings: Some(settings.iter().map(|name| ((*name).into(), Value::Int(1))).collect()),
            }],
            ..Batch::default()
        };
        let step = crate::pipeline::step(&mut state, &batch, &options, at, 7);
        let told: Vec<String> = step.write.events.iter().map(|event| event.what.to_string()).collect();
        (
            told,
            step.write.initial.len(),
            step.write.changes.len(),
            state.findings.len(),
        )
    };
    assert_eq!(
        read(None, 100, &["unit.a:state", "unit.a.target:state"]),
        (vec![], 2, 0, 0)
    );
    let newer = [
        "unit.a:state",
        "unit.a:b",
        "unit.a:c",
        "unit.a:d",
        "unit.a:e",
        "unit.a:f",
    ];
    let told = [
        "unit now reads 5 settings that it did not read before, accepted as they are: unit.a:b, unit.a:c, unit.a:d and 2 more",
        "unit no longer reads 1 setting: unit.a.target:state",
    ];
    assert_eq!(read(Some("1"), 200, &newer), (told.map(str::to_owned).into(), 6, 0, 0));
    // From then on what comes and goes is news.
    let (told, initial, changes, findings) = read(Some("1"), 300, &newer[..5]);
    assert_eq!((told.len(), initial, changes, findings), (0, 0, 1, 1));
}

#[test]
fn an_archive_is_kept_once_and_a_history_tells_nothing_twice() {
    use crate::domain::{Archive, MetricKind, MetricMeta, Unit, Value};
    let (mut state, options, host) = (State::default(), Options::default(), ResourceId::new("host", "a"));
    let id = SeriesId::new(&host, "load.1");
    let meta = MetricMeta {
        id: id.clone(),
        unit: Unit::None,
        kind: MetricKind::Gauge,
        cadence: Span::from_secs(2),
        source: "load".into(),
        limit: None,
    };
    let point = |secs: i64| Point {
        at: Timestamp::from_secs(secs),
        value: 1.0,
    };
    let archive = |id: &SeriesId| Archive {
        id: id.clone(),
        source: "sysstat".into(),
        every: Span::from_mins(10),
        points: (0..6).map(|number| point(number * 600)).collect(),
    };
    let change = |at: i64, after: Option<i64>| SettingChange {
        id: SeriesId::new(&host, "pkg.x"),
        at: Timestamp::from_secs(at),
        after: after.map(Timestamp::from_secs),
        from: Some(Value::Int(1)),
        to: Some(Value::Int(2)),
        by: None,
        backfilled: after.is_none(),
    };
    let batch = Batch {
        metrics: vec![meta],
        observations: vec![Observation {
            id: id.clone(),
            point: point(9_000),
        }],
        archives: vec![archive(&id), archive(&SeriesId::new(&host, "disk.gone.util_pct"))],
        changes: vec![change(9_000, Some(8_940))],
        ..Batch::default()
    };
    let now = Timestamp::from_secs(9_000);
    let first = crate::pipeline::step(&mut state, &batch, &options, now, 7);
    let told = first.write.backfills.iter().map(|one| (&*one.id.name, one.values));
    assert_eq!(told.collect::<Vec<_>>(), [("load.1", 6)]);
    assert_eq!(first.write.observations.len(), 7);
    assert!(first.write.observations[1..].iter().all(|(_, bits)| *bits == 0.0));
    assert_eq!(state.shadows.newest, Some(now));
    let again = Batch {
        archives: batch.archives.clone(),
        past: vec![change(8_950, None), change(5_000, None)],
        ..Batch::default()
    };
    let second = crate::pipeline::step(&mut state, &again, &options, now, 7);
    assert!(second.write.backfills.is_empty() && second.write.observations.is_empty());
    // What was seen as it happened is not told of again by a history that knows it to the second.
    let changes: Vec<_> = first
        .write
        .changes
        .iter()
        .chain(&second.write.changes)
        .map(|one| one.at.secs())
        .collect();
    assert_eq!(changes.iter().filter(|at| **at == 5_000).count(), 1);
    assert!(!changes.contains(&8_950), "{changes:?}");
}
