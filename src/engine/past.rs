//! The world as it was known at a time, read back from the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Health, MetricRow, SettingRow, Snapshot, SourceRow, StoreRow, Timeline, Usage,
    publish::{crossings, hour_before, marks, own},
    resources::resources,
};
use crate::{
    domain::{Finding, Mark, Options, Seen, SeriesId, Span, Timestamp},
    drift::incidents,
    pipeline::State,
    store::{Store, StoreError},
};

/// Entries a timeline may have of each sort.
const ENTRIES: usize = 2_000;

/// Reads a snapshot of `at`: values, settings, findings and proposals as they were known and shown then.
pub(super) fn snapshot(store: &mut Store, options: &Arc<Options>, at: Timestamp) -> Result<Snapshot, StoreError> {
    let known = store.findings(at - Span::from_days(30), at + Span(1))?;
    let incidents = incidents(&known, options.drift.coincide, &[]).into();
    let held: Vec<Finding> = known
        .into_iter()
        .filter(|finding| finding.since <= at && finding.ended.is_none_or(|ended| ended > at))
        .collect();
    let (marks, crossings) = (marks(&held), crossings(&held));
    let limited: BTreeSet<&SeriesId> = held
        .iter()
        .filter(|finding| matches!(finding.mark, Mark::Breach | Mark::Cross))
        .filter_map(|finding| finding.series.first())
        .collect();
    // Limits are not kept for every time: those of the options stand, without what a console set since.
    let rules = State::default();
    let bounds = rules.bounds();
    let mut hours = hours(store, at)?;
    let mut metrics: Vec<MetricRow> = store
        .metrics_as_of(at)?
        .into_iter()
        .map(|(meta, bucket)| {
            let limit = rules.limit_of(&meta.id, meta.limit.as_ref(), &bounds, options);
            // What a finding of a limit is about has one, known here or not.
            let told = marks.get(&meta.id).map(|mark| match limited.contains(&meta.id) {
                true => *mark,
                false => own(*mark, limit.as_ref()),
            });
            MetricRow {
                mark: told.unwrap_or(match bucket.expected {
                    Some(_) => Mark::Ok,
                    None => Mark::Learning,
                }),
                now: Some((bucket.at, bucket.last)),
                expected: bucket.expected,
                bits: bucket.bits,
                hour: hours.remove(&meta.id).unwrap_or_default(),
                limit,
                crossing: crossings.get(&meta.id).copied(),
                points: 0,
                from: None,
                ready: None,
                unit: meta.unit,
                kind: meta.kind,
                cadence: meta.cadence,
                source: meta.source,
                id: meta.id,
            }
        })
        .collect();
    // Consoles search both lists by name.
    metrics.sort_by(|a, b| a.id.cmp(&b.id));
    let mut findings = held.clone();
    for finding in &mut findings {
        follow(finding, &metrics, at);
    }
    findings.sort_by(Finding::worst_first);
    let mut settings: Vec<SettingRow> = store
        .settings_as_of(at)?
        .into_iter()
        .map(|(id, value, since, change)| SettingRow {
            mark: marks.get(&id).copied().unwrap_or(Mark::Ok),
            value: Some(value),
            accepted: None,
            hazard: None,
            week: None,
            undoing: None,
            outlook: None,
            bits: 0.0,
            since,
            last_change: change.map(Arc::new),
            id,
        })
        .collect();
    settings.sort_by(|a, b| a.id.cmp(&b.id));
    let mut trends = BTreeMap::new();
    for row in metrics
        .iter()
        .filter(|row| matches!(&*row.id.name, "cpu.busy_pct" | "mem.used_pct"))
    {
        trends.insert(row.id.clone(), eight_minutes(store, &row.id, at)?);
    }
    let resources = resources(&metrics, &settings, &marks, |id| trends.remove(id).unwrap_or_default());
    let mut proposals = store.proposals_as_of(at)?;
    proposals.sort_by(|a, b| {
        b.factors
            .score()
            .total_cmp(&a.factors.score())
            .then_with(|| a.id.cmp(&b.id))
    });
    let learnt = metrics.iter().filter(|row| row.expected.is_some()).count();
    let health = Health {
        learnt: learnt as u32,
        learning: (metrics.len() - learnt) as u32,
        held: store.held(at - Span::from_hours(1), at)?,
        ..Health::default()
    };
    Ok(Snapshot {
        number: 0,
        at: Some(at),
        live: false,
        replay: None,
        options: options.clone(),
        resources,
        metrics: metrics.into(),
        settings: settings.into(),
        findings: findings.into_iter().map(Arc::new).collect(),
        proposals: proposals.into_iter().map(Arc::new).collect(),
        incidents,
        health,
        usage: Usage::default(),
        sources: Arc::<[SourceRow]>::default(),
        store: StoreRow {
            ok: true,
            ..StoreRow::default()
        },
    })
}

