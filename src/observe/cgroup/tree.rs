//! The control groups of a host and what each counts, for both versions of the kernel's interface.

use std::{
    fs,
    os::unix::fs::DirEntryExt as _,
    path::{Path, PathBuf},
};

use crate::observe::{ObserveError, file::small};

/// Folders that are looked into at one reading, and how deep.
const MOST_FOLDERS: usize = 4_000;
const DEEPEST: usize = 8;
/// A limit above this is none: version 1 writes "no limit" as the greatest number of pages.
const NO_LIMIT: f64 = 1e17;

/// Beside the trees of version 1 systemd keeps one of version 2, without controllers, that counts processor time even so.
const UNIFIED: &str = "unified";

/// What a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// A service of systemd.
    Service,
    /// A container of Docker, Podman, containerd or CRI-O.
    Container,
    /// One of the slices that share out the machine.
    Slice,
    /// Any other group at the top, and a whole other system further down.
    Other,
}

/// One group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) sort: Sort,
    /// The service without its ending, the container's number, the slice.
    pub(super) name: String,
    /// Its folder below a controller's.
    pub(super) path: PathBuf,
    /// Inode of the folder: another one each time the group was made anew.
    pub(super) inode: u64,
}

/// The controllers as they are mounted.
pub(super) enum Tree {
    /// One tree for all controllers (cgroup v2).
    One(PathBuf),
    /// A tree a controller (cgroup v1), below this folder.
    Many(PathBuf),
}

impl Tree {
    /// The tree of the host at `root`.
    pub(super) fn find(root: &Path) -> Result<Self, ObserveError> {
        let top = root.join("sys/fs/cgroup");
        if top.join("cgroup.controllers").exists() {
            return Ok(Self::One(top));
        }
        if top.join("memory").is_dir() || top.join("cpuacct").is_dir() {
            return Ok(Self::Many(top));
        }
        Err(ObserveError::Absent {
            what: "control groups".into(),
        })
    }

    /// All groups that have a name to an administrator, in no order.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut found: Vec<Group> = Vec::new();
        let mut left = MOST_FOLDERS;
        match self {
            Self::One(top) => {
                let tops = [top.clone()];
                walk(&tops, top, Path::new(""), 0, &mut left, &mut found);
            }
            Self::Many(top) => {
                let tops = ["memory", "cpuacct", UNIFIED, "systemd"].map(|controller| top.join(controller));
                // systemd may account for memory and not for processor time, or the other way round. Its own tree counts nothing.
                for own in &tops[..3] {
                    let mut more = Vec::new();
                    walk(&tops, own, Path::new(""), 0, &mut left, &mut more);
                    more.retain(|group| found.iter().all(|known| known.path != group.path));
                    found.append(&mut more);
                }
            }
        }
        found
    }

    fn file(&self, controller: &str, group: &Group, name: &str) -> Option<String> {
        small(&match self {
            Self::One(top) => top.join(&group.path).join(name),
            Self::Many(top) => top.join(controller).join(&group.path).join(name),
        })
    }

    /// Processor time used since it was made, seconds.
    pub(super) fn cpu_secs(&self, group: &Group) -> Option<f64> {
        match self {
            Self::One(_) => Some(keyed(&self.file("", group, "cpu.stat")?, "usage_usec")? / 1e6),
            Self::Many(_) => match self.file("cpuacct", group, "cpuacct.usage") {
                Some(nanos) => Some(nanos.parse::<f64>().ok()? / 1e9),
                None => Some(keyed(&self.file(UNIFIED, group, "cpu.stat")?, "usage_usec")? / 1e6),
            },
        }
    }

    /// Memory charged to it, page cache included, bytes.
    pub(super) fn memory(&self, group: &Group) -> Option<f64> {
        let name = match self {
            Self::One(_) => "memory.current",
            Self::Many(_) => "memory.usage_in_bytes",
        };
        self.file("memory", group, name)?.parse().ok()
    }

    /// Page cache that goes first when memory runs short, bytes.
    pub(super) fn reclaimable(&self, group: &Group) -> Option<f64> {
        let key = match self {
            Self::One(_) => "inactive_file",
            Self::Many(_) => "total_inactive_file",
        };
        keyed(&self.file("memory", group, "memory.stat")?, key)
    }

    /// The most memory it may have, bytes; `None` without a limit.
    pub(super) fn memory_limit(&self, group: &Group) -> Option<f64> {
        let name = match self {
            Self::One(_) => "memory.max",
            Self::Many(_) => "memory.limit_in_bytes",
        };
        let limit: f64 = self.file("memory", group, name)?.parse().ok()?;
        (limit > 0.0 && limit < NO_LIMIT).then_some(limit)
    }

    /// Times the kernel killed one of its processes for want of memory.
    pub(super) fn oom_kills(&self, group: &Group) -> Option<f64> {
        let name = match self {
            Self::One(_) => "memory.events",
            Self::Many(_) => "memory.oom_control",
        };
        keyed(&self.file("memory", group, name)?, "oom_kill")
    }

    /// Periods of its processor quota so far, and those in which it had to wait.
    pub(super) fn throttled(&self, group: &Group) -> Option<(f64, f64)> {
        let text = self.file("cpu", group, "cpu.stat")?;
        Some((keyed(&text, "nr_periods")?, keyed(&text, "nr_throttled")?))
    }

    /// Bytes read from and written to disks.
    pub(super) fn disk_bytes(&self, group: &Group) -> Option<(f64, f64)> {
        let (mut read, mut written) = (0.0, 0.0);
        match self {
            Self::One(_) => {
                // `8:0 rbytes=90430464 wbytes=299008 rios=8950 …`, a line a disk.
                for word in self.file("", group, "io.stat")?.split_ascii_whitespace() {
                    match word.split_once('=') {
                        Some(("rbytes", number)) => read += number.parse().unwrap_or(0.0),
                        Some(("wbytes", number)) => written += number.parse().unwrap_or(0.0),
                        _ => {}
                    }
                }
            }
            Self::Many(_) => {
                // `8:0 Read 4096`, and a total over all at the end.
                let text = self.file("blkio", group, "blkio.throttle.io_service_bytes_recursive")?;
                for line in text.lines() {
                    let words: Vec<&str> = line.split_ascii_whitespace().collect();
                    match words[..] {
                        [_, "Read", number] => read += number.parse().unwrap_or(0.0),
                        [_, "Write", number] => written += number.parse().unwrap_or(0.0),
                        _ => {}
                    }
                }
            }
        }
        Some((read, written))
    }
}

