use proptest::prelude::*;

use super::*;

fn shown(path: &str, text: &str) -> Option<String> {
    let content = content(path, text)?;
    Some(
        content
            .pairs
            .iter()
            .map(|(key, value)| format!("{key}={value};"))
            .collect(),
    )
}

#[test]
fn formats_of_etc() {
    let is = |path: &str, text: &str, want: &str| assert_eq!(shown(path, text).as_deref(), Some(want), "{path}");
    is(
        "sysctl.conf",
        "# x\nvm.swappiness = 10\nnet.ipv4.conf.*.rp_filter=1\n",
        "vm.swappiness=10;net.ipv4.conf.*.rp_filter=1;",
    );
    is(
        "default/grub",
        "GRUB_TIMEOUT=5\nexport A=\"b c\"\n",
        "GRUB_TIMEOUT=5;A=b c;",
    );
    is(
        "x.ini",
        "[a]\nk = v\n; c\n[b c]\nk=w\\\n  more\nalone\n",
        "a.k=v;b c.k=w more;b c.alone=;",
    );
    is(
        "ssh/sshd_config",
        "Port 22\nPermitRootLogin no\nMatch User bob\n  PasswordAuthentication yes\n",
        "Port=22;PermitRootLogin=no;Match User bob.PasswordAuthentication=yes;",
    );
    is(
        "login.defs",
        "PASS_MAX_DAYS\t99999\nUMASK 022\n",
        "PASS_MAX_DAYS=99999;UMASK=022;",
    );
    is("nsswitch.conf", "passwd: files systemd\n", "passwd=files systemd;");
    is(
        "fstab",
        "# x\n/dev/sda1 / ext4 rw 0 1\n//nas/x /mnt cifs ro 0 0\n",
        "/=/dev/sda1 ext4 rw 0 1;/mnt=//nas/x cifs ro 0 0;",
    );
    is(
        "app/x.toml",
        "[s]\nwhen = 1979-05-27\nat = [07:32:00]\n",
        "s.at=07:32:00;s.when=1979-05-27;",
    );
    is(
        "docker/daemon.json",
        r#"{"log":{"max":3,"on":true},"dns":["a"]}"#,
        "dns=a;log.max=3;log.on=true;",
    );
}

#[test]
fn what_is_no_list_of_settings() {
    for (path, text) in [
        ("profile", "if [ -d /etc ]; then\n  A=1\nfi\n"),
        ("services", "ftp 21/tcp\nssh 22/tcp\n"),
        ("ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n/usr/lib\n"),
        ("netplan/x.yaml", "network: [\n"),
        ("words.yaml", "only words\n"),
        ("x.toml", "a = \n"),
        ("x.xml", "<a><b></a>"),
        ("nginx/nginx.conf", "http {\n"),
        ("nginx/nginx.conf", "}"),
        ("nginx/koi-win", "charset_map koi8-r windows-1251 {\n 80 88 ;\n}"),
        ("haproxy.cfg", "bind :80\n"),
        ("pam.d/x", "auth [success=1\n"),
        ("x.json", "{\"a\":"),
        ("x.ini", "[a]\nb\nc\nd\n"),
        ("odd.conf", "\u{1b}[2J=1\n"),
    ] {
        assert_eq!(shown(path, text), None, "{path}");
    }
}

#[test]
fn formats_of_programs() {
    let is = |path: &str, text: &str, want: &str| assert_eq!(shown(path, text).as_deref(), Some(want), "{path}");
    is(
        "nginx/sites-enabled/a",
        "# x\nserver {\n listen 80; server_name a.org;\n location ~ \\.php$ { root \"/a b\"; return 200 ${x}; }\n}\n",
        "server[80 a.org].listen=80;server[80 a.org].server_name=a.org;server[80 a.org].location[~ \\.php$].root=/a b;\
         server[80 a.org].location[~ \\.php$].return=200 ${x};",
    );
    is(
        "haproxy/haproxy.cfg",
        "global\n  maxconn 10 # c\nbackend b\n  server s1 10.0.0.1:80 check\n  balance roundrobin\n",
        "global.maxconn=10;backend b.server s1=10.0.0.1:80 check;backend b.balance=roundrobin;",
    );
    is(
        "postgresql/15/main/postgresql.conf",
        "max_connections = 100 # (change)\nlisten_addresses 'a#b'\n",
        "max_connections=100;listen_addresses=a#b;",
    );
    is(
        "postgresql/15/main/pg_hba.conf",
        "local all all peer\nhost all all 10.0.0.0 255.0.0.0 scram-sha-256\n",
        "local all all=peer;host all all 10.0.0.0 255.0.0.0=scram-sha-256;",
    );
    is(
        "redis/redis.conf",
        "save 900 1\nsave 300 10\nport 6379\n",
        "save=900 1;save=300 10;port=6379;",
    );
    is(
        "pam.d/sshd",
        "auth [success=1 default=ignore] pam_unix.so nullok\n@include common\n-session optional  pam_x.so\n",
        "auth.pam_unix.so=[success=1 default=ignore] nullok;include=common;-session.pam_x.so=optional;",
    );
    is(
        "apache2/sites-enabled/a.conf",
        "<VirtualHost *:80>\n ServerName a\n</VirtualHost>\nTimeout 3\n",
        "VirtualHost *:80.ServerName=a;Timeout=3;",
    );
    is(
        "apt/sources.list",
        "deb http://x  y main\n",
        "entries=deb http://x y main;",
    );
    is(
        "modprobe.d/x.conf",
        "blacklist a\noptions b c=1\n",
        "entries=blacklist a;entries=options b c=1;",
    );
}

