//! The archives of sysstat, through its own `sadf`: their format changes with every version.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value as Json;

use super::archive::{Archives, Keeper, Past};
use crate::{
    domain::Timestamp,
    observe::{Host, ObserveError, child::ask},
};

/// What is asked for, and what versions that do not know all of it are asked for.
const ALL: &str = "-u ALL -P ALL -r ALL -S -q ALL -d -n DEV,EDEV,TCP,ETCP,SOCK,UDP,IP -w -W -B -F MOUNT -I SUM";
const PLAIN: &str = "-u ALL -P ALL -r -S -q -d -n DEV,EDEV -w -W -B";
/// Seconds between two samples at least: finer ones are drawn together.
const EVERY: &str = "300";

/// Numbers that mean the same there and here: where it stands, our metric, and what one of theirs is in our unit.
const SAME: &[(&str, &str, f64)] = &[
    ("/process-and-context-switch/proc", "cpu.forks_per_s", 1.0),
    ("/process-and-context-switch/cswch", "cpu.ctxt_per_s", 1.0),
    ("/swap-pages/pswpin", "swap.in_per_s", 1.0),
    ("/swap-pages/pswpout", "swap.out_per_s", 1.0),
    ("/paging/pgpgin", "vm.pgpgin_per_s", 1.0),
    ("/paging/pgpgout", "vm.pgpgout_per_s", 1.0),
    ("/paging/fault", "vm.pgfault_per_s", 1.0),
    ("/paging/majflt", "vm.pgmajfault_per_s", 1.0),
    ("/paging/pgfree", "vm.pgfree_per_s", 1.0),
    ("/paging/pgscank", "vm.pgscan_kswapd_per_s", 1.0),
    ("/paging/pgscand", "vm.pgscan_direct_per_s", 1.0),
    ("/memory/memfree", "mem.free_bytes", 1024.0),
    ("/memory/avail", "mem.available_bytes", 1024.0),
    ("/memory/buffers", "mem.buffers_bytes", 1024.0),
    ("/memory/cached", "mem.cached_bytes", 1024.0),
    ("/memory/active", "mem.active_bytes", 1024.0),
    ("/memory/inactive", "mem.inactive_bytes", 1024.0),
    ("/memory/dirty", "mem.dirty_bytes", 1024.0),
    ("/memory/anonpg", "mem.anon_bytes", 1024.0),
    ("/memory/slab", "mem.slab_bytes", 1024.0),
    ("/memory/kstack", "mem.kernel_stack_bytes", 1024.0),
    ("/memory/pgtbl", "mem.pagetables_bytes", 1024.0),
    ("/memory/commit", "mem.committed_bytes", 1024.0),
    ("/queue/plist-sz", "threads.count", 1.0),
    ("/queue/ldavg-1", "load.1", 1.0),
    ("/queue/ldavg-5", "load.5", 1.0),
    ("/queue/ldavg-15", "load.15", 1.0),
    ("/queue/blocked", "proc.blocked", 1.0),
    ("/psi/psi-cpu/some_avg10", "psi.cpu.some_pct", 1.0),
    ("/psi/psi-mem/some_avg10", "psi.memory.some_pct", 1.0),
    ("/psi/psi-mem/full_avg10", "psi.memory.full_pct", 1.0),
    ("/psi/psi-io/some_avg10", "psi.io.some_pct", 1.0),
    ("/psi/psi-io/full_avg10", "psi.io.full_pct", 1.0),
    ("/network/net-tcp/active", "tcp.active_opens_per_s", 1.0),
    ("/network/net-tcp/passive", "tcp.passive_opens_per_s", 1.0),
    ("/network/net-tcp/iseg", "tcp.in_segs_per_s", 1.0),
    ("/network/net-tcp/oseg", "tcp.out_segs_per_s", 1.0),
    ("/network/net-etcp/atmptf", "tcp.attempt_fails_per_s", 1.0),
    ("/network/net-etcp/estres", "tcp.estab_resets_per_s", 1.0),
    ("/network/net-etcp/retrans", "tcp.retrans_per_s", 1.0),
    ("/network/net-etcp/isegerr", "tcp.in_errors_per_s", 1.0),
    ("/network/net-etcp/orsts", "tcp.out_resets_per_s", 1.0),
    ("/network/net-udp/idgm", "udp.in_per_s", 1.0),
    ("/network/net-udp/odgm", "udp.out_per_s", 1.0),
    ("/network/net-udp/noport", "udp.no_port_errors_per_s", 1.0),
    ("/network/net-udp/idgmerr", "udp.in_errors_per_s", 1.0),
    ("/network/net-ip/irec", "ip.in_per_s", 1.0),
    ("/network/net-ip/orq", "ip.out_per_s", 1.0),
    ("/network/net-sock/totsck", "sock.used", 1.0),
    ("/network/net-sock/tcpsck", "sock.tcp_inuse", 1.0),
    ("/network/net-sock/udpsck", "sock.udp_inuse", 1.0),
    ("/network/net-sock/rawsck", "sock.raw_inuse", 1.0),
    ("/network/net-sock/tcp-tw", "tcp.time_wait", 1.0),
];
/// The same of each interface.
const INTERFACES: &[(&str, &str, f64)] = &[
    ("rxpck", "rx_packets_per_s", 1.0),
    ("txpck", "tx_packets_per_s", 1.0),
    ("rxkB", "rx_bytes_per_s", 1024.0),
    ("txkB", "tx_bytes_per_s", 1024.0),
    ("rxerr", "rx_errors_per_s", 1.0),
    ("txerr", "tx_errors_per_s", 1.0),
    ("rxdrop", "rx_drops_per_s", 1.0),
    ("txdrop", "tx_drops_per_s", 1.0),
];
/// The same of each disk.
const DISKS: &[(&str, &str, f64)] = &[
    ("rkB", "read_bytes_per_s", 1024.0),
    ("wkB", "write_bytes_per_s", 1024.0),
    ("util-percent", "util_pct", 1.0),
    ("aqu-sz", "queue", 1.0),
];

