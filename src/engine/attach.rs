//! A console's end of the socket: it asks an engine of another process as it would ask one of its own.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::SinkExt;
use tokio::{
    net::UnixStream,
    sync::{mpsc, oneshot, watch},
};

use super::{
    Answer, Link, LinkError, Query, Snapshot, SocketError,
    frame::{Frames, FromEngine, PROTOCOL, ToEngine, frames, next, pack, whole},
    handed::fetch,
};

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Answer, LinkError>>>>>;

/// A link to an engine of another process.
#[derive(Clone)]
pub struct SocketLink {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    asks: mpsc::Sender<(u64, Query)>,
    waiting: Waiting,
    number: Arc<AtomicU64>,
}

impl Link for SocketLink {
    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    async fn ask(&self, query: Query) -> Result<Answer, LinkError> {
        match query {
            Query::Export { what, format, file } => fetch(self, what, format, &file).await,
            query => self.put(query).await,
        }
    }
}

impl SocketLink {
    /// Puts a question to the engine as it is.
    pub(super) async fn put(&self, query: Query) -> Result<Answer, LinkError> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        if let Ok(mut waiting) = self.waiting.lock() {
            waiting.insert(number, reply);
        }
        self.asks.send((number, query)).await.map_err(|_| LinkError::Gone)?;
        answer.await.unwrap_or(Err(LinkError::Gone))
    }
}

/// Connects to the engine at `path` as `who`, and waits for its first snapshot. Runs on the caller's tokio runtime.
///
/// # Errors
/// [`SocketError::Nobody`] when none listens there, [`SocketError::Refused`] when it says no.
pub async fn connect(path: &Path, who: &str) -> Result<SocketLink, SocketError> {
    let failed = |source| SocketError::Io {
        path: path.into(),
        source,
    };
    let stream = UnixStream::connect(path).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => SocketError::Nobody(path.into()),
        io::ErrorKind::PermissionDenied => SocketError::Refused(format!(
            "{} belongs to another user: ask them to add you to `allow`",
            path.display()
        )),
        _ => failed(source),
    })?;
    // An engine that ends while it is greeted is as good as none.
    let ended = |source: io::Error| match source.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            SocketError::Nobody(path.into())
        }
        _ => failed(source),
    };
    let mut frames = frames(stream);
    let hello = ToEngine::Hello {
        protocol: PROTOCOL,
        who: who.into(),
    };
    frames.send(pack(&hello).map_err(failed)?).await.map_err(ended)?;
    match next::<FromEngine>(&mut frames).await.map_err(ended)? {
        FromEngine::Hello { refused: None, .. } => {}
        FromEngine::Hello { refused: Some(why), .. } => return Err(SocketError::Refused(why)),
        _ => return Err(failed(io::Error::other("no hello"))),
    }
    let FromEngine::Snapshot(first, _) = next(&mut frames).await.map_err(ended)? else {
        return Err(failed(io::Error::other("no snapshot")));
    };
    let (publish, snapshots) = watch::channel(Arc::new(*first));
    let (asks, asked) = mpsc::channel(16);
    let waiting = Waiting::default();
    let link = SocketLink {
        snapshots,
        asks,
        waiting: waiting.clone(),
        number: Arc::default(),
    };
    tokio::spawn(async move {
        if let Err(error) = relay(frames, publish, asked, &waiting).await {
            tracing::debug!("the engine is gone: {error}");
        }
        // Whoever still waits hears that it is gone.
        if let Ok(mut waiting) = waiting.lock() {
            waiting.clear();
        }
    });
    Ok(link)
}

async fn relay(
    mut frames: Frames,
    publish: watch::Sender<Arc<Snapshot>>,
    mut asked: mpsc::Receiver<(u64, Query)>,
    waiting: &Waiting,
) -> io::Result<()> {
    loop {
        tokio::select! {
            question = asked.recv() => match question {
                Some((number, query)) => frames.send(pack(&ToEngine::Ask(number, query))?).await?,
                None => return Ok(()),
            },
            message = next::<FromEngine>(&mut frames) => match message? {
                FromEngine::Hello { .. } => {}
                FromEngine::Snapshot(snapshot, same) => {
                    let before = publish.borrow().clone();
                    publish.send_replace(Arc::new(whole(*snapshot, same, &before)));
                }
                FromEngine::Answer(number, answer) => {
                    let asker = waiting.lock().ok().and_then(|mut waiting| waiting.remove(&number));
                    if let Some(asker) = asker {
                        let _ = asker.send(answer.map(|answer| *answer));
                    }
                }
            },
        }
    }
}
