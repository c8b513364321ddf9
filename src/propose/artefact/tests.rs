//! What is run for every kind of setting.

use proptest::prelude::*;

use super::*;
use crate::domain::{ResourceId, SecretHash};

/// The text for settings as `(name, was, wanted)`; lists as `a b c=1`, prefixed with `[]`.
fn text(settings: &[(&str, Option<&str>, Option<&str>)]) -> Option<String> {
    let value = |text: &str| match text.strip_prefix("[]") {
        Some(items) => Value::list(
            items
                .split_whitespace()
                .map(|item| match item.split_once('=') {
                    Some((key, value)) => (key.into(), Value::text(value)),
                    None => (item.into(), Value::Bool(true)),
                })
                .collect(),
        ),
        None => Value::infer(text),
    };
    let held: Vec<(SeriesId, Option<Value>, Option<Value>)> = settings
        .iter()
        .map(|(name, was, wants)| {
            let id = SeriesId::new(&ResourceId::new("host", "a"), name);
            (id, was.map(value), wants.map(value))
        })
        .collect();
    let wanted: Vec<Wanted<'_>> = held
        .iter()
        .map(|(id, was, value)| Wanted {
            id,
            was: was.as_ref(),
            value: value.as_ref(),
        })
        .collect();
    set(&wanted).map(|way| way.artefact.text)
}

