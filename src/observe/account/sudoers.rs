//! sudoers(5): the rules of each user or group, as they are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{domain::Value, observe::scope::Sheet};

/// How deep files may include each other.
const DEEPEST: usize = 8;

/// Where files are read.
pub(in crate::observe) trait Files {
    fn lines(&mut self, path: &Path) -> Vec<String>;
    /// The files of a folder by name.
    fn folder(&mut self, path: &Path) -> Vec<PathBuf>;
}

/// Rules, and the files they stand in, by who they are of.
pub(in crate::observe) type Rules = BTreeMap<String, (BTreeSet<String>, BTreeSet<PathBuf>)>;

/// The rules of the host whose tree begins at `root`.
pub(in crate::observe) fn rules(files: &mut impl Files, root: &Path) -> Rules {
    let mut rules = Rules::new();
    of(files, root, &root.join("etc/sudoers"), 0, &mut rules);
    rules
}

fn of(files: &mut impl Files, root: &Path, file: &Path, deep: usize, rules: &mut Rules) {
    let mut whole = String::new();
    for line in files.lines(file) {
        whole.push_str(line.trim());
        if whole.ends_with('\\') {
            whole.pop();
            continue;
        }
        let line = std::mem::take(&mut whole);
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((&line, ""));
        let rest = rest.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        match first {
            "@include" | "#include" if deep < DEEPEST => {
                let path = root.join(rest.trim_start_matches('/'));
                of(files, root, &path, deep + 1, rules);
            }
            "@includedir" | "#includedir" if deep < DEEPEST => {
                for path in files.folder(&root.join(rest.trim_start_matches('/'))) {
                    // sudo passes over names with a dot or a tilde at the end.
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    if !name.contains('.') && !name.ends_with('~') {
                        of(files, root, &path, deep + 1, rules);
                    }
                }
            }
            // `#1000` is a user by number, any other such line a comment.
            _ if first.starts_with('#') && !first[1..].starts_with(|c: char| c.is_ascii_digit()) => {}
            _ if rest.is_empty() => {}
            who => {
                let (theirs, held_in) = rules.entry(who.to_owned()).or_default();
                theirs.insert(rest);
                held_in.insert(file.to_owned());
            }
        }
    }
}

/// Puts the rules down, a list for each of whom there are some.
pub(in crate::observe) fn put(rules: &Rules, sheet: &mut Sheet) {
    for (who, (theirs, _)) in rules {
        let theirs: Vec<_> = theirs
            .iter()
            .map(|rule| (sheet.rule(rule), Value::Bool(true)))
            .collect();
        sheet.put_list(&format!("sudo.{who}"), theirs);
    }
}
