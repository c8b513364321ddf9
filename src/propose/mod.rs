//! Changes that answer findings: candidates, their scores, and their text.

mod adjust;
mod artefact;
mod declared;
mod issue;
mod kept;
mod known;
mod number;
mod process;
mod revert;
mod shell;
#[cfg(test)]
mod tests;
mod title;
mod trust;

use std::{collections::BTreeSet, sync::Arc};

pub use kept::kept;
pub use number::Numbers;

use crate::{
    domain::{
        Artefact, Cause, Change, ChangeSet, Comparison, Factors, Finding, Mark, Options, Proposal, ProposalKind,
        ProposalStatus, SeriesId, Severity, Span, Timestamp, Value, text::visible,
    },
    drift::{Baseline, Unmet, opens, stable_hash},
    shadow::Shadows,
    simulate::{Ask, what_if},
};

/// A score below this is too low to recommend.
const WEAK: f64 = 1.0;
/// By how much more or less one proposal is worth than another that it must stand before or behind, so that one of them is plainly first.
const PLAINLY: f64 = 1.25;
/// Findings, worst first, whose proposals get their what-if.
const SIMULATED: usize = 10;
/// Time that a harm holds before what mends none waits for it.
const STAYS: Span = Span::from_mins(1);
/// When nothing came for this long, what proposals rest on is too old.
const OLD: Span = Span::from_mins(5);

/// A change that may answer a finding, before its effects are known.
#[derive(Clone, Debug)]
struct Candidate {
    kind: ProposalKind,
    /// What tells it from other proposals for the same finding.
    key: String,
    title: String,
    changes: ChangeSet,
    factors: Factors,
    why: Vec<String>,
    cost: String,
    sure: String,
    risk: String,
    undo: String,
    artefact: Artefact,
}

/// What drift holds, and is to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// What was found.
    pub findings: &'a [Finding],
    /// The declarations that they tell to be not in force.
    pub not_in_force: &'a [Unmet],
}

/// Proposals for the findings that hold, best score first; weak ones at the end.
///
/// `numbers` gives each its number: the same answer to the same finding keeps it, also where the finding grows. The first ten findings' proposals carry the effects
/// of their what-if.
#[must_use]
pub fn propose(
    held: Held<'_>,
    shadows: &Shadows,
    baseline: &Baseline,
    options: &Options,
    numbers: &mut Numbers,
    now: Timestamp,
    seed: u64,
) -> Vec<Proposal> {
    let holding: Vec<&Finding> = (held.findings.iter())
        .filter(|finding| finding.ended.is_none() && !matches!(finding.mark, Mark::Muted | Mark::Stale))
        .collect();
    let old = shadows.newest.is_none_or(|newest| now - newest > OLD);
    let mut answers: Vec<(&Finding, Vec<Candidate>)> = Vec::new();
    for finding in &holding {
        let mut candidates = match finding.comparison {
            Comparison::DeclaredActual if finding.stands() => Vec::new(),
            Comparison::DeclaredActual => revert::drifted(finding, &holding, shadows, baseline, options, now),
            Comparison::ShadowActual | Comparison::FutureLimit => {
                let mut both = revert::causes(finding, &holding, shadows, now);
                both.extend(adjust::limit(finding, shadows, options, seed));
                both.extend(process::taker(finding, shadows));
                both
            }
        };
        // Putting a value back may be the very thing that the rule says, or the file.
        let declared = declared::brought(finding, held.not_in_force, &seen(shadows));
        for fixed in issue::fixed(finding, shadows, options, now).into_iter().chain(declared) {
            if candidates.iter().any(|other| other.changes == fixed.changes) {
                continue;
            }
            // A part takes away no more than all of it.
            let all = candidates.iter().filter(|other| covers(&other.changes, &fixed.changes));
            let most = all.map(|other| other.factors.impact).fold(f64::INFINITY, f64::min);
            let factors = Factors {
                impact: fixed.factors.impact.min(most),
                ..fixed.factors
            };
            candidates.push(Candidate { factors, ..fixed });
        }
        answers.push((finding, candidates));
    }
    once(&mut answers);
    give_way(&mut answers, now);
    keep_mounted(&mut answers);
    let mut proposals = Vec::new();
    for (place, (finding, candidates)) in answers.into_iter().enumerate() {
        for candidate in candidates {
            let effects = if place < SIMULATED && candidate.changes.active().next().is_some() {
                // First what is done to that which suffers: what moves most besides may be of no use to anybody.
                let about = suffering(&[finding], &holding, &candidate.changes);
                let about = distinct(about.iter().flat_map(|finding| &finding.series));
                let ask = Ask {
                    changes: &candidate.changes,
                    about: &about,
                    horizon: options.horizon,
                    now,
                    seed,
                    weeks: false,
                };
                what_if(shadows, &ask).effects
            } else {
                Vec::new()
            };
            let status = match candidate.factors.score() {
                _ if old => ProposalStatus::Stale,
                score if score < WEAK => ProposalStatus::Weak,
                _ => ProposalStatus::New,
            };
            proposals.push(Proposal {
                effects,
                ..proposal(candidate, finding, status, numbers, now)
            });
        }
    }
    proposals.sort_by(|a, b| {
        let weak = |proposal: &Proposal| proposal.factors.score() < WEAK;
        weak(a)
            .cmp(&weak(b))
            .then_with(|| b.factors.score().total_cmp(&a.factors.score()))
            .then_with(|| a.id.cmp(&b.id))
    });
    proposals
}