/// Brings a finding, which is kept as it was when it was told, to the figures of `at`; its words stay those that were told.
fn follow(finding: &mut Finding, metrics: &[MetricRow], at: Timestamp) {
    let row = |id: &SeriesId| {
        let place = metrics.binary_search_by(|row| row.id.cmp(id)).ok();
        place.map(|place| &metrics[place])
    };
    let (Seen::Metric { now: Some(now), band }, Some(head)) = (&mut finding.seen, finding.series.first().and_then(row))
    else {
        return;
    };
    let Some((seen, value)) = head.now.filter(|(seen, _)| *seen > finding.last) else {
        return;
    };
    // The band is the one it left: the shadow follows it since.
    *band = band.or_else(|| head.expected.map(|expected| expected.band80()));
    if *now != value {
        *now = value;
        finding.summary = format!("{} (as first told)", finding.summary).into();
    }
    finding.last = seen;
    let (from, eighth) = hour_before(at);
    let since = (finding.since - from).0.div_euclid(eighth.0).max(0) as usize;
    let strongest = finding
        .series
        .iter()
        .filter_map(row)
        .flat_map(|row| &row.hour[since.min(8)..]);
    finding.bits = strongest
        .flatten()
        .fold(finding.bits, |most, bits| most.max(f64::from(*bits)));
}

/// What happened from `from` to `to`.
pub(super) fn timeline(store: &mut Store, from: Timestamp, to: Timestamp) -> Result<Timeline, StoreError> {
    let people = ["note", "what-if", "dismiss", "accept", "limit", "mute", "apply"];
    let (entries, _) = store.audit(ENTRIES)?;
    let mut notes: Vec<_> = entries
        .into_iter()
        .filter(|entry| entry.at >= from && entry.at <= to && people.contains(&&*entry.what))
        .collect();
    notes.reverse();
    // Both ends belong to it: what was seen at the time shown is shown.
    let past = to + Span(1);
    Ok(Timeline {
        from,
        to,
        changes: store.changes(from, past, ENTRIES)?,
        events: store.events(from, past, ENTRIES)?,
        findings: store.told(from, to)?,
        notes,
    })
}

/// The greatest surprise of each eighth of the hour before `at`, by series.
fn hours(store: &mut Store, at: Timestamp) -> Result<BTreeMap<SeriesId, [Option<f32>; 8]>, StoreError> {
    let (from, eighth) = hour_before(at);
    let mut hours: BTreeMap<SeriesId, [Option<f32>; 8]> = BTreeMap::new();
    for (id, begin, bits) in store.surprises(from, at + Span(1), eighth)? {
        let place = usize::try_from((begin - from).0.div_euclid(eighth.0)).ok();
        if let Some(cell) = place.and_then(|place| hours.entry(id).or_default().get_mut(place)) {
            *cell = Some(bits);
        }
    }
    Ok(hours)
}

