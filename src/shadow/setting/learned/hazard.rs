//! Which settings will change within the next seven days.

use serde::{Deserialize, Serialize};

use super::{
    boost::{Boost, Recipe, Rows},
    fading::MEMORIES,
    table::{Group, Setting, Sort, Table},
};

/// The window, days.
pub const WINDOW: f64 = 7.0;
/// Features of a setting.
const WIDTH: usize = 44;
/// Days between two moments at which the answers to come are noted.
const EVERY: f64 = 3.5;
/// Most settings noted at a moment.
const NOTED: usize = 20_000;
/// Most rows learnt from.
const ROWS: usize = 60_000;
/// Settings that did not change, for one that did, among the rows.
const QUIET: f32 = 12.0;
/// Trees.
const RECIPE: Recipe = Recipe {
    trees: 80,
    depth: 5,
    rate: 0.08,
    ridge: 8.0,
    features: 0.5,
    rows: 0.7,
};

/// P(change in seven days) of every setting, by boosted trees over its own record, its groups' and its peers', fitted to the moments
/// of the stream itself whose seven days have passed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hazard {
    /// Moments whose answer is not known yet.
    open: Vec<Moment>,
    rows: Rows,
    boost: Option<Boost>,
    /// When the next moment is due, days.
    due: Option<f64>,
    fitted: f64,
    moments: u32,
}

/// A moment: the features of the settings noted at it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Moment {
    at: f64,
    settings: Vec<u32>,
    features: Vec<f32>,
    changed: Vec<bool>,
    weight: f32,
}

fn log(value: f32) -> f32 {
    (1.0 + value.max(0.0)).ln()
}

/// The logarithm of the days since, a month's for what never was.
fn since(at: f64, then: Option<f64>, never: f32) -> f32 {
    then.map_or(never, |then| ((at - then).max(0.0) as f32 + 0.02).ln())
}

/// Changes a setting of the group makes in 120 days, drawn to `prior`.
fn rate(group: &Group, at: f64, prior: f32) -> f32 {
    let watched = MEMORIES[2] * (1.0 - (-(at - group.born).max(0.0) / MEMORIES[2]).exp());
    let exposure = group.alive.max(1) as f32 * watched as f32 / MEMORIES[2] as f32;
    (group.changes.read(at)[2] + prior * 5.0) / (exposure + 5.0)
}

/// The features of a setting at a time.
fn features(table: &Table, setting: &Setting, at: f64, out: &mut Vec<f32>) {
    let start = out.len();
    let own = setting.rate.read(at);
    let resource = table.group(setting, Sort::Resource);
    let folder = table.group(setting, Sort::Folder);
    let kind = table.group(setting, Sort::Kind);
    let path = table.group(setting, Sort::Path);
    let shape = table.group(setting, Sort::Template);
    let leaf = table.group(setting, Sort::Leaf);
    let section = table.group(setting, Sort::Section);
    let class = table.group(setting, Sort::Class);
    let age = (at - setting.born).max(0.0) as f32;
    let gone_by = (at - setting.changed.unwrap_or(setting.born)).max(0.0) as f32;
    let gap = if setting.gap.1 > 0.0 {
        (setting.gap.0 / setting.gap.1).exp()
    } else {
        age.max(1.0) * 2.0
    };
    // Gamma-Poisson rates from the widest group to the setting itself, each drawn to the one before.
    let all = table.changes.read(at)[2] / table.alive.max(1) as f32;
    let by_class = rate(class, at, all);
    let by_leaf = rate(leaf, at, by_class);
    let by_shape = rate(shape, at, by_leaf);
    let by_path = rate(path, at, by_shape);
    let by_folder = rate(folder, at, by_class);
    let by_resource = rate(resource, at, by_folder);
    let by_section = rate(section, at, by_resource);
    let prior = (by_path * by_section).sqrt();
    let watched = (1.0 - (-f64::from(age) / MEMORIES[2]).exp()) as f32;
    let mean = (own[2] + prior) / (watched + 1.0);
    out.extend([
        log(own[0] * 4.0),
        log(own[1] * 4.0),
        log(own[2] * 4.0),
        log(setting.changes as f32),
        since(at, setting.changed, 8.0),
        (age + 0.05).ln(),
        (gone_by / gap.max(0.05)).min(20.0),
        gap.min(1000.0).ln(),
        mean.max(1e-5).ln(),
        prior.max(1e-5).ln(),
    ]);
    for group in [resource, folder, section] {
        let changes = group.changes.read(at);
        let alive = group.alive.max(1) as f32;
        out.extend([
            log(changes[0]),
            log(changes[1] / alive * 10.0),
            log(changes[2] / alive * 10.0),
            since(at, group.touched, 8.0),
        ]);
    }
    out.extend([
        log(resource.commits.read(at)[0]),
        log(resource.commits.read(at)[1]),
        log(resource.commits.read(at)[2]),
        log(resource.churn.read(at)[0]),
        log(resource.churn.read(at)[1]),
        log(resource.alive as f32),
        log(folder.commits.read(at)[1]),
        by_leaf.max(1e-5).ln(),
        by_shape.max(1e-5).ln(),
        by_path.max(1e-5).ln(),
        by_class.max(1e-5).ln(),
        rate(kind, at, all).max(1e-5).ln(),
        since(at, path.touched, 8.0),
        log(path.changes.read(at)[0] / path.alive.max(1) as f32 * 10.0),
        log(path.alive as f32),
        log(leaf.changes.read(at)[0] / leaf.alive.max(1) as f32 * 10.0),
    ]);
    let holders = table.holders(setting.bare);
    let left = holders.map_or([0.0; 3], |holders| holders.left.read(at));
    let author = table.author(setting.by);
    out.extend([
        log(holders.map_or(0.0, |holders| holders.count as f32)),
        since(at, holders.and_then(|holders| holders.left_at), 8.0),
        log(left[1]),
        log(table.changes.read(at)[0]),
        log(table.commits.read(at)[0]),
    ]);
    out.push(author.map_or(0.0, |author| log(author.commits.read(at)[0])));
    debug_assert_eq!(out.len() - start, WIDTH);
}

