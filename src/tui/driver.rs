//! Runs the console: keys, snapshots and answers in, frames and effects out.
//!
//! Everything here happens on one thread, in one loop; it waits for nothing but messages. A frame is one write, and synchronized
//! (mode 2026) where the terminal said that it knows that; it is asked behind the first frame.

mod effect;
mod import;
mod paint;

use std::{future::Future, io, pin::Pin, sync::Arc, thread, time::Duration};

use crossterm::event::Event;
#[cfg(test)]
pub(in crate::tui) use paint::FRAME_BYTES;
use ratatui::layout::Rect;
use tokio::{
    sync::{
        Notify,
        mpsc::{self, Receiver, Sender},
        watch,
    },
    time::{Sleep, sleep},
};

use crate::{
    act,
    domain::ResourceId,
    engine::{Link, Snapshot, clock::Stopwatch},
    tui::{
        input::{self, Heard},
        look::Look,
        painter::Painter,
        state::{Cost, Effect, Engine, Msg, State},
        terminal::{self, Terminal},
        theme::Env,
        update,
        walk::Walk,
    },
};

/// Between two frames that no key asked for.
const FRAME: Duration = Duration::from_millis(100);
/// Frames that keys may have in that time: an answer goes out at once, a flood is joined.
const KEY_FRAMES: u8 = 6;
/// Between two sizes that are drawn while a window is being dragged.
const RESIZE: Duration = Duration::from_millis(50);
/// How long the cursor rests before the panes beside it follow: a held key must not draw a chart for each row it passes.
const REST: Duration = Duration::from_millis(250);
/// Between losing an engine and looking for one; each look that finds none doubles it.
const LOOK: Duration = Duration::from_millis(500);
/// Longest time between two looks.
const LOOK_MOST: Duration = Duration::from_secs(15);
/// How long after the question the end waits for the terminal's answer.
const ANSWER: Duration = Duration::from_millis(500);
/// Most that is sent to a clipboard: some terminals cut at this length, others drop more than it.
const CLIPBOARD_BYTES: usize = 74_994;

/// Where to panic, two seconds after the first frame (a test aid).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanicIn {
    /// In the drawing.
    Ui,
    /// In a thread of its own.
    Worker,
}

/// Which engine is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Any, when the console starts.
    First,
    /// One in place of the one that was lost.
    Again,
    /// Any, also one of this process: someone asked for it.
    Any,
}

/// An engine that was found.
#[derive(Debug)]
pub struct Found<L> {
    /// The way to it.
    pub link: L,
    /// What an engine that turned this user away said; empty when none did.
    pub refused: String,
}

/// What the console starts with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Theme and characters.
    pub look: Look,
    /// What the environment says of the terminal.
    pub env: Env,
    /// The user's own themes, name and text.
    pub themes: Vec<(String, String)>,
    /// First crumb: a host's name, a file replayed.
    pub place: String,
    /// The guided walk through what is replayed, if there is one.
    pub walk: Option<Walk>,
    /// user@tty, for the audit.
    pub who: String,
    /// Whether `--operate` was given.
    pub operate: bool,
    /// The host this console runs on; `None` when a recording is shown.
    pub here: Option<ResourceId>,
    /// Whether inside tmux.
    pub in_tmux: bool,
    /// Whether the mouse is captured.
    pub mouse: bool,
    /// Whether and where to panic.
    pub panic: Option<PanicIn>,
    /// How long after the question the end waits for the terminal's answer, where not the usual half a second (a test aid).
    pub patience: Option<Duration>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Someone pressed q.
    Quit,
    /// A worker panicked; the text says which one and where. The terminal is restored.
    WorkerPanicked(String),
}

/// What reaches the loop.
enum Input {
    Terminal(Heard),
    /// Panic while drawing (the test aid).
    Panic,
    Msg(Msg),
}

