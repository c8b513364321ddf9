mod bounds;
mod content;

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::{
    domain::{SettingChange, Value},
    observe::{
        fixture::{Tree, setting},
        witness::Deed,
    },
};

const SECRETS: [&str; 16] = [
    "hunter2",
    "s3cr3t",
    "MIIEvQ",
    "$6$salt$hash",
    "tok-1",
    "wgkey",
    "onlyroot",
    "plainline",
    "rqpw",
    "aclpw",
    "hapw",
    "ulpw",
    "snmppw",
    "pgpw",
    "argpw",
    "mappw",
];

fn tree() -> Tree {
    let tree = Tree::new();
    tree.write(
        "etc/ssh/sshd_config",
        "Port 22\nPermitRootLogin no\nPasswordAuthentication yes\n",
    );
    tree.write(
        "etc/mysql/my.cnf",
        "[client]\nuser = root\npassword = hunter2\nport = 3306\n",
    );
    tree.write("etc/app.env", "DATABASE_URL=postgres://app:s3cr3t@db/x\nDEBUG=1\n");
    tree.write(
        "etc/ssl/private/a.pem",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n",
    );
    tree.write("etc/shadow", "root:$6$salt$hash:1:0:::::\n");
    tree.write("etc/app/api-token", "tok-1\n");
    tree.write("etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = wgkey\n");
    tree.write(
        "etc/redis/redis.conf",
        "port 6379\nrequirepass rqpw\nmasterauth rqpw\nmasteruser replica\nuser bob on >aclpw ~* +@all\n",
    );
    tree.write(
        "etc/haproxy/haproxy.cfg",
        "listen s\n  bind :80\n  stats auth admin:hapw\n  stats uri /s\nuserlist l\n  user joe insecure-password ulpw\n",
    );
    tree.write(
        "etc/snmp/snmpd.conf",
        "rocommunity snmppw 10.0.0.0/8\nrwcommunity6 snmppw\ncom2sec a default snmppw\ncreateUser a MD5 snmppw DES snmppw\n\
         trapsink h snmppw\nsysLocation here\n",
    );
    tree.write(
        "etc/postgresql/15/main/postgresql.conf",
        "port = 5432\nssl_passphrase_command = 'echo pgpw'\nrestore_command = 'curl -u a:pgpw x'\n",
    );
    tree.write(
        "etc/compose.yaml",
        "command: [redis-server, --requirepass, argpw, --port, 7000]\n",
    );
    tree.write("etc/nginx/a.conf", "map $http_x_api_key $who { mappw 1; }\n");
    tree.write("etc/script.sh", "#!/bin/sh\ncurl --token plainline x\necho\n");
    tree.write("etc/root-only", "line one\nonlyroot\n");
    fs::set_permissions(tree.path("etc/root-only"), fs::Permissions::from_mode(0o600)).unwrap();
    tree.write("etc/hostname", "web-1\n");
    tree.write(
        "etc/ssh/ssh_host_x_key.pub",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJk3Q9 root@x\n",
    );
    tree.write("etc/latin1.conf", b"name = caf\xe9\n");
    tree.write("etc/bin.db", b"a\0b");
    tree.write("etc/big.conf", "a = b\n".repeat(60_000));
    tree.write("etc/passwd-", "left = over\n");
    tree.write("etc/od\u{1b}d.conf", "a = b\n");
    symlink("/usr/bin/vim", tree.path("etc/editor")).unwrap();
    tree
}

