//! The files in `/etc` and those the user named: their names and values, or a hash of their content, and who may change them.

mod format;
mod odd;
pub(super) mod read;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use self::{
    odd::{Odd, Unread},
    read::{Access, Content, LINES, Settings, Wrong, settings},
};
use super::{
    Host, ObserveError, Source,
    file::{Mark, failed, mark, name_of},
    nudge::{LISTENS, Nudge},
    scope::{Scope, Sheet, When},
    witness::{Clue, Witness},
};
use crate::domain::{Batch, Span, Timestamp, text::visible};

/// Most files that are told of, how deep they may lie, and how many entries of folders are looked at for them.
const MOST_FILES: usize = 20_000;
const DEEPEST: usize = 10;
const MOST_ENTRIES: usize = 60_000;
/// Most bytes of all files whose lines are told; of what is beyond, a hash.
const MOST_LINES: u64 = 4 << 20;
/// Most settings besides one a file: each takes some 2 kB of memory in all that learns from it. Files beyond are told by a hash.
const MOST_MORE: usize = 10_000;

/// Files of packages and of the running system that are read among those of `/etc`, by name: which of them counts, all together say.
const VENDOR: [&str; 3] = ["/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];
/// Files and folders that say what settings of another scope should be.
const DECLARES: [(&str, &str); 8] = [
    ("sysctl.conf", "sysctl"),
    ("sysctl.d/", "sysctl"),
    ("fstab", "mount"),
    ("group", "account"),
    ("passwd", "account"),
    ("shadow", "account"),
    ("sudoers", "account"),
    ("sudoers.d/", "account"),
];
/// Files and folders whose content another source tells; how they may be changed is told here.
const ELSEWHERE: [&str; 7] = [
    "crontab",
    "group",
    "passwd",
    "shadow",
    "sudoers",
    "cron.d/",
    "sudoers.d/",
];
/// Folders and files that other sources tell, that change by themselves, or that hold no settings.
const LEFT_OUT: [&str; 20] = [
    ".git",
    ".pwd.lock",
    "adjtime",
    "ca-certificates",
    "fonts",
    "hosts",
    "ld.so.cache",
    "localtime",
    "lvm/archive",
    "lvm/backup",
    "mailcap",
    "mtab",
    "os-release",
    "resolv.conf",
    "security/limits.conf",
    "security/limits.d",
    "ssl/certs",
    "udev/hwdb.bin",
    "vim",
    "X11",
];
/// Ends of names of files that editors and package tools leave behind.
const LEFTOVERS: [&str; 12] = [
    "~",
    "-",
    ".bak",
    ".old",
    ".orig",
    ".rej",
    ".swp",
    ".lock",
    ".dpkg-old",
    ".dpkg-dist",
    ".dpkg-new",
    ".ucf-dist",
];

/// One file as it was when last read.
struct Known {
    mark: Mark,
    settings: Settings,
    wrong: Option<Wrong>,
    /// Whether only a hash of its content is told, because there were too many settings.
    brief: bool,
}

/// Reads the files of `/etc`, or of the paths the user named, that changed since it last did.
pub(super) struct Etc {
    name: &'static str,
    /// Files and folders below the root that are read, and what their names begin with.
    tops: Vec<(PathBuf, String)>,
    key: [u8; 32],
    /// Bytes of files of unknown formats of which lines may be told; 0 tells only a hash.
    lines: u64,
    access: Access,
    every: Span,
    witness: Witness,
    scope: Scope,
    known: BTreeMap<String, Known>,
    read_at: Timestamp,
    /// Entries that may still be looked at in this reading.
    left: usize,
    nudge: Nudge,
    /// Where most files lie, when there are more than are watched.
    cut: Option<String>,
    odd: Odd,
    unread: Unread,
}

impl Etc {
    /// The files of `/etc` of `host`; `witness` knows who changed them.
    pub(super) fn new(host: &Host, witness: &Witness) -> Self {
        Self::of(host, witness, "etc", vec![(host.root.join("etc"), String::new())])
    }

    /// The files and folders the user named.
    pub(super) fn named(host: &Host, witness: &Witness) -> Self {
        let top = |path: &PathBuf| {
            let name = name_of(path.as_os_str()).trim_end_matches('/').to_owned();
            (host.root.join(path.strip_prefix("/").unwrap_or(path)), name)
        };
        let mut named = Self::of(host, witness, "file", host.paths.iter().map(top).collect());
        let (lines, how) = if host.keep_lines {
            (MOST_LINES, "lines")
        } else {
            (0, "hashes")
        };
        named.lines = lines;
        let names = named.tops.iter().map(|(_, name)| name.clone());
        named.scope = Scope::new(host, "file").heeding(witness).reaching(names, how);
        named
    }

    /// The folders outside of `/etc` whose files say what the kernel is to have; `None` where there are none.
    pub(super) fn vendor(host: &Host, witness: &Witness) -> Option<Self> {
        let top = |path: &str| (host.root.join(path.trim_start_matches('/')), path.to_owned());
        let tops: Vec<_> = VENDOR.into_iter().map(top).filter(|(top, _)| top.is_dir()).collect();
        (!tops.is_empty()).then(|| Self::of(host, witness, "vendor", tops))
    }

    /// Whether it reads what the user named.
    fn is_named(&self) -> bool {
        self.name == "file"
    }

    fn of(host: &Host, witness: &Witness, name: &'static str, tops: Vec<(PathBuf, String)>) -> Self {
        Self {
            name,
            tops,
            read_at: Timestamp(0),
            left: 0,
            nudge: Nudge::new(),
            cut: None,
            odd: Odd::default(),
            unread: Unread::default(),
            key: host.secret_key,
            lines: 0,
            access: Access::default(),
            every: host.settings_interval,
            witness: witness.clone(),
            scope: Scope::new(host, name).heeding(witness),
            known: BTreeMap::new(),
        }
    }

    /// Paths below the folder, their names as [`name_of`] writes them, with the state of every file and link.
    fn walk(
        &mut self,
        folder: &Path,
        name: &str,
        deep: usize,
        found: &mut Vec<(String, PathBuf, Metadata)>,
    ) -> io::Result<()> {
        self.nudge.add(folder);
        for entry in fs::read_dir(folder)?.flatten() {
            if self.left == 0 || found.len() >= MOST_FILES {
                break;
            }
            self.left -= 1;
            let path = format!("{name}{}", name_of(&entry.file_name()));
            if LEFT_OUT.contains(&path.as_str()) {
                continue;
            }
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                Err(why) => {
                    self.unread.below(&path, &why);
                    continue;
                }
            };
            if meta.is_dir() {
                if deep < DEEPEST
                    && let Err(why) = self.walk(&entry.path(), &format!("{path}/"), deep + 1, found)
                {
                    self.unread.below(&path, &why);
                }
            } else if !meta.is_file() && !meta.is_symlink() {
                self.odd.count(&path, &meta);
            } else if !LEFTOVERS.iter().any(|end| path.ends_with(end)) {
                found.push((path, entry.path(), meta));
            }
        }
        Ok(())
    }

    /// What `known` says of the file `name`, as settings.
    fn put(sheet: &mut Sheet, name: &str, known: &Known) {
        for (rest, value) in &known.settings {
            sheet.put(&format!("{name}{rest}"), value.clone());
        }
    }

    /// What is to be said of the files as they were last read: the same until one of them changes.
    fn verdict(&self) -> Result<(), ObserveError> {
        if let Some(folder) = &self.cut {
            let root = if folder.starts_with('/') { "" } else { "/etc/" };
            let watched = self.known.len();
            return Err(ObserveError::Partly {
                what: self.name.to_owned(),
                why: visible(&format!(
                    "too many files, most in {root}{folder}; only the first {watched} are watched"
                ))
                .into_owned(),
            });
        }
        let whole =
            |name: &str| visible(&format!("{}{name}", if name.starts_with('/') { "" } else { "etc/" })).into_owned();
        let mut said: Vec<(String, String)> = Vec::new();
        // Of `/etc` some may be read by their owner alone, which is as it should be; what the user named was to be read.
        if self.name != "etc" {
            let files = self.known.iter().filter_map(|(name, known)| match known.wrong {
                Some(Wrong::Unread(why)) => Some((name.as_str(), why)),
                _ => None,
            });
            said.extend(self.unread.say(files).map(|(name, why)| (whole(name), why)));
        }
        let broken = |(name, known): (&String, &Known)| match known.wrong {
            Some(Wrong::Broken(line, format)) => Some((whole(name), (line, format))),
            _ => None,
        };
        let mut broken = self.known.iter().filter_map(broken);
        if let Some((name, (line, format))) = broken.next() {
            let more = match broken.count() {
                0 => String::new(),
                more => format!(" (and {more} more such)"),
            };
            said.push((
                format!("{name}:{line}"),
                format!("is not {format}; kept as content{more}"),
            ));
        }
        if let Some(first) = &self.odd.first {
            said.push((
                whole(first),
                format!("is no file and is not read ({} in all)", self.odd.say()),
            ));
        }
        let mut brief = self.known.iter().filter(|(_, known)| known.brief);
        if let Some((first, _)) = brief.next() {
            let files = match brief.count() {
                0 => "is".to_owned(),
                more => format!("and {more} more files are"),
            };
            said.push((
                whole(first),
                format!("{files} kept as a hash, for there are too many settings"),
            ));
        }
        let mut said = said.into_iter();
        let Some((what, why)) = said.next() else { return Ok(()) };
        let why = said.fold(why, |why, (what, more)| format!("{why}; {what} {more}"));
        Err(ObserveError::Remark { what, why })
    }

    /// When the file `name` changed, as far as the file itself says, and what may tell by whom.
    fn when(&self, name: &str, known: Option<&Known>, now: Timestamp) -> (When, Vec<Clue>) {
        // The status change cannot be set by hand, so it is the time of the last change, whatever that was.
        let (_, _, _, changed) = known.map_or((0, 0, 0, 0), |known| known.mark);
        let at = i64::try_from(changed / 1_000).map_or(now, Timestamp);
        let when = if self.read_at < at && at <= now {
            (None, at)
        } else {
            (Some(self.read_at), now)
        };
        let path = if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("/etc/{name}")
        };
        (when, vec![Clue::File(path)])
    }
}

