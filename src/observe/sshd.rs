//! What the SSH server does in the end: `sshd -T`, asked when its files changed.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{
    Host, ObserveError, Source,
    child::ask,
    file::{Mark, mark},
    scope::Scope,
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp};

/// Where the server may be.
const PROGRAMS: [&str; 2] = ["usr/sbin/sshd", "usr/local/sbin/sshd"];

/// Asks the SSH server for the settings that hold, defaults included.
pub(super) struct Sshd {
    root: PathBuf,
    every: Span,
    scope: Scope,
    marks: Vec<Mark>,
}

impl Sshd {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "sshd"),
            marks: Vec::new(),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    /// The program, its file and the files it includes.
    fn marks(&self, program: &Path) -> Vec<Mark> {
        let included = fs::read_dir(self.root.join("etc/ssh/sshd_config.d"))
            .into_iter()
            .flatten()
            .flatten();
        let mut all: Vec<PathBuf> = included.map(|entry| entry.path()).collect();
        all.sort();
        all.extend([program.to_owned(), self.root.join("etc/ssh/sshd_config")]);
        all.iter()
            .filter_map(|path| Some(mark(&fs::metadata(path).ok()?)))
            .collect()
    }

    fn tell(&mut self, now: Timestamp, answer: &[u8], out: &mut Batch) {
        let text = String::from_utf8_lossy(answer);
        let mut held: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            held.entry(name).or_default().push(value.trim());
        }
        let mut sheet = self.scope.sheet();
        for (name, values) in held {
            match values[..] {
                // Algorithms are listed in one line.
                [one] if one.contains(',') => sheet.list(name, one.split(',').map(|item| (item, None))),
                [one] => sheet.text(name, one),
                _ => sheet.list(name, values.into_iter().map(|item| (item, None))),
            }
        }
        self.scope.tell(now, sheet, out);
    }
}

/// A server that does not run, or only when somebody calls, may have no folder to live in; it answers nothing without.
fn unless_stopped(error: ObserveError) -> ObserveError {
    if error.to_string().contains("privilege separation directory") {
        return ObserveError::Absent {
            what: "a running SSH server".into(),
        };
    }
    error
}

impl Source for Sshd {
    fn name(&self) -> &'static str {
        "sshd"
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
        let program = PROGRAMS
            .map(|program| self.root.join(program))
            .into_iter()
            .find(|program| program.is_file());
        // A server of a copied tree cannot be asked.
        let Some(program) = program.filter(|_| self.root == Path::new("/")) else {
            return Err(ObserveError::Absent {
                what: "an SSH server".into(),
            });
        };
        let marks = self.marks(&program);
        if self.scope.known() && marks == self.marks {
            self.scope.confirm(now, out);
            return Ok(());
        }
        let answer = ask(&program.to_string_lossy(), &["-T"]).map_err(unless_stopped)?;
        self.tell(now, &answer, out);
        self.marks = marks;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting};

    #[test]
    fn one_value_or_several() {
        let tree = Tree::new();
        let mut source = Sshd::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        let mut out = Batch::default();
        source.tell(
            Timestamp(0),
            b"port 22\nport 2222\npermitrootlogin no\nmacs b,a\nbanner none\nodd\n\xff x\n",
            &mut out,
        );
        let shown = |name: &str| setting(&out, &format!("sshd.{name}")).map(|value| value.to_string());
        assert_eq!(shown("port").as_deref(), Some("22 2222"));
        assert_eq!(shown("permitrootlogin").as_deref(), Some("no"));
        assert_eq!(shown("macs").as_deref(), Some("a b"));
        let missing = ObserveError::Malformed {
            what: "/usr/sbin/sshd".into(),
            why: "Missing privilege separation directory: /run/sshd".into(),
        };
        assert!(matches!(unless_stopped(missing), ObserveError::Absent { .. }));
        tree.write("etc/ssh/sshd_config", "");
        let before = source.marks(Path::new("/nowhere"));
        tree.write("etc/ssh/sshd_config.d/a.conf", "");
        assert_ne!(source.marks(Path::new("/nowhere")), before);
    }
}
