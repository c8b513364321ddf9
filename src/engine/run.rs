//! The loop: batches in, one step each, snapshots out.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc as blocking,
    },
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Duration, Instant as Later, sleep_until},
};

use super::{
    Asked, Care, Keeper, MOST_DELTA, Opened, RECORDER, Read, Reader, SEED, Setup, Snapshot, SourceRow, Sources, Usage,
    answer, clock,
    handed::Handed,
    pacer::Pacer,
    player::Played,
    publish::{About, Publisher},
    readers::Order,
    rebuild::Jobs,
    saved,
    usage::Meter,
};
use crate::{
    domain::{Batch, ChangeSet, Event, EventKind, Options, Span, Timestamp},
    observe::{Group, Host, PROMETHEUS, metric_groups, past_groups, prometheus_group, setting_groups},
    pipeline::{self, State},
    shadow::{Metric, MetricShadow},
    store::{AuditEntry, Write},
};

/// What a console needs to draw the first values, and to ask for what stands beside them.
const FIRST_SCREEN: Duration = Duration::from_millis(20);

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
    /// The what-if that each asker's last entry in the audit tells of, and when its figures were last computed.
    pub audited: BTreeMap<String, (ChangeSet, Timestamp)>,
    /// Exports that are being fetched.
    pub handed: Handed,
    publisher: Publisher,
    publish: watch::Sender<Arc<Snapshot>>,
    opened: Option<oneshot::Receiver<Opened>>,
    /// The key that secrets and authors are hashed under, once the store is open.
    pub key: [u8; 32],
    /// What was seen before the store was open; it is stepped again on the state that the store held.
    early: Vec<(Batch, Timestamp)>,
    committed: Timestamp,
    saved: Timestamp,
    saves: u32,
    jumps: clock::JumpWatch,
    meter: Meter,
    reads: mpsc::Receiver<Read>,
    into: mpsc::Sender<Read>,
    /// What is begun once the first values are on the screen: loading DuckDB takes a processor for longer than they do.
    late: Option<Vec<Group>>,
    /// What tells the readers how often to read; they end when it hangs up.
    orders: Vec<blocking::Sender<Order>>,
    pub pacer: Pacer,
    /// What a step could not take: it comes with the next.
    waiting: Batch,
    ready: bool,
    pub consoles: Arc<AtomicU64>,
}

