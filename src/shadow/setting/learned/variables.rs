//! What the network of a system's settings is made of: the settings and metrics that vary, and what they were since when.

use std::collections::{BTreeMap, HashMap};

use super::{
    belongs::{Regime, Regimes},
    edit::Class,
    network::{CODES, Column, Network, Search, Timeline},
    records::{Setting, Sort},
    table::Table,
};

/// Most settings, and most metrics, that are variables.
const SETTINGS: usize = 128;
const METRICS: usize = 64;
/// Places looked at for each variable, and values in a row for each of these in the mean: about so many at most.
const PLACES: usize = 512;
const RUNS: usize = 8;
/// Runs of other values than its commonest that a variable needs.
const OTHERS: usize = 5;
/// Share of its runs that its seven commonest values need to have.
const COVERED: f64 = 0.6;

/// Settings of one path in all places, or one metric.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The path, as a name; `None` of a metric.
    pub path: Option<u32>,
    /// The metric's name.
    pub metric: Option<String>,
    /// Values by code, as names; where there is a code beyond these it stands for all others.
    pub values: Vec<u32>,
    /// How many codes there are.
    pub codes: u8,
    /// Settings by place, places rising.
    pub settings: Vec<(u32, u32)>,
}

/// What was learnt: the variables and the network of them.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The network.
    pub network: Network,
    /// Its variables.
    pub variables: Vec<Variable>,
    /// Variables by path.
    pub by_path: HashMap<u32, u16>,
    /// Which of them are metrics: no setting depends on these.
    pub effects: Vec<bool>,
    /// The names of the places that have metrics.
    pub places: HashMap<u32, String>,
}

/// By place and metric since when it was in which regime.
pub type Lines = BTreeMap<String, BTreeMap<String, Regimes>>;

/// A network being learnt, a slice of work at a time: first the settings by their paths, then which paths vary, then what they tell of
/// each other.
#[derive(Clone, Debug)]
pub struct Learning {
    at: f64,
    /// Settings looked at so far, and the paths among them that were not judged yet.
    looked: usize,
    by_path: BTreeMap<u32, Vec<u32>>,
    /// Variables so far, and by how much each varies.
    found: Vec<(usize, Variable)>,
    search: Option<(Known, Search)>,
}

/// The place of a setting: its resource, or with `wide` its folder.
#[must_use]
pub fn place(setting: &Setting, wide: bool) -> u32 {
    setting.groups[if wide { Sort::Folder } else { Sort::Resource } as usize]
}

impl Learning {
    /// Begins to learn what is known at `at` (days).
    #[must_use]
    pub const fn new(at: f64) -> Self {
        Self {
            at,
            looked: 0,
            by_path: BTreeMap::new(),
            found: Vec::new(),
            search: None,
        }
    }

    /// Looks at about so many settings and values in a row as `amount` tells; what was learnt, once it is.
    pub fn work(&mut self, table: &Table, wide: bool, regimes: &Lines, mut amount: usize) -> Option<Known> {
        if self.search.is_none() {
            self.gather(table, wide, &mut amount)?;
            self.search = Some(self.begin(table, regimes));
        }
        let (known, search) = self.search.as_mut()?;
        known.network = search.work(&mut amount)?;
        Some(std::mem::take(known))
    }

    /// Finds the variables; `None` while there are more settings to look at.
    fn gather(&mut self, table: &Table, wide: bool, amount: &mut usize) -> Option<()> {
        while let Some(setting) = table.settings.get(self.looked) {
            *amount = amount.checked_sub(1)?;
            if setting.alive && !matches!(setting.class, Class::Null) {
                self.by_path.entry(setting.path).or_default().push(self.looked as u32);
            }
            self.looked += 1;
        }
        while let Some(first) = self.by_path.first_entry() {
            *amount = amount.checked_sub(1)?.saturating_sub(first.get().len());
            let (path, settings) = first.remove_entry();
            self.found.extend(variable(table, wide, path, settings));
        }
        Some(())
    }

    /// The variables that vary most, and the search among them.
    fn begin(&mut self, table: &Table, regimes: &Lines) -> (Known, Search) {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.path.cmp(&b.1.path)));
        found.truncate(SETTINGS);
        let mut variables: Vec<Variable> = found.into_iter().map(|(_, variable)| variable).collect();
        let mut columns: Vec<Column> = Vec::with_capacity(variables.len());
        for variable in &mut variables {
            let column = column(table, variable);
            variable.codes = column.codes;
            columns.push(column);
        }
        let paths = variables.iter().zip(0_u16..);
        let by_path = paths.filter_map(|(variable, place)| Some((variable.path?, place)));
        let mut known = Known {
            by_path: by_path.collect(),
            variables,
            ..Known::default()
        };
        add_metrics(table, regimes, &mut known, &mut columns);
        known.effects = known.variables.iter().map(|variable| variable.path.is_none()).collect();
        let search = Search::new(columns, known.effects.clone(), self.at);
        (known, search)
    }
}

