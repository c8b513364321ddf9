//! Units that come, go, run and stop, on constructed shadows.

use super::*;
use crate::domain::SettingChange;

#[test]
fn a_unit_that_had_failed_and_runs_again_is_for_the_record() {
    for (accepted, is, urgent) in [
        ("failed", "active", false),
        ("failed", "on demand", false),
        ("failed", "inactive", true),
        ("inactive", "active", true),
    ] {
        let mut world = World::new(&[]);
        sample::add_settings(&mut world.shadows, &[("unit.db.service:state", accepted)]);
        world.baseline = Baseline::take(&world.shadows, at(world.second));
        world.shadows.settings.observe(&SettingChange {
            id: setting("unit.db.service:state"),
            at: at(world.second),
            after: None,
            from: None,
            to: Some(Value::Enum(is.into())),
            by: Some("root".into()),
            backfilled: false,
        });
        let findings = world.judge();
        let [finding] = &findings[..] else {
            panic!("{findings:?}")
        };
        assert_eq!(finding.severity != Severity::Notice, urgent, "{finding:?}");
    }
}

#[test]
fn a_unit_that_is_new_and_failed_says_both_and_a_definition_alone_is_a_change() {
    let mut world = World::new(&[]);
    for (part, value) in [
        ("Service.ExecStart", "/bin/false"),
        ("state", "failed"),
        ("enabled", "enabled"),
    ] {
        world.change(&format!("unit.flaky.service:{part}"), Some(value));
    }
    assert_eq!(rows(&mut world), ["unit flaky.service is new: failed by root"]);
    let mut world = World::new(&[]);
    sample::add_settings(&mut world.shadows, &[("unit.cups.service:state", "active")]);
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    world.change("unit.cups.service:Service.ExecStart", Some("/usr/sbin/cupsd"));
    assert_eq!(
        rows(&mut world),
        ["unit cups.service: Service.ExecStart (absent) -> /usr/sbin/cupsd by root"]
    );
}

#[test]
fn a_unit_that_is_started_or_stopped_is_not_made_of_anything_new() {
    let mut world = World::new(&[]);
    sample::add_settings(
        &mut world.shadows,
        &[
            ("unit.backup.service:enabled", "static"),
            ("unit.backup.service:state", "inactive"),
        ],
    );
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    let made_of = [
        ("Service.ExecStart", "/usr/bin/backup"),
        ("files", "/etc/systemd/system/backup.service"),
    ];
    world.change("unit.backup.service:state", Some("active"));
    for (part, value) in made_of {
        world.change(&format!("unit.backup.service:{part}"), Some(value));
    }
    assert_eq!(rows(&mut world), ["backup.service started by root"]);
    // Accepted as it runs; then it stops, and then it is changed as it runs.
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    world.second += 600;
    world.change("unit.backup.service:state", Some("inactive"));
    for (part, _) in made_of {
        world.change(&format!("unit.backup.service:{part}"), None);
    }
    assert_eq!(rows(&mut world), ["backup.service stopped by root"]);
    world.second += 600;
    world.change("unit.backup.service:state", Some("active"));
    for (part, value) in made_of {
        world.change(&format!("unit.backup.service:{part}"), Some(value));
    }
    assert_eq!(rows(&mut world), Vec::<String>::new());
    world.change("unit.backup.service:Service.Nice", Some("5"));
    assert_eq!(rows(&mut world).len(), 1);
}

