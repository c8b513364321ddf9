//! Tests of what a kill, a full disk and other eyes can do.

use std::path::Path;

use super::{
    Store, StoreError, Write,
    open::{LOG_BYTES, beside},
    sample::*,
};

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.duckdb");
    let mut store = Store::open(&path, &options()).unwrap();
    for round in 0..20 {
        let write = (0..50).map(|n| (after(round * 50 + n), n as f64));
        store.append(&values("cpu", write)).unwrap();
    }
    store.append(&everything()).unwrap();
    // What a kill leaves: the file and its log as they are now.
    let copy = folder.path().join("copy.duckdb");
    std::fs::copy(beside(&path, ".wal"), beside(&copy, ".wal")).unwrap();
    std::fs::copy(&path, &copy).unwrap();
    std::mem::forget(store);
    let mut copy = Store::open(&copy, &options()).unwrap();
    assert_eq!(count(&mut copy, "cpu"), 1_000);
    assert_eq!(copy.findings(T0, after(60)).unwrap(), everything().findings);
    assert_eq!(copy.audit(9).unwrap().1, None);
}

#[test]
fn a_log_that_one_great_write_made_is_folded_in_or_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.duckdb");
    let mut store = Store::open(&path, &options()).unwrap();
    let files = (0..120_000).map(|n| format!("etc.d/{n}.conf:content"));
    let changes = files.map(|name| change(&name, after(1), None, Some("blake3 0123456789abcdef")));
    let write = Write {
        changes: changes.collect(),
        state: vec![("model".into(), (0..24 << 20).map(|_| fastrand::u8(..)).collect())],
        ..Write::default()
    };
    // What a kill leaves that comes before the log is folded in.
    let copy = folder.path().join("copy.duckdb");
    store.make_room(48 << 20).unwrap();
    store.append_at_once(&write).unwrap();
    std::fs::copy(beside(&path, ".wal"), beside(&copy, ".wal")).unwrap();
    std::fs::copy(&path, &copy).unwrap();
    store.append(&write).unwrap();
    assert!(store.log_bytes() < LOG_BYTES);
    drop(store);
    for path in [copy, path] {
        let mut store = Store::open(&path, &options()).unwrap();
        assert_eq!(store.state("model").unwrap().map(|model| model.len()), Some(24 << 20));
        store.append(&everything()).unwrap();
        assert!(store.log_bytes() < LOG_BYTES);
    }
}

#[test]
fn the_log_is_folded_in_and_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/deeper/store.duckdb");
    let mut store = Store::open(&path, &options()).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let blob = vec![7; 1 << 20];
    let mut longest = 0;
    for _ in 0..12 {
        store
            .append(&Write {
                state: vec![("model".into(), blob.clone())],
                ..Write::default()
            })
            .unwrap();
        longest = longest.max(store.log_bytes());
        if store.log_bytes() > 0 {
            assert_eq!(mode(&beside(&path, ".wal")), 0o600);
        }
    }
    assert!(longest <= LOG_BYTES && store.log_bytes() < longest);
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(path.parent().unwrap().parent().unwrap()), 0o700);
    assert_eq!(store.state("model").unwrap(), Some(blob));
}

#[test]
fn a_full_disk_refuses_and_then_takes_the_same_write() {
    let folder = tempfile::tempdir().unwrap();
    let mount = |options: &str| {
        let mut call = std::process::Command::new("mount");
        call.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path());
        call.stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !mount("size=2m") {
        return; // Only root may mount.
    }
    let path = folder.path().join("store.duckdb");
    let mut store = Store::open(&path, &options()).unwrap();
    let part = |n: i64| {
        values(
            "cpu",
            (0..4_000).map(|k| (after(n * 4_000 + k), (n * 7 + k * 13 % 101) as f64)),
        )
    };
    let full = (0..100)
        .find(|n| store.append(&part(*n)).is_err())
        .expect("2 MB are full some time");
    // Readers go on, and trying again keeps failing with the same words.
    assert_eq!(count(&mut store, "cpu"), full as u64 * 4_000);
    let again = store.append(&part(full)).unwrap_err();
    // Folding the log in fails too, and fatally; what is committed stays.
    let _ = store.checkpoint();
    let held = count(&mut store, "cpu");
    let larger = mount("remount,size=64m");
    let retried = store.append(&part(full)).map_err(|error| error.to_string());
    let held_after = count(&mut store, "cpu");
    drop(store);
    let restarted = count(&mut Store::open(&path, &options()).unwrap(), "cpu");
    let _ = std::process::Command::new("umount").arg(folder.path()).status();
    assert!(matches!(again, StoreError::Unwritable { .. }), "{again}");
    assert!(larger);
    retried.unwrap();
    assert_eq!(
        (held, held_after, restarted),
        (
            full as u64 * 4_000,
            (full as u64 + 1) * 4_000,
            (full as u64 + 1) * 4_000
        )
    );
}
