//! A home of its own for every program under test, and a terminal to run it in.

use std::{
    io::{Read, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use foreshadow::engine::clock::Stopwatch;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longer than anything should take on a busy machine; no test waits this long when all is well.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Longer than any test takes. One that still runs then would hold up everything behind it for ever.
const LONGEST: Duration = Duration::from_secs(2_700);

/// Waits until something is so; panics with its name when it does not come.
pub fn soon(what: &str, mut is: impl FnMut() -> bool) {
    let began = Stopwatch::start();
    while !is() {
        assert!(began.elapsed() < PATIENCE, "waited for {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// Folders of its own: nothing of the user's is read or written. A test that has one is ended when it takes longer than [`LONGEST`].
pub struct Home {
    folder: TempDir,
    /// Dropped with it: so the watch hears that the test is over.
    _over: Sender<()>,
}

impl Home {
    pub fn new() -> Self {
        let (over, ended) = channel::<()>();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        thread::spawn(move || {
            if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                // Written past what the test harness holds back.
                let _ = writeln!(std::io::stderr(), "{test} does not end: given up after {LONGEST:?}");
                std::process::abort();
            }
        });
        Self {
            folder: tempfile::tempdir().unwrap(),
            _over: over,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn store(&self) -> PathBuf {
        self.path("data/foreshadow/foreshadow.duckdb")
    }

    pub fn socket(&self) -> PathBuf {
        self.path("run/foreshadow.sock")
    }

    pub fn config(&self, text: &str) {
        std::fs::create_dir_all(self.path("config/foreshadow")).unwrap();
        std::fs::write(self.path("config/foreshadow/config.toml"), text).unwrap();
    }

    fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        std::fs::create_dir_all(self.path("run")).unwrap();
        vec![
            ("HOME", self.path("")),
            ("XDG_CONFIG_HOME", self.path("config")),
            ("XDG_DATA_HOME", self.path("data")),
            ("XDG_RUNTIME_DIR", self.path("run")),
            ("XDG_CACHE_HOME", self.path("cache")),
        ]
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_foreshadow"));
        command
            .args(arguments)
            .envs(self.environment())
            .env_remove("RUST_BACKTRACE")
            .env_remove("NO_COLOR");
        command.env("TZ", "UTC").stdin(Stdio::null());
        command
    }

    /// Runs to the end; exit code, stdout, stderr.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = output(&mut self.command(arguments));
        (
            status.code(),
            String::from_utf8(stdout).unwrap(),
            String::from_utf8(stderr).unwrap(),
        )
    }

    /// Starts `foreshadow engine` with more arguments. It writes nowhere: what outlives a test must not hold its output open.
    pub fn engine(&self, more: &[&str]) -> Process {
        let mut command = self.command(&["engine"]);
        Process::start(command.args(more).stdout(Stdio::null()).stderr(Stdio::null()))
    }

    /// Opens the program in a terminal of `rows` by `columns`.
    pub fn terminal(&self, rows: u16, columns: u16, arguments: &[&str], environment: &[(&str, &str)]) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let mut command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_foreshadow")).args(arguments);
        for (key, value) in self.environment() {
            command = command.env(key, value);
        }
        command = command
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC");
        command = command
            .env_remove("NO_COLOR")
            .env_remove("RUST_BACKTRACE")
            .env_remove("TMUX");
        for (key, value) in environment {
            command = command.env(key, value);
        }
        let child = command.spawn(pts).unwrap();
        // The reader needs its own handle: it blocks in read while the test writes keys.
        let handle = std::os::fd::AsFd::as_fd(&pty).try_clone_to_owned().unwrap();
        let mut reader = std::fs::File::from(handle);
        let (send, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            pty,
            child,
            output,
            screen: vt100::Parser::new(rows, columns, 0),
            raw: Vec::new(),
        }
    }
}

/// Runs a command to its end; kills it when it does not come to one.
pub fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = Pid::from_child(&child);
    let (done, over) = channel::<()>();
    let watch = thread::spawn(move || {
        if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = kill_process(id, Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    watch.join().unwrap();
    output
}

/// A process that ends with its test, also with one that failed.
pub struct Process(pub Child);

impl Process {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it at once.
    pub fn kill(self) {}

    /// Asks it to end in order, and waits until it has.
    pub fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        soon("its end", || self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A terminal with the program in it.
pub struct Terminal {
    pty: pty_process::blocking::Pty,
    pub child: Child,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// All bytes the program wrote.
    pub raw: Vec<u8>,
}

impl Drop for Terminal {
    /// A failed test leaves no program behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Terminal {
    /// What the terminal shows.
    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    pub fn keys(&mut self, keys: &str) {
        self.pty.write_all(keys.as_bytes()).unwrap();
    }

    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        self.screen.screen_mut().set_size(rows, columns);
    }

    /// Takes output until the screen is as wished; panics with the screen when it does not come.
    pub fn until(&mut self, wish: &str, mut is: impl FnMut(&str) -> bool) {
        let began = Stopwatch::start();
        loop {
            let text = self.text();
            if is(&text) {
                return;
            }
            match self.output.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("waited for {wish}; the screen is\n{text}"),
                Err(RecvTimeoutError::Disconnected) => panic!("ended before {wish}; the screen is\n{text}"),
            }
        }
    }

    pub fn until_shows(&mut self, text: &str) {
        self.until(&format!("`{text}`"), |screen| screen.contains(text));
    }

    /// Takes all output up to the program's end, and returns its exit status; panics with the screen when it does not end.
    pub fn end(&mut self) -> ExitStatus {
        let began = Stopwatch::start();
        loop {
            match self.output.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end; the screen is\n{}", self.text()),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        self.screen.process(bytes);
    }
}

/// All files below a folder with their bytes.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}
