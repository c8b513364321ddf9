//! What speaks for a change that was made, and against it: whether accepting it or its way back is the first answer.

use super::PLAINLY;
use crate::{
    domain::{Factors, Finding, SeriesId, Severity, Subject, Value, holds_accounts},
    drift::Baseline,
    shadow::Shadows,
};

/// Parameters of the kernel that protect the host, each weaker the less it is, or the more, by the kernel's documentation
/// (Documentation/admin-guide/sysctl/{fs,kernel}.rst, Documentation/networking/ip-sysctl.rst).
const WEAKER_BELOW: [&str; 13] = [
    "fs.protected_fifos",
    "fs.protected_hardlinks",
    "fs.protected_regular",
    "fs.protected_symlinks",
    "kernel.dmesg_restrict",
    "kernel.kexec_load_disabled",
    "kernel.kptr_restrict",
    "kernel.perf_event_paranoid",
    "kernel.randomize_va_space",
    "kernel.unprivileged_bpf_disabled",
    "kernel.yama.ptrace_scope",
    "net.ipv4.tcp_syncookies",
    "vm.mmap_min_addr",
];
const WEAKER_ABOVE: [&str; 1] = ["fs.suid_dumpable"];
/// Ends of the same of single interfaces.
const WEAKER_ON: [&str; 3] = ["accept_redirects", "accept_source_route", "send_redirects"];
/// Keys that say on which addresses a program listens, and what stands for all of them.
const ADDRESSES: [&str; 6] = [
    "bind",
    "bind-address",
    "bind_address",
    "listen",
    "listen_addresses",
    "ListenAddress",
];
const ALL: [&str; 4] = ["0.0.0.0", "*", "::*", "[::]"];
/// Services that do nothing but protect the host.
const GUARDS: [&str; 7] = [
    "apparmor",
    "auditd",
    "fail2ban",
    "firewalld",
    "iptables",
    "nftables",
    "ufw",
];
/// Rights that more people than before have by: to write for the group, anything for others, to run as the owner.
const WIDER: u32 = 0o6027;

/// What was told of a metric that left its shadow close to it: `coincides with cpu.busy_pct, 4 s later`.
pub(super) fn coincides(finding: &Finding) -> Option<&str> {
    let mut lines = finding.evidence.iter().map(|line| &**line);
    lines.find(|line| line.starts_with("coincides with "))
}

/// What speaks for a change besides how often such changes are undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is known who made it, nothing suffers, and it opens and weakens nothing.
    Known,
    /// Nobody knows who made it.
    Unknown,
    /// Something suffers since, which is told for itself.
    Suffers,
    /// It is known to do harm.
    Issue,
    /// It bears on who gets in.
    Opens,
    /// It takes away what protects the host.
    Weakens,
    /// A service stands still that starts by itself with the machine: whoever stopped it did not decide that it stays so.
    Starts,
}

impl Trust {
    /// What is to be thought of the change that `finding` tells; `blamed` when it is a likely cause of a departure.
    pub fn of(finding: &Finding, shadows: &Shadows, baseline: &Baseline, blamed: bool) -> Self {
        if blamed || coincides(finding).is_some() {
            return Self::Suffers;
        }
        if finding.rule.is_some() {
            return Self::Issue;
        }
        let mut settings = finding.series.iter();
        let package = settings.any(|id| matches!(Subject::of(&id.name), Subject::Package { part: "", .. }));
        let values = finding.series.iter().map(|id| {
            let now = shadows.settings.get(id).map(|state| &state.value);
            (id, now, baseline.values.get(id))
        });
        // Packages bring accounts and ports of their own, which let nobody in.
        let opens = |id: &SeriesId| opens(&Subject::of(&id.name));
        if !package && (finding.series.iter().any(opens) || opened(finding, shadows)) {
            return Self::Opens;
        }
        let mut each = values.clone();
        if each.any(|(id, now, before)| weakens(&Subject::of(&id.name), now, before)) {
            return Self::Weakens;
        }
        // As urgent as that nothing else makes it.
        if finding.severity == Severity::Critical {
            return Self::Suffers;
        }
        let mut each = values;
        if !package && each.any(|(id, now, before)| starts(id, now, before, shadows)) {
            return Self::Starts;
        }
        let by = finding.series.iter().any(|id| {
            let state = shadows.settings.get(id);
            let change = state.and_then(|state| state.last_change.as_ref());
            change.is_some_and(|change| change.by.is_some())
        });
        // A line of a log that names what was changed tells who did it, too.
        let logged = finding
            .causes
            .iter()
            .any(|cause| cause.series.is_none() && cause.weight >= 0.5);
        if package || by || logged {
            Self::Known
        } else {
            Self::Unknown
        }
    }

