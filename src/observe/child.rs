//! Programs that are asked, with a limit on how long they may take.
#![cfg(target_os = "linux")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{ObserveError, file::failed};

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Most that is taken of its output.
const MOST_BYTES: u64 = 32 << 20;

/// Runs `program` with `args` in the C locale and gives what it wrote to its standard output.
///
/// # Errors
/// [`ObserveError::Absent`] when there is no such program; [`ObserveError::Io`] when it took longer than ten seconds and was
/// killed, or failed without a word.
pub(super) fn ask(program: &str, args: &[&str]) -> Result<Vec<u8>, ObserveError> {
    ask_within(LIMIT, program, args)
}

fn fault(program: &str, why: String) -> ObserveError {
    ObserveError::Io {
        what: program.to_owned(),
        source: std::io::Error::other(why),
    }
}

/// Starts `program` in the C locale without input, and gives what it writes to its standard output.
fn start(program: &str, args: &[&str]) -> Result<(Child, ChildStdout), ObserveError> {
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| failed(program.as_ref(), source))?;
    let stdout = child.stdout.take().expect("standard output was asked for");
    Ok((child, stdout))
}

/// Ends one that says nothing for too long. A program in uninterruptible sleep does not die now; another thread waits for it.
fn give_up(mut child: Child) {
    let _ = child.kill();
    thread::spawn(move || child.wait());
}

fn ask_within(limit: Duration, program: &str, args: &[&str]) -> Result<Vec<u8>, ObserveError> {
    let (mut child, stdout) = start(program, args)?;
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
            let ended = child.kill().and_then(|()| child.wait());
            match ended {
                Ok(status) if output.is_empty() && status.code().is_some_and(|code| code != 0) => {
                    Err(fault(program, format!("ended with {status}")))
                }
                _ => Ok(output),
            }
        }
        Ok(Err(source)) => Err(failed(program.as_ref(), source)),
        Err(_) => {
            give_up(child);
            Err(fault(program, format!("no answer within {} s", limit.as_secs())))
        }
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
    let (mut child, stdout) = start(program, args)?;
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
                .for_each(&mut each),
            // It closed its output and so is ending; one that is not is ended.
            Err(mpsc::RecvTimeoutError::Disconnected) => {
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
