//! Upgrades that are pending, as the lists say that apt, dnf or apk fetched last; nothing is fetched for it.

use std::{fs, path::PathBuf};

use crate::{
    domain::{Batch, Span, Timestamp, Value, Version},
    observe::{
        Host,
        child::ask,
        file::{Mark, mark},
        scope::{Scope, Sheet},
    },
};

/// A manager of packages that keeps lists of what there is.
struct Manager {
    /// Where its lists lie, by version.
    lists: &'static [&'static str],
    program: &'static str,
    args: &'static [&'static str],
    /// What to make of its answer.
    put: fn(&str, &mut Sheet),
}

const MANAGERS: [Manager; 3] = [
    Manager {
        lists: &["var/lib/apt/lists"],
        program: "apt-get",
        args: &["-s", "-q", "dist-upgrade"],
        put: put_apt,
    },
    Manager {
        lists: &["var/cache/dnf", "var/cache/libdnf5"],
        program: "dnf",
        args: &["-C", "-q", "check-update"],
        put: put_dnf,
    },
    Manager {
        lists: &["var/cache/apk"],
        program: "apk",
        args: &["version", "-l", "<"],
        put: put_apk,
    },
];

/// Asks which upgrades are pending when lists or packages changed. It tells a scope of its own, of which the shadow expects the packages
/// to follow: `upgrade.security:NAME:ARCHITECTURE` or `upgrade.usual:NAME:ARCHITECTURE` and the version.
pub(super) struct Pending {
    root: PathBuf,
    scope: Scope,
    /// The lists and databases as they were found last, since when they are so, and whether it was asked since.
    found: Option<(Vec<Mark>, Timestamp, bool)>,
}

impl Pending {
    /// How long nothing must have changed: apt takes seconds to work it out, which is not asked for at each package of an upgrade, nor by
    /// who only has a look.
    const SETTLED: Span = Span::from_mins(10);

    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            scope: Scope::new(host, "upgrade"),
            found: None,
        }
    }

    /// Tells what is pending once the lists and the `databases` of packages, which were not as they were, have settled. Who does not
    /// answer is asked again as much later.
    pub(super) fn read(&mut self, databases: &[Mark], now: Timestamp, out: &mut Batch) {
        // The managers speak of the host that runs them.
        if self.root.as_os_str() != "/" {
            return;
        }
        if !self.settled(self.marks(databases), now) {
            return;
        }
        let mut sheet = self.scope.sheet();
        let (mut answered, mut silent) = (false, false);
        for manager in MANAGERS {
            if self.lists(&manager).next().is_none() {
                continue;
            }
            // With the least priority: nothing waits for it.
            let args: Vec<&str> = ["-n", "19", manager.program]
                .iter()
                .chain(manager.args)
                .copied()
                .collect();
            match ask("nice", &args) {
                Ok(told) => {
                    answered = true;
                    (manager.put)(&String::from_utf8_lossy(&told), &mut sheet);
                }
                Err(_) => silent = true,
            }
        }
        // Some write beside their lists when they are asked.
        self.found = Some((self.marks(databases), now, answered || !silent));
        if answered {
            self.scope.tell(now, sheet, out);
        }
    }

    /// How the lists of `manager` are that are there.
    fn lists(&self, manager: &Manager) -> impl Iterator<Item = Mark> {
        let there = |folder: &&str| Some(mark(&fs::metadata(self.root.join(folder)).ok()?));
        manager.lists.iter().filter_map(there)
    }

    /// How the lists and `databases` are.
    fn marks(&self, databases: &[Mark]) -> Vec<Mark> {
        let lists = MANAGERS.iter().flat_map(|manager| self.lists(manager));
        lists.chain(databases.iter().copied()).collect()
    }

    /// Whether it is to be asked now: nothing is otherwise than it was for some time, and it was not asked since.
    fn settled(&mut self, marks: Vec<Mark>, now: Timestamp) -> bool {
        match &mut self.found {
            Some((found, since, asked)) if *found == marks && *since <= now => {
                !std::mem::replace(asked, *asked || now - *since >= Self::SETTLED) && *asked
            }
            _ => {
                self.found = Some((marks, now, false));
                false
            }
        }
    }
}

fn put(sheet: &mut Sheet, security: bool, name: &str, version: &str) {
    let sort = if security { "security" } else { "usual" };
    sheet.put(&format!("{sort}:{name}"), Value::Version(Version::new(version)));
}

