//! How long the configured resolver takes to answer: one small query a minute for a name that needs no other server.
#![cfg(target_os = "linux")]

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    Host, ObserveError, Source,
    child::lacking,
    file::plain_file,
    meter::{COUNT, Channel, Origin, Sort},
};
use crate::domain::{Batch, Span, Timestamp, Unit};

/// Time between two queries.
const EVERY: Span = Span::from_mins(1);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// Longest answer that is looked at, and most others that are let pass in between.
const MOST_BYTES: usize = 1_500;
const MOST_OTHERS: usize = 20;

/// Asks the first resolver of `/etc/resolv.conf` for the address of one name.
pub(super) struct Dns {
    file: PathBuf,
    /// The name asked for.
    name: String,
    port: u16,
    patience: Duration,
    latency: Channel,
    unanswered: Channel,
    /// Queries without an answer since the last that had one.
    lost: u32,
    every: Span,
}

impl Dns {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "dns", EVERY.max(host.interval));
        Self {
            file: host.root.join("etc/resolv.conf"),
            name: host.dns.clone(),
            port: 53,
            patience: PATIENCE,
            latency: origin.channel("dns.latency_secs", Sort::Gauge(Unit::Secs)),
            unanswered: origin.channel("dns.unanswered", COUNT),
            lost: 0,
            every: origin.cadence,
        }
    }
}

/// The first resolver that `resolv.conf` names; one with a zone (`fe80::1%eth0`) is not asked.
fn resolver(text: &str) -> Option<IpAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()).flatten()
    });
    named.filter_map(|address| address.parse().ok()).next()
}

/// A query for the address of `name` with the number `id` (RFC 1035, 4.1); `None` for what is no name.
fn query(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut bytes = id.to_be_bytes().to_vec();
    // Recursion desired; one question, no answers.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let name = name.trim_end_matches('.');
    for label in name.split('.') {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if label.is_empty() || label.len() > 63 || !plain {
            return None;
        }
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes());
    }
    // The root, an address (A), of the internet.
    bytes.extend([0, 0, 1, 0, 1]);
    (name.len() <= 253).then_some(bytes)
}

/// Whether `answer` is one to `query`: its number, marked as an answer. What it says does not matter: no such name is an answer too.
fn answers(query: &[u8], answer: &[u8]) -> bool {
    answer.len() >= 12 && answer[..2] == query[..2] && answer[2] & 0x80 != 0
}

/// How long the answer took; `None` when none came within `patience`.
#[expect(clippy::disallowed_methods, reason = "what is measured is time that passes")]
fn ask(resolver: SocketAddr, query: &[u8], patience: Duration) -> io::Result<Option<Duration>> {
    let any: IpAddr = match resolver {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    let begin = Instant::now();
    // From here on nobody else is heard.
    match socket.connect(resolver).and_then(|()| socket.send(query)) {
        Ok(_) => {}
        Err(error) if nobody_there(&error) => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut answer = [0; MOST_BYTES];
    for _ in 0..MOST_OTHERS {
        let left = patience.saturating_sub(begin.elapsed());
        if left.is_zero() {
            break;
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut answer) {
            Ok(length) if answers(query, &answer[..length]) => return Ok(Some(begin.elapsed())),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            Err(error) if nobody_there(&error) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether nobody listens there, or no way leads there: nobody will answer, and that is no fault of who asks.
fn nobody_there(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
    )
}

impl Source for Dns {
    fn name(&self) -> &'static str {
        "dns"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let text = plain_file(&self.file, 64 << 10).unwrap_or_default();
        let Some(resolver) = resolver(&String::from_utf8_lossy(&text)) else {
            return Err(ObserveError::Absent {
                what: format!("a resolver in {}", self.file.display()),
            });
        };
        // The number only tells this query's answer from a late one to an earlier.
        let id = (now.0 / 1_000) as u16;
        let query = query(id, &self.name).ok_or_else(|| ObserveError::Malformed {
            what: "sources.dns".into(),
            why: format!("{:?} is no name", self.name),
        })?;
        let answered = ask((resolver, self.port).into(), &query, self.patience).map_err(|why| ObserveError::Io {
            what: format!("resolver {resolver}"),
            source: lacking(why, "AF_INET AF_INET6"),
        })?;
        match answered {
            Some(took) => {
                self.lost = 0;
                self.latency.tell(now, took.as_secs_f64(), out);
            }
            None => self.lost += 1,
        }
        self.unanswered.tell(now, f64::from(self.lost), out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::observe::fixture::{Tree, value};

    #[test]
    fn a_query_is_as_the_standard_has_it() {
        let want = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x02bc\x00\x00\x01\x00\x01";
        assert_eq!(query(0x1234, "a.bc.").unwrap(), want);
        for name in ["", ".", "a..b", &"x".repeat(64), "\u{e9}", &"a.".repeat(140)] {
            assert_eq!(query(1, name), None, "{name}");
        }
        let query = query(7, "localhost").unwrap();
        let mut answer = query.clone();
        assert!(!answers(&query, &answer), "a question is none");
        answer[2] |= 0x80;
        assert!(answers(&query, &answer) && !answers(&query, &answer[..11]));
        answer[0] ^= 1;
        assert!(!answers(&query, &answer), "another number");
    }

    #[test]
    fn the_first_resolver_is_asked() {
        let text = "# nameserver 9.9.9.9\nsearch lan\nnameserver fe80::1%eth0\nnameserver\nnameserver 10.0.0.1 x\nnameserver ::1\n";
        assert_eq!(resolver(text), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(resolver("options edns0\n\u{1b}"), None);
    }

    #[test]
    fn a_resolver_to_which_no_way_leads_does_not_answer() {
        // ENETUNREACH, EHOSTUNREACH and ECONNREFUSED of Linux; EPERM is a fault of this side.
        for (number, nobody) in [(101, true), (113, true), (111, true), (1, false)] {
            assert_eq!(nobody_there(&io::Error::from_raw_os_error(number)), nobody, "{number}");
        }
    }

    #[test]
    fn an_answer_is_timed_and_silence_is_counted() {
        let tree = Tree::new();
        let mut source = Dns::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        tree.write("etc/resolv.conf", "nameserver 127.0.0.1\n");
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        source.port = server.local_addr().unwrap().port();
        // A busy machine may be slow to answer itself.
        source.patience = Duration::from_secs(60);
        server.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let answering = thread::spawn(move || {
            let mut held = [0; 512];
            let (length, from) = server.recv_from(&mut held).unwrap();
            server.send_to(b"noise", from).unwrap();
            held[2] |= 0x80;
            held[3] = 3;
            server.send_to(&held[..length], from).unwrap();
        });
        let batch = tree.read(&mut source, 60).unwrap();
        answering.join().unwrap();
        assert!(value(&batch, "dns.latency_secs").is_some_and(|secs| secs > 0.0));
        assert_eq!(value(&batch, "dns.unanswered"), Some(0.0));
        // The server is gone.
        let batch = tree.read(&mut source, 120).unwrap();
        assert_eq!(value(&batch, "dns.latency_secs"), None);
        assert_eq!(value(&batch, "dns.unanswered"), Some(1.0));
        source.name = "not a name..".into();
        assert!(matches!(
            tree.read(&mut source, 180),
            Err(ObserveError::Malformed { .. })
        ));
    }
}
