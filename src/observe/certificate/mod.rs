//! Certificates in files and of local listeners: whom they name, when they end, and how long that is still away.
#![cfg(target_os = "linux")]

mod listener;
mod x509;

use std::{collections::BTreeMap, fs, path::PathBuf};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use self::{listener::Listeners, x509::Certificate};
use super::{
    Host, ObserveError, Source,
    file::{Mark, failed, mark, plain_file},
    meter::{Channel, Origin, Sort},
    nudge::Nudge,
    scope::Scope,
    witness::Witness,
};
use crate::domain::{Batch, Limit, Side, Span, Timestamp, Unit, Value};

/// Where certificates lie.
const FOLDERS: [&str; 7] = [
    "etc",
    "usr/local/etc",
    "opt/ssl",
    "srv/ssl",
    "var/lib/postgresql",
    "var/lib/pgsql",
    "var/lib/acme",
];
/// Folders of authorities that others run, and of what is not in use.
const LEFT_OUT: [&str; 6] = [
    "etc/ca-certificates",
    "etc/letsencrypt/archive",
    "etc/pki/ca-trust",
    "etc/ssl/certs/java",
    "etc/ssl/certs/ca-certificates.crt",
    "etc/.git",
];
/// Ends of names of certificate files.
const ENDS: [&str; 5] = [".pem", ".crt", ".cer", ".cert", ".der"];
/// Entries of folders that are looked at, how deep, and certificates that are told of.
const MOST_ENTRIES: usize = 30_000;
const DEEPEST: usize = 7;
const MOST: usize = 64;
/// Most bytes of one file.
const MOST_BYTES: u64 = 256 << 10;
/// Time between two readings.
const EVERY: Span = Span::from_mins(10);
/// How often it is asked whether the system told of a change in the folders, and how soon after a reading that is reason for another.
const LOOKS: Span = Span::from_secs(5);
const AGAIN: Span = Span::from_secs(15);
/// A certificate that ends sooner wants renewal; the usual automatic ones renew 30 days before.
const SOON: Span = Span::from_days(14);

struct Known {
    /// The file's state; of a listener what it shows.
    mark: Result<Mark, Vec<u8>>,
    certificate: Option<(Certificate, String)>,
    left: Channel,
}

/// Reads certificate files, the first certificate of each, which is the one that is shown to others; and what listeners show.
pub(super) struct Certificates {
    root: PathBuf,
    origin: Origin,
    scope: Scope,
    known: BTreeMap<String, Known>,
    listeners: Listeners,
    /// What could not be asked at the last reading, and why.
    unasked: Option<(String, String)>,
    nudge: Nudge,
    /// Whether the system told of a change since all was read.
    heard: bool,
    read_at: Timestamp,
    /// How often it is looked whether others listen, and when it was last.
    listens: Span,
    listened_at: Timestamp,
}

impl Certificates {
    pub(super) fn new(host: &Host) -> Self {
        let every = EVERY.max(host.settings_interval);
        Self {
            root: host.root.clone(),
            origin: Origin::new(host, "certificate", every),
            scope: Scope::new(host, "cert"),
            known: BTreeMap::new(),
            listeners: Listeners::new(host),
            unasked: None,
            nudge: Nudge::new(),
            heard: false,
            read_at: Timestamp(0),
            listens: host.settings_interval,
            listened_at: Timestamp(0),
        }
    }

    /// Whether all is to be read at `now`: as often as it is asked for, and soon after a folder changed or somebody else listens.
    fn due(&mut self, now: Timestamp) -> bool {
        self.heard |= self.nudge.heard();
        let since = now - self.read_at;
        if !self.scope.known() || !(Span::ZERO..self.origin.cadence).contains(&since) {
            return true;
        }
        if self.heard && since >= AGAIN {
            return true;
        }
        if (Span::ZERO..self.listens).contains(&(now - self.listened_at)) {
            return false;
        }
        self.listened_at = now;
        self.listeners.are_others()
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    /// What is to be said of the listeners as they were last asked.
    fn verdict(&self) -> Result<(), ObserveError> {
        match self.unasked.clone() {
            Some((what, why)) => Err(ObserveError::Partly { what, why }),
            None => Ok(()),
        }
    }

    /// Certificate files below `folder`, as paths of the host.
    fn walk(&mut self, folder: &str, deep: usize, left: &mut usize, found: &mut Vec<(String, Mark)>) {
        let path = self.root.join(folder);
        self.nudge.add(&path);
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if *left == 0 {
                return;
            }
            *left -= 1;
            let Ok(kind) = entry.file_type() else { continue };
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() {
                if deep < DEEPEST {
                    self.walk(&name, deep + 1, left, found);
                }
                continue;
            }
            // Links in the folder of authorities point to those the distribution brings.
            let theirs = kind.is_symlink() && folder == "etc/ssl/certs";
            if theirs || !ENDS.iter().any(|end| name.ends_with(end)) {
                continue;
            }
            if let Some(meta) = fs::metadata(entry.path()).ok().filter(fs::Metadata::is_file) {
                found.push((format!("/{name}"), mark(&meta)));
            }
        }
    }

