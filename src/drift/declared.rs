//! Declared against actual: settings that are not as the baseline has them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    baseline::{Baseline, Difference, scope_of},
    group::finding_id,
    muted, report, score,
};
use crate::{
    domain::{
        Comparison, DriftOptions, Finding, FindingId, Mark, Options, Seen, SeriesId, SettingChange, Span, Timestamp,
    },
    shadow::Shadows,
};

/// Changes of one scope that are no further apart are one: an upgrade of 200 packages is one finding.
pub(super) const TOGETHER: Span = Span::from_mins(2);

/// What is remembered of settings that drifted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Declared {
    began: BTreeMap<SeriesId, Began>,
    /// The findings of the last comparison; made anew when what they rest on changed.
    #[serde(skip)]
    findings: Vec<Finding>,
    #[serde(skip)]
    rests_on: Option<RestsOn>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Began {
    since: Timestamp,
    finding: FindingId,
}

#[derive(Clone, Debug, PartialEq)]
struct RestsOn {
    generation: u64,
    taken_at: Option<Timestamp>,
    accepted: usize,
    mute: Vec<Arc<str>>,
    drift: DriftOptions,
}

impl Declared {
    /// The findings at `now`; the last look was at `judged`.
    pub fn look(
        &mut self,
        shadows: &Shadows,
        baseline: &Baseline,
        options: &Options,
        judged: Timestamp,
        now: Timestamp,
    ) -> Vec<Finding> {
        let rests_on = RestsOn {
            generation: shadows.settings.generation(),
            taken_at: baseline.taken_at,
            accepted: baseline.values.len(),
            mute: options.mute.clone(),
            drift: options.drift.clone(),
        };
        // A baseline accepted at the very time of the last look may have been accepted after it.
        let accepted_since = baseline.taken_at.is_some_and(|at| at >= judged);
        if accepted_since || self.rests_on.as_ref() != Some(&rests_on) {
            self.compare(shadows, baseline, options, now);
            self.rests_on = Some(rests_on);
        }
        for finding in &mut self.findings {
            finding.last = now;
        }
        self.findings.clone()
    }

    fn compare(&mut self, shadows: &Shadows, baseline: &Baseline, options: &Options, now: Timestamp) {
        let mut differences = baseline.diff(shadows);
        differences.retain(|difference| !muted(&difference.id, options));
        let differing: BTreeSet<&SeriesId> = differences.iter().map(|difference| &difference.id).collect();
        self.began.retain(|id, _| differing.contains(id));
        let changes = last_changes(shadows, &differing);
        self.begin(&differences, &changes, now);

        let mut groups: BTreeMap<FindingId, Vec<(&Difference, Timestamp, f64)>> = BTreeMap::new();
        for difference in &differences {
            let Some(began) = self.began.get(&difference.id) else {
                continue;
            };
            let bits = bits_of(shadows, &difference.id, began.since);
            groups
                .entry(began.finding)
                .or_default()
                .push((difference, began.since, bits));
        }
        self.findings = groups
            .into_iter()
            .map(|(id, members)| finding(id, members, &changes, options, now))
            .collect();
    }

    /// Gives new differences their time, and a finding: one of their scope that began about then, else a new one.
    fn begin(&mut self, differences: &[Difference], changes: &BTreeMap<&SeriesId, &SettingChange>, now: Timestamp) {
        let mut new: Vec<(Timestamp, &SeriesId)> = differences
            .iter()
            .map(|difference| &difference.id)
            .filter(|id| !self.began.contains_key(*id))
            .map(|id| (changes.get(id).map_or(now, |change| change.at), id))
            .collect();
        new.sort();
        // The time of the newest member of each scope's findings.
        let mut open: BTreeMap<(&str, &str), Vec<(Timestamp, FindingId)>> = BTreeMap::new();
        let known = self.began.clone();
        for (id, began) in &known {
            let scope = (id.resource.as_str(), scope_of(id));
            open.entry(scope).or_default().push((began.since, began.finding));
        }
        for (since, id) in new {
            let scope = open.entry((id.resource.as_str(), scope_of(id))).or_default();
            let near = scope
                .iter()
                .rev()
                .find(|(at, _)| since.max(*at) - since.min(*at) <= TOGETHER);
            let finding = near.map_or_else(
                || finding_id(id, Comparison::DeclaredActual, since),
                |(_, finding)| *finding,
            );
            scope.push((since, finding));
            self.began.insert(id.clone(), Began { since, finding });
        }
    }
}

