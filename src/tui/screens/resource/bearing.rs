//! The settings that have to do with a metric, by what is known: its causes, what-ifs, the thing it is measured
//! on, what changed meanwhile, its matter.

use std::cmp::Reverse;

use super::{changed, finding, settings};
use crate::{
    domain::{SeriesId, Subject},
    drift::thing,
    engine::{MetricRow, SettingRow},
    tui::{screens::whatif, state::State},
};

/// So few changes in the time shown are worth a look each.
const FEW: usize = 4;

/// The settings that bear on a metric, what speaks most for it first; among equals those off, those that surprised, those likeliest to
/// change. Gives also how many there are of the resource.
pub(super) fn bearing<'a>(state: &'a State, row: &MetricRow) -> (Vec<&'a SettingRow>, usize) {
    let ours =
        |other: &&SettingRow| other.id.resource == row.id.resource && state.passes(&other.id.resource, &other.id.name);
    let all = || state.shown.settings.iter().filter(ours);
    let causes: Vec<&SeriesId> = finding(state, &row.id)
        .iter()
        .flat_map(|finding| &finding.causes)
        .filter_map(|cause| cause.series.as_ref())
        .collect();
    let tried = whatif::moving(state, &row.id);
    // Of hundreds at once none is told apart.
    let changed = changed(state, &row.id);
    let changed = if changed.len() <= FEW { changed } else { Vec::new() };
    let (thing, matter) = (thing(&row.id.name), matter(&row.id.name));
    let own = row.id.name.rsplit_once('.').map(|(own, _)| own);
    let weight = |setting: &SettingRow| {
        let name = &*setting.id.name;
        let same = |own: &str| name.strip_prefix(own).is_some_and(|rest| rest.starts_with(['.', ':']));
        let names = |thing: &str| Subject::of(name).names(None).iter().any(|name| name == thing);
        let place = |bare: &str| matter.iter().position(|prefix| bare.starts_with(prefix));
        if causes.contains(&&setting.id) {
            100
        } else if tried.contains(&&setting.id) {
            99
        } else if own.is_some_and(same) || thing.is_some_and(|thing| name.contains(thing) && names(thing)) {
            98
        } else if changed.iter().any(|change| change.id == setting.id) {
            97
        } else if let Some(place) = place(name.strip_prefix("sysctl.").unwrap_or(name)) {
            50 - place
        } else {
            usize::from(word(name) == word(&row.id.name))
        }
    };
    let mut rows: Vec<(usize, &SettingRow)> = all().map(|setting| (weight(setting), setting)).collect();
    let count = rows.len();
    // What was looked for is shown whatever it bears on.
    rows.retain(|(weight, _)| *weight > 0 || !state.filter.is_empty());
    let mut ranked: Vec<&SettingRow> = rows.iter().map(|(_, setting)| *setting).collect();
    settings::rank(&mut ranked, false);
    ranked.sort_by_cached_key(|setting| Reverse(weight(setting)));
    (ranked, count)
}

/// Where nothing is known to bear on a metric: what is off or surprised, worst first.
pub(super) fn surprising<'a>(state: &'a State, row: &MetricRow) -> Vec<&'a SettingRow> {
    let told = |other: &&SettingRow| {
        other.id.resource == row.id.resource
            && state.passes(&other.id.resource, &other.id.name)
            && (settings::is_off(other) || other.last_change.is_some() && other.bits >= 0.05)
    };
    let mut rows: Vec<&SettingRow> = state.shown.settings.iter().filter(told).collect();
    settings::rank(&mut rows, false);
    rows
}

/// Beginnings of the settings that a metric's matter depends on, those that say most first; `sysctl.` is left out.
fn matter(metric: &str) -> &'static [&'static str] {
    match word(metric) {
        "psi" if metric.starts_with("psi.mem") => matter("mem."),
        "psi" if metric.starts_with("psi.io") => matter("disk."),
        "cpu" | "load" | "psi" | "top" => &["hw.cpu.count", "hw.cpu.online", "hw.cpu.smt", "kernel.sched"],
        "proc" => &["kernel.pid_max", "kernel.threads-max", "limits.pid1.processes"],
        "mem" | "swap" | "vm" => &[
            "hw.memory.total",
            "hw.swap.total",
            "vm.swappiness",
            "vm.overcommit",
            "vm.min_free",
            "vm.",
            "hw.memory.",
        ],
        "disk" => &["vm.dirty"],
        "tcp" | "sock" => &["net.core.somaxconn", "net.ipv4.tcp_", "net.core."],
        "udp" => &["net.ipv4.udp_", "net.core."],
        "ip" | "icmp" => &["net.ipv4.ip_", "net.ipv4.icmp_"],
        "net" => &["net.core."],
        "conntrack" => &["net.netfilter.nf_conntrack"],
        "dns" => &["etc.resolv.conf"],
        "time" | "clock" => &["hw.clocksource", "hw.timezone"],
        _ => &[],
    }
}

/// The first word of a name.
fn word(name: &str) -> &str {
    name.split(['.', '_', ':', '/']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Mark,
        tui::{fixture, look::Charset, state::Screen},
    };

    #[test]
    fn settings_beside_a_metric_have_to_do_with_it() {
        let mut state = fixture::on(Screen::Resource, Charset::Ascii, 160, 50);
        let mut snapshot = fixture::snapshot();
        let one = snapshot.settings[0].clone();
        let host = one.id.resource.clone();
        let setting = |name: &str, bits: f32| SettingRow {
            id: SeriesId::new(&host, name),
            mark: Mark::Ok,
            bits,
            ..one.clone()
        };
        let names = [
            "account.group._ssh:gid",
            "account.group.adm:members",
            "hw.cpu.count",
            "mount./srv/small:device",
            "net.eth0.mtu",
            "sysctl.kernel.sched_rt_period_us",
            "sysctl.net.ipv4.tcp_syncookies",
            "sysctl.vm.swappiness",
        ];
        snapshot.settings = names.map(|name| setting(name, 0.0)).to_vec().into();
        let metric = |name: &str| MetricRow {
            id: SeriesId::new(&host, name),
            ..snapshot.metrics[0].clone()
        };
        let rows = [
            "cpu.busy_pct",
            "fs./srv/small.used_pct",
            "net.eth0.rx_bytes_per_s",
            "mem.used_pct",
            "tcp.established",
            "logins.failed_1m",
        ]
        .map(metric);
        snapshot.findings = Vec::new().into();
        state.shown = std::sync::Arc::new(snapshot);
        let told = rows.map(|row| {
            let (rows, _) = bearing(&state, &row);
            rows.iter().map(|row| row.id.name.to_string()).collect::<Vec<_>>()
        });
        assert_eq!(
            told,
            [
                vec!["hw.cpu.count", "sysctl.kernel.sched_rt_period_us"],
                vec!["mount./srv/small:device"],
                vec!["net.eth0.mtu"],
                vec!["sysctl.vm.swappiness"],
                vec!["sysctl.net.ipv4.tcp_syncookies"],
                vec![],
            ]
        );
    }
}
