//! Reads sources: a thread a group, so that a hung mount stops its group alone.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use tokio::sync::mpsc::Sender;

use super::{SourceRow, clock};
use crate::{
    domain::{Batch, Span, Timestamp},
    observe::{Group, ObserveError, Source},
};

/// What a group hands to the engine.
#[derive(Debug)]
pub struct Read {
    /// What was read; may be empty.
    pub batch: Batch,
    /// How its sources are.
    pub rows: Vec<SourceRow>,
    /// When the reading began.
    pub at: Timestamp,
    /// Whether nothing comes after it: a recording has ended, and there is no step in it.
    pub last: bool,
}

struct Scheduled {
    source: Box<dyn Source>,
    due: Timestamp,
    row: SourceRow,
    failures: u32,
    /// Whether the last read found nothing to read.
    absent: bool,
}

/// A group's sources with when each is due.
pub struct Reader {
    sources: Vec<Scheduled>,
}

impl Reader {
    /// All sources are due at `now`.
    #[must_use]
    pub fn new(group: Group, off: &[Arc<str>], now: Timestamp) -> Self {
        let on = group
            .sources
            .into_iter()
            .filter(|source| !off.iter().any(|name| **name == *source.name()));
        let sources = on.map(|source| {
            let row = SourceRow {
                name: source.name().into(),
                ok: true,
                says: "".into(),
                read: None,
                cost_ms: 0.0,
                every: source.every(),
                next: Some(now),
            };
            Scheduled {
                source,
                due: now,
                row,
                failures: 0,
                absent: false,
            }
        });
        Self {
            sources: sources.collect(),
        }
    }

    /// Reads all that is due at `now`.
    pub fn read(&mut self, now: Timestamp) -> Read {
        let mut read = Read {
            batch: Batch::default(),
            rows: Vec::new(),
            at: now,
            last: false,
        };
        for scheduled in self.sources.iter_mut().filter(|scheduled| scheduled.due <= now) {
            let watch = clock::Stopwatch::start();
            let result = scheduled.source.read(now, &mut read.batch);
            scheduled.row.cost_ms = watch.elapsed().as_secs_f64() * 1e3;
            scheduled.take(result, now);
            read.rows.push(scheduled.row.clone());
        }
        read
    }

    /// Reads everything, due or not.
    pub fn read_all(&mut self, now: Timestamp) -> Read {
        for scheduled in &mut self.sources {
            scheduled.due = now;
        }
        self.read(now)
    }

    /// When the next source is due; `None` without sources.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.sources.iter().map(|scheduled| scheduled.due).min()
    }

    /// Reads on a thread of its own until `stop` hangs up. The channel is bounded: a slow engine makes the reader wait, and it
    /// then reads later rather than more often.
    pub fn run(mut self, name: &str, into: Sender<Read>, stop: mpsc::Receiver<()>) {
        let spawned = thread::Builder::new().name(name.into()).spawn(move || {
            while let Some(due) = self.due() {
                let wait = (due - clock::now()).max(Span::ZERO);
                // A wall clock set back must not silence the source for hours.
                let longest = self
                    .sources
                    .iter()
                    .map(|scheduled| scheduled.interval())
                    .max()
                    .unwrap_or(wait);
                if wait > longest {
                    self.hurry(clock::now());
                    continue;
                }
                if !matches!(stop.recv_timeout(wait.into()), Err(mpsc::RecvTimeoutError::Timeout)) {
                    return;
                }
                let now = clock::now();
                if self.due().is_some_and(|due| due <= now) && into.blocking_send(self.read(now)).is_err() {
                    return;
                }
            }
        });
        if let Err(error) = spawned {
            tracing::error!("the reader {name} cannot be started: {error}");
        }
    }

    /// Makes all sources due after the clock went back.
    fn hurry(&mut self, now: Timestamp) {
        for scheduled in &mut self.sources {
            scheduled.due = scheduled.due.min(now + scheduled.interval());
        }
    }
}

impl Scheduled {
    /// The time to the next read: longer after failures, up to ten minutes. What is absent costs next to nothing to look for, and is
    /// asked for every minute.
    fn interval(&self) -> Span {
        let every = self.source.every();
        if self.absent {
            Span::from_mins(1).max(every)
        } else if self.failures == 0 {
            every
        } else {
            (every * (1 << self.failures.min(8))).min(Span::from_mins(10).max(every))
        }
    }

    fn take(&mut self, result: Result<(), ObserveError>, now: Timestamp) {
        match result {
            Ok(()) => {
                (self.failures, self.absent) = (0, false);
                self.row.ok = true;
                self.row.says = "".into();
                self.row.read = Some(now);
            }
            // Read as far as it can be: no reason to read it less often.
            Err(error @ ObserveError::Partly { .. }) => {
                (self.failures, self.absent) = (0, false);
                self.row.ok = false;
                self.row.says = crate::domain::text::visible(&error.to_string()).into();
                self.row.read = Some(now);
            }
            Err(error) => {
                self.absent = matches!(error, ObserveError::Absent { .. });
                self.failures += 1;
                self.row.ok = false;
                self.row.says = crate::domain::text::visible(&error.to_string()).into();
            }
        }
        let every = self.interval();
        self.row.every = every;
        // On the grid of the interval, so that sources of one group share their wake-ups.
        self.due = now.floor(every) + every;
        self.row.next = Some(self.due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scripted(Vec<Result<(), ObserveError>>);

    impl Source for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        fn every(&self) -> Span {
            Span::from_secs(2)
        }

        fn read(&mut self, _: Timestamp, _: &mut Batch) -> Result<(), ObserveError> {
            self.0.remove(0)
        }
    }

    #[test]
    fn what_is_absent_is_looked_for_every_minute_and_says_when() {
        let absent = || Err(ObserveError::Absent { what: "a log".into() });
        let group = Group {
            name: "scripted",
            sources: vec![Box::new(Scripted(vec![absent(), absent(), Ok(())]))],
        };
        let minute = |number| Timestamp(0) + Span::from_mins(number);
        let mut reader = Reader::new(group, &[], minute(5));
        for number in [5, 6] {
            let read = reader.read(minute(number));
            assert!(!read.rows[0].ok && read.rows[0].says.contains("a log"));
            assert_eq!(read.rows[0].next, Some(minute(number + 1)));
        }
        let read = reader.read(minute(7));
        assert_eq!(
            (read.rows[0].ok, read.rows[0].next),
            (true, Some(minute(7) + Span::from_secs(2)))
        );
    }
}