/// Whether the file `path` below `/etc` has settings of its own, and no other source tells its content.
#[cfg(target_os = "linux")]
pub(super) fn tells(path: &str) -> bool {
    let is_in = |all: &[&str]| {
        let at = |one: &&str| {
            path.strip_prefix(one.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        all.iter().any(at)
    };
    !is_in(&LEFT_OUT) && !is_in(&ELSEWHERE) && !LEFTOVERS.iter().any(|end| path.ends_with(end))
}

/// The scope whose settings the file `name` says what they should be.
fn declares(name: &str) -> Option<&'static str> {
    let is = |(of, _): &&(&str, &str)| name == *of || of.ends_with('/') && name.starts_with(of);
    DECLARES.iter().find(is).map(|(_, scope)| *scope)
}

/// The folder in which most of the files lie, by the names they are told by.
fn fullest(found: &[(String, PathBuf, Metadata)]) -> String {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, ..) in found {
        for (end, _) in name.match_indices('/').filter(|(end, _)| *end > 0) {
            *count.entry(&name[..end]).or_default() += 1;
        }
    }
    // Of a folder and the one it lies in, the inner when it has nearly all of them.
    let most = count.values().max().copied().unwrap_or(0);
    let full = count.into_iter().filter(|(_, files)| *files * 10 > most * 9);
    full.max_by_key(|(folder, _)| folder.len())
        .map_or("", |(folder, _)| folder)
        .to_owned()
}

