//! One metric over time, from values and roll-ups.

use super::{Bucket, Db, Store, StoreError, cell::micros, keys::Progress, rollup::LEVELS};
use crate::domain::{Quantiles, SeriesId, Span, Timestamp};

/// How far from a bucket an expectation may lie and still be its.
const NEAR: i64 = 90_000_000;

impl Store {
    /// One metric's history from `from` (inclusive) to `to` (exclusive) in at most about `buckets` equal buckets, oldest first;
    /// empty buckets are left out. Takes raw values or the finest roll-up that covers the range.
    ///
    /// A bucket is `(to − from) / buckets` long, rounded up to whole microseconds, and begins at a multiple of its length since the
    /// epoch, so that the buckets of a moving range stay the same; there may be `buckets` + 1 of them. Roll-ups no longer than a
    /// bucket stand in for values, and count where they begin; the ends of the range come from values where those are kept. What came
    /// after its minute was rolled up counts in roll-ups from the next [`Store::maintain`] on.
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

impl Store {
    /// The greatest surprise of every metric from `from` (inclusive) to `to` (exclusive) in buckets of `length` that begin at multiples
    /// of it since the epoch; empty buckets are left out.
    ///
    /// # Errors
    /// On a database error.
    pub fn surprises(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        length: Span,
    ) -> Result<Vec<(SeriesId, Timestamp, f32)>, StoreError> {
        let (from, to, length) = (micros(from), micros(to), length.0.max(1));
        if from >= to {
            return Ok(Vec::new());
        }
        self.with(|db| {
            let parts: Vec<String> = pieces(&db.keys.progress, from, to, length)
                .iter()
                .map(|piece| {
                    let table = LEVELS[piece.level].table;
                    let (from, to) = (piece.from, piece.to);
                    format!("SELECT series, observed_at, bits FROM {table} WHERE observed_at >= {from} AND observed_at < {to}")
                })
                .collect();
            if parts.is_empty() {
                return Ok(Vec::new());
            }
            let mut statement = db.conn.prepare(&format!(
                "SELECT r.name, s.name, bucket, bits FROM (SELECT series, observed_at - (observed_at % {length} + {length}) % {length}
                   AS bucket, max(bits) AS bits FROM ({}) GROUP BY series, bucket) o
                 JOIN series s ON s.key = o.series JOIN resource r ON r.key = s.resource ORDER BY bucket, o.series",
                parts.join(" UNION ALL ")
            ))?;
            let rows = statement.query_map([], |row| {
                let (resource, name): (String, String) = (row.get(0)?, row.get(1)?);
                Ok((format!("{resource}/{name}"), Timestamp(row.get(2)?), row.get(3)?))
            })?;
            let mut surprises = Vec::new();
            for row in rows {
                let (name, at, bits) = row?;
                if let Ok(id) = name.parse() {
                    surprises.push((id, at, bits));
                }
            }
            Ok(surprises)
        })
    }

