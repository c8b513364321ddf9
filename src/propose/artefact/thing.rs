//! Everything but packages: one thing at a time, its settings together.

use std::collections::BTreeSet;

use super::{
    Line, Wanted, account,
    aside::{self, aside, vital},
    firewall, interface, package, plain, port, quote, secret, sysctl, unit,
};
use crate::domain::{Subject, Value, holds_accounts, unit_of};

/// Lines for all of `settings`, a thing at a time, in their order.
pub(super) fn lines(settings: &[Wanted<'_>]) -> Vec<Line> {
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
        Subject::Cron { table, .. } => files.iter().any(|file| file.starts_with(table)),
        Subject::Certificate { path, .. } => files.contains(path),
        // Who listens stops with its unit; the order of rules follows from the rules.
        Subject::Port { .. } => runs,
        Subject::Other(name) if wanted.id.name.starts_with("firewall.") => {
            firewall::order_of(name).is_some_and(|chain| chains.contains(chain))
        }
        Subject::Account { kind: "sudo", .. } => files.iter().any(|file| file.starts_with("/etc/sudoers")),
        _ => false,
    };
    for wanted in settings.iter().filter(|wanted| !follows(wanted)) {
        let thing = wanted.subject().thing();
        match things.iter_mut().find(|(known, _)| *known == thing) {
            Some((_, parts)) if things_are_few(settings) => parts.push(*wanted),
            _ => things.push((thing, vec![*wanted])),
        }
    }
    // A unit is stopped while its file is there, a group goes after its users and comes before them.
    things.sort_by_key(|(_, parts)| match parts[0].subject() {
        Subject::File { .. } => 3,
        Subject::Account { kind: "group", .. } if parts.iter().all(|wanted| wanted.value.is_none()) => 2,
        Subject::Account { kind: "group", .. } => 0,
        _ => 1,
    });
    // One reload for all that was edited, each once, after the last of its files: in the same line, or a shell that asks something
    // takes the next line for the answer.
    let mut reloads: Vec<(String, usize)> = Vec::new();
    for (_, parts) in &things {
        let own = of(parts);
        if own.is_empty() {
            continue;
        }
        lines.extend(own);
        if let Some(how) = reload_of(&parts[0]) {
            reloads.retain(|(known, _)| *known != how);
            reloads.push((how, lines.len() - 1));
        }
    }
    let mut notes = Vec::new();
    for (how, place) in reloads {
        match &mut lines[place] {
            Line::Command(command) => *command = format!("{command} && {how}"),
            _ => notes.push(Line::Note(format!("then: {how}"))),
        }
    }
    lines.extend(notes);
    if moves(&lines) {
        lines.push(Line::Note(aside::note()));
    }
    lines
}

/// Whether a file is moved aside.
fn moves(lines: &[Line]) -> bool {
    let moves = |line: &Line| matches!(line, Line::Command(command) if command.contains(aside::ASIDE));
    lines.iter().any(moves)
}

