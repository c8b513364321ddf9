//! How the Audit screen is drawn.

use ratatui::{buffer::Buffer, layout::Rect};

use super::{listed, position};
use crate::{
    domain::{Mark, Unit},
    engine::MOST_DELTA,
    store::AuditEntry,
    tui::{
        look::Role,
        page::{Page, in_rows, labelled, window},
        state::State,
        text::{self, as_fits, clock, cut, fit, fit_name, grouped, minute, when, wrap},
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
    let said = format!(" filter: {filter}   {total} {entries}{seen}   {chain}");
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
fn in_memory(state: &State) -> bool {
    let (shown, store) = (&state.shown, &state.shown.store);
    shown.live && shown.number > 0 && store.ok && store.path.is_empty()
}

fn list(state: &State, rows: &[&AuditEntry], at: usize, beside: bool, page: &mut Page<'_>) {
    let width = page.width();
    let (who, what) = if width >= 60 { (11, 10) } else { (0, 9) };
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
        &cells(' ', ["time", "who", "what", "resource", "result / evidence"]),
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

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The five lines at the foot: can the shadow be trusted, and what does all this cost?
fn summary(state: &State, width: usize) -> Vec<String> {
    let (health, usage, store) = (&state.shown.health, &state.shown.usage, &state.shown.store);
    let held = match health.held {
        Some((held80, held95)) => format!("95 % held {}   80 % held {}", percent(held95), percent(held80)),
        None => "nothing scored yet".into(),
    };
    let learning = match (health.learning, health.ready, state.shown.at) {
        (0, ..) => String::new(),
        _ if (60..100).contains(&width) => String::new(),
        (count, Some(ready), Some(now)) => {
            format!("   learning {} (ready {})", grouped(count.into()), when(ready, now))
        }
        (count, ..) => format!("   learning {}", grouped(count.into())),
    };
    let worst = match &health.worst {
        Some((id, share)) => format!("{} {} held {}", id.resource.name(), id.name, percent(*share)),
        None => "-".into(),
    };
    let promises = match health.promises() {
        (_, 0) => format!(
            "scored {}",
            grouped(health.records.iter().map(|record| record.scored).sum())
        ),
        (kept, all) => format!("kept {kept} of {all}"),
    };
    let sources = &state.shown.sources;
    let ok = sources.iter().filter(|source| source.ok).count();
    let lost: Vec<String> = sources
        .iter()
        .filter(|source| source.lost())
        .map(|source| {
            let again = source
                .next
                .map_or_else(String::new, |at| format!(", again {}", minute(at)));
            let since = source.read.map_or_else(
                || "never read".into(),
                |at| format!("lost since {}", when(at, state.now())),
            );
            format!("{} {since} ({}{again})", source.name, source.says)
        })
        .collect();
    let there = sources.iter().filter(|source| source.there()).count();
    let never = sources.len() - there;
    let lost = if lost.is_empty() {
        "all well".into()
    } else {
        lost.join("; ")
    };
    let (done, all) = sources
        .iter()
        .filter_map(|source| source.progress)
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let past = match all {
        0 => String::new(),
        all => format!("; the past: {} % read", 100 * done / all),
    };
    let never = match never {
        0 => String::new(),
        never => format!("; {never} more give nothing here (Tab, Enter says why)"),
    };
    let tempo = |what: &str, is: fn(i8) -> bool| match state.shown.sources.iter().filter(|row| is(row.pace)).count() {
        0 => String::new(),
        count => format!(", {count} {what}"),
    };
    let tempo = tempo("oftener", i8::is_negative) + &tempo("rarer", i8::is_positive);
    let waiting = match usage.delta.1 {
        0 => String::new(),
        count => format!(" ({} wait)", grouped(count)),
    };
    let kept = match (store.ok, store.max_bytes) {
        (false, _) => format!("store: {}", store.says),
        (true, _) if in_memory(state) => "store in memory".into(),
        // Not measured yet.
        (true, _) if store.bytes == 0 => "store -".into(),
        // Nearly full: what then happens must be decided before it does.
        (true, max) if max > 0 && store.bytes >= max / 100 * 95 => format!(
            "store {} % full: :compact, or raise store.max_size",
            store.bytes.saturating_mul(100) / max
        ),
        (true, 0) => format!("store {}", Unit::Bytes.show(store.bytes as f64)),
        (true, max) => format!(
            "store {} of {}",
            Unit::Bytes.show(store.bytes as f64),
            Unit::Bytes.show(max as f64)
        ),
    };
    let mut cost = [
        match state.shown.replay {
            // What is played is played as fast as one likes.
            Some(_) => format!("cpu {:.1} % of a core", usage.cpu_pct),
            None if width < 60 => format!(
                "cpu {:.1} %, budget {} %",
                usage.cpu_pct, state.shown.options.budget_pct
            ),
            None => format!(
                "cpu {:.1} % of a core, budget {} %",
                usage.cpu_pct, state.shown.options.budget_pct
            ),
        },
        // Measured for the first time ten seconds after the start.
        match usage.rss_bytes {
            0 => "rss -".into(),
            bytes => format!("rss {}", Unit::Bytes.show(bytes as f64)),
        },
        kept,
        match state.cost.key_secs {
            None => "key -".into(),
            Some(secs) => format!("key {:.1} ms", secs * 1e3),
        },
        match state.cost.frame_bytes {
            None => "frame -".into(),
            Some(bytes) => format!("frame {bytes} B"),
        },
    ];
    if !store.ok {
        // Whatever else there is no room for.
        cost.swap(0, 2);
    }
    let trust = format!(
        " SHADOW HEALTH   learnt {}   {held}{learning}",
        grouped(health.learnt.into())
    );
    if !state.shown.live {
        let kept = " Engine, sources and ledger of then are not kept: 0 goes back to now.".into();
        return vec![trust, kept];
    }
    vec![
        trust,
        format!(
            " PROMISES  {promises}   open {}   worst: {worst}",
            grouped(health.open.into())
        ),
        as_fits(" SELF  ", &cost, "   ", width),
        format!(" SOURCES  {ok} of {there}{tempo}; {lost}{past}{never}"),
        as_fits(
            " ENGINE  ",
            &[
                format!("pid {}", usage.pid),
                format!(
                    "since {}",
                    usage.started.map_or_else(|| "-".into(), |at| when(at, state.now()))
                ),
                format!("consoles {}", consoles(state)),
                format!("lag {}", Unit::Secs.show(usage.lag_secs)),
                format!("dropped {}", grouped(usage.dropped)),
                format!("delta {}{waiting}", grouped(usage.delta.0)),
                match health.baseline {
                    None => "baseline none yet".into(),
                    Some(at) => format!("baseline {}", when(at, state.now())),
                },
            ],
            "   ",
            width,
        ),
    ]
}

/// How many consoles there are, and that this is one of them. An engine counts those that came over its socket: one in the same process
/// did not.
fn consoles(state: &State) -> String {
    let usage = &state.shown.usage;
    let own = state.pid != 0 && usage.pid == state.pid;
    match (usage.consoles + u32::from(own)).max(1) {
        1 => "1 (this)".into(),
        all => format!("{all} (this is one)"),
    }
}

/// A mean loss in at most eight cells: values of all units add to it.
fn figure(loss: f64) -> String {
    if loss.abs() < 1_000.0 {
        format!("{loss:.4}")
    } else {
        format!("{loss:.2e}")
    }
}

/// Every figure of the shadow's health, a line each.
pub(super) fn health(state: &State) -> Vec<String> {
    let mut lines: Vec<String> = summary(state, usize::MAX)
        .iter()
        .map(|line| line.trim_start().to_owned())
        .collect();
    lines.push(String::new());
    lines.push("RECORD     ahead    scored   80 %/happened   95 %/claimed    loss     plain".into());
    for record in state.shown.health.records.iter() {
        lines.push(format!(
            "{} {} {} {} {} {} {}",
            fit(&record.sort, 10),
            fit(&record.ahead.to_string(), 8),
            fit(&grouped(record.scored), 8),
            fit(&percent(record.held80), 15),
            fit(&percent(record.held95), 15),
            fit(&figure(record.loss), 8),
            fit(&figure(record.naive_loss), 8)
        ));
    }
    if state.shown.health.records.is_empty() {
        lines.push("no prediction has come due yet".into());
    }
    lines.push(String::new());
    lines.push("SOURCE       read      every     cost        says".into());
    for source in state.shown.sources.iter() {
        let past = source
            .progress
            .map(|(done, all)| format!("the past: {done} of {all} read"));
        let says = match (source.ok, source.says.is_empty()) {
            (true, true) if past.is_some() => past.as_deref().unwrap_or_default(),
            (true, true) if source.why.is_empty() => "ok",
            (true, true) => &source.why,
            _ => &source.says,
        };
        lines.push(format!(
            "{} {} {} {} {says}",
            fit(&source.name, 12),
            fit(&source.read.map_or_else(|| "never".into(), clock), 9),
            fit(&source.every.to_string(), 9),
            fit(&format!("{:.1} ms", source.cost_ms), 11)
        ));
    }
    lines.push(String::new());
    let store = &state.shown.store;
    lines.push(format!(
        "store file {}",
        if store.path.is_empty() { "(memory)" } else { &store.path }
    ));
    let (delta, waiting) = state.shown.usage.delta;
    lines.push(format!(
        "newest step {} values, changes and events of at most {}, {} wait for the next",
        grouped(delta),
        grouped(MOST_DELTA as u64),
        grouped(waiting)
    ));
    lines.push(format!(
        "waiting to be written {}, lost {}",
        grouped(store.waiting),
        grouped(store.lost)
    ));
    lines
}
