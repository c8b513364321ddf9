//! Log files that grow and are rotated: the lines that were added since the last look.
#![cfg(target_os = "linux")]

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{
    ObserveError,
    file::{failed, open},
    forerunner::renamed,
};

/// Most bytes that are taken at one look; of more, the newest.
const MOST_BYTES: u64 = 1 << 20;

/// A log file and how far it was read.
pub(super) struct Tail {
    path: PathBuf,
    /// Inode, and the byte after the last whole line that was read.
    at: Option<(u64, u64)>,
}

impl Tail {
    /// The log at `path`, not read yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, at: None }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The whole lines added since the last look, oldest first; at the first look all that are there, newest megabyte at most.
    ///
    /// When the file was rotated by name, the rest of the old one comes first; when it was cut off, it is read from its start.
    pub(super) fn lines(&mut self) -> Result<Vec<String>, ObserveError> {
        let io = |source| failed(&self.path, source);
        let mut file = open(&self.path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        let mut lines = Vec::new();
        let start = match self.at {
            Some((inode, offset)) if inode == meta.ino() && offset <= meta.size() => offset,
            Some((inode, offset)) if inode != meta.ino() => {
                // The old file may be gone or packed by now; what was added to it last is lost then.
                if let Some(mut old) = renamed(&self.path, inode) {
                    let _ = take(&mut old, offset, &mut lines);
                }
                0
            }
            _ => 0,
        };
        let end = take(&mut file, start, &mut lines).map_err(io)?;
        self.at = Some((meta.ino(), end));
        Ok(lines)
    }
}

/// Reads the whole lines from byte `start` on; gives the byte after the last of them.
fn take(file: &mut File, start: u64, lines: &mut Vec<String>) -> std::io::Result<u64> {
    let size = file.metadata()?.size();
    let from = start.max(size.saturating_sub(MOST_BYTES));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    let Some(last) = bytes.iter().rposition(|b| *b == b'\n') else {
        return Ok(from);
    };
    // After a jump the first line is likely a part of one.
    let first = match bytes.iter().position(|b| *b == b'\n') {
        Some(end) if from > start => end + 1,
        _ => 0,
    };
    let whole = bytes.get(first..last).unwrap_or_default();
    lines.extend(
        whole
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| String::from_utf8_lossy(line).into_owned()),
    );
    Ok(from + last as u64 + 1)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write as _};

    use super::*;
    use crate::observe::fixture::Tree;

    fn add(tree: &Tree, text: &str) {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(tree.path("log"))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn lines_come_once_through_rotation_and_cutting() {
        let tree = Tree::new();
        let mut tail = Tail::new(tree.path("log"));
        assert!(matches!(tail.lines(), Err(ObserveError::Absent { .. })));
        add(&tree, "one\ntwo\npar");
        assert_eq!(tail.lines().unwrap(), ["one", "two"]);
        assert!(tail.lines().unwrap().is_empty());
        add(&tree, "t\n");
        assert_eq!(tail.lines().unwrap(), ["part"]);
        add(&tree, "late\n");
        fs::rename(tree.path("log"), tree.path("log.1")).unwrap();
        add(&tree, "new\n");
        assert_eq!(tail.lines().unwrap(), ["late", "new"]);
        add(&tree, "later\n");
        fs::rename(tree.path("log"), tree.path("log-20261122")).unwrap();
        add(&tree, "newer\n");
        assert_eq!(tail.lines().unwrap(), ["later", "newer"], "it bears a date");
        tree.write("log", "c\n");
        assert_eq!(tail.lines().unwrap(), ["c"], "it was cut off and written anew");
    }

    #[test]
    fn of_a_flood_the_newest_are_taken() {
        let tree = Tree::new();
        let mut tail = Tail::new(tree.path("log"));
        add(&tree, "first\n");
        tail.lines().unwrap();
        add(
            &tree,
            &"x".repeat(99)
                .replace('x', "long line ")
                .repeat(2_000)
                .replace("ne long", "ne\nlong"),
        );
        add(&tree, "\nlast\n");
        let lines = tail.lines().unwrap();
        assert_eq!(lines.last().map(String::as_str), Some("last"));
        assert!(lines.iter().map(|line| line.len() + 1).sum::<usize>() as u64 <= MOST_BYTES);
    }
}