/// Leaves one of each way back that answers several findings: that of the worst, which says what else it answers.
fn once(answers: &mut [(&Finding, Vec<Candidate>)]) {
    for place in 1..answers.len() {
        let (before, rest) = answers.split_at_mut(place);
        let (finding, candidates) = &mut rest[0];
        candidates.retain(|one| {
            let mut known = before.iter_mut().flat_map(|(_, candidates)| candidates);
            let same = known.find(|other| {
                let back = one.kind == ProposalKind::Revert && other.kind == ProposalKind::Revert;
                back && !one.changes.steps.is_empty() && other.changes == one.changes
            });
            if let Some(other) = same {
                other.factors.impact = other.factors.impact.max(one.factors.impact);
                let more = lasting(finding);
                if !other.why.contains(&more) {
                    other.why.push(more);
                }
                return false;
            }
            true
        });
    }
}

/// Whether `all` sets whatever `part` does, which is something.
fn covers(all: &ChangeSet, part: &ChangeSet) -> bool {
    let sets = |changes: &ChangeSet, id: &SeriesId| {
        let mut changes = changes.active();
        changes.any(|change| matches!(change, Change::Setting { id: other, .. } if other == id))
    };
    let mut changes = part.active();
    part.active().next().is_some()
        && changes.all(|change| matches!(change, Change::Setting { id, .. } if sets(all, id)))
}

/// What is known of settings, for texts that depend on the host.
fn seen(shadows: &Shadows) -> impl Fn(&SeriesId) -> Option<Value> + '_ {
    move |id: &SeriesId| shadows.settings.get(id).map(|state| state.value.clone())
}

/// What `changes` are to help: what the findings are about that are answered by just them, and what they are a likely cause of. Of what
/// went off together that is the one that leads.
#[must_use]
pub fn helped(findings: &[&Finding], proposals: &[Proposal], changes: &ChangeSet) -> Vec<SeriesId> {
    let answered = |finding: &&&Finding| {
        let mut answers = proposals.iter().filter(|proposal| proposal.finding == finding.id);
        answers.any(|proposal| proposal.changes == *changes)
    };
    let own: Vec<&Finding> = findings.iter().filter(answered).copied().collect();
    let heads = suffering(&own, findings, changes);
    distinct(heads.iter().filter_map(|finding| finding.series.first()))
}

fn distinct<'a>(ids: impl Iterator<Item = &'a SeriesId>) -> Vec<SeriesId> {
    let mut seen = BTreeSet::new();
    ids.filter(|id| seen.insert(*id)).cloned().collect()
}

