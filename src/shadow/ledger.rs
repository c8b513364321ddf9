//! The ledger: every prediction shown is scored when its time has come.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::{
    Claim, LEVELS, Point, Prediction, Quantiles, Record, Scored, SeriesId, SettingChange, Side, Span, Timestamp,
};

/// Which claim of a series: its sort, and for crossings the limit and its side (bits of it, so that it has an order).
type Sort = (u8, u64);

/// Predictions that wait for their time, and the track record of those whose time came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    open: BTreeMap<SeriesId, BTreeMap<(Timestamp, Sort), Waiting>>,
    /// The same by time, for settling.
    due: BTreeSet<(Timestamp, SeriesId, Sort)>,
    newest: BTreeMap<SeriesId, Point>,
    records: BTreeMap<(u8, u8), Tally>,
    crossings: BTreeMap<SeriesId, (u64, u64)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Waiting {
    prediction: Prediction,
    /// The newest value when it was made: the plain forecast.
    naive: Option<f64>,
}

/// Decayed means of what was scored.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Tally {
    scored: u64,
    held80: f64,
    held95: f64,
    loss: f64,
    naive_loss: f64,
}

impl Tally {
    /// Claims over which the means are taken, with exponential forgetting.
    const MEMORY: u64 = 1_000;

    fn take(&mut self, held80: f64, held95: f64, loss: f64, naive_loss: f64) {
        self.scored += 1;
        let rate = 1.0 / self.scored.min(Self::MEMORY) as f64;
        self.held80 += rate * (held80 - self.held80);
        self.held95 += rate * (held95 - self.held95);
        self.loss += rate * (loss - self.loss);
        self.naive_loss += rate * (naive_loss - self.naive_loss);
    }
}

/// The words for the sorts of claims.
const SORTS: [&str; 6] = ["value", "crosses", "changes", "undone", "moves", "follows"];

/// Place of what changes move among them.
const MOVES: u8 = 4;

/// Distances that records are kept by: claims made up to so long before they were due.
const AHEAD: [Span; 8] = [
    Span::from_mins(1),
    Span::from_mins(10),
    Span::from_hours(1),
    Span::from_hours(6),
    Span::from_days(1),
    Span::from_days(7),
    Span::from_days(14),
    Span::from_days(90),
];

fn ahead(prediction: &Prediction) -> u8 {
    let span = prediction.due - prediction.made_at;
    AHEAD.iter().position(|most| span <= *most).unwrap_or(AHEAD.len() - 1) as u8
}

fn sort(claim: &Claim) -> Sort {
    match claim {
        Claim::Value(_) => (0, 0),
        Claim::Crosses { limit, side, .. } => (1, limit.to_bits().rotate_left(1) ^ *side as u64),
        Claim::Changes(_) => (2, 0),
        Claim::Undone { .. } => (3, 0),
        Claim::Moves { .. } => (MOVES, 0),
        Claim::Follows(_) => (5, 0),
    }
}

/// Standard normal scores of the ends of an 80 % and a 95 % interval.
const OUTER: [f64; 2] = [1.281_552, 1.959_964];

/// Whether a move that was measured with an error lies within `z` standard deviations of the one promised (10, 50 and 90 %).
fn kept(by: &[f64; 3], (got, error): (f64, f64), z: f64) -> bool {
    let far = |end: f64| ((end - by[1]) * z / OUTER[0]).hypot(z * error);
    (by[1] - far(by[0])..=by[1] + far(by[2])).contains(&got)
}

/// How long after its due time a value claim can still be scored: two minutes, or a tenth of how far ahead it was made.
fn patience(prediction: &Prediction) -> Span {
    Span((prediction.due - prediction.made_at).0 / 10).max(Span::from_mins(2))
}

/// Pinball loss of a distribution, averaged over the levels (Koenker & Bassett 1978).
fn pinball(quantiles: &Quantiles, value: f64) -> f64 {
    let loss = |(level, quantile): (&f64, &f64)| {
        // Far from the ends of the number range, so that sums stay finite.
        let off = value.clamp(-1e300, 1e300) - quantile.clamp(-1e300, 1e300);
        (level * off).max((level - 1.0) * off)
    };
    LEVELS.iter().zip(&quantiles.0).map(loss).sum::<f64>() / LEVELS.len() as f64
}

impl Ledger {
    /// Most predictions that wait; the ones due last are not taken when it is full.
    pub const MOST_OPEN: usize = 50_000;

