//! What may have brought a finding about: what changed, happened or left its shadow shortly before it began.
//!
//! Each candidate is weighed against chance (Bayes' rule in odds): how likely is it to stand this close before the effect if it is
//! the cause, and how likely if such things merely happen as often as they do here.

mod event;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    author,
    baseline::scope_of,
    deed::{self, TOGETHER},
    late, process, report,
    score::CERTAIN,
    weighed::{Weighed, rests_on, world},
};
use crate::{
    domain::{
        Cause, Comparison, Event, EventKind, Finding, FindingId, Mark, ResourceId, SeriesId, SettingChange, Span,
        Subject, Timestamp,
    },
    shadow::Shadows,
};

/// How far back causes are looked for.
const BEFORE: Span = Span::from_hours(1);
/// How late a change may be read where it is not known when its setting was last confirmed: settings are read once a minute.
const SEEN_LATE: Span = Span::from_secs(60);
/// A finding told for no longer than this is explained anew in every step, for what is seen late; then its causes stay.
const FRESH: Span = Span::from_mins(3);
/// Causes named at most, and the least weight that is worth a person's time. "No cause found" is an answer.
const NAMED: (usize, f64) = (3, 0.25);
/// P(a change of settings has an effect that is seen); by hand, until the ledger can tell.
const SETTING: f64 = 0.15;
/// The same where a service was reloaded or restarted for it: it has reached what runs.
const APPLIED: f64 = 0.3;
/// P(a metric that left its shadow makes others leave theirs).
const DEPARTED: f64 = 0.3;
/// How much more likely a cause is that bears the name of what it acts on.
const NAMESAKE: f64 = 10.0;
/// The time over which is counted how often things happen.
const COUNTED: Span = Span::from_hours(24);
/// The least time that counts as watched.
const WATCHED: Span = Span::from_mins(10);

/// Gives each finding its causes. Findings that `held` before keep theirs once they have been `told` for a while; what was `weighed` for the
/// others serves again while nothing else is known.
pub(super) fn explain(
    findings: &mut [Finding],
    weighed: &mut Weighed,
    held: &BTreeMap<FindingId, Finding>,
    told: &BTreeMap<FindingId, Timestamp>,
    shadows: &Shadows,
    coincide: Span,
    now: Timestamp,
) {
    // What left its shadow and then ran into its limit is one thing, though it is now dated anew: what brought it about stays, unless
    // something likelier is known to have.
    let stays = |finding: &Finding| {
        let old = told.get(&finding.id).is_some_and(|told| now - *told > FRESH);
        held.get(&finding.id).filter(|_| old)
    };
    let all_stay = findings.iter().all(|finding| stays(finding).is_some());
    let known: &[Finding] = if all_stay { &[] } else { findings };
    let departures: Vec<(SeriesId, Timestamp)> = known
        .iter()
        .filter(|finding| finding.comparison != Comparison::DeclaredActual)
        .filter(|finding| !matches!(finding.mark, Mark::Cross | Mark::Stale) && !by_calendar(&finding.series[0]))
        .map(|finding| (finding.series[0].clone(), finding.since))
        .collect();
    let deeds: BTreeMap<SeriesId, (FindingId, Arc<str>)> = known
        .iter()
        .filter(|finding| finding.comparison == Comparison::DeclaredActual)
        .flat_map(|finding| {
            let told = (finding.id, finding.summary.clone());
            finding.series.iter().map(move |id| (id.clone(), told.clone()))
        })
        .collect();
    let certificates: Vec<(ResourceId, Arc<str>, Cause)> = known.iter().flat_map(certificates).collect();
    let (world, mut before) = (world(shadows, known), std::mem::take(weighed));
    for finding in findings {
        if let Some(before) = stays(finding) {
            finding.causes.clone_from(&before.causes);
            author::date(finding);
            continue;
        }
        if finding.mark == Mark::Stale {
            continue;
        }
        if by_calendar(&finding.series[0]) {
            finding.causes = brought(finding, &certificates);
            continue;
        }
        let deed = author::deed(finding, shadows).map(|deed| vec![deed]);
        if let Some(causes) = deed.or_else(|| Some(shares(late::causes(finding, shadows)?))) {
            finding.causes = causes;
            // Where nothing nearer is known, what brought it out of its shadow brought it to its limit.
            if let Some(before) = held.get(&finding.id).filter(|_| finding.causes.is_empty()) {
                keep(&mut finding.causes, before, finding.since);
            }
            author::date(finding);
            continue;
        }
        let asked = Asked {
            shadows,
            effect: Effect {
                resource: &finding.resource,
                series: &finding.series,
                since: finding.since,
                earliest: finding.earliest,
                declared: finding.comparison == Comparison::DeclaredActual,
            },
            coincide,
            watched: watched(shadows, finding.since),
        };
        let rests_on = rests_on(world, &asked.effect, asked.watched, coincide);
        let mut candidates = weighed.of(&mut before, finding.id, rests_on, || {
            let mut candidates = asked.settings(&deeds);
            candidates.extend(asked.events());
            candidates
        });
        // A setting does not change because a metric did, or only through a person.
        if !asked.effect.declared {
            candidates.extend(asked.departures(&departures));
        }
        candidates.extend(process::takers(shadows, finding));
        let declared = asked.effect.declared;
        finding.causes = shares(candidates);
        if let Some(before) = held.get(&finding.id).filter(|_| !declared) {
            keep(&mut finding.causes, before, finding.since);
        }
    }
}

