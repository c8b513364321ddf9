//! The commands that edit a file, run on files.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::*;
use crate::{
    domain::{Change, ChangeSet, ProposalId, Span, Timestamp, Value},
    propose::kept,
    simulate::Outcome,
};

/// What is run for a change of one setting.
fn text(name: &str, from: Option<&str>, to: Option<&str>) -> String {
    let change = Change::Setting {
        id: format!("host:a/{name}").parse().unwrap(),
        from: from.map(Value::infer),
        to: to.map(Value::infer),
    };
    let outcome = Outcome {
        changes: ChangeSet::of(change),
        at: Timestamp(0),
        horizon: Span::from_hours(1),
        seed: 0,
        runs: 0,
        effects: Vec::new(),
        bands: Vec::new(),
        no_evidence: Vec::new(),
        notes: Vec::new(),
        inside_seen: true,
        actual: false,
    };
    let made = kept(&outcome, ProposalId(0), Timestamp(0), &|_| None).unwrap();
    made.artefact.text.clone()
}

/// A folder with a file, and programs that say yes to all; `no` is one that refuses.
fn host(file: &str, content: &str, no: &str) -> tempfile::TempDir {
    let host = tempfile::tempdir().unwrap();
    let path = host.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let programs = host.path().join("bin");
    fs::create_dir(&programs).unwrap();
    for name in [
        "nginx",
        "systemctl",
        "sshd",
        "visudo",
        "haproxy",
        "runuser",
        "sysctl",
        "findmnt",
    ] {
        let program = programs.join(name);
        let says = if name == no { "exit 1" } else { "exit 0" };
        fs::write(&program, format!("#!/bin/sh\n{says}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // The table of a user as crontab(1) keeps it.
    let crontab = "#!/bin/sh\ntable=$(dirname \"$0\")/../table\nif [ \"$3\" = -l ]; then cat \"$table\"; else cat \"$3\" > \"$table\"; fi\n";
    fs::write(programs.join("crontab"), crontab).unwrap();
    fs::set_permissions(programs.join("crontab"), fs::Permissions::from_mode(0o755)).unwrap();
    host
}

/// Runs `text` in the folder instead of on this host.
fn run(host: &Path, text: &str) -> End {
    let folder = host.display();
    let text = text.replace("/etc/", &format!("{folder}/etc/"));
    let text = text.replace("/var/backups/", &format!("{folder}/backups/"));
    let text = format!("PATH={folder}/bin:$PATH\n{text}");
    let (end, _) = begin(&text, LIMIT).unwrap().wait(|_| {}).unwrap();
    end
}

type Case<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<&'a str>, &'a str);

/// File, what it says, setting, value now, value wanted, what it then says.
const CASES: &[Case<'_>] = &[
    (
        "etc/nginx/nginx.conf",
        "events {\n    worker_connections 1024; # was 768\n}\nhttp { keepalive_timeout 65; }\n",
        "etc.nginx/nginx.conf:events.worker_connections",
        Some("1024"),
        Some("768"),
        "events {\n    worker_connections 768; # was 768\n}\nhttp { keepalive_timeout 65; }\n",
    ),
    (
        "etc/nginx/sites-available/a",
        "server {\n\tlisten 8080  default_server;\n}\n",
        "etc.nginx/sites-available/a:server[8080 default_server].listen",
        Some("8080 default_server"),
        Some("80 default_server"),
        "server {\n\tlisten 80  default_server;\n}\n",
    ),
    (
        "etc/postgresql/15/main/postgresql.conf",
        "max_connections = 200\t\t# (change requires restart)\n#work_mem = 4MB\nlisten_addresses = '*'\n",
        "etc.postgresql/15/main/postgresql.conf:max_connections",
        Some("200"),
        Some("100"),
        "max_connections = 100\t\t# (change requires restart)\n#work_mem = 4MB\nlisten_addresses = '*'\n",
    ),
    (
        "etc/postgresql/15/main/postgresql.conf",
        "listen_addresses = '*' # all\n",
        "etc.postgresql/15/main/postgresql.conf:listen_addresses",
        Some("*"),
        Some("localhost, 10.0.0.1"),
        "listen_addresses = 'localhost, 10.0.0.1' # all\n",
    ),
    (
        "etc/postgresql/15/main/postgresql.conf",
        "wal_level replica",
        "etc.postgresql/15/main/postgresql.conf:log_line_prefix",
        None,
        Some("%m [%p] it's "),
        "wal_level replica\nlog_line_prefix = '%m [%p] it''s'\n",
    ),
    (
        "etc/postgresql/15/main/pg_hba.conf",
        "host    all   all  0.0.0.0/0   trust\nhost all all ::/0 reject\n",
        "etc.postgresql/15/main/pg_hba.conf:host all all 0.0.0.0/0",
        Some("trust"),
        Some("scram-sha-256"),
        "host    all   all  0.0.0.0/0   scram-sha-256\nhost all all ::/0 reject\n",
    ),
    (
        "etc/ssh/sshd_config",
        "PermitRootLogin yes\nMatch User ann\n  PermitRootLogin yes\n",
        "etc.ssh/sshd_config:PermitRootLogin",
        Some("yes"),
        Some("no"),
        "PermitRootLogin no\nMatch User ann\n  PermitRootLogin yes\n",
    ),
    (
        "etc/haproxy/haproxy.cfg",
        "defaults\n    timeout client 5s\nbackend a\n    server web1 10.0.0.1:80 check\nbackend b\n    server web1 10.0.0.1:80 check\n",
        "etc.haproxy/haproxy.cfg:backend b.server web1",
        Some("10.0.0.1:80 check"),
        Some("10.0.0.2:80 check"),
        "defaults\n    timeout client 5s\nbackend a\n    server web1 10.0.0.1:80 check\nbackend b\n    server web1 10.0.0.2:80 check\n",
    ),
    (
        "etc/haproxy/haproxy.cfg",
        "backend a\nbackend b\n    balance leastconn\n",
        "etc.haproxy/haproxy.cfg:backend a.server web1",
        None,
        Some("10.0.0.1:80 check"),
        "backend a\n    server web1 10.0.0.1:80 check\nbackend b\n    balance leastconn\n",
    ),
    (
        "etc/redis/redis.conf",
        "maxmemory 1gb\nsave \"900 1\"\n",
        "etc.redis/redis.conf:maxmemory",
        Some("1gb"),
        None,
        "save \"900 1\"\n",
    ),
    (
        "etc/my.ini",
        "port = 1\n[mysqld]\nport = 3306\n[client]\nport = 3306\n",
        "etc.my.ini:client.port",
        Some("3306"),
        Some("3307"),
        "port = 1\n[mysqld]\nport = 3306\n[client]\nport = 3307\n",
    ),
    (
        "etc/my.ini",
        "[mysqld]\nport = 3306\n",
        "etc.my.ini:mysqld.max_connections",
        None,
        Some("151"),
        "[mysqld]\nmax_connections = 151\nport = 3306\n",
    ),
    (
        "etc/default/app",
        "# options\nexport OPTS=\"-v\"\n",
        "etc.default/app:OPTS",
        Some("-v"),
        Some("-q it's/x&y"),
        "# options\nexport OPTS=\"-q it's/x&y\"\n",
    ),
    (
        "etc/app.conf",
        "cache = on\ndepth 3\n",
        "etc.app.conf:depth",
        Some("3"),
        Some("4"),
        "cache = on\ndepth 4\n",
    ),
    (
        "etc/sysctl.d/99-x.conf",
        "-vm.swappiness=1\n",
        "etc.sysctl.d/99-x.conf:vm.swappiness",
        Some("1"),
        Some("60"),
        "-vm.swappiness=60\n",
    ),
    (
        "etc/fstab",
        "UUID=1 /      ext4  errors=remount-ro 0 1\n/dev/sdb1 /data  ext4 noatime,discard 0 2\n",
        "etc.fstab:/data",
        Some("/dev/sdb1 ext4 noatime,discard 0 2"),
        Some("/dev/sdb1 ext4 defaults 0 2"),
        "UUID=1 /      ext4  errors=remount-ro 0 1\n/dev/sdb1 /data  ext4 defaults 0 2\n",
    ),
    (
        "etc/cron.d/backup",
        "MAILTO=root\n0 3 * * * root /usr/bin/backup --all\n",
        "cron./etc/cron.d/backup:/usr/bin/backup --all",
        Some("0 3 * * * root"),
        Some("30 4 * * 0 root"),
        "MAILTO=root\n30 4 * * 0 root /usr/bin/backup --all\n",
    ),
    (
        "table",
        "0 1 * * *  /home/bob/run\n",
        "cron.user bob:/home/bob/run",
        Some("0 1 * * *"),
        None,
        "",
    ),
    (
        "table",
        "0 1 * * * x\n",
        "cron.user bob:/home/bob/run %d",
        None,
        Some("@reboot"),
        "0 1 * * * x\n@reboot /home/bob/run %d\n",
    ),
    (
        "etc/sudoers.d/ann",
        "ann\tALL=(ALL) NOPASSWD: ALL\n",
        "account.sudo.ann",
        Some("ALL=(ALL) NOPASSWD: ALL"),
        Some("ALL=(ALL) ALL"),
        "ann\tALL=(ALL) ALL\n",
    ),
    (
        "etc/hosts",
        "127.0.0.1 localhost\n10.0.0.9   db\n",
        "net.hosts.db",
        Some("10.0.0.9"),
        Some("10.0.0.5"),
        "127.0.0.1 localhost\n10.0.0.5   db\n",
    ),
    (
        "etc/security/limits.conf",
        "*  soft nofile 64\n",
        "limits.session.*:nofile:soft",
        Some("64"),
        Some("1024"),
        "*  soft nofile 1024\n",
    ),
];

#[test]
fn a_command_changes_the_line_and_no_other_and_keeps_how_the_file_was() {
    for (file, before, name, from, to, after) in CASES {
        let host = host(file, before, "");
        let text = text(name, *from, *to);
        let end = run(host.path(), &text);
        let path = host.path().join(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), *after, "{name}: {text}");
        assert_eq!(end, End::Code(0), "{name}: {text}");
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o640, "{name}");
        let mut copies = Vec::new();
        files(&host.path().join("backups"), &mut copies);
        assert!(copies.iter().any(|copy| copy == before), "{name}: {copies:?}");
        // Pasted again it does nothing.
        assert_ne!(run(host.path(), &text), End::Code(0), "{name}: {text}");
        assert_eq!(fs::read_to_string(&path).unwrap(), *after, "{name}");
    }
}

