//! Reading whole files, with errors that name them.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use all of it")
)]

use std::{
    borrow::Cow,
    ffi::OsStr,
    fs::{File, Metadata},
    io::{self, Read, Seek as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use super::ObserveError;

/// Most bytes of a file that is read whole.
const MOST_BYTES: u64 = 64 << 20;

/// A file that is read whole again and again, into one buffer. One of the kernel's own stays open: finding it costs as much as reading it.
pub(super) struct Again {
    path: PathBuf,
    held: Vec<u8>,
    stays: bool,
    file: Option<File>,
}

impl Again {
    /// The file `path` under `root`.
    pub(super) fn new(root: &Path, path: &str) -> Self {
        Self {
            path: root.join(path),
            held: Vec::new(),
            stays: root == Path::new("/") && path.starts_with("proc/"),
            file: None,
        }
    }

    /// What is in it now.
    pub(super) fn bytes(&mut self) -> Result<&[u8], ObserveError> {
        if !self.again() {
            self.held.clear();
            let file = open(&self.path).map_err(|source| failed(&self.path, source))?;
            (&file)
                .take(MOST_BYTES)
                .read_to_end(&mut self.held)
                .map_err(|source| failed(&self.path, source))?;
            self.file = self.stays.then_some(file);
        }
        Ok(&self.held)
    }

    /// Reads the file that stayed open from its begin; `false` when none did, or it can no longer be read.
    fn again(&mut self) -> bool {
        let Some(mut file) = self.file.take() else {
            return false;
        };
        self.held.clear();
        let read = file
            .rewind()
            .and_then(|()| (&file).take(MOST_BYTES).read_to_end(&mut self.held));
        self.file = read.is_ok().then_some(file);
        self.file.is_some()
    }

    /// What is in it now as text; bytes that are not UTF-8 become U+FFFD.
    pub(super) fn text(&mut self) -> Result<Cow<'_, str>, ObserveError> {
        self.bytes().map(String::from_utf8_lossy)
    }

    /// The error for content that makes no sense.
    pub(super) fn malformed(&self, why: impl ToString) -> ObserveError {
        ObserveError::Malformed {
            what: self.path.display().to_string(),
            why: why.to_string(),
        }
    }
}

/// A file's name as text, from which it can be told again: a byte that is not UTF-8 is written `\xff`, and a backslash that could be
/// taken for the begin of that, or of what [`visible`](crate::domain::text::visible) writes, is written `\x5c`. Any other name, also the
/// `a\x2db` of systemd, stays as it is.
pub(super) fn name_of(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        let valid = chunk.valid();
        let mut from = 0;
        for (at, _) in valid.match_indices('\\') {
            let rest = &valid.as_bytes()[at + 1..];
            let taken = match rest {
                [b't' | b'n' | b'r', ..] | [b'u', b'{', ..] | [b'x', b'5', b'c', ..] => true,
                [b'x', high, low, ..] => {
                    matches!(high, b'8' | b'9' | b'a'..=b'f') && matches!(low, b'0'..=b'9' | b'a'..=b'f')
                }
                _ => false,
            };
            if taken {
                text += &valid[from..at];
                text += "\\x5c";
                from = at + 1;
            }
        }
        text += &valid[from..];
        for byte in chunk.invalid() {
            text += &format!("\\x{byte:02x}");
        }
    }
    text
}

/// The text of a small file without the space around it, if it is there and may be read.
pub(super) fn small(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    open(path).ok()?.take(1 << 20).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Opens a file to read. Where a FIFO or a device lies in its place, neither this nor the reading waits for anyone.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut open = File::options();
    open.read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    open.open(path)
}

