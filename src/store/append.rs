//! One write, one transaction.

use std::collections::{BTreeMap, BTreeSet};

use duckdb::{Appender, Connection};

use super::{
    Db, Keys, Store, StoreError, Write, audit,
    cell::{finite, json, micros, packed, single, word},
    open::LOG_BYTES,
};
use crate::domain::{Finding, MetricMeta, Observation, Proposal, Quantiles, ResourceId, SeriesId, Timestamp, Value};

/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;

impl Store {
    /// Writes all of `write` in one transaction. When it returns, a kill −9 loses none of it.
    ///
    /// # Errors
    /// On an error nothing of `write` is stored; it can be tried again, and a database that DuckDB gave up is then opened again.
    pub fn append(&mut self, write: &Write) -> Result<(), StoreError> {
        let bytes = write.bytes();
        self.make_room(bytes)?;
        let done = self.append_at_once(write);
        self.fold_log(LOG_BYTES);
        if bytes > LOG_BYTES
            && let Err(error) = self.let_go()
        {
            tracing::warn!(%error, "the memory of a great write could not be given back");
        }
        done
    }

    /// The same without folding the log in.
    pub(super) fn append_at_once(&mut self, write: &Write) -> Result<(), StoreError> {
        self.with(|db| {
            let done = db.append(write);
            if done.is_err() {
                // Keys given out in the failed transaction are in no table. The rollback fails where the commit did it already.
                let _ = db.conn.execute_batch("ROLLBACK");
                if let Ok(keys) = Keys::load(&db.conn) {
                    db.keys = keys;
                }
            }
            Ok(done?)
        })
    }
}

impl Db {
    fn append(&mut self, write: &Write) -> Result<(), duckdb::Error> {
        let Self { conn, keys, .. } = self;
        conn.execute_batch("BEGIN")?;
        let mut fresh = Fresh::default();
        metrics(conn, keys, &mut fresh, &write.metrics)?;
        observations(conn, keys, &mut fresh, &write.observations)?;
        expected(conn, keys, &mut fresh, &write.expected)?;
        backfills(conn, keys, &mut fresh, write)?;
        settings(conn, keys, &mut fresh, write)?;
        events(conn, keys, &mut fresh, write)?;
        let shown_at = write.shown_at.or_else(|| newest_time(write));
        findings(conn, &write.findings, write.shown_at)?;
        proposals(conn, &write.proposals, shown_at)?;
        scored(conn, keys, &mut fresh, write)?;
        audit::append(conn, keys, &write.audit)?;
        for (name, body) in &write.state {
            conn.prepare_cached("DELETE FROM state WHERE name = ?")?
                .execute([name])?;
            // Not cached: a statement keeps the values it was last run with, and these are megabytes.
            conn.execute("INSERT INTO state VALUES (?, ?)", (name, body))?;
        }
        fresh.append(conn, keys)?;
        conn.execute_batch("COMMIT")
    }
}

/// Keys given out in this transaction.
#[derive(Default)]
struct Fresh {
    resources: Vec<(i32, ResourceId)>,
    series: BTreeSet<i32>,
}

impl Fresh {
    fn resource(&mut self, keys: &mut Keys, id: &ResourceId) -> i32 {
        if let Some(key) = keys.resources.get(id) {
            return *key;
        }
        let key = keys.resources.len() as i32;
        keys.resources.insert(id.clone(), key);
        self.resources.push((key, id.clone()));
        key
    }

    fn series(&mut self, keys: &mut Keys, id: &SeriesId) -> i32 {
        if let Some(key) = keys.series.get(id) {
            return *key;
        }
        self.resource(keys, &id.resource);
        let key = keys.remember(id.clone(), None);
        self.series.insert(key);
        key
    }

    fn append(&self, conn: &Connection, keys: &Keys) -> Result<(), duckdb::Error> {
        rows(conn, "resource", &self.resources, |to, (key, id)| {
            to.append_row((key, id.as_str()))
        })?;
        rows(conn, "series", &self.series, |to, key| {
            let known = &keys.known[*key as usize];
            let resource = keys.resources[&known.id.resource];
            let (unit, meta) = described(known.meta.as_deref())?;
            to.append_row((key, resource, &*known.id.name, unit, meta))
        })
    }
}

