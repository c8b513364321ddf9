//! What was said of what was off, and when it became worse.

use std::collections::HashMap;

use super::{Store, StoreError, cell::micros, read::unpacked};
use crate::domain::{Cause, Finding, FindingId, Timestamp};

impl Store {
    /// Findings that held at any time of the range, oldest first, one for each mark that was worse than those before it: as it was first
    /// shown when it was severest, since it had that mark (`last` is when what is said of it was so), with when the finding ended, and with the
    /// causes that were found last, also after the range: what came first of it is one thing, whichever part of it is looked at.
    ///
    /// # Errors
    /// On a database error.
    pub fn told(&mut self, from: Timestamp, to: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let held = self.findings(from, to)?;
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT body, shown_at FROM finding WHERE since <= ? AND (ended IS NULL OR ended >= ?) ORDER BY shown_at, rowid",
            )?;
            let rows = statement.query_map((micros(to), micros(from)), |row| {
                Ok((unpacked::<Finding>(row)?, Timestamp(row.get(1)?)))
            })?;
            let mut stages: HashMap<FindingId, Vec<Finding>> = HashMap::new();
            let mut causes: HashMap<FindingId, Vec<Cause>> = HashMap::new();
            for row in rows {
                let (mut shown, at) = row?;
                if !shown.causes.is_empty() {
                    causes.insert(shown.id, shown.causes.clone());
                }
                if at > to {
                    continue;
                }
                let stages = stages.entry(shown.id).or_default();
                let worse = stages.iter().all(|stage| shown.mark < stage.mark);
                match stages.iter_mut().find(|stage| stage.mark == shown.mark) {
                    Some(before) if shown.severity > before.severity => {
                        shown.since = before.since;
                        *before = shown;
                    }
                    None if worse => {
                        if !stages.is_empty() {
                            (shown.since, shown.earliest) = (shown.since.max(at), None);
                        }
                        stages.push(shown);
                    }
                    _ => {}
                }
            }
            let mut told: Vec<Finding> = Vec::with_capacity(held.len());
            for finding in held {
                let (ended, known) = (finding.ended, causes.remove(&finding.id));
                for mut stage in stages.remove(&finding.id).unwrap_or_else(|| vec![finding]) {
                    stage.ended = ended;
                    stage.causes = known.clone().unwrap_or(stage.causes);
                    told.push(stage);
                }
            }
            told.sort_by_key(|finding| finding.since);
            Ok(told)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Write, sample::*};

    /// The console shows it then, and sees that it holds.
    fn show(store: &mut Store, seconds: i64, finding: Finding) {
        let shown = Finding {
            last: after(seconds),
            ..finding
        };
        let write = Write {
            shown_at: Some(after(seconds)),
            findings: vec![shown],
            ..Write::default()
        };
        store.append(&write).unwrap();
    }

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
                severity,
                summary: summary.into(),
                ..finding(1, after(0))
            };
            show(&mut store, seconds, shown);
        }
        let mut told = |to| {
            let told = store.told(T0, after(to)).unwrap();
            (told.len(), told[0].summary.to_string(), told[0].last)
        };
        assert_eq!(told(60), (1, "worst".into(), after(10)));
        // Later words are not known then.
        assert_eq!(told(5), (1, "first".into(), after(0)));
        // Who asks in SQL gets it once, as it was told last.
        let table = store.sql("SELECT summary FROM findings", 9).unwrap();
        assert_eq!(table.rows, [[serde_json::json!("last")]]);
    }

    #[test]
    fn its_cause_is_known_in_every_part_of_what_happened() {
        let mut store = memory();
        show(&mut store, 0, finding(1, after(0)));
        let cause = Cause {
            series: None,
            what: "channel_max 2047 -> 0".into(),
            at: after(0),
            earliest: None,
            lead: crate::domain::Span::ZERO,
            weight: 0.6,
        };
        let later = Finding {
            causes: vec![cause.clone()],
            ..finding(1, after(0))
        };
        show(&mut store, 20, later);
        for to in [5, 60] {
            assert_eq!(
                store.told(T0, after(to)).unwrap()[0].causes,
                std::slice::from_ref(&cause)
            );
        }
    }

    #[test]
    fn what_became_worse_is_told_once_for_each_mark() {
        use crate::domain::Mark::{Breach, Cross, Odd};
        let mut store = memory();
        for (seconds, mark) in [(0, Odd), (10, Cross), (20, Odd), (30, Cross), (40, Breach), (50, Cross)] {
            let shown = Finding {
                mark,
                ..finding(1, after(0))
            };
            show(&mut store, seconds, shown);
        }
        let mut told = |to| -> Vec<_> {
            let told = store.told(T0, after(to)).unwrap();
            told.iter()
                .map(|finding| (finding.mark, finding.since, finding.last))
                .collect()
        };
        let all = [(Odd, after(0)), (Cross, after(10)), (Breach, after(40))];
        assert_eq!(told(60), all.map(|(mark, since)| (mark, since, since)));
        assert_eq!(told(15).len(), 2);
    }
}
