//! Changes that a metric left its shadow for, and what is then said of them.

use super::State;
use crate::{
    domain::{Claim, Comparison, Mark, Prediction, Seen, SettingChange, Span, Timestamp},
    shadow::SettingShadow,
};

/// Tells the shadow of settings which changes are likelier the cause of a metric's departure than not. What is said anew of a change
/// goes to the ledger, as a claim of its own beside the one made when it was seen; so does what is said where something did not follow.
pub(super) fn blame(state: &mut State, now: Timestamp) {
    let off = state.findings.iter().filter(|finding| {
        finding.comparison != Comparison::DeclaredActual
            && matches!(finding.seen, Seen::Metric { .. })
            && matches!(finding.mark, Mark::Breach | Mark::Odd | Mark::Drift)
    });
    let settings = &mut state.shadows.settings;
    for finding in off {
        let likely = finding.causes.iter().filter(|cause| cause.weight >= 0.5);
        for setting in likely.filter_map(|cause| cause.series.as_ref()) {
            let Some(change) = settings.blame(setting, &finding.series[0], finding.since) else {
                continue;
            };
            // The claim made when it was seen is due a microsecond later, and stands.
            let claim = claim(settings, &change, now, Span(1));
            state.ledger.predict(claim);
        }
    }
    for change in settings.newly_doubted() {
        let claim = claim(settings, &change, now, Span(2));
        state.ledger.predict(claim);
    }
}

/// What is said now of `change`, to be scored so long before its time is over.
fn claim(settings: &SettingShadow, change: &SettingChange, now: Timestamp, before: Span) -> Prediction {
    Prediction {
        series: change.id.clone(),
        made_at: now,
        due: change.at + SettingShadow::UNDONE_WITHIN - before,
        claim: Claim::Undone {
            to: change.from.clone(),
            probability: settings.undone(change, now, SettingShadow::UNDONE_WITHIN),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::{
            Batch, Cause, Finding, FindingId, Level, Options, ResourceId, SeriesId, SettingSnapshot, Severity, Value,
        },
        pipeline::{Step, step},
    };

    const SETTING: &str = "sysctl.vm.swappiness";

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + 60 * minute)
    }

    fn id(name: &str) -> SeriesId {
        SeriesId::new(&ResourceId::new("host", "a"), name)
    }

    /// The setting read as `value` in minute `minute`.
    fn read(state: &mut State, minute: i64, value: i64) -> Step {
        let batch = Batch {
            snapshots: vec![SettingSnapshot {
                reach: None,
                resource: ResourceId::new("host", "a"),
                scope: "sysctl".into(),
                at: at(minute),
                settings: Some([(Arc::from(SETTING), Value::Int(value))].into()),
            }],
            ..Batch::default()
        };
        step(state, &batch, &Options::default(), at(minute), 0)
    }

    /// A metric that is off since `minute`, for the setting's sake.
    fn off(mark: Mark, minute: i64) -> Finding {
        let cause = Cause {
            series: Some(id(SETTING)),
            what: SETTING.into(),
            at: at(minute - 1),
            earliest: None,
            lead: Span::from_mins(1),
            weight: 0.9,
        };
        Finding {
            id: FindingId(1),
            mark,
            level: Level::Moderate,
            severity: Severity::Warning,
            comparison: match mark {
                Mark::Cross => Comparison::FutureLimit,
                _ => Comparison::ShadowActual,
            },
            resource: ResourceId::new("host", "a"),
            series: vec![id("cpu.busy_pct")],
            seen: Seen::Metric { now: None, band: None },
            since: at(minute),
            earliest: None,
            last: at(minute),
            ended: None,
            bits: 20.0,
            score: 20.0,
            confidence: 0.9,
            crossing: None,
            summary: "".into(),
            evidence: Vec::new(),
            causes: vec![cause],
            rule: None,
            over: false,
            began: None,
        }
    }

    #[test]
    fn what_blame_says_of_a_change_is_a_claim_of_its_own_once() {
        let mut state = State::default();
        read(&mut state, 0, 60);
        read(&mut state, 1, 60);
        read(&mut state, 2, 10);
        let open = state.ledger.open();
        for mark in [Mark::Cross, Mark::Stale, Mark::Muted, Mark::Removed] {
            state.findings = vec![off(mark, 3)];
            blame(&mut state, at(3));
            assert_eq!(state.ledger.open(), open, "{mark} is no departure");
        }
        for minute in [3, 4] {
            state.findings = vec![off(Mark::Drift, 3)];
            blame(&mut state, at(minute));
            assert_eq!(state.ledger.open(), open + 1);
        }
        state.findings.clear();
        let scored = read(&mut state, 5, 60).write.scored;
        let mut told: Vec<(Timestamp, f64)> = Vec::new();
        for one in scored {
            if let Claim::Undone { probability, .. } = one.prediction.claim {
                assert!(one.outcome > 0.5, "it was undone");
                told.push((one.prediction.made_at, probability));
            }
        }
        told.sort_by_key(|one| one.0);
        assert_eq!(told.len(), 2);
        assert_eq!((told[0].0, told[1].0), (at(2), at(3)));
        assert!(told[1].1 > told[0].1 * 1.5, "{told:?}");
    }
}
