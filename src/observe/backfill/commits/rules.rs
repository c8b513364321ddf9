//! The rules of sudo in the history of `/etc`: all its files together say what holds.

use std::path::{Path, PathBuf};

use super::{Commit, Commits, ETC, MOST_FILES};
use crate::{domain::Batch, observe::account::sudoers};

/// The files of `/etc` as a revision has them.
struct Revision<'a> {
    commits: &'a Commits,
    revision: &'a str,
}

impl Revision<'_> {
    /// The path below the checkout.
    fn within<'p>(&self, path: &'p Path) -> Option<&'p str> {
        path.strip_prefix(&self.commits.checkouts[ETC].folder).ok()?.to_str()
    }
}

impl sudoers::Files for Revision<'_> {
    fn lines(&mut self, path: &Path) -> Vec<String> {
        let text = self
            .within(path)
            .and_then(|file| self.commits.content(ETC, self.revision, file));
        text.unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn folder(&mut self, path: &Path) -> Vec<PathBuf> {
        let listed = |folder: &str| {
            let folder = format!("{folder}/");
            let args = ["ls-tree", "--name-only", "-z", self.revision, "--", &folder];
            self.commits.git(ETC, &args).ok()
        };
        let names = self.within(path).and_then(listed).unwrap_or_default();
        let names = names.split('\0').filter(|name| !name.is_empty()).take(MOST_FILES);
        names
            .map(|name| self.commits.checkouts[ETC].folder.join(name))
            .collect()
    }
}

impl Commits {
    /// What a commit changed in the rules of sudo, of which all files together say what holds.
    pub(super) fn tell_rules(&mut self, commit: &Commit, by: &str, out: &mut Batch) {
        let root = self.checkouts[ETC].folder.parent().unwrap_or(Path::new("/")).to_owned();
        let [was, is] = [format!("{}^", commit.hash), commit.hash.clone()].map(|revision| {
            self.content(ETC, &revision, "sudoers")?;
            let mut files = Revision {
                commits: self,
                revision: &revision,
            };
            let mut sheet = self.scopes[0].sheet();
            sudoers::put(&sudoers::rules(&mut files, &root), &mut sheet);
            Some(sheet)
        });
        let (Some(was), Some(is)) = (was, is) else { return };
        self.tell_changes(0, commit, [&was, &is], by, out);
    }
}
