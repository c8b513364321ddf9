//! Differences, and what of the newest of them and of the newest errors goes on.

use serde::{Deserialize, Serialize};

use super::{
    Member,
    autoregression::{Equations, dot},
    fits::Fits,
    history::History,
    standard::Standard,
};

/// An autoregression and moving average of the series or its differences, from step to step, season to season or both (Box & Jenkins 1970),
/// with the error of one season ago as the only seasonal term.
///
/// Fitted as by Hannan & Rissanen (1982, Biometrika 69): a long autoregression gives the errors, a regression on values and errors the
/// coefficients, which is done again with the errors of the model itself. Orders and differences are those of the least corrected Akaike
/// criterion (Hurvich & Tsai 1989, Biometrika 76) over the same values, among models that neither run away nor remember errors for ever.
pub struct Arima {
    runs: Fits<Run>,
}

/// A fitted model; values are standardised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Steps in its season; 0 where it has none.
    season: u32,
    /// Whether it is of differences from step to step, and from season to season.
    differences: [bool; 2],
    /// Of the newest values, the newest errors, the error one season ago, and a constant.
    weights: Weights,
    standard: Standard,
}

/// Coefficients, those of an order below the most zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Weights {
    values: [f64; Arima::VALUES],
    errors: [f64; Arima::ERRORS],
    season: f64,
    constant: f64,
}

/// A model along a history.
struct Run {
    model: Model,
    values: Vec<f64>,
    differences: Vec<f64>,
    errors: Vec<f64>,
}

impl Arima {
    /// Its name.
    pub const NAME: &str = "arima";
    /// Most values and most errors looked back at.
    const VALUES: usize = 3;
    const ERRORS: usize = 2;
    /// Lags of the long autoregression, besides that of the season.
    const LONG: usize = 10;
    /// Columns of the regression: values, errors, the season's error, the constant.
    const COLUMNS: usize = Self::VALUES + Self::ERRORS + 2;
    /// Newest values it learns from: so a fit costs a millisecond at most.
    const NEWEST: usize = 2_016;
    /// Keeps the regressions solvable, in observations of variance one.
    const RIDGE: f64 = 1e-3;

    /// Models by how many values they were learnt from, rising; none of a history too short or constant. `season` is one in steps, if any.
    #[must_use]
    pub fn fit(history: &History, season: Option<usize>) -> Fits<Model> {
        Fits::along(history, Self::NEWEST, |filled, seen| {
            Model::choose(filled, seen, season)
        })
    }

    /// With what was learnt, along `history`.
    #[must_use]
    pub fn new(history: &History, fits: Fits<Model>) -> Self {
        let run = |(from, model): (usize, Model)| {
            let values: Vec<f64> = history.filled.iter().map(|value| model.standard.z(*value)).collect();
            let differences = differences(&values, model.season as usize, model.differences);
            let errors = model.errors(&differences);
            let run = Run {
                model,
                values,
                differences,
                errors,
            };
            (from, run)
        };
        Self {
            runs: Fits(fits.0.into_iter().map(run).collect()),
        }
    }
}

impl Member for Arima {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn forecast(&self, _: &History, origin: usize, ahead: &[usize], out: &mut [f64]) {
        let Some(run) = self.runs.at(origin) else {
            out.fill(f64::NAN);
            return;
        };
        let model = &run.model;
        let (season, [once, seasonal]) = (model.season as usize, model.differences);
        let back = (season + 1 + Arima::ERRORS)
            .max(Arima::VALUES)
            .max(Arima::ERRORS)
            .min(origin);
        let horizon = ahead.last().copied().unwrap_or(0);
        let tail = |of: &[f64]| {
            let mut tail = Vec::with_capacity(back + horizon);
            tail.extend_from_slice(&of[origin - back..origin]);
            tail
        };
        let (mut path, mut steps, mut errors) = (tail(&run.values), tail(&run.differences), tail(&run.errors));
        for place in back..back + horizon {
            let step = model.next(&steps, &errors, place);
            let at = |lag: usize| place.checked_sub(lag).map_or(0.0, |place| path[place]);
            let mut value = step;
            value += if once { at(1) } else { 0.0 };
            value += if seasonal { at(season) } else { 0.0 };
            value -= if once && seasonal { at(season + 1) } else { 0.0 };
            path.push(model.standard.within(value));
            steps.push(step);
            errors.push(0.0);
        }
        for (ahead, out) in ahead.iter().zip(out) {
            *out = model.standard.value(path[back + ahead - 1]);
        }
    }
}

