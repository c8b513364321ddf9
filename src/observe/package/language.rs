//! Packages of languages that are installed for all: pip's and npm's.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    domain::{Batch, Span, Timestamp, Value, Version},
    observe::{
        Host, ObserveError, Source,
        file::{Mark, mark, plain_file},
        scope::Scope,
    },
};

/// Folders of Python's versions, and the folders of packages in them.
const PYTHON: [&str; 5] = [
    "usr/lib",
    "usr/local/lib",
    "usr/lib64",
    "usr/local/lib64",
    "opt/python/lib",
];
const PACKAGES: [&str; 2] = ["dist-packages", "site-packages"];
/// npm's folders of packages that all may use.
const NODE: [&str; 3] = [
    "usr/lib/node_modules",
    "usr/local/lib/node_modules",
    "opt/nodejs/lib/node_modules",
];
/// Most packages of one folder.
const MOST: usize = 5_000;

/// Reads the folders of packages when one of them changed.
pub(in crate::observe) struct LanguagePackages {
    root: PathBuf,
    every: Span,
    scope: Scope,
    marks: BTreeMap<PathBuf, Mark>,
}

impl LanguagePackages {
    pub(in crate::observe) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            every: host.settings_interval,
            scope: Scope::new(host, "lib"),
            marks: BTreeMap::new(),
        }
    }

    fn folders(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let mut python = Vec::new();
        for top in PYTHON {
            for entry in fs::read_dir(self.root.join(top)).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with("python") {
                    python.extend(PACKAGES.map(|folder| entry.path().join(folder)));
                }
            }
        }
        python.sort();
        let node = NODE.map(|folder| self.root.join(folder));
        (python, node.into())
    }
}

/// Packages by the names of their folders of facts: `name-1.2.dist-info`, `name-1.2-py3.11.egg-info`.
fn python(folder: &Path) -> impl Iterator<Item = (String, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST);
    entries.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let stem = name
            .strip_suffix(".dist-info")
            .or_else(|| name.strip_suffix(".egg-info"))?;
        let (package, rest) = stem.split_once('-')?;
        let version = rest.split("-py").next()?;
        Some((package.to_ascii_lowercase(), version.to_owned()))
    })
}

/// Packages by their `package.json`, those of a scope (`@scope/name`) too.
fn node(folder: &Path, deep: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().take(MOST) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('@') && deep {
            let own = node(&entry.path(), false);
            found.extend(
                own.into_iter()
                    .map(|(package, version)| (format!("{name}/{package}"), version)),
            );
            continue;
        }
        let facts = plain_file(&entry.path().join("package.json"), 1 << 20).unwrap_or_default();
        let facts: serde_json::Value = serde_json::from_slice(&facts).unwrap_or_default();
        if let Some(version) = facts.get("version").and_then(|version| version.as_str()) {
            found.push((name, version.to_owned()));
        }
    }
    found
}

impl Source for LanguagePackages {
    fn name(&self) -> &'static str {
        "language-package"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let (pythons, nodes) = self.folders();
        // Installing or removing one dates the folder it is in.
        let marks: BTreeMap<PathBuf, Mark> = pythons
            .iter()
            .chain(&nodes)
            .filter_map(|folder| Some((folder.clone(), mark(&fs::metadata(folder).ok()?))))
            .collect();
        if marks.is_empty() {
            return Err(ObserveError::Absent {
                what: "a folder of pip's or npm's packages".into(),
            });
        }
        if self.scope.known() && marks == self.marks {
            self.scope.confirm(now, out);
            return Ok(());
        }
        let mut sheet = self.scope.sheet();
        for folder in &pythons {
            for (name, version) in python(folder) {
                sheet.put(&format!("pip.{name}"), Value::Version(Version::new(&version)));
            }
        }
        for folder in &nodes {
            for (name, version) in node(folder, true) {
                sheet.put(&format!("npm.{name}"), Value::Version(Version::new(&version)));
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
    use crate::observe::fixture::{Tree, setting};

    #[test]
    fn packages_of_pip_and_npm() {
        let tree = Tree::new();
        let mut source = LanguagePackages::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        tree.write("usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/x", "");
        tree.write("usr/local/lib/python3.11/dist-packages/requests-2.31.0.dist-info/x", "");
        tree.write("usr/local/lib/python3.11/dist-packages/six-1.16.0-py3.11.egg-info", "");
        tree.write("usr/local/lib/python3.11/dist-packages/requests/x.py", "");
        tree.write("usr/lib/node_modules/npm/package.json", r#"{"version":"9.2.0"}"#);
        tree.write("usr/lib/node_modules/@a/b/package.json", r#"{"version":"1.0.0"}"#);
        tree.write("usr/lib/node_modules/broken/package.json", "{");
        let batch = tree.read(&mut source, 0).unwrap();
        let shown = |name: &str| setting(&batch, &format!("lib.{name}")).map(|value| value.to_string());
        assert_eq!(shown("pip.pyyaml").as_deref(), Some("6.0"));
        assert_eq!(shown("pip.requests").as_deref(), Some("2.31.0"));
        assert_eq!(shown("pip.six").as_deref(), Some("1.16.0"));
        assert_eq!(shown("npm.npm").as_deref(), Some("9.2.0"));
        assert_eq!(shown("npm.@a/b").as_deref(), Some("1.0.0"));
        assert_eq!(batch.snapshots[0].settings.as_ref().unwrap().len(), 5);
        assert!(tree.read(&mut source, 60).unwrap().snapshots[0].settings.is_none());
    }
}
