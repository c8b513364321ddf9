//! Known issues: rules held against what is. A rule is a declaration, or adds to a finding by its severity.

mod glob;
mod object;
mod scene;
mod tell;
mod test;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, ops::Bound::Excluded, sync::Arc};

use serde::{Deserialize, Serialize};

pub use object::{Issue, issues};
pub(super) use scene::{Here, Scene};
pub(super) use tell::Known;

use self::{
    glob::{Bound, filled, fit, stem, whole},
    scene::Example,
    test::{behaves, passes},
};
use crate::{
    domain::{
        About, Change, ChangeSet, Condition, ResourceId, Rule, Rules, SeriesId, Step, Test, Timestamp, Value, What,
    },
    shadow::Shadows,
};

/// Most matches of one rule on one resource.
const MOST: usize = 20;

/// A known issue that a resource has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// The rule's name.
    pub rule: Arc<str>,
    /// Whose it is.
    pub resource: ResourceId,
    /// The settings and metrics it rests on, the telling one first; never empty.
    pub series: Vec<SeriesId>,
    /// What they are, and what is not there: `sysctl.vm.swappiness is 60`; the telling one first.
    pub says: Vec<Arc<str>>,
    /// What puts it right; empty where no setting does.
    pub fix: ChangeSet,
}

/// What a partial match has gathered.
#[derive(Clone, Default)]
struct Gathered {
    bound: Bound,
    /// What was looked at: its name, where it is one setting or metric, and what it is.
    telling: Vec<(Option<Box<str>>, Arc<str>)>,
    /// What only had to be there.
    beside: Vec<(Option<Box<str>>, Arc<str>)>,
}

impl Gathered {
    fn all(&self) -> impl Iterator<Item = &(Option<Box<str>>, Arc<str>)> {
        self.telling.iter().chain(&self.beside)
    }

    fn series(&self) -> impl Iterator<Item = &str> {
        self.all().filter_map(|(name, _)| name.as_deref())
    }
}

/// All matches on all resources at `now`, by resource, then by the order of the rules.
#[must_use]
pub fn matching(rules: &Rules, shadows: &Shadows, now: Timestamp) -> Vec<Match> {
    let mut found = Vec::new();
    for resource in resources(shadows) {
        let scene = Here {
            shadows,
            resource: &resource,
        };
        for rule in &rules.rules {
            found.extend(on(rules, rule, &resource, &scene, now));
        }
    }
    found
}

/// The match of the rule named `id` that rests on `series` (its first) at `now`.
#[must_use]
pub fn found(rules: &Rules, id: &str, series: &[SeriesId], shadows: &Shadows, now: Timestamp) -> Option<Match> {
    let (rule, resource) = (rules.get(id)?, &series.first()?.resource);
    let all = on(rules, rule, resource, &Here { shadows, resource }, now);
    all.into_iter()
        .find(|one| one.series.first().is_some_and(|head| series.contains(head)))
}

/// Whether a rule matches an example of its own kind; `None` when the example is none.
#[must_use]
pub fn tried(rules: &Rules, rule: &Rule, example: &crate::domain::Tree) -> Option<bool> {
    if rule.about != About::Resource {
        return Some(object::of_example(rule, example));
    }
    let now = Timestamp::from_secs(1_700_000_000);
    let resource = ResourceId::new("host", "example");
    let scene = Example::of(example, now)?;
    Some(!on(rules, rule, &resource, &scene, now).is_empty())
}

/// Every resource that has settings or metrics.
pub(super) fn resources(shadows: &Shadows) -> BTreeSet<ResourceId> {
    let mut all = BTreeSet::new();
    // No name begins with the last character there is, so each step leaves a resource behind.
    let past = |resource: &ResourceId| SeriesId::new(resource, "\u{10ffff}");
    let mut next = shadows.settings.all().keys().next();
    while let Some(id) = next {
        all.insert(id.resource.clone());
        let rest = (Excluded(past(&id.resource)), std::ops::Bound::Unbounded);
        next = shadows.settings.all().range(rest).next().map(|(id, _)| id);
    }
    let mut next = shadows.metrics.keys().next();
    while let Some(id) = next {
        all.insert(id.resource.clone());
        let rest = (Excluded(past(&id.resource)), std::ops::Bound::Unbounded);
        next = shadows.metrics.range(rest).next().map(|(id, _)| id);
    }
    all
}