impl Model {
    fn choose(filled: &[f64], seen: &[f64], season: Option<usize>) -> Option<Self> {
        let standard = Standard::of(seen)?;
        let season = season.filter(|season| filled.len() >= 3 * season);
        let first = season.unwrap_or(0) + Arima::LONG + 2;
        if filled.len() < first + 5 * Arima::COLUMNS {
            return None;
        }
        let values: Vec<f64> = filled.iter().map(|value| standard.z(*value)).collect();
        let rows: Vec<usize> = (first..values.len()).filter(|place| seen[*place].is_finite()).collect();
        if rows.len() < 5 * Arima::COLUMNS {
            return None;
        }
        let mut model = Self {
            season: season.unwrap_or(0) as u32,
            differences: [false; 2],
            weights: Weights::default(),
            standard,
        };
        let mut best: Option<(f64, Self, Vec<bool>)> = None;
        for seasonal in [false, true].into_iter().take(1 + usize::from(season.is_some())) {
            for once in [false, true] {
                model.differences = [once, seasonal];
                let steps = differences(&values, model.season as usize, model.differences);
                let errors = model.long(&steps, &rows)?;
                let table = Table::new(&model, &steps, &errors, &rows);
                for used in model.candidates() {
                    let Some((criterion, weights)) = table.solve(&used) else {
                        continue;
                    };
                    if best.as_ref().is_none_or(|(least, ..)| criterion < *least) && weights.are_sound() {
                        let found = Self {
                            weights,
                            ..model.clone()
                        };
                        best = Some((criterion, found, used));
                    }
                }
            }
        }
        let (_, mut model, used) = best?;
        let steps = differences(&values, model.season as usize, model.differences);
        let again = Table::new(&model, &steps, &model.errors(&steps), &rows).solve(&used);
        if let Some((_, weights)) = again.filter(|(_, weights)| weights.are_sound()) {
            model.weights = weights;
        }
        Some(model)
    }

    /// Which columns each order of a model takes.
    fn candidates(&self) -> Vec<Vec<bool>> {
        let mut all = Vec::new();
        let seasons: &[bool] = if self.season > 0 { &[false, true] } else { &[false] };
        for values in 0..=Arima::VALUES {
            for errors in 0..=Arima::ERRORS {
                for season in seasons {
                    let mut used = vec![false; Arima::COLUMNS];
                    used[..values].fill(true);
                    used[Arima::VALUES..Arima::VALUES + errors].fill(true);
                    used[Arima::COLUMNS - 2] = *season;
                    // Without one, differences have no drift: a series that rose for weeks may not go on so.
                    used[Arima::COLUMNS - 1] = self.differences == [false; 2];
                    all.push(used);
                }
            }
        }
        all
    }

    /// The errors of a long autoregression; `None` where it gives no numbers.
    fn long(&self, steps: &[f64], rows: &[usize]) -> Option<Vec<f64>> {
        let season = self.season as usize;
        let fill = |place: usize, row: &mut [f64]| {
            for (lag, to) in row[..Arima::LONG].iter_mut().enumerate() {
                *to = steps[place - lag - 1];
            }
            row[Arima::LONG] = if season > 0 { steps[place - season] } else { 0.0 };
        };
        let mut row = [1.0; Arima::LONG + 2];
        let mut equations = Equations::new(row.len());
        for place in rows {
            fill(*place, &mut row);
            equations.add(&row, steps[*place], 1.0);
        }
        let weights = equations.solve(Arima::RIDGE)?;
        let mut errors = vec![0.0; steps.len()];
        for place in rows[0]..steps.len() {
            fill(place, &mut row);
            errors[place] = steps[place] - dot(&row, &weights);
        }
        Some(errors)
    }

    /// What it says of the difference at `place`, from those before and their errors.
    fn next(&self, steps: &[f64], errors: &[f64], place: usize) -> f64 {
        let weights = &self.weights;
        let sum = |of: &[f64], weights: &[f64]| -> f64 {
            of.iter().rev().zip(weights).map(|(value, weight)| weight * value).sum()
        };
        let near = |place: usize| sum(&errors[..place], &weights.errors);
        // The season's moving average times the near one: what a season ago was near is near a season ago.
        let season = place.checked_sub(self.season as usize).filter(|at| *at < place);
        let seasonal = season.map_or(0.0, |place| weights.season * (errors[place] + near(place)));
        weights.constant + sum(&steps[..place], &weights.values) + near(place) + seasonal
    }

