//! The tables and views, as numbered migrations.

use duckdb::Connection;

use super::Store;

/// Brings a database from `found` to [`Store::SCHEMA`], in one transaction.
pub(super) fn migrate(conn: &Connection, found: u32, secret: &[u8; 32]) -> Result<(), duckdb::Error> {
    let within = conn.unchecked_transaction()?;
    for sql in &MIGRATIONS[found as usize..] {
        within.execute_batch(sql)?;
    }
    if found == 0 {
        within.execute("INSERT INTO secret_key VALUES (?)", [&secret[..]])?;
        within.execute("INSERT INTO migration VALUES (?)", [Store::SCHEMA])?;
    } else {
        within.execute("UPDATE migration SET version = ?", [Store::SCHEMA])?;
    }
    within.commit()
}

/// The schema of an open database: 0 when it is empty, `None` when it holds something else than a store.
pub(super) fn version(conn: &Connection) -> Result<Option<u32>, duckdb::Error> {
    let (tables, ours): (u32, bool) = conn.query_row(
        "SELECT count(*)::UINTEGER, coalesce(bool_or(table_name = 'migration'), false) AND
           coalesce(bool_or(table_name = 'metric_obs'), false) FROM duckdb_tables() WHERE NOT internal",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match (tables, ours) {
        (0, _) => Ok(Some(0)),
        (_, false) => Ok(None),
        (_, true) => conn.query_row("SELECT max(version) FROM migration", [], |row| row.get(0)),
    }
}

