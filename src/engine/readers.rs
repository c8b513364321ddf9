//! Reads sources: a thread a group, so that a hung mount stops its group alone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use tokio::sync::mpsc::Sender;

use super::{SourceRow, clock};
use crate::{
    domain::{Batch, Span, Timestamp, text::visible},
    observe::{Group, ObserveError, Source},
    pipeline::tempo::{Measured, Pace},
};

/// How often each source is to be read from now on.
pub type Order = Arc<BTreeMap<Arc<str>, Pace>>;

/// How long before its time a group is read that hands its batch over together with the metrics: most take less, and one step then does for both.
const AHEAD: Span = Span(200_000);
/// How fast the mean cost of a read forgets.
const RATE: f64 = 0.2;

/// What a group hands to the engine.
#[derive(Debug)]
pub struct Read {
    /// What was read; may be empty.
    pub batch: Batch,
    /// How its sources are.
    pub rows: Vec<SourceRow>,
    /// What the sources of metrics and settings among them cost.
    pub measured: Vec<Measured>,
    /// Scopes of settings that were told of for the first time, each with its source.
    pub scopes: Vec<(Arc<str>, Arc<str>)>,
    /// When the reading began.
    pub at: Timestamp,
    /// Whether nothing comes after it: a recording has ended, and there is no step in it.
    pub last: bool,
    /// Whether it was read shortly before the metrics are, and may wait for them.
    pub joins: bool,
}

/// Reads that told nothing, until the engine takes them with the next that does: how their sources are, and what they cost.
#[derive(Clone, Debug, Default)]
pub struct Quiet(Arc<Mutex<Vec<Read>>>);

impl Quiet {
    /// Reads that lie there at most; every group reads once or twice between two readings of the metrics.
    const MOST: usize = 64;

    /// Lays `read` there; gives back one that told something, or finds no room.
    fn lay(&self, read: Read) -> Option<Read> {
        match self.0.lock() {
            Ok(mut lie) if read.batch.is_empty() && lie.len() < Self::MOST => {
                lie.push(read);
                None
            }
            _ => Some(read),
        }
    }

    /// Takes all that lie there.
    pub fn take(&self) -> Vec<Read> {
        self.0
            .lock()
            .map(|mut lie| std::mem::take(&mut *lie))
            .unwrap_or_default()
    }
}

struct Scheduled {
    source: Box<dyn Source>,
    due: Timestamp,
    row: SourceRow,
    failures: u32,
    /// Mean processor time of a read, seconds.
    cost: f64,
    /// Scopes of settings it told of.
    scopes: Vec<Arc<str>>,
    /// Whether it told of metrics.
    meters: bool,
    /// When its settings last changed.
    changed: Option<Timestamp>,
    /// How long before the grid of its interval it is read.
    ahead: Span,
}

/// A group's sources with when each is due.
pub struct Reader {
    sources: Vec<Scheduled>,
    /// When it began: what happened before is told of by logs and histories.
    began: Timestamp,
    /// Whether it is read [`AHEAD`] of the metrics.
    joins: bool,
}

impl Reader {
    /// How each source is.
    pub fn rows(&self) -> impl Iterator<Item = &SourceRow> {
        self.sources.iter().map(|scheduled| &scheduled.row)
    }

    /// All sources are due at `now`.
    #[must_use]
    pub fn new(group: Group, off: &[Arc<str>], now: Timestamp) -> Self {
        let on = group
            .sources
            .into_iter()
            .filter(|source| !off.iter().any(|name| **name == *source.name()));
        let sources = on.map(|source| {
            let row = SourceRow {
                next: Some(now),
                ..SourceRow::new(source.name(), source.every())
            };
            Scheduled {
                source,
                due: now,
                row,
                failures: 0,
                cost: 0.0,
                scopes: Vec::new(),
                meters: false,
                changed: None,
                ahead: Span::ZERO,
            }
        });
        Self {
            sources: sources.collect(),
            began: now,
            joins: false,
        }
    }

    /// The same, read shortly before the metrics, whose interval is `interval`, so that one step takes both.
    #[must_use]
    pub fn ahead_of(mut self, interval: Span) -> Self {
        self.joins = true;
        for scheduled in &mut self.sources {
            scheduled.ahead = AHEAD.min(Span(interval.0 / 4));
        }
        self
    }

