//! How far, how urgent, how sure: one place for each of these judgements.

use std::{cmp::Ordering, collections::BTreeSet};

use super::{
    cause,
    family::detail,
    group::Departed,
    report,
    room::{self, Room},
    slow::What,
};
use crate::{
    domain::{Comparison, DriftOptions, Finding, FindingId, Level, Mark, Severity, Side, Span, Timestamp},
    shadow::{Metric, Shadows},
};

/// Confidence in what was read and not inferred: it is as sure as the source.
pub(super) const CERTAIN: f64 = 0.99;
/// P(two things stand so close by chance) below which they are taken to belong together.
const CHANCE: f64 = 0.1;

/// The drift score of settings that changed together: the surprise of the least likely change in bits, and one more for every
/// doubling of what it touches.
pub(super) fn of_settings(bits: f64, settings: usize) -> f64 {
    bits + (settings.max(1) as f64).log2()
}

/// The drift score of metrics that went off together, on the same scale.
///
/// - a limit that is passed: HIGH, as far above as the surprise says;
/// - one that will be: from MODERATE at the probability it is told from, to HIGH at certainty;
/// - a departure from the shadow: one for every two bits of its surprise, and one for every doubling of the metrics concerned, times its
///   `size`, from 0 to 1;
/// - no data: MODERATE from 8 metrics on.
pub(super) fn of_metrics(mark: Mark, bits: f64, size: f64, crossing: f64, count: usize, options: &DriftOptions) -> f64 {
    let breadth = (count.max(1) as f64).log2();
    match mark {
        Mark::Breach => options.high + bits / 4.0 + breadth,
        Mark::Cross => {
            let told = options.crossing_probability.clamp(0.0, CERTAIN);
            let sure = ((crossing - told) / (CERTAIN - told).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
            options.moderate + (options.high - options.moderate) * sure
        }
        Mark::Stale => (options.moderate - 3.0 + breadth).max(0.0),
        _ => (bits / 2.0 + breadth) * size,
    }
}

/// How much of a departure from `band` since `since` counts, 0 to 1: all of it where it went half of the way that was left to the metric's
/// limit, or to the end of its range or of the host's `room` for it, and in proportion below. `None` for what has none of them.
///
/// Bits tell how sure it is that something is otherwise; how much that matters is a question of the room that is left.
pub(super) fn size(metric: &Metric, room: Option<Room>, band: Option<(f64, f64)>, since: Timestamp) -> Option<f64> {
    let (low, high) = band?;
    let (lo, hi) = metric.meta.range();
    // Of what is beyond its room already (a load above the processors) all counts.
    let hi = room.map_or(hi, |room| hi.min(room.end.max(high)));
    let part = |side: Side, from: f64, end: f64| {
        let values = metric.recent.iter().rev().take_while(|seen| seen.at >= since);
        let gone = values
            .map(|seen| side.upright(seen.value) - side.upright(from))
            .fold(0.0, f64::max);
        let limit = metric.limit.as_ref().filter(|limit| limit.side == side);
        let limit = limit.map(|limit| limit.value);
        let left = |end: f64| side.upright(end) - side.upright(from);
        let end = limit.filter(|limit| left(*limit) > 0.0).unwrap_or(end);
        (gone, gone / left(end).max(f64::MIN_POSITIVE), end)
    };
    let (above, below) = (part(Side::Above, high, hi), part(Side::Below, low, lo));
    let (_, part, end) = if above.0 >= below.0 { above } else { below };
    end.is_finite().then(|| (2.0 * part).clamp(0.0, 1.0))
}

/// The side of `band` (where there is none: of what was expected of each) that the values of `metric` since `since` went out to; the farther
/// one, `None` where they did not.
#[must_use]
pub fn went(metric: &Metric, band: Option<(f64, f64)>, since: Timestamp) -> Option<Side> {
    let (mut above, mut below) = (0.0f64, 0.0f64);
    for seen in metric.recent.iter().rev().take_while(|seen| seen.at >= since) {
        let expected = seen.band.map(|band| (f64::from(band[1]), f64::from(band[3])));
        if let Some((low, high)) = band.or(expected) {
            above = above.max(seen.value - high);
            below = below.max(low - seen.value);
        }
    }
    match above.total_cmp(&below) {
        Ordering::Greater => Some(Side::Above),
        Ordering::Less => Some(Side::Below),
        Ordering::Equal => None,
    }
}

/// Whether metrics that are off together, the telling one first, are only better than expected. Nobody knows that while one is among them of which less may
/// be as bad as more: traffic that came to nothing. Parts and processes only explain what the others say.
pub(super) fn eases(members: &[Departed], shadows: &Shadows) -> bool {
    let side = |member: &Departed| {
        let metric = shadows.metrics.get(&member.id)?;
        // What takes of a room that is there is worse for more.
        let room = || room::of(shadows, metric).map(|_| Side::Above);
        Some((metric, metric.meta.worse().or_else(room)?))
    };
    let better = |member: &Departed| match (side(member), member.slow) {
        (None, _) => None,
        (Some((_, worse)), Some(slow)) => match slow.what {
            What::Level { above, .. } => Some(above != (worse == Side::Above)),
            // Nobody knows which is better.
            What::Stuck { .. } | What::Moves { .. } => Some(false),
        },
        (Some((metric, worse)), None) => Some(went(metric, member.band, member.since)? != worse),
    };
    let explains = |member: &Departed| {
        let process = shadows.metrics.get(&member.id).is_some_and(|one| one.meta.of_process());
        process || detail(&member.id.name)
    };
    let known = |member: &Departed| side(member).is_some() || explains(member);
    let departed = |member: &Departed| matches!(member.mark, Mark::Odd | Mark::Drift);
    members
        .iter()
        .all(|member| departed(member) && known(member) && better(member) != Some(false))
        && better(&members[0]) == Some(true)
}

/// LOW, MODERATE or HIGH by the thresholds of the options.
pub(super) fn level(score: f64, options: &DriftOptions) -> Level {
    if score >= options.high {
        Level::High
    } else if score >= options.moderate {
        Level::Moderate
    } else {
        Level::Low
    }
}

/// How urgent by itself: what is passed now is critical, what drifted a little is for the record.
pub(super) fn severity(mark: Mark, level: Level) -> Severity {
    match (mark, level) {
        (Mark::Breach, _) => Severity::Critical,
        (Mark::Drift | Mark::Stale, Level::Low) => Severity::Notice,
        _ => Severity::Warning,
    }
}

/// How urgent metrics are that are off together, the telling one first. What `eases` is for the record. Of what days are asked about that is a warning which stays worse than on any
/// of them; all else is otherwise, and for the record.
pub(super) fn urgency(members: &[Departed], level: Level, eases: bool) -> Severity {
    let head = &members[0];
    match head.slow {
        _ if eases => Severity::Notice,
        Some(_) if members.iter().any(|member| member.lasting) => Severity::Warning,
        Some(_) => Severity::Notice,
        None => severity(head.mark, level),
    }
}

/// P(a departure is real), with `evidence` bits against the shadow, told from `level` on.
///
/// By Bayes' rule with one real departure a week on a host before anything was seen, against false ones: as many as were
/// accepted, halved by every bit beyond the level. What the series' own shadow claims counts for less when its 95 % band
/// held less than 95 %.
pub(super) fn confidence(metric: &Metric, evidence: f64, level: f64, options: &DriftOptions) -> f64 {
    let false_alarms = options.false_alarms_per_week.max(0.0) * (level - evidence).min(0.0).exp2();
    let believed = 1.0 / (1.0 + false_alarms);
    let held = metric.shadow.held();
    let honest = if held.scored < 20 {
        1.0
    } else {
        (held.held95 / 0.95).clamp(0.0, 1.0)
    };
    (believed * honest).clamp(0.0, CERTAIN)
}

/// P(a crossing is real): the probability the paths gave, less when the shadow's 80 % band held less than 80 %.
pub(super) fn crossing_confidence(metric: &Metric, probability: f64) -> f64 {
    let held = metric.shadow.held();
    let honest = if held.scored < 20 {
        1.0
    } else {
        (held.held80 / 0.8).clamp(0.0, 1.0)
    };
    (probability * honest).clamp(0.0, CERTAIN)
}

/// Drift of a setting and a departure of a metric of the same resource that begin close to each other, the setting's first as far as is
/// known, are critical, when that is hardly chance (what is worth no more than a line is no proof): closer than `span`, and so close by chance less than once in ten such times, as often as settings change here.
///
/// `known` holds the pairs, as setting and metric: they stay critical for as long as both findings hold.
pub(super) fn coincide(
    findings: &mut [Finding],
    known: &mut BTreeSet<(FindingId, FindingId)>,
    shadows: &Shadows,
    span: Span,
) {
    let place = |id: FindingId| findings.iter().position(|finding| finding.id == id);
    known.retain(|(setting, metric)| place(*setting).is_some() && place(*metric).is_some());
    let settings = findings
        .iter()
        .filter(|one| one.comparison == Comparison::DeclaredActual);
    for setting in settings {
        for metric in findings
            .iter()
            .filter(|one| one.comparison != Comparison::DeclaredActual)
        {
            let departed = matches!(metric.mark, Mark::Odd | Mark::Drift | Mark::Breach) && metric.level > Level::Low;
            let pair = (setting.id, metric.id);
            if !departed || setting.resource != metric.resource || known.contains(&pair) {
                continue;
            }
            let apart = |from: Timestamp, to: Timestamp| from.max(to) - from.min(to);
            // The setting may have changed at any time since it was last confirmed; after the departure is no cause of it.
            let earliest = setting.earliest.unwrap_or(setting.since);
            let nearest = setting.since.min(metric.since.max(earliest));
            let farthest = apart(setting.since, metric.since).max(apart(earliest, metric.since));
            let chance = || cause::by_chance(shadows, &setting.resource, setting.since, farthest);
            if earliest <= metric.since && apart(nearest, metric.since) <= span && chance() < CHANCE {
                known.insert(pair);
            }
        }
    }
    let pairs: Vec<(usize, usize)> = known
        .iter()
        .filter_map(|(setting, metric)| Some((place(*setting)?, place(*metric)?)))
        .collect();
    for (setting, metric) in pairs {
        for (one, other) in [(setting, metric), (metric, setting)] {
            let text = format!(
                "coincides with {}, {}",
                findings[other].series[0].name,
                report::apart(findings[other].since - findings[one].since)
            );
            findings[one].severity = Severity::Critical;
            findings[one].evidence.push(report::line(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::Unit,
        drift::sample::{self, above, at},
    };

    #[test]
    fn what_nearly_all_paths_say_is_certain() {
        let options = crate::domain::Options::default().drift;
        let of = |crossing: f64| level(of_metrics(Mark::Cross, 0.0, 1.0, crossing, 1, &options), &options);
        // Of 400 paths one or two end elsewhere by chance.
        assert_eq!((of(0.99), of(0.995), of(1.0)), (Level::High, Level::High, Level::High));
        assert_eq!(
            (of(options.crossing_probability), of(0.95)),
            (Level::Moderate, Level::Moderate)
        );
        let late = crate::domain::DriftOptions {
            crossing_probability: 1.0,
            ..options
        };
        assert!(of_metrics(Mark::Cross, 0.0, 1.0, 1.0, 1, &late).is_finite());
    }

    #[test]
    fn a_departure_counts_by_the_room_it_takes() {
        let size = |unit: Unit, limit: Option<f64>, value: f64| {
            let mut metric = sample::metric("mem.used_pct", unit);
            metric.limit = limit.and_then(above);
            sample::seen(&mut metric, 0, value, 40.0);
            super::size(&metric, None, Some((34.0, 36.0)), at(0))
        };
        let near =
            |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < 1e-3, "{found:?} {wanted}");
        near(size(Unit::Percent, Some(90.0), 37.1), 0.041);
        near(size(Unit::Percent, Some(90.0), 63.0), 1.0);
        near(size(Unit::Percent, None, 52.0), 0.5);
        near(size(Unit::Percent, None, 17.0), 1.0);
        near(size(Unit::Percent, Some(30.0), 52.0), 0.5);
        near(size(Unit::BytesPerSec, None, 0.0), 1.0);
        assert_eq!(
            size(Unit::BytesPerSec, None, 1e6),
            None,
            "nobody knows how much there may be"
        );
        assert_eq!(
            super::size(&sample::metric("a.b", Unit::Percent), None, None, at(0)),
            None
        );
        let mut threads = sample::metric("threads.count", Unit::Count);
        sample::seen(&mut threads, 0, 1_600.0, 40.0);
        let of = |end: f64| {
            let room = Room { end, matters: 0.0 };
            super::size(&threads, Some(room), Some((500.0, 600.0)), at(0))
        };
        near(of(32_768.0), 0.062);
        near(of(2_000.0), 1.0);
        // The same surprise, and as many metrics.
        let options = crate::domain::Options::default().drift;
        let of = |size: f64| level(of_metrics(Mark::Odd, 40.0, size, 0.0, 2, &options), &options);
        assert_eq!((of(0.04), of(0.4), of(1.0)), (Level::Low, Level::Moderate, Level::High));
    }
}
