//! The same link over a Unix socket.
//!
//! The kernel tells who connects (peer credentials): the engine's own user and root may do all; users named in the option
//! `allow` may look, ask and note, and change nothing. Everyone else is turned away with a sentence.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use futures_util::SinkExt;
use tokio::{
    net::UnixListener,
    sync::{Notify, mpsc},
    time::timeout,
};

use super::{
    Answer, Link, LinkError, LocalLink, Snapshot,
    frame::{Frames, FromEngine, PROTOCOL, Shared, ToEngine, frames, next, pack},
};

/// Why no engine could be reached, or no socket opened.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Nobody listens there.
    #[error("no engine listens at {0}")]
    Nobody(PathBuf),
    /// Another engine listens there already.
    #[error("another engine already listens at {0}: attach to it, or name another --socket")]
    Taken(PathBuf),
    /// It listens and said no.
    #[error("{0}")]
    Refused(String),
    /// The system said no.
    #[error("socket {path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// How long the first console that attaches waits for a snapshot of now; an engine in a long step is met with the one it published last.
const FRESH: Duration = Duration::from_millis(100);

/// The consoles that are attached.
#[derive(Debug, Default)]
pub(super) struct Consoles {
    count: AtomicU32,
    came: Notify,
}

impl Consoles {
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until one comes.
    pub async fn came(&self) {
        self.came.notified().await;
    }

    /// One comes.
    pub fn come(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.came.notify_one();
    }

