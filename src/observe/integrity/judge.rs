//! Whether a file is as it should be: as its package has it, or as it was at first sight.

use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{Differs, Entry, Found, Integrity, NOT_READ, REREAD, UNREAD, join, look, owner::Sum, tree::Content};
use crate::domain::{Span, Timestamp};
use rustix::fs::FileType;

/// How long a change is left alone before it is judged: a package manager writes files before it notes whose they are.
const SETTLES: Span = Span::from_mins(2);
/// How far the package manager's own files and a file it wrote may lie apart.
const PACKAGE: Span = Span::from_mins(2);

impl Integrity {
    /// A file that was known: how it is now.
    pub(super) fn met(&mut self, folder: &Path, old: Entry, found: &Found, now: Timestamp) -> Entry {
        let owner = self.tree.owner(found.uid, found.gid);
        let as_seen = (old.seen, old.mode, old.owner) == (found.seen, found.mode, owner);
        let regular = found.kind() == FileType::RegularFile;
        // The place of the file in the sweep says in which of them it is read though nothing changed.
        let turn = self.left.reread || (found.seen ^ self.sweeps).is_multiple_of(REREAD);
        if as_seen && old.content != UNREAD && !(regular && turn) {
            return old;
        }
        let path = join(folder, found.name.to_bytes());
        if !as_seen && old.content != UNREAD && settling(found.changed, now) {
            return old;
        }
        let mut new = Entry {
            seen: found.seen,
            content: NOT_READ,
            mode: found.mode,
            owner,
        };
        let mut sum = None;
        if has_content(found) {
            // Where the content was known and nothing says that it changed, its package need not be asked.
            match self.read(&path, found, !as_seen || old.content == UNREAD) {
                (UNREAD, _) => return old,
                (content, read) => (new.content, sum) = (content, read),
            }
        }
        if old.content == UNREAD {
            self.compare_with_package(&path, &new, sum, found.changed);
        } else if !new.same(&old) {
            self.judge(&path, old, new, sum, found.changed);
        }
        new
    }

    /// A file that was not known; `None` leaves it unknown for now. In a folder looked at for the first time it is taken as it is.
    pub(super) fn appeared(&mut self, path: &Path, found: &Found, folder_known: bool, now: Timestamp) -> Option<Entry> {
        if folder_known && settling(found.changed, now) {
            return None;
        }
        let mut new = Entry {
            seen: found.seen,
            content: NOT_READ,
            mode: found.mode,
            owner: self.tree.owner(found.uid, found.gid),
        };
        let mut sum = None;
        if has_content(found) {
            (new.content, sum) = self.read(path, found, true);
        }
        let was = self.tree.differs.get(path).and_then(|differs| differs.was);
        match was {
            // It was gone and is back.
            Some(was) => self.judge(path, was, new, sum, found.changed),
            None if folder_known
                && self.owners().package(path.as_os_str().as_bytes()).is_none()
                && !self.package_time(found.changed) =>
            {
                let mut says = BTreeMap::from([("state".to_owned(), "added".to_owned())]);
                says.insert("mode".into(), mode(&new));
                says.insert("owner".into(), self.tree.owner_of(&new));
                if new.kind() == FileType::RegularFile && new.content != UNREAD {
                    says.insert("content".into(), content(&new));
                }
                self.differs(path, Some(Differs { says, was: None }), found.changed);
            }
            None => self.compare_with_package(path, &new, sum, found.changed),
        }
        Some(new)
    }

    /// A file that is no longer there, in a folder that changed at `changed`; `false` leaves it known for now.
    pub(super) fn vanished(&mut self, path: &Path, old: Entry, changed: i64, now: Timestamp) -> bool {
        if settling(changed, now) {
            return false;
        }
        if old.kind() == FileType::Directory {
            self.tree.forget(path);
        }
        let package = self.owners().package(path.as_os_str().as_bytes()).cloned();
        let told = self.tree.differs.get(path);
        if told.is_some_and(|told| told.was.is_none() && told.says.get("state").is_some_and(|state| state == "added"))
            || package.is_none() && self.package_time(changed)
        {
            self.differs(path, None, changed);
            return true;
        }
        let was = told.and_then(|told| told.was).unwrap_or(old);
        let mut says = BTreeMap::from([("state".to_owned(), "missing".to_owned())]);
        says.extend(package.map(|package| ("package".to_owned(), package.to_string())));
        self.differs(path, Some(Differs { says, was: Some(was) }), changed);
        true
    }

    /// Content, and where its package has one and `with_sum` asks for it, its sum; unread when this reading may read no more.
    fn read(&mut self, path: &Path, found: &Found, with_sum: bool) -> (Content, Option<Sum>) {
        let cost = found.cost();
        if cost > self.left.bytes && self.done.bytes > 0 {
            self.unread += 1;
            return (UNREAD, None);
        }
        self.left.bytes = self.left.bytes.saturating_sub(cost);
        self.done.bytes += cost;
        let digest = with_sum
            .then(|| self.owners().says(path.as_os_str().as_bytes()))
            .flatten();
        look::content(&self.on_disk(path), found, digest)
    }