/// What the signal thread rings. A ring is kept until it is heard, and ringing never waits.
#[derive(Default)]
struct Bells {
    resized: Notify,
    resumed: Notify,
}

/// Runs the console until someone quits. The first frame is drawn before `connect` is asked for an engine; keys work meanwhile.
/// When the engine ends, `connect` is asked for another one, less and less often while it gives none.
///
/// To be called on the main thread, within a current-thread runtime that the caller ends with `shutdown_background`: a busy
/// engine holds up nobody's exit.
///
/// # Errors
/// When there is no terminal, or it is gone, or no first engine can be had (the text says why).
pub async fn run<L, F>(setup: Setup, connect: impl Fn(Want) -> F) -> io::Result<Exit>
where
    L: Link,
    F: Future<Output = Result<Option<Found<L>>, String>>,
{
    // Full: the reader waits, and keys wait in the terminal's own buffer; nothing is lost.
    let (send, inputs) = mpsc::channel(256);
    let panicked = send.clone();
    terminal::on_panic(move |text| {
        // Full is no matter here: someone presses keys, and the next panic or the missing answers will tell.
        let _ = panicked.try_send(Input::Msg(Msg::WorkerPanicked(text)));
    });
    // Old kernels' consoles print a part of the question.
    let ask = !matches!(&*setup.env.term, "" | "dumb" | "linux");
    let terminal = Terminal::take(setup.mouse, ask)?;
    // Before the size is read for the first time: a window that changes it behind that is always heard of.
    let bells = Arc::new(Bells::default());
    let (resumed, resized) = (Arc::clone(&bells), Arc::clone(&bells));
    terminal::watch(
        move || resumed.resumed.notify_one(),
        move || resized.resized.notify_one(),
    )?;
    let mut state = State::new(setup.look, &setup.place);
    (state.env, state.themes, state.who) = (setup.env, setup.themes, setup.who);
    (state.operate, state.here, state.in_tmux) = (setup.operate, setup.here, setup.in_tmux);
    state.pid = std::process::id();
    state.take_walk(setup.walk);
    state.size = size();
    let painter = Painter::new(Rect::new(0, 0, state.size.0, state.size.1));
    let mut driver: Driver<L> = Driver {
        state,
        terminal,
        painter,
        send,
        link: None,
        want: Some(Want::First),
        unasked: Vec::new(),
        worker: None,
        run: None,
        cost: Cost::default(),
        asked: Stopwatch::start(),
        patience: setup.patience.unwrap_or(ANSWER),
    };
    driver.paint()?;
    driver.threads(ask, setup.panic)?;
    driver.run(inputs, bells, connect).await
}

/// The terminal's size; one that does not know it is taken for the usual one.
fn size() -> (u16, u16) {
    match crossterm::terminal::size() {
        Ok((width, height)) if width > 0 && height > 0 => (width, height),
        _ => (80, 24),
    }
}

struct Driver<L> {
    state: State,
    terminal: Terminal,
    painter: Painter,
    send: Sender<Input>,
    link: Option<Arc<L>>,
    /// The engine to look for next.
    want: Option<Want>,
    /// What was asked before there was anyone to ask.
    unasked: Vec<Effect>,
    /// What a worker said when it panicked.
    worker: Option<String>,
    /// Ends the commands that run.
    run: Option<act::Stop>,
    /// What the last frame and the last key cost, for the next snapshot to show.
    cost: Cost,
    /// Runs since the terminal was asked what it knows.
    asked: Stopwatch,
    /// How long its answer may hold up the end.
    patience: Duration,
}

/// A timer that may not be set.
type Timer = Option<Pin<Box<Sleep>>>;

/// Waits for a timer; for ever when it is not set.
async fn ring(timer: &mut Timer) {
    match timer {
        Some(sleep) => sleep.await,
        None => std::future::pending().await,
    }
    *timer = None;
}

