//! What changes that were seen were expected to do, and what they did.

use std::collections::BTreeMap;

use super::{State, Step};
use crate::{
    domain::{
        Change, ChangeSet, Claim, Prediction, Scored, SettingChange, Span, Step as Line, Timestamp, Unit, text::visible,
    },
    simulate::{Ask, SETTLED, moved, what_if},
    store::AuditEntry,
};

/// Changes of one resource looked at in a step; more came by one deed, and what one of them does is not told from the others.
const MOST: usize = 16;
/// A change seen later than this after it was made has begun to work: what is said of it then is no promise.
const FRESH: Span = Span::from_mins(5);

/// Asks what the changes just seen would do by what was known before them. What moves most, if anything is told to, is a promise:
/// it goes to the ledger.
pub(super) fn promise(state: &mut State, changes: &[SettingChange], now: Timestamp, seed: u64) {
    let fresh = |change: &&SettingChange| change.at <= now && now - change.at <= FRESH;
    if !changes.iter().any(|change| fresh(&change)) {
        return;
    }
    let mut first_changed: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for old in state.shadows.settings.changes() {
        let first = first_changed.entry(&old.id.name).or_insert(old.at);
        *first = old.at.min(*first);
    }
    let known = |change: &&SettingChange| {
        first_changed
            .get(&*change.id.name)
            .is_some_and(|first| *first < change.at)
    };
    let mut left: Vec<&SettingChange> = changes.iter().filter(fresh).filter(known).collect();
    while let Some(first) = left.first().copied() {
        let (ours, others) = left
            .into_iter()
            .partition(|change: &&SettingChange| change.id.resource == first.id.resource);
        left = others;
        let lines = ours.iter().take(MOST).map(|change| Line {
            change: Change::Setting {
                id: change.id.clone(),
                from: change.from.clone(),
                to: change.to.clone(),
            },
            at: None,
            on: true,
        });
        let changes = ChangeSet { steps: lines.collect() };
        // As of just before: the change itself is no evidence of what it does.
        let ask = Ask {
            changes: &changes,
            about: &[],
            horizon: SETTLED,
            now: first.at - Span(1),
            seed,
            weeks: false,
        };
        let outcome = what_if(&state.shadows, &ask);
        let Some(effect) = outcome.effects.first() else {
            continue;
        };
        state.ledger.predict(Prediction {
            series: effect.series.clone(),
            made_at: first.at,
            due: first.at + SETTLED,
            claim: Claim::Moves {
                setting: first.id.clone(),
                by: effect.difference,
            },
        });
    }
}

/// Measures what changes did whose time has come, and says it beside what was promised.
pub(super) fn verify(state: &mut State, now: Timestamp, out: &mut Step) {
    let shadows = &state.shadows;
    let scored = state.ledger.verify(now, |made| match &made.claim {
        Claim::Moves { setting, .. } => moved(shadows, &made.series, setting, made.made_at, now),
        _ => None,
    });
    let entries = scored.iter().filter_map(|scored| {
        let unit = shadows.metrics.get(&scored.prediction.series)?.meta.unit;
        entry(scored, unit)
    });
    out.write.audit.extend(entries);
    out.write.scored.extend(scored);
}

/// A promise and what came of it, for the audit.
fn entry(scored: &Scored, unit: Unit) -> Option<AuditEntry> {
    let Claim::Moves { setting, by } = &scored.prediction.claim else {
        return None;
    };
    let [low, promised, high] = by.map(|value| unit.signed(value));
    let text = format!(
        "promised {promised}, got {} of {} (80 %: {low} to {high})",
        unit.signed(scored.outcome),
        scored.prediction.series.name
    );
    Some(AuditEntry {
        at: scored.at,
        who: "shadow".into(),
        what: "verify".into(),
        resource: visible(&format!("{} {}", setting.resource.name(), setting.name)).into_owned(),
        result: visible(&text).into_owned(),
    })
}
