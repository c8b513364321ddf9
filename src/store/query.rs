//! Statements of the user, which only read.

use std::sync::Arc;

use duckdb::{
    InterruptHandle,
    types::{TimeUnit, Value as Cell},
};
use serde_json::{Number, Value as Json, json};

use super::{Db, Store, StoreError, Table};
use crate::domain::Timestamp;

/// Table functions that read the store or make numbers; every other one reads files, runs text or changes something.
const FUNCTIONS: [&str; 16] = [
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_keywords",
    "duckdb_memory",
    "duckdb_schemas",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "json_each",
    "json_tree",
    "pragma_database_size",
    "pragma_table_info",
    "pragma_version",
    "range",
    "unnest",
];

impl Store {
    /// What stops a statement that takes too long, for a timer beside [`Store::sql`]. An append that it hits fails and can be
    /// tried again; it is to be fetched anew for each statement, as the database may have been opened again.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        Stop(self.db.as_ref().map(|db| db.conn.interrupt_handle()))
    }

    /// Runs one statement that only reads, at most `limit` rows.
    ///
    /// Three walls, each enough by itself against writes: DuckDB's own parser must take the text for one `SELECT` (also `WITH`, `FROM`,
    /// `VALUES`, `DESCRIBE`, `SHOW`, `SUMMARIZE`, or `EXPLAIN` before one) that calls no table function but those of a short list and
    /// does not name the key of secrets; it runs in a read-only transaction; and DuckDB may open no file but the store's own.
    ///
    /// # Errors
    /// [`StoreError::Statement`] when it is wrong or would write or reach outside the store.
    pub fn sql(&mut self, statement: &str, limit: usize) -> Result<Table, StoreError> {
        self.with(|db| {
            let text = statement.trim();
            let run = match explained(text) {
                Some((explain, rest)) => format!("{explain} {}", db.allowed(rest)?),
                None => format!("FROM ({}) LIMIT {limit}", db.allowed(text)?),
            };
            let begun = db.conn.execute_batch("BEGIN TRANSACTION READ ONLY");
            let table = begun.and_then(|()| db.table(&run, limit));
            db.end();
            table.map_err(|error| StoreError::statement(&error))
        })
    }
}

/// Stops the statement that a store runs, from any thread.
#[derive(Clone)]
pub struct Stop(Option<Arc<InterruptHandle>>);

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

impl Stop {
    /// Makes the statement that is running now fail; does nothing when none is.
    pub fn stop(&self) {
        if let Some(handle) = &self.0 {
            handle.interrupt();
        }
    }
}

/// `EXPLAIN` or `EXPLAIN ANALYZE`, and the statement behind it.
fn explained(text: &str) -> Option<(&'static str, &str)> {
    let behind = |text: &'_ str, word: &str| -> Option<usize> {
        let (head, rest) = text.split_at_checked(word.len())?;
        (head.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace)).then_some(word.len())
    };
    let rest = text[behind(text, "EXPLAIN")?..].trim_start();
    Some(behind(rest, "ANALYZE").map_or(("EXPLAIN", rest), |end| ("EXPLAIN ANALYZE", rest[end..].trim_start())))
}

impl Db {
    /// The statement as DuckDB's parser understood it, written anew, without comments; refused when it is not one that only reads.
    fn allowed(&self, text: &str) -> Result<String, StoreError> {
        let refused = |why: &str| Err(StoreError::Statement(why.into()));
        let wrong = |error| StoreError::statement(&error);
        let parse = "SELECT json_serialize_sql(?::VARCHAR)";
        let parsed: String = self.conn.query_row(parse, [text], |row| row.get(0)).map_err(wrong)?;
        let tree: Json = serde_json::from_str(&parsed).map_err(|error| StoreError::Statement(error.to_string()))?;
        if tree["error"] != json!(false) {
            return match tree["error_message"].as_str() {
                Some(why) if tree["error_type"] == json!("parser") => refused(&crate::domain::text::visible(why)),
                _ => refused(
                    "only statements that read are run here: SELECT, WITH, FROM, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN",
                ),
            };
        }
        match tree["statements"].as_array().map_or(0, Vec::len) {
            0 => return refused("there is no statement"),
            1 => {}
            _ => return refused("one statement at a time"),
        }
        let mut nodes = vec![&tree];
        while let Some(node) = nodes.pop() {
            match node {
                Json::Array(items) => nodes.extend(items),
                Json::Object(fields) => {
                    nodes.extend(fields.values());
                    let name = fields.get("function").and_then(|call| call["function_name"].as_str());
                    if node["type"] == json!("TABLE_FUNCTION") && !name.is_some_and(|name| FUNCTIONS.contains(&name)) {
                        return refused(&format!("the function {} is not available here", name.unwrap_or("?")));
                    }
                }
                Json::String(text) if text.to_ascii_lowercase().contains("secret_key") => {
                    return refused("the key of secrets is not shown");
                }
                _ => {}
            }
        }
        let write = "SELECT json_deserialize_sql(?::JSON)";
        self.conn.query_row(write, [&parsed], |row| row.get(0)).map_err(wrong)
    }

