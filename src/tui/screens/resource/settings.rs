//! The settings of the resource shown: how surprising each is, what it will be, and what its peers hold.

use std::cmp::Reverse;

use crossterm::event::KeyCode;
use ratatui::{buffer::Buffer, layout::Rect};

use super::focus;
use crate::{
    domain::{Mark, ResourceId, SeriesId, Span, Timestamp, Value},
    engine::SettingRow,
    shadow::{Outlook, Undoing},
    tui::{
        look::Role,
        page::{self, Page, labelled_in, window},
        screens::setting::{self, words},
        state::{Room, State},
        text::{self, fit, fit_name, fit_right, fit_value},
    },
};

/// Rows of the area from which on the setting under the cursor is told in words below the list.
const WORDS: u16 = 14;
/// Rows of words at most.
const TOLD: usize = 9;

/// The list of settings.
#[derive(Debug, Default)]
pub(super) struct List {
    /// Whether it has the cursor.
    pub open: bool,
    /// Whether what is likeliest to change comes first, in place of what surprised most.
    by_chance: bool,
    /// The setting under the cursor.
    chosen: Option<SeriesId>,
}

impl List {
    /// Opens it at `first`, by chance.
    pub fn begin(&mut self, first: SeriesId) {
        (self.open, self.by_chance, self.chosen) = (true, true, Some(first));
    }

    /// Orders it the other way.
    pub fn turn(&mut self) {
        self.by_chance = !self.by_chance;
    }
}

/// Whose settings are shown.
fn resource(state: &State) -> Option<ResourceId> {
    let in_focus = setting::focus(state).cloned().or_else(|| focus(state));
    in_focus.map_or_else(|| state.resource().cloned(), |id| Some(id.resource))
}

/// The settings of the resource shown, in the order chosen.
pub(super) fn rows(state: &State) -> Vec<&SettingRow> {
    let Some(resource) = resource(state) else {
        return Vec::new();
    };
    let ours = |row: &&SettingRow| row.id.resource == resource && state.passes(&row.id.resource, &row.id.name);
    let mut rows: Vec<&SettingRow> = state.shown.settings.iter().filter(ours).collect();
    rank(&mut rows, state.resource.settings.by_chance);
    rows
}

/// Puts first what is off and surprised most, or what is likeliest to change; among equals the other of the two, then what changed last,
/// then what stood first: a snapshot's rows come by name.
pub(super) fn rank(rows: &mut [&SettingRow], by_chance: bool) {
    rows.sort_by_cached_key(|row| {
        // As they are shown: tenths of a bit and of a per cent. Rows must not change places with every wiggle, nor seem out of order.
        let (bits, chance) = (
            (row.bits.max(0.0) * 10.0).round() as u32,
            (row.week.unwrap_or(0.0).clamp(0.0, 1.0) * 1_000.0).round() as u32,
        );
        let keys = if by_chance { (chance, bits) } else { (bits, chance) };
        let changed = row.last_change.as_ref().map(|change| change.at);
        // What is off by what is known of it may surprise nobody.
        Reverse((!by_chance && is_off(row), keys, changed))
    });
}

/// Whether something is told of it.
pub(super) fn is_off(row: &SettingRow) -> bool {
    !matches!(row.mark, Mark::Ok | Mark::Learning | Mark::Muted)
}

fn place(state: &State, rows: &[&SettingRow]) -> usize {
    let chosen = state.resource.settings.chosen.as_ref();
    rows.iter().position(|row| Some(&row.id) == chosen).unwrap_or(0)
}

/// The setting under the cursor.
pub(super) fn under_cursor(state: &State) -> Option<SeriesId> {
    let rows = rows(state);
    rows.get(place(state, &rows)).map(|row| row.id.clone())
}

/// Moves the cursor.
pub(super) fn moved(state: &mut State, code: KeyCode) {
    let rows = rows(state);
    let to = page::moved(code, place(state, &rows), rows.len());
    if let Some(id) = to.and_then(|to| rows.get(to)).map(|row| row.id.clone()) {
        state.resource.settings.chosen = Some(id);
    }
}

pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let rows = rows(state);
    let at = place(state, &rows);
    let words = rows.get(at).filter(|_| area.height >= WORDS);
    let told = words.map_or_else(Vec::new, |row| words_of(row, state.now(), usize::from(area.width)));
    let mut page = Page::new(&state.look, area, buffer);
    let order = if state.resource.settings.by_chance {
        "by what will change"
    } else {
        "by surprise"
    };
    let whose = resource(state).map_or_else(String::new, |resource| format!(" of {}", resource.name()));
    page.line(Role::Heading, &format!(" SETTINGS{whose} ({}) {order}", rows.len()));
    if rows.is_empty() {
        let none = match state.filter.is_empty() {
            true => " None yet: the first settings are being read.".to_owned(),
            false => format!(" No setting matches /{}: Esc clears the filter.", state.filter),
        };
        page.line(Role::Text, &none);
        return;
    }
    let name_cells = page.width().saturating_sub(match state.room() {
        Room::Tiny | Room::Small => 24,
        Room::Normal => 52,
        Room::Large => 76,
    });
    let wide = state.room() >= Room::Normal;
    let value_cells = if state.room() == Room::Large { 22 } else { 10 };
    let head = if wide {
        format!(
            " mark status  {} {} bits   7 d  changed",
            fit("setting", name_cells),
            fit("now", value_cells)
        )
    } else {
        format!(" {} {} bits  7 d", fit("setting", name_cells), fit("now", value_cells))
    };
    page.line(Role::Heading, &head);
    let below = if told.is_empty() { 0 } else { told.len() + 1 };
    for place in window(rows.len(), at, page.left().saturating_sub(below).max(1)) {
        let row = rows[place];
        let pointer = if place == at { '>' } else { ' ' };
        let marked = if state.marked.contains(&row.id) { '*' } else { ' ' };
        let name = fit_name(&row.id.name, name_cells);
        let value = fit_value(&shown(row.value.as_ref()), value_cells);
        let bits = match row.last_change {
            Some(_) => format!("{:.1}", row.bits),
            None => "-".into(),
        };
        let numbers = format!(
            "{} {}",
            fit_right(&bits, 4),
            fit_right(&row.week.map_or_else(|| "-".into(), percent), 5)
        );
        let line = if wide {
            let changed = row.last_change.as_ref().map_or_else(
                || "-".into(),
                |change| {
                    let by = change.by.as_deref().map_or_else(String::new, |by| format!(" {by}"));
                    format!("{}{by}", text::when(change.at, state.now()))
                },
            );
            format!(
                "{pointer}{}{marked} {name} {value} {numbers}  {changed}",
                fit(&row.mark.to_string(), 11)
            )
        } else {
            format!("{pointer}{name} {value} {numbers}")
        };
        page.item(place == at, &line);
        if wide && place != at {
            page.paint(1, row.mark.word().len() + 2, Role::Mark(row.mark));
        }
    }
    if !told.is_empty() {
        page.rule();
        for line in told {
            page.line(Role::Text, &line);
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(gone)".into(), ToString::to_string)
}

/// `12 %`, `<0.1%`.
fn percent(p: f32) -> String {
    let percent = f64::from(p) * 100.0;
    if percent >= 9.95 {
        format!("{percent:.0} %")
    } else if percent >= 0.05 {
        format!("{percent:.1} %")
    } else {
        "<0.1%".into()
    }
}

/// What is to be said of one setting, a line each.
fn words_of(row: &SettingRow, now: Timestamp, width: usize) -> Vec<String> {
    let mut lines = labelled_in(
        "NOW",
        &format!("{} {}", row.id.name, shown(row.value.as_ref())),
        width,
        2,
    );
    let mut say = |label: &str, text: &str| lines.extend(labelled_in(label, text, width, 2));
    if let Some(change) = &row.last_change {
        let by = change.by.as_deref().map_or_else(String::new, |by| format!(" by {by}"));
        let from = change
            .from
            .as_ref()
            .map_or_else(|| "(absent)".into(), ToString::to_string);
        say(
            "WAS",
            &format!(
                "{from}, until {}{by}; {:.1} bits of surprise",
                text::when(change.at, now),
                row.bits
            ),
        );
    }
    // Of the past it is not kept.
    match row.week {
        Some(week) if row.value.is_some() => say("EXPECT", &expected(week, row.outlook.as_deref())),
        // It was looked at, and is not learnt.
        None if row.outlook.is_some() => say("EXPECT", "not enough history"),
        _ => {}
    }
    if let Some(outlook) = &row.outlook {
        if let Some((low, high)) = &outlook.interval {
            say("RANGE", &words::range(low, high));
        }
        if let Some(peers) = words::peers(outlook, now) {
            say("PEERS", &peers);
        }
    }
    if let (Some(change), Some(undoing)) = (&row.last_change, &row.undoing) {
        say("UNDONE", &undone(undoing, change.at, now));
    }
    lines.truncate(TOLD);
    lines
}

/// `it stays so for 7 d: 98 %; if not: 61 % to 8GB, 12 % to 16GB`.
fn expected(week: f32, outlook: Option<&Outlook>) -> String {
    let mut told = format!("it stays so for 7 d: {}", percent(1.0 - week));
    let Some(outlook) = outlook else { return told };
    if let Some([grows, shrinks, both]) = outlook.ways {
        let [grows, shrinks, both] = [grows, shrinks, both].map(percent);
        told.push_str(&format!("; if not, it grows {grows}, shrinks {shrinks}, both {both}"));
    }
    match words::next(outlook) {
        next if next.is_empty() => told,
        next => format!("{told}; if not: {next}"),
    }
}

/// `31 % within 14 d (the record of who did it +12 %); watched until 14:55`.
fn undone(undoing: &Undoing, changed: Timestamp, now: Timestamp) -> String {
    let until = changed + undoing.watch;
    let watch = if until > now {
        format!("; watched until {}", text::when(until, now))
    } else {
        format!("; it was watched for {}", Span(undoing.watch.0 / 1_000_000 * 1_000_000))
    };
    format!(
        "{} within 14 d{}{watch}",
        percent(undoing.probability as f32),
        words::because(undoing)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{fixture, look::Charset, state::Screen, view_to_buffer};

    #[test]
    fn settings_stand_in_the_order_of_the_bits_they_show() {
        let one = fixture::snapshot().settings[0].clone();
        let row = |(bits, week)| SettingRow {
            bits,
            week: Some(week),
            mark: Mark::Ok,
            ..one.clone()
        };
        let rows = [(7.0, 0.9), (11.6, 0.0), (7.5, 0.1), (7.2, 0.5)].map(row);
        let mut sorted: Vec<&SettingRow> = rows.iter().collect();
        rank(&mut sorted, false);
        let bits: Vec<f32> = sorted.iter().map(|row| row.bits).collect();
        assert_eq!(bits, [11.6, 7.5, 7.2, 7.0]);
    }

    #[test]
    fn the_settings_beside_a_metric_pass_the_filter() {
        let mut state = fixture::on(Screen::Resource, Charset::Ascii, 160, 50);
        let beside = |state: &State| {
            let text = fixture::text(&view_to_buffer(state, 160, 50));
            let lines = text.lines().skip_while(|line| !line.starts_with(" SETTINGS"));
            let listed = lines.skip(1).take_while(|line| !line.starts_with(" HOSTS"));
            listed
                .filter(|line| line.starts_with(" vm.") || line.starts_with(" pg."))
                .count()
        };
        let all = beside(&state);
        state.filter = "mem".into();
        assert!(beside(&state) < all, "{all}");
    }
}