    /// The share of values, 0 to 1, that lay inside their 80 % and 95 % bands from `from` (inclusive) to `to` (exclusive), of those
    /// whose expectation was kept; `None` of none.
    ///
    /// # Errors
    /// On a database error.
    pub fn held(&mut self, from: Timestamp, to: Timestamp) -> Result<Option<(f64, f64)>, StoreError> {
        self.with(|db| {
            let held: (Option<f64>, Option<f64>) = db.conn.query_row(
                "SELECT avg((o.value BETWEEN e.q10 AND e.q90)::INTEGER), avg((o.value BETWEEN e.q025 AND e.q975)::INTEGER)
                 FROM expected e JOIN metric_obs o ON o.series = e.series AND o.observed_at = e.expected_at
                 WHERE e.expected_at >= ? AND e.expected_at < ?",
                [micros(from), micros(to)],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            Ok(held.0.zip(held.1))
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
        if parts.is_empty() {
            return Ok(Vec::new());
        }
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
pub(super) struct Piece {
    pub level: usize,
    pub from: i64,
    pub to: i64,
}

/// What to read for `from..to` in buckets of `length`: the coarsest level that is fine enough, a coarser one where that is gone,
/// finer ones at the ends and for what is not rolled up yet. Pieces do not overlap.
pub(super) fn pieces(progress: &Progress, from: i64, to: i64, length: i64) -> Vec<Piece> {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        domain::Span,
        store::{Write, sample::*},
    };

    /// (start, count, min, max, last) of buckets of `length` from all values at once.
    fn naive(values: &BTreeMap<i64, f64>, from: i64, to: i64, length: i64) -> Vec<(i64, u64, f64, f64, f64)> {
        let mut buckets = BTreeMap::new();
        for (at, value) in values.range(from..to) {
            let bucket = buckets
                .entry(at.div_euclid(length) * length)
                .or_insert((0, f64::MAX, f64::MIN, 0.0));
            *bucket = (bucket.0 + 1, value.min(bucket.1), value.max(bucket.2), *value);
        }
        buckets
            .into_iter()
            .map(|(at, (n, low, high, last))| (at, n, low, high, last))
            .collect()
    }

    fn told(buckets: &[Bucket]) -> Vec<(i64, u64, f64, f64, f64)> {
        buckets
            .iter()
            .map(|it| (it.at.0, it.count, it.min, it.max, it.last))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn buckets_hold_what_a_plain_count_holds(
            batches in prop::collection::vec((-9_000..9_000i64, 1..40i64, 1..90i64, prop::option::of(-9_000..20_000i64)), 1..6),
            from in -10_000..10_000i64, span in 1..20_000i64, buckets in 1usize..50,
        ) {
            let (mut store, mut all) = (memory(), BTreeMap::new());
            for (start, count, step, maintained) in batches {
                let part: Vec<_> = (0..count).map(|n| (after(start + n * step), (start + n * 31 % 17) as f64)).collect();
                all.extend(part.iter().map(|(at, value)| (at.0, *value)));
                store.append(&values("cpu", part)).unwrap();
                if let Some(now) = maintained {
                    store.maintain(after(now)).unwrap();
                }
            }
            // Buckets shorter than a minute come from values, and are exact.
            let (from, to) = (after(from), after(from + span));
            let fine = (span as usize / 59 + 1).max(buckets);
            let length = (to.0 - from.0 - 1) / fine as i64 + 1;
            prop_assert_eq!(told(&store.history(&id("cpu"), from, to, fine).unwrap()), naive(&all, from.0, to.0, length));
            // Roll-ups count where they begin, so nothing is lost or counted twice over the range, whatever the buckets are.
            store.maintain(after(20_000)).unwrap();
            let whole = store.history(&id("cpu"), from, to, buckets).unwrap();
            prop_assert_eq!(whole.iter().map(|it| it.count).sum::<u64>(), all.range(from.0..to.0).count() as u64);
            prop_assert!(whole.len() <= buckets + 1);
            for pair in whole.windows(2) {
                prop_assert!(pair[0].at < pair[1].at);
            }
            // Whole hours come from hours, and are exact.
            let (from, to) = (after(-14_400), after(36_000));
            let hours = store.history(&id("cpu"), from, to, 14).unwrap();
            prop_assert_eq!(told(&hours), naive(&all, from.0, to.0, Span::from_hours(1).0));
        }

        #[test]
        fn pieces_cover_the_range_once(from in -9_000_000_000..9_000_000_000i64, span in 1..90_000_000_000i64, length in 1..9_000_000_000i64,
            rolled in -200..200i64, cuts in prop::array::uniform4(-20..5i64)) {
            let progress = Progress { rolled: rolled * 60_000_000, from: cuts.map(|hour| hour * 3_600_000_000) };
            let mut pieces = pieces(&progress, from, from + span, length);
            pieces.sort_by_key(|piece| piece.from);
            prop_assert!(pieces.iter().all(|piece| piece.from < piece.to));
            prop_assert!(pieces.windows(2).all(|pair| pair[0].to == pair[1].from));
            if let (Some(first), Some(last)) = (pieces.first(), pieces.last()) {
                prop_assert!(first.from >= from && last.to == from + span);
            }
            prop_assert!(pieces.iter().all(|piece| piece.level == 0 || piece.to <= progress.rolled));
        }
    }

    #[test]
    fn buckets_say_what_was_expected() {
        let mut store = memory();
        store.append(&values("cpu", (0..600).map(|n| (after(n), 1.0)))).unwrap();
        let expected = (0..10)
            .map(|n| (id("cpu"), after(n * 60), Quantiles::certain(n as f64)))
            .collect();
        store
            .append(&Write {
                expected,
                ..Write::default()
            })
            .unwrap();
        let medians = |store: &mut Store, buckets| -> Vec<f64> {
            let history = store.history(&id("cpu"), after(0), after(600), buckets).unwrap();
            history.iter().map(|it| it.expected.unwrap().median()).collect()
        };
        assert_eq!(medians(&mut store, 5), [1.0, 3.0, 5.0, 7.0, 9.0]);
        assert_eq!(medians(&mut store, 60)[..8], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn an_empty_range_an_unknown_metric_and_no_buckets_are_nothing_to_fear() {
        let mut store = memory();
        store.append(&values("cpu", [(T0, 1.0)])).unwrap();
        assert!(store.history(&id("cpu"), T0, T0, 10).unwrap().is_empty());
        assert!(store.history(&id("cpu"), after(5), T0, 10).unwrap().is_empty());
        assert!(store.history(&id("other"), T0, after(5), 10).unwrap().is_empty());
        assert_eq!(store.history(&id("cpu"), T0, after(5), 0).unwrap().len(), 1);
        assert_eq!(
            store
                .history(&id("cpu"), Timestamp(i64::MIN), Timestamp(i64::MAX), usize::MAX)
                .unwrap()
                .len(),
            1
        );
    }
}
