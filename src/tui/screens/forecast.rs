//! Screen 3: when does it hit a limit, and how sure is that?

mod beside;
mod draw;
mod nearest;
mod sight;
mod times;

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::{buffer::Buffer, layout::Rect};

use nearest::Nearest;
use sight::{Sight, view_of};
pub use sight::{answer, refresh};

use super::resource;
use crate::{
    domain::{Crossing, Limit, Mark, MetricKind, Quantity, SeriesId, Span},
    drift::prominence,
    engine::MetricRow,
    tui::{
        self,
        export::Shown,
        page,
        state::{Effect, KeyHint, Purpose, Screen, State},
        text::{began, when},
    },
};

/// How far one can look, hours. A sixtieth of each is a column, so that ten of them are a round time.
const HORIZONS: [i64; 9] = [1, 3, 6, 12, 24, 72, 168, 720, 2_160];

/// What this screen remembers.
#[derive(Debug)]
pub struct Pane {
    /// Index into the horizons.
    horizon: usize,
    /// The crossing under the cursor.
    row: Option<SeriesId>,
    /// The limit looked at instead of the one in force, and of which metric.
    limit: Option<(SeriesId, Limit)>,
    /// What was and what will be, of every metric drawn.
    sights: BTreeMap<SeriesId, Sight>,
    /// Counts the turns that the charts beside the main one take.
    turn: usize,
    /// The first limit to be passed beyond the horizon of the list.
    nearest: Nearest,
    error: Option<String>,
}

impl Default for Pane {
    fn default() -> Self {
        Self {
            horizon: 2,
            row: None,
            limit: None,
            sights: BTreeMap::new(),
            turn: 0,
            nearest: Nearest::default(),
            error: None,
        }
    }
}

impl Pane {
    /// Forgets what was asked, so that it is asked again.
    pub(super) fn forget(&mut self) {
        self.sights.values_mut().for_each(Sight::forget);
        self.nearest = Nearest::default();
    }
}

/// Its keys, most useful first.
pub const KEYS: &[KeyHint] = &[
    KeyHint {
        key: "+/-",
        does: "horizon",
        help: "looks less or more far ahead, 1 hour to 90 days",
    },
    KeyHint {
        key: "hjkl",
        does: "move",
        help: "moves among the crossings to come; Enter shows one above",
    },
    KeyHint {
        key: "L",
        does: "limit",
        help: "moves the limit line, for this view only",
    },
    KeyHint {
        key: "x",
        does: "explain",
        help: "says where the forecast comes from",
    },
    KeyHint {
        key: "w",
        does: "what-if",
        help: "tries a change on screen 5",
    },
    KeyHint {
        key: "e",
        does: "export",
        help: "writes the forecast to a new file",
    },
    KeyHint {
        key: "Enter",
        does: "show",
        help: "shows the crossing under the cursor above",
    },
    KeyHint {
        key: "space",
        does: "mark",
        help: "marks the metric",
    },
    KeyHint {
        key: "y",
        does: "copy",
        help: "sends the forecast to the terminal's clipboard",
    },
    KeyHint {
        key: "f",
        does: "freeze",
        help: "holds the screen still; learning goes on",
    },
];

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    focus(state).as_ref().map_or_else(Vec::new, resource::series_crumbs)
}

/// The metric shown: the one chosen, else the worst beyond its limit, else the first to cross, else the one with a limit that is worth a look
/// first.
fn focus(state: &State) -> Option<SeriesId> {
    let breached = || {
        let mut findings = state
            .shown
            .findings
            .iter()
            .filter(|finding| finding.mark == Mark::Breach);
        findings.find_map(|finding| finding.series.iter().find(|id| state.metric(id).is_some()).cloned())
    };
    let first = || crossings(state).first().map(|(row, _)| row.id.clone());
    let limited = || {
        let rows = state.shown.metrics.iter().filter(|row| row.limit.is_some());
        let first = rows.min_by_key(|row| (row.expected.is_none(), prominence(&row.id.name)));
        first.map(|row| row.id.clone())
    };
    state
        .series
        .clone()
        .filter(|_| super::setting::focus(state).is_none())
        .or_else(breached)
        .or_else(first)
        .or_else(limited)
        .or_else(|| resource::focus(state))
}

