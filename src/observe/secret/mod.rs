//! What must not be seen: passwords, tokens, keys. Settings keep only their keyed hash, log lines lose them.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use all of it")
)]

mod find;
mod name;

use std::{borrow::Cow, ops::Range};

use self::{find::secrets, name::secret_by_name};
use crate::domain::{SecretHash, Value};

/// Longest text that is kept as it is, bytes; of a longer one only its length and hash are.
const LONGEST: usize = 1024;

/// The value of the setting `name` with the content `text`: typed, or only its keyed hash when it is or holds a secret.
pub(super) fn redact(name: &str, text: &str, key: &[u8; 32]) -> Value {
    let trimmed = text.trim();
    if secret_by_name(name, trimmed) || holds_secret(trimmed) {
        return Value::Secret(SecretHash::of(key, trimmed.as_bytes()));
    }
    if trimmed.len() > LONGEST {
        let hash = blake3::hash(trimmed.as_bytes()).to_hex();
        return Value::text(&format!("{} bytes, blake3 {}", trimmed.len(), &hash[..16]));
    }
    Value::infer(trimmed)
}

/// Whether a secret stands somewhere in `text`.
pub(super) fn holds_secret(text: &str) -> bool {
    secrets(text).next().is_some()
}

/// Whether a setting of this name has a secret as its value.
pub(super) fn is_secret(name: &str, text: &str) -> bool {
    secret_by_name(name, text)
}

/// `text` with every secret in it replaced by `***`.
pub(super) fn scrub(text: &str) -> Cow<'_, str> {
    replaced(text, secrets(text).collect(), |_| "***".into())
}

/// `text` with every secret in it replaced by its keyed hash, so that it still differs where they do. What a digest says of a
/// content (`sha256:…`) stays readable, as does all that looks random when `random` says that it may.
pub(super) fn mask<'t>(text: &'t str, key: &[u8; 32], random: bool) -> Cow<'t, str> {
    const DIGESTS: [&str; 8] = [
        "sha256:",
        "sha512:",
        "sha1:",
        "md5:",
        "{md5}",
        "{sha256}",
        "{sha256lite}",
        "{sha1}",
    ];
    let digest = |range: &Range<usize>| DIGESTS.iter().any(|mark| text[..range.start].ends_with(mark));
    let ranges = secrets(text).filter(|range| !(digest(range) || random && *range == (0..text.len())));
    replaced(text, ranges.collect(), |secret| {
        format!("{:?}", SecretHash::of(key, secret.as_bytes()))
    })
}

fn replaced(text: &str, mut ranges: Vec<Range<usize>>, with: impl Fn(&str) -> String) -> Cow<'_, str> {
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    ranges.sort_by_key(|range| range.start);
    let (mut clean, mut done) = (String::with_capacity(text.len()), 0);
    for range in ranges {
        if range.start >= done {
            clean.push_str(&text[done..range.start]);
            clean.push_str(&with(&text[range.clone()]));
        }
        done = done.max(range.end);
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{name::harmless, *};

    const KEY: [u8; 32] = [7; 32];

    /// Name, text: the value is a secret.
    const SECRET: &[(&str, &str)] = &[
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
        ("net.ipv4.tcp_fastopen_key", "00000000-00000000-00000000-00000000"),
        ("wpa_psk", "correct horse battery"),
        ("snmp:rocommunity.community", "public1"),
        ("net.ipv6.conf.eth0.stable_secret", "fe80::1"),
        ("password_hash", "abc"),
        ("anything", "postgres://app:s3cret@db/prod"),
        ("anything", "https://x:ghostly@example.org"),
        ("anything", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("anything", "AKIAIOSFODNN7EXAMPLE"),
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
    ];

    /// Name, text: the value stays readable.
    const PLAIN: &[(&str, &str)] = &[
        ("etc.ssh/sshd_config:PasswordAuthentication", "no"),
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
        for (name, text) in SECRET {
            let value = redact(name, text, &KEY);
            assert!(matches!(value, Value::Secret(_)), "{name} = {text} shows as {value}");
        }
        for (name, text) in PLAIN {
            let value = redact(name, text, &KEY);
            assert!(!matches!(value, Value::Secret(_)), "{name} = {text} is hidden");
        }
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
    fn a_long_text_is_told_by_its_hash() {
        let long = "word ".repeat(1000);
        assert!(redact("x", &long, &KEY).to_string().starts_with("4999 bytes, blake3 "));
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(name in ".{0,20}", text in ".{0,80}") {
            let _ = redact(&name, &text, &KEY);
            let _ = scrub(&text);
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
}
