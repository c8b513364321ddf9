//! systemd units: whether they run, whether they start by themselves, and what their files say.
#![cfg(target_os = "linux")]

mod definition;
mod demand;
mod restart;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::PathBuf,
};

use serde::Deserialize;

use self::{
    definition::{FOLDERS, Fault, Files},
    demand::{Demand, template},
    restart::Restarts,
};
use super::{
    Host, ObserveError, Source,
    child::ask,
    file::{Mark, mark},
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp, Value, text::visible};

/// A line of `systemctl list-units`.
#[derive(Deserialize)]
struct Unit {
    unit: String,
    load: String,
    active: String,
}

/// A line of `systemctl list-unit-files`.
#[derive(Deserialize)]
struct UnitFile {
    unit_file: String,
    state: String,
}

/// The state of a unit that comes and goes as it is needed: neither is news.
const ON_DEMAND: &str = "on demand";
/// Most units whose files are read.
const MOST: usize = 1_000;

/// systemd dates this folder when a service starts or stops: it holds a link for each that runs.
const RUNNING: &str = "run/systemd/units";
/// Where systemd keeps the files of units that exist for one run.
const TRANSIENT: &str = "run/systemd/transient";
/// How often that folder is looked at, and how soon after a reading what it tells is reason for another, which costs systemd some milliseconds.
const LOOKS: Span = Span::from_secs(5);
const AGAIN: Span = Span::from_secs(15);

/// A unit's files when they were last read, and what they said.
#[derive(Default)]
struct Defined {
    files: Files,
    settings: BTreeMap<String, BTreeSet<String>>,
}

/// Asks systemd for its units.
pub(super) struct Units {
    root: PathBuf,
    every: Span,
    scope: Scope,
    /// The folders of unit files when they were last asked for, and the answer.
    files: Option<(Vec<Mark>, Vec<u8>)>,
    /// The last settled state of each unit.
    settled: HashMap<String, String>,
    defined: BTreeMap<String, Defined>,
    /// Units that exist for one run, as systemd is asked. Of them only a failure is told: they come and go, which the log says, and are no
    /// set-up.
    passing: BTreeSet<String>,
    demand: Demand,
    restarts: Restarts,
    /// Units whose file systemd does not take, and what is wrong with the first, by its files when that was looked for.
    bad: Vec<String>,
    fault: Option<(Files, Option<Fault>)>,
    /// When all was read last, and how the folder of what runs was before.
    read_at: Timestamp,
    running: Option<Mark>,
}

