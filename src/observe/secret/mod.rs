//! What must not be seen: passwords, tokens, keys. Settings keep only their keyed hash, log lines lose them.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use all of it")
)]

mod command;
mod directive;
mod find;
mod name;
mod phrase;
mod place;
mod quote;
#[cfg(test)]
mod tests;
mod token;

use std::{borrow::Cow, ops::Range};

use self::{directive::secret_by_directive, name::secret_by_name, place::in_places};
pub(super) use self::{
    find::secrets,
    name::words,
    place::{is_name_field, is_value_field},
    token::is_digest,
};
use crate::domain::{SecretHash, Value};

/// Longest text that is kept as it is, bytes; of a longer one only its length and hash are.
const LONGEST: usize = 1024;

/// The value of the setting `name` with the content `text`: typed, or only its keyed hash when it is or holds a secret.
pub(super) fn redact(name: &str, text: &str, key: &[u8; 32]) -> Value {
    let trimmed = text.trim();
    if is_secret(name, trimmed) || holds_secret(trimmed) {
        return Value::Secret(SecretHash::of(key, trimmed.as_bytes()));
    }
    if trimmed.len() > LONGEST {
        let hash = blake3::hash(trimmed.as_bytes()).to_hex();
        return Value::text(&format!("{} bytes, blake3 {}", trimmed.len(), &hash[..16]));
    }
    Value::infer(trimmed)
}

/// Whether a secret stands somewhere in `text`.
pub(super) fn holds_secret(text: &str) -> bool {
    secrets(text).next().is_some()
}

/// Whether a setting of this name has a secret as its value.
pub(super) fn is_secret(name: &str, text: &str) -> bool {
    secret_by_name(name, text) || secret_by_directive(name, text)
}

/// Whether a variable of this name, told as a name and a value beside each other, has a secret as its value.
pub(super) fn is_secret_variable(name: &str, text: &str) -> bool {
    let counts = text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    // Where it stands, how long it lasts and what refers to it is no secret.
    let harmless = counts || name::harmless(text) || matches!(Value::infer(text), Value::Quantity(_));
    is_secret(name, text) || name::speaks_of_secret(name) && !harmless
}

/// Whether a secret stands anywhere in the text of a file, by its look or by its place.
pub(super) fn holds_secret_in_places(text: &str) -> bool {
    holds_secret(text) || !in_places(text, true).is_empty()
}

/// Whether the last of the words of a command is a secret because of those before it.
pub(super) fn ends_in_secret(words: &[&str]) -> bool {
    let [before @ .., last] = words else { return false };
    let option = before.last().is_some_and(|word| word.starts_with('-')) || last.starts_with('-');
    option && last.len() <= 200 && {
        let line = words.join(" ");
        let start = line.len() - last.len();
        secrets(&line).any(|range| range.end > start)
    }
}

/// Whether a line of a file of no known format gives a secret to a word it begins with (`requirepass x`, `enable password x`).
pub(super) fn is_secret_line(line: &str) -> bool {
    let (name, text) = line.trim().split_once(char::is_whitespace).unwrap_or((line, ""));
    // A sentence that begins with such a word goes on for longer.
    text.split_ascii_whitespace().count() <= 3 && is_secret(name, text.trim()) || secret_by_directive(name, text.trim())
}

/// `name` with every secret in it replaced by its keyed hash, before it becomes part of an id: names are made of commands,
/// of conditions and of what a table is looked up by.
pub(super) fn safe_name<'t>(name: &'t str, key: &[u8; 32]) -> Cow<'t, str> {
    match directive::table_key(name) {
        Some(range) => replaced(name, vec![range], |secret| {
            format!("{:?}", SecretHash::of(key, secret.as_bytes()))
        }),
        None => mask(name, key, false),
    }
}

/// `text` with every secret in it replaced by `***`.
pub(super) fn scrub(text: &str) -> Cow<'_, str> {
    replaced(text, secrets(text).collect(), |_| "***".into())
}

/// `text` with every secret in it replaced by its keyed hash, so that it still differs where they do. A text that as a whole only looks
/// random stays readable when `random` says that it may.
pub(super) fn mask<'t>(text: &'t str, key: &[u8; 32], random: bool) -> Cow<'t, str> {
    replaced(text, find::all(text, random).collect(), |secret| {
        format!("{:?}", SecretHash::of(key, secret.as_bytes()))
    })
}

/// `text` with every secret in it replaced by its keyed hash, those too that only their place tells: behind a name, below it, between
/// its tags. `random` as in [`mask`].
pub(super) fn mask_text<'t>(text: &'t str, key: &[u8; 32], random: bool) -> Cow<'t, str> {
    let ranges = find::all(text, random).chain(in_places(text, false));
    replaced(text, ranges.collect(), |secret| {
        format!("{:?}", SecretHash::of(key, secret.as_bytes()))
    })
}

/// `text`, a file's, with every secret in it replaced that its place tells.
pub(super) fn mask_places<'t>(text: &'t str, key: &[u8; 32]) -> Cow<'t, str> {
    replaced(text, in_places(text, true), |secret| {
        format!("{:?}", SecretHash::of(key, secret.as_bytes()))
    })
}

/// The same of a rule about commands, in which `NOPASSWD: ALL` says that none is asked for.
pub(super) fn mask_rule<'t>(rule: &'t str, key: &[u8; 32]) -> Cow<'t, str> {
    let tag = |range: &Range<usize>| rule[..range.start].trim_end().ends_with("PASSWD:");
    replaced(rule, secrets(rule).filter(|range| !tag(range)).collect(), |secret| {
        format!("{:?}", SecretHash::of(key, secret.as_bytes()))
    })
}

fn replaced(text: &str, mut ranges: Vec<Range<usize>>, with: impl Fn(&str) -> String) -> Cow<'_, str> {
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    ranges.sort_by_key(|range| range.start);
    let (mut clean, mut done) = (String::with_capacity(text.len()), 0);
    let mut ranges = ranges.into_iter().peekable();
    while let Some(mut range) = ranges.next() {
        // Of ranges that overlap all is one secret, so that no part of it is lost.
        while let Some(next) = ranges.next_if(|next| next.start < range.end) {
            range.end = range.end.max(next.end);
        }
        clean.push_str(&text[done..range.start]);
        clean.push_str(&with(&text[range.clone()]));
        done = range.end;
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
}
