//! Which package a file belongs to, and what the package says its content is: dpkg's lists and sums.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    fs,
    hash::Hasher as _,
    path::Path,
    sync::Arc,
};

use crate::observe::file::plain_file;

/// Where dpkg keeps its lists, and the record of files that one package moved out of another's way.
pub(super) const LISTS: &str = "var/lib/dpkg/info";
const DIVERSIONS: &str = "var/lib/dpkg/diversions";
/// Most bytes of one list.
const MOST_BYTES: u64 = 64 << 20;
/// Most packages, and most files of all of them.
const MOST: usize = 65_000;
const MOST_FILES: usize = 2_000_000;
/// Folders that on most hosts are links into `/usr`, while lists still name them.
const MERGED: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// An MD5.
pub(super) type Sum = [u8; 16];

/// The files of all packages.
#[derive(Default)]
pub(super) struct Owners {
    packages: Vec<Arc<str>>,
    /// Hash of the path, place of the package, expected sum (zeros where none is given); in order.
    files: Vec<(u64, u16, Sum)>,
}

impl Owners {
    /// Reads the lists of the host at `root`; of the files below `tops` only. Lists that cannot be read are left out.
    pub(super) fn read(root: &Path, tops: &[&str]) -> Self {
        let merged: Vec<&str> = MERGED
            .into_iter()
            .filter(|top| fs::symlink_metadata(root.join(top)).is_ok_and(|meta| meta.is_symlink()))
            .collect();
        let moved = diversions(root);
        let mut owners = Self::default();
        let mut sums: HashMap<u64, Sum> = HashMap::new();
        for entry in fs::read_dir(root.join(LISTS)).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let Some(package) = file.to_str().and_then(|name| name.strip_suffix(".list")) else {
                continue;
            };
            if owners.packages.len() >= MOST || owners.files.len() >= MOST_FILES {
                break;
            }
            let path = entry.path();
            let name = package.split(':').next().unwrap_or(package);
            // Where the file that the list calls `path` really lies.
            let place = |path: &[u8]| -> Option<u64> {
                let moved_to = moved
                    .get(path)
                    .filter(|(_, by)| by != name)
                    .map_or(path, |(to, _)| to.as_slice());
                let below = moved_to.strip_prefix(b"/")?;
                let top = below.split(|byte| *byte == b'/').next().unwrap_or_default();
                let is = |one: &&&str| one.as_bytes() == top;
                let (in_usr, watched) = (merged.iter().any(|one| is(&one)), tops.iter().any(|one| is(&one)));
                match (in_usr, watched) {
                    (true, _) => Some(hash(&[b"/usr/", below].concat())),
                    (false, true) => Some(hash(moved_to)),
                    (false, false) => None,
                }
            };
            sums.clear();
            let own = plain_file(&path.with_extension("md5sums"), MOST_BYTES).unwrap_or_default();
            for line in lines(&own) {
                // 32 digits, two spaces, the path without its first slash.
                if let Some((digits, rest)) = line.split_at_checked(32)
                    && let Some(sum) = sum(digits)
                    && let Some(file) = rest.strip_prefix(b"  ")
                    && let Some(hash) = place(&[b"/", file].concat())
                {
                    sums.insert(hash, sum);
                }
            }
            let number = u16::try_from(owners.packages.len()).expect("there are fewer than 65,536");
            let list = plain_file(&path, MOST_BYTES).unwrap_or_default();
            for hash in lines(&list).filter_map(place) {
                owners
                    .files
                    .push((hash, number, sums.get(&hash).copied().unwrap_or_default()));
            }
            owners.packages.push(name.into());
        }
        owners.files.sort_unstable();
        // Folders belong to many packages: one is enough.
        owners.files.dedup_by_key(|(hash, _, sum)| (*hash, *sum));
        owners.files.shrink_to_fit();
        owners
    }

    /// The package of the file at `path` of the host.
    pub(super) fn package(&self, path: &[u8]) -> Option<&Arc<str>> {
        let (_, package, _) = self.of(path).first()?;
        self.packages.get(usize::from(*package))
    }

    /// What packages say of the content of the file at `path`: whether it is `sum`. `None` where they say nothing.
    pub(super) fn agrees(&self, path: &[u8], sum: &Sum) -> Option<bool> {
        let mut said = self
            .of(path)
            .iter()
            .map(|(_, _, said)| said)
            .filter(|said| **said != [0; 16]);
        let first = said.next()?;
        Some(first == sum || said.any(|said| said == sum))
    }

    /// Whether a package says what the content of the file at `path` is.
    pub(super) fn says(&self, path: &[u8]) -> bool {
        self.agrees(path, &[0; 16]).is_some()
    }

    fn of(&self, path: &[u8]) -> &[(u64, u16, Sum)] {
        let hash = hash(path);
        let from = self.files.partition_point(|(other, ..)| *other < hash);
        let all = &self.files[from..];
        &all[..all.partition_point(|(other, ..)| *other == hash)]
    }
}

