//! Whether a change just made will be undone.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    boost::{Boost, Recipe, Rows, chance, logit},
    edit::{Class, Edit},
    logistic::Logistic,
    records::Sort,
    table::{Outcome, Table},
};

/// A change that is not undone after so long stays, days.
pub const WINDOW: f64 = 14.0;
/// Features of a change.
const WIDTH: usize = 54;
/// The feature that holds the share of its setting's changes that were undone, drawn to that of all.
const SHARE: usize = 8;
/// Most rows learnt from.
const ROWS: usize = 20_000;
/// Changes waiting for their answer, at most.
const OPEN: usize = 100_000;
const RECIPE: Recipe = Recipe {
    trees: 180,
    depth: 4,
    rate: 0.04,
    ridge: 6.0,
    least: 1.8,
    features: 0.4,
    rows: 0.7,
};

/// Penalty of the regression.
const RIDGE: f64 = 100.0;

/// P(undone within 14 days) of a change at the moment it is seen: the mean of boosted trees and a logistic regression over the record of its setting, its groups, its
/// author and its commit, fitted to the changes whose 14 days have passed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Undone {
    /// Changes whose answer is not known yet, oldest first.
    open: VecDeque<Open>,
    /// By setting its open changes, as how many were opened before each.
    #[serde(with = "super::pairs")]
    waiting: HashMap<u32, Vec<u64>>,
    closed: u64,
    rows: Rows,
    boost: Option<Boost>,
    logistic: Option<Logistic>,
    learnt: u64,
    fitted: u64,
    last: Vec<f32>,
    /// The running commit's number, its changes so far that put a value back, and all of them.
    backs: (u64, u32, u32),
    /// After which time changes were undone, fading.
    #[serde(default)]
    delays: [f32; DELAYS],
    /// What was said of the newest changes.
    #[serde(default)]
    said: VecDeque<f32>,
    /// What was said of the newest undone changes, and after how many days they were undone.
    #[serde(default)]
    delayed: VecDeque<(f32, f32)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    setting: u32,
    author: u32,
    /// The value before; and after, bare.
    old: u32,
    new: u32,
    at: f64,
    undone: bool,
    /// What was said of it, if anything was.
    #[serde(default)]
    said: Option<f32>,
    features: Vec<f32>,
}

fn share((seen, undone): (f32, f32), prior: f32, strength: f32) -> f32 {
    (undone + prior * strength) / (seen + strength)
}

fn log(value: f32) -> f32 {
    (1.0 + value.max(0.0)).ln()
}

fn days(at: f64, then: Option<f64>) -> f32 {
    then.map_or(8.0, |then| ((at - then).max(0.0) as f32 + 1e-3).ln())
}

impl Undone {
    /// Lets time pass until `at`, days.
    pub fn advance(&mut self, table: &mut Table, at: f64) {
        while self
            .open
            .front()
            .is_some_and(|open| open.at + WINDOW <= at || self.open.len() > OPEN)
        {
            let Some(open) = self.open.pop_front() else { break };
            if let Some(waiting) = self.waiting.get_mut(&open.setting) {
                waiting.retain(|place| *place > self.closed);
                if waiting.is_empty() {
                    self.waiting.remove(&open.setting);
                }
            }
            self.closed += 1;
            if !open.undone {
                table.settle(open.setting, open.new, open.author, at, false);
            }
            self.rows
                .push(&open.features, logit(open.features[SHARE]), open.undone, 1.0);
            if self.rows.len() > ROWS + ROWS / 8 {
                self.rows.keep(ROWS);
            }
            self.learnt += 1;
        }
    }

