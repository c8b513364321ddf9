//! Which files are meant: those in folders and below, those that a pattern fits.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::domain::matches;

/// Deepest folders that are gone through.
const DEEPEST: usize = 32;
/// Most files of one folder and those below it.
const MOST: usize = 100_000;
/// Endings of files that are read.
const ENDINGS: [&str; 5] = [".yaml", ".yml", ".json", ".env", ".tfstate"];
/// Endings that are named of files that are not.
const NAMED: usize = 4;

/// What is meant by a path.
#[derive(Debug, Default)]
pub struct Meant {
    /// Files, by name.
    pub files: Vec<PathBuf>,
    /// Folders that could not be gone through, and why.
    pub faults: Vec<(PathBuf, io::Error)>,
    /// `passed over: 3 files of other kinds (2 .toml, 1 .conf)`.
    pub passed: Option<String>,
}

/// A file is meant itself, whatever it is called; of a folder those of known endings in it and below, each folder once.
#[must_use]
pub fn meant(path: &Path) -> Meant {
    if !path.is_dir() {
        return Meant {
            files: vec![path.into()],
            ..Meant::default()
        };
    }
    let mut walk = Walk::default();
    walk.folder(path, 0);
    Meant {
        files: walk.found,
        faults: walk.faults,
        passed: walk.passed.says(),
    }
}

/// The paths that a line names where no shell has taken it apart: words, in which `*` stands for any run of characters of a name, as long as
/// there is such a file. A line that is a path is one.
#[must_use]
pub fn named(line: &str) -> Vec<PathBuf> {
    if Path::new(line).exists() {
        return vec![line.into()];
    }
    let fitting = |word: &str| {
        let mut found = vec![PathBuf::new()];
        for part in Path::new(word) {
            let part = part.to_string_lossy();
            found = match part.contains('*') {
                false => found.into_iter().map(|path| path.join(&*part)).collect(),
                true => found.iter().flat_map(|folder| inside(folder, &part)).collect(),
            };
        }
        found.retain(|path| path.exists());
        match found.is_empty() {
            true => vec![word.into()],
            false => found,
        }
    };
    line.split_whitespace().flat_map(fitting).collect()
}

/// What in `folder` has a name that fits; hidden ones only a pattern with a dot.
fn inside(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let here = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let entries = fs::read_dir(here).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let fits = |name: &String| matches(pattern, name) && (pattern.starts_with('.') || !name.starts_with('.'));
    let mut names: Vec<String> = names.filter(fits).collect();
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// Files of known endings in a folder and below, by name.
#[derive(Default)]
struct Walk {
    found: Vec<PathBuf>,
    /// Device and number of the folders that were gone through: each once, however many links lead to it.
    seen: BTreeSet<(u64, u64)>,
    passed: Passed,
    faults: Vec<(PathBuf, io::Error)>,
}

/// What was passed over.
#[derive(Default)]
struct Passed {
    /// Files by their ending.
    files: BTreeMap<String, usize>,
    /// Links to folders that were gone through already.
    again: usize,
    deep: usize,
    /// Files beyond those that are read.
    more: usize,
}

impl Passed {
    /// `passed over: 3 files of other kinds (2 .toml, 1 .conf), 1 link to a folder gone through`.
    fn says(&self) -> Option<String> {
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let mut said = Vec::new();
        if !self.files.is_empty() {
            let mut kinds: Vec<(&String, &usize)> = self.files.iter().collect();
            kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let mut named: Vec<String> = kinds
                .iter()
                .take(NAMED)
                .map(|(kind, count)| format!("{count} {kind}"))
                .collect();
            if kinds.len() > NAMED {
                named.push("…".into());
            }
            let files = count(self.files.values().sum(), "file");
            said.push(format!("{files} of other kinds ({})", named.join(", ")));
        }
        if self.again > 0 {
            said.push(format!("{} to folders gone through already", count(self.again, "link")));
        }
        if self.deep > 0 {
            said.push(format!("{} deeper than {DEEPEST}", count(self.deep, "folder")));
        }
        if self.more > 0 {
            said.push(format!("{} beyond the first {MOST}", count(self.more, "file")));
        }
        (!said.is_empty()).then(|| format!("passed over: {}", said.join(", ")))
    }
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize) {
        let listed = fs::metadata(folder).and_then(|meta| {
            if !self.seen.insert((meta.dev(), meta.ino())) {
                return Ok(None);
            }
            let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
            entries.collect::<io::Result<Vec<PathBuf>>>().map(Some)
        });
        let mut entries = match listed {
            Ok(Some(entries)) => entries,
            Ok(None) => return self.passed.again += 1,
            Err(error) => return self.faults.push((folder.into(), error)),
        };
        entries.sort();
        for path in entries {
            let name = path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            if path.is_dir() {
                if name.starts_with('.') {
                    continue;
                }
                if depth < DEEPEST {
                    self.folder(&path, depth + 1);
                } else {
                    self.passed.deep += 1;
                }
            } else if ENDINGS.iter().any(|end| name.ends_with(end)) {
                if self.found.len() < MOST {
                    self.found.push(path);
                } else {
                    self.passed.more += 1;
                }
            } else if !name.starts_with('.') {
                let ending = name
                    .rsplit_once('.')
                    .map_or("without an ending".into(), |(_, end)| format!(".{end}"));
                *self.passed.files.entry(ending).or_default() += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_files_by_words_and_stars() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.json", "b.json", ".hidden.json", "with space.json"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("sub/c.yaml"), "a: 1\n").unwrap();
        let at = folder.path().to_string_lossy().into_owned();
        let told = |line: String| {
            let found = named(&line).into_iter();
            let found = found.map(|path| path.to_string_lossy().replace(&format!("{at}/"), ""));
            found.collect::<Vec<_>>()
        };
        assert_eq!(told(format!("{at}/*.json")), ["a.json", "b.json", "with space.json"]);
        assert_eq!(told(format!("{at}/s*/*.yaml {at}/a.json")), ["sub/c.yaml", "a.json"]);
        assert_eq!(told(format!("{at}/with space.json")), ["with space.json"]);
        // What is not there is named as it was written, so that it can be told.
        assert_eq!(told(format!("{at}/*.tfstate")), ["*.tfstate"]);
    }
}
