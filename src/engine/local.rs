//! An engine of this process, and the link to it.

use std::{sync::Arc, thread};

use tokio::sync::{mpsc, oneshot, watch};

use super::{Answer, Link, LinkError, Listening, Query, Setup, Snapshot, run::Loop, socket::serve};

/// Someone's question, with who they are.
pub(super) struct Asked {
    pub query: Query,
    pub who: String,
    /// Whether they may change limits, the baseline, or write files.
    pub trusted: bool,
    pub reply: oneshot::Sender<Result<Answer, LinkError>>,
}

/// A link to an engine of this process.
#[derive(Clone)]
pub struct LocalLink {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    asked: mpsc::Sender<Asked>,
    who: String,
}

/// An engine of this process. Dropping it stops it after what was seen is written.
pub struct Engine {
    link: LocalLink,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Link for LocalLink {
    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    async fn ask(&self, query: Query) -> Result<Answer, LinkError> {
        self.ask_as(query, self.who.clone(), true).await
    }
}

impl LocalLink {
    /// The link of `who` to the engine that publishes `snapshots` and takes what is `asked`.
    pub(super) fn new(snapshots: watch::Receiver<Arc<Snapshot>>, asked: mpsc::Sender<Asked>, who: &str) -> Self {
        Self {
            snapshots,
            asked,
            who: who.to_owned(),
        }
    }

    /// Waits until the engine has ended; no snapshot wakes who waits.
    pub async fn ended(&self) {
        self.asked.closed().await;
    }

    pub(super) async fn ask_as(&self, query: Query, who: String, trusted: bool) -> Result<Answer, LinkError> {
        let (reply, answer) = oneshot::channel();
        self.asked
            .send(Asked {
                query,
                who,
                trusted,
                reply,
            })
            .await
            .map_err(|_| LinkError::Gone)?;
        answer.await.unwrap_or(Err(LinkError::Gone))
    }
}

impl Engine {
    /// Starts the engine on its own threads, and lets others attach at `listening`. Snapshots come before the store is open.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(setup: Setup, listening: Option<Listening>) -> std::io::Result<Self> {
        let options = Arc::new(setup.options.clone());
        let (publish, snapshots) = watch::channel(Arc::new(Snapshot::empty(options.clone(), Default::default())));
        // Sixteen questions wait at most; who asks more waits to ask.
        let (asked, questions) = mpsc::channel(16);
        let (stop, stopped) = oneshot::channel();
        let link = LocalLink::new(snapshots, asked, &setup.who);
        let served = link.clone();
        let thread = thread::Builder::new().name("engine".into()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return tracing::error!("the engine cannot start: {error}"),
            };
            let served = runtime.block_on(async {
                let allow = options.allow.clone();
                let engine = Loop::new(setup, options, publish);
                let served = listening.map(|listening| serve(listening, served, allow, engine.consoles.clone()));
                engine.run(questions, stopped).await;
                served
            });
            // Its file is gone before the engine is.
            if let Some(thread) = served {
                let _ = thread.join();
            }
        })?;
        Ok(Self {
            link,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// A link to it.
    #[must_use]
    pub fn link(&self) -> LocalLink {
        self.link.clone()
    }

    /// Whether its thread still runs.
    #[must_use]
    pub fn alive(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
