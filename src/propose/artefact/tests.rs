//! What is run for every kind of setting, as it came, went or changed.

mod edits;
mod files;
mod network;
mod safe;
mod system;
mod units;

use super::*;
use crate::domain::ResourceId;

/// Nothing is known of the host.
fn nothing(_: &SeriesId) -> Option<Value> {
    None
}

/// The text for settings as `(name, was, wanted)`; lists as `a b c=1`, prefixed with `[]`.
fn text(settings: &[(&str, Option<&str>, Option<&str>)]) -> Option<String> {
    let value = |text: &str| match text.strip_prefix("[]") {
        Some(items) => Value::list(
            items
                .split_whitespace()
                .map(|item| match item.split_once('=') {
                    Some((key, value)) => (key.into(), Value::text(value)),
                    None => (item.into(), Value::Bool(true)),
                })
                .collect(),
        ),
        None => Value::infer(text),
    };
    let held: Vec<(SeriesId, Option<Value>, Option<Value>)> = settings
        .iter()
        .map(|(name, was, wants)| {
            let id = SeriesId::new(&ResourceId::new("host", "a"), name);
            (id, was.map(value), wants.map(value))
        })
        .collect();
    let wanted: Vec<Wanted<'_>> = held
        .iter()
        .map(|(id, was, value)| Wanted {
            id,
            was: was.as_ref(),
            value: value.as_ref(),
        })
        .collect();
    set(&wanted, &nothing).map(|way| way.artefact.text)
}

/// Mode and owner of a file that is new.
const NEW: &str = "[]mode=0644 owner=0:0";
