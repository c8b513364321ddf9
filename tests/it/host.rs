//! A host full of secrets, through the whole program: none of them stands in what it keeps or says.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use foreshadow::{
    domain::{Options, ResourceId, Span},
    engine::{Engine, Link as _, Setup, Sources, clock},
};

use crate::support::{Home, files};

/// What every secret of the host begins with; a number tells them apart.
const MARK: &str = "Zq7v";

/// Files of a host; each `@` is a secret of its own.
const FILES: &[(&str, &str)] = &[
    ("etc/hostname", "web-1\n"),
    (
        "etc/app.env",
        "DB_PASSWORD=@\nAPI_KEY='@'\nDATABASE_URL=postgres://app:@@db/prod\nDEBUG=1\n",
    ),
    ("etc/environment", "HTTPS_PROXY=http://bob:@@proxy:3128\n"),
    ("etc/mysql/my.cnf", "[client]\nuser = root\npassword = @\n"),
    (
        "etc/redis/redis.conf",
        "port 6379\nrequirepass @\nmasterauth @\nuser bob on >@ ~* +@all\n",
    ),
    (
        "etc/haproxy/haproxy.cfg",
        "listen s\n  bind :80\n  stats auth admin:@\nuserlist l\n  user joe insecure-password @\n",
    ),
    (
        "etc/snmp/snmpd.conf",
        "rocommunity @ 10.0.0.0/8\ncom2sec a default @\ncreateUser a MD5 @ DES @\ntrapsink h @\nsysLocation here\n",
    ),
    (
        "etc/postgresql/15/main/postgresql.conf",
        "port = 5432\nssl_passphrase_command = 'echo @'\nrestore_command = 'curl -u a:@ x'\n",
    ),
    (
        "etc/compose.yaml",
        "services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: @\n    command: [redis-server, --requirepass, @]\n",
    ),
    (
        "etc/app.json",
        "{\"user\": \"a\", \"token\": \"@\", \"url\": \"https://x:@@h/\"}\n",
    ),
    ("etc/app.toml", "[db]\npassword = \"@\"\npool = 5\n"),
    (
        "etc/app.xml",
        "<c><user>a</user><password>@</password><l secret=\"@\"/></c>\n",
    ),
    (
        "etc/nginx/a.conf",
        "server {\n  listen 80;\n  proxy_set_header Authorization \"Bearer @\";\n  proxy_set_header X-Api-Key @;\n}\n",
    ),
    (
        "etc/frr/frr.conf",
        "router bgp 65000\n neighbor 10.0.0.1 password @\nenable password @\n",
    ),
    (
        "etc/script.sh",
        "#!/bin/sh\nmysql -p@ -e 'select 1'\ncurl -H 'X-Api-Key: @' x\n",
    ),
    ("etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = @\n"),
    (
        "etc/ssl/private/a.pem",
        "-----BEGIN PRIVATE KEY-----\n@\n-----END PRIVATE KEY-----\n",
    ),
    ("etc/shadow", "root:$6$salt$@:19000:0:99999:7:::\n"),
    ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
    ("etc/group", "root:x:0:\n"),
    ("etc/sudoers", "bob ALL=NOPASSWD: /usr/bin/mysqldump -p@ db\n"),
    (
        "root/.ssh/authorized_keys",
        "command=\"curl -u u:@ x\",no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJk3Q9 bob@laptop\n",
    ),
    (
        "etc/crontab",
        "PATH=/bin\n1 2 * * * root PGPASSWORD=@ pg_dump db\n3 4 * * * root curl -u u:@ https://a.example\n",
    ),
    ("etc/cron.d/app", "5 * * * * root sshpass -p @ ssh h\n"),
    (
        "etc/systemd/system/app.service",
        "[Service]\nEnvironment=TOKEN=@ MODE=x\nExecStart=/usr/bin/app --password @ --port 80\n",
    ),
    ("proc/cmdline", "root=/dev/vda quiet luks.password=@\n"),
    ("proc/cpuinfo", "processor\t: 0\n"),
    ("var/log/dpkg.log", "NOW install zip:amd64 <none> 3.0\n"),
    (
        "var/log/apt/history.log",
        "\nStart-Date: NOW\nCommandline: apt-get -o Acquire::http::Proxy=http://bob:@@p:1 install zip\nRequested-By: bob (1000)\nEnd-Date: NOW\n\n",
    ),
    (
        "var/log/syslog",
        "ISO web-1 app[1]: error: login with password=@ failed\nISO web-1 app[1]: failed GET https://a:@@c/d?token=@\n",
    ),
    (
        "var/log/auth.log",
        "ISO web-1 sudo:  bob : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/mysql -p@ -e x\n",
    ),
    ("srv/notes.txt", "first line\nrequirepass @\ncurl -u u:@ x\nlast line\n"),
];

