//! How the What-if screen is drawn.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Scenario, charts,
    figure::{figure, rounded},
    list::{changes, heading},
};
use crate::{
    domain::{Change, Effect, SeriesId, Span, Unit},
    simulate::Outcome,
    tui::{
        look::Role,
        page::{Fine, Page, in_rows, window},
        screens::proposals::{evidence, replays},
        state::State,
        text::{clock, fit, fit_name, telling, when, wrap},
    },
};

/// What is said of a series that nothing tells an effect on: none is known, which is not to know of none.
pub(super) const NO_EVIDENCE: &str = "no evidence";

/// The name of a series with its resource, as in lists.
pub(super) fn named(id: &SeriesId) -> String {
    format!("{} {}", id.resource.name(), id.name)
}

/// The same, without the resource where there is only one.
pub(super) fn titled(state: &State, id: &SeriesId) -> String {
    match state.shown.resources.len() {
        ..2 => id.name.to_string(),
        _ => named(id),
    }
}

pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let pane = &state.whatif;
    let small = area.width < 60 || area.height < 16;
    let mut page = Page::new(&state.look, area, buffer);
    let steps = &pane.current().changes.steps;
    if steps.is_empty() {
        let shown = pane.wanted.first().map(named).unwrap_or_default();
        page.line(Role::Heading, &heading(state, page.width()));
        page.item(
            true,
            ">+ add a setting, a load factor (traffic x1.5) or a capacity (cpu x2)",
        );
        let text = "Nothing to replay yet. Mark rows on 1, 2 or 4 with space and press w, or + to add a setting.";
        for line in wrap(text, page.width().saturating_sub(2)) {
            page.line(Role::Text, &format!(" {line}"));
        }
        if !shown.is_empty() {
            page.line(Role::Dim, &format!(" The outcome will show {shown} first."));
        }
        return;
    }
    if small {
        if pane.outcome {
            outcome(state, &mut page, usize::MAX);
            tail(state, &mut page);
        } else {
            let rows = page.left().saturating_sub(1);
            changes(state, &mut page, rows);
            if let Some(line) = pending(pane.current()) {
                page.line(Role::Dim, &line);
            }
        }
        return;
    }
    changes(state, &mut page, if area.height > 30 { 8 } else { 4 });
    let mut most = 4;
    if area.width >= 110 && area.height >= 30 {
        let rows = page.left().saturating_sub(12);
        let (part, buffer) = page.take(rows);
        charts::grid(state, part, buffer);
    } else {
        let told = outcome_of(state).map(|outcome| !outcome.effects.is_empty());
        let notes = outcome_of(state).map_or(0, |outcome| notes(outcome, page.width(), usize::MAX).len());
        // The heading of the table, its rows, and the lines below it without notes.
        let (below, left) = (|most| 1 + table_rows(state, most) + 4, page.left());
        // Beside a chart the table gives some rows, and the notes all but some.
        let charted = [4, 3, 2]
            .into_iter()
            .find(|most| left >= below(*most) + CHART + notes.min(NOTES));
        if told != Some(true) {
            // Without an effect the notes have the room.
            let rows = left.saturating_sub(below(4) + notes.min(NOTES));
            let (part, buffer) = page.take(if told == Some(false) { rows.min(WHY) } else { rows });
            charts::one(state, part, buffer);
        } else if let Some(fits) = charted {
            most = fits;
            let spare = left - below(most) - CHART;
            let (part, buffer) = page.take(CHART + spare - spare.min(notes));
            charts::one(state, part, buffer);
        } else {
            most = (most..=left)
                .take_while(|most| below(*most) + notes <= left)
                .last()
                .unwrap_or(most);
        }
    }
    outcome(state, &mut page, most);
    tail(state, &mut page);
}

/// Cells of a figure with its band and the gap behind it.
const CELL: usize = 23;

/// Cells of a difference (`-46.9 points`) and the gap behind it.
const DIFFERENCE: usize = 13;

/// Cells beside the name of a series: its figure as it is, with a scenario, the difference, and where that comes from (`learnt link`).
const BESIDE: usize = 10 + CELL + DIFFERENCE + 11;

/// Rows of the least chart that tells something: its heading, the times, three of values, and the axis.
const CHART: usize = 6;

/// Rows that say why there is no effect, with a blank one.
const WHY: usize = 3;

/// A horizon in hours or days: `6 h`, `30 d`; one that is no round number of them as it is.
fn far(horizon: Span) -> String {
    match horizon.0 / Span::from_hours(1).0 {
        _ if horizon.0 % Span::from_hours(1).0 != 0 => horizon.to_string(),
        hours @ 0..=71 => format!("{hours} h"),
        hours => format!("{} d", hours / 24),
    }
}

