//! Deeds on constructed shadows: what was done in one go is one row.

use super::*;
use crate::domain::SettingChange;

#[test]
fn two_hundred_packages_at_once_are_one_finding() {
    let mut world = World::new(&[]);
    for package in 0..214 {
        world.change(&format!("pkg.p{package:03}"), Some("1.0.0"));
        world.second += package % 2;
    }
    world.change("sysctl.vm.swappiness", Some("10"));
    world.second += 3600;
    world.change("pkg.bash", Some("5.2.16"));
    let findings = world.judge();
    let mut titles: Vec<&str> = findings.iter().map(|finding| &*finding.summary).collect();
    titles.sort_unstable();
    assert_eq!(
        titles,
        [
            "package bash 5.2.15 -> 5.2.16 by root",
            "package p000 1.0.0 installed (and 213 more packages) by root",
            "sysctl.vm.swappiness 60 -> 10 by root"
        ]
    );
    // The first of them goes back: the finding stays what it was.
    let id = findings.iter().find(|finding| finding.series.len() == 214).unwrap().id;
    world.change("pkg.p000", None);
    let findings = world.judge();
    assert_eq!(
        findings.iter().find(|finding| finding.id == id).unwrap().series.len(),
        213
    );
}

#[test]
fn a_change_may_have_happened_at_any_time_since_it_was_last_confirmed() {
    let mut world = World::new(&["cpu.busy_pct"]);
    let seen = |world: &mut World, after: i64, value: &str| {
        world.shadows.settings.observe(&SettingChange {
            id: setting("sysctl.vm.swappiness"),
            at: at(world.second),
            after: Some(at(after)),
            from: None,
            to: Some(Value::infer(value)),
            by: None,
            backfilled: false,
        });
    };
    // It is read half a minute after the departure; when it was confirmed before, the departure had not begun.
    let began = world.second + 2;
    world.steps(15, &["cpu.busy_pct"], 50.0);
    seen(&mut world, began - 30, "1");
    let findings = world.judge();
    let odd = findings.iter().find(|finding| finding.mark == Mark::Odd).unwrap();
    let cause = &odd.causes[0];
    assert_eq!((cause.at, cause.earliest), (at(began), Some(at(began - 30))));
    assert!(cause.at <= odd.since && cause.lead >= Span::ZERO);
    let drift = findings.iter().find(|finding| finding.mark == Mark::Drift).unwrap();
    assert_eq!(drift.earliest, Some(at(began - 30)));
    assert!(drift.causes.is_empty(), "the effect is no cause: {:?}", drift.causes);

    // Confirmed after the departure began, it changed later and is no cause.
    let mut world = World::new(&["cpu.busy_pct"]);
    let began = world.second + 2;
    world.steps(15, &["cpu.busy_pct"], 50.0);
    seen(&mut world, began + 10, "1");
    let findings = world.judge();
    let odd = findings.iter().find(|finding| finding.mark == Mark::Odd).unwrap();
    assert_eq!(odd.causes, []);
}

