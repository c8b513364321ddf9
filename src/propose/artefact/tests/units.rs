//! Units and ports.

use super::*;

#[test]
fn units_are_stopped_started_and_rid_of_what_was_added() {
    for (settings, wants) in [
        // Units.
        (
            &[("unit.ssh.service:state", Some("failed"), Some("active"))][..],
            "# why it failed: journalctl -n 30 -u ssh.service\nsystemctl start -- ssh.service\n",
        ),
        (
            &[("unit.cron.service:enabled", Some("enabled"), Some("disabled"))],
            "systemctl disable -- cron.service\n",
        ),
        (
            &[("unit.cron.service:enabled", Some("masked"), Some("static"))],
            "systemctl unmask -- cron.service\n",
        ),
        (
            &[
                ("unit.x.service:enabled", Some("enabled"), None),
                ("unit.x.service:state", Some("active"), None),
            ],
            "systemctl disable --now -- x.service\n",
        ),
        (
            &[("unit.x.service:state", None, Some("active"))],
            "systemctl start -- x.service\n",
        ),
        // What was added to a unit that was there before: never the unit itself.
        (
            &[
                ("etc.systemd/system/nginx.service.d/limits.conf", Some(NEW), None),
                ("unit.nginx.service:Service.LimitNOFILE", Some("4096"), None),
                (
                    "unit.nginx.service:files",
                    Some("[]/etc/systemd/system/nginx.service.d/limits.conf"),
                    None,
                ),
            ],
            "mkdir -p /var/backups/foreshadow/systemd/system/nginx.service.d && mv -- /etc/systemd/system/nginx.service.d/limits.conf /var/backups/foreshadow/systemd/system/nginx.service.d/limits.conf.aside-$(date +%s.%N) && systemctl daemon-reload && systemctl try-restart -- nginx.service\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        (
            &[
                ("unit.nginx.service:Service.LimitNOFILE", Some("4096"), None),
                (
                    "unit.nginx.service:files",
                    Some("[]/etc/systemd/system/nginx.service.d/limits.conf"),
                    None,
                ),
            ],
            "mkdir -p /var/backups/foreshadow/systemd/system/nginx.service.d && mv -- /etc/systemd/system/nginx.service.d/limits.conf /var/backups/foreshadow/systemd/system/nginx.service.d/limits.conf.aside-$(date +%s.%N) && systemctl daemon-reload && systemctl try-restart -- nginx.service\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        (
            &[("unit.nginx.service:state", Some("active"), None)],
            "systemctl stop -- nginx.service\n",
        ),
        // A unit that is new, with its file: stopped before its file goes.
        (
            &[
                ("etc.systemd/system/x.service", Some(NEW), None),
                ("unit.x.service:enabled", Some("enabled"), None),
            ],
            "systemctl disable --now -- x.service\nmkdir -p /var/backups/foreshadow/systemd/system && mv -- /etc/systemd/system/x.service /var/backups/foreshadow/systemd/system/x.service.aside-$(date +%s.%N) && systemctl daemon-reload\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        // Its link goes with it, and comes back with it.
        (
            &[
                (
                    "etc.systemd/system/multi-user.target.wants/x.service",
                    Some("-> /etc/systemd/system/x.service"),
                    None,
                ),
                ("etc.systemd/system/x.service", Some(NEW), None),
                ("unit.x.service:enabled", Some("enabled"), None),
            ],
            "systemctl disable --now -- x.service\nmkdir -p /var/backups/foreshadow/systemd/system && mv -- /etc/systemd/system/x.service /var/backups/foreshadow/systemd/system/x.service.aside-$(date +%s.%N) && systemctl daemon-reload\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        (
            &[
                (
                    "etc.systemd/system/multi-user.target.wants/x.service",
                    None,
                    Some("-> /lib/systemd/system/x.service"),
                ),
                ("unit.x.service:enabled", Some("disabled"), Some("enabled")),
            ],
            "systemctl enable -- x.service\n",
        ),
        // One that was only started, from a file that was there: the file stays.
        (
            &[
                ("unit.getty@tty9.service:state", Some("active"), None),
                ("unit.getty@tty9.service:Service.Restart", Some("always"), None),
                (
                    "unit.getty@tty9.service:files",
                    Some("[]/etc/systemd/system/getty@.service"),
                    None,
                ),
            ],
            "systemctl stop -- getty@tty9.service\n",
        ),
        // Ports.
        (
            &[("port.tcp/0.0.0.0:8080", Some("python3"), None)],
            "# python3 listens on tcp/0.0.0.0:8080\n\
             # its process and user: ps -o pid,user,lstart,args -p \"$(ss -Hlntp 'sport = :8080' | awk '$4 == \"0.0.0.0:8080\"' | sed -n 's/.*\"python3\",pid=\\([0-9]*\\).*/\\1/p' | head -n 1)\"\n\
             kill \"$(ss -Hlntp 'sport = :8080' | awk '$4 == \"0.0.0.0:8080\"' | sed -n 's/.*\"python3\",pid=\\([0-9]*\\).*/\\1/p' | head -n 1)\"\n",
        ),
        // What systemd listens on for another.
        (
            &[("port.tcp/[::]:22", Some("systemd"), None)],
            "# by hand: tcp/[::]:22 is `systemd`: stop that program's service, or close the port; `ss -lntup` shows who listens\n",
        ),
    ] {
        assert_eq!(text(settings).as_deref(), Some(wants), "{settings:?}");
    }
}

#[test]
fn a_service_that_listens_is_not_ended_for_a_port() {
    for (settings, wants) in [
        (
            &[
                ("port.tcp/0.0.0.0:80", Some("nginx"), None),
                ("port.tcp/0.0.0.0:80:program", Some("/usr/sbin/nginx"), None),
                ("port.tcp/0.0.0.0:80:unit", Some("nginx.service"), None),
            ][..],
            "# nginx (/usr/sbin/nginx) in nginx.service listens on tcp/0.0.0.0:80\n\
             # by hand: nginx.service opened it: take out what does from its configuration; `systemctl stop -- nginx.service` would end all it does\n",
        ),
        (
            &[
                ("unit.redis-server.service:state", Some("inactive"), Some("active")),
                ("port.tcp/127.0.0.1:6390", None, Some("redis-server")),
                ("port.tcp/127.0.0.1:6390:package", None, Some("redis-tools")),
                ("port.tcp/[::1]:6390", None, Some("redis-server")),
                ("port.tcp/[::1]:6390:package", None, Some("redis-tools")),
                ("port.tcp/[::1]:6390:program", None, Some("/usr/bin/redis-check-rdb")),
                ("port.tcp/[::1]:6390:unit", None, Some("redis-server.service")),
            ],
            "systemctl start -- redis-server.service\n",
        ),
        (
            &[
                ("port.tcp/[::1]:6390", None, Some("redis-server")),
                ("port.tcp/[::1]:6390:package", None, Some("redis-tools")),
                ("port.tcp/[::1]:6390:program", None, Some("/usr/bin/redis-check-rdb")),
            ],
            "# by hand: tcp/[::1]:6390 is missing, should be `redis-server`: start that program's service; `ss -lntup` shows who listens\n",
        ),
    ] {
        assert_eq!(text(settings).as_deref(), Some(wants));
    }
}