/// The number behind `key` in lines of `key number`.
fn keyed(text: &str, key: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.split_once(' ').filter(|(name, _)| *name == key))
        .and_then(|(_, number)| number.trim().parse().ok())
}

/// Whether a system of its own runs in the group `path`: there is a first process, or a slice that only such a one makes. It
/// shows in some of the trees `tops`.
fn is_system(tops: &[PathBuf], path: &Path) -> bool {
    let own = |top: &PathBuf| {
        ["init.scope", "system.slice"]
            .iter()
            .any(|folder| top.join(path).join(folder).is_dir())
    };
    tops.iter().any(own)
}

fn walk(tops: &[PathBuf], top: &Path, path: &Path, deep: usize, left: &mut usize, found: &mut Vec<Group>) {
    if deep > DEEPEST || *left == 0 {
        return;
    }
    *left -= 1;
    for entry in fs::read_dir(top.join(path)).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let folder = entry.file_name().to_string_lossy().into_owned();
        let below = path.join(entry.file_name());
        let mut named = name(&folder, deep);
        let mut inside = !folder.ends_with(".scope")
            && named
                .as_ref()
                .is_none_or(|(sort, _)| matches!(sort, Sort::Slice | Sort::Other));
        // Services of another system have the names of this one's: they are told of as one group.
        if inside && is_system(tops, &below) {
            inside = false;
            named = named.or(Some((Sort::Other, folder)));
        }
        if let Some((sort, name)) = named {
            found.push(Group {
                sort,
                name,
                path: below.clone(),
                inode: entry.ino(),
            });
        }
        // What is within a service or a container is its own affair.
        if inside {
            walk(tops, top, &below, deep + 1, left, found);
        }
    }
}

/// What a folder of this name, `deep` below the top, stands for.
fn name(folder: &str, deep: usize) -> Option<(Sort, String)> {
    if let Some(container) = container(folder) {
        return Some((Sort::Container, container));
    }
    if let Some(service) = folder.strip_suffix(".service") {
        return Some((Sort::Service, service.to_owned()));
    }
    if folder.ends_with(".slice") {
        return (deep == 0).then(|| (Sort::Slice, folder.trim_end_matches(".slice").to_owned()));
    }
    let unit = [".scope", ".mount", ".socket", ".swap", ".device"]
        .iter()
        .any(|end| folder.ends_with(end));
    (deep == 0 && !unit).then(|| (Sort::Other, folder.to_owned()))
}

/// The first twelve digits of a container's number: `docker-<64 digits>.scope`, `cri-containerd-…`, `libpod-…`, or the number
/// alone below `docker/` or a pod.
fn container(folder: &str) -> Option<String> {
    let stem = folder.strip_suffix(".scope").unwrap_or(folder);
    let number = stem.rsplit('-').next()?;
    let known = stem.len() == number.len()
        || ["docker-", "libpod-", "cri-containerd-", "crio-"]
            .iter()
            .any(|runtime| stem.strip_prefix(runtime) == Some(number));
    (known && number.len() == 64 && number.bytes().all(|b| b.is_ascii_hexdigit())).then(|| number[..12].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_what_they_stand_for() {
        let digits = "0123456789abcdef".repeat(4);
        for (folder, deep, want) in [
            ("nginx.service".to_owned(), 1, Some((Sort::Service, "nginx"))),
            ("system.slice".to_owned(), 0, Some((Sort::Slice, "system"))),
            ("system-getty.slice".to_owned(), 1, None),
            ("init.scope".to_owned(), 0, None),
            (
                format!("docker-{digits}.scope"),
                1,
                Some((Sort::Container, "0123456789ab")),
            ),
            (digits.clone(), 1, Some((Sort::Container, "0123456789ab"))),
            (format!("libpod-conmon-{digits}.scope"), 1, None),
            ("process_api".to_owned(), 0, Some((Sort::Other, "process_api"))),
            ("inner".to_owned(), 1, None),
        ] {
            assert_eq!(
                name(&folder, deep),
                want.map(|(sort, name)| (sort, name.to_owned())),
                "{folder}"
            );
        }
    }
}
