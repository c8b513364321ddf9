//! Screen 2 when it is about a setting: what it is and was, since when and by whom, what it will be, and what moved since.

mod draw;
pub(super) mod words;

use crossterm::event::KeyCode;

use crate::{
    domain::{Change, Finding, Proposal, SeriesId, SettingChange, Span, Timestamp, Value},
    engine::{Answer, LinkError, MetricRow, Query, SettingRow},
    tui::{
        self, chart,
        chart::STEPS,
        export::Shown,
        page,
        screens::resource::zoom_ends,
        state::{Effect, Screen, State, Tag},
        text,
    },
};

pub use draw::view;

/// How far back changes are asked for.
const PAST: Span = Span(30 * 86_400_000_000);
/// Metrics that moved, at most.
const MOVED: usize = 40;

/// A setting, its newest change, and the day it is looked at from (`None` is now): what the changes on the page were asked for.
type Asked = (SeriesId, Option<Timestamp>, Option<Timestamp>);

/// What the page remembers.
#[derive(Debug, Default)]
pub struct Pane {
    /// Index into the lengths of a column; `None` shows all changes.
    zoom: Option<usize>,
    /// Whether the metrics that moved have the cursor.
    in_list: bool,
    /// The metric under the cursor.
    chosen: Option<SeriesId>,
    /// Which changes are asked for, or there.
    asked: Option<Asked>,
    /// The changes of the setting asked for, oldest first.
    history: Vec<SettingChange>,
}

impl Pane {
    /// Forgets what was asked, so that it is asked again.
    pub(super) fn forget(&mut self) {
        self.asked = None;
    }
}

/// The setting that screen 2 is about, when it is about one: whatever is in focus and is no metric.
#[must_use]
pub fn focus(state: &State) -> Option<&SeriesId> {
    let id = state.series.as_ref()?;
    let metric = |rows: &[MetricRow]| rows.binary_search_by(|row| row.id.cmp(id)).is_ok();
    let known = state.shown.at.is_some();
    (known && !metric(&state.shown.metrics) && !metric(&state.live.metrics)).then_some(id)
}

/// What is known of a setting at the time shown; `None` when nothing is.
fn row<'a>(state: &'a State, id: &SeriesId) -> Option<&'a SettingRow> {
    state.shown.settings.iter().find(|row| row.id == *id)
}

/// Its changes up to the time shown, oldest first.
fn changes(state: &State, id: &SeriesId) -> Vec<SettingChange> {
    let now = state.now();
    let ours = state.setting.asked.as_ref().is_some_and(|(asked, ..)| asked == id);
    let mut changes: Vec<SettingChange> = Vec::new();
    if ours {
        changes.extend(state.setting.history.iter().filter(|change| change.at <= now).cloned());
    }
    let last = row(state, id).and_then(|row| row.last_change.as_deref());
    let newer = |last: &&SettingChange| last.at <= now && changes.last().is_none_or(|newest| newest.at < last.at);
    if let Some(last) = last.filter(newer) {
        changes.push(last.clone());
    }
    changes
}

/// The value at the time shown; `None` when it is gone or was never seen.
fn value(state: &State, id: &SeriesId) -> Option<Value> {
    row(state, id).and_then(|row| row.value.clone())
}

/// The findings that it is part of, worst first.
fn findings<'a>(state: &'a State, id: &'a SeriesId) -> impl Iterator<Item = &'a Finding> {
    let all = state.shown.findings.iter().map(|finding| &**finding);
    all.filter(move |finding| finding.series.contains(id))
}

/// The proposals that answer one of its findings, or change it, best first.
fn proposals<'a>(state: &'a State, id: &'a SeriesId) -> impl Iterator<Item = &'a Proposal> {
    let all = state.shown.proposals.iter().map(|proposal| &**proposal);
    all.filter(move |proposal| {
        let changes = |change: &Change| matches!(change, Change::Setting { id: theirs, .. } if theirs == id);
        findings(state, id).any(|finding| finding.id == proposal.finding)
            || proposal.changes.steps.iter().any(|step| changes(&step.change))
    })
}

