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
    let (mut files, mut serves, mut exchanged) = (false, false, Vec::new());
    for wanted in settings {
        match wanted.subject() {
            Subject::Package { name, part: "" } => match wanted.value.map(plain) {
                Some(version) if clean(name) && clean(&version) => {
                    install.extend(quote(&format!("{name}={version}")));
                    exchanged.extend(wanted.was.map(|_| name));
                }
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
                serves |= matches!(subject, Subject::Unit { .. }) && wanted.value.is_none();
                rest += 1;
            }
        }
    }
    // Apt is let ask, and never told yes: who runs it sees first what else it takes along. Without a terminal it reads no answer and aborts,
    // which changes nothing. Notes come first, for it takes the next line that is pasted for the answer.
    let (mut commands, lines): (Vec<Line>, Vec<Line>) =
        lines.into_iter().partition(|line| matches!(line, Line::Note(_)));
    if rest > 0 {
        let note = match rest {
            1 => "the setting that changed with it is the package's own".into(),
            _ => format!("the {rest} settings that changed with it are the package's own"),
        };
        commands.push(Line::Note(note));
    }
    if !exchanged.is_empty() {
        let note = format!(
            "`apt-cache policy {}` lists the versions that can still be had",
            exchanged.join(" ")
        );
        commands.push(Line::Note(note));
    }
    if !remove.is_empty() && files && serves {
        let note = "purge also takes the data that its scripts made: what a service stored since is gone";
        commands.push(Line::Note(note.into()));
    }
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
