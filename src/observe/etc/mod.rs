//! The files in `/etc` and those the user named: their names and values, or a hash of their content, and who may change them.

mod format;
pub(super) mod read;

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    path::{Path, PathBuf},
    sync::Arc,
};

use self::read::{Settings, settings};
use super::{
    Host, ObserveError, Source,
    file::{Mark, failed, mark, plain_file},
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp};

/// Most files that are told of, how deep they may lie, and how many entries of folders are looked at for them.
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 10;
const MOST_ENTRIES: usize = 60_000;

/// Files and folders whose content another source tells; how they may be changed is told here.
const ELSEWHERE: [&str; 7] = [
    "crontab",
    "group",
    "passwd",
    "shadow",
    "sudoers",
    "cron.d/",
    "sudoers.d/",
];
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

/// When a change happened: after the first time, where it is not known any better, and no later than the second.
type When = (Option<Timestamp>, Timestamp);

/// One file as it was when last read.
struct Known {
    mark: Mark,
    settings: Settings,
}

/// Reads the files of `/etc`, or of the paths the user named, that changed since it last did.
pub(super) struct Etc {
    root: PathBuf,
    name: &'static str,
    /// Files and folders below the root that are read, and what their names begin with.
    tops: Vec<(PathBuf, String)>,
    key: [u8; 32],
    every: Span,
    scope: Scope,
    known: BTreeMap<String, Known>,
    witness: Witness,
    read_at: Timestamp,
    /// Entries that may still be looked at in this reading.
    left: usize,
}

impl Etc {
    /// The files of `/etc` of `host`; `witness` knows who changed them.
    pub(super) fn new(host: &Host, witness: &Witness) -> Self {
        Self::of(host, witness, "etc", vec![(host.root.join("etc"), String::new())])
    }

    /// The files and folders the user named.
    pub(super) fn named(host: &Host, witness: &Witness) -> Self {
        let top = |path: &PathBuf| {
            let name = path.to_string_lossy().trim_end_matches('/').to_owned();
            (host.root.join(name.trim_start_matches('/')), name)
        };
        Self::of(host, witness, "file", host.paths.iter().map(top).collect())
    }

    fn of(host: &Host, witness: &Witness, name: &'static str, tops: Vec<(PathBuf, String)>) -> Self {
        Self {
            root: host.root.clone(),
            name,
            tops,
            witness: witness.clone(),
            read_at: Timestamp(0),
            left: 0,
            key: host.secret_key,
            every: host.settings_interval,
            scope: Scope::new(host, name),
            known: BTreeMap::new(),
        }
    }

    /// Paths below the folder (lossy where not UTF-8) with the state of every file and link.
    fn walk(
        &mut self,
        folder: &Path,
        name: &str,
        deep: usize,
        found: &mut Vec<(String, PathBuf, Metadata)>,
    ) -> Result<(), ObserveError> {
        for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))?.flatten() {
            if self.left == 0 || found.len() >= MOST_FILES {
                break;
            }
            self.left -= 1;
            let path = format!("{name}{}", entry.file_name().to_string_lossy());
            if LEFT_OUT.contains(&path.as_str()) {
                continue;
            }
            let Ok(meta) = entry.metadata() else { continue };
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

    /// What `known` says of the file `name`, as settings.
    fn put(sheet: &mut Sheet, name: &str, known: &Known) {
        for (rest, value) in &known.settings {
            sheet.put(&format!("{name}{rest}"), value.clone());
        }
    }

    /// Who changed the file `name` and when, as far as the logs and the file itself say.
    fn author(&self, name: &str, known: Option<&Known>, now: Timestamp) -> (When, Option<Arc<str>>) {
        // The status change cannot be set by hand, so it is the time of the last change, whatever that was.
        let (_, _, _, changed) = known.map_or((0, 0, 0, 0), |known| known.mark);
        let at = i64::try_from(changed / 1_000).map_or(now, Timestamp);
        let (after, at) = if self.read_at < at && at <= now {
            (None, at)
        } else {
            (Some(self.read_at), now)
        };
        let path = if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("/etc/{name}")
        };
        let owns = |package: &str| {
            let lists = self.root.join("var/lib/dpkg/info");
            // Where a package exists for several architectures, the file bears one.
            let one = |name: String| plain_file(&lists.join(name), 8 << 20);
            let list = one(format!("{package}.list")).or_else(|| one(format!("{package}:amd64.list")));
            list.is_some_and(|list| list.split(|b| *b == b'\n').any(|line| line == path.as_bytes()))
        };
        ((after, at), self.witness.who_changed(&path, at, owns))
    }
}

