//! Files of programs that changed behind the package manager's back: everything below `/usr`, `/boot` and what is not linked
//! into `/usr`, by metadata first and by content where that changed.
//!
//! A sweep goes from folder to folder, a bounded stretch at each reading, and begins anew when it is through. What it has
//! seen stays in a file beside the store, so that content is read again only where a file changed. How a file was at first
//! sight is how it should be, except where its package says otherwise.
#![cfg(target_os = "linux")]

mod judge;
mod look;
mod owner;
#[cfg(test)]
mod tests;
mod tree;

use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::FileType;

use self::{
    look::{Found, Listing},
    owner::{LISTS, Owners},
    tree::{Differs, Entry, Folder, NOT_READ, Tree, UNREAD, join},
};
use super::{
    Host, ObserveError, Source,
    file::{Mark, mark},
    package::DATABASES,
    scope::{Scope, Sheet},
    witness::Witness,
};
use crate::domain::{Batch, Span, Timestamp, Value};

/// Folders that are watched with all below them on the same file system; where one is a link it is passed by.
const TOPS: [&str; 8] = ["usr", "boot", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// Names that programs rewrite as they please: Python's compiled modules, the boot loader's own notes.
const LEFT_OUT: [&[u8]; 2] = [b"__pycache__", b"grubenv"];
/// Most files that are remembered, how deep they may lie, and most that are told to differ.
const MOST_FILES: usize = 1_000_000;
const DEEPEST: usize = 64;
const MOST_TOLD: usize = 2_000;
/// Sweeps in which the content of every file is read once though nothing says that it changed: five days where one takes seven
/// minutes. A disk that decays and a hand that goes round the file system show only so.
const REREAD: u64 = 1_024;

/// How much one reading may do.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Files and folders looked at; the folder begun is ended.
    pub files: usize,
    /// Bytes read; the file begun is ended, and there is always one.
    pub bytes: u64,
    /// Whether content is read though nothing says that it changed.
    pub reread: bool,
}

impl Effort {
    /// What one reading does: some 40 ms of a core a minute while nothing changes, and as much again for content seen for the first time,
    /// which takes hours so and costs what else the engine does little.
    pub const ONE: Self = Self {
        files: 20_000,
        bytes: 16 << 20,
        reread: false,
    };
}

/// What a reading did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files and folders looked at.
    pub files: usize,
    /// Bytes read.
    pub bytes: u64,
    /// Whether it came to the end of the sweep.
    pub ended: bool,
}

/// Watches the files of programs.
pub struct Integrity {
    root: PathBuf,
    key: [u8; 32],
    every: Span,
    scope: Scope,
    witness: Witness,
    /// Where the tree is kept; `None` keeps it in memory.
    file: Option<PathBuf>,
    tree: Tree,
    begun: bool,
    /// The folder looked at last in this sweep.
    at: Option<PathBuf>,
    /// Sweeps ended, and when the last and this one began.
    sweeps: u64,
    since: [Timestamp; 2],
    /// Whether the tree is otherwise than in its file.
    changed: bool,
    /// Folders that may not be read, and files beyond what is remembered or told, in this sweep and the last.
    denied: [usize; 2],
    beyond: [usize; 2],
    untold: usize,
    /// Files of this sweep whose content has to be read another time.
    unread: usize,
    /// The packages' databases as they were when `owners` was read, and when each was written last.
    databases: Vec<(Mark, Timestamp)>,
    owners: Option<Owners>,
    /// What this reading may still do, and what it did.
    left: Effort,
    done: Swept,
    /// What this reading found, in the order found: the path, what was told of it before, and when it changed.
    news: Vec<(PathBuf, Option<Differs>, Timestamp)>,
}

impl Integrity {
    /// The files of programs of `host`, with nobody to say who changed them.
    #[must_use]
    pub fn new(host: &Host) -> Self {
        Self::with(host, &Witness::default())
    }

