//! What the claims of speed rest on: one value, one refit, one forecast, one crossing, one whole step of a host; one hourly value, one
//! series forecast from nothing, and a minute of a part of a fleet.

use divan::{Bencher, black_box};
use foreshadow::{
    domain::{
        Batch, Document, Limit, MetricKind, MetricMeta, Observation, Options, Point, ResourceId, SeriesId, Side, Span,
        Timestamp, Unit,
    },
    drift::compare,
    observe::import::{Item, read},
    pipeline::{State, step},
    shadow::{Chosen, MetricShadow, metric::foretell},
};

fn main() {
    divan::main();
}

const START: i64 = 1_790_000_000;

fn meta(name: &str) -> MetricMeta {
    MetricMeta {
        id: SeriesId::new(&ResourceId::new("host", "bench"), name),
        unit: Unit::Percent,
        kind: MetricKind::Bounded { lo: 0.0, hi: 100.0 },
        cadence: Span::from_secs(2),
        source: "bench".into(),
        limit: None,
    }
}

/// A busy processor: a slow wave with noise.
fn value(draw: &mut fastrand::Rng, place: i64) -> f64 {
    40.0 + 20.0 * (place as f64 / 900.0).sin() + 8.0 * (draw.f64() - 0.5)
}

fn point(draw: &mut fastrand::Rng, place: i64) -> Point {
    Point {
        at: Timestamp::from_secs(START + 2 * place),
        value: value(draw, place),
    }
}

/// A shadow that has learnt for three hours.
fn learnt() -> (MetricShadow, fastrand::Rng, i64) {
    let (mut shadow, mut draw) = (MetricShadow::new(&meta("cpu.busy_pct")), fastrand::Rng::with_seed(1));
    for place in 0..5_400 {
        let point = point(&mut draw, place);
        shadow.observe(point);
        if shadow.refit_due(point.at) {
            shadow.refit(point.at);
        }
    }
    (shadow, draw, 5_400)
}

#[divan::bench]
fn observe_one_value(bencher: Bencher<'_, '_>) {
    let (mut shadow, mut draw, mut place) = learnt();
    bencher.bench_local(|| {
        place += 1;
        shadow.observe(black_box(point(&mut draw, place)))
    });
}

/// Of a series that comes hourly and keeps its window of 2,016 steps, with a day and a week.
#[divan::bench]
fn observe_one_hourly_value(bencher: Bencher<'_, '_>) {
    let cadence = Span::from_hours(1);
    let hourly = MetricMeta {
        cadence,
        ..meta("cpu.busy_pct")
    };
    let (mut shadow, mut draw, mut now) = (
        MetricShadow::new(&hourly),
        fastrand::Rng::with_seed(1),
        Timestamp::from_secs(START),
    );
    let mut next = |shadow: &mut MetricShadow| {
        now += cadence;
        let value = value(&mut draw, now.0 / cadence.0);
        shadow.observe(black_box(Point { at: now, value }))
    };
    for _ in 0..2_016 {
        next(&mut shadow);
    }
    shadow.refit(Timestamp::from_secs(START) + cadence * 2_016);
    bencher.bench_local(|| next(&mut shadow));
}

/// Of four weeks of values every five minutes, a day ahead, all learnt anew.
#[divan::bench]
fn foretell_a_day(bencher: Bencher<'_, '_>) {
    let mut draw = fastrand::Rng::with_seed(1);
    let values: Vec<f64> = (0..8_064).map(|place| value(&mut draw, place)).collect();
    bencher.bench_local(|| foretell(black_box(values.clone()), Span::from_mins(5), 288, &Chosen::default()));
}

#[divan::bench]
fn refit(bencher: Bencher<'_, '_>) {
    let (mut shadow, _, place) = learnt();
    bencher.bench_local(|| shadow.refit(Timestamp::from_secs(START + 2 * place)));
}

