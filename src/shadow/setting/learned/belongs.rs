//! The network of a system's settings: when it is learnt, and what it says of one.

use serde::{Deserialize, Serialize};

use super::{
    network::Belief,
    records::Setting,
    table::Table,
    variables::{self, Known, Learning, Lines, Variable},
};

/// Changes of regime kept of a metric in one place.
const REGIMES: usize = 32;

/// Where a metric stands against what is usual of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Regime {
    /// Below the 80 % band.
    Low,
    /// Within it.
    Normal,
    /// Above it.
    High,
}

/// What belongs together among the settings of a place: of a host, or of one resource in a repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Belongs {
    #[serde(skip)]
    known: Known,
    #[serde(skip)]
    learning: Option<Box<Learning>>,
    /// Edits and regimes taken in, those known when the network was last begun to be learnt, and when that was.
    #[serde(skip)]
    seen: u64,
    #[serde(skip)]
    fitted: Option<(u64, f64)>,
    #[serde(skip)]
    wide: bool,
    /// By place and metric since when it was in which regime.
    #[serde(default)]
    regimes: Lines,
}

/// Since when a metric was in which regime, oldest first; days.
pub type Regimes = Vec<(f64, Regime)>;

/// What a setting should be, by what it stands with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Should {
    /// Values, likeliest first, with their probabilities; what is missing to 1 is any other.
    pub values: Vec<(String, f64)>,
    /// P(the value it has).
    pub now: f64,
    /// What speaks for the likeliest: the other setting's key (or a metric's name), its value, and how many bits.
    pub because: Vec<(Which, String, f64)>,
    /// Cases like this one.
    pub cases: f64,
}

/// A setting by key, or a metric by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// A setting.
    Setting(u64),
    /// A metric.
    Metric(String),
}

/// What another one should be, were a setting set.
#[derive(Clone, Debug, PartialEq)]
pub struct Would {
    /// Which.
    pub which: Which,
    /// What it would be.
    pub value: String,
    /// P(that), before and after.
    pub odds: (f64, f64),
    /// Cases like it.
    pub cases: f64,
}

impl Belongs {
    /// Notes that something was seen.
    pub fn observe(&mut self) {
        self.seen += 1;
    }

    fn place(&self, setting: &Setting) -> u32 {
        variables::place(setting, self.wide)
    }

    /// Takes the regime of a metric in a place from `at` (days) on.
    pub fn regime(&mut self, place: &str, metric: &str, regime: Regime, at: f64) {
        let lines = match self.regimes.get_mut(place) {
            Some(lines) => lines,
            None => self.regimes.entry(place.to_owned()).or_default(),
        };
        let line = match lines.get_mut(metric) {
            Some(line) => line,
            None => lines.entry(metric.to_owned()).or_default(),
        };
        if line.last().is_none_or(|(since, last)| *last != regime && *since < at) {
            if line.len() == REGIMES {
                line.remove(0);
            }
            line.push((at, regime));
            self.seen += 1;
        }
    }

    /// Takes over what it is to know besides the settings from one that learnt before.
    pub fn carry(&mut self, before: &mut Self) {
        self.regimes = std::mem::take(&mut before.regimes);
    }

    /// Forgets the metrics that are no longer `there`, asked by place and name.
    pub fn keep_metrics(&mut self, there: impl Fn(&str, &str) -> bool) {
        for (place, lines) in &mut self.regimes {
            lines.retain(|metric, _| there(place, metric));
        }
        self.regimes.retain(|_, lines| !lines.is_empty());
    }

    /// Learns the network anew where an eighth more was seen since, and not within an hour of the last time: at each call so many settings
    /// and values in a row are looked at as `amount` tells. Tells whether a new one is in force. A place is a resource, or with `wide` a
    /// folder: a host, of which a resource is a scope.
    pub fn fit(&mut self, table: &Table, wide: bool, at: f64, amount: usize) -> bool {
        self.wide = wide;
        if self.learning.is_none() {
            let due = match self.fitted {
                None => !table.settings.is_empty(),
                Some((seen, when)) => self.seen >= seen + (seen / 8).max(20) && (at - when).abs() >= 1.0 / 24.0,
            };
            if !due {
                return false;
            }
            self.fitted = Some((self.seen, at));
            self.learning = Some(Box::new(Learning::new(at)));
        }
        let learning = self.learning.as_mut();
        let Some(known) = learning.and_then(|learning| learning.work(table, wide, &self.regimes, amount)) else {
            return false;
        };
        (self.known, self.learning) = (known, None);
        true
    }

    /// The codes of all variables in a place as they are now.
    fn state(&self, table: &Table, place: u32) -> Vec<Option<u8>> {
        let code = |variable: &Variable| {
            if let Some(metric) = &variable.metric {
                let lines = self.regimes.get(self.known.places.get(&place)?)?;
                return lines.get(metric)?.last().map(|(_, regime)| *regime as u8);
            }
            let setting = &table.settings[variable.setting(place)? as usize];
            setting
                .alive
                .then(|| variable.code(setting.bare))
                .filter(|code| *code < variable.codes)
        };
        self.known.variables.iter().map(code).collect()
    }