/// `MIGRATIONS[n]` leads from schema n to n + 1.
///
/// Times are microseconds since the epoch, UTC; series and resources are keys into their tables. No indexes: keys are kept in
/// memory, and DuckDB skips by the least and greatest time of each block.
const MIGRATIONS: [&str; Store::SCHEMA as usize] = ["
CREATE TABLE migration(version UINTEGER NOT NULL);
CREATE TABLE secret_key(key BLOB NOT NULL);
-- How far roll-ups and retention got: rolled, from_0 (values) to from_3 (hours).
CREATE TABLE progress(name VARCHAR NOT NULL, reached BIGINT NOT NULL);
INSERT INTO progress SELECT unnest(['rolled', 'from_0', 'from_1', 'from_2', 'from_3']), -1000000000000000000;

CREATE TABLE resource(key INTEGER NOT NULL, name VARCHAR NOT NULL);
-- unit and meta (packed MetricMeta) are null for settings.
CREATE TABLE series(key INTEGER NOT NULL, resource INTEGER NOT NULL, name VARCHAR NOT NULL, unit VARCHAR, meta BLOB);

CREATE TABLE metric_obs(series INTEGER NOT NULL, observed_at BIGINT NOT NULL, value DOUBLE NOT NULL, bits FLOAT NOT NULL);
CREATE TABLE metric_1m(series INTEGER NOT NULL, observed_at BIGINT NOT NULL, n BIGINT NOT NULL,
  low DOUBLE NOT NULL, high DOUBLE NOT NULL, mean DOUBLE NOT NULL, last DOUBLE NOT NULL, bits FLOAT NOT NULL);
CREATE TABLE metric_5m AS FROM metric_1m;
CREATE TABLE metric_1h AS FROM metric_1m;
-- Minutes that were rolled up when a value of theirs came.
CREATE TABLE late(series INTEGER NOT NULL, minute BIGINT NOT NULL);
-- Levels 0.025, 0.1, 0.5, 0.9, 0.975.
CREATE TABLE expected(series INTEGER NOT NULL, expected_at BIGINT NOT NULL,
  q025 FLOAT NOT NULL, q10 FLOAT NOT NULL, q50 FLOAT NOT NULL, q90 FLOAT NOT NULL, q975 FLOAT NOT NULL);

-- previous and value are JSON of Value, null where the setting was not there; shown is the value as people read it.
CREATE TABLE setting_change(series INTEGER NOT NULL, changed_at BIGINT NOT NULL, initial BOOLEAN NOT NULL,
  previous VARCHAR, value VARCHAR, shown_previous VARCHAR, shown VARCHAR, changed_by VARCHAR);
CREATE TABLE event(happened_at BIGINT NOT NULL, resource INTEGER NOT NULL, kind VARCHAR NOT NULL, what VARCHAR NOT NULL, who VARCHAR);
-- body is the packed whole, as it was shown.
CREATE TABLE finding(id UBIGINT NOT NULL, shown_at BIGINT NOT NULL, since BIGINT NOT NULL, ended BIGINT, resource VARCHAR NOT NULL,
  series VARCHAR NOT NULL, mark VARCHAR NOT NULL, level VARCHAR NOT NULL, severity VARCHAR NOT NULL, comparison VARCHAR NOT NULL,
  bits DOUBLE NOT NULL, score DOUBLE NOT NULL, confidence DOUBLE NOT NULL, summary VARCHAR NOT NULL, evidence VARCHAR NOT NULL, body BLOB NOT NULL);
CREATE TABLE proposal(id UBIGINT NOT NULL, shown_at BIGINT NOT NULL, stands BOOLEAN NOT NULL, finding UBIGINT NOT NULL,
  resource VARCHAR NOT NULL, kind VARCHAR NOT NULL, status VARCHAR NOT NULL, title VARCHAR NOT NULL, score DOUBLE NOT NULL, body BLOB NOT NULL);
-- claim is the JSON of Claim.
CREATE TABLE score(scored_at BIGINT NOT NULL, series INTEGER NOT NULL, made_at BIGINT NOT NULL, due BIGINT NOT NULL,
  claim VARCHAR NOT NULL, outcome DOUBLE NOT NULL, loss DOUBLE NOT NULL, naive_loss DOUBLE NOT NULL);
CREATE TABLE audit_log(seq BIGINT NOT NULL, logged_at BIGINT NOT NULL, who VARCHAR NOT NULL, what VARCHAR NOT NULL,
  resource VARCHAR NOT NULL, result VARCHAR NOT NULL, hash BLOB NOT NULL);
CREATE TABLE state(name VARCHAR NOT NULL, body BLOB NOT NULL);

CREATE VIEW metrics AS SELECT r.name AS resource, s.name AS series, make_timestamp(o.observed_at) AS observed_at, o.value,
  s.unit, o.bits FROM metric_obs o JOIN series s ON s.key = o.series JOIN resource r ON r.key = s.resource;
CREATE VIEW metrics_1m AS SELECT r.name AS resource, s.name AS series, make_timestamp(o.observed_at) AS observed_at, o.n,
  o.low, o.high, o.mean, o.last, s.unit, o.bits FROM metric_1m o JOIN series s ON s.key = o.series JOIN resource r ON r.key = s.resource;
CREATE VIEW metrics_5m AS SELECT r.name AS resource, s.name AS series, make_timestamp(o.observed_at) AS observed_at, o.n,
  o.low, o.high, o.mean, o.last, s.unit, o.bits FROM metric_5m o JOIN series s ON s.key = o.series JOIN resource r ON r.key = s.resource;
CREATE VIEW metrics_1h AS SELECT r.name AS resource, s.name AS series, make_timestamp(o.observed_at) AS observed_at, o.n,
  o.low, o.high, o.mean, o.last, s.unit, o.bits FROM metric_1h o JOIN series s ON s.key = o.series JOIN resource r ON r.key = s.resource;
CREATE VIEW settings AS SELECT r.name AS resource, s.name AS setting, c.shown AS value, make_timestamp(c.changed_at) AS since,
  c.initial, c.changed_by FROM (SELECT *, row_number() OVER (PARTITION BY series ORDER BY changed_at DESC, rowid DESC) AS place
  FROM setting_change) c JOIN series s ON s.key = c.series JOIN resource r ON r.key = s.resource WHERE c.place = 1 AND c.value IS NOT NULL;
CREATE VIEW changes AS SELECT make_timestamp(c.changed_at) AS changed_at, r.name AS resource, s.name AS setting,
  c.shown_previous AS previous, c.shown AS value, c.changed_by FROM setting_change c JOIN series s ON s.key = c.series
  JOIN resource r ON r.key = s.resource WHERE NOT c.initial;
CREATE VIEW events AS SELECT make_timestamp(e.happened_at) AS happened_at, r.name AS resource, e.kind, e.what, e.who
  FROM event e JOIN resource r ON r.key = e.resource;
CREATE VIEW findings AS SELECT make_timestamp(shown_at) AS shown_at, id, resource, series, mark, level, severity, comparison,
  make_timestamp(since) AS since, make_timestamp(ended) AS ended, bits, score, confidence, summary, evidence FROM finding;
CREATE VIEW proposals AS SELECT make_timestamp(shown_at) AS shown_at, id, stands, finding, resource, kind, status, title, score FROM proposal;
CREATE VIEW ledger AS SELECT make_timestamp(l.scored_at) AS scored_at, r.name AS resource, s.name AS series,
  make_timestamp(l.made_at) AS made_at, make_timestamp(l.due) AS due, l.claim, l.outcome, l.loss, l.naive_loss
  FROM score l JOIN series s ON s.key = l.series JOIN resource r ON r.key = s.resource;
CREATE VIEW audit AS SELECT seq, make_timestamp(logged_at) AS logged_at, who, what, resource, result, hex(hash) AS hash FROM audit_log;
", "
-- What was packed as MessagePack is packed as CBOR now: what is derived or told again is told anew, what was observed stays.
DELETE FROM state;
DELETE FROM finding;
DELETE FROM proposal;
UPDATE series SET meta = NULL;
-- What was told of by logs, histories and archives, because nobody watched when it happened.
ALTER TABLE setting_change ADD COLUMN backfilled BOOLEAN DEFAULT false;
ALTER TABLE event ADD COLUMN backfilled BOOLEAN DEFAULT false;
CREATE TABLE backfill(series INTEGER NOT NULL, source VARCHAR NOT NULL, first_at BIGINT NOT NULL, last_at BIGINT NOT NULL, n BIGINT NOT NULL);
CREATE OR REPLACE VIEW changes AS SELECT make_timestamp(c.changed_at) AS changed_at, r.name AS resource, s.name AS setting,
  c.shown_previous AS previous, c.shown AS value, c.changed_by, c.backfilled FROM setting_change c JOIN series s ON s.key = c.series
  JOIN resource r ON r.key = s.resource WHERE NOT c.initial;
CREATE OR REPLACE VIEW events AS SELECT make_timestamp(e.happened_at) AS happened_at, r.name AS resource, e.kind, e.what, e.who,
  e.backfilled FROM event e JOIN resource r ON r.key = e.resource;
CREATE VIEW backfills AS SELECT r.name AS resource, s.name AS series, b.source, make_timestamp(b.first_at) AS first_at,
  make_timestamp(b.last_at) AS last_at, b.n FROM backfill b JOIN series s ON s.key = b.series JOIN resource r ON r.key = s.resource;
", "
-- A finding or proposal is kept as often as it was told otherwise; who asks for it wants the newest.
CREATE OR REPLACE VIEW findings AS SELECT make_timestamp(shown_at) AS shown_at, id, resource, series, mark, level, severity, comparison,
  make_timestamp(since) AS since, make_timestamp(ended) AS ended, bits, score, confidence, summary, evidence
  FROM finding QUALIFY row_number() OVER (PARTITION BY id ORDER BY finding.shown_at DESC, rowid DESC) = 1;
CREATE OR REPLACE VIEW proposals AS SELECT make_timestamp(shown_at) AS shown_at, id, stands, finding, resource, kind, status, title, score
  FROM proposal QUALIFY row_number() OVER (PARTITION BY id ORDER BY proposal.shown_at DESC, rowid DESC) = 1;
"];
