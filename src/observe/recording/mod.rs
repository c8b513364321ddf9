//! Recordings: what every source said, step by step, in a file that another console can play.
//!
//! JSON lines, gzip-compressed. The first line is the [`Header`]; each further line is one step: what came, and when it was taken.
//! Metrics are numbered in the order in which they were first told of, and values name them by number.

mod known;
mod names;
mod read;
mod redact;
#[cfg(test)]
mod tests;
mod write;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

pub use read::Recording;
pub use redact::Redaction;
pub use write::Recorder;

use crate::domain::{
    Archive, Batch, Event, MetricMeta, Observation, Point, ResourceId, SeriesId, SettingChange, SettingSnapshot, Span,
    Timestamp,
};

/// The version of the format that is written. Version 1 had no archives, and did not say what was told of later; it is read as it was
/// meant. Newer ones are refused.
pub const VERSION: u32 = 2;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the format.
    pub foreshadow_recording: u32,
    /// The version of the program that wrote it.
    pub program: Arc<str>,
    /// What is recorded.
    pub resources: Vec<ResourceId>,
    /// When the recording began.
    pub from: Timestamp,
    /// Time between two readings of the metrics.
    pub interval: Span,
    /// Whether names and texts were taken out.
    pub redacted: bool,
}

/// Why a recording cannot be written or played.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be opened, read or written.
    #[error("{file}: {source}", file = file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{file}:{line}: {why}", file = file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Its line, from 1, after decompression.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A newer program wrote it.
    #[error("{file}: written by foreshadow {program} in format {version}; this program plays formats up to {VERSION}", file = file.display())]
    Newer {
        /// The file.
        file: PathBuf,
        /// The program that wrote it.
        program: String,
        /// Its format.
        version: u64,
    },
}

/// The number of a metric, and a value of it.
type Numbered = (u32, Option<f64>);

/// One step of a recording as it stands in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    now: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<MetricMeta>,
    /// Values by time: microseconds from `now`, then number of the metric and value; `null` is NaN or an infinity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<(i64, Vec<Numbered>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    snapshots: Vec<SettingSnapshot>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<SettingChange>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    past: Vec<SettingChange>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    archives: Vec<Archive>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<Event>,
}

/// The metrics of a recording by number. Both sides count the same way.
#[derive(Debug, Default)]
struct Numbers {
    ids: Vec<SeriesId>,
    of: BTreeMap<SeriesId, u32>,
}

impl Numbers {
    fn learn(&mut self, metrics: &[MetricMeta]) {
        for meta in metrics {
            if !self.of.contains_key(&meta.id) {
                self.of.insert(meta.id.clone(), self.ids.len() as u32);
                self.ids.push(meta.id.clone());
            }
        }
    }

    /// A batch as a line. Values of metrics that no source told of are left out: nothing takes them.
    fn line(&mut self, batch: Batch, now: Timestamp) -> Line {
        self.learn(&batch.metrics);
        let mut values: Vec<(i64, Vec<Numbered>)> = Vec::new();
        for Observation { id, point } in &batch.observations {
            let Some(number) = self.of.get(id) else { continue };
            let after = (point.at - now).0;
            let value = (*number, Some(point.value).filter(|value| value.is_finite()));
            match values.last_mut() {
                Some((at, group)) if *at == after => group.push(value),
                _ => values.push((after, vec![value])),
            }
        }
        Line {
            now,
            metrics: batch.metrics,
            values,
            snapshots: batch.snapshots,
            changes: batch.changes,
            past: batch.past,
            archives: batch.archives,
            events: batch.events,
        }
    }

    fn batch(&mut self, line: Line) -> Result<Batch, String> {
        self.learn(&line.metrics);
        let mut observations = Vec::with_capacity(line.values.iter().map(|(_, group)| group.len()).sum());
        for (after, group) in line.values {
            let at = Timestamp(line.now.0.saturating_add(after));
            for (number, value) in group {
                let id = self
                    .ids
                    .get(number as usize)
                    .ok_or_else(|| format!("no metric has the number {number} yet"))?;
                observations.push(Observation {
                    id: id.clone(),
                    point: Point {
                        at,
                        value: value.unwrap_or(f64::NAN),
                    },
                });
            }
        }
        Ok(Batch {
            metrics: line.metrics,
            observations,
            snapshots: line.snapshots,
            changes: line.changes,
            past: line.past,
            archives: line.archives,
            events: line.events,
        })
    }
}
