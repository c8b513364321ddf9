//! The one step: state, observations and `now` in; state, findings, proposals and what to record out.
//!
//! Live, replay, demo, tests and benchmarks call exactly [`step`].

mod blame;
mod bound;
mod promise;
mod record;
mod relearn;
mod teach;
pub mod tempo;
#[cfg(test)]
mod tests;
mod world;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use bound::Bounds;
pub use record::Step;

use crate::{
    domain::{
        Batch, Claim, Comparison, Finding, Limit, Mark, Options, Prediction, Proposal, ProposalId, ProposalStatus,
        SeriesId, Span, Timestamp, matches,
    },
    drift::{Baseline, DriftState, Incident, incidents, process, stable_hash},
    propose::{Held, Numbers, propose},
    shadow::{Coherent, Ledger, Shadows},
};

/// Everything the pipeline remembers between two steps. Serialising it keeps all that was learnt.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// What is known of the system.
    pub shadows: Shadows,
    /// What was accepted as good.
    pub baseline: Baseline,
    /// Findings that hold, worst first.
    pub findings: Vec<Finding>,
    /// Findings that ended in the last 30 days, oldest first, at most [`State::ENDED`].
    pub ended: VecDeque<Finding>,
    /// Proposals for what holds, best first.
    pub proposals: Vec<Proposal>,
    /// Limits set from a console: they go before the options' and the metric's own.
    pub limits: BTreeMap<SeriesId, Option<Limit>>,
    /// Patterns muted from a console, and until when.
    pub mutes: Vec<(Arc<str>, Timestamp)>,
    /// Proposals someone said no to, with the reason.
    pub dismissed: BTreeMap<ProposalId, Arc<str>>,
    /// The numbers proposals were given.
    #[serde(default)]
    pub numbers: Numbers,
    /// Proposals that someone ran a what-if with.
    pub tried: Vec<ProposalId>,
    /// Predictions and how they turned out.
    pub ledger: Ledger,
    drift: DriftState,
    /// What proposals were last made for: ids and marks of the findings, the settings' generation, what is not in force, and when.
    proposed_for: (u64, Option<Timestamp>),
    /// Up to when predictions for the ledger were made.
    predicted_to: Option<Timestamp>,
    #[serde(default)]
    relearning: relearn::Relearning,
    /// Up to when the ledger was settled.
    settled_at: Option<Timestamp>,
}

impl State {
    /// Ended findings kept in memory.
    pub const ENDED: usize = 500;
    /// Events kept in memory.
    pub const EVENTS: usize = 1_000;

    /// Accepts what is now of the settings and metrics named, or of all settings where none is: the baseline holds those values, and where a
    /// metric went is usual from now on. Gives how many metrics had gone anywhere.
    pub fn accept(&mut self, ids: &[SeriesId], now: Timestamp) -> usize {
        let taken = self.drift.accept(ids);
        let setting = |id: &&SeriesId| !self.shadows.metrics.contains_key(*id);
        let settings: Vec<SeriesId> = ids.iter().filter(setting).cloned().collect();
        if ids.is_empty() || !settings.is_empty() {
            self.baseline.accept(&self.shadows, &settings, now);
        }
        taken
    }

    /// The time of the last step; `None` before the first.
    #[must_use]
    pub fn stepped_to(&self) -> Option<Timestamp> {
        self.predicted_to
    }

    /// Incidents of the last 30 days, oldest first, with the numbers they had `before`.
    #[must_use]
    pub fn incidents(&self, options: &Options, before: &[Incident]) -> Vec<Incident> {
        let all: Vec<Finding> = self.ended.iter().chain(&self.findings).cloned().collect();
        incidents(&all, options.drift.coincide, before)
    }

    /// The limit in force for a metric: from a console, else the first option that matches, else what a setting says ([`bound`]), else the
    /// metric's own.
    #[must_use]
    pub fn limit_of(&self, id: &SeriesId, own: Option<&Limit>, bounds: &Bounds, options: &Options) -> Option<Limit> {
        if let Some(set) = self.limits.get(id) {
            return set.clone();
        }
        let full = id.to_string();
        let rule = options
            .limits
            .iter()
            .find(|rule| matches(&rule.pattern, &id.name) || matches(&rule.pattern, &full));
        rule.map(|rule| Limit {
            value: rule.value,
            side: rule.side,
            by: if Options::default().limits.contains(rule) {
                "default"
            } else {
                "config"
            }
            .into(),
        })
        .or_else(|| bounds.limit(id))
        .or_else(|| own.cloned())
    }

