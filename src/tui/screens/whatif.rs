//! Screen 5: what a change would do, or would have done.

mod actual;
mod charts;
mod draw;
mod figure;
mod keys;
mod list;
mod running;
mod scenario;
mod time;
mod told;
mod typed;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::{Change, ChangeSet, SeriesId, Span, Step},
    tui::{
        self, enter, open_line, page,
        screens::proposals,
        state::{Effect, Overlay, Purpose, Screen, State, Tag},
        text::{stamp, when},
    },
};

pub use actual::{replay, replayed};
pub(super) use charts::chart_of;
pub use keys::KEYS;
pub use running::{answer, poll, refresh, stop};
use scenario::Scenario;
pub use scenario::moving;
use time::{far, later};
pub use typed::label;

/// Seed of the draws: the same question gives the same figures.
pub const SEED: u64 = 7;

/// Time between two looks at how far a what-if is.
const POLL: Span = Span(500_000);

/// What this screen remembers.
#[derive(Debug)]
pub struct Pane {
    a: Scenario,
    b: Option<Scenario>,
    /// Whether B is the one being changed.
    on_b: bool,
    /// The line under the cursor; one past the last is `+ add`.
    row: usize,
    /// The outcome's row whose chart is drawn; none is the first.
    series: Option<SeriesId>,
    /// Whether the keys go to the outcome.
    outcome: bool,
    horizon: Span,
    /// Metrics shown first, since someone came here from them.
    wanted: Vec<SeriesId>,
    /// The number of the next question.
    next_job: u64,
    /// Whether a look at how far it is is on its way.
    polling: bool,
}

impl Default for Pane {
    fn default() -> Self {
        Self {
            a: Scenario::default(),
            b: None,
            on_b: false,
            row: 0,
            series: None,
            outcome: false,
            horizon: Span::from_hours(6),
            wanted: Vec::new(),
            next_job: 0,
            polling: false,
        }
    }
}

impl Pane {
    fn current(&self) -> &Scenario {
        self.b.as_ref().filter(|_| self.on_b).unwrap_or(&self.a)
    }

    fn current_mut(&mut self) -> &mut Scenario {
        self.b.as_mut().filter(|_| self.on_b).unwrap_or(&mut self.a)
    }

    /// Lets what failed be asked again.
    pub(super) fn forget(&mut self) {
        for scenario in std::iter::once(&mut self.a).chain(&mut self.b) {
            (scenario.job, scenario.failed) = (None, None);
        }
    }

    /// The series of the outcome, those someone came for first.
    fn series(&self) -> Vec<&SeriesId> {
        let mut rows: Vec<&SeriesId> = Vec::new();
        let scenarios = [Some(self.current()), Some(&self.a), self.b.as_ref()];
        for outcome in scenarios.into_iter().flatten().filter_map(|s| s.outcome.as_ref()) {
            // What nothing is known of is said first: who looks for it must not have to search.
            let told = outcome
                .no_evidence
                .iter()
                .chain(outcome.effects.iter().map(|effect| &effect.series));
            for id in told {
                if !rows.contains(&id) {
                    rows.push(id);
                }
            }
        }
        // Of what someone came for it is said, too, that nothing is known.
        if self.current().outcome.is_some() {
            let missing: Vec<&SeriesId> = self.wanted.iter().filter(|id| !rows.contains(id)).collect();
            rows.extend(missing);
        }
        rows.sort_by_key(|id| !self.wanted.contains(id));
        rows
    }

    /// The index of the series whose chart is drawn: the one chosen, else the first that has one.
    fn charted(&self) -> usize {
        let rows = self.series();
        let chosen = rows.iter().position(|id| Some(*id) == self.series.as_ref());
        let outcome = self.current().outcome.as_ref();
        let drawn =
            |id: &SeriesId| outcome.is_some_and(|outcome| outcome.bands.iter().any(|(theirs, ..)| theirs == id));
        chosen.or_else(|| rows.iter().position(|id| drawn(id))).unwrap_or(0)
    }
}

