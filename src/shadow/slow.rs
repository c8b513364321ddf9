//! A metric as a stream of minutes and hours, judged by the detector of streams.

use serde::{Deserialize, Serialize};

use super::{
    Hours,
    anomaly::{Detector, Still, Verdict},
};
use crate::domain::{Point, Span, Timestamp};

/// The slow scale of one metric: means of five minutes, each judged by all before it. A shadow that judges every value remembers
/// hours; this remembers days, and what is usual at each hour of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slow {
    filling: Option<Filling>,
    detector: Detector,
    judged: Option<Mean>,
    /// The hours of the days before.
    #[serde(default)]
    pub hours: Hours,
}

/// Five minutes that are not over.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Filling {
    at: Timestamp,
    mean: f64,
    count: u32,
}

/// The mean of five minutes, and how it was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// When they began.
    pub at: Timestamp,
    /// The mean, in the metric's unit; finite.
    pub value: f64,
    /// How odd it is.
    pub verdict: Verdict,
}

impl Slow {
    /// The time a mean is of.
    pub const STEP: Span = Span::from_mins(5);

    /// Takes a finite value, one of those that come every `cadence`, in their order. Values that come more rarely are judged as they are.
    pub fn observe(&mut self, point: Point, cadence: Span) {
        if cadence >= Self::STEP {
            self.filling = None;
            self.judge(point.at, point.value);
            return;
        }
        let at = point.at.floor(Self::STEP);
        match &mut self.filling {
            Some(filling) if filling.at == at => {
                filling.count = filling.count.saturating_add(1);
                // Equal values have exactly their own mean.
                filling.mean += (point.value - filling.mean) / f64::from(filling.count);
            }
            filling => {
                let over = filling.replace(Filling {
                    at,
                    mean: point.value,
                    count: 1,
                });
                if let Some(over) = over.filter(|over| over.at < at) {
                    self.judge(over.at, over.mean);
                }
            }
        }
    }

    fn judge(&mut self, at: Timestamp, value: f64) {
        let late = |newest: &Mean| at < newest.at && newest.at - at < Detector::SET_BACK;
        // Of values at both ends of what there is the difference is none.
        if value.is_finite() && !self.judged.as_ref().is_some_and(late) {
            let verdict = self.detector.observe(at, value);
            let mean = Mean { at, value, verdict };
            self.hours.observe(&mean);
            self.judged = Some(mean);
        }
    }

    /// The newest five minutes that are over; `None` before the first.
    #[must_use]
    pub const fn newest(&self) -> Option<&Mean> {
        self.judged.as_ref()
    }

    /// How it stands still.
    #[must_use]
    pub fn still(&self) -> Option<Still> {
        self.detector.still()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_100 + secs)
    }

    fn point(secs: i64, value: f64) -> Point {
        Point { at: at(secs), value }
    }

    #[test]
    fn a_mean_is_judged_when_its_time_is_over() {
        let mut slow = Slow::default();
        for place in 0..150 {
            slow.observe(point(place * 2, (place % 3) as f64), Span::from_secs(2));
        }
        assert_eq!(slow.newest(), None);
        slow.observe(point(300, 9.0), Span::from_secs(2));
        let newest = slow.newest().unwrap();
        assert_eq!(newest.at, at(0));
        assert!((newest.value - 1.0).abs() < 1e-12);
        // A clock that was set back begins anew.
        slow.observe(point(-10_000, 5.0), Span::from_secs(2));
        assert_eq!(slow.newest().unwrap().at, at(0));
    }

    #[test]
    fn equal_values_have_their_own_mean_and_huge_ones_are_numbers() {
        let mut slow = Slow::default();
        for place in 0..151 {
            slow.observe(point(place * 2, 0.1 + 0.2), Span::from_secs(2));
        }
        assert_eq!(slow.newest().unwrap().value, 0.1 + 0.2);
        for place in 151..700 {
            let value = if place % 2 == 0 { f64::MAX } else { f64::MIN };
            slow.observe(point(place * 2, value), Span::from_secs(2));
        }
        let newest = slow.newest().unwrap();
        assert!(newest.value.is_finite() && newest.verdict.bits.is_finite());
    }

    #[test]
    fn it_goes_on_after_a_restart_bit_for_bit() {
        let mut slow = Slow::default();
        let value = |place: i64| (place * 7_919 % 101) as f64 / 7.0;
        for place in 0..9_000 {
            slow.observe(point(place * 60, value(place)), Span::from_mins(1));
        }
        let stored = crate::domain::packed::pack(&slow).unwrap();
        assert!(stored.len() < 8_000, "{} bytes", stored.len());
        let mut again: Slow = crate::domain::packed::unpack(&stored).unwrap();
        for place in 9_000..9_500 {
            slow.observe(point(place * 60, value(place)), Span::from_mins(1));
            again.observe(point(place * 60, value(place)), Span::from_mins(1));
            assert_eq!(slow, again);
        }
    }

    #[test]
    fn what_comes_rarely_is_judged_as_it_is() {
        let mut slow = Slow::default();
        slow.observe(point(7, 4.0), Span::from_mins(30));
        assert_eq!(slow.newest().map(|mean| (mean.at, mean.value)), Some((at(7), 4.0)));
    }
}
