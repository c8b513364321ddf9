//! The files of `drift` and `import`: folders gone through, stdin, and a line for each fault.

use std::{
    cell::RefCell,
    io,
    path::{Path, PathBuf},
};

use crate::{
    cli::Out,
    observe::import::{Format, Item, meant, read},
};

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
    /// What is declared, or is: what only says what drifted is a fault.
    State,
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
        let meant = meant(file);
        let unread = !meant.faults.is_empty();
        for (folder, error) in meant.faults {
            tell(&folder, &format_args!(" {error}"), true);
        }
        if let Some(passed) = meant.passed {
            out.borrow_mut()
                .note(&format!("foreshadow: {}: {passed}", file.display()));
        }
        if meant.files.is_empty() && !unread {
            tell(file, &" no file in it of a kind that is read", true);
        }
        paths.extend(meant.files);
    }
    let many = paths.len() > 1;
    let mut take = |mut item: Item| {
        if many {
            item.name_host();
        }
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
        if let Some(format @ (Format::TerraformPlan | Format::Ansible | Format::Puppet)) = format
            && wanted == Wanted::State
        {
            let what = format!(" {} says what drifted, not what is: use --import", format.one());
            tell(&path, &what, true);
        }
        formats.push(format);
    }
    formats
}

/// Stdin in a file: what is read twice must stay.
fn spool() -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    io::copy(&mut io::stdin().lock(), file.as_file_mut())?;
    Ok(file)
}