/// Appends all `items` to `table`; an appender is made only when there are any.
pub(super) fn rows<'a, T: 'a>(
    conn: &Connection,
    table: &str,
    items: impl IntoIterator<Item = &'a T>,
    mut one: impl FnMut(&mut Appender<'_>, &'a T) -> Result<(), duckdb::Error>,
) -> Result<(), duckdb::Error> {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return Ok(());
    }
    let mut appender = conn.appender(table)?;
    for item in items {
        one(&mut appender, item)?;
    }
    appender.flush()
}

type Described = (Option<String>, Option<Vec<u8>>);

fn described(meta: Option<&MetricMeta>) -> Result<Described, duckdb::Error> {
    Ok(match meta {
        Some(meta) => (Some(word(&meta.unit)), Some(packed(meta)?)),
        None => (None, None),
    })
}

fn metrics(conn: &Connection, keys: &mut Keys, fresh: &mut Fresh, metas: &[MetricMeta]) -> Result<(), duckdb::Error> {
    for meta in metas {
        let key = fresh.series(keys, &meta.id);
        let known = &mut keys.known[key as usize];
        if known.meta.as_deref() == Some(meta) {
            continue;
        }
        if !fresh.series.contains(&key) {
            let (unit, packed) = described(Some(meta))?;
            let update = "UPDATE series SET unit = ?, meta = ? WHERE key = ?";
            conn.prepare_cached(update)?.execute((unit, packed, key))?;
        }
        known.meta = Some(Box::new(meta.clone()));
    }
    Ok(())
}

fn observations(
    conn: &Connection,
    keys: &mut Keys,
    fresh: &mut Fresh,
    seen: &[(Observation, f32)],
) -> Result<(), duckdb::Error> {
    // Values that may be second ones of their time go in after the first ones went out.
    let (mut again, mut late) = (BTreeMap::new(), BTreeSet::new());
    let (floor, rolled) = (keys.newest, keys.progress.rolled);
    rows(conn, "metric_obs", seen, |to, (observation, bits)| {
        let (at, value) = (micros(observation.point.at), observation.point.value);
        if !value.is_finite() {
            return Ok(());
        }
        let key = fresh.series(keys, &observation.id);
        if at < rolled {
            late.insert((at.div_euclid(MINUTE) * MINUTE, key));
        }
        let newest = &mut keys.known[key as usize].newest;
        if at <= floor.max(*newest) {
            again.insert((at, key), (value, single(f64::from(*bits))));
            return Ok(());
        }
        *newest = at;
        to.append_row((key, at, value, single(f64::from(*bits))))
    })?;
    let again: Vec<_> = again.into_iter().collect();
    for part in again.chunks(5_000) {
        let places: Vec<String> = part.iter().map(|((at, key), _)| format!("({key}, {at})")).collect();
        let (first, last) = (part[0].0.0, part[part.len() - 1].0.0);
        conn.execute_batch(&format!(
            "DELETE FROM metric_obs WHERE observed_at BETWEEN {first} AND {last} AND (series, observed_at) IN (VALUES {})",
            places.join(", ")
        ))?;
    }
    rows(conn, "metric_obs", &again, |to, ((at, key), (value, bits))| {
        to.append_row((key, at, value, bits))
    })?;
    rows(conn, "late", &late, |to, (minute, key)| to.append_row((key, minute)))
}

fn expected(
    conn: &Connection,
    keys: &mut Keys,
    fresh: &mut Fresh,
    expected: &[(SeriesId, Timestamp, Quantiles)],
) -> Result<(), duckdb::Error> {
    rows(conn, "expected", expected, |to, (id, at, quantiles)| {
        let key = fresh.series(keys, id);
        let q = quantiles.tidy(f64::from(f32::MIN), f64::from(f32::MAX)).0;
        to.append_row((
            key,
            micros(*at),
            single(q[0]),
            single(q[2]),
            single(q[6]),
            single(q[10]),
            single(q[12]),
        ))
    })
}

fn backfills(conn: &Connection, keys: &mut Keys, fresh: &mut Fresh, write: &Write) -> Result<(), duckdb::Error> {
    rows(conn, "backfill", &write.backfills, |to, backfill| {
        let key = fresh.series(keys, &backfill.id);
        let (first, last) = (micros(backfill.from), micros(backfill.to));
        to.append_row((key, &*backfill.source, first, last, backfill.values))
    })
}

