//! The list of changes.

use crate::{
    domain::{Change, ChangeSet, Step, Value},
    tui::{
        look::Role,
        page::{Page, window},
        state::State,
        text::{fit, fit_name, fit_value, when},
    },
};

/// The names of its columns.
pub(super) fn heading(state: &State, width: usize) -> String {
    let label = format!(" CHANGES (scenario {})", if state.whatif.on_b { "B" } else { "A" });
    let (name, value) = widths(width);
    format!(
        "{}{}{}{}",
        fit(&label, name + 9),
        fit("was", value),
        fit("then", value),
        if width >= 60 { "at" } else { "" }
    )
}

/// Cells of a change's name and of each of its values.
fn widths(width: usize) -> (usize, usize) {
    match width {
        100.. => (50, 20),
        60.. => (31, 14),
        _ => (width.saturating_sub(9 + 14), 7),
    }
}

/// The list of changes, at most `rows` of them, with the line to add one.
pub(super) fn changes(state: &State, page: &mut Page<'_>, rows: usize) {
    let pane = &state.whatif;
    let steps = &pane.current().changes.steps;
    let (name, value) = widths(page.width());
    page.line(Role::Heading, &heading(state, page.width()));
    let row = pane.row.min(steps.len());
    let what = match page.width() {
        60.. => "a setting, a load factor or a capacity",
        _ => "a change",
    };
    // Settings of one file differ at the ends of their names; of few cells the beginning tells more.
    let cut = if page.width() >= 60 { fit_name } else { fit };
    for place in window(steps.len() + 1, row, rows.max(1)) {
        let here = place == row && !pane.outcome;
        let cursor = if here { '>' } else { ' ' };
        let Some(step) = steps.get(place) else {
            page.item(here, &format!("{cursor}+ add {what}"));
            continue;
        };
        let (title, mut was, then) = parts(step);
        let mut at = match step.at {
            None => "now".to_owned(),
            Some(at) => when(at, state.now()),
        };
        if let Some(now) = moved_on(state, step) {
            // What it set out from is told where there is most room.
            at = match page.width() {
                100.. => format!("{at}; made at {was}"),
                _ => format!("made at {was}"),
            };
            was = shown(now);
        }
        let on = if step.on { "[on ]" } else { "[off]" };
        page.item(
            here,
            &format!(
                "{cursor}{:<2}{on} {}{}{}{}",
                place + 1,
                cut(&title, name.saturating_sub(1)) + " ",
                fit_value(&was, value - 1) + " ",
                fit_value(&then, value - 1) + " ",
                if page.width() >= 60 { &at } else { "" }
            ),
        );
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}

/// What the setting of a change to come is now, where that is no longer what the change sets out from.
pub(super) fn moved_on<'a>(state: &'a State, step: &Step) -> Option<Option<&'a Value>> {
    let Change::Setting { id, from, .. } = &step.change else {
        return None;
    };
    // What has been set out from what was.
    if step.at.is_some_and(|at| at <= state.now()) {
        return None;
    }
    let row = state.shown.settings.iter().find(|row| row.id == *id)?;
    (row.value != *from).then_some(row.value.as_ref())
}

/// The same changes, set out from what their settings are now.
pub(super) fn from_now(state: &State, changes: &ChangeSet) -> ChangeSet {
    let steps = changes.steps.iter().map(|step| {
        let (now, mut step) = (moved_on(state, step), step.clone());
        if let (Some(now), Change::Setting { from, .. }) = (now, &mut step.change) {
            *from = now.cloned();
        }
        step
    });
    ChangeSet { steps: steps.collect() }
}

/// What a change is about, its value before and after.
pub(super) fn parts(step: &Step) -> (String, String, String) {
    let resource = step.change.resource().name();
    match &step.change {
        Change::Setting { id, from, to } => {
            let became = |value: &Option<Value>| {
                value
                    .as_ref()
                    .map_or_else(|| "(absent)".to_owned(), ToString::to_string)
            };
            (format!("{resource} {}", id.name), shown(from.as_ref()), became(to))
        }
        change @ (Change::Capacity { factor, .. } | Change::Traffic { factor, .. }) => (
            format!("{resource} {}", change.what()),
            "x1".into(),
            format!("x{factor}"),
        ),
    }
}
