//! Network interfaces, from `/proc/net/dev`.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;

use procfs::{
    FromRead as _,
    net::{DeviceStatus, InterfaceDeviceStatus},
};

use super::{
    Host, ObserveError, Source,
    file::Again,
    meter::{BYTES_PER_SEC, Column, Meter, Origin, PER_SEC, Sort},
};
use crate::domain::{Batch, Span, Timestamp};

/// Most interfaces that are told of.
const MOST_INTERFACES: usize = 64;

const fn rate(name: &'static str, sort: Sort, of: fn(&DeviceStatus) -> Option<f64>) -> Column<DeviceStatus> {
    Column { name, sort, of }
}

const INTERFACE: &[Column<DeviceStatus>] = &[
    rate("rx_bytes_per_s", BYTES_PER_SEC, |d| Some(d.recv_bytes as f64)),
    rate("tx_bytes_per_s", BYTES_PER_SEC, |d| Some(d.sent_bytes as f64)),
    rate("rx_packets_per_s", PER_SEC, |d| Some(d.recv_packets as f64)),
    rate("tx_packets_per_s", PER_SEC, |d| Some(d.sent_packets as f64)),
    rate("rx_errors_per_s", PER_SEC, |d| Some(d.recv_errs as f64)),
    rate("tx_errors_per_s", PER_SEC, |d| Some(d.sent_errs as f64)),
    rate("rx_drops_per_s", PER_SEC, |d| Some(d.recv_drop as f64)),
    rate("tx_drops_per_s", PER_SEC, |d| Some(d.sent_drop as f64)),
];

/// Whether the interface is one end of a container's or virtual machine's cable: they come and go with it.
pub(super) fn passing(name: &str) -> bool {
    ["veth", "ve-", "vb-", "cali", "lxc", "vnet", "tap"]
        .iter()
        .any(|kind| name.starts_with(kind))
}

/// Reads `/proc/net/dev`: interfaces that carried something since they came up.
pub(super) struct Interfaces {
    file: Again,
    origin: Origin,
    known: BTreeMap<String, Meter<DeviceStatus>>,
}

impl Interfaces {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            file: Again::new(&host.root, "proc/net/dev"),
            origin: Origin::new(host, "network", host.interval),
            known: BTreeMap::new(),
        }
    }
}

impl Source for Interfaces {
    fn name(&self) -> &'static str {
        "network"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let text = self.file.text()?.into_owned();
        // A name may stand against its first number: `eth0:1234`.
        let spaced = text.replace(':', ": ");
        let all = InterfaceDeviceStatus::from_read(spaced.as_bytes()).map_err(|why| self.file.malformed(why))?;
        let sorted: BTreeMap<String, DeviceStatus> = all.0.into_iter().collect();
        for (name, status) in sorted {
            let used = status.recv_packets + status.sent_packets > 0;
            let known = self.known.contains_key(&name);
            if passing(&name) || !known && (!used || self.known.len() >= MOST_INTERFACES) {
                continue;
            }
            self.known
                .entry(name)
                .or_insert_with_key(|name| Meter::new(&self.origin, &format!("net.{name}."), INTERFACE))
                .tell(now, &status, out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    const HEAD: &str = "Inter-| Receive | Transmit\n face |bytes packets|bytes\n";

    #[test]
    fn rates_of_the_interfaces_that_carry_something() {
        let tree = Tree::new();
        let mut net = Interfaces::new(&tree.host());
        let line = |name: &str, n: u64| format!("{name}:{n} {n} 0 0 0 0 0 0 {n} {n} 1 2 0 0 0 0\n");
        let file = |n| format!("{HEAD}{}{}{}", line("  eth0", n), line("veth1", n), line("ifb0", 0));
        tree.write("proc/net/dev", file(100));
        assert!(tree.read(&mut net, 0).unwrap().is_empty());
        tree.write("proc/net/dev", file(300));
        let batch = tree.read(&mut net, 2).unwrap();
        assert_eq!(value(&batch, "net.eth0.rx_bytes_per_s"), Some(100.0));
        assert_eq!(value(&batch, "net.eth0.tx_drops_per_s"), Some(0.0));
        assert_eq!(batch.metrics.len(), 8);
    }

    #[test]
    fn an_interface_with_an_escape_in_its_name() {
        let tree = Tree::new();
        let mut net = Interfaces::new(&tree.host());
        for (at, n) in [(0, 1), (2, 2)] {
            tree.write(
                "proc/net/dev",
                format!("{HEAD}e\u{1b}[2J: {n} {n} 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"),
            );
            let batch = tree.read(&mut net, at).unwrap();
            assert!(batch.metrics.iter().all(|m| !m.id.name.chars().any(char::is_control)));
        }
        tree.write("proc/net/dev", format!("{HEAD}eth0: 1 2\n"));
        assert!(tree.read(&mut net, 4).is_err());
    }
}
