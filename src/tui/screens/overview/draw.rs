//! Draws the Overview.

use std::ops::Range;

use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    List, SHOULD_BE, chosen_finding, chosen_host, chosen_metric, compared, findings, hosts, list, metrics, name, side,
    since, worst_of,
};
use crate::{
    domain::{Finding, Mark, Seen},
    engine::{MetricRow, ResourceRow},
    tui::{
        chart, counts,
        look::{Charset, Look, Role},
        order,
        page::{Page, window},
        put_counts,
        state::{Room, State},
        text::{self, fit, fit_name, fit_right, grouped},
    },
};

/// Cells of the lists on wide screens; the chart stands right of them.
pub(super) const LIST: u16 = 90;

/// Columns of the chart at the right of a screen so wide.
pub(super) fn side_columns(width: u16) -> usize {
    usize::from(width.saturating_sub(LIST + 1 + chart::GUTTER + 2))
}

pub(super) fn view(state: &State, area: Rect, buffer: &mut Buffer) {
    match state.room() {
        Room::Tiny => {}
        Room::Small => small(state, area, buffer),
        Room::Normal => lists(state, area, buffer),
        Room::Large => {
            lists(state, Rect { width: LIST, ..area }, buffer);
            side::view(state, area, buffer);
        }
    }
}

/// Counts and the first findings: mark, host, metric, bits. Tab shows the hosts instead.
fn small(state: &State, area: Rect, buffer: &mut Buffer) {
    let mut line = String::from(" ");
    for (mark, count) in counts(&state.shown, "") {
        let number = count.rsplit(' ').next().unwrap_or_default();
        let number = if mark == Mark::Ok { "ok" } else { number };
        line.push_str(&format!("{}{number} ", mark.glyph()));
    }
    let mut page = Page::new(&state.look, area, buffer);
    page.line(Role::Text, &line);
    let width = page.width();
    let on = list(state);
    if on == List::Hosts {
        let rows = hosts(state);
        let at = super::place(&rows, |row| Some(&row.id) == chosen_host(state).map(|row| &row.id));
        for place in window(rows.len(), at, page.left()) {
            let row = rows[place];
            let percent =
                |part: Option<(f64, [Option<f32>; 8])>| part.map_or("-".into(), |(now, _)| format!("{now:.0}"));
            let name_cells = width.saturating_sub(21);
            let line = format!(
                "{}{} {} {:>3} {:>3}",
                pointer(place == at),
                fit(&row.mark.to_string(), 10),
                fit(row.id.name(), name_cells),
                percent(row.cpu),
                percent(row.mem)
            );
            put_row(&mut page, place == at, &line, row.mark, 1, width);
        }
        return;
    }
    // The metrics follow the findings, as one list.
    let (off, all) = (findings(state), order::ordered(state));
    if off.is_empty() && all.is_empty() && !state.filter.is_empty() {
        page.line(Role::Text, &format!(" Nothing matches /{}.", state.filter));
        page.line(Role::Text, " Esc clears the filter.");
    }
    let at = if on == List::Findings {
        super::place(&off, |row| Some(row.id) == chosen_finding(state).map(|row| row.id))
    } else {
        let here = chosen_metric(state);
        off.len() + super::place(&all, |row| Some(&row.id) == here.as_ref())
    };
    for place in window(off.len() + all.len(), at, page.left()) {
        let Some(finding) = off.get(place) else {
            metrics::small_row(state, all[place - off.len()], place == at, &mut page);
            continue;
        };
        let host = if width < 60 { 7 } else { 12 };
        let metric = width.saturating_sub(18 + state.host_cells(host));
        let line = format!(
            "{}{} {}{} {}",
            pointer(place == at),
            fit(&finding.says(), 10),
            state.host(&finding.resource, host),
            fit_name(&name(state, finding), metric),
            fit_right(&bits(state, finding), 4)
        );
        put_row(&mut page, place == at, &line, finding.mark, 1, width);
        put_over(finding, place == at, &mut page);
    }
}

/// What is over stands back, and under the cursor as every row does.
fn put_over(finding: &Finding, chosen: bool, page: &mut Page<'_>) {
    if finding.over && !chosen {
        page.paint(1, finding.says().len(), Role::Dim);
    }
}

pub(super) fn pointer(chosen: bool) -> char {
    if chosen { '>' } else { ' ' }
}

/// A row of a list, its mark in its colour; under the cursor its first `cells` cells are reversed. Reversing all of it would
/// send the whole row twice for every step of the cursor.
pub(super) fn put_row(page: &mut Page<'_>, chosen: bool, line: &str, mark: Mark, from: usize, cells: usize) {
    page.line(Role::Text, line);
    if chosen {
        page.paint(0, cells, Role::Cursor);
    } else {
        page.paint(from, mark.word().len() + 2, Role::Mark(mark));
    }
}

