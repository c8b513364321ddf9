//! Opening, and opening again after DuckDB gave up on the file.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, DirBuilder, File, Permissions},
    io::{ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use duckdb::{AccessMode, Config, Connection};

use super::{Db, Keys, Store, StoreError, schema};
use crate::domain::StoreOptions;

/// The log is folded into the file from this many bytes on, which values come to only where they come fast: upkeep folds it sooner.
/// What is in the log is in memory too, uncompressed.
pub(super) const LOG_BYTES: u64 = 4 << 20;
/// The log is folded into the file with each round of upkeep from this many bytes on.
pub(super) const LOG_BYTES_KEPT: u64 = 256 << 10;

/// Memory that DuckDB may take for each byte beyond [`LOG_BYTES`] that is written at once: values of text are held several times.
const ROOM: u64 = 16;

impl Store {
    /// Newest schema this program writes.
    pub const SCHEMA: u32 = 3;

    /// Opens or makes the store file (0600, its folder 0700 when made) and brings its schema up to date.
    ///
    /// # Errors
    /// See [`StoreError`]; a file that is newer, corrupt or held by another process is not touched.
    pub fn open(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let io = |error| StoreError::unwritable(path, &error);
        let path = std::path::absolute(path).map_err(io)?;
        // DuckDB makes its log anew again and again, and has no setting for its mode.
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(io)?;
        }
        Self::file(&path, options, true)
    }

    /// Opens a store in memory: for replays, tests, and when the file cannot be had.
    ///
    /// # Errors
    /// When DuckDB cannot start.
    pub fn in_memory(options: &StoreOptions) -> Result<Self, StoreError> {
        let conn = Connection::open_in_memory_with_flags(config(options, true)?)?;
        let secret = random_key().map_err(|error| StoreError::unwritable(Path::new("/dev/urandom"), &error))?;
        schema::migrate(&conn, 0, &secret)?;
        let db = Db::wall_in(conn, scratch(), &[])?;
        Ok(Self {
            path: None,
            options: options.clone(),
            writable: true,
            db: Some(db),
            claim: None,
        })
    }

    /// Opens an existing store for reading only, beside no writer.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn read_only(path: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        Self::file(path, options, false)
    }

    fn file(path: &Path, options: &StoreOptions, writable: bool) -> Result<Self, StoreError> {
        let claim = Claim::on(path, writable)?;
        let db = Db::file(&claim.0, options, writable)?;
        Ok(Self {
            path: Some(claim.0.clone()),
            options: options.clone(),
            writable,
            db: Some(db),
            claim: Some(claim),
        })
    }

    /// Does `work` on the open database, which is opened again first when it was given up.
    pub(super) fn with<T>(&mut self, work: impl FnOnce(&mut Db) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let db = match &mut self.db {
            Some(db) => db,
            none => {
                let path = self
                    .path
                    .as_deref()
                    .ok_or_else(|| StoreError::Statement("the store is gone".into()))?;
                none.insert(Db::file(path, &self.options, self.writable)?)
            }
        };
        let done = work(db);
        // A fatal error closes a database for good; in memory there is nothing to come back to.
        if done.is_err() && self.path.is_some() && db.conn.execute_batch("FROM migration").is_err() {
            self.db = None;
        }
        done.map_err(|error| match error {
            StoreError::Database(error) => StoreError::of(self.path.as_deref(), error),
            other => other,
        })
    }

    /// Bytes of the file and its log; 0 in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.path.as_deref().map_or(0, size) + self.log_bytes()
    }

    /// Bytes of the log alone.
    pub(super) fn log_bytes(&self) -> u64 {
        self.path.as_deref().map_or(0, |path| size(&beside(path, ".wal")))
    }

    /// Folds a log of more than `most` bytes into the file, and gives back the memory that it took: half a megabyte for each column
    /// of each table written since. What is committed stays so whether or not this succeeds, so a failure is only logged.
    pub(super) fn fold_log(&mut self, most: u64) {
        if self.log_bytes() > most
            && let Err(error) = self.checkpoint().and_then(|()| self.let_go())
        {
            tracing::warn!(%error, "the store's log could not be folded in");
        }
    }

    /// Folds the log into the file.
    pub(super) fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.make_room(self.log_bytes())?;
        self.with(|db| Ok(db.conn.execute_batch("CHECKPOINT")?))
    }

    /// Lets DuckDB take the memory that writing or folding in so many bytes takes, until [`Store::let_go`].
    pub(super) fn make_room(&mut self, bytes: u64) -> Result<(), StoreError> {
        if bytes <= LOG_BYTES {
            return Ok(());
        }
        let limit = memory_limit(&self.options, bytes);
        self.with(|db| Ok(db.conn.execute_batch(&format!("SET memory_limit = '{limit}'"))?))
    }
}

