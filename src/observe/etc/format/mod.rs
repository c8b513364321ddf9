//! The formats of files in `/etc` that are lists of names and values.

mod block;
mod document;
mod table;
#[cfg(test)]
mod tests;

/// More pairs than this are data (services, MIME types), not settings.
const MOST_PAIRS: usize = 600;
/// Ends of names of files that are read as `Key value` where they are no `key = value`.
const WORDS: [&str; 5] = [".conf", ".defs", ".cf", ".cfg", "_config"];

/// A name and its value. A name that comes several times has several values.
pub(super) type Pair = (String, String);

/// What a file says.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    /// Its names and values, in its order.
    pub(super) pairs: Vec<Pair>,
    /// Whether the order of its lines means something (the first rule that fits decides).
    pub(super) ordered: bool,
}

/// The names and values of the file `path` (below `/etc`); `None` when it is of no known format.
pub(super) fn content(path: &str, text: &str) -> Option<Content> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let below = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    let mut ordered = false;
    let pairs = match name {
        "fstab" => table::table(text, 1),
        "crypttab" => table::table(text, 0),
        "nsswitch.conf" => each(text, |line| split(line, ':')),
        "haproxy.cfg" => block::haproxy(text),
        "pg_hba.conf" | "pg_ident.conf" => {
            ordered = true;
            table::hba(text)
        }
        "postgresql.conf" | "postgresql.auto.conf" => postgresql(text),
        "sysctl.conf" => table::parameters(text),
        _ if below("sysctl.d/") && ends(&[".conf"]) => table::parameters(text),
        _ if below("pam.d/") => {
            ordered = true;
            table::pam(text)
        }
        _ if below("haproxy/") && ends(&[".cfg"]) => block::haproxy(text),
        _ if below("nginx/") => block::nginx(text),
        _ if below("apache2/") || below("httpd/") => block::apache(text),
        _ if below("redis/") || below("valkey/") => words(text),
        _ if ends(&[".json"]) => document::json(text),
        _ if ends(&[".yaml", ".yml"]) => document::yaml(text),
        _ if ends(&[".toml"]) => document::toml(text),
        _ if ends(&[".xml"]) || text.starts_with("<?xml") => document::xml(text),
        _ if below("apt/") && ends(&[".list"]) => table::entries(text),
        _ if below("modprobe.d/") || below("modules-load.d/") || name == "modules" => table::entries(text),
        _ => assignments(text).or_else(|| if ends(&WORDS) { words(text) } else { None }),
    };
    let pairs = pairs.filter(|pairs| pairs.len() <= MOST_PAIRS)?;
    (!pairs.is_empty() || is_empty(name, text)).then_some(Content { pairs, ordered })
}

/// Whether a file of lines sets nothing: it has only comments, and headings of sections. Where the name promises no such format, what follows
/// a `#` at once may be a content of its own.
fn is_empty(name: &str, text: &str) -> bool {
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let named = ends(&WORDS) || ends(&[".cnf", ".ini", ".list"]);
    let comment = |line: &str| {
        let said = line.strip_prefix('#').filter(|_| !line.starts_with("#!"));
        said.is_some_and(|said| named || said.is_empty() || said.starts_with([' ', '\t', '#']))
            || named
                && (line.starts_with(';') || line.starts_with("//") || line.starts_with('[') && line.ends_with(']'))
    };
    text.lines().map(str::trim).all(|line| line.is_empty() || comment(line))
}

/// The line in which the file `path`, whose name promises a document, is none, and what it is not. Other names promise nothing: what ends
/// in `.conf` may be of any format.
pub(super) fn broken(path: &str, text: &str) -> Option<(usize, &'static str)> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let below = |folder: &str| path.starts_with(folder) || path.contains(&format!("/{folder}"));
    let own = ["pam.d/", "nginx/", "apache2/", "httpd/", "redis/", "valkey/"];
    if text.trim().is_empty() || own.iter().any(|folder| below(folder)) {
        return None;
    }
    let (line, format) = match name.rsplit_once('.')?.1 {
        "json" => (document::json_fault(text), "JSON"),
        "yaml" | "yml" => (document::yaml_fault(text), "YAML"),
        "toml" => (document::toml_fault(text), "TOML"),
        "xml" => (document::xml_fault(text), "XML"),
        _ => return None,
    };
    Some((line?, format))
}

/// Lines that say something, without comments and with continued lines in one.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let line = line.trim();
        if !open && (line.is_empty() || line.starts_with(['#', ';']) || line.starts_with("//")) {
            continue;
        }
        let (part, goes_on) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut().filter(|_| open) {
            Some(last) => {
                last.push(' ');
                last.push_str(part);
            }
            None => lines.push(part.to_owned()),
        }
        open = goes_on;
    }
    lines
}

/// What `of` makes of every line; `None` when it makes nothing of one.
fn each(text: &str, of: fn(&str) -> Option<Pair>) -> Option<Vec<Pair>> {
    lines(text).iter().map(|line| of(line)).collect()
}

fn split(line: &str, at: char) -> Option<Pair> {
    let (key, value) = line.split_once(at)?;
    let key = key.trim();
    is_key(key).then(|| (key.to_owned(), unquoted(value.trim()).to_owned()))
}

fn is_key(key: &str) -> bool {
    key.len() <= 100
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | '.' | '/'))
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./*:@+ ".contains(c))
        && !key.contains("  ")
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
        .filter(|inner| !inner.contains(['"', '\'']))
        .unwrap_or(value)
}

/// `key = value` and `export KEY=value`, under `[section]`s, with words that stand alone.
fn assignments(text: &str) -> Option<Vec<Pair>> {
    let mut section = String::new();
    let mut found = Vec::new();
    let mut alone = 0;
    for line in lines(text) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{}.", name.trim());
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(&line);
        let (key, value) = match split(line, '=') {
            Some(pair) => pair,
            None if !section.is_empty() && is_key(line) && !line.contains(' ') => {
                alone += 1;
                (line.to_owned(), String::new())
            }
            None => return None,
        };
        found.push((format!("{section}{key}"), value));
    }
    // A list of names under one heading is no list of settings.
    (alone * 2 <= found.len()).then_some(found)
}

/// `Key value`, as in sshd_config; a `Match` or `Host` line opens a section.
fn words(text: &str) -> Option<Vec<Pair>> {
    let mut section = String::new();
    let mut found: Vec<Pair> = Vec::new();
    for line in lines(text) {
        let (key, value) = line.split_once(|c: char| c.is_whitespace())?;
        let value = value.trim();
        if !key.starts_with(|c: char| c.is_ascii_alphabetic()) || !is_key(key) || value.is_empty() {
            return None;
        }
        if matches!(key, "Match" | "Host") {
            section = format!("{key} {value}.");
            continue;
        }
        found.push((format!("{section}{key}"), unquoted(value).to_owned()));
    }
    Some(found)
}

/// `name = value`, `name value`, with `'` around texts and `#` before comments anywhere.
fn postgresql(text: &str) -> Option<Vec<Pair>> {
    let pair = |line: &String| {
        let mut quoted = false;
        let end = line.find(|c| {
            quoted ^= c == '\'';
            c == '#' && !quoted
        });
        let line = line.get(..end.unwrap_or(line.len()))?.trim();
        let (name, value) = line.split_once(['=', ' ', '\t'])?;
        let value = value.trim().trim_start_matches('=').trim();
        is_key(name.trim()).then(|| (name.trim().to_owned(), unquoted(value).to_owned()))
    };
    lines(text).iter().map(pair).collect()
}