/// Says of a metric whose newest value is beyond the limit drawn since when that is so: `passed since 13:58`, `passed now`.
fn passed(state: &State, row: &MetricRow) -> Option<String> {
    let limit = limit(state, row)?;
    row.now.filter(|(_, value)| limit.broken_by(*value))?;
    // What was told is told of the limit in force.
    let told = state.shown.findings.iter().find(|finding| {
        let own = state.forecast.limit.as_ref().is_some_and(|(id, _)| *id == row.id);
        finding.mark == Mark::Breach && !own && finding.series.first() == Some(&row.id)
    });
    let of = |seen: &Limit| (seen.value, seen.side) == (limit.value, limit.side);
    let seen = view_of(state, &row.id)
        .filter(|view| view.limit.as_ref().is_some_and(of))
        .and_then(|view| view.passed);
    // The earlier of the two: the values held may reach farther back than when it was told, and less far.
    let since = match told {
        Some(finding) if seen.is_none_or(|seen| seen >= finding.since) => {
            Some(began(finding.earliest, finding.since, state.now()))
        }
        _ => seen.map(|at| when(at, state.now())),
    };
    Some(since.map_or_else(|| "passed now".into(), |since| format!("passed since {since}")))
}

/// When a metric passes the limit drawn: of a limit of this view the forecast knows; else what is told of it everywhere, and before that
/// what the forecast says. What is beyond its limit already passes none.
fn crossing(state: &State, row: &MetricRow) -> Option<Crossing> {
    limit(state, row)?;
    if passed(state, row).is_some() {
        return None;
    }
    let own = state.forecast.limit.as_ref().is_some_and(|(id, _)| *id == row.id);
    let told = row.crossing.filter(|_| !own);
    told.or_else(|| sight::seen_ahead(state, &row.id))
}

/// Crossings to come, soonest first.
fn crossings(state: &State) -> Vec<(&MetricRow, Crossing)> {
    let rows = state
        .shown
        .metrics
        .iter()
        .filter(|row| state.passes(&row.id.resource, &row.id.name));
    let mut found: Vec<_> = rows.filter_map(|row| Some((row, crossing(state, row)?))).collect();
    found.sort_by_key(|(row, crossing)| (crossing.at[1].map_or(i64::MAX, |at| at.0), row.id.clone()));
    found
}

fn place(state: &State, rows: &[(&MetricRow, Crossing)]) -> usize {
    rows.iter()
        .position(|(row, _)| Some(&row.id) == state.forecast.row.as_ref())
        .unwrap_or(0)
}

/// The series under the cursor.
#[must_use]
pub fn under_cursor(state: &State) -> Option<SeriesId> {
    state
        .forecast
        .row
        .clone()
        .filter(|id| state.metric(id).is_some())
        .or_else(|| focus(state))
}

fn horizon(state: &State) -> Span {
    Span::from_hours(HORIZONS[state.forecast.horizon.min(HORIZONS.len() - 1)])
}

/// Length of a column.
fn step(state: &State) -> Span {
    Span(horizon(state).0 / 60)
}

/// The limit drawn: the one of this view, else the one in force.
fn limit(state: &State, row: &MetricRow) -> Option<Limit> {
    let own = state.forecast.limit.as_ref().filter(|(id, _)| *id == row.id);
    own.map(|(_, limit)| limit.clone()).or_else(|| row.limit.clone())
}

/// The forecast's numbers.
#[must_use]
pub fn table(state: &State) -> Shown {
    let head = vec!["time", "2.5 %", "10 %", "50 %", "90 %", "97.5 %"];
    let Some(id) = focus(state) else {
        return Shown {
            head,
            ..Shown::default()
        };
    };
    let forecast = view_of(state, &id).and_then(|view| view.forecast.as_ref());
    let rows = forecast.into_iter().flat_map(|forecast| {
        forecast.steps.iter().enumerate().map(|(place, quantiles)| {
            let at = forecast.start + forecast.step * (place as i64 + 1);
            let ((low95, high95), (low80, high80)) = (quantiles.band95(), quantiles.band80());
            let numbers = [low95, low80, quantiles.median(), high80, high95].map(|value| value.to_string());
            (id.clone(), std::iter::once(at.to_string()).chain(numbers).collect())
        })
    });
    Shown {
        title: format!("Forecast of {id} over {}", horizon(state)),
        head,
        rows: rows.collect(),
    }
}

