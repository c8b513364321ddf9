//! Texts to run: commands that give settings their values.

use std::sync::Arc;

use super::shell::quote;
use crate::domain::{Artefact, SeriesId, Value};

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
}

/// Cost of changing one setting of a scope.
struct Scope {
    disruption: f64,
    cost: &'static str,
}

fn scope(name: &str) -> Scope {
    let (disruption, cost) = match name {
        "sysctl" => (0.1, "counts at once, no restart"),
        "mount" => (0.5, "the file system is remounted in place"),
        "unit" => (1.0, "a service is started or stopped"),
        "pkg" => (2.0, "packages are exchanged, their services restart"),
        "etc" => (0.5, "the service that reads the file has to be reloaded"),
        "net" => (0.5, "connections may be interrupted for a moment"),
        _ => (0.5, "depends on what has to be reloaded"),
    };
    Scope { disruption, cost }
}

/// The way to give `settings` the values named (`None`: the setting should not be there); `None` when nothing can: hardware.
pub(super) fn set(settings: &[(&SeriesId, Option<&Value>, Option<&Value>)]) -> Option<Way> {
    let (first, ..) = settings.first()?;
    let kind = first.name.split('.').next().unwrap_or_default();
    if kind == "hw" {
        return None;
    }
    let lines: Vec<Line> = match kind {
        "pkg" => packages(settings),
        _ => settings
            .iter()
            .map(|(id, was, value)| line(kind, id, *was, *value))
            .collect(),
    };
    let by_hand = lines.iter().filter(|line| matches!(line, Line::ByHand(_))).count();
    let mut text = String::new();
    for line in &lines {
        match line {
            Line::Command(command) => text.push_str(command),
            Line::ByHand(step) => text.push_str(&comment(step)),
        }
        text.push('\n');
    }
    if kind == "sysctl" && by_hand < lines.len() {
        text.push_str("# lasts until the next start; to keep it, write it to a file in /etc/sysctl.d/\n");
    }
    let scope = scope(kind);
    Some(Way {
        artefact: Artefact {
            format: if kind == "sysctl" {
                "sysctl".into()
            } else {
                "shell".into()
            },
            text,
        },
        disruption: scope.disruption,
        effort: 1.0 + by_hand.min(20) as f64,
        cost: scope.cost,
    })
}

/// The command that makes the baseline say what is.
pub(super) fn accept(settings: &[SeriesId]) -> Artefact {
    let names: Option<Vec<String>> = settings.iter().map(|id| quote(&id.to_string())).collect();
    let text = match names {
        Some(names) => format!("foreshadow baseline accept {}\n", names.join(" ")),
        None => comment("the names cannot be written for a shell; accept them on the screen"),
    };
    Artefact {
        format: "foreshadow".into(),
        text,
    }
}

enum Line {
    Command(String),
    ByHand(String),
}

fn line(kind: &str, id: &SeriesId, was: Option<&Value>, value: Option<&Value>) -> Line {
    let name = id
        .name
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(&id.name);
    let command = match (kind, value) {
        (_, Some(value)) if secret(value) => None,
        ("sysctl", Some(value)) => quote(&format!("{name}={}", plain(value))).map(|word| format!("sysctl -w {word}")),
        ("unit", Some(value)) => unit(name, &plain(value)),
        ("mount", Some(value)) => remount(name, value),
        _ => None,
    };
    command.map_or_else(|| Line::ByHand(by_hand(kind, name, was, value)), Line::Command)
}

/// What a person has to do where no command is safe or known.
fn by_hand(kind: &str, name: &str, was: Option<&Value>, value: Option<&Value>) -> String {
    let target = match value {
        Some(value) if secret(value) => "the secret it was (only its hash is known here)".to_owned(),
        Some(value) => format!("`{value}`"),
        None => "nothing (remove it)".into(),
    };
    let now = match was {
        Some(was) if secret(was) => "holds a secret".to_owned(),
        Some(was) => format!("is `{was}`"),
        None => "is missing".into(),
    };
    match (kind, name.split_once(':')) {
        ("etc", Some((file, key))) => format!("by hand: in /etc/{file} set {key} to {target}; it {now}"),
        ("port", _) => format!("by hand: {name} {now}, should be {target}; `ss -ltnup` shows which program listens"),
        _ => format!("by hand: set {kind} {name} to {target}; it {now}"),
    }
}

/// A comment of one or more lines; nothing in it can end the comment, for values shown hold no line ends.
fn comment(text: &str) -> String {
    format!("# {text}")
}

fn packages(settings: &[(&SeriesId, Option<&Value>, Option<&Value>)]) -> Vec<Line> {
    let (mut install, mut remove, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for (id, was, value) in settings {
        let name = id.name.strip_prefix("pkg.").unwrap_or(&id.name);
        // A name or version that apt would read as an option, or with an unusual character, is left to a person.
        let clean = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.:~_".contains(c))
        };
        if let Some(held) = name.strip_suffix(":hold").filter(|held| clean(held)) {
            let hold = matches!(value, Some(Value::Bool(true)));
            let verb = if hold { "hold" } else { "unhold" };
            lines.push(Line::Command(format!("apt-mark {verb} {held}")));
            continue;
        }
        let of_state = name.ends_with(":state");
        match value.map(plain).filter(|_| !of_state) {
            Some(version) if clean(name) && clean(&version) => {
                install.extend(quote(&format!("{name}={version}")));
            }
            None if clean(name) && !of_state => remove.extend(quote(name)),
            _ => lines.push(Line::ByHand(by_hand("pkg", name, *was, *value))),
        }
    }
    if !install.is_empty() {
        lines.push(Line::Command(format!(
            "apt-get install --allow-downgrades {}",
            install.join(" ")
        )));
    }
    if !remove.is_empty() {
        lines.push(Line::Command(format!("apt-get remove {}", remove.join(" "))));
    }
    lines
}

