//! What runs by the clock: the tables of cron, of the system and of users.
#![cfg(target_os = "linux")]

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{
    Host, ObserveError, Source,
    file::{Mark, mark, name_of, plain_file},
    scope::{Scope, Sheet},
    secret::safe_name,
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp, Value};

/// Tables with the user as a column of its own, then folders of such, then folders of tables of one user each.
const SYSTEM: [&str; 2] = ["etc/crontab", "etc/anacrontab"];
const FOLDERS: [&str; 1] = ["etc/cron.d"];
const USERS: [&str; 3] = ["var/spool/cron/crontabs", "var/spool/cron", "etc/crontabs"];
/// Folders whose programs run hourly, daily and so on.
const PERIODIC: [&str; 4] = [
    "etc/cron.hourly",
    "etc/cron.daily",
    "etc/cron.weekly",
    "etc/cron.monthly",
];
/// Most files of one folder, and most bytes of one file.
const MOST: usize = 1_000;
const MOST_BYTES: u64 = 256 << 10;

/// Reads cron's tables when one of them changed.
pub(super) struct Cron {
    root: PathBuf,
    every: Span,
    key: [u8; 32],
    scope: Scope,
    marks: Vec<(PathBuf, Mark)>,
}

/// A table: its name as a setting, where it is, and whether each line names a user.
type Table = (String, PathBuf, bool);

impl Cron {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            every: host.settings_interval,
            key: host.secret_key,
            scope: Scope::new(host, "cron"),
            marks: Vec::new(),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    fn files(&self, folder: &str) -> Vec<(String, PathBuf)> {
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let named = entries
            .take(10 * MOST)
            .map(|entry| (name_of(&entry.file_name()), entry.path()));
        // As cron(8) has it: no hidden file, no leftover of a package.
        let mut all: Vec<_> = named
            .filter(|(name, path)| {
                !name.starts_with('.') && !name.contains(".dpkg-") && !name.ends_with('~') && path.is_file()
            })
            .take(MOST)
            .collect();
        all.sort();
        all
    }

    fn tables(&self) -> Vec<Table> {
        let system = SYSTEM.map(|file| (format!("/{file}"), self.root.join(file), true));
        let mut all: Vec<Table> = system.into();
        for (folder, with_user) in FOLDERS.map(|f| (f, true)).into_iter().chain(USERS.map(|f| (f, false))) {
            for (name, path) in self.files(folder) {
                let name = if with_user {
                    format!("/{folder}/{name}")
                } else {
                    format!("user {name}")
                };
                all.push((name, path, with_user));
            }
        }
        all.retain(|(_, path, _)| path.is_file());
        all
    }
}

