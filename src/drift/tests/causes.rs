//! What is named as the cause, and what is not.

use super::*;
use crate::{
    domain::{EventKind, SettingChange},
    drift::sample::{self, at, setting},
};

#[test]
fn causes_weigh_what_is_near_and_leave_room_for_the_unseen() {
    let names =
        |finding: &Finding| -> Vec<String> { finding.causes.iter().map(|cause| cause.what.to_string()).collect() };
    let both = ["cpu.busy_pct", "disk.sda.util_pct"];
    let mut world = World::new(&both);
    world.steps(14, &["disk.sda.util_pct"], 50.0);
    let findings = world.steps(12, &both, 50.0);
    let cpu = findings
        .iter()
        .find(|one| one.series[0] == setting("cpu.busy_pct"))
        .unwrap();
    assert_eq!(names(cpu), ["disk.sda.util_pct left its shadow"]);

    let mut world = World::new(&["cpu.busy_pct"]);
    let now = world.second;
    world.shadows.events.extend([
        event(EventKind::Deploy, "app 1.1 -> 1.2", now - 1500),
        event(EventKind::Service, "nginx restarted", now - 2),
        event(EventKind::Collector, "source lost", now - 1),
        event(EventKind::Deploy, "app 1.2 -> 1.3", now + 8),
    ]);
    let findings = world.steps(12, &["cpu.busy_pct"], 50.0);
    assert_eq!(
        names(&findings[0]),
        ["nginx restarted"],
        "not what is long ago, and not what came after"
    );
    assert!((0.3..0.8).contains(&findings[0].causes[0].weight));

    let mut quiet = World::new(&["cpu.busy_pct"]);
    assert_eq!(quiet.steps(12, &["cpu.busy_pct"], 50.0)[0].causes, [], "no cause seen");
}

#[test]
fn a_cause_that_was_told_stays_unless_a_better_one_is_known() {
    let mut world = World::new(&["cpu.busy_pct"]);
    let now = world.second;
    let restarted = event(EventKind::Service, "nginx restarted", now - 2);
    world.shadows.events.push_back(restarted);
    let told = world.steps(12, &["cpu.busy_pct"], 50.0)[0].causes.clone();
    assert_eq!(&*told[0].what, "nginx restarted");
    // A log that is read late tells that such things happen all the time.
    for place in 2..30 {
        let often = event(EventKind::Service, "cron restarted", now - 120 * place);
        world.shadows.events.push_front(often);
    }
    assert_eq!(world.steps(1, &["cpu.busy_pct"], 50.0)[0].causes, told);
    world.change("mount./data:options", Some("ro"));
    assert_eq!(world.steps(1, &["cpu.busy_pct"], 50.0)[0].causes, told, "it came after");
    let better = event(EventKind::Deploy, "app 1.2 -> 1.3", now - 1);
    world.shadows.events.push_back(better);
    let causes = &world.steps(1, &["cpu.busy_pct"], 50.0)[0].causes;
    assert_eq!(&*causes[0].what, "app 1.2 -> 1.3");
}

#[test]
fn what_changed_after_a_departure_began_is_neither_cause_nor_coincidence() {
    let mut world = World::new(&["cpu.busy_pct"]);
    world.steps(12, &["cpu.busy_pct"], 50.0);
    world.change("etc.postgresql/15/main/postgresql.conf:max_connections", Some("300"));
    let findings = world.steps(3, &["cpu.busy_pct"], 50.0);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(
        findings.iter().all(|finding| finding.severity == Severity::Warning),
        "{findings:?}"
    );
    let odd = findings.iter().find(|finding| finding.mark == Mark::Odd).unwrap();
    assert_eq!(odd.causes, []);
}

#[test]
fn where_settings_change_all_the_time_a_change_is_no_cause_and_no_coincidence() {
    let mut world = World::new(&["cpu.busy_pct"]);
    for minute in 0..25 {
        let name = format!("sysctl.kernel.k{minute}");
        sample::change(&mut world.shadows, &name, Some("1"), at(60 * minute));
    }
    world.change("sysctl.vm.swappiness", Some("1"));
    world.steps(30, &[], 0.0);
    let findings = world.steps(12, &["cpu.busy_pct"], 50.0);
    let odd = findings.iter().find(|finding| finding.mark == Mark::Odd).unwrap();
    assert_eq!(
        (odd.causes.len(), odd.severity),
        (0, Severity::Warning),
        "{:?}",
        odd.causes
    );
}

