//! The loop as it ends.

use super::*;
use crate::{
    domain::{MetricKind, MetricMeta, Observation, Point, ResourceId, SeriesId, Unit},
    engine::StoreRow,
    store::Store,
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

#[tokio::test]
async fn what_waits_when_the_engine_ends_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("s.duckdb");
    let setup = Setup {
        options: Options::default(),
        store: Some(path.clone()),
        resource: ResourceId::new("host", "a"),
        root: home.path().to_owned(),
        sources: Sources::None,
        play: None,
        recorder: None,
        who: "t".into(),
    };
    let (publish, _snapshots) = watch::channel(Arc::new(Snapshot::empty(Arc::default(), StoreRow::default())));
    let mut engine = Loop::new(setup, Arc::new(Options::default()), publish);
    engine.begin();
    let opened = engine.opened.as_mut().unwrap().await.unwrap();
    engine.take_opened(opened).await;
    engine.joining.extend(["a.value_pct", "b.value_pct"].map(read));
    engine.waiting = read("c.value_pct").batch;
    let (_ask, questions) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel();
    stop.send(()).unwrap();
    engine.run(questions, stopped).await;
    // The keeper lets go of the store once the loop is gone.
    let options = Options::default().store;
    let open = |_| {
        std::thread::yield_now();
        Store::open(&path, &options).ok()
    };
    let mut store = (0..10_000).find_map(open).unwrap();
    let rows = store.sql("SELECT count(*) FROM metrics", 1).unwrap().rows;
    assert_eq!(rows[0][0].as_u64(), Some(3));
}
