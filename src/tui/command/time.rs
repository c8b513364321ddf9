//! Times as people type them.

use jiff::{civil, tz::TimeZone};

use crate::domain::{Span, Timestamp};

/// Reads `now`, `-2h`, `13:00`, `13:00:30` (the last time it was so), `2026-03-12 13:00`, `12 Mar 13:00`, or RFC 3339.
pub(super) fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    if text == "now" {
        return Some(now);
    }
    if let Some(ago) = text.strip_prefix('-') {
        let ago: Span = ago.parse().ok()?;
        return (ago.0 >= 0).then(|| now - ago);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local = |at: civil::DateTime| {
        let zoned = at.to_zoned(zone.clone()).ok()?;
        Some(Timestamp(zoned.timestamp().as_microsecond()))
    };
    let today = now.to_jiff().to_zoned(zone.clone()).date();
    let clock = civil::Time::strptime("%H:%M:%S", text).or_else(|_| civil::Time::strptime("%H:%M", text));
    if let Ok(clock) = clock {
        return local(today.to_datetime(clock))
            .filter(|at| *at <= now)
            .or_else(|| local(today.yesterday().ok()?.to_datetime(clock)));
    }
    let with_year = format!("{} {text}", today.year());
    civil::DateTime::strptime("%Y-%m-%d %H:%M", text)
        .or_else(|_| civil::DateTime::strptime("%Y %d %b %H:%M", &with_year))
        .or_else(|_| text.parse())
        .ok()
        .and_then(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local_and_the_last_ones() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now: Timestamp = "2026-03-14T12:32:00Z".parse().unwrap();
        let at = |text: &str| read(text, now, &zone).map(|at| at.to_string());
        assert_eq!(at("13:00").as_deref(), Some("2026-03-14T11:00:00Z"));
        assert_eq!(at("14:32:01").as_deref(), Some("2026-03-13T12:32:01Z"));
        assert_eq!(at("-90m").as_deref(), Some("2026-03-14T11:02:00Z"));
        assert_eq!(at("2026-03-12 13:00").as_deref(), Some("2026-03-12T11:00:00Z"));
        assert_eq!(at("12 Mar 13:00").as_deref(), Some("2026-03-12T11:00:00Z"));
        assert_eq!(at("2026-03-12T13:00:00+01:00").as_deref(), Some("2026-03-12T12:00:00Z"));
        assert_eq!(at("now").as_deref(), Some("2026-03-14T12:32:00Z"));
        for bad in ["", "soon", "25:00", "--2h", "-", "13"] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }
}