    /// Its errors along `steps`, none before the first value.
    fn errors(&self, steps: &[f64]) -> Vec<f64> {
        let far = f64::from(self.standard.range.1) - f64::from(self.standard.range.0);
        let mut errors = Vec::with_capacity(steps.len());
        for (place, step) in steps.iter().enumerate() {
            let error = step - self.next(steps, &errors, place);
            errors.push(error.clamp(-far, far));
        }
        errors
    }
}

impl Weights {
    /// Whether what it says neither runs away nor hangs on errors for ever.
    fn are_sound(&self) -> bool {
        let errors = self.errors.map(|weight| -weight);
        dies_out(&self.values) && dies_out(&errors) && self.season.abs() < 0.98
    }
}

/// Whether a recursion with these weights of the newest values is stationary: all its partial correlations are below one (Durbin 1960,
/// backwards).
fn dies_out(weights: &[f64]) -> bool {
    let mut weights = weights.to_vec();
    while let Some(last) = weights.pop() {
        if last.abs() >= 0.98 {
            return false;
        }
        let before = weights.clone();
        for (weight, mirrored) in weights.iter_mut().zip(before.iter().rev()) {
            *weight = (*weight + last * mirrored) / (1.0 - last * last);
        }
    }
    true
}

/// Differences of `values` from step to step and from season to season, as asked; zero where nothing stands before.
fn differences(values: &[f64], season: usize, [once, seasonal]: [bool; 2]) -> Vec<f64> {
    let mut steps = values.to_vec();
    for (lag, asked) in [(season, seasonal), (1, once)] {
        if asked {
            for place in (lag..steps.len()).rev() {
                steps[place] -= steps[place - lag];
            }
            let begin = lag.min(steps.len());
            steps[..begin].fill(0.0);
        }
    }
    steps
}

/// The regression on all columns, of which those of each order are taken.
struct Table {
    equations: Equations,
    squares: f64,
    rows: usize,
}

impl Table {
    fn new(model: &Model, steps: &[f64], errors: &[f64], rows: &[usize]) -> Self {
        let season = model.season as usize;
        let mut table = Self {
            equations: Equations::new(Arima::COLUMNS),
            squares: 0.0,
            rows: rows.len(),
        };
        let mut row = [1.0; Arima::COLUMNS];
        for place in rows {
            for lag in 0..Arima::VALUES {
                row[lag] = steps[place - lag - 1];
            }
            for lag in 0..Arima::ERRORS {
                row[Arima::VALUES + lag] = errors[place - lag - 1];
            }
            row[Arima::COLUMNS - 2] = if season > 0 { errors[place - season] } else { 0.0 };
            table.equations.add(&row, steps[*place], 1.0);
            table.squares += steps[*place] * steps[*place];
        }
        table
    }

    /// The corrected Akaike criterion of a model with the columns `used`, and its coefficients.
    fn solve(&self, used: &[bool]) -> Option<(f64, Weights)> {
        let columns: Vec<usize> = (0..used.len()).filter(|column| used[*column]).collect();
        let part = self.equations.part(&columns);
        let solved = if columns.is_empty() {
            Vec::new()
        } else {
            part.solve(Arima::RIDGE)?
        };
        let rest = (self.squares - dot(&solved, part.right())).max(1e-12 * self.squares.max(1e-300));
        let (rows, count) = (self.rows as f64, columns.len() as f64 + 1.0);
        let criterion = rows * (rest / rows).ln() + 2.0 * count * rows / (rows - count - 1.0);
        let mut all = [0.0; Arima::COLUMNS];
        for (column, weight) in columns.iter().zip(solved) {
            all[*column] = weight;
        }
        let mut weights = Weights {
            season: all[Arima::COLUMNS - 2],
            constant: all[Arima::COLUMNS - 1],
            ..Weights::default()
        };
        weights.values.copy_from_slice(&all[..Arima::VALUES]);
        weights
            .errors
            .copy_from_slice(&all[Arima::VALUES..Arima::VALUES + Arima::ERRORS]);
        criterion.is_finite().then_some((criterion, weights))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Span, shadow::metric::normal};

    fn model(values: Vec<f64>, season: Option<usize>) -> (History, Model) {
        let history = History::new(values, Span::from_secs(1));
        let model = Arima::fit(&history, season).newest().unwrap();
        (history, model)
    }

