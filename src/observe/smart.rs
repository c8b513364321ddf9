//! The health of disks as they see it themselves: `smartctl`.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use super::{
    Host, ObserveError, Source,
    child::{ask, lacking},
    file::failed,
    meter::{COUNT, Channel, Origin, Sort},
    scope::{Scope, Sheet},
};
use crate::domain::{Batch, Span, Timestamp, Unit, Value, text::visible};

/// Time between two readings.
const EVERY: Span = Span::from_mins(30);
/// Most disks that are asked.
const MOST: usize = 32;

/// What is told of a disk: the last part of the metric's name, where it stands in the answer, and what it counts.
const NUMBERS: [(&str, &str, Sort); 6] = [
    ("temperature", "/temperature/current", Sort::Gauge(Unit::Celsius)),
    ("power_on_hours", "/power_on_time/hours", COUNT),
    (
        "wear_pct",
        "/nvme_smart_health_information_log/percentage_used",
        Sort::Percent,
    ),
    (
        "spare_pct",
        "/nvme_smart_health_information_log/available_spare",
        Sort::Percent,
    ),
    ("media_errors", "/nvme_smart_health_information_log/media_errors", COUNT),
    (
        "critical_warnings",
        "/nvme_smart_health_information_log/critical_warning",
        COUNT,
    ),
];
/// The same for attributes of ATA disks, by number.
const ATTRIBUTES: [(&str, u64); 5] = [
    ("reallocated", 5),
    ("reported_uncorrectable", 187),
    ("pending", 197),
    ("offline_uncorrectable", 198),
    ("crc_errors", 199),
];

/// Asks each disk for its health.
pub(super) struct Smart {
    root: PathBuf,
    origin: Origin,
    scope: Scope,
    channels: BTreeMap<String, Channel>,
}

impl Smart {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            root: host.root.clone(),
            origin: Origin::new(host, "smart", EVERY.max(host.settings_interval)),
            scope: Scope::new(host, "smart"),
            channels: BTreeMap::new(),
        }
    }

    /// Disks with a device behind them; virtual ones have no health.
    fn disks(&self) -> Result<Vec<String>, ObserveError> {
        let folder = self.root.join("sys/block");
        let entries = fs::read_dir(&folder).map_err(|source| failed(&folder, source))?;
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut disks: Vec<String> = names
            .filter(|name| ["sd", "nvme", "hd"].iter().any(|kind| name.starts_with(kind)))
            .take(MOST)
            .collect();
        disks.sort();
        Ok(disks)
    }

    fn tell(&mut self, now: Timestamp, disk: &str, answer: &Json, sheet: &mut Sheet, out: &mut Batch) {
        let numbers = NUMBERS
            .iter()
            .map(|(name, path, sort)| (*name, answer.pointer(path).and_then(Json::as_f64), *sort));
        let table = answer.pointer("/ata_smart_attributes/table").and_then(Json::as_array);
        let attributes = ATTRIBUTES.iter().map(|(name, number)| {
            let own = table.and_then(|table| {
                let row = table
                    .iter()
                    .find(|row| row.get("id").and_then(Json::as_u64) == Some(*number))?;
                row.pointer("/raw/value")?.as_f64()
            });
            (*name, own, COUNT)
        });
        for (name, number, sort) in numbers.chain(attributes) {
            if let Some(number) = number {
                let full = format!("disk.{disk}.smart.{name}");
                let channel = self
                    .channels
                    .entry(full.clone())
                    .or_insert_with(|| self.origin.channel(&full, sort));
                channel.tell(now, number, out);
            }
        }
        for (what, path) in [
            ("model", "/model_name"),
            ("serial", "/serial_number"),
            ("firmware", "/firmware_version"),
        ] {
            if let Some(text) = answer.pointer(path).and_then(Json::as_str) {
                sheet.put(&format!("{disk}:{what}"), Value::text(text));
            }
        }
        if let Some(passed) = answer.pointer("/smart_status/passed").and_then(Json::as_bool) {
            sheet.put(&format!("{disk}:passed"), Value::Bool(passed));
        }
    }
}