#[test]
fn a_reload_for_a_change_is_a_part_of_it_and_any_other_is_a_cause() {
    let first = |what: &str, after: i64| {
        let mut world = World::new(&["cpu.busy_pct"]);
        world.change("etc.haproxy/haproxy.cfg:defaults.timeout client", Some("1h"));
        let second = world.second;
        world
            .shadows
            .events
            .push_back(event(EventKind::Service, what, second + after));
        world.steps(2 + usize::try_from(after).unwrap() / 2, &[], 0.0);
        let findings = world.steps(12, &["cpu.busy_pct"], 50.0);
        let odd = findings.iter().find(|one| one.mark == Mark::Odd).unwrap();
        let causes: Vec<String> = odd.causes.iter().map(|cause| cause.what.to_string()).collect();
        causes
    };
    let timeout = "etc.haproxy/haproxy.cfg:defaults.timeout client (absent) -> 1h by root";
    let reloaded = first("systemd: Reloaded haproxy.service - HAProxy Load Balancer.", 1);
    assert_eq!(reloaded, [timeout]);
    assert!(
        first("systemd: Started nginx.service - A web server.", 1)
            .iter()
            .any(|what| what.contains("nginx"))
    );
    let hour = first("systemd: Started haproxy.service - HAProxy Load Balancer.", 300);
    assert!(
        hour[0].contains("Started haproxy"),
        "not for a change of five minutes before: {hour:?}"
    );
}

#[test]
fn whose_deed_is_known_is_the_cause_and_no_unit_that_started_meanwhile() {
    let first = |name: &str, by: Option<&str>, events: &[Event]| {
        let mut world = World::new(&[]);
        world.second += 600;
        let second = world.second;
        world.shadows.events.extend(events.iter().map(|event| Event {
            at: event.at + Span::from_secs(second),
            ..event.clone()
        }));
        world.shadows.events.push_back(event(
            EventKind::Service,
            "systemd: Started e2scrub.service.",
            second - 1,
        ));
        world.shadows.settings.observe(&SettingChange {
            id: setting(name),
            at: at(second),
            after: Some(at(second - 60)),
            from: None,
            to: Some(Value::infer("7")),
            by: by.map(Into::into),
            backfilled: false,
        });
        let findings = world.judge();
        assert_eq!(findings.len(), 1);
        let causes = &findings[0].causes;
        let causes: Vec<String> = causes.iter().map(|cause| cause.what.to_string()).collect();
        causes
    };
    let vim = "/usr/bin/vim /etc/motd";
    let logged = [
        sudo("alice", vim, -40),
        sudo("alice", "/usr/bin/id", -20),
        sudo("eve", vim, -10),
    ];
    let known = first("etc.motd:line", Some("alice"), &logged);
    assert_eq!(known, ["alice ran /usr/bin/vim /etc/motd"]);
    // To read it again is no deed; where nothing else is known, only who it was is said.
    let read = sudo("alice", "/usr/bin/cat /etc/motd", -5);
    let both = [sudo("alice", vim, -40), read.clone()];
    assert_eq!(first("etc.motd:line", Some("alice"), &both), known);
    assert_eq!(first("etc.motd:line", Some("alice"), &[read]), ["done by alice"]);
    let rule = [
        sudo("alice", "/usr/sbin/nft add rule ip f i drop", -40),
        sudo("alice", "/usr/bin/id", -20),
    ];
    assert_eq!(
        first("firewall.ip f i", Some("alice"), &rule),
        ["alice ran /usr/sbin/nft add rule ip f i drop"]
    );
    let table = Event {
        who: Some("root".into()),
        ..event(EventKind::Login, "crontab: (root) REPLACE (bob)", -30)
    };
    assert_eq!(
        first("cron.user bob:/bin/x", Some("root"), &[table]),
        ["crontab: (root) REPLACE (bob) by root"]
    );
    // Nothing but who it was is known: of two commands neither is said to be the one.
    let two = [sudo("alice", "/bin/a", -40), sudo("alice", "/bin/b", -20)];
    assert_eq!(first("hw.kernel", Some("alice"), &two), ["done by alice"]);
    let one = first("hw.kernel", Some("alice"), &two[..1]);
    assert_eq!(one, ["done by alice, possibly with /bin/a"]);
    assert!(
        !first("hw.kernel", None, &logged)
            .iter()
            .any(|what| what.contains("ran"))
    );
}

