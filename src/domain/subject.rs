//! What a setting is a part of: its name, taken apart. The one place that knows how sources build setting names.

/// The thing a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject<'a> {
    /// An installed package, with its architecture where that is part of the name; `part` is `hold` or `state`, or empty for the
    /// version.
    Package {
        /// `bash`, `libc6:i386`.
        name: &'a str,
        /// What of it.
        part: &'a str,
    },
    /// A mounted file system.
    Mount {
        /// Where.
        point: &'a str,
        /// `device`, `fstype` or `options`.
        part: &'a str,
    },
    /// A kernel parameter.
    Sysctl(&'a str),
    /// A systemd unit.
    Unit {
        /// With its ending.
        name: &'a str,
        /// `state` or `enabled`.
        part: &'a str,
    },
    /// A network interface.
    Interface {
        /// Its name.
        name: &'a str,
        /// `mtu`, `addresses` and so on.
        part: &'a str,
    },
    /// A route.
    Route {
        /// Where to, with prefix.
        to: &'a str,
        /// Through which interface.
        interface: &'a str,
    },
    /// A name in `/etc/hosts`.
    HostName(&'a str),
    /// A keyword of `/etc/resolv.conf`.
    Resolver(&'a str),
    /// A resource limit of sessions.
    SessionLimit {
        /// User, `@group` or `*`.
        domain: &'a str,
        /// What is limited.
        item: &'a str,
        /// `soft`, `hard` or `-` for both.
        kind: &'a str,
    },
    /// A resource limit of the first process.
    FirstLimit(&'a str),
    /// A file in `/etc`; `key` is empty for the file itself (mode and owner, or a link's target).
    File {
        /// Below `/etc`.
        path: &'a str,
        /// `content`, `line`, or a key of it.
        key: &'a str,
    },
    /// A port that is listened on.
    Port {
        /// `tcp/0.0.0.0:22`.
        name: &'a str,
        /// `program`, `unit` or `package`, or empty for who listens.
        part: &'a str,
    },
    /// A keyword of the ssh server, as it understood its files.
    Sshd(&'a str),
    /// A user, a group, or what a person may do: `kind` is `user`, `group`, `ssh_key` or `sudo`.
    Account {
        /// Which of these.
        kind: &'a str,
        /// Of whom.
        name: &'a str,
        /// `uid`, `shell` and so on.
        part: &'a str,
    },
    /// Jobs of a crontab: a path, or `user NAME`.
    Cron {
        /// Whose.
        table: &'a str,
        /// The command, or empty for the list of a folder.
        command: &'a str,
    },
    /// A certificate in a file.
    Certificate {
        /// Its path.
        path: &'a str,
        /// `expires`, `subject` and so on.
        part: &'a str,
    },
    /// The machine and its kernel.
    Hardware(&'a str),
    /// Rules of the firewall or of policy routing.
    Firewall {
        /// `inet filter input`, `ip routing`, `set inet filter ban`.
        chain: &'a str,
        /// `order`, or empty for the rules.
        part: &'a str,
    },
    /// Anything else.
    Other(&'a str),
}

impl<'a> Subject<'a> {
    /// What the setting named `name` (with its scope) is a part of.
    #[must_use]
    pub fn of(name: &'a str) -> Self {
        let Some((scope, rest)) = name.split_once('.') else {
            return Self::Other(name);
        };
        let parts = |from_end: bool| {
            let split = if from_end {
                rest.rsplit_once(':')
            } else {
                rest.split_once(':')
            };
            split.unwrap_or((rest, ""))
        };
        match scope {
            "pkg" => match parts(true) {
                (name, part @ ("hold" | "state")) => Self::Package { name, part },
                _ => Self::Package { name: rest, part: "" },
            },
            "mount" => {
                let (point, part) = parts(true);
                Self::Mount { point, part }
            }
            "sysctl" => Self::Sysctl(rest),
            "unit" => {
                let (name, part) = parts(true);
                Self::Unit { name, part }
            }
            "net" => Self::network(rest),
            "limits" => Self::limit(rest),
            "etc" => {
                let (path, key) = parts(false);
                Self::File { path, key }
            }
            "port" => match parts(true) {
                (name, part @ ("program" | "unit" | "package")) => Self::Port { name, part },
                _ => Self::Port { name: rest, part: "" },
            },
            "sshd" => Self::Sshd(rest),
            "hw" => Self::Hardware(rest),
            "account" => Self::account(rest),
            "firewall" => {
                let chain = rest.strip_suffix(":order");
                Self::Firewall {
                    chain: chain.unwrap_or(rest),
                    part: if chain.is_some() { "order" } else { "" },
                }
            }
            "cron" => {
                let (table, command) = parts(false);
                Self::Cron { table, command }
            }
            "cert" => {
                let (path, part) = parts(true);
                Self::Certificate { path, part }
            }
            _ => Self::Other(rest),
        }
    }

    fn network(rest: &'a str) -> Self {
        if let Some(name) = rest.strip_prefix("hosts.") {
            return Self::HostName(name);
        }
        if let Some(key) = rest.strip_prefix("resolver.") {
            return Self::Resolver(key);
        }
        if let Some((to, interface)) = rest.strip_prefix("route.").and_then(|route| route.rsplit_once('@')) {
            return Self::Route { to, interface };
        }
        // An interface's name may hold dots (`eth0.100`), a part's does not.
        let (name, part) = rest.rsplit_once('.').unwrap_or((rest, ""));
        Self::Interface { name, part }
    }

    fn account(rest: &'a str) -> Self {
        let (kind, whose) = rest.split_once('.').unwrap_or(("", rest));
        let (name, part) = match kind {
            "user" | "group" => whose.rsplit_once(':').unwrap_or((whose, "")),
            _ => (whose, ""),
        };
        Self::Account { kind, name, part }
    }

    fn limit(rest: &'a str) -> Self {
        let session = rest.strip_prefix("session.").and_then(|limit| {
            let (limit, kind) = limit.rsplit_once(':')?;
            let (domain, item) = limit.rsplit_once(':')?;
            Some(Self::SessionLimit { domain, item, kind })
        });
        session.unwrap_or_else(|| Self::FirstLimit(rest.strip_prefix("pid1.").unwrap_or(rest)))
    }

    /// The file in which it is set, where there is one.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        Some(match self {
            Self::File { path, .. } => format!("/etc/{path}"),
            Self::HostName(_) => "/etc/hosts".into(),
            Self::Resolver(_) => "/etc/resolv.conf".into(),
            Self::SessionLimit { .. } => "/etc/security/limits.conf".into(),
            _ => return None,
        })
    }

    /// Names that settings of one matter share, whatever source they come from: a mount and its line in fstab, a parameter and
    /// its line in sysctl.d, a unit and the port of its program, a package and its folder in `/etc`.
    ///
    /// `program` is the value of a port or of its part: who listens.
    #[must_use]
    pub fn names(&self, program: Option<&str>) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Package { name, .. } => vec![stem(name).into()],
            Self::Mount { point, .. } => vec![(*point).into()],
            Self::Sysctl(name) => {
                // net.ipv4.conf.eth0.forwarding also belongs to eth0.
                let interface = name.strip_prefix("net.").and_then(|rest| {
                    let mut words = rest.split('.').skip(1);
                    matches!(words.next(), Some("conf" | "neigh")).then(|| words.next())?
                });
                let interface = interface.filter(|name| !matches!(*name, "all" | "default"));
                std::iter::once((*name).to_owned())
                    .chain(interface.map(|name| name.replace('/', ".")))
                    .collect()
            }
            Self::Unit { name, .. } => match name.strip_suffix(".mount") {
                Some(escaped) => vec![mount_point(escaped)],
                None => vec![stem(name).into()],
            },
            Self::Interface { name, .. } | Self::Route { interface: name, .. } => vec![(*name).into()],
            Self::HostName(name) => vec![(*name).into()],
            Self::Resolver(_) => vec!["/etc/resolv.conf".into()],
            Self::SessionLimit { .. } => vec!["/etc/security/limits.conf".into()],
            Self::FirstLimit(_) => Vec::new(),
            Self::File { path, key } if ACCOUNTS.contains(path) => {
                let whose = (!key.is_empty()).then(|| format!("account {key}"));
                std::iter::once(ACCOUNT_FILES.to_owned()).chain(whose).collect()
            }
            // A unit's own file or an addition to it is named by the unit alone: `limits.conf` is of nothing else.
            Self::File { path, .. } if unit_of(path).is_some() => {
                let unit = unit_of(path).map(|unit| stem(unit).to_owned());
                std::iter::once(format!("/etc/{path}")).chain(unit).collect()
            }
            Self::File { path, key } => {
                // The folders that hold the files of many say nothing.
                // Of a link that starts or stops a service its name is told alone: the folder is that of all.
                let link = start_link(path);
                let words = link.unwrap_or(path).split('/').map(stem);
                let words = words.filter(|word| word.len() > 2 && !COMMON.contains(word));
                let dotted = key.replace('/', ".");
                let of_all = path.starts_with("sysctl") && !key.is_empty();
                // Jobs of `cron.daily` and its like are told by their folder.
                let folder = path
                    .split_once('/')
                    .filter(|(folder, _)| folder.ends_with("ly") && folder.starts_with("cron."));
                words
                    .map(str::to_owned)
                    .chain([format!("/etc/{path}")])
                    .chain(of_all.then_some(dotted))
                    .chain((*path == "fstab").then(|| (*key).to_owned()))
                    .chain(folder.map(|(folder, _)| format!("/etc/{folder}")))
                    .collect()
            }
            // The files of accounts are written together by whatever makes or removes one.
            Self::Account {
                kind: "user" | "group",
                name,
                ..
            } => {
                vec![ACCOUNT_FILES.into(), format!("account {name}")]
            }
            Self::Account { kind: "sudo", name, .. } => vec!["sudoers".into(), format!("account {name}")],
            Self::Account { name, .. } => vec![format!("account {name}")],
            Self::Cron { table, .. } => vec![(*table).into()],
            Self::Certificate { path, .. } => vec![(*path).into()],
            Self::Port { name, part } => {
                // Its file and its package are those of many others, and so is the session it was started in.
                let program = match *part {
                    "" => program,
                    _ => program.filter(|unit| unit.ends_with(".service")).map(stem),
                };
                let program = program.filter(|program| *program != "unknown");
                std::iter::once(format!("port {name}"))
                    .chain(program.map(str::to_owned))
                    .collect()
            }
            // The folder of its files.
            Self::Sshd(_) => vec!["ssh".into()],
            Self::Hardware(name) => {
                let mut words = name.split('.');
                let thing = words
                    .next()
                    .filter(|word| matches!(*word, "disk" | "module" | "swap"))
                    .and_then(|_| words.next());
                thing.map(str::to_owned).into_iter().collect()
            }
            // `nft -f` loads a table with all its chains and sets.
            Self::Firewall { chain, .. } => {
                let own = chain.trim_start_matches("set ").trim_start_matches("map ");
                let table: Vec<&str> = own.split(' ').take(2).collect();
                vec![format!("firewall {}", table.join(" "))]
            }
            Self::Other(_) => Vec::new(),
        };
        names.retain(|name| name.len() > 1 || name == "/");
        names
    }

    /// The thing in words, without its part: `package bash`, `mount /data`, `/etc/hosts`.
    #[must_use]
    pub fn thing(&self) -> String {
        match self {
            Self::Package { name, .. } => format!("package {name}"),
            Self::Mount { point, .. } => format!("mount {point}"),
            Self::Sysctl(name) => format!("sysctl {name}"),
            Self::Unit { name, .. } => format!("unit {name}"),
            Self::Interface { name, .. } => format!("interface {name}"),
            Self::Route { to, interface } => format!("route {to} through {interface}"),
            Self::HostName(name) => format!("{name} in /etc/hosts"),
            Self::Resolver(key) => format!("{key} in /etc/resolv.conf"),
            Self::SessionLimit { domain, item, kind } => format!("limit {domain} {kind} {item}"),
            Self::FirstLimit(name) => format!("limit {name} of process 1"),
            Self::File { path, .. } => format!("/etc/{path}"),
            Self::Port { name, .. } => format!("port {name}"),
            Self::Sshd(key) => format!("{key} of sshd"),
            Self::Account { kind, name, .. } => format!("{} {name}", kind.replace('_', " ")),
            Self::Cron { table, .. } => format!("cron {table}"),
            Self::Certificate { path, .. } => format!("certificate {path}"),
            Self::Firewall { chain, .. } => format!("firewall {chain}"),
            Self::Hardware(name) | Self::Other(name) => (*name).into(),
        }
    }
}

/// Files in `/etc` that hold accounts.
const ACCOUNTS: [&str; 6] = ["passwd", "group", "shadow", "gshadow", "subuid", "subgid"];
/// The name that these files and the accounts in them share.
const ACCOUNT_FILES: &str = "/etc/passwd";

/// Whether a file in `/etc` is one of those that hold accounts.
#[must_use]
pub fn holds_accounts(path: &str) -> bool {
    ACCOUNTS.contains(&path)
}

/// The unit that a file below `/etc` defines or adds to: `nginx.service` of `systemd/system/nginx.service.d/limits.conf`.
#[must_use]
pub fn unit_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("systemd/system/")?;
    let first = rest.split('/').next()?;
    let links = first.ends_with(".wants") || first.ends_with(".requires");
    let unit = if links {
        rest.rsplit('/').next()?
    } else {
        first.strip_suffix(".d").unwrap_or(first)
    };
    unit.contains('.').then_some(unit)
}

