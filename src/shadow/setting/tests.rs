//! What a user would miss if the shadow of settings did not do it.

mod blame;

use proptest::prelude::*;

use super::*;

const MINUTE: Span = Span::from_mins(1);
const DAY: Span = Span::from_days(1);

fn start() -> Timestamp {
    Timestamp::from_secs(1_700_000_000)
}

fn host() -> ResourceId {
    ResourceId::new("host", "web-1")
}

fn id(name: &str) -> SeriesId {
    SeriesId::new(&host(), name)
}

fn snapshot(scope: &str, at: Timestamp, settings: &[(&str, &str)]) -> SettingSnapshot {
    let settings = settings
        .iter()
        .map(|(name, value)| (Arc::from(*name), Value::infer(value)))
        .collect();
    SettingSnapshot {
        resource: host(),
        scope: scope.into(),
        at,
        settings: Some(settings),
    }
}

fn change(name: &str, at: Timestamp, from: &str, to: &str) -> SettingChange {
    SettingChange {
        id: id(name),
        at,
        from: Some(Value::infer(from)),
        to: Some(Value::infer(to)),
        by: None,
        backfilled: false,
        after: None,
    }
}

/// A host with a hundred settings in `sysctl`, watched every minute for `days`.
fn watched(days: i64) -> SettingShadow {
    let mut shadow = SettingShadow::default();
    let names: Vec<String> = (0..100).map(|n| format!("sysctl.s{n}")).collect();
    let settings: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    shadow.snapshot(&snapshot("sysctl", start(), &settings));
    for hour in 1..=days * 24 {
        let mut same = snapshot("sysctl", start() + Span::from_hours(hour), &[]);
        same.settings = None;
        assert_eq!(shadow.snapshot(&same), []);
    }
    shadow
}

#[test]
fn a_snapshot_tells_what_changed_came_and_went() {
    let mut shadow = SettingShadow::default();
    let first = [("sysctl.a", "1"), ("sysctl.b", "1000m"), ("sysctl.c", "on")];
    assert_eq!(shadow.snapshot(&snapshot("sysctl", start(), &first)), []);
    assert_eq!(shadow.generation(), 0);
    let later = start() + MINUTE;
    let second = [("sysctl.a", "2"), ("sysctl.b", "1"), ("sysctl.d", "x")];
    let changes = shadow.snapshot(&snapshot("sysctl", later, &second));
    let told: Vec<(&str, bool, bool)> = changes
        .iter()
        .map(|change| (&*change.id.name, change.from.is_some(), change.to.is_some()))
        .collect();
    assert_eq!(
        told,
        [
            ("sysctl.c", true, false),
            ("sysctl.a", true, true),
            ("sysctl.d", false, true)
        ]
    );
    assert_eq!(shadow.get(&id("sysctl.a")).unwrap().value, Value::Int(2));
    assert_eq!(shadow.get(&id("sysctl.a")).unwrap().since, start());
    assert!(shadow.get(&id("sysctl.c")).is_none());
    assert_eq!((shadow.changes().len(), shadow.generation()), (3, 3));
    assert_eq!(shadow.snapshot(&snapshot("sysctl", later + MINUTE, &second)), []);
    assert_eq!(shadow.get(&id("sysctl.b")).unwrap().confirmed, later + MINUTE);
}

#[test]
fn scopes_do_not_touch_each_other() {
    let mut shadow = SettingShadow::default();
    shadow.snapshot(&snapshot("etc", start(), &[("etc.hosts", "a b")]));
    shadow.snapshot(&snapshot("etc.ssh", start(), &[("etc.ssh.port", "22")]));
    shadow.snapshot(&snapshot("etcd", start(), &[("etcd.peers", "3")]));
    let changes = shadow.snapshot(&snapshot("etc", start() + MINUTE, &[]));
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].id, id("etc.hosts"));
    assert_eq!(shadow.all().len(), 2);
    let other = SettingSnapshot {
        resource: ResourceId::new("host", "web-2"),
        ..snapshot("etc.ssh", start(), &[("etc.ssh.port", "2222")])
    };
    assert_eq!(shadow.snapshot(&other), []);
    assert_eq!(shadow.scopes().len(), 4);
    assert_eq!(shadow.get(&id("etc.ssh.port")).unwrap().value, Value::Int(22));
}

