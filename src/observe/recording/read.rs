//! Reads a recording.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Error, ErrorKind, Read},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_setfl},
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Header, Line, Numbers, RecordingError, VERSION};
use crate::domain::{Batch, Timestamp};

/// How long a pipe is waited for until somebody writes into it, seconds.
const PATIENCE: i64 = 10;

/// A recording that is being read, step by step.
pub struct Recording {
    file: PathBuf,
    header: Header,
    lines: BufReader<Box<dyn Read + Send>>,
    line: u64,
    cut: bool,
    numbers: Numbers,
}

impl Recording {
    /// Longest line that is taken, bytes: a step with every setting of a large host is a few megabytes.
    const LONGEST: u64 = 256 << 20;

    /// Opens `file`, which may be a pipe, and reads its header. Recordings that were unpacked play too.
    ///
    /// # Errors
    /// [`RecordingError`] when it cannot be read, is no recording, or a newer program wrote it.
    pub fn open(file: &Path) -> Result<Self, RecordingError> {
        let io = |source| RecordingError::Io {
            file: file.into(),
            source,
        };
        let mut lines = BufReader::new(opened(file).map_err(io)?);
        let packed = lines.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
        let lines: Box<dyn Read + Send> = if packed {
            Box::new(MultiGzDecoder::new(lines))
        } else {
            Box::new(lines)
        };
        let mut recording = Self {
            file: file.into(),
            header: Header {
                foreshadow_recording: VERSION,
                program: "".into(),
                resources: Vec::new(),
                from: Timestamp(0),
                interval: crate::domain::Span::ZERO,
                redacted: false,
            },
            lines: BufReader::new(lines),
            line: 0,
            cut: false,
            numbers: Numbers::default(),
        };
        let none = || RecordingError::Malformed {
            file: file.into(),
            line: 1,
            why: "this is no recording of foreshadow".into(),
        };
        let first: Json = match recording.next_line() {
            Ok(first) => first.ok_or_else(none)?,
            Err(RecordingError::Malformed { .. }) => return Err(none()),
            Err(error) => return Err(error),
        };
        let version = first["foreshadow_recording"].as_u64().filter(|version| *version > 0);
        let version = version.ok_or_else(none)?;
        if version > u64::from(VERSION) {
            return Err(RecordingError::Newer {
                file: file.into(),
                program: crate::domain::text::visible(first["program"].as_str().unwrap_or("?")).into_owned(),
                version,
            });
        }
        recording.header = serde_json::from_value(first).map_err(|error| recording.malformed(&error.to_string()))?;
        Ok(recording)
    }

    /// The file that is read.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What its first line says.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The line, from 1, in whose middle the file ends, once it has been read so far; `None` where it ends with a whole step.
    #[must_use]
    pub fn cut(&self) -> Option<u64> {
        self.cut.then_some(self.line)
    }

    /// The next step and when it was taken; `None` at the end. A file that ends in the middle of a step, because its recorder was
    /// killed, ends with the step before, and [`Recording::cut`] says where.
    ///
    /// # Errors
    /// [`RecordingError`] when the file cannot be read further.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could be used after its first error"
    )]
    pub fn next(&mut self) -> Result<Option<(Batch, Timestamp)>, RecordingError> {
        let Some(line) = self.next_line::<Line>()? else {
            return Ok(None);
        };
        let now = line.now;
        let batch = self.numbers.batch(line).map_err(|why| self.malformed(&why))?;
        Ok(Some((batch, now)))
    }

    fn next_line<T: DeserializeOwned>(&mut self) -> Result<Option<T>, RecordingError> {
        self.line += 1;
        let mut text = Vec::new();
        let read = (&mut self.lines).take(Self::LONGEST).read_until(b'\n', &mut text);
        match read {
            // Cut off inside the compressed stream.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && self.line > 1 => {
                self.cut = true;
                return Ok(None);
            }
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput) => {
                return Err(self.malformed("the compressed data are damaged"));
            }
            Err(source) => {
                return Err(RecordingError::Io {
                    file: self.file.clone(),
                    source,
                });
            }
            Ok(0) => return Ok(None),
            Ok(_) => {}
        }
        if text.last() != Some(&b'\n') {
            if text.len() as u64 >= Self::LONGEST {
                return Err(self.malformed("the line is longer than any step"));
            }
            if self.line > 1 {
                self.cut = true;
                return Ok(None);
            }
        }
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error: serde_json::Error| {
                let why = error.to_string();
                // The line stands before it already.
                let why = why.split(" at line ").next().unwrap_or(&why);
                self.malformed(&format!("{why} at column {}", error.column().max(1)))
            })
    }

    fn malformed(&self, why: &str) -> RecordingError {
        RecordingError::Malformed {
            file: self.file.clone(),
            line: self.line,
            why: crate::domain::text::visible(why).into_owned(),
        }
    }
}

/// Opens a file, or a pipe into which somebody writes soon.
fn opened(path: &Path) -> std::io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() {
        return File::open(path);
    }
    if !kind.is_fifo() {
        return Err(Error::other("it is neither a file nor a pipe"));
    }
    // Opened as usual it would wait for a writer for ever.
    let waits = OFlags::NONBLOCK.bits().cast_signed();
    let pipe = OpenOptions::new().read(true).custom_flags(waits).open(path)?;
    let mut wanted = [PollFd::new(&pipe, PollFlags::IN)];
    let patience = Timespec {
        tv_sec: PATIENCE,
        tv_nsec: 0,
    };
    if poll(&mut wanted, Some(&patience))? == 0 {
        return Err(Error::other(format!("nobody wrote into this pipe for {PATIENCE} s")));
    }
    fcntl_setfl(&pipe, OFlags::empty())?;
    Ok(pipe)
}
