//! Screen 7: who or what did what here, with which evidence, and can the shadow be trusted?

mod draw;
mod health;
mod seen;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{buffer::Buffer, layout::Rect};

use seen::Seen;

use crate::{
    domain::{SeriesId, Span, Timestamp},
    engine::{Answer, LinkError, Query},
    store::AuditEntry,
    tui::{
        export, open_line, page,
        state::{Effect, KeyHint, Overlay, Purpose, Screen, State, Tag},
        text::{clock, stamp},
    },
};

/// Entries asked for.
const ENTRIES: u32 = 500;

/// Least time of the data between two questions.
const FRESH: Span = Span::from_secs(10);

/// What this screen remembers.
#[derive(Debug, Default)]
pub struct Pane {
    /// Newest first; none before the first answer.
    entries: Option<Vec<AuditEntry>>,
    total: u64,
    /// What the program itself saw and foretold.
    seen: Seen,
    /// The first entry at which the chain does not hold.
    broken: Option<AuditEntry>,
    /// When the data were that were asked about last.
    asked: Option<Timestamp>,
    /// The entry under the cursor; none is the newest.
    selected: Option<AuditEntry>,
    /// Whether the keys go to the shadow's health.
    health: bool,
    failed: Option<String>,
}

impl Pane {
    /// Forgets what was asked, so that it is asked again.
    pub(in crate::tui) fn forget(&mut self) {
        self.asked = None;
        self.seen.forget();
    }
}

/// Its keys, most useful first.
pub const KEYS: &[KeyHint] = &[
    KeyHint {
        key: "Enter",
        does: "whole",
        help: "shows the whole entry, or all figures of the shadow's health",
    },
    KeyHint {
        key: "/",
        does: "filter",
        help: "filters: who:ana what:apply resource:db-01, or any words",
    },
    KeyHint {
        key: "u",
        does: "undo text",
        help: "shows how the change of the entry is undone; running it is a proposal like any other",
    },
    KeyHint {
        key: "x",
        does: "evidence",
        help: "shows the evidence of the entry",
    },
    KeyHint {
        key: "y",
        does: "copy",
        help: "copies the entry",
    },
    KeyHint {
        key: "e",
        does: "export",
        help: "writes the entries listed to a new file (JSON, one a line)",
    },
    KeyHint {
        key: "Tab",
        does: "health",
        help: "goes between the entries and the shadow's health",
    },
];

/// Whether an entry passes the filter: every word must be found, `who:`, `what:`, `resource:` and `result:` in that field.
fn passes(entry: &AuditEntry, filter: &str) -> bool {
    filter.split_whitespace().all(|word| {
        let holds = |field: &str, part: &str| field.to_lowercase().contains(part);
        match word.split_once(':') {
            // Of what was seen the result says who did it: `60 -> 1 (ana)`.
            Some(("who", part)) => holds(&entry.who, part) || entry.who == "seen" && holds(author(&entry.result), part),
            Some(("what", part)) => holds(&entry.what, part),
            Some(("resource", part)) => holds(&entry.resource, part),
            Some(("result", part)) => holds(&entry.result, part),
            _ => [&entry.who, &entry.what, &entry.resource, &entry.result]
                .into_iter()
                .any(|field| holds(field, word)),
        }
    })
}

/// Who stands at the end of a result.
fn author(result: &str) -> &str {
    let last = result.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    last.map_or("", |(_, who)| who)
}

/// The entries listed, newest first: those that pass the filter, and while the time cursor is set only earlier ones.
fn listed(state: &State) -> Vec<&AuditEntry> {
    let until = state.at.unwrap_or(Timestamp(i64::MAX));
    let people = state.audit.entries.iter().flatten();
    let mut rows: Vec<&AuditEntry> = people
        .chain(&state.audit.seen.entries)
        .filter(|entry| entry.at <= until && passes(entry, &state.filter))
        .collect();
    rows.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    rows
}

fn tag(what: &'static str) -> Tag {
    Tag {
        screen: Some(Screen::Audit),
        what,
        series: None,
    }
}

