//! The network of a system's settings: which are its variables, and what it says of one.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    edit::Class,
    network::{Belief, CODES, Column, Network, Timeline},
    records::{Setting, Sort},
    table::Table,
};

/// Most variables.
const VARIABLES: usize = 128;
/// Places looked at for each.
const PLACES: usize = 512;
/// Runs of other values than its commonest that a variable needs.
const OTHERS: usize = 5;
/// Share of its runs that its seven commonest values need to have.
const COVERED: f64 = 0.6;
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

/// Settings of one path in all places, or one metric.
#[derive(Clone, Debug)]
struct Variable {
    /// The path, as a name; `None` of a metric.
    path: Option<u32>,
    metric: Option<String>,
    /// Values by code, as names; where there is a code beyond these it stands for all others.
    values: Vec<u32>,
    codes: u8,
    /// Settings by place.
    settings: Vec<(u32, u32)>,
}

/// What belongs together among the settings of a place: of a host, or of one resource in a repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Belongs {
    #[serde(skip)]
    network: Network,
    #[serde(skip)]
    variables: Vec<Variable>,
    /// Variables by path.
    #[serde(skip)]
    by_path: HashMap<u32, u16>,
    #[serde(skip)]
    effects: Vec<bool>,
    /// Edits and regimes taken in, those known when the network was learnt, and when that was.
    #[serde(skip)]
    seen: u64,
    #[serde(skip)]
    fitted: Option<(u64, f64)>,
    #[serde(skip)]
    wide: bool,
    /// By place and metric since when it was in which regime.
    #[serde(default)]
    regimes: BTreeMap<String, BTreeMap<String, Regimes>>,
    /// The names of the places that have metrics.
    #[serde(skip)]
    places: HashMap<u32, String>,
}

