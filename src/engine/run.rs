//! The loop: batches in, one step each, snapshots out.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc as blocking,
    },
    thread,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Duration, Instant as Later, sleep_until},
};

use super::{
    Answer, Keeper, Link, LinkError, Listening, Opened, Pace, Player, Query, Read, Reader, ReplayRow, Snapshot,
    SourceRow, Usage, answer, clock,
    publish::{About, Publisher},
    rebuild::Jobs,
    saved,
    socket::serve,
    usage::Meter,
};
use crate::{
    domain::{Batch, Event, EventKind, Options, ResourceId, Span, Timestamp},
    observe::{Group, Host, metric_groups, past_groups, recording::Recorder, setting_groups},
    pipeline::{self, State},
    store::{AuditEntry, Write},
};

/// The seed of every sampled path: the same data give the same figures.
pub const SEED: u64 = 7;

/// How an engine is to run.
pub struct Setup {
    /// The options in force.
    pub options: Options,
    /// The store's file; `None` keeps all in memory.
    pub store: Option<PathBuf>,
    /// The host watched.
    pub resource: ResourceId,
    /// The root of the file system watched (`/`).
    pub root: PathBuf,
    /// What is read.
    pub sources: Sources,
    /// Where every step is recorded, if anywhere.
    pub recorder: Option<Recorder>,
    /// Who started it: user@tty.
    pub who: String,
}

/// What an engine reads.
pub enum Sources {
    /// Nothing: it only answers from the store. Its first snapshot comes when the store is open.
    None,
    /// Every source once; then it only answers. Its first snapshot comes after that.
    Once,
    /// For as long as it lives.
    Live,
    /// A recording, in place of the host: its clock is the engine's.
    Played(Box<Player>),
}

/// A recording that is played.
pub(super) struct Played {
    pub pace: Pace,
    /// The time of the newest step: the engine's clock.
    now: Timestamp,
    from: Timestamp,
    file: Arc<str>,
    /// Whether its last step was taken.
    ended: bool,
    /// When the last snapshot was published, and whether there has been a step since.
    published: clock::Stopwatch,
    dirty: bool,
}

/// Least time between two snapshots of a recording that is played fast.
const FRAME: Duration = Duration::from_millis(200);
/// The row among the sources that says why recording ended.
pub const RECORDER: &str = "recorder";

impl Played {
    /// How long until the next snapshot is due, if one is.
    fn frame(&self) -> Option<Duration> {
        self.dirty.then(|| FRAME.saturating_sub(self.published.elapsed()))
    }

    fn row(&self) -> ReplayRow {
        ReplayRow {
            file: self.file.clone(),
            from: self.from,
            now: self.now,
            speed: self.pace.speed(),
            ended: self.ended,
        }
    }
}

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
        let link = LocalLink {
            snapshots,
            asked,
            who: setup.who.clone(),
        };
        let served = link.clone();
        let thread = thread::Builder::new().name("engine".into()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return tracing::error!("the engine cannot start: {error}"),
            };
            runtime.block_on(async {
                let allow = options.allow.clone();
                let engine = Loop::new(setup, options, publish);
                if let Some(listening) = listening {
                    tokio::spawn(serve(listening, served, allow, engine.consoles.clone()));
                }
                engine.run(questions, stopped).await;
            });
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

pub(super) struct Loop {
    pub setup: Setup,
    pub options: Arc<Options>,
    pub state: State,
    pub keeper: Keeper,
    pub sources: BTreeMap<Arc<str>, SourceRow>,
    pub usage: Usage,
    /// What waits for the next commit.
    pub write: Write,
    /// The recording that is played, if one is.
    pub played: Option<Played>,
    /// What-ifs of the past that are being computed.
    pub jobs: Jobs,
    publisher: Publisher,
    publish: watch::Sender<Arc<Snapshot>>,
    opened: Option<oneshot::Receiver<Opened>>,
    /// What was seen before the store was open; it is stepped again on the state that the store held.
    early: Vec<(Batch, Timestamp)>,
    committed: Timestamp,
    saved: Timestamp,
    saves: u32,
    jumps: clock::JumpWatch,
    meter: Meter,
    reads: mpsc::Receiver<Read>,
    into: mpsc::Sender<Read>,
    stops: Vec<blocking::Sender<()>>,
    ready: bool,
    consoles: Arc<AtomicU64>,
}