#[test]
fn what_goes_back_again_is_the_file_as_it_was() {
    for (file, before, name, from, to, _) in CASES {
        // Where a new line stood is not known.
        if from.is_none() || to.is_none() {
            continue;
        }
        let host = host(file, before, "");
        assert_eq!(run(host.path(), &text(name, *from, *to)), End::Code(0), "{name}");
        assert_eq!(run(host.path(), &text(name, *to, *from)), End::Code(0), "{name}");
        assert_eq!(fs::read_to_string(host.path().join(file)).unwrap(), *before, "{name}");
    }
}

#[test]
fn a_file_whose_line_is_another_one_is_left_alone() {
    for (file, before, name, from, to, _) in CASES {
        let (Some(from), _) = (from, to) else { continue };
        let other = before.replacen(from.split(' ').next().unwrap(), "9876", 9);
        let host = host(file, &other, "");
        let text = text(name, Some(from), *to);
        assert_ne!(run(host.path(), &text), End::Code(0), "{name}: {text}");
        assert_eq!(
            fs::read_to_string(host.path().join(file)).unwrap(),
            other,
            "{name}: {text}"
        );
    }
}

#[test]
fn what_its_reader_refuses_is_taken_back() {
    for (no, name) in [
        ("nginx", "etc.nginx/nginx.conf:events.worker_connections"),
        ("sshd", "etc.ssh/sshd_config:PermitRootLogin"),
        ("visudo", "account.sudo.ann"),
        ("runuser", "etc.postgresql/15/main/postgresql.conf:max_connections"),
    ] {
        let case = CASES.iter().find(|case| case.2 == name).unwrap();
        let (file, before, _, from, to, _) = *case;
        let host = host(file, before, no);
        let end = run(host.path(), &text(name, from, to));
        assert_ne!(end, End::Code(0), "{name}");
        assert_eq!(fs::read_to_string(host.path().join(file)).unwrap(), before, "{name}");
    }
}

/// What all files below a folder say.
fn files(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push(fs::read_to_string(path).unwrap());
        }
    }
}
