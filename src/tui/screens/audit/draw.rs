//! How the Audit screen is drawn.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{health::summary, listed, position};
use crate::{
    domain::{Mark, Unit},
    store::AuditEntry,
    tui::{
        look::Role,
        page::{Page, in_rows, labelled, window},
        state::State,
        text::{self, clock, cut, fit, fit_name, grouped, minute, when, wrap},
    },
};

/// Cells of the pane at the right.
const SIDE: u16 = 44;
/// Entries whose names say how wide their column is: more are on no screen.
const LISTED: usize = 100;

pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let small = area.width < 60 || area.height < 14;
    let rows = listed(state);
    let at = position(state, &rows);
    if small && state.audit.health {
        let mut page = Page::new(&state.look, area, buffer);
        let width = page.width().saturating_sub(2);
        let mut lines = summary(state, usize::MAX);
        let all: usize = lines.iter().map(|line| wrap(line.trim(), width).len()).sum();
        if all > page.left() {
            // They are wrapped as far as there are rows: what must stay in one is as long as that.
            lines = summary(state, width + 1);
        }
        for line in in_rows(lines.iter().map(|line| line.trim()), width, page.left()) {
            page.line(Role::Text, &format!(" {line}"));
        }
        return;
    }
    let side = if area.width >= 110 { SIDE } else { 0 };
    let health = if small { 0 } else { 6 };
    let list_area = Rect {
        width: area.width - side,
        height: area.height.saturating_sub(health),
        ..area
    };
    let mut page = Page::new(&state.look, list_area, buffer);
    page.line(Role::Heading, &heading(state, page.width()));
    if let Some(broken) = &state.audit.broken {
        let text = format!(
            " the chain breaks at {} (that entry was altered or lost): what comes before is not vouched for",
            when(broken.at, state.now())
        );
        page.line(Role::Mark(Mark::Breach), &text);
    }
    list(state, &rows, at, side > 0, &mut page);
    if side > 0 {
        let area = Rect {
            x: area.x + area.width - side,
            width: side,
            height: list_area.height,
            ..area
        };
        entry(state, rows.get(at).copied(), area, buffer);
    }
    if health > 0 {
        let area = Rect {
            y: area.y + list_area.height,
            height: health,
            ..area
        };
        let mut page = Page::new(&state.look, area, buffer);
        page.rule();
        for (place, line) in summary(state, page.width()).iter().enumerate() {
            let here = state.audit.health && place == 0;
            page.line(if here { Role::Cursor } else { Role::Text }, line);
            if !here {
                let label = line.trim_start().find("  ").map_or(0, |end| end + 1);
                page.paint(0, label, Role::Heading);
            }
        }
    }
}

fn heading(state: &State, width: usize) -> String {
    let filter = if state.filter.is_empty() {
        "(none)"
    } else {
        &state.filter
    };
    let entries = if state.audit.total == 1 { "entry" } else { "entries" };
    if width < 60 {
        return format!(" {} {entries}  filter {filter}", grouped(state.audit.total));
    }
    let oldest = state.audit.entries.iter().flatten().last();
    let chain = match (&state.audit.broken, oldest) {
        (None, Some(oldest)) => format!("chain unbroken to {}", when(oldest.at, state.now())),
        (None, None) => "no chain yet".into(),
        (Some(broken), _) => format!("chain BROKEN at {}", when(broken.at, state.now())),
    };
    let total = grouped(state.audit.total);
    if !state.shown.live {
        let then = |entry: &&AuditEntry| state.at.is_none_or(|at| entry.at <= at);
        let people = state.audit.entries.iter().flatten().filter(then).count();
        return format!(" filter: {filter}   {people} of {total} {entries}, as of then   {chain}");
    }
    // What was seen stands in the list as well, and is not of the chain.
    let seen = match state.audit.seen.entries.len() as u64 {
        0 => String::new(),
        seen => format!(", {} seen", grouped(seen)),
    };
    let listed = match state.filter.is_empty() {
        true => String::new(),
        false => format!("{} of ", grouped(super::listed(state).len() as u64)),
    };
    let said = format!(" filter: {filter}   {listed}{total} {entries}{seen}   {chain}");
    let store = match state.shown.store.bytes {
        0 if in_memory(state) => "   store in memory".to_owned(),
        0 => String::new(),
        bytes => format!("   store {}", Unit::Bytes.show(bytes as f64)),
    };
    match said.len() + store.len() <= width {
        true => said + &store,
        false => said,
    }
}

/// Whether what is seen is kept in no file. Before the first snapshot, and of the past, that is not known.
pub(super) fn in_memory(state: &State) -> bool {
    let (shown, store) = (&state.shown, &state.shown.store);
    shown.live && shown.number > 0 && store.ok && store.path.is_empty()
}