fn on(rules: &Rules, rule: &Rule, resource: &ResourceId, scene: &dyn Scene, now: Timestamp) -> Vec<Match> {
    if rule.about != About::Resource {
        return Vec::new();
    }
    let mut found = Vec::new();
    gather(rules, &rule.when, scene, now, Gathered::default(), &mut found);
    // What runs is asked last: most rules fail by their conditions, which name single settings.
    if found.is_empty() || !rule.runs.iter().all(|name| is_so(rules, name, scene, now)) {
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    found.retain(|one| {
        let series: Vec<Box<str>> = one.series().map(Into::into).collect();
        !series.is_empty() && seen.insert(series)
    });
    let told = |gathered: Gathered| Match {
        rule: rule.id.clone(),
        resource: resource.clone(),
        fix: fix(rule, resource, scene, &gathered.bound),
        series: gathered.series().map(|name| SeriesId::new(resource, name)).collect(),
        says: gathered.all().map(|(_, says)| says.clone()).collect(),
    };
    found.into_iter().map(told).collect()
}

/// Whether a fact holds. Facts rest only on those before them, so this ends.
fn is_so(rules: &Rules, name: &str, scene: &dyn Scene, now: Timestamp) -> bool {
    let fact = rules.facts.iter().find(|fact| *fact.name == *name);
    fact.is_some_and(|fact| {
        fact.any.iter().any(|condition| {
            let mut found = Vec::new();
            gather(
                rules,
                std::slice::from_ref(condition),
                scene,
                now,
                Gathered::default(),
                &mut found,
            );
            !found.is_empty()
        })
    })
}

/// Every way in which all of `when` hold, as far as [`MOST`].
fn gather(
    rules: &Rules,
    when: &[Condition],
    scene: &dyn Scene,
    now: Timestamp,
    so_far: Gathered,
    found: &mut Vec<Gathered>,
) {
    let Some((condition, rest)) = when.split_first() else {
        found.push(so_far);
        return;
    };
    if found.len() >= MOST {
        return;
    }
    let with = |bound: Bound, name: Option<&str>, says: String| {
        let mut next = so_far.clone();
        next.bound = bound;
        let part = if condition.tests.is_empty() {
            &mut next.beside
        } else {
            &mut next.telling
        };
        part.push((name.map(Into::into), super::report::line(says)));
        next
    };
    match &condition.what {
        What::Fact(name) => {
            let wanted = !condition.tests.contains(&Test::Absent(true));
            if is_so(rules, name, scene, now) == wanted {
                gather(rules, rest, scene, now, so_far, found);
            }
        }
        What::Setting(pattern) => {
            let pattern = filled(pattern, &so_far.bound);
            if whole(&pattern) {
                let value = scene.setting(&pattern);
                if passes(condition, value, scene, &so_far.bound) {
                    let says = said(&pattern, value, condition);
                    gather(
                        rules,
                        rest,
                        scene,
                        now,
                        with(so_far.bound.clone(), Some(&pattern), says),
                        found,
                    );
                }
                return;
            }
            let mut any = false;
            for (name, value) in scene.settings(stem(&pattern)) {
                let Some(bound) = meant(condition, &pattern, name, &so_far.bound) else {
                    continue;
                };
                any = true;
                if passes(condition, Some(value), scene, &bound) {
                    let says = said(name, Some(value), condition);
                    gather(rules, rest, scene, now, with(bound, Some(name), says), found);
                }
            }
            if !any && passes(condition, None, scene, &so_far.bound) {
                let says = said(&pattern, None, condition);
                gather(rules, rest, scene, now, with(so_far.bound.clone(), None, says), found);
            }
        }
        What::Metric(pattern) => {
            let pattern = filled(pattern, &so_far.bound);
            for name in scene.metrics(stem(&pattern)) {
                let (Some(bound), Some(minutes)) =
                    (meant(condition, &pattern, name, &so_far.bound), scene.minutes(name))
                else {
                    continue;
                };
                if behaves(condition, minutes, now, scene, &bound) {
                    let last = minutes.back().map_or(0.0, |minute| minute.last);
                    let says = format!("{name} is {}", (last * 1e3).round() / 1e3);
                    gather(rules, rest, scene, now, with(bound, Some(name), says), found);
                }
            }
        }
        // Fields are of objects.
        What::Field(_) => {}
    }
}

/// What `name` binds in the condition's pattern; `None` where it does not fit or is an exception.
fn meant(condition: &Condition, pattern: &str, name: &str, bound: &Bound) -> Option<Bound> {
    let bound = fit(pattern, name, bound)?;
    let not = |except: &Arc<str>| fit(except, name, &bound).is_some();
    (!condition.except.iter().any(not)).then_some(bound)
}

fn said(name: &str, value: Option<&Value>, condition: &Condition) -> String {
    match (value, &condition.default) {
        (Some(value), _) => format!("{name} is {}", super::report::value(Some(value))),
        (None, Some(default)) => format!("{name} is not set, which means {default}"),
        (None, None) => format!("{name} is not set"),
    }
}

fn fix(rule: &Rule, resource: &ResourceId, scene: &dyn Scene, bound: &Bound) -> ChangeSet {
    let step = |(name, to): &(Arc<str>, Value)| {
        let name = filled(name, bound);
        let from = scene.setting(&name).cloned();
        let already = from.as_ref().is_some_and(|from| !from.differs(to));
        (whole(&name) && !already).then(|| Step {
            change: Change::Setting {
                id: SeriesId::new(resource, &name),
                from,
                to: Some(to.clone()),
            },
            at: None,
            on: true,
        })
    };
    ChangeSet {
        steps: rule.fix.iter().filter_map(step).collect(),
    }
}
