//! A file tree in a temporary folder that stands for a host, for tests.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use super::{Host, ObserveError, Source};
use crate::domain::{Batch, ResourceId, Span, Timestamp, Value};

/// The tree; it is removed when dropped.
pub(super) struct Tree(tempfile::TempDir);

impl Tree {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes the file `path` and the folders above it; a new one may be read by all, whatever another test made of the process's umask.
    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let new = !path.exists();
        fs::write(&path, content).unwrap();
        if new {
            fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }

    /// Makes a FIFO at `path`, in a folder that is there.
    pub(super) fn fifo(&self, path: &str) {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, self.path(path), FileType::Fifo, Mode::RWXU, 0).unwrap();
    }

    /// Says that the file `path` was last written at `at`.
    pub(super) fn written(&self, path: &str, at: Timestamp) {
        let file = fs::File::options().write(true).open(self.path(path)).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at.secs() as u64);
        file.set_modified(time).unwrap();
    }

    /// The host this tree is, read every 2 s and its settings every 60 s.
    pub(super) fn host(&self) -> Host {
        Host {
            root: self.0.path().to_owned(),
            resource: ResourceId::new("host", "fixture"),
            secret_key: [7; 32],
            interval: Span::from_secs(2),
            settings_interval: Span::from_secs(60),
            paths: Vec::new(),
            keep_lines: false,
            dns: "localhost".into(),
            memory: None,
            known: Default::default(),
        }
    }

    /// What `source` reads `secs` seconds after the epoch.
    pub(super) fn read(&self, source: &mut dyn Source, secs: i64) -> Result<Batch, ObserveError> {
        let mut out = Batch::default();
        source.read(Timestamp::from_secs(secs), &mut out).map(|()| out)
    }
}

/// The last value of the metric `name` in `batch`.
pub(super) fn value(batch: &Batch, name: &str) -> Option<f64> {
    let seen = batch.observations.iter().rev().find(|seen| &*seen.id.name == name)?;
    Some(seen.point.value)
}

/// The setting `name` in `batch`.
pub(super) fn setting(batch: &Batch, name: &str) -> Option<Value> {
    batch
        .snapshots
        .iter()
        .find_map(|snapshot| snapshot.settings.as_ref()?.get(name).cloned())
}
