//! Rolling-origin evaluation: what each member would have said, and how far off all together would have been.

use super::{
    bfloat16::Bfloat16,
    ensemble::{combine, weigh},
    history::History,
    member::Panel,
    proportion::{Past, Proportion},
    spread::{Spread, Spreads, quantiles},
};

/// What a backtest says.
#[derive(Clone, Debug, Default)]
pub struct Tested {
    /// Mean absolute error one step ahead by member; NaN where it said too little.
    pub nearest: Vec<f64>,
    /// Weights and errors by distance; empty when there is too little to test on.
    pub spreads: Spreads,
}

/// Most origins of forecasts.
const ORIGINS: usize = 100;
/// Errors needed of a distance.
const LEAST_ERRORS: usize = 8;
/// Members' weights go with the inverse of their loss to this power: of 3 to 8 all are within 3 % on the development set.
const POWER: i32 = 4;
/// An error counts half of a newest one when it is older than this share of the time tested over, a third when older than twice that.
const MEMORY: f64 = 0.08;
/// What is kept of the median error: that forecasts were too low says half as much of those to come.
const BIAS: f64 = 0.5;
/// Errors beyond this quantile of their sizes count as that: how far the farthest lie is chance.
const OUTERMOST: f64 = 0.98;

/// The forecasts made, and what came.
struct Trial {
    members: usize,
    /// Newest first: how many values each forecast knew.
    origins: Vec<usize>,
    distances: Vec<usize>,
    /// By origin, how many of the distances lie within the history.
    reach: Vec<usize>,
    /// By origin, member and distance; NaN where a member said nothing.
    said: Vec<f64>,
    /// By origin and distance; NaN in a gap.
    came: Vec<f64>,
    /// By origin and distance, the least and the greatest value up to there; unknown as `came`.
    range: Vec<(f64, f64)>,
    /// By origin, the least and the greatest value the forecast knew.
    known: Vec<(f64, f64)>,
    /// By distance and origin what all members say together; NaN where none does.
    all: Vec<Vec<f64>>,
    /// What an origin's errors count.
    counts: Vec<f64>,
    /// How many steps' worth of history those counts are: fewer where few count much.
    steps: f64,
}

/// Compares what `panel` says from up to 100 origins in `history` with what came (Tashman 2000, Int. J. Forecasting 16), at distances from 1
/// to `farthest` steps that double, at most a third of the history.
#[must_use]
pub fn backtest(panel: &Panel, history: &History, farthest: usize) -> Tested {
    let n = history.len();
    let farthest = farthest.min(n / 3);
    if farthest == 0 || n < 16 {
        return Tested::default();
    }
    let mut trial = Trial::new(panel, history, distances(farthest));
    let members = trial.members;
    let mut nearest = Vec::new();
    // Mean absolute errors by distance, of each member and, last, of all together.
    let mut sizes: Vec<Vec<f64>> = Vec::new();
    let mut weights: Vec<Vec<f64>> = Vec::new();
    let mut together: Vec<Vec<f64>> = Vec::new();
    let mut sample = Vec::with_capacity(ORIGINS);
    for place in 0..trial.distances.len() {
        let error =
            |member: usize, origin: usize, place: usize| trial.said(origin, member, place) - trial.came(origin, place);
        sizes.push(
            (0..members)
                .map(|member| trial.size(place, |origin| error(member, origin, place)))
                .collect(),
        );
        let loss = |member: usize| {
            if sizes[place][member].is_nan() {
                return f64::NAN;
            }
            let of = |place: usize| sizes[place][member];
            trial.sample(place, |origin, place| error(member, origin, place), of, &mut sample);
            let (sum, count) = sample.iter().fold((0.0, 0.0), |(sum, all), (error, count)| {
                (sum + error.abs() * count, all + count)
            });
            sum / count
        };
        let losses: Vec<f64> = (0..members).map(loss).collect();
        let weighed = weigh(&losses, POWER);
        let said = trial.together(place, &weighed);
        let errors = (0..said.len()).map(|origin| exact(trial.came(origin, place), said[origin]));
        let errors: Vec<f64> = errors.collect();
        if trial.size(place, |origin| errors[origin]).is_nan() {
            break;
        }
        trial.all.push(said);
        together.push(errors);
        weights.push(weighed);
        if place == 0 {
            nearest = losses;
        }
    }
    let proportion = trial.proportion(history, &together);
    for (place, errors) in together.iter_mut().enumerate() {
        trial.relate(place, proportion, errors);
        sizes[place].push(trial.size(place, |origin| errors[origin]));
    }
    let spread = |place: usize| {
        let half = trial.distances[..place]
            .iter()
            .rposition(|near| near * 2 <= trial.distances[place]);
        let kin = half.map_or(0.0, |near| trial.kin(&together[near], &together[place]));
        let of = |place: usize| sizes[place][members];
        trial.sample(place, |origin, place| together[place][origin], of, &mut sample);
        // Errors that hang together are few independent ones: the share of one such in all of them. Two constants, set on the
        // development set so that bands of a day hold as often as those of an hour: how much farther out the quantiles are looked for, and
        // how much wider errors to come are than those the weights were chosen on.
        let alone = kin * trial.distances[place] as f64 / trial.steps;
        let (dependence, widening) = (0.2 * alone, 1.0 + alone);
        let errors = quantiles(&mut sample, dependence);
        Spread {
            steps: trial.distances[place] as u32,
            errors: errors.map(|error| Bfloat16::of(BIAS * errors[6] + widening * (error - errors[6]))),
            record: trial.record(place, dependence, |origin| {
                (trial.came(origin, place), trial.came(origin, place))
            }),
            records: trial.record(place, 0.0, |origin| trial.range[origin * trial.distances.len() + place]),
            kin: Bfloat16::of(kin),
        }
    };
    // Between two of them what is known is told from both, so that every second one is enough to keep.
    let last = together.len().saturating_sub(1);
    let kept = || (0..together.len()).filter(|place| place % 2 == 0 || *place == last);
    let weights: Vec<Vec<f64>> = kept().map(|place| weights[place].clone()).collect();
    let tested = kept().map(spread).collect();
    Tested {
        spreads: Spreads::new(tested, &weights, proportion),
        nearest,
    }
}

