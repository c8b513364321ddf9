//! How far a metric moves at a change, and how far it moves by itself.

use crate::domain::{Span, Timestamp};

/// Time compared on each side of a change; the one in which the metric moves least by itself is taken.
const WINDOWS: [Span; 3] = [Span::from_hours(2), Span::from_hours(5), Span::from_hours(12)];
/// Least steps on each side.
const LEAST: usize = 2;
/// Times at most at which it is looked how far it moves by itself.
const PLACEBOS: usize = 200;
/// Of the spread of a normal the middle of its distances from 0.
const MIDDLE: f64 = 0.674_49;

/// A metric without what the load does, by when each step began.
pub(super) struct Moves {
    at: Vec<Timestamp>,
    /// Sums up to each place: of the values, and of those less the mean under the same settings.
    sums: Vec<f64>,
    still: Vec<f64>,
    step: Span,
    /// First-order autocorrelation and spread under the same settings.
    follows: f64,
    noise: f64,
}

/// How far it moved.
pub(super) struct Moved {
    pub by: f64,
    /// Of moving as far by itself.
    pub variance: f64,
    /// Degrees of freedom that the variance rests on.
    pub free: f64,
}

impl Moves {
    /// Of `left`, in order of time; settings changed at `breaks`, rising. `None` of fewer than two steps.
    pub fn new(left: Vec<(Timestamp, f64)>, breaks: &[Timestamp]) -> Option<Self> {
        let step = left.windows(2).map(|pair| pair[1].0 - pair[0].0).min()?;
        let regime = |at: Timestamp| breaks.partition_point(|one| *one <= at);
        let mut residuals = Vec::with_capacity(left.len());
        for run in left.chunk_by(|a, b| regime(a.0) == regime(b.0)) {
            let mean = run.iter().map(|one| one.1).sum::<f64>() / run.len() as f64;
            residuals.extend(run.iter().map(|one| one.1 - mean));
        }
        let squares: f64 = residuals.iter().map(|r| r * r).sum();
        let lagged: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let total = |values: &mut dyn Iterator<Item = f64>| -> Vec<f64> {
            let mut sum = 0.0;
            std::iter::once(0.0)
                .chain(values.map(|value| {
                    sum += value;
                    sum
                }))
                .collect()
        };
        Some(Self {
            sums: total(&mut left.iter().map(|one| one.1)),
            still: total(&mut residuals.iter().copied()),
            step,
            follows: if squares > 0.0 {
                (lagged / squares).clamp(0.0, 0.98)
            } else {
                0.0
            },
            noise: (squares / residuals.len() as f64).sqrt(),
            at: left.into_iter().map(|one| one.0).collect(),
        })
    }

    /// How far it moved from the time `before` to the time `after`: means of as long on both sides as it moves least by itself. `None` while too
    /// little is known of either.
    pub fn between(&self, before: (Timestamp, Timestamp), after: (Timestamp, Timestamp)) -> Option<Moved> {
        let place = |at: Timestamp| self.at.partition_point(|one| *one < at);
        let whole = |(from, to): (Timestamp, Timestamp)| {
            (
                place(from),
                place(Timestamp(to.0.saturating_sub(self.step.0)) + Span(1)),
            )
        };
        let (from, before_end) = whole(before);
        let (mut start, to) = whole(after);
        // The step in which it began to act is left out where there are others.
        if to.saturating_sub(start) > LEAST + 1 {
            start += 1;
        }
        let sides = WINDOWS.iter().filter_map(|window| {
            let most = (window.0 / self.step.0.max(1)).max(LEAST as i64) as usize;
            let was = before_end.saturating_sub(from).min(most);
            let became = to.saturating_sub(start).min(most);
            (was >= LEAST && became >= LEAST).then_some((was, became))
        });
        let (was, became, (variance, free)) = sides
            .map(|(was, became)| (was, became, self.by_itself(was, became)))
            .min_by(|a, b| a.2.0.total_cmp(&b.2.0))?;
        let by = mean(&self.sums, start, start + became) - mean(&self.sums, before_end - was, before_end);
        by.is_finite().then_some(Moved { by, variance, free })
    }

    /// The variance of its moves from `was` steps to `became` steps at any time (a placebo in time: Abadie, Diamond & Hainmueller 2015, *American Journal
    /// of Political Science* 59, 495-510), and how many such times there are apart from each other; up to four times that where its spread and its autocorrelation let expect more.
    fn by_itself(&self, was: usize, became: usize) -> (f64, f64) {
        let (n, length) = (self.at.len(), was + became);
        let expected =
            self.noise.powi(2) * (1.0 / was as f64 + 1.0 / became as f64) * (1.0 + self.follows) / (1.0 - self.follows);
        // Sides that overlap are longer than all there is: no such move was ever seen.
        if n < length {
            return (expected, 1.0);
        }
        let apart = (n / length.max(1)) as f64;
        let places = n - length;
        let mut moves: Vec<f64> = (0..=places)
            .step_by(places / PLACEBOS + 1)
            .map(|place| {
                let middle = place + was;
                (mean(&self.still, middle, middle + became) - mean(&self.still, place, middle)).abs()
            })
            .collect();
        let place = moves.len() / 2;
        let (_, middle, _) = moves.select_nth_unstable_by(place, f64::total_cmp);
        let seen = (*middle / MIDDLE).powi(2);
        // What mostly stands still and moves now and then moves as its spread says.
        let variance = if seen > 1e-9 * self.noise.powi(2) {
            expected.min(4.0 * seen).max(seen)
        } else {
            expected
        };
        (variance, (apart - 1.0).max(1.0))
    }
}

