//! What a user would miss if the shadow of settings did not do it.

mod blame;
mod expected;

use proptest::prelude::*;

use super::*;
use crate::domain::ResourceId;

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
        reach: None,
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

#[test]
fn what_a_reader_looks_for_anew_is_no_change_of_the_host() {
    let mut shadow = SettingShadow::default();
    let told = |shadow: &mut SettingShadow, minute: i64, reader: &str, within: &[&str], settings: &[(&str, &str)]| {
        let reach = Reach {
            reader: reader.into(),
            within: within.iter().map(|name| Arc::from(*name)).collect(),
        };
        let told = shadow.told(&SettingSnapshot {
            reach: Some(reach),
            ..snapshot("file", start() + MINUTE * minute, settings)
        });
        let names = |ids: &mut dyn Iterator<Item = SeriesId>| ids.map(|id| id.name.to_string()).collect::<Vec<_>>();
        [
            names(&mut told.changes.iter().map(|change| change.id.clone())),
            names(&mut told.first.iter().map(|(id, _)| id.clone())),
            names(&mut told.left.iter().cloned()),
        ]
    };
    let none: [Vec<String>; 3] = Default::default();
    let all = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    // What an earlier version knew.
    shadow.snapshot(&snapshot("file", start(), &[("file./a:x", "1"), ("file./a:old", "1")]));
    let now = [("file./a:x", "2"), ("file./a:y", "1")];
    assert_eq!(
        told(&mut shadow, 1, "1", &["file./a"], &now),
        [all(&["file./a:x"]), all(&["file./a:y"]), all(&["file./a:old"])]
    );
    assert_eq!(told(&mut shadow, 2, "1", &["file./a"], &now), none);
    // Another folder is named, and at the same time a setting comes in the first one.
    let more = [
        now[0],
        now[1],
        ("file./a:z", "1"),
        ("file./ab:x", "1"),
        ("file./ab/c:x", "1"),
    ];
    assert_eq!(
        told(&mut shadow, 3, "1", &["file./a", "file./ab"], &more),
        [all(&["file./a:z"]), all(&["file./ab/c:x", "file./ab:x"]), vec![]]
    );
    // The first one is named no more; one of the other goes.
    assert_eq!(
        told(&mut shadow, 4, "1", &["file./ab"], &more[4..]),
        [
            all(&["file./ab:x"]),
            vec![],
            all(&["file./a:x", "file./a:y", "file./a:z"])
        ]
    );
    // A newer reader reads more of the same.
    let newer = [more[4], ("file./ab/c:y", "1")];
    assert_eq!(
        told(&mut shadow, 5, "2", &["file./ab"], &newer),
        [vec![], all(&["file./ab/c:y"]), vec![]]
    );
    assert_eq!(
        told(&mut shadow, 6, "2", &["file./ab"], &newer[..1]),
        [all(&["file./ab/c:y"]), vec![], vec![]]
    );
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
        reach: None,
        resource: ResourceId::new("host", "web-2"),
        ..snapshot("etc.ssh", start(), &[("etc.ssh.port", "2222")])
    };
    assert_eq!(shadow.snapshot(&other), []);
    assert_eq!(shadow.scopes.len(), 4);
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
    let quiet = shadow.week(&id("sysctl.s1"), now).unwrap();
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
    let week = |name: &str| shadow.week(&id(name), now).unwrap();
    let (restless, other) = (week("sysctl.s1"), week("sysctl.s2"));
    assert!(
        restless > 0.15 && other < quiet && other < restless / 5.0,
        "{restless} {quiet} {other}"
    );
    assert_eq!(shadow.get(&id("sysctl.s1")).unwrap().value, Value::Int(1));
}

#[test]
fn settings_that_only_a_history_tells_of_have_their_odds_like_all_others() {
    let mut shadow = watched(1);
    let now = start() + DAY;
    let id = SeriesId::new(&ResourceId::new("repo", "conf"), "git.app.yaml:replicas");
    let past = |round: i64, to: Option<i64>| SettingChange {
        id: id.clone(),
        at: start() - DAY * 2 * (20 - round),
        after: None,
        from: Some(Value::Int(round)),
        to: to.map(Value::Int),
        by: Some("author#1a2b3c4d".into()),
        backfilled: true,
    };
    for round in 0..20 {
        assert!(shadow.remember(&past(round, Some(round + 1))));
    }
    // Whoever hands it over says when that was all.
    shadow.learn_past(now);
    let state = shadow.get(&id).unwrap();
    assert_eq!(state.value, Value::Int(20));
    assert!(state.undoing.is_some(), "its last change is two days old");
    let odds = shadow.chances(now)[&id];
    assert!(odds.0 > 0.05 && odds.1 > 0.3, "{odds:?}");
    assert!(!shadow.outlook(&id, now).unwrap().next.is_empty());
    // Nobody reads it: it is no setting that could drift.
    assert!(!shadow.all().contains_key(&id));
    assert!(shadow.remember(&past(20, None)));
    assert_eq!(shadow.get(&id), None);
}

#[test]
fn what_a_history_says_of_its_newest_changes_rests_on_who_made_them() {
    let mut shadow = watched(1);
    let resource = ResourceId::new("repo", "conf");
    let mut by = |who: &str, name: &str, at: Timestamp, from: i64, to: i64| {
        let past = SettingChange {
            id: SeriesId::new(&resource, name),
            from: Some(Value::Int(from)),
            to: Some(Value::Int(to)),
            by: Some(who.into()),
            backfilled: true,
            ..change("", at, "1", "1")
        };
        assert!(shadow.remember(&past));
    };
    for round in 0..120 {
        let at = start() - DAY * 2 * (150 - round);
        by(
            "author#ana",
            &format!("git.a.yaml:k{}", round % 12),
            at,
            round,
            round + 1,
        );
        let key = format!("git.a.yaml:u{}", round % 12);
        by("author#eva", &key, at + MINUTE * 30, 1, round + 2);
        by("author#eva", &key, at + MINUTE * 90, round + 2, 1);
    }
    let names = ["git.a.yaml:k20", "git.a.yaml:k21"];
    for (who, name) in ["author#ana", "author#eva"].iter().zip(names) {
        by(who, name, start() - DAY, 1, 2);
    }
    shadow.learn_past(start());
    let told = |name| {
        shadow
            .get(&SeriesId::new(&resource, name))
            .unwrap()
            .undoing
            .clone()
            .unwrap()
    };
    let (ana, eva) = (told(names[0]), told(names[1]));
    assert!(eva.probability > 2.0 * ana.probability, "{ana:?} {eva:?}");
    assert!(!ana.reasons.is_empty() && !eva.reasons.is_empty(), "{ana:?} {eva:?}");
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
        assert_eq!(week, shadow.week(id, now).unwrap() as f32);
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
    let known = shadow.week(&id("sysctl.s1"), now).unwrap();
    (shadow.learner, shadow.form) = (Learner::default(), 0);
    shadow.settle(now);
    let again = shadow.week(&id("sysctl.s1"), now).unwrap();
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
