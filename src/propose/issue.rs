//! What answers a known issue: the change its rule names.

use super::{
    Candidate,
    artefact::{self, Wanted},
    known, lasting, seen, stake,
};
use crate::{
    domain::{Change, ChangeSet, Factors, Finding, Options, ProposalKind, SeriesId, Timestamp},
    drift::found,
    shadow::Shadows,
};

/// P(a documented setting is right here too): the rule knows the program, and not this system.
const FITS: f64 = 0.7;

/// What `fix` takes away of what `finding` is worth: all that the known issue adds to it, and of the rest the share of its settings that are put right.
pub(super) fn taken(finding: &Finding, fix: &ChangeSet) -> f64 {
    let sets = |id: &&SeriesId| {
        let mut changes = fix.active();
        changes.any(|change| matches!(change, Change::Setting { id: other, .. } if other == *id))
    };
    let right = finding.series.iter().filter(sets).count();
    let rest = finding.bits.min(stake(finding));
    stake(finding) - rest * (1.0 - right as f64 / finding.series.len().max(1) as f64)
}

/// The settings that the rule of a finding says put it right; `None` where it says none, or no setting does.
pub(super) fn fixed(finding: &Finding, shadows: &Shadows, options: &Options, now: Timestamp) -> Option<Candidate> {
    let rule = options.rules.get(finding.rule.as_deref()?)?;
    let fix = found(&options.rules, &rule.id, &finding.series, shadows, now)?.fix;
    let wanted: Vec<Wanted<'_>> = fix.active().filter_map(Wanted::by).collect();
    let way = artefact::set(&wanted, &seen(shadows))?;
    let about = wanted.first()?.id.name.strip_prefix("sysctl.").and_then(known::sysctl);
    let restart = about.map_or("", |known| known.restart);
    let says: Vec<String> = fix.active().map(ToString::to_string).collect();
    let back: Vec<Change> = fix.active().filter_map(Change::taken_back).collect();
    let again: Vec<Wanted<'_>> = back.iter().filter_map(Wanted::by).collect();
    let undo = artefact::undo(&way, &again, &seen(shadows));
    Some(Candidate {
        kind: ProposalKind::Adjust,
        key: says.iter().map(|change| format!("{change}\n")).collect(),
        title: says.join(", "),
        factors: Factors {
            success: FITS,
            impact: taken(finding, &fix),
            disruption: way.disruption + f64::from(u8::from(!restart.is_empty())),
            effort: way.effort,
        },
        why: vec![lasting(finding), rule.why.to_string(), format!("see {}", rule.article)],
        cost: if restart.is_empty() {
            way.cost.into()
        } else {
            format!("needs a restart of {restart}")
        },
        sure: format!("documented; known issue {} of {}", rule.id, rule.from),
        risk: match about.map(|known| known.risk) {
            Some(risk) if !risk.is_empty() => risk.into(),
            _ => "someone may have chosen it for a reason that no rule knows".into(),
        },
        undo: undo.unwrap_or_else(|| back.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        artefact: way.artefact,
        changes: fix,
    })
}
