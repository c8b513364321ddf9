//! The forecasters, and how they are set up for a history.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    autoregression::{Autoregression, Coefficients},
    deviation::Deviation,
    history::History,
    last::Last,
    level::Level,
    profile::{Profile, Profiled},
    seasonal::SeasonalNaive,
    trend::Trend,
};
use crate::domain::Span;

/// A forecaster of one series on a regular grid. It holds no state but what it made of the history it was set up for, and may be asked
/// from any origin in it, so that a backtest asks the very code that forecasts.
pub trait Member {
    /// Its name, as on the Forecast screen.
    fn name(&self) -> &'static str;

    /// Point forecasts into `out`, `ahead` steps (counted from 1, rising) after the first `origin` values (at least 1) of `history`, from
    /// those alone; NaN where they are not enough.
    fn forecast(&self, history: &History, origin: usize, ahead: &[usize], out: &mut [f64]);
}

/// What members learn that is worth keeping between refits: everything else they see in the history at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learnt {
    /// Seasons in use, in steps, shortest first.
    pub seasons: Vec<u32>,
    /// Coefficients of the autoregressions, in the order of their members; `None` of one that had too little to learn from.
    coefficients: Vec<Option<Coefficients>>,
}

/// All members, set up for one history.
pub struct Panel {
    /// They, in the order of all weights.
    pub members: Vec<Box<dyn Member>>,
    /// By member the season it knows, as a place in [`Learnt::seasons`].
    pub seasons: Vec<Option<usize>>,
    /// What they learnt.
    pub learnt: Learnt,
}

impl Panel {
    /// Windows of the robust level, in steps.
    const SHORT: [usize; 2] = [12, 48];
    /// Windows of the robust level, in days.
    const LONG: [i64; 2] = [3, 7];

    /// Sets the members up for `history` and lets them learn from it, in such a way that asked from an origin they know nothing of
    /// what came after it.
    #[must_use]
    pub fn learn(history: &History) -> Self {
        let seasons = history.seasons();
        Self::with(history, seasons, |_, fit| fit())
    }

    /// Sets them up for `history` with what was learnt before.
    #[must_use]
    pub fn recall(history: &History, learnt: &Learnt) -> Self {
        let seasons = learnt.seasons.iter().map(|season| *season as usize).collect();
        Self::with(history, seasons, |place, _| {
            learnt.coefficients.get(place).cloned().flatten().into()
        })
    }

    fn with(history: &History, seasons: Vec<usize>, fit: impl Fn(usize, &dyn Fn() -> Fits) -> Fits) -> Self {
        let mut members: Vec<Box<dyn Member>> = vec![Box::new(Last)];
        members.extend(Self::SHORT.map(|steps| Box::new(Level::new(steps)) as Box<dyn Member>));
        let days = Self::LONG.map(|days| history.steps(Span::from_days(days)));
        members.extend(days.map(|steps| Box::new(Level::new(steps)) as Box<dyn Member>));
        members.extend([Trend::long(), Trend::short()].map(|trend| Box::new(trend) as Box<dyn Member>));
        let mut coefficients = Vec::new();
        let mut keep = |fits: Fits| {
            coefficients.push(fits.newest());
            fits
        };
        let profiles: Vec<Arc<Profile>> = seasons
            .iter()
            .map(|season| Arc::new(Profile::new(history, *season)))
            .collect();
        let seen_twice = |profile: &&Arc<Profile>| history.len() >= 2 * profile.period();
        let usual: Vec<Arc<Profile>> = profiles.iter().filter(seen_twice).cloned().collect();
        let lags = Autoregression::lags(&seasons, history.len());
        let fits = keep(fit(0, &|| {
            Autoregression::fit(&history.filled, &history.seen, &lags, &usual)
        }));
        members.push(Box::new(Autoregression::new(usual.clone(), fits)));
        let mut knows = vec![None; members.len()];
        for (place, profile) in profiles.into_iter().enumerate() {
            members.push(Box::new(SeasonalNaive::new(profile.period())));
            members.push(Box::new(Profiled::new(profile.clone())));
            let fits = keep(fit(place + 1, &|| Deviation::fit(&profile, history)));
            members.push(Box::new(Deviation::new(profile, fits)));
            knows.resize(members.len(), Some(place));
        }
        let seasons = seasons.iter().map(|season| *season as u32).collect();
        Self {
            members,
            seasons: knows,
            learnt: Learnt { seasons, coefficients },
        }
    }

    /// Point forecasts by every member, `ahead` steps after the first `origin` values: member by member, NaN where one says nothing.
    #[must_use]
    pub fn forecast(&self, history: &History, origin: usize, ahead: &[usize]) -> Vec<f64> {
        let mut said = vec![f64::NAN; self.members.len() * ahead.len()];
        if origin > 0 && !ahead.is_empty() {
            for (member, out) in self.members.iter().zip(said.chunks_mut(ahead.len())) {
                member.forecast(history, origin, ahead, out);
            }
        }
        said
    }
}

/// Coefficients by the number of values they were learnt from, rising.
#[derive(Clone, Debug, Default)]
pub struct Fits(pub Vec<(usize, Coefficients)>);

impl Fits {
    fn newest(&self) -> Option<Coefficients> {
        self.0.last().map(|(_, coefficients)| coefficients.clone())
    }
}

impl From<Option<Coefficients>> for Fits {
    /// What was learnt before may be used from any origin.
    fn from(learnt: Option<Coefficients>) -> Self {
        Self(learnt.map(|coefficients| (0, coefficients)).into_iter().collect())
    }
}
