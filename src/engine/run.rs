//! The loop: batches in, one step each, snapshots out.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc as blocking},
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Duration, Instant as Later, sleep_until},
};

use super::{
    Asked, Care, Keeper, MOST_DELTA, Opened, RECORDER, Read, SEED, Setup, Snapshot, SourceRow, Sources, Usage, answer,
    clock,
    handed::Handed,
    pacer::Pacer,
    player::Played,
    publish::{About, Publisher},
    readers::{Order, Quiet},
    rebuild::Jobs,
    saved,
    socket::Consoles,
    usage::Meter,
};
use crate::{
    domain::{Batch, ChangeSet, Event, EventKind, LazyRules, Options, Span, Timestamp},
    observe::{Group, metric_groups},
    pipeline::{self, State},
    store::{AuditEntry, Write},
};

/// What a console needs to draw the first values, and to ask for what stands beside them.
const FIRST_SCREEN: Duration = Duration::from_millis(20);
/// How long what was read ahead of the metrics waits for them; they may be read more rarely than it, or not at all.
const JOIN: Duration = Duration::from_millis(300);
/// How long an engine that ends waits for a store that is being opened, for the sake of what was seen meanwhile.
pub(super) const OPENS: Duration = Duration::from_secs(5);
/// Time between two snapshots that nobody looks at: what is told a part at a time is told on.
const UNSEEN: Span = Span::from_mins(5);
/// Time between two times that what was learnt is saved, after the first: packing all of it takes as long as forty steps, and what the
/// store holds since is stepped again.
pub(super) const SAVED: Span = Span::from_mins(10);

