//! Certificates that listeners of this host show: the first message of a handshake, with those that speak TLS by convention.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    domain::{Span, Timestamp},
    observe::{
        Host, ObserveError,
        child::lacking,
        socket::{LISTEN, Socket, sockets_in},
    },
};

/// Ports on which a connection begins with TLS (IANA's registry of services, and Docker, etcd, Kubernetes and the usual second ports).
const PORTS: [u16; 21] = [
    443, 465, 563, 636, 853, 989, 990, 993, 995, 2376, 2379, 2380, 3269, 5061, 5671, 6443, 6514, 8443, 8883, 9443,
    10_250,
];
/// Most listeners that are asked.
const MOST: usize = 32;
/// How long one has for its certificate.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long all have that are asked in one reading.
const ALL: Duration = Duration::from_secs(5);
/// Time between two questions to the same address, whoever listens there.
const SOON: Span = Span::from_mins(1);
/// Time between two questions to the same socket: a program may take up a new certificate without a new socket.
const AGAIN: Span = Span::from_hours(1);

/// A listener: which socket it is, and when it was last asked.
struct Asked {
    /// The one that answered, and the one that was asked last.
    inode: u64,
    socket: u64,
    at: Timestamp,
    /// What it showed last, in DER.
    shown: Option<Vec<u8>>,
}

/// The address of a listener and its certificate, in DER.
type Shown = (SocketAddr, Vec<u8>);

/// Asks the listeners of this host for their certificates.
pub(super) struct Listeners {
    net: PathBuf,
    /// Ports that are asked.
    pub(super) ports: Vec<u16>,
    /// How long one has, and how long all have.
    patience: (Duration, Duration),
    asked: BTreeMap<SocketAddr, Asked>,
    seen: Arc<Seen>,
    config: Option<Arc<ClientConfig>>,
}

impl Listeners {
    pub(super) fn new(host: &Host) -> Self {
        let provider = Arc::new(ring::default_provider());
        let seen = Arc::new(Seen {
            provider: provider.clone(),
            leaf: Mutex::new(None),
        });
        // Both versions are compiled in: then it cannot fail.
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()
            .map(|builder| {
                let any = builder.dangerous().with_custom_certificate_verifier(seen.clone());
                Arc::new(any.with_no_client_auth())
            });
        Self {
            net: host.root.join("proc/net"),
            ports: PORTS.to_vec(),
            patience: (PATIENCE, ALL),
            asked: BTreeMap::new(),
            seen,
            config,
        }
    }

    /// Whether others listen than when they were last asked.
    pub(super) fn are_others(&self) -> bool {
        let now = self.listening();
        let same =
            |(address, inode): (&SocketAddr, &u64)| self.asked.get(address).is_some_and(|known| known.socket == *inode);
        now.len() != self.asked.len() || !now.iter().all(same)
    }

    /// The addresses that are listened on, and the certificate each shows, in DER. Only those that are new, or were not asked for an
    /// hour, are asked.
    ///
    /// # Errors
    /// [`ObserveError::Partly`] when this program may open no connection at all; what was seen before is still told.
    pub(super) fn shown(&mut self, now: Timestamp) -> (Vec<Shown>, Result<(), ObserveError>) {
        let mut before = std::mem::take(&mut self.asked);
        #[expect(clippy::disallowed_methods, reason = "what is waited for is other programs")]
        let begin = Instant::now();
        let mut forbidden = Ok(());
        for (address, inode) in self.listening() {
            let mut known = before.remove(&address).unwrap_or(Asked {
                inode,
                socket: inode,
                at: Timestamp(i64::MIN),
                shown: None,
            });
            let due = known.at == Timestamp(i64::MIN) || now - known.at >= AGAIN || now < known.at;
            let anew = known.inode != inode && now - known.at >= SOON;
            // Who does not answer holds up the others once: the rest is asked at the next reading.
            if (due || anew) && begin.elapsed() < self.patience.1 {
                known.socket = inode;
                match self.ask(address) {
                    Ok(shown) => {
                        known.shown = shown.or(known.shown);
                        (known.inode, known.at) = (inode, now);
                    }
                    Err(why) => {
                        forbidden = Err(ObserveError::Partly {
                            what: "certificates of listeners".into(),
                            why: lacking(why, "AF_INET AF_INET6").to_string(),
                        });
                    }
                }
            }
            self.asked.insert(address, known);
        }
        let shown = self
            .asked
            .iter()
            .filter_map(|(address, known)| Some((*address, known.shown.clone()?)));
        (shown.collect(), forbidden)
    }