/// Every kind of setting that a source tells, as it is undone: came, went, changed.
#[test]
fn each_kind_of_setting_has_what_an_administrator_would_do() {
    let new = "[]mode=0644 owner=0:0";
    for (settings, wants) in [
        // Kernel parameters.
        (
            &[("sysctl.vm.swappiness", Some("1"), Some("60"))][..],
            "sysctl -w vm.swappiness=60\n# lasts until the next start; to keep it, write it to a file in /etc/sysctl.d/\n",
        ),
        (
            &[("sysctl.net.netfilter.x", Some("1"), None)],
            "# by hand: net.netfilter.x came with a kernel module or an interface, and goes with it; it is `1`\n",
        ),
        (
            &[
                ("sysctl.vm.swappiness", Some("1"), Some("60")),
                ("etc.sysctl.d/99-x.conf", Some(new), None),
                ("etc.sysctl.d/99-x.conf:vm.swappiness", Some("1"), None),
            ],
            "sysctl -w vm.swappiness=60\nmkdir -p /var/backups/foreshadow/sysctl.d && mv -- /etc/sysctl.d/99-x.conf /var/backups/foreshadow/sysctl.d/99-x.conf.aside-$(date +%s) && sysctl --system\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        // Mounts.
        (
            &[
                ("mount./mnt/x:device", Some("tmpfs"), None),
                ("mount./mnt/x:fstype", Some("tmpfs"), None),
                ("mount./mnt/x:options", Some("[]rw"), None),
            ],
            "umount /mnt/x\n",
        ),
        // Its unit goes and comes with it, whatever its name is escaped to.
        (
            &[
                ("mount./mnt/my-x:device", Some("tmpfs"), None),
                ("mount./mnt/my-x:fstype", Some("tmpfs"), None),
                (r"unit.mnt-my\x2dx.mount:state", Some("active"), None),
            ],
            "umount /mnt/my-x\n",
        ),
        (
            &[
                ("mount./mnt/x:device", None, Some("tmpfs")),
                ("mount./mnt/x:fstype", None, Some("tmpfs")),
                ("unit.mnt-x.mount:state", None, Some("active")),
            ],
            "mount -t tmpfs tmpfs /mnt/x\n",
        ),
        (
            &[("unit.mnt-x.mount:state", Some("active"), Some("inactive"))],
            "systemctl stop -- mnt-x.mount\n",
        ),
        (
            &[
                ("mount./data:device", None, Some("/dev/sdb1")),
                ("mount./data:fstype", None, Some("ext4")),
                ("mount./data:options", None, Some("[]rw noatime")),
            ],
            "mount -t ext4 -o noatime,rw /dev/sdb1 /data\n",
        ),
        (
            &[("mount./data:options", Some("[]ro"), Some("[]rw commit=30"))],
            "mount -o remount,commit=30,rw /data\n",
        ),
        (
            &[("mount./data:device", Some("/dev/sdc1"), Some("/dev/sdb1"))],
            "umount /data\nmount /dev/sdb1 /data\n",
        ),
        // Packages, and what comes and goes with them.
        (
            &[
                ("pkg.nginx", Some("1.22-9"), None),
                ("etc.nginx/nginx.conf", Some(new), None),
                ("etc.nginx/nginx.conf:user", Some("www"), None),
                ("unit.nginx.service:state", Some("active"), None),
                ("port.tcp/0.0.0.0:80", Some("nginx"), None),
            ],
            "# the 4 settings that changed with it are the package's own\n\
             # purge also takes the data that its scripts made: what a service stored since is gone\n\
             apt-get purge nginx\n",
        ),
        (&[("pkg.tree", Some("2.1-1"), None)], "apt-get remove tree\n"),
        (
            &[
                ("pkg.tree", None, Some("2.1-1")),
                ("unit.tree.service:state", None, Some("active")),
            ],
            "# the setting that changed with it is the package's own\napt-get install --allow-downgrades tree=2.1-1\n",
        ),
        (
            &[("pkg.bash", Some("5.3"), Some("5.2.15-2+b7"))],
            "# `apt-cache policy bash` lists the versions that can still be had\n\
             apt-get install --allow-downgrades bash=5.2.15-2+b7\n",
        ),
        (&[("pkg.bash:hold", Some("true"), None)], "apt-mark unhold bash\n"),
        (
            &[("pkg.bash:state", Some("half-configured"), None)],
            "dpkg --configure --pending\n",
        ),
        // Units.
        (
            &[("unit.ssh.service:state", Some("failed"), Some("active"))],
            "systemctl start -- ssh.service\n",
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
                ("etc.systemd/system/nginx.service.d/limits.conf", Some(new), None),
                ("unit.nginx.service:Service.LimitNOFILE", Some("4096"), None),
                (
                    "unit.nginx.service:files",
                    Some("[]/etc/systemd/system/nginx.service.d/limits.conf"),
                    None,
                ),
            ],
            "mkdir -p /var/backups/foreshadow/systemd/system/nginx.service.d && mv -- /etc/systemd/system/nginx.service.d/limits.conf /var/backups/foreshadow/systemd/system/nginx.service.d/limits.conf.aside-$(date +%s) && systemctl daemon-reload && systemctl try-restart -- nginx.service\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
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
            "mkdir -p /var/backups/foreshadow/systemd/system/nginx.service.d && mv -- /etc/systemd/system/nginx.service.d/limits.conf /var/backups/foreshadow/systemd/system/nginx.service.d/limits.conf.aside-$(date +%s) && systemctl daemon-reload && systemctl try-restart -- nginx.service\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        (
            &[("unit.nginx.service:state", Some("active"), None)],
            "systemctl stop -- nginx.service\n",
        ),
        // A unit that is new, with its file: stopped before its file goes.
        (
            &[
                ("etc.systemd/system/x.service", Some(new), None),
                ("unit.x.service:enabled", Some("enabled"), None),
            ],
            "systemctl disable --now -- x.service\nmkdir -p /var/backups/foreshadow/systemd/system && mv -- /etc/systemd/system/x.service /var/backups/foreshadow/systemd/system/x.service.aside-$(date +%s) && systemctl daemon-reload\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        // Its link goes with it, and comes back with it.
        (
            &[
                (
                    "etc.systemd/system/multi-user.target.wants/x.service",
                    Some("-> /etc/systemd/system/x.service"),
                    None,
                ),
                ("etc.systemd/system/x.service", Some(new), None),
                ("unit.x.service:enabled", Some("enabled"), None),
            ],
            "systemctl disable --now -- x.service\nmkdir -p /var/backups/foreshadow/systemd/system && mv -- /etc/systemd/system/x.service /var/backups/foreshadow/systemd/system/x.service.aside-$(date +%s) && systemctl daemon-reload\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
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
        // Accounts: the files follow.
        (
            &[
                ("account.user.carol:uid", Some("1001"), None),
                ("account.user.carol:shell", Some("/bin/bash"), None),
                ("account.group.carol:gid", Some("1001"), None),
                ("etc.passwd:carol", Some("x"), None),
                ("etc.subuid:content", Some("blake3 2"), Some("blake3 1")),
            ],
            "userdel -- carol\n! getent group carol > /dev/null || groupdel -- carol\n",
        ),
        (
            &[
                ("account.user.carol:uid", None, Some("1001")),
                ("account.user.carol:shell", None, Some("/bin/bash")),
            ],
            "useradd --uid 1001 --shell /bin/bash -- carol\n",
        ),
        (
            &[
                ("account.user.carol:uid", None, Some("1001")),
                ("account.user.carol:gid", None, Some("1001")),
                ("account.group.carol:gid", None, Some("1001")),
            ],
            "groupadd --gid 1001 -- carol\nuseradd --uid 1001 --gid 1001 -- carol\n",
        ),
        // Jobs follow from their file.
        (
            &[
                ("etc.cron.d/backup", Some(new), None),
                ("cron./etc/cron.d/backup:root tar", Some("0 3 * * *"), None),
            ],
            "mkdir -p /var/backups/foreshadow/cron.d && mv -- /etc/cron.d/backup /var/backups/foreshadow/cron.d/backup.aside-$(date +%s)\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        // The network.
        (
            &[("net.eth0.mtu", Some("9000"), Some("1500"))],
            "ip link set dev eth0 mtu 1500\n",
        ),
        (
            &[("net.eth0.operstate", Some("down"), Some("up"))],
            "ip link set dev eth0 up\n",
        ),
        (
            &[("net.eth0.addresses", Some("[]10.0.0.9/24"), Some("[]10.0.0.2/24"))],
            "ip address del 10.0.0.9/24 dev eth0 && ip address add 10.0.0.2/24 dev eth0\n",
        ),
        (
            &[
                ("net.dummy0.mtu", Some("1500"), None),
                ("net.dummy0.operstate", Some("unknown"), None),
            ],
            "ip link delete dev dummy0\n",
        ),
        (
            &[("net.route.10.1.0.0/16@eth0", Some("[]metric=100 via=10.0.0.1"), None)],
            "ip route del 10.1.0.0/16 via 10.0.0.1 metric 100 dev eth0\n",
        ),
        (
            &[("net.route.0.0.0.0/0@eth0", None, Some("[]metric=0 via=10.0.0.1"))],
            "ip route replace 0.0.0.0/0 via 10.0.0.1 dev eth0\n",
        ),
        (
            &[("net.hosts.db", Some("[]10.0.0.9"), Some("[]10.0.0.5"))],
            "# by hand: in /etc/hosts the line `10.0.0.5 db` again; it has 10.0.0.9\n",
        ),
        (
            &[("net.hosts.db", Some("[]10.0.0.9"), None)],
            "# by hand: in /etc/hosts remove db from the line of 10.0.0.9\n",
        ),
        (
            &[("net.hosts.db", None, Some("[]10.0.0.5"))],
            "# by hand: in /etc/hosts add the line `10.0.0.5 db`\n",
        ),
        (
            &[("net.resolver.nameserver", Some("[]9.9.9.9"), Some("[]1.1.1.1"))],
            "# by hand: in /etc/resolv.conf (or where the program that writes it is set up) set nameserver to `1.1.1.1`; it is `9.9.9.9`\n",
        ),
        // Limits.
        (
            &[("limits.session.*:nofile:soft", Some("64"), Some("1024"))],
            "# by hand: in /etc/security/limits.conf or limits.d/ write `* soft nofile 1024`; it is `64`\n",
        ),
        // Files.
        (
            &[("etc.ssh/sshd_config:PermitRootLogin", Some("yes"), Some("no"))],
            "# by hand: in /etc/ssh/sshd_config the line `PermitRootLogin no` again; it is `yes`\n\
             # then: sshd -t && systemctl reload ssh\n",
        ),
        (
            &[
                ("etc.ssh/sshd_config:PermitRootLogin", Some("yes"), Some("no")),
                ("sshd.permitrootlogin", Some("yes"), Some("no")),
            ],
            "# by hand: in /etc/ssh/sshd_config the line `PermitRootLogin no` again; it is `yes`\n\
             # then: sshd -t && systemctl reload ssh\n",
        ),
        (
            &[("etc.app.conf:port", Some("80"), None)],
            "# by hand: in /etc/app.conf remove port; it is `80`\n",
        ),
        (
            &[("etc.hostname:line", Some("b"), Some("a"))],
            "printf '%s\\n' a > /etc/hostname\n",
        ),
        (
            &[
                ("etc.cron.d/x", Some(new), None),
                ("etc.cron.d/x:content", Some("blake3 1"), None),
            ],
            "mkdir -p /var/backups/foreshadow/cron.d && mv -- /etc/cron.d/x /var/backups/foreshadow/cron.d/x.aside-$(date +%s)\n# what is moved aside stays in /var/backups/foreshadow until someone removes it there\n",
        ),
        (
            &[("etc.app.conf", Some("[]mode=0666 owner=0:0"), Some(new))],
            "chmod 0644 /etc/app.conf\n",
        ),
        (
            &[("etc.app.conf", Some("[]mode=0600 owner=5:5"), Some(new))],
            "chown 0:0 /etc/app.conf\nchmod 0644 /etc/app.conf\n",
        ),
        (
            &[("etc.alternatives/vi", Some("-> /usr/bin/nvi"), Some("-> /usr/bin/vim"))],
            "ln -sfn /usr/bin/vim /etc/alternatives/vi\n",
        ),
        (
            &[("etc.app.bin:content", Some("blake3 1"), Some("blake3 2"))],
            "# by hand: put /etc/app.bin back from a copy (a package's own: apt-get install --reinstall); its content is another one now\n",
        ),
        // Nobody gets in without it: not even one that is new is taken away.
        (
            &[("etc.sudoers", Some(new), None)],
            "# by hand: /etc/sudoers was not there when the baseline was taken, and people or the system may depend on it: look at it\n\
             # then: visudo -c\n",
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
        // The machine.
        (
            &[("hw.timezone", Some("UTC"), Some("Europe/Berlin"))],
            "timedatectl set-timezone Europe/Berlin\n",
        ),
        (&[("hw.module.nbd", Some("true"), None)], "modprobe -r nbd\n"),
        (
            &[("hw.disk.sda.scheduler", Some("none"), Some("mq-deadline"))],
            "echo mq-deadline > /sys/block/sda/queue/scheduler\n",
        ),
        (
            &[("hw.swap./swapfile", None, Some("[]kind=file"))],
            "swapon /swapfile\n",
        ),
    ] {
        assert_eq!(text(settings).as_deref(), Some(wants), "{settings:?}");
    }
    let gone = text(&[("etc.app.conf", None, Some(new)), ("etc.app.conf:a", None, Some("b"))]).unwrap();
    assert!(
        gone.starts_with("# by hand: put /etc/app.conf back from a copy\n# if it is a package's own"),
        "{gone}"
    );
    assert_eq!(
        text(&[("hw.cpu.count", Some("2"), Some("4"))]),
        None,
        "no command sets the processors"
    );
}

#[test]
fn rules_of_a_firewall_are_taken_out_and_put_back_one_by_one() {
    let list = |rules: &[&str]| Value::list(rules.iter().map(|rule| ((*rule).into(), Value::Bool(true))).collect());
    let text = |name: &str, was: Option<&[&str]>, wants: Option<&[&str]>| {
        let id = SeriesId::new(&ResourceId::new("host", "a"), &format!("firewall.{name}"));
        let order = SeriesId::new(&ResourceId::new("host", "a"), &format!("firewall.{name}:order"));
        let (was, value) = (was.map(list), wants.map(list));
        let orders = [Value::text("blake3 1"), Value::text("blake3 2")];
        let all = [
            Wanted {
                id: &id,
                was: was.as_ref(),
                value: value.as_ref(),
            },
            Wanted {
                id: &order,
                was: Some(&orders[0]),
                value: Some(&orders[1]),
            },
        ];
        set(&all).unwrap().artefact.text
    };
    let base = ["type filter hook input priority filter", "policy drop"];
    let with = |rule| [base[0], base[1], rule];
    let came = text(
        "inet filter input",
        Some(&with("tcp dport { 22, 80 } accept")),
        Some(&base),
    );
    assert!(
        came.starts_with("nft delete rule inet filter input handle \"$(nft -s -a list chain inet filter input | rule='tcp dport { 22, 80 } accept' awk '"),
        "{came}"
    );
    assert_eq!(came.lines().count(), 1, "{came}");
    let went = text("inet filter input", Some(&base), Some(&with("ip saddr 10.0.0.9 drop")));
    assert!(
        went.starts_with("nft 'add rule inet filter input ip saddr 10.0.0.9 drop'\n# it comes last"),
        "{went}"
    );
    assert_eq!(
        text("inet filter input", Some(&[base[0], "policy accept"]), Some(&base)),
        "nft 'chain inet filter input { policy drop ; }'\n"
    );
    assert_eq!(
        text("inet filter mine", Some(&["drop"]), None),
        "nft 'flush chain inet filter mine; delete chain inet filter mine'\n"
    );
    // A chain that is always there must not be left with a policy that lets nobody in.
    assert_eq!(
        text(
            "ip filter INPUT",
            Some(&["policy DROP", "-p tcp --dport 22 -j ACCEPT"]),
            None
        ),
        "iptables -t filter -P INPUT ACCEPT && iptables -t filter -F INPUT\n"
    );
    let all = text("ip6 routing", Some(&["0 from all lookup local"]), None);
    assert!(all.starts_with("# by hand: "), "{all}");
    assert_eq!(
        text(
            "set inet filter ban",
            Some(&["type ipv4_addr", "10.0.0.1"]),
            Some(&["type ipv4_addr", "10.0.0.2"])
        ),
        "nft 'delete element inet filter ban { 10.0.0.1 }'\nnft 'add element inet filter ban { 10.0.0.2 }'\n"
    );
    assert_eq!(
        text(
            "ip filter INPUT",
            Some(&["policy DROP", "-p tcp --dport 80 -j ACCEPT"]),
            Some(&["policy DROP"])
        ),
        "iptables -t filter -D INPUT -p tcp --dport 80 -j ACCEPT\n"
    );
    assert_eq!(
        text("ip6 routing", Some(&["100 from fd00::/8 lookup 5"]), Some(&[])),
        "ip -6 rule del priority 100 from fd00::/8 lookup 5\n"
    );
    let forged = text(
        "ip filter INPUT",
        Some(&["-m comment --comment \"$(reboot)\" -j ACCEPT"]),
        Some(&[]),
    );
    assert!(forged.starts_with("# by hand: "), "{forged}");
}

#[test]
fn a_service_that_listens_is_not_ended_for_a_port_and_the_line_of_a_parameter_is_put_back() {
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
        (
            &[
                ("sysctl.vm.swappiness", Some("1"), Some("60")),
                ("etc.sysctl.d/99-x.conf:vm.swappiness", Some("1"), Some("60")),
            ],
            "sysctl -w vm.swappiness=60\n\
             sed -i 's|^\\([[:space:]]*-\\{0,1\\}vm\\.swappiness[[:space:]]*=\\).*|\\1 60|' /etc/sysctl.d/99-x.conf && sysctl --system\n",
        ),
        (
            &[("etc.sysctl.conf:vm.swappiness", Some("1"), None)],
            "sed -i '\\|^[[:space:]]*-\\{0,1\\}vm\\.swappiness[[:space:]]*=|d' /etc/sysctl.conf && sysctl --system\n",
        ),
        (
            &[("etc.sysctl.conf:vm.swappiness", None, Some("1"))],
            "printf '%s\\n' 'vm.swappiness = 1' >> /etc/sysctl.conf && sysctl --system\n",
        ),
    ] {
        assert_eq!(text(settings).as_deref(), Some(wants));
    }
}

#[test]
fn a_change_costs_the_restart_that_it_takes_and_no_other() {
    let costs = |name: &str| {
        let id = SeriesId::new(&ResourceId::new("host", "a"), name);
        let (was, value) = (Value::Int(200), Value::Int(100));
        let wanted = Wanted {
            id: &id,
            was: Some(&was),
            value: Some(&value),
        };
        set(&[wanted]).unwrap().cost
    };
    let of = |key: &str| costs(&format!("etc.postgresql/15/main/postgresql.conf:{key}"));
    assert!(of("max_connections").contains("restarted"));
    assert!(of("work_mem").contains("reloaded"));
    assert!(costs("etc.sudoers.d/ana:ana").contains("at once"));
    assert!(costs("etc.app.conf:max_connections").contains("reloaded"));
}

#[test]
fn a_secret_is_never_in_an_artefact() {
    let secret = Value::Secret(SecretHash::of(&[7; 32], b"hunter2"));
    for name in [
        "sysctl.a",
        "etc.app.ini:password",
        "etc.token:line",
        "unit.a.service:state",
        "pkg.a",
        "mount./a:options",
        "limits.session.a:b:c",
        "net.eth0.mac",
    ] {
        let id = SeriesId::new(&ResourceId::new("host", "a"), name);
        let wanted = Wanted {
            id: &id,
            was: None,
            value: Some(&secret),
        };
        let text = set(&[wanted]).unwrap().artefact.text;
        assert!(text.starts_with("# by hand") && !text.contains("hunter2"), "{text}");
        assert!(!text.contains("secret#"), "not its hash either: {text}");
    }
}

proptest! {
    #[test]
    fn no_value_makes_a_second_command(value in ".{0,60}", name in "(sysctl.a|pkg.a|unit.a:state|mount./a:options|mount./a:device|etc.a:b|etc.a:line|etc.a|limits.session.a:b:c|net.eth0.mtu|net.eth0.addresses|net.route.a@b|net.hosts.a|hw.timezone|hw.swap.a|firewall.ip a b|firewall.ip routing|firewall.set ip a b|etc.sysctl.d/x:a.b|port.tcp/1.1.1.1:80)", list in any::<bool>()) {
        let value = if list {
            Value::list([(std::sync::Arc::from(value.as_str()), Value::text(&value))].into())
        } else {
            Value::text(&value)
        };
        let id = SeriesId::new(&ResourceId::new("host", "a"), &name);
        for (was, to) in [(None, Some(&value)), (Some(&value), None)] {
            let wanted = Wanted { id: &id, was, value: to };
            let Some(way) = set(&[wanted]) else { continue };
            let text = way.artefact.text;
            prop_assert!(!text.chars().any(|c| c != '\n' && crate::domain::text::unsafe_to_show(c)), "{:?}", text);
            let lines: Vec<&str> = text.lines().collect();
            prop_assert!(lines.iter().filter(|line| !line.starts_with('#')).count() <= 1, "{:?}", text);
        }
    }
}
