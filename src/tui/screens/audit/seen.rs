//! What the program itself saw and foretold, as entries beside those of people: from the record of changes, findings and events.
//! The chain of hashes covers the audit alone; these entries say so.

use crate::{
    domain::{EventKind, Mark, Span, Timestamp, Value, and_more, by_thing},
    engine::{Query, Timeline},
    store::AuditEntry,
    tui::{
        state::{Effect, State},
        text::when,
    },
};

/// How far back is looked.
const BACK: Span = Span::from_days(1);
/// Least time of the data between two questions.
const FRESH: Span = Span::from_mins(1);

/// The entries, newest first.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub entries: Vec<AuditEntry>,
    asked: Option<Timestamp>,
}

impl Seen {
    /// Lets it be asked again.
    pub fn forget(&mut self) {
        self.asked = None;
    }

    /// Takes an answer.
    pub fn take(&mut self, data: &Timeline) {
        self.entries = of(data);
    }
}

/// Asks for what was seen lately.
pub(super) fn refresh(state: &mut State) -> Option<Effect> {
    let now = state.live.at?;
    let known = state.audit.seen.asked;
    if known.is_some_and(|asked| now - asked < FRESH && now >= asked) {
        return None;
    }
    state.audit.seen.asked = Some(now);
    let query = Query::Timeline {
        from: now - BACK,
        to: now,
    };
    Some(Effect::Ask(super::tag("seen"), query))
}

fn of(data: &Timeline) -> Vec<AuditEntry> {
    let changes = by_thing(&data.changes).into_iter().map(|parts| {
        let change = parts[0];
        let by = change.by.as_ref().map_or_else(String::new, |by| format!(" ({by})"));
        AuditEntry {
            at: change.at,
            who: "seen".into(),
            what: "setting".into(),
            resource: format!("{} {}", change.id.resource.name(), change.id.name),
            result: format!(
                "{}{}{by}",
                Value::change(change.from.as_ref(), change.to.as_ref()),
                and_more(&parts)
            ),
        }
    });
    let crossings = data.findings.iter().filter(|finding| finding.mark == Mark::Cross);
    let forecasts = crossings.map(|finding| {
        let name = finding.series.first().map_or("", |id| &*id.name);
        let result = match finding.crossing.and_then(|crossing| crossing.at[1]) {
            Some(at) => format!("cross {}", when(at, finding.since)),
            None => finding.summary.to_string(),
        };
        AuditEntry {
            at: finding.since,
            who: "shadow".into(),
            what: "forecast".into(),
            resource: format!("{} {name}", finding.resource.name()),
            result,
        }
    });
    let lost = data.events.iter().filter(|event| event.kind == EventKind::Collector);
    let lost = lost.map(|event| AuditEntry {
        at: event.at,
        who: "collector".into(),
        what: "told".into(),
        resource: event.resource.name().into(),
        result: event.what.to_string(),
    });
    let mut entries: Vec<AuditEntry> = changes.chain(forecasts).chain(lost).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    entries
}
