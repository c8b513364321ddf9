//! Files that are edited for one line: what is run, and what a person has to do. That it works is tried by `act`.

use std::fmt::Write as _;

use super::*;

/// What is run for a setting of a host whose settings are `seen`.
fn on(seen: &[(&str, &str)], name: &str, was: Option<&str>, wants: Option<&str>) -> String {
    let id = SeriesId::new(&ResourceId::new("host", "a"), name);
    let look = |id: &SeriesId| {
        let (_, value) = seen.iter().find(|(name, _)| *id.name == **name)?;
        Some(match value.strip_prefix("[]") {
            Some(items) => Value::list(items.split(' ').map(|item| (item.into(), Value::Bool(true))).collect()),
            None => Value::infer(value),
        })
    };
    let (was, wants) = (was.map(Value::infer), wants.map(Value::infer));
    let wanted = Wanted {
        id: &id,
        was: was.as_ref(),
        value: wants.as_ref(),
    };
    set(&[wanted], &look).unwrap().artefact.text
}

#[test]
fn each_format_has_its_command_with_check_and_reload() {
    let mut all = String::new();
    for (name, was, wants) in [
        (
            "etc.nginx/nginx.conf:events.worker_connections",
            Some("1024"),
            Some("768"),
        ),
        (
            "etc.nginx/nginx.conf:http.server[80].location[/].proxy_pass",
            Some("http://b"),
            Some("http://a"),
        ),
        ("etc.nginx/conf.d/x.conf:server_tokens", None, Some("off")),
        ("etc.nginx/nginx.conf:http.server[80].root", None, Some("/srv")),
        ("etc.nginx/nginx.conf:http.add_header", Some("X-A a"), Some("X-A b c")),
        (
            "etc.postgresql/15/main/postgresql.conf:max_connections",
            Some("200"),
            Some("100"),
        ),
        (
            "etc.postgresql/15/main/postgresql.conf:work_mem",
            Some("64MB"),
            Some("4MB"),
        ),
        (
            "etc.postgresql/15/main/postgresql.conf:listen_addresses",
            Some("*"),
            Some("localhost"),
        ),
        (
            "etc.postgresql/15/main/postgresql.conf:pg_stat_statements.max",
            Some("10"),
            None,
        ),
        (
            "etc.postgresql/15/main/pg_hba.conf:host all all 0.0.0.0/0",
            Some("trust"),
            Some("md5"),
        ),
        (
            "etc.postgresql/15/main/pg_hba.conf:host all all 0.0.0.0/0",
            None,
            Some("md5"),
        ),
        ("etc.ssh/sshd_config:PermitRootLogin", Some("yes"), Some("no")),
        ("etc.ssh/sshd_config:PermitRootLogin", None, Some("no")),
        (
            "etc.haproxy/haproxy.cfg:backend app.server web1",
            Some("10.0.0.1:80"),
            Some("10.0.0.2:80"),
        ),
        ("etc.haproxy/haproxy.cfg:frontend in.http-request", None, Some("deny")),
        ("etc.redis/redis.conf:maxmemory", Some("1gb"), Some("2gb")),
        ("etc.my.cnf:mysqld.max_connections", Some("500"), Some("151")),
        ("etc.default/app:OPTS", Some("-v"), Some("-q -x")),
        ("etc.app.conf:cache", Some("on"), Some("off")),
        ("file./srv/app/app.ini:db.pool", Some("5"), Some("20")),
        ("file./srv/app/app.yaml:db.pool", Some("5"), Some("20")),
        ("etc.sysctl.d/99-x.conf:vm.swappiness", Some("1"), Some("60")),
        ("etc.sysctl.conf:vm.swappiness", None, Some("1")),
        (
            "etc.fstab:/data",
            Some("/dev/sdb1 ext4 ro 0 2"),
            Some("/dev/sdb1 ext4 rw 0 2"),
        ),
        ("etc.netplan/01.yaml:network.version", Some("1"), Some("2")),
        ("etc.pam.d/sshd:auth.pam_unix.so", Some("optional"), Some("required")),
        (
            "cron./etc/crontab:run-parts /etc/cron.daily",
            Some("0 9 * * * root"),
            Some("25 6 * * * root"),
        ),
        ("cron.user bob:/home/bob/it's", Some("0 1 * * *"), Some("0 2 * * *")),
        ("cron.user bob:/home/bob/run", None, Some("0 2 * * *")),
        (
            "account.sudo.ann",
            Some("ALL=(ALL) NOPASSWD: ALL"),
            Some("ALL=(ALL) ALL"),
        ),
        ("account.sudo.ann", None, Some("ALL=(ALL) ALL")),
        ("net.hosts.db", Some("10.0.0.9"), Some("10.0.0.5")),
        ("limits.session.*:nofile:soft", Some("64"), Some("1024")),
    ] {
        let told = |value: Option<&str>| value.unwrap_or("(absent)").to_owned();
        writeln!(
            all,
            "{name} {} -> {}\n{}",
            told(was),
            told(wants),
            on(&[], name, was, wants)
        )
        .unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn no_command_is_offered_that_cannot_work_there() {
    let swappiness = |seen: &[(&str, &str)]| on(seen, "sysctl.vm.swappiness", Some("1"), Some("60"));
    assert_eq!(
        swappiness(&[("mount./proc/sys:options", "[]ro nosuid")]),
        "# by hand: sysctl vm.swappiness cannot be changed from here, for /proc/sys is mounted read-only: set it on the host below, or where \
         this container is started; it is `1`, should be `60`\n"
    );
    assert!(swappiness(&[("mount./proc/sys:options", "[]rw nosuid")]).starts_with("sysctl -w "));
    let forwarding = |seen: &[(&str, &str)]| on(seen, "sysctl.net.ipv4.conf.eth0/1.forwarding", Some("1"), Some("0"));
    let own = [
        ("mount./proc/sys:options", "[]ro"),
        ("mount./proc/sys/net:options", "[]rw"),
    ];
    assert!(forwarding(&own[..1]).contains("mounted read-only"));
    assert!(
        forwarding(&own).starts_with("sysctl -w "),
        "a container has a network of its own"
    );
    let read_only = [("mount./:options", "[]ro"), ("mount./etc:options", "[]rw")];
    let worker = |seen: &[(&str, &str)]| {
        on(
            seen,
            "etc.nginx/nginx.conf:events.worker_connections",
            Some("1024"),
            Some("768"),
        )
    };
    assert!(worker(&read_only[..1]).contains("/ is mounted read-only"));
    assert!(worker(&read_only).contains("sed -i"), "a mount above decides");
    // Mounts are seen, and no unit: nothing there was started by systemd.
    let alone = worker(&[("mount./:fstype", "overlay")]);
    assert!(alone.contains("nginx -t") && !alone.contains("systemctl"), "{alone}");
    assert!(
        alone.contains("# no systemd was seen here: reload nginx as it was started"),
        "{alone}"
    );
    let cluster = "etc.postgresql/15/main/postgresql.conf:work_mem";
    let alone = on(&[("mount./:fstype", "overlay")], cluster, Some("1MB"), Some("4MB"));
    assert!(alone.contains("pg_ctlcluster 15 main reload"), "{alone}");
    // The service is called as it is there.
    let seen = [
        ("unit.sshd.service:state", "active"),
        ("unit.systemd-journald.service:state", "active"),
    ];
    let sshd = on(&seen, "etc.ssh/sshd_config:PermitRootLogin", Some("yes"), Some("no"));
    assert!(sshd.contains("systemctl reload sshd\n"), "{sshd}");
}

#[test]
fn a_drop_in_comes_back_as_it_was_moved_or_as_all_it_said_is_known() {
    let (limit, unit) = (Value::Int(4096), "etc.systemd/system/nginx.service.d/limits.conf");
    let access = Value::list(
        [
            ("mode".into(), Value::text("0600")),
            ("owner".into(), Value::text("0:0")),
        ]
        .into(),
    );
    let files = Value::list([(format!("/{unit}").replace("/etc.", "/etc/").into(), Value::Bool(true))].into());
    let held: Vec<(SeriesId, Value)> = [
        (unit.to_owned(), access),
        (format!("{unit}:Service.LimitNOFILE"), limit.clone()),
        ("unit.nginx.service:Service.LimitNOFILE".into(), limit),
        ("unit.nginx.service:files".into(), files),
    ]
    .into_iter()
    .map(|(name, value)| (SeriesId::new(&ResourceId::new("host", "a"), &name), value))
    .collect();
    let wanted = |back: bool| -> Vec<Wanted<'_>> {
        let each = held.iter().map(|(id, value)| Wanted {
            id,
            was: (!back).then_some(value),
            value: back.then_some(value),
        });
        each.collect()
    };
    let (away, back) = (wanted(false), wanted(true));
    let way = set(&away, &nothing).unwrap();
    assert_eq!(
        undo(&way, &back, &nothing).unwrap(),
        "mv -n -- \"$(ls -d /var/backups/foreshadow/systemd/system/nginx.service.d/limits.conf.aside-* | tail -n 1)\" \
         /etc/systemd/system/nginx.service.d/limits.conf && systemctl daemon-reload && systemctl try-restart -- nginx.service"
    );
    // It was removed: all that it said is known.
    let way = set(&back, &nothing).unwrap();
    let (command, note) = way.artefact.text.split_once('\n').unwrap();
    assert_eq!(
        command,
        "[ ! -e /etc/systemd/system/nginx.service.d/limits.conf ] && mkdir -p /etc/systemd/system/nginx.service.d && printf '%s\\n' '[Service]' \
         LimitNOFILE=4096 > /etc/systemd/system/nginx.service.d/limits.conf && chmod 0600 /etc/systemd/system/nginx.service.d/limits.conf && \
         systemctl daemon-reload && systemctl try-restart -- nginx.service"
    );
    assert!(note.contains("comments"), "{note}");
    assert!(
        undo(&way, &away, &nothing)
            .unwrap()
            .starts_with("mkdir -p /var/backups/foreshadow/")
    );
}

#[test]
fn what_is_in_memory_is_not_unmounted_without_a_word() {
    let away = |kind: &str| {
        text(&[
            ("mount./srv/small:device", Some("none"), None),
            ("mount./srv/small:fstype", Some(kind), None),
            ("mount./srv/small:options", Some("[]rw"), None),
        ])
        .unwrap()
    };
    assert_eq!(away("ext4"), "umount /srv/small\n");
    assert_eq!(
        away("tmpfs"),
        "# by hand: copy what is needed from /srv/small, for its files are in memory and gone with it; then umount /srv/small\n"
    );
}