/// Whether `finding` is dated so much later than `before` that something else may have brought it about.
pub(super) fn anew(finding: &Finding, before: &Finding, coincide: Span) -> bool {
    finding.comparison != Comparison::DeclaredActual && finding.since - before.since > coincide
}

/// Keeps the likeliest cause that was told `before` of a metric's departure, which began at `since`, unless a likelier one is known now:
/// what else happened since makes it less sure, and not untrue.
fn keep(causes: &mut Vec<Cause>, before: &Finding, since: Timestamp) {
    // What a process takes is reckoned anew each time, and it may have ended.
    let held = |old: &&Cause| old.at <= since && !process::is_taker(old);
    let Some(old) = before.causes.first().filter(held) else {
        return;
    };
    let same = |new: &Cause| match (&old.series, &new.series) {
        (Some(old), Some(new)) => old == new,
        (None, None) => old.what == new.what && old.at == new.at,
        _ => false,
    };
    let better = |new: &Cause| same(new) || new.weight > old.weight;
    if !causes.iter().any(better) {
        causes.insert(0, old.clone());
        causes.truncate(NAMED.0);
    }
}

/// Whether a metric only tells how much time is left: what it does is the calendar's doing, and nothing else follows from it.
pub(super) fn by_calendar(id: &SeriesId) -> bool {
    id.name.starts_with("cert.") && id.name.ends_with(".left_secs")
}

/// The certificates that `finding` says were changed or put there, by resource and path, each with that as a cause.
fn certificates(finding: &Finding) -> impl Iterator<Item = (ResourceId, Arc<str>, Cause)> {
    let declared = finding.comparison == Comparison::DeclaredActual && !finding.stands();
    let cause = Cause {
        series: finding.series.first().cloned(),
        what: finding.summary.clone(),
        at: finding.since,
        earliest: finding.earliest,
        lead: Span::ZERO,
        weight: CERTAIN,
    };
    let of = move |id: &SeriesId| match Subject::of(&id.name) {
        Subject::Certificate { path, .. } => Some((id.resource.clone(), path.into(), cause.clone())),
        _ => None,
    };
    finding.series.iter().filter(move |_| declared).filter_map(of)
}

/// What made the calendar's limit come near at once: the very certificate was changed as it came.
fn brought(finding: &Finding, certificates: &[(ResourceId, Arc<str>, Cause)]) -> Vec<Cause> {
    let id = &finding.series[0];
    let path = id
        .name
        .strip_prefix("cert.")
        .and_then(|rest| rest.strip_suffix(".left_secs"));
    let near = |cause: &Cause| cause.at.max(finding.since) - cause.at.min(finding.since) <= TOGETHER;
    let found = certificates
        .iter()
        .find(|(resource, theirs, cause)| *resource == id.resource && path == Some(&**theirs) && near(cause));
    found.map(|(.., cause)| cause.clone()).into_iter().collect()
}

/// The likeliest change or event that explains `effect`, if one is likelier than not.
pub(super) fn likeliest(shadows: &Shadows, effect: Effect<'_>, coincide: Span) -> Option<Cause> {
    let asked = Asked {
        shadows,
        coincide,
        watched: watched(shadows, effect.since),
        effect,
    };
    let mut candidates = asked.settings(&BTreeMap::new());
    candidates.extend(asked.events());
    shares(candidates)
        .into_iter()
        .next()
        .filter(|cause| cause.weight >= 0.5)
}

/// P(a deed stands within `apart` of something else by chance), for deeds as often as they were in the day before `at`.
pub(super) fn by_chance(shadows: &Shadows, resource: &ResourceId, at: Timestamp, apart: Span) -> f64 {
    let watched = watched(shadows, at);
    let rate = deeds_within(shadows, resource, at, watched).max(1) as f64 / watched.secs_f64();
    1.0 - (-rate * apart.secs_f64().max(0.0)).exp()
}

