//! Temperatures of the sensors that `sysinfo` knows.

use std::{collections::BTreeMap, path::Path};

use sysinfo::Components;

use super::{
    Host, ObserveError, Source,
    meter::{Channel, Origin, Sort},
};
use crate::domain::{Batch, Span, Timestamp, Unit};

/// Reads the temperature sensors of this machine; a copied file tree has none.
pub(super) struct Temperatures {
    here: bool,
    origin: Origin,
    sensors: Option<Components>,
    channels: BTreeMap<String, Channel>,
}

impl Temperatures {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            here: host.root == Path::new("/"),
            origin: Origin::new(host, "temperature", Span::from_secs(10).max(host.interval)),
            sensors: None,
            channels: BTreeMap::new(),
        }
    }

    /// Tells the sensors by label; a label that comes again gets a number, in the order of the system.
    fn tell<'a>(&mut self, now: Timestamp, sensors: impl Iterator<Item = (&'a str, f32)>, out: &mut Batch) {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for (label, celsius) in sensors {
            let count = seen.entry(label).or_default();
            *count += 1;
            let name = match *count {
                1 => format!("temp.{label}"),
                number => format!("temp.{label}#{number}"),
            };
            let origin = &self.origin;
            self.channels
                .entry(name)
                .or_insert_with_key(|name| origin.channel(name, Sort::Gauge(Unit::Celsius)))
                .tell(now, f64::from(celsius), out);
        }
    }
}

fn absent() -> ObserveError {
    ObserveError::Absent {
        what: "a temperature sensor".into(),
    }
}

impl Source for Temperatures {
    fn name(&self) -> &'static str {
        "temperature"
    }

    fn every(&self) -> Span {
        self.origin.cadence
    }

    fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        if !self.here {
            return Err(absent());
        }
        let sensors = match self.sensors.take() {
            Some(mut sensors) => {
                sensors.refresh(false);
                sensors
            }
            None => Components::new_with_refreshed_list().map_err(|_| absent())?,
        };
        let read: Vec<(&str, f32)> = sensors
            .iter()
            .filter_map(|s| Some((s.label(), s.temperature()?)))
            .collect();
        if read.is_empty() {
            return Err(absent());
        }
        self.tell(now, read.into_iter(), out);
        self.sensors = Some(sensors);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    #[test]
    fn sensors_of_one_label_stay_apart() {
        let tree = Tree::new();
        let mut source = Temperatures::new(&tree.host());
        assert!(matches!(tree.read(&mut source, 0), Err(ObserveError::Absent { .. })));
        let mut out = Batch::default();
        source.tell(
            Timestamp(0),
            [("Core 0", 41.5), ("Core 0", 43.0), ("bad", f32::NAN)].into_iter(),
            &mut out,
        );
        assert_eq!(value(&out, "temp.Core 0"), Some(41.5));
        assert_eq!(value(&out, "temp.Core 0#2"), Some(43.0));
        assert_eq!(value(&out, "temp.bad"), None);
    }
}
