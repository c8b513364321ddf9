//! What a screen shows, as text: for the clipboard, for files.

use crate::{
    domain::{SeriesId, Unit, Value, text::visible},
    drift::Difference,
    store::{StoreInfo, Table},
    tui::{
        screens::{forecast, overview, resource},
        state::{Screen, State},
        text,
    },
};

/// A list of a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// One line above it.
    pub title: String,
    /// Names of the columns.
    pub head: Vec<&'static str>,
    /// Rows with the series each is about.
    pub rows: Vec<(SeriesId, Vec<String>)>,
}

/// What screens 1 to 3 show; with `chosen` only the marked rows, or else the one under the cursor, if there is any.
#[must_use]
pub fn shown(state: &State, chosen: bool) -> Shown {
    let (mut shown, cursor) = match state.screen {
        Screen::Resource => (resource::table(state), resource::under_cursor(state)),
        Screen::Forecast => (forecast::table(state), forecast::under_cursor(state)),
        _ => (overview::table(state), overview::under_cursor(state)),
    };
    if chosen {
        let marked = |id: &SeriesId| {
            if state.marked.is_empty() {
                cursor.as_ref() == Some(id)
            } else {
                state.marked.contains(id)
            }
        };
        if shown.rows.iter().any(|(id, _)| marked(id)) {
            shown.rows.retain(|(id, _)| marked(id));
        }
    }
    shown
}

impl Shown {
    fn lines(&self) -> impl Iterator<Item = Vec<&str>> {
        let rows = self
            .rows
            .iter()
            .map(|(_, row)| row.iter().map(String::as_str).collect());
        std::iter::once(self.head.clone()).chain(rows)
    }

    /// Aligned columns of plain text.
    #[must_use]
    pub fn text(&self) -> String {
        let lines: Vec<Vec<&str>> = self.lines().collect();
        format!("{}\n{}\n", visible(&self.title), columns(&lines).join("\n"))
    }

    /// A Markdown table under a heading.
    #[must_use]
    pub fn markdown(&self) -> String {
        let rows = self.rows.iter().map(|(_, row)| row.clone());
        markdown(&self.title, &self.head, rows)
    }

    /// Comma-separated values (RFC 4180) with a header.
    #[must_use]
    pub fn csv(&self) -> String {
        let cell = |cell: &str| {
            if cell.contains([',', '"', '\n', '\r']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell.to_owned()
            }
        };
        let lines = self
            .lines()
            .map(|cells| cells.into_iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n");
        lines.collect()
    }
}

/// A Markdown table under a heading.
#[must_use]
pub fn markdown(title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[&str]| {
        let cells: Vec<String> = cells.iter().map(|cell| visible(cell).replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = format!("# {}\n\n{}", visible(title), line(head));
    text.push_str(&line(&vec!["---"; head.len()]));
    for row in rows {
        let cells: Vec<&str> = row.iter().map(String::as_str).collect();
        text.push_str(&line(&cells));
    }
    text
}

/// A table as lines of aligned columns, its head first.
#[must_use]
pub fn aligned(table: &Table) -> Vec<String> {
    let cell = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let head = table.columns.iter().map(String::as_str).collect();
    let lines: Vec<Vec<&str>> = std::iter::once(head)
        .chain(rows.iter().map(|row| row.iter().map(String::as_str).collect()))
        .collect();
    columns(&lines)
}

/// What differs from the baseline, a setting a line under a head.
#[must_use]
pub fn differences(rows: &[Difference]) -> Vec<String> {
    let value = |value: &Option<Value>| {
        value
            .as_ref()
            .map_or_else(|| "(absent)".to_owned(), ToString::to_string)
    };
    let mut lines = vec![["setting", "accepted", "now"].map(str::to_owned)];
    lines.extend(
        rows.iter()
            .map(|row| [row.id.to_string(), value(&row.accepted), value(&row.actual)]),
    );
    let lines: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| line.iter().map(String::as_str).collect())
        .collect();
    columns(&lines)
}

/// How the store is, a figure a line.
#[must_use]
pub fn store(info: &StoreInfo) -> Vec<String> {
    let from = info.from.map_or_else(|| "nothing yet".to_owned(), |at| at.to_string());
    let mut lines = vec![
        ["file".to_owned(), info.path.display().to_string()],
        ["size".to_owned(), Unit::Bytes.show(info.bytes as f64)],
        ["oldest value".to_owned(), from],
    ];
    let rows = info.rows.iter();
    lines.extend(rows.map(|(table, count)| [format!("rows of {table}"), text::grouped(*count)]));
    let lines: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| line.iter().map(String::as_str).collect())
        .collect();
    columns(&lines)
}

fn columns(lines: &[Vec<&str>]) -> Vec<String> {
    let count = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| text::width(cell))
                .max()
                .unwrap_or(0)
        })
        .collect();
    lines
        .iter()
        .map(|line| {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| text::fit(cell, *width))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Shown {
        let id: SeriesId = "host:a/b".parse().unwrap();
        Shown {
            title: "x".into(),
            head: vec!["name", "now"],
            rows: vec![
                (id.clone(), vec!["a|b".into(), "1,2".into()]),
                (id, vec!["\u{1b}c".into(), "\"".into()]),
            ],
        }
    }

    #[test]
    fn special_characters_stay_in_their_cell() {
        assert_eq!(sample().csv(), "name,now\r\na|b,\"1,2\"\r\n\u{1b}c,\"\"\"\"\r\n");
        assert!(sample().markdown().contains("| a\\|b | 1,2 |\n"));
        assert!(!sample().text().contains('\u{1b}'));
        assert_eq!(sample().text().lines().nth(1), Some("name     now"));
    }
}
