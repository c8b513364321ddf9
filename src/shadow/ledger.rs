//! The ledger: every prediction shown is scored when its time has come.

use serde::{Deserialize, Serialize};

use crate::domain::{Point, Prediction, Record, Scored, SeriesId, SettingChange, Timestamp};

/// Predictions that wait for their time, and the track record of those whose time came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {}

impl Ledger {
    /// Notes a prediction. Per series and sort of claim at most one is open for one due time.
    pub fn predict(&mut self, prediction: Prediction) {
        let _ = prediction;
        todo!()
    }

    /// Takes a value; scores what was predicted for it or before it.
    pub fn observe(&mut self, id: &SeriesId, point: Point) -> Vec<Scored> {
        let _ = (id, point);
        todo!()
    }

    /// Takes a change of a setting; scores claims that it fulfils.
    pub fn changed(&mut self, change: &SettingChange) -> Vec<Scored> {
        let _ = change;
        todo!()
    }

    /// Scores claims that were due before `now` and did not come true; drops value claims that no value came for.
    pub fn settle(&mut self, now: Timestamp) -> Vec<Scored> {
        let _ = now;
        todo!()
    }

    /// The track record by sort of claim and distance.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        todo!()
    }

    /// Of the crossings predicted for `id`: those that came inside their 80 % interval, and all that came due.
    #[must_use]
    pub fn crossings(&self, id: &SeriesId) -> (u64, u64) {
        let _ = id;
        todo!()
    }

    /// Predictions that wait.
    #[must_use]
    pub fn open(&self) -> usize {
        todo!()
    }
}
