//! Records of a stream on stdin, one JSON object a line.

use std::io::BufRead;

use serde::de::DeserializeOwned;

use crate::cli::{Exit, Out, Usage};

/// Hands every record of `input` to `take`, in their order. Blank lines are passed over; a line that is no record is told with its
/// number on stderr, and those after it are still taken. Gives how it ended and how many lines were no blank ones.
///
/// # Errors
/// [`Usage`] when `input` cannot be read, and whatever `take` fails with.
pub(super) fn each<T: DeserializeOwned>(
    mut input: impl BufRead,
    like: &str,
    out: &mut Out,
    mut take: impl FnMut(T, &mut Out) -> anyhow::Result<()>,
) -> anyhow::Result<(Exit, u64)> {
    let (mut exit, mut lines, mut line) = (Exit::Done, 0, Vec::new());
    for number in 1_u64.. {
        line.clear();
        let read = input.read_until(b'\n', &mut line);
        if read.map_err(|error| Usage(format!("stdin, line {number}: {error}")))? == 0 {
            break;
        }
        let text = line.trim_ascii_end();
        if text.is_empty() {
            continue;
        }
        lines += 1;
        match serde_json::from_slice(text) {
            Ok(record) => take(record, out)?,
            Err(error) => {
                exit = Exit::Faults;
                out.note(&format!(
                    "foreshadow: stdin, line {number}: {}; write {like}",
                    fault(&error)
                ));
            }
        }
    }
    Ok((exit, lines))
}

/// What is wrong, and where in its line.
fn fault(error: &serde_json::Error) -> String {
    let (said, at) = (
        error.to_string(),
        format!(" at line {} column {}", error.line(), error.column()),
    );
    let said = said.strip_suffix(&at).unwrap_or(&said);
    // What is cut off is wrong at its end.
    match error.is_eof() {
        true => said.into(),
        false => format!("{said} at column {}", error.column()),
    }
}
