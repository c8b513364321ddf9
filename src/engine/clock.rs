//! The one clock. Everything else is handed `now`.

use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::domain::{Span, Timestamp};

/// The time of day.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one clock")]
pub fn now() -> Timestamp {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
        Err(before) => Timestamp(-i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX)),
    }
}

/// Processor time this thread has taken.
#[must_use]
pub fn thread_cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// A clock that never jumps, for how long things take.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Tells when the time of day moved otherwise than time does: suspended, set by hand, stepped by NTP.
#[derive(Debug)]
pub struct JumpWatch {
    wall: Timestamp,
    steady: Stopwatch,
}

impl JumpWatch {
    /// Starts watching.
    #[must_use]
    pub fn start() -> Self {
        Self {
            wall: now(),
            steady: Stopwatch::start(),
        }
    }

    /// How far the wall clock moved beyond what passed since the last call, when that is five seconds or more.
    pub fn jumped(&mut self) -> Option<Span> {
        let (wall, passed) = (now(), Span::from(self.steady.elapsed()));
        let jump = Span((wall - self.wall).0 - passed.0);
        *self = Self {
            wall,
            steady: Stopwatch::start(),
        };
        (jump.0.abs() >= 5_000_000).then_some(jump)
    }
}