    /// What is seen for the first time is as it should be, unless its package says otherwise.
    fn compare_with_package(&mut self, path: &Path, new: &Entry, sum: Option<Sum>, changed: i64) {
        let bytes = path.as_os_str().as_bytes();
        if sum.and_then(|sum| self.owners().agrees(bytes, &sum)) != Some(false) {
            return;
        }
        let package = self
            .owners()
            .package(bytes)
            .map(ToString::to_string)
            .unwrap_or_default();
        let says = [
            ("state", "differs from its package".to_owned()),
            ("package", package),
            ("content", content(new)),
        ];
        let says = says.map(|(part, text)| (part.to_owned(), text));
        self.differs(
            path,
            Some(Differs {
                says: says.into(),
                was: None,
            }),
            changed,
        );
    }

    /// A file that is otherwise than it was: by its package manager, or not.
    fn judge(&mut self, path: &Path, old: Entry, new: Entry, sum: Option<Sum>, changed: i64) {
        let bytes = path.as_os_str().as_bytes();
        let agrees = sum.and_then(|sum| self.owners().agrees(bytes, &sum));
        let package = self.owners().package(bytes).map(ToString::to_string);
        let package_time = self.package_time(changed);
        let other_content = old.content != new.content;
        let content_off = other_content && agrees.map_or(!package_time, |agrees| !agrees);
        let access_off =
            (old.mode, old.owner) != (new.mode, new.owner) && !package_time && !(other_content && agrees == Some(true));
        let told = self.tree.differs.get(path).cloned();
        let was = told.as_ref().map_or(Some(old), |told| told.was);
        // As it was at first, or as the package has it again.
        let put_right = match was {
            Some(was) => was.same(&new),
            None => agrees == Some(true),
        };
        if put_right || !(content_off || access_off) {
            return self.differs(path, None, changed);
        }
        let before = was.unwrap_or(old);
        let mut says = BTreeMap::from([("state".to_owned(), "changed".to_owned())]);
        says.extend(package.map(|package| ("package".to_owned(), package)));
        let mut part = |name: &str, of: &dyn Fn(&Entry) -> String| {
            let [then, now] = [of(&before), of(&new)];
            if then != now {
                says.insert(name.to_owned(), format!("{now} (was {then})"));
            }
        };
        part("content", &content);
        part("mode", &mode);
        part("owner", &|entry| self.tree.owner_of(entry));
        self.differs(path, Some(Differs { says, was }), changed);
    }

    /// Whether the package manager was at work at `secs` since the epoch.
    fn package_time(&self, secs: i64) -> bool {
        let at = Timestamp::from_secs(secs);
        let near = |other: Timestamp| (at - other).max(other - at) <= PACKAGE;
        self.databases.iter().any(|(_, written)| near(*written)) || self.witness.packages_changed(at)
    }

    /// Remembers what `path` is told to be, and that it is news.
    fn differs(&mut self, path: &Path, differs: Option<Differs>, changed: i64) {
        let told = self.tree.differs.get(path).cloned();
        let same = |(one, other): (&Differs, &Differs)| one.says == other.says;
        if told.is_none() && differs.is_none() || told.as_ref().zip(differs.as_ref()).is_some_and(same) {
            return;
        }
        self.changed = true;
        match differs {
            Some(_) if told.is_none() && self.tree.differs.len() >= super::MOST_TOLD => {
                self.untold += 1;
                return;
            }
            Some(differs) => drop(self.tree.differs.insert(path.to_owned(), differs)),
            None => drop(self.tree.differs.remove(path)),
        }
        let path: PathBuf = path.to_owned();
        self.news.push((path, told, Timestamp::from_secs(changed)));
    }
}

fn has_content(found: &Found) -> bool {
    matches!(found.kind(), FileType::RegularFile | FileType::Symlink)
}

/// Whether a change is so new that it may still go on.
fn settling(changed: i64, now: Timestamp) -> bool {
    let age = now - Timestamp::from_secs(changed);
    (Span::ZERO..SETTLES).contains(&age)
}

fn content(entry: &Entry) -> String {
    match entry.content {
        UNREAD | NOT_READ => "unread".into(),
        content => {
            let hex: String = content[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            format!("blake3 {hex}")
        }
    }
}

fn mode(entry: &Entry) -> String {
    let kind = match entry.kind() {
        FileType::RegularFile => "",
        FileType::Directory => "folder ",
        FileType::Symlink => "link ",
        FileType::Fifo => "fifo ",
        FileType::Socket => "socket ",
        FileType::CharacterDevice | FileType::BlockDevice => "device ",
        FileType::Unknown => "unknown ",
    };
    format!("{kind}{:04o}", entry.mode & 0o7777)
}
