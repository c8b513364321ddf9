//! Screen 2: is this metric doing what it should, and since when not? A setting in focus has a page of its own.

mod ahead;
mod bearing;
mod draw;
mod keys;
mod next;
mod related;
mod settings;
mod sides;
mod table;
mod zoom;

use std::{collections::BTreeMap, sync::Arc};

use ratatui::{buffer::Buffer, layout::Rect};

use ahead::Ahead;
pub use keys::{KEYS, key};
pub use next::next;
use related::{lag, related, related_place};
pub use table::table;
pub use zoom::step;
pub(super) use zoom::zoom_ends;

use crate::{
    domain::{Finding, Mark, ResourceId, Seen, SeriesId},
    engine::{Answer, LinkError, MetricRow, Query, SettingRow},
    tui::{
        self,
        chart::{Lists, Plot, Track},
        order,
        screens::setting,
        state::{Effect, Purpose, Room, Screen, State, Tag},
    },
};

/// What this screen remembers.
#[derive(Debug, Default)]
pub struct Pane {
    /// Index into the lengths of a column; `None` suits the metric's history.
    zoom: Option<usize>,
    /// Whether the list of related metrics has the cursor.
    in_list: bool,
    /// The related metric under the cursor.
    related: Option<SeriesId>,
    /// The list of settings.
    settings: settings::List,
    /// The order of the related metrics when the cursor came to them; empty while it is elsewhere.
    order: Vec<SeriesId>,
    /// A chart for each metric drawn.
    tracks: BTreeMap<SeriesId, Track>,
    /// How the bands of the metric in focus held, and what comes.
    ahead: Ahead,
    /// Why there is no chart.
    error: Option<String>,
}

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    if let Some(id) = setting::focus(state) {
        // The name of a setting may be a path: it is told whole.
        return vec![id.resource.name().to_owned(), id.name.to_string()];
    }
    state.series.as_ref().map_or_else(Vec::new, series_crumbs)
}

/// `db-01`, `mem`, `available_pct`.
pub(super) fn series_crumbs(id: &SeriesId) -> Vec<String> {
    let host = id.resource.name().to_owned();
    match id.name.rsplit_once('.') {
        Some((family, last)) => vec![host, family.to_owned(), last.to_owned()],
        None => vec![host, id.name.to_string()],
    }
}

/// The series that is drawn: the one chosen, else the first of what is off, else the worst of the first host, else the one to look at
/// first.
pub(super) fn focus(state: &State) -> Option<SeriesId> {
    let known = |id: &SeriesId| state.metric(id).is_some();
    let off = || {
        let series = state.shown.findings.iter().flat_map(|finding| &finding.series);
        series.into_iter().find(|id| known(id)).cloned()
    };
    let worst = || {
        let worst = state.shown.resources.first()?.worst.as_ref();
        worst
            .filter(|(_, bits)| *bits >= order::NOTABLE)
            .map(|(id, _)| id.clone())
            .filter(known)
    };
    let first = || order::first(state, None);
    let metric = state.series.clone().filter(|_| setting::focus(state).is_none());
    metric.or_else(off).or_else(worst).or_else(first)
}

/// Whether the page of a setting is shown: one is in focus, and no list of settings lies over it.
fn is_setting(state: &State) -> bool {
    setting::focus(state).is_some() && !state.resource.settings.open
}

/// Another series was chosen to be shown: itself, and no list.
pub fn opened(state: &mut State) {
    state.resource.settings.open = false;
}

/// Shows the settings of a resource that has no metrics, those likeliest to change first; says so where it has none.
pub fn open_settings(state: &mut State, resource: &ResourceId) -> Vec<Effect> {
    let mut rows: Vec<&SettingRow> = state.shown.settings.iter().collect();
    rows.retain(|row| row.id.resource == *resource);
    settings::rank(&mut rows, true);
    let Some(first) = rows.first().map(|row| row.id.clone()) else {
        state.message = Some(format!("{} has neither metrics nor settings yet", resource.name()));
        return Vec::new();
    };
    let effects = tui::open(state, Screen::Resource, first.clone());
    state.resource.settings.begin(first);
    effects
}

