//! What only follows from a thing is no cause of it, and what a finding says of its begin and its weight stays.

use super::*;
use crate::domain::SettingChange;

const MOUNT: &str = "fs./srv/small.used_pct";

fn causes(finding: &Finding) -> Vec<String> {
    finding.causes.iter().map(|cause| cause.what.to_string()).collect()
}

fn sudo(command: &str, second: i64) -> Event {
    Event {
        who: Some("ana".into()),
        ..event(
            EventKind::Login,
            &format!("sudo: ana : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND={command}"),
            second,
        )
    }
}

/// The finding about `name` that holds.
fn about(findings: &[Finding], name: &str) -> Finding {
    let mut holding = findings.iter().filter(|finding| finding.ended.is_none());
    holding
        .find(|finding| finding.series.contains(&setting(name)))
        .unwrap()
        .clone()
}

#[test]
fn a_file_system_is_filled_by_what_writes_to_it() {
    let told = |events: &[(&str, i64)]| {
        let mut world = World::new(&[MOUNT, "fs./.used_pct", "cpu.steal_pct"]);
        world.steps(12, &["cpu.steal_pct"], 50.0);
        let second = world.second;
        let events = events.iter().map(|(command, by)| sudo(command, second + by));
        world.shadows.events.extend(events);
        let off = [MOUNT, "cpu.steal_pct"];
        causes(&about(&world.steps(12, &off, 50.0), MOUNT))
    };
    assert_eq!(told(&[]), [""; 0], "no processor fills a disk");
    let dd = "/bin/sh -c 'dd if=/dev/zero of=/srv/small/fill bs=1M'";
    let named = told(&[(dd, -3)]);
    assert!(named.len() == 1 && named[0].contains("/srv/small/fill"), "{named:?}");
    assert_eq!(told(&[("/usr/bin/ls /srv/small", -3)]), [""; 0], "a look");
    let both = told(&[(dd, -9), ("/usr/bin/dd of=/srv/other/fill", -3)]);
    assert!(both[0].contains("/srv/small/fill"), "{both:?}");
}

#[test]
fn that_a_service_read_its_file_anew_is_no_cause_of_the_change() {
    let told = |command: Option<&str>| {
        let mut world = World::new(&[]);
        world.second += 600;
        let second = world.second;
        world
            .shadows
            .events
            .extend(command.map(|command| sudo(command, second - 20)));
        let reloaded = "systemd: Reloaded nginx.service - A high performance web server.";
        world
            .shadows
            .events
            .push_back(event(EventKind::Service, reloaded, second - 5));
        world.shadows.settings.observe(&SettingChange {
            id: setting("etc.nginx/nginx.conf:events.worker_connections"),
            at: at(second),
            after: Some(at(second - 60)),
            from: Some(Value::Int(768)),
            to: Some(Value::Int(64)),
            by: None,
            backfilled: false,
        });
        causes(&world.judge()[0])
    };
    let sed = told(Some("/usr/bin/sed -i s/768/64/ /etc/nginx/nginx.conf"));
    assert!(sed.len() == 1 && sed[0].contains("/usr/bin/sed -i"), "{sed:?}");
    assert_eq!(told(None), [""; 0]);
}

#[test]
fn what_a_failing_unit_says_is_no_cause_of_its_failure() {
    let mut world = World::new(&[]);
    sample::add_settings(&mut world.shadows, &[("unit.payments.service:state", "active")]);
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    world.second += 600;
    let second = world.second;
    let quickly = "systemd: payments.service: Start request repeated too quickly.";
    world
        .shadows
        .events
        .push_back(event(EventKind::Log, quickly, second - 3));
    world.shadows.settings.observe(&SettingChange {
        id: setting("unit.payments.service:state"),
        at: at(second),
        after: Some(at(second - 30)),
        from: Some(Value::infer("active")),
        to: Some(Value::infer("failed")),
        by: None,
        backfilled: false,
    });
    assert_eq!(causes(&world.judge()[0]), [""; 0]);
}

#[test]
fn a_finding_began_when_it_began_whoever_leaves_it() {
    let mut world = World::new(&["cpu.busy_pct", "psi.cpu.some_pct"]);
    world.steps(14, &["psi.cpu.some_pct"], 50.0);
    let first = about(&world.judge(), "psi.cpu.some_pct");
    world.steps(14, &["psi.cpu.some_pct", "cpu.busy_pct"], 50.0);
    let both = about(&world.judge(), "cpu.busy_pct");
    assert_eq!((both.id, both.series.len(), both.since), (first.id, 2, first.since));
    let left = about(&world.steps(60, &["cpu.busy_pct"], 1.0), "cpu.busy_pct");
    assert_eq!((left.id, left.series.len(), left.since), (first.id, 1, first.since));
}

