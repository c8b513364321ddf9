//! The three comparisons: declared against actual, shadow against actual, shadow's future against a limit.

mod along;
mod author;
mod baseline;
mod cause;
mod declared;
mod deed;
mod family;
mod group;
mod guard;
mod habit;
mod impending;
mod in_force;
mod incidents;
mod lasting;
mod late;
mod limit;
pub(crate) mod process;
#[cfg(test)]
mod quiet;
mod report;
mod rise;
mod room;
mod rule;
#[cfg(test)]
pub(crate) mod sample;
mod score;
mod slow;
mod stale;
mod surprise;
mod usual;
mod weighed;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Comparison, DriftOptions, Finding, FindingId, Options, Seen, SeriesId, Span, Timestamp, matches},
    shadow::{Metric, Shadows},
};

pub use along::along;
pub use baseline::{Baseline, Difference};
pub use cause::thing;
pub use family::{about, detail, prominence};
pub use guard::{opens, weakens};
pub use incidents::{Incident, incidents};

pub use rule::{Issue, Match, found, issues, matching, tried};

pub use declared::{
    Compared, Departure, Learnt, Path, Step, ToolReport, compare, compare_states, departures, rank, shown, told,
};

pub use in_force::Unmet;

use declared::Declared;
pub(crate) use group::stable_hash;
use group::{Departed, Groups};
use in_force::InForce;
use lasting::LastingWatch;
use limit::LimitWatch;
pub(crate) use limit::REACH;
pub use limit::{crossing, passed};
pub use rise::drawn;
pub use score::went;
use slow::SlowWatch;
pub use stale::Sources;
use surprise::SurpriseWatch;

/// A week: the time false alarms are counted over.
const WEEK: Span = Span::from_days(7);

/// What drift remembers between steps: since when each finding holds, and its hysteresis.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DriftState {
    declared: Declared,
    metrics: BTreeMap<SeriesId, MetricWatch>,
    groups: Groups,
    held: BTreeMap<FindingId, Finding>,
    /// Findings of a setting and of a metric that coincided and both hold.
    #[serde(default)]
    coincided: BTreeSet<(FindingId, FindingId)>,
    /// Limits that were passed, or told to be, so far.
    #[serde(default)]
    passed: u32,
    judged: Option<Timestamp>,
    watching: Option<Timestamp>,
    /// When each finding that holds was first told.
    #[serde(default)]
    told: BTreeMap<FindingId, Timestamp>,
    /// Declarations that are not in force.
    #[serde(skip)]
    in_force: InForce,
    /// Known issues.
    #[serde(default)]
    known: rule::Known,
    #[serde(skip)]
    weighed: weighed::Weighed,
}

/// What is remembered of one metric.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct MetricWatch {
    surprise: SurpriseWatch,
    #[serde(default)]
    slow: SlowWatch,
    #[serde(default)]
    lasting: LastingWatch,
    limit: LimitWatch,
    /// Whether it was ever read when it was new. What is read of the past is no silence.
    #[serde(default)]
    live: bool,
}

impl MetricWatch {
    /// Someone says that where the metric is is fine; whether it had gone anywhere.
    fn accept(&mut self) -> bool {
        let far = [self.slow.accept(), self.lasting.accept()];
        for far in far.iter().flatten() {
            self.surprise.allow(*far);
        }
        self.surprise.accept() || far.iter().any(Option::is_some)
    }
}

impl DriftState {
    /// Someone says that where the metrics among `ids` are is fine: their departures are over, and such values are usual from now on.
    /// Gives how many had one that was told.
    pub fn accept(&mut self, ids: &[SeriesId]) -> usize {
        let mut taken = 0;
        for id in ids {
            taken += usize::from(self.metrics.get_mut(id).is_some_and(MetricWatch::accept));
        }
        taken
    }

    /// The declarations that the findings of the last comparison tell to be not in force, and a number that is another when they are others.
    #[must_use]
    pub fn not_in_force(&self) -> (&[Unmet], u64) {
        (self.in_force.found(), self.in_force.version)
    }