/// The engine that is being looked for; waits for ever when none is.
async fn arrive<F: Future>(connecting: &mut Option<Pin<Box<F>>>) -> F::Output {
    match connecting {
        Some(engine) => {
            let engine = engine.as_mut().await;
            *connecting = None;
            engine
        }
        None => std::future::pending().await,
    }
}

/// The next snapshot; waits for ever when there is no engine (any more).
async fn next_snapshot(snapshots: &mut Option<watch::Receiver<Arc<Snapshot>>>) -> Option<Arc<Snapshot>> {
    match snapshots {
        Some(receiver) => match receiver.changed().await {
            Ok(()) => Some(Arc::clone(&receiver.borrow_and_update())),
            Err(_) => {
                *snapshots = None;
                None
            }
        },
        None => std::future::pending().await,
    }
}

impl<L: Link> Driver<L> {
    /// Starts the thread that reads the terminal.
    fn threads(&self, asked: bool, panic: Option<PanicIn>) -> io::Result<()> {
        let keys = self.send.clone();
        thread::Builder::new().name("keys".into()).spawn(move || {
            // Ends with the terminal; what then becomes of the process is the watching threads' affair.
            input::read(asked, |heard| keys.blocking_send(Input::Terminal(heard)).is_ok());
        })?;
        if let Some(place) = panic {
            let send = self.send.clone();
            tokio::spawn(async move {
                sleep(Duration::from_secs(2)).await;
                match place {
                    PanicIn::Ui => {
                        let _ = send.send(Input::Panic).await;
                    }
                    PanicIn::Worker => drop(thread::spawn(|| panic!("asked for by FORESHADOW_PANIC=worker"))),
                }
            });
        }
        Ok(())
    }

