//! When a limit is passed, from sample paths.

use super::normal;
use crate::domain::{Crossing, Limit, Point, Quantiles, Side, Span, Timestamp};

/// Paths drawn, in antithetic pairs (Hammersley & Morton 1956).
const PATHS: usize = 400;
/// Normal scores of [`crate::domain::LEVELS`].
const SCORES: [f64; 13] = [
    -1.959_964, -1.644_854, -1.281_552, -0.841_621, -0.524_401, -0.253_347, 0.0, 0.253_347, 0.524_401, 0.841_621,
    1.281_552, 1.644_854, 1.959_964,
];

/// A distribution at a time to come, and the correlation of its error with that of the one before it, 0 to 1.
pub struct Ahead {
    /// Time after the newest value.
    pub after: Span,
    /// Step of the grid that told it.
    pub step: Span,
    /// How likely the limit is at most to have been passed by then, as a probability: where it lies beyond all that the grid has seen, how
    /// often such values came; else 1.
    pub most: f64,
    /// What the value may be.
    pub quantiles: Quantiles,
    /// Correlation with the step before.
    pub kin: f64,
}

/// Draws paths through the distributions of `ahead` (nearest first) and notes when each first passes `limit`.
///
/// Steps hang together by a Gaussian copula (Nelsen, An Introduction to Copulas, 2006, 2.3; Pinson et al. 2009, Wind Energy 12, for
/// forecasts of many steps) whose scores form a Markov chain with the correlations that the backtest found. Beyond the outer levels
/// the tail is normal. Times are known to one step of the grid that told them; they are spread evenly over it.
///
/// A path counts for what every step by then allows. What lies beyond all that was seen is passed no oftener than such values came
/// ([`Ahead::most`]); where more paths do, as each of many steps has its own tail, the rest passes later, as far as that is allowed. Of a
/// shadow too young to tell a burst from a trend `young` is how long there was to see it: a crossing by a time is no likelier than that
/// what leads to it goes on till then.
///
/// Each pair of paths has draws of its own, and none depends on what comes after it: with the same first steps a nearer `horizon` tells the
/// beginning of what a farther one tells, so a longer one is never less likely.
#[must_use]
pub fn crossing(
    newest: Point,
    ahead: &[Ahead],
    limit: &Limit,
    horizon: Span,
    young: Option<Span>,
    seed: u64,
) -> Crossing {
    let mut found = Crossing {
        limit: limit.value,
        probability: 0.0,
        horizon,
        at: [None; 3],
        at95: [None; 2],
    };
    if limit.broken_by(newest.value) {
        found.probability = 1.0;
        found.at = [Some(newest.at); 3];
        found.at95 = [Some(newest.at); 2];
        return found;
    }
    let (bound, now) = (limit.side.upright(limit.value), limit.side.upright(newest.value));
    let steps: Vec<Step> = ahead.iter().map(|ahead| Step::new(ahead, bound, limit.side)).collect();
    // Less than one path in all (normal tails: Chernoff's bound).
    let tail = |step: &Step| (-step.threshold.max(0.0).powi(2) / 2.0).exp() / 2.0;
    if steps.iter().map(tail).sum::<f64>() * (PATHS as f64) < 1.0 {
        return found;
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    // When each path passes, what it counts, and how likely that is at most by then; each step too, for what was not allowed before it.
    let mut times: Vec<(Timestamp, f64, f64)> = Vec::with_capacity(PATHS + ahead.len());
    times.extend(ahead.iter().map(|ahead| (newest.at + ahead.after, 0.0, ahead.most)));
    for _ in 0..PATHS / 2 {
        let mut rng = rng.fork();
        let (mut score, mut open, mut before) = (0.0, [true; 2], 0.0);
        for (at, there) in steps.iter().enumerate() {
            score = there.kin * score + there.fresh * normal::draw(&mut rng);
            for (open, sign) in open.iter_mut().zip([1.0, -1.0]) {
                if *open && sign * score > there.threshold {
                    *open = false;
                    // Where the straight line from the step before meets the limit.
                    let (from, value) = match at {
                        0 => (Span::ZERO, now),
                        _ => (ahead[at - 1].after, steps[at - 1].value(sign * before)),
                    };
                    let share = ((bound - value) / (there.value(sign * score) - value)).clamp(0.0, 1.0);
                    let share = if share.is_finite() { share } else { 1.0 };
                    let after = from.0 as f64
                        + (ahead[at].after.0 - from.0) as f64 * share
                        + (rng.f64() - 0.5) * ahead[at].step.0 as f64;
                    let passes = newest.at + Span((after as i64).max(0));
                    times.push((passes, 1.0 / PATHS as f64, ahead[at].most));
                }
            }
            before = score;
            if open == [false; 2] {
                break;
            }
        }
    }
    times.retain(|(at, ..)| *at - newest.at <= horizon);
    times.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let lasting = |at: Timestamp| young.map_or(1.0, |lasted| lasts(lasted.secs_f64(), (at - newest.at).secs_f64()));
    let (mut told, mut passed) = (0.0_f64, 0.0_f64);
    let sums: Vec<f64> = times
        .iter()
        .map(|(at, share, most)| {
            told += share;
            passed = passed.max(f64::min(told, *most).min(lasting(*at)));
            passed
        })
        .collect();
    found.probability = passed.min(1.0);
    let by = |share: f64| {
        let place = sums.partition_point(|sum| *sum < share - 1e-9);
        times.get(place).map(|(at, ..)| *at)
    };
    found.at = [0.1, 0.5, 0.9].map(by);
    found.at95 = [0.025, 0.975].map(by);
    found
}

/// P(what has lasted for `so_far` goes on for another `more`), both in the same unit, not negative: of all that lasts, as long as
/// nothing else is known, the part that is over is uniformly spread (Gott 1993, Nature 363).
#[must_use]
pub fn lasts(so_far: f64, more: f64) -> f64 {
    so_far / (so_far + more.max(0.0)).max(f64::MIN_POSITIVE)
}

struct Step {
    /// Rising values at [`SCORES`].
    values: [f64; 13],
    /// The score above which the value is beyond the limit.
    threshold: f64,
    kin: f64,
    /// Share of the draw that is new, so that scores stay standard normal.
    fresh: f64,
}

impl Step {
    fn new(ahead: &Ahead, bound: f64, side: Side) -> Self {
        let mut values = ahead.quantiles.0.map(|value| side.upright(value));
        values.sort_unstable_by(f64::total_cmp);
        let mut step = Self {
            values,
            threshold: 0.0,
            kin: ahead.kin,
            fresh: (1.0 - ahead.kin * ahead.kin).max(0.0).sqrt(),
        };
        step.threshold = step.score(bound);
        step
    }

    /// Rise of the value by score beyond the outer levels: below, above.
    fn slopes(&self) -> (f64, f64) {
        let run = SCORES[12] - SCORES[10];
        (
            (self.values[2] - self.values[0]) / run,
            (self.values[12] - self.values[10]) / run,
        )
    }

    /// The greatest score whose value is not beyond `bound`; infinite where there is none.
    fn score(&self, bound: f64) -> f64 {
        let (below, above) = self.slopes();
        let score = match self.values.iter().position(|value| *value > bound) {
            Some(0) => SCORES[0] - (self.values[0] - bound) / below,
            Some(at) => {
                let (low, high) = (self.values[at - 1], self.values[at]);
                SCORES[at - 1] + (SCORES[at] - SCORES[at - 1]) * (bound - low) / (high - low)
            }
            None => SCORES[12] + (bound - self.values[12]) / above,
        };
        // Nothing by nothing: all of the tail lies on the bound, and so not beyond it.
        if score.is_nan() { f64::INFINITY } else { score }
    }

    fn value(&self, score: f64) -> f64 {
        let (below, above) = self.slopes();
        match SCORES.iter().position(|known| *known > score) {
            Some(0) => self.values[0] - (SCORES[0] - score) * below,
            Some(at) => {
                let share = (score - SCORES[at - 1]) / (SCORES[at] - SCORES[at - 1]);
                self.values[at - 1] + share * (self.values[at] - self.values[at - 1])
            }
            None => self.values[12] + (score - SCORES[12]) * above,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_began_just_now_may_end_as_soon() {
        let step = Span::from_secs(2);
        let rising = |at: i64| Ahead {
            after: step * at,
            step,
            most: 1.0,
            quantiles: Quantiles::certain(50.0 + at as f64),
            kin: 1.0,
        };
        let ahead: Vec<Ahead> = (1..=100).map(rising).collect();
        let (at, value) = (Timestamp::from_secs(1_000), 50.0);
        let limit = Limit {
            value: 90.0,
            side: Side::Above,
            by: "test".into(),
        };
        let ask = |lasted| crossing(Point { at, value }, &ahead, &limit, Span::from_mins(5), lasted, 7).probability;
        assert!(ask(None) > 0.99, "{}", ask(None));
        // The limit is eighty seconds away.
        let half = ask(Some(Span::from_secs(80)));
        assert!((half - 0.5).abs() < 0.02, "{half}");
        assert!(ask(Some(Span::from_secs(20))) < 0.22);
    }

    #[test]
    fn what_a_fine_grid_never_saw_may_pass_by_a_coarser_one_and_later_is_likelier() {
        let (fine, coarse) = (Span::from_secs(2), Span::from_mins(10));
        // A trend of seconds that carries every other path past the limit, and a rhythm of hours that carries all.
        let near = (1..=60).map(|at| (fine, 0, at, 30.0 + at as f64, 10.0));
        let far = (1..=12).map(|at| (coarse, 1, at, 80.0 + 2.0 * at as f64, 2.0));
        let steps: Vec<_> = near.chain(far).collect();
        let ahead = |most: [f64; 2]| -> Vec<Ahead> {
            let one = |(step, grid, at, middle, scale): &(Span, usize, i64, f64, f64)| Ahead {
                after: *step * *at,
                step: *step,
                most: most[*grid],
                quantiles: Quantiles(SCORES.map(|score| middle + scale * score)),
                kin: 0.9,
            };
            steps.iter().map(one).collect()
        };
        let newest = Point {
            at: Timestamp::from_secs(1_000),
            value: 30.0,
        };
        let limit = Limit {
            value: 90.0,
            side: Side::Above,
            by: "test".into(),
        };
        let ask = |steps: usize, most: [f64; 2], young: Option<Span>| {
            crossing(newest, &ahead(most)[..steps], &limit, Span::from_hours(3), young, 7).probability
        };
        let free = ask(60, [1.0, 1.0], None);
        assert!((0.3..0.9).contains(&free), "{free}");
        for (steps, most) in [(60, [0.1, 1.0]), (72, [0.1, 0.1])] {
            let capped = ask(steps, most, None);
            assert!((capped - 0.1).abs() < 1e-9, "{capped}");
        }
        assert!(ask(72, [0.1, 1.0], None) > 0.95);
        // Nothing of the coarse grid's own passes: what the fine one left out does, as late as is known.
        assert!(ask(61, [0.1, 1.0], None) >= free - 0.01);
        let young = [60, 64, 66, 68, 72].map(|steps| ask(steps, [1.0, 1.0], Some(Span::from_mins(10))));
        assert!(
            young.windows(2).all(|pair| pair[1] >= pair[0]) && young[4] < 0.9,
            "{young:?}"
        );
    }

    #[test]
    fn what_may_end_soon_passes_when_its_median_does_or_not_at_all() {
        let step = Span::from_mins(1);
        let rising = |at: i64| Ahead {
            after: step * at,
            step,
            most: 1.0,
            quantiles: Quantiles(SCORES.map(|score| 50.0 + at as f64 + score)),
            kin: 0.99,
        };
        let ahead: Vec<Ahead> = (1..=400).map(rising).collect();
        let newest = Point {
            at: Timestamp::from_secs(1_000),
            value: 50.0,
        };
        let limit = Limit {
            value: 70.0,
            side: Side::Above,
            by: "test".into(),
        };
        let lasted = Some(Span::from_mins(21));
        let ask = |hours| crossing(newest, &ahead, &limit, Span::from_hours(hours), lasted, 7);
        let [near, far] = [1, 6].map(ask);
        assert!((0.5..0.6).contains(&near.probability), "{near:?}");
        assert!(near.probability <= far.probability, "{near:?} {far:?}");
        assert_eq!(near.at, far.at, "one event has one time");
        let middle = near.at[1].unwrap() - newest.at;
        assert!((middle.secs_f64() / 60.0 - 20.0).abs() < 2.0, "{middle}");
    }

    #[test]
    fn the_wider_interval_holds_the_narrower_one_and_ends_never_where_paths_do_not_pass() {
        let step = Span::from_secs(10);
        let drifting = |at: i64| Ahead {
            after: step * at,
            step,
            most: 1.0,
            quantiles: Quantiles(SCORES.map(|score| 50.0 + at as f64 + 4.0 * score)),
            kin: 0.9,
        };
        let ahead: Vec<Ahead> = (1..=60).map(drifting).collect();
        let newest = Point {
            at: Timestamp::from_secs(1_000),
            value: 50.0,
        };
        let ask = |value: f64| {
            let limit = Limit {
                value,
                side: Side::Above,
                by: "test".into(),
            };
            crossing(newest, &ahead, &limit, Span::from_mins(11), None, 7)
        };
        let sure = ask(80.0);
        let [Some(first), Some(last)] = sure.at95 else {
            panic!("{sure:?}")
        };
        assert!(Some(first) <= sure.at[0] && sure.at[2] <= Some(last), "{sure:?}");
        assert!(first < last);
        // Nineteen in twenty pass it: more than 90 %, not 97.5 %.
        let most = ask(105.5);
        assert!((0.9..0.975).contains(&most.probability), "{most:?}");
        assert!(
            most.at[2].is_some() && most.at95[1].is_none() && most.at95[0].is_some(),
            "{most:?}"
        );
    }
}