/// The finding a series is part of.
pub(super) fn finding<'a>(state: &'a State, id: &SeriesId) -> Option<&'a Arc<Finding>> {
    state.shown.findings.iter().find(|finding| finding.series.contains(id))
}

/// The finding that a metric's departure is told in first, with the band it left: what the Overview says of it, which its shadow may have
/// followed since.
fn left<'a>(state: &'a State, row: &MetricRow) -> Option<(&'a Arc<Finding>, (f64, f64))> {
    let found = finding(state, &row.id).filter(|found| found.series.first() == Some(&row.id))?;
    match found.seen {
        Seen::Metric { band: Some(band), .. } if matches!(found.mark, Mark::Breach | Mark::Odd | Mark::Drift) => {
            Some((found, band))
        }
        _ => None,
    }
}

/// The series under the cursor.
#[must_use]
pub fn under_cursor(state: &State) -> Option<SeriesId> {
    if is_setting(state) {
        return setting::under_cursor(state);
    }
    if state.resource.settings.open {
        return settings::under_cursor(state);
    }
    let id = focus(state)?;
    if !state.resource.in_list {
        return Some(id);
    }
    let rows = related(state, &id);
    rows.get(related_place(state, &rows))
        .map(|row| row.id.clone())
        .or(Some(id))
}

/// The metrics drawn, the first largest: the one in focus, or all that are marked.
fn drawn(state: &State) -> Vec<SeriesId> {
    let marked: Vec<SeriesId> = state
        .marked
        .iter()
        .filter(|id| state.metric(id).is_some())
        .cloned()
        .collect();
    if marked.len() > 1 && state.room() >= Room::Normal {
        let most = if state.room() == Room::Large { 6 } else { 2 };
        return marked.into_iter().take(most).collect();
    }
    let Some(id) = focus(state) else { return Vec::new() };
    let beside = if state.room() == Room::Large { 3 } else { 0 };
    let others: Vec<SeriesId> = related(state, &id)
        .into_iter()
        .take(beside)
        .map(|row| row.id.clone())
        .collect();
    std::iter::once(id).chain(others).collect()
}

/// Whether several metrics stand beside each other.
fn several(state: &State) -> bool {
    state.marked.len() > 1 && drawn(state).len() > 1 && drawn(state).iter().all(|id| state.marked.contains(id))
}

/// Chart, lists and plot of one metric; `None` before its history has come.
fn lists(state: &State, row: &MetricRow) -> Option<Lists> {
    let chart = state.resource.tracks.get(&row.id)?.chart()?;
    Some(Lists::of(chart, row.cadence, state.now()))
}

fn plot<'a>(state: &'a State, row: &'a MetricRow, lists: &'a Lists) -> Plot<'a> {
    let track = state.resource.tracks.get(&row.id);
    let chart = track.and_then(Track::chart);
    Plot {
        unit: row.unit,
        from: chart.map(|chart| chart.from).unwrap_or_default(),
        step: chart.map_or(step(state), |chart| chart.step),
        actual: &lists.actual,
        shadow: &lists.shadow,
        limit: row.limit.as_ref(),
        now: lists.now,
        scale: track.and_then(Track::scale),
        ..Plot::default()
    }
}

/// When the change was made that a replay undoes first.
fn replayed(state: &State, id: &SeriesId) -> Option<crate::domain::Timestamp> {
    to_replay(state, id).first().map(|change| change.at)
}

/// The changes in the time shown, as a replay takes them: those that are told to be a cause first, each newest first.
#[must_use]
pub fn to_replay(state: &State, id: &SeriesId) -> Vec<crate::domain::SettingChange> {
    let blamed: Vec<&SeriesId> = finding(state, id)
        .iter()
        .flat_map(|finding| &finding.causes)
        .filter_map(|cause| cause.series.as_ref())
        .collect();
    let mut all = changed(state, id);
    all.sort_by_key(|change| !blamed.contains(&&change.id));
    all
}

/// The changes of settings in the time shown of a metric, newest first.
#[must_use]
pub fn changed(state: &State, id: &SeriesId) -> Vec<crate::domain::SettingChange> {
    let changes = state.resource.tracks.get(id).map_or(&[][..], |track| track.changes());
    let seen = changes.iter().rev().filter(|change| change.at <= state.now());
    seen.cloned().collect()
}