/// The effect under the cursor, while that is among the effects.
#[must_use]
pub fn under_cursor(state: &State) -> Option<SeriesId> {
    let pane = &state.whatif;
    let ids = pane.series();
    ids.get(pane.charted()).filter(|_| pane.outcome).map(|id| (*id).clone())
}

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    vec!["what-if".into(), if state.whatif.on_b { "B" } else { "A" }.into()]
}

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    let pane = &state.whatif;
    let scenario = pane.current();
    if !pane.outcome
        && scenario
            .changes
            .steps
            .iter()
            .any(|step| list::moved_on(state, step).is_some())
    {
        return "r runs it from the values of now: a setting has changed since".into();
    }
    if let Some(ran) = scenario.old(state.now()) {
        return format!("r runs it again: these figures are from {}", when(ran, state.now()));
    }
    let toggle = match scenario.changes.steps.get(pane.row) {
        Some(step) => {
            let to = if step.on { "off" } else { "on" };
            format!("space turns change {} {to}", pane.row + 1)
        }
        None => "+ adds a change".into(),
    };
    if let (true, Some(id)) = (pane.outcome, pane.series().get(pane.charted())) {
        format!("Enter opens {} on 2; Tab goes back to the changes", id.name)
    } else if scenario.changes.steps.is_empty() {
        "+ adds a setting (vm.swappiness = 10) or a load (traffic x1.5)".into()
    } else if pane.b.is_none() {
        // b stands below.
        format!("{toggle}; Tab goes to the effects; 4 keeps A as proposal")
    } else {
        let (this, other) = if pane.on_b { ('B', 'A') } else { ('A', 'B') };
        format!("{toggle}; b goes to scenario {other}; 4 keeps {this} as proposal")
    }
}

/// Switches to this screen with the settings of `seeds` changed from what they are to what was accepted, or was before.
/// Metrics change nothing; they are shown first.
pub fn open(state: &mut State, seeds: Vec<SeriesId>) -> Vec<Effect> {
    let mut changes = state.whatif.a.changes.clone();
    let mut never: Vec<SeriesId> = Vec::new();
    let kept = changes.steps.len();
    let mut there = None;
    state.whatif.wanted.clear();
    state.whatif.series = None;
    for id in seeds {
        let Some(row) = state.shown.settings.iter().find(|row| row.id == id) else {
            state.whatif.wanted.push(id);
            continue;
        };
        let known = |step: &Step| matches!(&step.change, Change::Setting { id: theirs, .. } if *theirs == id);
        if let Some(place) = changes.steps.iter().position(known) {
            there = Some(place).filter(|place| *place < kept);
            continue;
        }
        let before = match (&row.accepted, &row.last_change) {
            (Some(accepted), _) => accepted.clone(),
            (None, Some(change)) => change.from.clone(),
            (None, None) => {
                never.push(id);
                continue;
            }
        };
        let change = Change::Setting {
            id,
            from: row.value.clone(),
            to: before,
        };
        changes.steps.extend(ChangeSet::of(change).steps);
    }
    let added = changes.steps.len() > kept;
    state.whatif.row = there.unwrap_or(kept);
    // What is asked of changes that stood there before is said: only its effects are new.
    state.message = match (&never[..], &state.whatif.wanted[..]) {
        ([id], _) => Some(format!("{} never changed here: type the value to try", id.name)),
        ([id, more @ ..], _) => Some(format!(
            "{} and {} more never changed here: type the first one's value",
            id.name,
            more.len()
        )),
        ([], _) if let Some(place) = there => Some(format!("change {} of scenario A is about it already", place + 1)),
        ([], [id, ..]) if kept > 0 && !added => Some(format!(
            "{}: what scenario A does to it comes first; + adds a change",
            id.name
        )),
        _ => None,
    };
    let effects = with(state, changes);
    if let Some(id) = never.first() {
        open_line(state, Purpose::Change(None), &format!("{} = ", id.name));
    }
    effects
}