/// What is said while there is no outcome.
pub(super) fn pending(scenario: &Scenario) -> Option<String> {
    if let Some(why) = &scenario.failed {
        return Some(format!(" {why}"));
    }
    if scenario.changes.active().next().is_none() {
        return Some(" All changes are off: space turns one on.".into());
    }
    scenario.job.filter(|_| scenario.outcome.is_none())?;
    Some(match scenario.progress {
        Some((done, of)) => format!(" learning again what was known then: {done} of {of} metrics. Esc stops it."),
        None => " running; Esc stops it".into(),
    })
}

/// Why an outcome has no rows.
pub(super) fn no_effect(scenario: &Scenario) -> String {
    let settings: Vec<&str> = scenario
        .changes
        .active()
        .filter_map(|change| match change {
            Change::Setting { id, .. } => Some(&*id.name),
            Change::Capacity { .. } | Change::Traffic { .. } => None,
        })
        .collect();
    // What a law has to say of capacity and load is in its notes.
    if settings.len() < scenario.changes.active().count() {
        return "No effect on a metric that is watched can be told: the notes say what is known.".into();
    }
    format!(
        "No path from {} to any metric was learnt: no effect can be told (x says what was tried).",
        settings.join(", ")
    )
}

/// The effect of a scenario on a series.
fn effect<'a>(scenario: Option<&'a Scenario>, id: &SeriesId) -> Option<&'a Effect> {
    scenario?
        .outcome
        .as_ref()?
        .effects
        .iter()
        .find(|effect| effect.series == *id)
}

fn outcome_of(state: &State) -> Option<&Outcome> {
    state.whatif.current().outcome.as_deref()
}

/// Rows that the table takes below its heading for at most `most` series.
fn table_rows(state: &State, most: usize) -> usize {
    let effects = outcome_of(state).map_or(&[][..], |outcome| &outcome.effects);
    let silent = outcome_of(state).map_or(0, |outcome| outcome.no_evidence.len());
    let limits = effects
        .iter()
        .take(most)
        .filter(|effect| effect.crossing.is_some() || beyond(state, effect, 0, false).is_some())
        .count();
    ((silent + effects.len()).min(most) + limits).max(1)
}

/// The row that says how long a series is beyond its limit, where it is at all: `   minutes past limit   34   0 (0-2)   -34`, and
/// of one scenario how likely it passes it.
fn beyond(state: &State, effect: &Effect, name: usize, second: bool) -> Option<String> {
    let limit = state.metric(&effect.series)?.limit.as_ref()?;
    let minutes = |span: Span| span.0 / Span::from_mins(1).0;
    let found = |scenario: &Scenario| {
        let found = scenario.outcome.as_ref()?.beyond(&effect.series, limit)?;
        Some((found.before.map(minutes), found.after.map(minutes)))
    };
    let pane = &state.whatif;
    let (before, after) = found(pane.current())?;
    if before[2] == 0 && after[2] == 0 {
        return None;
    }
    let cell = |[least, middle, most]: [i64; 3]| match least == most {
        true => fit(&middle.to_string(), CELL),
        false => fit(&format!("{middle} ({least}-{most})"), CELL),
    };
    let label = fit("   minutes past limit", name) + &fit(&before[1].to_string(), 10);
    if let (true, Some(b)) = (second, &pane.b) {
        let (a, b) = (found(&pane.a), found(b));
        let told = |found: Option<([i64; 3], [i64; 3])>| found.map_or_else(|| fit("-", CELL), |(_, after)| cell(after));
        return Some(label + &told(a) + &told(b));
    }
    let likely = effect.crossing.map_or_else(String::new, |(without, with)| {
        format!("P {:.0}->{:.0} %", without * 100.0, with * 100.0)
    });
    Some(format!(
        "{label}{}{}{likely}",
        cell(after),
        fit(&format!("{:+}", after[1] - before[1]), DIFFERENCE)
    ))
}

