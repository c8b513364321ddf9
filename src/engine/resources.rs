//! What a list of hosts shows, made from the rows of their metrics and settings: live and for the past alike.

use std::{collections::BTreeMap, sync::Arc};

use super::{MetricRow, ResourceRow, SettingRow};
use crate::{
    domain::{Mark, ResourceId, SeriesId, Unit},
    drift::detail,
};

/// The resources, worst first. `marks` are those of the findings; `trend` gives a metric's last value of each of eight minutes.
pub(super) fn resources(
    metrics: &[MetricRow],
    settings: &[SettingRow],
    marks: &BTreeMap<&SeriesId, Mark>,
    mut trend: impl FnMut(&SeriesId) -> [Option<f32>; 8],
) -> Arc<[ResourceRow]> {
    let mut rows: BTreeMap<&ResourceId, ResourceRow> = BTreeMap::new();
    // Resources of which every metric still learns.
    let mut learning: BTreeMap<&ResourceId, bool> = BTreeMap::new();
    // Both come by resource: one look-up for each, not for each of thousands of rows.
    for of_one in metrics.chunk_by(|a, b| a.id.resource == b.id.resource) {
        let id = &of_one[0].id.resource;
        let all_learn = of_one.iter().all(|row| row.ready.is_some());
        *learning.entry(id).or_insert(true) &= all_learn;
        let resource = rows.entry(id).or_insert_with(|| ResourceRow::new(id));
        resource.metrics += of_one.len() as u32;
        for row in of_one {
            resource.seen = resource.seen.max(row.now.map(|(at, _)| at));
            if row.mark != Mark::Muted {
                if row.mark != Mark::Learning {
                    resource.mark = resource.mark.min(row.mark);
                }
                let bits = f64::from(row.bits);
                let worse = resource.worst.as_ref().is_none_or(|(_, worst)| bits > *worst);
                if worse && (row.mark != Mark::Ok || !detail(&row.id.name)) {
                    resource.worst = Some((row.id.clone(), bits));
                }
            }
            if row.unit != Unit::Percent {
                continue;
            }
            let part = match &*row.id.name {
                "cpu.busy_pct" => &mut resource.cpu,
                "mem.used_pct" => &mut resource.mem,
                _ => continue,
            };
            *part = row.now.map(|(_, value)| (value, trend(&row.id)));
        }
    }
    for of_one in settings.chunk_by(|a, b| a.id.resource == b.id.resource) {
        let id = &of_one[0].id.resource;
        let resource = rows.entry(id).or_insert_with(|| ResourceRow::new(id));
        resource.settings += of_one.len() as u32;
    }
    for (id, mark) in marks {
        if let Some(resource) = rows.get_mut(&id.resource) {
            resource.mark = resource.mark.min(*mark);
        }
    }
    for (id, resource) in &mut rows {
        if resource.mark == Mark::Ok && learning.get(id).copied().unwrap_or(false) {
            resource.mark = Mark::Learning;
        }
    }
    let mut rows: Vec<ResourceRow> = rows.into_values().collect();
    rows.sort_by(|a, b| {
        let bits = |row: &ResourceRow| row.worst.as_ref().map_or(0.0, |(_, bits)| *bits);
        // Within one mark by name: rows that trade places every second cannot be read.
        a.mark
            .cmp(&b.mark)
            .then_with(|| (bits(b) >= 10.0).cmp(&(bits(a) >= 10.0)))
            .then_with(|| a.id.cmp(&b.id))
    });
    rows.into()
}
