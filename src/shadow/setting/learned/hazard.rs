//! Which settings will change within the next seven days.

use serde::{Deserialize, Serialize};

use super::{
    boost::{Boost, Recipe, Rows, chance, logit},
    fading::{Fading, MEMORIES},
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
/// Before anything is known a setting changes once in 90 days: changes in 120 days, and how many settings' 120 days that weighs.
const FIRST: (f32, f32) = (120.0 / 90.0, 7.5);
/// Changes, and times of 120 days, that the groups' rate weighs against a setting's own.
const SETTING: (f32, f32) = (0.4, 0.7);
/// A setting without a change for more days than the first calms down by this power of the time.
const CALM: (f32, f32) = (30.0, -0.3);
/// How much likelier a setting changes (logarithm) around its usual gap, and how much less far from it, were all known of it.
const PACE: f32 = 0.5;
/// Where that is most and how wide it is, in logarithms of the time since its last change over its usual gap.
const DUE: (f32, f32) = (0.3, 1.8);
/// Gaps between changes of which half of it is believed.
const GAPS: f32 = 2.0;
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
/// Odds that a setting that has just changed is restless, before more is seen.
const RESTLESS: f64 = 0.05;
/// Log-odds against the trees before they have earned anything.
const DOUBT: f64 = 4.0;
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
    /// Room of a moment that has passed, for the next one.
    #[serde(skip)]
    spare: Vec<f32>,
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
    // Most counts are none, which needs no logarithm.
    if value > 0.0 { (1.0 + value).ln() } else { 0.0 }
}

/// The logarithm of the days since, a month's for what never was.
fn since(at: f64, then: Option<f64>, never: f32) -> f32 {
    then.map_or(never, |then| ((at - then).max(0.0) as f32 + 0.02).ln())
}

/// By what factor a setting's rate differs `gone_by` days after its last change, by its usual gap (sum of logarithms of days, and of how
/// many): as of a log-normal renewal process, drawn to 1 where few gaps are known.
fn pace(gap: (f32, f32), gone_by: f32) -> f32 {
    let (sum, known) = gap;
    if known <= 0.0 {
        return 1.0;
    }
    let off = ((gone_by + 0.05).ln() - sum / known - DUE.0) / DUE.1;
    let due = 2.0 * (-0.5 * off * off).exp() - 1.0;
    (PACE * due * known / (known + GAPS)).exp()
}

/// A group at the moment.
#[derive(Clone, Copy, Debug)]
struct Now {
    changes: [f32; 3],
    /// Logarithms of the commits; of resources and folders, of which alone they are asked for.
    commits: [f32; 3],
    /// Of resources and folders.
    churn: [f32; 3],
    alive: f32,
    /// Settings times the share of 120 days that they were watched.
    exposure: f32,
    /// Logarithm of the days since it was touched.
    touched: f32,
    /// What the features say of its changes, where it is a place.
    told: [f32; 3],
}

impl Now {
    /// A group of this sort at `at`, days.
    fn of(group: &Group, sort: Sort, at: f64) -> Self {
        let wide = matches!(sort, Sort::Resource | Sort::Folder);
        let read = |counts: &Fading| if wide { counts.read(at) } else { [0.0; 3] };
        let (alive, past) = (group.alive.max(1) as f32, group.past());
        let watched = 1.0 - (-(at - group.born).max(0.0) / MEMORIES[2]).exp();
        let changes = past.changes.read(at);
        let told = if wide || sort == Sort::Section {
            [changes[0], changes[1] / alive * 10.0, changes[2] / alive * 10.0].map(log)
        } else {
            [0.0; 3]
        };
        Self {
            changes,
            told,
            commits: read(&past.commits).map(log),
            churn: read(&past.churn),
            alive,
            exposure: alive * watched as f32,
            touched: since(at, past.touched, 8.0),
        }
    }

    /// Changes a setting of the group makes in 120 days, drawn to `prior`.
    fn rate(&self, prior: f32) -> f32 {
        (self.changes[2] + prior * GROUP) / (self.exposure + GROUP)
    }
}

/// The table at a moment; where all settings are asked about each group is looked at once.
struct View<'a> {
    table: &'a Table,
    at: f64,
    /// Changes a setting of all makes in 120 days.
    all: f32,
    /// Logarithms of the changes and of the commits of late.
    of_late: [f32; 2],
    groups: Vec<Option<Now>>,
}

impl<'a> View<'a> {
    fn new(table: &'a Table, at: f64) -> Self {
        Self {
            groups: vec![None; table.groups.len()],
            ..Self::single(table, at)
        }
    }

    /// A look at a single setting.
    fn single(table: &'a Table, at: f64) -> Self {
        let changes = table.changes.read(at);
        let watched = 1.0 - (-(at - table.began.unwrap_or(at)).max(1.0) / MEMORIES[2]).exp();
        let exposure = table.alive.max(1) as f32 * watched as f32;
        Self {
            table,
            at,
            all: (changes[2] + FIRST.0 * FIRST.1) / (exposure + FIRST.1),
            of_late: [log(changes[0]), log(table.commits.read_one(at, 0))],
            groups: Vec::new(),
        }
    }

