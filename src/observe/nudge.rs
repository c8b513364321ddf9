//! Hears of changes in folders at once, where the system tells of them (inotify(7)). What it misses is found by looking.

#[cfg(target_os = "linux")]
use std::mem::MaybeUninit;
use std::path::Path;

use rustix::fd::OwnedFd;
#[cfg(target_os = "linux")]
use rustix::{
    fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init},
    io::Errno,
};

use crate::domain::Span;

/// Time between two times it is asked whether the system told of a change.
pub(super) const LISTENS: Span = Span::from_secs(5);
/// Most folders of one walk that are listened to; of the others changes are found by looking.
const MOST: usize = 5_000;
/// Most notices taken at one time; what is left waits.
#[cfg(target_os = "linux")]
const MOST_NOTICES: usize = 100_000;

/// Listens to folders. Where the system does not tell, or allows no more listeners, it hears nothing.
pub(super) struct Nudge {
    notices: Option<OwnedFd>,
    /// Folders that may still be added in this walk.
    left: usize,
}

impl Nudge {
    /// Listens to nothing yet.
    pub(super) fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            notices: init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok(),
            #[cfg(not(target_os = "linux"))]
            notices: None,
            left: 0,
        }
    }

    /// Whether the system tells of changes at all.
    pub(super) fn hears(&self) -> bool {
        self.notices.is_some()
    }

    /// A walk begins, which adds the folders there are.
    pub(super) fn begin(&mut self) {
        self.left = MOST;
    }

    /// Listens to `folder` as well; one that is listened to already is not listened to twice. It must be added before it is
    /// looked into, so that no change falls in between.
    pub(super) fn add(&mut self, folder: &Path) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        #[cfg(target_os = "linux")]
        if let Some(notices) = &self.notices {
            let of = WatchFlags::CLOSE_WRITE
                | WatchFlags::ATTRIB
                | WatchFlags::CREATE
                | WatchFlags::DELETE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::ONLYDIR;
            // The system's limit of listeners is reached: what is listened to is enough to be of use.
            if add_watch(notices, folder, of) == Err(Errno::NOSPC) {
                self.left = 0;
            }
        }
    }

    /// Whether anything changed since it was last asked, as far as the system told.
    pub(super) fn heard(&self) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(notices) = &self.notices {
            let mut held = [MaybeUninit::uninit(); 4 << 10];
            let mut told = Reader::new(notices, &mut held);
            return (0..MOST_NOTICES).take_while(|_| told.next().is_ok()).count() > 0;
        }
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn changes_are_heard_once_and_reading_is_none() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("file"), "a").unwrap();
        let mut nudge = Nudge::new();
        assert!(!nudge.heard());
        if !nudge.hears() {
            return; // the system allows no more listeners
        }
        nudge.begin();
        for _ in 0..3 {
            nudge.add(tree.path());
        }
        nudge.add(Path::new("/nowhere"));
        assert!(!nudge.heard());
        fs::read(tree.path().join("file")).unwrap();
        assert!(!nudge.heard());
        fs::write(tree.path().join("file"), "b").unwrap();
        assert!(nudge.heard() && !nudge.heard());
        fs::rename(tree.path().join("file"), tree.path().join("other")).unwrap();
        assert!(nudge.heard());
        for n in 0..1_000 {
            fs::write(tree.path().join(n.to_string()), "").unwrap();
        }
        assert!(nudge.heard() && !nudge.heard());
        fs::remove_dir_all(tree.path()).unwrap();
        assert!(nudge.heard() && !nudge.heard());
    }
}