/// Columns of the main chart.
fn columns(state: &State) -> usize {
    draw::columns(state.size.0, state.room())
}

/// Asks for the history of every metric drawn that is not there yet.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    if state.series.is_none() {
        state.series = focus(state);
    }
    if setting::focus(state).is_some() {
        return setting::refresh(state);
    }
    let (ids, step, newest, columns) = (drawn(state), step(state), state.now(), columns(state));
    if state.shown.at.is_none() {
        return Vec::new();
    }
    state
        .resource
        .tracks
        .retain(|id, track| ids.contains(id) || track.loading());
    let mut effects = Vec::new();
    for id in ids {
        let track = state.resource.tracks.entry(id.clone()).or_default();
        if let Some(query) = track.want(&id, newest, step, columns) {
            effects.push(ask(id.clone(), query));
        }
    }
    settle(state);
    effects.extend(ahead::refresh(state));
    effects
}

fn ask(id: SeriesId, query: Query) -> Effect {
    Effect::Ask(
        Tag {
            screen: Some(Screen::Resource),
            what: "chart",
            series: Some(id),
        },
        query,
    )
}

/// Carries every chart on by the newest values.
pub fn extend(state: &mut State) {
    let shown = Arc::clone(&state.shown);
    for (id, track) in &mut state.resource.tracks {
        if let Ok(row) = shown.metrics.binary_search_by(|row| row.id.cmp(id)) {
            track.extend(&shown.metrics[row]);
        }
    }
}

/// Forgets all charts: they have a hole where the screen stood still.
pub fn forget(state: &mut State) {
    state.resource.tracks.values_mut().for_each(Track::forget);
    state.resource.ahead.forget();
}

/// Lets every y axis follow its data, if it must.
fn settle(state: &mut State) {
    let rows = draw::chart_rows(state);
    for (place, id) in drawn(state).into_iter().enumerate() {
        let Some(row) = state.metric(&id).cloned() else {
            continue;
        };
        let Some(lists) = lists(state, &row) else { continue };
        let rows = if place == 0 || several(state) {
            rows
        } else {
            sides::SMALL_ROWS
        };
        let plot = Plot {
            unit: row.unit,
            actual: &lists.actual,
            shadow: &lists.shadow,
            limit: row.limit.as_ref(),
            ..Plot::default()
        };
        if let Some(track) = state.resource.tracks.get_mut(&id) {
            track.settle(&plot, rows);
        }
    }
}

/// What was typed into a line this screen opened, when Enter is pressed: a file.
pub fn entered(state: &mut State, purpose: &Purpose, text: &str) -> Vec<Effect> {
    match purpose {
        Purpose::Export => tui::export_to(state, text),
        _ => Vec::new(),
    }
}

/// An answer to a question of this screen.
pub fn answer(state: &mut State, tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    let Some(id) = &tag.series else { return Vec::new() };
    if tag.what == "setting" {
        setting::answer(state, tag, answer);
        return Vec::new();
    }
    if tag.what == "ahead" {
        // Without it the pane says what the snapshot knows.
        if let Ok(Answer::Forecast(view)) = answer.map(|answer| *answer) {
            state.resource.ahead.take(view);
        }
        return Vec::new();
    }
    state.resource.error = None;
    let chart = match answer.map(|answer| *answer) {
        Ok(Answer::Chart(chart)) => Some(chart),
        Ok(_) => None,
        Err(error) => {
            state.resource.error = Some(error.to_string());
            None
        }
    };
    let next = state.resource.tracks.get_mut(id).and_then(|track| track.take(chart));
    if state.at.is_none() && !state.frozen {
        extend(state);
    }
    settle(state);
    next.map(|query| ask(id.clone(), query)).into_iter().collect()
}

/// What it shows, as Markdown.
#[must_use]
pub fn markdown(state: &State) -> String {
    crate::tui::export::shown(state, false).markdown()
}

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    if is_setting(state) {
        setting::view(state, area, buffer);
        return;
    }
    draw::view(state, area, buffer);
}