/// The table: what is expected without and with the changes, the difference, and where the numbers come from.
fn outcome(state: &State, page: &mut Page<'_>, most: usize) {
    let pane = &state.whatif;
    let width = page.width();
    let wide = width >= 60;
    let second = pane.b.as_ref().filter(|_| width >= 100);
    let name = match wide {
        true => (width / 3 - 1).min(width - BESIDE - second.map_or(0, |_| CELL)),
        false => width.saturating_sub(22),
    };
    let letter = if pane.on_b { "B" } else { "A" };
    // The figures of before stay in sight until the new ones are there.
    let again = pane.current().job.is_some() && pane.current().outcome.is_some();
    let running = if again { ", new" } else { "" };
    let actual = outcome_of(state).filter(|outcome| outcome.actual);
    let since = actual.and_then(|outcome| outcome.changes.begins_before(outcome.at + outcome.horizon));
    let as_it_is = match (actual.is_some(), pane.current().old(state.now())) {
        (true, _) => "actual",
        (false, Some(_)) => "as it was",
        (false, None) => "as it is",
    };
    let carried = outcome_of(state).map_or(pane.horizon, |outcome| outcome.horizon);
    let old = pane.current().old(state.now()).filter(|_| !again && actual.is_none());
    let title = match (wide, since) {
        (true, None) if let Some(ran) = old => format!(" OUTCOME FROM {}", when(ran, state.now())),
        (true, Some(since)) => format!(" OUTCOME since {}{running}", when(since, state.now())),
        (true, None) => format!(" OUTCOME over {}{running}", far(carried)),
        (false, _) => format!(" OUTCOME {}", far(carried)),
    };
    let with = |letter: &str| format!("with {letter} (80 %)");
    page.line(
        Role::Heading,
        &match (wide, second) {
            (false, _) => format!("{}{}with {letter}", fit(&title, name), fit(as_it_is, 10)),
            (true, None) => format!(
                "{}{}{}{}evidence",
                fit(&title, name),
                fit(as_it_is, 10),
                fit(&with(letter), CELL),
                fit("difference", DIFFERENCE)
            ),
            (true, Some(_)) => format!(
                "{}{}{}{}{}evidence",
                fit(&title, name),
                fit(as_it_is, 10),
                fit(&with("A"), CELL),
                fit(&with("B"), CELL),
                fit("B minus A", DIFFERENCE)
            ),
        },
    );
    let ids = pane.series();
    let chosen = pane.charted();
    let before = page.left();
    for place in window(ids.len(), chosen, most.min(page.left().saturating_sub(3)).max(1)) {
        let id = ids[place];
        let Some(shown) = effect(Some(pane.current()), id).or_else(|| effect(Some(&pane.a), id)) else {
            let row = fit_name(&titled(state, id), name.saturating_sub(2));
            page.item(false, &format!(" {row} {}{NO_EVIDENCE}", fit("-", 10)));
            continue;
        };
        let unit = shown.unit;
        let fine = Fine::of(unit, shown.before[1], shown.after[1]);
        let cell = |effect: Option<&Effect>, width: usize| match effect {
            Some(effect) => {
                let after = effect.after.map(|value| rounded(unit, value));
                fit(&figure(fine, after, width), width)
            }
            None => fit(NO_EVIDENCE, width),
        };
        let here = place == chosen && pane.outcome;
        let cursor = if place == chosen { '>' } else { ' ' };
        let label = format!("{cursor}{} ", fit_name(&titled(state, id), name.saturating_sub(2)));
        let as_is = fit(&fine.show(shown.before[1]), 9) + " ";
        page.item(
            here,
            &match (wide, second) {
                (false, _) => format!("{label}{as_is}{}", fine.show(shown.after[1])),
                (true, None) => format!(
                    "{label}{as_is}{} {} {}",
                    cell(Some(shown), CELL - 1),
                    fit(&signed(fine, shown.difference[1]), DIFFERENCE - 1),
                    evidence(shown)
                ),
                (true, Some(b)) => {
                    let (a, b) = (effect(Some(&pane.a), id), effect(Some(b), id));
                    let apart = match (a, b) {
                        (Some(a), Some(b)) => signed(fine, b.after[1] - a.after[1]),
                        _ => "-".into(),
                    };
                    format!(
                        "{label}{as_is}{} {} {} {}",
                        cell(a, CELL - 1),
                        cell(b, CELL - 1),
                        fit(&apart, DIFFERENCE - 1),
                        evidence(shown)
                    )
                }
            },
        );
        let beyond = beyond(state, shown, name, second.is_some()).filter(|_| wide);
        if let Some(line) = &beyond {
            page.line(Role::Dim, line);
        }
        if wide
            && beyond.is_none()
            && let Some((without, with)) = shown.crossing
        {
            let [without, with, apart] = [without, with, with - without].map(|share| (share * 100.0).round());
            let [without, with] = [without, with].map(|share| format!("{share} %"));
            let line = format!(
                "{}{}{}",
                fit("   passes its limit", name),
                fit(&without, 10),
                fit(&with, CELL)
            );
            page.line(Role::Dim, &format!("{line}{}", Unit::Percent.signed(apart)));
        }
    }
    if before == page.left() {
        let line = pending(pane.current()).unwrap_or_else(|| format!(" {NO_EVIDENCE}"));
        page.line(Role::Dim, &line);
    }
}

/// A difference in its column, with as many digits as have room.
fn signed(fine: Fine, difference: f64) -> String {
    let told = [fine, fine.coarser(), fine.coarser().coarser()].map(|fine| fine.signed(difference));
    let fits = |told: &&String| told.chars().count() < DIFFERENCE;
    told.iter().find(fits).unwrap_or(&told[0]).clone()
}

/// Rows that notes have at least beside a chart.
const NOTES: usize = 2;