/// The commands of a table, each with when and as whom it runs.
fn jobs(text: &str, anacron: bool, with_user: bool, key: &[u8; 32]) -> BTreeMap<String, Vec<String>> {
    let mut jobs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let first = line.split_ascii_whitespace().next().unwrap_or_default();
        let times = match first {
            _ if anacron => 3,
            _ if first.starts_with('@') => 1,
            // `PATH=/bin` is a variable; a field of time holds no such letter.
            _ if first.contains('=') || line.split_once('=').is_some_and(|(name, _)| is_name(name.trim())) => continue,
            _ => 5,
        };
        let fields = times + usize::from(with_user && !anacron);
        let mut rest = line;
        let mut taken = Vec::new();
        for _ in 0..fields {
            let (field, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            taken.push(field);
            rest = after.trim_start();
        }
        if !rest.is_empty() {
            jobs.entry(safe_name(rest, key).into_owned())
                .or_default()
                .push(taken.join(" "));
        }
    }
    jobs
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Puts down the jobs of the table `name`, which says `text`.
pub(super) fn put(sheet: &mut Sheet, name: &str, text: &str, with_user: bool, key: &[u8; 32]) {
    for (command, times) in jobs(text, name.ends_with("anacrontab"), with_user, key) {
        let command: String = command.chars().take(200).collect();
        sheet.put(&format!("{name}:{command}"), Value::text(&times.join(", ")));
    }
}

impl Source for Cron {
    fn name(&self) -> &'static str {
        "cron"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        // Whatever this reading comes to, what was found waits no longer than it must.
        self.scope.release(now, out);
        if !self.root.join("etc/crontab").exists() && !USERS.iter().any(|folder| self.root.join(folder).is_dir()) {
            return Err(ObserveError::Absent { what: "cron".into() });
        }
        let tables = self.tables();
        let programs = PERIODIC.map(|folder| (folder, self.files(folder)));
        let paths = tables.iter().map(|(_, path, _)| path);
        let marks: Vec<(PathBuf, Mark)> = paths
            .chain(
                programs
                    .iter()
                    .flat_map(|(_, files)| files.iter().map(|(_, path)| path)),
            )
            .filter_map(|path| Some((path.clone(), mark(&fs::metadata(path).ok()?))))
            .collect();
        if self.scope.known() && marks == self.marks {
            self.scope.confirm(now, out);
            return Ok(());
        }
        let mut sheet = self.scope.sheet();
        for (name, path, with_user) in &tables {
            let bytes = plain_file(path, MOST_BYTES).unwrap_or_default();
            put(
                &mut sheet,
                name,
                &String::from_utf8_lossy(&bytes),
                *with_user,
                &self.key,
            );
        }
        for (folder, files) in &programs {
            if !files.is_empty() {
                sheet.list(
                    &format!("/{folder}"),
                    files.iter().map(|(name, _)| (name.as_str(), None)),
                );
            }
        }
        self.scope.tell(now, sheet, out);
        self.marks = marks;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::SecretHash,
        observe::fixture::{Tree, setting},
    };

    #[test]
    fn jobs_of_the_system_and_of_users() {
        let tree = Tree::new();
        tree.write(
            "etc/crontab",
            "SHELL=/bin/sh\nA B = c\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n*/5 * * * * www x=1 curl --token=hunter2\n1 2\n",
        );
        tree.write("etc/cron.d/e2scrub", "30 3 * * 0 root /sbin/e2scrub\n");
        tree.write("etc/cron.d/.placeholder", "1 1 1 1 1 root no\n");
        tree.write("etc/anacrontab", "1 5 cron.daily run-parts /etc/cron.daily\n");
        tree.write(
            "var/spool/cron/crontabs/bob",
            "@reboot /home/bob/run\n0 1 * * * /home/bob/run\n",
        );
        tree.write("etc/cron.daily/logrotate", "#!/bin/sh\n");
        let mut source = Cron::new(&tree.host());
        let batch = tree.read(&mut source, 0).unwrap();
        let shown = |name: &str| setting(&batch, &format!("cron.{name}")).map(|value| value.to_string());
        assert_eq!(
            shown("/etc/crontab:cd / && run-parts --report /etc/cron.hourly").as_deref(),
            Some("17 * * * * root")
        );
        let hidden = format!(
            "x=1 curl --token={:?}",
            SecretHash::of(&tree.host().secret_key, b"hunter2")
        );
        assert_eq!(
            shown(&format!("/etc/crontab:{hidden}")).as_deref(),
            Some("*/5 * * * * www")
        );
        assert!(!serde_json::to_string(&batch).unwrap().contains("hunter2"));
        assert_eq!(
            shown("/etc/cron.d/e2scrub:/sbin/e2scrub").as_deref(),
            Some("30 3 * * 0 root")
        );
        assert_eq!(
            shown("/etc/anacrontab:run-parts /etc/cron.daily").as_deref(),
            Some("1 5 cron.daily")
        );
        assert_eq!(shown("user bob:/home/bob/run").as_deref(), Some("@reboot, 0 1 * * *"));
        assert_eq!(shown("/etc/cron.daily").as_deref(), Some("logrotate"));
        assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 6);
        assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
        fs::remove_file(tree.path("etc/cron.d/e2scrub")).unwrap();
        assert!(tree.read(&mut source, 120).unwrap().snapshots[0].settings.is_some());
    }

    #[test]
    fn a_host_without_cron() {
        let tree = Tree::new();
        let mut source = Cron::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
    }
}
