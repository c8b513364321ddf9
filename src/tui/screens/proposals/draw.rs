//! Draws the list of proposals, the text of one, and the chart of what it would do.

use std::sync::Arc;

use ratatui::{buffer::Buffer, layout::Rect};

use super::{KEPT, listed, position, selected, text};
use crate::{
    domain::{Mark, Proposal, ProposalStatus, text::visible},
    tui::{
        look::Role,
        page::{self, Page},
        screens::whatif,
        state::State,
        text::{fit, fit_name, fit_right, when, width, wrap},
    },
};

/// Cells of the text where a chart stands beside it.
const LEFT: u16 = 60;

pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    let rows = listed(state);
    let Some(proposal) = selected(state) else {
        let mut page = Page::new(&state.look, area, buffer);
        page.line(Role::Heading, &heading(page.width(), columns(state, page.width(), 0)));
        for line in wrap(&empty(state), page.width().saturating_sub(2)) {
            page.line(Role::Text, &format!(" {line}"));
        }
        return;
    };
    if area.width >= 110 {
        wide(state, &rows, &proposal, area, buffer);
        return;
    }
    if area.width < 60 || area.height < 14 {
        list(state, &rows, area, buffer, usize::from(area.height));
        return;
    }
    let used = list(state, &rows, area, buffer, 7);
    let mut page = Page::new(
        &state.look,
        Rect {
            y: area.y + used,
            height: area.height - used,
            ..area
        },
        buffer,
    );
    page.rule();
    let (rest, buffer) = page.take(usize::from(area.height));
    detail(state, &proposal, rest, buffer);
}

/// The list across, below it the text, and beside that what the change would do.
fn wide(state: &State, rows: &[&Arc<Proposal>], proposal: &Arc<Proposal>, area: Rect, buffer: &mut Buffer) {
    let used = list(state, rows, area, buffer, usize::from(area.height / 3));
    let mut page = Page::new(&state.look, area, buffer);
    page.take(usize::from(used));
    page.rule();
    let (below, buffer) = page.take(usize::from(area.height));
    let outcome = state.proposals.outcome.as_ref().filter(|(id, _)| *id == proposal.id);
    let Some((_, outcome)) = outcome.filter(|_| below.height >= 16) else {
        detail(state, proposal, below, buffer);
        return;
    };
    detail(state, proposal, Rect { width: LEFT, ..below }, buffer);
    for y in below.top()..below.bottom() {
        let line = state.look.glyph("│", "|");
        buffer.set_string(below.x + LEFT, y, line, state.look.style(Role::Grid));
    }
    let chart = Rect {
        x: below.x + LEFT + 1,
        width: below.width - LEFT - 1,
        height: below.height.min(16),
        ..below
    };
    // Of what suffers, where anything is known of that.
    let suffers = text::suffering(state, proposal).filter(|id| outcome.bands.iter().any(|(theirs, ..)| theirs == *id));
    whatif::chart_of(state, outcome, suffers, "changed", chart, buffer);
}

/// Cells of the names of hosts, changes and effects, of which `told` is the widest; small lists have no effect.
fn columns(state: &State, width: usize, told: usize) -> (usize, usize, usize) {
    let host = state.host_cells(if width >= 45 { 9 } else { 8 });
    let effect = match width {
        100.. => told.clamp(13, 30),
        70.. => told.clamp(13, 22),
        _ => 0,
    };
    let ahead = if width >= 45 { 18 } else { 10 };
    (host, width.saturating_sub(ahead + host + effect), effect)
}

fn heading(width: usize, (host, change, effect): (usize, usize, usize)) -> String {
    let status = if width >= 45 { "status  " } else { "" };
    format!(
        " #  score {status}{}{}{}",
        fit(if host > 0 { "resource" } else { "" }, host),
        fit("change", change),
        if effect > 0 { "effect (80 %)" } else { "" }
    )
}

/// Least cells of a name that still tells which it is.
const TELLS: usize = 12;

/// A title in at most `cells`: the name in it loses its middle, then what stands in brackets behind it goes; what it becomes stays.
fn short_title(title: &str, cells: usize) -> String {
    let title = visible(title);
    let bare = || title.rsplit_once(" (").map_or(&*title, |(bare, _)| bare);
    let shortened = |title: &str| {
        let over = width(title).saturating_sub(cells);
        let name = title.split(' ').max_by_key(|word| width(word))?;
        let room = width(name)
            .checked_sub(over)
            .filter(|room| over == 0 || *room >= TELLS)?;
        Some(title.replacen(name, fit_name(name, room).trim_end(), 1))
    };
    shortened(&title)
        .or_else(|| shortened(bare()))
        .unwrap_or_else(|| title.into_owned())
}

