//! What the console said: findings and proposals as they were shown.

use std::collections::HashMap;

use duckdb::Row;

use super::{Store, StoreError, cell::micros, keys::unreadable};
use crate::domain::{Finding, FindingId, Proposal, Timestamp, packed};

impl Store {
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

    /// Findings that held at any time of the range, each as it was first shown when it was worst, with when it was last seen and ended;
    /// oldest first.
    ///
    /// # Errors
    /// On a database error.
    pub fn told(&mut self, from: Timestamp, to: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let mut held = self.findings(from, to)?;
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT body FROM finding WHERE shown_at <= ? AND since <= ? AND (ended IS NULL OR ended >= ?) ORDER BY shown_at, rowid",
            )?;
            let until = micros(to);
            let mut worst: HashMap<FindingId, Finding> = HashMap::new();
            for shown in statement.query_map((until, until, micros(from)), unpacked::<Finding>)? {
                let shown = shown?;
                match worst.get(&shown.id) {
                    Some(before) if before.severity >= shown.severity => {}
                    _ => drop(worst.insert(shown.id, shown)),
                }
            }
            for finding in &mut held {
                if let Some(worst) = worst.remove(&finding.id) {
                    let (last, ended) = (finding.last, finding.ended);
                    *finding = Finding { last, ended, ..worst };
                }
            }
            Ok(held)
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
}

fn unpacked<T: serde::de::DeserializeOwned>(row: &Row<'_>) -> Result<T, duckdb::Error> {
    packed::unpack(&row.get::<_, Vec<u8>>(0)?).map_err(|error| unreadable(0, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Write, sample::*};

    #[test]
    fn a_finding_is_told_as_it_was_when_it_was_first_worst() {
        use crate::domain::Severity::{Critical, Notice};
        let mut store = memory();
        for (seconds, severity, summary) in [
            (0, Notice, "first"),
            (10, Critical, "worst"),
            (20, Critical, "later"),
            (30, Notice, "last"),
        ] {
            let shown = Finding {
                last: after(seconds),
                severity,
                summary: summary.into(),
                ..finding(1, after(0))
            };
            let write = Write {
                shown_at: Some(after(seconds)),
                findings: vec![shown],
                ..Write::default()
            };
            store.append(&write).unwrap();
        }
        let mut told = |to| {
            let told = store.told(T0, after(to)).unwrap();
            (told.len(), told[0].summary.to_string(), told[0].last)
        };
        assert_eq!(told(60), (1, "worst".into(), after(30)));
        // Later words are not known then.
        assert_eq!(told(5), (1, "first".into(), after(0)));
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
}
