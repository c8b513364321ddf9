//! Points and lengths of time, in whole microseconds.

use std::{
    fmt,
    ops::{Add, AddAssign, Mul, Sub},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A point in time: microseconds since 1970-01-01 UTC. Shown and written to JSON as RFC 3339.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A length of time in microseconds; negative when it goes back. Written to JSON as seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

impl Timestamp {
    /// The time `secs` seconds after the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The start of the grid step of length `step` that holds this time.
    #[must_use]
    pub const fn floor(self, step: Span) -> Self {
        if step.0 <= 0 {
            self
        } else {
            Self(self.0.div_euclid(step.0) * step.0)
        }
    }

    /// The calendar's view of this time; clamped to the years jiff knows.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `secs` seconds.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// `minutes` minutes.
    #[must_use]
    pub const fn from_mins(minutes: i64) -> Self {
        Self::from_secs(minutes.saturating_mul(60))
    }

    /// `hours` hours.
    #[must_use]
    pub const fn from_hours(hours: i64) -> Self {
        Self::from_secs(hours.saturating_mul(3_600))
    }

    /// `days` days of 24 hours.
    #[must_use]
    pub const fn from_days(days: i64) -> Self {
        Self::from_secs(days.saturating_mul(86_400))
    }

    /// The same as its `Display` where that leaves nothing out, else seconds: `5 min`, `2.5 s`, `150 s`.
    #[must_use]
    pub fn exact(self) -> String {
        let unit = match self.0.unsigned_abs() / 1_000_000 {
            0 => 1_000,
            1..=99 => 1_000_000,
            100..=172_799 => 60_000_000,
            172_800..=863_999 => 3_600_000_000,
            _ => 86_400_000_000,
        };
        if self.0 % unit == 0 {
            self.to_string()
        } else {
            format!("{} s", self.secs_f64())
        }
    }

    /// Seconds with their fraction.
    #[must_use]
    pub fn secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl From<Span> for std::time::Duration {
    /// Negative spans become zero.
    fn from(span: Span) -> Self {
        Self::from_micros(u64::try_from(span.0).unwrap_or(0))
    }
}

impl From<std::time::Duration> for Span {
    fn from(duration: std::time::Duration) -> Self {
        Self(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Timestamp {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

impl Add for Span {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Mul<i64> for Span {
    type Output = Self;
    fn mul(self, by: i64) -> Self {
        Self(self.0.saturating_mul(by))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_jiff().fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_microsecond()))
    }
}

/// The two largest units that matter: `45 s`, `3 min`, `3h10`, `2d04`, `30 d`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.unsigned_abs() / 1_000_000;
        let sign = if self.0 < 0 { "-" } else { "" };
        match secs {
            0 if self.0 != 0 => write!(f, "{sign}{} ms", self.0.unsigned_abs() / 1_000),
            0..=99 => write!(f, "{sign}{secs} s"),
            100..=5_999 => write!(f, "{sign}{} min", secs / 60),
            6_000..=172_799 => write!(f, "{sign}{}h{:02}", secs / 3_600, secs % 3_600 / 60),
            172_800..=863_999 => write!(f, "{sign}{}d{:02}", secs / 86_400, secs % 86_400 / 3_600),
            _ => write!(f, "{sign}{} d", secs / 86_400),
        }
    }
}

impl FromStr for Span {
    type Err = jiff::Error;
    /// Reads `30s`, `5m`, `2h`, `1d`, `1h30m` (jiff's friendly durations; a day is 24 hours, a week seven days).
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        let span = text.trim().parse::<jiff::Span>()?;
        let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours())?;
        Ok(Self(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            to.collect_str(self)
        } else {
            to.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            String::deserialize(from)?.parse().map_err(D::Error::custom)
        } else {
            i64::deserialize(from).map(Self)
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() {
            to.serialize_f64(self.secs_f64())
        } else {
            to.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            f64::deserialize(from).map(|secs| Self((secs * 1e6) as i64))
        } else {
            i64::deserialize(from).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_show() {
        assert_eq!("90s".parse::<Span>().unwrap(), Span::from_secs(90));
        assert_eq!("1h30m".parse::<Span>().unwrap(), Span::from_mins(90));
        assert_eq!("14d".parse::<Span>().unwrap(), Span::from_days(14));
        assert!("soon".parse::<Span>().is_err());
        assert_eq!(Span::from_mins(190).to_string(), "3h10");
        assert_eq!(Span::from_hours(52).to_string(), "2d04");
        assert_eq!(Span::from_days(8_449).to_string(), "8449 d");
        assert_eq!(Span(-1_500).to_string(), "-1 ms");
        let exact = [
            Span(2_500_000),
            Span(500_000),
            Span(1_500),
            Span::from_secs(150),
            Span::from_mins(5),
            Span::from_hours(60),
        ];
        assert_eq!(
            exact.map(Span::exact),
            ["2.5 s", "500 ms", "0.0015 s", "150 s", "5 min", "2d12"]
        );
    }

    #[test]
    fn the_grid_holds_before_the_epoch_too() {
        assert_eq!(Timestamp(-1).floor(Span::from_secs(10)), Timestamp::from_secs(-10));
        assert_eq!(
            Timestamp::from_secs(19).floor(Span::from_secs(10)),
            Timestamp::from_secs(10)
        );
    }
}
