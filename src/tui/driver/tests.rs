//! The console in a real pseudo-terminal: this test program starts itself as the console and reads what it draws.

use std::{
    env, fs,
    io::Read,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;

use super::{effect::write_new, *};
use crate::{
    engine::{Answer, LinkError, Query},
    tui::{fixture, theme},
};

/// The variable that makes [`child`] the console; its value is the time between two snapshots in milliseconds.
const CHILD: &str = "FORESHADOW_TEST_CONSOLE";

/// The variable that makes the first engine end after a few snapshots.
const MORTAL: &str = "FORESHADOW_TEST_MORTAL";

/// The variable that makes the end wait long for the terminal's answer.
const PATIENT: &str = "FORESHADOW_TEST_PATIENT";

/// What an engine that turned the user away said.
const REFUSED: &str = "FORESHADOW_TEST_REFUSED";

/// An engine that publishes the world of the mock-ups, with values that move.
struct Fake(watch::Receiver<Arc<Snapshot>>);

impl Link for Fake {
    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.0.clone()
    }

    async fn ask(&self, query: Query) -> Result<Answer, LinkError> {
        match query {
            Query::Chart { id, from, step, .. } => Ok(Answer::Chart(crate::engine::Chart {
                id,
                ..fixture::past(from, step, 80)
            })),
            Query::Forecast { .. } => Ok(Answer::Forecast(Box::new(fixture::forecast()))),
            Query::Explain(id) => Ok(Answer::Text(vec![id.to_string()])),
            Query::Timeline { .. } => Ok(Answer::Timeline(fixture::timeline())),
            Query::Audit(_) => Ok(Answer::Audit {
                entries: fixture::audit(),
                total: 6,
                broken: None,
            }),
            _ => Err(LinkError::Refused("not here".into())),
        }
    }
}

