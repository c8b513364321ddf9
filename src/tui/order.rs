//! The order in which metrics are worth a look, by their names alone: it stays while their values change.

use std::sync::Arc;

use crate::{
    domain::{ResourceId, SeriesId},
    engine::MetricRow,
    tui::state::State,
};

/// Where trouble of a machine shows first; `*` stands for any part of a name.
const FIRST: [&str; 13] = [
    "cpu.busy_pct",
    "mem.used_pct",
    "load.1",
    "psi.cpu.some_pct",
    "psi.memory.some_pct",
    "psi.io.some_pct",
    "fs.*.used_pct",
    "swap.used_pct",
    "disk.*.util_pct",
    "net.*.rx_bytes_per_s",
    "net.*.tx_bytes_per_s",
    "tcp.established",
    "proc.count",
];

/// Below so many bits, the edge of the 80 % band, nothing stands out.
pub const NOTABLE: f64 = 2.3;

/// The place of a name: that of the pattern it matches, all others behind.
fn rank(name: &str) -> usize {
    let matches = |pattern: &str| match pattern.split_once('*') {
        Some((start, end)) => name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end),
        None => name == pattern,
    };
    FIRST.iter().position(|pattern| matches(pattern)).unwrap_or(FIRST.len())
}

/// The metrics that pass the filter: those of the fixed list first, then by name, then by host.
#[must_use]
pub fn ordered(state: &State) -> Vec<&MetricRow> {
    let passing = state.shown.metrics.iter();
    let mut rows: Vec<(usize, &MetricRow)> = passing
        .filter(|row| state.passes(&row.id.resource, &row.id.name))
        .map(|row| (rank(&row.id.name), row))
        .collect();
    rows.sort_by(|(a, first), (b, second)| {
        (a, &first.id.name, &first.id.resource).cmp(&(b, &second.id.name, &second.id.resource))
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The first metric in this order, of one host or of all.
#[must_use]
pub fn first(state: &State, host: Option<&ResourceId>) -> Option<SeriesId> {
    let rows = state.shown.metrics.iter().map(|row| &row.id);
    let key = |id: &&SeriesId| (rank(&id.name), Arc::clone(&id.name));
    rows.filter(|id| host.is_none_or(|host| id.resource == *host))
        .min_by_key(key)
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        assert!(rank("fs./.used_pct") < rank("disk.sda.util_pct"));
        assert_eq!(rank("load.15"), FIRST.len());
        assert_eq!(rank("fs.used_pct"), FIRST.len());
        assert!(rank("cpu.busy_pct") < rank("mem.used_pct"));
    }
}