impl Loop {
    pub fn new(setup: Setup, options: Arc<Options>, publish: watch::Sender<Arc<Snapshot>>) -> Self {
        let (tell, opened) = oneshot::channel();
        let played = setup.play.as_ref().map(Played::new);
        let care = match setup.sources {
            Sources::OnlyRead => Care::OnlyRead,
            _ if played.is_some() => Care::Keep,
            _ => Care::Upkeep,
        };
        let keeper = Keeper::start(setup.store.clone(), options.clone(), care, move |found| {
            drop(tell.send(found))
        });
        // One batch a group waits at most twice; a slow engine makes the readers wait.
        let (into, reads) = mpsc::channel(16);
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
            audited: BTreeMap::new(),
            handed: Handed::default(),
            opened: Some(opened),
            key: [0; 32],
            early: Vec::new(),
            committed: now,
            saved: now,
            saves: 0,
            jumps: clock::JumpWatch::start(),
            meter: Meter::default(),
            late: Some(Vec::new()),
            orders: Vec::new(),
            pacer: Pacer::default(),
            waiting: Batch::default(),
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

    pub async fn run(mut self, mut questions: mpsc::Receiver<Asked>, mut stopped: oneshot::Receiver<()>) {
        let live = self.setup.sources == Sources::Live;
        if live {
            let mut groups = metric_groups(&self.host([0; 32])).into_iter();
            self.start_readers(groups.next());
            self.late = Some(groups.collect());
        } else {
            self.begin();
        }
        // Without news for this long the step runs all the same: silence is something to judge.
        let silence = Duration::from(self.options.interval) * 3 + Duration::from_secs(1);
        let mut quiet_until = Later::now() + silence;
        let mut begin = Later::now() + Duration::from_secs(1);
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
                // Whoever asks goes first; what waits goes before what is new, so that no more waits than one step left over.
                () = std::future::ready(()), if !self.waiting.is_empty() => {
                    let now = self.now();
                    self.advance(Batch::default(), now);
                    self.publish(now);
                }
                Some(read) = self.reads.recv() => {
                    self.take(read);
                    quiet_until = Later::now() + silence;
                    begin = begin.min(Later::now() + FIRST_SCREEN);
                }
                () = sleep_until(begin), if self.late.is_some() => self.begin(),
                () = sleep_until(quiet_until), if live => {
                    quiet_until = Later::now() + silence;
                    let now = clock::now();
                    self.record(&Batch::default(), now);
                    self.step(&Batch::default(), now);
                    self.publish(now);
                }
                () = tokio::time::sleep(frame.unwrap_or_default()), if frame.is_some() => self.publish(self.now()),
            }
        }
        self.orders.clear();
        if let Some(played) = &self.played {
            played.pace.end();
        }
        if let Some(recorder) = self.setup.recorder.take()
            && let Err(error) = recorder.finish()
        {
            tracing::error!("{error}");
        }
        if !matches!(self.setup.sources, Sources::None | Sources::OnlyRead) {
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
            keep_lines: self.options.keep_lines,
            dns: self.options.dns.to_string(),
            memory: self.setup.store.as_ref().map(|store| store.with_extension("files")),
        }
    }

    /// The server that is read as a source, if one is. What was learnt from too few of its values is learnt anew, with the past
    /// that lies before them.
    fn prometheus(&mut self, once: bool) -> Option<Group> {
        let ours = |metric: &Metric| &*metric.meta.source == PROMETHEUS;
        let metrics = &mut self.state.shadows.metrics;
        metrics.retain(|_, metric| !ours(metric) || metric.shadow.points() >= MetricShadow::WARM);
        let known = metrics.iter().filter(|(_, metric)| ours(metric));
        let known = known.filter_map(|(id, metric)| Some((id.clone(), metric.newest()?.at)));
        prometheus_group(&self.options.prometheus, &known.collect(), once)
    }

    /// Opens the store and reads what is not read yet, the first time it is called.
    fn begin(&mut self) {
        if let Some(groups) = self.late.take() {
            self.keeper.open();
            self.start_readers(groups);
        }
    }

    fn start_readers(&mut self, groups: impl IntoIterator<Item = Group>) {
        for group in groups {
            let name = group.name;
            let reader = Reader::new(group, &self.options.sources_off, clock::now());
            let (order, orders) = blocking::channel();
            self.orders.push(order);
            reader.run(name, self.into.clone(), orders);
        }
    }

    /// One full cycle of every source; the metrics twice, a second apart, because rates need two readings.
    async fn cycle(&mut self, secret_key: [u8; 32]) {
        let host = self.host(secret_key);
        let others: Vec<Group> = setting_groups(&host).into_iter().chain(self.prometheus(true)).collect();
        let readers = |groups: Vec<Group>| -> Vec<Reader> {
            groups
                .into_iter()
                .map(|group| Reader::new(group, &self.options.sources_off, Timestamp(0)))
                .collect()
        };
        let (mut metrics, mut settings) = (readers(metric_groups(&host)), readers(others));
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
        while !self.waiting.is_empty() {
            self.advance(Batch::default(), clock::now());
        }
    }

    async fn take_opened(&mut self, found: Opened) {
        self.opened = None;
        if let Some(failed) = &found.failed {
            tracing::warn!("{failed}");
        }
        let restored = found.state.is_some();
        if let Some(state) = found.state {
            self.state = *state;
        }
        self.state.numbers.after(found.numbered);
        let early = std::mem::take(&mut self.early);
        if restored {
            self.write = Write::default();
            self.apply_limits();
            // A step a second: what came while a long past was stepped through must not hold up what comes now.
            let mut seconds: Vec<(Batch, Timestamp)> = Vec::new();
            for (batch, at) in early {
                match seconds.last_mut() {
                    Some((last, newest)) if newest.secs() == at.secs() => {
                        last.append(batch);
                        *newest = at;
                    }
                    _ => seconds.push((batch, at)),
                }
            }
            for (batch, at) in seconds {
                self.step(&batch, at);
            }
        }
        let now = self.now();
        if self.setup.sources == Sources::Live {
            self.audit(now, &self.setup.who.clone(), "session", "", "engine started");
        }
        // Without the store's key, secrets are hashed under one that lives as long as this process.
        let key = found
            .key
            .unwrap_or_else(|| *blake3::hash(&now.0.to_le_bytes()).as_bytes());
        self.key = key;
        match self.setup.sources {
            Sources::Live => {
                let host = self.host(key);
                let groups = setting_groups(&host).into_iter().chain(past_groups(&host));
                let prometheus = self.prometheus(false);
                self.start_readers(groups.chain(prometheus));
            }
            Sources::Once => self.cycle(key).await,
            Sources::None | Sources::OnlyRead => {}
        }
        if let Some(player) = self.setup.play.take() {
            player.run(self.into.clone());
        }
        // Whoever waits for one cycle waits for this.
        self.ready = true;
        self.publish(self.now());
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
        let (mut measured, mut scopes) = (first.measured, first.scopes);
        // Steps of a recording are taken one by one, as they were.
        while self.played.is_none()
            && let Ok(more) = self.reads.try_recv()
        {
            batch.append(more.batch);
            rows.extend(more.rows);
            measured.extend(more.measured);
            scopes.extend(more.scopes);
        }
        self.pacer.take(measured, scopes);
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
            played.at(first.at, first.last);
        } else if let Some(jump) = self.jumps.jumped() {
            let sign = if jump.0 > 0 { "forward" } else { "back" };
            self.collector(
                &mut batch,
                format!("the clock jumped {sign} by {}", Span(jump.0.abs())),
                first.at,
            );
        }
        let now = self.now();
        if self.setup.sources == Sources::Live
            && let Some(order) = self.pacer.decide(&self.state, &self.usage, &self.options, now)
        {
            batch.metrics.extend(self.pacer.cadences(&self.state));
            self.orders.iter().for_each(|reader| drop(reader.send(order.clone())));
        }
        if !first.last {
            self.advance(batch, now);
        }
        self.usage.lag_secs = watch.elapsed().as_secs_f64() + (now - first.at).secs_f64().max(0.0);
        if let Some((cpu, rss)) = self.meter.measure(clock::now()) {
            self.usage.cpu_pct = cpu;
            self.usage.rss_bytes = rss;
        }
        if self.played.as_mut().is_none_or(Played::wants_frame) {
            self.publish(now);
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

    /// A step of as much of `batch` as one takes; steps of a recording are taken whole, as they were.
    fn advance(&mut self, mut batch: Batch, now: Timestamp) {
        self.waiting.append(batch);
        batch = std::mem::take(&mut self.waiting);
        if self.played.is_none() {
            self.waiting = batch.split_off(MOST_DELTA);
        }
        self.usage.delta = (batch.len() as u64, self.waiting.len() as u64);
        self.record(&batch, now);
        self.step(&batch, now);
        if self.opened.is_some() {
            self.early.push((batch, now));
        }
    }

    fn collector(&self, batch: &mut Batch, what: String, at: Timestamp) {
        batch.events.push(Event {
            at,
            resource: self.setup.resource.clone(),
            kind: EventKind::Collector,
            what: what.into(),
            who: None,
            backfilled: false,
        });
    }

    fn record(&mut self, batch: &Batch, now: Timestamp) {
        if let Some(recorder) = &mut self.setup.recorder
            && let Err(error) = recorder.step(batch, now)
        {
            self.setup.recorder = None;
            let row = SourceRow {
                ok: false,
                says: error.to_string().into(),
                read: Some(now),
                ..SourceRow::new(RECORDER, self.options.interval)
            };
            self.sources.insert(row.name.clone(), row);
        }
    }

    pub(super) fn step(&mut self, batch: &Batch, now: Timestamp) {
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
        if self.opened.is_some() || self.write.is_empty() || self.setup.sources == Sources::OnlyRead {
            return;
        }
        if let Err(write) = self.keeper.append(std::mem::take(&mut self.write)) {
            self.usage.dropped += 1;
            self.write = *write;
        }
    }

    pub(super) fn publish(&mut self, now: Timestamp) {
        if let Some(played) = &mut self.played {
            played.published();
        }
        if !self.ready && self.setup.sources != Sources::Live {
            return;
        }
        self.usage.consoles = self.consoles.load(Ordering::Relaxed) as u32;
        let about = About {
            usage: self.usage,
            sources: self.sources.values().cloned().collect(),
            store: self.keeper.row(),
            replay: self.played.as_ref().map(Played::row),
        };
        let snapshot = self.publisher.snapshot(&self.state, about, now);
        self.publish.send_replace(Arc::new(snapshot));
    }
}
