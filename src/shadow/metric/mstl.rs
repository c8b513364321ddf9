//! Seasons taken out, and exponential smoothing of what is left.

use augurs::{Fit, Predict, ets::AutoETS, mstl::MSTLModel};
use serde::{Deserialize, Serialize};

use super::{Member, autoregression::Equations, fits::Fits, history::History, standard::Standard};

/// Seasons by repeated local regression (MSTL; Bandara, Hyndman & Bergmeir 2021, arXiv:2107.13462; STL: Cleveland et al. 1990, J. Official
/// Statistics 6), each going on as its newest round was, and of what is left the exponential smoothing, with no trend, a trend or a damped
/// one, that has the least corrected Akaike criterion (Hyndman et al. 2002, Int. J. Forecasting 18). Both by the crate `augurs`.
pub struct Mstl {
    runs: Fits<Run>,
}

/// A fitted model; values are standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// By season its newest round; the first of each is of the step after those learnt from.
    rounds: Vec<Box<[f32]>>,
    smoothing: Smoothing,
    /// As of the step after those learnt from.
    state: State,
    standard: Standard,
}

/// Exponential smoothing with additive errors as a recursion in its own forecasts one step ahead: how much the next one moves, of how
/// much this one moved, its error, and the error before. Every such smoothing is one (Box & Jenkins 1970).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Smoothing([f64; 3]);

/// Where the recursion is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    /// The forecast of the next step, seasons taken out.
    next: f64,
    /// How much it moved.
    moved: f64,
    /// The newest error.
    error: f64,
}

/// A model along a history.
struct Run {
    /// From how many values on it may be asked.
    from: usize,
    model: Model,
    /// Steps that passed between those learnt from and `from`.
    passed: usize,
    /// After each number of values from `from` on.
    states: Vec<State>,
}

impl Mstl {
    /// Its name.
    pub const NAME: &str = "mstl";
    /// Newest values it learns seasons from: two weeks of five minutes.
    const NEWEST: usize = 4_032;
    /// Newest values it learns the smoothing from, which forgets in fewer.
    const SMOOTHED: usize = 64;
    /// Values needed: the criterion has no number for less.
    const LEAST: usize = 24;

    /// Models by how many values they were learnt from, rising; none of a history too short or constant. `seasons` are in steps; one held
    /// less than twice is left out.
    #[must_use]
    pub fn fit(history: &History, seasons: &[usize]) -> Fits<Model> {
        Fits::along(history, Self::NEWEST, |filled, seen| Model::fit(filled, seen, seasons))
    }

    /// With what was learnt of `history`.
    #[must_use]
    pub fn new(history: &History, fits: Fits<Model>) -> Self {
        Self::passed(history, fits, 0)
    }

    /// With what was learnt when the newest [`History::fresh`] values had not been seen.
    #[must_use]
    pub fn recall(history: &History, model: Option<Model>) -> Self {
        let from = history.len().saturating_sub(history.fresh);
        let passed = history.fresh.saturating_sub(history.len());
        Self::passed(
            history,
            Fits(model.map(|model| (from, model)).into_iter().collect()),
            passed,
        )
    }

    fn passed(history: &History, fits: Fits<Model>, passed: usize) -> Self {
        let run = |(from, model)| (from, Run::new(history, from, passed, model));
        Self {
            runs: Fits(fits.0.into_iter().map(run).collect()),
        }
    }
}

impl Member for Mstl {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn forecast(&self, _: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        let Some(run) = self.runs.at(origin) else {
            out.fill(f64::NAN);
            return;
        };
        let (model, since) = (&run.model, origin - run.from);
        let mut state = run.states[since];
        let mut step = 1;
        for (ahead, out) in ahead.iter().zip(out) {
            while step < *ahead {
                state = model.smoothing.after(state, 0.0);
                step += 1;
            }
            let value = state.next + model.season(run.passed + since + ahead - 1);
            *out = model.standard.value(model.standard.within(value));
        }
    }
}

impl Run {
    fn new(history: &History, from: usize, passed: usize, model: Model) -> Self {
        let mut state = model.state;
        let mut states = vec![state];
        for place in from..history.len() {
            let value = model.standard.z(history.seen[place]) - model.season(passed + place - from);
            let error = value - state.next;
            // In a gap it goes on as it said.
            state = model
                .smoothing
                .after(state, if error.is_finite() { error } else { 0.0 });
            states.push(state);
        }
        Self {
            from,
            model,
            passed,
            states,
        }
    }
}

