//! Findings in words.

use std::sync::Arc;

use super::{
    baseline::{Difference, scope_of},
    family::detail,
    group::{Departed, Slow, Together},
    room, score,
    slow::What,
    surprise::BACK,
};
use crate::{
    domain::{
        Comparison, Crossing, Finding, FindingId, Mark, Options, Seen, SeriesId, SettingChange, Side, Span, Subject,
        Timestamp, Unit, Value, text::visible,
    },
    shadow::{Metric, Shadows, anomaly::By},
};

/// A line of text, safe to show.
pub(super) fn line(text: String) -> Arc<str> {
    visible(&text).into()
}

/// A setting's value in a sentence, cut to what a line can hold.
pub(super) fn value(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(absent)".into() };
    let text = value.told();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
    }
}

/// What became of a value: `60 -> 1`, `differs`, `link to /bin/b, was to /bin/a`.
pub(super) fn became(from: Option<&Value>, to: Option<&Value>) -> String {
    Value::plain_change(from, to).unwrap_or_else(|| format!("{} -> {}", value(from), value(to)))
}

/// A change in words: `sysctl.vm.swappiness 60 -> 1 by root`.
pub(super) fn change(change: &SettingChange) -> Arc<str> {
    let by = change
        .by
        .as_deref()
        .map_or_else(String::new, |who| format!(" by {}", visible(who)));
    let became = became(change.from.as_ref(), change.to.as_ref());
    line(format!("{} {became}{by}", change.id.name))
}

/// `3 min later`, `5 s earlier`, `at the same time`.
pub(super) fn apart(by: Span) -> String {
    match by.0 {
        ..0 => format!("{} earlier", Span(-by.0)),
        0 => "at the same time".into(),
        _ => format!("{by} later"),
    }
}

/// One line for settings that one deed changed, the telling one first; never of none.
pub(super) fn settings_summary(members: &[&Difference], shadows: &Shadows, by: Option<&str>) -> Arc<str> {
    let head = members[0];
    let by = by.map_or_else(String::new, |who| format!(" by {}", visible(who)));
    let subject = Subject::of(&head.id.name);
    let (from, to) = (value(head.accepted.as_ref()), value(head.actual.as_ref()));
    let (accepted, actual) = (head.accepted.is_some(), head.actual.is_some());
    let (first, covers) = match (subject, accepted, actual) {
        (Subject::Package { name, part: "" }, false, true) => (format!("package {name} {to} installed"), true),
        (Subject::Package { name, part: "" }, true, false) => (format!("package {name} {from} removed"), true),
        (Subject::Package { name, part: "" }, ..) => (format!("package {name} {from} -> {to}"), true),
        (Subject::Mount { point, part: "device" }, false, true) => (format!("{point} is mounted from {to}"), true),
        (Subject::Mount { point, part: "device" }, true, false) => {
            (format!("{point} is no longer mounted, it was from {from}"), true)
        }
        (Subject::File { path, key: "" }, false, true) => (format!("/etc/{path} is new"), true),
        (Subject::File { path, key: "" }, true, false) => (format!("/etc/{path} is gone"), true),
        (Subject::Unit { name, .. }, false, true) if unit_came(name, members, shadows) => {
            let state = members.iter().find(|other| is_state(&other.id, name));
            match state.and_then(|state| state.actual.as_ref()) {
                Some(state) => (format!("unit {name} is new: {}", value(Some(state))), true),
                None => (format!("unit {name} is new"), true),
            }
        }
        (Subject::Unit { name, part: "state" }, ..) if actual || known_unit(head, name, shadows) => match to.as_str() {
            "(absent)" | "inactive" => (format!("{name} stopped"), false),
            "failed" => (format!("{name} failed"), false),
            "active" => (format!("{name} started"), false),
            _ => (format!("{name} is {to}"), false),
        },
        (
            Subject::Unit {
                name,
                part: "state" | "enabled",
            },
            true,
            false,
        ) => (format!("unit {name} is gone"), true),
        (Subject::Unit { name, part }, ..) => (format!("unit {name}: {part} {from} -> {to}"), false),
        (
            Subject::Account {
                kind,
                name,
                part: "uid" | "gid" | "",
            },
            false,
            true,
        ) => (format!("{} {name} is new", kind.replace('_', " ")), true),
        (
            Subject::Account {
                kind,
                name,
                part: "uid" | "gid" | "",
            },
            true,
            false,
        ) => (format!("{} {name} is gone", kind.replace('_', " ")), true),
        (Subject::Certificate { path, .. }, false, true) => (format!("certificate {path} is new"), true),
        (Subject::Certificate { path, .. }, true, false) => (format!("certificate {path} is gone"), true),
        (Subject::Interface { name, .. }, false, true) => (format!("interface {name} is new"), true),
        (Subject::Interface { name, .. }, true, false) => (format!("interface {name} is gone"), true),
        (Subject::Port { name, part: "" }, false, true) => (format!("port {name} is open: {to}"), true),
        (Subject::Port { name, part: "" }, true, false) => {
            (format!("port {name} is closed, it was open: {from}"), true)
        }
        (Subject::HostName(name), ..) => (format!("/etc/hosts: {name} {from} -> {to}"), false),
        _ => {
            let became = became(head.accepted.as_ref(), head.actual.as_ref());
            (format!("{} {became}", head.id.name), false)
        }
    };
    // The parts of one thing that came or went are no news besides.
    let thing = subject.thing();
    let rest: Vec<&&Difference> = (members.iter().skip(1))
        .filter(|other| !(covers && Subject::of(&other.id.name).thing() == thing))
        .collect();
    let packages = rest.iter().filter(|other| scope_of(&other.id) == "pkg").count();
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let more = match (packages, rest.len() - packages) {
        (0, 0) => String::new(),
        (0, 1) => format!(" (and {})", rest[0].id.name),
        (0, others) => format!(" (and {})", count(others, "more setting")),
        (packages, 0) => format!(" (and {})", count(packages, "more package")),
        (packages, others) => format!(
            " (and {}, {})",
            count(packages, "more package"),
            count(others, "setting")
        ),
    };
    line(first + &more + &by)
}

