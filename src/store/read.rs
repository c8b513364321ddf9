//! What was known at a time, and what happened in a range.

use duckdb::Row;

use super::{Db, Store, StoreError, StoreInfo, cell::micros, keys::unreadable, rollup::LEVELS};
use crate::domain::{
    Event, EventKind, Finding, MetricKind, MetricMeta, Proposal, ResourceId, SeriesId, SettingChange, Span, Timestamp,
    Unit, Value, packed,
};

impl Store {
    /// All settings as they were known at `at`, since when each was so, and the change that made it so (none: as first seen).
    ///
    /// # Errors
    /// On a database error.
    #[allow(clippy::type_complexity, reason = "a row as it is read")]
    pub fn settings_as_of(
        &mut self,
        at: Timestamp,
    ) -> Result<Vec<(SeriesId, Value, Timestamp, Option<SettingChange>)>, StoreError> {
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT series, changed_at, previous, value, changed_by, backfilled, initial FROM setting_change WHERE changed_at <= ?
                 QUALIFY row_number() OVER (PARTITION BY series ORDER BY changed_at DESC, rowid DESC) = 1 ORDER BY series",
            )?;
            let mut rows = statement.query([micros(at)])?;
            let mut settings = Vec::new();
            while let Some(row) = rows.next()? {
                let change = db.change(row)?;
                if let Some(value) = change.to.clone() {
                    let initial: bool = row.get(6)?;
                    settings.push((change.id.clone(), value, change.at, (!initial).then_some(change)));
                }
            }
            Ok(settings)
        })
    }

    /// Changes of settings in a range (`to` exclusive), oldest first, at most `limit` newest ones.
    ///
    /// # Errors
    /// On a database error.
    pub fn changes(&mut self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<SettingChange>, StoreError> {
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT series, changed_at, previous, value, changed_by, backfilled FROM setting_change
                 WHERE changed_at >= ? AND changed_at < ? AND NOT initial ORDER BY changed_at DESC, rowid DESC LIMIT ?",
            )?;
            let rows = statement.query_map((micros(from), micros(to), most(limit)), |row| db.change(row))?;
            let mut changes = rows.collect::<Result<Vec<_>, _>>()?;
            changes.reverse();
            Ok(changes)
        })
    }

    /// Events in a range (`to` exclusive), oldest first, at most `limit` newest ones.
    ///
    /// # Errors
    /// On a database error.
    pub fn events(&mut self, from: Timestamp, to: Timestamp, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT e.happened_at, r.name, e.kind, e.what, e.who, e.backfilled FROM event e JOIN resource r ON r.key = e.resource
                 WHERE e.happened_at >= ? AND e.happened_at < ? ORDER BY e.happened_at DESC, e.rowid DESC LIMIT ?",
            )?;
            let rows = statement.query_map((micros(from), micros(to), most(limit)), event)?;
            let mut events = rows.collect::<Result<Vec<_>, _>>()?;
            events.reverse();
            Ok(events)
        })
    }

    /// Findings that held at any time of the range, each as it was last shown within it, oldest first.
    ///
    /// Both ends belong to the range: `findings(t, t)` is what the console showed at `t`.
    ///
    /// # Errors
    /// On a database error.
    pub fn findings(&mut self, from: Timestamp, to: Timestamp) -> Result<Vec<Finding>, StoreError> {
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT body FROM (SELECT body, id, since, ended FROM finding WHERE shown_at <= ?
                   QUALIFY row_number() OVER (PARTITION BY id ORDER BY shown_at DESC, rowid DESC) = 1)
                 WHERE since <= ? AND (ended IS NULL OR ended >= ?) ORDER BY since, id",
            )?;
            let to = micros(to);
            let rows = statement.query_map((to, to, micros(from)), unpacked)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Proposals that stood at `at`, as shown then, oldest first.
    ///
    /// # Errors
    /// On a database error.
    pub fn proposals_as_of(&mut self, at: Timestamp) -> Result<Vec<Proposal>, StoreError> {
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT body FROM (SELECT body, id, stands, shown_at FROM proposal WHERE shown_at <= ?
                   QUALIFY row_number() OVER (PARTITION BY id ORDER BY shown_at DESC, rowid DESC) = 1)
                 WHERE stands ORDER BY shown_at, id",
            )?;
            let rows = statement.query_map([micros(at)], unpacked)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// A named blob, if it was ever written.
    ///
    /// # Errors
    /// On a database error.
    pub fn state(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|db| {
            let mut statement = db.conn.prepare("SELECT body FROM state WHERE name = ?")?;
            let found = statement.query([name])?.next()?.map(|row| row.get(0)).transpose()?;
            Ok(found)
        })
    }

    /// The time of the newest single value; `None` without one.
    ///
    /// # Errors
    /// On a database error.
    pub fn newest(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.with(|db| {
            let newest: Option<i64> = db
                .conn
                .query_row("SELECT max(observed_at) FROM metric_obs", [], |row| row.get(0))?;
            Ok(newest.map(Timestamp))
        })
    }

    /// The highest number of a proposal that was kept; 0 without one.
    ///
    /// # Errors
    /// On a database error.
    pub fn numbered(&mut self) -> Result<u64, StoreError> {
        // Numbers above were hashes, before they were made to be typed.
        let sql = "SELECT coalesce(max(id), 0)::UBIGINT FROM proposal WHERE id < 4294967296";
        self.with(|db| Ok(db.conn.query_row(sql, [], |row| row.get(0))?))
    }

    /// The store's own 32-byte key for hashing secrets, made when the store was made from `/dev/urandom`.
    ///
    /// # Errors
    /// On a database error.
    pub fn secret_key(&mut self) -> Result<[u8; 32], StoreError> {
        self.with(|db| {
            let key: Vec<u8> = db.conn.query_row("SELECT key FROM secret_key", [], |row| row.get(0))?;
            Ok(key.try_into().map_err(|_| duckdb::Error::QueryReturnedNoRows)?)
        })
    }

    /// How it is. Counts every table, so it is for asking and not for every frame.
    ///
    /// # Errors
    /// On a database error.
    pub fn info(&mut self) -> Result<StoreInfo, StoreError> {
        let (path, bytes) = (self.path.clone().unwrap_or_default(), self.bytes());
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary
                   AND table_name NOT IN ('migration', 'secret_key', 'progress', 'late') ORDER BY table_oid",
            )?;
            let tables = statement
                .query_map([], |row| row.get::<_, String>(0))?
                .collect::<Result<Vec<_>, _>>()?;
            let mut rows = Vec::new();
            for table in tables {
                let count = db
                    .conn
                    .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
                rows.push((table, count));
            }
            let mut from: Option<i64> = None;
            for level in LEVELS {
                let oldest = format!("SELECT min(observed_at) FROM {}", level.table);
                let oldest: Option<i64> = db.conn.query_row(&oldest, [], |row| row.get(0))?;
                from = from.into_iter().chain(oldest).min();
            }
            Ok(StoreInfo {
                path,
                bytes,
                from: from.map(Timestamp),
                rows,
            })
        })
    }
}