fn lists(state: &State, area: Rect, buffer: &mut Buffer) {
    let shown = &state.shown;
    let mut page = Page::new(&state.look, area, buffer);
    let total = |of: fn(&ResourceRow) -> u32| shown.resources.iter().map(|row| u64::from(of(row))).sum();
    let health = &shown.health;
    let mut says = format!(
        " {} metrics  {} settings   shadow: {} learnt",
        grouped(total(|row| row.metrics)),
        grouped(total(|row| row.settings)),
        grouped(u64::from(health.learnt))
    );
    if health.learning > 0 {
        says.push_str(&format!(", {} learning", grouped(u64::from(health.learning))));
        // Where the time of another day does not fit, its day does.
        let told = |ready| [text::when(ready, state.now()), text::day(ready)].map(|at| format!(" (ready {at})"));
        let room = page.width().saturating_sub(text::width(&says));
        let fits = |told: &String| text::width(told) <= room;
        if let Some(told) = health.ready.and_then(|ready| told(ready).into_iter().find(fits)) {
            says.push_str(&told);
        }
    }
    page.line(Role::Text, &says);
    let (row, screen) = page.take(1);
    put_counts(state, row, 1, 0, screen);
    put_sources(state, row, screen);
    // What is not kept must be seen, whatever else is off.
    match unkept(state).or_else(|| turned_away(state, page.width())) {
        Some(says) => page.line(Role::NotLive, &says),
        None => page.rule(),
    }
    let (findings, hosts) = (findings(state), hosts(state));
    let quiet = quiet(state);
    let shares = shares(state);
    let width = page.width();
    let spare = width.saturating_sub(80);
    let wider = spare / 4;
    let here = chosen_finding(state)
        .map(|finding| finding.id)
        .filter(|_| list(state) == List::Findings);
    let at = super::place(&findings, |finding| Some(finding.id) == here);
    let seen = window(findings.len(), at, shares.findings);
    page.line(
        Role::Heading,
        &format!(
            "{}{}{}   should be {}bits  last 1 h  since",
            fit(&format!(" WHAT IS OFF ({})", shown_of(&seen, findings.len())), 39),
            " ".repeat(spare - 2 * wider),
            fit_right("now", 6 + wider),
            " ".repeat(wider)
        ),
    );
    if findings.is_empty() {
        for line in quiet.iter().take(shares.findings) {
            page.line(Role::Text, line);
        }
    }
    for place in seen {
        let finding = findings[place];
        finding_row(state, finding, Some(finding.id) == here, spare, &mut page);
    }
    page.rule();
    page.line(
        Role::Heading,
        &format!(
            "{}{}bits   seen",
            fit(" HOSTS  mark status   cpu%      mem%      worst metric", 66 + spare),
            ""
        ),
    );
    host_rows(state, &hosts, shares.hosts, spare, &mut page);
    if shares.metrics == 0 {
        return;
    }
    let all = order::ordered(state);
    let here = chosen_metric(state).filter(|_| list(state) == List::Metrics);
    page.rule();
    // Without the cursor the list stays where it was left.
    let at = super::place(&all, |row| Some(&row.id) == state.overview.metric.as_ref());
    let seen = window(all.len(), at, shares.metrics);
    page.line(Role::Heading, &metrics::heading(&shown_of(&seen, all.len()), spare));
    for place in seen {
        let row = all[place];
        metrics::row(state, row, Some(&row.id) == here.as_ref(), spare, &mut page);
    }
}

/// How many rows a list has, and which of them are seen: `7`, `1-13 of 20`.
fn shown_of(seen: &Range<usize>, all: usize) -> String {
    match seen.len() < all && !seen.is_empty() {
        true => format!("{}-{} of {}", seen.start + 1, seen.end, grouped(all as u64)),
        false => grouped(all as u64),
    }
}

/// What is said when nothing is being kept.
fn unkept(state: &State) -> Option<String> {
    let store = &state.shown.store;
    (!store.ok && !store.says.is_empty() && &*store.says != "opening")
        .then(|| format!(" The store: {}. Live values only; :store retry", store.says))
}

/// What is said when an engine turned this user away, and another one is shown in its place.
fn turned_away(state: &State, width: usize) -> Option<String> {
    let why = state.refused.split(':').next().filter(|why| !why.is_empty())?;
    let told = [
        format!(" Turned away: {why}; this console reads by itself"),
        format!(" {why}: this console reads by itself"),
        format!(" {why}; it reads by itself"),
    ];
    let fits = |told: &&String| text::width(told) <= width;
    // The reason is long and `doctor` tells it; that the values are its own is what must be known here.
    let alone = || " Turned away by the engine: this console reads by itself".to_owned();
    Some(told.iter().find(fits).cloned().unwrap_or_else(alone))
}