fn settings(conn: &Connection, keys: &mut Keys, fresh: &mut Fresh, write: &Write) -> Result<(), duckdb::Error> {
    let none = None::<String>;
    rows(conn, "setting_change", &write.initial, |to, (id, at, value)| {
        let key = fresh.series(keys, id);
        to.append_row((
            key,
            micros(*at),
            true,
            &none,
            value.as_ref().map(json).transpose()?,
            &none,
            value.as_ref().map(Value::to_string),
            &none,
            false,
        ))
    })?;
    rows(conn, "setting_change", &write.changes, |to, change| {
        let key = fresh.series(keys, &change.id);
        let cell = |value: &Option<Value>| value.as_ref().map(json).transpose();
        let (from, to_) = (cell(&change.from)?, cell(&change.to)?);
        let shown = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        let by = change.by.as_deref();
        to.append_row((
            key,
            micros(change.at),
            false,
            from,
            to_,
            shown(&change.from),
            shown(&change.to),
            by,
            change.backfilled,
        ))
    })
}

fn events(conn: &Connection, keys: &mut Keys, fresh: &mut Fresh, write: &Write) -> Result<(), duckdb::Error> {
    rows(conn, "event", &write.events, |to, event| {
        let resource = fresh.resource(keys, &event.resource);
        to.append_row((
            micros(event.at),
            resource,
            word(&event.kind),
            &*event.what,
            event.who.as_deref(),
            event.backfilled,
        ))
    })
}

fn findings(conn: &Connection, findings: &[Finding], shown_at: Option<Timestamp>) -> Result<(), duckdb::Error> {
    rows(conn, "finding", findings, |to, finding| {
        let shown_at = shown_at.unwrap_or_else(|| shown(finding));
        let series: Vec<String> = finding.series.iter().map(|id| id.name.to_string()).collect();
        let ended = finding.ended.map(micros);
        to.append_row(duckdb::params![
            finding.id.0,
            micros(shown_at),
            micros(finding.since),
            ended,
            finding.resource.as_str(),
            series.join(" "),
            finding.mark.word(),
            word(&finding.level),
            word(&finding.severity),
            word(&finding.comparison),
            finite(finding.bits),
            finite(finding.score),
            finite(finding.confidence),
            &*finding.summary,
            finding.evidence.join("\n"),
            packed(finding)?,
        ])
    })
}

fn proposals(
    conn: &Connection,
    proposals: &[(Proposal, bool)],
    shown_at: Option<Timestamp>,
) -> Result<(), duckdb::Error> {
    rows(conn, "proposal", proposals, |to, (proposal, stands)| {
        to.append_row((
            proposal.id.0,
            micros(shown_at.unwrap_or(proposal.made_at)),
            stands,
            proposal.finding.0,
            proposal.resource.as_str(),
            word(&proposal.kind),
            word(&proposal.status),
            &*proposal.title,
            finite(proposal.factors.score()),
            packed(proposal)?,
        ))
    })
}

fn scored(conn: &Connection, keys: &mut Keys, fresh: &mut Fresh, write: &Write) -> Result<(), duckdb::Error> {
    rows(conn, "score", &write.scored, |to, scored| {
        let key = fresh.series(keys, &scored.prediction.series);
        to.append_row((
            micros(scored.at),
            key,
            micros(scored.prediction.made_at),
            micros(scored.prediction.due),
            json(&scored.prediction.claim)?,
            finite(scored.outcome),
            finite(scored.loss),
            finite(scored.naive_loss),
        ))
    })
}

/// When a finding was shown, where the write does not say.
fn shown(finding: &Finding) -> Timestamp {
    finding.last.max(finding.ended.unwrap_or(finding.last))
}

