//! What is bound by an identity says one thing, without the change and with it.

use super::*;

/// The means of a band's steps at 10, 50 and 90 %.
fn means(forecast: &Forecast) -> [f64; 3] {
    let steps = forecast.steps.len() as f64;
    [2, 6, 10].map(|level| forecast.steps.iter().map(|step| step.0[level]).sum::<f64>() / steps)
}

#[test]
fn parts_of_the_processor_stay_within_what_is_busy() {
    // The whole goes with the traffic only in part; its part is too noisy to tell, and taken to go with all of it.
    let rate = |minute: i64| 1e6 * (2.0 + (minute as f64 / 9.0).sin());
    let world = shadows([
        metric("net.eth0.rx_bytes_per_s", Unit::BytesPerSec, rate),
        metric("cpu.busy_pct", Unit::Percent, |minute| 30.0 + rate(minute) / 1e5),
        metric("cpu.user_pct", Unit::Percent, |minute| 42.0 + 6.0 * noise(minute, 3)),
        metric("cpu.system_pct", Unit::Percent, |minute| 6.0 + noise(minute, 4)),
    ]);
    let outcome = ask(&world, &["traffic x1.8"]);
    let busy = effect(&outcome, "cpu.busy_pct");
    let (user, system) = (effect(&outcome, "cpu.user_pct"), effect(&outcome, "cpu.system_pct"));
    assert!(
        user.before[1] + system.before[1] <= busy.before[1] + 0.1,
        "{user:?} {system:?} {busy:?}"
    );
    assert!(
        user.after[1] + system.after[1] <= busy.after[1] + 0.1,
        "{user:?} {system:?} {busy:?}"
    );
    for part in [user, system] {
        assert!(
            part.before
                .iter()
                .zip(busy.before)
                .all(|(part, busy)| *part <= busy + 0.1),
            "{part:?} {busy:?}"
        );
        assert!(
            part.after
                .iter()
                .zip(busy.after)
                .all(|(part, busy)| *part <= busy + 0.1),
            "{part:?} {busy:?}"
        );
        assert!(
            (part.after[1] - part.before[1] - part.difference[1]).abs() < 0.1,
            "{part:?}"
        );
        let (_, _, after) = outcome.bands.iter().find(|(id, ..)| *id == part.series).unwrap();
        assert!((means(after)[1] - part.after[1]).abs() < 0.5, "{part:?}");
    }
}

#[test]
fn used_and_available_memory_add_up_to_all_without_and_with_more_of_it() {
    // Of different ages, as after a restart of one of their sources.
    let used = |minute: i64| 20.0 + 0.05 * minute as f64 + noise(minute, 1);
    let mut younger = metric("mem.used_pct", Unit::Percent, used);
    younger.shadow = MetricShadow::new(&younger.meta);
    for minute in MINUTES / 2..MINUTES {
        let (at, value) = (T0 + Span::from_mins(minute), used(minute));
        younger.shadow.observe(Point { at, value });
    }
    younger.shadow.refit(now());
    let world = shadows([
        younger,
        metric("mem.available_pct", Unit::Percent, |minute| 100.0 - used(minute)),
    ]);
    let outcome = ask(&world, &["memory x2"]);
    let [used, available] = ["mem.used_pct", "mem.available_pct"].map(|name| effect(&outcome, name));
    for level in 0..3 {
        let other = 2 - level;
        assert!(
            (used.before[level] + available.before[other] - 100.0).abs() < 0.5,
            "{used:?} {available:?}"
        );
        assert!(
            (used.after[level] + available.after[other] - 100.0).abs() < 0.5,
            "{used:?} {available:?}"
        );
    }
}

#[test]
fn load_averages_of_a_young_host_lead_to_one_level() {
    // What runs fell from eight to one when the host had started: each average forgets that in its own time.
    let average = |minutes: f64| move |minute: i64| 1.0 + 7.0 * (-(minute as f64) / minutes).exp();
    let world = shadows([
        busy(),
        metric("load.1", Unit::Count, average(1.0)),
        metric("load.5", Unit::Count, average(5.0)),
        metric("load.15", Unit::Count, average(60.0)),
    ]);
    let outcome = ask(&world, &["traffic x1.5"]);
    let [one, five, fifteen] = ["load.1", "load.5", "load.15"].map(|name| effect(&outcome, name));
    assert!((fifteen.before[1] - one.before[1]).abs() < 0.5, "{one:?} {fifteen:?}");
    assert!((five.before[1] - one.before[1]).abs() < 0.2, "{one:?} {five:?}");
}

#[test]
fn a_queue_grows_by_what_is_busy_in_the_time_that_is_told() {
    // Half an hour was seen, so three hours are told of six that are asked for; the share of use rises all the time.
    let minutes = 90;
    let rising = |minute: i64| 10.0 + 0.2 * (minute - minutes).max(0) as f64 + 0.1 * noise(minute, 2);
    let young = |name: &str, unit, of: &dyn Fn(i64) -> f64| {
        let mut metric = metric(name, unit, of);
        metric.shadow = MetricShadow::new(&metric.meta);
        for minute in minutes..MINUTES {
            let (at, value) = (T0 + Span::from_mins(minute), of(minute));
            metric.shadow.observe(Point { at, value });
        }
        metric.shadow.refit(now());
        metric.minutes.retain(|known| known.at >= T0 + Span::from_mins(minutes));
        metric
    };
    let mut world = shadows([
        young("cpu.busy_pct", Unit::Percent, &rising),
        young("load.1", Unit::Count, &|minute| 0.3 + 0.05 * noise(minute, 5)),
    ]);
    world.settings.snapshot(&crate::domain::SettingSnapshot {
        reach: None,
        resource: host(),
        scope: "hw".into(),
        at: now(),
        settings: Some([(Arc::from("hw.cpu.count"), crate::domain::Value::Int(2))].into()),
    });
    let changes = ChangeSet::of(Change::parse("traffic x1.5", &host()).unwrap());
    let asked = |horizon| {
        what_if(
            &world,
            &Ask {
                horizon,
                ..question(&changes, &[])
            },
        )
    };
    // As far as the history carries, and farther: the same time, so the same figures.
    let [near, far] = [Span::from_mins(29) * crate::drift::REACH, Span::from_days(30)].map(asked);
    assert_eq!(near.horizon, far.horizon);
    assert_eq!(effect(&near, "load.1").after, effect(&far, "load.1").after);
}
