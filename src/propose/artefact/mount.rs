//! Mounts.

use super::{Line, Wanted, plain, quote, secret};
use crate::domain::{Subject, Value};

/// File systems that end with their mount.
const IN_MEMORY: [&str; 2] = ["ramfs", "tmpfs"];

/// A mount that came, went, or changed as a whole; `None` when only its options did.
pub(super) fn lines(point: &str, parts: &[Wanted<'_>]) -> Option<Vec<Line>> {
    let part = |name: &str| {
        parts
            .iter()
            .find(|wanted| matches!(wanted.subject(), Subject::Mount { part, .. } if part == name))
    };
    let at = quote(point)?;
    if let Some(device) = part("device").or(part("fstype")) {
        let held = part("fstype").and_then(|wanted| wanted.was).map(plain);
        if held.is_some_and(|kind| IN_MEMORY.contains(&&*kind)) {
            let line = format!(
                "copy what is needed from {point}, for its files are in memory and gone with it; then umount {at}"
            );
            return Some(vec![Line::ByHand(line)]);
        }
        // In one line: what could not be taken away must not be covered by another.
        let mut commands = Vec::new();
        if device.was.is_some() {
            commands.push(format!("umount {at}"));
        }
        let wanted = |name: &str| part(name).and_then(|wanted| wanted.value);
        if device.value.is_some() {
            let word = |name: &str| wanted(name).filter(|value| !secret(value)).map(plain);
            let kind = match word("fstype") {
                Some(kind) => format!("-t {} ", quote(&kind)?),
                None => String::new(),
            };
            let options = wanted("options").filter(|value| !secret(value)).map(options);
            let options = match options {
                Some(options) => format!("-o {} ", quote(&options)?),
                None => String::new(),
            };
            let device = quote(&word("device").unwrap_or_else(|| "none".into()))?;
            commands.push(format!("mount {kind}{options}{device} {at}"));
        }
        return Some(vec![Line::Command(commands.join(" && "))]);
    }
    let options = part("options")?.value.filter(|value| !secret(value)).map(options)?;
    let options = quote(&format!("remount,{options}"))?;
    Some(vec![Line::Command(format!("mount -o {options} {at}"))])
}

/// Mount options as mount(8) takes them.
fn options(value: &Value) -> String {
    match value {
        Value::List(items) => {
            let items = items.iter().map(|(key, value)| match value {
                Value::Bool(true) => key.to_string(),
                other => format!("{key}={}", plain(other)),
            });
            items.collect::<Vec<_>>().join(",")
        }
        other => plain(other).replace(' ', ","),
    }
}