    /// The files of programs of `host`; `witness` knows who changed them.
    pub(super) fn with(host: &Host, witness: &Witness) -> Self {
        Self {
            root: host.root.clone(),
            key: host.secret_key,
            every: host.settings_interval,
            scope: Scope::new(host, "integrity"),
            witness: witness.clone(),
            file: host.memory.clone(),
            tree: Tree::default(),
            begun: false,
            at: None,
            sweeps: 0,
            since: [Timestamp(0); 2],
            changed: false,
            denied: [0; 2],
            beyond: [0; 2],
            untold: 0,
            unread: 0,
            databases: Vec::new(),
            owners: None,
            left: Effort::ONE,
            done: Swept::default(),
            news: Vec::new(),
        }
    }

    /// Goes on with the sweep as far as `effort` reaches, and tells what it found.
    ///
    /// # Errors
    /// [`ObserveError::Absent`] when there is nothing to watch, [`ObserveError::Partly`] when some of it cannot be watched.
    pub fn sweep(&mut self, now: Timestamp, effort: Effort, out: &mut Batch) -> Result<Swept, ObserveError> {
        if !self.begun {
            self.begun = true;
            let kept = self.file.as_ref().and_then(|file| Tree::kept(file, &self.key));
            self.tree = kept.unwrap_or_default();
        }
        self.see_databases();
        (self.left, self.done) = (effort, Swept::default());
        if self.at.is_none() {
            self.since = [self.since[1], now];
            let there = |top: &str| fs::symlink_metadata(self.root.join(top)).is_ok_and(|meta| meta.is_dir());
            for top in TOPS {
                if there(top) {
                    self.tree.add(Path::new("/").join(top));
                }
            }
            if self.tree.after(None).is_none() {
                return Err(ObserveError::Absent {
                    what: "a folder of programs".into(),
                });
            }
        }
        while self.left.files > 0 && !self.done.ended {
            match self.tree.after(self.at.as_deref()) {
                Some(folder) => {
                    self.folder(&folder, now);
                    self.at = Some(folder);
                }
                None => self.end(),
            }
        }
        self.tell(now, out);
        self.complaint().map_or(Ok(self.done), Err)
    }

    /// The sweep is through.
    fn end(&mut self) {
        self.done.ended = true;
        self.at = None;
        self.sweeps += 1;
        self.owners = None;
        // What differs is told when all content has been compared, so that none of it looks like a change of today.
        let whole = self.tree.whole || self.unread == 0;
        self.changed |= self.tree.whole != whole;
        (self.tree.whole, self.unread) = (whole, 0);
        self.denied = [0, self.denied[0]];
        self.beyond = [0, self.beyond[0]];
        if let Some(file) = self.file.as_ref().filter(|_| self.changed) {
            match self.tree.keep(file, &self.key) {
                Ok(()) => self.changed = false,
                Err(why) => tracing::warn!("{}: {why}", file.display()),
            }
        }
    }

    fn see_databases(&mut self) {
        let files = DATABASES.iter().map(|(path, _)| *path).chain([LISTS]);
        let seen = files.filter_map(|path| {
            let meta = fs::metadata(self.root.join(path)).ok()?;
            Some((mark(&meta), Timestamp::from_secs(meta.mtime())))
        });
        let seen: Vec<_> = seen.collect();
        if seen != self.databases {
            self.databases = seen;
            self.owners = None;
        }
    }

    fn owners(&mut self) -> &Owners {
        self.owners.get_or_insert_with(|| Owners::read(&self.root, &TOPS))
    }

