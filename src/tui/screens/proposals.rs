//! Screen 4: what should be changed, why, what it costs, how it is undone.

mod text;

pub use text::{evidence, last_part};

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::{Change, ChangeSet, Mark, Proposal, ProposalId, ProposalStatus, ResourceId, SeriesId, Span, Timestamp},
    engine::{Answer, Chart, LinkError, Query},
    simulate::Outcome,
    tui::{
        look::Role,
        open_line,
        page::{self, Page},
        screens::whatif,
        state::{Effect, KeyHint, Overlay, Purpose, Screen, State, Tag},
        text::{fit, fit_right, wrap},
    },
};

/// What this screen remembers.
#[derive(Debug, Default)]
pub struct Pane {
    /// The proposal under the cursor; none is the first.
    selected: Option<ProposalId>,
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
    let mut rows: Vec<_> = state
        .shown
        .proposals
        .iter()
        .filter(|proposal| proposal.status != ProposalStatus::Dismissed)
        .filter(|proposal| {
            let text = format!("{} {}", proposal.resource, proposal.title).to_lowercase();
            text.contains(&state.filter)
        })
        .collect();
    rows.sort_by_key(|proposal| matches!(proposal.status, ProposalStatus::Weak | ProposalStatus::Stale));
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

fn word(status: ProposalStatus) -> &'static str {
    match status {
        ProposalStatus::New => "new",
        ProposalStatus::Tried => "tried",
        ProposalStatus::Weak => "weak",
        ProposalStatus::Stale => "- stale",
        ProposalStatus::Dismissed => "dismissed",
    }
}

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    vec![format!("proposals ({})", listed(state).len())]
}

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    let session = if state.operate {
        "a applies it"
    } else {
        "y copies the commands (read-only session)"
    };
    match selected(state) {
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

/// Whether there is room for a chart below the text.
fn wide(state: &State) -> bool {
    state.size.0 >= 110 && state.size.1 >= 32
}

/// What to ask when the screen is entered, or when the data it shows have changed.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    let Some(proposal) = selected(state) else {
        return Vec::new();
    };
    let mut effects: Vec<Effect> = day(state, &proposal.resource).into_iter().collect();
    if wide(state) {
        effects.extend(chart(state, &proposal));
    }
    effects
}

/// Asks for a day of the resource's load, once.
fn day(state: &mut State, resource: &ResourceId) -> Option<Effect> {
    let load = SeriesId::new(resource, "cpu.busy_pct");
    if state.proposals.day_asked.as_ref() == Some(resource) || state.metric(&load).is_none() {
        return None;
    }
    state.proposals.day_asked = Some(resource.clone());
    let to = state.now();
    let query = Query::Chart {
        id: load,
        from: to - Span::from_days(1),
        to,
        step: Span::from_mins(30),
    };
    Some(Effect::Ask(tag("day"), query))
}

/// Asks what a proposal would do, for the chart below its text.
fn chart(state: &State, proposal: &Proposal) -> Option<Effect> {
    let known = state
        .proposals
        .outcome
        .as_ref()
        .is_some_and(|(id, _)| *id == proposal.id);
    if known || proposal.changes.active().next().is_none() {
        return None;
    }
    Some(ask_outcome(state, "outcome", proposal.changes.clone()))
}

fn ask_outcome(state: &State, what: &'static str, changes: ChangeSet) -> Effect {
    let query = Query::WhatIf {
        changes,
        horizon: state.shown.options.horizon,
        seed: whatif::SEED,
        at: state.at,
        job: None,
    };
    Effect::Ask(tag(what), query)
}

