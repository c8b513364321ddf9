//! What one file says: its names and values, or a hash of its content, and who may change it.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::Metadata,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
};

use super::format;
use crate::{
    domain::{Quantity, SecretHash, Unit, Value, text::visible},
    observe::{
        file::{name_of, open, plain_file},
        secret::{
            ends_in_secret, holds_secret, holds_secret_in_places, is_secret, is_secret_line, is_secret_variable,
            is_value_field, mask, mask_places, redact, safe_name,
        },
    },
};

/// Larger files are not looked into, only hashed.
const MOST_BYTES: u64 = 256 << 10;
/// Larger ones than this are not hashed either, only their size is told.
const MOST_HASHED: u64 = 32 << 20;

/// Most bytes, and lines, of a file whose lines are told.
const MOST_TOLD: u64 = 64 << 10;
const MOST_LINES: usize = 2_000;
/// Most words of a list that are taken for one command.
const MOST_WORDS: usize = 50;
/// How the first line of a private key ends.
const KEY: &str = "PRIVATE KEY-----";
/// The lines of a file of no known format.
pub(super) const LINES: &str = ":lines";

/// Files of one line that says what kind of system it is, or how it is called: of every other one somebody may have written a secret into it.
const ONE_LINERS: [&str; 13] = [
    "alpine-release",
    "arch-release",
    "centos-release",
    "debian_version",
    "defaultdomain",
    "fedora-release",
    "hostname",
    "mailname",
    "redhat-release",
    "rocky-release",
    "system-release",
    "timezone",
    "SuSE-release",
];

/// What stands behind the file's path in a setting's name, and the value.
pub(super) type Settings = Vec<(String, Value)>;

/// Mode and owner as values, each pair once: nearly all files have one of a few.
#[derive(Default)]
pub(super) struct Access(BTreeMap<(u32, u32, u32), Value>);

impl Access {
    fn of(&mut self, meta: &Metadata) -> Value {
        let (mode, user, group) = (meta.mode() & 0o7777, meta.uid(), meta.gid());
        let told = self.0.entry((mode, user, group)).or_insert_with(|| {
            let access = [("mode", format!("{mode:04o}")), ("owner", format!("{user}:{group}"))];
            Value::list(access.map(|(what, text)| (what.into(), Value::text(&text))).into())
        });
        told.clone()
    }

    /// The same with the hash of the content.
    fn and_content(meta: &Metadata, content: Value) -> Value {
        let (mode, owner) = (meta.mode() & 0o7777, format!("{}:{}", meta.uid(), meta.gid()));
        let all = [
            ("content", content),
            ("mode", Value::text(&format!("{mode:04o}"))),
            ("owner", Value::text(&owner)),
        ];
        Value::list(all.map(|(what, value)| (what.into(), value)).into())
    }
}

/// How the content of a file is told.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// By another source.
    Elsewhere,
    /// By a hash in the file's one setting.
    Brief,
    /// By its settings; with its `lines` when it is of no known format.
    Whole { lines: bool },
}

