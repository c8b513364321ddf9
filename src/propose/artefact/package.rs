//! Packages: installed, removed and exchanged by apt, with all they bring.

use super::{Line, Wanted, plain, quote};
use crate::domain::{Subject, Value};

/// Whether it is a package's version, and not a file or a hold.
pub(super) fn is_version(wanted: &Wanted<'_>) -> bool {
    matches!(wanted.subject(), Subject::Package { part: "", .. })
}

/// A name or version that apt would read as an option, or with an unusual character, is left to a person.
fn clean(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:~_".contains(c))
}

/// The commands for the packages among `settings`; what came or went with them is left to apt.
pub(super) fn lines(settings: &[Wanted<'_>]) -> Vec<Line> {
    let (mut install, mut remove, mut lines, mut rest) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut files = false;
    for wanted in settings {
        match wanted.subject() {
            Subject::Package { name, part: "" } => match wanted.value.map(plain) {
                Some(version) if clean(name) && clean(&version) => install.extend(quote(&format!("{name}={version}"))),
                None if clean(name) => remove.extend(quote(name)),
                _ => lines.push(Line::ByHand(format!(
                    "put package {name} back; its name or version is unusual"
                ))),
            },
            Subject::Package { name, part } => lines.extend(part_of(name, part, wanted.value)),
            Subject::File { path: "passwd", key } if wanted.value.is_none() => {
                let note = format!("the account {key} may stay behind; nothing else needs it then: deluser {key}");
                lines.push(Line::Note(note));
            }
            subject => {
                files |= matches!(subject, Subject::File { .. }) && wanted.value.is_none();
                rest += 1;
            }
        }
    }
    let mut commands = Vec::new();
    if !install.is_empty() {
        commands.push(Line::Command(format!(
            "apt-get install --allow-downgrades {}",
            install.join(" ")
        )));
    }
    if !remove.is_empty() {
        // Without purge the files in /etc stay, and with them the drift.
        let verb = if files { "purge" } else { "remove" };
        commands.push(Line::Command(format!("apt-get {verb} {}", remove.join(" "))));
    }
    if rest > 0 {
        let note = match rest {
            1 => "the setting that changed with it is the package's own".into(),
            _ => format!("the {rest} settings that changed with it are the package's own"),
        };
        commands.push(Line::Note(note));
    }
    commands.extend(lines);
    commands
}

/// A hold, or the state of an installation that was cut off.
pub(super) fn part_of(name: &str, part: &str, value: Option<&Value>) -> Option<Line> {
    if !clean(name) {
        return Some(Line::ByHand(format!(
            "put the {part} of package {name} back; its name is unusual"
        )));
    }
    match part {
        "hold" => {
            let hold = matches!(value, Some(Value::Bool(true)));
            let verb = if hold { "hold" } else { "unhold" };
            Some(Line::Command(format!("apt-mark {verb} {name}")))
        }
        // Half-configured, half-installed: dpkg finishes what it began.
        _ if value.is_none() => Some(Line::Command("dpkg --configure --pending".into())),
        _ => None,
    }
}