/// Whether the unit itself appeared, and not only something about it: its entry among the unit files, or, where it has none, its state.
fn unit_came(name: &str, members: &[&Difference], shadows: &Shadows) -> bool {
    members.iter().any(|member| {
        let came = member.accepted.is_none() && member.actual.is_some();
        came && match Subject::of(&member.id.name) {
            Subject::Unit {
                name: theirs,
                part: "enabled",
            } => theirs == name,
            Subject::Unit {
                name: theirs,
                part: "state",
            } => theirs == name && !known_unit(member, name, shadows),
            _ => false,
        }
    })
}

/// Whether systemd lists a file of the unit. One that is listed and has no state is not loaded: it does not run.
fn known_unit(member: &Difference, name: &str, shadows: &Shadows) -> bool {
    let listed = SeriesId::new(&member.id.resource, &format!("unit.{name}:enabled"));
    shadows.settings.get(&listed).is_some()
}

/// Whether `id` is the state of the unit `name`.
fn is_state(id: &SeriesId, name: &str) -> bool {
    matches!(Subject::of(&id.name), Subject::Unit { name: theirs, part: "state" } if theirs == name)
}

/// A finding of what stands as it should not, whenever it came to be so: `score` is its level's. Of at least one series, the telling one
/// first; who makes it says in words what it is, and by which `rule`.
pub(super) fn standing(
    id: FindingId,
    series: Vec<SeriesId>,
    seen: Seen,
    since: Timestamp,
    score: f64,
    options: &Options,
    now: Timestamp,
) -> Finding {
    let level = score::level(score, &options.drift);
    Finding {
        id,
        mark: Mark::Drift,
        level,
        severity: score::severity(Mark::Drift, level),
        comparison: Comparison::DeclaredActual,
        resource: series[0].resource.clone(),
        series,
        seen,
        since,
        earliest: None,
        last: now,
        ended: None,
        bits: 0.0,
        score,
        confidence: score::CERTAIN,
        crossing: None,
        summary: "".into(),
        evidence: Vec::new(),
        causes: Vec::new(),
        rule: None,
        over: false,
        began: None,
    }
}

