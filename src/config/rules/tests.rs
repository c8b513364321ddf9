use std::collections::BTreeSet;

use super::*;
use crate::{domain::Tree, drift::tried};

fn with(text: &str) -> (Rules, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("own.toml"), text).unwrap();
    let (rules, faults) = rules(folder.path());
    let place = format!("{}/", folder.path().display());
    (
        rules,
        faults
            .iter()
            .map(|fault| fault.to_string().replace(&place, ""))
            .collect(),
    )
}

#[test]
fn every_rule_that_comes_with_the_program_holds_by_its_examples() {
    let (rules, faults) = rules(Path::new("/nowhere"));
    assert_eq!(faults, [], "{faults:?}");
    assert!(rules.rules.len() >= 40, "{}", rules.rules.len());
    let ids: BTreeSet<_> = rules.rules.iter().map(|rule| &rule.id).collect();
    assert_eq!(ids.len(), rules.rules.len());
    for rule in &rules.rules {
        assert_eq!(
            tried(&rules, rule, &rule.fires),
            Some(true),
            "{} does not fire",
            rule.id
        );
        assert_eq!(
            tried(&rules, rule, &rule.quiet),
            Some(false),
            "{} is not quiet",
            rule.id
        );
        assert!(rule.why.ends_with('.') && rule.why.len() < 260, "{}", rule.id);
    }
}

#[test]
fn a_bad_rule_is_a_line_and_the_rest_goes_on() {
    let good = |id: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\nseverity = \"low\"\ntitle = \"t\"\nwhy = \"w.\"\narticle = \"https://example.org\"\n\
             when = [{{ setting = \"a.b\", is = 1 }}]\nfires = {{ \"a.b\" = 1 }}\nquiet = {{ \"a.b\" = 2 }}\n"
        )
    };
    let (rules, faults) = with(&format!(
        "{}{}{}",
        good("one"),
        good("two").replace("is = 1", "iz = 1"),
        good("three")
    ));
    assert!(rules.get("one").is_some() && rules.get("two").is_none() && rules.get("three").is_some());
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("own.toml:16: unknown field `iz`"), "{faults:?}");
    assert_eq!(
        rules.get("three").unwrap().from.rsplit('/').next().unwrap(),
        "own.toml:19"
    );
    for (from, to, says) in [
        ("low", "grave", "unknown variant `grave`"),
        ("https://", "http://", "no https:// link"),
        ("is = 1", "is = 1, except = \"a.c\"", "has exceptions"),
        ("is = 1", "is = [[1]]", "takes a text, a number or a boolean"),
        ("setting = \"a.b\"", "field = \"a\"", "fields need `each`"),
        (
            "setting = \"a.b\", is = 1",
            "metric = \"a.b\", is = 1",
            "a metric is above",
        ),
        ("is = 1", "above = { settin = \"x\" }", "another setting is"),
        ("when", "runs = [\"nothing\"]\nwhen", "which is no fact"),
        ("[[rule]]", "[rule]", "holds only [[rule]] and [[fact]]"),
        ("= \"t\"", "= \"t", "own.toml:4"),
    ] {
        let (rules, faults) = with(&good("one").replacen(from, to, 1));
        assert!(rules.get("one").is_none() && faults.len() == 1, "{from}: {faults:?}");
        assert!(
            faults[0].contains(says) && faults[0].starts_with("own.toml:"),
            "{from}: {faults:?}"
        );
        assert_eq!(faults[0].lines().count(), 1);
    }
}

#[test]
fn a_rule_of_the_users_own_replaces_one_of_its_name() {
    let text = "[[rule]]\nid = \"syncookies-off\"\nseverity = \"high\"\ntitle = \"t\"\nwhy = \"w.\"\narticle = \"https://example.org\"\n\
                when = [{ setting = \"a.b\" }]\nfires = { \"a.b\" = 1 }\nquiet = { \"a.c\" = 2 }\n";
    let (own, faults) = with(text);
    assert_eq!(faults, [] as [&str; 0]);
    assert_eq!(own.get("syncookies-off").unwrap().level, Some(Level::High));
    assert_eq!(own.rules.len(), rules(Path::new("/nowhere")).0.rules.len());
}

