//! Units of numbers, and how a number with a unit is written.

use serde::{Deserialize, Serialize};

/// What a number counts. Values are kept in the base unit named here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A plain number: load, ratio, version part.
    #[default]
    None,
    /// 0 to 100.
    Percent,
    /// Bytes.
    Bytes,
    /// Bytes a second.
    BytesPerSec,
    /// Things a second.
    PerSec,
    /// Whole things: processes, sockets, files.
    Count,
    /// Seconds.
    Secs,
    /// Degrees Celsius.
    Celsius,
    /// Cycles a second.
    Hertz,
    /// Processor cores (`1000m` is 1).
    Cores,
}

impl Unit {
    /// The unit as written after a number (`%`, `/s`, …); empty where none is written.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None | Self::Count | Self::Cores => "",
            Self::Percent => "%",
            Self::Bytes => "B",
            Self::BytesPerSec => "B/s",
            Self::PerSec => "/s",
            Self::Secs => "s",
            Self::Celsius => "C",
            Self::Hertz => "Hz",
        }
    }

    /// Writes `value` in at most about eight cells: `4.1 %`, `24.0G`, `38/s`, `1.2M/s`, `250 ms`. Not-a-number is `-`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        self.show_in(value, 0)
    }

    /// Writes a difference of two values with its sign: `+3.1G`; of per cents in points, `-46.9 points`: half of 20 % is 10 points less, and 50 % less.
    #[must_use]
    pub fn signed(self, value: f64) -> String {
        self.as_difference(value, self.show(value))
    }

    /// A difference `value` that is written as the value `shown`, with its sign and in points where it is one of per cents.
    #[must_use]
    pub fn as_difference(self, value: f64, shown: String) -> String {
        let number = shown.strip_suffix('%').filter(|_| self == Self::Percent);
        let told = number.map_or_else(
            || shown.clone(),
            |number| {
                let one = matches!(number.trim(), "1" | "-1");
                format!("{number}point{}", if one { "" } else { "s" })
            },
        );
        // What is shown as nothing has no sign.
        let nothing = !shown.contains(|c: char| ('1'..='9').contains(&c));
        format!("{}{told}", if value > 0.0 && !nothing { "+" } else { "" })
    }

    /// Writes all `values` alike, with as many more digits, at most four, as it takes to tell apart those that differ.
    #[must_use]
    pub fn apart<const N: usize>(self, values: [f64; N]) -> [String; N] {
        let told = |more| values.map(|value| self.show_in(value, more));
        let apart = |texts: &[String; N]| {
            let pairs = (0..N).flat_map(|a| (0..a).map(move |b| (a, b)));
            let mut same = pairs.filter(|(a, b)| texts[*a] == texts[*b]);
            // Bands are kept in single precision: beyond six digits nothing is said.
            same.all(|(a, b)| {
                let (a, b) = (values[a], values[b]);
                !a.is_finite() || !b.is_finite() || (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
            })
        };
        (0..4).map(told).find(apart).unwrap_or_else(|| told(4))
    }

    /// [`Self::show`] with `more` digits.
    fn show_in(self, value: f64, more: usize) -> String {
        let short = |value| short(value, more);
        let scaled = |value, base| scaled(value, base, more);
        if !value.is_finite() {
            return "-".into();
        }
        match self {
            // So small a share is none.
            Self::Percent if value.abs() < 5e-4 => "0 %".into(),
            Self::Percent => format!("{} %", short(value)),
            Self::Bytes => scaled(value, 1024.0),
            Self::BytesPerSec => format!("{}/s", scaled(value, 1024.0)),
            Self::PerSec => format!("{}/s", scaled(value, 1000.0)),
            Self::Hertz => format!("{}Hz", scaled(value, 1000.0)),
            Self::Celsius => format!("{} C", short(value)),
            Self::Secs if value != 0.0 && value.abs() < 1e-3 => format!("{} us", short(value * 1e6)),
            Self::Secs if value != 0.0 && value.abs() < 1.0 => format!("{} ms", short(value * 1e3)),
            Self::Secs if value.abs() < 600.0 => format!("{} s", short(value)),
            Self::Secs => super::Span((value * 1e6) as i64).to_string(),
            Self::None | Self::Count | Self::Cores => scaled(value, 1000.0),
        }
    }
}

