//! The loop as it ends.

use super::*;
use crate::{
    domain::{MetricKind, MetricMeta, Observation, Point, ResourceId, SeriesId, SettingSnapshot, Unit, Value},
    engine::{Answer, Query, StoreRow},
};

/// A value of the metric `name`, read now.
fn read(name: &str) -> Read {
    let id = SeriesId::new(&ResourceId::new("host", "a"), name);
    let meta = MetricMeta {
        id: id.clone(),
        unit: Unit::Percent,
        kind: MetricKind::Gauge,
        cadence: Span::from_secs(2),
        source: "t".into(),
        limit: None,
    };
    let at = clock::now();
    Read {
        batch: Batch {
            metrics: vec![meta],
            observations: vec![Observation {
                id,
                point: Point { at, value: 1.0 },
            }],
            ..Batch::default()
        },
        rows: Vec::new(),
        measured: Vec::new(),
        scopes: Vec::new(),
        at,
        last: false,
        joins: true,
    }
}

/// A loop of the host at `root`, with its store in `store` or in memory, which is not open yet.
fn starting(
    root: &std::path::Path,
    store: Option<std::path::PathBuf>,
    sources: Sources,
) -> (Loop, watch::Receiver<Arc<Snapshot>>) {
    let setup = Setup {
        options: Options::default(),
        store,
        resource: ResourceId::new("host", "a"),
        root: root.to_owned(),
        sources,
        play: None,
        recorder: None,
        who: "t".into(),
        unseen: false,
    };
    let (publish, snapshots) = watch::channel(Arc::new(Snapshot::empty(Arc::default(), StoreRow::default())));
    (Loop::new(setup, Arc::new(Options::default()), publish), snapshots)
}

/// A loop whose store, in memory, is open; nothing reads for it.
async fn opened(root: &std::path::Path) -> (Loop, watch::Receiver<Arc<Snapshot>>) {
    let (mut engine, snapshots) = starting(root, None, Sources::None);
    engine.begin();
    let opened = engine.opened.as_mut().unwrap().await.unwrap();
    engine.take_opened(opened).await;
    (engine, snapshots)
}

#[tokio::test]
async fn what_waits_when_the_engine_ends_is_stepped() {
    let home = tempfile::tempdir().unwrap();
    let (mut engine, snapshots) = opened(home.path()).await;
    engine.joining.extend(["a.value_pct", "b.value_pct"].map(read));
    engine.waiting = read("c.value_pct").batch;
    let (_ask, questions) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel();
    stop.send(()).unwrap();
    engine.run(questions, stopped).await;
    let snapshot = snapshots.borrow();
    let names: Vec<&str> = snapshot.metrics.iter().map(|row| &*row.id.name).collect();
    assert_eq!(names, ["a.value_pct", "b.value_pct", "c.value_pct"]);
}

#[tokio::test]
async fn what_is_seen_before_the_store_is_open_is_kept_when_the_engine_ends_just_then() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store.duckdb");
    // The second time the store holds what was learnt the first time.
    for name in ["a.value_pct", "b.value_pct"] {
        let (mut engine, _snapshots) = starting(home.path(), Some(store.clone()), Sources::Live);
        engine.take(read(name));
        let (_ask, questions) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel();
        stop.send(()).unwrap();
        engine.run(questions, stopped).await;
    }
    let mut store = crate::store::Store::open(&store, &Options::default().store).unwrap();
    let seen = store
        .recorded(Timestamp(0), clock::now() + Span::from_hours(1), false)
        .unwrap();
    let names: Vec<&str> = seen.observations.iter().map(|seen| &*seen.id.name).collect();
    assert_eq!(names, ["a.value_pct", "b.value_pct"]);
    let state = crate::engine::saved::unpack(&store.state("pipeline").unwrap().unwrap()).unwrap();
    assert_eq!(state.shadows.metrics.len(), 2);
}