    /// Reads all that is due at `now`.
    pub fn read(&mut self, now: Timestamp) -> Read {
        let mut read = Read {
            batch: Batch::default(),
            rows: Vec::new(),
            measured: Vec::new(),
            scopes: Vec::new(),
            at: now,
            last: false,
            joins: self.joins,
        };
        let (used, whole) = (clock::thread_cpu(), clock::Stopwatch::start());
        let mut were_read = Vec::new();
        for (place, scheduled) in self.sources.iter_mut().enumerate() {
            if scheduled.due > now {
                continue;
            }
            let [metrics, snapshots, changes] = [
                read.batch.metrics.len(),
                read.batch.snapshots.len(),
                read.batch.changes.len(),
            ];
            let watch = clock::Stopwatch::start();
            let result = scheduled.source.read(now, &mut read.batch);
            scheduled.row.cost_ms = watch.elapsed().as_secs_f64() * 1e3;
            for meta in &mut read.batch.metrics[metrics..] {
                scheduled.meters = true;
                meta.cadence = Pace::of(scheduled.row.pace, meta.cadence);
            }
            for snapshot in &read.batch.snapshots[snapshots..] {
                if scheduled.scopes.contains(&snapshot.scope) {
                    if snapshot.settings.is_some() {
                        scheduled.changed = Some(now);
                    }
                } else {
                    scheduled.scopes.push(snapshot.scope.clone());
                    read.scopes.push((snapshot.scope.clone(), scheduled.row.name.clone()));
                }
            }
            if read.batch.changes.len() > changes {
                scheduled.changed = Some(now);
            }
            scheduled.take(result, now);
            scheduled.row.progress = scheduled.source.progress();
            read.rows.push(scheduled.row.clone());
            were_read.push(place);
        }
        for event in &mut read.batch.events {
            event.backfilled = event.at < self.began;
        }
        for change in &mut read.batch.past {
            change.backfilled = true;
        }
        // What one reading found may be reason to read another source soon.
        for scheduled in &mut self.sources {
            let soon = scheduled.source.soon().filter(|_| scheduled.row.ok);
            if soon.is_some_and(|soon| now + soon < scheduled.due) {
                scheduled.schedule(now);
                read.rows.push(scheduled.row.clone());
            }
        }
        // The system keeps the processor time of the thread: a source's part of it is its part of the time that passed.
        let whole = whole.elapsed().as_secs_f64().max(1e-9);
        let used = clock::thread_cpu().saturating_sub(used);
        let busy = (used.as_secs_f64() / whole).min(1.0);
        for place in were_read {
            let scheduled = &mut self.sources[place];
            let cost = scheduled.row.cost_ms / 1e3 * busy;
            scheduled.cost = if scheduled.cost > 0.0 {
                scheduled.cost + RATE * (cost - scheduled.cost)
            } else {
                cost
            };
            // What a piece of the past costs says nothing of what comes.
            let now_only = scheduled.row.ok && scheduled.row.progress.is_none();
            if now_only && (scheduled.meters || !scheduled.scopes.is_empty()) {
                read.measured.push(Measured {
                    name: scheduled.row.name.clone(),
                    every: scheduled.source.every(),
                    cost: scheduled.cost,
                    changed: scheduled.changed,
                    settings: !scheduled.meters,
                    stepped: scheduled.source.stepped(),
                });
            }
        }
        read
    }

    /// Reads from now on as often as `order` says.
    fn follow(&mut self, order: &Order, now: Timestamp) {
        for scheduled in &mut self.sources {
            let Some(pace) = order.get(&scheduled.row.name) else {
                continue;
            };
            let other = pace.doublings != scheduled.row.pace;
            (scheduled.row.pace, scheduled.row.why) = (pace.doublings, pace.why.clone());
            if other && scheduled.row.ok {
                scheduled.schedule(now);
            }
        }
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

    /// Reads on a thread of its own, as often as `orders` say, until they hang up. The channel is bounded: a slow engine makes the reader wait, and it
    /// then reads later rather than more often.
    ///
    /// What tells nothing but that it was read wakes nobody: it lies in `quiet` until something is told.
    pub fn run(mut self, name: &str, into: Sender<Read>, quiet: Quiet, orders: mpsc::Receiver<Order>) {
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
                match orders.recv_timeout(wait.into()) {
                    Ok(order) => self.follow(&order, clock::now()),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
                let now = clock::now();
                if self.due().is_none_or(|due| due > now) {
                    continue;
                }
                let Some(read) = quiet.lay(self.read(now)) else {
                    continue;
                };
                if into.blocking_send(read).is_err() {
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
        let every = Pace::of(self.row.pace, self.source.every());
        if self.row.absent {
            Span::from_mins(1).max(every)
        } else if self.failures == 0 {
            // What waits was seen already, and the tempo is no reason to tell it later.
            self.source.soon().map_or(every, |soon| soon.min(every))
        } else {
            (every * (1 << self.failures.min(8))).min(Span::from_mins(10).max(every))
        }
    }

    fn take(&mut self, result: Result<(), ObserveError>, now: Timestamp) {
        let error = result.err();
        // A remark is of what was read whole. What was read as far as it can be is no reason to read it less often.
        let whole = matches!(error, None | Some(ObserveError::Remark { .. }));
        let read = whole || matches!(error, Some(ObserveError::Partly { .. }));
        self.failures = if read { 0 } else { self.failures + 1 };
        if read {
            self.row.read = Some(now);
        }
        self.row.absent = matches!(error, Some(ObserveError::Absent { .. }));
        self.row.ok = whole;
        self.row.says = error.map_or_else(|| "".into(), |error| visible(&error.to_string()).into());
        self.schedule(now);
    }

    /// Sets when it is read next, after `now`.
    fn schedule(&mut self, now: Timestamp) {
        let every = self.interval();
        self.row.every = every;
        // On the grid of the interval, so that sources of one group share their wake-ups.
        self.due = (now + self.ahead).floor(every) + every - self.ahead;
        self.row.next = Some(self.due);
    }
}

#[cfg(test)]
mod tests;
