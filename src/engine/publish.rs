//! Makes the snapshot a console sees from the pipeline's state.

use std::{collections::BTreeMap, sync::Arc};

use super::{Health, MetricRow, ReplayRow, SettingRow, Snapshot, SourceRow, StoreRow, Usage, resources::resources};
use crate::{
    domain::{Crossing, Finding, Limit, Mark, Options, Proposal, Quantiles, SeriesId, Span, Timestamp, matches},
    drift::{Difference, Incident, Sources},
    pipeline::State,
    shadow::{Metric, MetricShadow, Seen, SettingShadow},
};

/// Builds snapshots and keeps what did not change since the last one.
pub(super) struct Publisher {
    options: Arc<Options>,
    number: u64,
    settings: Arc<[SettingRow]>,
    settings_for: (u64, usize, Option<Timestamp>, Timestamp),
    /// Up to when settings were gone through whose outlook was not worth telling first, and up to which.
    told: (Timestamp, usize),
    findings: Arc<[Arc<Finding>]>,
    proposals: Arc<[Arc<Proposal>]>,
    incidents: Arc<[Incident]>,
    incidents_for: (usize, usize, Timestamp),
    records: Arc<[crate::domain::Record]>,
    records_at: Option<Timestamp>,
}

/// What the engine knows besides the state.
pub(super) struct About {
    pub usage: Usage,
    pub sources: Arc<[SourceRow]>,
    pub store: StoreRow,
    pub replay: Option<ReplayRow>,
}

impl Publisher {
    pub(super) fn new(options: Arc<Options>) -> Self {
        Self {
            options,
            number: 0,
            settings: Arc::default(),
            settings_for: (u64::MAX, 0, None, Timestamp(0)),
            told: (Timestamp(0), 0),
            findings: Arc::default(),
            proposals: Arc::default(),
            incidents: Arc::default(),
            incidents_for: (usize::MAX, 0, Timestamp(0)),
            records: Arc::default(),
            records_at: None,
        }
    }

    pub(super) fn snapshot(&mut self, state: &State, about: About, now: Timestamp) -> Snapshot {
        self.number += 1;
        let marks = marks(&state.findings);
        self.refresh_settings(state, &marks, now);
        refresh(&mut self.findings, &state.findings);
        refresh(&mut self.proposals, &state.proposals);
        let incidents_for = (state.findings.len(), state.ended.len(), now.floor(Span::from_mins(1)));
        if self.incidents_for != incidents_for {
            self.incidents_for = incidents_for;
            self.incidents = state.incidents(&self.options).into();
        }
        if self
            .records_at
            .is_none_or(|at| now < at || now - at >= Span::from_mins(1))
        {
            self.records_at = Some(now);
            self.records = state.ledger.records().into();
        }
        let sources = Sources::of(&state.shadows);
        let crossings = crossings(&state.findings);
        let metrics: Arc<[MetricRow]> = state
            .shadows
            .metrics
            .values()
            .map(|metric| MetricRow {
                crossing: crossings.get(&metric.meta.id).copied(),
                ..self.metric(metric, &marks, sources.gone(metric), now)
            })
            .collect();
        let trend = |id: &SeriesId| {
            let metric = state.shadows.metrics.get(id);
            metric.map_or([None; 8], |metric| eight_minutes(metric, now))
        };
        let resources = resources(&metrics, &self.settings, &marks, trend);
        Snapshot {
            number: self.number,
            at: judged_at(state, self.options.interval),
            live: true,
            replay: about.replay,
            options: self.options.clone(),
            health: self.health(state, &metrics),
            resources,
            metrics,
            settings: self.settings.clone(),
            findings: self.findings.clone(),
            proposals: self.proposals.clone(),
            incidents: self.incidents.clone(),
            usage: about.usage,
            sources: about.sources,
            store: about.store,
        }
    }