/// Switches to this screen with `changes` as scenario A, and runs them.
pub fn with(state: &mut State, changes: ChangeSet) -> Vec<Effect> {
    let now = state.now();
    let pane = &mut state.whatif;
    // Who comes with a question wants to know of now; what someone comes back to stays as it was.
    for scenario in std::iter::once(&mut pane.a).chain(&mut pane.b) {
        if scenario.old(now).is_some() {
            scenario.outcome = None;
        }
    }
    pane.on_b = false;
    pane.row = pane.row.min(changes.steps.len());
    pane.a.changes = changes;
    if state.screen != Screen::WhatIf {
        state.back.push((state.screen, state.series.clone()));
    }
    enter(state, Screen::WhatIf)
}

fn tag(what: &'static str) -> Tag {
    Tag {
        screen: Some(Screen::WhatIf),
        what,
        series: None,
    }
}

/// Runs again whatever differs from what was asked.
fn changed(state: &mut State) -> Vec<Effect> {
    let scenario = state.whatif.current_mut();
    let mut effects: Vec<Effect> = scenario.halt().into_iter().collect();
    scenario.failed = None;
    effects.extend(refresh(state));
    effects
}

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let pane = &mut state.whatif;
    let lines = pane.current().changes.steps.len();
    if pane.outcome {
        let ids: Vec<SeriesId> = pane.series().into_iter().cloned().collect();
        if let Some(to) = page::moved(key.code, pane.charted(), ids.len()) {
            pane.series = ids.get(to).cloned();
            return Vec::new();
        }
    } else if let Some(to) = page::moved(key.code, pane.row, lines + 1) {
        pane.row = to;
        return Vec::new();
    }
    let row = pane.row;
    match key.code {
        KeyCode::Enter if pane.outcome => {
            let id = pane.series().get(pane.charted()).map(|id| (*id).clone());
            return id.map_or_else(Vec::new, |id| tui::open(state, Screen::Resource, id));
        }
        KeyCode::Char(' ' | 'd') if pane.outcome => {
            state.message = Some("the cursor is among the effects: Tab goes back to the changes".into());
        }
        KeyCode::Tab | KeyCode::BackTab => pane.outcome = !pane.outcome,
        KeyCode::Char(' ') => {
            if let Some(step) = pane.current_mut().changes.steps.get_mut(row) {
                step.on = !step.on;
                return changed(state);
            }
        }
        KeyCode::Char('d') | KeyCode::Delete if row < lines => {
            pane.current_mut().changes.steps.remove(row);
            return changed(state);
        }
        KeyCode::Enter => match pane.current().changes.steps.get(row) {
            Some(step) => {
                let text = match &step.change {
                    Change::Setting { id, to, .. } => {
                        let to = to.as_ref().map(ToString::to_string).unwrap_or_default();
                        format!("{id} = {to}")
                    }
                    other => format!("{}/{other}", other.resource()),
                };
                open_line(state, Purpose::Change(Some(row)), &text);
            }
            None => open_line(state, Purpose::Change(None), ""),
        },
        KeyCode::Char('+') => open_line(state, Purpose::Change(None), ""),
        KeyCode::Char('b') => return second(state),
        KeyCode::Char('[') => return later(state, -1),
        KeyCode::Char(']') => return later(state, 1),
        KeyCode::Char('h') | KeyCode::Left => return far(state, -1),
        KeyCode::Char('l') | KeyCode::Right => return far(state, 1),
        KeyCode::Char('r') => {
            let mut effects = Vec::new();
            let pane = &state.whatif;
            let anew = [Some(&pane.a), pane.b.as_ref()].map(|scenario| Some(list::from_now(state, &scenario?.changes)));
            let pane = &mut state.whatif;
            for (scenario, changes) in std::iter::once(&mut pane.a)
                .chain(&mut pane.b)
                .zip(anew.into_iter().flatten())
            {
                effects.extend(scenario.halt());
                (scenario.outcome, scenario.failed, scenario.changes) = (None, None, changes);
            }
            effects.extend(refresh(state));
            return effects;
        }
        KeyCode::Char('x') => {
            state.overlay = Some(Overlay::Text {
                title: "where these numbers come from".into(),
                lines: told::explanation(state),
                from: 0,
            });
        }
        KeyCode::Char('y') => return vec![Effect::Copy(told::as_text(state))],
        KeyCode::Char('e') => {
            if state.whatif.current().outcome.is_some() {
                let name = format!("foreshadow-what-if-{}.json", stamp(state.now()));
                open_line(state, Purpose::Export, &name);
            } else {
                state.message = Some("nothing has run yet: nothing to export".into());
            }
        }
        _ => {}
    }
    Vec::new()
}