/// Is the console when it is asked to, and nothing otherwise.
#[test]
fn child() {
    let Ok(every) = env::var(CHILD) else { return };
    let every = Duration::from_millis(every.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let var = |name: &str| env::var(name).unwrap_or_default();
    let env = theme::Env {
        no_color: var("NO_COLOR"),
        term: var("TERM"),
        colorterm: var("COLORTERM"),
        lc_all: var("LC_ALL"),
        lc_ctype: var("LC_CTYPE"),
        lang: var("LANG"),
        ..theme::Env::default()
    };
    let setup = Setup {
        look: env.look("auto", "auto", &[]).unwrap(),
        env,
        place: "prod".into(),
        panic: match var("FORESHADOW_PANIC").as_str() {
            "ui" => Some(PanicIn::Ui),
            "worker" => Some(PanicIn::Worker),
            _ => None,
        },
        patience: (!var(PATIENT).is_empty()).then_some(Duration::from_secs(60)),
        ..Setup::default()
    };
    let mortal = var(MORTAL) == "1";
    let engines = std::cell::Cell::new(0);
    let connect = async |want| {
        // The second look finds nothing, the third an engine that has seen nothing yet.
        let number = engines.replace(engines.get() + 1);
        assert_eq!(want, if number == 0 { Want::First } else { Want::Again });
        if number == 1 {
            return Ok(None);
        }
        let first = if number == 0 {
            fixture::snapshot()
        } else {
            crate::tui::state::nothing()
        };
        let (send, receive) = watch::channel(Arc::new(first));
        let last = if mortal && number == 0 { 3 } else { u64::MAX };
        tokio::spawn(async move {
            for number in 1..last {
                sleep(every).await;
                if send.send(Arc::new(fixture::later(number, every.into()))).is_err() {
                    return;
                }
            }
        });
        let refused = if number == 0 { var(REFUSED) } else { String::new() };
        Ok(Some(Found {
            link: Fake(receive),
            refused,
        }))
    };
    let exit = runtime.block_on(run(setup, connect)).unwrap();
    runtime.shutdown_background();
    match exit {
        Exit::Quit => std::process::exit(0),
        Exit::WorkerPanicked(text) => {
            eprintln!("{text}");
            std::process::exit(3);
        }
    }
}

/// How long a console may take to show, or to end, before the test gives up on it.
const GIVEN_UP: Duration = Duration::from_secs(120);

struct Console {
    process: std::process::Child,
    pty: pty_process::blocking::Pty,
    screen: vt100::Parser,
    /// All that was sent.
    raw: Vec<u8>,
}

impl Console {
    fn start(env: &[(&str, &str)]) -> Self {
        Self::start_in(pty_process::blocking::Command::new(env::current_exe().unwrap()), env)
    }

    /// Starts it by a command that takes its arguments.
    fn start_in(command: pty_process::blocking::Command, env: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 80)).unwrap();
        let mut command = command
            .args([
                "--exact",
                "tui::driver::tests::child",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(CHILD, "50")
            .env("TERM", "xterm")
            .env("LC_ALL", "C")
            .env("RUST_BACKTRACE", "0");
        for (name, value) in env {
            command = command.env(name, value);
        }
        let process = command.spawn(pts).unwrap();
        Self {
            process,
            pty,
            screen: vt100::Parser::new(24, 80, 0),
            raw: Vec::new(),
        }
    }

    /// Reads once; `false` at the end of the output. Gives up when nothing came long after `began`.
    fn hear(&mut self, began: &Stopwatch) -> bool {
        let left = GIVEN_UP.saturating_sub(began.elapsed());
        let mut ready = [rustix::event::PollFd::new(&self.pty, rustix::event::PollFlags::IN)];
        let heard = rustix::event::poll(&mut ready, Some(&left.try_into().unwrap())).unwrap();
        assert!(
            heard > 0,
            "waited too long; the screen is\n{}",
            self.screen.screen().contents()
        );
        let mut bytes = [0; 4096];
        let Ok(count @ 1..) = self.pty.read(&mut bytes) else {
            return false;
        };
        self.raw.extend_from_slice(&bytes[..count]);
        self.screen.process(&bytes[..count]);
        true
    }

    /// Reads until the screen shows `text`.
    fn until(&mut self, text: &str) {
        let began = Stopwatch::start();
        while !self.screen.screen().contents().contains(text) {
            assert!(
                self.hear(&began),
                "ended without {text:?}:\n{}",
                self.screen.screen().contents()
            );
        }
    }

    fn press(&mut self, keys: &str) {
        io::Write::write_all(&mut self.pty, keys.as_bytes()).unwrap();
    }

    /// Reads to the end and gives the exit status.
    fn end(&mut self) -> std::process::ExitStatus {
        let began = Stopwatch::start();
        while self.hear(&began) {}
        self.process.wait().unwrap()
    }

    fn sent(&self, what: &str) -> usize {
        self.raw
            .windows(what.len())
            .filter(|part| *part == what.as_bytes())
            .count()
    }

    fn is_restored(&self) -> bool {
        let screen = self.screen.screen();
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && !screen.bracketed_paste()
            && !screen.inverse()
            && !screen.bold()
    }
}

#[test]
fn keys_are_answered_and_q_gives_the_terminal_back() {
    let mut console = Console::start(&[]);
    console.until("WHAT IS OFF (7)");
    assert!(console.screen.screen().alternate_screen() && console.screen.screen().hide_cursor());
    console.press("j\r");
    console.until("[2 Resource]");
    console.press("3");
    console.until("UPCOMING CROSSINGS");
    console.press("q");
    assert_eq!(console.end().code(), Some(0));
    assert!(console.is_restored());
}

#[test]
fn frames_are_synchronized_once_the_terminal_said_that_it_knows_how() {
    const BEGIN: &str = "\x1b[?2026h";
    // It never answers, it says no, or it answers late: at once, in pieces, in the middle of keys.
    let answers: [(&[&str], bool); 5] = [
        (&[], false),
        (&["\x1b[?2026;0$y"], false),
        (&["\x1b[?2026;2$y"], true),
        (&["\x1b[?20", "26;", "2$", "y"], true),
        (&["j\x1b[?2026;2", "$yk"], true),
    ];
    for (answer, yes) in answers {
        let mut console = Console::start(&[]);
        console.until("WHAT IS OFF (7)");
        assert_eq!(
            (console.sent("\x1b[?2026$p"), console.sent(BEGIN)),
            (1, 0),
            "asked once, not waited for"
        );
        for piece in answer {
            console.press(piece);
            // A snapshot comes every 50 ms: by then the piece was read alone.
            assert!(console.hear(&Stopwatch::start()), "{answer:?}");
        }
        console.press("3");
        console.until("UPCOMING CROSSINGS");
        console.press("1");
        console.until("[1 Overview]");
        assert_eq!(console.sent(BEGIN) > 0, yes, "{answer:?}");
        console.press("q");
        assert_eq!(
            console.end().code(),
            Some(0),
            "{answer:?}: no piece was taken for a key"
        );
        assert!(console.is_restored());
        // Each is ended, and the last one by giving the terminal back.
        assert_eq!(
            console.sent("\x1b[?2026l"),
            console.sent(BEGIN) + usize::from(yes),
            "{answer:?}"
        );
    }
}

#[test]
fn an_answer_that_comes_after_q_is_not_typed_at_the_prompt() {
    let shell = pty_process::blocking::Command::new("sh").args([
        "-c",
        "\"$0\" \"$@\"; printf 'prompt>'; IFS= read -r line; printf 'read<%s>' \"$line\"",
        env::current_exe().unwrap().to_str().unwrap(),
    ]);
    let mut console = Console::start_in(shell, &[(PATIENT, "1")]);
    console.until("WHAT IS OFF (7)");
    console.press("q");
    // One that does not wait has the terminal given back by then.
    let mut ready = [rustix::event::PollFd::new(&console.pty, rustix::event::PollFlags::IN)];
    let moment = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 200_000_000,
    };
    rustix::event::poll(&mut ready, Some(&moment)).unwrap();
    console.press("\x1b[?2026;2$y");
    // What is pressed before the process is gone may still be the console's.
    console.until("prompt>");
    console.press("\n");
    assert_eq!(console.end().code(), Some(0));
    let said = String::from_utf8_lossy(&console.raw).into_owned();
    assert!(said.contains("read<>"), "{said:?}");
}