    /// The settings that limit metrics.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        Bounds::of(&self.shadows.settings)
    }

    /// Puts the limits in force anew where one of `changed` may set them.
    fn follow_bounds<'a>(&mut self, mut changed: impl Iterator<Item = &'a SeriesId>, options: &Options) {
        if !changed.any(bound::is_bound) {
            return;
        }
        let bounds = self.bounds();
        let all = self.shadows.metrics.iter();
        let all = all.filter(|(_, metric)| !metric.meta.of_process());
        let limits: Vec<_> = all
            .map(|(id, metric)| self.limit_of(id, metric.meta.limit.as_ref(), &bounds, options))
            .collect();
        let metrics = self.shadows.metrics.values_mut();
        for (metric, limit) in metrics.filter(|metric| !metric.meta.of_process()).zip(limits) {
            metric.limit = limit;
        }
    }

    /// Sets or removes a metric's limit from a console.
    pub fn set_limit(&mut self, id: &SeriesId, limit: Option<Limit>) {
        if let Some(metric) = self.shadows.metrics.get_mut(id) {
            metric.limit.clone_from(&limit);
        }
        self.limits.insert(id.clone(), limit);
    }
}

/// Takes one batch: learns from it, judges it, and answers what is off.
///
/// `now` is the time of the batch (the clock's when live, the recording's in a replay). It may go back; nothing is then
/// learnt twice. `seed` makes sampled paths repeatable.
pub fn step(state: &mut State, batch: &Batch, options: &Options, now: Timestamp, seed: u64) -> Step {
    let mut out = Step::default();
    out.write.shown_at = Some(now);
    world::follow_the_clock(state, now);
    world::take_metrics(state, batch, options, &mut out);
    world::take_settings(state, batch, now, &mut out);
    let first = out.write.initial.iter().map(|(id, ..)| id);
    let changed = out.write.changes.iter().map(|change| &change.id);
    state.follow_bounds(first.chain(changed), options);
    for event in &batch.events {
        world::take_event(state, event, &mut out);
    }
    promise::promise(state, &out.write.changes, now, seed);
    teach::teach(state, options, now, seed);
    let refitted = world::refit(state, now);
    relearn::note(state, &refitted, now, &mut out);
    judge(state, options, now, seed, &mut out);
    predict(state, now);
    // Nothing in the ledger is due more finely than a minute; what is gone is looked for as often.
    if state
        .settled_at
        .is_none_or(|at| now < at || now - at >= Span::from_mins(1))
    {
        let settled = state.settled_at.replace(now);
        // After a pause nobody catches up on what would have been said.
        if let Some(from) = settled.filter(|from| *from <= now && now - *from < Span::from_mins(5)) {
            predict_settings(state, from, now);
        }
        out.write.scored.extend(state.ledger.settle(now));
        promise::verify(state, now, &mut out);
        world::forget(state, now);
        state.shadows.settings.watch_metrics(&state.shadows.metrics, now);
        state.shadows.settings.settle(now);
        for one in state.shadows.settings.newly_expected() {
            state.ledger.predict(Prediction {
                series: one.id,
                made_at: now,
                due: one.due,
                claim: Claim::Follows(one.probability),
            });
        }
    }
    state.shadows.settings.stand(now);
    out
}

fn judge(state: &mut State, options: &Options, now: Timestamp, seed: u64, out: &mut Step) {
    state.mutes.retain(|(_, until)| *until > now);
    let muted;
    let options = if state.mutes.is_empty() {
        options
    } else {
        let mut with = options.clone();
        with.mute.extend(state.mutes.iter().map(|(pattern, _)| pattern.clone()));
        muted = with;
        &muted
    };
    let judged = state.drift.judge(&state.shadows, &state.baseline, options, now, seed);
    let (held, ended): (Vec<Finding>, Vec<Finding>) = judged.into_iter().partition(|finding| finding.ended.is_none());
    for finding in &held {
        let before = state.findings.iter().find(|old| old.id == finding.id);
        if before.is_none_or(|old| tells_other(old, finding)) {
            out.write.findings.push(finding.clone());
        }
        if before.is_none() {
            predict_finding(state, finding);
        }
    }
    for finding in ended {
        out.write.findings.push(finding.clone());
        state.ended.push_back(finding);
    }
    let month_ago = now - Span::from_days(30);
    while state.ended.len() > State::ENDED || state.ended.front().is_some_and(|old| old.last < month_ago) {
        state.ended.pop_front();
    }
    state.findings = held;
    blame::blame(state, now);
    make_proposals(state, options, now, seed, out);
}

/// Whether a finding says something else than before, so that what was known at a time can be told later. What only its numbers say is left
/// out: they are other ones at each value.
fn tells_other(old: &Finding, new: &Finding) -> bool {
    let declared = new.comparison == Comparison::DeclaredActual;
    old.mark != new.mark
        || old.severity != new.severity
        || old.series.first() != new.series.first()
        || declared && (old.series != new.series || old.summary != new.summary)
}

