//! What the way back of settings is called.

use super::revert::Target;
use crate::domain::{Subject, Value, unit_of};

/// What is done, short: the deed undone where it has a word, else the values.
pub(super) fn title(targets: &[Target], name: &str) -> String {
    let head = &targets[0];
    let more = targets.len() - 1;
    let subject = Subject::of(&head.id.name);
    let thing = subject.thing();
    let rest = targets
        .iter()
        .filter(|target| Subject::of(&target.id.name).thing() != thing)
        .count();
    let and_what = if more == 0 { "" } else { " with what it brought" };
    let and_rest = match rest {
        0 => String::new(),
        1 => " (and 1 setting with it)".into(),
        rest => format!(" (and {rest} settings with it)"),
    };
    let came = head.actual.is_some() && head.wanted.is_none();
    let went = head.actual.is_none() && head.wanted.is_some();
    let (actual, wanted) = (shown(head.actual.as_ref()), shown(head.wanted.as_ref()));
    match (subject, &head.wanted) {
        (Subject::Package { name, part: "" }, None) => format!("remove package {name}{and_what}"),
        (Subject::Package { name, part: "" }, Some(version)) if went => {
            format!("install package {name} {version} again")
        }
        (Subject::Package { name, part: "" }, Some(version)) => format!("package {name} back to {version}"),
        (Subject::Mount { point, part: "device" }, None) => format!("unmount {point}{and_rest}"),
        (Subject::Mount { point, part: "device" }, Some(device)) if went => {
            format!("mount {device} on {point} again{and_rest}")
        }
        (Subject::HostName(name), _) => format!("/etc/hosts: {name} {actual} -> {wanted}{and_rest}"),
        (Subject::File { path, key: "" }, _) if came => format!("move /etc/{path} aside{and_rest}"),
        (Subject::File { path, key: "" }, _) if went => format!("put /etc/{path} back{and_rest}"),
        // Root's number cannot be deleted while anything runs: who has it is locked out.
        (Subject::Account { kind: "user", .. }, _) if came && is_root(targets, &thing) => {
            format!("lock {thing}, a second root{and_rest}")
        }
        (Subject::Account { .. } | Subject::Certificate { .. }, _) if came => format!("remove {thing}{and_rest}"),
        (Subject::Account { .. } | Subject::Certificate { .. }, _) if went => format!("bring {thing} back{and_rest}"),
        (
            Subject::Unit {
                name,
                part: "state" | "enabled",
            },
            None,
        ) => format!("{} {name}{and_rest}", taken_away(name, targets)),
        (Subject::Unit { name, part: "state" }, Some(Value::Enum(state))) if **state == *"active" => {
            format!("start {name} again{and_rest}")
        }
        (Subject::Unit { name, part: "state" }, Some(Value::Enum(state))) if **state == *"inactive" => {
            format!("stop {name}{and_rest}")
        }
        (Subject::Unit { name, part: "state" }, Some(Value::Enum(state))) if **state == *"on demand" => {
            format!("forget that {name} failed{and_rest}")
        }
        _ => format!(
            "{name} {actual} -> {wanted}{}",
            match more {
                0 => String::new(),
                1 => " (and 1 setting with it)".into(),
                more => format!(" (and {more} settings with it)"),
            }
        ),
    }
}

/// Whether `thing` is a user that came with root's number.
fn is_root(targets: &[Target], thing: &str) -> bool {
    targets.iter().any(|target| {
        let subject = Subject::of(&target.id.name);
        let number = matches!(subject, Subject::Account { part: "uid", .. }) && subject.thing() == thing;
        number && target.actual.as_ref().is_some_and(|uid| uid.to_string() == "0")
    })
}

/// What is done to a unit that came: it goes with its file, starts no more with the machine, runs no more, and what failed does not run.
fn taken_away(name: &str, targets: &[Target]) -> &'static str {
    let has = |wanted: &str, value: Option<&str>| {
        targets.iter().any(|target| {
            let Subject::Unit { name: theirs, part } = Subject::of(&target.id.name) else {
                return false;
            };
            let actual = target.actual.as_ref().map(ToString::to_string);
            theirs == name && part == wanted && actual.is_some() && (value.is_none() || actual.as_deref() == value)
        })
    };
    let file = targets.iter().any(|target| {
        let own = matches!(Subject::of(&target.id.name), Subject::File { path, key: "" } if unit_of(path) == Some(name) && path.ends_with(name));
        own && target.wanted.is_none()
    });
    let (runs, enabled) = (has("state", Some("active")), has("enabled", None));
    match () {
        () if file => "remove",
        () if enabled && runs => "disable and stop",
        () if enabled => "disable",
        () if has("state", Some("failed")) => "forget the failure of",
        () => "stop",
    }
}

pub(super) fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "(absent)".into() };
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
    }
}