/// What suffers and is to be helped by `changes`: their own findings, and those that they are a likely cause of.
fn suffering<'a>(own: &[&'a Finding], holding: &[&'a Finding], changes: &ChangeSet) -> Vec<&'a Finding> {
    let changed = |cause: &Cause| {
        let mut changes = changes.active();
        changes.any(|change| matches!(change, Change::Setting { id, .. } if cause.series.as_ref() == Some(id)))
    };
    let caused = holding.iter().filter(|other| other.causes.iter().any(changed));
    own.iter().chain(caused).copied().collect()
}

/// What `finding` tells, for a text that stays: without the figures of a limit, which move with every value and stand on its own row.
fn lasting(finding: &Finding) -> String {
    let name = finding.series.first().map(|id| &*id.name).unwrap_or_default();
    match finding.mark {
        Mark::Breach => format!("{name} is beyond its limit"),
        Mark::Cross if finding.crossing.is_some() => format!("{name} runs to its limit"),
        _ => finding.summary.to_string(),
    }
}

/// Whether something suffers now, or will.
fn harm(finding: &Finding) -> bool {
    matches!(finding.mark, Mark::Breach | Mark::Cross) || finding.severity == Severity::Critical
}

/// What `finding` is worth to whoever ends it, bits: its surprise; where it is told for more than that (a known issue, a limit that is passed) its score,
/// which is on the same scale. The impact of every proposal is the part of this that it is expected to take away.
fn stake(finding: &Finding) -> f64 {
    finding.bits.max(finding.score)
}

/// Puts accepting a change behind what mends a harm that holds: it takes a row away and helps nobody. What else answers a finding that
/// harms nobody, the way back or a known issue's remedy, waits with it, so that they keep their order. Who gets in waits for nothing, and nothing
/// waits for a harm that came just now: one that is soon over would move every score there and back.
fn give_way(answers: &mut [(&Finding, Vec<Candidate>)], now: Timestamp) {
    // What is read every half an hour may have been so for half an hour when it is told.
    let begins = |finding: &Finding| finding.earliest.unwrap_or(finding.since).min(finding.told_since());
    let harms = |finding: &Finding| harm(finding) && now - begins(finding) >= STAYS;
    let best = |candidates: &[Candidate]| {
        let mends = candidates.iter().filter(|one| one.kind != ProposalKind::Adopt);
        mends.map(|one| one.factors.score()).reduce(f64::max)
    };
    let harmed = answers.iter().filter(|(finding, _)| harms(finding));
    let mended = harmed.filter_map(|(_, candidates)| best(candidates));
    // What is too weak to recommend comes last in any case.
    let Some(least) = mended.filter(|score| *score >= WEAK).reduce(f64::min) else {
        return;
    };
    let most = (least / PLAINLY).max(WEAK);
    let first = answers
        .iter()
        .find(|(finding, candidates)| harms(finding) && best(candidates).is_some_and(|score| score == least));
    let first = first.map(|(finding, _)| *finding);
    let why = |waits: &Finding| {
        let first = first?;
        let there = match first.resource == waits.resource {
            true => String::new(),
            false => format!("on {} ", first.resource.name()),
        };
        Some(format!("what mends a harm comes before it: {there}{}", lasting(first)))
    };
    for (finding, candidates) in answers {
        let urgent = harm(finding) || finding.series.iter().any(opens);
        let waits = |one: &Candidate| one.kind == ProposalKind::Adopt || !urgent;
        let waiting = candidates.iter().filter(|one| waits(one));
        let best = waiting.map(|one| one.factors.score()).reduce(f64::max);
        let Some(score) = best.filter(|score| *score > most) else {
            continue;
        };
        for candidate in candidates.iter_mut().filter(|one| waits(one)) {
            candidate.factors.impact *= most / score;
            candidate.why.extend(why(finding));
        }
    }
}

/// Puts unmounting a file system behind making room on it: what fills it stays where it is, and its programs lose it.
fn keep_mounted(answers: &mut [(&Finding, Vec<Candidate>)]) {
    let full = answers.iter().filter(|(finding, _)| harm(finding));
    let rooms: Vec<(&Finding, f64)> = full
        .filter_map(|(finding, candidates)| {
            let room = candidates.iter().find(|one| matches!(&*one.key, "room" | "inodes"))?;
            Some((*finding, room.factors.score()))
        })
        .collect();
    for candidate in answers.iter_mut().flat_map(|(_, candidates)| candidates) {
        let takes = |finding: &Finding| {
            candidate.changes.active().any(
                |change| matches!(change, Change::Setting { id, to: None, .. } if revert::is_mount_of(id, finding)),
            )
        };
        let least = rooms
            .iter()
            .filter(|(finding, _)| takes(finding))
            .map(|(_, score)| *score)
            .reduce(f64::min);
        let (score, most) = (candidate.factors.score(), least.unwrap_or(f64::INFINITY) / PLAINLY);
        if score > most {
            candidate.factors.impact *= most / score;
            candidate
                .why
                .push("making room on it comes first: what fills it stays there".into());
        }
    }
}

fn proposal(
    candidate: Candidate,
    finding: &Finding,
    status: ProposalStatus,
    numbers: &mut Numbers,
    now: Timestamp,
) -> Proposal {
    let line = |text: String| -> Arc<str> { visible(&text).into() };
    let kind = match candidate.kind {
        ProposalKind::Revert => b"revert".as_slice(),
        ProposalKind::Adopt => b"adopt",
        ProposalKind::Adjust => b"adjust",
    };
    Proposal {
        id: numbers.of(stable_hash(&[
            &finding.id.0.to_le_bytes(),
            kind,
            candidate.key.as_bytes(),
        ])),
        finding: finding.id,
        kind: candidate.kind,
        status,
        resource: finding.resource.clone(),
        title: line(candidate.title),
        changes: candidate.changes,
        factors: candidate.factors,
        why: candidate.why.into_iter().map(line).collect(),
        effects: Vec::new(),
        cost: line(candidate.cost),
        sure: line(candidate.sure),
        risk: line(candidate.risk),
        undo: line(candidate.undo),
        artefact: candidate.artefact,
        made_at: now,
    }
}
