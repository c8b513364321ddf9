//! The list of changes.

use crate::{
    domain::{Change, Step},
    tui::{
        look::Role,
        page::{Page, window},
        state::State,
        text::{fit, fit_name, when},
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
        let (title, was, then) = parts(step);
        let at = match step.at {
            None => "now".to_owned(),
            Some(at) => when(at, state.now()),
        };
        let on = if step.on { "[on ]" } else { "[off]" };
        page.item(
            here,
            &format!(
                "{cursor}{:<2}{on} {}{}{}{}",
                place + 1,
                cut(&title, name.saturating_sub(1)) + " ",
                fit(&was, value - 1) + " ",
                fit(&then, value - 1) + " ",
                if page.width() >= 60 { &at } else { "" }
            ),
        );
    }
}

/// What a change is about, its value before and after.
pub(super) fn parts(step: &Step) -> (String, String, String) {
    let resource = step.change.resource().name();
    match &step.change {
        Change::Setting { id, from, to } => {
            let shown = |value: &Option<crate::domain::Value>| {
                value
                    .as_ref()
                    .map_or_else(|| "(absent)".to_owned(), ToString::to_string)
            };
            let was = from.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            (format!("{resource} {}", id.name), was, shown(to))
        }
        Change::Capacity { what, factor, .. } => (format!("{resource} {what}"), "x1".into(), format!("x{factor}")),
        Change::Traffic { load, factor, .. } => {
            let load = load.as_deref().unwrap_or("traffic");
            (format!("{resource} {load}"), "x1".into(), format!("x{factor}"))
        }
    }
}
