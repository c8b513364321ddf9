//! What goes, and when.

use super::{
    Db, Store, StoreError,
    open::{LOG_BYTES, LOG_BYTES_KEPT, memory_limit},
    rollup::{HOUR, LEVELS},
};
use crate::domain::Timestamp;

/// What DuckDB may hold between two rounds of maintenance.
const IDLE_MEMORY: &str = "SET memory_limit = '8MB'";

impl Store {
    /// Rolls finished minutes, five minutes and hours up, drops what is older than kept, and keeps the file under its cap.
    ///
    /// A minute is finished one minute after its end; a value that comes later yet makes its buckets be rolled up again, so none
    /// is lost. Things go by whole hours. Above 95 % of the cap the oldest values go, then what was expected, minutes, five minutes
    /// and hours, until 90 % are left; a file still above its cap (it was lowered) is compacted. The audit and the newest value of
    /// each setting always stay. It can be called at any time and as often as one likes.
    ///
    /// # Errors
    /// On a database error; what was done before it stays done.
    pub fn maintain(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let now = super::cell::micros(now);
        let keep = [
            self.options.keep_raw,
            self.options.keep_minutes,
            self.options.keep_five_minutes,
            self.options.keep_hours,
        ];
        let until = keep.map(|keep| now.saturating_sub(keep.0.max(HOUR)));
        // In parts, so that a store that was long closed needs no more memory than an open one.
        while self.step(Db::roll_up_late)? || self.step(|db| db.roll_up(now))? {
            self.fold_log(LOG_BYTES);
        }
        self.step(|db| db.forget(until))?;
        // Before the size is looked at: folding may make the file longer than the log was.
        self.fold_log(LOG_BYTES_KEPT);
        self.keep_small()?;
        self.let_go()
    }

    /// Gives back the memory that reading took: what was read to open a large store, or to answer a question, is not needed again.
    ///
    /// # Errors
    /// On a database error.
    pub fn let_go(&mut self) -> Result<(), StoreError> {
        let limit = memory_limit(&self.options, 0);
        self.with(|db| {
            // DuckDB keeps every block it ever read up to its limit; lowering the limit for a moment lets go of them. It says no
            // when it cannot get that low, having let go of what it could.
            let _ = db.conn.execute_batch(IDLE_MEMORY);
            Ok(db.conn.execute_batch(&format!("SET memory_limit = '{limit}'"))?)
        })
    }

    /// Runs one transaction, and undoes what a failed one left.
    fn step<T>(&mut self, work: impl FnOnce(&mut Db) -> Result<T, duckdb::Error>) -> Result<T, StoreError> {
        self.with(|db| {
            let done = work(db);
            if done.is_err() {
                // It says no when the transaction is gone already.
                let _ = db.conn.execute_batch("ROLLBACK");
            }
            Ok(done?)
        })
    }

    fn keep_small(&mut self) -> Result<(), StoreError> {
        let most = self.options.max_bytes;
        if self.path.is_none() || self.bytes() <= most / 100 * 95 {
            return Ok(());
        }
        self.checkpoint()?;
        // A file above its cap with hardly any free blocks is none that compacting would help: something has to go.
        if self.with(|db| Ok(db.used()?))? > most / 100 * 95 || self.bytes() > most {
            while self.step(|db| Ok(db.used()? > most / 100 * 90 && db.forget_oldest()?))? {
                self.checkpoint()?;
            }
        }
        let bytes = self.bytes();
        if bytes > most && self.with(|db| Ok(db.used()?))? < bytes / 10 * 9 {
            let (before, after) = self.compact()?;
            tracing::info!(before, after, "the store was above its size and is compacted");
        }
        Ok(())
    }
}

