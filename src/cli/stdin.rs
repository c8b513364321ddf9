//! Records of a stream on stdin, one JSON object a line, and what is wrong with a line that is none.

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
    for number in 1_usize.. {
        line.clear();
        let read = input.read_until(b'\n', &mut line);
        if read.map_err(|error| Usage(format!("stdin:{number}: {error}")))? == 0 {
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
                    "foreshadow: {}",
                    malformed(number, &format!("write {like}"), &error)
                ));
            }
        }
    }
    Ok((exit, lines))
}

/// `stdin:LINE:COLUMN: WHAT: why`, of the line `number` from 1.
pub(super) fn malformed(number: usize, what: &str, error: &serde_json::Error) -> Usage {
    let why = error.to_string();
    // Each line is read by itself: it is no line 1 to whoever wrote it.
    let why = match (error.line(), why.rsplit_once(" at line ")) {
        (1.., Some((why, _))) => why,
        _ => &why,
    };
    Usage(format!("stdin:{number}:{}: {what}: {why}", error.column().max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_whole_whatever_the_data_say() {
        let error = serde_json::from_str::<u8>(r#""cut at line 3 of it""#).unwrap_err();
        let told = malformed(7, "no number", &error).to_string();
        assert!(
            told.starts_with("stdin:7:") && told.contains("cut at line 3 of it") && !told.contains("at line 1"),
            "{told}"
        );
    }
}