fn newest_time(write: &Write) -> Option<Timestamp> {
    let values = write.observations.iter().map(|(seen, _)| seen.point.at);
    let rest = write
        .expected
        .iter()
        .map(|(_, at, _)| *at)
        .chain(write.changes.iter().map(|change| change.at));
    let shown = write
        .findings
        .iter()
        .map(shown)
        .chain(write.proposals.iter().map(|(it, _)| it.made_at));
    let kept = write
        .scored
        .iter()
        .map(|it| it.at)
        .chain(write.audit.iter().map(|it| it.at));
    values
        .chain(rest)
        .chain(shown)
        .chain(kept)
        .chain(write.events.iter().map(|it| it.at))
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::*;

    #[test]
    fn a_value_given_twice_is_kept_once_and_the_later_one_wins() {
        let mut store = memory();
        store
            .append(&values("cpu", [(after(0), 1.0), (after(2), 2.0), (after(0), 3.0)]))
            .unwrap();
        store
            .append(&values("cpu", [(after(2), 4.0), (after(-5), 5.0)]))
            .unwrap();
        let buckets = store.history(&id("cpu"), after(-10), after(10), 20).unwrap();
        let seen: Vec<_> = buckets.iter().map(|it| (it.at, it.count, it.last)).collect();
        assert_eq!(seen, [(after(-5), 1, 5.0), (after(0), 1, 3.0), (after(2), 1, 4.0)]);
    }

    #[test]
    fn a_batch_sent_again_after_a_restart_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.duckdb");
        let write = values("cpu", (0..100).map(|n| (after(n * 2), n as f64)));
        for _ in 0..2 {
            let mut store = Store::open(&path, &options()).unwrap();
            store.append(&write).unwrap();
            assert_eq!(count(&mut store, "cpu"), 100);
        }
    }

    #[test]
    fn numbers_that_are_none_are_left_out_and_extreme_ones_kept() {
        let mut store = memory();
        let odd = [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            1e308,
            1.7e308,
            -1.7e308,
            5e-324,
        ];
        store
            .append(&values(
                "cpu",
                odd.iter().enumerate().map(|(n, value)| (after(n as i64), *value)),
            ))
            .unwrap();
        store
            .append(&Write {
                observations: vec![
                    (seen("cpu", after(7), 1.0).0, f32::NAN),
                    (seen("cpu", after(8), 1.0).0, f32::INFINITY),
                ],
                expected: vec![
                    (id("cpu"), after(3), Quantiles([1e308; 13])),
                    (id("cpu"), after(4), Quantiles([f64::NAN; 13])),
                ],
                ..Write::default()
            })
            .unwrap();
        store.maintain(after(7_200)).unwrap();
        for buckets in [1, 3, 100] {
            for from in [after(0), after(-86_400)] {
                for bucket in store.history(&id("cpu"), from, after(7_200), buckets).unwrap() {
                    assert!(
                        bucket.min <= bucket.mean && bucket.mean <= bucket.max && bucket.bits.is_finite(),
                        "{bucket:?}"
                    );
                    assert!(bucket.expected.is_none_or(|it| it.0.iter().all(|q| q.is_finite())));
                }
            }
        }
        assert_eq!(count(&mut store, "cpu"), 6);
        let mut store = memory();
        let times = [Timestamp(i64::MIN), Timestamp(i64::MAX)];
        store.append(&values("edge", times.map(|at| (at, 1.0)))).unwrap();
        store
            .append(&Write {
                findings: vec![Finding {
                    score: f64::NAN,
                    bits: f64::INFINITY,
                    ..finding(1, times[0])
                }],
                ..Write::default()
            })
            .unwrap();
        assert_eq!(store.findings(times[0], times[1]).unwrap().len(), 1);
        assert_eq!(
            store
                .history(&id("edge"), times[0], Timestamp(micros(times[0]) + 10), 10)
                .unwrap()
                .len(),
            1
        );
        assert_eq!(
            store
                .sql("SELECT * FROM metrics WHERE series = 'edge'", 9)
                .unwrap()
                .rows
                .len(),
            2
        );
    }

    #[test]
    fn a_clock_that_jumps_back_loses_nothing() {
        let mut store = memory();
        for start in [0, 36_000, -7_200, 60] {
            store
                .append(&values("cpu", (0..60).map(|n| (after(start + n), 1.0))))
                .unwrap();
            store.maintain(after(start + 7_300)).unwrap();
        }
        assert_eq!(count(&mut store, "cpu"), 240);
        let day = store.history(&id("cpu"), after(-86_400), after(86_400), 24).unwrap();
        assert!(day.windows(2).all(|pair| pair[0].at < pair[1].at));
    }
}
