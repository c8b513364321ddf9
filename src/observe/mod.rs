//! Sources: one file a source. A source reads and says what it read; it judges nothing and changes nothing.

use crate::domain::{Batch, Span, Timestamp};

/// Something that can be read again and again.
pub trait Source: Send {
    /// Its name, as in `doctor`, the Overview and the option `sources_off`.
    fn name(&self) -> &'static str;

    /// How long after one read the next is due.
    fn every(&self) -> Span;

    /// Reads what is there now into `out`. Blocking is allowed: every source runs on its group's own thread.
    ///
    /// # Errors
    /// [`ObserveError`] when the whole source cannot be read; what could be read is in `out` all the same. The engine asks
    /// again later, less often, and tells once.
    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError>;
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// What it reads is not on this system (no systemd, no PSI in the kernel). It is not asked again soon.
    #[error("{what} is not on this system")]
    Absent {
        /// The missing thing.
        what: String,
    },
    /// It is there and may not be read.
    #[error("{what} may not be read: {source}")]
    Denied {
        /// The thing.
        what: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// It is there, was read, and made no sense.
    #[error("{what}: {why}")]
    Malformed {
        /// The thing, with line where there is one.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Reading failed otherwise.
    #[error("{what}: {source}")]
    Io {
        /// The thing.
        what: String,
        /// The system's words.
        source: std::io::Error,
    },
}
