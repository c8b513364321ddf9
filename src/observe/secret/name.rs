//! Which names have a secret as their value, and which values are none even so.

use crate::domain::Value;

/// Last words of names whose value is a secret, whatever it looks like.
const SECRET_WORDS: [&str; 19] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pass",
    "pwd",
    "pw",
    "secret",
    "token",
    "apikey",
    "credential",
    "credentials",
    "psk",
    "authkey",
    "community",
    "cookie",
    "passcode",
    "masterauth",
    "bearer",
];
/// Ends of words that run several together: `requirepass`, `bindpw`, `rocommunity`.
const SECRET_ENDS: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "community",
    "pass",
    "pw",
];
/// Words that only end like one.
const NO_SECRETS: [&str; 7] = [
    "askpass",
    "bypass",
    "compass",
    "encompass",
    "surpass",
    "trespass",
    "overpass",
];
/// Words that make a following `key` secret; other keys (`SwitchKey`, `keymap`) are judged by their value.
const SECRET_KEYS: [&str; 16] = [
    "api",
    "private",
    "secret",
    "access",
    "auth",
    "encryption",
    "signing",
    "fastopen",
    "rss",
    "shared",
    "master",
    "account",
    "storage",
    "authentication",
    "digest",
    "localized",
];
/// Values that say how something is done and are no secret themselves.
const HARMLESS: [&str; 32] = [
    "none",
    "null",
    "prompt",
    "ask",
    "auto",
    "always",
    "never",
    "required",
    "optional",
    "default",
    "enabled",
    "disabled",
    "files",
    "compat",
    "systemd",
    "sss",
    "ldap",
    "nis",
    "nisplus",
    "db",
    "winbind",
    "dns",
    "md5",
    "sha256",
    "sha512",
    "bcrypt",
    "yescrypt",
    "scram-sha-256",
    "prohibit-password",
    "without-password",
    "file",
    "keyring",
];
/// Whether a setting of this name has a secret as its value.
pub(super) fn secret_by_name(name: &str, text: &str) -> bool {
    let words = words(name);
    let Some(certain) = names_secret(&words) else {
        return false;
    };
    if harmless(text) || passes_on(name, &words, text) {
        return false;
    }
    // `password = 1234` is a secret, `password_max_days 90` is not.
    certain
        || !matches!(
            Value::infer(text),
            Value::Int(_) | Value::Quantity(_) | Value::Version(_)
        )
}

/// Whether a name only sounds so: `proxy_pass` of web servers says where requests go, `password` of PAM what is asked, `cookie` of HAProxy how one is set.
fn passes_on(name: &str, words: &[String], text: &str) -> bool {
    const GATES: [&str; 6] = ["fastcgi", "uwsgi", "scgi", "grpc", "memcached", "tunnel"];
    let before = words.len().checked_sub(2).map_or("", |place| words[place].as_str());
    match words.last().map(String::as_str) {
        // PAM: how the answer of a module counts.
        Some("password") => text.starts_with('[') && text.contains("default=") || text.contains(" pam_"),
        // A directive, and no variable of the environment.
        Some("pass") if !name.ends_with("_pass") && !name.ends_with("Pass") => false,
        Some("pass") if before == "proxy" => text.contains("://") || text.starts_with(['$', '/', '!']),
        Some("pass") => GATES.contains(&before) && text.contains([':', '.', '/', '$']),
        Some("cookie") => text
            .split_ascii_whitespace()
            .skip(1)
            .any(|word| matches!(word, "insert" | "prefix" | "rewrite" | "indirect")),
        _ => false,
    }
}

/// The words of a name in lower case: `PasswordAuthentication`, `db.pass_word`, `tokenTTL` fall apart where a reader would cut.
/// Numbers at the end (`password2`, `token_1`) are left out.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    let mut before_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        if !open || (c.is_uppercase() && before_lower) {
            words.push(String::new());
            open = true;
        }
        before_lower = c.is_lowercase();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    while let Some(last) = words.last_mut() {
        let stem = last.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        last.truncate(stem);
        if !last.is_empty() {
            break;
        }
        words.pop();
    }
    words
}

/// `Some(true)` when a name of these words has a secret as its value, `Some(false)` when it may have.
pub(super) fn names_secret(words: &[String]) -> Option<bool> {
    let last = words.last()?.as_str();
    let ends_in_one = |word: &str| {
        SECRET_WORDS.contains(&word) || SECRET_ENDS.iter().any(|end| word.ends_with(end)) && !NO_SECRETS.contains(&word)
    };
    if ends_in_one(last) {
        return Some(true);
    }
    let before = words.len().checked_sub(2).map_or("", |place| words[place].as_str());
    if last == "key" && SECRET_KEYS.contains(&before) {
        return Some(true);
    }
    let may = |word: &String| {
        [
            "password",
            "passwd",
            "passphrase",
            "secret",
            "token",
            "credential",
            "credentials",
        ]
        .contains(&word.as_str())
    };
    // `secret_value`, `password_hash`, `token_b64` hold one; `PasswordAuthentication`, `token_ttl`, `passwd_program` do not.
    let carries = [
        "value",
        "hash",
        "text",
        "string",
        "b64",
        "base",
        "data",
        "plain",
        "encrypted",
        "raw",
        "new",
        "old",
    ];
    (words[..words.len() - 1].iter().any(may) && (carries.contains(&last) || last == "key" || last == "id"))
        .then_some(false)
}

/// Whether a value is no secret even where one is expected: a switch, a file, a reference to elsewhere, a method.
pub(super) fn harmless(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'', ';']);
    let plain =
        |text: &str| Value::infer(text).switch().is_some() || HARMLESS.contains(&text.to_ascii_lowercase().as_str());
    text.is_empty()
        || text.bytes().all(|b| matches!(b, b'*' | b'x' | b'!'))
        || text.split_ascii_whitespace().all(plain)
        || is_path(text)
        || text
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'))
            .is_some_and(is_word)
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether the text is an absolute path into a usual folder. Base64 may begin with a slash, too.
fn is_path(text: &str) -> bool {
    const ROOTS: [&str; 18] = [
        "etc", "var", "run", "usr", "home", "opt", "srv", "root", "dev", "proc", "sys", "tmp", "mnt", "lib", "bin",
        "sbin", "data", "media",
    ];
    text == "/"
        || text.strip_prefix('/').is_some_and(|rest| {
            ROOTS.contains(&rest.split('/').next().unwrap_or_default())
                && rest.chars().all(|c| c.is_ascii_alphanumeric() || "/._-@%+".contains(c))
        })
}
