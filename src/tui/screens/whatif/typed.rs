//! Changes as people type them.

use crate::{domain::Change, tui::state::State};

/// Reads a change and completes it from what is known: the whole name of the setting, and its value now.
pub(super) fn read(state: &State, text: &str) -> Result<Change, String> {
    let here = state.resource().ok_or("no host is known yet")?;
    let change = Change::parse(text, here).map_err(|error| error.to_string())?;
    let Change::Setting { id, from, to } = change else {
        return Ok(change);
    };
    let of_host = || state.shown.settings.iter().filter(|row| row.id.resource == id.resource);
    let end = format!(".{}", id.name);
    let exact = of_host().find(|row| row.id == id);
    let mut by_end = of_host().filter(|row| row.id.name.ends_with(&end));
    let row = match (exact, by_end.next(), by_end.next()) {
        (Some(row), ..) | (None, Some(row), None) => row,
        (None, Some(one), Some(other)) => {
            return Err(format!("{} could be {} or {}", id.name, one.id.name, other.id.name));
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
    Ok(Change::Setting {
        id: row.id.clone(),
        from: from.or_else(|| row.value.clone()),
        to,
    })
}
