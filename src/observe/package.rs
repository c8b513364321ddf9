//! Installed packages, from dpkg's status file.
#![cfg(target_os = "linux")]

use std::{fs::File, io::BufReader, path::PathBuf};

use super::{
    Host, ObserveError, Source,
    file::{Mark, failed, mark},
    scope::{Scope, Sheet},
};
use crate::domain::{Batch, Span, Timestamp, Value, Version};

/// Reads `/var/lib/dpkg/status` when it changed.
pub(super) struct Packages {
    path: PathBuf,
    every: Span,
    scope: Scope,
    read: Option<Mark>,
}

impl Packages {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            path: host.root.join("var/lib/dpkg/status"),
            every: host.settings_interval,
            scope: Scope::new(host, "pkg"),
            read: None,
        }
    }
}

fn put(package: &deb822_fast::Paragraph, sheet: &mut Sheet) {
    let (Some(name), Some(version), Some(status)) =
        (package.get("Package"), package.get("Version"), package.get("Status"))
    else {
        return;
    };
    // Wanted state, error, state: `install ok installed`, `hold ok installed`, `deinstall ok config-files`.
    let mut words = status.split_ascii_whitespace();
    let (wanted, state) = (words.next(), words.nth(1));
    if state.is_none_or(|state| matches!(state, "not-installed" | "config-files")) {
        return;
    }
    // As `dpkg -l` does: packages that may be there for several architectures bear theirs.
    let name = match package.get("Architecture") {
        Some(arch) if package.get("Multi-Arch") == Some("same") => format!("{name}:{arch}"),
        _ => name.to_owned(),
    };
    if wanted == Some("hold") {
        sheet.put(&format!("{name}:hold"), Value::Bool(true));
    }
    if state != Some("installed") {
        sheet.put(&format!("{name}:state"), Value::text(state.unwrap_or_default()));
    }
    sheet.put(&name, Value::Version(Version::new(version)));
}

impl Source for Packages {
    fn name(&self) -> &'static str {
        "package"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let file = File::open(&self.path).map_err(|source| failed(&self.path, source))?;
        let now_marked = mark(&file.metadata().map_err(|source| failed(&self.path, source))?);
        if self.read == Some(now_marked) && self.scope.known() {
            self.scope.confirm(now, out);
            return Ok(());
        }
        let mut sheet = self.scope.sheet();
        for package in deb822_fast::Deb822::iter_paragraphs_from_reader(BufReader::new(file)) {
            let package = package.map_err(|why| ObserveError::Malformed {
                what: self.path.display().to_string(),
                why: why.to_string(),
            })?;
            put(&package, &mut sheet);
        }
        self.scope.tell(now, sheet, out);
        self.read = Some(now_marked);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, setting};

    const STATUS: &str = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: foreign\nVersion: 5.2.15-2+b2\n\
        Description: shell\n more\n .\n end\n\nPackage: libc6\nStatus: hold ok installed\nArchitecture: i386\nMulti-Arch: same\nVersion: 2.36-9\n\n\
        Package: old\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: half\nStatus: install ok half-configured\nVersion: 2\n";

    #[test]
    fn versions_of_what_is_installed() {
        let tree = Tree::new();
        tree.write("var/lib/dpkg/status", STATUS);
        let mut source = Packages::new(&tree.host());
        let batch = tree.read(&mut source, 0).unwrap();
        assert_eq!(
            setting(&batch, "pkg.bash"),
            Some(Value::Version(Version::new("5.2.15-2+b2")))
        );
        assert_eq!(setting(&batch, "pkg.libc6:i386:hold"), Some(Value::Bool(true)));
        assert_eq!(setting(&batch, "pkg.half:state"), Some(Value::text("half-configured")));
        assert_eq!(setting(&batch, "pkg.old"), None);
        assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
        tree.write("var/lib/dpkg/status", STATUS.replace("5.2.15", "5.2.15.1"));
        let batch = tree.read(&mut source, 120).unwrap();
        assert_eq!(
            setting(&batch, "pkg.bash"),
            Some(Value::Version(Version::new("5.2.15.1-2+b2")))
        );
    }

    #[test]
    fn a_file_cut_in_the_middle_loses_nothing_told_before() {
        let tree = Tree::new();
        let mut source = Packages::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        tree.write("var/lib/dpkg/status", b"\xff\xfe\x00 no field\n");
        assert!(tree.read(&mut source, 0).is_err());
        tree.write("var/lib/dpkg/status", "");
        let batch = tree.read(&mut source, 60).unwrap();
        assert!(batch.snapshots[0].settings.as_ref().unwrap().is_empty());
    }
}
