//! The essentials on systems without `/proc`, by `sysinfo`.

use std::collections::BTreeMap;

use sysinfo::{Disks, NetworkData, Networks, System};

use super::{
    Host, ObserveError, Source,
    meter::{BYTES, BYTES_PER_SEC, Channel, Column, Meter, Origin, PER_SEC, Sort, percent},
    scope::Scope,
};
use crate::domain::{Batch, Quantity, Span, Timestamp, Unit, Value};

/// Most interfaces and file systems that are told of, each.
const MOST: usize = 100;

const fn gauge(name: &'static str, sort: Sort, of: fn(&System) -> Option<f64>) -> Column<System> {
    Column { name, sort, of }
}

#[expect(clippy::unnecessary_wraps, reason = "a column may lack a value")]
fn some(bytes: u64) -> Option<f64> {
    Some(bytes as f64)
}

const SYSTEM: &[Column<System>] = &[
    gauge("cpu.busy_pct", Sort::Percent, |s| Some(f64::from(s.global_cpu_usage()))),
    gauge("mem.used_pct", Sort::Percent, |s| {
        percent(
            s.total_memory().saturating_sub(s.available_memory()) as f64,
            s.total_memory() as f64,
        )
    }),
    gauge("mem.available_pct", Sort::Percent, |s| {
        percent(s.available_memory() as f64, s.total_memory() as f64)
    }),
    gauge("mem.available_bytes", BYTES, |s| some(s.available_memory())),
    gauge("mem.used_bytes", BYTES, |s| {
        some(s.total_memory().saturating_sub(s.available_memory()))
    }),
    gauge("mem.free_bytes", BYTES, |s| some(s.free_memory())),
    gauge("swap.used_pct", Sort::Percent, |s| {
        percent(s.used_swap() as f64, s.total_swap() as f64)
    }),
    gauge("swap.used_bytes", BYTES, |s| some(s.used_swap())),
];

const INTERFACE: &[Column<NetworkData>] = &[
    rate("rx_bytes_per_s", BYTES_PER_SEC, |d| some(d.total_received())),
    rate("tx_bytes_per_s", BYTES_PER_SEC, |d| some(d.total_transmitted())),
    rate("rx_packets_per_s", PER_SEC, |d| some(d.total_packets_received())),
    rate("tx_packets_per_s", PER_SEC, |d| some(d.total_packets_transmitted())),
    rate("rx_errors_per_s", PER_SEC, |d| some(d.total_errors_on_received())),
    rate("tx_errors_per_s", PER_SEC, |d| some(d.total_errors_on_transmitted())),
];

const fn rate(name: &'static str, sort: Sort, of: fn(&NetworkData) -> Option<f64>) -> Column<NetworkData> {
    Column { name, sort, of }
}

fn fault(why: impl std::fmt::Display) -> ObserveError {
    ObserveError::Io {
        what: "sysinfo".into(),
        source: std::io::Error::other(why.to_string()),
    }
}

/// Reads processors, memory, swap, load and network interfaces.
pub(super) struct Portable {
    origin: Origin,
    system: Option<System>,
    networks: Option<Networks>,
    meter: Meter<System>,
    loads: [Channel; 3],
    cores: Vec<Channel>,
    interfaces: BTreeMap<String, Meter<NetworkData>>,
}

impl Portable {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "sysinfo", host.interval);
        Self {
            system: None,
            networks: None,
            meter: Meter::new(&origin, "", SYSTEM),
            loads: ["load.1", "load.5", "load.15"].map(|name| origin.channel(name, Sort::Gauge(Unit::Count))),
            cores: Vec::new(),
            interfaces: BTreeMap::new(),
            origin,
        }
    }
}

