//! What is mounted where, and how.
#![cfg(target_os = "linux")]

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    Host, ObserveError, Source,
    file::Again,
    mountinfo::{Mount, View, mounts},
    scope::Scope,
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp, Value};

/// Most mounts that are told of.
const MOST: usize = 2_000;

/// Reads device, kind and options of the mounts that live as long as the host does.
pub(super) struct Mounts {
    file: Again,
    every: Span,
    scope: Scope,
}

impl Mounts {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            file: Again::new(&host.root, View::of(&host.root).file),
            every: host.settings_interval,
            scope: Scope::new(host, "mount"),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }
}

impl Source for Mounts {
    fn name(&self) -> &'static str {
        "mount"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let mut sheet = self.scope.sheet();
        // Sessions, units and containers mount and unmount all the time.
        const PASSING: [&str; 7] = [
            "/run/user",
            "/run/credentials",
            "/run/netns",
            "/run/docker",
            "/var/lib/docker",
            "/var/lib/containers",
            "/var/lib/kubelet",
        ];
        let lasting = mounts(self.file.bytes()?)
            .filter(|mount| mount.kind != "nsfs" && !PASSING.iter().any(|folder| mount.point.starts_with(folder)));
        // A later mount on the same point hides the earlier one.
        let visible: BTreeMap<PathBuf, Mount> = lasting.map(|mount| (mount.point.clone(), mount)).collect();
        for mount in visible.into_values().take(MOST) {
            let point = mount.point.to_string_lossy();
            sheet.text(&format!("{point}:device"), &mount.source);
            sheet.put(&format!("{point}:fstype"), Value::text(&mount.kind));
            let options = mount.options.iter().map(|option| match option.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (option.as_str(), None),
            });
            sheet.list(&format!("{point}:options"), options);
        }
        self.scope.tell(now, sheet, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting};

    #[test]
    fn device_kind_and_options_by_mount_point() {
        let tree = Tree::new();
        tree.write(
            "proc/self/mountinfo",
            "1 0 8:1 / / rw,noatime - ext4 /dev/sda1 rw,commit=30\n2 1 0:40 / /net rw - cifs //s/x rw,username=a,password=hunter2\n\
             4 1 0:42 / /srv rw - tmpfs hidden rw\n5 1 0:43 / /srv ro - tmpfs seen rw\n\
             3 1 0:41 / /run/user/0 rw - tmpfs tmpfs rw\n",
        );
        let mut source = Mounts::new(&tree.host());
        let batch = tree.read(&mut source, 0).unwrap();
        assert_eq!(setting(&batch, "mount./:device"), Some(Value::text("/dev/sda1")));
        assert_eq!(
            setting(&batch, "mount./:options").unwrap().to_string(),
            "commit=30 noatime rw"
        );
        assert_eq!(setting(&batch, "mount./srv:device"), Some(Value::Enum("seen".into())));
        assert_eq!(setting(&batch, "mount./run/user/0:fstype"), None);
        assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2"));
        assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
    }

    #[test]
    fn ten_thousand_mounts_are_cut() {
        let tree = Tree::new();
        let file: String = (0..10_000)
            .map(|n| format!("{n} 1 0:{n} / /m{n} rw - tmpfs tmpfs rw\n"))
            .collect();
        tree.write("proc/self/mountinfo", file);
        let batch = tree.read(&mut Mounts::new(&tree.host()), 0).unwrap();
        assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 3 * MOST);
    }
}
