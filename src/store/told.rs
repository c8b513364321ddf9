//! What was said of what was off, and when it became worse.

use std::collections::HashMap;

use super::{Store, StoreError, cell::micros, read::unpacked};
use crate::domain::{Finding, FindingId, Timestamp};

impl Store {
    /// Findings that held at any time of the range, oldest first, one for each mark that was worse than those before it: as it was first
    /// shown when it was severest, since it had that mark, with when the finding was last seen and ended.
    ///
    /// # Errors
    /// On a database error.
    pub fn told(&mut self, from: Timestamp, to: Timestamp) -> Result<Vec<Finding>, StoreError> {
        let held = self.findings(from, to)?;
        self.with(|db| {
            let mut statement = db.conn.prepare(
                "SELECT body, shown_at FROM finding WHERE shown_at <= ? AND since <= ? AND (ended IS NULL OR ended >= ?)
                 ORDER BY shown_at, rowid",
            )?;
            let until = micros(to);
            let rows = statement.query_map((until, until, micros(from)), |row| {
                Ok((unpacked::<Finding>(row)?, Timestamp(row.get(1)?)))
            })?;
            let mut stages: HashMap<FindingId, Vec<Finding>> = HashMap::new();
            for row in rows {
                let (mut shown, at) = row?;
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
                let (last, ended) = (finding.last, finding.ended);
                let stages = stages.remove(&finding.id).unwrap_or_else(|| vec![finding]);
                told.extend(stages.into_iter().map(|stage| Finding { last, ended, ..stage }));
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
        assert_eq!(told(60), (1, "worst".into(), after(30)));
        // Later words are not known then.
        assert_eq!(told(5), (1, "first".into(), after(0)));
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
        assert_eq!(told(60), all.map(|(mark, since)| (mark, since, after(50))));
        assert_eq!(told(15).len(), 2);
    }
}
