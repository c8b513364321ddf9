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
/// The share of the budget below which settings must lie, read as asked, before they are again.
const BACK: f64 = 0.9;
/// The share of the budget that reading all settings as asked must take for them to be read as rarely as all else beyond it: where
/// something else uses it up (many findings at once), that would only delay what they tell.
const WORTH: f64 = 0.5;
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
}

impl Measured {
    /// Percent of one core that reading it as asked takes; `None` of what cannot be told.
    fn share(&self) -> Option<f64> {
        let share = 100.0 * self.cost.max(0.0) / self.every.secs_f64().max(1e-3);
        share.is_finite().then_some(share)
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
            let over = (used / budget).clamp(0.0, 2.0);
            // A tempo may double: below half of the budget nothing that follows is beyond it. In between the price stays.
            let by = match over {
                ..0.5 => 0.8,
                ..=1.0 => 1.0,
                _ => over * over,
            };
            self.price = (self.price * by).clamp(1.0, Self::DEAREST);
        }
        let beyond = self.price > 1.0;
        let asked = used + self.spared(sources);
        let settings = sources.iter().filter(|source| source.settings);
        let dear = settings.filter_map(Measured::share).sum::<f64>() > budget * WORTH;
        let mut other = false;
        for source in sources {
            let (attention, what) = attention
                .get(&source.name)
                .copied()
                .unwrap_or_else(|| settled(source, now));
            let share = source.share().unwrap_or(f64::NAN) / (budget * FAIR);
            let oftenest = if attention > 2.0 && source.every >= LEAST {
                OFTENEST
            } else {
                0
            };
            let slowed = self.paces.get(&source.name).is_some_and(|pace| pace.doublings > 0);
            // Read as asked, settings would break the budget, and what this source takes is a part of it worth sparing.
            let pays = beyond && share > 1.0 && asked > budget * if slowed { BACK } else { 1.0 };
            let (attention, rarest) = if source.settings && !pays {
                (attention.max(1.0), 0.0)
            } else {
                let most = if source.settings && !dear {
                    RAREST
                } else {
                    RAREST_BEYOND
                };
                let rarest = f64::from(RAREST) + 0.5 * self.price.log2();
                (attention, rarest.min(most.into()))
            };
            let best = 0.5 * (share * self.price / attention).log2();
            let best = if best.is_finite() { best } else { f64::from(oftenest) };
            let best = best.clamp(oftenest.into(), rarest);
            let pace = self.paces.entry(source.name.clone()).or_default();
            let apart = best - f64::from(pace.doublings);
            let before = pace.doublings;
            if apart <= -APART {
                (pace.doublings, pace.calm) = (best.round() as i8, 0);
            } else if apart >= APART {
                pace.calm += 1;
                // Over the budget nothing is waited for.
                if pace.calm >= CALM || beyond && used > budget {
                    (pace.doublings, pace.calm) = (pace.doublings + 1, 0);
                }
            } else {
                pace.calm = 0;
            }
            if pace.doublings != before {
                other = true;
                let why = match pace.doublings {
                    ..=0 => what.to_owned(),
                    _ if beyond => format!("the budget of {budget} % is used up"),
                    _ => what.to_owned(),
                };
                pace.why = match pace.doublings {
                    0 => "".into(),
                    _ => format!(
                        "read every {} instead of {}: {why}, a read takes {:.1} ms",
                        Pace::of(pace.doublings, source.every),
                        source.every,
                        source.cost * 1e3
                    )
                    .into(),
                };
            }
        }
        other
    }

    /// Percent of one core that is spared by reading settings more rarely than asked.
    fn spared(&self, sources: &[Measured]) -> f64 {
        let settings = sources.iter().filter(|source| source.settings);
        let spared = settings.filter_map(|source| {
            let doublings = self.paces.get(&source.name)?.doublings.max(0);
            Some(source.share()? * (1.0 - f64::from(-doublings).exp2()))
        });
        spared.sum()
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(name: &str, every: i64, cost_ms: f64) -> Measured {
        Measured {
            name: name.into(),
            every: Span::from_secs(every),
            cost: cost_ms / 1e3,
            changed: None,
            settings: false,
        }
    }

    fn seen(all: &[(&str, f64)]) -> BTreeMap<Arc<str>, (f64, &'static str)> {
        all.iter()
            .map(|(name, rate)| ((*name).into(), (*rate, "test")))
            .collect()
    }

    /// Percent of a core that `sources` take at the tempo in force.
    fn taken(tempo: &Tempo, sources: &[Measured]) -> f64 {
        let share = |source: &Measured| {
            let doublings = tempo.paces.get(&source.name).map_or(0, |pace| pace.doublings);
            100.0 * source.cost / Pace::of(doublings, source.every).secs_f64()
        };
        sources.iter().map(share).sum()
    }

    fn doublings(tempo: &Tempo, name: &str) -> i8 {
        tempo.paces[name].doublings
    }

    #[test]
    fn what_drifts_is_read_oftener_and_what_is_stable_and_dear_more_rarely() {
        let sources = [
            source("cheap", 2, 0.05),
            source("dear", 2, 6.0),
            source("drifting", 2, 0.3),
        ];
        let mut tempo = Tempo::default();
        let rates = seen(&[("cheap", 0.25), ("dear", 0.25), ("drifting", 16.0)]);
        for _ in 0..60 {
            let used = taken(&tempo, &sources) + 0.2;
            tempo.decide(&sources, &rates, used, 1.0, Timestamp(0));
        }
        assert_eq!(
            ["cheap", "dear", "drifting"].map(|name| doublings(&tempo, name)),
            [0, 2, -1]
        );
        assert!(
            tempo.paces["drifting"]
                .why
                .starts_with("read every 1 s instead of 2 s: test")
        );
        assert_eq!(&*tempo.paces["cheap"].why, "");
        // It is over: back to as asked.
        for _ in 0..60 {
            tempo.decide(&sources, &seen(&[("drifting", 1.0)]), 0.3, 1.0, Timestamp(0));
        }
        assert_eq!(doublings(&tempo, "drifting"), 0);
    }

    #[test]
    fn the_budget_is_kept_and_nothing_flaps() {
        let sources: Vec<Measured> = (0..20).map(|n| source(&n.to_string(), 2, 0.2 * f64::from(n))).collect();
        let rates: BTreeMap<_, _> = sources
            .iter()
            .map(|source| (source.name.clone(), (1.0, "test")))
            .collect();
        let mut tempo = Tempo::default();
        assert!(taken(&tempo, &sources) > 1.5);
        let mut turns = 0;
        for minute in 0..300 {
            let used = taken(&tempo, &sources);
            let other = tempo.decide(&sources, &rates, used, 1.0, Timestamp(0));
            turns += usize::from(other && minute > 100);
        }
        assert!(taken(&tempo, &sources) <= 1.0, "{}", taken(&tempo, &sources));
        assert!(taken(&tempo, &sources) > 0.3);
        assert!(turns <= 3, "{turns}");
        // The dear ones pay.
        assert!(doublings(&tempo, "19") > doublings(&tempo, "2"));
    }

    #[test]
    fn settings_that_just_changed_are_looked_at_again_soon() {
        let mut source = source("etc", 60, 4.0);
        source.settings = true;
        let now = Timestamp::from_secs(1_000_000);
        source.changed = Some(now - Span::from_mins(1));
        let mut tempo = Tempo::default();
        assert!(tempo.decide(std::slice::from_ref(&source), &seen(&[]), 0.1, 1.0, now));
        assert_eq!(doublings(&tempo, "etc"), -1);
        for minute in 0..30 {
            tempo.decide(
                std::slice::from_ref(&source),
                &seen(&[]),
                0.1,
                1.0,
                now + Span::from_mins(30 + minute),
            );
        }
        assert_eq!(doublings(&tempo, "etc"), 0);
    }

    #[test]
    fn settings_are_read_as_asked_while_the_budget_is_kept() {
        let now = Timestamp::from_secs(1_000_000);
        let settings = |name: &str, cost_ms: f64| Measured {
            settings: true,
            ..source(name, 60, cost_ms)
        };
        // Stable for a day, and dear: no reason to see a change later.
        let dear = [settings("sysctl", 8.0), settings("unit", 90.0)];
        let mut tempo = Tempo::default();
        for _ in 0..60 {
            tempo.decide(&dear, &seen(&[]), 0.6, 1.0, now);
        }
        assert_eq!(["sysctl", "unit"].map(|name| doublings(&tempo, name)), [0, 0]);
        // Beyond the budget what is worth sparing is spared, and says so; a hundredth of it is not.
        let rest = |tempo: &Tempo| 1.3 - 0.15 + taken(tempo, &dear);
        for _ in 0..60 {
            let used = rest(&tempo);
            tempo.decide(&dear, &seen(&[]), used, 1.0, now);
        }
        assert_eq!(doublings(&tempo, "sysctl"), 0);
        assert!(doublings(&tempo, "unit") > 0);
        let why = &tempo.paces["unit"].why;
        assert!(
            why.contains("min instead of 60 s: the budget of 1 % is used up"),
            "{why}"
        );
        // What uses it up is not they: no change waits for a quarter of an hour.
        for _ in 0..60 {
            tempo.decide(&dear, &seen(&[]), 3.0, 1.0, now);
        }
        assert_eq!(["sysctl", "unit"].map(|name| doublings(&tempo, name)), [0, RAREST]);
        let heavy = [settings("sysctl", 8.0), settings("unit", 900.0)];
        for _ in 0..60 {
            tempo.decide(&heavy, &seen(&[]), 3.0, 1.0, now);
        }
        assert_eq!(doublings(&tempo, "unit"), RAREST_BEYOND);
        // As soon as it would be kept again, they are read as asked, however long the price takes to fall.
        for _ in 0..3 {
            let used = 0.6 + taken(&tempo, &dear);
            tempo.decide(&dear, &seen(&[]), used, 1.0, now);
        }
        assert_eq!((doublings(&tempo, "unit"), &*tempo.paces["unit"].why), (0, ""));
    }

    proptest! {
        #[test]
        fn any_figures_give_a_tempo_within_its_bounds(
            cost in prop::num::f64::ANY, every in any::<i64>(), rate in 0.25..16.0, used in prop::num::f64::ANY,
            budget in 0.0..100.0_f64, changed in any::<i64>(), settings in any::<bool>(), times in 1_usize..40,
        ) {
            let source = Measured { name: "a".into(), every: Span(every), cost, changed: Some(Timestamp(changed)), settings };
            let mut tempo = Tempo::default();
            for _ in 0..times {
                tempo.decide(std::slice::from_ref(&source), &seen(&[("a", rate)]), used, budget, Timestamp(0));
                prop_assert!((OFTENEST..=RAREST_BEYOND).contains(&doublings(&tempo, "a")));
                prop_assert!((1.0..=Tempo::DEAREST).contains(&tempo.price));
            }
            prop_assert!(Pace::of(doublings(&tempo, "a"), Span(every.max(1))).0 > 0);
        }
    }
}
