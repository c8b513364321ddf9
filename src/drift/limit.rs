//! The shadow's future against a limit, and the value now.

use serde::{Deserialize, Serialize};

use super::{group::stable_hash, rise};
use crate::{
    domain::{Crossing, Limit, Options, Side, Span, Timestamp},
    shadow::Metric,
};

/// Least time between two looks ahead; up to half as much more is added by name, so that not all are due at once.
const EVERY: Span = Span::from_secs(45);
/// Nothing is told further ahead than this many times the history it rests on.
pub(crate) const REACH: i64 = 6;
/// A crossing that was told ends below this share of the probability it is told from.
const LET_GO: f64 = 0.7;
/// Values and time on the right side before a breach has ended.
const BACK: (u32, Span) = (3, Span::from_secs(10));

/// What is remembered of one metric and its limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LimitWatch {
    pub breach: Option<Breach>,
    /// Since when a crossing has been told, and the newest one.
    pub cross: Option<(Timestamp, Crossing)>,
    next_look: Option<Timestamp>,
    limit: Option<Limit>,
}

/// A time on the wrong side of the limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Breach {
    pub since: Timestamp,
    pub last: Timestamp,
    back: u32,
}

impl LimitWatch {
    /// Compares the newest value with the limit, and, when it is time, the forecast.
    pub fn look(&mut self, metric: &Metric, options: &Options, now: Timestamp, seed: u64) {
        if self.limit != metric.limit {
            *self = Self {
                limit: metric.limit.clone(),
                ..Self::default()
            };
        }
        let limit = metric.limit.as_ref().filter(|limit| limit.value.is_finite());
        let (Some(limit), Some(newest)) = (limit, metric.newest()) else {
            return;
        };
        if limit.broken_by(newest.value) {
            let since = self.breach.as_ref().map_or(newest.at, |breach| breach.since);
            self.breach = Some(Breach {
                since,
                last: newest.at,
                back: 0,
            });
            return;
        }
        if let Some(breach) = &mut self.breach {
            breach.back += 1;
            if breach.back < BACK.0 || newest.at - breach.last < BACK.1 {
                return;
            }
            self.breach = None;
        }
        // What runs at the limit is told at once: in a minute it may be there.
        let told = options.drift.crossing_probability;
        let running = rise::crossing(metric, limit, options.horizon).filter(|crossing| crossing.probability >= told);
        if let Some(crossing) = running {
            let since = self.cross.map(|(since, _)| since);
            let since = since.or_else(|| rise::since(metric, limit.side)).unwrap_or(now);
            self.cross = Some((since, crossing));
            self.next_look = Some(now + metric.meta.cadence.min(EVERY) * 2);
            return;
        }
        if self.next_look.is_none_or(|due| now >= due || due - now > EVERY * 2) {
            let spread = Span((stable_hash(&[metric.meta.id.name.as_bytes()]) % (EVERY.0 as u64 / 2)) as i64);
            self.next_look = Some(now + EVERY + spread);
            self.cross = self.ahead(metric, limit, options, now, seed);
        }
    }

    fn ahead(
        &self,
        metric: &Metric,
        limit: &Limit,
        options: &Options,
        now: Timestamp,
        seed: u64,
    ) -> Option<(Timestamp, Crossing)> {
        let (from, to) = metric.shadow.range()?;
        let horizon = options.horizon.min((to - from) * REACH);
        if horizon < Span::from_mins(1) || clear(metric, limit, horizon) {
            return None;
        }
        let crossing = metric.shadow.crossing(limit, horizon, seed)?;
        let told = options.drift.crossing_probability;
        let least = if self.cross.is_some() { told * LET_GO } else { told };
        let since = self.cross.map_or(now, |(since, _)| since);
        (crossing.probability >= least).then_some((since, crossing))
    }
}

/// Whether the forecast's outermost quantile stays clear of the limit, so that sample paths need not be drawn.
fn clear(metric: &Metric, limit: &Limit, horizon: Span) -> bool {
    metric.shadow.forecast(horizon, 6).is_none_or(|forecast| {
        forecast.steps.iter().all(|step| match limit.side {
            Side::Above => step.band95().1 < limit.value,
            Side::Below => step.band95().0 > limit.value,
        })
    })
}
