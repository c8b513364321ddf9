//! Lines of tables whose file is known by what they are: jobs of cron(8), rules of sudo(8), names in hosts(5), limits of sessions.

use super::{
    Wanted,
    aside::ASIDE,
    edit,
    form::Script,
    quote,
    sed::{Deed, append, delete, literal, replace},
};
use crate::domain::{Subject, Value};

/// The command for a setting that is a line of such a table, with the file that is checked after it; `None` where a person has to edit it.
pub(super) fn line(wanted: &Wanted<'_>) -> Option<String> {
    let deed = Deed::between(wanted.was, wanted.value)?;
    match wanted.subject() {
        Subject::HostName(name) => {
            let script = script(&deed, "", &format!(r"\s+{}", literal(name)), |address| {
                format!("{address} {name}")
            })?;
            edit::command(&edit::named("/etc/hosts"), vec![script])
        }
        Subject::SessionLimit { domain, item, kind } => {
            let head = literal(&format!("{domain} {kind} {item}")) + r"\s+";
            let script = script(&deed, &head, "", |limit| format!("{domain} {kind} {item} {limit}"))?;
            match deed {
                Deed::Add(_) => edit::command(&edit::named("/etc/security/limits.conf"), vec![script]),
                _ => found("/etc/security/limits.conf /etc/security/limits.d/*.conf", script),
            }
        }
        Subject::Account { kind: "sudo", name, .. } => {
            // In which file a new rule stood is not known.
            if matches!(deed, Deed::Add(_)) {
                return None;
            }
            let script = script(&deed, &(literal(name) + r"\s+"), "", |rule| format!("{name} {rule}"))?;
            let command = found("/etc/sudoers /etc/sudoers.d/*", script)?;
            Some(format!("{command} && {}", edit::checked("visudo -c")))
        }
        _ => None,
    }
}

/// The script for a line of `head`, the value, and `tail`; `whole` writes one.
fn script(deed: &Deed, head: &str, tail: &str, whole: impl Fn(&str) -> String) -> Option<Script> {
    const END: &str = r"\s*(#.*)?";
    let pattern = |value: &str| format!(r"^\s*{head}{}{tail}{END}$", literal(value));
    Some(match deed {
        Deed::Replace(was, wants) => {
            let groups = format!(r"^(\s*{head}){}({tail}{END})$", literal(was));
            Script {
                text: replace("", &groups, (1, 2), wants)?,
                guard: Some((pattern(was), true)),
            }
        }
        Deed::Delete(was) => Script {
            text: delete("", &pattern(was))?,
            guard: Some((pattern(was), true)),
        },
        Deed::Add(wants) => Script {
            text: append("$", &whole(wants)),
            guard: Some((pattern(wants), false)),
        },
    })
}

/// The command that edits the one of `files` that has the line.
fn found(files: &str, script: Script) -> Option<String> {
    let (pattern, _) = script.guard.as_ref()?;
    // A file that is not there makes grep fail, whatever it found in the others.
    let find = format!("f=$(grep -lsE {} {files} || :) && [ -f \"$f\" ]", quote(pattern)?);
    edit::command(&find, vec![Script { guard: None, ..script }])
}

/// The command for the jobs of one table of cron: `/etc/crontab`, a file of `/etc/cron.d`, or that of a user.
pub(super) fn jobs(table: &str, parts: &[Wanted<'_>]) -> Option<String> {
    let mut scripts = Vec::new();
    for wanted in parts {
        let Subject::Cron { command, .. } = wanted.subject() else {
            return None;
        };
        // Secrets are hidden in it, and what is long is cut.
        if command.is_empty() || command.contains("secret#") || command.chars().count() >= 200 {
            return None;
        }
        let deed = Deed::between(wanted.was, wanted.value)?;
        let several = |value: Option<&Value>| value.is_some_and(|value| value.to_string().contains(", "));
        if several(wanted.was) || several(wanted.value) {
            return None;
        }
        let tail = format!(r"\s+{}", literal(command));
        let whole = |times: &str| format!("{times} {command}");
        scripts.push(match &deed {
            Deed::Replace(was, wants) => Script {
                text: replace("", &format!(r"^(\s*){}({tail}\s*)$", literal(was)), (1, 2), wants)?,
                guard: None,
            },
            Deed::Delete(was) => Script {
                text: delete("", &format!(r"^\s*{}{tail}\s*$", literal(was)))?,
                guard: None,
            },
            Deed::Add(wants) => Script {
                text: append("$", &whole(wants)),
                guard: Some((format!(r"^\s*{}{tail}\s*$", literal(wants)), false)),
            },
        });
    }
    // What is added comes before what is removed: sed adds nothing behind a last line that went.
    scripts.sort_by_key(|script| script.guard.is_none());
    let Some(user) = table.strip_prefix("user ") else {
        table.strip_prefix("/etc/")?;
        return edit::command(&edit::named(&quote(table)?), scripts);
    };
    // crontab(1) looks whether it can be read, and cron sees what it puts there.
    let whose = quote(user).filter(|_| !user.starts_with('-'))?;
    let words: Option<Vec<String>> = scripts
        .iter()
        .map(|script| Some(format!("-e {}", quote(&script.text)?)))
        .collect();
    let absent = scripts.iter().filter_map(|script| script.guard.as_ref());
    let absent: Option<Vec<String>> = absent
        .map(|(pattern, _)| Some(format!(" && ! grep -qE {} \"$b\"", quote(pattern)?)))
        .collect();
    Some(format!(
        "b={}.$(date +%s.%N) && mkdir -p {ASIDE} && (umask 077 && crontab -u {whose} -l > \"$b\"{} && sed -E {} \"$b\" > \"$b.new\") && \
         ! diff \"$b\" \"$b.new\" && crontab -u {whose} \"$b.new\"",
        quote(&format!("{ASIDE}/crontab.{user}"))?,
        absent?.concat(),
        words?.join(" ")
    ))
}
