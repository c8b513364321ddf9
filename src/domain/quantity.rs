//! Numbers with a unit, as configuration files write them.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Span, Unit};

/// A finite number with a unit, compared by what it amounts to: `1000m` equals `1`, `1Gi` equals `1024Mi`.
///
/// Quantities of different units are unequal and have no order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quantity {
    base: f64,
    unit: Unit,
    written: String,
}

impl Quantity {
    /// A quantity of `base` base units, or `None` when the number is not finite.
    #[must_use]
    pub fn new(base: f64, unit: Unit) -> Option<Self> {
        base.is_finite().then(|| Self {
            base,
            unit,
            written: unit.show(base),
        })
    }

    /// A quantity of `base` base units of what `like` counts, with its suffix where that writes it in three decimals: beside `8GB` it is `14GB`.
    #[must_use]
    pub fn spelled(base: f64, like: &Self) -> Option<Self> {
        let mut quantity = Self::new(base, like.unit)?;
        if let Some(written) = like.spell(base) {
            quantity.written = written;
        }
        Some(quantity)
    }

    fn spell(&self, base: f64) -> Option<String> {
        let (digits, suffix) = self
            .written
            .split_at(self.written.find(|c: char| c.is_ascii_alphabetic() || c == '%')?);
        let number: f64 = digits.trim_end().parse().ok().filter(|number| *number != 0.0)?;
        let wanted = base * number / self.base;
        let rounded = (wanted * 1e3).round() / 1e3;
        let gap = &digits[digits.trim_end().len()..];
        let exact = (wanted - rounded).abs() <= 1e-9 * wanted.abs();
        (exact && wanted.is_finite()).then(|| format!("{rounded}{gap}{suffix}"))
    }

    /// The number in base units (bytes, seconds, percent, cores).
    #[must_use]
    pub fn base(&self) -> f64 {
        self.base
    }

    /// What it counts.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.unit
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let plain = |unit| matches!(unit, Unit::None | Unit::Cores | Unit::Count);
        if self.unit != other.unit && !(plain(self.unit) && plain(other.unit)) {
            return None;
        }
        // 1000m and 1 must be equal although 0.001 has no exact binary form.
        let near = (self.base - other.base).abs() <= 1e-12 * self.base.abs().max(other.base.abs());
        if near {
            Some(Ordering::Equal)
        } else {
            self.base.partial_cmp(&other.base)
        }
    }
}

impl fmt::Display for Quantity {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The text is not a number with a known unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number with a unit")]
pub struct NotAQuantity;

impl FromStr for Quantity {
    type Err = NotAQuantity;

    /// Reads `2.5`, `85%`, `1000m` (thousandths), `512Mi`, `64 KB`, `8G`, `30s`, `250ms`, `1h30m`.
    ///
    /// A bare `m` is thousandths (Kubernetes), not minutes; minutes are `5min` or part of a longer duration.
    fn from_str(text: &str) -> Result<Self, NotAQuantity> {
        let text = text.trim();
        if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') || text.len() > 40 {
            return Err(NotAQuantity);
        }
        let split = text
            .find(|c: char| c.is_ascii_alphabetic() || c == '%')
            .unwrap_or(text.len());
        let (digits, suffix) = (text[..split].trim_end(), &text[split..]);
        let (base, unit) = match (digits.parse::<f64>(), suffix) {
            (Ok(number), "") => (number, Unit::None),
            (Ok(number), "%") => (number, Unit::Percent),
            (Ok(number), "m") => (number / 1000.0, Unit::Cores),
            (Ok(number), "Hz") => (number, Unit::Hertz),
            (Ok(number), suffix) if !number.is_nan() && bytes(suffix).is_some() => {
                (number * bytes(suffix).ok_or(NotAQuantity)?, Unit::Bytes)
            }
            _ if !text.starts_with('-') => (text.parse::<Span>().map_err(|_| NotAQuantity)?.secs_f64(), Unit::Secs),
            _ => return Err(NotAQuantity),
        };
        if !base.is_finite() {
            return Err(NotAQuantity);
        }
        Ok(Self {
            base,
            unit,
            written: text.to_owned(),
        })
    }
}

/// Bytes in one `Ki`, `KiB`, `kB`, `M`, `GB` …: `i` is 1024, without it 1000.
fn bytes(suffix: &str) -> Option<f64> {
    let stem = suffix.strip_suffix('B').unwrap_or(suffix);
    let (letter, base) = match stem.strip_suffix('i') {
        Some(letter) => (letter, 1024.0),
        None => (stem, 1000.0_f64),
    };
    let power = match letter {
        "" if suffix == "B" => 0,
        "k" | "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        "E" => 6,
        _ => return None,
    };
    Some(f64::powi(base, power))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn another_number_is_spelled_like_the_one_before() {
        let spelled = |base: f64, like: &str| {
            let like: Quantity = like.parse().unwrap();
            Quantity::spelled(base, &like).unwrap().to_string()
        };
        assert_eq!(spelled(14e9, "8GB"), "14GB");
        assert_eq!(spelled(1536.0 * 1024.0 * 1024.0, "1 Gi"), "1.5 Gi");
        assert_eq!(spelled(90.0, "60s"), "90s");
        assert_eq!(spelled(0.25, "500m"), "250m");
        assert_eq!(
            spelled(1e9 / 3.0, "1GB"),
            Quantity::new(1e9 / 3.0, Unit::Bytes).unwrap().to_string()
        );
        assert_eq!(
            spelled(60.0, "0s"),
            Quantity::new(60.0, Unit::Secs).unwrap().to_string()
        );
    }

    fn base(text: &str) -> (f64, Unit) {
        let quantity: Quantity = text.parse().unwrap();
        (quantity.base(), quantity.unit())
    }

    #[test]
    fn the_forms_of_configuration_files() {
        assert_eq!(base("512Mi"), (512.0 * 1024.0 * 1024.0, Unit::Bytes));
        assert_eq!(base("64 KB"), (64_000.0, Unit::Bytes));
        assert_eq!(base("1000m"), (1.0, Unit::Cores));
        assert_eq!(base("30s"), (30.0, Unit::Secs));
        assert_eq!(base("1h30m"), (5_400.0, Unit::Secs));
        assert_eq!(base("250ms"), (0.25, Unit::Secs));
        assert_eq!(base("85%"), (85.0, Unit::Percent));
        for bad in ["", "abc", "12 parsecs", "1.2.3", "-", "1e999", "nan"] {
            assert!(bad.parse::<Quantity>().is_err(), "{bad}");
        }
        assert_eq!(
            "30s".parse::<Quantity>().unwrap().partial_cmp(&"30".parse().unwrap()),
            None
        );
    }

    proptest! {
        #[test]
        fn order_is_that_of_the_amount(a in 0u32..100_000, b in 0u32..100_000) {
            let (x, y): (Quantity, Quantity) = (format!("{a}Ki").parse().unwrap(), format!("{b}Ki").parse().unwrap());
            prop_assert_eq!(x.partial_cmp(&y), Some(a.cmp(&b)));
        }

        #[test]
        fn thousandths_equal_their_whole(n in 0u32..1_000_000) {
            let (milli, whole): (Quantity, Quantity) = (format!("{}m", u64::from(n) * 1000).parse().unwrap(), n.to_string().parse().unwrap());
            prop_assert_eq!(milli, whole);
        }
    }
}
