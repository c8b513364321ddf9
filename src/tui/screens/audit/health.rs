//! Whether the shadow can be trusted, and what all this costs: the foot of the Audit screen, and all its figures.

use super::draw::in_memory;
use crate::{
    domain::Unit,
    engine::MOST_DELTA,
    tui::{
        state::State,
        text::{as_fits, clock, fit, grouped, minute, when},
    },
};

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The five lines at the foot.
pub(super) fn summary(state: &State, width: usize) -> Vec<String> {
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
        never => format!("; {never} more give nothing here"),
    };
    let why = if never.is_empty() { "" } else { "(Tab, Enter says why)" };
    let tempo = |what: &str, is: fn(i8) -> bool| match state.shown.sources.iter().filter(|row| is(row.pace)).count() {
        0 => String::new(),
        count => format!("; {count} read {what} often than asked"),
    };
    let tempo = tempo("more", i8::is_negative) + &tempo("less", i8::is_positive);
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
        as_fits(
            " SOURCES  ",
            &[
                format!("{ok} of {there} give data; {lost}{past}"),
                tempo,
                format!("{never} {why}").trim_end().to_owned(),
            ],
            "",
            width,
        ),
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
            fit(&source.every.exact(), 9),
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
