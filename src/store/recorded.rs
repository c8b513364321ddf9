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
        if begin {
            let known = self.states(&format!(
                "changed_at <= {} AND NOT backfilled
                 QUALIFY row_number() OVER (PARTITION BY series ORDER BY changed_at DESC, rowid DESC) = 1",
                micros(from)
            ))?;
            let known = known.into_iter().map(|(id, _, value)| (id, from, value));
            batch.snapshots = snapshots(known);
        }
        let (after, before) = (micros(from) + i64::from(begin), micros(to));
        let first = self.states(&format!(
            "initial AND changed_at >= {after} AND changed_at < {before} ORDER BY changed_at"
        ))?;
        batch.snapshots.extend(snapshots(first.into_iter()));
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

/// Settings by resource, time and scope: the part of their names before the first dot.
fn snapshots(settings: impl Iterator<Item = (SeriesId, Timestamp, Value)>) -> Vec<SettingSnapshot> {
    type Scope = (Timestamp, ResourceId, Arc<str>);
    let mut scopes: BTreeMap<Scope, BTreeMap<Arc<str>, Value>> = BTreeMap::new();
    for (id, at, value) in settings {
        let scope = id.name.split('.').next().unwrap_or_default().into();
        let scope = scopes.entry((at, id.resource, scope)).or_default();
        scope.insert(id.name, value);
    }
    let snapshot = |((at, resource, scope), settings)| SettingSnapshot {
        resource,
        scope,
        at,
        settings: Some(settings),
    };
    scopes.into_iter().map(snapshot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::*;

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
