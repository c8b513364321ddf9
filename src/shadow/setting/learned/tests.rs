use proptest::prelude::*;

use super::{bumps::Dotted, splice, *};

fn edit<'a>(at: f64, commit: &'a str, op: Op, new: Option<&'a str>) -> Edit<'a> {
    Edit {
        at,
        commit: Some(commit),
        who: Some("ann"),
        op,
        new,
        added: 0,
        removed: 0,
        length: 0,
    }
}

fn place<'a>(resource: &'a str, path: &'a str, class: Class) -> Place<'a> {
    Place { resource, path, class }
}

fn values(next: Next) -> Vec<(String, f64)> {
    match next {
        Next::Values(values) => values,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_commit_that_moves_one_image_moves_the_others_that_hold_it() {
    let mut learner = Learner::default();
    for key in 0..3_u64 {
        let resource = format!("apps/{key}.yaml");
        let place = place(&resource, "/image", Class::Version);
        learner.observe(
            key,
            &place,
            &edit(0.0, "", Op::Init, Some("ghcr.io/a/b:v1.4.2@sha256:00")),
        );
    }
    let first = place("apps/0.yaml", "/image", Class::Version);
    learner.observe(
        0,
        &first,
        &edit(1.0, "c", Op::Change, Some("ghcr.io/a/b:v2.0.0@sha256:11")),
    );
    let next = values(learner.next(1, Class::Version, 1.0));
    assert_eq!(next[0].0, "ghcr.io/a/b:v2.0.0");
    assert!(next[0].1 > 0.5, "{next:?}");
}

#[test]
fn a_piece_replaced_in_one_value_is_replaced_in_another() {
    let mut learner = Learner::default();
    let (host, url) = (place("a", "/host", Class::String), place("b", "/target", Class::String));
    learner.observe(1, &host, &edit(0.0, "", Op::Init, Some("db1.example.org")));
    learner.observe(
        2,
        &url,
        &edit(0.0, "", Op::Init, Some("https://db1.example.org:8443/x")),
    );
    learner.observe(1, &host, &edit(1.0, "c", Op::Change, Some("store7.example.org")));
    let next = values(learner.next(2, Class::String, 1.0));
    assert_eq!(next[0].0, "https://store7.example.org:8443/x");
}

#[test]
fn the_first_guess_at_a_version_is_its_next_one() {
    let mut learner = Learner::default();
    let chart = place("a", "/version", Class::Version);
    learner.observe(1, &chart, &edit(0.0, "", Op::Init, Some("1.2.9")));
    let top: Vec<String> = values(learner.next(1, Class::Version, 1.0))
        .into_iter()
        .take(3)
        .map(|(value, _)| value)
        .collect();
    assert!(
        top.contains(&"1.2.10".to_owned()) && top.contains(&"1.3.0".to_owned()),
        "{top:?}"
    );
}

#[test]
fn versions_are_found_and_raised_where_they_stand() {
    let bump = |text: &str, place: usize| Dotted::of(text).and_then(|dotted| dotted.bump(place, 1));
    assert_eq!(
        bump("ghcr.io/n0de/app:v1.9.3-alpine", 1).unwrap(),
        "ghcr.io/n0de/app:v1.10.0-alpine"
    );
    assert_eq!(bump("2022.08.1", 1).unwrap(), "2022.09.0");
    assert_eq!(bump("https://x.org:8080/y", 0).unwrap(), "https://x.org:8081/y");
    assert_eq!(bump("none", 0), None);
    let step = |a: &str, b: &str| Dotted::of(a)?.step(&Dotted::of(b)?);
    assert_eq!(step("v1.2.3", "v1.4.0"), Some((1, 2, true)));
    assert_eq!(step("v1.2.3", "1.2.4"), None);
}

#[test]
fn only_whole_words_are_replaced() {
    assert_eq!(
        splice::difference("labs1010:33", "labs1011:33"),
        Some(("labs1010", "labs1011"))
    );
    assert_eq!(splice::difference("", "x"), None);
    assert_eq!(splice::replaced("db1 db10 db1", "db1", "db2").unwrap(), "db2 db10 db2");
    assert_eq!(splice::replaced("db10", "db1", "db2"), None);
    assert_eq!(splice::index("/a/[3]/b"), Some(("/a/[", 3, "]/b")));
    assert_eq!(splice::index("/a/[name=x]/b"), None);
}

/// Two settings among quiet ones: the first changes every week, the second flips and is put back within the hour.
fn restless() -> Learner {
    let mut learner = Learner::default();
    for key in 0..60_u64 {
        let (resource, path) = (format!("r{}", key % 6), format!("/s{key}"));
        let place = place(&resource, &path, Class::String);
        learner.observe(key, &place, &edit(0.0, "", Op::Init, Some("a")));
    }
    for week in 1..120_u32 {
        let at = f64::from(week) * 7.0;
        let (value, commit) = (format!("w{week}"), format!("c{week}"));
        learner.observe(
            0,
            &place("r0", "/s0", Class::String),
            &edit(at, &commit, Op::Change, Some(&value)),
        );
        for (minutes, value) in [(10.0, "b"), (40.0, "a")] {
            let (at, commit) = (at + minutes / 1440.0, format!("f{week}{value}"));
            learner.observe(
                7,
                &place("r1", "/s7", Class::String),
                &edit(at, &commit, Op::Change, Some(value)),
            );
        }
    }
    learner
}

#[test]
fn what_changes_every_week_is_likelier_to_change_than_what_never_did() {
    let mut learner = restless();
    let all = learner.changes(120.0 * 7.0 - 0.5);
    let of = |key: u64| all.iter().find(|(other, _)| *other == key).unwrap().1;
    assert_eq!(all.len(), 60);
    assert!(
        of(0) > 0.3 && of(7) > 0.3 && of(30) < 0.05,
        "{} {} {}",
        of(0),
        of(7),
        of(30)
    );
}

#[test]
fn a_change_of_the_kind_that_is_put_back_is_likelier_to_be_undone() {
    let mut learner = restless();
    let at = 121.0 * 7.0;
    learner.observe(
        0,
        &place("r0", "/s0", Class::String),
        &edit(at, "x", Op::Change, Some("new")),
    );
    let stays = learner.newest_undone();
    learner.observe(
        7,
        &place("r1", "/s7", Class::String),
        &edit(at + 0.1, "y", Op::Change, Some("b")),
    );
    let undone = learner.newest_undone();
    assert!(undone > 0.6 && stays < 0.2, "{undone} {stays}");
}

#[test]
fn a_list_that_only_ever_grew_is_expected_to_grow() {
    let mut learner = Learner::default();
    let list = place("k.yaml", "/resources/*", Class::List);
    for day in 0..80_u32 {
        let (value, commit) = (format!("#{day}"), format!("c{day}"));
        let op = if day == 0 { Op::Init } else { Op::Change };
        let grown = Edit {
            added: 1,
            length: day as usize,
            ..edit(f64::from(day), &commit, op, Some(&value))
        };
        learner.observe(1, &list, &grown);
    }
    let Next::Ways([grow, shrink, both]) = learner.next(1, Class::List, 81.0) else {
        panic!("ways of a list");
    };
    assert!(grow > 0.7, "{grow} {shrink} {both}");
}

#[test]
fn a_model_written_and_read_again_says_the_same() {
    let mut learner = restless();
    let mut read: Learner = serde_json::from_str(&serde_json::to_string(&learner).unwrap()).unwrap();
    let at = 122.0 * 7.0;
    assert_eq!(learner.changes(at), read.changes(at));
    assert_eq!(learner.next(0, Class::String, at), read.next(0, Class::String, at));
    assert_eq!(learner.newest_undone(), read.newest_undone());
}

#[derive(Clone, Debug)]
struct Random {
    key: u64,
    hours: f64,
    commit: u8,
    op: u8,
    class: usize,
    value: String,
    members: (usize, usize),
}

fn random() -> impl Strategy<Value = Random> {
    let value = prop_oneof![
        "[a-c]{0,3}",
        "v?[0-9]{1,2}(\\.[0-9]{1,20}){0,7}",
        "-?[0-9]{1,30}(e[0-9]{1,3})?",
        any::<String>(),
        Just("NaN".to_owned()),
        Just("ünï·1.2:3@sha256:".to_owned()),
    ];
    let hours = prop_oneof![-100.0..5000.0, Just(f64::NAN), Just(f64::INFINITY), Just(-1e300)];
    (
        0_u64..8,
        hours,
        0_u8..4,
        0_u8..4,
        0_usize..9,
        value,
        (0_usize..3, 0_usize..3),
    )
        .prop_map(|(key, hours, commit, op, class, value, members)| Random {
            key,
            hours,
            commit,
            op,
            class,
            value,
            members,
        })
}

const CLASSES: [Class; 9] = [
    Class::Version,
    Class::Number,
    Class::Bool,
    Class::String,
    Class::Secret,
    Class::Hash,
    Class::Text,
    Class::Null,
    Class::List,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_comes_probabilities_stay_probabilities(stream in proptest::collection::vec(random(), 1..80)) {
        let mut learner = Learner::default();
        for one in &stream {
            let at = one.hours / 24.0;
            let path = format!("/a/[{}]/b", one.key);
            let commit = one.commit.to_string();
            let class = CLASSES[one.class];
            let op = [Op::Init, Op::Add, Op::Change, Op::Remove][one.op as usize];
            let edit = Edit {
                at,
                commit: (one.commit > 0).then_some(&*commit),
                who: None,
                op,
                new: (op != Op::Remove).then_some(&*one.value),
                added: one.members.0,
                removed: one.members.1,
                length: one.members.0,
            };
            match learner.next(one.key, class, at) {
                Next::Values(values) => {
                    prop_assert!(values.iter().all(|(_, p)| (0.0..=1.0).contains(p)));
                    prop_assert!(values.iter().map(|(_, p)| p).sum::<f64>() <= 1.0 + 1e-4);
                }
                Next::Interval(low, high) => prop_assert!(low.is_finite() && high.is_finite() && low <= high),
                Next::Ways(ways) => {
                    prop_assert!(ways.iter().all(|p| (0.0..=1.0).contains(p)));
                    prop_assert!((ways.iter().sum::<f64>() - 1.0).abs() < 1e-6);
                }
            }
            learner.observe(one.key, &place("f.yaml#Kind/x", &path, class), &edit);
            prop_assert!((0.0..=1.0).contains(&learner.newest_undone()));
            prop_assert!(learner.changes(at).iter().all(|(_, p)| (0.0..=1.0).contains(p)));
        }
    }
}

#[test]
fn a_number_that_goes_by_steps_of_its_own_is_expected_to_take_the_next() {
    for (past, next) in [
        (["45", "50", "55", "60", "65", "70"], "75"),
        (["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"], "0.7"),
        (["64", "128", "256", "512", "1024", "2048"], "4096"),
        (["90", "80", "70", "60", "50", "40"], "30"),
    ] {
        let mut learner = Learner::default();
        let place = place("a.yaml", "/timeout", Class::Number);
        for (day, value) in (0..).zip(past) {
            let op = if day == 0 { Op::Init } else { Op::Change };
            learner.observe(1, &place, &edit(f64::from(day), &day.to_string(), op, Some(value)));
        }
        let told = learner.candidates(1, 7.0);
        assert_eq!(told[0].0, next, "{told:?}");
    }
    // What goes to and fro has no steps to go on by.
    assert!(super::numbers::steps_on(&["60", "10", "60", "10"]).is_empty());
}

#[test]
fn the_version_of_one_package_is_none_of_another() {
    let mut learner = Learner::default();
    for (key, path, version) in [
        (1, "/pkg/[linux-libc-dev]", "6.1.55-1"),
        (2, "/pkg/[systemd]", "252.38-1~deb12u1"),
        (3, "/pkg/[udev]", "252.38-1~deb12u1"),
    ] {
        learner.observe(
            key,
            &place("host", path, Class::Version),
            &edit(0.0, "", Op::Init, Some(version)),
        );
    }
    let systemd = place("host", "/pkg/[systemd]", Class::Version);
    learner.observe(2, &systemd, &edit(1.0, "c", Op::Change, Some("252.39-1~deb12u2")));
    let values = |key: u64| {
        let told = learner.candidates(key, 2.0).into_iter();
        told.map(|(value, _)| value).collect::<Vec<_>>()
    };
    assert!(
        !values(1).iter().any(|value| value.starts_with("252")),
        "{:?}",
        values(1)
    );
    // What was built from the same source moves as it did.
    assert!(values(3).contains(&"252.39-1~deb12u2".to_owned()), "{:?}", values(3));
    assert_eq!(learner.held(1).others, 0);
}

#[test]
fn a_number_that_never_was_below_nothing_is_not_expected_there() {
    let steps = numbers::Steps::default();
    let seen = [("1".to_owned(), 0.5)];
    assert!(steps.interval(0.0, &seen).0 >= 0.0);
    // One that stands for something below it may come again.
    let seen = [("-1".to_owned(), 0.5)];
    assert_eq!(steps.interval(0.0, &seen).0, -1.0);
    assert!(steps.interval(-3.0, &[]).0 < -3.0);
}

fn week(learner: &Learner, key: u64, at: f64) -> f64 {
    let chances = learner.clone().changes(at);
    chances.into_iter().find(|(other, _)| *other == key).unwrap().1
}

#[test]
fn a_setting_is_likelier_to_change_around_its_usual_gap_than_just_after_a_change() {
    let mut learner = Learner::default();
    let tag = place("a", "/tag", Class::Version);
    learner.observe(1, &tag, &edit(0.0, "", Op::Init, Some("1.0")));
    for n in 1..=6 {
        let (commit, value) = (format!("c{n}"), format!("1.{n}"));
        learner.observe(1, &tag, &edit(f64::from(n) * 30.0, &commit, Op::Change, Some(&value)));
    }
    let (after, due, late) = (
        week(&learner, 1, 180.1),
        week(&learner, 1, 205.0),
        week(&learner, 1, 600.0),
    );
    assert!(due > after && due > late, "{after} {due} {late}");
}

#[test]
fn a_setting_that_moves_to_another_file_stays_restless() {
    let kept_after = |changes: u32| {
        let mut learner = restless();
        let old = place("moved/old", "/tag", Class::Version);
        let new = place("moved/new", "/tag", Class::Version);
        learner.observe(900, &old, &edit(900.0, "m0", Op::Add, Some("1.0")));
        for n in 1..=changes {
            let (commit, value) = (format!("m{n}"), format!("1.{n}"));
            let at = 900.0 + f64::from(n) * 5.0;
            learner.observe(900, &old, &edit(at, &commit, Op::Change, Some(&value)));
        }
        let value = format!("1.{changes}");
        learner.observe(901, &new, &edit(945.0, "move", Op::Add, Some(&value)));
        learner.observe(900, &old, &edit(945.0, "move", Op::Remove, None));
        learner.table.settings[learner.table.find(901).unwrap() as usize]
            .rate
            .read(945.0)[2]
    };
    assert_eq!(kept_after(0), 0.0);
    let kept = kept_after(8);
    assert!((2.0..4.0).contains(&kept), "{kept}");
}
