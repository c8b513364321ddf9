//! The numbers of a chart as a list.

use super::focus;
use crate::tui::{chart::Track, export::Shown, screens::setting, state::State};

/// The numbers of the chart.
#[must_use]
pub fn table(state: &State) -> Shown {
    if let Some(id) = setting::focus(state) {
        return setting::table(state, id);
    }
    let head = vec!["time", "actual", "shadow 10 %", "shadow 50 %", "shadow 90 %", "bits"];
    let Some(row) = focus(state).and_then(|id| state.metric(&id)) else {
        return Shown {
            head,
            ..Shown::default()
        };
    };
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let columns = state
        .resource
        .tracks
        .get(&row.id)
        .and_then(Track::chart)
        .into_iter()
        .flat_map(|chart| {
            chart
                .columns
                .iter()
                .enumerate()
                .filter(|(_, column)| column.value.is_some())
                .map(move |(place, column)| {
                    let expected = column.expected;
                    let cells = vec![
                        (chart.from + chart.step * place as i64).to_string(),
                        number(column.value.map(|(newest, _, _)| newest)),
                        number(expected.map(|expected| expected.band80().0)),
                        number(expected.map(|expected| expected.median())),
                        number(expected.map(|expected| expected.band80().1)),
                        number(column.bits.map(f64::from)),
                    ];
                    (row.id.clone(), cells)
                })
        });
    let unit = row.unit.suffix();
    let unit = if unit.is_empty() {
        String::new()
    } else {
        format!(" ({unit})")
    };
    Shown {
        title: format!("{}{unit}", row.id),
        head,
        rows: columns.collect(),
    }
}
