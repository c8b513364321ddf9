//! The formats of files in `/etc` that are lists of names and values.

/// More pairs than this are data (services, MIME types), not settings.
const MOST_PAIRS: usize = 400;

/// The names and values of the file `path` (below `/etc`), in its order; `None` when it is of no such format.
pub(super) fn pairs(path: &str, text: &str) -> Option<Vec<(String, String)>> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let found = match name {
        "passwd" | "group" => accounts(text),
        "fstab" => table(text, 1),
        "crypttab" => table(text, 0),
        "nsswitch.conf" => each(text, |line| split(line, ':')),
        _ if name.ends_with(".json") => json(text),
        _ => assignments(text).or_else(|| {
            let named = [".conf", ".defs", ".cf"].iter().any(|end| name.ends_with(end)) || name.ends_with("_config");
            if named { words(text) } else { None }
        }),
    };
    found.filter(|pairs| !pairs.is_empty() && pairs.len() <= MOST_PAIRS)
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
fn each(text: &str, of: fn(&str) -> Option<(String, String)>) -> Option<Vec<(String, String)>> {
    lines(text).iter().map(|line| of(line)).collect()
}

fn split(line: &str, at: char) -> Option<(String, String)> {
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
fn assignments(text: &str) -> Option<Vec<(String, String)>> {
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
fn words(text: &str) -> Option<Vec<(String, String)>> {
    let mut section = String::new();
    let mut found: Vec<(String, String)> = Vec::new();
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
    // Where the first word repeats (`blacklist`, `include`) it is a command and no name.
    let mut names: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    (names.len() * 10 >= found.len() * 6).then_some(found)
}

/// Columns between blanks; the one at `key` names the line.
fn table(text: &str, key: usize) -> Option<Vec<(String, String)>> {
    lines(text)
        .iter()
        .map(|line| {
            let mut fields: Vec<&str> = line.split_ascii_whitespace().collect();
            (fields.len() > key).then(|| {
                let name = fields.remove(key).to_owned();
                (name, fields.join(" "))
            })
        })
        .collect()
}

/// passwd(5) and group(5): name, password, the rest. The password is named as what it is.
fn accounts(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    for line in lines(text) {
        let mut fields = line.splitn(3, ':');
        let (name, password, rest) = (fields.next()?, fields.next()?, fields.next()?);
        found.push((name.to_owned(), rest.to_owned()));
        // `x` says that it stands in the shadow file, `*` and `!` that there is none.
        if !matches!(password, "x" | "*" | "!" | "") {
            found.push((format!("{name}.password"), password.to_owned()));
        }
    }
    Some(found)
}

/// All single values of a JSON document, by the path to them.
fn json(text: &str) -> Option<Vec<(String, String)>> {
    fn walk(value: &serde_json::Value, path: &str, into: &mut Vec<(String, String)>) {
        let below = |key: &str| {
            if path.is_empty() {
                key.to_owned()
            } else {
                format!("{path}.{key}")
            }
        };
        match value {
            serde_json::Value::Object(fields) => {
                fields.iter().for_each(|(key, value)| walk(value, &below(key), into));
            }
            serde_json::Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(place, value)| walk(value, &below(&place.to_string()), into));
            }
            serde_json::Value::String(text) => into.push((path.to_owned(), text.clone())),
            other => into.push((path.to_owned(), other.to_string())),
        }
    }
    let mut found = Vec::new();
    walk(&serde_json::from_str(text).ok()?, "", &mut found);
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(path: &str, text: &str) -> Option<String> {
        let pairs = pairs(path, text)?;
        Some(pairs.iter().map(|(key, value)| format!("{key}={value};")).collect())
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
        is("fstab", "/dev/sda1 / ext4 rw 0 1\n", "/=/dev/sda1 ext4 rw 0 1;");
        is(
            "passwd",
            "root:x:0:0::/root:/bin/sh\nold:$6$abc:9:9::/:/bin/sh\n",
            "root=0:0::/root:/bin/sh;old=9:9::/:/bin/sh;old.password=$6$abc;",
        );
        is(
            "docker/daemon.json",
            r#"{"log":{"max":3,"on":true},"dns":["a"]}"#,
            "dns.0=a;log.max=3;log.on=true;",
        );
    }

    #[test]
    fn what_is_no_list_of_settings() {
        for (path, text) in [
            ("profile", "if [ -d /etc ]; then\n  A=1\nfi\n"),
            ("modprobe.d/x.conf", "blacklist a\nblacklist b\nblacklist c\n"),
            ("services", "ftp 21/tcp\nssh 22/tcp\n"),
            ("ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n/usr/lib\n"),
            ("netplan/x.yaml", "network:\n  version: 2\n"),
            ("empty.conf", "# nothing\n"),
            ("x.json", "{\"a\":"),
            ("x.ini", "[a]\nb\nc\nd\n"),
            ("odd.conf", "\u{1b}[2J=1\n"),
        ] {
            assert_eq!(shown(path, text), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(\\PC|\n|=|\\[|\\]|\"|\\\\){0,60}") {
            for path in ["a.conf", "a.json", "passwd", "fstab", "nsswitch.conf", "x"] {
                let _ = pairs(path, &text);
            }
        }
    }
}
