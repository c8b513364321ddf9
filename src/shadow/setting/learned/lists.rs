//! Which way a list will go: grow, shrink or both.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    boost::{Boost, Recipe, Rows, chance, logit},
    edit::{Class, Op},
    logistic::Logistic,
    records::{Setting, Sort},
    table::Table,
};

/// Features of a list.
const WIDTH: usize = 46;
/// Most rows learnt from.
const ROWS: usize = 6_000;
const RECIPE: Recipe = Recipe {
    trees: 60,
    depth: 3,
    rate: 0.08,
    ridge: 4.0,
    least: 1.2,
    features: 0.5,
    rows: 0.7,
};

/// Penalty of the regression.
const RIDGE: f64 = 60.0;

/// P(a list that changes now grows, shrinks, or does both): for each the mean of boosted trees and a logistic regression over the record of the list, its groups and
/// the commit so far, fitted to the list changes seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lists {
    ways: [Way; 3],
    seen: u64,
    fitted: u64,
    row: Vec<f32>,
    /// The newest ways lists went.
    newest: VecDeque<u8>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Way {
    rows: Rows,
    boost: Option<Boost>,
    logistic: Option<Logistic>,
}

fn log(value: f32) -> f32 {
    (1.0 + value.max(0.0)).ln()
}

/// Counts as shares, drawn to `prior`.
fn shares(counts: [f32; 3], prior: [f32; 3], strength: f32) -> [f32; 3] {
    let total: f32 = counts.iter().sum::<f32>() + strength;
    [0, 1, 2].map(|way| (counts[way] + prior[way] * strength) / total)
}

impl Lists {
    fn features(
        table: &Table,
        setting: &Setting,
        at: f64,
        newest: &VecDeque<u8>,
        out: &mut Vec<f32>,
    ) -> ([f32; 3], [f32; 3]) {
        let all = shares(table.ways, [0.4, 0.3, 0.3], 3.0);
        let of = |sort: Sort, prior: [f32; 3]| shares(table.group(setting, sort).past().ways, prior, 3.0);
        let leaf = of(Sort::Leaf, all);
        let path = of(Sort::Template, leaf);
        let folder = of(Sort::Folder, all);
        let resource = of(Sort::Resource, folder);
        let section = of(Sort::Section, resource);
        let mean = [0, 1, 2].map(|way| (path[way] * section[way]).sqrt());
        let own = shares(setting.ways, mean, 2.0);
        let commit = &table.commit;
        let running = commit.at == at;
        let number = |count: u32| if running { log(count as f32) } else { -1.0 };
        for shares in [own, leaf, path, folder, resource, section, all] {
            out.extend([shares[0], shares[1]]);
        }
        // What the commit did so far to lists, and to files that a list may name.
        let mut so_far = [0.0_f32; 3];
        let (mut came, mut went) = (0.0_f32, 0.0_f32);
        let mut alike = [0.0_f32; 3];
        if running {
            for done in &commit.edits {
                let other = &table.settings[done.setting as usize];
                let near = other.groups[Sort::Folder as usize] == setting.groups[Sort::Folder as usize];
                match done.op {
                    Op::Add if near => came += 1.0,
                    Op::Remove if near => went += 1.0,
                    Op::Change if other.class == Class::List => {
                        if let Some(way) = other.last_way {
                            so_far[way as usize] += 1.0;
                            if other.groups[Sort::Leaf as usize] == setting.groups[Sort::Leaf as usize] {
                                alike[way as usize] += 1.0;
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        out.extend(so_far.map(log));
        out.extend(alike.map(log));
        out.extend([log(came), log(went)]);
        let counts = commit.counts.map(number);
        out.extend(counts);
        out.extend(commit.members.map(number));
        let author = table.author(commit.by);
        let recent: [f32; 3] = [0, 1, 2]
            .map(|way| newest.iter().filter(|newest| **newest == way).count() as f32 / (newest.len() as f32 + 1.0));
        out.extend(recent);
        out.extend([
            log(setting.length as f32),
            setting.last_way.map_or(-1.0, f32::from),
            ((at - setting.touched).max(0.0) as f32 + 1e-3).ln(),
            ((at - setting.born).max(0.0) as f32 + 1e-3).ln(),
            log(setting.changes as f32),
            log(setting.rate.read(at)[0]),
            author.map_or(0.0, |author| log(author.commits.read(at)[0])),
            log(table.group(setting, Sort::Resource).past().churn.read(at)[0]),
            log(table.group(setting, Sort::Folder).past().churn.read(at)[0]),
            log(table.group(setting, Sort::Leaf).alive as f32),
            log(table.group(setting, Sort::Resource).alive as f32),
            setting.history.len() as f32,
            if running { 1.0 } else { 0.0 },
            (commit.at - commit.before).max(0.0) as f32,
            log(table.holders(setting.bare).map_or(0.0, |holders| holders.count as f32)),
            table
                .holders(setting.bare)
                .and_then(|holders| holders.left_at)
                .map_or(8.0, |left| ((at - left).max(0.0) as f32 + 1e-3).ln()),
        ]);
        assert_eq!(out.len(), WIDTH);
        (own, all)
    }

    /// P(grow), P(shrink), P(both) of the list `number`, if it changes at `at`.
    #[must_use]
    pub fn ways(&self, table: &Table, number: u32, at: f64) -> [f64; 3] {
        let mut row = Vec::with_capacity(WIDTH);
        let (own, all) = Self::features(table, &table.settings[number as usize], at, &self.newest, &mut row);
        let odds = [0, 1, 2].map(|way| match (&self.ways[way].boost, &self.ways[way].logistic) {
            (Some(boost), Some(logistic)) => {
                let trees = chance(logit(all[way]) + boost.correction(&row));
                0.5 * (trees + logistic.chance(&row))
            }
            _ => f64::from(own[way]),
        });
        let total: f64 = odds.iter().sum();
        odds.map(|odds| (odds / total.max(1e-9)).clamp(0.0, 1.0))
    }

    /// Fits anew where enough was learnt since.
    pub fn fit(&mut self) {
        if self.seen >= 60 && self.seen - self.fitted >= (self.seen / 15).clamp(20, 200) {
            self.fitted = self.seen;
            for way in &mut self.ways {
                way.boost = Some(Boost::fit(&way.rows, RECIPE, self.seen));
                way.logistic = Some(Logistic::fit(&way.rows, RIDGE));
            }
        }
    }

    /// Learns the way (0 grow, 1 shrink, 2 both) that a list goes, before the table takes it.
    pub fn learn(&mut self, table: &Table, number: u32, at: f64, way: usize) {
        self.row.clear();
        let (_, all) = Self::features(table, &table.settings[number as usize], at, &self.newest, &mut self.row);
        for (k, one) in self.ways.iter_mut().enumerate() {
            one.rows.push(&self.row, logit(all[k]), k == way, 1.0);
            if one.rows.len() > ROWS + ROWS / 8 {
                one.rows.keep(ROWS);
            }
        }
        self.seen += 1;
        if self.newest.len() == 12 {
            self.newest.pop_front();
        }
        self.newest.push_back(way as u8);
    }
}