/// The mean of the values from `from` up to `to`, of which `sums` are the sums.
fn mean(sums: &[f64], from: usize, to: usize) -> f64 {
    (sums[to] - sums[from]) / (to - from) as f64
}

#[cfg(test)]
mod tests {
    use super::{super::chance::by_chance, *};

    const STEP: Span = Span::from_mins(10);

    /// Two weeks of values of which each keeps `rho` of the one before, with a daily cycle, and `effect` more from each of `breaks` on.
    fn two_weeks(draw: &mut fastrand::Rng, rho: f64, breaks: &[Timestamp], effect: f64) -> Moves {
        let mut wander = 0.0;
        let left = (0..2_016).map(|place| {
            let at = Timestamp(0) + STEP * place;
            let normal = (0..12).map(|_| draw.f64()).sum::<f64>() - 6.0;
            wander = rho * wander + (1.0 - rho * rho).sqrt() * normal;
            let changes = breaks.iter().filter(|one| **one <= at).count() as f64;
            (
                at,
                0.2 * (place as f64 / 144.0 * std::f64::consts::TAU).sin() + wander + effect * changes,
            )
        });
        Moves::new(left.collect(), breaks).unwrap()
    }

    fn chance(moves: &Moves, breaks: &[Timestamp], place: usize) -> f64 {
        let at = breaks[place];
        let last = place
            .checked_sub(1)
            .map_or(Timestamp(i64::MIN / 2), |before| breaks[before]);
        let next = breaks.get(place + 1).copied().unwrap_or(Timestamp(i64::MAX / 2));
        let moved = moves.between((last, at), (at, next)).unwrap();
        by_chance(moved.by / moved.variance.sqrt(), moved.free)
    }

    #[test]
    fn what_nothing_acts_on_is_told_as_rarely_as_is_said() {
        let breaks = [260, 700, 1_033, 1_050, 1_500].map(|place| Timestamp(0) + STEP * place);
        let mut draw = fastrand::Rng::with_seed(5);
        for rho in [0.0, 0.5, 0.9, 0.99] {
            let runs = 300;
            let told = (0..runs)
                .flat_map(|_| {
                    let moves = two_weeks(&mut draw, rho, &breaks, 0.0);
                    (0..breaks.len())
                        .map(move |place| chance(&moves, &breaks, place))
                        .collect::<Vec<_>>()
                })
                .filter(|chance| *chance < 0.01)
                .count();
            let share = told as f64 / (runs * breaks.len()) as f64;
            assert!(share <= 0.025, "{rho}: {share}");
        }
    }

    #[test]
    fn what_acts_is_seen_where_it_stands_out() {
        let breaks = [700, 1_500].map(|place| Timestamp(0) + STEP * place);
        let mut draw = fastrand::Rng::with_seed(6);
        for (rho, effect) in [(0.0, 1.0), (0.5, 2.0), (0.9, 4.0)] {
            let seen = (0..100)
                .filter(|_| chance(&two_weeks(&mut draw, rho, &breaks, effect), &breaks, 0) < 0.01)
                .count();
            assert!(seen >= 90, "{rho}: {seen}");
        }
    }

    #[test]
    fn a_nightly_job_is_not_what_was_set_before_it() {
        let change = Timestamp(0) + STEP * (9 * 144 + 9);
        let left = (0..2_016).map(|place| {
            let job = (12..18).contains(&(place % 144));
            (Timestamp(0) + STEP * place, if job { 50.0 } else { 0.0 })
        });
        let moves = Moves::new(left.collect(), &[change]).unwrap();
        assert!(chance(&moves, &[change], 0) > 0.01);
    }

    #[test]
    fn too_little_on_a_side_is_no_move() {
        let at = |place: i64| Timestamp(0) + STEP * place;
        let moves = two_weeks(&mut fastrand::Rng::with_seed(7), 0.0, &[at(100)], 1.0);
        assert!(moves.between((at(99), at(100)), (at(100), at(200))).is_none());
        assert!(moves.between((at(0), at(100)), (at(100), at(101))).is_none());
        assert!(moves.between((at(200), at(100)), (at(100), at(50))).is_none());
        assert!(Moves::new(Vec::new(), &[]).is_none());
        // Times that overlap, of longer than was seen.
        let few = Moves::new((0..10).map(|place| (at(place), place as f64)).collect(), &[]).unwrap();
        let moved = few.between((at(0), at(10)), (at(0), at(10))).unwrap();
        assert!(moved.variance.is_finite() && moved.free == 1.0);
    }
}
