//! The files in `/etc`: their names and values, or a hash of their content, and who may change them.

mod format;

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    Host, ObserveError, Source,
    file::{Mark, failed, mark},
    scope::Scope,
    secret::{holds_secret, redact},
};
use crate::domain::{Batch, SecretHash, Span, Timestamp, Value};

/// Larger files are not read.
const MOST_BYTES: u64 = 256 << 10;
/// Most files that are told of, and how deep they may lie.
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 10;

/// Folders and files that other sources tell, that change by themselves, or that hold no settings.
const LEFT_OUT: [&str; 18] = [
    ".git",
    ".pwd.lock",
    "adjtime",
    "ca-certificates",
    "fonts",
    "hosts",
    "ld.so.cache",
    "localtime",
    "mailcap",
    "mtab",
    "os-release",
    "resolv.conf",
    "security/limits.conf",
    "security/limits.d",
    "ssl/certs",
    "udev/hwdb.bin",
    "vim",
    "X11",
];
/// Ends of names of files that editors and package tools leave behind.
const LEFTOVERS: [&str; 12] = [
    "~",
    "-",
    ".bak",
    ".old",
    ".orig",
    ".rej",
    ".swp",
    ".lock",
    ".dpkg-old",
    ".dpkg-dist",
    ".dpkg-new",
    ".ucf-dist",
];

/// One file as it was when last read.
struct Known {
    mark: Mark,
    /// What stands behind its path in the name, and the value.
    settings: Vec<(String, Value)>,
}

/// Reads the files of `/etc` that changed since it last did.
pub(super) struct Etc {
    root: PathBuf,
    key: [u8; 32],
    every: Span,
    scope: Scope,
    known: BTreeMap<String, Known>,
}

impl Etc {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.join("etc"),
            key: host.secret_key,
            every: host.settings_interval,
            scope: Scope::new(host, "etc"),
            known: BTreeMap::new(),
        }
    }

    /// Paths below the root (lossy where not UTF-8) with the state of every file and link.
    fn walk(
        &self,
        folder: &Path,
        name: &str,
        deep: usize,
        found: &mut Vec<(String, PathBuf, Metadata)>,
    ) -> Result<(), ObserveError> {
        for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))?.flatten() {
            let path = format!("{name}{}", entry.file_name().to_string_lossy());
            let Ok(meta) = entry.metadata() else { continue };
            if LEFT_OUT.contains(&path.as_str()) || found.len() >= MOST_FILES {
                continue;
            }
            if meta.is_dir() {
                if deep < DEEPEST {
                    // A folder that may not be read is left out.
                    let _ = self.walk(&entry.path(), &format!("{path}/"), deep + 1, found);
                }
            } else if (meta.is_file() || meta.is_symlink()) && !LEFTOVERS.iter().any(|end| path.ends_with(end)) {
                found.push((path, entry.path(), meta));
            }
        }
        Ok(())
    }

    /// The settings of one file.
    fn settings(&self, name: &str, path: &Path, meta: &Metadata) -> Vec<(String, Value)> {
        if meta.is_symlink() {
            let target = fs::read_link(path).unwrap_or_default();
            return vec![(String::new(), Value::text(&format!("-> {}", target.to_string_lossy())))];
        }
        let access = [
            ("mode", format!("{:04o}", meta.mode() & 0o7777)),
            ("owner", format!("{}:{}", meta.uid(), meta.gid())),
        ];
        let access = access.map(|(what, text)| (what.into(), Value::text(&text)));
        let mut settings = vec![(String::new(), Value::List(access.into()))];
        if let Some(bytes) = content(path, meta) {
            self.put_content(name, &bytes, meta.mode() & 0o004 != 0, &mut settings);
        }
        settings
    }

    fn put_content(&self, name: &str, bytes: &[u8], anyone_reads: bool, into: &mut Vec<(String, Value)>) {
        let secret = || (":content".to_owned(), Value::Secret(SecretHash::of(&self.key, bytes)));
        let text = std::str::from_utf8(bytes);
        if is_private(name) || text.is_ok_and(|text| text.contains("PRIVATE KEY-----")) {
            return into.push(secret());
        }
        if let Some(pairs) = text.ok().and_then(|text| format::pairs(name, text)) {
            for (key, value) in pairs {
                let value = redact(&key, &value, &self.key);
                into.push((format!(":{key}"), value));
            }
            return;
        }
        // A plain hash of a short secret could be guessed, so files not for all eyes get the keyed one.
        if !anyone_reads {
            return into.push(secret());
        }
        match text.map(str::trim) {
            Ok(line) if !is_public(name, line) && !line.is_empty() && line.len() <= 200 && !line.contains('\n') => {
                into.push((":line".to_owned(), redact(name, line, &self.key)));
            }
            Ok(text) if !is_public(name, text) && holds_secret(text) => into.push(secret()),
            _ => {
                let hash = blake3::hash(bytes).to_hex();
                into.push((":content".to_owned(), Value::text(&format!("blake3 {}", &hash[..16]))));
            }
        }
    }
}