    /// P(nobody wants it), by this alone; by hand, until the ledger can tell.
    pub fn doubt(self) -> f64 {
        match self {
            Self::Known => 0.0,
            Self::Unknown | Self::Starts => 0.3,
            Self::Suffers | Self::Issue | Self::Opens | Self::Weakens => 0.6,
        }
    }

    pub fn why(self) -> Option<&'static str> {
        match self {
            Self::Known | Self::Suffers => None,
            Self::Unknown => Some("nobody knows who made the change"),
            Self::Issue => Some("what it is set to is a known issue"),
            Self::Opens => Some("it bears on who gets in"),
            Self::Weakens => Some("it takes away what protects the host"),
            Self::Starts => Some("it is enabled: it starts again with the machine, unless it is disabled too"),
        }
    }

    /// The factors of accepting a change whose way back scores `back`: before it where the change is trusted, else behind it.
    pub fn ranked(self, mut accept: Factors, back: f64) -> Factors {
        let score = accept.score();
        let wanted = match self {
            Self::Known => score.max(back * PLAINLY),
            _ => score.min(back / PLAINLY),
        };
        if score > 0.0 && wanted.is_finite() {
            accept.impact *= wanted / score;
        }
        accept
    }
}

/// Whether a setting decides who gets in, or as whom.
fn opens(subject: &Subject<'_>) -> bool {
    match subject {
        Subject::Sshd(_) | Subject::Account { .. } => true,
        Subject::Firewall { .. } => true,
        Subject::File { path, .. } => {
            let folder = [
                "ssh/",
                "sudoers",
                "pam.d/",
                "security/access",
                "nftables",
                "iptables/",
                "ufw/",
            ];
            folder.iter().any(|start| path.starts_with(start)) || holds_accounts(path) || path.ends_with("/pg_hba.conf")
        }
        _ => false,
    }
}

/// Whether it is a port, and no more, that is now listened on for others than the host itself.
fn opened(finding: &Finding, shadows: &Shadows) -> bool {
    let Some(id) = finding.series.first() else { return false };
    let Subject::Port { name, .. } = Subject::of(&id.name) else {
        return false;
    };
    let address = name.split_once('/').map_or(name, |(_, address)| address);
    let own = address.starts_with("127.") || address.starts_with("[::1]");
    !own && shadows.settings.get(id).is_some()
}

/// Whether what a setting says now protects the host less than what it said before.
fn weakens(subject: &Subject<'_>, now: Option<&Value>, before: Option<&Value>) -> bool {
    use std::cmp::Ordering::{Greater, Less};
    let (Some(now), Some(before)) = (now, before) else {
        return false;
    };
    match subject {
        Subject::Sysctl(name) => {
            let order = now.order(before);
            let interface = name.strip_prefix("net.").is_some() && WEAKER_ON.iter().any(|end| name.ends_with(end));
            order == Some(Less) && WEAKER_BELOW.contains(name)
                || order == Some(Greater) && (interface || WEAKER_ABOVE.contains(name))
        }
        Subject::Unit {
            name,
            part: "state" | "enabled",
        } => {
            let guard = name.strip_suffix(".service").is_some_and(|name| GUARDS.contains(&name));
            let on = |value: &Value| matches!(&*value.to_string(), "active" | "enabled");
            guard && on(before) && !on(now)
        }
        Subject::File { key: "", .. } => {
            let mode = |value: &Value| match value {
                Value::List(access) => u32::from_str_radix(&access.get("mode")?.to_string(), 8).ok(),
                _ => None,
            };
            matches!((mode(now), mode(before)), (Some(now), Some(before)) if now & !before & WIDER != 0)
        }
        Subject::File { key, .. } => {
            let last = key.rsplit(['.', ' ']).next().unwrap_or(key);
            let all = |value: &Value| {
                let text = value.to_string();
                let mut words = text.split([' ', ',']).map(|word| word.trim_start_matches('-'));
                // A port by itself is that of all addresses.
                words.any(|word| {
                    ALL.iter().any(|all| word.starts_with(all)) || last == "listen" && word.parse::<u16>().is_ok()
                })
            };
            ADDRESSES.contains(&last) && all(now) && !all(before)
        }
        _ => false,
    }
}

/// Whether a unit stands still that runs by what was accepted, and starts by itself with the machine.
fn starts(id: &SeriesId, now: Option<&Value>, before: Option<&Value>, shadows: &Shadows) -> bool {
    let Subject::Unit { name, part: "state" } = Subject::of(&id.name) else {
        return false;
    };
    let is = |value: Option<&Value>, word: &str| value.is_some_and(|value| value.to_string() == word);
    let enabled = SeriesId::new(&id.resource, &format!("unit.{name}:enabled"));
    let enabled = shadows.settings.get(&enabled).map(|state| &state.value);
    is(now, "inactive") && is(before, "active") && is(enabled, "enabled")
}
