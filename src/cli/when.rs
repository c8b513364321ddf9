//! Times as people type and read them, in their own zone. Calendars live at this edge only.

use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use crate::{
    cli::Usage,
    domain::{Span, Timestamp},
};

/// Now, and the zone that times are typed and shown in.
#[derive(Clone, Debug)]
pub struct When {
    /// Now.
    pub now: Timestamp,
    /// The zone.
    pub zone: TimeZone,
}

impl When {
    /// Reads `now`, `-2h`, `13:00` (the last time it was that), `2026-03-12`, `2026-03-12 13:00[:05]` local, or RFC 3339.
    ///
    /// # Errors
    /// Shows the forms.
    pub fn read(&self, text: &str) -> Result<Timestamp, Usage> {
        let text = text.trim();
        if text == "now" {
            return Ok(self.now);
        }
        if let Some(back) = text.strip_prefix('-').and_then(|span| span.parse::<Span>().ok()) {
            return Ok(self.now - back);
        }
        if let Ok(time) = text.parse() {
            return Ok(time);
        }
        let civil = if let Ok(time) = text.parse::<Time>() {
            self.last(time)
        } else if let Ok(date) = text.parse::<Date>()
            && text.len() <= 10
        {
            Some(date.at(0, 0, 0, 0))
        } else {
            text.parse::<DateTime>().ok()
        };
        civil.and_then(|civil| self.at(civil)).ok_or_else(|| {
            Usage(format!(
                "`{text}` is no time: write -2h, 13:00, 2026-03-12, \"2026-03-12 13:00\", or 2026-03-12T13:00:00Z"
            ))
        })
    }

    fn at(&self, civil: DateTime) -> Option<Timestamp> {
        let zoned = civil.to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp(zoned.timestamp().as_microsecond()))
    }

    fn last(&self, time: Time) -> Option<DateTime> {
        let today = self.now.to_jiff().to_zoned(self.zone.clone()).date();
        let civil = today.to_datetime(time);
        if self.at(civil)? <= self.now {
            return Some(civil);
        }
        civil.checked_sub(1.day()).ok()
    }

    /// Writes a local time that is known to lie after `earliest` and no later than `at`, as finely as that is known: `14:32:00` where it is to
    /// the minute, else `14:30-14:32`; of a day and more the days.
    #[must_use]
    pub fn began(&self, earliest: Option<Timestamp>, at: Timestamp) -> String {
        let Some(earliest) = earliest.filter(|earliest| at - *earliest >= Span::from_mins(1)) else {
            return self.show(at);
        };
        let local = |at: Timestamp| at.to_jiff().to_zoned(self.zone.clone());
        let (from, to, today) = (local(earliest), local(at), local(self.now).date());
        if at - earliest >= Span::from_days(1) {
            return format!("{}..{}", from.strftime("%Y-%m-%d"), to.strftime("%Y-%m-%d"));
        }
        let form = if from.date() == today {
            "%H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        let end = if from.date() == to.date() {
            "%H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        format!("{}-{}", from.strftime(form), to.strftime(end))
    }

    /// Writes a local time: `14:32:00` today, else `2026-03-12 14:32:00`.
    #[must_use]
    pub fn show(&self, at: Timestamp) -> String {
        let zoned = at.to_jiff().to_zoned(self.zone.clone());
        let today = self.now.to_jiff().to_zoned(self.zone.clone()).date();
        let form = if zoned.date() == today {
            "%H:%M:%S"
        } else {
            "%Y-%m-%d %H:%M:%S"
        };
        zoned.strftime(form).to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-03-12 14:32:00 in Berlin, an hour before UTC.
    fn when() -> When {
        When {
            now: "2026-03-12T13:32:00Z".parse().unwrap(),
            zone: TimeZone::fixed(jiff::tz::offset(1)),
        }
    }

    #[test]
    fn times_read_as_people_type_them() {
        let read = |text| when().read(text).map(|at| at.to_string());
        assert_eq!(read("now").unwrap(), "2026-03-12T13:32:00Z");
        assert_eq!(read("-2h").unwrap(), "2026-03-12T11:32:00Z");
        assert_eq!(read("-1h30m").unwrap(), "2026-03-12T12:02:00Z");
        assert_eq!(read("13:00").unwrap(), "2026-03-12T12:00:00Z");
        assert_eq!(read("23:00").unwrap(), "2026-03-11T22:00:00Z");
        assert_eq!(read("2026-03-01").unwrap(), "2026-02-28T23:00:00Z");
        assert_eq!(read("2026-03-12 08:15").unwrap(), "2026-03-12T07:15:00Z");
        assert_eq!(read("2026-03-12T08:15:00Z").unwrap(), "2026-03-12T08:15:00Z");
        assert_eq!(read("2026-03-12T08:15:00+02:00").unwrap(), "2026-03-12T06:15:00Z");
        for bad in ["", "-", "soon", "25:00", "2026-13-01", "-soon"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_known_to_a_span_has_no_seconds() {
        let began = |earliest: &str, at: &str| when().began(earliest.parse().ok(), at.parse().unwrap());
        assert_eq!(began("", "2026-03-12T13:30:05Z"), "14:30:05");
        assert_eq!(began("2026-03-12T13:30:00Z", "2026-03-12T13:30:05Z"), "14:30:05");
        assert_eq!(began("2026-03-12T13:20:30Z", "2026-03-12T13:30:05Z"), "14:20-14:30");
        assert_eq!(
            began("2026-03-11T22:50:00Z", "2026-03-12T00:30:05Z"),
            "2026-03-11 23:50-2026-03-12 01:30"
        );
        assert_eq!(
            began("2026-03-09T13:20:30Z", "2026-03-12T13:30:05Z"),
            "2026-03-09..2026-03-12"
        );
    }

    #[test]
    fn times_of_another_day_say_which() {
        assert_eq!(when().show(when().now), "14:32:00");
        assert_eq!(when().show(when().now - Span::from_days(1)), "2026-03-11 14:32:00");
    }

    proptest! {
        #[test]
        fn any_text_is_a_time_or_an_error(text in ".{0,24}") {
            let _ = when().read(&text);
        }

        #[test]
        fn any_time_can_be_shown(at in any::<i64>()) {
            prop_assert!(!when().show(Timestamp(at)).is_empty());
        }
    }
}
