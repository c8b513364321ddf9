//! What goes, and when.

use super::{
    Db, Store, StoreError,
    rollup::{HOUR, LEVELS},
};
use crate::domain::Timestamp;

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
        let now = super::append::micros(now);
        let keep = [
            self.options.keep_raw,
            self.options.keep_minutes,
            self.options.keep_five_minutes,
            self.options.keep_hours,
        ];
        self.with(|db| {
            let done = db.roll_up_late().and_then(|()| db.roll_up(now)).and_then(|()| {
                let until = keep.map(|keep| now.saturating_sub(keep.0.max(HOUR)));
                db.forget(until)
            });
            if done.is_err() {
                // The failed step is undone already, or else now.
                let _ = db.conn.execute_batch("ROLLBACK");
            }
            Ok(done?)
        })?;
        self.keep_small()
    }

    fn keep_small(&mut self) -> Result<(), StoreError> {
        let most = self.options.max_bytes;
        if self.path.is_none() || self.bytes() <= most / 100 * 95 {
            return Ok(());
        }
        self.checkpoint()?;
        if self.with(|db| Ok(db.used()?))? > most / 100 * 95 {
            while self.with(|db| Ok(db.used()? > most / 100 * 90 && db.forget_oldest()?))? {
                self.checkpoint()?;
            }
        }
        if self.bytes() > most {
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
