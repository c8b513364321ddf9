//! Exports by DuckDB itself.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{Format, Store, StoreError, open::quoted};

/// What can be exported and asked for: views of the tables with names and readable times.
pub const TABLES: [&str; 11] = [
    "metrics",
    "metrics_1m",
    "metrics_5m",
    "metrics_1h",
    "settings",
    "changes",
    "events",
    "findings",
    "proposals",
    "ledger",
    "audit",
];

impl Store {
    /// Writes a table or view (`metrics`, `settings`, `changes`, `events`, `findings`, `proposals`, `ledger`, `audit`; of roll-ups
    /// `metrics_1m`, `metrics_5m`, `metrics_1h`) to a file that must not exist yet; returns its rows.
    ///
    /// # Errors
    /// Unknown table, existing file, or a database error; a file made for nothing is removed again.
    pub fn export(&mut self, what: &str, format: Format, file: &Path) -> Result<u64, StoreError> {
        exportable(what)?;
        let mut made = new_file(file)?;
        let written = self.exported(what, format).and_then(|(rows, mut from)| {
            let copied = io::copy(&mut from, &mut made).and_then(|_| made.sync_all());
            copied.map_err(|error| StoreError::unwritable(file, &error))?;
            Ok(rows)
        });
        if written.is_err() {
            // The error that is told says why there is no export.
            let _ = fs::remove_file(file);
        }
        written
    }

    /// The rows of a table or view, and a file with them that has no name any more: it goes when it is closed.
    ///
    /// # Errors
    /// Unknown table, or a database error.
    pub fn exported(&mut self, what: &str, format: Format) -> Result<(u64, File), StoreError> {
        exportable(what)?;
        let options = match format {
            Format::Csv => "FORMAT csv, HEADER true",
            Format::Json => "FORMAT json",
            Format::Parquet => "FORMAT parquet, COMPRESSION zstd",
        };
        // DuckDB is walled in and may write to one file only; from there it is taken where it belongs.
        self.with(|db| {
            let sql = format!(
                "COPY (FROM {what}) TO {} ({options}, USE_TMP_FILE false)",
                quoted(&db.scratch)
            );
            let copied = db.conn.execute(&sql, []);
            let taken = copied.map_err(StoreError::from).and_then(|rows| {
                let file = File::open(&db.scratch).map_err(|error| StoreError::unwritable(&db.scratch, &error))?;
                Ok((rows as u64, file))
            });
            // It may not have come to be.
            let _ = fs::remove_file(&db.scratch);
            taken
        })
    }
}

fn exportable(what: &str) -> Result<(), StoreError> {
    if TABLES.contains(&what) {
        return Ok(());
    }
    Err(StoreError::Statement(format!(
        "there is no table `{}` to export: choose {}",
        crate::domain::text::visible(what),
        TABLES.join(", ")
    )))
}

/// Makes a file for an export, which its user alone may read.
///
/// # Errors
/// It exists already, or cannot be made.
pub fn new_file(file: &Path) -> Result<File, StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            StoreError::Statement(format!("{} exists already: name another file", file.display()))
        }
        _ => StoreError::unwritable(file, &error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::*;

    #[test]
    fn exports_read_back_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = memory();
        store.append(&everything()).unwrap();
        store.maintain(after(7_200)).unwrap();
        let reader = duckdb::Connection::open_in_memory().unwrap();
        for (format, ending, function) in [
            (Format::Csv, "csv", "read_csv"),
            (Format::Json, "json", "read_json"),
            (Format::Parquet, "parquet", "read_parquet"),
        ] {
            for view in TABLES {
                let file = folder.path().join(format!("{view}'s.{ending}"));
                let rows = store.export(view, format, &file).unwrap();
                assert!(rows > 0, "{view}");
                let sql = format!("SELECT count(*) FROM {function}({})", quoted(&file));
                assert_eq!(
                    reader.query_row(&sql, [], |row| row.get::<_, u64>(0)).unwrap(),
                    rows,
                    "{view} {ending}"
                );
            }
        }
        let csv = fs::read_to_string(folder.path().join("metrics's.csv")).unwrap();
        assert!(
            csv.starts_with("resource,series,observed_at,value,unit,bits\nhost:web-1,cpu.busy_pct,2026-"),
            "{csv}"
        );
        assert!(
            !fs::read_to_string(folder.path().join("settings's.csv"))
                .unwrap()
                .contains("hunter2")
        );
        assert!(!store.db.as_ref().unwrap().scratch.exists());
    }

    #[test]
    fn no_file_is_written_over_and_none_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept.csv");
        fs::write(&file, "mine").unwrap();
        let mut store = memory();
        let error = store.export("metrics", Format::Csv, &file).unwrap_err();
        assert!(
            matches!(&error, StoreError::Statement(text) if text.contains("exists already")),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        assert!(
            store
                .export("secret_key", Format::Csv, &folder.path().join("new.csv"))
                .is_err()
        );
        assert!(matches!(
            store.export("audit", Format::Csv, &folder.path().join("no/new.csv")),
            Err(StoreError::Unwritable { .. })
        ));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