    /// Addresses and inodes of listening sockets on the ports that are asked. One that listens on all addresses of both families counts once.
    fn listening(&self) -> BTreeMap<SocketAddr, u64> {
        let mut found: BTreeMap<SocketAddr, u64> = BTreeMap::new();
        for name in ["tcp", "tcp6"] {
            for Socket { local, inode, .. } in sockets_in(&self.net.join(name), LISTEN).unwrap_or_default() {
                let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, local.port()));
                let twice = local.ip().is_unspecified() && local.is_ipv6() && found.contains_key(&everywhere);
                if self.ports.contains(&local.port()) && !twice && found.len() < MOST {
                    // Several sockets may share a port (SO_REUSEPORT); always the same is taken.
                    let own = found.entry(local).or_insert(inode);
                    *own = inode.min(*own);
                }
            }
        }
        found
    }

    /// The certificate that the listener at `address` shows; `None` when it does not speak TLS, or not in time.
    ///
    /// # Errors
    /// The system's, when this program may not speak to such addresses.
    fn ask(&self, address: SocketAddr) -> io::Result<Option<Vec<u8>>> {
        let near: SocketAddr = match address.ip() {
            IpAddr::V4(any) if any.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
            IpAddr::V6(any) if any.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
            _ => address,
        };
        *self.seen.leaf() = None;
        match self.shake_hands(near) {
            Err(why) if why.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) => Err(why),
            // Whatever follows the certificate, as that it wants one of ours, does not matter.
            _ => Ok(self.seen.leaf().take()),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "what is waited for is another program")]
    fn shake_hands(&self, address: SocketAddr) -> io::Result<()> {
        let Some(config) = &self.config else { return Ok(()) };
        let begin = Instant::now();
        let mut stream = TcpStream::connect_timeout(&address, self.patience.0)?;
        let mut connection =
            ClientConnection::new(config.clone(), ServerName::from(address.ip())).map_err(io::Error::other)?;
        loop {
            let left = self.patience.0.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            stream.set_write_timeout(Some(left))?;
            stream.set_read_timeout(Some(left))?;
            if connection.wants_write() {
                connection.write_tls(&mut stream)?;
            } else if !connection.is_handshaking() {
                break;
            } else {
                if connection.read_tls(&mut stream)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                if let Err(why) = connection.process_new_packets() {
                    // What is said to the other side of it.
                    let _ = connection.write_tls(&mut stream);
                    return Err(io::Error::other(why));
                }
            }
        }
        // A farewell, so that the other side has no broken connection to tell of.
        connection.send_close_notify();
        connection.write_tls(&mut stream).map(|_| ())
    }
}

/// Takes any certificate, since nothing is said or believed over these connections, and keeps the first.
#[derive(Debug)]
struct Seen {
    provider: Arc<CryptoProvider>,
    leaf: Mutex<Option<Vec<u8>>>,
}

impl Seen {
    fn leaf(&self) -> std::sync::MutexGuard<'_, Option<Vec<u8>>> {
        self.leaf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.leaf() = Some(leaf.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, net::TcpListener, thread};

    use base64::Engine as _;
    use rustls::{ServerConfig, ServerConnection, pki_types::PrivatePkcs8KeyDer};

    use super::*;
    use crate::observe::{
        certificate::Certificates,
        fixture::{Tree, setting, value},
    };

    // Made for this test; nothing else holds them.
    const CERTIFICATE: &str = "MIIBdjCCARugAwIBAgIUYRG/QXKYKx694ofuDq5WmrIcZqgwCgYIKoZIzj0EAwIwEDEOMAwGA1UEAwwFdGxzLTEwHhcNMjYxMTIyMDQw\
        OTQzWhcNMzYxMTE5MDQwOTQzWjAQMQ4wDAYDVQQDDAV0bHMtMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD6b8ByZX8tLbnQcZ1V/9aQ2BKOgv6h0qR7/\
        b0Xz6R/2JYmbMAYh9EFpiq1rE3DU40p5DGgaWPek9Xmf7jHGKJWjUzBRMB0GA1UdDgQWBBTBi9PVRX+BVP70KciYSe7X5ZTOKDAfBgNVHSMEGDAWgBTBi9PV\
        RX+BVP70KciYSe7X5ZTOKDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQD/H2110lbahjM+jZEAlA9N7Lb/ETeHyap8s1unzQsokwIhAOcH\
        tFcjYhmWuAO1KIuPX/BkhdOP/Tdjzjp0/pFDSw/m";
    const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg08qJ82Dq/mTsoycCVfr4lYjetmLk2hq1rjKxy2EtGhahRANCAAQ+m/AcmV/LS250HGdV\
        f/WkNgSjoL+odKke/29F8+kf9iWJmzAGIfRBaYqtaxNw1ONKeQxoGlj3pPV5n+4xxiiV";