/// Computes a proposal anew, from what its settings are now.
fn again(state: &mut State, proposal: &Proposal) -> Vec<Effect> {
    let mut changes = proposal.changes.clone();
    for step in &mut changes.steps {
        if let Change::Setting { id, from, .. } = &mut step.change
            && let Some(row) = state.shown.settings.iter().find(|row| row.id == *id)
        {
            from.clone_from(&row.value);
        }
    }
    if changes.active().next().is_none() {
        state.message = Some(format!(
            "#{} changes what is declared: there is nothing to compute",
            proposal.id.0
        ));
        return Vec::new();
    }
    state.proposals.anew_asked = Some(proposal.id);
    vec![ask_outcome(state, "anew", changes)]
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
        KeyCode::Char('a') => return apply(state, &proposal),
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

fn apply(state: &mut State, proposal: &Proposal) -> Vec<Effect> {
    if proposal.status == ProposalStatus::Stale {
        state.message = Some(format!("#{} rests on old data: it cannot be applied", proposal.id.0));
        return Vec::new();
    }
    if state.operate {
        ask(state, Purpose::Apply, proposal, "");
        return Vec::new();
    }
    state.message = Some(format!(
        "read-only session: the commands of #{} go to the terminal's clipboard instead",
        proposal.id.0
    ));
    vec![Effect::Copy(proposal.artefact.text.clone())]
}

/// What was typed into a line this screen opened, when Enter is pressed: a reason, a resource's name, a file.
pub fn entered(state: &mut State, purpose: &Purpose, text: &str) -> Vec<Effect> {
    let asked = state.proposals.asked.take();
    let proposal = state.shown.proposals.iter().find(|row| Some(row.id) == asked).cloned();
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
        Purpose::Dismiss => vec![Effect::Ask(tag("dismiss"), Query::Dismiss(proposal.id, text.into()))],
        Purpose::Apply if text == proposal.resource.name() || text == proposal.resource.as_str() => {
            // There is no executor: saying otherwise would be worse than not applying.
            state.message = Some(format!(
                "this build cannot apply: the commands of #{number} go to the clipboard, run them on {}",
                proposal.resource.name()
            ));
            vec![Effect::Copy(proposal.artefact.text.clone())]
        }
        Purpose::Apply => {
            state.message = Some(format!(
                "that is not the name of {}: nothing was done",
                proposal.resource.name()
            ));
            Vec::new()
        }
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
        Ok(Answer::Chart(chart)) => state.proposals.day = Some(chart),
        Ok(Answer::WhatIf(outcome)) if tag.what == "anew" => {
            if let Some(id) = state.proposals.anew_asked.take() {
                let told = outcome
                    .effects
                    .first()
                    .map_or_else(|| "no effect with evidence".into(), text::short_effect);
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
        Ok(_) => state.message = Some("dismissed: it comes back when the facts change".into()),
        // The chart is an extra: when it cannot be had, the rest stands.
        Err(_) if matches!(tag.what, "outcome" | "day") => {}
        Err(error) => state.message = Some(error.to_string()),
    }
    Vec::new()
}

/// Cells of the list where the text stands beside it.
const LEFT: u16 = 58;

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let rows = listed(state);
    let Some(proposal) = selected(state) else {
        let mut page = Page::new(&state.look, area, buffer);
        page.line(Role::Heading, &heading(page.width()));
        for line in wrap(&empty(state), page.width().saturating_sub(2)) {
            page.line(Role::Text, &format!(" {line}"));
        }
        return;
    };
    if area.width >= 110 {
        let left = Rect { width: LEFT, ..area };
        let right = Rect {
            x: area.x + LEFT + 1,
            width: area.width - LEFT - 1,
            ..area
        };
        list(state, &rows, left, buffer, usize::from(left.height));
        for y in area.top()..area.bottom() {
            let line = state.look.glyph("│", "|");
            buffer.set_string(area.x + LEFT, y, line, state.look.style(Role::Grid));
        }
        let outcome = state.proposals.outcome.as_ref().filter(|(id, _)| *id == proposal.id);
        let chart_rows = if outcome.is_some() && right.height >= 28 { 12 } else { 0 };
        let text_area = Rect {
            height: right.height - chart_rows,
            ..right
        };
        detail(state, &proposal, text_area, buffer);
        if let Some((_, outcome)) = outcome.filter(|_| chart_rows > 0) {
            let chart_area = Rect {
                y: right.y + right.height - chart_rows,
                height: chart_rows,
                ..right
            };
            whatif::chart_of(state, outcome, None, "changed", chart_area, buffer);
        }
        return;
    }
    if area.width < 60 || area.height < 14 {
        list(state, &rows, area, buffer, usize::from(area.height));
        return;
    }
    let used = list(state, &rows, area, buffer, 7);
    let mut page = Page::new(
        &state.look,
        Rect {
            y: area.y + used,
            height: area.height - used,
            ..area
        },
        buffer,
    );
    page.rule();
    let (rest, buffer) = page.take(usize::from(area.height));
    detail(state, &proposal, rest, buffer);
}

/// Widths of resource, change and effect; small lists have no effect.
fn columns(width: usize) -> (usize, usize, usize) {
    match width {
        70.. => (10, width - 49, 21),
        45.. => (10, width - 28, 0),
        _ => (9, width.saturating_sub(19), 0),
    }
}

fn heading(width: usize) -> String {
    let (resource, change, _) = columns(width);
    let status = if width >= 45 { "status  " } else { "" };
    let effect = if width >= 70 { "effect (80 %)" } else { "" };
    format!(
        " #  score {status}{}{}{effect}",
        fit("resource", resource - 1) + " ",
        fit("change", change)
    )
}

/// Draws the list in at most `rows` rows and tells how many it took.
fn list(state: &State, rows: &[&Arc<Proposal>], area: Rect, buffer: &mut Buffer, height: usize) -> u16 {
    let at = position(state, rows);
    let height = height.min(rows.len() + 1);
    let mut page = Page::new(&state.look, area, buffer);
    let (resource, change, effect) = columns(page.width());
    page.line(Role::Heading, &heading(page.width()));
    for place in page::window(rows.len(), at, height.saturating_sub(1)) {
        let row = rows[place];
        let status = if page.width() >= 45 {
            fit(word(row.status), 8)
        } else {
            String::new()
        };
        let told = row
            .effects
            .first()
            .map_or_else(|| "not known".into(), text::short_effect);
        page.item(
            place == at,
            &format!(
                "{}{:<3}{} {status}{}{}{}",
                if place == at { '>' } else { ' ' },
                place + 1,
                fit_right(&format!("{:.1}", row.factors.score()), 5),
                fit(row.resource.name(), resource - 1) + " ",
                fit(&row.title, change.saturating_sub(1)) + " ",
                fit(&told, effect),
            ),
        );
    }
    height as u16
}

fn detail(state: &State, proposal: &Proposal, area: Rect, buffer: &mut Buffer) {
    let mut page = Page::new(&state.look, area, buffer);
    let width = page.width();
    let mut lines = vec![format!(
        " #{} {} {}",
        proposal.id.0,
        proposal.resource.name(),
        proposal.title
    )];
    if let Some((at, now)) = text::outdated(state, proposal).zip(state.shown.at) {
        let again = crate::tui::text::when(at, now);
        lines.push(format!(
            " #{} is out of date: the setting changed again at {again}. r computes it anew.",
            proposal.id.0
        ));
    }
    lines.extend(text::sections(state, proposal, width));
    let cut = lines.len() > page.left();
    let room = if cut {
        page.left().saturating_sub(1)
    } else {
        lines.len()
    };
    for (place, line) in lines.iter().take(room).enumerate() {
        page.line(if place == 0 { Role::Heading } else { Role::Text }, line);
        if place > 0 {
            page.paint(1, 8, Role::Heading);
        }
    }
    if cut {
        let more = format!(" {:<8}{} more lines: Enter shows all", "...", lines.len() - room);
        page.line(Role::Dim, &more);
    }
}

/// Why there is nothing to list.
fn empty(state: &State) -> String {
    if !state.filter.is_empty() {
        return format!("No proposal matches /{}: Esc clears the filter.", state.filter);
    }
    let off = state.shown.findings.len();
    let health = &state.shown.health;
    if health.learnt == 0 {
        let ready = match (health.ready, state.shown.at) {
            (Some(ready), Some(now)) => format!(" (ready {})", crate::tui::text::when(ready, now)),
            _ => String::new(),
        };
        return format!("Proposals start when the first shadows are learnt{ready}; live values are on 2.");
    }
    match off {
        0 => "No proposals: nothing is off. 3 shows what comes next.".into(),
        1 => "No proposals. 1 thing is off, no change is known that answers it: 2 shows it, 6 its history.".into(),
        _ => {
            let muted = state.shown.findings.iter().filter(|f| f.mark == Mark::Muted).count();
            format!(
                "No proposals. {} things are off, none has a change that answers it: 2 shows them, 6 their history.",
                off - muted
            )
        }
    }
}

#[cfg(test)]
mod tests;
