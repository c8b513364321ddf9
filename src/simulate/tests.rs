//! What-ifs on constructed shadows.

mod past;
mod processor;
mod weeks;
mod whole;

use std::sync::Arc;

use super::*;
use crate::{
    domain::{Capacity, Limit, MetricKind, MetricMeta, Point, Side, Step, Unit},
    shadow::{Metric, MetricShadow, Minute, Seen},
};

const T0: Timestamp = Timestamp::from_secs(1_700_000_040);
const MINUTES: i64 = 120;

fn host() -> ResourceId {
    ResourceId::new("host", "a")
}

fn id(name: &str) -> SeriesId {
    SeriesId::new(&host(), name)
}

fn now() -> Timestamp {
    T0 + Span::from_mins(MINUTES)
}

/// A metric with one value a minute over two hours.
fn metric(name: &str, unit: Unit, of: impl Fn(i64) -> f64) -> Metric {
    let kind = match unit {
        Unit::Percent => MetricKind::Bounded { lo: 0.0, hi: 100.0 },
        _ => MetricKind::Rate,
    };
    let meta = MetricMeta {
        id: id(name),
        unit,
        kind,
        cadence: Span::from_mins(1),
        source: "test".into(),
        limit: None,
    };
    let mut metric = Metric {
        shadow: MetricShadow::new(&meta),
        meta,
        limit: None,
        recent: Default::default(),
        minutes: Default::default(),
        slow: Default::default(),
    };
    for minute in 0..MINUTES {
        let (at, value) = (T0 + Span::from_mins(minute), of(minute));
        let judged = metric.shadow.observe(Point { at, value });
        metric.recent.push_back(Seen {
            at,
            value,
            band: None,
            bits: judged.bits,
        });
        metric.minutes.push_back(Minute {
            at,
            count: 1,
            min: value,
            max: value,
            last: value,
            bits: judged.bits,
            band: None,
        });
    }
    metric.shadow.refit(now());
    metric
}

/// Noise between −1 and 1 that is the same at every run.
fn noise(minute: i64, salt: u64) -> f64 {
    fastrand::Rng::with_seed((minute as u64).wrapping_mul(31).wrapping_add(salt)).f64() * 2.0 - 1.0
}

fn shadows(metrics: impl IntoIterator<Item = Metric>) -> Shadows {
    Shadows {
        metrics: metrics
            .into_iter()
            .map(|metric| (metric.meta.id.clone(), metric))
            .collect(),
        newest: Some(now()),
        ..Shadows::default()
    }
}

/// What is asked `now` of `changes`, over two hours.
fn question<'a>(changes: &'a ChangeSet, about: &'a [SeriesId]) -> Ask<'a> {
    Ask {
        changes,
        about,
        horizon: Span::from_hours(2),
        now: now(),
        seed: 7,
        weeks: false,
    }
}

fn ask(shadows: &Shadows, changes: &[&str]) -> Outcome {
    ask_about(shadows, changes, &[])
}

fn ask_about(shadows: &Shadows, changes: &[&str], about: &[SeriesId]) -> Outcome {
    let steps = changes.iter().map(|text| Step {
        change: Change::parse(text, &host()).unwrap(),
        at: None,
        on: true,
    });
    let changes = ChangeSet { steps: steps.collect() };
    what_if(shadows, &question(&changes, about))
}

fn effect<'a>(outcome: &'a Outcome, name: &str) -> &'a Effect {
    let found = outcome.effects.iter().find(|effect| *effect.series.name == *name);
    found.unwrap_or_else(|| panic!("{name} is not among {:?}", outcome.effects))
}

fn busy() -> Metric {
    metric("cpu.busy_pct", Unit::Percent, |minute| 40.0 + noise(minute, 1))
}

#[test]
fn twice_the_processor_halves_its_busy_share() {
    let world = shadows([busy(), metric("net.eth0.rx_bytes_per_s", Unit::BytesPerSec, |_| 1e6)]);
    let outcome = ask(&world, &["cpu x2"]);
    let cpu = effect(&outcome, "cpu.busy_pct");
    assert!(
        (cpu.before[1] - 40.0).abs() < 1.5 && (cpu.after[1] - 20.0).abs() < 0.8,
        "{cpu:?}"
    );
    assert!((cpu.difference[1] + 20.0).abs() < 1.0);
    assert_eq!(cpu.evidence, Evidence::Identity);
    assert_eq!(outcome.effects.len(), 1, "the network does not change");
    let (_, before, after) = &outcome.bands[0];
    assert_eq!(before.steps.len(), after.steps.len());
    assert!((after.steps[0].median() * 2.0 - before.steps[0].median()).abs() < 1.0);
    assert!(!outcome.inside_seen, "the processor was never at 20 % here");
}

