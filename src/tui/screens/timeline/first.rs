//! What came first of what is shown, and what belongs together with it.

use super::incident;
use crate::{
    domain::{Cause, Finding, Mark, Seen, SeriesId, Span, Timestamp},
    drift::Incident,
    tui::{
        state::State,
        text::{self, about, clock, minute, telling},
    },
};

/// The first sign of what is shown.
pub(super) struct Sign<'a> {
    pub finding: &'a Finding,
    /// What may have brought it about.
    pub cause: Option<&'a Cause>,
}

impl Sign<'_> {
    fn at(&self) -> Timestamp {
        self.cause.map_or(self.finding.since, |cause| cause.at)
    }

    /// When it may have been at the earliest.
    pub fn earliest(&self) -> Timestamp {
        let earliest = match self.cause {
            Some(cause) => cause.earliest,
            None => self.finding.earliest,
        };
        earliest.unwrap_or(self.at())
    }
}

/// The findings known of an incident, oldest first.
pub(super) fn members<'a>(state: &'a State, found: &'a Incident) -> impl Iterator<Item = &'a Finding> {
    let all = state.timeline.data.iter().flat_map(|data| &data.findings);
    all.filter(|finding| finding.since >= found.from && found.to.is_none_or(|to| finding.since <= to))
        .filter(|finding| finding.series.iter().any(|id| found.lanes.contains(id)))
}

/// The first sign of the incident of all that was known `until` then: the earliest finding, or what is likely to have brought one about. At a
/// time without an incident, of the worst metric that was off then and has a cause.
pub(super) fn sign(state: &State, until: Timestamp) -> Option<Sign<'_>> {
    let found: Vec<&Finding> = match incident(state) {
        Some(found) => members(state, found).collect(),
        None => {
            let all = state.timeline.data.iter().flat_map(|data| &data.findings);
            let held = |finding: &&Finding| finding.ended.is_none_or(|ended| ended >= until);
            let metric = |finding: &&Finding| matches!(finding.seen, Seen::Metric { .. });
            let metrics = all.filter(metric).filter(|finding| !finding.causes.is_empty());
            metrics.filter(held).collect()
        }
    };
    let known = found.into_iter().filter(|finding| finding.since <= until);
    let signs = known.map(|finding| Sign {
        finding,
        cause: finding.causes.first().filter(|cause| cause.word() == "cause"),
    });
    let first = match incident(state) {
        Some(_) => signs.min_by_key(Sign::at),
        None => signs.min_by(|a, b| a.finding.graver(b.finding)),
    }?;
    // Of what nothing is likely to have brought about, what may have.
    Some(Sign {
        cause: first.cause.or(first.finding.causes.first()),
        ..first
    })
}

/// The time until which is told: nothing later than the time cursor.
fn until(state: &State) -> Timestamp {
    state.at.unwrap_or_else(|| state.now())
}

/// What came first, in words.
pub(super) fn first(state: &State) -> String {
    let Some(Sign { finding, cause }) = sign(state, until(state)) else {
        return match incident(state) {
            Some(_) if !state.timeline.loaded() => "loading".into(),
            Some(_) => format!("nothing yet at {}", minute(until(state))),
            None => nothing(state),
        };
    };
    let name = finding.series.first().map(|id| &*id.name).unwrap_or_default();
    let departed = match (&finding.seen, finding.mark) {
        (Seen::Setting { .. }, _) => "changed",
        (_, Mark::Stale) => "fell silent",
        _ if finding.bits > 0.0 => "left its shadow",
        (_, Mark::Breach) if cause.is_none() => "passed its limit",
        _ => "set out for its limit",
    };
    let Some(cause) = cause else {
        let began = format!("{}{}", about(finding.earliest, finding.since), clock(finding.since));
        return match finding.seen {
            Seen::Setting { .. } => format!("{began}, {}", finding.summary),
            Seen::Metric { .. } => format!("{began}, {name} {departed}: no change before it is known to cause it"),
        };
    };
    let lead = match cause.lead {
        Span::ZERO => "as".to_owned(),
        lead => format!("{lead} before"),
    };
    // The lead is to the departure; the limit was told, or passed, some time after it.
    let began = cause.at + cause.lead;
    let later = match finding.mark {
        Mark::Breach | Mark::Cross if finding.since > began => {
            format!(" ({} {})", finding.mark.word(), text::when(finding.since, began))
        }
        Mark::Breach => " (breach)".to_owned(),
        _ => String::new(),
    };
    // The cause last: it may be too long for the row.
    let sure = if cause.word() == "cause" { "" } else { "possibly " };
    format!(
        "{}{}, {lead} {name} {departed}{later}: {sure}{}",
        about(cause.earliest, cause.at),
        clock(cause.at),
        cause.what
    )
}

/// That no incident is shown.
fn nothing(state: &State) -> String {
    match state.at {
        Some(at) => format!("nothing: no incident at {}", minute(at)),
        None => "nothing: no incident is shown".into(),
    }
}

/// The lanes in the order drawn, in words, those that only their time joins to the others apart: by their whole names where those fit into `width` cells, else by what tells them apart. A host is
/// named where it is another one than before. Without an incident, what left its shadow together with what [`first`] tells of.
pub(super) fn linked(state: &State, ids: &[SeriesId], width: usize) -> String {
    let Some(found) = incident(state) else {
        return match sign(state, until(state)) {
            Some(sign) => together(sign.finding, width),
            None => nothing(state),
        };
    };
    let joined = |id: &SeriesId| found.lanes.contains(id) && !found.near.contains(id);
    let line = |names: Vec<String>| {
        let mut before = None;
        let told = ids.iter().zip(names).map(|(id, name)| {
            let host = id.resource.name();
            let name = match before.replace(host) == Some(host) {
                true => name,
                false => format!("{host} {name}"),
            };
            (joined(id), name)
        });
        let (linked, near): (Vec<_>, Vec<_>) = told.partition(|(joined, _)| *joined);
        let names = |told: Vec<(bool, String)>, by| told.into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(by);
        match (linked.len(), near.is_empty()) {
            (_, true) => names(linked, " > "),
            (0 | 1, false) => format!(
                "nothing by more than time; near in time: {}",
                names([linked, near].concat(), ", ")
            ),
            (_, false) => format!("{}; near in time: {}", names(linked, " > "), names(near, ", ")),
        }
    };
    let names: Vec<&str> = ids.iter().map(|id| &*id.name).collect();
    let whole = line(names.iter().map(|name| (*name).to_owned()).collect());
    match text::width(&whole) <= width {
        true => whole,
        false => line(telling(&names)),
    }
}

/// The series of one finding: by their whole names where those fit into `width` cells, else by what tells them apart.
fn together(finding: &Finding, width: usize) -> String {
    let names: Vec<&str> = finding.series.iter().map(|id| &*id.name).collect();
    let whole = format!("{} {}", finding.resource.name(), names.join(", "));
    match text::width(&whole) <= width {
        true => whole,
        false => format!("{} {}", finding.resource.name(), telling(&names).join(", ")),
    }
}
