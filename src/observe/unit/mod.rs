//! systemd units: whether they run, whether they start by themselves, and what their files say.
#![cfg(target_os = "linux")]

mod definition;
mod restart;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::PathBuf,
};

use serde::Deserialize;

use self::{
    definition::{FOLDERS, Files},
    restart::Restarts,
};
use super::{
    Host, ObserveError, Source,
    child::ask,
    file::{Mark, mark},
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp, Value};

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

/// Most units whose files are read.
const MOST: usize = 1_000;

/// systemd dates this folder when a service starts or stops: it holds a link for each that runs.
const RUNNING: &str = "run/systemd/units";
/// How often that folder is looked at, and how soon after a reading what it tells is reason for another, which costs systemd some milliseconds.
const LOOKS: Span = Span::from_secs(5);
const AGAIN: Span = Span::from_secs(15);

/// A unit's files when they were last read, and what they said.
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
    restarts: Restarts,
    /// When all was read last, and how the folder of what runs was before.
    read_at: Timestamp,
    running: Option<Mark>,
}

impl Units {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "unit"),
            files: None,
            settled: HashMap::new(),
            defined: BTreeMap::new(),
            restarts: Restarts::new(host),
            read_at: Timestamp(0),
            running: None,
        }
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
        Ok(files)
    }

    fn tell(&mut self, now: Timestamp, units: &[u8], files: &[u8], out: &mut Batch) -> Result<(), ObserveError> {
        let malformed = |why: serde_json::Error| ObserveError::Malformed {
            what: "systemctl".into(),
            why: why.to_string(),
        };
        let units: Vec<Unit> = serde_json::from_slice(units).map_err(malformed)?;
        let files: Vec<UnitFile> = serde_json::from_slice(files).map_err(malformed)?;
        let mut sheet = self.scope.sheet();
        let before = std::mem::take(&mut self.settled);
        for unit in units
            .into_iter()
            .filter(|unit| lasting(&unit.unit) && unit.load != "not-found")
        {
            // On its way from one state to another it counts as where it was.
            let state = match unit.active.as_str() {
                "active" | "inactive" | "failed" => unit.active,
                "reloading" | "refreshing" | "maintenance" => "active".into(),
                _ => before.get(&unit.unit).cloned().unwrap_or_else(|| "inactive".into()),
            };
            sheet.put(&format!("{}:state", unit.unit), Value::Enum(state.as_str().into()));
            self.settled.insert(unit.unit, state);
        }
        // systemd forgets a unit that stopped and that nobody needs: while its files are there, it is inactive.
        for unit in before
            .into_keys()
            .filter(|unit| !self.settled.contains_key(unit))
            .collect::<Vec<_>>()
        {
            // An instance of a connection comes once.
            if !unit.contains('@') && definition::has_own(&self.root, &unit) {
                sheet.put(&format!("{unit}:state"), Value::Enum("inactive".into()));
                self.settled.insert(unit, "inactive".into());
            }
        }
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
        let runs = |(name, state): (&String, &String)| (state != "inactive").then(|| name.clone());
        wanted.extend(self.settled.iter().filter_map(runs));
        self.define(wanted, &mut sheet);
        self.scope.tell(now, sheet, out);
        Ok(())
    }

    /// Puts down what the files of `units` say; those that did not change are not read again.
    fn define(&mut self, units: BTreeSet<String>, sheet: &mut Sheet) {
        let mut before = std::mem::take(&mut self.defined);
        for unit in units.into_iter().take(MOST) {
            let files = definition::files(&self.root, &unit);
            if files.is_empty() {
                continue;
            }
            let defined = match before.remove(&unit) {
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

impl Source for Units {
    fn name(&self) -> &'static str {
        "unit"
    }

    fn every(&self) -> Span {
        LOOKS.min(self.every)
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
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
            return Ok(());
        }
        let units = ask("systemctl", &["list-units", "--all", "--no-pager", "--output=json"])?;
        let files = self.unit_files()?;
        self.tell(now, &units, &files, out)?;
        (self.read_at, self.running) = (now, running);
        self.restarts.read(now, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting};

    const FILES: &[u8] = br#"[{"unit_file":"ssh.service","state":"enabled","preset":"enabled"},{"unit_file":"x@.service","state":"static","preset":null}]"#;

    fn units(state: &str) -> Vec<u8> {
        format!(
            r#"[{{"unit":"ssh.service","load":"loaded","active":"{state}","sub":"running","description":"x"}},
            {{"unit":"session-1.scope","load":"loaded","active":"active","sub":"running","description":""}},
            {{"unit":"gone.service","load":"not-found","active":"inactive","sub":"dead","description":""}}]"#
        )
        .into()
    }

    #[test]
    fn states_that_pass_are_no_change() {
        let mut source = Units::new(&Tree::new().host());
        let mut out = Batch::default();
        for (at, state) in [(0, "active"), (60, "deactivating"), (120, "failed")] {
            source
                .tell(Timestamp::from_secs(at), &units(state), FILES, &mut out)
                .unwrap();
        }
        assert!(out.snapshots[1].settings.is_none());
        out.snapshots.remove(0);
        assert_eq!(
            setting(&out, "unit.ssh.service:state"),
            Some(Value::Enum("failed".into()))
        );
        assert_eq!(
            setting(&out, "unit.ssh.service:enabled"),
            Some(Value::Enum("enabled".into()))
        );
        assert_eq!(out.snapshots[1].settings.as_ref().unwrap().len(), 3);
        assert!(
            source
                .tell(Timestamp(0), b"Failed to connect to bus", FILES, &mut out)
                .is_err()
        );
    }

    #[test]
    fn files_of_units_that_run_or_start_are_settings_without_secrets() {
        let tree = Tree::new();
        tree.write(
            "usr/lib/systemd/system/ssh.service",
            "[Service]\nRestart=on-failure\nMemoryMax=512M\nEnvironment=A=1\n",
        );
        tree.write(
            "etc/systemd/system/ssh.service.d/x.conf",
            "[Service]\nEnvironment=\"DB_PASSWORD=hunter2\"\n",
        );
        tree.write("usr/lib/systemd/system/idle.service", "[Service]\nRestart=no\n");
        let mut source = Units::new(&tree.host());
        let mut out = Batch::default();
        source.tell(Timestamp(0), &units("active"), FILES, &mut out).unwrap();
        let shown = |name: &str| setting(&out, name).map(|value| value.to_string());
        assert_eq!(shown("unit.ssh.service:Service.Restart").as_deref(), Some("on-failure"));
        assert_eq!(
            shown("unit.ssh.service:files").as_deref(),
            Some("/etc/systemd/system/ssh.service.d/x.conf")
        );
        let variables = shown("unit.ssh.service:Service.Environment").unwrap();
        assert!(variables.starts_with("A=1 DB_PASSWORD=secret#"), "{variables}");
        assert_eq!(shown("unit.idle.service:Service.Restart"), None);
        assert!(!serde_json::to_string(&out).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_unit_that_leaves_memory_is_inactive_and_stays_defined() {
        let tree = Tree::new();
        let file = "usr/lib/systemd/system/ssh.service";
        tree.write(
            file,
            "[Service]\nRestart=no\nEnvironment=\"X=1\" \"TOKEN=hunter2hunter2\"\n",
        );
        let mut source = Units::new(&tree.host());
        let mut told = |at: i64, units: &[u8], files: &[u8]| {
            let mut out = Batch::default();
            source.tell(Timestamp::from_secs(at), units, files, &mut out).unwrap();
            let shown = |name: &str| setting(&out, &format!("unit.ssh.service:{name}")).map(|value| value.to_string());
            let all = ["state", "Service.Restart", "Service.Environment"].map(shown);
            let count = out.snapshots[0].settings.as_ref().unwrap().len();
            (all, count)
        };
        let ([state, restart, variables], count) = told(0, &units("active"), b"[]");
        assert_eq!(
            (state.as_deref(), restart.as_deref(), count),
            (Some("active"), Some("no"), 3)
        );
        let secret = variables.as_deref().unwrap();
        assert!(
            secret.contains("X=1") && secret.contains("TOKEN=secret#") && !secret.contains("hunter2"),
            "{secret}"
        );
        let ([state, restart, again], count) = told(60, b"[]", b"[]");
        assert_eq!(
            (state.as_deref(), restart.as_deref(), count),
            (Some("inactive"), Some("no"), 3)
        );
        assert_eq!(again, variables);
        // With its file it is gone.
        std::fs::remove_file(tree.path(file)).unwrap();
        let (_, count) = told(120, b"[]", b"[]");
        assert_eq!(count, 0);
    }

    #[test]
    fn a_service_that_starts_or_stops_is_read_soon_and_nothing_else_more_often() {
        let tree = Tree::new();
        let mut source = Units::new(&tree.host());
        let running = |source: &Units| fs::metadata(source.root.join(RUNNING)).ok().map(|folder| mark(&folder));
        tree.write("run/systemd/units/invocation:a.service", "");
        assert!(source.due(Timestamp::from_secs(0), running(&source).as_ref()));
        let mut out = Batch::default();
        source
            .tell(Timestamp::from_secs(0), &units("active"), FILES, &mut out)
            .unwrap();
        (source.read_at, source.running) = (Timestamp::from_secs(0), running(&source));
        for (at, due) in [(5, false), (55, false), (60, true)] {
            assert_eq!(
                source.due(Timestamp::from_secs(at), running(&source).as_ref()),
                due,
                "{at}"
            );
        }
        tree.write("run/systemd/units/invocation:b.service", "");
        for (at, due) in [(5, false), (15, true)] {
            assert_eq!(
                source.due(Timestamp::from_secs(at), running(&source).as_ref()),
                due,
                "{at}"
            );
        }
    }

    #[test]
    fn enabling_a_unit_dates_a_folder() {
        let tree = Tree::new();
        let source = Units::new(&tree.host());
        tree.write("etc/systemd/system/multi-user.target.wants/a.service", "");
        let before = source.folders();
        assert_eq!(source.folders(), before);
        tree.write("etc/systemd/system/graphical.target.wants/b.service", "");
        assert_ne!(source.folders(), before);
    }

    #[test]
    fn another_first_process_has_no_units() {
        let tree = Tree::new();
        let mut source = Units::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
    }
}
