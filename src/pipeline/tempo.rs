//! How often each source is read: what is surprising oftener, what is stable and dear more rarely, within a budget.
//!
//! With changes of rate r and reads of cost c, the time between reads that makes delay and cost together least grows with
//! √(c/r): the square-root law of refreshing copies (Cho & Garcia-Molina, Effective page refresh policies for web crawlers,
//! ACM TODS 28, 2003). Here c is what the engine measured on itself, r how often values were odd beside how often the
//! shadow expects them to be, and the price of a second of processor rises while the engine takes more than its budget.

use std::{collections::BTreeMap, sync::Arc};

use super::State;
use crate::domain::{Mark, Span, Timestamp};

/// Bits from which a value counts as odd here: of one in 1,024.
const ODD: f32 = 10.0;
/// What is looked at to tell what is surprising.
const LATELY: Span = Span::from_mins(10);
/// How long a new finding makes its source worth a closer look.
const NEW: Span = Span::from_hours(1);
/// Least and most of how much more than usual is going on.
const ATTENTION: (f64, f64) = (0.25, 16.0);
/// The share of the budget at which a source of usual surprise is read as asked.
const FAIR: f64 = 1.0 / 50.0;
/// Reads are at most twice as often as asked, four times as rare within the budget, and sixteen times as rare beyond it. Settings are
/// never read more rarely than asked within it: a change would be seen later than was promised.
const OFTENEST: i8 = -1;
/// What is read more often than this is not read still oftener.
const LEAST: Span = Span::from_secs(1);
const RAREST: i8 = 2;
const RAREST_BEYOND: i8 = 4;
/// How far the best tempo must lie from that in force, in doublings, and for how many decisions in a row before a source is
/// read more rarely. To read it oftener one is enough.
const APART: f64 = 0.75;
/// The share of the budget that what is read oftener again must leave the engine within.
const BACK: f64 = 0.9;
/// How the price falls with each decision, while what follows stays within that.
const FALLS: f64 = 0.5;
/// The share of the budget that reading settings as asked must take for them to be read as rarely as all else beyond it: where
/// something else uses it up (many findings at once), that would only delay what they tell.
const WORTH: f64 = 0.5;
/// The share of the budget up to which settings are read as asked in any case: to read them more rarely would spare less than it delays.
const LITTLE: f64 = 1.0 / 20.0;
const CALM: u8 = 10;

/// What the engine measured of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its name.
    pub name: Arc<str>,
    /// Time between reads as asked for, above zero.
    pub every: Span,
    /// Processor time of one read, seconds.
    pub cost: f64,
    /// When settings that it reads last changed; `None` while none did, or when it reads none.
    pub changed: Option<Timestamp>,
    /// Whether it tells of settings and of no metrics.
    pub settings: bool,
    /// Whether its values have times of their own: reading it oftener than asked tells nothing more.
    pub stepped: bool,
}

impl Measured {
    /// Percent of one core that reading it as asked takes; `None` of what cannot be told.
    fn share(&self) -> Option<f64> {
        let share = 100.0 * self.cost.max(0.0) / self.every.secs_f64().max(1e-3);
        share.is_finite().then_some(share)
    }

    /// The doublings that make delay and cost together least, where a second of processor costs `price`; of settings that must not pay
    /// none above as asked.
    fn best(&self, attention: f64, price: f64, pays: bool, budget: f64) -> f64 {
        let share = self.share().unwrap_or(f64::NAN) / (budget * FAIR);
        let oftenest = if attention > 2.0 && self.every >= LEAST && !self.stepped {
            OFTENEST
        } else {
            0
        };
        let (attention, rarest) = if share <= 1.0 {
            (attention, 0.0)
        } else if self.settings && !pays {
            (attention.max(1.0), 0.0)
        } else {
            let rarest = f64::from(RAREST) + 0.5 * price.log2();
            (attention, rarest.min(self.rarest(budget).into()))
        };
        let best = 0.5 * (share * price / attention).log2();
        let best = if best.is_finite() { best } else { f64::from(oftenest) };
        best.clamp(oftenest.into(), rarest)
    }

    /// The most doublings of the time between its reads.
    fn rarest(&self, budget: f64) -> i8 {
        let dear = self.share().is_some_and(|share| share > budget * WORTH);
        if self.settings && !dear { RAREST } else { RAREST_BEYOND }
    }
}

/// How often one source is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    /// Doublings of the time asked for: −1 is twice as often, 2 four times as rare.
    pub doublings: i8,
    /// Why, in a few words; empty while it is read as asked.
    pub why: Arc<str>,
    /// Decisions in a row that called for rarer reads.
    calm: u8,
}

