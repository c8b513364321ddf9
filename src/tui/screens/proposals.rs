//! Screen 4: what should be changed, why, what it costs, how it is undone.

mod apply;
mod ask;
mod draw;
mod text;

pub use apply::{Step, is_applying, leave, step};
use ask::again;
pub use ask::refresh;
pub use text::{evidence, last_part, replays};

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::{Change, Proposal, ProposalId, ProposalStatus, ResourceId, SeriesId, Span, Timestamp, text::visible},
    engine::{Answer, Chart, LinkError, Query},
    propose,
    simulate::Outcome,
    tui::{
        open_line, page,
        screens::whatif,
        state::{Effect, KeyHint, Overlay, Purpose, Screen, State, Tag},
    },
};

/// The number of a what-if kept by hand: the engine counts its own from 1.
const KEPT: ProposalId = ProposalId(0);

/// What this screen remembers.
#[derive(Debug, Default)]
pub struct Pane {
    /// The proposal under the cursor; none is the first.
    selected: Option<ProposalId>,
    /// A what-if that was kept as a proposal (number 0); it lasts as long as this console.
    kept: Option<Arc<Proposal>>,
    /// The proposal that an open input line is about: the list may change while someone types.
    asked: Option<ProposalId>,
    /// What the proposal under the cursor would do, for the chart of wide screens.
    outcome: Option<(ProposalId, Box<Outcome>)>,
    /// The proposal that is being computed anew.
    anew_asked: Option<ProposalId>,
    /// The proposal that was computed anew (`r`), with what came of it.
    anew: Option<(ProposalId, Box<Outcome>)>,
    /// A day of the load of the resource under the cursor.
    day: Option<Chart>,
    /// Of which resource the day was asked for.
    day_asked: Option<ResourceId>,
    /// The proposal as it stands in the box in which the name is typed: this runs, and nothing that came to it since.
    boxed: Option<Arc<Proposal>>,
    /// The proposal whose commands run.
    applying: Option<apply::Applying>,
    /// Whether the console ends when the audit has taken how they ended.
    leaving: bool,
}

impl Pane {
    /// What a proposal would do, computed anew.
    fn anew(&self, id: ProposalId) -> Option<&Outcome> {
        let found = self.anew.as_ref().filter(|(theirs, _)| *theirs == id);
        found.map(|(_, outcome)| &**outcome)
    }

    /// The quietest half hour of a resource's last day with its load, and the mean of the day; `None` with less than 20 hours.
    fn quiet(&self, resource: &ResourceId) -> Option<(Timestamp, Timestamp, f64, f64)> {
        let day = self.day.as_ref().filter(|day| day.id.resource == *resource)?;
        let loads: Vec<(usize, f64)> = day
            .columns
            .iter()
            .enumerate()
            .filter_map(|(place, column)| Some((place, column.value?.0)))
            .collect();
        if day.step * (loads.len() as i64) < Span::from_hours(20) {
            return None;
        }
        let (place, load) = loads.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let usual = loads.iter().map(|(_, load)| load).sum::<f64>() / loads.len() as f64;
        let from = day.from + day.step * place as i64;
        Some((from, from + day.step, load, usual))
    }
}

/// Its keys, most useful first.
pub const KEYS: &[KeyHint] = &[
    KeyHint {
        key: "Enter",
        does: "whole",
        help: "shows the whole proposal with the text to run",
    },
    KeyHint {
        key: "w",
        does: "what-if",
        help: "tries the change on screen 5 before anyone makes it",
    },
    KeyHint {
        key: "x",
        does: "explain",
        help: "shows the sum behind the score, factor by factor",
    },
    KeyHint {
        key: "y",
        does: "copy",
        help: "sends the commands to the terminal's clipboard",
    },
    KeyHint {
        key: "d",
        does: "dismiss",
        help: "dismisses the proposal, with a reason; it comes back when the facts change",
    },
    KeyHint {
        key: "e",
        does: "export",
        help: "writes the proposal and its commands to a new file",
    },
    KeyHint {
        key: "r",
        does: "anew",
        help: "computes what the change would do anew, on the newest data",
    },
    KeyHint {
        key: "a",
        does: "apply",
        help: "with --operate asks for the resource's name; copies the commands otherwise",
    },
];

/// The proposals listed: best first, those not recommended last, dismissed ones not at all.
fn listed(state: &State) -> Vec<&Arc<Proposal>> {
    let kept = state.proposals.kept.iter();
    let mut rows: Vec<_> = kept
        .chain(state.shown.proposals.iter())
        .filter(|proposal| proposal.status != ProposalStatus::Dismissed)
        .filter(|proposal| {
            let text = format!("{} {}", proposal.resource, proposal.title).to_lowercase();
            text.contains(&state.filter)
        })
        .collect();
    // The engine's stand in the order of their score; one kept here goes to where its score puts it.
    let last = |row: &Proposal| matches!(row.status, ProposalStatus::Weak | ProposalStatus::Stale);
    if let Some(at) = rows.iter().position(|row| row.id == KEPT) {
        let kept = rows.remove(at);
        let score = kept.factors.score();
        let to = rows.iter().position(|row| row.factors.score() < score);
        rows.insert(to.unwrap_or(rows.len()), kept);
    }
    rows.sort_by_key(|row| last(row));
    rows
}

