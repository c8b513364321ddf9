//! Directives of known formats whose arguments are or hold a secret.

use std::ops::Range;

use super::{
    command::in_commands,
    name::{harmless, names_secret, words},
};

/// Directives that give a value to the name that is one of their arguments (`setenv DB_PASSWORD x`, `neighbor 10.0.0.1 password x`).
const SETTERS: [&str; 25] = [
    "setenv",
    "presetenv",
    "set",
    "env",
    "fastcgi_param",
    "uwsgi_param",
    "scgi_param",
    "proxy_set_header",
    "grpc_set_header",
    "add_header",
    "more_set_headers",
    "requestheader",
    "header",
    "http-request",
    "http-response",
    "http-check",
    "sentinel",
    "neighbor",
    "enable",
    "username",
    "ip",
    "ipv6",
    "isis",
    "area",
    "snmp-server",
];

/// Whether a directive `name` with the arguments `text` holds a secret, by what the format means and not by its looks.
pub(super) fn secret_by_directive(name: &str, text: &str) -> bool {
    let key = name.rsplit(['.', ':']).next().unwrap_or(name).to_ascii_lowercase();
    let arguments = || text.split_ascii_whitespace().take(100).collect::<Vec<&str>>();
    let first = || text.split_ascii_whitespace().next().unwrap_or_default();
    let bare = |word: &str| word.trim_matches(['"', '\'', ';']).to_owned();
    let given = || !bare(text).is_empty();
    let of_user = || name.contains(' ') && (key.contains("user ") || name.contains("user "));
    match key.as_str() {
        // Redis: nothing but a password stands here, whatever it looks like.
        "requirepass" | "masterauth" => given(),
        // Redis: rules of a user, among them `>password`, `<password`, `#hash` and `!hash`.
        "user" if redis_rules(&arguments()) => true,
        // HAProxy: who may see the statistics; passwords of users.
        "stats" => first() == "auth" && text.contains(':'),
        _ if of_user() && matches!(first(), "insecure-password" | "password") => arguments().len() > 1,
        "user"
            if arguments()
                .get(1)
                .is_some_and(|word| matches!(*word, "insecure-password" | "password")) =>
        {
            true
        }
        // Net-SNMP: the community is an argument, or the passphrases are.
        "rocommunity" | "rocommunity6" | "rwcommunity" | "rwcommunity6" => given(),
        "com2sec" | "com2sec6" | "com2secunix" => arguments().len() > 1,
        "createuser" => arguments().len() > 1 + 2 * usize::from(first() == "-e"),
        "usmuser" => arguments().len() > 3,
        "trapsink" | "trap2sink" | "informsink" | "informssink" => arguments().len() > 1,
        "trapsess" | "proxy" => !in_commands(&format!("{key} {text}")).is_empty(),
        // PostgreSQL: a program that asks elsewhere is none, one that says the passphrase is.
        "ssl_passphrase_command" => {
            given()
                && !arguments().iter().all(|word| {
                    let word = bare(word);
                    word.contains('%') && word.len() <= 2 || word.starts_with('/') && harmless(&word)
                })
        }
        // nginx: what the link is signed with. Squid: `login=user:password`.
        "secure_link_md5" | "secure_link_hmac_secret" => given(),
        "cache_peer" => arguments()
            .iter()
            .any(|word| word.starts_with("login=") && word.contains(':')),
        "key-string" => given(),
        // Cisco's manner, as FRR has it: `username bob password x`, with the kind of the secret as a number in between.
        _ if SETTERS.contains(&key.as_str()) => gives(&arguments()),
        _ => false,
    }
}

/// Whether one of the arguments is the name of a secret and a value follows.
fn gives(arguments: &[&str]) -> bool {
    (0..arguments.len().saturating_sub(1)).any(|at| {
        let (name, rest) = (arguments[at].trim_matches(['"', '\'', '$']), &arguments[at + 1..]);
        let value = rest.iter().find(|word| word.len() > 1).unwrap_or(&rest[0]);
        let refers = value.trim_matches(['"', '\'']).starts_with(['$', '%']);
        // A header's own directives (`Set-Cookie`) are no secret of the server.
        name != "Cookie"
            && names_secret(&words(name)) == Some(true)
            && !harmless(value)
            && !refers
            && !value.starts_with('/')
    })
}

/// Whether these are rules of a user of Redis with a password among them.
fn redis_rules(arguments: &[&str]) -> bool {
    let rule = |word: &str| matches!(word, "on" | "off") || word.starts_with(['~', '+', '&', '-', '@', '%']);
    let arguments: Vec<&str> = arguments.iter().map(|word| word.trim_matches(['"', '\''])).collect();
    arguments.len() > 1
        && arguments
            .iter()
            .any(|word| rule(word) || *word == "resetpass" || *word == "nopass")
        && arguments
            .iter()
            .any(|word| word.len() > 1 && word.starts_with(['>', '<', '#', '!']))
}

/// Where the name of a setting is what a table of secrets is looked up by: in `map[$http_x_api_key $client].KEY`, nginx's table of who may
/// come in.
pub(super) fn table_key(name: &str) -> Option<Range<usize>> {
    let (at, _) = name.match_indices("map[$").next()?;
    let inner = &name[at + 5..];
    let source = inner.split([' ', ']']).next()?;
    let key = at + 5 + inner.find("].")? + 2;
    let authorizes = source.ends_with("authorization") || names_secret(&words(source)) == Some(true);
    (authorizes && !harmless(&name[key..]) && name[key..] != *"default").then_some(key..name.len())
}