/// What is wrong with a file.
#[derive(Clone, Copy)]
pub(super) enum Wrong {
    /// In which line a document breaks off or goes wrong, and what it is none of.
    Broken(usize, &'static str),
    /// Its content cannot be read.
    Unread(io::ErrorKind),
}

/// The settings of the file or link `path`, called `name`.
pub(super) fn settings(
    name: &str,
    path: &Path,
    meta: &Metadata,
    key: &[u8; 32],
    content: Content,
    access: &mut Access,
) -> (Settings, Option<Wrong>) {
    if meta.is_symlink() {
        let target = std::fs::read_link(path).unwrap_or_default();
        let link = Value::text(&format!("-> {}", name_of(target.as_os_str())));
        return (vec![(String::new(), link)], None);
    }
    let lines = match content {
        Content::Elsewhere => return (vec![(String::new(), access.of(meta))], None),
        Content::Brief => {
            // Whether it is a secret as a whole is not looked at, so the hash is always the keyed one.
            return match whole(path, meta, false, key) {
                Some(content) => (vec![(String::new(), Access::and_content(meta, content))], None),
                None => (vec![(String::new(), access.of(meta))], unread(path, meta)),
            };
        }
        Content::Whole { lines } => lines,
    };
    let mut settings = vec![(String::new(), access.of(meta))];
    let anyone_reads = meta.mode() & 0o004 != 0;
    if meta.size() > MOST_BYTES {
        return match whole(path, meta, anyone_reads, key) {
            Some(value) => {
                settings.push((":content".to_owned(), value));
                (settings, None)
            }
            None => (settings, unread(path, meta)),
        };
    }
    let Some(bytes) = plain_file(path, MOST_BYTES) else {
        return (settings, unread(path, meta));
    };
    let mut broken = None;
    if !bytes.is_empty() {
        put_content(name, &bytes, anyone_reads, key, &mut settings);
        let opaque = settings.iter().any(|(rest, _)| rest == ":content");
        if opaque || settings.iter().any(|(rest, _)| rest == ":line") {
            let text = std::str::from_utf8(&bytes).ok().filter(|text| !text.contains(KEY));
            broken = text
                .filter(|_| !is_private(name))
                .and_then(|text| format::broken(name, text))
                .map(|(line, format)| Wrong::Broken(line, format));
        }
        if lines
            && opaque
            && anyone_reads
            && !is_private(name)
            && let Some(lines) = lines_of(&bytes, key)
        {
            settings.push((LINES.to_owned(), lines));
        }
    }
    (settings, broken)
}

/// Why the content of a file was not read; `None` of what is no file.
fn unread(path: &Path, meta: &Metadata) -> Option<Wrong> {
    let why = open(path).err().filter(|_| meta.is_file())?;
    Some(Wrong::Unread(why.kind()))
}

/// The lines of a text, each as often as it comes, secrets in them hidden; `None` where they are too many, or no text. Their order stands
/// in no list: that it changed, the hash of the content says.
fn lines_of(bytes: &[u8], key: &[u8; 32]) -> Option<Value> {
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0') && !text.contains(KEY))?;
    let text = mask_places(text, key);
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let mut list: BTreeMap<Arc<str>, i64> = BTreeMap::new();
    for (number, line) in lines.enumerate() {
        if bytes.len() as u64 > MOST_TOLD || number >= MOST_LINES {
            return None;
        }
        let line = mask(line, key, false);
        *list.entry(visible(&line).into()).or_default() += 1;
    }
    let item = |(line, times)| {
        let value = if times == 1 {
            Value::Bool(true)
        } else {
            Value::Int(times)
        };
        (line, value)
    };
    Some(Value::list(list.into_iter().map(item).collect()))
}

/// The named settings in a former content of the file called `name`; what is only hashed as a whole is left out.
pub(in crate::observe) fn former(name: &str, bytes: &[u8], key: &[u8; 32]) -> BTreeMap<String, Value> {
    let mut settings = Vec::new();
    if !bytes.is_empty() && bytes.len() as u64 <= MOST_BYTES {
        put_content(name, bytes, false, key, &mut settings);
    }
    let whole = [":content", ":line", LINES, ":order"];
    settings
        .into_iter()
        .filter(|(rest, _)| !whole.contains(&rest.as_str()))
        .collect()
}

/// The hash of a large file, or only its size. It may grow while it is read: no more is read than it had.
fn whole(path: &Path, meta: &Metadata, anyone_reads: bool, key: &[u8; 32]) -> Option<Value> {
    if meta.size() > MOST_HASHED {
        return Some(Value::Quantity(Quantity::new(meta.size() as f64, Unit::Bytes)?));
    }
    let mut hasher = if anyone_reads {
        blake3::Hasher::new()
    } else {
        blake3::Hasher::new_keyed(key)
    };
    let mut file = open(path).ok()?.take(meta.size());
    let mut held = vec![0; 64 << 10];
    loop {
        match file.read(&mut held).ok()? {
            0 => break,
            read => hasher.update(&held[..read]),
        };
    }
    Some(hash(hasher.finalize()))
}

fn hash(hash: blake3::Hash) -> Value {
    Value::text(&format!("blake3 {}", &hash.to_hex()[..16]))
}

fn put_content(name: &str, bytes: &[u8], anyone_reads: bool, key: &[u8; 32], into: &mut Settings) {
    let secret = || (":content".to_owned(), Value::Secret(SecretHash::of(key, bytes)));
    let text = if bytes.contains(&0) {
        None
    } else {
        std::str::from_utf8(bytes).ok()
    };
    if is_private(name) || text.is_some_and(|text| text.contains(KEY)) {
        return into.push(secret());
    }
    if let Some(content) = text.and_then(|text| format::content(name, text)) {
        if content.ordered && !content.pairs.is_empty() {
            // Where the first rule that fits decides, another order is another rule.
            let whole: Vec<String> = content
                .pairs
                .iter()
                .map(|(key, value)| format!("{key}\0{value}"))
                .collect();
            into.push((
                ":order".to_owned(),
                hash(blake3::keyed_hash(key, whole.join("\n").as_bytes())),
            ));
        }
        return put_pairs(&content.pairs, key, into);
    }
    // A plain hash of a short secret could be guessed, so files not for all eyes get the keyed one.
    if !anyone_reads {
        return into.push(secret());
    }
    let one_line = |line: &str| !line.is_empty() && line.len() <= 200 && !line.contains('\n');
    let holds =
        |text: &str| holds_secret(text) || text.lines().any(is_secret_line) || one_line(text) && is_secret(name, text);
    match text.map(str::trim) {
        Some(line) if one_line(line) && ONE_LINERS.contains(&name) && !line.starts_with('#') => {
            into.push((":line".to_owned(), redact(name, line, key)));
        }
        Some(text) if !is_public(name, text) && (holds(text) || holds_secret_in_places(text)) => into.push(secret()),
        // What is so short could be guessed from a plain hash.
        Some(line) if one_line(line) && !is_public(name, line) => {
            into.push((":content".to_owned(), hash(blake3::keyed_hash(key, bytes))));
        }
        _ => into.push((":content".to_owned(), hash(blake3::hash(bytes)))),
    }
}

/// A name that comes once has one value; one that comes several times has a list of them, by what they say.
fn put_pairs(pairs: &[(String, String)], key: &[u8; 32], into: &mut Settings) {
    let mut by_name: BTreeMap<Cow<str>, Vec<Value>> = BTreeMap::new();
    // The words of a command may be a list of their own (`command: [redis-server, --requirepass, …]`).
    let mut words: Vec<&str> = Vec::new();
    let mut before = "";
    for (name, value) in pairs {
        if name != before || words.len() >= MOST_WORDS {
            words.clear();
            before = name;
        }
        words.push(value);
        let values = by_name.entry(safe_name(name, key)).or_default();
        let secret = ends_in_secret(&words) || of_pair(name).is_some_and(|of| is_secret_variable(of, value));
        let value = if secret {
            Value::Secret(SecretHash::of(key, value.as_bytes()))
        } else {
            redact(name, value, key)
        };
        if !values.contains(&value) {
            values.push(value);
        }
    }
    for (name, mut values) in by_name {
        let value = match values.len() {
            1 => values.remove(0),
            _ => Value::list(values.iter().map(item).collect()),
        };
        into.push((format!(":{name}"), value));
    }
}

/// What a value is told of by the name beside it (`env.[DB_PASS].value`), if it is.
fn of_pair(name: &str) -> Option<&str> {
    let (rest, field) = name.rsplit_once(['.', '@'])?;
    let (_, called) = rest.strip_suffix(']')?.rsplit_once('[')?;
    is_value_field(field).then_some(called)
}

/// One of several values of a name. A secret stays one, and its hash tells it from the others.
fn item(value: &Value) -> (Arc<str>, Value) {
    match value {
        Value::Secret(_) => (value.to_string().into(), value.clone()),
        other => (other.to_string().into(), Value::Bool(true)),
    }
}

/// Keys and certificates made to be shown: as random as secrets, and none.
fn is_public(name: &str, text: &str) -> bool {
    [".pub", ".asc", ".crt", ".cer"].iter().any(|end| name.ends_with(end))
        || text.contains("-----BEGIN CERTIFICATE-----")
        || text.contains("-----BEGIN PUBLIC KEY-----")
}

/// Files that are a secret as a whole.
fn is_private(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    let ends = [
        ".key",
        ".p12",
        ".pfx",
        ".jks",
        ".keystore",
        ".kdbx",
        ".keytab",
        ".secret",
        ".secrets",
        "-secrets",
        ".ovpn",
    ];
    let folders = [
        "/private/",
        "wireguard/",
        "system-connections/",
        "apt/auth.conf",
        "letsencrypt/archive/",
    ];
    matches!(
        base,
        "shadow" | "gshadow" | "opasswd" | ".netrc" | "netrc" | ".pgpass" | ".my.cnf" | "debian.cnf" | "machine-id"
    ) || ends.iter().any(|end| base.ends_with(end))
        || (base.starts_with("ssh_host_") && base.ends_with("_key"))
        || base.starts_with("wpa_supplicant")
        || folders.iter().any(|folder| name.contains(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_beside_a_name_is_a_secret_by_that_name() {
        let pairs = [
            ("env.[DB_PASS].value", "hunter2x"),
            ("env.[TOKEN_FILE].value", "/run/secrets/token"),
            ("env.[REGION].value", "north"),
        ];
        let pairs: Vec<(String, String)> = pairs.map(|(name, value)| (name.into(), value.into())).into();
        let mut told = Settings::new();
        put_pairs(&pairs, &[7; 32], &mut told);
        let secret: Vec<bool> = told
            .iter()
            .map(|(_, value)| matches!(value, Value::Secret(_)))
            .collect();
        assert_eq!(secret, [true, false, false], "{told:?}");
    }
}