/// Writes the host at `root`, with secrets numbered from `first`; gives the number behind the last.
fn write(root: &Path, first: usize) -> usize {
    let now = clock::now().to_jiff();
    let mut number = first;
    for (path, content) in FILES {
        // Each secret takes the place of an `@` that no letter follows, or that another one does.
        let content = content
            .replace("NOW", &now.strftime("%Y-%m-%d %H:%M:%S").to_string())
            .replace("ISO", &now.to_string());
        let mut written = String::new();
        let mut rest = content.as_str();
        while let Some(at) = rest.find('@') {
            let after = &rest[at + 1..];
            written += &rest[..at];
            if after.starts_with(|c: char| c.is_ascii_alphabetic()) {
                written.push('@');
            } else {
                written += &format!("{MARK}{number:04}xK");
                number += 1;
            }
            rest = after;
        }
        written += rest;
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, written).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    number
}

/// Reads the host at `root` once, into the store of `home`, and gives the snapshot as text.
fn read(home: &Home, root: &Path) -> String {
    let options = Options {
        files: vec!["/srv/notes.txt".into()],
        keep_lines: true,
        ..Options::default()
    };
    let engine = Engine::start(
        Setup {
            options,
            store: Some(home.store()),
            resource: ResourceId::new("host", "secretive"),
            root: root.to_owned(),
            sources: Sources::Once,
            play: None,
            recorder: None,
            who: "test@pty".into(),
            unseen: false,
        },
        None,
    )
    .unwrap();
    let mut snapshots = engine.link().snapshots();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let snapshot = runtime.block_on(async {
        snapshots
            .wait_for(|snapshot| snapshot.number > 0)
            .await
            .unwrap()
            .clone()
    });
    assert!(snapshot.store.ok, "{}", snapshot.store.says);
    drop(engine);
    format!("{snapshot:?}")
}

#[test]
fn no_secret_of_a_host_is_kept_or_told() {
    let home = Home::new();
    fs::create_dir_all(home.store().parent().unwrap()).unwrap();
    let root = home.path("tree");
    let changed = write(&root, 0);
    assert!(changed > 45, "{changed} secrets");
    let mut told = vec![("first snapshot".to_owned(), read(&home, &root))];
    // All of them change, so that values of before and after are told.
    write(&root, changed);
    told.push(("second snapshot".to_owned(), read(&home, &root)));
    let log = [("FORESHADOW_LOG", "foreshadow=trace")];
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["settings", "--json"],
        &["timeline", "--json"],
        &["findings", "--json"],
        &["proposals", "--json"],
        &["doctor", "--json"],
        &["sql", "SELECT * FROM settings", "--json"],
        &["sql", "SELECT * FROM changes", "--json"],
        &["sql", "SELECT * FROM events", "--json"],
        &["sql", "SELECT * FROM findings", "--json"],
        &["sql", "SELECT * FROM audit", "--json"],
    ] {
        let output = home.command(arguments).envs(log).output().unwrap();
        let name = arguments.join(" ");
        assert!(
            output.status.code() < Some(2),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        told.push((name.clone(), String::from_utf8_lossy(&output.stdout).into_owned()));
        told.push((
            format!("log of {name}"),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ));
    }
    for table in foreshadow::store::TABLES {
        let file = home.path(&format!("{table}.json"));
        let (code, _, err) = home.run(&["export", table, "--format", "json", file.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{err}");
        told.push((format!("export of {table}"), fs::read_to_string(&file).unwrap()));
    }
    for (path, bytes) in files(&home.path("data")) {
        told.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    let leaks: Vec<String> = told
        .iter()
        .flat_map(|(name, text)| {
            let leak = move |(at, _): (usize, &str)| {
                let around: String = text[..at]
                    .chars()
                    .rev()
                    .take(60)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
                format!("{name}: {around}{}", text[at..].chars().take(12).collect::<String>())
            };
            text.match_indices(MARK).map(leak)
        })
        .collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    // What is no secret was read all the same.
    let all: String = told.into_iter().map(|(_, text)| text).collect();
    for plain in [
        "sysLocation",
        "app.env:DEBUG",
        "mysqldump",
        "ran apt-get",
        "pg_dump",
        "last line",
        "db.pool",
    ] {
        assert!(all.contains(plain), "{plain}");
    }
}

#[test]
fn what_a_log_tells_of_before_a_single_cycle_is_told_later() {
    let home = Home::new();
    fs::create_dir_all(home.store().parent().unwrap()).unwrap();
    let root = home.path("tree");
    fs::create_dir_all(root.join("var/log")).unwrap();
    let hour_ago = clock::now() - Span::from_hours(1);
    let line = format!(
        "{} install zip:amd64 <none> 3.0-13\n",
        hour_ago.to_jiff().strftime("%Y-%m-%d %H:%M:%S")
    );
    fs::write(root.join("var/log/dpkg.log"), line).unwrap();
    read(&home, &root);
    let (code, timeline, err) = home.run(&["timeline", "--from", "-1d", "--json"]);
    assert_eq!(code, Some(0), "{err}");
    let timeline: serde_json::Value = serde_json::from_str(&timeline).unwrap();
    let events = timeline["events"].as_array().unwrap();
    let install = events
        .iter()
        .find(|event| event["what"] == "install zip 3.0-13")
        .unwrap();
    assert_eq!(install["backfilled"], true);
}
