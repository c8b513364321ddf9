//! Every file below the watched folders as it was last seen, in some thirty bytes a file and its name.

use std::{
    collections::{BTreeMap, btree_map},
    ffi::OsStr,
    fs,
    io::{self, Write as _},
    ops::Bound,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{FileType, Stat};
use serde::{Deserialize, Serialize};

use crate::domain::packed;

/// The content of a file: the first half of its BLAKE3.
pub(super) type Content = [u8; 16];

/// The content has not been read yet.
pub(super) const UNREAD: Content = [0; 16];
/// The content may not be read, or is none.
pub(super) const NOT_READ: Content = [0xff; 16];

/// One file, link or folder. Kept as a row: there are many, and names of fields would double them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub(super) struct Entry {
    /// What tells it from its next version without reading it; 0 for one that has to be looked at again.
    pub(super) seen: u64,
    pub(super) content: Content,
    /// Kind and permissions, as in `st_mode`.
    pub(super) mode: u16,
    /// The place of its owner and group in [`Tree::owners`].
    pub(super) owner: u16,
}

type Row = (u64, serde_bytes::ByteArray<16>, u16, u16);

impl From<Entry> for Row {
    fn from(entry: Entry) -> Self {
        (entry.seen, entry.content.into(), entry.mode, entry.owner)
    }
}

impl From<Row> for Entry {
    fn from((seen, content, mode, owner): Row) -> Self {
        Self {
            seen,
            content: content.into_array(),
            mode,
            owner,
        }
    }
}

impl Entry {
    /// Whether two states are the same to whoever uses the file.
    pub(super) fn same(&self, other: &Self) -> bool {
        (self.content, self.mode, self.owner) == (other.content, other.mode, other.owner)
    }

    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode.into())
    }
}

