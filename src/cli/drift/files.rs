//! The files of `drift` and `import`: folders gone through, stdin, and a line for each fault.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    cli::Out,
    observe::import::{Format, Item, read},
};

/// Deepest folders that are gone through.
const DEEPEST: usize = 32;
/// Endings of files that are read.
const ENDINGS: [&str; 5] = [".yaml", ".yml", ".json", ".env", ".tfstate"];
/// Endings that are named of files that are not.
const NAMED: usize = 4;

/// What was wrong with files.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Faults {
    /// How many lines were told.
    pub told: usize,
    /// Whether something was not read because of one.
    pub lost: bool,
}

/// What is expected of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Wanted {
    /// Anything that is known.
    Any,
    /// This format.
    Only(Format),
    /// What says of itself what drifted: plain settings tell nothing and are a fault.
    Report,
}

/// Reads every file; each fault is a line on stderr and counted. Gives what each was found to be.
pub(in crate::cli) fn each(
    files: &[PathBuf],
    wanted: Wanted,
    key: &[u8; 32],
    out: &mut Out,
    faults: &mut Faults,
    take: &mut dyn FnMut(Item, &mut Out),
) -> Vec<Option<Format>> {
    let out = RefCell::new(out);
    let mut tell = |path: &Path, what: &dyn std::fmt::Display, lost: bool| {
        faults.told += 1;
        faults.lost |= lost;
        out.borrow_mut().note(&format!("foreshadow: {}:{what}", path.display()));
    };
    let mut paths = Vec::new();
    for file in files {
        if file.as_os_str() == "-" || !file.is_dir() {
            paths.push(file.clone());
            continue;
        }
        let mut walk = Walk::default();
        walk.folder(file, 0);
        for (folder, error) in walk.faults {
            tell(&folder, &format_args!(" {error}"), true);
        }
        if let Some(passed) = walk.passed.says() {
            out.borrow_mut()
                .note(&format!("foreshadow: {}: {passed}", file.display()));
        }
        paths.append(&mut walk.found);
    }
    // Where reports of several machines may be told beside each other, each says which it is of.
    let many = paths.len() > 1;
    let mut take = |item: Item| {
        let item = match item {
            Item::Event {
                host: Some(host),
                resource,
                kind,
                path,
                desired,
                live,
                failed,
            } if many => Item::Event {
                resource: format!("{host}/{resource}").into(),
                host: None,
                kind,
                path,
                desired,
                live,
                failed,
            },
            other => other,
        };
        take(item, &mut out.borrow_mut());
    };
    let only = match wanted {
        Wanted::Only(format) => Some(format),
        _ => None,
    };
    let mut formats = Vec::new();
    for path in paths {
        let mut told = false;
        let mut fault = |path: &Path, what: &dyn std::fmt::Display, lost: bool| {
            told = true;
            tell(path, what, lost);
        };
        let format = if path.as_os_str() == "-" {
            let path = Path::new("stdin");
            match spool() {
                Ok(spooled) => read(spooled.path(), only, key, &mut take, &mut |what| {
                    fault(path, &what, what.lost)
                }),
                Err(error) => {
                    fault(path, &format_args!(" {error}"), true);
                    None
                }
            }
        } else {
            read(&path, only, key, &mut take, &mut |what| fault(&path, &what, what.lost))
        };
        if wanted == Wanted::Report && !told && matches!(format, Some(Format::Settings | Format::Env)) {
            let what = " only settings, which say nothing of drift; use --desired and --live";
            tell(&path, &what, true);
        }
        formats.push(format);
    }
    formats
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
                self.found.push(path);
            } else if !name.starts_with('.') {
                let ending = name
                    .rsplit_once('.')
                    .map_or("without an ending".into(), |(_, end)| format!(".{end}"));
                *self.passed.files.entry(ending).or_default() += 1;
            }
        }
    }
}

/// Stdin in a file: what is read twice must stay.
fn spool() -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    io::copy(&mut io::stdin().lock(), file.as_file_mut())?;
    Ok(file)
}