/// The metrics of the same resource that left their shadow after its last change, or for which it is named as a cause, the first to
/// move first.
fn moved<'a>(state: &'a State, id: &SeriesId) -> Vec<(&'a MetricRow, Timestamp)> {
    let Some(last) = changes(state, id).pop() else {
        return Vec::new();
    };
    let from = last.after.unwrap_or(last.at);
    let named = |finding: &Finding| finding.causes.iter().any(|cause| cause.series.as_ref() == Some(id));
    let mut rows: Vec<(&MetricRow, Timestamp)> = Vec::new();
    for finding in state.shown.findings.iter() {
        let since = finding.resource == id.resource && finding.since >= from;
        if !since && !named(finding) {
            continue;
        }
        for row in finding.series.iter().filter_map(|id| state.metric(id)) {
            if rows.iter().all(|(other, _)| other.id != row.id) {
                rows.push((row, finding.since));
            }
        }
    }
    rows.sort_by_key(|(row, since)| (*since, row.id.clone()));
    rows.truncate(MOVED);
    rows
}

fn place(state: &State, rows: &[(&MetricRow, Timestamp)]) -> usize {
    let chosen = state.setting.chosen.as_ref();
    rows.iter().position(|(row, _)| Some(&row.id) == chosen).unwrap_or(0)
}

/// The setting, or the metric under the cursor.
#[must_use]
pub fn under_cursor(state: &State) -> Option<SeriesId> {
    let id = focus(state)?;
    let rows = moved(state, id);
    let metric = rows.get(place(state, &rows)).filter(|_| state.setting.in_list);
    Some(metric.map_or_else(|| id.clone(), |(row, _)| row.id.clone()))
}

/// Length of a column: as chosen, else so that all changes are seen.
#[must_use]
pub fn step(state: &State) -> Span {
    if let Some(zoom) = state.setting.zoom {
        return Span::from_secs(STEPS[zoom.min(STEPS.len() - 1)]);
    }
    let Some(id) = focus(state) else {
        return Span::from_mins(1);
    };
    let (now, columns) = (state.now(), draw::columns(state.size.0) as i64);
    let oldest = changes(state, id).first().map(|change| change.at);
    let from = oldest.or_else(|| row(state, id).map(|row| row.since)).unwrap_or(now);
    // The chart keeps a grid step of columns free at its right.
    let wanted = (now - from).0 / (columns - chart::GRID - 2).max(1);
    let fits = STEPS
        .iter()
        .find(|secs| **secs >= 60 && Span::from_secs(**secs).0 >= wanted);
    Span::from_secs(*fits.unwrap_or(&STEPS[STEPS.len() - 1]))
}

/// Asks for its changes, when they are not there or it has changed since.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    let Some(id) = focus(state).cloned() else {
        return Vec::new();
    };
    let last = row(state, &id)
        .and_then(|row| row.last_change.as_ref())
        .map(|change| change.at);
    let wanted = (id, last, state.at.map(|at| at.floor(Span::from_days(1))));
    if state.setting.asked.as_ref() == Some(&wanted) {
        return Vec::new();
    }
    if state.setting.asked.as_ref().is_none_or(|(id, ..)| *id != wanted.0) {
        state.setting = Pane::default();
    }
    let (from, to) = (state.now() - PAST, state.live.at.unwrap_or(state.now()));
    let tag = Tag {
        screen: Some(Screen::Resource),
        what: "setting",
        series: Some(wanted.0.clone()),
    };
    state.setting.asked = Some(wanted);
    vec![Effect::Ask(tag, Query::Timeline { from, to })]
}

/// Takes the changes asked for.
pub fn answer(state: &mut State, tag: &Tag, answer: Result<Box<Answer>, LinkError>) {
    let ours = state.setting.asked.as_ref().map(|(id, ..)| id) == tag.series.as_ref();
    match answer.map(|answer| *answer) {
        Ok(Answer::Timeline(mut data)) if ours => {
            data.changes.retain(|change| Some(&change.id) == tag.series.as_ref());
            state.setting.history = data.changes;
        }
        Ok(_) => {}
        Err(error) => state.message = Some(format!("its changes of before cannot be read: {error}")),
    }
}

