//! What was seen in a stretch of time, as the sources told it.

use std::{collections::BTreeMap, sync::Arc};

use super::{Store, StoreError, cell::micros, history::pieces, read::undescribed, rollup::LEVELS};
use crate::domain::{Batch, Observation, Point, ResourceId, SeriesId, SettingSnapshot, Timestamp, Value};

/// Changes and events of one stretch.
const MOST: usize = 100_000;

impl Store {
    /// What was seen from `from` (inclusive) to `to` (exclusive): values, oldest first, with what their metrics are; settings when they were
    /// seen for the first time, changes of them, events. At the `begin` of a recording also all settings as they were at `from`.
    ///
    /// Where single values are gone, the last value of the finest roll-up stands for each of its times.
    ///
    /// # Errors
    /// On a database error.
    pub fn recorded(&mut self, from: Timestamp, to: Timestamp, begin: bool) -> Result<Batch, StoreError> {
        let mut batch = self.values(from, to)?;
        let (after, before) = (micros(from) + i64::from(begin), micros(to));
        let mut settings = Vec::new();
        if begin {
            settings = self.states(&format!(
                "changed_at <= {} AND NOT backfilled
                 QUALIFY row_number() OVER (PARTITION BY series ORDER BY changed_at DESC, rowid DESC) = 1",
                micros(from)
            ))?;
            // What was first looked for later was there before, as far as anyone knows.
            settings.extend(self.first(&format!("begun < {after}"), after)?);
            settings.iter_mut().for_each(|(_, at, _)| *at = from);
        }
        settings.extend(self.first(&format!("begun >= {after} AND begun < {before}"), after)?);
        batch.snapshots = snapshots(settings);
        let changes = self.changes(from, to, MOST)?;
        let later = |at: Timestamp| !begin || at > from;
        for change in changes {
            if change.backfilled {
                batch.past.push(change);
            } else if later(change.at) {
                batch.changes.push(change);
            }
        }
        batch.events = self.events(from, to, MOST)?;
        Ok(batch)
    }

    fn values(&mut self, from: Timestamp, to: Timestamp) -> Result<Batch, StoreError> {
        let (from, to) = (micros(from), micros(to));
        if from >= to {
            return Ok(Batch::default());
        }
        self.with(|db| {
            let parts: Vec<String> = pieces(&db.keys.progress, from, to, 0)
                .iter()
                .map(|piece| {
                    let (columns, table) = (LEVELS[piece.level].columns, LEVELS[piece.level].table);
                    let (from, to) = (piece.from, piece.to);
                    format!("SELECT series, observed_at, last FROM (SELECT {columns} FROM {table} WHERE observed_at >= {from} AND observed_at < {to})")
                })
                .collect();
            let mut batch = Batch::default();
            if parts.is_empty() {
                return Ok(batch);
            }
            let mut statement = db
                .conn
                .prepare(&format!("{} ORDER BY observed_at, series", parts.join(" UNION ALL ")))?;
            let mut rows = statement.query([])?;
            let mut met = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let known = &db.keys.known[row.get::<_, usize>(0)?];
                met.entry(known.id.clone())
                    .or_insert_with(|| known.meta.as_deref().cloned().unwrap_or_else(|| undescribed(&known.id)));
                batch.observations.push(Observation {
                    id: known.id.clone(),
                    point: Point {
                        at: Timestamp(row.get(1)?),
                        value: row.get(2)?,
                    },
                });
            }
            batch.metrics = met.into_values().collect();
            Ok(batch)
        })
    }

    /// Settings that were first looked for from `after` on, in scopes of which it is so that `scopes` when they `begun`.
    fn first(&mut self, scopes: &str, after: i64) -> Result<Vec<(SeriesId, Timestamp, Value)>, StoreError> {
        self.states(&format!(
            "initial AND value IS NOT NULL AND changed_at >= {after} AND series IN (
               SELECT s.key FROM series s JOIN (
                 SELECT t.resource, split_part(t.name, '.', 1) AS scope, min(c.changed_at) AS begun
                 FROM setting_change c JOIN series t ON t.key = c.series WHERE NOT c.backfilled GROUP BY ALL
               ) o ON o.resource = s.resource AND o.scope = split_part(s.name, '.', 1) WHERE {scopes}
             ) QUALIFY row_number() OVER (PARTITION BY series ORDER BY changed_at, rowid) = 1"
        ))
    }

    /// Settings with their values and times, of the rows that `which` says; those that were gone then are left out.
    fn states(&mut self, which: &str) -> Result<Vec<(SeriesId, Timestamp, Value)>, StoreError> {
        self.with(|db| {
            let mut statement = db.conn.prepare(&format!(
                "SELECT series, changed_at, previous, value, changed_by, backfilled FROM setting_change WHERE {which}"
            ))?;
            let rows = statement.query_map([], |row| db.change(row))?;
            let mut states = Vec::new();
            for change in rows {
                let change = change?;
                if let Some(value) = change.to {
                    states.push((change.id, change.at, value));
                }
            }
            Ok(states)
        })
    }
}