impl Source for Etc {
    fn name(&self) -> &'static str {
        self.name
    }

    fn every(&self) -> Span {
        if self.nudge.hears() {
            LISTENS.min(self.every)
        } else {
            self.every
        }
    }

    fn soon(&self) -> Option<Span> {
        self.scope.soon()
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        self.scope.release(now, out);
        let heard = self.nudge.heard();
        // What the system does not tell of is found by looking, as often as settings are read.
        if !heard && self.scope.known() && (Span::ZERO..self.every).contains(&(now - self.read_at)) {
            return self.verdict();
        }
        self.nudge.begin();
        let mut found = Vec::new();
        self.left = MOST_ENTRIES;
        self.odd = Odd::default();
        self.unread = Unread::default();
        let mut failures = Vec::new();
        for (top, name) in self.tops.clone() {
            let read = fs::metadata(&top).and_then(|meta| {
                if meta.is_dir() {
                    let prefix = if name.is_empty() {
                        String::new()
                    } else {
                        format!("{name}/")
                    };
                    return self.walk(&top, &prefix, 0, &mut found);
                }
                if !meta.is_file() {
                    self.odd.count(&name, &meta);
                }
                found.push((name.clone(), top.clone(), meta));
                Ok(())
            });
            if let Err(why) = read {
                if self.is_named() {
                    self.unread.top(&name, &why);
                } else {
                    self.unread.below(&name, &why);
                }
                failures.push(failed(&top, why));
            }
        }
        // Of several paths one may come and go, which is a change.
        if failures.len() == self.tops.len() {
            return Err(self.unread.all(failures));
        }
        let cut = (self.left == 0 || found.len() >= MOST_FILES).then(|| fullest(&found));
        let mut before = std::mem::take(&mut self.known);
        let mut lines = self.lines;
        let first = !self.scope.known();
        // Which files are told by a hash follows from what there is, in order, so that they are the same after a restart.
        found.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
        let mut more = 0;
        let mut changed = Vec::new();
        for (name, path, meta) in found {
            let mark = mark(&meta);
            let keep = lines >= meta.len();
            let elsewhere = ELSEWHERE
                .iter()
                .any(|other| name == *other || (other.ends_with('/') && name.starts_with(other)));
            let brief = !elsewhere && more >= MOST_MORE;
            let known = match before.remove(&name) {
                Some(known) if known.mark == mark && known.brief == brief => known,
                old => {
                    let content = match () {
                        () if elsewhere => Content::Elsewhere,
                        () if brief => Content::Brief,
                        () => Content::Whole { lines: keep },
                    };
                    changed.push((name.clone(), old));
                    let (settings, wrong) = settings(&name, &path, &meta, &self.key, content, &mut self.access);
                    Known {
                        mark,
                        settings,
                        wrong,
                        brief,
                    }
                }
            };
            more += known.settings.len().saturating_sub(1);
            if known.settings.iter().any(|(rest, _)| rest == LINES) {
                lines = lines.saturating_sub(meta.len());
            }
            self.known.insert(name, known);
        }
        // What may not be looked at any more is not gone.
        let kept: Vec<String> = before.keys().filter(|name| self.unread.hides(name)).cloned().collect();
        for name in kept {
            self.known.extend(before.remove_entry(&name));
        }
        if first {
            let mut sheet = self.scope.sheet();
            for (name, known) in &self.known {
                Self::put(&mut sheet, name, known);
            }
            self.scope.tell(now, sheet, out);
        } else {
            // What is left over is gone.
            changed.extend(before.into_iter().map(|(name, old)| (name, Some(old))));
            for (name, old) in changed {
                if let Some(scope) = declares(&name) {
                    self.witness.declare(scope, now);
                }
                let new = self.known.get(&name);
                let when = self.when(&name, new, now);
                let [was, is] = [old.as_ref(), new].map(|known| {
                    let mut sheet = self.scope.sheet();
                    known.iter().for_each(|known| Self::put(&mut sheet, &name, known));
                    sheet
                });
                self.scope.changed(now, &was, &is, |_| when.clone());
            }
            self.scope.confirm(now, out);
        }
        self.read_at = now;
        self.cut = cut;
        self.verdict()
    }
}
