//! How far, how urgent, how sure: one place for each of these judgements.

use std::collections::BTreeSet;

use super::{cause, report};
use crate::{
    domain::{Comparison, DriftOptions, Finding, FindingId, Level, Mark, Severity, Span, Timestamp},
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
/// - a departure from the shadow: one for every two bits of its surprise, and one for every doubling of the metrics concerned;
/// - no data: MODERATE from 8 metrics on.
pub(super) fn of_metrics(mark: Mark, bits: f64, crossing: f64, count: usize, options: &DriftOptions) -> f64 {
    let breadth = (count.max(1) as f64).log2();
    match mark {
        Mark::Breach => options.high + bits / 4.0 + breadth,
        Mark::Cross => {
            let told = options.crossing_probability.clamp(0.0, 0.99);
            let sure = ((crossing - told) / (1.0 - told)).clamp(0.0, 1.0);
            options.moderate + (options.high - options.moderate) * sure
        }
        Mark::Stale => (options.moderate - 3.0 + breadth).max(0.0),
        _ => bits / 2.0 + breadth,
    }
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

/// Drift of a setting and a departure of a metric of the same resource that begin close to each other are critical, when that is
/// hardly chance (what is worth no more than a line is no proof): closer than `span`, and so close by chance less than once in ten such times, as often as settings change here.
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
            // The setting may have changed at any time since it was last confirmed.
            let nearest = setting
                .since
                .min(metric.since.max(setting.earliest.unwrap_or(setting.since)));
            let farthest =
                apart(setting.since, metric.since).max(apart(setting.earliest.unwrap_or(setting.since), metric.since));
            let chance = || cause::by_chance(shadows, &setting.resource, setting.since, farthest);
            if apart(nearest, metric.since) <= span && chance() < CHANCE {
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
