//! DuckDB: what was observed, when it was known, and what the console said then. One writer, on one thread.

mod write;

use std::path::{Path, PathBuf};

use crate::domain::{
    Event, Finding, MetricMeta, Observation, Proposal, Quantiles, Scored, SeriesId, SettingChange, StoreOptions,
    Timestamp, Value,
};

/// What one commit writes.
#[derive(Clone, Debug, Default)]
pub struct Write {
    /// Metrics met for the first time (or described anew).
    pub metrics: Vec<MetricMeta>,
    /// Values of metrics, with the surprise each was judged with.
    pub observations: Vec<(Observation, f32)>,
    /// What had been expected, about once a minute a metric: (series, the time it was expected for, quantiles).
    pub expected: Vec<(SeriesId, Timestamp, Quantiles)>,
    /// Settings of a first snapshot: their state when watching began (no change happened).
    pub initial: Vec<(SeriesId, Timestamp, Value)>,
    /// Changes of settings.
    pub changes: Vec<SettingChange>,
    /// Events.
    pub events: Vec<Event>,
    /// Findings as they were shown: one row whenever one began, changed its mark, or ended.
    pub findings: Vec<Finding>,
    /// Proposals as they were shown: one row whenever one came, or changed its status.
    pub proposals: Vec<(Proposal, bool)>,
    /// Predictions that were scored.
    pub scored: Vec<Scored>,
    /// Entries of the audit: who, what, resource, result.
    pub audit: Vec<AuditEntry>,
    /// Named blobs that replace the earlier ones of the same name (model state, baseline).
    pub state: Vec<(String, Vec<u8>)>,
}

/// One entry of the audit. The store chains entries by hash: each holds the BLAKE3 of its content and its predecessor's hash.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: a person with their terminal, or a part of the program (`shadow`, `store`, `collector`, `seen`).
    pub who: String,
    /// What: `session`, `what-if`, `dismiss`, `forecast`, `relearn`, `setting`, `compact`, `export`, `limit`, `note` …
    pub what: String,
    /// Which resource or series; empty when none.
    pub resource: String,
    /// Result or evidence.
    pub result: String,
}

/// A bucket of one metric's history.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bucket {
    /// Start of the bucket.
    pub at: Timestamp,
    /// Values in it.
    pub count: u64,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Mean value.
    pub mean: f64,
    /// Newest value.
    pub last: f64,
    /// Greatest surprise, bits.
    pub bits: f32,
    /// What had been expected about then, where recorded.
    pub expected: Option<Quantiles>,
}

/// How the store is.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StoreInfo {
    /// The file.
    pub path: PathBuf,
    /// Bytes of the file and its log.
    pub bytes: u64,
    /// Oldest value kept.
    pub from: Option<Timestamp>,
    /// Rows by table.
    pub rows: Vec<(String, u64)>,
}

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

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Json,
    /// Apache Parquet.
    Parquet,
}

/// A table of text: the answer to a statement of the user.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows of cells; JSON values keep numbers numbers.
    pub rows: Vec<Vec<serde_json::Value>>,
}