#[test]
fn what_comes_again_has_the_causes_of_its_own_time() {
    let inodes = "fs./srv/small.inodes_used_pct";
    let mut world = World::new(&[MOUNT, inodes]);
    world.metric(MOUNT).limit = above(90.0);
    let mut filled = |off: &[&str], file: &str| {
        let second = world.second;
        let command = format!("/usr/bin/dd of=/srv/small/{file}");
        world.shadows.events.push_back(sudo(&command, second));
        let told = about(&world.steps(14, &[&[MOUNT], off].concat(), 50.0), MOUNT);
        assert_eq!(told.mark, Mark::Breach);
        // It was emptied, and something else of it stays off.
        world.steps(120, off, 1.0);
        (told.id, told.since, causes(&told))
    };
    let (first, since, before) = filled(&[inodes], "first");
    let (second, later, after) = filled(&[inodes], "second");
    assert_eq!(first, second, "one finding");
    assert!(later > since);
    assert!(before[0].contains("small/first"), "{before:?}");
    assert!(after[0].contains("small/second"), "{after:?}");
}

#[test]
fn what_is_over_is_no_worse_than_it_was() {
    let mut world = World::new(&["mem.used_pct"]);
    let told = about(&world.steps(14, &["mem.used_pct"], 26.0), "mem.used_pct");
    world.second += 2;
    let second = world.second;
    seen(world.metric("mem.used_pct"), second, 5.0, 60.0);
    let over = about(&world.judge(), "mem.used_pct");
    assert!(over.summary.contains("is back at"), "{}", over.summary);
    assert_eq!((over.level, over.bits), (told.level, told.bits));
    assert!(over.score <= told.score);
}

#[test]
fn who_may_do_what_is_moderate_however_often_it_changes() {
    let level = |name: &str| {
        let mut world = World::new(&[]);
        // More than any surprise makes.
        (world.options.drift.moderate, world.options.drift.high) = (50.0, 90.0);
        world.change(name, Some("ALL=(ALL) NOPASSWD: ALL"));
        world.judge()[0].level
    };
    assert_eq!(level("account.sudo.ana"), Level::Moderate);
    assert_eq!(level("etc.sudoers.d/ana:ana"), Level::Moderate);
    assert_eq!(level("etc.motd:line"), Level::Low);
}

#[test]
fn a_process_is_named_from_when_it_took_what_it_takes() {
    let sh = "top.sh.cpu_pct";
    let mut world = World::new(&["cpu.busy_pct", sh]);
    world.steps(3, &["cpu.busy_pct"], 50.0);
    let began = at(world.second + 2);
    let findings = world.steps(14, &["cpu.busy_pct", sh], 1.0);
    let odd = about(&findings, "cpu.busy_pct");
    assert_eq!(odd.causes[0].series, Some(setting(sh)), "{:?}", odd.causes);
    assert_eq!((odd.causes[0].at, odd.causes[0].at > odd.since), (began, true));
}

#[test]
fn a_command_whose_change_was_put_back_is_no_cause_of_the_next_one() {
    let name = "etc.nginx/nginx.conf:events.worker_connections";
    let causes_of = |back: bool| {
        let mut world = World::new(&[]);
        world.second += 600;
        let second = world.second;
        let command = "/usr/bin/sed -i s/768/64/ /etc/nginx/nginx.conf";
        world.shadows.events.push_back(sudo(command, second - 200));
        let mut set = |from: i64, to: i64, at_second: i64| {
            world.shadows.settings.observe(&SettingChange {
                id: setting(name),
                at: at(at_second),
                after: Some(at(at_second - 10)),
                from: Some(Value::Int(from)),
                to: Some(Value::Int(to)),
                by: None,
                backfilled: false,
            });
        };
        if back {
            set(768, 64, second - 195);
            set(64, 768, second - 20);
        }
        set(768, 512, second);
        causes(&about(&world.judge(), name))
    };
    assert!(
        causes_of(false).iter().any(|cause| cause.contains("/usr/bin/sed")),
        "{:?}",
        causes_of(false)
    );
    assert_eq!(causes_of(true), [""; 0]);
}

#[test]
fn a_reload_of_a_service_changes_no_setting_of_another() {
    let told = |what: &str| {
        let mut world = World::new(&["cpu.busy_pct"]);
        sample::add_settings(&mut world.shadows, &[("unit.srv-small.mount:state", "inactive")]);
        world.baseline = Baseline::take(&world.shadows, at(world.second));
        world.second += 9000;
        let second = world.second;
        world
            .shadows
            .events
            .push_back(event(EventKind::Service, what, second - 1));
        world.shadows.settings.observe(&SettingChange {
            id: setting("unit.srv-small.mount:state"),
            at: at(second),
            after: None,
            from: Some(Value::infer("inactive")),
            to: Some(Value::infer("active")),
            by: None,
            backfilled: false,
        });
        causes(&about(&world.judge(), "unit.srv-small.mount:state"))
    };
    assert_eq!(told("systemd: Reloaded nginx.service - A web server."), [""; 0]);
    assert_eq!(
        told("systemd: Started docker.service - Application Container Engine.").len(),
        1
    );
}