    /// Compares all there is and returns the findings that hold at `now`, and those that ended in this step (with `ended` set),
    /// worst first (mark, time left, bits).
    pub fn judge(
        &mut self,
        shadows: &Shadows,
        baseline: &Baseline,
        options: &Options,
        now: Timestamp,
        seed: u64,
    ) -> Vec<Finding> {
        self.note_watching(now);
        let level = level(&options.drift, shadows);
        let departed = self.departed(shadows, options, level, now, seed);
        let groups = self.groups.sort_in(departed, shadows, options.drift.coincide);
        let declared = self
            .declared
            .look(shadows, baseline, options, self.judged.unwrap_or(now), now);

        // What was over and is so again has causes of its own.
        for again in groups.iter().filter(|group| group.again) {
            self.told.remove(&again.id);
            if let Some(before) = self.held.get_mut(&again.id) {
                before.causes.clear();
            }
        }
        let mut findings: Vec<Finding> = groups
            .iter()
            .filter(|group| group.members.iter().any(Departed::speaks))
            .map(|group| report::metric(group, self.held.get(&group.id), shadows, options, now))
            .chain(declared)
            .chain(impending::findings(shadows, options, now))
            .collect();
        let coincide = options.drift.coincide;
        for finding in &findings {
            if self
                .held
                .get(&finding.id)
                .is_some_and(|before| cause::anew(finding, before, coincide))
            {
                self.told.remove(&finding.id);
            }
        }
        let (held, told) = (&self.held, &self.told);
        cause::explain(&mut findings, &mut self.weighed, held, told, shadows, coincide, now);
        score::coincide(&mut findings, &mut self.coincided, shadows, options.drift.coincide);
        self.in_force.tell(&mut findings, shadows, options, now);
        // After the causes and coincidences: that a setting is known to do harm is no change of it.
        self.known.tell(&mut findings, shadows, options, now);
        self.judged = Some(now);
        self.keep(findings, now)
    }

    /// After a pause of the watcher itself (a restart, a suspend) nothing is stale until it had time to come in again.
    fn note_watching(&mut self, now: Timestamp) {
        let paused = self
            .judged
            .is_none_or(|judged| now - judged > stale::LEAST || now < judged);
        if paused {
            self.watching = Some(now);
        }
    }

    /// The metrics that are off at `now`, each with its worst mark.
    fn departed(
        &mut self,
        shadows: &Shadows,
        options: &Options,
        level: f64,
        now: Timestamp,
        seed: u64,
    ) -> Vec<Departed> {
        if !self.metrics.keys().eq(shadows.metrics.keys()) {
            self.metrics.retain(|id, _| shadows.metrics.contains_key(id));
            for id in shadows.metrics.keys() {
                self.metrics.entry(id.clone()).or_default();
            }
        }
        let watching = self.watching.unwrap_or(now);
        let sources = Sources::of(shadows);
        let rare = limit::rarity(shadows, self.passed);
        let slow = slow::Levels::new(&options.drift, shadows);
        let mut departed = Vec::new();
        for (watch, (id, metric)) in self.metrics.values_mut().zip(&shadows.metrics) {
            if sources.left_out(metric) {
                *watch = MetricWatch::default();
                continue;
            }
            // What one process takes is told as a cause: processes come and go, and matter by what they take from the machine.
            if metric.meta.of_process() {
                watch.surprise = SurpriseWatch::default();
            } else {
                let least = || worth(shadows, metric);
                if coarse(metric) {
                    watch.surprise.let_go();
                } else {
                    watch.surprise.look(metric, level, least);
                }
                if watch.slow.due(metric) {
                    watch.slow.look(metric, slow.of(metric), least(), watch.surprise.fine());
                    watch.lasting.look(metric, least(), watch.surprise.fine());
                }
            }
            let silent = stale::silent(metric, now);
            watch.live |= !silent;
            let off = match stale::since(metric, watching, now) {
                Some(since) if watch.live => Some(Departed::stale(id, since)),
                _ if silent => None,
                _ => {
                    let worse = watch.lasting.told().is_some();
                    let look = limit::Look {
                        options,
                        worse,
                        rare,
                        now,
                        seed,
                    };
                    watch.limit.look(metric, look);
                    Departed::worst(metric, watch, level, || slow.of(metric), now)
                }
            };
            departed.extend(off.filter(|_| !muted(id, options)));
        }
        departed
    }