    /// What was seen of a change, before the table takes it.
    pub fn look(&mut self, table: &Table, number: u32, edit: &Edit<'_>) {
        let setting = &table.settings[number as usize];
        let at = edit.at;
        self.last.clear();
        let out = &mut self.last;
        let new = edit.new.unwrap_or_default();
        let new_name = table.names.known(new);
        let back = new_name.is_some() && setting.before == new_name;
        let bare_name = table.names.known(super::table::bare(new));
        let seen = bare_name.is_some_and(|name| setting.history.iter().any(|(value, _)| *value == name));
        let tenure = (at - setting.changed.unwrap_or(setting.born)).max(0.0) as f32;
        let all = share(table.undone, 0.08, 20.0);
        let author = table.author(table.commit.by);
        let by_author = author.map_or(all, |author| share(author.undone, all, 20.0));
        out.extend([
            f32::from(u8::from(back)),
            f32::from(u8::from(seen)),
            if back { (tenure + 1e-3).ln() } else { 8.0 },
            (tenure + 1e-3).ln(),
            days(at, setting.changed),
            log(setting.rate.read(at)[0] * 4.0),
            log(setting.rate.read(at)[1] * 4.0),
            log(setting.changes as f32),
            share(setting.undone, all, 2.0),
            log(setting.undone.1),
            by_author,
            author.map_or(8.0, |author| days(at, author.undid)),
            author.map_or(0.0, |author| log(author.edits.read(at)[0])),
            author.map_or(0.0, |author| log(author.commits.read(at)[2])),
            all,
        ]);
        for sort in [
            Sort::Resource,
            Sort::Folder,
            Sort::Kind,
            Sort::Path,
            Sort::Leaf,
            Sort::Section,
            Sort::Class,
        ] {
            let group = table.group(setting, sort).past();
            out.push(share(group.undone, all, 8.0));
            out.push(days(at, group.touched));
        }
        let resource = table.group(setting, Sort::Resource).past();
        let hour = (at.rem_euclid(1.0) * 24.0) as f32;
        let weekday = (at.floor() + 4.0).rem_euclid(7.0) as f32;
        let commit = &table.commit;
        let holders = bare_name.and_then(|name| table.holders(name));
        let old = table.holders(setting.bare);
        out.extend([
            log(resource.commits.read(at)[0]),
            log(resource.churn.read(at)[0]),
            log(commit.counts[0] as f32),
            log(commit.counts[1] as f32),
            log(commit.counts[2] as f32),
            ((commit.at - commit.before).max(0.0) as f32 + 1e-3).ln(),
            hour,
            weekday,
            setting.class as u8 as f32,
            holders.map_or(0.0, |holders| log(holders.count as f32)),
            old.map_or(0.0, |holders| log(holders.count as f32)),
            old.map_or(0.0, |holders| log(holders.left.read(at)[0])),
            edit.added.min(50) as f32 - edit.removed.min(50) as f32,
            (edit.added + edit.removed).min(50) as f32,
            falls(setting.class, table.names.text(setting.bare), new),
            log(table.commits.read(at)[0]),
            ((at - setting.born).max(0.0) as f32 + 1e-3).ln(),
        ]);
        // Peers that hold the new value, and the old one; how often it changed within a day; what the commit put back so far.
        let peers = table.group(setting, Sort::Template);
        let holds = |value: Option<u32>| {
            let held = peers.held.iter().find(|(held, _)| Some(*held) == value);
            held.map_or(0.0, |(_, count)| *count as f32 / peers.alive.max(1) as f32)
        };
        let today = setting.history.iter().filter(|(_, left)| at - left < 1.0).count();
        if self.backs.0 != commit.number {
            self.backs = (commit.number, 0, 0);
        }
        out.extend([
            holds(bare_name),
            holds(Some(setting.bare)),
            holders.map_or(all, |holders| share(holders.undone, all, 4.0)),
            share(peers.past().undone, all, 8.0),
            old.map_or(all, |holders| share(holders.undone, all, 4.0)),
            today as f32,
            self.backs.1 as f32 / (self.backs.2 as f32 + 1.0),
            log(self.backs.1 as f32),
        ]);
        self.backs.1 += u32::from(back);
        self.backs.2 += 1;
        assert_eq!(out.len(), WIDTH);
    }