/// How long before `at` things were watched, 10 minutes to a day.
fn watched(shadows: &Shadows, at: Timestamp) -> Span {
    let ranges = shadows.metrics.values().filter_map(|metric| metric.shadow.range());
    let first = ranges.map(|(from, _)| from).min().unwrap_or(at);
    (at - first).clamp(WATCHED, COUNTED)
}

/// Deeds that changed settings of `resource` in the `watched` time before `at`, and a minute after: one a scope and two minutes.
fn deeds_within(shadows: &Shadows, resource: &ResourceId, at: Timestamp, watched: Span) -> usize {
    let changes = shadows.settings.changes().iter().rev();
    let slots: BTreeSet<i64> = changes
        .skip_while(|change| change.at > at + SEEN_LATE)
        .take_while(|change| change.at >= at - watched)
        .filter(|change| change.id.resource == *resource)
        .map(|change| change.at.floor(TOGETHER).0)
        .collect();
    slots.len()
}

/// What is to be explained.
#[derive(Clone, Copy)]
pub(super) struct Effect<'a> {
    pub resource: &'a ResourceId,
    pub series: &'a [SeriesId],
    pub since: Timestamp,
    /// It began after this.
    pub earliest: Option<Timestamp>,
    /// Whether it is a difference of settings itself.
    pub declared: bool,
}

/// An effect, and what is needed to explain it.
struct Asked<'a> {
    shadows: &'a Shadows,
    effect: Effect<'a>,
    coincide: Span,
    watched: Span,
}

impl Asked<'_> {
    /// Odds that what happened between `from` and `to`, a thing of which there were `count`, is the cause, against that it is not.
    ///
    /// A cause acts soon: the time to its effect is exponential with half of `coincide` as its mean. By chance it is as likely at
    /// any time. Nothing that came after the effect is its cause. Of an effect that was read some time after it may have come about, the
    /// time is as unsure as that: what happened in between is near by chance, the likelier the longer that is.
    fn odds(&self, prior: f64, (from, to): (Timestamp, Timestamp), count: usize) -> f64 {
        let since = self.effect.since;
        let mean = (self.coincide.secs_f64() / 2.0).max(1.0);
        let (near, far) = ((since - to.min(since)).secs_f64(), (since - from).secs_f64());
        let unsure = self.effect.earliest.filter(|_| self.effect.declared && from == to);
        let long = unsure.map_or(0.0, |earliest| (since - earliest).secs_f64());
        let soon = if let Some(earliest) = unsure.filter(|_| long >= 1.0) {
            (-(earliest - to.min(earliest)).secs_f64() / mean).exp() / long
        } else if far - near < 1.0 {
            (-near / mean).exp() / mean
        } else {
            ((-near / mean).exp() - (-far / mean).exp()) / (far - near)
        };
        prior * soon * self.watched.secs_f64() / count.max(1) as f64
    }

    fn cause(&self, series: Option<SeriesId>, what: Arc<str>, (from, to): (Timestamp, Timestamp), odds: f64) -> Cause {
        let at = to.min(self.effect.since);
        Cause {
            series,
            what,
            at,
            earliest: (from < at).then_some(from),
            lead: self.effect.since - at,
            weight: odds,
        }
    }

    /// Changes of other settings of the resource that may have come before the effect, newest first.
    fn changes(&self) -> impl Iterator<Item = &SettingChange> {
        let since = self.effect.since;
        let changes = self.shadows.settings.changes().iter().rev();
        let near = changes.take_while(move |change| change.at >= since - BEFORE);
        near.filter(move |change| {
            let here = change.id.resource == *self.effect.resource && !self.effect.series.contains(&change.id);
            // Of two settings that changed between the same readings nobody knows which was first.
            let before = if self.effect.declared {
                change.at < since && earliest(change) < self.effect.earliest.unwrap_or(since)
            } else {
                // A change whose time is known came first, or is no cause.
                change.earliest() <= since
            };
            here && before
        })
    }

    /// Events of the resource in the `span` before the effect, newest first.
    fn events_within(&self, span: Span) -> impl Iterator<Item = &Event> {
        let since = self.effect.since;
        let recent = self.shadows.events.iter().rev();
        recent
            .take_while(move |event| event.at >= since - span)
            .filter(move |event| event.resource == *self.effect.resource && event.at <= since)
    }

    /// Changes of settings, those of one deed as one. `deeds` says which finding a setting is told in.
    fn settings(&self, deeds: &BTreeMap<SeriesId, (FindingId, Arc<str>)>) -> Vec<Cause> {
        let since = self.effect.since;
        let mut groups: BTreeMap<(u64, &str, i64), Vec<&SettingChange>> = BTreeMap::new();
        for change in self.changes() {
            let deed = deeds.get(&change.id).map_or(0, |(id, _)| id.0);
            let (scope, slot) = if deed == 0 {
                (scope_of(&change.id), change.at.floor(TOGETHER).0)
            } else {
                ("", 0)
            };
            groups.entry((deed, scope, slot)).or_default().push(change);
        }
        let count = deeds_within(self.shadows, self.effect.resource, since, self.watched);
        groups
            .into_values()
            .filter_map(|group| {
                let bits =
                    |change: &SettingChange| self.shadows.settings.get(&change.id).map_or(0.0, |state| state.bits);
                let head = group
                    .iter()
                    .max_by(|a, b| bits(a).total_cmp(&bits(b)).then_with(|| b.id.cmp(&a.id)))?;
                let times = (head.earliest(), head.at);
                let what = match (deeds.get(&head.id), group.len()) {
                    (Some((_, told)), 2..) => told.clone(),
                    (_, 1) => report::change(head),
                    (_, count) => report::line(format!("{count} settings of {} changed", scope_of(&head.id))),
                };
                let named = group.iter().any(|change| self.acts_on(&change.id));
                // No setting changes because another one did: whoever changed both is the cause.
                if self.effect.declared && !named {
                    return None;
                }
                let applied = !self.effect.declared
                    && group
                        .iter()
                        .any(|change| self.events_within(BEFORE).any(|event| applies(event, change)));
                let strength = if applied { APPLIED } else { SETTING };
                let prior = if named { strength * NAMESAKE } else { strength };
                Some(self.cause(Some(head.id.clone()), what, times, self.odds(prior, times, count)))
            })
            .collect()
    }

    /// Whether a setting bears a name of the metrics concerned: a mount of its fill, an interface of its traffic.
    fn acts_on(&self, setting: &SeriesId) -> bool {
        let mut things = self.things().peekable();
        // Of thousands of changes at once each is asked: most metrics are of no such thing, and then no name need be taken apart.
        if things.peek().is_none() {
            return false;
        }
        let names = Subject::of(&setting.name).names(None);
        things.any(|thing| names.iter().any(|name| name == thing))
    }

    /// What the metrics concerned are measured on.
    fn things(&self) -> impl Iterator<Item = &str> {
        self.effect.series.iter().filter_map(|id| thing(&id.name))
    }

    /// Metrics that left their shadows before.
    fn departures(&self, departures: &[(SeriesId, Timestamp)]) -> Vec<Cause> {
        let since = self.effect.since;
        departures
            .iter()
            .filter(|(series, at)| {
                let earlier = *at < since && since - *at <= BEFORE;
                let able = self.effect.series.first().is_none_or(|id| acts(&series.name, &id.name));
                earlier && able && series.resource == *self.effect.resource && !self.effect.series.contains(series)
            })
            .map(|(series, at)| {
                let odds = self.odds(DEPARTED, (*at, *at), departures.len());
                let what = report::line(format!("{} left its shadow", series.name));
                self.cause(Some(series.clone()), what, (*at, *at), odds)
            })
            .collect()
    }
}

