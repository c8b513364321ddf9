//! Texts to run: commands that give settings their values.

mod account;
mod aside;
mod by_hand;
mod edit;
mod file;
mod firewall;
mod form;
mod hardware;
mod host;
mod interface;
mod mount;
mod package;
mod port;
mod reload;
mod sed;
mod table;
mod thing;
mod unit;

use std::sync::Arc;

pub(super) use host::Look;

use self::host::Host;
use super::{known, shell::quote};
use crate::domain::{Artefact, Change, SeriesId, Subject, Value};

/// What a change of settings takes: its text, and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Way {
    /// The text to run.
    pub artefact: Artefact,
    /// Cost to the service, 0 none, 1 a restart.
    pub disruption: f64,
    /// Cost to the person, 1 one command.
    pub effort: f64,
    /// The cost in words.
    pub cost: &'static str,
    /// The command that brings back what it moves aside, where that is all it does.
    returned: Option<String>,
}

/// A setting with its value now and the value it is to get; `None` is "not there".
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub id: &'a SeriesId,
    pub was: Option<&'a Value>,
    pub value: Option<&'a Value>,
}

impl<'a> Wanted<'a> {
    /// What a change wants; `None` for what is no setting.
    pub fn by(change: &'a Change) -> Option<Self> {
        match change {
            Change::Setting { id, from, to } => Some(Self {
                id,
                was: from.as_ref(),
                value: to.as_ref(),
            }),
            Change::Capacity { .. } | Change::Traffic { .. } => None,
        }
    }

    pub fn subject(&self) -> Subject<'a> {
        Subject::of(&self.id.name)
    }

    /// Path and key of a setting in a file that the user named.
    pub fn named_file(&self) -> Option<(&'a str, &'a str)> {
        let (path, key) = self.id.name.strip_prefix("file.")?.split_once(':')?;
        path.starts_with('/').then_some((path, key))
    }
}

/// A line of an artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// To run.
    Command(String),
    /// For a person to do: no command is safe or known.
    ByHand(String),
    /// To know.
    Note(String),
}

/// Cost to the service, and in words, of changing a setting.
fn cost(subject: Subject<'_>) -> (f64, &'static str) {
    match subject {
        Subject::Sysctl(_) => (0.1, "counts at once, no restart"),
        Subject::Mount { .. } => (0.5, "programs that use the mount are in the way or lose it"),
        Subject::Unit {
            part: "state" | "enabled",
            ..
        } => (1.0, "a service is started or stopped"),
        Subject::Unit { .. } => (0.5, "the service has to be restarted before it counts"),
        Subject::Account { .. } => (0.5, "who it belongs to can no longer, or again, log in"),
        Subject::Package { .. } => (2.0, "packages are exchanged, their services restart"),
        Subject::File { path, .. } if path.starts_with("sudoers") => (0.1, "counts at once, for the next sudo"),
        subject if restarts(subject) => (
            1.0,
            "PostgreSQL has to be restarted before it counts, and its connections end",
        ),
        Subject::File { path, .. } if path.starts_with("redis/") || path.starts_with("valkey/") => (
            1.0,
            "the server has to be restarted before it counts, and its connections end, or be told by CONFIG SET",
        ),
        Subject::Cron { .. } => (0.1, "counts at once, for the next run"),
        Subject::SessionLimit { .. } => (0.1, "counts for the next login"),
        Subject::File { .. } => (0.5, "the service that reads the file has to be reloaded"),
        Subject::HostName(_) | Subject::Resolver(_) => (0.1, "counts for the next look-up"),
        Subject::Interface { .. } | Subject::Route { .. } => (0.5, "connections may be interrupted for a moment"),
        _ => (0.5, "depends on what has to be reloaded"),
    }
}

/// Whether a setting counts only after its program was started anew, whatever else is reloaded.
fn restarts(subject: Subject<'_>) -> bool {
    matches!(subject, Subject::File { path, key } if path.starts_with("postgresql/") && known::postmaster(key))
}

