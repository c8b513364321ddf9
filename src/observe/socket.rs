//! Sockets one by one, from `/proc/net/{tcp,tcp6,udp,udp6}`; TCP of this machine itself from the kernel's diagnosis where it has one.
#![cfg(target_os = "linux")]

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use super::{
    Host, ObserveError, Source, diagnosis,
    file::failed,
    meter::{COUNT, Channel, Origin},
};
use crate::domain::{Batch, Span, Timestamp};

/// A state of a socket as the kernel numbers it (include/net/tcp_states.h).
pub(super) const CLOSE: u8 = 7;
/// Waits for connections.
pub(super) const LISTEN: u8 = 10;

/// One socket: what one line says.
#[derive(Debug, PartialEq)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) inode: u64,
}

/// The state in a line of these files; `None` for the head and for anything else.
fn state(line: &[u8]) -> Option<u8> {
    let field = line.split(|b| *b == b' ').filter(|field| !field.is_empty()).nth(3)?;
    u8::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok()
}

/// Calls `each` with the state and the line of every socket in the file `path`.
fn lines(path: &Path, mut each: impl FnMut(u8, &[u8])) -> Result<usize, ObserveError> {
    let mut file = BufReader::with_capacity(64 << 10, File::open(path).map_err(|source| failed(path, source))?);
    let (mut line, mut count) = (Vec::new(), 0);
    loop {
        line.clear();
        if file
            .read_until(b'\n', &mut line)
            .map_err(|source| failed(path, source))?
            == 0
        {
            return Ok(count);
        }
        if let Some(state) = state(&line) {
            count += 1;
            each(state, &line);
        }
    }
}

/// The sockets of the file `path` that are in `wanted`.
pub(super) fn sockets_in(path: &Path, wanted: u8) -> Result<Vec<Socket>, ObserveError> {
    let mut found = Vec::new();
    if diagnosis::tcp(path, 1 << wanted, &mut |_, socket| found.push(socket)).is_some() {
        return Ok(found);
    }
    found.clear();
    lines(path, |state, line| {
        if state == wanted {
            found.extend(parse(line));
        }
    })?;
    Ok(found)
}

fn parse(line: &[u8]) -> Option<Socket> {
    let fields: Vec<&str> = std::str::from_utf8(line).ok()?.split_ascii_whitespace().collect();
    Some(Socket {
        local: address(fields.get(1)?)?,
        remote: address(fields.get(2)?)?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// `0100007F:0016`: the address as 32-bit words in the machine's own order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        u32::from_str_radix(host.get(at..at + 8)?, 16)
            .ok()
            .map(u32::to_ne_bytes)
    };
    let host = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (place, part) in bytes.chunks_mut(4).enumerate() {
                part.copy_from_slice(&word(place * 8)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(host, port))
}

/// Shortest time between two readings, for each started [`BATCH`] sockets. The kernel goes through its whole hash table each
/// time, some milliseconds on a machine of much memory even without a socket.
const PACE: Span = Span::from_secs(30);
const BATCH: usize = 5_000;

/// Counts TCP sockets by state. Established and waiting ones are in the kernel's own counts and not told here.
pub(super) struct TcpStates {
    origin: Origin,
    least: Span,
    files: [PathBuf; 2],
    /// The kernel's numbers of the states that are summed, and their metric.
    states: [(&'static [u8], Channel); 6],
}

impl TcpStates {
    pub(super) fn new(host: &Host) -> Self {
        let least = PACE.max(host.interval);
        let origin = Origin::new(host, "tcp-states", least);
        let states: [(&[u8], &str); 6] = [
            (&[2], "tcp.syn_sent"),
            (&[3, 12], "tcp.syn_recv"),
            (&[4, 5, 11], "tcp.fin_wait"),
            (&[8], "tcp.close_wait"),
            (&[9], "tcp.last_ack"),
            (&[LISTEN], "tcp.listen"),
        ];
        Self {
            least,
            files: ["proc/net/tcp", "proc/net/tcp6"].map(|path| host.root.join(path)),
            states: states.map(|(numbers, name)| (numbers, origin.channel(name, COUNT))),
            origin,
        }
    }
}

impl Source for TcpStates {
    fn name(&self) -> &'static str {
        "tcp-states"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let numbers = self.states.iter().flat_map(|(numbers, _)| numbers.iter());
        let wanted = numbers.fold(0, |bits, number| bits | 1 << number);
        let mut counts = [0u32; 256];
        let mut count = |path: &Path| {
            let mut here = [0u32; 256];
            let told = diagnosis::tcp(path, wanted, &mut |state, _| here[usize::from(state)] += 1);
            let total = match told {
                Some(total) => Ok(total),
                None => {
                    here = [0; 256];
                    lines(path, |state, _| here[usize::from(state)] += 1)
                }
            };
            counts.iter_mut().zip(here).for_each(|(all, here)| *all += here);
            total
        };
        // Without IPv6 there is no second file.
        let total = count(&self.files[0])? + count(&self.files[1]).unwrap_or(0);
        let steps = i64::try_from(total.div_ceil(BATCH).max(1)).unwrap_or(1);
        self.origin.cadence = (PACE * steps).max(self.least);
        for (numbers, channel) in &mut self.states {
            channel.pace(self.origin.cadence);
            let sum: u32 = numbers.iter().map(|number| counts[usize::from(*number)]).sum();
            channel.tell(now, f64::from(sum), out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    pub(crate) const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn line(local: &str, state: u8, inode: u64) -> String {
        format!(
            "   0: {local} 00000000:0000 {state:02X} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0 100 0 0 10 0\n"
        )
    }

    #[test]
    fn states_are_counted_over_both_families() {
        let tree = Tree::new();
        let mut source = TcpStates::new(&tree.host());
        let four = format!(
            "{HEAD}{}{}odd\n\n",
            line("0100007F:0016", LISTEN, 5),
            line("0100007F:0016", 8, 6)
        );
        tree.write("proc/net/tcp", &four);
        assert_eq!(value(&tree.read(&mut source, 0).unwrap(), "tcp.listen"), Some(1.0));
        tree.write(
            "proc/net/tcp6",
            format!("{HEAD}{}", line("00000000000000000000000000000000:0016", LISTEN, 7)),
        );
        let batch = tree.read(&mut source, 10).unwrap();
        assert_eq!(
            (value(&batch, "tcp.listen"), value(&batch, "tcp.close_wait")),
            (Some(2.0), Some(1.0))
        );
    }

    #[test]
    fn addresses_are_in_the_order_of_the_machine() {
        let four = format!("{:08X}:0016", u32::from_ne_bytes([127, 0, 0, 1]));
        assert_eq!(address(&four), Some("127.0.0.1:22".parse().unwrap()));
        let last = format!("{:08X}", u32::from_ne_bytes([0, 0, 0, 1]));
        assert_eq!(
            address(&format!("{}{last}:01BB", "0".repeat(24))),
            Some("[::1]:443".parse().unwrap())
        );
        for bad in ["", ":", "0100007F", "0100007F:10000", "x100007F:0016", "0100007é:0016"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_of_many_sockets_is_asked_less_often() {
        let tree = Tree::new();
        let mut source = TcpStates::new(&tree.host());
        tree.write("proc/net/tcp", line("0100007F:0016", 1, 5).repeat(12_000));
        tree.read(&mut source, 0).unwrap();
        assert_eq!(source.every(), Span::from_secs(90));
    }
}
