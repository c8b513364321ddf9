//! How the host is connected: interfaces, addresses, routes, name servers, hosts.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use sysinfo::Networks;

use super::{
    Host, ObserveError, Source,
    file::{failed, small},
    netlink::Netlink,
    network::passing,
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp};

/// Most routes of each family that are told of; a router with a full table has a million.
const MOST_ROUTES: usize = 500;

/// Reads the network's set-up.
pub(super) struct Links {
    root: PathBuf,
    every: Span,
    netlink: Netlink,
    /// Whether all was told when it was last read.
    whole: bool,
    scope: Scope,
}

impl Links {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            every: host.settings_interval,
            netlink: Netlink::links(),
            whole: false,
            scope: Scope::new(host, "net"),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    fn lines(&self, path: &str) -> Vec<String> {
        small(&self.root.join(path)).map_or_else(Vec::new, |text| text.lines().map(str::to_owned).collect())
    }

    fn interfaces(&self, sheet: &mut Sheet) -> Result<(), ObserveError> {
        let folder = self.root.join("sys/class/net");
        for entry in fs::read_dir(&folder)
            .map_err(|source| failed(&folder, source))?
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            if passing(&name) {
                continue;
            }
            for (file, what) in [
                ("mtu", "mtu"),
                ("operstate", "operstate"),
                ("address", "mac"),
                ("tx_queue_len", "tx_queue_len"),
                ("speed", "speed_mbit"),
                ("duplex", "duplex"),
            ] {
                // Speed and duplex cannot be read, or are -1, where there is no cable.
                if let Some(text) = small(&entry.path().join(file)).filter(|text| !text.is_empty() && text != "-1") {
                    sheet.text(&format!("{name}.{what}"), &text);
                }
            }
        }
        Ok(())
    }

    /// Addresses with prefix, by interface.
    fn addresses(&self, sheet: &mut Sheet) {
        let mut by_interface: BTreeMap<String, Vec<String>> = BTreeMap::new();
        // /proc does not tell which interface has an IPv4 address; sysinfo asks the system.
        if self.root == Path::new("/")
            && let Ok(networks) = Networks::new_with_refreshed_list()
        {
            for (name, data) in networks.iter() {
                let four = data.ip_networks().iter().filter(|net| net.addr.is_ipv4());
                let addresses = four.map(|net| format!("{}/{}", net.addr, net.prefix));
                by_interface
                    .entry(name.to_string_lossy().into_owned())
                    .or_default()
                    .extend(addresses);
            }
        }
        for line in self.lines("proc/net/if_inet6") {
            // Address, interface number, prefix length, scope, flags, interface; all numbers in hexadecimal.
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [address, _, prefix, _, flags, name] = words[..] else {
                continue;
            };
            let number = |text| u128::from_str_radix(text, 16).ok();
            let (Some(address), Some(prefix), Some(flags)) = (number(address), number(prefix), number(flags)) else {
                continue;
            };
            // IFA_F_TEMPORARY: privacy addresses change every day by themselves.
            if flags & 1 == 0 {
                let address = format!("{}/{prefix}", Ipv6Addr::from(address));
                by_interface.entry(name.to_owned()).or_default().push(address);
            }
        }
        for (name, addresses) in by_interface {
            if !passing(&name) && !addresses.is_empty() {
                sheet.list(
                    &format!("{name}.addresses"),
                    addresses.iter().map(|address| (address.as_str(), None)),
                );
            }
        }
    }

    fn routes(&self, sheet: &mut Sheet) {
        for line in self.lines("proc/net/route").iter().skip(1).take(MOST_ROUTES) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [name, destination, gateway, _, _, _, metric, mask, ..] = words[..] else {
                continue;
            };
            let address = |text| Some(Ipv4Addr::from(u32::from_str_radix(text, 16).ok()?.to_ne_bytes()));
            let (Some(to), Some(via), Some(mask)) = (address(destination), address(gateway), address(mask)) else {
                continue;
            };
            let prefix = u32::from(mask).count_ones();
            route(
                sheet,
                name,
                &format!("{to}/{prefix}"),
                (!via.is_unspecified()).then(|| via.to_string()),
                metric,
            );
        }
        for line in self.lines("proc/net/ipv6_route").iter().take(MOST_ROUTES) {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let [to, prefix, _, _, via, metric, _, _, flags, name] = words[..] else {
                continue;
            };
            let number = |text| u128::from_str_radix(text, 16).ok();
            let (Some(to), Some(prefix), Some(via), Some(metric), Some(flags)) =
                (number(to), number(prefix), number(via), number(metric), number(flags))
            else {
                continue;
            };
            // Routes to own addresses (RTF_LOCAL), from the cache, that reject, or to multicast are the kernel's own.
            const KERNELS: u128 = 0x8000_0000 | 0x0100_0000 | 0x0200;
            let to = Ipv6Addr::from(to);
            if flags & KERNELS == 0 && !to.is_multicast() && name != "lo" {
                let via = Ipv6Addr::from(via);
                let via = (!via.is_unspecified()).then(|| via.to_string());
                route(sheet, name, &format!("{to}/{prefix}"), via, &metric.to_string());
            }
        }
    }

    fn names(&self, sheet: &mut Sheet) {
        resolver(&self.lines("etc/resolv.conf").join("\n"), sheet);
        hosts(&self.lines("etc/hosts").join("\n"), sheet);
    }
}