/// A minute of 1,000 series of a fleet, one value each and the refits that are due, full windows. Of 10,000 hosts with 200 series each, two
/// cores carry 60 ms ÷ the time shown (all of them where that is 60 ms or less).
#[divan::bench(sample_count = 60, sample_size = 1)]
fn minute_of_a_thousand_series(bencher: Bencher<'_, '_>) {
    let minute = Span::from_mins(1);
    let mut draw = fastrand::Rng::with_seed(1);
    let mut shadow = MetricShadow::new(&MetricMeta {
        cadence: minute,
        ..meta("cpu.busy_pct")
    });
    let mut now = Timestamp::from_secs(START);
    let mut next = |shadow: &mut MetricShadow, at: Timestamp| {
        let value = value(&mut draw, at.0 / minute.0);
        shadow.observe(black_box(Point { at, value }));
    };
    for _ in 0..20_160 {
        now += minute;
        next(&mut shadow, now);
    }
    shadow.refit(now);
    let mut fleet = vec![shadow; 1_000];
    // One in sixty is refitted each minute.
    for turn in 0..60 {
        now += minute;
        for (place, shadow) in fleet.iter_mut().enumerate() {
            next(shadow, now);
            if place % 60 == turn {
                shadow.refit(now);
            }
        }
    }
    bencher.bench_local(|| {
        now += minute;
        for shadow in &mut fleet {
            next(shadow, now);
            if shadow.refit_due(now) {
                shadow.refit(now);
            }
        }
    });
}

#[divan::bench]
fn forecast_six_hours(bencher: Bencher<'_, '_>) {
    let (shadow, ..) = learnt();
    bencher.bench_local(|| shadow.forecast(Span::from_hours(6), 96));
}

#[divan::bench]
fn crossing_six_hours(bencher: Bencher<'_, '_>) {
    let (shadow, ..) = learnt();
    let limit = Limit {
        value: 75.0,
        side: Side::Above,
        by: "bench".into(),
    };
    bencher.bench_local(|| shadow.crossing(&limit, Span::from_hours(6), 7));
}

/// A host of 200 metrics, one step of all of them.
#[divan::bench]
fn step_of_200_metrics(bencher: Bencher<'_, '_>) {
    let (mut state, options, mut draw) = (State::default(), Options::default(), fastrand::Rng::with_seed(1));
    let metrics: Vec<MetricMeta> = (0..200).map(|place| meta(&format!("m{place:03}"))).collect();
    let mut batch = Batch {
        metrics,
        ..Batch::default()
    };
    let ids: Vec<SeriesId> = batch.metrics.iter().map(|meta| meta.id.clone()).collect();
    let mut place = 0;
    let mut next = move |batch: &mut Batch| {
        place += 1;
        batch.observations = ids
            .iter()
            .map(|id| Observation {
                id: id.clone(),
                point: point(&mut draw, place),
            })
            .collect();
        let now = Timestamp::from_secs(START + 2 * place);
        step(&mut state, batch, &options, now, 7);
        batch.metrics.clear();
    };
    for _ in 0..300 {
        next(&mut batch);
    }
    bencher.bench_local(|| next(&mut batch));
}

/// Four deployments of 25 settings each, `replicas` of each as given, in a file of their own.
fn deployments(replicas: usize) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let env: String = (0..18)
        .map(|n| format!("        - {{name: V{n}, value: \"{n}\"}}\n"))
        .collect();
    let text: String = (0..4)
        .map(|n| {
            format!(
                "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web-{n}, namespace: shop}}\nspec:\n  replicas: {replicas}\n  \
                 selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n      \
                 - name: web\n        image: web:1.{n}.2\n        args: [--listen, ':8080']\n        env:\n{env}"
            )
        })
        .collect();
    std::fs::write(file.path(), text).expect("a temporary file takes a text");
    file
}

fn documents(file: &tempfile::NamedTempFile) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut take = |item| {
        if let Item::Document(document, _) = item {
            documents.push(document);
        }
    };
    read(file.path(), None, &[7; 32], &mut take, &mut |fault| {
        panic!("{}", fault.what)
    });
    documents
}

#[divan::bench]
fn check_of_a_hundred_settings(bencher: Bencher<'_, '_>) {
    let (desired, live) = (deployments(2), deployments(3));
    bencher.bench_local(|| {
        let compared = compare(&documents(&desired), &documents(&live));
        assert_eq!(black_box(compared).departures.len(), 4);
    });
}
