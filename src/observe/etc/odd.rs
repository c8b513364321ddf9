//! What among the files is none, and what could not be looked at.

use std::{fs::Metadata, io, os::unix::fs::FileTypeExt as _};

use crate::observe::ObserveError;

/// What lies between the files and is none: how many of each kind, and the first.
#[derive(Default)]
pub(super) struct Odd {
    fifos: usize,
    sockets: usize,
    devices: usize,
    pub(super) first: Option<String>,
}

impl Odd {
    pub(super) fn count(&mut self, name: &str, meta: &Metadata) {
        let kind = meta.file_type();
        let count = if kind.is_fifo() {
            &mut self.fifos
        } else if kind.is_socket() {
            &mut self.sockets
        } else {
            &mut self.devices
        };
        *count += 1;
        self.first.get_or_insert_with(|| name.to_owned());
    }

    /// `2 FIFOs, 1 socket`.
    pub(super) fn say(&self) -> String {
        let kinds = [(self.fifos, "FIFO"), (self.sockets, "socket"), (self.devices, "device")];
        let kinds = kinds.into_iter().filter(|(count, _)| *count > 0);
        let said = kinds.map(|(count, kind)| format!("{count} {kind}{}", if count == 1 { "" } else { "s" }));
        said.collect::<Vec<_>>().join(", ")
    }
}

/// Paths that could not be looked at in the newest reading, each with why; in the order they were come to.
#[derive(Default)]
pub(super) struct Unread(Vec<(String, io::ErrorKind)>);

impl Unread {
    /// A path that was named.
    pub(super) fn top(&mut self, name: &str, why: &io::Error) {
        self.0.push((name.to_owned(), why.kind()));
    }

    /// One below. What just went is none.
    pub(super) fn below(&mut self, name: &str, why: &io::Error) {
        if why.kind() != io::ErrorKind::NotFound {
            self.top(name, why);
        }
    }

    /// Whether the file `name` may still be there and cannot be seen.
    pub(super) fn hides(&self, name: &str) -> bool {
        self.0.iter().any(|(path, why)| {
            let rest = name.strip_prefix(path.as_str());
            *why != io::ErrorKind::NotFound && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The first of the paths, or else of the `files` that could not be opened, and what is to be said of it and how many they are.
    pub(super) fn say<'a>(
        &'a self,
        files: impl Iterator<Item = (&'a str, io::ErrorKind)>,
    ) -> Option<(&'a str, String)> {
        let paths = self.0.iter().map(|(name, why)| (name.as_str(), *why));
        let mut all = paths.chain(files);
        let (name, why) = all.next()?;
        let more = match all.count() {
            0 => String::new(),
            more => format!(" ({} paths in all cannot be read)", more + 1),
        };
        Some((name, format!("{}{more}", because(why))))
    }

    /// The error of a reading in which no path could be looked at; one `failure` for each.
    pub(super) fn all(&self, mut failures: Vec<ObserveError>) -> ObserveError {
        match (failures.len(), self.say(std::iter::empty())) {
            (2.., Some((name, why))) => ObserveError::Malformed {
                what: name.to_owned(),
                why,
            },
            _ => failures.swap_remove(0),
        }
    }
}

fn because(why: io::ErrorKind) -> String {
    match why {
        io::ErrorKind::NotFound => "is not there".to_owned(),
        io::ErrorKind::PermissionDenied => "may not be read".to_owned(),
        other => format!("cannot be read: {other}"),
    }
}