/// What resolv.conf(5) says, by its keys.
pub(super) fn resolver(text: &str, sheet: &mut Sheet) {
    let mut resolver: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line
            .split_ascii_whitespace()
            .take_while(|word| !word.starts_with(['#', ';']));
        if let Some(key) = words.next() {
            resolver.entry(key).or_default().extend(words);
        }
    }
    for (key, values) in resolver {
        sheet.list(
            &format!("resolver.{key}"),
            values.into_iter().map(|value| (value, None)),
        );
    }
}

/// What hosts(5) says: addresses by name.
pub(super) fn hosts(text: &str, sheet: &mut Sheet) {
    let mut hosts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace().take_while(|word| !word.starts_with('#'));
        if let Some(address) = words.next() {
            for name in words {
                hosts.entry(name).or_default().push(address);
            }
        }
    }
    for (name, addresses) in hosts {
        sheet.list(
            &format!("hosts.{name}"),
            addresses.into_iter().map(|address| (address, None)),
        );
    }
}

fn route(sheet: &mut Sheet, interface: &str, to: &str, via: Option<String>, metric: &str) {
    if passing(interface) {
        return;
    }
    let via = via.iter().map(|via| ("via", Some(via.as_str())));
    sheet.list(
        &format!("route.{to}@{interface}"),
        via.chain([("metric", Some(metric))]),
    );
}

impl Source for Links {
    fn name(&self) -> &'static str {
        "link"
    }

    fn every(&self) -> Span {
        self.netlink.every(self.every)
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let due = self.netlink.due(now, self.every);
        if !due && self.whole && self.scope.soon().is_none() {
            return Ok(());
        }
        let mut sheet = self.scope.sheet();
        let interfaces = self.interfaces(&mut sheet);
        self.addresses(&mut sheet);
        self.routes(&mut sheet);
        self.names(&mut sheet);
        self.scope.tell(now, sheet, out);
        self.whole = interfaces.is_ok();
        interfaces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting};

    #[test]
    fn interfaces_addresses_routes_and_names() {
        let tree = Tree::new();
        for name in ["eth0", "veth9"] {
            tree.write(&format!("sys/class/net/{name}/mtu"), "1500\n");
            tree.write(&format!("sys/class/net/{name}/speed"), "-1\n");
        }
        tree.write(
            "proc/net/if_inet6",
            "fe80000000000000000000000000000a 02 40 20 80     eth0\nfd000000000000000000000000000001 02 40 00 01 eth0\nbroken\n",
        );
        let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
        tree.write(
            "proc/net/route",
            format!("Iface Destination\neth0 00000000 {} 0003 0 0 100 00000000 0 0 0\neth0 {} 00000000 0001 0 0 0 {} 0 0 0\n",
                word([10, 0, 0, 1]), word([10, 0, 0, 0]), word([255, 255, 255, 0])),
        );
        tree.write(
            "etc/resolv.conf",
            "nameserver 1.1.1.1\nnameserver 9.9.9.9 # x\noptions ndots:2\n\u{1b}\n",
        );
        tree.write("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6\n# 1.2.3.4 x\n");
        let batch = tree.read(&mut Links::new(&tree.host()), 0).unwrap();
        let shown = |name: &str| setting(&batch, name).map(|value| value.to_string());
        assert_eq!(shown("net.eth0.mtu").as_deref(), Some("1500"));
        assert_eq!(shown("net.eth0.speed_mbit"), None);
        assert_eq!(shown("net.veth9.mtu"), None);
        assert_eq!(shown("net.eth0.addresses").as_deref(), Some("fe80::a/64"));
        assert_eq!(
            shown("net.route.0.0.0.0/0@eth0").as_deref(),
            Some("metric=100 via=10.0.0.1")
        );
        assert_eq!(shown("net.route.10.0.0.0/24@eth0").as_deref(), Some("metric=0"));
        assert_eq!(shown("net.resolver.nameserver").as_deref(), Some("1.1.1.1 9.9.9.9"));
        assert_eq!(shown("net.hosts.localhost").as_deref(), Some("127.0.0.1 ::1"));
    }
}
