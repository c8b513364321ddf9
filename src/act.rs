//! Runs the commands of a proposal on this host: in the console's own process, as the user who sits there, after that user typed the
//! resource's name. The engine runs nothing, ever.

use std::{
    collections::VecDeque,
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::domain::{Proposal, ResourceId, text::visible};

/// How long commands may take.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Lines of output that are kept: the last ones tell how it ended.
pub const LINES: usize = 20;
/// Longest line that is kept whole, bytes.
const LONGEST: u64 = 1_024;
/// Lines that are taken when the commands have ended: what a pipe holds.
const MOST_AFTER: usize = 65_536;
/// How long output is waited for when the commands have ended.
const REST: Duration = Duration::from_millis(500);

/// The commands of a proposal that can be run on the host `here`.
///
/// # Errors
/// A sentence: why they cannot be run from here, with the step to be done by hand where there is one.
pub fn commands<'a>(proposal: &'a Proposal, here: Option<&ResourceId>) -> Result<&'a str, String> {
    let text = &proposal.artefact.text;
    let by_hand = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("# by hand:"));
    if here != Some(&proposal.resource) {
        return Err(format!(
            "{} is not the host this console runs on",
            proposal.resource.name()
        ));
    }
    if let Some(step) = by_hand {
        return Err(format!("one step is to be done by hand: {}", visible(step.trim())));
    }
    if !matches!(&*proposal.artefact.format, "shell" | "sysctl") {
        return Err(format!(
            "its text is for {}, not for a shell",
            visible(&proposal.artefact.format)
        ));
    }
    let does = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    if !text.lines().any(does) {
        return Err("it has no commands".into());
    }
    Ok(text)
}

/// How commands ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By themselves, with this exit code.
    Code(i32),
    /// By this signal, which came from elsewhere.
    Signal(i32),
    /// They were ended: the time was up.
    Late,
    /// They were ended: someone asked for it.
    Stopped,
}

/// `exit code 0`, `ended after 60 s`.
impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::Late => write!(f, "ended: it took more than {} s", LIMIT.as_secs()),
            Self::Stopped => write!(f, "ended: someone asked for it"),
        }
    }
}

enum Event {
    Line(String),
    Ended,
    Late,
    Stop,
}

/// Ends commands that run.
#[derive(Clone, Debug)]
pub struct Stop(SyncSender<Event>);

impl Stop {
    /// Ends them, if they still run.
    pub fn stop(&self) {
        // Nobody listens when they have ended.
        let _ = self.0.send(Event::Stop);
    }
}

/// Commands that run.
#[derive(Debug)]
pub struct Run {
    child: Child,
    group: Pid,
    events: Receiver<Event>,
    send: SyncSender<Event>,
    /// Dropped when they have ended: so the clock hears that nobody waits for it.
    clock: Sender<()>,
    rest: Duration,
}

/// Starts `commands` with `/bin/sh -e` in a process group of its own, without input, for at most `limit`.
///
/// # Errors
/// When there is no shell, or no process can be started.
pub fn begin(commands: &str, limit: Duration) -> io::Result<Run> {
    let (output, input) = io::pipe()?;
    let child = Command::new("/bin/sh")
        .args(["-e", "-c", commands])
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(input.try_clone()?)
        .stderr(input)
        .spawn()?;
    let group = Pid::from_child(&child);
    // Bounded: commands that write faster than anyone reads wait for the reader.
    let (send, events) = mpsc::sync_channel(64);
    let (lines, ended, late) = (send.clone(), send.clone(), send.clone());
    thread::spawn(move || read(output, &lines));
    thread::spawn(move || {
        // Not reaped yet: until then its number, and that of its group, is nobody else's.
        while matches!(
            waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT),
            Err(rustix::io::Errno::INTR)
        ) {}
        let _ = ended.send(Event::Ended);
    });
    let (clock, stopped) = mpsc::channel::<()>();
    thread::spawn(move || {
        if stopped.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let _ = late.send(Event::Late);
        }
    });
    Ok(Run {
        child,
        group,
        events,
        send,
        clock,
        rest: REST,
    })
}

/// Sends what is written line by line, made visible; a line that is too long comes in parts.
fn read(output: io::PipeReader, lines: &SyncSender<Event>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while matches!((&mut output).take(LONGEST).read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        let text = visible(text.trim_end_matches(['\n', '\r'])).into_owned();
        if lines.send(Event::Line(text)).is_err() {
            return;
        }
        line.clear();
    }
}