#[test]
fn files_become_settings_and_no_secret_is_seen() {
    let tree = tree();
    let batch = tree.read(&mut Etc::new(&tree.host(), &Witness::default()), 0).unwrap();
    let shown = |name: &str| setting(&batch, name).map(|value| value.to_string()).unwrap_or_default();
    assert_eq!(shown("etc.ssh/sshd_config:PermitRootLogin"), "no");
    assert_eq!(shown("etc.ssh/sshd_config:PasswordAuthentication"), "yes");
    assert_eq!(shown("etc.mysql/my.cnf:client.port"), "3306");
    assert_eq!(shown("etc.app.env:DEBUG"), "1");
    assert_eq!(shown("etc.redis/redis.conf:masteruser"), "replica");
    assert!(shown("etc.haproxy/haproxy.cfg:listen s.stats").contains("uri /s"));
    assert_eq!(shown("etc.snmp/snmpd.conf:sysLocation"), "here");
    assert!(shown("etc.compose.yaml:command").contains("--port"));
    assert_eq!(shown("etc.hostname:line"), "web-1");
    assert_eq!(shown("etc.editor"), "-> /usr/bin/vim");
    assert!(shown("etc.root-only").starts_with("mode=0600 owner="));
    assert!(shown("etc.latin1.conf:content").starts_with("blake3 "));
    assert!(shown("etc.ssh/ssh_host_x_key.pub:content").starts_with("blake3 "));
    assert!(shown("etc.bin.db:content").starts_with("blake3 "));
    assert!(shown("etc.big.conf:content").starts_with("blake3 "));
    assert_eq!(shown("etc.passwd-:left"), "");
    assert_eq!(shown("etc.od\\u{1b}d.conf:a"), "b");
    for name in [
        "mysql/my.cnf:client.password",
        "app.env:DATABASE_URL",
        "ssl/private/a.pem:content",
        "app/api-token:content",
        "wireguard/wg0.conf:content",
        "root-only:content",
        "script.sh:content",
        "redis/redis.conf:requirepass",
        "redis/redis.conf:masterauth",
        "redis/redis.conf:user",
        "haproxy/haproxy.cfg:userlist l.user joe",
        "snmp/snmpd.conf:rocommunity",
        "snmp/snmpd.conf:trapsink",
        "postgresql/15/main/postgresql.conf:ssl_passphrase_command",
        "postgresql/15/main/postgresql.conf:restore_command",
    ] {
        assert!(shown(&format!("etc.{name}")).starts_with("secret#"), "{name}");
    }
    let told = serde_json::to_string(&batch).unwrap();
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret}");
    }
}

#[test]
fn only_what_changed_is_read_again() {
    let tree = tree();
    let mut source = Etc::new(&tree.host(), &Witness::default());
    tree.read(&mut source, 0).unwrap();
    assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
    tree.write("etc/ssh/sshd_config", "Port 2222\n");
    let batch = tree.read(&mut source, 120).unwrap();
    assert!(batch.snapshots[0].settings.is_none());
    let shown = |change: &SettingChange| {
        let [from, to] = [&change.from, &change.to].map(|value| value.as_ref().map(Value::to_string));
        (change.id.name.to_string(), from, to)
    };
    let word = |text: &str| Some(text.to_owned());
    assert_eq!(
        batch.changes.iter().map(shown).collect::<Vec<_>>(),
        [
            (
                "etc.ssh/sshd_config:PasswordAuthentication".to_owned(),
                word("yes"),
                None
            ),
            ("etc.ssh/sshd_config:PermitRootLogin".to_owned(), word("no"), None),
            ("etc.ssh/sshd_config:Port".to_owned(), word("22"), word("2222")),
        ]
    );
    fs::remove_file(tree.path("etc/hostname")).unwrap();
    let batch = tree.read(&mut source, 180).unwrap();
    let gone: Vec<&str> = batch.changes.iter().map(|change| &*change.id.name).collect();
    assert_eq!(gone, ["etc.hostname", "etc.hostname:line"]);
    assert!(batch.changes.iter().all(|change| change.to.is_none()));
    assert!(tree.read(&mut source, 240).unwrap().changes.is_empty());
}

#[test]
fn a_change_that_the_system_tells_of_is_read_at_once() {
    let tree = tree();
    let mut source = Etc::new(&tree.host(), &Witness::default());
    tree.read(&mut source, 0).unwrap();
    assert!(tree.read(&mut source, 5).unwrap().is_empty());
    tree.write("etc/hostname", "web-2\n");
    let told = tree.read(&mut source, 10).unwrap().changes.len();
    assert!(told == 1 || !source.nudge.hears());
    assert!(tree.read(&mut source, 15).unwrap().is_empty());
    assert_eq!(tree.read(&mut source, 75).unwrap().snapshots.len(), 1);
}

#[test]
fn a_change_bears_the_name_of_who_made_it() {
    let tree = tree();
    let witness = Witness::default();
    let mut source = Etc::new(&tree.host(), &witness);
    tree.read(&mut source, 0).unwrap();
    tree.write("etc/hostname", "web-2\n");
    tree.write("etc/app.env", "DEBUG=2\n");
    witness.note(Timestamp::from_secs(55), Deed::Ran, "bob", "/usr/bin/vim /etc/hostname");
    let batch = tree.read(&mut source, 60).unwrap();
    let by = |name: &str| {
        batch
            .changes
            .iter()
            .find(|change| &*change.id.name == name)
            .unwrap()
            .by
            .clone()
    };
    assert_eq!(by("etc.hostname:line").as_deref(), Some("bob"));
    assert_eq!(by("etc.app.env:DEBUG"), None);
}