#[test]
fn a_command_that_does_not_name_what_was_changed_is_no_cause_beside_one_that_does_nor_long_after() {
    let causes = |commands: &[(&str, i64)]| {
        let mut world = World::new(&[]);
        world.second += 4_000;
        let second = world.second;
        for (command, before) in commands {
            let what = format!("sudo: alice : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND={command}");
            let event = event(EventKind::Login, &what, second - before);
            world.shadows.events.push_back(event);
        }
        world.shadows.settings.observe(&SettingChange {
            id: setting("etc.motd:line"),
            at: at(second),
            after: None,
            from: None,
            to: Some(Value::infer("7")),
            by: None,
            backfilled: false,
        });
        let findings = world.judge();
        let causes = findings[0].causes.iter().map(|cause| cause.what.to_string());
        causes.collect::<Vec<_>>()
    };
    let opaque = ("/bin/sh -c ./deploy", 3);
    assert!(causes(&[opaque]).iter().all(|what| what.contains("deploy")));
    let named = ("/usr/bin/vim /etc/motd", 1_500);
    let both = causes(&[named, opaque]);
    assert!(both.iter().all(|what| !what.contains("deploy")), "{both:?}");
    assert_eq!(causes(&[("/bin/sh -c ./deploy", 300)]), [""; 0]);
}

#[test]
fn that_a_port_is_open_is_not_the_cause_of_its_opening() {
    let mut world = World::new(&["cpu.busy_pct"]);
    let second = world.second;
    world.shadows.events.push_back(event(
        EventKind::Log,
        "port tcp/0.0.0.0:8080 is open: python3, pid 7, user bob",
        second,
    ));
    world.shadows.settings.observe(&SettingChange {
        id: setting("port.tcp/0.0.0.0:8080"),
        at: at(second),
        after: Some(at(second - 60)),
        from: None,
        to: Some(Value::infer("python3")),
        by: None,
        backfilled: false,
    });
    let findings = world.judge();
    assert_eq!((findings.len(), &findings[0].causes[..]), (1, &[][..]));
}

fn sudo(who: &str, command: &str, second: i64) -> Event {
    Event {
        who: Some(who.into()),
        ..event(
            EventKind::Login,
            &format!("sudo: {who} : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND={command}"),
            second,
        )
    }
}

/// A world ten minutes after its baseline, and that second.
fn later() -> (World, i64) {
    let mut world = World::new(&[]);
    world.second += 600;
    let second = world.second;
    (world, second)
}

fn changed(name: &str, (from, to): (&str, &str), at: Timestamp, by: Option<&str>) -> SettingChange {
    SettingChange {
        id: setting(name),
        at,
        after: Some(at - Span::from_mins(1)),
        from: Some(Value::infer(from)),
        to: Some(Value::infer(to)),
        by: by.map(Into::into),
        backfilled: false,
    }
}

#[test]
fn a_change_is_dated_by_the_command_that_made_it() {
    let (mut world, second) = later();
    let command = "/usr/sbin/sysctl -w vm.swappiness=10";
    world.shadows.events.push_back(sudo("ana", command, second - 20));
    let change = changed("sysctl.vm.swappiness", ("60", "10"), at(second), Some("ana"));
    world.shadows.settings.observe(&change);
    for later in [0, 600] {
        world.second += later;
        let finding = &world.judge()[0];
        assert_eq!((finding.since, finding.earliest), (at(second - 20), None), "{later}");
        assert_eq!(
            (&*finding.causes[0].what, finding.causes[0].lead),
            (&*format!("ana ran {command}"), Span::ZERO)
        );
    }
    // That somebody did it with one command or another says nothing of when.
    let (mut world, second) = later();
    world.shadows.events.push_back(sudo("ana", "/root/tune", second - 20));
    world.shadows.settings.observe(&change);
    assert_eq!(world.judge()[0].since, at(second));
}

#[test]
fn an_account_that_a_command_names_was_made_by_that() {
    let (mut world, second) = later();
    let command = "/usr/sbin/useradd -m -s /bin/bash mallory";
    let others = [
        sudo("ana", "/bin/a", second - 4),
        sudo("ana", command, second - 3),
        sudo("ana", "/bin/b", second - 2),
    ];
    world.shadows.events.extend(others);
    for part in ["uid", "shell"] {
        let name = format!("account.user.mallory:{part}");
        let change = SettingChange {
            from: None,
            ..changed(&name, ("", "1001"), at(second), Some("ana"))
        };
        world.shadows.settings.observe(&change);
    }
    assert_eq!(&*world.judge()[0].causes[0].what, format!("ana ran {command}"));
}

