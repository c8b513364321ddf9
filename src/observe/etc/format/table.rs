//! Files whose lines are rows: fstab, PAM, PostgreSQL's client authentication, apt's sources.

use super::{Pair, is_key, lines};

/// Columns between blanks, as in fstab(5) and crypttab(5); the one at `key` names the line. Only `#` begins a comment: `//nas/x` is a share.
pub(super) fn table(text: &str, key: usize) -> Option<Vec<Pair>> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let mut fields: Vec<&str> = line.split_ascii_whitespace().collect();
        (fields.len() > key).then(|| {
            let name = fields.remove(key).to_owned();
            (name, fields.join(" "))
        })
    };
    lines.map(row).collect()
}

/// pam.conf(5) below `pam.d`: what is asked by kind and module, with how its answer counts.
pub(super) fn pam(text: &str) -> Option<Vec<Pair>> {
    let mut found = Vec::new();
    for line in lines(text) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if let Some(file) = line.strip_prefix("@include") {
            found.push(("include".to_owned(), file.trim().to_owned()));
            continue;
        }
        let (kind, rest) = line.split_once(char::is_whitespace)?;
        let rest = rest.trim();
        // `[success=1 default=ignore]` is one word.
        let end = if rest.starts_with('[') {
            rest.find(']')? + 1
        } else {
            rest.find(char::is_whitespace)?
        };
        let (control, module) = (rest.get(..end)?, rest.get(end..)?.trim());
        let (module, arguments) = module.split_once(char::is_whitespace).unwrap_or((module, ""));
        if !matches!(
            kind.trim_start_matches('-'),
            "auth" | "account" | "password" | "session"
        ) || module.is_empty()
        {
            return None;
        }
        let value = format!(
            "{control} {}",
            arguments.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
        );
        found.push((format!("{kind}.{module}"), value.trim().to_owned()));
    }
    Some(found)
}

/// pg_hba.conf: the method by type, database, user and address.
pub(super) fn hba(text: &str) -> Option<Vec<Pair>> {
    let row = |line: &String| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let local = *fields.first()? == "local";
        let columns = if local { 3 } else { 4 };
        // An address may be followed by a mask of its own.
        let masked = !local
            && fields
                .get(4)
                .is_some_and(|mask| mask.contains('.') || mask.contains(':'));
        let columns = columns + usize::from(masked);
        let (which, how) = (fields.get(..columns)?, fields.get(columns..)?);
        (!how.is_empty()).then(|| (which.join(" "), how.join(" ")))
    };
    lines(text).iter().map(row).collect()
}

/// Lines each of which is a thing of its own, such as apt's `deb …`.
pub(super) fn entries(text: &str) -> Option<Vec<Pair>> {
    let entry = |line: &String| {
        (
            "entries".to_owned(),
            line.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
        )
    };
    Some(lines(text).iter().map(entry).collect())
}

/// sysctl.d(5): parameters and their values, of one that comes several times the last, which counts. A `-` before a name only says that it
/// may fail; alone it takes the parameter out of a pattern.
pub(super) fn parameters(text: &str) -> Option<Vec<Pair>> {
    let mut found: Vec<Pair> = Vec::new();
    for line in lines(text) {
        let (key, value) = line.split_once('=').unwrap_or((&line, ""));
        let (key, value) = (key.trim(), value.trim());
        let key = match line.contains('=') {
            true => key.trim_start_matches('-').trim_start(),
            false => key,
        };
        if !is_key(key) || key.contains(' ') {
            return None;
        }
        found.retain(|(known, _)| known != key);
        found.push((key.to_owned(), value.to_owned()));
    }
    Some(found)
}
