//! How a command ends: the one place where errors become a line and an exit code.

use crate::{
    cli::{Out, OutError},
    config::ConfigErrors,
    domain::{BadChange, BadId},
    engine::LinkError,
    store::StoreError,
};

/// How a command ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked: 0.
    Done,
    /// There are findings at or above `--fail-on`: 1.
    Findings,
    /// Something of what it was given makes no sense, and was told line by line: 2.
    Faults,
}

/// The user asked for something that cannot be: one line that says what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Tells an error on stderr and gives the exit code: 0 done (or the reader has gone), 1 findings, 2 the user's, 3 ours.
pub fn code(result: anyhow::Result<Exit>, out: &mut Out) -> u8 {
    let result = result.and_then(|exit| Ok(out.flush().map(|()| exit)?));
    let error = match result {
        Ok(Exit::Done) => return 0,
        Ok(Exit::Findings) => return 1,
        Ok(Exit::Faults) => return 2,
        Err(error) => error,
    };
    if matches!(error.downcast_ref(), Some(OutError::Closed)) {
        return 0;
    }
    // What was printed before the error is still worth having.
    let _ = out.flush();
    if let Some(ConfigErrors::Faults(faults)) = error.downcast_ref() {
        for fault in faults {
            out.note(&format!("foreshadow: {fault}"));
        }
        return 2;
    }
    out.note(&format!("foreshadow: {}", one_line(&error)));
    if error.chain().any(is_users) { 2 } else { 3 }
}

/// An error and its causes in one line; a cause that an error already quotes is not told again.
pub(super) fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            let gap = if text.is_empty() { "" } else { ": " };
            text.push_str(gap);
            text.push_str(&cause);
        }
    }
    let parts: Vec<&str> = text.lines().map(str::trim).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// Whether the user can put it right by asking differently.
fn is_users(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<Usage>()
        || cause.is::<ConfigErrors>()
        || cause.is::<BadChange>()
        || cause.is::<BadId>()
        || matches!(cause.downcast_ref(), Some(LinkError::Refused(_)))
        || cause
            .downcast_ref::<StoreError>()
            .is_some_and(|error| !matches!(error, StoreError::Database(_)))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::cli::out::tests::{Gone, Page};

    fn told(result: anyhow::Result<Exit>) -> (u8, String) {
        let notes = Page::default();
        let code = code(result, &mut Out::new(std::io::sink(), notes.clone()));
        (code, notes.text())
    }

    #[test]
    fn errors_are_one_line_and_a_code() {
        assert_eq!(told(Ok(Exit::Done)), (0, String::new()));
        assert_eq!(told(Ok(Exit::Findings)), (1, String::new()));
        assert_eq!(
            told(Err(
                Usage("no metric `x`; `foreshadow metrics` lists them".into()).into()
            )),
            (2, "foreshadow: no metric `x`; `foreshadow metrics` lists them\n".into())
        );
        assert_eq!(
            told(Err(LinkError::Refused("no table\n\n  LINE 1: x".into()).into())),
            (2, "foreshadow: no table LINE 1: x\n".into())
        );
        assert_eq!(
            told(Err(anyhow!("b\u{1b}[2J").context("a"))),
            (3, "foreshadow: a: b\\u{1b}[2J\n".into())
        );
        assert_eq!(told(Err(LinkError::Gone.into())).0, 3);
    }

    #[test]
    fn a_closed_pipe_is_a_quiet_success() {
        let notes = Page::default();
        let mut out = Out::new(Gone, notes.clone());
        assert_eq!(code(Ok(Exit::Findings), &mut out), 0);
        assert_eq!(notes.text(), "");
    }
}
