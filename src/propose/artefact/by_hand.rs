//! What a person has to do where no command is safe or known.

use super::{Wanted, secret};
use crate::domain::{Subject, Value};

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
            Some(value) if path.ends_with("/pg_hba.conf") => {
                format!(
                    "in /etc/{path} the line `{key} {value}` again, in its place, for the first that fits decides; it {now}"
                )
            }
            Some(_) => match Value::went_and_came(wanted.was, wanted.value) {
                Some((went, came)) if !secret_in(wanted) => {
                    format!("in /etc/{path} at {key}: {}", differs(&went, &came))
                }
                _ => format!("in /etc/{path} set {key} to {target}; it {now}"),
            },
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
        Subject::Firewall { chain, part: "" } => {
            format!("put the rules of {chain} back to {target}; it {now}: {RELOAD}")
        }
        Subject::Firewall { chain, .. } => format!("put the rules of {chain} back into their order: {RELOAD}"),
        Subject::Other(_) if let Some((path, key)) = wanted.named_file() => format!(
            "in {path} {}; it {now}",
            match wanted.value {
                Some(_) => format!("set {key} to {target}"),
                None => format!("remove {key}"),
            }
        ),
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
        Subject::Account { kind: "sudo", name, .. } => {
            let rule = match (Value::went_and_came(wanted.was, wanted.value), wanted.value) {
                (Some((went, came)), _) => format!("{name}: {}", differs(&went, &came)),
                (None, Some(value)) => format!("the line `{name} {value}` again"),
                (None, None) => format!("remove the line of {name}"),
            };
            format!("in /etc/sudoers or a file of /etc/sudoers.d (visudo -f FILE) {rule}; it {now}")
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

/// What of a list goes and what comes back.
fn differs(went: &[String], came: &[String]) -> String {
    let each = |verb: &str, items: &[String]| {
        let items: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
        (!items.is_empty()).then(|| format!("{verb} {}", items.join(", ")))
    };
    let both = [each("remove", went), each("add", came)];
    both.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn secret_in(wanted: &Wanted<'_>) -> bool {
    [wanted.was, wanted.value].into_iter().flatten().any(secret)
}

/// What is said where a command would have to write to the mount `point`, on which nobody can.
pub(super) fn refused(wanted: &Wanted<'_>, point: &str) -> String {
    let thing = wanted.subject().thing();
    let value = match () {
        () if secret_in(wanted) => String::new(),
        () if wanted.value.is_none() => format!("; it {}, and was not there", now(wanted)),
        () => format!("; it {}, should be {}", now(wanted), target(wanted.value)),
    };
    let place = match wanted.subject() {
        Subject::Sysctl(_) => "set it on the host below, or where this container is started",
        _ => "change it where this system is made",
    };
    format!("{thing} cannot be changed from here, for {point} is mounted read-only: {place}{value}")
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
