//! The forecasters, and how they are set up for a history.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    arima::{self, Arima},
    autoregression::{Autoregression, Coefficients},
    deviation::Deviation,
    fits::Fits,
    history::History,
    last::Last,
    level::Level,
    mstl::{self, Mstl},
    network::{Network, Recurrent},
    profile::{Profile, Profiled},
    seasonal::SeasonalNaive,
    trend::Trend,
};
use crate::domain::{Options, Span};

/// A forecaster of one series on a regular grid. It holds no state but what it made of the history it was set up for, and may be asked
/// from any origin in it, so that a backtest asks the very code that forecasts.
pub trait Member: Send + Sync {
    /// Its name, as on the Forecast screen.
    fn name(&self) -> &'static str;

    /// Point forecasts into `out`, `ahead` steps (counted from 1, rising) after the first `origin` values (at least 1) of `history`, from
    /// those alone; NaN where they are not enough.
    fn forecast(&self, history: &History, origin: usize, ahead: &[usize], out: &mut [f64]);
}

/// Which members forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members(u16);

impl Members {
    /// The names of all there are, as the option `shadow.members` and the Forecast screen have them.
    pub const NAMES: [&str; 12] = {
        let [a, b, c, d, e, f, g, h, i] = Options::MEMBERS;
        [a, b, c, d, e, f, g, h, i, Arima::NAME, Recurrent::NAME, Mstl::NAME]
    };

    /// Those that forecast where nobody chose.
    const USUAL: Self = Self((1 << Options::MEMBERS.len()) - 1);

    /// Those with these names; a name that is none of [`Members::NAMES`] is left out.
    #[must_use]
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let bit = |name| Self::NAMES.iter().position(|known| *known == name);
        Self(names.into_iter().filter_map(bit).fold(0, |all, bit| all | 1 << bit))
    }

    /// Whether the one of this name is among them.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        self.0 & Self::of([name]).0 != 0
    }

    /// Whether all that they know is the values they are asked about: those by choice may look at the time and at what passed since they learnt.
    #[must_use]
    pub fn timeless(self) -> bool {
        self.0 & !Self::USUAL.0 == 0
    }
}

impl Default for Members {
    fn default() -> Self {
        Self::USUAL
    }
}

/// What members learn that is worth keeping between refits: everything else they see in the history at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learnt {
    /// Values it was learnt from; 0 before the first time.
    pub len: u32,
    /// Seasons in use, in steps, shortest first.
    pub seasons: Box<[u32]>,
    /// Coefficients of the autoregressions, in the order of their members; `None` of one that had too little to learn from.
    coefficients: Box<[Option<Arc<Coefficients>>]>,
    /// What the differenced autoregression learnt.
    arima: Option<Box<arima::Model>>,
    /// What was learnt of seasons and of what they leave.
    mstl: Option<Box<mstl::Model>>,
    /// Who learnt.
    pub chosen: Chosen,
}

/// Who is to forecast.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// The members.
    pub members: Members,
    /// The network of the one that learns from many series; without it that one says nothing. It is kept once for all of them.
    #[serde(skip)]
    pub network: Option<Arc<Network>>,
}

/// All members, set up for one history.
pub struct Panel {
    /// They, in the order of all weights.
    pub members: Vec<Box<dyn Member>>,
    /// By member the season it knows, as a place in [`Learnt::seasons`].
    pub seasons: Vec<Option<usize>>,
    /// What they learnt.
    pub learnt: Learnt,
    /// The place of one that says what the one before it says: all there is lies in the windows of both.
    twin: Option<usize>,
}

impl Panel {
    /// Windows of the robust level, in steps.
    const SHORT: [usize; 2] = [12, 48];
    /// Windows of the robust level, in days.
    const LONG: [i64; 2] = [3, 7];

    /// Sets the members up for `history` and lets them learn from it, in such a way that asked from an origin they know nothing of
    /// what came after it.
    #[must_use]
    pub fn learn(history: &History, chosen: &Chosen) -> Self {
        Self::with(history, &history.seasons(), history.len(), chosen, None)
    }

    /// Sets them up for `history` with what was learnt before.
    #[must_use]
    pub fn recall(history: &History, learnt: &Learnt) -> Self {
        let seasons: Vec<usize> = learnt.seasons.iter().map(|season| *season as usize).collect();
        Self::with(history, &seasons, learnt.len as usize, &learnt.chosen, Some(learnt))
    }