/// Distances from 1 to `farthest`, each twice as far as the one before, and `farthest` itself.
fn distances(farthest: usize) -> Vec<usize> {
    let doubling = (0..)
        .map(|power| 1 << power)
        .take_while(|distance| *distance < farthest);
    doubling.chain([farthest]).collect()
}

impl Trial {
    /// Origins lie the closer the newer they are: what a series has just begun to do shows in few of them.
    fn new(panel: &Panel, history: &History, distances: Vec<usize>) -> Self {
        let n = history.len();
        let season = panel.learnt.seasons.first().map_or(0, |season| *season as usize + 1);
        let first = (n / 3).max(season).max(8).min(n - 1);
        let span = n - 1 - first;
        let count = ORIGINS.min(span.max(1));
        let place = |at: usize| n - 1 - ((at as f64 / count as f64).powi(2) * span as f64) as usize;
        let mut origins: Vec<usize> = (0..count).map(place).collect();
        origins.dedup();
        let mut trial = Self {
            members: panel.members.len(),
            reach: Vec::with_capacity(origins.len()),
            said: Vec::with_capacity(origins.len() * panel.members.len() * distances.len()),
            came: Vec::with_capacity(origins.len() * distances.len()),
            range: Vec::with_capacity(origins.len() * distances.len()),
            known: Vec::with_capacity(origins.len()),
            all: Vec::new(),
            counts: Vec::with_capacity(origins.len()),
            steps: 1.0,
            origins,
            distances,
        };
        let all = trial.distances.len();
        for origin in &trial.origins {
            let reach = trial
                .distances
                .iter()
                .take_while(|distance| origin + **distance <= n)
                .count();
            let said = panel.forecast(history, *origin, &trial.distances[..reach]);
            for path in said.chunks(reach.max(1)).take(trial.members) {
                trial.said.extend(path);
                trial.said.extend(std::iter::repeat_n(f64::NAN, all - reach));
            }
            let came = trial.distances[..reach]
                .iter()
                .map(|distance| history.seen[origin + distance - 1]);
            trial.came.extend(came);
            trial.came.extend(std::iter::repeat_n(f64::NAN, all - reach));
            let (mut range, mut step) = ((f64::INFINITY, f64::NEG_INFINITY), 0);
            for place in 0..all {
                if place < reach {
                    let path = &history.filled[origin + step..origin + trial.distances[place]];
                    range = path
                        .iter()
                        .fold(range, |(least, most), value| (least.min(*value), most.max(*value)));
                    step = trial.distances[place];
                }
                trial.range.push(range);
            }
            trial.reach.push(reach);
        }
        trial.count(n, first);
        let mut known = (f64::INFINITY, f64::NEG_INFINITY);
        let upto = |value: &f64| {
            known = (known.0.min(*value), known.1.max(*value));
            known
        };
        let known: Vec<(f64, f64)> = history.filled.iter().map(upto).collect();
        trial.known = trial.origins.iter().map(|origin| known[origin - 1]).collect();
        trial
    }