    fn group(&mut self, setting: &Setting, sort: Sort) -> Now {
        let place = setting.groups[sort as usize] as usize;
        let now = || Now::of(&self.table.groups[place], sort, self.at);
        match self.groups.get(place) {
            Some(Some(known)) => *known,
            Some(None) => *self.groups[place].insert(now()),
            None => now(),
        }
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
    let (all, [changes_of_late, commits_of_late]) = (view.all, view.of_late);
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
    let mean = calm * pace(setting.gap, gone_by) * (own[2] + prior * weight) / (watched + weight);
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
        out.extend(group.told);
        out.push(group.touched);
    }
    out.extend(resource.commits);
    out.extend([
        log(resource.churn[0]),
        log(resource.churn[1]),
        log(resource.alive),
        folder.commits[1],
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
    let left = holders.map_or(0.0, |holders| holders.left.read_one(at, 1));
    let author = table.author(setting.by);
    out.extend([
        log(holders.map_or(0.0, |holders| holders.count as f32)),
        since(at, holders.and_then(|holders| holders.left_at), 8.0),
        log(left),
        changes_of_late,
        commits_of_late,
        author.map_or(0.0, |author| log(author.commits.read_one(at, 0))),
    ]);
    assert_eq!(out.len() - start, WIDTH);
}

impl Hazard {
    /// Lets time pass until `at` (days), before anything at that time is taken in; tells whether a moment was noted.
    pub fn advance(&mut self, table: &Table, at: f64) -> bool {
        while self.open.first().is_some_and(|moment| moment.at + WINDOW <= at) {
            let moment = self.open.remove(0);
            self.learn(&moment);
            self.spare = moment.features;
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
            features: std::mem::take(&mut self.spare),
            said: Vec::new(),
            changed: vec![false; settings.len()],
            settings,
            weight: step as f32,
        };
        moment.features.clear();
        moment.features.reserve_exact(moment.settings.len() * WIDTH);
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
        // Where next to nothing changes, next to nothing is to be learnt.
        self.rows.keep(ROWS.min(1_000 + 40 * self.rows.yes()));
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

    /// Grows the trees anew where enough was learnt since.
    pub fn fit(&mut self) {
        if self.rows.yes() >= 400 && self.learnt - self.fitted >= (self.learnt / 8).max(4) {
            self.boost = Boost::fit(&self.rows, RECIPE, u64::from(self.learnt));
            self.fitted = self.learnt;
        }
    }

    /// P(change within seven days of `at`) of every setting alive, by its place in the table.
    #[must_use]
    pub fn all(&self, table: &Table, at: f64) -> Vec<(u32, f64)> {
        let (mut view, mut row) = (View::new(table, at), Vec::with_capacity(WIDTH));
        let alive = table.settings.iter().zip(0..).filter(|(setting, _)| setting.alive);
        alive
            .map(|(setting, place)| (place, self.one(&mut view, setting, &mut row)))
            .collect()
    }

    /// P(change within seven days of `at`) of one setting.
    #[must_use]
    pub fn week(&self, table: &Table, setting: &Setting, at: f64) -> f64 {
        self.one(&mut View::single(table, at), setting, &mut Vec::with_capacity(WIDTH))
    }

    /// P(change within `days` of `at`) of one setting, `week` being that of seven days.
    ///
    /// Besides the rate of the week a setting may be restless: changing at a rate of its own, of which a Gamma(1, 1 day) prior is known.
    /// How likely it is so, its changes of the last seven days tell beyond the first of them (Bayes factor of the two negative binomials).
    #[must_use]
    pub fn within(setting: &Setting, week: f64, at: f64, days: f64) -> f64 {
        let days = days.max(0.0);
        let slow = (-(-week.clamp(0.0, 1.0 - 1e-9)).ln_1p() / WINDOW).max(1e-9);
        let seen = f64::from(setting.rate.read(at)[0]);
        let time = MEMORIES[0] * -(-(at - setting.born).max(0.0) / MEMORIES[0]).exp_m1();
        let more = (seen - 1.0).max(0.0);
        let factor = ln_gamma(more + 1.0) - (more + 1.0) * time.ln_1p() - more * slow.ln() + slow * time;
        let odds = RESTLESS * seen.min(1.0) * factor.clamp(-50.0, 50.0).exp();
        let restless = odds / (1.0 + odds);
        let quiet = (-slow * days).exp();
        let moved = ((time + 1.0) / (time + 1.0 + days)).powf(more + 1.0);
        1.0 - (1.0 - restless) * quiet - restless * moved
    }

    /// P(within `days` of `at` a setting comes where `groups` are, or one of them changes): for a setting that is not there.
    #[must_use]
    pub fn comes(table: &Table, resource: Option<u32>, at: f64, days: f64) -> f64 {
        let prior = FIRST.0;
        let rate = resource.map_or(prior, |resource| {
            let now = Now::of(&table.groups[resource as usize], Sort::Resource, at);
            (now.changes[2] + now.churn[2] + prior * FIRST.1) / (now.exposure + FIRST.1)
        });
        -(-f64::from(rate) * days.max(0.0) / MEMORIES[2]).exp_m1()
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

/// The logarithm of the gamma function, above 0 (Stirling's series after a shift by eight).
pub fn ln_gamma(x: f64) -> f64 {
    let shift: f64 = (0..8).map(|k| (x + f64::from(k)).ln()).sum();
    let x = x + 8.0;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + 1.0 / (12.0 * x) - shift
}
