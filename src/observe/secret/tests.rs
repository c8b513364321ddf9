mod commands;
mod quoted;

use proptest::prelude::*;

use super::{name::harmless, *};

const KEY: [u8; 32] = [7; 32];

/// Asserts that `mask` leaves each of the texts as it is.
fn assert_kept(mask: impl for<'t> Fn(&'t str, &[u8; 32]) -> Cow<'t, str>, texts: &[&str]) {
    for text in texts {
        assert_eq!(mask(text, &KEY), *text);
    }
}

/// Name, text: the value is a secret.
const SECRET: &[(&str, &str)] = &[
    ("DB_PASS", "hunter2x"),
    ("SMTP_PWD", "hunter2x"),
    ("PWD", "hunter2x"),
    ("LDAP_BINDPW", "hunter2x"),
    ("ldap_bind_pw", "hunter2x"),
    ("ENCRYPTION_KEY", "hunter2x"),
    ("MASTER_KEY", "hunter2x"),
    ("AccountKey", "hunter2x"),
    ("snmp_community", "hunter2x"),
    ("keystorePass", "hunter2x"),
    ("rootpw", "hunter2x"),
    ("DB_PASSWORD_PROD", "hunter2x"),
    ("AUTH", "hunter"),
    ("BASIC_AUTH", "app:hunter"),
    ("auth", "dTpodW50ZXIyeA=="),
    ("DSN", "hunter2x"),
    ("SENTRY_DSN", "https://hunter2x@sentry.example/1"),
    ("CONN_STRING", "hunter2x"),
    ("connectionString", "hunter2x"),
    ("JWT_SIGNING", "hunter2x"),
    ("SALT", "hunter2x"),
    ("sshKey", "hunter2x"),
    ("consumerKey", "hunter2x"),
    ("license_key", "hunter2x"),
    ("otp_seed", "12345678"),
    ("pin", "4711"),
    ("SLACK_WEBHOOK", "hunter2x"),
    ("webhook_url", "https://chat.example/hooks/hunter2x"),
    ("anything", "https://hooks.slack.com/services/T1/B1/hunter"),
    ("anything", "SG.hunt3rTwo.a"),
    ("anything", "dckr_pat_a1B2c3"),
    ("anything", "pypi-AgEI2x"),
    ("etc.mysql/my.cnf:client.password", "hunter2"),
    ("etc.app.ini:password", "123456"),
    ("db_pass", "letmein"),
    ("DB_PASSWORD", "letmein"),
    ("dbPassword2", "letmein"),
    ("POSTGRESPASSWORD", "x1"),
    ("api_key", "abc123"),
    ("apiKey", "abc123"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("auth_token", "t"),
    ("login.defs:PREVENT_NO_AUTH", "hunter2"),
    ("APP_NO_AUTH", "correcthorsebattery"),
    ("APP_AUTH", "superuser"),
    ("SECRET_NO_AUTH", "superuser"),
    ("net.ipv4.tcp_fastopen_key", "00000000-00000000-00000000-00000000"),
    ("wpa_psk", "correct horse battery"),
    ("snmp:rocommunity.community", "public1"),
    ("net.ipv6.conf.eth0.stable_secret", "fe80::1"),
    ("password_hash", "abc"),
    ("anything", "postgres://app:s3cret@db/prod"),
    ("anything", "https://x:ghostly@example.org"),
    ("anything", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    (
        "anything",
        "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nhunter2x\n",
    ),
    ("anything", "AKIAIOSFODNN7EXAMPLE"),
    (
        "anything",
        "AGE-SECRET-KEY-1QQPZ7XRS6T2M3DCF8V4W9KJ5NHG0LAEUYQZ7XRS6T2M3DCF8V4W",
    ),
    ("anything", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("anything", "xoxb-2345678901-abcdefghij"),
    ("anything", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
    ("anything", "x $6$salt$abcdefghijklmnopqrstuvwxyz y"),
    (
        "anything",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    ),
    ("ExecStart", "/usr/bin/agent --token=abcd --port 80"),
    ("ExecStart", "/usr/bin/agent --api-key abcd"),
    ("cmdline", "quiet password=abc root=/dev/sda"),
    ("header", "Authorization: Bearer abcdefghijk"),
    (
        "note",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
    ("note", "kX9/dTq2LmZ8vR4wYb1NsPc7UhJ3GfEa"),
    ("json", r#"{"user":"a","password":"p w"}"#),
    ("requirepass", "foobared"),
    ("requirepass", "yes"),
    ("masterauth", "hunter2"),
    ("user", "bob on >hunter2 ~* +@all"),
    ("user", "bob on <hunter2 ~*"),
    (
        "user",
        "bob off #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd6 +@read",
    ),
    ("sentinel", "auth-pass mymaster hunter2"),
    ("listen stats.stats", "auth admin:hunter2"),
    ("userlist L.user joe.doe", "insecure-password hunter2"),
    ("userlist L.user joe", "password plain groups admin"),
    ("backend b.tcp-check", "send AUTH\\ hunter2\\r\\n"),
    ("global.setenv", "DB_PASSWORD hunter2"),
    ("rocommunity", "hunter2 10.0.0.0/8"),
    ("rwcommunity6", "public1"),
    ("com2sec", "readonly default hunter2"),
    ("createUser", "bob MD5 hunter2 DES hunter3"),
    ("trapsink", "10.0.0.9 hunter2"),
    ("trapsess", "-v2c -c hunter2 10.0.0.9"),
    ("ssl_passphrase_command", "echo hunter2"),
    ("restore_command", "PGPASSWORD=hunter2 /usr/bin/fetch %f %p"),
    ("restore_command", "curl -u wal:hunter2 -o %p https://wal.example/%f"),
    ("neighbor", "10.0.0.1 password hunter2"),
    ("proxy_set_header", "X-Api-Key abc12"),
    ("bindpw", "hunter2"),
    (
        "server.if[($http_x_api_key != \"abc12\")].x",
        "Authorization: Bearer ab1",
    ),
    ("command", "redis-server --requirepass hunter2"),
    ("query", "CREATE USER a IDENTIFIED BY 'hunter2'"),
    ("url", "jdbc:oracle:thin:scott/hunter2@//h:1521/x"),
    ("url", "jdbc:oracle:oci:scott/\"hunter@2\"@h"),
    (
        "url",
        "https://a.blob.core.windows.net/c?sv=2024-01-01&sig=hunter2hunter2%3D",
    ),
    ("url", "?sig=hunter2hunter2&se=2027"),
    ("url", "https://b.s3.amazonaws.com/k?X-Amz-Signature=hunter2hunter2&x=1"),
    ("x", "NRAK-SGZ6NN0985F18KIMS0TZC2NMTO1"),
    ("x", "admin:$apr1$abcdefgh$pEGCJcXM4JBwRmabcdefgh"),
    ("query", "ALTER ROLE a PASSWORD 'hunter2'"),
];

/// Name, text: the value stays readable.
const PLAIN: &[(&str, &str)] = &[
    ("auth", "oauth2"),
    ("login.defs:PREVENT_NO_AUTH", "superuser"),
    ("login.defs:PREVENT_NO_AUTH", "yes"),
    ("authentication", "ldap"),
    ("auth", "/v1/auth"),
    ("pin", "17"),
    ("Pin", "release a=stable"),
    ("PWD", "/app"),
    ("TOKEN_TTL", "3600"),
    ("PASSWORD_FILE", "/run/secrets/db"),
    ("secretName", "shop-tls"),
    ("keyName", "deploy"),
    ("publicKey", "ssh-ed25519 AAAAC3NzaC1lZDI1"),
    ("sshKey", "ssh-ed25519 AAAAC3NzaC1lZDI1 a@b"),
    ("package", "pypi-mirror-2"),
    ("package", "sk-learn-2"),
    ("salt", "3006"),
    ("etc.default/token-service:LISTEN_ON", "all"),
    ("webhook", "mutating"),
    ("max_tokens", "4096"),
    ("etc.ssh/sshd_config:PasswordAuthentication", "no"),
    ("etc.ssh/sshd_config:PasswordAuthentication", "yes"),
    ("passwordless", "yes"),
    ("auth.pam_unix.so", "required"),
    ("auth", "required pam_unix.so"),
    ("password", "[success=1 default=ignore]"),
    (
        "password.pam_unix.so",
        "[success=1 default=ignore] obscure use_authtok yescrypt",
    ),
    ("server[80].auth_basic", "Members only, password needed"),
    ("server[80].auth_basic_user_file", "/etc/nginx/htpasswd"),
    ("masterauth", "\"\""),
    ("masteruser", "replica"),
    ("rename-command", "FLUSHALL b840fc02"),
    ("user", "www-data"),
    ("user", "nginx adm"),
    ("server[80].location[/].proxy_pass", "http://127.0.0.1:8080"),
    ("location[~ php$].fastcgi_pass", "unix:/run/php/fpm.sock"),
    ("ProxyPass", "/app http://localhost:8080/"),
    ("backend b.cookie", "SERVERID insert indirect nocache"),
    ("frontend f.http-request", "auth realm inner unless ok"),
    ("frontend f.bind :443", "ssl crt /etc/haproxy/site.pem"),
    ("listen stats.stats", "uri /stats"),
    ("trapsink", "10.0.0.9"),
    ("createUser", "bob"),
    ("rouser", "bob authpriv"),
    ("ssl_passphrase_command", "''"),
    ("ssl_passphrase_command", "/usr/bin/getpass %p"),
    ("ssl_passphrase_command_supports_reload", "off"),
    ("restore_command", "cp /mnt/wal/%f %p"),
    ("bypass", "on the left side"),
    ("proxy_set_header", "Authorization $http_authorization"),
    ("set", "$token $arg_token"),
    ("ip", "route add 10.0.0.0/8 via 10.1.1.1"),
    ("command", "docker run -p 8080:80 nginx"),
    ("command", "mysqldump -p --all-databases"),
    ("command", "ssh -p 2222 host mkdir -p /srv/a"),
    ("command", "curl -sSf -o /dev/null https://example.org/x"),
    ("command", "tar -czf a.tgz -C /srv . && rsync -a a b"),
    ("command", "redis-cli --askpass info"),
    ("command", "openssl rsa -passin file:/etc/ssl/pass"),
    ("etc.ssh/sshd_config:PermitRootLogin", "prohibit-password"),
    ("PermitEmptyPasswords", "no"),
    ("etc.login.defs:PASS_MAX_DAYS", "99999"),
    ("etc.nsswitch.conf:passwd", "files systemd"),
    ("password_encryption", "scram-sha-256"),
    ("password_file", "/etc/app/password"),
    ("ssl_private_key", "/etc/ssl/private/x.key"),
    ("token", "${TOKEN}"),
    ("log", "root : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/true"),
    ("password", ""),
    ("password", "\"\""),
    ("passwd", "x"),
    ("token_ttl", "30s"),
    ("pam", "pam_unix.so obscure yescrypt"),
    ("keymap", "us"),
    ("kernel.keys.maxkeys", "200"),
    ("root", "UUID=6f2b9c5e-1d6a-4c61-8d5b-2f0a7b9e1c34 ro quiet"),
    ("JAVA", "/usr/lib/jvm/java-17-openjdk-amd64/bin/java"),
    ("url", "https://deb.debian.org/debian"),
    ("url", "jdbc:oracle:thin:@//h:1521/x"),
    ("url", "jdbc:oracle:thin:/@wallet"),
    ("x", "gpgsig=keyring-signature"),
    ("url", "https://a.example/x?design=waterfall&config=production"),
    ("url", "http://user@host:8080/path"),
    (
        "mirror",
        "deb http://security.debian.org/debian-security bookworm-security main",
    ),
    (
        "kernel",
        "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)",
    ),
    (
        "Ciphers",
        "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com",
    ),
    (
        "HostKeyAlgorithms",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,rsa-sha2-512",
    ),
    ("path", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"),
    ("LESSOPEN", "| /usr/bin/lesspipe %s"),
    ("options", "NetworkManagerDispatcherServiceUnit"),
    ("vm.swappiness", "60"),
    ("log", "pam_unix(sudo:session): session opened for user root by (uid=0)"),
    ("log", "Accepted password for root from 10.0.0.1 port 22 ssh2"),
];

#[test]
fn secrets_are_hashed_and_the_rest_stays_readable() {
    let mut wrong = Vec::new();
    for (name, text) in SECRET {
        let value = redact(name, text, &KEY);
        if !matches!(value, Value::Secret(_)) {
            wrong.push(format!("{name} = {text} shows as {value}"));
        }
    }
    for (name, text) in PLAIN {
        let value = redact(name, text, &KEY);
        if matches!(value, Value::Secret(_)) {
            wrong.push(format!("{name} = {text} is hidden"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn log_lines_lose_the_secret_and_keep_the_rest() {
    assert_eq!(
        scrub("login with password=hunter2 failed"),
        "login with password=*** failed"
    );
    assert_eq!(
        scrub("GET https://a:b@c/d?token=xyz&n=1"),
        "GET https://a:***@c/d?token=***&n=1"
    );
    assert_eq!(scrub(r#"{"token": "a b", "n": 1}"#), r#"{"token": "***", "n": 1}"#);
    assert_eq!(scrub("key AKIAIOSFODNN7EXAMPLE used"), "key *** used");
    assert_eq!(scrub("Started cron.service"), "Started cron.service");
}

#[test]
fn a_signed_address_keeps_what_is_no_signature() {
    assert_eq!(
        scrub("jdbc:oracle:thin:scott/hunter2@//h:1521/x and https://a.example/c?sv=2024&sig=abcdefghij%3D&se=2027"),
        "jdbc:oracle:thin:scott/***@//h:1521/x and https://a.example/c?sv=2024&sig=***&se=2027"
    );
}

#[test]
fn a_long_text_is_told_by_its_hash() {
    let long = "word ".repeat(1000);
    assert!(redact("x", &long, &KEY).to_string().starts_with("4999 bytes, blake3 "));
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(name in ".{0,20}", text in ".{0,80}") {
        let _ = redact(&name, &text, &KEY);
        let _ = scrub(&text);
        let _ = safe_name(&text, &KEY);
        let _ = is_secret_line(&text);
        let _ = mask_text(&text, &KEY, true);
    }

    #[test]
    fn any_text_of_a_file_is_masked_without_panic(text in "[<>/a=\"':|\\- \npü,]{0,40}(password|login|machine|name|value)?[<>/=\"': \n|p!&*]{0,10}") {
        let _ = mask_places(&text, &KEY);
    }

    #[test]
    fn a_password_never_survives(password in "[A-Za-z0-9#%&_]{6,20}") {
        prop_assume!(!harmless(&password) && !password.contains('&'));
        let line = format!("mysql --password={password} -h db");
        let leak = format!("={password}");
        prop_assert!(!scrub(&line).contains(&leak));
        prop_assert!(matches!(redact("x_password", &password, &KEY), Value::Secret(_)), "{}", password);
    }
}

#[test]
fn what_is_encrypted_is_a_secret_under_any_name() {
    for (text, clean) in [
        ("ENC[AES256_GCM,data:c29w,iv:aXY=,tag:dGFn,type:str]", "***"),
        ("a ENC[PKCS7,MIIBeQYJ] b", "a *** b"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6231\n3365", "***"),
        (
            "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----",
            "***",
        ),
        ("key=vault:v1:8SDd3WHDOjf7mq69 next", "key=*** next"),
    ] {
        assert_eq!(scrub(text), clean);
        assert!(matches!(redact("mode", text, &KEY), Value::Secret(_)), "{text}");
    }
    for plain in ["ENC[x]", "ENC[", "vault:version 2", "see ENC[lower,case]"] {
        assert_eq!(scrub(plain), plain);
    }
}

#[test]
fn digests_are_no_secrets_unless_a_name_says_so() {
    let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    for text in [
        format!("nginx@sha256:{hex}"),
        format!("pulled sha256:{hex}"),
        "Accepted publickey for a: ED25519 SHA256:5zB2pJ0hHkQ7mWv1yT3xR8cN6fL4dG9sKaUeOiXbYqE".into(),
    ] {
        assert_eq!(scrub(&text), text);
        assert!(matches!(redact("image", &text, &KEY), Value::Text(_)), "{text}");
    }
    for text in [
        format!("password=sha256:{hex}"),
        format!("user eve created password_hash=sha256:{hex}"),
        "{\"token_hash\":\"md5:5f4dcc3b5aa765d61d8327deb882cf99\"}".into(),
        "password={md5}5f4dcc3b5aa765d61d8327deb882cf99".into(),
        format!("token_hash: {{sha256}}{hex}"),
        format!("sha256 {hex}"),
        format!("signed hmac-sha256:{hex}"),
        format!("ssha256:{hex}"),
        format!("sha256:{hex}{}", &hex[..8]),
        "sha1:ghp_16C7e42F292c6912E7710c838347Ae178B4a".into(),
        "userPassword {MD5}Hk7QmWv1yT3xR8cN6fL4dGsK".into(),
    ] {
        let clean = scrub(&text);
        assert!(clean.contains("***") && !clean.contains("5f4dcc3b"), "{clean}");
        assert!(!clean.contains(&hex[..32]), "{clean}");
    }
}

#[test]
fn names_keep_what_is_no_secret() {
    assert_kept(
        safe_name,
        &[
            "password.pam_unix.so",
            "Match User bob.PasswordAuthentication",
            "server[80 a.org].location[~ \\.php$].root",
            "userlist L.user joe",
            "map[$http_host $backend].a.org",
            "map[$http_x_api_key $client].default",
        ],
    );
    let table = safe_name("map[$http_x_api_key $client].hunter2", &KEY);
    assert!(table.starts_with("map[$http_x_api_key $client].secret#"), "{table}");
}

#[test]
fn lines_of_no_known_format() {
    for line in [
        "requirepass hunter2",
        "password zebra",
        "enable password zebra",
        "  neighbor 10.0.0.1 password x9y",
    ] {
        assert!(is_secret_line(line), "{line}");
    }
    for line in [
        "password",
        "auth required pam_unix.so",
        "allow 10.0.0.0/8",
        "Password entry of the user is asked for",
        "",
    ] {
        assert!(!is_secret_line(line), "{line}");
    }
}

#[test]
fn the_name_of_a_pair_ends_with_its_block() {
    let masked = |text: &str| mask_places(text, &KEY).into_owned();
    for whole in [
        "env:\n- name: DB_PASSWORD\n  valueFrom: x\nlabel:\n  value: web-frontend\n",
        "- name: DB_PASSWORD\n- value: web-frontend\n",
        "[\n  {\n    \"name\": \"DB_PASSWORD\"\n  },\n  {\n    \"value\": \"web-frontend\"\n  }\n]\n",
        "<c><p><name>DB_PASSWORD</name></p>\n<p><value>web-frontend</value></p></c>\n",
    ] {
        assert_eq!(masked(whole), whole);
    }
    for secret in [
        "env:\n- name: DB_PASSWORD\n  value: hunter2x\n",
        "{\n  \"name\": \"DB_PASSWORD\",\n  \"value\": \"hunter2x\"\n}\n",
        "<c><p><name>DB_PASSWORD</name>\n<value>hunter2x</value></p></c>\n",
        "{\n  \"name\": \"DB_PASSWORD\",\n  \"labels\": {\n    \"a\": \"b\"\n  },\n  \"value\": \"hunter2x\"\n}\n",
        "{\n  \"name\": \"DB_PASSWORD\",\n  \"labels\": [\n    \"a\"\n  ],\n  \"value\": \"hunter2x\"\n}\n",
    ] {
        assert!(!masked(secret).contains("hunter2x"), "{secret}");
    }
}

#[test]
fn the_ports_of_services_are_no_secrets() {
    let services = "telnet\t\t23/tcp\nkpasswd\t\t464/tcp\nkpasswd\t\t464/udp\npasswd-server\t752/udp\tpasswd_server\n";
    assert!(!holds_secret_in_places(services));
    for secret in ["kpasswd 99999/tcp", "kpasswd 464/hunter2", "kpasswd hunter2/tcp"] {
        assert!(holds_secret_in_places(&format!("{secret}\n")), "{secret}");
    }
}
