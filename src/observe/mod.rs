//! Sources: one file a source. A source reads and says what it read; it judges nothing and changes nothing.

mod account;
mod audit;
mod backfill;
mod certificate;
mod cgroup;
mod child;
mod clue;
mod container;
mod cpu;
mod cron;
mod device;
mod diagnosis;
mod disk;
mod dns;
mod etc;
mod file;
mod filesystem;
mod firewall;
mod forerunner;
mod hardware;
mod history;
pub mod import;
mod integrity;
mod journal;
mod kernel;
mod kmsg;
mod limit;
mod link;
mod load;
mod log;
mod login;
mod look;
mod memory;
mod meter;
mod module;
mod mount;
mod mountinfo;
mod netlink;
mod network;
mod nudge;
mod package;
mod port;
mod process;
mod prometheus;
mod protocol;
pub mod recording;
mod scope;
mod secret;
mod smart;
mod socket;
mod sshd;
mod storage;
mod sysctl;
mod syslog;
mod tail;
mod temperature;
mod timesync;
mod unit;
mod witness;
pub mod zone;

// Elsewhere these are all there is; on Linux only their tests run.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(test)]
mod fixture;
#[cfg(all(test, target_os = "linux"))]
mod live;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

#[cfg(target_os = "linux")]
pub use integrity::{Effort, Integrity, Swept};
pub use look::looks;
pub use prometheus::{PROMETHEUS, prometheus_group, selected, unit};

use crate::domain::{Batch, ResourceId, Span, Timestamp, Value};

/// The name of the group that is read at every interval.
pub const METRICS: &str = "metrics";

/// Names of all sources there may be, on any host.
pub const SOURCES: &[&str] = &[
    "account",
    "apk-history",
    "atop-past",
    "audit",
    "certificate",
    "cgroup",
    "config-history",
    "container",
    "cpu",
    "cron",
    "disk",
    "dns",
    "etc",
    "file",
    "firewall",
    "fs",
    "fs-remote",
    "hardware",
    "integrity",
    "journal",
    "journal-past",
    "kernel",
    "kmsg",
    "language-package",
    "limits",
    "link",
    "load",
    "login",
    "memory",
    "module",
    "mount",
    "network",
    "package",
    "package-history",
    "paging",
    "port",
    "pressure",
    "process",
    "prometheus",
    "protocol",
    "rpm-history",
    "smart",
    "sshd",
    "storage",
    "sysctl",
    "sysinfo",
    "sysinfo-disks",
    "syslog",
    "syslog-past",
    "sysstat-past",
    "tcp-states",
    "temperature",
    "timesync",
    "unit",
];

/// The host that is watched, and how often.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where its file tree begins: `/`, or a copy of the parts that are read.
    pub root: PathBuf,
    /// What its series belong to.
    pub resource: ResourceId,
    /// The store's own key, under which secrets are hashed.
    pub secret_key: [u8; 32],
    /// Time between two readings of the metrics.
    pub interval: Span,
    /// Time between two snapshots of the settings.
    pub settings_interval: Span,
    /// Files and folders read as settings besides `/etc`.
    pub paths: Vec<PathBuf>,
    /// Whether lines of those of unknown formats are told, and not only a hash of their content.
    pub keep_lines: bool,
    /// The name the resolver is asked for; empty asks nothing.
    pub dns: String,
    /// The file in which the files of programs are remembered; `None` forgets them when the program ends.
    pub memory: Option<PathBuf>,
    /// Its settings as they were told last, before this program was started.
    pub known: Arc<BTreeMap<Arc<str>, Value>>,
}

/// Sources that run one after another on one thread of the engine, so that a hung mount or a slow child of one group does
/// not stop the others.
pub struct Group {
    /// What the group reads: `metrics`, `mounts`, `processes`, `settings`, `accounts`, `containers`, `programs`, `events`,
    /// `integrity`, `dns`, `files`, `backfill`, `prometheus`.
    pub name: &'static str,
    /// Its sources, in the order they are read.
    pub sources: Vec<Box<dyn Source>>,
}