/// The list of things is searched for every setting; a thousand settings are not one thing.
fn things_are_few(settings: &[Wanted<'_>]) -> bool {
    settings.len() <= 1_000
}

/// Lines for the settings of one thing.
fn of(parts: &[Wanted<'_>]) -> Vec<Line> {
    let Some(first) = parts.first() else {
        return Vec::new();
    };
    let whole: Option<Vec<Line>> = match first.subject() {
        Subject::Mount { point, .. } => mount(point, parts),
        Subject::File { path, .. } => file(path, parts),
        Subject::Interface { name, .. } => interface::lines(name, parts),
        Subject::Unit { name, .. } => unit::lines(name, parts),
        Subject::Account { kind, name, .. } => account::lines(kind, name, parts),
        Subject::Port { name, .. } => port::lines(name, parts),
        Subject::Other(name) if first.id.name.starts_with("firewall.") => firewall::lines(name, first),
        _ => None,
    };
    whole.unwrap_or_else(|| parts.iter().filter_map(part).collect())
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
        (Subject::Route { to, interface }, value) => route(to, interface, wanted.was, value),
        (Subject::Hardware(name), value) => match hardware(name, value) {
            Some(command) => command,
            None => return hardware_by_hand(name, wanted),
        },
        (Subject::Package { name, part }, value) => return package::part_of(name, part, value),
        _ => None,
    };
    Some(command.map_or_else(|| Line::ByHand(by_hand(wanted)), Line::Command))
}

/// What a person has to do where no command is safe or known.
pub(super) fn by_hand(wanted: &Wanted<'_>) -> String {
    let (now, target) = (now(wanted), target(wanted.value));
    match wanted.subject() {
        Subject::File { path, key: "content" } => {
            let now = if wanted.was.is_some() {
                "its content is another one"
            } else {
                "it is missing"
            };
            format!("put /etc/{path} back from a copy (a package's own: apt-get install --reinstall); {now} now")
        }
        Subject::File { path, key } => match wanted.value {
            Some(value) if path.starts_with("ssh/") && !secret(value) => {
                // sshd knows no `true`.
                let value = match value {
                    Value::Bool(on) => if *on { "yes" } else { "no" }.into(),
                    other => other.to_string(),
                };
                format!("in /etc/{path} the line `{key} {value}` again; it {now}")
            }
            Some(_) => format!("in /etc/{path} set {key} to {target}; it {now}"),
            None => format!("in /etc/{path} remove {key}; it {now}"),
        },
        Subject::HostName(name) => {
            let addresses = |value: Option<&Value>| value.map(ToString::to_string);
            match (addresses(wanted.was), addresses(wanted.value)) {
                (Some(was), Some(wants)) => format!("in /etc/hosts the line `{wants} {name}` again; it has {was}"),
                (Some(was), None) => format!("in /etc/hosts remove {name} from the line of {was}"),
                (None, Some(wants)) => format!("in /etc/hosts add the line `{wants} {name}`"),
                (None, None) => format!("in /etc/hosts look at {name}"),
            }
        }
        Subject::Resolver(key) => format!(
            "in /etc/resolv.conf (or where the program that writes it is set up) {}; it {now}",
            match wanted.value {
                Some(_) => format!("set {key} to {target}"),
                None => format!("remove {key}"),
            }
        ),
        Subject::SessionLimit { domain, item, kind } => match wanted.value {
            Some(value) => format!(
                "in /etc/security/limits.conf or limits.d/ write `{domain} {kind} {item} {}`; it {now}",
                if secret(value) { "...".into() } else { value.to_string() }
            ),
            None => {
                format!("in /etc/security/limits.conf or limits.d/ remove the line `{domain} {kind} {item}`; it {now}")
            }
        },
        Subject::FirstLimit(name) => format!(
            "limit {name} of process 1 {now}, was {target}: it comes from how the system was started; services have theirs from \
             DefaultLimit... in /etc/systemd/system.conf"
        ),
        Subject::Other(name) if wanted.id.name.starts_with("firewall.") => match firewall::order_of(name) {
            Some(chain) => format!("put the rules of {chain} back into their order: {RELOAD}"),
            None => format!("put the rules of {name} back to {target}; it {now}: {RELOAD}"),
        },
        Subject::Port { name: port, .. } => match wanted.value {
            None => {
                format!("{port} {now}: stop that program's service, or close the port; `ss -lntup` shows who listens")
            }
            Some(_) => {
                format!("{port} {now}, should be {target}: start that program's service; `ss -lntup` shows who listens")
            }
        },
        Subject::Sshd(key) => format!(
            "in /etc/ssh/sshd_config (or sshd_config.d/) see to it that {key} comes to {target}; it {now}; then sshd -t && systemctl \
             reload ssh"
        ),
        Subject::Sysctl(name) if wanted.value.is_none() => {
            format!("{name} came with a kernel module or an interface, and goes with it; it {now}")
        }
        Subject::Unit { name, part } if !matches!(part, "state" | "enabled") => {
            format!(
                "{part} of {name} {now}, was {target}: put its files back (`systemctl cat {name}` names them), then systemctl daemon-reload"
            )
        }
        Subject::Unit { name, .. } if wanted.was.is_none() => {
            format!("unit {name} is missing: bring its file back, then `systemctl daemon-reload`")
        }
        Subject::Cron { table, command } if wanted.value.is_none() => {
            format!("in {table} remove the line of `{command}`; it {now}")
        }
        Subject::Cron { table, command } => format!("in {table} run `{command}` at {target}; it {now}"),
        Subject::Certificate { path, part } => {
            format!("put the certificate {path} back from a copy: its {part} {now}, was {target}")
        }
        Subject::Account { part, .. } => {
            let of = if part.is_empty() {
                String::new()
            } else {
                format!("{part} of ")
            };
            format!("set {of}{} to {target}; it {now}", wanted.subject().thing())
        }
        subject => format!("set {} to {target}; it {now}", subject.thing()),
    }
}

/// How all rules of the firewall are loaded again, where they come from a file.
const RELOAD: &str = "`nft -c -f /etc/nftables.conf && systemctl reload nftables` loads all of that file again";

pub(super) fn target(value: Option<&Value>) -> String {
    match value {
        Some(value) if secret(value) => "the secret it was (only its hash is known here)".into(),
        Some(value) => format!("`{value}`"),
        None => "nothing (remove it)".into(),
    }
}

pub(super) fn now(wanted: &Wanted<'_>) -> String {
    match wanted.was {
        Some(was) if secret(was) => "holds a secret".into(),
        Some(was) => format!("is `{was}`"),
        None => "is missing".into(),
    }
}

fn reload_of(wanted: &Wanted<'_>) -> Option<String> {
    let Subject::File { path, .. } = wanted.subject() else {
        return None;
    };
    let how = reload(path)?;
    // What was added to a service counts once that was started anew.
    let added = unit_of(path).filter(|_| path.contains(".service.d/"));
    Some(
        added
            .and_then(unit::restart)
            .map_or_else(|| how.to_owned(), |restart| format!("{how} && {restart}")),
    )
}

/// How what reads a file in `/etc` is told of it.
fn reload(path: &str) -> Option<&'static str> {
    const READERS: [(&str, &str); 9] = [
        ("ssh/sshd_config", "sshd -t && systemctl reload ssh"),
        ("systemd/system", "systemctl daemon-reload"),
        ("sysctl", "sysctl --system"),
        ("fstab", "findmnt --verify && systemctl daemon-reload"),
        ("nginx/", "nginx -t && systemctl reload nginx"),
        ("apache2/", "apachectl configtest && systemctl reload apache2"),
        ("sudoers", "visudo -c"),
        ("modprobe.d/", "update-initramfs -u"),
        ("default/grub", "update-grub"),
    ];
    READERS
        .iter()
        .find(|(start, _)| path.starts_with(start))
        .map(|(_, how)| *how)
}