/// The archives of sysstat on `host`.
pub(in crate::observe) fn sysstat(host: &Host) -> Archives {
    let keeper = Keeper {
        source: "sysstat-past",
        name: "sysstat",
        program: "sadf",
        folders: &["var/log/sysstat", "var/log/sa"],
        is_one,
        ask: answer,
        take,
    };
    Archives::new(host, keeper)
}

/// `sa21` or `sa20261121`; beside them lie reports (`sar21`).
fn is_one(name: &str) -> bool {
    name.strip_prefix("sa")
        .is_some_and(|day| matches!(day.len(), 2 | 8) && day.bytes().all(|b| b.is_ascii_digit()))
}

fn answer(path: &Path) -> Result<Vec<u8>, ObserveError> {
    let path = path.to_string_lossy();
    let with = |wanted: &str| {
        let args: Vec<&str> = ["-j", EVERY, &path, "--"]
            .into_iter()
            .chain(wanted.split(' '))
            .collect();
        ask("sadf", &args)
    };
    match with(ALL) {
        Err(ObserveError::Io { .. }) => with(PLAIN),
        other => other,
    }
}

#[derive(Deserialize)]
struct File {
    sysstat: Sysstat,
}

#[derive(Deserialize)]
struct Sysstat {
    hosts: Vec<Machine>,
}

#[derive(Deserialize)]
struct Machine {
    #[serde(default)]
    statistics: Vec<Json>,
}

