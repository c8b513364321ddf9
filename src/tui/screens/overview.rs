//! Screen 1: what is off now, what will be, and where to look first.

mod cursor;
mod draw;
mod metrics;
mod next;
mod side;

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};
use cursor::{List, list};
pub use next::next;
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    domain::{Comparison, Finding, FindingId, Mark, ResourceId, Seen, SeriesId, Span, Value},
    engine::{Answer, LinkError, ResourceRow},
    tui::{
        self,
        chart::{self, Track},
        export::Shown,
        order, page,
        screens::resource,
        state::{Effect, KeyHint, Purpose, Room, Screen, State, Tag},
        text,
    },
};

/// What this screen remembers.
#[derive(Debug, Default)]
pub struct Pane {
    /// The list that was given the cursor; before that the first that matters has it.
    list: Option<List>,
    finding: Option<FindingId>,
    host: Option<ResourceId>,
    metric: Option<SeriesId>,
    /// The chart beside the list, on wide screens.
    track: Track,
    /// Where the cursor rested, while it moves: the pane beside the list waits.
    beside: Option<SeriesId>,
    /// Moves of the cursor.
    moves: u64,
}

impl Pane {
    /// Forgets the chart, so that it is asked for again.
    pub(super) fn forget(&mut self) {
        self.track.forget();
    }
}

/// Its keys, most useful first.
pub const KEYS: &[KeyHint] = &[
    KeyHint {
        key: "Enter",
        does: "open",
        help: "opens the metric on screen 2; for a host its worst one, if one stands out",
    },
    KeyHint {
        key: "/",
        does: "filter",
        help: "filters the lists as you type; Esc clears, Enter keeps",
    },
    KeyHint {
        key: "space",
        does: "mark",
        help: "marks the row, for what-if, export and copy",
    },
    KeyHint {
        key: "w",
        does: "what-if",
        help: "tries what the marked rows would do on screen 5",
    },
    KeyHint {
        key: "x",
        does: "explain",
        help: "says where the number under the cursor comes from",
    },
    KeyHint {
        key: "{",
        does: "incid.",
        help: "goes back to the incident before ( } on)",
    },
    KeyHint {
        key: "Tab",
        does: "list",
        help: "goes between findings, hosts and metrics; j and k run on",
    },
    KeyHint {
        key: "f",
        does: "freeze",
        help: "holds the screen still; learning goes on",
    },
    KeyHint {
        key: "y",
        does: "copy",
        help: "sends the marked rows to the terminal's clipboard",
    },
    KeyHint {
        key: "e",
        does: "export",
        help: "writes the list to a new file",
    },
];

/// The crumbs after the place.
#[must_use]
pub fn crumbs(state: &State) -> Vec<String> {
    let _ = state;
    Vec::new()
}

/// The findings that pass the filter, worst first.
fn findings(state: &State) -> Vec<&Arc<Finding>> {
    let rows = state.shown.findings.iter();
    rows.filter(|finding| state.filter.is_empty() || state.passes(&finding.resource, &told(state, finding)))
        .collect()
}

/// All that a finding is told by, for the filter: its row, its summary, its series and its causes.
fn told(state: &State, finding: &Finding) -> String {
    let (now, expected) = compared(state, finding);
    let mut told = format!(
        "{} {} {now} {expected} {}",
        finding.mark,
        name(state, finding),
        finding.summary
    );
    for id in finding.series.iter() {
        told.push_str(&format!(" {}", id.name));
    }
    for cause in &finding.causes {
        told.push_str(&format!(" {}", cause.what));
    }
    told
}

/// The hosts that pass the filter, worst first.
fn hosts(state: &State) -> Vec<&ResourceRow> {
    let found = findings(state);
    let has = |row: &ResourceRow| found.iter().any(|finding| finding.resource == row.id);
    state
        .shown
        .resources
        .iter()
        .filter(|row| state.passes(&row.id, "") || has(row))
        .collect()
}

