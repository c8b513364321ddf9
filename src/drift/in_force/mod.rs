//! Declarations that are not in force: a file says what something should be, that can be read, and it is something else.
//!
//! A kind of declaration is one function that holds the lines of its files against what they are about; all else is here.

mod mount;
mod sysctl;
#[cfg(test)]
mod tests;
mod unit;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    group::stable_hash,
    muted, report,
    rule::{Here, resources},
    score,
};
use crate::{
    domain::{
        Comparison, Finding, FindingId, Options, ResourceId, Seen, SeriesId, Span, Subject, Timestamp, Value, matches,
    },
    shadow::Shadows,
};

/// What names such a finding as known issues are named; `rule.not-in-force` mutes all of them.
const NAME: &str = "not-in-force";
/// Who writes a file loads it a little later, and who sets a value writes it down a little later.
const SETTLES: Span = Span::from_mins(1);
/// What did not change is looked at this often: what changed has settled meanwhile.
const EVERY: Span = Span::from_secs(30);
/// Lines of one finding that are written out.
const SHOWN: usize = 5;

/// A declaration that is not in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmet {
    /// The setting that declares it.
    pub by: SeriesId,
    /// What it declares.
    pub of: SeriesId,
    /// What that should be.
    pub declared: Value,
    /// What it is; `None` where it is not there.
    pub actual: Option<Value>,
    /// What it is about, what is declared, and what is: `net.core.somaxconn`, `99-x.conf says 4096`, `the kernel has 128`.
    says: [String; 3],
}

impl Unmet {
    /// `net.core.somaxconn: 99-x.conf says 4096, the kernel has 128`.
    fn line(&self) -> String {
        let [what, declared, actual] = &self.says;
        format!("{what}: {declared}, {actual}")
    }

    /// What is told as one: the lines of a file of parameters are loaded together, mounts and units are each their own.
    fn matter(&self) -> (&ResourceId, String) {
        let thing = match Subject::of(&self.of.name) {
            Subject::Sysctl(_) => Subject::of(&self.by.name).thing(),
            other => other.thing(),
        };
        (&self.by.resource, thing)
    }
}

/// Declarations that are not in force, and have not been for as long as it takes to load them.
fn unmet(shadows: &Shadows, now: Timestamp) -> Vec<Unmet> {
    let mut found = Vec::new();
    for resource in &resources(shadows) {
        let here = Here { shadows, resource };
        found.extend(sysctl::unmet(&here));
        found.extend(mount::unmet(&here));
        found.extend(unit::unmet(&here, now));
    }
    found.retain(|one| settled(one, shadows, now));
    found
}

/// When it last changed, as far as was watched.
fn changed(id: &SeriesId, shadows: &Shadows) -> Option<Timestamp> {
    let changes = || shadows.settings.changes().iter().rev();
    match shadows.settings.get(id) {
        Some(state) => state.last_change.as_ref().map(|change| change.at),
        None => changes().find(|change| change.id == *id).map(|change| change.at),
    }
}

/// Whether both sides stood for a while, and what is was read after that.
fn settled(one: &Unmet, shadows: &Shadows, now: Timestamp) -> bool {
    let newest = [&one.by, &one.of]
        .into_iter()
        .filter_map(|id| changed(id, shadows))
        .max();
    newest.is_none_or(|at| {
        let read = shadows.settings.read_at(&one.of);
        now - at >= SETTLES && read.is_some_and(|read| read - at >= SETTLES)
    })
}

/// The declarations that were not in force at the last look, but for those that are muted.
#[derive(Clone, Debug, Default)]
pub(super) struct InForce {
    found: Vec<Unmet>,
    /// Grows by one when what was found is another than at the look before.
    pub version: u64,
    /// The settings' generation and the time of the last look, and what was muted then.
    looked: Option<(u64, Timestamp, Vec<Arc<str>>)>,
}

impl InForce {
    /// What the findings of the last look tell of.
    pub fn found(&self) -> &[Unmet] {
        &self.found
    }