impl Model {
    fn fit(filled: &[f64], seen: &[f64], seasons: &[usize]) -> Option<Self> {
        let standard = Standard::of(seen).filter(|_| filled.len() >= Mstl::LEAST)?;
        let values: Vec<f64> = filled.iter().map(|value| standard.z(*value)).collect();
        let held = |season: &usize| (2..=values.len() / 2).contains(season);
        let seasons: Vec<usize> = seasons.iter().copied().filter(held).collect();
        let newest = values.len().saturating_sub(Mstl::SMOOTHED);
        let (mut rounds, mut left) = (Vec::new(), values[newest..].to_vec());
        if !seasons.is_empty() {
            let parts = MSTLModel::naive(seasons.clone()).fit(&values).ok()?;
            let parts = parts.fit();
            for (season, part) in seasons.iter().zip(parts.seasonal()) {
                rounds.push(part[part.len() - season..].into());
            }
            left = (newest..values.len())
                .map(|place| f64::from(parts.trend()[place]) + f64::from(parts.remainder()[place]))
                .collect();
        }
        let (smoothing, state) = Smoothing::fit(&left)?;
        Some(Self {
            rounds,
            smoothing,
            state,
            standard,
        })
    }

    /// What the seasons add `passed` steps after the first step not learnt from.
    fn season(&self, passed: usize) -> f64 {
        let now = |round: &[f32]| f64::from(round[passed % round.len()]);
        self.rounds.iter().map(|round| now(round)).sum()
    }
}

impl Smoothing {
    /// Keeps the regression solvable where two of its columns tell the same; its rows are about one.
    const RIDGE: f64 = 1e-9;

    /// Of the model chosen for `values`, and where it is after them. It does not tell its coefficients, but they can be read off what it
    /// says of each value.
    fn fit(values: &[f64]) -> Option<(Self, State)> {
        if values.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let fitted = AutoETS::new(1, "AZN").ok()?.fit(values).ok()?;
        let said = fitted.predict_in_sample(None).ok()?.point;
        let mut said: Vec<f64> = said.into_iter().take(values.len()).collect();
        said.push(*fitted.predict(1, None).ok()?.point.first()?);
        if said.len() != values.len() + 1 || said.iter().any(|said| !said.is_finite()) {
            return None;
        }
        let moved = |place: usize| said[place] - said[place - 1];
        let error = |place: usize| values[place] - said[place];
        let size = (1..values.len()).fold(f64::MIN_POSITIVE, |size, place| {
            size.max(moved(place + 1).abs()).max(error(place).abs())
        });
        let mut equations = Equations::new(3);
        for place in 1..values.len() {
            let row = [moved(place), error(place), error(place - 1)].map(|value| value / size);
            equations.add(&row, moved(place + 1) / size, 1.0);
        }
        let [moves, newest, before] = equations.solve(Self::RIDGE)?.try_into().ok()?;
        let last = values.len() - 1;
        let state = State {
            next: said[last + 1],
            moved: moved(last + 1),
            error: error(last),
        };
        // What grows from step to step is no smoothing.
        Some((Self([moves.clamp(0.0, 1.0), newest, before]), state))
    }