impl Db {
    /// Drops what is older than `until`, by level of roll-up, in whole hours that are rolled up.
    fn forget(&mut self, until: [i64; 4]) -> Result<(), duckdb::Error> {
        let mut from = self.keys.progress.from;
        for (from, until) in from.iter_mut().zip(until) {
            let hour = until.min(self.keys.progress.rolled).div_euclid(HOUR) * HOUR;
            *from = hour.max(*from);
        }
        if from == self.keys.progress.from {
            return Ok(());
        }
        let within = self.conn.unchecked_transaction()?;
        for (number, level) in LEVELS.iter().enumerate() {
            if from[number] > self.keys.progress.from[number] {
                let (table, upto) = (level.table, from[number]);
                within.execute_batch(&format!(
                    "DELETE FROM {table} WHERE observed_at < {upto};
                     UPDATE progress SET reached = {upto} WHERE name = 'from_{number}'"
                ))?;
            }
        }
        let (minutes, hours) = (from[1], from[3]);
        within.execute_batch(&format!(
            "DELETE FROM expected WHERE expected_at < {minutes};
             DELETE FROM event WHERE happened_at < {hours};
             DELETE FROM backfill WHERE last_at < {hours};
             DELETE FROM finding WHERE shown_at < {hours};
             DELETE FROM proposal WHERE shown_at < {hours};
             DELETE FROM score WHERE scored_at < {hours};"
        ))?;
        if within
            .prepare(&format!("FROM setting_change WHERE changed_at < {hours} LIMIT 1"))?
            .exists([])?
        {
            within.execute_batch(&format!(
                "DELETE FROM setting_change WHERE rowid IN (SELECT id FROM (SELECT rowid AS id,
                   row_number() OVER (PARTITION BY series ORDER BY changed_at DESC, rowid DESC) AS place
                   FROM setting_change WHERE changed_at < {hours}) WHERE place > 1)"
            ))?;
        }
        within.commit()?;
        self.keys.progress.from = from;
        Ok(())
    }

    /// Drops the oldest eighth of the finest level that can spare an hour; `false` when none can.
    fn forget_oldest(&mut self) -> Result<bool, duckdb::Error> {
        let rolled = self.keys.progress.rolled.div_euclid(HOUR) * HOUR;
        for (number, level) in LEVELS.iter().enumerate() {
            let ends = format!("SELECT min(observed_at), max(observed_at) FROM {}", level.table);
            let ends: (Option<i64>, Option<i64>) =
                self.conn.query_row(&ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let (Some(first), Some(last)) = ends else { continue };
            let upto = (first + (last - first) / 8).div_euclid(HOUR) * HOUR;
            let upto = upto.max(first.div_euclid(HOUR) * HOUR + HOUR).min(rolled);
            if upto <= first {
                continue;
            }
            let within = self.conn.unchecked_transaction()?;
            within.execute_batch(&format!(
                "DELETE FROM {} WHERE observed_at < {upto};
                 DELETE FROM expected WHERE expected_at < {upto};
                 UPDATE progress SET reached = greatest(reached, {upto}) WHERE name = 'from_{number}'",
                level.table
            ))?;
            within.commit()?;
            let from = &mut self.keys.progress.from[number];
            *from = upto.max(*from);
            return Ok(true);
        }
        Ok(false)
    }

    /// Bytes in use within the file.
    fn used(&self) -> Result<u64, duckdb::Error> {
        let sql =
            "SELECT block_size * used_blocks FROM pragma_database_size() WHERE database_name = current_database()";
        self.conn.query_row(sql, [], |row| row.get(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Span, StoreOptions},
        store::{Bucket, Write, sample::*},
    };

    fn wave(hours: i64) -> Write {
        values("cpu", (0..hours * 360).map(|n| (after(n * 10), (n * 37 % 101) as f64)))
    }

    fn hourly(store: &mut Store, hours: i64) -> Vec<Bucket> {
        store
            .history(&id("cpu"), T0, after(hours * 3_600), hours as usize)
            .unwrap()
    }

    #[test]
    fn what_was_rolled_up_stays_when_its_values_go() {
        let options = StoreOptions {
            keep_raw: Span::from_hours(2),
            keep_minutes: Span::from_hours(4),
            ..options()
        };
        let mut store = Store::in_memory(&options).unwrap();
        store.append(&wave(12)).unwrap();
        let before = hourly(&mut store, 12);
        let end = after(12 * 3_600 + 200);
        for _ in 0..2 {
            store.maintain(end).unwrap();
            assert_eq!(hourly(&mut store, 12), before);
        }
        let rows: std::collections::HashMap<_, _> = store.info().unwrap().rows.into_iter().collect();
        assert_eq!(
            (
                rows["metric_obs"],
                rows["metric_1m"],
                rows["metric_5m"],
                rows["metric_1h"]
            ),
            (2 * 360, 4 * 60, 144, 12)
        );
        // Too fine a question about the past is answered by what is there.
        let past = store.history(&id("cpu"), T0, after(3_600), 600).unwrap();
        assert_eq!((past.len(), past.iter().map(|it| it.count).sum::<u64>()), (12, 360));
        assert_eq!(store.metrics_as_of(after(3_700)).unwrap()[0].1.at, after(3_300));
        // A value that comes after all that is added to what is there.
        store
            .append(&values("cpu", [(after(7), 1_000.0), (after(11 * 3_600), 1_000.0)]))
            .unwrap();
        store.maintain(end).unwrap();
        let after_late = hourly(&mut store, 12);
        assert_eq!(
            (after_late[0].count, after_late[0].max, after_late[0].last),
            (361, 1_000.0, before[0].last)
        );
        assert_eq!((after_late[11].count, after_late[11].max), (360, 1_000.0));
        assert_eq!(after_late[1..11], before[1..11]);
        store.maintain(end).unwrap();
        assert_eq!(hourly(&mut store, 12), after_late);
    }

    #[test]
    fn maintaining_each_minute_gives_what_maintaining_once_gives() {
        let (mut often, mut once) = (memory(), memory());
        for minute in 0..150 {
            let write = values(
                "cpu",
                (0..6).map(|n| (after(minute * 60 + n * 10), (minute * n) as f64)),
            );
            often.append(&write).unwrap();
            often.maintain(after(minute * 60 + 60)).unwrap();
            once.append(&write).unwrap();
        }
        often.maintain(after(9_300)).unwrap();
        once.maintain(after(9_300)).unwrap();
        for table in ["metric_1m", "metric_5m", "metric_1h"] {
            let sql = format!("FROM {table} ORDER BY ALL");
            let rows = often.sql(&sql, 999).unwrap().rows;
            assert!(!rows.is_empty());
            assert_eq!(rows, once.sql(&sql, 999).unwrap().rows);
        }
    }

    /// What is in the log is in memory too, many times as large.
    #[test]
    fn upkeep_leaves_no_long_log() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("store.duckdb"), &options()).unwrap();
        store.append(&wave(60)).unwrap();
        assert!((LOG_BYTES_KEPT..LOG_BYTES).contains(&store.log_bytes()));
        store.maintain(after(60 * 3_600)).unwrap();
        assert_eq!(store.log_bytes(), 0);
    }

    #[test]
    fn old_things_go_and_the_state_of_settings_stays() {
        let options = StoreOptions {
            keep_hours: Span::from_hours(1),
            ..options()
        };
        let mut store = Store::in_memory(&options).unwrap();
        store.append(&everything()).unwrap();
        store
            .append(&Write {
                changes: vec![change("sysctl.vm.swappiness", after(20), Some("1"), Some("5"))],
                ..Write::default()
            })
            .unwrap();
        store.maintain(after(90_000)).unwrap();
        assert_eq!(store.settings_as_of(after(90_000)).unwrap().len(), 2);
        assert_eq!(store.changes(T0, after(90_000), 9).unwrap().len(), 1);
        assert!(store.events(T0, after(90_000), 9).unwrap().is_empty());
        assert!(store.findings(T0, after(90_000)).unwrap().is_empty());
        assert!(
            store
                .history(&id("cpu.busy_pct"), T0, after(90_000), 5)
                .unwrap()
                .is_empty()
        );
        assert_eq!(store.audit(9).unwrap().0.len(), 2);
    }

    #[test]
    fn the_file_keeps_under_its_cap_and_loses_the_oldest_values_first() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            max_bytes: 8 << 20,
            ..options()
        };
        let mut store = Store::open(&folder.path().join("store.duckdb"), &options).unwrap();
        let mut random = fastrand::Rng::with_seed(1);
        for hour in 0..24 {
            let part = (0..20).flat_map(|series| (0..1_800).map(move |n| (series, n)));
            let observations = part
                .map(|(series, n)| seen(&format!("m.{series}"), after(hour * 3_600 + n * 2), random.f64()))
                .collect();
            store
                .append(&Write {
                    observations,
                    ..Write::default()
                })
                .unwrap();
            store.maintain(after(hour * 3_600 + 3_700)).unwrap();
            assert!(store.bytes() <= 8 << 20, "{} bytes in hour {hour}", store.bytes());
        }
        let raw = store
            .sql(
                "SELECT count(*), date_diff('hour', min(observed_at), max(observed_at)) FROM metrics",
                1,
            )
            .unwrap();
        let kept = raw.rows[0][0].as_u64().unwrap();
        assert!(kept > 100_000 && kept < 24 * 36_000, "{kept} values");
        assert_eq!(
            store
                .history(&id("m.0"), T0, after(24 * 3_600), 24)
                .unwrap()
                .iter()
                .map(|it| it.count)
                .sum::<u64>(),
            24 * 1_800
        );
    }
}
