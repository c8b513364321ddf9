//! What TCP, UDP and IP count, from `/proc/net/{snmp,netstat,sockstat,sockstat6}`.
#![cfg(target_os = "linux")]

use super::{
    Host, ObserveError, Source,
    file::Again,
    meter::{COUNT, Keyed, KeyedMeter, Origin, PER_SEC},
};
use crate::domain::{Batch, Span, Timestamp};

const COUNTERS: &[Keyed] = &[
    ("Tcp", "ActiveOpens", "tcp.active_opens_per_s", PER_SEC),
    ("Tcp", "PassiveOpens", "tcp.passive_opens_per_s", PER_SEC),
    ("Tcp", "AttemptFails", "tcp.attempt_fails_per_s", PER_SEC),
    ("Tcp", "EstabResets", "tcp.estab_resets_per_s", PER_SEC),
    ("Tcp", "CurrEstab", "tcp.established", COUNT),
    ("Tcp", "InSegs", "tcp.in_segs_per_s", PER_SEC),
    ("Tcp", "OutSegs", "tcp.out_segs_per_s", PER_SEC),
    ("Tcp", "RetransSegs", "tcp.retrans_per_s", PER_SEC),
    ("Tcp", "InErrs", "tcp.in_errors_per_s", PER_SEC),
    ("Tcp", "OutRsts", "tcp.out_resets_per_s", PER_SEC),
    ("TcpExt", "ListenOverflows", "tcp.listen_overflows_per_s", PER_SEC),
    ("TcpExt", "ListenDrops", "tcp.listen_drops_per_s", PER_SEC),
    ("TcpExt", "TCPTimeouts", "tcp.timeouts_per_s", PER_SEC),
    ("TcpExt", "TCPAbortOnMemory", "tcp.abort_on_memory_per_s", PER_SEC),
    ("TcpExt", "TCPBacklogDrop", "tcp.backlog_drops_per_s", PER_SEC),
    ("TcpExt", "SyncookiesSent", "tcp.syncookies_sent_per_s", PER_SEC),
    ("TcpExt", "PruneCalled", "tcp.prunes_per_s", PER_SEC),
    ("Udp", "InDatagrams", "udp.in_per_s", PER_SEC),
    ("Udp", "OutDatagrams", "udp.out_per_s", PER_SEC),
    ("Udp", "NoPorts", "udp.no_port_errors_per_s", PER_SEC),
    ("Udp", "InErrors", "udp.in_errors_per_s", PER_SEC),
    ("Udp", "RcvbufErrors", "udp.rcvbuf_errors_per_s", PER_SEC),
    ("Udp", "SndbufErrors", "udp.sndbuf_errors_per_s", PER_SEC),
    ("Ip", "InReceives", "ip.in_per_s", PER_SEC),
    ("Ip", "OutRequests", "ip.out_per_s", PER_SEC),
    ("Ip", "InDiscards", "ip.in_discards_per_s", PER_SEC),
    ("Ip", "OutDiscards", "ip.out_discards_per_s", PER_SEC),
    ("Ip", "OutNoRoutes", "ip.no_route_errors_per_s", PER_SEC),
    ("Ip", "ReasmFails", "ip.reassembly_fails_per_s", PER_SEC),
    ("Icmp", "InDestUnreachs", "icmp.in_unreachable_per_s", PER_SEC),
];

const SOCKETS: &[Keyed] = &[
    ("sockets", "used", "sock.used", COUNT),
    ("TCP", "inuse", "sock.tcp_inuse", COUNT),
    ("TCP", "orphan", "tcp.orphan", COUNT),
    ("TCP", "tw", "tcp.time_wait", COUNT),
    ("TCP", "alloc", "sock.tcp_alloc", COUNT),
    ("TCP", "mem", "sock.tcp_mem_pages", COUNT),
    ("UDP", "inuse", "sock.udp_inuse", COUNT),
    ("UDP", "mem", "sock.udp_mem_pages", COUNT),
    ("RAW", "inuse", "sock.raw_inuse", COUNT),
    ("FRAG", "inuse", "sock.frag_inuse", COUNT),
    ("TCP6", "inuse", "sock.tcp6_inuse", COUNT),
    ("UDP6", "inuse", "sock.udp6_inuse", COUNT),
];

/// Reads the counters of the network protocols.
pub(super) struct Protocols {
    origin: Origin,
    /// Two lines a protocol: the names, then the numbers.
    tables: [Again; 2],
    /// A line a protocol: name and number in turn. The second is missing without IPv6.
    sockets: [Again; 2],
    counters: KeyedMeter,
    sockets_meter: KeyedMeter,
}

impl Protocols {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "protocol", host.interval);
        Self {
            tables: ["proc/net/snmp", "proc/net/netstat"].map(|path| Again::new(&host.root, path)),
            sockets: ["proc/net/sockstat", "proc/net/sockstat6"].map(|path| Again::new(&host.root, path)),
            counters: KeyedMeter::new(&origin, COUNTERS),
            sockets_meter: KeyedMeter::new(&origin, SOCKETS),
            origin,
        }
    }
}

impl Source for Protocols {
    fn name(&self) -> &'static str {
        "protocol"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        for file in &mut self.tables {
            let text = file.text()?;
            let mut lines = text.lines();
            while let (Some(names), Some(numbers)) = (lines.next(), lines.next()) {
                let (Some((section, names)), Some((same, numbers))) = (names.split_once(':'), numbers.split_once(':'))
                else {
                    break;
                };
                if section != same {
                    break;
                }
                for (key, number) in names.split_ascii_whitespace().zip(numbers.split_ascii_whitespace()) {
                    self.counters.tell(now, section, key, number, out);
                }
            }
        }
        let [four, six] = &mut self.sockets;
        let six = six.text().unwrap_or_default();
        for line in four.text()?.lines().chain(six.lines()) {
            let Some((section, rest)) = line.split_once(':') else {
                continue;
            };
            let mut words = rest.split_ascii_whitespace();
            while let (Some(key), Some(number)) = (words.next(), words.next()) {
                self.sockets_meter.tell(now, section, key, number, out);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    #[test]
    fn tables_are_read_by_name_whatever_the_order() {
        let tree = Tree::new();
        let mut source = Protocols::new(&tree.host());
        tree.write(
            "proc/net/sockstat",
            "sockets: used 15\nTCP: inuse 1 orphan 0 tw 7 alloc 1 mem 0\nodd\n",
        );
        for (at, n) in [(0, 10), (2, 30)] {
            tree.write(
                "proc/net/snmp",
                format!("Tcp: RetransSegs MaxConn CurrEstab\nTcp: {n} -1 4\n"),
            );
            tree.write(
                "proc/net/netstat",
                format!("TcpExt: A ListenOverflows\nTcpExt: 1 {n}\nBroken\n"),
            );
            let batch = tree.read(&mut source, at).unwrap();
            assert_eq!(value(&batch, "tcp.retrans_per_s"), (at == 2).then_some(10.0));
            assert_eq!(value(&batch, "tcp.listen_overflows_per_s"), (at == 2).then_some(10.0));
            assert_eq!(value(&batch, "tcp.established"), Some(4.0));
            assert_eq!(value(&batch, "tcp.time_wait"), Some(7.0));
        }
    }
}