impl Db {
    /// A change from the columns series, changed_at, previous, value, changed_by, backfilled.
    pub(super) fn change(&self, row: &Row<'_>) -> Result<SettingChange, duckdb::Error> {
        let value = |column| {
            let json: Option<String> = row.get(column)?;
            json.map(|json| serde_json::from_str::<Value>(&json).map_err(|error| unreadable(column, error)))
                .transpose()
        };
        Ok(SettingChange {
            id: self.keys.known[row.get::<_, usize>(0)?].id.clone(),
            at: Timestamp(row.get(1)?),
            from: value(2)?,
            to: value(3)?,
            by: row.get::<_, Option<String>>(4)?.map(Into::into),
            after: None,
            backfilled: row.get(5)?,
        })
    }
}

fn event(row: &Row<'_>) -> Result<Event, duckdb::Error> {
    let resource: ResourceId = row.get::<_, String>(1)?.parse().map_err(|error| unreadable(1, error))?;
    let kind = serde_json::Value::String(row.get(2)?);
    Ok(Event {
        at: Timestamp(row.get(0)?),
        resource,
        kind: serde_json::from_value::<EventKind>(kind).map_err(|error| unreadable(2, error))?,
        what: row.get::<_, String>(3)?.into(),
        who: row.get::<_, Option<String>>(4)?.map(Into::into),
        backfilled: row.get(5)?,
    })
}