/// Draws the list in at most `rows` rows and tells how many it took.
fn list(state: &State, rows: &[&Arc<Proposal>], area: Rect, buffer: &mut Buffer, height: usize) -> u16 {
    let at = position(state, rows);
    let height = height.min(rows.len() + 1);
    let mut page = Page::new(&state.look, area, buffer);
    let widest = rows
        .iter()
        .map(|row| width(&text::told(state, row, usize::MAX)))
        .max()
        .unwrap_or(0);
    let (host, change, effect) = columns(state, page.width(), widest);
    page.line(Role::Heading, &heading(page.width(), (host, change, effect)));
    // What does not fit is told in a row of its own, where the rest has room.
    let all = rows.len() < height;
    let fits = height.saturating_sub(if all || height < 4 { 1 } else { 2 });
    let seen = page::window(rows.len(), at, fits);
    let (above, below) = (seen.start, rows.len() - seen.end);
    for place in seen {
        let row = rows[place];
        let status = if page.width() >= 45 {
            fit(if row.id == KEPT { "kept" } else { word(row.status) }, 8)
        } else {
            String::new()
        };
        page.item(
            place == at,
            &format!(
                "{}{:<3}{} {status}{}{}{}",
                if place == at { '>' } else { ' ' },
                row.id.0,
                fit_right(&format!("{:.1}", row.factors.score()), 5),
                state.host(&row.resource, host.saturating_sub(1)),
                fit(
                    &short_title(&row.title, change.saturating_sub(1)),
                    change.saturating_sub(1)
                ) + " ",
                fit(&text::told(state, row, effect), effect),
            ),
        );
    }
    if !all && height >= 4 {
        let more = match (above, below) {
            (0, below) => format!("{below} more"),
            (above, 0) => format!("{above} more above"),
            (above, below) => format!("{above} more above, {below} below"),
        };
        page.line(Role::Dim, &format!("   {more}"));
    }
    height as u16
}

fn detail(state: &State, proposal: &Proposal, area: Rect, buffer: &mut Buffer) {
    let mut page = Page::new(&state.look, area, buffer);
    let width = page.width();
    let before = format!(" #{} {} ", proposal.id.0, proposal.resource.name());
    let room = width.saturating_sub(crate::tui::text::width(&before));
    let mut lines = vec![format!("{before}{}", short_title(&proposal.title, room))];
    lines.extend(text::remarks(state, proposal, width));
    lines.extend(text::sections(state, proposal, width));
    let cut = lines.len() > page.left();
    let room = if cut {
        page.left().saturating_sub(1)
    } else {
        lines.len()
    };
    for (place, line) in lines.iter().take(room).enumerate() {
        page.line(if place == 0 { Role::Heading } else { Role::Text }, line);
        if place > 0 {
            page.paint(1, 8, Role::Heading);
        }
    }
    if cut {
        let more = format!(" {:<8}{} more lines: Enter shows all", "...", lines.len() - room);
        page.line(Role::Dim, &more);
    }
}

/// Why there is nothing to list.
fn empty(state: &State) -> String {
    if !state.filter.is_empty() {
        return format!("No proposal matches /{}: Esc clears the filter.", state.filter);
    }
    let off = state.shown.findings.len();
    let health = &state.shown.health;
    if health.learnt == 0 {
        let ready = match (health.ready, state.shown.at) {
            (Some(ready), Some(now)) => format!(" (ready {})", when(ready, now)),
            _ => String::new(),
        };
        return format!("Proposals start when the first shadows are learnt{ready}; live values are on 2.");
    }
    match off {
        0 => "No proposals: nothing is off. 3 shows what comes next.".into(),
        1 => "No proposals. 1 thing is off, no change is known that answers it: 2 shows it, 6 its history.".into(),
        _ => {
            let muted = state.shown.findings.iter().filter(|f| f.mark == Mark::Muted).count();
            format!(
                "No proposals. {} things are off, none has a change that answers it: 2 shows them, 6 their history.",
                off - muted
            )
        }
    }
}

fn word(status: ProposalStatus) -> &'static str {
    match status {
        ProposalStatus::New => "new",
        ProposalStatus::Tried => "tried",
        ProposalStatus::Weak => "weak",
        ProposalStatus::Stale => "- stale",
        ProposalStatus::Dismissed => "dismissed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_that_is_too_long_keeps_both_ends_of_its_name_and_its_values() {
        let title = "etc.haproxy/haproxy.cfg:defaults.timeout client 1h -> 60s (and 1 setting with it)";
        assert_eq!(short_title(title, 100), title);
        for cells in [60, 45, 34] {
            let short = short_title(title, cells);
            assert!(width(&short) <= cells && short.contains('~'), "{short}");
            assert!(
                short.starts_with("etc.") && short.contains(".timeout client 1h -> 60s"),
                "{short}"
            );
        }
        let accept = short_title("accept: etc.haproxy/haproxy.cfg:defaults.timeout server", 40);
        assert!(
            accept.starts_with("accept: etc.") && accept.ends_with(".timeout server"),
            "{accept}"
        );
    }
}
