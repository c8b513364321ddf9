//! Numbers, sizes and spans as they stand in a settings file.

use toml::de::DeValue;

use super::{GIB, MIB};
use crate::domain::{Quantity, Span, Unit, text::visible};

/// A whole or broken number; `None` for anything else and for what no 64-bit float holds.
#[must_use]
pub fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(int) => i64::from_str_radix(int.as_str(), int.radix())
            .ok()
            .map(|int| int as f64),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    }
    .filter(|number: &f64| number.is_finite())
}

/// A text as a TOML basic string, control characters escaped.
#[must_use]
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A size in bytes: a text with a unit, or a whole number.
pub(super) fn size(value: &DeValue<'_>) -> Option<u64> {
    let bytes = match value {
        DeValue::String(text) => {
            let quantity: Quantity = text.parse().ok()?;
            (quantity.unit() == Unit::Bytes).then(|| quantity.base())?
        }
        DeValue::Integer(_) => number(value)?,
        _ => return None,
    };
    (bytes >= 0.0).then_some(bytes as u64)
}

/// What stands in the file, short: `"soon"`, `the number 2`, `a list`.
pub(super) fn written(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let short: String = text.chars().take(40).collect();
            format!("\"{}\"", visible(&short))
        }
        DeValue::Integer(int) => format!("the number {int}"),
        DeValue::Float(float) => format!("the number {float}"),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

/// A span in the largest unit that leaves no rest: `2s`, `10m`, `730d`.
pub(super) fn span_text(span: Span) -> String {
    const UNITS: [(i64, &str); 5] = [
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "m"),
        (1_000_000, "s"),
        (1_000, "ms"),
    ];
    let (size, unit) = UNITS
        .into_iter()
        .find(|(size, _)| span.0 % size == 0)
        .unwrap_or((1, "us"));
    format!("{}{unit}", span.0 / size)
}

/// A size in the largest unit that leaves no rest: `2GiB`.
pub(super) fn size_text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (1 << 10, "KiB")];
    let (size, unit) = UNITS
        .into_iter()
        .find(|(size, _)| bytes.is_multiple_of(*size))
        .unwrap_or((1, "B"));
    format!("{}{unit}", bytes / size)
}
