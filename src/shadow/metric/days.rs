//! What was at this time on the days before.

use super::{MetricShadow, grid::Grid};
use crate::domain::{Span, Timestamp};

impl MetricShadow {
    /// What it holds of two weeks or more: one value drawn of each step of ten minutes (of an hour where values come more rarely than every
    /// two and a half minutes; of its cadence where that is longer), oldest first, by when the step began. Steps without a value are left out.
    #[must_use]
    pub fn weeks(&self) -> Vec<(Timestamp, f64)> {
        let reaches = |grid: &&Grid| grid.step.0.saturating_mul(grid.window.most() as i64) >= Span::from_days(14).0;
        let Some(grid) = self.grids.iter().find(reaches) else {
            return Vec::new();
        };
        let values = grid.window.values();
        let (end, steps) = (grid.end.floor(grid.step), values.len() as i64);
        let at = |place: usize| end - grid.step * (steps - place as i64);
        let known = values.iter().enumerate().filter(|(_, value)| value.is_finite());
        known.map(|(place, value)| (at(place), *value)).collect()
    }

    /// The least and the greatest value that the metric came to on two of the days before, within `near` of this time of the day: what came
    /// twice is a habit (a nightly job, a quiet weekend). By the finest grid that reaches back three days (two weeks in steps of ten minutes where
    /// values come each minute or oftener); `None` where it does not hold two such days.
    #[must_use]
    pub fn twice_around(&self, at: Timestamp, near: Span) -> Option<(f64, f64)> {
        let reaches = |grid: &&Grid| grid.step.0.saturating_mul(grid.window.most() as i64) >= Span::from_days(3).0;
        let grid = self.grids.iter().find(reaches)?;
        let values = grid.window.values();
        let (day, step) = (Span::from_days(1), grid.step.0.max(1));
        // Finished steps end where the unfinished one begins.
        let end = grid.end.floor(grid.step);
        if at > end + day {
            return None;
        }
        let place = |at: Timestamp| (values.len() as i64).saturating_add((at - end).0.div_euclid(step));
        let mut days: Vec<(f64, f64)> = Vec::new();
        for ago in 1.. {
            let (from, to) = (place(at - day * ago - near), place(at - day * ago + near));
            if to < 0 {
                break;
            }
            let here = (from.max(0)..=to.min(values.len() as i64))
                .filter_map(|place| values.get(usize::try_from(place).ok()?));
            let range = here
                .filter(|value| value.is_finite())
                .fold(None, |range: Option<(f64, f64)>, value| {
                    let (low, high) = range.unwrap_or((*value, *value));
                    Some((low.min(*value), high.max(*value)))
                });
            days.extend(range);
        }
        let second = |of: &mut dyn Iterator<Item = f64>| {
            let mut values: Vec<f64> = of.collect();
            values.sort_by(f64::total_cmp);
            values.get(1).copied()
        };
        let low = second(&mut days.iter().map(|(low, _)| *low))?;
        let high = -second(&mut days.iter().map(|(_, high)| -high))?;
        Some((low, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MetricKind, MetricMeta, Point, Unit};

    #[test]
    fn what_came_on_two_days_at_this_time_is_known() {
        let mut shadow = MetricShadow::new(&MetricMeta {
            id: "host:a/queue.depth".parse().unwrap(),
            unit: Unit::Count,
            kind: MetricKind::Gauge,
            cadence: Span::from_mins(1),
            source: "t".into(),
            limit: None,
        });
        let at = |minutes: i64| Timestamp::from_secs(1_773_619_200) + Span::from_mins(minutes);
        let day = 24 * 60;
        let near = Span::from_mins(30);
        // A job at two in the morning, of 1,500 and a little more each day; one afternoon of 9,000.
        for minute in 0..3 * day + 90 {
            let value = match minute % day {
                120..140 => 1_500.0 + (minute / day) as f64,
                _ if (day + 900..day + 960).contains(&minute) => 9_000.0,
                _ => 5.0,
            };
            shadow.observe(Point { at: at(minute), value });
            if minute < day {
                assert_eq!(shadow.twice_around(at(minute), near), None);
            }
        }
        let around = |minute: i64| shadow.twice_around(at(3 * day + minute), near);
        assert_eq!(around(120), Some((5.0, 1_501.0)));
        assert_eq!(around(120 + 40), Some((5.0, 1_501.0)), "a little late");
        assert_eq!(around(240), Some((5.0, 5.0)));
        assert_eq!(around(930), Some((5.0, 5.0)), "once is no habit");
        for never in [i64::MIN, i64::MAX] {
            assert_eq!(shadow.twice_around(Timestamp(never), near), None);
        }
    }
}