    /// Where it is one step on, if that step's error was `error`.
    fn after(&self, state: State, error: f64) -> State {
        let [moves, newest, before] = self.0;
        let moved = moves * state.moved + newest * error + before * state.error;
        State {
            next: state.next + moved,
            moved,
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{domain::Span, shadow::metric::normal};

    fn history(values: Vec<f64>) -> History {
        History::new(values, Span::from_secs(1))
    }

    fn forecast(history: &History, seasons: &[usize], origin: usize, ahead: &[usize]) -> Vec<f64> {
        let mut out = vec![0.0; ahead.len()];
        Mstl::new(history, Mstl::fit(history, seasons)).forecast(history, origin, ahead, &mut out);
        out
    }

    #[test]
    fn what_the_crate_forecasts_is_what_it_forecasts() {
        let mut rng = fastrand::Rng::with_seed(1);
        let ahead: Vec<usize> = (1..=24).collect();
        for (trend, noise) in [(0.0, 1.0), (0.5, 0.2), (0.05, 1.0)] {
            let mut level = 0.0;
            let values: Vec<f64> = (0..Mstl::SMOOTHED)
                .map(|t| {
                    level += 0.3 * normal::draw(&mut rng);
                    trend * t as f64 + level + noise * normal::draw(&mut rng)
                })
                .collect();
            let standard = Standard::of(&values).unwrap();
            let z: Vec<f64> = values.iter().map(|value| standard.z(*value)).collect();
            let theirs = AutoETS::new(1, "AZN").unwrap().fit(&z).unwrap();
            let theirs = theirs.predict(24, None).unwrap().point;
            let ours = forecast(&history(values), &[], Mstl::SMOOTHED, &ahead);
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert!(
                    (ours - standard.value(theirs)).abs() < 1e-3 * standard.scale,
                    "{ours} {theirs}"
                );
            }
        }
    }

    #[test]
    fn two_seasons_on_a_rise_go_on() {
        let turn = |t: usize, period: f64| (t as f64 * std::f64::consts::TAU / period).sin();
        let wave = |t: usize| 100.0 + 0.05 * t as f64 + 10.0 * turn(t, 24.0) + 5.0 * turn(t, 168.0);
        let history = history((0..1_000).map(wave).collect());
        let ahead = [1, 6, 24, 100, 168];
        for (ahead, said) in ahead.iter().zip(forecast(&history, &[24, 168], 1_000, &ahead)) {
            assert!(
                (said - wave(999 + ahead)).abs() < 1.5,
                "{ahead} {said} {}",
                wave(999 + ahead)
            );
        }
    }

    #[test]
    fn asked_from_an_origin_it_knows_nothing_of_what_came_after() {
        let noise = |t: usize| (t * 7_919 % 101) as f64;
        let later = |factor: f64| {
            (0..450)
                .map(|t| noise(t) * if t < 300 { 1.0 } else { factor })
                .collect()
        };
        let said = [1.0, 1e6].map(|factor| forecast(&history(later(factor)), &[24], 300, &[1, 7]));
        assert!(said[0] == said[1] && said[0][0].is_finite(), "{said:?}");
    }

    #[test]
    fn what_was_learnt_keeps_its_place_in_the_season_as_steps_pass() {
        let mut rng = fastrand::Rng::with_seed(5);
        let wave = |t: usize| [0.0, 5.0, 20.0, 10.0, 1.0][t % 5];
        let values: Vec<f64> = (0..317).map(|t| wave(t) + 0.1 * rng.f64()).collect();
        let model = Mstl::fit(&history(values[..300].to_vec()), &[5]).newest().unwrap();
        // Meanwhile the oldest were forgotten, so that places moved.
        let mut kept = history(values[100..].to_vec());
        kept.fresh = 17;
        let (mut said, mut out) = ([0.0; 7], [0.0; 7]);
        let ahead = [1, 2, 3, 4, 5, 6, 7];
        Mstl::recall(&kept, Some(model.clone())).forecast(&kept, kept.len(), &ahead, &mut said);
        let whole = history(values);
        Mstl::new(&whole, Fits(vec![(300, model)])).forecast(&whole, 317, &ahead, &mut out);
        assert_eq!(said, out);
        for (ahead, said) in ahead.iter().zip(said) {
            assert!((said - wave(316 + ahead)).abs() < 0.5, "{ahead} {said}");
        }
    }

    #[test]
    fn of_a_constant_or_of_few_values_it_says_nothing() {
        assert!(forecast(&history(vec![7.0; 300]), &[24], 300, &[1])[0].is_nan());
        assert!(forecast(&history(vec![1.0, 2.0]), &[24], 2, &[1])[0].is_nan());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_values_and_seasons_give_numbers_within_reach_or_nothing_and_the_same_again(
            values in prop::collection::vec(
                prop_oneof![6 => -9.0..9.0f64, 2 => Just(3.0), 1 => Just(f64::NAN), 1 => prop::sample::select(vec![1e30, -1e30, 5e-324, -0.0])],
                1..160,
            ),
            seasons in prop::collection::vec(0usize..90, 0..3),
            fresh in 0usize..200,
        ) {
            let mut history = history(values);
            let said = forecast(&history, &seasons, history.len(), &[1, 2, 40]);
            let (least, most) = history.range();
            let reach = 2.0 * (most - least);
            for said in &said {
                prop_assert!(said.is_nan() || (least - reach..=most + reach).contains(said), "{} in {} to {}", said, least, most);
            }
            let model = Mstl::fit(&history, &seasons).newest();
            history.fresh = fresh;
            let mut out = [0.0; 2];
            Mstl::recall(&history, model.clone()).forecast(&history, history.len(), &[1, 300], &mut out);
            prop_assert!(out.iter().all(|said| said.is_nan() || said.is_finite()));
            let again = Mstl::fit(&history, &seasons).newest();
            prop_assert_eq!(again, model);
        }
    }
}