impl Hazard {
    /// Lets time pass until `at` (days), before anything at that time is taken in.
    pub fn advance(&mut self, table: &Table, at: f64) {
        while self.open.first().is_some_and(|moment| moment.at + WINDOW <= at) {
            let moment = self.open.remove(0);
            self.learn(&moment);
        }
        let due = *self.due.get_or_insert(at + EVERY);
        if at >= due && table.alive > 0 {
            self.note(table, at);
            self.due = Some(at + EVERY);
        }
    }

    fn note(&mut self, table: &Table, at: f64) {
        let step = table.alive.div_ceil(NOTED).max(1);
        self.moments += 1;
        let alive = table.settings.iter().zip(0..).filter(|(setting, _)| setting.alive);
        let settings: Vec<u32> = alive
            .map(|(_, place)| place)
            .skip(self.moments as usize % step)
            .step_by(step)
            .collect();
        let mut moment = Moment {
            at,
            features: Vec::with_capacity(settings.len() * WIDTH),
            changed: vec![false; settings.len()],
            settings,
            weight: step as f32,
        };
        for place in &moment.settings {
            features(table, &table.settings[*place as usize], at, &mut moment.features);
        }
        self.open.push(moment);
    }

    /// Takes a change of a setting.
    pub fn changed(&mut self, setting: u32, at: f64) {
        for moment in &mut self.open {
            if at < moment.at + WINDOW
                && let Ok(place) = moment.settings.binary_search(&setting)
            {
                moment.changed[place] = true;
            }
        }
    }

    fn learn(&mut self, moment: &Moment) {
        let yes = moment.changed.iter().filter(|changed| **changed).count();
        let quiet = moment.changed.len() - yes;
        let wanted = (yes as f32 * QUIET).max(400.0).min(quiet as f32);
        let share = (wanted / quiet.max(1) as f32).min(1.0);
        let mut random = fastrand::Rng::with_seed(moment.at.to_bits());
        for (place, changed) in moment.changed.iter().enumerate() {
            if *changed || random.f32() < share {
                let weight = if *changed { 1.0 } else { 1.0 / share };
                let row = &moment.features[place * WIDTH..(place + 1) * WIDTH];
                if self.rows.len() == 0 {
                    self.rows = Rows::new(WIDTH);
                }
                self.rows.push(row, *changed, weight * moment.weight);
            }
        }
        self.rows.keep(ROWS);
    }

    fn fit(&mut self, at: f64) {
        if self.rows.yes() >= 20 && at - self.fitted >= WINDOW {
            self.boost = Some(Boost::fit(&self.rows, RECIPE, self.rows.len() as u64));
            self.fitted = at;
        }
    }

    /// P(change within seven days of `at`) of every setting alive, by its place in the table.
    pub fn all(&mut self, table: &Table, at: f64) -> Vec<(u32, f64)> {
        self.fit(at);
        let mut row = Vec::with_capacity(WIDTH);
        let alive = table.settings.iter().zip(0..).filter(|(setting, _)| setting.alive);
        alive
            .map(|(setting, place)| (place, self.one(table, setting, at, &mut row)))
            .collect()
    }

    fn one(&self, table: &Table, setting: &Setting, at: f64, row: &mut Vec<f32>) -> f64 {
        row.clear();
        features(table, setting, at, row);
        match &self.boost {
            Some(boost) => 1.0 / (1.0 + f64::from(-boost.logit(row)).exp()),
            // Nothing learnt yet: the Gamma-Poisson rate alone.
            None => 1.0 - (-f64::from(row[8].exp()) * WINDOW / MEMORIES[2]).exp(),
        }
    }
}