/// The notes of an outcome in at most `rows` rows; what is cut ends in `~`, behind a word: `x` tells all.
fn notes(outcome: &Outcome, width: usize, rows: usize) -> Vec<String> {
    in_rows(
        outcome.notes.iter().map(|note| &**note),
        width.saturating_sub(LABEL),
        rows,
    )
}

/// Cells of the label before a line below the table.
const LABEL: usize = 7;

/// How sure, by which way, from how much.
fn tail(state: &State, page: &mut Page<'_>) {
    let pane = &state.whatif;
    let mut rows: Vec<(&str, String)> = Vec::new();
    if let Some(outcome) = &pane.current().outcome {
        // Of no effect nobody can be sure.
        let sure = match outcome.inside_seen {
            true => format!("inside what was seen: yes{}", replays(state, &outcome.effects)),
            false => "no: a value was never like this here; the band is a guess".into(),
        };
        rows.extend((!outcome.effects.is_empty()).then_some(("SURE", sure)));
        if page.width() >= 60 {
            let notes = notes(outcome, page.width(), page.left().saturating_sub(4));
            rows.extend(
                notes
                    .into_iter()
                    .enumerate()
                    .map(|(place, line)| (if place == 0 { "NOTE" } else { "" }, line)),
            );
        } else {
            rows.extend(outcome.notes.iter().map(|note| ("NOTE", note.to_string())));
        }
        let path = path(outcome, page.width().saturating_sub(LABEL));
        rows.extend(path.map(|path| ("PATH", path)));
        let rests = if state.at.is_some() && !outcome.actual {
            "relearnt from values kept"
        } else {
            "no system was touched"
        };
        let run = match outcome.actual {
            true => format!(
                "measured {}-{}, the changes put on it; {rests}",
                when(outcome.at, state.now()),
                when(outcome.at + outcome.horizon, state.now())
            ),
            false => format!(
                "{} paths over {}, seed {}, as of {}; {rests}",
                outcome.runs,
                far(outcome.horizon),
                outcome.seed,
                clock(outcome.at)
            ),
        };
        rows.push(("RUN", run));
    }
    rows.push(match (&pane.b, pane.on_b) {
        (None, _) => ("B", "none yet: b copies A, change it, and both are shown".into()),
        (Some(_), false) => ("B", "b goes to scenario B".into()),
        (Some(_), true) => ("A", "b goes to scenario A".into()),
    });
    if page.width() >= 60 {
        for (label, text) in rows {
            page.line(Role::Text, &format!(" {label:<5} {text}"));
            page.paint(1, 5, Role::Heading);
        }
        return;
    }
    // Where it is narrow each has its row first.
    let texts: Vec<String> = rows.iter().map(|(label, text)| format!("{label:<5} {text}")).collect();
    let width = page.width().saturating_sub(1);
    for line in in_rows(texts.iter().map(String::as_str), width, page.left()) {
        page.line(Role::Text, &format!(" {line}"));
        let label = line.find(' ').unwrap_or(0);
        if rows.iter().any(|(known, _)| *known == &line[..label]) {
            page.paint(1, 5, Role::Heading);
        }
    }
}

/// From what is changed to what it moves; of names too long for `width` cells what tells them apart.
pub(super) fn path(outcome: &Outcome, width: usize) -> Option<String> {
    // What was found to move nothing leads nowhere.
    let moves = |change: &&Change| match change {
        Change::Setting { id, .. } => !outcome.notes.iter().any(|note| {
            let said = note.strip_prefix(&*id.name).and_then(|rest| rest.strip_prefix(": "));
            said.is_some_and(|said| said.starts_with("no evidence") || said.ends_with("the prior is no effect"))
        }),
        _ => true,
    };
    let changed: Vec<String> = outcome.changes.active().filter(moves).map(Change::what).collect();
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let mut told = match changed.join(", ") {
        whole if whole.len() <= width / 2 => whole,
        _ => telling(&changed).join(", "),
    } + " > ";
    // Whole names, as many as have room: the first word of one says what it is about.
    let moved: Vec<&str> = outcome.effects.iter().map(|effect| &*effect.series.name).collect();
    let (first, rest) = moved.split_first()?;
    told += &match width.saturating_sub(told.len()) {
        room if first.len() > room => fit_name(first, room).trim_end().to_owned(),
        _ => (*first).to_owned(),
    };
    for (place, name) in rest.iter().enumerate() {
        let after = match rest.len() - place - 1 {
            0 => String::new(),
            more => format!(", {more} more"),
        };
        if told.len() + 2 + name.len() + after.len() > width {
            let more = format!(", {} more", rest.len() - place);
            told += if told.len() + more.len() <= width { &more } else { "" };
            break;
        }
        told = format!("{told}, {name}");
    }
    Some(told)
}