    /// Ends the transaction, also when a stop hits its end.
    fn end(&self) {
        let stopped = |error: duckdb::Error| error.to_string().contains("INTERRUPT");
        while self.conn.execute_batch("ROLLBACK").is_err_and(stopped) {}
    }

    fn table(&self, text: &str, limit: usize) -> Result<Table, duckdb::Error> {
        let mut statement = self.conn.prepare(text)?;
        let mut rows = statement.query([])?;
        let columns = rows.as_ref().map(duckdb::Statement::column_names).unwrap_or_default();
        let mut table = Table {
            columns,
            rows: Vec::new(),
        };
        while let Some(row) = rows.next()? {
            if table.rows.len() >= limit {
                break;
            }
            let cells = (0..table.columns.len()).map(|column| row.get::<_, Cell>(column).map(cell));
            table.rows.push(cells.collect::<Result<_, _>>()?);
        }
        Ok(table)
    }
}

/// A cell as JSON: numbers stay numbers where JSON can hold them, times are RFC 3339, bytes hexadecimal.
fn cell(value: Cell) -> Json {
    let float = |number: f64| Number::from_f64(number).map_or(Json::Null, Json::Number);
    match value {
        Cell::Null => Json::Null,
        Cell::Boolean(on) => json!(on),
        Cell::TinyInt(n) => json!(n),
        Cell::SmallInt(n) => json!(n),
        Cell::Int(n) => json!(n),
        Cell::BigInt(n) => json!(n),
        Cell::UTinyInt(n) => json!(n),
        Cell::USmallInt(n) => json!(n),
        Cell::UInt(n) => json!(n),
        Cell::UBigInt(n) => json!(n),
        Cell::HugeInt(n) => i64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n)),
        Cell::UHugeInt(n) => u64::try_from(n).map_or_else(|_| json!(n.to_string()), |n| json!(n)),
        Cell::Float(n) => n.to_string().parse().map_or(Json::Null, float),
        Cell::Double(n) => float(n),
        Cell::Decimal(n) => n.to_string().parse().map_or(Json::Null, float),
        Cell::Timestamp(unit, n) => json!(Timestamp(match unit {
            TimeUnit::Second => n.saturating_mul(1_000_000),
            TimeUnit::Millisecond => n.saturating_mul(1_000),
            TimeUnit::Microsecond => n,
            TimeUnit::Nanosecond => n.div_euclid(1_000),
        })),
        Cell::Text(text) | Cell::Enum(text) => json!(text),
        Cell::Blob(bytes) => json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        Cell::List(items) | Cell::Array(items) => items.into_iter().map(cell).collect(),
        Cell::Struct(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), cell(value.clone())))
            .collect(),
        other => json!(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::*;

    #[test]
    fn nothing_but_reading_the_store_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.duckdb");
        let mut store = Store::open(&path, &options()).unwrap();
        store.append(&everything()).unwrap();
        let before = store.info().unwrap().rows;
        let made = folder.path().join("made");
        for statement in [
            "INSERT INTO state VALUES ('a', 'b')",
            "DELETE FROM metric_obs",
            "UPDATE state SET name = 'x'",
            "WITH gone AS (DELETE FROM metric_obs RETURNING *) FROM gone",
            "EXPLAIN ANALYZE DELETE FROM metric_obs",
            "EXPLAIN ANALYZE INSERT INTO state SELECT name, body FROM state",
            "EXPLAIN SELECT 1; DELETE FROM metric_obs",
            "EXPLAIN EXPLAIN DELETE FROM metric_obs",
            "CREATE TABLE t AS SELECT 1",
            "CREATE TEMP TABLE t AS SELECT 1",
            "DROP VIEW metrics",
            "COPY metrics TO 'made'",
            "COPY (SELECT 1) TO 'made'",
            "EXPORT DATABASE 'made'",
            "IMPORT DATABASE 'made'",
            "ATTACH 'made' AS made",
            "DETACH store",
            "USE memory",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET threads = 4",
            "SET enable_external_access = true",
            "RESET lock_configuration",
            "PRAGMA enable_profiling",
            "PRAGMA force_checkpoint",
            "CALL force_checkpoint()",
            "FROM force_checkpoint()",
            "FROM enable_logging()",
            "VACUUM",
            "BEGIN",
            "COMMIT",
            "CHECKPOINT",
            "PREPARE p AS SELECT 1",
            "EXECUTE p",
            "SELECT 1; SELECT 2",
            "SELECT 1; DELETE FROM metric_obs",
            "SELECT 1) LIMIT 1; DELETE FROM metric_obs; FROM (SELECT 1",
            "SELECT 1 -- )\n) ; DELETE FROM metric_obs; --",
            "FROM '/etc/passwd'",
            "FROM 'file.csv'",
            "FROM 'store.duckdb'",
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT (SELECT content FROM read_text('/etc/passwd'))",
            "SELECT 1 WHERE EXISTS (FROM read_blob('/etc/passwd'))",
            "WITH a AS (FROM read_csv('/etc/passwd')) FROM a",
            "FROM read_json_auto('/etc/passwd')",
            "FROM read_parquet('made')",
            "FROM parquet_metadata('made')",
            "FROM sniff_csv('/etc/passwd')",
            "FROM glob('/etc/*')",
            "FROM query('DELETE FROM metric_obs')",
            "FROM query_table('secret_key')",
            "FROM json_execute_serialized_sql('{}')",
            "FROM pragma_storage_info('secret_key')",
            "FROM secret_key",
            "SELECT Key FROM main.\"SECRET_KEY\"",
            "SUMMARIZE secret_key",
            "DESCRIBE FROM secret_key",
            "SELECT getenv('HOME')",
            "SELECT nextval('s')",
            "SELECT ?",
            "SELEC 1",
            "SELECT nonsense FROM metrics",
            "",
            " ; ",
            "-- nothing",
            "EXPLAIN",
        ] {
            let statement = statement.replace("made'", &format!("{}'", made.display()));
            let answer = store.sql(&statement, 10);
            assert!(
                matches!(answer, Err(StoreError::Statement(_))),
                "{statement}: {answer:?}"
            );
        }
        assert_eq!(store.info().unwrap().rows, before);
        assert!(!made.exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_statement_without_end_can_be_stopped() {
        let mut store = memory();
        store.append(&everything()).unwrap();
        let (stop, (done, over)) = (store.stopper(), std::sync::mpsc::channel::<()>());
        let stopping = std::thread::spawn(move || {
            while over.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                stop.stop();
                std::thread::yield_now();
            }
        });
        let answer = store.sql(
            "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range % 7 = b.range % 5",
            1,
        );
        drop(done);
        stopping.join().unwrap();
        assert!(matches!(answer, Err(StoreError::Statement(_))), "{answer:?}");
        assert_eq!(store.sql("FROM metrics", 9).unwrap().rows.len(), 2);
    }

    #[test]
    fn the_walls_hold_one_by_one() {
        let mut store = memory();
        store.append(&everything()).unwrap();
        let conn = &store.db.as_ref().unwrap().conn;
        for reach in [
            "FROM read_text('/etc/passwd')",
            "COPY state TO '/tmp/x'",
            "ATTACH '/tmp/x' AS x",
            "SET enable_external_access = true",
        ] {
            assert!(conn.execute_batch(reach).is_err(), "{reach}");
        }
        conn.execute_batch("BEGIN TRANSACTION READ ONLY").unwrap();
        assert!(conn.execute_batch("DELETE FROM metric_obs").is_err());
    }

    #[test]
    fn questions_are_answered_with_numbers_as_numbers() {
        let mut store = memory();
        store.append(&everything()).unwrap();
        let mut ask = |statement: &str| {
            store
                .sql(statement, 3)
                .unwrap_or_else(|error| panic!("{statement}: {error}"))
        };
        let table = ask("SELECT series, value, observed_at FROM metrics ORDER BY series; -- mine");
        assert_eq!(table.columns, ["series", "value", "observed_at"]);
        assert_eq!(
            table.rows,
            [
                vec![json!("cpu.busy_pct"), json!(4.0), json!(after(2))],
                vec![json!("load.1"), json!(0.25), json!(after(2))],
            ]
        );
        assert_eq!(ask("FROM range(100)").rows.len(), 3);
        let odd = ask(
            "SELECT 'inf'::DOUBLE AS a, sum(1) AS b, 1.50 AS c, [1, NULL] AS d, {'x': 'y'} AS e, 0.1::FLOAT AS f, 'a'::BLOB AS g, NULL",
        );
        assert_eq!(odd.rows[0][0], json!(null));
        assert_eq!(
            odd.rows[0][1..],
            [
                json!(1),
                json!(1.5),
                json!([1, null]),
                json!({"x": "y"}),
                json!(0.1),
                json!("61"),
                json!(null)
            ]
        );
        for statement in [
            "DESCRIBE metrics",
            "SHOW TABLES",
            "SUMMARIZE metrics",
            "VALUES (1), (2)",
            "WITH a AS (SELECT 1) FROM a",
            "TABLE findings",
            "explain SELECT * FROM metrics",
            "EXPLAIN ANALYZE FROM events",
            "FROM proposals",
            "FROM audit -- last",
            "FROM ledger;;",
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) FROM t",
        ] {
            assert!(!ask(statement).rows.is_empty(), "{statement}");
        }
        // A refused statement leaves nothing open behind it.
        assert!(store.sql("SELECT error('x')", 3).is_err());
        store.append(&values("cpu.busy_pct", [(after(9), 1.0)])).unwrap();
    }
}
