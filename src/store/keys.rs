//! What is remembered of an open database: keys of names, newest times, how far roll-ups got, the head of the audit.

use std::collections::HashMap;

use duckdb::Connection;

use crate::domain::{MetricMeta, ResourceId, SeriesId, packed};

/// Times before any value.
pub(super) const DAWN: i64 = -1_000_000_000_000_000_000;

#[derive(Debug, Default)]
pub(super) struct Keys {
    pub resources: HashMap<ResourceId, i32>,
    pub series: HashMap<SeriesId, i32>,
    /// By key.
    pub known: Vec<Known>,
    /// Every value at or before this may be a second one of its time.
    pub newest: i64,
    pub progress: Progress,
    /// Sequence number of the last audit entry and its hash.
    pub audit: (i64, [u8; 32]),
}

#[derive(Debug)]
pub(super) struct Known {
    pub id: SeriesId,
    /// What it is, where it is a metric: most series are settings.
    pub meta: Option<Box<MetricMeta>>,
    /// Time of the newest value met since the database was opened.
    pub newest: i64,
}

/// Microseconds since the epoch; multiples of a minute, `from` of an hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// All minutes that begin before this are rolled up.
    pub rolled: i64,
    /// Values, minutes, five minutes and hours before these are gone.
    pub from: [i64; 4],
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            rolled: DAWN,
            from: [DAWN; 4],
        }
    }
}

impl Keys {
    pub(super) fn load(conn: &Connection) -> Result<Self, duckdb::Error> {
        let mut keys = Self::default();
        let mut names = Vec::new();
        let mut statement = conn.prepare("SELECT key, name FROM resource ORDER BY key")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name = row.get::<_, String>(1)?;
            let id: ResourceId = name.parse().map_err(|e| unreadable(1, e))?;
            keys.resources.insert(id.clone(), row.get(0)?);
            names.push(id);
        }
        let mut statement = conn.prepare("SELECT resource, name, meta FROM series ORDER BY key")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let resource = names
                .get(row.get::<_, usize>(0)?)
                .ok_or(duckdb::Error::QueryReturnedNoRows)?;
            let id = SeriesId::new(resource, &row.get::<_, String>(1)?);
            let meta = row.get::<_, Option<Vec<u8>>>(2)?;
            let meta = meta
                .map(|packed| packed::unpack(&packed))
                .transpose()
                .map_err(|e| unreadable(2, e))?;
            keys.remember(id, meta);
        }
        let reached = |name: &str| {
            conn.query_row("SELECT reached FROM progress WHERE name = ?", [name], |row| {
                row.get::<_, i64>(0)
            })
        };
        keys.progress.rolled = reached("rolled")?;
        for (level, from) in keys.progress.from.iter_mut().enumerate() {
            *from = reached(&format!("from_{level}"))?;
        }
        // What is rolled up counts as met anyway, so that only the newest values have to be looked at.
        let rolled = keys.progress.rolled;
        let newest =
            format!("SELECT coalesce(max(observed_at), {rolled}) FROM metric_obs WHERE observed_at >= {rolled}");
        keys.newest = conn.query_row(&newest, [], |row| row.get(0))?;
        let head = conn.query_row("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?))
        });
        match head {
            Ok((seq, hash)) => keys.audit = (seq, hash.try_into().unwrap_or_default()),
            Err(duckdb::Error::QueryReturnedNoRows) => {}
            Err(error) => return Err(error),
        }
        Ok(keys)
    }

    /// The next key goes to `id`.
    pub(super) fn remember(&mut self, id: SeriesId, meta: Option<MetricMeta>) -> i32 {
        let key = self.known.len() as i32;
        self.series.insert(id.clone(), key);
        self.known.push(Known {
            id,
            meta: meta.map(Box::new),
            newest: i64::MIN,
        });
        key
    }
}

/// A cell that does not hold what it should.
pub(super) fn unreadable<E: std::error::Error + Send + Sync + 'static>(column: usize, error: E) -> duckdb::Error {
    duckdb::Error::FromSqlConversionFailure(column, duckdb::types::Type::Blob, Box::new(error))
}
