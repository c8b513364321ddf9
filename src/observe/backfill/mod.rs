//! What happened before watching began, read in the background a piece at a time.
#![cfg(target_os = "linux")]

mod archive;
mod atop;
mod commits;
mod journal;
mod syslog;
mod sysstat;

pub(super) use atop::atop;
pub(super) use commits::Commits;
pub(super) use journal::JournalPast;
pub(super) use syslog::SyslogPast;
pub(super) use sysstat::sysstat;

use super::Host;
use crate::domain::{Batch, Event, EventKind, ResourceId, Span, Timestamp};

/// How far back it goes.
const BACK: Span = Span::from_days(30);
/// Between two pieces.
const PAUSE: Span = Span::from_secs(2);
/// Between two looks for more, when all was read.
const REST: Span = Span::from_hours(1);

/// Says on the timeline what was read of the past.
fn told(resource: &ResourceId, what: String, now: Timestamp, out: &mut Batch) {
    out.events.push(Event {
        at: now,
        resource: resource.clone(),
        kind: EventKind::Collector,
        what: what.into(),
        who: None,
        backfilled: false,
    });
}

/// Whose past it is.
fn resource(host: &Host) -> ResourceId {
    host.resource.clone()
}
