//! Roll-ups of one minute, five minutes and one hour, and what came late for them.

use super::Db;

/// A table of one metric's values or roll-ups.
pub(super) struct Level {
    pub table: &'static str,
    /// Its columns as those of a roll-up.
    pub columns: &'static str,
    /// Microseconds that a row stands for; 0 for values.
    pub length: i64,
}

const ROLLED: &str = "series, observed_at, n, low, high, mean, last, bits";

/// Values, then roll-ups from fine to coarse.
pub(super) const LEVELS: [Level; 4] = [
    Level {
        table: "metric_obs",
        columns: "series, observed_at, 1 AS n, value AS low, value AS high, value AS mean, value AS last, bits",
        length: 0,
    },
    Level {
        table: "metric_1m",
        columns: ROLLED,
        length: 60_000_000,
    },
    Level {
        table: "metric_5m",
        columns: ROLLED,
        length: 300_000_000,
    },
    Level {
        table: "metric_1h",
        columns: ROLLED,
        length: HOUR,
    },
];

/// An hour in microseconds.
pub(super) const HOUR: i64 = 3_600_000_000;

/// One row a bucket from rows of a finer level. A sum that overflows makes the mean infinite or not a number (which DuckDB holds
/// for the greatest of all); the bounds put it back.
const AGGREGATED: &str = "sum(n)::BIGINT AS n, min(low) AS low, max(high) AS high,
  greatest(min(low), least(max(high), sum(mean * n) / sum(n))) AS mean, arg_max(last, observed_at) AS last, max(bits) AS bits";

impl Db {
    /// Rolls up the next minutes that ended a minute before `now`, at most an hour of them, and what grew out of them; `false` when
    /// there are none.
    pub(super) fn roll_up(&mut self, now: i64) -> Result<bool, duckdb::Error> {
        // The minute's grace is for batches on their way; what comes later yet is caught by `roll_up_late`.
        let end = (now - LEVELS[1].length).div_euclid(LEVELS[1].length) * LEVELS[1].length;
        let rolled = self.keys.progress.rolled;
        if rolled >= end {
            return Ok(false);
        }
        let first: Option<i64> = self.conn.query_row(
            &format!("SELECT min(observed_at) FROM metric_obs WHERE observed_at >= {rolled} AND observed_at < {end}"),
            [],
            |row| row.get(0),
        )?;
        let upto = match first {
            Some(first) => end.min(first.div_euclid(HOUR) * HOUR + HOUR),
            None => end,
        };
        let within = self.conn.unchecked_transaction()?;
        for pair in LEVELS.windows(2) {
            let (fine, coarse) = (&pair[0], &pair[1]);
            let length = coarse.length;
            let (from, to) = (rolled.div_euclid(length) * length, upto.div_euclid(length) * length);
            if from >= to {
                continue;
            }
            within.execute_batch(&format!(
                "INSERT INTO {table} SELECT series, {bucket} AS bucket, {AGGREGATED} FROM (SELECT {columns} FROM {source} WHERE observed_at >= {from} AND observed_at < {to})
                 GROUP BY series, bucket ORDER BY bucket, series",
                table = coarse.table,
                columns = fine.columns,
                source = fine.table,
                bucket = bucket("observed_at", length),
            ))?;
        }
        within.execute("UPDATE progress SET reached = ? WHERE name = 'rolled'", [upto])?;
        within.commit()?;
        self.keys.progress.rolled = upto;
        Ok(true)
    }

    /// Rolls up again the minutes, five minutes and hours of the first hour that got values after it was rolled up; `false` when none
    /// did.
    ///
    /// Where the finer rows of a bucket are gone already, what came late is added to the roll-up and then goes the same way.
    pub(super) fn roll_up_late(&mut self) -> Result<bool, duckdb::Error> {
        let first = "SELECT min(minute) FROM late";
        let first: Option<i64> = self.conn.query_row(first, [], |row| row.get(0))?;
        let Some(first) = first else { return Ok(false) };
        let from = first.div_euclid(HOUR) * HOUR;
        let to = from + HOUR;
        let within = self.conn.unchecked_transaction()?;
        for (level, pair) in LEVELS.windows(2).enumerate() {
            let (fine, coarse) = (&pair[0], &pair[1]);
            let (source, columns, table, length) = (fine.table, fine.columns, coarse.table, coarse.length);
            let kept = self.keys.progress.from[level];
            let rolled = self.keys.progress.rolled.div_euclid(length) * length;
            let (of_minute, of_row) = (bucket("minute", length), bucket("observed_at", length));
            let hour = format!("observed_at >= {from} AND observed_at < {to}");
            within.execute_batch(&format!(
                "CREATE TEMP TABLE touched AS SELECT DISTINCT series, {of_minute} AS bucket FROM late
                   WHERE minute < {to} AND {of_minute} < {rolled};
                 CREATE TEMP TABLE renewed AS SELECT series, bucket, {AGGREGATED} FROM (
                     SELECT {columns}, {of_row} AS bucket FROM {source} WHERE {hour}
                     UNION ALL SELECT *, observed_at AS bucket FROM {table} WHERE {hour} AND observed_at < {kept})
                   SEMI JOIN touched USING (series, bucket) GROUP BY series, bucket;
                 DELETE FROM {table} WHERE {hour} AND (series, observed_at) IN (FROM touched);
                 INSERT INTO {table} FROM renewed ORDER BY bucket, series;
                 DELETE FROM {source} WHERE {hour} AND observed_at < {kept} AND (series, {of_row}) IN (FROM touched);
                 DROP TABLE touched; DROP TABLE renewed;"
            ))?;
        }
        within.execute_batch(&format!("DELETE FROM late WHERE minute < {to}"))?;
        within.commit()?;
        Ok(true)
    }
}

/// The bucket of `length` that holds the time in `column`.
fn bucket(column: &str, length: i64) -> String {
    format!("{column} - ({column} % {length} + {length}) % {length}")
}
