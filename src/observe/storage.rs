//! How disks are put together: software RAID, logical volumes, and the names udev gives.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Host, ObserveError, Source,
    file::{failed, small},
    meter::{COUNT, Channel, Origin, Sort},
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Quantity, Span, Timestamp, Unit, Value};

/// Most devices that are told of.
const MOST: usize = 1_000;

/// An array's metrics: members that are missing, and how far a rebuild or check is.
struct Array {
    missing: Channel,
    rebuilt: Channel,
}

/// Reads `/proc/mdstat`, `/sys/block/dm-*` and `/dev/disk`.
pub(super) struct Storage {
    root: PathBuf,
    origin: Origin,
    scope: Scope,
    arrays: BTreeMap<String, Array>,
}

impl Storage {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            origin: Origin::new(host, "storage", host.settings_interval),
            scope: Scope::new(host, "storage"),
            arrays: BTreeMap::new(),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    /// `md0 : active raid1 sdb1[1] sda1[0](F)` and, a line further, `… [2/1] [U_]`.
    fn arrays(&mut self, now: Timestamp, sheet: &mut Sheet, out: &mut Batch) {
        let text = small(&self.root.join("proc/mdstat")).unwrap_or_default();
        let mut name = "";
        for line in text.lines() {
            if let Some((array, rest)) = line.split_once(" : ").filter(|(array, _)| array.starts_with("md")) {
                name = array;
                let mut words = rest.split_ascii_whitespace();
                let state = words.next().unwrap_or_default();
                let mut words = words.filter(|word| !word.starts_with('(')).peekable();
                let level = words.next_if(|word| !word.contains('[')).unwrap_or("none");
                sheet.text(&format!("raid.{name}:state"), state);
                sheet.text(&format!("raid.{name}:level"), level);
                // The number in brackets is a place in the array, `(F)` says that the member failed.
                let members = words.filter_map(|word| {
                    let (member, rest) = word.split_once('[')?;
                    let flag = rest.split_once('(').and_then(|(_, flag)| flag.strip_suffix(')'));
                    Some((member, Some(flag.unwrap_or("in"))))
                });
                sheet.list(&format!("raid.{name}:members"), members);
                continue;
            }
            if name.is_empty() || !line.starts_with(' ') {
                continue;
            }
            let array = self.arrays.entry(name.to_owned()).or_insert_with(|| Array {
                missing: self.origin.channel(&format!("raid.{name}.missing"), COUNT),
                rebuilt: self.origin.channel(&format!("raid.{name}.rebuilt_pct"), Sort::Percent),
            });
            let counts = line.split(['[', ']']).find_map(|part| {
                let (wanted, there) = part.split_once('/')?;
                Some((wanted.parse::<f64>().ok()?, there.parse::<f64>().ok()?))
            });
            if let Some((wanted, there)) = counts {
                array.missing.tell(now, wanted - there, out);
                sheet.put(&format!("raid.{name}:size"), Value::Int(wanted as i64));
            }
            let share = line
                .split_once(" = ")
                .and_then(|(_, rest)| rest.trim().split('%').next()?.trim().parse::<f64>().ok());
            if let Some(share) = share.filter(|_| line.contains('%')) {
                array.rebuilt.tell(now, share, out);
            }
        }
    }

    /// Volumes of the device mapper (LVM, dm-crypt, multipath) with what they lie on.
    fn volumes(&self, sheet: &mut Sheet) {
        let blocks = fs::read_dir(self.root.join("sys/block"))
            .into_iter()
            .flatten()
            .flatten();
        let volumes = blocks.filter(|entry| entry.file_name().to_string_lossy().starts_with("dm-"));
        for volume in volumes.take(MOST) {
            let path = volume.path();
            let Some(name) = small(&path.join("dm/name")).filter(|name| !name.is_empty()) else {
                continue;
            };
            let id = small(&path.join("dm/uuid")).unwrap_or_default();
            // `LVM-…`, `CRYPT-LUKS2-…`, `mpath-…`: the kind, then a number of its own.
            sheet.text(&format!("volume.{name}:kind"), id.split('-').next().unwrap_or_default());
            let sectors = small(&path.join("size")).and_then(|text| text.parse::<f64>().ok());
            if let Some(size) = sectors.and_then(|sectors| Quantity::new(sectors * 512.0, Unit::Bytes)) {
                sheet.put(&format!("volume.{name}:size"), Value::Quantity(size));
            }
            let below = fs::read_dir(path.join("slaves")).into_iter().flatten().flatten();
            let below: Vec<String> = below
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            sheet.list(
                &format!("volume.{name}:on"),
                below.iter().map(|disk| (disk.as_str(), None)),
            );
        }
    }

