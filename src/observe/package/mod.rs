//! Installed packages: of dpkg, apk and rpm, and of languages.
#![cfg(target_os = "linux")]

mod language;
mod pending;

use std::{
    fs,
    io::{self, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

pub(super) use self::language::LanguagePackages;
use self::pending::Pending;

use super::{
    Host, ObserveError, Source,
    child::ask,
    file::{Mark, failed, mark, open, plain_file},
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp, Value, Version};

/// The databases of packages, and what each belongs to. Of a host with several, all are told.
pub(super) const DATABASES: [(&str, Kind); 5] = [
    ("var/lib/dpkg/status", Kind::Dpkg),
    ("lib/apk/db/installed", Kind::Apk),
    ("var/lib/rpm/rpmdb.sqlite", Kind::Rpm),
    ("usr/lib/sysimage/rpm/rpmdb.sqlite", Kind::Rpm),
    ("var/lib/rpm/Packages", Kind::Rpm),
];
/// How long a database that lost most of its packages must stay so before it is believed.
const SETTLES: Span = Span::from_mins(10);
/// Most bytes of a database that are read.
const MOST_BYTES: u64 = 256 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dpkg,
    Apk,
    Rpm,
}

/// Reads the databases of packages when one of them changed.
pub(super) struct Packages {
    root: PathBuf,
    every: Span,
    scope: Scope,
    read: Vec<Mark>,
    /// How much was told last.
    told: usize,
    /// Whether what was read last ended with a whole package.
    ends: bool,
    pending: Pending,
}

impl Packages {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "pkg"),
            read: Vec::new(),
            // A database that was cut off while nobody looked is not believed either.
            told: host.known.keys().filter(|name| name.starts_with("pkg.")).count(),
            ends: false,
            pending: Pending::new(host),
        }
    }

    /// The same, which asks `witness` who made a change.
    pub(super) fn asking(mut self, witness: &Witness) -> Self {
        self.scope = self.scope.asking(witness);
        self
    }

    fn dpkg(path: &Path, sheet: &mut Sheet) -> Result<(), ObserveError> {
        let file = open(path).map_err(|source| failed(path, source))?;
        for package in deb822_fast::Deb822::iter_paragraphs_from_reader(BufReader::new(file.take(MOST_BYTES))) {
            let package = package.map_err(|why| ObserveError::Malformed {
                what: path.display().to_string(),
                why: why.to_string(),
            })?;
            put(&package, sheet);
        }
        Ok(())
    }

    /// rpm's database has several forms; only rpm itself reads them all.
    fn rpm(&self, sheet: &mut Sheet) -> Result<(), ObserveError> {
        let root = self.root.display().to_string();
        let format = "%{NAME} %{ARCH} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n";
        put_rpm(
            &String::from_utf8_lossy(&ask("rpm", &all_of_rpm(&root, format))?),
            sheet,
        );
        Ok(())
    }
}

/// With what a database of packages as text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// With an empty line, as those who keep it end each package; or there is nothing in it.
    Package,
    /// With a line.
    Line,
    /// Within a line.
    Within,
}

impl Ends {
    /// That of the file at `path`.
    fn of(path: &Path) -> Self {
        let last = || -> io::Result<Vec<u8>> {
            let mut file = open(path)?;
            let len = file.metadata()?.len();
            file.seek(SeekFrom::Start(len.saturating_sub(2)))?;
            let mut last = Vec::new();
            file.take(2).read_to_end(&mut last)?;
            Ok(last)
        };
        match &*last().unwrap_or_default() {
            b"\n\n" | b"" => Self::Package,
            [.., b'\n'] => Self::Line,
            _ => Self::Within,
        }
    }
}

/// What rpm is asked with for all packages of the tree `root`, each told as `format` says.
pub(super) fn all_of_rpm<'a>(root: &'a str, format: &'a str) -> Vec<&'a str> {
    let mut args = vec!["-qa", "--queryformat", format];
    // Another root takes rights, also where it is the same.
    if root != "/" {
        args.extend(["--root", root]);
    }
    args
}

/// Name, architecture and version of a package a line. Several versions of one may be installed side by side (kernels).
fn put_rpm(text: &str, sheet: &mut Sheet) {
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let [name, _, version] = words[..]
            && name != "gpg-pubkey"
        {
            sheet.put(name, Value::Version(Version::new(version)));
        }
    }
}