#[test]
fn one_deed_is_one_finding_whatever_it_touches() {
    let mut world = World::new(&[]);
    let texts = |world: &mut World| -> Vec<String> {
        let mut texts: Vec<String> = world
            .judge()
            .iter()
            .map(|finding| finding.summary.to_string())
            .collect();
        texts.sort();
        texts
    };
    // A package with what it brings, and a parameter that has nothing to do with it.
    for name in [
        "pkg.nginx",
        "pkg.nginx-common",
        "etc.nginx/nginx.conf",
        "etc.nginx/nginx.conf:user",
        "etc.passwd:www",
        "unit.nginx.service:state",
        "unit.nginx.service:enabled",
    ] {
        world.change(name, Some("1.22"));
    }
    world.change("port.tcp/0.0.0.0:80", Some("nginx"));
    world.change("sysctl.vm.swappiness", Some("10"));
    assert_eq!(
        texts(&mut world),
        [
            "package nginx 1.22 installed (and 1 more package, 6 settings) by root",
            "sysctl.vm.swappiness 60 -> 10 by root"
        ]
    );
    let package = world
        .judge()
        .into_iter()
        .find(|finding| finding.series.len() == 8)
        .unwrap();
    assert_eq!(package.series[0], setting("pkg.nginx"));

    // An interface with its parameters.
    let mut world = World::new(&[]);
    for name in [
        "net.dummy0.mtu",
        "net.dummy0.operstate",
        "sysctl.net.ipv4.conf.dummy0.forwarding",
        "sysctl.net.ipv4.neigh.dummy0.app_solicit",
    ] {
        world.change(name, Some("1"));
    }
    assert_eq!(
        texts(&mut world),
        ["interface dummy0 is new (and 2 more settings) by root"]
    );

    // What has only its scope in common is one only when it is so much at once that a program did it.
    let mut world = World::new(&[]);
    let read = |world: &mut World, name: &str, minute: i64| {
        let at = at(1600 + 60 * minute);
        world.shadows.settings.observe(&SettingChange {
            id: setting(name),
            at,
            after: Some(at - Span::from_mins(1)),
            from: None,
            to: Some(Value::Int(7)),
            by: None,
            backfilled: false,
        });
    };
    read(&mut world, "sysctl.kernel.panic", 0);
    read(&mut world, "sysctl.vm.swappiness", 0);
    read(&mut world, "sysctl.vm.laptop_mode", 1);
    assert_eq!(texts(&mut world).len(), 3);
    let mut world = World::new(&[]);
    for number in 0..8 {
        read(&mut world, &format!("sysctl.kernel.k{number}"), 0);
    }
    assert_eq!(texts(&mut world).len(), 1);

    // A mount and its line; a parameter and its line, read by another source half a minute later.
    let mut world = World::new(&[]);
    for part in ["device", "fstype", "options"] {
        world.change(&format!("mount./mnt/x:{part}"), Some("tmpfs"));
    }
    world.change("etc.fstab:/mnt/x", Some("tmpfs tmpfs defaults 0 0"));
    world.change("sshd.permitrootlogin", Some("yes"));
    world.change("etc.ssh/sshd_config:PermitRootLogin", Some("yes"));
    world.change("sysctl.kernel.panic", Some("10"));
    let before: Vec<_> = world.judge().iter().map(|finding| finding.id).collect();
    world.second += 30;
    world.change("etc.sysctl.d/60-panic.conf", Some("mode=0644"));
    world.change("etc.sysctl.d/60-panic.conf:kernel.panic", Some("10"));
    let findings = world.judge();
    assert!(
        findings.iter().all(|finding| before.contains(&finding.id)),
        "no new numbers"
    );
    assert_eq!(
        texts(&mut world),
        [
            "/mnt/x is mounted from tmpfs (and etc.fstab:/mnt/x) by root",
            "etc.ssh/sshd_config:PermitRootLogin (absent) -> yes (and sshd.permitrootlogin) by root",
            "sysctl.kernel.panic 0 -> 10 (and 2 more settings) by root"
        ]
    );
}

#[test]
fn who_listens_on_a_port_is_one_finding_however_much_is_known_of_it() {
    let mut world = World::new(&[]);
    sample::add_settings(&mut world.shadows, &[("port.tcp/0.0.0.0:22", "sshd")]);
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    for (part, value) in [
        ("", "python3"),
        (":program", "/usr/bin/python3.11"),
        (":unit", "session-3.scope"),
        (":package", "python3.11-minimal"),
    ] {
        world.change(&format!("port.tcp/0.0.0.0:8080{part}"), Some(value));
    }
    world.change("port.tcp/0.0.0.0:22", Some("nc"));
    assert_eq!(
        rows(&mut world),
        [
            "port tcp/0.0.0.0:8080 is open: python3 by root",
            "port.tcp/0.0.0.0:22 sshd -> nc by root",
        ]
    );
}

