//! What-ifs on constructed shadows.

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    domain::{Capacity, Limit, MetricKind, MetricMeta, Point, SettingChange, SettingSnapshot, Side, Step, Unit, Value},
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
    fastrand::Rng::with_seed(minute as u64 * 31 + salt).f64() * 2.0 - 1.0
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

fn ask(shadows: &Shadows, changes: &[&str]) -> Outcome {
    let steps = changes.iter().map(|text| Step {
        change: Change::parse(text, &host()).unwrap(),
        at: None,
        on: true,
    });
    let changes = ChangeSet { steps: steps.collect() };
    what_if(shadows, &changes, Span::from_hours(2), now(), 7)
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
        what_if(&shadows([busy()]), &changes, horizon, now(), 7)
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
fn a_setting_that_never_changed_has_no_evidence() {
    let outcome = ask(&shadows([busy()]), &["sysctl.vm.swappiness 60 -> 10"]);
    assert!(outcome.effects.is_empty() && outcome.bands.is_empty());
    assert!(
        outcome.notes.iter().any(|note| note.contains("no evidence")),
        "{:?}",
        outcome.notes
    );
    assert!(!outcome.inside_seen, "only the value it has was ever seen");
    assert!(outcome.notes.iter().any(|note| note.contains("only 60 was ever seen")));
}

#[test]
fn load_pressure_and_busy_share_tell_one_story_when_all_is_taken() {
    let mut world = shadows([
        metric("cpu.busy_pct", Unit::Percent, |minute| 99.5 + 0.1 * noise(minute, 1)),
        metric("psi.cpu.some_pct", Unit::Percent, |minute| 90.0 + noise(minute, 2)),
        metric("load.1", Unit::Count, |minute| 6.0 + 0.1 * noise(minute, 3)),
    ]);
    world.settings.snapshot(&crate::domain::SettingSnapshot {
        resource: host(),
        scope: "hw".into(),
        at: now(),
        settings: Some([(Arc::from("hw.cpu.count"), crate::domain::Value::Int(2))].into()),
    });
    // Nine want to run on what four processors do: all stays taken.
    let outcome = ask(&world, &["traffic x1.5", "cpu x2"]);
    let after = |outcome: &Outcome, name: &str| {
        let found = outcome.effects.iter().find(|effect| &*effect.series.name == name);
        found.map(|effect| (effect.before[1], effect.after[1]))
    };
    let busy = after(&outcome, "cpu.busy_pct");
    assert!(busy.is_none_or(|(_, after)| after > 95.0), "{busy:?}");
    let pressure = after(&outcome, "psi.cpu.some_pct");
    assert!(
        pressure.is_none_or(|(before, after)| (after - before).abs() < 5.0),
        "{pressure:?}"
    );
    // With eight times as much there is room, and all three say so.
    let outcome = ask(&world, &["traffic x1.5", "cpu x8"]);
    for name in ["cpu.busy_pct", "psi.cpu.some_pct", "load.1"] {
        let (before, after) = after(&outcome, name).unwrap();
        assert!(after < 0.7 * before, "{name}: {before} -> {after}");
    }
}

#[test]
fn what_two_settings_did_together_is_counted_once_and_what_another_may_have_done_is_shared() {
    let mut world = changed_before();
    world.settings.observe(&SettingChange {
        id: id("sysctl.vm.dirty_ratio"),
        at: T0 + Span::from_secs(60 * 60 + 25),
        from: Some(Value::Int(20)),
        to: Some(Value::Int(40)),
        by: None,
        after: None,
        backfilled: false,
    });
    let both = ask(&world, &["sysctl.vm.swappiness = 60", "sysctl.vm.dirty_ratio = 20"]);
    let memory = effect(&both, "mem.used_pct");
    assert!((memory.difference[1] + 12.0).abs() < 1.0, "{memory:?}");
    let one = ask(&world, &["sysctl.vm.swappiness = 60"]);
    let memory = effect(&one, "mem.used_pct");
    assert!((memory.difference[1] + 6.0).abs() < 1.0, "{memory:?}");
    assert!(memory.difference[0] < -9.0 && memory.difference[2] > -3.0, "{memory:?}");
    assert!(
        one.notes.iter().any(|note| note.contains("may be theirs")),
        "{:?}",
        one.notes
    );
}

/// Memory jumps by 12 points when the setting went from 60 to 10 an hour ago.
fn changed_before() -> Shadows {
    let jump = |minute: i64| if minute > 60 { 12.0 } else { 0.0 };
    let mut world = shadows([
        busy(),
        metric("mem.used_pct", Unit::Percent, |minute| {
            40.0 + jump(minute) + 0.5 * noise(minute, 9)
        }),
    ]);
    let settings: BTreeMap<Arc<str>, Value> = [("sysctl.vm.swappiness".into(), Value::Int(60))].into();
    world.settings.snapshot(&SettingSnapshot {
        resource: host(),
        scope: "sysctl".into(),
        at: T0,
        settings: Some(settings),
    });
    world.settings.observe(&SettingChange {
        id: id("sysctl.vm.swappiness"),
        at: T0 + Span::from_secs(60 * 60 + 20),
        from: Some(Value::Int(60)),
        to: Some(Value::Int(10)),
        by: None,
        after: None,
        backfilled: false,
    });
    world
}

#[test]
fn without_a_change_that_was_made_what_was_measured_is_as_before_it() {
    let world = changed_before();
    let made = T0 + Span::from_secs(60 * 60 + 20);
    let undone = |at| ChangeSet {
        steps: vec![Step {
            change: Change::parse("sysctl.vm.swappiness 10 -> 60", &host()).unwrap(),
            at: Some(at),
            on: true,
        }],
    };
    let outcome = since(&world, &undone(made), now(), 7);
    let memory = effect(&outcome, "mem.used_pct");
    let told = ask(&world, &["sysctl.vm.swappiness = 60"]);
    let ahead = effect(&told, "mem.used_pct").difference[1];
    assert!(outcome.actual && outcome.at < made && outcome.at + outcome.horizon == now());
    assert!((memory.difference[1] - ahead).abs() < 0.2, "{memory:?} {ahead}");
    let (_, actual, with) = &outcome.bands[0];
    let (first, last) = (0, actual.steps.len() - 1);
    let minutes = &world.metrics[&id("mem.used_pct")].minutes;
    assert_eq!(
        actual.steps[last].median(),
        minutes.back().unwrap().last,
        "what was measured"
    );
    assert_eq!(
        with.steps[first], actual.steps[first],
        "before the change nothing differs"
    );
    // With its undoing it is where it was before, as noisy as it was.
    let before = minutes
        .iter()
        .filter(|minute| minute.at < made)
        .map(|minute| minute.last);
    let (sum, count) = before.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    assert!(
        (with.steps[last].median() - sum / count).abs() < 3.0,
        "{:?}",
        with.steps[last]
    );
    let (low, high) = with.steps[last].band80();
    assert!(
        low < high && (high - low) < ahead.abs(),
        "the band is the doubt about the effect"
    );
    // Undone later, it differs from then on.
    let later = since(&world, &undone(made + Span::from_mins(30)), now(), 7);
    assert!((effect(&later, "mem.used_pct").difference[1] - ahead).abs() < 0.2);
    assert!(later.at > outcome.at);
}

#[test]
fn an_earlier_change_tells_what_its_undoing_does() {
    let world = changed_before();
    let outcome = ask(&world, &["sysctl.vm.swappiness = 60"]);
    assert_eq!(
        outcome.effects.len(),
        1,
        "the processor did not move then: {:?}",
        outcome.effects
    );
    let memory = effect(&outcome, "mem.used_pct");
    assert_eq!(memory.evidence, Evidence::PastChange);
    assert!((memory.difference[1] + 12.0).abs() < 1.0, "{memory:?}");
    assert!(memory.difference[0] < memory.difference[1] && memory.difference[1] < memory.difference[2]);
    assert!(outcome.inside_seen);
    // Half the way back has half the effect.
    let half = ask(&world, &["sysctl.vm.swappiness = 35"]);
    assert!((effect(&half, "mem.used_pct").difference[1] + 6.0).abs() < 0.6);
    // Where it already is nothing happens.
    assert!(ask(&world, &["sysctl.vm.swappiness = 10"]).effects.is_empty());
    assert!(!ask(&world, &["sysctl.vm.swappiness = 90"]).inside_seen);
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
        let outcome = what_if(&world, &changes, Span::from_hours(1), now(), 1);
        assert!(outcome.effects.is_empty() && !outcome.notes.is_empty());
    }
    // A change for later leaves what comes before it.
    let mut later = ChangeSet::of(odd(2.0));
    later.steps[0].at = Some(now() + Span::from_hours(1));
    let outcome = what_if(&world, &later, Span::from_hours(2), now(), 1);
    assert!((effect(&outcome, "cpu.busy_pct").after[1] - 30.0).abs() < 2.0);
}