impl Source for Smart {
    fn name(&self) -> &'static str {
        "smart"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let disks = if self.root == Path::new("/") {
            self.disks()?
        } else {
            Vec::new()
        };
        if disks.is_empty() {
            return Err(ObserveError::Absent {
                what: "a disk that knows its health".into(),
            });
        }
        let mut sheet = self.scope.sheet();
        let mut refused = None;
        for disk in disks {
            // A disk that sleeps is left asleep; the answer then has no numbers.
            let answer = ask(
                "smartctl",
                &[
                    "--json=c",
                    "--nocheck=standby",
                    "-i",
                    "-H",
                    "-A",
                    &format!("/dev/{disk}"),
                ],
            )?;
            let answer: Json = serde_json::from_slice(&answer).map_err(|why| ObserveError::Malformed {
                what: "smartctl".into(),
                why: why.to_string(),
            })?;
            refused = refusal(&answer).or(refused);
            self.tell(now, &disk, &answer, &mut sheet, out);
        }
        self.scope.tell(now, sheet, out);
        match refused {
            Some(source) => Err(ObserveError::Partly {
                what: "smartctl".into(),
                why: lacking(source, "CAP_SYS_RAWIO and the disks' devices").to_string(),
            }),
            None => Ok(()),
        }
    }
}

/// What the program says when it could not open a disk or speak to it (bits 1 and 2 of its exit status, smartctl(8)).
fn refusal(answer: &Json) -> Option<io::Error> {
    let status = answer.pointer("/smartctl/exit_status").and_then(Json::as_u64)?;
    let said = answer.pointer("/smartctl/messages/0/string").and_then(Json::as_str)?;
    let said: String = visible(said).chars().take(200).collect();
    (status & 0b110 != 0).then(|| io::Error::other(said))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    #[test]
    fn health_of_both_kinds_of_disks() {
        let mut source = Smart::new(&Tree::new().host());
        let mut out = Batch::default();
        let mut sheet = source.scope.sheet();
        for (disk, text) in [
            (
                "sda",
                r#"{"model_name":"X","smart_status":{"passed":true},"temperature":{"current":31},
                "ata_smart_attributes":{"table":[{"id":5,"raw":{"value":8}},{"id":197,"raw":{}},{}]}}"#,
            ),
            (
                "nvme0n1",
                r#"{"nvme_smart_health_information_log":{"percentage_used":7,"media_errors":0}}"#,
            ),
            ("sdb", "[]"),
        ] {
            source.tell(
                Timestamp(0),
                disk,
                &serde_json::from_str(text).unwrap(),
                &mut sheet,
                &mut out,
            );
        }
        assert_eq!(value(&out, "disk.sda.smart.reallocated"), Some(8.0));
        assert_eq!(value(&out, "disk.sda.smart.temperature"), Some(31.0));
        assert_eq!(value(&out, "disk.sda.smart.pending"), None);
        assert_eq!(value(&out, "disk.nvme0n1.smart.wear_pct"), Some(7.0));
        assert_eq!(sheet.len(), 2);
    }

    #[test]
    fn a_disk_that_may_not_be_asked_says_why() {
        let answer = |status: u64| {
            serde_json::json!({"smartctl": {"exit_status": status, "messages": [
                {"string": "Smartctl open device: /dev/sda failed: Operation not permitted\u{1b}", "severity": "error"}]}})
        };
        let why = lacking(refusal(&answer(2)).unwrap(), "X").to_string();
        assert!(
            why.ends_with("not permitted\\u{1b} (needs X; see contrib/foreshadow.service)"),
            "{why}"
        );
        // Bits further up speak of the disk's health.
        assert!(refusal(&answer(64)).is_none());
        assert!(refusal(&serde_json::json!([])).is_none());
    }

    #[test]
    fn a_host_without_such_disks() {
        let tree = Tree::new();
        let mut source = Smart::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
    }
}