#[test]
fn an_engine_that_ends_is_told_and_the_next_one_taken() {
    let mut console = Console::start(&[(MORTAL, "1")]);
    console.until("LIVE");
    console.until("GONE");
    assert!(console.screen.screen().contents().contains("WHAT IS OFF (7)"));
    console.until("engine gone, data as of 14:32:00");
    console.until("LIVE");
    console.press("q");
    assert_eq!(console.end().code(), Some(0));
}

#[test]
fn a_user_who_was_turned_away_is_told_and_goes_on() {
    let why = "ana may not attach to this engine: its user adds her";
    let mut console = Console::start(&[(REFUSED, why)]);
    console.until(why);
    console.press("j");
    console.until("Turned away: ana may not attach to this engine");
    console.press("q");
    assert_eq!(console.end().code(), Some(0));
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in [
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
        signal_hook::consts::SIGINT,
    ] {
        let mut console = Console::start(&[]);
        console.until("WHAT IS OFF (7)");
        let id = console.process.id().to_string();
        let killed = Command::new("kill")
            .args([format!("-{signal}"), id])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(killed.success());
        assert_eq!(console.end().code(), Some(128 + signal));
        assert!(console.is_restored());
    }
}

#[test]
fn a_panic_anywhere_is_read_on_a_whole_terminal() {
    for (place, code) in [("ui", 101), ("worker", 3)] {
        let mut console = Console::start(&[("FORESHADOW_PANIC", place)]);
        console.until("WHAT IS OFF (7)");
        assert_eq!(console.end().code(), Some(code), "{place}");
        assert!(console.is_restored(), "{place}");
        let left = console.screen.screen().contents();
        assert!(left.contains(&format!("FORESHADOW_PANIC={place}")), "{place}: {left}");
    }
}

#[test]
fn a_file_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.md");
    assert!(write_new(&path, "one").starts_with("written"));
    assert!(write_new(&path, "two").contains("there already"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "one");
}