/// What the packages of Debian 12 set up by themselves.
const PLAIN: &str = r#"{
    "sysctl.vm.swappiness": 60, "sysctl.vm.overcommit_memory": 0, "sysctl.vm.dirty_ratio": 20, "sysctl.vm.dirty_writeback_centisecs": 500,
    "sysctl.vm.min_free_kbytes": 67584, "sysctl.vm.zone_reclaim_mode": 0, "sysctl.vm.vfs_cache_pressure": 100, "sysctl.vm.max_map_count": 65530,
    "sysctl.vm.mmap_min_addr": 65536, "sysctl.vm.panic_on_oom": 0, "sysctl.kernel.panic": 0, "sysctl.kernel.panic_on_oops": 0,
    "sysctl.kernel.pid_max": 4194304, "sysctl.kernel.threads-max": 63000, "sysctl.kernel.randomize_va_space": 2,
    "sysctl.kernel.unprivileged_bpf_disabled": 2, "sysctl.fs.protected_symlinks": 1, "sysctl.fs.suid_dumpable": 0,
    "sysctl.fs.inotify.max_user_watches": 65536, "sysctl.fs.inotify.max_user_instances": 128, "sysctl.net.core.somaxconn": 4096,
    "sysctl.net.ipv4.tcp_syncookies": 1, "sysctl.net.ipv4.ip_local_port_range": "32768 60999", "sysctl.net.ipv4.tcp_max_tw_buckets": 65536,
    "sysctl.net.ipv4.tcp_max_orphans": 65536, "sysctl.net.netfilter.nf_conntrack_max": 262144, "hw.memory.total": "8Gi", "hw.swap.total": "1Gi",
    "hw.memory.thp_enabled": "always", "hw.os.version_codename": "bookworm", "pkg.liblzma5:amd64": "5.4.1-1",
    "pkg.openssh-server": "1:9.2p1-2+deb12u7", "pkg.redis-server": "5:7.0.15-1~deb12u1", "pkg.postgresql-15": "15.14-0+deb12u1",
    "pkg.haproxy": "2.6.12-1+deb12u2", "sshd.permitrootlogin": "without-password", "sshd.passwordauthentication": "yes",
    "sshd.permitemptypasswords": "no", "sshd.strictmodes": "yes", "unit.ssh.service:state": "active", "unit.ssh.service:Service.KillMode": "process",
    "unit.nginx.service:state": "active", "unit.redis-server.service:state": "active", "unit.redis-server.service:Service.LimitNOFILE": 65535,
    "unit.postgresql@15-main.service:state": "active", "unit.haproxy.service:state": "active", "port.tcp/127.0.0.1:5432": "postgres",
    "etc.nginx/nginx.conf:events.worker_connections": 768, "etc.nginx/nginx.conf:http.ssl_protocols": "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3",
    "etc.redis/redis.conf:protected-mode": "yes", "etc.redis/redis.conf:tcp-backlog": 511, "etc.redis/redis.conf:appendonly": "no",
    "etc.redis/redis.conf:appendfsync": "everysec", "etc.redis/redis.conf:stop-writes-on-bgsave-error": "yes",
    "etc.postgresql/15/main/postgresql.conf:max_connections": 100, "etc.postgresql/15/main/postgresql.conf:shared_buffers": "128MB",
    "etc.postgresql/15/main/pg_hba.conf:host all all 127.0.0.1/32": "scram-sha-256",
    "etc.haproxy/haproxy.cfg:defaults.mode": "http", "etc.haproxy/haproxy.cfg:defaults.timeout client": 50000 }"#;

#[test]
fn a_plain_host_is_told_only_what_redis_asks_of_everyone() {
    let (rules, _) = rules(Path::new("/nowhere"));
    let plain: Tree = serde_json::from_str::<Json>(PLAIN).unwrap().into();
    let fires = |rule: &&Rule| rule.about == About::Resource && tried(&rules, rule, &plain) == Some(true);
    let told: Vec<&str> = rules
        .rules
        .iter()
        .filter(fires)
        .filter(|rule| rule.level.is_some())
        .map(|rule| &*rule.id)
        .collect();
    assert_eq!(told, ["redis-overcommit"]);
}
