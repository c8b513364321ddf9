//! The terminal's manners: taking it, and giving it back whole whichever way the program ends.
//!
//! There is one function for all ways out, [`restore`]. It takes no lock that a blocked write might hold.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    panic,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use rustix::{
    event::{PollFd, PollFlags, poll},
    termios::{QueueSelector, tcflush},
};
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGSTOP, SIGTERM, SIGTSTP, SIGWINCH},
    iterator::Signals,
    low_level,
};

/// Alternate screen, cleared; bracketed paste; no cursor.
const ENTER: &str = "\x1b[?1049h\x1b[H\x1b[2J\x1b[?2004h\x1b[?25l";
/// What [`ENTER`] did, undone: paste off, attributes off, the other screen, the cursor shown.
const LEAVE: &str = "\x1b[?2004l\x1b[m\x1b[?1049l\x1b[?25h";
/// Asks whether it knows synchronized output (DECRQM of mode 2026).
const ASK: &str = "\x1b[?2026$p";
/// Synchronized output: what stands between is shown at once.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";

/// How long a terminal that nobody reads may hold up the end. A busy machine must come to restore it within that time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whose the terminal is: one of the three below. Atomic, because signals and panics come at any time.
static HOLD: AtomicU8 = AtomicU8::new(AWAY);
/// The shell's: not taken yet, given back, or suspended.
const AWAY: u8 = 0;
/// Raw mode is set; the next frame takes the screen.
const TAKING: u8 = 1;
/// The screen is ours.
const OURS: u8 = 2;
static MOUSE: AtomicBool = AtomicBool::new(false);
/// Whether the terminal may be asked what it knows.
static ASKABLE: AtomicBool = AtomicBool::new(false);
/// Whether it was asked and has not answered.
static AWAITED: AtomicBool = AtomicBool::new(false);
/// Whether it said that it knows synchronized output.
static SYNCHRONIZED: AtomicBool = AtomicBool::new(false);
static OUTPUT: OnceLock<File> = OnceLock::new();

/// The terminal, as long as the console has it.
#[derive(Debug)]
pub struct Terminal {}

impl Terminal {
    /// Makes the terminal ready to be taken; what takes it is written by [`Terminal::write`] together with the first frame. With
    /// `ask` it is asked behind that whether it knows synchronized output; nothing waits for the answer.
    ///
    /// # Errors
    /// When standard output is no terminal, or cannot be set to raw mode.
    pub fn take(mouse: bool, ask: bool) -> io::Result<Self> {
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("standard output is no terminal"));
        }
        // A copy of the descriptor: writing to it takes no lock of the standard library's.
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        OUTPUT.get_or_init(|| output);
        MOUSE.store(mouse, Ordering::SeqCst);
        ASKABLE.store(ask, Ordering::SeqCst);
        enable_raw_mode()?;
        HOLD.store(TAKING, Ordering::SeqCst);
        Ok(Self {})
    }

    /// Writes a frame in one go; the first one takes the screen with it. Returns `false`, and writes nothing, while the terminal
    /// is not ours: the frame was not seen then.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn write(&self, frame: &str) -> io::Result<bool> {
        let Some(mut output) = OUTPUT.get() else {
            return Ok(false);
        };
        let first = HOLD.compare_exchange(TAKING, OURS, Ordering::SeqCst, Ordering::SeqCst);
        match first {
            Ok(_) => {
                let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_ON } else { "" };
                // Once: what it is does not change while it is suspended.
                let ask = if ASKABLE.swap(false, Ordering::SeqCst) { ASK } else { "" };
                AWAITED.fetch_or(!ask.is_empty(), Ordering::SeqCst);
                output.write_all(format!("{ENTER}{mouse}{frame}{ask}").as_bytes())?;
            }
            Err(OURS) => output.write_all(frame.as_bytes())?,
            Err(_) => return Ok(false),
        }
        Ok(true)
    }

    /// Gives the terminal back and stops, as ctrl-z does; returns when the program was continued.
    pub fn suspend(&self) {
        suspend();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// The terminal answered whether it knows synchronized output.
pub fn answered(synchronized: bool) {
    AWAITED.store(false, Ordering::SeqCst);
    SYNCHRONIZED.store(synchronized, Ordering::SeqCst);
}

/// Whether the terminal was asked what it knows and has not answered yet.
#[must_use]
pub fn awaited() -> bool {
    AWAITED.load(Ordering::SeqCst)
}

/// A frame as it is sent: to be shown at once where the terminal knows how.
#[must_use]
pub fn whole(frame: String) -> String {
    if !frame.is_empty() && SYNCHRONIZED.load(Ordering::SeqCst) {
        format!("{BEGIN}{frame}{END}")
    } else {
        frame
    }
}

/// Gives the terminal back. Does nothing when it is not ours.
pub fn restore() {
    let held = HOLD.swap(AWAY, Ordering::SeqCst);
    if held == AWAY {
        return;
    }
    // First what cannot block: with nobody reading, the write below may never return.
    if awaited() {
        // An answer that lies unread would be typed at the shell's prompt.
        let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    }
    let _ = disable_raw_mode();
    if held == TAKING {
        return;
    }
    let Some(mut output) = OUTPUT.get() else { return };
    let mouse = if MOUSE.load(Ordering::SeqCst) { MOUSE_OFF } else { "" };
    // A frame may have been cut off before its end.
    let end = if SYNCHRONIZED.load(Ordering::SeqCst) { END } else { "" };
    let _ = output.write_all(format!("{end}{mouse}{LEAVE}").as_bytes());
}

/// [`restore`] in a thread of its own, waited for no longer than a moment.
fn restore_soon() {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        restore();
        let _ = done.send(());
    });
    let _ = wait.recv_timeout(PATIENCE);
}