/// apk's list: a letter, a colon and the value a line, an empty line after each package.
fn put_apk(text: &str, sheet: &mut Sheet) {
    let mut name = None;
    for line in text.lines() {
        match line.split_once(':') {
            Some(("P", value)) => name = Some(value),
            Some(("V", version)) => {
                if let Some(name) = name.take() {
                    sheet.put(name, Value::Version(Version::new(version)));
                }
            }
            _ => {}
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

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let there: Vec<(PathBuf, Kind, Mark)> = DATABASES
            .iter()
            .filter_map(|(path, kind)| {
                let path = self.root.join(path);
                let mark = mark(&fs::metadata(&path).ok()?);
                Some((path, *kind, mark))
            })
            .collect();
        if there.is_empty() {
            return Err(ObserveError::Absent {
                what: "a database of packages".into(),
            });
        }
        let marks: Vec<Mark> = there.iter().map(|(_, _, mark)| *mark).collect();
        if marks == self.read && self.scope.known() {
            self.scope.confirm(now, out);
            self.pending.read(&marks, now, out);
            return Ok(());
        }
        let mut sheet = self.scope.sheet();
        let mut rpm = false;
        for (path, kind, _) in &there {
            match kind {
                Kind::Dpkg => Self::dpkg(path, &mut sheet)?,
                Kind::Apk => {
                    let bytes = plain_file(path, MOST_BYTES).unwrap_or_default();
                    put_apk(&String::from_utf8_lossy(&bytes), &mut sheet);
                }
                // One of its files may be a link to another.
                Kind::Rpm if rpm => {}
                Kind::Rpm => {
                    rpm = true;
                    self.rpm(&mut sheet)?;
                }
            }
        }
        // A disk that filled up or a program that died leaves a file cut off, and nobody removes half of all packages at once.
        let newest = marks
            .iter()
            .map(|(_, _, written, _)| *written)
            .max()
            .unwrap_or_default();
        let age = now - i64::try_from(newest / 1_000).map_or(now, Timestamp);
        let texts = there
            .iter()
            .filter(|(_, kind, _)| matches!(kind, Kind::Dpkg | Kind::Apk));
        let ends: Vec<Ends> = texts.map(|(path, ..)| Ends::of(path)).collect();
        let within = ends.contains(&Ends::Within) || self.ends && ends.contains(&Ends::Line);
        let lost = if sheet.len() < self.told / 2 {
            Some("it has lost more than half of what it held")
        } else {
            within.then_some("it ends within a package")
        };
        if let Some(lost) = lost.filter(|_| (Span::ZERO..SETTLES).contains(&age)) {
            return Err(ObserveError::Malformed {
                what: "the database of packages".into(),
                why: format!("{lost} and may be cut off; believed when it stays so for {SETTLES}"),
            });
        }
        self.told = sheet.len();
        self.ends = ends.iter().all(|ends| *ends == Ends::Package);
        self.scope.tell(now, sheet, out);
        self.read = marks;
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
    fn a_database_that_ends_within_a_package_is_not_believed_however_much_it_holds() {
        let tree = Tree::new();
        let whole = format!("{STATUS}\n");
        tree.write("var/lib/dpkg/status", &whole);
        let mut source = Packages::new(&tree.host());
        let written = |tree: &Tree| {
            let (_, _, written, _) = mark(&fs::metadata(tree.path("var/lib/dpkg/status")).unwrap());
            i64::try_from(written / 1_000_000_000).unwrap()
        };
        tree.read(&mut source, written(&tree)).unwrap();
        let within = whole.find("Status: install ok half").unwrap();
        for cut in [within, within + "Status: install".len()] {
            tree.write("var/lib/dpkg/status", &whole[..cut]);
            let error = tree.read(&mut source, written(&tree) + 1).unwrap_err();
            assert!(error.to_string().contains("ends within a package"), "{error}");
        }
        tree.write("var/lib/dpkg/status", &whole);
        tree.read(&mut source, written(&tree) + 2).unwrap();
        // A package less, and whole.
        tree.write("var/lib/dpkg/status", &whole[..whole.find("Package: half").unwrap()]);
        let batch = tree.read(&mut source, written(&tree) + 3).unwrap();
        assert!(setting(&batch, "pkg.bash").is_some() && setting(&batch, "pkg.half:state").is_none());
    }

    #[test]
    fn a_database_cut_off_is_not_believed_at_once() {
        let tree = Tree::new();
        tree.write("var/lib/dpkg/status", STATUS);
        let mut source = Packages::new(&tree.host());
        let written = |tree: &Tree| {
            let (_, _, written, _) = mark(&fs::metadata(tree.path("var/lib/dpkg/status")).unwrap());
            i64::try_from(written / 1_000_000_000).unwrap()
        };
        tree.read(&mut source, written(&tree)).unwrap();
        tree.write("var/lib/dpkg/status", &STATUS[..40]);
        let cut = written(&tree) + 1;
        assert!(matches!(
            tree.read(&mut source, cut),
            Err(ObserveError::Malformed { .. })
        ));
        // Nor by a program that was started since.
        let known = ["bash", "libc6:i386", "half"].map(|name| (format!("pkg.{name}").into(), Value::Int(1)));
        let mut restarted = Packages::new(&Host {
            known: std::sync::Arc::new(known.into()),
            ..tree.host()
        });
        assert!(matches!(
            tree.read(&mut restarted, cut),
            Err(ObserveError::Malformed { .. })
        ));
        for source in [&mut source, &mut restarted] {
            let batch = tree.read(source, cut + 700).unwrap();
            assert!(batch.snapshots[0].settings.as_ref().unwrap().is_empty());
        }
    }

    #[test]
    fn packages_of_apk_and_rpm() {
        let tree = Tree::new();
        tree.write(
            "lib/apk/db/installed",
            b"C:Q1x\nP:musl\nV:1.2.4-r2\nA:x86_64\n\nP:odd\n\n\xff\nV:1\n",
        );
        let batch = tree.read(&mut Packages::new(&tree.host()), 0).unwrap();
        assert_eq!(
            setting(&batch, "pkg.musl"),
            Some(Value::Version(Version::new("1.2.4-r2")))
        );
        let scope = Scope::new(&tree.host(), "pkg");
        let mut sheet = scope.sheet();
        put_rpm(
            "bash x86_64 5.2.15-3.el9\nvim x86_64 2:9.0-1\ngpg-pubkey (none) 1-2\nbroken\n",
            &mut sheet,
        );
        assert_eq!(sheet.len(), 2);
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
