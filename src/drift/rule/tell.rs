//! Known issues as findings: their own, or what they add to those that are told already.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Match, matching};
use crate::{
    domain::{
        Change, DriftOptions, Finding, FindingId, Level, Mark, Options, Rule, Seen, SeriesId, Span, Timestamp, Value,
        matches,
    },
    drift::{group::stable_hash, muted, report, score},
    shadow::Shadows,
};

/// What depends on metrics is looked at this often; what depends on settings when one changed.
const EVERY: Span = Span::from_mins(1);

/// The known issues there are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::drift) struct Known {
    /// Since when each holds.
    began: BTreeMap<FindingId, Timestamp>,
    #[serde(skip)]
    found: Vec<Match>,
    /// The settings' generation and the time of the last look.
    #[serde(skip)]
    looked: Option<(u64, Timestamp)>,
}

/// How much a level adds to a drift score: LOW half of what is MODERATE, the others their own threshold.
fn points(level: Level, options: &DriftOptions) -> f64 {
    match level {
        Level::Low => options.moderate / 2.0,
        Level::Moderate => options.moderate,
        Level::High => options.high,
    }
}

impl Known {
    /// Adds every known issue to the findings: to the score of the one that tells of its setting or metric already, else as one of
    /// its own. Notes and what is muted are left out.
    pub fn tell(&mut self, findings: &mut Vec<Finding>, shadows: &Shadows, options: &Options, now: Timestamp) {
        if options.rules.rules.is_empty() {
            return;
        }
        let generation = shadows.settings.generation();
        let fresh = (self.looked).is_some_and(|(of, at)| of == generation && now >= at && now - at < EVERY);
        if !fresh {
            self.found = matching(&options.rules, shadows, now);
            self.looked = Some((generation, now));
        }
        let mut holds = BTreeMap::new();
        for found in &self.found {
            let Some(rule) = options.rules.get(&found.rule) else {
                continue;
            };
            let Some(level) = rule.level.filter(|_| !silenced(rule, &found.series[0], options)) else {
                continue;
            };
            let about = |finding: &&mut Finding| {
                finding.mark != Mark::Stale
                    && finding.resource == found.resource
                    && found.series.iter().any(|id| finding.series.contains(id))
            };
            if let Some(finding) = findings.iter_mut().find(about) {
                raised(finding, found, rule, level, &options.drift);
                continue;
            }
            let id = number(found);
            let since = self
                .began
                .get(&id)
                .copied()
                .unwrap_or_else(|| began(found, shadows, now));
            holds.insert(id, since);
            findings.push(finding(id, found, rule, level, shadows, options, since, now));
        }
        self.began = holds;
    }
}

/// Adds what a known issue counts to a finding of the setting or metric it rests on.
fn raised(finding: &mut Finding, found: &Match, rule: &Rule, level: Level, options: &DriftOptions) {
    finding.score += points(level, options);
    finding.level = finding.level.max(score::level(finding.score, options));
    finding.severity = finding.severity.max(score::severity(finding.mark, finding.level));
    finding.evidence.extend(evidence(rule));
    // Which of the two says what it should be is told.
    if let Seen::Setting {
        expected: Some(accepted),
        ..
    } = &finding.seen
        && let Some(fixed) = finding.series.first().and_then(|id| fixed(found, id))
        && fixed.differs(accepted)
    {
        let line = format!(
            "it was accepted or declared as {accepted}; by known issue {} it should be {fixed}",
            rule.id
        );
        finding.evidence.push(report::line(line));
    }
    finding.rule.get_or_insert_with(|| rule.id.clone());
}

/// What the fix of a known issue makes of a setting.
fn fixed(found: &Match, head: &SeriesId) -> Option<Value> {
    found.fix.steps.iter().find_map(|step| match &step.change {
        Change::Setting { id, to, .. } if id == head => to.clone(),
        _ => None,
    })
}

fn evidence(rule: &Rule) -> [Arc<str>; 2] {
    [
        report::line(format!("known issue {}: {}", rule.id, rule.why)),
        report::line(format!("see {}", rule.article)),
    ]
}

fn silenced(rule: &Rule, id: &SeriesId, options: &Options) -> bool {
    let named = format!("rule.{}", rule.id);
    options.mute.iter().any(|pattern| matches(pattern, &named)) || muted(id, options)
}

/// The same issue of the same settings keeps its number.
fn number(found: &Match) -> FindingId {
    let mut parts = vec![found.resource.as_str().as_bytes(), b"rule", found.rule.as_bytes()];
    parts.extend(found.series.iter().map(|id| id.name.as_bytes()));
    FindingId(stable_hash(&parts))
}

/// Since when it holds, as far as was watched: the newest change of its settings, or when they were first seen. That the engine started
/// is no change.
fn began(found: &Match, shadows: &Shadows, now: Timestamp) -> Timestamp {
    let times = found.series.iter().filter_map(|id| {
        let state = shadows.settings.get(id)?;
        Some(state.last_change.as_ref().map_or(state.since, |change| change.at))
    });
    times.max().map_or(now, |at| at.min(now))
}

#[expect(clippy::too_many_arguments)]
fn finding(
    id: FindingId,
    found: &Match,
    rule: &Rule,
    level: Level,
    shadows: &Shadows,
    options: &Options,
    since: Timestamp,
    now: Timestamp,
) -> Finding {
    let head = &found.series[0];
    let seen = match shadows.metrics.get(head) {
        Some(metric) => Seen::Metric {
            now: metric.newest().map(|seen| seen.value),
            band: None,
        },
        None => Seen::Setting {
            now: shadows.settings.get(head).map(|state| state.value.clone()),
            expected: fixed(found, head),
        },
    };
    let score = points(level, &options.drift);
    Finding {
        summary: report::line(format!("{}: {}", rule.title, found.says[0])),
        evidence: found.says.iter().cloned().chain(evidence(rule)).collect(),
        rule: Some(rule.id.clone()),
        ..report::standing(id, found.series.clone(), seen, since, score, options, now)
    }
}
