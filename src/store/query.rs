//! Statements of the user, which only read.

use duckdb::types::{TimeUnit, Value as Cell};
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
            let text = statement.trim().trim_end_matches(';');
            let explained = explained(text);
            db.allows(explained.unwrap_or(text))?;
            let run = match explained {
                Some(_) => text.to_owned(),
                // On a line of its own, so that a comment at the end of the text does not swallow it.
                None => format!("FROM (\n{text}\n) LIMIT {limit}"),
            };
            if explained.is_none() {
                db.allows(&run)?;
            }
            db.conn.execute_batch("BEGIN TRANSACTION READ ONLY")?;
            let table = db.table(&run, limit);
            db.conn.execute_batch("ROLLBACK")?;
            table.map_err(|error| StoreError::statement(&error))
        })
    }
}

/// The statement behind `EXPLAIN` or `EXPLAIN ANALYZE`.
fn explained(text: &str) -> Option<&str> {
    let after = |text: &'_ str, word: &str| -> Option<usize> {
        let head = text.get(..word.len())?;
        let next = text[word.len()..].chars().next()?;
        (head.eq_ignore_ascii_case(word) && next.is_whitespace()).then_some(word.len())
    };
    let rest = text[after(text, "EXPLAIN")?..].trim_start();
    Some(after(rest, "ANALYZE").map_or(rest, |end| rest[end..].trim_start()))
}

impl Db {
    /// Refuses what is not one statement that only reads.
    fn allows(&self, text: &str) -> Result<(), StoreError> {
        let refused = |why: &str| Err(StoreError::Statement(why.into()));
        let tree: String = self
            .conn
            .query_row("SELECT json_serialize_sql(?::VARCHAR)", [text], |row| row.get(0))
            .map_err(|error| StoreError::statement(&error))?;
        let tree: Json = serde_json::from_str(&tree).map_err(|error| StoreError::Statement(error.to_string()))?;
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
        Ok(())
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