/// Proposals are made anew when the findings, their first causes, the settings or what is not in force changed, and every five minutes.
fn make_proposals(state: &mut State, options: &Options, now: Timestamp, seed: u64, out: &mut Step) {
    let (_, version) = state.drift.not_in_force();
    let mut key = state.shadows.settings.generation().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version;
    for finding in &state.findings {
        key = key.rotate_left(5) ^ finding.id.0.wrapping_add(finding.mark as u64);
        if let Some(cause) = finding.causes.first() {
            let name = cause.series.as_ref().map_or(&*cause.what, |id| &*id.name);
            let over = process::is_over(cause, &state.shadows, finding.since);
            key ^= stable_hash(&[name.as_bytes(), &[u8::from(over)]]);
        }
    }
    let (was_for, made) = state.proposed_for;
    if was_for == key && made.is_some_and(|made| now >= made && now - made < Span::from_mins(5)) {
        return;
    }
    state.proposed_for = (key, Some(now));
    let State {
        findings,
        shadows,
        baseline,
        numbers,
        drift,
        ..
    } = state;
    let held = Held {
        findings,
        not_in_force: drift.not_in_force().0,
    };
    let mut proposals = propose(held, shadows, baseline, options, numbers, now, seed);
    proposals.retain(|proposal| !state.dismissed.contains_key(&proposal.id));
    for proposal in &mut proposals {
        if let Some(before) = state.proposals.iter().find(|old| old.id == proposal.id) {
            proposal.made_at = before.made_at;
        }
        if proposal.status == ProposalStatus::New && state.tried.contains(&proposal.id) {
            proposal.status = ProposalStatus::Tried;
        }
        let before = state.proposals.iter().find(|old| old.id == proposal.id);
        if before.is_none_or(|old| old.status != proposal.status) {
            out.write.proposals.push((proposal.clone(), true));
        }
    }
    for old in &state.proposals {
        if !proposals.iter().any(|proposal| proposal.id == old.id) {
            out.write.proposals.push((old.clone(), false));
        }
    }
    state.proposals = proposals;
}

/// What a finding claims about the future goes to the ledger when it is first shown.
fn predict_finding(state: &mut State, finding: &Finding) {
    let (Some(id), Mark::Cross, Comparison::FutureLimit) = (finding.series.first(), finding.mark, finding.comparison)
    else {
        return;
    };
    let limit = state.shadows.metrics.get(id).and_then(|metric| metric.limit.clone());
    if let (Some(crossing), Some(limit)) = (finding.crossing, limit) {
        state.ledger.predict(Prediction {
            series: id.clone(),
            made_at: finding.since,
            due: finding.since + crossing.horizon,
            claim: Claim::Crosses {
                limit: limit.value,
                side: limit.side,
                probability: crossing.probability,
                at: crossing.at[0].zip(crossing.at[2]),
            },
        });
    }
}

/// Claims for the ledger: every metric's value five minutes and an hour ahead.
///
/// Metrics take turns by their place in the list, so that one step never makes them all.
fn predict(state: &mut State, now: Timestamp) {
    const TURN: i64 = 300;
    let from = state
        .predicted_to
        .filter(|from| *from <= now && now - *from < Span::from_secs(TURN));
    state.predicted_to = Some(now);
    let Some(from) = from else { return };
    for (place, (id, metric)) in state.shadows.metrics.iter().enumerate() {
        for (every, ahead, steps) in [(TURN, Span::from_mins(5), 1), (3_600, Span::from_hours(1), 4)] {
            if !turn(place, every, from, now) || metric.shadow.range().is_none_or(|(from, to)| to - from < ahead) {
                continue;
            }
            let Some(forecast) = Coherent::new(&state.shadows, ahead, steps).of(metric) else {
                continue;
            };
            if let Some(quantiles) = forecast.steps.last() {
                state.ledger.predict(Prediction {
                    series: id.clone(),
                    made_at: forecast.start,
                    due: forecast.start + forecast.step * forecast.steps.len() as i64,
                    claim: Claim::Value(*quantiles),
                });
            }
        }
    }
}

/// Claims for the ledger: that a setting which ever changed does so within a day, and within seven. Settings take turns over a day; going through
/// thousands of them is for once a minute.
fn predict_settings(state: &mut State, from: Timestamp, now: Timestamp) {
    let settings = &state.shadows.settings;
    for (place, (id, setting)) in settings.all().iter().enumerate() {
        if setting.last_change.is_none() || !turn(place, 86_400, from, now) {
            continue;
        }
        let Some(week) = settings.week(id, now) else { continue };
        let day = (Span::from_days(1), settings.hazard(id, now, Span::from_days(1)));
        let week = (Span::from_days(7), week);
        for (ahead, probability) in [day, week] {
            state.ledger.predict(Prediction {
                series: id.clone(),
                made_at: now,
                due: now + ahead,
                claim: Claim::Changes(probability),
            });
        }
    }
}

/// Whether the turn of the one at `place`, which comes every `every` seconds, came between `from` and `now`.
fn turn(place: usize, every: i64, from: Timestamp, now: Timestamp) -> bool {
    let phase = (place as i64).wrapping_mul(7_919).rem_euclid(every);
    (now.secs() - phase).div_euclid(every) != (from.secs() - phase).div_euclid(every)
}
