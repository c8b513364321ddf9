//! A proposal that someone made: a what-if they want to keep.

use std::sync::Arc;

use super::artefact::{self, Wanted};
use crate::{
    domain::{
        Artefact, Change, Evidence, Factors, FindingId, Proposal, ProposalId, ProposalKind, ProposalStatus, SeriesId,
        Timestamp, Value, text::visible,
    },
    simulate::Outcome,
};

/// Bits that a limit certainly passed, and then certainly not, is worth.
const BREACH: f64 = 10.0;

/// A what-if as a proposal of number `id`, made at `now`; it answers no finding (number 0). `None` when no change is on.
///
/// `look` tells what is known of the host's settings. Its chance to work is that of its weakest evidence, its impact the breach it takes away.
#[must_use]
pub fn kept(
    outcome: &Outcome,
    id: ProposalId,
    now: Timestamp,
    look: &dyn Fn(&SeriesId) -> Option<Value>,
) -> Option<Proposal> {
    let active: Vec<&Change> = outcome.changes.active().collect();
    let first = active.first()?;
    let wanted: Vec<Wanted<'_>> = active.iter().copied().filter_map(Wanted::by).collect();
    let way = artefact::set(&wanted, look);
    let by_hand = active
        .iter()
        .filter(|change| !matches!(change, Change::Setting { .. }))
        .map(|change| format!("# by hand: {}\n", visible(&change.to_string())));
    let text: String = way.iter().map(|way| way.artefact.text.clone()).chain(by_hand).collect();
    let passes = |by: fn(f64, f64) -> bool| {
        let effects = outcome
            .effects
            .iter()
            .filter(move |effect| effect.crossing.is_some_and(|(a, b)| by(a, b)));
        effects
            .map(|effect| &*effect.series.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (better, worse) = (passes(|a, b| b < a), passes(|a, b| b > a));
    let line = |text: String| -> Arc<str> { visible(&text).into() };
    Some(Proposal {
        id,
        finding: FindingId(0),
        kind: ProposalKind::Adjust,
        status: ProposalStatus::Tried,
        resource: first.resource().clone(),
        title: line(active.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        changes: outcome.changes.clone(),
        factors: Factors {
            success: success(outcome),
            impact: impact(outcome),
            disruption: way.as_ref().map_or(0.5, |way| way.disruption),
            effort: way.as_ref().map_or(2.0, |way| way.effort),
        },
        why: vec![match better.as_str() {
            "" => "kept by hand from a what-if; no finding asked for it".into(),
            better => line(format!(
                "kept by hand from a what-if: {better} passes its limit less likely"
            )),
        }],
        effects: outcome.effects.clone(),
        cost: way.as_ref().map_or("depends on how it is done", |way| way.cost).into(),
        sure: match outcome.inside_seen {
            true => "inside what was seen here".into(),
            false => "never seen like this here: the bands are a guess".into(),
        },
        risk: match worse.as_str() {
            "" => "no limit is passed more likely than without it".into(),
            worse => line(format!("more likely to pass its limit: {worse}")),
        },
        undo: line(
            active
                .iter()
                .map(|change| undone(change, look))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        artefact: match text.is_empty() {
            true => artefact::shell(&[]),
            false => Artefact {
                format: way.map_or_else(|| "shell".into(), |way| way.artefact.format),
                text,
            },
        },
        made_at: now,
    })
}

/// P(it works) by the weakest evidence of its effects.
fn success(outcome: &Outcome) -> f64 {
    let chance = |evidence: Evidence| match evidence {
        Evidence::Identity => 0.9,
        Evidence::PastChange => 0.7,
        Evidence::Network => 0.5,
        Evidence::None => 0.2,
    };
    let weakest = outcome
        .effects
        .iter()
        .map(|effect| chance(effect.evidence))
        .reduce(f64::min);
    weakest.unwrap_or(0.2) * if outcome.inside_seen { 1.0 } else { 0.5 }
}

/// The breach it takes away, on the limit where that is most.
fn impact(outcome: &Outcome) -> f64 {
    let saved = outcome.effects.iter().filter_map(|effect| effect.crossing);
    saved
        .map(|(without, with)| (without - with).max(0.0) * BREACH)
        .fold(0.0, f64::max)
}

fn undone(change: &Change, look: artefact::Look<'_>) -> String {
    let Some(back) = change.taken_back() else {
        return format!("take back {change}");
    };
    let command = Wanted::by(&back).and_then(|back| artefact::in_a_line(&[back], look));
    command.unwrap_or_else(|| back.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChangeSet, Effect, Span, Unit};

    fn outcome(change: Change, crossing: Option<(f64, f64)>) -> Outcome {
        Outcome {
            changes: ChangeSet::of(change),
            at: Timestamp(0),
            horizon: Span::from_hours(6),
            seed: 7,
            runs: 256,
            effects: vec![Effect {
                series: "host:a/mem.available_pct".parse().unwrap(),
                unit: Unit::Percent,
                before: [4.0; 3],
                after: [9.0; 3],
                difference: [5.0; 3],
                crossing,
                evidence: Evidence::PastChange,
                cases: 1,
            }],
            bands: Vec::new(),
            no_evidence: Vec::new(),
            notes: Vec::new(),
            inside_seen: true,
            actual: false,
        }
    }

    fn swappiness() -> Change {
        Change::Setting {
            id: "host:a/sysctl.vm.swappiness".parse().unwrap(),
            from: Some(Value::Int(1)),
            to: Some(Value::Int(60)),
        }
    }

    #[test]
    fn a_kept_what_if_has_its_command_its_undo_and_a_score() {
        let made = kept(
            &outcome(swappiness(), Some((0.9, 0.1))),
            ProposalId(0),
            Timestamp(5),
            &|_| None,
        )
        .unwrap();
        assert_eq!(&*made.title, "sysctl.vm.swappiness 1 -> 60");
        assert!(
            made.artefact.text.contains("vm.swappiness=60"),
            "{}",
            made.artefact.text
        );
        assert_eq!(&*made.undo, "sysctl -w vm.swappiness=1");
        assert!((made.factors.success - 0.7).abs() < 1e-9 && (made.factors.impact - 8.0).abs() < 1e-9);
        assert_eq!(made.made_at, Timestamp(5));
    }

    #[test]
    fn what_no_command_does_is_left_to_a_person_and_nothing_is_no_proposal() {
        let traffic = Change::Traffic {
            resource: "host:a".parse().unwrap(),
            load: None,
            factor: 0.5,
        };
        let made = kept(
            &outcome(traffic, Some((0.1, 0.4))),
            ProposalId(0),
            Timestamp(0),
            &|_| None,
        )
        .unwrap();
        assert_eq!(made.artefact.text, "# by hand: traffic x0.5\n");
        assert!(made.risk.contains("mem.available_pct"));
        let mut off = outcome(swappiness(), None);
        off.changes.steps[0].on = false;
        assert_eq!(kept(&off, ProposalId(0), Timestamp(0), &|_| None), None);
    }
}