/// The files that this process has open as stores.
static CLAIMED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The right to open a file, by its real name. DuckDB's lock is one of the process: it does not keep the same process from opening
/// the file again, and ends as soon as any of its handles is closed.
#[derive(Debug)]
pub(super) struct Claim(PathBuf);

impl Claim {
    fn on(path: &Path, writable: bool) -> Result<Self, StoreError> {
        let real = match (fs::canonicalize(path), path.parent(), path.file_name()) {
            (Err(error), Some(folder), Some(name)) if writable && error.kind() == ErrorKind::NotFound => {
                fs::canonicalize(folder).map(|folder| folder.join(name))
            }
            (found, ..) => found,
        };
        let real = real.map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::Corrupt {
                path: path.to_owned(),
                why: "there is no such file".into(),
            },
            _ => StoreError::unwritable(path, &error),
        })?;
        match CLAIMED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(real.clone())
        {
            true => Ok(Self(real)),
            false => Err(StoreError::Locked {
                path: real,
                pid: std::process::id().to_string(),
            }),
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

impl Db {
    /// Opens the file, making it when it is not there and `writable`; looks at it before anything in it is changed.
    fn file(path: &Path, options: &StoreOptions, writable: bool) -> Result<Self, StoreError> {
        let corrupt = |why: &str| StoreError::Corrupt {
            path: path.to_owned(),
            why: why.into(),
        };
        let failed = |error| StoreError::of(Some(path), error);
        match fs::metadata(path) {
            Ok(about) if about.is_dir() => return Err(corrupt("it is a folder")),
            Ok(_) => {}
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(StoreError::unwritable(path, &error)),
            Err(_) if writable => make(path, options)?,
            Err(_) => return Err(corrupt("there is no such file")),
        }
        // A log that is read again takes as much memory as when it was written.
        let log = size(&beside(path, ".wal"));
        let config = config(options, writable).and_then(|config| config.max_memory(&memory_limit(options, log)));
        let conn = Connection::open_with_flags(path, config.map_err(failed)?).map_err(failed)?;
        conn.execute_batch("PRAGMA disable_checkpoint_on_shutdown")
            .map_err(failed)?;
        let found = schema::version(&conn).map_err(failed)?.filter(|found| *found > 0);
        let found = found.ok_or_else(|| corrupt("a DuckDB file with other tables"))?;
        if found > Store::SCHEMA {
            return Err(StoreError::Newer {
                path: path.to_owned(),
                found,
                known: Store::SCHEMA,
            });
        }
        if writable {
            conn.execute_batch("PRAGMA enable_checkpoint_on_shutdown")
                .map_err(failed)?;
            fs::set_permissions(path, Permissions::from_mode(0o600))
                .map_err(|error| StoreError::unwritable(path, &error))?;
            if found < Store::SCHEMA {
                schema::migrate(&conn, found, &[0; 32]).map_err(failed)?;
            }
        }
        let (compacted, scratch) = match writable {
            true => (Some(beside(path, ".compact")), beside(path, ".export")),
            false => (None, scratch()),
        };
        Self::wall_in(conn, scratch, compacted.as_slice()).map_err(failed)
    }

    /// From here on DuckDB reads and writes no file but the store, `scratch` and the databases `besides`; it cannot be undone.
    fn wall_in(conn: Connection, scratch: PathBuf, besides: &[PathBuf]) -> Result<Self, duckdb::Error> {
        let logs = ["", ".wal", ".wal.checkpoint", ".wal.recovery"];
        let databases = besides.iter().flat_map(|path| logs.map(|log| beside(path, log)));
        let allowed: Vec<String> = databases.chain([scratch.clone()]).map(|path| quoted(&path)).collect();
        conn.execute_batch(&format!(
            "SET allowed_paths = [{}]; SET enable_external_access = false",
            allowed.join(", ")
        ))?;
        conn.set_prepared_statement_cache_capacity(32);
        let keys = Keys::load(&conn)?;
        Ok(Self { conn, keys, scratch })
    }
}

/// Makes a store aside and moves it into place, so that a kill leaves either none or a whole one.
fn make(path: &Path, options: &StoreOptions) -> Result<(), StoreError> {
    let fresh = beside(path, &format!(".new-{}", std::process::id()));
    let failed = |error| StoreError::of(Some(path), error);
    let io = |error| StoreError::unwritable(path, &error);
    remove_database(&fresh).map_err(io)?;
    let conn = Connection::open_with_flags(&fresh, config(options, true).map_err(failed)?).map_err(failed)?;
    schema::migrate(&conn, 0, &random_key().map_err(io)?).map_err(failed)?;
    conn.execute_batch("CHECKPOINT").map_err(failed)?;
    conn.close().map_err(|(_, error)| failed(error))?;
    // A link, not a rename: another process may have made the store meanwhile, and is never to lose it.
    let placed = match fs::hard_link(&fresh, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // There are file systems without links.
        Err(_) => fs::rename(&fresh, path),
        Ok(()) => Ok(()),
    };
    remove_database(&fresh).map_err(io)?;
    placed.and_then(|()| sync_folder(path)).map_err(io)
}

/// Makes a rename or link in the folder of `path` last.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Removes a database file and its logs where they are.
pub(super) fn remove_database(path: &Path) -> std::io::Result<()> {
    for log in ["", ".wal", ".wal.checkpoint", ".wal.recovery"] {
        match fs::remove_file(beside(path, log)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// `path` with `ending` behind its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// A path as an SQL literal.
pub(super) fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "''"))
}

/// A file for exports of a store that has no folder of its own.
fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!(
        "foreshadow-{}-{:016x}.export",
        std::process::id(),
        fastrand::u64(..)
    ))
}