/// Folders and words that are no name of anything.
const COMMON: [&str; 22] = [
    "conf",
    "config",
    "common",
    "default",
    "system",
    "systemd",
    "init",
    "security",
    "cron",
    "profile",
    "logrotate",
    "alternatives",
    "multi-user",
    "pam",
    "apt",
    "sysctl",
    "network",
    "main",
    "services",
    "modules",
    "local",
    "site",
];

/// The service that a link of System V's init is for: `rc2.d/S01cron` of `cron`.
fn start_link(path: &str) -> Option<&str> {
    let (folder, link) = path.split_once('/')?;
    let level = folder.strip_prefix("rc")?.strip_suffix(".d")?;
    let order = link.strip_prefix(['S', 'K'])?;
    let number = order.get(..2)?.bytes().all(|b| b.is_ascii_digit());
    (level.len() == 1 && number).then(|| &order[2..])
}

/// A name up to its ending, architecture or instance: `nginx` of `nginx.conf`, `libc6` of `libc6:i386`.
fn stem(name: &str) -> &str {
    let end = name.find(['.', ':', '@']).filter(|end| *end > 0);
    end.map_or(name, |end| &name[..end])
}

/// The path that systemd escaped into the name of a mount unit: `/` as `-`, other characters as `\x2d` (systemd.unit(5)).
fn mount_point(escaped: &str) -> String {
    if escaped == "-" {
        return "/".into();
    }
    let mut path = String::from("/");
    let mut rest = escaped;
    while let Some(c) = rest.chars().next() {
        let code = rest
            .strip_prefix("\\x")
            .and_then(|hex| hex.get(..2))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) if code.is_ascii() => {
                path.push(char::from(code));
                rest = &rest[4..];
            }
            _ => {
                path.push(if c == '-' { '/' } else { c });
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    path
}

#[cfg(test)]
mod tests;
