//! What happened, as one list.

use std::collections::BTreeMap;

use crate::{
    domain::{
        Event, EventKind, Finding, Mark, ResourceId, Seen, SeriesId, SettingChange, Span, Timestamp, Unit, Value,
        and_more, by_thing, sudo, told_later,
    },
    engine::{Snapshot, Timeline},
    tui::{
        page::between,
        text::{self, about, clock, day, fit, fit_right, is_vague, minute},
    },
};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub at: Timestamp,
    /// When it was at the earliest, where that is known only to a span.
    pub earliest: Option<Timestamp>,
    /// What sort: `setting`, `package`, `X breach`, `note`.
    pub word: String,
    /// Where, or who.
    pub place: String,
    pub text: String,
    pub bits: Option<f64>,
    /// The series it is about.
    pub series: Option<SeriesId>,
    /// The change it is.
    pub change: Option<SettingChange>,
    /// What else came or went with it, of the same thing.
    pub parts: Vec<SettingChange>,
}

impl Entry {
    /// In one line.
    pub fn line(&self) -> String {
        format!("{} {} {} {}", clock(self.at), self.word, self.place, self.text)
    }

    /// In full, a line each.
    pub fn whole(&self) -> Vec<String> {
        let mut lines = vec![
            match self.earliest {
                Some(earliest) => format!("time   after {earliest}, no later than {}", self.at),
                None => format!("time   {}", self.at),
            },
            format!("what   {}", self.word),
            format!("where  {}", self.place),
            format!("text   {}", self.text),
        ];
        if let Some(bits) = self.bits {
            lines.push(format!("bits   {bits:.1}"));
        }
        if let Some(id) = &self.series {
            lines.push(format!("series {id}"));
        }
        let change = self.change.as_ref();
        let differs = change.and_then(|change| Value::went_and_came(change.from.as_ref(), change.to.as_ref()));
        if let Some((went, came)) = differs {
            lines.extend(went.iter().map(|item| format!("     - {item}")));
            lines.extend(came.iter().map(|item| format!("     + {item}")));
        }
        for part in &self.parts {
            let to = Value::change(part.from.as_ref(), part.to.as_ref());
            lines.push(format!("also   {} {to}", part.id.name));
        }
        if let Some(by) = self.change.as_ref().and_then(|change| change.by.as_ref()) {
            lines.push(format!("by     {by}"));
        }
        lines
    }
}

/// Everything of a range as one list, oldest first.
pub(super) fn of(data: &Timeline, snapshot: &Snapshot) -> Vec<Entry> {
    let unit = |id: &SeriesId| {
        let row = snapshot.metrics.iter().find(|row| row.id == *id);
        row.map_or(Unit::None, |row| row.unit)
    };
    let changes = by_thing(&data.changes).into_iter().map(|parts| {
        let change = parts[0];
        let by = change.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        Entry {
            at: change.at,
            earliest: change.after,
            word: "setting".into(),
            place: change.id.resource.name().into(),
            text: format!(
                "{}{} {}{}{by}",
                told_later(change.backfilled),
                change.id.name,
                Value::change(change.from.as_ref(), change.to.as_ref()),
                and_more(&parts)
            ),
            bits: None,
            series: Some(change.id.clone()),
            change: Some(change.clone()),
            parts: parts[1..].iter().map(|part| (*part).clone()).collect(),
        }
    });
    let events = folded(&data.events).into_iter().map(|(event, times, last)| {
        let times = match times {
            1 => String::new(),
            times => format!("x{times} to {}: ", clock(last)),
        };
        let ran = ran(&event.what);
        let who = event.who.as_ref().filter(|_| ran.is_none());
        let who = who.map(|who| format!(" ({who})")).unwrap_or_default();
        let what = ran.as_deref().unwrap_or(&event.what);
        Entry {
            at: event.at,
            earliest: None,
            word: event.kind.word().into(),
            place: event.resource.name().into(),
            text: format!("{times}{}{what}{who}", told_later(event.backfilled)),
            bits: None,
            series: None,
            change: None,
            parts: Vec::new(),
        }
    });
    // A setting's finding says what its change says already.
    let findings = data
        .findings
        .iter()
        .filter(|finding| finding.since >= data.from && matches!(finding.seen, Seen::Metric { .. }));
    let findings = findings.map(|finding| {
        let id = finding.series.first();
        let name = id.map(|id| &*id.name).unwrap_or_default();
        let unit = id.map_or(Unit::None, unit);
        let seen = match &finding.seen {
            Seen::Metric {
                now: Some(now),
                band: Some((low, high)),
            } => format!(
                "{}{} (shadow {})",
                unit.show(*now),
                later(finding),
                between(unit, *low, *high)
            ),
            Seen::Metric { now: Some(now), .. } => format!("{}{}", unit.show(*now), later(finding)),
            _ => finding.summary.to_string(),
        };
        Entry {
            at: finding.since,
            earliest: finding.earliest,
            word: finding.mark.to_string(),
            place: finding.resource.name().into(),
            text: match finding.seen {
                // Many series that are silent together are told of by their number.
                Seen::Metric { now: None, .. } if finding.series.len() > 1 && !seen.contains("metrics") => {
                    format!("{} metrics: {seen}", finding.series.len())
                }
                Seen::Metric { now: None, .. } if finding.series.len() > 1 => seen,
                // What will be is not in its values yet.
                _ if finding.mark == Mark::Cross => format!("{}{}", finding.summary, later(finding)),
                _ => format!("{name} {seen}"),
            },
            bits: (finding.bits > 0.0).then_some(finding.bits),
            series: id.cloned(),
            change: None,
            parts: Vec::new(),
        }
    });
    let notes = data.notes.iter().map(|note| Entry {
        at: note.at,
        earliest: None,
        word: note.what.clone(),
        place: note.who.clone(),
        text: match note.resource.is_empty() {
            true => text::local_times(&note.result, note.at),
            false => format!("{}: {}", note.resource, text::local_times(&note.result, note.at)),
        },
        bits: None,
        series: note.resource.parse().ok(),
        change: None,
        parts: Vec::new(),
    });
    let mut entries: Vec<Entry> = changes.chain(events).chain(findings).chain(notes).collect();
    // Stable: what happened at one time stays in the order change, event, finding, note.
    entries.sort_by_key(|entry| entry.at);
    entries
}

