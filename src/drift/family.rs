//! What a metric is about, and whether it says something by itself.

use crate::domain::{Mark, SeriesId, matches};

/// The family of all that has no data.
pub(super) const STALE: &str = "-";

/// Where trouble of a machine shows first; and whether it says by itself what its family is about: people ask first how busy and how
/// full something is.
const FIRST: [(&str, bool); 13] = [
    ("cpu.busy_pct", true),
    ("mem.used_pct", true),
    ("load.1", false),
    ("psi.cpu.some_pct", false),
    ("psi.memory.some_pct", false),
    ("psi.io.some_pct", false),
    ("fs.*.used_pct", true),
    ("swap.used_pct", true),
    ("disk.*.util_pct", true),
    ("net.*.rx_bytes_per_s", false),
    ("net.*.tx_bytes_per_s", false),
    ("tcp.established", false),
    ("proc.count", false),
];

/// Metrics that say how something comes about, and not that anything is wrong: the parts of a sum that is watched itself, what the
/// kernel counts on its way, volumes of traffic by packet. By itself such a one is never told when it departs from its shadow (it is
/// when it passes a limit): an administrator alerts on use, saturation and errors (Gregg 2013, CACM 56(2), the USE method) and reads
/// the rest as their explanation.
const DETAILS: [&str; 40] = [
    "cpu.*.busy_pct",
    "cpu.ctxt_per_s",
    "cpu.forks_per_s",
    "cpu.guest_pct",
    "cpu.intr_per_s",
    "cpu.irq_pct",
    "cpu.nice_pct",
    "cpu.softirq_pct",
    "cpu.system_pct",
    "cpu.user_pct",
    "disk.*.read_bytes_per_s",
    "disk.*.reads_per_s",
    "disk.*.write_bytes_per_s",
    "disk.*.writes_per_s",
    "fs.*.free_bytes",
    "ip.*_per_s",
    "load.5",
    "load.15",
    "mem.*_bytes",
    "mem.committed_pct",
    "net.*_packets_per_s",
    "net.lo.*",
    "proc.running",
    "slice.*",
    "sock.*",
    "tcp.active_opens_per_s",
    "tcp.fin_wait",
    "tcp.in_segs_per_s",
    "tcp.last_ack",
    "tcp.listen",
    "tcp.out_segs_per_s",
    "tcp.passive_opens_per_s",
    "tcp.syn_sent",
    "udp.in_per_s",
    "udp.out_per_s",
    "vm.compact_stall_per_s",
    "vm.numa_miss_per_s",
    "vm.pg*_per_s",
    "vm.refault_*_per_s",
    "vm.thp_fault_per_s",
];

/// Whether the metric of that name only explains others.
#[must_use]
pub fn detail(name: &str) -> bool {
    DETAILS.iter().any(|pattern| matches(pattern, name))
}

/// The place of a metric of that name among those worth a look, the first one 0; all that are not named have the last.
#[must_use]
pub fn prominence(name: &str) -> usize {
    let place = FIRST.iter().position(|(pattern, _)| matches(pattern, name));
    place.unwrap_or(FIRST.len())
}

/// Whether a metric says by itself what its family is about.
pub(super) fn telling(name: &str) -> bool {
    FIRST.get(prominence(name)).is_some_and(|(_, telling)| *telling)
}

/// The family of a metric: those of one that go off together are one finding.
pub(super) fn family(id: &SeriesId, mark: Mark) -> String {
    if mark == Mark::Stale {
        return STALE.into();
    }
    about(&id.name)
}

/// What a metric of that name is about: the processors, memory, a file system.
#[must_use]
pub fn about(name: &str) -> String {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    match first {
        "fs" => format!("fs.{}", rest.rsplit_once('.').map_or(rest, |(mount, _)| mount)),
        "cpu" if name == "cpu.iowait_pct" => "disk".into(),
        "cpu" | "load" | "proc" => "cpu".into(),
        "vm" if rest.starts_with("pgpg") => "disk".into(),
        "mem" | "swap" | "vm" => "mem".into(),
        "psi" if rest.starts_with("io") => "disk".into(),
        "psi" if rest.starts_with("mem") => "mem".into(),
        "psi" => "cpu".into(),
        "top" if name.ends_with("rss_bytes") => "mem".into(),
        "top" => "cpu".into(),
        "net" | "tcp" | "udp" | "ip" | "icmp" | "sock" | "conntrack" => "net".into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worth_a_look_is_no_detail_and_has_a_place() {
        assert!(prominence("fs./.used_pct") < prominence("disk.sda.util_pct"));
        assert!(prominence("cpu.busy_pct") < prominence("mem.used_pct"));
        assert_eq!(
            (prominence("load.15"), prominence("fs.used_pct")),
            (FIRST.len(), FIRST.len())
        );
        assert!(FIRST.iter().all(|(pattern, _)| !detail(&pattern.replace('*', "x"))));
        assert!(telling("fs./.used_pct") && telling("cpu.busy_pct") && !telling("load.1") && !telling("vm.x"));
    }

    #[test]
    fn use_saturation_and_errors_speak_and_their_parts_do_not() {
        for name in [
            "cpu.busy_pct",
            "cpu.iowait_pct",
            "cpu.steal_pct",
            "disk.sda.util_pct",
            "disk.sda.await_secs",
            "fs./.used_pct",
            "load.1",
            "mem.available_pct",
            "net.eth0.rx_bytes_per_s",
            "net.eth0.rx_errors_per_s",
            "tcp.retrans_per_s",
            "tcp.time_wait",
            "vm.oom_kill_per_s",
            "service.nginx.mem_bytes",
            "pg.connections",
        ] {
            assert!(!detail(name), "{name}");
        }
        for name in [
            "cpu.0.busy_pct",
            "mem.slab_bytes",
            "sock.tcp_mem_pages",
            "vm.pgfault_per_s",
        ] {
            assert!(detail(name), "{name}");
        }
    }
}
