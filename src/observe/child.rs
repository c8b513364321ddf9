//! Programs that are asked, with a limit on how long they may take.
#![cfg(target_os = "linux")]

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{ObserveError, file::failed};
use crate::domain::text::visible;

/// How long a program may take: a busy or slow host needs tens of times what others do.
const LIMIT: Duration = Duration::from_secs(30);
/// Most that is taken of its output.
const MOST_BYTES: u64 = 32 << 20;
/// How long the complaint of a program that ended may still be on its way; what it started may keep that way open for ever.
const COMPLAINS: Duration = Duration::from_millis(100);
/// The longest time between two looks whether a program ended.
const LOOKS: Duration = Duration::from_millis(50);
/// Most bytes of its complaints that are looked at, and most characters that are passed on.
const MOST_COMPLAINT: u64 = 4 << 10;
const LONGEST_COMPLAINT: usize = 200;

/// Runs `program` with `args` in the C locale and gives what it wrote to its standard output.
///
/// # Errors
/// [`ObserveError::Absent`] when there is no such program; [`ObserveError::Io`] when it took longer than half a minute and was
/// killed, or failed with nothing but a complaint, of which the first line is the reason.
pub(super) fn ask(program: &str, args: &[&str]) -> Result<Vec<u8>, ObserveError> {
    ask_within(LIMIT, program, args)
}

fn fault(program: &str, why: String) -> ObserveError {
    ObserveError::Io {
        what: program.to_owned(),
        source: std::io::Error::other(why),
    }
}

/// `error` with what it would need where the system forbade something: `nft: Operation not permitted (needs CAP_NET_ADMIN; see …)`.
pub(super) fn needing(error: ObserveError, need: &str) -> ObserveError {
    match error {
        ObserveError::Io { what, source } => ObserveError::Io {
            what,
            source: lacking(source, need),
        },
        other => other,
    }
}

/// The same for the system's own words.
pub(super) fn lacking(source: std::io::Error, need: &str) -> std::io::Error {
    let text = source.to_string();
    let lower = text.to_lowercase();
    let forbidden = ["not permitted", "denied", "not supported", "must be root"];
    if forbidden.iter().any(|words| lower.contains(words)) {
        std::io::Error::other(format!("{text} (needs {need}; see contrib/foreshadow.service)"))
    } else {
        source
    }
}

/// Starts `program` in the C locale without input, and gives what it writes to its standard output, and the first line of what it
/// complains of.
fn start(program: &str, args: &[&str]) -> Result<(Child, ChildStdout, mpsc::Receiver<String>), ObserveError> {
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| failed(program.as_ref(), source))?;
    let stdout = child.stdout.take().expect("standard output was asked for");
    let mut stderr = child.stderr.take().expect("standard error was asked for");
    let name = program.rsplit('/').next().unwrap_or(program).to_owned();
    let (told, complaint) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let _ = told.send(first_line(&name, &mut stderr));
        // What more it says is let go, so that it never waits for a reader.
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
    });
    Ok((child, stdout, complaint))
}

/// The first line that says something, without the program's own name before it, safe to show; empty when there is none.
fn first_line(program: &str, stderr: &mut ChildStderr) -> String {
    let mut lines = BufReader::new(stderr.take(MOST_COMPLAINT));
    let mut said = Vec::new();
    // A line is told once it stands: what the program leaves behind may never close its end.
    while said.trim_ascii().is_empty() {
        said.clear();
        if !matches!(lines.read_until(b'\n', &mut said), Ok(1..)) {
            break;
        }
    }
    let said = String::from_utf8_lossy(&said);
    let line = said.trim();
    let line = line
        .strip_prefix(program)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(line);
    visible(line).chars().take(LONGEST_COMPLAINT).collect()
}

/// How a program that closed its output ended; one that does not within `limit` is killed.
fn ended(child: &mut Child, limit: Duration) -> io::Result<ExitStatus> {
    // Nobody sends on it: it only keeps time.
    let (_silent, timer) = mpsc::channel::<()>();
    let (mut waited, mut pause) = (Duration::ZERO, Duration::from_millis(1));
    while waited < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let _ = timer.recv_timeout(pause);
        waited += pause;
        pause = (pause * 2).min(LOOKS);
    }
    child.kill()?;
    child.wait()
}

/// Why a program that said nothing ended, if it failed.
fn failure(program: &str, child: &mut Child, complaint: &mpsc::Receiver<String>) -> Option<ObserveError> {
    let status = ended(child, LIMIT).ok()?;
    status.code().filter(|code| *code != 0)?;
    let complaint = complaint.recv_timeout(COMPLAINS).unwrap_or_default();
    Some(fault(
        program,
        if complaint.is_empty() {
            format!("ended with {status}")
        } else {
            complaint
        },
    ))
}

/// Ends one that says nothing for too long. A program in uninterruptible sleep does not die now; another thread waits for it.
fn give_up(mut child: Child) {
    let _ = child.kill();
    thread::spawn(move || child.wait());
}

fn ask_within(limit: Duration, program: &str, args: &[&str]) -> Result<Vec<u8>, ObserveError> {
    let (mut child, stdout, complaint) = start(program, args)?;
    // A thread reads, so that the wait has an end whatever the program does.
    let (told, answer) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut output = Vec::new();
        let read = stdout.take(MOST_BYTES).read_to_end(&mut output).map(|_| output);
        // Nobody waits any more when the limit has passed.
        let _ = told.send(read);
    });
    match answer.recv_timeout(limit) {
        Ok(Ok(output)) => {
            // It closed its output and so is ending; one that is not is ended.
            if output.is_empty() {
                return failure(program, &mut child, &complaint).map_or(Ok(output), Err);
            }
            let _ = child.kill().and_then(|()| child.wait());
            Ok(output)
        }
        Ok(Err(source)) => Err(failed(program.as_ref(), source)),
        Err(_) => {
            give_up(child);
            Err(fault(program, format!("no answer within {} s", limit.as_secs())))
        }
    }
}

