//! Which settings will change within the next seven days.

use serde::{Deserialize, Serialize};

use super::{
    boost::{Boost, Recipe, Rows, chance, logit},
    fading::MEMORIES,
    records::{Group, Setting, Sort},
    table::Table,
};

/// The window, days.
pub const WINDOW: f64 = 7.0;
/// Features of a setting.
const WIDTH: usize = 44;
/// The feature that holds the logarithm of the rate in 120 days.
const RATE: usize = 8;
/// Days between two moments at which the answers to come are noted.
const EVERY: f64 = 7.0;
/// Settings, watched for 120 days, that the wider group's rate weighs against a group's own.
const GROUP: f32 = 50.0;
/// Changes, and times of 120 days, that the groups' rate weighs against a setting's own.
const SETTING: (f32, f32) = (0.4, 0.7);
/// A setting without a change for more days than the first calms down by this power of the time.
const CALM: (f32, f32) = (30.0, -0.3);
/// Most settings noted at a moment.
const NOTED: usize = 20_000;
/// Most rows learnt from.
const ROWS: usize = 40_000;
/// Settings that did not change, for one that did, among the rows.
const QUIET: f32 = 12.0;
/// Trees.
const RECIPE: Recipe = Recipe {
    trees: 60,
    depth: 3,
    rate: 0.05,
    ridge: 100.0,
    least: 3.0,
    features: 0.4,
    rows: 0.7,
};
/// Log-odds against the trees before they have earned anything.
const DOUBT: f64 = 2.0;
/// How much of a moment's difference in log loss counts when the rate and the trees are weighed against each other.
const HEED: f64 = 0.1;

/// P(change in seven days) of every setting: an empirical-Bayes rate (Gamma-Poisson, shrunk from class to last name, template and path,
/// and from folder to resource and section; Gelman et al., Bayesian Data Analysis, 3rd ed., 5.1), corrected by boosted trees over its
/// own record, its groups' and its peers'. Both learn from the moments of the stream itself whose seven days have passed, and are
/// mixed by the log loss they had then (Vovk 1990).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Hazard {
    /// Moments whose answer is not known yet.
    open: Vec<Moment>,
    rows: Rows,
    boost: Boost,
    /// When the next moment is due, days.
    due: Option<f64>,
    moments: u32,
    /// Moments learnt, and those learnt when the trees were grown.
    learnt: u32,
    fitted: u32,
    /// By how much the trees' log loss was less than the rate's, in nats, as far as heeded; fading.
    lead: f64,
}

/// A moment: the features of the settings noted at it, and what was said then by rate and by trees (log-odds).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Moment {
    at: f64,
    settings: Vec<u32>,
    features: Vec<f32>,
    said: Vec<(f32, f32)>,
    changed: Vec<bool>,
    weight: f32,
}

/// The log-odds of a change within the window by the rate alone.
fn by_rate(row: &[f32]) -> f32 {
    logit(-(-f64::from(row[RATE].exp()) * WINDOW / MEMORIES[2]).exp_m1() as f32)
}

fn log(value: f32) -> f32 {
    (1.0 + value.max(0.0)).ln()
}

/// The logarithm of the days since, a month's for what never was.
fn since(at: f64, then: Option<f64>, never: f32) -> f32 {
    then.map_or(never, |then| ((at - then).max(0.0) as f32 + 0.02).ln())
}

/// A group at the moment.
#[derive(Clone, Copy, Debug)]
struct Now {
    changes: [f32; 3],
    commits: [f32; 3],
    churn: [f32; 3],
    alive: f32,
    /// Settings times the share of 120 days that they were watched.
    exposure: f32,
    /// Logarithm of the days since it was touched.
    touched: f32,
}

impl Now {
    /// Changes a setting of the group makes in 120 days, drawn to `prior`.
    fn rate(&self, prior: f32) -> f32 {
        (self.changes[2] + prior * GROUP) / (self.exposure + GROUP)
    }
}

/// The table at a moment; each group is looked at once.
struct View<'a> {
    table: &'a Table,
    at: f64,
    groups: Vec<Option<Now>>,
}

impl<'a> View<'a> {
    fn new(table: &'a Table, at: f64) -> Self {
        Self {
            table,
            at,
            groups: vec![None; table.groups.len()],
        }
    }

    fn group(&mut self, setting: &Setting, sort: Sort) -> Now {
        let (place, at) = (setting.groups[sort as usize] as usize, self.at);
        *self.groups[place].get_or_insert_with(|| {
            let group: &Group = &self.table.groups[place];
            let alive = group.alive.max(1) as f32;
            let watched = 1.0 - (-(at - group.born).max(0.0) / MEMORIES[2]).exp();
            Now {
                changes: group.changes.read(at),
                commits: group.commits.read(at),
                churn: group.churn.read(at),
                alive,
                exposure: alive * watched as f32,
                touched: since(at, group.touched, 8.0),
            }
        })
    }
}