    fn forecast(history: &History, season: Option<usize>, origin: usize, ahead: &[usize]) -> Vec<f64> {
        let mut out = vec![0.0; ahead.len()];
        Arima::new(history, Arima::fit(history, season)).forecast(history, origin, ahead, &mut out);
        out
    }

    #[test]
    fn it_finds_the_coefficients_of_a_simulated_process() {
        let mut rng = fastrand::Rng::with_seed(1);
        let (mut value, mut before) = (0.0, 0.0);
        let mut next = || {
            let error = normal::draw(&mut rng);
            value = 0.7 * value + error + 0.4 * before;
            before = error;
            20.0 + value
        };
        let (_, model) = model((0..2_000).map(|_| next()).collect(), None);
        assert_eq!(model.differences, [false; 2]);
        let Weights { values, errors, .. } = model.weights;
        assert!(
            (values[0] - 0.7).abs() < 0.1 && (errors[0] - 0.4).abs() < 0.1,
            "{model:?}"
        );
    }

    #[test]
    fn a_walk_is_differenced_and_stays_where_it_is() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut level = 0.0;
        let mut walk = || {
            level += normal::draw(&mut rng);
            level
        };
        let (history, model) = model((0..1_000).map(|_| walk()).collect(), None);
        let near: f64 = model.weights.values.iter().sum();
        assert!(model.differences == [true, false] || near > 0.97, "{model:?}");
        let said = forecast(&history, None, 1_000, &[1, 20]);
        assert!(
            said.iter().all(|said| (said - history.filled[999]).abs() < 1.5),
            "{said:?}"
        );
    }

    #[test]
    fn an_exponentially_smoothed_level_is_a_moving_average_of_differences() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut level = 0.0;
        let mut draw = || {
            let error = normal::draw(&mut rng);
            let value = level + error;
            level += 0.2 * error;
            value
        };
        let values: Vec<f64> = (0..2_000).map(|_| draw()).collect();
        let smoothed = values.iter().fold(0.0, |level, value| level + 0.2 * (value - level));
        let (history, model) = model(values, None);
        assert_eq!(model.differences, [true, false], "{model:?}");
        let said = forecast(&history, None, 2_000, &[1])[0];
        assert!((said - smoothed).abs() < 0.3, "{said} {smoothed} {model:?}");
    }

    #[test]
    fn a_season_that_drifts_is_followed() {
        let mut rng = fastrand::Rng::with_seed(4);
        let wave = |t: usize| (t as f64 * std::f64::consts::TAU / 24.0).sin() * (10.0 + t as f64 * 0.01);
        let values = (0..600).map(|t| wave(t) + 0.3 * normal::draw(&mut rng)).collect();
        let history = History::new(values, Span::from_secs(1));
        let ahead = [1, 6, 24, 30];
        for (ahead, said) in ahead.iter().zip(forecast(&history, Some(24), 600, &ahead)) {
            assert!(
                (said - wave(599 + ahead)).abs() < 1.5,
                "{ahead} {said} {}",
                wave(599 + ahead)
            );
        }
    }

    #[test]
    fn asked_from_an_origin_it_knows_nothing_of_what_came_after() {
        let noise = |t: usize| (t * 7_919 % 101) as f64;
        let early: Vec<f64> = (0..300).map(noise).collect();
        let (mut one, mut other) = (early.clone(), early);
        one.extend((0..150).map(noise));
        other.extend((0..150).map(|t| noise(t) * 1e6));
        let said = [one, other].map(|values| forecast(&History::new(values, Span::from_secs(1)), None, 300, &[1, 7]));
        assert_eq!(said[0], said[1]);
    }

    #[test]
    fn what_runs_away_is_told_from_what_dies_out() {
        assert!(dies_out(&[0.5, 0.3]) && dies_out(&[1.2, -0.5]) && dies_out(&[]));
        assert!(!dies_out(&[1.0]) && !dies_out(&[0.6, 0.5]) && !dies_out(&[0.0, 0.0, -1.1]));
    }

    #[test]
    fn of_a_constant_or_of_few_values_it_says_nothing() {
        assert!(forecast(&History::new(vec![7.0; 300], Span::from_secs(1)), None, 300, &[1])[0].is_nan());
        assert!(forecast(&History::new(vec![1.0, 2.0], Span::from_secs(1)), Some(24), 2, &[1])[0].is_nan());
    }
}