fn position(state: &State, rows: &[&Arc<Proposal>]) -> usize {
    let selected = state.proposals.selected;
    rows.iter().position(|row| Some(row.id) == selected).unwrap_or(0)
}

/// The proposal under the cursor.
#[must_use]
pub fn selected(state: &State) -> Option<Arc<Proposal>> {
    let rows = listed(state);
    rows.get(position(state, &rows)).map(|row| Arc::clone(row))
}

/// Gives the cursor to the best proposal that answers what is off with `id`, if there is one.
pub fn look_at(state: &mut State, id: &SeriesId) {
    let finding = state.shown.findings.iter().find(|finding| finding.series.contains(id));
    let found = finding.map(|finding| finding.id);
    let best = listed(state)
        .into_iter()
        .find(|row| Some(row.finding) == found)
        .map(|row| row.id);
    state.proposals.selected = best.or(state.proposals.selected);
}

/// Keeps a what-if as a proposal and gives it the cursor; one that does the same is not kept twice.
pub(super) fn keep(state: &mut State, outcome: &Outcome) {
    let known = state.shown.proposals.iter().find(|row| row.changes == outcome.changes);
    if let Some(known) = known {
        state.proposals.selected = Some(known.id);
        return;
    }
    let settings = &state.shown.settings;
    let look = |id: &SeriesId| {
        let row = settings.binary_search_by(|row| row.id.cmp(id)).ok()?;
        settings[row].value.clone()
    };
    let Some(kept) = propose::kept(outcome, KEPT, state.now(), &look) else {
        return;
    };
    state.message = Some("kept as #0 for as long as this console is open; e writes it to a file".into());
    state.proposals.selected = Some(KEPT);
    state.proposals.kept = Some(Arc::new(kept));
    state.proposals.outcome = Some((KEPT, Box::new(outcome.clone())));
}

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    vec![format!("proposals ({})", listed(state).len())]
}

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    let selected = selected(state);
    let session = match &selected {
        _ if !state.operate => "y copies the commands (read-only session)",
        Some(proposal) if apply::can(state, proposal) => "a applies it",
        _ => "y copies the commands; a says why it cannot apply them",
    };
    match selected {
        None if !state.filter.is_empty() => "Esc clears the filter".into(),
        None => "1 shows what is off now, 6 what happened".into(),
        Some(proposal) if proposal.status == ProposalStatus::Stale => {
            format!(
                "#{} rests on old data and cannot be applied; x shows its sum",
                proposal.id.0
            )
        }
        Some(proposal) if text::outdated(state, &proposal).is_some() => {
            format!("r computes #{} anew: the setting changed again", proposal.id.0)
        }
        Some(proposal) if proposal.changes.active().next().is_none() => {
            format!("Enter shows #{} whole; {session}", proposal.id.0)
        }
        Some(proposal) => format!("w replays #{} before you do it; {session}", proposal.id.0),
    }
}

fn tag(what: &'static str) -> Tag {
    Tag {
        screen: Some(Screen::Proposals),
        what,
        series: None,
    }
}

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let rows = listed(state);
    let at = position(state, &rows);
    if let Some(to) = page::moved(key.code, at, rows.len()) {
        state.proposals.selected = rows.get(to).map(|row| row.id);
        return refresh(state);
    }
    let Some(proposal) = selected(state) else {
        return Vec::new();
    };
    match key.code {
        KeyCode::Enter => show(
            state,
            format!("proposal #{}", proposal.id.0),
            text::whole(state, &proposal),
        ),
        KeyCode::Char('x') => show(state, format!("score of #{}", proposal.id.0), text::score(&proposal)),
        KeyCode::Char('y') => return vec![Effect::Copy(proposal.artefact.text.clone())],
        KeyCode::Char('a') => return apply::open(state, &proposal),
        KeyCode::Char('r') => return again(state, &proposal),
        KeyCode::Char('d') => ask(state, Purpose::Dismiss, &proposal, ""),
        KeyCode::Char('e') => {
            let name = format!("foreshadow-proposal-{}.txt", proposal.id.0);
            ask(state, Purpose::Export, &proposal, &name);
        }
        KeyCode::Char(' ') => mark(state, &proposal),
        KeyCode::Char('w') if proposal.changes.active().next().is_some() => {
            return whatif::with(state, proposal.changes.clone());
        }
        KeyCode::Char('w') => {
            state.message = Some(format!(
                "#{} changes what is declared, not the system: nothing to replay",
                proposal.id.0
            ));
        }
        _ => {}
    }
    Vec::new()
}

fn show(state: &mut State, title: String, lines: Vec<String>) {
    state.overlay = Some(Overlay::Text { title, lines, from: 0 });
}

