//! How full file systems are.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use rustix::fs::StatVfs;

use super::{
    Host, ObserveError, Source,
    file::Again,
    meter::{BYTES, Column, Meter, Origin, Sort, percent},
    mountinfo::{Mount, View, mounts},
};
use crate::domain::{Batch, Event, EventKind, ResourceId, Span, Timestamp};

/// Most file systems that are measured.
const MOST: usize = 100;

const SPACE: &[Column<StatVfs>] = &[
    // As df(1): of what is not reserved.
    Column {
        name: "used_pct",
        sort: Sort::Percent,
        of: |s| {
            let used = s.f_blocks.saturating_sub(s.f_bfree) as f64;
            percent(used, used + s.f_bavail as f64)
        },
    },
    Column {
        name: "free_bytes",
        sort: BYTES,
        of: |s| Some(s.f_bavail as f64 * s.f_frsize as f64),
    },
    Column {
        name: "inodes_used_pct",
        sort: Sort::Percent,
        of: |s| percent(s.f_files.saturating_sub(s.f_ffree) as f64, s.f_files as f64),
    },
];

/// Measures the mounted file systems, each once however often it is mounted. Those of other machines are a source of their
/// own, because asking them may take for ever.
pub(super) struct FileSystems {
    name: &'static str,
    remote: bool,
    /// The folder that the points lie in.
    root: PathBuf,
    resource: ResourceId,
    origin: Origin,
    file: Again,
    /// The mounts when they were last sorted out.
    seen: blake3::Hash,
    measured: BTreeMap<PathBuf, Meter<StatVfs>>,
    noted: bool,
}

impl FileSystems {
    /// Those of this machine's own disks and memory.
    pub(super) fn local(host: &Host) -> Self {
        Self::new(host, "fs", false, Span::from_secs(10))
    }

    /// Those reached through the network or through another program.
    pub(super) fn remote(host: &Host) -> Self {
        Self::new(host, "fs-remote", true, Span::from_secs(30))
    }

    fn new(host: &Host, name: &'static str, remote: bool, least: Span) -> Self {
        let view = View::of(&host.root);
        Self {
            name,
            remote,
            root: host.root.join(view.below),
            resource: host.resource.clone(),
            origin: Origin::new(host, name, least.max(host.interval)),
            file: Again::new(&host.root, view.file),
            seen: blake3::hash(b""),
            measured: BTreeMap::new(),
            noted: false,
        }
    }

    /// Takes up the file systems mounted now and drops those that are gone.
    fn sort_out(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let bytes = self.file.bytes()?;
        let fingerprint = blake3::hash(bytes);
        if fingerprint == self.seen {
            return Ok(());
        }
        // A later mount on the same point hides the earlier one.
        let by_point: BTreeMap<PathBuf, Mount> = mounts(bytes).map(|mount| (mount.point.clone(), mount)).collect();
        let mut by_device: BTreeMap<String, PathBuf> = BTreeMap::new();
        for (point, mount) in by_point {
            if !mount.fills() || mount.remote() != self.remote {
                continue;
            }
            // Subvolumes have device numbers of their own, and one source.
            let device = if mount.source.starts_with("/dev/") {
                mount.source
            } else {
                mount.device
            };
            let kept = by_device.entry(device).or_insert_with(|| point.clone());
            if length(&point) < length(kept) {
                *kept = point;
            }
        }
        let mut points: Vec<PathBuf> = by_device.into_values().collect();
        points.sort_by(|a, b| length(a).cmp(&length(b)).then_with(|| a.cmp(b)));
        if points.len() > MOST && !self.noted {
            self.noted = true;
            out.events.push(Event {
                at: now,
                resource: self.resource.clone(),
                kind: EventKind::Collector,
                what: format!(
                    "{} file systems are mounted; the {MOST} nearest the root are measured",
                    points.len()
                )
                .into(),
                who: None,
                backfilled: false,
            });
        }
        points.truncate(MOST);
        self.measured.retain(|point, _| points.contains(point));
        for point in points {
            let origin = &self.origin;
            self.measured
                .entry(point)
                .or_insert_with_key(|point| Meter::new(origin, &format!("fs.{}.", point.to_string_lossy()), SPACE));
        }
        self.seen = fingerprint;
        Ok(())
    }
}

