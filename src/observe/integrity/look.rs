//! Looks at folders and files on the disk: following no link, waiting for nobody.

use std::{ffi::CString, fs::File, io, io::Read as _, mem::MaybeUninit, path::Path};

use md5::{Digest as _, Md5};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, Stat, fstat, open, readlinkat, statat};
use sha2::Sha256;

use super::{
    owner::{Digest, Sum},
    tree::{Content, NOT_READ, UNREAD, seen},
};

/// Most files of one folder that are looked at.
pub(super) const MOST_IN_FOLDER: usize = 100_000;
/// Larger files are not read: their size and times stand for their content.
const MOST_READ: u64 = 512 << 20;
/// Bytes that are read and hashed at a time.
const PART: usize = 256 << 10;

/// What a folder says of one of its files.
pub(super) struct Found {
    pub(super) name: CString,
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) seen: u64,
    pub(super) size: u64,
    pub(super) device: u64,
    /// Status change, seconds since the epoch.
    pub(super) changed: i64,
}

impl Found {
    fn of(name: CString, stat: &Stat) -> Self {
        Self {
            name,
            // Kind and permissions take 16 bits.
            mode: (stat.st_mode & 0xffff) as u16,
            uid: stat.st_uid,
            gid: stat.st_gid,
            seen: seen(stat),
            size: stat.st_size.cast_unsigned(),
            device: stat.st_dev,
            changed: stat.st_ctime,
        }
    }

    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode.into())
    }

    /// Bytes that reading it costs.
    pub(super) fn cost(&self) -> u64 {
        if self.kind() == FileType::RegularFile && self.size <= MOST_READ {
            self.size
        } else {
            0
        }
    }
}

/// What is in one folder.
pub(super) struct Listing {
    /// Its files in the order of their names.
    pub(super) files: Vec<Found>,
    /// Whether there are more than are looked at.
    pub(super) cut: bool,
    /// The folder itself.
    pub(super) own: Found,
}

/// What is in the folder `path`; a link in its place is no folder.
pub(super) fn folder(path: &Path) -> rustix::io::Result<Listing> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(path, flags, Mode::empty())?;
    let own = Found::of(CString::default(), &fstat(&opened)?);
    let mut held = [MaybeUninit::uninit(); 16 << 10];
    let mut listed = RawDir::new(&opened, &mut held);
    let (mut files, mut cut) = (Vec::new(), false);
    while let Some(entry) = listed.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if files.len() >= MOST_IN_FOLDER {
            cut = true;
            break;
        }
        // What went between the listing and the look is not there.
        if let Ok(stat) = statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) {
            files.push(Found::of(name.to_owned(), &stat));
        }
    }
    files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(Listing { files, cut, own })
}

/// The content of a file or link, and its sum where one is asked for; [`UNREAD`] when it changed while it was read.
pub(super) fn content(path: &Path, found: &Found, sum: Option<Digest>) -> (Content, Option<Sum>) {
    let none = (NOT_READ, None);
    match found.kind() {
        FileType::Symlink => {
            let target = readlinkat(rustix::fs::CWD, path, Vec::new());
            target.map_or(none, |target| (half(&blake3::hash(target.to_bytes())), None))
        }
        FileType::RegularFile if found.size > MOST_READ => (
            half(&blake3::hash(&[found.seen, found.size].map(u64::to_le_bytes).concat())),
            None,
        ),
        FileType::RegularFile => read(path, found, sum).unwrap_or(none),
        _ => none,
    }
}

fn read(path: &Path, found: &Found, sum: Option<Digest>) -> io::Result<(Content, Option<Sum>)> {
    // Another sort of file may lie there by now: one that waits for a writer must not be waited for.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut file = File::from(open(path, flags, Mode::empty())?);
    if seen(&fstat(&file)?) != found.seen {
        return Ok((UNREAD, None));
    }
    let mut content = blake3::Hasher::new();
    let mut sum = sum.map(Summing::new);
    let size = usize::try_from(found.size).unwrap_or(PART);
    let mut held = vec![0; size.clamp(1, PART)];
    let mut left = found.size;
    while left > 0 {
        let most = held.len().min(usize::try_from(left).unwrap_or(PART));
        let part = file.read(&mut held[..most])?;
        if part == 0 {
            break;
        }
        content.update(&held[..part]);
        if let Some(sum) = &mut sum {
            sum.update(&held[..part]);
        }
        left -= part as u64;
    }
    if seen(&fstat(&file)?) != found.seen {
        return Ok((UNREAD, None));
    }
    Ok((half(&content.finalize()), sum.and_then(Summing::end)))
}

