//! Everything but packages: one thing at a time, its settings together.

use std::collections::BTreeSet;

use super::{
    Line, Wanted, account, aside,
    by_hand::{self, by_hand},
    edit, file, firewall, hardware,
    host::Host,
    interface, mount, package, plain, port, quote,
    reload::{self, Reload},
    secret, table, unit,
};
use crate::domain::{Subject, Value, holds_accounts, unit_of};

/// Lines for all of `settings`, a thing at a time, in their order.
pub(super) fn lines(settings: &[Wanted<'_>], host: &Host<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut things: Vec<(String, Vec<Wanted<'_>>)> = Vec::new();
    let of_ssh =
        |wanted: &Wanted<'_>| matches!(wanted.subject(), Subject::File { path, .. } if path.starts_with("ssh/"));
    let edited = settings.iter().any(of_ssh);
    let account = |wanted: &Wanted<'_>| {
        matches!(
            wanted.subject(),
            Subject::Account {
                kind: "user" | "group",
                ..
            }
        )
    };
    let accounts = settings.iter().any(account);
    let files: BTreeSet<String> = settings.iter().filter_map(|wanted| wanted.subject().file()).collect();
    // Files that came or went as a whole.
    let whole = |wanted: &Wanted<'_>| match wanted.subject() {
        subject @ Subject::File { key: "", .. } if wanted.was.is_none() || wanted.value.is_none() => subject.file(),
        _ => None,
    };
    let whole: BTreeSet<String> = settings.iter().filter_map(whole).collect();
    let units: BTreeSet<&str> = settings
        .iter()
        .filter_map(|wanted| match wanted.subject() {
            Subject::File { path, .. } => unit_of(path),
            _ => None,
        })
        .collect();
    let mut mounts: BTreeSet<&str> = BTreeSet::new();
    let mut switched: BTreeSet<&str> = BTreeSet::new();
    for wanted in settings {
        match wanted.subject() {
            Subject::Mount { point, .. } => mounts.extend([point]),
            Subject::Unit { name, part: "enabled" } => switched.extend([name]),
            _ => {}
        }
    }
    let runs = settings.iter().any(|wanted| {
        matches!(
            wanted.subject(),
            Subject::Unit {
                part: "state" | "enabled",
                ..
            }
        )
    });
    let rules = settings
        .iter()
        .filter_map(|wanted| wanted.id.name.strip_prefix("firewall."));
    let chains: BTreeSet<&str> = rules.collect();
    // Who comes or goes is a member by that.
    let users: BTreeSet<&str> = settings
        .iter()
        .filter_map(|wanted| match wanted.subject() {
            Subject::Account {
                kind: "user",
                name,
                part: "uid",
            } => Some(name),
            _ => None,
        })
        .collect();
    let theirs = |wanted: &Wanted<'_>| {
        let members = |value: Option<&Value>| match value {
            Some(Value::List(items)) => items.keys().map(ToString::to_string).collect(),
            _ => BTreeSet::new(),
        };
        let (now, then): (BTreeSet<String>, BTreeSet<String>) = (members(wanted.was), members(wanted.value));
        now != then
            && now
                .symmetric_difference(&then)
                .all(|user| users.contains(user.as_str()))
    };
    // What the server says follows from its files, and so do what a unit is made of, jobs and certificates; the files of accounts
    // follow from the accounts, a mount's unit from the mount, and the links that make a unit start from its being enabled.
    let follows = |wanted: &&Wanted<'_>| match wanted.subject() {
        Subject::Sshd(_) => edited,
        Subject::File { path, .. } => {
            let link = path.contains(".wants/") || path.contains(".requires/");
            accounts && holds_accounts(path) || link && unit_of(path).is_some_and(|unit| switched.contains(unit))
        }
        subject @ Subject::Unit { name, .. }
            if name.ends_with(".mount") && subject.names(None).iter().any(|point| mounts.contains(&**point)) =>
        {
            true
        }
        Subject::Unit {
            part: "state" | "enabled",
            ..
        } => false,
        Subject::Unit { name, .. } => units.contains(name),
        Subject::Cron { table, .. } => whole.iter().any(|file| file.starts_with(table)),
        Subject::Certificate { path, .. } => files.contains(path),
        // Who listens stops with its unit; the order of rules follows from the rules.
        Subject::Port { .. } => runs,
        Subject::Firewall { chain, part: "order" } => chains.contains(chain),
        Subject::Account {
            kind: "group",
            part: "members",
            ..
        } => theirs(wanted),
        Subject::Account { kind: "sudo", .. } => whole.iter().any(|file| file.starts_with("/etc/sudoers")),
        _ => false,
    };
    for wanted in settings.iter().filter(|wanted| !follows(wanted)) {
        let thing = wanted.subject().thing();
        match things.iter_mut().find(|(known, _)| *known == thing) {
            Some((_, parts)) if things_are_few(settings) => parts.push(*wanted),
            _ => things.push((thing, vec![*wanted])),
        }
    }
    // A unit is stopped while its file is there, a group goes after its users and comes before them, a route goes before the address it
    // needs and comes after it.
    things.sort_by_key(|(_, parts)| match parts[0].subject() {
        Subject::File { .. } => 3,
        Subject::Route { .. } if parts.iter().all(|wanted| wanted.value.is_none()) => 0,
        Subject::Route { .. } => 2,
        Subject::Account { kind: "group", .. } if parts.iter().all(|wanted| wanted.value.is_none()) => 2,
        Subject::Account { kind: "group", .. } => 0,
        _ => 1,
    });
    // One reload for all that was edited, each once, after the last of its files: in the same line, or a shell that asks something
    // takes the next line for the answer.
    let mut reloads: Vec<(Reload, usize, bool)> = Vec::new();
    for (_, parts) in &things {
        let own = of(parts, host);
        if own.is_empty() {
            continue;
        }
        let begin = lines.len();
        lines.extend(own);
        // The last command of this file, also where something is left to do by hand.
        let last = |fits: fn(&Line) -> bool| lines[begin..].iter().rposition(fits);
        let place = last(|line| matches!(line, Line::Command(_)))
            .or_else(|| last(|line| !matches!(line, Line::Note(_))))
            .map_or(begin, |place| begin + place);
        let Subject::File { path, .. } = parts[0].subject() else {
            continue;
        };
        let keys = parts.iter().filter_map(|wanted| match wanted.subject() {
            Subject::File { key, .. } if !key.is_empty() => Some(key),
            _ => None,
        });
        let how = reload::of(path, &keys.collect::<Vec<_>>(), host);
        let alone = reloads.iter().all(|(known, ..)| *known != how);
        reloads.retain(|(known, ..)| *known != how);
        reloads.push((how, place, alone));
    }
    let mut notes = Vec::new();
    for (how, place, alone) in reloads {
        let commands = how.commands();
        match &mut lines[place] {
            _ if commands.is_empty() => {}
            Line::Command(command) => {
                // What one edit broke is taken back; of several nobody knows which it was.
                let taken_back = alone && edit::edits(command) && !how.check.is_empty();
                let rest = match taken_back {
                    true if how.act.is_empty() => edit::checked(&how.check),
                    true => format!("{} && {}", edit::checked(&how.check), how.act),
                    false => commands,
                };
                *command = format!("{command} && {rest}");
            }
            _ => notes.push(Line::Note(format!("then: {commands}"))),
        }
        if !how.note.is_empty() {
            notes.push(Line::Note(how.note));
        }
    }
    lines.extend(notes);
    if moves(&lines) {
        lines.push(Line::Note(aside::note()));
    }
    if lines
        .iter()
        .any(|line| matches!(line, Line::Command(command) if edit::edits(command)))
    {
        lines.push(Line::Note(edit::NOTE.into()));
    }
    lines
}

