//! Names of settings taken apart.

use proptest::prelude::*;

use super::*;

#[test]
fn names_are_taken_apart() {
    let part = |name, part| Subject::Package { name, part };
    assert_eq!(Subject::of("pkg.libc6:i386"), part("libc6:i386", ""));
    assert_eq!(Subject::of("pkg.libc6:i386:hold"), part("libc6:i386", "hold"));
    assert_eq!(
        Subject::of("mount./srv/a:b:options"),
        Subject::Mount {
            point: "/srv/a:b",
            part: "options"
        }
    );
    assert_eq!(
        Subject::of("net.eth0.100.mtu"),
        Subject::Interface {
            name: "eth0.100",
            part: "mtu"
        }
    );
    assert_eq!(
        Subject::of("limits.session.@audio:rtprio:-"),
        Subject::SessionLimit {
            domain: "@audio",
            item: "rtprio",
            kind: "-"
        }
    );
    assert_eq!(Subject::of("net.hosts.db").file().as_deref(), Some("/etc/hosts"));
    assert_eq!(
        Subject::of("etc.ssh/sshd_config:Port").file().as_deref(),
        Some("/etc/ssh/sshd_config")
    );
}

#[test]
fn one_matter_shares_a_name() {
    let shares = |a: &str, b: &str| {
        let theirs = Subject::of(b).names(Some(if b.ends_with(":unit") { "nginx.service" } else { "nginx" }));
        Subject::of(a).names(None).iter().any(|name| theirs.contains(name))
    };
    assert!(shares("mount./mnt/x:options", "etc.fstab:/mnt/x"));
    assert!(shares("mount./mnt/a-b:options", "unit.mnt-a\\x2db.mount:state"));
    assert!(shares("sysctl.vm.swappiness", "etc.sysctl.d/99-x.conf:vm.swappiness"));
    assert!(shares("sysctl.net.ipv4.conf.dummy0.forwarding", "net.dummy0.mtu"));
    assert!(shares("unit.nginx.service:state", "port.tcp/0.0.0.0:80"));
    assert!(shares("unit.nginx.service:state", "port.tcp/0.0.0.0:80:unit"));
    assert!(shares("port.tcp/[::]:80:program", "port.tcp/[::]:80"));
    assert!(!shares("pkg.nginx", "port.tcp/[::]:80:program"));
    assert!(!shares("port.tcp/0.0.0.0:80", "port.tcp/0.0.0.0:81"));
    assert!(shares("pkg.nginx", "etc.logrotate.d/nginx:content"));
    assert!(shares("firewall.inet filter in", "firewall.inet filter in:order"));
    assert!(shares("firewall.inet filter in", "firewall.set inet filter ban"));
    assert!(!shares("firewall.inet filter in", "firewall.ip nat post"));
    assert!(shares("account.user.carol:uid", "etc.subuid:content"));
    assert!(shares("account.group.carol:gid", "etc.passwd:carol"));
    assert!(shares(
        "cron./etc/cron.d/backup:/usr/bin/backup",
        "etc.cron.d/backup:content"
    ));
    assert!(shares("cert./etc/ssl/site.pem:authority", "etc.ssl/site.pem:content"));
    assert!(shares(
        "unit.nginx.service:Service.LimitNOFILE",
        "etc.systemd/system/nginx.service.d/limits.conf"
    ));
    assert!(!shares(
        "etc.systemd/system/nginx.service.d/limits.conf",
        "etc.security/limits.conf"
    ));
    assert!(!shares(
        "etc.systemd/system/nginx.service.d/limits.conf",
        "etc.ssh/sshd_config:PermitRootLogin"
    ));
    assert!(!shares("account.ssh_key.carol", "etc.subuid:content"));
    assert!(!shares("sysctl.vm.swappiness", "etc.sysctl.d/99-x.conf:vm.dirty_ratio"));
    assert!(shares("pkg.memcached", "etc.rc0.d/K01memcached"));
    assert!(!shares("etc.rc2.d/S01cron", "etc.rc2.d/S01memcached"));
    assert!(!shares("pkg.tree", "etc.hosts:line"));
}

proptest! {
    #[test]
    fn any_name_is_of_something(name in ".{0,40}") {
        let subject = Subject::of(&name);
        prop_assert!(subject.names(Some(&name)).iter().all(|name| !name.is_empty()));
        prop_assert!(!subject.thing().contains('\n') || name.contains('\n'));
    }
}