#[test]
fn a_change_is_as_surprising_as_the_history_is_long_and_calm() {
    let surprise = |days: i64| {
        let mut shadow = watched(days);
        shadow.observe(&change(
            "sysctl.s7",
            start() + DAY * days + Span::from_hours(2),
            "1",
            "0",
        ))
    };
    let (young, month, year) = (surprise(0), surprise(30), surprise(200));
    assert!((5.0..8.0).contains(&young), "{young}");
    assert!(
        month > young + 1.0 && year > month && year < 20.0,
        "{young} {month} {year}"
    );
}

#[test]
fn what_flaps_becomes_unsurprising_and_its_neighbours_do_not() {
    let mut shadow = watched(10);
    let begin = start() + DAY * 10;
    let mut bits = Vec::new();
    for hour in 0..72 {
        let (from, to) = if hour % 2 == 0 { ("1", "0") } else { ("0", "1") };
        bits.push(shadow.observe(&change("sysctl.s1", begin + Span::from_hours(hour), from, to)));
    }
    assert!(bits[0] > 6.0 && bits[71] < 2.0, "{bits:?}");
    let now = begin + Span::from_hours(72);
    // A third value of the one that flaps is odder than the two it flaps between.
    let third = shadow.clone().observe(&change("sysctl.s1", now, "1", "5"));
    assert!(third > bits[71] + 3.0, "{third}");
    let neighbour = shadow.observe(&change("sysctl.s2", now, "1", "0"));
    assert!(neighbour > 5.5, "{neighbour}");
    assert!(shadow.hazard(&id("sysctl.s1"), now, DAY) > 0.7);
    assert!(shadow.hazard(&id("sysctl.s3"), now, DAY) < 0.03);
    let values = shadow.values(&id("sysctl.s1"), now + DAY);
    assert_eq!(
        values
            .iter()
            .find(|(value, _)| *value == Some(Value::Int(0)))
            .map(|(_, p)| *p > 0.3),
        Some(true)
    );
}

#[test]
fn changes_seen_together_are_equally_surprising() {
    let mut shadow = watched(5);
    let names: Vec<String> = (0..100).map(|n| format!("sysctl.s{n}")).collect();
    let settings: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "2")).collect();
    assert_eq!(
        shadow.snapshot(&snapshot("sysctl", start() + DAY * 6, &settings)).len(),
        100
    );
    let bits: Vec<f64> = shadow.all().values().map(|state| state.bits).collect();
    assert!(bits.iter().all(|bit| *bit == bits[0] && *bit > 5.0), "{bits:?}");
}

#[test]
fn a_change_is_less_likely_undone_the_longer_it_stays_and_where_none_was() {
    let mut shadow = watched(1);
    let seen = change("sysctl.s1", start() + DAY, "1", "0");
    shadow.observe(&seen);
    let within = Span::from_days(14);
    let fresh = shadow.undone(&seen, seen.at, within);
    let later = shadow.undone(&seen, seen.at + DAY, within);
    assert!((0.05..0.15).contains(&fresh) && later < fresh / 2.0, "{fresh} {later}");
    assert!(shadow.undone(&seen, seen.at, MINUTE) < fresh / 10.0);
    let mut reverted = shadow.clone();
    for n in 2..30 {
        let name = format!("sysctl.s{n}");
        let at = seen.at + MINUTE * n;
        reverted.observe(&change(&name, at, "1", "0"));
        reverted.observe(&change(&name, at + MINUTE, "0", "1"));
    }
    let next = change("sysctl.s60", seen.at + Span::from_hours(1), "1", "0");
    let mut calm = shadow.clone();
    for shadow in [&mut reverted, &mut calm] {
        shadow.observe(&next);
    }
    assert!(reverted.undone(&next, next.at, within) > 2.0 * calm.undone(&next, next.at, within));
    shadow.observe(&change("sysctl.s1", seen.at + MINUTE, "0", "1"));
    assert_eq!(shadow.undone(&seen, seen.at + MINUTE, within), 1.0);
    assert!(shadow.undone(&seen, seen.at, within) < 1.0, "not known yet");
}

#[test]
fn what_was_remembered_of_the_past_is_learnt_when_no_more_of_it_comes() {
    let mut shadow = watched(1);
    let now = start() + DAY;
    let quiet = shadow.week(&id("sysctl.s1"), now);
    for week in 1..20 {
        let (from, to) = (week.to_string(), (week - 1).to_string());
        let past = SettingChange {
            by: Some(format!("ana, git {week:08x}").into()),
            ..change("sysctl.s1", start() - DAY * 7 * week, &from, &to)
        };
        assert!(shadow.remember(&past));
    }
    for minute in 0..4 {
        shadow.settle(now + MINUTE * minute);
    }
    let (restless, other) = (shadow.week(&id("sysctl.s1"), now), shadow.week(&id("sysctl.s2"), now));
    assert!(
        restless > 0.15 && other < quiet && other < restless / 5.0,
        "{restless} {quiet} {other}"
    );
    assert_eq!(shadow.get(&id("sysctl.s1")).unwrap().value, Value::Int(1));
}