    fn refresh_settings(&mut self, state: &State, marks: &BTreeMap<&SeriesId, Mark>, now: Timestamp) {
        let settings = &state.shadows.settings;
        // Hazards and marks move slowly: every ten minutes is often enough when nothing changed.
        let key = (
            settings.generation(),
            settings.all().len(),
            state.baseline.taken_at,
            now.floor(Span::from_mins(10)),
        );
        if self.settings_for == key {
            return self.tell_further(settings, now);
        }
        let turn = self.settings_for.3 != key.3;
        self.settings_for = key;
        let accepted: BTreeMap<SeriesId, Difference> = state
            .baseline
            .diff(&state.shadows)
            .into_iter()
            .map(|difference| (difference.id.clone(), difference))
            .collect();
        let chances = settings.chances(now);
        let chance = |id: &SeriesId| chances.get(id).copied().unwrap_or_default();
        let mut rows: Vec<SettingRow> = settings
            .all()
            .iter()
            .map(|(id, setting)| SettingRow {
                id: id.clone(),
                mark: marks.get(id).copied().unwrap_or(if accepted.contains_key(id) {
                    Mark::Drift
                } else {
                    Mark::Ok
                }),
                value: Some(setting.value.clone()),
                accepted: accepted.get(id).map(|difference| difference.accepted.clone()),
                hazard: chance(id).0,
                week: chance(id).1,
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
                hazard: 0.0,
                week: 0.0,
                undoing: None,
                outlook: None,
                bits: 0.0,
                since: gone.map_or(now, |change| change.at),
                last_change: gone.cloned().map(Arc::new),
            });
        }
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        for row in &mut rows {
            let before = self.settings.binary_search_by(|before| before.id.cmp(&row.id));
            let before = before.ok().map(|place| &self.settings[place]);
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
        for place in places {
            rows[place].outlook = settings.outlook(&rows[place].id, now).map(Arc::new);
        }
        self.settings = rows.into();
    }

    /// Tells the outlook of settings that have none yet, some each minute.
    fn tell_further(&mut self, settings: &SettingShadow, now: Timestamp) {
        let minute = now.floor(Span::from_mins(1));
        if std::mem::replace(&mut self.told.0, minute) == minute {
            return;
        }
        let lacks = |row: &&mut SettingRow| row.value.is_some() && row.outlook.is_none();
        if !self
            .settings
            .iter()
            .any(|row| row.value.is_some() && row.outlook.is_none())
        {
            return;
        }
        let mut rows = self.settings.to_vec();
        for row in rows.iter_mut().filter(lacks).take(OUTLOOKS) {
            row.outlook = settings.outlook(&row.id, now).map(Arc::new);
        }
        self.settings = rows.into();
    }

    fn metric(&self, metric: &Metric, marks: &BTreeMap<&SeriesId, Mark>, gone: bool, now: Timestamp) -> MetricRow {
        let id = &metric.meta.id;
        let newest = metric.newest();
        let learning = !gone && newest.is_none_or(|seen| seen.band.is_none()) && metric.shadow.next().is_none();
        let points = metric.shadow.points();
        let range = metric.shadow.range();
        let muted = self.options.mute.iter().any(|pattern| matches(pattern, &id.name));
        let mark = match marks.get(id) {
            _ if muted => Mark::Muted,
            Some(mark) => own(*mark, metric.limit.as_ref()),
            None if gone => Mark::Removed,
            None if learning => Mark::Learning,
            None => Mark::Ok,
        };
        let missing = i64::try_from(MetricShadow::WARM.saturating_sub(points)).unwrap_or(0);
        MetricRow {
            id: id.clone(),
            unit: metric.meta.unit,
            kind: metric.meta.kind,
            mark,
            now: newest.map(|seen| (seen.at, seen.value)),
            expected: newest.and_then(|seen| seen.band).map(thirteen),
            bits: newest.map_or(0.0, |seen| seen.bits),
            hour: hour(metric, now),
            limit: metric.limit.clone(),
            crossing: None,
            points,
            from: range.map(|(from, _)| from),
            ready: learning.then(|| now + metric.meta.cadence * missing.max(1)),
            cadence: metric.meta.cadence,
            source: metric.meta.source.clone(),
        }
    }

