//! How what reads a file in `/etc` is told of it: what looks whether it can be read, and what makes it count.

use super::{host::Host, unit};
use crate::{domain::unit_of, propose::known};

/// What follows when a file was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reload {
    /// The command that says whether the file can be read; empty where none does.
    pub check: String,
    /// The command that makes it count; empty where none is needed, or known.
    pub act: String,
    /// What a person has to know or do instead.
    pub note: String,
}

impl Reload {
    /// The commands in their order.
    pub fn commands(&self) -> String {
        let both = [&self.check, &self.act].map(|one| one.as_str());
        let both = both.into_iter().filter(|one| !one.is_empty());
        both.collect::<Vec<_>>().join(" && ")
    }
}

/// A reader: how its files begin, what checks them, and what is then done.
struct Reader(&'static str, &'static str, Act);

enum Act {
    /// Nothing: it looks by itself, or the check is all there is.
    None,
    /// A command.
    Run(&'static str),
    /// systemctl with this verb, for the first of these services that is there.
    Service(&'static str, &'static [&'static str]),
}

const READERS: &[Reader] = &[
    Reader("ssh/sshd_config", "sshd -t", Act::Service("reload", &["ssh", "sshd"])),
    Reader(
        "systemd/journald.conf",
        "",
        Act::Service("restart", &["systemd-journald"]),
    ),
    Reader(
        "systemd/resolved.conf",
        "",
        Act::Service("restart", &["systemd-resolved"]),
    ),
    Reader(
        "systemd/timesyncd.conf",
        "",
        Act::Service("restart", &["systemd-timesyncd"]),
    ),
    Reader("systemd/system", "", Act::Run("systemctl daemon-reload")),
    Reader("fstab", "findmnt --verify", Act::Run("systemctl daemon-reload")),
    Reader("nginx/", "nginx -t", Act::Service("reload", &["nginx"])),
    Reader(
        "haproxy/",
        "haproxy -c -f /etc/haproxy/haproxy.cfg",
        Act::Service("reload", &["haproxy"]),
    ),
    Reader("apache2/", "apachectl configtest", Act::Service("reload", &["apache2"])),
    Reader("httpd/", "apachectl configtest", Act::Service("reload", &["httpd"])),
    Reader("rsyslog", "rsyslogd -N1", Act::Service("restart", &["rsyslog"])),
    Reader("chrony/", "", Act::Service("restart", &["chrony", "chronyd"])),
    Reader("fail2ban/", "fail2ban-client -t", Act::Service("reload", &["fail2ban"])),
    Reader("sudoers", "visudo -c", Act::None),
    Reader("modprobe.d/", "", Act::Run("update-initramfs -u")),
    Reader("default/grub", "", Act::Run("update-grub")),
];

/// What is said where nobody knows who reads a file.
const UNKNOWN: &str = "what reads it may have to be reloaded or started anew";

/// What follows when the settings `keys` of the file `path` below `/etc` were changed; empty where nothing is known to.
pub(super) fn of(path: &str, keys: &[&str], host: &Host<'_>) -> Reload {
    if let Some(reload) = postgresql(path, keys, host) {
        return reload;
    }
    if path.starts_with("redis/") || path.starts_with("valkey/") {
        return store(path);
    }
    if path.starts_with("sysctl") {
        return sysctl(host);
    }
    let Some(Reader(_, check, act)) = READERS.iter().find(|Reader(start, ..)| path.starts_with(start)) else {
        // Of the mode of a file nobody need be told, and these are looked at whenever they are needed.
        let looked = ["cron", "pam.d/", "logrotate", "login.defs", "hostname"];
        let whole = ["content", "line", "lines", "order"];
        let told = keys.iter().any(|key| !whole.contains(key)) && !looked.iter().any(|start| path.starts_with(start));
        return Reload {
            note: if told { UNKNOWN.into() } else { String::new() },
            ..Reload::default()
        };
    };
    let mut reload = Reload {
        check: (*check).into(),
        ..Reload::default()
    };
    match act {
        Act::None => {}
        Act::Run(command) if command.starts_with("systemctl") && !host.systemd() => {}
        Act::Run(command) => reload.act = (*command).into(),
        Act::Service(verb, names) => {
            let service = host.service(names);
            if host.systemd() {
                reload.act = format!("systemctl {verb} {service}");
            } else {
                reload.note = format!("no systemd was seen here: {verb} {service} as it was started");
            }
        }
    }
    // What was added to a service counts once that was started anew.
    let added = unit_of(path).filter(|_| path.contains(".service.d/"));
    if let Some(restart) = added.and_then(unit::restart).filter(|_| host.systemd()) {
        reload.act = format!("{} && {restart}", reload.act);
    }
    reload
}

/// A cluster of Debian's PostgreSQL: `/etc/postgresql/15/main`. It is asked whether it can read its file, and started anew where a setting
/// counts only then.
fn postgresql(path: &str, keys: &[&str], host: &Host<'_>) -> Option<Reload> {
    let mut parts = path.strip_prefix("postgresql/")?.split('/');
    let (version, cluster, file) = (parts.next()?, parts.next()?, parts.next()?);
    let number = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let named = cluster.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if !number || !named || cluster.is_empty() {
        return None;
    }
    let restarts = keys.iter().any(|key| known::postmaster(key));
    let verb = if restarts { "restart" } else { "reload" };
    // Any setting that can be asked for, for the whole file is read first.
    let asked = matches!(file, "postgresql.conf" | "conf.d");
    let check = asked.then(|| {
        format!(
            "runuser -u postgres -- /usr/lib/postgresql/{version}/bin/postgres -C data_directory \
             --config-file=/etc/postgresql/{version}/{cluster}/postgresql.conf > /dev/null"
        )
    });
    Some(Reload {
        check: check.unwrap_or_default(),
        act: match host.systemd() {
            true => format!("systemctl {verb} postgresql@{version}-{cluster}"),
            false => format!("pg_ctlcluster {version} {cluster} {verb}"),
        },
        note: match restarts {
            false if asked => {
                "what waits for a restart: runuser -u postgres -- psql -Atc 'select name from pg_settings where pending_restart'".into()
            }
            _ => String::new(),
        },
    })
}

/// Redis and Valkey read their file only when they start.
fn store(path: &str) -> Reload {
    let program = path.split('/').next().unwrap_or_default();
    Reload {
        note: format!(
            "it counts when {program}-server is started anew, which ends its connections; most settings count at once by \
             `{program}-cli CONFIG SET NAME VALUE`"
        ),
        ..Reload::default()
    }
}

/// All files of parameters are read again, in their order.
fn sysctl(host: &Host<'_>) -> Reload {
    match host.read_only("/proc/sys") {
        Some(_) => Reload {
            note: "/proc/sys is mounted read-only here: it counts where the host reads this file".into(),
            ..Reload::default()
        },
        None => Reload {
            act: "sysctl --system".into(),
            ..Reload::default()
        },
    }
}
