//! Which package a file belongs to, and what the package says its content is: dpkg's lists and sums, rpm's and apk's databases.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    fs,
    hash::Hasher as _,
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::observe::{
    child::each_line,
    file::plain_file,
    package::{DATABASES, Kind, all_of_rpm},
};

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

/// How a package's sums are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Digest {
    /// dpkg's.
    #[default]
    Md5,
    /// apk's up to its version 2.
    Sha1,
    /// rpm's, and apk's from version 3 on.
    Sha256,
}

/// An MD5, or the first bytes of a longer sum.
pub(super) type Sum = [u8; 16];

/// The files of all packages.
#[derive(Default)]
pub(super) struct Owners {
    packages: Vec<(Arc<str>, Digest)>,
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
                place(moved_to, &merged, tops)
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
            owners.packages.push((name.into(), Digest::Md5));
        }
        let place = |path: &[u8]| place(path, &merged, tops);
        for (database, kind) in DATABASES {
            let database = root.join(database);
            match kind {
                Kind::Dpkg => {}
                Kind::Apk => owners.apk(&plain_file(&database, 4 * MOST_BYTES).unwrap_or_default(), place),
                // One of its files may be a link to another.
                Kind::Rpm if owners.packages.iter().any(|(_, digest)| *digest == Digest::Sha256) => {}
                Kind::Rpm if database.exists() => owners.rpm(root, place),
                Kind::Rpm => {}
            }
        }
        owners.files.sort_unstable();
        // Folders belong to many packages: one is enough.
        owners.files.dedup_by_key(|(hash, _, sum)| (*hash, *sum));
        owners.files.shrink_to_fit();
        owners
    }

    /// rpm's database has several forms; only rpm itself reads them all. Files that may be changed, and such as have no content, bear
    /// no sum.
    fn rpm(&mut self, root: &Path, place: impl Fn(&[u8]) -> Option<u64>) {
        let root = root.display().to_string();
        let format = "[%{=NAME}\\t%{FILEFLAGS:fflags}\\t%{FILEDIGESTS}\\t%{FILENAMES}\\n]";
        let told = each_line("rpm", &all_of_rpm(&root, format), |line| {
            self.rpm_file(line, &place);
        });
        if let Err(why) = told {
            tracing::warn!("which files belong to packages of rpm is not known: {why}");
        }
    }

    /// Package, flags, sum and path of a file of rpm. The files of a package come one after the other.
    fn rpm_file(&mut self, line: &[u8], place: &impl Fn(&[u8]) -> Option<u64>) {
        let mut fields = line.splitn(4, |byte| *byte == b'\t');
        let (Some(package), Some(flags), Some(digest), Some(path)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return;
        };
        let told = if flags.contains(&b'c') || digest.len() != 64 {
            None
        } else {
            sum(&digest[..32])
        };
        let told = told.map(|sum| (sum, Digest::Sha256));
        self.file(&String::from_utf8_lossy(package), place(path), told);
    }

    /// apk's list: `P:` names a package, `F:` a folder, `R:` a file in it, `Z:` its sum.
    fn apk(&mut self, text: &[u8], place: impl Fn(&[u8]) -> Option<u64>) {
        let (mut package, mut folder) = (String::new(), Vec::new());
        let mut file: Option<Vec<u8>> = None;
        for line in text.split(|byte| *byte == b'\n') {
            let Some((sort, rest)) = line.split_at_checked(2) else {
                continue;
            };
            if matches!(sort, b"P:" | b"F:" | b"R:")
                && let Some(path) = file.take()
            {
                self.file(&package, place(&path), None);
            }
            match sort {
                b"P:" => package = String::from_utf8_lossy(rest).into_owned(),
                b"F:" => folder = [b"/", rest].concat(),
                b"R:" => file = Some([&folder, &b"/"[..], rest].concat()),
                b"Z:" => {
                    let Some(path) = file.take() else { continue };
                    self.file(&package, place(&path), apk_sum(rest));
                }
                _ => {}
            }
        }
        if let Some(path) = file {
            self.file(&package, place(&path), None);
        }
    }

    /// Adds a file of a package of rpm or apk.
    fn file(&mut self, package: &str, place: Option<u64>, told: Option<(Sum, Digest)>) {
        if self.packages.last().is_none_or(|(last, _)| &**last != package) {
            if self.packages.len() >= MOST {
                return;
            }
            self.packages.push((package.into(), Digest::Sha256));
        }
        // All sums of a package are made in one way.
        if let (Some((_, digest)), Some(last)) = (told, self.packages.last_mut()) {
            last.1 = digest;
        }
        let number = u16::try_from(self.packages.len() - 1).expect("there are fewer than 65,536");
        if let Some(place) = place.filter(|_| self.files.len() < MOST_FILES) {
            self.files.push((place, number, told.map_or([0; 16], |(sum, _)| sum)));
        }
    }

    /// The package of the file at `path` of the host.
    pub(super) fn package(&self, path: &[u8]) -> Option<&Arc<str>> {
        let (_, package, _) = self.of(path).first()?;
        self.packages.get(usize::from(*package)).map(|(name, _)| name)
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

    /// How a package says what the content of the file at `path` is; `None` where it says nothing.
    pub(super) fn says(&self, path: &[u8]) -> Option<Digest> {
        let (_, package, _) = self.of(path).iter().find(|(_, _, said)| *said != [0; 16])?;
        self.packages.get(usize::from(*package)).map(|(_, digest)| *digest)
    }

    fn of(&self, path: &[u8]) -> &[(u64, u16, Sum)] {
        let hash = hash(path);
        let from = self.files.partition_point(|(other, ..)| *other < hash);
        let all = &self.files[from..];
        &all[..all.partition_point(|(other, ..)| *other == hash)]
    }
}

