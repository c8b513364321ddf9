//! The values a setting may take next.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    bumps::Dotted,
    clues::{Candidate, Clue, Pool},
    edit::{Class, Op},
    records::{Setting, Sort},
    splice::{difference, index, replaced},
    table::Table,
};

/// Most pairs of values, and most names of versions, that are remembered.
const PILE: usize = 200_000;

/// What was learnt of values besides what the table knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Pieces {
    /// Pieces replaced by others in this commit, oldest first.
    commit: Vec<(String, String)>,
    /// Those of the commits before, oldest first.
    lately: Vec<(String, String)>,
    number: u64,
    /// Which value came to a template when another came to the setting before it, in one commit.
    #[serde(with = "super::pairs")]
    companions: HashMap<(u32, u32), u32>,
    /// By name before the version the newest value.
    #[serde(with = "super::pairs")]
    newest: HashMap<String, String>,
    /// Counts of parts risen, by number of parts, fading.
    rises: [[f32; 6]; 7],
    /// Shifts of sequences seen in this commit.
    shifts: Vec<i64>,
}

impl Pieces {
    /// Forgets the commit before where a new one runs.
    fn turn(&mut self, table: &Table) {
        if self.number != table.commit.number {
            self.number = table.commit.number;
            self.lately.append(&mut self.commit);
            let gone = self.lately.len().saturating_sub(12);
            self.lately.drain(..gone);
            self.shifts.clear();
        }
    }

    /// The values `number` may take at `at`, with what speaks for each; `stands` are those that it should have by what it stands with, as
    /// names, and how likely so.
    #[must_use]
    pub fn candidates(&self, table: &Table, number: u32, at: f64, stands: &[(u32, f32)]) -> Vec<Candidate> {
        let setting = &table.settings[number as usize];
        let name = |value: u32| table.names.text(value);
        let current = name(setting.bare);
        let mut pool = Pool::new(current);
        let fresh = |then: f64, days: f64| (-(at - then).max(0.0) / days).exp() as f32;
        let running = table.commit.at == at && self.number == table.commit.number;
        if running {
            self.look_at_commit(table, setting, &mut pool);
        }
        for (value, odds) in stands {
            pool.clue(name(*value), Clue::Belongs, *odds);
        }
        for (k, (from, to)) in self.lately.iter().rev().enumerate() {
            if let Some(value) = replaced(current, from, to) {
                pool.clue(&value, Clue::ReplacedLately, 1.0 / (1.0 + k as f32 * 0.2));
            }
        }
        // The setting's own past.
        for (k, (value, left)) in setting.history.iter().rev().enumerate() {
            let value_text = name(*value);
            if k == 0 {
                pool.clue(value_text, Clue::Back, 1.0);
                pool.clue(value_text, Clue::BackSoon, fresh(*left, 2.0));
                pool.clue(value_text, Clue::BackHabit, setting.undone.1 / (setting.undone.0 + 2.0));
            } else {
                pool.clue(value_text, Clue::Older, 1.0);
            }
            let count = setting.history.iter().filter(|(other, _)| other == value).count();
            if count > 1 {
                pool.clue(value_text, Clue::OlderCount, count as f32 / 4.0);
            }
            if *value == setting.bare && k > 0 {
                let next = setting.history[setting.history.len() - k].0;
                pool.clue(name(next), Clue::Follows, 1.0);
            }
        }
        // Where others went from here.
        if let Some(holders) = table.holders(setting.bare) {
            let all: f32 = holders.to.iter().map(|(_, count, _)| count).sum();
            for (value, count, last) in &holders.to {
                let value = name(*value);
                pool.clue(value, Clue::Transition, 1.0);
                pool.clue(value, Clue::TransitionShare, count / all.max(1.0));
                pool.clue(value, Clue::TransitionRecent, fresh(*last, 7.0));
            }
        }
        let peers = [
            (Sort::Path, Clue::PathHeld, Clue::PathMoved, Some(Clue::PathMovedRecent)),
            (
                Sort::Template,
                Clue::TemplateHeld,
                Clue::TemplateMoved,
                Some(Clue::TemplateMovedRecent),
            ),
            (Sort::Leaf, Clue::LeafHeld, Clue::LeafMoved, None),
        ];
        for (sort, held, moved, recent) in peers {
            let group = table.group(setting, sort);
            for (value, count) in &group.held {
                pool.clue(name(*value), held, *count as f32 / group.alive.max(1) as f32);
            }
            let moves = &group.past().moves;
            for (_, to, when) in moves {
                let share = moves.iter().filter(|(_, other, _)| other == to).count() as f32;
                pool.clue(name(*to), moved, share / 8.0);
                if let Some(recent) = recent {
                    pool.clue(name(*to), recent, fresh(*when, 3.0));
                }
            }
        }
        self.bumps(table, setting, current, &mut pool);
        if let (Class::Number, Ok(value)) = (setting.class, current.parse::<f64>()) {
            for (factor, strength) in [(2.0, 1.0), (0.5, 1.0), (10.0, 0.5), (0.1, 0.5)] {
                pool.clue(&number_text(value * factor), Clue::Round, strength);
            }
        }
        let other = |pair: &[&'static str; 2]| match pair.iter().position(|word| *word == current)? {
            0 => Some(pair[1]),
            _ => Some(pair[0]),
        };
        if let Some(other) = [["true", "false"], ["yes", "no"], ["on", "off"]].iter().find_map(other) {
            pool.clue(other, Clue::Flip, 1.0);
        }
        for candidate in &mut pool.list {
            let known = table.names.known(&candidate.value);
            if known
                .and_then(|value| table.holders(value))
                .is_some_and(|holders| holders.count > 0)
            {
                candidate.features[Clue::Held as usize] = 1.0;
            }
        }
        pool.list
    }