/// The database. `Send`, not `Sync`: it lives on one thread.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Newest schema this program writes.
    pub const SCHEMA: u32 = 1;

    /// Opens or makes the store file (0600, its folder 0700 when made) and brings its schema up to date.
    ///
    /// # Errors
    /// See [`StoreError`]; a file that is newer, corrupt or held by another process is not touched.
    pub fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let _ = (path, options);
        todo!()
    }

    /// Opens a store in memory: for replays, tests, and when the file cannot be had.
    ///
    /// # Errors
    /// When DuckDB cannot start.
    pub fn in_memory(options: &StoreOptions) -> Result<Self, StoreError> {
        let _ = options;
        todo!()
    }

    /// Opens an existing store for reading only, beside no writer.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read_only(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let _ = (path, options);
        todo!()
    }

    /// Writes all of `write` in one transaction. When it returns, a kill −9 loses none of it.
    ///
    /// # Errors
    /// On an error nothing of `write` is stored; it can be tried again.
    pub fn append(&mut self, write: &Write) -> Result<(), StoreError> {
        let _ = write;
        todo!()
    }

    /// One metric's history from `from` (inclusive) to `to` (exclusive) in at most about `buckets` equal buckets, oldest first;
    /// empty buckets are left out. Takes raw values or the finest roll-up that covers the range.
    ///
    /// # Errors
    /// On a database error.
    pub fn history(
        &mut self,
        id: &SeriesId,
        from: Timestamp,
        to: Timestamp,
        buckets: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        let _ = (id, from, to, buckets);
        todo!()
    }

    /// For all metrics, the newest value known at `at`, its bits, and what was expected then.
    ///
    /// # Errors
    /// On a database error.
    #[allow(clippy::type_complexity)]
    pub fn metrics_as_of(&mut self, at: Timestamp) -> Result<Vec<(MetricMeta, Bucket)>, StoreError> {
        let _ = at;
        todo!()
    }

    /// All settings as they were known at `at`, with the change that made each so (none: as first seen).
    ///
    /// # Errors
    /// On a database error.
    pub fn settings_as_of(
        &mut self,
        at: Timestamp,
    ) -> Result<Vec<(SeriesId, Value, Option<SettingChange>)>, StoreError> {
        let _ = at;
        todo!()
    }

    /// Changes of settings in a range, oldest first, at most `limit` newest ones.
    ///
    /// # Errors
    /// On a database error.
    pub fn changes(&mut self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<SettingChange>, StoreError> {
        let _ = (from, to, limit);
        todo!()
    }

    /// Events in a range, oldest first, at most `limit` newest ones.
    ///
    /// # Errors
    /// On a database error.
    pub fn events(&mut self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<Event>, StoreError> {
        let _ = (from, to, limit);
        todo!()
    }

    /// Findings that held at any time of the range, each as it was last shown within it, oldest first.
    ///
    /// # Errors
    /// On a database error.
    pub fn findings(&mut self, from: Timestamp, to: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let _ = (from, to);
        todo!()
    }

    /// Proposals that stood at `at`, as shown then.
    ///
    /// # Errors
    /// On a database error.
    pub fn proposals_as_of(&mut self, at: Timestamp) -> Result<Vec<Proposal>, StoreError> {
        let _ = at;
        todo!()
    }

    /// Audit entries, newest first, at most `limit`; and the first entry at which the chain does not hold, if any.
    ///
    /// # Errors
    /// On a database error.
    pub fn audit(&mut self, limit: usize) -> Result<(Vec<AuditEntry>, Option<AuditEntry>), StoreError> {
        let _ = limit;
        todo!()
    }

    /// A named blob, if it was ever written.
    ///
    /// # Errors
    /// On a database error.
    pub fn state(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = name;
        todo!()
    }

    /// The store's own 32-byte key for hashing secrets, made when the store was made from `/dev/urandom`.
    ///
    /// # Errors
    /// On a database error.
    pub fn secret_key(&mut self) -> Result<[u8; 32], StoreError> {
        todo!()
    }

    /// Rolls finished minutes, five minutes and hours up, drops what is older than kept, and keeps the file under its cap.
    ///
    /// # Errors
    /// On a database error; what was done before it stays done.
    pub fn maintain(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let _ = now;
        todo!()
    }

    /// Writes the file anew without its holes; returns bytes before and after.
    ///
    /// # Errors
    /// On a database error.
    pub fn compact(&mut self) -> Result<(u64, u64), StoreError> {
        todo!()
    }

    /// How it is.
    ///
    /// # Errors
    /// On a database error.
    pub fn info(&mut self) -> Result<StoreInfo, StoreError> {
        todo!()
    }

    /// Writes a table or view (`metrics`, `settings`, `changes`, `events`, `findings`, `proposals`, `ledger`, `audit`) to a file
    /// that must not exist yet; returns its rows.
    ///
    /// # Errors
    /// Unknown table, existing file, or a database error.
    pub fn export(&mut self, what: &str, format: Format, file: &Path) -> Result<u64, StoreError> {
        let _ = (what, format, file);
        todo!()
    }

    /// Runs one statement that only reads, at most `limit` rows.
    ///
    /// # Errors
    /// [`StoreError::Statement`] when it is wrong or would write or reach outside the store.
    pub fn sql(&mut self, statement: &str, limit: usize) -> Result<Table, StoreError> {
        let _ = (statement, limit);
        todo!()
    }
}
