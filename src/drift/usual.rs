//! What is usual for a metric, and what is far enough from it to matter.

use crate::{
    domain::{Span, Timestamp, Unit},
    shadow::Metric,
};

/// Times a metric came to a level that make it a habit, and the share of its minutes there that makes it its own.
const HABIT: usize = 2;
pub(super) const SHARE: f64 = 0.3;
/// How near to this time of the day a habit of other days came.
const NEAR: Span = Span::from_hours(1);

/// The range of what was usual in the minutes before `before`, and half as wide again on each side (fences as Tukey 1977 sets them
/// about quartiles; wider for few minutes). `None` for fewer than five.
///
/// A level is usual when the metric spent `share` of its minutes there, or came there from elsewhere at least twice. So what
/// recurs is usual soon; what was there when watching began (a build, a start) and is over is not, nor is one hog.
pub(super) fn usual(metric: &Metric, before: Timestamp, share: f64) -> Option<(f64, f64)> {
    let past = metric.minutes.iter();
    let past = past.filter(|minute| minute.at + Span::from_mins(1) <= before);
    let lasts: Vec<f64> = past.map(|minute| minute.last).collect();
    if lasts.len() < 5 {
        return None;
    }
    let high = reached(&lasts, share);
    let low = -reached(&lasts.iter().map(|value| -value).collect::<Vec<f64>>(), SHARE);
    let fence = (0.5 + 5.0 / lasts.len() as f64) * (high - low).abs();
    Some((low.min(high) - fence, high.max(low) + fence))
}

/// The range that `metric` came to at this time of the day on two of the days before, and half as wide again on each side; `None` where two
/// such days are not known.
pub(super) fn on_other_days(metric: &Metric, at: Timestamp) -> Option<(f64, f64)> {
    let (low, high) = metric.shadow.twice_around(at, NEAR)?;
    let fence = 0.5 * (high - low);
    Some((low - fence, high + fence))
}

/// The time that `metric` spent above `level` in the minutes before `before`.
pub(super) fn spent_above(metric: &Metric, level: f64, before: Timestamp) -> Span {
    let minute = Span::from_mins(1);
    let past = metric.minutes.iter().filter(|known| known.at + minute <= before);
    minute * past.filter(|minute| minute.last > level).count() as i64
}

/// The highest usual level of `minutes`, oldest first, not empty.
fn reached(minutes: &[f64], least: f64) -> f64 {
    let mut levels = minutes.to_vec();
    levels.sort_by(|a, b| b.total_cmp(a));
    let median = levels[levels.len() / 2];
    let usual = |(count, level): &(usize, &f64)| {
        let share = (count + 1) as f64 / minutes.len() as f64;
        share >= least || rises(minutes, **level, f64::midpoint(**level, median)) >= HABIT
    };
    levels
        .iter()
        .enumerate()
        .find(usual)
        .map_or(median, |(_, level)| *level)
}

/// How often `minutes` rose to `level` from below `valley`. Being there at the first minute is no rise: nobody saw it come.
fn rises(minutes: &[f64], level: f64, valley: f64) -> usize {
    let (mut rises, mut came, mut below) = (0, false, false);
    for value in minutes {
        if *value <= valley && *value < level {
            (came, below) = (false, true);
        } else if *value >= level && below && !came {
            (rises, came) = (rises + 1, true);
        }
    }
    rises
}

/// How far beyond `edge` a value must be for a person to care: a tenth of it, and a least amount by unit.
pub(super) fn matters(unit: Unit, edge: f64) -> f64 {
    let least = match unit {
        Unit::Percent | Unit::Celsius => 2.0,
        Unit::Count => 5.0,
        Unit::None | Unit::Cores => 0.25,
        Unit::PerSec => 5.0,
        Unit::Bytes => 4_194_304.0,
        Unit::BytesPerSec => 65_536.0,
        Unit::Secs => 1e-3,
        Unit::Hertz => 1e6,
    };
    f64::max(least, 0.1 * edge.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_usual_by_habit_or_by_share_and_not_by_having_been_there_first() {
        let calm = |count: usize| (0..count).map(|place| 2.0 + (place % 3) as f64);
        let busy = [88.0, 99.0, 83.0];
        let first: Vec<f64> = busy.into_iter().chain(calm(10)).collect();
        assert!(
            reached(&first, SHARE) < 6.0,
            "a build at the start: {}",
            reached(&first, SHARE)
        );
        let once: Vec<f64> = calm(20).chain(busy).chain(calm(20)).collect();
        assert!(reached(&once, SHARE) < 6.0, "one hog: {}", reached(&once, SHARE));
        let twice: Vec<f64> = once.iter().copied().chain(busy).chain(calm(20)).collect();
        assert!(reached(&twice, SHARE) >= 83.0, "a habit: {}", reached(&twice, SHARE));
        let long: Vec<f64> = busy.into_iter().cycle().take(9).chain(calm(20)).collect();
        assert!(
            reached(&long, SHARE) >= 83.0,
            "three tenths of the time: {}",
            reached(&long, SHARE)
        );
        assert!(
            reached(&long, f64::INFINITY) < 6.0,
            "one spell is no habit: {}",
            reached(&long, f64::INFINITY)
        );
        assert_eq!(reached(&[7.0; 5], SHARE), 7.0);
    }
}