    fn look(&mut self, shadows: &Shadows, options: &Options, now: Timestamp) {
        let generation = shadows.settings.generation();
        let fresh = self.looked.as_ref().is_some_and(|(of, at, mutes)| {
            *of == generation && now >= *at && now - *at < EVERY && *mutes == options.mute
        });
        if fresh {
            return;
        }
        self.looked = Some((generation, now, options.mute.clone()));
        let named = format!("rule.{NAME}");
        let mut found = match options.mute.iter().any(|pattern| matches(pattern, &named)) {
            true => Vec::new(),
            false => unmet(shadows, now),
        };
        found.retain(|one| !muted(&one.of, options) && !muted(&one.by, options));
        if found != self.found {
            self.found = found;
            self.version += 1;
        }
    }

    /// Tells of every declaration that is not in force: by the finding that tells of its settings already, else by one of its own.
    pub fn tell(&mut self, findings: &mut Vec<Finding>, shadows: &Shadows, options: &Options, now: Timestamp) {
        self.look(shadows, options, now);
        let mut matters: BTreeMap<(&ResourceId, String), Vec<&Unmet>> = BTreeMap::new();
        for one in &self.found {
            matters.entry(one.matter()).or_default().push(one);
        }
        for ((resource, thing), all) in matters {
            let about = |finding: &&mut Finding| {
                finding.comparison == Comparison::DeclaredActual
                    && all
                        .iter()
                        .any(|one| finding.series.contains(&one.by) || finding.series.contains(&one.of))
            };
            match findings.iter_mut().find(about) {
                Some(finding) => join(finding, &all, options),
                None => {
                    let id = stable_hash(&[resource.as_str().as_bytes(), NAME.as_bytes(), thing.as_bytes()]);
                    findings.push(finding(FindingId(id), &all, shadows, options, now));
                }
            }
        }
    }
}

/// One line for all of them.
fn summary(all: &[&Unmet]) -> String {
    match all.len() {
        1 => all[0].line(),
        more => format!("{} (and {} more)", all[0].line(), more - 1),
    }
}

fn evidence(all: &[&Unmet]) -> Vec<Arc<str>> {
    let more = all.len().saturating_sub(SHOWN);
    let lines = all.iter().take(SHOWN).map(|one| one.line());
    let rest = (more > 0).then(|| format!("and {more} more"));
    lines.chain(rest).map(report::line).collect()
}

/// Says in a finding of what changed that it is not as declared: what was set is lost at the next start, what was written is not in force.
fn join(finding: &mut Finding, all: &[&Unmet], options: &Options) {
    let was = &finding.summary;
    finding.summary = match all.iter().find(|one| finding.series.contains(&one.of)) {
        Some(set) => report::line(format!("{was}, until the next start: {}", set.says[1])),
        None => report::line(format!("{} ({was})", summary(all))),
    };
    finding.evidence.extend(evidence(all));
    finding.score += options.drift.moderate;
    finding.level = finding.level.max(score::level(finding.score, &options.drift));
    finding.severity = finding.severity.max(score::severity(finding.mark, finding.level));
}

fn finding(id: FindingId, all: &[&Unmet], shadows: &Shadows, options: &Options, now: Timestamp) -> Finding {
    let head = all[0];
    let series: Vec<SeriesId> = (all.iter().map(|one| &one.of))
        .chain(all.iter().map(|one| &one.by))
        .cloned()
        .collect();
    let began = |id: &SeriesId| {
        let first = shadows.settings.get(id).map(|state| state.since);
        changed(id, shadows).or(first)
    };
    let since = series.iter().filter_map(began).max().map_or(now, |at| at.min(now));
    let seen = Seen::Setting {
        now: head.actual.clone(),
        expected: Some(head.declared.clone()),
    };
    Finding {
        rule: Some(NAME.into()),
        summary: report::line(summary(all)),
        evidence: evidence(all),
        ..report::standing(id, series, seen, since, options.drift.moderate, options, now)
    }
}