    /// What errors count: less the older they are, by a power law (as memory does; Wixted & Ebbesen 1991, Psychological Science 2), so that
    /// the newest regime is heard soon and a steady series still uses all it has. Also less where origins lie close.
    fn count(&mut self, n: usize, first: usize) {
        let memory = MEMORY * (n - 1 - first) as f64 + 1.0;
        let (mut sum, mut squares) = (0.0, 0.0);
        for (at, origin) in self.origins.iter().enumerate() {
            let newer = if at == 0 { n } else { self.origins[at - 1] };
            let older = self
                .origins
                .get(at + 1)
                .copied()
                .unwrap_or_else(|| first.min(origin - 1));
            let apart = (newer - older) as f64;
            let count = apart.sqrt() / (1.0 + (n - origin) as f64 / memory);
            self.counts.push(count);
            sum += count;
            squares += count * count / (apart / 2.0);
        }
        self.steps = sum * sum / squares;
    }

    fn said(&self, origin: usize, member: usize, place: usize) -> f64 {
        self.said[(origin * self.members + member) * self.distances.len() + place]
    }

    fn came(&self, origin: usize, place: usize) -> f64 {
        self.came[origin * self.distances.len() + place]
    }

    /// Mean absolute error at one of the distances, plainly over all origins; NaN where less than half of them have one, or fewer than
    /// [`LEAST_ERRORS`].
    fn size(&self, place: usize, error: impl Fn(usize) -> f64) -> f64 {
        let (mut sum, mut count, mut most) = (0.0, 0, 0);
        for origin in (0..self.origins.len()).filter(|origin| self.reach[*origin] > place) {
            most += usize::from(self.came(origin, place).is_finite());
            let error = error(origin).abs();
            if error.is_finite() {
                sum += error;
                count += 1;
            }
        }
        if count >= LEAST_ERRORS && count * 2 >= most {
            sum / count as f64
        } else {
            f64::NAN
        }
    }

    /// Errors at one of the distances and what each counts, into `sample`.
    ///
    /// Of the newest forecasts it is not known yet how they end; what is known so far is taken for it, grown as errors grow from there to
    /// this distance (`sizes`), and counts less. Else a change would not be heard of for as long as the horizon is.
    fn sample(
        &self,
        place: usize,
        error: impl Fn(usize, usize) -> f64,
        sizes: impl Fn(usize) -> f64,
        sample: &mut Vec<(f64, f64)>,
    ) {
        sample.clear();
        for (origin, reach) in self.reach.iter().enumerate().filter(|(_, reach)| **reach > 0) {
            let known = place.min(reach - 1);
            let mut error = error(origin, known);
            let mut count = self.counts[origin];
            if known < place {
                let farther = self.distances[place] as f64 / self.distances[known] as f64;
                let growth = sizes(place) / sizes(known);
                error *= if growth.is_nan() {
                    1.0
                } else {
                    growth.clamp(1.0, farther)
                };
                count /= farther.sqrt();
            }
            if error.is_finite() {
                sample.push((error, count));
            }
        }
    }

    /// Probability that the least of what `came` is below all, and that the greatest is above all, that the forecast knew, as of one more
    /// forecast to come.
    fn record(&self, place: usize, dependence: f64, came: impl Fn(usize) -> (f64, f64)) -> [Bfloat16; 2] {
        let (mut all, mut squares, mut below, mut above) = (0.0, 0.0, 0.0, 0.0);
        for (origin, count) in self
            .counts
            .iter()
            .enumerate()
            .filter(|(origin, _)| self.reach[*origin] > place)
        {
            let (came, known) = (came(origin), self.known[origin]);
            if came.0.is_finite() {
                all += count;
                squares += count * count;
                below += if came.0 < known.0 { *count } else { 0.0 };
                above += if came.1 > known.1 { *count } else { 0.0 };
            }
        }
        let coming = squares / all + dependence * all;
        [below, above].map(|record| Bfloat16::of((record + coming) / (all + coming)))
    }

    /// The weighed forecast by origin at one of the distances; NaN where unknown.
    fn together(&self, place: usize, weights: &[f64]) -> Vec<f64> {
        let mut said = Vec::with_capacity(self.members);
        let one = |origin: usize| {
            said.clear();
            said.extend((0..self.members).map(|member| (self.said(origin, member, place), weights[member])));
            combine(&mut said).unwrap_or(f64::NAN)
        };
        (0..self.origins.len()).map(one).collect()
    }

    /// How the errors (by distance and origin) grow with what was said.
    fn proportion(&self, history: &History, errors: &[Vec<f64>]) -> Option<Proportion> {
        let past = |(errors, said): (&Vec<f64>, &Vec<f64>)| {
            let all = errors.iter().zip(said).zip(&self.counts);
            all.filter(|((error, _), _)| error.is_finite())
                .map(|((error, said), count)| Past {
                    error: *error,
                    said: *said,
                    count: *count,
                })
                .collect()
        };
        let past: Vec<Vec<Past>> = errors.iter().zip(&self.all).map(past).collect();
        let sizes = history.filled.iter().map(|value| value.abs());
        Proportion::choose(sizes.sum::<f64>() / history.len() as f64, &past)
    }