impl Pace {
    /// A pace, and why.
    #[must_use]
    pub fn new(doublings: i8, why: &str) -> Self {
        Self {
            doublings,
            why: why.into(),
            calm: 0,
        }
    }

    /// The time between reads for one asked for.
    #[must_use]
    pub fn of(doublings: i8, every: Span) -> Span {
        if doublings < 0 {
            Span(every.0 >> doublings.unsigned_abs().min(62)).max(Span(1))
        } else {
            every * (1 << doublings.min(30))
        }
    }
}

/// The tempo of all sources.
#[derive(Clone, Debug, PartialEq)]
pub struct Tempo {
    /// What a second of processor costs: 1 within the budget, more beyond.
    price: f64,
    paces: BTreeMap<Arc<str>, Pace>,
}

impl Default for Tempo {
    fn default() -> Self {
        Self {
            price: 1.0,
            paces: BTreeMap::new(),
        }
    }
}

impl Tempo {
    /// Most the price rises to: it makes every source as rare as it may be.
    const DEAREST: f64 = 1_024.0;

    /// The tempo in force.
    #[must_use]
    pub fn paces(&self) -> &BTreeMap<Arc<str>, Pace> {
        &self.paces
    }

    /// Decides anew, at most once a minute: `used` and `budget` are percent of one core, `attention` is that of [`attention`].
    /// Returns whether any source is to be read otherwise than before.
    pub fn decide(
        &mut self,
        sources: &[Measured],
        attention: &BTreeMap<Arc<str>, (f64, &'static str)>,
        used: f64,
        budget: f64,
        now: Timestamp,
    ) -> bool {
        let budget = budget.max(0.01);
        if used.is_finite() {
            // What settings will yield anyhow is no reason to make all else dearer.
            let over = ((used - self.yielding(sources, used, budget)) / budget).clamp(0.0, 2.0);
            let lower = (self.price * FALLS).max(1.0);
            if over > 1.0 {
                self.price = (self.price * over * over).min(Self::DEAREST);
            } else if used + self.regained(sources, attention, lower, used, budget, now) <= budget * BACK {
                self.price = lower;
            }
        }
        let beyond = self.price > 1.0;
        let asked = used + self.spared(sources);
        let mut other = false;
        for source in sources {
            let (attention, what) = attention
                .get(&source.name)
                .copied()
                .unwrap_or_else(|| settled(source, now));
            let pays = self.pays(source, sources, asked, budget);
            let best = source.best(attention, self.price, pays, budget);
            let pace = self.paces.entry(source.name.clone()).or_default();
            let apart = best - f64::from(pace.doublings);
            let before = pace.doublings;
            if apart <= -APART {
                (pace.doublings, pace.calm) = (best.round() as i8, 0);
            } else if apart >= APART {
                pace.calm += 1;
                // Over the budget nothing is waited for.
                if pace.calm >= CALM || (beyond || source.settings) && used > budget {
                    (pace.doublings, pace.calm) = (pace.doublings + 1, 0);
                }
            } else {
                pace.calm = 0;
            }
            if pace.doublings != before {
                other = true;
                let why = match pace.doublings {
                    ..=0 => what.to_owned(),
                    _ if beyond || source.settings => format!("the budget of {budget} % is used up"),
                    _ => what.to_owned(),
                };
                pace.why = match pace.doublings {
                    0 => "".into(),
                    _ => format!(
                        "read every {} instead of {}: {why}, a read takes {:.1} ms",
                        Pace::of(pace.doublings, source.every).exact(),
                        source.every.exact(),
                        source.cost * 1e3
                    )
                    .into(),
                };
            }
        }
        other
    }

    /// Percent of one core that sources would take more if they were read as at the lower price `price`.
    fn regained(
        &self,
        sources: &[Measured],
        attention: &BTreeMap<Arc<str>, (f64, &'static str)>,
        price: f64,
        used: f64,
        budget: f64,
        now: Timestamp,
    ) -> f64 {
        let asked = used + self.spared(sources);
        let more = sources.iter().filter_map(|source| {
            let before = self.paces.get(&source.name)?.doublings;
            let attention = attention
                .get(&source.name)
                .copied()
                .unwrap_or_else(|| settled(source, now))
                .0;
            let best = source.best(attention, price, self.pays(source, sources, asked, budget), budget);
            let oftener = best - f64::from(before) <= -APART;
            let more = (-best.round()).exp2() - f64::from(-before).exp2();
            oftener.then_some(source.share()? * more)
        });
        more.sum()
    }

    /// Percent of one core that is spared by reading settings more rarely than asked.
    #[must_use]
    pub fn spared(&self, sources: &[Measured]) -> f64 {
        let settings = sources.iter().filter(|source| source.settings);
        let spared = settings.filter_map(|source| {
            let doublings = self.paces.get(&source.name)?.doublings.max(0);
            Some(source.share()? * (1.0 - f64::from(-doublings).exp2()))
        });
        spared.sum()
    }

    /// Whether the budget would be broken if the settings of `source` were read as asked, though all dearer ones were read as rarely as may
    /// be; `asked` is what the engine takes where none is slowed.
    fn pays(&self, source: &Measured, sources: &[Measured], asked: f64, budget: f64) -> bool {
        // What takes next to nothing saves nothing, whoever uses the budget up.
        if source.share().is_none_or(|share| share <= budget * LITTLE) {
            return false;
        }
        let slowed = self.paces.get(&source.name).is_some_and(|pace| pace.doublings > 0);
        asked - spared_by_dearer(source, sources, budget) > budget * if slowed { BACK } else { 1.0 }
    }

    /// Percent of one core that settings have yet to yield, at no higher price.
    fn yielding(&self, sources: &[Measured], used: f64, budget: f64) -> f64 {
        let asked = used + self.spared(sources);
        let settings = sources.iter().filter(|source| source.settings);
        let paying = settings.filter(|source| self.pays(source, sources, asked, budget));
        let yielded = paying.filter_map(|source| {
            let share = source.share()?;
            let most = (0.5 * (share / (budget * FAIR)).log2()).round();
            let now = self.paces.get(&source.name).map_or(0, |pace| pace.doublings.max(0));
            Some(share * (f64::from(-now).exp2() - (-most.clamp(0.0, RAREST.into())).exp2()).max(0.0))
        });
        yielded.sum()
    }
}

/// Percent of one core that is spared where all settings dearer than `source` are read as rarely as may be: the dearest yield first.
fn spared_by_dearer(source: &Measured, sources: &[Measured], budget: f64) -> f64 {
    let dearer = sources
        .iter()
        .filter(|other| other.settings && other.share() > source.share());
    let spared = dearer.filter_map(|other| Some(other.share()? * (1.0 - f64::from(-other.rarest(budget)).exp2())));
    spared.sum()
}

/// How much more than usual goes on in a source of settings.
fn settled(source: &Measured, now: Timestamp) -> (f64, &'static str) {
    match source.changed.map(|changed| now - changed) {
        Some(since) if since < LATELY => (4.0, "settings just changed"),
        Some(since) if since < Span::from_days(1) => (1.0, "settings changed within a day"),
        _ => (ATTENTION.0, "no setting changed for a day"),
    }
}

/// How much more than usual goes on in each source of metrics, 1/4 to 16, and in words: its odd values of the last ten minutes
/// over those that the shadow expects (the mean of a Poisson rate with a Gamma(1, 1) prior), or the most where a finding of the
/// last hour or a limit that will be passed concerns it.
#[must_use]
pub fn attention(state: &State, now: Timestamp) -> BTreeMap<Arc<str>, (f64, &'static str)> {
    let mut counts: BTreeMap<&Arc<str>, (f64, f64)> = BTreeMap::new();
    for metric in state.shadows.metrics.values() {
        let (odd, expected) = counts.entry(&metric.meta.source).or_insert((0.0, 0.0));
        let lately = metric.minutes.iter().rev();
        for minute in lately.take_while(|minute| now - minute.at <= LATELY) {
            *odd += f64::from(u8::from(minute.bits >= ODD));
            *expected += (f64::from(minute.count) * f64::from(-ODD).exp2()).min(1.0);
        }
    }
    let mut all: BTreeMap<Arc<str>, (f64, &'static str)> = BTreeMap::new();
    for (source, (odd, expected)) in counts {
        let rate = ((1.0 + odd) / (1.0 + expected)).clamp(ATTENTION.0, ATTENTION.1);
        let what = match rate {
            ..0.5 => "stable",
            ..2.0 => "as usual",
            _ => "surprising",
        };
        all.insert(source.clone(), (rate, what));
    }
    for finding in &state.findings {
        let crosses = finding.mark == Mark::Cross;
        if !crosses && now - finding.since > NEW {
            continue;
        }
        for id in &finding.series {
            if let Some(metric) = state.shadows.metrics.get(id) {
                let what = if crosses { "a limit will be passed" } else { "drifting" };
                all.insert(metric.meta.source.clone(), (ATTENTION.1, what));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests;
