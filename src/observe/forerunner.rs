//! The rotated forms of a log: which there are, and what is in one, however it is packed.
#![cfg(target_os = "linux")]

use std::{
    fs::{self, File},
    io::{self, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use flate2::read::MultiGzDecoder;

use super::{
    ObserveError,
    child::Filter,
    file::{failed, open},
};
use crate::domain::{Span, Timestamp};

/// Most forms of one log: a month of days.
const MOST: usize = 31;
/// Ends of names of what is packed, with what unpacks it without a word, in so much memory: whoever packed it has it. What has none cannot be unpacked.
const PACKED: [(&str, Option<&[&str]>); 7] = [
    ("gz", None),
    ("xz", Some(&["xz", "-d", "-c", "-q", "-T1", "-M128MiB"])),
    ("zst", Some(&["zstd", "-d", "-c", "-q", "-M128MB"])),
    ("bz2", Some(&["bzip2", "-d", "-c", "-q"])),
    ("lz4", None),
    ("lzo", None),
    ("Z", None),
];

/// A log, and when it was last written to.
#[derive(Debug)]
pub(super) struct Forerunner {
    pub(super) path: PathBuf,
    pub(super) written: Timestamp,
}

impl Forerunner {
    /// The log at `path`; `None` when it is no file that was written to at or after `since`.
    pub(super) fn of(path: PathBuf, since: Timestamp) -> Option<Self> {
        let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let age = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let written = Timestamp(0) + Span::from(age);
        (written >= since).then_some(Self { path, written })
    }

    /// What is in it, unpacked, to be read from its beginning. Of a plain one that is longer than `most` bytes only the last.
    ///
    /// # Errors
    /// When it cannot be opened; [`ObserveError::Absent`] when nothing on this system unpacks it.
    pub(super) fn unpacked(&self, most: u64) -> Result<Box<dyn Read + Send>, ObserveError> {
        let io = |source| failed(&self.path, source);
        let mut file = open(&self.path).map_err(io)?;
        let end = self.path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        Ok(match PACKED.iter().find(|(packed, _)| *packed == end) {
            Some(("gz", _)) => Box::new(MultiGzDecoder::new(file)),
            Some((_, Some([program, args @ ..]))) => Box::new(Filter::new(program, args, file)?),
            Some(_) => {
                return Err(ObserveError::Absent {
                    what: format!("what unpacks .{end}"),
                });
            }
            None => {
                let long = file.metadata().map_err(io)?.len().saturating_sub(most);
                file.seek(SeekFrom::Start(long)).map_err(io)?;
                Box::new(file)
            }
        })
    }

    /// The same as text, the first `most` bytes of it; of one that is damaged as much as can be read, with what is wrong.
    ///
    /// # Errors
    /// As [`Forerunner::unpacked`].
    pub(super) fn text(&self, most: u64) -> Result<(String, Option<io::Error>), ObserveError> {
        let mut bytes = Vec::new();
        let read = self.unpacked(most)?.take(most).read_to_end(&mut bytes);
        Ok((String::from_utf8_lossy(&bytes).into_owned(), read.err()))
    }
}

/// What the file `name` is called unpacked; `None` of one that is not packed.
pub(super) fn packed(name: &str) -> Option<&str> {
    let unpacked = |(end, _): &(&str, _)| name.strip_suffix(end)?.strip_suffix('.');
    PACKED.iter().find_map(unpacked)
}

/// The rotated forms of `log` that were written to at or after `since`, the newest first: `log.1`, `log.2.gz` and `log-20261122.xz`, as
/// logrotate(8) numbers or dates them.
pub(super) fn forerunners(log: &Path, since: Timestamp) -> Vec<Forerunner> {
    let (Some(folder), Some(own)) = (log.parent(), log.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let rotated = files.filter(|file| file.file_name().to_str().is_some_and(|name| bare(name, own).is_some()));
    let mut found: Vec<Forerunner> = rotated.filter_map(|file| Forerunner::of(file.path(), since)).collect();
    found.sort_by(|one, other| (other.written, &one.path).cmp(&(one.written, &other.path)));
    // While one is being packed there are two of it, of which the plain one is whole.
    let plain: Vec<PathBuf> = found.iter().map(|one| one.path.clone()).collect();
    found.retain(|one| {
        let name = one.path.to_str().unwrap_or_default();
        !plain.iter().any(|plain| packed(name) == plain.to_str())
    });
    found.truncate(MOST);
    found
}

/// What rotation put behind the name `own` in `name`: a number or a date.
fn bare<'a>(name: &'a str, own: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(own)?.strip_prefix(['.', '-'])?;
    let bare = packed(rest).unwrap_or(rest);
    let only = bare.bytes().all(|b| b.is_ascii_digit() || b"-_.:".contains(&b));
    (only && bare.starts_with(|c: char| c.is_ascii_digit())).then_some(bare)
}

/// The plain rotated form of `log` that is the file `inode`.
pub(super) fn renamed(log: &Path, inode: u64) -> Option<File> {
    use std::os::unix::fs::MetadataExt as _;

    forerunners(log, Timestamp(0))
        .into_iter()
        .filter_map(|one| open(&one.path).ok())
        .find(|file| file.metadata().is_ok_and(|meta| meta.ino() == inode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::Tree;

    #[test]
    fn rotated_logs_are_known_by_number_and_by_date() {
        let tree = Tree::new();
        let names = [
            "syslog",
            "syslog.1",
            "syslog.2.gz",
            "syslog-20261121",
            "syslog-2026-11-20.xz",
            "syslog-20261119-1763500000.zst",
            "syslog.old",
            "syslog.1.txt",
            "syslog-ng.log",
            "syslog.3",
            "syslog.3.gz",
            "auth.log.1",
        ];
        for (age, name) in names.iter().enumerate() {
            tree.write(&format!("log/{name}"), "x");
            tree.written(&format!("log/{name}"), Timestamp::from_secs(1_000_000 - age as i64));
        }
        let found = forerunners(&tree.path("log/syslog"), Timestamp(0));
        let found: Vec<_> = found
            .iter()
            .map(|one| one.path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(found, [&names[1..6], &["syslog.3"]].concat());
        assert_eq!(
            forerunners(&tree.path("log/syslog"), Timestamp::from_secs(999_998)).len(),
            2
        );
        assert!(forerunners(&tree.path("none/syslog"), Timestamp(0)).is_empty());
    }

    #[test]
    fn what_is_packed_is_unpacked_by_the_program_that_packs() {
        let tree = Tree::new();
        let read = |name: &str, text: &[u8]| {
            tree.write(name, text);
            let read = Forerunner::of(tree.path(name), Timestamp(0)).unwrap().text(6);
            read.map(|(text, damage)| (text, damage.is_some()))
        };
        assert_eq!(read("log.1", b"one\nthree\n").unwrap(), ("three\n".into(), false));
        assert!(matches!(read("log.2.lz4", b"?"), Err(ObserveError::Absent { .. })));
        for (end, program) in [("xz", "xz"), ("zst", "zstd"), ("bz2", "bzip2")] {
            let plain = tree.path("plain");
            tree.write("plain", "one\nthree\n");
            let packed = std::process::Command::new(program).arg("-c").arg(plain).output();
            // A host without the program cannot have packed with it.
            let Ok(packed) = packed else { continue };
            assert_eq!(
                read(&format!("log.3.{end}"), &packed.stdout).unwrap(),
                ("one\nth".into(), false),
                "{end}"
            );
            assert_eq!(
                read(&format!("log.4.{end}"), b"?").unwrap(),
                (String::new(), true),
                "{end}"
            );
        }
    }
}