/// The sources of metrics of `host`, in groups.
#[cfg(target_os = "linux")]
#[must_use]
pub fn metric_groups(host: &Host) -> Vec<Group> {
    vec![
        Group {
            name: METRICS,
            sources: vec![
                Box::new(cpu::Cpu::new(host)),
                Box::new(load::Load::new(host)),
                Box::new(load::Pressure::new(host)),
                Box::new(memory::Memory::new(host)),
                Box::new(memory::Paging::new(host)),
                Box::new(disk::Disks::new(host)),
                Box::new(network::Interfaces::new(host)),
                Box::new(protocol::Protocols::new(host)),
                Box::new(kernel::Tables::new(host)),
            ],
        },
        // Another machine that does not answer holds up only itself.
        Group {
            name: "mounts",
            sources: vec![Box::new(filesystem::FileSystems::remote(host))],
        },
        Group {
            name: "processes",
            sources: vec![
                Box::new(filesystem::FileSystems::local(host)),
                Box::new(process::Processes::new(host)),
                Box::new(cgroup::Groups::new(host)),
                Box::new(socket::TcpStates::new(host)),
                Box::new(temperature::Temperatures::new(host)),
            ],
        },
    ]
}

/// The sources of settings and events of `host`, in groups.
#[cfg(target_os = "linux")]
#[must_use]
pub fn setting_groups(host: &Host) -> Vec<Group> {
    let witness = witness::Witness::default();
    let journal = journal::Journal::kept(&host.root);
    let logged = journal || syslog::LOGINS.iter().any(|log| host.root.join(log).exists());
    let log: Box<dyn Source> = if journal {
        Box::new(journal::Journal::new(host, &witness))
    } else if logged || syslog::LOGS.iter().any(|log| host.root.join(log).exists()) {
        Box::new(syslog::Syslog::new(host, &witness))
    } else {
        Box::new(kmsg::Kmsg::new(host))
    };
    let mut groups = vec![
        Group {
            name: "settings",
            sources: vec![
                Box::new(sysctl::Sysctl::new(host).asking(&witness)),
                Box::new(mount::Mounts::new(host).asking(&witness)),
                Box::new(link::Links::new(host).asking(&witness)),
                Box::new(limit::Limits::new(host).asking(&witness)),
                Box::new(hardware::Hardware::new(host).asking(&witness)),
                Box::new(storage::Storage::new(host).asking(&witness)),
                Box::new(module::Modules::new(host).asking(&witness)),
                Box::new(package::Packages::new(host).asking(&witness)),
                // After the packages that are there: what a log tells of them finds them known.
                Box::new(history::PackageHistory::new(host, &witness)),
                Box::new(history::RpmHistory::new(host, &witness)),
                Box::new(history::ApkHistory::new(host, &witness)),
                Box::new(port::Ports::new(host).asking(&witness)),
                Box::new(etc::Etc::new(host, &witness)),
                Box::new(package::LanguagePackages::new(host)),
                Box::new(cron::Cron::new(host).asking(&witness)),
            ],
        },
        // Homes may lie on another machine.
        Group {
            name: "accounts",
            sources: vec![Box::new(account::Accounts::new(host, &witness))],
        },
        // A daemon that hangs holds up only itself.
        Group {
            name: "containers",
            sources: vec![Box::new(container::Containers::new(host))],
        },
        // What other programs answer, and the certificates that listeners show.
        Group {
            name: "programs",
            sources: vec![
                Box::new(unit::Units::new(host).asking(&witness)),
                Box::new(firewall::Firewall::new(host).asking(&witness)),
                Box::new(sshd::Sshd::new(host).asking(&witness)),
                Box::new(timesync::TimeSync::new(host)),
                Box::new(smart::Smart::new(host)),
                Box::new(certificate::Certificates::new(host).asking(&witness)),
            ],
        },
        Group {
            name: "events",
            sources: vec![
                log,
                Box::new(audit::Audit::new(host, &witness)),
                Box::new(login::Logins::new(host, logged.then_some(&witness))),
            ],
        },
    ];
    if let Some(vendor) = etc::Etc::vendor(host, &witness) {
        groups[0].sources.push(Box::new(vendor));
    }
    // It reads much, a little at a time.
    groups.push(Group {
        name: "integrity",
        sources: vec![Box::new(integrity::Integrity::with(host, &witness))],
    });
    // A resolver that does not answer is waited for.
    if !host.dns.is_empty() {
        groups.push(Group {
            name: "dns",
            sources: vec![Box::new(dns::Dns::new(host))],
        });
    }
    // They may lie on another machine, which then holds up only them.
    if !host.paths.is_empty() {
        groups.push(Group {
            name: "files",
            sources: vec![Box::new(etc::Etc::named(host, &witness))],
        });
    }
    groups
}

