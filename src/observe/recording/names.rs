//! Which parts of a name are this program's own, the kernel's or a well-known program's, and which name a thing of somebody's.

use super::known::{is_device, known};

/// Cuts names into what may be shown and what must be hidden.
pub(super) struct Names<'a> {
    /// Shows a part that is known; people and hosts within it may still be hidden.
    pub(super) show: &'a dyn Fn(&str) -> String,
    /// Hides a part.
    pub(super) hide: &'a dyn Fn(&str) -> String,
}

/// Families of metrics that name no thing: all behind it is the kernel's or this program's.
const OWN: [&str; 26] = [
    "clock",
    "conntrack",
    "cpu",
    "dns",
    "entropy",
    "fd",
    "icmp",
    "ip",
    "load",
    "logins",
    "mem",
    "module",
    "pid",
    "pkg",
    "lib",
    "proc",
    "psi",
    "sock",
    "sshd",
    "swap",
    "tcp",
    "temp",
    "threads",
    "udp",
    "upgrade",
    "vm",
];
/// Of what the host is made of, what names no thing.
const HARDWARE: [&str; 9] = [
    "clocksource",
    "cpu",
    "dmi",
    "hostname",
    "kernel",
    "memory",
    "module",
    "os",
    "timezone",
];
/// What stands behind a file for its content as a whole.
const CONTENT: [&str; 4] = ["content", "line", "lines", "order"];
/// Sections of unit files.
const SECTIONS: [&str; 11] = [
    "Unit",
    "Install",
    "Service",
    "Socket",
    "Timer",
    "Mount",
    "Automount",
    "Path",
    "Swap",
    "Slice",
    "Scope",
];
/// Ends of names of units and files that may be shown.
const ENDS: [&str; 20] = [
    "service",
    "socket",
    "timer",
    "mount",
    "automount",
    "path",
    "swap",
    "slice",
    "scope",
    "target",
    "conf",
    "cnf",
    "cfg",
    "json",
    "yaml",
    "yml",
    "toml",
    "xml",
    "ini",
    "pem",
];
/// Files and folders of `/etc` whose keys their program laid down.
const FIXED: [&str; 24] = [
    "adduser.conf",
    "apt/apt.conf.d/",
    "chrony/chrony.conf",
    "deluser.conf",
    "e2scrub.conf",
    "host.conf",
    "locale.conf",
    "login.defs",
    "logrotate.conf",
    "mke2fs.conf",
    "mysql/",
    "nsswitch.conf",
    "pam.d/",
    "postgresql/",
    "redis/",
    "security/",
    "selinux/config",
    "ssh/ssh_config",
    "ssh/sshd_config",
    "systemd/journald.conf",
    "systemd/logind.conf",
    "systemd/resolved.conf",
    "systemd/system.conf",
    "systemd/timesyncd.conf",
];
/// Words of rules of the firewall that are the system's.
const CHAINS: [&str; 26] = [
    "ip",
    "ip6",
    "inet",
    "arp",
    "bridge",
    "netdev",
    "filter",
    "nat",
    "mangle",
    "raw",
    "security",
    "set",
    "map",
    "routing",
    "input",
    "output",
    "forward",
    "prerouting",
    "postrouting",
    "ingress",
    "INPUT",
    "OUTPUT",
    "FORWARD",
    "PREROUTING",
    "POSTROUTING",
    "DOCKER",
];
/// Beginnings of names of metrics that well-known exporters of Prometheus lay down.
const EXPORTERS: [&str; 14] = [
    "alertmanager_",
    "container_",
    "cadvisor_",
    "etcd_",
    "go_",
    "grafana_",
    "http_",
    "kube_",
    "node_",
    "probe_",
    "process_",
    "prometheus_",
    "scrape_",
    "windows_",
];