/// What a program makes of a file, as it is read; it is ended when nobody reads on.
pub(super) struct Filter {
    child: Option<Child>,
    output: ChildStdout,
}

impl Filter {
    /// Has `program` with `args` read `input`.
    ///
    /// # Errors
    /// [`ObserveError::Absent`] when there is no such program.
    pub(super) fn new(program: &str, args: &[&str], input: File) -> Result<Self, ObserveError> {
        let mut child = Command::new(program)
            .args(args)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| failed(program.as_ref(), source))?;
        let output = child.stdout.take().expect("standard output was asked for");
        Ok(Self {
            child: Some(child),
            output,
        })
    }
}

impl Read for Filter {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.output.read(into)?;
        if length == 0
            && !into.is_empty()
            && let Some(child) = &mut self.child
        {
            let status = ended(child, LIMIT)?;
            if !status.success() {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
        }
        Ok(length)
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        self.child.take().into_iter().for_each(give_up);
    }
}

/// Longest line that is handed over, and bytes of lines that are handed over at a time.
const LONGEST: u64 = 64 << 10;
const PART: usize = 64 << 10;

/// Runs `program` with `args` in the C locale and hands over what it writes to its standard output line by line, so that an answer of any
/// length takes no memory. A line that is too long comes in parts.
///
/// # Errors
/// As [`ask`], the time counted anew whenever it wrote something.
pub(super) fn each_line(program: &str, args: &[&str], mut each: impl FnMut(&[u8])) -> Result<(), ObserveError> {
    let (mut child, stdout, complaint) = start(program, args)?;
    let mut silent = true;
    let (told, parts) = mpsc::sync_channel::<Vec<u8>>(2);
    thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut part = Vec::with_capacity(PART);
        loop {
            let read = (&mut lines).take(LONGEST).read_until(b'\n', &mut part);
            let ended = !matches!(read, Ok(1..));
            let full = ended || part.len() >= PART;
            if full && told.send(std::mem::take(&mut part)).is_err() || ended {
                return;
            }
        }
    });
    loop {
        match parts.recv_timeout(LIMIT) {
            Ok(part) => part
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .for_each(|line| {
                    silent = false;
                    each(line);
                }),
            // It closed its output and so is ending; one that is not is ended.
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                if silent {
                    return failure(program, &mut child, &complaint).map_or(Ok(()), Err);
                }
                let _ = child.kill().and_then(|()| child.wait());
                return Ok(());
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                give_up(child);
                return Err(fault(program, format!("no answer within {} s", LIMIT.as_secs())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_failure() {
        assert_eq!(ask("sh", &["-c", "echo $LC_ALL"]).unwrap(), b"C\n");
        assert!(matches!(ask("sh", &["-c", "exit 3"]), Err(ObserveError::Io { .. })));
        assert!(matches!(
            ask("no-such-program-anywhere", &[]),
            Err(ObserveError::Absent { .. })
        ));
    }

    #[test]
    fn the_reason_of_a_failure_is_what_the_program_says() {
        let why = |script: &str| ask("sh", &["-c", script]).unwrap_err().to_string();
        assert_eq!(
            why("printf '\\n sh: Operation not permitted\\033[2J\\nmore\\n' >&2; exit 1"),
            "sh: Operation not permitted\\u{1b}[2J"
        );
        assert_eq!(why("exit 3"), "sh: ended with exit status: 3");
        let long = why("head -c 9000000 /dev/zero | tr '\\0' x >&2; exit 1");
        assert_eq!(long.len(), "sh: ".len() + LONGEST_COMPLAINT);
        // A warning beside an answer is no failure.
        assert_eq!(ask("sh", &["-c", "echo no >&2; echo yes; exit 1"]).unwrap(), b"yes\n");
        let denied = each_line("sh", &["-c", "echo Permission denied >&2; exit 1"], |_| {}).unwrap_err();
        assert_eq!(
            needing(denied, "CAP_X").to_string(),
            "sh: Permission denied (needs CAP_X; see contrib/foreshadow.service)"
        );
        assert_eq!(needing(fault("x", "odd".into()), "CAP_X").to_string(), "x: odd");
    }

    #[test]
    fn what_a_program_leaves_behind_keeps_nobody_waiting() {
        // The one that stays holds the way of complaints open.
        let left =
            |script: &str| ask("sh", &["-c", &format!("sleep 60 >/dev/null & echo $! >&2; {script}")]).unwrap_err();
        let told = left("exit 3").to_string();
        let pid = told.strip_prefix("sh: ").unwrap_or_default();
        let ended = Command::new("kill").arg(pid).status();
        assert!(pid.parse::<u32>().is_ok() && ended.unwrap().success(), "{told}");
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        let hung = ask_within(Duration::from_millis(50), "sleep", &["1000"]);
        assert!(hung.unwrap_err().to_string().contains("no answer"));
    }

    #[test]
    fn a_long_answer_comes_line_by_line() {
        let mut lines = Vec::new();
        each_line("sh", &["-c", "seq 1 100000; printf end"], |line| {
            lines.push(String::from_utf8_lossy(line).into_owned());
        })
        .unwrap();
        assert_eq!(
            (lines.len(), lines[99_999].as_str(), lines[100_000].as_str()),
            (100_001, "100000", "end")
        );
        assert!(matches!(
            each_line("no-such-program-anywhere", &[], |_| {}),
            Err(ObserveError::Absent { .. })
        ));
    }
}