#[test]
fn accounts_jobs_and_certificates_are_one_with_their_files() {
    let mut world = World::new(&[]);
    world.change("etc.subuid:content", Some("blake3 1"));
    world.change("etc.subgid:content", Some("blake3 2"));
    world.judge();
    world.second += 30;
    for (name, value) in [
        ("account.group.carol:gid", "1001"),
        ("account.user.carol:uid", "1001"),
        ("account.user.carol:shell", "/bin/bash"),
        ("etc.passwd:carol", "x"),
    ] {
        world.change(name, Some(value));
    }
    assert_eq!(rows(&mut world), ["user carol is new (and 4 more settings) by root"]);
    let mut world = World::new(&[]);
    world.change("etc.cron.d/backup", Some("mode=0644"));
    world.change("etc.cron.d/backup:content", Some("blake3 1"));
    world.change("cron./etc/cron.d/backup:root tar", Some("0 3 * * *"));
    world.second += 200;
    world.change("etc.ssl/site.pem:content", Some("blake3 1"));
    world.change("cert./etc/ssl/site.pem:authority", Some("true"));
    world.change("cert./etc/ssl/site.pem:expires", Some("2026-12-01"));
    assert_eq!(
        rows(&mut world),
        [
            "/etc/cron.d/backup is new (and cron./etc/cron.d/backup:root tar) by root",
            "certificate /etc/ssl/site.pem is new (and etc.ssl/site.pem:content) by root",
        ]
    );
    // A mount and its unit, that was known by its line in fstab.
    let mut world = World::new(&[]);
    sample::add_settings(&mut world.shadows, &[("unit.mnt-x.mount:state", "inactive")]);
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    world.change("unit.mnt-x.mount:state", Some("active"));
    world.judge();
    world.change("mount./mnt/x:device", Some("tmpfs"));
    assert_eq!(
        rows(&mut world),
        ["/mnt/x is mounted from tmpfs (and unit.mnt-x.mount:state) by root"]
    );
}

#[test]
fn a_package_that_says_nothing_of_a_setting_did_not_change_it_and_time_itself_has_no_cause() {
    let mut world = World::new(&["cpu.busy_pct"]);
    let now = world.second;
    world.shadows.settings.observe(&SettingChange {
        id: setting("sysctl.vm.swappiness"),
        at: at(now),
        after: Some(at(now - 300)),
        from: Some(Value::Int(60)),
        to: Some(Value::Int(10)),
        by: None,
        backfilled: false,
    });
    world
        .shadows
        .events
        .push_back(event(EventKind::Package, "install tree 2.1.0", now - 100));
    assert_eq!(world.judge()[0].causes, []);
    let mut world = World::new(&[]);
    world.shadows.events.push_back(event(
        EventKind::Login,
        "sudo: sysctl -w vm.swappiness=10",
        world.second - 1,
    ));
    world.change("sysctl.vm.swappiness", Some("10"));
    assert_eq!(world.judge()[0].causes.len(), 1);

    let names = ["cert./etc/ssl/a.pem.left_secs", "fs./mnt.used_pct"];
    let mut world = World::new(&names);
    world.steps(14, &["fs./mnt.used_pct"], 50.0);
    world.metric(names[0]).limit = above(90.0);
    let findings = world.steps(3, &names, 50.0);
    let expiry = findings.iter().find(|one| one.mark == Mark::Breach).unwrap();
    assert_eq!(expiry.causes, []);
}