fn ask(state: &mut State, purpose: Purpose, proposal: &Proposal, text: &str) {
    state.proposals.asked = Some(proposal.id);
    open_line(state, purpose, text);
}

/// Marks the settings that the proposal touches, or takes the marks away when all have one.
fn mark(state: &mut State, proposal: &Proposal) {
    let settings: Vec<SeriesId> = proposal
        .changes
        .steps
        .iter()
        .filter_map(|step| match &step.change {
            Change::Setting { id, .. } => Some(id.clone()),
            Change::Capacity { .. } | Change::Traffic { .. } => None,
        })
        .collect();
    if settings.iter().all(|id| state.marked.contains(id)) {
        settings.iter().for_each(|id| {
            state.marked.remove(id);
        });
    } else {
        state.marked.extend(settings);
    }
}

/// What was typed into a line this screen opened, when Enter is pressed: a reason, a resource's name, a file.
pub fn entered(state: &mut State, purpose: &Purpose, text: &str) -> Vec<Effect> {
    let asked = state.proposals.asked.take();
    let mut all = state.shown.proposals.iter().chain(&state.proposals.kept);
    let proposal = all.find(|row| Some(row.id) == asked).cloned();
    let Some(proposal) = proposal else {
        state.message = Some("that proposal is gone: nothing was done".into());
        return Vec::new();
    };
    let (number, text) = (proposal.id.0, text.trim());
    match purpose {
        Purpose::Dismiss if text.is_empty() => {
            state.message = Some(format!("#{number} stays: a dismissal wants a reason"));
            Vec::new()
        }
        // It is known here alone: the reason stands on the timeline.
        Purpose::Dismiss if proposal.id == KEPT => {
            state.proposals.kept = None;
            state.message = Some("#0 is no longer kept".into());
            let told = format!("what-if {} dismissed: {text}", proposal.title);
            vec![Effect::Ask(tag("kept"), Query::Note(told))]
        }
        Purpose::Dismiss => vec![Effect::Ask(tag("dismiss"), Query::Dismiss(proposal.id, text.into()))],
        Purpose::Apply => apply::typed(state, &proposal, text),
        Purpose::Export if !text.is_empty() => {
            let lines: Vec<String> = text::whole(state, &proposal);
            vec![Effect::WriteFile(text.into(), lines.join("\n") + "\n")]
        }
        _ => Vec::new(),
    }
}

/// An answer to a question of this screen.
pub fn answer(state: &mut State, tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    match answer.map(|answer| *answer) {
        taken if tag.what == "apply" => {
            return apply::kept(state, taken.map(drop).map_err(|error| error.to_string()));
        }
        taken if tag.what == "applied" => {
            state.audit.forget();
            state.timeline.forget();
            if let Err(error) = taken {
                state.message = Some(format!("the audit did not take how it ended: {error}"));
            }
            if state.proposals.leaving {
                return vec![Effect::Quit];
            }
        }
        Ok(Answer::Chart(chart)) => state.proposals.day = Some(chart),
        Ok(Answer::WhatIf(outcome)) if tag.what == "anew" => {
            if let Some(id) = state.proposals.anew_asked.take() {
                let told = outcome.effects.first().map_or_else(
                    || "no evidence of an effect".into(),
                    |effect| text::short_effect(effect, usize::MAX),
                );
                state.message = Some(format!("#{} computed anew: {told}", id.0));
                state.proposals.anew = Some((id, outcome));
            }
        }
        Ok(Answer::WhatIf(outcome)) => {
            // A late answer, to a proposal no longer under the cursor, is dropped.
            if let Some(proposal) = selected(state).filter(|proposal| proposal.changes == outcome.changes) {
                state.proposals.outcome = Some((proposal.id, outcome));
            }
        }
        Ok(Answer::Text(lines)) => state.message = lines.into_iter().next(),
        Ok(_) if tag.what == "kept" => {}
        Ok(_) => state.message = Some("dismissed: it comes back when the facts change".into()),
        // The chart is an extra: when it cannot be had, the rest stands.
        Err(_) if matches!(tag.what, "outcome" | "day") => {}
        Err(error) => state.message = Some(error.to_string()),
    }
    Vec::new()
}

/// What it shows, as Markdown: every proposal listed with the text to run.
#[must_use]
pub fn markdown(state: &State) -> String {
    let mut text = format!("# Proposals, {} at {}\n", state.place, state.now());
    for proposal in listed(state) {
        let lines = text::whole(state, proposal).into_iter();
        // As it stands on the screen: columns are part of what it says.
        let body: Vec<String> = lines
            .skip(1)
            .map(|line| format!("    {}", visible(line.trim_end())))
            .collect();
        let title = visible(&proposal.title).into_owned();
        text += &format!(
            "\n## #{} {} {title}\n{}\n",
            proposal.id.0,
            proposal.resource.name(),
            body.join("\n")
        );
    }
    text
}

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    draw::view(state, area, buffer);
}

#[cfg(test)]
mod tests;