/// What tells a file from its next version without reading it: inode, size, modification and status change. Folders have
/// none, because their files are looked at one by one.
pub(super) fn seen(stat: &Stat) -> u64 {
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return 1;
    }
    let parts = [
        stat.st_ino,
        stat.st_size.cast_unsigned(),
        stat.st_mtime.cast_unsigned(),
        stat.st_mtime_nsec,
        stat.st_ctime.cast_unsigned(),
        stat.st_ctime_nsec,
    ];
    // The finalizer of splitmix64 over each part in turn.
    let mixed = parts.into_iter().fold(0_u64, |held, part| {
        let mut mix = (held ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix = (mix ^ (mix >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mix = (mix ^ (mix >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mix ^ (mix >> 31)
    });
    mixed.max(2)
}

/// The files of one folder by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Folder {
    /// The names in order, a zero byte after each.
    #[serde(with = "serde_bytes")]
    names: Box<[u8]>,
    entries: Box<[Entry]>,
    /// Whether it has been looked into.
    pub(super) known: bool,
}

impl Folder {
    /// The folder of these files, which are in the order of their names.
    pub(super) fn of<'a>(files: impl IntoIterator<Item = (&'a [u8], Entry)>) -> Self {
        let (mut names, mut entries) = (Vec::new(), Vec::new());
        for (name, entry) in files {
            names.extend_from_slice(name);
            names.push(0);
            entries.push(entry);
        }
        Self {
            names: names.into(),
            entries: entries.into(),
            known: true,
        }
    }

    /// Its files in the order of their names.
    pub(super) fn files(&self) -> impl Iterator<Item = (&[u8], Entry)> {
        let names = self.names.split(|byte| *byte == 0);
        names.zip(self.entries.iter().copied())
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// What differs from how it was, under the path of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Differs {
    /// Name and text of each part of what is told.
    pub(super) says: BTreeMap<String, String>,
    /// How the file was; `None` when it was not there, or when it never was as its package has it.
    pub(super) was: Option<Entry>,
}

/// All that is remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Tree {
    folders: BTreeMap<PathBuf, Folder>,
    /// Pairs of user and group, in the order they were met.
    owners: Vec<(u32, u32)>,
    /// How many files there are in all folders.
    pub(super) files: usize,
    /// Whether every file has been looked at once, and its content read.
    pub(super) whole: bool,
    /// What differs, by the path on the host.
    pub(super) differs: BTreeMap<PathBuf, Differs>,
}

/// The first bytes of a kept tree; another version begins anew.
const VERSION: &[u8] = b"foreshadow files 2\n";

impl Tree {
    /// The place of a pair of user and group. The 65,536th pair and all after it share one.
    pub(super) fn owner(&mut self, uid: u32, gid: u32) -> u16 {
        let place = self
            .owners
            .iter()
            .position(|pair| *pair == (uid, gid))
            .unwrap_or_else(|| {
                if self.owners.len() < usize::from(u16::MAX) {
                    self.owners.push((uid, gid));
                }
                self.owners.len() - 1
            });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// User and group of an entry, as `0:0`.
    pub(super) fn owner_of(&self, entry: &Entry) -> String {
        let pair = self.owners.get(usize::from(entry.owner));
        pair.map_or_else(|| "?".into(), |(uid, gid)| format!("{uid}:{gid}"))
    }

    /// The first folder after `path`, or the first of all.
    pub(super) fn after(&self, path: Option<&Path>) -> Option<PathBuf> {
        let from = path.map_or(Bound::Unbounded, Bound::Excluded);
        let mut all = self.folders.range::<Path, _>((from, Bound::Unbounded));
        all.next().map(|(path, _)| path.clone())
    }

    /// Takes out what a folder holds; [`Tree::put`] puts it back.
    pub(super) fn take(&mut self, path: &Path) -> Option<Folder> {
        let folder = std::mem::take(self.folders.get_mut(path)?);
        self.files -= folder.len();
        Some(folder)
    }

    /// Puts back what a folder holds that is still known.
    pub(super) fn put(&mut self, path: &Path, folder: Folder) {
        if let Some(place) = self.folders.get_mut(path) {
            self.files += folder.len();
            *place = folder;
        }
    }

    /// Makes a folder known that has not been looked into.
    pub(super) fn add(&mut self, path: PathBuf) {
        if let btree_map::Entry::Vacant(free) = self.folders.entry(path) {
            free.insert(Folder::default());
        }
    }

    /// Forgets a folder and all below it.
    pub(super) fn forget(&mut self, path: &Path) {
        let below = self.folders.range::<Path, _>((Bound::Included(path), Bound::Unbounded));
        let gone: Vec<PathBuf> = below
            .map(|(folder, _)| folder)
            .take_while(|folder| folder.starts_with(path))
            .cloned()
            .collect();
        for folder in gone {
            self.files -= self.folders.remove(&folder).map_or(0, |folder| folder.len());
        }
    }

    /// Reads what [`Tree::keep`] wrote; `None` when there is none, or it is damaged or was written under another key.
    pub(super) fn kept(file: &Path, key: &[u8; 32]) -> Option<Self> {
        let bytes = fs::read(file).ok()?;
        let (body, hash) = bytes.strip_prefix(VERSION)?.split_last_chunk::<32>()?;
        if blake3::keyed_hash(key, body) != *hash {
            return None;
        }
        packed::unpack(body).ok()
    }

    /// Writes everything to `file`, whole or not at all, readable by its owner only, under `key`.
    ///
    /// # Errors
    /// When the file cannot be written; what was there before then stays.
    pub(super) fn keep(&self, file: &Path, key: &[u8; 32]) -> io::Result<()> {
        let mut beside = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
        beside.write_all(VERSION)?;
        let mut body = Hashed {
            into: io::BufWriter::new(&mut beside),
            hash: blake3::Hasher::new_keyed(key),
        };
        ciborium::into_writer(self, &mut body).map_err(io::Error::other)?;
        let hash = body.hash.finalize();
        body.into.write_all(hash.as_bytes())?;
        body.into.flush()?;
        drop(body);
        beside.persist(file)?;
        Ok(())
    }
}

/// Hashes what is written: a million files are never in memory twice.
struct Hashed<W> {
    into: W,
    hash: blake3::Hasher,
}

impl<W: io::Write> io::Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.into.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

/// `name` in `folder`.
pub(super) fn join(folder: &Path, name: &[u8]) -> PathBuf {
    folder.join(OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(content: u8) -> Entry {
        Entry {
            seen: 2,
            content: [content; 16],
            mode: 0o100_644,
            owner: 0,
        }
    }

    #[test]
    fn folders_come_in_turn_and_go_with_all_below() {
        let mut tree = Tree::default();
        for path in ["/usr", "/usr/bin", "/usr/lib", "/usr/lib/a", "/usr/lib-a"] {
            tree.add(path.into());
        }
        tree.take(Path::new("/usr/lib/a")).unwrap();
        let names: [&[u8]; 3] = [b"a", b"b\n\xff", b"c"];
        tree.put(Path::new("/usr/lib/a"), Folder::of(names.map(|name| (name, entry(1)))));
        assert_eq!(tree.files, 3);
        let there: Vec<Vec<u8>> = tree.folders[Path::new("/usr/lib/a")]
            .files()
            .map(|(name, _)| name.to_vec())
            .collect();
        assert_eq!(there, names);
        tree.forget(Path::new("/usr/lib"));
        assert_eq!(tree.files, 0);
        let mut at = None;
        let mut all = Vec::new();
        while let Some(next) = tree.after(at.as_deref()) {
            all.push(next.display().to_string());
            at = Some(next);
        }
        assert_eq!(all, ["/usr", "/usr/bin", "/usr/lib-a"]);
        assert_eq!(Folder::default().files().count(), 0);
    }

    #[test]
    fn what_is_kept_comes_back_and_what_was_tampered_with_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("files");
        let mut tree = Tree::default();
        tree.add("/usr".into());
        tree.put(Path::new("/usr"), Folder::of([(&b"a"[..], entry(7))]));
        tree.keep(&file, &[1; 32]).unwrap();
        assert_eq!(Tree::kept(&file, &[1; 32]).unwrap().files, 1);
        assert!(Tree::kept(&file, &[2; 32]).is_none());
        let mut bytes = fs::read(&file).unwrap();
        for end in 0..bytes.len() {
            fs::write(&file, &bytes[..end]).unwrap();
            assert!(Tree::kept(&file, &[1; 32]).is_none());
        }
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, &bytes).unwrap();
        assert!(Tree::kept(&file, &[1; 32]).is_none());
    }
}
