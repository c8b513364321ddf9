//! Changes as people type them.

use crate::{
    domain::{Change, SeriesId},
    tui::{state::State, text::cut},
};

/// Reads a change and completes it from what is known: the whole name of the setting, and its value now.
pub(super) fn read(state: &State, text: &str) -> Result<Change, String> {
    let here = state.resource().ok_or("no host is known yet")?;
    // What was typed still stands in the prompt, where it is told what is wrong with it.
    let change = Change::parse(text, here).map_err(|error| error.why)?;
    let Change::Setting { id, from, to } = change else {
        let metrics = state.shown.metrics.iter().map(|row| &row.id);
        return change.nowhere(metrics).map_or(Ok(change), Err);
    };
    let of_host = || state.shown.settings.iter().filter(|row| row.id.resource == id.resource);
    let end = format!(".{}", id.name);
    let exact = of_host().find(|row| row.id == id);
    let mut by_end = of_host().filter(|row| row.id.name.ends_with(&end));
    // A part of the name is enough where no other has it.
    let having = || of_host().filter(|row| row.id.name.contains(&*id.name));
    let row = match (exact, by_end.next(), by_end.next()) {
        (Some(row), ..) | (None, Some(row), None) => row,
        (None, Some(one), Some(other)) => {
            return Err(format!("{} could be {} or {}", id.name, one.id.name, other.id.name));
        }
        (None, None, _) if having().count() == 1 => having().next().ok_or("no such setting")?,
        (None, None, _) if having().next().is_some() => {
            let names: Vec<&str> = having().take(3).map(|row| &*row.id.name).collect();
            return Err(format!("{} is part of {}", id.name, names.join(", ")));
        }
        (None, None, _) => {
            let near = of_host()
                .map(|row| (strsim::jaro_winkler(&row.id.name, &id.name), row))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            return Err(match near {
                Some((_, row)) => format!("no setting {}; the nearest is {}", id.name, row.id.name),
                None => format!("no setting of {} is known", id.resource.name()),
            });
        }
    };
    let mut change = Change::Setting {
        id: row.id.clone(),
        from,
        to,
    };
    match change.set_out_from(row.value.as_ref()) {
        Some(why) => Err(why),
        None => Ok(change),
    }
}

/// What stands before the line in which a change is typed: for the one of a row with the values seen here.
#[must_use]
pub fn label(state: &State, row: Option<usize>) -> String {
    let step = row.and_then(|row| state.whatif.current().changes.steps.get(row));
    let seen = match step.map(|step| &step.change) {
        Some(Change::Setting { id, .. }) => seen(state, id).join(", "),
        _ => String::new(),
    };
    match seen.as_str() {
        "" => "change (NAME=VALUE): ".into(),
        seen => format!("change (seen: {}): ", cut(seen, 24)),
    }
}

/// The values that a setting is known to have had here: now, accepted, and before and after its last change.
fn seen(state: &State, id: &SeriesId) -> Vec<String> {
    let Some(row) = state.shown.settings.iter().find(|row| row.id == *id) else {
        return Vec::new();
    };
    let change = row.last_change.as_ref();
    let ends = change.map(|change| [&change.from, &change.to]).into_iter().flatten();
    let mut values: Vec<String> = [&row.value]
        .into_iter()
        .chain(&row.accepted)
        .chain(ends)
        .flatten()
        .map(ToString::to_string)
        .collect();
    values.sort();
    values.dedup();
    values
}
