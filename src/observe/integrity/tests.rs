use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::{
    domain::SettingChange,
    observe::{
        fixture::{Tree as Host_, setting},
        integrity::owner::LISTS,
        witness::Deed,
    },
};

const ALL: Effort = Effort {
    files: usize::MAX,
    bytes: u64::MAX,
    reread: false,
};
const A: &str = "0cc175b9c0f1b6a831c399e269772661";
const B: &str = "92eb5ffee6ae2fec3ad71c777531578f";

/// A host whose package `pkg` owns `/usr/bin/a` with the content `a`.
fn host() -> Host_ {
    let tree = Host_::new();
    for file in ["usr/bin/a", "usr/bin/own", "usr/lib/deep/x"] {
        tree.write(file, "a");
    }
    tree.write(&format!("{LISTS}/pkg.list"), "/usr\n/usr/bin\n/usr/bin/a\n/usr/lib\n");
    tree.write(&format!("{LISTS}/pkg.md5sums"), format!("{A}  usr/bin/a\n"));
    // The package manager was last at work long ago.
    let long_ago = fs::File::open(tree.path(LISTS)).unwrap();
    long_ago.set_modified(std::time::UNIX_EPOCH).unwrap();
    tree
}

/// When what was just written has settled.
fn later(tree: &Host_, file: &str, secs: i64) -> Timestamp {
    let meta = fs::symlink_metadata(tree.path(file)).unwrap();
    Timestamp::from_secs(meta.ctime() + 300 + secs)
}

fn sweep(source: &mut Integrity, now: Timestamp) -> Batch {
    let mut out = Batch::default();
    source.sweep(now, ALL, &mut out).unwrap();
    out
}

fn shown(change: &SettingChange) -> String {
    let to = change.to.as_ref().map_or("-".into(), ToString::to_string);
    format!("{} {to}", change.id.name)
}

fn changes(batch: &Batch) -> Vec<String> {
    batch.changes.iter().map(shown).collect()
}

#[test]
fn changed_added_and_missing_files_are_told_with_their_package() {
    let tree = host();
    let witness = Witness::default();
    let mut source = Integrity::with(&tree.host(), &witness);
    let start = later(&tree, "usr/bin/a", 0);
    let first = sweep(&mut source, start);
    assert!(first.snapshots[0].settings.as_ref().unwrap().is_empty());
    assert!(changes(&sweep(&mut source, start)).is_empty());

    tree.write("usr/bin/a", "changed");
    fs::set_permissions(tree.path("usr/bin/own"), fs::Permissions::from_mode(0o4755)).unwrap();
    tree.write("usr/bin/new\n\u{1b}[2J", "");
    tree.write("usr/new/folder/x", "");
    fs::remove_file(tree.path("usr/lib/deep/x")).unwrap();
    // A change goes on for a while; a sweep in the middle of it says nothing.
    let written = later(&tree, "usr/bin/a", -300);
    assert!(changes(&sweep(&mut source, written)).is_empty());
    witness.note(written, Deed::Ran, "eve", "/usr/bin/vim /usr/bin/a");
    let told = sweep(&mut source, later(&tree, "usr/bin/a", 0));
    let lines = changes(&told);
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("integrity./usr/bin/a content=blake3 ")
                && line.contains("(was blake3 ")
                && line.ends_with("package=pkg state=changed"))
    );
    assert!(
        lines.contains(&"integrity./usr/bin/own mode=4755 (was 0644) state=changed".to_owned()),
        "{lines:?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("integrity./usr/bin/new\\")
        && line.contains("\\u{1b}[2J ")
        && line.ends_with("state=added")));
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("integrity./usr/new ") && line.ends_with("state=added"))
    );
    assert!(lines.contains(&"integrity./usr/lib/deep/x state=missing".to_owned()));
    let by = |name: &str| {
        told.changes
            .iter()
            .find(|change| &*change.id.name == name)
            .unwrap()
            .by
            .clone()
    };
    assert_eq!(by("integrity./usr/bin/a").as_deref(), Some("eve"));
    assert_eq!(by("integrity./usr/bin/own"), None);

    // Put right, it is told no more.
    tree.write("usr/bin/a", "a");
    fs::remove_dir_all(tree.path("usr/new")).unwrap();
    let lines = changes(&sweep(&mut source, later(&tree, "usr/bin/a", 0)));
    assert_eq!(lines, ["integrity./usr/new -", "integrity./usr/bin/a -"]);
}

#[test]
fn what_the_package_manager_does_is_no_news() {
    let tree = host();
    let mut source = Integrity::new(&tree.host());
    sweep(&mut source, later(&tree, "usr/bin/a", 0));
    // An upgrade: new content, new sums, a new file, and one that a trigger rewrites.
    tree.write("usr/bin/a", "b");
    tree.write("usr/bin/b", "b");
    tree.write("usr/bin/own", "rewritten");
    tree.write(&format!("{LISTS}/pkg.list"), "/usr/bin/a\n/usr/bin/b\n");
    tree.write(
        &format!("{LISTS}/pkg.md5sums"),
        format!("{B}  usr/bin/a\n{B}  usr/bin/b\n"),
    );
    tree.write("var/lib/dpkg/status", "");
    let told = sweep(&mut source, later(&tree, "usr/bin/a", 0));
    assert_eq!(changes(&told), [""; 0]);
    // Content that is not the package's is told even then.
    tree.write("usr/bin/a", "c");
    let told = sweep(&mut source, later(&tree, "usr/bin/a", 0));
    assert_eq!(told.changes.len(), 1);
}