/// The earliest time that a change may have happened.
fn earliest(change: &SettingChange) -> Timestamp {
    change.after.map_or(change.at - SEEN_LATE, |after| after.min(change.at))
}

/// Whether an event only puts a change into force: a service was reloaded or restarted just after something of its name was set.
fn applies(event: &Event, change: &SettingChange) -> bool {
    // Whether a unit runs, and who listens, follows from what was done; nobody sets it.
    let follows = || {
        matches!(
            Subject::of(&change.id.name),
            Subject::Port { .. }
                | Subject::Unit {
                    part: "state" | "enabled",
                    ..
                }
        )
    };
    event.kind == EventKind::Service
        && event.at >= earliest(change)
        && event.at - change.at <= TOGETHER
        && !follows()
        && deed::names(std::slice::from_ref(&change.id), &event.what)
}

/// The thing a metric is measured on, where its name tells: a mount, an interface, a disk, a service, a container.
#[must_use]
pub fn thing(name: &str) -> Option<&str> {
    let (scope, rest) = name.split_once('.')?;
    let (thing, _) = rest.rsplit_once('.')?;
    matches!(scope, "container" | "disk" | "fs" | "net" | "service").then_some(thing)
}

/// Whether a metric can act on another: a file system is filled by what is written or comes over the network, or empties elsewhere, and not
/// by what processors and memory do.
fn acts(cause: &str, effect: &str) -> bool {
    !effect.starts_with("fs.")
        || ["fs.", "disk.", "net."].iter().any(|scope| cause.starts_with(scope))
        || cause.contains("write")
}

/// Turns odds into shares that leave room for what is not watched, and keeps those worth naming, largest first.
fn shares(mut causes: Vec<Cause>) -> Vec<Cause> {
    causes.retain(|cause| cause.weight.is_finite() && cause.weight > 0.0);
    let total = 1.0 + causes.iter().map(|cause| cause.weight).sum::<f64>();
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