fn take(output: &[u8], past: &mut Past) -> Result<(), String> {
    let file: File = serde_json::from_slice(output).map_err(|why| format!("what sadf says makes no sense: {why}"))?;
    for sample in file.sysstat.hosts.iter().flat_map(|machine| &machine.statistics) {
        let Some(at) = time(&sample["timestamp"]) else { continue };
        past.sample(at);
        for (place, name, scale) in SAME {
            if let Some(number) = sample.pointer(place).and_then(Json::as_f64) {
                past.tell(*name, number * scale);
            }
        }
        memory(&sample["memory"], past);
        processors(sample, past);
        each(&sample["disk"], "disk-device", |disk, name| {
            same(disk, DISKS, &format!("disk.{name}."), past);
            // Discards count there, and a disk that did nothing has a time of none.
            let number = |key: &str| disk[key].as_f64();
            if number("tps").is_some_and(|tps| tps > 0.0)
                && number("dkB").or(number("dc_sec")) == Some(0.0)
                && let Some(millis) = number("await")
            {
                past.tell(format!("disk.{name}.await_secs"), millis / 1e3);
            }
        });
        for part in ["net-dev", "net-edev"] {
            each(&sample["network"][part], "iface", |interface, name| {
                same(interface, INTERFACES, &format!("net.{name}."), past);
            });
        }
        each(&sample["filesystems"], "mountpoint", |space, name| {
            let number = |key: &str| space[key].as_f64();
            if let (Some(used), Some(free), Some(taken)) = (number("MBfsused"), number("MBfsfree"), number("%ufsused"))
            {
                // Of what is not reserved.
                let left = (used + free) * (1.0 - taken / 100.0);
                past.tell(format!("fs.{name}.used_pct"), 100.0 * used / (used + left.max(0.0)));
            }
            if let Some(taken) = number("%Iused") {
                past.tell(format!("fs.{name}.inodes_used_pct"), taken);
            }
        });
    }
    Ok(())
}

/// `{"date": "2026-11-21", "time": "19:51:59", "utc": 1, …}`; a time that is not said to be UTC could be any.
fn time(stamp: &Json) -> Option<Timestamp> {
    (stamp["utc"].as_u64() == Some(1)).then_some(())?;
    format!("{}T{}Z", stamp["date"].as_str()?, stamp["time"].as_str()?)
        .parse()
        .ok()
}

/// Each thing of a list with its name.
fn each<'a>(list: &'a Json, key: &str, mut with: impl FnMut(&'a Json, &'a str)) {
    for thing in list.as_array().into_iter().flatten() {
        if let Some(name) = thing[key].as_str() {
            with(thing, name);
        }
    }
}

fn same(thing: &Json, table: &[(&str, &str, f64)], prefix: &str, past: &mut Past) {
    for (key, name, scale) in table {
        if let Some(number) = thing[*key].as_f64() {
            past.tell(format!("{prefix}{name}"), number * scale);
        }
    }
}

/// How much memory there is stands in no field: it follows from what is used and which part of all that is.
fn memory(memory: &Json, past: &mut Past) {
    let number = |key: &str| memory[key].as_f64();
    if let (Some(available), Some(used), Some(part)) = (number("avail"), number("memused"), number("memused-percent"))
        && part >= 1.0
    {
        let free = (100.0 * available / (used * 100.0 / part)).clamp(0.0, 100.0);
        past.tell("mem.available_pct", free);
        past.tell("mem.used_pct", 100.0 - free);
    }
    if let (Some(used), Some(free)) = (number("swpused"), number("swpfree"))
        && used + free > 0.0
    {
        past.tell("swap.used_pct", 100.0 * used / (used + free));
        past.tell("swap.used_bytes", used * 1024.0);
    }
}

