//! The rows of settings: made anew when a setting changed, and their outlooks a part at a time.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    domain::{Mark, SeriesId, Span, Timestamp},
    drift::Difference,
    engine::SettingRow,
    pipeline::State,
    shadow::SettingShadow,
};

/// The rows as they were last made.
pub(super) struct Settings {
    rows: Arc<[SettingRow]>,
    made_for: (u64, usize, Option<Timestamp>, Timestamp),
    /// Up to when settings were gone through whose outlook was not worth telling first, and up to which.
    told: (Timestamp, usize),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rows: Arc::default(),
            made_for: (u64::MAX, 0, None, Timestamp(0)),
            told: (Timestamp(0), 0),
        }
    }
}

impl Settings {
    /// The rows at `now`; those of before where nothing in them can have moved.
    pub fn refresh(&mut self, state: &State, marks: &BTreeMap<&SeriesId, Mark>, now: Timestamp) -> Arc<[SettingRow]> {
        let settings = &state.shadows.settings;
        // Hazards and marks move slowly: every ten minutes is often enough when nothing changed.
        let key = (
            settings.generation(),
            settings.all().len(),
            state.baseline.taken_at,
            now.floor(Span::from_mins(10)),
        );
        if self.made_for == key {
            self.tell_further(settings, now);
        } else {
            self.make(state, marks, now, self.made_for.3 != key.3);
            self.made_for = key;
        }
        self.rows.clone()
    }

    /// Makes all rows anew; in a `turn` some of those that did not change are told anew, too.
    fn make(&mut self, state: &State, marks: &BTreeMap<&SeriesId, Mark>, now: Timestamp, turn: bool) {
        let settings = &state.shadows.settings;
        let accepted: BTreeMap<SeriesId, Difference> = state
            .baseline
            .diff(&state.shadows)
            .into_iter()
            .map(|difference| (difference.id.clone(), difference))
            .collect();
        let chances = settings.chances(now);
        let mut rows: Vec<SettingRow> = settings
            .all()
            .iter()
            .chain(settings.remembered())
            .map(|(id, setting)| (id, setting, chances.get(id)))
            .map(|(id, setting, chance)| SettingRow {
                id: id.clone(),
                mark: marks.get(id).copied().unwrap_or(if accepted.contains_key(id) {
                    Mark::Drift
                } else {
                    Mark::Ok
                }),
                value: Some(setting.value.clone()),
                accepted: accepted.get(id).map(|difference| difference.accepted.clone()),
                hazard: chance.map(|chance| chance.0),
                week: chance.map(|chance| chance.1),
                undoing: setting.undoing.as_deref().cloned().map(Arc::new),
                outlook: None,
                bits: setting.bits as f32,
                last_change: setting.last_change.clone(),
                since: setting.since,
            })
            .collect();
        for (id, difference) in accepted.iter().filter(|(_, difference)| difference.actual.is_none()) {
            let gone = settings.changes().iter().rev().find(|change| change.id == *id);
            rows.push(SettingRow {
                id: id.clone(),
                mark: Mark::Drift,
                value: None,
                accepted: Some(difference.accepted.clone()),
                hazard: None,
                week: None,
                undoing: None,
                outlook: None,
                bits: 0.0,
                since: gone.map_or(now, |change| change.at),
                last_change: gone.cloned().map(Arc::new),
            });
        }
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        for row in &mut rows {
            let before = self.rows.binary_search_by(|before| before.id.cmp(&row.id));
            let before = before.ok().map(|place| &self.rows[place]);
            let same = before.filter(|before| (&before.value, &before.last_change) == (&row.value, &row.last_change));
            row.outlook = same.and_then(|before| before.outlook.clone());
        }
        let mut places = worth_a_look(&rows, now);
        if turn {
            // What others hold moves on while a setting stays: each is told anew in its turn.
            let from = if self.told.1 < rows.len() { self.told.1 } else { 0 };
            self.told.1 = from + OUTLOOKS;
            places.extend((from..rows.len()).take(OUTLOOKS));
        }
        let outlook = settings.outlooks(now);
        for place in places {
            rows[place].outlook = outlook(&rows[place].id).map(Arc::new);
        }
        self.rows = rows.into();
    }