    /// Notes a prediction. Per series and sort of claim at most one is open for one due time.
    ///
    /// The first one stays: a claim is not bettered after the fact. A claim that is due before it is made is not taken.
    pub fn predict(&mut self, prediction: Prediction) {
        let sort = sort(&prediction.claim);
        let key = (prediction.due, prediction.series.clone(), sort);
        if prediction.due <= prediction.made_at || self.due.contains(&key) {
            return;
        }
        if self.due.len() >= Self::MOST_OPEN {
            let Some(last) = self.due.last().filter(|last| **last > key).cloned() else {
                return;
            };
            self.close(&last);
        }
        let naive = self.newest.get(&prediction.series).map(|point| point.value);
        let series = self.open.entry(prediction.series.clone()).or_default();
        series.insert((prediction.due, sort), Waiting { prediction, naive });
        self.due.insert(key);
    }

    /// Takes a value; scores what was predicted for it or before it.
    ///
    /// A value claim is scored with the first value at or soon after its due time; a crossing with the first value beyond the limit.
    pub fn observe(&mut self, id: &SeriesId, point: Point) -> Vec<Scored> {
        // Late values are known already; much older ones mean that the clock was set back.
        let late = |newest: &Point| point.at <= newest.at && newest.at - point.at < Span::from_hours(1);
        if !point.value.is_finite() {
            return Vec::new();
        }
        match self.newest.get_mut(id) {
            Some(newest) if late(newest) => return Vec::new(),
            Some(newest) => *newest = point,
            None => drop(self.newest.insert(id.clone(), point)),
        }
        let due = |waiting: &Waiting| match &waiting.prediction.claim {
            Claim::Value(_) => {
                let late = point.at - waiting.prediction.due;
                (late >= Span::ZERO && late <= patience(&waiting.prediction)).then_some(point.value)
            }
            Claim::Crosses { limit, side, .. } => {
                let beyond = match side {
                    Side::Above => point.value > *limit,
                    Side::Below => point.value < *limit,
                };
                let passed = beyond && point.at >= waiting.prediction.made_at;
                if point.at > waiting.prediction.due {
                    Some(0.0)
                } else {
                    passed.then_some(1.0)
                }
            }
            Claim::Changes(_) | Claim::Follows(_) | Claim::Undone { .. } | Claim::Moves { .. } => None,
        };
        self.score_where(id, point.at, due)
    }

    /// Takes a change of a setting; scores claims that it fulfils.
    pub fn changed(&mut self, change: &SettingChange) -> Vec<Scored> {
        let fulfils = |waiting: &Waiting| {
            let prediction = &waiting.prediction;
            if change.at <= prediction.made_at || change.at > prediction.due {
                return None;
            }
            match &prediction.claim {
                Claim::Changes(_) | Claim::Follows(_) => Some(1.0),
                Claim::Undone { to, .. } => (*to == change.to).then_some(1.0),
                Claim::Value(_) | Claim::Crosses { .. } | Claim::Moves { .. } => None,
            }
        };
        self.score_where(&change.id, change.at, fulfils)
    }

    /// Scores claims that were due before `now` and did not come true; drops value claims that no value came for. Claims of what a
    /// change moves wait for [`Self::verify`].
    pub fn settle(&mut self, now: Timestamp) -> Vec<Scored> {
        let over = self.over(now, |sort| sort != MOVES);
        let mut scored = Vec::new();
        for key in over {
            // A value may be read a little after its time.
            let waits = |waiting: &Waiting| {
                matches!(waiting.prediction.claim, Claim::Value(_)) && now - key.0 <= patience(&waiting.prediction)
            };
            if self
                .open
                .get(&key.1)
                .and_then(|series| series.get(&(key.0, key.2)))
                .is_some_and(waits)
            {
                continue;
            }
            if let Some(waiting) = self.close(&key)
                && !matches!(waiting.prediction.claim, Claim::Value(_))
            {
                scored.push(self.score(waiting, now, (0.0, 0.0)));
            }
        }
        scored
    }

    fn over(&self, now: Timestamp, of: impl Fn(u8) -> bool) -> Vec<(Timestamp, SeriesId, Sort)> {
        let over = self.due.iter().take_while(|(due, ..)| *due < now);
        over.filter(|(_, _, (sort, _))| of(*sort)).cloned().collect()
    }