pub(super) fn unpacked<T: serde::de::DeserializeOwned>(row: &Row<'_>) -> Result<T, duckdb::Error> {
    packed::unpack(&row.get::<_, Vec<u8>>(0)?).map_err(|error| unreadable(0, error))
}

/// What is known of a metric that no source has described.
pub(super) fn undescribed(id: &SeriesId) -> MetricMeta {
    MetricMeta {
        id: id.clone(),
        unit: Unit::None,
        kind: MetricKind::Gauge,
        cadence: Span::ZERO,
        source: "".into(),
        limit: None,
    }
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Write, sample::*};

    fn comes_back(store: &mut Store) {
        let written = everything();
        let metrics = store.metrics_as_of(after(60)).unwrap();
        assert_eq!(metrics.len(), 2);
        let (meta, bucket) = &metrics[0];
        assert_eq!(meta, &written.metrics[0]);
        assert_eq!((bucket.at, bucket.last, bucket.bits), (after(2), 4.0, 0.5));
        let expected = bucket.expected.unwrap();
        assert!((expected.median() - 5.0).abs() < 1e-6 && (expected.0[3] - 2.0).abs() < 1e-6);
        let settings = store.settings_as_of(after(60)).unwrap();
        assert_eq!(settings.len(), 2);
        assert!(settings.contains(&(
            id("sysctl.vm.swappiness"),
            Value::Int(1),
            written.changes[0].at,
            Some(written.changes[0].clone())
        )));
        let (secret, since, value) = written.initial[1].clone();
        assert!(settings.contains(&(secret, value.unwrap(), since, None)));
        assert_eq!(store.changes(T0, after(60), 10).unwrap(), written.changes);
        assert_eq!(store.events(T0, after(60), 10).unwrap(), written.events);
        assert_eq!(store.findings(T0, after(60)).unwrap(), written.findings);
        assert_eq!(store.proposals_as_of(after(60)).unwrap(), [proposal(1, after(4))]);
        assert_eq!(
            store.audit(10).unwrap(),
            (vec![audit(7, "dismiss"), audit(6, "session")], None)
        );
        assert_eq!(store.state("model").unwrap(), Some(vec![1, 2, 3]));
        assert_eq!(store.state("none").unwrap(), None);
        assert_eq!(store.sql("FROM ledger", 10).unwrap().rows.len(), 1);
        let info = store.info().unwrap();
        assert_eq!(info.from, Some(after(2)));
        assert!(info.rows.contains(&("metric_obs".into(), 2)) && info.rows.contains(&("audit_log".into(), 2)));
    }

    #[test]
    fn everything_written_comes_back_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/store.duckdb");
        let mut store = Store::open(&path, &options()).unwrap();
        store.append(&everything()).unwrap();
        comes_back(&mut store);
        let key = store.secret_key().unwrap();
        drop(store);
        let mut again = Store::open(&path, &options()).unwrap();
        comes_back(&mut again);
        assert_eq!(again.secret_key().unwrap(), key);
        assert_ne!(memory().secret_key().unwrap(), key);
        drop(again);
        comes_back(&mut Store::read_only(&path, &options()).unwrap());
    }

    #[test]
    fn the_past_shows_what_was_known_then() {
        let mut store = memory();
        store.append(&everything()).unwrap();
        let swappiness = |store: &mut Store, secs| {
            let settings = store.settings_as_of(after(secs)).unwrap();
            settings
                .into_iter()
                .find(|(of, ..)| *of == id("sysctl.vm.swappiness"))
                .map(|(_, value, _, change)| (value, change.is_some()))
        };
        assert_eq!(swappiness(&mut store, -1), None);
        assert_eq!(swappiness(&mut store, 9), Some((Value::Int(60), false)));
        assert_eq!(swappiness(&mut store, 10), Some((Value::Int(1), true)));
        store
            .append(&Write {
                changes: vec![change("sysctl.vm.swappiness", after(20), Some("1"), None)],
                ..Write::default()
            })
            .unwrap();
        assert_eq!(swappiness(&mut store, 20), None);
        assert_eq!(swappiness(&mut store, 19), Some((Value::Int(1), true)));
        // The newest value not after the time, and none that is ten minutes old.
        assert!(store.metrics_as_of(after(1)).unwrap().is_empty());
        assert_eq!(store.metrics_as_of(after(602)).unwrap().len(), 2);
        assert!(store.metrics_as_of(after(603)).unwrap().is_empty());
    }

    #[test]
    fn findings_are_as_they_were_last_shown_within_the_range() {
        let mut store = memory();
        let began = finding(7, after(0));
        let worse = Finding {
            mark: crate::domain::Mark::Breach,
            last: after(60),
            ..began.clone()
        };
        let ended = Finding {
            ended: Some(after(120)),
            last: after(120),
            ..worse.clone()
        };
        for shown in [&began, &worse, &ended] {
            store
                .append(&Write {
                    findings: vec![shown.clone()],
                    ..Write::default()
                })
                .unwrap();
        }
        let mut at = |from, to| store.findings(after(from), after(to)).unwrap();
        assert!(at(-10, -1).is_empty());
        assert_eq!(at(30, 30), [began]);
        assert_eq!(at(90, 100), [worse]);
        assert_eq!(at(0, 500), std::slice::from_ref(&ended));
        assert_eq!(at(120, 500), [ended]);
        assert!(at(121, 500).is_empty());
    }

    #[test]
    fn a_proposal_stands_until_it_is_withdrawn() {
        let mut store = memory();
        let mut write = |secs, stands| {
            let shown_at = Some(after(secs));
            store
                .append(&Write {
                    proposals: vec![(proposal(1, after(0)), stands)],
                    shown_at,
                    ..Write::default()
                })
                .unwrap();
        };
        write(0, true);
        write(50, false);
        assert_eq!(store.proposals_as_of(after(49)).unwrap().len(), 1);
        assert!(store.proposals_as_of(after(50)).unwrap().is_empty());
        assert!(store.proposals_as_of(after(-1)).unwrap().is_empty());
    }

    #[test]
    fn the_newest_of_many_come_oldest_first() {
        let mut store = memory();
        let changes: Vec<_> = (0..10)
            .map(|n| change("a.b", after(n), None, Some(&n.to_string())))
            .collect();
        store
            .append(&Write {
                changes: changes.clone(),
                ..Write::default()
            })
            .unwrap();
        assert_eq!(store.changes(T0, after(8), 3).unwrap(), changes[5..8]);
        assert_eq!(store.changes(T0, after(100), usize::MAX).unwrap(), changes);
    }

    #[test]
    fn a_metric_nobody_described_is_plain() {
        let mut store = memory();
        store.append(&values("new", [(T0, 1.0)])).unwrap();
        assert_eq!(store.metrics_as_of(T0).unwrap()[0].0, undescribed(&id("new")));
        store
            .append(&Write {
                metrics: vec![meta("new")],
                ..Write::default()
            })
            .unwrap();
        assert_eq!(store.metrics_as_of(T0).unwrap()[0].0, meta("new"));
    }
}