impl Run {
    /// A way to end them from elsewhere.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop(self.send.clone())
    }

    /// Waits until they have ended, handing over the last [`LINES`] lines of output whenever they changed; ends the whole process group,
    /// also what the commands left running in it.
    ///
    /// # Errors
    /// When the shell cannot be waited for.
    pub fn wait(mut self, mut each: impl FnMut(&VecDeque<String>)) -> io::Result<(End, Vec<String>)> {
        let mut lines = VecDeque::new();
        let mut take = |line: String, lines: &mut VecDeque<String>| {
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(line);
            each(lines);
        };
        let forced = loop {
            match self.events.recv() {
                Ok(Event::Line(line)) => take(line, &mut lines),
                Ok(Event::Ended) | Err(_) => break None,
                Ok(Event::Late) => break Some(End::Late),
                Ok(Event::Stop) => break Some(End::Stopped),
            }
        };
        drop(self.clock);
        // Gone already is as good.
        let _ = kill_process_group(self.group, Signal::KILL);
        let status = self.child.wait()?;
        drop(self.send);
        // What was written before the end; a process that left the group may hold the output open for ever.
        for _ in 0..MOST_AFTER {
            match self.events.recv_timeout(self.rest) {
                Ok(Event::Line(line)) => take(line, &mut lines),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let own = match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (None, signal) => End::Signal(signal.unwrap_or_default()),
        };
        Ok((forced.unwrap_or(own), lines.into()))
    }
}

#[cfg(test)]
mod edits;
#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn run(commands: &str, limit: Duration) -> (End, Vec<String>) {
        let mut run = begin(commands, limit).unwrap();
        // A busy machine may be slow to read what they wrote.
        run.rest = Duration::from_secs(30);
        run.wait(|_| {}).unwrap()
    }

    #[test]
    fn commands_write_where_they_say_and_their_output_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("written");
        let (end, lines) = run(&format!("echo 60 > {}\necho done >&2\n", file.display()), LIMIT);
        assert_eq!((end, lines), (End::Code(0), vec!["done".to_owned()]));
        assert_eq!(fs::read_to_string(file).unwrap(), "60\n");
    }

    #[test]
    fn the_first_failure_ends_them() {
        assert_eq!(
            run("echo a\nfalse\necho b\n", LIMIT),
            (End::Code(1), vec!["a".to_owned()])
        );
        assert_eq!(run("kill -TERM $$", LIMIT).0, End::Signal(15));
    }

    #[test]
    fn there_is_no_input_and_the_output_is_bounded_and_visible() {
        assert_eq!(run("cat", LIMIT), (End::Code(0), vec![]));
        let (end, lines) = run("seq 1 1000; printf 'a\\033[31mb'", LIMIT);
        assert_eq!((end, lines.len()), (End::Code(0), LINES));
        assert_eq!(lines.last().unwrap(), "a\\u{1b}[31mb");
        let (_, lines) = run("head -c 100000 /dev/zero | tr '\\0' x", LIMIT);
        assert!(lines.len() == LINES && lines.iter().all(|line| line.len() <= 1_024));
    }

    #[test]
    fn when_the_time_is_up_the_whole_group_is_ended() {
        assert_eq!(run("sleep 1000", Duration::from_millis(50)).0, End::Late);
        let waits = begin("sh -c 'echo $$; sleep 1000' & wait", LIMIT).unwrap();
        let stop = waits.stop();
        let (end, lines) = waits.wait(|_| stop.stop()).unwrap();
        assert_eq!(end, End::Stopped);
        let pid = &lines[0];
        // Reaped by whoever takes orphans: gone, or a zombie.
        let state = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z"), "{state}");
    }

    #[test]
    fn someone_may_end_them_and_what_they_leave_running_ends_too() {
        let sleeps = begin("sleep 1000", LIMIT).unwrap();
        sleeps.stop().stop();
        assert_eq!(sleeps.wait(|_| {}).unwrap().0, End::Stopped);
        let (end, lines) = run("sleep 1000 & echo started", LIMIT);
        assert_eq!((end, lines), (End::Code(0), vec!["started".to_owned()]));
    }
}
