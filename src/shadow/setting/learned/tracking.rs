//! Which settings to look at when not all can be looked at.

use std::collections::{BTreeMap, HashMap};

use super::{
    Learner,
    records::{Setting, Sort},
};

/// A plan of looks: most go to what is likeliest to have changed, once an hour each, some in turn to all; and when a change is seen, at once
/// to what stands near it.
///
/// What stands near shows by each look how much of it changed too: the share of it that did is a Beta posterior, whose prior is what
/// such nearness proved to be worth before, and the next look goes where that share is greatest, until it is small everywhere. Looks
/// not made are saved for such moments, a day's at most.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    /// When each setting was last looked at, days.
    looked: Vec<f64>,
    /// P(change in seven days) of each setting, as known at the last plan.
    odds: Vec<f32>,
    /// Who belongs to a group (its number).
    members: HashMap<(Near, u32), Vec<u32>>,
    /// What is worth a look, the likeliest first, as of when, and whether more is known since.
    worth: Vec<u32>,
    worked_out: Option<f64>,
    stale: bool,
    /// What is looked at this hour and when (days), the next one last.
    hot: Vec<(f64, u32)>,
    /// Where the turn of all stands, and looks for its sake that are due.
    turn: usize,
    turns: f64,
    /// What stands near changes seen lately.
    circles: Vec<Circle>,
    /// By sort of nearness, and whether something came or went: first looks for its sake, and those that found a change.
    proved: BTreeMap<(Near, bool), (f64, f64)>,
    /// The circle for whose sake the look that is under way is made.
    cause: Option<(u32, usize)>,
    /// Those seen to change at the same moment, by setting, and how often; the newest last.
    along: HashMap<u32, Vec<(u32, u32)>>,
    /// When the change seen last happened, and which were seen to have changed then.
    together: (f64, Vec<u32>),
    /// Looks saved, and those an hour brings.
    saved: f64,
    budget: f64,
    hour: i64,
    minute: i64,
    /// Changes seen by the hour of the day and the day of the week at which they happened, fading.
    hours: [f64; 24],
    days: [f64; 7],
}

/// What stands near a change.
#[derive(Clone, Debug)]
struct Circle {
    near: Near,
    /// What they have in common: the group, the value, or the setting that they changed along with.
    of: u32,
    /// Whether something came or went there, not changed.
    came: bool,
    /// When it happened, days.
    when: f64,
    /// Looks made for its sake, and changes seen in it besides the first.
    looks: f64,
    found: f64,
    /// Who was not looked at, the likeliest last.
    left: Vec<u32>,
}

/// How a setting stands to one that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Near {
    /// It changed at the same moment before.
    Along,
    /// It holds the value that was left.
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

/// Each sort, and how likely such a one changes along before more is known.
const NEAR: [(Near, f64); 6] = [
    (Near::Along, 0.5),
    (Near::Value, 0.3),
    (Near::Section, 0.2),
    (Near::Resource, 0.1),
    (Near::Template, 0.05),
    (Near::Folder, 0.03),
];
/// In so many hours what is saved would be spent on what is likeliest, and so many looks of an hour's go in turn.
const SPENT: f64 = 12.0;
/// The least of what an hour brings that is spent on what is likeliest.
const INCOME: f64 = 0.5;
const TURN: f64 = 0.05;
/// Hours' looks that can be saved.
const SAVED: f64 = 24.0;
/// What a setting is still worth after one of its section, of its resource, of its value.
const FADE: [f32; 3] = [0.9; 3];
/// Most settings near one change that are taken in, of each sort; circles at one time; companions of a setting, and settings of one moment
/// among which they are found.
const MOST: usize = 1_500;
const CIRCLES: usize = 60;
const COMPANIONS: usize = 32;
const MOMENT: usize = 60;
/// How the looks of an hour grow with the changes that happen at it.
const POWER: f64 = 0.7;
/// What sort of nearness it is weighs so many looks in a circle; its first looks tell of all such circles.
const WEIGHT: f64 = 12.0;
const FIRST: f64 = 4.0;
/// A circle is worth its first looks whatever such nearness was worth before.
const FLOOR: f64 = 0.03;
/// No look for what has changed with less than this probability.
const LEAST: f64 = 0.005;
/// Days: what was seen after this time cannot be called seen within an hour, and how long chances hold while nothing happens.
const HOUR: f64 = 1.0 / 24.0;
const HOLDS: f64 = 8.0 / 24.0;