/// A metric's last value of each of the eight minutes that ended by `at`, oldest first.
fn eight_minutes(store: &mut Store, id: &SeriesId, at: Timestamp) -> Result<[Option<f32>; 8], StoreError> {
    let minute = Span::from_mins(1);
    let from = at.floor(minute) - minute * 8;
    let mut cells = [None; 8];
    for bucket in store.history(id, from, at.floor(minute), 8)? {
        let place = usize::try_from((bucket.at - from).0.div_euclid(minute.0)).ok();
        if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
            *cell = Some(bucket.last as f32);
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Batch, Limit, MetricKind, MetricMeta, Observation, Point, Side, Unit},
        engine::publish::{About, Publisher},
        pipeline,
    };

    fn meta(name: &str, unit: Unit) -> MetricMeta {
        MetricMeta {
            id: format!("host:a/{name}").parse().unwrap(),
            unit,
            kind: MetricKind::Gauge,
            cadence: Span::from_secs(10),
            source: "proc".into(),
            limit: None,
        }
    }

    #[test]
    fn the_past_is_shown_as_the_present_was() {
        let options = Arc::new(Options::default());
        let (mut state, mut store) = (State::default(), Store::in_memory(&options.store).unwrap());
        let metas = [
            meta("cpu.busy_pct", Unit::Percent),
            meta("load.1", Unit::None),
            meta("net.a", Unit::PerSec),
        ];
        let begin: Timestamp = "2026-03-14T13:00:00Z".parse().unwrap();
        let mut now = begin;
        for number in 0..400 {
            now = begin + Span::from_secs(10) * number;
            let swing = (number % 7) as f64;
            let value = |place: usize| match (place, number) {
                (1, 380..) => 90.0 + swing,
                (2, 390..) => 4_000.0 + swing,
                _ => 10.0 + swing + place as f64,
            };
            let observation = |(place, meta): (usize, &MetricMeta)| Observation {
                id: meta.id.clone(),
                point: Point {
                    at: now,
                    value: value(place),
                },
            };
            let batch = Batch {
                metrics: metas.to_vec(),
                observations: metas.iter().enumerate().map(observation).collect(),
                ..Batch::default()
            };
            let step = pipeline::step(&mut state, &batch, &options, now, 7);
            store.append(&step.write).unwrap();
        }
        let about = About {
            usage: Usage::default(),
            sources: Arc::default(),
            store: StoreRow::default(),
            replay: None,
        };
        let live = Publisher::new(options.clone()).snapshot(&state, about, now);
        let past = snapshot(&mut store, &options, now).unwrap();
        assert!(live.findings.len() > 1, "{:?}", live.findings);
        let told = |snapshot: &Snapshot| -> Vec<_> {
            // Bits are kept when they have changed by much, so that two of nearly the same may change places.
            let findings: BTreeMap<_, _> = snapshot
                .findings
                .iter()
                .map(|finding| (finding.id, finding.mark))
                .collect();
            findings.into_iter().collect()
        };
        assert_eq!(told(&past), told(&live));
        // What was told when it began has gone on since.
        for finding in past.findings.iter() {
            let same = live.findings.iter().find(|same| same.id == finding.id).unwrap();
            assert_eq!(
                (&finding.seen, finding.last),
                (&same.seen, same.last),
                "{}",
                finding.summary
            );
        }
        assert_eq!(
            (past.health.learnt, past.health.learning),
            (live.health.learnt, live.health.learning)
        );
        assert!(past.health.held.is_some());
        for (past, live) in past.metrics.iter().zip(live.metrics.iter()) {
            assert_eq!((&past.id, past.mark, past.now), (&live.id, live.mark, live.now));
            // A minute that lies across two eighths counts in the first of them while it is live.
            let digits = |hour: [Option<f32>; 8]| hour.map(|bits| bits.map(|bits| bits as u32));
            assert_eq!(digits(past.hour), digits(live.hour), "{}", past.id);
        }
        for (past, live) in past.resources.iter().zip(live.resources.iter()) {
            assert_eq!((&past.id, past.mark, &past.worst), (&live.id, live.mark, &live.worst));
            assert!(past.cpu.is_some_and(|(_, trend)| trend.iter().all(Option::is_some)));
        }
    }

    #[test]
    fn a_limit_that_a_console_set_was_passed_in_the_past_too() {
        let options = Arc::new(Options::default());
        let (mut state, mut store) = (State::default(), Store::in_memory(&options.store).unwrap());
        let pool = meta("pool.used", Unit::Count);
        let begin: Timestamp = "2026-03-14T13:00:00Z".parse().unwrap();
        let mut now = begin;
        for number in 0..60 {
            now = begin + Span::from_secs(10) * number;
            if number == 40 {
                let limit = Limit {
                    value: 12.0,
                    side: Side::Above,
                    by: "alice".into(),
                };
                state.set_limit(&pool.id, Some(limit));
            }
            let point = Point { at: now, value: 13.0 };
            let batch = Batch {
                metrics: vec![pool.clone()],
                observations: vec![Observation {
                    id: pool.id.clone(),
                    point,
                }],
                ..Batch::default()
            };
            let step = pipeline::step(&mut state, &batch, &options, now, 7);
            store.append(&step.write).unwrap();
        }
        let past = snapshot(&mut store, &options, now).unwrap();
        assert_eq!(
            (past.findings[0].mark, past.metrics[0].mark),
            (Mark::Breach, Mark::Breach)
        );
    }
}