/// A sum being made.
enum Summing {
    Md5(Md5),
    Sha1(Context),
    Sha256(Sha256),
}

impl Summing {
    fn new(digest: Digest) -> Self {
        match digest {
            Digest::Md5 => Self::Md5(Md5::new()),
            Digest::Sha1 => Self::Sha1(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            Digest::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, part: &[u8]) {
        match self {
            Self::Md5(sum) => sum.update(part),
            Self::Sha1(sum) => sum.update(part),
            Self::Sha256(sum) => sum.update(part),
        }
    }

    /// Its first sixteen bytes.
    fn end(self) -> Option<Sum> {
        let first = |sum: &[u8]| sum.first_chunk().copied();
        match self {
            Self::Md5(sum) => first(&sum.finalize()),
            Self::Sha1(sum) => first(sum.finish().as_ref()),
            Self::Sha256(sum) => first(&sum.finalize()),
        }
    }
}

fn half(hash: &blake3::Hash) -> Content {
    let mut half = [0; 16];
    half.copy_from_slice(&hash.as_bytes()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn every_sort_of_file_is_looked_at_and_nothing_is_waited_for() {
        let tree = tempfile::tempdir().unwrap();
        let path = |name: &str| tree.path().join(name);
        fs::write(path("file"), "a").unwrap();
        fs::write(path("empty"), "").unwrap();
        symlink("/dev/zero", path("link")).unwrap();
        symlink("circle", path("circle")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        fs::File::create(path("sparse")).unwrap().set_len(5 << 30).unwrap();
        let listing = folder(tree.path()).unwrap();
        assert!(!listing.cut && folder(&path("circle")).is_err() && folder(&path("file")).is_err());
        let names: Vec<&str> = listing.files.iter().map(|found| found.name.to_str().unwrap()).collect();
        assert_eq!(names, ["circle", "empty", "fifo", "file", "link", "sparse"]);
        let [circle, empty, fifo, file, link, sparse] = &listing.files[..] else {
            panic!("six files");
        };
        let (told, sum) = content(&path("file"), file, Some(Digest::Md5));
        assert_eq!(told, half(&blake3::hash(b"a")));
        assert_eq!(sum.unwrap()[..4], [0x0c, 0xc1, 0x75, 0xb9]);
        let (_, sum) = content(&path("file"), file, Some(Digest::Sha256));
        assert_eq!(sum.unwrap()[..4], [0xca, 0x97, 0x81, 0x12]);
        let (_, sum) = content(&path("file"), file, Some(Digest::Sha1));
        assert_eq!(sum.unwrap()[..4], [0x86, 0xf7, 0xe4, 0x37]);
        assert_eq!(
            content(&path("link"), link, Some(Digest::Md5)).0,
            half(&blake3::hash(b"/dev/zero"))
        );
        assert_eq!(
            content(&path("circle"), circle, Some(Digest::Md5)).0,
            half(&blake3::hash(b"circle"))
        );
        assert_eq!(content(&path("fifo"), fifo, Some(Digest::Md5)), (NOT_READ, None));
        assert_eq!(content(&path("empty"), empty, None).0, half(&blake3::hash(b"")));
        assert_eq!(sparse.cost(), 0);
        assert_ne!(content(&path("sparse"), sparse, Some(Digest::Md5)).0, UNREAD);
        // It grew since it was looked at, or something else took its place.
        fs::write(path("file"), "ab").unwrap();
        assert_eq!(content(&path("file"), file, Some(Digest::Md5)), (UNREAD, None));
        fs::rename(path("fifo"), path("empty")).unwrap();
        assert_eq!(content(&path("empty"), empty, Some(Digest::Md5)), (UNREAD, None));
        fs::remove_file(path("file")).unwrap();
        assert_eq!(content(&path("file"), file, Some(Digest::Md5)), (NOT_READ, None));
    }
}