    /// Scores what changes were said to move, where that was due before `now`. `measured` gives how far the series of a prediction moved,
    /// and the standard error of that; what could not be measured is dropped.
    ///
    /// A measured move is held against what was promised and the error of measuring together: both are taken as normal.
    pub fn verify(&mut self, now: Timestamp, measured: impl Fn(&Prediction) -> Option<(f64, f64)>) -> Vec<Scored> {
        let mut scored = Vec::new();
        for key in self.over(now, |sort| sort == MOVES) {
            let Some(waiting) = self.close(&key) else { continue };
            if let Some(measured) = measured(&waiting.prediction) {
                scored.push(self.score(waiting, now, measured));
            }
        }
        scored
    }

    fn close(&mut self, key: &(Timestamp, SeriesId, Sort)) -> Option<Waiting> {
        self.due.remove(key);
        let series = self.open.get_mut(&key.1)?;
        let waiting = series.remove(&(key.0, key.2));
        if series.is_empty() {
            self.open.remove(&key.1);
        }
        waiting
    }

    fn score_where(&mut self, id: &SeriesId, at: Timestamp, outcome: impl Fn(&Waiting) -> Option<f64>) -> Vec<Scored> {
        let Some(series) = self.open.get(id) else {
            return Vec::new();
        };
        let ready: Vec<_> = series
            .iter()
            .filter_map(|(key, waiting)| Some((*key, outcome(waiting)?)))
            .collect();
        let mut scored = Vec::with_capacity(ready.len());
        for ((due, sort), outcome) in ready {
            if let Some(waiting) = self.close(&(due, id.clone(), sort)) {
                scored.push(self.score(waiting, at, (outcome, 0.0)));
            }
        }
        scored
    }

    /// Scores by what came, and the standard error of that where it had to be measured.
    fn score(&mut self, waiting: Waiting, at: Timestamp, (outcome, error): (f64, f64)) -> Scored {
        let Waiting { prediction, naive } = waiting;
        let sort = sort(&prediction.claim).0;
        let tally = self.records.entry((sort, ahead(&prediction))).or_default();
        let (held80, held95, loss, naive_loss) = match &prediction.claim {
            Claim::Value(quantiles) => {
                let inside = |(lo, hi): (f64, f64)| f64::from(u8::from((lo..=hi).contains(&outcome)));
                let naive = naive.map_or(f64::NAN, |naive| pinball(&Quantiles::certain(naive), outcome));
                let loss = pinball(quantiles, outcome);
                // Without a value to stay at there is nothing to beat.
                let naive = if naive.is_finite() { naive } else { loss };
                (inside(quantiles.band80()), inside(quantiles.band95()), loss, naive)
            }
            Claim::Moves { by, .. } => {
                let [inside80, inside95] = OUTER.map(|z| f64::from(u8::from(kept(by, (outcome, error), z))));
                (inside80, inside95, (outcome - by[1]).abs(), outcome.abs())
            }
            Claim::Crosses { probability, .. }
            | Claim::Changes(probability)
            | Claim::Follows(probability)
            | Claim::Undone { probability, .. } => {
                // The base rate before this one, with one of each sort assumed (Laplace).
                let seen = tally.scored as f64;
                let base = (tally.held80 * seen + 1.0) / (seen + 2.0);
                (
                    outcome,
                    *probability,
                    (probability - outcome).powi(2),
                    (base - outcome).powi(2),
                )
            }
        };
        tally.take(held80, held95, loss, naive_loss);
        if let Claim::Crosses {
            at: Some((from, to)), ..
        } = &prediction.claim
        {
            let (inside, all) = self.crossings.entry(prediction.series.clone()).or_default();
            *all += 1;
            *inside += u64::from(outcome > 0.0 && (*from..=*to).contains(&at));
        }
        Scored {
            prediction,
            at,
            outcome,
            loss,
            naive_loss,
        }
    }

    /// The track record by sort of claim and distance.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.records
            .iter()
            .map(|((sort, ahead), tally)| Record {
                sort: SORTS[usize::from(*sort)].into(),
                ahead: AHEAD[usize::from(*ahead)],
                scored: tally.scored,
                held80: tally.held80,
                held95: tally.held95,
                loss: tally.loss,
                naive_loss: tally.naive_loss,
            })
            .collect()
    }

    /// Of the crossings predicted for `id`: those that came inside their 80 % interval, and all that came due.
    #[must_use]
    pub fn crossings(&self, id: &SeriesId) -> (u64, u64) {
        self.crossings.get(id).copied().unwrap_or_default()
    }

    /// Predictions that wait.
    #[must_use]
    pub fn open(&self) -> usize {
        self.due.len()
    }
}

#[cfg(test)]
mod tests;
