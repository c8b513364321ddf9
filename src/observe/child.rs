//! Programs that are asked, with a limit on how long they may take.
#![cfg(target_os = "linux")]

use std::{
    io::Read as _,
    process::{Command, Stdio},
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

fn ask_within(limit: Duration, program: &str, args: &[&str]) -> Result<Vec<u8>, ObserveError> {
    let fault = |why: String| ObserveError::Io {
        what: program.to_owned(),
        source: std::io::Error::other(why),
    };
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| failed(program.as_ref(), source))?;
    let stdout = child.stdout.take().expect("standard output was asked for");
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
                    Err(fault(format!("ended with {status}")))
                }
                _ => Ok(output),
            }
        }
        Ok(Err(source)) => Err(failed(program.as_ref(), source)),
        Err(_) => {
            // A program in uninterruptible sleep does not die now; another thread waits for it.
            let _ = child.kill();
            thread::spawn(move || child.wait());
            Err(fault(format!("no answer within {} s", limit.as_secs())))
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
}
