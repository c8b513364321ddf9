//! Files that are too many, too large, broken, or no files.

use super::*;

#[test]
fn files_made_to_hurt_are_passed_by() {
    let tree = tree();
    tree.fifo("etc/fifo.conf");
    symlink("loop.conf", tree.path("etc/loop.conf")).unwrap();
    symlink(".", tree.path("etc/circle")).unwrap();
    symlink("/dev/zero", tree.path("etc/zero.conf")).unwrap();
    tree.write("etc/sparse.conf", "a = b\n");
    let sparse = fs::OpenOptions::new()
        .write(true)
        .open(tree.path("etc/sparse.conf"))
        .unwrap();
    sparse.set_len(5 << 30).unwrap();
    tree.write("etc/locked/x.conf", "a = b\n");
    for n in 0..30 {
        tree.write(&format!("etc/{}x.conf", "deep/".repeat(n)), "a = b\n");
    }
    let mut batch = Batch::default();
    let said = Etc::new(&tree.host(), &Witness::default()).read(Timestamp(0), &mut batch);
    assert!(said.unwrap_err().to_string().contains("1 FIFO"));
    let shown = |name: &str| setting(&batch, name).map(|value| value.to_string()).unwrap_or_default();
    assert_eq!(shown("etc.sparse.conf:content"), "5G");
    assert_eq!(shown("etc.loop.conf"), "-> loop.conf");
    assert_eq!(shown("etc.circle"), "-> .");
    assert_eq!(shown("etc.fifo.conf"), "");
    assert_eq!(shown("etc.deep/deep/x.conf:a"), "b");
}

#[test]
fn of_too_many_files_some_are_watched() {
    let tree = Tree::new();
    fs::create_dir_all(tree.path("etc/many")).unwrap();
    for n in 0..MOST_FILES + 10 {
        fs::File::create(tree.path(&format!("etc/many/{n}"))).unwrap();
    }
    let mut source = Etc::new(&tree.host(), &Witness::default());
    let mut out = Batch::default();
    let told = source.read(Timestamp(0), &mut out);
    assert!(matches!(told, Err(ObserveError::Partly { .. })));
    assert_eq!(out.snapshots[0].settings.as_ref().unwrap().len(), MOST_FILES);
}

#[test]
fn a_broken_document_is_told_in_one_line_until_it_is_whole() {
    let tree = Tree::new();
    tree.write("etc/app.yaml", "a: 1\nb: [hunter2\n");
    tree.write("etc/more.json", "{\"a\":");
    tree.write("etc/odd.conf", "{ [ <");
    let mut source = Etc::new(&tree.host(), &Witness::default());
    let mut read = |at: i64| {
        let mut out = Batch::default();
        let told = source.read(Timestamp::from_secs(at), &mut out);
        (told.map_err(|error| error.to_string()), out)
    };
    let (told, batch) = read(0);
    let said = told.unwrap_err();
    assert!(
        said.starts_with("partly: etc/app.yaml:") && said.ends_with("is not YAML; kept as content (and 1 more such)"),
        "{said}"
    );
    assert!(setting(&batch, "etc.app.yaml:content").is_some());
    // The same is said while nothing changes, whether or not it was looked at.
    for at in [5, 65] {
        let (told, batch) = read(at);
        assert_eq!(told, Err(said.clone()));
        assert!(batch.changes.is_empty() && batch.events.is_empty());
    }
    tree.write("etc/app.yaml", "a: 1\nb: [c]\n");
    tree.write("etc/more.json", "{\"a\": 1}");
    assert_eq!(read(130).0, Ok(()));
}

