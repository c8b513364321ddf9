//! Files of which one line is changed: a copy is kept, what changed is shown, and what its reader refuses is taken back.

use super::{
    Wanted,
    aside::vital,
    form::{Script, forms},
    quote,
    sed::Deed,
};
use crate::domain::Subject;

/// Most lines of one file that are changed by a command: of a file that was written anew a person looks at the whole.
const MOST: usize = 5;
/// What is to be known of files that are edited.
pub(super) const NOTE: &str =
    "a file is changed only while the line is as it was seen here; how it was stays in /var/backups/foreshadow";

/// The scripts that give the setting `key` of a file the value wanted; `None` where a person has to.
fn scripts(path: &str, key: &str, wanted: &Wanted<'_>) -> Option<Vec<Script>> {
    let deed = Deed::between(wanted.was, wanted.value)?;
    let forms = forms(path, key);
    let scripts: Vec<Script> = forms.iter().filter_map(|form| form.script(&deed)).collect();
    (!scripts.is_empty()).then_some(scripts)
}

/// The command that edits the file `path` below `/etc` for those of `parts` that are a line of it, and the others.
pub(super) fn lines<'w, 'v>(path: &str, parts: &'w [Wanted<'v>]) -> (Option<String>, Vec<&'w Wanted<'v>>) {
    let (mut all, mut others) = (Vec::new(), Vec::new());
    for wanted in parts {
        let scripts = match wanted.subject() {
            Subject::File { key, .. } => scripts(path, key, wanted),
            _ => None,
        };
        match scripts {
            Some(scripts) => all.push(scripts),
            None => others.push(wanted),
        }
    }
    let file = quote(&format!("/etc/{path}"));
    let command = (1..=MOST)
        .contains(&all.len())
        .then(|| file.and_then(|file| command(&named(&file), all.concat())))
        .flatten();
    if command.is_none() {
        others = parts.iter().collect();
    }
    (command, others)
}

/// The command that edits a file that the user named, wherever it is; `None` where a person has to.
pub(super) fn elsewhere(wanted: &Wanted<'_>) -> Option<String> {
    let (path, key) = wanted.named_file()?;
    let scripts = scripts(path.trim_start_matches('/'), key, wanted)?;
    // A link stays one.
    command(&format!("f=$(readlink -f {})", quote(path)?), scripts)
}

/// Names the file that is changed, `$f`.
pub(super) fn named(file: &str) -> String {
    format!("f={file}")
}

/// Names the copy of `$f`, `$b`, and makes it.
const COPY: &str = "b=/var/backups/foreshadow${f#/etc}.$(date +%s.%N) && mkdir -p \"${b%/*}\" && cp -p \"$f\" \"$b\"";

/// The command that runs `scripts` on the file that `find` names `$f`.
pub(super) fn command(find: &str, mut scripts: Vec<Script>) -> Option<String> {
    // What is added comes before what is removed: sed adds nothing behind a line that went.
    scripts.sort_by_key(|script| !matches!(script.guard, Some((_, false))));
    let guards = scripts.iter().filter_map(|script| script.guard.as_ref());
    let guards: Option<String> = guards
        .map(|(pattern, once)| {
            let pattern = quote(pattern)?;
            // No double quotes around it: in them some shells act on what stands in the pattern.
            Some(match once {
                true => format!(" && [ $(grep -cE {pattern} \"$f\") = 1 ]"),
                false => format!(" && ! grep -qE {pattern} \"$f\""),
            })
        })
        .collect();
    let one = scripts.len() == 1;
    let words = scripts.iter().map(|script| {
        let word = quote(&script.text)?;
        Some(if one { word } else { format!("-e {word}") })
    });
    let words: Vec<String> = words.collect::<Option<_>>()?;
    Some(format!(
        "{find}{} && {COPY} && sed -i -E {} \"$f\" && ! diff \"$b\" \"$f\"",
        guards?,
        words.join(" ")
    ))
}

/// The command that makes `word` the one line of `file`, both as a shell has them.
pub(super) fn only_line(file: &str, word: &str) -> String {
    format!("{} && {COPY} && printf '%s\\n' {word} > \"$f\"", named(file))
}

/// `check`, and the copy back in its place where that fails.
pub(super) fn checked(check: &str) -> String {
    format!("{{ {check} || ! cp -pv \"$b\" \"$f\"; }}")
}

/// Whether a command edits a file, with its copy in `$b`.
pub(super) fn edits(command: &str) -> bool {
    command.contains("! diff \"$b\" ")
}

/// The command that makes the file `path` below `/etc` again, where all that it said is known and it says it in a way that is known here: a
/// drop-in of a unit, or parameters of the kernel. `None` for any other.
pub(super) fn again(path: &str, parts: &[Wanted<'_>]) -> Option<String> {
    let drop_in = path.starts_with("systemd/system/") && path.contains(".d/");
    if !(drop_in || path.starts_with("sysctl.d/")) || !path.ends_with(".conf") || vital(path) {
        return None;
    }
    let mut sections: Vec<(&str, Vec<String>)> = Vec::new();
    for wanted in parts {
        let Subject::File { key, .. } = wanted.subject() else {
            return None;
        };
        if key.is_empty() {
            continue;
        }
        let Some(Deed::Add(value)) = Deed::between(None, wanted.value) else {
            return None;
        };
        let (section, name) = match drop_in {
            true => key.split_once('.')?,
            false => ("", key),
        };
        let word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        // Which quotes stood around its words is not known.
        let quoted =
            value.contains(|c: char| "\"'\\".contains(c)) || name.starts_with("Environment") && value.contains(' ');
        if !word(section) || !word(name) || quoted {
            return None;
        }
        let line = format!("{name}={value}");
        match sections.iter_mut().find(|(known, _)| *known == section) {
            Some((_, lines)) => lines.push(line),
            None => sections.push((section, vec![line])),
        }
    }
    let mut words = Vec::new();
    for (section, lines) in sections {
        if drop_in {
            words.push(quote(&format!("[{section}]"))?);
        }
        for line in lines {
            words.push(quote(&line)?);
        }
    }
    let file = quote(&format!("/etc/{path}"))?;
    let folder = quote(&format!("/etc/{}", path.rsplit_once('/')?.0))?;
    (!words.is_empty()).then(|| {
        format!(
            "[ ! -e {file} ] && mkdir -p {folder} && printf '%s\\n' {} > {file}",
            words.join(" ")
        )
    })
}
