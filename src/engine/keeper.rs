//! The thread that owns the store: it writes what the engine hands over, and answers what needs the database.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use super::{StoreRow, clock, resume, saved};
use crate::{
    domain::{Options, Span, Timestamp},
    pipeline::State,
    store::{Store, StoreError, Write},
};

/// Writes that wait at most. When there are so many the engine keeps collecting into one larger write; questions are few, since
/// each console waits for its answers, and always wait their turn.
const WRITES: usize = 16;
/// Observations held while the store cannot be written; older ones are then lost, and counted.
const HELD: usize = 500_000;
/// Time between two tries of a store that failed.
const RETRY: Span = Span::from_secs(10);
/// Time after which what was read for answers is let go of.
const LET_GO: Span = Span::from_mins(1);
/// Time between two rounds of upkeep, and between two looks at how far the store reaches back, which reads a part of every table. What is not
/// rolled up yet is read from the values, so nothing waits for it; and each table it writes takes megabytes until the log is folded in,
/// which it does then.
const UPKEEP: Span = Span::from_mins(10);

type Ask = Box<dyn FnOnce(&mut Store) + Send>;

enum Order {
    Open,
    Append(Box<Write>),
    Ask(Ask),
    Compact(Ask),
    Retry,
    /// Write what is left and answer when it is done.
    Finish(SyncSender<()>),
}

/// What is done with a store besides writing to it what is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// What is old is thinned and dropped.
    Upkeep,
    /// Nothing is dropped for its age: what a recording holds is old.
    Keep,
    /// Nothing is written either: it is another's.
    OnlyRead,
}

/// A handle to the keeper's thread.
#[derive(Clone)]
pub struct Keeper {
    orders: Sender<Order>,
    /// Writes that wait.
    writes: Arc<AtomicUsize>,
    row: Arc<Mutex<StoreRow>>,
}

/// What the store held when it was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// What was learnt, up to all that the store holds, if there was any.
    pub state: Option<Box<State>>,
    /// The highest number of a proposal it holds.
    pub numbered: u64,
    /// The key for hashing secrets, if the store could be opened.
    pub key: Option<[u8; 32]>,
    /// Why it could not be opened.
    pub failed: Option<String>,
}

impl Keeper {
    /// Starts the thread, which waits for [`Keeper::open`]. `path` of `None` keeps all in memory. `opened` is called once, on that thread, as soon as it is known.
    pub fn start(
        path: Option<PathBuf>,
        options: Arc<Options>,
        care: Care,
        opened: impl FnOnce(Opened) + Send + 'static,
    ) -> Self {
        let (orders, inbox) = channel();
        let writes = Arc::new(AtomicUsize::new(0));
        let row = StoreRow {
            path: path
                .as_deref()
                .map_or_else(String::new, |path| path.display().to_string())
                .into(),
            max_bytes: options.store.max_bytes,
            says: "opening".into(),
            ..StoreRow::default()
        };
        let row = Arc::new(Mutex::new(row));
        let thread = Thread {
            path,
            options,
            writes: writes.clone(),
            row: row.clone(),
            store: None,
            held: Write::default(),
            retry_at: None,
            maintained: None,
            measured: None,
            asked: None,
            care,
        };
        thread::Builder::new()
            .name("store".into())
            .spawn(move || thread.run(&inbox, opened))
            .expect("a thread can be started when the program starts");
        Self { orders, writes, row }
    }

    /// Opens the store.
    pub fn open(&self) {
        let _ = self.orders.send(Order::Open);
    }

