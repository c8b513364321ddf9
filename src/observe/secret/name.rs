//! Which names have a secret as their value, and which values are none even so.

use crate::domain::Value;

/// Last words of names whose value is a secret, whatever it looks like.
const SECRET_WORDS: [&str; 20] = [
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
    "mnemonic",
];
/// Ends of words that run several together: `requirepass`, `bindpw`, `rocommunity`.
const SECRET_ENDS: [&str; 21] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credentials",
    "community",
    "pass",
    "pwd",
    "pw",
    "apikey",
    "accesskey",
    "accountkey",
    "consumerkey",
    "encryptionkey",
    "licensekey",
    "masterkey",
    "privatekey",
    "secretkey",
    "signingkey",
    "sshkey",
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
const SECRET_KEYS: [&str; 32] = [
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
    "activation",
    "app",
    "application",
    "consumer",
    "decryption",
    "deploy",
    "hmac",
    "ingest",
    "jwt",
    "licence",
    "license",
    "recovery",
    "session",
    "ssh",
    "symmetric",
    "unseal",
];
/// What a name that speaks of a secret has in it, however its words run together.
const SPOKEN: [&str; 11] = [
    "passw",
    "secret",
    "token",
    "privatekey",
    "apikey",
    "credential",
    "accesskey",
    "passphrase",
    "authkey",
    "signingkey",
    "cookie",
];
/// What stands at `auth` and is none: ways to say who one is.
const METHODS: [&str; 34] = [
    "anonymous",
    "approle",
    "basic",
    "bearer",
    "cert",
    "certificate",
    "cram-md5",
    "digest",
    "external",
    "gssapi",
    "hs256",
    "iam",
    "internal",
    "jwt",
    "kerberos",
    "kubernetes",
    "local",
    "login",
    "mtls",
    "native",
    "ntlm",
    "oauth",
    "oauth2",
    "oidc",
    "pam",
    "password",
    "peer",
    "plain",
    "rs256",
    "saml",
    "simple",
    "tls",
    "token",
    "trust",
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
    // A variable of the environment says in any of its words what it is: `DB_PASSWORD_PROD`, `TOKEN_GITHUB`.
    let variable = || {
        let name = last_part(name);
        (is_variable(name) && speaks_of_secret(name)).then_some(false)
    };
    let doubtful = || by_value(name, &words, text);
    let Some(certain) = names_secret(&words).or_else(doubtful).or_else(variable) else {
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

/// Whether a name speaks of a secret anywhere.
pub(super) fn speaks_of_secret(name: &str) -> bool {
    let name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let name = name.to_ascii_lowercase();
    SPOKEN.iter().any(|word| name.contains(word))
}

/// What a value is called itself, without where it stands.
fn last_part(name: &str) -> &str {
    name.rsplit(['.', ':', '/']).next().unwrap_or(name)
}

/// Whether a name is written as variables of the environment are.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// The same as [`names_secret`] of names that have a secret as their value only when it looks like one: at `auth` a method may stand, at
/// `pin` the number of a pin.
fn by_value(name: &str, words: &[String], text: &str) -> Option<bool> {
    let [before @ .., last] = words else { return None };
    let before = before.last().map_or("", String::as_str);
    let one = || !text.contains(char::is_whitespace) && !METHODS.iter().any(|method| text.eq_ignore_ascii_case(method));
    let digit = || text.bytes().any(|b| b.is_ascii_digit());
    let link = || text.contains("://");
    match last.as_str() {
        "dsn" | "connectionstring" | "connstr" => Some(true),
        "string" | "str" if matches!(before, "conn" | "connection") => Some(true),
        "seed" if matches!(before, "otp" | "totp" | "hotp" | "mfa" | "wallet" | "recovery") => Some(true),
        "pin" => (one() && digit() && text.len() >= 4 && !link()).then_some(true),
        // What is said of doing without is no way in: a word such as `superuser`.
        "auth" | "authentication" if before == "no" && is_short_word(text) => None,
        "auth" | "authentication" => (one()
            && !link()
            && !text.starts_with('/')
            && (digit() || text.contains(':') || is_variable(last_part(name))))
        .then_some(false),
        "salt" | "jwt" | "otp" | "totp" => (one() && !link()).then_some(false),
        "passwords" | "tokens" => one().then_some(false),
        "signing" if matches!(before, "jwt" | "token" | "cookie" | "session") => one().then_some(false),
        "webhook" => (link() || one() && is_variable(last_part(name))).then_some(false),
        "url" | "uri" if before == "webhook" => Some(false),
        _ => None,
    }
}

/// Whether a text is one word of a few small letters.
fn is_short_word(text: &str) -> bool {
    text.len() <= 10 && text.bytes().all(|b| b.is_ascii_lowercase())
}

/// Whether a name only sounds so: `proxy_pass` of web servers says where requests go, `password` of PAM what is asked, `cookie` of HAProxy how one is set.
fn passes_on(name: &str, words: &[String], text: &str) -> bool {
    const GATES: [&str; 6] = ["fastcgi", "uwsgi", "scgi", "grpc", "memcached", "tunnel"];
    let before = words.len().checked_sub(2).map_or("", |place| words[place].as_str());
    match words.last().map(String::as_str) {
        // The folder that a shell works in.
        Some("pwd" | "oldpwd") if words.len() == 1 => text.starts_with('/'),
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
pub(in crate::observe) fn words(name: &str) -> Vec<String> {
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
            match c.is_ascii() {
                true => word.push(c.to_ascii_lowercase()),
                false => word.extend(c.to_lowercase()),
            }
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
    // The last letter tells most words from one.
    let ends = |word: &str, end: &str| word.bytes().next_back() == end.bytes().next_back() && word.ends_with(end);
    let ends_in_one = |word: &str| {
        SECRET_WORDS.contains(&word) || SECRET_ENDS.iter().any(|end| ends(word, end)) && !NO_SECRETS.contains(&word)
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
        || is_port(text)
        || is_public_key(text)
        || [("${", '}'), ("$(", ')')].iter().any(|(from, to)| {
            let inner = text.strip_prefix(from).and_then(|rest| rest.strip_suffix(*to));
            inner.is_some_and(is_word)
        })
}

/// Whether a text is a key or certificate made to be shown.
fn is_public_key(text: &str) -> bool {
    [
        "-----BEGIN CERTIFICATE",
        "-----BEGIN PUBLIC KEY",
        "ssh-rsa AAAA",
        "ssh-ed25519 AAAA",
        "ecdsa-sha2-",
    ]
    .iter()
    .any(|start| text.starts_with(start))
        && !text.contains("PRIVATE KEY")
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a text is the port of a service as services(5) has it: `kpasswd 464/tcp`.
fn is_port(text: &str) -> bool {
    text.split_once('/').is_some_and(|(port, protocol)| {
        port.parse::<u16>().is_ok() && matches!(protocol, "tcp" | "udp" | "sctp" | "dccp")
    })
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
