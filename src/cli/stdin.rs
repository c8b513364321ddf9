//! What is wrong with a line of JSON on stdin.

use crate::cli::Usage;

/// `stdin:LINE:COLUMN: WHAT: why`, of the line `number` from 1.
pub(super) fn malformed(number: usize, what: &str, error: &serde_json::Error) -> Usage {
    let why = error.to_string();
    // Each line is read by itself: it is no line 1 to whoever wrote it.
    let why = why.split(" at line ").next().unwrap_or(&why);
    Usage(format!("stdin:{number}:{}: {what}: {why}", error.column().max(1)))
}
