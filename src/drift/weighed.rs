//! Candidates for causes, kept while all they rest on is as it was: what was told a moment ago is explained anew in every step, and most
//! steps bring nothing new to explain it by.

use std::collections::BTreeMap;

use super::{cause::Effect, group::stable_hash};
use crate::{
    domain::{Cause, Comparison, Finding, FindingId, Span},
    shadow::Shadows,
};

/// By effect the number of what its candidates rested on, and they.
#[derive(Clone, Debug, Default)]
pub(super) struct Weighed(BTreeMap<FindingId, (u64, Vec<Cause>)>);

impl Weighed {
    /// The candidates for the effect `id`: those weighed `before`, or anew where they rest on something else. What is not asked for again is
    /// forgotten with `before`.
    pub fn of(
        &mut self,
        before: &mut Self,
        id: FindingId,
        rests_on: u64,
        weigh: impl FnOnce() -> Vec<Cause>,
    ) -> Vec<Cause> {
        let kept = before.0.remove(&id).filter(|(on, _)| *on == rests_on);
        let (_, causes) = kept.unwrap_or_else(|| (rests_on, weigh()));
        self.0.insert(id, (rests_on, causes.clone()));
        causes
    }
}

/// A number of all changes, events and deeds there are; another one once there is another of them.
pub(super) fn world(shadows: &Shadows, findings: &[Finding]) -> u64 {
    let events = shadows.events.iter().map(|event| event.at.0 as u64);
    let deeds = findings
        .iter()
        .filter(|finding| finding.comparison == Comparison::DeclaredActual)
        .flat_map(|finding| [finding.id.0, finding.series.len() as u64, text(&finding.summary)]);
    let settings = [shadows.settings.generation(), shadows.events.len() as u64];
    settings.into_iter().chain(events).chain(deeds).fold(0, mix)
}

/// A number of an effect in such a `world`, where things were `watched` for so long and causes lie within `coincide`.
pub(super) fn rests_on(world: u64, effect: &Effect<'_>, watched: Span, coincide: Span) -> u64 {
    let names: Vec<&[u8]> = effect.series.iter().map(|id| id.name.as_bytes()).collect();
    let times = [
        effect.since.0,
        effect.earliest.map_or(i64::MIN, |at| at.0),
        watched.0,
        coincide.0,
    ];
    let parts = [
        u64::from(effect.declared),
        text(effect.resource.as_str()),
        stable_hash(&names),
    ];
    let times = times.map(i64::cast_unsigned);
    parts.into_iter().chain(times).fold(world, mix)
}

fn text(text: &str) -> u64 {
    stable_hash(&[text.as_bytes()])
}

fn mix(held: u64, part: u64) -> u64 {
    (held.rotate_left(7) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Event, EventKind, Timestamp},
        drift::sample::{at, host, setting},
    };

    #[test]
    fn an_effect_is_weighed_anew_when_something_else_is_known_and_else_once() {
        let mut shadows = Shadows::default();
        let (mut weighed, mut times) = (Weighed::default(), 0);
        let mut ask = |shadows: &Shadows, since: Timestamp| {
            let series = [setting("cpu.busy_pct")];
            let effect = Effect {
                resource: &host(),
                series: &series,
                since,
                earliest: None,
                declared: false,
            };
            let on = rests_on(world(shadows, &[]), &effect, Span::from_hours(1), Span::from_mins(2));
            let mut before = std::mem::take(&mut weighed);
            weighed.of(&mut before, FindingId(1), on, || {
                times += 1;
                Vec::new()
            });
            times
        };
        assert_eq!((ask(&shadows, at(0)), ask(&shadows, at(0))), (1, 1));
        assert_eq!((ask(&shadows, at(2)), ask(&shadows, at(2))), (2, 2));
        let event = |at: Timestamp| Event {
            at,
            resource: host(),
            kind: EventKind::Service,
            what: "nginx.service: started".into(),
            who: None,
            backfilled: false,
        };
        shadows.events.extend([event(at(-60)), event(at(-30))]);
        assert_eq!((ask(&shadows, at(2)), ask(&shadows, at(2))), (3, 3));
        // As many as may be held: one that comes goes in for the oldest.
        shadows.events.pop_front();
        shadows.events.push_front(event(at(-40)));
        assert_eq!((ask(&shadows, at(2)), ask(&shadows, at(2))), (4, 4));
    }
}
