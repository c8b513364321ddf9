//! Which settings to look at when not all can be looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Learner, records::Sort};

/// A plan of looks: an hour's looks are shared between what is likeliest to have changed, what is close to a change just seen, and the rest
/// in turn.
///
/// The first are looked at once an hour each. A change seen makes what stands near it worth a look at once, the likelier what stands so
/// near has proved to change along (a Beta posterior for each sort of nearness), until nothing more is found.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// When each setting was last looked at, days.
    looked: Vec<f64>,
    /// Who belongs to a group (its number), and who holds a value (from there on).
    members: HashMap<(Near, u32), Vec<u32>>,
    known: usize,
    /// What is looked at this hour, the next one last.
    hot: Vec<u32>,
    /// Where the turn of the rest stands.
    turn: usize,
    /// What stands near a change: by how likely it changed too (in millionths), then setting, and when what was seen happened.
    near: BTreeSet<(u32, u32, u64)>,
    waiting: HashMap<u32, (u32, u64)>,
    /// By sort of nearness: looks for its sake, and those that found a change.
    proved: BTreeMap<Near, (f64, f64)>,
    /// What a look that is under way is made for.
    cause: HashMap<u32, Near>,
    /// Looks left of this hour's, and of those for what is near.
    left: f64,
    left_near: f64,
    hour: i64,
    /// Changes seen by the hour of the day at which they happened, fading, and their sum.
    hours: [f64; 24],
    /// This hour's looks.
    budget: f64,
}

/// How a setting stands to one that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Near {
    /// It held the same value.
    Value,
    /// One resource, one parent path.
    Section,
    /// One resource.
    Resource,
    /// The same parameter elsewhere.
    Template,
    /// The same folder.
    Folder,
}

/// Each sort, where it is found in a setting, and how likely such a one changes along before more is known.
const NEAR: [(Near, f64); 5] = [
    (Near::Value, 0.3),
    (Near::Section, 0.2),
    (Near::Resource, 0.1),
    (Near::Template, 0.05),
    (Near::Folder, 0.03),
];
/// Of an hour's looks, how many are for what is likeliest, and at most for what is near a change; the rest goes in turn.
const HOT: f64 = 0.75;
const NEARBY: f64 = 0.2;
/// What a setting is still worth after one of its section, of its resource, of its value.
const FADE: [f32; 3] = [0.7, 0.8, 0.7];
/// Most settings near one change that are taken in, of each sort.
const MOST: usize = 400;
/// How the looks of an hour of the day grow with the changes that happen at it.
const POWER: f64 = 0.7;
/// No look for what has changed with less than this probability.
const LEAST: f64 = 0.01;

impl Tracker {
    /// The settings to look at in the minute of `at` (days), of `budget` looks an hour; at the start of each hour it is planned anew.
    pub fn minute(&mut self, learner: &Learner, at: f64, budget: f64) -> Vec<u32> {
        self.meet(learner, at);
        let minute = (at * 1_440.0).floor() as i64;
        let hour = minute.div_euclid(60);
        if hour != self.hour {
            self.hour = hour;
            self.budget = budget * self.share(hour);
            (self.left, self.left_near) = (self.budget, self.budget * NEARBY);
            let budget = self.budget;
            self.plan(learner, at, (budget * HOT) as usize);
        }
        let budget = self.budget;
        let gone = (minute - self.hour * 60) as f64 + 1.0;
        let mut looks = Vec::new();
        while self.left_near >= 1.0 && self.left >= 1.0 {
            let Some((_, setting, _)) = self.near.pop_last() else {
                break;
            };
            self.waiting.remove(&setting);
            self.left_near -= 1.0;
            self.left -= 1.0;
            looks.push(setting);
        }
        // The rest evenly over the hour.
        let rest = (budget - budget * NEARBY) * gone / 60.0;
        let spent = budget - self.left - (budget * NEARBY - self.left_near);
        let mut due = (rest - spent).max(0.0).min(self.left) as usize;
        if gone >= 55.0 {
            due = due.max((self.left / (61.0 - gone)) as usize);
        }
        let hot_due = (due as f64 * HOT / (1.0 - NEARBY)).ceil() as usize;
        for n in 0..due {
            let next = if n < hot_due { self.hot.pop() } else { None };
            let Some(setting) = next.or_else(|| self.next_in_turn(learner)) else {
                break;
            };
            self.left -= 1.0;
            looks.push(setting);
        }
        for setting in &looks {
            self.looked[*setting as usize] = at;
        }
        looks
    }

    /// The settings alive, the most worth a look first: by their probability to change, less where one like it comes before, for whose
    /// change the others would be looked at.
    fn worth(learner: &Learner, at: f64) -> Vec<u32> {
        let mut weeks = learner.hazard.all(&learner.table, at);
        weeks.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut before: HashMap<(u8, u32), i32> = HashMap::new();
        let mut worth: Vec<(u32, f32)> = weeks
            .into_iter()
            .map(|(place, odds)| {
                let setting = &learner.table.settings[place as usize];
                let mut value = -(-odds.min(0.999_999)).ln_1p() as f32;
                let keys = [
                    (0, setting.groups[Sort::Section as usize]),
                    (1, setting.groups[Sort::Resource as usize]),
                    (2, setting.bare),
                ];
                for (key, fade) in keys.into_iter().zip(FADE) {
                    let seen = before.entry(key).or_default();
                    value *= fade.powi((*seen).min(8));
                    *seen += 1;
                }
                (place, value)
            })
            .collect();
        worth.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        worth.into_iter().map(|(place, _)| place).collect()
    }