/// When what is said of a finding was so, where that is not when it began.
fn later(finding: &Finding) -> String {
    match finding.last - finding.since < Span::from_mins(1) {
        true => String::new(),
        false => format!(" at {}", minute(finding.last)),
    }
}

/// What sudo says somebody ran, in the order it is read in: `ana: sudo /usr/bin/systemctl reload haproxy`.
fn ran(line: &str) -> Option<String> {
    let ran = sudo::ran(line.strip_prefix("sudo: ")?)?;
    let user = match ran.user {
        "root" => String::new(),
        user => format!("-u {user} "),
    };
    Some(format!("{}: sudo {user}{}", ran.who, ran.command))
}

/// The text in `width` cells: a change's values tell more than the folders its setting lies in.
fn shortened(entry: &Entry, width: usize) -> String {
    let name = entry.change.as_ref().map(|change| &*change.id.name);
    let over = text::width(&entry.text).saturating_sub(width);
    let Some(name) = name.filter(|name| over > 0 && entry.text.contains(name)) else {
        return fit(&entry.text, width);
    };
    let last = name.rfind([':', '.']).map_or(name, |at| &name[at + 1..]);
    // As much of its front as there is room for beside its last part.
    let front = text::width(name).saturating_sub(over + text::width(last) + 1);
    let short = match front {
        0 => last.to_owned(),
        front => format!("{}{last}", text::cut(name, front + 1)),
    };
    fit(&entry.text.replacen(name, &short, 1), width)
}

/// `events` with each line of a log once, at its first time: how often it came, and when last. Everything else stands for itself.
fn folded(events: &[Event]) -> Vec<(&Event, usize, Timestamp)> {
    let mut lines: BTreeMap<(&ResourceId, &str), usize> = BTreeMap::new();
    let mut kept: Vec<(&Event, usize, Timestamp)> = Vec::new();
    for event in events {
        if event.kind == EventKind::Log {
            let place = *lines.entry((&event.resource, &*event.what)).or_insert(kept.len());
            if let Some((_, times, last)) = kept.get_mut(place) {
                (*times, *last) = (*times + 1, event.at);
                continue;
            }
        }
        kept.push((event, 1, event.at));
    }
    kept
}

/// When it happened; where entries of several days are listed, with the day of those that are not of `today`.
pub(super) fn time(entry: &Entry, today: Option<Timestamp>, width: usize) -> String {
    // No seconds of what is known to the minute at best.
    let vague = is_vague(entry.earliest, entry.at);
    let short = |at| match width {
        ..60 => minute(at),
        _ if vague => fit(&minute(at), 8),
        _ => clock(at),
    };
    match today {
        None => short(entry.at),
        Some(today) if day(entry.at) == day(today) => fit(&short(entry.at), 12),
        Some(_) => fit(&format!("{} {}", day(entry.at), minute(entry.at)), 12),
    }
}

/// A row of the list, `width` cells wide.
pub(super) fn row(entry: &Entry, time: &str, chosen: bool, width: usize) -> String {
    let cursor = if chosen { '>' } else { ' ' };
    if width < 60 {
        return format!(
            "{cursor}{}{time} {} {}",
            about(entry.earliest, entry.at),
            fit(&entry.word, 8),
            entry.text
        );
    }
    let place = if width >= 100 { 14 } else { 9 };
    // A row without bits has their cells for its text.
    let bits = entry
        .bits
        .map(|bits| format!(" {}", fit_right(&format!("{bits:.1} bits"), 10)))
        .unwrap_or_default();
    let text = width.saturating_sub(15 + time.len() + place + bits.len());
    format!(
        "{cursor} {}{}  {} {} {}{bits}",
        fit(about(entry.earliest, entry.at), 1),
        time,
        fit(&entry.word, 9),
        fit(&entry.place, place - 1),
        shortened(entry, text),
    )
}