#[test]
fn what_is_without_a_change_is_what_forecast_and_finding_say() {
    // Two steady rises to the limit: one as long as the history, and one of the newest minutes that the shadow hardly knows.
    for rises_from in [0, MINUTES - 12] {
        let mut cpu = metric("cpu.busy_pct", Unit::Percent, |minute| {
            20.0 + 0.5 * noise(minute, 1)
                + 2.0 * (minute - rises_from).max(0) as f64 * (24.0 / (MINUTES - rises_from) as f64)
        });
        let limit = Limit {
            value: 90.0,
            side: Side::Above,
            by: "test".into(),
        };
        cpu.limit = Some(limit.clone());
        let told = crate::drift::crossing(&cpu, &limit, Span::from_hours(2), 7).unwrap();
        let forecast = cpu.shadow.forecast(Span::from_hours(2), STEPS).unwrap();
        let forecast = crate::drift::drawn(&cpu, &limit, forecast);
        let outcome = ask(&shadows([cpu]), &["cpu x2"]);
        let (without, with) = effect(&outcome, "cpu.busy_pct").crossing.unwrap();
        assert_eq!(without, told.probability);
        assert!(without > 0.3 && with < without, "{without} {with}");
        let (_, before, after) = &outcome.bands[0];
        assert_eq!(*before, forecast);
        for (before, after) in before.steps.iter().zip(&after.steps) {
            assert!(
                before
                    .0
                    .iter()
                    .zip(after.0)
                    .all(|(before, after)| (before / 2.0 - after).abs() < 1e-9)
            );
        }
    }
}

#[test]
fn more_of_one_file_system_is_of_that_alone() {
    let used = |name: &str| metric(name, Unit::Percent, |minute| 50.0 + noise(minute, 1));
    let world = shadows([
        used("fs./.used_pct"),
        used("fs./srv/small.used_pct"),
        used("fs./srv.used_pct"),
    ]);
    let touched = |text: &str| -> Vec<String> {
        let outcome = ask(&world, &[text]);
        outcome
            .effects
            .iter()
            .map(|effect| effect.series.name.to_string())
            .collect()
    };
    assert_eq!(touched("disk /srv/small x1.25"), ["fs./srv/small.used_pct"]);
    assert_eq!(touched("disk x1.25").len(), 3);
    let small = ask(&world, &["disk /srv/small x1.25"]);
    let small = effect(&small, "fs./srv/small.used_pct");
    assert!(
        (small.after[1] / small.before[1] - 0.8).abs() < 0.01 && small.evidence == Evidence::Identity,
        "{small:?}"
    );
}

#[test]
fn what_is_by_a_law_and_looked_at_first_stands_before_guesses() {
    let world = shadows([
        busy(),
        metric("load.1", Unit::Count, |minute| 0.7 + 0.1 * noise(minute, 2)),
        metric("cpu.softirq_pct", Unit::Percent, |minute| 0.1 + 0.01 * noise(minute, 3)),
        metric("cpu.user_pct", Unit::Percent, |minute| 20.0 + noise(minute, 4)),
        metric("net.eth0.rx_bytes_per_s", Unit::BytesPerSec, |minute| {
            1e6 + 1e4 * noise(minute, 5)
        }),
        metric("tcp.established", Unit::Count, |minute| 50.0 + noise(minute, 6)),
    ]);
    let outcome = ask(&world, &["cpu x2", "traffic x1.5"]);
    let names: Vec<&str> = outcome.effects.iter().map(|effect| &*effect.series.name).collect();
    let place = |name: &str| names.iter().position(|known| *known == name).unwrap();
    let guess = outcome
        .effects
        .iter()
        .position(|effect| effect.evidence == Evidence::None);
    assert_eq!(place("load.1"), 0, "{names:?}");
    assert!(
        guess.is_some_and(|guess| place("net.eth0.rx_bytes_per_s") < guess && place("tcp.established") < guess),
        "{names:?}"
    );
    // A law beside a law: which of them is looked at first.
    let outcome = ask(&world, &["cpu x2"]);
    let first: Vec<&str> = outcome
        .effects
        .iter()
        .take(2)
        .map(|effect| &*effect.series.name)
        .collect();
    assert_eq!(first, ["cpu.busy_pct", "load.1"]);
}

