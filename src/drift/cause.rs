//! What may have brought a finding about: what changed, happened or left its shadow shortly before it began.

use std::{collections::BTreeMap, sync::Arc};

use super::{baseline::scope_of, declared::TOGETHER, report};
use crate::{
    domain::{
        Cause, Comparison, EventKind, Finding, FindingId, Mark, Options, ResourceId, SeriesId, SettingChange, Span,
        Timestamp, text::visible,
    },
    shadow::Shadows,
};

/// How far back causes are looked for.
const BEFORE: Span = Span::from_hours(1);
/// Settings are read once a minute: a change may be seen this long after what it caused.
const SEEN_LATE: Span = Span::from_secs(60);
/// A finding this young is explained anew in every step, for what is seen late; then its causes stay.
const FRESH: Span = Span::from_mins(3);
/// The weight of "something that is not watched", in bits of surprise at no distance in time.
const UNSEEN: f64 = 4.0;
/// Causes named at most, and the least weight worth naming.
const NAMED: (usize, f64) = (5, 0.05);

/// Gives each finding its causes. Findings that `held` before keep theirs once they are no longer fresh.
pub(super) fn explain(
    findings: &mut [Finding],
    held: &BTreeMap<FindingId, Finding>,
    shadows: &Shadows,
    options: &Options,
    now: Timestamp,
) {
    let departures: Vec<(SeriesId, Timestamp, f64)> = findings
        .iter()
        .filter(|finding| finding.comparison != Comparison::DeclaredActual && finding.mark != Mark::Cross)
        .map(|finding| (finding.series[0].clone(), finding.since, finding.bits))
        .collect();
    for finding in findings {
        let explained = held.get(&finding.id).filter(|before| before.since == finding.since);
        if let Some(before) = explained.filter(|_| now - finding.since > FRESH) {
            finding.causes.clone_from(&before.causes);
            continue;
        }
        if matches!(finding.mark, Mark::Cross | Mark::Stale) && explained.is_some() {
            continue;
        }
        let strict = finding.comparison == Comparison::DeclaredActual;
        let mut candidates = candidates(
            shadows,
            &finding.resource,
            finding.since,
            &finding.series,
            strict,
            options.drift.coincide,
        );
        for (series, at, bits) in &departures {
            let lead = finding.since - *at;
            let earlier = lead > Span::ZERO && lead <= BEFORE && series.resource == finding.resource;
            if earlier && !finding.series.contains(series) {
                // What is merely off earlier is half as likely a cause as what was changed.
                candidates.push(Cause {
                    series: Some(series.clone()),
                    what: report::line(format!("{} left its shadow", series.name)),
                    at: *at,
                    lead,
                    weight: weight(lead, bits / 2.0, options.drift.coincide),
                });
            }
        }
        finding.causes = shares(candidates);
    }
}

/// Changes of settings and events before `since` on `resource`, likeliest first, with their shares; `own` are left out.
///
/// With `strict` only what came before counts, else also what was seen up to a minute later.
pub(super) fn changes_and_events(
    shadows: &Shadows,
    resource: &ResourceId,
    since: Timestamp,
    own: &[SeriesId],
    strict: bool,
    coincide: Span,
) -> Vec<Cause> {
    shares(candidates(shadows, resource, since, own, strict, coincide))
}

fn candidates(
    shadows: &Shadows,
    resource: &ResourceId,
    since: Timestamp,
    own: &[SeriesId],
    strict: bool,
    coincide: Span,
) -> Vec<Cause> {
    let (from, to) = (
        since - BEFORE,
        if strict {
            Timestamp(since.0 - 1)
        } else {
            since + SEEN_LATE
        },
    );
    let mut groups: BTreeMap<(&str, i64), Vec<&SettingChange>> = BTreeMap::new();
    let changes = shadows.settings.changes().iter().rev();
    for change in changes
        .skip_while(|change| change.at > to)
        .take_while(|change| change.at >= from)
    {
        if change.id.resource == *resource && !own.contains(&change.id) {
            let slot = change.at.floor(TOGETHER).0;
            groups.entry((scope_of(&change.id), slot)).or_default().push(change);
        }
    }
    let mut causes: Vec<Cause> = groups
        .into_values()
        .filter_map(|group| setting_cause(shadows, &group, since, coincide))
        .collect();
    let events = shadows.events.iter().rev();
    for event in events
        .skip_while(|event| event.at > to)
        .take_while(|event| event.at >= from)
    {
        let strength = strength(event.kind);
        if event.resource == *resource && strength > 0.0 {
            let lead = (since - event.at).max(Span::ZERO);
            let who = event
                .who
                .as_deref()
                .map_or_else(String::new, |who| format!(" by {}", visible(who)));
            causes.push(Cause {
                series: None,
                what: report::line(format!("{}{who}", event.what)),
                at: event.at,
                lead,
                weight: weight(lead, strength, coincide),
            });
        }
    }
    causes
}

fn setting_cause(shadows: &Shadows, group: &[&SettingChange], since: Timestamp, coincide: Span) -> Option<Cause> {
    let bits = |change: &SettingChange| {
        let state = shadows.settings.get(&change.id);
        let same = state.filter(|state| state.last_change.as_ref().is_some_and(|last| last.at == change.at));
        same.map_or(UNSEEN, |state| state.bits).max(1.0)
    };
    let head = group
        .iter()
        .max_by(|a, b| bits(a).total_cmp(&bits(b)).then_with(|| b.id.cmp(&a.id)))?;
    let lead = (since - head.at).max(Span::ZERO);
    let what = match group.len() {
        1 => report::change(head),
        count => report::line(format!("{count} settings of {} changed", scope_of(&head.id))),
    };
    Some(Cause {
        series: Some(head.id.clone()),
        what,
        at: head.at,
        lead,
        weight: weight(lead, bits(head), coincide),
    })
}

/// How much an event by itself speaks for being a cause, in bits: judged by hand until the ledger can tell.
fn strength(kind: EventKind) -> f64 {
    match kind {
        EventKind::Deploy => 10.0,
        EventKind::Package | EventKind::Service => 8.0,
        EventKind::Kernel => 5.0,
        EventKind::Login => 1.0,
        EventKind::Log => 0.5,
        EventKind::Collector => 0.0,
    }
}

/// Strength that fades with the time between cause and effect; down to 37 % after `coincide`.
fn weight(lead: Span, strength: f64, coincide: Span) -> f64 {
    let fade = (-lead.secs_f64() / coincide.secs_f64().max(1.0)).exp();
    if strength.is_finite() {
        strength.max(0.0) * fade
    } else {
        0.0
    }
}

/// Turns strengths into shares that leave room for what is not watched, and keeps those worth naming, largest first.
fn shares(mut causes: Vec<Cause>) -> Vec<Cause> {
    let total = UNSEEN + causes.iter().map(|cause| cause.weight).sum::<f64>();
    for cause in &mut causes {
        cause.weight /= total;
    }
    causes.retain(|cause| cause.weight >= NAMED.1);
    causes.sort_by(|a, b| {
        b.weight
            .total_cmp(&a.weight)
            .then_with(|| b.at.cmp(&a.at))
            .then_with(|| Arc::cmp(&a.what, &b.what))
    });
    causes.truncate(NAMED.0);
    causes
}