/// A mount that came, went, or changed as a whole; `None` when only its options did.
fn mount(point: &str, parts: &[Wanted<'_>]) -> Option<Vec<Line>> {
    let part = |name: &str| {
        parts
            .iter()
            .find(|wanted| matches!(wanted.subject(), Subject::Mount { part, .. } if part == name))
    };
    let at = quote(point)?;
    let mut lines = Vec::new();
    if let Some(device) = part("device").or(part("fstype")) {
        if device.was.is_some() {
            lines.push(Line::Command(format!("umount {at}")));
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
            lines.push(Line::Command(format!("mount {kind}{options}{device} {at}")));
        }
        return Some(lines);
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

/// A file that came or went, its mode and owner, its target, or its only line; `None` when a person has to edit it.
fn file(path: &str, parts: &[Wanted<'_>]) -> Option<Vec<Line>> {
    let full = quote(&format!("/etc/{path}"))?;
    if matches!(path, "passwd" | "group") {
        return None;
    }
    let itself = parts
        .iter()
        .find(|wanted| matches!(wanted.subject(), Subject::File { key: "", .. }));
    match itself.map(|wanted| (wanted.was, wanted.value)) {
        Some((Some(_), None)) if vital(path) => {
            let look = format!(
                "/etc/{path} was not there when the baseline was taken, and people or the system may depend on it: look at it"
            );
            return Some(vec![Line::ByHand(look)]);
        }
        Some((Some(_), None)) => return Some(vec![Line::Command(aside(path)?)]),
        Some((None, Some(Value::List(_)))) => {
            let back = format!("put /etc/{path} back from a copy");
            let package = format!(
                "if it is a package's own: apt-get install --reinstall -o Dpkg::Options::=--force-confmiss \
                 \"$(dpkg -S {full} | cut -d: -f1)\""
            );
            return Some(vec![Line::ByHand(back), Line::Note(package)]);
        }
        _ => {}
    }
    let mut lines = Vec::new();
    for wanted in parts {
        let Subject::File { key, .. } = wanted.subject() else {
            continue;
        };
        match (key, wanted.value) {
            ("", Some(Value::List(access))) => {
                let same = |what: &str| match wanted.was {
                    Some(Value::List(was)) => was.get(what) == access.get(what),
                    _ => false,
                };
                for (what, command) in [("owner", "chown"), ("mode", "chmod")] {
                    let word = access
                        .get(what)
                        .filter(|_| !same(what))
                        .and_then(|value| quote(&plain(value)));
                    lines.extend(word.map(|word| Line::Command(format!("{command} {word} {full}"))));
                }
            }
            ("", Some(Value::Text(text))) => {
                let to = quote(text.strip_prefix("-> ")?)?;
                lines.push(Line::Command(format!("ln -sfn {to} {full}")));
            }
            ("line", Some(value)) if !secret(value) => {
                let word = quote(&plain(value))?;
                lines.push(Line::Command(format!("printf '%s\\n' {word} > {full}")));
            }
            (key, value) if path.starts_with("sysctl") => match sysctl::line(&full, key, wanted.was, value) {
                Some(command) => lines.push(Line::Command(command)),
                None => lines.extend(part(wanted)),
            },
            _ => lines.extend(part(wanted)),
        }
    }
    Some(lines)
}

fn route(to: &str, interface: &str, was: Option<&Value>, value: Option<&Value>) -> Option<String> {
    let part = |name: &str| match value.or(was) {
        Some(Value::List(items)) => items.get(name).map(plain),
        _ => None,
    };
    let mut command = format!(
        "ip {}route {} {}",
        if to.contains(':') { "-6 " } else { "" },
        if value.is_some() { "replace" } else { "del" },
        quote(to)?
    );
    for name in ["via", "metric"] {
        if let Some(word) = part(name).filter(|word| word != "0") {
            command += &format!(" {name} {}", quote(&word)?);
        }
    }
    Some(format!("{command} dev {}", quote(interface)?))
}

/// What of the machine and its kernel a command sets; the outer `None` is "nothing", the inner one "not written for a shell".
fn hardware(name: &str, value: Option<&Value>) -> Option<Option<String>> {
    let switch = |value: &Value| match value {
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        other => plain(other),
    };
    let word = || {
        value
            .filter(|value| !secret(value))
            .and_then(|value| quote(&switch(value)))
    };
    let into = |path: String| Some(format!("echo {} > {}", word()?, quote(&path)?));
    let mut parts = name.splitn(2, '.');
    let (kind, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Some(match (kind, rest, value) {
        ("timezone", ..) => word().map(|zone| format!("timedatectl set-timezone {zone}")),
        ("hostname", ..) => word().map(|name| format!("hostnamectl set-hostname {name}")),
        ("module", module, Some(_)) => quote(module).map(|module| format!("modprobe {module}")),
        ("module", module, None) => quote(module).map(|module| format!("modprobe -r {module}")),
        ("swap", path, Some(_)) => quote(path).map(|path| format!("swapon {path}")),
        ("swap", path, None) if path != "total" => quote(path).map(|path| format!("swapoff {path}")),
        ("cpu", "governor", _) => word().map(|governor| format!("cpupower frequency-set --governor {governor}")),
        ("cpu", "smt", _) => into("/sys/devices/system/cpu/smt/control".into()),
        ("memory", thp, _) if thp.starts_with("thp_") => {
            into(format!("/sys/kernel/mm/transparent_hugepage/{}", &thp["thp_".len()..]))
        }
        ("disk", disk, Some(_)) => match disk.rsplit_once('.') {
            Some((disk, what @ ("scheduler" | "read_ahead_kb" | "nr_requests"))) => {
                into(format!("/sys/block/{disk}/queue/{what}"))
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn hardware_by_hand(name: &str, wanted: &Wanted<'_>) -> Option<Line> {
    (name == "kernel.cmdline").then(|| {
        let line = "in /etc/default/grub set GRUB_CMDLINE_LINUX to what it was, then `update-grub` and restart";
        Line::ByHand(format!("{line}; it {}", now(wanted)))
    })
}
