//! What earlier changes let expect that the minutes in memory no longer hold.

use super::{past::change, *};

/// A metric that is `of` the minute, counted from the first that memory holds, over two weeks and two hours.
fn weeks(name: &str, of: impl Fn(i64) -> f64) -> Metric {
    let mut metric = metric(name, Unit::Count, &of);
    let steps = (1..2_016).rev().map(|step| -10 * step);
    let past = steps.map(|minute| Point {
        at: T0 + Span::from_mins(minute),
        value: of(minute),
    });
    let told = metric.shadow.recall(&past.collect::<Vec<_>>(), Span::from_mins(10));
    assert_eq!(told.len(), 2_015);
    metric
}

/// The minute `days` before those in memory.
fn ago(days: i64) -> i64 {
    -1_440 * days
}

fn step(minute: i64, at: i64, by: f64) -> f64 {
    if minute > at { by } else { 0.0 }
}

fn ask_weeks(world: &Shadows, changes: &[&str], about: &[SeriesId]) -> Outcome {
    let changes = changes.iter().map(|text| Step {
        change: Change::parse(text, &host()).unwrap(),
        at: None,
        on: true,
    });
    let changes = ChangeSet {
        steps: changes.collect(),
    };
    let ask = Ask {
        weeks: true,
        ..question(&changes, about)
    };
    what_if(world, &ask)
}

/// `app.threads` went from 100 to 110 when the pool went from 10 to 20 a week ago, and `app.idle` stayed.
fn pool() -> Shadows {
    let mut world = shadows([
        weeks("app.threads", |minute| {
            100.0 + step(minute, ago(7), 10.0) + noise(minute, 1)
        }),
        weeks("app.idle", |minute| 50.0 + noise(minute, 2)),
    ]);
    change(&mut world, "app.pool", (10, 20), 60 * ago(7));
    world
}

#[test]
fn an_effect_of_weeks_ago_is_carried_to_three_times_what_was_seen_and_that_is_said() {
    let world = pool();
    let near = ask_weeks(&world, &["app.pool 20 -> 40"], &[]);
    let threads = effect(&near, "app.threads");
    assert_eq!(
        (near.effects.len(), threads.evidence, threads.cases),
        (1, Evidence::PastChange, 1)
    );
    let farther = |outcome: &Outcome| outcome.notes.iter().any(|note| note.contains("not carried that far"));
    assert!(!farther(&near), "{:?}", near.notes);
    let far = ask_weeks(&world, &["app.pool 20 -> 20000"], &[]);
    assert!(farther(&far), "{:?}", far.notes);
    let [_, middle, most] = effect(&far, "app.threads").difference;
    assert!(middle > 2.0 && most < 50.0, "{middle} {most}");
}

#[test]
fn a_metric_that_is_asked_for_and_was_not_moved_weeks_ago_is_said_to_have_gone_so() {
    let outcome = ask_weeks(&pool(), &["app.pool 20 -> 10"], &[id("app.idle")]);
    assert_eq!(outcome.no_evidence, [id("app.idle")]);
    let told = &outcome.notes[0];
    assert!(
        told.starts_with("app.idle: no evidence") && told.contains("at the one change alike it went 50"),
        "{told}"
    );
    assert!(told.contains("within 2h"), "{told}");
}

#[test]
fn a_change_that_one_setting_has_no_use_for_is_left_to_the_next() {
    let mut world = shadows([weeks("app.threads", |minute| {
        100.0 + step(minute, ago(10), 10.0) + step(minute, ago(5), 20.0) + noise(minute, 1)
    })]);
    let words = |world: &mut Shadows, (from, to): (&str, &str), days: i64| {
        world.settings.observe(&crate::domain::SettingChange {
            id: id("app.mode"),
            at: T0 + Span::from_mins(ago(days)),
            from: Some(crate::domain::Value::text(from)),
            to: Some(crate::domain::Value::text(to)),
            by: None,
            after: None,
            backfilled: false,
        });
    };
    words(&mut world, ("small", "large"), 10);
    words(&mut world, ("large", "other"), 5);
    change(&mut world, "app.pool", (10, 20), 60 * ago(5));
    let mode = ask_weeks(&world, &["app.mode small -> large"], &[]);
    let mode = effect(&mode, "app.threads").difference[1];
    let both = ask_weeks(&world, &["app.mode small -> large", "app.pool 10 -> 20"], &[]);
    let both = effect(&both, "app.threads").difference[1];
    assert!((5.0..13.0).contains(&mode) && both > mode + 8.0, "{mode} {both}");
}

#[test]
fn of_metrics_that_nothing_moves_none_is_told() {
    let mut draw = fastrand::Rng::with_seed(3);
    let metrics: Vec<Metric> = (0..20)
        .map(|place| {
            let wander: Vec<f64> = (0..2_016)
                .scan(0.0, |value, _| {
                    *value = 0.9 * *value + draw.f64() - 0.5;
                    Some(*value)
                })
                .collect();
            weeks(&format!("app.m{place}"), move |minute| {
                100.0 + 10.0 * wander[(minute.min(0) / -10) as usize]
            })
        })
        .collect();
    let mut world = shadows(metrics);
    for (days, values) in [(9, (10, 20)), (6, (20, 10)), (2, (10, 40))] {
        change(&mut world, "app.pool", values, 60 * ago(days));
    }
    let outcome = ask_weeks(&world, &["app.pool 40 -> 10"], &[]);
    assert_eq!(outcome.effects, []);
}