fn position(state: &State, rows: &[&AuditEntry]) -> usize {
    let selected = state.audit.selected.as_ref();
    rows.iter().position(|row| Some(*row) == selected).unwrap_or(0)
}

/// The crumbs after the place.
#[must_use]
pub fn crumbs(_: &State) -> Vec<String> {
    vec!["audit".into()]
}

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    if state.audit.health {
        "Enter shows every figure of the shadow's health; Tab goes back to the entries".into()
    } else if !state.filter.is_empty() {
        "Esc clears the filter; e exports what is listed".into()
    } else if listed(state).is_empty() {
        "Tab, then Enter shows every figure of the shadow's health".into()
    } else if listed(state).iter().any(|entry| entry.what == "apply") {
        "Enter shows the whole entry; / what:apply lists changes made from here".into()
    } else {
        let first = listed(state).first().map(|entry| entry.what.clone());
        let what = first.unwrap_or_default();
        format!("Enter shows the whole entry; / what:{what} lists such entries alone")
    }
}

/// What to ask when the screen is entered, or when the data it shows have changed.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    let now = state.live.at.unwrap_or_default();
    let mut effects: Vec<Effect> = seen::refresh(state).into_iter().collect();
    let known = state.audit.asked;
    if !known.is_some_and(|asked| now - asked < FRESH && now >= asked) {
        state.audit.asked = Some(now);
        effects.push(Effect::Ask(tag("entries"), Query::Audit(ENTRIES)));
    }
    effects
}

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Tab | KeyCode::BackTab => {
            state.audit.health = !state.audit.health;
            return Vec::new();
        }
        KeyCode::Char('e') => {
            let name = format!("foreshadow-audit-{}.jsonl", stamp(state.now()));
            open_line(state, Purpose::Export, &name);
            return Vec::new();
        }
        KeyCode::Enter | KeyCode::Char('x') if state.audit.health => {
            show(state, "shadow health".into(), health::health(state));
            return Vec::new();
        }
        _ => {}
    }
    let rows = listed(state);
    let at = position(state, &rows);
    let Some(entry) = rows.get(at).map(|entry| (*entry).clone()) else {
        return Vec::new();
    };
    if let Some(to) = page::moved(key.code, at, rows.len()) {
        state.audit.selected = rows.get(to).map(|entry| (*entry).clone());
        return Vec::new();
    }
    match key.code {
        KeyCode::Enter => {
            let lines = draw::whole(&entry);
            show(state, format!("entry of {}", clock(entry.at)), lines);
        }
        KeyCode::Char('x') => {
            let mut lines = draw::whole(&entry);
            lines.push(String::new());
            lines.push(match &state.audit.broken {
                _ if state.audit.seen.entries.contains(&entry) => {
                    "from the record of what was seen and foretold, which the chain of hashes does not cover".into()
                }
                None => "the chain of hashes holds: no entry was altered or lost".into(),
                Some(broken) if entry.at < broken.at => "this entry stands before a break of the chain".into(),
                Some(_) => "this entry stands after the break of the chain: the links to it hold".into(),
            });
            show(state, format!("evidence of {}", clock(entry.at)), lines);
        }
        KeyCode::Char('u') => match undo(state, &entry) {
            Some(lines) => show(state, "how this is undone".into(), lines),
            None => state.message = Some("this entry changed nothing: there is nothing to undo".into()),
        },
        KeyCode::Char('y') => return vec![Effect::Copy(draw::whole(&entry).join("\n"))],
        _ => {}
    }
    Vec::new()
}

fn show(state: &mut State, title: String, lines: Vec<String>) {
    state.overlay = Some(Overlay::Text { title, lines, from: 0 });
}