    fn on_disk(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Looks at one folder.
    fn folder(&mut self, path: &Path, now: Timestamp) {
        let Some(before) = self.tree.take(path) else { return };
        self.left.files = self.left.files.saturating_sub(1);
        self.done.files += 1;
        let Listing { files, cut, own } = match look::folder(&self.on_disk(path)) {
            Ok(listing) => listing,
            // What is gone, or a link by now, is told where its parent is looked at.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                return self.tree.forget(path);
            }
            Err(_) => {
                self.denied[0] += 1;
                return self.tree.put(path, before);
            }
        };
        self.left.files = self.left.files.saturating_sub(files.len());
        self.done.files += files.len();
        self.beyond[0] += usize::from(cut);
        let deep = path.components().count();
        let mut known = before.files().peekable();
        let mut now_there: Vec<(&[u8], Entry)> = Vec::with_capacity(files.len());
        for found in &files {
            let name = found.name.to_bytes();
            if LEFT_OUT.contains(&name) {
                continue;
            }
            while let Some((gone, old)) = known.next_if(|(old, _)| *old < name) {
                // Where not all are looked at, those not met may still be there.
                if cut || !self.vanished(&join(path, gone), old, own.changed, now) {
                    now_there.push((gone, old));
                }
            }
            let entry = match known.next_if(|(old, _)| *old == name) {
                Some((_, old)) => Some(self.met(path, old, found, now)),
                None if (cut && before.known) || self.tree.files + now_there.len() >= MOST_FILES => {
                    self.beyond[0] += 1;
                    None
                }
                None => self.appeared(&join(path, name), found, before.known, now),
            };
            let Some(entry) = entry else { continue };
            now_there.push((name, entry));
            if found.kind() == FileType::Directory && found.device == own.device && deep < DEEPEST {
                self.tree.add(join(path, name));
            }
        }
        for (gone, old) in known {
            if cut || !self.vanished(&join(path, gone), old, own.changed, now) {
                now_there.push((gone, old));
            }
        }
        // The names not met came after those that were.
        now_there.sort_unstable_by_key(|(name, _)| *name);
        let folder = if before.known && before.files().eq(now_there.iter().copied()) {
            drop(now_there);
            before
        } else {
            self.changed = true;
            Folder::of(now_there)
        };
        self.tree.put(path, folder);
    }

    /// Tells all that differs when that is first known, and what is new of it after that.
    fn tell(&mut self, now: Timestamp, out: &mut Batch) {
        let news = std::mem::take(&mut self.news);
        if !self.tree.whole {
            return;
        }
        if !self.scope.known() {
            let mut sheet = self.scope.sheet();
            for (path, differs) in &self.tree.differs {
                put(&mut sheet, path, differs);
            }
            return self.scope.tell(now, sheet, out);
        }
        for (path, was, changed) in news {
            // The status change cannot be set by hand; what changed before the last sweep would have been seen by it.
            let when = if self.since[0] < changed && changed <= now {
                (None, changed)
            } else {
                (Some(self.since[0]), now)
            };
            let [was, is] = [was.as_ref(), self.tree.differs.get(&path)].map(|differs| {
                let mut sheet = self.scope.sheet();
                differs.into_iter().for_each(|differs| put(&mut sheet, &path, differs));
                sheet
            });
            let package = self.owners().package(path.as_os_str().as_bytes()).cloned();
            let by = self.witness.who_changed(&path.to_string_lossy(), when.1, |name| {
                package.as_ref().is_some_and(|package| **package == *name)
            });
            self.scope.change(when, &was, &is, by, out);
        }
        self.scope.confirm(now, out);
    }

    /// What cannot be watched, in one line.
    fn complaint(&self) -> Option<ObserveError> {
        let most = |[now, before]: [usize; 2]| now.max(before);
        let why = match (most(self.denied), most(self.beyond), self.untold) {
            (0, 0, 0) => return None,
            (0, 0, untold) => format!("more than {MOST_TOLD} differ, {untold} changes were not told"),
            (0, _, _) => format!("too many files, only {} are watched", self.tree.files),
            (1, _, _) => "a folder may not be read".into(),
            (denied, _, _) => format!("{denied} folders may not be read"),
        };
        Some(ObserveError::Partly {
            what: "files of programs".into(),
            why,
        })
    }
}

fn put(sheet: &mut Sheet, path: &Path, differs: &Differs) {
    let items = differs
        .says
        .iter()
        .map(|(part, text)| (part.clone(), Value::text(text)));
    sheet.put_list(&path.to_string_lossy(), items);
}

impl Source for Integrity {
    fn name(&self) -> &'static str {
        "integrity"
    }

    fn every(&self) -> Span {
        self.every
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        self.sweep(now, Effort::ONE, out).map(drop)
    }
}