/// Sources that give no data though what they read is there, at the right of the counts where there is room.
fn put_sources(state: &State, row: Rect, buffer: &mut Buffer) {
    let sources = &state.shown.sources;
    let lost = sources.iter().filter(|source| source.lost()).count();
    if lost == 0 {
        return;
    }
    let there = sources.iter().filter(|source| source.there()).count();
    let short = format!("{lost} of {there} sources give nothing");
    let taken: usize = 1 + counts(&state.shown, "   ")
        .iter()
        .map(|(_, text)| text.len())
        .sum::<usize>();
    for says in [
        format!("{short}: 7 says why"),
        format!("{short}: see 7"),
        format!("{lost} sources lost: see 7"),
    ] {
        let from = usize::from(row.width).saturating_sub(says.len() + 1);
        if from > taken {
            text::put(buffer, row, from as u16, 0, &says, state.look.style(Role::Dim));
            return;
        }
    }
}

/// Rows of each list.
struct Shares {
    findings: usize,
    hosts: usize,
    metrics: usize,
}

/// Findings and hosts share the rows, and the metrics have what is left, with a rule and a heading.
fn shares(state: &State) -> Shares {
    // The frame takes four rows; counts, headings and rules above six.
    let left = usize::from(state.size.1).saturating_sub(10);
    let off = findings(state).len().max(quiet(state).len()).max(1);
    let hosts = hosts(state).len().max(1);
    let for_hosts = hosts.min(left.saturating_sub(off).max(left / 2));
    let for_findings = off.min(left - for_hosts);
    let rest = left - for_hosts - for_findings;
    Shares {
        findings: for_findings,
        hosts: for_hosts,
        metrics: rest.saturating_sub(2),
    }
}

/// Rows there are for metrics.
pub(super) fn room_for_metrics(state: &State) -> usize {
    match state.room() {
        Room::Tiny => 0,
        Room::Small => usize::from(state.size.1).saturating_sub(4),
        Room::Normal | Room::Large => shares(state).metrics,
    }
}

fn finding_row(state: &State, finding: &Finding, chosen: bool, spare: usize, page: &mut Page<'_>) {
    let (now, expected) = compared(state, finding);
    let marked = finding.series.first().is_some_and(|id| state.marked.contains(id));
    let strip = match (&finding.seen, finding.mark) {
        // A known issue that was there when watching began.
        (Seen::Setting { .. }, _) if finding.stands() => "stands  ".into(),
        (Seen::Setting { .. }, _) => "changed ".into(),
        (_, Mark::Stale) => "no data ".into(),
        _ => finding
            .series
            .first()
            .and_then(|id| state.metric(id))
            .map_or_else(|| " ".repeat(8), |row| hour(row, &state.look)),
    };
    // What is known only to a span has its `~` in the gap: the times stay below each other.
    let since = since(state, finding);
    let gap = if since.starts_with('~') { "" } else { " " };
    // Names, values and what they should be share the room there is.
    let wider = spare / 4;
    let line = format!(
        "{}{}{}{}{} {}  {} {} {}{gap}{}",
        pointer(chosen),
        fit(&finding.says(), 10),
        if marked { '*' } else { ' ' },
        state.host(&finding.resource, 7),
        titled(state, finding, 26 - state.host_cells(7) + spare - 2 * wider),
        fit_right(text::fit_value(&now, 7 + wider).trim_end(), 7 + wider),
        text::fit_value(&expected, SHOULD_BE + wider),
        fit_right(&bits(state, finding), 4),
        format_args!(" {strip} "),
        fit(&since, 6)
    );
    put_row(page, chosen, &line, finding.mark, 1, 38 + spare);
    put_over(finding, chosen, page);
}

/// A finding's name in `cells`, with how many metrics more went off with it: they are one departure, and each has its mark below.
fn titled(state: &State, finding: &Finding, cells: usize) -> String {
    let name = name(state, finding);
    let more = match (&finding.seen, finding.mark) {
        (Seen::Setting { .. }, _) | (_, Mark::Stale) => 0,
        _ => finding.series.len().saturating_sub(1),
    };
    if more == 0 {
        return fit_name(&name, cells);
    }
    let more = format!(" +{more}");
    let short = fit_name(&name, cells.saturating_sub(more.len()));
    fit(&format!("{}{more}", short.trim_end()), cells)
}

/// Surprise of a finding; a setting that changed and a host without data have none to tell.
fn bits(_state: &State, finding: &Finding) -> String {
    match (&finding.seen, finding.mark) {
        (Seen::Setting { .. }, _) if finding.bits < 0.05 => "-".into(),
        (_, Mark::Stale) => "-".into(),
        _ => format!("{:.1}", finding.bits),
    }
}