impl Variable {
    /// The code of a value, as a name.
    #[must_use]
    pub fn code(&self, value: u32) -> u8 {
        let place = self.values.iter().position(|known| *known == value);
        place.unwrap_or(self.values.len()) as u8
    }

    /// The setting in a place, by its number.
    #[must_use]
    pub fn setting(&self, place: u32) -> Option<u32> {
        let at = self.settings.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(self.settings[at].1)
    }
}

/// The variable of a path, and how many runs of its settings had another value than the commonest; `None` where it is none.
fn variable(table: &Table, wide: bool, path: u32, settings: Vec<u32>) -> Option<(usize, Variable)> {
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
    let placed = settings
        .into_iter()
        .map(|number| (place(&table.settings[number as usize], wide), number));
    let mut places: Vec<(u32, u32)> = placed.collect();
    places.sort_unstable();
    // Where a place has several of one path nobody can tell which is meant.
    let places = places.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() == 1);
    let variable = Variable {
        path: Some(path),
        metric: None,
        values: values.into_iter().map(|(value, _)| value).collect(),
        codes: 0,
        settings: places.flatten().copied().collect(),
    };
    Some((others.min(covered), variable))
}

/// The metrics that left their usual range most often, as further variables.
fn add_metrics(table: &Table, regimes: &Lines, known: &mut Known, columns: &mut Vec<Column>) {
    let mut by_metric: BTreeMap<&str, Vec<(u32, &Regimes)>> = BTreeMap::new();
    for (place, lines) in regimes {
        let Some(group) = table.folder(place) else { continue };
        known.places.insert(group, place.clone());
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
    found.sort_by_cached_key(|(_, lines)| std::cmp::Reverse(odd(lines)));
    found.truncate(METRICS);
    for (metric, mut lines) in found {
        lines.sort_unstable_by_key(|(place, _)| *place);
        let runs = lines.iter().map(|(_, line)| line.len()).sum();
        let crowd = crowd(lines.len(), runs);
        let codes = |line: &Regimes| line.iter().map(|(since, regime)| (*since, *regime as u8)).collect();
        let chosen = lines.into_iter().filter(|(place, _)| is_chosen(*place, crowd));
        columns.push(Column {
            codes: 3,
            places: chosen.map(|(place, line)| (place, codes(line))).collect(),
        });
        known.variables.push(Variable {
            path: None,
            metric: Some(metric.to_owned()),
            values: Vec::new(),
            codes: 3,
            settings: Vec::new(),
        });
    }
}

/// How many places a variable has, or more where they have many values in a row.
fn crowd(places: usize, runs: usize) -> usize {
    places.max(runs / RUNS)
}

/// Whether a place is one of the about [`PLACES`] out of a `crowd` that are looked at. Places are drawn by a hash of their number (the
/// finalizer of MurmurHash3), so that variables of more places look at some of those that variables of fewer look at.
fn is_chosen(place: u32, crowd: usize) -> bool {
    let mut hash = place;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^= hash >> 16;
    (u64::from(hash) * crowd as u64) >> 32 < PLACES as u64
}

/// What the settings of a variable were.
fn column(table: &Table, variable: &Variable) -> Column {
    let mut codes = variable.values.len() as u8;
    let all = || {
        variable
            .settings
            .iter()
            .map(|(place, number)| (*place, &table.settings[*number as usize]))
    };
    let crowd = crowd(
        variable.settings.len(),
        all().map(|(_, setting)| setting.history.len() + 1).sum(),
    );
    let mut places = Vec::new();
    for (place, setting) in all().filter(|(place, _)| is_chosen(*place, crowd)) {
        let line = timeline(setting, |value| variable.code(value));
        codes = codes.max(line.iter().map(|(_, code)| code + 1).max().unwrap_or(0));
        places.push((place, line));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_places_are_bounded_and_shared() {
        // Numbers of one kind in steps, as groups are numbered.
        for (step, begin) in [(1, 0), (2, 1), (7, 3), (4_096, 5)] {
            let places: Vec<u32> = (0..10_000).map(|n| begin + n * step).collect();
            let of = |crowd: usize| -> Vec<u32> {
                places
                    .iter()
                    .copied()
                    .filter(|place| is_chosen(*place, crowd))
                    .collect()
            };
            let (few, many) = (of(10_000), of(5_000));
            assert!((400..640).contains(&few.len()), "{step}: {}", few.len());
            assert!(few.iter().all(|place| many.contains(place)));
            assert_eq!(of(PLACES).len(), places.len());
        }
    }
}
