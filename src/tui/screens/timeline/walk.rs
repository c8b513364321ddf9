//! An incident told from its beginning to its end, to hand on.

use super::{
    by_departure, entries,
    entry::{self, Entry},
    first::{first, linked, members},
    incident,
};
use crate::{
    domain::{Event, EventKind, Finding, Mark, ResourceId, SettingChange, Timestamp, text::visible},
    drift::Incident,
    engine::Timeline,
    tui::{state::State, text::about},
};

/// What of `data` an incident is made of: its findings, what they are put down to, what was changed and done from shortly before it until it
/// ended, and what the kernel said meanwhile. Lines of logs only where they are a cause; tried is not done.
fn story(state: &State, data: &Timeline, found: &Incident) -> Timeline {
    let findings: Vec<Finding> = members(state, found).cloned().collect();
    let from = found.from - state.live.options.drift.coincide;
    let within = |from: Timestamp, at: Timestamp| at >= from && found.to.is_none_or(|to| at <= to);
    let here = |resource: &ResourceId| found.lanes.iter().any(|id| id.resource == *resource);
    let causes = || findings.iter().flat_map(|finding| &finding.causes);
    let changed = |change: &&SettingChange| {
        let caused = causes().any(|cause| cause.series.as_ref() == Some(&change.id) && change.earliest() <= cause.at);
        caused && change.at <= found.to.unwrap_or(change.at) || within(from, change.at) && here(&change.id.resource)
    };
    let happened = |event: &&Event| {
        let caused = causes().any(|cause| cause.series.is_none() && cause.at == event.at);
        let deed = match event.kind {
            EventKind::Package | EventKind::Service | EventKind::Login | EventKind::Deploy => within(from, event.at),
            EventKind::Kernel => within(found.from, event.at),
            EventKind::Log | EventKind::Collector => false,
        };
        (caused || deed) && here(&event.resource)
    };
    Timeline {
        from: data.from.min(found.from),
        to: data.to,
        changes: data.changes.iter().filter(changed).cloned().collect(),
        events: data.events.iter().filter(happened).cloned().collect(),
        notes: (data.notes.iter())
            .filter(|note| within(found.from, note.at) && note.what != "what-if")
            .cloned()
            .collect(),
        findings,
    }
}

/// The walkthrough of the incident as Markdown; without one, of all that is listed.
pub(super) fn walkthrough(state: &State) -> String {
    let mut text = match incident(state) {
        Some(found) => {
            let to = found.to.map_or_else(|| "now".to_owned(), |to| to.to_string());
            let mark = members(state, found).map(|finding| finding.mark).min();
            let worst = worst(mark, found.bits).map_or_else(String::new, |worst| format!(", at worst {worst}"));
            format!(
                "# Incident {}: {}\n\n{} to {to}{worst}.\n\n",
                found.number,
                visible(&found.title),
                found.from
            )
        }
        None => "# What happened\n\n".to_owned(),
    };
    text += &format!(
        "- First: {}\n- Linked: {}\n\n",
        visible(&first(state)),
        visible(&linked(state, &by_departure(state), usize::MAX))
    );
    let rows: Vec<Entry> = match (incident(state), &state.timeline.data) {
        (Some(found), Some(data)) => entry::of(&story(state, data, found), &state.live),
        _ => entries(state),
    };
    text += "| time | what | where | | bits |\n|---|---|---|---|---|\n";
    let cell = |text: &str| visible(text).replace('|', "\\|");
    for entry in rows {
        let bits = entry.bits.map(|bits| format!("{bits:.1}")).unwrap_or_default();
        text += &format!(
            "| {}{} | {} | {} | {} | {bits} |\n",
            about(entry.earliest, entry.at),
            entry.at,
            cell(&entry.word),
            cell(&entry.place),
            cell(&entry.text)
        );
    }
    text
}

/// The worst mark of an incident beside the bits of its worst finding: `X breach, 14.2 bits`; a limit may be passed without surprise.
pub(super) fn worst(mark: Option<Mark>, bits: f64) -> Option<String> {
    let bits = (bits >= 0.05).then(|| format!("{bits:.1} bits"));
    match (mark, bits) {
        (Some(mark), Some(bits)) => Some(format!("{mark}, {bits}")),
        (mark, bits) => mark.map(|mark| mark.to_string()).or(bits),
    }
}