/// Whether it is a word of this program: what it tells of a thing.
fn is_what(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 40
        && word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether it is a key as programs lay them down.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

impl Names<'_> {
    /// The name of a series of a resource of `kind`, what is somebody's in it hidden.
    pub(super) fn clean(&self, kind: &str, name: &str) -> String {
        // The values of labels may be any text.
        if let Some((name, labels)) = name.split_once('{') {
            return format!("{}{{{}}}", self.clean(kind, name), (self.hide)(labels));
        }
        if kind != "host" {
            let exporter = name == "up" || EXPORTERS.iter().any(|start| name.starts_with(start));
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:".contains(&b));
            return if exporter && plain {
                (self.show)(name)
            } else {
                (self.hide)(name)
            };
        }
        let Some((scope, rest)) = name.split_once('.') else {
            return (self.hide)(name);
        };
        let rest = match scope {
            _ if OWN.contains(&scope) => (self.show)(rest),
            "sysctl" => self.parameter(rest),
            "hw" => self.hardware(rest),
            "net" => self.network(rest),
            "unit" => self.unit(rest),
            "account" => match rest.split_once('.') {
                Some((sort @ ("user" | "group"), of)) => format!("{sort}.{}", self.thing(of, (self.hide)(thing(of).0))),
                Some((sort @ ("ssh_key" | "sudo"), who)) => format!("{sort}.{}", (self.hide)(who)),
                None if rest == "ssh_host_key" => rest.to_owned(),
                _ => (self.hide)(rest),
            },
            "limits" => match rest.strip_prefix("session.").and_then(|rest| rest.split_once(':')) {
                Some((who, what)) => format!("session.{}:{}", (self.hide)(who), (self.show)(what)),
                None if rest.starts_with("pid1.") => (self.show)(rest),
                None => (self.hide)(rest),
            },
            "cron" => match rest.split_once(':') {
                Some((table, command)) => format!("{}:{}", self.table(table), (self.hide)(command)),
                None => self.table(rest),
            },
            "port" => self.port(rest),
            "firewall" => self.chain(rest),
            "etc" | "file" | "vendor" => self.file(rest),
            "storage" | "raid" => match rest.split_once('.') {
                Some((sort @ ("raid" | "volume" | "label" | "uuid"), of)) if scope == "storage" => {
                    format!("{sort}.{}", self.thing(of, self.device(thing(of).0)))
                }
                _ => self.thing(rest, self.device(thing(rest).0)),
            },
            "disk" | "smart" => match rest.split_once(".smart.") {
                Some((disk, what)) => format!("{}.smart.{}", self.device(disk), (self.show)(what)),
                None => self.thing(rest, self.device(thing(rest).0)),
            },
            "integrity" => self.path(rest),
            "fs" | "mount" | "cert" | "cgroup" | "top" => self.thing(rest, self.path(thing(rest).0)),
            "container" => self.thing(rest, (self.hide)(thing(rest).0)),
            _ => return (self.hide)(name),
        };
        format!("{scope}.{rest}")
    }

    /// `THING:what` or `THING.what`, with the thing as `shown`.
    fn thing(&self, rest: &str, shown: String) -> String {
        let (of, what) = thing(rest);
        match what {
            Some(what) => format!("{shown}{}{}", &rest[of.len()..=of.len()], (self.show)(what)),
            None => shown,
        }
    }

    fn device(&self, name: &str) -> String {
        if is_device(name) {
            name.to_owned()
        } else {
            (self.hide)(name)
        }
    }

    /// `net.ipv4.conf.eth0.rp_filter`: all is the kernel's but interfaces.
    fn parameter(&self, rest: &str) -> String {
        let mut before = "";
        let parts = rest.split('.').map(|part| {
            let instance = matches!(std::mem::replace(&mut before, part), "conf" | "neigh");
            if instance || !part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) {
                self.device(part)
            } else {
                (self.show)(part)
            }
        });
        parts.collect::<Vec<_>>().join(".")
    }

    fn hardware(&self, rest: &str) -> String {
        match rest.split_once('.') {
            Some(("disk", of)) => format!("disk.{}", self.thing(of, self.device(thing(of).0))),
            Some(("swap", "total")) => rest.to_owned(),
            Some(("swap", file)) => format!("swap.{}", self.path(file)),
            Some((sort, _)) if HARDWARE.contains(&sort) => (self.show)(rest),
            None if is_what(rest) => rest.to_owned(),
            _ => (self.hide)(rest),
        }
    }

    fn network(&self, rest: &str) -> String {
        match rest.split_once('.') {
            Some(("hosts", name)) => format!("hosts.{}", (self.hide)(name)),
            Some(("route", to)) => format!("route.{}", (self.hide)(to)),
            Some(("resolver", key)) if is_what(key) => rest.to_owned(),
            _ => self.thing(rest, self.device(thing(rest).0)),
        }
    }

    /// `nginx.service:Service.Restart`, `unit.nginx.restarts`.
    fn unit(&self, rest: &str) -> String {
        let Some((unit, what)) = rest.split_once(':') else {
            return match rest.rsplit_once('.') {
                Some((unit, "restarts")) => format!("{}.restarts", self.part(unit)),
                None if is_what(rest) => rest.to_owned(),
                _ => self.part(rest),
            };
        };
        let section = what
            .split_once('.')
            .is_some_and(|(section, key)| SECTIONS.contains(&section) && is_key(key));
        let what = if section || is_what(what) {
            (self.show)(what)
        } else {
            (self.hide)(what)
        };
        format!("{}:{what}", self.part(unit))
    }

    fn table(&self, table: &str) -> String {
        match table.strip_prefix("user ") {
            Some(who) => format!("user {}", (self.hide)(who)),
            None => self.path(table),
        }
    }

    /// `tcp/0.0.0.0:80:unit`.
    fn port(&self, rest: &str) -> String {
        let (place, what) = match rest.rsplit_once(':') {
            Some((place, what)) if is_what(what) && what.contains(|c: char| c.is_ascii_lowercase()) => {
                (place, Some(what))
            }
            _ => (rest, None),
        };
        let (sort, address) = place.split_once('/').unwrap_or(("", place));
        let shown = match address.rsplit_once(':') {
            Some((host, port)) if is_what(sort) && port.bytes().all(|b| b.is_ascii_digit()) => {
                format!("{sort}/{}:{port}", (self.hide)(host))
            }
            _ => (self.hide)(place),
        };
        what.map_or(shown.clone(), |what| format!("{shown}:{what}"))
    }

    fn chain(&self, rest: &str) -> String {
        let (chain, order) = rest
            .strip_suffix(":order")
            .map_or((rest, ""), |chain| (chain, ":order"));
        let word = |word: &str| {
            if CHAINS.contains(&word) {
                word.to_owned()
            } else {
                (self.hide)(word)
            }
        };
        chain.split(' ').map(word).collect::<Vec<_>>().join(" ") + order
    }

    /// `ssh/sshd_config:PermitRootLogin`: keys are somebody's own, but where their program laid them down.
    fn file(&self, rest: &str) -> String {
        let Some((path, key)) = rest.split_once(':') else {
            return self.path(rest);
        };
        let key = match key {
            _ if CONTENT.contains(&key) => key.to_owned(),
            _ if path == "fstab" => self.path(key),
            _ if path == "sysctl.conf" || path.contains("sysctl.d/") => self.parameter(key),
            _ if is_key(key) && FIXED.iter().any(|fixed| path.starts_with(fixed)) => (self.show)(key),
            _ if path.starts_with("nginx/") || path.starts_with("apache2/") => self.directive(key),
            _ => (self.hide)(key),
        };
        format!("{}:{key}", self.path(path))
    }

    /// `server[443 a.org].location[/x].root`: what stands in brackets names somebody's, and so does all within a map.
    fn directive(&self, key: &str) -> String {
        const OURS: [&str; 12] = [
            "map",
            "geo",
            "split_clients",
            "types",
            "charset_map",
            "SetEnv",
            "SetEnvIf",
            "env",
            "if",
            "Define",
            "perl",
            "js",
        ];
        let (mut clean, mut rest) = (String::new(), key);
        while !rest.is_empty() {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if OURS.contains(&word) || !(word.is_empty() || is_key(word)) {
                return clean + &(self.hide)(rest);
            }
            clean += &(self.show)(word);
            rest = match after.strip_prefix('[') {
                Some(inner) => {
                    // Brackets may stand within; the next word begins behind the last that closes before a dot.
                    let close = inner
                        .find("].")
                        .or_else(|| inner.ends_with(']').then(|| inner.len() - 1));
                    let Some(close) = close else {
                        return clean + &(self.hide)(after);
                    };
                    clean += &format!("[{}]", (self.hide)(&inner[..close]));
                    &inner[close + 1..]
                }
                None => {
                    let dot = usize::from(!after.is_empty());
                    clean += &after[..dot];
                    &after[dot..]
                }
            };
            if let Some(next) = rest.strip_prefix('.').filter(|_| clean.ends_with(']')) {
                clean.push('.');
                rest = next;
            }
        }
        clean
    }

    /// A path: folders every system has are shown, all others hidden one by one.
    fn path(&self, path: &str) -> String {
        path.split('/')
            .map(|part| self.part(part))
            .collect::<Vec<_>>()
            .join("/")
    }

    /// A part of a path, or the name of a unit: `getty@tty1.service`.
    fn part(&self, part: &str) -> String {
        let number = part.len() <= 5 && part.bytes().all(|b| b.is_ascii_digit());
        if number || part == "." || known(part) || is_device(part) {
            return (self.show)(part);
        }
        if let Some((stem, end)) = part.rsplit_once('.').filter(|(_, end)| ENDS.contains(end)) {
            return format!("{}.{end}", self.part(stem));
        }
        if let Some((template, instance)) = part.split_once('@').filter(|(template, _)| self.is_shown(template)) {
            let instance = if instance.is_empty() {
                String::new()
            } else {
                self.part(instance)
            };
            return format!("{}@{instance}", (self.show)(template));
        }
        if self.is_shown(part) {
            (self.show)(part)
        } else {
            (self.hide)(part)
        }
    }

    fn is_shown(&self, part: &str) -> bool {
        let of_systemd = part.strip_prefix("systemd-");
        known(part) || of_systemd.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
    }
}

/// What a name is about, and what it tells of that: behind the last colon, else behind the last dot.
fn thing(rest: &str) -> (&str, Option<&str>) {
    let cut = |at: char| rest.rsplit_once(at).filter(|(_, what)| is_what(what));
    cut(':')
        .or_else(|| cut('.'))
        .map_or((rest, None), |(of, what)| (of, Some(what)))
}