/// The way to give `settings` the values wanted on a host whose settings `look` tells; `None` when nothing can: hardware.
///
/// Settings of one deed are undone by its head: packages bring and take their files, units and ports.
pub(super) fn set(settings: &[Wanted<'_>], look: Look<'_>) -> Option<Way> {
    let head = settings.first()?;
    let (first, host) = (head.subject(), Host::new(&head.id.resource, look));
    let packages = settings.iter().find(|wanted| package::is_version(wanted));
    let mut lines = match packages {
        Some(package) => match host.read_only("/usr") {
            Some(point) => vec![Line::ByHand(by_hand::refused(package, &point))],
            None => package::lines(settings),
        },
        None => thing::lines(settings, &host),
    };
    if lines.is_empty() {
        return None;
    }
    let sysctl = |wanted: &Wanted<'_>| matches!(wanted.subject(), Subject::Sysctl(_));
    let commands = lines.iter().any(|line| matches!(line, Line::Command(_)));
    if settings.iter().all(sysctl) && commands {
        let note = "lasts until the next start; to keep it, write it to a file in /etc/sysctl.d/";
        lines.push(Line::Note(note.into()));
    }
    let by_hand = lines.iter().filter(|line| matches!(line, Line::ByHand(_))).count();
    let text: String = lines
        .iter()
        .map(|line| match line {
            Line::Command(command) => format!("{command}\n"),
            // Nothing in it can end the comment, for values shown hold no line ends.
            Line::ByHand(step) => format!("# by hand: {step}\n"),
            Line::Note(note) => format!("# {note}\n"),
        })
        .collect();
    let returned = match lines.iter().filter(|line| matches!(line, Line::Command(_))).count() {
        1 if by_hand == 0 => thing::returned(settings, &lines, &host),
        _ => None,
    };
    let dearest = settings.iter().map(Wanted::subject).find(|subject| restarts(*subject));
    let (disruption, cost) = cost(dearest.unwrap_or(first));
    Some(Way {
        artefact: Artefact {
            format: if settings.iter().all(sysctl) { "sysctl" } else { "shell" }.into(),
            text,
        },
        disruption,
        effort: 1.0 + by_hand.min(20) as f64,
        cost,
        returned,
    })
}

/// How `way`, which gives `settings` their values, is itself undone, in one line; `None` where no line holds it. `again` is the way from what
/// is wanted to what is.
pub(super) fn undo(way: &Way, again: &[Wanted<'_>], look: Look<'_>) -> Option<String> {
    way.returned.clone().or_else(|| in_a_line(again, look))
}

/// [`set`] in one line, commands first, where that is no more than three steps.
pub(super) fn in_a_line(settings: &[Wanted<'_>], look: Look<'_>) -> Option<String> {
    let text = set(settings, look)?.artefact.text;
    let commands: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let steps = text.lines().filter_map(|line| line.strip_prefix("# by hand: "));
    let steps: Vec<&str> = steps.collect();
    let all = match (commands.is_empty(), steps.is_empty()) {
        (true, _) => steps.join("; "),
        (false, true) => commands.join(" && "),
        // Behind commands a shell must not take it for one: it quotes values.
        (false, false) => format!("{} # by hand: {}", commands.join(" && "), steps.join("; ")),
    };
    (1..=3).contains(&(commands.len() + steps.len())).then_some(all)
}

/// The command that makes the baseline say what is.
pub(super) fn accept(settings: &[SeriesId]) -> Artefact {
    let names: Option<Vec<String>> = settings.iter().map(|id| quote(&id.to_string())).collect();
    let text = match names {
        Some(names) => format!("foreshadow baseline accept {}\n", names.join(" ")),
        None => "# the names cannot be written for a shell; accept them on the screen\n".into(),
    };
    Artefact {
        format: "foreshadow".into(),
        text,
    }
}

/// The value as text, with its control characters as they are, so that quoting can refuse them.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Enum(text) => text.to_string(),
        other => other.to_string(),
    }
}

/// Whether a secret is in it.
pub(super) fn secret(value: &Value) -> bool {
    match value {
        Value::Secret(_) => true,
        Value::List(items) => items.values().any(secret),
        _ => false,
    }
}

/// A shell text of the lines given.
pub(super) fn shell(lines: &[String]) -> Artefact {
    Artefact {
        format: Arc::from("shell"),
        text: lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect(),
    }
}

#[cfg(test)]
mod tests;
