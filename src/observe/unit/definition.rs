//! What unit files and drop-ins say, as systemd puts them together (systemd.unit(5), systemd.syntax(7)).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::observe::file::{Mark, mark, plain_file};

/// Where unit files lie, those that win first (systemd.unit(5), table 1).
pub(super) const FOLDERS: [&str; 12] = [
    "etc/systemd/system.control",
    "run/systemd/system.control",
    "run/systemd/transient",
    "run/systemd/generator.early",
    "etc/systemd/system",
    "run/systemd/system",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
    "etc/systemd/system.attached",
];
/// Most drop-ins of one unit, and most bytes of one file.
const MOST_DROP_INS: usize = 100;
const MOST_BYTES: u64 = 256 << 10;
/// Where files of packages lie; others were written by an administrator, a tool or a generator.
const PACKAGED: [&str; 2] = ["usr/lib/", "lib/"];
/// Settings that are words for a reader.
const LEFT_OUT: [&str; 3] = ["Description", "Documentation", "SourcePath"];
/// Starts of names of settings that may be given several times and then add up; of others the last one holds.
const ADD_UP: [&str; 24] = [
    "Exec",
    "Environment",
    "After",
    "Before",
    "Wants",
    "Wanted",
    "Requires",
    "Required",
    "Requisite",
    "BindsTo",
    "PartOf",
    "Conflicts",
    "On",
    "Listen",
    "Condition",
    "Assert",
    "Read",
    "Inaccessible",
    "Device",
    "IPAddress",
    "SystemCall",
    "RestrictAddress",
    "Capability",
    "Also",
];

/// The files that make a unit, in the order they are read, with their state.
pub(super) type Files = Vec<(PathBuf, Mark)>;

/// The unit file of `unit` and its drop-ins, below `root`; empty when there is none.
pub(super) fn files(root: &Path, unit: &str) -> Files {
    let template = unit
        .split_once('@')
        .zip(unit.rsplit_once('.'))
        .map(|((stem, _), (_, end))| format!("{stem}@.{end}"));
    let names = || [Some(unit), template.as_deref()].into_iter().flatten();
    let regular = |path: PathBuf| {
        let meta = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some((path, mark(&meta)))
    };
    let fragment = names()
        .flat_map(|name| FOLDERS.map(|folder| root.join(folder).join(name)))
        .find_map(regular);
    // A drop-in hides those of its name in folders further down; all are read by name.
    let mut drop_ins: BTreeMap<String, (PathBuf, Mark)> = BTreeMap::new();
    let kind = unit.rsplit_once('.').map_or(unit, |(_, kind)| kind);
    for name in names().chain([kind]) {
        for folder in FOLDERS {
            let own = fs::read_dir(root.join(folder).join(format!("{name}.d")));
            for entry in own.into_iter().flatten().flatten().take(MOST_DROP_INS) {
                let file = entry.file_name().to_string_lossy().into_owned();
                if file.ends_with(".conf")
                    && !drop_ins.contains_key(&file)
                    && let Some(found) = regular(entry.path())
                {
                    drop_ins.insert(file, found);
                }
            }
        }
    }
    fragment.into_iter().chain(drop_ins.into_values()).collect()
}

/// Whether there is a unit file of that very name below `root`: drop-ins may be of all units of a kind.
pub(super) fn has_own(root: &Path, unit: &str) -> bool {
    FOLDERS.iter().any(|folder| root.join(folder).join(unit).exists())
}

/// Those of `files` that no package brought, as paths of the host.
pub(super) fn own_files(root: &Path, files: &Files) -> Vec<String> {
    let below = files.iter().filter_map(|(path, _)| path.strip_prefix(root).ok());
    below
        .map(|path| path.to_string_lossy().into_owned())
        .filter(|path| !PACKAGED.iter().any(|folder| path.starts_with(folder)))
        .map(|path| format!("/{path}"))
        .collect()
}

/// A line of a file (`/etc/systemd/system/a.service:1`), and what is wrong with it.
pub(super) type Fault = (String, &'static str);

/// The first line of the first of `files` below `root` that no unit file may have.
pub(super) fn fault(root: &Path, files: &Files) -> Option<Fault> {
    let (path, _) = files.first()?;
    let text = plain_file(path, MOST_BYTES)?;
    let text = String::from_utf8_lossy(&text);
    let (mut section, mut goes_on) = (false, false);
    let mut wrong = text.lines().map(str::trim).enumerate().filter_map(|(number, line)| {
        if line.is_empty() || line.starts_with(['#', ';']) {
            return None;
        }
        let begins = !std::mem::replace(&mut goes_on, line.ends_with('\\'));
        if line.starts_with('[') && begins {
            section = true;
            return (!line.ends_with(']')).then_some((number, "opens a section and does not close its name"));
        }
        (!section).then_some((number, "stands in no section"))
    });
    let (number, fault) = wrong.next()?;
    let path = path.strip_prefix(root).unwrap_or(path);
    Some((format!("/{}:{}", path.display(), number + 1), fault))
}

/// What `files` say together: `Service.Restart` and its values. One that adds up has all of them, any other the last.
pub(super) fn settings(files: &Files) -> BTreeMap<String, BTreeSet<String>> {
    let mut held: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, _) in files {
        let text = plain_file(path, MOST_BYTES).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut section = "";
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                continue;
            }
            let mut whole = line.to_owned();
            while let Some(part) = whole.strip_suffix('\\').map(str::to_owned) {
                // Comments may stand between the lines of one value.
                let next = lines.by_ref().find(|next| !next.starts_with(['#', ';']));
                whole = format!("{} {}", part.trim_end(), next.unwrap_or_default());
            }
            let Some((key, value)) = whole.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            if section.is_empty() || section.starts_with("X-") || LEFT_OUT.contains(&key) {
                continue;
            }
            let all = held.entry(format!("{section}.{key}")).or_default();
            let adds_up = ADD_UP.iter().any(|start| key.starts_with(start));
            if value.is_empty() || !adds_up {
                all.clear();
            }
            if key == "Environment" {
                for variable in words(value) {
                    // Of a variable that is given twice the last value holds.
                    let name = variable.split_once('=').map_or(variable.as_str(), |(name, _)| name);
                    all.retain(|old| old.split_once('=').is_none_or(|(own, _)| own != name));
                    all.insert(variable);
                }
            } else if !value.is_empty() {
                all.insert(value.to_owned());
            }
        }
    }
    held.retain(|_, values| !values.is_empty());
    held
}