#[test]
fn what_its_package_has_otherwise_is_told_at_first_sight() {
    let tree = host();
    tree.write("usr/bin/a", "patched");
    let mut source = Integrity::new(&tree.host());
    let told = sweep(&mut source, later(&tree, "usr/bin/a", 0));
    let said = setting(&told, "integrity./usr/bin/a").unwrap().to_string();
    assert!(said.ends_with("package=pkg state=differs from its package"), "{said}");
    tree.write("usr/bin/a", "a");
    assert_eq!(
        changes(&sweep(&mut source, later(&tree, "usr/bin/a", 0))),
        ["integrity./usr/bin/a -"]
    );
}

#[test]
fn what_apks_database_has_otherwise_is_told_at_first_sight() {
    let tree = Host_::new();
    for (file, text) in [("usr/bin/abc", "abc"), ("usr/bin/cut", "patched")] {
        tree.write(file, text);
    }
    // As apk 2.14 writes it; both sums are of `abc`.
    let sum = "a:0:0:755\nZ:Q1qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\n";
    tree.write(
        "lib/apk/db/installed",
        format!("C:Q1x=\nP:coreutils\nV:9.5-r1\nA:x86_64\nF:usr\nF:usr/bin\nR:abc\n{sum}R:cut\n{sum}\n"),
    );
    let database = fs::File::open(tree.path("lib/apk/db/installed")).unwrap();
    database.set_modified(std::time::UNIX_EPOCH).unwrap();
    let mut source = Integrity::new(&tree.host());
    let told = sweep(&mut source, later(&tree, "usr/bin/cut", 0));
    let said = setting(&told, "integrity./usr/bin/cut").unwrap().to_string();
    assert!(
        said.ends_with("package=coreutils state=differs from its package"),
        "{said}"
    );
    assert!(setting(&told, "integrity./usr/bin/abc").is_none());
}

#[test]
fn what_was_seen_outlives_the_program() {
    let tree = host();
    let mut host = tree.host();
    host.memory = Some(tree.path("memory"));
    let start = later(&tree, "usr/bin/a", 0);
    sweep(&mut Integrity::new(&host), start);
    tree.write("usr/bin/own", "behind its back");
    let mut again = Integrity::new(&host);
    let mut out = Batch::default();
    let none = Effort { files: 1, ..ALL };
    again.sweep(start, none, &mut out).unwrap();
    assert!(out.snapshots[0].settings.as_ref().unwrap().is_empty());
    assert_eq!(changes(&sweep(&mut again, later(&tree, "usr/bin/own", 0))).len(), 1);
    // It is told as known by the one after that.
    let told = sweep(&mut Integrity::new(&host), later(&tree, "usr/bin/own", 0));
    assert_eq!(told.snapshots[0].settings.as_ref().unwrap().len(), 1);
    // A damaged memory begins anew.
    fs::write(tree.path("memory"), b"foreshadow files 1\n\xff").unwrap();
    let told = sweep(&mut Integrity::new(&host), later(&tree, "usr/bin/own", 0));
    assert!(told.snapshots[0].settings.as_ref().unwrap().is_empty());
}

#[test]
fn a_reading_does_a_bounded_part_and_the_next_goes_on() {
    let tree = host();
    for n in 0..300 {
        tree.write(&format!("usr/lib/{}/{n}", n / 10), "0123456789");
    }
    tree.write("usr/bin/a", "patched");
    let mut source = Integrity::new(&tree.host());
    let now = later(&tree, "usr/lib/29/299", 0);
    let small = Effort {
        files: 50,
        bytes: 200,
        reread: false,
    };
    let mut out = Batch::default();
    let (mut readings, mut read) = (0, 0);
    while source.sweeps < 5 {
        let swept = source.sweep(now, small, &mut out).unwrap();
        assert!(swept.files <= 100 && swept.bytes <= 200, "{swept:?}");
        readings += 1;
        read += swept.bytes;
    }
    assert!(readings > 15);
    // Everything once, and here and there a file whose turn it was.
    assert!((3_009..3_400).contains(&read), "{read}");
    assert!(source.tree.files >= 300);
    // Until all content was read nothing is told; then all of it is told as it is, and not as a change.
    let told: Vec<usize> = out
        .snapshots
        .iter()
        .filter_map(|told| told.settings.as_ref())
        .map(|told| told.len())
        .collect();
    assert_eq!(told, [1]);
    let whole = source.sweep(now, Effort { reread: true, ..ALL }, &mut out).unwrap();
    assert_eq!(whole.bytes, 3_009);
    assert!(out.changes.is_empty());
}

#[test]
fn folders_that_cannot_be_read_links_in_circles_and_sockets() {
    let tree = host();
    std::os::unix::fs::symlink("..", tree.path("usr/lib/circle")).unwrap();
    std::os::unix::fs::symlink("usr", tree.path("bin")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.path("usr/lib/socket")).unwrap();
    for name in [&b"odd \xff"[..], b"\n", b"a=b:c"] {
        fs::write(join(&tree.path("usr/bin"), name), "").unwrap();
    }
    fs::File::create(tree.path("usr/lib/sparse"))
        .unwrap()
        .set_len(5 << 30)
        .unwrap();
    let mut source = Integrity::new(&tree.host());
    let start = later(&tree, "usr/lib/sparse", 0);
    let told = sweep(&mut source, start);
    assert!(told.snapshots[0].settings.as_ref().unwrap().is_empty());
    fs::remove_dir_all(tree.path("usr/lib")).unwrap();
    fs::write(tree.path("usr/lib"), "").unwrap();
    let told = changes(&sweep(&mut source, later(&tree, "usr/lib", 0)));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("integrity./usr/lib ") && told[0].contains("(was folder 0"));
    fs::remove_dir_all(tree.path("usr")).unwrap();
    assert!(matches!(
        Integrity::new(&tree.host()).sweep(start, ALL, &mut Batch::default()),
        Err(ObserveError::Absent { .. })
    ));
}