#[test]
fn a_week_is_never_less_likely_than_a_day() {
    let mut shadow = watched(1);
    for minute in 1..7 {
        let (from, to) = (minute % 2, (minute + 1) % 2);
        let flaps = change(
            "sysctl.s1",
            start() + MINUTE * minute,
            &from.to_string(),
            &to.to_string(),
        );
        shadow.observe(&flaps);
    }
    let now = start() + MINUTE * 10;
    for (id, (day, week)) in shadow.chances(now) {
        assert!(day <= week, "{id}: {day} {week}");
        assert_eq!(week, shadow.week(id, now) as f32);
    }
}

#[test]
fn models_that_were_not_kept_are_learnt_from_the_changes_that_were() {
    let mut shadow = watched(1);
    for day in 2..9 {
        let (from, to) = (day.to_string(), (day + 1).to_string());
        shadow.observe(&change("sysctl.s1", start() + DAY * day, &from, &to));
    }
    let now = start() + DAY * 9;
    let known = shadow.week(&id("sysctl.s1"), now);
    (shadow.learner, shadow.form) = (Learner::default(), 0);
    shadow.settle(now);
    let again = shadow.week(&id("sysctl.s1"), now);
    assert!((again / known - 1.0).abs() < 0.3 && again > 0.1, "{again} {known}");
}

#[test]
fn models_kept_in_another_form_are_learnt_anew_and_those_in_this_one_are_not() {
    let mut shadow = SettingShadow::default();
    shadow.snapshot(&snapshot("sshd", start(), &[("sshd.x11forwarding", "yes")]));
    let turn = |day: i64| {
        let spelled = |even: bool| if even { "yes" } else { "no" };
        change(
            "sshd.x11forwarding",
            start() + DAY * day,
            spelled(day % 2 == 1),
            spelled(day % 2 == 0),
        )
    };
    for day in 1..9 {
        shadow.observe(&turn(day));
    }
    let next = shadow.bits(&turn(9));
    // A version that learnt each spelling as a text of its own.
    let mut old = shadow.clone();
    (old.learner, old.form) = (Learner::default(), 0);
    for change in &shadow.changes {
        super::stream::tell(change, false, |key, place, edit| {
            let spelled = change.to.as_ref().map(ToString::to_string);
            let (class, new) = (super::learned::Class::String, spelled.as_deref());
            old.learner.observe(
                key,
                &super::learned::Place { class, ..*place },
                &super::learned::Edit { new, ..*edit },
            );
        });
    }
    assert!(
        (old.bits(&turn(9)) - next).abs() > 1.0,
        "the old form says another thing"
    );
    old.settle(start() + DAY * 8);
    assert!(
        (old.bits(&turn(9)) - next).abs() < 0.25,
        "{} {next}",
        old.bits(&turn(9))
    );
    // Once is enough.
    let learnt = format!("{:?}", old.learner);
    old.settle(start() + DAY * 8);
    assert_eq!(format!("{:?}", old.learner), learnt);
}

#[test]
fn what_comes_is_told_with_what_peers_hold_and_who_moved_first() {
    let mut shadow = SettingShadow::default();
    let of = |host: &str, value: &str, at| SettingSnapshot {
        resource: ResourceId::new("host", host),
        ..snapshot("sysctl", at, &[("sysctl.vm.swappiness", value)])
    };
    for host in ["a", "b", "c", "d"] {
        shadow.snapshot(&of(host, "60", start()));
    }
    for (host, day) in [("b", 1), ("c", 2), ("a", 3)] {
        shadow.snapshot(&of(host, "10", start() + DAY * day));
    }
    let last = SeriesId::new(&ResourceId::new("host", "d"), "sysctl.vm.swappiness");
    let outlook = shadow.outlook(&last, start() + DAY * 4).unwrap();
    assert_eq!((outlook.others, outlook.peers.len()), (3, 1));
    let peer = &outlook.peers[0];
    assert_eq!((&peer.value, peer.count), (&Value::Int(10), 3));
    assert_eq!(peer.first, Some((ResourceId::new("host", "b"), start() + DAY)));
    // On one host its likes are other settings of it.
    let of = |eth1: &str, at| {
        let (a, b) = (
            "sysctl.net.ipv4.conf.eth0.rp_filter",
            "sysctl.net.ipv4.conf.eth1.rp_filter",
        );
        snapshot("sysctl", at, &[(a, "1"), (b, eth1)])
    };
    let mut alone = SettingShadow::default();
    alone.snapshot(&of("1", start()));
    alone.snapshot(&of("2", start() + DAY));
    let told = alone
        .outlook(&id("sysctl.net.ipv4.conf.eth0.rp_filter"), start() + DAY * 2)
        .unwrap();
    let peer = &told.peers[0];
    assert_eq!(peer.first.as_ref().map(|(_, at)| *at), Some(start() + DAY));
    assert_eq!(peer.sibling.as_deref(), Some("sysctl.net.ipv4.conf.eth1.rp_filter"));
    let (low, high) = outlook.interval.unwrap();
    assert!(low.number() <= high.number());
    assert_eq!(shadow.outlook(&id("sysctl.none"), start()), None);
}