#[test]
fn names_that_are_no_text_are_two_settings_and_what_is_no_file_is_told() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let tree = Tree::new();
    tree.write("etc/hostname", "web-1\n");
    for name in [&b"caf\xe9.conf"[..], b"caf\xe8.conf", b"caf\\xe9.conf"] {
        fs::write(tree.path("etc").join(OsStr::from_bytes(name)), "a = b\n").unwrap();
    }
    let mut source = Etc::new(&tree.host(), &Witness::default());
    let batch = tree.read(&mut source, 0).unwrap();
    for name in ["caf\\xe9.conf:a", "caf\\xe8.conf:a", "caf\\x5cxe9.conf:a"] {
        let shown = setting(&batch, &format!("etc.{name}")).map(|value| value.to_string());
        assert_eq!(shown.as_deref(), Some("b"), "{name}");
    }
    // Each is followed on its own.
    fs::write(tree.path("etc").join(OsStr::from_bytes(b"caf\xe8.conf")), "a = c\n").unwrap();
    let batch = tree.read(&mut source, 60).unwrap();
    let changed: Vec<&str> = batch.changes.iter().map(|change| &*change.id.name).collect();
    assert_eq!(changed, ["etc.caf\\xe8.conf:a"]);

    let _socket = std::os::unix::net::UnixListener::bind(tree.path("etc/b.sock")).unwrap();
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
    fs::create_dir(tree.path("etc/run")).unwrap();
    for name in ["etc/run/one", "etc/run/two"] {
        rustix::fs::mknodat(rustix::fs::CWD, tree.path(name), kind, mode, 0).unwrap();
    }
    let said = tree.read(&mut source, 120).unwrap_err().to_string();
    assert!(said.starts_with("partly: etc/"), "{said}");
    assert!(
        said.ends_with("is no file and is not read (2 FIFOs, 1 socket in all)"),
        "{said}"
    );
    // It stands beside a file that makes no sense, and goes when they do.
    tree.write("etc/a.json", "{\"a\": 1,\n");
    let said = tree.read(&mut source, 180).unwrap_err().to_string();
    assert!(said.contains("a.json") && said.contains("2 FIFOs, 1 socket"), "{said}");
    fs::remove_file(tree.path("etc/a.json")).unwrap();
    fs::remove_file(tree.path("etc/b.sock")).unwrap();
    fs::remove_dir_all(tree.path("etc/run")).unwrap();
    tree.read(&mut source, 240).unwrap();
}

#[test]
fn of_too_many_settings_the_rest_of_the_files_is_told_by_a_hash() {
    let tree = Tree::new();
    let lines = |value: u32| (0..500).map(|n| format!("key{n} = {value}\n")).collect::<String>();
    for n in 0..40 {
        tree.write(&format!("etc/app/{n:02}.conf"), lines(n));
    }
    let mut source = Etc::new(&tree.host(), &Witness::default());
    let mut out = Batch::default();
    let said = source.read(Timestamp(0), &mut out).unwrap_err().to_string();
    assert_eq!(
        said,
        "partly: etc/app/20.conf and 19 more files are kept as a hash, for there are too many settings"
    );
    assert_eq!(out.snapshots[0].settings.as_ref().unwrap().len(), 10_040);
    let shown = |name: &str| setting(&out, name).map(|value| value.to_string()).unwrap_or_default();
    assert_eq!(shown("etc.app/00.conf:key7"), "0");
    assert!(shown("etc.app/20.conf").starts_with("content=blake3 "));
    let mut live = out.snapshots[0].settings.clone().unwrap();
    // A change in such a file is still a change, and it stays told as it was.
    tree.write("etc/app/39.conf", lines(7));
    let mut out = Batch::default();
    let _ = source.read(Timestamp::from_secs(60), &mut out);
    let changed: Vec<&str> = out.changes.iter().map(|change| &*change.id.name).collect();
    assert_eq!(changed, ["etc.app/39.conf"]);
    // Where files come, grow and go, the bound holds, and the same files are told by a hash as after a restart.
    tree.write("etc/app/05-new.conf", lines(1) + "more = 1\n");
    tree.write("etc/app/03.conf", "key0 = 3\n");
    for at in [120, 180].map(Timestamp::from_secs) {
        let _ = source.read(at, &mut out);
        for change in out.changes.drain(..) {
            match change.to {
                Some(to) => live.insert(change.id.name, to),
                None => live.remove(&change.id.name),
            };
        }
        let _ = Etc::new(&tree.host(), &Witness::default()).read(at, &mut out);
        assert_eq!(out.snapshots.last().unwrap().settings.as_ref(), Some(&live));
        assert!(live.len() < 10_600, "{}", live.len());
        (0..3).for_each(|n| tree.write(&format!("etc/app/00-{n}.conf"), lines(n)));
        let _ = fs::remove_file(tree.path("etc/app/10.conf"));
    }
}
