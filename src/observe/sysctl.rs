//! Kernel parameters: the readable files of `/proc/sys`.
#![cfg(target_os = "linux")]

use std::{
    ffi::{CString, OsStr},
    mem::MaybeUninit,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FileType, Mode, OFlags, RawDir, fstat, open, openat},
    io::pread,
};

use super::{
    Host, ObserveError, Source,
    file::failed,
    network::passing,
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp};

/// Parameters that change by themselves, count something, or do something when read.
const NO_SETTING: [&str; 23] = [
    "fs.aio-nr",
    "fs.dentry-state",
    "fs.file-nr",
    "fs.inode-nr",
    "fs.inode-state",
    "fs.quota.allocated_dquots",
    "fs.quota.cache_hits",
    "fs.quota.drops",
    "fs.quota.free_dquots",
    "fs.quota.lookups",
    "fs.quota.reads",
    "fs.quota.syncs",
    "fs.quota.writes",
    // What the kernel is and what the host is called are told as hardware.
    "kernel.hostname",
    "kernel.ns_last_pid",
    "kernel.osrelease",
    "kernel.ostype",
    "kernel.perf_event_max_sample_rate",
    "kernel.pty.nr",
    "kernel.version",
    "net.netfilter.nf_conntrack_count",
    "net.nf_conntrack_count",
    "vm.stat_refresh",
];
/// The same, whole folders. The last is mounted only when somebody looks into it.
const NO_SETTINGS: [&str; 3] = ["kernel.random.", "kernel.sched_domain.", "fs.binfmt_misc."];
/// Most parameters that are read; a host with thousands of interfaces has tens of each.
const MOST: usize = 20_000;
/// Bytes that nearly all values fit in, and the most that are read: the kernel clears as many for each reading as it is asked for.
const FEW: usize = 1_000;
const MANY: usize = 64 << 10;

/// Reads `/proc/sys`.
pub(super) struct Sysctl {
    root: PathBuf,
    every: Span,
    scope: Scope,
    held: Vec<u8>,
}

impl Sysctl {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.join("proc/sys"),
            every: host.settings_interval,
            scope: Scope::new(host, "sysctl"),
            held: Vec::new(),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    /// Reads the folder `path`, whose parameters begin with `name`, in no order.
    fn walk(&mut self, path: &Path, name: &str, sheet: &mut Sheet) -> Result<(), ObserveError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(path, flags, Mode::empty()).map_err(|source| failed(path, source.into()))?;
        for (file, kind) in listed(&folder) {
            let file_name = file.to_string_lossy();
            // As sysctl(8) writes them: a dot within a name is a slash.
            let full = format!("{name}{}", file_name.replace('.', "/"));
            if kind == FileType::Directory {
                let below = format!("{full}.");
                if !passing(&file_name) && !NO_SETTINGS.contains(&below.as_str()) {
                    // What is unreadable within is left out; only the root itself must be readable.
                    let _ = self.walk(&path.join(OsStr::from_bytes(file.to_bytes())), &below, sheet);
                }
            } else if kind == FileType::RegularFile && sheet.len() < MOST && !NO_SETTING.contains(&full.as_str()) {
                self.parameter(&folder, &file, &full, sheet);
            }
        }
        Ok(())
    }

    /// Reads `file` in `folder`. A path from the root would be walked a thousand times a minute.
    fn parameter(&mut self, folder: &OwnedFd, file: &CString, name: &str, sheet: &mut Sheet) {
        let Ok(file) = openat(folder, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
            return;
        };
        // Files without a read bit start something when written; root could still open some of them.
        if !fstat(&file).is_ok_and(|stat| stat.st_mode & 0o444 != 0) {
            return;
        }
        self.held.resize(MANY, 0);
        let mut read = pread(&file, &mut self.held[..FEW], 0);
        // What does not fit is cut off, and cannot be read on.
        if read == Ok(FEW) {
            read = pread(&file, &mut self.held[..], 0);
        }
        if let Ok(length) = read {
            sheet.text(name, &String::from_utf8_lossy(&self.held[..length]));
        }
    }
}

/// What is in a folder, with its kind.
fn listed(folder: &OwnedFd) -> Vec<(CString, FileType)> {
    let mut held = [MaybeUninit::uninit(); 8 << 10];
    let mut entries = RawDir::new(folder, &mut held);
    let mut listed = Vec::new();
    while let Some(Ok(entry)) = entries.next() {
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            listed.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    listed
}

impl Source for Sysctl {
    fn name(&self) -> &'static str {
        "sysctl"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let mut sheet = self.scope.sheet();
        self.walk(&self.root.clone(), "", &mut sheet)?;
        self.scope.tell(now, sheet, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Value,
        observe::fixture::{Tree, setting},
    };

    #[test]
    fn parameters_by_their_usual_names_without_what_is_no_setting() {
        let tree = Tree::new();
        tree.write("proc/sys/vm/swappiness", "60\n");
        tree.write("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
        tree.write("proc/sys/net/ipv4/conf/eth0.100/rp_filter", "1\n");
        tree.write("proc/sys/net/ipv4/conf/veth12/rp_filter", "1\n");
        tree.write("proc/sys/fs/file-nr", "1 2 3\n");
        tree.write("proc/sys/kernel/random/uuid", "x\n");
        tree.write("proc/sys/kernel/odd\u{1b}name", [0xff, 0xfe]);
        tree.write("proc/sys/net/ipv4/tcp_fastopen_key", "deadbeef-1-2-3\n");
        tree.write("proc/sys/net/ipv4/ip_local_reserved_ports", "1,".repeat(700));
        let mut source = Sysctl::new(&tree.host());
        let batch = tree.read(&mut source, 0).unwrap();
        assert_eq!(setting(&batch, "sysctl.vm.swappiness"), Some(Value::Int(60)));
        assert_eq!(
            setting(&batch, "sysctl.net.ipv4.tcp_rmem"),
            Some(Value::text("4096 131072 6291456"))
        );
        assert_eq!(
            setting(&batch, "sysctl.net.ipv4.conf.eth0/100.rp_filter"),
            Some(Value::Int(1))
        );
        assert!(matches!(
            setting(&batch, "sysctl.net.ipv4.tcp_fastopen_key"),
            Some(Value::Secret(_))
        ));
        assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 6);
        assert!(!serde_json::to_string(&batch).unwrap().contains("deadbeef"));
        assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
        // A long one is read to its end.
        tree.write("proc/sys/net/ipv4/ip_local_reserved_ports", "1,".repeat(699) + "2");
        assert!(tree.read(&mut source, 120).unwrap().snapshots[0].settings.is_some());
    }

    #[test]
    fn a_host_without_them_has_no_such_source() {
        let mut source = Sysctl::new(&Tree::new().host());
        assert!(matches!(
            Tree::new().read(&mut source, 0),
            Err(ObserveError::Absent { .. })
        ));
    }
}