fn processors(sample: &Json, past: &mut Past) {
    let load = if sample["cpu-load-all"].is_array() {
        "cpu-load-all"
    } else {
        "cpu-load"
    };
    each(&sample[load], "cpu", |cpu, which| {
        let number = |key: &str| cpu[key].as_f64();
        let (Some(idle), Some(waiting)) = (number("idle"), number("iowait")) else {
            return;
        };
        let all = cpu
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, share)| share.as_f64());
        // Of a processor that was switched off there is nothing but zeros.
        if all.sum::<f64>() < 1.0 {
            return;
        }
        let busy = (100.0 - idle - waiting).clamp(0.0, 100.0);
        if which != "all" {
            past.tell(format!("cpu.{which}.busy_pct"), busy);
            return;
        }
        past.tell("cpu.busy_pct", busy);
        // The kernel counts the time of guests as its users' too.
        let sum = |one: &str, other: &str| Some(number(one)? + number(other)?);
        for (name, share) in [
            ("cpu.user_pct", sum("usr", "guest")),
            ("cpu.nice_pct", sum("nice", "gnice")),
            ("cpu.system_pct", number("sys")),
            ("cpu.iowait_pct", Some(waiting)),
            ("cpu.irq_pct", number("irq")),
            ("cpu.softirq_pct", number("soft")),
            ("cpu.steal_pct", number("steal")),
        ] {
            if let Some(share) = share {
                past.tell(name, share);
            }
        }
    });
    each(&sample["interrupts"], "intr", |line, which| {
        if which == "sum"
            && let Some(all) = line["all"].as_f64().or(line["value"].as_f64())
        {
            past.tell("cpu.intr_per_s", all);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("sample/sadf.json");

    fn parsed(text: &str) -> Result<Past, String> {
        let mut past = Past::default();
        take(text.as_bytes(), &mut past).map(|()| past)
    }

    #[test]
    fn numbers_that_mean_the_same_are_taken() {
        let past = parsed(SAMPLE).unwrap();
        let near = |name: &str, want: f64| {
            let got = past.last(name).unwrap_or_else(|| panic!("no {name}"));
            assert!((got - want).abs() <= 1e-6 * want.abs().max(1.0), "{name}: {got}");
        };
        near("cpu.busy_pct", 100.0);
        near("cpu.user_pct", 47.55);
        near("cpu.1.busy_pct", 100.0);
        near("cpu.intr_per_s", 744.91);
        near("mem.available_pct", 100.0 * 17_551_368.0 / (6_593_100.0 / 0.2671));
        near("mem.dirty_bytes", 685_100.0 * 1024.0);
        near("load.15", 3.23);
        near("threads.count", 154.0);
        near("vm.pgfault_per_s", 43_466.27);
        near("disk.vda.write_bytes_per_s", 3_365.27 * 1024.0);
        near("disk.vda.queue", 0.03);
        near("fs./.inodes_used_pct", 7.76);
        near("psi.cpu.some_pct", 99.04);
        let space = past.last("fs./.used_pct").unwrap();
        assert!((space - 55.75).abs() < 0.01, "{space}");
        assert_eq!(past.last("disk.vda.await_secs"), None, "discards count there");
        assert_eq!(past.last("net.eth0.rx_errors_per_s"), Some(0.0));
        assert_eq!(past.last("swap.used_pct"), None, "there is no swap");
    }

    #[test]
    fn what_is_cut_off_empty_or_of_another_clock_gives_nothing() {
        for text in ["", "{}", "[]", &SAMPLE[..SAMPLE.len() / 2]] {
            assert!(parsed(text).is_err(), "{text:.20}");
        }
        assert_eq!(parsed(&SAMPLE.replace("\"utc\": 1", "\"utc\": 0")).unwrap().values(), 0);
        assert_eq!(parsed(r#"{"sysstat": {"hosts": [{}]}}"#).unwrap().values(), 0);
        let odd = r#"{"sysstat": {"hosts": [{"statistics": [3, {"timestamp": {"date": "2026-13-41", "time": "x", "utc": 1}},
            {"timestamp": {"date": "2026-11-21", "time": "10:00:00", "utc": 1}, "disk": {"a": 1}, "cpu-load": [{"cpu": 7}],
             "memory": {"avail": 1, "memused": 0, "memused-percent": 0}, "queue": {"ldavg-1": "high"}}]}]}}"#;
        assert_eq!(parsed(odd).unwrap().values(), 1, "the memory that is there");
    }

    #[test]
    fn archives_are_told_from_what_lies_beside_them() {
        let names = ["sa21", "sa20261121", "sar21", "sa", "sa2a", "sa202611"];
        assert_eq!(names.map(is_one), [true, true, false, false, false, false]);
    }
}