    /// What the commit so far speaks for.
    fn look_at_commit(&self, table: &Table, setting: &Setting, pool: &mut Pool) {
        let current = pool.current.clone();
        let name = |value: u32| table.names.text(value);
        let edits = &table.commit.edits;
        let mapped: Vec<u32> = edits
            .iter()
            .filter(|done| done.op == Op::Change && done.from == Some(setting.bare))
            .filter_map(|done| done.to)
            .collect();
        if let Some(newest) = mapped.last() {
            pool.clue(name(*newest), Clue::Mapped, 1.0);
        }
        for value in &mapped {
            let count = mapped.iter().filter(|other| *other == value).count();
            pool.clue(name(*value), Clue::MappedShare, count as f32 / mapped.len() as f32);
        }
        for (k, (from, to)) in self.commit.iter().rev().enumerate() {
            if let Some(value) = replaced(&current, from, to) {
                let clue = if k == 0 { Clue::Replaced } else { Clue::ReplacedOther };
                pool.clue(&value, clue, 1.0 / (1.0 + k as f32 * 0.1));
            }
        }
        let group = |other: &Setting, sort: Sort| other.groups[sort as usize] == setting.groups[sort as usize];
        let mut targets: [Vec<u32>; 2] = [Vec::new(), Vec::new()];
        for done in edits.iter().rev().take(100) {
            let other = &table.settings[done.setting as usize];
            if let (Op::Change | Op::Add, Some(to)) = (done.op, done.to)
                && other.class == setting.class
            {
                if group(other, Sort::Template) {
                    targets[0].push(to);
                }
                if group(other, Sort::Leaf) {
                    targets[1].push(to);
                }
            }
            if let (Op::Change | Op::Remove, Some(from)) = (done.op, done.from)
                && other.class == setting.class
                && group(other, Sort::Resource)
            {
                pool.clue(name(from), Clue::Swapped, 1.0);
                if group(other, Sort::Section) {
                    pool.clue(name(from), Clue::SwappedSection, 1.0);
                }
            }
        }
        if let Some(newest) = targets[1].first() {
            pool.clue(name(*newest), Clue::LeafNewest, 1.0);
        }
        for (targets, clue) in targets.iter().zip([Clue::TemplateTarget, Clue::LeafTarget]) {
            for value in targets {
                let count = targets.iter().filter(|other| *other == value).count() as f32;
                pool.clue(name(*value), clue, count / targets.len() as f32);
            }
        }
        if let Some((last, to)) = edits.last().and_then(|last| Some((last, last.to?))) {
            if table.settings[last.setting as usize].class == setting.class {
                pool.clue(name(to), Clue::PreviousTarget, 1.0);
            }
            let template = setting.groups[Sort::Template as usize];
            if let Some(value) = self.companions.get(&(template, to)) {
                pool.clue(name(*value), Clue::Companion, 1.0);
            }
        }
        if let Some((before, number, after)) = index(name(setting.path)) {
            for shift in [1, -1, 2, -2, 3, -3].into_iter().chain(self.shifts.iter().copied()) {
                let path = format!("{before}{}{after}", number.saturating_add(shift));
                let Some(other) = table.neighbour(setting, &path) else {
                    continue;
                };
                // A place that was changed or taken away by this very commit counts as it was before.
                let done = edits.iter().rev().find(|done| {
                    table.settings[done.setting as usize].path == other.path
                        && group(&table.settings[done.setting as usize], Sort::Resource)
                });
                let value = match done {
                    Some(done) => done.from,
                    None => other.alive.then_some(other.bare),
                };
                let Some(value) = value else { continue };
                let clue = match shift {
                    1 => Clue::After,
                    -1 => Clue::Before,
                    _ => Clue::FarShift,
                };
                pool.clue(name(value), clue, 1.0);
                if let Some(place) = self.shifts.iter().rev().position(|seen| *seen == shift) {
                    pool.clue(name(value), Clue::ShiftSeen, 1.0 / (1.0 + place as f32));
                }
            }
        }
    }

