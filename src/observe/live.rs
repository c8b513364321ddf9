//! All sources against the host the tests run on.

use std::{collections::BTreeSet, path::Path};

use super::{Group, Host, metric_groups, setting_groups};
use crate::domain::{Batch, ResourceId, Span, Timestamp};

fn this_host() -> Host {
    Host {
        root: "/".into(),
        resource: ResourceId::new("host", "live"),
        secret_key: [7; 32],
        interval: Span::from_secs(2),
        settings_interval: Span::from_secs(60),
        paths: Vec::new(),
        keep_lines: false,
        dns: String::new(),
        memory: None,
        known: Default::default(),
    }
}

/// Reads all sources of `groups` once; a source that is not there or not permitted is no failure.
fn read(groups: &mut [Group], at: i64, out: &mut Batch) {
    for source in groups.iter_mut().flat_map(|group| &mut group.sources) {
        if let Err(why) = source.read(Timestamp::from_secs(at), out) {
            eprintln!("{}: {why}", source.name());
        }
    }
}

#[test]
fn a_linux_host_has_eighty_metrics() {
    let mut groups = metric_groups(&this_host());
    let mut out = Batch::default();
    read(&mut groups, 1_000, &mut out);
    read(&mut groups, 1_002, &mut out);
    let names: BTreeSet<&str> = out.metrics.iter().map(|meta| &*meta.id.name).collect();
    assert_eq!(names.len(), out.metrics.len(), "each metric is told of once");
    assert!(names.len() >= 80, "{}: {names:?}", names.len());
    assert!(out.observations.iter().all(|seen| seen.point.value.is_finite()));
}

#[test]
fn a_linux_host_has_a_thousand_settings() {
    let mut groups = setting_groups(&this_host());
    let mut out = Batch::default();
    read(&mut groups, 1_000, &mut out);
    let count = |scope: &str| -> usize {
        let of_scope = out.snapshots.iter().filter(|s| &*s.scope == scope);
        of_scope.filter_map(|s| s.settings.as_ref()).map(|s| s.len()).sum()
    };
    let all: usize = out
        .snapshots
        .iter()
        .filter_map(|s| s.settings.as_ref())
        .map(|s| s.len())
        .sum();
    assert!(all > 0);
    // A container without /proc/sys and packages has fewer.
    if count("sysctl") >= 100 && Path::new("/var/lib/dpkg/status").exists() {
        assert!(all >= 1_000, "{all}");
    }
    for snapshot in &out.snapshots {
        let prefix = format!("{}.", snapshot.scope);
        let names = snapshot.settings.iter().flat_map(|settings| settings.keys());
        assert!(
            names
                .clone()
                .all(|name| name.starts_with(&prefix) && !name.chars().any(char::is_control))
        );
    }
}