impl Units {
    /// Asks for the units of `host`. What a unit that no longer runs is made of stays told where it was told before.
    pub(super) fn new(host: &Host) -> Self {
        let (mut settled, mut defined) = (HashMap::new(), BTreeMap::new());
        for (name, value) in host.known.iter() {
            let told = name.strip_prefix("unit.").and_then(|rest| rest.rsplit_once(':'));
            match told {
                Some((unit, "state")) if *value != Value::Enum(ON_DEMAND.into()) => {
                    settled.insert(unit.to_owned(), value.to_string());
                }
                None | Some((_, "state" | "enabled")) => {}
                Some((unit, _)) => {
                    defined.insert(unit.to_owned(), Defined::default());
                }
            }
        }
        Self {
            root: host.root.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "unit"),
            files: None,
            settled,
            defined,
            passing: BTreeSet::new(),
            demand: Demand::new(host.root.clone()),
            restarts: Restarts::new(host),
            read_at: Timestamp(0),
            running: None,
            bad: Vec::new(),
            fault: None,
        }
    }

    /// What is to be said of the units as they were last read: that systemd does not take the files of some. A file is read again only
    /// when it changed.
    fn verdict(&mut self) -> Result<(), ObserveError> {
        let Some(first) = self.bad.first() else { return Ok(()) };
        let files = definition::files(&self.root, first);
        if self.fault.as_ref().is_none_or(|(of, _)| *of != files) {
            let fault = definition::fault(&self.root, &files);
            self.fault = Some((files, fault));
        }
        let known = self.fault.as_ref().and_then(|(_, fault)| fault.clone());
        let (what, fault) = known.unwrap_or((first.clone(), "is no unit file"));
        let more = match self.bad.len() {
            1 => String::new(),
            all => format!(" (and {} more such)", all - 1),
        };
        Err(ObserveError::Remark {
            what: visible(&what).into_owned(),
            why: format!("{fault}: systemd does not load it{more}"),
        })
    }

    /// Whether all is to be read at `now`, the folder of what runs being as `running`: as often as settings are, and soon after a service started or stopped.
    fn due(&self, now: Timestamp, running: Option<&Mark>) -> bool {
        let since = now - self.read_at;
        let fresh = if running == self.running.as_ref() {
            self.every
        } else {
            AGAIN
        };
        !(self.scope.known() && (Span::ZERO..fresh.min(self.every)).contains(&since))
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    /// The state of the folders: a file or link that comes or goes dates the folder it is in.
    fn folders(&self) -> Vec<Mark> {
        let tops = FOLDERS.map(|folder| self.root.join(folder));
        let below = tops
            .iter()
            .flat_map(|top| fs::read_dir(top).into_iter().flatten().flatten().take(20 * MOST));
        let mut all: Vec<PathBuf> = below
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        all.extend(tops);
        all.sort();
        all.iter()
            .filter_map(|folder| Some(mark(&fs::metadata(folder).ok()?)))
            .collect()
    }

    /// `systemctl list-unit-files`, asked only when a folder changed: it costs systemd a third of a second.
    fn unit_files(&mut self) -> Result<Vec<u8>, ObserveError> {
        let folders = self.folders();
        if let Some((seen, files)) = &self.files
            && *seen == folders
        {
            return Ok(files.clone());
        }
        let files = ask("systemctl", &["list-unit-files", "--no-pager", "--output=json"])?;
        self.files = Some((folders, files.clone()));
        self.demand.forget();
        Ok(files)
    }

    /// Units that are there for one run: `systemd-run` or a program had systemd make them.
    fn transient(&self) -> BTreeSet<String> {
        let made = fs::read_dir(self.root.join(TRANSIENT)).into_iter().flatten().flatten();
        made.take(20 * MOST)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }

    fn tell(&mut self, now: Timestamp, units: &[u8], files: &[u8], out: &mut Batch) -> Result<(), ObserveError> {
        let passing = std::mem::take(&mut self.passing);
        let malformed = |why: serde_json::Error| ObserveError::Malformed {
            what: "systemctl".into(),
            why: why.to_string(),
        };
        let units: Vec<Unit> = serde_json::from_slice(units).map_err(malformed)?;
        let mut files: Vec<UnitFile> = serde_json::from_slice(files).map_err(malformed)?;
        files.retain(|file| file.state != "transient" && !passing.contains(&file.unit_file));
        self.bad = files
            .iter()
            .filter(|file| file.state == "bad")
            .map(|file| file.unit_file.clone())
            .collect();
        let mut sheet = self.scope.sheet();
        let before = std::mem::take(&mut self.settled);
        for unit in units
            .into_iter()
            .filter(|unit| stands(&unit.unit) && unit.load != "not-found")
            .filter(|unit| unit.active == "failed" || !passing.contains(&unit.unit))
        {
            // On its way from one state to another it counts as where it was.
            let state = match unit.active.as_str() {
                "active" | "inactive" | "failed" => unit.active,
                "reloading" | "refreshing" | "maintenance" => "active".into(),
                _ => before.get(&unit.unit).cloned().unwrap_or_else(|| "inactive".into()),
            };
            self.settled.insert(unit.unit, state);
        }
        // systemd forgets a unit that stopped and that nobody needs: while its files are there, it is inactive.
        for unit in before
            .keys()
            .filter(|unit| !self.settled.contains_key(*unit))
            .cloned()
            .collect::<Vec<_>>()
        {
            // An instance of a connection comes once.
            if !unit.contains('@') && !passing.contains(&unit) && definition::has_own(&self.root, &unit) {
                self.settled.insert(unit, "inactive".into());
            }
        }
        // Who starts to listen, or no longer does, is told with the unit that it belongs to.
        let active = |states: &HashMap<String, String>| -> BTreeSet<String> {
            let active = states.iter().filter(|(_, state)| *state == "active");
            active.map(|(unit, _)| unit.clone()).collect()
        };
        if self.scope.known() && active(&before) != active(&self.settled) {
            self.scope.concerns("port", now);
        }
        let enabled: BTreeSet<String> = files
            .iter()
            .filter(|file| file.state.starts_with("enabled"))
            .map(|file| file.unit_file.clone())
            .collect();
        let called = self.states(&files, &enabled, &mut sheet);
        // Once read, a definition stays while there are files.
        let stays = |unit: &&String| !unit.contains('@') || self.settled.contains_key(*unit);
        let mut wanted: BTreeSet<String> = self.defined.keys().filter(stays).cloned().collect();
        for file in files.into_iter().filter(|file| lasting(&file.unit_file)) {
            sheet.put(
                &format!("{}:enabled", file.unit_file),
                Value::Enum(file.state.as_str().into()),
            );
            // Of a template its instances count.
            if file.state == "enabled" && !file.unit_file.contains("@.") {
                wanted.insert(file.unit_file);
            }
        }
        let runs =
            |(name, state): (&String, &String)| (state != "inactive" && !called.contains(name)).then(|| name.clone());
        wanted.extend(self.settled.iter().filter_map(runs));
        // What runs on demand is defined whether it runs or not, or not at all.
        for unit in called.iter().filter(|unit| !enabled.contains(*unit)) {
            if !unit.contains('@') && self.demand.has_own(unit) {
                wanted.insert(unit.clone());
            } else {
                wanted.remove(unit);
            }
        }
        wanted.retain(|unit| !passing.contains(unit));
        self.define(wanted, &mut sheet);
        self.scope.tell(now, sheet, out);
        Ok(())
    }

    /// Puts down the state of each unit that is loaded or has a file. Returns those that run on demand.
    fn states(&mut self, files: &[UnitFile], enabled: &BTreeSet<String>, sheet: &mut Sheet) -> BTreeSet<String> {
        let active = self.settled.iter().filter(|(_, state)| *state == "active");
        let triggered = self.demand.triggered(active.map(|(unit, _)| unit.as_str()));
        // systemd loads and forgets a unit that stands still as it likes.
        let forgotten = files
            .iter()
            .filter(|file| stands(&file.unit_file) && !file.unit_file.contains('@') && file.state != "alias")
            .map(|file| (file.unit_file.as_str(), "inactive"));
        let mut states: BTreeMap<&str, &str> = forgotten.collect();
        states.extend(self.settled.iter().map(|(unit, state)| (unit.as_str(), state.as_str())));
        let mut called = BTreeSet::new();
        for (unit, state) in states {
            let starts = enabled.contains(unit) || template(unit).is_some_and(|of| enabled.contains(&of));
            let on_demand = self.demand.called(unit, starts, &triggered);
            if on_demand {
                called.insert(unit.to_owned());
            }
            let told = match state {
                "failed" => state,
                // Of a template as many come as are needed.
                _ if on_demand && unit.contains('@') => continue,
                _ if on_demand => ON_DEMAND,
                _ => state,
            };
            sheet.put(&format!("{unit}:state"), Value::Enum(told.into()));
        }
        called
    }

    /// Puts down what the files of `units` say; those that did not change are not read again.
    fn define(&mut self, units: BTreeSet<String>, sheet: &mut Sheet) {
        let mut before = std::mem::take(&mut self.defined);
        for unit in units.into_iter().take(MOST) {
            let files = definition::files(&self.root, &unit);
            if files.is_empty() {
                continue;
            }
            let known = before.remove(&unit);
            // A file that is written anew in its place dates no folder.
            if known.as_ref().is_some_and(|known| known.files != files) {
                self.demand.forget_of(&unit);
            }
            let defined = match known {
                Some(known) if known.files == files => known,
                _ => Defined {
                    settings: definition::settings(&files),
                    files,
                },
            };
            let own = definition::own_files(&self.root, &defined.files);
            if !own.is_empty() {
                sheet.list(&format!("{unit}:files"), own.iter().map(|path| (path.as_str(), None)));
            }
            for (name, values) in &defined.settings {
                let mut values = values.iter().map(String::as_str);
                if name.ends_with(".Environment") {
                    sheet.list(&format!("{unit}:{name}"), values.map(variable));
                    continue;
                }
                match (values.next(), values.next()) {
                    (Some(only), None) => sheet.text(&format!("{unit}:{name}"), only),
                    (Some(first), Some(second)) => {
                        let all = [first, second].into_iter().chain(values);
                        sheet.list(&format!("{unit}:{name}"), all.map(|value| (value, None)));
                    }
                    (None, _) => {}
                }
            }
            self.defined.insert(unit, defined);
        }
    }
}