/// Restores and ends the process at once: what main does at the moment may be a write that never returns.
fn leave(status: i32) -> ! {
    restore_soon();
    low_level::exit(status)
}

fn suspend() {
    restore_soon();
    let _ = low_level::raise(SIGSTOP);
}

/// Takes the terminal again after a stop. The shell may have set its own modes meanwhile.
fn retake() {
    let _ = disable_raw_mode();
    let _ = enable_raw_mode();
    HOLD.store(TAKING, Ordering::SeqCst);
}

/// Watches for signals and for a terminal that hung up, each in a thread of its own. `resumed` is called after a stop, when the
/// screen must be taken again; `resized` after the window changed its size. Neither may wait: the thread must stay free to leave.
///
/// SIGHUP is not always delivered (sudo, nohup); the second thread ends the process then. It waits in the kernel and wakes for
/// nothing else.
///
/// # Errors
/// When the signal handlers cannot be set.
pub fn watch(resumed: impl Fn() + Send + 'static, resized: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGTSTP => suspend(),
                SIGCONT => {
                    retake();
                    resumed();
                }
                SIGWINCH => resized(),
                signal => leave(128 + signal),
            }
        }
    })?;
    thread::Builder::new().name("hang-up".into()).spawn(|| {
        let stdin = io::stdin();
        let terminal = if stdin.is_terminal() {
            stdin.as_fd().try_clone_to_owned()
        } else {
            File::open("/dev/tty").map(Into::into)
        };
        let Ok(terminal) = terminal else { return };
        loop {
            let mut descriptors = [PollFd::new(&terminal, PollFlags::empty())];
            match poll(&mut descriptors, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) if descriptors[0].revents().contains(PollFlags::HUP) => leave(128 + SIGHUP),
                // A system that cannot wait for a hang-up alone: SIGHUP has to do.
                _ => return,
            }
        }
    })?;
    Ok(())
}

/// Sets what happens on a panic. On this thread: the terminal is given back, the message printed, the process ends with 101.
/// On any other: it is logged and told to `worker`, since only main may decide what becomes of the screen.
pub fn on_panic(worker: impl Fn(String) + Send + Sync + 'static) {
    let main = thread::current().id();
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == main {
            restore_soon();
            print(info);
            low_level::exit(101);
        }
        let name = thread::current().name().unwrap_or("a worker").to_owned();
        let place = info
            .location()
            .map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        let what = info.payload_as_str().unwrap_or("no message");
        let told = format!("{name} panicked{place}: {what}");
        tracing::error!("{told}");
        worker(told);
    }));
}