/// The features of a setting at the moment.
fn features(view: &mut View<'_>, setting: &Setting, out: &mut Vec<f32>) {
    let start = out.len();
    let (table, at) = (view.table, view.at);
    let own = setting.rate.read(at);
    let resource = view.group(setting, Sort::Resource);
    let folder = view.group(setting, Sort::Folder);
    let kind = view.group(setting, Sort::Kind);
    let path = view.group(setting, Sort::Path);
    let shape = view.group(setting, Sort::Template);
    let leaf = view.group(setting, Sort::Leaf);
    let section = view.group(setting, Sort::Section);
    let class = view.group(setting, Sort::Class);
    let age = (at - setting.born).max(0.0) as f32;
    let gone_by = (at - setting.changed.unwrap_or(setting.born)).max(0.0) as f32;
    let gap = if setting.gap.1 > 0.0 {
        (setting.gap.0 / setting.gap.1).exp()
    } else {
        age.max(1.0) * 2.0
    };
    // Gamma-Poisson rates from the widest group to the setting itself, each drawn to the one before.
    let watched_all = 1.0 - (-(at - table.began.unwrap_or(at)).max(1.0) / MEMORIES[2]).exp();
    let all = table.changes.read(at)[2] / (table.alive.max(1) as f32 * watched_all as f32);
    let by_class = class.rate(all);
    let by_leaf = leaf.rate(by_class);
    let by_shape = shape.rate(by_leaf);
    let by_path = path.rate(by_shape);
    let by_folder = folder.rate(by_class);
    let by_resource = resource.rate(by_folder);
    let by_section = section.rate(by_resource);
    let prior = (by_path * by_section).sqrt();
    let watched = (1.0 - (-f64::from(age) / MEMORIES[2]).exp()) as f32;
    let weight = SETTING.0 / prior.max(1e-5) + SETTING.1;
    let calm = match setting.changed {
        Some(_) if gone_by > CALM.0 => (gone_by / CALM.0).powf(CALM.1),
        _ => 1.0,
    };
    let mean = calm * (own[2] + prior * weight) / (watched + weight);
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
        out.extend([
            log(group.changes[0]),
            log(group.changes[1] / group.alive * 10.0),
            log(group.changes[2] / group.alive * 10.0),
            group.touched,
        ]);
    }
    out.extend([0, 1, 2].map(|k| log(resource.commits[k])));
    out.extend([
        log(resource.churn[0]),
        log(resource.churn[1]),
        log(resource.alive),
        log(folder.commits[1]),
        by_leaf.max(1e-5).ln(),
        by_shape.max(1e-5).ln(),
        by_path.max(1e-5).ln(),
        by_class.max(1e-5).ln(),
        kind.rate(all).max(1e-5).ln(),
        path.touched,
        log(path.changes[0] / path.alive * 10.0),
        log(path.alive),
        log(leaf.changes[0] / leaf.alive * 10.0),
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
        author.map_or(0.0, |author| log(author.commits.read(at)[0])),
    ]);
    debug_assert_eq!(out.len() - start, WIDTH);
}

impl Hazard {
    /// Lets time pass until `at` (days), before anything at that time is taken in; tells whether a moment was noted.
    pub fn advance(&mut self, table: &Table, at: f64) -> bool {
        while self.open.first().is_some_and(|moment| moment.at + WINDOW <= at) {
            let moment = self.open.remove(0);
            self.learn(&moment);
        }
        let due = *self.due.get_or_insert(at + EVERY);
        let noted = at >= due && table.alive > 0;
        if noted {
            self.note(table, at);
            self.due = Some(at + EVERY);
        }
        noted
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
            said: Vec::new(),
            changed: vec![false; settings.len()],
            settings,
            weight: step as f32,
        };
        let mut view = View::new(table, at);
        for place in &moment.settings {
            features(&mut view, &table.settings[*place as usize], &mut moment.features);
        }
        let said = moment.features.chunks_exact(WIDTH).map(|row| {
            let rate = by_rate(row);
            (rate, rate + self.boost.correction(row))
        });
        moment.said = said.collect();
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
                self.rows
                    .push(row, moment.said[place].0, *changed, weight * moment.weight);
            }
        }
        self.rows.keep(ROWS);
        self.learnt += 1;
        if self.fitted > 0 {
            let loss = |logit: f32, changed: bool| -> f64 {
                let p = chance(logit);
                -(if changed { p } else { 1.0 - p }).max(1e-9).ln()
            };
            let lead: f64 = moment
                .said
                .iter()
                .zip(&moment.changed)
                .map(|((rate, trees), changed)| loss(*rate, *changed) - loss(*trees, *changed))
                .sum();
            self.lead = (self.lead * 0.97 + HEED * lead * f64::from(moment.weight)).clamp(-5.0, 5.0);
        }
    }

    fn fit(&mut self) {
        if self.rows.yes() >= 400 && self.learnt - self.fitted >= (self.learnt / 8).max(4) {
            self.boost = Boost::fit(&self.rows, RECIPE, u64::from(self.learnt));
            self.fitted = self.learnt;
        }
    }

    /// P(change within seven days of `at`) of every setting alive, by its place in the table.
    pub fn all(&mut self, table: &Table, at: f64) -> Vec<(u32, f64)> {
        self.fit();
        let (mut view, mut row) = (View::new(table, at), Vec::with_capacity(WIDTH));
        let alive = table.settings.iter().zip(0..).filter(|(setting, _)| setting.alive);
        alive
            .map(|(setting, place)| (place, self.one(&mut view, setting, &mut row)))
            .collect()
    }

    fn one(&self, view: &mut View<'_>, setting: &Setting, row: &mut Vec<f32>) -> f64 {
        row.clear();
        features(view, setting, row);
        let rate = by_rate(row);
        if self.fitted == 0 {
            return chance(rate);
        }
        let trees = chance(rate + self.boost.correction(row));
        let share = 1.0 / (1.0 + (DOUBT - self.lead).exp());
        trees * share + chance(rate) * (1.0 - share)
    }
}
