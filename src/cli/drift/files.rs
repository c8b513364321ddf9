//! The files of `drift` and `import`: folders gone through, stdin, and a line for each fault.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    cli::Out,
    observe::import::{Format, Item, read},
};

/// Deepest folders that are gone through.
const DEEPEST: usize = 32;

/// Reads every file; each fault is a line on stderr and counted. Gives what each was found to be. Where a file stands `alone`, plain
/// settings tell nothing and are a fault.
pub(in crate::cli) fn each(
    files: &[PathBuf],
    key: &[u8; 32],
    out: &mut Out,
    faults: &mut usize,
    alone: bool,
    take: &mut dyn FnMut(Item),
) -> Vec<Option<Format>> {
    let mut paths = Vec::new();
    let mut tell = |path: &Path, what: &dyn std::fmt::Display| {
        *faults += 1;
        out.note(&format!("foreshadow: {}:{what}", path.display()));
    };
    for file in files {
        if file.as_os_str() == "-" || !file.is_dir() {
            paths.push(file.clone());
        } else if let Err(error) = walk(file, 0, &mut paths) {
            tell(file, &format_args!(" {error}"));
        }
    }
    let mut formats = Vec::new();
    for path in paths {
        let format = if path.as_os_str() == "-" {
            match spool() {
                Ok(spooled) => read(spooled.path(), key, take, &mut |fault| tell(Path::new("stdin"), &fault)),
                Err(error) => {
                    tell(Path::new("stdin"), &format_args!(" {error}"));
                    None
                }
            }
        } else {
            let mut told = false;
            let format = read(&path, key, take, &mut |fault| {
                told = true;
                tell(&path, &fault);
            });
            if alone && !told && matches!(format, Some(Format::Settings | Format::Env)) {
                tell(
                    &path,
                    &" only settings, which say nothing of drift; use --desired and --live",
                );
            }
            format
        };
        formats.push(format);
    }
    formats
}

/// Files of known endings in a folder and below, by name.
fn walk(folder: &Path, depth: usize, into: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if path.is_dir() {
            if depth < DEEPEST && !name.starts_with('.') {
                walk(&path, depth + 1, into)?;
            }
        } else if [".yaml", ".yml", ".json", ".env", ".tfstate"]
            .iter()
            .any(|end| name.ends_with(end))
        {
            into.push(path);
        }
    }
    Ok(())
}

/// Stdin in a file: what is read twice must stay.
fn spool() -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    io::copy(&mut io::stdin().lock(), file.as_file_mut())?;
    Ok(file)
}