fn place<T>(rows: &[T], chosen: impl Fn(&T) -> bool) -> usize {
    rows.iter().position(chosen).unwrap_or(0)
}

fn chosen_finding(state: &State) -> Option<&Arc<Finding>> {
    let rows = findings(state);
    let at = place(&rows, |row| Some(row.id) == state.overview.finding);
    rows.get(at).copied()
}

fn chosen_host(state: &State) -> Option<&ResourceRow> {
    let rows = hosts(state);
    let at = place(&rows, |row| Some(&row.id) == state.overview.host.as_ref());
    rows.get(at).copied()
}

fn chosen_metric(state: &State) -> Option<SeriesId> {
    let chosen = state.overview.metric.as_ref();
    let seen = |id: &&SeriesId| state.metric(id).is_some() && state.passes(&id.resource, &id.name);
    let first = || order::ordered(state).first().map(|row| row.id.clone());
    chosen.filter(seen).cloned().or_else(first)
}

/// What a host's row shows as its worst metric: that of its worst finding, else the most surprising one if it stands out.
fn worst_of<'a>(state: &'a State, host: &'a ResourceRow) -> Option<(&'a SeriesId, f64)> {
    let mut findings = state.shown.findings.iter();
    let is_metric = |id: &&SeriesId| state.metric(id).is_some();
    let found = findings.find_map(|finding| {
        let mut metrics = finding.series.iter().filter(|id| id.resource == host.id);
        let id = metrics.find(is_metric)?;
        Some((id, finding.bits))
    });
    // One of hundreds is always beyond its 80 % band: it would be another one with every look.
    let moderate = state.shown.options.drift.moderate;
    let stands_out = |id: &SeriesId| state.metric(id).is_some_and(|row| row.mark < Mark::Learning);
    let surprising = || {
        let worst = host.worst.as_ref();
        worst.filter(|(id, bits)| *bits >= moderate || stands_out(id))
    };
    found.or_else(|| surprising().map(|(id, bits)| (id, *bits)))
}

/// A host's worst metric, or the one to look at first.
fn best_of(state: &State, host: &ResourceRow) -> Option<SeriesId> {
    let worst = worst_of(state, host).map(|(id, _)| id);
    worst
        .filter(|id| state.metric(id).is_some())
        .cloned()
        .or_else(|| order::first(state, Some(&host.id)))
}

/// The series under the cursor; for a host its worst one.
#[must_use]
pub fn under_cursor(state: &State) -> Option<SeriesId> {
    match list(state) {
        List::Findings => chosen_finding(state)?.series.first().cloned(),
        List::Hosts => best_of(state, chosen_host(state)?),
        List::Metrics => chosen_metric(state),
    }
}

/// What a finding's row calls it: its first series, or how many.
fn name(state: &State, finding: &Finding) -> String {
    if finding.mark != Mark::Stale {
        return finding
            .series
            .first()
            .map(|series| series.name.to_string())
            .unwrap_or_default();
    }
    let count = finding.series.len();
    match (count, finding.series.first()) {
        (1, Some(series)) => series.name.to_string(),
        _ => {
            let host = state.shown.resources.iter().find(|row| row.id == finding.resource);
            let all = if host.is_some_and(|host| host.metrics as usize <= count) {
                "all "
            } else {
                ""
            };
            format!("({all}{count} metrics)")
        }
    }
}

/// Cells of what a value should be, at least.
const SHOULD_BE: usize = 9;

