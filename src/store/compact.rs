//! Writing the file anew.

use std::fs;

use super::{
    Db, Store, StoreError,
    open::{beside, quoted, remove_database, size, sync_folder},
    rollup::LEVELS,
};

impl Store {
    /// Writes the file anew without its holes; returns bytes before and after. In memory it does nothing and says 0 and 0.
    ///
    /// The new file is written beside the old one, which needs as much room again, and then takes its place in one step: a kill at
    /// any point leaves one whole store.
    ///
    /// # Errors
    /// On a database error; the store is then as it was.
    pub fn compact(&mut self) -> Result<(u64, u64), StoreError> {
        let Some(path) = self.path.clone() else {
            return Ok((0, 0));
        };
        let fresh = beside(&path, ".compact");
        let io = |error| StoreError::unwritable(&path, &error);
        remove_database(&fresh).map_err(io)?;
        let before = self.bytes();
        self.checkpoint()?;
        let copied = self.with(|db| Ok(db.copy_to(&quoted(&fresh))?));
        if let Err(error) = copied {
            // What is left of it goes at the next attempt if not now.
            let _ = remove_database(&fresh);
            return Err(error);
        }
        // Closed, so that nobody writes to the old file any more; the log was folded in and is empty.
        self.db = None;
        if size(&beside(&path, ".wal")) == 0 && size(&beside(&fresh, ".wal")) == 0 {
            fs::File::open(&fresh).and_then(|file| file.sync_all()).map_err(io)?;
            fs::rename(&fresh, &path)
                .and_then(|()| sync_folder(&path))
                .map_err(io)?;
        }
        remove_database(&fresh).map_err(io)?;
        self.with(|_| Ok(()))?;
        Ok((before, self.bytes()))
    }
}

impl Db {
    fn copy_to(&self, file: &str) -> Result<(), duckdb::Error> {
        let name: String = self.conn.query_row("SELECT current_database()", [], |row| row.get(0))?;
        let name = name.replace('"', "\"\"");
        self.conn.execute_batch(&format!("ATTACH {file} AS compacted"))?;
        let copied = self.copy_tables(&format!("\"{name}\""));
        let detached = self.conn.execute_batch("DETACH compacted");
        copied.and(detached)
    }

    /// Copies part by part: in one transaction DuckDB would need memory in proportion to the file.
    fn copy_tables(&self, name: &str) -> Result<(), duckdb::Error> {
        self.conn
            .execute_batch(&format!("COPY FROM DATABASE {name} TO compacted (SCHEMA)"))?;
        let mut statement = self.conn.prepare(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND NOT internal",
        )?;
        let tables = statement
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        for table in tables {
            // Rows of numbers are short; a row of another table may hold kilobytes.
            let numbers = table == "expected" || LEVELS.iter().any(|level| level.table == table);
            let part = if numbers { 500_000 } else { 10_000 };
            let last = format!("SELECT max(rowid) FROM {table}");
            let last: Option<i64> = self.conn.query_row(&last, [], |row| row.get(0))?;
            let mut from = 0;
            while last.is_some_and(|last| from <= last) {
                let to = from + part;
                self.conn.execute_batch(&format!(
                    "INSERT INTO compacted.{table} FROM {table} WHERE rowid >= {from} AND rowid < {to}; CHECKPOINT compacted"
                ))?;
                from = to;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::{Store, Write, open::beside, sample::*};

    #[test]
    fn compacting_gives_back_room_and_keeps_everything() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it's a \"store\".duckdb");
        let mut store = Store::open(&path, &options()).unwrap();
        store.append(&everything()).unwrap();
        let key = store.secret_key().unwrap();
        for n in 0..9 {
            let mut random = fastrand::Rng::with_seed(n);
            let blob = (0..1 << 20).map(|_| random.u8(..)).collect();
            store
                .append(&Write {
                    state: vec![(format!("old {}", n % 3), blob)],
                    ..Write::default()
                })
                .unwrap();
        }
        for n in 0..3 {
            store
                .append(&Write {
                    state: vec![(format!("old {n}"), vec![])],
                    ..Write::default()
                })
                .unwrap();
        }
        // What an earlier attempt left is no hindrance.
        std::fs::write(beside(&path, ".compact"), "half").unwrap();
        let (before, after_it) = store.compact().unwrap();
        assert!(after_it < before / 2, "{before} {after_it}");
        let holds = |store: &mut Store| {
            assert_eq!(store.secret_key().unwrap(), key);
            assert_eq!(store.findings(T0, after(60)).unwrap(), everything().findings);
            assert_eq!(store.audit(9).unwrap().1, None);
            assert_eq!(store.sql("FROM settings", 9).unwrap().rows.len(), 2);
        };
        holds(&mut store);
        store.append(&values("cpu.busy_pct", [(after(100), 1.0)])).unwrap();
        drop(store);
        holds(&mut Store::open(&path, &options()).unwrap());
        let files: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        assert_eq!(files, [path.file_name().unwrap()]);
        assert_eq!(memory().compact().unwrap(), (0, 0));
    }
}