/// A snapshot for each resource and scope (the part of the settings' names before the first dot), at the first of its settings' times. Of a
/// setting that comes twice the first value counts.
fn snapshots(settings: Vec<(SeriesId, Timestamp, Value)>) -> Vec<SettingSnapshot> {
    type Scope = (ResourceId, Arc<str>);
    let mut scopes: BTreeMap<Scope, (Timestamp, BTreeMap<Arc<str>, Value>)> = BTreeMap::new();
    for (id, at, value) in settings {
        let scope = id.name.split('.').next().unwrap_or_default().into();
        let (first, settings) = scopes
            .entry((id.resource, scope))
            .or_insert_with(|| (at, BTreeMap::new()));
        *first = at.min(*first);
        settings.entry(id.name).or_insert(value);
    }
    let snapshot = |((resource, scope), (at, settings))| SettingSnapshot {
        resource,
        scope,
        at,
        settings: Some(settings),
        reach: None,
    };
    let mut all: Vec<SettingSnapshot> = scopes.into_iter().map(snapshot).collect();
    all.sort_by_key(|snapshot| snapshot.at);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Write, sample::*};

    #[test]
    fn a_stretch_is_told_as_its_sources_told_it() {
        let mut store = memory();
        store.append(&everything()).unwrap();
        let all = store.recorded(after(-10), after(60), true).unwrap();
        assert_eq!((all.metrics.len(), all.observations.len()), (2, 2));
        // First seen at 0, in two scopes.
        let scopes: Vec<(&str, Timestamp)> = all.snapshots.iter().map(|one| (&*one.scope, one.at)).collect();
        assert_eq!(scopes, [("etc", after(0)), ("sysctl", after(0))]);
        assert_eq!((all.changes.len(), all.events.len()), (1, 1));
        // Later the settings are as they had become.
        let late = store.recorded(after(10), after(60), true).unwrap();
        let sysctl = late.snapshots.iter().find(|one| &*one.scope == "sysctl").unwrap();
        let settings = sysctl.settings.as_ref().unwrap();
        assert_eq!(settings.values().next(), Some(&Value::Int(1)));
        assert_eq!(
            (sysctl.at, late.changes.len(), late.observations.len()),
            (after(10), 0, 0)
        );
        // What follows a beginning repeats none of it.
        let rest = store.recorded(after(5), after(60), false).unwrap();
        assert_eq!((rest.snapshots.len(), rest.changes.len()), (0, 1));
        assert!(store.recorded(after(60), after(0), false).unwrap().is_empty());
    }

    #[test]
    fn what_was_first_looked_for_later_is_part_of_its_scopes_first_snapshot() {
        let mut store = memory();
        let first = |name: &str, secs: i64| (id(name), after(secs), Some(Value::Int(secs)));
        store
            .append(&Write {
                initial: vec![first("unit.a:x", 0), first("unit.a:y", 20), first("pkg.b", 20)],
                ..Write::default()
            })
            .unwrap();
        let mut told = |from: i64, to: i64, begin: bool| -> Vec<(String, Timestamp, usize)> {
            let batch = store.recorded(after(from), after(to), begin).unwrap();
            let one = |one: &SettingSnapshot| (one.scope.to_string(), one.at, one.settings.as_ref().unwrap().len());
            batch.snapshots.iter().map(one).collect()
        };
        let (unit, pkg) = (("unit".to_owned(), after(0), 2), ("pkg".to_owned(), after(20), 1));
        assert_eq!(told(-10, 10, true), std::slice::from_ref(&unit));
        assert_eq!(told(10, 30, false), std::slice::from_ref(&pkg));
        assert_eq!(told(-10, 30, true), [unit, pkg.clone()]);
        assert_eq!(told(10, 30, true), [("unit".to_owned(), after(10), 2), pkg]);
        // What is no longer looked for is not gone, and no longer known.
        store
            .append(&Write {
                initial: vec![(id("unit.a:y"), after(40), None)],
                ..Write::default()
            })
            .unwrap();
        assert_eq!(store.settings_as_of(after(50)).unwrap().len(), 2);
        assert_eq!(store.changes(after(-10), after(60), 10).unwrap(), []);
    }

    #[test]
    fn where_values_are_gone_the_minutes_stand_for_them() {
        let mut store = memory();
        store
            .append(&values("cpu", (0..7_200).map(|n| (after(n), n as f64))))
            .unwrap();
        store.maintain(after(86_400 * 3)).unwrap();
        let hour = store.recorded(after(0), after(3_600), false).unwrap();
        assert_eq!(hour.observations.len(), 60);
        assert_eq!(
            hour.observations[1].point,
            Point {
                at: after(60),
                value: 119.0
            }
        );
    }
}