pub(super) struct Loop {
    pub setup: Setup,
    /// Those in force: until the store is opened without known issues, which take time to read.
    pub options: Arc<Options>,
    pub full: Arc<Options>,
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
    pub opened: Option<oneshot::Receiver<Opened>>,
    /// The key that secrets and authors are hashed under, once the store is open.
    pub key: [u8; 32],
    /// What was seen before the store was open; it is stepped again on the state that the store held.
    pub early: Vec<(Batch, Timestamp)>,
    /// Decisions that were made before: they hold for the state that the store held.
    pub decided: Vec<Asked>,
    committed: Timestamp,
    saved: Timestamp,
    saves: u32,
    jumps: clock::JumpWatch,
    meter: Meter,
    reads: mpsc::Receiver<Read>,
    pub into: mpsc::Sender<Read>,
    /// What is begun once the first values are on the screen: loading DuckDB takes a processor for longer than they do.
    pub late: Option<Vec<Group>>,
    /// What tells the readers how often to read; they end when it hangs up.
    pub orders: Vec<blocking::Sender<Order>>,
    pub pacer: Pacer,
    /// What a step could not take: it comes with the next.
    pub waiting: Batch,
    /// What was read ahead of the metrics and waits for them.
    joining: Vec<Read>,
    pub quiet: Quiet,
    pub ready: bool,
    pub consoles: Arc<Consoles>,
    /// When the newest snapshot was made.
    published: Timestamp,
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
            decided: Vec::new(),
            committed: now,
            saved: now,
            saves: 0,
            jumps: clock::JumpWatch::start(),
            meter: Meter::default(),
            late: Some(Vec::new()),
            orders: Vec::new(),
            pacer: Pacer::default(),
            waiting: Batch::default(),
            joining: Vec::new(),
            quiet: Quiet::default(),
            ready: false,
            consoles: Arc::default(),
            published: Timestamp(0),
            setup,
            options: Arc::new(Options {
                rules: LazyRules::default(),
                ..Options::clone(&options)
            }),
            full: options,
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
        let mut join = Later::now();
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
                    self.show(now);
                }
                () = self.consoles.came() => self.publish(self.now()),
                Some(read) = self.reads.recv() => {
                    if read.joins && self.ready {
                        if self.joining.is_empty() {
                            join = Later::now() + JOIN;
                        }
                        self.joining.push(read);
                    } else {
                        self.take(read);
                    }
                    quiet_until = Later::now() + silence;
                    begin = begin.min(Later::now() + FIRST_SCREEN);
                }
                () = sleep_until(join), if !self.joining.is_empty() => self.take_joining(),
                () = sleep_until(begin), if self.late.is_some() => self.begin(),
                () = sleep_until(quiet_until), if live => {
                    quiet_until = Later::now() + silence;
                    self.joining.append(&mut self.quiet.take());
                    if !self.joining.is_empty() {
                        self.take_joining();
                        continue;
                    }
                    let now = clock::now();
                    self.record(&Batch::default(), now);
                    self.step(&Batch::default(), now);
                    self.show(now);
                }
                () = tokio::time::sleep(frame.unwrap_or_default()), if frame.is_some() => self.publish(self.now()),
            }
        }
        self.orders.clear();
        if let Some(played) = &self.played {
            played.pace.end();
        }
        // What was read and waits for the metrics, or for a step, is stepped before all is closed.
        self.take_joining();
        while !self.waiting.is_empty() {
            self.advance(Batch::default(), self.now());
        }
        self.keep_early().await;
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

    /// Takes what was read ahead of metrics that did not come. That it waited for them is no lag.
    fn take_joining(&mut self) {
        if let Some(last) = self.joining.pop() {
            self.take_late(last, Span::from(JOIN));
        }
    }

    /// Takes what was read, with what waits for it and, but for steps of a recording, what came meanwhile: one step for all.
    pub fn take(&mut self, last: Read) {
        self.take_late(last, Span::ZERO);
    }

    /// The same for what was let `wait` at most so long.
    fn take_late(&mut self, last: Read, wait: Span) {
        let watch = clock::Stopwatch::start();
        let (at, ends) = (last.at, last.last);
        let mut reads = self.quiet.take();
        reads.append(&mut self.joining);
        reads.push(last);
        while self.played.is_none()
            && let Ok(more) = self.reads.try_recv()
        {
            reads.push(more);
        }
        let mut batch = Batch::default();
        let (mut rows, mut measured, mut scopes) = (Vec::new(), Vec::new(), Vec::new());
        for read in reads {
            batch.append(read.batch);
            rows.extend(read.rows);
            measured.extend(read.measured);
            scopes.extend(read.scopes);
        }
        self.pacer.take(measured, scopes);
        for row in rows {
            let before = self.sources.insert(row.name.clone(), row.clone());
            // Told once: when a source is lost, and when it is back. What was never there stands in the list of sources.
            let known = before.as_ref().filter(|before| before.read.is_some() || !before.ok);
            if known.is_some_and(|before| before.ok != row.ok) {
                let what = if row.ok {
                    format!("{} can be read again", row.name)
                } else {
                    format!("{}: {}", row.name, row.says)
                };
                self.collector(&mut batch, what, at);
            }
        }
        if let Some(played) = &mut self.played {
            played.at(at, ends);
        } else if let Some(jump) = self.jumps.jumped() {
            let sign = if jump.0 > 0 { "forward" } else { "back" };
            self.collector(
                &mut batch,
                format!("the clock jumped {sign} by {}", Span(jump.0.abs())),
                at,
            );
        }
        let now = self.now();
        if self.setup.sources == Sources::Live
            && let Some(order) = self.pacer.decide(&self.state, &self.usage, &self.options, now)
        {
            batch.metrics.extend(self.pacer.cadences(&self.state));
            self.show_paces(&order);
            self.orders.iter().for_each(|reader| drop(reader.send(order.clone())));
        }
        if !ends {
            self.advance(batch, now);
        }
        self.usage.lag_secs = watch.elapsed().as_secs_f64() + (now - (at + wait)).secs_f64().max(0.0);
        if let Some((cpu, rss)) = self.meter.measure(clock::now()) {
            self.usage.cpu_pct = cpu;
            self.usage.rss_bytes = rss;
        }
        if self.played.as_mut().is_none_or(Played::wants_frame) {
            self.show(now);
        }
        if now < self.committed || now - self.committed >= self.options.store.commit_every {
            let every = if self.saves == 0 { Span::from_mins(1) } else { SAVED };
            if now < self.saved || now - self.saved >= every {
                self.saves += 1;
                self.save(now);
            }
            self.commit(now);
        }
    }

    /// Shows at once how often `order` has each source read: its reader may tell its row only minutes later.
    fn show_paces(&mut self, order: &Order) {
        for (name, pace) in order.iter() {
            if let (Some(row), Some(every)) = (self.sources.get_mut(name), self.pacer.every(name))
                && row.ok
            {
                row.next = row.next.map(|next| next - row.every + every);
                (row.pace, row.why, row.every) = (pace.doublings, pace.why.clone(), every);
            }
        }
    }

    /// A step of as much of `batch` as one takes; steps of a recording are taken whole, as they were.
    pub fn advance(&mut self, mut batch: Batch, now: Timestamp) {
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
        // Nobody opens a store in memory again, and it gives nothing back of what it held before.
        if self.opened.is_some() || self.setup.store.is_none() {
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

    /// Publishes what a step brought, where somebody looks; whoever attaches has it published at once.
    fn show(&mut self, now: Timestamp) {
        let unseen = self.setup.unseen && self.ready && self.consoles.count() == 0;
        if !unseen || now < self.published || now - self.published >= UNSEEN {
            self.publish(now);
        }
    }

    pub(super) fn publish(&mut self, now: Timestamp) {
        if let Some(played) = &mut self.played {
            played.published();
        }
        if !self.ready && self.setup.sources != Sources::Live {
            return;
        }
        self.published = now;
        self.usage.consoles = self.consoles.count();
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

#[cfg(test)]
mod tests;