#[test]
fn a_queue_grows_by_what_is_expected_and_not_by_a_busy_minute() {
    // Idle for hours, and busy for the newest quarter of an hour: the days ahead are not like that.
    let mut cpu = metric("cpu.busy_pct", Unit::Percent, |minute| 16.0 + noise(minute, 1));
    for minute in cpu.minutes.iter_mut().rev().take(15) {
        minute.last = 55.0;
    }
    let world = shadows([
        cpu,
        metric("load.1", Unit::Count, |minute| 0.2 + 0.01 * noise(minute, 2)),
    ]);
    let outcome = ask(&world, &["traffic x1.5"]);
    let load = effect(&outcome, "load.1");
    // M/M/1 from 16 to 24 %: 0.316 / 0.190.
    assert!((load.after[1] / load.before[1] - 1.66).abs() < 0.1, "{load:?}");
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    let world = shadows([busy()]);
    let (one, two) = (ask(&world, &["traffic x1.5"]), ask(&world, &["traffic x1.5"]));
    assert_eq!(one, two);
}

#[test]
fn more_traffic_never_passes_what_there_is() {
    let world = shadows([
        busy(),
        metric("disk.sda.util_pct", Unit::Percent, |minute| 50.0 + noise(minute, 2)),
        metric("disk.sda.await_secs", Unit::Secs, |minute| {
            0.004 + 0.0001 * noise(minute, 3)
        }),
        metric("psi.cpu.some_pct", Unit::Percent, |minute| 4.0 + 0.1 * noise(minute, 4)),
        metric("tcp.established", Unit::Count, |minute| 100.0 + noise(minute, 5)),
    ]);
    let outcome = ask(&world, &["traffic x4"]);
    let cpu = effect(&outcome, "cpu.busy_pct");
    assert!(
        cpu.after.iter().all(|value| *value <= 100.0) && cpu.after[1] > 95.0,
        "{cpu:?}"
    );
    assert_eq!(cpu.evidence, Evidence::None, "proportion is only assumed");
    assert!(outcome.bands.iter().all(|(_, _, after)| {
        after
            .steps
            .iter()
            .all(|step| step.0.iter().all(|value| value.is_finite()))
    }));
    // Utilisation from 0.5 to (held at) 0.99: waiting 99 times as long.
    let wait = effect(&outcome, "disk.sda.await_secs");
    assert!(wait.after[1] > 0.2 && wait.after[2].is_finite(), "{wait:?}");
    assert!(effect(&outcome, "psi.cpu.some_pct").after[2] <= 100.0);
    let tcp = effect(&outcome, "tcp.established");
    assert!((tcp.after[1] / tcp.before[1] - 4.0).abs() < 0.1 && tcp.evidence == Evidence::Identity);
    assert!(outcome.notes.iter().any(|note| note.contains("assumed")));
    assert!(outcome.notes.iter().any(|note| note.contains("would be full")));
}

#[test]
fn the_part_that_does_not_depend_on_load_stays() {
    // 30 % by itself, and 10 % more for every MB/s.
    let rate = |minute: i64| 1e6 * (1.0 + (minute as f64 / 9.0).sin());
    let world = shadows([
        metric("net.eth0.rx_bytes_per_s", Unit::BytesPerSec, rate),
        metric("cpu.busy_pct", Unit::Percent, |minute| {
            30.0 + rate(minute) / 1e5 + noise(minute, 1)
        }),
    ]);
    let outcome = ask(&world, &["traffic x0"]);
    let cpu = effect(&outcome, "cpu.busy_pct");
    assert!(
        (cpu.after[1] - 30.0).abs() < 3.0 && cpu.evidence == Evidence::Identity,
        "{cpu:?}"
    );
    assert_eq!(effect(&outcome, "net.eth0.rx_bytes_per_s").after[1], 0.0);
}