#[test]
fn what_the_ssh_server_makes_of_a_line_is_one_with_it_whoever_asked_it() {
    let mut world = World::new(&[]);
    sample::add_settings(
        &mut world.shadows,
        &[
            ("etc.ssh/sshd_config:PermitRootLogin", "prohibit-password"),
            ("etc.ssh/ssh_config:HashKnownHosts", "yes"),
            ("sshd.permitrootlogin", "without-password"),
        ],
    );
    world.baseline = Baseline::take(&world.shadows, T0);
    let mut made = |name: &str, to: &str, second: i64, by: &str| {
        let id = setting(name);
        let from = world.shadows.settings.get(&id).map(|state| state.value.clone());
        world.shadows.settings.observe(&SettingChange {
            id,
            at: at(second),
            after: None,
            from,
            to: Some(Value::infer(to)),
            by: Some(by.into()),
            backfilled: false,
        });
    };
    made("etc.ssh/sshd_config:PermitRootLogin", "yes", 1600, "ana by sed");
    made("etc.ssh/ssh_config:HashKnownHosts", "no", 1630, "bob by vi");
    made("sshd.permitrootlogin", "yes", 1650, "root by systemctl");
    world.second = 1660;
    let whole = ["etc.ssh/sshd_config:PermitRootLogin", "sshd.permitrootlogin"];
    let told = |world: &mut World| {
        let told = world.judge();
        let held = told.into_iter().filter(|one| one.ended.is_none());
        let names = |one: Finding| one.series.iter().map(|id| id.name.to_string()).collect::<Vec<_>>();
        held.map(names).collect::<Vec<_>>()
    };
    let rows = told(&mut world);
    assert!(rows.contains(&whole.map(str::to_owned).to_vec()), "{rows:?}");
    assert_eq!(rows.len(), 2, "what somebody else wrote is his: {rows:?}");
    // The line goes back, and comes again before the server was asked anew.
    for (to, second) in [("prohibit-password", 1900), ("yes", 1910)] {
        world.second = second;
        world.change(whole[0], Some(to));
        let rows = told(&mut world);
        assert_eq!(rows.len(), 2, "{rows:?}");
    }
    let rows = told(&mut world);
    assert!(rows.contains(&whole.map(str::to_owned).to_vec()), "{rows:?}");
}

#[test]
fn a_content_and_a_link_that_changed_are_told_in_plain_words() {
    let mut world = World::new(&[]);
    sample::add_settings(
        &mut world.shadows,
        &[
            ("etc.motd:content", "blake3 0011223344556677"),
            ("etc.alternatives/editor", "-> /bin/nano"),
        ],
    );
    world.baseline = Baseline::take(&world.shadows, T0);
    world.change("etc.motd:content", Some("blake3 8899aabbccddeeff"));
    world.second += 600;
    world.change("etc.alternatives/editor", Some("-> /usr/bin/vim"));
    let told = world.judge();
    assert!(
        told.iter()
            .all(|one| one.evidence.iter().all(|line| !line.contains("blake3"))),
        "{told:?}"
    );
    assert_eq!(
        rows(&mut world),
        [
            "etc.alternatives/editor link to /usr/bin/vim, was to /bin/nano by root",
            "etc.motd:content differs by root"
        ]
    );
}

#[test]
fn a_certificate_that_expires_soon_and_is_new_is_one_incident() {
    let name = "cert./etc/ssl/site.pem.left_secs";
    let mut world = World::new(&[name]);
    world.metric(name).limit = above(90.0);
    world.second += 2;
    for (part, value) in [("expires", "2026-12-01"), ("subject", "CN=site")] {
        world.change(&format!("cert./etc/ssl/site.pem:{part}"), Some(value));
    }
    world.change("etc.ssl/site.pem:content", Some("blake3 1"));
    world.second -= 2;
    let findings = world.steps(3, &[name], 50.0);
    let expiry = findings.iter().find(|one| one.mark == Mark::Breach).unwrap();
    let file = findings.iter().find(|one| one.mark == Mark::Drift).unwrap();
    assert_eq!(expiry.causes.len(), 1, "{expiry:?}");
    assert!(file.series.contains(expiry.causes[0].series.as_ref().unwrap()));
    assert_eq!(incidents(&findings, world.options.drift.coincide, &[]).len(), 1);
    // Of another certificate it is no part.
    world.change("cert./etc/ssl/other.pem:expires", Some("2030-01-01"));
    let apart = world.steps(1, &[name], 1.0);
    let expiry = apart.iter().find(|one| one.mark == Mark::Breach).unwrap();
    assert_eq!(expiry.causes.len(), 1);
}