    /// Remembers what holds, adds what ended, and sorts.
    fn keep(&mut self, findings: Vec<Finding>, now: Timestamp) -> Vec<Finding> {
        let before = std::mem::take(&mut self.held);
        let new = findings.iter().filter(|finding| !before.contains_key(&finding.id));
        let limits = new.filter(|finding| {
            finding.comparison == Comparison::FutureLimit && matches!(finding.seen, Seen::Metric { .. })
        });
        self.passed = self.passed.saturating_add(limits.count() as u32);
        self.held = findings.iter().map(|finding| (finding.id, finding.clone())).collect();
        self.told.retain(|id, _| self.held.contains_key(id));
        for id in self.held.keys() {
            self.told.entry(*id).or_insert(now);
        }
        let mut all = findings;
        all.extend(
            before
                .into_iter()
                .filter(|(id, _)| !self.held.contains_key(id))
                .map(|(_, finding)| Finding {
                    ended: Some(now),
                    ..finding
                }),
        );
        all.sort_by(Finding::worst_first);
        all
    }
}

/// Bits from which a value is odd, so that no more than the accepted false alarms are to be expected.
///
/// `series` metrics of one host, each judged every `cadence`. Of n values judged a week, all as the shadow says, n·2^−b have
/// b bits or more; so b = log2(n / accepted), at least 4. A bound and not an estimate: what is told must also last.
#[must_use]
pub fn odd_bits(options: &DriftOptions, series: usize, cadence: Span) -> f64 {
    let values = series as f64 * WEEK.secs_f64() / cadence.secs_f64().max(0.1);
    bits_for(options, values)
}

/// Scales that share the accepted alarms: those of the newest values, and the slow one.
const SCALES: f64 = surprise::SCALES.len() as f64 + 1.0;

/// The level of evidence for the metrics there are, each at its own cadence.
fn level(options: &DriftOptions, shadows: &Shadows) -> f64 {
    let values: f64 = shadows
        .metrics
        .values()
        .map(|metric| WEEK.secs_f64() / metric.meta.cadence.secs_f64().max(0.1))
        .sum();
    bits_for(options, values * SCALES)
}

fn bits_for(options: &DriftOptions, values: f64) -> f64 {
    (values.max(1.0) / accepted(options)).log2().max(4.0)
}

/// False alarms accepted a week; above 0.
fn accepted(options: &DriftOptions) -> f64 {
    let accepted = options.false_alarms_per_week;
    if accepted.is_finite() { accepted.max(1e-6) } else { 1.0 }
}

/// The least that matters to a person besides what its unit says: a share of all there is, of the time that work stood still a
/// twentieth.
fn worth(shadows: &Shadows, metric: &Metric) -> f64 {
    if metric.meta.id.name.starts_with("psi.") {
        return 5.0;
    }
    room::of(shadows, metric).map_or(0.0, |room| room.matters)
}

/// Metrics that come more rarely are judged by days alone: the fast scale tells the unusual by the minutes before, and there are none.
const COARSE: Span = Span::from_mins(1);

/// Whether the values of `metric` come too rarely for the fast scale.
fn coarse(metric: &Metric) -> bool {
    metric.meta.cadence > COARSE
}

/// Whether someone said not to tell of it: the pattern fits its name, or its full name.
fn muted(id: &SeriesId, options: &Options) -> bool {
    options
        .mute
        .iter()
        .any(|pattern| matches(pattern, &id.name) || (pattern.contains('/') && matches(pattern, &id.to_string())))
}

#[cfg(test)]
mod tests;
