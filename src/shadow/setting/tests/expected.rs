//! Changes that are expected: what follows another, what peers have, what is pending.

use super::*;

#[test]
fn what_comes_is_told_with_what_peers_hold_and_who_moved_first() {
    let mut shadow = SettingShadow::default();
    let of = |host: &str, value: &str, at| SettingSnapshot {
        reach: None,
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
fn what_is_only_written_like_an_image_has_no_peers_by_it() {
    let mut shadow = SettingShadow::default();
    let listens = [
        ("app.listen", "db-01:5432"),
        ("web.upstream", "db-01:9000"),
        ("run.mounts", "/data:ro"),
    ];
    shadow.snapshot(&snapshot("app", start(), &listens[..1]));
    shadow.snapshot(&snapshot("web", start(), &listens[1..2]));
    shadow.snapshot(&snapshot("run", start(), &listens[2..]));
    let outlook = shadow.outlook(&id("app.listen"), start() + DAY).unwrap();
    assert!(outlook.peers.iter().all(|peer| peer.tag.is_none()), "{outlook:?}");
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
        reach: None,
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

#[test]
fn a_package_is_never_expected_at_the_version_of_another() {
    let mut shadow = SettingShadow::default();
    let versions = |place: i64| -> Vec<(String, String)> {
        (0..20)
            .map(|n| (format!("pkg.p{n}"), format!("{n}.0.{}", if n < place { 2 } else { 1 })))
            .collect()
    };
    for day in 0..15 {
        let all = versions(day);
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (&**name, &**value)).collect();
        shadow.snapshot(&snapshot("pkg", start() + DAY * day, &all));
    }
    let at = start() + DAY * 15;
    let outlook = shadow.outlook(&id("pkg.p0"), at).unwrap();
    assert_eq!((outlook.others, outlook.peers.len()), (0, 0));
    let others: Vec<String> = versions(15).into_iter().skip(1).map(|(_, version)| version).collect();
    let of_another = |value: &Value| others.contains(&value.to_string());
    let next = &outlook.next;
    assert!(
        !next.is_empty() && !next.iter().any(|(value, _)| of_another(value)),
        "{next:?}"
    );
    // The same package elsewhere is a peer.
    let other = SettingSnapshot {
        resource: ResourceId::new("host", "web-2"),
        ..snapshot("pkg", at, &[("pkg.p0", "0.0.3"), ("pkg.p1", "9")])
    };
    shadow.snapshot(&other);
    let outlook = shadow.outlook(&id("pkg.p0"), at).unwrap();
    assert_eq!(
        (outlook.others, outlook.peers[0].value.to_string()),
        (1, "0.0.3".into())
    );
}

/// Two settings of which one follows the other after an hour, and two that change at once.
fn habits() -> Vec<SettingChange> {
    let mut all = Vec::new();
    for round in 0..13 {
        let at = start() + DAY * 7 * round;
        let values = [round.to_string(), (round + 1).to_string()];
        let mut one = |name: &str, at| all.push(change(name, at, &values[0], &values[1]));
        one("sysctl.lead", at);
        // Half of the change is made now and then, and the other half within hours; so it is at last.
        let half = round % 2 == 0;
        one("sysctl.one", at);
        if !half {
            one("sysctl.other", at);
        }
        if round < 12 {
            one("sysctl.trail", at + Span::from_hours(1));
            if half {
                one("sysctl.other", at + Span::from_hours(5));
            }
        }
    }
    all
}

#[test]
fn a_past_says_what_is_about_to_change_as_if_it_had_been_watched() {
    let told = |shadow: &SettingShadow| -> Vec<_> {
        let told = shadow.impending();
        told.map(|one| (one.id.name.clone(), one.ground, one.probability, one.due, one.times))
            .collect()
    };
    let (mut live, mut past) = (SettingShadow::default(), SettingShadow::default());
    let all = habits();
    let names = ["sysctl.lead", "sysctl.one", "sysctl.other", "sysctl.trail"].map(|name| (name, "0"));
    live.snapshot(&snapshot("sysctl", start() - DAY, &names));
    for (place, one) in all.iter().enumerate() {
        live.observe(one);
        assert!(past.remember(one));
        let next = all.get(place + 1).map_or(one.at + MINUTE * 10, |next| next.at);
        for minute in 2..10 {
            if next > one.at + MINUTE * minute {
                live.settle(one.at + MINUTE * minute);
            }
        }
        live.settle(next - Span(1));
    }
    let now = all[all.len() - 1].at + MINUTE * 10;
    past.learn_past(now);
    assert_eq!(told(&live), told(&past));
    let told = told(&past);
    assert!(
        told.iter()
            .any(|one| &*one.0 == "sysctl.trail" && one.1 == Ground::Along && one.4 == (12, 12)),
        "{told:?}"
    );
    // What is said of one setting agrees.
    let trail = id("sysctl.trail");
    let (day, week) = past.chances(now)[&trail];
    assert!(day > 0.9 && week >= day, "{day} {week}");
    assert!(past.week(&trail, now).is_some_and(|week| week > 0.9));
    // Nobody reads them, and nobody would score in time what is said of them.
    assert!(past.newly_expected().is_empty());
    past.learn_past(now + DAY * 30);
    assert_eq!(past.impending().count(), 0);
}

#[test]
fn images_of_one_repository_are_peers_whatever_the_settings_are_called() {
    let repo = ResourceId::new(ResourceId::REPOSITORY, "conf");
    let mut shadow = SettingShadow::default();
    let mut end = start();
    for round in 1..8 {
        for service in 0..6 {
            let at = start() + DAY * (30 * round + service);
            if (round, service) == (7, 5) {
                continue;
            }
            let registry = if service == 5 { "docker.io/" } else { "" };
            let value = |round: i64| Some(Value::text(&format!("{registry}acme/web:v1.{round}")));
            let one = SettingChange {
                id: SeriesId::new(&repo, &format!("git.{service}.yaml:Deployment/{service}/image")),
                from: value(round - 1),
                to: value(round),
                backfilled: true,
                ..change("x", at, "", "")
            };
            assert!(shadow.remember(&one));
            end = at;
        }
    }
    shadow.learn_past(end + MINUTE * 5);
    let told: Vec<&Impending> = shadow.impending().collect();
    let [one] = told[..] else { panic!("{told:?}") };
    assert_eq!((one.ground, one.times), (Ground::Peers, (5, 6)));
    assert_eq!(one.expected, Some(Value::text("docker.io/acme/web:v1.7")));
    // What they hold is told by tag, with who moved to it first, though their settings have other names.
    let late = SeriesId::new(&repo, "git.5.yaml:Deployment/5/image");
    let outlook = shadow.outlook(&late, end).unwrap();
    let [peer] = &outlook.peers[..] else {
        panic!("{outlook:?}")
    };
    assert_eq!((outlook.others, peer.count, peer.tag.as_deref()), (5, 5, Some("v1.7")));
    assert_eq!(peer.sibling.as_deref(), Some("git.0.yaml:Deployment/0/image"));
    // Another of that name elsewhere, which was last told of long ago, is not one of them.
    let mut other = shadow.clone();
    let old = SettingChange {
        id: SeriesId::new(&ResourceId::new(ResourceId::REPOSITORY, "old"), "git.a.yaml:image"),
        from: Some(Value::text("acme/web:v1.1")),
        to: Some(Value::text("acme/web:v1.6")),
        backfilled: true,
        ..change("x", start(), "", "")
    };
    assert!(other.remember(&old));
    other.learn_past(end + MINUTE * 5);
    assert_eq!(other.impending().count(), 1);
}
