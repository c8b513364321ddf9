//! One metric over time, from values and roll-ups.

use super::{Bucket, Db, Store, StoreError, append::micros, keys::Progress, rollup::LEVELS};
use crate::domain::{Quantiles, SeriesId, Timestamp};

/// How far from a bucket an expectation may lie and still be its.
const NEAR: i64 = 90_000_000;

impl Store {
    /// One metric's history from `from` (inclusive) to `to` (exclusive) in at most about `buckets` equal buckets, oldest first;
    /// empty buckets are left out. Takes raw values or the finest roll-up that covers the range.
    ///
    /// A bucket is `(to − from) / buckets` long, rounded up to whole microseconds, and begins at a multiple of its length since the
    /// epoch, so that the buckets of a moving range stay the same; there may be `buckets` + 1 of them. Roll-ups no longer than a
    /// bucket stand in for values, and count where they begin; the ends of the range come from values where those are kept.
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
        let (from, to) = (micros(from), micros(to));
        if from >= to {
            return Ok(Vec::new());
        }
        let length = (to - from - 1) / i64::try_from(buckets).unwrap_or(i64::MAX).max(1) + 1;
        self.with(|db| match db.keys.series.get(id) {
            Some(key) => Ok(db.history(*key, from, to, length)?),
            None => Ok(Vec::new()),
        })
    }
}

impl Db {
    fn history(&self, key: i32, from: i64, to: i64, length: i64) -> Result<Vec<Bucket>, duckdb::Error> {
        let parts: Vec<String> = pieces(&self.keys.progress, from, to, length)
            .iter()
            .map(|piece| {
                let level = &LEVELS[piece.level];
                let (columns, table) = (level.columns, level.table);
                let (from, to) = (piece.from, piece.to);
                format!("SELECT {columns} FROM {table} WHERE series = {key} AND observed_at >= {from} AND observed_at < {to}")
            })
            .collect();
        let mut statement = self.conn.prepare(&format!(
            "SELECT observed_at - (observed_at % {length} + {length}) % {length} AS bucket, sum(n)::BIGINT, min(low), max(high),
               sum(mean * n) / sum(n), arg_max(last, observed_at), max(bits)
             FROM ({}) GROUP BY bucket ORDER BY bucket",
            parts.join(" UNION ALL ")
        ))?;
        let buckets = statement.query_map([], |row| {
            let (min, max) = (row.get(2)?, row.get(3)?);
            Ok(Bucket {
                at: Timestamp(row.get(0)?),
                count: row.get(1)?,
                min,
                max,
                mean: mean_within(row.get(4)?, min, max),
                last: row.get(5)?,
                bits: row.get(6)?,
                expected: None,
            })
        })?;
        let mut buckets = buckets.collect::<Result<Vec<_>, _>>()?;
        self.expect(key, from, to, length, &mut buckets)?;
        Ok(buckets)
    }

    /// Gives each bucket the newest expectation before its end.
    fn expect(&self, key: i32, from: i64, to: i64, length: i64, buckets: &mut [Bucket]) -> Result<(), duckdb::Error> {
        let (grid, first) = (length.max(60_000_000), from - NEAR);
        let mut statement = self.conn.prepare(&format!(
            "SELECT max(expected_at), arg_max(q025, expected_at), arg_max(q10, expected_at), arg_max(q50, expected_at),
               arg_max(q90, expected_at), arg_max(q975, expected_at)
             FROM expected WHERE series = {key} AND expected_at >= {first} AND expected_at < {to}
             GROUP BY expected_at - (expected_at % {grid} + {grid}) % {grid} ORDER BY 1"
        ))?;
        let expected = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, quantiles(row, 1)?)))?;
        let expected = expected.collect::<Result<Vec<_>, _>>()?;
        let mut next = 0;
        for bucket in buckets {
            while next < expected.len() && expected[next].0 < bucket.at.0 + length {
                next += 1;
            }
            let newest = next.checked_sub(1).map(|place| expected[place]);
            bucket.expected = newest
                .filter(|(at, _)| *at >= bucket.at.0 - NEAR)
                .map(|(_, quantiles)| quantiles);
        }
        Ok(())
    }
}

/// A stretch of time and the roll-up it is read from; level 0 are values.
#[derive(Debug, PartialEq)]
struct Piece {
    level: usize,
    from: i64,
    to: i64,
}

/// What to read for `from..to` in buckets of `length`: the coarsest level that is fine enough, a coarser one where that is gone,
/// finer ones at the ends and for what is not rolled up yet. Pieces do not overlap.
fn pieces(progress: &Progress, from: i64, to: i64, length: i64) -> Vec<Piece> {
    let fitting = (1..LEVELS.len())
        .rev()
        .find(|level| LEVELS[*level].length <= length)
        .unwrap_or(0);
    let (mut pieces, mut upper) = (Vec::new(), to);
    for level in fitting..LEVELS.len() {
        let lower = from.max(progress.from[level]);
        if lower < upper {
            cover(progress, level, lower, upper, &mut pieces);
            upper = lower;
        }
    }
    pieces
}

fn cover(progress: &Progress, level: usize, from: i64, to: i64, pieces: &mut Vec<Piece>) {
    if from >= to {
        return;
    }
    if level == 0 {
        return pieces.push(Piece { level, from, to });
    }
    let length = LEVELS[level].length;
    let first = -(-from).div_euclid(length) * length;
    let last = to.min(progress.rolled).div_euclid(length) * length;
    if first < last {
        cover(progress, level - 1, from, first, pieces);
        pieces.push(Piece {
            level,
            from: first,
            to: last,
        });
        cover(progress, level - 1, last, to, pieces);
    } else {
        cover(progress, level - 1, from, to, pieces);
    }
}

/// A mean that overflowed on the way, or lost its last digit, is put where a mean must be.
pub(super) fn mean_within(mean: f64, min: f64, max: f64) -> f64 {
    if mean.is_nan() {
        f64::midpoint(min, max)
    } else {
        mean.clamp(min, max)
    }
}

/// The 13 quantiles from the five kept (levels 0.025, 0.1, 0.5, 0.9, 0.975) at `column` on, linear between them.
pub(super) fn quantiles(row: &duckdb::Row<'_>, column: usize) -> Result<Quantiles, duckdb::Error> {
    const KEPT: [usize; 5] = [0, 2, 6, 10, 12];
    use crate::domain::LEVELS as AT;
    let mut quantiles = [0.0; 13];
    for (place, level) in KEPT.iter().enumerate() {
        quantiles[*level] = f64::from(row.get::<_, f32>(column + place)?);
    }
    for ends in KEPT.windows(2) {
        let (low, high) = (ends[0], ends[1]);
        for level in low + 1..high {
            let share = (AT[level] - AT[low]) / (AT[high] - AT[low]);
            quantiles[level] = quantiles[low] + (quantiles[high] - quantiles[low]) * share;
        }
    }
    Ok(Quantiles(quantiles).tidy(f64::MIN, f64::MAX))
}