#[test]
fn what_follows_another_change_is_expected_once_that_has_proved_good() {
    let mut shadow = watched(0);
    let mut told = Vec::new();
    for week in 1..14 {
        let at = start() + DAY * 7 * week;
        let values = [(week + 9).to_string(), (week + 10).to_string()];
        shadow.observe(&change("sysctl.s1", at, &values[0], &values[1]));
        for minute in 3..8 {
            shadow.settle(at + MINUTE * minute);
        }
        let now: Vec<(SeriesId, Timestamp)> = shadow.impending().map(|one| (one.id.clone(), one.due)).collect();
        assert_eq!(shadow.newly_expected().len(), usize::from(week > 3), "{week}");
        told.push(now.len());
        assert!(
            now.iter()
                .all(|(id, due)| &*id.name == "sysctl.s2" && *due == at + MINUTE * 120),
            "{now:?}"
        );
        // It follows after an hour, and what was expected is over.
        shadow.observe(&change("sysctl.s2", at + Span::from_hours(1), &values[0], &values[1]));
        assert_eq!(shadow.impending().count(), 0);
    }
    assert_eq!((told[..8].iter().sum::<usize>(), told[12]), (0, 1), "{told:?}");
    // It stops following: a few times later nothing is told any more.
    for week in 14..22 {
        let at = start() + DAY * 7 * week;
        shadow.observe(&change(
            "sysctl.s1",
            at,
            &(week + 9).to_string(),
            &(week + 10).to_string(),
        ));
        shadow.settle(at + MINUTE * 5);
        shadow.settle(at + DAY * 2);
    }
    let at = start() + DAY * 7 * 22;
    shadow.observe(&change("sysctl.s1", at, "31", "32"));
    shadow.settle(at + MINUTE * 5);
    assert_eq!(shadow.impending().count(), 0);
}

#[test]
fn the_last_of_the_peers_is_expected_to_move() {
    let mut shadow = SettingShadow::default();
    let of = |host: usize, value: i64, at| SettingSnapshot {
        resource: ResourceId::new("host", &format!("h{host}")),
        ..snapshot("sysctl", at, &[("sysctl.vm.swappiness", &value.to_string())])
    };
    for host in 0..6 {
        shadow.snapshot(&of(host, 0, start()));
    }
    let mut told = 0;
    for round in 1..12 {
        for host in 0..6 {
            let at = start() + DAY * (30 * round + 2 * host as i64);
            shadow.snapshot(&of(host, round, at));
            shadow.settle(at + MINUTE * 3);
            for one in shadow.impending() {
                assert_eq!(
                    (one.expected.clone(), one.now.clone()),
                    (Some(Value::Int(round)), Some(Value::Int(round - 1)))
                );
                assert!(one.times.0 >= 3 && one.probability > 0.6, "{one:?}");
                told += 1;
            }
        }
        assert_eq!(shadow.impending().count(), 0);
    }
    assert!(told > 10, "{told}");
}

#[test]
fn one_change_told_twice_is_one() {
    let mut shadow = watched(1);
    let at = start() + DAY;
    let seen = change("sysctl.s1", at, "1", "0");
    assert!(shadow.observe(&seen) > 0.0);
    assert_eq!(shadow.observe(&seen), 0.0);
    let gone = SettingChange { to: None, ..seen };
    assert!(shadow.observe(&gone) > 0.0);
    assert_eq!(shadow.observe(&gone), 0.0);
    assert_eq!(shadow.changes().len(), 2);
}