#[test]
fn who_killed_a_unit_is_the_cause_and_not_what_systemd_says_of_it() {
    let mut world = World::new(&[]);
    sample::add_settings(&mut world.shadows, &[("unit.nginx.service:state", "active")]);
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    world.second += 600;
    let second = world.second;
    world.shadows.events.extend([
        sudo("ana", "/usr/bin/pkill -9 nginx", second - 5),
        event(
            EventKind::Service,
            "systemd: nginx.service: Main process exited, code=killed, status=9/KILL",
            second - 5,
        ),
        event(
            EventKind::Service,
            "systemd: nginx.service: Failed with result 'signal'.",
            second - 5,
        ),
    ]);
    let change = changed("unit.nginx.service:state", ("active", "failed"), at(second), None);
    world.shadows.settings.observe(&change);
    let causes = &world.judge()[0].causes;
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert!(
        causes[0].what.contains("pkill -9 nginx") && causes[0].weight > 0.5,
        "{causes:?}"
    );
}

#[test]
fn an_event_whose_change_was_put_back_since_is_no_cause() {
    let causes = |back: bool| {
        let mut world = World::new(&["cpu.busy_pct"]);
        sample::add_settings(&mut world.shadows, &[("unit.redis-server.service:state", "active")]);
        world.baseline = Baseline::take(&world.shadows, at(world.second));
        let second = world.second;
        let state = "unit.redis-server.service:state";
        let stopped = "systemd: Stopped redis-server.service - Advanced key-value store.";
        world
            .shadows
            .events
            .push_back(event(EventKind::Service, stopped, second + 1));
        let exact = |change: SettingChange| SettingChange { after: None, ..change };
        world
            .shadows
            .settings
            .observe(&exact(changed(state, ("active", "inactive"), at(second + 2), None)));
        if back {
            world
                .shadows
                .settings
                .observe(&exact(changed(state, ("inactive", "active"), at(second + 6), None)));
        }
        world.steps(5, &[], 0.0);
        let findings = world.steps(12, &["cpu.busy_pct"], 50.0);
        let odd = findings.iter().find(|finding| finding.mark == Mark::Odd).unwrap();
        let causes = odd.causes.iter().map(|cause| cause.what.to_string());
        causes.collect::<Vec<_>>()
    };
    let stopped = |causes: Vec<String>| causes.iter().any(|what| what.contains("Stopped"));
    assert!(stopped(causes(false)));
    assert!(!stopped(causes(true)));
}

#[test]
fn what_brought_a_metric_out_of_its_shadow_brought_it_to_its_limit_unless_a_likelier_cause_is_known() {
    let mut world = World::new(&["mem.used_pct"]);
    world.metric("mem.used_pct").limit = sample::above(90.0);
    let climbs = |world: &mut World, value: f64, bits: f32| {
        world.second += 2;
        let second = world.second;
        seen(world.metric("mem.used_pct"), second, value, bits);
        world.shadows.newest = Some(at(second));
        world.judge()
    };
    world.change("pkg.bash", Some("5.3"));
    climbs(&mut world, 30.0, 50.0);
    for place in 0..300 {
        climbs(&mut world, 30.0 + 0.19 * f64::from(place), 1.0);
    }
    world.change("sysctl.kernel.panic", Some("9"));
    let findings = (0..30).map(|_| climbs(&mut world, 93.0, 1.0)).last().unwrap();
    let full = findings.iter().find(|one| one.mark == Mark::Breach).unwrap();
    let first = full.causes[0].series.as_ref().map(|id| &*id.name);
    assert_eq!(first, Some("pkg.bash"), "{:?}", full.causes);
}

#[test]
fn what_is_done_to_a_service_is_likelier_the_cause_of_what_it_takes_than_what_is_done_to_another() {
    let takes = "service.thumbs.mem_bytes";
    let mut world = World::new(&[takes]);
    world.change("pkg.thumbs", Some("1.5"));
    world.steps(15, &[], 0.0);
    world.change("unit.export.service:Service.ExecStart", Some("/usr/bin/export"));
    world.steps(2, &[], 0.0);
    let findings = world.steps(12, &[takes], 50.0);
    let odd = findings.iter().find(|one| one.mark == Mark::Odd).unwrap();
    let first = odd.causes[0].series.as_ref().map(|id| &*id.name);
    assert_eq!(first, Some("pkg.thumbs"), "{:?}", odd.causes);
}