    /// Takes an edit as the table has taken it; [`Undone::look`] came before if it was a change.
    pub fn observe(&mut self, table: &mut Table, outcome: &Outcome, at: f64) {
        if let Some(to) = outcome.to {
            for place in self.waiting.get(&outcome.setting).into_iter().flatten() {
                let open = &mut self.open[(place - self.closed) as usize];
                if !open.undone && open.old == to {
                    open.undone = true;
                    let bin = (later(at - open.at) * DELAYS as f64) as usize;
                    self.delays = self.delays.map(|count| count * 0.998);
                    self.delays[bin.min(DELAYS - 1)] += 1.0;
                    if let Some(said) = open.said {
                        if self.delayed.len() == DELAYED {
                            self.delayed.pop_front();
                        }
                        self.delayed.push_back((said, (at - open.at) as f32));
                    }
                    table.settle(open.setting, open.new, open.author, at, true);
                }
            }
        }
        if let (true, Some(old)) = (outcome.changed, outcome.from) {
            let place = self.closed + self.open.len() as u64;
            self.waiting.entry(outcome.setting).or_default().push(place);
            self.open.push_back(Open {
                setting: outcome.setting,
                author: table.commit.by,
                old,
                new: table.settings[outcome.setting as usize].bare,
                at,
                undone: false,
                said: None,
                features: self.last.clone(),
            });
        }
    }

    /// Fits anew where enough was learnt since.
    pub fn fit(&mut self) {
        if self.learnt >= 100 && self.learnt - self.fitted >= (self.learnt / 12).clamp(50, 1000) {
            self.fitted = self.learnt;
            if self.rows.yes() >= 5 {
                self.boost = Some(Boost::fit(&self.rows, RECIPE, self.learnt));
                self.logistic = Some(Logistic::fit(&self.rows, RIDGE));
            }
        }
    }

    /// P(the newest change is undone within 14 days).
    #[must_use]
    pub fn newest(&self) -> f64 {
        self.chance(&self.last)
    }

    fn chance(&self, row: &[f32]) -> f64 {
        let Some(share) = row.get(SHARE) else { return 0.08 };
        let (Some(boost), Some(logistic)) = (&self.boost, &self.logistic) else {
            return f64::from(*share);
        };
        let trees = chance(logit(*share) + boost.correction(row));
        0.5 * (trees + logistic.chance(row))
    }

    /// What speaks most for and against the newest change being undone: by how much its probability would differ were that as it is in
    /// the mean. At most three, the strongest first; none before anything was fitted.
    #[must_use]
    pub fn reasons(&self) -> Vec<Reason> {
        let (Some(logistic), false) = (&self.logistic, self.last.is_empty()) else {
            return Vec::new();
        };
        let said = self.newest();
        let mut reasons: Vec<Reason> = GROUNDS
            .iter()
            .map(|(what, features)| {
                let mut row = self.last.clone();
                for feature in *features {
                    row[*feature] = logistic.usual(*feature);
                }
                Reason {
                    what,
                    by: said - self.chance(&row),
                }
            })
            .filter(|reason| reason.by.abs() >= 0.01)
            .collect();
        reasons.sort_by(|a, b| b.by.abs().total_cmp(&a.by.abs()));
        reasons.truncate(3);
        reasons
    }

    /// The newest change: its setting, the value before, and when, days. `None` before anything was fitted: until then a first guess is
    /// not held against another.
    #[must_use]
    pub fn made(&self) -> Option<(u32, u32, f64)> {
        self.logistic.as_ref()?;
        let open = self.open.back()?;
        Some((open.setting, open.old, open.at))
    }

    /// P(the newest change is undone within 14 days), no less than `least`, which is remembered for the watch windows of later ones.
    pub fn tell(&mut self, least: f64) -> f64 {
        let said = self.newest().max(least);
        if self.said.len() == SAID {
            self.said.pop_front();
        }
        self.said.push_back(said as f32);
        if let Some(open) = self.open.back_mut() {
            open.said = Some(said as f32);
        }
        said
    }