impl Source for Etc {
    fn name(&self) -> &'static str {
        self.name
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let mut found = Vec::new();
        self.left = MOST_ENTRIES;
        let mut missing = None;
        for (top, name) in self.tops.clone() {
            match fs::metadata(&top) {
                Ok(meta) if meta.is_dir() => {
                    let prefix = if name.is_empty() { name } else { format!("{name}/") };
                    self.walk(&top, &prefix, 0, &mut found)?;
                }
                Ok(meta) => found.push((name, top, meta)),
                Err(source) => missing = Some(failed(&top, source)),
            }
        }
        // Of several paths one may come and go, which is a change.
        if let Some(why) = missing.filter(|_| found.is_empty()) {
            return Err(why);
        }
        let cut = self.left == 0 || found.len() >= MOST_FILES;
        let mut before = std::mem::take(&mut self.known);
        let first = !self.scope.known();
        let mut changed = Vec::new();
        for (name, path, meta) in found {
            let mark = mark(&meta);
            let known = match before.remove(&name) {
                Some(known) if known.mark == mark => known,
                old => {
                    let elsewhere = ELSEWHERE
                        .iter()
                        .any(|other| name == *other || (other.ends_with('/') && name.starts_with(other)));
                    changed.push((name.clone(), old));
                    Known {
                        mark,
                        settings: settings(&name, &path, &meta, &self.key, elsewhere),
                    }
                }
            };
            self.known.insert(name, known);
        }
        if first {
            let mut sheet = self.scope.sheet();
            for (name, known) in &self.known {
                Self::put(&mut sheet, name, known);
            }
            self.scope.tell(now, sheet, out);
        } else {
            // What is left over is gone.
            changed.extend(before.into_iter().map(|(name, old)| (name, Some(old))));
            for (name, old) in changed {
                let new = self.known.get(&name);
                let (when, by) = self.author(&name, new, now);
                let [was, is] = [old.as_ref(), new].map(|known| {
                    let mut sheet = self.scope.sheet();
                    known.iter().for_each(|known| Self::put(&mut sheet, &name, known));
                    sheet
                });
                self.scope.change(when, was, is, by, out);
            }
            self.scope.confirm(now, out);
        }
        self.read_at = now;
        if cut {
            return Err(ObserveError::Partly {
                what: self.name.to_owned(),
                why: format!("too many files, only the first {} are watched", self.known.len()),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::{
        domain::{SettingChange, Value},
        observe::{
            fixture::{Tree, setting},
            witness::Deed,
        },
    };

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
        let batch = tree.read(&mut Etc::new(&tree.host(), &Witness::default()), 0).unwrap();
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
        assert!(shown("etc.bin.db:content").starts_with("blake3 "));
        assert!(shown("etc.big.conf:content").starts_with("blake3 "));
        assert_eq!(shown("etc.passwd-:left"), "");
        assert_eq!(shown("etc.od\\u{1b}d.conf:a"), "b");
        for name in [
            "mysql/my.cnf:client.password",
            "app.env:DATABASE_URL",
            "ssl/private/a.pem:content",
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
        let mut source = Etc::new(&tree.host(), &Witness::default());
        tree.read(&mut source, 0).unwrap();
        assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
        tree.write("etc/ssh/sshd_config", "Port 2222\n");
        let batch = tree.read(&mut source, 120).unwrap();
        assert!(batch.snapshots[0].settings.is_none());
        let shown = |change: &SettingChange| {
            let [from, to] = [&change.from, &change.to].map(|value| value.as_ref().map(Value::to_string));
            (change.id.name.to_string(), from, to)
        };
        let word = |text: &str| Some(text.to_owned());
        assert_eq!(
            batch.changes.iter().map(shown).collect::<Vec<_>>(),
            [
                (
                    "etc.ssh/sshd_config:PasswordAuthentication".to_owned(),
                    word("true"),
                    None
                ),
                ("etc.ssh/sshd_config:PermitRootLogin".to_owned(), word("false"), None),
                ("etc.ssh/sshd_config:Port".to_owned(), word("22"), word("2222")),
            ]
        );
        fs::remove_file(tree.path("etc/hostname")).unwrap();
        let batch = tree.read(&mut source, 180).unwrap();
        let gone: Vec<&str> = batch.changes.iter().map(|change| &*change.id.name).collect();
        assert_eq!(gone, ["etc.hostname", "etc.hostname:line"]);
        assert!(batch.changes.iter().all(|change| change.to.is_none()));
        assert!(tree.read(&mut source, 240).unwrap().changes.is_empty());
    }

    #[test]
    fn a_change_bears_the_name_of_who_made_it() {
        let tree = tree();
        let witness = Witness::default();
        let mut source = Etc::new(&tree.host(), &witness);
        tree.read(&mut source, 0).unwrap();
        tree.write("etc/hostname", "web-2\n");
        tree.write("etc/app.env", "DEBUG=2\n");
        witness.note(Timestamp::from_secs(55), Deed::Ran, "bob", "/usr/bin/vim /etc/hostname");
        let batch = tree.read(&mut source, 60).unwrap();
        let by = |name: &str| {
            batch
                .changes
                .iter()
                .find(|change| &*change.id.name == name)
                .unwrap()
                .by
                .clone()
        };
        assert_eq!(by("etc.hostname:line").as_deref(), Some("bob"));
        assert_eq!(by("etc.app.env:DEBUG"), None);
    }

    #[test]
    fn files_the_user_named() {
        let tree = Tree::new();
        tree.write("opt/app/conf/app.yaml", "db: {pool: 5, password: hunter2}\n");
        tree.write("srv/one.toml", "a = 1\n");
        let mut host = tree.host();
        host.paths = ["/opt/app/conf/", "/srv/one.toml", "/nowhere"].map(Into::into).into();
        let mut source = Etc::named(&host, &Witness::default());
        assert_eq!(source.name(), "file");
        let batch = tree.read(&mut source, 0).unwrap();
        assert_eq!(
            setting(&batch, "file./opt/app/conf/app.yaml:db.pool"),
            Some(Value::Int(5))
        );
        assert_eq!(setting(&batch, "file./srv/one.toml:a"), Some(Value::Int(1)));
        assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2"));
        host.paths = vec!["/nowhere".into()];
        let mut none = Etc::named(&host, &Witness::default());
        assert!(matches!(tree.read(&mut none, 0), Err(ObserveError::Absent { .. })));
    }

    #[test]
    fn files_made_to_hurt_are_passed_by() {
        let tree = tree();
        let fifo = tree.path("etc/fifo.conf");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        symlink("loop.conf", tree.path("etc/loop.conf")).unwrap();
        symlink(".", tree.path("etc/circle")).unwrap();
        symlink("/dev/zero", tree.path("etc/zero.conf")).unwrap();
        tree.write("etc/sparse.conf", "a = b\n");
        let sparse = fs::OpenOptions::new()
            .write(true)
            .open(tree.path("etc/sparse.conf"))
            .unwrap();
        sparse.set_len(5 << 30).unwrap();
        tree.write("etc/locked/x.conf", "a = b\n");
        for n in 0..30 {
            tree.write(&format!("etc/{}x.conf", "deep/".repeat(n)), "a = b\n");
        }
        let mut source = Etc::new(&tree.host(), &Witness::default());
        let batch = tree.read(&mut source, 0).unwrap();
        let shown = |name: &str| setting(&batch, name).map(|value| value.to_string()).unwrap_or_default();
        assert_eq!(shown("etc.sparse.conf:content"), "5G");
        assert_eq!(shown("etc.loop.conf"), "-> loop.conf");
        assert_eq!(shown("etc.circle"), "-> .");
        assert_eq!(shown("etc.fifo.conf"), "");
        assert_eq!(shown("etc.deep/deep/x.conf:a"), "b");
    }

    #[test]
    fn of_too_many_files_some_are_watched() {
        let tree = Tree::new();
        fs::create_dir_all(tree.path("etc/many")).unwrap();
        for n in 0..MOST_FILES + 10 {
            fs::File::create(tree.path(&format!("etc/many/{n}"))).unwrap();
        }
        let mut source = Etc::new(&tree.host(), &Witness::default());
        let mut out = Batch::default();
        let told = source.read(Timestamp(0), &mut out);
        assert!(matches!(told, Err(ObserveError::Partly { .. })));
        assert_eq!(out.snapshots[0].settings.as_ref().unwrap().len(), MOST_FILES);
    }
}