/// What to press next and why, for row 23.
#[must_use]
pub fn next(state: &State) -> String {
    let Some(id) = under_cursor(state) else {
        return "no metric yet: the first values are being read".into();
    };
    if state.frozen {
        return "f shows what came since; nothing is sent until then".into();
    }
    if focus(state).as_ref() != Some(&id) {
        return format!("Enter shows {} {} above", id.resource.name(), id.name);
    }
    let finding = resource::finding(state, &id);
    let proposal = state
        .shown
        .proposals
        .iter()
        .find(|proposal| finding.is_some_and(|finding| finding.id == proposal.finding));
    if let Some(proposal) = proposal {
        return format!(
            "4 has a proposal for {} ({}); w tries it first",
            id.resource.name(),
            proposal.title
        );
    }
    match state.metric(&id) {
        Some(row) if limit(state, row).is_none() => "L draws a limit line to ask when it is passed".into(),
        Some(row) if crossing(state, row).is_some() => "x says what the forecast rests on; w tries a change".into(),
        _ => "+ looks further ahead; j and Enter show another metric".into(),
    }
}

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Char('+' | '=') => state.forecast.horizon = (state.forecast.horizon + 1).min(HORIZONS.len() - 1),
        KeyCode::Char('-') => state.forecast.horizon = state.forecast.horizon.saturating_sub(1),
        KeyCode::Char('L') => {
            let row = focus(state).and_then(|id| state.metric(&id).cloned());
            let text = row
                .and_then(|row| limit(state, &row))
                .map_or_else(String::new, |limit| limit.value.to_string());
            tui::open_line(state, Purpose::Limit, &text);
            return Vec::new();
        }
        KeyCode::Enter => {
            let Some(id) = state.forecast.row.take() else {
                return Vec::new();
            };
            if focus(state).as_ref() == Some(&id) {
                return tui::open(state, Screen::Resource, id);
            }
            state.series = Some(id);
        }
        code => {
            let rows = crossings(state);
            let at = place(state, &rows);
            let code = match code {
                KeyCode::Char('l') | KeyCode::Right => KeyCode::Down,
                KeyCode::Char('h') | KeyCode::Left => KeyCode::Up,
                other => other,
            };
            let to = page::moved(code, at, rows.len())
                .and_then(|to| rows.get(to))
                .map(|(row, _)| row.id.clone());
            if to.is_some() {
                state.forecast.row = to;
            }
            return Vec::new();
        }
    }
    refresh(state)
}

/// Why a metric can have no such limit; `None` when it can.
pub(in crate::tui) fn out_of_range(row: &MetricRow, limit: f64) -> Option<String> {
    let MetricKind::Bounded { lo, hi } = row.kind else {
        return None;
    };
    let show = |value| row.unit.show(value);
    (!(lo..=hi).contains(&limit)).then(|| format!("no limit: {} is not in {} to {}", show(limit), show(lo), show(hi)))
}

/// What was typed into a line this screen opened, when Enter is pressed: a limit, or a file.
pub fn entered(state: &mut State, purpose: &Purpose, text: &str) -> Vec<Effect> {
    match purpose {
        Purpose::Export => tui::export_to(state, text),
        Purpose::Limit => {
            let Some(id) = focus(state) else { return Vec::new() };
            let row = state.metric(&id);
            state.forecast.limit = match (text.trim(), text.parse::<Quantity>()) {
                ("", _) => None,
                // Its side stays as it is now: then what passes it is seen to.
                (_, Ok(limit)) => match row.and_then(|row| out_of_range(row, limit.base())) {
                    None => row
                        .map(|row| row.trial(limit.base(), "console"))
                        .map(|limit| (id, limit)),
                    Some(why) => {
                        state.message = Some(why);
                        return Vec::new();
                    }
                },
                (_, Err(error)) => {
                    state.message = Some(format!("limit: {error}"));
                    return Vec::new();
                }
            };
            refresh(state)
        }
        _ => Vec::new(),
    }
}

/// What it shows, as Markdown.
#[must_use]
pub fn markdown(state: &State) -> String {
    crate::tui::export::shown(state, false).markdown()
}

/// Draws rows 3 to 22 (all but the last two rows on small screens).
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    draw::view(state, area, buffer);
}