#[test]
fn a_change_waits_until_the_log_was_read_beyond_it() {
    let tree = tree();
    let witness = Witness::default();
    let mut source = Etc::new(&tree.host(), &witness);
    let at = Timestamp::from_secs;
    witness.read(Deed::Ran, at(0));
    tree.read(&mut source, 0).unwrap();
    tree.write("etc/hostname", "web-2\n");
    assert!(
        tree.read(&mut source, 60).unwrap().changes.len() == 1,
        "a log that is no longer read"
    );
    witness.read(Deed::Ran, at(60));
    tree.write("etc/hostname", "web-3\n");
    assert!(tree.read(&mut source, 120).unwrap().changes.len() == 1);
    witness.read(Deed::Ran, at(170));
    tree.write("etc/hostname", "web-4\n");
    let found = tree.read(&mut source, 180).unwrap();
    assert_eq!((found.changes.len(), found.snapshots.len()), (0, 1));
    assert!(source.every() <= Span::from_secs(5));
    witness.note(at(179), Deed::Ran, "alice", "/usr/bin/tee /etc/hostname");
    assert!(
        tree.read(&mut source, 185).unwrap().changes.is_empty(),
        "the log was not read beyond it yet"
    );
    witness.read(Deed::Ran, at(186));
    let told = tree.read(&mut source, 190).unwrap();
    assert_eq!(told.changes.len(), 1);
    assert_eq!(
        (told.changes[0].by.as_deref(), told.changes[0].at),
        (Some("alice"), at(180))
    );
    assert!(tree.read(&mut source, 195).unwrap().changes.is_empty(), "told once");
    // A log that falls silent holds nothing up for long, and two changes keep their order.
    witness.read(Deed::Ran, at(230));
    for (secs, name) in [(240, "web-5\n"), (300, "web-6\n")] {
        tree.write("etc/hostname", name);
        let found = tree.read(&mut source, secs).unwrap();
        assert_eq!(found.changes.len(), usize::from(secs == 300) * 2);
    }
}

#[test]
fn files_the_user_named() {
    let tree = Tree::new();
    tree.write("opt/app/conf/app.yaml", "db: {pool: 5, password: hunter2}\n");
    tree.write("srv/one.toml", "a = 1\n");
    let mut host = tree.host();
    host.paths = ["/opt/app/conf/", "/srv/one.toml", "/nowhere"].map(Into::into).into();
    let mut source = Etc::named(&host, &Witness::default());
    assert_eq!(source.name(), "file");
    let mut batch = Batch::default();
    let said = source.read(Timestamp(0), &mut batch).unwrap_err().to_string();
    assert_eq!(said, "partly: /nowhere is not there");
    assert_eq!(
        setting(&batch, "file./opt/app/conf/app.yaml:db.pool"),
        Some(Value::Int(5))
    );
    assert_eq!(setting(&batch, "file./srv/one.toml:a"), Some(Value::Int(1)));
    assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2"));
    // A pipe, a device and a link to itself are no files; nothing waits for them.
    tree.fifo("srv/fifo");
    symlink("/dev/zero", tree.path("srv/zero")).unwrap();
    symlink("self", tree.path("srv/self")).unwrap();
    host.paths = ["/srv/fifo", "/srv/zero", "/srv/self"].map(Into::into).into();
    let mut batch = Batch::default();
    let said = Etc::named(&host, &Witness::default()).read(Timestamp(0), &mut batch);
    assert_eq!(
        said.unwrap_err().to_string(),
        "partly: /srv/self cannot be read: filesystem loop or indirection limit (e.g. symlink loop); /srv/fifo is no file and is not read (1 FIFO, 1 device in all)"
    );
    assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 2);
    host.paths = vec!["/nowhere".into()];
    let mut none = Etc::named(&host, &Witness::default());
    assert!(matches!(tree.read(&mut none, 0), Err(ObserveError::Absent { .. })));
    // Of several that are missing all are counted, and it is said as long as they are.
    host.paths = ["/nowhere", "/srv/one.toml", "/no/where"].map(Into::into).into();
    let mut some = Etc::named(&host, &Witness::default());
    for at in [0, 5, 600] {
        let said = tree.read(&mut some, at).unwrap_err().to_string();
        assert_eq!(said, "partly: /nowhere is not there (2 paths in all cannot be read)");
    }
    tree.write("nowhere", "a = 1\n");
    tree.write("no/where", "a = 1\n");
    assert_eq!(tree.read(&mut some, 1_200).unwrap().changes.len(), 4);
    host.paths = ["/a", "/b"].map(Into::into).into();
    let said = tree.read(&mut Etc::named(&host, &Witness::default()), 0).unwrap_err();
    assert_eq!(said.to_string(), "/a: is not there (2 paths in all cannot be read)");
}