    async fn run<F>(
        mut self,
        mut inputs: Receiver<Input>,
        bells: Arc<Bells>,
        connect: impl Fn(Want) -> F,
    ) -> io::Result<Exit>
    where
        F: Future<Output = Result<Option<Found<L>>, String>>,
    {
        let mut connecting = None;
        let (mut look, mut looks): (Timer, u32) = (None, 0);
        let mut snapshots = None;
        let (mut pause, mut resize): (Timer, Timer) = (None, None);
        let (mut dirty, mut key_frames) = (false, 0);
        // Whether a snapshot came since a frame that nobody asked for.
        let mut fresh = false;
        // Whether the next frame is written in one piece.
        let mut whole = false;
        let mut resized = false;
        while !self.state.quit {
            if connecting.is_none()
                && let Some(want) = self.want.take()
            {
                connecting = Some(Box::pin(connect(want)));
            }
            tokio::select! {
                biased;
                () = ring(&mut resize) => {
                    if std::mem::take(&mut resized) {
                        self.paint_resized()?;
                        resize = Some(Box::pin(sleep(RESIZE)));
                    }
                }
                () = bells.resized.notified() => {
                    // The first size is drawn at once, those after it together.
                    if resize.is_none() {
                        self.paint_resized()?;
                        resize = Some(Box::pin(sleep(RESIZE)));
                    } else {
                        resized = true;
                    }
                }
                () = bells.resumed.notified() => {
                    self.painter.forget();
                    self.paint()?;
                }
                () = ring(&mut pause) => {
                    key_frames = 0;
                    if dirty {
                        dirty = self.paint_data(&mut fresh, &mut whole)?;
                        pause = Some(Box::pin(sleep(FRAME)));
                    }
                }
                input = inputs.recv() => {
                    let mut next = input;
                    let mut pressed = false;
                    let taken = Stopwatch::start();
                    // All that is there already makes one frame.
                    while let Some(input) = next {
                        match input {
                            Input::Terminal(Heard::Event(event)) => pressed |= self.event(event),
                            Input::Terminal(Heard::Answered(knows)) => terminal::answered(knows),
                            Input::Panic => {
                                self.state.panic_next = true;
                                dirty = true;
                            }
                            Input::Msg(msg) => {
                                self.take(msg);
                                (dirty, whole) = (true, true);
                            }
                        }
                        next = inputs.try_recv().ok();
                    }
                    let mut drew = pressed;
                    if pressed && key_frames < KEY_FRAMES {
                        key_frames += 1;
                        dirty = false;
                        self.paint()?;
                        self.cost.key_secs = Some(taken.elapsed().as_secs_f64());
                    } else if pressed {
                        dirty = true;
                    }
                    if dirty && pause.is_none() {
                        dirty = false;
                        self.paint()?;
                        drew = true;
                    }
                    // Only what drew holds the next frame back: the terminal's answer comes just before the first data.
                    if drew && pause.is_none() {
                        pause = Some(Box::pin(sleep(FRAME)));
                    }
                }
                engine = arrive(&mut connecting) => {
                    match engine {
                        Ok(Some(found)) => {
                            looks = 0;
                            look = None;
                            snapshots = Some(self.attach(found));
                        }
                        // Without a first engine there is nothing to show.
                        Err(error) if self.state.engine == Engine::Awaited => return Err(io::Error::other(error)),
                        none => {
                            if let Err(error) = none {
                                self.take(Msg::Said(error));
                            }
                            look = Some(Box::pin(sleep((LOOK * 2u32.pow(looks.min(8))).min(LOOK_MOST))));
                            looks += 1;
                        }
                    }
                    self.paint()?;
                }
                () = ring(&mut look) => self.want = self.want.or(Some(Want::Again)),
                snapshot = next_snapshot(&mut snapshots) => {
                    match snapshot {
                        Some(snapshot) => {
                            self.state.cost = self.cost;
                            self.take(Msg::Snapshot(snapshot));
                        }
                        None => {
                            self.link = None;
                            self.take(Msg::EngineGone);
                            look = Some(Box::pin(sleep(LOOK)));
                        }
                    }
                    // No pause after it: the engine's own interval keeps snapshots apart, and a timer costs two wake-ups.
                    fresh = true;
                    dirty = pause.is_some() || self.paint_data(&mut fresh, &mut whole)?;
                    if dirty && pause.is_none() {
                        pause = Some(Box::pin(sleep(FRAME)));
                    }
                }
            }
        }
        // The terminal's answer may be on its way still: at the shell's prompt it would be typed text.
        let left = self.patience.saturating_sub(self.asked.elapsed());
        if terminal::awaited() && !left.is_zero() {
            let answer = async {
                while let Some(input) = inputs.recv().await {
                    if let Input::Terminal(Heard::Answered(knows)) = input {
                        return terminal::answered(knows);
                    }
                }
            };
            let _ = tokio::time::timeout(left, answer).await;
        }
        terminal::restore();
        Ok(self.worker.map_or(Exit::Quit, Exit::WorkerPanicked))
    }

    /// Takes an engine, asks it what waited, and shows what it has.
    fn attach(&mut self, Found { link, refused }: Found<L>) -> watch::Receiver<Arc<Snapshot>> {
        let mut receiver = link.snapshots();
        let first = Arc::clone(&receiver.borrow_and_update());
        self.link = Some(Arc::new(link));
        for effect in std::mem::take(&mut self.unasked) {
            self.effect(effect);
        }
        self.take(Msg::Attached(refused));
        if first.at.is_some() {
            self.take(Msg::Snapshot(first));
        }
        receiver
    }

    /// Takes a key or a paste; returns whether there may be something to draw.
    fn event(&mut self, event: Event) -> bool {
        match event {
            Event::Key(key) => self.take(Msg::Key(key)),
            Event::Paste(text) => self.take(Msg::Paste(text)),
            _ => return false,
        }
        true
    }

    fn take(&mut self, msg: Msg) {
        if let Msg::WorkerPanicked(text) = &msg {
            self.worker = Some(text.clone());
        }
        for effect in update(&mut self.state, msg) {
            self.effect(effect);
        }
    }
}

#[cfg(test)]
mod tests;