/// Three digits that matter and `more`, no trailing zeros: `4.1`, `0.04`, `1234`, `12`, `1e20`.
fn short(value: f64, more: usize) -> String {
    let size = value.abs();
    let text = match size {
        s if s >= 1e7 => return format!("{value:.1e}").replace(".0e", "e"),
        s if s >= 100.0 || s == 0.0 => format!("{value:.0$}", more),
        s if s >= 10.0 => format!("{value:.0$}", 1 + more),
        s if s >= 1.0 => format!("{value:.0$}", 2 + more),
        s if s >= 0.001 => format!("{value:.0$}", 3 + more),
        // What rounding left over is nothing.
        s if s < 1e-9 => return "0".into(),
        _ => return format!("{value:.0e}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn scaled(value: f64, base: f64, more: usize) -> String {
    const STEPS: [&str; 9] = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
    // Counts below ten thousand are written out: 4096 says more than 4.1k.
    if base == 1000.0 && value.abs() < 10_000.0 {
        return short(value, more);
    }
    // Beyond the last prefix a number is no quantity that anyone knows by name.
    if value.abs() >= base.powi(STEPS.len() as i32) {
        return short(value, more);
    }
    let (mut shown, mut step) = (value, 0);
    while shown.abs() >= base && step + 1 < STEPS.len() {
        shown /= base;
        step += 1;
    }
    format!("{}{}", short(shown, more), STEPS[step])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_never_raw() {
        assert_eq!(Unit::Percent.show(4.12), "4.12 %");
        assert_eq!(Unit::Percent.show(3e-5), "0 %");
        assert_eq!(Unit::Percent.signed(-46.9), "-46.9 points");
        assert_eq!(Unit::Percent.signed(1.0), "+1 point");
        assert_eq!(Unit::Percent.signed(3e-5), "0 points");
        assert_eq!(Unit::Bytes.signed(3e9), "+2.79G");
        assert_eq!(Unit::Percent.show(0.02), "0.02 %");
        assert_eq!(Unit::Bytes.show(24.0 * 1024f64.powi(3)), "24G");
        assert_eq!(Unit::PerSec.show(38.0), "38/s");
        assert_eq!(Unit::Count.show(4096.0), "4096");
        assert_eq!(Unit::Count.show(1_500_000.0), "1.5M");
        assert_eq!(Unit::Secs.show(0.25), "250 ms");
        assert_eq!(Unit::None.show(f64::NAN), "-");
    }

    #[test]
    fn what_differs_is_told_apart_and_what_does_not_has_no_more_digits() {
        assert_eq!(Unit::None.apart([37.41, 37.44]), ["37.41", "37.44"]);
        assert_eq!(Unit::Count.apart([4096.0, 4096.25]), ["4096", "4096.2"]);
        assert_eq!(Unit::Percent.apart([12.0, 13.5, 12.0]), ["12 %", "13.5 %", "12 %"]);
        assert_eq!(
            Unit::Bytes.apart([1e9, 1e9 + 1.0]),
            [Unit::Bytes.show(1e9), Unit::Bytes.show(1e9)]
        );
        assert_eq!(Unit::None.apart([f64::NAN, 100.0]), ["-", "100"]);
    }

    #[test]
    fn hostile_numbers_are_written_too() {
        for value in [1e300, -1e300, f64::MAX, 1e18, 9.999e26, -123_456_789.0, 1e-300] {
            for unit in [
                Unit::Bytes,
                Unit::BytesPerSec,
                Unit::PerSec,
                Unit::Hertz,
                Unit::Percent,
                Unit::Celsius,
                Unit::None,
            ] {
                let shown = unit.show(value);
                assert!(shown.len() <= 11, "{value}: {shown}");
            }
        }
        assert_eq!(Unit::None.show(1e308), "1e308");
    }
}
