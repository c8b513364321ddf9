//! What a metric was hour by hour, over the days before.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Mean, metric::median::median};
use crate::domain::{Side, Span, Timestamp};

const HOUR: Span = Span::from_hours(1);
const DAY: usize = 24;
/// Days before that an hour is set against: a week, for the days of one are not alike.
const DAYS: usize = 7;
/// Hours kept: those of them, and what lies beside.
const KEPT: usize = DAY * (DAYS + 1);
/// Days whose differences say how much a metric moves from day to day.
const RECENT: usize = 5;
/// Means of an hour that are kept until it is over.
const MOST: usize = 12;

/// Medians of whole hours: one odd value, a job of twenty minutes or a restart does not move them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hours {
    /// The hour that is not over, and its means.
    filling: Option<(Timestamp, Vec<f64>)>,
    /// Those that are, oldest first; NaN where there was no value.
    kept: VecDeque<f32>,
}

/// What other days say of an hour, with trouble above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OtherDays {
    /// The highest at this hour, or the one before or after it, on any of them.
    pub highest: f64,
    /// The least of the same hours.
    pub lowest: f64,
    /// How much an hour differs from that of the day before: a robust standard deviation.
    pub spread: f64,
}

impl Hours {
    /// Takes a mean of five minutes (or what comes more rarely), in their order; a clock that was set back begins anew.
    pub(super) fn observe(&mut self, mean: &Mean) {
        let hour = mean.at.floor(HOUR);
        match &mut self.filling {
            Some((at, means)) if *at == hour => {
                if means.len() < MOST {
                    means.push(mean.value);
                }
                return;
            }
            Some((at, _)) if hour < *at => self.kept.clear(),
            Some((at, means)) => {
                let missed = (hour - *at).0 / HOUR.0 - 1;
                let gap = usize::try_from(missed).unwrap_or(0).min(KEPT);
                self.kept
                    .push_back(median(means).map_or(f32::NAN, |value| value as f32));
                self.kept.extend(std::iter::repeat_n(f32::NAN, gap));
                let over = self.kept.len().saturating_sub(KEPT);
                self.kept.drain(..over);
            }
            None => {}
        }
        self.filling = Some((hour, vec![mean.value]));
    }

    /// The newest hour that is over, when it began and its median; `None` before the first, and where it had no value.
    #[must_use]
    pub fn newest(&self) -> Option<(Timestamp, f64)> {
        let (at, _) = self.filling.as_ref()?;
        let value = *self.kept.back()?;
        value.is_finite().then_some((*at - HOUR, f64::from(value)))
    }

    /// The time that is known.
    #[must_use]
    pub fn known(&self) -> Span {
        HOUR * self.kept.len() as i64
    }

    /// What other days say of the newest hour, trouble being on `side`; `None` where none of them is known.
    #[must_use]
    pub fn other_days(&self, side: Side) -> Option<OtherDays> {
        let newest = self.kept.len().checked_sub(1)?;
        let value = |place: usize| side.upright(f64::from(self.kept[place]));
        let days = (1..=DAYS).map_while(|ago| newest.checked_sub(ago * DAY));
        let around = days.flat_map(|place| place.saturating_sub(1)..=place + 1);
        let (lowest, highest) = around
            .map(value)
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        // The newest hours are what is asked about.
        let from = self.kept.len().saturating_sub(RECENT * DAY).max(DAY);
        let differ = (from..newest.saturating_sub(4)).map(|place| value(place) - value(place - DAY));
        let mut differ: Vec<f64> = differ.filter(|by| by.is_finite()).collect();
        let middle = median(&mut differ)?;
        differ.iter_mut().for_each(|by| *by = (*by - middle).abs());
        let spread = 1.4826 * median(&mut differ)?;
        highest.is_finite().then_some(OtherDays {
            highest,
            lowest,
            spread,
        })
    }

    /// The peaks of the last days, the newest first, each with how long after this time of the day it begins to be beyond `bound`, where it does: all
    /// with trouble, which lies on `side`, above.
    #[must_use]
    pub fn peaks(&self, side: Side, bound: f64) -> Vec<(f64, Option<Span>)> {
        let all: Vec<f64> = self.kept.iter().map(|value| side.upright(f64::from(*value))).collect();
        let days = all.rchunks_exact(DAY).take(DAYS).map(|day| {
            let peak = day.iter().copied().filter(|value| value.is_finite());
            let beyond = day.iter().position(|value| *value >= bound);
            (
                peak.fold(f64::NEG_INFINITY, f64::max),
                beyond.map(|place| HOUR * place as i64),
            )
        });
        days.filter(|(peak, _)| peak.is_finite()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Point, shadow::Slow};

    const START: Timestamp = Timestamp::from_secs(1_736_121_600);

    /// Values every five minutes for `hours`.
    fn hours(hours: i64, value: impl Fn(i64) -> f64) -> Hours {
        let mut slow = Slow::default();
        for place in 0..=hours * 12 {
            let at = START + Slow::STEP * place;
            let value = value(place);
            slow.observe(Point { at, value }, Slow::STEP);
        }
        slow.hours.clone()
    }

    #[test]
    fn an_hour_is_set_against_the_same_of_other_days() {
        // 10 by night, 50 in the afternoon; spikes of one value, and a job of twenty minutes.
        let value = |place: i64| match (place / 12 % 24, place) {
            (_, place) if place % 101 == 0 => 900.0,
            (3, place) if place % 12 < 4 => 700.0,
            (12..20, _) => 50.0 + (place / 288 % 3) as f64,
            _ => 10.0,
        };
        let known = hours(3 * 24 + 14, value);
        let (at, newest) = known.newest().unwrap();
        assert_eq!((at, newest), (START + Span::from_hours(3 * 24 + 13), 50.0));
        let other = known.other_days(Side::Above).unwrap();
        assert_eq!((other.highest, other.lowest), (52.0, 50.0));
        assert!(other.spread < 2.0, "{other:?}");
        let peaks = known.peaks(Side::Above, 51.0);
        assert_eq!(
            peaks.iter().map(|(peak, _)| *peak).collect::<Vec<_>>(),
            [52.0, 52.0, 51.0]
        );
        assert_eq!(peaks[2].1, Some(Span::from_hours(22)));
        let below = known.other_days(Side::Below).unwrap();
        assert_eq!((below.highest, below.lowest), (-50.0, -52.0));
    }

    #[test]
    fn gaps_are_no_values_and_what_is_kept_is_bounded() {
        let mut known = hours(30, |_| 1.0);
        let mut late = Slow::default();
        late.observe(
            Point {
                at: START + Span::from_days(400),
                value: 2.0,
            },
            Slow::STEP,
        );
        known.observe(late.newest().unwrap());
        assert_eq!((known.kept.len(), known.newest()), (KEPT, None));
        assert_eq!(known.other_days(Side::Above), None);
        assert!(known.peaks(Side::Above, 0.0).is_empty());
        // Set back: what is ahead is forgotten.
        let mut early = Slow::default();
        early.observe(Point { at: START, value: 2.0 }, Slow::STEP);
        known.observe(early.newest().unwrap());
        assert_eq!(known.known(), Span::ZERO);
    }
}