/// The newest change of each of `ids` that changed within memory.
fn last_changes<'a>(shadows: &'a Shadows, ids: &BTreeSet<&'a SeriesId>) -> BTreeMap<&'a SeriesId, &'a SettingChange> {
    let mut last = BTreeMap::new();
    for id in ids {
        if let Some(change) = shadows.settings.get(id).and_then(|state| state.last_change.as_ref()) {
            last.insert(*id, change);
        }
    }
    // A setting that is gone has no state; its change is found among all.
    for change in shadows.settings.changes().iter().rev() {
        if last.len() == ids.len() {
            break;
        }
        if change.to.is_none()
            && let Some(id) = ids.get(&change.id)
        {
            last.entry(*id).or_insert(change);
        }
    }
    last
}

/// Surprise of the difference: of the change that made it, or, where none was seen, of any change within a week.
fn bits_of(shadows: &Shadows, id: &SeriesId, since: Timestamp) -> f64 {
    let seen = shadows.settings.get(id).filter(|state| state.last_change.is_some());
    let bits = match seen {
        Some(state) => state.bits,
        None => -shadows.settings.hazard(id, since, Span::from_days(7)).log2(),
    };
    if bits.is_nan() { 0.0 } else { bits.clamp(0.0, 30.0) }
}

fn finding(
    id: FindingId,
    mut members: Vec<(&Difference, Timestamp, f64)>,
    changes: &BTreeMap<&SeriesId, &SettingChange>,
    options: &Options,
    now: Timestamp,
) -> Finding {
    members.sort_by(|a, b| b.2.total_cmp(&a.2).then_with(|| a.0.id.cmp(&b.0.id)));
    let (head, _, bits) = members[0];
    let since = members.iter().map(|(_, since, _)| *since).min().unwrap_or(now);
    let by = changes.get(&head.id).and_then(|change| change.by.as_deref());
    let score = score::of_settings(bits, members.len());
    let level = score::level(score, &options.drift);
    let mut evidence: Vec<Arc<str>> = vec![report::line(format!(
        "baseline says {}, it is {}",
        report::value(head.accepted.as_ref()),
        report::value(head.actual.as_ref())
    ))];
    evidence.push(report::line(format!(
        "a change this unlikely carries {bits:.1} bits of surprise"
    )));
    for (other, _, _) in members.iter().skip(1).take(5) {
        let (from, to) = (
            report::value(other.accepted.as_ref()),
            report::value(other.actual.as_ref()),
        );
        evidence.push(report::line(format!("{} {from} -> {to}", other.id.name)));
    }
    if members.len() > 6 {
        evidence.push(report::line(format!("and {} more", members.len() - 6)));
    }
    Finding {
        id,
        mark: Mark::Drift,
        level,
        severity: score::severity(Mark::Drift, level),
        comparison: Comparison::DeclaredActual,
        resource: head.id.resource.clone(),
        series: members.iter().map(|(difference, ..)| difference.id.clone()).collect(),
        seen: Seen::Setting {
            now: head.actual.clone(),
            expected: head.accepted.clone(),
        },
        since,
        last: now,
        ended: None,
        bits,
        score,
        confidence: score::CERTAIN,
        crossing: None,
        summary: report::settings_summary(head, members.len(), by),
        evidence,
        causes: Vec::new(),
    }
}