/// Since when a metric was in which regime, oldest first; days.
type Regimes = Vec<(f64, Regime)>;

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
        let sort = if self.wide { Sort::Folder } else { Sort::Resource };
        setting.groups[sort as usize]
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

    /// Learns the network anew where an eighth more was seen since, and not within an hour of the last time; tells whether it did. A place
    /// is a resource, or with `wide` a folder: a host, of which a resource is a scope.
    pub fn fit(&mut self, table: &Table, wide: bool, at: f64) -> bool {
        self.wide = wide;
        let due = match self.fitted {
            None => !table.settings.is_empty(),
            Some((seen, when)) => self.seen >= seen + (seen / 8).max(20) && (at - when).abs() >= 1.0 / 24.0,
        };
        if due {
            self.learn(table, at);
        }
        due
    }

    fn learn(&mut self, table: &Table, at: f64) {
        let mut by_path: HashMap<u32, Vec<u32>> = HashMap::new();
        for (setting, number) in table.settings.iter().zip(0_u32..) {
            if setting.alive && !matches!(setting.class, Class::Null) {
                by_path.entry(setting.path).or_default().push(number);
            }
        }
        let mut found: Vec<(usize, Variable)> = by_path
            .into_iter()
            .filter_map(|(path, settings)| self.variable(table, path, settings))
            .collect();
        found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.path.cmp(&b.1.path)));
        found.truncate(VARIABLES);
        self.variables = found.into_iter().map(|(_, variable)| variable).collect();
        let mut columns: Vec<Column> = self.variables.iter().map(|variable| column(table, variable)).collect();
        for (variable, column) in self.variables.iter_mut().zip(&columns) {
            variable.codes = column.codes;
        }
        self.add_metrics(table, &mut columns);
        let paths = self.variables.iter().zip(0_u16..);
        self.by_path = paths
            .filter_map(|(variable, place)| Some((variable.path?, place)))
            .collect();
        self.effects = self.variables.iter().map(|variable| variable.path.is_none()).collect();
        self.network = Network::learn(&columns, &self.effects, at);
        self.fitted = Some((self.seen, at));
    }

    /// The variable of a path, and how many runs of its settings had another value than the commonest; `None` where it is none.
    fn variable(&self, table: &Table, path: u32, mut settings: Vec<u32>) -> Option<(usize, Variable)> {
        let mut runs: BTreeMap<u32, usize> = BTreeMap::new();
        for number in &settings {
            let setting = &table.settings[*number as usize];
            for value in setting.history.iter().map(|(value, _)| *value).chain([setting.bare]) {
                *runs.entry(value).or_default() += 1;
            }
        }
        let all: usize = runs.values().sum();
        let mut values: Vec<(u32, usize)> = runs.into_iter().collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let others = all - values.first()?.1;
        values.truncate(CODES - 1);
        let covered: usize = values.iter().map(|(_, count)| count).sum();
        if others < OTHERS || (covered as f64) < all as f64 * COVERED {
            return None;
        }
        settings.sort_unstable_by_key(|number| self.place(&table.settings[*number as usize]));
        let mut places: Vec<(u32, u32)> = settings
            .into_iter()
            .map(|number| (self.place(&table.settings[number as usize]), number))
            .collect();
        // In a place with several of one path none is meant.
        places.dedup_by_key(|(place, _)| *place);
        let variable = Variable {
            path: Some(path),
            metric: None,
            values: values.into_iter().map(|(value, _)| value).collect(),
            codes: 0,
            settings: places,
        };
        Some((others.min(covered), variable))
    }

    /// The metrics that left their usual range often enough, as further variables.
    fn add_metrics(&mut self, table: &Table, columns: &mut Vec<Column>) {
        let mut by_metric: BTreeMap<&str, Vec<(u32, &Regimes)>> = BTreeMap::new();
        self.places.clear();
        for (place, lines) in &self.regimes {
            let Some(group) = table.folder(place) else { continue };
            self.places.insert(group, place.clone());
            for (metric, line) in lines {
                by_metric.entry(metric).or_default().push((group, line));
            }
        }
        let odd = |lines: &[(u32, &Regimes)]| {
            let all = lines.iter().flat_map(|(_, line)| line.iter());
            all.filter(|(_, regime)| *regime != Regime::Normal).count()
        };
        let mut found: Vec<(&str, Vec<(u32, &Regimes)>)> = by_metric
            .into_iter()
            .filter(|(_, lines)| odd(lines) >= OTHERS)
            .collect();
        found.sort_by_key(|(_, lines)| std::cmp::Reverse(odd(lines)));
        found.truncate(VARIABLES);
        for (metric, mut lines) in found {
            lines.sort_unstable_by_key(|(place, _)| *place);
            let codes = |line: &Regimes| line.iter().map(|(since, regime)| (*since, *regime as u8)).collect();
            columns.push(Column {
                codes: 3,
                places: lines.into_iter().map(|(place, line)| (place, codes(line))).collect(),
            });
            self.variables.push(Variable {
                path: None,
                metric: Some(metric.to_owned()),
                values: Vec::new(),
                codes: 3,
                settings: Vec::new(),
            });
        }
    }

    /// The codes of all variables in a place as they are now.
    fn state(&self, table: &Table, place: u32) -> Vec<Option<u8>> {
        let code = |variable: &Variable| {
            if let Some(metric) = &variable.metric {
                let lines = self.regimes.get(self.places.get(&place)?)?;
                return lines.get(metric)?.last().map(|(_, regime)| *regime as u8);
            }
            let at = variable
                .settings
                .binary_search_by_key(&place, |(place, _)| *place)
                .ok()?;
            let setting = &table.settings[variable.settings[at].1 as usize];
            setting
                .alive
                .then(|| variable.code(setting.bare))
                .filter(|code| *code < variable.codes)
        };
        self.variables.iter().map(code).collect()
    }

    fn told(&self, table: &Table, variable: u16, code: u8, place: u32) -> Option<(Which, String)> {
        let variable = &self.variables[variable as usize];
        if let Some(metric) = &variable.metric {
            let regime = ["low", "normal", "high"].get(usize::from(code))?;
            return Some((Which::Metric(metric.clone()), (*regime).to_owned()));
        }
        let at = variable
            .settings
            .binary_search_by_key(&place, |(place, _)| *place)
            .ok()?;
        let key = table.settings[variable.settings[at].1 as usize].key;
        let value = variable.values.get(usize::from(code))?;
        let text = table.names.text(*value);
        // A hash of what is too long or too secret to be told.
        (!text.starts_with('#')).then(|| (Which::Setting(key), text.to_owned()))
    }

    fn belief(&self, table: &Table, number: u32) -> Option<(u16, Belief, Vec<Option<u8>>)> {
        let setting = &table.settings[number as usize];
        let variable = *self.by_path.get(&setting.path)?;
        let state = self.state(table, self.place(setting));
        let belief = self.network.belief(variable, &state)?;
        Some((variable, belief, state))
    }

    /// What the setting at that place of the table should be; `None` where nothing speaks of it.
    #[must_use]
    pub fn should(&self, table: &Table, number: u32) -> Option<Should> {
        let (variable, belief, state) = self.belief(table, number)?;
        let setting = &table.settings[number as usize];
        let place = self.place(setting);
        let values = &self.variables[variable as usize].values;
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
        let values = self.variables[variable as usize]
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
        let setting = &table.settings[number as usize];
        let variable = *self.by_path.get(&setting.path)?;
        let new = table.names.known(new)?;
        let code = self.variables[variable as usize]
            .values
            .iter()
            .position(|value| *value == new)?;
        let place = self.place(setting);
        let state = self.state(table, place);
        let all = self.network.consequences(variable, code as u8, &state, &self.effects);
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
            .variables
            .iter()
            .zip(0_u16..)
            .filter(|(_, place)| self.network.is_bound(*place));
        let settings = bound.flat_map(|(variable, _)| &variable.settings);
        settings
            .map(|(_, number)| table.settings[*number as usize].key)
            .collect()
    }
}

impl Variable {
    fn code(&self, value: u32) -> u8 {
        let place = self.values.iter().position(|known| *known == value);
        place.unwrap_or(self.values.len()) as u8
    }
}

/// What the settings of a variable were.
fn column(table: &Table, variable: &Variable) -> Column {
    let mut codes = variable.values.len() as u8;
    let step = variable.settings.len().div_ceil(PLACES).max(1);
    // Places are drawn by their number, so that variables share them.
    let chosen = variable
        .settings
        .iter()
        .filter(|(place, _)| (*place as usize).is_multiple_of(step));
    let mut places = Vec::new();
    for (place, number) in chosen {
        let line = timeline(&table.settings[*number as usize], |value| variable.code(value));
        codes = codes.max(line.iter().map(|(_, code)| code + 1).max().unwrap_or(0));
        places.push((*place, line));
    }
    Column {
        codes: codes.max(2),
        places,
    }
}

/// What a setting was since when, as codes.
fn timeline(setting: &Setting, code: impl Fn(u32) -> u8) -> Timeline {
    let mut line: Timeline = Vec::with_capacity(setting.history.len() + 1);
    let mut from = setting.born;
    let lived = setting.history.iter().copied().filter(|(_, left)| *left > setting.born);
    for (value, left) in lived.chain([(setting.bare, f64::MAX)]) {
        let code = code(value);
        if line.last().is_none_or(|(_, last)| *last != code) {
            line.push((from, code));
        }
        from = left;
    }
    line
}