#[test]
fn what_may_not_be_read_any_more_is_told_and_is_not_gone() {
    let denied = io::Error::from(io::ErrorKind::PermissionDenied);
    let mut unread = Unread::default();
    unread.below("/srv/gone", &io::Error::from(io::ErrorKind::NotFound));
    unread.below("/srv/app", &denied);
    assert!(unread.hides("/srv/app/a.conf") && unread.hides("/srv/app"));
    assert!(!unread.hides("/srv/apple") && !unread.hides("/srv/gone"));
    let files = [("/srv/one", io::ErrorKind::PermissionDenied)];
    let said = unread.say(files.into_iter());
    let wanted = "may not be read (2 paths in all cannot be read)";
    assert_eq!(said, Some(("/srv/app", wanted.to_owned())));

    // Nobody is hindered here by a mode who may do all, so a folder loses its place in the tree.
    let tree = Tree::new();
    tree.write("srv/app/a.conf", "a = 1\n");
    tree.write("srv/one.conf", "a = 1\n");
    let mut host = tree.host();
    host.paths = ["/srv/app", "/srv/one.conf"].map(Into::into).into();
    let mut source = Etc::named(&host, &Witness::default());
    tree.read(&mut source, 0).unwrap();
    fs::remove_dir_all(tree.path("srv/app")).unwrap();
    symlink("app", tree.path("srv/app")).unwrap();
    let mut batch = Batch::default();
    let said = source.read(Timestamp::from_secs(600), &mut batch).unwrap_err();
    assert!(
        said.to_string().starts_with("partly: /srv/app cannot be read: "),
        "{said}"
    );
    assert!(batch.changes.is_empty(), "{:?}", batch.changes);
}

#[test]
fn lines_are_told_where_that_is_asked_for_and_hold_no_secret() {
    let tree = Tree::new();
    let rules = "allow 10.0.0.0/8\nallow 10.0.0.0/8\ncurl --token plainline x\n\ndeny\u{1b}[2J all\n";
    tree.write("srv/app/rules", rules);
    tree.write("srv/app/big", "line of no format here\n".repeat(3_000));
    tree.write("srv/app/own", "of the owner alone: a\nb: c d\n");
    fs::set_permissions(tree.path("srv/app/own"), fs::Permissions::from_mode(0o600)).unwrap();
    let host = crate::observe::Host {
        paths: vec!["/srv/app".into()],
        keep_lines: true,
        ..tree.host()
    };
    let mut source = Etc::named(&host, &Witness::default());
    let first = tree.read(&mut source, 0).unwrap();
    let shown = |name: &str| setting(&first, name).map(|value| value.to_string());
    let lines = shown("file./srv/app/rules:lines").unwrap();
    assert!(lines.starts_with("allow 10.0.0.0/8=2 curl --token secret#"), "{lines}");
    assert!(!lines.contains("plainline") && !lines.contains('\u{1b}'), "{lines}");
    for name in ["big", "own"] {
        assert_eq!(shown(&format!("file./srv/app/{name}:lines")), None);
        assert!(shown(&format!("file./srv/app/{name}:content")).is_some(), "{name}");
    }
    tree.write("srv/app/rules", rules.replace("allow 10.0.0.0/8\nallow", "allow"));
    let second = tree.read(&mut source, 600).unwrap();
    let change = |name: &str| {
        let change = second.changes.iter().find(|change| &*change.id.name == name)?;
        Some(Value::change(change.from.as_ref(), change.to.as_ref()))
    };
    let between = change("file./srv/app/rules:lines").unwrap();
    assert_eq!(between, "-allow 10.0.0.0/8=2 +allow 10.0.0.0/8");
    assert!(change("file./srv/app/rules:content").is_some());
    // Without being asked, a hash says that something changed.
    let mut source = Etc::named(
        &crate::observe::Host {
            keep_lines: false,
            ..host
        },
        &Witness::default(),
    );
    let batch = tree.read(&mut source, 0).unwrap();
    assert_eq!(setting(&batch, "file./srv/app/rules:lines"), None);
    // What is looked for says so.
    let [lines, hashes] = [&first, &batch].map(|batch| batch.snapshots[0].reach.clone().unwrap());
    assert!(hashes.finds("file./srv/app/rules:content", &hashes) && !hashes.finds("file./srv/app/rules:lines", &lines));
    assert!(!hashes.finds("file./srv/apple:content", &hashes));
}