/// How the change an entry tells of is undone: from a proposal that does it, else from the value before.
fn undo(state: &State, entry: &AuditEntry) -> Option<Vec<String>> {
    if entry.what == "apply" {
        return undo_applied(state, entry);
    }
    let id: Option<SeriesId> = entry.resource.parse().ok();
    let named = |row: &&crate::engine::SettingRow| {
        Some(&row.id) == id.as_ref() || format!("{} {}", row.id.resource.name(), row.id.name) == entry.resource
    };
    let row = state.live.settings.iter().find(named)?;
    let change = row.last_change.as_ref()?;
    let shown = |value: &Option<crate::domain::Value>| {
        value
            .as_ref()
            .map_or_else(|| "(absent)".to_owned(), ToString::to_string)
    };
    let mut lines = vec![
        format!("{} of {}", row.id.name, row.id.resource),
        format!("was    {}", shown(&change.from)),
        format!("is     {}", shown(&row.value)),
        String::new(),
    ];
    let proposal = state.live.proposals.iter().find(|proposal| {
        proposal.changes.steps.iter().any(
            |step| matches!(&step.change, crate::domain::Change::Setting { id, to, .. } if *id == row.id && *to == change.from),
        )
    });
    match proposal {
        Some(proposal) => {
            lines.push(format!("proposal #{} on 4 does it:", proposal.id.0));
            lines.extend(proposal.artefact.text.lines().map(|line| format!("  {line}")));
        }
        None => lines.push(format!("set {} back to {}", row.id.name, shown(&change.from))),
    }
    Some(lines)
}

/// What was kept as the way back when commands were applied: it stands in the entry of their beginning, which that of their end follows.
fn undo_applied(state: &State, entry: &AuditEntry) -> Option<Vec<String>> {
    let number = |entry: &AuditEntry| entry.result.split(' ').next().unwrap_or_default().to_owned();
    let mut before = state
        .audit
        .entries
        .iter()
        .flatten()
        .filter(|other| other.at <= entry.at);
    let begun = before
        .find(|other| other.what == "apply" && number(other) == number(entry) && other.result.contains("; undo: "))?;
    let (applied, back) = begun.result.rsplit_once("; undo: ")?;
    let by = format!("applied by {} at {}", begun.who, begun.at);
    Some(vec![
        by,
        applied.to_owned(),
        String::new(),
        "undo:".into(),
        back.to_owned(),
    ])
}

/// What was typed into a line this screen opened, when Enter is pressed: a file.
pub fn entered(state: &mut State, purpose: &Purpose, text: &str) -> Vec<Effect> {
    match (purpose, text.trim()) {
        (Purpose::Export, file) if !file.is_empty() => {
            let lines: Vec<String> = listed(state)
                .into_iter()
                .filter_map(|entry| serde_json::to_string(entry).ok())
                .collect();
            vec![Effect::WriteFile(file.into(), lines.join("\n") + "\n")]
        }
        _ => Vec::new(),
    }
}

/// An answer to a question of this screen.
pub fn answer(state: &mut State, tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    match answer.map(|answer| *answer) {
        Ok(Answer::Audit { entries, total, broken }) => {
            state.audit.failed = None;
            state.audit.entries = Some(entries);
            state.audit.total = total;
            state.audit.broken = broken;
        }
        Ok(Answer::Timeline(data)) => state.audit.seen.take(&data),
        Ok(_) => {}
        // What was seen is an extra: the entries of people say what is wrong.
        Err(_) if tag.what == "seen" => {}
        Err(error) => state.audit.failed = Some(error.to_string()),
    }
    Vec::new()
}

/// What it shows, as Markdown.
#[must_use]
pub fn markdown(state: &State) -> String {
    let rows = listed(state).into_iter();
    let rows = rows.map(|entry| {
        let AuditEntry {
            at,
            who,
            what,
            resource,
            result,
        } = entry;
        vec![
            at.to_string(),
            who.clone(),
            what.clone(),
            resource.clone(),
            result.clone(),
        ]
    });
    export::markdown(
        &format!("Audit of {}", state.place),
        &["time", "who", "what", "resource", "result"],
        rows,
    )
}

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    draw::view(state, area, buffer);
}

#[cfg(test)]
mod tests;