impl Loop {
    fn new(setup: Setup, options: Arc<Options>, publish: watch::Sender<Arc<Snapshot>>) -> Self {
        let (tell, opened) = oneshot::channel();
        let upkeep = !matches!(setup.sources, Sources::Played(_));
        let keeper = Keeper::start(setup.store.clone(), options.store.clone(), upkeep, move |found| {
            drop(tell.send(found))
        });
        // One batch a group waits at most twice; a slow engine makes the readers wait.
        let (into, reads) = mpsc::channel(16);
        let played = match &setup.sources {
            Sources::Played(player) => Some(Played {
                pace: player.pace(),
                now: player.header().from,
                from: player.header().from,
                file: player.file(),
                ended: false,
                published: clock::Stopwatch::start(),
                dirty: false,
            }),
            _ => None,
        };
        let now = played.as_ref().map_or_else(clock::now, |played| played.now);
        Self {
            played,
            publisher: Publisher::new(options.clone()),
            usage: Usage {
                pid: std::process::id(),
                started: Some(now),
                ..Usage::default()
            },
            state: State::default(),
            sources: BTreeMap::new(),
            write: Write::default(),
            jobs: Jobs::default(),
            opened: Some(opened),
            early: Vec::new(),
            committed: now,
            saved: now,
            saves: 0,
            jumps: clock::JumpWatch::start(),
            meter: Meter::default(),
            stops: Vec::new(),
            ready: false,
            consoles: Arc::default(),
            setup,
            options,
            publish,
            keeper,
            reads,
            into,
        }
    }

