//! The archives of atop, through its own parseable output.

use std::path::Path;

use super::archive::{Archives, Keeper, Past};
use crate::{
    domain::Timestamp,
    observe::{Host, ObserveError, child::ask},
};

/// What is asked for: system-level lines alone.
const LABELS: &str = "CPU,cpu,CPL,MEM,SWP,PAG,PSI,DSK,NET";

/// The archives of atop on `host`.
pub(in crate::observe) fn atop(host: &Host) -> Archives {
    let keeper = Keeper {
        source: "atop-past",
        name: "atop",
        program: "atop",
        folders: &["var/log/atop"],
        is_one,
        ask: answer,
        take,
    };
    Archives::new(host, keeper)
}

/// `atop_20261121`; beside them lie those of accounting.
fn is_one(name: &str) -> bool {
    name.strip_prefix("atop_")
        .is_some_and(|day| day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()))
}

fn answer(path: &Path) -> Result<Vec<u8>, ObserveError> {
    ask("atop", &["-r", &path.to_string_lossy(), "-P", LABELS])
}

/// Samples end with `SEP`; one that begins with `RESET` counts since the host was started, and is no sample.
fn take(output: &[u8], past: &mut Past) -> Result<(), String> {
    let text = String::from_utf8_lossy(output);
    let (mut since_boot, mut at) = (false, None);
    for line in text.lines() {
        match line {
            "RESET" => since_boot = true,
            "SEP" => (since_boot, at) = (false, None),
            _ if since_boot => {}
            _ => {
                let Some(line) = Line::read(line) else { continue };
                if at.replace(line.at) != Some(line.at) {
                    past.sample(line.at);
                }
                line.tell(past);
            }
        }
    }
    if past_is_empty(&text) {
        return Err("atop says nothing of it".into());
    }
    Ok(())
}

fn past_is_empty(text: &str) -> bool {
    !text.lines().any(|line| line == "SEP")
}