    /// Makes the errors at one of the distances relative to the proportion, and holds the outermost to [`OUTERMOST`].
    fn relate(&self, place: usize, proportion: Option<Proportion>, errors: &mut [f64]) {
        let known = || errors.iter().enumerate().filter(|(_, error)| error.is_finite());
        let scale = |origin: usize| proportion.map_or(1.0, |proportion| proportion.at(self.all[place][origin]));
        let mut sizes: Vec<f64> = known().map(|(_, error)| error.abs()).collect();
        let mut scales: Vec<f64> = known().map(|(origin, _)| scale(origin)).collect();
        if sizes.is_empty() {
            return;
        }
        let far = ((sizes.len() - 1) as f64 * OUTERMOST) as usize;
        let far = *sizes.select_nth_unstable_by(far, f64::total_cmp).1;
        let half = scales.len() / 2;
        let far = far / *scales.select_nth_unstable_by(half, f64::total_cmp).1;
        for (origin, error) in errors.iter_mut().enumerate().filter(|(_, error)| error.is_finite()) {
            *error = (*error / scale(origin)).clamp(-far, far);
        }
    }

    /// Correlation about zero of the finite pairs of `a` and `b`, 0 to 1 (below zero counts as none).
    fn kin(&self, a: &[f64], b: &[f64]) -> f64 {
        let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
        for ((a, b), count) in a.iter().zip(b).zip(&self.counts) {
            if a.is_finite() && b.is_finite() {
                ab += count * a * b;
                aa += count * a * a;
                bb += count * b * b;
            }
        }
        let r = ab / (aa * bb).sqrt();
        if r.is_finite() { r.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// `value` − `forecast`, exactly 0 when they differ by no more than rounding does.
#[must_use]
pub fn exact(value: f64, forecast: f64) -> f64 {
    let error = value - forecast;
    let rounding = 1e-12 * value.abs().max(forecast.abs());
    if error.abs() <= rounding { 0.0 } else { error }
}

#[cfg(test)]
mod tests {
    use super::{super::member::Chosen, *};
    use crate::domain::Span;

    fn tested(values: Vec<f64>, farthest: usize) -> (Vec<&'static str>, Tested) {
        let history = History::new(values, Span::from_mins(1));
        let panel = Panel::learn(&history, &Chosen::default());
        let names = panel.members.iter().map(|member| member.name()).collect();
        (names, backtest(&panel, &history, farthest))
    }

    #[test]
    fn a_walk_is_left_to_the_last_value_and_errors_grow_with_the_root_of_distance() {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut level = 0.0;
        let mut walk = || {
            level += rng.f64() - 0.5;
            level
        };
        let (names, tested) = tested((0..1_000).map(|_| walk()).collect(), 64);
        let first: Vec<f64> = tested.spreads.weights(0).collect();
        let heaviest = (0..names.len()).max_by(|one, other| first[*one].total_cmp(&first[*other]));
        assert!(
            matches!(names[heaviest.unwrap()], "last value" | "autoregression"),
            "{names:?} {first:?}"
        );
        let width = |place: usize| {
            let errors = tested.spreads.tested[place].errors;
            errors[10].value() - errors[2].value()
        };
        let last = tested.spreads.tested.len() - 1;
        assert_eq!(tested.spreads.tested[last].steps, 64);
        assert!(
            (4.0..16.0).contains(&(width(last) / width(0))),
            "{}",
            width(last) / width(0)
        );
    }

    #[test]
    fn a_shift_that_has_just_come_is_heard_at_far_distances_too() {
        let mut rng = fastrand::Rng::with_seed(6);
        let values = (0..900)
            .map(|t| rng.f64() + if t < 860 { 0.0 } else { 100.0 })
            .collect();
        let history = History::new(values, Span::from_mins(1));
        let panel = Panel::learn(&history, &Chosen::default());
        let far = backtest(&panel, &history, 300).spreads;
        let mut out = panel
            .forecast(&history, 900, &[300])
            .into_iter()
            .zip(far.farthest().unwrap());
        let said = combine(&mut out.by_ref().collect()).unwrap();
        assert!(said > 80.0, "{said}");
    }

    #[test]
    fn distances_rise_to_the_farthest() {
        assert_eq!(distances(1), [1]);
        assert_eq!(distances(12), [1, 2, 4, 8, 12]);
        let (_, tested) = tested(vec![1.0; 15], 5);
        assert!(tested.spreads.tested.is_empty());
    }
}
