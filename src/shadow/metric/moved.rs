//! A day's rhythm that has moved by an hour, as all that people do does when clocks change. What zone they live in need not be known.

/// Where a rhythm moved, and which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The first step after it.
    pub place: usize,
    /// Steps in an hour.
    pub hour: usize,
    /// Whether things come an hour earlier since, else later.
    pub earlier: bool,
}

/// Days looked back over for it.
const BACK: usize = 21;
/// Standard errors by which the moved day must be more alike.
const SURE: f64 = 6.0;
/// How much less the moved day must differ from the day before, shifted, than as it is; and the other days the other way round.
const ALIKE: f64 = 0.7;

/// Whether the rhythm of a day of `day` steps moved by an hour within the last three weeks of `values` (NaN is a gap): the day after it is more
/// like the day before it when shifted by an hour (a paired comparison of absolute differences), while all other days are more like
/// theirs as they are.
#[must_use]
pub fn moved(values: &[f64], day: usize) -> Option<Moved> {
    let (n, hour) = (values.len(), day / 24);
    if hour == 0 || !day.is_multiple_of(24) || n < 4 * day {
        return None;
    }
    let from = n.saturating_sub(BACK * day).max(day + hour);
    let mut best: Option<(f64, Moved)> = None;
    for earlier in [true, false] {
        // Of each step how far off the day before is, as it is and shifted; running sums, and of the squares of their difference.
        let mut sums = vec![[0.0; 3]; n - from + 1];
        for (at, place) in (from..n).enumerate() {
            let before = if earlier {
                place - day + hour
            } else {
                place - day - hour
            };
            let (plain, shifted) = (
                (values[place] - values[place - day]).abs(),
                (values[place] - values[before]).abs(),
            );
            let gain = plain - shifted;
            let one = if gain.is_finite() {
                [plain, shifted, gain * gain]
            } else {
                [0.0; 3]
            };
            sums[at + 1] = std::array::from_fn(|k| sums[at][k] + one[k]);
        }
        let all = sums[n - from];
        for first in 0..(n - from).saturating_sub(day / 4) {
            let end = (first + day).min(n - from);
            let [plain, shifted, squares]: [f64; 3] = std::array::from_fn(|k| sums[end][k] - sums[first][k]);
            let (others, others_shifted) = (all[0] - plain, all[1] - shifted);
            let sure = (plain - shifted) / squares.sqrt();
            if sure > SURE
                && shifted < ALIKE * plain
                && others < ALIKE * others_shifted
                && best.is_none_or(|(most, _)| sure > most)
            {
                let place = from + first;
                best = Some((sure, Moved { place, hour, earlier }));
            }
        }
    }
    best.map(|(_, moved)| moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of ten minutes with a morning and an evening, noise, and the clock changed at `place` by `by` steps.
    fn days(count: usize, place: usize, by: i32, seed: u64) -> Vec<f64> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut value = |t: usize| {
            let moved = if t >= place { by } else { 0 };
            let hour = f64::from((t as i32 + moved).rem_euclid(144)) / 6.0;
            let hump = |middle: f64, width: f64| (-((hour - middle) / width).powi(2)).exp();
            20.0 + 10.0 * hump(9.0, 2.0) + 7.0 * hump(19.0, 1.5) + rng.f64()
        };
        (0..144 * count).map(&mut value).collect()
    }

    #[test]
    fn a_change_of_the_clock_is_found_where_it_was() {
        for (by, earlier) in [(6, true), (-6, false)] {
            let place = 144 * 12 + 20;
            let found = moved(&days(14, place, by, 1), 144).unwrap();
            assert_eq!((found.hour, found.earlier), (6, earlier));
            assert!(found.place.abs_diff(place) < 36, "{found:?}");
        }
    }

    #[test]
    fn nothing_has_moved_without_a_rhythm_or_by_one_late_job() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut level = 0.0;
        let mut walk = || {
            level += rng.f64() - 0.5;
            level
        };
        assert_eq!(moved(&(0..2_016).map(|_| walk()).collect::<Vec<_>>(), 144), None);
        assert_eq!(moved(&days(14, usize::MAX, 0, 3), 144), None);
        let job = |t: usize| {
            if t == 1_900 || (t % 144 == 22 && t != 1_894) {
                50.0
            } else {
                0.0
            }
        };
        assert_eq!(moved(&(0..2_016).map(job).collect::<Vec<_>>(), 144), None);
        assert_eq!(moved(&[f64::NAN; 2_016], 144), None);
        assert_eq!(moved(&[1.0; 2_016], 144), None);
        assert_eq!(moved(&[1.0, 2.0], 144), None);
    }
}