#[test]
fn the_list_of_changes_is_bounded() {
    let mut shadow = watched(0);
    for n in 0..SettingShadow::CHANGES as i64 + 50 {
        let (from, to) = (n.to_string(), (n + 1).to_string());
        shadow.observe(&change("sysctl.s1", start() + MINUTE * n, &from, &to));
    }
    assert_eq!(shadow.changes().len(), SettingShadow::CHANGES);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_changes_at_any_time_give_probabilities(
        steps in prop::collection::vec((0..6u8, 0..4u8, -100_000..10_000_000i64), 0..80),
        within in -10..1_000_000_000i64,
    ) {
        let mut shadow = watched(0);
        let mut now = start();
        for (setting, value, secs) in steps {
            now += Span::from_secs(secs);
            let id = id(&format!("sysctl.s{setting}"));
            let from = shadow.get(&id).map(|state| state.value.clone());
            let to = (value > 0).then(|| Value::Int(i64::from(value)));
            let seen = SettingChange { id: id.clone(), at: now, from, to, by: None, after: None, backfilled: false };
            let bits = shadow.observe(&seen);
            prop_assert!((0.0..=40.0).contains(&bits));
            let probability = |p: f64| (0.0..=1.0).contains(&p);
            prop_assert!(probability(shadow.hazard(&id, now, Span::from_secs(within))));
            prop_assert!(probability(shadow.undone(&seen, now, Span::from_secs(within))));
            let values = shadow.values(&id, now + Span::from_secs(within));
            prop_assert!(values.iter().all(|(_, p)| probability(*p)));
            prop_assert!(values.iter().map(|(_, p)| p).sum::<f64>() <= 1.0 + 1e-9);
            prop_assert_eq!(shadow.get(&id).map(|state| state.value.clone()), seen.to);
        }
        let stored: SettingShadow = crate::domain::packed::unpack(&crate::domain::packed::pack(&shadow).unwrap()).unwrap();
        prop_assert_eq!(stored.all(), shadow.all());
        let id = id("sysctl.s1");
        prop_assert_eq!(stored.hazard(&id, now, DAY), shadow.hazard(&id, now, DAY));
    }
}

/// A host with ten packages, of which an upgrade is pending each month and comes two days later, as often as `comes` says.
fn upgraded(comes: impl Fn(i64) -> bool) -> SettingShadow {
    let mut shadow = SettingShadow::default();
    let versions = |month: i64| (0..10).map(move |n| (format!("pkg.p{n}:amd64"), format!("1.0.{month}")));
    let told = |shadow: &mut SettingShadow, scope: &str, at, settings: &[(String, String)]| {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        shadow.snapshot(&snapshot(scope, at, &settings))
    };
    told(&mut shadow, "pkg", start(), &versions(0).collect::<Vec<_>>());
    for month in 1..=4 {
        let at = start() + DAY * 30 * month;
        let pending: Vec<(String, String)> = versions(month)
            .map(|(name, version)| (name.replace("pkg.", "upgrade.security:"), version))
            .collect();
        assert_eq!(told(&mut shadow, "upgrade", at, &pending), []);
        shadow.settle(at);
        if month < 4 && comes(month) {
            told(&mut shadow, "pkg", at + DAY * 2, &versions(month).collect::<Vec<_>>());
        }
        shadow.settle(at + MINUTE);
        if month < 4 {
            shadow.settle(at + DAY * 8);
        }
    }
    shadow
}

#[test]
fn a_pending_upgrade_is_expected_once_such_have_come() {
    let shadow = upgraded(|_| true);
    let one = shadow.impending().find(|one| one.id == id("pkg.p3:amd64")).unwrap();
    assert_eq!(
        (one.ground, &one.expected),
        (Ground::Security, &Some(Value::infer("1.0.4")))
    );
    assert!(one.probability > 0.9 && one.due > one.since, "{one:?}");
    assert_eq!(shadow.impending().count(), 10);
    assert!(shadow.all().keys().all(|id| !id.name.starts_with("upgrade")));
}

#[test]
fn upgrades_that_nobody_installs_are_not_told_of() {
    assert_eq!(upgraded(|_| false).impending().count(), 0);
    let mut shadow = upgraded(|_| true);
    shadow.snapshot(&snapshot(
        "upgrade",
        start() + DAY * 121,
        &[("upgrade.security:p3:amd64", "1.0.4")],
    ));
    assert_eq!(shadow.impending().count(), 1);
}