/// A variable by its name, so that one that holds a secret is known by it.
fn variable(text: &str) -> (&str, Option<&str>) {
    text.split_once('=')
        .map_or((text, None), |(name, content)| (name, Some(content)))
}

/// Whether a unit is part of the host's set-up: no session, device, or one started for a single run.
fn lasting(unit: &str) -> bool {
    let passing_end = [".scope", ".device", ".slice"].iter().any(|end| unit.ends_with(end));
    let passing_start = [
        "run-",
        "user@",
        "user-runtime-dir@",
        "session-",
        "systemd-coredump@",
        "var-lib-docker",
        "var-lib-containers",
    ]
    .iter()
    .any(|start| unit.starts_with(start));
    !passing_end && !passing_start
}

/// Whether it says something of the host's set-up that a unit runs: targets are only how far the start has come.
fn stands(unit: &str) -> bool {
    lasting(unit) && !unit.ends_with(".target")
}

impl Source for Units {
    fn name(&self) -> &'static str {
        "unit"
    }

    fn every(&self) -> Span {
        self.every
    }

    /// A look at the folder of what runs costs nothing, however dear a reading is.
    fn soon(&self) -> Option<Span> {
        Some(self.scope.soon().map_or(LOOKS, |soon| soon.min(LOOKS)))
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        // Whatever this reading comes to, what was found waits no longer than it must.
        self.scope.release(now, out);
        // sd_booted(3).
        if !self.root.join("run/systemd/system").is_dir() {
            return Err(ObserveError::Absent { what: "systemd".into() });
        }
        let running = fs::metadata(self.root.join(RUNNING)).ok().map(|folder| mark(&folder));
        if !self.due(now, running.as_ref()) {
            return self.verdict();
        }
        // What ends while systemd is asked was there before, what begins is there after.
        self.passing = self.transient();
        let units = ask("systemctl", &["list-units", "--all", "--no-pager", "--output=json"])?;
        let files = self.unit_files()?;
        let begun = self.transient();
        self.passing.extend(begun);
        self.tell(now, &units, &files, out)?;
        (self.read_at, self.running) = (now, running);
        self.restarts.read(now, out)?;
        self.verdict()
    }
}

#[cfg(test)]
mod tests;
