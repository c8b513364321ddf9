//! Metrics as they were known at a time.

use std::collections::HashMap;

use super::{
    Bucket, Db, Store, StoreError,
    cell::micros,
    history::quantiles,
    read::undescribed,
    rollup::{HOUR, LEVELS},
};
use crate::domain::{MetricMeta, Quantiles, Timestamp};

/// A value older than this is not what a metric is, unless it is read more rarely.
const FRESH: i64 = 600_000_000;
/// However rarely a metric is read, a value older than this is not what it is.
const RARE: i64 = 48 * HOUR;

impl Store {
    /// For all metrics, the newest value known at `at`, its bits, and what was expected then.
    ///
    /// A value not older than ten minutes; where single values are gone, the last value of the newest roll-up that ended by then
    /// (an hour and more back: of the last two hours). The expectation is the nearest one, at most ten minutes before or one after.
    ///
    /// # Errors
    /// On a database error.
    pub fn metrics_as_of(&mut self, at: Timestamp) -> Result<Vec<(MetricMeta, Bucket)>, StoreError> {
        self.with(|db| Ok(db.metrics_as_of(micros(at))?))
    }
}

impl Db {
    fn metrics_as_of(&self, at: i64) -> Result<Vec<(MetricMeta, Bucket)>, duckdb::Error> {
        let level = self
            .keys
            .progress
            .from
            .iter()
            .position(|from| at - FRESH >= *from)
            .unwrap_or(LEVELS.len() - 1);
        let (table, columns, length) = (LEVELS[level].table, LEVELS[level].columns, LEVELS[level].length);
        let (last, first) = (at - length, at - FRESH.max(2 * length));
        let mut expected = self.expected_at(at)?;
        let mut statement = self.conn.prepare(&format!(
            "SELECT series, max(observed_at), arg_max(n, observed_at)::BIGINT, arg_max(low, observed_at), arg_max(high, observed_at),
               arg_max(mean, observed_at), arg_max(last, observed_at), arg_max(bits, observed_at)
             FROM (SELECT {columns} FROM {table} WHERE {}) GROUP BY series ORDER BY series",
            self.fresh("observed_at", first, last)
        ))?;
        let rows = statement.query_map([], |row| {
            let series: i32 = row.get(0)?;
            // Of those read rarely each has its own time to be fresh.
            if row.get::<_, i64>(1)? < first.min(last - self.reach(series)) {
                return Ok(None);
            }
            let known = &self.keys.known[series as usize];
            let meta = known.meta.as_deref().cloned().unwrap_or_else(|| undescribed(&known.id));
            let bucket = Bucket {
                at: Timestamp(row.get(1)?),
                count: row.get(2)?,
                min: row.get(3)?,
                max: row.get(4)?,
                mean: row.get(5)?,
                last: row.get(6)?,
                bits: row.get(7)?,
                expected: expected.remove(&series),
            };
            Ok(Some((meta, bucket)))
        })?;
        rows.filter_map(Result::transpose).collect()
    }

    /// How far back the newest value of a series may lie: twice its cadence, from [`FRESH`] to [`RARE`].
    fn reach(&self, series: i32) -> i64 {
        let meta = usize::try_from(series)
            .ok()
            .and_then(|series| self.keys.known.get(series)?.meta.as_ref());
        meta.map_or(FRESH, |meta| meta.cadence.0.saturating_mul(2).clamp(FRESH, RARE))
    }

    /// The condition that a row was fresh: its time in `column` lies from `first` to `last`, or before as far as its series is read rarely.
    fn fresh(&self, column: &str, first: i64, last: i64) -> String {
        let all = (0..self.keys.known.len()).filter_map(|series| i32::try_from(series).ok());
        let rare: Vec<i32> = all.filter(|series| self.reach(*series) > FRESH).collect();
        let Some(most) = rare.iter().map(|series| self.reach(*series)).max() else {
            return format!("{column} BETWEEN {first} AND {last}");
        };
        let rare: Vec<String> = rare.iter().map(ToString::to_string).collect();
        format!(
            "{column} BETWEEN {} AND {last} AND ({column} >= {first} OR series IN ({}))",
            first.min(last - most - LEVELS[1].length),
            rare.join(", ")
        )
    }

    fn expected_at(&self, at: i64) -> Result<HashMap<i32, Quantiles>, duckdb::Error> {
        let (first, last) = (at - FRESH, at + HOUR / 60);
        let mut statement = self.conn.prepare(&format!(
            "SELECT series, q025, q10, q50, q90, q975 FROM expected WHERE {}
             QUALIFY row_number() OVER (PARTITION BY series ORDER BY abs(expected_at - {at}), rowid DESC) = 1",
            self.fresh("expected_at", first, last)
        ))?;
        statement
            .query_map([], |row| Ok((row.get(0)?, quantiles(row, 1)?)))?
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Span,
        store::{Write, sample::*},
    };

    #[test]
    fn what_is_read_rarely_is_known_for_as_long_as_that_takes() {
        let mut store = memory();
        let rare = MetricMeta {
            cadence: Span::from_mins(30),
            ..meta("disk.worn_pct")
        };
        store
            .append(&Write {
                metrics: vec![rare, meta("cpu")],
                expected: vec![(id("disk.worn_pct"), after(0), Quantiles([1.0; 13]))],
                ..values("disk.worn_pct", [(after(0), 1.0)])
            })
            .unwrap();
        store
            .append(&values("cpu", [(after(0), 2.0), (after(1_700), 3.0)]))
            .unwrap();
        let mut known = |secs| -> Vec<(String, bool)> {
            let rows = store.metrics_as_of(after(secs)).unwrap().into_iter();
            rows.map(|(meta, bucket)| (meta.id.name.to_string(), bucket.expected.is_some()))
                .collect()
        };
        let (worn, cpu) = (("disk.worn_pct".to_owned(), true), ("cpu".to_owned(), false));
        assert_eq!(known(1_790), [worn.clone(), cpu]);
        for secs in [1_690, 3_600] {
            assert_eq!(known(secs), std::slice::from_ref(&worn));
        }
        assert!(known(3_601).is_empty());
    }
}
