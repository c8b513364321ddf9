//! Learning from an archive: values of before, far apart, that nobody judged when they came.

use super::{MetricShadow, grid::Grid};
use crate::domain::{Point, Span, Timestamp};

impl MetricShadow {
    /// Takes values of before the newest one, oldest first, each of which stands for a time as long as `every`, and gives those that it
    /// did not know: values of before its first one, and of steps of which it has none. The grids whose steps are at least as long
    /// learn from them; how far off the next value may be is not learnt from values that lie so far apart. Taking them again
    /// changes nothing.
    pub fn recall(&mut self, past: &[Point], every: Span) -> Vec<Point> {
        let (Some(first), Some(newest)) = (self.since(), self.newest) else {
            return Vec::new();
        };
        let coarse = |grid: &Grid| grid.step.0.saturating_mul(20) >= every.0.saturating_mul(19);
        let coarsest = self.grids.last().filter(|grid| coarse(grid));
        let hole = |at: Timestamp| coarsest.is_some_and(|grid| !grid.holds(at));
        let mut new: Vec<Point> = Vec::new();
        let mut last = None;
        for point in past.iter().filter(|point| point.value.is_finite()) {
            if last.is_some_and(|last| point.at <= last) {
                continue;
            }
            last = Some(point.at);
            if point.at < first || point.at < newest.at && hole(point.at) {
                let value = point.value.clamp(self.lo.max(-Self::HUGE), self.hi.min(Self::HUGE));
                new.push(Point { value, ..*point });
            }
        }
        self.forget();
        for grid in self.grids.iter_mut().filter(|grid| coarse(grid)) {
            grid.recall(&new);
        }
        if let Some(oldest) = new.first() {
            self.recalled = Some(first.min(oldest.at));
            if self.grids.iter().any(Grid::due) {
                self.refitted = None;
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{MetricKind, MetricMeta, Unit};

    const TEN: Span = Span::from_mins(10);

    fn start() -> Timestamp {
        "2026-03-16T00:00:00Z".parse().unwrap()
    }

    fn shadow() -> MetricShadow {
        MetricShadow::new(&MetricMeta {
            id: "host:a/cpu.busy_pct".parse().unwrap(),
            unit: Unit::Percent,
            kind: MetricKind::Bounded { lo: 0.0, hi: 100.0 },
            cadence: Span::from_secs(2),
            source: "t".into(),
            limit: None,
        })
    }

    /// Busy by day, quiet by night.
    fn daily(at: Timestamp) -> f64 {
        let hour = (at.secs().rem_euclid(86_400)) as f64 / 3_600.0;
        10.0 + 50.0 * ((hour - 6.0) / 12.0 * std::f64::consts::PI).sin().max(0.0)
    }

    fn live(shadow: &mut MetricShadow, from: Timestamp, values: i64) {
        for number in 0..values {
            let at = from + Span::from_secs(2) * number;
            let value = daily(at) + (number % 5) as f64 / 10.0;
            shadow.observe(Point { at, value });
        }
    }

    fn days(days: i64) -> Vec<Point> {
        let all = (0..days * 144).map(|number| start() - TEN * (days * 144 - number));
        all.map(|at| Point { at, value: daily(at) }).collect()
    }

    #[test]
    fn a_young_shadow_is_given_its_days() {
        let mut shadow = shadow();
        assert!(
            shadow.recall(&days(7), TEN).is_empty(),
            "nothing says yet that it is watched"
        );
        live(&mut shadow, start(), 200);
        shadow.refit(start());
        let (expected, points, range) = (shadow.next(), shadow.points(), shadow.range());
        // The newest day first, as archives are read.
        let past = days(7);
        let told: usize = past.chunks(144).rev().map(|day| shadow.recall(day, TEN).len()).sum();
        assert_eq!(told, 7 * 144);
        assert_eq!(
            (shadow.next(), shadow.points(), shadow.range()),
            (expected, points, range)
        );
        assert_eq!(shadow.since(), Some(start() - Span::from_days(7)));
        assert!(shadow.refit_due(start() + Span::from_mins(7)));
        shadow.refit(start() + Span::from_mins(7));
        assert_eq!(shadow.seasons().first(), Some(&Span::from_days(1)));
        let noon = shadow.forecast(Span::from_hours(12), 12).unwrap().steps[11].median();
        assert!((noon - 60.0).abs() < 8.0, "{noon}");
        // Taken again it changes nothing.
        let packed = |shadow: &MetricShadow| crate::domain::packed::pack(shadow).unwrap();
        let before = packed(&shadow);
        assert!(shadow.recall(&past, TEN).is_empty());
        assert_eq!(packed(&shadow), before);
    }

    #[test]
    fn what_was_missed_in_between_is_filled() {
        let mut shadow = shadow();
        live(&mut shadow, start(), 3_600);
        let pause = start() + Span::from_hours(5);
        live(&mut shadow, pause, 1_800);
        let past: Vec<Point> = (0..60)
            .map(|number| start() + TEN * number)
            .map(|at| Point { at, value: daily(at) })
            .collect();
        let new = shadow.recall(&past, TEN);
        let (first, last) = (new.first().unwrap().at, new.last().unwrap().at);
        assert!(first >= start() + Span::from_hours(2) && last < pause, "{first} {last}");
        assert!((16..=18).contains(&new.len()), "{}", new.len());
    }

    #[test]
    fn finer_values_than_a_grid_are_drawn_together_and_odd_ones_left_out() {
        let mut shadow = shadow();
        live(&mut shadow, start(), 100);
        let at = |mins: i64| start() - Span::from_mins(mins);
        let points = [
            (90, 5.0),
            (80, f64::NAN),
            (70, f64::INFINITY),
            (70, 6.0),
            (75, 7.0),
            (60, 400.0),
            (60, 8.0),
            (-9_000, 9.0),
        ];
        let points = points.map(|(mins, value)| Point { at: at(mins), value });
        let new = shadow.recall(&points, TEN);
        let told: Vec<f64> = new.iter().map(|point| point.value).collect();
        assert_eq!(
            told,
            [5.0, 6.0, 100.0],
            "in order, once, within bounds, and not of the future"
        );
    }

    proptest! {
        #[test]
        fn any_past_is_taken(points in prop::collection::vec((-100_000_000_i64..1_000_000, any::<f64>()), 0..60), every in 1_i64..100_000) {
            let mut shadow = shadow();
            live(&mut shadow, start(), 60);
            let points: Vec<Point> = points
                .into_iter()
                .map(|(secs, value)| Point { at: start() + Span::from_secs(secs), value })
                .collect();
            let new = shadow.recall(&points, Span::from_secs(every));
            prop_assert!(new.iter().all(|point| (0.0..=100.0).contains(&point.value)));
            prop_assert!(new.is_sorted_by(|one, other| one.at < other.at));
            shadow.refit(start() + Span::from_hours(1));
            live(&mut shadow, start() + Span::from_mins(2), 10);
            prop_assert!(shadow.next().is_none_or(|next| next.0.iter().all(|value| value.is_finite())));
        }
    }
}
