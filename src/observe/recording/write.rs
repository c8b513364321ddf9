//! Writes a recording.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

use super::{Header, Numbers, RecordingError, Redaction};
use crate::domain::{Batch, Timestamp};

/// A recording that is being written.
///
/// Every few seconds of writing what came before can be read back, so that a recorder that is killed leaves a file that plays.
pub struct Recorder {
    file: PathBuf,
    out: GzEncoder<BufWriter<File>>,
    numbers: Numbers,
    redaction: Option<Redaction>,
    synced: Timestamp,
}

impl Recorder {
    /// Microseconds of recorded time after which all that was written can be read back.
    const SYNC: i64 = 10_000_000;

    /// Begins `file`, which must not exist yet; only its owner may read it.
    ///
    /// # Errors
    /// [`RecordingError::Io`] when it exists or cannot be written.
    pub fn create(file: &Path, header: &Header, redaction: Option<Redaction>) -> Result<Self, RecordingError> {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let out = opened.map_err(|source| RecordingError::Io {
            file: file.into(),
            source,
        })?;
        let mut recorder = Self {
            file: file.into(),
            out: GzEncoder::new(BufWriter::new(out), Compression::default()),
            numbers: Numbers::default(),
            redaction,
            synced: header.from,
        };
        let header = recorder
            .redaction
            .as_mut()
            .map_or_else(|| header.clone(), |redaction| redaction.header(header));
        recorder.put(&header)?;
        Ok(recorder)
    }

    /// Adds a step: what was taken at `now`. Empty ones count too, as silence is something to judge.
    ///
    /// # Errors
    /// [`RecordingError::Io`] when it cannot be written.
    pub fn step(&mut self, batch: &Batch, now: Timestamp) -> Result<(), RecordingError> {
        let batch = match &mut self.redaction {
            Some(redaction) => redaction.batch(batch),
            None => batch.clone(),
        };
        let line = self.numbers.line(batch, now);
        self.put(&line)?;
        if (now - self.synced).0.abs() >= Self::SYNC {
            self.synced = now;
            let flushed = self.out.flush();
            self.io(flushed)?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// [`RecordingError::Io`] when it cannot be written.
    pub fn finish(mut self) -> Result<(), RecordingError> {
        let done = self.out.try_finish().and_then(|()| self.out.get_mut().flush());
        self.io(done)
    }

    fn put(&mut self, line: &impl serde::Serialize) -> Result<(), RecordingError> {
        let put = serde_json::to_writer(&mut self.out, line).map_err(Into::into);
        let put = put.and_then(|()| self.out.write_all(b"\n"));
        self.io(put)
    }

    fn io<T>(&self, done: std::io::Result<T>) -> Result<T, RecordingError> {
        done.map_err(|source| RecordingError::Io {
            file: self.file.clone(),
            source,
        })
    }
}