    fn certificate(&self, path: &str) -> Option<(Certificate, String)> {
        let bytes = plain_file(&self.root.join(path.trim_start_matches('/')), MOST_BYTES)?;
        parsed(&first(&bytes)?)
    }
}

/// A certificate and its fingerprint as openssl writes it.
fn parsed(der: &[u8]) -> Option<(Certificate, String)> {
    let digest = Sha256::digest(der);
    let print: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    Some((Certificate::parse(der)?, print.join(":")))
}

/// The DER of the first certificate in a file, which is DER itself or has it in PEM (RFC 7468).
fn first(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.first() == Some(&0x30) {
        return Some(bytes.to_vec());
    }
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(body).ok()
}

impl Source for Certificates {
    fn name(&self) -> &'static str {
        "certificate"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    /// To ask whether anything changed costs nothing.
    fn soon(&self) -> Option<Span> {
        Some(self.scope.soon().map_or(LOOKS, |soon| soon.min(LOOKS)))
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let etc = self.root.join("etc");
        fs::metadata(&etc).map_err(|source| failed(&etc, source))?;
        // Whatever this reading comes to, what was found waits no longer than it must.
        self.scope.release(now, out);
        if !self.due(now) {
            return self.verdict();
        }
        (self.heard, self.read_at, self.listened_at) = (false, now, now);
        self.nudge.begin();
        let (mut found, mut left) = (Vec::new(), MOST_ENTRIES);
        for folder in FOLDERS {
            self.walk(folder, 0, &mut left, &mut found);
        }
        found.sort();
        let (shown, asked) = self.listeners.shown(now);
        let files = found.into_iter().map(|(path, mark)| (path, Ok(mark)));
        // What is in use comes before what only lies there.
        let shown = shown
            .into_iter()
            .map(|(address, der)| (format!("tcp/{address}"), Err(der)));
        let found: Vec<(String, Result<Mark, Vec<u8>>)> = shown.chain(files).collect();
        let mut before = std::mem::take(&mut self.known);
        let mut sheet = self.scope.sheet();
        let mut told = 0;
        for (path, mark) in found {
            let known = match before.remove(&path) {
                Some(known) if known.mark == mark => known,
                old => Known {
                    certificate: match &mark {
                        Ok(_) => self.certificate(&path),
                        Err(der) => parsed(der),
                    },
                    mark,
                    left: old.map_or_else(
                        || {
                            let channel = self
                                .origin
                                .channel(&format!("cert.{path}.left_secs"), Sort::Gauge(Unit::Secs));
                            channel.limited(Limit {
                                value: SOON.secs_f64(),
                                side: Side::Below,
                                by: "default".into(),
                            })
                        },
                        |known| known.left,
                    ),
                },
            };
            let known = self.known.entry(path.clone()).or_insert(known);
            let Some((certificate, print)) = known.certificate.as_ref().filter(|_| told < MOST) else {
                continue;
            };
            told += 1;
            sheet.put(&format!("{path}:subject"), Value::text(&certificate.subject));
            sheet.put(&format!("{path}:issuer"), Value::text(&certificate.issuer));
            for (what, at) in [("begins", certificate.begins), ("expires", certificate.expires)] {
                sheet.put(&format!("{path}:{what}"), Value::text(&at.to_string()));
            }
            sheet.put(&format!("{path}:sha256"), Value::text(print));
            sheet.put(&format!("{path}:authority"), Value::Bool(certificate.authority));
            if !certificate.names.is_empty() {
                let names = certificate.names.iter().map(|name| (name.clone(), Value::Bool(true)));
                sheet.put_list(&format!("{path}:names"), names);
            }
            let away = (certificate.expires - now).secs_f64();
            known.left.tell(now, away, out);
        }
        self.scope.tell(now, sheet, out);
        self.unasked = match asked {
            Err(ObserveError::Partly { what, why }) => Some((what, why)),
            _ => None,
        };
        self.verdict()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting, value};

