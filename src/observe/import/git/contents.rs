//! Contents of a repository's files, by their names.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use super::{git, io};
use crate::observe::ObserveError;

/// Larger files are data, not settings.
const MOST_BYTES: u64 = 4 << 20;

/// `git cat-file --batch`: contents by their names, one after the other.
pub(super) struct Contents {
    child: Child,
    ask: Option<ChildStdin>,
    answer: BufReader<ChildStdout>,
}

impl Contents {
    pub fn open(folder: &Path) -> Result<Self, ObserveError> {
        let mut command = git(folder);
        command
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ObserveError::Absent { what: "git".into() },
            _ => io("git", source),
        })?;
        let answer = child.stdout.take().expect("standard output was asked for");
        Ok(Self {
            ask: child.stdin.take(),
            answer: BufReader::new(answer),
            child,
        })
    }

    /// `None` when there is no such content, or it is too large.
    pub fn of(&mut self, name: &str) -> std::io::Result<Option<Vec<u8>>> {
        let Some(ask) = self.ask.as_mut() else { return Ok(None) };
        writeln!(ask, "{name}")?;
        ask.flush()?;
        let mut head = String::new();
        if self.answer.by_ref().take(1_024).read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        // `NAME blob SIZE`, or `NAME missing`.
        let Some(size) = head
            .trim_end()
            .rsplit_once(' ')
            .and_then(|(_, size)| size.parse::<u64>().ok())
        else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        let got = if size <= MOST_BYTES {
            self.answer.by_ref().take(size).read_to_end(&mut bytes)? as u64
        } else {
            std::io::copy(&mut self.answer.by_ref().take(size), &mut std::io::sink())?
        };
        // A line's end follows every content.
        if got < size || self.answer.by_ref().take(1).read_to_end(&mut Vec::new())? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok((size <= MOST_BYTES).then_some(bytes))
    }
}

impl Drop for Contents {
    fn drop(&mut self) {
        // Without questions it ends by itself.
        self.ask = None;
        let _ = self.child.wait();
    }
}