/// The content of a regular file, its first `most` bytes; `None` when it is none or cannot be read.
///
/// A FIFO or a device is never opened for reading: that could wait for ever, or do something.
pub(super) fn plain_file(path: &Path, most: u64) -> Option<Vec<u8>> {
    let about = std::fs::metadata(path).ok().filter(Metadata::is_file)?;
    let mut bytes = Vec::with_capacity(usize::try_from(about.len().min(most)).ok()?);
    open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The error of a source for an error of the system about `path`.
pub(super) fn failed(path: &Path, source: io::Error) -> ObserveError {
    let what = path.display().to_string();
    match source.kind() {
        io::ErrorKind::NotFound => ObserveError::Absent { what },
        io::ErrorKind::PermissionDenied => ObserveError::Denied { what, source },
        // A kernel without PSI switched on answers EOPNOTSUPP, one without a driver ENODEV or ENXIO.
        io::ErrorKind::Unsupported => ObserveError::Absent { what },
        _ => ObserveError::Io { what, source },
    }
}

/// What tells a file from its next version without reading it: inode, size, modification and status change in nanoseconds.
pub(super) type Mark = (u64, u64, i128, i128);

/// The mark of a file.
pub(super) fn mark(meta: &Metadata) -> Mark {
    let time = |secs: i64, nanos: i64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
    (
        meta.ino(),
        meta.size(),
        time(meta.mtime(), meta.mtime_nsec()),
        time(meta.ctime(), meta.ctime_nsec()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_in_place_of_a_file_holds_nobody_up() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("fifo");
        let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(rustix::fs::CWD, &path, kind, mode, 0).unwrap();
        assert_eq!(small(&path).as_deref(), Some(""));
        assert_eq!(plain_file(&path, 10), None);
        assert_eq!(plain_file(Path::new("/dev/zero"), 10), None);
        assert_eq!(Again::new(root.path(), "fifo").bytes().unwrap(), b"");
    }

    /// Reads back what [`name_of`] and then `visible` wrote.
    fn read_back(text: &str) -> Vec<u8> {
        let (mut bytes, mut rest) = (Vec::new(), text);
        while let Some(c) = rest.chars().next() {
            let escape = rest.strip_prefix('\\').and_then(|after| {
                let code = |digits: &str| u32::from_str_radix(digits, 16).ok();
                match after.as_bytes().first()? {
                    b't' => Some((vec![b'\t'], 2)),
                    b'n' => Some((vec![b'\n'], 2)),
                    b'r' => Some((vec![b'\r'], 2)),
                    b'u' => {
                        let digits = after.strip_prefix("u{")?.split_once('}')?.0;
                        let c = char::from_u32(code(digits)?)?;
                        Some((c.to_string().into_bytes(), digits.len() + 4))
                    }
                    b'x' => {
                        let digits = after.get(1..3)?;
                        let byte = u8::try_from(code(digits)?).ok()?;
                        let ours = (byte >= 0x80 || byte == b'\\') && digits == format!("{byte:02x}");
                        ours.then_some((vec![byte], 4))
                    }
                    _ => None,
                }
            });
            let (read, long) = escape.unwrap_or_else(|| (c.to_string().into_bytes(), c.len_utf8()));
            bytes.extend(read);
            rest = &rest[long..];
        }
        bytes
    }

    proptest::proptest! {
        #[test]
        fn every_name_can_be_told_again(bytes in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::prelude::any::<u8>(),
                proptest::sample::select(b"\\\\xu{}5cf8ntr\xff\xc3\xa4\x1b".to_vec()),
            ],
            0..24,
        )) {
            let text = name_of(OsStr::from_bytes(&bytes));
            proptest::prop_assert_eq!(read_back(&crate::domain::text::visible(&text)), bytes);
        }
    }

    #[test]
    fn everyday_names_stay_as_they_are() {
        for name in ["passwd", "dev-disk-by\\x2duuid.device", "caf\u{e9}", "a\\b", "\u{fffd}"] {
            assert_eq!(name_of(OsStr::new(name)), name);
        }
        assert_eq!(name_of(OsStr::from_bytes(b"a\xffb\\xff")), "a\\xffb\\x5cxff");
    }

    #[test]
    fn errors_name_the_file_and_what_stands_in_the_way() {
        let root = tempfile::tempdir().unwrap();
        let mut file = Again::new(root.path(), "proc/stat");
        assert!(matches!(file.bytes(), Err(ObserveError::Absent { what }) if what.ends_with("proc/stat")));
        std::fs::create_dir(root.path().join("proc")).unwrap();
        std::fs::write(root.path().join("proc/stat"), b"a\xffb").unwrap();
        assert_eq!(file.text().unwrap(), "a\u{fffd}b");
        std::fs::write(root.path().join("proc/stat"), "c").unwrap();
        assert_eq!(file.text().unwrap(), "c");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_of_the_kernel_that_stays_open_is_read_anew() {
        let mut file = Again::new(Path::new("/"), "proc/thread-self/comm");
        for now in ["first", "a second", "3"] {
            std::fs::write("/proc/thread-self/comm", now).unwrap();
            assert_eq!(file.text().unwrap(), format!("{now}\n"));
        }
    }
}