/// The surprise of the last hour in eight cells.
pub(super) fn hour(row: &MetricRow, look: &Look) -> String {
    row.hour
        .iter()
        .map(|bits| bits.map_or(" ", |bits| chart::surprise(bits, look.charset).0))
        .collect()
}

fn host_rows(state: &State, rows: &[&ResourceRow], fits: usize, spare: usize, page: &mut Page<'_>) {
    let here = chosen_host(state)
        .map(|row| &row.id)
        .filter(|_| list(state) == List::Hosts);
    let at = super::place(rows, |row| Some(&row.id) == here);
    // What does not fit is told in one row.
    let shown = if rows.len() > fits {
        fits.saturating_sub(1)
    } else {
        fits
    };
    let seen = window(rows.len(), at, shown);
    let hidden = rows.len() - seen.len();
    let rest = rows.iter().skip(seen.end).map(|row| row.mark).min();
    for place in seen {
        let row = rows[place];
        let chosen = Some(&row.id) == here;
        let silent = row.mark == Mark::Stale;
        let (worst, bits) = match worst_of(state, row) {
            Some((series, bits)) if !silent => (series.name.to_string(), format!("{bits:.1}")),
            _ => (unheard(state, row), "-".into()),
        };
        let line = format!(
            "{}{} {} {}  {}   {}{}   {}",
            pointer(chosen),
            // A name of eight cells takes one of the two before it.
            fit_right(
                &fit(row.id.name(), if text::width(row.id.name()) > 7 { 8 } else { 7 }),
                9
            ),
            fit(&row.mark.to_string(), 10),
            load(row.cpu, &state.look),
            load(row.mem, &state.look),
            fit_name(&worst, 23 + spare),
            fit_right(&bits, 5),
            row.seen.map_or("-".into(), text::minute)
        );
        put_row(page, chosen, &line, row.mark, 11, 20);
    }
    if hidden > 0 {
        let mark = rest.unwrap_or(Mark::Ok);
        page.line(Role::Text, &format!("   {hidden} more: {mark}"));
    } else if rows.is_empty() && !state.filter.is_empty() {
        page.line(Role::Text, &format!("   no host matches /{}", state.filter));
    }
}

fn unheard(state: &State, row: &ResourceRow) -> String {
    match row.seen {
        Some(seen) if row.mark == Mark::Stale => format!("(no data {})", state.now() - seen),
        _ => "-".into(),
    }
}

/// A percentage and its last minutes: `31 ::-=`.
fn load(part: Option<(f64, [Option<f32>; 8])>, look: &Look) -> String {
    let Some((now, past)) = part else {
        return "  -     ".into();
    };
    let trend: String = past[4..]
        .iter()
        .map(|value| value.map_or(" ", |value| spark(value, look.charset)))
        .collect();
    format!("{:>3.0} {trend}", now.clamp(0.0, 999.0))
}

/// A percentage in one cell.
fn spark(percent: f32, charset: Charset) -> &'static str {
    const ASCII: [&str; 6] = [".", ":", "-", "=", "+", "#"];
    const BARS: [&str; 6] = ["▁", "▂", "▃", "▅", "▆", "█"];
    let level = [10.0, 25.0, 40.0, 65.0, 85.0]
        .iter()
        .filter(|edge| percent >= **edge)
        .count();
    if charset == Charset::Utf8 {
        BARS[level]
    } else {
        ASCII[level]
    }
}

/// What the list says when it is empty, or when something must be known before it is read.
fn quiet(state: &State) -> Vec<String> {
    let shown = &state.shown;
    let mut lines = Vec::new();
    if !findings(state).is_empty() {
        return lines;
    }
    let checked = shown
        .at
        .map_or_else(String::new, |at| format!(" (last check {})", text::clock(at)));
    if shown.at.is_none() {
        lines.push(" Reading the first values.".into());
    } else if !state.filter.is_empty() {
        lines.push(format!(
            " Nothing off matches /{}: Esc clears the filter.",
            state.filter
        ));
    } else if shown.health.learnt == 0 {
        let from = shown.metrics.iter().filter_map(|row| row.from).min();
        let age = from.map_or(crate::domain::Span::ZERO, |from| state.now() - from);
        lines.push(format!(
            " Learning: {age} of data{}.",
            shown.health.ready.map_or_else(String::new, |ready| format!(
                ", most shadows are ready in {}",
                (ready - state.now()).max(crate::domain::Span::ZERO)
            ))
        ));
        lines.push(" Live values are below and on 2.".into());
    } else {
        lines.push(format!(
            " Nothing is off. {} shadows agree with what is measured{checked}.",
            grouped(u64::from(shown.health.learnt))
        ));
        lines.push(" Press 3 for what comes next.".into());
    }
    lines
}