    /// The lasting names of disks, and the device behind each.
    fn names(&self, sheet: &mut Sheet) {
        for kind in ["by-id", "by-uuid", "by-label"] {
            let folder = fs::read_dir(self.root.join("dev/disk").join(kind));
            for entry in folder.into_iter().flatten().flatten().take(MOST) {
                let Ok(target) = fs::read_link(entry.path()) else {
                    continue;
                };
                let device = Path::new(&target)
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let name = entry.file_name().to_string_lossy().into_owned();
                sheet.put(&format!("{kind}.{name}"), Value::text(&device));
            }
        }
    }
}

impl Source for Storage {
    fn name(&self) -> &'static str {
        "storage"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let blocks = self.root.join("sys/block");
        fs::metadata(&blocks).map_err(|source| failed(&blocks, source))?;
        let mut sheet = self.scope.sheet();
        self.arrays(now, &mut sheet, out);
        self.volumes(&mut sheet);
        self.names(&mut sheet);
        self.scope.tell(now, sheet, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting, value};

    #[test]
    fn arrays_volumes_and_names() {
        let tree = Tree::new();
        tree.write(
            "proc/mdstat",
            "Personalities : [raid1]\nmd0 : active (auto-read-only) raid1 sdb1[1] sda1[0](F)\n      97536 blocks super 1.2 [2/1] [_U]\n\
             \x20     [=>...]  recovery =  8.5% (8291/97536) finish=0.1min\nmd1 : inactive sdc[0](S)\n      \u{1b}[9/x]\n\nunused devices: <none>\n",
        );
        tree.write("sys/block/dm-0/dm/name", "vg0-root\n");
        tree.write("sys/block/dm-0/dm/uuid", "LVM-abc\n");
        tree.write("sys/block/dm-0/size", "2048\n");
        tree.write("sys/block/dm-0/slaves/sda2", "");
        fs::create_dir_all(tree.path("dev/disk/by-uuid")).unwrap();
        std::os::unix::fs::symlink("../../sda1", tree.path("dev/disk/by-uuid/1-2")).unwrap();
        let batch = tree.read(&mut Storage::new(&tree.host()), 0).unwrap();
        let shown = |name: &str| {
            setting(&batch, &format!("storage.{name}"))
                .map(|value| value.to_string())
                .unwrap_or_default()
        };
        assert_eq!(shown("raid.md0:level"), "raid1");
        assert_eq!(shown("raid.md0:members"), "sda1=F sdb1=in");
        assert_eq!(shown("raid.md1:state"), "inactive");
        assert_eq!(shown("raid.md1:members"), "sdc=S");
        assert_eq!(value(&batch, "raid.md0.missing"), Some(1.0));
        assert_eq!(value(&batch, "raid.md0.rebuilt_pct"), Some(8.5));
        assert_eq!(value(&batch, "raid.md1.missing"), None);
        assert_eq!(shown("volume.vg0-root:kind"), "LVM");
        assert_eq!(shown("volume.vg0-root:size"), "1M");
        assert_eq!(shown("volume.vg0-root:on"), "sda2");
        assert_eq!(shown("by-uuid.1-2"), "sda1");
    }

    #[test]
    fn a_host_without_disks() {
        let tree = Tree::new();
        assert!(matches!(
            tree.read(&mut Storage::new(&tree.host()), 0),
            Err(ObserveError::Absent { .. })
        ));
    }
}