    fn bumps(&self, table: &Table, setting: &Setting, current: &str, pool: &mut Pool) {
        let Some(dotted) = Dotted::of(current) else { return };
        let parts = dotted.parts.len();
        if setting.class != Class::Version && parts > 4 {
            return;
        }
        let name = |value: u32| table.names.text(value);
        // What rose in this setting, newest last, and in its peers.
        let mut own: Vec<(usize, i64, bool)> = Vec::new();
        let path = setting.history.iter().map(|(value, _)| *value).chain([setting.bare]);
        let path: Vec<u32> = path.collect();
        for pair in path.windows(2) {
            own.extend(rise(name(pair[0]), name(pair[1]), parts));
        }
        let moves = &table.group(setting, Sort::Template).past().moves;
        let peers: Vec<(usize, i64, bool)> = moves
            .iter()
            .filter_map(|(from, to, _)| rise_any(name(*from), name(*to), parts))
            .collect();
        let all: f32 = self.rises[parts].iter().sum::<f32>() + 1.0;
        for place in 0..parts {
            let mut steps = vec![1];
            for (at, step, _) in own.iter().rev() {
                if *at == place && !steps.contains(step) && *step > 0 && steps.len() < 4 {
                    steps.push(*step);
                }
            }
            if steps.len() < 3 && parts >= 3 {
                steps.push(2);
                if place + 1 == parts {
                    steps.push(3);
                }
                steps.sort_unstable();
                steps.dedup();
            }
            let weight = |k: usize| 0.8_f32.powi(k as i32);
            let total: f32 = (0..own.len()).map(weight).sum::<f32>() + 1.0;
            let own_share: f32 = own
                .iter()
                .rev()
                .enumerate()
                .filter(|(_, (at, ..))| *at == place)
                .map(|(k, _)| weight(k))
                .sum::<f32>()
                / total;
            let peer_share = peers.iter().filter(|(at, ..)| *at == place).count() as f32 / (peers.len() as f32 + 1.0);
            let at_place = own.iter().filter(|(at, ..)| *at == place).count() as f32 + 1.0;
            for step in steps {
                let Some(value) = dotted.bump(place, step) else {
                    continue;
                };
                let mine = own.iter().filter(|(at, own, _)| *at == place && *own == step).count() as f32;
                let one: f32 = if step == 1 { 1.0 } else { 0.0 };
                pool.clue(&value, Clue::Bump, if step == 1 { 1.0 } else { 0.5 / step as f32 });
                pool.clue(
                    &value,
                    Clue::BumpOwn,
                    own_share * (0.3 + 0.7 * one.max(mine / at_place)),
                );
                pool.clue(&value, Clue::BumpOwnStep, (mine + one) / (at_place + 1.0));
                pool.clue(
                    &value,
                    Clue::BumpTemplate,
                    if step == 1 { peer_share } else { peer_share * 0.3 },
                );
                pool.clue(
                    &value,
                    Clue::BumpAll,
                    if step == 1 { self.rises[parts][place] / all } else { 0.0 },
                );
                if place == 0 {
                    pool.clue(&value, Clue::BumpFirst, 1.0);
                }
                if place + 1 == parts {
                    pool.clue(&value, Clue::BumpLast, 1.0);
                }
            }
        }
        if let Some(newest) = self.newest.get(dotted.head).filter(|_| dotted.head.len() > 2) {
            pool.clue(newest, Clue::Adopted, 1.0);
        }
    }