    fn told(&self, table: &Table, variable: u16, code: u8, place: u32) -> Option<(Which, String)> {
        let variable = &self.known.variables[variable as usize];
        if let Some(metric) = &variable.metric {
            let regime = ["low", "normal", "high"].get(usize::from(code))?;
            return Some((Which::Metric(metric.clone()), (*regime).to_owned()));
        }
        let key = table.settings[variable.setting(place)? as usize].key;
        let value = variable.values.get(usize::from(code))?;
        let text = table.names.text(*value);
        // A hash of what is too long or too secret to be told.
        (!text.starts_with('#')).then(|| (Which::Setting(key), text.to_owned()))
    }

    /// The variable that a setting is one of, and its place.
    fn variable(&self, table: &Table, number: u32) -> Option<(u16, u32)> {
        let setting = &table.settings[number as usize];
        let (variable, place) = (*self.known.by_path.get(&setting.path)?, self.place(setting));
        let meant = self.known.variables[variable as usize].setting(place);
        (meant == Some(number)).then_some((variable, place))
    }

    fn belief(&self, table: &Table, number: u32) -> Option<(u16, Belief, Vec<Option<u8>>)> {
        let (variable, place) = self.variable(table, number)?;
        let state = self.state(table, place);
        let belief = self.known.network.belief(variable, &state)?;
        Some((variable, belief, state))
    }

    /// What the setting at that place of the table should be; `None` where nothing speaks of it.
    #[must_use]
    pub fn should(&self, table: &Table, number: u32) -> Option<Should> {
        let (variable, belief, state) = self.belief(table, number)?;
        let setting = &table.settings[number as usize];
        let place = self.place(setting);
        let values = &self.known.variables[variable as usize].values;
        let mut told: Vec<(String, f64)> = values
            .iter()
            .zip(&belief.odds)
            .map(|(value, odds)| (table.names.text(*value).to_owned(), f64::from(*odds)))
            .collect();
        told.sort_by(|a, b| b.1.total_cmp(&a.1));
        let now = state[variable as usize].map_or(0.0, |code| f64::from(belief.odds[usize::from(code)]));
        let because = belief.because.iter().filter_map(|(other, bits)| {
            let (which, value) = self.told(table, *other, state[*other as usize]?, place)?;
            Some((which, value, f64::from(*bits)))
        });
        Some(Should {
            values: told,
            now,
            because: because.collect(),
            cases: f64::from(belief.cases),
        })
    }

    /// P(value | it is no longer the one it has) by the network, for the values that are likelier so than by themselves; for the
    /// conditional logit. Empty where nothing speaks of it.
    #[must_use]
    pub fn speaks_for(&self, table: &Table, number: u32) -> Vec<(u32, f32)> {
        let Some((variable, belief, state)) = self.belief(table, number) else {
            return Vec::new();
        };
        let now = state[variable as usize];
        let left = 1.0 - now.map_or(0.0, |code| belief.odds[usize::from(code)]);
        let values = self.known.variables[variable as usize]
            .values
            .iter()
            .zip(&belief.odds)
            .zip(0_u8..);
        values
            .filter(|(_, code)| Some(*code) != now)
            .map(|((value, odds), _)| (*value, odds / left.max(1e-6)))
            .filter(|(_, share)| *share >= 0.02)
            .collect()
    }

    /// What else should be, were the setting at that place of the table set to the value `new` (bare); `None` where that was never seen
    /// among what it stands with.
    #[must_use]
    pub fn would(&self, table: &Table, number: u32, new: &str) -> Option<Vec<Would>> {
        let (variable, place) = self.variable(table, number)?;
        let new = table.names.known(new)?;
        let code = self.known.variables[variable as usize]
            .values
            .iter()
            .position(|value| *value == new)?;
        let state = self.state(table, place);
        let all = self
            .known
            .network
            .consequences(variable, code as u8, &state, &self.known.effects);
        let told = all.into_iter().filter_map(|one| {
            let (which, value) = self.told(table, one.variable, one.code, place)?;
            Some(Would {
                which,
                value,
                odds: (f64::from(one.odds.0), f64::from(one.odds.1)),
                cases: f64::from(one.cases),
            })
        });
        Some(told.collect())
    }

    /// The keys of the settings that stand with any other.
    #[must_use]
    pub fn keys(&self, table: &Table) -> Vec<u64> {
        let bound = self
            .known
            .variables
            .iter()
            .zip(0_u16..)
            .filter(|(_, place)| self.known.network.is_bound(*place));
        let settings = bound.flat_map(|(variable, _)| &variable.settings);
        settings
            .map(|(_, number)| table.settings[*number as usize].key)
            .collect()
    }
}