impl Near {
    /// The group that such near ones share with `setting`.
    fn group(self, setting: &Setting) -> Option<u32> {
        let sort = match self {
            Self::Along | Self::Value => return None,
            Self::Section => Sort::Section,
            Self::Resource => Sort::Resource,
            Self::Template => Sort::Template,
            Self::Folder => Sort::Folder,
        };
        Some(setting.groups[sort as usize])
    }
}

impl Circle {
    /// P(one of those left changed too), `usual` being what such circles are worth.
    fn odds(&self, usual: f64) -> f64 {
        (usual * WEIGHT + self.found) / (WEIGHT + self.looks.max(self.found))
    }
}

impl Tracker {
    /// Begins the minute of `at` (days) of which an hour brings `budget` looks.
    pub fn begin(&mut self, learner: &Learner, at: f64, budget: f64) {
        self.meet(learner, at);
        // Days are no whole binary fractions: what is a hair before a minute is in it.
        self.minute = (at * 1_440.0 + 1e-6).floor() as i64;
        let hour = self.minute.div_euclid(60);
        if hour != self.hour || self.worked_out.is_none() {
            self.hour = hour;
            self.budget = budget;
            self.saved = (self.saved + budget).min(budget * SAVED);
            self.plan(learner, at);
        }
        self.turns = (self.turns + budget * TURN / 60.0).min(budget);
        self.circles
            .retain(|circle| !circle.left.is_empty() && at - circle.when <= HOUR);
    }

    /// The setting to look at next in the minute begun at `at` (days), which [`Tracker::found`] is then told of; `None` once there is none.
    pub fn next(&mut self, learner: &Learner, at: f64) -> Option<u32> {
        self.cause = None;
        // What is planned for the hour is not spent on what may be near.
        let next = if self.saved >= 1.0 + self.hot.len() as f64 {
            self.nearest(learner)
        } else {
            None
        };
        let next = next.or_else(|| {
            let due = |(due, _): &(f64, u32)| self.saved >= 1.0 && *due * 1_440.0 <= self.minute as f64 + 0.5;
            self.hot.pop_if(|hot| due(hot)).map(|(_, setting)| setting)
        });
        let next = next.or_else(|| {
            let is_due = self.saved >= 1.0 && self.turns >= 1.0;
            let next = if is_due { self.next_in_turn(learner) } else { None };
            self.turns -= f64::from(u8::from(next.is_some()));
            next
        })?;
        self.saved -= 1.0;
        self.looked[next as usize] = at;
        Some(next)
    }

    /// The likeliest of those near changes.
    fn nearest(&mut self, learner: &Learner) -> Option<u32> {
        loop {
            let odds = self
                .circles
                .iter()
                .zip(0..)
                .filter(|(circle, _)| !circle.left.is_empty());
            let odds = odds.map(|(circle, place)| (circle.odds(self.usual(circle)), place));
            let (odds, place) = odds.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
            if odds < LEAST {
                return None;
            }
            let circle = &mut self.circles[place];
            let setting = circle.left.pop()?;
            // Whoever was looked at since cannot have changed with it.
            if self.looked[setting as usize] < circle.when && learner.table.settings[setting as usize].alive {
                self.cause = Some((setting, place));
                return Some(setting);
            }
        }
    }

