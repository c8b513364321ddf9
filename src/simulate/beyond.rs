//! How long a metric is beyond its limit, without the changes and with them.

use super::Outcome;
use crate::domain::{Forecast, Limit, SeriesId, Side, Span};

/// Time beyond a limit within the horizon: least, middle and most (80 %).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// Without the changes.
    pub before: [Span; 3],
    /// With them.
    pub after: [Span; 3],
}

impl Outcome {
    /// How long `id` is beyond `limit` along the 10, 50 and 90 % paths of its bands; `None` when the outcome says nothing of it.
    #[must_use]
    pub fn beyond(&self, id: &SeriesId, limit: &Limit) -> Option<Beyond> {
        let (_, before, after) = self.bands.iter().find(|(theirs, ..)| theirs == id)?;
        Some(Beyond {
            before: beyond(before, limit, self.horizon),
            after: beyond(after, limit, self.horizon),
        })
    }
}

fn beyond(forecast: &Forecast, limit: &Limit, horizon: Span) -> [Span; 3] {
    // The path farthest from the limit is beyond it for the least time.
    let levels = match limit.side {
        Side::Above => [2, 6, 10],
        Side::Below => [10, 6, 2],
    };
    levels.map(|level| {
        let steps = forecast.steps.iter().filter(|step| limit.broken_by(step.0[level]));
        (forecast.step * steps.count() as i64).min(horizon)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChangeSet, LEVELS, Quantiles, Timestamp};

    #[test]
    fn the_time_beyond_a_limit_is_counted_along_three_paths() {
        let id: SeriesId = "host:a/mem.available_pct".parse().unwrap();
        let forecast = |middles: [f64; 4]| Forecast {
            start: Timestamp(0),
            step: Span::from_mins(10),
            steps: middles
                .map(|middle| Quantiles(LEVELS.map(|level| middle + level - 0.5)))
                .to_vec(),
            points: 100,
            tested: Span::ZERO,
        };
        let outcome = Outcome {
            changes: ChangeSet::default(),
            at: Timestamp(0),
            horizon: Span::from_mins(40),
            seed: 7,
            runs: 256,
            effects: Vec::new(),
            bands: vec![(id.clone(), forecast([4.0; 4]), forecast([4.0, 4.8, 5.2, 6.0]))],
            no_evidence: Vec::new(),
            notes: Vec::new(),
            inside_seen: true,
            actual: false,
        };
        let limit = Limit {
            value: 5.0,
            side: Side::Below,
            by: "test".into(),
        };
        let found = outcome.beyond(&id, &limit).unwrap();
        assert_eq!(found.before, [Span::from_mins(40); 3]);
        assert_eq!(found.after, [10, 20, 30].map(Span::from_mins));
        let above = Limit {
            side: Side::Above,
            ..limit
        };
        assert_eq!(
            outcome.beyond(&id, &above).unwrap().after,
            [10, 20, 30].map(Span::from_mins)
        );
        assert_eq!(outcome.beyond(&"host:a/b".parse().unwrap(), &above), None);
    }
}