/// apt-get(8), simulating: `Inst NAME [OLD] (NEW ARCHIVE, ARCHIVE [ARCHITECTURE])`; what is new has no `[OLD]`.
fn put_apt(text: &str, sheet: &mut Sheet) {
    for line in text.lines() {
        let Some((name, rest)) = line.strip_prefix("Inst ").and_then(|rest| rest.split_once(" [")) else {
            continue;
        };
        let Some((version, archives)) = rest
            .split_once("] (")
            .and_then(|(_, rest)| rest.split_once(')'))
            .and_then(|(told, _)| told.split_once(' '))
        else {
            continue;
        };
        let (archives, arch) = archives.rsplit_once(" [").unwrap_or((archives, ""));
        let name = name.split(':').next().unwrap_or(name);
        let security = archives.to_ascii_lowercase().contains("security");
        put(
            sheet,
            security,
            &format!("{name}:{}", arch.trim_end_matches(']')),
            version,
        );
    }
}

/// dnf(8): `NAME.ARCHITECTURE VERSION REPOSITORY`, before what is obsoleted.
fn put_dnf(text: &str, sheet: &mut Sheet) {
    for line in text.lines().take_while(|line| !line.starts_with("Obsoleting")) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [name, version, repository] = words[..]
            && let Some((name, arch)) = name.rsplit_once('.')
        {
            let version = version.strip_prefix("0:").unwrap_or(version);
            put(
                sheet,
                repository.contains("security"),
                &format!("{name}:{arch}"),
                version,
            );
        }
    }
}

/// apk(8): `NAME-VERSION-rRELEASE < NEW`.
fn put_apk(text: &str, sheet: &mut Sheet) {
    for line in text.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let [full, "<", version] = words[..]
            && let [_, _, name] = full.rsplitn(3, '-').collect::<Vec<_>>()[..]
        {
            put(sheet, false, &format!("{name}:"), version);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::Tree;

    fn told(put: fn(&str, &mut Sheet), text: &str) -> Vec<(String, String)> {
        let tree = Tree::new();
        let mut sheet = Scope::new(&tree.host(), "upgrade").sheet();
        put(text, &mut sheet);
        let (mut scope, mut batch) = (Scope::new(&tree.host(), "upgrade"), Batch::default());
        scope.tell(Timestamp::from_secs(0), sheet, &mut batch);
        let settings = batch.snapshots.remove(0).settings.unwrap();
        settings
            .into_iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn what_each_manager_says_is_understood() {
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let apt = "Reading package lists...\nInst bash [5.2.15-2+b8] (5.2.15-2+b13 Debian:12.15/oldstable [amd64])\n\
            Inst libgcrypt20 [1.10.1-3] (1.10.1-3+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []\n\
            Inst linux-image-new (6.1 Debian:12/stable [amd64])\nConf bash (5.2.15-2+b13 Debian:12.15/oldstable [amd64])\nInst [\n";
        assert_eq!(
            told(put_apt, apt),
            [
                pair("upgrade.security:libgcrypt20:amd64", "1.10.1-3+deb12u1"),
                pair("upgrade.usual:bash:amd64", "5.2.15-2+b13")
            ]
        );
        let dnf = "\nbash.x86_64   5.2.26-4.fc40   updates\nObsoleting Packages\nold.noarch 1 x\n";
        assert_eq!(told(put_dnf, dnf), [pair("upgrade.usual:bash:x86_64", "5.2.26-4.fc40")]);
        let apk = "Installed:                                Available:\nmusl-utils-1.2.4-r1      < 1.2.4-r2\n";
        assert_eq!(told(put_apk, apk), [pair("upgrade.usual:musl-utils:", "1.2.4-r2")]);
    }

    #[test]
    fn it_is_asked_once_things_have_settled() {
        let mut pending = Pending::new(&Tree::new().host());
        let at = |minute: i64| Timestamp::from_secs(60 * minute);
        let mark = |bytes: &str| {
            let tree = Tree::new();
            tree.write("list", bytes);
            vec![mark(&fs::metadata(tree.host().root.join("list")).unwrap())]
        };
        let (old, new) = (mark("old"), mark("newer"));
        let asked: Vec<bool> = (0..30)
            .map(|minute| pending.settled(if minute < 15 { old.clone() } else { new.clone() }, at(minute)))
            .collect();
        let times: Vec<usize> = (0..30).filter(|minute| asked[*minute]).collect();
        assert_eq!(times, [10, 25]);
        // A clock that was set back begins anew.
        assert!(
            !pending.settled(new.clone(), at(0))
                && !pending.settled(new.clone(), at(9))
                && pending.settled(new, at(10))
        );
    }

    #[test]
    fn another_tree_than_this_host_is_not_asked_about() {
        let (tree, mut batch) = (Tree::new(), Batch::default());
        tree.write("var/lib/apt/lists/x", "");
        Pending::new(&tree.host()).read(&[], Timestamp::from_secs(0), &mut batch);
        assert!(batch.snapshots.is_empty());
    }
}