    async fn run(mut self, mut questions: mpsc::Receiver<Asked>, mut stopped: oneshot::Receiver<()>) {
        let live = matches!(self.setup.sources, Sources::Live);
        if live {
            self.start_readers(metric_groups, [0; 32]);
        }
        // Without news for this long the step runs all the same: silence is something to judge.
        let silence = Duration::from(self.options.interval) * 3 + Duration::from_secs(1);
        let mut quiet_until = Later::now() + silence;
        loop {
            let opened = async {
                match self.opened.as_mut() {
                    Some(opened) => opened.await.unwrap_or_default(),
                    None => std::future::pending().await,
                }
            };
            let frame = self.played.as_ref().and_then(Played::frame);
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                asked = questions.recv() => match asked {
                    Some(asked) => answer::answer(&mut self, asked),
                    None => break,
                },
                found = opened => self.take_opened(found).await,
                Some(read) = self.reads.recv() => {
                    self.take(read);
                    quiet_until = Later::now() + silence;
                }
                () = sleep_until(quiet_until), if live => {
                    quiet_until = Later::now() + silence;
                    self.step(&Batch::default(), clock::now());
                    self.publish(clock::now());
                }
                () = tokio::time::sleep(frame.unwrap_or_default()), if frame.is_some() => self.publish(self.now()),
            }
        }
        self.stops.clear();
        if let Some(played) = &self.played {
            played.pace.end();
        }
        if let Some(recorder) = self.setup.recorder.take()
            && let Err(error) = recorder.finish()
        {
            tracing::error!("{error}");
        }
        if !matches!(self.setup.sources, Sources::None) {
            self.save(self.now());
        }
        self.commit(self.now());
        self.keeper.finish();
    }

    /// The time of day, or that of the recording.
    pub(super) fn now(&self) -> Timestamp {
        self.played.as_ref().map_or_else(clock::now, |played| played.now)
    }

    fn host(&self, secret_key: [u8; 32]) -> Host {
        Host {
            root: self.setup.root.clone(),
            resource: self.setup.resource.clone(),
            secret_key,
            interval: self.options.interval,
            settings_interval: self.options.settings_interval,
            paths: self.options.files.iter().map(|path| path.as_ref().into()).collect(),
        }
    }

    fn start_readers(&mut self, groups: fn(&Host) -> Vec<Group>, secret_key: [u8; 32]) {
        for group in groups(&self.host(secret_key)) {
            let name = group.name;
            let reader = Reader::new(group, &self.options.sources_off, clock::now());
            let (stop, stopped) = blocking::channel();
            self.stops.push(stop);
            reader.run(name, self.into.clone(), stopped);
        }
    }

    /// One full cycle of every source; the metrics twice, a second apart, because rates need two readings.
    async fn cycle(&mut self, secret_key: [u8; 32]) {
        let host = self.host(secret_key);
        let readers = |groups: Vec<Group>| -> Vec<Reader> {
            groups
                .into_iter()
                .map(|group| Reader::new(group, &self.options.sources_off, Timestamp(0)))
                .collect()
        };
        let (mut metrics, mut settings) = (readers(metric_groups(&host)), readers(setting_groups(&host)));
        let began = clock::Stopwatch::start();
        for reader in metrics.iter_mut().chain(&mut settings) {
            let read = reader.read(clock::now());
            self.take(read);
        }
        tokio::time::sleep(Duration::from_secs(1).saturating_sub(began.elapsed())).await;
        for reader in &mut metrics {
            let read = reader.read_all(clock::now());
            self.take(read);
        }
    }

    async fn take_opened(&mut self, found: Opened) {
        self.opened = None;
        if let Some(failed) = &found.failed {
            tracing::warn!("{failed}");
        }
        if let Some(state) = found.state {
            match saved::unpack(&state) {
                Ok(state) => self.state = state,
                // The observations are all there; only what was learnt from them begins anew.
                Err(error) => tracing::warn!("what was learnt cannot be read ({error}): learning begins anew"),
            }
            drop(state);
            self.write = Write::default();
            self.apply_limits();
            self.state.numbers.after(found.numbered);
            let recorder = self.setup.recorder.take();
            for (batch, at) in std::mem::take(&mut self.early) {
                self.step(&batch, at);
            }
            self.setup.recorder = recorder;
        }
        self.early = Vec::new();
        self.state.numbers.after(found.numbered);
        let now = self.now();
        if matches!(self.setup.sources, Sources::Live) {
            self.audit(now, &self.setup.who.clone(), "session", "", "engine started");
        }
        // Without the store's key, secrets are hashed under one that lives as long as this process.
        let key = found
            .key
            .unwrap_or_else(|| *blake3::hash(&now.0.to_le_bytes()).as_bytes());
        match std::mem::replace(&mut self.setup.sources, Sources::None) {
            Sources::Played(player) => player.run(self.into.clone()),
            sources => {
                match sources {
                    Sources::Live => {
                        self.start_readers(setting_groups, key);
                        self.start_readers(past_groups, key);
                    }
                    Sources::Once => self.cycle(key).await,
                    Sources::None | Sources::Played(_) => {}
                }
                self.setup.sources = sources;
            }
        }
        // Whoever waits for one cycle waits for this.
        self.ready = true;
        self.publish(clock::now());
    }

    /// Limits follow the options of today, not those of the day the state was saved.
    fn apply_limits(&mut self) {
        let limits: Vec<_> = self
            .state
            .shadows
            .metrics
            .iter()
            .map(|(id, metric)| {
                (
                    id.clone(),
                    self.state.limit_of(id, metric.meta.limit.as_ref(), &self.options),
                )
            })
            .collect();
        for (id, limit) in limits {
            if let Some(metric) = self.state.shadows.metrics.get_mut(&id) {
                metric.limit = limit;
            }
        }
    }

    fn take(&mut self, first: Read) {
        let watch = clock::Stopwatch::start();
        let mut batch = first.batch;
        let mut rows = first.rows;
        // Steps of a recording are taken one by one, as they were.
        while self.played.is_none()
            && let Ok(more) = self.reads.try_recv()
        {
            batch.append(more.batch);
            rows.extend(more.rows);
        }
        for row in rows {
            let before = self.sources.insert(row.name.clone(), row.clone());
            // Told once: when a source is lost, and when it is back. What was never there stands in the list of sources.
            if before.as_ref().is_some_and(|before| before.ok != row.ok) {
                let what = if row.ok {
                    format!("{} can be read again", row.name)
                } else {
                    format!("{}: {}", row.name, row.says)
                };
                self.collector(&mut batch, what, first.at);
            }
        }
        if let Some(played) = &mut self.played {
            played.now = first.at;
            played.ended = first.last;
        } else if let Some(jump) = self.jumps.jumped() {
            let sign = if jump.0 > 0 { "forward" } else { "back" };
            self.collector(
                &mut batch,
                format!("the clock jumped {sign} by {}", Span(jump.0.abs())),
                first.at,
            );
        }
        let now = self.now();
        if !first.last {
            self.step(&batch, now);
        }
        if self.opened.is_some() {
            self.early.push((batch, now));
        }
        self.usage.lag_secs = watch.elapsed().as_secs_f64() + (now - first.at).secs_f64().max(0.0);
        if let Some((cpu, rss)) = self.meter.measure(now) {
            self.usage.cpu_pct = cpu;
            self.usage.rss_bytes = rss;
        }
        match &mut self.played {
            Some(played) if !played.ended && played.published.elapsed() < FRAME => played.dirty = true,
            _ => self.publish(now),
        }
        if now < self.committed || now - self.committed >= self.options.store.commit_every {
            // What was learnt since is lost when the process is killed: soon after the start, then every five minutes.
            let every = if self.saves == 0 {
                Span::from_mins(1)
            } else {
                Span::from_mins(5)
            };
            if now < self.saved || now - self.saved >= every {
                self.saves += 1;
                self.save(now);
            }
            self.commit(now);
        }
    }

    fn collector(&self, batch: &mut Batch, what: String, at: Timestamp) {
        batch.events.push(Event {
            at,
            resource: self.setup.resource.clone(),
            kind: EventKind::Collector,
            what: what.into(),
            who: None,
        });
    }

    fn step(&mut self, batch: &Batch, now: Timestamp) {
        if let Some(recorder) = &mut self.setup.recorder
            && let Err(error) = recorder.step(batch, now)
        {
            self.setup.recorder = None;
            let row = SourceRow {
                name: RECORDER.into(),
                ok: false,
                says: error.to_string().into(),
                read: Some(now),
                cost_ms: 0.0,
                every: self.options.interval,
                next: None,
            };
            self.sources.insert(row.name.clone(), row);
        }
        let out = pipeline::step(&mut self.state, batch, &self.options, now, SEED);
        if !out.write.initial.is_empty() {
            // The baseline has grown: it is kept with the next commit.
            self.saved = Timestamp(0);
        }
        self.write.append(out.write);
    }

    pub(super) fn audit(&mut self, at: Timestamp, who: &str, what: &str, resource: &str, result: &str) {
        self.write.audit.push(AuditEntry {
            at,
            who: who.into(),
            what: what.into(),
            resource: resource.into(),
            result: result.into(),
        });
    }

    pub(super) fn save(&mut self, now: Timestamp) {
        self.saved = now;
        if self.opened.is_some() {
            return;
        }
        match saved::pack(&self.state) {
            Ok(bytes) => self.write.state.push(("pipeline".into(), bytes)),
            Err(error) => tracing::error!("what was learnt cannot be saved: {error}"),
        }
    }

    pub(super) fn commit(&mut self, now: Timestamp) {
        self.committed = now;
        if self.opened.is_some() || self.write.is_empty() {
            return;
        }
        if let Err(write) = self.keeper.append(std::mem::take(&mut self.write)) {
            self.usage.dropped += 1;
            self.write = *write;
        }
    }

    pub(super) fn publish(&mut self, now: Timestamp) {
        self.usage.consoles = self.consoles.load(Ordering::Relaxed) as u32;
        if let Some(played) = &mut self.played {
            played.published = clock::Stopwatch::start();
            played.dirty = false;
        }
        let about = About {
            usage: self.usage,
            sources: self.sources.values().cloned().collect(),
            store: self.keeper.row(),
        };
        if !self.ready && !matches!(self.setup.sources, Sources::Live) {
            return;
        }
        let mut snapshot = self.publisher.snapshot(&self.state, about, now);
        snapshot.replay = self.played.as_ref().map(Played::row);
        self.publish.send_replace(Arc::new(snapshot));
    }
}