/// The hash of a path below `tops`, by the name it has in `/usr` where its folder is a link to there.
fn place(path: &[u8], merged: &[&str], tops: &[&str]) -> Option<u64> {
    let below = path.strip_prefix(b"/")?;
    let top = below.split(|byte| *byte == b'/').next().unwrap_or_default();
    let is = |one: &&str| one.as_bytes() == top;
    match (merged.iter().any(is), tops.iter().any(is)) {
        (true, _) => Some(hash(&[b"/usr/", below].concat())),
        (false, true) => Some(hash(path)),
        (false, false) => None,
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

/// A sum as apk writes it: `Q1` and a SHA-1, `Q2` and a SHA-256, in base 64 (apk-installed(5)).
fn apk_sum(text: &[u8]) -> Option<(Sum, Digest)> {
    let (sort, code) = text.split_at_checked(2)?;
    let (digest, long) = match sort {
        b"Q1" => (Digest::Sha1, 20),
        b"Q2" => (Digest::Sha256, 32),
        _ => return None,
    };
    let sum = STANDARD.decode(code).ok().filter(|sum| sum.len() == long)?;
    Some((*sum.first_chunk()?, digest))
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
        assert_eq!(owners.says(b"/usr/bin/bash"), Some(Digest::Md5));
        assert_eq!(owners.says(b"/usr/lib/a"), None);
        assert_eq!(Owners::read(&tree.path("nowhere"), &["usr"]).package(b"/usr"), None);
    }

    #[test]
    fn files_of_rpm_bear_half_a_sha256() {
        let mut owners = Owners::default();
        let place = |path: &[u8]| place(path, &["bin"], &["usr"]);
        // As rpm 4.18 says it.
        let digest = "f7cdf9f9284af5aec455d75474472df4f0b93ea895ec8b79a7fcbca2941ba9c2";
        for line in [
            format!("foo\tc\t{digest}\t/usr/lib/foo.conf"),
            format!("foo\t\t{digest}\t/bin/foo"),
            "foo\t\t\t/usr/share/foo".into(),
            format!("old\t\t{}\t/usr/bin/old", &digest[..40]),
            "half\t\t".into(),
        ] {
            owners.rpm_file(line.as_bytes(), &place);
        }
        owners.files.sort_unstable();
        let package = |path: &str| owners.package(path.as_bytes()).map(|name| name.to_string());
        assert_eq!(package("/usr/bin/foo").as_deref(), Some("foo"));
        assert_eq!(package("/usr/bin/old").as_deref(), Some("old"));
        assert_eq!(owners.says(b"/usr/bin/foo"), Some(Digest::Sha256));
        assert_eq!(owners.says(b"/usr/lib/foo.conf"), None, "it may be changed");
        assert_eq!(owners.says(b"/usr/bin/old"), None);
        let half = sum(&digest.as_bytes()[..32]).unwrap();
        assert_eq!(owners.agrees(b"/usr/bin/foo", &half), Some(true));
        assert_eq!(owners.agrees(b"/usr/bin/foo", &[1; 16]), Some(false));
    }

    #[test]
    fn apks_list_says_whose_a_file_is() {
        let mut owners = Owners::default();
        let code = STANDARD.encode([7; 32]);
        let text = format!(
            "C:Q1x=\nP:musl\nV:1\nF:lib\nR:ld-musl.so.1\na:0:0:755\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\nF:usr/bin\nR:bare\nR:bad\nZ:Q1y0b=\n\n\
             P:three\nF:usr/bin\nR:getent\nZ:Q2{code}\n\nP:last\nF:usr\nR:cut"
        );
        owners.apk(text.as_bytes(), |path| place(path, &["lib"], &["usr"]));
        owners.files.sort_unstable();
        let package = |path: &str| owners.package(path.as_bytes()).map(|name| name.to_string());
        for (path, of) in [
            ("/usr/lib/ld-musl.so.1", "musl"),
            ("/usr/bin/bare", "musl"),
            ("/usr/bin/bad", "musl"),
            ("/usr/bin/getent", "three"),
            ("/usr/cut", "last"),
        ] {
            assert_eq!(package(path).as_deref(), Some(of), "{path}");
        }
        assert_eq!(owners.says(b"/usr/lib/ld-musl.so.1"), Some(Digest::Sha1));
        assert_eq!(owners.says(b"/usr/bin/getent"), Some(Digest::Sha256));
        assert_eq!(
            (owners.says(b"/usr/bin/bare"), owners.says(b"/usr/bin/bad")),
            (None, None)
        );
        // sha1sum of the file: `abc`.
        let abc = sum(b"a9993e364706816aba3e25717850c26c").unwrap();
        assert_eq!(owners.agrees(b"/usr/lib/ld-musl.so.1", &abc), Some(true));
        assert_eq!(owners.agrees(b"/usr/bin/getent", &[7; 16]), Some(true));
    }
}