/// A key that the frame did not take.
pub fn key(state: &mut State, code: KeyCode) -> Vec<Effect> {
    let Some(id) = focus(state).cloned() else {
        return Vec::new();
    };
    let rows = moved(state, &id);
    let at = place(state, &rows);
    match code {
        KeyCode::Tab | KeyCode::BackTab if rows.is_empty() => {
            state.message = Some("nothing on this page has rows to go to".into());
        }
        KeyCode::Tab | KeyCode::BackTab => state.setting.in_list = !state.setting.in_list,
        KeyCode::Char('+' | '=') => zoom(state, -1),
        KeyCode::Char('-') => zoom(state, 1),
        KeyCode::Char('l') | KeyCode::Right => neighbour(state, 1),
        KeyCode::Char('h') | KeyCode::Left => neighbour(state, -1),
        KeyCode::Enter if state.setting.in_list => {
            if let Some(id) = under_cursor(state) {
                return tui::open(state, Screen::Resource, id);
            }
        }
        code => {
            // The first movement key goes into the list: there is nothing else to move in.
            let from = if state.setting.in_list { Some(at) } else { None };
            let to = page::moved(code, from.unwrap_or(0), rows.len()).map(|to| from.map_or(0, |_| to));
            if let Some((row, _)) = to.and_then(|to| rows.get(to)) {
                state.setting.chosen = Some(row.id.clone());
                state.setting.in_list = true;
            }
        }
    }
    refresh(state)
}

/// Takes the next shorter or longer length of a column.
fn zoom(state: &mut State, by: isize) {
    let now = step(state);
    let at = STEPS.iter().position(|secs| Span::from_secs(*secs) == now).unwrap_or(2);
    let to = at.saturating_add_signed(by).min(STEPS.len() - 1);
    if to == at {
        state.message = Some(zoom_ends(by).into());
    }
    state.setting.zoom = Some(to);
}

/// Goes to another setting of the same resource, in the order of their names.
fn neighbour(state: &mut State, by: isize) {
    let Some(id) = focus(state) else { return };
    let mut ids: Vec<&SeriesId> = state
        .shown
        .settings
        .iter()
        .map(|row| &row.id)
        .filter(|other| other.resource == id.resource && state.passes(&other.resource, &other.name))
        .collect();
    ids.sort();
    let at = ids.binary_search(&id).unwrap_or(0);
    if let Some(to) = at.checked_add_signed(by).and_then(|to| ids.get(to)) {
        state.series = Some((*to).clone());
    }
}

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State, id: &SeriesId) -> String {
    if state.setting.in_list {
        return "Enter opens the metric under the cursor; Tab goes back to the setting".into();
    }
    if value(state, id).is_none() {
        return "it is not there: l shows the next setting, 6 what happened".into();
    }
    let then = if let Some((row, _)) = moved(state, id).first() {
        format!("Tab, then Enter opens {}, which moved since", row.id.name)
    } else if let Some(proposal) = proposals(state, id).next() {
        format!("4 has proposal #{} for it", proposal.id.0)
    } else if findings(state, id).next().is_some() {
        "x says what speaks for it".into()
    } else {
        "l shows the next setting".into()
    };
    format!("{then}; w tries another value on 5")
}

/// Its changes as a list to copy or write.
#[must_use]
pub fn table(state: &State, id: &SeriesId) -> Shown {
    let rows = changes(state, id).into_iter().map(|change| {
        let cells = vec![
            change.at.to_string(),
            words::shown(change.from.as_ref()),
            words::shown(change.to.as_ref()),
            words::who(&change).to_owned(),
        ];
        (id.clone(), cells)
    });
    let now = words::shown(value(state, id).as_ref());
    Shown {
        title: format!("{id} = {now} at {}", text::when(state.now(), state.now())),
        head: vec!["time", "from", "to", "by"],
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests;
