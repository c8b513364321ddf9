//! Answers what-ifs: of now from memory; of what memory does not hold from the values kept, beside the loop.

use std::sync::Arc;

use super::{
    Answer,
    answer::{Reply, beside},
    rebuild::{self, Job},
    run::Loop,
};
use crate::{
    domain::{ChangeSet, Finding, SeriesId, Span, Timestamp, text::count},
    propose::helped,
    shadow::{Metric, Shadows},
    simulate::{Ask, Outcome, SETTLED, since, what_if},
};

/// Who asks for the same changes within this time looks at the same what-if.
const SAME: Span = Span::from_hours(1);

/// What [`super::Query::WhatIf`] asks.
pub(super) struct Question {
    pub changes: ChangeSet,
    pub horizon: Span,
    pub seed: u64,
    pub at: Option<Timestamp>,
    pub job: Option<u64>,
}

impl Question {
    pub(super) fn answer(self, engine: &mut Loop, now: Timestamp, who: String, reply: Reply) {
        let at = self.at.unwrap_or(now);
        let in_memory = now - Span::from_mins(Metric::MINUTES as i64) + SETTLED;
        let reaches_back = self.changes.begins_before(at).is_none_or(|begin| begin >= in_memory);
        if self.at.is_some() || !reaches_back {
            if self.job.is_some() {
                let result = match self.changes.begins_before(at) {
                    Some(begin) => format!("as it would have been since {begin}"),
                    None => format!("as of {at}"),
                };
                self.audit(engine, now, &who, &result);
            }
            return self.answer_from_store(engine, at, who, reply);
        }
        let outcome = self.outcome(&engine.state.shadows, &self.about(engine, at), at);
        if self.job.is_some() {
            self.audit(engine, now, &who, &count(outcome.effects.len(), "effect"));
            let proposals = engine.state.proposals.iter();
            let tried = proposals.filter(|proposal| proposal.changes == self.changes);
            engine.state.tried.extend(tried.map(|proposal| proposal.id));
        }
        let _ = reply.send(Ok(Answer::WhatIf(Box::new(outcome))));
    }

    fn answer_from_store(self, engine: &mut Loop, at: Timestamp, who: String, reply: Reply) {
        engine.commit(engine.now());
        let key = (who, self.job.unwrap_or(u64::MAX));
        let about = self.about(engine, at);
        let (job, jobs) = (Arc::new(Job::default()), engine.jobs.clone());
        if let Ok(mut jobs) = jobs.lock() {
            jobs.insert(key.clone(), job.clone());
        }
        beside(engine, reply, move |keeper| {
            let shadows = match self.changes.begins_before(at) {
                Some(begin) => rebuild::since(keeper, begin, at, &job),
                None => rebuild::shadows(keeper, at, &job),
            };
            if let Ok(mut jobs) = jobs.lock() {
                jobs.remove(&key);
            }
            Ok(Answer::WhatIf(Box::new(self.outcome(&shadows?, &about, at))))
        });
    }

    /// The metrics that the changes are to help, of findings that began by `at`.
    fn about(&self, engine: &Loop, at: Timestamp) -> Vec<SeriesId> {
        let findings = engine.state.findings.iter().filter(|finding| finding.since <= at);
        let findings: Vec<&Finding> = findings.collect();
        helped(&findings, &engine.state.proposals, &self.changes)
    }

    /// What the changes would do from `at` on; where some were made before it, what would have been since.
    fn outcome(&self, shadows: &Shadows, about: &[SeriesId], at: Timestamp) -> Outcome {
        match self.changes.begins_before(at) {
            Some(_) => since(shadows, &self.changes, about, at, self.seed),
            None => what_if(
                shadows,
                &Ask {
                    changes: &self.changes,
                    about,
                    horizon: self.horizon,
                    now: at,
                    seed: self.seed,
                    weeks: true,
                },
            ),
        }
    }

    /// Once for a set of changes: figures that are computed anew, for another horizon or as of another time, are no other question.
    fn audit(&self, engine: &mut Loop, now: Timestamp, who: &str, result: &str) {
        let before = engine.audited.insert(who.to_owned(), (self.changes.clone(), now));
        if before.is_some_and(|(changes, at)| changes == self.changes && now - at < SAME) {
            return;
        }
        let told: Vec<String> = self.changes.active().map(ToString::to_string).collect();
        let first = self.changes.steps.first();
        let resource = first.map_or_else(String::new, |step| step.change.resource().to_string());
        engine.audit(
            now,
            who,
            "what-if",
            &resource,
            &format!("{}: {result}", told.join(", ")),
        );
    }
}
