//! systemd units: stopped, disabled, and rid of what was added to them.

use std::collections::BTreeMap;

use super::{
    Line, Wanted,
    aside::{aside, vital},
    by_hand::by_hand,
    host::Host,
    plain, quote,
    thing::part,
};
use crate::domain::{Subject, Value};

/// A unit that came is disabled, one that only runs is stopped, and what was added to one is taken away; `None` for anything else.
pub(super) fn lines(name: &str, parts: &[Wanted<'_>], host: &Host<'_>) -> Option<Vec<Line>> {
    let is = |part: &str, wanted: &Wanted<'_>| matches!(wanted.subject(), Subject::Unit { part: theirs, .. } if theirs == part);
    let came = |part: &str| {
        parts
            .iter()
            .find(|wanted| is(part, wanted) && wanted.was.is_some() && wanted.value.is_none())
    };
    let unit = quote(name)?;
    let now = |wanted: &Wanted<'_>, state: &str| wanted.was.is_some_and(|was| plain(was) == state);
    // What failed does not run, and stays in sight until it is forgotten.
    let forgotten = came("state").filter(|state| now(state, "failed"));
    let forgotten = forgotten.map(|_| Line::Command(format!("systemctl reset-failed -- {unit}")));
    if came("enabled").is_some() {
        let disabled = Line::Command(format!("systemctl disable --now -- {unit}"));
        return Some([disabled].into_iter().chain(forgotten).collect());
    }
    let mut lines = Vec::new();
    if let Some(state) = came("state") {
        // What stands still needs no stop.
        lines.extend(now(state, "active").then(|| Line::Command(format!("systemctl stop -- {unit}"))));
        lines.extend(forgotten);
        // What it is made of was not read before it was loaded: none of its files need be new.
        return Some(lines);
    }
    let set = |wanted: &&Wanted<'_>| {
        let fails = is("state", wanted) && wanted.was.is_none() && wanted.value.is_some_and(|to| plain(to) == "failed");
        // Nobody brings a failure back.
        (is("state", wanted) || is("enabled", wanted)) && wanted.value.is_some() && !fails
    };
    let failed = |wanted: &&Wanted<'_>| is("state", wanted) && wanted.was.is_some_and(|was| plain(was) == "failed");
    if parts.iter().filter(set).any(|wanted| failed(&wanted)) {
        lines.push(Line::Note(format!("why it failed: journalctl -n 30 -u {unit}")));
    }
    lines.extend(parts.iter().filter(set).filter_map(part));
    // One that was only stopped is there with all that it is made of.
    let there = host.value(&format!("unit.{name}:state")).is_some();
    let defines = |wanted: &&Wanted<'_>| {
        let own = !is("state", wanted) && !is("enabled", wanted);
        own && !(there && wanted.was.is_none())
    };
    if let Some(defined) = parts.iter().find(defines) {
        let files = parts.iter().find(|wanted| is("files", wanted));
        lines.push(
            files
                .and_then(|files| added(name, files))
                .unwrap_or_else(|| Line::ByHand(by_hand(defined))),
        );
    }
    Some(lines)
}

/// The command that moves aside the files that were added to a unit, where that is all that happened to them.
fn added(unit: &str, files: &Wanted<'_>) -> Option<Line> {
    let Some(Value::List(now)) = files.was else { return None };
    let empty = BTreeMap::new();
    let before = match files.value {
        Some(Value::List(before)) => &**before,
        None => &empty,
        Some(_) => return None,
    };
    if before.keys().any(|path| !now.contains_key(path)) {
        return None;
    }
    let new = now.keys().filter(|path| !before.contains_key(*path));
    let moved: Option<Vec<String>> = new
        .map(|path| path.strip_prefix("/etc/").filter(|path| !vital(path)).and_then(aside))
        .collect();
    let moved = moved.filter(|moved| !moved.is_empty())?;
    let restart = restart(unit).map_or_else(String::new, |restart| format!(" && {restart}"));
    Some(Line::Command(format!(
        "{} && systemctl daemon-reload{restart}",
        moved.join(" && ")
    )))
}

/// The command with which what the files of a service say counts: it is started anew where it runs.
pub(super) fn restart(name: &str) -> Option<String> {
    let service = name.ends_with(".service") && !name.contains("@.");
    Some(format!("systemctl try-restart -- {}", quote(name).filter(|_| service)?))
}

/// The command that brings a unit into that state; `None` where none does.
pub(super) fn state(name: &str, was: Option<&Value>, value: &str) -> Option<String> {
    let masked = was.is_some_and(|was| plain(was) == "masked");
    let verb = match value {
        "active" => "start",
        // Nobody makes a unit fail; what had failed did not run either.
        "inactive" | "failed" => "stop",
        "enabled" => "enable",
        "masked" => "mask",
        "on demand" if was.is_some_and(|was| plain(was) == "failed") => "reset-failed",
        "on demand" => return None,
        _ if masked => "unmask",
        "disabled" => "disable",
        _ => return None,
    };
    Some(format!("systemctl {verb} -- {}", quote(name)?))
}