/// The words of `text` as systemd parts them (systemd.syntax(7)): at blanks, except in quotes of either kind; a backslash takes the
/// next character as it is.
fn words(text: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match quote {
            None if c.is_ascii_whitespace() => all.extend(word.take()),
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            Some(own) if c == own => quote = None,
            _ => {
                let c = if c == '\\' { rest.next().unwrap_or(c) } else { c };
                word.get_or_insert_default().push(c);
            }
        }
    }
    all.extend(word);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::Tree;

    fn shown(tree: &Tree, unit: &str) -> String {
        let all = settings(&files(&tree.path(""), unit));
        all.iter()
            .map(|(name, values)| format!("{name}={};", values.iter().cloned().collect::<Vec<_>>().join("|")))
            .collect()
    }

    #[test]
    fn drop_ins_add_to_the_file_and_an_empty_value_starts_anew() {
        let tree = Tree::new();
        tree.write(
            "usr/lib/systemd/system/app@.service",
            "[Unit]\nDescription=x\nAfter=a.target\n[Service]\nExecStart=/bin/a \\\n# c\n  -b\nRestart=no\nEnvironment=A=1\n",
        );
        tree.write(
            "usr/lib/systemd/system/app@.service.d/50-x.conf",
            "[Service]\nRestart=always\n",
        );
        tree.write(
            "etc/systemd/system/app@.service.d/50-x.conf",
            "[Service]\nRestart = on-failure\n",
        );
        tree.write(
            "etc/systemd/system/app@1.service.d/60.conf",
            "[Service]\nExecStart=\nExecStart=/bin/c\nEnvironment=B=2\n[Unit]\nAfter=b.target\n",
        );
        tree.write(
            "etc/systemd/system/app@1.service.d/60.conf.bak",
            "[Service]\nRestart=never\n",
        );
        assert_eq!(
            shown(&tree, "app@1.service"),
            "Service.Environment=A=1|B=2;Service.ExecStart=/bin/c;Service.Restart=on-failure;Unit.After=a.target|b.target;"
        );
        assert_eq!(
            shown(&tree, "app@2.service"),
            "Service.Environment=A=1;Service.ExecStart=/bin/a -b;Service.Restart=on-failure;Unit.After=a.target;"
        );
        let own = own_files(&tree.path(""), &files(&tree.path(""), "app@1.service"));
        assert_eq!(
            own,
            [
                "/etc/systemd/system/app@.service.d/50-x.conf",
                "/etc/systemd/system/app@1.service.d/60.conf"
            ]
        );
        assert_eq!(shown(&tree, "none.service"), "");
    }

    #[test]
    fn variables_stand_alone() {
        let tree = Tree::new();
        tree.write(
            "etc/systemd/system/a.service",
            "[Service]\nEnvironment=\"A=1\" \"B=two words\" C='x \"y\"'\nEnvironment=A=2 D=a\\\"b\nEnvironment=\"E=open\n",
        );
        assert_eq!(
            shown(&tree, "a.service"),
            "Service.Environment=A=2|B=two words|C=x \"y\"|D=a\"b|E=open;"
        );
        for text in ["", "  ", "\"", "\\", "'\\", "\"\" ''"] {
            words(text);
        }
    }

    #[test]
    fn broken_files() {
        let tree = Tree::new();
        for (n, text) in ["\\", "[", "[]\n=\n", "[S]\n=x\nA\\\\\n", "\u{1b}[2J=[\n", "[A]\nb=\\"]
            .iter()
            .enumerate()
        {
            tree.write(&format!("etc/systemd/system/{n}.service"), text);
            shown(&tree, &format!("{n}.service"));
        }
        std::os::unix::fs::symlink("/dev/null", tree.path("etc/systemd/system/masked.service")).unwrap();
        assert_eq!(shown(&tree, "masked.service"), "");
        assert_eq!(shown(&tree, "@"), "");
        assert_eq!(shown(&tree, ""), "");
    }
}
