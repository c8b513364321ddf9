//! Makes the snapshot a console sees from the pipeline's state.

mod settings;

use std::{collections::BTreeMap, sync::Arc};

use self::settings::Settings;
use super::{Health, MetricRow, ReplayRow, Snapshot, SourceRow, StoreRow, Usage, resources::resources};
use crate::{
    domain::{Crossing, Finding, Limit, Mark, Options, Proposal, Quantiles, SeriesId, Span, Timestamp, matches},
    drift::{Incident, Sources},
    pipeline::State,
    shadow::{Metric, MetricShadow, Seen},
};

/// Builds snapshots and keeps what did not change since the last one.
pub(super) struct Publisher {
    options: Arc<Options>,
    number: u64,
    settings: Settings,
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
            settings: Settings::default(),
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
        let settings = self.settings.refresh(state, &marks, now);
        refresh(&mut self.findings, &state.findings);
        refresh(&mut self.proposals, &state.proposals);
        let incidents_for = (state.findings.len(), state.ended.len(), now.floor(Span::from_mins(1)));
        if self.incidents_for != incidents_for {
            self.incidents_for = incidents_for;
            self.incidents = state.incidents(&self.options, &self.incidents).into();
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
        let resources = resources(&metrics, &settings, &marks, trend);
        Snapshot {
            number: self.number,
            at: judged_at(state, self.options.interval),
            live: true,
            replay: about.replay,
            options: self.options.clone(),
            health: self.health(state, &metrics),
            resources,
            metrics,
            settings,
            findings: self.findings.clone(),
            proposals: self.proposals.clone(),
            incidents: self.incidents.clone(),
            usage: about.usage,
            sources: about.sources,
            store: about.store,
        }
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
            ready: learning.then(|| warm(metric, now)),
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
            ready: most_ready(metrics.iter().map(|row| row.ready).collect()),
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

/// When a metric that learns has the values that a shadow needs, if they go on coming as often: counted from its newest, so that it stays the
/// same from one value to the next.
fn warm(metric: &Metric, now: Timestamp) -> Timestamp {
    let cadence = metric.meta.cadence;
    let missing = MetricShadow::WARM.saturating_sub(metric.shadow.points()).max(1);
    let newest = metric.newest().map_or(now, |seen| seen.at.max(now - cadence));
    newest + cadence * i64::try_from(missing).unwrap_or(i64::from(u8::MAX))
}

/// When most metrics will have learnt, and from then on when nine in ten will, `None` when they have. Of those that still learn the same share
/// would be another time whenever the quick ones are done, and the slowest few would make the answer useless.
fn most_ready(mut ready: Vec<Option<Timestamp>>) -> Option<Timestamp> {
    ready.sort_unstable();
    let most = ready.get(ready.len() / 2).copied().flatten();
    most.or_else(|| *ready.get((ready.len() * 9).div_ceil(10).checked_sub(1)?)?)
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
    use std::collections::VecDeque;

    use super::*;
    use crate::domain::{MetricKind, MetricMeta, Point, ResourceId, Unit};

    const START: Timestamp = Timestamp::from_secs(1_700_000_400);

    fn state(cadences: &[(&str, i64)], until: i64) -> State {
        let mut state = State::default();
        for (name, secs) in cadences {
            let meta = MetricMeta {
                id: SeriesId::new(&ResourceId::new("host", "a"), name),
                unit: Unit::Percent,
                kind: MetricKind::Rate,
                cadence: Span::from_secs(*secs),
                source: "x".into(),
                limit: None,
            };
            let mut metric = Metric {
                shadow: MetricShadow::new(&meta),
                meta,
                limit: None,
                recent: VecDeque::new(),
                minutes: VecDeque::new(),
                slow: Default::default(),
            };
            for second in (0..=until).step_by(*secs as usize) {
                let (at, value) = (START + Span::from_secs(second), (second % 7) as f64);
                metric.shadow.observe(Point { at, value });
                metric.recent.push_back(Seen {
                    at,
                    value,
                    band: None,
                    bits: 0.0,
                });
            }
            state.shadows.metrics.insert(metric.meta.id.clone(), metric);
        }
        state
    }

    #[test]
    fn most_are_ready_when_most_are_and_then_nine_in_ten() {
        let at = |second| Some(START + Span::from_secs(second));
        // Of ten seven come after a minute, and the rest after four.
        let rows = |quick| -> Vec<Option<Timestamp>> {
            std::iter::repeat_n(quick, 7)
                .chain(std::iter::repeat_n(at(240), 3))
                .collect()
        };
        assert_eq!(most_ready(rows(at(60))), at(60));
        assert_eq!(most_ready(rows(None)), at(240));
        assert_eq!(most_ready(Vec::new()), None);
    }

    #[test]
    fn when_a_shadow_is_ready_stays_the_same_from_look_to_look() {
        let state = state(&[("slow", 600)], 1_200);
        let ready = |second: i64| {
            warm(
                state.shadows.metrics.values().next().unwrap(),
                START + Span::from_secs(second),
            )
        };
        assert_eq!(ready(1_200), ready(1_500));
        assert_eq!(
            ready(1_200),
            START + Span::from_mins(10) * (MetricShadow::WARM as i64 - 1)
        );
    }
}