    /// How many times the usual looks an hour of the day is worth, by the changes that happened at it; 1 in the mean of a day.
    fn share(&self, hour: i64) -> f64 {
        let (all, prior) = (self.hours.iter().sum::<f64>(), 48.0);
        let of = |hour: usize| (self.hours[hour] + prior / 24.0) / (all + prior) * 24.0;
        let worth = |hour: usize| of(hour).powf(POWER).clamp(0.3, 3.0);
        let mean = (0..24).map(worth).sum::<f64>() / 24.0;
        worth(hour.rem_euclid(24) as usize) / mean
    }

    fn next_in_turn(&mut self, learner: &Learner) -> Option<u32> {
        let all = learner.table.settings.len();
        for _ in 0..all {
            self.turn = (self.turn + 1) % all;
            if learner.table.settings[self.turn].alive {
                return Some(self.turn as u32);
            }
        }
        None
    }

    fn plan(&mut self, learner: &Learner, at: f64, most: usize) {
        self.hot = Self::worth(learner, at).into_iter().take(most).collect();
        // Oldest look first, so that each is looked at an hour after the last time.
        self.hot.sort_by(|a, b| {
            self.looked[*b as usize]
                .total_cmp(&self.looked[*a as usize])
                .then(a.cmp(b))
        });
    }

    /// Takes in settings that are new.
    fn meet(&mut self, learner: &Learner, at: f64) {
        let settings = &learner.table.settings;
        for (place, setting) in settings.iter().enumerate().skip(self.known) {
            self.looked.push(at);
            for (near, _) in NEAR {
                let group = match near {
                    Near::Value => continue,
                    Near::Section => Sort::Section,
                    Near::Resource => Sort::Resource,
                    Near::Template => Sort::Template,
                    Near::Folder => Sort::Folder,
                };
                let key = (near, setting.groups[group as usize]);
                self.members.entry(key).or_default().push(place as u32);
            }
        }
        self.known = settings.len();
    }

    /// Takes what a look at a setting has found: a change that happened at `changed` (days) from the value numbered `from`, or none.
    pub fn found(&mut self, learner: &Learner, setting: u32, changed: Option<(f64, u32)>) {
        if let Some(near) = self.cause.remove(&setting) {
            let (looks, found) = self.proved.entry(near).or_default();
            (*looks, *found) = (
                *looks * 0.999 + 1.0,
                *found * 0.999 + f64::from(u8::from(changed.is_some())),
            );
        }
        let Some((when, from)) = changed else { return };
        self.hours = self.hours.map(|count| count * 0.9995);
        self.hours[((when * 24.0).floor() as i64).rem_euclid(24) as usize] += 1.0;
        let seen = &learner.table.settings[setting as usize];
        for (near, prior) in NEAR {
            let (looks, found) = self.proved.get(&near).copied().unwrap_or_default();
            let odds = (found + prior * 10.0) / (looks + 10.0);
            if odds < LEAST {
                continue;
            }
            let empty = Vec::new();
            let of = |sort: Sort| self.members.get(&(near, seen.groups[sort as usize])).unwrap_or(&empty);
            let others: Vec<u32> = match near {
                Near::Value => {
                    let path = self
                        .members
                        .get(&(Near::Template, seen.groups[Sort::Template as usize]));
                    let folder = self.members.get(&(Near::Folder, seen.groups[Sort::Folder as usize]));
                    let all = path.into_iter().chain(folder).flatten().copied();
                    all.filter(|other| learner.table.settings[*other as usize].bare == from)
                        .collect()
                }
                Near::Section => of(Sort::Section).clone(),
                Near::Resource => of(Sort::Resource).clone(),
                Near::Template => of(Sort::Template).clone(),
                Near::Folder => of(Sort::Folder).clone(),
            };
            // Whoever was looked at since cannot have changed with it.
            let due = others.into_iter().filter(|other| {
                *other != setting
                    && learner.table.settings[*other as usize].alive
                    && self.looked[*other as usize] < when
            });
            let due: Vec<u32> = due.take(MOST).collect();
            for other in due {
                let odds = (odds * 1e6) as u32;
                let stamp = when.to_bits();
                let before = self.waiting.get(&other).copied();
                if before.is_none_or(|(known, _)| known < odds) {
                    if let Some((known, stamp)) = before {
                        self.near.remove(&(known, other, stamp));
                    }
                    self.near.insert((odds, other, stamp));
                    self.waiting.insert(other, (odds, stamp));
                    self.cause.insert(other, near);
                }
            }
        }
    }
}
