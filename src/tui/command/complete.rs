//! Completes the command line.

use super::{COMMANDS, find};
use crate::tui::state::State;

/// The line with its last word completed as far as that is sure; `None` when nothing can be added.
#[must_use]
pub fn complete(state: &State, line: &str) -> Option<String> {
    let (done, last, fitting) = fitting(state, line)?;
    let first = fitting.first()?;
    // Of words that only have it as a part one alone is sure.
    if fitting.len() > 1 && !first.starts_with(last) {
        return None;
    }
    let common = fitting.iter().fold(first.as_str(), |common, word| {
        let same = common.char_indices().zip(word.chars()).find(|((_, a), b)| a != b);
        &common[..same.map_or(common.len().min(word.len()), |((at, _), _)| at)]
    });
    let mut completed = line[..line.len() - last.len()].to_owned();
    completed.push_str(common);
    let takes_more = done == 0 && find(common).is_some_and(|command| !command.args.is_empty());
    if fitting.len() == 1 && takes_more {
        completed.push(' ');
    }
    (completed != line).then_some(completed)
}

/// The words that the last one of the line may become, when there are several.
#[must_use]
pub fn candidates(state: &State, line: &str) -> Vec<String> {
    let several = fitting(state, line)
        .map(|(.., words)| words)
        .filter(|words| words.len() > 1);
    several.unwrap_or_default()
}

/// How many words stand before the last one, the last one, and what it may become: the words that begin so, else those that have it as a part.
fn fitting<'a>(state: &State, line: &'a str) -> Option<(usize, &'a str, Vec<String>)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let open = line.is_empty() || line.ends_with(char::is_whitespace);
    let (done, last) = match words.split_last() {
        Some((last, done)) if !open => (done, *last),
        _ => (words.as_slice(), ""),
    };
    let mut candidates: Vec<String> = match done.split_first() {
        None => COMMANDS.iter().map(|command| command.name.to_owned()).collect(),
        Some((name, args)) => (find(name)?.words)(state, args),
    };
    let begins = candidates.iter().any(|word| word.starts_with(last));
    candidates.retain(|word| match begins || done.is_empty() {
        true => word.starts_with(last),
        false => word.contains(last),
    });
    candidates.dedup();
    Some((done.len(), last, candidates))
}