    /// One goes; says whether it was the last.
    fn go(&self) -> bool {
        self.count.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// A socket that listens; its file goes when this is dropped.
#[derive(Debug)]
pub struct Listening {
    listener: std::os::unix::net::UnixListener,
    path: PathBuf,
}

impl Drop for Listening {
    fn drop(&mut self) {
        if is_socket(&self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a socket stands there: nothing else is ever removed.
fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Listens at `path`; takes the place of a socket file that nobody listens at any more. Its folder is made (0700).
///
/// With `open_to_all` everyone may connect, and is then judged by who they are; else the file itself keeps others out.
///
/// # Errors
/// [`SocketError::Taken`] when another engine listens there.
pub fn listen(path: &Path, open_to_all: bool) -> Result<Listening, SocketError> {
    let failed = |source| SocketError::Io {
        path: path.into(),
        source,
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::create_dir_all(folder).map_err(failed)?;
        fs::set_permissions(
            folder,
            fs::Permissions::from_mode(if open_to_all { 0o755 } else { 0o700 }),
        )
        .map_err(failed)?;
    }
    if fs::symlink_metadata(path).is_ok() {
        if !is_socket(path) {
            let what = io::Error::new(
                io::ErrorKind::AlreadyExists,
                "this file is no socket and is left as it is: name another --socket",
            );
            return Err(failed(what));
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => return Err(SocketError::Taken(path.into())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed)?,
            Err(source) => return Err(failed(source)),
        }
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    fs::set_permissions(
        path,
        fs::Permissions::from_mode(if open_to_all { 0o666 } else { 0o600 }),
    )
    .map_err(failed)?;
    Ok(Listening {
        listener,
        path: path.into(),
    })
}

/// Serves everyone who connects, on a thread of its own, until the engine behind `link` has ended; `consoles` counts them. So an engine that
/// is in the middle of a long step is still met at its socket, with the snapshot it published last.
pub(super) fn serve(
    listening: Listening,
    link: LocalLink,
    allow: Vec<Arc<str>>,
    consoles: Arc<Consoles>,
) -> thread::JoinHandle<()> {
    let serving = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!("socket {}: {error}", listening.path.display()),
        };
        runtime.block_on(async {
            tokio::select! {
                () = link.ended() => {}
                () = accept(&listening, &link, &allow, &consoles) => {}
            }
        });
    };
    thread::Builder::new()
        .name("socket".into())
        .spawn(serving)
        .expect("a thread can be started when the program starts")
}

async fn accept(listening: &Listening, link: &LocalLink, allow: &[Arc<str>], consoles: &Arc<Consoles>) {
    let me = rustix::process::geteuid().as_raw();
    let shared = Shared::default();
    let listener = listening.listener.try_clone().and_then(UnixListener::from_std);
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("socket {}: {error}", listening.path.display()),
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files: wait for one to close.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            continue;
        };
        let uid = stream.peer_cred().map(|peer| peer.uid());
        let (link, consoles, shared) = (link.clone(), consoles.clone(), shared.clone());
        let trusted = uid.as_ref().is_ok_and(|uid| *uid == me || *uid == 0);
        let name = uid.as_ref().ok().and_then(|uid| user_name(*uid));
        let allowed = trusted
            || name
                .as_ref()
                .is_some_and(|name| allow.iter().any(|user| **user == **name));
        tokio::spawn(async move {
            let name = name.unwrap_or_else(|| "unknown".into());
            let mut frames = frames(stream);
            let who = match greet(&mut frames, &name, allowed).await {
                Ok(Some(who)) => who,
                Ok(None) => return,
                Err(error) => return tracing::debug!("console of {name}: {error}"),
            };
            let mut snapshots = link.snapshots();
            let before = snapshots.borrow().number;
            // Before its first one an engine has nothing to show.
            consoles.come();
            if before > 0 {
                let _ = timeout(FRESH, snapshots.wait_for(|snapshot| snapshot.number > before)).await;
            }
            if let Err(error) = attend(frames, link, shared.clone(), who, trusted).await {
                tracing::debug!("console of {name}: {error}");
            }
            if consoles.go() {
                shared.forget();
            }
        });
    }
}

/// What the system calls a user; the first of several of one number.
#[must_use]
pub fn user_name(uid: u32) -> Option<String> {
    let user = uzers::get_user_by_uid(uid)?;
    Some(user.name().to_string_lossy().into_owned()).filter(|name| !name.is_empty())
}

/// Hears who comes and says whether they may; gives the name to ask under, `None` of who was turned away.
async fn greet(frames: &mut Frames, user: &str, allowed: bool) -> io::Result<Option<String>> {
    let ToEngine::Hello { protocol, who } = next(frames).await? else {
        return Err(io::Error::other("no hello"));
    };
    let refused = if !allowed {
        Some(format!(
            "{user} may not attach to this engine: its user adds `allow = [\"{user}\"]` to the configuration"
        ))
    } else if protocol != PROTOCOL {
        Some(format!(
            "the engine speaks protocol {PROTOCOL}, this program {protocol}: use the same version for both"
        ))
    } else {
        None
    };
    let turned_away = refused.is_some();
    frames
        .send(pack(&FromEngine::Hello {
            protocol: PROTOCOL,
            refused,
        })?)
        .await?;
    // The name is the kernel's word; the terminal is the console's own.
    let terminal = who
        .rsplit_once('@')
        .map_or_else(String::new, |(_, terminal)| format!("@{terminal}"));
    Ok((!turned_away).then(|| format!("{user}{terminal}")))
}

/// Sends snapshots and answers until the console goes.
async fn attend(mut frames: Frames, link: LocalLink, shared: Shared, who: String, trusted: bool) -> io::Result<()> {
    let mut snapshots = link.snapshots();
    // Before its first one an engine has nothing to show.
    if snapshots.borrow().number > 0 {
        snapshots.mark_changed();
    }
    let mut sent: Option<Arc<Snapshot>> = None;
    // Answers wait here while a slow console reads; when it is full, its questions wait.
    let (answers, mut ready) = mpsc::channel::<(u64, Result<Answer, LinkError>)>(16);
    loop {
        tokio::select! {
            changed = snapshots.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let snapshot = snapshots.borrow_and_update().clone();
                frames.send(shared.pack(&snapshot, sent.as_ref())?).await?;
                sent = Some(snapshot);
            }
            Some((number, answer)) = ready.recv() => {
                frames.send(pack(&FromEngine::Answer(number, answer.map(Box::new)))?).await?;
            }
            message = next::<ToEngine>(&mut frames) => {
                let ToEngine::Ask(number, query) = message? else { continue };
                let (link, who, answers) = (link.clone(), who.clone(), answers.clone());
                tokio::spawn(async move {
                    let answer = link.ask_as(query, who, trusted).await;
                    let _ = answers.send((number, answer)).await;
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{net::UnixStream, sync::watch};

    use super::{super::connect, *};

    #[test]
    fn an_engine_in_the_middle_of_a_step_is_met() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.sock");
        let snapshot = |number| {
            let mut snapshot = Snapshot::empty(Arc::default(), Default::default());
            snapshot.number = number;
            Arc::new(snapshot)
        };
        let (publish, snapshots) = watch::channel(snapshot(7));
        // Nobody takes a question: the engine is at work.
        let (asked, questions) = mpsc::channel(16);
        let link = LocalLink::new(snapshots, asked, "me");
        let served = serve(listen(&path, false).unwrap(), link, Vec::new(), Arc::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let met = runtime
            .block_on(connect(&path, "me"))
            .map(|link| link.snapshots().borrow().number);
        assert_eq!(met.unwrap(), 7);
        // When it ends, so does the socket.
        drop((publish, questions));
        served.join().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn who_is_turned_away_is_nobody_who_looks() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("b.sock");
            let (_publish, snapshots) = watch::channel(Arc::new(Snapshot::empty(Arc::default(), Default::default())));
            let (asked, _questions) = mpsc::channel(16);
            let consoles = Arc::<Consoles>::default();
            let link = LocalLink::new(snapshots, asked, "me");
            let listening = listen(&path, false).unwrap();
            let came = async {
                let hello = |protocol| {
                    pack(&ToEngine::Hello {
                        protocol,
                        who: "me".into(),
                    })
                };
                let mut older = frames(UnixStream::connect(&path).await.unwrap());
                older.send(hello(PROTOCOL - 1).unwrap()).await.unwrap();
                let FromEngine::Hello { refused, .. } = next(&mut older).await.unwrap() else {
                    panic!("no hello");
                };
                // Until it is hung up on, too.
                assert!(refused.is_some() && next::<FromEngine>(&mut older).await.is_err());
                let none = consoles.count();
                let mut one = frames(UnixStream::connect(&path).await.unwrap());
                one.send(hello(PROTOCOL).unwrap()).await.unwrap();
                consoles.came().await;
                (none, consoles.count())
            };
            tokio::select! {
                counts = came => assert_eq!(counts, (0, 1)),
                () = accept(&listening, &link, &[], &consoles) => {}
            }
        });
    }

    #[test]
    fn only_a_socket_gives_way_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.duckdb.sock");
        fs::write(&path, "mine").unwrap();
        let error = listen(&path, false).unwrap_err().to_string();
        assert!(error.contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_file(&path).unwrap();
        // Left behind by an engine that was killed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listening = listen(&path, false).unwrap();
        // Someone put a file in its place meanwhile.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "mine").unwrap();
        drop(listening);
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