#[tokio::test]
async fn what_is_decided_before_the_store_is_open_holds_for_what_it_held() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store.duckdb");
    let id = SeriesId::new(&ResourceId::new("host", "a"), "a.value_pct");
    for _ in 0..2 {
        let (mut engine, _snapshots) = starting(home.path(), Some(store.clone()), Sources::Live);
        engine.take(read("a.value_pct"));
        let (reply, answered) = oneshot::channel();
        let asked = Asked {
            query: Query::SetLimit(id.clone(), None),
            who: "t".into(),
            trusted: true,
            reply,
        };
        answer::answer(&mut engine, asked);
        engine.begin();
        let opened = engine.opened.as_mut().unwrap().await.unwrap();
        engine.take_opened(opened).await;
        assert!(matches!(answered.await, Ok(Ok(Answer::Done))));
        assert_eq!(engine.state.limits.get(&id), Some(&None));
        engine.state.limits.clear();
        engine.save(clock::now());
        engine.commit(clock::now());
        engine.keeper.finish();
    }
}

#[tokio::test]
async fn the_world_as_of_the_time_shown_holds_what_was_just_told() {
    let home = tempfile::tempdir().unwrap();
    let (mut engine, snapshots) = opened(home.path()).await;
    let set = |value: i64, ago: i64| {
        let mut read = read("a.value_pct");
        read.at = clock::now() - Span::from_secs(ago);
        read.batch.observations[0].point.at = read.at;
        let settings = [("sysctl.vm.swappiness".into(), Value::Int(value))];
        read.batch.snapshots.push(SettingSnapshot {
            reach: None,
            resource: ResourceId::new("host", "a"),
            scope: "sysctl".into(),
            at: read.at,
            settings: Some(settings.into()),
        });
        read
    };
    engine.take(set(60, 30));
    engine.take(set(1, 6));
    let live = snapshots.borrow().clone();
    assert_eq!(live.findings.len(), 1);
    let (reply, answered) = oneshot::channel();
    let asked = Asked {
        query: Query::AsOf(live.at.unwrap()),
        who: "t".into(),
        trusted: true,
        reply,
    };
    answer::answer(&mut engine, asked);
    let Ok(Answer::AsOf(past)) = answered.await.unwrap() else {
        panic!("no world as of then")
    };
    assert_eq!((past.at, past.settings.len()), (live.at, 1));
    assert_eq!(past.settings[0].value, Some(Value::Int(1)));
    assert_eq!(past.findings.len(), 1);
    // When data stop coming, the time shown stops too.
    let later = clock::now() + Span::from_hours(1);
    engine.step(&Batch::default(), later);
    engine.publish(later);
    let shown = snapshots.borrow().at.unwrap();
    assert!(
        shown >= live.at.unwrap() && later - shown > Span::from_mins(59),
        "{shown}"
    );
}

#[tokio::test]
async fn while_nobody_looks_a_snapshot_is_made_every_five_minutes_and_whoever_comes_has_one_of_now() {
    let home = tempfile::tempdir().unwrap();
    let (mut engine, snapshots) = opened(home.path()).await;
    engine.setup.unseen = true;
    let next = |engine: &mut Loop, ago: i64| {
        engine.published = clock::now() - Span::from_secs(ago);
        let before = snapshots.borrow().number;
        engine.take(read("a.value_pct"));
        snapshots.borrow().number - before
    };
    assert_eq!((next(&mut engine, 0), next(&mut engine, 290)), (0, 0));
    assert_eq!(next(&mut engine, 301), 1);
    engine.consoles.come();
    assert_eq!(next(&mut engine, 0), 1);
    // The loop hears of who came, before any step.
    tokio::time::timeout(Duration::from_secs(10), engine.consoles.came())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_learnt_is_kept_only_where_it_is_read_again() {
    let home = tempfile::tempdir().unwrap();
    let (mut engine, _snapshots) = opened(home.path()).await;
    engine.save(clock::now());
    assert!(
        engine.write.state.is_empty(),
        "in memory nobody reads it again, and it is held for good"
    );
    engine.setup.store = Some(home.path().join("store.duckdb"));
    engine.save(clock::now());
    assert_eq!(engine.write.state.len(), 1);
}