    /// With what was learnt from `len` values before, else learning from all of `history`.
    fn with(history: &History, seasons: &[usize], len: usize, chosen: &Chosen, learnt: Option<&Learnt>) -> Self {
        let Chosen { members: who, network } = chosen;
        let (mut members, mut knows): (Vec<Box<dyn Member>>, Vec<Option<usize>>) = Default::default();
        let all_usual = who.0 & Members::USUAL.0 == Members::USUAL.0;
        let mut add = |member: Box<dyn Member>, season: Option<usize>| {
            if all_usual || who.has(member.name()) {
                members.push(member);
                knows.push(season);
            }
            members.len()
        };
        add(Box::new(Last), None);
        let days = Self::LONG.map(|days| history.steps(Span::from_days(days)));
        let mut twin = None;
        for steps in Self::SHORT.into_iter().chain(days) {
            let count = add(Box::new(Level::new(steps)), None);
            twin = count
                .checked_sub(1)
                .filter(|_| days.iter().all(|days| *days >= history.len()));
        }
        let twin = twin.filter(|_| all_usual);
        add(Box::new(Trend::long()), None);
        add(Box::new(Trend::short()), None);
        let mut coefficients = Vec::new();
        // What was learnt before, else what is learnt by `fit`.
        let mut fits = |fit: &dyn Fn() -> Fits<Arc<Coefficients>>| {
            let before = |learnt: &Learnt| learnt.coefficients.get(coefficients.len()).cloned().flatten();
            let fits = learnt.map_or_else(fit, |learnt| before(learnt).into());
            coefficients.push(fits.newest());
            fits
        };
        let profiles: Vec<Arc<Profile>> = seasons
            .iter()
            .map(|season| Arc::new(Profile::new(history, *season)))
            .collect();
        let seen_twice = |profile: &&Arc<Profile>| len >= 2 * profile.period();
        let usual: Vec<Arc<Profile>> = profiles.iter().filter(seen_twice).cloned().collect();
        let lags = Autoregression::lags(seasons, len);
        let auto = fits(&|| Autoregression::fit(&history.filled, &history.seen, &lags, &usual));
        add(Box::new(Autoregression::new(lags, usual.clone(), auto)), None);
        for (place, profile) in profiles.into_iter().enumerate() {
            add(Box::new(SeasonalNaive::new(profile.period())), Some(place));
            add(Box::new(Profiled::new(profile.clone())), Some(place));
            let deviations = fits(&|| Deviation::fit(&profile, history));
            add(Box::new(Deviation::new(profile, deviations)), Some(place));
        }
        let usual_steps: Vec<usize> = usual.iter().map(|profile| profile.period()).collect();
        let mut arima = None;
        if who.has(Arima::NAME) {
            let fits = match learnt {
                None => Arima::fit(history, usual_steps.first().copied()),
                Some(learnt) => learnt.arima.as_deref().cloned().into(),
            };
            arima = fits.newest().map(Box::new);
            add(Box::new(Arima::new(history, fits)), None);
        }
        let mut mstl = None;
        if who.has(Mstl::NAME) {
            let member = match learnt {
                None => {
                    let fits = Mstl::fit(history, &usual_steps);
                    mstl = fits.newest().map(Box::new);
                    Mstl::new(history, fits)
                }
                Some(learnt) => {
                    mstl.clone_from(&learnt.mstl);
                    Mstl::recall(history, mstl.as_deref().cloned())
                }
            };
            add(Box::new(member), None);
        }
        if let Some(network) = network.as_ref().filter(|_| who.has(Recurrent::NAME)) {
            add(Box::new(Recurrent::new(network.clone(), usual)), None);
        }
        let seasons = seasons.iter().map(|season| *season as u32).collect();
        Self {
            members,
            seasons: knows,
            learnt: Learnt {
                len: len as u32,
                seasons,
                coefficients: coefficients.into(),
                arima,
                mstl,
                chosen: chosen.clone(),
            },
            twin,
        }
    }

    /// Point forecasts by every member, `ahead` steps after the first `origin` values: member by member, NaN where one says nothing.
    #[must_use]
    pub fn forecast(&self, history: &History, origin: usize, ahead: &[usize]) -> Vec<f64> {
        let mut said = vec![f64::NAN; self.members.len() * ahead.len()];
        if origin > 0 && !ahead.is_empty() {
            for (place, member) in self.members.iter().enumerate() {
                let (before, out) = said.split_at_mut(place * ahead.len());
                let out = &mut out[..ahead.len()];
                if self.twin == Some(place) {
                    out.copy_from_slice(&before[before.len() - ahead.len()..]);
                } else {
                    member.forecast(history, origin, ahead, out);
                }
            }
        }
        said
    }
}