/// Whether a file is moved aside.
fn moves(lines: &[Line]) -> bool {
    let moves = |line: &Line| matches!(line, Line::Command(command) if command.contains(aside::MOVED));
    lines.iter().any(moves)
}

/// The list of things is searched for every setting; a thousand settings are not one thing.
fn things_are_few(settings: &[Wanted<'_>]) -> bool {
    settings.len() <= 1_000
}

/// The command that undoes the one command in `lines`, where that moves one file aside: the file comes back as it was, with all that it said.
pub(super) fn returned(settings: &[Wanted<'_>], lines: &[Line], host: &Host<'_>) -> Option<String> {
    let command = lines.iter().find_map(|line| match line {
        Line::Command(command) => Some(command),
        _ => None,
    })?;
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for wanted in settings {
        match (wanted.subject(), wanted.was) {
            (Subject::File { path, key: "" }, Some(_)) => paths.extend([path]),
            (Subject::Unit { part: "files", .. }, Some(Value::List(files))) => {
                paths.extend(files.keys().filter_map(|file| file.strip_prefix("/etc/")));
            }
            _ => {}
        }
    }
    let moved = |path: &&str| aside::aside(path).is_some_and(|aside| command.contains(&aside));
    let mut moved = paths.into_iter().filter(moved);
    let (path, None) = (moved.next()?, moved.next()) else {
        return None;
    };
    // Before it was moved a unit of its own was stopped.
    if !command.starts_with(&aside::aside(path)?) {
        return None;
    }
    let reload = reload::of(path, &[], host).commands();
    let back = aside::returned(path)?;
    Some(match reload.is_empty() {
        true => back,
        false => format!("{back} && {reload}"),
    })
}

/// Lines for the settings of one thing.
fn of(parts: &[Wanted<'_>], host: &Host<'_>) -> Vec<Line> {
    let Some(first) = parts.first() else {
        return Vec::new();
    };
    let whole: Option<Vec<Line>> = match first.subject() {
        Subject::Mount { point, .. } => mount::lines(point, parts),
        Subject::File { path, .. } => file::lines(path, parts),
        Subject::Interface { name, .. } => interface::lines(name, parts),
        Subject::Unit { name, .. } => unit::lines(name, parts, host),
        Subject::Account { kind, name, .. } if kind != "sudo" => account::lines(kind, name, parts, host),
        Subject::Port { name, .. } => port::lines(name, parts),
        Subject::Cron { table, .. } => table::jobs(table, parts).map(|command| vec![Line::Command(command)]),
        Subject::Firewall { chain, part: "" } => firewall::lines(chain, first),
        _ => None,
    };
    let lines = whole.unwrap_or_else(|| parts.iter().filter_map(part).collect());
    match refused(&first.subject(), host) {
        Some(point) if lines.iter().any(|line| matches!(line, Line::Command(_))) => {
            vec![Line::ByHand(by_hand::refused(first, &point))]
        }
        _ => lines,
    }
}

/// The mount that is read-only here, where what belongs to `subject` would be written.
fn refused(subject: &Subject<'_>, host: &Host<'_>) -> Option<String> {
    let path = match subject {
        // Of a container only some parameters may be its own.
        Subject::Sysctl(name) => return host.read_only(&parameter(name)),
        Subject::Hardware(name)
            if name.starts_with("disk.") || name.starts_with("memory.") || name.starts_with("cpu.") =>
        {
            "/sys"
        }
        Subject::Hardware("timezone" | "hostname") => "/etc",
        Subject::File { path, .. } => return host.read_only(&format!("/etc/{path}")),
        Subject::HostName(_) => "/etc/hosts",
        Subject::Other(name) if name.starts_with('/') => name.split_once(':').map_or(*name, |(path, _)| path),
        Subject::SessionLimit { .. } | Subject::Account { .. } | Subject::Unit { part: "enabled", .. } => "/etc",
        Subject::Cron { table, .. } if table.starts_with('/') => table,
        Subject::Cron { .. } => "/var/spool/cron",
        Subject::Package { .. } => "/usr",
        _ => return None,
    };
    host.read_only(path)
}

/// The file of a parameter of the kernel: `net.ipv4.conf.eth0/1.forwarding` is of the interface `eth0.1`.
fn parameter(name: &str) -> String {
    let path = name.chars().map(|letter| match letter {
        '.' => '/',
        '/' => '.',
        other => other,
    });
    format!("/proc/sys/{}", path.collect::<String>())
}

/// The line for a setting by itself; `None` where there is nothing to do.
pub(super) fn part(wanted: &Wanted<'_>) -> Option<Line> {
    let (subject, value) = (wanted.subject(), wanted.value);
    let command = match (subject, value) {
        (_, Some(value)) if secret(value) => None,
        (Subject::Sysctl(name), Some(value)) => {
            quote(&format!("{name}={}", plain(value))).map(|word| format!("sysctl -w {word}"))
        }
        (
            Subject::Unit {
                name,
                part: "state" | "enabled",
            },
            Some(value),
        ) => unit::state(name, wanted.was, &plain(value)),
        (Subject::Route { to, interface }, value) => hardware::route(to, interface, wanted.was, value),
        (Subject::Hardware(name), value) => match hardware::set(name, value) {
            Some(command) => command,
            None => return hardware::by_hand(name, wanted),
        },
        (Subject::Package { name, part }, value) => return package::part_of(name, part, value),
        (Subject::Other(_), _) => edit::elsewhere(wanted),
        _ => table::line(wanted),
    };
    Some(command.map_or_else(|| Line::ByHand(by_hand(wanted)), Line::Command))
}