#[test]
fn differences_add_up_and_no_change_is_exactly_none() {
    let swing = |minute: i64| 40.0 + 25.0 * noise(minute, 1);
    let world = shadows([
        metric("cpu.busy_pct", Unit::Percent, swing),
        metric("load.1", Unit::Count, |minute| swing(minute) / 50.0),
        metric("disk.sda.writes_per_s", Unit::PerSec, |minute| {
            30.0 + 20.0 * noise(minute, 6)
        }),
        metric("disk.sda.await_secs", Unit::Secs, |minute| {
            0.004 + 0.003 * noise(minute, 3)
        }),
        metric("disk.sda.util_pct", Unit::Percent, |minute| {
            30.0 + 20.0 * noise(minute, 4)
        }),
        metric("net.eth0.rx_bytes_per_s", Unit::BytesPerSec, |minute| {
            1e6 + 9e5 * noise(minute, 5)
        }),
    ]);
    for changes in ["traffic x1.5", "traffic x0.5", "traffic x4", "cpu x2"] {
        let outcome = ask(&world, &[changes]);
        for (effect, (_, before, after)) in outcome.effects.iter().zip(&outcome.bands) {
            assert_eq!(
                effect.difference[1],
                effect.after[1] - effect.before[1],
                "{changes}: {effect:?}"
            );
            assert!(effect.difference.is_sorted(), "{effect:?}");
            let mean = |forecast: &Forecast| {
                forecast.steps.iter().map(|step| step.median()).sum::<f64>() / forecast.steps.len() as f64
            };
            let (shown, drawn) = (effect.difference[1], mean(after) - mean(before));
            assert!(
                (shown - drawn).abs() <= 0.1 * shown.abs().max(drawn.abs()),
                "the chart says the same: {changes} {effect:?} {drawn}"
            );
        }
    }
    // Half as much again reaches all that carries the load.
    let outcome = ask(&world, &["traffic x1.5"]);
    for name in [
        "load.1",
        "disk.sda.writes_per_s",
        "net.eth0.rx_bytes_per_s",
        "disk.sda.await_secs",
    ] {
        assert!(effect(&outcome, name).difference[1] > 0.0, "{name}");
    }
    let load = effect(&outcome, "load.1");
    assert!(
        load.after[1] > 1.5 * load.before[1],
        "one processor: from 40 to 60 % the queue doubles: {load:?}"
    );
    assert!(
        ask(&world, &["traffic x1"]).effects.is_empty(),
        "no change, no difference"
    );
    // More load is never told as less, however noisy: not where nothing more fits either.
    let full = shadows([
        metric("cpu.busy_pct", Unit::Percent, |_| 100.0),
        metric("load.1", Unit::Count, |minute| 4.0 + 3.0 * noise(minute, 8)),
        metric("psi.cpu.some_pct", Unit::Percent, |minute| {
            96.0 + 3.0 * noise(minute, 9)
        }),
        metric("disk.sda.util_pct", Unit::Percent, |minute| {
            97.0 + 2.0 * noise(minute, 10)
        }),
        metric("disk.sda.await_secs", Unit::Secs, |minute| {
            0.02 + 0.01 * noise(minute, 11)
        }),
    ]);
    let outcome = ask(&full, &["traffic x1.5"]);
    assert!(
        outcome.effects.iter().all(|effect| effect.difference[1] >= 0.0),
        "{:?}",
        outcome.effects
    );
    assert!(
        outcome.notes.iter().any(|note| note.contains("would be full")),
        "{:?}",
        outcome.notes
    );
}

#[test]
fn a_horizon_beyond_the_history_is_cut_and_said() {
    let ask = |horizon| {
        let changes = ChangeSet::of(Change::parse("cpu x2", &host()).unwrap());
        let ask = Ask {
            horizon,
            ..question(&changes, &[])
        };
        what_if(&shadows([busy()]), &ask)
    };
    let far = ask(Span::from_days(30));
    assert_eq!(far.horizon, Span::from_mins(6 * (MINUTES - 1)));
    assert!(
        far.notes.iter().any(|note| note.starts_with("not enough history for")),
        "{:?}",
        far.notes
    );
    let near = ask(Span::from_hours(6));
    assert_eq!(near.horizon, Span::from_hours(6));
    assert!(
        !near.notes.iter().any(|note| note.contains("history")),
        "{:?}",
        near.notes
    );
}

#[test]
fn more_room_lowers_the_probability_of_a_full_disk() {
    let mut disk = metric("fs./.used_pct", Unit::Percent, |minute| {
        70.0 + 0.1 * minute as f64 + 0.05 * noise(minute, 2)
    });
    disk.limit = Some(Limit {
        value: 90.0,
        side: Side::Above,
        by: "default".into(),
    });
    let outcome = ask(&shadows([disk]), &["disk x2"]);
    let (before, after) = effect(&outcome, "fs./.used_pct").crossing.unwrap();
    assert!(before > 0.5 && after < 0.05, "{before} {after}");
}

#[test]
fn steps_that_are_off_or_no_numbers_do_nothing() {
    let world = shadows([busy()]);
    let odd = |factor| Change::Capacity {
        resource: host(),
        what: Capacity::Cpu,
        mount: None,
        factor,
    };
    for changes in [
        ChangeSet::default(),
        ChangeSet::of(odd(f64::NAN)),
        ChangeSet::of(odd(-1.0)),
        ChangeSet {
            steps: vec![Step {
                change: odd(2.0),
                at: None,
                on: false,
            }],
        },
    ] {
        let outcome = what_if(&world, &question(&changes, &[]));
        assert!(outcome.effects.is_empty() && !outcome.notes.is_empty());
    }
    // A change for later leaves what comes before it.
    let mut later = ChangeSet::of(odd(2.0));
    later.steps[0].at = Some(now() + Span::from_hours(1));
    let outcome = what_if(&world, &question(&later, &[]));
    assert!((effect(&outcome, "cpu.busy_pct").after[1] - 30.0).abs() < 2.0);
}
