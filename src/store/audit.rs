//! The audit: entries chained by hash.

use duckdb::Connection;

use super::{AuditEntry, Keys, Store, StoreError, append, cell::micros};
use crate::domain::Timestamp;

impl Store {
    /// Audit entries, newest first, at most `limit`; and the first entry at which the chain does not hold, if any.
    ///
    /// An entry's hash is BLAKE3 over the hash before it (32 zero bytes for the first), its time (8 bytes, little endian, µs since
    /// the epoch), and each text behind its length (8 bytes, little endian). The whole chain is checked at each call.
    ///
    /// # Errors
    /// On a database error.
    pub fn audit(&mut self, limit: usize) -> Result<(Vec<AuditEntry>, Option<AuditEntry>), StoreError> {
        self.with(|db| {
            let sql = "SELECT logged_at, who, what, resource, result, hash FROM audit_log ORDER BY seq";
            // Never cached: run again with more rows, a kept statement hands out memory of its first result.
            let mut statement = db.conn.prepare(sql)?;
            let mut rows = statement.query([])?;
            let (mut before, mut entries, mut broken) = ([0; 32], Vec::new(), None);
            while let Some(row) = rows.next()? {
                let entry = AuditEntry {
                    at: Timestamp(row.get(0)?),
                    who: row.get(1)?,
                    what: row.get(2)?,
                    resource: row.get(3)?,
                    result: row.get(4)?,
                };
                let stored = row.get::<_, Vec<u8>>(5)?;
                if broken.is_none() && stored != hash(&before, &entry) {
                    broken = Some(entry.clone());
                }
                before = stored.try_into().unwrap_or_default();
                entries.push(entry);
            }
            entries.reverse();
            entries.truncate(limit);
            Ok((entries, broken))
        })
    }
}

pub(super) fn append(conn: &Connection, keys: &mut Keys, entries: &[AuditEntry]) -> Result<(), duckdb::Error> {
    append::rows(conn, "audit_log", entries, |to, entry| {
        let (seq, before) = keys.audit;
        let entry = AuditEntry {
            at: Timestamp(micros(entry.at)),
            ..entry.clone()
        };
        let hash = hash(&before, &entry);
        keys.audit = (seq + 1, hash);
        to.append_row((
            seq + 1,
            entry.at.0,
            &entry.who,
            &entry.what,
            &entry.resource,
            &entry.result,
            &hash[..],
        ))
    })
}

fn hash(before: &[u8; 32], entry: &AuditEntry) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(&entry.at.0.to_le_bytes());
    for text in [&entry.who, &entry.what, &entry.resource, &entry.result] {
        hasher
            .update(&(text.len() as u64).to_le_bytes())
            .update(text.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use crate::store::{Write, sample::*};

    #[test]
    fn a_changed_and_a_removed_entry_break_the_chain() {
        for (tamper, at) in [
            ("UPDATE audit_log SET result = 'fine' WHERE seq = 2", "b"),
            ("UPDATE audit_log SET logged_at = 0 WHERE seq = 1", "a"),
            ("DELETE FROM audit_log WHERE seq = 2", "c"),
        ] {
            let mut store = memory();
            for what in ["a", "b", "c"] {
                store
                    .append(&Write {
                        audit: vec![audit(1, what)],
                        ..Write::default()
                    })
                    .unwrap();
            }
            assert_eq!(store.audit(2).unwrap(), (vec![audit(1, "c"), audit(1, "b")], None));
            store.db.as_ref().unwrap().conn.execute_batch(tamper).unwrap();
            assert_eq!(store.audit(2).unwrap().1.unwrap().what, at);
        }
    }
}
