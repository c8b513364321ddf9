//! From what a source read to observations: every metric is told of once, counters become rates.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only the sources of Linux use all of it")
)]

use std::sync::Arc;

use super::Host;
use crate::domain::{
    Batch, Limit, MetricKind, MetricMeta, Observation, Point, ResourceId, SeriesId, Span, Timestamp, Unit,
};

/// What all metrics of one source have in common.
#[derive(Clone)]
pub(super) struct Origin {
    resource: ResourceId,
    source: Arc<str>,
    /// How often the source is read.
    pub(super) cadence: Span,
}

impl Origin {
    /// The origin of the metrics that `source` reads every `cadence`.
    pub(super) fn new(host: &Host, source: &'static str, cadence: Span) -> Self {
        Self {
            resource: host.resource.clone(),
            source: source.into(),
            cadence,
        }
    }

    /// The series `name` of this origin.
    pub(super) fn channel(&self, name: &str, sort: Sort) -> Channel {
        let (unit, kind) = match sort {
            Sort::Gauge(unit) => (unit, MetricKind::Gauge),
            Sort::Signed(unit) => {
                let (lo, hi) = (f64::MIN, f64::MAX);
                (unit, MetricKind::Bounded { lo, hi })
            }
            Sort::Percent => (Unit::Percent, MetricKind::Bounded { lo: 0.0, hi: 100.0 }),
            Sort::Rate(unit) => (unit, MetricKind::Rate),
        };
        Channel {
            meta: MetricMeta {
                id: SeriesId::new(&self.resource, name),
                unit,
                kind,
                cadence: self.cadence,
                source: self.source.clone(),
                limit: None,
            },
            told: None,
            before: None,
        }
    }
}

/// How the number a source read becomes a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sort {
    /// As it is.
    Gauge(Unit),
    /// As it is, on either side of zero.
    Signed(Unit),
    /// As it is, kept within 0..=100.
    Percent,
    /// The number is a counter: its growth per second.
    Rate(Unit),
}

/// Things a second.
pub(super) const PER_SEC: Sort = Sort::Rate(Unit::PerSec);
/// Bytes a second.
pub(super) const BYTES_PER_SEC: Sort = Sort::Rate(Unit::BytesPerSec);
/// Whole things.
pub(super) const COUNT: Sort = Sort::Gauge(Unit::Count);
/// Bytes.
pub(super) const BYTES: Sort = Sort::Gauge(Unit::Bytes);

/// A metric that was not told for this long is told of anew.
const AGAIN: Span = Span::from_hours(1);
/// Cadences after which a reading says nothing of the time since: more than twice as many as a source that takes too much is read rarely by.
pub(super) const OLD: i64 = 40;

/// One metric.
pub(super) struct Channel {
    meta: MetricMeta,
    /// When it was last told; `None` when what it is has to be told with the next value.
    told: Option<Timestamp>,
    /// The counter at the last reading.
    before: Option<(Timestamp, f64)>,
}

impl Channel {
    /// Tells the number read at `now`: the value itself, or the rate since the reading before.
    ///
    /// There is no rate at the first reading, when the counter or the clock went back, or when the last reading is more than
    /// [`OLD`] cadences old (the host slept, or the clock jumped): a mean over that long would be told as a value of now.
    pub(super) fn tell(&mut self, now: Timestamp, read: f64, out: &mut Batch) {
        let value = match self.meta.kind {
            MetricKind::Rate | MetricKind::Counter => {
                let Some((then, count)) = self.before.replace((now, read)) else {
                    return;
                };
                let passed = now - then;
                if passed <= Span::ZERO || passed > self.meta.cadence * OLD || read < count {
                    return;
                }
                (read - count) / passed.secs_f64()
            }
            MetricKind::Bounded { lo, hi } => read.clamp(lo, hi),
            MetricKind::Gauge => read,
        };
        if !value.is_finite() {
            return;
        }
        // Whoever listens forgets what was not told for long.
        if self.told.is_none_or(|told| now - told > AGAIN) {
            out.metrics.push(self.meta.clone());
        }
        self.told = Some(now);
        out.observations.push(Observation {
            id: self.meta.id.clone(),
            point: Point { at: now, value },
        });
    }

    /// The same with a limit that comes with it.
    pub(super) fn limited(mut self, limit: Limit) -> Self {
        self.meta.limit = Some(limit);
        self
    }

    /// Whether it was told of before.
    pub(super) fn begun(&self) -> bool {
        self.told.is_some()
    }

    /// Takes a new cadence, which is told with the next value.
    pub(super) fn pace(&mut self, cadence: Span) {
        if self.meta.cadence != cadence {
            self.meta.cadence = cadence;
            self.told = None;
        }
    }
}