fn unit(name: &str, value: &str) -> Option<String> {
    let verb = match value {
        "active" => "start",
        "inactive" | "failed" => "stop",
        "enabled" => "enable",
        "disabled" => "disable",
        "masked" => "mask",
        _ => return None,
    };
    let (unit, _) = name.rsplit_once(':')?;
    Some(format!("systemctl {verb} -- {}", quote(unit)?))
}

fn remount(name: &str, value: &Value) -> Option<String> {
    let mount = name.strip_suffix(":options")?;
    let options = match value {
        Value::List(items) => items
            .iter()
            .map(|(key, value)| match value {
                Value::Bool(true) => key.to_string(),
                other => format!("{key}={other}"),
            })
            .collect::<Vec<_>>()
            .join(","),
        other => plain(other).replace(' ', ","),
    };
    Some(format!(
        "mount -o {} {}",
        quote(&format!("remount,{options}"))?,
        quote(mount)?
    ))
}

/// The value as text, with its control characters as they are, so that quoting can refuse them.
fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Enum(text) => text.to_string(),
        other => other.to_string(),
    }
}

/// Whether a secret is in it.
fn secret(value: &Value) -> bool {
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{ResourceId, SecretHash};

    fn text(name: &str, value: Option<&Value>) -> String {
        let id = SeriesId::new(&ResourceId::new("host", "a"), name);
        set(&[(&id, None, value)]).unwrap().artefact.text
    }

    #[test]
    fn each_scope_has_its_command() {
        let infer = Value::infer;
        assert!(text("sysctl.vm.swappiness", Some(&infer("60"))).starts_with("sysctl -w vm.swappiness=60\n"));
        assert!(
            text("sysctl.net.ipv4.tcp_rmem", Some(&infer("4096 131072 6291456")))
                .starts_with("sysctl -w 'net.ipv4.tcp_rmem=4096 131072 6291456'\n")
        );
        assert_eq!(
            text("pkg.bash", Some(&infer("5.2.15-2+b7"))),
            "apt-get install --allow-downgrades bash=5.2.15-2+b7\n"
        );
        assert_eq!(text("pkg.nmap", None), "apt-get remove nmap\n");
        assert_eq!(text("pkg.bash:hold", None), "apt-mark unhold bash\n");
        assert!(text("pkg.bash:state", None).starts_with("# by hand"));
        assert_eq!(
            text("unit.ssh.service:state", Some(&infer("active"))),
            "systemctl start -- ssh.service\n"
        );
        assert_eq!(
            text("unit.cron.service:enabled", Some(&infer("disabled"))),
            "systemctl disable -- cron.service\n"
        );
        assert_eq!(
            text("mount./data:options", Some(&infer("rw,noatime"))),
            "mount -o remount,rw,noatime /data\n"
        );
        assert!(
            text("etc.ssh/sshd_config:PermitRootLogin", Some(&infer("no")))
                .starts_with("# by hand: in /etc/ssh/sshd_config set PermitRootLogin to `false`")
        );
        let id = SeriesId::new(&ResourceId::new("host", "a"), "hw.cpu.count");
        assert!(
            set(&[(&id, None, Some(&infer("4")))]).is_none(),
            "hardware is not set by a command"
        );
    }

    #[test]
    fn a_secret_is_never_in_an_artefact() {
        let hash = SecretHash::of(&[7; 32], b"hunter2");
        for name in [
            "sysctl.a",
            "etc.app.ini:password",
            "unit.a.service:state",
            "pkg.a",
            "mount./a:options",
        ] {
            let text = text(name, Some(&Value::Secret(hash.clone())));
            assert!(text.starts_with("# by hand") && !text.contains("hunter2"), "{text}");
            assert!(!text.contains("secret#"), "not its hash either: {text}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_a_second_command(value in ".{0,60}", scope in "(sysctl|pkg|unit|mount|etc|limits)") {
            let value = Value::Text(value.as_str().into());
            let name = match scope.as_str() {
                "unit" => "unit.a.service:state".to_owned(),
                "mount" => "mount./a:options".to_owned(),
                "etc" => "etc.a:b".to_owned(),
                other => format!("{other}.a"),
            };
            let text = text(&name, Some(&value));
            prop_assert!(!text.chars().any(|c| c != '\n' && crate::domain::text::unsafe_to_show(c)), "{:?}", text);
            let lines: Vec<&str> = text.lines().collect();
            prop_assert!(lines.iter().filter(|line| !line.starts_with('#')).count() <= 1, "{:?}", text);
        }
    }
}