/// The finding of metrics that are off `together`; they are in `shadows`. What is over is no worse than it was told to be `before`.
pub(super) fn metric(
    together: &Together,
    before: Option<&Finding>,
    shadows: &Shadows,
    options: &Options,
    now: Timestamp,
) -> Finding {
    let Together {
        id,
        since,
        began,
        first,
        members,
        ..
    } = together;
    let (id, since, began) = (*id, *since, *began);
    let head = &members[0];
    let metric = &shadows.metrics[&head.id];
    let newest = metric.newest();
    let bits = members.iter().map(|member| member.bits).fold(0.0, f64::max);
    let probability = head.crossing.map_or(0.0, |crossing| crossing.probability);
    let size_of = |member: &Departed| {
        let metric = shadows.metrics.get(&member.id)?;
        score::size(metric, room::of(shadows, metric), member.band, member.since)
    };
    // Of what leads nobody may know how much there is: then the room its neighbours have left says nothing of it.
    let size = size_of(head).map_or(1.0, |own| {
        let speaking = members.iter().filter(|member| !detail(&member.id.name));
        speaking.filter_map(size_of).fold(own, f64::max)
    });
    let score = score::of_metrics(head.mark, bits, size, probability, members.len(), &options.drift);
    // It is told, and nobody need hurry.
    let eases = score::eases(members, shadows);
    let score = if eases {
        score.min(options.drift.moderate / 2.0)
    } else {
        score
    };
    let over = members.iter().all(|member| is_over(member, shadows));
    let score = before.filter(|_| over).map_or(score, |before| score.min(before.score));
    let level = score::level(score, &options.drift);
    let confidence = match head.mark {
        Mark::Breach | Mark::Stale => score::CERTAIN,
        Mark::Cross => score::crossing_confidence(metric, probability),
        _ => score::confidence(metric, head.evidence, head.from, &options.drift),
    };
    let expected = newest
        .and_then(|seen| seen.band)
        .map(|band| (f64::from(band[1]), f64::from(band[3])));
    let stale = head.mark == Mark::Stale;
    let seen = Seen::Metric {
        now: newest.map(|seen| seen.value).filter(|_| !stale),
        band: head.band.or(expected),
    };
    Finding {
        id,
        mark: head.mark,
        level,
        severity: score::urgency(members, level, eases),
        comparison: head.comparison(),
        resource: head.id.resource.clone(),
        series: members.iter().map(|member| member.id.clone()).collect(),
        summary: summary(head, members.len(), metric, shadows, now),
        evidence: evidence(head, members, metric),
        seen,
        since,
        earliest: shadows.metrics.get(first).and_then(|metric| earliest(metric, since)),
        last: newest.map_or(now, |seen| seen.at),
        ended: None,
        bits,
        score,
        confidence,
        crossing: head.crossing,
        causes: Vec::new(),
        rule: None,
        over,
        began: Some(began).filter(|began| *began < since),
    }
}

/// Whether a metric is back where it should be, and has been so for more than a moment.
fn is_over(member: &Departed, shadows: &Shadows) -> bool {
    let metric = shadows.metrics.get(&member.id);
    let Some((metric, newest)) = metric.and_then(|metric| Some((metric, metric.newest()?))) else {
        return false;
    };
    let back = newest.at - member.last >= BACK.max(metric.meta.cadence * 2);
    match member.mark {
        Mark::Cross | Mark::Stale => false,
        Mark::Breach => {
            let limit = metric.limit.as_ref();
            let back = metric
                .recent
                .iter()
                .rev()
                .take_while(|seen| newest.at - seen.at <= BACK);
            limit.is_some_and(|limit| back.into_iter().all(|seen| !limit.broken_by(seen.value)))
        }
        // What hours tell is over when they say so.
        _ => member.slow.is_none() && back,
    }
}

/// When `metric` was last read before `since`.
fn earliest(metric: &Metric, since: Timestamp) -> Option<Timestamp> {
    let before = metric.recent.iter().rev().find(|seen| seen.at < since);
    before.map(|seen| seen.at.max(since - metric.meta.cadence * 2))
}