    /// Tells the outlook of settings that have none yet, some each minute.
    fn tell_further(&mut self, settings: &SettingShadow, now: Timestamp) {
        let minute = now.floor(Span::from_mins(1));
        if std::mem::replace(&mut self.told.0, minute) == minute {
            return;
        }
        let lacks = |row: &&mut SettingRow| row.value.is_some() && row.outlook.is_none();
        if !self.rows.iter().any(|row| row.value.is_some() && row.outlook.is_none()) {
            return;
        }
        let mut rows = self.rows.to_vec();
        let outlook = settings.outlooks(now);
        for row in rows.iter_mut().filter(lacks).take(OUTLOOKS) {
            row.outlook = outlook(&row.id).map(Arc::new);
        }
        self.rows = rows.into();
    }
}

/// Outlooks made at one time, of settings that are worth it and of the rest.
const OUTLOOKS: usize = 300;

/// Settings whose outlook is told first: what changed in the last 30 days, what is not as accepted, what is likely to change; the newest
/// changes and the likeliest first.
fn worth_a_look(rows: &[SettingRow], now: Timestamp) -> Vec<usize> {
    let changed = |row: &SettingRow| {
        let change = row.last_change.as_ref().map(|change| change.at);
        change.filter(|at| now - *at < Span::from_days(30))
    };
    let mut places: Vec<usize> = (0..rows.len())
        .filter(|place| {
            let row = &rows[*place];
            row.value.is_some() && (changed(row).is_some() || row.accepted.is_some() || row.week >= Some(0.01))
        })
        .collect();
    places.sort_by(|a, b| {
        let (a, b) = (&rows[*a], &rows[*b]);
        changed(b)
            .cmp(&changed(a))
            .then_with(|| b.week.unwrap_or(0.0).total_cmp(&a.week.unwrap_or(0.0)))
    });
    places.truncate(OUTLOOKS);
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ResourceId, SettingSnapshot, Value};

    #[test]
    fn every_setting_has_its_outlook_told_in_its_turn_and_keeps_it() {
        let start: Timestamp = "2026-03-14T13:00:00Z".parse().unwrap();
        let tell = |state: &mut State, at: Timestamp, first: i64| {
            let settings = (0..1_000).map(|n| {
                (
                    format!("sysctl.s{n}").into(),
                    Value::Int(if n == 0 { first } else { n }),
                )
            });
            state.shadows.settings.snapshot(&SettingSnapshot {
                reach: None,
                resource: ResourceId::new("host", "web-1"),
                scope: "sysctl".into(),
                at,
                settings: Some(settings.collect()),
            });
        };
        let mut state = State::default();
        tell(&mut state, start, 1);
        let mut settings = Settings::default();
        let mut told = |state: &State, at: Timestamp| settings.refresh(state, &BTreeMap::new(), at);
        let count = |rows: &Arc<[SettingRow]>| rows.iter().filter(|row| row.outlook.is_some()).count();
        let mut counts = Vec::new();
        for second in 0..240 {
            counts.push(count(&told(&state, start + Span::from_secs(second))));
        }
        assert!(
            counts
                .windows(2)
                .all(|two| two[1] >= two[0] && two[1] - two[0] <= OUTLOOKS),
            "{counts:?}"
        );
        assert_eq!(counts.last(), Some(&1_000));

        tell(&mut state, start + Span::from_mins(5), 2);
        let rows = told(&state, start + Span::from_mins(5));
        assert_eq!(count(&rows), 1_000, "what did not change keeps it");
        let changed = rows.iter().find(|row| &*row.id.name == "sysctl.s0").unwrap();
        assert_eq!(changed.value, Some(Value::Int(2)));
    }
}