    /// Hands a write over; gives it back when too many wait.
    ///
    /// # Errors
    /// The write, to be merged with the next one.
    pub fn append(&self, write: Write) -> Result<(), Box<Write>> {
        let write = Box::new(write);
        if self.writes.load(Ordering::Relaxed) >= WRITES {
            return Err(write);
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        let _ = self.orders.send(Order::Append(write));
        Ok(())
    }

    /// Runs `ask` with the store; it is dropped unrun when there is none.
    pub fn ask(&self, ask: impl FnOnce(&mut Store) + Send + 'static) {
        let _ = self.orders.send(Order::Ask(Box::new(ask)));
    }

    /// Runs `ask`, which writes the file anew.
    pub fn compact(&self, ask: impl FnOnce(&mut Store) + Send + 'static) {
        let _ = self.orders.send(Order::Compact(Box::new(ask)));
    }

    /// Tries a store that failed again, now.
    pub fn retry(&self) {
        let _ = self.orders.send(Order::Retry);
    }

    /// Waits until all that was handed over is written and the store is closed, at most five seconds. Nothing is taken after that.
    pub fn finish(&self) {
        let (done, wait) = sync_channel(1);
        if self.orders.send(Order::Finish(done)).is_ok() {
            let _ = wait.recv_timeout(std::time::Duration::from_secs(5));
        }
    }

    /// How the store is.
    #[must_use]
    pub fn row(&self) -> StoreRow {
        self.row.lock().map(|row| row.clone()).unwrap_or_default()
    }
}

struct Thread {
    path: Option<PathBuf>,
    options: Arc<Options>,
    writes: Arc<AtomicUsize>,
    row: Arc<Mutex<StoreRow>>,
    store: Option<Store>,
    /// What could not be written yet.
    held: Write,
    retry_at: Option<Timestamp>,
    maintained: Option<Timestamp>,
    measured: Option<Timestamp>,
    /// When the oldest question was answered whose reading is still in memory.
    asked: Option<Timestamp>,
    care: Care,
}

impl Thread {
    fn run(mut self, inbox: &Receiver<Order>, opened: impl FnOnce(Opened)) {
        let mut opened = Some(opened);
        // Asked before it is opened, which is some milliseconds after the first screen.
        let mut early: Vec<Ask> = Vec::new();
        loop {
            // Woken by orders alone while all is well: an idle keeper costs nothing.
            let order = match self.retry_at {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => inbox.recv_timeout((at - clock::now()).max(Span::ZERO).into()),
            };
            match order {
                Ok(Order::Open) => {
                    if let Some(opened) = opened.take() {
                        opened(self.begin());
                    }
                    for ask in early.drain(..) {
                        if let Some(store) = &mut self.store {
                            ask(store);
                        }
                    }
                }
                Ok(Order::Append(write)) => {
                    self.writes.fetch_sub(1, Ordering::Relaxed);
                    self.held.append(*write);
                    if self.retry_at.is_none() {
                        self.write();
                    }
                    self.bound();
                }
                Ok(Order::Ask(ask)) => match &mut self.store {
                    Some(store) => {
                        ask(store);
                        self.asked.get_or_insert_with(clock::now);
                    }
                    None if opened.is_some() => early.push(ask),
                    None => {}
                },
                Ok(Order::Compact(ask)) => {
                    if let Some(store) = &mut self.store {
                        ask(store);
                    }
                    self.measure();
                }
                Ok(Order::Retry) | Err(RecvTimeoutError::Timeout) => {
                    self.retry_at = None;
                    self.write();
                }
                Ok(Order::Finish(done)) => {
                    self.write();
                    // Closed before anyone goes on to end the process: DuckDB folds its log in then, and must not be torn away from it.
                    self.store = None;
                    let _ = done.send(());
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return self.write(),
            }
        }
    }

    fn open(&mut self) -> Opened {
        let opened = match &self.path {
            Some(path) if self.care == Care::OnlyRead => Store::read_only(path, &self.options.store),
            Some(path) => Store::open(path, &self.options.store),
            None => Store::in_memory(&self.options.store),
        };
        match opened.and_then(|mut store| Ok((store.numbered()?, store.secret_key()?, store))) {
            Ok((numbered, key, store)) => {
                self.store = Some(store);
                self.say(true, "");
                self.measure();
                Opened {
                    numbered,
                    key: Some(key),
                    ..Opened::default()
                }
            }
            Err(error) => {
                let locked = matches!(error, StoreError::Locked { .. });
                // A damaged or newer file does not heal by waiting; `:store retry` still tries.
                let broken = matches!(error, StoreError::Corrupt { .. } | StoreError::Newer { .. });
                self.retry_at = (!broken).then(|| clock::now() + RETRY);
                let failed = error.to_string();
                self.say(false, &failed);
                if let Ok(mut row) = self.row.lock() {
                    (row.broken, row.locked) = (broken, locked);
                }
                Opened {
                    failed: Some(failed),
                    ..Opened::default()
                }
            }
        }
    }

    /// Opens the store, and brings what was learnt up to all that it holds.
    fn begin(&mut self) -> Opened {
        // A step would else read the user's folder of known issues when it first looks at them.
        self.options.rules.read();
        let mut opened = self.open();
        if let Some(store) = &mut self.store {
            match learnt(store, &self.options, self.care != Care::OnlyRead) {
                Ok(state) => opened.state = state,
                Err(error) => tracing::warn!("{error}"),
            }
        }
        opened
    }

    fn write(&mut self) {
        if self.store.is_none() {
            self.open();
        }
        let Some(store) = &mut self.store else { return };
        if let Err(error) = store.append(&self.held) {
            self.retry_at = Some(clock::now() + RETRY);
            return self.say(false, &format!("{error}; values are held in memory"));
        }
        let held = std::mem::take(&mut self.held);
        let learnt = !held.state.is_empty();
        if let Ok(mut row) = self.row.lock() {
            row.written += held.observations.len() as u64;
        }
        drop(held);
        self.retry_at = None;
        let now = clock::now();
        let due = |last: Option<Timestamp>, every| last.is_none_or(|at| now < at || now - at >= every);
        // What was learnt is megabytes, in the log and in memory: they are folded in at once.
        let upkeep = if self.care == Care::Upkeep && (learnt || due(self.maintained, UPKEEP)) {
            self.maintained = Some(now);
            store.maintain(now)
        } else {
            Ok(())
        };
        let bytes = store.bytes();
        match upkeep {
            Err(error) => self.say(true, &format!("upkeep failed: {error}")),
            Ok(()) => self.say(true, ""),
        }
        let from = self.row.lock().ok().and_then(|mut row| {
            row.bytes = bytes;
            row.from
        });
        if from.is_none() || due(self.measured, UPKEEP) {
            self.measured = Some(now);
            self.measure();
        } else if self.asked.is_some() && due(self.asked, LET_GO) {
            self.let_go();
        }
    }

    /// Keeps what waits bounded: single values and expectations go first, changes and findings stay.
    fn bound(&mut self) {
        let over = self.held.observations.len().saturating_sub(HELD);
        if over > 0 {
            self.held.observations.drain(..over);
            self.held.expected.clear();
        }
        if let Ok(mut row) = self.row.lock() {
            row.lost += over as u64;
            row.waiting = self.held.observations.len() as u64;
        }
    }

    fn say(&self, ok: bool, says: &str) {
        if let Ok(mut row) = self.row.lock() {
            row.ok = ok;
            row.locked &= !ok;
            row.says = says.into();
            row.waiting = self.held.observations.len() as u64;
        }
    }

    fn measure(&mut self) {
        let Some(Ok(info)) = self.store.as_mut().map(Store::info) else {
            return;
        };
        if let Ok(mut row) = self.row.lock() {
            row.bytes = info.bytes;
            row.from = info.from;
        }
        // Counting reads a part of every table.
        self.let_go();
    }

    fn let_go(&mut self) {
        self.asked = None;
        if let Some(Err(error)) = self.store.as_mut().map(Store::let_go) {
            tracing::warn!("{error}");
        }
    }
}

/// What was learnt, up to all that `store` holds; where it may be written, what no longer holds has ended in it then.
fn learnt(store: &mut Store, options: &Options, writable: bool) -> Result<Option<Box<State>>, StoreError> {
    let unpack = |packed: Vec<u8>| match saved::unpack(&packed) {
        Ok(state) => Some(Box::new(state)),
        // The observations are all there; only what was learnt from them begins anew.
        Err(error) => {
            tracing::warn!("what was learnt cannot be read ({error}): learning begins anew");
            None
        }
    };
    let mut state = store.state("pipeline")?.and_then(unpack);
    let resumed = match &mut state {
        Some(state) => resume::resume(state, store, options),
        None => Ok(false),
    };
    let kept = resumed.and_then(|more| match &state {
        _ if !writable => Ok(()),
        // Whoever is killed again and again does not step through all of it again and again.
        Some(state) if more => {
            let packed = saved::pack(state).map_err(|error| StoreError::Statement(error.to_string()))?;
            store.append(&Write {
                state: vec![("pipeline".into(), packed)],
                ..Write::default()
            })?;
            resume::reconcile(state, store)
        }
        Some(state) => resume::reconcile(state, store),
        None => resume::reconcile(&State::default(), store),
    });
    if let Err(error) = kept {
        tracing::warn!("{error}");
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{LazyRules, Rules};

    /// Longer than anything here takes on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(120);

    #[test]
    fn a_question_behind_many_writes_waits_its_turn() {
        let options = Arc::new(Options::default());
        let keeper = Keeper::start(None, options, Care::Keep, drop);
        while keeper.append(Write::default()).is_ok() {}
        let (tell, answered) = std::sync::mpsc::channel();
        keeper.ask(move |_| tell.send(()).unwrap_or_default());
        keeper.open();
        assert!(answered.recv_timeout(PATIENCE).is_ok());
        keeper.finish();
    }

    #[test]
    fn known_issues_are_read_on_the_keepers_thread_before_the_store_is_opened() {
        let (tell, read) = std::sync::mpsc::channel();
        let done = tell.clone();
        let options = Options {
            rules: LazyRules::new(move || {
                let _ = tell.send(thread::current().name().unwrap_or_default().to_owned());
                Rules::default()
            }),
            ..Options::default()
        };
        let keeper = Keeper::start(None, Arc::new(options.clone()), Care::Keep, move |_| {
            let _ = done.send("opened".into());
        });
        keeper.open();
        for told in ["store", "opened"] {
            assert_eq!(read.recv_timeout(PATIENCE).as_deref(), Ok(told));
        }
        assert!(
            options.rules.rules.is_empty() && read.try_recv().is_err(),
            "they were read once"
        );
        keeper.finish();
    }
}