    fn health(&self, state: &State, metrics: &[MetricRow]) -> Health {
        let learning = metrics.iter().filter(|row| row.ready.is_some()).count();
        let (mut scored, mut held80, mut held95) = (0.0, 0.0, 0.0);
        let mut worst: Option<(SeriesId, f64)> = None;
        for (id, metric) in &state.shadows.metrics {
            let held = metric.shadow.held();
            if held.scored < 30 {
                continue;
            }
            let weight = held.scored as f64;
            scored += weight;
            held80 += held.held80 * weight;
            held95 += held.held95 * weight;
            if worst.as_ref().is_none_or(|(_, share)| held.held95 < *share) {
                worst = Some((id.clone(), held.held95));
            }
        }
        Health {
            learnt: (metrics.len() - learning) as u32,
            learning: learning as u32,
            ready: most_ready(metrics),
            held: (scored > 0.0).then(|| (held80 / scored, held95 / scored)),
            worst,
            records: self.records.clone(),
            open: state.ledger.open() as u32,
            baseline: state.baseline.taken_at,
        }
    }
}

/// The time a snapshot is of: that of the last step, which judged what is shown and is written beside it. When data stop coming it stops soon.
fn judged_at(state: &State, interval: Span) -> Option<Timestamp> {
    let newest = state.shadows.newest?;
    let soon = (interval * 3).max(Span::from_secs(10));
    Some(state.stepped_to().unwrap_or(newest).clamp(newest, newest + soon))
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
            row.value.is_some() && (changed(row).is_some() || row.accepted.is_some() || row.week >= 0.01)
        })
        .collect();
    places.sort_by(|a, b| {
        let (a, b) = (&rows[*a], &rows[*b]);
        changed(b).cmp(&changed(a)).then_with(|| b.week.total_cmp(&a.week))
    });
    places.truncate(OUTLOOKS);
    places
}

/// When nine in ten of those that learn will have learnt: the slowest few would make the answer useless.
fn most_ready(metrics: &[MetricRow]) -> Option<Timestamp> {
    let mut ready: Vec<Timestamp> = metrics.iter().filter_map(|row| row.ready).collect();
    ready.sort_unstable();
    ready.get((ready.len() * 9).div_ceil(10).checked_sub(1)?).copied()
}

/// Fills the five levels kept into the thirteen: between them linear, which is how charts draw them.
pub(super) fn thirteen(band: [f32; 5]) -> Quantiles {
    let [a, b, m, c, d] = band.map(f64::from);
    let mid = |from: f64, to: f64, share: f64| from + (to - from) * share;
    Quantiles([
        a,
        mid(a, b, 1.0 / 3.0),
        b,
        mid(b, m, 0.25),
        mid(b, m, 0.5),
        mid(b, m, 0.75),
        m,
        mid(m, c, 0.25),
        mid(m, c, 0.5),
        mid(m, c, 0.75),
        c,
        mid(c, d, 2.0 / 3.0),
        d,
    ])
}

/// Keeps the old list when nothing in it changed, so that an attached console is not sent it again.
fn refresh<T: Clone + PartialEq>(kept: &mut Arc<[Arc<T>]>, new: &[T]) {
    if kept.len() == new.len() && kept.iter().zip(new).all(|(old, new)| **old == *new) {
        return;
    }
    *kept = new.iter().cloned().map(Arc::new).collect();
}

/// The worst mark of each series that a finding names.
pub(super) fn marks<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> BTreeMap<&'a SeriesId, Mark> {
    let mut marks = BTreeMap::new();
    for finding in findings {
        for id in &finding.series {
            let mark = marks.entry(id).or_insert(finding.mark);
            *mark = finding.mark.min(*mark);
        }
    }
    marks
}