fn list(state: &State, rows: &[&AuditEntry], at: usize, beside: bool, page: &mut Page<'_>) {
    let width = page.width();
    let (who, what) = if width >= 60 { (12, 10) } else { (0, 9) };
    let time = if width >= 60 { 10 } else { 6 };
    let resource = match width {
        60.. => {
            // Names take what room the results leave them; beside the entry in full a result need only begin here.
            let longest = rows
                .iter()
                .take(LISTED)
                .map(|entry| text::width(&about(state, entry)) + 1);
            let result = if beside { 14 } else { 24 };
            let room = width.saturating_sub(1 + time + 1 + who + what + result).max(23);
            longest.max().unwrap_or(0).clamp(23, room)
        }
        _ => width.saturating_sub(7 + what),
    };
    let cells = |cursor: char, texts: [&str; 5]| {
        let [at, by, deed, about, result] = texts;
        let who = if who > 0 { fit(by, who - 1) + " " } else { String::new() };
        format!(
            "{cursor}{}{who}{}{}{}",
            fit(&format!("{}{at}", if width >= 60 { "  " } else { "" }), time) + if width >= 60 { " " } else { "" },
            fit(deed, what - 1) + " ",
            fit_about(about, resource.saturating_sub(1)) + " ",
            if width >= 60 { result } else { "" }
        )
    };
    page.line(
        Role::Heading,
        &cells(' ', ["time", "who", "what", "resource", "result"]),
    );
    if rows.is_empty() {
        for line in wrap(&empty(state), width.saturating_sub(2)) {
            page.line(Role::Dim, &format!(" {line}"));
        }
    }
    if let Some(why) = state.audit.failed.as_ref().filter(|_| !rows.is_empty()) {
        page.line(Role::NotLive, &format!(" {why}"));
    }
    let today = state.live.at.unwrap_or_default();
    for place in window(rows.len(), at, page.left().max(1)) {
        let entry = rows[place];
        let whole_day = when(entry.at, today).len() > 5;
        let time = match (width >= 60, whole_day) {
            (true, true) => crate::tui::text::day(entry.at),
            (true, false) => clock(entry.at),
            (false, _) => minute(entry.at),
        };
        let result = text::local_times(&entry.result, entry.at);
        let here = place == at && !state.audit.health;
        let cursor = if here { '>' } else { ' ' };
        page.item(
            here,
            &cells(cursor, [&time, &entry.who, &entry.what, &about(state, entry), &result]),
        );
    }
}

/// What an entry is about: of one host its name goes without saying.
fn about(state: &State, entry: &AuditEntry) -> String {
    let only = (state.host_cells(1) == 0).then(|| state.resource()).flatten();
    let bare = only.and_then(|only| entry.resource.strip_prefix(only.name())?.strip_prefix(' '));
    bare.unwrap_or(&entry.resource).to_owned()
}

/// A resource and what of it, exactly `width` cells wide: the names of one family of settings differ at their ends.
fn fit_about(about: &str, width: usize) -> String {
    match about.split_once(' ') {
        Some((host, name)) if !name.contains(' ') => {
            let host = format!("{} ", cut(host, width / 2));
            let left = width.saturating_sub(text::width(&host));
            host + &fit_name(name, left)
        }
        // A name alone.
        None => fit_name(about, width),
        _ => fit(about, width),
    }
}

/// Why there is nothing to list.
fn empty(state: &State) -> String {
    if let Some(why) = &state.audit.failed {
        return why.clone();
    }
    if !state.filter.is_empty() {
        let applies = state.filter.contains("what:apply") && !state.operate;
        let none = format!("No entry matches /{}: Esc clears the filter.", state.filter);
        return if applies {
            format!("{none} No change was ever applied from here (started without --operate).")
        } else {
            none
        };
    }
    match (&state.audit.entries, state.shown.store.from) {
        (None, _) => "loading".into(),
        (Some(_), Some(from)) => format!(
            "Nothing yet: collection began {}. What is recorded: settings seen, forecasts, what-ifs, changes.",
            when(from, state.now())
        ),
        (Some(_), None) => "Nothing yet. What is recorded: settings seen, forecasts, what-ifs, changes.".into(),
    }
}

/// The entry under the cursor in full, at the right.
fn entry(state: &State, entry: Option<&AuditEntry>, area: Rect, buffer: &mut Buffer) {
    let wall = state.look.glyph("│", "|");
    for y in area.top()..area.bottom() {
        buffer.set_string(area.x, y, wall, state.look.style(Role::Grid));
    }
    let area = Rect {
        x: area.x + 1,
        width: area.width - 1,
        ..area
    };
    let mut page = Page::new(&state.look, area, buffer);
    page.line(Role::Heading, " ENTRY");
    let Some(entry) = entry else { return };
    let width = page.width();
    for (label, text) in fields(entry) {
        for line in labelled(label, &text, width) {
            page.line(Role::Text, &line);
            page.paint(1, 8, Role::Heading);
        }
    }
}

fn fields(entry: &AuditEntry) -> [(&'static str, String); 5] {
    [
        ("TIME", text::moment(entry.at)),
        ("WHO", entry.who.clone()),
        ("WHAT", entry.what.clone()),
        ("ABOUT", entry.resource.clone()),
        ("RESULT", text::local_times(&entry.result, entry.at)),
    ]
}

/// An entry, a field a line.
pub(super) fn whole(entry: &AuditEntry) -> Vec<String> {
    let fields = fields(entry).map(|(label, text)| format!("{label:<8} {text}"));
    fields.to_vec()
}