    /// How likely one of such a circle changes along, as far as that is known.
    fn usual(&self, circle: &Circle) -> f64 {
        let prior = NEAR
            .iter()
            .find(|(near, _)| *near == circle.near)
            .map_or(0.0, |(_, prior)| *prior);
        let (looks, found) = self
            .proved
            .get(&(circle.near, circle.came))
            .copied()
            .unwrap_or_default();
        ((found + prior * 10.0) / (looks + 10.0)).max(FLOOR)
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

    /// Plans the hour that begins at `at`.
    fn plan(&mut self, learner: &Learner, at: f64) {
        // What is likely changes by what happens; while nothing does, by little.
        let old = self.worked_out.is_none_or(|then| at < then || at - then >= HOLDS);
        if std::mem::take(&mut self.stale) || old {
            self.work_out(learner, at);
        }
        // What is likely is not left alone while what was saved is used up.
        let most = (self.saved / SPENT * self.share()).max(self.budget * INCOME);
        let most = most.min(self.saved * 0.7) as usize;
        let alive = |place: &u32| learner.table.settings[*place as usize].alive;
        // What was looked at in the last hour is due when it is over: sooner tells less, later misses what happens meanwhile. The rest is
        // spread over the hour.
        let start = self.hour as f64 / 24.0;
        let hot: Vec<u32> = self.worth.iter().copied().filter(alive).take(most).collect();
        let again = |place: u32| Some(self.looked[place as usize] + HOUR).filter(|due| *due >= start - HOUR / 120.0);
        let rest = hot.iter().filter(|place| again(**place).is_none()).count() as f64;
        let mut spread = 0.0;
        let due = |place: u32| {
            let due = again(place).unwrap_or_else(|| {
                spread += 1.0;
                start + HOUR * spread / (rest + 1.0)
            });
            (due, place)
        };
        self.hot = hot.into_iter().map(due).collect();
        self.hot.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }

    /// Works out what is worth a look: by the probability to change, less where one like it comes before, for whose change the others would
    /// be looked at.
    fn work_out(&mut self, learner: &Learner, at: f64) {
        self.worked_out = Some(at);
        let mut weeks = learner.hazard.all(&learner.table, at);
        self.odds.fill(0.0);
        for (place, odds) in &weeks {
            self.odds[*place as usize] = *odds as f32;
        }
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
        // More are never looked at in an hour.
        worth.truncate((self.budget * SAVED / SPENT * 3.0 * 3.0) as usize + 1);
        self.worth = worth.into_iter().map(|(place, _)| place).collect();
    }

    /// How many times the usual looks the hour is worth, by the changes that happened at this hour of the day and on this day of the week;
    /// 1 in the mean.
    fn share(&self) -> f64 {
        let of = |counts: &[f64], place: i64| {
            // Two of each are assumed before more is known.
            let known = counts.iter().sum::<f64>() / counts.len() as f64 + 2.0;
            let worth = |count: &f64| ((count + 2.0) / known).powf(POWER).clamp(0.3, 3.0);
            let mean = counts.iter().map(worth).sum::<f64>() / counts.len() as f64;
            worth(&counts[place as usize]) / mean
        };
        of(&self.hours, self.hour.rem_euclid(24)) * of(&self.days, self.hour.div_euclid(24).rem_euclid(7))
    }

    /// Takes in settings that are new.
    fn meet(&mut self, learner: &Learner, at: f64) {
        let settings = &learner.table.settings;
        for (place, setting) in settings.iter().enumerate().skip(self.looked.len()) {
            self.looked.push(at);
            self.odds.push(0.0);
            for (near, _) in NEAR {
                if let Some(group) = near.group(setting) {
                    self.members.entry((near, group)).or_default().push(place as u32);
                }
            }
        }
    }

    /// Takes that a setting came or went at `at` (days), as the list of what there is tells.
    pub fn came(&mut self, learner: &Learner, setting: u32, at: f64) {
        self.meet(learner, at);
        self.looked[setting as usize] = at;
        self.stale = true;
        self.surround(learner, setting, at, None);
    }

    /// Takes what a look at a setting has found: a change that happened at `changed` (days) from the value numbered `from`, or none.
    pub fn found(&mut self, learner: &Learner, setting: u32, changed: Option<(f64, u32)>) {
        if let Some((_, place)) = self.cause.take_if(|(cause, _)| *cause == setting) {
            let circle = &mut self.circles[place];
            circle.looks += 1.0;
            if circle.looks <= FIRST && circle.found == 0.0 {
                let (looks, found) = self.proved.entry((circle.near, circle.came)).or_default();
                let is = f64::from(u8::from(changed.is_some()));
                (*looks, *found) = (*looks * 0.998 + 1.0, *found * 0.998 + is);
            }
        }
        let Some((when, from)) = changed else { return };
        self.stale = true;
        let hour = (when * 24.0).floor() as i64;
        self.hours = self.hours.map(|count| count * 0.9995);
        self.hours[hour.rem_euclid(24) as usize] += 1.0;
        self.days = self.days.map(|count| count * 0.9995);
        self.days[hour.div_euclid(24).rem_euclid(7) as usize] += 1.0;
        self.accompany(setting, when);
        self.surround(learner, setting, when, Some(from));
    }

    /// Notes that `setting` was seen to have changed at `when`, together with what else did then.
    fn accompany(&mut self, setting: u32, when: f64) {
        if self.together.0 != when {
            self.together = (when, Vec::new());
        }
        let others = &self.together.1;
        for (one, other) in others.iter().flat_map(|other| [(setting, *other), (*other, setting)]) {
            let known = self.along.entry(one).or_default();
            match known.iter_mut().find(|(known, _)| *known == other) {
                Some((_, count)) => *count += 1,
                None => {
                    if known.len() == COMPANIONS {
                        known.remove(0);
                    }
                    known.push((other, 1));
                }
            }
        }
        if self.together.1.len() < MOMENT && !self.together.1.contains(&setting) {
            self.together.1.push(setting);
        }
    }

    /// Takes in what stands near `setting`, where at `when` something changed `from` a value, or came or went.
    fn surround(&mut self, learner: &Learner, setting: u32, when: f64, from: Option<u32>) {
        let settings = &learner.table.settings;
        let seen = &settings[setting as usize];
        for (near, _) in NEAR {
            let of = match (near, from) {
                (Near::Along | Near::Value, None) => continue,
                (Near::Along, Some(_)) => setting,
                (Near::Value, Some(from)) => from,
                _ => near.group(seen).unwrap_or_default(),
            };
            let came = from.is_none();
            let is_same =
                |circle: &&mut Circle| (circle.near, circle.of, circle.came, circle.when) == (near, of, came, when);
            if let Some(circle) = self.circles.iter_mut().find(is_same) {
                circle.found += f64::from(u8::from(!came));
                continue;
            }
            let members = |near: Near| near.group(seen).and_then(|group| self.members.get(&(near, group)));
            let mut left: Vec<u32> = match near {
                Near::Along => {
                    let mut along = self.along.get(&setting).cloned().unwrap_or_default();
                    along.sort_by_key(|(_, count)| *count);
                    along.into_iter().map(|(other, _)| other).collect()
                }
                Near::Value => {
                    let all = [Near::Template, Near::Folder].into_iter().filter_map(members).flatten();
                    all.copied()
                        .filter(|other| settings[*other as usize].bare == of)
                        .collect()
                }
                _ => members(near).cloned().unwrap_or_default(),
            };
            left.retain(|other| {
                *other != setting && settings[*other as usize].alive && self.looked[*other as usize] < when
            });
            if near != Near::Along {
                let odds = |place: &u32| self.odds[*place as usize];
                left.sort_by(|a, b| odds(a).total_cmp(&odds(b)).then(b.cmp(a)));
            }
            left.drain(..left.len().saturating_sub(MOST));
            if !left.is_empty() {
                self.circles.push(Circle {
                    near,
                    of,
                    came,
                    when,
                    looks: 0.0,
                    found: 0.0,
                    left,
                });
            }
        }
        let more = self.circles.len().saturating_sub(CIRCLES);
        self.circles.drain(..more);
    }
}

#[cfg(test)]
mod tests;