    const PEM: &str = "-----BEGIN CERTIFICATE-----
MIIB4jCCAYigAwIBAgIUStnsnJep6+xBuKjC0vFLmZvWQqowCgYIKoZIzj0EAwIw
LzELMAkGA1UEBhMCREUxEDAOBgNVBAoMB0V4YW1wbGUxDjAMBgNVBAMMBXdlYi0x
MB4XDTI2MTEyMTE0NDgwNFoXDTM2MTExODE0NDgwNFowLzELMAkGA1UEBhMCREUx
EDAOBgNVBAoMB0V4YW1wbGUxDjAMBgNVBAMMBXdlYi0xMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAE+n8hhB54qRFqiBOf3lGwts57BW4MF/f5At/+zRro8+9TDOUI
ZQfqtsRZqlO4J9oZxbnUxXbGGscaAbayOCvWj6OBgTB/MB0GA1UdDgQWBBR9dc2d
NYgRIk0hf+ok4iuD2P888TAfBgNVHSMEGDAWgBR9dc2dNYgRIk0hf+ok4iuD2P88
8TAPBgNVHRMBAf8EBTADAQH/MCwGA1UdEQQlMCOCCWEuZXhhbXBsZYcECgAAAYcQ
/QAAAAAAAAAAAAAAAAAAATAKBggqhkjOPQQDAgNIADBFAiEA59siZFSRjqF8UW6/
wNKQXgDbJgOA0qaknX3WCsGot5ICIDQmcts7dIcrAPvcAaQb3ON0ebnn68AgOdPe
HrLzGpBZ
-----END CERTIFICATE-----
";

    /// The certificate of these tests as it is signed.
    pub(in crate::observe) fn der() -> Vec<u8> {
        first(PEM.as_bytes()).unwrap()
    }

    #[test]
    fn whom_it_names_and_how_long_it_lasts() {
        let tree = Tree::new();
        tree.write("etc/nginx/site.crt", format!("words before\n{PEM}{PEM}"));
        tree.write("etc/app/site.der", der());
        tree.write(
            "etc/app/broken.pem",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        );
        tree.write("etc/app/key.pem", "-----BEGIN PRIVATE KEY-----\nabc\n");
        tree.write("etc/ssl/certs/ca-certificates.crt", PEM);
        std::os::unix::fs::symlink("/dev/zero", tree.path("etc/app/zero.pem")).unwrap();
        let mut source = Certificates::new(&tree.host());
        let at: Timestamp = "2036-11-08T14:48:04Z".parse().unwrap();
        let batch = tree.read(&mut source, at.secs()).unwrap();
        let shown = |name: &str| {
            setting(&batch, &format!("cert.{name}"))
                .map(|value| value.to_string())
                .unwrap_or_default()
        };
        assert_eq!(shown("/etc/nginx/site.crt:subject"), "C=DE,O=Example,CN=web-1");
        assert_eq!(shown("/etc/nginx/site.crt:expires"), "2036-11-18T14:48:04Z");
        assert_eq!(shown("/etc/nginx/site.crt:names"), "10.0.0.1 a.example fd00::1");
        assert_eq!(shown("/etc/app/site.der:authority"), "true");
        assert!(shown("/etc/app/site.der:sha256").starts_with("F6:B7:2A:BD:45:65:5C:F4:"));
        assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 14);
        assert_eq!(value(&batch, "cert./etc/nginx/site.crt.left_secs"), Some(864_000.0));
        let limit = batch.metrics[0].limit.as_ref().unwrap();
        assert!(limit.broken_by(864_000.0) && !limit.broken_by(20.0 * 86_400.0));
        // One that comes is told of soon, and nothing is read in between.
        tree.write("etc/ssl/new.crt", PEM);
        assert!(tree.read(&mut source, at.secs() + 5).unwrap().is_empty());
        let soon = tree.read(&mut source, at.secs() + 15).unwrap();
        let came = soon
            .changes
            .iter()
            .any(|change| &*change.id.name == "cert./etc/ssl/new.crt:subject")
            || setting(&soon, "cert./etc/ssl/new.crt:subject").is_some();
        assert!(came || !source.nudge.hears());
        assert!(tree.read(&mut source, at.secs() + 35).unwrap().is_empty());
        fs::remove_file(tree.path("etc/ssl/new.crt")).unwrap();
        tree.read(&mut source, at.secs() + 400).unwrap();
        assert!(
            tree.read(&mut source, at.secs() + 1_000).unwrap().snapshots[0]
                .settings
                .is_none()
        );
    }
}
