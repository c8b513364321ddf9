//! The machine, its kernel, and its routes.

use super::{Line, Wanted, by_hand::now, plain, quote, secret};
use crate::domain::Value;

/// The command that makes or removes a route.
pub(super) fn route(to: &str, interface: &str, was: Option<&Value>, value: Option<&Value>) -> Option<String> {
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
pub(super) fn set(name: &str, value: Option<&Value>) -> Option<Option<String>> {
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

/// What a person has to do for a setting that no command sets.
pub(super) fn by_hand(name: &str, wanted: &Wanted<'_>) -> Option<Line> {
    (name == "kernel.cmdline").then(|| {
        let line = "in /etc/default/grub set GRUB_CMDLINE_LINUX to what it was, then `update-grub` and restart";
        Line::ByHand(format!("{line}; it {}", now(wanted)))
    })
}