fn summary(head: &Departed, count: usize, metric: &Metric, shadows: &Shadows, now: Timestamp) -> Arc<str> {
    let (name, unit) = (&head.id.name, metric.meta.unit);
    let newest = metric.newest();
    let shown = newest.map_or_else(|| "-".into(), |seen| unit.show(seen.value));
    let more = match count {
        1 => String::new(),
        _ => format!(" (and {} more)", count - 1),
    };
    let text = match head.mark {
        Mark::Breach => match &metric.limit {
            Some(limit) => {
                let side = if limit.side == Side::Above { "above" } else { "below" };
                let at = unit.show(limit.value);
                match newest.is_some_and(|seen| limit.broken_by(seen.value)) {
                    true if at == shown => format!("{name} is just {side} its limit of {at}"),
                    true => format!("{name} {shown} is {side} its limit of {at}"),
                    false => format!("{name} is back at {shown}, it was {side} its limit of {at}"),
                }
            }
            None => format!("{name} {shown} is beyond its limit"),
        },
        Mark::Cross => head.crossing.map_or_else(String::new, |crossing| {
            let limit = unit.show(crossing.limit);
            if limit == shown {
                let likely = format!("(probability {:.2})", crossing.probability);
                format!("{name} is at its limit of {limit} and will pass it {likely}")
            } else {
                format!("{name} {shown} will pass {}", ahead(&crossing, unit, now))
            }
        }),
        Mark::Stale => {
            let all = shadows
                .metrics
                .keys()
                .filter(|id| id.resource == head.id.resource)
                .count();
            return match count {
                1 => line(format!("no data of {name}")),
                _ if count == all => line(format!("no data of all {all} metrics")),
                _ => line(format!("no data of {count} of {all} metrics")),
            };
        }
        _ if let Some(slow) = head.slow => slowly(head, slow, unit, now),
        _ => match head.band {
            Some((low, high)) if newest.is_some_and(|seen| seen.at > head.last) => {
                let lasted = head.last - head.since;
                // It is over once it is within what is usual at other times; that need not be what was expected.
                let wide = (high - low) / 2.0;
                if newest.is_some_and(|seen| seen.value >= low - wide && seen.value <= high + wide) {
                    let side = match score::went(metric, head.band, head.since) {
                        Some(Side::Above) => "above",
                        Some(Side::Below) => "below",
                        None => "out of",
                    };
                    format!("{name} is back at {shown}, after {lasted} {side} what is usual")
                } else {
                    format!("{name} was odd for {lasted}, is usual again ({shown})")
                }
            }
            Some(band) => format!("{name} {shown}, expected {}", between(band, unit)),
            None => format!("{name} {shown} left its shadow"),
        },
    };
    line(text + &more)
}

/// `4.7 % to 5.3 %`, or one value where both show alike.
pub(super) fn between((low, high): (f64, f64), unit: Unit) -> String {
    let (low, high) = (unit.show(low), unit.show(high));
    if low == high { low } else { format!("{low} to {high}") }
}

/// What the slow scale tells.
fn slowly(head: &Departed, slow: Slow, unit: Unit, now: Timestamp) -> String {
    let (name, value) = (&head.id.name, unit.show(slow.value));
    match slow.what {
        What::Stuck { moved } => format!(
            "{name} is stuck at {value} for {}: it moves every {moved} usually",
            now - head.since
        ),
        What::Moves { now, usual } => {
            let way = if now > usual { "more" } else { "less" };
            format!(
                "{name} moves {way} than on the days before: by {} at a time, usually {}",
                unit.show(now),
                unit.show(usual)
            )
        }
        What::Level { by, above } => {
            let way = if above { "higher" } else { "lower" };
            let than = match by {
                By::Level => "on the days before",
                By::Day => "at this hour on other days",
                By::Week => "at this hour of other weeks",
            };
            let band = head.band.unwrap_or((slow.value, slow.value));
            format!("{name} {value}, {way} than {than}: {}", between(band, unit))
        }
    }
}

/// `90 % in 3h10 (probability 0.72)`.
fn ahead(crossing: &Crossing, unit: Unit, now: Timestamp) -> String {
    let when = match crossing.at[1] {
        Some(at) if at <= now => "at any moment".into(),
        Some(at) => format!("in {}", at - now),
        None => format!("within {}", crossing.horizon),
    };
    format!(
        "{} {when} (probability {:.2})",
        unit.show(crossing.limit),
        crossing.probability
    )
}

fn evidence(head: &Departed, members: &[Departed], metric: &Metric) -> Vec<Arc<str>> {
    let mut lines = Vec::new();
    if head.evidence > 0.0 {
        lines.push(line(format!(
            "{:.1} bits of surprise, {:.0} of evidence as it stays; told from {:.0}",
            head.bits, head.evidence, head.from
        )));
    } else if head.bits > 0.0 {
        lines.push(line(format!("{:.1} bits of surprise", head.bits)));
    }
    if head.slow.is_some() {
        lines.push("found by setting hours against the days before, a mean of five minutes at a time".into());
    }
    if let (Mark::Breach, Some(limit)) = (head.mark, &metric.limit) {
        lines.push(line(format!(
            "limit {} set by {}",
            metric.meta.unit.show(limit.value),
            limit.by
        )));
    }
    if let Some(crossing) = &head.crossing {
        let odds = crossing.odds(|at| at.to_string());
        lines.push(line(format!("passing the limit is {odds}")));
    }
    for member in members.iter().skip(1).take(5) {
        lines.push(line(format!("{} is {} too", member.id.name, member.mark.word())));
    }
    let held = metric.shadow.held();
    lines.push(line(if held.scored < 20 {
        format!(
            "its shadow rests on {} values and has hardly been scored",
            metric.shadow.points()
        )
    } else {
        let share = held.held95 * 100.0;
        format!("its 95 % band held {share:.0} % of {} values", held.scored)
    }));
    lines
}