/// The mark of a metric that a finding of this mark names: what goes with a passed limit and has none itself is odd.
pub(super) fn own(mark: Mark, limit: Option<&Limit>) -> Mark {
    match mark {
        Mark::Breach | Mark::Cross if limit.is_none() => Mark::Odd,
        mark => mark,
    }
}

/// The crossings that findings tell of, by series.
pub(super) fn crossings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> BTreeMap<&'a SeriesId, Crossing> {
    let told = findings
        .into_iter()
        .filter_map(|finding| Some((finding.series.first()?, finding.crossing?)));
    told.collect()
}

/// Start of the first eighth of the hour before `now`, and the length of one: anchored to round eighths, so that a column changes only
/// when its time is over.
pub(super) fn hour_before(now: Timestamp) -> (Timestamp, Span) {
    let eighth = Span(Span::from_hours(1).0 / 8);
    (now.floor(eighth) + eighth - Span::from_hours(1), eighth)
}

/// Greatest surprise of each eighth of the hour before `now`.
fn hour(metric: &Metric, now: Timestamp) -> [Option<f32>; 8] {
    let (from, eighth) = hour_before(now);
    let mut hour = [None; 8];
    for minute in metric.minutes.iter().rev() {
        let place = (minute.at - from).0.div_euclid(eighth.0);
        if place < 0 {
            break;
        }
        if let Some(cell) = hour.get_mut(place as usize) {
            let cell: &mut Option<f32> = cell;
            *cell = Some(cell.unwrap_or(0.0).max(minute.bits));
        }
    }
    hour
}

fn eight_minutes(metric: &Metric, now: Timestamp) -> [Option<f32>; 8] {
    let from = now.floor(Span::from_mins(1)) - Span::from_mins(7);
    let mut cells = [None; 8];
    for minute in metric.minutes.iter().rev() {
        let place = (minute.at - from).0.div_euclid(Span::from_mins(1).0);
        if place < 0 {
            break;
        }
        if let Some(cell) = cells.get_mut(place as usize) {
            *cell = Some(minute.last as f32);
        }
    }
    cells
}

/// The columns of a chart from what is in memory, where memory reaches back far enough.
pub(super) fn columns_in_memory(metric: &Metric, from: Timestamp, step: Span, columns: &mut [super::Column]) {
    let place = |at: Timestamp| {
        usize::try_from((at - from).0.div_euclid(step.0))
            .ok()
            .filter(|place| *place < columns.len())
    };
    let mut cells: Vec<(usize, super::Column)> = Vec::new();
    let mut add = |at: Timestamp, value: (f64, f64, f64), band: Option<[f32; 5]>, bits: f32| {
        let Some(place) = place(at) else { return };
        match cells.last_mut().filter(|(last, _)| *last == place) {
            Some((_, column)) => {
                let (_, min, max) = column.value.unwrap_or(value);
                column.value = Some((value.0, min.min(value.1), max.max(value.2)));
                column.expected = band.map(thirteen).or(column.expected);
                column.bits = Some(column.bits.unwrap_or(0.0).max(bits));
            }
            None => {
                let column = super::Column {
                    value: Some(value),
                    expected: band.map(thirteen),
                    bits: Some(bits),
                };
                cells.push((place, column));
            }
        }
    };
    if step >= Span::from_mins(1) {
        for minute in &metric.minutes {
            add(
                minute.at,
                (minute.last, minute.min, minute.max),
                minute.band,
                minute.bits,
            );
        }
    } else {
        for Seen { at, value, band, bits } in &metric.recent {
            add(*at, (*value, *value, *value), *band, *bits);
        }
    }
    for (place, column) in cells {
        columns[place] = column;
    }
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
        let mut publisher = Publisher::new(Arc::new(Options::default()));
        let mut told = |state: &State, at: Timestamp| {
            let about = About {
                usage: Usage::default(),
                sources: Arc::default(),
                store: StoreRow::default(),
                replay: None,
            };
            publisher.snapshot(state, about, at).settings
        };
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