    /// Learns from a change as the table has taken it.
    pub fn observe(&mut self, table: &Table, number: u32, from: u32, to: u32) {
        self.turn(table);
        let setting = &table.settings[number as usize];
        let (old, new) = (table.names.text(from), table.names.text(to));
        if matches!(setting.class, Class::String | Class::Version | Class::Number)
            && let Some((a, b)) = difference(old, new)
            && !self.commit.iter().any(|(from, to)| from == a && to == b)
            && self.commit.len() < 40
        {
            self.commit.push((a.to_owned(), b.to_owned()));
        }
        if let (Some(a), Some(b)) = (Dotted::of(old), Dotted::of(new))
            && let Some((place, step, _)) = a.step(&b)
            && step > 0
        {
            let rises = &mut self.rises[a.parts.len()];
            *rises = rises.map(|count| count * 0.998);
            rises[place] += 1.0;
        }
        if setting.class == Class::Version
            && let Some(dotted) = Dotted::of(new)
            && dotted.head.len() > 2
        {
            self.newest.insert(dotted.head.to_owned(), new.to_owned());
        }
        let edits = &table.commit.edits;
        if edits.len() >= 2 {
            let last = edits[edits.len() - 2];
            if let Some(with) = last.to {
                self.companions
                    .insert((setting.groups[Sort::Template as usize], with), to);
            }
        }
        // What a stream without end would pile up is begun anew.
        if self.companions.len() > PILE {
            self.companions.clear();
        }
        if self.newest.len() > PILE {
            self.newest.clear();
        }
        if let Some((before, at, after)) = index(table.names.text(setting.path)) {
            for shift in [1_i64, -1, 2, -2, 3, -3] {
                let path = format!("{before}{}{after}", at.saturating_add(shift));
                let Some(other) = table.neighbour(setting, &path) else {
                    continue;
                };
                let done = edits.iter().rev().find(|done| {
                    let done = &table.settings[done.setting as usize];
                    done.path == other.path
                        && done.groups[Sort::Resource as usize] == setting.groups[Sort::Resource as usize]
                });
                let was = match done {
                    Some(done) => done.from,
                    None => other.alive.then_some(other.bare),
                };
                if was == Some(to) {
                    self.shifts.retain(|seen| *seen != shift);
                    self.shifts.push(shift);
                    break;
                }
            }
        }
    }
}

/// How `to` rose from `from`, if both have `parts` numbers and the same name.
fn rise(from: &str, to: &str, parts: usize) -> Option<(usize, i64, bool)> {
    rise_any(from, to, parts).filter(|(_, step, _)| *step > 0)
}

fn rise_any(from: &str, to: &str, parts: usize) -> Option<(usize, i64, bool)> {
    let (from, to) = (Dotted::of(from)?, Dotted::of(to)?);
    (from.parts.len() == parts).then(|| from.step(&to)).flatten()
}

/// A number as text: whole where it is whole.
#[must_use]
pub fn number_text(value: f64) -> String {
    format!("{value}")
}
