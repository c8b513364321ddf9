//! DuckDB: what was observed, when it was known, and what the console said then. One writer, on one thread.

mod append;
mod as_of;
mod audit;
mod cell;
mod compact;
mod error;
mod export;
mod history;
mod keys;
mod maintain;
mod open;
mod query;
mod read;
mod recorded;
mod rollup;
mod schema;
mod told;
mod write;

#[cfg(test)]
mod durability;
#[cfg(test)]
mod sample;

use std::{path::PathBuf, sync::Arc};

pub use error::StoreError;
pub use export::{TABLES, new_file};
use keys::Keys;
pub use open::random_key;
pub use query::Stop;

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
    /// Settings as they were when watching them began, or `None` where it ended (no change happened).
    pub initial: Vec<(SeriesId, Timestamp, Option<Value>)>,
    /// What of the values came from archives, by metric: the values themselves stand among the observations.
    pub backfills: Vec<Backfill>,
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
    /// When the findings and proposals of this write were shown; `None` takes the newest time that the write holds.
    pub shown_at: Option<Timestamp>,
}

/// Values of one metric that an archive gave: nobody watched then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// Which metric.
    pub id: SeriesId,
    /// The program whose archive it was.
    pub source: Arc<str>,
    /// The oldest of them.
    pub from: Timestamp,
    /// The newest of them.
    pub to: Timestamp,
    /// How many.
    pub values: u64,
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
///
/// Values at one (series, time) are kept once, the one appended later; readings that are not finite are not stored. Times
/// beyond the years -9999 to 9999 are clamped to them. The process's umask becomes 077 when a store file is opened.
#[derive(Debug)]
pub struct Store {
    /// `None` in memory.
    path: Option<PathBuf>,
    options: StoreOptions,
    writable: bool,
    /// `None` after DuckDB gave up on the file (disk full); the next call opens it again.
    db: Option<Db>,
    /// Given back after the database is closed: fields are dropped in this order.
    #[expect(dead_code, reason = "held, not read")]
    claim: Option<open::Claim>,
}

/// An open database with what is remembered of it.
#[derive(Debug)]
struct Db {
    conn: duckdb::Connection,
    keys: Keys,
    /// The one file besides the store itself that DuckDB may write, for exports.
    scratch: PathBuf,
}