    fn decoded(text: &str) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    }

    /// A line of `/proc/net/tcp`.
    fn line(address: Ipv4Addr, port: u16, inode: u64) -> String {
        let host = u32::from_ne_bytes(address.octets());
        format!(
            "   0: {host:08X}:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 x\n"
        )
    }

    const HEAD: &str = "  sl  local_address rem_address   st\n";

    #[test]
    fn a_listener_shows_its_certificate_and_silent_ones_none() {
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(decoded(CERTIFICATE))],
                PrivatePkcs8KeyDer::from(decoded(KEY)).into(),
            )
            .unwrap();
        let (tls, plain) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let (tls_port, plain_port) = (port(&tls), port(&plain));
        let serving = thread::spawn(move || {
            let (mut stream, _) = tls.accept().unwrap();
            let mut connection = ServerConnection::new(Arc::new(server)).unwrap();
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
            // The farewell.
            let _ = connection.complete_io(&mut stream);
        });
        let speaking = thread::spawn(move || {
            let _ = plain.accept().unwrap().0.write_all(b"220 mail ESMTP\r\n");
        });
        let tree = Tree::new();
        tree.write("etc/x", "");
        let both = line(Ipv4Addr::UNSPECIFIED, tls_port, 5) + &line(Ipv4Addr::LOCALHOST, plain_port, 6);
        tree.write("proc/net/tcp", format!("{HEAD}{both}"));
        let mut source = Certificates::new(&tree.host());
        source.listeners.ports = vec![tls_port, plain_port];
        // A busy machine may be slow to answer itself.
        source.listeners.patience = (Duration::from_secs(60), Duration::from_secs(120));
        let at: Timestamp = "2036-11-10T04:09:43Z".parse().unwrap();
        let first = tree.read(&mut source, at.secs()).unwrap();
        // One that was never asked waits no longer.
        for port in [tls_port, plain_port] {
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
        }
        serving.join().unwrap();
        speaking.join().unwrap();
        let name = format!("cert.tcp/0.0.0.0:{tls_port}");
        assert_eq!(value(&first, &format!("{name}.left_secs")), Some(9.0 * 86_400.0));
        assert!(first.metrics[0].limit.as_ref().unwrap().broken_by(9.0 * 86_400.0));
        assert_eq!(
            setting(&first, &format!("{name}:subject")).unwrap().to_string(),
            "CN=tls-1"
        );
        assert_eq!(first.observations.len(), 1, "the other speaks no TLS");
        // Nobody listens there any more: within the hour it is not asked, later it keeps what it showed until its socket goes.
        for secs in [600, 3_600] {
            let later = tree.read(&mut source, at.secs() + secs).unwrap();
            assert_eq!(
                value(&later, &format!("{name}.left_secs")),
                Some((9 * 86_400 - secs) as f64)
            );
        }
        tree.write("proc/net/tcp", HEAD);
        let gone = tree.read(&mut source, at.secs() + 7_200).unwrap();
        assert!(gone.observations.is_empty());
        assert_eq!(setting(&gone, &format!("{name}:subject")), None);
    }

    #[test]
    fn ports_that_speak_tls_by_convention() {
        let tree = Tree::new();
        let all = line(Ipv4Addr::UNSPECIFIED, 443, 1)
            + &line(Ipv4Addr::LOCALHOST, 8443, 3)
            + &line(Ipv4Addr::LOCALHOST, 8443, 2)
            + &line(Ipv4Addr::UNSPECIFIED, 80, 4);
        tree.write("proc/net/tcp", format!("{HEAD}{all}nonsense\n"));
        let six = format!("   0: {:032X}:01BB {:032X}:0000 0A 0:0 00:0 0 0 0 9 1 x\n", 0, 0);
        tree.write("proc/net/tcp6", format!("{HEAD}{six}"));
        let found: Vec<_> = Listeners::new(&tree.host()).listening().into_iter().collect();
        let want =
            [("0.0.0.0:443", 1), ("127.0.0.1:8443", 2)].map(|(address, inode)| (address.parse().unwrap(), inode));
        assert_eq!(found, want);
    }

    #[test]
    fn who_comes_to_listen_is_noticed() {
        let tree = Tree::new();
        tree.write("proc/net/tcp", HEAD);
        let mut listeners = Listeners::new(&tree.host());
        // Nobody is asked here.
        listeners.config = None;
        drop(listeners.shown(Timestamp(0)));
        assert!(!listeners.are_others());
        for inode in [1, 2] {
            tree.write(
                "proc/net/tcp",
                HEAD.to_owned() + &line(Ipv4Addr::LOCALHOST, 8443, inode),
            );
            assert!(listeners.are_others());
            drop(listeners.shown(Timestamp::from_secs(60 * inode as i64)));
            assert!(!listeners.are_others());
        }
    }
}