#[test]
fn documents() {
    let is = |path: &str, text: &str, want: &str| assert_eq!(shown(path, text).as_deref(), Some(want), "{path}");
    is(
        "netplan/x.yaml",
        "network:\n  version: 2\n  ethernets: {eth0: {dhcp4: true}}\n  dns: [a, b]\n  x: &a 1\n  y: *a\n",
        "network.dns=a;network.dns=b;network.ethernets.eth0.dhcp4=true;network.version=2;network.x=1;network.y=*alias;",
    );
    is(
        "prometheus/p.yml",
        "scrape_configs:\n- job_name: b\n  port: 1\n- job_name: a\n",
        "scrape_configs.[b].job_name=b;scrape_configs.[b].port=1;scrape_configs.[a].job_name=a;",
    );
    is("a.toml", "[x]\ny = 1\nz = [\"a\"]\n", "x.y=1;x.z=a;");
    is(
        "a.xml",
        "<?xml version='1.0'?><a k='v'><!-- c --><b name='n' t='1'>x &amp; y</b><c/></a>",
        "a@k=v;a.b[n]@t=1;a.b[n]=x & y;",
    );
    is(
        "hadoop/core-site.xml",
        "<c><property><name>fs.trash</name><value>5</value><final>true</final></property>\n<property><value/><name>x</name></property></c>",
        "c.property[fs.trash].value=5;c.property[fs.trash].final=true;c.property.name=x;",
    );
}

#[test]
fn what_promises_a_document_and_is_none() {
    for (path, text, line) in [
        ("app.yaml", "a: 1\nb:\n  - c\n d: [\n", "YAML"),
        ("app.yml", "a: \"cut", "YAML"),
        ("app.json", "{\"a\": 1,\n\"b\":", "JSON"),
        ("app.toml", "a = 1\nb = \n", "TOML"),
        ("app.xml", "<a>\n<b>\n</a>", "XML"),
        ("app.xml", "<a>\n<b>1</b>\n", "XML"),
    ] {
        let told = broken(path, text);
        assert!(
            told.is_some_and(|(at, format)| format == line && (1..=4).contains(&at)),
            "{path}: {told:?}"
        );
    }
    assert_eq!(broken("app.toml", "a = 1\nb = \n"), Some((2, "TOML")));
    assert_eq!(broken("app.json", "{\"a\": 1,\n\"b\": x}"), Some((2, "JSON")));
    for (path, text) in [
        ("app.conf", "{ not: [json\n"),
        ("app.cfg", "<a><b></a>"),
        ("app", "{"),
        ("app.yaml", "only words\n"),
        ("app.yaml", ""),
        ("app.json", " \n"),
        ("app.json", "[]"),
        ("nginx/x.json", "a {"),
        ("app.yaml", "a: 1\n---\nb: 2\n"),
    ] {
        assert_eq!(broken(path, text), None, "{path}");
    }
    assert_eq!(broken("x.json", &"[".repeat(100_000)), Some((1, "JSON")));
    assert!(broken("x.yaml", &"[".repeat(100_000)).is_none_or(|(line, _)| line == 1));
}

#[test]
fn documents_made_to_hurt() {
    let bomb = format!(
        "a0: &a0 [x]\n{}",
        (1..30)
            .map(|n| format!("a{n}: &a{n} [*a{},*a{}]\n", n - 1, n - 1))
            .collect::<String>()
    );
    assert!(content("x.yaml", &bomb).is_some_and(|content| content.pairs.len() < 100));
    for (name, text) in [
        ("x.yaml", "[".repeat(100_000)),
        ("x.yaml", "- ".repeat(100_000)),
        ("x.yaml", "? ".repeat(10_000)),
        ("x.json", "[".repeat(100_000)),
        ("x.toml", format!("a={}", "[".repeat(100_000))),
        ("x.xml", "<a>".repeat(50_000)),
        ("nginx/x", "a{".repeat(100_000)),
        ("apache2/x", "<a>\n".repeat(50_000)),
    ] {
        assert_eq!(content(name, &text), None, "{name}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "(\\PC|\n|=|\\[|\\]|\"|\\\\|<|>|\\{|\\}|;){0,60}") {
        for path in [
            "a.conf", "a.json", "a.yaml", "a.toml", "a.xml", "fstab", "nsswitch.conf", "x", "nginx/x", "haproxy.cfg", "pam.d/x",
            "pg_hba.conf", "postgresql.conf", "apache2/x", "apt/a.list",
        ] {
            let _ = content(path, &text);
            let _ = broken(path, &text);
        }
    }
}