/// One metric taken from a `T`.
pub(super) struct Column<T> {
    /// The last part of its name.
    pub(super) name: &'static str,
    /// How the number becomes a value.
    pub(super) sort: Sort,
    /// The number, where the system has it.
    pub(super) of: fn(&T) -> Option<f64>,
}

/// The metrics that are taken together from one `T` (one disk, one interface).
pub(super) struct Meter<T: 'static> {
    columns: &'static [Column<T>],
    channels: Vec<Channel>,
}

impl<T> Meter<T> {
    /// The metrics `columns`, their names behind `prefix`.
    pub(super) fn new(origin: &Origin, prefix: &str, columns: &'static [Column<T>]) -> Self {
        Self {
            columns,
            channels: columns
                .iter()
                .map(|column| origin.channel(&format!("{prefix}{}", column.name), column.sort))
                .collect(),
        }
    }

    /// Tells all of them as `read` has them.
    pub(super) fn tell(&mut self, now: Timestamp, read: &T, out: &mut Batch) {
        for (column, channel) in self.columns.iter().zip(&mut self.channels) {
            if let Some(number) = (column.of)(read) {
                channel.tell(now, number, out);
            }
        }
    }
}

/// A counter or gauge that the system itself names: section (may be empty) and key, then the metric's name.
pub(super) type Keyed = (&'static str, &'static str, &'static str, Sort);

/// The metrics taken from a file of named numbers.
pub(super) struct KeyedMeter {
    keys: &'static [Keyed],
    channels: Vec<Channel>,
}

impl KeyedMeter {
    /// The metrics `keys`.
    pub(super) fn new(origin: &Origin, keys: &'static [Keyed]) -> Self {
        Self {
            keys,
            channels: keys.iter().map(|key| origin.channel(key.2, key.3)).collect(),
        }
    }

    /// Tells the metric of `key` in `section`, if it is one of ours and `number` is a number.
    pub(super) fn tell(&mut self, now: Timestamp, section: &str, key: &str, number: &str, out: &mut Batch) {
        let Some(place) = self.keys.iter().position(|k| k.1 == key && k.0 == section) else {
            return;
        };
        if let Ok(number) = number.parse() {
            self.channels[place].tell(now, number, out);
        }
    }
}

/// `part` of `whole` in percent; `None` without a whole.
pub(super) fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| 100.0 * part / whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channel(sort: Sort) -> Channel {
        let origin = Origin {
            resource: ResourceId::new("host", "t"),
            source: "t".into(),
            cadence: Span::from_secs(2),
        };
        origin.channel("x\u{1b}y", sort)
    }

    fn values(sort: Sort, reads: &[(i64, f64)]) -> Vec<f64> {
        let (mut channel, mut out) = (channel(sort), Batch::default());
        for (secs, read) in reads {
            channel.tell(Timestamp::from_secs(*secs), *read, &mut out);
        }
        assert!(out.metrics.len() <= 1);
        out.observations.iter().map(|o| o.point.value).collect()
    }

    #[test]
    fn a_counter_gives_no_rate_at_first_after_a_reset_or_over_a_gap() {
        let reads = [
            (0, 100.0),
            (2, 120.0),
            (4, 5.0),
            (6, 7.0),
            (600, 900.0),
            (602, 900.0),
            (601, 950.0),
        ];
        assert_eq!(values(PER_SEC, &reads), [10.0, 1.0, 0.0]);
        // Read sixteen times as rarely as asked, as where the budget is used up.
        assert_eq!(values(PER_SEC, &[(0, 0.0), (32, 64.0), (64, 96.0)]), [2.0, 1.0]);
    }

    #[test]
    fn numbers_that_are_none_are_left_out_and_percentages_stay_in_bounds() {
        assert_eq!(values(COUNT, &[(0, f64::NAN), (2, f64::INFINITY), (4, 3.0)]), [3.0]);
        assert_eq!(values(Sort::Percent, &[(0, 100.4), (2, -1.0)]), [100.0, 0.0]);
    }

    #[test]
    fn a_name_from_the_system_holds_no_escape() {
        let mut out = Batch::default();
        channel(COUNT).tell(Timestamp(0), 1.0, &mut out);
        assert!(!out.metrics[0].id.name.chars().any(char::is_control));
    }

    proptest! {
        #[test]
        fn rates_are_never_negative(reads in prop::collection::vec((0i64..100, 0f64..1e18), 0..30)) {
            prop_assert!(values(PER_SEC, &reads).iter().all(|rate| *rate >= 0.0 && rate.is_finite()));
        }
    }
}
