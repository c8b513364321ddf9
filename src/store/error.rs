//! What can go wrong, from DuckDB's words.

use std::path::{Path, PathBuf};

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the file.
    #[error(
        "the store {path} is held by pid {pid}: stop that process, or attach to it (a console started by the same user does)"
    )]
    Locked {
        /// The file.
        path: PathBuf,
        /// The process that holds it, `?` when unknown.
        pid: String,
    },
    /// Written by a later version of this program.
    #[error(
        "the store {path} has schema {found}, this program knows up to {known}: use the newer program, or name another --store"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Not a store, or damaged. It is left as it is.
    #[error("{path} is not a readable store: {why}; it was left untouched, name another --store or move it away")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// DuckDB's words, first line.
        why: String,
    },
    /// The folder or disk does not take writes (read-only, full, no permission).
    #[error("{path} cannot be written: {why}")]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's words, first line.
        why: String,
    },
    /// A statement of the user is wrong or not allowed.
    #[error("{0}")]
    Statement(String),
    /// Anything else DuckDB says.
    #[error("store: {0}")]
    Database(#[from] duckdb::Error),
}

impl StoreError {
    /// Sorts an error by what DuckDB says; `path` is `None` in memory.
    pub(super) fn of(path: Option<&Path>, error: duckdb::Error) -> Self {
        let Some(path) = path else { return Self::Database(error) };
        let text = error.to_string();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let (path, why) = (path.to_owned(), first_line(&text));
        if says(&["Could not set lock"]) {
            let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
            let pid = text
                .split_once("(PID ")
                .map(|(_, rest)| digits(rest))
                .filter(|pid| !pid.is_empty());
            Self::Locked {
                path,
                pid: pid.unwrap_or_else(|| "?".into()),
            }
        } else if says(&["Out of Memory", "could not allocate"]) {
            // Also while a log is read again, which says nothing of the file.
            Self::Database(error)
        } else if says(&[
            "No space left",
            "Read-only file system",
            "Permission denied",
            "Cannot open file",
            "Could not write",
            "Could not truncate",
            "Could not sync",
            "fsync",
            "read-only mode",
            "readonly database",
        ]) {
            Self::Unwritable { path, why }
        } else if says(&[
            "not a valid DuckDB database",
            "Corrupt",
            "orrupted",
            "checksum",
            "replaying WAL",
            "Could not read",
            "Serialization Error",
            "version number",
            "Failed to load metadata",
            "INTERNAL Error",
        ]) {
            Self::Corrupt { path, why }
        } else {
            Self::Database(error)
        }
    }

    /// The system's refusal of a file.
    pub(super) fn unwritable(path: &Path, error: &std::io::Error) -> Self {
        Self::Unwritable {
            path: path.to_owned(),
            why: error.to_string(),
        }
    }

    /// A statement that is wrong, in DuckDB's words.
    pub(super) fn statement(error: &duckdb::Error) -> Self {
        Self::Statement(crate::domain::text::visible(&error.to_string()).replace("\\n", "\n"))
    }
}

fn first_line(text: &str) -> String {
    crate::domain::text::visible(text.lines().next().unwrap_or_default()).into_owned()
}
