//! The world as it was known at a time, read back from the store.

use std::{collections::BTreeMap, sync::Arc};

use super::{Health, MetricRow, ResourceRow, SettingRow, Snapshot, SourceRow, StoreRow, Usage, publish::marks};
use crate::{
    domain::{Mark, Options, ResourceId, Span, Timestamp},
    drift::incidents,
    store::{Store, StoreError},
};

/// Reads a snapshot of `at`: values, settings, findings and proposals as they were known and shown then.
pub(super) fn snapshot(store: &mut Store, options: &Arc<Options>, at: Timestamp) -> Result<Snapshot, StoreError> {
    let known = store.findings(at - Span::from_days(30), at + Span(1))?;
    let incidents = incidents(&known, options.drift.coincide).into();
    let held: Vec<_> = known
        .into_iter()
        .filter(|finding| finding.since <= at && finding.ended.is_none_or(|ended| ended > at))
        .map(Arc::new)
        .collect();
    let marks = marks(held.iter().map(|finding| &**finding));
    let mut metrics: Vec<MetricRow> = store
        .metrics_as_of(at)?
        .into_iter()
        .map(|(meta, bucket)| MetricRow {
            mark: marks.get(&meta.id).copied().unwrap_or(Mark::Ok),
            now: Some((bucket.at, bucket.last)),
            expected: bucket.expected,
            bits: bucket.bits,
            hour: [None; 8],
            limit: meta.limit,
            crossing: None,
            points: 0,
            from: None,
            ready: None,
            unit: meta.unit,
            kind: meta.kind,
            cadence: meta.cadence,
            source: meta.source,
            id: meta.id,
        })
        .collect();
    // Consoles search both lists by name.
    metrics.sort_by(|a, b| a.id.cmp(&b.id));
    let mut settings: Vec<SettingRow> = store
        .settings_as_of(at)?
        .into_iter()
        .map(|(id, value, change)| SettingRow {
            mark: marks.get(&id).copied().unwrap_or(Mark::Ok),
            value: Some(value),
            accepted: None,
            hazard: 0.0,
            bits: 0.0,
            since: change.as_ref().map_or(at, |change| change.at),
            last_change: change.map(Arc::new),
            id,
        })
        .collect();
    settings.sort_by(|a, b| a.id.cmp(&b.id));
    let resources = resources(&metrics, &settings);
    let proposals = store.proposals_as_of(at)?.into_iter().map(Arc::new).collect();
    let newest = metrics.iter().filter_map(|row| row.now).map(|(at, _)| at).max();
    Ok(Snapshot {
        number: 0,
        at: Some(newest.unwrap_or(at)),
        live: false,
        replay: None,
        options: options.clone(),
        resources,
        metrics: metrics.into(),
        settings: settings.into(),
        findings: held.into(),
        proposals,
        incidents,
        health: Health::default(),
        usage: Usage::default(),
        sources: Arc::<[SourceRow]>::default(),
        store: StoreRow {
            ok: true,
            ..StoreRow::default()
        },
    })
}

fn resources(metrics: &[MetricRow], settings: &[SettingRow]) -> Arc<[ResourceRow]> {
    let mut rows: BTreeMap<&ResourceId, ResourceRow> = BTreeMap::new();
    for row in metrics {
        let resource = rows
            .entry(&row.id.resource)
            .or_insert_with(|| ResourceRow::new(&row.id.resource));
        resource.metrics += 1;
        resource.mark = resource.mark.min(row.mark);
        resource.seen = resource.seen.max(row.now.map(|(at, _)| at));
        if resource
            .worst
            .as_ref()
            .is_none_or(|(_, bits)| f64::from(row.bits) > *bits)
        {
            resource.worst = Some((row.id.clone(), f64::from(row.bits)));
        }
        let now = row.now.map(|(_, value)| (value, [None; 8]));
        match &*row.id.name {
            "cpu.busy_pct" => resource.cpu = now,
            "mem.used_pct" => resource.mem = now,
            _ => {}
        }
    }
    for row in settings {
        let resource = rows
            .entry(&row.id.resource)
            .or_insert_with(|| ResourceRow::new(&row.id.resource));
        resource.settings += 1;
        resource.mark = resource.mark.min(row.mark);
    }
    let mut rows: Vec<ResourceRow> = rows.into_values().collect();
    rows.sort_by(|a, b| a.mark.cmp(&b.mark).then_with(|| a.id.cmp(&b.id)));
    rows.into()
}