/// Value now and what it should be.
fn compared(state: &State, finding: &Finding) -> (String, String) {
    match &finding.seen {
        Seen::Metric { now, band } => {
            let unit = finding
                .series
                .first()
                .and_then(|id| state.metric(id))
                .map(|row| row.unit)
                .unwrap_or_default();
            let now = now.map_or("-".into(), |now| unit.show(now));
            let band = band.map_or("-".into(), |(low, high)| {
                let fine = bare(&page::between(unit, low, high));
                // Two digits of what does not fit say more than its beginning.
                match text::width(&fine) <= SHOULD_BE {
                    true => fine,
                    false => bare(&page::between(unit, page::coarse(unit, low), page::coarse(unit, high))),
                }
            });
            // The letter of a size stands beside the value already, where it is the same.
            let letter = now.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
            let band = band.strip_suffix(letter).unwrap_or(&band).to_owned();
            (now, band)
        }
        // Of a file as a whole its mode and owner are known: that it came says more.
        Seen::Setting {
            now: Some(Value::List(_)),
            expected: None,
        } => ("new".into(), "(none)".into()),
        // Two sums tell nobody anything.
        Seen::Setting {
            now: Some(now),
            expected: Some(expected),
        } if now.is_sum() && expected.is_sum() => ("differs".into(), "as it was".into()),
        // To what it will change nobody knows.
        Seen::Setting {
            now: Some(now),
            expected: None,
        } if finding.comparison == Comparison::FutureLimit => (now.to_string(), "another".into()),
        // A unit that came, and failed, has no value it should go back to.
        Seen::Setting {
            now: Some(now),
            expected: None,
        } if finding.series.first().is_some_and(|id| id.name.ends_with(":state")) && now.to_string() == "failed" => {
            ("failed".into(), "not failed".into())
        }
        Seen::Setting { now, expected } => {
            let value = |value: &Option<Value>| value.as_ref().map_or("(none)".into(), Value::told);
            let mut should = value(expected);
            // Whose word it is: a known issue may say another thing than what was accepted.
            let says = if finding.stands() { " (rule)" } else { " (set)" };
            if expected.is_some() && should.len() + says.len() <= SHOULD_BE {
                should.push_str(says);
            }
            (value(now), should)
        }
    }
}

/// An interval without its unit, which stands beside the value already: `9.8-12.4`; sizes keep their letter.
fn bare(interval: &str) -> String {
    interval
        .trim_end_matches("/s")
        .trim_end_matches(" %")
        .trim_end_matches(" C")
        .to_owned()
}

/// When it began, or in how long it will be.
fn since(state: &State, finding: &Finding) -> String {
    let now = state.now();
    let crossing = finding
        .crossing
        .filter(|_| finding.mark == Mark::Cross)
        .and_then(|crossing| crossing.at[1]);
    match crossing {
        Some(at) if at <= now => "now".into(),
        Some(at) => format!("in {}", rough(at - now)),
        None if now - finding.since < Span::from_hours(12) => {
            let about = text::about(finding.earliest, finding.since);
            format!("{about}{}", text::minute(finding.since))
        }
        None => {
            let when = text::when(finding.since, now);
            if when.len() <= 5 {
                when
            } else {
                text::day(finding.since)
            }
        }
    }
}

/// A length of time in at most three cells: `45m`, `3h`, `2d`.
fn rough(span: Span) -> String {
    let minutes = span.0.max(0) / 60_000_000;
    match minutes {
        0 => "<1m".into(),
        1..100 => format!("{minutes}m"),
        100..2_880 => format!("{}h", minutes / 60),
        _ => format!("{}d", (minutes / 1_440).min(99)),
    }
}

/// The worst findings, and behind them the metrics where trouble shows first: at most `most` lines of `width` cells, each begun by its
/// mark.
#[must_use]
pub fn worst(state: &State, most: usize, width: usize) -> Vec<(Mark, String)> {
    let line = |mark: Mark, what: &str, now: &str| {
        let cells = width.saturating_sub(3 + text::width(now));
        (mark, format!("{} {} {now}", mark.glyph(), text::fit_name(what, cells)))
    };
    let off = findings(state).into_iter().map(|finding| {
        let (now, _) = compared(state, finding);
        let host = if state.shown.resources.len() > 1 && width >= 30 {
            format!("{} ", finding.resource.name())
        } else {
            String::new()
        };
        line(finding.mark, &format!("{host}{}", name(state, finding)), &now)
    });
    let rest = order::ordered(state).into_iter().map(|row| {
        let now = row
            .now
            .map_or("-".into(), |(_, value)| row.unit.show(page::coarse(row.unit, value)));
        line(row.mark, &row.id.name, &now)
    });
    off.chain(rest).take(most).collect()
}