/// The sources of metrics of `host`, in groups.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn metric_groups(host: &Host) -> Vec<Group> {
    vec![
        Group {
            name: METRICS,
            sources: vec![Box::new(portable::Portable::new(host))],
        },
        Group {
            name: "mounts",
            sources: vec![
                Box::new(portable::PortableDisks::new(host)),
                Box::new(temperature::Temperatures::new(host)),
            ],
        },
    ]
}

/// The sources of settings and events of `host`, in groups.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn setting_groups(host: &Host) -> Vec<Group> {
    vec![Group {
        name: "settings",
        sources: vec![
            Box::new(portable::PortableHardware::new(host)),
            Box::new(etc::Etc::new(host, &witness::Witness::default())),
        ],
    }]
}

/// The sources of what happened on `host` before watching began: long, and in no hurry.
#[cfg(target_os = "linux")]
#[must_use]
pub fn past_groups(host: &Host) -> Vec<Group> {
    vec![Group {
        name: "backfill",
        sources: vec![
            Box::new(backfill::JournalPast::new(host)),
            Box::new(backfill::SyslogPast::new(host)),
            Box::new(backfill::sysstat(host)),
            Box::new(backfill::atop(host)),
            Box::new(backfill::Commits::new(host)),
        ],
    }]
}

/// The sources of what happened on `host` before watching began: there are none.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn past_groups(_: &Host) -> Vec<Group> {
    Vec::new()
}

/// Something that can be read again and again.
pub trait Source: Send {
    /// Its name, as in `doctor`, the Overview and the option `sources_off`.
    fn name(&self) -> &'static str;

    /// How long after one read the next is due.
    fn every(&self) -> Span;

    /// How soon it is to be read again at the latest, however rarely it is otherwise, while what it found waits to be told; `None` when
    /// nothing does.
    fn soon(&self) -> Option<Span> {
        None
    }

    /// Whether its values have times of their own, so that reading it oftener tells nothing more.
    fn stepped(&self) -> bool {
        false
    }

    /// Of what it reads piece by piece, a past: how many pieces were read, and of how many; `None` when no past is being read.
    fn progress(&self) -> Option<(u64, u64)> {
        None
    }

    /// Reads what is there now into `out`. Blocking is allowed: every source runs on its group's own thread.
    ///
    /// # Errors
    /// [`ObserveError`] when the whole source cannot be read; what could be read is in `out` all the same. The engine asks
    /// again later, less often, and tells once.
    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError>;
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// What it reads is not on this system (no systemd, no PSI in the kernel). It is not asked again soon.
    #[error("{what} is not on this system")]
    Absent {
        /// The missing thing.
        what: String,
    },
    /// It is there and may not be read.
    #[error("{what} may not be read: {source}")]
    Denied {
        /// The thing.
        what: String,
        /// The system's words.
        source: std::io::Error,
    },
    /// It is there, was read, and made no sense.
    #[error("{what}: {why}")]
    Malformed {
        /// The thing, with line where there is one.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Part of it could not be read, and asking less often would not help: all else is in the batch.
    #[error("partly: {what}: {why}")]
    Partly {
        /// The thing.
        what: String,
        /// What is missing and why.
        why: String,
    },
    /// All of it was read; something in it is not what it should be, and is kept in another way.
    #[error("partly: {what} {why}")]
    Remark {
        /// The thing, with line where there is one.
        what: String,
        /// What it is not, and how it is kept.
        why: String,
    },
    /// Reading failed otherwise.
    #[error("{what}: {source}")]
    Io {
        /// The thing.
        what: String,
        /// The system's words.
        source: std::io::Error,
    },
}