/// What was moved out of the way: from where, to where, and for which package.
fn diversions(root: &Path) -> HashMap<Vec<u8>, (Vec<u8>, String)> {
    let text = plain_file(&root.join(DIVERSIONS), MOST_BYTES).unwrap_or_default();
    let all: Vec<&[u8]> = lines(&text).collect();
    let triple = |three: &[&[u8]]| {
        (
            three[0].to_vec(),
            (three[1].to_vec(), String::from_utf8_lossy(three[2]).into_owned()),
        )
    };
    all.chunks_exact(3).map(triple).collect()
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(path);
    hasher.finish()
}

/// 32 hexadecimal digits.
fn sum(digits: &[u8]) -> Option<Sum> {
    let mut sum = [0; 16];
    for (byte, pair) in sum.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::observe::fixture::Tree;

    const SUM: &str = "0cc175b9c0f1b6a831c399e269772661";

    #[test]
    fn lists_sums_links_into_usr_and_files_moved_out_of_the_way() {
        let tree = Tree::new();
        tree.write("usr/bin/x", "");
        symlink("usr/bin", tree.path("bin")).unwrap();
        tree.write(&format!("{LISTS}/dash.list"), "/.\n/bin\n/bin/sh\n/etc/dash\n");
        tree.write(&format!("{LISTS}/bash.list"), "/usr\n/bin/sh\n/bin/bash\n");
        tree.write(
            &format!("{LISTS}/bash.md5sums"),
            format!("{SUM}  bin/bash\n{SUM}  bin/sh\nshort\n{SUM} x\nzz{SUM}\n\u{1b}\n"),
        );
        tree.write(&format!("{LISTS}/lib:amd64.list"), b"/usr/lib/a\n\xff\n");
        tree.write(DIVERSIONS, "/bin/sh\n/bin/sh.distrib\ndash\n/half\n");
        let owners = Owners::read(&tree.path(""), &["usr", "bin"]);
        let package = |path: &str| owners.package(path.as_bytes()).map(|name| name.to_string());
        assert_eq!(package("/usr/bin/sh").as_deref(), Some("dash"));
        assert_eq!(package("/usr/bin/sh.distrib").as_deref(), Some("bash"));
        assert_eq!(package("/usr/lib/a").as_deref(), Some("lib"));
        assert_eq!(package("/etc/dash"), None);
        let a = sum(SUM.as_bytes()).unwrap();
        assert_eq!(owners.agrees(b"/usr/bin/bash", &a), Some(true));
        assert_eq!(owners.agrees(b"/usr/bin/sh.distrib", &[1; 16]), Some(false));
        assert_eq!(owners.agrees(b"/usr/bin/sh", &a), None);
        assert!(owners.says(b"/usr/bin/bash") && !owners.says(b"/usr/lib/a"));
        assert_eq!(Owners::read(&tree.path("nowhere"), &["usr"]).package(b"/usr"), None);
    }
}
