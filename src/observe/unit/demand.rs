//! Which units come and go as they are needed: started by the bus, a socket, a timer or a path, or done as soon as they ran.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
};

use super::definition;

/// Most units of which is kept what their files say of this.
const MOST: usize = 5_000;
/// Where the bus learns which unit answers for a name (dbus-daemon(1), org.freedesktop.DBus.Activator).
const BUSES: [&str; 2] = [
    "usr/share/dbus-1/system-services",
    "usr/local/share/dbus-1/system-services",
];
/// Units that start another one: a mount's is the mount, of all others a service (systemd.socket(5), systemd.timer(5), systemd.path(5),
/// systemd.automount(5)); and the setting that names another.
const TRIGGERS: [(&str, &str, &str); 4] = [
    (".socket", ".service", "Socket.Service"),
    (".timer", ".service", "Timer.Unit"),
    (".path", ".service", "Path.Unit"),
    (".automount", ".mount", "Automount.Unit"),
];

/// What the files of a unit say of when it runs.
#[derive(Clone, Debug, Default)]
struct Way {
    /// It has run when its program has ended.
    once: bool,
    /// systemd starts it again when its program ends in order: it is meant to stay.
    stays: bool,
    /// The bus starts it.
    bus: bool,
    /// Some of its files are no package's.
    own: bool,
    /// What it starts, where it says so.
    starts: Option<String>,
}

/// Knows which units run on demand.
pub(super) struct Demand {
    root: PathBuf,
    ways: HashMap<String, Way>,
}

impl Demand {
    /// The units of the host whose tree begins at `root`.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            ways: HashMap::new(),
        }
    }

    /// Forgets what files said: some came or went.
    pub(super) fn forget(&mut self) {
        self.ways.clear();
    }

    /// Forgets what the files of `unit` said: one of them was written anew.
    pub(super) fn forget_of(&mut self, unit: &str) {
        self.ways.remove(unit);
    }

    /// The units that those of `active` start when they are needed; of an instance its template.
    pub(super) fn triggered<'a>(&mut self, active: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        let started = active.filter_map(|unit| {
            let (stem, end) = unit.rsplit_once('.')?;
            let (.., kind, _) = TRIGGERS
                .iter()
                .find(|(trigger, ..)| trigger.strip_prefix('.') == Some(end))?;
            let said = self.way(unit).starts;
            Some(said.map_or_else(
                || vec![format!("{stem}{kind}"), format!("{stem}@{kind}")],
                |unit| vec![unit],
            ))
        });
        started.flatten().collect()
    }

    /// Whether `unit` comes and goes as it is needed, so that neither is news: it is done as soon as it ran, or it does not start by itself,
    /// is not meant to stay, and the bus or one of `triggered` starts it.
    pub(super) fn called(&mut self, unit: &str, enabled: bool, triggered: &BTreeSet<String>) -> bool {
        if ![".service", ".mount"].iter().any(|end| unit.ends_with(end)) {
            return false;
        }
        let way = self.way(unit);
        let asked = || way.bus || triggered.contains(unit) || template(unit).is_some_and(|of| triggered.contains(&of));
        way.once || !enabled && !way.stays && asked()
    }

    /// Whether some of its files are no package's.
    pub(super) fn has_own(&mut self, unit: &str) -> bool {
        self.way(unit).own
    }

    fn way(&mut self, unit: &str) -> Way {
        if let Some(known) = self.ways.get(unit) {
            return known.clone();
        }
        let files = definition::files(&self.root, unit);
        let says = definition::settings(&files);
        let one = |name: &str| says.get(name).and_then(|values| values.first());
        let is = |name: &str, words: &[&str]| one(name).is_some_and(|value| words.contains(&value.as_str()));
        let activated = |name: &String| {
            let file = format!("{name}.service");
            BUSES.iter().any(|folder| self.root.join(folder).join(&file).exists())
        };
        let way = Way {
            once: is("Service.Type", &["oneshot"]) && !is("Service.RemainAfterExit", &["yes", "true", "on", "1"]),
            stays: is("Service.Restart", &["always", "on-success"]),
            bus: one("Service.BusName").is_some_and(activated),
            own: !definition::own_files(&self.root, &files).is_empty(),
            starts: TRIGGERS.iter().find_map(|(.., setting)| one(setting).cloned()),
        };
        if self.ways.len() < MOST {
            self.ways.insert(unit.to_owned(), way.clone());
        }
        way
    }
}

/// `getty@.service` of `getty@tty1.service`.
pub(super) fn template(unit: &str) -> Option<String> {
    let (stem, rest) = unit.split_once('@')?;
    let (_, end) = rest.rsplit_once('.')?;
    Some(format!("{stem}@.{end}"))
}