fn length(path: &Path) -> usize {
    path.as_os_str().len()
}

impl Source for FileSystems {
    fn name(&self) -> &'static str {
        self.name
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        self.sort_out(now, out)?;
        for (point, meter) in &mut self.measured {
            let path = self.root.join(point.strip_prefix("/").unwrap_or(point));
            // One that may not be asked, or is just going away, has no values.
            if let Ok(space) = rustix::fs::statvfs(&path)
                && space.f_blocks > 0
            {
                meter.tell(now, &space, out);
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
    fn a_service_measures_what_init_sees() {
        let tree = Tree::new();
        std::fs::create_dir_all(tree.path("proc/1/ns")).unwrap();
        std::fs::create_dir_all(tree.path("proc/self/ns")).unwrap();
        std::os::unix::fs::symlink("mnt:[1]", tree.path("proc/1/ns/mnt")).unwrap();
        std::os::unix::fs::symlink("mnt:[2]", tree.path("proc/self/ns/mnt")).unwrap();
        std::fs::create_dir_all(tree.path("proc/1/root/srv/small")).unwrap();
        tree.write("proc/self/mountinfo", "1 0 0:9 / /srv/small ro - tmpfs tmpfs rw\n");
        tree.write("proc/1/mountinfo", "1 0 0:9 / /srv/small rw - tmpfs tmpfs rw\n");
        let batch = tree.read(&mut FileSystems::local(&tree.host()), 0).unwrap();
        assert!(value(&batch, "fs./srv/small.used_pct").is_some());
    }

    #[test]
    fn one_file_system_is_measured_once() {
        let tree = Tree::new();
        std::fs::create_dir_all(tree.path("srv/da ta")).unwrap();
        tree.write(
            "proc/self/mountinfo",
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:1 /x /mnt/bind rw - ext4 /dev/sda1 rw\n\
             3 1 8:2 / /srv/da\\040ta rw - xfs /dev/sda2 rw\n4 1 0:9 / /proc rw - proc proc rw\n\
             5 1 0:40 / /net rw - nfs4 s:/x rw\n6 1 0:41 / /gone rw - tmpfs tmpfs rw\n",
        );
        let mut source = FileSystems::local(&tree.host());
        let batch = tree.read(&mut source, 0).unwrap();
        let used = value(&batch, "fs./.used_pct").unwrap();
        assert!((0.0..=100.0).contains(&used));
        assert!(value(&batch, "fs./srv/da ta.free_bytes").is_some());
        assert_eq!(value(&batch, "fs./mnt/bind.used_pct"), None);
        assert_eq!(value(&batch, "fs./net.used_pct"), None);
        tree.write("proc/self/mountinfo", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
        let batch = tree.read(&mut source, 10).unwrap();
        assert_eq!(value(&batch, "fs./srv/da ta.used_pct"), None, "it is unmounted");
        assert!(batch.metrics.is_empty());
    }

    #[test]
    fn ten_thousand_mounts_are_cut_and_noted_once() {
        let tree = Tree::new();
        let mut file = String::from("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n");
        for n in 0..10_000 {
            file += &format!("{n} 1 0:{n} / /mnt/\\033[2Jn{n:05} rw - tmpfs tmpfs rw\n");
        }
        tree.write("proc/self/mountinfo", &file);
        let mut source = FileSystems::local(&tree.host());
        let batch = tree.read(&mut source, 0).unwrap();
        assert_eq!(source.measured.len(), MOST);
        assert!(value(&batch, "fs./.used_pct").is_some());
        assert_eq!(batch.events.len(), 1);
        file += "x\n";
        tree.write("proc/self/mountinfo", &file);
        assert!(tree.read(&mut source, 10).unwrap().events.is_empty());
    }
}