/// One line: what it is of, when its sample was taken, how long that covers, and its fields.
struct Line<'a> {
    label: &'a str,
    at: Timestamp,
    secs: f64,
    fields: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// `label host epoch date time interval field…`
    fn read(line: &'a str) -> Option<Self> {
        let mut words = line.split(' ');
        let label = words.next()?;
        let at = words.nth(1)?.parse().ok()?;
        let secs: f64 = words.nth(2)?.parse().ok()?;
        (secs > 0.0).then(|| Self {
            label,
            at: Timestamp::from_secs(at),
            secs,
            fields: words.collect(),
        })
    }

    /// A field as a number; counters that the system does not have are -1.
    fn number(&self, place: usize) -> Option<f64> {
        let number: f64 = self.fields.get(place)?.parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some(number)
    }

    fn tell(&self, past: &mut Past) {
        match self.label {
            "CPU" | "cpu" => self.processors(past),
            "CPL" => {
                self.gauges(&[(1, "load.1"), (2, "load.5"), (3, "load.15")], 1.0, past);
                self.rates(&[(4, "cpu.ctxt_per_s"), (5, "cpu.intr_per_s")], "", 1.0, past);
            }
            "MEM" => {
                let memory = [
                    (2, "mem.free_bytes"),
                    (3, "mem.cached_bytes"),
                    (4, "mem.buffers_bytes"),
                    (5, "mem.slab_bytes"),
                    (6, "mem.dirty_bytes"),
                ];
                self.gauges(&memory, self.number(0).unwrap_or(f64::NAN), past);
            }
            "SWP" => {
                let page = self.number(0).unwrap_or(f64::NAN);
                self.gauges(&[(4, "mem.committed_bytes")], page, past);
                if let (Some(all), Some(free)) = (self.number(1), self.number(2))
                    && all > 0.0
                {
                    past.tell("swap.used_pct", 100.0 * (all - free).max(0.0) / all);
                    past.tell("swap.used_bytes", (all - free).max(0.0) * page);
                }
            }
            "PAG" => {
                let pages = [(4, "swap.in_per_s"), (5, "swap.out_per_s"), (6, "vm.oom_kill_per_s")];
                self.rates(&pages, "", 1.0, past);
            }
            "PSI" if self.fields.first() == Some(&"y") => {
                let stalled = [
                    (1, "psi.cpu.some_pct"),
                    (5, "psi.memory.some_pct"),
                    (9, "psi.memory.full_pct"),
                    (13, "psi.io.some_pct"),
                    (17, "psi.io.full_pct"),
                ];
                self.gauges(&stalled, 1.0, past);
            }
            "DSK" => {
                let Some(name) = self.fields.first() else { return };
                let prefix = format!("disk.{name}.");
                self.rates(&[(2, "reads_per_s"), (4, "writes_per_s")], &prefix, 1.0, past);
                self.rates(
                    &[(3, "read_bytes_per_s"), (5, "write_bytes_per_s")],
                    &prefix,
                    512.0,
                    past,
                );
                if let Some(millis) = self.number(1) {
                    past.tell(format!("{prefix}util_pct"), (millis / self.secs / 10.0).min(100.0));
                }
            }
            "NET" => match self.fields.first() {
                Some(&"upper") => {
                    self.rates(&[(1, "tcp.in_segs_per_s"), (2, "tcp.out_segs_per_s")], "", 1.0, past);
                }
                Some(name) => {
                    let traffic = [
                        (1, "rx_packets_per_s"),
                        (2, "rx_bytes_per_s"),
                        (3, "tx_packets_per_s"),
                        (4, "tx_bytes_per_s"),
                    ];
                    self.rates(&traffic, &format!("net.{name}."), 1.0, past);
                }
                None => {}
            },
            _ => {}
        }
    }

    /// Ticks in system, user and nice mode, idle, waiting, in interrupts and soft ones, stolen; then others that overlap.
    fn processors(&self, past: &mut Past) {
        let ticks: Vec<f64> = (2..10).filter_map(|place| self.number(place)).collect();
        let all: f64 = ticks.iter().sum();
        let [system, user, nice, idle, waiting, irq, soft, steal] = ticks[..] else {
            return;
        };
        if all <= 0.0 {
            return;
        }
        let share = |ticks: f64| 100.0 * ticks / all;
        let busy = share(all - idle - waiting);
        if self.label == "cpu" {
            past.tell(format!("cpu.{}.busy_pct", self.fields[1]), busy);
            return;
        }
        for (name, share) in [
            ("cpu.busy_pct", busy),
            ("cpu.system_pct", share(system)),
            ("cpu.user_pct", share(user)),
            ("cpu.nice_pct", share(nice)),
            ("cpu.iowait_pct", share(waiting)),
            ("cpu.irq_pct", share(irq)),
            ("cpu.softirq_pct", share(soft)),
            ("cpu.steal_pct", share(steal)),
        ] {
            past.tell(name, share);
        }
    }

    fn gauges(&self, table: &[(usize, &str)], scale: f64, past: &mut Past) {
        for (place, name) in table {
            if let Some(number) = self.number(*place) {
                past.tell(*name, number * scale);
            }
        }
    }

    fn rates(&self, table: &[(usize, &str)], prefix: &str, scale: f64, past: &mut Past) {
        for (place, name) in table {
            if let Some(number) = self.number(*place) {
                past.tell(format!("{prefix}{name}"), number * scale / self.secs);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = include_str!("sample/atop.txt");

    fn parsed(text: &str) -> Result<Past, String> {
        let mut past = Past::default();
        take(text.as_bytes(), &mut past).map(|()| past)
    }

    #[test]
    fn lines_that_mean_the_same_are_taken() {
        let past = parsed(SAMPLE).unwrap();
        let near = |name: &str, want: f64| {
            let got = past.last(name).unwrap_or_else(|| panic!("no {name}"));
            assert!((got - want).abs() <= 1e-6 * want.abs().max(1.0), "{name}: {got}");
        };
        near("cpu.busy_pct", 100.0);
        near("cpu.user_pct", 100.0 * 627.0 / 999.0);
        near("load.1", 8.61);
        near("cpu.ctxt_per_s", 948.0);
        near("mem.free_bytes", 773_168.0 * 4096.0);
        near("mem.committed_bytes", 170_258.0 * 4096.0);
        near("psi.cpu.some_pct", 99.2);
        near("psi.io.full_pct", 0.0);
        near("disk.vda.util_pct", 1.36);
        near("disk.vda.read_bytes_per_s", 68_424.0 * 512.0 / 5.0);
        near("net.eth0.rx_bytes_per_s", 0.0);
    }

    #[test]
    fn what_counts_since_the_start_is_no_sample_and_broken_lines_are_left_out() {
        let first = SAMPLE.split("SEP").next().unwrap();
        assert_eq!(parsed(&format!("{first}SEP\n")).unwrap().values(), 0);
        assert!(parsed("").is_err() && parsed("atop: raw file has an incompatible format\n").is_err());
        let odd = "CPU host x 2026/11/21 19:52:04 5 100\nCPL vm 1795290724 d t 0 2 1 1\nNET vm 1795290724 d t 5\nDSK vm 1795290724 d t 5\n\
            CPU vm 1795290724 d t 5 100 2 1 2\ncpu vm 1795290724 d t 5\nMEM vm 1795290724 d t 5 x 1 2\nSEP\n";
        assert_eq!(parsed(odd).unwrap().values(), 0);
        // A line that was being written when it was read.
        let cut = &SAMPLE[..SAMPLE.rfind("NET").unwrap() + 9];
        assert!(parsed(cut).unwrap().values() > 0);
    }

    #[test]
    fn archives_are_told_from_what_lies_beside_them() {
        let names = ["atop_20261121", "atop_20261121.gz", "dummy_after", "atop_2026112x"];
        assert_eq!(names.map(is_one), [true, false, false, false]);
    }
}
