//! The walkthrough of an incident.

use super::*;

#[test]
fn the_walkthrough_is_markdown_without_control_characters() {
    let mut state = answered(80, 24);
    let data = state.timeline.data.as_mut().unwrap();
    data.events[0].what = "a | b\u{1b}[31m".into();
    let effects = entered(&mut state, &Purpose::Export, "walk.md");
    let [Effect::WriteFile(_, text)] = &effects[..] else {
        panic!()
    };
    assert!(text.starts_with("# Incident 41") && text.contains("a \\| b\\u{1b}"));
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn the_walkthrough_holds_the_incident_and_not_everything() {
    let mut shown = answered(80, 24);
    blamed(&mut shown);
    let data = shown.timeline.data.as_mut().unwrap();
    let event = |at: &str, kind, what: &str| Event {
        at: fixture::at(at),
        kind,
        what: what.into(),
        ..data.events[0].clone()
    };
    let events = [
        event("13:30:00", EventKind::Kernel, "booted long before"),
        event("13:50:00", EventKind::Login, "ana logged in"),
        event("13:59:00", EventKind::Kernel, "killed a process"),
        event("14:00:00", EventKind::Log, "a line of a log"),
    ];
    let elsewhere = Event {
        resource: fixture::id("web-99/x.y").resource,
        ..event("13:59:00", EventKind::Service, "another host's service")
    };
    data.events.extend(events);
    data.events.push(elsewhere);
    let note = |at: &str, what: &str| crate::store::AuditEntry {
        at: fixture::at(at),
        what: what.into(),
        result: format!("{what} at {at}"),
        ..data.notes[0].clone()
    };
    let notes = [
        note("13:35:00", "note"),
        note("14:05:00", "what-if"),
        note("14:25:00", "apply"),
    ];
    data.notes.extend(notes);
    // The cause lies before the minutes that are told of anyway, and is not left out.
    data.changes[0].at = fixture::at("13:38:00");
    let cause = data.changes[0].id.clone();
    data.changes[1].at = fixture::at("13:39:00");
    let breach = data.findings.iter_mut().find(|one| one.mark == Mark::Breach).unwrap();
    breach.causes[0].series = Some(cause.clone());
    let other = data.changes[1].id.name.clone();
    let text = walk::walkthrough(&shown);
    for held in [
        &*cause.name,
        "ana logged in",
        "postgresql restarted",
        "killed a process",
        "apply at 14:25:00",
        "mem.available_pct",
        ", at worst X breach, 16.0 bits.",
    ] {
        assert!(text.contains(held), "{held}: {text}");
    }
    for left_out in [
        "booted long before",
        "a line of a log",
        "another host's service",
        "note at 13:35:00",
        "what-if",
        &*other,
        "net.eth0.retrans",
        "log-02",
    ] {
        assert!(!text.contains(left_out), "{left_out}: {text}");
    }
}
