//! The journal of the last days, a day a piece, the newest first.

use super::{PAUSE, REST, resource, told};
use crate::{
    domain::{Batch, ResourceId, Span, Timestamp},
    observe::{
        Host, ObserveError, Source,
        journal::{BACK, Journal},
        witness::Witness,
    },
};

/// Days that are read.
const DAYS: u32 = 7;

/// Reads the journal from before the first reading of the journal's own source.
pub(in crate::observe) struct JournalPast {
    journal: Journal,
    kept: bool,
    resource: ResourceId,
    /// Where the next piece ends, and how many were read.
    before: Option<Timestamp>,
    days: u32,
    events: usize,
}

impl JournalPast {
    /// The journal's past on `host`.
    pub(in crate::observe) fn new(host: &Host) -> Self {
        Self {
            // Who ran what so long ago changed nothing since watching began.
            journal: Journal::new(host, &Witness::default()),
            kept: Journal::kept(&host.root),
            resource: resource(host),
            before: None,
            days: 0,
            events: 0,
        }
    }
}

impl Source for JournalPast {
    fn name(&self) -> &'static str {
        "journal-past"
    }

    fn every(&self) -> Span {
        if self.days < DAYS { PAUSE } else { REST }
    }

    fn progress(&self) -> Option<(u64, u64)> {
        (self.kept && self.days < DAYS).then(|| (u64::from(self.days), u64::from(DAYS)))
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        if !self.kept {
            return Err(ObserveError::Absent {
                what: "the journal".into(),
            });
        }
        if self.days >= DAYS {
            return Ok(());
        }
        let to = self.before.unwrap_or(now - BACK);
        let from = to - Span::from_days(1);
        // A day that cannot be read is left out: the others may be.
        self.days += 1;
        self.before = Some(from);
        let before = out.events.len();
        let read = self.journal.between(from, to, out);
        self.events += out.events.len() - before;
        if self.days == DAYS {
            let what = format!("the journal of {DAYS} days before was read: {} events", self.events);
            told(&self.resource, what, now, out);
        }
        read
    }
}
