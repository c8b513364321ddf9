//! What goes into a cell.

use serde::Serialize;

use super::keys::unreadable;
use crate::domain::{Timestamp, packed};

/// Microseconds within the years that calendars know.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.0.clamp(
        jiff::Timestamp::MIN.as_microsecond(),
        jiff::Timestamp::MAX.as_microsecond(),
    )
}

/// As a single-precision number; not-a-number is 0, what is too large is the largest.
pub(super) fn single(value: f64) -> f32 {
    finite(value).clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

pub(super) fn finite(value: f64) -> f64 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(f64::MIN, f64::MAX)
    }
}

/// The word that serde has for a variant without content.
pub(super) fn word(variant: &impl Serialize) -> String {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<String, duckdb::Error> {
    serde_json::to_string(value).map_err(|error| unreadable(0, error))
}

pub(super) fn packed(value: &impl Serialize) -> Result<Vec<u8>, duckdb::Error> {
    packed::pack(value).map_err(|error| unreadable(0, error))
}
