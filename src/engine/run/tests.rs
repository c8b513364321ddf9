//! The loop as it ends.

use super::*;
use crate::{
    domain::{MetricKind, MetricMeta, Observation, Point, ResourceId, SeriesId, Unit},
    engine::StoreRow,
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
async fn what_waits_when_the_engine_ends_is_stepped() {
    let home = tempfile::tempdir().unwrap();
    let setup = Setup {
        options: Options::default(),
        store: None,
        resource: ResourceId::new("host", "a"),
        root: home.path().to_owned(),
        sources: Sources::None,
        play: None,
        recorder: None,
        who: "t".into(),
    };
    let (publish, snapshots) = watch::channel(Arc::new(Snapshot::empty(Arc::default(), StoreRow::default())));
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
    let snapshot = snapshots.borrow();
    let names: Vec<&str> = snapshot.metrics.iter().map(|row| &*row.id.name).collect();
    assert_eq!(names, ["a.value_pct", "b.value_pct", "c.value_pct"]);
}