/// The findings as a list to copy or write.
#[must_use]
pub fn table(state: &State) -> Shown {
    let rows = findings(state).into_iter().filter_map(|finding| {
        let (now, expected) = compared(state, finding);
        let row = [
            finding.mark.to_string(),
            finding.resource.name().to_owned(),
            name(state, finding),
            now,
            expected,
            format!("{:.1}", finding.bits),
            since(state, finding),
            finding.summary.to_string(),
        ];
        Some((finding.series.first()?.clone(), row.to_vec()))
    });
    Shown {
        title: format!("What is off, {} at {}", state.place, state.now()),
        head: vec![
            "mark", "resource", "metric", "now", "shadow", "bits", "since", "summary",
        ],
        rows: rows.collect(),
    }
}

/// What the pane beside the list is about: where the cursor is, or, while it moves among all rows, where it rested before.
fn beside(state: &State) -> Option<SeriesId> {
    let rested = state.overview.beside.as_ref().filter(|_| state.filter.is_empty());
    rested.cloned().or_else(|| under_cursor(state))
}

/// The cursor has rested: the pane beside the list follows.
pub fn rested(state: &mut State, moves: u64) -> Vec<Effect> {
    if moves != state.overview.moves || state.screen != Screen::Overview {
        return Vec::new();
    }
    // From now on it is what stands there, also when another row comes to.
    state.overview.beside = None;
    refresh(state)
}

/// The pane beside the list has a chart.
pub fn refresh(state: &mut State) -> Vec<Effect> {
    if state.room() < Room::Large {
        return Vec::new();
    }
    let Some(id) = beside(state).filter(|id| state.metric(id).is_some()) else {
        return Vec::new();
    };
    let columns = draw::side_columns(state.size.0);
    let newest = state.now();
    let step = state
        .metric(&id)
        .map_or(Span::from_mins(1), |row| chart::usual_step(row, newest));
    let query = state.overview.track.want(&id, newest, step, columns);
    if let Some(row) = state.metric(&id).cloned()
        && state.at.is_none()
    {
        state.overview.track.extend(&row);
    }
    query.map(|query| Effect::Ask(tag(), query)).into_iter().collect()
}

fn tag() -> Tag {
    Tag {
        screen: Some(Screen::Overview),
        what: "chart",
        series: None,
    }
}

/// A key that the frame did not take.
pub fn key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    let before = beside(state);
    match key.code {
        KeyCode::Tab => cursor::tab(state, 1),
        KeyCode::BackTab => cursor::tab(state, -1),
        KeyCode::Enter => {
            return match under_cursor(state) {
                Some(id) => tui::open(state, Screen::Resource, id),
                None => match chosen_host(state).map(|host| host.id.clone()) {
                    Some(host) => resource::open_settings(state, &host),
                    None => Vec::new(),
                },
            };
        }
        code => cursor::walk(state, code),
    }
    state.overview.moves += 1;
    // Until the cursor rests the pane stays with the row it is about.
    state.overview.beside = before;
    if state.room() == Room::Large {
        vec![Effect::Rest(state.overview.moves)]
    } else {
        Vec::new()
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
pub fn answer(state: &mut State, _tag: &Tag, answer: Result<Box<Answer>, LinkError>) -> Vec<Effect> {
    // Beside the list a chart that cannot be had is left blank; screen 2 says why.
    let chart = match answer.map(|answer| *answer) {
        Ok(Answer::Chart(chart)) => Some(chart),
        _ => None,
    };
    let next = state.overview.track.take(chart);
    next.map(|query| Effect::Ask(tag(), query)).into_iter().collect()
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