impl Source for Portable {
    fn name(&self) -> &'static str {
        "sysinfo"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        // The share of busy time is over the time since the refresh before, so the first one tells none.
        let first = self.system.is_none();
        let system = match &mut self.system {
            Some(system) => system,
            none => none.insert(System::new().map_err(fault)?),
        };
        system.refresh_cpu_usage();
        system.refresh_memory();
        if !first {
            self.meter.tell(now, system, out);
            for (place, cpu) in system.cpus().iter().enumerate() {
                if self.cores.len() == place {
                    let name = format!("cpu.{place}.busy_pct");
                    self.cores.push(self.origin.channel(&name, Sort::Percent));
                }
                self.cores[place].tell(now, f64::from(cpu.usage()), out);
            }
        }
        if let Ok(load) = System::load_average() {
            for (channel, value) in self.loads.iter_mut().zip([load.one, load.five, load.fifteen]) {
                channel.tell(now, value, out);
            }
        }
        let networks = match &mut self.networks {
            Some(networks) => networks,
            none => none.insert(Networks::new().map_err(fault)?),
        };
        networks.refresh(true);
        for (name, data) in networks.iter() {
            let name = name.to_string_lossy();
            if self.interfaces.len() >= MOST && !self.interfaces.contains_key(&*name) {
                continue;
            }
            let origin = &self.origin;
            self.interfaces
                .entry(name.into_owned())
                .or_insert_with_key(|name| Meter::new(origin, &format!("net.{name}."), INTERFACE))
                .tell(now, data, out);
        }
        Ok(())
    }
}

/// Measures the mounted file systems.
pub(super) struct PortableDisks {
    origin: Origin,
    known: BTreeMap<String, [Channel; 2]>,
}

impl PortableDisks {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            origin: Origin::new(host, "sysinfo-disks", Span::from_secs(10).max(host.interval)),
            known: BTreeMap::new(),
        }
    }
}

impl Source for PortableDisks {
    fn name(&self) -> &'static str {
        "sysinfo-disks"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let disks = Disks::new_with_refreshed_list().map_err(fault)?;
        for disk in disks.iter().take(MOST) {
            let point = disk.mount_point().to_string_lossy().into_owned();
            let origin = &self.origin;
            let [used, free] = self.known.entry(point).or_insert_with_key(|point| {
                [
                    origin.channel(&format!("fs.{point}.used_pct"), Sort::Percent),
                    origin.channel(&format!("fs.{point}.free_bytes"), BYTES),
                ]
            });
            let (total, available) = (disk.total_space() as f64, disk.available_space() as f64);
            if let Some(share) = percent(total - available, total) {
                used.tell(now, share, out);
                free.tell(now, available, out);
            }
        }
        Ok(())
    }
}

/// Reads what the system is and what it runs on.
pub(super) struct PortableHardware {
    every: Span,
    scope: Scope,
}

impl PortableHardware {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            every: host.settings_interval,
            scope: Scope::new(host, "hw"),
        }
    }
}

impl Source for PortableHardware {
    fn name(&self) -> &'static str {
        "hardware"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let mut system = System::new().map_err(fault)?;
        system.refresh_memory();
        system.refresh_cpu_frequency();
        let mut sheet = self.scope.sheet();
        let texts = [
            ("os.name", System::name().ok()),
            ("os.version", System::os_version().ok()),
            ("kernel.release", System::kernel_version().ok()),
            ("hostname", System::host_name().ok()),
            ("cpu.arch", Some(System::cpu_arch())),
            (
                "cpu.model_name",
                system.cpus().first().map(|cpu| cpu.brand().to_owned()),
            ),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                sheet.put(name, Value::text(&text));
            }
        }
        sheet.put(
            "cpu.count",
            Value::Int(i64::try_from(system.cpus().len()).unwrap_or(i64::MAX)),
        );
        for (name, bytes) in [
            ("memory.total", system.total_memory()),
            ("swap.total", system.total_swap()),
        ] {
            if let Some(bytes) = Quantity::new(bytes as f64, Unit::Bytes) {
                sheet.put(name, Value::Quantity(bytes));
            }
        }
        self.scope.tell(now, sheet, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting, value};

    #[test]
    fn the_essentials_of_this_host() {
        let tree = Tree::new();
        let mut source = Portable::new(&tree.host());
        tree.read(&mut source, 0).unwrap();
        let batch = tree.read(&mut source, 2).unwrap();
        for name in ["cpu.busy_pct", "mem.used_pct"] {
            assert!((0.0..=100.0).contains(&value(&batch, name).unwrap()), "{name}");
        }
        let batch = tree.read(&mut PortableHardware::new(&tree.host()), 0).unwrap();
        assert!(setting(&batch, "hw.memory.total").is_some());
        assert!(tree.read(&mut PortableDisks::new(&tree.host()), 0).is_ok());
    }
}