#[test]
fn what_used_to_change_together_is_one_finding_when_it_does_again() {
    let mut world = World::new(&[]);
    let flip = |world: &mut World, name: &str, round: i64| {
        world.change(name, Some(&round.to_string()));
        world.second += 20;
    };
    let (one, other, apart) = ("sysctl.kernel.panic", "etc.app.conf:threads", "sysctl.vm.swappiness");
    // Fourteen times, of which the two went alone once each; the third changed at other times, but for one.
    for round in 1..=14 {
        if round != 5 {
            flip(&mut world, one, round);
        }
        if round != 9 {
            flip(&mut world, other, round);
        }
        world.second += if round == 3 { 0 } else { 1_800 };
        flip(&mut world, apart, round);
        world.second += 3_600;
    }
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    world.second += 3_600;
    for name in [one, other, apart] {
        flip(&mut world, name, 15);
    }
    let findings = world.judge();
    let sizes: Vec<usize> = findings.iter().map(|finding| finding.series.len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 3, "{findings:?}");
    let together = findings.iter().find(|finding| finding.series.len() == 2).unwrap();
    assert!(together.series.iter().all(|id| *id != setting(apart)));
    let says = |line: &std::sync::Arc<str>| line.ends_with("; the two changed together 12 of 14 times before");
    assert!(together.evidence.iter().any(says), "{:?}", together.evidence);
}

/// One setting got another value between two readings a minute apart.
fn read(world: &mut World, name: &str, to: &str, by: Option<&str>) {
    let id = setting(name);
    let from = world.shadows.settings.get(&id).map(|state| state.value.clone());
    let second = world.second;
    world.shadows.settings.observe(&SettingChange {
        id,
        at: at(second),
        after: Some(at(second - 60)),
        from,
        to: Some(Value::infer(to)),
        by: by.map(Into::into),
        backfilled: false,
    });
}

#[test]
fn what_the_kernel_sets_along_is_of_the_parameter_that_was_written() {
    let names = [
        ("sysctl.net.ipv4.conf.all.accept_redirects", "1", "0"),
        ("sysctl.net.ipv4.conf.all.forwarding", "0", "1"),
        ("sysctl.net.ipv4.conf.default.forwarding", "0", "1"),
        ("sysctl.net.ipv4.conf.eth0.forwarding", "0", "1"),
        ("sysctl.net.ipv4.ip_forward", "0", "1"),
        ("sysctl.net.ipv4.conf.eth1.rp_filter", "0", "1"),
    ];
    let told = |written: &str| {
        let mut world = World::new(&[]);
        let before: Vec<(&str, &str)> = names.iter().map(|(name, from, _)| (*name, *from)).collect();
        sample::add_settings(&mut world.shadows, &before);
        world.baseline = Baseline::take(&world.shadows, at(world.second));
        world.second += 600;
        for (name, _, to) in names {
            read(&mut world, name, to, (name == written).then_some("ana"));
        }
        rows(&mut world)
    };
    let apart = "sysctl.net.ipv4.conf.eth1.rp_filter 0 -> 1";
    assert_eq!(
        told("sysctl.net.ipv4.ip_forward"),
        [apart, "sysctl.net.ipv4.ip_forward 0 -> 1 (and 4 more settings) by ana"]
    );
    assert_eq!(
        told("sysctl.net.ipv4.conf.all.forwarding"),
        [
            "sysctl.net.ipv4.conf.all.forwarding 0 -> 1 (and 4 more settings) by ana",
            apart
        ]
    );
}

#[test]
fn what_one_person_did_in_a_folder_is_not_anothers() {
    let names = [
        ("etc.app/app.yaml:server.timeout", "30", "5"),
        ("etc.app/app.json:log.level", "info", "debug"),
        ("etc.app/app.toml:pool.size", "10", "50"),
    ];
    let told = |by: [Option<&str>; 3]| {
        let mut world = World::new(&[]);
        let before: Vec<(&str, &str)> = names.iter().map(|(name, from, _)| (*name, *from)).collect();
        sample::add_settings(&mut world.shadows, &before);
        world.baseline = Baseline::take(&world.shadows, at(world.second));
        world.second += 600;
        for ((name, _, to), by) in names.into_iter().zip(by) {
            read(&mut world, name, to, by);
        }
        let mut rows = rows(&mut world);
        rows.sort();
        rows
    };
    let anas = "etc.app/app.yaml:server.timeout 30 -> 5 by ana";
    let nobodys = "etc.app/app.toml:pool.size 10 -> 50 (and etc.app/app.json:log.level)";
    assert_eq!(told([Some("ana"), None, None]), [nobodys, anas]);
    assert_eq!(told([Some("ana"), None, Some("ana")]).len(), 2);
    assert_eq!(told([None; 3]).len(), 1);
}