#[test]
fn units_that_come_and_go_by_themselves_are_no_drift() {
    let mut world = World::new(&[]);
    sample::add_settings(
        &mut world.shadows,
        &[
            ("unit.idle.service:enabled", "static"),
            ("unit.idle.service:state", "inactive"),
            ("unit.bare.service:enabled", "disabled"),
            ("unit.bus.service:enabled", "static"),
            ("unit.bus.service:state", "active"),
            ("unit.bus.service:Service.BusName", "org.bus"),
            ("unit.cron.service:enabled", "enabled"),
            ("unit.cron.service:state", "active"),
        ],
    );
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    // systemd forgets one, loads another, which ran meanwhile and was read; the third was seen to come as it is called.
    world.change("unit.idle.service:state", None);
    world.change("unit.bare.service:state", Some("inactive"));
    world.change("unit.bare.service:Service.ExecStart", Some("/bin/bare"));
    world.change("unit.bus.service:state", Some("on demand"));
    world.change("unit.bus.service:Service.BusName", None);
    assert_eq!(rows(&mut world), Vec::<String>::new());
    world.change("unit.bus.service:state", Some("failed"));
    world.change("unit.cron.service:state", Some("inactive"));
    assert_eq!(
        rows(&mut world),
        ["bus.service failed by root", "cron.service stopped by root"]
    );
}

#[test]
fn what_was_added_to_an_old_unit_does_not_make_it_new_and_near_edits_are_apart() {
    let mut world = World::new(&[]);
    sample::add_settings(
        &mut world.shadows,
        &[
            ("unit.nginx.service:state", "active"),
            ("unit.nginx.service:enabled", "enabled"),
            ("etc.ssh/sshd_config:PermitRootLogin", "no"),
        ],
    );
    world.baseline = Baseline::take(&world.shadows, at(world.second));
    world.change("etc.ssh/sshd_config:PermitRootLogin", Some("yes"));
    world.second += 4;
    let drop_in = "/etc/systemd/system/nginx.service.d/limits.conf";
    world.change("etc.systemd/system/nginx.service.d/limits.conf", Some("mode=0644"));
    world.change("unit.nginx.service:Service.LimitNOFILE", Some("4096"));
    world.change("unit.nginx.service:files", Some(drop_in));
    assert_eq!(
        rows(&mut world),
        [
            "/etc/systemd/system/nginx.service.d/limits.conf is new (and 2 more settings) by root",
            "etc.ssh/sshd_config:PermitRootLogin no -> yes by root",
        ]
    );
    // It stops a minute later: a row of its own that says so.
    world.second += 60;
    world.change("unit.nginx.service:state", Some("inactive"));
    world.change("port.tcp/0.0.0.0:80", Some("nginx"));
    let told = rows(&mut world);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.iter().any(|row| row.starts_with("nginx.service stopped")),
        "{told:?}"
    );
    world.change("unit.nginx.service:state", Some("failed"));
    assert!(
        rows(&mut world)
            .iter()
            .any(|row| row.starts_with("nginx.service failed"))
    );
}

#[test]
fn what_failed_and_who_may_get_in_name_what_was_done() {
    let first = |changes: &[(&str, &str)]| {
        let mut world = World::new(&[]);
        for (name, to) in changes {
            world.change(name, Some(to));
        }
        let found = world.judge();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].series[0].name.to_string()
    };
    let unit = [
        ("etc.systemd/system/payments.service", "[]mode=0644 owner=0:0"),
        ("etc.systemd/system/payments.service:Service.ExecStart", "/bin/false"),
        ("unit.payments.service:state", "failed"),
    ];
    assert_eq!(first(&unit), "unit.payments.service:state");
    let server = [
        ("etc.ssh/sshd_config:MaxAuthTries", "3"),
        ("etc.ssh/sshd_config:PermitRootLogin", "yes"),
    ];
    assert_eq!(first(&server), "etc.ssh/sshd_config:PermitRootLogin");
}

#[test]
fn a_persons_account_is_no_packages() {
    let mut world = World::new(&[]);
    for (name, to) in [
        ("account.user.anna:uid", "1001"),
        ("account.user.anna:shell", "/bin/bash"),
        ("account.sudo.anna", "ALL=(ALL) NOPASSWD: ALL"),
        ("etc.passwd:anna", "x"),
        ("pkg.busybox", "1.36"),
        ("unit.busybox.service:state", "active"),
    ] {
        world.change(name, Some(to));
    }
    let rows = rows(&mut world);
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(
        rows[0].starts_with("package busybox") && rows[1].contains("anna"),
        "{rows:?}"
    );
}