/// Copies A to B, or goes between the two.
fn second(state: &mut State) -> Vec<Effect> {
    let pane = &mut state.whatif;
    if pane.b.is_some() {
        pane.on_b = !pane.on_b;
        pane.row = pane.row.min(pane.current().changes.steps.len());
        return Vec::new();
    }
    if pane.a.changes.steps.is_empty() {
        state.message = Some("scenario A is empty: + adds a change first".into());
        return Vec::new();
    }
    pane.b = Some(Scenario {
        changes: pane.a.changes.clone(),
        ..Scenario::default()
    });
    pane.on_b = true;
    refresh(state)
}

/// Keeps the scenario shown as a proposal, once it has run.
pub(in crate::tui) fn keep(state: &mut State) {
    if let Some(outcome) = &state.whatif.current().outcome {
        let outcome = actual::from_now_on(outcome);
        proposals::keep(state, &outcome);
    }
}

/// What was typed into a line this screen opened, when Enter is pressed: a change, or a file.
pub fn entered(state: &mut State, purpose: &Purpose, text: &str) -> Vec<Effect> {
    let text = text.trim();
    match purpose {
        Purpose::Change(_) if text.is_empty() => Vec::new(),
        Purpose::Change(row) => match typed::read(state, text) {
            Ok(change) => {
                let steps = &mut state.whatif.current_mut().changes.steps;
                // A setting has one value at a time: typed once more it takes the row it has.
                let same = |(place, step): (usize, &Step)| {
                    (Some(place) != *row && step.change.same_setting(&change)).then_some(place)
                };
                let known = steps.iter().enumerate().find_map(same);
                let place = match (known, *row) {
                    (Some(known), None) => known,
                    (Some(known), Some(row)) => {
                        steps.remove(known);
                        row - usize::from(known < row)
                    }
                    (None, row) => row.unwrap_or(steps.len()),
                };
                if known.is_some() {
                    state.message = Some(format!("it was in the list already: the last one holds, {change}"));
                }
                match steps.get_mut(place) {
                    Some(step) => step.change = change,
                    None => steps.extend(ChangeSet::of(change).steps),
                }
                state.whatif.row = place;
                changed(state)
            }
            Err(why) => {
                open_line(state, purpose.clone(), text);
                if let Some(line) = &mut state.input {
                    (line.offered, line.words) = (None, vec![why]);
                }
                Vec::new()
            }
        },
        Purpose::Export if !text.is_empty() => {
            let pane = &state.whatif;
            let mut outcomes: Vec<_> = [Some(&pane.a), pane.b.as_ref()]
                .into_iter()
                .flatten()
                .filter_map(|scenario| scenario.outcome.as_deref().map(crate::simulate::view))
                .collect();
            // As `whatif --json`; of A and B a list of two.
            let written = match outcomes.len() {
                1 => serde_json::to_string_pretty(&outcomes.remove(0)),
                _ => serde_json::to_string_pretty(&outcomes),
            };
            match written {
                Ok(json) => vec![Effect::WriteFile(text.into(), json + "\n")],
                Err(error) => {
                    state.message = Some(error.to_string());
                    Vec::new()
                }
            }
        }
        _ => Vec::new(),
    }
}

/// What it shows, as Markdown: changes and outcome.
#[must_use]
pub fn markdown(state: &State) -> String {
    let lines: Vec<String> = told::as_text(state)
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    format!("# What-if, {} at {}\n\n{}", state.place, state.now(), lines.concat())
}

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    draw::view(state, area, buffer);
}

#[cfg(test)]
pub(super) mod tests;