/// One thread, the memory limit, no extensions, no spilling to disk; the log is folded in by [`Store::append`], not by commits,
/// so that a failing checkpoint is never taken for a failing commit.
fn config(options: &StoreOptions, writable: bool) -> Result<Config, duckdb::Error> {
    let mode = if writable {
        AccessMode::ReadWrite
    } else {
        AccessMode::ReadOnly
    };
    Config::default()
        .access_mode(mode)?
        .enable_autoload_extension(false)?
        .threads(1)?
        .max_memory(&memory_limit(options, 0))?
        .with("temp_directory", "")?
        .with("allocator_flush_threshold", "1MB")?
        .with("allocator_bulk_deallocation_flush_threshold", "1MB")?
        .with("checkpoint_threshold", "1TB")
}

/// DuckDB's words for the limit while `bytes` are written at once, folded in, or read from a log; below 64 MB copying the store would
/// not work.
pub(super) fn memory_limit(options: &StoreOptions, bytes: u64) -> String {
    let more = bytes.saturating_sub(LOG_BYTES).saturating_mul(ROOM);
    format!("{}B", options.memory_bytes.max(64 << 20).saturating_add(more))
}

/// Thirty-two bytes of the system, for a key.
///
/// # Errors
/// When the system has none to give.
pub fn random_key() -> std::io::Result<[u8; 32]> {
    let mut key = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sample::*;

    fn refused(path: &Path) -> StoreError {
        let before = (fs::read(path).ok(), fs::read(beside(path, ".wal")).ok());
        for _ in 0..2 {
            let error = Store::open(path, &options()).unwrap_err();
            assert_eq!(
                (fs::read(path).ok(), fs::read(beside(path, ".wal")).ok()),
                before,
                "{error}"
            );
        }
        let error = Store::read_only(path, &options()).unwrap_err();
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn what_is_no_store_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file("text"), "hello\n".repeat(9_000)).unwrap();
        fs::write(file("empty"), "").unwrap();
        duckdb::Connection::open(file("other"))
            .unwrap()
            .execute_batch("CREATE TABLE mine(a INT)")
            .unwrap();
        let mut store = Store::open(&file("whole"), &options()).unwrap();
        store
            .append(&values("cpu", (0..9_000).map(|n| (after(n), n as f64))))
            .unwrap();
        let log = fs::read(beside(&file("whole"), ".wal")).unwrap();
        let young = fs::read(file("whole")).unwrap();
        drop(store);
        let whole = fs::read(file("whole")).unwrap();
        fs::write(file("half"), &whole[..whole.len() / 2]).unwrap();
        let damaged = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at..at + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
            bytes
        };
        fs::write(file("head"), damaged(&whole, 4_100)).unwrap();
        fs::write(file("log"), &young).unwrap();
        fs::write(beside(&file("log"), ".wal"), damaged(&log, log.len() / 2)).unwrap();
        fs::create_dir(file("folder")).unwrap();
        for name in ["text", "empty", "other", "half", "head", "log", "folder"] {
            let error = refused(&file(name));
            assert!(matches!(error, StoreError::Corrupt { .. }), "{name}: {error:?}");
        }
        assert!(matches!(
            Store::read_only(&file("none"), &options()),
            Err(StoreError::Corrupt { .. })
        ));
        assert!(!file("none").exists());
    }

    #[test]
    fn a_newer_store_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.duckdb");
        drop(Store::open(&path, &options()).unwrap());
        let conn = duckdb::Connection::open(&path).unwrap();
        conn.execute_batch("PRAGMA disable_checkpoint_on_shutdown; UPDATE migration SET version = 7")
            .unwrap();
        drop(conn);
        // The version stands in the log, which must not be folded in either.
        assert!(size(&beside(&path, ".wal")) > 0);
        let error = refused(&path);
        assert!(
            matches!(
                error,
                StoreError::Newer {
                    found: 7,
                    known: Store::SCHEMA,
                    ..
                }
            ),
            "{error:?}"
        );
    }

    #[test]
    fn what_cannot_be_written_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for path in [
            folder.path().join("file/store.duckdb"),
            PathBuf::from("/proc/foreshadow/store.duckdb"),
            "/sys/store.duckdb".into(),
        ] {
            let error = Store::open(&path, &options()).unwrap_err();
            assert!(matches!(error, StoreError::Unwritable { .. }), "{path:?}: {error:?}");
        }
        let path = folder.path().join("store.duckdb");
        drop(Store::open(&path, &options()).unwrap());
        let mut store = Store::read_only(&path, &options()).unwrap();
        let error = store.append(&everything()).unwrap_err();
        assert!(matches!(error, StoreError::Unwritable { .. }), "{error:?}");
        assert!(store.sql("FROM metrics", 1).unwrap().rows.is_empty());
        store
            .export("metrics", crate::store::Format::Csv, &folder.path().join("m.csv"))
            .unwrap();
    }

    #[test]
    fn a_making_that_was_cut_short_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.duckdb");
        fs::write(beside(&path, &format!(".new-{}", std::process::id())), "cut").unwrap();
        drop(Store::open(&path, &options()).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        drop(Store::open(&path, &options()).unwrap());
    }

    #[test]
    fn a_store_can_go_to_its_thread() {
        fn goes<T: Send>() {}
        goes::<Store>();
        goes::<crate::store::Stop>();
    }

    #[test]
    fn one_process_opens_a_file_once() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("store.duckdb"), folder.path().join("link"));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let held = Store::open(&path, &options()).unwrap();
        for again in [
            Store::open(&path, &options()),
            Store::open(&link, &options()),
            Store::read_only(&path, &options()),
        ] {
            assert!(matches!(again, Err(StoreError::Locked { pid, .. }) if pid == std::process::id().to_string()));
        }
        drop(held);
        Store::open(&link, &options()).unwrap();
    }

    #[test]
    fn the_holder_of_a_locked_file_is_named() {
        let words = |text: &str| duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.into()));
        let path = Path::new("/var/lib/s.duckdb");
        let text = "IO Error: Could not set lock on file \"/var/lib/s.duckdb\": Conflicting lock is held in /usr/bin/foreshadow (PID 4711). See";
        assert!(matches!(StoreError::of(Some(path), words(text)), StoreError::Locked { pid, .. } if pid == "4711"));
        let text = "IO Error: Could not set lock on file \"/var/lib/s.duckdb\": Conflicting lock is held";
        assert!(matches!(StoreError::of(Some(path), words(text)), StoreError::Locked { pid, .. } if pid == "?"));
    }
}