    /// For how many days to watch a change that is undone with probability `p`: an hour, and where that is above what was said of most
    /// changes, so long that of the newest undone changes the share [`SEEN`] would have been seen while they were watched.
    #[must_use]
    pub fn watch(&self, p: f64) -> f64 {
        let mut said: Vec<f32> = self.said.iter().copied().collect();
        said.sort_by(f32::total_cmp);
        let most = said.get(said.len() * 11 / 20).copied().unwrap_or(0.1);
        if p as f32 <= most {
            return SHORT;
        }
        if self.delayed.len() < 20 {
            return 1.0;
        }
        let soon = self.delayed.iter().filter(|(_, days)| *days <= SHORT as f32).count();
        let wanted = (SEEN * self.delayed.len() as f64).ceil() as usize;
        let mut late: Vec<f32> = self
            .delayed
            .iter()
            .filter(|(said, days)| *said > most && *days > SHORT as f32)
            .map(|(_, days)| *days)
            .collect();
        late.sort_by(f32::total_cmp);
        let Some(lacking) = wanted.checked_sub(soon + 1) else {
            return SHORT;
        };
        late.get(lacking).map_or(WINDOW, |days| f64::from(*days))
    }

    /// The share of the changes undone within 14 days that are undone within `days`: what was seen of their delays beside a prior that
    /// spreads them evenly over the logarithm, from ten minutes on.
    #[must_use]
    pub fn by(&self, days: f64) -> f64 {
        let place = later(days) * DELAYS as f64;
        let total: f64 = self.delays.iter().map(|count| f64::from(*count)).sum::<f64>() + PRIOR;
        let seen = |bin: usize| f64::from(self.delays[bin]) + PRIOR / DELAYS as f64;
        let whole = (place as usize).min(DELAYS);
        let sum: f64 = (0..whole).map(seen).sum();
        let part = if whole < DELAYS {
            seen(whole) * place.fract()
        } else {
            0.0
        };
        ((sum + part) / total).clamp(0.0, 1.0)
    }
}

/// What speaks for or against a change being undone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// What, in a few words.
    pub what: &'static str,
    /// By how much it raises the probability, -1 to 1.
    pub by: f64,
}

/// The grounds that are told apart, and their features.
const GROUNDS: [(&str, &[usize]); 9] = [
    ("whether it goes back to a value of before", &[0, 1, 2]),
    ("how long the value before stood", &[3, 4, 45]),
    ("how often this setting changed and was undone", &[5, 6, 7, 8, 9, 51]),
    ("the record of who did it", &[10, 11, 12, 13]),
    (
        "the record of settings like it",
        &[15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 49],
    ),
    ("how much changed at once", &[31, 32, 33, 41, 42]),
    ("hour, weekday, time since the change before", &[34, 35, 36]),
    ("who else holds these values", &[38, 39, 40, 46, 47, 48, 50]),
    ("what else was put back with it", &[52, 53]),
];

/// The least time a change is watched, days.
const SHORT: f64 = 1.0 / 24.0;
/// The share of undone changes that the watch windows are to see; the goal is three in five.
const SEEN: f64 = 0.75;
/// What was said of so many changes, and of so many that were undone, is remembered.
const SAID: usize = 1_000;
const DELAYED: usize = 500;
/// Bins of the delays until a change is undone.
const DELAYS: usize = 20;
/// How many changes the prior of the delays weighs.
const PRIOR: f64 = 5.0;

/// The logarithm of a time as a share of that of 14 days, 0 to 1; ten minutes are its scale.
fn later(days: f64) -> f64 {
    let of = |days: f64| (days.clamp(0.0, WINDOW) * 144.0).ln_1p();
    of(days) / of(WINDOW)
}

/// -1 where a version or number falls, 1 where it rises, else 0.
fn falls(class: Class, old: &str, new: &str) -> f32 {
    let order = match class {
        Class::Number => match (old.parse::<f64>(), new.parse::<f64>()) {
            (Ok(old), Ok(new)) => new.partial_cmp(&old),
            _ => None,
        },
        Class::Version => Some(runs(new).cmp(&runs(old))),
        _ => None,
    };
    order.map_or(0.0, |order| order as i8 as f32)
}

/// The runs of digits in a text, as numbers.
fn runs(text: &str) -> Vec<u64> {
    super::table::bare(text)
        .split(|c: char| !c.is_ascii_digit())
        .filter(|run| !run.is_empty())
        .map(|run| run.parse().unwrap_or(u64::MAX))
        .collect()
}