/// The content of a file that is small, readable and text (has no zero byte).
fn content(path: &Path, meta: &Metadata) -> Option<Vec<u8>> {
    if meta.size() > MOST_BYTES {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    (!bytes.contains(&0)).then_some(bytes)
}

/// Keys and certificates made to be shown: as random as secrets, and none.
fn is_public(name: &str, text: &str) -> bool {
    [".pub", ".asc", ".crt", ".cer"].iter().any(|end| name.ends_with(end))
        || text.contains("-----BEGIN CERTIFICATE-----")
        || text.contains("-----BEGIN PUBLIC KEY-----")
}

/// Files that are a secret as a whole.
fn is_private(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    let ends = [
        ".key",
        ".p12",
        ".pfx",
        ".jks",
        ".keystore",
        ".kdbx",
        ".keytab",
        ".secret",
        ".secrets",
        "-secrets",
        ".ovpn",
    ];
    let folders = [
        "/private/",
        "wireguard/",
        "system-connections/",
        "apt/auth.conf",
        "letsencrypt/archive/",
    ];
    matches!(
        base,
        "shadow" | "gshadow" | "opasswd" | ".netrc" | "netrc" | ".pgpass" | ".my.cnf" | "debian.cnf" | "machine-id"
    ) || ends.iter().any(|end| base.ends_with(end))
        || (base.starts_with("ssh_host_") && base.ends_with("_key"))
        || base.starts_with("wpa_supplicant")
        || folders.iter().any(|folder| name.contains(folder))
}

impl Source for Etc {
    fn name(&self) -> &'static str {
        "etc"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let mut found = Vec::new();
        self.walk(&self.root, "", 0, &mut found)?;
        let mut before = std::mem::take(&mut self.known);
        let mut changed = !self.scope.known();
        for (name, path, meta) in found {
            let mark = mark(&meta);
            let known = match before.remove(&name) {
                Some(known) if known.mark == mark => known,
                _ => {
                    changed = true;
                    Known {
                        mark,
                        settings: self.settings(&name, &path, &meta),
                    }
                }
            };
            self.known.insert(name, known);
        }
        if !changed && before.is_empty() {
            self.scope.confirm(now, out);
            return Ok(());
        }
        let mut sheet = self.scope.sheet();
        for (name, known) in &self.known {
            for (rest, value) in &known.settings {
                sheet.put(&format!("{name}{rest}"), value.clone());
            }
        }
        self.scope.tell(now, sheet, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::observe::fixture::{Tree, setting};

    const SECRETS: [&str; 8] = [
        "hunter2",
        "s3cr3t",
        "MIIEvQ",
        "$6$salt$hash",
        "tok-1",
        "wgkey",
        "onlyroot",
        "plainline",
    ];

    fn tree() -> Tree {
        let tree = Tree::new();
        tree.write(
            "etc/ssh/sshd_config",
            "Port 22\nPermitRootLogin no\nPasswordAuthentication yes\n",
        );
        tree.write(
            "etc/mysql/my.cnf",
            "[client]\nuser = root\npassword = hunter2\nport = 3306\n",
        );
        tree.write("etc/app.env", "DATABASE_URL=postgres://app:s3cr3t@db/x\nDEBUG=1\n");
        tree.write(
            "etc/ssl/private/a.pem",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n",
        );
        tree.write("etc/shadow", "root:$6$salt$hash:1:0:::::\n");
        tree.write("etc/app/api-token", "tok-1\n");
        tree.write("etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = wgkey\n");
        tree.write("etc/script.sh", "#!/bin/sh\ncurl --token plainline x\necho\n");
        tree.write("etc/root-only", "line one\nonlyroot\n");
        fs::set_permissions(tree.path("etc/root-only"), fs::Permissions::from_mode(0o600)).unwrap();
        tree.write("etc/hostname", "web-1\n");
        tree.write(
            "etc/ssh/ssh_host_x_key.pub",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJk3Q9 root@x\n",
        );
        tree.write("etc/latin1.conf", b"name = caf\xe9\n");
        tree.write("etc/bin.db", b"a\0b");
        tree.write("etc/big.conf", "a = b\n".repeat(60_000));
        tree.write("etc/passwd-", "left = over\n");
        tree.write("etc/od\u{1b}d.conf", "a = b\n");
        symlink("/usr/bin/vim", tree.path("etc/editor")).unwrap();
        tree
    }

    #[test]
    fn files_become_settings_and_no_secret_is_seen() {
        let tree = tree();
        let batch = tree.read(&mut Etc::new(&tree.host()), 0).unwrap();
        let shown = |name: &str| setting(&batch, name).map(|value| value.to_string()).unwrap_or_default();
        assert_eq!(shown("etc.ssh/sshd_config:PermitRootLogin"), "false");
        assert_eq!(shown("etc.ssh/sshd_config:PasswordAuthentication"), "true");
        assert_eq!(shown("etc.mysql/my.cnf:client.port"), "3306");
        assert_eq!(shown("etc.app.env:DEBUG"), "1");
        assert_eq!(shown("etc.hostname:line"), "web-1");
        assert_eq!(shown("etc.editor"), "-> /usr/bin/vim");
        assert!(shown("etc.root-only").starts_with("mode=0600 owner="));
        assert!(shown("etc.latin1.conf:content").starts_with("blake3 "));
        assert!(shown("etc.ssh/ssh_host_x_key.pub:content").starts_with("blake3 "));
        assert_eq!(shown("etc.bin.db:content") + &shown("etc.big.conf:content"), "");
        assert_eq!(shown("etc.passwd-:left"), "");
        assert_eq!(shown("etc.od\\u{1b}d.conf:a"), "b");
        for name in [
            "mysql/my.cnf:client.password",
            "app.env:DATABASE_URL",
            "ssl/private/a.pem:content",
            "shadow:content",
            "app/api-token:line",
            "wireguard/wg0.conf:content",
            "root-only:content",
            "script.sh:content",
        ] {
            assert!(shown(&format!("etc.{name}")).starts_with("secret#"), "{name}");
        }
        let told = serde_json::to_string(&batch).unwrap();
        for secret in SECRETS {
            assert!(!told.contains(secret), "{secret}");
        }
    }

    #[test]
    fn only_what_changed_is_read_again() {
        let tree = tree();
        let mut source = Etc::new(&tree.host());
        tree.read(&mut source, 0).unwrap();
        assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
        tree.write("etc/ssh/sshd_config", "Port 2222\n");
        let batch = tree.read(&mut source, 120).unwrap();
        assert_eq!(setting(&batch, "etc.ssh/sshd_config:Port"), Some(Value::Int(2222)));
        assert_eq!(setting(&batch, "etc.ssh/sshd_config:PermitRootLogin"), None);
        fs::remove_file(tree.path("etc/hostname")).unwrap();
        let batch = tree.read(&mut source, 180).unwrap();
        assert_eq!(setting(&batch, "etc.hostname:line"), None);
        assert!(batch.snapshots[0].settings.is_some());
    }
}
