//! How far ahead something is, in words.

use crate::{
    domain::{Crossing, Span, Timestamp},
    tui::text,
};

/// One end of an interval of times: a clock time within a day, else how long until then.
pub(super) fn ends(at: Option<Timestamp>, now: Timestamp) -> String {
    match at {
        None => "never".into(),
        Some(at) if at - now < Span::from_hours(24) => text::minute(at),
        Some(at) => (at - now).to_string(),
    }
}

pub(super) type Ends = [Option<Timestamp>; 2];

pub(super) fn ends80(crossing: &Crossing) -> Ends {
    [crossing.at[0], crossing.at[2]]
}

pub(super) fn ends95(crossing: &Crossing) -> Ends {
    crossing.at95
}

/// An interval of times; what lies beyond the horizon is `never`.
pub(super) fn interval(of: Ends, now: Timestamp) -> String {
    // What is past already is said once.
    match of.map(|at| ends(at, now)) {
        [from, to] if from == to => from,
        [from, to] => format!("{from}-{to}"),
    }
}

pub(super) fn until(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or("-".into(), |at| (at - now).to_string())
}

/// A round length of time: `6 h`, `7 d`.
pub(super) fn hours(span: Span) -> String {
    match span.0 / 3_600_000_000 {
        0 => span.to_string(),
        hours if hours >= 48 && hours % 24 == 0 => format!("{} d", hours / 24),
        hours => format!("{hours} h"),
    }
}
